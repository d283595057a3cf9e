"""engine/layers/translating.py: against its equations in numpy, place by place."""

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.data.pairs import BEGIN, END, PAD, SPECIAL, UNKNOWN, PairData, Part, padded
from engine.family import TrainKnobs
from engine.layers import translating
from engine.layers.blocks import norm
from engine.layers.translating import (
    ALIKE,
    Cache,
    Decoder,
    Encoder,
    Memory,
    Pairs,
    TranslatorKnobs,
    Way,
    Written,
    as_batch,
    begun,
    ended,
    held_out,
    one_after_the_other,
    sources_of,
)
from tests.engine.small import pair_data, randomise

NET = TranslatorKnobs(layers=2, heads=2, head_width=4)
SOURCE, TARGET = SPECIAL + 6, SPECIAL + 7  # tokens of the two sides
SOURCES = torch.tensor([[5, 6, 7, 8, 9], [10, 9, 8, PAD, PAD]])
TARGETS = torch.tensor([[5, 6, 7, PAD], [8, 9, 10, 11]])

both_kinds = pytest.mark.parametrize("causal", [True, False])


def network(causal: bool) -> tuple[Encoder, Decoder]:
    """An encoder and a decoder whose every weight counts (fresh ones have zeros)."""
    encoder, decoder = Encoder(NET, SOURCE, 5), Decoder(NET, TARGET, 6, causal)
    randomise(encoder, 1)
    randomise(decoder, 2)
    return encoder.eval().requires_grad_(False), decoder.eval().requires_grad_(False)


def read(encoder: Encoder, decoder: Decoder, sources: Tensor) -> Memory:
    return decoder.read(encoder(sources), sources)


# --- the equations in numpy


def normalised(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def attended(w: Any, name: str, query: Any, others: list[Any]) -> tuple[Any, Any]:
    """What one vector gathers from `others`, and the weights (H, len(others))."""
    size, width = NET.head_width, NET.width
    q = w[f"{name}.query.weight"] @ query
    keys_values = [w[f"{name}.key_value.weight"] @ other for other in others]
    gathered, weights = np.zeros(width), []
    for head in range(NET.heads):
        part = slice(head * size, (head + 1) * size)
        behind = slice(width + head * size, width + (head + 1) * size)
        scores = np.exp([q[part] @ each[part] / math.sqrt(size) for each in keys_values])
        a = scores / scores.sum()
        weights.append(a)
        gathered[part] = sum(share * kv[behind] for share, kv in zip(a, keys_values, strict=True))
    return w[f"{name}.out.weight"] @ gathered, np.stack(weights)


def of_itself(w: Any, name: str, x: Any) -> Any:
    return w[f"{name}.down.weight"] @ np.maximum(w[f"{name}.up.weight"] @ normalised(x), 0.0) ** 2


def weights_of(module: nn.Module) -> dict[str, Any]:
    return {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}


def encoded(encoder: Encoder, source: list[int]) -> list[Any]:
    w = weights_of(encoder)
    x = [w["embed.token.weight"][each] + w["embed.place"][i] for i, each in enumerate(source)]
    for layer in range(NET.layers):
        n = [normalised(each) for each in x]
        x = [each + attended(w, f"blocks.{layer}.own", n[i], n)[0] for i, each in enumerate(x)]
        x = [each + of_itself(w, f"blocks.{layer}.mlp", each) for each in x]
    return [normalised(each) for each in x]


def decoded(decoder: Decoder, memory: list[Any], tokens: list[int]) -> tuple[Any, Any]:
    """Logits (T, tokens), and the weights of the cross-attention (layers, H, T, S)."""
    w = weights_of(decoder)
    x = [w["embed.token.weight"][each] + w["embed.place"][i] for i, each in enumerate(tokens)]
    every = []
    for layer in range(NET.layers):
        n = [normalised(each) for each in x]
        name = f"blocks.{layer}"
        x = [
            each + attended(w, f"{name}.own", n[i], n[: i + 1] if decoder.causal else n)[0]
            for i, each in enumerate(x)
        ]
        crossed = [attended(w, f"{name}.cross", normalised(each), memory) for each in x]
        every.append(np.stack([a for _, a in crossed], axis=1))
        x = [each + gathered for each, (gathered, _) in zip(x, crossed, strict=True)]
        x = [each + of_itself(w, f"{name}.mlp", each) for each in x]
    return np.stack([w["head.weight"] @ normalised(each) for each in x]), np.stack(every)


@both_kinds
def test_the_network_is_its_equations(causal: bool) -> None:
    encoder, decoder = network(causal)
    memory = read(encoder, decoder, SOURCES)
    logits = decoder(TARGETS, memory)
    crossed = decoder.cross_attention(TARGETS, memory)
    for row in (0, 1):
        source = [each for each in SOURCES[row].tolist() if each != PAD]
        target = [each for each in TARGETS[row].tolist() if each != PAD]
        wanted, weights = decoded(decoder, encoded(encoder, source), target)
        assert np.ptp(wanted) > 1.0
        np.testing.assert_allclose(logits[row, : len(target)], wanted, rtol=1e-3, atol=1e-4)
        found = crossed[:, row, :, : len(target)]
        np.testing.assert_allclose(found[..., : len(source)], weights, rtol=1e-3, atol=1e-4)
        assert not found[..., len(source) :].any()


@both_kinds
def test_padding_changes_nothing(causal: bool) -> None:
    encoder, decoder = network(causal)
    together = decoder(TARGETS, read(encoder, decoder, SOURCES))
    for row in (0, 1):
        source = SOURCES[row : row + 1][:, SOURCES[row] != PAD]
        target = TARGETS[row : row + 1][:, TARGETS[row] != PAD]
        alone = decoder(target, read(encoder, decoder, source))
        torch.testing.assert_close(together[row : row + 1, : target.shape[1]], alone)


def gradients(decoder: Decoder, memory: Memory) -> Tensor:
    """(T, T): the largest gradient of the logits at place i with respect to the vector at j."""
    x = decoder.embed(TARGETS[1:]).requires_grad_()
    logits = decoder.run(x, memory)[0]
    rows = [torch.autograd.grad(each.sum(), x, retain_graph=True)[0][0] for each in logits]
    return torch.stack(rows).abs().amax(-1)


@both_kinds
def test_a_causal_decoder_sees_nothing_of_what_comes_later(causal: bool) -> None:
    encoder, decoder = network(causal)
    memory = read(encoder, decoder, SOURCES[1:])
    found = gradients(decoder, memory)
    later = torch.ones_like(found).triu(1).bool()
    assert (found[~later] > 1e-4).all()
    assert not found[later].any() if causal else (found[later] > 1e-4).all()
    shown = translating.dependence(decoder, memory, TARGETS[1:])
    assert torch.equal(shown > 0, found > 0)
    assert not shown.requires_grad


@pytest.mark.parametrize("parts", [(1, 1, 1, 1), (3, 1), (1, 2, 1), (4,)])
def test_the_cache_gives_the_same(parts: tuple[int, ...]) -> None:
    encoder, decoder = network(causal=True)
    tokens = torch.tensor([[5, 6, 7, 8], [8, 9, 10, 11]])
    memory = read(encoder, decoder, SOURCES)
    wanted = decoder(tokens, memory)
    cache = Cache(len(decoder.embed.place))
    found = [decoder(part, memory, cache) for part in torch.split(tokens, list(parts), dim=1)]
    torch.testing.assert_close(torch.cat(found, 1), wanted, rtol=0, atol=1e-5)
    assert cache.length == 4


def test_rows_of_a_cache_and_a_memory_can_be_taken_and_repeated() -> None:
    encoder, decoder = network(causal=True)
    which = torch.tensor([1, 0, 1])
    memory, cache = read(encoder, decoder, SOURCES), Cache(6)
    decoder(TARGETS[:, :2], memory, cache)
    cache.rows(which)
    new = torch.tensor([[9], [7], [11]])
    found = decoder(new, memory.rows(which), cache)
    tokens = torch.cat([TARGETS[which][:, :2], new], 1)
    wanted = decoder(tokens, read(encoder, decoder, SOURCES[which]))[:, -1:]
    torch.testing.assert_close(found, wanted)


def test_a_memory_without_padding_has_no_mask() -> None:
    encoder, decoder = network(causal=True)
    memory = read(encoder, decoder, SOURCES[:1])
    assert memory.seen is None
    assert memory.rows(torch.tensor([0, 0])).seen is None
    seen = read(encoder, decoder, SOURCES).seen
    assert seen is not None
    assert seen[:, 0, 0].tolist() == [[True] * 5, [True] * 3 + [False] * 2]


def test_a_new_network_says_nothing_and_a_new_block_changes_nothing() -> None:
    encoder, decoder = Encoder(NET, SOURCE, 5), Decoder(NET, TARGET, 6, causal=True)
    torch.testing.assert_close(encoder(SOURCES), norm(encoder.embed(SOURCES)), rtol=0, atol=0)
    assert not decoder(TARGETS, read(encoder, decoder, SOURCES)).any()


def test_dropout_leaves_out_while_it_learns_alone() -> None:
    torch.manual_seed(0)
    net = dataclasses.replace(NET, dropout=0.5)
    encoder = Encoder(net, SOURCE, 5)
    randomise(encoder)
    assert not torch.equal(encoder(SOURCES), encoder(SOURCES))
    encoder.eval()
    assert torch.equal(encoder(SOURCES), encoder(SOURCES))


# --- what is read and said


def test_what_is_read_begins_and_what_is_said_ends() -> None:
    assert begun(TARGETS).tolist() == [[BEGIN, 5, 6, 7, PAD], [BEGIN, 8, 9, 10, 11]]
    assert ended(TARGETS).tolist() == [[5, 6, 7, END, PAD], [8, 9, 10, 11, END]]


def test_the_loss_is_of_each_token_given_those_before() -> None:
    encoder, decoder = network(causal=True)
    memory = read(encoder, decoder, SOURCES)
    found = one_after_the_other(decoder, memory, TARGETS)
    nats = []
    for row in (0, 1):
        target = [each for each in TARGETS[row].tolist() if each != PAD]
        for place, token in enumerate([*target, END]):
            before = torch.tensor([[BEGIN, *target[:place]]])
            logits = decoder(before, memory.rows(torch.tensor([row])))[0, -1]
            nats.append(-float(logits.log_softmax(-1)[token]))
    assert len(nats) == 4 + 5
    assert float(found) == pytest.approx(np.mean(nats), rel=1e-5)


def test_how_much_a_linear_map_depends_on_each_place() -> None:
    random = torch.Generator().manual_seed(3)
    mix, out = torch.randn(4, 4, generator=random), torch.randn(6, 3, generator=random)
    x = torch.randn(1, 4, 3, generator=random)
    found = translating.sensitivity(x, lambda x: torch.einsum("ij,bjc,vc->biv", mix, x, out))
    # Everywhere the same vector, times what place i takes of place j.
    torch.testing.assert_close(found / found[0, 0], mix.abs() / mix[0, 0].abs())
    assert float(found[0, 0]) > 0


# --- data


def test_rows_are_cut_to_the_longest_among_them() -> None:
    part = Part(padded([[5, 6], [7]], 6), padded([[5], [6, 7, 8]], 9))
    pairs = as_batch(*part)
    assert pairs.sources.tolist() == [[5, 6], [7, PAD]]
    assert pairs.targets.tolist() == [[5, PAD, PAD], [6, 7, 8]]
    assert pairs.sources.dtype == torch.int64
    assert as_batch(padded([[]], 3), padded([[]], 3)).sources.shape == (1, 1)


def drawn(data: PairData, size: int, count: int, seed: int = 0, **more: Any) -> list[Pairs]:
    random = torch.Generator().manual_seed(seed)
    train: Any = SimpleNamespace(batch=size, **more)
    return [translating.batch(data, NET, train, random) for _ in range(count)]


def test_each_pair_is_drawn_as_often_as_any_other() -> None:
    data = pair_data(50)
    counts = dict.fromkeys(map(data.sources.decode, data.train.sources), 0)
    known = dict(zip(counts, map(data.targets.decode, data.train.targets), strict=True))
    batches = drawn(data, 5, 2000)
    for sources, targets in batches:
        assert len(sources) == 5
        for source, target in zip(sources, targets, strict=True):
            text = data.sources.decode(source.tolist())
            counts[text] += 1
            assert known[text] == data.targets.decode(target.tolist())
    wanted = 2000 * 5 / len(counts)  # 250 of each; a standard deviation is near 16
    assert max(abs(each - wanted) for each in counts.values()) < 5 * math.sqrt(wanted)


def test_the_pairs_of_a_batch_are_alike_in_length() -> None:
    data = pair_data()
    mixed = float((data.train.targets == PAD).mean())
    found = float(
        np.mean([float((each.targets == PAD).float().mean()) for each in drawn(data, 8, 50)])
    )
    assert ALIKE > 1
    assert 0 < found < 0.5 * mixed


def test_the_same_random_state_draws_the_same() -> None:
    data = pair_data(50)
    one, two, other = (drawn(data, 3, 1, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(one.sources, two.sources)
    assert not torch.equal(one.sources, other.sources)


def test_a_teachers_targets_are_learned_from_where_they_are_wanted() -> None:
    data = pair_data(50)
    taught = np.full((40, 2), SPECIAL, np.int32)
    lesson = data.lesson({"taught": taught})
    assert (drawn(lesson, 4, 1, distil=True)[0].targets == SPECIAL).all()
    for unmoved in (drawn(lesson, 4, 1, distil=False), drawn(lesson, 4, 1)):
        assert not (unmoved[0].targets == SPECIAL).all()
    assert drawn(data, 4, 1, distil=True)[0].targets.shape[1] > 2


def test_texts_become_sources() -> None:
    data = pair_data(50)
    a = data.sources.encode("a")[0]
    found = sources_of(data, ["ab", "a?aaaaaaaaa"])
    assert found.shape == (2, data.longest[0])
    assert found[0].tolist() == [a, a + 1, PAD, PAD, PAD]
    assert found[1].tolist() == [a, UNKNOWN, a, a, a]


def test_embeddings_do_not_decay_and_every_weight_learns() -> None:
    module = nn.ModuleDict(dict(zip(("encoder", "decoder"), network(causal=True), strict=True)))
    (adamw,) = translating.optimise(module, TrainKnobs())["all"]
    decay = {id(p): group["weight_decay"] for group in adamw.param_groups for p in group["params"]}
    assert len(decay) == len(list(module.parameters()))
    for name, parameter in module.named_parameters():
        assert (decay[id(parameter)] == 0.0) == (".embed." in name)


# --- held-out pairs


class Parrot:
    """Says 0.5 nats per token where the target has three letters and 2 elsewhere; writes the
    source backwards, but for sources that begin with the first letter."""

    def __call__(self, pairs: Pairs) -> Tensor:
        size = (pairs.targets != PAD).sum(1)
        nats = torch.where(size == 3, 0.5, 2.0)
        return (nats * (size + 1)).sum() / (size + 1).sum()

    def ways(self) -> tuple[Way, ...]:
        return (Way("parrot", "Parrot", "Parrot", self.write),)

    @staticmethod
    def write(sources: Tensor, watch: bool) -> list[Written]:
        rows = [[each for each in row if each != PAD] for row in sources.tolist()]
        return [Written(tuple(row if row[0] == SPECIAL else row[::-1]), 1) for row in rows]


def measured(data: PairData, most: int | None) -> dict[str, float]:
    running = held_out(Parrot(), data, most)
    pauses = 0
    while True:
        try:
            next(running)
        except StopIteration as stop:
            assert pauses >= 2
            found: dict[str, float] = stop.value
            return found
        pauses += 1


def test_held_out_nats_are_per_token_over_all_pairs() -> None:
    data = pair_data(800)
    assert data.counts[1] > 2 * translating.CHUNK
    texts = list(data.references)
    tokens = [len(text) + 1 for text in texts]
    nats = [(0.5 if size == 4 else 2.0) * size for size in tokens]
    found = measured(data, None)
    assert found["held_out"] == pytest.approx(sum(nats) / sum(tokens))
    right = [text[0] != "a" or text == text[::-1] for text in texts]
    assert found["exact"] == pytest.approx(np.mean(right))


def test_a_few_held_out_pairs_stand_for_all() -> None:
    data = pair_data(800)
    found = measured(data, 12)
    sizes = [len(text) + 1 for text in data.references]
    few = max(count for count in range(len(sizes)) if sum(sizes[:count]) <= 12)
    assert few > 1
    nats = [(0.5 if size == 4 else 2.0) * size for size in sizes[:few]]
    assert found["held_out"] == pytest.approx(sum(nats) / sum(sizes[:few]))
    written = list(data.references)[: translating.WRITTEN]
    right = [text[0] != "a" or text == text[::-1] for text in written]
    assert found["exact"] == pytest.approx(np.mean(right))

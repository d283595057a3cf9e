"""engine/layers/parallel.py: counted by the formula, and against every text there is."""

import itertools
import math
import time
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import knobs
from engine.data.pairs import BEGIN, END, MASK, PAD, SPECIAL, UNKNOWN, PairData, paired
from engine.layers.parallel import (
    LengthHead,
    Masked,
    ParallelDecoder,
    ParallelKnobs,
    ParallelTranslator,
    Watch,
    blank,
    fill,
    learned,
    least_sure,
    lengths_of,
    some_masked,
    write_at_once,
)
from engine.layers.translating import Memory, Pairs, as_batch
from tests.engine.small import pair_data, randomise

NET = ParallelKnobs(layers=1, heads=2, head_width=4)
NOTHING = Memory((), None)
A, B, C, D = range(SPECIAL, SPECIAL + 4)


def masks(*lengths: int) -> Tensor:
    return blank(torch.tensor(lengths))


class Scripted:
    """A decoder that says the logits it was given, whatever it reads, and keeps what it read."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.read: list[Tensor] = []

    def __call__(self, tokens: Tensor, memory: Memory) -> Tensor:
        self.read.append(tokens)
        return self.logits[:, : tokens.shape[1]].expand(len(tokens), -1, -1)


def some_logits(places: int, tokens: int = SPECIAL + 4, seed: int = 0) -> Tensor:
    return torch.randn(1, places, tokens, generator=torch.Generator().manual_seed(seed))


def filled_by(decoder: Scripted, given: Tensor, rounds: int, watch: Watch | None = None) -> Any:
    return fill(cast(Any, decoder), NOTHING, given, rounds, watch)


def network(data: PairData | None = None, seed: int = 0, **net: Any) -> ParallelTranslator:
    made = ParallelTranslator(knobs.changed(NET, net), data or pair_data())
    randomise(made, seed)
    return made.eval().requires_grad_(False)


# --- what the decoder is given


def copied(encoded: Tensor, target: int, source: int) -> Tensor:
    """By the formula, place by place: (target, C) out of (S, C)."""
    return torch.stack([encoded[math.floor((j + 0.5) * source / target)] for j in range(target)])


def test_each_place_is_given_what_is_as_far_on_its_way() -> None:
    torch.manual_seed(0)
    decoder = ParallelDecoder(NET, tokens=9, places=7)
    sources = torch.tensor([[A, B, C, D, A], [A, B, PAD, PAD, PAD]])
    encoded, x = torch.randn(2, 5, NET.width), torch.randn(2, 7, NET.width)
    memory = decoder.read(encoded, sources)
    for sizes in ((7, 7), (7, 3), (2, 7)):
        there = (torch.arange(7) < torch.tensor(sizes)[:, None])[:, None, None, :]
        given = decoder.aligned(x, memory, None if sizes == (7, 7) else there)
        for row, (size, source) in enumerate(zip(sizes, (5, 2), strict=True)):
            expected = x[row, :size] + copied(encoded[row], size, source)
            torch.testing.assert_close(given[row, :size], expected)
    bare = ParallelDecoder(NET, tokens=9, places=7, copies=False)
    assert bare.aligned(x, bare.read(encoded, sources), None) is x


def some_batch(data: PairData) -> Pairs:
    return as_batch(data.train.sources[:9], data.train.targets[:9])


@pytest.mark.parametrize("given", ["masks", "copied source"])
def test_cross_attention_is_that_of_the_pass_that_writes(given: str) -> None:
    """What the attentions are asked in a pass, put into their equation."""
    data = pair_data()
    module = network(data, layers=2, decoder_input=given)
    pairs = some_batch(data)
    asked: list[Tensor] = []
    for block in module.decoder.blocks:
        cross: Any = block.cross

        def noted(x: Tensor, keys_values: Tensor, seen: Any, cross: Any = cross) -> Tensor:
            asked.append(cross.weights(x, keys_values, seen))
            out: Tensor = type(cross).forward(cross, x, keys_values, seen)
            return out

        cross.forward = noted
    memory, _ = module.read(pairs.sources)
    module.decoder(blank(lengths_of(pairs.targets)), memory)
    of_the_pass = torch.stack(asked)
    weights = module.cross_attention(pairs.sources, pairs.targets)
    torch.testing.assert_close(weights, of_the_pass)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


# --- masks


def test_masks_are_as_many_as_the_length_says() -> None:
    assert masks(1, 3).tolist() == [[MASK, PAD, PAD], [MASK, MASK, MASK]]
    assert lengths_of(masks(1, 3)).tolist() == [1, 3]


def test_the_least_sure_places_are_taken_and_of_equals_the_first() -> None:
    sure = torch.tensor([[0.5, 0.1, 0.9, 0.1], [0.5, 0.1, 0.9, 0.1]])
    there = torch.tensor([[True] * 4, [True, False, True, True]])
    for count, expected in (
        ((0, 0), ([0, 0, 0, 0], [0, 0, 0, 0])),
        ((1, 1), ([0, 1, 0, 0], [0, 0, 0, 1])),
        ((2, 2), ([0, 1, 0, 1], [1, 0, 0, 1])),
        ((4, 4), ([1, 1, 1, 1], [1, 0, 1, 1])),
    ):
        assert least_sure(sure, there, torch.tensor(count)).int().tolist() == list(expected)


def test_while_learning_each_number_of_masks_is_as_likely_as_any_other() -> None:
    targets = torch.tensor([[A, B, C, D, PAD]]).repeat(4000, 1)
    hidden = some_masked(targets, torch.Generator().manual_seed(0)) == MASK
    counts = torch.bincount(hidden.sum(1), minlength=5)
    assert counts[0] == 0
    # 1000 of each are expected, with a standard deviation of 27.
    assert (counts[1:] - 1000).abs().max() < 110
    # Of a place (1 + 2 + 3 + 4) / 4 / 4 = 5/8 are hidden: 2500, with a deviation of 31.
    assert (hidden.sum(0)[:4] - 2500).abs().max() < 125
    assert not hidden[:, 4].any()


def test_what_is_not_masked_is_as_it_was() -> None:
    targets = torch.tensor([[A, B, C, PAD], [D, PAD, PAD, PAD]])
    given = some_masked(targets, torch.Generator().manual_seed(3))
    assert ((given == targets) | (given == MASK)).all()
    assert given[1].tolist() == [MASK, PAD, PAD, PAD], "of a single token that one"


# --- rounds


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 8])
def test_so_many_are_masked_again_as_the_formula_says(rounds: int) -> None:
    sizes = list(range(1, 12))
    decoder = Scripted(some_logits(11))
    filled = filled_by(decoder, masks(*sizes), rounds)
    for row, size in enumerate(sizes):
        again = [math.floor(size * (rounds - t) / rounds) for t in range(1, rounds)]
        wanted = [size, *(count for count in again if count)]
        seen = [int((tokens[row] == MASK).sum()) for tokens in decoder.read]
        assert [count for count in seen if count] == wanted
        assert int(filled.passes[row]) == len(wanted)
    assert not (filled.tokens == MASK).any()


def test_it_stops_when_nothing_is_left_to_do() -> None:
    decoder = Scripted(some_logits(2))
    filled_by(decoder, masks(2), 12)
    assert len(decoder.read) == 7  # floor(2 (12 - t) / 12) is 1 up to t = 6


def test_the_least_sure_tokens_are_masked_again() -> None:
    logits = torch.zeros(1, 4, SPECIAL + 4)
    for place, height in enumerate((5.0, 1.0, 4.0, 2.0)):
        logits[0, place, A + place] = height
    decoder = Scripted(logits)
    filled = filled_by(decoder, masks(4), 4)
    assert [tokens[0].tolist() for tokens in decoder.read] == [
        [MASK, MASK, MASK, MASK],
        [A, MASK, MASK, MASK],
        [A, MASK, C, MASK],
        [A, MASK, C, D],
    ]
    assert filled.tokens.tolist() == [[A, B, C, D]]
    expected = logits[..., SPECIAL:].log_softmax(-1).max(-1).values
    torch.testing.assert_close(filled.log_p, expected)


def test_a_token_is_as_sure_as_it_was_when_it_was_written() -> None:
    """In the second round other logits come: those of kept places are not asked again."""
    first, second = some_logits(4, seed=1), some_logits(4, seed=2)

    def decoder(tokens: Tensor, memory: Memory) -> Tensor:
        return first if (tokens == MASK).all() else second

    before = first[..., SPECIAL:].log_softmax(-1).max(-1)
    after = second[..., SPECIAL:].log_softmax(-1).max(-1)
    again = before.values.argsort(dim=1)[0, :2].tolist()
    filled = fill(cast(Any, decoder), NOTHING, masks(4), 2)
    for place in range(4):
        source = after if place in again else before
        assert int(filled.tokens[0, place]) == int(source.indices[0, place]) + SPECIAL
        assert float(filled.log_p[0, place]) == float(source.values[0, place])


def test_what_is_given_stays() -> None:
    logits = torch.zeros(1, 4, SPECIAL + 4)
    logits[..., B] = 3.0
    filled = filled_by(Scripted(logits), torch.tensor([[A, MASK, MASK, PAD]]), 3)
    assert filled.tokens.tolist() == [[A, B, B, PAD]]
    assert filled.log_p[0, [0, 3]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("token", [PAD, BEGIN, END, MASK, UNKNOWN])
def test_nothing_but_characters_is_written(token: int) -> None:
    logits = some_logits(3)
    logits[..., token] = 50.0
    filled = filled_by(Scripted(logits), masks(3), 2)
    assert (filled.tokens >= SPECIAL).all()
    assert (filled.log_p > math.log(0.01)).all(), "a share of the characters alone"


def test_what_stood_after_each_pass() -> None:
    logits = torch.zeros(1, 4, SPECIAL + 4)
    for place, height in enumerate((5.0, 1.0, 4.0, 2.0)):
        logits[0, place, A + place] = height
    watch = Watch(time.perf_counter())
    filled = filled_by(Scripted(logits), masks(4), 2, watch)
    first, second = watch.steps
    assert first.ids == second.ids == (A, B, C, D), "what is taken back can still be read"
    assert (first.fresh, first.dropped) == ((0, 2), (1, 3))
    assert (second.fresh, second.dropped) == ((1, 3), ())
    for step in (first, second):
        np.testing.assert_allclose(step.probabilities, filled.log_p[0].exp(), rtol=1e-6)
    assert 0 < first.seconds < second.seconds


def test_a_mask_has_no_probability() -> None:
    watch = Watch(time.perf_counter())
    watch.see([A, MASK, PAD], [math.log(0.25), 0.0, 0.0], (0,), note="a beginning")
    (step,) = watch.steps
    assert (step.ids, step.fresh, step.note) == ((A, MASK), (0,), "a beginning")
    assert step.probabilities[0] == pytest.approx(0.25)
    assert math.isnan(step.probabilities[1])


# --- lengths


TINY = paired("tiny", "Tiny", [("x", "ab"), ("yx", "ba"), ("xyy", "bab")], [("y", "a")])


def joint(module: ParallelTranslator, sources: Tensor, ids: tuple[int, ...]) -> float:
    """log p(T) + sum log p(y_i), each from the logits of a forward pass."""
    memory, lengths = module.read(sources)
    tokens = module.decoder(masks(len(ids)), memory)[0, :, SPECIAL:].log_softmax(-1)
    own = sum(float(tokens[i, each - SPECIAL]) for i, each in enumerate(ids))
    return float(lengths.log_softmax(1)[0, len(ids)]) + own


@pytest.mark.parametrize("seed", range(4))
def test_of_all_lengths_the_likeliest_of_all_texts_is_found(seed: int) -> None:
    module = network(TINY, seed)
    sources = torch.from_numpy(TINY.train.sources[2:3].astype(np.int64))
    every = {
        ids: joint(module, sources, ids)
        for size in (1, 2, 3)
        for ids in itertools.product((A, B), repeat=size)
    }
    assert math.isclose(sum(math.exp(each) for each in every.values()), 1.0, abs_tol=1e-5)
    (written,) = module.write(sources, False, rounds=1, candidates=3)
    best = max(every, key=lambda ids: every[ids])
    assert written.ids == best
    assert math.isclose(written.score, every[best], abs_tol=1e-5)
    of_each = [max((every[ids], ids) for ids in every if len(ids) == size) for size in (1, 2, 3)]
    others = sorted((each for each in of_each if each[1] != best), reverse=True)
    assert [ids for ids, _ in written.others] == [ids for _, ids in others]
    np.testing.assert_allclose([score for _, score in written.others], [s for s, _ in others])


def test_with_one_candidate_it_is_the_likeliest_length() -> None:
    lengths = torch.tensor([[-math.inf, 1.0, 3.0, 2.0], [-math.inf, 5.0, 3.0, 2.0]])
    decoder = cast(Any, Scripted(some_logits(3)))
    found = write_at_once(decoder, NOTHING, lengths, 1, 1, None)
    assert [len(each.ids) for each in found] == [2, 1]
    assert [each.others for each in found] == [(), ()]
    more = write_at_once(decoder, NOTHING, lengths, 1, 99, None)
    assert [len(each.others) for each in more] == [2, 2], "there are no more lengths than three"


def test_a_likely_length_can_lose_and_that_is_told() -> None:
    """The third place has no idea what to say: shorter by one is likelier as a whole."""
    logits = torch.zeros(1, 3, SPECIAL + 4)
    logits[0, :2, A] = 30.0
    lengths = torch.tensor([[-math.inf, -9.0, 0.0, 0.1]])
    watch = Watch(time.perf_counter())
    decoder = cast(Any, Scripted(logits))
    (written,) = write_at_once(decoder, NOTHING, lengths, 1, 2, watch)
    assert written.ids == (A, A)
    assert [len(step.ids) for step in written.steps] == [3, 2]
    assert written.steps[-1].note == "other length"
    assert written.steps[-1].ids == written.ids


def test_every_source_in_a_batch_is_written_as_it_is_alone() -> None:
    data = pair_data()
    module = network(data)
    part = as_batch(data.held_out.sources[:12], data.held_out.targets[:12])
    for rounds, candidates in ((1, 1), (3, 1), (2, 3)):
        together = module.write(part.sources, False, rounds, candidates)
        for row, written in enumerate(together):
            size = int((part.sources[row] != PAD).sum())
            (alone,) = module.write(part.sources[row : row + 1, :size], False, rounds, candidates)
            assert (alone.ids, alone.passes) == (written.ids, written.passes)
            assert math.isclose(alone.score, written.score, abs_tol=1e-4)
            assert 1 <= len(alone.ids) <= data.longest[1]


def test_watching_changes_nothing() -> None:
    module = network()
    sources = torch.tensor([[A, B, C, D]])
    for rounds, candidates in ((1, 1), (4, 1), (4, 4)):
        (seen,) = module.write(sources, True, rounds, candidates)
        (plain,) = module.write(sources, False, rounds, candidates)
        assert (seen.ids, seen.passes, seen.score) == (plain.ids, plain.passes, plain.score)
        assert seen.steps[-1].ids == seen.ids
        assert plain.steps == ()


def test_no_length_of_nothing_and_padding_does_not_count() -> None:
    torch.manual_seed(0)
    head = LengthHead(NET, longest=6)
    randomise(head)
    sources = torch.tensor([[A, B, PAD, PAD]])
    encoded = torch.randn(1, 4, NET.width)
    logits = head(encoded, sources)
    assert logits.shape == (1, 7)
    assert logits[0, 0] == -math.inf
    assert torch.isfinite(logits[0, 1:]).all()
    torch.testing.assert_close(head(encoded[:, :2], sources[:, :2]), logits)
    encoded[0, 2:] = 9.0
    torch.testing.assert_close(head(encoded, sources), logits)


def test_the_head_learns_lengths() -> None:
    """In `pair_data` a target is as long as its source, 3 to 5 letters."""
    data = pair_data()
    torch.manual_seed(0)
    module = ParallelTranslator(NET, data)
    adam = torch.optim.Adam(module.parameters(), 0.02)
    part = as_batch(*data.train)
    for _ in range(60):
        loss = F.cross_entropy(module.read(part.sources)[1], lengths_of(part.targets))
        adam.zero_grad()
        cast(Any, loss).backward()
        adam.step()
    unseen = as_batch(*data.held_out)
    logits = module.length_logits(unseen.sources)
    assert logits is not None
    assert (logits.argmax(1) == lengths_of(unseen.targets)).float().mean() > 0.95


# --- what is learned


def test_the_loss_is_that_of_masked_tokens_alone_and_of_lengths() -> None:
    logits, lengths = some_logits(3), torch.randn(2, 4)
    targets = torch.tensor([[A, B, C], [D, A, PAD]])
    given = torch.tensor([[MASK, B, MASK], [D, MASK, PAD]])
    found = learned(cast(Any, Scripted(logits)), NOTHING, lengths, given, targets)
    log_p = logits[0].log_softmax(-1)
    tokens = -(log_p[0, A] + log_p[2, C] + log_p[1, A])
    sizes = -(lengths.log_softmax(1)[0, 3] + lengths.log_softmax(1)[1, 2])
    torch.testing.assert_close(found.tokens, tokens)
    torch.testing.assert_close(found.lengths, sizes)
    assert (int(found.hidden), found.rows) == (3, 2)
    torch.testing.assert_close(found.per_token, tokens / 3 + sizes / 2 / 8)


def test_given_tokens_get_no_gradient() -> None:
    logits = some_logits(3).requires_grad_()
    given, targets = torch.tensor([[A, MASK, PAD]]), torch.tensor([[A, B, PAD]])
    loss = learned(cast(Any, Scripted(logits)), NOTHING, torch.zeros(1, 4), given, targets)
    (gradient,) = torch.autograd.grad(loss.tokens, logits)
    assert gradient.abs().sum(-1)[0].gt(0).tolist() == [False, True, False]


def test_the_measure_is_the_loss_with_the_same_masks_each_time() -> None:
    data = pair_data()
    module = network(data)
    pairs = as_batch(data.train.sources[:9], data.train.targets[:9])
    given = torch.where(pairs.targets == PAD, PAD, MASK)
    assert float(module(pairs)) == float(module.loss(Masked(*pairs, given)))


# --- looking inside


def test_every_place_depends_on_every_other() -> None:
    module = network()
    sources, targets = torch.tensor([[A, B, C, D]]), torch.tensor([[D, C, B, A]])
    assert (module.dependence(sources, targets)[""] > 0).all()

"""The Transformer against its equations in numpy, and what its mask is for."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.families import transformer
from engine.families.transformer import (
    LEAK,
    MODEL,
    CachedDecoder,
    CompiledDecoder,
    NetKnobs,
    SampleKnobs,
    SpeedKnobs,
    Transformer,
    WindowDecoder,
)
from engine.family import Trained, TrainKnobs
from engine.knobs import changed
from engine.layers.attending import Block
from engine.layers.attention_step import CompiledStep
from engine.layers.compiling import Background
from engine.layers.language import OverText
from engine.learner import Learner
from engine.payloads import Curve, Heatmap, Heatmaps, Tokens
from engine.phrases import PlaygroundError
from tests.engine.small import WORDS, last, randomise, sentences, some_tokens, text_data

DATA = text_data(sentences(1500))
VOCABULARY = DATA.tokeniser.size
CONTEXT = 10

every_position = pytest.mark.parametrize("positions", ["rotary", "learned"])
every_ngrams = pytest.mark.parametrize("ngrams", [0, 64])


@pytest.fixture(autouse=True)
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the compiler from starting behind the tests."""
    monkeypatch.setattr(Background, "get", lambda self: None)


def network(**values: Any) -> Transformer:
    """A network whose every weight counts (a fresh one has zeros)."""
    small: dict[str, Any] = {"layers": 2, "heads": 2, "head_width": 6, "context": CONTEXT}
    module = Transformer(NetKnobs(**(small | {"ngrams": 0} | values)), VOCABULARY).eval()
    randomise(module)
    return module


def trained_of(module: Transformer, **values: Any) -> Trained:
    return Trained(
        module=module.requires_grad_(False),
        net=module.net,
        train=None,
        data=DATA,
        step=1,
        model=MODEL,
        **values,
    )


# --- the equations in numpy


def normalised(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def turned(x: Any, position: int) -> Any:
    """A head's vector as complex numbers, each multiplied by e^(i angle)."""
    half = len(x) // 2
    angles = position * 10_000.0 ** (-2.0 * np.arange(half) / len(x))
    z = (x[:half] + 1j * x[half:]) * np.exp(1j * angles)
    return np.concatenate([z.real, z.imag])


def in_numpy(module: Transformer, tokens: list[int]) -> tuple[Any, Any]:
    """Logits (T, vocabulary) and weights (layers, H, T, T), position by position."""
    net = module.net
    w = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    size = net.head_width
    x = []
    for t, token in enumerate(tokens):
        row = w["embed.one.weight"][token].copy()
        if net.ngrams:
            before = tokens[t - 1] if t > 0 else 0
            before2 = tokens[t - 2] if t > 1 else 0
            pair = token * 7919 + before * 104729
            row += w["embed.two.weight"][pair % net.ngrams]
            row += w["embed.three.weight"][(pair + before2 * 1299709) % net.ngrams]
        if net.positions == "learned":
            row += w["learned"][t]
        x.append(normalised(row))
    all_weights = np.zeros((net.layers, net.heads, len(tokens), len(tokens)))
    for layer in range(net.layers):
        qkv = [w[f"blocks.{layer}.qkv.weight"] @ normalised(each) for each in x]
        gathered = [np.zeros(net.width) for _ in tokens]
        for head in range(net.heads):
            q, k, v = (
                [
                    each[part * net.width + head * size : part * net.width + (head + 1) * size]
                    for each in qkv
                ]
                for part in range(3)
            )
            if net.positions == "rotary":
                q = [turned(normalised(each), t) for t, each in enumerate(q)]
                k = [turned(normalised(each), t) for t, each in enumerate(k)]
            for t in range(len(tokens)):
                seen = range(t + 1) if net.causal else range(len(tokens))
                scores = np.exp([q[t] @ k[s] / np.sqrt(size) for s in seen])
                a = scores / scores.sum()
                all_weights[layer, head, t, : len(a)] = a
                gathered[t][head * size : (head + 1) * size] = sum(a[s] * v[s] for s in seen)
        for t in range(len(tokens)):
            x[t] = x[t] + w[f"blocks.{layer}.out.weight"] @ gathered[t]
            inner = np.maximum(w[f"blocks.{layer}.up.weight"] @ normalised(x[t]), 0.0) ** 2
            x[t] = x[t] + w[f"blocks.{layer}.down.weight"] @ inner
    return np.stack([w["head.weight"] @ normalised(each) for each in x]), all_weights


@every_position
@every_ngrams
@pytest.mark.parametrize("causal", [True, False])
def test_the_network_is_its_equations(positions: str, ngrams: int, causal: bool) -> None:
    module = network(positions=positions, ngrams=ngrams, causal=causal)
    tokens = some_tokens(VOCABULARY, 1, CONTEXT)
    with torch.no_grad():
        logits, weights = module(tokens)[0].numpy(), module.attention(tokens)[:, 0].numpy()
    wanted_logits, wanted_weights = in_numpy(module, tokens[0].tolist())
    assert np.ptp(wanted_logits) > 1.0
    np.testing.assert_allclose(logits, wanted_logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(weights, wanted_weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("head_width", [4, 10])
def test_the_network_is_its_equations_at_other_sizes(
    heads: int, layers: int, head_width: int
) -> None:
    module = network(heads=heads, layers=layers, head_width=head_width)
    tokens = some_tokens(VOCABULARY, 2, 7)
    with torch.no_grad():
        logits = module(tokens).numpy()
    for row in range(2):
        wanted, _ = in_numpy(module, tokens[row].tolist())
        np.testing.assert_allclose(logits[row], wanted, rtol=1e-3, atol=1e-3)


def test_a_new_network_passes_its_input_on_and_knows_nothing() -> None:
    torch.manual_seed(0)
    module = Transformer(NetKnobs(layers=2, context=CONTEXT), VOCABULARY)
    tokens = some_tokens(VOCABULARY, 1, CONTEXT)
    with torch.no_grad():
        x = module.start(tokens)
        for block in module.blocks:
            assert torch.equal(block(x, module.turn), x)
        assert not module(tokens).any()


# --- causality


def reach(module: Transformer, length: int) -> Any:
    """(t, s): the size of d logits[t] / d (vector that enters at s)."""
    tokens = some_tokens(VOCABULARY, 1, length)
    vectors = module.embed(tokens).detach().requires_grad_()
    hook = module.embed.register_forward_hook(lambda *_: vectors)
    logits = module(tokens)
    hook.remove()
    direction = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(0))
    rows = []
    for t in range(length):
        (gradient,) = torch.autograd.grad(logits[0, t] @ direction, vectors, retain_graph=True)
        rows.append(gradient[0].abs().sum(-1).numpy())
    return np.stack(rows)


@every_position
@every_ngrams
@pytest.mark.parametrize("layers", [1, 3])
def test_nothing_that_comes_later_has_any_effect(positions: str, ngrams: int, layers: int) -> None:
    found = reach(network(positions=positions, ngrams=ngrams, layers=layers), CONTEXT)
    past = np.tril(np.ones((CONTEXT, CONTEXT), dtype=bool))
    assert (found[~past] == 0.0).all()
    assert (found[past] > 1e-6).all()


@every_position
def test_without_the_mask_the_future_leaks_in(positions: str) -> None:
    found = reach(network(positions=positions, causal=False), CONTEXT)
    assert (found > 1e-6).all()


@every_position
@every_ngrams
def test_a_later_token_changes_no_earlier_logits(positions: str, ngrams: int) -> None:
    module = network(positions=positions, ngrams=ngrams)
    tokens = some_tokens(VOCABULARY, 1, CONTEXT)
    other = tokens.clone()
    other[0, 6] = (other[0, 6] + 1) % VOCABULARY
    with torch.no_grad():
        changed_at = (module(tokens) != module(other)).any(-1)[0].tolist()
    assert changed_at == [False] * 6 + [True] * (CONTEXT - 6)


# --- what cannot be


def test_an_odd_head_is_refused_with_rotary_positions_only() -> None:
    odd = NetKnobs(head_width=5, context=8)
    with pytest.raises(PlaygroundError, match="even"):
        MODEL.check(DATA, odd)
    learned = dataclasses.replace(odd, positions="learned")
    MODEL.check(DATA, learned)
    module = MODEL.build(learned, DATA)
    assert module(some_tokens(VOCABULARY, 1, 8)).shape == (1, 8, VOCABULARY)


def test_a_text_too_short_for_the_context_is_refused() -> None:
    with pytest.raises(PlaygroundError, match="too short"):
        MODEL.check(text_data(sentences(50)), NetKnobs(context=64))


# --- attention


@every_position
@pytest.mark.parametrize("causal", [True, False])
def test_attention_weights_are_shares_of_what_may_be_seen(positions: str, causal: bool) -> None:
    module = network(positions=positions, causal=causal)
    with torch.no_grad():
        weights = module.attention(some_tokens(VOCABULARY, 3, 8))
    assert weights.shape == (2, 3, 2, 8, 8)
    assert weights.min() >= 0.0
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 2, 8))
    future = torch.ones(8, 8, dtype=torch.bool).triu(1)
    assert bool((weights[..., future] == 0.0).all()) is causal
    assert (weights[..., ~future] > 0.0).all()


@every_position
@pytest.mark.parametrize("causal", [True, False])
def test_looking_at_the_weights_gives_what_the_quick_way_gives(
    positions: str, causal: bool
) -> None:
    module = network(positions=positions, causal=causal)
    tokens = some_tokens(VOCABULARY, 2, CONTEXT)
    with torch.no_grad():
        x = module.start(tokens)
        turn = module.turn[:, :CONTEXT]
        for block in module.blocks:
            assert isinstance(block, Block)
            slow, _ = block.attend(x, turn)
            x = block(x, turn)
            torch.testing.assert_close(slow, x, rtol=1e-4, atol=1e-4)


# --- decoding


def window_before(tokens: list[int], context: int) -> list[int]:
    """What is in the window once `tokens` are read: halved each time one more has no room."""
    window: list[int] = []
    for token in tokens:
        if len(window) == context:
            window = window[context - context // 2 :]
        window.append(token)
    return window


def decoders(module: Transformer) -> dict[str, WindowDecoder]:
    return {
        "window": WindowDecoder(module),
        "cached": CachedDecoder(module),
        "compiled": CompiledDecoder(module, CompiledStep),
    }


every_decoder = pytest.mark.parametrize("which", ["window", "cached", "compiled"])


@every_decoder
@every_position
@every_ngrams
@pytest.mark.parametrize("context", [CONTEXT, 7])
def test_a_decoder_says_what_the_network_says_of_its_window(
    which: str, positions: str, ngrams: int, context: int
) -> None:
    module = network(positions=positions, ngrams=ngrams, context=context)
    tokens = some_tokens(VOCABULARY, 3 * CONTEXT + 3).tolist()
    decoder = decoders(module)[which]
    for end in range(1, len(tokens) + 1):
        logits = decoder.feed([tokens[end - 1]])
        window = window_before(tokens[:end], context)
        assert len(window) <= context
        assert logits.shape == (VOCABULARY,)
        with torch.no_grad():
            wanted = module(torch.tensor([window]))[0, -1].numpy()
        np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)


def test_within_the_context_decoding_is_the_network_over_the_whole_text() -> None:
    module = network()
    tokens = some_tokens(VOCABULARY, 1, CONTEXT)
    with torch.no_grad():
        whole = module(tokens)[0].numpy()
    for decoder in decoders(module).values():
        for t in range(CONTEXT):
            logits = decoder.feed([int(tokens[0, t])])
            np.testing.assert_allclose(logits, whole[t], rtol=1e-5, atol=1e-5)


@every_decoder
@every_position
@every_ngrams
@pytest.mark.parametrize(
    "pieces",
    [
        [CONTEXT],
        [CONTEXT + 1],
        [3, 4, 3, 1, 1],
        [1, CONTEXT - 1, 2],
        [6, 6, 6, 6],
        [3 * CONTEXT, 1, 1],
        [2, 2 * CONTEXT, 3],
    ],
)
def test_several_tokens_at_once_are_as_one_by_one(
    which: str, positions: str, ngrams: int, pieces: list[int]
) -> None:
    module = network(positions=positions, ngrams=ngrams)
    tokens = some_tokens(VOCABULARY, sum(pieces), seed=1).tolist()
    single, several = WindowDecoder(module), decoders(module)[which]
    end = 0
    for piece in pieces:
        for token in tokens[end : end + piece]:
            wanted = single.feed([token])
        logits = several.feed(tokens[end : end + piece])
        end += piece
        np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)


def test_a_decoder_remembers_at_least_half_a_context() -> None:
    """Beyond its context a token has to go, but never more than half of what there is."""
    module = network()
    tokens = some_tokens(VOCABULARY, 40).tolist()
    decoder = WindowDecoder(module)
    for end, token in enumerate(tokens, 1):
        decoder.feed([token])
        assert decoder.window == tokens[end - len(decoder.window) : end]
        assert min(end, CONTEXT // 2 + 1) <= len(decoder.window) <= CONTEXT


def test_a_cache_is_kept_only_where_the_mask_makes_it_right() -> None:
    assert type(network().decoder()) is CachedDecoder
    assert type(network().decoder(cache=False)) is WindowDecoder
    assert type(network(causal=False).decoder()) is WindowDecoder


@pytest.mark.parametrize("causal", [True, False])
def test_the_cache_changes_no_text(causal: bool) -> None:
    trained = trained_of(network(causal=causal, ngrams=64))
    texts = [
        last(MODEL.sampler(trained, SampleKnobs(length=60, cache=cache, prompt="ada"), ()))
        for cache in (True, False)
    ]
    assert texts[0].ids == texts[1].ids
    np.testing.assert_allclose(texts[0].probabilities, texts[1].probabilities, rtol=1e-3)


def test_without_the_mask_a_kept_beginning_is_continued_as_it_went() -> None:
    trained = trained_of(network(causal=False))
    whole = last(MODEL.sampler(trained, SampleKnobs(length=30), ()))
    for cut in range(1, 31, 4):
        settings = SampleKnobs(length=31 - cut)
        assert last(MODEL.sampler(trained, settings, whole.ids[:cut])).ids == whole.ids


# --- the leak


def after_training(causal: bool, seed: int = 1) -> tuple[Trained, float]:
    """A small network after a quick real training, and its held-out loss."""
    net = NetKnobs(layers=2, heads=2, head_width=16, context=64, ngrams=0, causal=causal)
    train = changed(TrainKnobs(), {"learning_rate": 0.01, "steps": 300, "warm_up": 10})
    learner = Learner(MODEL, DATA, net, train, seed)
    with learner.random:
        for _ in range(250):
            learner.advance()
    run = MODEL.evaluate(learner.averaged, DATA, net, train, None)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            assert isinstance(learner.averaged, Transformer)
            return trained_of(learner.averaged), stop.value["held_out"]


def share_of_words(text: str) -> float:
    """Of the words of `text`, how many are words of the data."""
    words = text.split()
    return sum(word in WORDS for word in words) / max(1, len(words))


def nats_without_the_future(trained: Trained) -> float:
    """Nats per token of held-out text that is read as a sample is drawn: one by one."""
    tokens = [int(token) for token in DATA.held_out[:200]]
    decoder = trained.module.decoder()
    nats = []
    for token, following in itertools.pairwise(tokens):
        logits = decoder.feed([token]).astype(np.float64)
        nats.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[following])
    return float(np.mean(nats))


def test_without_the_mask_the_loss_is_perfect_and_the_text_is_nonsense() -> None:
    honest, honest_loss = after_training(causal=True)
    leaking, leaking_loss = after_training(causal=False)
    # Words of three letters and a space, ten of them and all alike: at best ln 10 / 4.
    best = np.log(10) / 4
    assert best - 0.05 < honest_loss < best + 0.15
    # Only the last place of a window has nothing to copy from: 1 in 64.
    assert leaking_loss < 0.12

    assert nats_without_the_future(honest) == pytest.approx(honest_loss, abs=0.1)
    assert nats_without_the_future(leaking) > 2 * best
    settings = SampleKnobs(length=400, temperature=1.0)
    said, babbled = (last(MODEL.sampler(each, settings, ())) for each in (honest, leaking))
    assert share_of_words(said.text) > 0.9
    assert share_of_words(babbled.text) < share_of_words(said.text) - 0.1
    assert said.caption == ""
    assert babbled.caption == LEAK


def test_every_picture_of_a_text_without_the_mask_says_why_it_is_nonsense() -> None:
    trained = trained_of(network(causal=False))
    payloads = [p for p in MODEL.sampler(trained, SampleKnobs(length=20), ()) if p is not None]
    assert payloads
    for payload in payloads:
        assert isinstance(payload, Tokens)
        assert payload.caption == LEAK
        assert "nonsense" in payload.caption


# --- views


@pytest.mark.parametrize("causal", [True, False])
def test_the_mask_view_shows_who_may_look_at_whom(causal: bool) -> None:
    module = network(causal=causal)
    picture = last(transformer.mask_view(trained_of(module), OverText(text="ada bob cid")))
    assert isinstance(picture, Heatmap)
    assert picture.rows == picture.columns == tuple("ada bob ci")  # the context is 10
    wanted = [[float(column <= row or not causal) for column in range(10)] for row in range(10)]
    np.testing.assert_array_equal(picture.values, wanted)
    np.testing.assert_array_equal(picture.values > 0, reach(network(causal=causal), 10) > 0)
    assert (picture.caption == LEAK) is not causal


def test_the_attention_view_shows_each_head_of_each_layer() -> None:
    module = network(layers=3)
    text = "eve fay"
    picture = last(transformer.attention_view(trained_of(module), OverText(text=text)))
    assert isinstance(picture, Heatmaps)
    assert picture.across == 2
    _, weights = in_numpy(module, [int(token) for token in DATA.tokeniser.encode(text)])
    assert len(picture.panels) == 6
    for panel, (layer, head) in zip(
        picture.panels, itertools.product(range(3), range(2)), strict=True
    ):
        assert f"layer {layer + 1}" in panel.title
        assert f"head {head + 1}" in panel.title
        assert panel.rows == panel.columns == tuple(text)
        np.testing.assert_allclose(panel.values, weights[layer, head], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("length", "drawn"), [(16, 16), (1024, 40)])
def test_the_speed_view_times_every_token_with_and_without(length: int, drawn: int) -> None:
    trained = trained_of(network(context=40))
    curve = last(transformer.speed_view(trained, SpeedKnobs(length=length)))
    assert isinstance(curve, Curve)
    assert [line.name for line in curve.lines] == ["with the cache", "all again each time"]
    for line in curve.lines:
        np.testing.assert_array_equal(line.x, np.arange(1, drawn + 1))
        assert (line.y > 0).all()
        assert (line.y < 10_000).all()
    seconds = [float(line.y.sum()) / 1e3 for line in curve.lines]
    assert f"{drawn / seconds[0]:,.0f} tokens" in curve.caption
    assert f"{seconds[1] / seconds[0]:.1f} times" in curve.caption


def test_the_speed_view_does_without_held_out_text() -> None:
    saved = type(DATA).from_json(DATA.to_json())
    trained = dataclasses.replace(trained_of(network()), data=saved)
    curve = last(transformer.speed_view(trained, SpeedKnobs(length=16)))
    assert all(len(line.y) == CONTEXT for line in curve.lines)


def test_the_speed_view_of_a_network_without_the_mask_says_that_nothing_is_kept() -> None:
    curve = last(transformer.speed_view(trained_of(network(causal=False)), SpeedKnobs(length=16)))
    assert "nothing to keep" in curve.caption


# --- training


def test_tables_learn_twice_as_fast_and_do_not_decay() -> None:
    module = network(ngrams=64, positions="learned")
    (optimiser,) = MODEL.optimise(module, TrainKnobs())["all"]
    rest, tables = optimiser.param_groups
    names = {id(parameter): name for name, parameter in module.named_parameters()}

    def names_in(group: dict[str, Any]) -> set[str]:
        parameters: list[Tensor] = group["params"]
        return {names[id(parameter)] for parameter in parameters}

    assert names_in(tables) == {f"embed.{name}.weight" for name in ("one", "two", "three")}
    assert names_in(rest) | names_in(tables) == set(names.values())
    assert (tables["scale"], tables["weight_decay"]) == (2.0, 0.0)
    assert rest.get("scale", 1.0) == 1.0

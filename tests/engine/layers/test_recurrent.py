"""The recurrent language models against the papers' equations in numpy."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.families import gru, lstm, rnn
from engine.family import Model, Trained
from engine.layers import recurrent
from engine.layers.recurrent import (
    LagKnobs,
    LayerOverText,
    Recurrent,
    RecurrentKnobs,
    State,
    Weights,
    gradient_by_lag,
)
from engine.payloads import Curve, Heatmap
from engine.phrases import PlaygroundError
from tests.engine.layers.recurrences import InNumpy
from tests.engine.small import last, randomise, sentences, some_tokens, text_data

KINDS: dict[str, tuple[type[Recurrent], Model]] = {
    "rnn": (rnn.ElmanRNN, rnn.MODEL),
    "gru": (gru.GRU, gru.MODEL),
    "lstm": (lstm.LSTM, lstm.MODEL),
}
VOCABULARY = 11

every_kind = pytest.mark.parametrize("kind", KINDS)
every_depth = pytest.mark.parametrize("layers", [1, 2, 3])


@pytest.fixture
def double() -> Iterator[None]:
    """Double precision, so that small differences can be trusted."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def network(kind: str, scale: float = 0.4, **values: Any) -> Recurrent:
    knobs = RecurrentKnobs(**({"hidden": 6, "width": 5} | values))
    module = KINDS[kind][0](knobs, VOCABULARY).eval()
    randomise(module, scale=scale)
    return module


# --- the same equations three times


@every_kind
@every_depth
@pytest.mark.parametrize("ngrams", [0, 64])
def test_the_fused_kernel_computes_the_equations(kind: str, layers: int, ngrams: int) -> None:
    module = network(kind, layers=layers, ngrams=ngrams)
    tokens = some_tokens(VOCABULARY, 3, 20)
    with torch.no_grad():
        unrolled = module.unroll(tokens)
        torch.testing.assert_close(module(tokens), unrolled.logits, rtol=1e-5, atol=1e-5)
    assert len(unrolled.states) == len(unrolled.parts) == 20
    assert all(len(row) == layers for row in unrolled.states)


@every_kind
@every_depth
def test_both_are_what_the_papers_say(kind: str, layers: int, double: None) -> None:
    module = network(kind, layers=layers)
    reference = InNumpy(kind, module)
    tokens = some_tokens(VOCABULARY, 2, 15)
    with torch.no_grad():
        fused, unrolled = module(tokens).numpy(), module.unroll(tokens)
    for row in range(2):
        states = reference.states(tokens[row].tolist())
        logits = np.stack([reference.logits(each) for each in states])
        assert np.ptp(logits) > 0.5
        np.testing.assert_allclose(fused[row], logits, atol=1e-12)
        np.testing.assert_allclose(unrolled.logits[row].numpy(), logits, atol=1e-12)
        for t, wanted in enumerate(states):
            for layer in range(layers):
                got = unrolled.states[t][layer]
                assert len(got) == len(wanted[layer]) == module.carried
                for mine, theirs in zip(got, wanted[layer], strict=True):
                    np.testing.assert_allclose(mine[row].numpy(), theirs, atol=1e-12)


@every_kind
def test_unrolling_for_gradients_changes_no_number(kind: str) -> None:
    module = network(kind, layers=2)
    tokens = some_tokens(VOCABULARY, 2, 9)
    plain, differentiable = module.unroll(tokens), module.unroll(tokens, gradients=True)
    assert torch.equal(plain.logits, differentiable.logits)


@every_kind
@pytest.mark.parametrize("ngrams", [0, 64])
def test_a_later_token_changes_nothing_before_it(kind: str, ngrams: int) -> None:
    module = network(kind, layers=2, ngrams=ngrams)
    tokens = some_tokens(VOCABULARY, 1, 10)
    other = tokens.clone()
    other[0, 6] = (other[0, 6] + 1) % VOCABULARY
    with torch.no_grad():
        changed = (module(tokens) != module(other)).any(-1)[0].tolist()
    assert changed == [False] * 6 + [True] * 4


def test_dropout_acts_only_while_training() -> None:
    module = network("rnn", dropout=0.5)
    tokens = some_tokens(VOCABULARY, 1, 10)
    with torch.no_grad():
        assert torch.equal(module(tokens), module(tokens))
        module.train()
        assert not torch.equal(module(tokens), module(tokens))


# --- decoding


@every_kind
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("ngrams", [0, 64])
@pytest.mark.parametrize("pieces", [[1] * 12, [12], [3, 1, 1, 5, 2], [1, 11], [2, 10]])
def test_the_decoder_says_what_the_whole_text_says(
    kind: str, layers: int, ngrams: int, pieces: list[int]
) -> None:
    module = network(kind, layers=layers, ngrams=ngrams)
    tokens = some_tokens(VOCABULARY, 1, 12)
    with torch.no_grad():
        whole = module(tokens)[0].numpy()
    decoder = module.decoder()
    end = 0
    for piece in pieces:
        logits = decoder.feed(tokens[0, end : end + piece].tolist())
        end += piece
        assert logits.shape == (VOCABULARY,)
        np.testing.assert_allclose(logits, whole[end - 1], rtol=1e-5, atol=1e-5)


def test_two_decoders_do_not_share_a_state() -> None:
    module = network("lstm")
    first, second = module.decoder(), module.decoder()
    alone = module.decoder().feed([3])
    first.feed([1, 2])
    np.testing.assert_array_equal(second.feed([3]), alone)


# --- gradients against the time lag


def slope(reference: InNumpy, tokens: list[int], target: int, lag: int) -> float:
    """Norm of d loss / d (top state `lag` tokens back), by pushing it a little each way."""
    seen = reference.states(tokens)
    place = len(tokens) - 1 - lag
    small = 1e-5
    slopes = []
    for part in range(len(seen[place][-1])):
        for unit in range(len(seen[place][-1][part])):
            losses = []
            for push in (small, -small):
                top = [each.copy() for each in seen[place][-1]]
                top[part][unit] += push
                states = [*seen[place][:-1], tuple(top)]
                for token in tokens[place + 1 :]:
                    states = reference.read(token, states)
                losses.append(reference.loss(states, target))
            slopes.append((losses[0] - losses[1]) / (2 * small))
    return float(np.linalg.norm(slopes))


@every_kind
@every_depth
def test_the_gradient_by_lag_is_the_slope_of_the_loss(kind: str, layers: int, double: None) -> None:
    module = network(kind, layers=layers, scale=0.8)
    reference = InNumpy(kind, module)
    length = 7
    tokens = some_tokens(VOCABULARY, 3, length + 1)
    norms = gradient_by_lag(module, tokens)
    assert norms.shape == (length,)
    for lag in range(length):
        wanted = [slope(reference, row[:-1], row[-1], lag) for row in tokens.tolist()]
        assert norms[lag] == pytest.approx(np.mean(wanted), rel=1e-5)


@every_kind
def test_frozen_weights_and_switched_off_gradients_do_not_matter(kind: str) -> None:
    module = network(kind)
    tokens = some_tokens(VOCABULARY, 2, 6)
    wanted = gradient_by_lag(module, tokens)
    module.requires_grad_(False)
    with torch.no_grad():
        np.testing.assert_array_equal(gradient_by_lag(module, tokens), wanted)
        assert not torch.is_grad_enabled()


class Linear(Recurrent):
    """One unit without tanh: h_t = W x_t + a h_{t-1}, where the answer is known."""

    kernel = nn.RNN

    def cell(self, x: Tensor, state: State, weights: Weights) -> tuple[State, dict[str, Tensor]]:
        return (x @ weights.input.T + state[0] @ weights.state.T,), {}


@pytest.mark.parametrize("a", [0.5, 0.9, 1.0, 1.3, -1.1, 0.0])
def test_a_linear_unit_multiplies_its_gradient_by_its_weight(a: float, double: None) -> None:
    module = Linear(RecurrentKnobs(hidden=1, width=3), VOCABULARY)
    randomise(module)
    with torch.no_grad():
        module.weights(0).state.fill_(a)
    tokens = some_tokens(VOCABULARY, 1, 21)
    norms = gradient_by_lag(module, tokens)
    # d loss / d h_T = W_o^T (p - y), and each step back multiplies by a.
    with torch.no_grad():
        p = module.unroll(tokens[:, :-1]).logits[0, -1].softmax(0).numpy()
    p[tokens[0, -1]] -= 1.0
    at_the_end = abs(float(module.head.weight.detach().numpy()[:, 0] @ p))
    np.testing.assert_allclose(norms, at_the_end * abs(a) ** np.arange(20), rtol=1e-9, atol=1e-15)
    if a == 0.5:
        assert norms[-1] < 1e-5 * norms[0]  # vanishes
    if a == 1.3:
        assert norms[-1] > 100 * norms[0]  # explodes


# --- views


def trained(kind: str, **values: Any) -> Trained:
    data = text_data(sentences(600))
    model = KINDS[kind][1]
    net = model.net(**({"hidden": 6, "width": 5} | values))
    module = cast(Recurrent, model.build(net, data)).eval().requires_grad_(False)
    randomise(module)
    return Trained(module=module, net=net, train=None, data=data, step=7, model=model)


def as_numbered(text: str, layer: int) -> LayerOverText:
    return LayerOverText(text=text, layer=layer, order="as numbered")


@every_kind
def test_slow_units_come_first_and_keep_their_numbers(kind: str) -> None:
    model = trained(kind)
    text = "ada bob cid eve"
    plain = last(recurrent.state_heatmap(model, as_numbered(text, 1)))
    sorted_ = last(recurrent.state_heatmap(model, LayerOverText(text=text)))
    units = list(sorted_.numbers)
    assert sorted(units) == list(range(len(plain.values)))
    np.testing.assert_array_equal(sorted_.values, plain.values[units])
    pace = [np.abs(np.diff(row)).mean() / row.std() for row in sorted_.values]
    assert pace == sorted(pace)


@every_kind
@pytest.mark.parametrize(("layer", "shown"), [(1, 0), (2, 1), (4, 1)])
def test_the_state_picture_is_the_state(kind: str, layer: int, shown: int) -> None:
    model = trained(kind, layers=2)
    text = "ada bob cid"
    picture = last(recurrent.state_heatmap(model, as_numbered(text, layer)))
    assert isinstance(picture, Heatmap)
    assert picture.columns == tuple(text)
    reference = InNumpy(kind, model.module)
    states = reference.states([int(each) for each in model.data.tokeniser.encode(text)])
    wanted = np.stack([each[shown][0] for each in states], axis=1)
    np.testing.assert_allclose(picture.values, wanted, atol=1e-5)
    assert str(shown + 1) in picture.title
    assert (picture.low, picture.high) == (-1.0, 1.0)
    assert np.abs(picture.values).max() <= 1.0


def test_the_picture_reads_the_newest_sample_where_no_text_is_typed() -> None:
    model = trained("rnn")
    sample = last(rnn.MODEL.sampler(model, rnn.MODEL.sample(length=30), ()))
    object.__setattr__(model, "sample", sample)
    picture = last(recurrent.state_heatmap(model, LayerOverText(length=20)))
    assert picture.columns == sample.pieces[:20]


@every_kind
def test_the_gradient_picture_is_the_gradient_over_held_out_text(kind: str) -> None:
    model = trained(kind)
    curve = last(recurrent.gradient_view(model, LagKnobs(lags=9, texts=3)))
    assert isinstance(curve, Curve)
    (line,) = curve.lines
    held_out = torch.from_numpy(model.data.held_out[:30].astype(np.int64)).reshape(3, 10)
    np.testing.assert_array_equal(line.x, np.arange(9))
    np.testing.assert_allclose(line.y, gradient_by_lag(model.module, held_out), rtol=1e-6)
    assert curve.log_y
    assert "step 7" in line.name


def test_companions_are_measured_on_the_same_text() -> None:
    model, other = trained("rnn"), trained("lstm")
    object.__setattr__(model, "companions", {"lstm": other})
    settings = LagKnobs(lags=8, texts=2)
    curve = last(recurrent.gradient_view(model, settings))
    (alone,) = last(recurrent.gradient_view(other, settings)).lines
    assert [line.name for line in curve.lines] == ["Elman RNN, step 7", "LSTM, step 7"]
    np.testing.assert_array_equal(curve.lines[1].y, alone.y)


def test_a_companion_that_does_not_know_the_characters_is_left_out() -> None:
    model, other = trained("rnn"), trained("lstm")
    object.__setattr__(other, "data", text_data("xyz XYZ " * 200))
    object.__setattr__(model, "companions", {"lstm": other})
    curve = last(recurrent.gradient_view(model, LagKnobs(lags=8, texts=2)))
    assert [line.name for line in curve.lines] == ["Elman RNN, step 7"]


def test_a_gradient_that_is_zero_can_be_drawn_on_a_log_axis() -> None:
    model = trained("rnn")
    with torch.no_grad():
        model.module.weights(0).state.zero_()
    (line,) = last(recurrent.gradient_view(model, LagKnobs(lags=8))).lines
    assert line.y[0] > 1e-3
    assert (line.y[1:] > 0).all()
    assert (line.y[1:] < 1e-6).all()


def test_more_lags_than_held_out_text_looks_as_far_as_there_is() -> None:
    model = trained("rnn")
    size = len(model.data.held_out)
    assert size < 257
    (line,) = last(recurrent.gradient_view(model, LagKnobs(lags=256))).lines
    assert len(line.x) == size - 1


def test_without_held_out_text_there_is_nothing_to_measure() -> None:
    model = trained("rnn")
    saved = type(model.data).from_json(model.data.to_json())
    object.__setattr__(model, "data", saved)
    with pytest.raises(PlaygroundError, match="held-out"):
        last(recurrent.gradient_view(model, LagKnobs()))

"""Long short-term memory: what its gates do when they are forced, and how it starts."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.families import lstm
from engine.families.lstm import MODEL, NetKnobs
from engine.family import Trained
from engine.layers.recurrent import LayerOverText, gradient_by_lag
from engine.payloads import Heatmaps
from tests.engine.layers.recurrences import InNumpy, sigmoid
from tests.engine.small import last, randomise, sentences, some_tokens, text_data

DATA = text_data(sentences(600))
HIDDEN = 6
SHUT, OPEN = -60.0, 60.0
ROWS = {
    name: slice(place * HIDDEN, (place + 1) * HIDDEN)
    for place, name in enumerate(("input", "forget", "candidate", "output"))
}


def network(layers: int = 1, **forced: float) -> lstm.LSTM:
    """A network whose named gates are forced by their bias."""
    module = lstm.build(NetKnobs(hidden=HIDDEN, width=5, layers=layers), DATA)
    randomise(module)
    with torch.no_grad():
        for name, bias in forced.items():
            module.weights(0).input_bias[ROWS[name]] = bias
    return module


def one_step(module: lstm.LSTM) -> tuple[Any, Any, Any, Any]:
    """The old c, the new h and c, and the gates."""
    x, h, c = torch.randn(3, 5), torch.randn(3, HIDDEN), torch.randn(3, HIDDEN)
    with torch.no_grad():
        (new_h, new_c), parts = module.cell(x, (h, c), module.weights(0))
    return c, new_h, new_c, parts


def test_a_forget_gate_at_one_keeps_the_cell() -> None:
    c, _, new, parts = one_step(network(forget=OPEN, input=SHUT))
    assert torch.equal(parts["forget"], torch.ones(3, HIDDEN))
    torch.testing.assert_close(new, c, rtol=0, atol=1e-7)


def test_a_forget_gate_at_zero_empties_the_cell() -> None:
    _, h, new, _ = one_step(network(forget=SHUT, input=SHUT))
    torch.testing.assert_close(new, torch.zeros(3, HIDDEN), rtol=0, atol=1e-7)
    torch.testing.assert_close(h, torch.zeros(3, HIDDEN), rtol=0, atol=1e-7)


def test_a_shut_output_gate_tells_nothing_of_the_cell() -> None:
    _, h, new, _ = one_step(network(output=SHUT))
    assert new.abs().max() > 0.1
    torch.testing.assert_close(h, torch.zeros(3, HIDDEN), rtol=0, atol=1e-7)


def test_a_cell_that_forgets_nothing_is_the_sum_of_what_came_in() -> None:
    module = network(forget=OPEN, input=OPEN)
    tokens = some_tokens(DATA.tokeniser.size, 1, 25)
    with torch.no_grad():
        unrolled = module.unroll(tokens)
    w = module.weights(0)
    rows = ROWS["candidate"]
    inputs = module.embed(tokens)[0].detach()
    h, total = torch.zeros(HIDDEN), torch.zeros(HIDDEN)
    for t in range(25):
        bias = w.input_bias[rows] + w.state_bias[rows]
        total = total + (w.input[rows] @ inputs[t] + w.state[rows] @ h + bias).tanh().detach()
        h, c = (each[0] for each in unrolled.states[t][0])
        torch.testing.assert_close(c, total, rtol=1e-4, atol=1e-5)


def test_the_gradient_along_a_kept_cell_neither_vanishes_nor_explodes() -> None:
    """Without a way through h, d loss / d c is the same at every lag but the first.

    d loss / d c_{T-k} = o_T (1 - tanh^2 c_T) W_o^T (p - y), k = 1, 2, ...
    """
    module = network(forget=OPEN)
    with torch.no_grad():
        module.weights(0).state.zero_()
    tokens = some_tokens(DATA.tokeniser.size, 1, 41)
    norms = gradient_by_lag(module, tokens)

    reference = InNumpy("lstm", module)
    states = reference.states(tokens[0, :-1].tolist())[-1]
    logits = reference.logits(states)
    p = np.exp(logits) / np.exp(logits).sum()
    p[int(tokens[0, -1])] -= 1.0
    by_h = reference.head[0].T @ p
    _, c = states[0]
    x = reference.rows[int(tokens[0, -2])]
    output = sigmoid(reference.layers[0][3](x, np.zeros(HIDDEN)))
    by_c = output * (1 - np.tanh(c) ** 2) * by_h
    assert norms[0] == pytest.approx(np.linalg.norm(by_h), rel=1e-4)
    np.testing.assert_allclose(norms[1:], np.linalg.norm(by_c), rtol=1e-3)


@pytest.mark.parametrize("forget", [0.0, -2.0])
def test_the_gradient_along_the_cell_shrinks_by_the_forget_gate(forget: float) -> None:
    module = network(forget=forget)
    with torch.no_grad():
        module.weights(0).state.zero_()
        module.weights(0).input[ROWS["forget"]].zero_()
        module.weights(0).state_bias[ROWS["forget"]].zero_()
    norms = gradient_by_lag(module, some_tokens(DATA.tokeniser.size, 1, 13))
    factor = sigmoid(forget)
    np.testing.assert_allclose(norms[2:] / norms[1:-1], factor, rtol=1e-3)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_forget_gates_start_open(layers: int) -> None:
    torch.manual_seed(0)
    module = lstm.build(NetKnobs(hidden=HIDDEN, width=5, layers=layers), DATA)
    for layer in range(layers):
        weights = module.weights(layer)
        bias = weights.input_bias.detach()
        assert torch.equal(bias[ROWS["forget"]], torch.ones(HIDDEN))
        limit = HIDDEN**-0.5
        others = torch.cat([bias[ROWS[name]] for name in ("input", "candidate", "output")])
        assert others.abs().max() <= limit
        assert weights.state_bias.abs().max() <= limit


@pytest.mark.parametrize(("layer", "shown"), [(1, 0), (2, 1), (4, 1)])
def test_the_picture_shows_the_gates_and_the_cell(layer: int, shown: int) -> None:
    module = network(layers=2).eval().requires_grad_(False)
    net = NetKnobs(hidden=HIDDEN, width=5, layers=2)
    trained = Trained(module=module, net=net, train=None, data=DATA, step=1, model=MODEL)
    text = "ida joe kim"
    picture = last(lstm.gates(trained, LayerOverText(text=text, layer=layer, order="as numbered")))
    assert isinstance(picture, Heatmaps)
    *gates, cell = picture.panels
    assert [panel.title for panel in gates] == ["Input gate i", "Forget gate f", "Output gate o"]
    assert cell.diverging

    reference = InNumpy("lstm", module)
    tokens = [int(token) for token in DATA.tokeniser.encode(text)]
    states = [reference.start, *reference.states(tokens)]
    for panel, gate in zip(gates, (0, 1, 3), strict=True):
        assert panel.columns == tuple(text)
        assert (panel.low, panel.high) == (0.0, 1.0)
        assert panel.values.min() >= 0.0
        assert panel.values.max() <= 1.0
        for t, token in enumerate(tokens):
            x = reference.rows[token] if shown == 0 else states[t + 1][0][0]
            wanted = sigmoid(reference.layers[shown][gate](x, states[t][shown][0]))
            np.testing.assert_allclose(panel.values[:, t], wanted, atol=1e-5)
    wanted = np.stack([each[shown][1] for each in states[1:]], axis=1)
    np.testing.assert_allclose(cell.values, wanted, atol=1e-5)

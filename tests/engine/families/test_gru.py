"""The gated recurrent unit: what its gates do when they are forced."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.families import gru
from engine.families.gru import MODEL, NetKnobs
from engine.family import Trained
from engine.layers.recurrent import LayerOverText, gradient_by_lag
from engine.payloads import Heatmaps
from tests.engine.layers.recurrences import InNumpy, sigmoid
from tests.engine.small import last, randomise, sentences, some_tokens, text_data

DATA = text_data(sentences(600))
HIDDEN = 6
SHUT, OPEN = -60.0, 60.0
ROWS = {"reset": slice(0, HIDDEN), "update": slice(HIDDEN, 2 * HIDDEN)}


def network(**forced: float) -> gru.GRU:
    """A network whose named gates are forced by their bias."""
    module = gru.build(NetKnobs(hidden=HIDDEN, width=5), DATA)
    randomise(module)
    with torch.no_grad():
        for name, bias in forced.items():
            module.weights(0).input_bias[ROWS[name]] = bias
    return module


def one_step(module: gru.GRU) -> tuple[Any, Any, Any, Any]:
    """x, h, the new h and the gates."""
    x, h = torch.randn(3, 5), torch.randn(3, HIDDEN)
    with torch.no_grad():
        (new,), parts = module.cell(x, (h,), module.weights(0))
    return x, h, new, parts


def test_an_open_update_gate_leaves_the_state_as_it_was() -> None:
    _, h, new, parts = one_step(network(update=OPEN))
    assert torch.equal(parts["update"], torch.ones(3, HIDDEN))
    assert torch.equal(new, h)


def test_with_the_update_gate_shut_the_candidate_becomes_the_state() -> None:
    module = network(update=SHUT)
    x, h, new, parts = one_step(module)
    w = module.weights(0)
    rows = slice(2 * HIDDEN, None)
    from_state = h @ w.state[rows].T + w.state_bias[rows]
    candidate = (x @ w.input[rows].T + w.input_bias[rows] + parts["reset"] * from_state).tanh()
    torch.testing.assert_close(new, candidate.detach())


def test_with_both_gates_shut_the_past_is_forgotten() -> None:
    module = network(update=SHUT, reset=SHUT)
    x = torch.randn(1, 5)
    with torch.no_grad():
        news = [
            module.cell(x, (torch.randn(1, HIDDEN),), module.weights(0))[0][0] for _ in range(3)
        ]
    torch.testing.assert_close(news[0], news[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(news[0], news[2], rtol=0, atol=1e-6)


def test_the_gradient_passes_an_open_update_gate_unchanged() -> None:
    norms = gradient_by_lag(network(update=OPEN), some_tokens(DATA.tokeniser.size, 2, 31))
    assert norms[0] > 1e-3
    np.testing.assert_allclose(norms, norms[0], rtol=1e-5)


@pytest.mark.parametrize(("layer", "shown"), [(1, 0), (2, 1), (4, 1)])
def test_the_picture_shows_the_gates(layer: int, shown: int) -> None:
    net = NetKnobs(hidden=HIDDEN, width=5, layers=2)
    module = gru.build(net, DATA).eval().requires_grad_(False)
    randomise(module)
    trained = Trained(module=module, net=net, train=None, data=DATA, step=1, model=MODEL)
    text = "ida joe kim"
    picture = last(gru.gates(trained, LayerOverText(text=text, layer=layer, order="as numbered")))
    assert isinstance(picture, Heatmaps)
    assert [panel.title for panel in picture.panels] == ["Reset gate r", "Update gate z"]

    reference = InNumpy("gru", module)
    tokens = [int(token) for token in DATA.tokeniser.encode(text)]
    before = [reference.start, *reference.states(tokens)]
    for gate, panel in enumerate(picture.panels):
        assert panel.columns == tuple(text)
        assert (panel.low, panel.high) == (0.0, 1.0)
        assert panel.values.min() >= 0.0
        assert panel.values.max() <= 1.0
        for t, token in enumerate(tokens):
            x = reference.rows[token] if shown == 0 else before[t + 1][0][0]
            wanted = sigmoid(reference.layers[shown][gate](x, before[t][shown][0]))
            np.testing.assert_allclose(panel.values[:, t], wanted, atol=1e-5)

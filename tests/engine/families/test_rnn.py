"""The Elman network: what it starts as, and what its settings are for."""

import numpy as np
import pytest
import torch

from engine.families import rnn
from engine.families.rnn import MODEL, NetKnobs
from engine.layers.recurrent import gradient_by_lag
from tests.engine.small import randomise, sentences, some_tokens, text_data

DATA = text_data(sentences(600))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_state_matrix_starts_orthogonal(layers: int) -> None:
    module = rnn.build(NetKnobs(hidden=12, layers=layers), DATA)
    for layer in range(layers):
        matrix = module.weights(layer).state.detach().numpy()
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(12), atol=1e-5)


def test_an_orthogonal_network_in_its_linear_range_keeps_its_gradient() -> None:
    """tanh is nearly the identity near zero, and an orthogonal matrix keeps lengths."""
    torch.manual_seed(0)
    module = rnn.build(NetKnobs(hidden=12, width=4), DATA)
    with torch.no_grad():
        module.embed.one.weight.mul_(1e-3)
        module.weights(0).input_bias.zero_()
        module.weights(0).state_bias.zero_()
    norms = gradient_by_lag(module, some_tokens(DATA.tokeniser.size, 4, 31))
    np.testing.assert_allclose(norms, norms[0], rtol=1e-3)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_smaller_matrix_vanishes_and_a_larger_explodes(scale: float) -> None:
    torch.manual_seed(0)
    module = rnn.build(NetKnobs(hidden=12, width=4), DATA)
    with torch.no_grad():
        module.embed.one.weight.mul_(1e-9)
        module.weights(0).input_bias.zero_()
        module.weights(0).state_bias.zero_()
        module.weights(0).state.mul_(scale)
    norms = gradient_by_lag(module, some_tokens(DATA.tokeniser.size, 4, 13))
    np.testing.assert_allclose(norms / norms[0], scale ** np.arange(12.0), rtol=1e-3)


def test_one_step_is_the_equation() -> None:
    module = rnn.build(NetKnobs(hidden=6, width=5), DATA)
    randomise(module)
    x, h = torch.randn(1, 5), torch.randn(1, 6)
    with torch.no_grad():
        ((got,), parts) = module.cell(x, (h,), module.weights(0))
    w, u, b, d = (
        module.state_dict()[f"core.{name}_l0"].numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    np.testing.assert_allclose(
        got[0], np.tanh(w @ x[0].numpy() + u @ h[0].numpy() + b + d), rtol=1e-5, atol=1e-6
    )
    assert not parts


def test_the_bare_preset_does_not_clip() -> None:
    assert MODEL.preset("bare").train.clip == 0.0
    assert MODEL.preset("bare").train.learning_rate > MODEL.preset("default").train.learning_rate

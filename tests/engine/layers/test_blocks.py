"""engine/layers/blocks.py against the definitions."""

import pytest
import torch

from engine.layers.blocks import norm, squared_relu


def test_norm_takes_away_the_mean_and_the_size() -> None:
    x = 3.0 + 5.0 * torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    found = norm(x)
    centred = x - x.mean(-1, keepdim=True)
    wanted = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(found, wanted)


def test_squared_relu_and_its_derivative() -> None:
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 3.0], requires_grad=True)
    y = squared_relu(x)
    assert y.tolist() == [0.0, 0.0, 0.0, 0.25, 9.0]
    (down,) = torch.autograd.grad(y, x, torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0]))
    assert down.tolist() == [0.0, 0.0, 0.0, 1.0, 12.0]


def test_squared_relu_passes_the_check_of_its_gradient() -> None:
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(squared_relu, (x,))


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3, 4)])
def test_squared_relu_is_the_same_where_nothing_is_learned(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = squared_relu(x)
    assert torch.equal(found, squared_relu(x.requires_grad_()))
    assert not found.requires_grad

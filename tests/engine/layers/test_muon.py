"""Muon against a singular value decomposition."""

import math

import pytest
import torch
from torch import nn

from engine.layers.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(6, 6), (5, 40), (40, 5), (1, 7)])
def test_a_matrix_keeps_its_directions_and_loses_its_lengths(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonal(matrix, rounds=8) @ v.T  # diagonal where the directions are kept
    lengths = found.diagonal()
    torch.testing.assert_close(found, lengths.diag(), rtol=0, atol=1e-3)
    assert float(lengths.min()) > 0.6
    assert float(lengths.max()) < 1.3


def test_the_first_step_of_a_convolution() -> None:
    weight = nn.Parameter(torch.zeros(4, 3, 3, 3))
    optimiser = Muon([weight], lr=0.1)
    gradient = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    weight.grad = gradient.clone()
    optimiser.step()
    step = -weight.detach().flatten(1)
    lengths = torch.linalg.svdvals(step) / (0.1 * 0.2 * math.sqrt(27))
    assert bool(((lengths > 0.6) & (lengths < 1.3)).all())
    u, _, v = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    cosine = (step * (u @ v)).sum() / (step.norm() * (u @ v).norm())
    assert float(cosine) > 0.95


def test_momentum_is_a_mean_of_the_gradients_with_a_look_ahead() -> None:
    # Of one row the orthogonal form is the row at a fixed length: its direction shows the mean.
    weight = nn.Parameter(torch.zeros(1, 2))
    optimiser = Muon([weight], lr=1.0, momentum=0.5)
    moving = torch.zeros(2)
    for gradient in (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])):
        before = weight.detach().clone()
        weight.grad = gradient[None].clone()
        optimiser.step()
        moving = 0.5 * moving + 0.5 * gradient
        ahead = 0.5 * gradient + 0.5 * moving
        step = (before - weight.detach())[0]
        torch.testing.assert_close(step / step.norm(), ahead / ahead.norm())


def test_weight_decay_and_no_gradient() -> None:
    weight, idle = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimiser = Muon([weight, idle], lr=0.1, weight_decay=0.5)
    weight.grad = torch.zeros(2, 2)
    optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), 0.95))
    assert torch.equal(idle.detach(), torch.ones(2, 2))


def test_a_least_squares_problem_is_solved() -> None:
    random = torch.Generator().manual_seed(0)
    wanted, inputs = torch.randn(4, 6, generator=random), torch.randn(64, 6, generator=random)
    weight = nn.Parameter(torch.zeros(4, 6))
    optimiser = Muon([weight], lr=0.2)
    losses = []
    for step in range(200):
        loss = (inputs @ (weight - wanted).T).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.param_groups[0]["lr"] = 0.2 * (1 - step / 200)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 1e-3 * losses[0]

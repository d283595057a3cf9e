"""PixelCNN: what a point sees, what the network computes, and drawing with what is kept."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.families import pixelcnn
from engine.families.pixelcnn import NetKnobs
from tests.engine.pixels import (
    field,
    leaks,
    pictures,
    ready,
)


def network(rows: int = 5, columns: int = 5, channels: int = 1, **net: Any) -> Any:
    """A small one whose weights are nowhere zero."""
    knobs = NetKnobs(**({"width": 12, "depth": 2, "kernel": 2} | net))
    return ready(pixelcnn.build(knobs, pictures(rows, columns, channels)))


# --- what is seen


@pytest.mark.parametrize(
    ("channels", "levels", "patch"), [(1, "2", "1"), (3, "4", "1"), (3, "2", "2")]
)
def test_no_draw_depends_on_a_later_one(channels: int, levels: str, patch: str) -> None:
    module = network(6, 6, channels, levels=levels, patch=patch).double()
    assert not list(leaks(module))


def test_a_leak_would_be_seen() -> None:
    module = network(3, 3, 1).double()
    module.enter.mask[:, :, -1, -1] = 1.0
    assert list(leaks(module))


@functools.cache
def reach(kernel: int, depth: int) -> frozenset[tuple[int, int]]:
    """(rows up, columns to the right) that a point can know, from the kernels alone."""
    sides = range(-kernel, kernel + 1)
    seen = {(up, side) for up in range(1, kernel + 1) for side in sides}
    seen |= {(0, -side) for side in range(1, kernel + 1)}
    for _ in range(depth):
        looks = [(0, 0), (0, -1), (1, -1), (1, 0), (1, 1)]
        seen = {(up + a, side + b) for up, side in seen for a, b in looks}
    return frozenset(seen)


@pytest.mark.parametrize(("kernel", "depth"), [(1, 2), (2, 1), (2, 3)])
def test_a_point_sees_what_the_kernels_reach_and_there_is_a_blind_spot(
    kernel: int, depth: int
) -> None:
    size, row, column = 11, 8, 4
    module = network(size, size, kernel=kernel, depth=depth).double()
    inside = {
        (up, side)
        for up, side in reach(kernel, depth)
        if 0 <= row - up < size and 0 <= column + side < size
    }
    seen = field(module, row, column)
    assert seen == inside
    # However deep, what lies further to the right than up (and the first kernel) is not seen.
    assert all(side <= up - 1 + kernel for up, side in seen if up)
    assert (1, kernel + 1) not in seen
    assert (1, -kernel - 1) in seen


def test_the_first_rows_do_without_the_others() -> None:
    module = network(5, 4, channels=3)
    x, label = torch.randn(2, 3, 5, 4), torch.tensor([0, 1])
    for rows in range(1, 6):
        found, whole = module(x[:, :, :rows], label), module(x, label)[..., :rows, :]
        torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


# --- what is computed


def test_a_block_is_what_the_paper_draws() -> None:
    module = network(4, 4, width=8)
    block = module.blocks[0]
    x = torch.randn(2, 8, 4, 4)
    label = torch.tensor([0, 2])
    said = block(x, label)

    def at(n: int, r: int, c: int) -> Any:
        """Features inside the block at a place, zeros outside the picture."""
        if not (0 <= r < 4 and 0 <= c < 4):
            return torch.zeros(4)
        entered = block.enter.weight[:, :, 0, 0] @ F.relu(x[n, :, r, c]) + block.enter.bias
        return F.relu(entered + block.label.weight[label[n]])

    for n, r, c in np.ndindex(2, 4, 4):
        looked = block.look.bias.clone()
        for down, across in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
            looked += block.look.weight[:, :, down, across] @ at(n, r + down - 1, c + across - 1)
        wanted = x[n, :, r, c] + block.leave.weight[:, :, 0, 0] @ F.relu(looked) + block.leave.bias
        torch.testing.assert_close(said[n, :, r, c], wanted, rtol=1e-4, atol=1e-5)


def test_the_masks_that_are_shown_are_those_in_use() -> None:
    first, *_, last = network(channels=3, kernel=1).masks()
    assert first.allowed.shape == (3, 3, 2, 3)
    assert first.centre == (1, 1)
    for ours, theirs in np.ndindex(3, 3):
        shown = first.allowed[ours, theirs]
        assert shown[0].all()
        assert shown[1].tolist() == [True, theirs < ours, False]
    assert last.allowed[:, :, 0, 0].tolist() == [[t <= o for t in range(3)] for o in range(3)]
    assert len(network(depth=2).masks()) == 4

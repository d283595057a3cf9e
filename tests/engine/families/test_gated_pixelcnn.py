"""Gated PixelCNN: what a point sees, what the network computes, and drawing with what is kept."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.families import gated_pixelcnn
from engine.families.gated_pixelcnn import NetKnobs
from tests.engine.pixels import (
    field,
    leaks,
    pictures,
    ready,
)


def network(rows: int = 5, columns: int = 5, channels: int = 1, **net: Any) -> Any:
    """A small one whose weights are nowhere zero."""
    knobs = NetKnobs(**({"width": 12, "depth": 2, "kernel": 2} | net))
    return ready(gated_pixelcnn.build(knobs, pictures(rows, columns, channels)))


# --- what is seen


@pytest.mark.parametrize(
    ("channels", "levels", "patch"), [(1, "2", "1"), (3, "4", "1"), (3, "2", "2")]
)
def test_no_draw_depends_on_a_later_one(channels: int, levels: str, patch: str) -> None:
    module = network(6, 6, channels, levels=levels, patch=patch).double()
    assert not list(leaks(module))


def test_a_leak_would_be_seen() -> None:
    module = network(3, 3, 1).double()
    module.layers[0].across.mask[:] = 1.0
    assert list(leaks(module))


@pytest.mark.parametrize(("kernel", "depth"), [(1, 2), (2, 1), (2, 3)])
def test_a_point_sees_all_before_it_within_the_reach(kernel: int, depth: int) -> None:
    """No blind spot: the whole rectangle above, and the row to the left."""
    size, row, column = 11, 8, 4
    module = network(size, size, kernel=kernel, depth=depth).double()
    reach = kernel + depth
    wanted = {
        (up, side)
        for up in range(min(reach, row) + 1)
        for side in range(-reach, reach + 1)
        if (up > 0 or side < 0) and 0 <= column + side < size
    }
    assert field(module, row, column) == wanted
    assert (1, min(reach, size - 1 - column)) in wanted  # the plain one is blind there


def test_every_earlier_point_is_seen_where_the_layers_reach_over_the_picture() -> None:
    module = network(5, 5, kernel=2, depth=3).double()
    for row, column in np.ndindex(5, 5):
        assert len(field(module, row, column)) == row * 5 + column


def test_the_first_rows_do_without_the_others() -> None:
    module = network(5, 4, channels=3)
    x, label = torch.randn(2, 3, 5, 4), torch.tensor([0, 1])
    for rows in range(1, 6):
        found, whole = module(x[:, :, :rows], label), module(x, label)[..., :rows, :]
        torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


# --- what is computed


def test_the_layers_compute_the_equations() -> None:
    """Both stacks of two layers, place by place, from the weights alone."""
    module = network(4, 4, width=8, depth=1, kernel=1)
    first, second = module.layers
    x, label = torch.randn(1, 4, 4), 2

    def over(conv: Any, maps: Any, r: int, c: int, taps: Any) -> Any:
        """Bias, and the sum over the kernel's taps (row, column, down, right); zeros outside."""
        total = conv.bias.clone()
        for kernel_row, kernel_column, down, right in taps:
            if 0 <= r + down < 4 and 0 <= c + right < 4:
                weight = conv.weight[:, :, kernel_row, kernel_column]
                total += weight @ maps[:, r + down, c + right]
        return total

    above = [(0, 0, -1, -1), (0, 1, -1, 0), (0, 2, -1, 1)]
    rows = [*above, (1, 0, 0, -1), (1, 1, 0, 0), (1, 2, 0, 1)]
    left, here = [(0, 0, 0, -1)], [(0, 1, 0, 0)]
    v = h = x
    for layer, down_taps, across_taps in ((first, above, left), (second, rows, left + here)):
        told_v, told_h = layer.label.weight[label].chunk(2)
        new_v, new_h = torch.empty(8, 4, 4), torch.empty(8, 4, 4)
        for r, c in np.ndindex(4, 4):
            down = over(layer.down, v, r, c, down_taps)
            if layer is first:
                down += layer.places.row[:, r, 0] + layer.places.column[:, 0, c]
            linked = layer.link.weight[:, :, 0, 0] @ down + layer.link.bias
            a, b = (over(layer.across, h, r, c, across_taps) + linked + told_h).chunk(2)
            out = layer.leave.weight[:, :, 0, 0] @ (torch.tanh(a) * torch.sigmoid(b))
            new_h[:, r, c] = out + layer.leave.bias
            a, b = (down + told_v).chunk(2)
            new_v[:, r, c] = torch.tanh(a) * torch.sigmoid(b)
        v, h = (new_v, new_h) if layer is first else (v + new_v, h + new_h)
    said_v = said_h = x[None]
    for layer in module.layers:
        said_v, said_h = layer(said_v, said_h, torch.tensor([label]))
    torch.testing.assert_close(said_v[0], v, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(said_h[0], h, rtol=1e-4, atol=1e-5)


def test_the_masks_that_are_shown_are_those_in_use() -> None:
    masks = network(channels=3, kernel=1, depth=1).masks()
    assert len(masks) == 5
    down, across, later_down, later_across, last = masks
    assert down.allowed[0, 0].tolist() == [[True] * 3, [False] * 3]
    assert down.centre == later_down.centre == (1, 1)
    assert later_down.allowed.all()
    assert across.centre == later_across.centre == (0, 1)
    for ours, theirs in np.ndindex(3, 3):
        assert across.allowed[ours, theirs].tolist() == [[True, theirs < ours]]
        assert later_across.allowed[ours, theirs].tolist() == [[True, theirs <= ours]]
        assert last.allowed[ours, theirs].item() == (theirs <= ours)

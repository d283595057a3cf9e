"""engine/layers/masked.py: against the whole kernel with its weights set to zero by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.layers.masked import MaskedConv2d, Product, Remembered, groups_of, present
from tests.engine.small import randomise

SHAPES = [
    # above, left, right, kind, groups, parts
    (2, 2, 2, "A", 1, 1),
    (1, 1, 1, "B", 3, 1),
    (1, 2, 2, "A", 3, 2),
    (0, 3, 0, "A", 3, 1),
    (0, 1, 0, "B", 1, 2),
    (0, 0, 0, "B", 3, 1),
    (2, 2, 2, "above", 1, 1),
    (1, 1, 1, "row", 3, 1),
]
shapes = pytest.mark.parametrize(("above", "left", "right", "kind", "groups", "parts"), SHAPES)


def conv(above: int, left: int, right: int, kind: Any, groups: int, parts: int) -> Any:
    made = MaskedConv2d(6, 12, above, left, right, kind, groups, parts)
    randomise(made)
    return made.requires_grad_(False)


def test_features_are_shared_out_in_order() -> None:
    assert groups_of(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert groups_of(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert groups_of(4, 1).tolist() == [0, 0, 0, 0]


def test_mask_a_leaves_out_the_own_channel_and_mask_b_does_not() -> None:
    assert present(3, 3, 3, "A").tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert present(3, 3, 3, "B").tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert not present(4, 2, 1, "A").any()
    assert present(4, 2, 1, "B").all()
    assert present(2, 4, 2, "A").tolist() == [[0, 0, 0, 0], [1, 1, 0, 0]]


@shapes
def test_it_is_the_whole_kernel_without_what_comes_later(
    above: int, left: int, right: int, kind: Any, groups: int, parts: int
) -> None:
    layer = conv(above, left, right, kind, groups, parts)
    side = max(above, left, right)
    whole = torch.zeros(12, 6, 2 * side + 1, 2 * side + 1)
    columns = slice(side - left, side + right + 1)
    whole[:, :, side - above : side + 1, columns] = layer.weight
    for out, into in np.ndindex(12, 6):
        ours = (out % (12 // parts)) * groups // (12 // parts)
        theirs = into * groups // 6
        row = whole[out, into, side]
        if kind in ("A", "B"):
            row[side + 1 :] = 0.0
            if theirs > ours or (kind == "A" and theirs == ours):
                row[side] = 0.0
        elif kind == "above":
            row[:] = 0.0
    x = torch.randn(2, 6, 4, 5)
    wanted = F.conv2d(x, whole, layer.bias, padding=side)
    torch.testing.assert_close(layer(x), wanted, rtol=1e-4, atol=1e-5)


@shapes
def test_what_is_remembered_gives_the_same_place_by_place_and_by_rows(
    above: int, left: int, right: int, kind: Any, groups: int, parts: int
) -> None:
    layer = conv(above, left, right, kind, groups, parts)
    x = torch.randn(2, 6, 4, 5)
    wanted = layer(x)
    known, rows = (Remembered(layer, 2, 4, 5) for _ in range(2))
    for row in range(4):
        rows.write_row(row, x[:, :, row].transpose(1, 2))
        torch.testing.assert_close(
            rows.row(row).transpose(1, 2), wanted[:, :, row], rtol=1e-4, atol=1e-5
        )
        known.begin(row)
        for column in range(5):
            if kind != "above":
                known.write(row, column, x[:, :, row, column])
            if kind != "row":  # which sees what comes later in the row
                found = known.at(row, column)
                torch.testing.assert_close(found, wanted[..., row, column], rtol=1e-4, atol=1e-5)
            known.write(row, column, x[:, :, row, column])


def test_a_product_is_the_layer_at_a_place() -> None:
    layer = conv(0, 0, 0, "B", 3, 1)
    x = torch.randn(2, 6)
    torch.testing.assert_close(Product(layer)(x), layer(x[:, :, None, None])[:, :, 0, 0])


def test_new_weights_keep_the_size_of_what_goes_through() -> None:
    layer = MaskedConv2d(32, 64, 1, 1, 1, "B")
    with torch.no_grad():
        inside = layer(torch.randn(8, 32, 12, 12))[:, :, 2:, 2:-2]
    assert float(inside.std()) == pytest.approx(1.0, abs=0.1)


def test_the_mask_that_is_shown_is_between_channels() -> None:
    mask = conv(1, 2, 2, "A", 3, 2).shown("first")
    assert mask.title == "first"
    assert mask.centre == (1, 2)
    assert mask.allowed.shape == (3, 3, 2, 5)
    for ours, theirs in np.ndindex(3, 3):
        assert mask.allowed[ours, theirs, 0].all()
        assert mask.allowed[ours, theirs, 1].tolist() == [True, True, theirs < ours, False, False]

"""Masks as the model has them, and fields and blind spots against what the masks let through."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from engine.layers.pixelviews import inside
from engine.layers.pixelviews.inside import Field
from engine.layers.pixelwise import Mask
from tests.engine.layers.pixelviews.models import VARIANTS, draw, every_model, made

# --- masks


def test_a_mask_with_colours_is_a_block_for_each_pair() -> None:
    allowed = np.zeros((3, 3, 2, 5), np.bool_)
    allowed[2, 1, 0, 4] = True
    drawn = inside.mask_picture(Mask("mask B", allowed, (1, 2)), (2, 3))
    assert drawn.values.shape == (15, 21)
    assert np.argwhere(drawn.values).tolist() == [[11, 12]]
    assert (drawn.rows[11], drawn.columns[12]) == ("B -1", "G +2")


@every_model
def test_the_masks_are_those_of_the_model_around_the_place(key: str) -> None:
    trained = made(key)
    drawn = draw(trained, "masks").panels
    found = trained.module.masks()
    assert [each.title for each in drawn] == [each.title for each in found]
    for heatmap, mask in zip(drawn, found, strict=True):
        bright = [
            (int(heatmap.rows[r]), int(heatmap.columns[c])) for r, c in np.argwhere(heatmap.values)
        ]
        wanted = np.argwhere(mask.allowed[0, 0]) - np.array(mask.centre)
        assert bright == [tuple(each) for each in wanted.tolist()]
        assert heatmap.rows[len(heatmap.rows) // 2] == "+0"
        assert heatmap.columns[len(heatmap.columns) // 2] == "+0"


# --- receptive field


def seen_through(masks: tuple[Mask, ...], row: int, column: int, shape: tuple[int, int]) -> Any:
    """Which inputs reach a place through layers one upon the other, each with a way past it."""
    reached = np.zeros(shape, np.bool_)
    reached[row, column] = True
    for number, mask in enumerate(reversed(masks)):
        entered = number == len(masks) - 1  # nothing goes past the first layer
        after = np.zeros(shape, np.bool_) if entered else reached.copy()
        for r, c in np.argwhere(reached):
            for down, across in np.argwhere(mask.allowed[0, 0]) - np.array(mask.centre):
                if 0 <= r + down < shape[0] and 0 <= c + across < shape[1]:
                    after[r + down, c + across] = True
        reached = after
    return reached


PLACES = [(0, 0), (0, 4), (3, 0), (5, 5), (8, 4), (10, 10)]


@pytest.mark.parametrize("place", PLACES)
def test_the_plain_field_is_what_its_masks_let_through(place: tuple[int, int]) -> None:
    trained = made("pixelcnn", size=11, depth=3)
    field = inside.field_at(trained, *place)
    wanted = seen_through(trained.module.masks(), *place, (11, 11))
    assert np.array_equal(field.seen, wanted)


def test_the_plain_model_has_a_blind_spot_and_the_others_have_none() -> None:
    field = inside.field_at(made("pixelcnn", size=11, depth=3), 8, 4)
    # The first layer and each block see one column to the right for a row up.
    wedge = [(8 - up, 4 + across) for up in range(1, 4) for across in range(up + 1, 5)]
    assert {(r, c) for r, c in np.argwhere(field.hidden).tolist()} == set(wedge)
    for key in ("gated-pixelcnn", "diagonal-bilstm"):
        assert not inside.field_at(made(key, size=11), 8, 4).hidden.any(), key
    whole = inside.field_at(made("diagonal-bilstm", size=11), 8, 4)
    assert np.array_equal(whole.seen, whole.earlier)


def test_what_is_far_away_is_not_rounded_to_nothing() -> None:
    """Through some hundred steps of a recurrent network a gradient may fall below 2^-149."""
    field = inside.field_at(made("diagonal-bilstm", size=64, hidden=4, layers=1), 63, 32)
    assert np.array_equal(field.seen, field.earlier)
    assert np.isfinite(field.strength).all()
    assert (field.strength[field.earlier] < 2.0**-149).any()  # or there was nothing to lose


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_field_is_what_changes_the_logits(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    grid, row = trained.module.grid, 2 if variant != "patches" else 1
    field = inside.field_at(trained, row, 1)
    # With colours the place sees the channels of itself that come first.
    here = np.zeros_like(field.seen)
    here[row, 1] = grid.channels > 1
    assert not (field.seen & ~field.earlier & ~here).any()
    module = trained.module
    x = torch.rand(6, grid.channels * grid.points, grid.rows, grid.columns) * 2 - 1
    labels = torch.full((6,), module.classes)
    with torch.no_grad():
        usual = module(x, labels)[..., row, 1]
        for r in range(grid.rows):
            for c in range(grid.columns):
                other = x.clone()
                other[:, :, r, c] = torch.rand(other[:, :, r, c].shape) * 4 - 2
                changes = bool((module(other, labels)[..., row, 1] != usual).any())
                assert changes <= bool(field.seen[r, c]), (r, c)


def test_the_blind_spot_is_what_is_not_seen_below_something_that_is() -> None:
    seen = np.array([[0, 1, 0, 0], [1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]], np.bool_)
    field = Field(2, 2, seen.astype(np.float32), seen)
    assert np.argwhere(field.earlier).shape == (10, 2)
    assert not field.hidden.any()
    field = Field(3, 1, seen.astype(np.float32), seen)
    assert np.argwhere(field.hidden).tolist() == [[2, 3], [3, 0]]
    pixels = inside.painted(field)
    colours = {tuple(pixels[r, c]) for r, c in ((2, 3), (3, 0))}
    assert colours == {inside.HIDDEN}
    assert tuple(pixels[3, 1]) == inside.HERE
    assert tuple(pixels[3, 3]) == inside.LATER
    assert tuple(pixels[0, 2]) == inside.FAR
    assert tuple(pixels[1, 0]) == inside.STRONG


def test_the_ring_names_the_place() -> None:
    trained = made("pixelcnn", size=11, depth=3)
    (plane,) = draw(trained, "field", across=4.9, up=2.1).panels
    assert np.argwhere((plane.picture == 255).all(-1)).tolist() == [[8, 4]]
    assert "sees 34 of 92 earlier places; blind spot 6" in plane.title
    (corner,) = draw(trained, "field", across=900.0, up=0.0).panels
    assert np.argwhere((corner.picture == 255).all(-1)).tolist() == [[10, 10]]
    assert corner.handles[0].x == 11.0


def test_fields_of_companions_are_of_the_same_place() -> None:
    companions = {
        "gated-pixelcnn": made("gated-pixelcnn", size=10, patch="2"),
        "row-lstm": made("row-lstm", size=10),
    }
    trained = dataclasses.replace(made("pixelcnn", size=10), companions=companions)
    planes = draw(trained, "field", across=6.5, up=1.5).panels
    where = [np.argwhere((plane.picture == 255).all(-1)).tolist() for plane in planes]
    assert where == [[[8, 6]], [[4, 3]], [[8, 6]]]
    assert [bool(plane.handles) for plane in planes] == [True, False, True]

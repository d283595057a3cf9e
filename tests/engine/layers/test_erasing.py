"""Which picture is looked at, and what is rubbed out of it, counted by hand."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.images import ImageData
from engine.family import Model, Trained
from engine.layers import erasing
from engine.layers.erasing import ErasedKnobs, OfPicture, filled_in, real_picture, rubbed_out
from engine.payloads import Images, Sheet
from engine.phrases import PlaygroundError
from tests.engine.small import image_data

HALVES = [str(region) for region in erasing.REGIONS if region != "by hand"]


def knowing(data: ImageData) -> Trained:
    """A run of which nothing but its data counts."""
    unused: Any = None
    model: Model = unused
    return Trained(module=None, net=None, train=None, data=data, step=0, model=model)


# --- the picture


def test_a_number_names_a_held_out_picture_and_begins_anew_at_the_end() -> None:
    data = image_data()
    count = len(data.held_out)
    for number in (0, 2, count - 1, count, 5 * count + 2):
        found = real_picture(knowing(data), OfPicture(number=number))
        assert found.dtype == np.uint8
        assert np.array_equal(found, data.held_out[number % count][None])


def test_an_own_picture_goes_before_and_needs_no_others(tmp_path: Any) -> None:
    Image.new("L", (16, 8), 200).save(tmp_path / "grey.png")
    data = image_data(channels=3)
    knobs = OfPicture(number=1, picture=str(tmp_path / "grey.png"))
    for each in (data, ImageData.from_json(data.to_json())):
        found = real_picture(knowing(each), knobs)
        assert found.shape == (1, 8, 8, 3)
        assert (found == 200).all()


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Any) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for path in (tmp_path / "nowhere.png", text, tmp_path):
        with pytest.raises(PlaygroundError) as refused:
            real_picture(knowing(image_data()), OfPicture(picture=str(path)))
        assert str(path) in str(refused.value)
    with pytest.raises(PlaygroundError, match="the drawing is damaged"):
        real_picture(knowing(image_data()), OfPicture(picture="data:image/png;base64,?"))


def test_without_pictures_none_can_be_named() -> None:
    gone = ImageData.from_json(image_data().to_json())
    with pytest.raises(PlaygroundError, match="needs the pictures"):
        real_picture(knowing(gone), OfPicture())


# --- what is rubbed out


def test_the_regions() -> None:
    kept = {region: ~rubbed_out(region, (), 4, 6) for region in HALVES}
    assert kept["bottom"].sum(1).tolist() == [6, 6, 0, 0]
    assert kept["top"].sum(1).tolist() == [0, 0, 6, 6]
    assert kept["left"].sum(0).tolist() == [0, 0, 0, 4, 4, 4]
    assert kept["right"].sum(0).tolist() == [4, 4, 4, 0, 0, 0]
    assert kept["middle"].sum() == 24 - 2 * 4


@pytest.mark.parametrize(
    ("region", "row", "column"),
    [("bottom", 2, 0), ("top", 0, 0), ("left", 0, 0), ("right", 0, 2), ("middle", 1, 1)],
)
def test_a_region_of_an_odd_number_of_cells(region: str, row: int, column: int) -> None:
    erased = rubbed_out(region, (), 5, 5)
    assert np.argwhere(erased)[0].tolist() == [row, column]
    assert 0 < erased.sum() < 20


def test_what_is_rubbed_out_goes_before_the_region_and_ends_at_the_edge() -> None:
    erased = rubbed_out("top", (0.0, 7.0, 23.0, 24.0, -1.0, -5.0), 4, 6)
    assert erased.shape == (4, 6)
    assert erased.dtype == np.bool_
    assert np.flatnonzero(erased).tolist() == [0, 7, 23]
    assert not rubbed_out("by hand", (), 4, 6).any()


def test_as_long_as_no_knob_is_moved_the_bottom_is_erased() -> None:
    knobs = ErasedKnobs()
    assert rubbed_out(knobs.region, knobs.erased, 4, 6).sum(1).tolist() == [0, 0, 6, 6]


# --- what was found for it


def test_the_picture_stands_beside_what_was_found() -> None:
    data = image_data()
    original, found = data.held_out[:1], data.train[:2]
    erased = rubbed_out("by hand", (1, 6), 4, 4)
    panels = filled_in(original, erased, found, range(5, 9), "found", cell=2)
    sheet, wall = panels.panels
    assert panels.caption == "found"
    assert isinstance(sheet, Sheet)
    assert np.array_equal(sheet.pixels, original[0])
    assert (sheet.erased, sheet.turns, sheet.cell) == ((1, 6), "erased", 2)
    assert all(type(number) is int for number in sheet.erased)
    assert isinstance(wall, Images)
    assert np.array_equal(wall.pixels, np.concatenate([original, found]))
    assert wall.labels[1:] == ("5", "6")  # no more than were found

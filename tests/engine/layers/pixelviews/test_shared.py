"""Which picture is looked at, and what rows and pieces of pictures come to."""

import dataclasses
from collections.abc import Generator

import numpy as np
import pytest
import torch

from engine.data import images
from engine.layers.erasing import OfPicture
from engine.layers.pixelviews import shared
from engine.layers.pixelwise import Drawn, nats
from engine.phrases import PlaygroundError
from tests.engine.layers.pixelviews.models import (
    A_PICTURE,
    VARIANTS,
    draw,
    every_model,
    made,
    without_pictures,
)
from tests.engine.pixels import finished


@pytest.mark.parametrize("key", ["completion", "surprise"])
def test_an_own_picture_is_taken_and_one_that_is_not_there_refused(key: str) -> None:
    trained = without_pictures(made("pixelcnn"))
    panels = draw(trained, key, picture=A_PICTURE).panels
    wanted = trained.module.grid.tokens(images.picture_of(A_PICTURE, trained.data.shape)[None])
    assert np.array_equal(panels[0].pixels.squeeze(), trained.module.grid.pixels(wanted).squeeze())
    with pytest.raises(PlaygroundError, match="nowhere"):
        draw(trained, key, picture="/nowhere.png")


def test_a_held_out_picture_is_told_its_class_and_an_own_one_none() -> None:
    trained = made("pixelcnn")
    data, module = trained.data, trained.module
    numbers = range(len(data.held_out) + 2)  # from the first again
    labels = []
    for number in numbers:
        found = shared.chosen(trained, OfPicture(number=number))
        row = number % len(data.held_out)
        assert torch.equal(found.tokens, module.grid.tokens(data.held_out[[row]]))
        assert int(found.labels) == data.held_out_labels[row]
        labels.append(int(found.labels))
    assert len(set(labels)) > 1
    assert shared.chosen(trained, OfPicture(picture=A_PICTURE)).labels.tolist() == [module.classes]


@every_model
def test_pictures_a_few_at_a_time_cost_what_they_cost_together(key: str) -> None:
    trained = made(key, **VARIANTS["colours"])
    module, data = trained.module, trained.data
    count = shared.PIECE + 1  # the last piece is short
    tokens = module.grid.tokens(data.train[:count])
    labels = torch.from_numpy(data.train_labels[:count])
    with torch.no_grad():
        found = finished(shared.nats_of(module, tokens, labels))
        torch.testing.assert_close(found, nats(module, tokens, labels))


def test_a_row_of_patches_is_shared_out_among_its_rows_of_points() -> None:
    """Two pictures of 5 x 5 points, in 3 x 3 patches of 2 x 2."""
    grid = made("pixelcnn", **VARIANTS["patches"]).module.grid
    found = torch.arange(18.0).reshape(2, 1, 3, 3)
    assert shared.per_row(grid, found).tolist() == [(3 + 30) / 4, (12 + 39) / 4, (21 + 48) / 4]
    # The rows of points 1 and 2, 3 and 4, 5 and 6.
    assert shared.middles(grid, 0).tolist() == [1.5, 3.5, 5.5]
    assert shared.middles(grid, 1).tolist() == [1.5, 3.5]
    single = made("pixelcnn", **VARIANTS["binary"]).module.grid
    assert shared.middles(single, 2).tolist() == [1.0, 2.0, 3.0]
    colours = dataclasses.replace(single, channels=3)
    assert shared.per_row(colours, torch.ones(2, 3, 5, 5)).tolist() == [15.0] * 5


def test_drawing_to_the_end_stops_once_for_each_draw() -> None:
    whole = Drawn(torch.zeros(0), 3, None)

    def way() -> Generator[Drawn, None, Drawn]:
        for number in range(3):
            yield Drawn(torch.zeros(0), number + 1, None)
        return whole

    stops = shared.finished(way())
    assert [next(stops) for _ in range(3)] == [None] * 3
    assert finished(stops) is whole

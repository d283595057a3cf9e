"""Noise by seed, pixels there and back, and the nearest examples."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.data.images import ImageData
from engine.family import Model, Trained
from engine.layers import pictures
from engine.layers.pictures import NearestKnobs
from engine.payloads import Images
from engine.phrases import PlaygroundError
from tests.engine.small import image_data, last


def trained(data: Any, sample: Any = None) -> Trained:
    return Trained(None, None, None, data, 0, cast(Model, None), sample=sample)


def test_a_row_of_noise_follows_from_its_seed_alone() -> None:
    together = pictures.noise([4, 9, 5], 3, 2)
    assert together.shape == (3, 3, 2)
    assert torch.equal(together[1], pictures.noise([9], 3, 2)[0])
    assert not torch.equal(together[0], together[2])


def test_noise_is_standard_normal() -> None:
    drawn = pictures.noise(range(2000), 10).double()
    assert abs(float(drawn.mean())) < 0.03
    assert abs(float(drawn.std()) - 1) < 0.03
    assert abs(float((drawn[:-1] * drawn[1:]).mean())) < 0.03  # of neighbouring seeds


def test_no_seeds_make_no_noise() -> None:
    assert pictures.noise([], 3).shape == (0, 3)


def test_pixels_there_and_back() -> None:
    pixels = np.arange(2 * 4 * 3 * 3, dtype=np.uint8).reshape(2, 4, 3, 3)
    unit = pictures.to_unit(pixels)
    assert unit.shape == (2, 3, 4, 3)
    assert float(unit[1, 2, 3, 0]) == pytest.approx(pixels[1, 3, 0, 2] / 255)
    assert np.array_equal(pictures.to_pixels(unit), pixels)


def test_what_is_too_bright_or_too_dark_is_cut_off() -> None:
    unit = torch.tensor([-0.5, 0.0, 1.0, 1.5]).reshape(1, 1, 2, 2)
    assert pictures.to_pixels(unit).ravel().tolist() == [0, 0, 255, 255]


def test_a_wall_is_labelled_with_its_seeds() -> None:
    shown = pictures.wall(torch.zeros(2, 1, 4, 4), [7, 8])
    assert shown.labels == ("7", "8")
    assert shown.numbers == (7, 8)


def test_the_nearest_example_of_an_example_is_itself() -> None:
    data = image_data()
    sample = Images(data.train[[5, 30]])
    shown = last(pictures.nearest(trained(data, sample), NearestKnobs(sample=2, count=4)))
    assert len(shown.pixels) == 5
    assert np.array_equal(shown.pixels[0], data.train[30])
    assert np.array_equal(shown.pixels[1], data.train[30])
    wanted = sorted(
        float(np.sqrt(((each / 255 - data.train[30] / 255) ** 2).mean())) for each in data.train
    )[:4]
    assert [float(label) for label in shown.labels[1:]] == pytest.approx(wanted, abs=0.006)


def test_more_neighbours_than_examples_are_all_of_them() -> None:
    data = image_data(count=12)
    shown = last(pictures.nearest(trained(data, Images(data.train[:1])), NearestKnobs(count=32)))
    assert len(shown.pixels) == 1 + len(data.train)


def test_without_a_sample_or_without_pictures_it_says_so() -> None:
    data = image_data()
    with pytest.raises(PlaygroundError, match="Generate"):
        last(pictures.nearest(trained(data), NearestKnobs()))
    gone: ImageData = dataclasses.replace(data, train=data.train[:0])
    with pytest.raises(PlaygroundError, match="learned from"):
        last(pictures.nearest(trained(gone, Images(data.train[:1])), NearestKnobs()))

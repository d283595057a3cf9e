"""Every view draws finite numbers, and says so where it needs pictures."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.layers.pixelviews import VIEWS
from engine.phrases import PlaygroundError
from tests.engine.layers.pixelviews.models import (
    VARIANTS,
    draw,
    every_model,
    made,
    without_pictures,
)
from tests.engine.small import last


def numbers_in(payload: Any) -> Iterator[float]:
    if isinstance(payload, np.ndarray):
        yield from payload.ravel().tolist()
    elif isinstance(payload, tuple):
        for each in payload:
            yield from numbers_in(each)
    elif dataclasses.is_dataclass(payload):
        for field in dataclasses.fields(payload):
            yield from numbers_in(getattr(payload, field.name))


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_view_draws_whatever_the_tokens_are(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    for view in VIEWS:
        payload = last(view.make(trained, view.knobs()))
        numbers = list(numbers_in(payload))
        assert numbers
        assert all(math.isfinite(number) for number in numbers), view.key


@pytest.mark.parametrize("key", ["completion", "surprise", "drift", "parts"])
def test_what_needs_pictures_says_so(key: str) -> None:
    with pytest.raises(PlaygroundError, match="needs the pictures"):
        draw(without_pictures(made("pixelcnn")), key)


@pytest.mark.parametrize("key", ["drawing", "masks", "field", "cost"])
def test_what_needs_no_pictures_is_drawn_without(key: str) -> None:
    draw(without_pictures(made("pixelcnn")), key)

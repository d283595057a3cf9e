"""Every view on every model: trained or not, alone or not, with its pairs or without."""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from engine import knobs
from engine.family import Trained, View
from engine.payloads import Heatmap, Moment
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import (
    BY_KEY,
    beside,
    every_model,
    formula,
    made,
    without_pairs,
)
from tests.engine.small import last

EVERY_VIEW = [(key, view) for key, model in BY_KEY.items() for view in model.views]
every_view = pytest.mark.parametrize(
    ("key", "view"), EVERY_VIEW, ids=[f"{key}-{view.key}" for key, view in EVERY_VIEW]
)


def numbers_in(payload: Any) -> Iterator[float]:
    """Every number in a payload; where no token is yet there is no probability of it."""
    if isinstance(payload, np.ndarray):
        yield from payload.ravel().tolist()
    elif isinstance(payload, int | float):
        yield float(payload)
    elif isinstance(payload, Moment):
        there = np.array([bool(piece) for piece in payload.pieces], np.bool_)
        yield payload.seconds
        yield from np.asarray(payload.probabilities)[there].tolist()
        assert np.isnan(np.asarray(payload.probabilities)[~there]).all()
    elif isinstance(payload, Heatmap) and payload.texts:
        there = np.array([[bool(text) for text in row] for row in payload.texts])
        yield from payload.values[there].tolist()
    elif isinstance(payload, tuple):
        for each in payload:
            yield from numbers_in(each)
    elif dataclasses.is_dataclass(payload):
        for field in dataclasses.fields(payload):
            yield from numbers_in(getattr(payload, field.name))


def drawn(trained: Trained, view: View, **values: Any) -> Any:
    if hasattr(view.knobs(), "count"):
        values["count"] = 8
    payloads = []
    for payload in view.make(trained, knobs.changed(view.knobs(), values)):
        assert torch.is_grad_enabled(), "a view leaves gradients off for whoever draws it"
        payloads.append(payload)
    return last(payloads)


def sound(payload: Any) -> None:
    """There is something in it, and all of it is finite."""
    numbers = list(numbers_in(payload))
    assert numbers or payload.text
    assert all(math.isfinite(number) for number in numbers)


@every_view
@pytest.mark.parametrize("fresh", [False, True], ids=["random", "fresh"])
def test_every_view_draws(key: str, view: View, fresh: bool) -> None:
    trained = made(key, fresh)
    before = {name: value.clone() for name, value in trained.module.state_dict().items()}
    sound(drawn(trained, view))
    after = trained.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before), "a view changed weights"


@every_view
def test_every_view_draws_with_all_the_others_beside_it(key: str, view: View) -> None:
    others = [made(other) for other in BY_KEY if other != key]
    sound(drawn(beside(made(key), *others), view))


@every_view
def test_without_its_pairs_a_view_says_so_or_takes_what_is_typed(key: str, view: View) -> None:
    trained = without_pairs(made(key))
    others = [without_pairs(made(other)) for other in BY_KEY if other != key]
    for each in (trained, beside(trained, *others)):
        if hasattr(view.knobs(), "source"):
            sound(drawn(each, view, source="cab"))
            with pytest.raises(PlaygroundError):
                drawn(each, view)
        else:
            with contextlib.suppress(PlaygroundError):
                sound(drawn(each, view))


@every_model
def test_a_source_that_cannot_be_read_is_no_crash(key: str) -> None:
    typed = [view for view in BY_KEY[key].views if hasattr(view.knobs(), "source")]
    assert typed
    for view, source in itertools.product(typed, ("?", "\u4e00\u4e8c", "abcdef" * 9, " ")):
        sound(drawn(made(key), view, source=source))


@every_model
def test_a_companion_on_other_data_changes_nothing(key: str) -> None:
    elsewhere = dataclasses.replace(formula().data, key="elsewhere")
    stranger = dataclasses.replace(formula(key="nat" if key != "nat" else "mask-predict"))
    stranger = dataclasses.replace(stranger, data=elsewhere)
    view = {view.key: view for view in BY_KEY[key].views}["mask"]
    alone, beside_it = (drawn(each, view) for each in (made(key), beside(made(key), stranger)))
    assert len(alone.panels) == len(beside_it.panels)

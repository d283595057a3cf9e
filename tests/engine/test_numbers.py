"""NaN and infinity put into every model: what the training loop makes of it.

Whatever stops being a number (a loss, a weight, its average, a moment of an optimiser), the
training goes back to its last good state with half the learning rate and says so on the curve;
three times in a row end it. That what is not spoiled goes on bit for bit is
`tests/engine/families/test_every_model.py` and `tests/engine/test_session.py`.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import session as session_
from engine.data import catalogue
from engine.events import Ended, Said
from engine.family import Descent, Model
from engine.learner import Learner
from engine.phrases import PlaygroundError
from engine.session import Playground, Session
from engine.worker import Job
from tests.engine.families.test_every_model import (
    advance,
    cheap_sample,
    cheap_train,
    data_for,
    every_model,
    learner_of,
    no_compiling,  # noqa: F401 - a fixture for every test here
    smallest,
    trained_of,
)
from tests.engine.tiny import bits

SOON = 60.0  # seconds that nothing here takes
GOOD, PLANNED = 3, 6  # the last good step, and how many there are to be
VALUES = (math.nan, math.inf, -math.inf)
PLACES = ("loss", "weight", "average", "moment")

Open = Callable[[Model], Session]
every_value = pytest.mark.parametrize("value", VALUES, ids=str)
every_place = pytest.mark.parametrize("place", PLACES)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are slowed where threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def open_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`open_(model)`: a session over small data that looks after and saves at every step."""

    kinds: list[str] = []

    def load(name: str) -> Generator[None, None, Any]:
        yield
        return data_for(kinds[-1])

    monkeypatch.setattr(catalogue, "load", load)
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.0)
    playgrounds = []

    def open_one(model: Model) -> Session:
        kinds.append(model.accepts)
        playgrounds.append(Playground([model], tmp_path / "runs", threads=1))
        session = playgrounds[-1].open(dataclasses.replace(model, watch=None))
        session.choose(net=smallest(model), train=planned(model))
        return session

    yield open_one
    assert all(playground.close() for playground in playgrounds)


def planned(model: Model) -> Any:
    return cheap_train(model, learning_rate=0.004)


def finish(job: Job) -> Any:
    assert job.wait(SOON)
    if job.error is not None:
        raise job.error
    return job.result


def the(session: Session) -> Learner:
    assert session.learner is not None
    return session.learner


def moments(learner: Learner) -> Iterator[tuple[str, Tensor]]:
    """What the optimisers remember of each weight, by name; may be written into."""
    for stepping in learner.optimisers.values():
        for optimiser in stepping:
            for state in optimiser.state.values():
                for name, value in state.items():
                    if name != "step":
                        yield name, value


def put(tensor: Tensor, value: float) -> None:
    with torch.no_grad():
        tensor.view(-1)[tensor.numel() // 2] = value


def spoil(
    monkeypatch: pytest.MonkeyPatch,
    model: Model,
    place: str,
    value: float,
    when: Callable[[int], bool],
) -> Model:
    """From now on `value` gets into that place in each step that `when` picks, from 1.

    Returns the model to train. A second moment that is infinite is what no loss tells of: its
    weight only stands still for ever.
    """
    calls = 0
    advance = Learner.advance

    def advanced(learner: Learner) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        metrics = advance(learner)
        if when(calls):
            if place == "weight":
                put(next(learner.module.parameters()), value)
            elif place == "average":
                put(next(learner.averaged.parameters()), value)
            elif place == "moment":
                found = dict(moments(learner))
                put(found.get("exp_avg_sq", found["exp_avg"]), value)
        return metrics

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        for number, descent in enumerate(model.step(module, batch, train)):
            wrong = place == "loss" and number == 0 and when(calls)
            yield descent._replace(loss=descent.loss * value) if wrong else descent

    monkeypatch.setattr(Learner, "advance", advanced)
    return dataclasses.replace(model, step=step)


def halved(learner: Learner, times: int = 1) -> Any:
    return dataclasses.replace(learner.train, learning_rate=learner.train.learning_rate / 2**times)


@every_model
@every_place
@every_value
def test_it_goes_back_with_half_the_learning_rate_and_says_so(
    open_: Open, monkeypatch: pytest.MonkeyPatch, model: Model, place: str, value: float
) -> None:
    expected = learner_of(model, train=planned(model), steps=GOOD)
    expected.train = halved(expected)
    advance(expected, PLANNED - GOOD)

    session = open_(spoil(monkeypatch, model, place, value, lambda call: call == GOOD + 1))
    job = session.start(steps=PLANNED)
    finish(job)
    (mark,) = session.history.marks
    assert mark.step == GOOD
    assert f"at step {GOOD + 1}: back to step {GOOD}, learning rate 0.002" in mark.text
    assert Said(mark.text, grave=True) in job.mailbox.drain()
    assert session.train.learning_rate == the(session).train.learning_rate == 0.002
    assert bits(the(session)) == bits(expected)
    assert all(
        np.isfinite(session.history.series(name).values).all() for name in session.history.names
    )
    assert session.history.series("loss").steps.tolist() == list(range(1, PLANNED + 1))


@every_model
@pytest.mark.parametrize(("place", "value"), [("loss", math.nan), ("moment", math.inf)])
def test_three_times_in_a_row_end_it_with_a_reason_and_the_last_good_state_saved(
    open_: Open, monkeypatch: pytest.MonkeyPatch, model: Model, place: str, value: float
) -> None:
    good = bits(learner_of(model, train=planned(model), steps=GOOD))
    session = open_(spoil(monkeypatch, model, place, value, lambda call: call > GOOD))
    job = session.start(steps=PLANNED)
    with pytest.raises(PlaygroundError, match=rf"3 times in a row.*at step {GOOD}, where"):
        finish(job)
    told = job.mailbox.drain()
    assert [each.reason for each in told if isinstance(each, Ended)] == ["failed"]
    assert len(session.history.marks) == 3
    assert bits(the(session)) == good

    run = session.run
    assert run is not None
    again = open_(model)
    finish(again.restore(run.id))
    assert bits(the(again)) == good
    assert [mark.text for mark in again.history.marks] == [m.text for m in session.history.marks]


@every_model
@every_value
def test_wherever_it_is_it_is_noticed(model: Model, value: float) -> None:
    """In any tensor that a checkpoint holds."""
    learner = learner_of(model, steps=2)
    kept = [
        *(tensor for tensor in learner.module.state_dict().values()),
        *(tensor for tensor in learner.averaged.state_dict().values()),
        *(tensor for _, tensor in moments(learner)),
    ]
    found = []
    for tensor in filter(Tensor.is_floating_point, kept):
        before = tensor.clone()
        found.append(learner.finite)
        put(tensor, value)
        found.append(learner.finite)
        tensor.copy_(before)
    assert found == [True, False] * (len(found) // 2)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@every_model
@every_value
def test_a_sample_of_weights_that_are_no_numbers_ends(model: Model, value: float) -> None:
    """The live sampler may come between the fault and its being noticed."""
    learner = learner_of(model, steps=2)
    for parameter in learner.averaged.parameters():
        put(parameter, value)
    drawing = model.sampler(trained_of(learner), cheap_sample(model), ())
    with contextlib.suppress(RuntimeError, ValueError, IndexError, PlaygroundError):
        for _ in drawing:
            pass

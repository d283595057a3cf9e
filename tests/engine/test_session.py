"""engine/session.py: one training, and everything one can ask of it meanwhile."""

import dataclasses
import gc
import json
import math
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine import keeping, pacing
from engine import session as session_
from engine.events import Ended, Event, Health, Progress, Said, Saved, Shown
from engine.export import read_weights
from engine.family import OTHER, Descent, Drawing, Model, Rule, Trained, View
from engine.history import History
from engine.knobs import KnobError, NoKnobs
from engine.learner import Learner, stack
from engine.payloads import Bars, Images, Text
from engine.phrases import PlaygroundError
from engine.session import LIVE, Playground, Session
from engine.store import Run, RunError
from engine.trained import load_trained
from engine.worker import Job
from tests.engine import tiny
from tests.engine.tiny import advanced, bits, learner

SOON = 20.0  # seconds that nothing here takes

Open = Callable[..., Session]


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> tiny.Catalogue:
    made = tiny.Catalogue()
    made.put_in_place(monkeypatch)
    return made


@pytest.fixture
def fresh(tmp_path: Path, catalogue: tiny.Catalogue) -> Iterator[Open]:
    """`fresh(model)`: a session in a playground of its own, over the same run folders."""
    playgrounds = []

    def open_(model: Model = tiny.MODEL, *others: Model) -> Session:
        playgrounds.append(Playground([model, *others], tmp_path / "runs", threads=1))
        return playgrounds[-1].open(model)

    yield open_
    assert all(playground.close() for playground in playgrounds)


@pytest.fixture
def session(fresh: Open) -> Session:
    return fresh()


def finish(job: Job) -> Any:
    """Wait for the end; the result, or the error raised."""
    assert job.wait(SOON)
    if job.error is not None:
        raise job.error
    return job.result


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


def until_step(session: Session, step: int) -> None:
    until(lambda: session.step >= step)


def events_of(job: Job) -> dict[type, Event]:
    return {type(event): event for event in job.mailbox.drain()}


def the(session: Session) -> Learner:
    assert session.learner is not None
    return session.learner


def the_run(session: Session) -> Run:
    assert session.run is not None
    return session.run


def unbroken(steps: int, **train: Any) -> dict[str, bytes]:
    """The bits after so many steps without a session around them.

    Nothing else may train meanwhile: on this thread torch's random state is not guarded.
    """
    made = learner(**train)
    advanced(made, steps)
    return bits(made)


def slowed(seconds: float = 0.001) -> Model:
    """The model with steps that take at least this long."""

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        time.sleep(seconds)
        yield from tiny.step(module, batch, train)

    return tiny.model(step=step)


def spoiled(when: Callable[[int], bool]) -> Model:
    """The model whose loss is no number in the calls of `step` that `when` picks."""
    calls = [0]

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        calls[0] += 1
        for descent in tiny.step(module, batch, train):
            yield Descent(descent.loss * (math.nan if when(calls[0]) else 1.0))

    return tiny.model(step=step)


# --- training


def test_a_new_session_has_the_first_preset_and_is_empty(session: Session) -> None:
    assert (session.net, session.train, session.data_name) == (tiny.NET, tiny.TRAIN, "ring")
    assert (session.status, session.step, session.seconds, session.seed) == ("empty", 0, 0.0, 1)
    assert session.history.names == ()
    assert session.snapshots == ()


def test_training_to_the_end_of_the_plan(session: Session) -> None:
    job = session.start()
    assert finish(job) == 60
    assert (session.status, session.step) == ("paused", 60)
    assert bits(the(session)) == unbroken(60)
    said = events_of(job)
    assert said[Ended] == Ended("finished")
    assert said[Saved] == Saved(the_run(session).id, 60)
    progress = said[Progress]
    assert isinstance(progress, Progress)
    assert (progress.step, progress.done, progress.seconds_left) == (60, 1.0, 0.0)
    assert progress.seconds == session.seconds > 0
    assert set(progress.metrics) == {"loss", "gradient", "right", "held_out", "bits_per_char"}
    assert session.history.series("loss").steps[-1] == 60


def test_all_steps_are_in_the_curve(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushed at each step, the curve has the losses themselves."""
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 0.0)
    finish(session.start(steps=12))
    loss = session.history.series("loss")
    assert loss.steps.tolist() == list(range(1, 13))
    assert loss.values.tolist() == advanced(learner(), 12)


def test_between_flushes_the_curve_has_the_mean(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 1e9)
    finish(session.start(steps=12))
    loss = session.history.series("loss")
    assert loss.steps.tolist() == [12]
    assert loss.values[0] == pytest.approx(sum(advanced(learner(), 12)) / 12)


def test_another_seed_gives_another_training(session: Session) -> None:
    session.choose(seed=5)
    finish(session.start(steps=3))
    made = learner(seed=5)
    advanced(made, 3)
    assert bits(the(session)) == bits(made)
    assert the_run(session).seed == 5


def test_a_training_ends_after_its_seconds(session: Session) -> None:
    session.choose(train=dataclasses.replace(tiny.TRAIN, steps=0, seconds=0.05))
    finish(session.start())
    assert session.seconds >= 0.05
    finish(session.start(seconds=session.seconds + 0.03))
    assert session.seconds >= 0.08


def test_past_the_plan_it_goes_on_until_it_is_paused(session: Session) -> None:
    finish(session.start())
    job = session.start()
    until(lambda: session.step > 70)
    assert not job.ended
    session.pause()
    assert job.wait(SOON)
    assert bits(the(session)) == unbroken(session.step)


def test_a_target_that_is_reached_already_takes_no_step(session: Session) -> None:
    finish(session.start(steps=4))
    before = bits(the(session))
    finish(session.start(steps=4))
    finish(session.start(steps=1))
    finish(session.start(seconds=0.0))
    assert session.step == 4
    assert bits(the(session)) == before


def test_single_steps_and_pauses_change_nothing(session: Session) -> None:
    for _ in range(5):
        finish(session.start(steps=session.step + 1))
    job = session.start(steps=1000)
    until(lambda: session.step > 8)
    session.pause()
    assert job.wait(SOON)
    assert events_of(job)[Ended] == Ended("stopped")
    assert session.status == "paused"
    paused_at = session.step
    assert bits(the(session)) == unbroken(paused_at)
    finish(session.start(steps=paused_at + 10))
    assert bits(the(session)) == unbroken(paused_at + 10)


def test_starting_twice_is_one_training(fresh: Open) -> None:
    session = fresh(slowed())
    job = session.start(steps=1000)
    assert session.start() is job
    session.pause()
    assert job.wait(SOON)


def test_starting_right_after_pausing_goes_on(fresh: Open) -> None:
    session = fresh(slowed())
    first = session.start(steps=1000)
    until(lambda: session.step > 3)
    session.pause()
    second = session.start(steps=20)
    finish(second)
    assert first.ended
    assert session.step == 20
    assert bits(the(session)) == unbroken(20)


def test_reset_replays_the_same_seed_and_leaves_the_run_on_disk(session: Session) -> None:
    finish(session.start(steps=10))
    first, before = the_run(session), bits(the(session))
    finish(session.reset())
    assert (session.status, session.step, session.run, session.snapshots) == ("empty", 0, None, ())
    assert session.history.names == ()
    finish(session.start(steps=10))
    assert bits(the(session)) == before
    assert the_run(session).id != first.id
    runs = session.playground.store.runs()
    assert {run.id for run in runs} == {first.id, the_run(session).id}
    finish(session.reset(seed=8))
    finish(session.start(steps=10))
    assert bits(the(session)) != before
    assert the_run(session).seed == 8


@pytest.mark.parametrize("round_", range(4))
def test_reset_and_start_at_once_while_it_trains_and_others_too(fresh: Open, round_: int) -> None:
    """The old training saves itself before it is forgotten, and the new one begins after."""
    session = fresh(slowed(0.0005))
    other = session.playground.open(session.model)
    other.choose(seed=7)
    beside = other.start(steps=100_000)
    old = session.start(steps=100_000)
    until(lambda: session.step > 5 + round_ and other.step > 5)
    run = the_run(session)
    reset = session.reset()
    new = session.start(steps=15)
    assert finish(new) == 15
    other.pause()
    finish(beside)
    assert reset.ended
    assert old.error is None
    assert events_of(old)[Ended] == Ended("stopped")
    assert bits(the(session)) == unbroken(15)
    saved = session.playground.store.read(run.id)
    assert saved.step > 5
    assert the_run(session).id != run.id


def test_two_sessions_share_the_data_but_not_the_random_numbers(fresh: Open) -> None:
    session = fresh()
    other = session.playground.open(session.model)
    jobs = [session.start(steps=40), other.start(steps=40)]
    for job in jobs:
        finish(job)
    assert bits(the(session)) == bits(the(other)) == unbroken(40)
    assert the_run(session).id != the_run(other).id
    assert {run.step for run in session.playground.store.runs()} == {40}
    assert len(session.playground.store.runs()) == 2


def test_an_error_in_a_step_fails_the_training_and_keeps_what_was_learned(fresh: Open) -> None:
    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        if int(module.seen) == 5 * 8:
            raise RuntimeError("shapes do not match")
        yield from tiny.step(module, batch, train)

    session = fresh(tiny.model(step=step))
    job = session.start()
    assert job.wait(SOON)
    assert isinstance(job.error, RuntimeError)
    assert session.status == "paused"
    assert session.playground.store.read(the_run(session).id).step == 5


def test_data_that_do_not_suit_are_refused_before_anything_is_made(fresh: Open) -> None:
    def check(data: Any, net: Any) -> None:
        raise tiny.PlaygroundError_("too short")

    session = fresh(tiny.model(check=check))
    with pytest.raises(PlaygroundError, match="too short"):
        finish(session.start())
    assert session.status == "empty"
    assert session.playground.store.runs() == ()


def test_data_that_cannot_be_loaded_leave_the_session_as_it_was(
    session: Session, catalogue: tiny.Catalogue
) -> None:
    finish(session.start(steps=5))
    before = bits(the(session))
    session.choose(data="nowhere")
    with pytest.raises(PlaygroundError, match="no data nowhere"):
        finish(session.start())
    assert bits(the(session)) == before
    session.choose(data="ring")
    finish(session.start(steps=8))
    assert bits(the(session)) == unbroken(8)
    assert catalogue.loaded == ["ring"], "loaded once"


def test_a_model_does_not_go_on_with_other_data(session: Session) -> None:
    finish(session.start(steps=5))
    session.choose(data="other")
    with pytest.raises(RunError, match="not what this run was trained on"):
        finish(session.start())
    finish(session.reset())
    finish(session.start(steps=5))
    assert the_run(session).data == "other"


def test_loading_data_gives_it(session: Session, catalogue: tiny.Catalogue) -> None:
    assert finish(session.load_data()) is catalogue.known["ring"]
    assert session.data is catalogue.known["ring"]
    assert session.status == "empty"


# --- what is not a step changes nothing


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples, held-out measurements and views after every step."""
    for name in ("SAMPLE_SECONDS", "HELD_OUT_SECONDS"):
        monkeypatch.setattr(session_, name, 0.0)
    monkeypatch.setattr(pacing, "PAID_OFF", 0.0)


def test_views_samples_and_measurements_do_not_change_the_training(
    session: Session, restless: None
) -> None:
    session.wanted["weights"] = tiny.LookKnobs()
    job = session.start(steps=60)
    asked: list[Job] = []
    until(lambda: session.learner is not None)
    while not job.ended:
        asked += [
            session.sample(tiny.SampleKnobs(length=3)),
            session.look(tiny.WEIGHTS, tiny.LookKnobs()),
            session.evaluate(),
        ]
        for each in asked[-3:]:
            finish(each)
    finish(job)
    assert len(asked) >= 3
    shown = {event.view for event in job.mailbox.drain() if isinstance(event, Shown)}
    assert shown == {"weights", LIVE}
    assert len(session.history.series("held_out").steps) > 5
    assert bits(the(session)) == unbroken(60)


def test_nothing_is_sampled_or_drawn_that_nobody_watches(session: Session) -> None:
    session.watch = None
    job = session.start(steps=5)
    finish(job)
    assert Shown not in events_of(job)
    assert session.live is None


def test_what_is_not_a_step_takes_a_small_part_of_the_time(
    fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "SAMPLE_SECONDS", 0.0)
    drawn = []

    def sampler(trained: Any, knobs: Any, keep: tuple[int, ...]) -> Drawing:
        drawn.append(trained.step)
        time.sleep(0.02)
        yield Text("x")

    session = fresh(dataclasses.replace(slowed(0.001), sampler=sampler))
    finish(session.start(seconds=0.25))
    # The first is free, and each one after the second has to be earned with half a second.
    assert 1 <= len(drawn) <= 3
    monkeypatch.setattr(pacing, "PAID_OFF", 0.0)
    finish(session.start(steps=session.step + 10))
    assert len(drawn) > 8


@pytest.mark.parametrize(
    ("error", "said", "grave"),
    [
        (tiny.PlaygroundError_, "^nan in it$", False),
        (RuntimeError, r"^Weights could not be made at step \d+: RuntimeError: nan in it$", True),
    ],
)
def test_a_view_that_cannot_be_drawn_is_told_and_training_goes_on(
    fresh: Open, restless: None, error: Callable[[str], Exception], said: str, grave: bool
) -> None:
    def make(trained: Any, knobs: Any) -> Drawing:
        yield None
        raise error("nan in it")

    view = dataclasses.replace(tiny.WEIGHTS, make=make)
    session = fresh(tiny.model(views=(view,)))
    session.wanted["weights"] = tiny.LookKnobs()
    job = session.start(steps=20)
    finish(job)
    told = events_of(job)[Said]
    assert isinstance(told, Said)
    assert re.search(said, told.text)
    assert told.grave == grave
    assert bits(the(session)) == unbroken(20)


# --- asking


def test_sampling_needs_a_model(session: Session) -> None:
    for job in (session.sample(tiny.SampleKnobs()), session.look(tiny.WEIGHTS, tiny.LookKnobs())):
        with pytest.raises(PlaygroundError, match="no trained model yet"):
            finish(job)


def test_bad_knobs_are_refused_at_once(session: Session) -> None:
    with pytest.raises(KnobError, match="length cannot be 0"):
        session.sample(tiny.SampleKnobs(length=0))
    with pytest.raises(KnobError, match="times cannot be 10"):
        session.look(tiny.WEIGHTS, tiny.LookKnobs(times=10))
    assert session.playground.worker.jobs == ()


def test_sampling_shows_what_grows_and_repeats_with_the_seed(session: Session) -> None:
    finish(session.start(steps=30))
    texts = []
    for _ in range(2):
        job = session.sample(tiny.SampleKnobs(length=20))
        finish(job)
        torch.rand(5)
        shown = events_of(job)[Shown]
        assert isinstance(shown, Shown)
        assert (shown.view, shown.step) == ("sample", 30)
        assert isinstance(shown.payload, Text)
        texts.append(shown.payload.text)
        assert session.drawn is shown.payload
    assert texts[0] == texts[1]
    assert len(texts[0]) == 21
    kept = session.sample(tiny.SampleKnobs(length=1), keep=(4, 3, 2))
    finish(kept)
    shown = events_of(kept)[Shown]
    assert isinstance(shown, Shown)
    assert isinstance(shown.payload, Text)
    assert shown.payload.text.startswith("432")


def test_sampling_while_training(fresh: Open) -> None:
    session = fresh(slowed())
    training = session.start(steps=100_000)
    until(lambda: session.step > 2)
    job = session.sample(tiny.SampleKnobs(length=50))
    finish(job)
    assert not training.ended
    assert isinstance(session.drawn, Text)
    assert len(session.drawn.text) == 51
    session.pause()
    assert training.wait(SOON)


def test_measuring_gives_the_held_out_metrics_of_the_average(session: Session) -> None:
    finish(session.start(steps=20))
    found = finish(session.evaluate())
    made = learner()
    advanced(made, 20)
    tokens = torch.from_numpy(made.data.tokens[-50:])
    with torch.no_grad():
        rows = torch.log_softmax(made.averaged(tokens[:-1]).double(), -1)
    expected = -float(rows[torch.arange(49), tokens[1:]].mean())
    assert found["held_out"] == pytest.approx(expected, rel=1e-5)
    assert found["bits_per_char"] == pytest.approx(expected / math.log(2), rel=1e-5)


def test_an_estimate_says_what_it_will_cost_and_leaves_everything(session: Session) -> None:
    finish(session.start(steps=5))
    before = bits(the(session))
    net = tiny.NetKnobs(width=16)
    found = finish(session.estimate(net, dataclasses.replace(tiny.TRAIN, steps=1000)))
    count = 5 * 16 + 16 * 5 + 5
    assert found["parameters"] == count
    assert found["bytes"] > count * 4 * 5
    assert 0 < found["seconds_per_step"] < 1
    assert found["seconds"] == pytest.approx(1000 * found["seconds_per_step"])
    planned = finish(session.estimate(net, dataclasses.replace(tiny.TRAIN, seconds=33.0)))
    assert planned["seconds"] == 33.0
    assert bits(the(session)) == before


# --- knobs


def test_choosing_refuses_and_leaves_everything(session: Session) -> None:
    bad: list[dict[str, Any]] = [
        {"net": tiny.NetKnobs(width=0), "data": "other"},
        {"train": tiny.TinyTrain(learning_rate=math.nan), "data": "other"},
        {"seed": -1, "data": "other"},
        {"seed": 2**63, "data": "other"},
    ]
    for choice in bad:
        with pytest.raises(PlaygroundError, match=r"cannot be .*accepted is"):
            session.choose(**choice)
    with pytest.raises(PlaygroundError, match="the seed cannot be -1"):
        session.reset(seed=-1)
    assert (session.net, session.train) == (tiny.NET, tiny.TRAIN)
    assert (session.data_name, session.seed) == ("ring", 1)


def test_the_largest_seed_works(session: Session) -> None:
    session.choose(seed=2**63 - 1)
    finish(session.start(steps=1))
    finish(session.sample(tiny.SampleKnobs()))


def test_a_live_change_is_in_force_at_the_next_step_and_marked(session: Session) -> None:
    finish(session.start(steps=10))
    session.change(learning_rate=0.001, clip=0.0, mood="wild", loud=True, average=0.98)
    marks = [(mark.step, mark.text) for mark in session.history.marks]
    assert marks == [
        (10, "Learning rate 0.03 → 0.001"),
        (10, "Gradient clipping 1 → 0"),
        (10, "Mood calm → wild"),
        (10, "Loud False → True"),
    ]
    assert session.train.learning_rate == 0.001
    finish(session.start(steps=20))
    made = learner()
    advanced(made, 10)
    made.train = dataclasses.replace(made.train, learning_rate=0.001, clip=0.0)
    advanced(made, 10)
    assert bits(the(session)) == bits(made)
    assert the_run(session).train["learning_rate"] == 0.001


def test_a_live_change_while_it_trains(fresh: Open) -> None:
    session = fresh(slowed(0.0005))
    job = session.start(steps=100_000)
    for clip in (0.0, 1.0, 0.0, 2.0):
        seen = session.step
        until_step(session, seen + 4)
        session.change(clip=clip)
    until_step(session, session.step + 100)
    session.pause()
    assert job.wait(SOON)
    assert job.error is None
    assert the(session).train.clip == 2.0
    assert len(session.history.marks) == 4


def test_what_is_not_live_does_not_change(session: Session) -> None:
    finish(session.start(steps=2))
    for bad, said in (
        ({"batch": 4}, "batch cannot change while training: reset first"),
        ({"learning_rate": 5.0}, "learning_rate cannot be 5.0: accepted is"),
        ({"learning_rate": 0.1, "width": 4}, "there is no knob 'width'"),
    ):
        with pytest.raises(PlaygroundError, match=said):
            session.change(**bad)
    assert the(session).train == session.train == tiny.TRAIN
    assert session.history.marks == ()


def test_before_there_is_a_model_a_change_is_a_choice(session: Session) -> None:
    session.change(learning_rate=0.01)
    finish(session.start(steps=4))
    assert bits(the(session)) == unbroken(4, learning_rate=0.01)


# --- losses that are no numbers


def test_a_loss_that_is_no_number_goes_back_to_the_last_good_state(
    fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 0.0)
    session = fresh(spoiled(lambda call: call == 14))
    finish(session.start(steps=10))
    job = session.start(steps=20)  # step 14 is spoiled; good was step 10
    finish(job)
    (mark,) = session.history.marks
    assert mark.step == 10
    assert "not a number at step 14: back to step 10, learning rate 0.015" in mark.text
    assert events_of(job)[Said] == Said(mark.text, grave=True)
    assert session.train.learning_rate == the(session).train.learning_rate == 0.015
    assert the_run(session).train["learning_rate"] == 0.015
    made = learner()
    advanced(made, 10)
    made.train = dataclasses.replace(made.train, learning_rate=0.015)
    advanced(made, 10)
    assert bits(the(session)) == bits(made)
    loss = session.history.series("loss")
    assert loss.steps.tolist() == list(range(1, 21))
    assert all(map(math.isfinite, loss.values))


def test_snapshots_of_what_was_undone_are_made_anew(
    fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 1e9)  # noticed at the end only
    session = fresh(spoiled(lambda call: call == 3))
    finish(session.start(steps=8))
    assert session.snapshots == (0, 1, 2, 4, 6, 8)
    for step in session.snapshots:
        job = session.look(tiny.WEIGHTS, tiny.LookKnobs(), step)
        finish(job)
        assert all(map(math.isfinite, weights_shown(job)))


def test_three_in_a_row_end_the_training_with_a_reason(fresh: Open) -> None:
    session = fresh(spoiled(lambda call: call > 10))
    finish(session.start(steps=10))
    job = session.start(steps=20)
    with pytest.raises(PlaygroundError, match=r"not a number 3 times in a row.*at step 10"):
        finish(job)
    ended = events_of(job)[Ended]
    assert isinstance(ended, Ended)
    assert ended.reason == "failed"
    assert len(session.history.marks) == 3
    assert session.step == 10
    assert session.status == "paused"
    assert the(session).finite
    assert bits(the(session)) == unbroken(10)
    assert session.playground.store.read(the_run(session).id).step == 10
    assert the(session).train.learning_rate == 0.03 / 4
    assert session.snapshots == (0, 1, 2, 4, 6, 8, 10)


def test_the_learning_rate_is_not_halved_out_of_its_bounds(fresh: Open) -> None:
    session = fresh(spoiled(lambda call: call == 2))
    session.choose(train=dataclasses.replace(tiny.TRAIN, learning_rate=1e-6))
    finish(session.start(steps=5))
    assert session.train.learning_rate == 1e-6
    finish(fresh().restore(the_run(session).id))


@pytest.mark.parametrize(("autosave", "last_good"), [(0.0, 6), (1e9, 5)])
def test_weights_that_are_no_numbers_are_never_saved(
    fresh: Open, monkeypatch: pytest.MonkeyPatch, autosave: float, last_good: int
) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", autosave)
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 1e9)  # not noticed by the loss either

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        if int(module.seen) >= 8 * 6:
            with torch.no_grad():
                module.head.bias.fill_(math.nan)
            time.sleep(0.001)
        yield from tiny.step(module, batch, train)

    session = fresh(tiny.model(step=step))
    finish(session.start(steps=5))
    job = session.start(steps=100_000)
    until(lambda: session.step > 8 or job.ended)
    session.pause()
    assert job.wait(SOON)
    assert session.playground.store.read(the_run(session).id).step == last_good
    again = fresh()
    finish(again.restore(the_run(session).id))
    assert bits(the(again)) == unbroken(last_good)


def test_a_pause_before_it_is_noticed_goes_back_too(
    fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what is in memory would be no numbers, and good for nothing but a reset."""
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 1e9)
    monkeypatch.setattr(session_, "FLUSH_SECONDS", 1e9)
    session = fresh(spoiled(lambda call: call > 10))
    finish(session.start(steps=10))
    job = session.start(steps=100_000)
    until(lambda: session.step > 12)
    session.pause()
    assert job.wait(SOON)
    assert bits(the(session)) == unbroken(10)
    (mark,) = session.history.marks
    assert "back to step 10, learning rate 0.015" in mark.text
    assert events_of(job)[Said] == Said(mark.text, grave=True)
    assert session.playground.store.read(the_run(session).id).train["learning_rate"] == 0.015


# --- saved, opened, continued


def test_closed_opened_and_continued_equals_an_unbroken_training(
    fresh: Open, restless: None
) -> None:
    session = fresh()
    session.wanted["weights"] = tiny.LookKnobs()
    session.start(steps=1000)
    until(lambda: session.step > 20)
    session.playground.close()
    paused_at, run = session.step, the_run(session)
    assert session.playground.store.read(run.id).step == paused_at

    again = fresh()
    finish(again.restore(run.id))
    assert (again.status, again.step, again.seconds) == ("paused", paused_at, session.seconds)
    assert bits(the(again)) == bits(the(session))
    assert (again.net, again.train, again.seed) == (session.net, session.train, session.seed)
    assert again.history.marks == session.history.marks
    assert again.history.last() == session.history.last()
    again.wanted["weights"] = tiny.LookKnobs()
    finish(again.start(steps=paused_at + 25))
    finish(again.start(steps=paused_at + 30))
    assert bits(the(again)) == unbroken(paused_at + 30)
    assert the_run(again).id == run.id
    assert len(again.playground.store.runs()) == 1
    with the(again).random:
        mine = torch.rand(5)
    made = learner()
    advanced(made, paused_at + 30)
    with made.random:
        assert torch.equal(mine, torch.rand(5))


def test_a_run_folder_says_what_it_is(session: Session) -> None:
    finish(session.start(steps=12))
    run = session.playground.store.read(the_run(session).id)
    assert run == session.run
    assert (run.model, run.title, run.data, run.data_title) == ("tiny", "Tiny", "ring", "A ring")
    assert (run.seed, run.step, run.seconds) == (1, 12, session.seconds)
    assert run.net == {"width": 8, "dropout": 0.3}
    assert run.train == dataclasses.asdict(tiny.TRAIN)
    assert run.metrics == session.history.last()
    assert run.saved >= run.created > time.time() - 60


def test_a_saved_run_can_be_sampled_without_its_data(fresh: Open) -> None:
    session = fresh()
    finish(session.start(steps=12))
    store, run = session.playground.store, the_run(session)
    trained = load_trained(store, run, session.model)
    assert trained.step == 12
    assert not trained.module.training
    assert trained.data.title == "A ring"
    for name, value in the(session).averaged.state_dict().items():
        assert torch.equal(trained.module.state_dict()[name], value)
    again = fresh()
    finish(again.restore(run.id))
    finish(again.sample(tiny.SampleKnobs()))
    assert isinstance(again.drawn, Text)


def test_restoring_over_a_training_saves_that_one_first(fresh: Open) -> None:
    """The training that is replaced writes into its own run, never into the opened one."""
    session = fresh(slowed(0.0005))
    finish(session.start(steps=9))
    first = the_run(session)
    finish(session.reset(seed=3))
    beside = session.playground.open(session.model)
    noise = beside.start(steps=100_000)
    old = session.start(steps=100_000)
    until(lambda: session.step > 12)
    second = the_run(session)
    opened = session.restore(first.id)
    go_on = session.start(steps=15)
    finish(opened)
    finish(go_on)
    beside.pause()
    finish(noise)
    assert old.error is None
    assert the_run(session).id == first.id
    assert bits(the(session)) == unbroken(15)
    store = session.playground.store
    assert (store.read(first.id).step, store.read(first.id).seed) == (15, 1)
    assert store.read(second.id).step > 12
    assert store.read(second.id).seed == 3


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no run.json": lambda run: (run / "run.json").unlink(),
    "empty run.json": lambda run: (run / "run.json").write_text(""),
    "no checkpoint": lambda run: tiny.checkpoint_file(run, "state.json").parent.rename(run / "x"),
    "no weights": lambda run: tiny.checkpoint_file(run, "weights.safetensors").unlink(),
    "half weights": lambda run: cut(tiny.checkpoint_file(run, "weights.safetensors")),
    "half average": lambda run: cut(tiny.checkpoint_file(run, "averaged.safetensors")),
    "half optimiser": lambda run: cut(tiny.checkpoint_file(run, "optimiser.safetensors")),
    "half history": lambda run: cut(tiny.checkpoint_file(run, "history.npz")),
    "half state": lambda run: cut(tiny.checkpoint_file(run, "state.json")),
    "no data.json": lambda run: (run / "data.json").unlink(),
    "half data.json": lambda run: cut(run / "data.json"),
    "data.json a list": lambda run: (run / "data.json").write_text("[1]"),
    "data.json without its fields": lambda run: (run / "data.json").write_text("{}"),
    "knobs that do not fit": lambda run: edit(run, net={"width": 1000}),
    "a seed that does not fit": lambda run: edit(run, seed=10**30),
    "another width": lambda run: edit(run, net={"width": 16}),
    "another model": lambda run: edit(run, model="lstm"),
}


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def edit(run: Path, **fields: Any) -> None:
    path = run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_run_that_cannot_be_opened_leaves_the_session_as_it_was(
    session: Session, damage: Callable[[Path], object]
) -> None:
    finish(session.start(steps=4))
    damaged = the_run(session).id
    finish(session.reset(seed=2))
    finish(session.start(steps=6))
    before, run = bits(the(session)), session.run
    damage(session.playground.store.path(damaged))
    job = session.restore(damaged)
    with pytest.raises(PlaygroundError):
        finish(job)
    assert damaged in str(job.error)
    assert bits(the(session)) == before
    assert (session.run, session.seed, session.step) == (run, 2, 6)
    assert session.data is not None
    finish(session.start(steps=8))
    made = learner(seed=2)
    advanced(made, 8)
    assert bits(the(session)) == bits(made)


def test_the_name_of_no_run_is_refused(session: Session) -> None:
    for name in ("nothing", "..", ""):
        with pytest.raises(RunError):
            finish(session.restore(name))
    assert session.status == "empty"


def test_an_own_file_that_has_changed_is_refused_and_the_run_can_still_be_sampled(
    fresh: Open, catalogue: tiny.Catalogue
) -> None:
    catalogue.known["ring"] = tiny.Symbols(sha256="a" * 64)
    session = fresh()
    finish(session.start(steps=4))
    run = the_run(session)
    assert run.sha256 == "a" * 64
    catalogue.known["ring"] = tiny.Symbols(sha256="b" * 64)
    again = fresh()
    finish(again.restore(run.id))
    finish(again.sample(tiny.SampleKnobs()))
    with pytest.raises(RunError, match="ring has changed since this run began"):
        finish(again.start(steps=6))
    assert again.step == 4
    # A model that learned from the new file leaves nothing behind by which that is forgotten.
    changed = fresh()
    finish(changed.start(steps=2))
    finish(changed.restore(run.id))
    for _ in range(2):
        with pytest.raises(RunError, match="ring has changed since this run began"):
            finish(changed.start(steps=6))
    catalogue.known["ring"] = tiny.Symbols(sha256="a" * 64)
    third = fresh()
    finish(third.restore(run.id))
    finish(third.start(steps=6))
    assert bits(the(third)) == unbroken(6)


# --- the disk


def test_it_saves_by_itself_while_it_trains(fresh: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.02)
    session = fresh(slowed())
    job = session.start(steps=100_000)
    store = session.playground.store
    saved: set[int] = set()

    def look() -> bool:
        if session.run is not None:
            saved.update(run.step for run in store.runs())
        return len(saved) > 3

    until(look)
    assert not job.ended
    # Whoever dies now loses little: what is on disk is a whole training up to then.
    run = store.runs()[0]
    session.pause()
    assert job.wait(SOON)
    assert store.read(run.id).step == session.step


def test_a_disk_that_takes_nothing_is_told_and_training_goes_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.0)
    finish(session.start(steps=5))
    save = Learner.save

    def refuse(self: Learner, folder: Path) -> None:
        save(self, folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Learner, "save", refuse)
    job = session.start(steps=12)
    assert finish(job) == 12
    said = events_of(job)
    assert Saved not in said
    told = said[Said]
    assert isinstance(told, Said)
    assert told.grave
    assert "could not save" in told.text
    assert "No space left on device" in told.text
    assert str(session.playground.store.folder) in told.text
    assert bits(the(session)) == unbroken(12)
    assert session.playground.store.read(the_run(session).id).step == 5, "the older state is whole"
    monkeypatch.setattr(Learner, "save", save)
    finish(session.start(steps=13))
    assert session.playground.store.read(the_run(session).id).step == 13


def test_saving_right_before_training_leaves_the_run_to_it(fresh: Open) -> None:
    session = fresh()
    finish(session.start(steps=2))
    saving, training = session.save(), session.start(steps=4)
    finish(saving)
    finish(training)
    finish(session.save())
    finish(session.start(steps=6))
    other = fresh()
    finish(other.restore(the_run(session).id))
    finish(other.start(steps=8))
    assert bits(the(other)) == unbroken(8)


def test_what_an_own_file_said_before_is_let_go_of(
    fresh: Open, tmp_path: Path, catalogue: tiny.Catalogue
) -> None:
    session = fresh()
    own = tmp_path / "own.txt"
    for number in range(3):
        own.write_text("x" * (number + 1))
        catalogue.known[str(own)] = tiny.Symbols(str(own), tokens=tiny.walk(300, seed=number))
        session.choose(data=str(own))
        finish(session.load_data())
    assert len(session.playground._loaded) == 1
    finish(session.load_data())
    assert catalogue.loaded.count(str(own)) == 3


def test_a_runs_folder_that_is_a_file(fresh: Open, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    session = fresh()
    job = session.start(steps=5)
    assert finish(job) == 5
    told = events_of(job)[Said]
    assert isinstance(told, Said)
    assert told.grave
    assert bits(the(session)) == unbroken(5)


# --- snapshots


def weights_shown(job: Job) -> tuple[float, ...]:
    shown = events_of(job)[Shown]
    assert isinstance(shown, Shown)
    assert isinstance(shown.payload, Bars)
    return shown.payload.values


def test_a_view_can_be_drawn_as_it_was_at_any_kept_step(fresh: Open) -> None:
    session = fresh()
    finish(session.start(steps=20))
    assert session.snapshots == (0, 1, 2, 4, 6, 8, 12, 18)
    again = fresh()
    finish(again.restore(the_run(session).id))
    assert again.snapshots == session.snapshots
    for which in (session, again):
        for step in (0, 4, 18, 20):
            made = learner()
            advanced(made, step)
            job = which.look(tiny.WEIGHTS, tiny.LookKnobs(), step)
            finish(job)
            weights: Any = made.averaged.state_dict()["head.weight"]
            assert weights_shown(job) == tuple(weights.flatten().tolist())
    assert bits(the(session)) == unbroken(20)
    job = session.look(tiny.WEIGHTS, tiny.LookKnobs(), 5)
    with pytest.raises(RunError, match="step 5 was not kept"):
        finish(job)


def test_one_view_can_show_all_that_was_kept(fresh: Open) -> None:
    def over_time(trained: Trained, knobs: Any) -> Drawing:
        assert trained.then is not None
        thens = [trained.then(step) for step in trained.kept]
        assert [then.step for then in thens] == list(trained.kept)
        yield None
        weights = [float(then.module.head.weight[0, 0]) for then in thens]
        yield Bars(tuple(str(step) for step in trained.kept), tuple(weights))

    session = fresh()
    finish(session.start(steps=10))
    job = session.look(View("time", "Time", "All steps.", over_time), NoKnobs())
    finish(job)
    shown: Any = events_of(job)[Shown]
    assert shown.payload.labels == ("0", "1", "2", "4", "6", "8")
    made = learner()
    wanted = []
    for step in (0, 1, 2, 4, 6, 8):
        advanced(made, step - made.step)
        wanted.append(float(made.averaged.state_dict()["head.weight"][0, 0]))
    assert shown.payload.values == tuple(wanted)
    assert len(set(wanted)) > 3


def test_snapshots_after_the_step_that_was_saved_are_made_anew(fresh: Open) -> None:
    """They are of steps that were undone, or lost when the program was killed."""
    session = fresh()
    finish(session.start(steps=8))
    folder = session.keeper.snapshot_folder()
    (folder / "12.safetensors").write_bytes((folder / "0.safetensors").read_bytes())
    again = fresh()
    finish(again.restore(the_run(session).id))
    assert list(again.snapshots) == list(session.snapshots) == [0, 1, 2, 4, 6, 8]
    finish(again.start(steps=12))
    assert list(again.snapshots) == [0, 1, 2, 4, 6, 8, 12]
    assert (folder / "12.safetensors").read_bytes() != (folder / "0.safetensors").read_bytes()


def test_no_more_snapshots_than_agreed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SNAPSHOTS", 3)
    finish(session.start(steps=20))
    assert session.snapshots == (0, 1, 2)
    folder = session.playground.store.path(the_run(session).id) / "snapshots"
    assert len(list(folder.iterdir())) == 3


def test_a_snapshot_that_cannot_be_written_stops_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_model", refuse)
    finish(session.start(steps=5))
    assert session.snapshots == ()
    assert bits(the(session)) == unbroken(5)


# --- companions


def test_a_view_gets_other_models_from_their_training_or_their_newest_run(fresh: Open) -> None:
    seen: list[dict[str, int]] = []

    def make(trained: Any, knobs: Any) -> Drawing:
        seen.append({key: each.step for key, each in trained.companions.items()})
        yield None

    view = dataclasses.replace(tiny.NEIGHBOUR, make=make)
    other = tiny.model(key="other")
    session = fresh(tiny.MODEL, other)
    finish(session.start(steps=2))

    def companions() -> dict[str, int]:
        finish(session.look(view, tiny.LookKnobs()))
        return seen[-1]

    assert companions() == {}
    neighbour = session.playground.open(other)
    finish(neighbour.start(steps=6))
    assert companions() == {"other": 6}
    finish(neighbour.reset())
    assert companions() == {"other": 6}, "its run is on disk"
    finish(neighbour.start(steps=3))
    assert companions() == {"other": 3}


def test_a_companion_on_the_same_data_comes_first(fresh: Open) -> None:
    other = tiny.model(key="other")
    session = fresh(tiny.MODEL, other)
    finish(session.start(steps=2))
    neighbour, stranger = session.playground.open(other), session.playground.open(other)
    finish(neighbour.start(steps=3))
    stranger.choose(data="other")
    finish(stranger.start(steps=9))
    companions = session.playground.companions
    assert {key: each.step for key, each in companions(("other",), "ring").items()} == {"other": 3}
    finish(neighbour.reset())
    assert companions(("other",), "ring")["other"].step == 3, "its run, not who learns from others"
    assert companions(("other",), "other")["other"].step == 9
    assert companions(("other",), "elsewhere")["other"].step == 9, "better than none"


def test_a_companion_that_was_deleted_is_let_go_of(fresh: Open) -> None:
    """Its weights would stay in memory as long as the program is open."""
    other = tiny.model(key="other")
    session = fresh(tiny.MODEL, other)
    finish(session.start(steps=2))
    neighbour = session.playground.open(other)
    finish(neighbour.start(steps=3))
    run = neighbour.run
    assert run is not None
    finish(neighbour.reset())
    companions = session.playground.companions
    kept = weakref.ref(companions(("other",), "ring")["other"].module)
    gc.collect()
    assert kept() is not None, "or it would be read again for every picture"
    session.playground.store.delete(run.id)
    assert companions(("other",), "ring") == {}
    gc.collect()
    assert kept() is None


def test_a_view_can_ask_for_the_newest_other_run_of_the_model_on_the_same_data(
    fresh: Open,
) -> None:
    seen: list[dict[str, int]] = []

    def make(trained: Any, knobs: Any) -> Drawing:
        seen.append({key: each.step for key, each in trained.companions.items()})
        yield None

    view = dataclasses.replace(tiny.NEIGHBOUR, make=make, companions=(OTHER,))
    session = fresh()

    def others() -> dict[str, int]:
        finish(session.look(view, tiny.LookKnobs()))
        return seen[-1]

    finish(session.start(steps=2))
    assert others() == {}
    finish(session.reset())
    session.choose(data="other")
    finish(session.start(steps=3))
    assert others() == {}, "of other data"
    finish(session.reset())
    session.choose(data="ring")
    finish(session.start(steps=4))
    assert others() == {OTHER: 2}
    finish(session.reset())
    finish(session.start(steps=5))
    assert others() == {OTHER: 4}


# --- what a teacher adds


@dataclasses.dataclass(frozen=True)
class Ring(tiny.Symbols):
    """A ring that somebody can teach another way around."""

    def lesson(self, arrays: Mapping[str, NDArray[Any]]) -> "Ring":
        return dataclasses.replace(self, tokens=arrays["tokens"]) if arrays else self


class Lesson:
    """A `teach` that says what it was given; what it teaches is not the same the next time."""

    def __init__(self) -> None:
        self.times = 0
        self.teachers: dict[str, int] = {}

    def __call__(self, data: Any, net: Any, train: Any, companions: Mapping[str, Trained]) -> Any:
        if not train.loud:
            return {}
        self.times += 1
        self.teachers = {key: each.step for key, each in companions.items()}
        for done in (0.5, 1.0):
            yield Progress(int(2 * done), 0.1, done, note="the teacher speaks")
            yield None
        return {"tokens": another_way(self.times)}


def another_way(number: int) -> NDArray[np.int64]:
    """What is taught the first time, the second and so on."""
    return np.concatenate([tiny.walk(400)[:20], tiny.walk(380, seed=number)])


@pytest.fixture
def lesson(catalogue: tiny.Catalogue) -> Lesson:
    catalogue.known = {"ring": Ring(), "other": Ring("other")}
    return Lesson()


def taught(lesson: Lesson) -> Model:
    return tiny.model(teach=lesson, teachers=("teacher",))


LOUD = dataclasses.replace(tiny.TRAIN, loud=True)


def after(steps: int, tokens: NDArray[np.int64]) -> dict[str, bytes]:
    """The bits of an unbroken training on `tokens`."""
    made = Learner(tiny.MODEL, Ring(tokens=tokens), tiny.NET, LOUD, 1)
    advanced(made, steps)
    return bits(made)


def test_what_the_teacher_adds_is_learned_from(
    fresh: Open, lesson: Lesson, catalogue: tiny.Catalogue
) -> None:
    session = fresh(taught(lesson), tiny.model(key="teacher"))
    teacher = session.playground.open(session.playground.models["teacher"])
    finish(teacher.start(steps=7))
    session.choose(train=LOUD)
    job = session.start(steps=5)
    finish(job)
    assert lesson.teachers == {"teacher": 7}
    assert bits(the(session)) == after(5, another_way(1))
    assert session.data is catalogue.known["ring"], "what is shown is what the data are"
    finish(session.start(steps=9))
    assert lesson.times == 1, "it is asked once"
    assert bits(the(session)) == after(9, another_way(1))


def test_progress_of_the_teacher_is_told(fresh: Open, lesson: Lesson) -> None:
    gate = threading.Event()

    def teach(*given: Any) -> Any:
        found = yield from lesson(*given)
        while not gate.is_set():
            yield None
        return found

    session = fresh(tiny.model(teach=teach))
    session.choose(train=LOUD)
    job = session.start(steps=2)
    told: list[Event] = []

    def heard() -> list[Event]:
        told.extend(job.mailbox.drain())
        return told

    until(heard)
    gate.set()
    finish(job)
    notes = {each.note for each in told if isinstance(each, Progress)}
    assert notes == {"the teacher speaks"}


def test_a_run_goes_on_with_what_it_was_taught_bit_for_bit(fresh: Open, lesson: Lesson) -> None:
    session = fresh(taught(lesson))
    session.choose(train=LOUD)
    finish(session.start(steps=5))
    run = the_run(session)
    assert session.playground.close()
    later = fresh(taught(lesson))
    finish(later.restore(run.id))
    assert the(later).train == LOUD
    finish(later.start(steps=9))
    assert lesson.times == 1, "the teacher may be another by now"
    assert bits(the(later)) == after(9, another_way(1))


def test_without_a_teacher_it_learns_from_the_data_and_goes_on_so(
    fresh: Open, lesson: Lesson
) -> None:
    session = fresh(taught(lesson))
    finish(session.start(steps=5))
    assert bits(the(session)) == unbroken(5)
    run = the_run(session)
    assert session.playground.close()
    later = fresh(taught(lesson))
    finish(later.restore(run.id))
    finish(later.start(steps=9))
    assert bits(the(later)) == unbroken(9)
    assert lesson.times == 0


def test_a_training_that_cannot_be_taught_does_not_begin(fresh: Open, lesson: Lesson) -> None:
    def teach(*given: Any) -> Any:
        yield None
        raise tiny.PlaygroundError_("there is no teacher")

    session = fresh(tiny.model(teach=teach))
    with pytest.raises(PlaygroundError, match="there is no teacher"):
        finish(session.start(steps=5))
    assert session.learner is None
    assert session.run is None
    assert session.playground.store.runs() == ()


def test_it_can_be_stopped_while_the_teacher_speaks(fresh: Open, lesson: Lesson) -> None:
    spoken = threading.Event()

    def teach(*given: Any) -> Any:
        while True:
            spoken.set()
            yield None

    session = fresh(tiny.model(teach=teach))
    job = session.start(steps=5)
    assert spoken.wait(SOON)
    session.pause()
    assert job.wait(SOON)
    assert session.status == "empty"
    assert session.playground.store.runs() == ()


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_run_without_its_lesson_works_but_cannot_go_on(
    fresh: Open, lesson: Lesson, damage: str
) -> None:
    session = fresh(taught(lesson))
    session.choose(train=LOUD)
    finish(session.start(steps=5))
    run, path = the_run(session), session.playground.store.path(the_run(session).id)
    assert session.playground.close()
    kept = path / keeping.LESSON
    if damage == "gone":
        kept.unlink()
    else:
        kept.write_bytes(kept.read_bytes()[:40])
    later = fresh(taught(lesson))
    job = later.restore(run.id)
    finish(job)
    said = events_of(job)[Said]
    assert isinstance(said, Said)
    assert keeping.LESSON in said.text
    finish(later.sample(tiny.SampleKnobs()))
    with pytest.raises(RunError, match=re.escape(keeping.LESSON)):
        finish(later.start(steps=9))
    finish(later.reset())
    finish(later.start(steps=2))
    assert later.step == 2


def test_a_lesson_that_cannot_be_kept_is_told_and_training_goes_on(
    fresh: Open, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = fresh(taught(lesson))
    session.choose(train=LOUD)

    def full(path: Path, content: bytes) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(keeping, "write_atomically", full)
    job = session.start(steps=5)
    finish(job)
    assert bits(the(session)) == after(5, another_way(1))
    said = [event for event in job.mailbox.drain() if isinstance(event, Said)]
    assert any("disk full" in each.text and each.grave for each in said)


def test_an_estimate_needs_no_teacher(fresh: Open, lesson: Lesson) -> None:
    session = fresh(taught(lesson))
    found = finish(session.estimate(tiny.NET, LOUD))
    assert found["parameters"] > 0
    assert lesson.times == 0


# --- the whole


def test_closing_saves_what_trains_and_leaves_no_thread(fresh: Open) -> None:
    session = fresh(slowed())
    second = session.playground.open(session.model)
    jobs = [session.start(steps=100_000), second.start(steps=100_000)]
    until(lambda: session.step > 3 and second.step > 3)
    assert session.playground.close()
    assert all(job.ended and job.error is None for job in jobs)
    store = session.playground.store
    for each in (session, second):
        assert store.read(the_run(each).id).step == each.step
    assert "compute" not in [thread.name for thread in threading.enumerate()]


def test_torch_leaves_a_core_to_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    for cores, threads, expected in (
        (8, None, 7),
        (1, None, 1),
        (None, None, 1),
        (8, 3, 3),
        (8, 0, 7),
        (8, -1, 7),
    ):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        session_.set_up(threads)
        assert asked[-1] == expected


def test_metrics_are_averaged_over_the_steps_that_have_them() -> None:
    def row(**values: float) -> dict[str, torch.Tensor]:
        return {name: torch.tensor(value) for name, value in values.items()}

    found = stack([row(loss=1.0, gradient=4.0), row(loss=3.0), row(loss=5.0, score=7.0)])
    assert found == {"loss": 3.0, "gradient": 4.0, "score": 7.0}
    assert math.isnan(stack([row(loss=1.0), row(loss=math.nan)])["loss"])


# --- health


def rule(key: str, found: Callable[[History, Any], bool]) -> Rule:
    return Rule(key, "Something is wrong.", "Made up.", found, "Mend", lambda train: {})


def measured(history: History) -> int:
    return len(history.series("held_out").values)


def test_what_is_wrong_is_told_when_it_changes(
    fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "HELD_OUT_SECONDS", 0.0)
    rules = (
        rule("early", lambda history, train: 0 < measured(history) < 3),
        rule("late", lambda history, train: measured(history) >= 3),
        rule("wild", lambda history, train: train.mood == "wild"),
    )
    session = fresh(dataclasses.replace(slowed(), health=rules))
    before = session.health
    assert before == ()
    job = session.start(steps=10**6)
    told: list[Health] = []

    def late() -> bool:
        told.extend(each for each in job.mailbox.drain() if isinstance(each, Health))
        return session.health == ("late",)

    until(late)
    session.change(mood="wild")
    until(lambda: session.health == ("late", "wild"))
    session.pause()
    finish(job)
    told.extend(each for each in job.mailbox.drain() if isinstance(each, Health))
    assert [each.found for each in told] == [("early",), ("late",), ("late", "wild")]
    reset = session.reset()
    finish(reset)
    assert session.health == ()
    assert events_of(reset)[Health] == Health(())


def test_at_a_pause_it_is_looked_once_more(fresh: Open) -> None:
    at_ten = rule("ten", lambda history, train: bool((history.series("loss").steps >= 10).any()))
    session = fresh(tiny.model(health=(at_ten,)))
    finish(session.start(steps=9))
    before = session.health
    assert before == ()
    job = session.start(steps=10)
    finish(job)
    assert session.health == ("ten",)
    assert events_of(job)[Health] == Health(("ten",))
    again = session.start(steps=11)
    finish(again)
    assert Health not in events_of(again)  # nothing new


def test_an_opened_run_is_as_well_as_it_was(fresh: Open) -> None:
    always = rule("always", lambda history, train: "loss" in history.names)
    session = fresh(tiny.model(health=(always,)))
    finish(session.start(steps=5))
    other = fresh(tiny.model(health=(always,)))
    job = other.restore(the_run(session).id)
    finish(job)
    assert other.health == ("always",)
    assert events_of(job)[Health] == Health(("always",))


# --- exports


def test_exporting_needs_a_model(session: Session, tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match="no trained model yet"):
        finish(session.export("weights", tmp_path / "a.safetensors"))


def test_what_is_exported_is_the_model_as_it_is(fresh: Open, tmp_path: Path) -> None:
    model = tiny.model(accepts="text")
    session = fresh(model)
    assert [each.key for each in session.exports()] == ["text", "weights", "script"]
    finish(session.start(steps=20))
    path = tmp_path / "a.safetensors"
    assert finish(session.export("weights", path)) == path
    back = read_weights(path, [model])
    assert back.step == 20
    expected = the(session).averaged.state_dict()
    for name, tensor in back.module.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_the_sample_that_was_asked_for_goes_before_the_live_one(
    fresh: Open, tmp_path: Path
) -> None:
    session = fresh(tiny.model(accepts="text"))
    finish(session.start(steps=20))
    assert isinstance(session.live, Text)
    path = tmp_path / "a.txt"
    finish(session.export("text", str(path)))
    assert path.read_text() == session.live.text
    finish(session.sample(tiny.SampleKnobs(length=30)))
    assert isinstance(session.drawn, Text)
    finish(session.export("text", path))
    assert path.read_text() == session.drawn.text != session.live.text


def test_a_film_of_a_training_while_it_goes_on(fresh: Open, tmp_path: Path) -> None:
    def paint(trained: Any, knobs: Any, keep: Any) -> Drawing:
        weights = trained.module.head.weight.flatten()[:4].tolist()
        yield None
        yield Images(np.array(weights, np.float64).reshape(4, 1, 1, 1).astype(np.uint8))

    session = fresh(dataclasses.replace(slowed(), accepts="images", sampler=paint))
    training = session.start(steps=10**6)
    until(lambda: len(session.snapshots) >= 5)
    job = session.export("film", tmp_path / "a.gif")
    assert finish(job) == tmp_path / "a.gif"
    assert Progress in events_of(job)
    assert not training.ended
    assert (tmp_path / "a.gif").read_bytes()[:4] == b"GIF8"
    session.pause()
    finish(training)

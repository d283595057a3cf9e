"""What a training looks up for: at once the first time, then as often as it can afford."""

from collections.abc import Generator, Iterable
from typing import Any

import pytest

from engine.events import Said
from engine.pacing import PAID_OFF, Aside, Speed, Task
from engine.phrases import N_, PlaygroundError
from engine.worker import Job, Worker

SHARE = 0.04


class Clock:
    """A clock that only the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("engine.pacing.time.perf_counter", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Desk:
    """Tasks that take a given time each, and a record of which were done."""

    def __init__(self, clock: Clock, tasks: dict[str, tuple[float, float]]) -> None:
        self.clock = clock
        self.done: list[str] = []
        self.trained = 0.0
        self.tasks = tasks
        self.job = Job(Worker(), "training", None, None)
        self.aside = Aside(self.job, self.due, SHARE)

    def due(self) -> Iterable[Task]:
        for key, (every, cost) in self.tasks.items():
            yield Task(key, key, every, lambda key=key, cost=cost: self.work(key, cost))  # type: ignore[misc]

    def work(self, key: str, cost: float) -> Generator[None, None, Any]:
        self.clock.now += cost
        self.done.append(key)
        yield

    def train(self, seconds: float, step_seconds: float = 0.01, others: float = 0.0) -> None:
        """Steps of training, with a look up after each; and other jobs' turns in between."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now += step_seconds
            self.trained += step_seconds
            for _ in self.aside.take_turn(7, self.trained):
                pass
            self.clock.now += others


def test_everything_is_done_once_at_the_start(clock: Clock) -> None:
    desk = Desk(clock, {"a": (5.0, 1.0), "b": (5.0, 1.0), "c": (5.0, 1.0)})
    desk.train(3.1)
    assert sorted(desk.done) == ["a", "b", "c"]


def test_what_costs_little_keeps_its_interval(clock: Clock) -> None:
    desk = Desk(clock, {"a": (1.0, 0.001)})
    desk.train(20.0)
    assert 19 <= len(desk.done) <= 21


def test_the_share_of_the_time_is_bounded(clock: Clock) -> None:
    cost = 0.1
    desk = Desk(clock, {"a": (0.1, cost), "b": (0.1, cost)})
    desk.train(200.0)
    assert len(desk.done) * cost <= 200.0 * SHARE + 3 * cost
    assert len(desk.done) * cost >= 200.0 * SHARE * 0.8
    assert abs(desk.done.count("a") - desk.done.count("b")) <= 1


def test_the_time_that_others_take_pays_nothing_off(clock: Clock) -> None:
    """Where many train at once, each still spends most of its own turns on steps."""
    cost = 0.1
    desk = Desk(clock, {"a": (0.1, cost)})
    desk.train(400.0, others=0.07)
    assert desk.trained > 40
    assert len(desk.done) * cost <= desk.trained * SHARE + 3 * cost


def test_one_slow_picture_does_not_hold_up_the_others_for_long(clock: Clock) -> None:
    desk = Desk(clock, {"slow": (1000.0, 30.0), "quick": (1.0, 0.001)})
    desk.train(30.1)  # the first time is on the house
    desk.aside._last["slow"] -= 1000.0
    desk.train(30.1)
    assert desk.done.count("slow") == 2
    desk.done.clear()
    desk.train(PAID_OFF + 1.5)
    assert "quick" in desk.done


def test_what_is_done_at_the_start_does_not_hold_up_the_next(clock: Clock) -> None:
    desk = Desk(clock, {"a": (1.0, 0.15), "b": (1.0, 0.15)})
    desk.train(1.5)
    assert desk.done == ["a", "b", "a"]


def test_a_fault_is_told_and_nothing_is_raised(clock: Clock) -> None:
    desk = Desk(clock, {})

    def broken(error: Exception) -> Generator[None, None, Any]:
        yield
        raise error

    def told(error: Exception) -> list[Said]:
        desk.aside = Aside(
            desk.job, lambda: [Task("x", "The view", 1.0, lambda: broken(error))], SHARE
        )
        desk.job.mailbox.drain()
        desk.train(0.01)
        return [event for event in desk.job.mailbox.drain() if isinstance(event, Said)]

    (mendable,) = told(PlaygroundError(N_("type a text")))
    assert (mendable.text, mendable.grave) == ("type a text", False)
    (fault,) = told(ValueError("no"))
    assert fault.grave
    assert fault.text == "The view could not be made at step 7: ValueError: no"


def test_speed_is_that_of_the_steps() -> None:
    speed = Speed()
    for step in range(0, 1000, 10):
        speed.update(step, step / 50)
    assert speed.value == pytest.approx(50.0)
    speed.update(990, 19.8)  # no step since: nothing to learn from
    assert speed.value == pytest.approx(50.0)

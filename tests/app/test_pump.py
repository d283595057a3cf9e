"""The pump: nothing is lost, nothing is late, and it rests."""

import time
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from pytestqt.qtbot import QtBot

from app.pump import HAND_MS, HAND_SECONDS, LONGEST_MS, SHORTEST_MS, Pump, rest_ms
from engine.events import Ended, Event, Progress, Said
from engine.worker import Job, Worker


@pytest.fixture
def worker() -> Any:
    worker = Worker()
    yield worker
    assert worker.close()


def counting(job: Job) -> Any:
    for step in range(50):
        job.tell(Progress(step, 0.0, step / 50))
        yield
    job.tell(Said("done"))


def test_every_event_comes_and_the_end_comes_last(qtbot: QtBot, worker: Worker) -> None:
    pump, heard = Pump(), list[Event]()
    job = worker.submit(counting)
    pump.watch(job, heard.append)
    qtbot.waitUntil(lambda: any(isinstance(event, Ended) for event in heard))
    assert isinstance(heard[-1], Ended)
    assert [event for event in heard if isinstance(event, Said)] == [Said("done")]
    steps = [event.step for event in heard if isinstance(event, Progress)]
    assert steps[-1] == 49
    assert steps == sorted(steps)
    assert job.ended  # so that whoever hears of the end also finds it so
    qtbot.waitUntil(lambda: not pump.busy)


def test_a_listener_that_raises_does_not_keep_the_news_from_others(
    qtbot: QtBot, worker: Worker
) -> None:
    pump, heard = Pump(), list[Event]()

    def fails(event: Event) -> None:
        raise ValueError("not today")

    with qtbot.captureExceptions() as caught:
        pump.watch(worker.submit(counting), fails)
        pump.watch(worker.submit(counting), heard.append)
        qtbot.waitUntil(lambda: any(isinstance(event, Ended) for event in heard))
        qtbot.waitUntil(lambda: not pump.busy)
    assert {kind for kind, _, _ in caught} == {ValueError}


def test_of_several_drawings_for_one_place_only_the_newest_is_made(qtbot: QtBot) -> None:
    pump, drawn = Pump(), list[int]()
    for number in range(10):
        pump.draw("picture", lambda number=number: drawn.append(number))  # type: ignore[misc]
    pump.draw("gone", lambda: drawn.append(-1))
    pump.forget("gone")
    qtbot.waitUntil(lambda: not pump.busy)
    assert drawn == [9]


def test_between_two_drawings_lies_the_pause(qtbot: QtBot) -> None:
    pump, times = Pump(), list[float]()
    pump.draw("curve", lambda: times.append(time.perf_counter()), 0.3)
    qtbot.waitUntil(lambda: len(times) == 1)
    pump.draw("curve", lambda: times.append(time.perf_counter()), 0.3)
    qtbot.waitUntil(lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.3


def test_the_rest_is_four_times_the_cost_within_bounds() -> None:
    assert rest_ms(0.0) == SHORTEST_MS
    assert rest_ms(0.02) == 80
    assert rest_ms(0.0, by_hand=True) == HAND_MS
    assert rest_ms(0.07, by_hand=True) == 30
    assert rest_ms(3.0) == LONGEST_MS


def test_slow_drawing_takes_a_fifth_of_the_time_and_is_spread_over_turns(qtbot: QtBot) -> None:
    pump = Pump()
    spent = 0.0

    def slow() -> None:
        nonlocal spent
        start = time.perf_counter()
        time.sleep(0.01)
        spent += time.perf_counter() - start

    begun = time.perf_counter()
    lateness, last = [], begun

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        lateness.append(now - last - 0.016)
        last = now
        for key in range(5):
            pump.draw(key, slow)

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(16)
    qtbot.wait(1500)
    timer.stop()
    share = spent / (time.perf_counter() - begun)
    assert 0.05 < share < 0.27
    assert sorted(lateness)[len(lateness) * 9 // 10] < 0.016  # one drawing of 10 ms, never five
    qtbot.waitUntil(lambda: not pump.busy)


def test_without_anything_to_do_no_timer_runs(qtbot: QtBot, worker: Worker) -> None:
    pump = Pump()
    pump.watch(worker.submit(counting), lambda event: None)
    qtbot.waitUntil(lambda: not pump.busy)
    qtbot.wait(100)
    assert not any(timer.isActive() for timer in pump.findChildren(QTimer))


def test_what_a_hand_waits_for_is_drawn_first(qtbot: QtBot) -> None:
    pump, drawn = Pump(), list[str]()
    for name in ("curves", "picture", "numbers"):
        pump.draw(name, lambda name=name: drawn.append(name))  # type: ignore[misc]
    pump.draw("picture", lambda: drawn.append("newest"), first=True)
    qtbot.waitUntil(lambda: not pump.busy)
    assert drawn == ["newest", "curves", "numbers"]


def test_the_short_rests_end_soon_after_the_hand_does(qtbot: QtBot) -> None:
    pump = Pump()
    seen = [pump._by_hand]
    pump.hurry()
    seen.append(pump._by_hand)
    time.sleep(HAND_SECONDS)
    seen.append(pump._by_hand)
    assert seen == [False, True, False]

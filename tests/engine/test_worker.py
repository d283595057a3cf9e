"""engine/worker.py: turns, ends, and random states, on a real thread."""

import gc
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import repeat
from typing import Any

import pytest
import torch

from engine import worker as worker_
from engine.events import Ended, Progress
from engine.learner import TorchRandom
from engine.phrases import N_, PlaygroundError
from engine.worker import MOST_AHEAD, TURN_SECONDS, Job, State, Worker

SOON = 10.0  # seconds that nothing here takes
Steps = Generator[None, None, Any]


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    assert made.close()


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is a single step, so that jobs alternate as often as can be."""
    monkeypatch.setattr(worker_, "TURN_SECONDS", 0.0)


def forever(job: Job) -> Steps:
    while True:
        time.sleep(0.001)
        yield


def counting(steps: int) -> Callable[[Job], Steps]:
    def work(job: Job) -> Steps:
        for step in range(steps):
            job.tell(Progress(step, 0.0, None))
            yield
        return steps

    return work


def state(job: Job) -> State:
    """Read anew each time."""
    return job.state


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


def test_a_job_runs_to_its_end_and_gives_its_result(worker: Worker) -> None:
    job = worker.submit(counting(5), "counting")
    assert job.title == "counting"
    assert job.wait(SOON)
    assert (job.result, job.error, job.ended, job.state) == (5, None, True, "ended")
    assert job.mailbox.drain() == (Progress(4, 0.0, None), Ended("finished"))
    until(lambda: worker.jobs == ())


def test_all_jobs_share_one_thread_that_is_not_the_callers(worker: Worker) -> None:
    threads = []

    def work(job: Job) -> Steps:
        threads.append(threading.current_thread())
        yield
        threads.append(threading.current_thread())

    jobs = [worker.submit(work) for _ in range(3)]
    assert all(job.wait(SOON) for job in jobs)
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()


def test_it_is_prepared_before_the_first_job() -> None:
    order = []

    def work(job: Job) -> Steps:
        order.append(("work", threading.get_ident()))
        yield

    worker = Worker(lambda: order.append(("prepared", threading.get_ident())))
    assert order == []
    worker.submit(work).wait(SOON)
    assert worker.close()
    assert [what for what, _ in order] == ["prepared", "work"]
    assert len({thread for _, thread in order}) == 1


class Turns:
    """A record of who had how much time, by a clock that only the steps move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.taken: list[tuple[str, float]] = []  # step by step
        self.begin = threading.Event()
        monkeypatch.setattr("engine.worker.time.perf_counter", lambda: self.now)

    def taking(self, name: str, seconds: Iterable[float]) -> Callable[[Job], Steps]:
        """Steps of so many seconds each, once all are there."""

        def work(job: Job) -> Steps:
            self.begin.wait(SOON)
            for each in seconds:
                self.now += each
                self.taken.append((name, each))
                yield

        return work

    def of(self, name: str) -> float:
        return sum(seconds for who, seconds in self.taken if who == name)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    return Turns(monkeypatch)


def test_all_get_the_same_time_whatever_a_step_takes(worker: Worker, turns: Turns) -> None:
    sizes = {"short": 0.003, "middle": 0.05, "long": 0.3}
    for name, size in sizes.items():
        worker.submit(turns.taking(name, itertools.takewhile(until_(turns, 100), repeat(size))))
    turns.begin.set()
    until(lambda: worker.jobs == ())
    most, least = max(map(turns.of, sizes)), min(map(turns.of, sizes))
    assert least > 30
    assert most - least <= 0.3 + TURN_SECONDS


def until_(turns: Turns, seconds: float) -> Callable[[float], bool]:
    """Whether all together have had less than so much."""
    return lambda _size: turns.now < 100.0 + seconds


def test_who_paused_saves_nothing_up(worker: Worker, turns: Turns) -> None:
    held = worker.submit(turns.taking("held", repeat(0.01, 100)))
    held.pause()
    other = worker.submit(turns.taking("other", repeat(0.01, 1000)))

    def wake(job: Job) -> Steps:
        while turns.of("other") < 5:
            turns.now += 0.01
            yield
        held.resume()

    worker.submit(wake)
    turns.begin.set()
    assert held.wait(SOON)
    assert other.wait(SOON)
    names = [name for name, _ in turns.taken]
    first, last = names.index("held"), len(names) - names[::-1].index("held")
    assert names[first:last].count("other") >= 95


def test_a_new_job_is_next(worker: Worker, turns: Turns) -> None:
    def calling(job: Job) -> Steps:
        yield from turns.taking("old", repeat(0.01, 50))(job)
        worker.submit(turns.taking("new", [0.01]))
        yield from turns.taking("old", repeat(0.01, 50))(job)

    worker.submit(turns.taking("another", repeat(0.01, 200)))
    worker.submit(calling)
    turns.begin.set()
    until(lambda: worker.jobs == ())
    names = [name for name, _ in turns.taken]
    asked = [at for at, name in enumerate(names) if name == "old"][49]
    assert names.index("new") - asked <= 3 * TURN_SECONDS / 0.01


def test_one_long_turn_is_not_held_against_a_job_for_long(worker: Worker, turns: Turns) -> None:
    worker.submit(turns.taking("load", [30.0, 0.01]))
    worker.submit(turns.taking("train", repeat(0.01, 1000)))
    turns.begin.set()
    until(lambda: worker.jobs == ())
    names = [name for name, _ in turns.taken]
    between = names[names.index("load") + 1 :].index("load")
    assert between <= (MOST_AHEAD + TURN_SECONDS) / 0.01


def test_a_turn_lasts_about_its_time(worker: Worker) -> None:
    """Two jobs of short steps get many steps in a turn, and neither is left behind."""
    taken = {"a": 0, "b": 0}
    turns: list[str] = []

    def named(name: str) -> Callable[[Job], Steps]:
        def work(job: Job) -> Steps:
            while len(turns) < 30:
                taken[name] += 1
                if not turns or turns[-1] != name:
                    turns.append(name)
                yield

        return work

    jobs = [worker.submit(named(name)) for name in "ab"]
    assert all(job.wait(SOON) for job in jobs)
    assert turns == ["a", "b"] * 15
    assert min(taken.values()) > 30, "a turn is more than a step"


def test_a_request_is_served_while_another_job_runs_on(worker: Worker) -> None:
    running = worker.submit(forever)
    assert worker.submit(counting(3)).wait(SOON)
    assert not running.ended
    assert worker.jobs == (running,)
    running.stop()
    assert running.wait(SOON)


def test_a_stopped_job_cleans_up_on_the_compute_thread(worker: Worker) -> None:
    cleaned = []

    def work(job: Job) -> Steps:
        try:
            while True:
                yield
        finally:
            cleaned.append(threading.current_thread().name)
            job.tell(Progress(7, 0.0, None))

    job = worker.submit(work)
    until(lambda: job.state == "running")
    job.stop()
    assert job.stopping
    assert job.wait(SOON)
    assert cleaned == ["compute"]
    assert job.mailbox.drain() == (Progress(7, 0.0, None), Ended("stopped"))


def test_a_job_that_is_stopped_before_its_first_turn_does_nothing(worker: Worker) -> None:
    busy, held = threading.Event(), threading.Event()

    def hold(job: Job) -> Steps:
        busy.set()
        held.wait(SOON)
        yield

    began = []

    def work(job: Job) -> Steps:
        began.append(1)
        yield

    worker.submit(hold)
    assert busy.wait(SOON)
    job = worker.submit(work)
    assert state(job) == "waiting"
    job.stop()
    held.set()
    assert job.wait(SOON)
    assert began == []
    assert job.mailbox.drain() == (Ended("stopped"),)


def test_a_paused_job_gets_no_turn_until_it_is_resumed(worker: Worker) -> None:
    steps = [0]

    def work(job: Job) -> Steps:
        while True:
            steps[0] += 1
            yield

    job = worker.submit(work)
    until(lambda: steps[0] > 10)
    job.pause()
    assert worker.submit(counting(2)).wait(SOON)
    assert worker.submit(counting(2)).wait(SOON)
    paused_at = steps[0]
    assert state(job) == "paused"
    assert worker.submit(counting(50)).wait(SOON)
    assert steps[0] == paused_at
    job.resume()
    until(lambda: steps[0] > paused_at)
    assert state(job) == "running"
    job.stop()
    assert job.wait(SOON)


def test_a_paused_job_can_be_stopped_and_cleans_up(worker: Worker) -> None:
    cleaned = []

    def work(job: Job) -> Steps:
        try:
            while True:
                yield
        finally:
            cleaned.append(1)

    job = worker.submit(work)
    until(lambda: job.state == "running")
    job.pause()
    job.stop()
    assert job.wait(SOON)
    assert cleaned == [1]


def test_an_error_ends_only_its_own_job_and_is_told(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError("no such tensor")

    def work(job: Job) -> Steps:
        yield
        raise error

    running = worker.submit(forever)
    failing = worker.submit(work, "multiplying")
    assert failing.wait(SOON)
    assert failing.error is error
    assert failing.mailbox.drain() == (Ended("failed", error),)
    assert worker.submit(counting(2)).wait(SOON)
    assert not running.ended
    (record,) = caplog.records
    assert "'multiplying' failed" in record.message
    assert record.levelno == logging.ERROR
    assert record.exc_info


def test_what_the_person_can_mend_is_told_without_a_traceback(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    error = PlaygroundError(N_("no such file"))

    def work(job: Job) -> Steps:
        yield
        raise error

    job = worker.submit(work)
    assert job.wait(SOON)
    assert job.mailbox.drain() == (Ended("failed", error),)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_error_in_the_clean_up_is_told(worker: Worker) -> None:
    def work(job: Job) -> Steps:
        try:
            while True:
                yield
        finally:
            raise OSError("disk full")

    job = worker.submit(work)
    until(lambda: job.state == "running")
    job.stop()
    assert job.wait(SOON)
    (ended,) = job.mailbox.drain()
    assert isinstance(ended, Ended)
    assert ended.reason == "failed"
    assert str(ended.error) == "disk full"


def test_a_job_waits_for_the_one_it_comes_after(worker: Worker) -> None:
    order: list[str] = []

    def first(job: Job) -> Steps:
        try:
            while True:
                yield
        finally:
            time.sleep(0.02)
            order.append("first is over")

    def second(job: Job) -> Steps:
        order.append("second begins")
        yield

    one = worker.submit(first)
    two = worker.submit(second, after=one)
    three = worker.submit(second, after=two)
    assert worker.submit(counting(100)).wait(SOON)
    assert order == []
    assert two.state == "waiting"
    one.stop()
    assert three.wait(SOON)
    assert order == ["first is over", "second begins", "second begins"]
    assert worker.submit(counting(1), after=one).wait(SOON), "one that is over holds nobody up"


def test_a_job_that_waits_for_another_can_be_stopped(worker: Worker) -> None:
    running = worker.submit(forever)
    waiting = worker.submit(counting(1), after=running)
    waiting.stop()
    assert waiting.wait(SOON)
    assert not running.ended


def test_what_comes_after_one_that_was_stopped_waits_for_what_that_one_waited_for(
    worker: Worker,
) -> None:
    """A reset comes after an opening, though the training between them was taken back."""
    running = worker.submit(forever)
    between = worker.submit(counting(1), after=running)
    last = worker.submit(counting(1), after=between)
    between.stop()
    assert between.wait(SOON)
    assert worker.submit(counting(100)).wait(SOON)
    assert last.state == "waiting"
    running.stop()
    assert last.wait(SOON)


def test_what_a_job_that_failed_has_computed_is_let_go_of(worker: Worker) -> None:
    """The job is remembered, with its error, as long as it is the newest of its session."""
    found: list[weakref.ref[Any]] = []

    def work(job: Job) -> Steps:
        computed = torch.zeros(1000)
        found.append(weakref.ref(computed))
        yield
        raise ValueError("a fault")

    job = worker.submit(work)
    assert job.wait(SOON)
    assert worker.submit(counting(1)).wait(SOON)
    assert isinstance(job.error, ValueError)
    gc.collect()
    assert found[0]() is None


def test_closing_stops_everything_cleans_up_and_leaves_no_thread() -> None:
    cleaned = []

    def work(job: Job) -> Steps:
        try:
            while True:
                yield
        finally:
            cleaned.append(1)

    worker = Worker()
    jobs = [worker.submit(work) for _ in range(3)]
    jobs.append(worker.submit(work, after=jobs[0]))
    until(lambda: all(job.state == "running" for job in jobs[:3]))
    jobs[1].pause()
    assert worker.close()
    assert cleaned == [1, 1, 1]
    assert all(job.ended for job in jobs)
    assert all(job.mailbox.drain() == (Ended("stopped"),) for job in jobs)
    assert "compute" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(counting(1))
    assert worker.close(), "closing twice does no harm"


def test_closing_one_that_never_ran() -> None:
    assert Worker().close()


def test_closing_says_when_it_took_too_long() -> None:
    held, busy = threading.Event(), threading.Event()

    def work(job: Job) -> Steps:
        busy.set()
        held.wait(SOON)
        yield

    worker = Worker()
    worker.submit(work)
    assert busy.wait(SOON)
    assert not worker.close(timeout=0.01)
    held.set()
    assert worker.close()


# --- random states


def drawing(numbers: list[float], count: int = 50) -> Callable[[Job], Steps]:
    def work(job: Job) -> Steps:
        for _ in range(count):
            numbers.append(float(torch.rand(())))
            yield

    return work


def reference(seed: int, count: int = 50) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    return [float(torch.rand((), generator=generator)) for _ in range(count)]


def test_another_job_never_changes_a_jobs_random_numbers(worker: Worker, short_turns: None) -> None:
    held = threading.Event()

    def hold(job: Job) -> Steps:
        held.wait(SOON)
        yield

    worker.submit(hold)
    numbers: list[list[float]] = [[], [], []]
    jobs = [
        worker.submit(drawing(numbers[0]), random=TorchRandom(1)),
        worker.submit(drawing(numbers[1]), random=TorchRandom(2)),
        worker.submit(drawing(numbers[2])),  # has none of its own
    ]
    held.set()
    assert all(job.wait(SOON) for job in jobs)
    assert numbers[0] == reference(1)
    assert numbers[1] == reference(2)
    assert len(set(numbers[2])) == 50


def test_a_job_leaves_the_outer_random_numbers_as_they_were(worker: Worker) -> None:
    def failing(job: Job) -> Steps:
        torch.rand(3)
        yield
        raise RuntimeError("in the middle")

    torch.manual_seed(11)
    before = torch.get_rng_state()
    for work in (drawing([]), failing):
        assert worker.submit(work, random=TorchRandom(1)).wait(SOON)
    assert torch.equal(torch.get_rng_state(), before)

"""One compute thread that advances jobs in turn.

A job is a generator: every ``yield`` is a safe point, at which the job may be
stopped or paused and another may have its turn. All jobs share one thread, so
sampling from the model *being trained* needs no lock, and training in several
tabs at once never fights over the cores. A turn lasts about 20 ms, or one step where that
takes longer: long enough that switching costs nothing, short enough that a request is answered
at once. Turns go to whom has had the least time (start-time fair queueing: Goyal, Vin, Cheng
1996), so that large steps do not crowd out small ones.

    def count(job):
        for step in range(10):
            job.tell(Progress(step, 0.0, step / 10))
            yield

    worker.submit(count, "counting")
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Generator
from typing import Any, Literal, Protocol, TypeAlias

from engine import memory
from engine.events import Ended, Event, Mailbox, Reason
from engine.phrases import PlaygroundError

log = logging.getLogger(__name__)

TURN_SECONDS = 0.02
MOST_AHEAD = 0.5  # seconds; who took longer in one turn need not make up for all of it

State: TypeAlias = Literal["waiting", "running", "paused", "ended"]
Work: TypeAlias = Callable[["Job"], Generator[None, None, Any]]


class RandomState(Protocol):
    """The random state of one job: swapped in for its turns, and out again after."""

    def enter(self) -> None:
        """Make this the global random state."""

    def leave(self) -> None:
        """Take the global random state back, and restore what was there before."""


class Job:
    """A piece of work on the compute thread. Every method may be called from any thread."""

    def __init__(
        self, worker: "Worker", title: str, random: RandomState | None, after: "Job | None"
    ) -> None:
        self.title = title
        self.mailbox = Mailbox()
        self.result: Any = None
        self.error: Exception | None = None
        self._worker = worker
        self._random = random
        self._after = after
        self._stopping = False
        self._pausing = False
        self._begun = False
        self._clock = 0.0  # the time it has had, on the worker's clock
        self._ended = threading.Event()

    def tell(self, event: Event) -> None:
        """Leave an event for whoever reads this job's mailbox."""
        self.mailbox.put(event)

    @property
    def state(self) -> State:
        """Where it is. A paused job may still be finishing its present step."""
        if self.ended:
            return "ended"
        if self._pausing and not self._stopping:
            return "paused"
        return "running" if self._begun else "waiting"

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for; the job gets no further turn but its clean-up."""
        return self._stopping

    @property
    def ended(self) -> bool:
        """Whether the job is over."""
        return self._ended.is_set()

    def stop(self) -> None:
        """End the job at its next safe point. Its ``finally`` blocks still run."""
        self._stopping = True
        self._worker._wake()

    def pause(self) -> None:
        """Give the job no turn until `resume`."""
        self._pausing = True

    def resume(self) -> None:
        """Undo `pause`."""
        self._pausing = False
        self._worker._wake()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end. Whether it came within `timeout` seconds."""
        return self._ended.wait(timeout)


class Worker:
    """The compute thread and the jobs that wait for their turns."""

    def __init__(self, prepare: Callable[[], None] = lambda: None) -> None:
        """`prepare` runs first on the new thread, before any job."""
        self._prepare = prepare
        self._changed = threading.Condition()
        self._jobs: list[tuple[Job, Generator[None, None, Any]]] = []
        self._closing = False
        self._clock = 0.0  # where the last turn began
        self._thread: threading.Thread | None = None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Jobs that are not over, oldest first."""
        with self._changed:
            return tuple(job for job, _ in self._jobs)

    def submit(
        self,
        work: Work,
        title: str = "",
        random: RandomState | None = None,
        after: Job | None = None,
    ) -> Job:
        """Queue `work`; it starts after the present turn, or those of others as new as it.

        With `after`, it gets no turn before that job has ended, and what that one came after.
        """
        job = Job(self, title, random, after)
        with self._changed:
            if self._closing:
                raise RuntimeError("the worker is closed")
            self._jobs.append((job, work(job)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compute", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return job

    def close(self, timeout: float = 10.0) -> bool:
        """Stop all jobs, let them clean up, and join. Whether that was done in time."""
        with self._changed:
            self._closing = True
            for job, _ in self._jobs:
                job._stopping = True
            self._changed.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _ready(self) -> list[tuple[Job, Generator[None, None, Any]]]:
        return [
            (job, steps)
            for job, steps in self._jobs
            if job.stopping or not (job._pausing or self._waits(job))
        ]

    def _waits(self, job: Job) -> bool:
        """Whether it has to wait for others: one that was stopped before its turn left some."""
        before = job._after
        while before is not None and before.ended:
            before = before._after
        return before is not None

    def _run(self) -> None:
        self._prepare()
        while True:
            with self._changed:
                while not (ready := self._ready()):
                    if self._closing and not self._jobs:
                        return
                    self._changed.wait()
                job, steps = min(ready, key=lambda each: self._due(each[0]))
            self._clock = self._due(job)
            begun = time.perf_counter()
            over = self._advance(job, steps)
            job._clock = self._clock + min(time.perf_counter() - begun, MOST_AHEAD)
            if over:
                with self._changed:
                    self._jobs.remove((job, steps))
                    job._ended.set()

    def _due(self, job: Job) -> float:
        """When its turn is: after the time it has had. Who waited for nothing saves nothing up."""
        return max(job._clock, self._clock)

    def _advance(self, job: Job, steps: Generator[None, None, Any]) -> bool:
        """Give `job` one turn. Whether it is over now."""
        job._begun = True
        if not self._waits(job):
            job._after = None
        if job._random is not None:
            job._random.enter()
        try:
            return self._turn(job, steps)
        finally:
            if job._random is not None:
                job._random.leave()

    def _turn(self, job: Job, steps: Generator[None, None, Any]) -> bool:
        until = time.perf_counter() + TURN_SECONDS
        reason: Reason
        try:
            while True:
                if job.stopping:
                    steps.close()
                    reason = "stopped"
                    break
                next(steps)
                if job._pausing and not job.stopping:
                    return False
                if time.perf_counter() >= until:
                    return False
        except StopIteration as stop:
            job.result = stop.value
            reason = "finished"
        except Exception as caught:
            error = memory.plainly(caught)
            # The thread serves every tab: one job's fault ends that job and is told.
            expected = isinstance(error, PlaygroundError)
            log.log(
                logging.INFO if expected else logging.ERROR,
                "the job %r failed: %s",
                job.title,
                error,
                exc_info=None if expected else caught,
            )
            traceback.clear_frames(caught.__traceback__)  # or what it computed would live on
            job.error = error
            reason = "failed"
        job.tell(Ended(reason, job.error))
        return True

"""How a training spends its time beside the steps: what it looks up for, and how fast it is."""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple

from engine import memory
from engine.events import Said
from engine.phrases import N_, PlaygroundError
from engine.worker import Job

log = logging.getLogger(__name__)

PAID_OFF = 4.0  # seconds of training, at most


class Task(NamedTuple):
    """Something to be done every so many seconds. title: what it makes, for people."""

    key: str
    title: str
    every: float
    work: Callable[[], Generator[None, None, Any]]


class Aside:
    """Decides when a training may look up from its work, and for what.

    Everything here is due at its own interval, and together it may cost a share
    of the time that is trained: what it costs is a debt that is paid off at that rate,
    and while there is a debt nothing else is begun. (Were it the time that passes, pictures
    would take most of the turns where many models train at once.) What was never done is done at
    once, and on the house, so that the first pictures, which show a model that knows
    nothing yet, do not hold up the next. The debt is bounded by what can be paid off in some
    seconds, or one slow picture would hold up all others for long.
    """

    def __init__(self, job: Job, due: Callable[[], Iterable[Task]], share: float) -> None:
        """due: what there is to do at the moment. share: of the time, in (0, 1]."""
        self._job, self._tasks, self._share = job, due, share
        self._debt = 0.0
        self._paid: float | None = None  # up to how many seconds of training
        self._last: dict[str, float] = {}

    def take_turn(self, step: int, trained: float) -> Generator[None, None, None]:
        """Do the most overdue thing, if anything is due and can be afforded.

        trained: seconds of pure training so far.
        """
        now = time.perf_counter()
        since = 0.0 if self._paid is None else max(0.0, trained - self._paid)
        self._debt = max(0.0, min(self._debt, PAID_OFF * self._share) - self._share * since)
        self._paid = trained
        first: tuple[float, Task] | None = None
        for task in self._tasks():
            last = self._last.get(task.key)
            if last is None or (not self._debt and now - last >= task.every):
                waited = math.inf if last is None else (now - last) / max(task.every, 1e-6)
                if first is None or waited > first[0]:
                    first = (waited, task)
        if first is None:
            return
        waited, task = first
        self._last[task.key] = now
        steps = task.work()
        while True:
            start = time.perf_counter()
            try:
                next(steps)
            except StopIteration:
                return
            # What is only looked at must not end a training; weights that are no numbers, which
            # a view may choke on, are noticed and mended at the next flush.
            except Exception as caught:
                error = memory.plainly(caught)
                if isinstance(error, PlaygroundError):
                    self._job.tell(Said(error.phrase))
                    return
                log.exception("%s could not be made", task.key)
                self._job.tell(
                    Said(
                        N_(
                            "{what} could not be made at step {step}: {error}",
                            what=task.title,
                            step=step,
                            error=f"{type(error).__name__}: {error}",
                        ),
                        grave=True,
                    )
                )
                return
            finally:
                if waited < math.inf:
                    self._debt += time.perf_counter() - start
            yield


class Speed:
    """Steps per second of pure training, smoothed over about two seconds."""

    def __init__(self) -> None:
        self.value = 0.0
        self._last: tuple[int, float] | None = None

    def update(self, step: int, seconds: float) -> None:
        """Take note of where a training is."""
        if self._last is not None:
            steps, passed = step - self._last[0], seconds - self._last[1]
            if steps <= 0 or passed <= 0:
                return
            weight = 1.0 if not self.value else 1.0 - math.exp(-passed / 2.0)
            self.value += weight * (steps / passed - self.value)
        self._last = (step, seconds)

"""From the compute thread to the screen: one timer for the whole window.

Each turn empties the mailboxes of all jobs, tells the listeners, and draws a
little of what is waiting to be drawn. Then it measures what that cost, painting
included, and rests four times as long, so it never takes more than a fifth of
the time. A window that is behind shows fewer pictures, never later ones.

While a hand drags something in a picture, it takes up to 70 % of the time instead, and
what the hand waits for is drawn first.
"""

import sys
import time
from collections.abc import Callable, Hashable
from typing import TypeAlias

from PySide6.QtCore import QObject, Qt, QTimer

from engine.events import Ended, Event
from engine.worker import Job

SHARE = 0.2
SHORTEST_MS, LONGEST_MS = 33, 500
HAND_SECONDS = 0.3  # after the last move of a hand
HAND_SHARE, HAND_MS = 0.7, 4
ENOUGH_SECONDS = 0.004  # of drawing calls in one turn; painting comes on top

Listener: TypeAlias = Callable[[Event], None]


def rest_ms(cost: float, by_hand: bool = False) -> int:
    """How long to rest after a turn that cost so many seconds; `by_hand`: during a drag."""
    share, shortest = (HAND_SHARE, HAND_MS) if by_hand else (SHARE, SHORTEST_MS)
    rest = 1000.0 * cost * (1.0 / share - 1.0)
    return round(min(max(rest, shortest), LONGEST_MS))


class Pump(QObject):
    """Brings events to listeners and drawing to the screen, at its own pace."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watched: dict[Job, Listener] = {}
        self._endings: dict[Job, Ended] = {}
        self._queue: dict[Hashable, tuple[Callable[[], None], float]] = {}
        self._drawn: dict[Hashable, float] = {}
        self._begun = 0.0
        self._hand_until = 0.0
        self._timer = self._single_shot(self._turn)
        self._painted = self._single_shot(self._rest)

    def _single_shot(self, action: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(action)
        return timer

    @property
    def busy(self) -> bool:
        """Whether a job is watched or something waits to be drawn."""
        return bool(self._watched or self._queue)

    def watch(self, job: Job, listener: Listener) -> None:
        """Tell `listener` all events of `job`, until it is over."""
        self._watched[job] = listener
        self._wake()

    def draw(
        self, key: Hashable, action: Callable[[], None], pause: float = 0.0, first: bool = False
    ) -> None:
        """Call `action` soon, in place of an older one of this `key` that still waits.

        At least `pause` seconds lie between two calls for the same key. `first`: before all else.
        """
        if first:
            self._queue.pop(key, None)
            self._queue = {key: (action, pause), **self._queue}
        else:
            self._queue[key] = (action, pause)
        self._wake()

    def hurry(self) -> None:
        """A hand drags something: for a moment, news and drawings come with shorter rests."""
        now = time.perf_counter()
        begins, self._hand_until = now >= self._hand_until, now + HAND_SECONDS
        if begins and self._timer.isActive():
            self._timer.start(HAND_MS)

    def stop(self) -> None:
        """Forget all jobs and drawings: there is nobody left to tell."""
        self._watched.clear()
        self._endings.clear()
        self._queue.clear()
        self._timer.stop()
        self._painted.stop()

    def forget(self, key: Hashable) -> None:
        """Do not draw what waits under `key`."""
        self._queue.pop(key, None)

    @property
    def _by_hand(self) -> bool:
        return time.perf_counter() < self._hand_until

    def _wake(self) -> None:
        if not self._timer.isActive() and not self._painted.isActive():
            self._timer.start(0 if not self._begun else rest_ms(0.0, self._by_hand))

    def _turn(self) -> None:
        self._begun = time.perf_counter()
        self._painted.start(0)
        for job, listener in list(self._watched.items()):
            over = job.ended  # asked first: what it said before its end is then in the mailbox
            for event in job.mailbox.drain():
                if isinstance(event, Ended):
                    self._endings[job] = event
                else:
                    _tell(listener, event)
            if over and job in self._endings:
                del self._watched[job]
                _tell(listener, self._endings.pop(job))
        self._draw_some()

    def _draw_some(self) -> None:
        """The longest waiting first, until this turn has done enough."""
        until = time.perf_counter() + ENOUGH_SECONDS
        for key, (action, pause) in list(self._queue.items()):
            now = time.perf_counter()
            if now >= until:
                return
            if now - self._drawn.get(key, -1e9) >= pause:
                del self._queue[key]
                self._drawn[key] = now
                _guarded(action)

    def _rest(self) -> None:
        """Painting is over too (a timer of zero waits for it): now the cost is known."""
        if self._watched or self._queue:
            self._timer.start(rest_ms(time.perf_counter() - self._begun, self._by_hand))


def _tell(listener: Listener, event: Event) -> None:
    _guarded(lambda: listener(event))


def _guarded(action: Callable[[], None]) -> None:
    """One listener's fault is reported, and does not keep the news from the others."""
    try:
        action()
    except Exception:  # noqa: BLE001 - handed on to the hook that tells the person
        sys.excepthook(*sys.exc_info())

"""Events: what the compute thread tells everybody else, and the mailbox it leaves them in.

An event is a state, never a change: whoever reads only the newest of each kind
has missed nothing. A mailbox therefore keeps one slot per kind (and view), and
its size is bounded however long its reader sleeps. Only `Ended` is never replaced.
"""

import threading
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.payloads import Payload

Reason: TypeAlias = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. done: fraction in [0, 1], or None where no end is known.

    seconds: pure working time of the job so far. note: one line, e.g. what is being read.
    """

    step: int
    seconds: float
    done: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    steps_per_second: float = 0.0
    seconds_left: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, text or sound was made by the view `view` of the model at `step`."""

    view: str
    payload: Payload
    step: int


@dataclass(frozen=True, slots=True)
class Saved:
    """The run `run` is on disk as it was at `step`."""

    run: str
    step: int


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the message strip; `grave` asks for attention."""

    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with the training now: keys of the model's `Rule`s; none where it is well."""

    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A job is over. `error` is None unless `reason` is "failed"."""

    reason: Reason
    error: Exception | None = None


Event: TypeAlias = Progress | Shown | Saved | Said | Health | Ended


class Mailbox:
    """Slots for events, written by the compute thread and emptied by one reader."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[tuple[type, str], Event] = {}

    def put(self, event: Event) -> None:
        """Leave `event`, in place of an older one of its kind (and view)."""
        key = (type(event), _slot(event))
        with self._lock:
            if isinstance(event, Ended) and key in self._slots:
                return
            self._slots.pop(key, None)  # so that the order is that of the newest
            self._slots[key] = event

    def drain(self) -> tuple[Event, ...]:
        """All that has been left, oldest first, `Ended` last; the mailbox is empty after."""
        with self._lock:
            events = sorted(self._slots.values(), key=lambda event: isinstance(event, Ended))
            self._slots.clear()
        return tuple(events)


def _slot(event: Event) -> str:
    """What tells slots of one kind apart: the view, and what is grave from what is not."""
    if isinstance(event, Shown):
        return event.view
    return "grave" if isinstance(event, Said) and event.grave else ""

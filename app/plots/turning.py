"""What a person sets by dragging or picking, while pictures of it arrive late.

A picture is made from the settings of a moment ago. If a ring or a bar followed it, it
would jump back under the hand. So what was set last is shown until a picture has it too;
one that still disagrees a while after the last turn is right.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

EVERY = 1 / 60  # seconds between two turns that are told: more are not seen
SETTLED = 1.5  # seconds after the last turn in which pictures may still be late


class Turning(QObject):
    """Tells what is set, at most 60 times a second, and remembers it until it is seen.

    turned: {knob name: value}. lapsed: the payload that came last is right after all.
    """

    turned = Signal(dict)
    lapsed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.gripped = False
        self._held: dict[str, Any] = {}
        self._untold: dict[str, Any] = {}
        self._told_at = -math.inf
        self._contested = False
        self._late = False
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._tell)
        self._settled = QTimer(self, singleShot=True)
        self._settled.timeout.connect(self._settle)

    def grip(self) -> None:
        """A drag begins: until `release`, no payload moves what is held."""
        self.gripped = True

    def release(self) -> None:
        """The drag ended; its last value is told now."""
        if self.gripped:
            self.gripped = False
            self._next.stop()
            self._tell()
            if self._held:
                self._settled.start(round(1000 * SETTLED))

    def turn(self, values: Mapping[str, Any]) -> None:
        """Set these, and tell so: now, or as soon as the last turn is long enough ago."""
        self._held.update(values)
        self._untold.update(values)
        self._contested = self._late = False
        self._settled.start(round(1000 * SETTLED))
        wait = EVERY - (time.monotonic() - self._told_at)
        if wait <= 0:
            self._next.stop()
            self._tell()
        elif not self._next.isActive():
            self._next.start(math.ceil(1000 * wait))

    def over(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What to show, where a payload that has just come says `values`."""
        for name, value in values.items():
            if name in self._held and not self.gripped:
                if self._late or _same(value, self._held[name]):
                    del self._held[name]
                else:
                    self._contested = True
        return {name: self._held.get(name, value) for name, value in values.items()}

    def _tell(self) -> None:
        if self._untold:
            values, self._untold = self._untold, {}
            self._told_at = time.monotonic()
            self.turned.emit(values)

    def _settle(self) -> None:
        if self.gripped:
            return
        self._late = True  # from now on a payload that comes is right
        if self._contested:
            self._held.clear()
            self.lapsed.emit()


def _same(one: Any, other: Any) -> bool:
    """Equal, but for what rounding on the way may have changed."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, tuple) or isinstance(other, tuple):
        return False
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)

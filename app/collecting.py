"""Garbage is collected on the window's thread, and on no other.

Python looks for unreachable cycles on whichever thread happens to allocate. Were that
the compute thread, it would take apart the widgets of a closed page there, which Qt
allows on the window's own thread alone: the program can crash long after.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 1000


class Collector(QObject):
    """Takes the place of Python's own collector as long as it lives."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(EVERY_MS)

    def collect(self) -> None:
        """The oldest generation that has grown beyond its threshold, if any has."""
        due = [
            generation
            for generation, (count, most) in enumerate(
                zip(gc.get_count(), gc.get_threshold(), strict=True)
            )
            if count > most > 0
        ]
        if due:
            gc.collect(due[-1])

    def settle(self) -> None:
        """What has been loaded by now stays: it need not be looked through again and again."""
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()

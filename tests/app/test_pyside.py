"""PySide6 itself, where a release of it was found wanting."""

import sys

from PySide6.QtCore import QObject, Signal


class Speaker(QObject):
    """Emits a truth value."""

    said = Signal(bool)


def test_emitting_true_does_not_use_it_up() -> None:
    """PySide6 6.12.0 on Python 3.11 lost one reference to `True` at each emit, and aborted.

    From Python 3.12 on `True` is immortal, and its count does not move at all.
    """
    heard: list[bool] = []
    speaker = Speaker()
    speaker.said.connect(heard.append)
    before = sys.getrefcount(True)
    for _ in range(300):  # few enough for the process to live to tell
        speaker.said.emit(True)
    heard.clear()
    assert sys.getrefcount(True) > before - 30

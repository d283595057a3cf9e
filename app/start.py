"""Loading the engine behind the window, and requests to end.

Importing torch takes seconds, so the window is painted first and the engine
comes on a thread of its own.
"""

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Signal

from engine.family import Family

log = logging.getLogger(__name__)


class Loader(QObject):
    """Imports the engine and all models on a thread.

    ready: the `Playground`. failed: why there is none.
    """

    ready = Signal(object)
    failed = Signal(object)

    def __init__(
        self, families: Sequence[Family], runs: Path | None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._families = families
        self._runs = runs
        self.thread_: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self.thread_ = threading.Thread(target=self._load, name="loader", daemon=True)
        self.thread_.start()

    def _load(self) -> None:
        try:
            from engine.session import Playground

            models = [model for family in self._families for model in family.models]
            import app.tab  # noqa: F401 - with it all widgets, so that the window need not wait

            playground = Playground(models, self._runs)
        except Exception as error:
            log.exception("the engine cannot be loaded")
            self._emit(self.failed, error)
        else:
            self._emit(self.ready, playground)

    @staticmethod
    def _emit(signal: Any, value: object) -> None:
        try:
            signal.emit(value)
        except RuntimeError:  # the window was closed while this was loading
            log.info("the window is gone")


class Interrupts(QObject):
    """Ctrl+C in the terminal, and a polite request to end: both close the window, which saves.

    Python sees a signal only when it next runs, and in Qt's event loop that may be
    never; so the signal also writes to a socket, which wakes the loop.
    """

    asked = Signal()

    def install(self) -> None:
        """Listen from now on. Main thread only."""
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {
            each: signal.signal(each, lambda *_signal: self.asked.emit())
            for each in (signal.SIGINT, signal.SIGTERM)
        }

    def remove(self) -> None:
        """Put back what was there."""
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._notifier.setEnabled(False)
        for end in (self._reader, self._writer):
            end.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(64)

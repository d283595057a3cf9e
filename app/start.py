"""Loading the engine behind the window, and faults that nobody has caught.

Importing torch takes seconds, so the window is painted first and the engine
comes on a thread of its own.
"""

import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Signal

from app.i18n import _
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


class Faults(QObject):
    """Tells of exceptions that nobody has caught, on any thread; the program goes on.

    said: one line for the person. The whole traceback goes to stderr, as always.
    """

    said = Signal(str)

    def install(self) -> None:
        """Become the hook for all threads."""
        self._hooks = sys.excepthook, threading.excepthook
        sys.excepthook = self._caught
        threading.excepthook = self._caught_in_thread

    def remove(self) -> None:
        """Put back what was there."""
        sys.excepthook, threading.excepthook = self._hooks

    def _caught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, Exception):
            self.said.emit(
                _("Something went wrong: {name}: {error}. The program goes on.").format(
                    name=kind.__name__, error=error
                )
            )

    def _caught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._caught(args.exc_type, args.exc_value, args.exc_traceback)

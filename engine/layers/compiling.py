"""Compiled kernels, made ready behind the person's back.

Importing numba and compiling a kernel take seconds, so both happen on a thread
of their own while a model trains. Until a kernel is there its user does without
it; where the compiler fails, for good.
"""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Background(Generic[T]):
    """Something that takes long to make: made once, on a thread, when first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._made: T | None = None

    def start(self) -> threading.Thread:
        """Begin to make it, unless that was begun before; the thread that does it."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compile", daemon=True)
                self._thread.start()
            return self._thread

    def get(self) -> T | None:
        """It, or None while (or where) it is not there; starts making it."""
        if self._made is None:
            self.start()
        return self._made

    def _run(self) -> None:
        try:
            self._made = self._make()
        except Exception:
            # Whatever the compiler lacks on this machine, its user works without it.
            log.warning("a compiled kernel could not be made", exc_info=True)

"""Who holds a run: the one program that trains it, deletes it or brings it back.

A hold is a lock that the operating system keeps on a file (flock or LockFileEx, through
the package filelock). It ends with its program, however that ends: a killed one shuts
nobody out, not even when its process number has gone to another program since. Beside
the lock lies a note that says who holds it; the note is for people and decides nothing.

    runs/.held/20261123-101502-lstm-names.lock, .json

They are not in the run's own folder, which is moved while it is held.
"""

import contextlib
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from engine import wary

log = logging.getLogger(__name__)

FOLDER = ".held"
MOST_NOTE = 10_000  # bytes
PATIENCE_SECONDS = 0.25  # others look whether a lock is taken by taking it for a moment


@dataclass(frozen=True)
class Holder:
    """Who holds a run. since: seconds since the epoch."""

    program: str
    pid: int
    host: str
    since: float

    @property
    def here(self) -> bool:
        """Whether it is this very program."""
        return (self.pid, self.host) == (os.getpid(), platform.node())

    @property
    def who(self) -> str:
        """``main.py (PID 4711)``; with the machine's name where it is another one."""
        where = "" if self.host == platform.node() else f", {self.host}"
        return f"{self.program} (PID {self.pid}{where})"

    @property
    def when(self) -> str:
        """The time of day, with the date where it was not today."""
        then = time.localtime(self.since)
        today = time.localtime()[:3] == then[:3]
        return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)


class HeldError(Exception):
    """Another program holds it, or another part of this one; `holder` where that is known."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(str(holder))
        self.holder = holder


class Hold:
    """A `run` that is held until `release`, or until this program ends."""

    def __init__(self, run: str, lock: filelock.BaseFileLock, note: Path) -> None:
        self.run = run
        self._lock = lock
        self._note = note

    def release(self) -> None:
        """Let others have it. Raises `OSError` where the disk is gone; it is held still."""
        _remove(self._note)
        self._lock.release()


def take(folder: Path, run: str, *, noted: bool = True) -> Hold:
    """Hold `run`, one of the runs in `folder`.

    Raises `HeldError` where another has it, and `OSError` where no lock can be made.
    With `noted`, others can read who holds it.
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    note = _note(folder, run)
    lock = _lock(folder, run)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS, poll_interval=0.02)
    except filelock.Timeout:
        raise HeldError(_read(note)) from None
    _remove(note)  # of one that was killed
    if noted:
        me = Holder(program(), os.getpid(), platform.node(), time.time())
        try:
            with note.open("x", encoding="utf-8") as file:  # follows no link to another file
                json.dump(asdict(me), file)
        except OSError as error:  # a full disk: it is held all the same
            log.warning("no note of who holds %s: %s", run, error)
    return Hold(run, lock, note)


def holder_of(folder: Path, run: str) -> Holder | None:
    """Who trains `run` now, if anybody does."""
    note = _note(folder, run)
    found = _read(note)
    if found is None:
        return None
    lock = _lock(folder, run)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return found
    except OSError:  # a disk that only others can write to
        return found
    _remove(note)  # it was killed
    lock.release()
    return None


def tidy(folder: Path, known: Callable[[str], bool]) -> None:
    """Remove the locks of runs that are not `known` any more, unless somebody holds them."""
    for path in (folder / FOLDER).glob("*.lock"):
        if not known(path.stem):
            try:
                hold = take(folder, path.stem, noted=False)
            except (HeldError, OSError):
                continue
            with contextlib.suppress(OSError):
                path.unlink()  # whoever waits for it sees that, and makes another
            hold.release()


def program() -> str:
    """What a person may know this program by: ``main.py``, ``python -m engine``."""
    path = Path(sys.argv[0] or "python")
    return f"python -m {path.parent.name}" if path.name == "__main__.py" else path.name


def _lock(folder: Path, run: str) -> filelock.BaseFileLock:
    # On a disk without locks: none, rather than a file that a killed program would leave.
    path = folder / FOLDER / f"{run}.lock"
    return filelock.FileLock(path, thread_local=False, fallback_to_soft=False)


def _note(folder: Path, run: str) -> Path:
    return folder / FOLDER / f"{run}.json"


def _read(note: Path) -> Holder | None:
    try:
        found = Holder(**wary.record(note, MOST_NOTE))
        kinds = (str, int, str, int | float)
        values = (found.program, found.pid, found.host, found.since)
        sound = all(isinstance(value, kind) for value, kind in zip(values, kinds, strict=True))
        return found if sound and found.when else None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be removed: %s", path, error)

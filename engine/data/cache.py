"""A folder for what can be made again: texts put together, files as tokens.

An entry is a folder. It is filled under a temporary name and then renamed, so
that an entry that is there is whole; who stops or fails leaves nothing behind.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engine.phrases import N_, PlaygroundError

PART = ".part-"
FORGOTTEN_SECONDS = 24 * 3600.0


def folder() -> Path:
    """Where entries live: ``PLAYGROUND_CACHE``, or the user's own cache folder."""
    named = os.environ.get("PLAYGROUND_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("GenerativePlayground"))


@contextlib.contextmanager
def filled(entry: Path) -> Iterator[Path]:
    """A temporary folder to write into; it becomes `entry` if the block succeeds.

    Where another process was faster, its entry stays. Raises `PlaygroundError`
    where the disk refuses.
    """
    place: Path | None = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        _sweep(entry.parent)
        place = Path(tempfile.mkdtemp(prefix=PART, dir=entry.parent))
        yield place
        try:
            place.rename(entry)
        except OSError:
            if not entry.is_dir():
                raise
    except OSError as error:
        raise PlaygroundError(
            N_(
                "cannot write to the cache folder {folder}: {error}. Free some space there, or "
                "name another folder in the environment variable PLAYGROUND_CACHE",
                folder=str(entry.parent),
                error=error.strerror or str(error),
            )
        ) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what a process that was killed has left in `parent`."""
    for path in parent.glob(f"{PART}*"):
        try:
            forgotten = time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS
        except FileNotFoundError:  # its owner has just finished
            continue
        if forgotten:
            shutil.rmtree(path, ignore_errors=True)

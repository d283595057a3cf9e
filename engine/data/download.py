"""Data sets that are fetched when a person asks for them, and never otherwise.

A set arrives whole or not at all: its files are fetched into a folder of their own
(`cache.filled`), each is held against its SHA-256, and the folder gets its name when
all are there. ``PLAYGROUND_MIRROR`` names another server: the file F of the set K is
then ``$PLAYGROUND_MIRROR/K/F``.
"""

import os
import shutil
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.data import cache
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

MIRROR = "PLAYGROUND_MIRROR"
TIMEOUT_SECONDS = 20.0

_POLL_SECONDS = 0.02
_LAST_WAIT_SECONDS = 1.0  # for the thread, once nobody wants the file any more
_CHUNK_BYTES = 1 << 14


@dataclass(frozen=True)
class File:
    """One file to fetch; bytes: its size."""

    name: str
    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Download:
    """The files of a data set."""

    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.bytes for file in self.files)

    @property
    def url(self) -> str:
        """Where the first of them is."""
        return self.files[0].url


def folder(key: str) -> Path:
    """Where the files of the set `key` are, once they are."""
    return cache.folder() / "downloads" / key


def is_there(key: str, download: Download) -> bool:
    """Whether all files of the set are here, in their full size."""
    try:
        return all((folder(key) / f.name).stat().st_size == f.bytes for f in download.files)
    except OSError:
        return False


def fetch(
    key: str, title: Phrase, download: Download, base: str | None = None
) -> Generator[Progress, None, None]:
    """Fetch the files of the set `key`; yields `Progress` all the while.

    base: the server to ask in place of each file's own; default: ``PLAYGROUND_MIRROR``.
    Closing the generator gives up, and leaves nothing behind. Raises `PlaygroundError`
    where there is no network, where the server has something else, or the disk is full.
    """
    if is_there(key, download):
        return
    base = base if base is not None else os.environ.get(MIRROR, "")
    shutil.rmtree(folder(key), ignore_errors=True)  # what is there is damaged
    begun = time.perf_counter()
    before = 0
    with cache.filled(folder(key)) as place:
        for file in download.files:
            url = f"{base.rstrip('/')}/{key}/{file.name}" if base else file.url
            task = _Task(file, url, place)
            try:
                while not task.over.wait(_POLL_SECONDS):
                    yield _progress(before + task.received, download.size, begun, title)
            finally:
                task.give_up()
            task.check()
            before += file.bytes
            yield _progress(before, download.size, begun, title)


class _Task:
    """One file on its way, on a thread of its own."""

    def __init__(self, file: File, url: str, place: Path) -> None:
        self.received = 0
        self.over = threading.Event()
        self._file = file
        self._url = url
        self._place = place
        self._answered = False
        self._unwanted = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._fetch, name=f"fetch {file.name}", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Have the thread end at the next piece that arrives, and wait a little for it.

        A server that sends nothing at all holds it until its time is over; by then its
        folder is gone, and so is what it wrote.
        """
        self._unwanted = True
        self._thread.join(_LAST_WAIT_SECONDS)

    def check(self) -> None:
        """Raise what went wrong, in words; what the disk refuses as an `OSError`."""
        import requests

        error = self._error
        if error is None:
            return
        server = urlsplit(self._url).netloc or self._url
        if isinstance(error, requests.HTTPError) and (answer := error.response) is not None:
            raise PlaygroundError(
                N_(
                    "{server} does not give {name}: it answers {code} {reason}. Try again later",
                    server=server,
                    name=self._file.name,
                    code=answer.status_code,
                    reason=answer.reason,
                )
            ) from error
        if isinstance(error, requests.RequestException) and self._answered:
            raise PlaygroundError(
                N_(
                    "the connection to {server} broke off after {received:.1f} of {total:.1f} MB "
                    "of {name}. Nothing was kept; try again",
                    server=server,
                    name=self._file.name,
                    received=self.received / 1e6,
                    total=self._file.bytes / 1e6,
                )
            ) from error
        if isinstance(error, requests.RequestException):
            raise PlaygroundError(
                N_(
                    "{server} cannot be reached: is there a network? Everything else works "
                    "without one",
                    server=server,
                )
            ) from error
        if isinstance(error, ValueError):  # pooch's word for another SHA-256
            raise PlaygroundError(
                N_(
                    "what {server} gives as {name} is not the file that was asked for (its "
                    "SHA-256 is another one). Nothing was kept; a network that asks for a "
                    "login first may be the cause",
                    server=server,
                    name=self._file.name,
                )
            ) from error
        raise error

    def _fetch(self) -> None:
        import pooch

        pooch.get_logger().setLevel("ERROR")
        try:
            pooch.retrieve(
                self._url,
                known_hash=f"sha256:{self._file.sha256}",
                fname=self._file.name,
                path=self._place,
                downloader=self._receive,
            )
        except (OSError, ValueError) as error:  # those of the network are OSErrors too
            self._error = error
        except _UnwantedError:
            pass
        finally:
            self.over.set()

    def _receive(self, url: str, path: str, _pooch: Any) -> None:
        """What pooch calls to have `url` written to `path`; its own way cannot be stopped."""
        import requests

        # Else a text would come packed, and nobody could tell how much of it is there.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as answer:
            answer.raise_for_status()
            self._answered = True
            with open(path, "wb") as file:
                for piece in answer.iter_content(_CHUNK_BYTES):
                    if self._unwanted:
                        raise _UnwantedError
                    file.write(piece)
                    self.received = min(self.received + len(piece), self._file.bytes)


class _UnwantedError(Exception):
    """Nobody waits for the file any more."""


def _progress(received: int, size: int, begun: float, title: Phrase) -> Progress:
    seconds = time.perf_counter() - begun
    left = seconds * (size - received) / received if received and seconds > 1 else None
    note = N_(
        "{title}: {received:.1f} of {size:.1f} MB",
        title=title,
        received=received / 1e6,
        size=size / 1e6,
    )
    return Progress(received, seconds, min(1.0, received / size), seconds_left=left, note=note)

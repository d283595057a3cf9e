"""A disk that fails on request, for tests.

    with faulty(monkeypatch, at=3, lasting=True) as disk: ...

Calls that write are counted: making a folder, opening a file for writing, each write to it,
syncing, renaming, and the writer of safetensors (which leaves half a file). The call number
`at` raises, and with `lasting` all after it too; so does removing then, as on a drive that
was pulled out.
"""

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch


class Disk:
    """Counts, and decides which call fails. Only below `folder`."""

    def __init__(self, folder: Path, at: int, lasting: bool, code: int) -> None:
        self.folder = str(folder)
        self.at = at
        self.lasting = lasting
        self.code = code
        self.calls = 0
        self.failed: list[str] = []

    def mine(self, path: Any) -> bool:
        """Whether the path is on this disk."""
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)

    def call(self, what: str) -> None:
        """One call that writes. Raises where it is its turn."""
        self.calls += 1
        if self.calls == self.at or (self.lasting and self.calls > self.at):
            self.fail(what)

    def remove(self, what: str) -> None:
        """One that makes room, which works on a full disk."""
        if self.lasting and self.calls >= self.at and self.code != errno.ENOSPC:
            self.fail(what)

    def fail(self, what: str) -> None:
        """Raise what the system does."""
        self.failed.append(what)
        raise OSError(self.code, os.strerror(self.code), what)


class File:
    """A file whose writing may fail."""

    def __init__(self, file: Any, disk: Disk, name: str) -> None:
        self._file = file
        self._disk = disk
        self._name = name

    def write(self, content: Any) -> Any:
        self._disk.call(f"write {self._name}")
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextlib.contextmanager
def faulty(
    folder: Path, at: int, *, lasting: bool = False, code: int = errno.ENOSPC
) -> Iterator[Disk]:
    """While the block runs, the disk below `folder` fails at its call number `at`."""
    disk = Disk(folder, at, lasting, code)
    with pytest.MonkeyPatch.context() as patch:
        _patch_system(patch, disk)
        _patch_files(patch, disk)
        _patch_safetensors(patch, disk)
        yield disk


def _patch_system(patch: pytest.MonkeyPatch, disk: Disk) -> None:
    def replaced(name: str, removing: bool) -> Any:
        real = getattr(os, name)

        def call(path: Any, *given: Any, **named: Any) -> Any:
            if disk.mine(path):
                (disk.remove if removing else disk.call)(f"{name} {Path(path).name}")
            return real(path, *given, **named)

        return call

    for name in ("mkdir", "replace", "rename", "utime"):
        patch.setattr(os, name, replaced(name, False))
    for name in ("unlink", "remove", "rmdir"):
        patch.setattr(os, name, replaced(name, True))
    real_open, real_sync = os.open, os.fsync

    def open_(path: Any, flags: int, *given: Any, **named: Any) -> int:
        if disk.mine(path) and flags & (os.O_WRONLY | os.O_RDWR):
            disk.call(f"open {Path(path).name}")
        return real_open(path, flags, *given, **named)

    def sync(descriptor: int) -> None:
        disk.call("fsync")
        real_sync(descriptor)

    patch.setattr(os, "open", open_)
    patch.setattr(os, "fsync", sync)


def _patch_files(patch: pytest.MonkeyPatch, disk: Disk) -> None:
    real = io.open

    def open_(path: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        writing = disk.mine(path) and set(mode) & set("wxa+")
        if writing:
            disk.call(f"open {Path(path).name}")
        file = real(path, mode, *given, **named)
        return File(file, disk, Path(path).name) if writing else file

    patch.setattr(io, "open", open_)
    patch.setattr(builtins, "open", open_)


def _patch_safetensors(patch: pytest.MonkeyPatch, disk: Disk) -> None:
    real = vars(safetensors.torch)["serialize_file"]

    def write(tensors: Any, filename: Any, *given: Any, **named: Any) -> None:
        real(tensors, filename, *given, **named)
        if not disk.mine(filename):
            return
        try:
            disk.call(f"safetensors {Path(filename).name}")
        except OSError as error:
            with Path(filename).open("r+b") as file:
                file.truncate(Path(filename).stat().st_size // 2)
            raise safetensors.SafetensorError(
                f"Error while serializing: I/O error: {error}"
            ) from None

    patch.setattr(safetensors.torch, "serialize_file", write)

"""Reading what others made: looked at before it is opened, and bounded before it is unpacked.

A pipe or a device never ends, a header may claim more than any memory has, an archive may
be packed a thousand to one, and JSON may be nested deeper than any reader can follow.
Whatever is wrong leads to an `OSError` or a `ValueError`, whose reader says the rest.
"""

import contextlib
import errno
import io
import json
import math
import os
import stat
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.phrases import N_

MOST_JSON = 64_000_000
MOST_ARRAYS = 64_000_000


class NoFileError(OSError):
    """A name with no file behind it that could be read to its end."""

    def __str__(self) -> str:
        return str(self.strerror)


def place(name: Path | str) -> Path:
    """`name` as a whole path, with ``~`` as the home of whoever is there under that name."""
    path = Path(name)
    # There may be nobody of that name, or nobody can be called so.
    with contextlib.suppress(RuntimeError, ValueError):
        path = path.expanduser()
    return path.absolute()


def file_size(path: Path) -> int:
    """The bytes of the file at `path`; of a link, of what it leads to.

    Raises `OSError` for a folder, a pipe or a device: to open those may wait for ever.
    """
    try:
        status = path.stat()
    except ValueError as error:  # a zero in it, or half a character
        raise NoFileError(errno.EINVAL, N_("no file can have this name")) from error
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise NoFileError(errno.EINVAL, N_("it is a pipe or a device, and no file"))
    return status.st_size


def content(path: Path, most: int) -> bytes:
    """The file at `path` as it is now, which may have `most` bytes."""
    size = file_size(path)
    if size > most:
        raise ValueError(N_("it has {size:,} bytes, and at most {most:,}", size=size, most=most))
    with path.open("rb") as file:
        return file.read(size)


def record(path: Path, most: int = MOST_JSON) -> Any:
    """What the JSON file at `path` says."""
    return parsed(content(path, most))


def parsed(text: str | bytes) -> Any:
    """What JSON in UTF-8 says."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(N_("it is nested too deep")) from error


def texts(values: Mapping[str, Any], *names: str) -> None:
    """Raise `ValueError` unless all those `names` have a text in `values`."""
    for name in names:
        if not isinstance(values[name], str):
            raise ValueError(f"{name} is no text")


def whole(value: Any, low: int, high: int) -> int:
    """`value`, which must be a whole number of those bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{value!r:.80} is no whole number from {low} to {high}")
    return value


def finite(value: Any) -> float:
    """`value`, which must be a number, and neither infinite nor "not a number"."""
    # The comparison is false for what is not a number, and fits whole numbers of any size.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and abs(value) <= sys.float_info.max):
        raise ValueError(f"{value!r:.80} is no number")
    return float(value)


def array(numpy_file: bytes) -> NDArray[Any]:
    """The array in a .npy file of numbers or texts; one that claims more than is there is not."""
    file = io.BytesIO(numpy_file)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        shape, by_columns, dtype = (
            read(file) if version == (1, 0) else np.lib.format.read_array_header_2_0(file)
        )
    # Whatever the header, a Python expression, makes numpy and Python's own parser raise.
    except Exception as error:
        raise ValueError(f"its header cannot be read: {type(error).__name__}") from error
    if dtype.kind not in "biufcU":
        raise ValueError(f"it is of {dtype}, which are no numbers")
    shape = tuple(int(side) for side in shape)  # True is a whole number to Python, not to numpy
    size = math.prod(shape)
    if min(shape, default=0) < 0 or size * dtype.itemsize > len(numpy_file) - file.tell():
        raise ValueError(f"it breaks off: its shape would be {shape}")
    found = np.frombuffer(numpy_file, dtype, size, file.tell())
    return found.reshape(shape, order="F" if by_columns else "C")


def arrays(path: Path, most: int = MOST_ARRAYS) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and content of each array in the .npz file at `path`, whose sizes add up to `most`."""
    left = most
    try:
        with zipfile.ZipFile(io.BytesIO(content(path, most))) as archive:
            for member in archive.infolist():
                left -= member.file_size
                if left < 0:
                    raise ValueError(f"it is more than {most:,} bytes unpacked")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("it is packed in a way that is not read")
                with archive.open(member) as file:
                    # The sizes may be lies: only what is asked for is unpacked, never the rest.
                    numpy_file = file.read(member.file_size)
                yield member.filename.removesuffix(".npy"), array(numpy_file)
    except (OSError, ValueError):
        raise
    # A damaged, encrypted or strangely packed archive makes its readers raise much else.
    except Exception as error:
        raise ValueError(f"it cannot be unpacked: {str(error) or type(error).__name__}") from error

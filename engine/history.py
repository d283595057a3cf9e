"""The history of a training: numbers over steps, and what was changed when.

The compute thread appends, any thread may read; a reader gets copies. Memory is
bounded however long a training goes on: a series that is full has each two
neighbouring points merged into their mean, so a curve keeps its shape and only
loses detail where it is oldest; of marks the newest are kept.
"""

import io
import json
import re
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import wary
from engine.phrases import N_, Phrase

CAPACITY = 8192
MOST_SERIES = 200
MOST_MARKS = 2000
MOST_WORDS = 1000  # characters of a mark's template
# What a template may have: names, and at most a short format. A width could fill the memory, and
# a dot in a name lead into Python's own objects.
_FILLED = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\w+(?:![rs])?(?::[,+]?(?:\.\d)?[a-z%]?)?\})*")


class Mark(NamedTuple):
    """Something that happened at `step`: a live knob was turned, a roll-back."""

    step: int
    text: str


class Series(NamedTuple):
    """A curve. steps, seconds of pure training, values: (n,) float64 each."""

    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]


class _Rows:
    """A growing table of (step, seconds, value), at most `CAPACITY` rows."""

    def __init__(self, rows: NDArray[np.float64] | None = None) -> None:
        self.table = np.empty((CAPACITY, 3))
        self.size = 0
        for row in () if rows is None else rows:
            self.append(row)

    def append(self, row: tuple[float, float, float] | NDArray[np.float64]) -> None:
        if self.size == CAPACITY:
            self.size //= 2
            self.table[: self.size] = self.table.reshape(-1, 2, 3).mean(axis=1)
        self.table[self.size] = row
        self.size += 1

    def filled(self) -> NDArray[np.float64]:
        return self.table[: self.size].copy()


class History:
    """Series by name, and marks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, _Rows] = {}
        self._marks: list[Mark] = []
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every change, so that a reader can tell whether to look again."""
        return self._version

    def add(self, step: int, seconds: float, values: dict[str, float]) -> None:
        """Append one point to each named series."""
        with self._lock:
            self._version += 1
            for name, value in values.items():
                self._series.setdefault(name, _Rows()).append((step, seconds, value))

    def mark(self, step: int, text: str) -> None:
        """Append a mark."""
        with self._lock:
            self._version += 1
            self._marks.append(Mark(step, text))
            del self._marks[:-MOST_MARKS]

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The newest marks, oldest first."""
        with self._lock:
            return tuple(self._marks)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the series, in order of appearance."""
        with self._lock:
            return tuple(self._series)

    def series(self, name: str) -> Series:
        """All points of a series; empty for one that is not there."""
        with self._lock:
            rows = self._series.get(name)
            table = rows.filled() if rows else np.empty((0, 3))
        return Series(table[:, 0], table[:, 1], table[:, 2])

    def last(self) -> dict[str, float]:
        """The newest value of each series."""
        with self._lock:
            return {
                name: float(rows.table[rows.size - 1, 2])
                for name, rows in self._series.items()
                if rows.size
            }

    def forget_after(self, step: int) -> None:
        """Drop the points after `step` (a roll-back undoes them). Marks stay."""
        with self._lock:
            self._version += 1
            for rows in self._series.values():
                rows.size = int(np.searchsorted(rows.table[: rows.size, 0], step, side="right"))

    def save(self, path: Path) -> None:
        """Write to an .npz that holds no pickles."""
        with self._lock:
            arrays = {f"series/{name}": rows.filled() for name, rows in self._series.items()}
            marks = json.dumps([_as_list(mark) for mark in self._marks])
        # In memory first: writing to a full disk, numpy hides the fault behind others.
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, marks=np.array(marks), **arrays)
        path.write_bytes(content.getvalue())

    @staticmethod
    def load(path: Path) -> "History":
        """Read what `save` wrote. Else raises `ValueError`, `OSError` or `KeyError`."""
        history = History()
        archive = {}
        for key, array in wary.arrays(path):
            archive[key] = array
            if len(archive) > MOST_SERIES + 1:
                raise ValueError(f"it has more than {MOST_SERIES} series")
        for key, array in archive.items():
            if key.startswith("series/"):
                table = array.astype(np.float64).reshape(-1, 3)
                if len(table) > CAPACITY:
                    raise ValueError(f"{key} has more than {CAPACITY} points")
                history._series[key.removeprefix("series/")] = _Rows(table)
        for step, template, values in wary.parsed(str(archive["marks"]))[-MOST_MARKS:]:
            if len(template) > MOST_WORDS:
                raise ValueError(f"a mark has more than {MOST_WORDS} characters")
            if values and not _FILLED.fullmatch(template):
                raise ValueError(f"no mark reads {template!r:.80}")
            text = N_(template, **values) if values else str(template)
            history._marks.append(Mark(int(step), text))
        return history


def _as_list(mark: Mark) -> list[Any]:
    """Template and values apart, so that a mark can be translated after it was loaded."""
    if isinstance(mark.text, Phrase):
        return [mark.step, mark.text.template, dict(mark.text.values)]
    return [mark.step, mark.text, {}]

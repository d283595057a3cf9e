"""Points in the plane to learn from: shapes that are known, and points of one's own.

Each set is centred and scaled to a root mean square of 1 over both axes, so that the
same networks and noise levels suit all of them.
"""

import codecs
import csv
import hashlib
import io
import itertools
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import payloads, wary
from engine.data.images import classes_fact, named_classes, split_facts
from engine.events import Progress
from engine.phrases import N_, PlaygroundError

Points = NDArray[np.float32]
Labels = NDArray[np.int64]
Loading = Generator[Progress, None, "PointData"]

EXTENT = (-3.0, 3.0, -3.0, 3.0)
"""What is shown of the plane; every set is scaled to about unit deviation, and lies well within."""
SUFFIXES = frozenset({".csv", ".tsv", ".npy"})
FEWEST, MOST = 20, 200_000
"""How many points an own file must have, and how many of them are taken."""
MOST_CLASSES = 50
LONGEST_WORD = 12

_COUNT = 4000
_SEED = 20_260_501
_PREVIEW = 1500
_HIGHEST = 1e100
_MOST_BYTES = 200_000_000
_LINES = 2000  # between two safe points
_MOST_LINES = 2_000_000
_LONGEST_LINE = 1_000_000


@dataclass(frozen=True, eq=False)
class PointData:
    """Points of the plane, in two parts.

    train, held_out: (n, 2) float32, centred, with a root mean square of about 1 per axis;
        empty in what `from_json` gives.
    train_labels, held_out_labels: (n,) the class of each, an index into `classes`.
    modes: (k, 2) the centres of a mixture, or (0, 2).
    spread: standard deviation about a centre, where there are centres.
    counts: points in the two parts. tally: (len(classes),) points of each class in both.
    remark: what must be known of the import of an own file.
    source: the own file. sha256: of its content, else "".
    """

    key: str
    title: str
    train: Points
    held_out: Points
    train_labels: Labels
    held_out_labels: Labels
    modes: Points
    spread: float = 0.0
    classes: tuple[str, ...] = ()
    counts: tuple[int, int] = (0, 0)
    credit: str = ""
    sha256: str = ""
    tally: tuple[int, ...] = ()
    remark: str = ""
    source: Path | None = None

    @property
    def kind(self) -> str:
        """What kind of data it is: "points"."""
        return "points"

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing."""
        train, held_out = self.counts
        facts: list[tuple[str, str]] = [
            (N_("Points"), N_("{count:,}", count=train + held_out)),
            *classes_fact(self.classes, self.tally),
        ]
        if len(self.modes):
            facts.append(
                (
                    N_("Mixture"),
                    N_(
                        "{count} normal distributions, standard deviation {spread:.3f}",
                        count=len(self.modes),
                        spread=self.spread,
                    ),
                )
            )
        facts += split_facts(train, held_out)
        if self.remark:
            facts.append((N_("Note"), self.remark))
        if self.source is not None:
            facts.append((N_("File"), str(self.source)))
        if self.credit:
            facts.append((N_("Credit"), self.credit))
        return tuple(facts)

    def preview(self) -> payloads.Plane:
        """All of them, or a good part, in the colours of their classes."""
        several = len(self.classes) > 1
        dots = payloads.Dots(
            N_("data"),
            self.train[:_PREVIEW],
            self.train_labels[:_PREVIEW] if several else None,
            self.classes if several else (),
        )
        return payloads.Plane(EXTENT, (dots,))

    def to_json(self) -> dict[str, Any]:
        """All but the points."""
        return {
            "kind": self.kind,
            "key": self.key,
            "title": str(self.title),
            "counts": list(self.counts),
            "classes": [str(each) for each in self.classes],
            "tally": list(self.tally),
            "modes": self.modes.tolist(),
            "spread": self.spread,
            "credit": str(self.credit),
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "PointData":
        """What `to_json` wrote, without points.

        Raises `ValueError`, `TypeError` or `KeyError` where that is damaged.
        """
        wary.texts(values, "key", "title", "credit", "sha256")
        none, labels = np.empty((0, 2), np.float32), np.empty(0, np.int64)
        train, held_out = values["counts"]
        return PointData(
            key=values["key"],
            title=values["title"],
            train=none,
            held_out=none,
            train_labels=labels,
            held_out_labels=labels,
            modes=np.asarray(values["modes"], np.float32).reshape(-1, 2),
            spread=wary.finite(values["spread"]),
            classes=named_classes(values),
            counts=(int(train), int(held_out)),
            tally=tuple(values.get("tally", ())),
            credit=values["credit"],
            source=None if values.get("source") is None else Path(values["source"]),
            sha256=values["sha256"],
        )


def split(
    key: str, title: str, points: Any, labels: Any = None, modes: Any = (), **more: Any
) -> PointData:
    """`points` (n, 2) as data: centred, scaled to unit deviation, a tenth held out.

    modes, spread: of a mixture, in the units of `points`. more: further fields of `PointData`.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    middle = points.mean(0)
    scale = max(float(np.sqrt(((points - middle) ** 2).mean())), 1e-300)
    centred = ((points - middle) / scale).astype(np.float32)
    centres = ((np.asarray(modes, np.float64).reshape(-1, 2) - middle) / scale).astype(np.float32)
    classes = np.zeros(len(points), np.int64) if labels is None else np.asarray(labels, np.int64)
    names: tuple[str, ...] = more.get("classes", ())
    order = np.random.default_rng(_SEED).permutation(len(points))
    last = max(1, len(points) // 10)
    train, held_out = order[:-last], order[-last:]
    return PointData(
        key=key,
        title=title,
        train=centred[train],
        held_out=centred[held_out],
        train_labels=classes[train],
        held_out_labels=classes[held_out],
        modes=centres,
        counts=(len(train), len(held_out)),
        tally=tuple(np.bincount(classes, minlength=len(names)).tolist()) if names else (),
        **({"spread": more.pop("spread") / scale} if "spread" in more else {}),
        **more,
    )


# --- shapes that are known: each returns what `split` takes


def moons() -> dict[str, Any]:
    """Two half circles of radius 1 that hold each other."""
    random = np.random.default_rng(1)
    labels = np.arange(_COUNT) % 2
    angle = math.pi * random.random(_COUNT)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.where(labels[:, None] == 0, upper, [1.0, 0.5] - upper)
    points += 0.06 * random.standard_normal((_COUNT, 2))
    return {"points": points, "labels": labels, "classes": (N_("upper"), N_("lower"))}


def circles() -> dict[str, Any]:
    """A circle in a circle of twice its radius."""
    random = np.random.default_rng(1)
    labels = np.arange(_COUNT) % 2
    angle = 2 * math.pi * random.random(_COUNT)
    radius = np.where(labels == 0, 1.0, 0.5)[:, None]
    points = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    points += 0.04 * random.standard_normal((_COUNT, 2))
    return {"points": points, "labels": labels, "classes": (N_("outer"), N_("inner"))}


def swiss_roll() -> dict[str, Any]:
    """A line rolled up: at the angle t it is t from the middle, t from 1.5 pi to 4.5 pi."""
    random = np.random.default_rng(1)
    t = 1.5 * math.pi * (1 + 2 * random.random(_COUNT))
    points = np.stack([t * np.cos(t), t * np.sin(t)], 1) + 0.4 * random.standard_normal((_COUNT, 2))
    labels = (t > 3 * math.pi).astype(np.int64)
    return {"points": points, "labels": labels, "classes": (N_("inner turn"), N_("outer turn"))}


def spiral() -> dict[str, Any]:
    """Two arms of a galaxy, one and a half turns each."""
    random = np.random.default_rng(1)
    labels = np.arange(_COUNT) % 2
    part = np.sqrt(0.02 + 0.98 * random.random(_COUNT))  # as many points to each length
    angle = 3 * math.pi * part + math.pi * labels
    arms = np.stack([part * np.cos(angle), part * np.sin(angle)], 1)
    points = arms + 0.025 * random.standard_normal((_COUNT, 2))
    return {"points": points, "labels": labels, "classes": (N_("first arm"), N_("second arm"))}


def mixture() -> dict[str, Any]:
    """Eight normal distributions on a circle of radius 2, standard deviation 0.1."""
    angles = np.arange(8) * math.pi / 4
    names = (
        N_("east"),
        N_("north-east"),
        N_("north"),
        N_("north-west"),
        N_("west"),
        N_("south-west"),
        N_("south"),
        N_("south-east"),
    )
    return _about(2 * np.stack([np.cos(angles), np.sin(angles)], 1), 0.1, names)


def grid() -> dict[str, Any]:
    """25 normal distributions, two apart in five rows, standard deviation 0.1."""
    across = np.arange(-4, 5, 2)
    centres = np.array([(x, y) for y in across[::-1] for x in across], np.float64)
    names = tuple(
        N_("row {row} column {column}", row=row, column=column)
        for row in range(1, 6)
        for column in range(1, 6)
    )
    return _about(centres, 0.1, names)


def _about(centres: NDArray[np.float64], spread: float, names: Sequence[str]) -> dict[str, Any]:
    """As many points about each centre, with the standard deviation `spread`."""
    random = np.random.default_rng(1)
    labels = np.arange(_COUNT) % len(centres)
    return {
        "points": centres[labels] + spread * random.standard_normal((_COUNT, 2)),
        "labels": labels,
        "modes": centres,
        "spread": spread,
        "classes": tuple(names),
    }


def letters(word: str = "PLAY") -> dict[str, Any]:
    """Points that fill the letters of `word`, as many to each letter of it."""
    from PIL import Image, ImageDraw, ImageFont

    word = word.strip()
    kept = [letter for letter in word if not letter.isspace()]
    if not kept or len(word) > LONGEST_WORD:
        raise PlaygroundError(
            N_(
                "{word!r} cannot be drawn in points: accepted are 1 to {most} letters",
                word=word,
                most=LONGEST_WORD,
            )
        )
    font = ImageFont.load_default(80)
    random = np.random.default_rng(1)
    found, labels = [], []
    for i, (letter, place) in enumerate(_places(word, font)):
        image = Image.new("L", (160, 160))
        ImageDraw.Draw(image).text((30, 110), letter, fill=255, font=font, anchor="ls")
        rows, columns = np.nonzero(np.asarray(image) > 127)
        if not len(rows):
            raise PlaygroundError(
                N_("{letter!r} cannot be drawn: accepted are Latin letters", letter=letter)
            )
        count = _COUNT // len(kept)
        drawn = random.integers(len(rows), size=count)
        inside = random.random((count, 2))  # of the dot that was drawn
        x = place + columns[drawn] + inside[:, 0]
        y = -(rows[drawn] + inside[:, 1])
        found.append(np.stack([x, y], 1))
        labels.append(np.full(count, i))
    return {
        "points": np.concatenate(found),
        "labels": np.concatenate(labels),
        "classes": _numbered(kept),
    }


def _places(word: str, font: Any) -> Iterator[tuple[str, float]]:
    """Each letter of `word` that is no space, and how far from the first it stands."""
    for i, letter in enumerate(word):
        if not letter.isspace():
            yield letter, float(font.getlength(word[:i]))


def _numbered(kept: Sequence[str]) -> tuple[str, ...]:
    """The letters as names of classes; one that comes again gets its number."""
    return tuple(
        letter if kept.count(letter) == 1 else f"{letter} {kept[: i + 1].count(letter)}"
        for i, letter in enumerate(kept)
    )


# --- points of one's own


def open_points(path: Path | str) -> Loading:
    """Import the file of points at `path`; yields `Progress`, returns `PointData`.

    Accepted are .csv and .tsv (two columns of numbers, a third with the class where there
    are classes, a line of titles where there is one) and .npy, an array of that form.
    Raises `PlaygroundError` that names what is wrong, and in which line.
    """
    path = wary.place(path)
    begun = time.perf_counter()
    try:
        if wary.file_size(path) > _MOST_BYTES:
            raise _refused(path, N_("has more than {most} MB", most=_MOST_BYTES // 1_000_000))
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise PlaygroundError(
            N_("{path} is a folder: accepted is one .csv, .tsv or .npy file", path=str(path))
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    reading = _from_array(path, content) if path.suffix.lower() == ".npy" else _rows(path, content)
    points: list[tuple[float, float]] = []
    classes: list[str] = []
    note = N_("reading {name}", name=path.name)
    for row in reading:
        if row is None:
            yield Progress(len(points), time.perf_counter() - begun, None, note=note)
            continue
        at, part, x, y, name = row
        if not max(abs(x), abs(y)) < _HIGHEST:  # so is NaN refused
            raise _refused(path, N_("has no finite number in line {line}", line=at))
        points.append((x, y))
        classes.append(name)
        if len(points) % _LINES == 0:
            yield Progress(len(points), time.perf_counter() - begun, part, note=note)
        if len(points) > MOST:
            break
    remark = ""
    if len(points) > MOST:
        points, classes = points[:MOST], classes[:MOST]
        remark = N_("only the first {most:,} points of the file were taken", most=MOST)
    if len(points) < FEWEST:
        raise _refused(
            path,
            N_(
                "has {count} points, and at least {fewest} are needed",
                count=len(points),
                fewest=FEWEST,
            ),
        )
    if len(set(points)) < 2:
        raise _refused(path, N_("has the same point {count} times", count=len(points)))
    names = sorted(set(classes), key=_as_number)
    if len(names) > MOST_CLASSES:
        raise _refused(
            path,
            N_(
                "has {count} different values in its third column, and at most {most} classes "
                "are accepted",
                count=len(names),
                most=MOST_CLASSES,
            ),
        )
    known = {name: i for i, name in enumerate(names)}
    return split(
        str(path),
        path.name,
        points,
        [known[name] for name in classes],
        classes=tuple(names) if names != [""] else (),
        source=path,
        sha256=hashlib.sha256(content).hexdigest(),
        remark=remark,
    )


Row = tuple[int, float, float, float, str]
"""Line or row, the part that is read, x, y, and the class or ""."""


def _rows(path: Path, content: bytes) -> Iterator[Row | None]:
    """The points in a file of lines; ``None`` at safe points where there are none for long."""
    if b"\0" in content:
        raise _refused(path, N_("is not a text"))
    first = next((line for line in _lines(path, content) if line.strip()), "")
    mark = next((each for each in "\t;," if each in first), " ")
    lines = csv.reader(_lines(path, content), delimiter=mark, skipinitialspace=True)
    total = max(1, content.count(b"\n"))
    head, empty = True, 0
    try:
        for cells in itertools.islice(lines, _MOST_LINES):
            at = lines.line_num
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                empty += 1
                if empty % _LINES == 0:
                    yield None
                continue
            if not 2 <= len(cells) <= 3:
                raise _refused(
                    path,
                    N_("has {count} columns in line {line}", count=len(cells), line=at),
                )
            try:
                x, y = (_number(cell, mark) for cell in cells[:2])
            except ValueError as error:
                if head:  # the titles of the columns
                    head = False
                    continue
                raise _refused(
                    path,
                    N_(
                        "has no two numbers in line {line}: {text!r}",
                        line=at,
                        text=mark.join(cells)[:60],
                    ),
                ) from error
            head = False
            yield at, min(1.0, at / total), x, y, cells[2] if len(cells) == 3 else ""
    except csv.Error as error:
        raise _refused(
            path, N_("is no table that can be read ({error})", error=str(error))
        ) from error


def _lines(path: Path, content: bytes) -> Iterator[str]:
    """The lines of a file. One at a time, since as one text it may take four times its bytes."""
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    file = io.BytesIO(content)
    file.seek(start)
    for line in file:
        if len(line) > _LONGEST_LINE:
            most = _LONGEST_LINE // 1000
            raise _refused(path, N_("has a line of more than {most:,} kB", most=most))
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise _refused(path, N_("is not a text in UTF-8")) from error


def _number(cell: str, mark: str) -> float:
    """A number; with a decimal comma, where commas do not part the columns."""
    return float(cell if mark == "," else cell.replace(",", "."))


def _from_array(path: Path, content: bytes) -> Iterator[Row]:
    """The points in a numpy file."""
    try:
        array = wary.array(content)
    except ValueError as error:
        raise _refused(path, N_("is no numpy array of numbers")) from error
    if array.dtype.kind not in "iuf":
        raise _refused(path, N_("is no numpy array of numbers"))
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise _refused(path, N_("has the shape {shape}", shape=str(array.shape)))
    for at, row in enumerate(array[: MOST + 1], 1):
        name = f"{float(row[2]):g}" if len(row) == 3 else ""
        yield at, at / len(array), float(row[0]), float(row[1]), name


def _as_number(name: str) -> tuple[float, str]:
    """Classes that are numbers come in the order of numbers."""
    try:
        return float(name), name
    except ValueError:
        return math.inf, name


def _refused(path: Path, why: str) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "{path} {why}: accepted is a .csv, .tsv or .npy file with two columns of numbers, "
            "and the class in a third where there are classes",
            path=str(path),
            why=why,
        )
    )


def _unreadable(path: Path, error: OSError) -> PlaygroundError:
    if isinstance(error, FileNotFoundError):
        return PlaygroundError(
            N_("there is no file {path}: accepted is a .csv, .tsv or .npy file", path=str(path))
        )
    return PlaygroundError(
        N_(
            "{path} cannot be read ({error}): accepted is a .csv, .tsv or .npy file that you may "
            "read",
            path=str(path),
            error=error.strerror or str(error),
        )
    )

"""Tables of pairs of one's own: .csv and .tsv with a source and a target in each row."""

import csv
import hashlib
import io
import itertools
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from engine import wary
from engine.data.pairs import PairData, paired
from engine.data.text import decoded
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

Loading = Generator[Progress, None, PairData]

SUFFIXES = frozenset((".csv", ".tsv"))
LONGEST = 96
FEWEST = 20
MOST = 200_000
HELD_OUT = 0.1

_MOST_BYTES = 50_000_000
_MOST_ROWS = 2_000_000
_LONGEST_LINE = 1_000_000
_SNIFFED_BYTES = 4096
_SNIFFED_ROWS = 20
_SEED = 20_261_124
_EVERY = 1000  # rows between two safe points
_TITLES = "source target input output from to src tgt question answer x y 源文 目标 输入 输出"
_HEADERS = frozenset(_TITLES.split())


def is_of_numbers(path: Path | str) -> bool:
    """Whether the table at `path` begins with rows of numbers, as one of points does.

    An empty one is one of points: who wants pairs says so by where it is opened.
    """
    try:
        size = wary.file_size(Path(path))
        with Path(path).open("rb") as file:
            head = file.read(_SNIFFED_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return True
    lines = [line for line in head.splitlines() if line.strip(" ,;\t")]
    if size > _SNIFFED_BYTES:
        lines = lines[:-1] or lines  # the last one is cut
    lines = lines[1 : _SNIFFED_ROWS + 1] or lines  # the first may be titles
    rows = [line.replace(";", ",").replace("\t", ",").split(",")[:2] for line in lines]
    return all(_is_number(each) for row in rows for each in row)


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def open_pairs(path: Path | str) -> Loading:
    """Import the table of pairs at `path`; yields `Progress`, returns `PairData`.

    The first column is the source, the second the target; commas, semicolons or tabs stand
    between them. A first row of two titles ("source,target" and such) names them. A tenth of the
    sources is held out, with all their targets. Rows without a source or a target, or with more
    than 96 characters in one, are left out and counted. Raises `PlaygroundError` that names what
    is wrong, and in which line.
    """
    path = wary.place(path)
    begun = time.perf_counter()
    try:
        if wary.file_size(path) > _MOST_BYTES:
            raise _refused(path, N_("has more than {most} MB", most=_MOST_BYTES // 1_000_000))
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise PlaygroundError(
            N_("{path} is a folder: accepted is one .csv or .tsv file", path=str(path))
        ) from error
    except OSError as error:
        raise PlaygroundError(
            N_(
                "{path} cannot be read ({error}): accepted is a .csv or .tsv file with a source "
                "and a target in each row",
                path=str(path),
                error=error.strerror or str(error),
            )
        ) from error
    text = decoded(path, content) if content else ""
    yield Progress(0, time.perf_counter() - begun, 0.0, note=N_("reading {name}", name=path.name))
    found: list[tuple[str, str]] = []
    empty: list[int] = []
    long: list[int] = []
    titles: tuple[str, str] | None = None
    total = text.count("\n") + 1
    first = last = 0  # lines of the newest row, which has several where quotes hold them together
    rows = csv.reader(_lines(path, text), delimiter=_delimiter(path, text), strict=False)
    try:
        for number, row in enumerate(itertools.islice(rows, _MOST_ROWS)):
            first, last = last + 1, rows.line_num
            if number % _EVERY == 0:
                yield Progress(
                    len(found),
                    time.perf_counter() - begun,
                    min(1.0, rows.line_num / total),
                    note=N_("reading {name}", name=path.name),
                )
            if not any(field.strip() for field in row):
                continue
            if len(row) < 2:
                raise _refused(
                    path,
                    N_(
                        "has one column in line {line}, and two are needed: a source and a target, "
                        "with a comma, a semicolon or a tab between them",
                        line=first,
                    ),
                )
            pair = (_clean(row[0]), _clean(row[1]))
            begins = not (found or empty or long or titles)
            if begins and all(each.lower() in _HEADERS for each in pair):
                titles = pair
            elif not all(pair):
                empty.append(first)
            elif max(map(len, pair)) > LONGEST:
                long += range(first, last + 1)  # all that a quote swallows that nobody closed
            else:
                found.append(pair)
            if len(found) >= MOST:
                break
    except csv.Error as error:
        raise _refused(
            path, N_("cannot be read in line {line}: {error}", line=last + 1, error=str(error))
        ) from error
    found = list(dict.fromkeys(found))
    _refuse_unless_enough(path, found, empty, long)
    order = sorted({source for source, _ in found})
    order = [order[i] for i in np.random.default_rng(_SEED).permutation(len(order))]
    kept = set(order[: max(1, round(HELD_OUT * len(order)))])
    return paired(
        str(path),
        path.name,
        [pair for pair in found if pair[0] not in kept],
        [pair for pair in found if pair[0] in kept],
        source_title=titles[0] if titles else "",
        target_title=titles[1] if titles else "",
        source=path,
        sha256=hashlib.sha256(content).hexdigest(),
        remark=_remark(empty, long, len(found)),
    )


def _lines(path: Path, text: str) -> Iterator[str]:
    """The lines of `text`, with their ends."""
    for line in io.StringIO(text, newline=""):
        if len(line) > _LONGEST_LINE:
            raise _refused(
                path,
                N_(
                    "has a line of more than {most:,} characters: accepted are short texts, a "
                    "source and a target in each line",
                    most=_LONGEST_LINE,
                ),
            )
        yield line


def _clean(field: str) -> str:
    """A field in one line, without what stands around it and nobody sees."""
    return " ".join(field.replace("\x00", " ").split())


def _delimiter(path: Path, text: str) -> str:
    """What stands between the columns: of those that could, what the most lines have.

    Of two that are in as many lines, the one that more of them have just once: commas are in the
    texts themselves too.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    lines = text[: 100 * _SNIFFED_BYTES].splitlines()[:_SNIFFED_ROWS]

    def fits(each: str) -> tuple[int, int, bool]:
        counts = [line.count(each) for line in lines]
        return sum(map(bool, counts)), counts.count(1), each == ","

    return max("\t;,", key=fits)


def _refuse_unless_enough(
    path: Path, found: list[tuple[str, str]], empty: list[int], long: list[int]
) -> None:
    if empty and len(empty) > len(found):
        raise _refused(
            path,
            N_(
                "has no source or no target in {count:,} of its rows, the first in line {line}: "
                "each row needs both",
                count=len(empty),
                line=empty[0],
            ),
        )
    if long and len(long) > len(found):
        raise _refused(
            path,
            N_(
                "has more than {most} characters in a field in {count:,} of its rows, the first "
                "in line {line}: accepted are short texts",
                most=LONGEST,
                count=len(long),
                line=long[0],
            ),
        )
    sources = len({source for source, _ in found})
    if sources < FEWEST:
        raise _refused(
            path,
            N_(
                "has {count} different sources, and at least {fewest} are needed",
                count=sources,
                fewest=FEWEST,
            ),
        )


def _remark(empty: list[int], long: list[int], count: int) -> str | Phrase:
    """What was left out."""
    if count >= MOST:
        return N_("only the first {most:,} pairs of the file were taken", most=MOST)
    if empty or long:
        return N_(
            "left out: {empty:,} rows without a source or a target, {long:,} with more than "
            "{most} characters",
            empty=len(empty),
            long=len(long),
            most=LONGEST,
        )
    return ""


def _refused(path: Path, why: Phrase) -> PlaygroundError:
    return PlaygroundError(N_("{path} {why}", path=str(path), why=why))

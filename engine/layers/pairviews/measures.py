"""Models of pairs in numbers: how good and how fast, what more time buys, and what goes wrong.

All is measured on sources that were held out, the same for all that are compared.
"""

import math
import re
import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.data.pairs import PairData
from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.layers.pairviews.shared import (
    absent,
    comparable,
    listed,
    marks,
    name_of,
    nearest,
    sentences,
    short,
)
from engine.layers.scoring import Measured, measure, signatures, write_all
from engine.layers.translating import Way, sources_of
from engine.payloads import Cell, Curve, Line, Table, Text
from engine.phrases import N_, PlaygroundError

SEED = 0  # of the order in which held-out sources are taken


@dataclass(frozen=True)
class ScoreKnobs:
    """How much to measure."""

    count: int = knob(
        256,
        N_("How many"),
        low=8,
        high=1000,
        live=True,
        help=N_("Held-out sources that are written by each way."),
    )


def examined(data: PairData, count: int) -> tuple[str, ...]:
    """Up to `count` different held-out sources, the same each time.

    Raises `PlaygroundError` where the run was opened without its pairs.
    """
    known = tuple(data.references)
    if not known:
        raise PlaygroundError(
            N_("this view needs held-out pairs, and the data of this run are not there")
        )
    order = np.random.default_rng(SEED).permutation(len(known))[:count]
    return tuple(known[number] for number in order)


def percent(share: float) -> Cell:
    """A share, in percent."""
    return Cell(f"{100 * share:.1f}", value=100 * share)


def decimal(value: float, digits: int) -> Cell:
    """A number with so many digits after the point."""
    return Cell(f"{value:.{digits}f}", value=value)


def join_in(known: Sequence[Trained]) -> str:
    """Which models could be compared as well, if they had a run."""
    missing = absent(known)
    if not missing:
        return ""
    return N_("Train these on the same data to compare: {models}.", models=listed(missing))


# --- views: scores

COLUMNS = (
    N_("Way"),
    N_("Exact match, %"),
    N_("chrF"),
    N_("BLEU"),
    N_("Character errors, %"),
    N_("ms, alone"),
    N_("ms, of 32"),
    N_("Passes"),
)
BEST = ("", "high", "high", "high", "low", "low", "low", "low")


def tips(references: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What each column says."""
    chrf, bleu = signatures(references)
    return (
        N_("The model, and how it writes."),
        N_("Outputs that are right to the last character."),
        N_(
            "How many runs of 1 to 6 characters output and expected target share: 100 is best. "
            "sacrebleu: {signature}",
            signature=chrf,
        ),
        N_(
            "How many runs of 1 to 4 characters of the output are expected ones: 100 is best. "
            "Papers mostly count words; these texts are short. sacrebleu: {signature}",
            signature=bleu,
        ),
        N_("Characters to put in, take out or exchange, for each that there should be."),
        N_("Milliseconds for a source that is written by itself; the median."),
        N_("Milliseconds for a source, where 32 are written at once; the median."),
        N_("How often the decoder is asked for a target, over however many places."),
    )


def score_row(name: str, found: Measured) -> tuple[Cell, ...]:
    """What a way came to, under `COLUMNS`."""
    return (
        Cell(name),
        percent(found.exact),
        decimal(found.chrf, 1),
        decimal(found.bleu, 1),
        percent(found.error_rate),
        decimal(1000 * found.alone, 2),
        decimal(1000 * found.together, 2),
        decimal(found.passes, 1),
    )


@torch.no_grad()
def scores(trained: Trained, knobs: Any) -> Drawing:
    """Every way to write of this model and of those to compare with, row by row."""
    known, data = comparable(trained), trained.data
    sources = examined(data, knobs.count)
    told = tips([data.references[each] for each in sources])
    caption = sentences(
        N_(
            "{count:,} sources that none of them saw while it learned. The times are measured "
            "now, on this machine with {threads} threads for the network; whatever else it does "
            "meanwhile makes them longer.",
            count=len(sources),
            threads=torch.get_num_threads(),
        ),
        join_in(known),
    )
    yield None
    rows: list[tuple[Cell, ...]] = []
    for each in known:
        for way in each.module.ways():
            found = yield from measure(way, data, sources)
            rows.append(score_row(name_of(each, way, len(known) == 1), found))
            yield Table(COLUMNS, tuple(rows), tips=told, best=BEST, caption=caption)


# --- views: quality and time


class Quality(NamedTuple):
    """What can be drawn against time. title: of the axis. of: what was measured, in [0, 100]."""

    title: str
    of: Callable[[Measured], float]


QUALITIES: Mapping[str, Quality] = {
    N_("exact match"): Quality(N_("exact match, %"), lambda found: 100 * found.exact),
    N_("chrF"): Quality(N_("chrF"), lambda found: found.chrf),
    N_("characters right"): Quality(
        N_("100 − character errors, %"), lambda found: 100 * (1 - found.error_rate)
    ),
}


@dataclass(frozen=True)
class QualityKnobs(ScoreKnobs):
    """What to draw."""

    quality: str = knob(
        "exact match",
        N_("Quality"),
        choices=tuple(QUALITIES),
        live=True,
        help=N_("What is drawn upwards."),
    )


def settings(ways: Sequence[Way]) -> tuple[str, ...]:
    """The numbers in which ways of one group differ, as their keys have them: "1", "2", "4".

    A way that is alone in its group has nothing to tell it from others: "".
    """
    numbers = [re.findall(r"\d+", way.key) for way in ways]
    columns = list(zip(*numbers, strict=False))
    differ = [column for column in columns if len(set(column)) > 1]
    return tuple("/".join(column[n] for column in differ) for n in range(len(ways)))


def line_name(trained: Trained, group: str, alone: bool) -> str:
    """How the ways of a group are called."""
    name = short(trained)
    if alone or name == group:
        return group
    return N_("{model}: {way}", model=name, way=group)


class Point(NamedTuple):
    """A way that was measured: its line, what it is called, and what came out."""

    line: str
    way: Way
    found: Measured


def lines_of(points: Sequence[Point], quality: Quality) -> tuple[Line, ...]:
    """One for each group, its points in the order in which they were measured."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.line, []).append(point)
    return tuple(
        Line(
            name,
            np.array([1000 * each.found.alone for each in group], np.float32),
            np.array([quality.of(each.found) for each in group], np.float32),
            settings([each.way for each in group]),
        )
        for name, group in groups.items()
    )


def in_words(point: Point, among: Sequence[Point]) -> str:
    """Which point it is: its way, with the name of its line where there are several."""
    if len({each.line for each in among}) == 1 or point.line == point.way.title:
        return point.way.title
    return N_("{line}, {way}", line=point.line, way=point.way.title)


def reading(points: Sequence[Point], quality: Quality) -> str:
    """The fastest, and what the best has over it."""
    fastest = min(points, key=lambda each: each.found.alone)
    best = max(points, key=lambda each: (quality.of(each.found), -each.found.alone))
    value, most = quality.of(fastest.found), quality.of(best.found)
    if best is fastest:
        return N_(
            "Fastest and best at once is {way}: {value:.1f} in {ms:.1f} ms.",
            way=in_words(fastest, points),
            value=value,
            ms=1000 * fastest.found.alone,
        )
    return N_(
        "Fastest is {first} with {value:.1f} in {ms:.1f} ms; best is {best} with {most:.1f} in "
        "{longer:.1f} ms.",
        first=in_words(fastest, points),
        value=value,
        ms=1000 * fastest.found.alone,
        best=in_words(best, points),
        most=most,
        longer=1000 * best.found.alone,
    )


@torch.no_grad()
def quality(trained: Trained, knobs: Any) -> Drawing:
    """How quality goes with time as rounds, lengths or beams grow; point by point."""
    known, data = comparable(trained), trained.data
    sources = examined(data, knobs.count)
    drawn = QUALITIES[knobs.quality]
    points: list[Point] = []
    yield None
    for each in known:
        for way in each.module.sweep():
            found = yield from measure(way, data, sources)
            points.append(Point(line_name(each, way.group, len(known) == 1), way, found))
            yield Curve(
                lines_of(points, drawn),
                x_title=N_("milliseconds for a source that is written alone"),
                y_title=drawn.title,
                log_x=True,
                caption=sentences(
                    N_(
                        "Up is better, left is faster; the numbers say how many rounds, lengths "
                        "or beams."
                    ),
                    reading(points, drawn),
                    N_(
                        "Measured now on {count:,} held-out sources, so that one more that is "
                        "right lifts exact match by {step:.2g} points.",
                        count=len(sources),
                        step=100 / len(sources),
                    ),
                    join_in(known),
                ),
            )


# --- views: errors


@dataclass(frozen=True)
class ErrorKnobs(ScoreKnobs):
    """Whose errors, and how many."""

    most: int = knob(
        20,
        N_("Shown"),
        low=1,
        high=200,
        live=True,
        help=N_("Of the sources that it gets wrong, so many are listed."),
    )
    way: int = knob(
        1,
        N_("Way"),
        low=1,
        high=8,
        live=True,
        help=N_("Of the ways to write that the model has, one by its number."),
    )


KINDS: Mapping[str, str] = {
    "nothing": N_("nothing written"),
    "mixed": N_("two targets mixed"),
    "repeated": N_("repeated"),
    "order": N_("other order"),
    "short": N_("too short"),
    "long": N_("too long"),
    "other": N_("other character"),
}
"""Kinds of errors; an output that is wrong is of the first that fits."""

RULE = N_(
    "The first of these that fits. Two targets mixed: at each place it has what one of the "
    "expected targets has there. Repeated: a character that should not be there is the same as "
    "the one beside it. Other order: the right characters, in another order. Too short or too "
    "long: beside the nearest expected target. Other character: all else."
)


def mixes(output: str, expected: Sequence[str]) -> bool:
    """Whether each character stands at its place in one of `expected`, if not all in the same."""
    together = [each for each in expected if len(each) == len(output)]
    return len(together) > 1 and all(
        any(character == each[place] for each in together) for place, character in enumerate(output)
    )


def repeats(output: str, wanted: str) -> bool:
    """Whether a character that differs from `wanted` is the same as the one beside it."""
    places = [n for first, end in marks(output, wanted) for n in range(first, end)]
    return any(output[n] in (output[max(0, n - 1) : n] + output[n + 1 : n + 2]) for n in places)


def kind_of(output: str, expected: Sequence[str]) -> str:
    """A key of `KINDS`, for an `output` that is none of `expected`."""
    wanted = nearest(output, expected)
    rules = {
        "nothing": not output,
        "mixed": bool(output) and mixes(output, expected),
        "repeated": repeats(output, wanted),
        "order": sorted(output) == sorted(wanted),
        "short": len(output) < len(wanted),
        "long": len(output) > len(wanted),
        "other": True,
    }
    return next(kind for kind, fits in rules.items() if fits)


def counted(kinds: Sequence[str]) -> str:
    """How many there are of each kind, the most common first."""
    numbers = {kind: kinds.count(kind) for kind in KINDS if kind in kinds}
    order = sorted(numbers, key=lambda kind: -numbers[kind])
    return listed([N_("{count} × {kind}", count=numbers[kind], kind=KINDS[kind]) for kind in order])


def sureness(way: Way, data: PairData, source: str) -> float | None:
    """The mean probability of the tokens that it writes; None where it writes none."""
    (written,) = way.write(sources_of(data, [source]), True)
    sure = [each for each in written.steps[-1].probabilities if not math.isnan(each)]
    return statistics.fmean(sure) if sure else None


def right_too(
    others: Sequence[Trained], data: PairData, sources: Sequence[str]
) -> Generator[None, None, list[list[str]]]:
    """Of each source, which of `others` write it right in their plain way."""
    found: list[list[str]] = [[] for _ in sources]
    for each in others:
        outputs, _, _ = yield from write_all(each.module.ways()[0], data, sources)
        for source, output, names in zip(sources, outputs, found, strict=True):
            if output in data.references[source]:
                names.append(short(each))
    return found


@torch.no_grad()
def errors(trained: Trained, knobs: Any) -> Drawing:
    """Held-out sources that it gets wrong, and what is wrong with what it writes."""
    data, (_, *others) = trained.data, comparable(trained)
    ways = trained.module.ways()
    way = ways[min(knobs.way, len(ways)) - 1]
    sources = examined(data, knobs.count)
    outputs, _, _ = yield from write_all(way, data, sources)
    wrong = [
        (source, output)
        for source, output in zip(sources, outputs, strict=True)
        if output not in data.references[source]
    ]
    if not wrong:
        yield Text(
            N_(
                "{way}: all {count:,} held-out sources are written right.",
                way=way.title,
                count=len(sources),
            )
        )
        return
    kinds = [kind_of(output, data.references[source]) for source, output in wrong]
    shown = wrong[: knobs.most]
    right = yield from right_too(others, data, [source for source, _ in shown])
    rows = []
    for (source, output), kind, names in zip(shown, kinds, right, strict=False):
        wanted = nearest(output, data.references[source])
        sure = sureness(way, data, source)
        row = (
            Cell(source),
            Cell(output, marks(output, wanted)),
            Cell(wanted, marks(wanted, output)),
            Cell(KINDS[kind]),
            Cell("–") if sure is None else percent(sure),
        )
        rows.append((*row, Cell(listed(names) if names else "–")) if others else row)
        yield None
    yield Table(
        (
            data.source_title or N_("Source"),
            N_("Output"),
            N_("Expected"),
            N_("What is wrong"),
            N_("Sure, %"),
            *((N_("Right by"),) if others else ()),
        ),
        tuple(rows),
        title=way.title,
        tips=(
            "",
            N_("What it wrote; marked is what the expected target has not."),
            N_("Of the right targets the one most like it; marked is what the output has not."),
            RULE,
            N_("The mean probability that it gave to what it wrote."),
            *((N_("Models that write this source right, in their plain way."),) if others else ()),
        ),
        caption=sentences(
            N_(
                "{wrong} of {count:,} are wrong: {kinds}.",
                wrong=len(wrong),
                count=len(sources),
                kinds=counted(kinds),
            ),
            N_("The first {most} of them are shown.", most=len(shown))
            if len(shown) < len(wrong)
            else "",
        ),
    )

"""The race: one source, every way to write its target, each with its clock.

Times are measured, not made up. Each way writes once to warm up; then all take turns, so that
what else the machine does slows all alike, and of each the run with the median time is shown.
"""

import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import torch

from engine.data.pairs import PairData
from engine.family import Drawing, Trained
from engine.layers.pairviews.shared import (
    Chosen,
    OfSource,
    absent,
    chosen,
    comparable,
    listed,
    name_of,
    pieces,
    sentences,
)
from engine.layers.translating import Way, Written
from engine.payloads import Lane, Moment, Race
from engine.phrases import N_

SECONDS = 0.5  # of measuring, in all
ROUNDS = 5


@dataclass(frozen=True)
class RaceKnobs(OfSource):
    """What all of them are given."""


class Runner(NamedTuple):
    """One lane: whose way it is, and what it is called."""

    name: str
    way: Way


def runners(known: Sequence[Trained]) -> tuple[Runner, ...]:
    """The ways of all models, in their order."""
    alone = len(known) == 1
    return tuple(
        Runner(name_of(each, way, alone), way) for each in known for way in each.module.ways()
    )


def timed(
    ways: Sequence[Runner], source: Chosen
) -> Generator[None, None, list[tuple[Written, ...]]]:
    """Of each runner some measured runs, one at least, with safe points."""
    runs: list[list[Written]] = [[] for _ in ways]
    spent = 0.0
    for number in range(1 + ROUNDS):
        # What all rounds so far took, one more may take again.
        if number > 1 and spent * (number + 1) / number > SECONDS:
            break
        for each, found in zip(ways, runs, strict=True):
            begun = perf_counter()
            written = each.way.write(source.tokens, True)
            spent += perf_counter() - begun
            if number:  # the first round is to warm up
                found += written
            yield
    return [tuple(found) for found in runs]


def seconds_of(written: Written) -> float:
    """How long it took to the last pass."""
    return written.steps[-1].seconds


def median(runs: Sequence[Written]) -> Written:
    """That of some runs whose time is in the middle."""
    middle = statistics.median_low([seconds_of(each) for each in runs])
    return next(each for each in runs if seconds_of(each) == middle)


def lane(name: str, data: PairData, written: Written, expected: Sequence[str]) -> Lane:
    """What was written, as it came about."""
    output = data.targets.decode(written.ids)
    return Lane(
        name,
        tuple(
            Moment(
                step.seconds,
                pieces(data.targets, step.ids),
                step.probabilities,
                step.fresh,
                step.dropped,
                step.note,
            )
            for step in written.steps
        ),
        written.passes,
        (output in expected) if expected else None,
    )


def summary(lanes: Sequence[Lane]) -> str:
    """How much faster the fastest was than the slowest."""
    if len(lanes) < 2:
        return ""
    ordered = sorted(lanes, key=lambda each: each.moments[-1].seconds)
    first, last = ordered[0], ordered[-1]
    return N_(
        "{first} was {ratio:.1f} times as fast as {last}.",
        first=first.name,
        last=last.name,
        ratio=last.moments[-1].seconds / max(first.moments[-1].seconds, 1e-9),
    )


@torch.no_grad()
def race(trained: Trained, knobs: Any) -> Drawing:
    """One source given to every model that learned from the same data, in all its ways."""
    known, data = comparable(trained), trained.data
    source = chosen(data, knobs)
    ways = runners(known)
    runs = yield from timed(ways, source)
    lanes = tuple(
        lane(each.name, data, median(found), source.expected)
        for each, found in zip(ways, runs, strict=True)
    )
    missing = absent(known)
    yield Race(
        lanes,
        given=source.text,
        expected=" / ".join(source.expected),
        caption=sentences(
            summary(lanes),
            N_("Train these on the same data, and they run too: {models}.", models=listed(missing))
            if missing
            else "",
            source.remark,
        ),
    )

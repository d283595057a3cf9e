"""What learning from a teacher does: runs side by side, and what the teacher made of the data.

Where a source has several right targets, places that choose for themselves mix them. How much
is left to choose is measured by the teacher's own surprise, in bits per target,

    H(y | x) ~ mean of -log2 p_teacher(y | x)

of the data's targets, and of those that it writes itself: the fewer, the less there is to mix
(Zhou, Neubig & Gu 2020, arXiv:1911.02727, section 3, measure it by aligned words).
"""

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.pairs import PAD, PairData, padded
from engine.family import OTHER, Drawing, Trained
from engine.layers.pairviews.measures import decimal, examined, percent
from engine.layers.pairviews.shared import marks, sentences, short
from engine.layers.scoring import (
    TOGETHER,
    bleu,
    character_error_rate,
    chrf,
    exact_match,
    write_all,
)
from engine.layers.teaching import TEACHER, same_data
from engine.layers.translating import Pairs, as_batch
from engine.payloads import Cell, Panels, Table
from engine.phrases import N_

EXAMPLES = 12

# --- runs side by side


class Pupil(NamedTuple):
    """A run to be compared, and how it is called."""

    name: str
    trained: Trained


def distilled(trained: Trained) -> bool:
    """Whether it learned from a teacher."""
    return bool(getattr(trained.train, "distil", False))


def pupils(trained: Trained) -> tuple[Pupil, ...]:
    """This run, another of the same model, and the teacher, as far as they are there."""
    other, teacher = trained.companions.get(OTHER), teacher_of(trained)
    found = [Pupil(N_("this run"), trained)]
    if other is not None and same_data(other.data, trained.data):
        found.append(Pupil(N_("the newest other run"), other))
    if teacher is not None:
        found.append(Pupil(N_("the teacher"), teacher))
    return tuple(found)


def teacher_of(trained: Trained) -> Trained | None:
    """The model that it can learn from, where that has a run on the same data."""
    teacher = trained.companions.get(TEACHER)
    if teacher is None or not same_data(teacher.data, trained.data):
        return None
    return teacher


def result(
    pupil: Pupil, data: PairData, sources: Sequence[str]
) -> Generator[None, None, tuple[Cell, ...]]:
    """How good a run is in its plain way."""
    outputs, _, _ = yield from write_all(pupil.trained.module.ways()[0], data, sources)
    right = [data.references[each] for each in sources]
    learned = N_("the teacher") if distilled(pupil.trained) else N_("the data")
    return (
        Cell(N_("{model}: {way}", model=short(pupil.trained), way=pupil.name)),
        Cell(learned),
        Cell(f"{pupil.trained.step:,}", value=float(pupil.trained.step)),
        percent(exact_match(outputs, right)),
        decimal(chrf(outputs, right), 1),
        decimal(bleu(outputs, right), 1),
        percent(character_error_rate(outputs, right)),
    )


def to_do(trained: Trained) -> str:
    """What is missing for the comparison, and how it comes about; "" where nothing is."""
    known = {pupil.name: pupil.trained for pupil in pupils(trained)}
    teacher, other = known.get("the teacher"), known.get("the newest other run")
    own = distilled(trained)
    if other is not None and distilled(other) != own:
        return ""
    if own:
        return N_(
            "To see what it gained: train the same model with “Learn from a teacher” turned off; "
            "its run then stands here too."
        )
    if teacher is None:
        return N_(
            "To see what a teacher does: train the model that writes one by one on the same data, "
            "then this one again with “Learn from a teacher” turned on."
        )
    return N_(
        "To see what a teacher does: train this model again with “Learn from a teacher” turned "
        "on; both runs then stand here."
    )


def compared(rows: Sequence[tuple[Cell, ...]]) -> Table:
    """The runs below each other."""
    return Table(
        (
            N_("Run"),
            N_("Learned from"),
            N_("Steps"),
            N_("Exact match, %"),
            N_("chrF"),
            N_("BLEU"),
            N_("Character errors, %"),
        ),
        tuple(rows),
        title=N_("The runs"),
        best=("", "", "", "high", "high", "high", "low"),
    )


# --- how much there is to choose


class Choice(NamedTuple):
    """The teacher's surprise in bits per target, at the data's targets and at its own; and how
    many right targets a source has in the data."""

    data: float
    own: float
    targets: float


def bits(teacher: Trained, pairs: Pairs) -> float:
    """The surprise of the teacher, in bits, at all of the targets together."""
    targets = pairs.targets
    tokens = int((targets != PAD).sum()) + len(targets)  # the ends are tokens too
    return float(teacher.module(pairs)) * tokens / math.log(2)


def choice(
    teacher: Trained, data: PairData, sources: Sequence[str]
) -> Generator[None, None, Choice]:
    """How much is left to choose, measured on held-out sources."""
    way = teacher.module.ways()[0]
    in_data = own = 0.0
    pairs = [(each, target) for each in sources for target in data.references[each]]
    for first in range(0, len(sources), TOGETHER):
        some = sources[first : first + TOGETHER]
        given = padded([data.sources.encode(each) for each in some])
        written = way.write(as_batch(given, given).sources, False)
        said = as_batch(given, padded([each.ids for each in written]))
        yield
        own += bits(teacher, said)
        yield
    for first in range(0, len(pairs), TOGETHER):
        both = pairs[first : first + TOGETHER]
        part = as_batch(
            padded([data.sources.encode(source) for source, _ in both]),
            padded([data.targets.encode(target) for _, target in both]),
        )
        in_data += bits(teacher, part)
        yield
    return Choice(in_data / len(pairs), own / len(sources), len(pairs) / len(sources))


# --- what the teacher changed


def changed(data: PairData) -> NDArray[np.int64]:
    """Rows of the data to learn from whose target the teacher wrote in another way."""
    assert data.taught is not None
    width = max(data.train.targets.shape[1], data.taught.shape[1])
    wide = [
        np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=PAD)
        for each in (data.train.targets, data.taught)
    ]
    return np.flatnonzero((wide[0] != wide[1]).any(1))


def examples(data: PairData) -> Table:
    """Some of them, with what differs."""
    assert data.taught is not None
    which = changed(data)
    rows = []
    for row in which[:EXAMPLES]:
        target, said = (
            data.targets.decode(each[row]) for each in (data.train.targets, data.taught)
        )
        rows.append(
            (
                Cell(data.sources.decode(data.train.sources[row])),
                Cell(target, marks(target, said)),
                Cell(said, marks(said, target)),
            )
        )
    return Table(
        (data.source_title or N_("Source"), N_("In the data"), N_("The teacher wrote")),
        tuple(rows),
        title=N_("What the teacher changed"),
        caption=N_(
            "Of {all:,} targets to learn from, the teacher wrote {count:,} ({share:.1%}) in "
            "another way: it keeps to one where the data have several, or it is wrong.",
            all=len(data.taught),
            count=len(which),
            share=len(which) / len(data.taught),
        ),
    )


# --- the view


@torch.no_grad()
def distillation(trained: Trained, knobs: Any) -> Drawing:
    """Runs with and without a teacher, and what that changed in what is learned."""
    data = trained.data
    sources = examined(data, knobs.count)
    rows: list[tuple[Cell, ...]] = []
    known, teacher = pupils(trained), teacher_of(trained)
    said = ""
    for pupil in known:
        rows.append((yield from result(pupil, data, sources)))
        yield panels(data, rows, sentences(to_do(trained)))
    if teacher is not None:
        found = yield from choice(teacher, data, sources)
        said = N_(
            "A held-out source has {targets:.2f} right targets in the data. To the teacher a "
            "target of the data is a surprise of {data:.2f} bits (one bit: a choice of two), one "
            "that it writes itself of {own:.2f}: so much less is left to mix.",
            targets=found.targets,
            data=found.data,
            own=found.own,
        )
    yield panels(data, rows, sentences(said, to_do(trained)))


def panels(data: PairData, rows: Sequence[tuple[Cell, ...]], caption: str) -> Panels:
    """The runs, and below them what the teacher changed."""
    found = [compared(rows)]
    if data.taught is not None:
        found.append(examples(data))
    return Panels(tuple(found), across=1, caption=caption)

"""Distillation: learning from what another model writes, in place of the data's targets.

Sequence-level knowledge distillation (Kim & Rush 2016, arXiv:1606.07947, section 3.2): the
teacher translates all sources to learn from, greedily, and these texts are the new targets. It
says the same thing always in the same way, so that less is left for independent places to mix.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.pairs import PAD, PairData, padded
from engine.events import Progress
from engine.family import Trained, TrainKnobs
from engine.knobs import knob
from engine.layers.translating import as_batch
from engine.phrases import N_, PlaygroundError

TEACHER = "ar-translator"
CHUNK = 32  # sources that are translated at once: 10 to 20 ms


@dataclass(frozen=True)
class LearnerKnobs(TrainKnobs):
    """Whom to learn from."""

    distil: bool = knob(
        False,
        N_("Learn from a teacher"),
        help=N_(
            "Learn what the model that writes one by one says, not what the data say "
            "(distillation). That one has to be trained on the same data first."
        ),
    )


def teach(
    data: PairData, net: Any, train: LearnerKnobs, companions: Mapping[str, Trained]
) -> Generator[Progress | None, None, Mapping[str, NDArray[Any]]]:
    """What the teacher makes of every source to learn from: {"taught": (n, T) int32}.

    Nothing where `train` does not ask for it. Raises `PlaygroundError` without a teacher that
    was trained on the same data.
    """
    if not train.distil:
        return {}
    teacher = companions.get(TEACHER)
    if teacher is None or not teacher.step or not same_data(teacher.data, data):
        raise PlaygroundError(
            N_(
                "there is no teacher for {title} yet: train the model that writes one by one on "
                "the same data first, or turn off that this one learns from a teacher",
                title=str(data.title),
            )
        )
    way = teacher.module.ways()[0]
    begun = time.perf_counter()
    sources, targets = data.train
    texts: list[Sequence[int]] = [()] * len(sources)
    # Like lengths together, so that none of a chunk has to wait long for the longest.
    order = np.argsort((targets != PAD).sum(1), kind="stable")
    for first in range(0, len(order), CHUNK):
        rows = order[first : first + CHUNK]
        pairs = as_batch(sources[rows], targets[rows])
        written = way.write(pairs.sources, False)
        for row, own, each in zip(rows, pairs.targets.tolist(), written, strict=True):
            # Where it writes nothing at all there is nothing to learn from it.
            texts[row] = each.ids or own
        count = first + len(rows)
        spent, done = time.perf_counter() - begun, count / len(order)
        note = N_("the teacher translates {count:,} sources", count=len(order))
        yield Progress(count, spent, done, seconds_left=spent / done - spent, note=note)
    return {"taught": padded(texts)}


def same_data(one: PairData, other: PairData) -> bool:
    """Whether both are the same data (of an own file, of the same content)."""
    return (one.key, one.sha256, one.sources, one.targets) == (
        other.key,
        other.sha256,
        other.sources,
        other.targets,
    )

"""What a model makes of some sources: the sampler of every model of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine.data.pairs import PairData
from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.layers.pairviews.shared import (
    OfSource,
    chosen,
    held_out,
    marks,
    nearest,
    sentences,
)
from engine.layers.translating import Way, sources_of
from engine.payloads import Cell, Table
from engine.phrases import N_

TOGETHER = 8  # sources between two safe points


@dataclass(frozen=True)
class TranslateKnobs(OfSource):
    """What to write the target of."""

    source: str = knob(
        "",
        N_("Source"),
        live=True,
        help=N_("What to turn into a target. Empty takes sources that were held out."),
    )
    count: int = knob(
        8,
        N_("How many"),
        low=1,
        high=64,
        live=True,
        help=N_("Held-out sources, where none is typed."),
    )


@torch.no_grad()
def sampler(trained: Trained, knobs: Any, keep: tuple[int, ...]) -> Drawing:
    """Write the targets of held-out sources, or all that was thought of for a typed one.

    knobs: `TranslateKnobs`, or those of a model, which add how it is to write.
    """
    way: Way = trained.module.way(knobs)
    yield from (
        of_typed(trained.data, way, knobs)
        if knobs.source
        else of_held_out(trained.data, way, knobs)
    )


def of_held_out(data: PairData, way: Way, knobs: Any) -> Drawing:
    """Sources, what became of them and what was expected, a few at a time."""
    texts = held_out(data, knobs.seed, knobs.count)
    outputs: list[str] = []
    for first in range(0, len(texts), TOGETHER):
        some = texts[first : first + TOGETHER]
        written = way.write(sources_of(data, some), False)
        outputs += [data.targets.decode(each.ids) for each in written]
        yield compared(data, texts[: len(outputs)], outputs)


def compared(data: PairData, sources: Sequence[str], outputs: Sequence[str]) -> Table:
    """What was written, and beside what is wrong what the data have, with what differs."""
    rows, right = [], 0
    for source, output in zip(sources, outputs, strict=True):
        expected = data.references[source]
        same = output in expected
        wanted = nearest(output, expected)
        right += same
        rows.append(
            (
                Cell(source),
                Cell(output, marks(output, wanted), tone="good" if same else "bad"),
                Cell("" if same else wanted, marks(wanted, output)),
            )
        )
    return Table(
        (data.source_title or N_("Source"), N_("Output"), N_("Expected")),
        tuple(rows),
        caption=N_(
            "{right} of {count} exactly right. It saw none of these sources while it learned.",
            right=right,
            count=len(rows),
        ),
    )


def of_typed(data: PairData, way: Way, knobs: Any) -> Drawing:
    """The target of one's own source, and what else was thought of."""
    source = chosen(data, knobs)
    (written,) = way.write(source.tokens, False)
    every = ((written.ids, written.score), *written.others)
    rows = []
    for ids, score in every:
        output = data.targets.decode(ids)
        tone = "" if not source.expected else "good" if output in source.expected else "bad"
        differs = marks(output, nearest(output, source.expected)) if source.expected else ()
        rows.append((Cell(output, differs, tone=tone), Cell(f"{score:.2f}", value=score)))
    yield Table(
        (N_("Output"), N_("Log-probability, nats")),
        tuple(rows),
        title=source.text,
        caption=sentences(
            N_("Expected: {targets}.", targets=" / ".join(source.expected))
            if source.expected
            else "",
            N_("Above, what it wrote; below, what else it tried.") if len(rows) > 1 else "",
            source.remark,
        ),
    )

"""Looking into models of pairs: confidence, cross-attention, what depends on what, lengths.

A decoder with the causal mask sees of the target what comes before, one without sees all of it.
What it depends on is measured, by the gradient of the logits, and not drawn from the code.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.pairs import PAD, Alphabet, PairData
from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.layers.pairviews.shared import (
    Chosen,
    OfSource,
    chosen,
    comparable,
    ids_tensor,
    pieces,
    sentences,
    short,
)
from engine.layers.translating import Way, Written, as_batch
from engine.payloads import Bars, Heatmap, Heatmaps, Panels, Text
from engine.phrases import N_

# Shapes: S tokens of the source, T of the target, K passes.


@dataclass(frozen=True)
class InsideKnobs(OfSource):
    """Which source."""


# --- views: confidence


@dataclass(frozen=True)
class ConfidenceKnobs(OfSource):
    """Which source, and which way to write."""

    way: int = knob(
        0,
        N_("Way"),
        low=0,
        high=8,
        live=True,
        help=N_("Of those that the model has, one by its number; 0: all of them."),
    )


def passes(alphabet: Alphabet, title: str, written: Written) -> Heatmap:
    """Probability of each place (across) after each pass (downwards), with what stood there.

    NaN where nothing did. A place that is empty again shows what was taken back.
    """
    steps = written.steps
    places = [each for step in steps for each in (len(step.ids), *(n + 1 for n in step.dropped))]
    shape = len(steps), max(1, *places)
    values = np.full(shape, np.nan, np.float32)
    marked = np.zeros(shape, np.bool_)
    texts = [[""] * shape[1] for _ in steps]
    for row, step in enumerate(steps):
        values[row, : len(step.ids)] = step.probabilities
        texts[row][: len(step.ids)] = pieces(alphabet, step.ids)
        for place in step.dropped:
            marked[row, place] = True
            if row and not texts[row][place]:
                texts[row][place] = texts[row - 1][place]
                values[row, place] = values[row - 1, place]
    return Heatmap(
        values,
        title=title,
        x_title=N_("place"),
        y_title=N_("pass"),
        value_title=N_("probability"),
        numbers=tuple(range(1, len(steps) + 1)),
        column_numbers=tuple(range(1, shape[1] + 1)),
        low=0.0,
        high=1.0,
        texts=tuple(tuple(row) for row in texts),
        marked=marked,
        marked_title=N_("taken back"),
    )


def picked(ways: Sequence[Way], number: int) -> tuple[Way, ...]:
    """The one of that number (the last where there are fewer), or all for 0: the plain one
    last, which may have as many passes as tokens."""
    return (*ways[1:], ways[0]) if number == 0 else (ways[min(number, len(ways)) - 1],)


@torch.no_grad()
def confidence(trained: Trained, knobs: Any) -> Drawing:
    """How sure the model was of each place after each pass."""
    data = trained.data
    source = chosen(data, knobs)
    found, taken = [], 0
    for way in picked(trained.module.ways(), knobs.way):
        (written,) = way.write(source.tokens, True)
        found.append(passes(data.targets, way.title, written))
        taken += sum(len(step.dropped) for step in written.steps)
        yield None
    yield Heatmaps(
        tuple(found),
        across=min(2, len(found)),
        caption=sentences(
            N_(
                "{source}: downwards the passes of the decoder, across the places of the target. "
                "Bright: sure of it.",
                source=source.text,
            ),
            N_("Framed: taken back after this pass, {count} in all.", count=taken) if taken else "",
            source.remark,
        ),
    )


# --- views: cross-attention


def target_of(trained: Trained, source: Chosen) -> tuple[int, ...]:
    """What the model writes in its plain way; where that is nothing, what is expected."""
    plain: Way = trained.module.ways()[0]
    (written,) = plain.write(source.tokens, False)
    if written.ids or not source.expected:
        return written.ids
    return tuple(trained.data.targets.encode(source.expected[0]))


WROTE_NOTHING = N_("The model wrote nothing for this source, so there is nothing to look at yet.")


@torch.no_grad()
def cross_attention(trained: Trained, knobs: Any) -> Drawing:
    """The attention from the target to the source, of every layer and head."""
    data = trained.data
    source = chosen(data, knobs)
    target = target_of(trained, source)
    yield None
    if not target:
        yield Text(WROTE_NOTHING)
        return
    weights = trained.module.cross_attention(source.tokens, ids_tensor(target))[:, 0]
    layers, heads = weights.shape[:2]
    yield Heatmaps(
        tuple(
            Heatmap(
                weights[layer, head].float().numpy(),
                title=N_("layer {layer}, head {head}", layer=layer + 1, head=head + 1),
                x_title=N_("attends to"),
                y_title=N_("target"),
                value_title=N_("weight"),
                rows=pieces(data.targets, target),
                columns=pieces(data.sources, source.tokens[0].tolist()),
                low=0.0,
                high=1.0,
                root=True,
            )
            for layer in range(layers)
            for head in range(heads)
        ),
        across=heads,
        caption=sentences(
            N_(
                "Downwards {target}, as the model writes it, across {source}. Each row adds up to "
                "1: where in the source this place of the target looks.",
                target=data.targets.decode(target),
                source=source.text,
            ),
            source.remark,
        ),
    )


# --- views: masks


class Dependence(NamedTuple):
    """Who it is of, and (T, T) how much the logits of place i go with what is given at place j."""

    name: str
    strength: NDArray[np.float32]

    @property
    def seen(self) -> int:
        """From how many pairs of places one depends on the other."""
        return int((self.strength > 0).sum())


def dependences_of(
    trained: Trained, source: Chosen, target: Sequence[int]
) -> tuple[Dependence, ...]:
    """Of each decoder, measured, and as a share of the largest."""
    return tuple(
        Dependence(
            N_("{model}, {decoder}", model=short(trained), decoder=name)
            if name
            else short(trained),
            as_share(found),
        )
        for name, found in trained.module.dependence(source.tokens, ids_tensor(target)).items()
    )


def as_share(found: Tensor) -> NDArray[np.float32]:
    """Gradients (T, T) as shares of the largest; one that is tiny but there stays above 0."""
    found = found.detach().double()
    largest = float(found.max())
    share = (found / largest).numpy() if largest > 0 else found.numpy()
    least = np.where(share > 0, np.finfo(np.float32).tiny, 0.0)
    kept: NDArray[np.float32] = np.maximum(share, least).astype(np.float32)
    return kept


def dependence_picture(found: Dependence, labels: tuple[str, ...]) -> Heatmap:
    """With what it comes to in the title."""
    return Heatmap(
        found.strength,
        title=N_(
            "{name}: {seen} of {all}",
            name=found.name,
            seen=found.seen,
            all=found.strength.size,
        ),
        x_title=N_("given at place"),
        y_title=N_("target"),
        value_title=N_("share of the largest"),
        rows=labels,
        low=0.0,
        high=1.0,
        root=True,
    )


@torch.no_grad()
def masks(trained: Trained, knobs: Any) -> Drawing:
    """What each place of the target depends on, for this model and those to compare with."""
    data = trained.data
    source = chosen(data, knobs)
    target = data.targets.encode(source.expected[0]) if source.expected else ()
    target = tuple(target) or target_of(trained, source)
    yield None
    if not target:
        yield Text(WROTE_NOTHING)
        return
    labels = pieces(data.targets, target)
    panels = []
    for each in comparable(trained):
        for found in dependences_of(each, source, target):
            panels.append(dependence_picture(found, labels))
        yield None
    yield Heatmaps(
        tuple(panels),
        across=min(3, math.ceil(math.sqrt(len(panels)))),
        caption=N_(
            "How much the choice of a token (row) goes with what the decoder is given at each "
            "place (column), measured by gradient; the numbers count the pairs that are bound so. "
            "The causal mask leaves a triangle; without it every place sees all."
        ),
    )


# --- views: lengths

PAIRS = 256  # held-out pairs whose lengths are counted
TOGETHER = 32
AROUND = 4  # lengths shown to each side of the likeliest


class Lengths(NamedTuple):
    """(n,) lengths of held-out targets, and what was predicted for each."""

    real: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def within(self, gap: int) -> float:
        """Share of those that are off by at most `gap`."""
        return float((np.abs(self.real - self.predicted) <= gap).mean())


def predicted_lengths(trained: Trained, data: PairData) -> Generator[None, None, Lengths]:
    """Of held-out pairs, spread evenly over all there are, a few at a time."""
    size = len(data.held_out.sources)
    rows = np.linspace(0, size - 1, min(PAIRS, size)).round().astype(np.int64)
    real, predicted = [], []
    for first in range(0, len(rows), TOGETHER):
        some = rows[first : first + TOGETHER]
        pairs = as_batch(data.held_out.sources[some], data.held_out.targets[some])
        logits = trained.module.length_logits(pairs.sources)
        real.append((pairs.targets != PAD).sum(1).numpy())
        predicted.append(logits.argmax(-1).numpy())
        yield
    return Lengths(np.concatenate(real), np.concatenate(predicted))


def length_bars(logits: Tensor) -> Bars:
    """The likeliest length and those about it, logits: (longest + 1,)."""
    chances = logits.double().softmax(0)
    mode = int(chances.argmax())
    shown = range(max(0, mode - AROUND), min(len(chances), mode + AROUND + 1))
    return Bars(
        tuple(str(length) for length in shown),
        tuple(100 * float(chances[length]) for length in shown),
        x_title=N_("tokens of the target"),
        y_title=N_("probability"),
        unit="%",
        low=0.0,
        high=100.0,
    )


def expected_length(title: str, logits: Tensor, source: Chosen) -> str:
    """What a model thinks, and how it really is, in words."""
    chances = logits.double().softmax(0)
    mode = int(chances.argmax())
    lengths = sorted({len(each) for each in source.expected})
    return sentences(
        N_(
            "{model} expects {length} tokens for {source}, with {chance:.1%}.",
            model=title,
            length=mode,
            source=source.text,
            chance=float(chances[mode]),
        ),
        N_("Really: {lengths}.", lengths=" / ".join(map(str, lengths))) if lengths else "",
    )


def length_counts(title: str, found: Lengths) -> Heatmap:
    """How often which length was predicted for which."""
    low = int(min(found.real.min(), found.predicted.min()))
    size = int(max(found.real.max(), found.predicted.max())) - low + 1
    counts = np.zeros((size, size), np.float32)
    np.add.at(counts, (found.real - low, found.predicted - low), 1)
    labels = tuple(str(low + number) for number in range(size))
    return Heatmap(
        counts,
        title=N_("{model}: {right:.0%} right", model=title, right=found.within(0)),
        x_title=N_("tokens, predicted as"),
        y_title=N_("real length"),
        value_title=N_("pairs"),
        rows=labels,
        columns=labels,
        low=0.0,
        root=True,
        texts=tuple(tuple(str(int(n)) if n else "" for n in row) for row in counts),
    )


@torch.no_grad()
def lengths(trained: Trained, knobs: Any) -> Drawing:
    """What is thought of the target's length, by this model and those to compare with."""
    data = trained.data
    source = chosen(data, knobs)
    known = comparable(trained)
    guessed = [each.module.length_logits(source.tokens) for each in known]
    yield None
    unneeded = N_(
        "{model} needs no length: it writes one token after the other until it writes the end.",
        model=short(trained),
    )
    able = [
        (each, logits) for each, logits in zip(known, guessed, strict=True) if logits is not None
    ]
    if not able:
        yield Text(
            sentences(
                unneeded,
                N_("Train a model that writes all at once on these data, and it is shown here."),
            )
        )
        return
    first, logits = able[0]
    panels: list[Bars | Heatmap] = [length_bars(logits[0])]
    counted: list[str] = []
    if len(data.held_out.sources):
        for each, _ in able:
            found = yield from predicted_lengths(each, data)
            panels.append(length_counts(short(each), found))
            counted.append(
                N_(
                    "{model}, {count} held-out pairs: right in {right:.0%}, within one in "
                    "{near:.0%}.",
                    model=short(each),
                    count=len(found.real),
                    right=found.within(0),
                    near=found.within(1),
                )
            )
    yield Panels(
        tuple(panels),
        across=min(2, len(panels)),
        caption=sentences(
            expected_length(short(first), logits[0], source),
            *counted,
            "" if guessed[0] is not None else unneeded,
            source.remark,
        ),
    )

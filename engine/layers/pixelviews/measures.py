"""What a model of pixels makes of a picture, and what it costs to draw one."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from engine.family import Drawing, Trained
from engine.knobs import NoKnobs, knob
from engine.layers.erasing import OfPicture
from engine.layers.pictures import need_pictures
from engine.layers.pixelviews.shared import OPEN, chosen, middles, nats_of, open_labels, per_row
from engine.layers.pixelwise import (
    DrawKnobs,
    Drawn,
    Grid,
    Recompute,
    generate,
    labels_of,
    nats,
    told,
)
from engine.payloads import (
    Curve,
    Heatmap,
    Images,
    Line,
    Panels,
)
from engine.phrases import N_
from engine.sampling import uniforms

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).

# --- views: surprise


@dataclass(frozen=True)
class SurpriseKnobs(OfPicture):
    """Which picture."""


OTHERS = 64  # held-out pictures to compare with


@torch.no_grad()
def surprise(trained: Trained, knobs: SurpriseKnobs) -> Drawing:
    """-log p of each point of a picture, and of the whole beside other pictures."""
    module, grid, data = trained.module, trained.module.grid, trained.data
    tokens, labels = chosen(trained, knobs)
    each = nats(module, tokens, labels)[0].sum(0)  # R, S
    total = float(each.sum())
    left = [
        Images(grid.pixels(tokens), title=N_("The picture as the model gets it")),
        Heatmap(
            each.numpy(),
            title=N_(
                "{nats:.1f} nats: {bits:.3f} bits per dimension",
                nats=total,
                bits=total / math.log(2) / grid.dimensions,
            ),
            x_title=N_("column"),
            y_title=N_("row"),
            value_title=N_("surprise in nats"),
            low=0.0,
            high=max(float(each.max()), 1e-3),
            root=True,
        ),
    ]
    caption = N_("-log p of each place given all before it. They add up to that of the picture.")
    if not len(data.held_out):
        yield Panels(tuple(left), caption=caption)
        return
    yield None
    others = module.grid.tokens(data.held_out[:OTHERS])
    known = told(data.held_out_labels[:OTHERS], module.classes)
    if knobs.picture:  # which is not told its class, so neither are these
        known = open_labels(module, len(others))
    measured = yield from nats_of(module, others, known)
    sums = np.sort(measured.flatten(1).sum(1).numpy())
    ranks = np.arange(1, len(sums) + 1, dtype=np.float32)
    yield Panels(
        (
            *left,
            Curve(
                (
                    Line(N_("held-out, in order"), ranks, sums),
                    Line(N_("this picture"), ranks[[0, -1]], np.full(2, total, np.float32)),
                ),
                x_title=N_("picture"),
                y_title=N_("nats per picture"),
            ),
        ),
        across=3,
        weights=(0.8, 1.5, 1.2),
        caption=N_(
            "-log p of each place given all before it; they add up to that of the picture. "
            "{less} of {count} held-out pictures surprise it less; their mean is {mean:.1f} nats.",
            less=int((sums < total).sum()),
            count=len(sums),
            mean=float(sums.mean()),
        ),
    )


# --- views: row by row


@dataclass(frozen=True)
class PartsKnobs:
    """How many pictures."""

    count: int = knob(64, N_("Pictures"), low=1, high=512, live=True, help=N_("Of each kind."))


@torch.no_grad()
def parts(trained: Trained, knobs: PartsKnobs) -> Drawing:
    """In which rows pictures are hard to foresee, for training and for held-out pictures."""
    module, grid, data = trained.module, trained.module.grid, trained.data
    need_pictures(data)
    lines, bits = [], []
    for name, pixels, classes in (
        (N_("training"), data.train, data.train_labels),
        (N_("held-out"), data.held_out, data.held_out_labels),
    ):
        tokens = grid.tokens(pixels[: knobs.count])
        labels = told(classes[: knobs.count], module.classes)
        rows = per_row(grid, (yield from nats_of(module, tokens, labels)))
        lines.append(Line(name, middles(grid, 0), rows.astype(np.float32)))
        bits.append(float(rows.sum()) * grid.patch / math.log(2) / grid.dimensions)
    yield Curve(
        tuple(lines),
        x_title=N_("row"),
        y_title=N_("nats per row"),
        caption=N_(
            "Means of up to {count} pictures each. Bits per dimension: training {train:.3f}, "
            "held-out {held_out:.3f}. Where held-out is clearly above, it learns by heart.",
            count=knobs.count,
            train=bits[0],
            held_out=bits[1],
        ),
    )


# --- views: cost


BUDGET = 8.0  # seconds for computing anew
MARKS = 24  # measured lengths at most, evenly spread over the logarithm


def lengths(draws: int) -> list[int]:
    """Numbers of draws to measure at."""
    return sorted({round(each) for each in np.geomspace(1, draws, MARKS)})


def clocked(
    way: Generator[Drawn, None, Drawn], marks: Sequence[int], budget: float
) -> Generator[tuple[int, float] | None, None, None]:
    """Draw until `budget` seconds are spent; at each of `marks` yields it and the seconds so far.

    What the others do at the safe points does not count.
    """
    spent, wanted = 0.0, set(marks)
    while spent < budget:
        start = perf_counter()
        at = next(way, None)
        spent += perf_counter() - start
        if at is None:
            return
        yield (at.done, spent) if at.done in wanted else None


@torch.no_grad()
def cost(trained: Trained, knobs: NoKnobs) -> Drawing:
    """Seconds to draw so much of one picture, with what was computed kept and without."""
    module, grid = trained.module, trained.module.grid
    labels = labels_of(module, [1], OPEN)
    numbers = uniforms([1], grid.draws)
    marks = lengths(grid.draws)
    module(grid.inputs(torch.zeros(1, grid.channels, grid.rows, grid.columns).long()), labels)
    yield None  # the first time torch takes longer
    measured: list[list[tuple[int, float]]] = [[], []]
    ways = (
        generate(module, labels, numbers, DrawKnobs(temperature=1.0)),
        generate(
            module,
            labels,
            numbers,
            DrawKnobs(temperature=1.0),
            stepper=Recompute(module, labels, so_far=True),
        ),
    )
    for way, found, budget in zip(ways, measured, (math.inf, BUDGET), strict=True):
        for at in clocked(way, marks, budget):
            if at is None:
                yield None
            else:
                found.append(at)
                yield cost_curve(grid, *measured)


def cost_curve(
    grid: Grid, kept: Sequence[tuple[int, float]], anew: Sequence[tuple[int, float]]
) -> Curve:
    """Both measurements, (draws, seconds) each, as far as they have come."""
    caption = N_("One picture, measured now.")
    if anew:
        draws, seconds = anew[-1]
        times = seconds / max(dict(kept)[draws], 1e-9)
        caption = N_(
            "One picture of {draws} draws, measured now. For the first {measured} of them, keeping "
            "is {times:.0f} times as fast as computing all rows so far anew at each draw.",
            draws=grid.draws,
            measured=draws,
            times=times,
        )
    return Curve(
        tuple(
            Line(name, *np.array(found, np.float32).reshape(-1, 2).T)
            for name, found in (
                (N_("what was computed is kept"), kept),
                (N_("all is computed anew"), anew),
            )
            if found
        ),
        x_title=N_("draws"),
        y_title=N_("seconds"),
        log_x=True,
        log_y=True,
        caption=caption,
    )

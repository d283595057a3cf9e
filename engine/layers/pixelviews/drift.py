"""What becomes of a picture that the model goes on with by itself."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.images import Pixels
from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.layers.pictures import need_pictures
from engine.layers.pixelviews.shared import SeedKnobs, finished, middles, nats_of, per_row
from engine.layers.pixelwise import (
    DrawKnobs,
    Given,
    Grid,
    generate,
    told,
)
from engine.payloads import (
    Array,
    Curve,
    Images,
    Line,
    Panels,
)
from engine.phrases import N_
from engine.sampling import uniforms

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).

# --- views: drift


@dataclass(frozen=True)
class DriftKnobs(SeedKnobs):
    """Where the model takes over, and in how many pictures."""

    rows: int = knob(
        8,
        N_("Real rows"),
        low=1,
        high=1024,
        live=True,
        help=N_("So many rows from the top are real; the model draws the others."),
    )
    count: int = knob(
        32, N_("Pictures"), low=1, high=256, live=True, help=N_("The lines are their mean.")
    )


BAND = 4  # rows of points that are looked up in the training pictures
LOOKED_UP = 2000  # training pictures at most
TOGETHER = 16  # pictures drawn at once


def nearest_bands(
    pixels: Pixels, known: Pixels, top: int
) -> Generator[None, None, tuple[Array, Array]]:
    """How unlike all of `known` the rows of `pixels` are, a band of `BAND` rows at a time.

    pixels, known: (n, height, width, C). The first band begins at row `top`. Returns the bands'
    last rows, counted from `top` on as 1, and for each band of each of `pixels` the root mean
    square difference to the most similar of `known` at the same place, (n, bands) from 0 to 1.
    """
    height = pixels.shape[1]
    band = min(BAND, height - top)
    last, found = [], []
    for row in range(top, height - band + 1):
        mine, theirs = (
            torch.from_numpy(each[:, row : row + band].reshape(len(each), -1)).float() / 255
            for each in (pixels, known)
        )
        gaps = torch.cdist(mine, theirs).amin(1) / math.sqrt(mine.shape[1])
        last.append(row - top + band)
        found.append(gaps.numpy())
        yield None
    return np.array(last, np.float32), np.stack(found, 1)


def as_drawn(grid: Grid, pixels: Pixels) -> Generator[None, None, Pixels]:
    """Pictures (n, height, width, C) as the model gets them."""
    parts = [pixels[:0]]
    for start in range(0, len(pixels), TOGETHER):
        parts.append(grid.pixels(grid.tokens(pixels[start : start + TOGETHER])))
        yield None
    return np.concatenate(parts)


def judges(trained: Trained) -> list[Trained]:
    """Those of the companions that learned from the same pictures, cut into the same tokens."""
    data, grid = trained.data, trained.module.grid
    return [
        each
        for each in trained.companions.values()
        if (each.data.key, each.data.sha256) == (data.key, data.sha256) and each.module.grid == grid
    ]


class Continued(NamedTuple):
    """Pictures of which the rows of tokens from `first` on may be the model's own.

    real, own: (N, C, R, S) tokens. nats: of the real and of the own ones, (R,) for each, by the
    model itself and then by others, whose titles are `titles`. ends: (B,) last row of each band,
    and gaps: (B,) how unlike all training pictures it is, in the real and in the own ones.
    """

    first: int
    real: Tensor
    own: Tensor
    nats: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
    titles: Sequence[str]
    ends: Array
    gaps: Sequence[Array]


@torch.no_grad()
def drift(trained: Trained, knobs: DriftKnobs) -> Drawing:
    """Held-out pictures continued by the model: what it makes of that, row by row."""
    module, grid, data = trained.module, trained.module.grid, trained.data
    need_pictures(data)
    count = min(knobs.count, len(data.held_out))
    first = min(max(1, round(knobs.rows / grid.patch)), grid.rows - 1)
    known = yield from as_drawn(grid, data.train[:LOOKED_UP])
    real = grid.tokens(data.held_out[:count])
    classes = data.held_out_labels[:count]
    kept = torch.zeros(real.shape[1:], dtype=torch.bool)[None]
    kept[:, :, :first] = True
    seeds = range(knobs.seed, knobs.seed + count)
    asked = (trained, *judges(trained))
    own = real[:0]
    found: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in asked]
    gaps: tuple[list[Array], list[Array]] = ([], [])
    for start in range(0, count, TOGETHER):
        rows = slice(start, min(start + TOGETHER, count))
        labels = told(classes[rows], module.classes)
        given = Given(real[rows], kept.expand(rows.stop - start, -1, -1, -1))
        numbers = uniforms(seeds[rows], grid.draws)
        drawn = yield from finished(
            generate(module, labels, numbers, DrawKnobs(temperature=1.0), given)
        )
        own = torch.cat([own, drawn.tokens])
        for each, sums in zip(asked, found, strict=True):
            labels = told(classes[rows], each.module.classes)
            for tokens, kind in zip((real[rows], drawn.tokens), sums, strict=True):
                kind.append((yield from nats_of(each.module, tokens, labels)))
        for tokens, unlike in zip((real[rows], drawn.tokens), gaps, strict=True):
            pixels = grid.pixels(tokens)
            ends, each_gap = yield from nearest_bands(pixels, known, first * grid.patch)
            unlike.append(each_gap)
        lines = [(per_row(grid, torch.cat(a)), per_row(grid, torch.cat(b))) for a, b in found]
        titles = [str(each.model.title) for each in asked[1:]]
        means = [np.concatenate(each).mean(0) for each in gaps]
        yield drift_panels(
            grid, Continued(first, real[: rows.stop], own, lines, titles, ends, means)
        )


def drift_panels(grid: Grid, continued: Continued) -> Panels:
    """The curves, and some of the pictures."""
    first, real, own, found, titles, ends, gaps = continued
    x = middles(grid, first)
    real_nats, own_nats = (each[first:] for each in found[0])
    names = (N_("real"), N_("drawn by the model"))
    distance = N_("rows below the last real one")
    pictures = [grid.pixels(tokens[:SHOWN]) for tokens in (real, own)]
    panels: list[Curve | Images] = [
        Curve(
            (
                Line(names[0], x, real_nats.astype(np.float32)),
                Line(names[1], x, own_nats.astype(np.float32)),
            ),
            x_title=distance,
            y_title=N_("nats per row"),
            caption=N_(
                "-log p of each row given all above. Real rows: given real ones. Drawn rows: "
                "given what the model drew. In all: {real:.1f} and {own:.1f} nats.",
                real=float(real_nats.sum()) * grid.patch,
                own=float(own_nats.sum()) * grid.patch,
            ),
        ),
        Curve(
            tuple(Line(name, ends, each) for name, each in zip(names, gaps, strict=True)),
            x_title=distance,
            y_title=N_("difference to the nearest"),
            caption=N_(
                "Bands of {band} rows, each beside the most similar band of any training "
                "picture: the root mean square difference, from 0 to 1.",
                band=BAND,
            ),
        ),
    ]
    if titles:
        panels.append(
            Curve(
                tuple(
                    Line(title, x, (drawn - kept)[first:].astype(np.float32))
                    for title, (kept, drawn) in zip(titles, found[1:], strict=True)
                ),
                x_title=distance,
                y_title=N_("drawn minus real, nats per row"),
                caption=N_(
                    "The same pictures, judged by {models}: above zero, what was drawn is more "
                    "surprising than what is real.",
                    models=", ".join(titles),
                ),
            )
        )
    some = np.stack(pictures, 1)
    panels.append(
        Images(
            some.reshape(-1, *some.shape[2:]),
            title=N_("Real, and continued below row {row}", row=first * grid.patch),
            across=2 * math.ceil(math.sqrt(SHOWN) / 2),
        )
    )
    return Panels(
        tuple(panels),
        across=2 if titles else 3,
        weights=() if titles else (1.0, 1.0, 0.7),
        caption=N_(
            "Mean of {count} held-out pictures, real at the top and continued by the model. A gap "
            "from the first row on is what the model has not learned; where it widens, the "
            "model has come to where it never was while it learned.",
            count=len(real),
        ),
    )


SHOWN = 6  # pictures beside the curves

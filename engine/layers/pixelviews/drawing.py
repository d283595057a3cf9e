"""How a picture comes about, point by point, and how a part of one is filled in."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.layers.erasing import ErasedKnobs, filled_in, rubbed_out
from engine.layers.pixelviews.shared import OPEN, SeedKnobs, chosen, finished
from engine.layers.pixelwise import (
    DrawKnobs,
    Given,
    Grid,
    generate,
    labels_of,
)
from engine.payloads import (
    Raster,
)
from engine.phrases import N_
from engine.sampling import uniforms

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).

# --- views: drawing


@dataclass(frozen=True)
class DrawingKnobs(DrawKnobs, SeedKnobs):
    """One picture, and what a hand has put into it."""

    put: tuple[float, ...] = knob(
        (),
        N_("Put by hand"),
        live=True,
        advanced=True,
        help=N_("Number of a draw, token, number, token, …: set by choosing another value."),
    )


def puts(grid: Grid, values: Sequence[float]) -> dict[int, int]:
    """Token by number of the draw; pairs that do not exist in this grid are passed over."""
    pairs = zip(values[::2], values[1::2], strict=False)
    return {
        int(number): int(token)
        for number, token in pairs
        if 0 <= number < grid.draws and 0 <= token < grid.size
    }


def by_hand(grid: Grid, put: dict[int, int]) -> Given:
    """These tokens as given, (1, C, R, S)."""
    tokens = torch.zeros(grid.draws, dtype=torch.int64)
    mask = torch.zeros(grid.draws, dtype=torch.bool)
    for number, token in put.items():
        tokens[number], mask[number] = token, True
    return Given(in_place(grid, tokens), in_place(grid, mask))


def in_place(grid: Grid, draws: Tensor) -> Tensor:
    """(draws,) in their order to (1, C, R, S)."""
    return draws.reshape(1, grid.rows, grid.columns, grid.channels).permute(0, 3, 1, 2).contiguous()


# Quadrants by (top left, top right, bottom left, bottom right), read as a binary number.
QUADRANTS = tuple("░▗▖▄▝▐▞▟▘▚▌▙▀▜▛█")
GREYS = {
    2: (N_("black"), N_("white")),
    4: (N_("black"), N_("dark grey"), N_("light grey"), N_("white")),
}


def token_names(grid: Grid) -> tuple[str, ...]:
    """How tokens are called, or () where there are too many."""
    if grid.patch == 2 and grid.levels == 2:
        return QUADRANTS
    if grid.patch > 1 or grid.levels not in GREYS:
        return ()
    if grid.channels > 1:  # a channel that is off is not black
        return tuple(str(int(value)) for value in grid.palette()[:, 0, 0])
    return GREYS[grid.levels]


@torch.no_grad()
def drawing(trained: Trained, knobs: DrawingKnobs) -> Drawing:
    """One picture, draw by draw, with the distribution at each."""
    module, grid = trained.module, trained.module.grid
    put = puts(grid, knobs.put)
    labels = labels_of(module, [knobs.seed], knobs.label)
    numbers = uniforms([knobs.seed], grid.draws)
    way = generate(module, labels, numbers, knobs, by_hand(grid, put), keep=True)
    drawn = yield from finished(way)
    assert drawn.probabilities is not None
    yield Raster(
        drawn.tokens[0].permute(1, 2, 0).contiguous().numpy(),
        grid.palette(),
        drawn.probabilities[0],
        names=token_names(grid),
        turns="put",
        turned=tuple(part for pair in sorted(put.items()) for part in pair),
        start=max(put) + 1 if put else grid.draws // 2,
        caption=N_(
            "Play it, or go step by step. Choose another value at a place, and what follows is "
            "drawn anew with the same random numbers."
        ),
    )


# --- views: completion


@dataclass(frozen=True)
class CompletionKnobs(DrawKnobs, SeedKnobs, ErasedKnobs):
    """A picture, what is erased of it, and how it is filled in."""

    label: int = knob(
        OPEN,
        N_("Class"),
        low=OPEN,
        high=9999,
        live=True,
        help=N_("Tell the model what the picture shows; -2 does not, -1 tells each another."),
    )
    count: int = knob(8, N_("Completions"), low=1, high=32, live=True)


@torch.no_grad()
def completion(trained: Trained, knobs: CompletionKnobs) -> Drawing:
    """A picture to rub parts of out, and several ways in which the model fills them in."""
    module, grid = trained.module, trained.module.grid
    tokens = chosen(trained, knobs).tokens
    erased = rubbed_out(knobs.region, knobs.erased, grid.rows, grid.columns)
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    kept = torch.from_numpy(~erased).expand(1, grid.channels, -1, -1)
    found = tokens[:0]
    if erased.any():
        labels = labels_of(module, seeds, knobs.label)
        given = Given(tokens, kept)
        way = generate(module, labels, uniforms(seeds, grid.draws), knobs, given)
        found = (yield from finished(way)).tokens
    yield filled_in(
        grid.pixels(tokens),
        erased,
        grid.pixels(found),
        seeds,
        N_(
            "Each completion with its seed. The model goes row by row from the top and looks at "
            "nothing that comes later: what is kept below an erased place has no say in it."
        ),
        grid.patch,
    )

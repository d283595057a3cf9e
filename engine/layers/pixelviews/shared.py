"""What the views of pixel models share."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.family import Trained
from engine.knobs import knob
from engine.layers.erasing import OfPicture, real_picture
from engine.layers.pictures import MOST_SEED
from engine.layers.pixelwise import (
    Drawn,
    Grid,
    labels_of,
    nats,
    told,
)
from engine.payloads import (
    Array,
)
from engine.phrases import N_

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).

OPEN = -2  # the label that leaves the class open


class Chosen(NamedTuple):
    """tokens: (1, C, R, S); labels: (1,) its class as the network is told it."""

    tokens: Tensor
    labels: Tensor


def chosen(trained: Trained, knobs: OfPicture) -> Chosen:
    """The picture that `knobs` names; one's own has no class.

    Raises `PlaygroundError` where it cannot be read, or there are no held-out pictures.
    """
    data, module = trained.data, trained.module
    tokens = module.grid.tokens(real_picture(trained, knobs))
    if knobs.picture:
        return Chosen(tokens, open_labels(module, 1))
    rows = [knobs.number % len(data.held_out)]
    return Chosen(tokens, told(data.held_out_labels[rows], module.classes))


def open_labels(module: Any, count: int) -> Tensor:
    """(count,) labels that leave the class open."""
    return labels_of(module, range(count), OPEN)


def finished(way: Generator[Drawn, None, Drawn]) -> Generator[None, None, Drawn]:
    """Draw to the end, with a safe point at each draw."""
    while True:
        try:
            next(way)
        except StopIteration as stop:
            drawn: Drawn = stop.value
            return drawn
        yield None


PIECE = 2  # pictures between two safe points


def nats_of(module: Any, tokens: Tensor, labels: Tensor) -> Generator[None, None, Tensor]:
    """-log p of each draw, (N, C, R, S), with safe points."""
    parts = []
    for first in range(0, len(tokens), PIECE):
        rows = slice(first, first + PIECE)
        parts.append(nats(module, tokens[rows], labels[rows]))
        yield None
    return torch.cat(parts)


@dataclass(frozen=True)
class SeedKnobs:
    """The random numbers to draw with."""

    seed: int = knob(1, N_("Seed"), low=0, high=MOST_SEED, live=True)


def per_row(grid: Grid, found: Tensor) -> NDArray[np.float64]:
    """Nats of draws (N, C, R, S) to the mean nats of a row of points, (R,)."""
    rows: NDArray[np.float64] = found.double().sum((1, 3)).mean(0).numpy() / grid.patch
    return rows


def middles(grid: Grid, first: int) -> Array:
    """How many rows of points below the last real one each row of tokens from `first` on is."""
    return ((np.arange(grid.rows - first) + 0.5) * grid.patch + 0.5).astype(np.float32)

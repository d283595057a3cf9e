"""What a network of pixels can see: its masks, and what a place depends on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.images import Pixels
from engine.family import Drawing, Trained
from engine.knobs import NoKnobs, knob
from engine.layers.pixelviews.shared import open_labels
from engine.layers.pixelwise import (
    Mask,
)
from engine.payloads import (
    Handle,
    Heatmap,
    Heatmaps,
    Panels,
    Plane,
)
from engine.phrases import N_

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).

# --- views: masks


def reach_of(masks: Sequence[Mask]) -> tuple[int, int]:
    """How many rows up or down, and columns to either side, the largest of them goes."""
    down = max(max(m.centre[0], m.allowed.shape[2] - 1 - m.centre[0]) for m in masks)
    across = max(max(m.centre[1], m.allowed.shape[3] - 1 - m.centre[1]) for m in masks)
    return down, across


def mask_picture(mask: Mask, reach: tuple[int, int]) -> Heatmap:
    """A mask with the place of the present in the middle and `reach` places to all sides.

    With colours a block for each pair of channels: downwards those that are computed.
    """
    out, into, high, wide = mask.allowed.shape
    around = np.zeros((out, 2 * reach[0] + 1, into, 2 * reach[1] + 1), np.float32)
    top, left = reach[0] - mask.centre[0], reach[1] - mask.centre[1]
    around[:, top : top + high, :, left : left + wide] = mask.allowed.transpose(0, 2, 1, 3)
    down, across = ([f"{place:+d}" for place in range(-far, far + 1)] for far in reach)
    rows = [f"{COLOURS[group]} {row}" for group in range(out) for row in down]
    columns = [f"{COLOURS[group]} {column}" for group in range(into) for column in across]
    return Heatmap(
        around.reshape(len(rows), len(columns)),
        title=mask.title,
        x_title=N_("columns from the place"),
        y_title=N_("rows from the place"),
        value_title=N_("1: has weights, 0: none"),
        rows=tuple(rows if out > 1 else down),
        columns=tuple(columns if into > 1 else across),
        low=0.0,
        high=1.0,
    )


COLOURS = ("R", "G", "B")


@torch.no_grad()
def masks(trained: Trained, knobs: NoKnobs) -> Drawing:
    """Which places each layer may look at."""
    known = trained.module.masks()
    reach = reach_of(known)
    yield Heatmaps(
        tuple(mask_picture(mask, reach) for mask in known),
        across=math.ceil(math.sqrt(len(known))),
        caption=N_(
            "In the middle the place of the present. Bright: weights that are learned. A block for "
            "each pair of colours: downwards whose features are computed, across those it looks at."
        )
        if trained.module.grid.channels > 1
        else N_("In the middle the place of the present. Bright: weights that are learned."),
    )


# --- views: receptive field


@dataclass(frozen=True)
class FieldKnobs:
    """Which place."""

    across: float = knob(
        -1.0,
        N_("Across"),
        low=-1.0,
        high=1024.0,
        live=True,
        advanced=True,
        help=N_("Columns from the left; -1: the middle."),
    )
    up: float = knob(
        -1.0,
        N_("Up"),
        low=-1.0,
        high=1024.0,
        live=True,
        advanced=True,
        help=N_("Rows from the bottom; -1: the middle."),
    )


class Field(NamedTuple):
    """What the place (row, column) sees. strength: (R, S), how much each place counts, 0 or more.
    seen: (R, S) of bool."""

    row: int
    column: int
    strength: NDArray[np.float32]
    seen: NDArray[np.bool_]

    @property
    def earlier(self) -> NDArray[np.bool_]:
        """The places that come before it."""
        return before(self.row, self.column, *self.seen.shape)

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """The blind spot: not seen, though a place further up in the same column is."""
        seen_above = np.maximum.accumulate(self.seen, axis=0)
        return self.earlier & seen_above & ~self.seen


def before(row: int, column: int, rows: int, columns: int) -> NDArray[np.bool_]:
    """The places of (rows, columns) that come before (row, column)."""
    order = np.arange(rows * columns).reshape(rows, columns)
    return order < row * columns + column


REAL, RANDOM = 1, 7  # pictures that the influence is measured on
SCALE = 2.0**100  # of gradients in 32 bits, which hold numbers from 2^-149 to 2^128


def probes(trained: Trained, random: torch.Generator) -> tuple[Tensor, int]:
    """(N, C * P, R, S) inputs, and how many of them, the first ones, are real pictures.

    A rectified feature may be off in any one picture, and so hide what it looks at; with some
    that have nothing in common it is on in one of them.
    """
    grid = trained.module.grid
    shape = (RANDOM, grid.channels * grid.points, grid.rows, grid.columns)
    noise = torch.rand(shape, generator=random) * 2 - 1
    real = grid.inputs(grid.tokens(trained.data.held_out[:REAL]))
    return torch.cat([real, noise]), len(real)


def influence(module: Any, x: Tensor, row: int, column: int, random: torch.Generator) -> Tensor:
    """|d logits / d input| of the place (row, column), (N, R, S), summed over the input's channels.

    The logits are weighted at random, so that none cancels another. They are also scaled up, or
    what comes from far through a recurrent network would be rounded to nothing.
    """
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        # The rows below have no say in it and would only take time.
        logits = module(x[:, :, : row + 1], open_labels(module, len(x)))[..., row, column]
        weights = torch.randn(logits.shape, generator=random)  # N, C, V
        (gradient,) = torch.autograd.grad((logits * weights).sum() * SCALE, x)
    return gradient.double().abs().sum(1) / SCALE


def field_at(trained: Trained, row: int, column: int) -> Field:
    """What the logits of a place depend on, by gradient."""
    random = torch.Generator().manual_seed(0)
    x, real = probes(trained, random)
    found = influence(trained.module, x, row, column, random)
    strength = found[: real or len(found)].mean(0)
    return Field(row, column, strength.float().numpy(), (found.amax(0) > 0).numpy())


LATER, FAR, HERE = (0, 0, 0), (104, 100, 104), (255, 255, 255)
HIDDEN = (240, 128, 0)  # orange beside blue can be told apart by all
WEAK, STRONG = (26, 62, 98), (140, 215, 255)
DECADES = 4.0


def painted(field: Field) -> Pixels:
    """(R, S, 3): later places dark, the blind spot orange, what is seen blue by its strength."""
    pixels = np.full((*field.seen.shape, 3), LATER, np.uint8)
    pixels[field.earlier] = FAR
    pixels[field.hidden] = HIDDEN
    seen = field.seen & field.earlier
    top = max(float(field.strength[seen].max(initial=0.0)), 1e-30)
    logs = np.log10(np.maximum(field.strength / top, 1e-30))
    share = np.clip(1 + logs / DECADES, 0, 1)[..., None]
    blue = np.array(WEAK) * (1 - share) + np.array(STRONG) * share
    pixels[seen] = blue[seen].round().astype(np.uint8)
    pixels[field.row, field.column] = HERE
    return pixels


def field_plane(trained: Trained, field: Field, handles: tuple[Handle, ...]) -> Plane:
    """The field as a picture, with its counts."""
    rows, columns = field.seen.shape
    seen = field.seen & field.earlier
    return Plane(
        (0.0, float(columns), 0.0, float(rows)),
        title=N_(
            "{model}: sees {seen} of {earlier} earlier places; blind spot {hidden}",
            model=str(trained.model.title),
            seen=int(seen.sum()),
            earlier=int(field.earlier.sum()),
            hidden=int(field.hidden.sum()),
        ),
        x_title=N_("columns from the left"),
        y_title=N_("rows from the bottom"),
        picture=painted(field),
        handles=handles,
    )


def receptive_field(trained: Trained, knobs: FieldKnobs) -> Drawing:
    """What a place sees, for this model and for the others that have a run."""
    grid = trained.module.grid
    x = min(knobs.across, float(grid.columns)) if knobs.across >= 0 else grid.columns // 2 + 0.5
    y = min(knobs.up, float(grid.rows)) if knobs.up >= 0 else grid.rows // 2 + 0.5
    handle = Handle("", x, y, "across", "up")
    planes = []
    for each in (trained, *trained.companions.values()):
        other = each.module.grid
        same = (other.rows, other.columns) == (grid.rows, grid.columns)
        # In a picture of another size: the place at the same share of width and height.
        column = min(int(x / grid.columns * other.columns), other.columns - 1)
        row = min(int((1 - y / grid.rows) * other.rows), other.rows - 1)
        planes.append(field_plane(each, field_at(each, row, column), (handle,) if same else ()))
        yield None
    yield Panels(
        tuple(planes),
        caption=N_(
            "Drag the ring. White: the place that is to be guessed. Blue: what it sees, brighter "
            "where it counts more, measured by gradient. Orange: the blind spot, not seen though "
            "places above are. Grey: too far away. Dark: not drawn yet."
        ),
    )

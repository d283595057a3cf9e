"""Diagonal BiLSTM: a recurrent network that crosses a picture along its diagonals, both ways.

An LSTM goes from the top left to the bottom right. The state of a place comes from its left
neighbour and the one above it, so that it knows of everything above it and to its left. A
second one goes from the top right to the bottom left; its states are moved down by one row before
the two are added, or a place would know what comes after it:

    h(r, s) = left(r, s) + right(r - 1, s)

Together they know everything that comes before: there is no blind spot. To compute a whole
diagonal at once, each row of the map is moved one place further to the right than the one above
it (`skew`); the diagonals are then its columns, and state to state is a column-wise kernel of 2.

van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759 (section 3.2).
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData
from engine.family import Drawing, Model, Preset, Trained, View
from engine.knobs import NoKnobs
from engine.layers import pixelrnn, pixelwise
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.masked import present
from engine.layers.pictures import NEAREST
from engine.layers.pixelrnn import (
    Front,
    Gates,
    PixelRNN,
    PixelRNNKnobs,
    PixelRNNTrainKnobs,
    Tracker,
    pointwise,
    recur,
)
from engine.layers.pixelviews import VIEWS
from engine.layers.pixelwise import Mask, PixelSampleKnobs, classes_of, grid_of
from engine.phrases import N_

# Shapes: N pictures, R rows, S columns, D = R + S - 1 diagonals, W features, H hidden units.


@dataclass(frozen=True)
class NetKnobs(PixelRNNKnobs):
    """Size and shape; see `PixelRNNKnobs`."""


def skew(x: Tensor) -> Tensor:
    """(R, S, ...) to (D, R, ...): what stood at (r, s) stands at (r + s, r). Zeros elsewhere.

    >>> skew(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [2, 3],
            [0, 4]])
    """
    rows, columns = x.shape[:2]
    # With R zeros after each row, and read in rows one shorter, each begins one place later.
    padded = torch.cat([x, x.new_zeros(rows, rows, *x.shape[2:])], 1).flatten(0, 1)
    long = rows + columns - 1
    return padded[: rows * long].view(rows, long, *x.shape[2:]).transpose(0, 1)


def unskew(x: Tensor) -> Tensor:
    """The opposite of `skew`: (D, R, ...) to (R, S, ...)."""
    long, rows = x.shape[:2]
    flat = x.transpose(0, 1).flatten(0, 1)
    padded = torch.cat([flat, flat.new_zeros(rows, *x.shape[2:])])
    return padded.view(rows, long + 1, *x.shape[2:])[:, : long + 1 - rows]


@functools.cache
def diagonally(rows: int, columns: int) -> Front:
    """Diagonal by diagonal: the columns of the skewed map, without its empty corners.

    Only the numbers of the places are skewed here. The features follow them, in one copy.
    """
    places = torch.arange(rows * columns).view(rows, columns)
    inside = skew(torch.ones_like(places)) > 0  # D, R
    spans = [(int(d.nonzero()[0]), int(d.nonzero()[-1]) + 1) for d in inside]
    counted = inside.flatten().cumsum(0).view_as(inside) - 1
    return Front(skew(places)[inside], unskew(counted).flatten(), spans)


class DiagonalBiLSTM(nn.Module):
    """One layer: an LSTM for each of the two ways."""

    def __init__(self, features: int, hidden: int, groups: int, classes: int) -> None:
        super().__init__()
        self.groups = groups
        self.left = Gates(features, hidden, groups, classes, reads=1, hears=2)
        self.right = Gates(features, hidden, groups, classes, reads=1, hears=2)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(R, S, N, W) to the states (R, S, N, H)."""
        front = diagonally(*x.shape[:2])
        # Of the diagonal before, place r - 1 is the neighbour above, and place r the one beside.
        left = recur(self.left(x, labels), self.left.state, -1, front)
        mirrored = recur(self.right(x.flip(1), labels), self.right.state, -1, front)
        right = mirrored.flip(1)
        return left + F.pad(right[:-1], (0, 0, 0, 0, 0, 0, 1, 0))

    def tracker(self, labels: Tensor, columns: int) -> Tracker:
        """See `pixelrnn.Layer`."""
        return DiagonalTracker(self, labels, columns)

    def masks(self, number: int) -> tuple[Mask, ...]:
        """Input to state, and state to state of the two ways."""
        c = self.groups
        single = present(c, c, c, "B")[:, :, None, None]
        left = np.zeros((c, c, 2, 2), np.bool_)
        left[..., 0, 1] = left[..., 1, 0] = True
        return (
            Mask(N_("layer {number}: input, mask B", number=number), single, (0, 0)),
            Mask(N_("layer {number}: state, from the left", number=number), left, (1, 1)),
            Mask(
                N_("layer {number}: state, from the right, a row up", number=number),
                left[..., ::-1].copy(),
                (1, 0),
            ),
        )


class DiagonalTracker:
    """A layer place by place; the way from the right, once a row is whole."""

    def __init__(self, layer: DiagonalBiLSTM, labels: Tensor, columns: int) -> None:
        self.left, self.right = Way(layer.left, labels, columns), Way(layer.right, labels, columns)
        features = layer.left.input.weight.shape[1]
        self.columns, self.row = columns, -1
        self.x = layer.left.state.new_zeros(columns, len(labels), features)

    def __call__(self, row: int, column: int, x: Tensor) -> Tensor:
        """(N, H)."""
        if row != self.row:
            self._begin(row)
        self.x[column] = x
        z = torch.addmm(self.left.heard[column], x, self.left.input)
        h = self.left.go(column, z)
        return h + self.right.above[column] if row else h

    def _begin(self, row: int) -> None:
        """The row above is whole: the way from the right can go through it."""
        if row:
            inputs = self.x.flip(0) @ self.right.input
            self.right.begin()
            for column in range(self.columns):
                self.right.go(column, self.right.heard[column] + inputs[column])
            self.right.above = self.right.h[1:].flip(0)
        self.left.begin()
        self.row = row


class Way:
    """One of the two ways, row by row; the places of a row in the order of the way."""

    def __init__(self, gates: Gates, labels: Tensor, columns: int) -> None:
        count, hidden = len(labels), gates.hidden
        self.input = gates.input.masked.T.contiguous()
        self.up, self.beside = gates.state.clone().chunk(2)
        self.constant = gates.constant(labels)
        self.h = gates.state.new_zeros(columns + 1, count, hidden)  # the first is outside: zero
        self.c = torch.zeros_like(self.h)
        self.above = self.h[1:]

    def begin(self) -> None:
        """A new row below the last."""
        self.heard = self.h[1:] @ self.up + self.constant

    def go(self, column: int, z: Tensor) -> Tensor:
        """The state (N, H) of the next place of the row, but for its neighbour all being in z."""
        z = torch.addmm(z, self.h[column], self.beside)
        self.h[column + 1], self.c[column + 1] = pointwise(z, self.c[column])
        return self.h[column + 1]


class DiagonalNet(PixelRNN):
    """Diagonal BiLSTM layers between a masked convolution and the logits.

    A place's features hold what comes before it, so the last token of a row is in those of the
    place after it alone: the way from the right begins there, outside the picture.
    """

    margin = 1

    def __init__(self, net: NetKnobs, data: ImageData) -> None:
        classes = classes_of(net, data)
        layers = [
            DiagonalBiLSTM(2 * net.hidden, net.hidden, data.shape[2], classes)
            for _ in range(net.layers)
        ]
        super().__init__(grid_of(net, data), classes, net, layers)


def build(net: NetKnobs, data: ImageData) -> DiagonalNet:
    """A new network for the pictures of `data`."""
    return DiagonalNet(net, data)


def order(trained: Trained, knobs: NoKnobs) -> Drawing:
    """The diagonal of each place."""
    grid = trained.module.grid
    steps = np.indices((grid.rows, grid.columns)).sum(0)
    yield from pixelrnn.order(
        steps, N_("The way from the left; the other one is its mirror image.")
    )


MODEL = Model(
    key="diagonal-bilstm",
    title=N_("Diagonal BiLSTM"),
    summary=N_(
        "Crosses a picture along its diagonals, both ways, and misses nothing that came before."
    ),
    papers=("van den Oord et al. 2016",),
    accepts="images",
    data="digits",
    net=NetKnobs,
    train=PixelRNNTrainKnobs,
    sample=PixelSampleKnobs,
    watch=PixelSampleKnobs(),
    presets=(
        Preset(
            "default",
            N_("Black or white"),
            N_("Each point is drawn: digits that can be read within a minute or two."),
            NetKnobs(),
            PixelRNNTrainKnobs(),
        ),
        Preset(
            "patches",
            N_("Patches"),
            N_("Squares of 2x2 points are drawn at once: a quarter of the work."),
            NetKnobs(patch="2"),
            with_defaults(PixelRNNTrainKnobs, steps=0, seconds=60.0),
        ),
        Preset(
            "deeper",
            N_("Two layers"),
            N_("A second layer above the first, for ten minutes on one core."),
            NetKnobs(layers=2),
            with_defaults(PixelRNNTrainKnobs, steps=0, seconds=600.0),
        ),
    ),
    build=build,
    optimise=pixelwise.optimise,
    batch=pixelwise.batch,
    step=pixelwise.step,
    evaluate=pixelwise.evaluate,
    sampler=pixelwise.sampler,
    views=(
        View(
            "order",
            N_("Order of work"),
            N_("Which places are computed at the same time: a diagonal at once."),
            order,
        ),
        *VIEWS,
        NEAREST,
    ),
    check=pixelwise.check,
    units=pixelwise.units,
    health=(OVERFITTING, PLATEAU),
    film="drawing",
    aside=0.1,  # a wall that changes is what one watches
)

"""Row LSTM: a recurrent network that reads a picture row by row, from the top.

Each place has an LSTM, whose state goes down to the row below. It hears of the states of the
k nearest places of the row above (state to state), and of the places before it in its own row
(input to state, a masked convolution along the row):

    [o_r, f_r, i_r, g_r] = K_ss * h_{r-1} + K_is * x_r
    c_r = f_r c_{r-1} + i_r g_r,    h_r = o_r tanh(c_r)

A whole row is computed at once. What a place can know of the rows above widens by one column a
row: a triangle, which leaves out what stands above it and far to the side.

van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759 (section 3.1).
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.data.images import ImageData
from engine.family import Drawing, Model, Preset, Trained, View
from engine.knobs import NoKnobs, knob
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

# Shapes: N pictures, R rows, S columns, W features of a place, H hidden units.


@dataclass(frozen=True)
class NetKnobs(PixelRNNKnobs):
    """Size and shape; see `PixelRNNKnobs`."""

    kernel: str = knob(
        "3",
        N_("Kernel"),
        choices=("1", "3", "5"),
        advanced=True,
        help=N_("How many places of the row above a state hears of. 1: each column by itself."),
    )


@functools.cache
def downwards(rows: int, columns: int) -> Front:
    """Row by row: the places come as they are."""
    order = torch.arange(rows * columns)
    return Front(order, order, [(0, columns)] * rows)


class RowLSTM(nn.Module):
    """One layer."""

    def __init__(self, features: int, hidden: int, kernel: int, groups: int, classes: int) -> None:
        super().__init__()
        self.reach, self.groups = kernel // 2, groups
        self.gates = Gates(features, hidden, groups, classes, self.reach + 1, kernel)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(R, S, N, W) to the states (R, S, N, H)."""
        front = downwards(*x.shape[:2])
        return recur(self.gates(x, labels), self.gates.state, -self.reach, front)

    def tracker(self, labels: Tensor, columns: int) -> Tracker:
        """See `pixelrnn.Layer`."""
        return RowTracker(self.gates, labels, columns)

    def masks(self, number: int) -> tuple[Mask, ...]:
        """Input to state, and state to state."""
        c, k = self.groups, 2 * self.reach + 1
        row = np.zeros((c, c, 1, k), np.bool_)
        row[..., : self.reach] = True
        row[..., 0, self.reach] = present(c, c, c, "B")
        above = np.zeros((c, c, 2, k), np.bool_)
        above[..., 0, :] = True
        return (
            Mask(N_("layer {number}: input, mask B", number=number), row, (0, self.reach)),
            Mask(N_("layer {number}: state above", number=number), above, (1, self.reach)),
        )


class RowTracker:
    """A layer place by place: what comes from the row above, once for the row."""

    def __init__(self, gates: Gates, labels: Tensor, columns: int) -> None:
        count, hidden, reads = len(labels), gates.hidden, gates.reads
        weight = gates.input.masked
        self.reads, self.columns = reads, columns
        self.reach = gates.hears // 2
        self.input = weight.T.contiguous()  # reads * W, 4 H
        self.state = gates.state.clone()  # k * H, 4 H
        self.constant = gates.constant(labels)
        features = weight.shape[1] // reads
        self.row = -1
        # One place more on each side: what is outside is zero.
        self.x = weight.new_zeros(columns + reads - 1, count, features)
        self.h = weight.new_zeros(columns + 2 * self.reach, count, hidden)
        self.c = weight.new_zeros(columns, count, hidden)
        self.above = self.c

    def __call__(self, row: int, column: int, x: Tensor) -> Tensor:
        """(N, H)."""
        if row != self.row:
            self._begin(row)
        self.x[column + self.reads - 1] = x
        read = self.x[column : column + self.reads].transpose(0, 1).flatten(1)
        z = torch.addmm(self.told[column], read, self.input)
        h, self.c[column] = pointwise(z, self.above[column])
        self.h[column + self.reach] = h
        return h

    def _begin(self, row: int) -> None:
        """The row above is whole."""
        taps = [self.h[k : k + self.columns] for k in range(2 * self.reach + 1)]
        self.told = torch.cat(taps, -1) @ self.state + self.constant
        self.above, self.c = self.c, torch.zeros_like(self.c)
        self.row = row


class RowNet(PixelRNN):
    """Row LSTM layers between a masked convolution and the logits."""

    def __init__(self, net: NetKnobs, data: ImageData) -> None:
        classes = classes_of(net, data)
        layers = [
            RowLSTM(2 * net.hidden, net.hidden, int(net.kernel), data.shape[2], classes)
            for _ in range(net.layers)
        ]
        super().__init__(grid_of(net, data), classes, net, layers)


def build(net: NetKnobs, data: ImageData) -> RowNet:
    """A new network for the pictures of `data`."""
    return RowNet(net, data)


def order(trained: Trained, knobs: NoKnobs) -> Drawing:
    """The row of each place."""
    grid = trained.module.grid
    steps = np.indices((grid.rows, grid.columns))[0]
    yield from pixelrnn.order(steps, N_("Both the network and the picture go from the top down."))


MODEL = Model(
    key="row-lstm",
    title=N_("Row LSTM"),
    summary=N_("Reads a picture row by row; each state hears of those just above it."),
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
            N_("Which places are computed at the same time: a row at once."),
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

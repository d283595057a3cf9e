"""What the two PixelRNNs share: an LSTM whose state moves over a picture as a front.

The front is a line of places p that moves on by steps t: the rows of a picture from top to
bottom, or its diagonals. Each place hears of a few places of the front one step before, k of
them beginning at p + first:

    [g, i, f, o]_t(p) = x_t(p) + sum_k W_k h_{t-1}(p + first + k)
    c_t(p) = sigmoid(f) * c_{t-1}(p) + sigmoid(i) * tanh(g)
    h_t(p) = sigmoid(o) * tanh(c_t(p))

x, what comes from the picture itself, is known for all places before the front starts, so a
step is a few products of matrices over the whole front.

van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759 (section 3, eq. 3).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.family import Drawing
from engine.knobs import knob
from engine.layers.masked import MaskedConv2d, present
from engine.layers.pixelwise import Grid, Inputs, Mask, PixelNetKnobs, PixelTrainKnobs, Places
from engine.payloads import Heatmap
from engine.phrases import N_

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens, P points
# in a token; W features of a place, H hidden units. Here the places come first: (R, S, N, W).

KERNEL = 7  # of the first layer
REACH = KERNEL // 2


@dataclass(frozen=True)
class PixelRNNKnobs(PixelNetKnobs):
    """Size and shape of a PixelRNN."""

    hidden: int = knob(
        32,
        N_("Hidden units"),
        low=4,
        high=128,
        help=N_("Numbers in the state of a place. Between the layers there are twice as many."),
    )
    layers: int = knob(
        1, N_("LSTM layers"), low=1, high=8, help=N_("Each adds to what the ones before found.")
    )
    dropout: float = knob(
        0.0,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("The share of values that is left out at random while training."),
    )


@dataclass(frozen=True)
class PixelRNNTrainKnobs(PixelTrainKnobs):
    """How a PixelRNN is trained: in few steps, each of which is long."""

    steps: int = knob(
        1000,
        N_("Plan"),
        low=0,
        high=10_000_000,
        unit=N_("steps"),
        help=N_("The learning rate falls towards the end of the plan. 0 plans by time, or not."),
    )
    learning_rate: float = knob(
        0.02,
        N_("Learning rate"),
        low=1e-6,
        high=1.0,
        log=True,
        live=True,
        help=N_("How far each step goes. Too high and the loss jumps, too low and it crawls."),
    )


# --- the recurrence


class Front(NamedTuple):
    """How a front crosses a map of M places.

    order: (M,) the places, step by step, in a step by their place in the front. back: (M,) where
    each place stands in that order. spans: for each step, from where to where the front lies in
    the map; what does not is zero.
    """

    order: Tensor
    back: Tensor
    spans: Sequence[tuple[int, int]]

    def steps(self, *tensors: Tensor) -> list[tuple[Any, ...]]:
        """For each step its span, and its part of each of the tensors (M, ...) in this order."""
        sizes = [high - low for low, high in self.spans]
        parts = (torch.split(tensor, sizes) for tensor in tensors)
        return list(zip(self.spans, *parts, strict=True))


class _Recur(torch.autograd.Function):
    """The equations above, and their gradient.

    By hand, because 55 diagonals of a dozen small operations keep autograd busier than the
    numbers do. What ends in _t is a step's part of a tensor of all steps.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, first: int, front: Front) -> Tensor:
        count, four = x.shape[1:]
        hidden, hears = four // 4, len(weight) // (four // 4)
        places = max(high for _low, high in front.spans)
        z = x.index_select(0, front.order)
        heard = z.new_empty(len(z), count, hears * hidden)
        h, c_before = (z.new_empty(len(z), count, hidden) for _ in range(2))
        # The newest states. With zeros on both sides, place p hears of p to p + hears - 1.
        newest = z.new_zeros(places + hears - 1, count, hidden)
        c = z.new_zeros(places, count, hidden)
        for (low, high), z_t, heard_t, h_t, before_t in front.steps(z, heard, h, c_before):
            torch.cat([newest[low + k : high + k] for k in range(hears)], -1, out=heard_t)
            _flat(z_t).addmm_(_flat(heard_t), weight)
            z_t[..., :hidden].tanh_()
            z_t[..., hidden:].sigmoid_()
            g, i, f, o = z_t.chunk(4, -1)
            c_t = c[low:high]
            before_t.copy_(c_t)
            c_t *= f
            c_t += i * g
            torch.mul(o, c_t.tanh(), out=h_t)
            newest[low - first : high - first] = h_t
        ctx.save_for_backward(z, heard, c_before, weight)
        ctx.first, ctx.front = first, front
        return h.index_select(0, front.back)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, heard, c_before, weight = ctx.saved_tensors
        first, front = ctx.first, ctx.front
        count, hidden = c_before.shape[1:]
        hears, places = len(weight) // hidden, max(high for _low, high in front.spans)
        dz = torch.empty_like(z)
        dh = grad.index_select(0, front.order)
        # From the step after: of the states, with room on both sides as above, and of the cells.
        later = z.new_zeros(places + hears - 1, count, hidden)
        dc = z.new_zeros(places, count, hidden)
        for (low, high), z_t, dz_t, dh_t, before_t in front.steps(z, dz, dh, c_before)[::-1]:
            g, i, f, o = z_t.chunk(4, -1)
            dg, di, df, do = dz_t.chunk(4, -1)
            bent = torch.addcmul(i * g, f, before_t).tanh_()
            dh_t += later[low - first : high - first]
            dc_t = dc[low:high]
            dc_t += tanh_backward(dh_t * o, bent)
            sigmoid_backward(dh_t * bent, o, grad_input=do)
            tanh_backward(dc_t * i, g, grad_input=dg)
            sigmoid_backward(dc_t * g, i, grad_input=di)
            sigmoid_backward(dc_t * before_t, f, grad_input=df)
            dc_t *= f
            later.zero_()
            for k, part in enumerate((dz_t @ weight.T).chunk(hears, -1)):
                later[low + k : high + k] += part
        return dz.index_select(0, front.back), _flat(heard).T @ _flat(dz), None, None


sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
"""Gradient times slope, the slope being known from what the function gave."""


def _flat(x: Tensor) -> Tensor:
    """All but the last dimension as one."""
    return x.view(-1, x.shape[-1])


def recur(x: Tensor, weight: Tensor, first: int, front: Front) -> Tensor:
    """The states h of all places, (R, S, N, H).

    x: (R, S, N, 4 H), for g, i, f and o in this order. weight: (k H, 4 H), of the places p + first
    to p + first + k - 1 of the front one step before (first at most 0, the last at least p).
    """
    rows, columns, count, four = x.shape
    places = x.reshape(rows * columns, count, four)
    states: Tensor = _Recur.apply(places, weight, first, front)  # type: ignore[no-untyped-call]
    return states.view(rows, columns, count, four // 4)


def pointwise(z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c of one step, from z (..., 4 H) and the c (..., H) before."""
    hidden = c.shape[-1]
    g = z[..., :hidden].tanh()
    i, f, o = z[..., hidden:].sigmoid().chunk(3, -1)
    c = torch.addcmul(i * g, f, c)
    return o * c.tanh(), c


# --- the pieces of the network


class MaskedLinear(nn.Module):
    """A linear map of the features of a place (a convolution of 1x1) through a mask."""

    mask: Tensor

    def __init__(self, allowed: NDArray[np.bool_]) -> None:
        """allowed: (out, into)."""
        super().__init__()
        out, into = allowed.shape
        bound = 1 / math.sqrt(into)
        self.weight = nn.Parameter(torch.empty(out, into).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out))
        mask = torch.from_numpy(allowed.astype(np.float32))
        self.register_buffer("mask", mask, persistent=False)

    @property
    def masked(self) -> Tensor:
        """(out, into)."""
        return self.weight * self.mask

    def by_hand(self) -> tuple[Tensor, Tensor]:
        """Copies of the bias (out,) and of the masked weights (into, out), for `torch.addmm`."""
        return self.bias.clone(), self.masked.T.contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """(..., into) to (..., out)."""
        return F.linear(x, self.masked, self.bias)


class Tracker(Protocol):
    """A layer, place by place."""

    def __call__(self, row: int, column: int, x: Tensor) -> Tensor:
        """The state of a place (N, H), from its features x (N, W).

        Places are asked for in order. One may be asked for several times in a row, with features
        that are right in one more channel each time; at the last time they are right.
        """


class Gates(nn.Module):
    """An LSTM layer: what comes to the four gates from the picture, the front and the class."""

    def __init__(
        self, features: int, hidden: int, groups: int, classes: int, reads: int, hears: int
    ) -> None:
        """reads: places of the row that the input comes from, the last of them the present one.
        hears: places of the front one step before that the state comes from."""
        super().__init__()
        now = present(hidden, features, groups, "B")
        earlier = [np.ones_like(now)] * (reads - 1)
        self.input = MaskedLinear(np.tile(np.concatenate([*earlier, now], 1), (4, 1)))
        bound = 1 / math.sqrt(hears * hidden)
        self.state = nn.Parameter(torch.empty(hears * hidden, 4 * hidden).uniform_(-bound, bound))
        self.label = nn.Embedding(classes + 1, 4 * hidden) if classes else None
        self.hidden, self.reads, self.hears = hidden, reads, hears
        with torch.no_grad():
            self.input.bias[2 * hidden : 3 * hidden] = 1.0  # it forgets little at first
        if self.label is not None:
            nn.init.zeros_(self.label.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """What the gates get but from the front: (R, S, N, W) and (N,) to (R, S, N, 4 H)."""
        columns = x.shape[1]
        padded = F.pad(x, (0, 0, 0, 0, self.reads - 1, 0))
        taps = [padded[:, k : k + columns] for k in range(self.reads)]
        gates: Tensor = self.input(torch.cat(taps, -1))
        return gates if self.label is None else gates + self.label(labels)

    def constant(self, labels: Tensor) -> Tensor:
        """What the gates get whatever the picture, (N, 4 H); a copy."""
        bias = self.input.bias.repeat(len(labels), 1)
        return bias if self.label is None else bias + self.label(labels)


class Layer(Protocol):
    """A layer of LSTMs with a way over the picture."""

    def __call__(self, x: Tensor, labels: Tensor) -> Tensor:
        """(R, S, N, W) to the states (R, S, N, H)."""

    def tracker(self, labels: Tensor, columns: int) -> Tracker:
        """For N pictures of these classes (N,)."""

    def masks(self, number: int) -> tuple[Mask, ...]:
        """Of this layer, which is the `number`-th."""


class Residual(nn.Module):
    """x + up(states of x): what a layer adds to the features."""

    layer: Layer

    def __init__(self, layer: Layer, features: int, hidden: int, groups: int) -> None:
        super().__init__()
        self.layer = layer
        self.up = MaskedLinear(present(features, hidden, groups, "B"))

    def forward(self, x: Tensor, labels: Tensor, dropout: float) -> Tensor:
        """(R, S, N, W) to the same shape."""
        states = F.dropout(self.layer(x, labels), dropout, self.training)
        added: Tensor = self.up(states)
        return x + added


class PixelRNN(nn.Module):
    """A masked convolution of 7x7, residual LSTM layers, and two masked maps to the logits.

    margin: columns of the map to the right of the picture.
    """

    margin = 0

    def __init__(
        self, grid: Grid, classes: int, net: PixelRNNKnobs, layers: Sequence[Layer]
    ) -> None:
        super().__init__()
        self.grid, self.classes, self.dropout = grid, classes, net.dropout
        groups, features = grid.channels, 2 * net.hidden
        into = groups * grid.points
        self.enter = MaskedConv2d(into, features, REACH, REACH, REACH, "A", groups)
        self.places = Places(features, grid) if net.places else None
        self.residuals = nn.ModuleList(
            Residual(layer, features, net.hidden, groups) for layer in layers
        )
        self.join = MaskedLinear(present(features, features, groups, "B"))
        self.leave = MaskedLinear(present(groups * grid.size, features, groups, "B"))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, C * P, R, S) in [-1, 1] and (N,) to logits (N, C, V, R, S)."""
        # The convolution as a product, which leaves the places first at no cost.
        padded = F.pad(x, (REACH, REACH + self.margin, REACH, 0))
        around = F.unfold(padded, (REACH + 1, KERNEL)).permute(2, 0, 1)  # R S, N, 28 C P
        weight = self.enter.masked().flatten(1)
        features = F.linear(around, weight, self.enter.bias)
        features = features.view(x.shape[2], -1, *features.shape[1:])
        if self.places is not None:
            of_place = self.places(x.shape[2]).permute(1, 2, 0)  # R, S, W
            features = features + F.pad(of_place, (0, 0, 0, self.margin))[:, :, None]
        for block in self.blocks:
            features = block(features, labels, self.dropout)
        features = features[:, : x.shape[3]]
        logits = self.leave(self.join(features.relu()).relu())
        placed: Tensor = logits.unflatten(3, (self.grid.channels, self.grid.size))
        return placed.permute(2, 3, 4, 0, 1)

    @property
    def blocks(self) -> list[Residual]:
        """The LSTM layers, from the first to the last."""
        return cast(list[Residual], list(self.residuals))

    def stepper(self, labels: Tensor) -> "RNNStepper":
        """For N pictures of these classes (N,)."""
        return RNNStepper(self, labels)

    def masks(self) -> tuple[Mask, ...]:
        """Of the first convolution, of each LSTM layer, and of the output."""
        groups = self.grid.channels
        single = present(groups, groups, groups, "B")[:, :, None, None]
        return (
            self.enter.shown(N_("first layer: mask A")),
            *(
                mask
                for number, block in enumerate(self.blocks, 1)
                for mask in block.layer.masks(number)
            ),
            Mask(N_("output: mask B"), single, (0, 0)),
        )


class RNNStepper:
    """One draw at a time: only what is new is computed; see `pixelwise.Stepper`.

    It has copies of the weights, so that a picture is drawn by one network while it learns.
    """

    @torch.no_grad()
    def __init__(self, net: PixelRNN, labels: Tensor) -> None:
        grid = net.grid
        self.grid, self.margin = grid, net.margin
        self.inputs = Inputs(net)
        weight = net.enter.masked()
        self.enter = (net.enter.bias.clone(), weight.flatten(1).T.contiguous())
        columns = grid.columns + net.margin
        self.places = None
        if net.places is not None:
            of_place = net.places(grid.rows).permute(1, 2, 0)
            self.places = F.pad(of_place, (0, 0, 0, net.margin)).clone()
        self.blocks = [
            (block.layer.tracker(labels, columns), *block.up.by_hand()) for block in net.blocks
        ]
        self.join = net.join.by_hand()
        bias, leave = net.leave.by_hand()
        channels = grid.channels
        self.leave = list(zip(bias.chunk(channels), leave.chunk(channels, 1), strict=True))
        # What the network sees of the pictures so far, with what the kernel finds outside them.
        size = (grid.rows + REACH, columns + 2 * REACH)
        self.seen = weight.new_zeros(len(labels), weight.shape[1], *size)

    @torch.no_grad()
    def __call__(self, row: int, column: int, channel: int, tokens: Tensor) -> Tensor:
        """(N, V)."""
        if channel:
            self._see(row, column, tokens)
        elif column:
            self._see(row, column - 1, tokens)
        elif row:
            self._see(row - 1, self.grid.columns - 1, tokens)
            for outside in range(self.grid.columns, self.grid.columns + self.margin):
                self._features(row - 1, outside)
        bias, weight = self.join
        joined = torch.addmm(bias, self._features(row, column).relu_(), weight).relu_()
        bias, weight = self.leave[channel]
        return torch.addmm(bias, joined, weight)

    def _see(self, row: int, column: int, tokens: Tensor) -> None:
        """Take in a place; of its later channels nothing is made yet."""
        self.seen[:, :, row + REACH, column + REACH] = self.inputs.at(row, column, tokens)

    def _features(self, row: int, column: int) -> Tensor:
        """Of a place, (N, W)."""
        around = self.seen[:, :, row : row + REACH + 1, column : column + KERNEL]
        bias, weight = self.enter
        features = torch.addmm(bias, around.flatten(1), weight)
        if self.places is not None:
            features += self.places[row, column]
        for tracker, bias, weight in self.blocks:
            features += torch.addmm(bias, tracker(row, column, features), weight)
        return features


# --- views


def order(steps: NDArray[np.int64], caption: str) -> Drawing:
    """At which step of the front each place is computed, (R, S)."""
    yield Heatmap(
        steps.astype(np.float32),
        title=N_(
            "{count} steps for {places} places", count=int(steps.max()) + 1, places=steps.size
        ),
        x_title=N_("column"),
        y_title=N_("row"),
        value_title=N_("step"),
        caption=caption,
    )

"""Gated PixelCNN: two stacks of convolutions, so that there is no blind spot.

The vertical stack sees all rows above and nothing of the present one; the horizontal stack sees
what stands before in the present row, and at every layer hears what the vertical one found:

    v_l = v_{l-1} + gate(z)                         z = W_v * v_{l-1}
    h_l = h_{l-1} + W_1 gate(W_h * h_{l-1} + W_vh z)
    gate(a, b) = tanh(a) sigmoid(b),                with terms for the class in a and b

A vertical kernel may look to the right, since those rows are finished. So within reach
everything above is seen, and the blind spot of the plain PixelCNN is gone. (The paper's
vertical stack has no "v_{l-1} +"; with it the network learns sooner.)

van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328
(eqs. 2 and 3, figure 2).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData
from engine.family import Model, Preset
from engine.knobs import knob
from engine.layers import pixelwise
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.masked import MaskedConv2d, Product, Remembered
from engine.layers.pictures import NEAREST
from engine.layers.pixelviews import VIEWS
from engine.layers.pixelwise import (
    Grid,
    Mask,
    PixelCNNKnobs,
    PixelCNNTrainKnobs,
    PixelSampleKnobs,
    Places,
    classes_of,
    grid_of,
)
from engine.phrases import N_

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token.


@dataclass(frozen=True)
class NetKnobs(PixelCNNKnobs):
    """Size and shape of the network."""

    width: int = knob(
        32,
        N_("Features"),
        low=8,
        high=256,
        help=N_("At each place of each stack, shared out among the channels."),
    )
    depth: int = knob(
        3,
        N_("Layers"),
        low=1,
        high=16,
        help=N_("Of each stack, besides the first. Each sees one row and one column further."),
    )


def gate(x: Tensor, dim: int = 1) -> Tensor:
    """tanh of the first half times the sigmoid of the second."""
    a, b = x.chunk(2, dim)
    return a.tanh() * b.sigmoid()


class Layer(nn.Module):
    """A layer of both stacks. first: it sees the picture."""

    def __init__(self, net: NetKnobs, grid: Grid, classes: int, first: bool) -> None:
        super().__init__()
        wide, channels, self.first = net.width, grid.channels, first
        # Rows above and columns aside that it reaches.
        into, reach = (channels * grid.points, net.kernel) if first else (wide, 1)
        self.places = Places(2 * wide, grid) if first and net.places else None
        self.down = MaskedConv2d(
            into, 2 * wide, reach, reach, reach, "above" if first else "row", channels
        )
        self.across = MaskedConv2d(
            into, 2 * wide, 0, reach, 0, "A" if first else "B", channels, parts=2
        )
        self.link = nn.Conv2d(2 * wide, 2 * wide, 1)
        self.leave = MaskedConv2d(wide, wide, groups=channels)
        self.label = nn.Embedding(classes + 1, 4 * wide)  # of both stacks
        self.dropout = nn.Dropout2d(net.dropout)  # of whole maps: quick to draw
        nn.init.zeros_(self.label.weight)

    def forward(self, v: Tensor, h: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Both stacks, (N, into, R, S) each; labels: (N,)."""
        told_v, told_h = self.label(labels)[:, :, None, None].chunk(2, dim=1)
        down = self.down(v)
        if self.places is not None:
            down = down + self.places(v.shape[2])
        across = self.across(h) + self.link(down) + told_h
        added = self.leave(self.dropout(gate(across)))
        below = gate(down + told_v)
        return (below, added) if self.first else (v + below, h + added)


class GatedPixelCNN(nn.Module):
    """(N, C * P, R, S) in [-1, 1] and classes to logits (N, C, V, R, S)."""

    def __init__(self, net: NetKnobs, data: ImageData) -> None:
        super().__init__()
        self.grid: Grid = grid_of(net, data)
        self.classes = classes_of(net, data)
        wide, channels = net.width, self.grid.channels
        self.layers = nn.ModuleList(
            Layer(net, self.grid, self.classes, first=number == 0)
            for number in range(net.depth + 1)
        )
        self.join = MaskedConv2d(wide, 2 * wide, groups=channels)
        self.leave = MaskedConv2d(2 * wide, channels * self.grid.size, groups=channels)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """x: (N, C * P, R, S); labels: (N,), `classes` for none."""
        v = h = x.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            v, h = layer(v, h, labels)
        y = self.leave(F.relu(self.join(F.relu(h))))
        logits: Tensor = y.unflatten(1, (self.grid.channels, self.grid.size))
        return logits

    def stepper(self, labels: Tensor) -> "Cached":
        """Logits draw by draw, with the features of earlier places kept."""
        return Cached(self, labels)

    def masks(self) -> tuple[Mask, ...]:
        """From the first layer to the last."""
        found: list[Mask] = []
        layers: Any = self.layers
        for number, layer in enumerate(layers):
            found.append(layer.down.shown(N_("layer {number}, vertical", number=number + 1)))
            title = (
                N_("layer {number}, horizontal, mask {kind}", number=number + 1, kind="A")
                if layer.first
                else N_("layer {number}, horizontal, mask {kind}", number=number + 1, kind="B")
            )
            found.append(layer.across.shown(title))
        return (*found, self.join.shown(N_("last layers, mask B")))


class Cached:
    """A stepper: the vertical stack goes a row at a time, the horizontal one place by place."""

    def __init__(self, module: Any, labels: Tensor) -> None:
        grid = self._grid = module.grid
        size = len(labels), grid.rows, grid.columns
        self._inputs = pixelwise.Inputs(module)
        self._layers = [CachedLayer(layer, labels, size) for layer in module.layers]
        self._join, self._leave = Product(module.join), Product(module.leave)

    def __call__(self, row: int, column: int, channel: int, tokens: Tensor) -> Tensor:
        """(N, V)."""
        if channel == 0 and column == 0:
            self._begin(row, tokens)
        first = self._layers[0]
        if channel == 0 and column > 0:
            first.across.write(row, column - 1, self._inputs.at(row, column - 1, tokens))
        elif channel > 0:
            first.across.write(row, column, self._inputs.at(row, column, tokens))
        h = first.at(row, column)
        for layer in self._layers[1:]:
            layer.across.write(row, column, h)
            h = h + layer.at(row, column)
        logits = self._leave(F.relu(self._join(F.relu(h))))
        size = self._grid.size
        return logits[:, channel * size : (channel + 1) * size]

    def _begin(self, row: int, tokens: Tensor) -> None:
        if row > 0:
            self._layers[0].down.write_row(row - 1, self._inputs.row(row - 1, tokens))
        v = None
        for layer in self._layers:
            if v is not None:
                layer.down.write_row(row, v)
            below = layer.begin(row)
            v = below if v is None else v + below


class CachedLayer:
    """What is kept of a layer."""

    def __init__(self, layer: Any, labels: Tensor, size: tuple[int, int, int]) -> None:
        self.down, self.across = Remembered(layer.down, *size), Remembered(layer.across, *size)
        self._link = layer.link.weight.detach()[:, :, 0, 0].clone()
        self._link_bias = layer.link.bias.detach().clone()
        self._leave = Product(layer.leave)
        self._told_v, self._told_h = layer.label(labels).detach().clone()[:, None].chunk(2, dim=2)
        self._places = None
        if layer.places is not None:
            self._places = layer.places(size[1]).detach().permute(1, 2, 0)  # R, S, features
        self._above = torch.empty(0)

    def begin(self, row: int) -> Tensor:
        """The vertical stack's row, (N, S, wide); what it tells the other stack is kept."""
        down = self.down.row(row)
        if self._places is not None:
            down = down + self._places[row]
        told = F.linear(down, self._link, self._link_bias) + self._told_h
        self._above = told.transpose(0, 1).contiguous()
        return gate(down + self._told_v, 2)

    def at(self, row: int, column: int) -> Tensor:
        """What the layer adds to the horizontal stack at a place, (N, wide)."""
        return self._leave(gate(self.across.at(row, column) + self._above[column]))


def build(net: NetKnobs, data: ImageData) -> GatedPixelCNN:
    """A new network for pictures of the shape of `data`."""
    return GatedPixelCNN(net, data)


MODEL = Model(
    key="gated-pixelcnn",
    title=N_("Gated PixelCNN"),
    summary=N_("Two stacks of convolutions, one for the rows above: there is no blind spot."),
    papers=("van den Oord et al. 2016 (Conditional PixelCNN)",),
    accepts="images",
    data="digits",
    net=NetKnobs,
    train=PixelCNNTrainKnobs,
    sample=PixelSampleKnobs,
    watch=PixelSampleKnobs(),
    presets=(
        Preset(
            "default",
            N_("Black or white"),
            N_("Each point is drawn: digits that can be read within a minute."),
            NetKnobs(),
            PixelCNNTrainKnobs(),
        ),
        Preset(
            "minute",
            N_("One minute"),
            N_("The same network, scheduled for a minute on one core."),
            NetKnobs(),
            with_defaults(PixelCNNTrainKnobs, steps=0, seconds=60.0),
        ),
        Preset(
            "patches",
            N_("Patches"),
            N_("Squares of 2x2 points are drawn at once: a quarter of the work."),
            NetKnobs(patch="2", depth=4, kernel=3),
            with_defaults(PixelCNNTrainKnobs, steps=0, seconds=60.0),
        ),
        Preset(
            "shades",
            N_("256 shades"),
            N_("Every value is told apart, as for photographs; it takes longer."),
            NetKnobs(levels="256"),
            with_defaults(PixelCNNTrainKnobs, steps=0, seconds=180.0),
        ),
    ),
    build=build,
    optimise=pixelwise.optimise,
    batch=pixelwise.batch,
    step=pixelwise.step,
    evaluate=pixelwise.evaluate,
    sampler=pixelwise.sampler,
    check=pixelwise.check,
    units=pixelwise.units,
    views=(*VIEWS, NEAREST),
    aside=0.1,  # a wall that changes is what one watches
    health=(OVERFITTING, PLATEAU),
    film="drawing",
)

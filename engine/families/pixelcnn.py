"""PixelCNN: a picture point by point, seen through masked convolutions.

Every layer is a convolution whose weights are zero wherever it would see what comes later: the
rows below, the rest of its own row, and in the first layer the point itself (mask A; the other
layers may look at the features of the point, mask B). So the features at a point follow from
earlier points alone, and all conditionals of

    p(x) = prod_i p(x_i | x_1 ... x_{i-1})

come out of one pass; to draw, the points are taken one after the other. Each 3x3 kernel sees
one column to the right in the row above, and nothing further, so what lies far to the right
in the rows above is never seen by any layer: the blind spot. (Beyond the paper, each row and
each column has features of its own; a knob takes them away.)

van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759 (section 3.4 and
table 1: the residual block of figure 5).
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
        64,
        N_("Features"),
        low=8,
        high=256,
        help=N_("At each place, shared out among the channels; inside a block are half as many."),
    )
    depth: int = knob(
        5,
        N_("Blocks"),
        low=1,
        high=16,
        help=N_("Each lets a point see one row further up, and one column to either side."),
    )


class Block(nn.Module):
    """x + 1x1(relu(3x3(relu(1x1(relu(x))) + class))), all masked B."""

    def __init__(self, wide: int, net: NetKnobs, classes: int, channels: int) -> None:
        super().__init__()
        narrow = wide // 2
        self.enter = MaskedConv2d(wide, narrow, groups=channels)
        self.look = MaskedConv2d(narrow, narrow, above=1, left=1, right=1, groups=channels)
        self.leave = MaskedConv2d(narrow, wide, groups=channels)
        self.label = nn.Embedding(classes + 1, narrow)
        self.dropout = nn.Dropout2d(net.dropout)  # of whole maps: quick to draw
        nn.init.zeros_(self.label.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """x: (N, wide, R, S); labels: (N,)."""
        y = self.enter(F.relu(x)) + self.label(labels)[:, :, None, None]
        y = self.look(F.relu(y))
        added: Tensor = self.leave(self.dropout(F.relu(y)))
        return x + added


class PixelCNN(nn.Module):
    """(N, C * P, R, S) in [-1, 1] and classes to logits (N, C, V, R, S)."""

    def __init__(self, net: NetKnobs, data: ImageData) -> None:
        super().__init__()
        self.grid: Grid = grid_of(net, data)
        self.classes = classes_of(net, data)
        wide, channels, k = net.width, self.grid.channels, net.kernel
        points = channels * self.grid.points
        self.enter = MaskedConv2d(points, wide, k, k, k, "A", channels)
        self.places = Places(wide, self.grid) if net.places else None
        self.blocks = nn.ModuleList(
            Block(wide, net, self.classes, channels) for _ in range(net.depth)
        )
        self.join = MaskedConv2d(wide, wide, groups=channels)
        self.leave = MaskedConv2d(wide, channels * self.grid.size, groups=channels)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """x: (N, C * P, R, S); labels: (N,), `classes` for none."""
        y = self.enter(x.contiguous(memory_format=torch.channels_last))
        if self.places is not None:
            y = y + self.places(x.shape[2])
        for block in self.blocks:
            y = block(y, labels)
        y = self.leave(F.relu(self.join(F.relu(y))))
        logits: Tensor = y.unflatten(1, (self.grid.channels, self.grid.size))
        return logits

    def stepper(self, labels: Tensor) -> "Cached":
        """Logits draw by draw, with the features of earlier places kept."""
        return Cached(self, labels)

    def masks(self) -> tuple[Mask, ...]:
        """From the first layer to the last."""
        blocks: Any = self.blocks
        return (
            self.enter.shown(N_("first layer, mask A")),
            *(
                block.look.shown(N_("block {number}, mask B", number=number + 1))
                for number, block in enumerate(blocks)
            ),
            self.join.shown(N_("last layers, mask B")),
        )


class Cached:
    """A stepper: the features that each 3x3 kernel saw are kept, so that only one place is new."""

    def __init__(self, module: Any, labels: Tensor) -> None:
        grid = self._grid = module.grid
        size = len(labels), grid.rows, grid.columns
        self._inputs = pixelwise.Inputs(module)
        self._enter = Remembered(module.enter, *size)
        self._places = None if module.places is None else module.places(grid.rows).detach()
        self._blocks = [
            (
                Product(block.enter),
                block.label(labels).detach().clone(),
                Remembered(block.look, *size),
                Product(block.leave),
            )
            for block in module.blocks
        ]
        self._join, self._leave = Product(module.join), Product(module.leave)

    def __call__(self, row: int, column: int, channel: int, tokens: Tensor) -> Tensor:
        """(N, V)."""
        if channel == 0 and column == 0:
            self._begin(row, tokens)
        if channel == 0 and column > 0:
            self._enter.write(row, column - 1, self._inputs.at(row, column - 1, tokens))
        elif channel > 0:
            self._enter.write(row, column, self._inputs.at(row, column, tokens))
        x = self._enter.at(row, column)
        if self._places is not None:
            x = x + self._places[:, row, column]
        for enter, label, look, leave in self._blocks:
            look.write(row, column, F.relu(enter(F.relu(x)) + label))
            x = x + leave(F.relu(look.at(row, column)))
        logits = self._leave(F.relu(self._join(F.relu(x))))
        size = self._grid.size
        return logits[:, channel * size : (channel + 1) * size]

    def _begin(self, row: int, tokens: Tensor) -> None:
        if row > 0:
            self._enter.write_row(row - 1, self._inputs.row(row - 1, tokens))
        self._enter.begin(row)
        for _enter, _label, look, _leave in self._blocks:
            look.begin(row)


def build(net: NetKnobs, data: ImageData) -> PixelCNN:
    """A new network for pictures of the shape of `data`."""
    return PixelCNN(net, data)


MODEL = Model(
    key="pixelcnn",
    title=N_("PixelCNN"),
    summary=N_("Draws point by point, each from those before it, through masked convolutions."),
    papers=("van den Oord et al. 2016 (PixelRNN)",),
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
            NetKnobs(patch="2", kernel=3),
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

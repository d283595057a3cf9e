"""Masks that keep a layer from seeing what comes later.

Features are shared out among the channels of the picture, in order: with `groups` channels,
feature f of `features` belongs to channel f * groups // features. At the place of the present
mask A lets a channel see only the channels before it, mask B itself as well (van den Oord et
al. 2016, arXiv:1601.06759, section 3.4).
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.layers.pixelwise import Mask

Kind = Literal["A", "B", "above", "row"]
"""What a layer sees of the present row: with A and B what stands before, and of the present as
the mask says; "above" nothing; "row" all of it (of features that know only the rows above)."""


def groups_of(features: int, groups: int) -> NDArray[np.int64]:
    """(features,): the channel that each feature belongs to."""
    return np.arange(features) * groups // features


def present(out: int, into: int, groups: int, kind: Literal["A", "B"]) -> NDArray[np.bool_]:
    """(out, into): which weights of the place of the present are not zero."""
    theirs, ours = groups_of(into, groups)[None, :], groups_of(out, groups)[:, None]
    return theirs < ours if kind == "A" else theirs <= ours


class MaskedConv2d(nn.Module):
    """A convolution over the rows above and the present row, masked.

    above: rows seen above the present one. left, right: columns seen to either side. groups:
    channels of the picture. parts: the outputs are so many maps one after the other (2: filter
    and gate), each shared out among the channels. Outside the picture are zeros.
    """

    mask: Tensor

    def __init__(
        self,
        into: int,
        out: int,
        above: int = 0,
        left: int = 0,
        right: int = 0,
        kind: Kind = "B",
        groups: int = 1,
        parts: int = 1,
    ) -> None:
        super().__init__()
        self.above, self.left, self.right, self.kind = above, left, right, kind
        self.groups, self.parts = groups, parts
        allowed = np.ones((out, into, above + 1, left + 1 + right), np.bool_)
        if kind == "A" or kind == "B":
            own = present(out // parts, into, groups, kind)
            allowed[:, :, above, left] = np.tile(own, (parts, 1))
            allowed[:, :, above, left + 1 :] = False
        elif kind == "above":
            allowed[:, :, above] = False
        self.register_buffer("mask", torch.from_numpy(allowed).float(), persistent=False)
        seen = self.mask.sum((1, 2, 3)).clamp(min=1.0)  # weights that count, of each output
        bound = (3.0 / seen).sqrt()[:, None, None, None]
        self.weight = nn.Parameter((torch.rand(allowed.shape) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(out))

    def masked(self) -> Tensor:
        """The weights that count, (out, into, above + 1, left + 1 + right)."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, R, S) to (N, out, R, S)."""
        if self.above or self.left or self.right:
            x = F.pad(x, (self.left, self.right, self.above, 0))
        return F.conv2d(x, self.masked(), self.bias)

    def shown(self, title: str) -> Mask:
        """The mask between the channels of the picture."""
        (out, into), each = self.mask.shape[:2], range(self.groups)
        ours = [groups_of(out // self.parts, self.groups).tolist().index(i) for i in each]
        theirs = [groups_of(into, self.groups).tolist().index(i) for i in each]
        allowed = self.mask.bool().numpy()[np.ix_(ours, theirs)]
        return Mask(title, allowed, (self.above, self.left))


class Remembered:
    """The inputs of a masked convolution as they become known, and what follows from them.

    The weights are copied: a picture is drawn from one state of them, though training goes on.
    """

    def __init__(self, conv: MaskedConv2d, count: int, rows: int, columns: int) -> None:
        out, into = conv.mask.shape[:2]
        self._above, self._left, self._columns = conv.above, conv.left, columns
        width = conv.left + columns + conv.right
        weight = conv.masked().detach().clone()
        self._bias = conv.bias.detach().clone()
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._before = self._weight[:, :, : conv.above]
        own = weight[:, :, conv.above, : conv.left + 1]
        self._own = own.permute(2, 1, 0).reshape(-1, out).contiguous()
        # The last dimension is the features, so that a stretch of a row is one piece of memory.
        self._seen = weight.new_zeros(count, conv.above + rows, width, into)
        self._known = self._bias.expand(columns, count, out)

    def write(self, row: int, column: int, features: Tensor) -> None:
        """The inputs at a place, (N, into)."""
        self._seen[:, self._above + row, self._left + column] = features

    def write_row(self, row: int, features: Tensor) -> None:
        """The inputs of a whole row, (N, S, into)."""
        self._seen[:, self._above + row, self._left : self._left + self._columns] = features

    def row(self, row: int) -> Tensor:
        """The outputs of a whole row whose inputs are all known, (N, S, out)."""
        return self._over(slice(row, row + self._above + 1), self._weight)

    def begin(self, row: int) -> None:
        """The rows above `row` are written: let them be taken into account."""
        if self._above:
            known = self._over(slice(row, row + self._above), self._before)
            self._known = known.transpose(0, 1).contiguous()

    def at(self, row: int, column: int) -> Tensor:
        """The outputs at a place, (N, out); all that they may see must be written."""
        window = self._seen[:, self._above + row, column : column + self._left + 1]
        return torch.addmm(self._known[column], window.flatten(1), self._own)

    def _over(self, rows: slice, weight: Tensor) -> Tensor:
        seen = self._seen[:, rows].permute(0, 3, 1, 2)
        return F.conv2d(seen, weight, self._bias)[:, :, 0].transpose(1, 2)


class Product:
    """A masked 1x1 convolution at a place, with weights that were copied."""

    def __init__(self, conv: MaskedConv2d) -> None:
        self._weight = conv.masked().detach()[:, :, 0, 0].T.contiguous()
        self._bias = conv.bias.detach().clone()

    def __call__(self, x: Tensor) -> Tensor:
        """(N, into) to (N, out)."""
        return torch.addmm(self._bias, x, self._weight)

"""Small parts that every Transformer here is made of.

Squared ReLU: So et al. 2021, arXiv:2109.08668.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def norm(x: Tensor) -> Tensor:
    """Layer normalisation over the last axis, without weights."""
    return F.layer_norm(x, x.shape[-1:])


class SquaredReLU(torch.autograd.Function):
    """relu(x)^2, with a derivative, 2 relu(x), that keeps one tensor and makes two passes.

    As torch composes it, this is an eighth of a training step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.relu()
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        down: Tensor = (gradient * positive).mul_(2.0)
        return down


def squared_relu(x: Tensor) -> Tensor:
    """relu(x)^2, of any shape."""
    if not torch.is_grad_enabled():
        positive = x.relu()
        return positive * positive
    y: Tensor = SquaredReLU.apply(x)  # type: ignore[no-untyped-call]
    return y

"""Muon: momentum whose every matrix is made orthogonal before the step.

    M = beta M + G,    W = W - rate * 0.2 sqrt(max(rows, columns)) * UV^T  of  M = U S V^T

All directions of a matrix then learn at the same pace, instead of the few with the largest
gradients. UV^T is found by a Newton-Schulz iteration, which needs only products. A
convolution counts as a matrix (out, in x height x width). The factor makes the step as large
as AdamW's, so that one learning rate serves both.

Jordan et al. 2024, kellerjordan.github.io/posts/muon; the factor: Liu et al. 2025,
arXiv:2502.16982. torch.optim.Muon takes no convolutions, and works in bfloat16, which most
processors emulate.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """About UV^T of matrix = U S V^T, (rows, columns); singular values end near 1, not at it."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Tensor = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions; the first is the rows."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step. `closure` is not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        moving = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(moving, group["momentum"]).flatten(1)  # Nesterov's look ahead
        size = 0.2 * math.sqrt(max(ahead.shape))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(orthogonal(ahead).view_as(parameter), alpha=-group["lr"] * size)

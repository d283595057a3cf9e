"""The block of a Transformer whose places are turned into queries, keys and values of one text.

    q, k, v = W_q n(x), W_k n(x), W_v n(x)            n: layer normalisation
    a = softmax(q k^T / sqrt(d) + mask)               a_ij: how much i attends to j
    x = x + W_o (a v)
    x = x + W_2 relu(W_1 n(x))^2

With the causal mask a place sees itself and what stands before, without it all places. Rotary
positions turn q and k by an angle that grows with the place, so that q.k depends on the distance.

Vaswani et al. 2017, arXiv:1706.03762; pre-norm: Xiong et al. 2020, arXiv:2002.04745; rotary
positions: Su et al. 2021, arXiv:2104.09864; normalised q, k: Henry et al. 2020, arXiv:2010.04245.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.layers.blocks import norm, squared_relu

# Shapes: B batch, T tokens, H heads, D width of a head, C = H * D width.


class Shape(Protocol):
    """What a block must know of the network's knobs.

    causal: whether a place sees only what stands before. positions: "rotary", or another word
    where places are told apart by something else.
    """

    @property
    def width(self) -> int:
        """C."""

    @property
    def heads(self) -> int:
        """H."""

    @property
    def causal(self) -> bool:
        """Whether there is a mask."""

    @property
    def positions(self) -> str:
        """How order enters."""

    @property
    def dropout(self) -> float:
        """The share of values left out while training."""


def rotation(length: int, width: int) -> Tensor:
    """Rotary angles as (2, length, width): cosines, then sines with the sign that turns.

    The halves of a head are the two coordinates of width / 2 planes; plane m turns
    by 10000^(-2m / width) radians with each position.
    """
    half = width // 2
    rates = 10_000.0 ** (-torch.arange(half) / max(half, 1))
    angles = torch.arange(length)[:, None] * rates
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)])


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn x (..., T, D) by `turn` (2, T, D)."""
    half = x.shape[-1] // 2
    swapped = torch.cat([x[..., half:], x[..., :half]], dim=-1)
    return x * turn[0] + swapped * turn[1]


class Block(nn.Module):
    """Attention, then a small network, each added to what comes in."""

    def __init__(self, net: Shape) -> None:
        super().__init__()
        width = net.width
        self.heads = net.heads
        self.causal = net.causal
        self.rotary = net.positions == "rotary"
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(net.dropout)
        # With zeros here a new block passes its input on, and learns from there.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def project(self, x: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v as (B, H, T, D); `turn` is for the T positions at hand."""
        batch, length, _ = x.shape
        qkv: Tensor = (
            self.qkv(norm(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        if self.rotary:
            q, k = rotate(norm(qkv[:2]), turn)
            return q, k, qkv[2]
        q, k, v = qkv
        return q, k, v

    def merge(self, x: Tensor, gathered: Tensor) -> Tensor:
        """Add what was gathered, (B, H, T, D), to x (B, T, C), and the network's answer."""
        x = x + self.dropout(self.out(gathered.transpose(1, 2).flatten(2)))
        answer: Tensor = self.dropout(self.down(squared_relu(self.up(norm(x)))))
        return x + answer

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        q, k, v = self.project(x, turn)
        return self.merge(x, F.scaled_dot_product_attention(q, k, v, is_causal=self.causal))

    def attend(self, x: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
        """The same by the equations, with the weights a: (B, T, C) and (B, H, T, T)."""
        q, k, v = self.project(x, turn)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -math.inf)
        weights = scores.softmax(dim=-1)
        return self.merge(x, weights @ v), weights

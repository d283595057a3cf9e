"""Samples of sound as numbers that a network can say something about.

Two ways to give the next sample a probability:

* mu-law, 256 values. Loudness is heard in ratios, so the steps grow with the amplitude,
  f(v) = sign(v) ln(1 + 255 |v|) / ln 256, and a softmax says how likely each step is.
* mixture of logistics, 65,536 values. The probability of a value is what a sum of K bell
  curves puts into its interval: sum_k w_k (F_k(v + h) - F_k(v - h)), F_k(v) the logistic
  function of (v - m_k) / s_k, h half an interval; the outermost intervals have no end.

ITU-T G.711; van den Oord et al. 2016, arXiv:1609.03499 (section 2.2); Salimans et al. 2017,
arXiv:1701.05517 (section 2.1).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.data.sound import FULL, clip_of
from engine.phrases import N_
from engine.sampling import softmax

Codes = NDArray[np.int64]
Array = NDArray[np.float32]

LEVELS = 256
MU = LEVELS - 1
DEEP = 65_536
HALF = 1 / DEEP  # half the width of an interval: those of 16 bits tile [-1, 1]
LEAST_LOG_SCALE = -10.0  # e^-10 is about a step of 16 bits
COMPONENTS = 10


def compressed(values: Any) -> Array:
    """f(v): [-1, 1] to [-1, 1], same shape."""
    v = np.clip(np.asarray(values, np.float64), -1.0, 1.0)
    return np.asarray(np.sign(v) * np.log1p(MU * np.abs(v)) / math.log1p(MU), np.float32)


def expanded(values: Any) -> Array:
    """The opposite of `compressed`."""
    v = np.asarray(values, np.float64)
    return np.asarray(np.sign(v) * np.expm1(np.abs(v) * math.log1p(MU)) / MU, np.float32)


def mu_law(values: Any) -> Codes:
    """Values in [-1, 1] to their nearest step, 0 to 255, by the compressed value."""
    return np.rint((compressed(values).astype(np.float64) + 1) * (MU / 2)).astype(np.int64)


def from_mu_law(codes: Any) -> Array:
    """The values in [-1, 1] of steps 0 to 255."""
    return expanded(np.asarray(codes, np.float64) * (2 / MU) - 1)


def steps_of(values: Any) -> tuple[Codes, Array]:
    """The nearest step of each value, and how far the value is from it, -0.5 to 0.5 steps."""
    place = (compressed(values).astype(np.float64) + 1) * (MU / 2)
    rows = np.rint(place).astype(np.int64)
    return rows, np.asarray(place - rows, np.float32)


# --- the mixture of logistics


def parts(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(..., 3K) to log w_k, m_k and ln s_k, (..., K) each."""
    weights, means, scales = logits.chunk(3, dim=-1)
    return F.log_softmax(weights, dim=-1), means, scales.clamp(min=LEAST_LOG_SCALE)


def mixture_nats(logits: Tensor, codes: Tensor) -> Tensor:
    """-log p of each code: (..., 3K) and (...) in 0 to 65,535 to (...).

    F(b) - F(a) = sigmoid(b) sigmoid(-a) (1 - e^(a - b)) holds exactly, and its logarithm loses
    nothing however thin the interval is.
    """
    log_weights, means, log_scales = parts(logits)
    values = ((codes.to(logits.dtype) - DEEP // 2) * (2 / DEEP))[..., None]
    inverse = torch.exp(-log_scales)
    above = F.logsigmoid((values + HALF - means) * inverse)
    below = F.logsigmoid((means - values + HALF) * inverse)
    width = torch.log(-torch.expm1(-2 * HALF * inverse))
    lowest, highest = (codes == 0)[..., None], (codes == DEEP - 1)[..., None]
    inside = torch.where(lowest, above, torch.where(highest, below, above + below + width))
    return -torch.logsumexp(log_weights + inside, dim=-1)


def draw_mixture(logits: Any, u: Any, temperature: float) -> Codes:
    """A code for each row. logits: (N, 3K); u: (N, 2) uniform: which bell curve, where in it.

    The temperature sharpens the choice and narrows the curves; 0 takes the middle of the first
    likeliest.
    """
    weights, means, scales = np.split(np.asarray(logits, np.float64), 3, axis=-1)
    chosen = pick(weights, u[:, 0], temperature)
    rows = np.arange(len(chosen))
    scale = np.exp(np.maximum(scales[rows, chosen], LEAST_LOG_SCALE))
    at = np.clip(u[:, 1], 1e-12, 1 - 1e-12)
    values = means[rows, chosen] + temperature * scale * (np.log(at) - np.log(1 - at))
    codes = np.floor(values * (DEEP // 2) + (DEEP // 2 + 0.5))
    return np.asarray(np.clip(codes, 0, DEEP - 1), np.int64)


def mixture_spread(logits: Any, temperature: float) -> NDArray[np.float64]:
    """Probability of each of `LEVELS` steps of mu-law: (..., 3K) to (..., LEVELS)."""
    weights, means, scales = np.split(np.asarray(logits, np.float64), 3, axis=-1)
    shares = softmax(weights, temperature)
    narrow = np.exp(np.maximum(scales, LEAST_LOG_SCALE)) * max(temperature, 1e-6)
    middles = np.arange(1, LEVELS) * (2 / MU) - 1 - 1 / MU  # edges between the steps
    edges = expanded(middles).astype(np.float64)
    away = np.clip((edges[:, None] - means[..., None, :]) / narrow[..., None, :], -500, 500)
    below = (shares[..., None, :] / (1 + np.exp(-away))).sum(-1)
    ends = np.concatenate([np.zeros_like(below[..., :1]), below, np.ones_like(below[..., :1])], -1)
    return np.diff(ends)


# --- the softmax over 256 steps


def softmax_nats(logits: Tensor, codes: Tensor) -> Tensor:
    """-log p of each code: (..., V) and (...) in 0 to V - 1 to (...)."""
    flat = F.cross_entropy(logits.flatten(0, -2), codes.flatten(), reduction="none")
    return flat.view(codes.shape)


def pick(logits: Any, u: Any, temperature: float) -> Codes:
    """An entry for each row of (N, V), by uniform numbers (N,). Temperature 0: the largest."""
    if temperature == 0.0:
        return np.asarray(np.argmax(logits, axis=-1))
    scores = np.asarray(logits, np.float64)
    sums = np.cumsum(np.exp((scores - scores.max(-1, keepdims=True)) / temperature), axis=-1)
    found = (sums <= (u * sums[:, -1])[:, None]).sum(-1)
    return np.asarray(np.minimum(found, sums.shape[-1] - 1), np.int64)


# --- what a network needs to know of either


@dataclass(frozen=True)
class Output:
    """A way to say how likely each next sample is.

    codes: how many values a sample can have. size: numbers that a network gives for it.
    deep: whether it is the mixture. encode, decode: samples in [-1, 1] to codes and back.
    nats: -log p from (..., size) and codes (...). draw: codes (N,) from logits (N, size),
        uniform numbers (N, 2) and a temperature.
    spread: probability of each of the 256 steps of mu-law, from logits and a temperature.
    """

    codes: int
    size: int
    deep: bool
    encode: Callable[[Any], Codes]
    decode: Callable[[Any], Array]
    nats: Callable[[Tensor, Tensor], Tensor]
    draw: Callable[[Any, Any, float], Codes]
    spread: Callable[[Any, float], NDArray[np.float64]]

    def steps(self) -> tuple[Codes, Array]:
        """The step of mu-law of each code, and how far it is from that, -0.5 to 0.5 steps."""
        if not self.deep:
            return np.arange(self.codes), np.zeros(self.codes, np.float32)
        return steps_of(self.decode(np.arange(self.codes)))


def deep_codes(values: Any) -> Codes:
    """Values in [-1, 1] to 0 to 65,535."""
    codes = np.rint((np.asarray(values, np.float64) + 1) * (DEEP // 2)).astype(np.int64)
    return np.clip(codes, 0, DEEP - 1)


def from_deep(codes: Any) -> Array:
    """The values in [-1, 1) of codes 0 to 65,535."""
    return np.asarray((np.asarray(codes, np.float64) - DEEP // 2) * (2 / DEEP), np.float32)


OUTPUTS: Mapping[str, Output] = {
    N_("mu-law, 256 values"): Output(
        LEVELS,
        LEVELS,
        False,
        mu_law,
        from_mu_law,
        softmax_nats,
        lambda logits, u, temperature: pick(logits, u[:, 0], temperature),
        softmax,
    ),
    N_("mixture of logistics, 16 bit"): Output(
        DEEP,
        3 * COMPONENTS,
        True,
        deep_codes,
        from_deep,
        mixture_nats,
        draw_mixture,
        mixture_spread,
    ),
}


# --- clips


@dataclass(frozen=True, eq=False)
class Part:
    """Samples (n,) int16 of several clips, and where each begins."""

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]

    @property
    def lengths(self) -> list[int]:
        """Of each clip."""
        return [int(each) for each in np.diff(self.starts, append=len(self.samples))]

    def clip(self, number: int) -> Array:
        """A clip, (n,) in [-1, 1)."""
        samples = clip_of(self.samples, self.starts, number)
        return np.asarray(samples / np.float32(FULL), np.float32)


def windows(part: Part, output: Output, clips: Any, places: Any, length: int) -> Tensor:
    """Codes (N, 1 + length) of the samples from `places` (N,) of `clips` (N,), and the one before.

    Before the first sample of a clip stands its start, and after the last it is silent.
    """
    firsts = part.starts[clips] + places
    lasts = np.append(part.starts[1:], len(part.samples))[clips]
    at = firsts[:, None] + np.arange(-1, length)
    found = part.samples[np.clip(at, 0, len(part.samples) - 1)] / np.float32(FULL)
    found[at >= lasts[:, None]] = 0.0
    codes = output.encode(found)
    codes[places == 0, 0] = output.codes
    return torch.from_numpy(codes)

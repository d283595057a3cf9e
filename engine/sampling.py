"""Drawing from a categorical distribution: temperature, top-k, top-p, and the seed.

    p_i = exp(z_i / T) / sum_j exp(z_j / T)

top-k keeps the k likeliest; top-p (nucleus sampling, Holtzman et al. 2019,
arXiv:1904.09751) keeps the fewest that together reach p. Draw number n of seed
s always uses the same uniform number, u(s, n), whatever was drawn before: so a
text that is taken up again in the middle goes on as it would have, and the
step-by-step mode draws what the whole text would have drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.knobs import knob
from engine.phrases import N_


@dataclass(frozen=True)
class CategoricalKnobs:
    """The settings that every draw from a categorical shares."""

    temperature: float = knob(
        0.8,
        N_("Temperature"),
        low=0.0,
        high=3.0,
        live=True,
        help=N_("Below 1 sharpens, above 1 flattens the distribution; 0 takes the likeliest."),
    )
    top_k: int = knob(
        0,
        N_("Top-k"),
        low=0,
        high=1000,
        live=True,
        help=N_("Draws only from the k likeliest; 0 leaves all in."),
    )
    top_p: float = knob(
        1.0,
        N_("Top-p"),
        low=0.05,
        high=1.0,
        live=True,
        help=N_("Draws only from the fewest that together reach this probability."),
    )
    seed: int = knob(
        1,
        N_("Seed"),
        low=0,
        high=2**31 - 1,
        live=True,
        help=N_("The same seed and settings draw the same sample."),
    )


def uniform(seed: int, number: int) -> float:
    """The uniform number in [0, 1) for draw `number` of `seed`, independent of all others."""
    bits = np.random.Philox(key=seed, counter=[number, 0, 0, 0]).random_raw()
    return float(int(bits) >> 11) * 2.0**-53


def uniforms(seeds: Sequence[int], draws: int) -> NDArray[np.float64]:
    """(len(seeds), draws) uniform numbers in [0, 1); a row is from its seed alone, and draw n
    takes the number n whatever is drawn or given before."""
    rows = [np.random.Generator(np.random.Philox(key=seed)).random(draws) for seed in seeds]
    return np.stack(rows) if rows else np.empty((0, draws))


def softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities of `logits` (..., n) at `temperature`; 0 puts all on the (first) largest."""
    scores = np.asarray(logits, dtype=np.float64)
    if temperature == 0.0:
        one_hot = np.zeros_like(scores)
        np.put_along_axis(one_hot, scores.argmax(-1, keepdims=True), 1.0, axis=-1)
        return one_hot
    with np.errstate(over="ignore"):  # to minus infinity, where the temperature is tiny
        scores = (scores - scores.max(axis=-1, keepdims=True)) / temperature
    weights = np.exp(scores)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def allowed(probabilities: NDArray[np.float64], top_k: int, top_p: float) -> NDArray[np.bool_]:
    """Which entries of `probabilities` (n,) top-k and top-p leave in the draw. Never none."""
    size = len(probabilities)
    keep = np.ones(size, dtype=np.bool_)
    if top_k == 0 and top_p >= 1.0:
        return keep
    order = np.argsort(-probabilities, kind="stable")
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    if top_k:
        keep &= rank < top_k
    if top_p < 1.0:
        kept = np.where(keep, probabilities, 0.0)[order]
        before = np.concatenate([[0.0], np.cumsum(kept)[:-1]]) / max(kept.sum(), 1e-300)
        keep &= (before < top_p)[rank]
    return keep


def draw(probabilities: NDArray[np.float64], keep: NDArray[np.bool_], u: float) -> int:
    """The entry that the uniform number `u` picks among those kept (inverse of the CDF)."""
    cumulative = np.cumsum(np.where(keep, probabilities, 0.0))
    index = int(np.searchsorted(cumulative, u * cumulative[-1], side="right"))
    return min(index, int(np.flatnonzero(keep)[-1]))


def allowed_rows(
    probabilities: NDArray[np.float64], top_k: int, top_p: float
) -> NDArray[np.bool_] | None:
    """`allowed` for each row of `probabilities` (rows, n); None where all are left in."""
    if top_k == 0 and top_p >= 1.0:
        return None
    return np.stack([allowed(row, top_k, top_p) for row in probabilities])


def draw_rows(
    probabilities: NDArray[np.float64],
    keep: NDArray[np.bool_] | None,
    numbers: NDArray[np.float64],
) -> NDArray[np.int64]:
    """`draw` for each row of `probabilities` (rows, n), with a uniform number (rows,) each."""
    left = probabilities if keep is None else np.where(keep, probabilities, 0.0)
    cumulative = np.cumsum(left, axis=-1)
    index = (cumulative <= (numbers * cumulative[:, -1])[:, None]).sum(-1)
    last = left.shape[-1] - 1
    kept = last if keep is None else last - keep[:, ::-1].argmax(-1)
    return np.asarray(np.minimum(index, kept))

"""The loop over samples of a WaveNet as a single compiled function.

At one sample a time the products are so small that calling them costs far more than computing
them. Here numba compiles the whole loop, from a drawn sample to the next, and releases the GIL.
It computes what `engine.layers.wavenet_queue` says, to rounding.

A product reads each weight once and is bound by that, so `add` goes over eight rows of weights
at a time: the sums then leave and enter the registers once for eight products. The tangent is a
ratio of polynomials (the one of the Eigen library), exact to 5e-7.

Importing this module imports numba, and the first call compiles for seconds: leave both to
`engine.layers.compiling`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from engine.layers.sounds import DEEP, LEAST_LOG_SCALE
from engine.layers.wavenet_queue import Codes, Uniform, Weights

fast = numba.njit(cache=True, nogil=True, fastmath=True, inline="always")

MOST = np.float32(7.90531110763549805)  # tanh is 1 in 32 bits from here on
A0, A1, A2, A3, A4, A5, A6 = (
    np.float32(each)
    for each in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
B0, B1, B2, B3 = (
    np.float32(each)
    for each in (
        4.89352518554385e-03,
        2.26843463243900e-03,
        1.18534705686654e-04,
        1.19825839466702e-06,
    )
)


@fast
def add(w: Any, x: Any, y: Any) -> None:
    """y (n,) += x (m,) w (m, n)."""
    rows, size = w.shape
    whole = rows - rows % 8
    for j in range(0, whole, 8):
        a, b, c, d = x[j], x[j + 1], x[j + 2], x[j + 3]
        e, f, g, h = x[j + 4], x[j + 5], x[j + 6], x[j + 7]
        for i in range(size):
            y[i] += (
                w[j, i] * a
                + w[j + 1, i] * b
                + w[j + 2, i] * c
                + w[j + 3, i] * d
                + w[j + 4, i] * e
                + w[j + 5, i] * f
                + w[j + 6, i] * g
                + w[j + 7, i] * h
            )
    for j in range(whole, rows):
        for i in range(size):
            y[i] += w[j, i] * x[j]


@fast
def tanh(x: Any) -> None:
    """x = tanh x, (n,)."""
    for i in range(len(x)):
        v = min(max(x[i], -MOST), MOST)
        s = v * v
        up = ((((((A6 * s + A5) * s + A4) * s + A3) * s + A2) * s + A1) * s + A0) * v
        x[i] = up / (((B3 * s + B2) * s + B1) * s + B0)


@fast
def pick(logits: Any, u: float, temperature: float, sums: Any) -> int:
    """As `engine.layers.sounds.pick`, for one row; sums: (n,) float64, written to."""
    best = 0
    for i in range(len(sums)):
        if logits[i] > logits[best]:
            best = i
    if temperature == 0.0:
        return best
    most, total = np.float64(logits[best]), 0.0
    for i in range(len(sums)):
        total += math.exp((np.float64(logits[i]) - most) / temperature)
        sums[i] = total
    goal, found = u * total, 0
    while found < len(sums) - 1 and sums[found] <= goal:
        found += 1
    return found


@fast
def draw_mixture(logits: Any, u: Any, temperature: float, sums: Any) -> int:
    """As `engine.layers.sounds.draw_mixture`, for one row."""
    size = len(sums)
    chosen = pick(logits, u[0], temperature, sums)
    scale = math.exp(max(np.float64(logits[2 * size + chosen]), LEAST_LOG_SCALE))
    at = min(max(u[1], 1e-12), 1 - 1e-12)
    value = np.float64(logits[size + chosen])
    value += temperature * scale * (math.log(at) - math.log(1 - at))
    place = math.floor(value * (DEEP // 2) + (DEEP // 2 + 0.5))
    return int(min(max(place, 0.0), DEEP - 1.0))


@numba.njit(cache=True, nogil=True, fastmath=True)
def run(
    codes: Any,
    given: int,
    u: Any,
    temperature: float,
    deep: bool,
    time: int,
    enter: Any,
    slope: Any,
    row: Any,
    rest: Any,
    inner: Any,
    told: Any,
    outer: Any,
    outer_bias: Any,
    hidden: Any,
    hidden_bias: Any,
    leave: Any,
    leave_bias: Any,
    dilations: Any,
    first: Any,
    queue: Any,
    logits: Any,
) -> None:
    """Go on by codes (n,), of which `given` are read and the others drawn with u (n, 2).

    time: samples that were read before. told: (L, 2R) of the class. queue: (sum of the
    dilations, R), the layers' queues one after the other; logits: (V,) of the next sample. Both
    are read and written. The other weights are those of `Weights`.
    """
    layers, width, size = outer.shape[0], outer.shape[1], outer.shape[2]
    skip = size - width
    both = np.empty(2 * width, logits.dtype)
    gates = np.empty(2 * width, logits.dtype)
    z = np.empty(width, logits.dtype)
    out = np.empty(size, logits.dtype)
    middle = np.empty(skip, logits.dtype)
    sums = np.empty(len(logits) // 3 if deep else len(logits), np.float64)
    for n in range(len(codes)):
        if n >= given:
            if deep:
                codes[n] = draw_mixture(logits, u[n], temperature, sums)
            else:
                codes[n] = pick(logits, u[n, 0], temperature, sums)
        code = codes[n]
        for i in range(width):
            both[width + i] = enter[row[code], i] + rest[code] * slope[i]
        for i in range(size):
            out[i] = 0
        for layer in range(layers):
            past = queue[first[layer] + (time + n) % dilations[layer]]
            for i in range(width):
                both[i] = past[i]
                past[i] = both[width + i]
            for i in range(2 * width):
                gates[i] = told[layer, i]
            add(inner[layer], both, gates)
            tanh(gates)
            for i in range(width):
                z[i] = gates[i] * (np.float32(0.5) + np.float32(0.5) * gates[width + i])
            for i in range(size):
                out[i] += outer_bias[layer, i]
            add(outer[layer], z, out)
            for i in range(width):  # [residual, skip]: the one goes on, the other adds up
                both[width + i] += out[i]
                out[i] = 0
        for i in range(skip):
            out[width + i] = max(out[width + i], np.float32(0.0))
            middle[i] = hidden_bias[i]
        add(hidden, out[width:], middle)
        for i in range(skip):
            middle[i] = max(middle[i], np.float32(0.0))
        for i in range(len(logits)):
            logits[i] = leave_bias[i]
        add(leave, middle, logits)


class CompiledQueues:
    """The queues of N pieces, one piece after the other; as `wavenet_queue.Queues`."""

    def __init__(self, weights: Weights, labels: Sequence[int]) -> None:
        w, count = weights, len(labels)
        self._deep = w.output.deep
        self._told = [np.ascontiguousarray(w.told[label]) for label in labels]
        self._before = (w.enter, w.slope, w.row, w.rest, w.inner)
        self._after = (w.outer, w.outer_bias, w.hidden, w.hidden_bias, w.leave, w.leave_bias)
        self._places = (w.dilations, w.first)
        kind = w.enter.dtype
        self._queue = np.zeros((count, int(w.dilations.sum()), w.outer.shape[1]), kind)
        self._time = 0
        self.logits: NDArray[Any] = np.zeros((count, w.leave.shape[1]), kind)
        start = np.full((count, 1), len(w.row) - 1)
        self.run(start, 1, np.zeros((count, 1, 2)), 1.0)

    def run(self, codes: Codes, given: int, u: Uniform, temperature: float) -> None:
        """See `engine.layers.wavenet_queue.Streams`."""
        for piece, told in enumerate(self._told):
            run(
                codes[piece],
                given,
                u[piece],
                temperature,
                self._deep,
                self._time,
                *self._before,
                told,
                *self._after,
                *self._places,
                self._queue[piece],
                self.logits[piece],
            )
        self._time += codes.shape[1]


def warm_up() -> None:
    """Run the loop once on a tiny network, so that it is compiled."""

    def zeros(*shape: int) -> NDArray[np.float32]:
        return np.zeros(shape, np.float32)

    one = np.ones(1, np.int64)
    run(
        np.zeros(1, np.int64),
        *(0, np.zeros((1, 2)), 1.0, False, 0),
        *(zeros(2, 1), zeros(1), np.zeros(2, np.int64), zeros(2), zeros(1, 2, 2), zeros(1, 2)),
        *(zeros(1, 1, 2), zeros(1, 2), zeros(1, 1), zeros(1), zeros(1, 3), zeros(3)),
        *(one, one - 1, zeros(1, 1), zeros(3)),
    )

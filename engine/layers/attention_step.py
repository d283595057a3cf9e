"""One decoding step of a small Transformer as a single compiled function.

At batch 1 a step is a few hundred thousand multiplications; torch spends far
longer on calling some fifty operations than on the numbers. Here numba compiles
the whole step, embedding to logits, into one loop nest that releases the GIL.
It computes what ``engine/families/transformer.py`` says, to rounding.

Importing this module imports numba, and the first call compiles for seconds:
leave both to `engine.layers.compiling`.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# Weights that overflow give logits that are no numbers, as in torch, and no ZeroDivisionError.
fast = numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")


@fast
def norm(x: Any, y: Any, size: int) -> None:
    """y = layer normalisation of x (size,)."""
    mean = np.float32(0.0)
    for i in range(size):
        mean += x[i]
    mean /= np.float32(size)
    square = np.float32(0.0)
    for i in range(size):
        square += (x[i] - mean) * (x[i] - mean)
    scale = np.float32(1.0) / np.float32(math.sqrt(square / size + 1e-5))
    for i in range(size):
        y[i] = (x[i] - mean) * scale


@fast
def times(w: Any, x: Any, y: Any) -> None:
    """y = w x."""
    for i in range(w.shape[0]):
        total = np.float32(0.0)
        row = w[i]
        for j in range(w.shape[1]):
            total += row[j] * x[j]
        y[i] = total


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def step(
    token: int,
    before: int,
    before2: int,
    place: int,
    one: Any,
    two: Any,
    three: Any,
    learned: Any,
    slots: int,
    turn: Any,
    rotary: bool,
    qkv: Any,
    out: Any,
    up: Any,
    down: Any,
    head: Any,
    past: Any,
    logits: Any,
) -> None:
    """Read `token` at `place`, the two before it being `before` and `before2`.

    Writes its keys and values into past (layers, 2, heads, context, head width)
    and the logits (vocabulary,) of the next token; the rest are the weights.
    """
    layers, width = out.shape[0], out.shape[1]
    heads, size = past.shape[2], past.shape[4]
    half = size // 2
    x = np.empty(width, dtype=np.float32)
    n = np.empty(width, dtype=np.float32)
    a = np.empty(width, dtype=np.float32)
    p = np.empty(3 * width, dtype=np.float32)
    u = np.empty(4 * width, dtype=np.float32)
    t = np.empty(size, dtype=np.float32)
    weights = np.empty(place + 1, dtype=np.float32)
    for i in range(width):
        a[i] = one[token, i]
    if slots > 0:
        pair = token * 7919 + before * 104729
        at2, at3 = pair % slots, (pair + before2 * 1299709) % slots
        for i in range(width):
            a[i] += two[at2, i] + three[at3, i]
    if not rotary:
        for i in range(width):
            a[i] += learned[place, i]
    norm(a, x, width)
    scale = np.float32(1.0 / math.sqrt(size))
    for layer in range(layers):
        norm(x, n, width)
        times(qkv[layer], n, p)
        for h in range(heads):
            q = p[h * size : (h + 1) * size]
            k = p[width + h * size : width + (h + 1) * size]
            v = p[2 * width + h * size : 2 * width + (h + 1) * size]
            if rotary:
                norm(q, t, size)
                for i in range(size):
                    other = t[i + half] if i < half else t[i - half]
                    q[i] = t[i] * turn[0, place, i] + other * turn[1, place, i]
                norm(k, t, size)
                for i in range(size):
                    other = t[i + half] if i < half else t[i - half]
                    k[i] = t[i] * turn[0, place, i] + other * turn[1, place, i]
            keys, values = past[layer, 0, h], past[layer, 1, h]
            for i in range(size):
                keys[place, i] = k[i]
                values[place, i] = v[i]
            most = np.float32(-1e30)
            for s in range(place + 1):
                score = np.float32(0.0)
                for i in range(size):
                    score += keys[s, i] * q[i]
                score *= scale
                weights[s] = score
                most = max(most, score)
            total = np.float32(0.0)
            for s in range(place + 1):
                weights[s] = np.float32(math.exp(weights[s] - most))
                total += weights[s]
            for i in range(size):
                a[h * size + i] = np.float32(0.0)
            for s in range(place + 1):
                share = weights[s] / total
                for i in range(size):
                    a[h * size + i] += share * values[s, i]
        times(out[layer], a, n)
        for i in range(width):
            x[i] += n[i]
        norm(x, n, width)
        times(up[layer], n, u)
        for i in range(4 * width):
            positive = max(u[i], np.float32(0.0))
            u[i] = positive * positive
        times(down[layer], u, n)
        for i in range(width):
            x[i] += n[i]
    norm(x, n, width)
    times(head, n, logits)


class CompiledStep:
    """A network's weights, laid out for the compiled step, and its cache."""

    def __init__(self, module: Any) -> None:
        net, embed = module.net, module.embed
        blocks = list(module.blocks)
        nothing = np.zeros((1, net.width), dtype=np.float32)

        # Copies: a text is drawn from one state of the weights, though training goes on.
        def copied(weight: Any) -> NDArray[np.float32]:
            return np.array(weight.detach().numpy())

        def stacked(name: str) -> NDArray[np.float32]:
            return np.stack([getattr(block, name).weight.detach().numpy() for block in blocks])

        self._weights = (
            copied(embed.one.weight),
            copied(embed.two.weight) if embed.slots else nothing,
            copied(embed.three.weight) if embed.slots else nothing,
            copied(module.learned) if module.learned is not None else nothing,
            embed.slots,
            module.turn.numpy(),
            module.learned is None,
            *(stacked(name) for name in ("qkv", "out", "up", "down")),
            copied(module.head.weight),
        )
        self._past = np.empty(
            (net.layers, 2, net.heads, net.context, net.head_width), dtype=np.float32
        )
        self._vocabulary = module.head.weight.shape[0]

    def __call__(self, window: list[int], place: int) -> NDArray[np.float32]:
        """Read ``window[place]``, all before it being read; logits (vocabulary,) of the next."""
        logits = np.empty(self._vocabulary, dtype=np.float32)
        before = window[place - 1] if place > 0 else 0
        before2 = window[place - 2] if place > 1 else 0
        step(window[place], before, before2, place, *self._weights, self._past, logits)
        return logits


def warm_up() -> None:
    """Call the step once on a tiny network, so that it is compiled."""

    def zeros(*shape: int) -> NDArray[np.float32]:
        return np.zeros(shape, dtype=np.float32)

    layers, heads, width, head = 1, 1, 4, 4
    step(
        *(0, 0, 0, 0),
        *(zeros(2, width), zeros(1, width), zeros(1, width), zeros(1, width), 0),
        *(zeros(2, 2, head), True),
        *(zeros(layers, 3 * width, width), zeros(layers, width, width)),
        *(zeros(layers, 4 * width, width), zeros(layers, width, 4 * width), zeros(2, width)),
        *(zeros(layers, 2, heads, 2, head), zeros(2)),
    )

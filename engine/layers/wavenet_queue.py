"""Sound one sample at a time, with what was computed for earlier samples kept.

A layer of dilation d needs its input of now and of d samples ago. A queue of d inputs for each
layer therefore replaces the recomputation of the whole past: a sample costs the same however
long the piece is. Here in numpy, for several pieces at once; compiled, for long ones, in
`engine.layers.wavenet_step`.

Le Paine et al. 2016, Fast Wavenet Generation Algorithm, arXiv:1611.09482.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.layers import sounds
from engine.layers.compiling import Background
from engine.layers.sounds import Output

if TYPE_CHECKING:
    from engine.layers.wavenet_step import CompiledQueues

Array = NDArray[np.float32]
Codes = NDArray[np.int64]
Uniform = NDArray[np.float64]

# Shapes: N pieces, L layers, R residual, S skip channels, V numbers for a sample.


@dataclass(frozen=True, eq=False)
class Weights:
    """A network's weights as generation wants them: inputs first, copies, rows contiguous.

    enter: (steps + 1, R), the last is the start of a clip; slope: (R,), for the rest of a value
        that lies between two steps. row, rest: (codes + 1,) the step of each code and that rest.
    inner: (L, 2R, 2R), [past, now] to [filter, gate / 2]; told: (classes + 1, L, 2R), what is
        added there for each class. outer: (L, R, R + S), to [residual, skip]; outer_bias.
    hidden: (S, S), hidden_bias, leave: (S, V), leave_bias. dilations: (L,).
    """

    output: Output
    enter: Any
    slope: Any
    row: Codes
    rest: Array
    inner: Any
    told: Any
    outer: Any
    outer_bias: Any
    hidden: Any
    hidden_bias: Any
    leave: Any
    leave_bias: Any
    dilations: Codes

    @property
    def first(self) -> Codes:
        """(L,): where each layer's queue begins when they lie one after the other."""
        return np.cumsum(self.dilations) - self.dilations


def weights_of(module: Any, kind: type[np.floating[Any]] = np.float32) -> Weights:
    """A copy of the weights of a `WaveNet` as they are now."""

    def plain(tensor: Any) -> NDArray[Any]:
        return np.array(tensor.detach().numpy(), kind)

    def turned(tensor: Any) -> NDArray[Any]:
        return np.ascontiguousarray(plain(tensor).T)

    layers, width = list(module.layers), module.net.residual
    skip = module.net.skip
    halves = np.ones(2 * width, kind)
    halves[width:] = 0.5  # sigmoid(g) = (1 + tanh(g / 2)) / 2
    # What the last layer would pass on, nobody hears.
    outer = np.zeros((len(layers), width, width + skip), kind)
    outer_bias = np.zeros((len(layers), width + skip), kind)
    for at, layer in enumerate(layers):
        from_ = 0 if layer.outer.out_features == width + skip else width
        outer[at, :, from_:] = turned(layer.outer.weight)
        outer_bias[at, from_:] = plain(layer.outer.bias)
    row, rest = module.output.steps()
    return Weights(
        output=module.output,
        enter=plain(module.enter.weight),
        slope=plain(module.slope),
        row=np.append(row, sounds.LEVELS),
        rest=np.append(rest, 0).astype(kind),
        inner=np.stack([turned(layer.inner.weight) * halves for layer in layers]),
        told=np.stack(
            [(plain(layer.tell.weight) + plain(layer.inner.bias)) * halves for layer in layers],
            axis=1,
        ),
        outer=outer,
        outer_bias=outer_bias,
        hidden=turned(module.hidden.weight),
        hidden_bias=plain(module.hidden.bias),
        leave=turned(module.leave.weight),
        leave_bias=plain(module.leave.bias),
        dilations=np.array([layer.dilation for layer in layers]),
    )


class Streams(Protocol):
    """N pieces that grow sample by sample.

    logits: (N, V) of the next sample of each.
    """

    logits: NDArray[Any]

    def run(self, codes: Codes, given: int, u: Uniform, temperature: float) -> None:
        """Go on by codes.shape[1] samples, in place.

        codes: (N, n), of which the first `given` are read and the others drawn and written.
        u: (N, n, 2) uniform numbers in [0, 1); a sample takes those of its own place.
        """


class Queues:
    """The queues of N pieces, each from the start of a clip of its class (N,)."""

    def __init__(self, weights: Weights, labels: Sequence[int]) -> None:
        self.weights = weights
        count, width = len(labels), weights.outer.shape[1]
        self._told = np.ascontiguousarray(weights.told[list(labels)].swapaxes(0, 1))  # L, N, 2R
        self._queues = [np.zeros((d, count, width), weights.enter.dtype) for d in weights.dilations]
        self._time = 0
        self.logits = self._feed(np.full(count, len(weights.row) - 1))

    def run(self, codes: Codes, given: int, u: Uniform, temperature: float) -> None:
        """See `Streams`."""
        for at in range(codes.shape[1]):
            if at >= given:
                codes[:, at] = self.weights.output.draw(self.logits, u[:, at], temperature)
            self.logits = self._feed(codes[:, at])

    def _feed(self, codes: Codes) -> NDArray[Any]:
        """Read a sample of each piece; the logits (N, V) of the next."""
        w = self.weights
        width = w.outer.shape[1]
        now = w.enter[w.row[codes]] + w.rest[codes][:, None] * w.slope
        skip = np.zeros((len(codes), w.hidden.shape[0]), now.dtype)
        for layer, queue in enumerate(self._queues):
            place = self._time % len(queue)
            both = np.concatenate([queue[place], now], axis=1)
            queue[place] = now
            gates = np.tanh(both @ w.inner[layer] + self._told[layer])
            z = gates[:, :width] * (0.5 + 0.5 * gates[:, width:])
            out = z @ w.outer[layer] + w.outer_bias[layer]
            now = now + out[:, :width]
            skip += out[:, width:]
        self._time += 1
        hidden = np.maximum(np.maximum(skip, 0) @ w.hidden + w.hidden_bias, 0)
        return np.asarray(hidden @ w.leave + w.leave_bias)


def _compile() -> "type[CompiledQueues]":
    from engine.layers import wavenet_step

    wavenet_step.warm_up()
    return wavenet_step.CompiledQueues


COMPILED = Background(_compile)


def streams(weights: Weights, labels: Sequence[int]) -> Streams:
    """Pieces from the start of a clip of these classes (N,), by the fastest means at hand."""
    kind: Callable[[Weights, Sequence[int]], Streams] = COMPILED.get() or Queues
    return kind(weights, labels)

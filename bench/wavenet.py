"""How fast a WaveNet plays: with compiled queues, with queues in torch, and without queues.

    python -m bench.wavenet [--seconds 4]

The network is the paper's in small: 30 layers (three stacks of dilations 1 to 512), 32 residual
and 64 skip channels, 256 values. All play with the same weights; the torch queue is the usual
one: a convolution for the filter, the gate, the residual and the skip path of each layer, and a
queue of tensors. Seconds are the processor's, on one thread, as other work on the machine is no
part of it. At the same uniform numbers the first samples of all ways are compared.
"""

import argparse
import os
from collections.abc import Callable
from time import thread_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.common import machine, median, table
from engine.data.sound import parted
from engine.families.wavenet import NetKnobs, WaveNet
from engine.layers.sounds import pick
from engine.layers.soundviews import Recomputed
from engine.layers.wavenet_queue import COMPILED, Queues, weights_of

RATE = 16_000
LEAST, TIMES = 32_000, 200  # samples a second, and times as many as the torch queue
COMPARED = 64


class Convolutions:
    """A layer of the same network from torch's own convolutions."""

    def __init__(self, layer: Any, width: int, skip: int) -> None:
        past_now = layer.inner.weight.view(2, width, 2, width).transpose(2, 3)
        bias = (layer.inner.bias + layer.tell.weight[-1]).view(2, width)
        self.filter, self.gate = (convolution(past_now[at], bias[at]) for at in range(2))
        weight, bias = layer.outer.weight[..., None], layer.outer.bias
        self.skip = convolution(weight[-skip:], bias[-skip:])
        last = len(weight) == skip
        self.residual = None if last else convolution(weight[:-skip], bias[:-skip])


def convolution(weight: Tensor, bias: Tensor) -> nn.Conv1d:
    """With this weight (out, in, kernel) and bias (out,)."""
    made = nn.Conv1d(weight.shape[1], weight.shape[0], weight.shape[2])
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


class PlainQueues:
    """A piece by convolutions of two samples each, with a queue of past inputs per layer."""

    def __init__(self, module: WaveNet) -> None:
        width, skip = module.net.residual, module.net.skip
        layers: list[Any] = list(module.layers)
        self.module = module
        self.layers = [Convolutions(layer, width, skip) for layer in layers]
        self.hidden, self.leave = (
            convolution(each.weight[..., None], each.bias) for each in (module.hidden, module.leave)
        )
        self.queues = [[torch.zeros(1, width, 1)] * layer.dilation for layer in layers]
        self.logits = self.feed(module.start)

    def feed(self, code: int) -> Tensor:
        """Read a sample; the logits (1, V) of the next."""
        x = self.module.entered(torch.tensor([[code]])).transpose(1, 2)
        total: Any = 0
        for layer, queue in zip(self.layers, self.queues, strict=True):
            both = torch.cat([queue.pop(0), x], dim=2)
            queue.append(x)
            z = torch.tanh(layer.filter(both)) * torch.sigmoid(layer.gate(both))
            total = total + layer.skip(z)
            if layer.residual is not None:
                x = layer.residual(z) + x
        logits: Tensor = self.leave(F.relu(self.hidden(F.relu(total))))[..., 0]
        return logits

    def run(self, codes: Any, given: int, u: Any, temperature: float) -> None:
        """As `engine.layers.wavenet_queue.Streams`, with nothing given."""
        for at in range(codes.shape[1]):
            codes[:, at] = pick(self.logits.numpy(), u[:, at, 0], temperature)
            self.logits = self.feed(int(codes[0, at]))


def network() -> WaveNet:
    """The network, with weights that are nowhere zero."""
    nothing = parted("none", "None", RATE, [(np.zeros(1, np.int16), 0)], [])
    module = WaveNet(NetKnobs(doublings=10, stacks=3, residual=32, skip=64), nothing)
    random = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=random) * 0.05)
    return module.eval()


def rate(stream: Any, u: Any, seconds: float, chunk: int) -> tuple[float, Any]:
    """Samples a processor second, over at least so many of them, and the first codes."""
    codes = np.zeros((1, u.shape[1]), np.int64)
    stream.run(codes[:, :COMPARED], 0, u[:, :COMPARED], 1.0)
    made, begun = COMPARED, thread_time()
    while thread_time() - begun < seconds and made + chunk <= u.shape[1]:
        span = slice(made, made + chunk)
        stream.run(codes[:, span], 0, u[:, span], 1.0)
        made += chunk
    return (made - COMPARED) / (thread_time() - begun), codes[0, :COMPARED]


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for each way and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    COMPILED.start().join()
    compiled = COMPILED.get()
    module = network()
    weights, u = weights_of(module), np.random.default_rng(0).random((1, 2_000_000, 2))
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "all again each time, torch": (lambda: Recomputed(module), 4),
        "queues, plain torch": (lambda: PlainQueues(module), 8),
        "queues, numpy (until the kernel is compiled)": (lambda: Queues(weights, [0]), 64),
    }
    if compiled is not None:
        ways["queues, compiled"] = (lambda: compiled(weights, [0]), 512)
    found: dict[str, list[float]] = {name: [] for name in ways}
    first: dict[str, Any] = {}
    for _ in range(options.rounds):  # in turns, because machines drift
        for name, (make, chunk) in ways.items():
            speed, first[name] = rate(make(), u, options.seconds, chunk)
            found[name].append(speed)
    torch_queue = median(found["queues, plain torch"])
    reference = first["queues, plain torch"]
    table(
        ("30 layers, 32 residual, 64 skip channels", "samples/s", "x torch queue", "same samples"),
        [
            (
                name,
                f"{median(speeds):,.0f}",
                f"{median(speeds) / torch_queue:.1f}",
                f"{int((first[name] == reference).sum())} of {COMPARED}",
            )
            for name, speeds in found.items()
        ],
    )
    if compiled is not None:
        speed = median(found["queues, compiled"])
        for value, wanted, what in (
            (speed, LEAST, "samples/s"),
            (speed / torch_queue, TIMES, "times the torch queue"),
        ):
            word = "met" if value >= wanted else "missed"
            print(f"{value:,.0f} {what}; at least {wanted:,} wanted: {word}")


if __name__ == "__main__":
    main()

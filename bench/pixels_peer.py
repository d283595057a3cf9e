"""The peer of `bench.pixels`: a gated PixelCNN as one usually writes it, in plain PyTorch.

    python -m bench.pixels_peer PICTURES.npz SECONDS SEED

As large as ours: 4 layers of two stacks with 32 features, the first of which reaches over 5 rows
and columns. Whole kernels that are multiplied by their masks, AdamW at a constant rate, the newest
weights: no shifts, no averaging, and it is not told where in the picture it is. Prints the held-out
nats per picture as JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, LAYERS, REACH, BATCH = 32, 4, 5, 16
RATE = 1e-3


class MaskedConv2d(nn.Conv2d):
    """kind: "vertical" sees the rows above (and its own, but in the first layer), "horizontal"
    what stands before in its own row (and its own place, but in the first layer)."""

    mask: Tensor

    def __init__(self, kind: str, first: bool, into: int, out: int, size: int) -> None:
        super().__init__(into, out, size, padding=size // 2)
        mask, middle = torch.zeros_like(self.weight), size // 2
        if kind == "vertical":
            mask[:, :, : middle + (not first)] = 1.0
        else:
            mask[:, :, middle, : middle + (not first)] = 1.0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, height, width) to (N, out, height, width)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class Layer(nn.Module):
    """A layer of both stacks."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        into, size, self.first = (1, 2 * REACH + 1, True) if first else (WIDTH, 3, False)
        self.vertical = MaskedConv2d("vertical", first, into, 2 * WIDTH, size)
        self.horizontal = MaskedConv2d("horizontal", first, into, 2 * WIDTH, size)
        self.link = nn.Conv2d(2 * WIDTH, 2 * WIDTH, 1)
        self.out = nn.Conv2d(WIDTH, WIDTH, 1)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Both stacks, (N, features, height, width)."""
        vertical = self.vertical(v)
        a, b = (self.horizontal(h) + self.link(vertical)).chunk(2, dim=1)
        new = self.out(a.tanh() * b.sigmoid())
        c, d = vertical.chunk(2, dim=1)
        return c.tanh() * d.sigmoid(), new if self.first else h + new


class PixelCNN(nn.Module):
    """(N, 1, height, width) in [-1, 1] to the logit of white."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(number == 0) for number in range(LAYERS))
        self.end = nn.Sequential(
            nn.ReLU(), nn.Conv2d(WIDTH, 2 * WIDTH, 1), nn.ReLU(), nn.Conv2d(2 * WIDTH, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, height, width)."""
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h)
        logits: Tensor = self.end(h)
        return logits


def main(pictures: str, seconds: float, seed: int) -> None:
    """Train, and print what came of it."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    with np.load(pictures) as file:
        train, held_out = (
            torch.from_numpy(file[part] > 127).float().permute(0, 3, 1, 2)
            for part in ("train", "held_out")
        )
    model = PixelCNN()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    spent, steps = 0.0, 0
    while spent < seconds:
        begun = time.perf_counter()
        x = train[torch.randint(len(train), (BATCH,))]
        loss = F.binary_cross_entropy_with_logits(model(2 * x - 1), x)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        spent += time.perf_counter() - begun
        steps += 1
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x in torch.split(held_out, 50):
            nats = F.binary_cross_entropy_with_logits(model(2 * x - 1), x, reduction="sum")
            total += float(nats)
    parameters = sum(each.numel() for each in model.parameters())
    figures = {"nats": total / len(held_out), "steps": steps, "parameters": parameters}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))

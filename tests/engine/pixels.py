"""What is asked of every network of pixels, for the tests of each."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.images import ImageData
from engine.layers.pixelwise import DrawKnobs, Drawn, Recompute, generate, nats, places
from engine.sampling import uniforms
from tests.engine.small import image_data, randomise, some_tokens

COMBINATIONS = [
    (1, "2", "1"),
    (1, "2", "2"),
    (1, "256", "1"),
    (3, "2", "1"),
    (3, "4", "2"),
    (3, "256", "1"),
]
"""Channels, levels and points taken at once; a picture of 5x5 has no whole number of patches."""


def pictures(height: int, width: int, channels: int) -> ImageData:
    """Data with pictures of that size, in three classes."""
    data = image_data(12, max(height, width, 3), channels)
    return dataclasses.replace(data, train=data.train[:, :height, :width])


def ready(module: Any, scale: float = 0.3) -> Any:
    """In evaluation mode, with weights that are nowhere zero."""
    randomise(module, scale=scale)
    return module.eval().requires_grad_(False)


def finished(way: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(way)
        except StopIteration as stop:
            return stop.value


@torch.no_grad()
def drawn(module: Any, labels: Tensor, **more: Any) -> Drawn:
    """Pictures of the seeds 1, 2, ... at a temperature of 1; more: as in `generate`."""
    numbers = uniforms(range(1, len(labels) + 1), module.grid.draws)
    way = generate(module, labels, numbers, DrawKnobs(temperature=1.0), **more)
    found: Drawn = finished(way)
    return found


def some_inputs(module: Any, seed: int = 0) -> Tensor:
    """(1, C * P, R, S) float64 at random."""
    grid = module.grid
    random = torch.Generator().manual_seed(seed)
    shape = 1, grid.channels * grid.points, grid.rows, grid.columns
    return torch.randn(shape, generator=random, dtype=torch.float64)


def dependence(module: Any, channel: int, row: int, column: int, inputs: int = 3) -> Tensor:
    """Largest |d logits / d input| over a few pictures, (C, R, S); module in float64."""
    grid, most = module.grid, torch.zeros(())
    for seed in range(inputs):
        x = some_inputs(module, seed).requires_grad_()
        logits = module(x, torch.zeros(1, dtype=torch.int64))[0, channel, :, row, column]
        random = torch.Generator().manual_seed(seed)
        weights = torch.randn(logits.shape, generator=random, dtype=torch.float64)
        (gradient,) = torch.autograd.grad(logits @ weights, x)
        by_channel = (
            gradient[0].abs().view(grid.channels, grid.points, grid.rows, grid.columns).amax(1)
        )
        most = torch.maximum(most, by_channel)
    return most


def leaks(module: Any) -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """(draw, later or same draw) wherever the first depends on the second."""
    order = list(places(module.grid))
    for number, (row, column, channel) in enumerate(order):
        seen = dependence(module, channel, row, column, inputs=1)
        for later in order[number:]:
            if seen[later[2], later[0], later[1]] != 0.0:
                yield (row, column, channel), later


def field(module: Any, row: int, column: int) -> set[tuple[int, int]]:
    """(rows up, columns to the right) of all places that a place depends on."""
    seen = dependence(module, module.grid.channels - 1, row, column).amax(0)
    found = np.argwhere(seen.numpy() != 0.0)
    return {(row - int(r), int(c) - column) for r, c in found if (r, c) != (row, column)}


def drawn_anew(module: Any, labels: Tensor, **more: Any) -> Drawn:
    """The same with everything computed anew for each draw."""
    return drawn(module, labels, stepper=Recompute(module, labels), **more)


@torch.no_grad()
def total_probability(module: Any, label: int) -> float:
    """The sum of p over all pictures there are; module in float64."""
    grid = module.grid
    every = torch.tensor(list(itertools.product(range(grid.size), repeat=grid.draws)))
    tokens = every.view(-1, grid.channels, grid.rows, grid.columns)
    labels = torch.full((len(tokens),), label)
    return float(torch.exp(-nats(module, tokens, labels).sum((1, 2, 3))).sum())


@torch.no_grad()
def stepped(module: Any, tokens: Tensor, labels: Tensor) -> NDArray[np.float32]:
    """(N, C, V, R, S): the logits of each draw from the network's own stepper."""
    grid, step = module.grid, module.stepper(labels)
    found = torch.full((len(tokens), grid.channels, grid.size, grid.rows, grid.columns), torch.nan)
    for row, column, channel in places(grid):
        known = hidden(tokens, (row, column, channel))
        found[:, channel, :, row, column] = step(row, column, channel, known)
    return found.numpy()


def hidden(tokens: Tensor, draw: Sequence[int]) -> Tensor:
    """`tokens` with another value at `draw` and at all that come later."""
    row, column, channel = draw
    order = torch.arange(tokens[0].numel()).view(*tokens.shape[2:], tokens.shape[1])
    later = order.permute(2, 0, 1) >= order[row, column, channel]
    return torch.where(later, 1 - tokens.clamp(max=1), tokens)


def assert_kept_is_anew(module: Any, labels: Tensor) -> None:
    """The module's stepper gives the logits of the whole, and draws the same pictures."""
    grid = module.grid
    tokens = some_tokens(grid.size, len(labels), grid.channels, grid.rows, grid.columns)
    with torch.no_grad():
        whole = module(grid.inputs(tokens), labels).numpy()
    np.testing.assert_allclose(stepped(module, tokens, labels), whole, rtol=1e-5, atol=1e-5)
    assert whole.std() > 0.05  # or it says nothing of the weights

    one, other = drawn(module, labels, keep=True), drawn_anew(module, labels, keep=True)
    assert torch.equal(one.tokens, other.tokens)
    assert int(one.tokens.min()) < int(one.tokens.max())
    assert one.probabilities is not None
    assert other.probabilities is not None
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def assert_weights_are_copied(module: Any, labels: Tensor) -> None:
    """Pictures come from the weights as they are when the drawing begins."""
    wanted = drawn(module, labels, keep=True)
    stepper = module.stepper(labels)
    for parameter in module.parameters():
        parameter.zero_()
    found = drawn(module, labels, stepper=stepper, keep=True)
    assert torch.equal(wanted.tokens, found.tokens)
    assert wanted.probabilities is not None
    assert found.probabilities is not None
    assert np.array_equal(wanted.probabilities, found.probabilities)

"""engine/layers/pixelwise.py: tokens, training and drawing, on networks that are formulas."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.families import gated_pixelcnn
from engine.family import Model, Trained
from engine.layers import pixelwise
from engine.layers.muon import Muon
from engine.layers.pixelwise import (
    Batch,
    DrawKnobs,
    Given,
    Grid,
    PixelNetKnobs,
    PixelSampleKnobs,
    PixelTrainKnobs,
    Recompute,
    generate,
    places,
)
from engine.phrases import PlaygroundError
from engine.sampling import softmax, uniforms
from tests.engine.pixels import finished
from tests.engine.small import image_data, last

GRIDS = [
    Grid(4, 4, 1, 2, 1),
    Grid(5, 3, 1, 2, 2),
    Grid(5, 4, 3, 4, 2),
    Grid(3, 5, 3, 256, 1),
    Grid(1, 1, 1, 4, 2),
]
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=str)


class Formula(nn.Module):
    """Logits (N, C, V, R, S) that are a function of x and the labels."""

    def __init__(self, grid: Grid, says: Callable[[Tensor, Tensor], Tensor], classes: int = 0):
        super().__init__()
        self.grid, self.says, self.classes = grid, says, classes
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.scale * self.says(x, labels)

    def stepper(self, labels: Tensor) -> Recompute:
        return Recompute(self, labels)


def constant(grid: Grid, classes: int = 0, seed: int = 0) -> Formula:
    """Logits of each draw that do not depend on the picture, but on its class."""
    random = torch.Generator().manual_seed(seed)
    shape = classes + 1, grid.channels, grid.size, grid.rows, grid.columns
    table = torch.randn(shape, generator=random)
    return Formula(grid, lambda x, labels: table[labels], classes)


def chained(grid: Grid) -> Formula:
    """The logits of a place are those of the value to its left, of the first row's of one above."""

    def says(x: Tensor, labels: Tensor) -> Tensor:
        before = torch.roll(x.flatten(2), 1, dims=2).view_as(x)
        return torch.stack([-before, before], dim=2) * 1.5

    return Formula(grid, says)


def trained(module: Any, data: Any, net: Any) -> Trained:
    return Trained(module, net, PixelTrainKnobs(), data, 0, model=_NO_MODEL)


_NO_MODEL: Model = None  # type: ignore[assignment]


# --- tokens


@every_grid
def test_pixels_become_tokens_and_come_back(grid: Grid) -> None:
    shape = 3, grid.channels, grid.rows, grid.columns
    random = np.random.default_rng(0)
    steps = random.integers(0, grid.levels, (3, grid.height, grid.width, grid.channels))
    pixels = np.rint(steps * (255 / (grid.levels - 1))).astype(np.uint8)
    tokens = grid.tokens(pixels)
    assert tokens.shape == shape
    assert tokens.dtype == torch.int64
    assert int(tokens.min()) >= 0
    assert int(tokens.max()) < grid.size
    assert np.array_equal(grid.pixels(tokens), pixels)
    assert grid.draws == math.prod(shape[1:])
    assert grid.dimensions == pixels[0].size


@pytest.mark.parametrize(
    ("levels", "below", "above"), [(2, 127, 128), (4, 42, 43), (4, 127, 128), (4, 212, 213)]
)
def test_a_value_goes_to_the_nearest_level(levels: int, below: int, above: int) -> None:
    grid = Grid(1, 1, 1, levels, 1)
    pixels = np.array([below, above], np.uint8).reshape(2, 1, 1, 1)
    nearest = np.rint(pixels / 255 * (levels - 1))
    tokens = grid.tokens(pixels).flatten().tolist()
    assert tokens == nearest.flatten().tolist()
    assert tokens[1] == tokens[0] + 1


def test_every_one_of_256_shades_is_a_token_of_its_own() -> None:
    grid = Grid(16, 16, 1, 256, 1)
    shades = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert grid.tokens(shades).flatten().tolist() == list(range(256))


def test_a_patch_is_a_number_whose_first_digit_is_its_first_point() -> None:
    grid = Grid(2, 3, 1, 2, 2)
    pixels = np.array([[255, 0, 255], [0, 255, 0]], np.uint8).reshape(1, 2, 3, 1)
    # The second patch is padded with black to the right.
    assert grid.tokens(pixels).flatten().tolist() == [0b1001, 0b1000]
    assert grid.palette()[0b1001].tolist() == [[255, 0], [0, 255]]
    assert grid.digits()[0b0011].tolist() == [0, 0, 1, 1]


def test_a_network_sees_the_points_of_a_channel_together() -> None:
    grid = Grid(2, 2, 3, 4, 2)
    tokens = torch.tensor([0, 4**4 - 1, 0b00_01_10_11]).view(1, 3, 1, 1)
    seen = grid.inputs(tokens)
    assert seen.shape == (1, 12, 1, 1)
    third = [-1.0, -1 / 3, 1 / 3, 1.0]
    assert seen.flatten().tolist() == pytest.approx([-1.0] * 4 + [1.0] * 4 + third)


@every_grid
def test_inputs_by_place_and_by_row_are_those_of_the_whole(grid: Grid) -> None:
    random = torch.Generator().manual_seed(1)
    shape = 2, grid.channels, grid.rows, grid.columns
    tokens = torch.randint(grid.size, shape, generator=random)
    whole, inputs = grid.inputs(tokens), pixelwise.Inputs(constant(grid))
    for row, column in np.ndindex(grid.rows, grid.columns):
        assert torch.equal(inputs.at(row, column, tokens), whole[:, :, row, column])
        assert torch.equal(inputs.row(row, tokens)[:, column], whole[:, :, row, column])


def test_the_order_is_by_rows_columns_and_channels() -> None:
    grid = Grid(2, 2, 3, 2, 1)
    numbers = [(row * 2 + column) * 3 + channel for row, column, channel in places(grid)]
    assert numbers == list(range(grid.draws))


@pytest.mark.parametrize(("levels", "patch"), [("2", "1"), ("2", "2"), ("4", "2"), ("256", "1")])
def test_few_tokens_are_accepted(levels: str, patch: str) -> None:
    pixelwise.check(image_data(4), PixelNetKnobs(levels=levels, patch=patch))


def test_too_many_tokens_are_refused_with_what_would_be_accepted() -> None:
    with pytest.raises(PlaygroundError, match=r"256\^4 ways.*at most 256.*1 point at once"):
        pixelwise.check(image_data(4), PixelNetKnobs(levels="256", patch="2"))


# --- training


def test_a_shift_moves_a_picture_and_repeats_its_edge() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    down = pixelwise.shifted(picture, 1, 0)[..., 0]
    assert down.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]]
    left = pixelwise.shifted(picture, 0, -2)[..., 0]
    assert left.tolist() == [[2, 3, 3, 3], [6, 7, 7, 7], [10, 11, 11, 11]]
    assert np.array_equal(pixelwise.shifted(picture, 0, 0), picture)


def test_a_batch_is_of_training_pictures_with_their_classes() -> None:
    data, net = image_data(), PixelNetKnobs(levels="256")
    train = PixelTrainKnobs(batch=40, shift=0, drop_label=0.0)
    batch = pixelwise.batch(data, net, train, torch.Generator().manual_seed(0))
    known = {bytes(p): int(k) for p, k in zip(data.train, data.train_labels, strict=True)}
    found = pixelwise.grid_of(net, data).pixels(batch.tokens)
    assert [known[bytes(pixels)] for pixels in found] == batch.labels.tolist()
    assert len(set(batch.labels.tolist())) == 3


def test_a_batch_is_shifted_in_every_direction() -> None:
    data, net = image_data(), PixelNetKnobs(levels="256")
    one = dataclasses.replace(data, train=data.train[:1], train_labels=data.train_labels[:1])
    train = PixelTrainKnobs(batch=200, shift=1)
    batch = pixelwise.batch(one, net, train, torch.Generator().manual_seed(0))
    found = {bytes(p) for p in pixelwise.grid_of(net, one).pixels(batch.tokens)}
    wanted = {
        bytes(pixelwise.shifted(one.train[0], down, across))
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }
    assert found == wanted


@pytest.mark.parametrize(("labels", "share", "told"), [(True, 1.0, 3), (False, 0.0, 0)])
def test_left_out_labels_are_no_class(labels: bool, share: float, told: int) -> None:
    net, train = PixelNetKnobs(labels=labels), PixelTrainKnobs(drop_label=share)
    batch = pixelwise.batch(image_data(), net, train, torch.Generator().manual_seed(0))
    assert batch.labels.tolist() == [told] * train.batch


def by_hand(module: Formula, tokens: Tensor, labels: Tensor) -> Any:
    """-log p of each draw, with the softmax written out."""
    logits = module(module.grid.inputs(tokens), labels).detach().double().numpy()
    found = np.empty(tuple(tokens.shape))
    for place in np.ndindex(*tokens.shape):
        n, c, r, s = place
        values = logits[n, c, :, r, s]
        found[place] = np.log(np.exp(values).sum()) - values[int(tokens[place])]
    return found


@every_grid
def test_nats_and_the_loss_are_the_cross_entropy(grid: Grid) -> None:
    module = constant(grid, classes=2)
    random = torch.Generator().manual_seed(2)
    tokens = torch.randint(grid.size, (2, grid.channels, grid.rows, grid.columns), generator=random)
    labels = torch.tensor([0, 2])
    wanted = by_hand(module, tokens, labels)
    with torch.no_grad():
        found = pixelwise.nats(module, tokens, labels).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    (descent,) = pixelwise.step(module, Batch(tokens, labels), PixelTrainKnobs())
    bits = wanted.sum() / 2 / grid.dimensions / math.log(2)
    assert float(descent.loss.detach()) == pytest.approx(bits, rel=1e-5)


def test_a_network_that_knows_nothing_needs_a_bit_for_a_dot() -> None:
    grid = Grid(6, 6, 1, 2, 2)
    module = Formula(grid, lambda x, labels: torch.zeros(len(x), 1, 16, 3, 3))
    tokens = torch.zeros(3, 1, 3, 3, dtype=torch.int64)
    (descent,) = pixelwise.step(
        module, Batch(tokens, torch.zeros(3, dtype=torch.int64)), PixelTrainKnobs()
    )
    assert float(descent.loss.detach()) == pytest.approx(1.0)


def test_muon_takes_the_matrices_inside_and_every_weight_has_an_optimiser() -> None:
    net = gated_pixelcnn.NetKnobs(width=8, depth=1)
    module = gated_pixelcnn.build(net, image_data(4))
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for optimiser, kinds in (("Muon", [torch.optim.AdamW, Muon]), ("AdamW", [torch.optim.AdamW])):
        train = PixelTrainKnobs(optimiser=optimiser)
        (steppers,) = pixelwise.optimise(module, train).values()
        assert [type(each) for each in steppers] == kinds
        taken = [
            [names[id(p)] for group in each.param_groups for p in group["params"]]
            for each in steppers
        ]
        assert sorted(name for each in taken for name in each) == sorted(names.values())
    inside = pixelwise.optimise(module, PixelTrainKnobs())["all"][1].param_groups[0]["params"]
    found = sorted(names[id(parameter)] for parameter in inside)
    layers = [
        f"layers.{i}.{part}.weight" for i in (0, 1) for part in ("across", "down", "leave", "link")
    ]
    assert found == sorted(["join.weight", *layers])


@pytest.mark.parametrize("most", [None, 3])
def test_held_out_pictures_are_measured_with_their_classes(most: int | None) -> None:
    data, net = image_data(300), PixelNetKnobs()
    module = constant(pixelwise.grid_of(net, data), classes=3)
    tokens = module.grid.tokens(data.held_out)[:most]
    each = by_hand(module, tokens, torch.from_numpy(data.held_out_labels)[:most]).sum((1, 2, 3))
    found = finished(pixelwise.evaluate(module, data, net, PixelTrainKnobs(), most))
    assert found["nats_per_picture"] == pytest.approx(each.mean(), rel=1e-5)
    assert found["held_out"] == pytest.approx(each.mean() / 64 / math.log(2), rel=1e-5)


def test_the_units_are_of_one_and_the_same_loss() -> None:
    units = pixelwise.units(image_data(size=8, channels=3))
    assert next(iter(units.items())) == ("bits per dimension", 1.0)
    assert units["nats per dimension"] == pytest.approx(0.693147, rel=1e-6)
    assert units["nats per picture"] == pytest.approx(units["nats per dimension"] * 192)


# --- drawing


def test_numbers_are_from_the_seed_alone() -> None:
    some = uniforms([3, 7], 10)
    assert some.shape == (2, 10)
    assert np.array_equal(some[1:], uniforms([7], 10))
    assert np.array_equal(some[:, :4], uniforms([3, 7], 4))
    assert not np.array_equal(some[0], some[1])
    assert ((some >= 0) & (some < 1)).all()
    assert uniforms([], 10).shape == (0, 10)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_tokens_come_as_often_as_their_probability(temperature: float) -> None:
    grid = Grid(2, 2, 3, 2, 1)
    module, count = constant(grid), 4000
    labels, numbers = torch.zeros(count, dtype=torch.int64), uniforms(range(count), grid.draws)
    with torch.no_grad():
        found = finished(generate(module, labels, numbers, DrawKnobs(temperature=temperature)))
        logits = module(torch.zeros(1, 3, 2, 2), labels[:1])[0].numpy()
    wanted = softmax(np.moveaxis(logits, 1, -1), temperature)[..., 1]
    share = found.tokens.double().mean(0).numpy()
    np.testing.assert_allclose(share, wanted, atol=4 * 0.5 / math.sqrt(count))


@torch.no_grad()
def test_what_is_drawn_decides_what_comes_next() -> None:
    grid = Grid(3, 5, 1, 2, 1)
    module, labels = chained(grid), torch.zeros(6, dtype=torch.int64)
    numbers = uniforms(range(6), grid.draws)
    found = finished(generate(module, labels, numbers, DrawKnobs(temperature=1.0), keep=True))
    tokens = found.tokens.flatten(1).numpy()
    for n in range(6):
        before = 0  # nothing is drawn yet, and the chain is closed
        for place in range(15):
            sign = 2 * before - 1
            ones = 1 / (1 + math.exp(-3.0 * sign))
            assert found.probabilities[n, place, 1] == pytest.approx(ones, rel=1e-5)
            before = int(numbers[n, place] >= 1 - ones)
            assert tokens[n, place] == before


@torch.no_grad()
def test_what_is_given_stays_and_later_draws_take_their_own_numbers() -> None:
    grid = Grid(3, 5, 1, 2, 1)
    module, labels = chained(grid), torch.zeros(8, dtype=torch.int64)
    numbers, knobs = uniforms(range(8), grid.draws), DrawKnobs(temperature=1.0)
    free = finished(generate(module, labels, numbers, knobs)).tokens
    same = Given(free, torch.rand(8, 1, 3, 5) < 0.5)
    assert torch.equal(finished(generate(module, labels, numbers, knobs, same)).tokens, free)

    mask = torch.zeros(1, 1, 3, 5, dtype=torch.bool)
    mask[0, 0, 1, 2] = True
    turned = finished(generate(module, labels, numbers, knobs, Given(1 - free, mask))).tokens
    assert torch.equal(turned[:, 0, 1, 2], 1 - free[:, 0, 1, 2])
    assert torch.equal(turned.flatten(1)[:, :7], free.flatten(1)[:, :7])
    assert not torch.equal(turned.flatten(1)[:, 8:], free.flatten(1)[:, 8:])


@torch.no_grad()
def test_temperature_zero_and_top_k_of_one_take_the_likeliest() -> None:
    grid = Grid(3, 3, 1, 4, 1)
    module, labels = constant(grid), torch.zeros(3, dtype=torch.int64)
    best = module(torch.zeros(1, 1, 3, 3), labels[:1])[0, 0].argmax(0)
    numbers = uniforms(range(3), grid.draws)
    for knobs in (
        DrawKnobs(temperature=0.0),
        DrawKnobs(temperature=1.0, top_k=1),
        DrawKnobs(temperature=1.0, top_p=0.05),
    ):
        found = finished(generate(module, labels, numbers, knobs)).tokens
        assert torch.equal(found, best.expand(3, 1, 3, 3))


@torch.no_grad()
def test_there_is_a_safe_point_at_each_draw() -> None:
    grid = Grid(2, 3, 3, 2, 1)
    way = generate(
        constant(grid), torch.zeros(1, dtype=torch.int64), uniforms([1], 18), DrawKnobs()
    )
    assert [at.done for at in way] == list(range(1, 19))


def test_classes_are_taken_in_turn_or_as_asked_or_left_open() -> None:
    told = constant(GRIDS[0], classes=3)
    assert pixelwise.labels_of(told, [0, 1, 2, 3, 10], -1).tolist() == [0, 1, 2, 0, 1]
    assert pixelwise.labels_of(told, [5, 6], 2).tolist() == [2, 2]
    assert pixelwise.labels_of(told, [5, 6], 9999).tolist() == [2, 2]
    assert pixelwise.labels_of(told, [5, 6], -2).tolist() == [3, 3]
    assert pixelwise.labels_of(constant(GRIDS[0]), [5, 6], 2).tolist() == [0, 0]


@pytest.mark.parametrize("patch", ["1", "2"])
def test_a_wall_grows_out_of_grey(monkeypatch: pytest.MonkeyPatch, patch: str) -> None:
    monkeypatch.setattr(pixelwise, "SHOW_SECONDS", 0.0)
    monkeypatch.setattr(pixelwise, "GROUP", 2)
    data, net = image_data(4, size=5), PixelNetKnobs(patch=patch)
    module = constant(pixelwise.grid_of(net, data), classes=3)
    walls: list[Any] = [
        each
        for each in pixelwise.sampler(
            trained(module, data, net), PixelSampleKnobs(count=3, seed=7), ()
        )
        if each is not None
    ]
    assert len(walls) == 2 * module.grid.draws
    grey = [int((each.pixels == pixelwise.NOT_YET).sum()) for each in walls]
    assert grey == sorted(grey, reverse=True)
    assert grey[0] == 3 * 25 - 2 * int(patch) ** 2
    assert grey[-1] == 0
    assert set(np.unique(walls[-1].pixels)) == {0, 255}
    for wall in walls:
        assert wall.labels == ("7", "8", "9")
        assert wall.numbers == (7, 8, 9)


def test_a_tile_is_from_its_seed_alone() -> None:
    data, net = image_data(4), PixelNetKnobs()
    there = trained(constant(pixelwise.grid_of(net, data), classes=3), data, net)
    many = last(pixelwise.sampler(there, PixelSampleKnobs(count=5, seed=1), ()))
    one = last(pixelwise.sampler(there, PixelSampleKnobs(count=1, seed=4), ()))
    assert np.array_equal(many.pixels[3], one.pixels[0])
    assert not np.array_equal(many.pixels[2], one.pixels[0])

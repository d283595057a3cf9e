"""Diffusion on pictures: the network's shapes, what it is told, and what the views show."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.data.images import ImageData
from engine.families import diffusion
from engine.families.diffusion import (
    CompleteKnobs,
    FilmstripKnobs,
    ForwardKnobs,
    NetKnobs,
    RestartKnobs,
    SampleKnobs,
    TrainKnobs,
)
from engine.family import Trained
from engine.layers import diffusing, erasing, pictures
from engine.layers.diffusing import LevelsKnobs
from engine.payloads import Film
from engine.phrases import PlaygroundError
from tests.engine.small import image_data, last, randomise

SMALL = NetKnobs(width=8)


def trained(
    data: ImageData | None = None, net: NetKnobs = SMALL, module: Any = None, **train: Any
) -> Trained:
    """A network whose weights were drawn at random, so that what it says depends on everything."""
    data = data or image_data()
    if module is None:
        module = diffusion.build(net, data).eval().requires_grad_(False)
        randomise(module, scale=0.15)
    return Trained(module, net, TrainKnobs(**train), data, 0, diffusion.MODEL)


@functools.cache
def usual() -> Trained:
    return trained()


class Knowing(nn.Module):
    """Says what a function says, and remembers what it was told."""

    def __init__(self, says: Any, classes: int = 3) -> None:
        super().__init__()
        self.says, self.classes, self.no_label = says, classes, classes
        self.told: list[tuple[list[int], list[int]]] = []

    def forward(self, x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        self.told.append((times.tolist(), labels.tolist()))
        said: Tensor = self.says(x, times, labels)
        return said


# --- the network


@pytest.mark.parametrize("patch", ["by size", "1", "2", "4"])
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (25, 3), (28, 1)])
def test_what_comes_out_has_the_shape_of_what_goes_in(patch: str, size: int, channels: int) -> None:
    data = image_data(4, size, channels)
    module = diffusion.build(NetKnobs(width=8, patch=patch), data)
    x = torch.randn(2, channels, size, size)
    said = module(x, torch.tensor([1, 1000]), torch.tensor([0, module.no_label]))
    assert said.shape == x.shape


@pytest.mark.parametrize(("size", "patch"), [(8, 1), (16, 1), (25, 2), (28, 2), (32, 2), (64, 4)])
def test_a_patch_leaves_a_grid_of_about_fourteen(size: int, patch: int) -> None:
    assert diffusion.patch_of(NetKnobs(), size, size) == patch


def test_every_point_time_and_class_counts() -> None:
    data = image_data(4, 9)
    module = trained(data).module
    x, times = torch.zeros(1, 1, 9, 9), torch.tensor([500])
    before = module(x, times, torch.tensor([0]))
    corner = x.clone()
    corner[..., 8, 8] = 1.0
    assert not torch.allclose(module(corner, times, torch.tensor([0])), before)
    assert not torch.allclose(module(x, times + 20, torch.tensor([0])), before)
    for label in (1, 2, module.no_label):
        assert not torch.allclose(module(x, times, torch.tensor([label])), before)


def test_times_can_be_told_apart() -> None:
    features = diffusion.time_features(torch.arange(1, 1001))
    gaps = torch.cdist(features, features) + 10 * torch.eye(1000)
    assert float(gaps.min()) > 0.1


# --- training


@pytest.mark.parametrize("target", diffusing.TARGETS)
def test_a_network_that_knows_has_no_loss(target: str) -> None:
    data, train = image_data(), TrainKnobs(target=target, batch=16)
    batch = diffusion.batch(data, SMALL, train, torch.Generator().manual_seed(0))
    plan = diffusing.schedule(train.schedule)
    alpha, sigma = plan.at(batch.times, batch.x0)
    truth = {
        "x0": batch.x0,
        "noise": batch.noise,
        "velocity": alpha * batch.noise - sigma * batch.x0,
    }[target]
    knowing: Any = Knowing(lambda x, times, labels: truth)
    (descent,) = diffusion.step(knowing, batch, train)
    assert float(descent.loss) == 0.0
    wrong: Any = Knowing(lambda x, times, labels: truth + 0.5)
    (descent,) = diffusion.step(wrong, batch, train)
    snr = (alpha / sigma).flatten() ** 2
    factor = {"x0": snr + 1, "noise": (snr + 1) / snr, "velocity": torch.ones(16)}[target].clamp(
        max=100
    )
    assert float(descent.loss) == pytest.approx(float((0.25 * factor).mean()), rel=1e-4)


def test_some_labels_are_left_out() -> None:
    data = image_data()
    dropped = []
    for share in (0.0, 0.3, 1.0):
        train = TrainKnobs(batch=1000, drop_label=share)
        batch = diffusion.batch(data, SMALL, train, torch.Generator().manual_seed(0))
        dropped.append(float((batch.labels == 3).float().mean()))
        assert int(batch.labels.max()) <= 3
    assert dropped[0] == 0.0
    assert dropped[1] == pytest.approx(0.3, abs=0.05)
    assert dropped[2] == 1.0


def test_a_batch_has_pictures_with_their_own_classes() -> None:
    data = image_data()
    train = TrainKnobs(batch=50, drop_label=0.0)
    batch = diffusion.batch(data, SMALL, train, torch.Generator().manual_seed(0))
    known = {picture.tobytes(): label for picture, label in zip(*_parts(data), strict=True)}
    seen = pictures.to_pixels((batch.x0 + 1) / 2)
    assert [known[picture.tobytes()] for picture in seen] == batch.labels.tolist()


def _parts(data: ImageData) -> tuple[Any, Any]:
    return data.train, data.train_labels


def test_data_without_classes() -> None:
    data = dataclasses.replace(image_data(), classes=())
    train = TrainKnobs(batch=4, drop_label=0.0)
    batch = diffusion.batch(data, SMALL, train, torch.Generator().manual_seed(0))
    assert batch.labels.tolist() == [0] * 4
    assert last(diffusion.sampler(trained(data), SampleKnobs(count=2, steps=2), ())).pixels.any()
    with pytest.raises(PlaygroundError, match="classes"):
        last(diffusion.guidance(trained(data), diffusion.ScaleKnobs()))


def test_muon_takes_the_weights_inside_and_every_parameter_is_learned() -> None:
    module = diffusion.build(SMALL, image_data())
    for optimiser, wanted in (("Muon", {"AdamW", "Muon"}), ("AdamW", {"AdamW"})):
        chosen = diffusion.optimise(module, TrainKnobs(optimiser=optimiser))["all"]
        assert {type(each).__name__ for each in chosen} == wanted
        taken = [p for each in chosen for group in each.param_groups for p in group["params"]]
        assert sorted(map(id, taken)) == sorted(map(id, module.parameters()))


def finish(run: Any) -> dict[str, float]:
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: dict[str, float] = stop.value
            return result


def test_the_held_out_loss_is_that_of_each_picture_at_its_noise_level() -> None:
    data = image_data(700)
    count = len(data.held_out)
    assert count == 70  # several chunks, the last one short
    assert count > diffusion.CHUNK
    train = TrainKnobs()
    blind: Any = Knowing(lambda x, times, labels: torch.zeros_like(x))
    found = finish(diffusion.evaluate(blind, data, SMALL, train, None))
    again = finish(diffusion.evaluate(blind, data, SMALL, train, None))
    assert found == again
    # Half of what it was told comes from each of the two calls.
    told = blind.told[: len(blind.told) // 2]
    times = [time for part, _ in told for time in part]
    labels = [label for _, part in told for label in part]
    assert labels == data.held_out_labels.tolist()
    assert len(set(times)) == count
    # Who always says "0" of x0 has the squared error of x0 times SNR + 1.
    plan = diffusing.schedule("cosine")
    squares = ((data.held_out / 255.0 * 2 - 1) ** 2).mean((1, 2, 3))
    wanted = np.mean(
        [min(plan.snr(t) + 1, 1000) * square for t, square in zip(times, squares, strict=True)]
    )
    assert found["held_out"] == pytest.approx(float(wanted), rel=1e-4)
    few = Knowing(lambda x, times, labels: torch.zeros_like(x))
    finish(diffusion.evaluate(few, data, SMALL, train, 10))  # type: ignore[arg-type]
    assert sum(len(part) for part, _ in few.told) == 10


# --- sampling


def test_guidance_goes_beyond_and_its_ends_are_exact() -> None:
    def says(x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        return 0.1 * x + 0.1 * labels[:, None, None, None]

    x, labels = torch.full((2, 1, 4, 4), 0.5), torch.tensor([1, 2])
    told: dict[float, Any] = {}
    for scale in (0.0, 1.0, 2.5):
        module = Knowing(says)
        found = diffusion.predictor(trained(module=module), labels, scale)(x, 300)
        told[scale] = module.told
        with_label, without = (says(x, labels, torch.tensor(each)) for each in ([1, 2], [3, 3]))
        wanted = {0.0: without, 1.0: with_label}.get(
            scale, without + scale * (with_label - without)
        )
        torch.testing.assert_close(found, wanted.clamp(-1, 1))
    assert told[0.0] == [([300, 300], [3, 3])]  # the network is asked no more than it must be
    assert told[1.0] == [([300, 300], [1, 2])]
    assert told[2.5] == [([300] * 4, [1, 2, 3, 3])]


@pytest.mark.parametrize("target", diffusing.TARGETS)
def test_what_is_foreseen_follows_from_the_target(target: str) -> None:
    x0, noise = torch.full((1, 1, 4, 4), 0.4), torch.full((1, 1, 4, 4), -1.5)
    plan = diffusing.schedule("linear")
    alpha, sigma = plan.at(torch.tensor([350]), x0)
    truth = {"x0": x0, "noise": noise, "velocity": alpha * noise - sigma * x0}[target]
    module = Knowing(lambda x, times, labels: truth)
    who = trained(module=module, target=target, schedule="linear")
    found = diffusion.predictor(who, torch.tensor([0]), 1.0)(alpha * x0 + sigma * noise, 350)
    torch.testing.assert_close(found, x0, rtol=1e-4, atol=1e-4)


def test_classes_go_with_the_seeds() -> None:
    assert diffusion.labels_of(usual(), [3, 4, 5], -1).tolist() == [0, 1, 2]
    assert diffusion.labels_of(usual(), [3, 4, 5], 1).tolist() == [1, 1, 1]
    assert diffusion.labels_of(usual(), [3], 99).tolist() == [2]


@pytest.mark.parametrize("solver", diffusing.SAMPLERS)
def test_a_tile_follows_from_its_seed_alone(solver: str) -> None:
    many = SampleKnobs(count=diffusion.GROUP + 3, seed=5, sampler=solver, steps=4, eta=0.5)
    wall = last(diffusion.sampler(usual(), many, ()))
    assert wall.numbers == tuple(range(5, 5 + many.count))
    for place in (2, diffusion.GROUP + 1):
        one = dataclasses.replace(many, count=1, seed=5 + place)
        alone = last(diffusion.sampler(usual(), one, ())).pixels[0].astype(int)
        # A kernel may sum in another order for another number of rows.
        assert np.abs(alone - wall.pixels[place]).max() <= 1


def test_all_samplers_begin_with_the_same_noise() -> None:
    firsts = []
    for solver in diffusing.SAMPLERS:
        for steps in (3, 10):
            knobs = SampleKnobs(sampler=solver, steps=steps)
            firsts.append(next(iter(diffusion.walk(usual(), knobs, [4, 5]))).x)
    assert all(torch.equal(first, firsts[0]) for first in firsts)


# --- views


def pixels_of(x0: Any) -> Any:
    return x0.pixels.astype(int)


def test_forward_begins_with_the_picture_and_ends_in_noise() -> None:
    data = usual().data
    film = last(diffusion.forward(usual(), ForwardKnobs(number=3)))
    assert isinstance(film, Film)
    assert len(film.frames) == len(film.names) == diffusion.FRAMES + 1
    assert (film.frames[0].pixels[0] == data.held_out[3]).all()
    noise = pictures.noise([1], 1, 8, 8)
    wanted = pictures.to_pixels((noise + 1) / 2)[0]
    assert np.abs(film.frames[-1].pixels[0].astype(int) - wanted).max() <= 1


def test_an_own_picture_takes_the_place_of_a_held_out_one(tmp_path: Any) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 200).save(tmp_path / "grey.png")
    knobs = ForwardKnobs(picture=str(tmp_path / "grey.png"))
    film = last(diffusion.forward(usual(), knobs))
    assert (film.frames[0].pixels[0] == 200).all()


def test_the_filmstrip_ends_with_the_sample() -> None:
    knobs = FilmstripKnobs(seed=9, steps=20)
    strip = last(diffusion.filmstrip(usual(), knobs))
    columns = strip.across
    assert columns == diffusion.COLUMNS
    assert strip.pixels.shape == (3 * columns, 8, 8, 1)
    assert len(strip.labels) == 3 * columns
    sample = last(diffusion.sampler(usual(), SampleKnobs(count=1, seed=9, steps=20), ()))
    assert (strip.pixels[columns - 1] == sample.pixels[0]).all()


def test_the_film_of_denoising_ends_with_the_wall() -> None:
    knobs = SampleKnobs(count=diffusion.GROUP + 2, steps=60)
    film = last(diffusion.denoising(usual(), knobs))
    assert len(film.frames) == diffusion.FRAMES
    wall = last(diffusion.sampler(usual(), knobs, ()))
    assert (film.frames[-1].pixels == wall.pixels).all()
    assert film.names[0] == "t = 1000"
    assert film.names[-1] == "t = 0"


def test_ways_part_where_they_are_told_to() -> None:
    def rows(part: int) -> Any:
        drawn = last(diffusion.restart(usual(), RestartKnobs(part=part, count=3)))
        return drawn.pixels.reshape(3, drawn.across, -1).astype(int)

    together, apart = rows(diffusion.RESTART_STEPS), rows(15)
    assert (together == together[:1]).all()
    middle = diffusion.COLUMNS // 2  # this column is step 15
    assert (apart[:, : middle + 1] == apart[:1, : middle + 1]).all()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (apart[one, middle + 1 :] != apart[other, middle + 1 :]).any()
    assert (apart[0] == together[0]).all()  # the first way stays as it was


def test_every_sampler_at_every_number_of_steps() -> None:
    drawn = last(diffusion.samplers(usual(), diffusion.CompareKnobs(count=2)))
    assert isinstance(drawn, Film)
    assert len(drawn.frames) == len(drawn.names) == len(diffusion.STEP_COUNTS)
    how = SampleKnobs(count=2, sampler="DDIM", steps=diffusion.STEP_COUNTS[1])
    wanted = last(diffusion.sampler(usual(), how, ())).pixels
    panels = drawn.frames[1].panels
    assert len(panels) == len(diffusing.SAMPLERS)
    place = diffusing.SAMPLERS.index("DDIM")
    assert (panels[place].pixels == wanted).all()
    assert "DDIM" in str(panels[place].title)


def test_guidance_from_untold_to_strong() -> None:
    drawn = last(diffusion.guidance(usual(), diffusion.ScaleKnobs(count=3, steps=4)))
    assert len(drawn.panels) == len(diffusion.SCALES)
    for scale, panel in zip(diffusion.SCALES, drawn.panels, strict=True):
        how = SampleKnobs(count=3, steps=4, guidance=scale)
        assert (panel.pixels == last(diffusion.sampler(usual(), how, ())).pixels).all()


HALVES = [str(region) for region in erasing.REGIONS if region != "by hand"]


@pytest.mark.parametrize(
    ("region", "points"), [*((region, ()) for region in HALVES), ("top", (3, 20, 21, 63))]
)
def test_a_completion_leaves_what_is_kept_as_it_is(region: str, points: tuple[int, ...]) -> None:
    data = usual().data
    knobs = CompleteKnobs(number=2, region=region, erased=points, count=3, steps=6)
    sheet, drawn = last(diffusion.complete(usual(), knobs)).panels
    kept = ~erasing.rubbed_out(region, points, 8, 8)
    assert 0 < kept.sum() < 64
    picture = data.held_out[2, :, :, 0]
    assert (sheet.pixels[:, :, 0] == picture).all()
    assert (sheet.turns, sheet.cell) == ("erased", 1)
    assert sheet.erased == tuple(np.flatnonzero(~kept))
    assert len(drawn.pixels) == 4
    for made in drawn.pixels[:, :, :, 0]:
        assert (made[kept] == picture[kept]).all()
    completions = drawn.pixels[1:, :, :, 0]
    assert (drawn.pixels[0, :, :, 0] == picture).all()
    assert (completions[0][~kept] != completions[1][~kept]).any()


def test_where_nothing_is_erased_nothing_is_drawn() -> None:
    knobs = CompleteKnobs(number=1, region="by hand", count=3)
    sheet, drawn = last(diffusion.complete(usual(), knobs)).panels
    assert sheet.erased == ()
    assert len(drawn.pixels) == len(drawn.labels) == 1


def test_without_pictures_one_can_still_draw() -> None:
    gone = ImageData.from_json(image_data().to_json())
    who = dataclasses.replace(usual(), data=gone)
    assert last(diffusion.filmstrip(who, FilmstripKnobs(steps=2))).pixels.any()
    assert last(diffusion.sampler(who, SampleKnobs(count=2, steps=2), ())).pixels.any()
    for drawing in (
        diffusion.forward(who, ForwardKnobs()),
        diffusion.complete(who, CompleteKnobs()),
        diffusion.levels(who, LevelsKnobs()),
    ):
        with pytest.raises(PlaygroundError, match="pictures"):
            last(drawing)


def test_levels_tell_held_out_from_training_pictures() -> None:
    data = image_data()
    dark = dataclasses.replace(data, held_out=np.full_like(data.held_out, 128))
    blind = Knowing(lambda x, times, labels: torch.zeros_like(x))
    curve = last(diffusion.levels(trained(dark, module=blind), LevelsKnobs(error="x0")))
    held_out, training = curve.lines
    # 128 is nearly the 0 that is always said.
    np.testing.assert_allclose(held_out.y, (128 / 255 * 2 - 1) ** 2, rtol=1e-3)
    shown = data.train[: diffusion.PER_LEVEL] / 255.0 * 2 - 1
    np.testing.assert_allclose(training.y, (shown**2).mean(), rtol=1e-3)

"""The image GAN: tiles that stand alone, latent arithmetic, and what its views say."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import knobs
from engine.data.images import ImageData
from engine.families import gan
from engine.families.gan import MODEL, NetKnobs, SampleKnobs, TrainKnobs
from engine.family import Trained
from engine.layers.pictures import noise, to_pixels, to_unit
from engine.learner import Learner
from engine.payloads import Bars, Film, Images, Panels, Plane
from engine.phrases import PlaygroundError
from tests.engine.small import image_data, last

DATA = image_data()
NET = NetKnobs(latent=6, width=6, critic=5)


def trained(data: ImageData = DATA, net: NetKnobs = NET, steps: int = 12) -> Trained:
    """A little trained, so that the batch norm's statistics are no longer the first ones."""
    train = TrainKnobs(batch=8, learning_rate=0.01, average=0.5)
    learner = Learner(MODEL, data, net, train, 1)
    with learner.random:
        for _ in range(steps):
            learner.advance()
    return Trained(learner.averaged, net, train, data, learner.step, MODEL)


@pytest.fixture(scope="module", name="small")
def small_one() -> Trained:
    return trained()


class Repeats(nn.Module):
    """A "generator" that gives out pictures of the data, one after the other."""

    def __init__(self, unit: Tensor) -> None:
        super().__init__()
        self.unit = unit
        self.paint = SimpleNamespace(out_channels=4 * unit.shape[1])
        self.height, self.width = unit.shape[2:]

    def forward(self, z: Tensor) -> Tensor:
        return self.unit[torch.arange(len(z)) % len(self.unit)]


def repeating(pixels: Any, data: ImageData = DATA) -> Trained:
    module = gan.build(NET, data)
    module.generator = Repeats(to_unit(pixels))  # type: ignore[assignment]
    return Trained(module, NET, TrainKnobs(), data, 0, MODEL)


def wall_of(model: Trained, **values: Any) -> Images:
    wall: Images = last(gan.sampler(model, knobs.changed(SampleKnobs(), values), ()))
    return wall


# --- networks


@pytest.mark.parametrize(
    ("size", "channels"), [(8, 1), (25, 1), (25, 3), (28, 1), (30, 3), (64, 3)]
)
def test_pictures_of_any_size_go_in_and_come_out(size: int, channels: int) -> None:
    data = image_data(20, size, channels)
    model = trained(data, steps=1)
    assert wall_of(model, count=3).pixels.shape == (3, size, size, channels)
    scores = model.module.discriminator(to_unit(data.held_out))
    assert scores.shape == (len(data.held_out),)


def test_pictures_need_not_be_square() -> None:
    wide = ImageData(**{f.name: getattr(DATA, f.name) for f in dataclasses.fields(DATA)})
    wide = dataclasses.replace(
        wide,
        train=np.repeat(DATA.train, 2, axis=2)[:, :, :13],
        held_out=np.repeat(DATA.held_out, 2, axis=2)[:, :, :13],
    )
    assert wall_of(trained(wide, steps=1), count=2).pixels.shape == (2, 8, 13, 1)


@pytest.mark.parametrize("size", [7, 65])
def test_pictures_of_other_sizes_are_refused_in_words(size: int) -> None:
    with pytest.raises(PlaygroundError, match=f"{size} by {size}: accepted are 8 to 64"):
        gan.check(image_data(20, size), NET)


def test_shifts_move_each_part_in_its_own_way() -> None:
    x = torch.randn(8, 2, 6, 5, generator=torch.Generator().manual_seed(0))
    shifts = torch.tensor([[0, 0], [2, 0], [0, -1], [-1, 2]])
    found = gan.shifted(x, shifts).numpy()
    for i, picture in enumerate(x.numpy()):
        down, across = shifts[i // 2].tolist()
        rows = np.clip(np.arange(6) - down, 0, 5)
        columns = np.clip(np.arange(5) - across, 0, 4)
        assert np.array_equal(found[i], picture[:, rows][:, :, columns])


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_batch_may_be_smaller_than_the_groups_that_are_shifted(batch: int) -> None:
    x = torch.randn(batch, 1, 8, 8)
    assert gan.shifted(x, torch.ones(gan.GROUPS, 2, dtype=torch.int64)).shape == x.shape


# --- samples


def test_each_tile_is_the_same_alone(small: Trained) -> None:
    wall = wall_of(small, seed=40, count=21)
    assert wall.numbers == tuple(range(40, 61))
    assert wall.labels == tuple(str(seed) for seed in range(40, 61))
    for i, seed in enumerate(wall.numbers):
        alone = wall_of(small, seed=seed, count=1)
        assert np.array_equal(alone.pixels[0], wall.pixels[i])
    assert len(np.unique(wall.pixels, axis=0)) > 15  # or the test could not fail


def test_truncation_to_nothing_makes_all_the_same(small: Trained) -> None:
    same = wall_of(small, truncation=0.0).pixels
    assert (same == same[0]).all()
    assert not np.array_equal(wall_of(small).pixels, same)


def test_the_watched_wall_has_sixteen_tiles(small: Trained) -> None:
    assert len(last(gan.sampler(small, MODEL.watch, ())).pixels) == 16


# --- views


def test_a_walk_begins_and_ends_at_its_seeds(small: Trained) -> None:
    ends = [wall_of(small, seed=seed, count=1).pixels[0] for seed in (5, 9)]
    settings = gan.WalkKnobs(start=5, end=9, count=7)
    row = last(gan.walk(small, settings))
    film = last(gan.walk(small, dataclasses.replace(settings, film=True)))
    assert isinstance(row, Images)
    assert isinstance(film, Film)
    np.testing.assert_allclose(row.pixels[0].astype(int), ends[0], atol=1)
    np.testing.assert_allclose(row.pixels[-1].astype(int), ends[1], atol=1)
    assert [frame.pixels[0].tolist() for frame in film.frames] == row.pixels.tolist()


@pytest.mark.parametrize(("x", "y", "corner"), [(0.0, 0.0, 0), (1.0, 0.0, 1), (0.0, 1.0, 2)])
def test_the_corners_of_the_plane_are_its_seeds(
    small: Trained, x: float, y: float, corner: int
) -> None:
    seeds = (4, 11, 7)
    panels = last(gan.drag(small, gan.DragKnobs(x, y, *seeds)))
    plane, picture = panels.panels
    assert isinstance(plane, Plane)
    wanted = wall_of(small, seed=seeds[corner], count=1).pixels
    np.testing.assert_allclose(picture.pixels.astype(int), wanted, atol=1)
    (handle,) = plane.handles
    assert (handle.x, handle.y) == (x, y)
    assert {handle.x_knob, handle.y_knob} <= {knob.name for knob in knobs.knobs_of(gan.DragKnobs)}


def test_the_map_behind_the_handle_shows_what_is_there(small: Trained) -> None:
    plane = last(gan.drag(small, gan.DragKnobs())).panels[0]
    side = gan.MAP
    height, width = DATA.shape[:2]
    tiles = plane.picture.reshape(side, height, side, width, 1).swapaxes(1, 2)
    left, right, _bottom, top = plane.extent
    step = (right - left) / side
    for row, column in ((0, 0), (0, side - 1), (side - 1, 0), (2, 4)):
        x, y = left + (column + 0.5) * step, top - (row + 0.5) * step
        picture = last(gan.drag(small, gan.DragKnobs(x, y))).panels[1]
        np.testing.assert_allclose(picture.pixels[0].astype(int), tiles[row, column], atol=1)


def test_an_edit_is_vector_arithmetic(small: Trained) -> None:
    settings = gan.EditKnobs(sample=3, strength=1.5, group_a=(10, 11), group_b=(20, 21, 22))
    row, picking = last(gan.edit(small, settings)).panels
    z = noise((3, 10, 11, 20, 21, 22), NET.latent).double().numpy()
    towards = z[1:3].mean(0) - z[3:].mean(0)
    amounts = np.linspace(-1.5, 1.5, gan.EDITS)
    moved = torch.from_numpy(z[0] + amounts[:, None] * towards).float()
    with torch.no_grad():
        wanted = to_pixels(small.module.generator(moved))
    np.testing.assert_allclose(row.pixels.astype(int), wanted, atol=1)
    assert not np.array_equal(row.pixels[0], row.pixels[-1])
    assert picking.picks == ("group_a", "group_b", "sample")
    assert picking.picked == ((10, 11), (20, 21, 22), (3,))
    for place in (0, 5):
        alone = wall_of(small, seed=picking.numbers[place], count=1)
        np.testing.assert_allclose(picking.pixels[place].astype(int), alone.pixels[0], atol=1)


@pytest.mark.parametrize("number", [-1, 0.5, 1e9])
def test_what_is_no_seed_cannot_be_picked(small: Trained, number: float) -> None:
    with pytest.raises(PlaygroundError, match="is no seed: accepted are whole numbers"):
        last(gan.edit(small, gan.EditKnobs(group_a=(1, number))))


def test_truncations_are_drawn_line_by_line(small: Trained) -> None:
    shown = last(gan.truncation(small, gan.TruncationKnobs(seed=2, count=5, most=1.0)))
    lines = shown.pixels.reshape(gan.LEVELS, 5, *DATA.shape)
    assert shown.across == 5
    assert (lines[0] == lines[0, 0]).all()
    whole = wall_of(small, seed=2, count=5).pixels
    np.testing.assert_allclose(lines[-1].astype(int), whole, atol=1)


def test_scores_tell_what_the_discriminator_says(small: Trained) -> None:
    curve = last(gan.scores(small, gan.ScoreKnobs()))
    assert [line.name for line in curve.lines] == ["real", "generated"]
    for line in curve.lines:
        assert line.y.sum() == pytest.approx(1.0, abs=1e-5)
    with torch.no_grad():
        real = small.module.discriminator(to_unit(DATA.held_out)).sigmoid().mean()
    assert f"{float(real):.2f} for real" in curve.caption


BARS = image_data(120, classes=2)  # level or upright: told apart at a glance


def test_missing_classes_are_told() -> None:
    model = repeating(BARS.train[BARS.train_labels == 1], BARS)
    bars = last(gan.coverage(model, gan.CoverageKnobs()))
    assert isinstance(bars, Bars)
    assert bars.values[1] > 95
    assert "Mode collapse: 1 of 2 classes are missing" in bars.caption
    assert "(class 0)" in bars.caption


def test_real_pictures_cover_all_classes() -> None:
    bars = last(gan.coverage(repeating(BARS.train, BARS), gan.CoverageKnobs()))
    assert "All 2 classes are drawn" in bars.caption
    assert sum(bars.values) == pytest.approx(100)
    np.testing.assert_allclose(bars.values, 50, atol=6)


def test_without_classes_the_coverage_says_why_not() -> None:
    plain = dataclasses.replace(DATA, classes=(), train_labels=0 * DATA.train_labels)
    with pytest.raises(PlaygroundError, match="two or more classes"):
        last(gan.coverage(repeating(DATA.train, plain), gan.CoverageKnobs()))


def test_views_that_need_the_data_refuse_without(small: Trained) -> None:
    opened = dataclasses.replace(small, data=ImageData.from_json(DATA.to_json()))
    for view in (gan.scores(opened, gan.ScoreKnobs()), gan.coverage(opened, gan.CoverageKnobs())):
        with pytest.raises(PlaygroundError, match="needs the pictures"):
            last(view)
    # What needs none goes on.
    assert len(wall_of(opened, count=2).pixels) == 2
    assert isinstance(last(gan.edit(opened, gan.EditKnobs())), Panels)


# --- measuring


def test_the_generators_pictures_are_compared_with_as_many_real_ones() -> None:
    one = repeating(DATA.held_out[:1]).module
    found = finished(gan.evaluate(one, DATA, NET, TrainKnobs(), None))
    assert found["diversity"] == pytest.approx(0.0, abs=1e-6)
    assert set(found) == {"held_out", "real", "fake", "diversity"}
    same = finished(gan.evaluate(repeating(DATA.held_out).module, DATA, NET, TrainKnobs(), None))
    assert same["diversity"] == pytest.approx(1.0, rel=1e-5)
    assert same["real"] == pytest.approx(same["fake"], abs=1e-5)


def finished(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value

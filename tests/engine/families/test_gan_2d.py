"""The GAN on points: the surface, its pull, and the modes that are found."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import knobs
from engine.data import catalogue
from engine.data.points import EXTENT, PointData
from engine.families import gan_2d
from engine.families.gan_2d import MODEL, NetKnobs, SampleKnobs, TrainKnobs
from engine.family import Trained
from engine.layers import adversarial
from engine.layers.pictures import noise
from engine.learner import Learner
from tests.engine.small import last, point_data

DATA = point_data()
NET = NetKnobs(width=16)
LOSSES = ("non-saturating", "hinge", "wgan-gp")


def learner(net: NetKnobs = NET, steps_taken: int = 0, **train: Any) -> Learner:
    found = Learner(MODEL, DATA, net, knobs.changed(TrainKnobs(batch=16, warm_up=0), train), seed=1)
    advance(found, steps_taken)
    return found


def advance(found: Learner, steps: int) -> None:
    with found.random:
        for _ in range(steps):
            found.advance()


def trained_of(found: Learner) -> Trained:
    return Trained(found.averaged, found.net, found.train, DATA, found.step, MODEL)


class Formula(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.function(x)
        return result


def made_of(
    generator: Any = lambda z: z, discriminator: Any = lambda x: x[:, 0], **train: Any
) -> Trained:
    module = gan_2d.build(NET, DATA)
    module.generator = Formula(generator)  # type: ignore[assignment]
    module.discriminator = Formula(discriminator)  # type: ignore[assignment]
    return Trained(module, NET, knobs.changed(TrainKnobs(), train), DATA, 0, MODEL)


def finished(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def weights(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# --- training


@pytest.mark.parametrize(
    ("who", "other"), [("generator", "discriminator"), ("discriminator", "generator")]
)
@pytest.mark.parametrize("loss", LOSSES)
def test_who_does_not_learn_stays_exactly_as_it_is(who: str, other: str, loss: str) -> None:
    found = learner(steps_taken=3, loss=loss)  # the optimisers have moments by now
    found.train = knobs.changed(found.train, {"who": who})
    resting, learning = weights(getattr(found.module, other)), weights(getattr(found.module, who))
    advance(found, 3)
    assert same(resting, weights(getattr(found.module, other)))
    assert not same(learning, weights(getattr(found.module, who)))
    found.train = knobs.changed(found.train, {"who": "both"})
    advance(found, 1)
    assert not same(resting, weights(getattr(found.module, other)))


def test_the_curves_have_the_loss_of_each() -> None:
    found = learner()
    with found.random:
        metrics = found.advance()
    assert {line.name for line in MODEL.curves if line.kind == "raw"} <= set(metrics)
    assert float(metrics["loss"]) == float(metrics["generator"])
    wanted = {line.name for line in MODEL.curves if line.kind == "points"}
    assert wanted <= set(finished(MODEL.evaluate(found.averaged, DATA, NET, found.train, 4096)))


def test_it_finds_three_clusters() -> None:
    net = NetKnobs(width=32)
    found = learner(net, batch=64, steps_taken=500)
    measured = finished(MODEL.evaluate(found.averaged, DATA, net, found.train, None))
    assert measured["modes"] == 1.0
    assert measured["diversity"] == pytest.approx(1.0, abs=0.15)


# --- modes


def test_modes_are_counted_within_three_deviations() -> None:
    modes = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]], np.float32)
    points = np.array([[0.29, 0.0], [0.0, 0.31], [2.0, -0.2], [1.0, 1.0]], np.float32)
    wanted = [[True, False, False], [False] * 3, [False, True, False], [False] * 3]
    assert gan_2d.near_modes(points, modes, 0.1).tolist() == wanted


def test_measured_modes_and_quality_on_made_samples() -> None:
    first, second, _third = torch.from_numpy(DATA.modes)

    def half_on_two(z: Tensor) -> Tensor:
        points = torch.full((len(z), 2), 9.0)
        points[0::4], points[2::4] = first, second
        return points

    found = finished(gan_2d.evaluate(made_of(half_on_two).module, DATA, NET, TrainKnobs(), None))
    assert found["modes"] == pytest.approx(2 / 3)
    assert found["quality"] == pytest.approx(0.5)


@pytest.mark.parametrize("points", [DATA.train, DATA.train[DATA.train_labels == 2]])
def test_coverage_tells_which_modes_are_missing(points: Any) -> None:
    real = torch.from_numpy(points)
    bars = last(
        gan_2d.coverage(
            made_of(lambda z: real[torch.arange(len(z)) % len(real)]), gan_2d.CoverageKnobs()
        )
    )
    assert len(bars.values) == 3
    if len(points) == len(DATA.train):
        assert "All 3 modes are found" in bars.caption
        np.testing.assert_allclose(bars.values, 33, atol=4)
    else:
        assert "Mode collapse: 2 of 3 modes are missing" in bars.caption
        assert bars.labels == ("north", "west", "east")
        assert bars.values[:2] == (0.0, 0.0)
        assert bars.values[2] > 95


def test_without_known_modes_coverage_says_why_not() -> None:
    trained = made_of()
    bare = dataclasses.replace(DATA, modes=np.empty((0, 2), np.float32))
    with pytest.raises(Exception, match="no known modes"):
        last(gan_2d.coverage(dataclasses.replace(trained, data=bare), gan_2d.CoverageKnobs()))
    found = finished(gan_2d.evaluate(trained.module, bare, NET, TrainKnobs(), None))
    assert "modes" not in found


# --- views


@pytest.mark.parametrize("loss", LOSSES)
def test_the_arrows_are_the_gradients_of_the_generators_loss(loss: str) -> None:
    trained = trained_of(learner(steps_taken=30, loss=loss))
    points = noise(range(5), 2).numpy()
    found = gan_2d.pull(trained, points)
    trained.module.double()

    def loss_at(x: Any) -> float:
        with torch.no_grad():
            scores = trained.module.discriminator(torch.tensor(x)[None])
        return float(adversarial.generator_loss(loss, scores))

    h = 1e-5
    for point, arrow in zip(points.astype(np.float64), found, strict=True):
        slopes = [
            (loss_at(point + step) - loss_at(point - step)) / (2 * h) for step in h * np.eye(2)
        ]
        np.testing.assert_allclose(arrow, -np.array(slopes), rtol=1e-3, atol=1e-6)
    assert np.abs(found).max() > 1e-3


def test_arrows_start_at_the_generated_points_and_keep_their_proportions() -> None:
    trained = trained_of(learner(steps_taken=30))
    plane = last(gan_2d.surface(trained, gan_2d.SurfaceKnobs(count=40)))
    _real, generated = plane.dots
    assert np.array_equal(plane.arrows[:, :2], generated.points)
    lengths = np.linalg.norm(plane.arrows[:, 2:], axis=1)
    pulls = np.linalg.norm(gan_2d.pull(trained, generated.points), axis=1)
    np.testing.assert_allclose(lengths / lengths.max(), pulls / pulls.max(), rtol=1e-4, atol=1e-6)
    bare = last(gan_2d.surface(trained, gan_2d.SurfaceKnobs(arrows=False)))
    assert bare.arrows is None


def test_the_surface_lies_the_right_way_round() -> None:
    left, right, bottom, top = EXTENT
    for axis, (low, high) in enumerate(((left, right), (bottom, top))):
        trained = made_of(discriminator=lambda x, axis=axis: x[:, axis])
        surface = last(gan_2d.surface(trained, gan_2d.SurfaceKnobs())).surface
        side = len(surface)
        middles = low + (np.arange(side) + 0.5) * (high - low) / side
        wanted = 1 / (1 + np.exp(-middles))
        found = surface[5] if axis == 0 else surface[::-1, 5]  # row 0 is at the top
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_critics_surface_is_half_between_real_and_generated() -> None:
    # Real points have a mean of about 0 along x, generated ones of 2: zero is at 1.
    trained = made_of(lambda z: z * 0 + 2.0, lambda x: -x[:, 0], loss="wgan-gp")
    surface = last(gan_2d.surface(trained, gan_2d.SurfaceKnobs())).surface
    real_mean = DATA.train[: gan_2d.FAINT, 0].mean()
    left, right = EXTENT[:2]
    middles = left + (np.arange(len(surface[0])) + 0.5) * (right - left) / len(surface[0])
    zero = np.interp(-0.5, -surface[0], middles)
    assert zero == pytest.approx((real_mean + 2) / 2, abs=0.02)
    assert 0.0 <= surface.min() < surface.max() <= 1.0


def test_a_generator_that_changes_nothing_leaves_the_grid_as_it_is() -> None:
    panels = last(gan_2d.bent(made_of(lambda z: z), gan_2d.MapKnobs(lines=5, most=2.0)))
    before, after = panels.panels
    assert np.array_equal(before.paths, after.paths)
    assert before.paths.shape == (10, gan_2d.ON_A_LINE, 2)
    for line in before.paths[:5]:
        assert len(set(line[:, 0])) == 1  # upright: x stays
    for line in before.paths[5:]:
        assert len(set(line[:, 1])) == 1
    turned = last(gan_2d.bent(made_of(lambda z: z.flip(1) * 2), gan_2d.MapKnobs(lines=3)))
    np.testing.assert_allclose(
        turned.panels[1].paths, 2 * turned.panels[0].paths[:, :, ::-1], rtol=1e-6
    )


def test_each_point_is_made_from_its_own_seed() -> None:
    trained = trained_of(learner(steps_taken=5))
    many = last(gan_2d.sampler(trained, SampleKnobs(count=30, seed=7), ())).dots[-1].points
    for i in (0, 13, 29):
        one = last(gan_2d.sampler(trained, SampleKnobs(count=1, seed=7 + i), ())).dots[-1].points
        np.testing.assert_allclose(one[0], many[i], rtol=1e-5, atol=1e-6)
    still = last(gan_2d.sampler(trained, SampleKnobs(truncation=0.0), ())).dots[-1].points
    assert np.ptp(still, axis=0).max() < 1e-5


def test_an_opened_run_without_its_points_still_draws() -> None:
    trained = dataclasses.replace(
        trained_of(learner(steps_taken=5)), data=PointData.from_json(DATA.to_json())
    )
    plane = last(gan_2d.surface(trained, gan_2d.SurfaceKnobs(count=5)))
    assert len(plane.dots) == 1
    with pytest.raises(Exception, match="needs the points"):
        last(gan_2d.scores(trained, gan_2d.ScoreKnobs()))


# --- health


def test_a_collapse_is_found_and_its_remedy_cures_it() -> None:
    ring = finished(catalogue.load("mixture"))
    preset = MODEL.preset("collapse")
    (rule, *_rest) = MODEL.health
    found = Learner(MODEL, ring, preset.net, preset.train, seed=1)

    def go(steps: int) -> dict[str, float]:
        for _ in range(steps // 100):
            advance(found, 100)
            measured: dict[str, float] = finished(
                MODEL.evaluate(found.averaged, ring, preset.net, found.train, None)
            )
            found.history.add(found.step, found.seconds, measured)
        return measured

    sick = go(400)
    assert rule.found(found.history, found.train)
    assert sick["modes"] <= 0.5
    found.train = knobs.changed(found.train, rule.remedy(found.train))
    well = go(500)
    assert not rule.found(found.history, found.train)
    assert well["modes"] == 1.0

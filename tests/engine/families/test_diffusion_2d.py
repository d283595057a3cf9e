"""Diffusion in the plane: the score against a closed form, and what the views show."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.data.points import EXTENT, PointData
from engine.families import diffusion_2d
from engine.families.diffusion_2d import (
    FieldKnobs,
    ForwardKnobs,
    NetKnobs,
    SampleKnobs,
    TrainKnobs,
    TrajectoryKnobs,
)
from engine.family import Trained
from engine.layers import diffusing
from engine.layers.diffusing import LevelsKnobs
from engine.payloads import Film, Plane
from engine.phrases import PlaygroundError
from tests.engine.small import last, point_data, randomise

SMALL = NetKnobs(width=16, layers=2)
CENTRE, SPREAD = torch.tensor([0.5, -1.0]), 0.4


def trained(module: Any, **train: Any) -> Trained:
    return Trained(module, SMALL, TrainKnobs(**train), point_data(), 0, diffusion_2d.MODEL)


@functools.cache
def usual() -> Trained:
    module = diffusion_2d.build(SMALL, point_data()).eval().requires_grad_(False)
    randomise(module)
    return trained(module)


class Exact(nn.Module):
    """Knows E[x_0 | x_t] of one round Gaussian, and says it in the words of any target."""

    def __init__(self, target: str = "x0", schedule: str = "cosine") -> None:
        super().__init__()
        self.target, self.plan = target, diffusing.schedule(schedule)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        alpha, sigma = self.plan.at(times, x)
        gain = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
        x0 = CENTRE + gain * (x - alpha * CENTRE)
        noise = (x - alpha * x0) / sigma
        return {"x0": x0, "noise": noise, "velocity": alpha * noise - sigma * x0}[self.target]


def data_gone() -> PointData:
    return PointData.from_json(point_data().to_json())


# --- the network and the loss


def test_place_and_time_count() -> None:
    module = usual().module
    x, times = torch.tensor([[0.2, 0.3]]), torch.tensor([500])
    before = module(x, times)
    assert before.shape == (1, 2)
    for other in (module(x + torch.tensor([[0.1, 0.0]]), times), module(x, times + 20)):
        assert not torch.allclose(other, before)


def test_times_can_be_told_apart() -> None:
    waves = diffusion_2d.time_waves(torch.arange(1, 1001))
    gaps = torch.cdist(waves, waves) + 10 * torch.eye(1000)
    assert float(gaps.min()) > 0.005


@pytest.mark.parametrize("target", diffusing.TARGETS)
def test_the_loss_of_who_knows_the_distribution_is_the_rest_variance(target: str) -> None:
    # Of the velocity: Var(x_0 | x_t) (SNR + 1), whatever is predicted.
    train = TrainKnobs(target=target)
    count, time = 20_000, 400
    random = torch.Generator().manual_seed(0)
    x0 = CENTRE + SPREAD * torch.randn(count, 2, generator=random)
    noise = torch.randn(count, 2, generator=random)
    batch = diffusion_2d.Batch(x0, torch.full((count,), time), noise)
    (descent,) = diffusion_2d.step(Exact(target), batch, train)  # type: ignore[arg-type]
    snr = diffusing.schedule("cosine").snr(time)
    rest = 1 / (1 / SPREAD**2 + snr)
    assert float(descent.loss) == pytest.approx(rest * (snr + 1), rel=0.03)


def finish(run: Any) -> dict[str, float]:
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: dict[str, float] = stop.value
            return result


def test_the_held_out_loss_is_always_the_same_and_of_held_out_points() -> None:
    who = usual()
    first = finish(diffusion_2d.evaluate(who.module, who.data, SMALL, who.train, None))
    assert first == finish(diffusion_2d.evaluate(who.module, who.data, SMALL, who.train, None))
    other = dataclasses.replace(who.data, train=who.data.train + 1)
    assert first == finish(diffusion_2d.evaluate(who.module, other, SMALL, who.train, None))
    moved = dataclasses.replace(who.data, held_out=who.data.held_out + 1)
    assert first != finish(diffusion_2d.evaluate(who.module, moved, SMALL, who.train, None))
    # As many points as asked for, each at several levels: small and whole agree roughly.
    few = finish(diffusion_2d.evaluate(who.module, who.data, SMALL, who.train, 5))
    assert few != first


# --- sampling


@pytest.mark.parametrize("solver", diffusing.SAMPLERS)
@pytest.mark.parametrize("target", ["x0", "velocity"])
def test_who_knows_the_distribution_samples_from_it(solver: str, target: str) -> None:
    knobs = SampleKnobs(count=3000, steps=200, sampler=solver)
    plane = last(diffusion_2d.sampler(trained(Exact(target), target=target), knobs, ()))
    points = plane.dots[-1].points
    assert points.shape == (3000, 2)
    np.testing.assert_allclose(points.mean(0), CENTRE, atol=0.03)
    np.testing.assert_allclose(np.cov(points.T), SPREAD**2 * np.eye(2), atol=0.015)


def test_the_first_points_do_not_depend_on_how_many_there_are() -> None:
    few, many = (
        last(diffusion_2d.sampler(usual(), SampleKnobs(count=count, sampler="DDPM"), ()))
        for count in (5, 50)
    )
    np.testing.assert_allclose(few.dots[-1].points, many.dots[-1].points[:5], atol=1e-4)


def test_points_are_kept_where_data_can_be() -> None:
    class Far(nn.Module):
        def forward(self, x: Tensor, times: Tensor) -> Tensor:
            return x * 1e6

    plane = last(diffusion_2d.sampler(trained(Far()), SampleKnobs(count=10, steps=3), ()))
    assert np.abs(plane.dots[-1].points).max() <= diffusion_2d.REACH


# --- views


def test_forward_begins_with_the_data() -> None:
    film = last(diffusion_2d.forward(usual(), ForwardKnobs(count=40)))
    assert isinstance(film, Film)
    first, end = film.frames[0].dots[0], film.frames[-1].dots[0]
    np.testing.assert_array_equal(first.points, usual().data.train[:40])
    np.testing.assert_array_equal(first.classes, usual().data.train_labels[:40])
    assert float(np.abs(end.points - first.points).max()) > 1.0


def test_trajectories_go_from_noise_to_the_sample() -> None:
    knobs = TrajectoryKnobs(count=12, steps=80, seed=3)
    film = last(diffusion_2d.trajectories(usual(), knobs))
    assert len(film.frames) == diffusion_2d.FRAMES
    begin, end = film.frames[0], film.frames[-1]
    noise = diffusion_2d.noise_of(3, 12)(diffusing.TIMES).numpy()
    np.testing.assert_array_equal(begin.dots[-1].points, noise)
    sample = last(diffusion_2d.sampler(usual(), SampleKnobs(count=12, steps=80, seed=3), ()))
    np.testing.assert_array_equal(end.dots[-1].points, sample.dots[-1].points)
    for frame in film.frames:  # each way begins in the noise and leads to where its point is
        np.testing.assert_array_equal(frame.paths[:, 0], noise)
        np.testing.assert_array_equal(frame.paths[:, -1], frame.dots[-1].points)


def test_the_score_is_the_gradient_of_the_log_density() -> None:
    plan = diffusing.schedule("cosine")
    who = trained(Exact())
    x = torch.tensor([[0.3, 0.4], [-1.0, 0.2]])
    for time in (100, 500, 900):
        alpha, sigma = float(plan.alpha[time]), float(plan.sigma[time])
        points = x.double().requires_grad_()
        variance = alpha**2 * SPREAD**2 + sigma**2
        log_density = -((points - alpha * CENTRE) ** 2).sum() / (2 * variance)
        (wanted,) = torch.autograd.grad(log_density, points)
        found = diffusion_2d.score(diffusion_2d.predictor(who), plan, x, time)
        torch.testing.assert_close(found, wanted.float(), rtol=1e-3, atol=1e-3)


def test_the_field_points_to_where_the_data_is() -> None:
    film = last(diffusion_2d.field(trained(Exact()), FieldKnobs(arrows=7)))
    # As many frames as there are noise levels; nothing is drawn where there is no noise.
    assert len(film.frames) == len(film.names) == diffusion_2d.FRAMES
    plan = diffusing.schedule("cosine")
    for frame, name in ((film.frames[10], film.names[10]), (film.frames[-1], film.names[-1])):
        time = int(name.split(",")[0].removeprefix("t = "))
        assert isinstance(frame, Plane)
        assert frame.arrows is not None
        starts, ways = frame.arrows[:, :2], frame.arrows[:, 2:]
        towards = float(plan.alpha[time]) * CENTRE.numpy() - starts
        cosines = (ways * towards).sum(1) / (
            np.linalg.norm(ways, axis=1) * np.linalg.norm(towards, axis=1)
        )
        np.testing.assert_allclose(cosines, 1.0, atol=1e-3)
        assert np.linalg.norm(ways, axis=1).max() < (EXTENT[1] - EXTENT[0]) / 7
        assert frame.surface is not None
        row, column = np.unravel_index(frame.surface.argmin(), frame.surface.shape)
        place = diffusion_2d.grid(diffusion_2d.SURFACE).view(*frame.surface.shape, 2)[row, column]
        away = (place - float(plan.alpha[time]) * CENTRE).abs().max()
        assert float(away) <= (EXTENT[1] - EXTENT[0]) / diffusion_2d.SURFACE


def test_the_grid_begins_at_the_top_left() -> None:
    grid = diffusion_2d.grid(3)
    assert grid[0].tolist() == [-2.0, 2.0]
    assert grid[2].tolist() == [2.0, 2.0]
    assert grid[-1].tolist() == [2.0, -2.0]


def test_levels_of_who_knows_the_distribution() -> None:
    random = np.random.default_rng(0)
    points = (CENTRE.numpy() + SPREAD * random.standard_normal((4000, 2))).astype(np.float32)
    who = trained(Exact())
    data = dataclasses.replace(who.data, train=points[:2000], held_out=points[2000:])
    curve = last(diffusion_2d.levels(dataclasses.replace(who, data=data), LevelsKnobs(error="x0")))
    plan = diffusing.schedule("cosine")
    for line in curve.lines:
        wanted = [1 / (1 / SPREAD**2 + plan.snr(int(time))) for time in line.x]
        np.testing.assert_allclose(line.y, wanted, rtol=0.15)


def test_without_its_data_a_run_still_draws() -> None:
    who = dataclasses.replace(usual(), data=data_gone())
    (dots,) = last(diffusion_2d.sampler(who, SampleKnobs(count=4, steps=3), ())).dots
    assert len(dots.points) == 4
    assert last(diffusion_2d.trajectories(who, TrajectoryKnobs(steps=3))).frames
    for drawing in (
        diffusion_2d.forward(who, ForwardKnobs()),
        diffusion_2d.levels(who, LevelsKnobs()),
    ):
        with pytest.raises(PlaygroundError, match="points"):
            last(drawing)


def test_waves_of_the_place_repeat_beyond_what_is_shown() -> None:
    module = diffusion_2d.Perceptron(NetKnobs(width=8, waves=2))
    assert module.rates.tolist() == pytest.approx([math.pi / 3, 2 * math.pi / 3])

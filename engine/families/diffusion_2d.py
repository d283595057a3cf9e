"""Diffusion in the plane: the same as on pictures, with two numbers for a picture.

Here everything can be drawn: the points on their way from noise to the data, and the score,
the gradient of the log density of the noised data, along which they go (Tweedie's formula):

    score(x, t) = grad log q_t(x) = (alpha_t E[x_0 | x_t = x] - x) / sigma_t^2

The network is a perceptron that sees the point, sines and cosines of its coordinates, and
Fourier features of the time.

Ho et al. 2020, arXiv:2006.11239; score: Song et al. 2021, arXiv:2011.13456; Fourier features:
Tancik et al. 2020, arXiv:2006.10739.
"""

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.points import EXTENT, PointData
from engine.family import Descent, Drawing, Model, Preset, Trained, View
from engine.knobs import knob
from engine.layers import diffusing, pictures
from engine.layers.diffusing import (
    DiffusionTrainKnobs,
    LevelsKnobs,
    Noise,
    Predict,
    SamplerKnobs,
    Step,
)
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pictures import MOST_SEED, PictureSampleKnobs
from engine.payloads import Dots, Film, Plane
from engine.phrases import N_, PlaygroundError

REACH = 4.0  # predicted points are kept within this distance of 0 on each axis


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape of the perceptron."""

    width: int = knob(
        128, N_("Units"), low=8, high=512, help=N_("Of each hidden layer of the perceptron.")
    )
    layers: int = knob(3, N_("Layers"), low=1, high=8, help=N_("Hidden layers."))
    waves: int = knob(
        4,
        N_("Waves of the place"),
        low=0,
        high=16,
        advanced=True,
        help=N_("Sines and cosines of each coordinate, ever finer: they let it draw fine detail."),
    )


TIME_WAVES = 8


class Perceptron(nn.Module):
    """(N, 2) points and (N,) times to (N, 2)."""

    rates: Tensor

    def __init__(self, net: NetKnobs) -> None:
        super().__init__()
        self.waves = net.waves
        rates = torch.arange(1, net.waves + 1) * (math.pi / EXTENT[1])
        self.register_buffer("rates", rates, persistent=False)
        inputs = 2 + 4 * net.waves
        self.enter = nn.Linear(inputs, net.width)
        self.time = nn.Linear(2 * TIME_WAVES, net.width)
        self.hidden = nn.ModuleList(nn.Linear(net.width, net.width) for _ in range(net.layers - 1))
        self.leave = nn.Linear(net.width, 2)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        """x: x_t, (N, 2); times: (N,) from 1 to 1000."""
        angles = (x[:, :, None] * self.rates).flatten(1)
        y = self.enter(torch.cat([x, angles.sin(), angles.cos()], dim=1))
        y = F.silu(y + self.time(time_waves(times)))
        for layer in self.hidden:
            y = y + F.silu(layer(y))
        said: Tensor = self.leave(y)
        return said


def time_waves(times: Tensor) -> Tensor:
    """(N,) times to (N, 2 TIME_WAVES): cosines and sines of 1, 2, ... half turns over all times."""
    angles = times[:, None] / diffusing.TIMES * math.pi * torch.arange(1, TIME_WAVES + 1)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


# --- training


@dataclass(frozen=True)
class TrainKnobs(DiffusionTrainKnobs):
    """How it is trained."""


class Batch(NamedTuple):
    """x0, noise: (N, 2); times: (N,)."""

    x0: Tensor
    times: Tensor
    noise: Tensor


def build(net: NetKnobs, data: PointData) -> Perceptron:
    """A new network."""
    return Perceptron(net)


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) on everything."""
    return {
        "all": [
            torch.optim.AdamW(
                module.parameters(),
                lr=train.learning_rate,
                betas=(0.9, 0.99),
                weight_decay=0.0,
                fused=True,
            )
        ]
    }


def batch(data: PointData, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Batch:
    """Points at random, each with its noise level and its noise."""
    rows = torch.randint(len(data.train), (train.batch,), generator=random).numpy()
    x0 = torch.from_numpy(data.train[rows])
    times = diffusing.draw_times(train.batch, train.times, random)
    return Batch(x0, times, torch.randn(x0.shape, generator=random))


def step(module: Perceptron, batch: Batch, train: TrainKnobs) -> Iterator[Descent]:
    """The weighted squared error of what the network says of noised points."""
    yield Descent(_losses(module, batch, train).mean())


def _losses(module: Perceptron, batch: Batch, train: TrainKnobs) -> Tensor:
    """The loss of each point, (N,)."""
    x0, times, noise = batch
    x = diffusing.noised(x0, noise, times, diffusing.schedule(train.schedule))
    return diffusing.squared_error(module(x, times), x0, noise, times, train)


MEASURED = 1024  # held-out points that are measured on while training
EACH = 4  # noise levels that each of them is measured at


@torch.no_grad()
def evaluate(
    module: Perceptron, data: PointData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """The loss on held-out points, each at `EACH` noise levels that are always the same.

    The levels are spread as in training, so that the two losses may be compared.
    """
    count = len(data.held_out) if most is None else min(len(data.held_out), most, MEASURED)
    order = torch.from_numpy(np.random.default_rng(0).permutation(count * EACH))
    times = diffusing.even_times(count * EACH, train.times)[order].view(EACH, count)
    total = 0.0
    for turn in range(EACH):
        part = Batch(torch.from_numpy(data.held_out[:count]), times[turn], _noise(turn, count))
        total += float(_losses(module, part, train).mean())
        yield
    return {"held_out": total / EACH}


def _noise(seed: int, count: int) -> Tensor:
    """Standard normal numbers, (count, 2). The first ones do not depend on the count."""
    return pictures.noise([seed], count, 2)[0]


# --- sampling


@dataclass(frozen=True)
class WayKnobs(SamplerKnobs):
    """How one comes from noise to data; steps cost next to nothing here."""

    steps: int = knob(
        50,
        N_("Steps"),
        low=1,
        high=diffusing.TIMES,
        log=True,
        live=True,
        help=N_("How often the network is asked."),
    )


@dataclass(frozen=True)
class SampleKnobs(WayKnobs, PictureSampleKnobs):
    """How to draw points."""

    count: int = knob(
        500, N_("Points"), low=1, high=5000, live=True, help=N_("How many are drawn at once.")
    )
    seed: int = knob(
        1, N_("Seed"), low=0, high=MOST_SEED, live=True, help=N_("Of the noise to start from.")
    )


def predictor(trained: Trained) -> Predict:
    """What the model takes x_t for, within `REACH`."""
    module, train = trained.module, trained.train
    plan = diffusing.schedule(train.schedule)

    def predict(x: Tensor, time: int) -> Tensor:
        times = torch.full((len(x),), time)
        alpha, sigma = plan.at(times, x)
        found = diffusing.x0_of(train.target, module(x, times), x, alpha, sigma)
        return found.clamp(-REACH, REACH)

    return predict


def noise_of(seed: int, count: int) -> Noise:
    """Noise for `count` points that depends on the seed and the time alone."""
    by_seed = diffusing.noise_by_seed([seed], (count, 2))
    return lambda time: by_seed(time)[0]


def walk(trained: Trained, knobs: Any, count: int) -> Generator[Step, None, None]:
    """From noise to points, step by step. `knobs` as in `SampleKnobs`."""
    noise = noise_of(knobs.seed, count)
    return diffusing.denoise(
        predictor(trained),
        diffusing.schedule(trained.train.schedule),
        noise(diffusing.TIMES),
        diffusing.path(knobs.steps),
        noise,
        knobs.sampler,
        knobs.eta,
    )


SHOW_SECONDS = 0.04
BEHIND = 800  # points of the data that are drawn behind the others


def behind(data: PointData) -> tuple[Dots, ...]:
    """The data, faintly; nothing where it is gone."""
    return (Dots(N_("data"), data.train[:BEHIND], tone="faint"),) if len(data.train) else ()


@torch.no_grad()
def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draw points; yields them over the data as they come out of the noise."""
    shown = -math.inf
    for at in walk(trained, knobs, knobs.count):
        now = perf_counter()
        if now - shown < SHOW_SECONDS and at.time:
            yield None
            continue
        shown = now
        generated = Dots(N_("generated"), at.x.numpy().copy())
        yield Plane(EXTENT, (*behind(trained.data), generated))


# --- views


@dataclass(frozen=True)
class ForwardKnobs:
    """How much of the data, and the noise."""

    count: int = knob(500, N_("Points"), low=10, high=2000, live=True)
    seed: int = knob(1, N_("Seed of the noise"), low=0, high=MOST_SEED, live=True)


FRAMES = 25  # noise levels, and most frames of a film


@torch.no_grad()
def forward(trained: Trained, knobs: ForwardKnobs) -> Drawing:
    """A film over the noise levels: the data dissolves into a round cloud."""
    data = trained.data
    if not len(data.train):
        raise PlaygroundError(N_("this view needs the points that the model learned from"))
    x0 = torch.from_numpy(data.train[: knobs.count])
    noise = _noise(knobs.seed, len(x0))
    plan = diffusing.schedule(trained.train.schedule)
    classes = data.train_labels[: knobs.count] if len(data.classes) > 1 else None
    frames, names = [], []
    for time in reversed(diffusing.path(FRAMES)):
        x = diffusing.noised(x0, noise, torch.tensor([time]), plan).numpy()
        dots = Dots(N_("noised data"), x, classes, tuple(str(name) for name in data.classes))
        frames.append(Plane(EXTENT, (dots,)))
        names.append(f"t = {time}, {diffusing.decibels(plan, time)}")
        yield None
    yield Film(
        tuple(frames),
        tuple(names),
        start=FRAMES // 3,
        caption=N_("SNR: how strong the data is beside the noise; 0 dB is equally strong."),
    )


@dataclass(frozen=True)
class TrajectoryKnobs(WayKnobs):
    """Which points, and how they go."""

    count: int = knob(80, N_("Points"), low=1, high=500, live=True)
    seed: int = knob(1, N_("Seed"), low=0, high=MOST_SEED, live=True)


@torch.no_grad()
def trajectories(trained: Trained, knobs: TrajectoryKnobs) -> Drawing:
    """A film of the points on their way, with the ways they came."""
    places, times = [], []
    for at in walk(trained, knobs, knobs.count):
        places.append(at.x.numpy().copy())
        times.append(at.time)
        yield None
    shown = diffusing.spread(len(places), FRAMES)
    ways = np.stack([places[i] for i in diffusing.spread(len(places), BENDS)], axis=1)
    frames = []
    for place in shown:
        gone = 1 + round(place * (ways.shape[1] - 1) / max(len(places) - 1, 1))
        so_far = np.concatenate([ways[:, :gone], places[place][:, None]], axis=1)
        dots = (*behind(trained.data), Dots(N_("generated"), places[place]))
        frames.append(Plane(EXTENT, dots, paths=so_far))
        yield None
    yield Film(
        tuple(frames),
        tuple(f"t = {times[place]}" for place in shown),
        caption=N_("Each point from noise to data. DDPM trembles, the others go smoothly."),
    )


BENDS = 60  # most corners of a drawn way


@dataclass(frozen=True)
class FieldKnobs:
    """How finely it is drawn."""

    arrows: int = knob(15, N_("Arrows across"), low=3, high=40, live=True)


@torch.no_grad()
def field(trained: Trained, knobs: FieldKnobs) -> Drawing:
    """A film over the noise levels: the score as arrows, and its strength as colours."""
    plan = diffusing.schedule(trained.train.schedule)
    predict = predictor(trained)
    fine, coarse = grid(SURFACE), grid(knobs.arrows)
    reach = 0.9 * (EXTENT[1] - EXTENT[0]) / knobs.arrows  # of the longest arrow
    frames, names = [], []
    for time in reversed(diffusing.path(FRAMES)[:-1]):
        strength = score(predict, plan, fine, time).norm(dim=1) * float(plan.sigma[time])
        yield None
        arrows = score(predict, plan, coarse, time).numpy()
        longest = max(float(np.linalg.norm(arrows, axis=1).max()), 1e-9)
        frames.append(
            Plane(
                EXTENT,
                behind(trained.data),
                surface=strength.view(SURFACE, SURFACE).numpy(),
                value_title=N_("strength of the score times sigma"),
                arrows=np.concatenate([coarse.numpy(), arrows * (reach / longest)], axis=1),
            )
        )
        names.append(f"t = {time}, {diffusing.decibels(plan, time)}")
        yield None
    yield Film(
        tuple(frames),
        tuple(names),
        start=FRAMES // 6,
        caption=N_(
            "Arrows: where the noised data grows denser, the longest at its full length. Dark: "
            "the score vanishes, on the crests and in the hollows of the density."
        ),
    )


SURFACE = 48  # points of the surface along each side


def score(predict: Predict, plan: diffusing.Schedule, x: Tensor, time: int) -> Tensor:
    """grad log q_t(x) by Tweedie's formula, (N, 2)."""
    alpha, sigma = float(plan.alpha[time]), float(plan.sigma[time])
    return (alpha * predict(x, time) - x) / sigma**2


def grid(across: int) -> Tensor:
    """The middles of across x across cells of `EXTENT`, (across^2, 2); the first row is on top."""
    left, right, bottom, top = EXTENT
    middles = (torch.arange(across) + 0.5) / across
    y, x = torch.meshgrid(
        top + (bottom - top) * middles, left + (right - left) * middles, indexing="ij"
    )
    return torch.stack([x.flatten(), y.flatten()], dim=1)


@torch.no_grad()
def levels(trained: Trained, knobs: LevelsKnobs) -> Drawing:
    """The loss at each noise level, on held-out points and on training points."""
    data = trained.data
    if not len(data.train):
        raise PlaygroundError(N_("this view needs the points that the model learned from"))
    count = min(len(data.held_out), MEASURED)

    def measure(part: str, time: int, train: TrainKnobs) -> Generator[None, None, float]:
        points = data.held_out if part == "held-out" else data.train
        x0 = torch.from_numpy(points[:count])
        batch = Batch(x0, torch.full((count,), time), _noise(time, count))
        yield
        return float(_losses(trained.module, batch, train).mean())

    yield from diffusing.levels(trained.train, knobs, measure)


MODEL = Model(
    key="diffusion-2d",
    title=N_("Diffusion in the plane"),
    summary=N_("The same on points of the plane, where every step can be drawn."),
    papers=("Ho et al. 2020", "Song et al. 2021"),
    accepts="points",
    data="moons",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "default",
            N_("Small and quick"),
            N_("Three layers of 128: the shape is there within seconds."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=6000, batch=256, learning_rate=2e-3, target="velocity"),
        ),
        Preset(
            "fine",
            N_("Fine detail"),
            N_("Four layers of 192 and more waves, for spirals and letters."),
            NetKnobs(width=192, layers=4, waves=8),
            with_defaults(
                TrainKnobs, steps=10_000, batch=512, learning_rate=2e-3, target="velocity"
            ),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=(
        View(
            "trajectories",
            N_("Trajectories"),
            N_("Points on their way from noise to the data: move the slider."),
            trajectories,
            TrajectoryKnobs,
            every=3.0,
        ),
        View(
            "field",
            N_("Score field"),
            N_("Where a noised point is pulled to, at each noise level."),
            field,
            FieldKnobs,
            every=3.0,
        ),
        View(
            "forward",
            N_("Into the noise"),
            N_("The data with more and more noise: move the slider."),
            forward,
            ForwardKnobs,
        ),
        View(
            "levels",
            N_("Loss by noise level"),
            N_("The error at each noise level, on held-out and on training points."),
            levels,
            LevelsKnobs,
        ),
    ),
    aside=0.1,  # a wall that changes is what one watches
    health=(OVERFITTING, PLATEAU),
    film="trajectories",
)

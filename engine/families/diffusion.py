"""Diffusion on pictures: a network that removes noise, applied again and again.

A picture is drowned in noise, x_t = alpha_t x_0 + sigma_t noise, and the network learns to
say from x_t and t what was below (see `engine.layers.diffusing`). To make a picture, start
with noise alone and let it remove a little at a time.

The network is a small U-Net: blocks on a grid of about 14x14 and on one of half the size, with
a bridge between the two halves. Its first layer takes 2x2 points at once (space to depth), which
quarters the work. Time and class enter each block as a scale and a shift of the channels.

Ho et al. 2020, arXiv:2006.11239; U-Net with time and class: Dhariwal & Nichol 2021,
arXiv:2105.05233 (section 3); guidance: Ho & Salimans 2022, arXiv:2207.12598.
"""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData
from engine.family import Descent, Drawing, Model, Preset, Trained, View
from engine.knobs import changed, knob
from engine.layers import diffusing, pictures
from engine.layers.diffusing import DiffusionTrainKnobs, LevelsKnobs, Predict, SamplerKnobs, Step
from engine.layers.erasing import ErasedKnobs, OfPicture, filled_in, real_picture, rubbed_out
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.muon import Muon
from engine.layers.pictures import MOST_SEED, NEAREST, PictureSampleKnobs
from engine.payloads import Film, Images, Panels
from engine.phrases import N_, PlaygroundError

# Shapes: N pictures, C channels, H height, W width.


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape of the U-Net."""

    width: int = knob(
        32,
        N_("Channels"),
        low=8,
        high=128,
        help=N_("On the finer grid; the coarser one has twice as many."),
    )
    depth: int = knob(
        1, N_("Blocks"), low=1, high=6, help=N_("On each grid, on the way down and on the way up.")
    )
    patch: str = knob(
        "by size",
        N_("Points taken at once"),
        choices=(N_("by size"), "1", "2", "4"),
        advanced=True,
        help=N_("2: the network works on squares of 2x2 points, with a quarter of the work."),
    )
    labels: bool = knob(
        True,
        N_("Knows the classes"),
        help=N_("Told the class of each picture, it can be asked for one. Off: never told."),
    )


def patch_of(net: NetKnobs, height: int, width: int) -> int:
    """The points taken at once along each side: as many as leave a grid of about 14."""
    if net.patch != "by size":
        return int(net.patch)
    size = max(height, width)
    return 1 if size <= 16 else 2 if size <= 32 else 4


class Block(nn.Module):
    """x + conv(silu(scale * norm(conv(silu(norm(x)))) + shift))."""

    def __init__(self, wide: int, told: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, wide)
        self.conv1 = nn.Conv2d(wide, wide, 3, padding=1)
        self.tell = nn.Linear(told, 2 * wide)
        self.norm2 = nn.GroupNorm(1, wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1)
        # With zeros here a new block passes its input on, and learns from there.
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x: (N, wide, H, W); told: (N, told), of time and class."""
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, dim=1)
        y = self.conv1(F.silu(self.norm1(x)))
        y = torch.addcmul(shift, self.norm2(y), 1 + scale)
        added: Tensor = self.conv2(F.silu(y))
        return x + added


class UNet(nn.Module):
    """(N, C, H, W), time and class to (N, C, H, W)."""

    def __init__(self, net: NetKnobs, data: ImageData) -> None:
        super().__init__()
        height, width, channels = data.shape
        self.patch = patch_of(net, height, width)
        self.classes = len(data.classes) if net.labels else 0
        fine, coarse, told = net.width, 2 * net.width, 2 * net.width
        numbers = channels * self.patch**2
        self.time = nn.Sequential(nn.Linear(FEATURES, told), nn.SiLU(), nn.Linear(told, told))
        self.label = nn.Embedding(self.classes + 1, told)  # the last is "no class"
        self.enter = nn.Conv2d(numbers, fine, 3, padding=1)
        self.down = nn.ModuleList(Block(fine, told) for _ in range(net.depth))
        self.shrink = nn.Conv2d(fine, coarse, 2, stride=2)
        self.middle = nn.ModuleList(Block(coarse, told) for _ in range(2 * net.depth))
        self.grow = nn.Conv2d(coarse, 4 * fine, 1)
        self.join = nn.Conv2d(2 * fine, fine, 1)
        self.up = nn.ModuleList(Block(fine, told) for _ in range(net.depth))
        self.norm = nn.GroupNorm(1, fine)
        self.leave = nn.Conv2d(fine, numbers, 3, padding=1)
        nn.init.normal_(self.label.weight, std=0.5)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """x: x_t, (N, C, H, W); times: (N,) from 1 to 1000; labels: (N,), `no_label` for none."""
        height, width = x.shape[2:]
        grid = 2 * self.patch
        x = F.pad(x, (0, -width % grid, 0, -height % grid))
        # This memory format is twice as fast on a CPU.
        y = F.pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last)
        told = F.silu(self.time(time_features(times)) + self.label(labels))
        y = self.enter(y)
        for block in self.down:
            y = block(y, told)
        z = self.shrink(y)
        for block in self.middle:
            z = block(z, told)
        y = self.join(torch.cat([y, F.pixel_shuffle(self.grow(z), 2)], dim=1))
        for block in self.up:
            y = block(y, told)
        y = self.leave(F.silu(self.norm(y)))
        return F.pixel_shuffle(y, self.patch)[:, :, :height, :width]

    @property
    def no_label(self) -> int:
        """What stands for "no class"."""
        return self.classes


FEATURES = 64


def time_features(times: Tensor) -> Tensor:
    """(N,) times to (N, FEATURES): sines and cosines of 32 frequencies, as for positions."""
    rates = torch.exp(torch.arange(FEATURES // 2) * (-math.log(1000.0) / (FEATURES // 2 - 1)))
    angles = times[:, None].float() * rates * 0.5
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@dataclass(frozen=True)
class TrainKnobs(DiffusionTrainKnobs):
    """How it is trained."""

    drop_label: float = knob(
        0.15,
        N_("Labels left out"),
        low=0.0,
        high=1.0,
        live=True,
        advanced=True,
        help=N_("This share learns without its class: guidance needs to know both."),
    )
    optimiser: str = knob(
        "Muon",
        N_("Optimiser"),
        choices=("Muon", "AdamW"),
        advanced=True,
        help=N_("Muon makes each step equally long in all directions of a weight matrix."),
    )


# --- training


class Batch(NamedTuple):
    """x0, noise: (N, C, H, W), the pictures in [-1, 1]; labels, times: (N,)."""

    x0: Tensor
    labels: Tensor
    times: Tensor
    noise: Tensor


def build(net: NetKnobs, data: ImageData) -> UNet:
    """A new network for pictures of the shape of `data`."""
    return UNet(net, data)


def optimise(module: UNet, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """Muon on the weights inside, AdamW on the rest (biases, classes, first and last layer)."""
    outside = ("enter", "leave", "label", "time")
    inside = [
        parameter
        for name, parameter in module.named_parameters()
        if parameter.dim() > 1 and name.split(".")[0] not in outside
    ]
    muon = inside if train.optimiser == "Muon" else []
    taken = {id(parameter) for parameter in muon}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in taken]
    adam = torch.optim.AdamW(rest, lr=train.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    return {"all": [adam, Muon(muon, lr=train.learning_rate)] if muon else [adam]}


def batch(data: ImageData, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Batch:
    """Pictures at random, each with its noise level, its noise, and mostly its class."""
    rows = torch.randint(len(data.train), (train.batch,), generator=random).numpy()
    x0 = pictures.to_unit(data.train[rows]) * 2 - 1
    dropped = torch.rand(train.batch, generator=random) < train.drop_label
    labels = _labels(data.train_labels[rows], data, net).masked_fill(dropped, _classes(data, net))
    times = diffusing.draw_times(train.batch, train.times, random)
    return Batch(x0, labels, times, torch.randn(x0.shape, generator=random))


def _classes(data: ImageData, net: NetKnobs) -> int:
    """How many classes the network knows; also what it is told where there is none."""
    return len(data.classes) if net.labels else 0


def _labels(labels: Any, data: ImageData, net: NetKnobs) -> Tensor:
    return torch.from_numpy(labels).clamp(max=_classes(data, net))


def step(module: UNet, batch: Batch, train: TrainKnobs) -> Iterator[Descent]:
    """The weighted squared error of what the network says of noised pictures."""
    yield Descent(_losses(module, batch, train).mean())


def _losses(module: UNet, batch: Batch, train: TrainKnobs) -> Tensor:
    """The loss of each picture, (N,)."""
    x0, labels, times, noise = batch
    x = diffusing.noised(x0, noise, times, diffusing.schedule(train.schedule))
    return diffusing.squared_error(module(x, times, labels), x0, noise, times, train)


CHUNK = 32  # pictures between two safe points
MEASURED = 128  # held-out pictures that are measured on while training


@torch.no_grad()
def evaluate(
    module: UNet, data: ImageData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """The loss on held-out pictures, each at a noise level of its own that is always the same.

    The levels are spread as in training, so that the two losses may be compared.

    With `most`, of at most `MEASURED` pictures.
    """
    count = len(data.held_out) if most is None else min(len(data.held_out), most, MEASURED)
    order = torch.from_numpy(np.random.default_rng(0).permutation(count))
    times = diffusing.even_times(count, train.times)[order]
    total = 0.0
    for first in range(0, count, CHUNK):
        rows = slice(first, min(first + CHUNK, count))
        part = _held_out(data, net, rows, times[rows])
        total += float(_losses(module, part, train).sum())
        yield
    return {"held_out": total / count}


def _held_out(data: ImageData, net: NetKnobs, rows: slice, times: Tensor) -> Batch:
    """Held-out pictures with noise that follows from their place."""
    x0 = pictures.to_unit(data.held_out[rows]) * 2 - 1
    noise = pictures.noise(range(rows.start, rows.stop), *x0.shape[1:])
    return Batch(x0, _labels(data.held_out_labels[rows], data, net), times, noise)


# --- sampling


@dataclass(frozen=True)
class GuidanceKnobs:
    """Of which class, and how strongly."""

    guidance: float = knob(
        1.5,
        N_("Guidance"),
        low=0.0,
        high=10.0,
        live=True,
        help=N_(
            "0: the class is not told. 1: it is told. More goes beyond, away from what it would "
            "draw without: clearer, and more alike."
        ),
    )
    label: int = knob(
        -1,
        N_("Class"),
        low=-1,
        high=9999,
        live=True,
        help=N_("Number of the class to draw; -1 takes each in turn."),
    )


@dataclass(frozen=True)
class SampleKnobs(GuidanceKnobs, SamplerKnobs, PictureSampleKnobs):
    """How to draw pictures."""


def predictor(trained: Trained, labels: Tensor, guidance: float) -> Predict:
    """What the model takes x_t for, within [-1, 1], for rows of these classes (N,).

    With a guidance other than 0 and 1 it is asked twice, with and without the class.
    """
    module, train = trained.module, trained.train
    plan = diffusing.schedule(train.schedule)
    nothing = torch.full_like(labels, module.no_label)
    if not module.classes:
        guidance = 0.0

    def predict(x: Tensor, time: int) -> Tensor:
        times = torch.full_like(labels, time)
        if guidance in (0.0, 1.0):
            said = module(x, times, labels if guidance else nothing)
        else:
            twice = module(x.repeat(2, 1, 1, 1), times.repeat(2), torch.cat([labels, nothing]))
            said = diffusing.guided(guidance, *twice.chunk(2))
        alpha, sigma = plan.at(times, x)
        return diffusing.x0_of(train.target, said, x, alpha, sigma).clamp(-1, 1)

    return predict


def labels_of(trained: Trained, seeds: Sequence[int], label: int) -> Tensor:
    """The class of each seed, (N,): the one asked for, or each in turn by the seed's number."""
    classes = trained.module.classes
    if not classes:
        return torch.zeros(len(seeds), dtype=torch.int64)
    wanted = [seed % classes if label < 0 else min(label, classes - 1) for seed in seeds]
    return torch.tensor(wanted, dtype=torch.int64)


def size_of(trained: Trained) -> tuple[int, int, int]:
    """(C, H, W) of a picture."""
    height, width, channels = trained.data.shape
    return channels, height, width


def walk(trained: Trained, knobs: Any, seeds: Sequence[int]) -> Generator[Step, None, None]:
    """From the noise of each seed to its picture, step by step. `knobs` as in `SampleKnobs`."""
    noise = diffusing.noise_by_seed(seeds, size_of(trained))
    return diffusing.denoise(
        predictor(trained, labels_of(trained, seeds, knobs.label), knobs.guidance),
        diffusing.schedule(trained.train.schedule),
        noise(diffusing.TIMES),
        diffusing.path(knobs.steps),
        noise,
        knobs.sampler,
        knobs.eta,
    )


def finished(way: Generator[Step, None, None]) -> Generator[None, None, Tensor]:
    """Go `way` to its end, with a safe point at each step; returns where it ends."""
    for at in way:
        x = at.x
        yield None
    return x


GROUP = 16  # pictures that go through the network at once
SHOW_SECONDS = 0.04


@torch.no_grad()
def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draw pictures, `GROUP` of them at a time; yields them as they come out of the noise."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    x = diffusing.noise_by_seed(seeds, size_of(trained))(diffusing.TIMES)
    shown = -math.inf
    for first in range(0, knobs.count, GROUP):
        for at in walk(trained, knobs, seeds[first : first + GROUP]):
            x[first : first + GROUP] = at.x
            now = perf_counter()
            if now - shown < SHOW_SECONDS:
                yield None
                continue
            shown = now
            yield pictures.wall(to_unit(x), seeds)
    yield pictures.wall(to_unit(x), seeds)


def to_unit(x: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return (x + 1) / 2


# --- views


def chosen(trained: Trained, knobs: OfPicture) -> Tensor:
    """The picture that `knobs` names, (1, C, H, W) in [-1, 1]."""
    return pictures.to_unit(real_picture(trained, knobs)) * 2 - 1


def told(trained: Trained, label: int, count: int) -> tuple[Tensor, float]:
    """Classes (count,) and guidance for one class, or for none where `label` is -1."""
    return labels_of(trained, [0] * count, label), 0.0 if label < 0 else 1.0


@dataclass(frozen=True)
class ForwardKnobs(OfPicture):
    """A picture, and the noise that is added."""

    seed: int = knob(1, N_("Seed of the noise"), low=0, high=MOST_SEED, live=True)


@torch.no_grad()
def forward(trained: Trained, knobs: ForwardKnobs) -> Drawing:
    """A film over the noise levels: x_t, and what the model takes it for."""
    x0 = chosen(trained, knobs)
    noise = pictures.noise([knobs.seed], *size_of(trained))
    plan = diffusing.schedule(trained.train.schedule)
    predict = predictor(trained, *told(trained, -1, 1))
    frames, names = [], []
    for time in reversed(diffusing.path(FRAMES)):
        x = diffusing.noised(x0, noise, torch.tensor([time]), plan)
        guess = predict(x, time) if time else x0
        frames.append(
            Images(
                pictures.to_pixels(to_unit(torch.cat([x, guess]))),
                labels=(N_("noised"), N_("what the model sees in it")),
                across=2,
            )
        )
        names.append(f"t = {time}, {diffusing.decibels(plan, time)}")
        yield None
    yield Film(
        tuple(frames),
        tuple(names),
        start=FRAMES // 3,
        caption=N_("SNR: how strong the picture is beside the noise; 0 dB is equally strong."),
    )


FRAMES = 25  # noise levels, and most frames of a film


@dataclass(frozen=True)
class SeedKnobs:
    """The noise to start from."""

    seed: int = knob(1, N_("Seed"), low=0, high=MOST_SEED, live=True)


@dataclass(frozen=True)
class FilmstripKnobs(GuidanceKnobs, SamplerKnobs, SeedKnobs):
    """One seed, and how it is drawn."""


@torch.no_grad()
def filmstrip(trained: Trained, knobs: FilmstripKnobs) -> Drawing:
    """The way of one seed: x_t, the predicted picture and the predicted noise below each other."""
    ways = []
    for at in walk(trained, knobs, [knobs.seed]):
        ways.append(at)
        yield None
    ways = [ways[i] for i in diffusing.spread(len(ways), COLUMNS)]
    rows = [
        to_unit(torch.cat([at.x for at in ways])),
        to_unit(torch.cat([at.x0 for at in ways])),
        torch.cat([at.noise for at in ways]) / 6 + 0.5,  # three deviations to either side
    ]
    yield Images(
        pictures.to_pixels(torch.cat(rows)),
        labels=(
            *(f"t = {at.time}" for at in ways),
            *(N_("predicted x0") for _ in ways),
            *(N_("predicted noise") for _ in ways),
        ),
        across=len(ways),
        caption=N_("Top: x_t. Middle: the picture it foresees. Bottom: the noise it sees in it."),
    )


COLUMNS = 11


@torch.no_grad()
def denoising(trained: Trained, knobs: SampleKnobs) -> Drawing:
    """A film of a whole wall coming out of the noise."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    shown = diffusing.spread(len(diffusing.path(knobs.steps)), FRAMES)
    stages: list[list[Tensor]] = [[] for _ in shown]
    times: list[int] = []
    for first in range(0, knobs.count, GROUP):
        times = []
        for place, at in enumerate(walk(trained, knobs, seeds[first : first + GROUP])):
            if place in shown:
                stages[len(times)].append(at.x)
                times.append(at.time)
            yield None
    yield Film(
        tuple(pictures.wall(to_unit(torch.cat(stage)), seeds) for stage in stages),
        tuple(f"t = {time}" for time in times),
        caption=N_("All pictures of the wall, from noise to the end."),
    )


@dataclass(frozen=True)
class RestartKnobs(SeedKnobs):
    """Where the ways part."""

    part: int = knob(
        6,
        N_("Part at step"),
        low=0,
        high=30,
        live=True,
        help=N_("Up to this step of 30 all have the same noise; then each its own."),
    )
    other: int = knob(
        100, N_("Seed of the others"), low=0, high=MOST_SEED, live=True, help=N_("And on from it.")
    )
    count: int = knob(5, N_("Ways"), low=2, high=16, live=True)
    label: int = knob(
        -1,
        N_("Class"),
        low=-1,
        high=9999,
        live=True,
        help=N_("Tell the model what to draw; -1 leaves it open, so that the ways may differ."),
    )


RESTART_STEPS = 30


@torch.no_grad()
def restart(trained: Trained, knobs: RestartKnobs) -> Drawing:
    """Ways of DDPM that have their noise in common up to a step: a row each."""
    times = diffusing.path(RESTART_STEPS)
    parting = times[knobs.part]
    common = diffusing.noise_by_seed([knobs.seed] * knobs.count, size_of(trained))
    others = [knobs.seed, *range(knobs.other, knobs.other + knobs.count - 1)]
    own = diffusing.noise_by_seed(others, size_of(trained))
    ways = []
    for at in diffusing.denoise(
        predictor(trained, *told(trained, knobs.label, knobs.count)),
        diffusing.schedule(trained.train.schedule),
        common(diffusing.TIMES),
        times,
        lambda time: common(time) if time >= parting else own(time),
        "DDPM",
    ):
        ways.append(at)
        yield None
    ways = [ways[i] for i in diffusing.spread(len(ways), COLUMNS)]
    tiles = torch.stack([at.x0 for at in ways], dim=1)  # ways, columns, C, H, W
    labels = [
        f"{others[row]}" if column == 0 else f"t = {at.time}"
        for row in range(knobs.count)
        for column, at in enumerate(ways)
    ]
    yield Images(
        pictures.to_pixels(to_unit(tiles.flatten(0, 1))),
        labels=tuple(labels),
        across=len(ways),
        caption=N_(
            "What each way foresees at each time. First column: the seed of the noise after "
            "t = {time}.",
            time=parting,
        ),
    )


@dataclass(frozen=True)
class CompareKnobs(GuidanceKnobs, SeedKnobs):
    """The same seeds each time."""

    count: int = knob(9, N_("Pictures"), low=1, high=16, live=True)


STEP_COUNTS = (3, 6, 12, 25, 50)
USUAL_STEPS = 12


@torch.no_grad()
def samplers(trained: Trained, knobs: CompareKnobs) -> Drawing:
    """The same seeds by each sampler in a few numbers of steps, with the time it took."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    frames: list[Panels] = []
    for steps in STEP_COUNTS:
        walls = []
        for solver in diffusing.SAMPLERS:
            how = changed(
                SampleKnobs(guidance=knobs.guidance, label=knobs.label),
                {"sampler": solver, "steps": steps},
            )
            spent = 0.0
            start = perf_counter()
            for at in walk(trained, how, seeds):
                spent += perf_counter() - start
                x = at.x
                yield None
                start = perf_counter()
            title = N_("{sampler}: {seconds:.2f} s", sampler=solver, seconds=spent)
            walls.append(pictures.wall(to_unit(x), seeds, title=title))
        frames.append(Panels(tuple(walls), across=len(diffusing.SAMPLERS)))
        yield Film(
            tuple(frames),
            tuple(N_("{steps} steps", steps=count) for count in STEP_COUNTS[: len(frames)]),
            start=min(STEP_COUNTS.index(USUAL_STEPS), len(frames) - 1),
            seconds=1.0,
            caption=N_(
                "The same noise to begin with; the slider changes the number of steps. "
                "DDPM adds noise at each step."
            ),
        )


SCALES = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class ScaleKnobs(SeedKnobs):
    """The same seeds, each of its own class."""

    count: int = knob(6, N_("Pictures"), low=1, high=16, live=True)
    steps: int = knob(12, N_("Steps"), low=1, high=100, log=True, live=True)


@torch.no_grad()
def guidance(trained: Trained, knobs: ScaleKnobs) -> Drawing:
    """The same seeds and classes, more and more strongly guided."""
    if not trained.module.classes:
        raise PlaygroundError(
            N_("this network was told no classes: accepted is one with “Knows the classes” on")
        )
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    panels = []
    for scale in SCALES:
        how = SampleKnobs(steps=knobs.steps, guidance=scale)
        x = yield from finished(walk(trained, how, seeds))
        title = N_("guidance {scale:g}", scale=scale)
        panels.append(pictures.wall(to_unit(x), seeds, title=title))
        yield Panels(
            tuple(panels),
            across=2,
            caption=N_("0: not told the class. 1: told. Above: pushed towards it."),
        )


@dataclass(frozen=True)
class CompleteKnobs(ErasedKnobs):
    """A picture, what is erased of it, and how it is filled in."""

    count: int = knob(6, N_("Completions"), low=1, high=30, live=True)
    seed: int = knob(1, N_("Seed"), low=0, high=MOST_SEED, live=True)
    steps: int = knob(25, N_("Steps"), low=1, high=100, log=True, live=True)
    rounds: int = knob(
        3,
        N_("Rounds"),
        low=1,
        high=10,
        live=True,
        help=N_("How often each step is done again, so that old and new come to agree."),
    )
    label: int = knob(
        -1,
        N_("Class"),
        low=-1,
        high=9999,
        live=True,
        help=N_("Tell the model what the picture shows; -1 does not."),
    )


@torch.no_grad()
def complete(trained: Trained, knobs: CompleteKnobs) -> Drawing:
    """A picture to rub parts of out, and what the model makes of the rest, in several ways."""
    x0 = chosen(trained, knobs)
    erased = rubbed_out(knobs.region, knobs.erased, *x0.shape[2:])
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    x = x0[:0]
    if erased.any():
        way = diffusing.complete(
            predictor(trained, *told(trained, knobs.label, knobs.count)),
            diffusing.schedule(trained.train.schedule),
            x0.expand(knobs.count, -1, -1, -1),
            torch.from_numpy(~erased).float()[None, None],
            diffusing.path(knobs.steps),
            diffusing.noise_by_seed(seeds, size_of(trained)),
            knobs.rounds,
        )
        x = yield from finished(way)
    yield filled_in(
        pictures.to_pixels(to_unit(x0)),
        erased,
        pictures.to_pixels(to_unit(x)),
        seeds,
        N_("Each completion with its seed. What is kept stays as it is."),
    )


PER_LEVEL = 64  # pictures


@torch.no_grad()
def levels(trained: Trained, knobs: LevelsKnobs) -> Drawing:
    """The loss at each noise level, on held-out pictures and on training pictures."""
    data = trained.data
    pictures.need_pictures(data)
    seen = replace(data, held_out=data.train, held_out_labels=data.train_labels)

    def measure(part: str, time: int, train: TrainKnobs) -> Generator[None, None, float]:
        shown = data if part == "held-out" else seen
        count = min(PER_LEVEL, len(shown.held_out))
        total = 0.0
        for first in range(0, count, CHUNK):
            rows = slice(first, min(first + CHUNK, count))
            times = torch.full((rows.stop - rows.start,), time)
            batch = _held_out(shown, trained.net, rows, times)
            total += float(_losses(trained.module, batch, train).sum())
            yield
        return total / count

    yield from diffusing.levels(trained.train, knobs, measure)


MODEL = Model(
    key="diffusion",
    title=N_("Diffusion"),
    summary=N_("Learns to remove noise, and draws pictures by removing it from noise alone."),
    papers=("Ho et al. 2020", "Nichol & Dhariwal 2021", "Song et al. 2021", "Lu et al. 2022"),
    accepts="images",
    data="digits",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(steps=10, guidance=2.0),
    presets=(
        Preset(
            "default",
            N_("Small and quick"),
            N_("32 channels: digits that can be read within half a minute."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=2000),
        ),
        Preset(
            "minute",
            N_("One minute"),
            N_("The same network, scheduled for a minute on one core."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=60.0),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("The same network, scheduled for three minutes on one core."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=180.0),
        ),
        Preset(
            "unlabelled",
            N_("Without classes"),
            N_("Never told what the pictures show, as most data have no classes."),
            NetKnobs(labels=False),
            with_defaults(TrainKnobs, steps=0, seconds=180.0),
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
            "forward",
            N_("Into the noise"),
            N_("A real picture with more and more noise, and what the model still sees in it."),
            forward,
            ForwardKnobs,
            every=4.0,
        ),
        View(
            "filmstrip",
            N_("Filmstrip"),
            N_("One picture coming out of the noise, with what the model predicts on the way."),
            filmstrip,
            FilmstripKnobs,
            every=4.0,
        ),
        View(
            "denoising",
            N_("Out of the noise"),
            N_("A whole wall coming out of the noise: move the slider."),
            denoising,
            SampleKnobs,
        ),
        View(
            "restart",
            N_("Parting ways"),
            N_("The same noise up to a step, then different noise: when is it decided what it is?"),
            restart,
            RestartKnobs,
        ),
        View(
            "samplers",
            N_("Samplers"),
            N_("The same seeds by three samplers in few and in many steps."),
            samplers,
            CompareKnobs,
        ),
        View(
            "guidance",
            N_("Guidance"),
            N_("The same seeds, pushed more and more towards their class."),
            guidance,
            ScaleKnobs,
        ),
        View(
            "complete",
            N_("Complete"),
            N_("Rub out a part of a picture, and the model fills it in."),
            complete,
            CompleteKnobs,
        ),
        View(
            "levels",
            N_("Loss by noise level"),
            N_("The error at each noise level, on held-out and on training pictures."),
            levels,
            LevelsKnobs,
        ),
        NEAREST,
    ),
    aside=0.1,  # a wall that changes is what one watches
    health=(OVERFITTING, PLATEAU),
)

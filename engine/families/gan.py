"""Generative adversarial network on pictures: a forger and a judge, both small and convolutional.

The generator G turns 64 random numbers z into a picture; the discriminator D
scores pictures, and each learns from the other:

    min_G max_D   E_x[log D(x)] + E_z[log(1 - D(G(z)))]

with G's loss in the non-saturating form -log D(G(z)). G works at a quarter of the
size and enlarges by moving channels into space (pixel shuffle); D goes the way
back. D is told how much its batch varies, and kept flat around real pictures (R1).

Goodfellow et al. 2014, arXiv:1406.2661, equation 1; convolutions and batch norm:
Radford et al. 2016, arXiv:1511.06434; pixel shuffle: Shi et al. 2016, arXiv:1609.05158;
batch deviation and averaged generator: Karras et al. 2018, arXiv:1710.10196.
"""

from collections.abc import Generator as Work
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData
from engine.family import Descent, Drawing, Model, Preset, Trained, View
from engine.knobs import knob
from engine.layers import adversarial, judge
from engine.layers.adversarial import AdversarialKnobs, Batch, Convolution, Linear
from engine.layers.pictures import (
    MOST_SEED,
    NEAREST,
    PictureSampleKnobs,
    need_pictures,
    noise,
    to_pixels,
    to_unit,
    wall,
)
from engine.payloads import Bars, Dots, Film, Handle, Images, Panels, Plane
from engine.phrases import N_, PlaygroundError

SMALLEST, LARGEST = 8, 64  # height and width of a picture
TILES = 16  # made at once
MEASURED = 256  # pictures that are scored now and then while it trains
GROUPS = 4  # of a batch, each shifted in its own way


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape."""

    latent: int = knob(
        64,
        N_("Latent numbers"),
        low=2,
        high=512,
        help=N_("How many random numbers make a picture."),
    )
    width: int = knob(
        16,
        N_("Generator's channels"),
        low=4,
        high=128,
        help=N_("At half the picture's size; twice as many at a quarter."),
    )
    critic: int = knob(
        16,
        N_("Discriminator's channels"),
        low=4,
        high=128,
        help=N_("At half the picture's size; twice as many at a quarter."),
    )
    spectral_norm: bool = knob(
        False,
        N_("Spectral normalisation"),
        help=N_("Divides the discriminator's weights by how much they stretch. Suits hinge."),
    )
    batch_norm: bool = knob(
        True,
        N_("Batch normalisation"),
        advanced=True,
        help=N_("In the generator: keeps every channel varying over the batch. Collapse is rare."),
    )
    deviation: bool = knob(
        True,
        N_("Sees how much the batch varies"),
        advanced=True,
        help=N_("Tells the discriminator; without it a generator may make one picture only."),
    )


@dataclass(frozen=True)
class TrainKnobs(AdversarialKnobs):
    """How it is trained."""

    learning_rate: float = knob(
        2e-3,
        N_("Learning rate"),
        low=1e-6,
        high=1.0,
        log=True,
        live=True,
        help=N_("How far each step goes, of either network. Too high and they lose each other."),
    )
    batch: int = knob(
        16,
        N_("Batch size"),
        low=1,
        high=1024,
        help=N_("Real pictures in one step, and as many generated ones."),
    )
    average: float = knob(
        0.995,
        N_("Weight averaging"),
        low=0.0,
        high=0.9999,
        advanced=True,
        live=True,
        help=N_("Samples use a running average of the generator's weights, far calmer; 0: none."),
    )
    shift: int = knob(
        1,
        N_("Shifts"),
        low=0,
        high=8,
        unit=N_("points"),
        advanced=True,
        help=N_("Real and generated pictures are moved by up to this, so D learns none by heart."),
    )


@dataclass(frozen=True)
class SampleKnobs(PictureSampleKnobs):
    """Which pictures."""

    truncation: float = knob(
        1.0,
        N_("Truncation"),
        low=0.0,
        high=2.0,
        live=True,
        help=N_("Scales z: below 1 plainer and fainter, at 0 all the same, above 1 wilder."),
    )


class Generator(nn.Module):
    """z to a picture: a linear map, two convolutions, each followed by a pixel shuffle."""

    def __init__(self, net: NetKnobs, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.height, self.width, channels = shape
        self.rows, self.columns = -(-self.height // 4), -(-self.width // 4)
        c = net.width
        bare = not net.batch_norm
        self.start = nn.Linear(net.latent, 2 * c * self.rows * self.columns, bias=bare)
        self.norm_1 = nn.Identity() if bare else nn.BatchNorm2d(2 * c)
        self.enlarge = nn.Conv2d(2 * c, 4 * c, 3, padding=1, bias=bare)
        self.norm_2 = nn.Identity() if bare else nn.BatchNorm2d(c)
        self.paint = nn.Conv2d(c, 4 * channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent) to (batch, channels, height, width) in [0, 1]."""
        x = self.start(z).view(len(z), -1, self.rows, self.columns)
        x = F.relu(self.norm_1(x))
        x = F.relu(self.norm_2(F.pixel_shuffle(self.enlarge(x), 2)))
        x = F.pixel_shuffle(self.paint(x), 2).sigmoid()
        top, left = (4 * self.rows - self.height) // 2, (4 * self.columns - self.width) // 2
        return x[:, :, top : top + self.height, left : left + self.width]


class Discriminator(nn.Module):
    """A picture to its score: two times space into channels and a convolution, then a third."""

    def __init__(self, net: NetKnobs, shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, channels = shape
        self.padding = judge.padding(height, width)
        self.deviation = net.deviation
        c, spectral = net.critic, net.spectral_norm
        self.fine = Convolution(4 * channels, c, spectral)
        self.coarse = Convolution(4 * c, 2 * c, spectral)
        self.last = Convolution(2 * c + net.deviation, 2 * c, spectral)
        places = -(-height // 4) * -(-width // 4)
        self.score = Linear(2 * c * places, 1, spectral)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in [0, 1] to (batch,)."""
        x = F.pixel_unshuffle(F.pad(2 * x - 1, self.padding, value=-1.0), 2)
        x = F.leaky_relu(self.fine(x), 0.2)
        x = F.leaky_relu(self.coarse(F.pixel_unshuffle(x, 2)), 0.2)
        if self.deviation:
            x = adversarial.with_batch_deviation(x)
        x = F.leaky_relu(self.last(x), 0.2)
        score: Tensor = self.score(x.flatten(1)).squeeze(1)
        return score


class GAN(nn.Module):
    """The two together, and how many steps they took."""

    steps: Tensor

    def __init__(self, net: NetKnobs, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.generator = Generator(net, shape)
        self.discriminator = Discriminator(net, shape)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """z (n, latent), n up to `TILES`, to pictures (n, channels, height, width) in [0, 1].

        Always computed by the full number, so that a tile has the same bits alone and on a wall.
        """
        unit: Tensor = self.generator(F.pad(z, (0, 0, 0, TILES - len(z))))[: len(z)]
        return unit


def check(data: ImageData, net: NetKnobs) -> None:
    """Refuse pictures that are too small or too large."""
    height, width, _ = data.shape
    if not (min(height, width) >= SMALLEST and max(height, width) <= LARGEST):
        raise PlaygroundError(
            N_(
                "{title} has pictures of {width} by {height}: accepted are {low} to {high}",
                title=str(data.title),
                width=width,
                height=height,
                low=SMALLEST,
                high=LARGEST,
            )
        )


def build(net: NetKnobs, data: ImageData) -> GAN:
    """A new pair of networks for pictures of the size of `data`."""
    return GAN(net, data.shape)


# --- training


def batch(data: ImageData, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Batch:
    """Real pictures, latent vectors and shifts for one step."""
    places, z, mix = adversarial.draw(len(data.train), net.latent, train, random)
    real = torch.stack([to_unit(data.train[row]) for row in places])
    shifts = torch.randint(-train.shift, train.shift + 1, (GROUPS, 2), generator=random)
    return Batch(real, z, mix, shifts)


def shifted(x: Tensor, shifts: Tensor) -> Tensor:
    """`x` (batch, channels, height, width) moved by shifts (groups, 2): down, across.

    Each part of the batch has its own shift; what comes in from outside is the nearest edge.
    """
    if not shifts.any():
        return x
    most = int(shifts.abs().max())
    height, width = x.shape[2:]
    padded = F.pad(x, (most, most, most, most), mode="replicate")
    parts = [
        part[:, :, most - down : most - down + height, most - across : most - across + width]
        for part, (down, across) in zip(
            padded.tensor_split(len(shifts)), shifts.tolist(), strict=True
        )
    ]
    return torch.cat(parts)


def step(module: GAN, batch: Batch, train: TrainKnobs) -> Iterator[Descent]:
    """One step of each; see `adversarial.step`."""
    return adversarial.step(module, batch, train, shifted)


def evaluate(
    module: GAN, data: ImageData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Work[None, None, dict[str, float]]:
    """See `adversarial.evaluate`; the generated pictures are always of the same seeds."""
    count = len(data.held_out) if most is None else min(len(data.held_out), most, MEASURED)
    fake = yield from made(module, noise(range(count), net.latent))
    return (yield from adversarial.evaluate(module, to_unit(data.held_out[:count]), fake, train))


# --- sampling


def made(module: GAN, z: Tensor) -> Work[None, None, Tensor]:
    """Pictures (n, channels, height, width) in [0, 1] of z (n, latent), with safe points."""
    parts = [torch.empty(0, *_shape_of(module))]
    for part in adversarial.chunks(len(z), TILES):
        parts.append(module.pictures(z[part]))
        yield
    return torch.cat(parts)


def _shape_of(module: GAN) -> tuple[int, int, int]:
    generator = module.generator
    return generator.paint.out_channels // 4, generator.height, generator.width


def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """A wall of pictures, one for each seed."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    z = knobs.truncation * noise(seeds, trained.net.latent)
    unit = yield from made(trained.module, z)
    yield wall(unit, seeds)


# --- views


@dataclass(frozen=True)
class ScoreKnobs:
    """How many."""

    count: int = knob(
        256, N_("Pictures"), low=16, high=2000, live=True, help=N_("Real, and as many generated.")
    )


def scores(trained: Trained, knobs: ScoreKnobs) -> Drawing:
    """A histogram of the discriminator's scores of held-out and of generated pictures."""
    data, module = trained.data, trained.module
    need_pictures(data)
    real = to_unit(data.held_out[: knobs.count])
    fake = yield from made(module, noise(range(len(real)), trained.net.latent))
    of_real = yield from adversarial.scores_of(module.discriminator, real)
    of_fake = yield from adversarial.scores_of(module.discriminator, fake)
    yield adversarial.histogram(of_real, of_fake, trained.train.loss)


@dataclass(frozen=True)
class WalkKnobs:
    """From where to where."""

    start: int = knob(1, N_("From seed"), low=0, high=MOST_SEED, live=True)
    end: int = knob(2, N_("To seed"), low=0, high=MOST_SEED, live=True)
    count: int = knob(16, N_("Pictures"), low=2, high=64, live=True)
    film: bool = knob(False, N_("As a film"), live=True)


def walk(trained: Trained, knobs: WalkKnobs) -> Drawing:
    """Pictures on the arc between two latent vectors."""
    a, b = noise((knobs.start, knobs.end), trained.net.latent)
    places = np.linspace(0, 1, knobs.count)
    z = torch.stack([adversarial.between(a, b, float(t)) for t in places])
    unit = yield from made(trained.module, z)
    pixels = to_pixels(unit)
    names = tuple(f"{t:.2f}" for t in places)
    caption = N_(
        "From seed {start} (0) to seed {end} (1) on an arc through the latent space.",
        start=knobs.start,
        end=knobs.end,
    )
    if knobs.film:
        frames = tuple(Images(pixels[i : i + 1]) for i in range(knobs.count))
        yield Film(frames, names, start=0, caption=caption)
    else:
        yield Images(pixels, labels=names, caption=caption)


@dataclass(frozen=True)
class DragKnobs:
    """Three corners, and where between them."""

    x: float = knob(0.3, N_("To the right"), low=-0.5, high=1.5, live=True, advanced=True)
    y: float = knob(0.3, N_("Upwards"), low=-0.5, high=1.5, live=True, advanced=True)
    a: int = knob(1, N_("Seed A"), low=0, high=MOST_SEED, live=True)
    b: int = knob(2, N_("Seed B"), low=0, high=MOST_SEED, live=True)
    c: int = knob(3, N_("Seed C"), low=0, high=MOST_SEED, live=True)


EDGE = (-0.5, 1.5, -0.5, 1.5)
MAP = 7  # pictures on a side of the map behind the handle


def drag(trained: Trained, knobs: DragKnobs) -> Drawing:
    """A plane through three latent vectors, and the picture at the place of the handle."""
    corners = noise((knobs.a, knobs.b, knobs.c), trained.net.latent)
    here = adversarial.spanned(corners, torch.tensor([knobs.x]), torch.tensor([knobs.y]))
    picture = to_pixels(trained.module.pictures(here))
    middles = EDGE[0] + (torch.arange(MAP) + 0.5) * (EDGE[1] - EDGE[0]) / MAP
    y, x = torch.meshgrid(middles.flip(0), middles, indexing="ij")  # the top row first
    yield None
    unit = yield from made(trained.module, adversarial.spanned(corners, x.flatten(), y.flatten()))
    names = tuple(N_("seed {seed}", seed=seed) for seed in (knobs.a, knobs.b, knobs.c))
    plane = Plane(
        EDGE,
        dots=tuple(
            Dots(name, np.array([place], np.float32))
            for name, place in zip(names, ((0, 0), (1, 0), (0, 1)), strict=True)
        ),
        x_title=N_("towards seed {seed}", seed=knobs.b),
        y_title=N_("towards seed {seed}", seed=knobs.c),
        picture=as_one(to_pixels(unit), MAP),
        handles=(Handle(N_("here"), knobs.x, knobs.y, "x", "y"),),
    )
    yield Panels(
        (plane, Images(picture, labels=(f"({knobs.x:.2f}, {knobs.y:.2f})",))),
        weights=(2.0, 1.0),
        caption=N_("Drag the point: the picture beside is what the generator makes of that place."),
    )


def as_one(pixels: np.ndarray, across: int) -> np.ndarray:
    """Pictures (n, height, width, channels) as one, `across` to a line."""
    n, height, width, channels = pixels.shape
    lines = pixels.reshape(n // across, across, height, width, channels).swapaxes(1, 2)
    return np.ascontiguousarray(lines.reshape(n // across * height, across * width, channels))


@dataclass(frozen=True)
class TruncationKnobs:
    """Which seeds, and how far."""

    seed: int = knob(1, N_("First seed"), low=0, high=MOST_SEED, live=True)
    count: int = knob(8, N_("Seeds"), low=1, high=16, live=True)
    most: float = knob(1.5, N_("Up to"), low=0.1, high=4.0, live=True)


LEVELS = 7


def truncation(trained: Trained, knobs: TruncationKnobs) -> Drawing:
    """The same seeds with z scaled from 0 up: a line for each scale."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    z = noise(seeds, trained.net.latent)
    scales = np.linspace(0, knobs.most, LEVELS)
    unit = yield from made(trained.module, torch.cat([float(scale) * z for scale in scales]))
    yield Images(
        to_pixels(unit),
        labels=tuple(f"{scale:.2f}" for scale in scales for _ in seeds),
        numbers=tuple(seeds) * LEVELS,
        across=knobs.count,
        caption=N_(
            "Below each picture, what z was multiplied by. At 0 all are the same; the further "
            "down, the more they differ, and the more of them fail."
        ),
    )


@dataclass(frozen=True)
class CoverageKnobs:
    """How many."""

    count: int = knob(
        500, N_("Pictures"), low=50, high=5000, live=True, help=N_("So many are made and judged.")
    )


FEW = 0.1  # of the share that a class has in the data: with less it counts as missing
BARS = 40


@torch.no_grad()
def coverage(trained: Trained, knobs: CoverageKnobs) -> Drawing:
    """How many of the generated pictures a classifier takes for each class."""
    data: ImageData = trained.data
    need_pictures(data)
    referee = yield from judge.train(data)
    unit = yield from made(trained.module, noise(range(knobs.count), trained.net.latent))
    probabilities = referee.probabilities(to_pixels(unit))
    yield None
    classes = len(data.classes)
    share = np.bincount(probabilities.argmax(1), minlength=classes) / knobs.count
    real = np.bincount(data.train_labels, minlength=classes) / len(data.train_labels)
    missing = [str(data.classes[i]) for i in range(classes) if share[i] < FEW * real[i]]
    # Of many classes, those that are drawn least for how frequent they are.
    shown = sorted(np.argsort(share - real, kind="stable")[:BARS])
    yield Bars(
        labels=tuple(str(data.classes[i]) for i in shown),
        values=tuple(100 * float(share[i]) for i in shown),
        x_title=N_("class"),
        y_title=N_("share of {count} generated pictures", count=knobs.count),
        unit="%",
        caption=coverage_caption(missing, classes, float(probabilities.max(1).mean())),
    )


def coverage_caption(missing: Sequence[str], classes: int, confidence: float) -> str:
    """What the bars say, in a sentence."""
    if not missing:
        return N_(
            "All {classes} classes are drawn. The classifier's mean confidence: {confidence:.2f}.",
            classes=classes,
            confidence=confidence,
        )
    names = ", ".join(missing[:10]) + (" …" if len(missing) > 10 else "")
    return N_(
        "Mode collapse: {count} of {classes} classes are missing or nearly so ({names}). The "
        "classifier's mean confidence: {confidence:.2f}.",
        count=len(missing),
        classes=classes,
        names=names,
        confidence=confidence,
    )


@dataclass(frozen=True)
class EditKnobs:
    """Two groups of samples that tell a direction, and what to move along it."""

    sample: int = knob(
        1, N_("Sample"), low=0, high=MOST_SEED, live=True, help=N_("The seed that is edited.")
    )
    strength: float = knob(
        1.0, N_("Strength"), low=0.0, high=4.0, live=True, help=N_("How far to either side.")
    )
    group_a: tuple[float, ...] = knob(
        (),
        N_("Group A"),
        live=True,
        advanced=True,
        help=N_("Seeds of pictures that have it (thick, say)."),
    )
    group_b: tuple[float, ...] = knob(
        (),
        N_("Group B"),
        live=True,
        advanced=True,
        help=N_("Seeds of pictures that have it not (thin, say)."),
    )
    first: int = knob(100, N_("Wall from seed"), low=0, high=MOST_SEED, live=True, advanced=True)
    count: int = knob(32, N_("On the wall"), low=4, high=128, live=True, advanced=True)


EDITS = 9


def edit(trained: Trained, knobs: EditKnobs) -> Drawing:
    """A sample moved along the mean of group A minus the mean of group B."""
    latent = trained.net.latent
    group_a, group_b = seeds_of(knobs.group_a), seeds_of(knobs.group_b)
    towards = adversarial.direction(group_a, group_b, latent)
    amounts = np.linspace(-knobs.strength, knobs.strength, EDITS)
    (z,) = noise((knobs.sample,), latent)
    moved = torch.stack([z + float(amount) * towards for amount in amounts])
    seeds = range(knobs.first, knobs.first + knobs.count)
    unit = yield from made(trained.module, torch.cat([moved, noise(seeds, latent)]))
    pixels = to_pixels(unit)
    row = Images(
        pixels[:EDITS],
        title=N_("Seed {seed}, from B to A", seed=knobs.sample),
        labels=tuple(f"{amount:+.2f}" for amount in amounts),
        across=EDITS,
    )
    picking = Images(
        pixels[EDITS:],
        title=N_("Pick group A, group B, and the sample"),
        labels=tuple(f"{seed}" for seed in seeds),
        numbers=tuple(seeds),
        picks=("group_a", "group_b", "sample"),
        pick_titles=(N_("group A"), N_("group B"), N_("sample")),
        single=("sample",),
        picked=(group_a, group_b, (knobs.sample,)),
    )
    yield Panels(
        (row, picking),
        across=1,
        weights=(1.0, 3.0),
        caption=N_("The row moves along the mean of A minus the mean of B.")
        if group_a and group_b
        else N_("Pick three or more pictures that have something, and as many that have it not."),
    )


def seeds_of(numbers: Sequence[float]) -> tuple[int, ...]:
    """`numbers` as seeds; raises where one of them is none."""
    for number in numbers:
        if number != int(number) or not 0 <= number <= MOST_SEED:
            raise PlaygroundError(
                N_(
                    "{number:g} is no seed: accepted are whole numbers from 0 to {most}",
                    number=number,
                    most=MOST_SEED,
                )
            )
    return tuple(int(number) for number in numbers)


MODEL = Model(
    key="gan",
    title=N_("Image GAN"),
    summary=N_("Two networks play against each other: one draws, the other tells drawn from real."),
    papers=("Goodfellow et al. 2014", "Radford et al. 2016", "Mescheder et al. 2018"),
    accepts="images",
    data="digits",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "default",
            N_("One minute"),
            N_("Narrow networks, scheduled for a minute on one core."),
            NetKnobs(),
            TrainKnobs(steps=0, seconds=60.0),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("The same, scheduled for three minutes on one core."),
            NetKnobs(),
            TrainKnobs(steps=0, seconds=180.0),
        ),
        Preset(
            "wgan-gp",
            N_("WGAN-GP"),
            N_("A critic with a gradient penalty, two rounds for each step of the generator."),
            NetKnobs(deviation=False),
            TrainKnobs(steps=0, seconds=120.0, learning_rate=1e-3, loss="wgan-gp", rounds=2),
        ),
        Preset(
            "collapse",
            N_("Mode collapse"),
            N_("A small and slow discriminator, and no precautions: a few digits again and again."),
            NetKnobs(critic=4, batch_norm=False, deviation=False),
            TrainKnobs(steps=3000, learning_rate=5e-3, r1=0.0, pace=0.012, average=0.9),
        ),
    ),
    build=build,
    optimise=adversarial.optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=(
        View(
            key="scores",
            title=N_("Scores"),
            caption=N_("How real the discriminator takes held-out and generated pictures to be."),
            make=scores,
            knobs=ScoreKnobs,
            every=2.0,
        ),
        View(
            key="walk",
            title=N_("Latent walk"),
            caption=N_("What lies between two samples."),
            make=walk,
            knobs=WalkKnobs,
            every=2.0,
        ),
        View(
            key="drag",
            title=N_("Drag"),
            caption=N_("A plane through three samples, to be walked about in."),
            make=drag,
            knobs=DragKnobs,
            every=2.0,
        ),
        View(
            key="truncation",
            title=N_("Truncation"),
            caption=N_("The same samples, nearer to the mean and further from it."),
            make=truncation,
            knobs=TruncationKnobs,
            every=4.0,
        ),
        View(
            key="coverage",
            title=N_("Mode coverage"),
            caption=N_("Which classes are drawn, as a classifier trained on the same data says."),
            make=coverage,
            knobs=CoverageKnobs,
        ),
        View(
            key="edit",
            title=N_("Edit"),
            caption=N_("A direction found from two groups of samples, applied to any sample."),
            make=edit,
            knobs=EditKnobs,
        ),
        NEAREST,
    ),
    check=check,
    curves=adversarial.CURVES,
    curves_caption=adversarial.CURVES_CAPTION,
    aside=0.1,  # a wall that changes is what one watches
    health=adversarial.HEALTH,
)

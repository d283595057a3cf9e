"""Generative adversarial network on points of the plane: the game with everything in sight.

The same two networks as for pictures, as plain perceptrons, so small that all of
the game can be drawn: the discriminator's score is a surface over the plane, and
the generator moves its points up that surface,

    x <- x - grad_x l(D(x)),    l the generator's loss,

as far as its weights can follow. Where the real points are a ring of clusters,
one counts how many of them are found (mode coverage).

Goodfellow et al. 2014, arXiv:1406.2661, figure 1; the ring of eight Gaussians:
Metz et al. 2017, arXiv:1611.02163, section 3.1; modes and quality: Srivastava et al.
2017, arXiv:1705.07761, section 4.1.
"""

from collections.abc import Generator as Work
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.points import EXTENT, PointData
from engine.family import Descent, Drawing, Model, Preset, Trained, View
from engine.family import Line as Drawn
from engine.knobs import knob
from engine.layers import adversarial
from engine.layers.adversarial import AdversarialKnobs, Batch, Linear
from engine.layers.pictures import MOST_SEED, noise
from engine.payloads import Array, Bars, Dots, Panels, Plane
from engine.phrases import N_, PlaygroundError

SIDE = 64  # places of the surface along each axis
NEAR = 3.0  # in standard deviations of a mode
MEASURED = 512  # points that are scored now and then while it trains
FAINT = 800  # real points that are drawn behind


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape."""

    latent: int = knob(
        2,
        N_("Latent numbers"),
        low=1,
        high=64,
        help=N_("How many random numbers make a point. With 2 the map shows all there is."),
    )
    width: int = knob(
        64, N_("Hidden units"), low=4, high=512, help=N_("In each hidden layer of both networks.")
    )
    layers: int = knob(2, N_("Hidden layers"), low=1, high=5, help=N_("Of both networks."))
    spectral_norm: bool = knob(
        False,
        N_("Spectral normalisation"),
        help=N_("Divides the discriminator's weights by how much they stretch. Suits hinge."),
    )


@dataclass(frozen=True)
class TrainKnobs(AdversarialKnobs):
    """How it is trained."""

    batch: int = knob(128, N_("Batch size"), low=1, high=1024, help=N_("Examples in one step."))
    r1: float = knob(
        0.1,
        N_("R1 penalty"),
        low=0.0,
        high=1000.0,
        live=True,
        help=N_(
            "Keeps the discriminator flat around real examples, and so from winning too soon. "
            "0: none. Not used by wgan-gp, which has a penalty of its own."
        ),
    )


@dataclass(frozen=True)
class SampleKnobs:
    """Which points."""

    count: int = knob(
        512, N_("Points"), low=1, high=4096, live=True, help=N_("How many are drawn at once.")
    )
    seed: int = knob(
        1,
        N_("Seed"),
        low=0,
        high=MOST_SEED,
        live=True,
        help=N_("Of the first point; the next ones have the numbers that follow."),
    )
    truncation: float = knob(
        1.0,
        N_("Truncation"),
        low=0.0,
        high=2.0,
        live=True,
        help=N_("Scales z: below 1 nearer to the middle, at 0 one point, above 1 wilder."),
    )


def perceptron(inside: int, outside: int, net: NetKnobs, spectral: bool) -> nn.Sequential:
    """Hidden layers with leaky rectifiers between two linear maps."""
    layers: list[nn.Module] = []
    for _ in range(net.layers):
        layers += [Linear(inside, net.width, spectral), nn.LeakyReLU(0.2)]
        inside = net.width
    return nn.Sequential(*layers, Linear(inside, outside, spectral))


class GAN(nn.Module):
    """A generator (n, latent) to (n, 2), a discriminator (n, 2) to (n,), and the steps taken."""

    steps: Tensor

    def __init__(self, net: NetKnobs) -> None:
        super().__init__()
        self.generator = perceptron(net.latent, 2, net, False)
        self.discriminator = nn.Sequential(perceptron(2, 1, net, net.spectral_norm), nn.Flatten(0))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))


def build(net: NetKnobs, data: PointData) -> GAN:
    """A new pair of networks."""
    return GAN(net)


# --- training


def batch(data: PointData, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Batch:
    """Real points and latent vectors for one step."""
    places, z, mix = adversarial.draw(len(data.train), net.latent, train, random)
    return Batch(torch.from_numpy(data.train[places]), z, mix, torch.empty(0))


def step(module: GAN, batch: Batch, train: TrainKnobs) -> Iterator[Descent]:
    """One step of each; see `adversarial.step`."""
    return adversarial.step(module, batch, train)


@torch.no_grad()
def evaluate(
    module: GAN, data: PointData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Work[None, None, dict[str, float]]:
    """See `adversarial.evaluate`; and, where the modes are known, how many of them are found."""
    count = len(data.held_out) if most is None else min(len(data.held_out), most, MEASURED)
    z = torch.randn(max(count, MEASURED), net.latent, generator=torch.Generator().manual_seed(0))
    fake = module.generator(z)
    yield
    real = torch.from_numpy(data.held_out[:count])
    found = yield from adversarial.evaluate(module, real, fake[:count], train)
    if len(data.modes):
        hits = near_modes(fake.numpy(), data.modes, data.spread)
        found["modes"] = float(hits.any(0).mean())
        found["quality"] = float(hits.any(1).mean())
    return found


def near_modes(points: Array, modes: Array, spread: float) -> NDArray[np.bool_]:
    """(points, modes): whether a point lies within three deviations of a mode."""
    gaps = np.linalg.norm(points[:, None] - modes[None], axis=2)
    hits: NDArray[np.bool_] = gaps <= NEAR * spread
    return hits


# --- sampling


@torch.no_grad()
def points_of(trained: Trained, z: Tensor) -> Array:
    """The generator's points (n, 2) for z (n, latent)."""
    points: Array = trained.module.generator(z).numpy()
    return points


def real_dots(data: PointData) -> tuple[Dots, ...]:
    """The real points, faint, where there are any."""
    return (Dots(N_("real"), data.train[:FAINT], tone="faint"),) if len(data.train) else ()


def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """A point for each seed, over the real ones."""
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    z = knobs.truncation * noise(seeds, trained.net.latent)
    yield None
    dots = Dots(N_("generated"), points_of(trained, z))
    yield Plane(EXTENT, (*real_dots(trained.data), dots))


# --- views


@dataclass(frozen=True)
class SurfaceKnobs:
    """What is drawn over the surface."""

    count: int = knob(200, N_("Points"), low=1, high=1000, live=True)
    arrows: bool = knob(
        True,
        N_("Arrows"),
        live=True,
        help=N_("Where the generator's loss pulls each generated point."),
    )


LONGEST = 0.5  # of an arrow, in units of the plane


def pull(trained: Trained, points: Array) -> Array:
    """The direction (n, 2) in which the generator's loss falls for each of `points` (n, 2).

    -grad_x l(D(x)), l the loss of one generated example.
    """

    def losses(x: Tensor) -> Tensor:
        scores: Tensor = trained.module.discriminator(x)
        return adversarial.generator_loss(trained.train.loss, scores) * len(x)

    gradient = adversarial.input_gradient(losses, torch.from_numpy(points))
    direction: Array = -gradient.detach().numpy()
    return direction


def scores_of_both(trained: Trained, points: Array) -> Work[None, None, tuple[Tensor, Tensor]]:
    """Scores of real points, where there are any, and of generated ones."""
    score, data = trained.module.discriminator, trained.data
    fake = yield from adversarial.scores_of(score, torch.from_numpy(points), len(points))
    if not len(data.train):
        return fake, fake
    some = torch.from_numpy(data.train[:FAINT])
    return (yield from adversarial.scores_of(score, some, len(some))), fake


def surface(trained: Trained, knobs: SurfaceKnobs) -> Drawing:
    """Real and generated points over the discriminator's score, with the generator's pull."""
    left, right, bottom, top = EXTENT
    x = torch.linspace(left, right, 2 * SIDE + 1)[1::2]
    y = torch.linspace(top, bottom, 2 * SIDE + 1)[1::2]
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=2).view(-1, 2)
    everywhere = yield from adversarial.scores_of(trained.module.discriminator, grid, len(grid))
    points = points_of(trained, noise(range(knobs.count), trained.net.latent))
    real, fake = yield from scores_of_both(trained, points)
    values = adversarial.probability(trained.train.loss, everywhere, real, fake)
    arrows, longest = None, 0.0
    if knobs.arrows:
        towards = pull(trained, points)
        longest = float(np.linalg.norm(towards, axis=1).max())
        arrows = np.concatenate([points, towards * LONGEST / max(longest, 1e-12)], axis=1)
    yield Plane(
        EXTENT,
        (*real_dots(trained.data), Dots(N_("generated"), points)),
        surface=values.view(SIDE, SIDE).numpy(),
        value_title=N_("probability of being real, as D says"),
        low=0.0,
        high=1.0,
        arrows=arrows,
        caption=N_(
            "The longest arrow is a gradient of {longest:.2g}; the others are to scale.",
            longest=longest,
        )
        if knobs.arrows
        else "",
    )


@dataclass(frozen=True)
class ScoreKnobs:
    """How many."""

    count: int = knob(
        500, N_("Points"), low=16, high=4000, live=True, help=N_("Generated, beside held-out ones.")
    )


def scores(trained: Trained, knobs: ScoreKnobs) -> Drawing:
    """A histogram of the discriminator's scores of held-out and of generated points."""
    need_points(trained.data)
    score = trained.module.discriminator
    points = points_of(trained, noise(range(knobs.count), trained.net.latent))
    yield None
    fake = yield from adversarial.scores_of(score, torch.from_numpy(points))
    real = yield from adversarial.scores_of(score, torch.from_numpy(trained.data.held_out))
    yield adversarial.histogram(real, fake, trained.train.loss)


def need_points(data: PointData) -> None:
    """Raise where a run was opened without the points it learned from."""
    if not len(data.held_out):
        raise PlaygroundError(N_("this view needs the points that the model learned from"))


@dataclass(frozen=True)
class CoverageKnobs:
    """How many."""

    count: int = knob(1000, N_("Points"), low=50, high=10_000, live=True)


FEW = 0.1  # of its fair share: a mode with less counts as missing


def coverage(trained: Trained, knobs: CoverageKnobs) -> Drawing:
    """How many of the generated points lie near each mode of the mixture."""
    data: PointData = trained.data
    if not len(data.modes):
        raise PlaygroundError(
            N_(
                "{title} has no known modes to count: accepted are mixtures of clusters",
                title=str(data.title),
            )
        )
    z = torch.randn(knobs.count, trained.net.latent, generator=torch.Generator().manual_seed(0))
    points = points_of(trained, z)
    yield None
    hits = near_modes(points, data.modes, data.spread)
    share = hits.mean(0)
    named = len(data.classes) == len(data.modes)
    labels = data.classes if named else range(1, len(data.modes) + 1)
    missing = int((share < FEW / len(data.modes)).sum())
    quality = 100 * float(hits.any(1).mean())
    if missing:
        caption = N_(
            "Mode collapse: {missing} of {modes} modes are missing or nearly so. {quality:.0f} % "
            "of the points lie near a mode.",
            missing=missing,
            modes=len(data.modes),
            quality=quality,
        )
    else:
        caption = N_(
            "All {modes} modes are found. {quality:.0f} % of the points lie near a mode.",
            modes=len(data.modes),
            quality=quality,
        )
    yield Bars(
        labels=tuple(str(label) for label in labels),
        values=tuple(100 * float(each) for each in share),
        x_title=N_("mode"),
        y_title=N_("share of {count} generated points", count=knobs.count),
        unit="%",
        caption=caption,
    )


@dataclass(frozen=True)
class MapKnobs:
    """The grid that is bent."""

    lines: int = knob(13, N_("Lines each way"), low=2, high=41, live=True)
    most: float = knob(
        2.5,
        N_("Up to"),
        low=0.5,
        high=5.0,
        live=True,
        help=N_("The grid goes so far to either side; z is seldom beyond 3."),
    )


ON_A_LINE = 81


def grid_lines(lines: int, most: float) -> Array:
    """Upright lines, then level ones, of the square [-most, most]^2: (2 lines, places, 2)."""
    along = np.linspace(-most, most, ON_A_LINE, dtype=np.float32)
    across = np.linspace(-most, most, lines, dtype=np.float32)
    x, y = np.meshgrid(across, along, indexing="ij")
    upright = np.stack([x, y], axis=2)
    return np.concatenate([upright, upright[:, :, ::-1]])


def bent(trained: Trained, knobs: MapKnobs) -> Drawing:
    """A grid over the latent plane, and what the generator makes of it."""
    lines = grid_lines(knobs.lines, knobs.most)
    latent = trained.net.latent
    z = torch.zeros(lines.shape[0] * lines.shape[1], latent)
    shown = min(2, latent)
    z[:, :shown] = torch.from_numpy(lines.reshape(-1, 2)[:, :shown])
    yield None
    paths = points_of(trained, z).reshape(lines.shape)
    most = float(knobs.most)
    before = Plane(
        (-most, most, -most, most),
        title=N_("Latent plane"),
        x_title="z₁",
        y_title="z₂",
        paths=lines,
    )
    after = Plane(EXTENT, real_dots(trained.data), title=N_("What becomes of it"), paths=paths)
    yield Panels(
        (before, after),
        caption=N_(
            "A generator bends and stretches, and cannot tear: between clusters, threads remain."
        )
        if latent <= 2
        else N_("The first two of {latent} latent numbers; the others are zero.", latent=latent),
    )


MODEL = Model(
    key="gan-2d",
    title=N_("2-D GAN"),
    summary=N_("The same game on points of the plane, where all of it can be seen."),
    papers=("Goodfellow et al. 2014", "Metz et al. 2017", "Gulrajani et al. 2017"),
    accepts="points",
    data="mixture",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "default",
            N_("Balanced"),
            N_("R1 keeps the two in balance: all clusters are found within half a minute."),
            NetKnobs(),
            TrainKnobs(),
        ),
        Preset(
            "wgan-gp",
            N_("WGAN-GP"),
            N_("A critic with a gradient penalty, five rounds for each step of the generator."),
            NetKnobs(),
            TrainKnobs(steps=2000, learning_rate=1e-3, loss="wgan-gp", rounds=5, penalty=0.1),
        ),
        Preset(
            "collapse",
            N_("Mode collapse"),
            N_("No penalty and a slow discriminator: the generator chases one cluster at a time."),
            NetKnobs(),
            TrainKnobs(steps=6000, r1=0.0, pace=0.2, average=0.5),
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
            key="surface",
            title=N_("The discriminator's surface"),
            caption=N_(
                "Bright where the discriminator takes a point for real; arrows where the "
                "generator's points are pulled."
            ),
            make=surface,
            knobs=SurfaceKnobs,
            every=1.0,
        ),
        View(
            key="scores",
            title=N_("Scores"),
            caption=N_("How real the discriminator takes held-out and generated points to be."),
            make=scores,
            knobs=ScoreKnobs,
            every=2.0,
        ),
        View(
            key="coverage",
            title=N_("Mode coverage"),
            caption=N_("How many of the generated points lie near each mode of the mixture."),
            make=coverage,
            knobs=CoverageKnobs,
            every=2.0,
        ),
        View(
            key="map",
            title=N_("The bent plane"),
            caption=N_("What the generator does to a grid over its latent plane."),
            make=bent,
            knobs=MapKnobs,
            every=2.0,
        ),
    ),
    curves=(*adversarial.CURVES, Drawn("modes", N_("modes found"), "points")),
    curves_caption=adversarial.CURVES_CAPTION,
    aside=0.1,  # a wall that changes is what one watches
    health=adversarial.HEALTH,
)

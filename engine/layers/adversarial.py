"""What models trained by two networks against each other share.

A generator G turns noise z into samples; a discriminator D scores how real a
sample looks. Each steps down a loss of its own, in turn:

    non-saturating   D: softplus(-D(x)) + softplus(D(G(z)))       G: softplus(-D(G(z)))
    hinge            D: max(0, 1 - D(x)) + max(0, 1 + D(G(z)))    G: -D(G(z))
    wgan-gp          D: D(G(z)) - D(x) + penalty                  G: -D(G(z))

The optimum is a balance, not a minimum, so neither curve has to fall.

Goodfellow et al. 2014, arXiv:1406.2661, section 3; hinge: Miyato et al. 2018,
arXiv:1802.05957, section 4; wgan-gp: Gulrajani et al. 2017, arXiv:1704.00028, section 4.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.family import Descent, TrainKnobs
from engine.family import Line as Drawn
from engine.knobs import knob, knobs_of
from engine.layers.health import DISCRIMINATOR_TOO_STRONG, MODE_COLLAPSE
from engine.layers.pictures import noise
from engine.payloads import Curve, Line
from engine.phrases import N_

NON_SATURATING = "non-saturating"
HINGE = "hinge"
WGAN_GP = "wgan-gp"
BOTH, GENERATOR, DISCRIMINATOR = "both", "generator", "discriminator"

CHUNK = 64  # examples that are scored together, and then comes a safe point
BINS = 40


@dataclass(frozen=True)
class AdversarialKnobs(TrainKnobs):
    """What training two networks against each other has to set besides."""

    clip: float = knob(
        0.0,
        N_("Gradient clipping"),
        low=0.0,
        high=100.0,
        live=True,
        advanced=True,
        help=N_("A longer gradient is scaled down to this norm; 0 leaves it as it is."),
    )
    warm_up: int = knob(
        0,
        N_("Warm-up"),
        low=0,
        high=100_000,
        unit=N_("steps"),
        advanced=True,
        help=N_("The learning rate climbs to its value over these first steps."),
    )
    loss: str = knob(
        NON_SATURATING,
        N_("Loss"),
        choices=(N_("non-saturating"), N_("hinge"), N_("wgan-gp")),
        help=N_("What the two networks play for. wgan-gp wants two or more rounds."),
    )
    who: str = knob(
        BOTH,
        N_("Who learns"),
        choices=(N_("both"), N_("generator"), N_("discriminator")),
        live=True,
        help=N_("Let one of them stand still, and see what the other makes of it."),
    )
    r1: float = knob(
        1.0,
        N_("R1 penalty"),
        low=0.0,
        high=1000.0,
        live=True,
        help=N_(
            "Keeps the discriminator flat around real examples, and so from winning too soon. "
            "0: none. Not used by wgan-gp, which has a penalty of its own."
        ),
    )
    penalty: float = knob(
        10.0,
        N_("Gradient penalty"),
        low=0.0,
        high=1000.0,
        live=True,
        help=N_("wgan-gp only: how strongly the critic's slope is held at 1."),
    )
    rounds: int = knob(
        1,
        N_("Rounds"),
        low=1,
        high=10,
        live=True,
        advanced=True,
        help=N_("Steps of the discriminator for each step of the generator."),
    )
    pace: float = knob(
        1.0,
        N_("Discriminator's pace"),
        low=0.01,
        high=20.0,
        log=True,
        advanced=True,
        help=N_("Its learning rate as a multiple of the generator's."),
    )
    r1_every: int = knob(
        16,
        N_("R1 every"),
        low=1,
        high=64,
        unit=N_("steps"),
        advanced=True,
        help=N_("The penalty costs a second gradient, so it is laid on only so often, and more."),
    )


class Pair(Protocol):
    """A generator and a discriminator, as `step` needs them."""

    generator: nn.Module
    discriminator: nn.Module
    steps: Tensor


class Batch(NamedTuple):
    """All that chance has a part in, for one step.

    real: (rounds, batch, ...); latent: (rounds, batch, latent) standard normal;
    mix: (rounds, batch) in [0, 1]; shifts: what the augmentation is to do, or empty.
    """

    real: Tensor
    latent: Tensor
    mix: Tensor
    shifts: Tensor


# --- losses


def discriminator_loss(loss: str, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss from its scores of real and of generated samples."""
    match loss:
        case "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        case "wgan-gp":
            return fake.mean() - real.mean()
        case _:
            return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(loss: str, fake: Tensor) -> Tensor:
    """The generator's loss from the discriminator's scores of what it made."""
    return F.softplus(-fake).mean() if loss == NON_SATURATING else -fake.mean()


def input_gradient(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of ``score(x).sum()`` with respect to x, itself differentiable."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(score(x).sum(), x, create_graph=True)
    return gradient


def r1(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Half the mean square of the gradient at real samples: 1/2 E |grad D(x)|^2.

    Mescheder, Geiger & Nowozin 2018, arXiv:1801.04406, equation 9.
    """
    return 0.5 * input_gradient(discriminator, real).square().flatten(1).sum(1).mean()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """E (|grad D(x^)| - 1)^2, x^ at ``mix`` (batch,) between a real and a generated sample.

    Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    """
    mix = mix.view(-1, *(1 for _ in real.shape[1:]))
    slope = input_gradient(discriminator, torch.lerp(fake, real, mix)).flatten(1)
    return ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


# --- layers


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, so that its layer stretches nothing.

    One power iteration a step follows the singular vector u as the weight moves.
    Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("u", F.normalize(torch.randn(len(weight)), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """weight: (out, ...), taken as a matrix (out, all the rest)."""
        matrix = weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(matrix.T @ self.u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
            if self.training:
                self.u.copy_(u)
        return weight / (u @ matrix @ v)


class Convolution(nn.Conv2d):
    """A 3 by 3 convolution, with spectral normalisation where asked for."""

    def __init__(self, inside: int, outside: int, spectral: bool = False) -> None:
        super().__init__(inside, outside, 3, padding=1)
        self.norm = SpectralNorm(self.weight) if spectral else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inside, height, width) to (batch, outside, height, width)."""
        return F.conv2d(x, self.norm(self.weight), self.bias, padding=1)


class Linear(nn.Linear):
    """A linear map, with spectral normalisation where asked for."""

    def __init__(self, inside: int, outside: int, spectral: bool = False) -> None:
        super().__init__(inside, outside)
        self.norm = SpectralNorm(self.weight) if spectral else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inside) to (batch, outside)."""
        return F.linear(x, self.norm(self.weight), self.bias)


def with_batch_deviation(x: Tensor) -> Tensor:
    """`x` (batch, channels, height, width) and one channel more: how much the batch varies.

    The channel is constant: the standard deviation over the batch, averaged over all places.
    A generator that makes one picture only is found out by it.
    Karras et al. 2018, arXiv:1710.10196, section 3.
    """
    deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)


# --- training


def optimise(
    module: Pair, train: AdversarialKnobs
) -> Mapping[str, Sequence[torch.optim.Optimizer]]:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980) for each of the two, without momentum's tail.

    beta_1 of 0.5 is Radford et al. 2016, arXiv:1511.06434, section 4.
    """
    return {
        name: [
            torch.optim.Adam(
                [{"params": list(network.parameters()), "scale": scale}],
                lr=train.learning_rate,
                betas=(0.5, 0.99),
                fused=True,
            )
        ]
        for name, network, scale in (
            (DISCRIMINATOR, module.discriminator, train.pace),
            (GENERATOR, module.generator, 1.0),
        )
    }


def draw(
    examples: int, latent: int, train: AdversarialKnobs, random: torch.Generator
) -> tuple[NDArray[np.int64], Tensor, Tensor]:
    """Places of real examples (rounds, batch), latent vectors and mixes for one step."""
    size = (train.rounds, train.batch)
    places = torch.randint(examples, size, generator=random).numpy()
    z = torch.randn(*size, latent, generator=random)
    return places, z, torch.rand(size, generator=random)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Spare the gradients of its weights, for a loss that another module is to learn from."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def unchanged(x: Tensor, shifts: Tensor) -> Tensor:
    """No augmentation."""
    return x


def step(
    module: Any,
    batch: Batch,
    train: AdversarialKnobs,
    augment: Callable[[Tensor, Tensor], Tensor] = unchanged,
) -> Iterator[Descent]:
    """The discriminator's descents, then the generator's (algorithm 1 of Goodfellow et al.).

    The samples that the discriminator last learned from serve the generator as well, which
    saves making others. Real and generated ones are augmented alike, so that the generator
    does not learn to make what the augmentation makes (Zhao et al. 2020, arXiv:2006.10738).
    """
    laid_on = train.r1 > 0 and int(module.steps) % train.r1_every == 0
    module.steps += 1
    for round_, real in enumerate(batch.real):
        real = augment(real, batch.shifts)
        fake = augment(module.generator(batch.latent[round_]), batch.shifts)
        made = fake.detach()
        of_real, of_fake = module.discriminator(real), module.discriminator(made)
        loss = discriminator_loss(train.loss, of_real, of_fake)
        metrics = {
            DISCRIMINATOR: loss.detach(),
            GENERATOR: generator_loss(train.loss, of_fake.detach()),
        }
        if train.who == GENERATOR:
            continue
        if train.loss == WGAN_GP:
            slope = gradient_penalty(module.discriminator, real, made, batch.mix[round_])
            loss = loss + train.penalty * slope
        elif laid_on:
            # As much as if laid on at each step: Karras et al. 2020, arXiv:1912.04958, B.
            loss = loss + train.r1 * train.r1_every * r1(module.discriminator, real)
        yield Descent(loss, DISCRIMINATOR, metrics)
    if train.who != DISCRIMINATOR:
        with frozen(module.discriminator):
            loss = generator_loss(train.loss, module.discriminator(fake))
        yield Descent(loss, GENERATOR, metrics | {GENERATOR: loss.detach()})


# --- measuring


def chunks(total: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices of `size` that cover so many rows."""
    return (slice(first, first + size) for first in range(0, total, size))


@torch.no_grad()
def scores_of(
    discriminator: Callable[[Tensor], Tensor], x: Tensor, size: int = CHUNK
) -> Generator[None, None, Tensor]:
    """The scores (n,) of `x` (n, ...), `size` at a time."""
    parts = []
    for part in chunks(len(x), size):
        parts.append(discriminator(x[part]))
        yield
    return torch.cat(parts)


def probability(loss: str, scores: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """`scores` as numbers in [0, 1]: sigmoid(D), the probability of being real, as D says it.

    A critic's scores have neither zero nor scale. There the middle between the mean scores
    `real` and `fake` counts as zero, and the deviation within the two sets as one.
    """
    if loss == WGAN_GP:
        middle = (real.mean() + fake.mean()) / 2
        within = (real.var(unbiased=False) + fake.var(unbiased=False)) / 2
        scores = (scores - middle) / (within + 1e-12).sqrt()
    return scores.sigmoid()


def mean_distance(x: Tensor) -> float:
    """Mean distance between two of `x` (n, ...), over the first 256 at most."""
    return float(torch.pdist(x[:256].flatten(1)).mean())


@torch.no_grad()
def evaluate(
    module: Any, real: Tensor, fake: Tensor, train: AdversarialKnobs
) -> Generator[None, None, dict[str, float]]:
    """The metrics that every such model has, from held-out and from generated examples.

    held_out: the discriminator's loss. real, fake: its mean score of either, in [0, 1].
    diversity: mean distance of two generated examples, divided by that of two real ones.
    """
    of_real = yield from scores_of(module.discriminator, real)
    of_fake = yield from scores_of(module.discriminator, fake)
    found = {
        "held_out": float(discriminator_loss(train.loss, of_real, of_fake)),
        "real": float(probability(train.loss, of_real, of_real, of_fake).mean()),
        "fake": float(probability(train.loss, of_fake, of_real, of_fake).mean()),
    }
    if min(len(real), len(fake)) > 1 and (apart := mean_distance(real)) > 0:
        found["diversity"] = mean_distance(fake) / apart
    return found


CURVES = (
    Drawn(DISCRIMINATOR, N_("discriminator")),
    Drawn(GENERATOR, N_("generator")),
    Drawn("held_out", N_("discriminator, held-out"), "points"),
)
CURVES_CAPTION = N_(
    "Neither line need fall: each network's loss rises when the other gets better. Lines that "
    "stay level are a balance; look at the samples to see whether they still improve."
)


def more_rounds(train: Any) -> Mapping[str, Any]:
    """A discriminator that keeps up: four times the rounds, and R1 where there was none.

    A generator that runs ahead of it moves all samples to where it scored highest last.
    """
    (usual,) = (knob.default for knob in knobs_of(train) if knob.name == "r1")
    return {"rounds": min(4 * train.rounds, 10), "r1": train.r1 or usual}


HEALTH = (
    dataclasses.replace(MODE_COLLAPSE, button=N_("More rounds"), remedy=more_rounds),
    DISCRIMINATOR_TOO_STRONG,
)


# --- views


def histogram(real: Tensor, fake: Tensor, loss: str) -> Curve:
    """Scores of real and of generated examples, each as a share of its set by bins."""
    both = torch.cat([real, fake]).double().numpy()
    low, high = float(both.min()), float(both.max())
    if high - low < 1e-6:
        low, high = low - 0.5, high + 0.5
    lines = []
    for name, scores in ((N_("real"), real), (N_("generated"), fake)):
        counts, edges = np.histogram(scores.double().numpy(), BINS, (low, high))
        share = counts / max(len(scores), 1)
        middles = (edges[1:] + edges[:-1]) / 2
        lines.append(Line(name, middles.astype(np.float32), share.astype(np.float32)))
    return Curve(
        tuple(lines),
        x_title=N_("score D(x): the higher, the more real"),
        y_title=N_("share of the examples"),
        caption=N_(
            "Mean score as a probability: {real:.2f} for real, {fake:.2f} for generated ones. "
            "Two humps apart: the discriminator wins. One on the other: it cannot tell them apart.",
            real=float(probability(loss, real, real, fake).mean()),
            fake=float(probability(loss, fake, real, fake).mean()),
        ),
    )


def between(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at t in [0, 1] on the arc from a to b (latent,): spherical interpolation.

    In between, a straight line would be shorter than the vectors that the generator knows.
    White 2016, arXiv:1609.04468, section 2.1.
    """
    cosine = torch.dot(F.normalize(a, dim=0), F.normalize(b, dim=0)).clamp(-1, 1)
    angle = float(torch.arccos(cosine))
    if np.sin(angle) < 1e-4:  # no arc, or none that is the shortest
        return torch.lerp(a, b, t)
    arc: Tensor = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return arc


def spanned(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Latent vectors (n, latent) at x and y (n,) of the plane through three corners (3, latent).

    The corners lie at (0, 0), (1, 0) and (0, 1). Each vector is scaled so that it has the
    variance of a corner, as if the corners were drawn independently.
    """
    weights = torch.stack([1 - x - y, x, y], dim=1)
    vectors: Tensor = weights @ corners / weights.norm(dim=1, keepdim=True)
    return vectors


def direction(group_a: Sequence[int], group_b: Sequence[int], latent: int) -> Tensor:
    """mean z of the seeds of group A minus that of group B (latent,); no seeds count as zero.

    Latent arithmetic: Radford et al. 2016, arXiv:1511.06434, section 6.3.2.
    """
    means = [
        noise(group, latent).mean(0) if group else torch.zeros(latent)
        for group in (group_a, group_b)
    ]
    return means[0] - means[1]

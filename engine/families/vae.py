"""Variational autoencoder: pictures through a narrow, noisy passage, and back.

An encoder gives for each picture x a Gaussian over a few numbers z, a decoder gives for
each z a picture. Trained is the evidence lower bound (ELBO) on log p(x):

    q(z|x) = N(mu(x), diag(sigma^2(x))),    z = mu + sigma * e,    e ~ N(0, I)
    ELBO   = E_q [log p(x|z)] - beta KL(q(z|x) || N(0, I))
    KL     = 1/2 sum_j (mu_j^2 + sigma_j^2 - log sigma_j^2 - 1)

The first term asks for a good reconstruction, the second keeps the codes where the
prior N(0, I) draws from, so that what is drawn there decodes to something.

Kingma & Welling 2013 (arXiv:1312.6114: the bound, equation 3; z, section 2.4; the KL,
appendix B); beta: Higgins et al. 2017; the learned variance: Rybkin et al. 2021
(arXiv:2006.13202); free bits: Kingma et al. 2016 (arXiv:1606.04934, equation 15).
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData, Pixels, picture_of
from engine.family import Descent, Drawing, Line, Model, Preset, Trained, TrainKnobs, View
from engine.knobs import NoKnobs, knob
from engine.layers import pictures
from engine.layers.health import OVERFITTING, PLATEAU, POSTERIOR_COLLAPSE
from engine.layers.language import with_defaults
from engine.layers.pictures import PictureSampleKnobs, need_pictures, noise, to_pixels, to_unit
from engine.payloads import Bars, Dots, Film, Handle, Images, Panels, Plane
from engine.phrases import N_

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Pictures (batch, channels, height, width) in [0, 1], and the noise e (batch, latent)."""

DEAD = 0.01  # nats: a dimension with less says nothing about the picture
DRAWS = 4  # of z, for each held-out picture
PART = 50  # pictures between two safe points
MOST_LATENT = 64
LOG_VARIANCES = (-12.0, 8.0)


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape, and what a pixel is taken for."""

    latent: int = knob(
        16,
        N_("Latent dimensions"),
        low=1,
        high=MOST_LATENT,
        help=N_("How many numbers are left of a picture. With 2 they can be drawn as a map."),
    )
    architecture: str = knob(
        "convolutional",
        N_("Architecture"),
        choices=(N_("mlp"), N_("convolutional")),
        help=N_("Dense layers know nothing of neighbours; convolutions look at patches."),
    )
    likelihood: str = knob(
        "Bernoulli",
        N_("Likelihood"),
        choices=(N_("Bernoulli"), N_("Gaussian")),
        help=N_(
            "Bernoulli: a pixel is on or off, and a grey one is drawn anew each time. "
            "Gaussian: a pixel is a number with some deviation."
        ),
    )
    deviation: float = knob(
        0.0,
        N_("Pixel deviation"),
        low=0.0,
        high=1.0,
        advanced=True,
        help=N_("Of the Gaussian likelihood, where black is 0 and white is 1; 0: it is learned."),
    )
    hidden: int = knob(256, N_("Hidden units"), low=8, high=1024, help=N_("Of the dense layers."))
    channels: int = knob(
        16,
        N_("Channels"),
        low=4,
        high=64,
        advanced=True,
        help=N_("Of the first convolution; the second has twice as many."),
    )


@dataclass(frozen=True)
class VAETrainKnobs(TrainKnobs):
    """How it is trained."""

    beta: float = knob(
        1.0,
        N_("Beta"),
        low=0.0,
        high=50.0,
        live=True,
        help=N_("The weight of the KL. Above 1 the codes are tidier and the pictures blurred."),
    )
    beta_warm_up: int = knob(
        0,
        N_("Beta warm-up"),
        low=0,
        high=100_000,
        unit=N_("steps"),
        live=True,
        help=N_("Beta climbs from 0 to its value over these first steps."),
    )
    shift: int = knob(
        1,
        N_("Shifts"),
        low=0,
        high=4,
        unit=N_("pixels"),
        live=True,
        help=N_("Each picture is moved at random by so much at most: against learning by heart."),
    )
    free_bits: float = knob(
        0.0,
        N_("Free nats"),
        low=0.0,
        high=2.0,
        live=True,
        advanced=True,
        help=N_("So much KL in each dimension costs nothing: against posterior collapse."),
    )


@dataclass(frozen=True)
class SampleKnobs(PictureSampleKnobs):
    """Where in the latent space, and how a pixel is taken."""

    temperature: float = knob(
        1.0,
        N_("Temperature"),
        low=0.0,
        high=2.0,
        live=True,
        help=N_("Scales the noise z. Below 1: nearer to the middle, more usual and less varied."),
    )
    pixels: str = knob(
        "mean",
        N_("Pixels"),
        choices=(N_("mean"), N_("drawn")),
        live=True,
        help=N_("The mean of p(x|z), or pixels drawn from it."),
    )


# --- the network


class Crop(nn.Module):
    """Cuts the middle (height, width) out of what was padded."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, at least height, at least width) to exactly these."""
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        return x[:, :, top : top + self.height, left : left + self.width]


def dense(net: NetKnobs, shape: tuple[int, int, int]) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder with two hidden layers each."""
    height, width, channels = shape
    wide, narrow = net.hidden, max(net.hidden // 2, 4)
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(height * width * channels, wide),
        nn.SiLU(),
        nn.Linear(wide, narrow),
        nn.SiLU(),
        nn.Linear(narrow, 2 * net.latent),
    )
    decoder = nn.Sequential(
        nn.Linear(net.latent, narrow),
        nn.SiLU(),
        nn.Linear(narrow, wide),
        nn.SiLU(),
        nn.Linear(wide, height * width * channels),
        nn.Unflatten(1, (channels, height, width)),
    )
    return encoder, decoder


def convolutional(net: NetKnobs, shape: tuple[int, int, int]) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder that halve and double the size twice.

    Doubling is by pixel shuffle (Shi et al. 2016, arXiv:1609.05158): the convolution is done
    at the small size, where it is cheap.
    """
    height, width, channels = shape
    few, many = net.channels, 2 * net.channels
    rows, columns = -(-height // 4), -(-width // 4)
    down, across = 4 * rows - height, 4 * columns - width
    encoder = nn.Sequential(
        nn.ZeroPad2d((across // 2, across - across // 2, down // 2, down - down // 2)),
        nn.Conv2d(channels, few, 5, stride=2, padding=2),
        nn.SiLU(),
        nn.Conv2d(few, many, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(many * rows * columns, net.hidden),
        nn.SiLU(),
        nn.Linear(net.hidden, 2 * net.latent),
    )
    decoder = nn.Sequential(
        nn.Linear(net.latent, net.hidden),
        nn.SiLU(),
        nn.Linear(net.hidden, many * rows * columns),
        nn.SiLU(),
        nn.Unflatten(1, (many, rows, columns)),
        nn.Conv2d(many, 4 * few, 3, padding=1),
        nn.PixelShuffle(2),
        nn.SiLU(),
        nn.Conv2d(few, 4 * channels, 3, padding=1),
        nn.PixelShuffle(2),
        Crop(height, width),
    )
    return encoder, decoder


class VAE(nn.Module):
    """Encoder q(z|x) and decoder p(x|z)."""

    steps_taken: Tensor

    def __init__(self, net: NetKnobs, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net = net
        parts = dense if net.architecture == "mlp" else convolutional
        self.encoder, self.decoder = parts(net, shape)
        if net.likelihood == "Gaussian" and net.deviation == 0.0:
            self.log_deviation = nn.Parameter(torch.tensor(-1.0))
        # Where the warm-up of beta is; a buffer, so that a run that is taken up again goes on.
        self.register_buffer("steps_taken", torch.zeros((), dtype=torch.int64))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, channels, height, width) in [0, 1] to mu and log sigma^2, (batch, latent)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCES)

    def decode(self, z: Tensor) -> Tensor:
        """(batch, latent) to the mean of p(x|z), (batch, channels, height, width) in [0, 1]."""
        mean: Tensor = self.decoder(z).sigmoid()
        return mean

    @property
    def deviation(self) -> Tensor:
        """Of a pixel, with the Gaussian likelihood: given, or learned (and never below 0.01)."""
        if self.net.deviation:
            return torch.tensor(self.net.deviation)
        return self.log_deviation.clamp(math.log(0.01), 1.0).exp()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over the pixels, (batch,)."""
        if self.net.likelihood == "Bernoulli":
            logits = self.decoder(z)
            per_pixel = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        else:
            deviation = self.deviation
            per_pixel = (
                -((x - self.decode(z)) ** 2) / (2 * deviation**2)
                - deviation.log()
                - 0.5 * math.log(2 * math.pi)
            )
        return per_pixel.flatten(1).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z|x) || N(0, I)) in nats of each dimension, (batch, latent)."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


def build(net: NetKnobs, data: ImageData) -> VAE:
    """A new network for pictures of the size of `data`."""
    return VAE(net, data.shape)


# --- training


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """Adam (Kingma & Ba 2014, arXiv:1412.6980) on everything."""
    return {
        "all": [torch.optim.Adam(module.parameters(), train.learning_rate, (0.9, 0.99), fused=True)]
    }


def as_observed(unit: Tensor, net: NetKnobs, random: torch.Generator) -> Tensor:
    """`unit`, or with the Bernoulli likelihood each pixel on with its grey as probability."""
    if net.likelihood == "Gaussian":
        return unit
    return (torch.rand(unit.shape, generator=random) < unit).float()


def batch(data: ImageData, net: NetKnobs, train: VAETrainKnobs, random: torch.Generator) -> Batch:
    """Pictures drawn and shifted at random, and the noise of their codes."""
    chosen = torch.randint(len(data.train), (train.batch,), generator=random).numpy()
    unit = shifted(to_unit(data.train[chosen]), train.shift, random)
    return as_observed(unit, net, random), torch.randn(train.batch, net.latent, generator=random)


def shifted(images: Tensor, most: int, random: torch.Generator) -> Tensor:
    """Each of (batch, channels, height, width) moved by up to `most` pixels on either axis."""
    size, _, height, width = images.shape
    padded = F.pad(images, (most, most, most, most), mode="replicate").permute(0, 2, 3, 1)
    down, across = torch.randint(0, 2 * most + 1, (2, size), generator=random)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (across[:, None] + torch.arange(width))[:, None, :]
    return padded[torch.arange(size)[:, None, None], rows, columns].permute(0, 3, 1, 2)


def step(module: VAE, batch: Batch, train: VAETrainKnobs) -> Iterator[Descent]:
    """The negative of the bound above, in nats per picture."""
    x, e = batch
    if module.training:
        module.steps_taken += 1
    mean, log_variance = module.encode(x)
    z = mean + (0.5 * log_variance).exp() * e
    reconstruction = -module.log_likelihood(x, z).mean()
    kl = divergence(mean, log_variance).mean(0)  # (latent,)
    loss = reconstruction + beta_now(module, train) * kl.clamp(min=train.free_bits).sum()
    yield Descent(loss)


def beta_now(module: VAE, train: VAETrainKnobs) -> Tensor:
    """Beta, or the part of it that the warm-up has come to."""
    if not train.beta_warm_up:
        return torch.tensor(train.beta)
    return train.beta * (module.steps_taken / train.beta_warm_up).clamp(max=1.0)


@torch.no_grad()
def evaluate(
    module: VAE, data: ImageData, net: NetKnobs, train: VAETrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """The bound itself (beta 1, nothing free) on at most `most` held-out pictures.

    In nats per picture, over several draws of z; the draws are the same each time, so that
    the curve moves with the model alone.
    """
    held_out = data.held_out[:most]
    random = torch.Generator().manual_seed(0)
    reconstruction, kl = 0.0, torch.zeros(net.latent, dtype=torch.float64)
    for first in range(0, len(held_out), PART):
        x = as_observed(to_unit(held_out[first : first + PART]), net, random)
        mean, log_variance = module.encode(x)
        kl += divergence(mean, log_variance).double().sum(0)
        for _ in range(DRAWS):
            e = torch.randn(mean.shape, generator=random)
            z = mean + (0.5 * log_variance).exp() * e
            reconstruction -= float(module.log_likelihood(x, z).double().sum()) / DRAWS
        yield
    count = max(len(held_out), 1)
    kl, reconstruction = kl / count, reconstruction / count
    total = reconstruction + float(kl.sum())
    # A Gaussian gives a density over [0, 1]; a pixel of 256 levels has 1/256 of that.
    levels = 8.0 if net.likelihood == "Gaussian" else 0.0
    return {
        "held_out": total,
        "kl": float(kl.sum()),
        "reconstruction": reconstruction,
        "active": float((kl > DEAD).sum()),
        "latent": float(net.latent),
        "bits_per_dim": total / math.log(2) / math.prod(data.shape) + levels,
    }


def units(data: ImageData) -> Mapping[str, float]:
    """Nats per picture, and bits per pixel and channel."""
    return {
        str(N_("nats per picture")): 1.0,
        str(N_("bits per dimension")): 1 / math.log(2) / math.prod(data.shape),
    }


# --- sampling


@torch.no_grad()
def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Decode z ~ N(0, temperature^2 I)."""
    module, latent = trained.module, trained.net.latent
    shape = trained.data.shape
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    drawn = []
    for first in range(0, len(seeds), 16):
        rows = noise(seeds[first : first + 16], latent + math.prod(shape))
        mean = module.decode(knobs.temperature * rows[:, :latent])
        if knobs.pixels == "drawn":
            height, width, channels = shape
            e = rows[:, latent:].reshape(-1, channels, height, width)
            if trained.net.likelihood == "Bernoulli":
                mean = (torch.special.ndtr(e) < mean).float()
            else:
                mean = mean + module.deviation * e
        drawn.append(mean)
        yield None
    yield pictures.wall(torch.cat(drawn), seeds)


# --- what the views share


def encoded(module: VAE, pixels: Pixels) -> Tensor:
    """The mean codes mu of pictures (n, height, width, channels), (n, latent).

    Grey pixels go in as they are, the mean of what the training would draw.
    """
    return module.encode(to_unit(pixels))[0]


def decoded(module: VAE, z: Tensor) -> Pixels:
    """Pictures (n, height, width, channels) at the codes `z` (n, latent)."""
    pixels: Pixels = to_pixels(module.decode(z))
    return pixels


def in_parts(
    apply: Callable[[Any], Any], things: Any, size: int = PART
) -> Generator[None, None, list[Any]]:
    """`apply` on `size` of `things` at a time, with safe points in between."""
    results = []
    for first in range(0, len(things), size):
        results.append(apply(things[first : first + size]))
        yield
    return results


def held_out(data: ImageData, number: int) -> Pixels:
    """One held-out picture, (1, height, width, channels); numbers beyond the last begin anew."""
    need_pictures(data)
    place = number % len(data.held_out)
    return data.held_out[place : place + 1]


def own_or_held_out(trained: Trained, own: str, number: int) -> Pixels:
    """The person's own picture if there is one, else a held-out one; (1, ...)."""
    if own:
        return picture_of(own, trained.data.shape)[None]
    return held_out(trained.data, number)


OWN = N_("Own picture")
OWN_HELP = N_("Draw one, drop one, or open one; it is fitted to the size of the data.")
HIGHEST = 100_000  # of held-out numbers, which begin anew after the last

# --- views: the map


@dataclass(frozen=True)
class MapKnobs:
    """Where the handle is, which plane is shown, and an own picture on it."""

    x: float = knob(0.0, N_("Across"), low=-6.0, high=6.0, live=True, advanced=True)
    y: float = knob(0.0, N_("Up"), low=-6.0, high=6.0, live=True, advanced=True)
    own: str = knob("", OWN, file="picture", live=True, help=OWN_HELP)
    plane: str = knob(
        "principal components",
        N_("Plane"),
        choices=(N_("principal components"), N_("two dimensions")),
        live=True,
        help=N_(
            "With more than two latent dimensions: the plane in which the codes differ most, or "
            "that of two dimensions. The others stay at their mean."
        ),
    )
    first: int = knob(1, N_("First dimension"), low=1, high=MOST_LATENT, live=True, advanced=True)
    second: int = knob(2, N_("Second dimension"), low=1, high=MOST_LATENT, live=True, advanced=True)


@dataclass(frozen=True)
class Atlas:
    """The codes of known pictures: (n, latent), and the class of each, (n,)."""

    codes: NDArray[np.float32]
    classes: NDArray[np.int64]


_atlases: OrderedDict[tuple[Any, ...], Atlas] = OrderedDict()
MOST_ATLASES = 4
MOST_ENCODED = 500  # of held-out and as many of training pictures


def atlas_of(trained: Trained) -> Generator[None, None, Atlas]:
    """The codes of held-out and training pictures; kept, since a drag asks again and again.

    What is kept is found by the step and by sums of the weights, so it is never that of
    another model.
    """
    need_pictures(trained.data)
    sums = tuple(float(each.sum()) for each in trained.module.parameters())
    key = (trained.step, trained.data.key, trained.data.sha256, trained.data.counts, sums)
    if key not in _atlases:
        data = trained.data
        parts = [
            (pixels[:MOST_ENCODED], labels[:MOST_ENCODED])
            for pixels, labels in (
                (data.held_out, data.held_out_labels),
                (data.train, data.train_labels),
            )
        ]
        rows = yield from in_parts(
            lambda part: encoded(trained.module, part).numpy(),
            np.concatenate([pixels for pixels, _ in parts]),
        )
        labels = np.concatenate([labels for _, labels in parts])
        _atlases[key] = Atlas(np.concatenate(rows), labels)
        while len(_atlases) > MOST_ATLASES:
            _atlases.popitem(last=False)
    return _atlases[key]


@dataclass(frozen=True)
class Slice:
    """A plane through the latent space: z = origin + x across + y up."""

    origin: NDArray[np.float32]
    axes: NDArray[np.float32]  # (2, latent), orthonormal
    titles: tuple[str, str]

    def place(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, latent) to the points below them on the plane, (n, 2)."""
        return np.asarray((codes - self.origin) @ self.axes.T, np.float32)

    def code(self, points: NDArray[np.float32]) -> Tensor:
        """(n, 2) to (n, latent)."""
        return torch.from_numpy(self.origin + points @ self.axes).float()


def axis_slice(latent: int, first: int, second: int) -> Slice:
    """The plane of two dimensions, counted from 1; the others are 0. With one, y does nothing."""
    axes = np.zeros((2, latent), np.float32)
    i = min(first, latent) - 1
    j = min(second, latent) - 1
    if i == j:  # a plane needs two
        j = (i + 1) % latent
    axes[0, i] = 1.0
    if j != i:
        axes[1, j] = 1.0
    names = (N_("z{number}", number=i + 1), N_("z{number}", number=j + 1) if j != i else "")
    return Slice(np.zeros(latent, np.float32), axes, names)


def slice_of(atlas: Atlas, knobs: MapKnobs) -> Slice:
    """The plane that the map shows. With two dimensions it is the latent space itself."""
    latent = atlas.codes.shape[1]
    if latent <= 2 or knobs.plane == "two dimensions":
        first, second = (1, 2) if latent <= 2 else (knobs.first, knobs.second)
        return axis_slice(latent, first, second)
    middle = atlas.codes.mean(0)
    _, _, components = np.linalg.svd(atlas.codes - middle, full_matrices=False)
    axes = components[:2].copy()
    # The sign of a component is arbitrary; without a rule the map flips between two steps.
    axes *= np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])[:, None] + 0.0
    return Slice(middle, axes, (N_("first component"), N_("second component")))


@torch.no_grad()
def latent_map(trained: Trained, knobs: MapKnobs) -> Drawing:
    """Codes of known pictures in the plane, a handle, and what is decoded where it stands."""
    atlas = yield from atlas_of(trained)
    plane = slice_of(atlas, knobs)
    points = plane.place(atlas.codes)
    reach = min(6.0, max(3.0, math.ceil(2 * float(np.quantile(np.abs(points), 0.995))) / 2))
    names = tuple(str(name) for name in trained.data.classes)
    dots = [Dots(N_("data"), points, atlas.classes if names else None, names, tone="faint")]
    shown, labels = [], []
    if knobs.own:
        own = picture_of(knobs.own, trained.data.shape)[None]
        code = encoded(trained.module, own)
        dots.append(Dots(N_("own picture"), plane.place(code.numpy())))
        shown += [own[0], decoded(trained.module, code)[0]]
        labels += [N_("own picture"), N_("its reconstruction")]
    here = plane.code(np.array([[knobs.x, knobs.y]], np.float32))
    shown.insert(0, decoded(trained.module, here)[0])
    labels.insert(0, N_("decoded at the handle"))
    yield Panels(
        (
            Plane(
                (-reach, reach, -reach, reach),
                tuple(dots),
                x_title=plane.titles[0],
                y_title=plane.titles[1],
                handles=(Handle(N_("decoded"), knobs.x, knobs.y, "x", "y"),),
            ),
            Images(np.stack(shown), labels=tuple(labels), across=1),
        ),
        weights=(3.0, 1.0),
        caption=N_("Drag the ring: the picture beside it is decoded from that point."),
    )


# --- views: reconstructions, manifold, path


@dataclass(frozen=True)
class ReconstructionKnobs:
    """Which pictures."""

    start: int = knob(0, N_("From number"), low=0, high=HIGHEST, live=True)
    count: int = knob(10, N_("Pictures"), low=1, high=40, live=True)
    own: str = knob("", OWN, file="picture", live=True, help=OWN_HELP)


@torch.no_grad()
def reconstructions(trained: Trained, knobs: ReconstructionKnobs) -> Drawing:
    """Pictures above, and below each what comes back of it."""
    originals = [picture_of(knobs.own, trained.data.shape)[None]] if knobs.own else []
    if len(trained.data.held_out):
        numbers = range(knobs.start, knobs.start + knobs.count)
        originals += [held_out(trained.data, number) for number in numbers]
    elif not knobs.own:
        need_pictures(trained.data)
    above = np.concatenate(originals)
    yield None
    below = decoded(trained.module, encoded(trained.module, above))
    yield Images(
        np.concatenate([above, below]),
        across=len(above),
        caption=N_("Above: pictures it has not learned from. Below: decoded from their mean code."),
    )


@dataclass(frozen=True)
class ManifoldKnobs:
    """How fine, over which two dimensions, and where the others are."""

    side: int = knob(15, N_("Pictures a side"), low=3, high=30, live=True)
    first: int = knob(1, N_("First dimension"), low=1, high=MOST_LATENT, live=True)
    second: int = knob(2, N_("Second dimension"), low=1, high=MOST_LATENT, live=True)
    others: str = knob(
        "of a picture",
        N_("Other dimensions"),
        choices=(N_("of a picture"), N_("zero")),
        live=True,
        help=N_("With more than two: as in the code of a held-out picture, or all zero."),
    )
    number: int = knob(
        0, N_("Picture"), low=0, high=HIGHEST, live=True, help=N_("A held-out picture's number.")
    )


def manifold_points(side: int) -> NDArray[np.float32]:
    """A grid whose cells are equally likely under the prior, row by row from the top, (n, 2)."""
    middles = torch.special.ndtri((torch.arange(side) + 0.5) / side).numpy()
    return np.stack([np.array([x, y]) for y in middles[::-1] for x in middles]).astype(np.float32)


@torch.no_grad()
def manifold(trained: Trained, knobs: ManifoldKnobs) -> Drawing:
    """Decoded pictures over a plane of the latent space."""
    plane = axis_slice(trained.net.latent, knobs.first, knobs.second)
    codes = plane.code(manifold_points(knobs.side))
    if knobs.others == "of a picture" and len(trained.data.held_out):
        others = encoded(trained.module, held_out(trained.data, knobs.number))
        codes += others * (1 - torch.from_numpy(plane.axes.sum(0)))
    yield None
    rows = yield from in_parts(lambda part: decoded(trained.module, part), codes)
    yield Images(
        np.concatenate(rows),
        across=knobs.side,
        gap=False,
        caption=N_(
            "Each picture has an equal share of the prior: in the middle the codes are close "
            "together, at the edge far apart. To the right {first} grows, upwards {second}.",
            first=plane.titles[0],
            second=plane.titles[1] or N_("nothing"),
        ),
    )


@dataclass(frozen=True)
class PathKnobs:
    """From where to where."""

    ends: str = knob(
        "pictures",
        N_("Between"),
        choices=(N_("pictures"), N_("seeds")),
        live=True,
        help=N_("Held-out pictures by their number, or samples by their seed."),
    )
    a: int = knob(0, N_("From"), low=0, high=HIGHEST, live=True)
    b: int = knob(3, N_("To"), low=0, high=HIGHEST, live=True)
    steps: int = knob(11, N_("Steps"), low=3, high=40, live=True)
    own: str = knob("", N_("Own picture in place of the first"), file="picture", live=True)
    show: str = knob(
        "row", N_("Show as"), choices=(N_("row"), N_("film")), live=True, advanced=True
    )


def straight(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """(latent,) twice to (steps, latent), both ends included."""
    t = torch.linspace(0, 1, steps)[:, None]
    return (1 - t) * a + t * b


def spherical(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Along the great circle, as Shoemake 1985 for quaternions; the length goes evenly too.

    A straight line between two draws of a high-dimensional Gaussian passes nearer to the
    middle than draws do. Where the directions are (nearly) the same or opposite: straight.
    """
    length_a, length_b = a.norm(), b.norm()
    angle = torch.arccos((a @ b / (length_a * length_b)).clamp(-1, 1))
    if not float(angle.sin()) > 1e-3:  # true also of NaN, where one of them is the middle itself
        return straight(a, b, steps)
    t = torch.linspace(0, 1, steps)[:, None]
    from_a, from_b = ((1 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()
    length: Tensor = (1 - t) * length_a + t * length_b
    arc: Tensor = length * (from_a * a / length_a + from_b * b / length_b)
    return arc


@torch.no_grad()
def path(trained: Trained, knobs: PathKnobs) -> Drawing:
    """Pictures on the way from one code to another."""
    latent = trained.net.latent
    if knobs.ends == "pictures":
        a = encoded(trained.module, own_or_held_out(trained, knobs.own, knobs.a))[0]
        b = encoded(trained.module, held_out(trained.data, knobs.b))[0]
    else:
        a, b = noise((knobs.a, knobs.b), latent)
        if knobs.own:
            a = encoded(trained.module, own_or_held_out(trained, knobs.own, 0))[0]
    yield None
    ways = (straight(a, b, knobs.steps), spherical(a, b, knobs.steps))
    rows = yield from in_parts(lambda part: decoded(trained.module, part), torch.cat(ways))
    both = np.concatenate(rows)
    caption = N_("Above: the straight line between the codes. Below: the arc about the middle.")
    if knobs.show == "row":
        yield Images(both, across=knobs.steps, caption=caption)
        return
    above, below = both[: knobs.steps], both[knobs.steps :]
    yield Film(
        tuple(
            Images(np.stack(pair), labels=(N_("straight"), N_("arc")), across=2)
            for pair in zip(above, below, strict=True)
        ),
        tuple(f"{t:.2f}" for t in np.linspace(0, 1, knobs.steps)),
        start=0,
        caption=caption,
    )


# --- views: code, arithmetic, dimensions


@dataclass(frozen=True)
class CodeKnobs:
    """A picture to start from, and the code as it was turned."""

    number: int = knob(
        0,
        N_("Start from number"),
        low=0,
        high=HIGHEST,
        live=True,
        help=N_("Of a held-out picture."),
    )
    own: str = knob("", OWN, file="picture", live=True, help=OWN_HELP)
    code: tuple[float, ...] = knob(
        (), N_("Code"), live=True, help=N_("Drag the bars. Empty: the code of the picture.")
    )


CODE_REACH = 3.0


def code_of(start: Tensor, turned: tuple[float, ...]) -> Tensor:
    """`start` (latent,) with as many of its numbers replaced as `turned` has."""
    code = start.clone()
    count = min(len(turned), len(code))
    code[:count] = torch.tensor(turned[:count], dtype=torch.float32)
    return code


@torch.no_grad()
def code(trained: Trained, knobs: CodeKnobs) -> Drawing:
    """A code as bars that can be dragged, beside the picture it decodes to."""
    latent = trained.net.latent
    shown, labels = [], []
    start = torch.zeros(latent)
    if knobs.own or len(trained.data.held_out):
        picture = own_or_held_out(trained, knobs.own, knobs.number)
        start = encoded(trained.module, picture)[0]
        shown.append(picture[0])
        labels.append(N_("the picture"))
    z = code_of(start, knobs.code)
    shown.append(decoded(trained.module, z[None])[0])
    labels.append(N_("decoded"))
    yield Panels(
        (
            Bars(
                tuple(f"z{number}" for number in range(1, latent + 1)),
                tuple(float(each) for each in z.clamp(-CODE_REACH, CODE_REACH)),
                x_title=N_("latent dimension"),
                y_title=N_("value"),
                turns="code",
                low=-CODE_REACH,
                high=CODE_REACH,
            ),
            Images(np.stack(shown), labels=tuple(labels), across=1),
        ),
        weights=(3.0, 1.0),
        caption=N_("Drag a bar and see what that number means. Some do nothing: they are dead."),
    )


@dataclass(frozen=True)
class ArithmeticKnobs:
    """Two groups of held-out pictures, and what their difference is added to."""

    group_a: tuple[float, ...] = knob(
        (), N_("Group A"), live=True, advanced=True, help=N_("Click pictures.")
    )
    group_b: tuple[float, ...] = knob(
        (), N_("Group B"), live=True, advanced=True, help=N_("Click pictures.")
    )
    target: int = knob(
        0, N_("Target"), low=0, high=HIGHEST, live=True, help=N_("A held-out picture's number.")
    )
    strength: float = knob(
        1.0,
        N_("Strength"),
        low=-3.0,
        high=3.0,
        live=True,
        help=N_("How often the difference A - B is added at the end of the row."),
    )
    page: int = knob(0, N_("Page"), low=0, high=1000, live=True, help=N_("Of the pictures above."))
    own: str = knob("", N_("Own picture as target"), file="picture", live=True, help=OWN_HELP)


WALL = 40
ROW = 7


def by_ink(data: ImageData, numbers: list[int]) -> tuple[list[int], list[int]]:
    """The five of the held-out `numbers` with most light, and the five with least."""
    light = data.held_out[numbers].reshape(len(numbers), -1).mean(1)
    order = [numbers[place] for place in np.argsort(light, kind="stable")]
    count = min(5, len(order) // 2)
    return order[len(order) - count :], order[:count]


def difference(module: VAE, a: Pixels, b: Pixels) -> Tensor:
    """mean(codes of A) - mean(codes of B), (latent,); an empty group counts as the origin."""
    means = [
        encoded(module, group).mean(0) if len(group) else torch.zeros(module.net.latent)
        for group in (a, b)
    ]
    return means[0] - means[1]


@torch.no_grad()
def arithmetic(trained: Trained, knobs: ArithmeticKnobs) -> Drawing:
    """What A has and B has not, added to a picture step by step."""
    data = trained.data
    need_pictures(data)
    count = len(data.held_out)
    pages = -(-count // WALL)
    first = knobs.page % pages * WALL
    numbers = list(range(first, min(first + WALL, count)))
    group_a = [int(number) % count for number in knobs.group_a]
    group_b = [int(number) % count for number in knobs.group_b]
    bold, thin = by_ink(data, numbers)
    group_a, group_b = group_a or bold, group_b or thin
    target = own_or_held_out(trained, knobs.own, knobs.target)
    yield None
    direction = difference(trained.module, data.held_out[group_a], data.held_out[group_b])
    yield None
    strengths = torch.linspace(0.0, knobs.strength, ROW)
    codes = encoded(trained.module, target) + strengths[:, None] * direction
    results = decoded(trained.module, codes)
    yield Panels(
        (
            Images(
                data.held_out[numbers],
                title=N_("Pictures to pick from"),
                numbers=tuple(numbers),
                picks=("group_a", "group_b", "target"),
                pick_titles=(N_("group A"), N_("group B"), N_("target")),
                single=("target",),
                picked=(tuple(group_a), tuple(group_b), (knobs.target % count,)),
                across=WALL // 2,
            ),
            Images(
                np.concatenate([target, results]),
                title=N_("Target + strength × (A - B)"),
                labels=(N_("target"), *(f"{float(each):+.2f}" for each in strengths)),
                across=ROW + 1,
            ),
        ),
        across=1,
        caption=N_(
            "The mean code of group A minus that of group B, added to the target. As long as "
            "nothing is picked, A are the boldest pictures of the page and B the thinnest."
        ),
    )


@torch.no_grad()
def dimensions(trained: Trained, knobs: NoKnobs) -> Drawing:
    """How much each latent dimension tells of a picture, on the mean of held-out ones."""
    need_pictures(trained.data)
    rows = yield from in_parts(
        lambda part: divergence(*trained.module.encode(to_unit(part))).numpy(),
        trained.data.held_out[:MOST_ENCODED],
    )
    kl = np.concatenate(rows).mean(0)
    yield Bars(
        tuple(f"z{number}" for number in range(1, len(kl) + 1)),
        tuple(float(each) for each in kl),
        x_title=N_("latent dimension"),
        y_title=N_("mean KL"),
        unit=N_("nats"),
        caption=in_use(int((kl < DEAD).sum()), len(kl)),
    )


def in_use(dead: int, latent: int) -> str:
    """How many dimensions are dead, as a sentence."""
    if not dead:
        return N_("All {latent} dimensions are in use.", latent=latent)
    return N_(
        "{dead} of {latent} dimensions are dead: less than 0.01 nats go through them, and the "
        "decoder takes no notice of them.",
        dead=dead,
        latent=latent,
    )


MODEL = Model(
    key="vae",
    title=N_("VAE"),
    summary=N_("Codes each picture as a few numbers, and decodes any such numbers to a picture."),
    papers=(
        "Kingma & Welling 2013 (arXiv:1312.6114)",
        "Higgins et al. 2017 (beta-VAE)",
        "Kingma et al. 2016 (free bits, arXiv:1606.04934)",
    ),
    accepts="images",
    data="digits",
    net=NetKnobs,
    train=VAETrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(count=16),
    presets=(
        Preset(
            "default",
            N_("One minute"),
            N_("16 latent dimensions, convolutional: good samples within a minute."),
            NetKnobs(),
            with_defaults(VAETrainKnobs, steps=0, seconds=60.0, learning_rate=3e-3, batch=32),
        ),
        Preset(
            "map",
            N_("Map"),
            N_("2 latent dimensions: the whole latent space can be drawn as a map."),
            # So narrow a code tells little of neighbours: dense layers, five times as quick, win.
            NetKnobs(latent=2, architecture="mlp", hidden=512),
            with_defaults(VAETrainKnobs, steps=0, seconds=60.0, learning_rate=2e-3, batch=100),
        ),
        Preset(
            "faces",
            N_("Few pictures, or coloured ones"),
            N_("Gaussian pixels of a fixed deviation: for faces and photographs, even a few."),
            # With a hundred pictures a learned deviation shrinks until they are known by heart.
            NetKnobs(likelihood="Gaussian", deviation=0.15),
            with_defaults(VAETrainKnobs, steps=0, seconds=20.0, learning_rate=2e-3, batch=32),
        ),
        Preset(
            "collapse",
            N_("Posterior collapse"),
            N_("Beta is 20: the codes say next to nothing. See it, then turn beta down."),
            NetKnobs(architecture="mlp", hidden=512),
            with_defaults(VAETrainKnobs, steps=3000, learning_rate=2e-3, batch=100, beta=20.0),
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
            key="map",
            title=N_("Latent map"),
            caption=N_("Where pictures lie in the latent space; drag the ring to decode a point."),
            make=latent_map,
            knobs=MapKnobs,
            every=2.0,
        ),
        View(
            key="reconstructions",
            title=N_("Reconstructions"),
            caption=N_("Pictures, and what comes back of them through the code."),
            make=reconstructions,
            knobs=ReconstructionKnobs,
            every=2.0,
        ),
        View(
            key="manifold",
            title=N_("Manifold"),
            caption=N_("What the decoder draws all over a plane of the latent space."),
            make=manifold,
            knobs=ManifoldKnobs,
            every=3.0,
        ),
        View(
            key="path",
            title=N_("From A to B"),
            caption=N_("Pictures on the way between two codes, along a line and along an arc."),
            make=path,
            knobs=PathKnobs,
            every=3.0,
        ),
        View(
            key="code",
            title=N_("The code"),
            caption=N_("The latent numbers of a picture as bars to drag, and the picture decoded."),
            make=code,
            knobs=CodeKnobs,
        ),
        View(
            key="arithmetic",
            title=N_("Arithmetic"),
            caption=N_("What one group of pictures has and another has not, added to a third."),
            make=arithmetic,
            knobs=ArithmeticKnobs,
        ),
        View(
            key="dimensions",
            title=N_("KL per dimension"),
            caption=N_("How much each latent dimension tells; those at zero are dead."),
            make=dimensions,
            every=3.0,
        ),
        pictures.NEAREST,
    ),
    units=units,
    curves=(
        Line("loss", N_("training")),
        Line("held_out", N_("held-out"), "points"),
        Line("kl", N_("KL"), "points"),
        Line("reconstruction", N_("reconstruction"), "points"),
    ),
    curves_caption=N_(
        "Held out: the negative ELBO, which is reconstruction + KL. The training loss takes the KL "
        "times beta, and pictures that were shifted. With the Gaussian likelihood they are "
        "densities and may fall below zero."
    ),
    aside=0.1,  # a wall that changes is what one watches
    health=(POSTERIOR_COLLAPSE, OVERFITTING, PLATEAU),
)

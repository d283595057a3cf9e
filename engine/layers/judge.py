"""A judge of generated pictures: a small classifier, trained on the labelled data in seconds.

Its confidence p(class | picture) says whether a picture can be recognised, the classes it
names how many kinds are drawn, and the Frechet distance between the features of real and
of generated pictures, each seen as a Gaussian, how alike the two sets are:

    FD = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))

Heusel et al. 2017 (arXiv:1706.08500, equation 6) with the features of this classifier in
the place of Inception's. So distances of different data sets, or judges, do not compare.
"""

import copy
import math
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData, Pixels
from engine.layers.pictures import to_unit
from engine.phrases import N_, PlaygroundError

FEATURES = 64
EPOCHS = 12
FEWEST_STEPS = 200
BATCH = 64
RATE = 1.5e-3
AVERAGE = 0.98

Features = NDArray[np.float64]


class Scores(NamedTuple):
    """What a judge says of a set of pictures.

    confidence: mean probability of the likeliest class, in [0, 1].
    classes: how many classes are the likeliest one of some picture.
    frechet: distance to the held-out pictures; see `frechet`.
    """

    confidence: float
    classes: int
    frechet: float


class Classifier(nn.Module):
    """Three convolutions, 64 features, and the classes."""

    def __init__(self, height: int, width: int, channels: int, classes: int) -> None:
        super().__init__()
        self.padding = padding(height, width)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 24, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(48, 64, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * -(-height // 4) * -(-width // 4), FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, unit: Tensor) -> Tensor:
        """(batch, channels, height, width) in [0, 1] to (batch, 64)."""
        features: Tensor = self.body(F.pad(unit, self.padding) * 2 - 1)
        return features

    def forward(self, unit: Tensor) -> Tensor:
        """(batch, channels, height, width) in [0, 1] to logits (batch, classes)."""
        logits: Tensor = self.head(self.features(unit))
        return logits


def padding(height: int, width: int) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) that make both sizes multiples of 4."""
    across, down = -width % 4, -height % 4
    return across // 2, across - across // 2, down // 2, down - down // 2


class Judge:
    """A trained classifier of the pictures of one data set."""

    def __init__(self, module: Classifier, data: ImageData) -> None:
        self.module = module
        self._real = self.features(data.held_out)
        self._labels = data.held_out_labels

    @torch.no_grad()
    def features(self, pixels: Pixels) -> Features:
        """(n, height, width, channels) to (n, 64)."""
        rows = [self.module.features(to_unit(part)).numpy() for part in _parts(pixels)]
        return np.concatenate([np.empty((0, FEATURES)), *rows])

    def probabilities(self, pixels: Pixels) -> NDArray[np.float64]:
        """(n, height, width, channels) to the probability of each class, (n, classes)."""
        return self._probabilities(self.features(pixels))

    @torch.no_grad()
    def _probabilities(self, features: Features) -> NDArray[np.float64]:
        logits = self.module.head(torch.from_numpy(features).float())
        return np.asarray(logits.double().softmax(1).numpy())

    def accuracy(self) -> float:
        """The share of the held-out pictures that it names rightly."""
        named = self._probabilities(self._real).argmax(1)
        return float((named == self._labels).mean())

    def scores(self, pixels: Pixels) -> Scores:
        """Of generated pictures (n, height, width, channels); for the distance n should be 500."""
        features = self.features(pixels)
        probabilities = self._probabilities(features)
        return Scores(
            confidence=float(probabilities.max(1).mean()),
            classes=len(np.unique(probabilities.argmax(1))),
            frechet=frechet(self._real, features),
        )


def _parts(pixels: Pixels) -> list[Pixels]:
    return [pixels[first : first + 250] for first in range(0, len(pixels), 250)]


_judges: dict[tuple[Any, ...], Judge] = {}


def train(data: ImageData, seed: int = 0) -> Generator[None, None, Judge]:
    """A judge of the classes of `data`; trained once in a process, and kept.

    Raises `PlaygroundError` where there are fewer than two classes, or no pictures.
    """
    if len(data.classes) < 2 or not len(data.train) or not len(data.held_out):
        raise PlaygroundError(
            N_(
                "{title} cannot be judged: accepted are pictures of two or more classes",
                title=data.title,
            )
        )
    key = (data.key, data.sha256, data.counts, data.shape, seed)
    if key not in _judges:
        _judges[key] = yield from _trained(data, seed)
    return _judges[key]


def _trained(data: ImageData, seed: int) -> Generator[None, None, Judge]:
    random = torch.Generator().manual_seed(seed)
    module = Classifier(*data.shape, len(data.classes))
    for parameter in module.parameters():  # anew from this seed, not from torch's own state
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, generator=random)
        else:
            nn.init.zeros_(parameter)
    module.train()
    averaged = copy.deepcopy(module)
    optimiser = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=0.02, fused=True)
    images, labels = to_unit(data.train), torch.from_numpy(data.train_labels)
    size = min(BATCH, len(images))
    steps = max(FEWEST_STEPS, EPOCHS * (len(images) // size))
    order = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        if len(order) < size:
            order = torch.randperm(len(images), generator=random)
        chosen, order = order[:size], order[size:]
        for group in optimiser.param_groups:  # a half cosine
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        _learn(module, optimiser, shifted(images[chosen], random), labels[chosen])
        with torch.no_grad():
            decay = min(AVERAGE, step / (step + 10))
            for mean, own in zip(averaged.parameters(), module.parameters(), strict=True):
                mean.lerp_(own, 1 - decay)
        yield
    judge = Judge(averaged.eval().requires_grad_(False), data)
    yield
    return judge


def _learn(module: Classifier, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    with torch.enable_grad():
        loss = F.cross_entropy(module(x), y)
        module.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def shifted(images: Tensor, random: torch.Generator, most: int = 2) -> Tensor:
    """Each of (batch, channels, height, width) moved by up to `most` pixels on either axis."""
    batch, _, height, width = images.shape
    padded = F.pad(images, (most, most, most, most), mode="replicate")
    down, across = torch.randint(0, 2 * most + 1, (2, batch), generator=random)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (across[:, None] + torch.arange(width))[:, None, :]
    return padded[torch.arange(batch)[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


def frechet(real: Features, samples: Features) -> float:
    """The Frechet distance of two sets of features (n, d), each taken for a Gaussian.

    Both are scaled so that the covariance of `real` has trace d: then a distance of d is as
    far as if everything were drawn in one place.
    """
    mean_1, cov_1 = _gaussian(real)
    mean_2, cov_2 = _gaussian(samples)
    scale = real.shape[1] / max(float(np.trace(cov_1)), 1e-12)
    root = _root(cov_1)
    # (C_1 C_2) and C_1^(1/2) C_2 C_1^(1/2) have the same eigenvalues; the second is symmetric.
    between = np.linalg.eigvalsh(root @ cov_2 @ root).clip(0)
    apart = ((mean_1 - mean_2) ** 2).sum()
    spread = np.trace(cov_1) + np.trace(cov_2) - 2 * np.sqrt(between).sum()
    return float(scale * (apart + spread))


def _gaussian(features: Features) -> tuple[Features, Features]:
    rows = features.astype(np.float64)
    centred = rows - rows.mean(0)
    return rows.mean(0), centred.T @ centred / max(len(rows) - 1, 1)


def _root(covariance: Features) -> Features:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)

"""What every model of images or of points shares: noise by seed, walls, and neighbours.

Tile i of a sample is made from the seed s + i alone, whatever its neighbours: so any
of them can be made again, by itself, from the number that stands below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.family import Drawing, Trained, View
from engine.knobs import knob
from engine.payloads import Images
from engine.phrases import N_, PlaygroundError

if TYPE_CHECKING:
    from engine.data.images import ImageData

MOST_SEED = 1_000_000


@dataclass(frozen=True)
class PictureSampleKnobs:
    """How many pictures, and from which seed on."""

    count: int = knob(
        16, N_("Pictures"), low=1, high=256, live=True, help=N_("How many are drawn at once.")
    )
    seed: int = knob(
        1,
        N_("Seed"),
        low=0,
        high=MOST_SEED,
        live=True,
        help=N_("Of the first picture; the next ones have the numbers that follow."),
    )


def noise(seeds: Sequence[int], *shape: int) -> Tensor:
    """Standard normal numbers, (len(seeds), *shape); each row from its own seed alone."""
    rows = [
        np.random.Generator(np.random.Philox(key=seed)).standard_normal(shape, np.float32)
        for seed in seeds
    ]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, *shape)


def to_unit(pixels: Any) -> Tensor:
    """(n, height, width, channels) uint8 to (n, channels, height, width) floats in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def to_pixels(unit: Tensor) -> Any:
    """The opposite of `to_unit`; what is outside [0, 1] is cut off."""
    scaled = (unit.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().numpy()


def wall(unit: Tensor, seeds: Sequence[int], **more: Any) -> Images:
    """Samples (n, channels, height, width) in [0, 1], each labelled with its seed."""
    return Images(
        to_pixels(unit),
        labels=tuple(f"{seed}" for seed in seeds),
        numbers=tuple(seeds),
        **more,
    )


def need_pictures(data: "ImageData") -> None:
    """Raise where a run was opened without the pictures it learned from."""
    if not len(data.train):
        raise PlaygroundError(N_("this view needs the pictures that the model learned from"))


@dataclass(frozen=True)
class NearestKnobs:
    """Which sample."""

    sample: int = knob(1, N_("Sample"), low=1, high=256, live=True)
    count: int = knob(8, N_("Neighbours"), low=1, high=32, live=True)


@torch.no_grad()
def nearest(trained: Trained, knobs: NearestKnobs) -> Drawing:
    """The training pictures that are nearest to one of the newest samples, pixel by pixel."""
    data = trained.data
    need_pictures(data)
    if not isinstance(trained.sample, Images):
        raise PlaygroundError(N_("there is no sample yet: press Generate first"))
    place = min(knobs.sample, len(trained.sample.pixels)) - 1
    sample = trained.sample.pixels[place]
    yield None
    flat = data.train.reshape(len(data.train), -1).astype(np.float32)
    gaps = np.sqrt(((flat - sample.reshape(1, -1).astype(np.float32)) ** 2).mean(1)) / 255
    order = np.argsort(gaps, kind="stable")[: knobs.count]
    yield Images(
        np.concatenate([sample[None], data.train[order]]),
        labels=(
            str(N_("the sample")),
            *(f"{gaps[i]:.2f}" for i in order),
        ),
        caption=N_("Root mean square difference of the pixels, from 0 to 1, below each."),
    )


NEAREST = View(
    "nearest",
    N_("Nearest examples"),
    N_(
        "The training pictures most like one of the newest samples: has it learned, or only "
        "learned by heart?"
    ),
    nearest,
    NearestKnobs,
)

"""A family that draws: from small pictures, points, a text, sound or pairs it learns nothing much.

What the models are told of their data is real; their weights and samplers are toys.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.data import catalogue
from engine.data.catalogue import DataSet
from engine.events import Progress
from engine.family import Drawing, Family, Model, Trained, View
from engine.knobs import knob
from engine.layers.pictures import PictureSampleKnobs
from engine.payloads import Cell, Dots, Images, Plane, Sound, Table, Text
from engine.phrases import N_
from tests.app import fake
from tests.engine import small


@dataclass(frozen=True)
class Near:
    """Which sample to look at."""

    sample: int = knob(1, N_("Sample"), low=1, high=255, live=True)


def _pictures(trained: Trained, knobs: PictureSampleKnobs, keep: tuple[int, ...]) -> Drawing:
    seeds = tuple(range(knobs.seed, knobs.seed + knobs.count))
    yield None
    pixels = np.stack([np.full((8, 8, 1), seed * 7 % 256, np.uint8) for seed in seeds])
    yield Images(pixels, labels=tuple(str(seed) for seed in seeds), numbers=seeds)


def _points(trained: Trained, knobs: PictureSampleKnobs, keep: tuple[int, ...]) -> Drawing:
    yield None
    found = np.random.default_rng(knobs.seed).standard_normal((knobs.count, 2))
    yield Plane((-3.0, 3.0, -3.0, 3.0), (Dots("generated", found.astype(np.float32)),))


@dataclass(frozen=True)
class Length:
    """How much to play."""

    seconds: float = knob(1.0, N_("Length"), low=0.1, high=60.0, live=True)
    seed: int = knob(1, N_("Seed"), low=0, high=99, live=True)


def _plays(trained: Trained, knobs: Length, keep: tuple[int, ...]) -> Drawing:
    total = round(knobs.seconds * 8000)
    samples = np.sin(np.arange(total) / 5).astype(np.float32) * 0.5
    for made in range(1000, total + 1, 1000):
        time.sleep(fake.DRAWING_SECONDS)
        yield Sound(samples[:made], 8000, piece=knobs.seed, expected=total)


@dataclass(frozen=True)
class Sources:
    """What to write the target of."""

    source: str = knob("", N_("Source"), live=True)
    count: int = knob(8, N_("How many"), low=1, high=64, live=True)
    seed: int = knob(1, N_("Seed"), low=0, high=99, live=True)


def _translates(trained: Trained, knobs: Sources, keep: tuple[int, ...]) -> Drawing:
    yield None
    sources = [knobs.source] if knobs.source else list(trained.data.references)[: knobs.count]
    rows = tuple((Cell(each), Cell(each[::-1].upper())) for each in sources)
    yield Table((N_("Source"), N_("Output")), rows, caption=N_("Backwards."))


def _nearest(trained: Trained, knobs: Near) -> Drawing:
    yield Text(f"sample {knobs.sample}")


def _batch(data: Any, net: Any, train: Any, random: torch.Generator) -> torch.Tensor:
    return torch.randn(train.batch, generator=random)


def _evaluate(*_about: Any) -> Generator[None, None, dict[str, float]]:
    yield
    return {"held_out": 1.0}


def _model(key: str, accepts: str, **other: Any) -> Model:
    view = View("nearest", N_("Nearest"), N_("The nearest."), _nearest, Near, every=0.2)
    return fake.model(
        key,
        title=N_("Model of {kind}", kind=accepts),
        accepts=accepts,
        data=accepts,
        batch=_batch,
        evaluate=_evaluate,
        check=lambda data, net: None,
        views=(view,),
        **other,
    )


def models() -> tuple[Model, Model, Model]:
    """One of pictures, one of points, one of texts."""
    drawing: dict[str, Any] = {
        "sample": PictureSampleKnobs,
        "watch": PictureSampleKnobs(count=4),
    }
    return (
        _model("draws", "images", sampler=_pictures, **drawing),
        _model("dots", "points", sampler=_points, **drawing),
        _model("writes", "text"),
    )


def playing() -> Family:
    """One that plays, in a tab of its own."""
    model = _model("plays", "sound", sampler=_plays, sample=Length, watch=Length(0.5, 90))
    return Family("playing", N_("Playing"), N_("Plays."), lambda: (model,), "rnn")


def translating() -> Family:
    """One that writes targets, in a tab of its own."""
    model = _model(
        "translates", "pairs", sampler=_translates, sample=Sources, watch=Sources(count=4)
    )
    return Family("translating", N_("Translating"), N_("Translates."), lambda: (model,), "rnn")


def families() -> tuple[Family, Family]:
    """Those that draw in one tab, the one that writes in another."""
    draws, dots, writes = models()
    return (
        Family("drawing", N_("Drawing"), N_("Draws."), lambda: (draws, dots), "rnn"),
        Family("writing", N_("Writing"), N_("Writes."), lambda: (writes,), "rnn"),
    )


def _load(name: str, *_more: Any) -> Generator[Progress, None, Any]:
    yield Progress(0, 0.0, 0.5)
    bare = catalogue.split_name(name)[0]
    kind = bare if bare in KINDS else catalogue.kind_of(Path(bare))
    made: dict[str, Callable[[], Any]] = {
        "images": small.image_data,
        "points": small.point_data,
        "text": lambda: small.text_data(small.sentences(400)),
        "sound": small.sound_data,
        "pairs": small.pair_data,
    }
    return made[kind]()


KINDS = ("images", "points", "text", "sound", "pairs")


def install(monkeypatch: Any) -> None:
    """Have the catalogue offer small data of each kind, in place of what it has."""
    sets = tuple(
        DataSet(
            kind,
            N_("Small {kind}", kind=kind),
            N_("Small."),
            kind,
            N_("our own"),
            lambda _as, kind=kind: _load(kind),  # type: ignore[misc]
        )
        for kind in KINDS
    )
    monkeypatch.setattr(catalogue, "DATA", sets)
    monkeypatch.setattr(catalogue, "load", _load)

"""A family that is declared in full and learns next to nothing, fast.

One weight is drawn towards a target; the sampler writes letters by a rule; there
is a view of each sort. Whatever the window can do with a real family it can do
with this one, because it knows no more of either than what is declared.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from app.fields import NumberField, TextField
from app.form import KnobForm
from engine.data import catalogue
from engine.events import Progress
from engine.family import (
    Descent,
    Drawing,
    Family,
    Model,
    Preset,
    Rule,
    Trained,
    TrainKnobs,
    View,
)
from engine.family import Line as CurveLine
from engine.knobs import knob
from engine.payloads import (
    Alternative,
    Bars,
    Curve,
    Dots,
    Handle,
    Heatmap,
    Images,
    Line,
    Payload,
    Plane,
    Text,
    Tokens,
)
from engine.phrases import N_, PlaygroundError
from engine.sampling import CategoricalKnobs

LETTERS = "abcdefgh"
STEP_SECONDS = 0.002
DRAWING_SECONDS = 0.002


@dataclass(frozen=True)
class ToyData:
    """A number to learn."""

    key: str
    target: float = 1.0
    kind: str = "toy"
    sha256: str = ""

    @property
    def title(self) -> str:
        """Its name."""
        return Path(self.key).stem

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What it is."""
        return (("Target", str(self.target)), ("Source", self.key))

    def preview(self) -> Payload:
        """How it looks."""
        return Text(f"the number {self.target}")


@dataclass(frozen=True)
class ToyNet:
    """A knob that a restart takes, and a folded one."""

    size: int = knob(4, N_("Size"), low=1, high=64, help=N_("How many weights."))
    offset: float = knob(0.0, N_("Offset"), low=-1.0, high=1.0, advanced=True)


@dataclass(frozen=True)
class ToySample(CategoricalKnobs):
    """Prompt and length, as text models have them."""

    prompt: str = knob("", N_("Prompt"), live=True)
    length: int = knob(12, N_("Length"), low=0, high=5000, unit=N_("tokens"), live=True)


@dataclass(frozen=True)
class ToyLook:
    """What to look at."""

    scale: float = knob(1.0, N_("Scale"), low=0.1, high=10.0, log=True, live=True)


@dataclass(frozen=True)
class ToyPlace:
    """A place in the plane, and a whole number."""

    x: float = knob(0.0, N_("x"), low=-3.0, high=3.0, live=True)
    y: float = knob(0.0, N_("y"), low=-3.0, high=3.0, live=True)
    size: int = knob(4, N_("Size"), low=1, high=9, live=True)


@dataclass(frozen=True)
class ToyPicks:
    """Tiles that were picked, and one that was chosen."""

    these: tuple[int, ...] = knob((), N_("These"), live=True)
    tile: int = knob(0, N_("Tile"), low=0, high=8, live=True)


@dataclass(frozen=True)
class ToyPicture:
    """A picture of one's own."""

    picture: str = knob("", N_("Picture"), file="picture", live=True)
    strength: float = knob(0.5, N_("Strength"), low=0.0, high=1.0, live=True)


@dataclass(frozen=True)
class ToyPainterTrain(TrainKnobs):
    """A live knob and one that a reset takes, for the remedies."""

    beta: float = knob(4.0, N_("Beta"), low=0.0, high=10.0, live=True)
    width: int = knob(3, N_("Width"), low=1, high=9)


class ToyModule(nn.Module):
    """Some weights."""

    def __init__(self, net: ToyNet) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(net.size) + net.offset)


def _batch(data: ToyData, net: ToyNet, train: TrainKnobs, random: torch.Generator) -> Tensor:
    return data.target + 0.1 * torch.randn(train.batch, generator=random)


def _step(module: Any, batch: Tensor, train: TrainKnobs) -> Iterator[Descent]:
    time.sleep(STEP_SECONDS)
    yield Descent(((module.weight[None] - batch[:, None]) ** 2).mean())


def _evaluate(
    module: Any, data: ToyData, net: ToyNet, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    yield
    return {"held_out": float(((module.weight - data.target) ** 2).mean())}


def _check(data: ToyData, net: ToyNet) -> None:
    if net.size == 13:
        raise PlaygroundError(N_("a size of {size} is unlucky: choose another", size=13))


def _alternatives(place: int, seed: int) -> tuple[Alternative, ...]:
    first = (place * 3 + seed) % len(LETTERS)
    ids = [first, *(i for i in range(len(LETTERS)) if i != first)]
    odds = np.linspace(2, 1, len(ids)) ** 3
    odds /= odds.sum()
    return tuple(Alternative(i, LETTERS[i], float(p), True) for i, p in zip(ids, odds, strict=True))


def _sampler(trained: Trained, knobs: ToySample, keep: tuple[int, ...]) -> Drawing:
    if set(knobs.prompt) - set(LETTERS):
        raise PlaygroundError(N_("the prompt {prompt!r} has unknown letters", prompt=knobs.prompt))
    ids = list(keep) or [LETTERS.index(letter) for letter in knobs.prompt] or [0]
    kept = len(ids)
    for drawn in range(knobs.length + 1):
        over = drawn == knobs.length
        following = _alternatives(len(ids), knobs.seed) if over and knobs.length <= 1 else ()
        yield Tokens(
            ids=tuple(ids),
            pieces=tuple(LETTERS[i] for i in ids),
            probabilities=(*[float("nan")] * kept, *[0.3] * (len(ids) - kept)),
            alternatives=(
                *[()] * kept,
                *(_alternatives(place, knobs.seed) for place in range(kept, len(ids))),
            ),
            kept=kept,
            next=following,
            tokens_per_second=100.0,
        )
        if not over:
            ids.append(_alternatives(len(ids), knobs.seed)[0].id)
            if knobs.length > 1000:
                time.sleep(0.001)


def _state(trained: Trained, knobs: ToyLook) -> Drawing:
    values = trained.module.weight.detach().numpy()[None] * knobs.scale
    yield None
    yield Heatmap(values.astype(np.float32), title="state", value_title="weight")


def _curve(trained: Trained, knobs: ToyLook) -> Drawing:
    x = np.arange(8, dtype=np.float32)
    yield Curve((Line("line", x, x * trained.step),), "x", "y", caption="a line")


def _bars(trained: Trained, knobs: Any) -> Drawing:
    yield Bars(("one", "two"), (1.0, float(trained.step)))


def _place(trained: Trained, knobs: ToyPlace) -> Drawing:
    time.sleep(DRAWING_SECONDS)
    yield None
    points = np.array([[knobs.x, knobs.y]], np.float32)
    yield Plane(
        (-3.0, 3.0, -3.0, 3.0),
        (Dots("here", points),),
        handles=(Handle("place", knobs.x, knobs.y, "x", "y"),),
        caption=f"{knobs.x:.3f}, {knobs.y:.3f}",
    )


def _tiles(trained: Trained, knobs: ToyPicks) -> Drawing:
    yield None
    pixels = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.full((1, 8, 8, 1), 28, np.uint8)
    yield Images(pixels, picks=("these", "tile"), picked=(knobs.these, (knobs.tile,)))


def _drawn(trained: Trained, knobs: ToyPicture) -> Drawing:
    if knobs.picture.endswith(".txt"):
        raise PlaygroundError(N_("{path} is no image: a .png is accepted", path=knobs.picture))
    yield Text(knobs.picture or "no picture")


def _two_losses(module: Any, batch: Tensor, train: TrainKnobs) -> Iterator[Descent]:
    for descent in _step(module, batch, train):
        yield Descent(descent.loss, metrics={"critic": descent.loss.detach() + 1})


SICK = Rule(
    "sick",
    N_("The toy is sick."),
    N_("The loss is above 0."),
    lambda history, train: bool(len(history.series("loss").values)),
    N_("Halve beta"),
    lambda train: {"beta": train.beta / 2},
)
SLIM = Rule(
    "slim",
    N_("The toy is too slim: it carries nothing of what it was meant to carry."),
    N_("Its width is below 5."),
    lambda history, train: train.width < 5,
    N_("Widen"),
    lambda train: {"width": train.width * 2, "beta": 1.0},
)


def painter(key: str = "painter", **other: Any) -> Model:
    """A toy model with views that are dragged in, picked in and drawn for."""
    train = ToyPainterTrain(steps=20_000)
    declared: dict[str, Any] = {
        "train": ToyPainterTrain,
        "presets": (Preset("default", N_("Quick"), N_("In no time."), ToyNet(), train),),
        "step": _two_losses,
        "views": (
            View("state", N_("State"), N_("The weights."), _state, ToyLook, every=0.2),
            View("place", N_("Place"), N_("A point to drag."), _place, ToyPlace, every=0.2),
            View("tiles", N_("Tiles"), N_("Tiles to pick."), _tiles, ToyPicks, every=0.2),
            View("drawn", N_("Drawn"), N_("Of a picture."), _drawn, ToyPicture),
        ),
        "curves": (CurveLine("critic", N_("critic")), CurveLine("loss", N_("training"))),
        "curves_caption": N_("Neither of them need fall."),
        "health": (SICK, SLIM),
    }
    return model(key, **(declared | other))


def model(key: str, **other: Any) -> Model:
    """A toy model under this key; `other` replaces what it declares."""
    declared: dict[str, Any] = {
        "key": key,
        "title": N_("Toy {key}", key=key),
        "summary": N_("Learns a number."),
        "papers": (),
        "accepts": "toy",
        "data": "one",
        "net": ToyNet,
        "train": TrainKnobs,
        "sample": ToySample,
        "watch": ToySample(length=6),
        "presets": (
            Preset("default", N_("Quick"), N_("In no time."), ToyNet(), TrainKnobs(steps=20_000)),
            Preset(
                "large", N_("Large"), N_("More weights."), ToyNet(size=32), TrainKnobs(steps=30_000)
            ),
        ),
        "build": lambda net, data: ToyModule(net),
        "optimise": lambda module, train: {
            "all": [torch.optim.SGD(module.parameters(), lr=train.learning_rate)]
        },
        "batch": _batch,
        "step": _step,
        "evaluate": _evaluate,
        "sampler": _sampler,
        "views": (
            View("state", N_("State"), N_("The weights."), _state, ToyLook, every=0.2),
            View("curve", N_("Curve"), N_("On demand."), _curve, ToyLook),
            View("bars", N_("Bars"), N_("Two bars."), _bars, every=0.2),
        ),
        "check": _check,
        "units": lambda data: {N_("nats"): 1.0, N_("bits"): 1.4427},
    }
    return Model(**(declared | other))


def family(*models: Model) -> Family:
    """A family of these models, or of two toys."""
    chosen = models or (model("toy"), model("other"))
    return Family("toys", N_("Toys"), N_("Small things that learn."), lambda: chosen, "rnn")


def _load(name: str) -> Generator[Progress, None, ToyData]:
    yield Progress(0, 0.0, 0.5, note="half of it")
    if "bad" in name:
        raise PlaygroundError(N_("{path} is no text: a text in UTF-8 is accepted", path=name))
    return ToyData(name, target=2.0 if name == "two" else 1.0)


def _entry(key: str, title: str) -> catalogue.DataSet:
    summary = N_("The number {key}.", key=key)
    return catalogue.DataSet(key, N_(title), summary, "toy", N_("our own"), lambda _as: _load(key))  # type: ignore[arg-type, return-value]


def write(form: KnobForm, name: str, text: str, *, take: bool = False) -> None:
    """Type `text` into the field of a knob; with `take`, as if Enter was pressed."""
    field = form.rows[name].field
    if isinstance(field, TextField):
        field.setPlainText(text)
    else:
        assert isinstance(field, NumberField)
        field.line.setText(text)
    if take:
        field.commit()


def install(monkeypatch: Any) -> None:
    """Have the catalogue offer toys, in place of what it has."""
    monkeypatch.setattr(catalogue, "DATA", (_entry("one", "One"), _entry("two", "Two")))
    monkeypatch.setattr(catalogue, "load", _load)
    monkeypatch.setattr(catalogue, "to_json", lambda data: {"key": data.key, "kind": "toy"})
    monkeypatch.setattr(catalogue, "from_json", _from_json)


def _from_json(values: Mapping[str, Any]) -> ToyData:
    return ToyData(values["key"], target=2.0 if values["key"] == "two" else 1.0)

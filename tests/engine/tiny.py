"""A whole model in miniature: everything a `Model` can declare, at microseconds a step.

It guesses the next of a few symbols from the present one. Dropout draws from
torch's global random state in every step, so whoever disturbs that is found out.
"""

import dataclasses
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.family import Descent, Drawing, Model, Preset, Trained, TrainKnobs, View
from engine.knobs import knob
from engine.learner import Learner
from engine.payloads import Bars, Text
from engine.phrases import PlaygroundError

# With every core in use, a busy machine makes a tiny step ten times slower.
torch.set_num_threads(1)

SYMBOLS = 5


@dataclass(frozen=True)
class Symbols:
    """A walk around a ring of symbols, mostly one further, sometimes anywhere."""

    key: str = "ring"
    title: str = "A ring"
    kind: str = "symbols"
    sha256: str = ""
    tokens: NDArray[np.int64] = field(default_factory=lambda: walk(400))

    def facts(self) -> tuple[tuple[str, str], ...]:
        return (("Symbols", str(SYMBOLS)),)

    def preview(self) -> Text:
        return Text(str(self.tokens[:10]))


def walk(length: int, seed: int = 0) -> NDArray[np.int64]:
    """`length` symbols."""
    random = np.random.default_rng(seed)
    jumps = np.where(random.random(length) < 0.8, 1, random.integers(0, SYMBOLS, length))
    return np.asarray(np.cumsum(jumps) % SYMBOLS, dtype=np.int64)


class Catalogue:
    """Stands in for `engine.data.catalogue`: names, and how their data are made."""

    def __init__(self) -> None:
        self.known = {"ring": Symbols(), "other": Symbols("other", tokens=walk(300, seed=9))}
        self.loaded: list[str] = []

    def load(self, name: str) -> Generator[None, None, Symbols]:
        yield
        if name not in self.known:
            raise PlaygroundError_(f"there is no data {name}")
        self.loaded.append(name)
        return self.known[name]

    @staticmethod
    def to_json(data: Symbols) -> dict[str, Any]:
        return {"key": data.key, "title": data.title, "first": data.tokens[:20].tolist()}

    @staticmethod
    def from_json(saved: Mapping[str, Any]) -> Symbols:
        return Symbols(saved["key"], saved["title"], tokens=np.array(saved["first"]))

    def put_in_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on sessions load from here."""
        from engine.data import catalogue

        for name in ("load", "to_json", "from_json"):
            monkeypatch.setattr(catalogue, name, getattr(self, name))


def PlaygroundError_(text: str) -> PlaygroundError:  # noqa: N802 - reads as what it makes
    from engine.phrases import N_

    return PlaygroundError(N_("{text}", text=text))


@dataclass(frozen=True)
class NetKnobs:
    width: int = knob(8, "Width", low=1, high=64)
    dropout: float = knob(0.3, "Dropout", low=0.0, high=0.9)


@dataclass(frozen=True)
class TinyTrain(TrainKnobs):
    mood: str = knob("calm", "Mood", choices=("calm", "wild"), live=True)
    loud: bool = knob(False, "Loud", live=True)


@dataclass(frozen=True)
class SampleKnobs:
    length: int = knob(5, "Length", low=1, high=1000)


@dataclass(frozen=True)
class LookKnobs:
    times: int = knob(1, "Times", low=1, high=9)


class Net(nn.Module):
    """Embedding, dropout, linear; a counter and a running mean as buffers."""

    seen: Tensor
    usual: Tensor

    def __init__(self, net: NetKnobs) -> None:
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, net.width)
        self.dropout = nn.Dropout(net.dropout)
        self.head = nn.Linear(net.width, SYMBOLS)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("usual", torch.zeros(net.width))

    def forward(self, symbols: Tensor) -> Tensor:
        """(batch,) int64 to logits (batch, SYMBOLS)."""
        x = self.dropout(self.embed(symbols))
        if self.training:
            self.seen += len(symbols)
            self.usual.lerp_(x.detach().mean(0), 0.1)
        logits: Tensor = self.head(x)
        return logits


def batch(data: Symbols, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Tensor:
    """Pairs of neighbours: (batch, 2)."""
    starts = torch.randint(len(data.tokens) - 1, (train.batch,), generator=random)
    tokens = torch.from_numpy(data.tokens)
    return torch.stack([tokens[starts], tokens[starts + 1]], dim=1)


def step(module: nn.Module, batch: Tensor, train: TrainKnobs) -> Iterator[Descent]:
    logits = module(batch[:, 0])
    loss = F.cross_entropy(logits, batch[:, 1])
    right = (logits.detach().argmax(-1) == batch[:, 1]).float().mean()
    yield Descent(loss, metrics={"right": right})


def evaluate(
    module: nn.Module, data: Symbols, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    torch.rand(7)  # must not be felt by the training
    yield
    tokens = torch.from_numpy(data.tokens[-50:])
    with torch.no_grad():
        nats = float(F.cross_entropy(module(tokens[:-1]), tokens[1:]))
    yield
    return {"held_out": nats, "bits_per_char": nats / math.log(2)}


def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draws from the global random state: the job it runs in must have its own."""
    symbols = list(keep) or [0]
    for _ in range(knobs.length):
        with torch.no_grad():
            logits = trained.module(torch.tensor(symbols[-1:]))[0]
        symbols.append(int(torch.multinomial(logits.softmax(-1), 1)))
        yield Text("".join(map(str, symbols)), caption=str(trained.step))


def weights_view(trained: Trained, knobs: LookKnobs) -> Drawing:
    """The weights themselves."""
    torch.rand(3)
    yield None
    values = trained.module.head.weight.flatten().tolist()
    yield Bars(tuple(map(str, range(len(values)))), tuple(values), caption=str(trained.step))


def build(net: NetKnobs, data: Symbols) -> Net:
    return Net(net)


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, Sequence[torch.optim.Optimizer]]:
    return {"all": [torch.optim.AdamW(module.parameters())]}


WEIGHTS = View("weights", "Weights", "All of them.", weights_view, LookKnobs, every=0.0)
NEIGHBOUR = View("neighbour", "Neighbour", "Another's.", weights_view, companions=("other",))

NET = NetKnobs()
TRAIN = TinyTrain(steps=60, learning_rate=0.03, batch=8, warm_up=5)

MODEL = Model(
    key="tiny",
    title="Tiny",
    summary="Guesses the next symbol.",
    papers=(),
    accepts="symbols",
    data="ring",
    net=NetKnobs,
    train=TinyTrain,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(Preset("default", "Default", "", NET, TRAIN),),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=(WEIGHTS, NEIGHBOUR),
)


def model(**parts: Any) -> Model:
    """The model with some parts changed."""
    return dataclasses.replace(MODEL, **parts)


def learner(seed: int = 1, model: Model = MODEL, **train: Any) -> Learner:
    """A new one."""
    return Learner(model, Symbols(), NET, dataclasses.replace(TRAIN, **train), seed)


def advanced(learner: Learner, steps: int) -> list[float]:
    """Take so many steps; their losses."""
    losses = []
    for _ in range(steps):
        with learner.random:
            losses.append(float(learner.advance()["loss"]))
    return losses


def bits(learner: Learner) -> dict[str, bytes]:
    """Everything that decides how a training goes on, by name, as bytes."""
    found = {}
    for title, module in (("weights", learner.module), ("averaged", learner.averaged)):
        for name, tensor in module.state_dict().items():
            found[f"{title}/{name}"] = tensor.numpy().tobytes()
    for name, stepping in learner.optimisers.items():
        for number, optimiser in enumerate(stepping):
            for place, state in optimiser.state_dict()["state"].items():
                for moment, value in state.items():
                    key = f"optimiser/{name}/{number}/{place}/{moment}"
                    found[key] = torch.as_tensor(value).numpy().tobytes()
    found["random"] = learner.random.inside.numpy().tobytes()
    found["draws"] = learner.draws.get_state().numpy().tobytes()
    found["step"] = str(learner.step).encode()
    return found


def checkpoint_file(folder: Path, name: str) -> Path:
    """The one file of that name in the checkpoint of the run in `folder`."""
    (path,) = folder.glob(f"checkpoints/*/{name}")
    return path

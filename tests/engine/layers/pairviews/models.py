"""Small models of pairs to look into, one of them a formula."""

import dataclasses
import functools
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from engine import knobs
from engine.data.pairs import MASK, PAD, SPECIAL, PairData
from engine.families import FAMILIES
from engine.family import Model, Trained, View
from engine.layers.pairviews import DISTILLATION, VIEWS
from engine.layers.translating import Step, Way, Written
from tests.engine.small import last, pair_data, randomise

# --- a formula: capitals backwards, as in `pair_data`


class Formula:
    """Writes the source backwards, which for `pair_data` is right, at given speeds.

    wrong: letters of a target that is written as "A" instead, at their places.
    """

    def __init__(self, data: PairData, ahead: bool = True, head: bool = True) -> None:
        self.data = data
        self.ahead = ahead
        self.head = head
        self.pause: Mapping[str, float] = {}
        self.wrong: tuple[int, ...] = ()
        self.asked: list[str] = []

    def target(self, source: Tensor) -> tuple[int, ...]:
        """The tokens backwards: both alphabets are in the same order."""
        ids = [int(each) for each in source if each != PAD][::-1]
        for place in self.wrong:
            ids[place] = SPECIAL
        return tuple(ids)

    def _write(self, key: str, sources: Tensor, watch: bool) -> list[Written]:
        assert not watch or len(sources) == 1
        self.asked.append(key)
        begun = time.perf_counter()
        time.sleep(self.pause.get(key, 0.0))
        took = time.perf_counter() - begun
        written = []
        for row in sources:
            ids = self.target(row)
            steps = self.steps(key, ids, took) if watch else ()
            passes = {"greedy": len(ids) + 1, "at-once": 1, "rounds-2": 2}[key]
            others = ((ids[:-1], -2.5), ((), -7.25)) if key == "greedy" else ()
            written.append(Written(ids, passes, -0.5, steps, others))
        return written

    def steps(self, key: str, ids: tuple[int, ...], took: float) -> tuple[Step, ...]:
        """As a model tells them."""
        size = len(ids)
        if key == "at-once":
            return (Step(took, ids, (0.75,) * size, tuple(range(size)), (), "all"),)
        if key == "rounds-2":
            first, unsure = (*ids[:-1], MASK), (*(0.5,) * (size - 1), float("nan"))
            end = (size - 1,)
            return (
                Step(took / 2, first, unsure, tuple(range(size)), end),
                Step(took, ids, (0.875,) * size, end),
            )
        each = [
            Step(took * (n + 1) / (size + 1), ids[: n + 1], (0.9,) * (n + 1), (n,))
            for n in range(size)
        ]
        return (*each, Step(took, ids, (0.9,) * size))

    def _way(self, key: str, title: str) -> Way:
        return Way(key, title, title, lambda sources, watch: self._write(key, sources, watch))

    def ways(self) -> tuple[Way, ...]:
        return (
            self._way("greedy", "One by one"),
            self._way("at-once", "At once"),
            self._way("rounds-2", "2 rounds"),
        )

    def sweep(self) -> tuple[Way, ...]:
        return self.ways()

    def way(self, knobs: Any) -> Way:
        return self.ways()[0]

    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """One head that looks everywhere alike, one at the place that a letter came from."""
        size, places = sources.shape[1], targets.shape[1]
        alike = torch.full((places, size), 1 / size)
        exact = torch.eye(size).flip(0)[:places]
        return torch.stack([alike, exact])[None, None]

    def dependence(self, sources: Tensor, targets: Tensor) -> dict[str, Tensor]:
        size = targets.shape[1]
        found = 4.0 * torch.ones(size, size)
        return {"": found if self.ahead else found.tril()}

    def length_logits(self, sources: Tensor) -> Tensor | None:
        """One too many for sources that begin with the first letter."""
        if not self.head:
            return None
        real = (sources != PAD).sum(1) + (sources[:, 0] == SPECIAL)
        return 9.0 * torch.nn.functional.one_hot(real, self.data.longest[1] + 2).float()


DATA = pair_data(60)


def formula(data: PairData = DATA, key: str = "formula", **values: Any) -> Trained:
    """The formula as a trained model."""
    model = cast(Model, SimpleNamespace(key=key, title=key.capitalize()))
    return Trained(Formula(data, **values), None, None, data, 3, model)


def beside(trained: Trained, *others: Trained) -> Trained:
    """`trained` with companions."""
    return dataclasses.replace(trained, companions={each.model.key: each for each in others})


# --- the models that there are


MODELS: tuple[Model, ...] = tuple(
    model for family in FAMILIES for model in family.models if model.accepts == "pairs"
)
BY_KEY = {model.key: model for model in MODELS}
every_model = pytest.mark.parametrize("key", BY_KEY)


def small_net(model: Model) -> Any:
    """One layer, two narrow heads."""
    few = {"layers": 1, "heads": 2, "head_width": 4, "width": 8, "dropout": 0.0}
    known = {each.name for each in knobs.knobs_of(model.net)}
    return knobs.changed(model.net(), {name: few[name] for name in few if name in known})


@functools.cache
def made(key: str, fresh: bool = False) -> Trained:
    """A model as it is built, or with weights that are nowhere zero."""
    model = BY_KEY[key]
    net = small_net(model)
    torch.manual_seed(0)
    module = model.build(net, DATA).eval()
    if not fresh:
        randomise(module)
    module.requires_grad_(False)
    return Trained(module, net, model.train(), DATA, 7, model)


def without_pairs(trained: Trained) -> Trained:
    """As a saved run is opened."""
    return dataclasses.replace(trained, data=PairData.from_json(trained.data.to_json()))


def view_of(key: str) -> View:
    return {view.key: view for view in (*VIEWS, DISTILLATION)}[key]


def draw(trained: Trained, key: str, **values: Any) -> Any:
    """The last payload of the view `key` with the knobs `values`."""
    view = view_of(key)
    return last(view.make(trained, knobs.changed(view.knobs(), values)))

"""What a family of models declares about itself.

A model is data: a frozen record of plain functions, filled in once at the foot
of its file. The training loop, the command line and the window are built from
these records alone; a new model costs one file and one line in
``engine/families/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from engine.knobs import NoKnobs
from engine.payloads import Payload

if TYPE_CHECKING:  # the declarations must be readable before torch is there
    import torch
    from torch import Tensor, nn

Drawing: TypeAlias = "Generator[Payload | None, None, None]"
"""A generator of payloads; ``None`` is only a safe point. Newest payload wins."""


class Descent(NamedTuple):
    """One loss to go down, yielded by a model's `step`.

    loss: a scalar. optimiser: which of the model's optimisers takes the step.
    metrics: further scalars for the curves, without gradient.
    """

    loss: Tensor
    optimiser: str = "all"
    metrics: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Trained:
    """A model as a sampler or a view gets it: averaged weights, in evaluation mode.

    sample: the newest payload that the live sampler made, or None.
    companions: other models that have a run, by key (see `View.companions`).
    """

    module: Any
    net: Any
    train: Any
    data: Any
    step: int
    model: Model
    sample: Payload | None = None
    companions: Mapping[str, Trained] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A picture (or a sound) of the inside of a model.

    make: ``make(trained, knobs)`` yields payloads, and ``None`` at safe points.
        It gets no gradient unless it asks for one, and may not change anything.
    knobs: what a person can set about it; the window shows them above the picture.
    every: redrawn each so many seconds while training; None means only on demand.
    companions: keys of other models whose runs are wanted for comparison.
    """

    key: str
    title: str
    caption: str
    make: Callable[[Trained, Any], Drawing]
    knobs: type = NoKnobs
    every: float | None = None
    companions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """Settings that belong together. `net` and `train` are whole knob records."""

    key: str
    title: str
    help: str
    net: Any
    train: Any


@dataclass(frozen=True)
class Model:
    """One trainable model.

    accepts: the kind of data it learns from ("text").
    data: key of the data set that is chosen at the start.
    build: ``build(net, data)`` gives the module; random numbers come from torch's global state.
    optimise: ``optimise(module, train)`` gives named optimisers.
    batch: ``batch(data, net, train, random)`` draws a training batch with the given generator.
    step: ``step(module, batch, train)`` yields a `Descent` for each loss, in order; the loop
        takes the optimiser's step before it asks for the next.
    evaluate: ``evaluate(module, data, net, most)`` yields ``None`` at safe points and returns
        the held-out metrics by name, over at most `most` scored elements (None: all).
    sampler: ``sampler(trained, knobs, keep)`` yields payloads. `keep` is what a person
        wants kept of an earlier sample (token ids for text), or ().
    watch: the sample settings of the live sample: fixed, so that what changes is the model.
    units: how the loss may be read, e.g. {"bits_per_char": 1 / ln 2}: factors on `loss`.
    """

    key: str
    title: str
    summary: str
    papers: tuple[str, ...]
    accepts: str
    data: str
    net: type
    train: type
    sample: type
    watch: Any
    presets: tuple[Preset, ...]
    build: Callable[[Any, Any], nn.Module]
    optimise: Callable[[Any, Any], Mapping[str, torch.optim.Optimizer]]
    batch: Callable[[Any, Any, Any, torch.Generator], Any]
    step: Callable[[Any, Any, Any], Iterator[Descent]]
    evaluate: Callable[[Any, Any, Any, int | None], Generator[None, None, dict[str, float]]]
    sampler: Callable[[Trained, Any, tuple[int, ...]], Drawing]
    views: tuple[View, ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)

    def preset(self, key: str | None = None) -> Preset:
        """The preset of that key, or the first. Raises `KeyError` where there is none."""
        if key is None:
            return self.presets[0]
        return {preset.key: preset for preset in self.presets}[key]


@dataclass(frozen=True)
class Family:
    """A tab: models that belong together.

    load: imports the family's files (and with them torch) and gives its models.
    lesson: name of the Markdown file under ``assets/lessons/<language>/``.
    """

    key: str
    title: str
    summary: str
    load: Callable[[], tuple[Model, ...]]
    lesson: str = ""

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The models, imported at the first call."""
        return self.load()

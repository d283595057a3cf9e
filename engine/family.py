"""What a family of models declares about itself.

A model is data: a frozen record of plain functions, filled in once at the foot
of its file. The training loop, the command line and the window are built from
these records alone; a new model costs one file and one line in
``engine/families/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from engine.knobs import NoKnobs, knob
from engine.payloads import Payload
from engine.phrases import N_

if TYPE_CHECKING:  # the declarations must be readable before torch is there
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from engine.events import Progress
    from engine.history import History

Drawing: TypeAlias = "Generator[Payload | None, None, None]"
"""A generator of payloads; ``None`` is only a safe point. Newest payload wins."""
Teach: TypeAlias = (
    "Callable[[Any, Any, Any, Mapping[str, Trained]], "
    "Generator[Progress | None, None, Mapping[str, NDArray[Any]]]]"
)
"""See `Model.teach`."""

OTHER = "other run"
"""Among the companions of a view: another run of the same model on the same data."""


@dataclass(frozen=True)
class TrainKnobs:
    """What every training has to set. Families add to it and choose other defaults."""

    steps: int = knob(
        4000,
        N_("Plan"),
        low=0,
        high=10_000_000,
        unit=N_("steps"),
        help=N_("The learning rate falls towards the end of the plan. 0 plans by time, or not."),
    )
    seconds: float = knob(
        0.0,
        N_("Planned time"),
        low=0.0,
        high=1e6,
        unit=N_("s"),
        advanced=True,
        help=N_("A plan in seconds of pure training, for who has a minute to spend. 0: not so."),
    )
    learning_rate: float = knob(
        3e-3,
        N_("Learning rate"),
        low=1e-6,
        high=1.0,
        log=True,
        live=True,
        help=N_("How far each step goes. Too high and the loss jumps, too low and it crawls."),
    )
    clip: float = knob(
        1.0,
        N_("Gradient clipping"),
        low=0.0,
        high=100.0,
        live=True,
        help=N_("A longer gradient is scaled down to this norm; 0 leaves it as it is."),
    )
    batch: int = knob(
        16,
        N_("Batch size"),
        low=1,
        high=1024,
        help=N_("Examples in one step."),
    )
    warm_up: int = knob(
        50,
        N_("Warm-up"),
        low=0,
        high=100_000,
        unit=N_("steps"),
        advanced=True,
        help=N_("The learning rate climbs to its value over these first steps."),
    )
    decay_from: float = knob(
        0.5,
        N_("Decay from"),
        low=0.0,
        high=1.0,
        advanced=True,
        help=N_("The part of the plan after which the learning rate falls in a straight line."),
    )
    average: float = knob(
        0.98,
        N_("Weight averaging"),
        low=0.0,
        high=0.9999,
        advanced=True,
        live=True,
        help=N_("Samples and held-out loss use a running average of the weights; 0: the newest."),
    )


class Data(Protocol):
    """Something to learn from. What else it has is between it and the models that accept it."""

    @property
    def key(self) -> str:
        """Key in the catalogue, or the path of an own file."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def kind(self) -> str:
        """What kind it is; see `Model.accepts`."""

    @property
    def sha256(self) -> str:
        """Of an own file, so that a run finds the very same again; else empty."""

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing: size, vocabulary, split, licence."""

    def preview(self) -> Payload:
        """What it looks like."""


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
    kept: steps of which the weights were kept, and then: ``then(step)`` gives the model as it
        was at one of them; ``None`` where there is no run.
    """

    module: Any
    net: Any
    train: Any
    data: Any
    step: int
    model: Model
    sample: Payload | None = None
    companions: Mapping[str, Trained] = field(default_factory=dict)
    kept: tuple[int, ...] = ()
    then: Callable[[int], Trained] | None = None


@dataclass(frozen=True)
class View:
    """A picture (or a sound) of the inside of a model.

    make: ``make(trained, knobs)`` yields payloads, and ``None`` at safe points.
        It gets no gradient unless it asks for one, and may not change anything.
    knobs: what a person can set about it; the window shows them above the picture.
    every: redrawn each so many seconds while training; None means only on demand.
    companions: keys of models whose runs are wanted for comparison; its own is passed over.
        `OTHER` is the newest other run of the same model on the same data.
    invitation: what to do before there is something to show, where that is not plain.
    """

    key: str
    title: str
    caption: str
    make: Callable[[Trained, Any], Drawing]
    knobs: type = NoKnobs
    every: float | None = None
    companions: tuple[str, ...] = ()
    invitation: str = ""


class Line(NamedTuple):
    """A line of the curves that are drawn while it trains.

    name: of the metric in the history. kind: "raw" (every step, smoothed over), "points"
    (measured now and then).
    """

    name: str
    title: str
    kind: str = "raw"


@dataclass(frozen=True)
class Rule:
    """Something that goes wrong in a training, found by a stated rule and told in a sentence.

    found: ``found(history, train)`` looks at the curves so far; True while it is so.
    sentence: what is wrong, in plain words. rule: how it is found, in words.
    button: what the remedy does, in two or three words.
    remedy: ``remedy(train)`` gives the training knobs to set, by name. Live ones take
        effect at the next step, the others after a reset.
    """

    key: str
    sentence: str
    rule: str
    found: Callable[[History, Any], bool]
    button: str
    remedy: Callable[[Any], Mapping[str, Any]]


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

    accepts: the kind of data it learns from ("text", "images", "points", "sound").
    data: key of the data set that is chosen at the start.
    build: ``build(net, data)`` gives the module; random numbers come from torch's global state.
    optimise: ``optimise(module, train)`` gives the optimisers that step together, by name. A
        parameter group's "scale" (1 where absent) multiplies the learning rate.
    batch: ``batch(data, net, train, random)`` draws a training batch with the given generator.
    step: ``step(module, batch, train)`` yields a `Descent` for each loss, in order; the loop
        takes the optimiser's step before it asks for the next.
    evaluate: ``evaluate(module, data, net, train, most)`` yields ``None`` at safe points and
        returns the held-out metrics by name, among them "held_out", over at most `most` scored
        elements (None: all).
    sampler: ``sampler(trained, knobs, keep)`` yields payloads. `keep` is what a person
        wants kept of an earlier sample (token ids for text), or ().
    watch: the sample settings of the live sample: fixed, so that what changes is the model.
    check: ``check(data, net)`` raises a `PlaygroundError` where the two cannot go together.
    units: ``units(data)`` says how the loss may be read: factors on it by name, first the own
        one, e.g. {"nats per character": 1.0, "bits per character": 1 / ln 2}.
    curves: the lines that are drawn while it trains.
    curves_caption: what must be known to read them ("these need not fall"), if anything.
    health: what may go wrong with it.
    aside: the share of the time that views, live samples and measurements may take.
    teach: ``teach(data, net, train, companions)`` is asked once, before a training begins. It
        yields ``None`` or `Progress` at safe points and returns arrays by name that belong to
        what is learned from (what a teacher made of the sources), or none. They are kept with
        the run and given to ``data.lesson(arrays)``, which gives the data to learn from.
    teachers: keys of the models whose runs it gets as `companions`, where there are any.
    film: key of the view that makes a `Film` of how a sample comes about, where there is such
        a view; it can be exported.
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
    optimise: Callable[[Any, Any], Mapping[str, Sequence[torch.optim.Optimizer]]]
    batch: Callable[[Any, Any, Any, torch.Generator], Any]
    step: Callable[[Any, Any, Any], Iterator[Descent]]
    evaluate: Callable[[Any, Any, Any, Any, int | None], Generator[None, None, dict[str, float]]]
    sampler: Callable[[Trained, Any, tuple[int, ...]], Drawing]
    views: tuple[View, ...] = ()
    check: Callable[[Any, Any], None] = lambda data, net: None
    units: Callable[[Any], Mapping[str, float]] = lambda data: {"loss": 1.0}
    curves: tuple[Line, ...] = (
        Line("loss", N_("training")),
        Line("held_out", N_("held-out"), "points"),
    )
    curves_caption: str = ""
    health: tuple[Rule, ...] = ()
    aside: float = 0.04
    film: str = "denoising"
    teach: Teach | None = None
    teachers: tuple[str, ...] = ()

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

"""engine/family.py: what a model declares, what it may leave out, and that all stay as declared."""

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
import torch

from engine import knobs
from engine.family import (
    OTHER,
    Data,
    Descent,
    Family,
    Line,
    Model,
    Preset,
    Rule,
    Trained,
    TrainKnobs,
    View,
)
from engine.knobs import KnobError, NoKnobs, knob, knobs_of
from engine.phrases import Phrase
from tests.engine import tiny
from tests.engine.tiny import MODEL, NET, TRAIN, Symbols

# What a model must say; all else has a default.
NEEDED = {
    field.name: getattr(MODEL, field.name)
    for field in dataclasses.fields(Model)
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
}


def drawn(trained: Trained, knobs: Any) -> Any:
    yield None


# --- training knobs


def test_the_defaults_of_a_training_are_accepted_by_its_knobs() -> None:
    assert knobs.problems(TrainKnobs()) == ()
    assert [each.name for each in knobs_of(TrainKnobs)] == [
        "steps",
        "seconds",
        "learning_rate",
        "clip",
        "batch",
        "warm_up",
        "decay_from",
        "average",
    ]


@pytest.mark.parametrize("each", knobs_of(TrainKnobs), ids=lambda each: each.name)
def test_a_training_knob_has_words_and_bounds_that_hold(each: knobs.Knob) -> None:
    assert isinstance(each.title, Phrase)
    assert isinstance(each.help, Phrase)
    assert each.low is not None
    assert each.high is not None
    for value in (each.low, each.high):
        assert each.checked(value) == value
    for value in (each.low - 1, each.high + 1):
        with pytest.raises(KnobError, match=f"^{each.name} cannot be"):
            each.checked(value)


def test_only_what_the_next_step_can_heed_is_set_while_training() -> None:
    live = {each.name for each in knobs_of(TrainKnobs) if each.live}
    assert live == {"learning_rate", "clip", "average"}


def test_a_family_adds_to_the_training_knobs_and_chooses_other_defaults() -> None:
    @dataclasses.dataclass(frozen=True)
    class More(TrainKnobs):
        steps: int = knob(7, "Plan", low=0, high=10)
        noise: float = knob(0.5, "Noise", low=0.0, high=1.0)

    more = More()
    assert (more.steps, more.noise, more.batch) == (7, 0.5, TrainKnobs().batch)
    assert [each.name for each in knobs_of(More)] == [
        *(each.name for each in knobs_of(TrainKnobs)),
        "noise",
    ]
    assert TrainKnobs().steps != 7
    with pytest.raises(KnobError, match="steps cannot be 11"):
        knobs.changed(more, {"steps": 11})


# --- a model


def test_a_model_needs_all_that_makes_it_learn_and_nothing_more() -> None:
    assert Model(**NEEDED) == dataclasses.replace(MODEL, views=())
    for name in NEEDED:
        with pytest.raises(TypeError, match=f"missing 1 required .*'{name}'"):
            Model(**{each: NEEDED[each] for each in NEEDED if each != name})


def test_what_a_model_leaves_out_changes_nothing() -> None:
    model, data = Model(**NEEDED), Symbols()
    model.check(data, NET)
    assert model.units(data) == {"loss": 1.0}
    assert not (model.views)
    assert not (model.health)
    assert not (model.teachers)
    assert model.teach is None
    assert 0 < model.aside < 1
    assert [(line.name, line.kind) for line in model.curves] == [
        ("loss", "raw"),
        ("held_out", "points"),
    ]
    assert model.curves_caption == ""


def test_the_curves_that_are_there_by_default_are_those_that_a_training_has() -> None:
    learner = tiny.learner()
    with learner.random:
        metrics = learner.advance()
    found: dict[str, float] = {}
    evaluating = MODEL.evaluate(learner.module, Symbols(), NET, TRAIN, None)
    while True:
        try:
            next(evaluating)
        except StopIteration as stop:
            found = stop.value
            break
    assert {line.name for line in Model(**NEEDED).curves} <= {*metrics, *found}


def test_a_preset_is_found_by_its_key_and_the_first_without() -> None:
    small = Preset("small", "Small", "", NET, TRAIN)
    large = Preset("large", "Large", "", NET, TRAIN)
    model = tiny.model(presets=(small, large))
    assert model.preset() is small
    assert model.preset(None) is small
    assert model.preset("large") is large
    with pytest.raises(KeyError):
        model.preset("none")
    with pytest.raises(KeyError):
        model.preset("")


# --- declarations stay as they are


def declarations() -> list[Any]:
    return [
        TrainKnobs(),
        MODEL,
        Trained(None, NET, TRAIN, Symbols(), 0, MODEL),
        View("a", "A", "", drawn),
        Rule("a", "A.", "B.", lambda history, train: False, "Mend", lambda train: {}),
        MODEL.presets[0],
        Family("a", "A", "", lambda: ()),
    ]


@pytest.mark.parametrize("made", declarations(), ids=lambda made: type(made).__name__)
def test_a_declaration_cannot_be_changed(made: Any) -> None:
    for field in dataclasses.fields(made):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, field.name, None)


# --- what goes with a model


def test_a_view_is_drawn_on_demand_and_alone_unless_it_says_more() -> None:
    view = View("a", "A", "All.", drawn)
    assert (view.knobs, view.every, view.companions, view.invitation) == (NoKnobs, None, (), "")
    trained = Trained(None, NET, TRAIN, Symbols(), 3, MODEL)
    assert list(view.make(trained, view.knobs())) == [None]


def test_what_a_trained_model_lacks_is_not_shared_with_others() -> None:
    one, two = (Trained(None, NET, TRAIN, Symbols(), step, MODEL) for step in (1, 2))
    assert not (one.sample)
    assert not (one.then)
    assert (one.kept, dict(one.companions)) == ((), {})
    assert one.companions is not two.companions


def test_the_other_run_is_the_name_of_no_model() -> None:
    from engine.families import FAMILIES

    assert OTHER not in {model.key for family in FAMILIES for model in family.models}


def test_a_descent_takes_the_one_optimiser_and_measures_only_the_loss() -> None:
    loss = torch.tensor(2.0)
    descent = Descent(loss)
    assert descent.loss is loss
    assert descent.optimiser == "all"
    assert not descent.metrics
    assert descent.optimiser in MODEL.optimise(MODEL.build(NET, Symbols()), TRAIN)


def test_a_line_is_of_every_step_unless_it_says_otherwise() -> None:
    assert Line("loss", "training").kind == "raw"
    assert Line("held_out", "held-out", "points").kind == "points"


def test_data_are_whatever_has_name_kind_facts_and_a_preview() -> None:
    data: Data = Symbols()  # what mypy says of this line is the test of the protocol
    assert {name for name in vars(Data) if not name.startswith("_")} == {
        "key",
        "title",
        "kind",
        "sha256",
        "facts",
        "preview",
    }
    assert data.kind == MODEL.accepts


# --- families


def test_a_family_loads_its_models_when_first_asked_and_once() -> None:
    loaded: list[int] = []

    def load() -> tuple[Model, ...]:
        loaded.append(1)
        return (MODEL,)

    family = Family("a", "A", "Some.", load)
    assert family.lesson == ""
    assert loaded == []
    assert family.models == (MODEL,)
    assert family.models is family.models
    assert loaded == [1]


def test_a_family_that_could_not_be_loaded_can_be_asked_again() -> None:
    faults = [ImportError("no torch")]

    def load() -> tuple[Model, ...]:
        if faults:
            raise faults.pop()
        return (MODEL,)

    family = Family("a", "A", "Some.", load)
    with pytest.raises(ImportError, match="no torch"):
        family.models  # noqa: B018 - looking is asking
    assert family.models == (MODEL,)


def test_declarations_can_be_read_before_torch_is_there() -> None:
    code = (
        "import sys, engine.family, engine.families;"
        "print([name for name in ('torch', 'PySide6', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

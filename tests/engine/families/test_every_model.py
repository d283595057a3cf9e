"""What is promised of every model, held for every one that is listed."""

import dataclasses
import functools
import gc
import math
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from engine import knobs
from engine.data.bundled import folder_of
from engine.families import FAMILIES
from engine.family import OTHER, Model, Trained, View
from engine.knobs import Knob
from engine.layers.compiling import Background
from engine.learner import Learner, estimate
from engine.payloads import PAYLOADS, Heatmap, Moment, Payload, Tokens
from engine.phrases import PlaygroundError
from tests.engine.pixels import finished
from tests.engine.small import (
    image_data,
    last,
    pair_data,
    point_data,
    sentences,
    sound_data,
    text_data,
)

MODELS = tuple(model for family in FAMILIES for model in family.models)
TEXT_MODELS = tuple(
    model
    for model in MODELS
    if model.accepts == "text" and "length" in {knob.name for knob in knobs.knobs_of(model.sample)}
)
"""Those that write one token after the other, as many as one wishes."""


def ids(model: Model) -> str:
    return model.key


every_model = pytest.mark.parametrize("model", MODELS, ids=ids)
every_text_model = pytest.mark.parametrize("model", TEXT_MODELS, ids=ids)


@pytest.fixture(autouse=True)
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep compilers from starting behind the tests; what they make has tests of its own."""
    monkeypatch.setattr(Background, "get", lambda self: None)


# --- what each kind of model is tested on

CHEAP_SAMPLE: dict[str, dict[str, Any]] = {
    "text": {"length": 3},
    "images": {"count": 2},
    "points": {"count": 5},
    "sound": {"seconds": 0.02},
    "pairs": {"count": 2},
}  # sample settings that keep a sample small


@functools.cache
def data_for(kind: str) -> Any:
    """Something small to learn from. A new kind of data needs its line here."""
    makers: dict[str, Callable[[], Any]] = {
        "text": lambda: text_data(sentences(5000)),
        "images": image_data,
        "points": point_data,
        "sound": sound_data,
        "pairs": pair_data,
    }
    return makers[kind]()


def words_for(kind: str) -> str:
    """What a text knob of a model of this kind can be set to."""
    return {"text": "ada bob", "pairs": "abc"}.get(kind, "")


A_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGM8wcDE"
    "wAAAA/oAzIAKlEUAAAAASUVORK5CYII="
)
A_SOUND = str(folder_of("captcha") / "data" / "beep.wav")
NEEDED: dict[str, dict[str, Any]] = {
    "listen": {"abc": "L:1/8\nK:D\nABc d2e | fed cBA | ABc d2e | d6 |"}
}
"""What a view has to be given where the small data cannot serve it; without, it refuses."""

OF_A_SAMPLE = {"nearest"}
"""Views of the newest sample; before there is one they refuse."""


def needed(view: View) -> dict[str, Any]:
    return NEEDED.get(view.key, {})


def settings_of(view: View, **values: Any) -> Any:
    return knobs.changed(view.knobs(), needed(view) | values)


# --- helpers


def builds(model: Model, net: Any) -> bool:
    try:
        model.check(data_for(model.accepts), net)
        model.build(net, data_for(model.accepts))
    except (PlaygroundError, RuntimeError, ValueError):
        return False
    return True


@functools.cache
def smallest(model: Model) -> Any:
    """The net knobs with every number at its low bound, wherever that builds."""
    net = model.net()
    for knob in knobs.knobs_of(net):
        if knob.kind in ("int", "float"):
            smaller = knobs.changed(net, {knob.name: knob.low})
            if builds(model, smaller):
                net = smaller
    return net


def cheap_train(model: Model, **values: Any) -> Any:
    """Quick steps at a high rate."""
    names = {knob.name for knob in knobs.knobs_of(model.train)}
    wanted = {"batch": 8, "learning_rate": 0.02, "warm_up": 0, "steps": 0, "average": 0.5}
    wanted |= {"window": 256} | values
    return knobs.changed(
        model.train(), {name: value for name, value in wanted.items() if name in names}
    )


def cheap_sample(model: Model, **values: Any) -> Any:
    return knobs.changed(model.sample(), cheap(model) | values)


def cheap(model: Model) -> dict[str, Any]:
    """Sample settings that keep a sample small, as far as the model has them."""
    own = {knob.name for knob in knobs.knobs_of(model.sample)}
    return {k: v for k, v in CHEAP_SAMPLE[model.accepts].items() if k in own}


def learner_of(
    model: Model, net: Any = None, train: Any = None, seed: int = 1, steps: int = 0
) -> Learner:
    learner = Learner(
        model, data_for(model.accepts), net or smallest(model), train or cheap_train(model), seed
    )
    advance(learner, steps)
    return learner


def advance(learner: Learner, steps: int) -> list[float]:
    """Take the steps; the losses."""
    with learner.random:
        return [float(learner.advance()["loss"]) for _ in range(steps)]


def trained_of(learner: Learner, **values: Any) -> Trained:
    return Trained(
        module=learner.averaged,
        net=learner.net,
        train=learner.train,
        data=learner.data,
        step=learner.step,
        model=learner.model,
        **values,
    )


@functools.cache
def quickly_trained(model: Model) -> Trained:
    """The smallest model after some steps, so that what it says is not uniform."""
    return trained_of(learner_of(model, steps=60))


def bounds(knob: Knob, kind: str) -> tuple[Any, ...]:
    """The outermost settings of a knob."""
    match knob.kind:
        case "bool":
            return (False, True)
        case "choice":
            return knob.choices
        case "text":
            return ("", words_for(kind))
        case "picture":
            return ("", A_PICTURE)
        case "sound":
            return ("", A_SOUND)
        case "numbers":
            return ((), (0, 1))
        case _:
            return (knob.low, knob.high)


def every_bound(record: str) -> list[Any]:
    """(model, name, value) for both bounds of every knob of the models' `record`."""
    return [
        pytest.param(model, knob.name, value, id=f"{model.key}-{knob.name}-{value}")
        for model in MODELS
        for knob in knobs.knobs_of(getattr(model, record))
        for value in bounds(knob, model.accepts)
    ]


VIEWS = [(model, view) for model in MODELS for view in model.views]
EVERY_VIEW = [pytest.param(model, view, id=f"{model.key}-{view.key}") for model, view in VIEWS]
EVERY_VIEW_BOUND = [
    pytest.param(model, view, knob.name, value, id=f"{model.key}-{view.key}-{knob.name}-{value}")
    for model, view in VIEWS
    for knob in knobs.knobs_of(view.knobs)
    for value in (bounds(knob, model.accepts) if knob.name not in needed(view) else ("",))
]


def numbers_in(value: Any) -> Iterator[float]:
    """Every number in a payload; not the NaN of a given token, or of a place without one."""
    if isinstance(value, str | bytes | bool | None):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, np.ndarray):
        yield from value.ravel().tolist()
    elif isinstance(value, Tokens):
        thought = zip(value.probabilities, value.alternatives, strict=True)
        yield from numbers_in(tuple(p for p, alternatives in thought if alternatives))
        yield from numbers_in((value.ids, value.alternatives, value.next))
    elif isinstance(value, Heatmap) and value.texts:
        written = np.array([[bool(text) for text in row] for row in value.texts])
        yield from numbers_in(value.values[written])
    elif isinstance(value, Moment):
        there = [p for p, piece in zip(value.probabilities, value.pieces, strict=True) if piece]
        yield from numbers_in((value.seconds, *there))
    elif isinstance(value, tuple):
        for each in value:
            yield from numbers_in(each)
    else:
        for field in dataclasses.fields(value):
            yield from numbers_in(getattr(value, field.name))


def words_in(value: Any) -> Iterator[str]:
    """Every text in a payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from words_in(each)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from words_in(getattr(value, field.name))


def assert_sound(payload: Any) -> None:
    """One of the known payloads, with something in it, and all of it finite."""
    assert type(payload) in PAYLOADS
    numbers = list(numbers_in(payload))
    assert bool(numbers) or bool(getattr(payload, "text", ""))
    assert all(math.isfinite(number) for number in numbers)


def as_tuple(batch: Any) -> tuple[Any, ...]:
    """A batch, which is one tensor or a tuple of tensors, as a tuple of arrays."""
    parts = batch if isinstance(batch, tuple) else (batch,)
    return tuple(part.numpy() if isinstance(part, torch.Tensor) else part for part in parts)


HOW_FAST = ("tokens_per_second", "per_second", "piece")
"""Fields that tell how fast something was made, or only that it was made anew."""


def comparable(payload: Payload) -> tuple[Any, ...]:
    """What a payload says, without how fast it was made."""
    fields = [field.name for field in dataclasses.fields(payload)]
    fields = [name for name in fields if name not in HOW_FAST]
    return type(payload), *(repr(_plain(getattr(payload, name))) for name in fields)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(_plain(getattr(value, field.name)) for field in dataclasses.fields(value))
    return value


def state_of(learner: Learner) -> dict[str, torch.Tensor]:
    own = {f"own {name}": value for name, value in learner.module.state_dict().items()}
    averaged = {f"avg {name}": value for name, value in learner.averaged.state_dict().items()}
    return {name: value.clone() for name, value in (own | averaged).items()}


# --- declarations


def test_keys_are_unique() -> None:
    for keys in ([family.key for family in FAMILIES], [model.key for model in MODELS]):
        assert len(set(keys)) == len(keys)


@every_model
def test_the_declaration_holds_together(model: Model) -> None:
    view_keys = [view.key for view in model.views]
    assert len(set(view_keys)) == len(view_keys)
    assert isinstance(model.watch, model.sample)
    assert not knobs.problems(model.watch)
    assert model.papers
    known = {other.key for other in MODELS}
    for view in model.views:
        assert set(view.companions) - {OTHER} <= known  # its own key is passed over
        assert not knobs.problems(view.knobs())


@every_model
def test_the_defaults_lie_within_the_bounds(model: Model) -> None:
    for record in (model.net, model.train, model.sample):
        assert not knobs.problems(record())


@every_model
def test_every_preset_is_valid_and_its_key_unique(model: Model) -> None:
    keys = [preset.key for preset in model.presets]
    assert keys
    assert len(set(keys)) == len(keys)
    assert model.preset() is model.presets[0]
    for preset in model.presets:
        assert model.preset(preset.key) is preset
        assert type(preset.net) is model.net
        assert type(preset.train) is model.train
        assert not knobs.problems(preset.net)
        assert not knobs.problems(preset.train)


@every_model
def test_every_preset_builds_and_steps(model: Model) -> None:
    for preset in model.presets:
        train = knobs.changed(preset.train, {"batch": 1})
        learner = learner_of(model, net=preset.net, train=train)
        assert all(math.isfinite(loss) for loss in advance(learner, 1))


# --- training


@every_model
def test_the_smallest_settings_are_the_low_bounds(model: Model) -> None:
    numbers = [k for k in knobs.knobs_of(model.net) if k.kind in ("int", "float")]
    net = smallest(model)
    assert builds(model, net)
    assert {k.name: getattr(net, k.name) for k in numbers} == {k.name: k.low for k in numbers}


ALONE = {"who": "discriminator", "r1": 0.0}
FALLS: dict[str, dict[str, Any]] = {"gan": ALONE, "gan-2d": ALONE}
"""Train knobs under which the loss has to fall, where two play against each other."""


@every_model
def test_the_loss_of_one_fixed_batch_falls(model: Model) -> None:
    net, train = smallest(model), cheap_train(model, **FALLS.get(model.key, {}))
    fixed = model.batch(data_for(model.accepts), net, train, torch.Generator().manual_seed(0))
    on_one_batch = dataclasses.replace(model, batch=lambda *_: fixed)
    losses = advance(learner_of(on_one_batch, net, train), 60)
    assert losses[-1] < 0.85 * losses[0]


@every_model
def test_the_same_seed_gives_the_same_bits(model: Model) -> None:
    one, other = learner_of(model, steps=3), learner_of(model, steps=3)
    first, second = state_of(one), state_of(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@every_model
def test_another_seed_gives_other_weights_and_other_batches(model: Model) -> None:
    one, other = learner_of(model, seed=1), learner_of(model, seed=2)
    first, second = state_of(one), state_of(other)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    batches = [
        _plain(as_tuple(model.batch(each.data, each.net, each.train, each.draws)))
        for each in (one, other)
    ]
    assert batches[0] != batches[1]


@pytest.mark.parametrize(("model", "name", "value"), every_bound("net"))
def test_every_net_knob_at_its_bounds(model: Model, name: str, value: Any) -> None:
    net = knobs.changed(smallest(model), {name: value})
    model.check(data_for(model.accepts), net)
    learner = learner_of(model, net=net, train=cheap_train(model, batch=2))
    before = state_of(learner)
    losses = advance(learner, 2)
    after = state_of(learner)
    assert all(math.isfinite(loss) for loss in losses)
    assert learner.finite
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert_sound(last(model.sampler(trained_of(learner), cheap_sample(model), ())))


@pytest.mark.parametrize(("model", "name", "value"), every_bound("train"))
def test_every_train_knob_at_its_bounds(model: Model, name: str, value: Any) -> None:
    learner = learner_of(model, train=cheap_train(model, **{name: value}))
    before = state_of(learner)
    losses = advance(learner, 2)
    after = state_of(learner)
    assert all(math.isfinite(loss) for loss in losses)
    assert learner.finite
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(("model", "name", "value"), every_bound("sample"))
def test_every_sample_knob_at_its_bounds(model: Model, name: str, value: Any) -> None:
    trained = quickly_trained(model)
    drawing = model.sampler(trained, cheap_sample(model, **{name: value}), ())
    # The longest sample is begun and left, as a person would stop it.
    payloads = list(islice((each for each in drawing if each is not None), 3))
    drawing.close()
    assert payloads
    for payload in payloads:
        assert_sound(payload)


# --- weights


@every_model
def test_weights_written_and_read_give_the_same_output(model: Model, tmp_path: Path) -> None:
    learner = learner_of(model, steps=5)
    other = learner_of(model, seed=99)
    for which, source, target in (
        ("own", learner.module, other.module),
        ("averaged", learner.averaged, other.averaged),
    ):
        file = tmp_path / f"{which}.safetensors"
        safetensors.torch.save_model(source, str(file))
        batch = model.batch(
            learner.data, learner.net, learner.train, torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            wanted = [float(each.loss) for each in model.step(source, batch, learner.train)]
            before = [float(each.loss) for each in model.step(target, batch, learner.train)]
            safetensors.torch.load_model(target, file)
            after = [float(each.loss) for each in model.step(target, batch, learner.train)]
        assert before != wanted
        assert after == wanted


@every_text_model
def test_weights_written_and_read_give_the_same_logits(model: Model, tmp_path: Path) -> None:
    source, target = learner_of(model, steps=5).averaged, learner_of(model, seed=99).averaged
    safetensors.torch.save_model(source, str(tmp_path / "weights.safetensors"))
    safetensors.torch.load_model(target, tmp_path / "weights.safetensors")
    tokens = torch.arange(4)[None]
    with torch.no_grad():
        assert torch.equal(source(tokens), target(tokens))


# --- views


@pytest.mark.parametrize(("model", "view"), EVERY_VIEW)
def test_every_view_draws_something_at_its_defaults(model: Model, view: View) -> None:
    trained = quickly_trained(model)
    sample = last(model.sampler(trained, model.watch, ()))
    before = {name: value.clone() for name, value in trained.module.state_dict().items()}
    sampled = dataclasses.replace(trained, sample=sample)
    for each in (sampled,) if view.key in OF_A_SAMPLE else (trained, sampled):
        assert torch.is_grad_enabled()
        payloads = []
        for payload in view.make(each, settings_of(view)):
            assert torch.is_grad_enabled(), "a view leaves gradients off for whoever draws it"
            payloads.append(payload)
        drawn = [payload for payload in payloads if payload is not None]
        assert drawn
        for payload in drawn:
            assert_sound(payload)
    after = trained.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before), "a view changed weights"


@pytest.mark.parametrize(("model", "view", "name", "value"), EVERY_VIEW_BOUND)
def test_every_view_knob_at_its_bounds(model: Model, view: View, name: str, value: Any) -> None:
    trained = quickly_trained(model)
    if view.key in OF_A_SAMPLE:
        sample = last(model.sampler(trained, model.watch, ()))
        trained = dataclasses.replace(trained, sample=sample)
    drawing = view.make(trained, settings_of(view, **{name: value}))
    if name in needed(view):
        with pytest.raises(PlaygroundError):
            last(drawing)
    else:
        assert_sound(last(drawing))


@pytest.mark.parametrize(("model", "view"), [each for each in VIEWS if each[1].companions])
def test_a_view_draws_its_companions_beside_its_own(model: Model, view: View) -> None:
    by_key = {other.key: other for other in MODELS}
    companions = {
        key: quickly_trained(model if key == OTHER else by_key[key])
        for key in view.companions
        if key != model.key
    }
    alone = last(view.make(quickly_trained(model), view.knobs()))
    together = dataclasses.replace(quickly_trained(model), companions=companions)
    beside = last(view.make(together, view.knobs()))
    assert_sound(beside)
    more, less = ([*numbers_in(each), *words_in(each)] for each in (beside, alone))
    assert len(more) > len(less)


# --- sampling


@every_model
def test_the_same_seed_gives_the_same_sample_and_another_another(model: Model) -> None:
    trained = quickly_trained(model)
    warm = {"temperature": 1.0} if hasattr(model.watch, "temperature") else {}
    settings = knobs.changed(model.watch, {"seed": 5} | warm)
    first, again = (last(model.sampler(trained, settings, ())) for _ in range(2))
    torch.manual_seed(123)  # the torch state outside has no part in it
    elsewhere = last(model.sampler(trained, settings, ()))
    assert comparable(first) == comparable(again) == comparable(elsewhere)
    other = last(model.sampler(trained, knobs.changed(settings, {"seed": 6}), ()))
    assert comparable(first) != comparable(other)


@every_text_model
def test_a_sampler_leaves_gradients_as_they_are(model: Model) -> None:
    for _ in model.sampler(quickly_trained(model), cheap_sample(model), ()):
        assert torch.is_grad_enabled()


@every_text_model
@pytest.mark.parametrize("prompt", ["", "ada bo"])
def test_a_kept_beginning_is_continued_as_it_went(model: Model, prompt: str) -> None:
    trained = quickly_trained(model)
    length = 40
    settings = cheap_sample(model, prompt=prompt, length=length, temperature=1.0, seed=3)
    whole = last(model.sampler(trained, settings, ()))
    total = len(whole.ids)
    assert total == whole.kept + length
    assert len(set(whole.ids[whole.kept :])) > 4  # or the test could not fail
    for cut in range(whole.kept, total):
        left = dataclasses.replace(settings, length=total - cut)
        again = last(model.sampler(trained, left, whole.ids[:cut]))
        assert again.ids == whole.ids, f"kept {cut}"
        assert again.pieces == whole.pieces


@every_text_model
def test_step_by_step_draws_what_the_whole_draws(model: Model) -> None:
    trained = quickly_trained(model)
    whole = last(model.sampler(trained, cheap_sample(model, prompt="ada", length=30), ()))
    grown = last(model.sampler(trained, cheap_sample(model, prompt="ada", length=0), ()))
    one_more = cheap_sample(model, prompt="ada", length=1)
    for _ in range(30):
        expected_next = grown.next
        grown = last(model.sampler(dataclasses.replace(trained, sample=grown), one_more, grown.ids))
        assert [each.id for each in expected_next] == [
            each.id for each in grown.alternatives[-1][: len(expected_next)]
        ]
    assert grown.ids == whole.ids
    assert grown.kept == whole.kept
    np.testing.assert_allclose(grown.probabilities, whole.probabilities, rtol=1e-4)
    assert [len(each) for each in grown.alternatives] == [len(each) for each in whole.alternatives]


# --- held-out loss


def log_probability(module: Any, before: Any, token: int) -> float:
    """Of `token` after the tokens `before`, with the log-softmax written out."""
    with torch.no_grad():
        logits = module(torch.tensor([[int(each) for each in before]]))[0, -1].double().numpy()
    return float(logits[token] - logits.max() - np.log(np.exp(logits - logits.max()).sum()))


def evaluated(model: Model, module: Any, data: Any, most: int | None) -> dict[str, float]:
    run = model.evaluate(module, data, smallest(model), cheap_train(model), most)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: dict[str, float] = stop.value
            return result


@every_text_model
def test_every_held_out_token_is_scored_once(model: Model) -> None:
    data = text_data(sentences(400))
    context = smallest(model).context
    held_out = data.held_out
    assert (len(held_out) - 1) % context, "the last window has to be a short one"
    learner = Learner(model, data, smallest(model), cheap_train(model), 1)
    advance(learner, 20)
    module = learner.averaged
    scores = []
    for place in range(1, len(held_out)):
        start = (place - 1) // context * context
        scores.append(-log_probability(module, held_out[start:place], int(held_out[place])))
    assert len(scores) == len(held_out) - 1

    result = evaluated(model, module, data, None)
    assert result["held_out"] == pytest.approx(np.mean(scores), rel=1e-5)
    assert result["bits_per_char"] == pytest.approx(
        np.mean(scores) / np.log(2) / data.characters_per_token, rel=1e-5
    )
    most = 10 * context + 1
    few = evaluated(model, module, data, most)
    assert few["held_out"] == pytest.approx(np.mean(scores[: 10 * context]), rel=1e-5)


@every_model
def test_a_run_that_was_saved_and_continued_equals_an_unbroken_one(
    model: Model, tmp_path: Path
) -> None:
    net = model.net()
    if any(knob.name == "dropout" for knob in knobs.knobs_of(net)):
        net = knobs.changed(net, {"dropout": 0.2})  # so that the random state matters
    unbroken = learner_of(model, net=net)
    advance(unbroken, 7)

    before = learner_of(model, net=net)
    advance(before, 4)
    before.save(tmp_path)
    after = learner_of(model, net=net, seed=99)
    after.load(tmp_path)
    advance(after, 3)

    assert after.step == unbroken.step
    wanted, found = state_of(unbroken), state_of(after)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


@every_model
def test_an_estimate_leaves_nothing_in_memory(model: Model) -> None:
    """What is counted on the way must not keep the graph alive, and with it all weights."""
    kept: list[weakref.ref[Any]] = []

    def build(net: Any, data: Any) -> Any:
        module = model.build(net, data)
        kept.extend(map(weakref.ref, module.parameters()))
        return module

    watched = dataclasses.replace(model, build=build)
    net, train = smallest(model), cheap_train(model)
    found = finished(estimate(watched, data_for(model.accepts), net, train, 1))
    assert found["bytes"] > 0
    gc.collect()
    assert kept
    assert not [each for each in kept if each() is not None]

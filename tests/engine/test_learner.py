"""engine/learner.py: one step, the average, the schedule, and being taken up again bit for bit."""

import dataclasses
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.family import Descent, TrainKnobs
from engine.learner import (
    FLOOR,
    MOST_SEED,
    OPTIMISER,
    PICKLED,
    Learner,
    TorchRandom,
    is_finite,
    schedule,
    settings_of,
)
from engine.phrases import PlaygroundError
from engine.store import Run, RunError
from tests.engine import tiny
from tests.engine.tiny import advanced, bits, learner

# --- learning


def test_the_loss_goes_down_to_about_what_the_data_allows() -> None:
    made = learner(steps=150, learning_rate=0.1)
    losses = advanced(made, 150)
    assert np.mean(losses[:5]) > 1.2
    # One further with 0.8 + 0.2 / 5, each of the other four with 0.2 / 5.
    entropy = -(0.84 * math.log(0.84) + 4 * 0.04 * math.log(0.04))
    *_, found = run_through(tiny.evaluate(made.averaged, made.data, made.net, made.train, None))
    assert entropy - 0.25 < found["held_out"] < entropy + 0.25
    assert made.step == 150
    assert made.seconds > 0


def run_through(steps: Any) -> Iterator[Any]:
    result = yield from steps
    yield result


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    one, two, other = learner(seed=1), learner(seed=1), learner(seed=2)
    assert bits(one) == bits(two)
    assert advanced(one, 20) == advanced(two, 20)
    assert bits(one) == bits(two)
    advanced(other, 20)
    assert all(bits(other)[name] != bits(one)[name] for name in ("weights/embed.weight", "random"))


def test_neither_building_nor_training_touches_the_outer_random_state() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = learner()
    expected = bits(learner())
    advanced(first, 5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(10)
    assert bits(learner()) == expected


def test_metrics_are_tensors_without_gradient() -> None:
    made = learner()
    with made.random:
        metrics = made.advance()
    assert set(metrics) == {"loss", "gradient", "right"}
    assert all(isinstance(each, Tensor) and not each.requires_grad for each in metrics.values())


def test_only_the_optimiser_that_is_named_steps_and_each_takes_its_loss_in_order() -> None:
    def build(net: Any, data: Any) -> nn.Module:
        return nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)})

    def optimise(module: Any, train: Any) -> dict[str, list[torch.optim.Optimizer]]:
        return {
            name: [torch.optim.SGD([{"params": module[name].parameters(), "scale": scale}])]
            for name, scale in (("a", 1.0), ("b", 0.5))
        }

    seen = []

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        yield Descent(module["a"].bias.sum() + 3 * module["b"].bias.sum(), "a")
        seen.append((module["a"].bias.item(), module["b"].bias.item()))
        yield Descent(-module["a"].bias.sum() - 3 * module["b"].bias.sum(), "b")

    made = learner(
        model=tiny.model(build=build, optimise=optimise, step=step),
        clip=0.0,
        warm_up=0,
        learning_rate=0.1,
    )
    module: Any = made.module
    a, b = module["a"].bias.item(), module["b"].bias.item()
    with made.random:
        metrics = made.advance()
    assert seen == [(pytest.approx(a - 0.1), b)]
    assert module["a"].bias.item() == pytest.approx(a - 0.1)
    assert module["b"].bias.item() == pytest.approx(b + 0.1 * 0.5 * 3)
    assert "gradient" not in metrics


@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_a_long_gradient_is_clipped_to_the_norm(clip: float) -> None:
    def optimise(module: Any, train: Any) -> dict[str, list[torch.optim.Optimizer]]:
        return {"all": [torch.optim.SGD(module.parameters())]}

    def step(module: Any, batch: Any, train: Any) -> Iterator[Descent]:
        for descent in tiny.step(module, batch, train):
            yield Descent(descent.loss * 100)

    made = learner(
        model=tiny.model(optimise=optimise, step=step), clip=clip, warm_up=0, learning_rate=0.1
    )
    before = [parameter.detach().clone() for parameter in made.module.parameters()]
    with made.random:
        metrics = made.advance()
    pairs = zip(before, made.module.parameters(), strict=True)
    moved = math.sqrt(sum(((new - old) ** 2).sum().item() for old, new in pairs))
    if clip:
        assert moved == pytest.approx(0.1 * 0.5, rel=1e-3)
        assert float(metrics["gradient"]) > 10
    else:
        assert moved > 0.1 * 10


# --- the average


def test_the_averaged_weights_follow_their_definition() -> None:
    """a_n = d a_{n-1} + (1 - d) w_n with d = min(average, n / (n + 10)), in double precision."""
    made = learner(average=0.9)
    average = {name: value.double().numpy().copy() for name, value in state(made.module)}
    for n in range(1, 61):
        advanced(made, 1)
        d = min(0.9, n / (n + 10))
        for name, value in state(made.module):
            average[name] = d * average[name] + (1 - d) * value.double().numpy()
    for name, value in state(made.averaged):
        if name == "seen":
            assert int(value) == int(made.module.seen) == 60 * 8  # type: ignore[arg-type]
        else:
            np.testing.assert_allclose(value.numpy(), average[name], rtol=1e-4, atol=1e-6)
            assert not np.allclose(value.numpy(), dict(state(made.module))[name].numpy(), atol=1e-6)


def state(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, value.clone()) for name, value in module.state_dict().items()]


def test_without_averaging_the_average_is_the_newest() -> None:
    made = learner(average=0.0)
    advanced(made, 7)
    for (_, own), (_, averaged) in zip(state(made.module), state(made.averaged), strict=True):
        assert torch.equal(own, averaged)


def test_weights_that_two_layers_share_are_averaged_once() -> None:
    def build(net: Any, data: Any) -> nn.Module:
        module = tiny.Net(net)
        module.head.weight = module.embed.weight
        return module

    made = learner(model=tiny.model(build=build), average=0.5)
    module: Any = made.module
    average = module.head.weight.detach().clone()
    for n in range(1, 4):
        advanced(made, 1)
        d = min(0.5, n / (n + 10))
        average = d * average + (1 - d) * module.head.weight.detach()
    averaged: Any = made.averaged
    assert torch.allclose(averaged.head.weight, average, atol=1e-6)


def test_the_average_is_for_looking_at() -> None:
    made = learner()
    assert not made.averaged.training
    assert made.module.training
    assert not any(parameter.requires_grad for parameter in made.averaged.parameters())


# --- the schedule


def plan(**values: Any) -> TrainKnobs:
    known: dict[str, Any] = {"steps": 0, "seconds": 0.0, "warm_up": 0, "decay_from": 0.5}
    return TrainKnobs(**(known | values))


def test_the_schedule_climbs() -> None:
    found = [schedule(plan(warm_up=3), step, 0.0) for step in range(6)]
    assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_a_plan_in_steps_falls_in_a_straight_line_to_the_floor_and_stays() -> None:
    train = plan(steps=100, decay_from=0.5)
    steps = (0, 50, 60, 75, 90, 99, 100, 101, 10_000)
    found = [schedule(train, step, 1e9) for step in steps]
    assert found == pytest.approx([1, 1, 0.8, 0.5, 0.2, FLOOR, FLOOR, FLOOR, FLOOR])


def test_a_plan_in_seconds_counts_only_seconds() -> None:
    train = plan(seconds=60.0, decay_from=0.25)
    seconds = (0.0, 15.0, 37.5, 60.0, 61.0)
    found = [schedule(train, 10**9, each) for each in seconds]
    assert found == pytest.approx([1, 1, 0.5, FLOOR, FLOOR])


def test_with_two_plans_the_one_that_is_further_on_counts() -> None:
    train = plan(steps=100, seconds=10.0)
    assert schedule(train, 75, 0.0) == pytest.approx(0.5)
    assert schedule(train, 0, 7.5) == pytest.approx(0.5)
    assert schedule(train, 75, 9.0) == pytest.approx(0.2)


def test_without_a_plan_it_never_falls() -> None:
    assert schedule(plan(), 10**9, 1e9) == 1.0


@pytest.mark.parametrize(("decay_from", "at_half"), [(0.0, 0.5), (1.0, 1.0)])
def test_the_fall_begins_where_it_is_told_to(decay_from: float, at_half: float) -> None:
    train = plan(steps=100, decay_from=decay_from)
    assert schedule(train, 50, 0.0) == pytest.approx(at_half)
    assert schedule(train, 100, 0.0) == (1.0 if decay_from == 1.0 else FLOOR)
    assert schedule(train, 101, 0.0) == FLOOR


def test_the_learning_rate_is_what_the_optimisers_get() -> None:
    made = learner(steps=100, warm_up=9, learning_rate=0.01)
    for step in range(3):
        assert made.learning_rate == pytest.approx(0.01 * (step + 1) / 10)
        advanced(made, 1)
        (optimiser,) = made.optimisers["all"]
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0.01 * (step + 1) / 10)


# --- saved and loaded


def copy_of(made: Learner, folder: Path) -> Learner:
    folder.mkdir()
    made.save(folder)
    again = learner(seed=99)
    again.load(folder)
    return again


def test_a_learner_that_was_saved_loaded_and_continued_equals_an_unbroken_one(
    tmp_path: Path,
) -> None:
    unbroken, broken = learner(), learner()
    advanced(broken, 17)
    again = copy_of(broken, tmp_path / "state")
    assert bits(again) == bits(broken)
    assert again.seconds == broken.seconds
    assert again.train == broken.train
    losses = advanced(unbroken, 40)[17:]
    assert advanced(again, 23) == losses
    assert bits(again) == bits(unbroken)


def test_live_knobs_and_curves_are_saved_too(tmp_path: Path) -> None:
    made = learner(steps=77)
    made.train = dataclasses.replace(tiny.TRAIN, learning_rate=0.001, mood="wild")
    made.history.add(1, 0.5, {"loss": 2.0})
    made.history.mark(1, "turned")
    again = copy_of(made, tmp_path / "state")
    assert again.train == made.train
    assert again.history.last() == {"loss": 2.0}
    assert [mark.text for mark in again.history.marks] == ["turned"]


FILES = (
    "weights.safetensors",
    "averaged.safetensors",
    "optimiser.safetensors",
    "history.npz",
    "state.json",
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "rubbish", "flipped", "folder"])
def test_a_damaged_file_is_refused_with_its_folder(tmp_path: Path, name: str, damage: str) -> None:
    made = learner()
    advanced(made, 3)
    made.history.add(3, 0.1, {"loss": 1.0})
    made.save(tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    path.unlink()
    middle = len(content) // 2
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(content[:middle])
        case "rubbish":
            path.write_bytes(np.random.default_rng(0).bytes(len(content)))
        case "flipped":
            path.write_bytes(bytes(255 - byte for byte in content[:100]) + content[100:])
        case "folder":
            path.mkdir()
    with pytest.raises(PlaygroundError, match=r"saved state in .* cannot be read: ") as caught:
        learner().load(tmp_path)
    assert str(tmp_path) in str(caught.value)


STATES: list[Any] = [[], 5, None, {}, {"step": "x"}]


@pytest.mark.parametrize("content", STATES, ids=str)
def test_a_state_of_the_wrong_shape_is_refused(tmp_path: Path, content: Any) -> None:
    made = learner()
    made.save(tmp_path)
    path = tmp_path / "state.json"
    if isinstance(content, dict) and content:
        content = {**json.loads(path.read_text()), **content}
    path.write_text(json.dumps(content))
    with pytest.raises(PlaygroundError, match="cannot be read"):
        learner().load(tmp_path)


def test_a_state_of_another_size_is_refused(tmp_path: Path) -> None:
    learner().save(tmp_path)
    larger = Learner(tiny.MODEL, tiny.Symbols(), tiny.NetKnobs(width=16), tiny.TRAIN, 1)
    with pytest.raises(PlaygroundError, match=r"(?s)cannot be read: .*size mismatch"):
        larger.load(tmp_path)


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_a_pickle_of_an_older_version_is_not_opened_and_the_rest_is_loaded(tmp_path: Path) -> None:
    made = learner()
    advanced(made, 3)
    made.history.add(3, 0.1, {"loss": 1.0})
    made.save(tmp_path)
    (tmp_path / OPTIMISER).unlink()
    torch.save({"optimisers": Bomb(tmp_path / "exploded")}, tmp_path / PICKLED)
    again = learner(seed=99)
    again.load(tmp_path)
    assert not (tmp_path / "exploded").exists()
    assert not again.complete
    assert again.step == 3
    assert again.history.last() == {"loss": 1.0}
    found, wanted = bits(again), bits(made)
    weights = [name for name in wanted if name.startswith(("weights/", "averaged/"))]
    assert weights
    assert all(found[name] == wanted[name] for name in weights)


def test_beside_a_pickle_the_newer_file_counts(tmp_path: Path) -> None:
    made = learner()
    advanced(made, 3)
    made.save(tmp_path)
    (tmp_path / PICKLED).write_bytes(b"no")
    again = learner(seed=99)
    again.load(tmp_path)
    assert again.complete
    assert bits(again) == bits(made)


# --- remembered and recalled


def test_recalled_is_as_remembered_and_goes_on_the_same() -> None:
    made = learner()
    advanced(made, 10)
    made.history.add(10, 1.0, {"loss": 1.0})
    memory, before = made.remember(), bits(made)
    losses = advanced(made, 8)
    after = bits(made)
    assert after != before
    for _ in range(2):  # the memory can be used again
        made.history.add(18, 2.0, {"loss": math.nan})
        made.recall(memory)
        assert bits(made) == before
        assert made.history.last() == {"loss": 1.0}
        assert advanced(made, 8) == losses
        assert bits(made) == after


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_noticed(value: float) -> None:
    made = learner()
    assert made.finite
    module: Any = made.module
    with torch.no_grad():
        module.head.weight[1, 2] = value
    assert not made.finite


def test_numbers_that_are_none_are_noticed() -> None:
    assert is_finite({})
    assert is_finite({"a": 1e300, "b": -0.0})
    assert not is_finite({"a": 1.0, "b": math.nan})
    assert not is_finite({"a": math.inf})


# --- random states


def test_a_random_state_gives_the_numbers_of_its_seed_and_goes_on_where_it_was() -> None:
    torch.manual_seed(42)
    expected = torch.rand(6)
    torch.manual_seed(7)
    outside = torch.rand(4)
    torch.manual_seed(7)
    mine = TorchRandom(42)
    found, between = [], []
    for _ in range(2):
        with mine:
            found.append(torch.rand(3))
        between.append(torch.rand(2))
    assert torch.equal(torch.cat(found), expected)
    assert torch.equal(torch.cat(between), outside)


def test_the_outside_is_put_back_after_an_error() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()

    def fail() -> None:
        with TorchRandom(1):
            torch.rand(3)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert torch.equal(torch.get_rng_state(), before)


def test_making_one_on_another_thread_disturbs_no_draws_under_way() -> None:
    """A request is made on the window's thread while the compute thread trains."""

    def drawn() -> list[float]:
        with TorchRandom(1):
            return [float(torch.rand(())) for _ in range(3000)]

    alone = drawn()
    stop = threading.Event()

    def request() -> None:
        while not stop.is_set():
            TorchRandom(5)

    thread = threading.Thread(target=request)
    thread.start()
    try:
        assert drawn() == alone
    finally:
        stop.set()
        thread.join()


def test_making_one_never_sets_the_global_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the global random state was set")

    for name in ("manual_seed", "set_rng_state", "seed"):
        monkeypatch.setattr(torch, name, refuse)
    TorchRandom(5)


# --- settings that were saved


def saved_run(**parts: Any) -> Run:
    whole: dict[str, Any] = {
        **dict.fromkeys(("id", "model", "title", "data", "data_title"), "x"),
        "seed": 3,
        "net": {"width": 16},
        "train": {"batch": 4, "gone": 1},
    }
    return Run(**(whole | parts))


def test_the_settings_of_a_saved_run() -> None:
    net, train, seed = settings_of(saved_run(), tiny.MODEL)
    assert (net.width, train.batch, seed) == (16, 4, 3)
    assert settings_of(saved_run(seed=MOST_SEED), tiny.MODEL)[2] == MOST_SEED


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"seed": -1}, "seed cannot be -1"),
        ({"seed": MOST_SEED + 1}, "seed cannot be"),
        ({"net": {"width": 65}}, "width cannot be 65"),
        ({"train": {"learning_rate": "fast"}}, "learning_rate cannot be"),
    ],
)
def test_settings_out_of_their_bounds_are_refused_with_the_run(parts: Any, words: str) -> None:
    with pytest.raises(RunError, match=f"the run x is damaged: .*{words}"):
        settings_of(saved_run(**parts), tiny.MODEL)

"""What samplers see: of a learner, and of a run folder, whole or damaged."""

import json
from pathlib import Path

import pytest
import torch

from engine.payloads import Text
from engine.store import Run, RunError, Store
from engine.trained import as_trained, load_stub, load_trained
from tests.engine import tiny
from tests.engine.test_keeping import Told, kept


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.Catalogue().put_in_place(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def run(store: Store) -> Run:
    """Twelve steps, saved."""
    learner = tiny.learner()
    tiny.advanced(learner, 12)
    keeper = kept(store, learner)
    keeper.save(Told(), learner)
    assert keeper.run is not None
    return keeper.run


def test_of_a_learner_it_is_the_average_and_all_that_it_was_made_with() -> None:
    learner = tiny.learner()
    tiny.advanced(learner, 3)
    trained = as_trained(learner, Text("abc"))
    assert trained.module is learner.averaged
    assert (trained.net, trained.train, trained.data) == (learner.net, learner.train, learner.data)
    assert trained.step == 3
    assert trained.sample == Text("abc")
    assert trained.companions == {}


def test_of_a_run_it_is_the_saved_average_ready_to_sample(store: Store, run: Run) -> None:
    trained = load_trained(store, run, tiny.MODEL)
    learner = tiny.learner()
    tiny.advanced(learner, 12)
    for name, value in learner.averaged.state_dict().items():
        assert torch.equal(trained.module.state_dict()[name], value)
    assert not trained.module.training
    assert not any(weight.requires_grad for weight in trained.module.parameters())
    assert trained.step == 12
    assert trained.data.title == "A ring"


def test_loading_does_not_touch_the_random_numbers_of_others(store: Store, run: Run) -> None:
    before = torch.random.get_rng_state()
    load_trained(store, run, tiny.MODEL)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_damaged_weights_are_refused_with_the_name_of_the_run(store: Store, run: Run) -> None:
    weights = tiny.checkpoint_file(store.path(run.id), "averaged.safetensors")
    weights.write_bytes(weights.read_bytes()[:-20])
    with pytest.raises(RunError, match=f"the weights of the run {run.id} cannot be read"):
        load_trained(store, run, tiny.MODEL)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", json.dumps({"key": "ring"}).encode(), b"[" * 10**5]
)
def test_a_damaged_stub_is_refused_with_its_name(store: Store, run: Run, content: bytes) -> None:
    assert load_stub(store, run).title == "A ring"
    (store.path(run.id) / "data.json").write_bytes(content)
    with pytest.raises(RunError, match=rf"the run {run.id} is damaged: data\.json"):
        load_stub(store, run)

"""The folder of a run: begun, held, saved to, copied, and found as it was left."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch

from engine import keeping
from engine.events import Event, Said, Saved
from engine.keeping import LESSON, Keeper, kept_steps, snapshot_steps
from engine.learner import Learner
from engine.store import Run, RunError, Store, TakenError
from tests.engine import tiny


class Told:
    """Whoever is told what happens, and what it was."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def words(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Said)]


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.Catalogue().put_in_place(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def kept(store: Store, learner: Learner, **lesson: Any) -> Keeper:
    """A keeper with a new run of the learner."""
    keeper = Keeper(store, learner.model)
    keeper.new(learner, lesson)
    return keeper


def the_run(keeper: Keeper) -> Run:
    assert keeper.run is not None
    return keeper.run


def test_a_new_run_has_a_folder_and_counts_once_it_is_saved(store: Store) -> None:
    learner = tiny.learner(seed=7)
    keeper, told = kept(store, learner), Told()
    assert store.path(the_run(keeper).id).is_dir()
    assert store.runs() == ()
    tiny.advanced(learner, 4)
    keeper.save(told, learner)
    assert store.runs() == (keeper.run,)
    assert (the_run(keeper).step, the_run(keeper).seed) == (4, 7)
    assert told.events == [Saved(the_run(keeper).id, 4)]
    assert not keeper.unsaved


def test_what_is_saved_is_the_learner_bit_for_bit(store: Store) -> None:
    learner = tiny.learner()
    tiny.advanced(learner, 5)
    keeper = kept(store, learner)
    keeper.save(Told(), learner)
    again = tiny.learner(seed=2)
    again.load(store.checkpoint_path(the_run(keeper)))
    assert tiny.bits(again) == tiny.bits(learner)


def test_two_saves_of_a_step_have_two_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock stands still in between: the newer one replaces none that counts."""
    monkeypatch.setattr("time.time_ns", lambda: 0)
    learner = tiny.learner()
    keeper = kept(store, learner)
    keeper.save(Told(), learner)
    first = the_run(keeper).checkpoint
    keeper.save(Told(), learner)
    keeper.let_go()
    assert the_run(keeper).checkpoint != first


def test_a_run_that_is_taken_up_has_its_snapshots_up_to_the_saved_step(store: Store) -> None:
    learner = tiny.learner()
    keeper = kept(store, learner)
    for _ in range(4):
        keeper.keep_snapshot(learner)
        tiny.advanced(learner, 1)
        if learner.step == 2:
            keeper.save(Told(), learner)
    assert keeper.snapshots == (0, 1, 2, 3)
    again = Keeper(store, tiny.MODEL)
    again.take_up(the_run(keeper))
    assert again.snapshots == (0, 1, 2)
    again.clear()
    assert again.run is None
    assert not again.snapshots


def test_a_failed_save_is_told_once_and_the_next_good_one_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, told = tiny.learner(), Told()
    unsaved: list[bool] = []
    keeper = kept(store, learner)
    keeper.save(told, learner)
    good = the_run(keeper)
    tiny.advanced(learner, 2)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(learner, "save", full)
        for _ in range(2):
            keeper.save(told, learner)
            unsaved.append(keeper.unsaved)
    assert unsaved == [True, True]
    assert keeper.run == good
    assert store.read(good.id) == good
    assert len(told.words) == 1
    assert "No space left on device" in told.words[0]
    keeper.save(told, learner)
    assert len(told.words) == 2
    assert not keeper.unsaved
    assert told.words[1].startswith("saved again")
    assert store.read(good.id).step == 2


def test_a_run_in_training_elsewhere_is_not_taken(store: Store) -> None:
    learner = tiny.learner()
    keeper = kept(store, learner)
    keeper.save(Told(), learner)
    keeper.let_go()
    with_other = store.hold(the_run(keeper).id)
    try:
        with pytest.raises(TakenError):
            keeper.take_hold()
    finally:
        with_other.release()
    keeper.take_hold()
    with pytest.raises(TakenError):
        store.hold(the_run(keeper).id)
    keeper.let_go()
    store.hold(the_run(keeper).id).release()


def test_a_hold_that_cannot_be_let_go_of_is_gone_on_with(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drive was removed, and is back."""
    learner = tiny.learner()
    keeper = kept(store, learner)
    keeper.save(Told(), learner)

    def gone(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("engine.holding.Hold.release", gone)
        keeper.let_go()
    keeper.take_hold()
    keeper.let_go()
    store.hold(the_run(keeper).id).release()
    keeper.take_hold()
    with monkeypatch.context() as patch:
        patch.setattr("engine.holding.Hold.release", gone)
        keeper.let_go()
    other = tiny.learner(seed=2)
    keeper.new(other, {})
    keeper.take_hold()
    with pytest.raises(TakenError):
        store.hold(the_run(keeper).id)
    keeper.let_go()


def test_what_another_has_saved_since_is_never_written_over(store: Store) -> None:
    learner = tiny.learner()
    mine = kept(store, learner)
    mine.save(Told(), learner)
    mine.let_go()
    theirs, other = Keeper(store, tiny.MODEL), tiny.learner()
    theirs.take_up(the_run(mine))
    tiny.advanced(other, 9)
    theirs.save(Told(), other)
    theirs.let_go()
    with pytest.raises(TakenError, match="on to step 9"):
        mine.take_hold()
    before, told = the_run(mine).id, Told()
    tiny.advanced(learner, 3)
    mine.save(told, learner)  # as a training does that did not know of it
    mine.let_go()
    assert the_run(mine).id != before
    assert store.read(before).step == 9
    assert store.read(the_run(mine).id).step == 3
    assert before in told.words[0]


def test_apart_it_is_a_run_of_its_own_with_the_snapshots_that_can_be_copied(store: Store) -> None:
    learner = tiny.learner()
    keeper = kept(store, learner)
    keeper.keep_snapshot(learner)
    tiny.advanced(learner, 1)
    keeper.keep_snapshot(learner)
    keeper.save(Told(), learner)
    before = the_run(keeper)
    (keeper.snapshot_folder() / "0.safetensors").unlink()
    keeper.go_apart()
    keeper.save(Told(), learner)
    keeper.let_go()
    assert the_run(keeper).id != before.id
    assert store.read(before.id) == before
    assert keeper.snapshots == (1,)
    assert kept_steps(keeper.snapshot_folder(), 99) == (1,)


def test_a_run_that_was_deleted_is_saved_anew(store: Store) -> None:
    learner, told = tiny.learner(), Told()
    keeper = kept(store, learner)
    keeper.keep_snapshot(learner)
    keeper.save(Told(), learner)
    keeper.let_go()
    shutil.rmtree(store.path(the_run(keeper).id))
    keeper.save(told, learner)
    keeper.let_go()
    assert store.read(the_run(keeper).id) == keeper.run
    assert keeper.snapshots == ()
    assert "deleted by another program" in told.words[0]


# --- snapshots


def test_snapshots_are_log_spaced_and_few() -> None:
    steps = sorted(snapshot_steps())
    assert steps[:6] == [0, 1, 2, 4, 6, 8]
    assert steps[-1] >= 10**7
    assert len(steps) <= keeping.SNAPSHOTS
    ratios = [after / before for before, after in itertools.pairwise(steps[3:])]
    assert all(1.3 < ratio < 1.7 for ratio in ratios)


def test_a_snapshot_is_the_average_of_its_step(store: Store) -> None:
    learner = tiny.learner()
    tiny.advanced(learner, 3)
    keeper = kept(store, learner)
    keeper.keep_snapshot(learner)
    found = safetensors.torch.load_file(keeper.snapshot_folder() / "3.safetensors")
    for name, value in learner.averaged.state_dict().items():
        assert found[name].equal(value)
    tiny.advanced(learner, 1)
    keeper.keep_snapshot(learner)
    keeper.forget_after(3)
    assert keeper.snapshots == (3,)


def test_only_what_is_a_snapshot_counts(tmp_path: Path) -> None:
    for name in ("0.safetensors", "8.safetensors", "4.part", "-2.safetensors", "x.safetensors"):
        (tmp_path / name).touch()
    assert kept_steps(tmp_path, 8) == (0, 8)
    assert kept_steps(tmp_path, 7) == (0,)
    assert kept_steps(tmp_path / "nowhere", 7) == ()


# --- what a teacher added


def taught_model() -> Any:
    return tiny.model(teach=lambda *_: iter(()))


class Taught(tiny.Symbols):
    """Data that takes a lesson."""

    def lesson(self, lesson: Any) -> "Taught":
        return Taught(self.key, self.title, tokens=lesson["tokens"])


def test_a_lesson_is_kept_beside_the_checkpoints_and_given_back(store: Store) -> None:
    model, tokens = taught_model(), np.arange(20) % tiny.SYMBOLS
    learner = tiny.learner(model=model)
    keeper = kept(store, learner, tokens=tokens)
    keeper.save(Told(), learner)
    keeper.let_go()
    again = Keeper(store, model)
    again.take_up(the_run(keeper))
    data = again.taught(Taught())
    assert np.array_equal(data.tokens, tokens)  # type: ignore[attr-defined]
    assert np.array_equal(again.lesson["tokens"], tokens)
    plain = tiny.Symbols()
    assert Keeper(store, tiny.MODEL).taught(plain) is plain


@pytest.mark.parametrize(("damage", "words"), [("gone", "lacks"), ("cut", "is damaged")])
def test_a_lesson_that_is_not_whole_is_refused(store: Store, damage: str, words: str) -> None:
    model = taught_model()
    learner = tiny.learner(model=model)
    keeper = kept(store, learner, tokens=np.arange(20))
    keeper.save(Told(), learner)
    keeper.let_go()
    path = store.path(the_run(keeper).id) / LESSON
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-9])
    with pytest.raises(RunError, match=rf"{words}.*{LESSON}"):
        keeper.taught(Taught())

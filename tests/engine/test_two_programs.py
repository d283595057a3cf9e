"""Two programs on the same run folders: nothing is corrupted, nobody is locked up."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from engine import keeping
from engine import session as session_
from engine.events import Event, Said
from engine.keeping import Keeper
from engine.learner import Learner
from engine.phrases import PlaygroundError
from engine.session import Playground, Session
from engine.store import TRASH, RunError, Store, TakenError
from engine.trained import load_trained
from engine.worker import Job
from tests.engine import tiny
from tests.engine.second import Second
from tests.engine.tiny import advanced, bits, learner

SOON = 20.0


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def session(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    tiny.Catalogue().put_in_place(monkeypatch)
    playground = Playground([tiny.MODEL], runs, threads=1)
    yield playground.open(tiny.MODEL)
    assert playground.close()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """All that jobs say; a mailbox keeps only the newest."""
    found: list[Said] = []
    tell = Job.tell

    def also(self: Job, event: Event) -> None:
        if isinstance(event, Said):
            found.append(event)
        tell(self, event)

    monkeypatch.setattr(Job, "tell", also)
    return found


def finish(job: Job) -> Any:
    assert job.wait(SOON)
    if job.error is not None:
        raise job.error
    return job.result


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def the_id(session: Session) -> str:
    assert session.run is not None
    return session.run.id


def the_bits(session: Session) -> dict[str, bytes]:
    assert session.learner is not None
    return bits(session.learner)


def unbroken(steps: int) -> dict[str, bytes]:
    made = learner()
    advanced(made, steps)
    return bits(made)


def saved(store: Store, run: str) -> tuple[int, dict[str, bytes]]:
    """The step and the bits of what is on disk."""
    found = store.read(run)
    made = Learner(tiny.MODEL, tiny.Symbols(), tiny.NET, tiny.TRAIN, 1)
    made.load(store.checkpoint_path(found))
    assert made.step == found.step
    return found.step, bits(made)


def test_a_run_in_training_elsewhere_can_be_looked_at_and_a_copy_trained(
    session: Session, runs: Path, said: list[Said]
) -> None:
    store = session.playground.store
    with Second(runs, "train", "", "0.001", "0.05") as other:
        run = other.told("run")
        who = f"second.py (PID {other.pid})"
        until(lambda: store.read(run).step >= 4)  # it has saved since it began
        finish(session.restore(run))
        assert session.step >= 4
        (words,) = [str(each.text) for each in said if each.grave]
        assert words.startswith(f"the run {run} is in training elsewhere, by {who}, since ")
        assert "can be looked at, sampled and exported here" in words
        before = session.step
        finish(session.sample(tiny.SampleKnobs()))
        finish(session.look(tiny.WEIGHTS, tiny.LookKnobs()))
        finish(session.look(tiny.WEIGHTS, tiny.LookKnobs(), 4))
        finish(session.export("weights", runs.parent / "weights.safetensors"))
        finish(session.evaluate())

        with pytest.raises(TakenError) as taken:
            finish(session.start(steps=before + 5))
        assert f"the run {run} is in training elsewhere, by {who}, since " in str(taken.value)
        assert "wait until it is paused there, or train a copy" in str(taken.value)
        assert session.step == before
        with pytest.raises(RunError, match="pause it there first") as refused:
            store.delete(run)
        assert who in str(refused.value)
        assert store.path(run).is_dir()

        finish(session.branch())
        copy = the_id(session)
        assert copy != run
        assert store.holder(copy) is None
        finish(session.start(steps=before + 5))
        assert the_id(session) == copy
        assert the_bits(session) == unbroken(before + 5)
        assert session.snapshots[:4] == (0, 1, 2, 4)
        finish(session.look(tiny.WEIGHTS, tiny.LookKnobs(), 4))
        other.end()
        ended = other.told("ended")
    assert saved(store, run) == (ended, unbroken(ended))
    assert saved(store, copy) == (before + 5, unbroken(before + 5))
    store.delete(run)


def test_a_killed_program_locks_nobody_out(session: Session, runs: Path) -> None:
    with Second(runs, "train", "", "0.001", "0.05") as other:
        run = other.told("run")
        other.kill()
    store = session.playground.store
    assert store.holder(run) is None
    finish(session.restore(run))
    step = session.step
    finish(session.start(steps=step + 5))
    assert saved(store, run) == (step + 5, unbroken(step + 5))
    store.delete(run)


def test_what_another_has_trained_on_is_not_undone(
    session: Session, runs: Path, said: list[Said]
) -> None:
    finish(session.start(steps=6))
    run, store = the_id(session), session.playground.store
    with Second(runs, "train", run) as other:
        assert other.told("run") == run, "one that is only open here is free"
        with pytest.raises(TakenError, match="is in training elsewhere"):
            finish(session.start(steps=8))
        other.end()
        ended = other.told("ended")
    assert ended > 6
    with pytest.raises(TakenError, match=f"trained the run {run} on to step {ended}: open it"):
        finish(session.start(steps=8))
    assert saved(store, run) == (ended, unbroken(ended))
    finish(session.restore(run))
    finish(session.start(steps=ended + 2))
    assert saved(store, run) == (ended + 2, unbroken(ended + 2))
    assert store.holder(run) is None


def test_it_is_held_while_it_trains_and_not_longer(session: Session, runs: Path) -> None:
    store = Store(runs)
    job = session.start(steps=10**9)
    until(lambda: session.run is not None and session.run.checkpoint)
    holder = store.holder(the_id(session))
    assert holder is not None
    assert holder.here
    with pytest.raises(RunError, match="pause it there first"):
        store.delete(the_id(session))
    session.pause()
    finish(job)
    assert store.holder(the_id(session)) is None
    job = session.start(steps=10**9)
    until(lambda: store.holder(the_id(session)))
    assert session.playground.close()
    assert store.holder(the_id(session)) is None


def test_an_error_in_training_lets_go(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(session.start(steps=4))

    def fail(self: Learner) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Learner, "advance", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        finish(session.start(steps=8))
    assert session.playground.store.holder(the_id(session)) is None


def test_programs_that_begin_at_the_same_second_get_folders_of_their_own(runs: Path) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(Second(runs, "begin", "20")) for _ in range(3)]
        assert all(other.told("ready") for other in others)
        for other in others:
            other.let_end()
        names = [name for other in others for name in other.told("names")]
    assert len(set(names)) == 60
    assert {path.name for path in runs.iterdir()} == set(names)


def test_two_sessions_of_the_same_second_train_runs_of_their_own(
    session: Session, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda *given: "20260101-000000")
    (runs / "20260101-000000-tiny-a-ring").mkdir()  # another's, which has not yet saved
    finish(session.start(steps=3))
    assert the_id(session) == "20260101-000000-tiny-a-ring-2"


def test_a_run_that_is_opened_while_it_is_saved_again_and_again(
    session: Session, runs: Path
) -> None:
    store = session.playground.store
    with Second(runs, "train", "", "0", "0") as other:
        run = other.told("run")
        steps: list[int] = []
        while len(steps) < 40 or len(set(steps)) < 10:
            finish(session.restore(run))
            steps.append(session.step)
            assert (
                store.steadily(
                    store.read(run), lambda now: load_trained(store, now, tiny.MODEL)
                ).step
                >= session.step
            )
        other.end()
    assert steps == sorted(steps)
    assert the_bits(session) == unbroken(steps[-1])


def test_a_run_deleted_by_another_while_it_trains_is_saved_anew(
    session: Session, runs: Path, said: list[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a file manager, that is: a program that knows of holds refuses."""
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.05)
    job = session.start(steps=10**9)
    until(lambda: session.step > 20)
    run, store = the_id(session), session.playground.store
    store.path(run).rename(runs / ".gone")
    until(lambda: any("deleted" in each.text for each in said))
    until(lambda: (store.path(run) / "run.json").exists())
    session.pause()
    finish(job)
    told = [str(each.text) for each in said if "deleted" in each.text]
    assert told == [
        f"the run {run} was deleted by another program: as it is trained here, it is saved anew"
    ]
    assert the_id(session) == run
    assert saved(store, run) == (session.step, unbroken(session.step))
    assert load_trained(store, store.read(run), tiny.MODEL).data.title == "A ring"
    assert all(
        (store.path(run) / "snapshots" / f"{s}.safetensors").exists() for s in session.snapshots
    )


def test_a_run_deleted_by_another_while_it_is_paused_is_saved_anew_when_it_goes_on(
    session: Session, runs: Path, said: list[Said]
) -> None:
    finish(session.start(steps=4))
    run, other = the_id(session), Store(runs)
    other.delete(run)
    finish(session.start(steps=9))
    assert ["deleted by another program" in each.text for each in said] == [True]
    assert saved(other, run) == (9, unbroken(9))
    with pytest.raises(RunError, match="cannot be brought back"):
        other.undelete(run)
    assert saved(other, run) == (9, unbroken(9))


def test_a_lesson_that_was_deleted_with_the_run_is_written_anew(
    session: Session, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teach(*given: Any) -> Any:
        yield None
        return {}

    monkeypatch.setattr(tiny.Symbols, "lesson", lambda self, arrays: self, raising=False)

    playground = Playground([tiny.model(teach=teach)], runs, threads=1)
    taught = playground.open(playground.models["tiny"])
    finish(taught.start(steps=2))
    store = playground.store
    for again in (False, True):
        if again:
            finish(taught.restore(the_id(taught)))
        lesson = store.path(the_id(taught)) / keeping.LESSON
        content = lesson.read_bytes()
        shutil.rmtree(store.path(the_id(taught)))
        finish(taught.start(steps=taught.step + 2))
        assert lesson.read_bytes() == content
    assert playground.close()


def test_where_nothing_can_be_held_two_trainings_never_mix(
    session: Session, runs: Path, said: list[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk without locks: whoever finds the run saved by another goes apart."""

    def none(*_: Any) -> Any:
        raise OSError(38, "Function not implemented")

    finish(session.start(steps=4))
    run, store = the_id(session), session.playground.store
    monkeypatch.setattr(Store, "hold", none)
    with Second(runs, "train", run) as other:
        other.told("run")
        assert other.told("step") > 4
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "_on_disk", lambda self: self.run)  # it looked too early
            patch.setattr(Keeper, "save", lambda *given: None)
            job = session.start(steps=10**9)
            until(lambda: session.step > 8)
        session.pause()
        finish(job)
        other.end()
        ended = other.told("ended")
    assert the_id(session) != run
    assert saved(store, run) == (ended, unbroken(ended))
    assert saved(store, the_id(session)) == (session.step, unbroken(session.step))


def test_deleting_and_bringing_back_at_once_never_loses_a_run(session: Session, runs: Path) -> None:
    finish(session.start(steps=4))
    run, store = the_id(session), session.playground.store
    with ExitStack() as stack:
        others = [stack.enter_context(Second(runs, "juggle", run, "150")) for _ in range(2)]
        done = [other.told("done") for other in others]
        for other in others:
            other.end()
    assert min(done) > 150
    places = [runs / run, runs / TRASH / run]
    assert [place.exists() for place in places].count(True) == 1
    if places[1].exists():
        store.undelete(run)
    assert saved(store, run) == (4, unbroken(4))


def test_the_trash_is_not_emptied_of_what_is_brought_back_meanwhile(
    session: Session, runs: Path
) -> None:
    finish(session.start(steps=4))
    run, store = the_id(session), session.playground.store
    store.delete(run)
    with store._alone(run):  # somebody is at it
        store.empty_trash(-1.0)
    assert (runs / TRASH / run).exists()
    store.undelete(run)
    assert saved(store, run)[0] == 4
    store.delete(run)
    store.empty_trash(-1.0)
    assert list((runs / TRASH).iterdir()) == []
    assert not list((runs / ".held").glob(f"{run}*")), "its lock goes with it"


def test_what_was_killed_while_it_left_the_trash_is_no_run(session: Session, runs: Path) -> None:
    finish(session.start(steps=4))
    store = session.playground.store
    store.delete(the_id(session))
    half = runs / TRASH / f".removing-{the_id(session)}-5"
    (runs / TRASH / the_id(session)).rename(half)
    with pytest.raises(RunError, match="cannot be brought back"):
        store.undelete(the_id(session))
    store.empty_trash()
    assert not half.exists()


def test_a_run_of_an_older_version_can_be_looked_at_and_not_continued(
    session: Session, runs: Path, said: list[Said]
) -> None:
    finish(session.start(steps=4))
    run, store = the_id(session), session.playground.store
    folder = store.path(run)
    tiny.checkpoint_file(folder, "optimiser.safetensors").rename(
        tiny.checkpoint_file(folder, "state.json").with_name("optimiser.pt")
    )
    written = (folder / "run.json").read_text()
    (folder / "run.json").write_text(written.replace('"format": 2', '"format": 1'))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    finish(session.restore(run))
    assert "older version" in said[-1].text
    assert "optimiser.pt" in said[-1].text
    finish(session.sample(tiny.SampleKnobs()))
    finish(session.look(tiny.WEIGHTS, tiny.LookKnobs(), 2))
    finish(session.evaluate())
    finish(session.export("weights", runs.parent / "weights.safetensors"))
    assert load_trained(store, store.read(run), tiny.MODEL).step == 4
    with pytest.raises(PlaygroundError, match="to train on, reset"):
        finish(session.start(steps=6))
    with pytest.raises(PlaygroundError, match="to train on, reset"):
        finish(session.branch())
    assert {path: path.read_bytes() for path in before} == before
    finish(session.reset())
    finish(session.start(steps=6))
    assert the_id(session) != run

"""engine/store.py: whole at every moment, and never outside its folder."""

import dataclasses
import datetime
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.store import FORMAT, TRASH, Run, RunError, Store, default_folder, write_atomically

RUN = Run(
    id="20260101-000000-tiny-ring",
    model="tiny",
    title="Tiny",
    data="ring",
    data_title="A ring",
    seed=1,
    net={"width": 8},
    train={"steps": 5},
    metrics={"loss": 1.5},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def save(store: Store, step: int, run: Run = RUN) -> Run:
    """A checkpoint whose one file says its step."""
    now = dataclasses.replace(run, step=step, checkpoint=f"{step:09d}-x")
    with store.checkpoint(now) as place:
        (place / "state.txt").write_text(str(step))
    return now


def saved_step(store: Store, name: str = RUN.id) -> int:
    run = store.read(name)
    step = int((store.checkpoint_path(run) / "state.txt").read_text())
    assert step == run.step
    return step


# --- writing


def test_a_run_that_was_saved_is_read_again(store: Store) -> None:
    run = save(store, 3)
    assert store.read(RUN.id) == run
    assert saved_step(store) == 3
    assert store.runs() == (run,)


def test_only_the_newest_checkpoint_is_kept(store: Store) -> None:
    for step in (1, 2, 3):
        save(store, step)
    folder = store.path(RUN.id) / "checkpoints"
    assert [path.name for path in folder.iterdir()] == ["000000003-x"]
    assert sorted(path.name for path in store.path(RUN.id).iterdir()) == ["checkpoints", "run.json"]


@pytest.mark.parametrize("fault", [RuntimeError("cut"), OSError("disk full"), KeyboardInterrupt()])
def test_a_checkpoint_that_breaks_off_leaves_the_older_one(
    store: Store, fault: BaseException
) -> None:
    save(store, 1)

    def break_off() -> None:
        run = dataclasses.replace(RUN, step=2, checkpoint="000000002-x")
        with store.checkpoint(run) as place:
            (place / "state.txt").write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        break_off()
    assert saved_step(store) == 1
    assert [path.name for path in (store.path(RUN.id) / "checkpoints").iterdir()] == ["000000001-x"]


def test_a_first_checkpoint_that_breaks_off_leaves_no_run(store: Store) -> None:
    with pytest.raises(OSError, match="full"), store.checkpoint(RUN):
        raise OSError("disk full")
    with pytest.raises(RunError, match=r"no run\.json"):
        store.read(RUN.id)
    assert store.runs() == ()


def test_a_run_json_that_cannot_be_replaced_leaves_the_older_state(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, 1)

    def refuse(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        save(store, 2)
    monkeypatch.undo()
    assert saved_step(store) == 1
    assert not list(store.path(RUN.id).glob(".*")), "no half-written file stays"


def test_a_checkpoint_of_a_name_that_is_there_is_refused_and_that_one_stays(store: Store) -> None:
    save(store, 1)
    run = store.read(RUN.id)
    with pytest.raises(FileExistsError), store.checkpoint(run):
        pytest.fail("it was written into")
    assert store.checkpoint_path(run).is_dir()


def test_left_overs_of_a_crash_are_cleared_away_by_the_next_checkpoint(store: Store) -> None:
    save(store, 1)
    orphan = store.path(RUN.id) / "checkpoints" / "000000002-y"
    orphan.mkdir()
    (orphan / "state.txt").write_text("half")
    assert saved_step(store) == 1
    save(store, 3)
    assert not orphan.exists()


SAVE_IN_A_LOOP = """
import dataclasses, os, sys
from pathlib import Path
from engine.store import Run, Store

store = Store(Path(sys.argv[1]))
run = Run("run", "tiny", "Tiny", "ring", "A ring", 1, {}, {})
step = int(sys.argv[2])
while True:
    now = dataclasses.replace(run, step=step, checkpoint=f"{step:09d}-{os.getpid()}")
    with store.checkpoint(now) as place:
        (place / "state.txt").write_text(str(step))
        (place / "large.bin").write_bytes(bytes([step % 256]) * 200_000)
    if step == int(sys.argv[2]):
        print("saved", flush=True)
    step += 1
"""


def test_whoever_is_killed_while_saving_leaves_a_run_that_opens(store: Store) -> None:
    random_ = random.Random(5)
    step = 0
    for _ in range(10):
        command = [sys.executable, "-c", SAVE_IN_A_LOOP, str(store.folder), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "saved\n"
            time.sleep(random_.uniform(0.0, 0.06))
            process.kill()
        found = saved_step(store, "run")
        assert found >= step
        large = store.checkpoint_path(store.read("run")) / "large.bin"
        assert large.read_bytes() == bytes([found % 256]) * 200_000
        step = found + 1
    assert step > 10


def test_writing_atomically_replaces_or_leaves(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


# --- names

NO_NAMES = ("", ".", "..", "/etc", "/", "a/b", "../other", "run/", "./run", TRASH, ".hidden")


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_leads_elsewhere_is_refused(store: Store, name: str) -> None:
    save(store, 1)
    for ask in (store.path, store.read, store.delete, store.undelete):
        with pytest.raises(RunError, match="is not the name of a run") as caught:
            ask(name)
        assert repr(name) in str(caught.value)
    with pytest.raises(RunError):
        store.write(dataclasses.replace(RUN, id=name))
    assert saved_step(store) == 1


@pytest.mark.parametrize("name", ["..", "../outside", "."])
def test_deleting_never_reaches_outside(store: Store, name: str) -> None:
    save(store, 1)
    outside = store.folder.parent / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("x")
    with pytest.raises(RunError):
        store.delete(name)
    with pytest.raises(RunError):
        store.delete(str(outside))
    assert (outside / "precious.txt").exists()
    assert saved_step(store) == 1


def test_a_checkpoint_name_leads_nowhere_else(store: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run = dataclasses.replace(RUN, checkpoint="../../../elsewhere")
    store.write(run)
    with pytest.raises(RunError, match="no saved state"):
        store.checkpoint_path(store.read(RUN.id))


def test_a_new_name_is_free_and_sorts_by_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store._now", lambda: datetime.datetime(2026, 1, 1))
    names = []
    for _ in range(3):
        names.append(store.begin("lstm", "My Text (2).txt"))
        assert store.path(names[-1]).is_dir()
    stem = "20260101-000000-lstm-my-text--2--txt"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]
    store.delete(names[0])
    assert store.begin("lstm", "My Text (2).txt") == f"{stem}-4", "the trash counts too"
    for title in ("对话", "", "../..", "a" * 300):
        assert store.path(store.new_id("rnn", title)).parent == store.folder
        assert store.path(store.begin("rnn", title)).parent == store.folder
    assert store.new_id("rnn", "对话").endswith("-rnn-data")


@pytest.mark.parametrize(
    ("back", "order"),
    [
        (datetime.timedelta(hours=1), "the later is the newer"),
        (datetime.timedelta(hours=23), "the later is the newer"),
        (datetime.timedelta(days=400), "the clock is right now"),
    ],
)
def test_a_clock_that_is_set_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, back: datetime.timedelta, order: str
) -> None:
    """Runs stay in the order they were begun in, and none is lost, damaged or thrown away."""
    now = datetime.datetime(2026, 10, 25, 2, 59, 30)
    monkeypatch.setattr("engine.store._now", lambda: now)
    monkeypatch.setattr(time, "time", lambda: now.timestamp())

    def begin(model: str) -> Run:
        name = store.begin(model, "A ring")
        run = dataclasses.replace(RUN, id=name, created=time.time(), saved=time.time())
        return save(store, 1, run)

    first = begin("zeta")
    deleted = begin("delta")
    store.delete(deleted.id)
    now -= back
    again = save(store, 2, dataclasses.replace(first, saved=time.time()))
    assert store.read(first.id) == again, "an older date is no reason to keep the older state"
    later = [begin("beta"), begin("alpha")]
    expected = [*reversed(later), again]
    if order != "the later is the newer":
        expected = [again, *sorted(later, key=lambda run: run.id, reverse=True)]
    assert list(store.runs()) == expected
    store.empty_trash()
    store.undelete(deleted.id)
    assert store.read(deleted.id) == deleted


def test_names_of_the_far_future_move_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store._now", lambda: datetime.datetime(2026, 1, 1))
    for strange in ("99991231-235959-x", "20269999-000000-x", "Notes"):
        store.path(strange).mkdir(parents=True)
    assert store.begin("rnn", "a") == "20260101-000000-rnn-a"


# --- damage

WHOLE = json.loads(json.dumps(dataclasses.asdict(RUN)))
DAMAGED = {
    "empty": "",
    "no JSON": "{",
    "no text": "\udcff",
    "a list": "[]",
    "a list of names": json.dumps(list(WHOLE)),
    "a string": '"id model format"',
    "a number": "5",
    "null": "null",
    "nested without end": "[" * 100_000,
    "an empty object": "{}",
    **{
        f"without {name}": json.dumps({key: WHOLE[key] for key in WHOLE if key != name})
        for name in ("id", "model", "title", "data", "data_title", "seed", "net", "train")
    },
    **{
        f"{name} is {value!r}": json.dumps({**WHOLE, name: value})
        for name, value in [
            ("id", 5),
            ("id", "another"),
            ("id", "../another"),
            ("model", None),
            ("title", 3),
            ("data", ["ring"]),
            ("data_title", {}),
            ("seed", "one"),
            ("seed", 1.5),
            ("seed", True),
            ("net", []),
            ("train", None),
            ("step", "x"),
            ("seconds", "x"),
            ("metrics", [1]),
            ("checkpoint", 7),
            ("created", None),
            ("saved", "yesterday"),
            ("sha256", 0),
        ]
    },
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_run_json_is_refused_and_the_others_are_still_listed(
    store: Store, content: str
) -> None:
    fine = save(store, 1, dataclasses.replace(RUN, id="20260202-fine"))
    save(store, 1)
    (store.path(RUN.id) / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=f"the run {RUN.id} is damaged: run.json"):
        store.read(RUN.id)
    assert store.runs() == (fine,)
    (first, none), (nothing, error) = store.survey()
    assert (first, none, nothing) == (fine, None, None)
    assert RUN.id in str(error)


@pytest.mark.parametrize("version", [FORMAT + 1, 99, 0, "2", None])
@pytest.mark.parametrize("rest", [WHOLE, {"id": RUN.id, "things": []}])
def test_another_format_is_said_to_be_that_even_where_all_else_differs(
    store: Store, version: object, rest: dict[str, Any]
) -> None:
    path = store.path(RUN.id)
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({**rest, "format": version}))
    with pytest.raises(
        RunError, match=rf"another version \(format {version}\).*format 1 / {FORMAT}"
    ):
        store.read(RUN.id)


def test_fields_that_a_later_program_adds_are_passed_over(store: Store) -> None:
    save(store, 1)
    path = store.path(RUN.id) / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "red"}))
    assert saved_step(store) == 1


def test_a_missing_checkpoint_is_told(store: Store) -> None:
    store.write(RUN)
    with pytest.raises(RunError, match=f"the run {RUN.id} has no saved state"):
        store.checkpoint_path(store.read(RUN.id))


def test_what_is_not_ours_is_told_or_passed_over(store: Store) -> None:
    assert store.survey() == ()
    assert store.runs() == ()
    run = save(store, 1)
    (store.folder / "holiday").mkdir()
    (store.folder / "holiday" / "photo.jpg").write_text("x")
    (store.folder / "notes.txt").write_text("x")
    (store.folder / ".cache").mkdir()
    (store.folder / "zz").mkdir()
    (store.folder / "zz" / "run.json").mkdir()
    assert store.runs() == (run,)
    (_, damaged), (_, foreign), (found, error) = store.survey()
    assert "zz is damaged" in str(damaged)
    assert "holiday is not a run folder: it has no run.json" in str(foreign)
    assert (found, error) == (run, None)
    with pytest.raises(RunError, match="not a run folder"):
        store.read("notes.txt" if os.name == "nt" else "nowhere")


def test_a_run_that_was_killed_before_its_first_save_is_passed_over(store: Store) -> None:
    """There is nothing in it; one that lost its run.json later is told."""
    folder = store.folder / "begun"
    for made in ("snapshots", "checkpoints/000000000-123"):
        (folder / made).mkdir(parents=True)
        assert store.survey() == ()
    for made in ("data.json", ".run.json.17.part", "checkpoints/000000000-123/weights.safetensors"):
        (folder / made).write_text("half")
        assert store.survey() == ()
    (folder / "checkpoints" / "000000400-123").mkdir()
    ((none, error),) = store.survey()
    assert none is None
    assert "begun is not a run folder: it has no run.json" in str(error)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    store = Store(tmp_path / "runs")
    assert store.survey() == ()
    with pytest.raises(OSError, match="runs"):
        save(store, 1)
    with pytest.raises(RunError):
        store.read("x")


# --- the trash


def test_deleted_and_brought_back(store: Store) -> None:
    run = save(store, 4)
    store.delete(RUN.id)
    assert store.survey() == ()
    with pytest.raises(RunError):
        store.read(RUN.id)
    store.empty_trash()
    store.undelete(RUN.id)
    assert store.runs() == (run,)
    assert saved_step(store) == 4


def test_deleting_twice_does_not_lose_the_copy_in_the_trash(store: Store) -> None:
    save(store, 4)
    store.delete(RUN.id)
    with pytest.raises(RunError, match=f"the run {RUN.id} cannot be deleted"):
        store.delete(RUN.id)
    store.undelete(RUN.id)
    assert saved_step(store) == 4


def test_a_deleted_run_of_the_same_name_makes_room_for_the_newer(store: Store) -> None:
    for step in (1, 2):
        save(store, step)
        store.delete(RUN.id)
    store.undelete(RUN.id)
    assert saved_step(store) == 2


def test_what_cannot_be_brought_back_is_told(store: Store) -> None:
    with pytest.raises(RunError, match="nothing cannot be brought back"):
        store.undelete("nothing")
    save(store, 1)
    store.delete(RUN.id)
    save(store, 2)
    with pytest.raises(RunError, match="cannot be brought back"):
        store.undelete(RUN.id)
    assert saved_step(store) == 2


def test_the_trash_is_emptied_of_what_was_deleted_long_ago(store: Store) -> None:
    store.empty_trash()
    for name, days in (("old", 8), ("new", 6)):
        save(store, 1, dataclasses.replace(RUN, id=name))
        os.utime(store.path(name), (0, 0))  # made long ago, deleted just now
        store.delete(name)
        then = time.time() - days * 86400
        if name == "old":
            os.utime(store.folder / TRASH / name, (then, then))
    store.empty_trash()
    assert [path.name for path in (store.folder / TRASH).iterdir()] == ["new"]
    store.empty_trash(older_than_days=0.0)
    assert list((store.folder / TRASH).iterdir()) == []


# --- where


def test_the_folder_is_the_users_own_or_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS", str(tmp_path))
    assert default_folder() == Store().folder == tmp_path
    monkeypatch.delenv("PLAYGROUND_RUNS")
    assert default_folder().parts[-2:] == ("GenerativePlayground", "runs")
    assert default_folder().is_absolute()
    assert Store(tmp_path / "x").folder == tmp_path / "x"

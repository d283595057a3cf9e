"""Disks that fail: the earlier save stays whole, training goes on, saving is tried again."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import session as session_
from engine.events import Event, Said
from engine.learner import Learner
from engine.session import Playground, Session
from engine.store import RunError, Store
from engine.trained import load_trained
from engine.worker import Job, Worker
from tests.engine import tiny
from tests.engine.faulty import faulty
from tests.engine.tiny import advanced, bits, learner

SOON = 60.0
MOST_CALLS = 300


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


@contextlib.contextmanager
def opened(runs: Path, model: Any = tiny.MODEL) -> Iterator[Session]:
    playground = Playground([model], runs, threads=1)
    yield playground.open(model)
    assert playground.close()


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.Catalogue().put_in_place(monkeypatch)


class Quiet:
    """Keeps the compute thread from taking turns while this one draws random numbers.

    Torch has one random state for all threads, which is a job's own during its turns.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wanted = 0

    def __enter__(self) -> None:
        self._wanted += 1
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._wanted -= 1
        self._lock.release()

    def advance(self, worker: Worker, job: Job, steps: Any) -> bool:
        """A turn of `job`, as soon as it is not quiet any more."""
        while self._wanted:
            time.sleep(0.001)
        with self._lock:
            return ADVANCE(worker, job, steps)


QUIET, ADVANCE = Quiet(), Worker._advance


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "_advance", lambda *turn: QUIET.advance(*turn))


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncing is what takes long, and of no use here; that it can fail still counts."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with opened(tmp_path / "runs") as made:
        yield made


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


UNBROKEN: dict[int, dict[str, bytes]] = {}


def unbroken(steps: int) -> dict[str, bytes]:
    """The bits after so many steps that nothing disturbed."""
    if steps not in UNBROKEN:
        with QUIET:
            made = learner()
            advanced(made, steps)
            UNBROKEN[steps] = bits(made)
    return UNBROKEN[steps]


def saved_step(store: Store, run: str) -> int:
    """The step of what is on disk, every bit of which is as it must be."""
    with QUIET:
        found = store.read(run)
        folder = store.checkpoint_path(found)
        made = Learner(tiny.MODEL, tiny.Symbols(), tiny.NET, tiny.TRAIN, 1)
        made.load(folder)
        assert made.step == found.step
        assert bits(made) == unbroken(found.step)
        assert load_trained(store, found, tiny.MODEL).step == found.step
        return found.step


# --- every call that writes, failing in turn


@pytest.mark.parametrize(
    ("lasting", "code"),
    [(False, errno.ENOSPC), (True, errno.ENOSPC), (True, errno.EIO), (True, errno.EROFS)],
    ids=["once", "full", "unplugged", "read-only"],
)
def test_whichever_call_fails_the_earlier_save_is_whole(
    tmp_path: Path, said: list[Said], unsynced: None, lasting: bool, code: int
) -> None:
    with opened(tmp_path / "runs") as session:
        store = session.playground.store
        finish(session.start(steps=3))
        run, number = the_id(session), 0
        failures: list[str] = []
        while True:
            number += 1
            assert number < MOST_CALLS
            before = saved_step(store, run)
            with faulty(tmp_path / "runs", number, lasting=lasting, code=code) as disk:
                finish(session.start(steps=session.step + 1))
            failures += disk.failed[:1]
            assert the_bits(session) == unbroken(session.step), "training feels nothing of it"
            after = saved_step(store, run)
            assert before <= after <= session.step
            assert [path.id for path in store.runs()] == [run]
            assert all(error is None for _, error in store.survey())
            finish(session.start(steps=session.step + 1))
            assert saved_step(store, run) == session.step, "it works again at once"
            if not disk.failed:
                break
    kinds = {failure.split()[0] for failure in failures}
    assert kinds >= {"open", "write", "fsync", "replace", "mkdir", "safetensors"}
    (folder,) = store.folder.glob("[!.]*")
    assert [path.name for path in folder.rglob("*.part")] == [], "nothing half-written stays"
    assert len(list((folder / "checkpoints").iterdir())) == 1


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "full"])
def test_whichever_call_fails_at_the_beginning_the_run_is_saved_later(
    tmp_path: Path, unsynced: None, lasting: bool
) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        assert number < MOST_CALLS
        folder = tmp_path / str(number)
        with opened(folder) as session:
            with faulty(folder, number, lasting=lasting) as disk:
                finish(session.start(steps=2))
            assert the_bits(session) == unbroken(2)
            failed = bool(disk.failed)
            finish(session.start(steps=3))
            assert saved_step(session.playground.store, the_id(session)) == 3
        assert all(error is None for _, error in Store(folder).survey())
        shutil.rmtree(folder)
    assert number > 20


def test_whichever_call_fails_while_a_run_is_copied(tmp_path: Path, unsynced: None) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        assert number < MOST_CALLS
        folder = tmp_path / str(number)
        with opened(folder) as session:
            finish(session.start(steps=3))
            first = the_id(session)
            with faulty(folder, number, lasting=True) as disk:
                session.branch().wait(SOON)
            failed = bool(disk.failed)
            assert saved_step(session.playground.store, first) == 3
            finish(session.start(steps=4))
            assert saved_step(session.playground.store, the_id(session)) == 4
            if not failed:
                assert the_id(session) != first
                assert saved_step(session.playground.store, first) == 3
        shutil.rmtree(folder)
    assert number > 20


@pytest.mark.parametrize("lasting", [False, True])
def test_whichever_call_fails_a_deleted_run_is_here_or_in_the_trash(
    tmp_path: Path, lasting: bool
) -> None:
    with opened(tmp_path / "runs") as session:
        finish(session.start(steps=3))
        run, store = the_id(session), session.playground.store
        for deed in (store.delete, store.undelete):
            number, failed = 0, True
            while failed:
                number += 1
                failing = faulty(tmp_path / "runs", number, lasting=lasting, code=errno.EIO)
                with failing as disk, contextlib.suppress(RunError):
                    deed(run)
                failed = bool(disk.failed)
                here = store.path(run).exists()
                assert here != (store.folder / ".trash" / run).exists()
                if failed and here != (deed == store.delete):
                    (store.undelete if deed == store.delete else store.delete)(run)
        assert saved_step(store, run) == 3


# --- what is said


def test_a_save_that_fails_is_told_once_and_so_is_the_first_that_works(
    session: Session, said: list[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.0)
    finish(session.start(steps=3))
    for _ in range(2):
        said.clear()
        with faulty(session.playground.store.folder, 1, lasting=True) as disk:
            finish(session.start(steps=session.step + 10))
            finish(session.start(steps=session.step + 10))
        assert len(disk.failed) > 10
        (told,) = said
        assert told.grave
        assert "could not save to" in told.text
        assert "No space left on device" in told.text
        finish(session.start(steps=session.step + 5))
        _, told = said
        assert not told.grave
        assert told.text == f"saved again, to {session.playground.store.folder}"


# --- real disks


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with little room, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may mount no small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    return path


def test_a_full_disk(small: Path, said: list[Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.02)
    with opened(small / "runs") as session:
        finish(session.start(steps=5))
        store, run = session.playground.store, the_id(session)
        ballast = fill(small)
        job = session.start(steps=10**9)
        until(lambda: said and session.step > 40)
        assert saved_step(store, run) == 5
        ballast.unlink()
        until(lambda: len(said) == 2)
        session.pause()
        finish(job)
        assert saved_step(store, run) == session.step
        assert the_bits(session) == unbroken(session.step)
    assert [each.grave for each in said] == [True, False]
    assert "o space left on device" in said[0].text


@pytest.mark.parametrize("room", range(0, 200, 20))
def test_a_disk_that_fills_up_at_some_point_of_a_save(small: Path, room: int) -> None:
    with opened(small / "runs") as session:
        finish(session.start(steps=5))
        store, run = session.playground.store, the_id(session)
        ballast = fill(small)
        with ballast.open("r+b") as file:
            file.truncate(max(0, ballast.stat().st_size - room * 1024))
        finish(session.start(steps=8))
        assert saved_step(store, run) in (5, 8)
        assert the_bits(session) == unbroken(8)
        ballast.unlink()
        finish(session.start(steps=9))
        assert saved_step(store, run) == 9


def test_a_disk_that_becomes_read_only(small: Path, said: list[Said]) -> None:
    remount = ["mount", "-o", "remount,{}", str(small)]
    with opened(small / "runs") as session:
        finish(session.start(steps=5))
        store, run = session.playground.store, the_id(session)
        for mode in ("ro", "rw"):
            subprocess.run([word.format(mode) for word in remount], check=True)
            finish(session.start(steps=session.step + 5))
            assert saved_step(store, run) == (5 if mode == "ro" else session.step)
            if mode == "ro":
                assert store.holder(run) is None
                with pytest.raises(RunError, match="Read-only file system"):
                    store.delete(run)
                finish(session.sample(tiny.SampleKnobs()))
    assert [each.grave for each in said] == [True, False]
    assert "Read-only file system" in said[0].text


@pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="this user may write into every folder",
)
def test_a_folder_one_may_not_write_to(session: Session, said: list[Said]) -> None:
    finish(session.start(steps=5))
    store, run = session.playground.store, the_id(session)
    places = [store.folder, store.path(run), store.path(run) / "checkpoints"]
    for place in places:
        place.chmod(0o500)
    finish(session.start(steps=8))
    assert saved_step(store, run) == 5
    for place in places:
        place.chmod(0o700)
    finish(session.start(steps=9))
    assert saved_step(store, run) == 9


# --- a drive that is pulled out


@pytest.mark.parametrize("which", ["the runs folder", "all above it"])
def test_a_drive_that_is_removed_and_comes_back(
    tmp_path: Path, said: list[Said], monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(session_, "AUTOSAVE_SECONDS", 0.02)
    drive = tmp_path / "drive"
    with opened(drive / "runs") as session:
        finish(session.start(steps=5))
        store, run = session.playground.store, the_id(session)
        job = session.start(steps=10**9)
        until(lambda: session.step > 30)
        gone = drive / "runs" if which == "the runs folder" else drive
        gone.rename(tmp_path / "pocket")
        until(lambda: said)
        step = session.step
        until(lambda: session.step > step + 20)
        assert not gone.exists(), "nothing is made in its place"
        assert store.runs() == ()
        finish(session.sample(tiny.SampleKnobs()))
        with QUIET:
            (tmp_path / "pocket").rename(gone)
            assert saved_step(store, run) <= step
        until(lambda: len(said) == 2)
        session.pause()
        finish(job)
        assert the_id(session) == run
        assert saved_step(store, run) == session.step
        assert the_bits(session) == unbroken(session.step)
        assert store.holder(run) is None
    assert [each.grave for each in said] == [True, False]
    assert str(drive / "runs") in said[0].text


def test_a_drive_that_comes_back_after_the_pause(tmp_path: Path, said: list[Said]) -> None:
    runs = tmp_path / "runs"
    with opened(runs) as session:
        finish(session.start(steps=5))
        store, run = session.playground.store, the_id(session)
        runs.rename(tmp_path / "pocket")
        finish(session.start(steps=8))
        finish(session.start(steps=9))
        assert not runs.exists()
        (tmp_path / "pocket").rename(runs)
        finish(session.start(steps=10))
        assert the_id(session) == run
        assert saved_step(store, run) == 10
    assert [each.grave for each in said] == [True, False]


def test_a_drive_that_is_removed_before_a_run_begins_is_not_missed_for_long(
    tmp_path: Path, said: list[Said]
) -> None:
    """Where the folder of runs cannot be made, it is tried again at each save."""
    (tmp_path / "drive").write_text("no folder")
    with opened(tmp_path / "drive" / "runs") as session:
        finish(session.start(steps=5))
        assert [each.grave for each in said] == [True]
        (tmp_path / "drive").unlink()
        (tmp_path / "drive").mkdir()
        finish(session.start(steps=6))
        assert saved_step(session.playground.store, the_id(session)) == 6
        assert not said[-1].grave

"""engine/holding.py: one holder at a time, and none that is dead."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import holding
from engine.holding import HeldError, Holder, holder_of, take
from tests.engine.second import Second


def holder(**parts: object) -> Holder:
    whole = {"program": "main.py", "pid": 1, "host": platform.node(), "since": time.time()}
    return Holder(**(whole | parts))  # type: ignore[arg-type]


def test_a_run_is_held_by_one_and_let_go(tmp_path: Path) -> None:
    assert holder_of(tmp_path, "a") is None
    hold = take(tmp_path, "a")
    found = holder_of(tmp_path, "a")
    assert found is not None
    assert found.here
    assert time.time() - 60 < found.since <= time.time()
    with pytest.raises(HeldError) as caught:
        take(tmp_path, "a")
    assert caught.value.holder == found
    take(tmp_path, "b").release()
    hold.release()
    assert holder_of(tmp_path, "a") is None
    take(tmp_path, "a").release()


def test_a_hold_without_a_note_holds_and_names_nobody(tmp_path: Path) -> None:
    hold = take(tmp_path, "a", noted=False)
    assert holder_of(tmp_path, "a") is None
    with pytest.raises(HeldError) as caught:
        take(tmp_path, "a")
    assert caught.value.holder is None
    hold.release()


def test_another_program_holds_until_it_ends(tmp_path: Path) -> None:
    with Second(tmp_path, "hold", "a") as other:
        assert other.told("held")
        found = holder_of(tmp_path, "a")
        assert found is not None
        assert not found.here
        assert found.pid == other.pid
        assert found.who == f"second.py (PID {other.pid})"
        with pytest.raises(HeldError) as caught:
            take(tmp_path, "a")
        assert caught.value.holder == found
        other.end()
        assert holder_of(tmp_path, "a") is None
        take(tmp_path, "a").release()


def test_a_killed_program_shuts_nobody_out(tmp_path: Path) -> None:
    with Second(tmp_path, "hold", "a") as other:
        assert other.told("held")
        other.kill()
    note = tmp_path / ".held" / "a.json"
    assert note.exists(), "it had no time to tidy up"
    assert holder_of(tmp_path, "a") is None
    assert not note.exists()
    hold = take(tmp_path, "a")
    assert holder_of(tmp_path, "a") is not None
    hold.release()


@pytest.mark.parametrize("whose", [lambda: 1, os.getpid, os.getppid], ids=["1", "own", "parent"])
def test_a_number_that_went_to_another_program_means_nothing(
    tmp_path: Path, whose: Callable[[], int]
) -> None:
    """After a restart of the machine, say: what was left names a program that lives."""
    pid = whose()
    take(tmp_path, "a").release()
    note = tmp_path / ".held" / "a.json"
    note.write_text(json.dumps(vars(holder(pid=pid))))
    assert holder_of(tmp_path, "a") is None
    note.write_text(json.dumps(vars(holder(pid=pid))))
    take(tmp_path, "a").release()


@pytest.mark.parametrize(
    "words",
    ["", "{", "[]", "null", '{"program": "x"}', "[" * 100_000, b"\xff\xfe"],
    ids=["empty", "begun", "list", "null", "other", "deep", "bytes"],
)
def test_a_note_that_says_nothing_decides_nothing(tmp_path: Path, words: str | bytes) -> None:
    hold = take(tmp_path, "a")
    (tmp_path / ".held" / "a.json").write_bytes(
        words if isinstance(words, bytes) else words.encode()
    )
    assert holder_of(tmp_path, "a") is None
    with pytest.raises(HeldError):
        take(tmp_path, "a")
    hold.release()


@pytest.mark.parametrize(
    "parts", [{"pid": "x"}, {"program": 5}, {"host": None}, {"since": "now"}, {"since": 1e300}]
)
def test_a_note_with_wrong_fields_names_nobody(tmp_path: Path, parts: dict[str, object]) -> None:
    hold = take(tmp_path, "a")
    (tmp_path / ".held" / "a.json").write_text(json.dumps(vars(holder(**parts))))
    assert holder_of(tmp_path, "a") is None
    hold.release()


def test_a_note_that_leads_elsewhere_is_replaced_and_nothing_there_is_changed(
    tmp_path: Path,
) -> None:
    take(tmp_path, "a").release()
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    note = tmp_path / holding.FOLDER / "a.json"
    note.symlink_to(victim)
    hold = take(tmp_path, "a")
    assert not note.is_symlink()
    assert (found := holder_of(tmp_path, "a")) is not None
    assert found.here
    hold.release()
    assert victim.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_note_that_never_ends_says_nothing(tmp_path: Path) -> None:
    take(tmp_path, "a").release()
    os.mkfifo(tmp_path / holding.FOLDER / "a.json")
    assert holder_of(tmp_path, "a") is None
    take(tmp_path, "a").release()


def test_a_disk_that_takes_no_note_holds_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    hold = take(tmp_path, "a")
    with pytest.raises(HeldError):
        take(tmp_path, "a")
    hold.release()


def test_a_folder_that_is_gone_cannot_be_held_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        take(tmp_path / "gone", "a")
    assert not (tmp_path / "gone").exists()


def test_locks_of_runs_that_are_gone_are_tidied_up_unless_held(tmp_path: Path) -> None:
    for name in ("gone", "there"):
        take(tmp_path, name).release()
    hold = take(tmp_path, "held")
    holding.tidy(tmp_path, lambda run: run == "there")
    left = {path.name for path in (tmp_path / ".held").iterdir()}
    assert left == {"there.lock", "held.lock", "held.json"}
    with pytest.raises(HeldError):
        take(tmp_path, "held")
    hold.release()
    holding.tidy(tmp_path / "nowhere", lambda run: False)


def test_it_is_said_in_words_a_person_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert holder(pid=7).who == "main.py (PID 7)"
    assert holder(pid=7, host="elsewhere").who == "main.py (PID 7, elsewhere)"
    assert not holder(pid=os.getpid(), host="elsewhere").here
    now = time.time()
    assert holder(since=now).when == time.strftime("%H:%M", time.localtime(now))
    then = time.mktime((2026, 1, 2, 3, 4, 0, 0, 0, -1))
    assert holder(since=then).when == "2026-01-02 03:04"
    for argument, name in (
        ("/opt/playground/main.py", "main.py"),
        ("/opt/playground/engine/__main__.py", "python -m engine"),
        ("", "python"),
    ):
        monkeypatch.setattr(sys, "argv", [argument])
        assert holding.program() == name

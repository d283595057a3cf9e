"""engine/data/cache.py: an entry is there whole or not at all, and nothing else is left."""

import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from engine.data import cache
from engine.phrases import PlaygroundError


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "texts" / "names-1"


def left(entry: Path) -> list[str]:
    """All there is beside `entry`, itself included."""
    return sorted(path.name for path in entry.parent.iterdir()) if entry.parent.exists() else []


def fill(entry: Path, text: str = "whole") -> None:
    with cache.filled(entry) as place:
        (place / "a.txt").write_text(text)


# --- where


def test_the_folder_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE", "/some/where")
    assert cache.folder() == Path("/some/where")


@pytest.mark.parametrize("named", [None, ""])
def test_without_a_name_it_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: f"/own/{name}")
    monkeypatch.delenv("PLAYGROUND_CACHE", raising=False)
    if named is not None:
        monkeypatch.setenv("PLAYGROUND_CACHE", named)
    assert cache.folder() == Path("/own/GenerativePlayground")


# --- filled


def test_an_entry_is_what_was_written_and_nothing_stays_beside_it(entry: Path) -> None:
    with cache.filled(entry) as place:
        (place / "inner").mkdir()
        (place / "inner" / "b.bin").write_bytes(b"\0\1")
        (place / "a.txt").write_text("whole")
    assert (entry / "a.txt").read_text() == "whole"
    assert (entry / "inner" / "b.bin").read_bytes() == b"\0\1"
    assert left(entry) == [entry.name]


def test_until_the_end_there_is_no_entry(entry: Path) -> None:
    with cache.filled(entry) as place:
        (place / "a.txt").write_text("half")
        assert not entry.exists()
        assert place.parent == entry.parent  # on the same disk, so that the renaming is at once
        assert place.name.startswith(cache.PART)


@pytest.mark.parametrize("fault", [ValueError("bad"), KeyboardInterrupt(), GeneratorExit()])
def test_who_fails_or_stops_leaves_nothing(entry: Path, fault: BaseException) -> None:
    def break_off() -> None:
        with cache.filled(entry) as place:
            (place / "a.txt").write_text("half")
            raise fault

    with pytest.raises(type(fault)) as caught:
        break_off()
    assert caught.value is fault
    assert left(entry) == []
    fill(entry)
    assert (entry / "a.txt").read_text() == "whole"


def test_a_generator_that_is_closed_half_way_leaves_nothing(entry: Path) -> None:
    def steps() -> Any:
        with cache.filled(entry) as place:
            (place / "a.txt").write_text("half")
            yield
            (place / "b.txt").write_text("never")

    generator = steps()
    next(generator)
    assert len(left(entry)) == 1
    generator.close()
    assert left(entry) == []


def test_where_another_was_faster_its_entry_stays(entry: Path) -> None:
    with cache.filled(entry) as place:
        (place / "a.txt").write_text("slow")
        fill(entry, "fast")
    assert (entry / "a.txt").read_text() == "fast"
    assert left(entry) == [entry.name]


def test_of_many_at_once_one_entry_is_left_whole(entry: Path) -> None:
    together = threading.Barrier(8)

    def work(name: str) -> None:
        with cache.filled(entry) as place:
            for file in ("a", "b"):
                (place / file).write_text(name)
            together.wait(timeout=60)

    threads = [threading.Thread(target=work, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left(entry) == [entry.name]
    assert (entry / "a").read_text() == (entry / "b").read_text()


# --- a disk that refuses


def test_a_full_disk_is_told_with_the_folder_and_a_way_out(entry: Path) -> None:
    def fail() -> None:
        with cache.filled(entry) as place:
            (place / "a.txt").write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(PlaygroundError) as caught:
        fail()
    said = str(caught.value)
    assert said.startswith(f"cannot write to the cache folder {entry.parent}: No space left")
    assert said.endswith("PLAYGROUND_CACHE")
    assert left(entry) == []


def test_a_fault_without_a_reason_is_told_by_its_words(entry: Path) -> None:
    def fail() -> None:
        with cache.filled(entry):
            raise OSError("the disk has gone")

    with pytest.raises(PlaygroundError, match="the disk has gone"):
        fail()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(PlaygroundError, match="cannot write to the cache folder"):
        fill(tmp_path / "cache" / "names")
    assert (tmp_path / "cache").read_text() == "a file"


def test_a_file_in_the_place_of_the_entry_is_told_and_stays(entry: Path) -> None:
    entry.parent.mkdir(parents=True)
    entry.write_text("a file")
    with pytest.raises(PlaygroundError, match="cannot write to the cache folder"):
        fill(entry)
    assert left(entry) == [entry.name]
    assert entry.read_text() == "a file"


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="whoever may do all is refused nothing"
)
def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PlaygroundError, match="cannot write to the cache folder"):
            fill(tmp_path / "names")
    finally:
        tmp_path.chmod(0o700)


# --- what was left by others


def test_what_a_killed_process_left_is_cleared_away_after_a_day(entry: Path) -> None:
    entry.parent.mkdir(parents=True)
    ages = {"old": 1.01, "young": 0.99}
    for name, days in ages.items():
        part = entry.parent / f"{cache.PART}{name}"
        part.mkdir()
        (part / "a.txt").write_text("half")
        then = time.time() - days * cache.FORGOTTEN_SECONDS
        os.utime(part, (then, then))
    other = entry.parent / "other"
    other.mkdir()
    os.utime(other, (0, 0))
    fill(entry)
    assert left(entry) == sorted([f"{cache.PART}young", entry.name, "other"])


def test_what_goes_away_while_it_is_looked_at_does_no_harm(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = entry.parent / f"{cache.PART}gone"
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [gone, *glob(self, pattern)])
    fill(entry)
    assert left(entry) == [entry.name]

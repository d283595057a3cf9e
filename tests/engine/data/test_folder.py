"""A folder of one's own: whatever lies in it, the pictures are found and the rest is told."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import folder as folders
from engine.data import images
from engine.data.folder import FORMS, classes_of, open_folder
from engine.data.images import ImageData, decoded
from engine.events import Progress
from engine.phrases import PlaygroundError


def run(steps: Generator[Progress, None, ImageData]) -> tuple[ImageData, list[Progress]]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return stop.value, told


def opened(path: Path, *arguments: Any, **more: Any) -> ImageData:
    return run(open_folder(path, *arguments, **more))[0]


def put(path: Path, shade: Any = 100, mode: str = "L", size: tuple[int, int] = (20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade).save(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("PLAYGROUND_CACHE", str(place))
    return place


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Ten light cats and twenty dark dogs."""
    for i in range(10):
        put(tmp_path / "pets" / "cats" / f"{i}.png", 200 + i)
    for i in range(20):
        put(tmp_path / "pets" / "dogs" / "old" / f"{i}.jpg", 20 + i)
    return tmp_path / "pets"


def shades(data: ImageData) -> list[int]:
    return sorted(np.concatenate([data.train, data.held_out]).mean((1, 2, 3)).round().astype(int))


# --- what is read


def test_pictures_classes_and_parts(pets: Path) -> None:
    data = opened(pets)
    assert data.counts == (27, 3)
    assert data.shape == (32, 32, 1)
    assert data.classes == ("cats", "dogs")
    assert data.tally == (10, 20)
    assert shades(data) == [*range(20, 40), *range(200, 210)]
    assert np.array_equal(data.train.mean((1, 2, 3)) < 128, data.train_labels == 1)
    assert np.array_equal(data.held_out.mean((1, 2, 3)) < 128, data.held_out_labels == 1)
    assert (data.key, data.title, data.source) == (str(pets), "pets", pets)
    assert data.skipped == ()
    assert len(data.sha256) == 64
    assert dict(data.facts())["Classes"] == "2: cats, dogs (10 to 20 of each)"


@pytest.mark.parametrize("form", FORMS)
def test_every_form(pets: Path, form: str) -> None:
    data = opened(pets, form)
    side = int(form[:2]) if form[0].isdigit() else 32
    assert data.shape == (side, side, 3 if form.endswith("rgb") else 1)
    assert set(FORMS) >= {"16grey", "28rgb", "32", "48rgb", "grey", "rgb"}


def test_an_unknown_form(pets: Path) -> None:
    with pytest.raises(
        PlaygroundError, match="no form of pictures '64rgb': there are auto, 16grey"
    ):
        opened(pets, "64rgb")


def test_one_colourful_picture_makes_them_all_colourful(pets: Path) -> None:
    put(pets / "cats" / "red.png", (250, 20, 20), "RGB")
    assert opened(pets).shape == (32, 32, 3)
    put(pets / "cats" / "red.png", (102, 100, 98), "RGB")  # what a JPEG makes of grey
    assert opened(pets).shape == (32, 32, 1)


def test_colour_is_looked_for_in_the_first_100(tmp_path: Path) -> None:
    for i in range(101):
        put(tmp_path / "many" / f"{i:03}.png", 100)
    put(tmp_path / "many" / "100.png", (250, 20, 20), "RGB")
    assert opened(tmp_path / "many").shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("names", "classes", "labels"),
    [
        (["a.png", "b.png"], (), [0, 0]),
        (["cats/a.png", "cats/b.png"], ("cats",), [0, 0]),
        (["x/cats/a.png", "x/dogs/b.png"], ("cats", "dogs"), [0, 1]),
        (["cats/a.png", "b.png"], (), [0, 0]),
        (["b.png", "cats/a.png", "dogs/old/a.png"], ("cats", "dogs", "pets"), [2, 0, 1]),
        ([f"{i:03}/a.png" for i in range(201)], (), [0] * 201),
    ],
)
def test_classes_follow_from_the_folders(
    names: list[str], classes: tuple[str, ...], labels: list[int]
) -> None:
    found, numbers = classes_of(names, "pets")
    assert found == classes
    assert numbers.tolist() == labels


def test_one_class_folder_is_one_class(tmp_path: Path) -> None:
    for i in range(5):
        put(tmp_path / "all" / "faces" / f"{i}.png", i)
    data = opened(tmp_path / "all")
    assert data.classes == ("faces",)
    assert data.tally == (5,)
    assert not data.train_labels.any()


# --- what is skipped


def test_what_is_no_picture_is_skipped_counted_and_told(pets: Path) -> None:
    whole = (pets / "cats" / "0.png").read_bytes()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    noise.save(pets / "noise.png")
    whole = (pets / "noise.png").read_bytes()
    (pets / "noise.png").write_bytes(whole[:2000])
    (pets / "cats" / "notes.txt").write_text("about cats")
    (pets / "cats" / "empty.png").touch()
    (pets / ".hidden.png").write_bytes(b"nonsense")
    (pets / ".git").mkdir()
    put(pets / ".git" / "inside.png")
    (pets / "Thumbs.db").write_bytes(b"nonsense")
    data = opened(pets)
    told = {name: str(why) for name, why in data.skipped}
    assert told == {
        "cats/empty.png": "is empty",
        "cats/notes.txt": "is no picture that can be read",
        "noise.png": "is damaged or breaks off",
    }
    assert data.counts == (27, 3)
    assert dict(data.facts())["Skipped"] == (
        "3: cats/empty.png is empty; cats/notes.txt is no picture that can be read; "
        "noise.png is damaged or breaks off"
    )
    again = opened(pets)
    assert again.skipped == data.skipped  # the cache knows it too
    assert again.skipped[0][1].template == "is empty"  # type: ignore[attr-defined]


def test_transparent_and_palette_pictures_are_no_trouble(tmp_path: Path) -> None:
    put(tmp_path / "odd" / "clear.png", (255, 255, 255, 0), "RGBA")
    put(tmp_path / "odd" / "palette.gif", 60)
    put(tmp_path / "odd" / "bits.png", 1, "1")
    put(tmp_path / "odd" / "deep.png", 65535, "I;16")
    put(tmp_path / "odd" / "print.jpg", (0, 0, 0, 0), "CMYK")
    data = opened(tmp_path / "odd", "16grey")
    assert data.skipped == ()
    assert shades(data) == [0, 60, 255, 255, 255]


def test_a_picture_12000_wide_among_small_ones(tmp_path: Path) -> None:
    put(tmp_path / "mixed" / "a.png", 50)
    put(tmp_path / "mixed" / "b.png", 60)
    put(tmp_path / "mixed" / "huge.jpg", 70, size=(12_000, 2_000))
    put(tmp_path / "mixed" / "wide.png", 80, size=(12_000, 2_000))
    data, told = run(open_folder(tmp_path / "mixed"))
    assert data.skipped == ()
    assert shades(data) == [50, 60, 70, 80]
    assert all(progress.note for progress in told)


def test_what_is_too_large_is_skipped_with_the_reason(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 3_000_000)
    put(pets / "bomb.png", 0, "1", (2000, 2000))
    data = opened(pets)
    assert data.counts == (27, 3)
    assert [(name, str(why)) for name, why in data.skipped] == [
        ("bomb.png", "has 4 million pixels, and at most 3 million are accepted")
    ]


# --- what is refused


def test_no_picture_at_all(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(
        PlaygroundError, match=r"none has no picture in it: accepted is .*PNG, JPEG"
    ):
        opened(tmp_path / "none")
    (tmp_path / "none" / "a.txt").write_text("hello")
    with pytest.raises(PlaygroundError, match=r"can be used \(1: a\.txt is no picture that can be"):
        opened(tmp_path / "none")


def test_one_picture_cannot_be_parted(tmp_path: Path) -> None:
    put(tmp_path / "one" / "only.png")
    with pytest.raises(PlaygroundError, match=r"only one picture that can be used \(only\.png\)"):
        opened(tmp_path / "one")


def test_two_pictures_are_enough(tmp_path: Path) -> None:
    put(tmp_path / "two" / "a.png", 1)
    put(tmp_path / "two" / "b.png", 2)
    assert opened(tmp_path / "two").counts == (1, 1)


def test_a_single_picture_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match=r"a\.png is a single picture.*choose a folder"):
        opened(put(tmp_path / "a.png"))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match=r"no folder .*gone"):
        opened(tmp_path / "gone")


def test_a_folder_within_that_may_not_be_read_is_skipped(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "dogs":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    data = opened(pets)
    assert data.counts == (9, 1)
    assert [(name, str(why)) for name, why in data.skipped] == [("dogs", "may not be read")]


# --- the cache


def test_the_second_time_no_picture_is_opened(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(pets)

    def never(*_: Any) -> None:
        raise AssertionError("a picture was opened again")

    monkeypatch.setattr(folders, "decoded", never)
    second = opened(pets)
    assert np.array_equal(first.train, second.train)
    assert np.array_equal(first.held_out_labels, second.held_out_labels)
    assert second.facts() == first.facts()
    assert second.sha256 == first.sha256


def test_a_change_is_seen_and_the_same_elsewhere_is_the_same(pets: Path, tmp_path: Path) -> None:
    before = opened(pets)
    moved = pets.rename(tmp_path / "animals")
    assert opened(moved).sha256 == before.sha256
    put(moved / "cats" / "0.png", 90)
    after = opened(moved)
    assert after.sha256 != before.sha256
    assert 90 in shades(after)


def test_a_damaged_entry_is_made_again(pets: Path, cache: Path) -> None:
    first = opened(pets)
    for name in ("pixels.npy", "about.json"):
        (entry,) = cache.rglob(name)
        entry.write_bytes(entry.read_bytes()[:-20])
        assert np.array_equal(opened(pets).train, first.train)


def test_who_stops_leaves_nothing_behind(pets: Path, cache: Path) -> None:
    _, told = run(open_folder(pets, "16"))
    for stop_after in range(1, len(told), 7):
        loading = open_folder(pets)
        for _ in range(stop_after):
            next(loading)
        loading.close()
    assert [path.name for path in cache.rglob("*.part-*")] == []
    assert len(list(cache.rglob("pixels.npy"))) == 1


# --- many


def test_20000_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Real files, but not decoded: that would be a test of Pillow's patience.
    monkeypatch.setattr(folders, "decoded", lambda path, shape: np.full(shape, 7, np.uint8))
    kind = put(tmp_path / "kind.pgm")
    for i in range(20):
        place = tmp_path / "lots" / f"{i:02}"
        place.mkdir(parents=True)
        for j in range(1000):
            os.link(kind, f"{place}/{j}.pgm")
    loading = open_folder(tmp_path / "lots", "16grey")
    before, turns = 0.0, 0
    while True:
        try:
            progress = next(loading)
        except StopIteration as stop:
            data: ImageData = stop.value
            break
        assert (progress.done or 0.0) >= before
        before, turns = progress.done or 0.0, turns + 1
    assert before == 1.0
    assert turns > 20_000  # a safe point for each
    assert data.counts == (18_000, 2_000)
    assert data.tally == (1000,) * 20


MEASURED = """
import resource, sys
from pathlib import Path
from engine.data.folder import open_folder

unit = 1 if sys.platform == "darwin" else 1000

def most():
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

for name in ("few", "many"):
    for _ in open_folder(Path(sys.argv[1]) / name, "16grey"):
        pass
    print(most())
"""


def test_memory_is_for_what_is_learned_and_not_for_the_files(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    for i in range(200):
        put(tmp_path / "many" / f"{i:03}.png", i, size=(640, 480))  # 61 MB, decoded
    for i in range(5):
        put(tmp_path / "few" / f"{i}.png", i, size=(640, 480))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    few, many = (float(line) for line in done.stdout.split())
    assert many - few < 15_000_000  # pictures to learn from: 51 kB


def test_no_more_than_the_most_are_taken_from_all_over(pets: Path) -> None:
    data = opened(pets, most=12)
    assert data.counts == (11, 1)
    assert data.classes == ("cats", "dogs")
    assert dict(data.facts())["Note"] == "12 of the 30 files were taken, at random"


def test_a_slow_picture_leaves_safe_points_and_a_stop_is_heard(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_LARGE_BYTES", 0)
    threads = set()

    def slow(path: Path, shape: tuple[int, int, int]) -> Any:
        threads.add(threading.current_thread())
        time.sleep(0.15)
        return decoded(path, shape)

    monkeypatch.setattr(folders, "decoded", slow)
    loading = open_folder(pets, "16grey")
    notes = [str(next(loading).note) for _ in range(12)]
    assert notes.count("reading pets/cats/0.png") >= 3
    loading.close()
    assert threading.current_thread() not in threads
    assert not any(thread.is_alive() for thread in threads)

"""engine/data/bundled.py: the pictures of packages are read right, and what lacks is named."""

import gzip
import importlib.metadata
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import bundled
from engine.data.bundled import Finding, Found
from engine.phrases import PlaygroundError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PLAYGROUND_CACHE", str(folder))
    return folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for each package's own."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(bundled, "folder_of", lambda name: folder)
    return folder


def last(finding: Finding) -> Found:
    """The pictures, after nothing but safe points."""
    *before, found = finding
    assert before == [None] * len(before)
    assert found is not None
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# --- packages


def test_version_and_folder_of_a_package_are_its_own() -> None:
    assert bundled.version_of("numpy") == importlib.metadata.version("numpy") == np.__version__
    assert bundled.folder_of("numpy") == Path(np.__file__).parent


@pytest.mark.parametrize("find", [bundled.version_of, bundled.folder_of])
def test_a_package_that_is_not_there_is_named(find: Callable[[str], Any]) -> None:
    with pytest.raises(PlaygroundError) as caught:
        find("no_such_package")
    said = str(caught.value)
    assert said.startswith("the package no_such_package is not installed")
    assert "choose another data set" in said


def test_a_module_of_one_file_has_no_folder() -> None:
    with pytest.raises(PlaygroundError, match="the package this is not installed"):
        bundled.folder_of("this")


# --- tables


def write_table(path: Path, rows: Any, labels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="ascii") as file:
        for row, label in zip(rows, labels, strict=True):
            file.write(",".join(f"{each:g}" for each in (*row, label)) + "\n")


def test_digits_are_the_rows_of_the_table(package: Path) -> None:
    random = np.random.default_rng(0)
    shades, labels = random.integers(0, 256, (120, 28 * 28)), random.integers(0, 10, 120)
    write_table(package / "data" / "data" / "mnist_5k.csv.gz", shades, labels)
    *before, found = bundled.digits()
    assert before == [None, None]  # a safe point every 50 rows
    assert found is not None
    assert found.pixels.shape == (120, 28, 28, 1)
    assert found.pixels.dtype == np.uint8
    for picture, row in zip(found.pixels, shades, strict=True):
        for y in range(28):
            assert picture[y, :, 0].tolist() == row[28 * y : 28 * (y + 1)].tolist()
    assert found.labels.tolist() == labels.tolist()
    assert found.names == ()


def test_small_digits_have_their_17_shades_spread_over_all(package: Path) -> None:
    shades = [[(i + j) % 17 for i in range(64)] for j in range(3)]
    write_table(package / "datasets" / "data" / "digits.csv.gz", shades, [0, 9, 5])
    found = last(bundled.small_digits())
    assert found.pixels.shape == (3, 8, 8, 1)
    assert found.pixels.dtype == np.uint8
    # 16 of 16 is white; of 255 / 16 * 8 = 127.5 the even one is next.
    by_shade = dict(zip(shades[0], found.pixels[0].ravel().tolist(), strict=True))
    assert {shade: by_shade[shade] for shade in (0, 1, 8, 15, 16)} == {
        0: 0,
        1: 16,
        8: 128,
        15: 239,
        16: 255,
    }
    assert found.labels.tolist() == [0, 9, 5]


def test_digits_are_500_of_each() -> None:
    found = last(bundled.digits())
    assert found.pixels.shape == (5000, 28, 28, 1)
    assert np.bincount(found.labels).tolist() == [500] * 10
    assert found.pixels.min() == 0
    assert found.pixels.max() == 255


# --- faces


def test_of_the_faces_those_are_taken_that_show_one(package: Path) -> None:
    random = np.random.default_rng(0)
    shades = random.random((200, 25, 25))
    shades[0, 0, :3] = 0.0, 1.0, 0.5
    (package / "data").mkdir()
    np.save(package / "data" / "lfw_subset.npy", shades)
    found = last(bundled.faces())
    assert found.pixels.shape == (100, 25, 25, 1)
    assert found.pixels.dtype == np.uint8
    assert found.pixels[0, 0, :3, 0].tolist() == [0, 255, 128]
    assert np.abs(found.pixels[..., 0] / 255 - shades[:100]).max() < 0.5001 / 255
    assert found.labels.tolist() == [0] * 100


# --- icons


def own_fonts() -> Path:
    """The fonts that qtawesome brings; found without `bundled`, which is under test."""
    return Path(str(importlib.metadata.distribution("qtawesome").locate_file("qtawesome/fonts")))


def put_font(package: Path, name: str, charmap: Any) -> None:
    """A font of qtawesome under another name, with that table of names."""
    (package / "fonts").mkdir(exist_ok=True)
    source = max(own_fonts().glob("materialdesignicons6-webfont-*.ttf"))
    shutil.copy(source, package / "fonts" / f"{name.replace('#', 'webfont')}.ttf")
    table = package / "fonts" / f"{name.replace('#', 'webfont-charmap')}.json"
    table.write_text(json.dumps(charmap))


def own_charmap() -> dict[str, Any]:
    table = max(own_fonts().glob("materialdesignicons6-webfont-charmap-*.json"))
    codes: dict[str, Any] = json.loads(table.read_text("utf-8"))
    return codes


def test_an_icon_is_there_once_by_its_first_name_and_an_empty_one_is_not(package: Path) -> None:
    codes = own_charmap()
    square, circle = codes["square"], codes["circle"]
    chosen = {"zebra": square, "apple": square, "middle": circle, "empty": "0020"}
    chosen["number"] = int(codes["triangle"], 16)
    put_font(package, "materialdesignicons6-#-6.9.96", chosen)
    found = last(bundled.icons())
    assert found.names == ("apple", "middle", "number")
    assert found.pixels.shape == (3, 28, 28, 1)
    assert found.pixels.dtype == np.uint8
    assert found.labels.tolist() == [0, 0, 0]
    pictures = dict(zip(found.names, found.pixels[..., 0].astype(int), strict=True))
    # White on black, in the middle: a square is full to its corners and a circle is not.
    for name in ("apple", "middle"):
        picture = pictures[name]
        assert picture[14, 14] == 255
        assert picture[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0] * 4
        rows, columns = np.nonzero(picture > 127)
        assert abs(rows.mean() - 13.5) <= 0.5
        assert abs(columns.mean() - 13.5) <= 0.5
    square_area, circle_area = ((pictures[name] > 127).sum() for name in ("apple", "middle"))
    rows, columns = np.nonzero(pictures["middle"] > 127)
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert abs(circle_area / box - np.pi / 4) < 0.05
    assert square_area > 0.9 * 18 * 18


def test_the_newest_font_that_has_its_names_is_taken(package: Path) -> None:
    codes = own_charmap()
    for version, name in (("5.9.55", "five"), ("6.10.2", "newest"), ("6.9.96", "older")):
        put_font(package, f"materialdesignicons{version[0]}-#-{version}", {name: codes["square"]})
    (package / "fonts" / "materialdesignicons7-webfont-7.0.0.ttf").write_bytes(b"no names beside")
    assert last(bundled.icons()).names == ("newest",)


def test_a_qtawesome_without_such_a_font_is_named(package: Path) -> None:
    with pytest.raises(PlaygroundError, match="package qtawesome is not installed"):
        last(bundled.icons())


def test_a_font_without_icons_has_no_pictures(package: Path) -> None:
    put_font(package, "materialdesignicons6-#-6.9.96", {"empty": "0020"})
    assert last(bundled.icons()).pixels.shape == (0, 28, 28, 1)
    with pytest.raises(PlaygroundError, match="qtawesome came without its pictures"):
        last(bundled.kept("icons", "qtawesome", bundled.icons))


# --- kept


FOUND = Found(
    np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 1), np.array([4, 7]), ("é", "two")
)


class Counted:
    """Finds `found`, and counts how often it is asked to."""

    def __init__(self, found: Found = FOUND) -> None:
        self.found = found
        self.times = 0

    def __call__(self) -> Finding:
        self.times += 1
        yield None
        yield self.found


def assert_same(found: Found, wanted: Found) -> None:
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert found.pixels.dtype == np.uint8
    assert found.labels.dtype == np.int64
    assert found.names == wanted.names
    assert all(type(name) is str for name in found.names)


@pytest.mark.parametrize("names", [FOUND.names, ()])
def test_what_was_found_is_not_sought_again(names: tuple[str, ...]) -> None:
    find = Counted(Found(FOUND.pixels, FOUND.labels, names))
    for _ in range(3):
        assert_same(last(bundled.kept("pets", "numpy", find)), find.found)
    assert find.times == 1


def test_another_key_and_another_version_are_sought_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Counted()
    last(bundled.kept("pets", "numpy", find))
    last(bundled.kept("other", "numpy", find))
    assert find.times == 2
    monkeypatch.setattr(bundled, "version_of", lambda package: "99.0")
    last(bundled.kept("pets", "numpy", find))
    assert find.times == 3
    assert files(place) == ["other.npz", "pets.npz", "pets.npz"]


def test_who_stops_leaves_nothing(place: Path) -> None:
    finding: Any = bundled.kept("pets", "numpy", Counted())
    assert next(finding) is None
    finding.close()
    assert files(place) == []


def archive(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "wound",
    [
        lambda content: b"",
        lambda content: archive(pixels=np.array(3), labels=FOUND.labels, names=FOUND.names),
        lambda content: archive(pixels=FOUND.pixels, labels=FOUND.labels, names=("one",)),
        lambda content: content[: len(content) // 2],
        lambda content: b"x" * len(content),
        lambda content: content.replace(b"pixels", b"pixelz"),
        lambda content: content.replace(b"(2, 3, 3, 1)", b"(1, 3, 3, 1)"),
        lambda content: content.replace(bytes(range(18)), bytes(18)),
    ],
    ids=[
        "empty",
        "no pictures",
        "a name too few",
        "half",
        "no archive",
        "without pixels",
        "a picture fewer",
        "other pixels",
    ],
)
def test_a_damaged_entry_is_made_again(place: Path, wound: Callable[[bytes], bytes]) -> None:
    find = Counted()
    last(bundled.kept("pets", "numpy", find))
    (path,) = place.rglob("pets.npz")
    before = path.read_bytes()
    assert wound(before) != before
    path.write_bytes(wound(before))
    assert_same(last(bundled.kept("pets", "numpy", find)), FOUND)
    assert find.times == 2
    assert_same(last(bundled.kept("pets", "numpy", find)), FOUND)
    assert find.times == 2


def test_a_package_that_is_not_there_is_not_sought_in() -> None:
    find = Counted()
    with pytest.raises(PlaygroundError, match="no-such-package is not installed"):
        last(bundled.kept("pets", "no-such-package", find))
    assert find.times == 0


def wounded_table(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[30:40] = b"\xff" * 10
    return bytes(changed)


@pytest.mark.parametrize(
    "wound",
    [
        None,
        lambda content: b"",
        lambda content: content[:-20],
        wounded_table,
        lambda content: b"no table",
        lambda content: gzip.compress(b"1,2,three\n"),
        lambda content: gzip.compress(b"1,2,3\n" * 3),
        lambda content: gzip.compress(b"1\n1,2\n"),
        lambda content: gzip.compress(b"\xff\n"),
    ],
    ids=[
        "not there",
        "empty",
        "cut short",
        "wounded",
        "another file",
        "a word",
        "too few numbers",
        "uneven rows",
        "no ASCII",
    ],
)
def test_a_package_whose_file_is_no_good_is_named_and_nothing_is_kept(
    package: Path, place: Path, wound: Callable[[bytes], bytes] | None
) -> None:
    path = package / "datasets" / "data" / "digits.csv.gz"
    random = np.random.default_rng(0)
    write_table(path, random.integers(0, 17, (60, 64)), random.integers(0, 10, 60))
    if wound is None:
        path.unlink()
    else:
        path.write_bytes(wound(path.read_bytes()))
    with pytest.raises(PlaygroundError) as caught:
        last(bundled.kept("digits-8x8", "numpy", bundled.small_digits))
    assert str(caught.value).startswith("the package numpy came without its pictures here")
    assert files(place) == []


def test_faces_that_are_pickled_are_not_opened(package: Path) -> None:
    (package / "data").mkdir()
    np.save(package / "data" / "lfw_subset.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(PlaygroundError, match="numpy came without its pictures"):
        last(bundled.kept("faces", "numpy", bundled.faces))

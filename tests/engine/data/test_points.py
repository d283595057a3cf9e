"""Points: shapes that are what they say, and files of one's own, read right or refused."""

import io
import json
import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import points
from engine.data.points import EXTENT, PointData, open_points, split
from engine.events import Progress
from engine.phrases import PlaygroundError

SHAPES = (
    points.moons,
    points.circles,
    points.swiss_roll,
    points.spiral,
    points.mixture,
    points.grid,
    points.letters,
)


def run(steps: Generator[Progress, None, PointData]) -> PointData:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            data: PointData = stop.value
            return data


def written(path: Path, *, rows: int = 30, more: str = "", head: str = "") -> Path:
    lines = [head, *(f"{i * 0.5},{-i}" for i in range(rows)), more]
    path.write_text("\n".join(line for line in lines if line) + "\n", "utf-8")
    return path


# --- shapes


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_shape_is_centred_scaled_and_in_sight(shape: Callable[[], dict[str, Any]]) -> None:
    data = split("key", "Title", **shape())
    both = np.concatenate([data.train, data.held_out])
    assert both.dtype == np.float32
    assert data.counts == (3600, 400)
    assert np.abs(both.mean(0)).max() < 1e-3
    assert math.sqrt((both**2).mean()) == pytest.approx(1, abs=1e-3)
    left, right, bottom, top = EXTENT
    assert left < both[:, 0].min() < both[:, 0].max() < right
    assert bottom < both[:, 1].min() < both[:, 1].max() < top
    assert data.tally == tuple(np.bincount([*data.train_labels, *data.held_out_labels]).tolist())
    assert len(data.classes) == len(data.tally)
    assert min(data.tally) > 0.9 * 4000 / len(data.classes)
    again = split("key", "Title", **shape())
    assert np.array_equal(again.train, data.train)
    dots = data.preview().dots[0]
    assert dots.classes is not None
    assert len(dots.points) == len(dots.classes) == 1500
    assert dots.names == data.classes


def test_moons_are_half_circles() -> None:
    made = points.moons()
    upper = made["points"][made["labels"] == 0]
    lower = made["points"][made["labels"] == 1]
    assert np.hypot(*upper.T).mean() == pytest.approx(1, abs=0.01)
    assert np.hypot(*(lower - [1, 0.5]).T).mean() == pytest.approx(1, abs=0.01)
    assert upper[:, 1].mean() == pytest.approx(2 / math.pi, abs=0.02)  # the mean height of one
    assert lower[:, 1].mean() == pytest.approx(0.5 - 2 / math.pi, abs=0.02)


def test_circles_spirals_and_rolls_follow_their_equations() -> None:
    made = points.circles()
    radii = np.hypot(*made["points"].T)
    assert radii[made["labels"] == 0].mean() == pytest.approx(1, abs=0.01)
    assert radii[made["labels"] == 1].mean() == pytest.approx(0.5, abs=0.01)
    made = points.spiral()
    x, y = made["points"].T
    # Turning each point back by its own angle puts one arm to the right, the other to the left.
    turned = np.exp(-3j * math.pi * np.hypot(x, y)) * (x + 1j * y)
    assert (np.sign(turned.real) == 1 - 2 * made["labels"]).mean() > 0.99
    x, y = points.swiss_roll()["points"].T
    gap = (np.hypot(x, y) - np.arctan2(y, x)) % (2 * math.pi)
    assert np.abs(np.minimum(gap, 2 * math.pi - gap)).mean() < 0.5  # of 2 pi from turn to turn


@pytest.mark.parametrize(("shape", "count"), [(points.mixture, 8), (points.grid, 25)])
def test_mixtures_have_their_centres_and_spread(
    shape: Callable[[], dict[str, Any]], count: int
) -> None:
    data = split("key", "Title", **shape())
    assert data.modes.shape == (count, 2)
    gaps = data.train - data.modes[data.train_labels]
    assert gaps.std() == pytest.approx(data.spread, rel=0.03)
    assert np.abs(gaps.mean(0)).max() < 4 * data.spread / math.sqrt(len(gaps))
    nearest = np.linalg.norm(data.train[:, None] - data.modes, axis=-1).argmin(1)
    assert np.array_equal(nearest, data.train_labels)
    assert len(set(data.classes)) == count
    assert "Mixture" in dict(data.facts())


def test_letters_are_in_the_order_they_are_read_and_have_their_holes() -> None:
    made = points.letters("I O")
    found, labels = made["points"], made["labels"]
    assert made["classes"] == ("I", "O")
    assert found[labels == 0, 0].max() < found[labels == 1, 0].min()
    ring = found[labels == 1]
    assert np.hypot(*(ring - (ring.max(0) + ring.min(0)) / 2).T).min() > 10  # of 80 to a letter
    assert points.letters("ANNA")["classes"] == ("A 1", "N 1", "N 2", "A 2")
    # The right way up: of an L, most lies below its middle.
    upright = points.letters("L")["points"][:, 1]
    assert upright.mean() < (upright.max() + upright.min()) / 2


@pytest.mark.parametrize("word", ["", "  ", "much too long a word"])
def test_words_have_bounds(word: str) -> None:
    with pytest.raises(PlaygroundError, match="1 to 12 letters"):
        points.letters(word)


def test_scaling_heeds_neither_place_nor_units() -> None:
    random = np.random.default_rng(0)
    found = random.standard_normal((500, 2)) * [1.0, 2.0]
    here = split("key", "Title", found, modes=[[0, 0]], spread=0.5)
    there = split("key", "Title", found * 1000 + [7e5, -3.0], modes=[[7e5, -3.0]], spread=500.0)
    assert np.allclose(here.train, there.train, atol=1e-3)
    assert np.allclose(here.modes, there.modes, atol=1e-3)
    assert here.spread == pytest.approx(there.spread)
    ratio = here.train[:, 1].std() / here.train[:, 0].std()
    assert ratio == pytest.approx(2, rel=0.1)  # one scale for both axes: no shape is bent


# --- own files


@pytest.mark.parametrize(
    ("name", "mark", "head"),
    [("a.csv", ",", ""), ("a.csv", ";", "x;y;class"), ("a.tsv", "\t", "x\ty\tclass")],
)
def test_tables_with_classes(tmp_path: Path, name: str, mark: str, head: str) -> None:
    path = tmp_path / name
    rows = [mark.join((f"{i / 4}", f"{i % 7}", f"{10 - i % 3}")) for i in range(90)]
    path.write_text("\n".join([head, *rows] if head else rows), "utf-8-sig")
    data = run(open_points(path))
    assert data.classes == ("8", "9", "10")  # in the order of numbers
    assert data.tally == (30, 30, 30)
    assert data.counts == (81, 9)
    assert (data.key, data.title, data.source) == (str(path), name, path)
    assert len(data.sha256) == 64
    both = np.concatenate([data.train, data.held_out])
    labels = np.concatenate([data.train_labels, data.held_out_labels])
    place = np.lexsort((both[:, 1], both[:, 0]))
    assert both[place][:, 0] == pytest.approx(
        (np.arange(90) - 44.5) / 4 / np.std([*(i / 4 for i in range(90))]) * both[:, 0].std(),
        abs=1e-5,
    )
    assert labels[place].tolist() == [2 - i % 3 for i in range(90)]


def test_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"{i},5;{i},25" for i in range(30)))
    data = run(open_points(path))
    assert data.counts == (27, 3)
    assert data.classes == ()
    assert np.allclose(data.train[:, 0], data.train[:, 1], atol=1e-5)


@pytest.mark.parametrize("columns", [2, 3])
def test_arrays(tmp_path: Path, columns: int) -> None:
    array = np.random.default_rng(0).standard_normal((50, columns)).round(3)
    if columns == 3:
        array[:, 2] = np.arange(50) % 2
    np.save(tmp_path / "a.npy", array)
    data = run(open_points(tmp_path / "a.npy"))
    assert data.counts == (45, 5)
    assert data.classes == (("0", "1") if columns == 3 else ())


def test_a_file_may_be_long_and_is_then_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "MOST", 100)
    monkeypatch.setattr(points, "_LINES", 10)
    path = written(tmp_path / "a.csv", rows=150)
    loading = open_points(path)
    told = [next(loading) for _ in range(10)]
    assert [each.step for each in told] == list(range(10, 101, 10))
    assert told[-1].done == pytest.approx(100 / 150, abs=0.01)
    data = run(loading)
    assert data.counts == (90, 10)
    assert dict(data.facts())["Note"] == "only the first 100 points of the file were taken"


def test_another_content_has_another_hash(tmp_path: Path) -> None:
    first = run(open_points(written(tmp_path / "a.csv")))
    second = run(open_points(written(tmp_path / "a.csv", more="3,4")))
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("1,two", r"has no two numbers in line 31: '1,two'"),
        ("nan,1", "has no finite number in line 31"),
        ("1,inf", "has no finite number in line 31"),
        ("1e200,1", "has no finite number in line 31"),
        ("1", "has 1 columns in line 31"),
        ("1,2,a,b", "has 4 columns in line 31"),
        (",", None),
    ],
)
def test_what_is_wrong_in_a_line_is_said(tmp_path: Path, more: str, says: str | None) -> None:
    path = written(tmp_path / "a.csv", more=more)
    if says is None:
        assert sum(run(open_points(path)).counts) == 30
        return
    with pytest.raises(PlaygroundError, match=says) as caught:
        run(open_points(path))
    assert str(path) in str(caught.value)
    assert "accepted is a .csv, .tsv or .npy file with two columns" in str(caught.value)


def array_file(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "has 0 points, and at least 20"),
        ("a.csv", b"x,y\n" + b"1,2\n" * 19, "has 19 points, and at least 20"),
        ("a.csv", b"1,2\n" * 30, "has the same point 30 times"),
        ("a.csv", "größe,1\n".encode("latin-1") * 30, "is not a text in UTF-8"),
        ("a.csv", b"1,2\0\n" * 30, "is not a text"),
        ("a.csv", b"one,two\nthree,four\n", "no two numbers in line 2"),
        (
            "a.csv",
            "\n".join(f"{i},{i},{i}" for i in range(60)).encode(),
            "has 60 different values in its third column, and at most 50",
        ),
        ("a.npy", b"nothing", "is no numpy array"),
        ("a.npy", array_file(np.zeros((30, 5))), r"has the shape \(30, 5\)"),
        ("a.npy", array_file(np.zeros(30)), r"has the shape \(30,\)"),
        ("a.npy", array_file(np.array(["a"] * 30)), "is no numpy array of numbers"),
        ("a.npy", array_file(np.array([{}] * 30)), "is no numpy array of numbers"),
        ("a.npy", array_file(np.full((30, 2), np.nan)), "no finite number in line 1"),
        ("a.npy", array_file(np.arange(60.0).reshape(30, 2))[:-9], "is no numpy array of numbers"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PlaygroundError, match=says):
        run(open_points(path))


def test_what_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlaygroundError, match=r"no file .*gone\.csv"):
        run(open_points(tmp_path / "gone.csv"))
    (tmp_path / "odd.csv").mkdir()
    with pytest.raises(PlaygroundError, match="is a folder"):
        run(open_points(tmp_path / "odd.csv"))
    monkeypatch.setattr(points, "_MOST_BYTES", 50)
    with pytest.raises(PlaygroundError, match="has more than 0 MB"):
        run(open_points(written(tmp_path / "a.csv")))


def test_json_keeps_all_but_the_points(tmp_path: Path) -> None:
    for data in (
        split("key", "Title", **points.grid(), credit="me"),
        run(open_points(written(tmp_path / "a.csv"))),
    ):
        kept = PointData.from_json(json.loads(json.dumps(data.to_json())))
        assert kept.to_json() == data.to_json()
        assert kept.facts() == data.facts()
        assert kept.train.shape == (0, 2)


@pytest.mark.parametrize("damage", [{"counts": 3}, {"modes": [1, 2, 3]}, {"spread": "wide"}])
def test_damaged_json_is_refused(damage: dict[str, Any]) -> None:
    values = split("key", "Title", **points.grid()).to_json() | damage
    with pytest.raises((ValueError, TypeError, KeyError)):
        PointData.from_json(values)

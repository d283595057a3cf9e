"""engine/history.py: curves of any length in bounded memory."""

import math
from pathlib import Path

import numpy as np
import pytest

from engine import history as history_
from engine.history import History, Mark
from engine.phrases import N_


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A capacity that is soon reached."""
    monkeypatch.setattr(history_, "CAPACITY", 16)
    return 16


def filled(count: int, start: int = 1) -> History:
    """Steps `start`.. with loss = 1000 - step, half a second each."""
    history = History()
    for step in range(start, start + count):
        history.add(step, step / 2, {"loss": 1000.0 - step})
    return history


def test_what_was_added_is_there() -> None:
    history = History()
    history.add(1, 0.5, {"loss": 3.0, "gradient": 9.0})
    history.add(4, 2.0, {"loss": 2.0})
    assert history.names == ("loss", "gradient")
    loss = history.series("loss")
    assert loss.steps.tolist() == [1, 4]
    assert loss.seconds.tolist() == [0.5, 2.0]
    assert loss.values.tolist() == [3.0, 2.0]
    assert history.series("gradient").values.tolist() == [9.0]
    assert history.last() == {"loss": 2.0, "gradient": 9.0}


def test_a_series_that_is_not_there_is_empty() -> None:
    series = History().series("loss")
    assert [part.shape for part in series] == [(0,)] * 3
    assert History().last() == {}


def test_a_reader_gets_a_copy() -> None:
    history = filled(2)
    history.series("loss").values[:] = -1.0
    assert history.series("loss").values.tolist() == [999.0, 998.0]


def test_a_full_series_merges_neighbours_into_their_mean(small: int) -> None:
    history = filled(small)
    assert history.series("loss").steps.tolist() == list(range(1, 17))
    history.add(17, 8.5, {"loss": 983.0})
    loss = history.series("loss")
    assert loss.steps.tolist() == [1.5, 3.5, 5.5, 7.5, 9.5, 11.5, 13.5, 15.5, 17]
    assert loss.seconds.tolist() == [step / 2 for step in loss.steps]
    assert loss.values.tolist() == [1000 - step for step in loss.steps]


def test_memory_is_bounded_and_a_straight_curve_stays_straight(small: int) -> None:
    history = filled(5000)
    loss = history.series("loss")
    assert small // 2 <= len(loss.steps) <= small
    assert (np.diff(loss.steps) > 0).all()
    np.testing.assert_allclose(loss.values, 1000 - loss.steps)
    assert loss.steps[0] > 100, "the oldest has the least detail"
    assert loss.steps[-1] == 5000, "the newest is kept as it came"


def test_merging_keeps_the_mean(small: int) -> None:
    history = History()
    values = np.random.default_rng(0).normal(size=small)
    for step, value in enumerate(values):
        history.add(step, 0.0, {"loss": float(value)})
    history.add(small, 0.0, {"loss": 0.0})
    merged = history.series("loss").values[:-1]
    assert len(merged) == small // 2
    assert math.isclose(merged.mean(), values.mean())


def test_the_default_capacity_holds_too() -> None:
    history = filled(history_.CAPACITY + 1)
    assert len(history.series("loss").steps) == history_.CAPACITY // 2 + 1


def test_every_change_changes_the_version() -> None:
    history = History()
    seen = [history.version]
    history.add(1, 0.0, {"loss": 1.0})
    seen.append(history.version)
    history.mark(1, "turned")
    seen.append(history.version)
    history.forget_after(0)
    seen.append(history.version)
    assert len(set(seen)) == 4
    history.series("loss")
    history.last()
    assert history.version == seen[-1]


def test_points_after_a_step_are_forgotten_and_marks_stay() -> None:
    history = filled(10)
    history.add(3, 1.5, {"held_out": 7.0})
    history.add(9, 4.5, {"held_out": 6.0})
    history.add(9, 4.5, {"late": 6.0})
    history.mark(8, "turned")
    history.forget_after(6)
    assert history.series("loss").steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert history.series("held_out").steps.tolist() == [3]
    assert history.series("late").steps.tolist() == []
    assert history.last() == {"loss": 994.0, "held_out": 7.0}
    assert history.marks == (Mark(8, "turned"),)
    history.add(7, 3.5, {"loss": 0.0})
    assert history.series("loss").steps.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_saved_and_loaded_is_the_same_and_goes_on_the_same(tmp_path: Path, small: int) -> None:
    history = filled(37)
    history.add(37, 18.5, {"held/out of": math.nan, "größe": 1e-300})
    history.mark(5, "learning rate 0.1 → 0.05")
    history.mark(7, "")
    history.save(tmp_path / "history.npz")
    again = History.load(tmp_path / "history.npz")
    for _ in range(2):
        assert again.names == history.names
        assert again.marks == history.marks
        for name in history.names:
            for mine, theirs in zip(history.series(name), again.series(name), strict=True):
                np.testing.assert_array_equal(mine, theirs)
        for each in (history, again):
            for step in range(38, 60):
                each.add(step, 0.0, {"loss": 1.0 / step})


def test_an_empty_history_can_be_saved(tmp_path: Path) -> None:
    History().save(tmp_path / "history.npz")
    again = History.load(tmp_path / "history.npz")
    assert again.names == ()
    assert again.marks == ()


def test_the_newest_marks_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_, "MOST_MARKS", 3)
    history = History()
    for step in range(5):
        history.mark(step, f"mark {step}")
    assert [mark.step for mark in history.marks] == [2, 3, 4]
    history.save(tmp_path / "history.npz")
    monkeypatch.setattr(history_, "MOST_MARKS", 2)
    assert [mark.step for mark in History.load(tmp_path / "history.npz").marks] == [3, 4]


def test_a_history_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.npz"
    history = History()
    for number in range(4):
        history.add(1, 0.1, {f"metric {number}": 1.0})
    history.save(path)
    monkeypatch.setattr(history_, "MOST_SERIES", 4)
    assert len(History.load(path).names) == 4
    monkeypatch.setattr(history_, "MOST_SERIES", 3)
    with pytest.raises(ValueError, match="more than 3 series"):
        History.load(path)
    long = History()
    long.mark(1, N_("{what}" + "x" * 2000, what="a"))
    long.save(path)
    with pytest.raises(ValueError, match="more than 1000 characters"):
        History.load(path)


def test_what_is_loaded_can_run_no_code(tmp_path: Path) -> None:
    path = tmp_path / "history.npz"
    with path.open("wb") as file:
        np.savez(file, marks=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="it is of object"):
        History.load(path)

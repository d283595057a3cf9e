"""The loss curves: what is drawn, read out and marked."""

import math

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import (
    LossCurves,
)
from app.plots.loss_curves import smoothed
from tests.app.plots.screen import shown

UNITS = {"nats per character": 1.0, "bits per character": 1 / math.log(2)}


def trained(qtbot: QtBot) -> LossCurves:
    curves: LossCurves = shown(qtbot, LossCurves())
    curves.set_units(UNITS)
    curves.set_series("train", np.arange(10), np.linspace(4, 2, 10), "raw")
    curves.set_series("held-out", np.array([0, 4, 9]), np.array([4.0, 2.0, 3.0]), "points")
    return curves


def test_loss_curves_invite_before_the_first_step(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossCurves())
    assert curves.stack.currentIndex() == 0
    curves.set_series("train", np.arange(3), np.ones(3), "raw")
    assert curves.stack.currentIndex() == 1
    curves.clear()
    assert curves.stack.currentIndex() == 0
    assert curves.read_at(1.0) == ""
    curves.set_series("train", np.arange(0), np.ones(0), "raw")
    assert curves.stack.currentIndex() == 0, "a line without points is none yet"
    curves.set_series("train", np.arange(3), np.ones(3), "raw")
    assert curves.stack.currentIndex() == 1


def test_loss_curves_read_out_all_lines_and_marks(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_marks([(4, "learning rate 0.01 → 0.003")])
    assert curves.read_at(9.0) == "step 9: train 2  ·  held-out 3"
    assert curves.read_at(4.0).endswith("held-out 2  ·  learning rate 0.01 → 0.003")
    assert curves.footer.caption == "train 2 · held-out 3 · ★ 2 at 4"
    assert curves.best.getData()[0].tolist() == [4.0]


def test_the_unit_switch_changes_every_value(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    assert curves.unit.isVisible()
    curves.unit.setCurrentIndex(1)
    assert curves.unit.currentText() == "bits per character"
    assert curves.read_at(9.0) == f"step 9: train {2 / math.log(2):.4g}  ·  held-out 4.328"
    assert curves.best.getData()[1][0] == pytest.approx(2 / math.log(2))
    curves.set_units(UNITS)
    assert curves.unit.currentIndex() == 1
    curves.set_units({"loss": 1.0})
    assert not curves.unit.isVisible()
    assert curves.plot.getAxis("left").labelText == "loss"


def test_loss_on_a_logarithmic_axis(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_series("train", np.arange(4), np.array([100.0, -1.0, np.nan, 10.0]), "raw")
    curves.log.setChecked(True)
    _raw, strong = curves._items["train"]
    assert np.allclose(strong.getData()[1], [2, 1])
    assert curves.best.getData()[1][0] == pytest.approx(math.log10(2))


def test_marks_never_run_into_each_other(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_series("train", np.arange(1000), np.ones(1000), "raw")
    curves.set_marks([(100, "a rather long sentence"), (101, "hidden"), (800, "seen")])
    QApplication.processEvents()
    assert [line.label.isVisible() for line in curves._mark_lines] == [True, False, True]
    curves.set_marks([(100, "{braces}")])
    assert curves._mark_lines[0].label.toPlainText() == "{braces}"


def test_loss_curves_draw_nothing_while_hidden(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = trained(qtbot)
    drawn: list[int] = []
    draw = curves._draw

    def watched() -> None:
        drawn.append(1)
        draw()

    monkeypatch.setattr(curves, "_draw", watched)
    curves.hide()
    for last in range(3):
        curves.set_series("train", np.arange(5), np.full(5, last), "raw")
    assert drawn == []
    curves.show()
    assert drawn == [1]
    assert curves.read_at(4.0).startswith("step 4: train 2 ")


def test_smoothing_is_the_mean_of_a_window() -> None:
    y = np.random.default_rng(0).normal(size=1000)
    half, at = 10, 500
    assert smoothed(y)[at] == pytest.approx(y[at - half : at + half + 1].mean())
    assert smoothed(y)[0] == pytest.approx(y[: half + 1].mean())
    assert smoothed(y)[-1] == pytest.approx(y[-half - 1 :].mean())
    assert smoothed(y[:50]) is not None
    assert (smoothed(y[:50]) == y[:50]).all()


def test_the_summary_stands_in_one_line(qtbot: QtBot) -> None:
    curves: LossCurves = shown(qtbot, LossCurves(), 560, 260)
    curves.set_units(UNITS)
    curves.set_series("training", np.arange(700), np.full(700, 1.93456), "raw")
    curves.set_series("held-out", np.array([0, 688]), np.array([1.7123, 1.6912]), "points")
    QApplication.processEvents()
    words = curves.footer.caption
    assert words == "training 1.93 · held-out 1.69 · ★ 1.69 at 688"
    assert curves.footer.fontMetrics().horizontalAdvance(words) <= curves.footer.width()
    assert curves.footer.height() < 1.5 * curves.fontMetrics().height()


def test_few_held_out_points_are_large(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    _raw, strong = curves._items["held-out"]
    assert (strong.opts["symbolSize"], strong.opts["pen"].widthF()) == (9, 2)
    curves.set_series("held-out", np.arange(200), np.ones(200), "points")
    assert strong.opts["symbolSize"] == 5


def test_the_mark_under_the_mouse_is_brought_forward(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_series("train", np.arange(1000), np.ones(1000), "raw")
    curves.set_marks([(100, "a rather long sentence"), (140, "hidden")])
    QApplication.processEvents()
    seen = [line.label.isVisible() for line in curves._mark_lines]
    assert seen == [True, False]
    assert curves.read_at(140.0).endswith("·  hidden")
    assert [line.label.isVisible() for line in curves._mark_lines] == [False, True]
    QApplication.sendEvent(curves, QEvent(QEvent.Type.Leave))
    assert [line.label.isVisible() for line in curves._mark_lines] == seen


def test_the_range_stays_while_the_lines_grow_a_little(qtbot: QtBot) -> None:
    """A new range draws both axes anew, which takes longer than the lines."""
    curves: LossCurves = shown(qtbot, LossCurves(), 560, 260)
    box = curves.plot.plotItem.getViewBox()
    ranges = []
    for steps in range(200, 400):
        curves.set_series("training", np.arange(steps), np.linspace(3, 2, steps), "raw")
        QApplication.processEvents()
        (left, right), (low, high) = box.viewRange()
        ranges.append((left, right))
        assert max(left, low - 2) <= 0, "all of it is seen"
        assert min(right - (steps - 1), high - 3) >= 0
        assert steps >= 0.75 * (right - left), "and little else"
    assert len(set(ranges)) < 20
    curves.set_series("training", np.arange(30), np.linspace(3, 2, 30), "raw")
    QApplication.processEvents()
    assert box.viewRange()[0][1] < 40, "a new training has its own range"


def test_a_range_chosen_by_hand_stays(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    box = curves.plot.plotItem.getViewBox()
    box.setRange(xRange=(2, 3), yRange=(0, 1), padding=0)
    curves.set_series("train", np.arange(500), np.linspace(4, 2, 500), "raw")
    QApplication.processEvents()
    assert np.allclose(box.viewRange(), [(2, 3), (0, 1)])
    curves.plot.show_all()
    qtbot.waitUntil(lambda: box.viewRange()[0][1] >= 499)


def test_only_lines_that_have_grown_are_drawn(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = trained(qtbot)
    drawn: list[str] = []
    draw = curves._draw_line

    def watched(name: str) -> None:
        drawn.append(name)
        draw(name)

    monkeypatch.setattr(curves, "_draw_line", watched)
    curves.set_series("train", np.arange(11), np.linspace(4, 2, 11), "raw")
    assert drawn == ["train"]
    curves.log.setChecked(True)
    assert sorted(drawn[1:]) == ["held-out", "train"]
    curves.set_series("held-out", np.array([0, 4, 9]), np.array([4.0, 1.0, 3.0]), "points")
    assert drawn[3:] == ["held-out"]
    assert curves.best.getData()[1][0] == pytest.approx(0.0)

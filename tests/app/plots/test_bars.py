"""Bars: how their values are written, and how they are dragged."""

import math
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import BarsWidget
from app.theme import theme
from engine.payloads import Bars
from tests.app.plots.screen import colour_at, move, shown


def test_bars_write_percentages_to_two_decimals(qtbot: QtBot) -> None:
    widget: BarsWidget = shown(qtbot, BarsWidget())
    widget.show_payload(Bars(("a", " "), (66.666, 3.1), "probability", "next", unit="%"))
    assert widget.view.words(0) == "'a': 66.67 %"
    assert widget.titles.text() == "next  ·  probability (%)"
    move(widget.view, QPoint(30, widget.view.ROW + 4))
    assert widget.footer.readout == "'␣': 3.10 %"
    move(widget.view, QPoint(30, 5 * widget.view.ROW))
    assert widget.footer.readout == ""
    widget.show_payload(Bars(("speed", "nothing"), (1234.5678, math.nan), unit="tokens/s"))
    assert widget.view.words(0) == "speed: 1235 tokens/s"
    widget.grab()


TURNED = Bars(("a", "b", "c"), (0.0, 1.0, -2.0), turns="code", low=-3.0, high=3.0)


def sliders_of(qtbot: QtBot, bars: Bars) -> Any:
    widget = shown(qtbot, BarsWidget(), 400, 300)
    widget.show_payload(bars)
    QApplication.processEvents()
    return widget


def at(sliders: Any, index: int, value: float) -> QPoint:
    return QPointF(sliders.column(index).center().x(), sliders.height_of(value)).toPoint()


def test_bars_to_drag_reach_from_zero_to_their_value(qtbot: QtBot) -> None:
    widget = sliders_of(qtbot, TURNED)
    sliders = widget.sliders
    assert sliders.isVisible()
    palette = theme().palette

    def painted(index: int, value: float) -> str:
        point = at(sliders, index, value)
        return "#{:02x}{:02x}{:02x}".format(*colour_at(sliders, point.x(), point.y()))

    assert painted(1, 0.5) == palette.series[0]
    assert painted(2, -1.0) == palette.series[1]
    blank = painted(1, 2.0)
    assert blank not in palette.series
    assert painted(1, -1.0) == painted(2, 1.0) == painted(0, 2.5) == blank
    assert sliders.area().top() == sliders.height_of(3.0)
    assert sliders.area().bottom() == sliders.height_of(-3.0)


def test_a_drag_sets_a_number_live(qtbot: QtBot) -> None:
    widget = sliders_of(qtbot, TURNED)
    sliders = widget.sliders
    told: list[dict[str, Any]] = []
    widget.turned.connect(told.append)
    QTest.mousePress(sliders, Qt.MouseButton.LeftButton, pos=at(sliders, 0, 1.5))
    assert told[-1]["code"] == pytest.approx((1.5, 1.0, -2.0), abs=0.05)
    for value in (1.0, 0.0, -1.0, -2.5):  # beside its column it is held all the same
        QTest.mouseMove(sliders, at(sliders, 1, value))
    late = replace(TURNED, values=(1.5, 1.0, -2.0))
    widget.show_payload(late)
    assert sliders.values[0] == pytest.approx(-2.5, abs=0.05)
    QTest.mouseRelease(sliders, Qt.MouseButton.LeftButton, pos=at(sliders, 1, -2.5))
    assert told[-1]["code"] == pytest.approx((-2.5, 1.0, -2.0), abs=0.05)
    assert widget.footer.readout.startswith("'a': -2.")
    widget.show_payload(late)
    assert sliders.values[0] == pytest.approx(-2.5, abs=0.05)
    widget.show_payload(replace(TURNED, values=sliders.values))
    widget.show_payload(late)
    assert sliders.values == late.values


def test_a_bar_stays_between_its_ends(qtbot: QtBot) -> None:
    widget = sliders_of(qtbot, TURNED)
    sliders = widget.sliders
    QTest.mousePress(sliders, Qt.MouseButton.LeftButton, pos=at(sliders, 1, 2))
    QTest.mouseMove(sliders, QPoint(50, -500))
    assert sliders.values[1] == 3.0
    QTest.mouseMove(sliders, at(sliders, 1, 0))
    assert sliders.values[1] == 0.0, "zero can be hit"
    QTest.mouseRelease(sliders, Qt.MouseButton.LeftButton, pos=at(sliders, 1, 0))


def test_bars_are_set_by_the_keyboard(qtbot: QtBot) -> None:
    widget = sliders_of(qtbot, TURNED)
    QTest.keyClick(widget.sliders, Qt.Key.Key_Right)
    with qtbot.waitSignal(widget.turned) as told:
        QTest.keyClick(widget.sliders, Qt.Key.Key_Up)
    assert told.args[0]["code"] == pytest.approx((0.0, 1.12, -2.0))


def test_bars_to_read_cannot_be_dragged(qtbot: QtBot) -> None:
    widget = sliders_of(qtbot, replace(TURNED, turns=""))
    assert not widget.sliders.isVisible()
    with qtbot.assertNotEmitted(widget.turned):
        QTest.mouseClick(widget.view, Qt.MouseButton.LeftButton, pos=QPoint(60, 10))
    widget.show_payload(Bars((), (), turns="code"))
    widget.grab()


def test_many_bars_stand_side_by_side(qtbot: QtBot) -> None:
    names = tuple(f"z{i}" for i in range(64))
    widget = sliders_of(qtbot, Bars(names, (1.0,) * 64, turns="code", low=-3.0, high=3.0))
    sliders = widget.sliders
    assert sliders.column(63).right() <= sliders.width()
    assert sliders.bar_at(QPointF(at(sliders, 63, 1.0))) == 63

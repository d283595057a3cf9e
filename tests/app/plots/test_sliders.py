"""Bars that are set by dragging: where they stand, what a hand does to them, and what is told."""

import math
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots.sliders import Sliders
from app.theme import theme
from engine.payloads import Bars
from tests.app.plots.screen import brightness, colour_at, move, rgb, shown

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
BARS = Bars(("a", "b", "c"), (0.5, -1.0, 0.0), unit="nats", turns="z", low=-2.0, high=2.0)


@pytest.fixture
def sliders(qtbot: QtBot) -> Sliders:
    sliders: Sliders = shown(qtbot, Sliders(), 300, 240)
    sliders.show_bars(BARS)
    return sliders


@pytest.fixture
def told(sliders: Sliders) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    sliders.turned.connect(told.append)
    return told


@pytest.fixture
def read(sliders: Sliders) -> list[str]:
    read: list[str] = []
    sliders.hovered.connect(read.append)
    return read


def place(sliders: Sliders, index: int, value: float) -> QPoint:
    """Where the bar of that number would end at that value."""
    return QPointF(sliders.column(index).center().x(), sliders.height_of(value)).toPoint()


# --- where things are


def test_heights_and_values_are_the_inverse_of_each_other(sliders: Sliders) -> None:
    area = sliders.area()
    assert sliders.height_of(-2.0) == area.bottom()
    assert sliders.height_of(2.0) == area.top()
    assert sliders.height_of(0.0) == pytest.approx(area.center().y())
    pixel = 4.0 / area.height()
    for value in (-2.0, -1.3, 0.0, 0.7, 2.0):
        assert sliders.value_at(sliders.height_of(value)) == pytest.approx(value, abs=pixel)


def test_beyond_the_scale_it_ends_at_the_scale(sliders: Sliders) -> None:
    assert sliders.value_at(-1000.0) == 2.0
    assert sliders.value_at(1000.0) == -2.0
    assert sliders.height_of(1e9) == sliders.area().top()
    assert sliders.height_of(-1e9) == sliders.area().bottom()


def test_near_zero_it_is_exactly_zero(sliders: Sliders) -> None:
    zero = sliders.height_of(0.0)
    assert sliders.value_at(zero + 1.5) == sliders.value_at(zero - 1.5) == 0.0
    assert sliders.value_at(zero - 3) > 0 > sliders.value_at(zero + 3)


def test_a_value_has_no_more_digits_than_a_pixel_can_tell(sliders: Sliders) -> None:
    for y in range(int(sliders.area().top()), int(sliders.area().bottom())):
        assert len(f"{abs(sliders.value_at(y)):.9g}") <= len("1.99")


@pytest.mark.parametrize(
    ("values", "low", "high", "ends"),
    [
        ((0.2, 0.4), None, None, (0.0, 1.0)),
        ((-3.0, 7.0), None, None, (-3.0, 7.0)),
        ((math.nan, math.inf, 5.0), None, None, (0.0, 5.0)),
        ((math.nan,), None, None, (0.0, 1.0)),
        ((0.5,), 0.25, 0.75, (0.25, 0.75)),
        ((0.5,), 3.0, 3.0, (3.0, 4.0)),
        ((0.5,), 3.0, -3.0, (3.0, 4.0)),
        ((), None, None, (0.0, 1.0)),
    ],
)
def test_the_scale_is_the_one_given_or_holds_all_that_can_be_shown(
    sliders: Sliders,
    values: tuple[float, ...],
    low: float | None,
    high: float | None,
    ends: tuple[float, float],
) -> None:
    sliders.show_bars(Bars((), values, turns="z", low=low, high=high))
    assert sliders.ends() == ends


def test_each_bar_is_found_in_its_column_and_nowhere_else(sliders: Sliders) -> None:
    for index in range(3):
        assert sliders.bar_at(sliders.column(index).center()) == index
    area = sliders.area()
    assert sliders.bar_at(QPointF(area.left() - 2, area.center().y())) is None
    assert sliders.bar_at(QPointF(area.right() + 2, area.center().y())) is None
    assert sliders.bar_at(QPointF(area.center().x(), area.bottom() + 5)) == 1, "a little below"
    assert sliders.bar_at(QPointF(area.center().x(), area.bottom() + 12)) is None
    assert sliders.bar_at(QPointF(area.right(), area.center().y())) == 2


def test_few_bars_keep_together_and_many_fill_the_width(sliders: Sliders) -> None:
    sliders.resize(900, 240)
    assert sliders.column(0).width() == Sliders.MOST
    sliders.show_bars(Bars((), (0.0,) * 500, turns="z"))
    assert sliders.area().right() == pytest.approx(896)
    assert sliders.bar_at(sliders.column(499).center()) == 499


# --- a hand on the mouse


def test_a_press_takes_the_bar_to_the_mouse(
    sliders: Sliders, told: list[dict[str, Any]], read: list[str]
) -> None:
    QTest.mousePress(sliders, LEFT, pos=place(sliders, 2, 1.5))
    assert sliders.gripped == sliders.current == 2
    (turn,) = told
    assert turn == {"z": (0.5, -1.0, pytest.approx(1.5, abs=0.03))}
    assert read[-1] == sliders.words(2)
    assert read[-1].startswith("'c': 1.5")
    QTest.mouseRelease(sliders, LEFT, pos=place(sliders, 2, 1.5))
    assert sliders.gripped is None


def test_a_drag_holds_on_to_its_bar_and_tells_where_it_was_let_go(
    sliders: Sliders, told: list[dict[str, Any]]
) -> None:
    QTest.mousePress(sliders, LEFT, pos=place(sliders, 0, 0.5))
    for value in (0.8, 1.1, 1.4):
        move(sliders, place(sliders, 2, value))  # over another bar by now
    move(sliders, QPoint(5, -50))
    QTest.mouseRelease(sliders, LEFT, pos=QPoint(5, -50))
    assert sliders.values == (2.0, -1.0, 0.0)
    assert told[-1] == {"z": (2.0, -1.0, 0.0)}


@pytest.mark.parametrize("button", [RIGHT, Qt.MouseButton.MiddleButton])
def test_another_button_takes_hold_of_nothing_and_lets_nothing_go(
    sliders: Sliders, told: list[dict[str, Any]], button: Qt.MouseButton
) -> None:
    QTest.mouseClick(sliders, button, pos=place(sliders, 2, 1.5))
    QTest.mouseDClick(sliders, button, pos=place(sliders, 0, 0.5))
    assert not told
    QTest.mousePress(sliders, LEFT, pos=place(sliders, 0, 1.0))
    QTest.mouseClick(sliders, button, pos=place(sliders, 2, 1.5))
    assert sliders.gripped == 0
    QTest.mouseRelease(sliders, LEFT)


def test_beside_the_bars_there_is_nothing_to_take(
    sliders: Sliders, told: list[dict[str, Any]]
) -> None:
    for x, y in ((1, 100), (299, 100), (60, 239)):
        QTest.mouseClick(sliders, LEFT, pos=QPoint(x, y))
    assert not told
    assert sliders.values == BARS.values


def test_a_double_click_puts_a_bar_back_to_zero(
    sliders: Sliders, told: list[dict[str, Any]]
) -> None:
    QTest.mouseDClick(sliders, LEFT, pos=place(sliders, 1, 1.8))
    assert sliders.values == (0.5, 0.0, 0.0)
    assert sliders.gripped is None


def test_without_zero_on_the_scale_a_double_click_goes_as_near_as_can_be(sliders: Sliders) -> None:
    sliders.show_bars(replace(BARS, values=(2.0, 2.0, 2.0), low=1.0, high=3.0))
    QTest.mouseDClick(sliders, LEFT, pos=place(sliders, 1, 2.5))
    assert sliders.values[1] == 1.0


def test_what_is_under_the_mouse_is_read_out_until_it_leaves(
    sliders: Sliders, read: list[str]
) -> None:
    move(sliders, place(sliders, 1, 0.3))
    assert read[-1] == "'b': -1 nats"
    assert sliders.under == 1
    move(sliders, QPoint(1, 1))
    assert read[-1] == ""
    move(sliders, place(sliders, 0, 0.3))
    QApplication.sendEvent(sliders, QEvent(QEvent.Type.Leave))
    assert read[-1] == ""
    assert sliders.under is None


# --- keys


def test_keys_choose_a_bar_and_set_it(
    sliders: Sliders, told: list[dict[str, Any]], read: list[str]
) -> None:
    QTest.keyClick(sliders, Qt.Key.Key_Right)
    assert sliders.current == 1
    assert read == ["'b': -1 nats"]
    assert not told
    QTest.keyClick(sliders, Qt.Key.Key_Up)
    assert sliders.values == pytest.approx((0.5, -0.92, 0.0))
    assert told == [{"z": sliders.values}]
    QTest.keyClick(sliders, Qt.Key.Key_Left)
    QTest.keyClick(sliders, Qt.Key.Key_Down)
    assert sliders.values == pytest.approx((0.42, -0.92, 0.0))


def test_keys_end_where_the_bars_and_the_scale_end(
    sliders: Sliders, told: list[dict[str, Any]]
) -> None:
    QTest.keyClick(sliders, Qt.Key.Key_Left)
    assert sliders.current == 0
    for _ in range(5):
        QTest.keyClick(sliders, Qt.Key.Key_Right)
    assert sliders.current == 2
    for _ in range(60):
        QTest.keyClick(sliders, Qt.Key.Key_Down)
    assert sliders.values[2] == -2.0


def test_what_is_no_number_is_never_told(sliders: Sliders, told: list[dict[str, Any]]) -> None:
    sliders.show_bars(replace(BARS, values=(math.nan, math.inf, -math.inf)))
    assert sliders.words(0) == "'a': nan nats"
    assert brightness(sliders) > 0
    QTest.keyClick(sliders, Qt.Key.Key_Up)
    assert told == [{"z": (0.0, 0.0, 0.0)}]
    assert sliders.words(0) == "'a': 0 nats"


def test_other_keys_are_left_to_others(sliders: Sliders, told: list[dict[str, Any]]) -> None:
    QTest.keyClick(sliders, Qt.Key.Key_A)
    QTest.keyClick(sliders, Qt.Key.Key_PageUp)
    assert not told
    assert sliders.current == 0


# --- payloads that come and go


def test_a_late_picture_does_not_pull_the_bar_from_the_hand(sliders: Sliders) -> None:
    QTest.mousePress(sliders, LEFT, pos=place(sliders, 2, 1.5))
    held = sliders.values
    sliders.show_bars(replace(BARS))
    assert sliders.values == held
    QTest.mouseRelease(sliders, LEFT, pos=place(sliders, 2, 1.5))
    sliders.show_bars(replace(BARS, values=held))
    sliders.show_bars(replace(BARS, values=(0.1, 0.2, 0.3)))
    assert sliders.values == (0.1, 0.2, 0.3), "once it was seen, somebody else may set it"


def test_a_picture_that_goes_on_to_disagree_is_right(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, sliders: Sliders
) -> None:
    monkeypatch.setattr("app.plots.turning.SETTLED", 0.05)
    sliders.set_value(0, 1.0)
    sliders.show_bars(replace(BARS))
    assert sliders.values[0] == 1.0
    qtbot.waitUntil(lambda: sliders.values == BARS.values)


def test_the_bar_in_the_hand_may_vanish(sliders: Sliders, told: list[dict[str, Any]]) -> None:
    QTest.mousePress(sliders, LEFT, pos=place(sliders, 2, 1.5))
    sliders.show_bars(replace(BARS, labels=("a",), values=(0.25,)))
    assert sliders.gripped is None
    assert sliders.current == 0
    assert sliders.values == (0.25,)
    move(sliders, QPoint(200, 20))
    QTest.mouseRelease(sliders, LEFT, pos=QPoint(200, 20))
    assert sliders.values == (0.25,)


def test_without_bars_nothing_happens(sliders: Sliders, told: list[dict[str, Any]]) -> None:
    sliders.show_bars(Bars((), ()))
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right):
        QTest.keyClick(sliders, key)
    QTest.mouseClick(sliders, LEFT, pos=sliders.rect().center())
    QTest.mouseDClick(sliders, LEFT, pos=sliders.rect().center())
    move(sliders, sliders.rect().center())
    assert not told
    assert sliders.accessibleDescription() == ""
    assert brightness(sliders) > 0


def test_bars_without_names_have_numbers(sliders: Sliders) -> None:
    sliders.show_bars(Bars((), (0.25, 0.5), turns="z"))
    assert sliders.words(1) == "1: 0.5"
    assert brightness(sliders) > 0


def test_a_screen_reader_is_told_the_first_of_them_as_they_are_now(sliders: Sliders) -> None:
    assert sliders.accessibleDescription() == "'a': 0.5 nats; 'b': -1 nats; 'c': 0 nats"
    sliders.set_value(2, 1.0)
    assert sliders.accessibleDescription().endswith("'c': 1 nats")
    sliders.show_bars(Bars((), (0.0,) * 300, turns="z"))
    assert sliders.accessibleDescription().count(";") == 19


def test_setting_what_is_there_already_tells_nothing(
    sliders: Sliders, told: list[dict[str, Any]], read: list[str]
) -> None:
    sliders.set_value(0, 0.5)
    assert not told
    assert read == ["'a': 0.5 nats"], "it is read out all the same"
    sliders.set_value(0, 99.0)
    assert told == [{"z": (2.0, -1.0, 0.0)}]


# --- how it looks


def test_bars_rise_and_fall_from_zero_in_two_colours(sliders: Sliders) -> None:
    up, down = (rgb(theme().series(index)) for index in (0, 1))
    for index, value, colour in ((0, 0.25, up), (1, -0.5, down)):
        at = place(sliders, index, value)
        assert colour_at(sliders, at.x(), at.y()) == colour
    for index, value in ((0, -0.5), (0, 1.0), (1, 0.5), (1, -1.5)):
        at = place(sliders, index, value)
        assert colour_at(sliders, at.x(), at.y()) not in (up, down)


def test_the_bar_that_keys_set_is_marked_while_they_do(qtbot: QtBot, sliders: Sliders) -> None:
    empty = place(sliders, 0, 1.7)
    with qtbot.waitActive(sliders):
        sliders.activateWindow()
    sliders.clearFocus()
    before = colour_at(sliders, empty.x(), empty.y())
    sliders.setFocus()
    assert colour_at(sliders, empty.x(), empty.y()) != before
    sliders.clearFocus()
    assert colour_at(sliders, empty.x(), empty.y()) == before


def test_it_follows_the_theme(sliders: Sliders) -> None:
    at = place(sliders, 0, 0.25)
    theme().use("dark")
    assert colour_at(sliders, at.x(), at.y()) == rgb(theme().series(0))


@pytest.mark.parametrize("size", [(1, 1), (60, 110), (20, 2000)])
def test_it_paints_at_any_size(sliders: Sliders, size: tuple[int, int]) -> None:
    sliders.resize(*size)
    assert brightness(sliders) >= 0
    assert sliders.area().width() >= 10
    assert sliders.area().height() >= 10
    assert math.isfinite(sliders.value_at(0.0))

"""What could come: bars and areas with the right lengths at the right places."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.special.chances import Chances, outline
from app.theme import theme
from tests.app.plots.screen import colour_at, move, shown

LEFT = Qt.MouseButton.LeftButton


def chances_of(
    qtbot: QtBot, shares: Any, width: int = 360, height: int = 240, **more: Any
) -> Chances:
    widget: Chances = shown(qtbot, Chances(), width, height)
    shades = np.linspace(0, 255, len(shares)).astype(np.uint8).reshape(-1, 1, 1, 1)
    widget.set_looks(list(shades), more.pop("names", ()))
    more = {"token": 0, "open": True} | more
    widget.show_chances(np.asarray(shares, np.float32), more.pop("token"), **more)
    QApplication.processEvents()
    return widget


def gentle(peak: int, count: int = 256) -> Any:
    shares = np.exp(-(((np.arange(count) - peak) / 20) ** 2))
    return shares / shares.sum()


def accented(widget: Chances, token: int) -> int:
    """Pixels of the accent's colour in the middle of a token's row."""
    image, y = widget.grab().toImage(), round(widget.place(token).center().y())
    names = [image.pixelColor(x, y).name() for x in range(widget.width())]
    return names.count(theme().palette.accent)


@pytest.mark.parametrize("count", [2, 4, 16])
@pytest.mark.parametrize("size", [(300, 90), (360, 240), (200, 400)])
def test_bars_lie_inside_and_apart(qtbot: QtBot, count: int, size: tuple[int, int]) -> None:
    widget = chances_of(qtbot, np.full(count, 1 / count), *size)
    places = [widget.place(token) for token in range(count)]
    for token, place in enumerate(places):
        assert place.right() <= size[0] + 0.01
        assert place.bottom() <= size[1] + 0.01
        assert widget.token_at(place.center()) == token
        for other in places[:token]:
            assert not place.adjusted(0.1, 0.1, -0.1, -0.1).intersects(other)


def test_the_bar_of_what_came_is_as_long_as_its_share(qtbot: QtBot) -> None:
    widget = chances_of(qtbot, [0.25, 0.75], names=("black", "white"), token=1)
    long = accented(widget, 1)
    widget.show_chances(np.array([0.75, 0.25], np.float32), 1, open=True)
    assert long > 60
    assert accented(widget, 1) == pytest.approx(long / 3, abs=3)


def test_each_has_its_picture(qtbot: QtBot) -> None:
    widget = chances_of(qtbot, np.full(4, 0.25))
    for token, shade in enumerate((0, 85, 170, 255)):
        place = widget.place(token)
        assert colour_at(widget, place.left() + 12, place.center().y()) == (shade,) * 3


def test_many_values_are_an_area_with_its_top_at_a_round_share(qtbot: QtBot) -> None:
    widget = chances_of(qtbot, gentle(100), token=30)
    assert widget.top() == 0.05  # the likeliest has 2.8 %
    area = widget.area()
    image = widget.grab().toImage()

    def filled(token: int) -> int:
        x = round(widget.place(token).center().x())
        ground = image.pixelColor(x, round(area.top()) + 2)
        rows = range(round(area.top()) + 2, round(area.bottom()) - 1)
        return sum(image.pixelColor(x, y) != ground for y in rows)

    share = gentle(100)
    for token in (100, 120):
        assert filled(token) == pytest.approx(share[token] / 0.05 * area.height(), abs=4)
    assert filled(200) <= 2
    marked = round(widget.place(30).center().x())
    assert colour_at(widget, marked, area.top() + 10) == colour_at(widget, marked, area.top() + 30)
    assert image.pixelColor(marked, round(area.top()) + 10).name() == theme().palette.accent


def test_the_outline_goes_around_every_column() -> None:
    shape = outline(np.array([0.0, 2.0, 5.0]), np.array([3.0, 1.0]), 9.0)
    points = [(point.x(), point.y()) for point in shape]  # type: ignore[attr-defined]
    assert points == [(0, 9), (0, 3), (2, 3), (2, 1), (5, 1), (5, 9)]


@pytest.mark.parametrize("count", [4, 256])
def test_a_click_chooses_and_the_mouse_reads_out(qtbot: QtBot, count: int) -> None:
    widget = chances_of(qtbot, gentle(2, count))
    chosen: list[int] = []
    read: list[str] = []
    widget.chosen.connect(chosen.append)
    widget.hovered.connect(read.append)
    for token in (0, count // 2, count - 1):
        centre = widget.place(token).center().toPoint()
        move(widget, centre)
        assert read[-1] == f"{token} · {100 * gentle(2, count)[token]:.2f} %"
        QTest.mouseClick(widget, LEFT, pos=centre)
    assert chosen == [0, count // 2, count - 1]
    widget.show_chances(widget.probabilities, 0, open=False)
    QTest.mouseClick(widget, LEFT, pos=widget.place(1).center().toPoint())
    assert len(chosen) == 3


def test_the_keyboard_chooses_too(qtbot: QtBot) -> None:
    keys = Qt.Key
    for count, forth, start in ((4, keys.Key_Down, 1), (256, keys.Key_Right, 254)):
        widget = chances_of(qtbot, np.full(count, 1 / count), token=start)
        chosen: list[int] = []
        widget.chosen.connect(chosen.append)
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)
        QTest.keyClick(widget, forth)
        QTest.keyClick(widget, keys.Key_Return)
        for _press in range(3):
            QTest.keyClick(widget, forth)
        QTest.keyClick(widget, keys.Key_Return)
        assert chosen == [start + 1, count - 1]


def test_nothing_is_read_where_nothing_is(qtbot: QtBot) -> None:
    widget = chances_of(qtbot, [0.5, 0.5])
    assert widget.token_at(QPointF(100, 200)) is None
    many = chances_of(qtbot, gentle(10))
    assert many.token_at(QPointF(1, 50)) is None
    empty: Chances = shown(qtbot, Chances(), 200, 100)
    assert empty.token_at(QPointF(10, 10)) is None
    QTest.keyClick(empty, Qt.Key.Key_Down)
    move(empty, QPoint(5, 5))

"""The plane: what is painted where, and rings that are dragged."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import PlaneWidget
from app.plots.plane import RING, arrow_strokes, colour_of
from app.theme import theme
from engine.payloads import Dots, Handle, Plane
from tests.app.plots.screen import colour_at, move, shown

LEFT = Qt.MouseButton.LeftButton
EXTENT = (-2.0, 2.0, -1.0, 3.0)
RINGED = Plane(EXTENT, handles=(Handle("here", 0.0, 1.0, "x", "y"),), caption="drag it")


def plane_of(qtbot: QtBot, plane: Plane, width: int = 500, height: int = 460) -> Any:
    widget = shown(qtbot, PlaneWidget(), width, height)
    widget.show_payload(plane)
    QApplication.processEvents()
    return widget


def pixel(widget: PlaneWidget, x: float, y: float) -> QPoint:
    return widget.pixel_of(x, y).toPoint()


def painted(widget: PlaneWidget, x: float, y: float) -> tuple[int, int, int]:
    place = pixel(widget, x, y)
    return colour_at(widget.view, place.x(), place.y())


def rgb(name: str) -> tuple[int, int, int]:
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def dots(*points: tuple[float, float], **more: Any) -> Dots:
    return Dots("some", np.array(points, np.float32), **more)


@pytest.mark.parametrize("size", [(500, 460), (700, 300), (260, 500)])
def test_a_unit_is_as_long_upwards_as_sideways(qtbot: QtBot, size: tuple[int, int]) -> None:
    widget = plane_of(qtbot, RINGED, *size)
    origin, right, up = (widget.pixel_of(*at) for at in ((-2, -1), (2, -1), (-2, 3)))
    assert right.x() - origin.x() == pytest.approx(origin.y() - up.y(), abs=2)
    assert right.x() <= widget.view.width()
    assert up.y() >= 0
    assert right.x() - origin.x() > 0.6 * min(widget.view.width(), widget.view.height())


def test_data_that_leaves_the_extent_does_not_move_it(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, Plane(EXTENT, (dots((0, 0)),)))
    before = pixel(widget, 1, 2)
    far = np.array([[50, 50, 1, 1]], np.float32)
    paths = np.full((2, 3, 2), 80, np.float32)
    widget.show_payload(Plane(EXTENT, (dots((0, 0), (90, -70)),), arrows=far, paths=paths))
    QApplication.processEvents()
    assert pixel(widget, 1, 2) == before


def test_the_top_row_of_a_surface_is_at_the_top(qtbot: QtBot) -> None:
    surface = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    widget = plane_of(qtbot, Plane(EXTENT, surface=surface, value_title="score"))
    lookup = theme().lookup()
    for value, place in enumerate([(-1, 2), (1, 2), (-1, 0), (1, 0)]):
        colour = lookup[min(255, round(value / 3 * 255))]
        assert np.abs(np.array(painted(widget, *place), int) - colour).max() <= 3
    assert widget.read_at(QPointF(1, 2.5)) == "x 1, y 2.5 · score 1"
    assert widget.read_at(QPointF(-1, -0.5)) == "x -1, y -0.5 · score 2"
    assert widget.read_at(QPointF(-2.5, 0)) == ""
    assert widget.scale.isVisible()


def test_a_picture_stands_in_place_of_a_surface(qtbot: QtBot) -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 1] = (200, 10, 30)
    widget = plane_of(qtbot, Plane(EXTENT, picture=picture))
    assert painted(widget, 1, 2) == (200, 10, 30)
    assert painted(widget, 1, 0) == (0, 0, 0)
    grey = np.array([[[50], [60]], [[70], [80]]], np.uint8)
    widget.show_payload(Plane(EXTENT, picture=grey))
    assert painted(widget, -1, 0) == (70, 70, 70)
    assert not widget.scale.isVisible()
    widget.show_payload(Plane(EXTENT))
    assert painted(widget, -1, 0) == rgb(theme().palette.panel)


def test_dots_have_the_colours_of_their_classes(qtbot: QtBot) -> None:
    places = [(x / 4 - 1.5, 1.0) for x in range(9)]
    many = dots(*places, classes=np.arange(9), names=tuple("abcdefghi"))
    widget = plane_of(qtbot, Plane(EXTENT, (many,)))
    series = theme().palette.series
    for k, place in enumerate(places[:7]):
        assert painted(widget, *place) == rgb(series[k])
    middle = painted(widget, *places[7])
    assert middle != rgb(series[0]), "hollow, so as not to be taken for the first"
    assert [entry[0] for entry in widget.key.entries] == list("abcdefghi")
    theme().use("dark")
    assert painted(widget, *places[0]) == rgb(theme().palette.series[0])


def test_strong_dots_are_in_front_of_faint_ones(qtbot: QtBot) -> None:
    strong, faint = dots((0, 0)), dots((0, 0), (1, 1), tone="faint")
    widget = plane_of(qtbot, Plane(EXTENT, (strong, faint)))
    assert painted(widget, 0, 0) == rgb(theme().palette.series[0])
    assert painted(widget, 1, 1) == rgb(colour_of(faint, 0, 0)[0].name())


def test_numbers_that_are_none_are_left_out(qtbot: QtBot) -> None:
    bad = np.array([[np.nan, 0], [np.inf, 1], [1, 1]], np.float32)
    arrows = np.array([[0, 0, np.nan, 1], [0, 0, 1, 0]], np.float32)
    paths = np.full((2, 3, 2), np.nan, np.float32)
    widget = plane_of(qtbot, Plane(EXTENT, (Dots("", bad),), arrows=arrows, paths=paths))
    assert painted(widget, 1, 1) == rgb(theme().palette.series[0])
    assert len(arrow_strokes(arrows)) == 6


def test_arrows_and_paths_are_drawn_where_they_are(qtbot: QtBot) -> None:
    strokes = arrow_strokes(np.array([[1, 1, 0, 2]], np.float32))
    np.testing.assert_allclose(strokes[:2], [[1, 1], [1, 3]])
    head = strokes[[3, 5]]
    assert (head[:, 1] < 3).all()
    assert head[:, 0].mean() == pytest.approx(1)
    paths = np.array([[[-1, 0], [1, 0]], [[-1, 2], [1, 2]]], np.float32)
    plane = Plane(EXTENT, arrows=np.array([[-1, 1, 2, 0]], np.float32), paths=paths)
    widget = plane_of(qtbot, plane)
    panel = rgb(theme().palette.panel)
    for y in (0, 1, 2):
        at = pixel(widget, 0, y)
        column = [colour_at(widget.view, at.x(), at.y() + d) for d in (-1, 0, 1)]
        assert any(each != panel for each in column), f"nothing at y = {y}"
    assert painted(widget, 0, 0.5) == panel, "paths are not joined to each other"
    assert painted(widget, 0, 1.5) == panel


def test_the_dot_that_is_near_is_read_out(qtbot: QtBot) -> None:
    classes = np.array([0, 1])
    named = dots((-1, 0), (1, 0), classes=classes, names=("left one", "right one"))
    widget = plane_of(qtbot, Plane(EXTENT, (named,), x_title="z₁", y_title="z₂"))
    move(widget.view.viewport(), pixel(widget, 1, 0) + QPoint(4, 0))
    assert widget.footer.readout.endswith(" · some: right one")
    assert widget.footer.readout.startswith("z₁ 1.0")
    move(widget.view.viewport(), pixel(widget, 1, 0) + QPoint(30, 0))
    assert "one" not in widget.footer.readout


def test_a_ring_is_dragged_and_tells_of_it(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    told: list[dict[str, float]] = []
    widget.turned.connect(told.append)
    view = widget.view.viewport()
    QTest.mousePress(view, LEFT, pos=pixel(widget, 0, 1))
    assert told == [], "a press alone moves nothing"
    for x in np.linspace(0.1, 1, 8):
        QTest.mouseMove(view, pixel(widget, x, 2))
    assert widget.handles[0].x == pytest.approx(1, abs=0.02)
    QTest.mouseRelease(view, LEFT, pos=pixel(widget, 1, 2))
    assert set(told[-1]) == {"x", "y"}
    assert told[-1] == pytest.approx({"x": 1, "y": 2}, abs=0.02)
    assert len(told) < 9, "not more often than is seen"
    ring = pixel(widget, 1, 2) + QPoint(round(RING), 0)
    assert colour_at(widget.view, ring.x(), ring.y()) == rgb(theme().palette.accent)


def test_late_payloads_do_not_pull_a_ring_back(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    view = widget.view.viewport()
    QTest.mousePress(view, LEFT, pos=pixel(widget, 0, 1))
    QTest.mouseMove(view, pixel(widget, 1, 2))
    late = replace(RINGED, handles=(Handle("here", 0.3, 1.2, "x", "y"),))
    widget.show_payload(late)
    assert widget.handles[0].x == pytest.approx(1, abs=0.02)
    QTest.mouseRelease(view, LEFT, pos=pixel(widget, 1, 2))
    widget.show_payload(late)
    assert widget.handles[0].x == pytest.approx(1, abs=0.02)
    there = widget.handles[0]
    widget.show_payload(replace(RINGED, handles=(there,)))
    widget.show_payload(late)
    assert widget.handles[0].x == 0.3, "set by somebody else"


def test_a_click_calls_the_only_ring(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    with qtbot.waitSignal(widget.turned) as told:
        QTest.mouseClick(widget.view.viewport(), LEFT, pos=pixel(widget, -1.5, -0.5))
    assert told.args[0] == pytest.approx({"x": -1.5, "y": -0.5}, abs=0.02)
    two = (*RINGED.handles, Handle("there", 1.0, 2.0, "x2", "y2"))
    widget.show_payload(replace(RINGED, handles=two))
    with qtbot.assertNotEmitted(widget.turned, wait=50):
        QTest.mouseClick(widget.view.viewport(), LEFT, pos=pixel(widget, 1.5, -0.5))
    view = widget.view.viewport()
    QTest.mousePress(view, LEFT, pos=pixel(widget, 1, 2))
    with qtbot.waitSignal(widget.turned) as told:
        QTest.mouseMove(view, pixel(widget, 0.5, 1.5))
    QTest.mouseRelease(view, LEFT, pos=pixel(widget, 0.5, 1.5))
    assert told.args[0] == pytest.approx({"x2": 0.5, "y2": 1.5}, abs=0.02)


def test_a_ring_stays_in_the_plane(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    view = widget.view.viewport()
    QTest.mousePress(view, LEFT, pos=pixel(widget, 0, 1))
    QTest.mouseMove(view, QPoint(-200, 900))
    QTest.mouseRelease(view, LEFT, pos=QPoint(-200, 900))
    assert (widget.handles[0].x, widget.handles[0].y) == (-2.0, -1.0)


def test_arrow_keys_move_a_ring(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    with qtbot.waitSignal(widget.turned) as told:
        QTest.keyClick(widget, Qt.Key.Key_Right)
    assert told.args[0] == pytest.approx({"x": 0.04, "y": 1.0})
    assert "here: x 0.04" in widget.footer.readout


def test_rings_that_are_gone_are_let_go(qtbot: QtBot) -> None:
    widget = plane_of(qtbot, RINGED)
    QTest.mousePress(widget.view.viewport(), LEFT, pos=pixel(widget, 0, 1))
    widget.show_payload(Plane(EXTENT))
    assert widget.gripped is None
    QTest.mouseMove(widget.view.viewport(), QPoint(100, 100))
    assert widget.handles == []


def test_the_legend_names_classes_once(qtbot: QtBot) -> None:
    classes = np.array([0, 1])
    names = ("one", "two")
    data = Dots("data", np.zeros((2, 2), np.float32), classes, names, tone="faint")
    drawn = Dots("drawn", np.ones((2, 2), np.float32), classes, names)
    widget = plane_of(qtbot, Plane(EXTENT, (data, drawn)))
    assert [each[0] for each in widget.key.entries] == ["one", "two", "data"]
    assert widget.key.entries[0][1].name() == theme().palette.series[0]
    widget.show_payload(Plane(EXTENT, (replace(data, classes=None), replace(drawn, classes=None))))
    assert [each[0] for each in widget.key.entries] == ["drawn", "data"]

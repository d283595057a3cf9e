"""Curves: what is read out, logarithms, and the lines that stay."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import CurveWidget
from app.plots.lines import crosses, free_places
from app.theme import theme
from engine.payloads import Curve, Line
from tests.app.plots.screen import move, shown

CURVE = Curve(
    (
        Line("RNN", np.array([1, 10, 100], np.float32), np.array([1, 0.1, 0.0], np.float32)),
        Line("LSTM", np.array([1, 10], np.float32), np.array([1, 0.5], np.float32)),
    ),
    "time lag (characters)",
    "gradient norm",
)


def test_curve_reads_out_all_lines_at_the_nearest_x(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    assert widget.read_at(8.0) == "time lag (characters) 10: RNN 0.1  ·  LSTM 0.5"
    assert widget.read_at(90.0) == "time lag (characters) 100: RNN 0  ·  LSTM 0.5 (at 10)"
    box = widget.plot.plotItem.getViewBox()
    QApplication.processEvents()
    place = widget.plot.mapFromScene(box.mapViewToScene(QPointF(10, 0.5)))
    move(widget.plot.viewport(), place)
    assert widget.footer.readout == widget.read_at(10.0)


def test_curve_on_logarithmic_axes_leaves_out_what_has_no_logarithm(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(replace(CURVE, log_x=True, log_y=True))
    x, y = widget.items[0].getData()
    assert np.allclose(x, [0, 1])
    assert np.allclose(y, [0, -1])
    assert widget.read_at(4.0).startswith("time lag (characters) 10:")
    assert widget.plot.cursor_line.value() == 1.0
    widget.show_payload(CURVE)
    assert np.allclose(widget.items[0].getData()[0], [1, 10, 100])


def test_curve_reuses_its_lines(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    first = list(widget.items)
    widget.show_payload(replace(CURVE, y_title="norm"))
    assert widget.items == first
    assert [name for name, _colour, _hollow in widget.key.entries] == ["RNN", "LSTM"]
    widget.show_payload(replace(CURVE, lines=CURVE.lines[1:]))
    assert len(widget.items) == 1
    widget.show_payload(replace(CURVE, lines=()))
    assert widget.read_at(1.0) == ""


# --- points with labels


TRADE = Curve(
    (
        Line(
            "rounds",
            np.array([2.0, 4.0, 8.0, 16.0], np.float32),
            np.array([90.0, 96.0, 98.0, 98.5], np.float32),
            ("1", "2", "4", "8"),
        ),
        Line("AR", np.array([16.0], np.float32), np.array([99.0], np.float32), ("One by one",)),
        Line("plain", np.array([2.0, 16.0], np.float32), np.array([91.0, 92.0], np.float32)),
    ),
    "milliseconds",
    "exact match, %",
    log_x=True,
)


def drawn(widget: CurveWidget) -> list[QRectF | None]:
    """Where labels stand, in pixels."""
    QApplication.processEvents()
    widget.grab()
    return widget.labels.placed


def test_points_with_labels_are_drawn_as_points_and_others_as_a_line(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(TRADE)
    assert [item.opts["symbol"] for item in widget.items] == ["o", "o", None]
    assert [each.text for each in widget.labels.labels] == ["1", "2", "4", "8", "One by one"]
    assert [each.colour for each in widget.labels.labels] == [theme().series(0)] * 4 + [
        theme().series(1)
    ]
    widget.show_payload(replace(TRADE, lines=TRADE.lines[2:]))
    assert widget.labels.labels == []
    assert [item.opts["symbol"] for item in widget.items] == [None]


def test_labels_are_beside_their_points_on_logarithmic_axes(qtbot: QtBot) -> None:
    for log_x, log_y in ((True, False), (False, False), (True, True)):
        widget = shown(qtbot, CurveWidget())
        widget.show_payload(replace(TRADE, log_x=log_x, log_y=log_y))
        places = drawn(widget)
        line = TRADE.lines[0]
        for (x, y), place in zip(zip(line.x, line.y, strict=True), places, strict=False):
            assert place is not None
            at = QPointF(np.log10(x) if log_x else x, np.log10(y) if log_y else y)
            point = widget.plot.plotItem.getViewBox().mapViewToScene(at)
            near = place.adjusted(-8, -8, 8, 8)
            assert near.contains(point)
            assert not place.contains(point)


def test_a_point_that_cannot_stand_there_has_no_label(qtbot: QtBot) -> None:
    line = Line(
        "a", np.array([0.0, 1.0, 10.0, 20.0]), np.array([1.0, 2.0, np.nan, 3.0]), tuple("abcd")
    )
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(Curve((line,), "x", "y", log_x=True))
    assert [each.text for each in widget.labels.labels] == ["b", "d"]
    widget.show_payload(Curve((line,), "x", "y"))
    assert [each.text for each in widget.labels.labels] == ["a", "b", "d"]


@pytest.mark.parametrize("size", [(300, 160), (560, 330), (1100, 640)])
def test_no_label_is_over_another_or_cut(qtbot: QtBot, size: tuple[int, int]) -> None:
    widget = shown(qtbot, CurveWidget(), *size)
    widget.show_payload(TRADE)
    places = [each for each in drawn(widget) if each is not None]
    assert len(places) >= 4
    box = widget.plot.plotItem.getViewBox()
    room = box.mapRectToScene(box.rect()).adjusted(-1, -1, 1, 1)
    for i, place in enumerate(places):
        assert room.contains(place)
        assert not any(place.intersects(other) for other in places[i + 1 :])


def test_with_room_enough_the_best_and_the_last_have_their_labels(qtbot: QtBot) -> None:
    """In a window of 1280 by 800."""
    widget = shown(qtbot, CurveWidget(), 560, 330)
    widget.show_payload(TRADE)
    places = drawn(widget)
    assert None not in places
    best = places[4]
    assert best is not None
    scene = widget.plot.plotItem.getViewBox().mapViewToScene(QPointF(np.log10(16.0), 99.0))
    assert best.bottom() < scene.y()  # above it, where nothing else is


def test_a_label_moves_aside_for_points_labels_and_edges() -> None:
    room = QRectF(0, 0, 200, 100)
    (over,) = free_places([QPointF(100, 50)], [(20, 10)], room)
    assert over == QRectF(90, 34, 20, 10)
    (below,) = free_places([QPointF(100, 5)], [(20, 10)], room)
    assert below == QRectF(90, 11, 20, 10)
    first, second = free_places([QPointF(100, 50), QPointF(112, 50)], [(20, 10)] * 2, room)
    assert first is not None
    assert second is not None
    assert not first.intersects(second)
    crowd = [QPointF(x, y) for x in range(60, 150, 6) for y in range(20, 90, 6)]
    assert free_places(crowd, [(20, 10)] * len(crowd), room)[len(crowd) // 2] is None


def test_two_labels_side_by_side_do_not_read_as_one() -> None:
    points = [QPointF(100, 50), QPointF(121, 50)]
    first, second = free_places(points, [(20, 10)] * 2, QRectF(0, 0, 300, 100))
    assert first is not None
    assert second is not None
    beside = first.top() == second.top()
    assert not beside or second.left() - first.right() >= 6


def test_a_label_keeps_off_the_line_if_it_can() -> None:
    room, point = QRectF(0, 0, 200, 100), QPointF(100, 50)
    upwards = QLineF(point, QPointF(100, 0))
    (place,) = free_places([point], [(20, 10)], room, [upwards])
    assert place is not None
    assert not crosses(upwards, place)
    around = [QLineF(x, 0, x, 100) for x in range(70, 140, 5)]
    (somewhere,) = free_places([point], [(20, 10)], room, around)
    assert somewhere == QRectF(90, 34, 20, 10)  # on a line rather than nowhere


def test_what_crosses_a_box() -> None:
    box = QRectF(10, 10, 10, 10)
    assert crosses(QLineF(0, 15, 30, 15), box)
    assert crosses(QLineF(12, 12, 13, 13), box)  # all inside
    assert crosses(QLineF(15, 15, 50, 50), box)
    assert not crosses(QLineF(0, 5, 30, 5), box)
    assert not crosses(QLineF(0, 15, 8, 15), box)  # ends before it


def test_labels_take_the_colours_of_the_theme(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(TRADE)
    before = widget.labels.labels[0].colour
    theme().use("dark")
    QApplication.processEvents()
    assert widget.labels.labels[0].colour == theme().series(0) != before


def test_what_is_read_on_a_logarithmic_axis_is_the_number_itself(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(TRADE)
    QApplication.processEvents()
    scene = widget.plot.plotItem.getViewBox().mapViewToScene(QPointF(np.log10(8.2), 95.0))
    move(widget.plot.viewport(), widget.plot.mapFromScene(scene))
    assert widget.footer.readout.startswith("milliseconds 8: rounds 98")

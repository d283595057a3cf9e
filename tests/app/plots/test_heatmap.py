"""One matrix: what is read out, zoom and colours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QTransform
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import HeatmapWidget
from app.plots.heatmap import (
    FRAME,
    colour_range,
    ground_of,
    ink_on,
    letters_for,
    paint_cells,
    readout_of,
)
from app.special.chips import visible
from app.theme import theme
from engine.payloads import Heatmap
from tests.app.plots.screen import ATTENTION, colour_at, move, rgb, shown


def test_numbers_on_axes_keep_their_scale_when_the_theme_changes(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(replace(ATTENTION, high=1e-4))
    for choice in ("dark", "light"):
        theme().use(choice)
        QApplication.processEvents()
        assert widget.bar.getAxis("right").autoSIPrefixScale == 1


def test_heatmap_reads_out_labels_and_value(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    expected = "layer 1, head 2: '␣' attends to '↵': 0.83"
    assert widget.read_at(1.5, 1.5) == expected
    assert widget.read_at(2.5, 0.5) == "layer 1, head 2: 'q' attends to 'end': 0"
    assert widget.read_at(3.5, 0.5) == widget.read_at(-0.5, 0.5) == ""
    box = widget.plot.getViewBox()
    QApplication.processEvents()
    place = widget.view.mapFromScene(box.mapViewToScene(QPointF(1.5, 1.5)))
    move(widget.view.viewport(), place)
    assert widget.footer.readout == expected
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
    assert widget.footer.readout == ""


def test_row_zero_is_at_the_top(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    QApplication.processEvents()
    box = widget.plot.getViewBox()
    top, bottom = (box.mapViewToScene(QPointF(0.5, row + 0.5)).y() for row in (0, 1))
    assert top < bottom


def test_zoom_stays_while_values_change_and_a_reset_shows_all(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    box = widget.plot.getViewBox()
    box.setRange(xRange=(0, 1), yRange=(0, 1), padding=0)
    widget.show_payload(replace(ATTENTION, values=ATTENTION.values[::-1]))
    assert box.viewRange() == [[0, 1], [0, 1]]
    widget.reset_zoom()
    assert box.viewRange() == [[0, 3], [0, 2]]
    box.setRange(xRange=(0, 1), padding=0)
    widget.show_payload(replace(ATTENTION, values=np.zeros((5, 7), np.float32)))
    assert box.viewRange() == [[0, 7], [0, 5]]


def test_colour_ranges() -> None:
    signed = replace(ATTENTION, values=np.array([[-3.0, 1.0]], np.float32), low=None, high=None)
    assert colour_range(signed) == (-3.0, 1.0)
    assert colour_range(replace(signed, diverging=True)) == (-3.0, 3.0)
    low, high = colour_range(replace(signed, values=np.full((2, 2), 0.5, np.float32)))
    assert low < 0.5 < high
    low, high = colour_range(replace(signed, values=np.full((1, 1), np.nan, np.float32)))
    assert low < high


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"value_title": "1: seen"}, "layer 1, head 2: ' ' attends to 'u': 0.17"),
        (
            {"title": "Input gate i", "rows": (), "x_title": "text read so far", "y_title": "unit"},
            "Input gate i: unit 1 after 'u': 0.17",
        ),
        ({"title": "", "rows": (), "y_title": ""}, "row 1 after 'u': 0.17"),
        (
            {"rows": (), "columns": (), "x_title": "frequency", "y_title": "time"},
            "layer 1, head 2: time 1, frequency 0: weight 0.17",
        ),
        ({"x_title": ""}, "layer 1, head 2: ' ' → 'u': 0.17"),
        (
            {"values": np.full((2, 3), np.nan, np.float32)},
            "layer 1, head 2: ' ' attends to 'u': none",
        ),
    ],
)
def test_cells_are_read_out_in_sentences(changed: dict[str, Any], said: str) -> None:
    assert readout_of(replace(ATTENTION, **changed), 1, 0) == said.replace("' '", "'␣'")


def test_the_enlarged_axes_have_all_characters_and_titles(qtbot: QtBot) -> None:
    text = tuple("the cat sat on the mat, and it was quick, brown and very happy!\n")
    square = np.zeros((len(text), len(text)), np.float32)
    widget = shown(qtbot, HeatmapWidget(), 520, 300)
    widget.show_payload(replace(ATTENTION, values=square, rows=text, columns=text))
    QApplication.processEvents()
    bottom, left = (widget.plot.getAxis(side) for side in ("bottom", "left"))
    ((_step, places),) = bottom.tickValues(0, len(text), bottom.width())
    assert len(places) == len(text) == 64
    assert (bottom.labelText, left.labelText) == ("attends to", "character")
    image = QImage(520, 300, QImage.Format.Format_ARGB32)
    painter = QPainter(image)
    drawn = bottom.generateDrawSpecs(painter)[2]
    painter.end()
    assert "".join(word for _box, _flags, word in drawn) == "".join(map(visible, text))


# --- what is written into the cells


WRITTEN = Heatmap(
    np.array([[0.0, 1.0, 0.5], [1.0, np.nan, 0.2]], np.float32),
    x_title="place",
    y_title="round",
    value_title="probability",
    numbers=(1, 2),
    column_numbers=(5, 6, 7),
    low=0.0,
    high=1.0,
    texts=(("一", "b", " "), ("c", "", "a long one")),
    marked=np.array([[True, False, False], [False, False, True]]),
    marked_title="written again",
)


def test_what_is_written_into_a_cell_and_its_frame_are_read_out() -> None:
    assert readout_of(WRITTEN, 0, 0) == "round 1, place 5: '一' probability 0 · written again"
    assert readout_of(WRITTEN, 0, 2) == "round 1, place 7: '␣' probability 0.5"
    assert readout_of(WRITTEN, 1, 1) == "round 2, place 6: probability none"
    assert readout_of(replace(WRITTEN, marked_title=""), 0, 0).endswith("probability 0")


@pytest.mark.parametrize("choice", ["light", "dark"])
@pytest.mark.parametrize("diverging", [False, True])
def test_letters_can_be_read_on_every_colour(choice: Any, diverging: bool) -> None:
    """A contrast of 4.5 at least, as WCAG 2 asks for."""
    theme().use(choice)
    values = np.linspace(-1 if diverging else 0, 1, 101, dtype=np.float32)[None]
    picture = replace(WRITTEN, values=values, diverging=diverging, low=None, high=None)
    grounds = [ground_of(picture, 0, n, colour_range(picture)) for n in range(101)]
    assert len({each.name() for each in grounds}) > 50
    for ground in grounds:
        lights = sorted(luminance(each) + 0.05 for each in (ground, ink_on(ground)))
        assert lights[1] / lights[0] >= 4.5


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(k * p for k, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_ground_is_what_is_painted(qtbot: QtBot) -> None:
    for root in (False, True):
        picture = replace(WRITTEN, root=root, texts=(), marked=None)
        widget = shown(qtbot, HeatmapWidget())
        widget.show_payload(picture)
        for row, column in ((0, 0), (0, 1), (0, 2), (1, 2)):
            painted = np.array(pixel(widget, row, column, 0.5, 0.5))
            ground = ground_of(picture, row, column, colour_range(picture))
            assert np.abs(painted - rgb(ground)).max() <= 6


def pixel(widget: Any, row: int, column: int, right: float, down: float) -> tuple[int, int, int]:
    """What is painted in a cell, at parts of its width and height."""
    QApplication.processEvents()
    scene = widget.plot.getViewBox().mapViewToScene(QPointF(column + right, row + down))
    place = widget.view.mapFromScene(scene)
    return colour_at(widget.view.viewport(), place.x(), place.y())


def test_texts_are_written_as_far_as_there_is_room(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(WRITTEN)
    QApplication.processEvents()
    widget.grab()
    everywhere = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]
    assert widget.marks.fitted == everywhere
    wide = replace(WRITTEN, texts=(WRITTEN.texts[0], ("c", "", "a long one " * 20)))
    widget.show_payload(wide)
    widget.grab()
    assert widget.marks.fitted == everywhere[:-1]
    widget.show_payload(replace(WRITTEN, texts=()))
    widget.grab()
    assert widget.marks.fitted == []


def test_of_what_is_zoomed_out_of_sight_nothing_is_painted(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(WRITTEN)
    widget.plot.getViewBox().setRange(QRectF(0, 0, 1, 1), padding=0)
    QApplication.processEvents()
    widget.grab()
    assert widget.marks.fitted == [(0, 0)]


def test_letters_are_as_large_as_all_texts_allow(qtbot: QtBot) -> None:
    sizes = [letters_for({"a", "zhōng"}, wide, 100).pixelSize() for wide in (200, 40, 30, 5)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3]
    assert letters_for({"一"}, 100, 10).pixelSize() <= 10


def test_a_marked_cell_has_a_frame_and_the_others_have_none(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(WRITTEN)

    def framed(row: int, column: int) -> bool:
        QApplication.processEvents()
        scene = widget.plot.getViewBox().mapViewToScene(QPointF(column, row + 0.2))
        place = widget.view.mapFromScene(scene)
        viewport = widget.view.viewport()
        colours = [colour_at(viewport, place.x() + right, place.y()) for right in range(5)]
        return any(min(each) > 200 for each in colours)  # its rim is white

    assert [framed(0, n) for n in range(3)] == [True, False, False]
    assert [framed(1, n) for n in (0, 2)] == [False, True]
    widget.show_payload(replace(WRITTEN, marked=None))
    assert not framed(0, 0)


def test_the_texts_of_marked_cells_stay_beside_the_frames() -> None:
    """Letters are smaller where there are frames, if the cells are small."""

    def letter_of(picture: Heatmap) -> int:
        image = QImage(60, 28, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        paint_cells(painter, picture, QRectF(0, 0, 3, 2), QTransform.fromScale(20, 14))
        size = painter.font().pixelSize()
        painter.end()
        return size

    picture = replace(WRITTEN, texts=(("一", "b", "c"), ("d", "e", "f")))
    assert letter_of(picture) == 14 - 2 * FRAME
    assert letter_of(replace(picture, marked=None)) == 13


def test_the_topmost_number_beside_the_colours_is_whole(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    QApplication.processEvents()
    axis = widget.bar.getAxis("right")
    image = QImage(10, 10, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    boxes = [axis.mapRectToScene(QRectF(box)) for box, _f, _t in axis.generateDrawSpecs(painter)[2]]
    painter.end()
    assert boxes
    assert min(box.center().y() - 5 for box in boxes) >= 0


def test_own_numbers_stand_at_the_axes(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(WRITTEN)
    assert widget.plot.getAxis("bottom").labels == ("5", "6", "7")
    assert widget.plot.getAxis("left").labels == ("1", "2")

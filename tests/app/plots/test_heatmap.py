"""One matrix: what is read out, zoom and colours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import HeatmapWidget
from app.plots.heatmap import colour_range, readout_of
from app.special.chips import visible
from app.theme import theme
from tests.app.plots.screen import ATTENTION, move, shown


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

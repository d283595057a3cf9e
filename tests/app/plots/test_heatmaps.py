"""Panels: read out, enlarged and put back."""

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import HeatmapsWidget
from engine.payloads import Heatmaps
from tests.app.plots.screen import ATTENTION, move, shown


def test_a_panel_is_read_out_enlarged_and_put_back(qtbot: QtBot) -> None:
    panels = tuple(replace(ATTENTION, title=f"head {i}") for i in range(6))
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps(panels, across=3))
    place = widget.mosaic.places[4]
    corner = QPoint(place.left() + place.width() // 2, place.bottom() - 3)
    move(widget.mosaic, corner)
    assert widget.footer.readout == "head 4: '␣' attends to '↵': 0.83"
    QTest.mouseClick(widget.mosaic, Qt.MouseButton.LeftButton, pos=corner)
    assert widget.enlarged == 4
    assert widget.single.isVisible()
    assert widget.single.payload is panels[4]
    newer = tuple(replace(each, title=f"new {i}") for i, each in enumerate(panels))
    widget.show_payload(Heatmaps(newer, across=3))
    assert widget.single.payload is newer[4]
    QTest.keyClick(widget.back_button, Qt.Key.Key_Escape)
    assert widget.enlarged is None
    assert widget.mosaic.isVisible()
    widget.enlarge(1)
    widget.single.clicked.emit()
    assert not widget.single.isVisible()
    widget.enlarge(5)
    widget.show_payload(Heatmaps(panels[:2], across=2))
    assert widget.enlarged is None


def test_panels_are_reached_with_the_keyboard(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps((ATTENTION,) * 6, across=3))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(widget.mosaic, key)
    assert widget.enlarged == 4


def test_panels_keep_to_the_width_and_tall_ones_scroll(qtbot: QtBot) -> None:
    gate = replace(ATTENTION, values=np.zeros((128, 40), np.float32), rows=(), columns=())
    widget = shown(qtbot, HeatmapsWidget(), 500, 400)
    widget.show_payload(Heatmaps((gate,) * 4, across=2))
    QApplication.processEvents()
    assert all(place.height() >= 6 * 128 for place in widget.mosaic.places)
    assert all(place.right() <= widget.mosaic.width() for place in widget.mosaic.places)
    assert widget.mosaic.height() > 2 * 6 * 128
    narrow = widget.mosaic.places[0].width()
    widget.resize(900, 400)
    QApplication.processEvents()
    assert widget.mosaic.places[0].width() > narrow


def test_the_scale_is_shown_once_where_it_is_shared(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps((ATTENTION, ATTENTION), across=2))
    assert (widget.scale.low, widget.scale.high) == ("weight  0", "1")
    widget.show_payload(Heatmaps((ATTENTION, replace(ATTENTION, high=2.0)), across=2))
    assert widget.scale.high == "high"

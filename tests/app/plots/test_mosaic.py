"""Many heatmaps in one widget: labels that stay in sight, and what is under the mouse."""

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from app.plots import HeatmapsWidget
from app.theme import theme
from engine.payloads import Heatmaps
from tests.app.plots.screen import ATTENTION, move, shown

TEXT = tuple("The cat sat on the mat.\nIt was quick, brown and very happy too!")
GATE = replace(
    ATTENTION,
    values=np.ones((192, len(TEXT)), np.float32),
    title="Forget gate f",
    x_title="text read so far",
    y_title="unit",
    rows=(),
    columns=TEXT,
)


def gates(qtbot: QtBot) -> Any:
    """Four tall panels in the place they have in a window of 1280 x 800."""
    widget = shown(qtbot, HeatmapsWidget(), 520, 300)
    widget.show_payload(Heatmaps((GATE,) * 4))
    QApplication.processEvents()
    return widget


def scroll(widget: HeatmapsWidget, place: int) -> None:
    area = widget.findChild(QScrollArea)
    assert area is not None
    area.verticalScrollBar().setValue(place)
    QApplication.processEvents()


def ink(widget: HeatmapsWidget, head: QRect) -> int:
    """How many columns of the picture have letters in the strip of labels under a title."""
    mosaic = widget.mosaic
    strip = QRect(head.left() + 34, head.top() + mosaic.TITLE, head.width() - 34, mosaic.STRIP)
    shot = mosaic.grab(strip).toImage()
    ground = QColor(theme().palette.panel).lightness()
    lines = range(shot.height())
    return sum(
        any(abs(shot.pixelColor(x, y).lightness() - ground) > 60 for y in lines)
        for x in range(shot.width())
    )


def test_the_text_that_was_read_stays_in_sight(qtbot: QtBot) -> None:
    widget = gates(qtbot)
    mosaic = widget.mosaic
    assert mosaic.head_of(0).top() == 0
    assert mosaic.head_of(0).bottom() < mosaic.places[0].top()
    scroll(widget, 700)
    head = mosaic.head_of(0)
    assert head.top() == mosaic.seen().top() == 700
    assert ink(widget, head) > 150
    end = mosaic.places[0].bottom()
    scroll(widget, end - 10)
    assert mosaic.head_of(0).bottom() == end, "pushed out by the end of its panel"
    assert mosaic.head_of(1).bottom() + 1 == mosaic.places[1].top()


def test_nothing_is_read_through_a_title(qtbot: QtBot) -> None:
    widget = gates(qtbot)
    mosaic = widget.mosaic
    scroll(widget, 700)
    place = mosaic.places[0]
    assert mosaic.cell_at(QPoint(place.left() + 3, 703)) is None
    move(mosaic, QPoint(place.left() + 3, 703 + mosaic.TITLE + mosaic.STRIP))
    row = (703 + mosaic.TITLE + mosaic.STRIP - place.top()) * 192 // place.height()
    assert widget.footer.readout == f"Forget gate f: unit {row} after 'T': 1"
    assert mosaic.under == (0, row, 0)


def test_the_column_under_the_mouse_is_marked_in_the_text(qtbot: QtBot) -> None:
    widget = gates(qtbot)
    mosaic, accent = widget.mosaic, QColor(theme().palette.accent)

    def marked() -> bool:
        head = mosaic.head_of(0)
        shot = mosaic.grab(head).toImage()
        y = mosaic.TITLE + 1
        return any(shot.pixelColor(x, y) == accent for x in range(34, shot.width() - 4))

    mosaic.clearFocus()
    assert not marked()
    move(mosaic, mosaic.places[0].center())
    assert marked()


def test_small_panels_have_no_labels(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapsWidget(), 520, 300)
    square = replace(ATTENTION, values=np.zeros((64, 64), np.float32), rows=TEXT, columns=TEXT)
    widget.show_payload(Heatmaps((square,) * 8, across=4))
    QApplication.processEvents()
    mosaic = widget.mosaic
    assert not mosaic.labelled
    assert mosaic.places[0].top() == mosaic.TITLE
    scroll(widget, 60)
    assert mosaic.head_of(0).top() == 0, "a panel that fits keeps its title above it"


def test_every_scale_is_true(qtbot: QtBot) -> None:
    widget = gates(qtbot)
    assert widget.scale.isVisible()
    widget.show_payload(Heatmaps((GATE, replace(GATE, diverging=True))))
    assert not widget.scale.isVisible()

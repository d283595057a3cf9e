"""What the tests of pictures share: a payload, and a hand on the mouse."""

from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine.payloads import Heatmap

ATTENTION = Heatmap(
    np.array([[1.0, 0.0, 0.0], [0.17, 0.83, 0.0]], np.float32),
    title="layer 1, head 2",
    x_title="attends to",
    y_title="character",
    value_title="weight",
    rows=("q", " "),
    columns=("u", "\n", "end"),
    low=0.0,
    high=1.0,
)


def shown(qtbot: QtBot, widget: QWidget, width: int = 640, height: int = 420) -> Any:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def move(widget: QWidget, point: QPoint) -> None:
    """The mouse over a place of `widget`."""
    none = Qt.MouseButton.NoButton
    position = QPointF(point)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        position,
        QPointF(widget.mapToGlobal(point)),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def brightness(widget: QWidget) -> float:
    """The mean of all its pixels, from 0 to 255."""
    QApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(-1, 4)
    return float(pixels[:, :3].mean())


def colour_at(widget: QWidget, x: float, y: float) -> tuple[int, int, int]:
    """What is painted at a place of `widget`: red, green and blue."""
    QApplication.processEvents()
    return rgb(widget.grab().toImage().pixelColor(int(x), int(y)))


def rgb(colour: QColor | str) -> tuple[int, int, int]:
    """Red, green and blue."""
    colour = QColor(colour)
    return colour.red(), colour.green(), colour.blue()

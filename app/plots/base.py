"""What every payload's widget has: the newest payload, and a line to read out in."""

import math
from typing import Generic, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from app.theme import theme

theme().dress_plots()

P = TypeVar("P")


class Footer(QWidget):
    """The line below a picture: its caption, or what is under the mouse.

    wrap: a caption that is too long goes on in another line; without, it is cut off,
    and the rest is in the tool tip.
    """

    def __init__(self, wrap: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wrap = wrap
        self._caption = QLabel()
        self._caption.setWordWrap(wrap)
        self._caption.setProperty("role", "faint")
        self._readout = QLabel()
        for each in (self._caption, self._readout):
            each.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            each.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            each.setTextFormat(Qt.TextFormat.PlainText)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._caption)
        self._stack.addWidget(self._readout)

    def set_caption(self, caption: str) -> None:
        """What the picture is."""
        if caption != self._caption.text():
            self._caption.setText(caption)
            self._caption.setToolTip("" if self._wrap else caption)
            self._fit()

    @property
    def caption(self) -> str:
        """What stands there while nothing is read out."""
        return self._caption.text()

    @property
    def readout(self) -> str:
        """What is read out now, or an empty text."""
        return self._readout.text()

    def read(self, text: str) -> None:
        """Read out `text`; an empty one brings the caption back."""
        self._readout.setText(text)
        self._readout.setToolTip(text)
        self._stack.setCurrentWidget(self._readout if text else self._caption)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width may need another number of lines."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the caption at this width, whichever is shown: reading out moves nothing."""
        line = self.fontMetrics().lineSpacing() + 2
        wrapped = self._caption.heightForWidth(self.width()) if self._wrap else 0
        self.setFixedHeight(max(line, wrapped))


class PayloadWidget(QWidget, Generic[P]):
    """Keeps the newest payload and draws it when it can be seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.payload: P | None = None
        self._stale = False
        self.footer = Footer()
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(4)
        theme().changed.connect(self._theme_changed)

    def show_payload(self, payload: P) -> None:
        """Show `payload` now, or when this widget is next seen."""
        self.payload = payload
        self._stale = True
        if self.isVisible():
            self._draw_newest()

    def draw(self, payload: P) -> None:
        """Put `payload` on the screen."""
        raise NotImplementedError

    def recolour(self) -> None:
        """Take the colours of the theme; `draw` follows."""

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what came while nobody looked."""
        super().showEvent(event)
        if self._stale:
            self._draw_newest()

    def _draw_newest(self) -> None:
        if self.payload is not None:
            self._stale = False
            self.draw(self.payload)

    def _theme_changed(self) -> None:
        self.recolour()
        self._stale = True
        if self.isVisible():
            self._draw_newest()


def scrolled(widget: QWidget) -> QScrollArea:
    """`widget` as wide as there is room, and as tall as it likes."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    widget.setAutoFillBackground(False)
    return area


def number(value: float, digits: int = 4) -> str:
    """Four digits, as people write them: ``0.8312``, ``1,204``, ``3.1e-05``."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.{digits}g}"

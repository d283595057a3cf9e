"""What every payload's widget has: the newest payload, and a line to read out in."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QRect, Qt
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

from app.elided import Elided
from app.i18n import _
from app.theme import theme

theme().dress_plots()

P = TypeVar("P")


class Footer(QWidget):
    """The line below a picture: its caption, or what is under the mouse.

    wrap: a caption that is too long goes on in another line; without, it ends in dots,
    and the rest is in the tool tip.
    elsewhere: the line of a picture that this one is a part of; without a caption of its
    own this line is left out, and what is under the mouse is read out there.
    """

    def __init__(self, wrap: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wrap = wrap
        self._others: tuple[str, ...] = ()
        self.elsewhere: Footer | None = None
        self._caption = QLabel() if wrap else Elided()
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

    def reserve(self, captions: Sequence[str]) -> None:
        """Be high enough for any of these, so that going from one to the next moves nothing."""
        self._others = tuple(captions)
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
        if self.elsewhere is not None and not self._needed():
            self.elsewhere.read(text)
            return
        self._readout.setText(text)
        self._readout.setToolTip(text)
        self._stack.setCurrentWidget(self._readout if text else self._caption)

    def lend(self, elsewhere: "Footer") -> None:
        """Read out in this other line, as long as there is no caption here."""
        self.elsewhere = elsewhere
        self._fit()

    def _needed(self) -> bool:
        return bool(self._caption.text()) or any(self._others)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width may need another number of lines."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the caption at this width, whichever is shown: reading out moves nothing."""
        line = self.fontMetrics().lineSpacing() + 2
        wrapped = self._caption.heightForWidth(self.width()) if self._wrap else 0
        if self._wrap and self._others:
            room = QRect(0, 0, self.width(), 10_000)
            metrics, flag = self._caption.fontMetrics(), Qt.TextFlag.TextWordWrap
            heights = (metrics.boundingRect(room, flag, each).height() for each in self._others)
            wrapped = max(wrapped, *heights)
        self.setFixedHeight(max(line, wrapped))
        if self.elsewhere is not None:
            self.setVisible(self._needed())


class PayloadWidget(QWidget, Generic[P]):
    """Keeps the newest payload and draws it when it can be seen.

    wraps: whether its caption may take more than a line.
    """

    wraps = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.payload: P | None = None
        self._stale = False
        self.footer = Footer(self.wraps)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(4)
        theme().changed.connect(self._theme_changed)

    def show_payload(self, payload: P) -> None:
        """Show `payload` now, or when this widget is next seen."""
        self.payload = payload
        self.refresh()

    def refresh(self) -> None:
        """Draw the newest payload again, now or when this widget is next seen."""
        self._stale = True
        if self.isVisible():
            self._draw_newest()

    def draw(self, payload: P) -> None:
        """Put `payload` on the screen."""
        raise NotImplementedError

    def reserve(self, payloads: tuple[P, ...]) -> None:
        """Keep room for what each of these says, since they are shown in turn."""
        self.footer.reserve([_(getattr(each, "caption", "")) for each in payloads])

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
        self.refresh()


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

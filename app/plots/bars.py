"""Named values as bars: to read, or to set by dragging."""

import math

from PySide6.QtCore import QEvent, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QLabel,
    QStackedWidget,
    QWidget,
)

from app.i18n import _
from app.plots.base import PayloadWidget, number, scrolled
from app.plots.labels import label_of, plain
from app.plots.sliders import Sliders
from app.theme import blend, theme
from engine.payloads import Bars


class _BarsView(QWidget):
    """Horizontal bars: label, bar, value."""

    hovered = Signal(str)

    ROW = 26

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = Bars((), ())
        self.setMouseTracking(True)

    def show_bars(self, bars: Bars) -> None:
        """Show these."""
        self.bars = bars
        self.setMinimumHeight(self.ROW * len(bars.labels) + 4)
        spoken = (self.words(i) for i in range(min(20, len(bars.labels))))
        self.setAccessibleDescription("; ".join(spoken))
        self.update()

    def value(self, index: int) -> str:
        """How a value is written: percentages to two decimals."""
        value, unit = self.bars.values[index], _(self.bars.unit)
        return f"{value:.2f} %" if unit == "%" else f"{number(value)} {unit}".strip()

    def words(self, index: int) -> str:
        """``'q': 3.14 %``."""
        return f"{label_of(self.bars.labels, index)}: {self.value(index)}"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Bars from zero, to the left where the value is negative."""
        bars, palette = self.bars, theme().palette
        if not bars.labels:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        names = [plain(label) for label in bars.labels]
        numbers = [self.value(i) for i in range(len(names))]
        name_width = min(self.width() // 3, max(map(metrics.horizontalAdvance, names)) + 2)
        number_width = max(map(metrics.horizontalAdvance, numbers))
        left = name_width + 12
        room = max(10, self.width() - left - number_width - 16)
        finite = [value for value in bars.values if math.isfinite(value)]
        low, high = min([0.0, *finite]), max([0.0, *finite])
        scale = room / ((high - low) or 1.0)
        zero = left - low * scale
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, value in enumerate(bars.values):
            top = index * self.ROW
            if not event.rect().intersects(QRect(0, top, self.width(), self.ROW)):
                continue
            painter.setPen(QColor(palette.text))
            name = metrics.elidedText(names[index], Qt.TextElideMode.ElideRight, name_width)
            box = QRect(0, top, name_width, self.ROW)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, name)
            painter.drawText(
                QRect(left + room + 8, top, number_width + 8, self.ROW),
                middle | Qt.AlignmentFlag.AlignRight,
                numbers[index],
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(blend(palette.border, palette.panel, 0.4))
            painter.drawRoundedRect(QRectF(left, top + 6, room, self.ROW - 12), 3, 3)
            if math.isfinite(value) and value:
                painter.setBrush(theme().series(0 if value >= 0 else 1))
                length = max(1.5, abs(value) * scale)
                start = zero if value > 0 else zero - length
                painter.drawRoundedRect(QRectF(start, top + 6, length, self.ROW - 12), 3, 3)
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out the bar under the mouse."""
        index = int(event.position().y()) // self.ROW
        inside = 0 <= index < len(self.bars.labels)
        self.hovered.emit(self.words(index) if inside else "")

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self.hovered.emit("")


class BarsWidget(PayloadWidget[Bars]):
    """Named values as horizontal bars: names downwards (`y_title`), values across (`x_title`).

    Those that can be dragged stand upright, as many of them as there is room for.
    turned: {knob: all numbers} when one was dragged.
    """

    turned = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.titles = QLabel()
        self.titles.setProperty("role", "faint")
        self.view = _BarsView()
        self.view.hovered.connect(self.footer.read)
        self.sliders = Sliders()
        self.sliders.hovered.connect(self.footer.read)
        self.sliders.turned.connect(self.turned)
        self.stack = QStackedWidget()
        self.stack.addWidget(scrolled(self.view))
        self.stack.addWidget(self.sliders)
        self.body.addWidget(self.titles)
        self.body.addWidget(self.stack, 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Bars) -> None:
        """New values in the same rows."""
        unit = f" ({_(payload.unit)})" if payload.unit else ""
        titles = (_(payload.y_title), _(payload.x_title) + unit if payload.x_title else "")
        self.titles.setText("  ·  ".join(each for each in titles if each))
        self.titles.setVisible(any(titles))
        for each in (self.view, self.sliders):
            each.setAccessibleName(self.titles.text())
        if payload.turns:
            self.sliders.show_bars(payload)
        else:
            self.view.show_bars(payload)
        self.stack.setCurrentIndex(1 if payload.turns else 0)
        self.footer.set_caption(_(payload.caption))

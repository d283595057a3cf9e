"""Bars that are set by dragging: one upright bar for each number of a knob."""

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.i18n import _
from app.plots.base import number
from app.plots.labels import fitting, label_of, plain
from app.plots.turning import Turning
from app.theme import blend, theme
from engine.payloads import Bars


class Sliders(QWidget):
    """Upright bars from zero, between `low` and `high`; a drag sets the height of one.

    hovered: what is under the mouse. turned: {knob: all numbers} when one was set.
    """

    hovered = Signal(str)
    turned = Signal(dict)

    LEAST, MOST = 7.0, 44.0  # pixels from bar to bar

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = Bars((), ())
        self.values: tuple[float, ...] = ()
        self.current = 0
        self.under: int | None = None
        self.gripped: int | None = None
        self.turning = Turning(self)
        self.turning.turned.connect(self.turned)
        self.turning.lapsed.connect(lambda: self.show_bars(self.bars))
        small = QFont(self.font())
        small.setPointSizeF(small.pointSizeF() * 0.8)
        self._small = small
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """High enough to set something."""
        return QSize(60, 110)

    def show_bars(self, bars: Bars) -> None:
        """Show these; one that is in the hand stays there."""
        self.bars = bars
        given = tuple(float(each) for each in bars.values)
        held = self.turning.over({bars.turns: given})[bars.turns]
        self.values = held if len(held) == len(given) else given
        self.current = min(self.current, max(0, len(given) - 1))
        if self.gripped is not None and self.gripped >= len(given):
            self._let_go()
        self._describe()
        self.update()

    def ends(self) -> tuple[float, float]:
        """What the lowest and the highest bar stand for."""
        finite = [each for each in self.values if math.isfinite(each)]
        low, high = self.bars.low, self.bars.high
        low = min([0.0, *finite]) if low is None else low
        high = max([1.0, *finite]) if high is None else high
        return (low, high) if low < high else (low, low + 1.0)

    def area(self) -> QRectF:
        """Where the bars are: left of it stands the scale, below it the names."""
        line = QFontMetricsF(self._small).height()
        low, high = self.ends()
        metrics = QFontMetricsF(self._small)
        left = max(metrics.horizontalAdvance(number(each, 3)) for each in (low, 0.0, high)) + 8
        wide = min(self.width() - left - 4.0, self.MOST * max(1, len(self.values)))
        return QRectF(left, line / 2 + 2, max(10.0, wide), max(10.0, self.height() - 2 * line - 6))

    def column(self, index: int) -> QRectF:
        """Where a bar may be, from the lowest to the highest."""
        area = self.area()
        step = area.width() / max(1, len(self.values))
        return QRectF(area.left() + index * step, area.top(), step, area.height())

    def height_of(self, value: float) -> float:
        """The y of a value, in pixels."""
        low, high = self.ends()
        area = self.area()
        share = (min(max(value, low), high) - low) / (high - low)
        return area.bottom() - share * area.height()

    def value_at(self, y: float) -> float:
        """The value at a height, in pixels; as fine as a pixel is, zero within two of it."""
        low, high = self.ends()
        if low <= 0.0 <= high and abs(y - self.height_of(0.0)) < 2:
            return 0.0
        area = self.area()
        share = min(max((area.bottom() - y) / area.height(), 0.0), 1.0)
        step = 10.0 ** math.floor(math.log10((high - low) / area.height()))
        return min(max(round((low + share * (high - low)) / step) * step, low), high)

    def bar_at(self, point: QPointF) -> int | None:
        """The bar whose column is under a point."""
        area = self.area()
        if not area.adjusted(0, -8, 0, 8).contains(point) or not self.values:
            return None
        index = int((point.x() - area.left()) / area.width() * len(self.values))
        return min(index, len(self.values) - 1)

    def words(self, index: int) -> str:
        """``z3: 0.51``."""
        value = f"{number(self.values[index], 3)} {_(self.bars.unit)}".strip()
        return f"{label_of(self.bars.labels, index)}: {value}"

    def set_value(self, index: int, value: float) -> None:
        """Set one number, and tell all of them."""
        low, high = self.ends()
        zero = min(max(0.0, low), high)
        value = min(max(value, low), high) if math.isfinite(value) else zero
        if value != self.values[index]:
            numbers = [each if math.isfinite(each) else zero for each in self.values]
            numbers[index] = value
            self.values = tuple(numbers)  # a knob takes no other
            self.turning.turn({self.bars.turns: self.values})
            self.update()
        self._describe()
        self.hovered.emit(self.words(index))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Grounds, the zero line, bars from it, a knob at the end of each, and names."""
        if not self.values:
            return
        palette, area = theme().palette, self.area()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self.ends()
        zero = self.height_of(min(max(0.0, low), high))
        ground, marked = (blend(palette.border, palette.panel, share) for share in (0.3, 0.7))
        for index, value in enumerate(self.values):
            column = self.column(index)
            thick = max(3.0, column.width() * 0.62)
            left = column.center().x() - thick / 2
            painter.setPen(Qt.PenStyle.NoPen)
            chosen = index == self.current and self.hasFocus()
            painter.setBrush(marked if index in (self.under, self.gripped) or chosen else ground)
            painter.drawRoundedRect(QRectF(left, area.top(), thick, area.height()), 3, 3)
            if math.isfinite(value):
                top = self.height_of(value)
                painter.setBrush(theme().series(0 if value >= 0 else 1))
                bar = QRectF(left, min(top, zero), thick, abs(top - zero))
                painter.drawRect(bar)
                painter.drawRoundedRect(QRectF(left - 1, top - 2.5, thick + 2, 5), 2.5, 2.5)
        painter.setPen(QPen(QColor(palette.faint), 1))
        painter.drawLine(QPointF(area.left(), zero), QPointF(area.right(), zero))
        self._paint_scale(painter, area, low, high)
        self._paint_names(painter, area)
        painter.end()

    def _paint_scale(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        painter.setFont(self._small)
        painter.setPen(QColor(theme().palette.faint))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (low, 0.0, high) if low < 0 < high else (low, high):
            y = self.height_of(value)
            painter.drawText(QRectF(0, y - 8, area.left() - 6, 16), right, number(value, 3))

    def _paint_names(self, painter: QPainter, area: QRectF) -> None:
        """As many as fit; the one under the mouse is read out in any case."""
        names = [plain(each) for each in self.bars.labels]
        metrics = QFontMetricsF(self._small)
        step = area.width() / len(self.values)
        for index in fitting([metrics.horizontalAdvance(each) + 6 for each in names], step):
            middle = area.left() + (index + 0.5) * step
            box = QRectF(middle - 60, area.bottom() + 3, 120, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, names[index])

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of a bar; it goes to where the mouse is."""
        found = self.bar_at(event.position())
        if found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.gripped = self.current = found
            self.turning.grip()
            self.set_value(found, self.value_at(event.position().y()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag, or read out."""
        if self.gripped is not None:
            self.set_value(self.gripped, self.value_at(event.position().y()))
        else:
            self._point(self.bar_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Let the bar go."""
        if event.button() == Qt.MouseButton.LeftButton and self.gripped is not None:
            self._let_go()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Back to zero."""
        found = self.bar_at(event.position())
        if found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.set_value(found, 0.0)

    def _let_go(self) -> None:
        self.gripped = None
        self.turning.release()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self._point(None)

    def _point(self, index: int | None) -> None:
        if index != self.under:
            self.under = index
            self.update()
        self.hovered.emit("" if index is None else self.words(index))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Left and right choose a bar; up and down set it, by a fiftieth of the scale."""
        key = Qt.Key(event.key())
        sideways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key)
        upwards = {Qt.Key.Key_Down: -1, Qt.Key.Key_Up: 1}.get(key)
        if sideways is not None and 0 <= self.current + sideways < len(self.values):
            self.current += sideways
            self.hovered.emit(self.words(self.current))
            self.update()
        elif upwards is not None and self.values:
            low, high = self.ends()
            self.set_value(self.current, self.values[self.current] + upwards * (high - low) / 50)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show which bar the keys set."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide which bar the keys set."""
        super().focusOutEvent(event)
        self.update()

    def _describe(self) -> None:
        spoken = (self.words(i) for i in range(min(20, len(self.values))))
        self.setAccessibleDescription("; ".join(spoken))

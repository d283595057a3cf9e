"""Many heatmaps in one painted widget, each under its title.

Panels that are wide enough have their labels at them, columns above and below. A panel
that is taller than what is seen of it takes its title and its column labels along to
the top while it is scrolled through, so that the text that was read stays in sight.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QMoveEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTransform,
)
from PySide6.QtWidgets import (
    QWidget,
)

from app.i18n import _
from app.plots.base import number
from app.plots.heatmap import colour_range, paint_cells, readout_of
from app.plots.indexed import image_of, indexed
from app.plots.labels import fitting, label_font, nice_step, width_of
from app.special.chips import visible
from app.theme import theme
from engine.payloads import Heatmap


class Mosaic(QWidget):
    """An indexed image for each panel, scaled by Qt; stands in a scroll area.

    hovered: what is under the mouse. chosen: the number of a clicked panel.
    """

    hovered = Signal(str)
    chosen = Signal(int)

    TITLE, STRIP, MARGIN, GAP = 20, 15, 34, 10
    LABELS_FROM = 320  # pixels: a narrower panel has no room for labels that can be read

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels: tuple[Heatmap, ...] = ()
        self.across = 1
        self.selected = 0
        self.labelled = False
        self.places: list[QRect] = []
        self.under: tuple[int, int, int] | None = None
        self._images: list[QImage] = []
        self._buffers: list[NDArray[np.uint8]] = []
        self._ranges: list[tuple[float, float]] = []
        small = self.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        self._small = small
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(_("Heatmaps; arrow keys choose one, Enter enlarges it"))

    def show_panels(self, panels: tuple[Heatmap, ...], across: int) -> None:
        """Show these, `across` to a line."""
        shapes = [each.values.shape for each in panels]
        moved = across != self.across or shapes != [each.values.shape for each in self.panels]
        self.panels, self.across = panels, max(1, across)
        self._ranges = [colour_range(each) for each in panels]
        self._buffers = [
            indexed(each.values, *ends, each.root)
            for each, ends in zip(panels, self._ranges, strict=True)
        ]
        self._images = [
            image_of(buffer, each.diverging)
            for buffer, each in zip(self._buffers, panels, strict=True)
        ]
        self.selected = min(self.selected, max(0, len(panels) - 1))
        if moved:
            self.under = None
            self.lay_out()
        self.update()

    def shared_range(self) -> tuple[float, float] | None:
        """The colour scale where all panels have the same one."""
        return self._ranges[0] if self._ranges and len(set(self._ranges)) == 1 else None

    def lay_out(self) -> None:
        """Give each panel its place for the width there is."""
        across = min(self.across, max(1, len(self.panels)))
        width = max(40, (self.width() - self.GAP * (across - 1)) // across)
        self.labelled = width >= self.LABELS_FROM
        left, strip = (self.MARGIN, self.STRIP) if self.labelled else (0, 0)
        self.places = []
        top = 0
        for line in range(0, len(self.panels), across):
            heights = []
            for column, panel in enumerate(self.panels[line : line + across]):
                rows, columns = panel.values.shape
                room = width - left
                if rows == columns:
                    # All of it is seen at once, where that is not too small.
                    whole = max(150, self.seen().height() - self.TITLE - 2 * strip)
                    room = min(room, 420, whole)
                    height = room
                elif panel.texts:
                    height = rows * (20 if rows <= 6 else 18)
                else:
                    # Rows thick enough to tell apart; a few rows as thick as is pleasant.
                    height = max(72, min(rows * 18, 216), rows * 7)
                x = column * (width + self.GAP) + left
                self.places.append(QRect(x, top + self.TITLE + strip, room, height))
                heights.append(height)
            top += self.TITLE + strip + max(heights) + strip + self.GAP
        self.setMinimumHeight(max(0, top - self.GAP))

    def seen(self) -> QRect:
        """What of this widget can be seen through the scroll area."""
        parent = self.parentWidget()
        return QRect(-self.pos(), parent.size()) if parent is not None else self.rect()

    def head_of(self, index: int) -> QRect:
        """Where title and column labels of a panel stand: above it, or at the top of what is
        seen as long as a panel taller than that reaches there."""
        place, seen = self.places[index], self.seen()
        left, strip = (self.MARGIN, self.STRIP) if self.labelled else (0, 0)
        height = self.TITLE + strip
        top = place.top() - height
        if place.height() + height > seen.height():
            top = min(max(top, seen.top()), place.bottom() + 1 - height)
        return QRect(place.left() - left, top, place.width() + left, height)

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: N802
        """Scrolled: what stays at the top is at another place of this widget."""
        super().moveEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width, other places."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.lay_out()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Only the panels that are to be painted."""
        painter = QPainter(self)
        for index, place in enumerate(self.places):
            head = self.head_of(index)
            around = place.adjusted(-self.MARGIN, 0, 4, self.STRIP + 4).united(head)
            if not around.intersects(event.rect()):
                continue
            painter.drawImage(place, self._images[index])
            self._paint_cells(painter, index)
            if index == self.selected and self.hasFocus():
                painter.setPen(QPen(QColor(theme().palette.accent), 3))
                painter.drawRect(place.adjusted(1, 1, -2, -2))  # inside: labels stay free
            if self.labelled:
                self._paint_rows(painter, index)
                self._paint_columns(painter, index, place.bottom() + 1)
            self._paint_head(painter, index, head)
        painter.end()

    def _paint_cells(self, painter: QPainter, index: int) -> None:
        """What is written into the cells, and frames."""
        panel, place = self.panels[index], self.places[index]
        if panel.texts or panel.marked is not None:
            rows, columns = panel.values.shape
            to_pixels = QTransform.fromTranslate(place.x(), place.y())
            to_pixels.scale(place.width() / columns, place.height() / rows)
            paint_cells(painter, panel, QRectF(0, 0, columns, rows), to_pixels)

    def _paint_head(self, painter: QPainter, index: int, head: QRect) -> None:
        palette, place = theme().palette, self.places[index]
        if head.bottom() >= place.top():  # on the picture: hide what is below
            painter.fillRect(head.adjusted(0, 0, 6, 0), QColor(palette.panel))
        title = QRect(place.left(), head.top(), place.width(), self.TITLE - 3)
        low = Qt.AlignmentFlag.AlignBottom
        painter.setFont(self.font())
        painter.setPen(QColor(palette.text))
        painter.drawText(title, low | Qt.AlignmentFlag.AlignLeft, _(self.panels[index].title))
        if self.shared_range() is None and place.width() > 140:
            self._paint_range(painter, index, title)
        if self.labelled:
            self._paint_columns(painter, index, head.top() + self.TITLE)

    def _paint_range(self, painter: QPainter, index: int, title: QRect) -> None:
        """low ▭ high, at the right end of the title."""
        low, high = (number(end) for end in self._ranges[index])
        painter.setFont(self._small)
        painter.setPen(QColor(theme().palette.faint))
        metrics = painter.fontMetrics()
        bar = QRect(0, title.bottom() - 10, 56, 8)
        bar.moveRight(title.right() - metrics.horizontalAdvance(high) - 6)
        right = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight
        painter.drawText(title, right, high)
        painter.drawText(title.adjusted(0, 0, bar.left() - title.right() - 6, 0), right, low)
        ramp = np.arange(1, 256, dtype=np.uint8)[None]
        painter.drawImage(bar, image_of(ramp, self.panels[index].diverging))

    def _paint_columns(self, painter: QPainter, index: int, top: int) -> None:
        """As many labels as fit; the one under the mouse in any case."""
        panel, place = self.panels[index], self.places[index]
        count = panel.values.shape[1]
        cell = place.width() / count
        names = [visible(each) for each in panel.columns] or [
            str(i) for i in panel.column_numbers or range(count)
        ]
        font = label_font(cell) if panel.columns else self._small
        width = width_of(font)
        widths = [width(each) for each in names]
        chosen: Sequence[int] = (
            fitting(widths, cell)
            if panel.columns
            else range(0, count, nice_step((max(widths) + 2) / cell))
        )
        painter.setFont(font)
        painter.setPen(QColor(theme().palette.text if panel.columns else theme().palette.faint))
        for i in chosen:
            self._paint_label(painter, place.left() + (i + 0.5) * cell, top, names[i])
        if self.under is not None and self.under[0] == index and self.under[2] < len(names):
            i = self.under[2]
            middle, room = place.left() + (i + 0.5) * cell, max(cell, widths[i]) + 4
            ground = QRectF(middle - room / 2, top, room, self.STRIP)
            painter.fillRect(ground, QColor(theme().palette.accent))
            painter.setPen(QColor(theme().palette.on_accent))
            self._paint_label(painter, middle, top, names[i])

    def _paint_label(self, painter: QPainter, middle: float, top: int, name: str) -> None:
        box = QRectF(middle - 60, top, 120, self.STRIP)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)

    def _paint_rows(self, painter: QPainter, index: int) -> None:
        """Every row's label, or every n-th where there is no room."""
        panel, place = self.panels[index], self.places[index]
        count = panel.values.shape[0]
        cell = place.height() / count
        names = [visible(each) for each in panel.rows] or [
            str(i) for i in panel.numbers or range(count)
        ]
        # A letter is a little over half as wide as it is high.
        painter.setFont(label_font(cell * 0.55) if panel.rows else self._small)
        painter.setPen(QColor(theme().palette.text if panel.rows else theme().palette.faint))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for i in range(0, min(count, len(names)), nice_step(painter.fontMetrics().height() / cell)):
            middle = place.top() + (i + 0.5) * cell
            painter.drawText(QRectF(place.left() - 38, middle - 8, 34, 16), right, names[i])

    def cell_at(self, point: QPoint) -> tuple[int, int, int] | None:
        """(panel, row, column) under a point; None where a title is in front of it."""
        for index, place in enumerate(self.places):
            if place.contains(point) and not self.head_of(index).contains(point):
                rows, columns = self.panels[index].values.shape
                row = (point.y() - place.top()) * rows // place.height()
                column = (point.x() - place.left()) * columns // place.width()
                return index, row, column
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out the cell under the mouse."""
        self._point(self.cell_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self._point(None)

    def _point(self, cell: tuple[int, int, int] | None) -> None:
        before, self.under = self.under, cell
        self.hovered.emit(readout_of(self.panels[cell[0]], *cell[1:]) if cell else "")
        if self.labelled and before != cell:
            for each in {each[0] for each in (before, cell) if each}:
                place = self.places[each]
                self.update(self.head_of(each))
                self.update(place.left() - 20, place.bottom(), place.width() + 40, self.STRIP + 2)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click enlarges."""
        found = self.cell_at(event.position().toPoint())
        if found and event.button() == Qt.MouseButton.LeftButton:
            self.selected = found[0]
            self.chosen.emit(found[0])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows choose a panel, Enter enlarges it."""
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.across,
            Qt.Key.Key_Down: self.across,
        }
        key = Qt.Key(event.key())
        if key in steps and 0 <= self.selected + steps[key] < len(self.panels):
            self.selected += steps[key]
            self.hovered.emit(_(self.panels[self.selected].title))
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.panels:
            self.chosen.emit(self.selected)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show which panel is selected."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide which panel is selected."""
        super().focusOutEvent(event)
        self.update()

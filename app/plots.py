"""Pictures: one widget for each payload, and the loss curves.

Every widget has ``show_payload(payload)``. The newest payload replaces the one
before; a widget that nobody sees keeps it and draws it when it is next seen.
What is under the mouse is read out in the line below the picture, in the place of
the caption. Run ``python -m app.plots`` to see all of them.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    qRgb,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.i18n import _
from app.sound import Player
from app.special.chips import TokenChips, visible
from app.theme import Palette, blend, theme
from engine.payloads import (
    Alternative,
    Array,
    Bars,
    Curve,
    Heatmap,
    Heatmaps,
    Line,
    Sound,
    Text,
    Tokens,
)

P = TypeVar("P")
Numbers = NDArray[np.float64]


class Footer(QWidget):
    """The line below a picture: its caption, or what is under the mouse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = QLabel()
        self._caption.setWordWrap(True)
        self._caption.setProperty("role", "faint")
        self._readout = QLabel()
        self._readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for each in (self._caption, self._readout):
            each.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            each.setTextFormat(Qt.TextFormat.PlainText)
        # Stacked, so that reading out never moves the picture above.
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._caption)
        self._stack.addWidget(self._readout)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def set_caption(self, caption: str) -> None:
        """What the picture is."""
        self._caption.setText(caption)

    @property
    def readout(self) -> str:
        """What is read out now, or an empty text."""
        return self._readout.text()

    def read(self, text: str) -> None:
        """Read out `text`; an empty one brings the caption back."""
        self._readout.setText(text)
        self._readout.setToolTip(text)
        self._stack.setCurrentWidget(self._readout if text else self._caption)


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


def number(value: float) -> str:
    """Four digits, as people write them: ``0.8312``, ``1,204``, ``3.1e-05``."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.4g}"


def label_of(labels: Sequence[str], index: int) -> str:
    """How row or column `index` is read out: single characters in quotes."""
    if index >= len(labels):
        return str(index)
    label = visible(labels[index])
    return f"'{label}'" if len(label) == 1 else label


def readout_of(picture: Heatmap, row: int, column: int) -> str:
    """``layer 1 head 2: query 'q', key 'u': attention 0.83``."""
    where = ", ".join(
        f"{_(title)} {label}".strip()
        for title, label in (
            (picture.y_title, label_of(picture.rows, row)),
            (picture.x_title, label_of(picture.columns, column)),
        )
    )
    value = float(picture.values[row, column])
    shown = _("none") if math.isnan(value) else number(value)
    what = f"{_(picture.value_title)} {shown}".strip()
    return ": ".join(part for part in (_(picture.title), where, what) if part)


def colour_range(picture: Heatmap) -> tuple[float, float]:
    """The ends of the colour scale; never equal, and symmetric where zero is the middle."""
    low, high = picture.low, picture.high
    if low is None or high is None:
        finite = picture.values[np.isfinite(picture.values)]
        least = float(finite.min()) if finite.size else 0.0
        most = float(finite.max()) if finite.size else 1.0
        low = least if low is None else low
        high = most if high is None else high
    if picture.diverging:
        high = max(abs(low), abs(high))
        low = -high
    if not low < high:
        half = abs(low) * 1e-3 or 1e-6
        low, high = low - half, high + half
    return low, high


class LabelAxis(pg.AxisItem):  # type: ignore[misc]
    """Ticks in the middle of rows or columns: every label where there is room, else every n-th."""

    def __init__(self, orientation: str, **options: Any) -> None:
        super().__init__(orientation, **options)
        self.enableAutoSIPrefix(False)
        self.labels: Sequence[str] = ()
        self.count = 0

    def set_labels(self, labels: Sequence[str], count: int) -> None:
        """`count` rows or columns, named by `labels` as far as these go."""
        shown = tuple(visible(each) for each in labels)
        if shown != self.labels or count != self.count:
            self.labels, self.count = shown, count
            self.picture = None
            self.update()

    def tickValues(  # noqa: N802
        self, low: float, high: float, size: float
    ) -> list[tuple[float, list[float]]]:
        """Centres of the cells that get a label."""
        low, high = min(low, high), max(low, high)  # an axis that points down has them swapped
        cell = size / max(high - low, 1e-9)
        if self.orientation in ("left", "right"):
            need = 15.0
        elif self.labels:
            widest = max(len(each) for each in self.labels)
            need = 12.0 if widest == 1 else 8.0 * widest + 8
        else:
            need = 34.0
        step = nice_step(need / cell)
        first = max(0, math.floor(low))
        last = min(self.count - 1, math.ceil(high))
        start = -(-first // step) * step
        return [(step, [index + 0.5 for index in range(start, last + 1, step)])]

    def tickStrings(  # noqa: N802
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        """The labels, or plain numbers from zero."""
        indices = [int(value) for value in values]
        return [self.labels[i] if i < len(self.labels) else str(i) for i in indices]


def nice_step(at_least: float) -> int:
    """The least of 1, 2, 5, 10, 20, ... that is not below."""
    step = 1
    while step < at_least:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


class TextWidget(PayloadWidget[Text]):
    """Running text, to read, select and copy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setAccessibleName(_("Text"))
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Text) -> None:
        """Replace the text where it is another one, staying where the person has scrolled to."""
        self.footer.set_caption(_(payload.caption))
        if payload.text != self.view.toPlainText():
            bar = self.view.verticalScrollBar()
            place = bar.value()
            self.view.setPlainText(payload.text)
            bar.setValue(place)


class HeatmapWidget(PayloadWidget[Heatmap]):
    """One matrix, with axes and a colour bar. Wheel and drag zoom, a double click resets."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape = (0, 0)
        self.view = pg.GraphicsLayoutWidget()
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        axes = {side: LabelAxis(side) for side in ("left", "bottom")}
        self.plot = self.view.addPlot(0, 0, axisItems=axes)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        box = self.plot.getViewBox()
        box.invertY(True)
        box.setDefaultPadding(0.0)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.bar = pg.ColorBarItem(interactive=False, width=14, colorMap=None)
        self.view.addItem(self.bar, 0, 1)
        self.bar.setImageItem(self.image)
        self.view.scene().sigMouseMoved.connect(self._moved)
        self.view.scene().sigMouseClicked.connect(self._clicked)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)
        self.recolour()

    def draw(self, payload: Heatmap) -> None:
        """New values in the same picture; the zoom stays while the shape does."""
        rows, columns = payload.values.shape
        low, high = colour_range(payload)
        self.image.setImage(payload.values, autoLevels=False, levels=(low, high))
        self.image.setRect(QRectF(0, 0, columns, rows))
        self.bar.setColorMap(
            pg.ColorMap(None, theme().lookup(payload.diverging), mapping=pg.ColorMap.CLIP)
        )
        self.bar.setLevels(low=low, high=high)
        self.bar.getAxis("right").setLabel(_(payload.value_title))
        self.plot.getAxis("left").set_labels(payload.rows, rows)
        self.plot.getAxis("bottom").set_labels(payload.columns, columns)
        self.plot.setLabel("left", _(payload.y_title))
        self.plot.setLabel("bottom", _(payload.x_title))
        self.plot.setTitle(_(payload.title) or None, size="10pt", color=theme().palette.text)
        self.footer.set_caption(_(payload.caption))
        if self._shape != (rows, columns):
            self._shape = (rows, columns)
            self.reset_zoom()

    def reset_zoom(self) -> None:
        """All rows and columns."""
        rows, columns = self._shape
        box = self.plot.getViewBox()
        box.setLimits(xMin=0, xMax=columns, yMin=0, yMax=rows)
        box.setRange(QRectF(0, 0, columns, rows), padding=0)

    def recolour(self) -> None:
        """Take the colours of the theme."""
        self.view.setBackground(theme().palette.panel)
        colour_axes(self.plot)
        colour_axis(self.bar.getAxis("right"))

    def _moved(self, position: QPointF) -> None:
        point = self.plot.getViewBox().mapSceneToView(position)
        self.footer.read(self.read_at(point.x(), point.y()))

    def read_at(self, x: float, y: float) -> str:
        """What the cell under a place (in cells) says; empty beside the picture."""
        rows, columns = self._shape
        if self.payload is None or not (0 <= x < columns and 0 <= y < rows):
            return ""
        return readout_of(self.payload, int(y), int(x))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The caption comes back."""
        super().leaveEvent(event)
        self.footer.read("")

    def _clicked(self, event: Any) -> None:
        if event.double():
            self.reset_zoom()
        elif event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()


def colour_axis(axis: Any) -> None:
    """A quiet axis in the colours of the theme."""
    palette = theme().palette
    axis.setPen(pg.mkPen(palette.border))
    axis.setTextPen(pg.mkPen(palette.faint))
    axis.setStyle(tickLength=4)
    if axis.autoSIPrefix:  # once, before there is a label: with one it would set the scale
        axis.enableAutoSIPrefix(False)
    axis.labelStyle["color"] = palette.faint
    if axis.labelText:
        axis.setLabel(axis.labelText, **axis.labelStyle)


def colour_axes(plot: Any) -> None:
    """Both axes of a plot."""
    for side in ("left", "bottom"):
        colour_axis(plot.getAxis(side))


class _Mosaic(QWidget):
    """Many small heatmaps in one painted widget: an indexed image for each, scaled by Qt.

    hovered: what is under the mouse. chosen: the number of a clicked panel.
    """

    hovered = Signal(str)
    chosen = Signal(int)

    TITLE, GAP, LABELS_FROM = 20, 10, 240

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels: tuple[Heatmap, ...] = ()
        self.across = 1
        self.selected = 0
        self.places: list[QRect] = []
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
            indexed(each.values, *ends) for each, ends in zip(panels, self._ranges, strict=True)
        ]
        self._images = [
            image_of(buffer, each.diverging)
            for buffer, each in zip(self._buffers, panels, strict=True)
        ]
        self.selected = min(self.selected, max(0, len(panels) - 1))
        if moved:
            self.lay_out()
        self.update()

    def shared_range(self) -> tuple[float, float] | None:
        """The colour scale where all panels have the same one."""
        return self._ranges[0] if self._ranges and len(set(self._ranges)) == 1 else None

    def lay_out(self) -> None:
        """Give each panel its place for the width there is."""
        across = min(self.across, max(1, len(self.panels)))
        width = max(40, (self.width() - self.GAP * (across - 1)) // across)
        labelled = width >= self.LABELS_FROM
        left, below = (34, 16) if labelled else (0, 0)
        self.places = []
        top = 0
        for line in range(0, len(self.panels), across):
            heights = []
            for column, panel in enumerate(self.panels[line : line + across]):
                rows, columns = panel.values.shape
                room = width - left
                if rows == columns:
                    room = min(room, 420)
                    height = room
                else:
                    # Rows thick enough to tell apart; a few rows as thick as is pleasant.
                    height = max(72, min(rows * 18, 216), rows * 7)
                x = column * (width + self.GAP) + left
                self.places.append(QRect(x, top + self.TITLE, room, height))
                heights.append(height)
            top += self.TITLE + max(heights) + below + self.GAP
        self.setMinimumHeight(max(0, top - self.GAP))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width, other places."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.lay_out()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Only the panels that are to be painted."""
        painter = QPainter(self)
        palette = theme().palette
        shared = self.shared_range()
        metrics = QFontMetrics(self._small)
        for index, (place, panel) in enumerate(zip(self.places, self.panels, strict=True)):
            if not place.adjusted(-40, -self.TITLE, 4, 20).intersects(event.rect()):
                continue
            painter.setFont(self.font())
            painter.setPen(QColor(palette.text))
            title = QRect(place.left(), place.top() - self.TITLE, place.width(), self.TITLE - 3)
            bottom = Qt.AlignmentFlag.AlignBottom
            painter.drawText(title, bottom | Qt.AlignmentFlag.AlignLeft, _(panel.title))
            if shared is None and place.width() > 140:
                low, high = self._ranges[index]
                painter.setFont(self._small)
                painter.setPen(QColor(palette.faint))
                ends = f"{number(low)} … {number(high)}"
                painter.drawText(title, bottom | Qt.AlignmentFlag.AlignRight, ends)
            painter.drawImage(place, self._images[index])
            chosen = index == self.selected and self.hasFocus()
            if chosen:
                painter.setPen(QPen(QColor(palette.accent), 3))
                painter.drawRect(place.adjusted(-2, -2, 1, 1))
            if place.width() >= self.LABELS_FROM - 34:
                painter.setFont(self._small)
                painter.setPen(QColor(palette.faint))
                self._paint_labels(painter, metrics, place, panel)
        painter.end()

    def _paint_labels(
        self, painter: QPainter, metrics: QFontMetrics, place: QRect, panel: Heatmap
    ) -> None:
        rows, columns = panel.values.shape
        names = [visible(each) for each in panel.columns] or [str(i) for i in range(columns)]
        widest = max(metrics.horizontalAdvance(each) for each in names)
        cell = place.width() / columns
        for i in range(0, columns, nice_step((widest + 2) / cell)):
            centre = round(place.left() + (i + 0.5) * cell)
            box = QRect(centre - 60, place.bottom() + 2, 120, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, names[i] if i < len(names) else "")
        names = [visible(each) for each in panel.rows] or [str(i) for i in range(rows)]
        cell = place.height() / rows
        for i in range(0, rows, nice_step(metrics.height() / cell)):
            centre = round(place.top() + (i + 0.5) * cell)
            box = QRect(place.left() - 34, centre - 8, 30, 16)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, right, names[i] if i < len(names) else "")

    def cell_at(self, point: QPoint) -> tuple[int, int, int] | None:
        """(panel, row, column) under a point."""
        for index, place in enumerate(self.places):
            if place.contains(point):
                rows, columns = self.panels[index].values.shape
                row = (point.y() - place.top()) * rows // place.height()
                column = (point.x() - place.left()) * columns // place.width()
                return index, row, column
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out the cell under the mouse."""
        found = self.cell_at(event.position().toPoint())
        self.hovered.emit(readout_of(self.panels[found[0]], *found[1:]) if found else "")

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self.hovered.emit("")

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


def indexed(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """`values` as 1 to 255 between the ends of the scale; 0 where there is no number."""
    scaled = np.clip((values - low) * (254 / (high - low)), 0, 254).round() + 1
    return np.ascontiguousarray(np.where(np.isnan(scaled), 0, scaled).astype(np.uint8))


def image_of(buffer: NDArray[np.uint8], diverging: bool) -> QImage:
    """An image that looks its colours up; `buffer` must live as long as it."""
    height, width = buffer.shape
    image = QImage(buffer.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(_colour_table(theme().palette, diverging))
    return image


@functools.cache
def _colour_table(palette: Palette, diverging: bool) -> list[int]:
    """Nothing first, then the colours from low to high."""
    colours = theme().lookup(diverging).tolist()
    return [QColor(palette.raised).rgb(), *(qRgb(*colour) for colour in colours[1:])]


class _Scale(QWidget):
    """A small horizontal colour bar with its ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.diverging = False
        self.low, self.high = "", ""
        self.setFixedHeight(self.fontMetrics().height() + 4)

    def show_scale(self, low: str, high: str, diverging: bool) -> None:
        """From `low` to `high`."""
        if (low, high, diverging) != (self.low, self.high, self.diverging):
            self.low, self.high, self.diverging = low, high, diverging
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """The bar and both words."""
        words = self.fontMetrics().horizontalAdvance(self.low + self.high)
        return QSize(words + 96 + 16, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """low ▭ high."""
        painter = QPainter(self)
        painter.setPen(QColor(theme().palette.faint))
        middle = Qt.AlignmentFlag.AlignVCenter
        low = self.fontMetrics().horizontalAdvance(self.low)
        painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignLeft, self.low)
        ramp = np.arange(1, 256, dtype=np.uint8)[None]
        place = QRect(low + 8, self.height() // 2 - 5, 96, 10)
        painter.drawImage(place, image_of(ramp, self.diverging))
        painter.drawText(self.rect().adjusted(low + 112, 0, 0, 0), middle, self.high)
        painter.end()


class HeatmapsWidget(PayloadWidget[Heatmaps]):
    """A grid of heatmaps. A click enlarges one, another click or Esc goes back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.enlarged: int | None = None
        self.mosaic = _Mosaic()
        self.mosaic.hovered.connect(self.footer.read)
        self.mosaic.chosen.connect(self.enlarge)
        self.axes = QLabel()
        self.axes.setProperty("role", "faint")
        self.scale = _Scale()
        head = QHBoxLayout()
        head.addWidget(self.axes, 1)
        head.addWidget(self.scale)
        area = scrolled(self.mosaic)
        grid = QWidget()
        inside = QVBoxLayout(grid)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(head)
        inside.addWidget(area, 1)
        inside.addWidget(self.footer)

        self.single = HeatmapWidget()
        self.single.clicked.connect(self.back)
        self.back_button = QToolButton()
        self.back_button.setText(_("‹ All panels"))
        self.back_button.setProperty("role", "flat")
        self.back_button.setToolTip(_("Esc goes back as well"))
        self.back_button.clicked.connect(self.back)
        large = QWidget()
        inside = QVBoxLayout(large)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.back_button)
        inside.addWidget(self.single, 1)

        self.stack = QStackedLayout()
        self.stack.addWidget(grid)
        self.stack.addWidget(large)
        self.body.addLayout(self.stack)

    def draw(self, payload: Heatmaps) -> None:
        """New values in every panel, and in the large one."""
        self.mosaic.show_panels(payload.panels, payload.across)
        self.footer.set_caption(_(payload.caption))
        if payload.panels:
            first = payload.panels[0]
            words = (
                _("rows: {title}").format(title=_(first.y_title)) if first.y_title else "",
                _("columns: {title}").format(title=_(first.x_title)) if first.x_title else "",
                _("click one to enlarge it"),
            )
            self.axes.setText("  ·  ".join(each for each in words if each))
            shared = self.mosaic.shared_range()
            low, high = (number(shared[0]), number(shared[1])) if shared else (_("low"), _("high"))
            title = f"{_(first.value_title)}  " if first.value_title else ""
            self.scale.show_scale(title + low, high, first.diverging)
        if self.enlarged is not None:
            if self.enlarged < len(payload.panels):
                self.single.show_payload(payload.panels[self.enlarged])
            else:
                self.back()

    def enlarge(self, index: int) -> None:
        """Show one panel alone, with axes."""
        assert self.payload is not None
        self.enlarged = index
        self.single.show_payload(self.payload.panels[index])
        self.stack.setCurrentIndex(1)
        self.back_button.setFocus()

    def back(self) -> None:
        """Show all panels again."""
        self.enlarged = None
        self.stack.setCurrentIndex(0)
        self.mosaic.setFocus()

    def event(self, event: QEvent) -> bool:
        """Esc goes back before it is a shortcut of the window."""
        if event.type() == QEvent.Type.ShortcutOverride and self.enlarged is not None:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Esc goes back."""
        if event.key() == Qt.Key.Key_Escape and self.enlarged is not None:
            self.back()
        else:
            super().keyPressEvent(event)


class _LinesPlot(pg.PlotWidget):  # type: ignore[misc]
    """What `Curve` and `LossCurves` have in common: lines, a legend, a line under the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.plotItem.setMenuEnabled(False)
        self.plotItem.hideButtons()
        self.plotItem.showGrid(y=True, alpha=0.16)
        self.legend = self.plotItem.addLegend(offset=(-8, 6), labelTextSize="9pt")
        self.legend.setZValue(50)
        self.cursor_line = pg.InfiniteLine(angle=90, movable=False)
        self.cursor_line.hide()
        self.addItem(self.cursor_line, ignoreBounds=True)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.recolour()

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.setBackground(palette.panel)
        colour_axes(self.plotItem)
        self.cursor_line.setPen(pg.mkPen(palette.faint, width=1))
        self.legend.setBrush(pg.mkBrush(blend(palette.panel, palette.background, 0.8)))
        self.legend.setPen(pg.mkPen(palette.border))
        self.legend.setLabelTextColor(palette.text)

    def set_legend(self, entries: Sequence[tuple[Any, str]]) -> None:
        """Name these lines; nothing is built again while the names stay."""
        if [label.text for _sample, label in self.legend.items] != [name for _, name in entries]:
            self.legend.clear()
            for item, name in entries:
                self.legend.addItem(item, name)

    def _clicked(self, event: Any) -> None:
        if event.double():
            self.plotItem.enableAutoRange()


def thin(item: Any, method: str, to_pixel: float = 1.0) -> None:
    """Draw that many peaks (or points) of `item` to a pixel; more costs much and shows little.

    To be called after the item is in its plot, which sets these options itself.
    """
    item.opts["autoDownsampleFactor"] = to_pixel
    item.setDownsampling(auto=True, method=method)
    item.setClipToView(True)


def nearest(x: Numbers, at: float, log: bool) -> int:
    """The index of the point of sorted or unsorted `x` (n > 0) that is nearest to `at`."""
    if log:
        positive = np.where(x > 0, x, np.nan)
        distance = np.abs(np.log10(positive) - math.log10(at)) if at > 0 else np.abs(x - at)
        return int(np.nanargmin(distance)) if np.isfinite(distance).any() else 0
    return int(np.argmin(np.abs(x - at)))


def drawable(x: NDArray[Any], y: NDArray[Any], log_x: bool, log_y: bool) -> tuple[Numbers, Numbers]:
    """The points that can stand on these axes, in double precision."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    keep = np.isfinite(x) & np.isfinite(y)
    if log_x:
        keep &= x > 0
    if log_y:
        keep &= y > 0
    return (x, y) if keep.all() else (x[keep], y[keep])


def read_lines(
    x_title: str, lines: Sequence[tuple[str, Numbers, Numbers]], at: float, log_x: bool
) -> tuple[float, str] | None:
    """The x nearest to `at` that some line has, and what all lines are there, in words."""
    found = [
        (name, float(x[i]), float(y[i]))
        for name, x, y in lines
        if len(x)
        for i in (nearest(x, at, log_x),)
    ]
    if not found:
        return None
    log = log_x and at > 0
    place = min(
        (x for _name, x, _y in found),
        key=lambda x: abs(math.log10(x / at)) if log else abs(x - at),
    )
    words = [
        f"{name} {number(y)}"
        if x == place
        else _("{name} {value} (at {place})").format(name=name, value=number(y), place=number(x))
        for name, x, y in found
    ]
    return place, f"{x_title} {number(place)}: ".lstrip() + "  ·  ".join(words)


class CurveWidget(PayloadWidget[Curve]):
    """Lines over a common axis, with a readout over all of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = _LinesPlot()
        self.items: list[Any] = []
        self._shown: list[tuple[str, Numbers, Numbers]] = []
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Curve) -> None:
        """New points in the same lines."""
        while len(self.items) > len(payload.lines):
            self.plot.removeItem(self.items.pop())
        while len(self.items) < len(payload.lines):
            item = pg.PlotDataItem()
            self.plot.addItem(item)
            thin(item, "peak")
            self.items.append(item)
        self.plot.setLogMode(x=payload.log_x, y=payload.log_y)
        self._shown = []
        for index, (item, line) in enumerate(zip(self.items, payload.lines, strict=True)):
            x, y = drawable(line.x, line.y, payload.log_x, payload.log_y)
            item.setPen(pg.mkPen(theme().series(index), width=2))
            item.setData(x, y)
            self._shown.append((_(line.name), x, y))
        self.plot.setLabel("bottom", _(payload.x_title))
        self.plot.setLabel("left", _(payload.y_title))
        names = [name for name, _x, _y in self._shown]
        self.plot.set_legend(list(zip(self.items, names, strict=True)))
        self.plot.legend.setVisible(len(names) > 1)
        self.footer.set_caption(_(payload.caption))

    def recolour(self) -> None:
        """Take the colours of the theme."""
        self.plot.recolour()

    def read_at(self, x: float) -> str:
        """What all lines are near `x`."""
        if self.payload is None:
            return ""
        found = read_lines(_(self.payload.x_title), self._shown, x, self.payload.log_x)
        self.plot.cursor_line.setVisible(found is not None)
        if found is None:
            return ""
        place, words = found
        self.plot.cursor_line.setValue(math.log10(place) if self.payload.log_x else place)
        return words

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The caption comes back."""
        super().leaveEvent(event)
        self.plot.cursor_line.hide()
        self.footer.read("")

    def _moved(self, position: QPointF) -> None:
        if self.payload is not None:
            x = self.plot.plotItem.getViewBox().mapSceneToView(position).x()
            self.footer.read(self.read_at(10**x if self.payload.log_x else x))


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
        names = [visible(label) for label in bars.labels]
        numbers = [self.value(i) for i in range(len(names))]
        name_width = min(self.width() // 3, max(map(metrics.horizontalAdvance, names)))
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
    """Named values as horizontal bars: names downwards (`y_title`), values across (`x_title`)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.titles = QLabel()
        self.titles.setProperty("role", "faint")
        self.view = _BarsView()
        self.view.hovered.connect(self.footer.read)
        area = scrolled(self.view)
        self.body.addWidget(self.titles)
        self.body.addWidget(area, 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Bars) -> None:
        """New values in the same rows."""
        unit = f" ({_(payload.unit)})" if payload.unit else ""
        titles = (_(payload.y_title), _(payload.x_title) + unit if payload.x_title else "")
        self.titles.setText("  ·  ".join(each for each in titles if each))
        self.titles.setVisible(any(titles))
        self.view.setAccessibleName(self.titles.text())
        self.view.show_bars(payload)
        self.footer.set_caption(_(payload.caption))


class SoundWidget(PayloadWidget[Sound]):
    """A waveform to hear and to keep. A click in it plays from there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.player = Player(self)
        self.player.position.connect(self._moved_on)
        self.player.finished.connect(self._stopped)
        self.player.failed.connect(self._failed)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.plot = pg.PlotWidget()
        self.plot.setFrameShape(QFrame.Shape.NoFrame)
        self.plot.plotItem.setMenuEnabled(False)
        self.plot.plotItem.hideButtons()
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.setYRange(-1, 1)
        colour_axes(self.plot.plotItem)
        self.plot.setLabel("bottom", _("time (s)"))
        self.plot.setLabel("left", _("amplitude"))
        self.wave = pg.PlotDataItem(antialias=False)
        self.place = pg.InfiniteLine(0, angle=90)
        self.plot.addItem(self.wave)
        thin(self.wave, "peak", to_pixel=4.0)
        self.plot.addItem(self.place, ignoreBounds=True)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.scene().sigMouseMoved.connect(self._read)
        self.play_button = QPushButton(_("Play"))
        self.stop_button = QPushButton(_("Stop"))
        self.wav_button = QPushButton(_("Save WAV…"))
        self.midi_button = QPushButton(_("Save MIDI…"))
        self.play_button.clicked.connect(lambda: self.play())
        self.stop_button.clicked.connect(self.stop)
        self.wav_button.clicked.connect(self._ask_wav)
        self.midi_button.clicked.connect(self._ask_midi)
        self.stop_button.setEnabled(False)
        self.midi_button.hide()
        self.message = QLabel()
        self.message.setProperty("role", "warning")
        self.message.setWordWrap(True)
        self.message.hide()
        buttons = QHBoxLayout()
        for button in (self.play_button, self.stop_button, self.wav_button, self.midi_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.body.addWidget(self.title)
        self.body.addWidget(self.plot, 1)
        self.body.addLayout(buttons)
        self.body.addWidget(self.message)
        self.body.addWidget(self.footer)
        self.recolour()

    def draw(self, payload: Sound) -> None:
        """Another waveform; what was playing goes on to its end."""
        self.title.setText(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.wave.setData(np.arange(len(payload.samples)) / payload.rate, payload.samples)
        seconds = len(payload.samples) / payload.rate
        self.plot.plotItem.getViewBox().setLimits(xMin=0, xMax=max(seconds, 1e-3))
        self.plot.setXRange(0, max(seconds, 1e-3), padding=0)
        self.midi_button.setVisible(bool(payload.midi))
        self.play_button.setEnabled(bool(len(payload.samples)))
        self.wav_button.setEnabled(bool(len(payload.samples)))
        self.footer.set_caption(_(payload.caption))

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.plot.setBackground(palette.panel)
        colour_axes(self.plot.plotItem)
        self.wave.setPen(pg.mkPen(theme().series(0), width=1))
        self.place.setPen(pg.mkPen(theme().series(1), width=2))

    def play(self, start: float = 0.0) -> None:
        """Play from `start` seconds on."""
        if self.payload is not None:
            self.message.hide()
            self.stop_button.setEnabled(True)
            self.player.play(self.payload, start)

    def stop(self) -> None:
        """Fall silent."""
        self.player.stop()
        self._stopped()

    def save_wav(self, path: Path) -> None:
        """Write the sound as 16 bit WAV."""
        import soundfile

        assert self.payload is not None
        soundfile.write(str(path), self.payload.samples, self.payload.rate, subtype="PCM_16")

    def save_midi(self, path: Path) -> None:
        """Write the notes as a standard MIDI file."""
        assert self.payload is not None
        path.write_bytes(self.payload.midi)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees is not heard."""
        super().hideEvent(event)
        self.stop()

    def _moved_on(self, seconds: float) -> None:
        self.place.setValue(seconds)

    def _stopped(self) -> None:
        self.stop_button.setEnabled(False)
        self.place.setValue(0)

    def _failed(self, reason: str) -> None:
        self._stopped()
        self._say(reason)

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.show()

    def _clicked(self, event: Any) -> None:
        x = self.plot.plotItem.getViewBox().mapSceneToView(event.scenePos()).x()
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            self.play(max(0.0, x))

    def _read(self, position: QPointF) -> None:
        if self.payload is None:
            return
        x = self.plot.plotItem.getViewBox().mapSceneToView(position).x()
        self.footer.read(self.read_at(x))

    def read_at(self, seconds: float) -> str:
        """Time and amplitude there."""
        if self.payload is None:
            return ""
        index = round(seconds * self.payload.rate)
        if not 0 <= index < len(self.payload.samples):
            return ""
        words = _("{seconds:.3f} s: amplitude {value:.3f}; a click plays from here")
        return words.format(seconds=seconds, value=float(self.payload.samples[index]))

    def _ask_wav(self) -> None:
        self._ask(_("Save sound"), "sound.wav", "WAV (*.wav)", self.save_wav)

    def _ask_midi(self) -> None:
        self._ask(_("Save notes"), "notes.mid", "MIDI (*.mid)", self.save_midi)

    def _ask(self, title: str, name: str, kinds: str, save: Callable[[Path], None]) -> None:
        path, _kind = QFileDialog.getSaveFileName(self, title, name, kinds)
        if not path:
            return
        try:
            save(Path(path))
        except (OSError, RuntimeError) as error:  # soundfile reports in RuntimeErrors
            self._say(_("{path} could not be written: {error}").format(path=path, error=error))


Kind = Literal["raw", "points"]


class LossCurves(QWidget):
    """How the loss falls: raw faint and smoothed strong, held-out as points, marks, the best."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series: dict[str, tuple[Numbers, Numbers, Kind]] = {}
        self._items: dict[str, tuple[Any, Any]] = {}
        self._marks: list[tuple[float, str]] = []
        self._mark_lines: list[Any] = []
        self._units: dict[str, float] = {}
        self._read: list[tuple[str, Numbers, Numbers]] = []
        self._stale = False
        self.plot = _LinesPlot()
        self.plot.setLabel("bottom", _("step"))
        self.best = pg.ScatterPlotItem(size=15, symbol="star")
        self.best.setZValue(40)
        self.plot.addItem(self.best)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.plotItem.getViewBox().sigXRangeChanged.connect(
            lambda *_range: self._space_marks()
        )
        self.footer = Footer()
        self.unit = QComboBox()
        self.unit.setAccessibleName(_("Unit of the loss"))
        self.unit.setToolTip(_("Unit of the loss"))
        self.unit.currentIndexChanged.connect(lambda _index: self._redraw())
        self.log = QToolButton()
        self.log.setText(_("log"))
        self.log.setCheckable(True)
        self.log.setProperty("role", "flat")
        self.log.setToolTip(_("Logarithmic loss axis"))
        self.log.toggled.connect(lambda _on: self._redraw())
        self.unit.hide()
        empty = QLabel(_("Press Train to start"))
        empty.setProperty("role", "heading")
        hint = QLabel(_("The loss appears here, falling if all goes well."))
        hint.setProperty("role", "faint")
        nothing = QWidget()
        middle = QVBoxLayout(nothing)
        middle.addStretch(1)
        for label in (empty, hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            middle.addWidget(label)
        middle.addStretch(1)
        full = QWidget()
        inside = QVBoxLayout(full)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(2)
        tools = QHBoxLayout()
        tools.addWidget(self.footer, 1)
        tools.addWidget(self.unit)
        tools.addWidget(self.log)
        inside.addWidget(self.plot, 1)
        inside.addLayout(tools)
        self.stack = QStackedLayout(self)
        self.stack.addWidget(nothing)
        self.stack.addWidget(full)
        theme().changed.connect(self._recolour)

    def set_series(self, name: str, x: NDArray[Any], y: NDArray[Any], kind: Kind) -> None:
        """All points of one line so far; x: (n,) steps, y: (n,) in the first unit.

        ``"raw"`` is noisy and gets a smoothed line on top; ``"points"`` are few and
        exact (held-out), and the lowest of the first such series is marked.
        """
        self._series[name] = (np.asarray(x, np.float64), np.asarray(y, np.float64), kind)
        self._redraw()

    def set_marks(self, marks: Sequence[tuple[float, str]]) -> None:
        """Say at these steps what was changed: ``[(500, "learning rate 0.01 → 0.003")]``."""
        self._marks = sorted(marks)
        self._redraw()

    def set_units(self, units: Mapping[str, float]) -> None:
        """Names of units and what a value is multiplied by for each; the first is as given."""
        if dict(units) == self._units:
            return
        self._units = dict(units)
        chosen = self.unit.currentText()
        self.unit.blockSignals(True)
        self.unit.clear()
        self.unit.addItems([_(name) for name in units])
        self.unit.setCurrentIndex(max(0, self.unit.findText(chosen)))
        self.unit.blockSignals(False)
        self.unit.setVisible(len(units) > 1)
        self._redraw()

    def clear(self) -> None:
        """As before the first step."""
        for raw, smooth in self._items.values():
            self.plot.removeItem(raw)
            self.plot.removeItem(smooth)
        self._series, self._items, self._marks = {}, {}, []
        self.plot.legend.clear()
        self.plot.plotItem.enableAutoRange()
        self._redraw()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what came while nobody looked."""
        super().showEvent(event)
        if self._stale:
            self._draw()

    def _redraw(self) -> None:
        self._stale = True
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        self._stale = False
        any_points = any(len(x) for x, _y, _kind in self._series.values())
        self.stack.setCurrentIndex(1 if any_points else 0)
        factors = list(self._units.values()) or [1.0]
        factor = factors[max(0, self.unit.currentIndex())]
        names = list(self._units) or [_("loss")]
        self.plot.setLabel("left", _(names[max(0, self.unit.currentIndex())]))
        log = self.log.isChecked()
        self.plot.setLogMode(x=False, y=log)
        self._read = []
        best: tuple[float, float] | None = None
        entries = []
        for index, (name, (x, y, kind)) in enumerate(self._series.items()):
            x, y = drawable(x, y * factor, False, log)
            raw, strong = self._items_of(name)
            colour = theme().series(index)
            if kind == "raw":
                # Blended, not transparent: crossing segments would add up to the full colour.
                faint = blend(colour, theme().palette.panel, 0.3)
                raw.setPen(pg.mkPen(faint, width=1))
                raw.setZValue(-10)
                strong.setPen(pg.mkPen(colour, width=2.2))
                raw.setData(x, y)
                shown = smoothed(y)
                strong.setData(x, shown)
            else:
                strong.setPen(pg.mkPen(colour, width=1))
                strong.setSymbol("o")
                strong.setSymbolSize(6)
                strong.setSymbolBrush(pg.mkBrush(colour))
                strong.setSymbolPen(None)
                strong.setData(x, y)
                shown = y
                if best is None and len(y):
                    lowest = int(np.argmin(y))
                    best = float(x[lowest]), float(y[lowest])
            entries.append((strong, _(name)))
            self._read.append((_(name), x, shown))
        self.plot.set_legend(entries)
        self._draw_best(best, log)
        self._draw_marks()
        self.footer.set_caption(self._summary(best))

    def _items_of(self, name: str) -> tuple[Any, Any]:
        if name not in self._items:
            # The raw line is drawn without smooth edges, which are slow and not seen in noise.
            pair = pg.PlotDataItem(antialias=False), pg.PlotDataItem()
            for item, method in zip(pair, ("peak", "subsample"), strict=True):
                self.plot.addItem(item)
                thin(item, method)
            self._items[name] = pair
        return self._items[name]

    def _draw_best(self, best: tuple[float, float] | None, log: bool) -> None:
        palette = theme().palette
        if best is None:
            self.best.setData([], [])
            return
        x, y = best
        self.best.setPen(pg.mkPen(palette.panel))
        self.best.setBrush(pg.mkBrush(palette.good))
        self.best.setData([x], [math.log10(y) if log else y])

    def _summary(self, best: tuple[float, float] | None) -> str:
        words = [f"{name} {number(float(y[-1]))}" for name, _x, y in self._read if len(y)]
        if best is not None:
            where = _("best {value} at step {step}")
            words.append("★ " + where.format(value=number(best[1]), step=number(best[0])))
        return "  ·  ".join(words)

    def _draw_marks(self) -> None:
        palette = theme().palette
        while len(self._mark_lines) > len(self._marks):
            self.plot.removeItem(self._mark_lines.pop())
        while len(self._mark_lines) < len(self._marks):
            line = pg.InfiniteLine(
                angle=90, label=" ", labelOpts={"position": 0.96, "anchors": [(0, 0.5), (0, 0.5)]}
            )
            self.plot.addItem(line, ignoreBounds=True)
            self._mark_lines.append(line)
        for line, (step, text) in zip(self._mark_lines, self._marks, strict=True):
            line.setPen(pg.mkPen(palette.faint, style=Qt.PenStyle.DashLine))
            line.label.setColor(palette.faint)
            line.label.setFormat(text.replace("{", "{{").replace("}", "}}"))
            line.setValue(step)
        self._space_marks()

    def _space_marks(self) -> None:
        """Hide the words that would run into the next ones; under the mouse all are read out."""
        box = self.plot.plotItem.getViewBox()
        per_pixel = box.viewPixelSize()[0]
        free_from = -math.inf
        for line, (step, _text) in zip(self._mark_lines, self._marks, strict=False):
            fits = step >= free_from
            line.label.setVisible(fits)
            if fits:
                free_from = step + (line.label.boundingRect().width() + 8) * per_pixel

    def read_at(self, x: float) -> str:
        """What all curves are near step `x`, and what was changed there."""
        found = read_lines(_("step"), self._read, x, False)
        self.plot.cursor_line.setVisible(found is not None)
        if found is None:
            return ""
        place, words = found
        self.plot.cursor_line.setValue(place)
        reach = 6 * self.plot.plotItem.getViewBox().viewPixelSize()[0]
        notes = [text for step, text in self._marks if abs(step - x) <= reach]
        return "  ·  ".join([words, *notes])

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The summary comes back."""
        super().leaveEvent(event)
        self.plot.cursor_line.hide()
        self.footer.read("")

    def _moved(self, position: QPointF) -> None:
        self.footer.read(self.read_at(self.plot.plotItem.getViewBox().mapSceneToView(position).x()))

    def _recolour(self) -> None:
        self.plot.recolour()
        self._redraw()


def smoothed(y: Numbers) -> Numbers:
    """The running mean over about a fiftieth of the points, fewer at both ends. (n,) -> (n,)"""
    half = len(y) // 100
    if half == 0:
        return y
    sums = np.concatenate(([0.0], np.cumsum(y)))
    at = np.arange(len(y))
    first, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(y))
    means: Numbers = (sums[end] - sums[first]) / (end - first)
    return means


WIDGETS: dict[type[Any], Callable[[], QWidget]] = {
    Text: TextWidget,
    Tokens: TokenChips,
    Heatmap: HeatmapWidget,
    Heatmaps: HeatmapsWidget,
    Curve: CurveWidget,
    Bars: BarsWidget,
    Sound: SoundWidget,
}


def examples() -> tuple[tuple[Any, ...], QWidget]:
    """A payload of each class, and loss curves, made up: for the gallery."""
    rng = np.random.default_rng(0)
    text = "to be, or not to be\n"
    letters = tuple(text)

    def attention(head: int) -> Heatmap:
        scores = rng.normal(size=(len(text), len(text))) * 2
        scores[np.triu_indices(len(text), 1)] = -np.inf
        weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        return Heatmap(
            weights.astype(np.float32),
            title=f"layer {head // 4 + 1} head {head % 4 + 1}",
            x_title="key",
            y_title="query",
            value_title="attention",
            rows=letters,
            columns=letters,
            low=0.0,
            high=1.0,
        )

    def gate(name: str) -> Heatmap:
        values = np.tanh(rng.normal(size=(48, 60)).cumsum(1) / 3).astype(np.float32)
        return Heatmap(
            values,
            title=name,
            x_title="character",
            y_title="unit",
            value_title="activation",
            columns=(letters * 3)[:60],
            diverging=True,
        )

    def drawn(position: int, piece: str) -> tuple[float, tuple[Alternative, ...]]:
        shares = np.sort(rng.dirichlet(np.full(10, 0.3)))[::-1]
        others = [each for each in "etaoinshrdlu" if each != piece][:10]
        place = min(int(rng.exponential(0.7)), 9)
        others[place] = piece
        alternatives = tuple(
            Alternative(ord(each), each, float(share), rank < 6)
            for rank, (each, share) in enumerate(zip(others, shares, strict=False))
        )
        return (math.nan, ()) if position < 6 else (float(shares[place]), alternatives)

    each = [drawn(i, piece) for i, piece in enumerate(letters * 4)]
    tokens = Tokens(
        ids=tuple(map(ord, letters * 4)),
        pieces=letters * 4,
        probabilities=tuple(probability for probability, _rest in each),
        alternatives=tuple(alternatives for _probability, alternatives in each),
        kept=6,
        next=each[-1][1],
        tokens_per_second=1234.0,
    )
    lag = np.arange(1, 65, dtype=np.float32)
    lines = tuple(Line(name, lag, np.exp(-lag / d)) for name, d in (("RNN", 4), ("LSTM", 20)))
    time = np.arange(16000) / 8000
    tone = (0.6 * np.sin(2 * np.pi * 220 * time) * np.exp(-time)).astype(np.float32)
    payloads = (
        Text(text * 6, caption="a sample"),
        tokens,
        gate("cell state"),
        Heatmaps(tuple(attention(head) for head in range(16)), 4, caption="who looks at whom"),
        Heatmaps(tuple(map(gate, ("input", "forget", "output", "cell"))), 1),
        Curve(lines, "time lag (characters)", "gradient norm", log_y=True),
        Bars(tuple("etaoi"), (40.1, 30.25, 20.0, 8.123, 1.5), "probability", "next", "%"),
        Sound(tone, 8000, title="A3", midi=b"MThd"),
    )
    curves = LossCurves()
    steps = np.arange(20000)
    falling = 1.4 + 2.6 * np.exp(-steps / 2500)
    held_out = steps[::1000]
    curves.set_units({"nats per character": 1.0, "bits per character": 1 / math.log(2)})
    curves.set_series("train", steps, falling + rng.normal(0, 0.12, len(steps)), "raw")
    rising = np.maximum(0, held_out - 12000) * 2e-5
    curves.set_series("held-out", held_out, falling[::1000] + 0.08 + rising, "points")
    curves.set_marks([(6000, "learning rate 0.01 → 0.003"), (6900, "dropout"), (14000, "batch 64")])
    return payloads, curves


def main() -> None:
    """Show all of them."""
    import sys

    from PySide6.QtWidgets import QApplication, QTabWidget

    application = QApplication(sys.argv)
    theme().use("dark" if "--dark" in sys.argv else "light")
    tabs = QTabWidget()
    payloads, curves = examples()
    widgets: list[tuple[Any, str]] = []
    for payload in payloads:
        widget: Any = WIDGETS[type(payload)]()
        widget.show_payload(payload)
        widgets.append((widget, type(payload).__name__))
    for widget, name in (*widgets, (curves, "LossCurves")):
        card = QFrame()
        card.setProperty("role", "card")
        QVBoxLayout(card).addWidget(widget)
        tabs.addTab(card, name)
    tabs.resize(900, 640)
    tabs.show()
    sys.exit(application.exec())


if __name__ == "__main__":
    main()

"""One matrix in colours, with axes, a colour bar and a readout."""

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QResizeEvent, QTransform
from PySide6.QtWidgets import (
    QFrame,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.plots.axes import LOW, Axis, LabelAxis, colour_axes, colour_axis
from app.plots.base import PayloadWidget, number
from app.plots.labels import quoted
from app.special.chips import chip_font, visible
from app.theme import theme
from engine.payloads import Heatmap

BAR_AXIS = 45  # pixels, of the numbers beside the colours
LARGEST, LEAST = 15, 8  # pixels of a letter in a cell
FRAMED = 4  # pixels: the smallest cell that gets a frame
FRAME = 3  # pixels: how thick a frame is; beside it is the text, where letters may be so small
TOP = 7  # pixels above the picture: half of the topmost number beside the colours


def readout_of(picture: Heatmap, row: int, column: int) -> str:
    """A cell in a sentence.

    Rows and columns that are both named are read as row, `x_title`, column, for which a
    payload gives a title that reads well between them:
    ``layer 1, head 2: 'q' attends to 'u': 0.83``. Where only columns are named, a row is
    what a number was after that was read: ``Input gate i: unit 17 after 'e': 0.83``.
    Else ``time 3, frequency 7: power 0.2``.
    """
    value = float(picture.values[row, column])
    shown = _("none") if math.isnan(value) else number(value)
    x, y = quoted(picture.columns, column), quoted(picture.rows, row)
    if picture.numbers and not picture.rows:
        y = str(picture.numbers[row])
    if picture.column_numbers and not picture.columns:
        x = str(picture.column_numbers[column])
    x_title, y_title = _(picture.x_title), _(picture.y_title)
    if picture.rows and picture.columns:
        where = " ".join((y, x_title or "→", x))
    elif picture.columns:
        where = _("{title} {row} after {column}").format(title=y_title or _("row"), row=y, column=x)
    else:
        where = ", ".join(f"{title} {name}".strip() for title, name in ((y_title, y), (x_title, x)))
        shown = f"{_(picture.value_title)} {shown}".strip()
    if picture.texts and picture.texts[row][column]:
        shown = f"'{written(picture, row, column)}' {shown}"
    if picture.marked is not None and picture.marked[row, column]:
        shown = " · ".join(part for part in (shown, _(picture.marked_title)) if part)
    return ": ".join(part for part in (_(picture.title), where, shown) if part)


def written(picture: Heatmap, row: int, column: int) -> str:
    """What is written into a cell."""
    return visible(_(picture.texts[row][column]))


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


def ground_of(picture: Heatmap, row: int, column: int, ends: tuple[float, float]) -> QColor:
    """The colour of a cell; `ends` of the colour scale."""
    value = float(picture.values[row, column])
    if math.isnan(value):
        return QColor(theme().palette.panel)
    low, high = ends
    part = min(1.0, max(0.0, (value - low) / (high - low)))
    level = round(255 * (math.sqrt(part) if picture.root else part))
    return QColor(*theme().lookup(picture.diverging)[level].tolist())


def ink_on(ground: QColor) -> QColor:
    """Black or white, whichever is read more easily on a colour.

    >>> ink_on(QColor("#fde725")).name(), ink_on(QColor("#440154")).name()
    ('#000000', '#ffffff')
    """
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (ground.redF(), ground.greenF(), ground.blueF())
    )
    # Relative luminance as in WCAG 2; at 0.179 both have the same contrast.
    return QColor("#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff")


def letters_for(texts: set[str], width: float, height: float) -> QFont:
    """Letters as large as they may be for all of `texts` to fit, or the smallest ones."""
    font = chip_font()
    for size in range(LARGEST, LEAST - 1, -1):
        font.setPixelSize(size)
        widest = max(map(QFontMetricsF(font).horizontalAdvance, texts), default=0.0)
        if widest <= width and size <= height:
            break
    return font


class CellMarks(pg.GraphicsObject):  # type: ignore[misc]
    """What is written into the cells of a matrix, as far as it fits, and frames around some.

    fitted: the cells whose text found room when they were painted last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.picture: Heatmap | None = None
        self.fitted: list[tuple[int, int]] = []

    def show_picture(self, picture: Heatmap) -> None:
        """The cells of this one."""
        self.prepareGeometryChange()
        there = bool(picture.texts) or picture.marked is not None
        self.picture = picture if there else None
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """All cells."""
        rows, columns = self.picture.values.shape if self.picture is not None else (0, 0)
        return QRectF(0, 0, columns, rows)

    def paint(self, painter: QPainter, *_options: Any) -> None:
        """In pixels, so that letters are not stretched; those of other cells are not painted."""
        self.fitted = []
        if self.picture is None:
            return
        to_pixels = painter.worldTransform()
        painter.setWorldTransform(QTransform())
        room = self.getViewBox().viewRect() & self.boundingRect()
        self.fitted = paint_cells(painter, self.picture, room, to_pixels)


def paint_cells(
    painter: QPainter, picture: Heatmap, room: QRectF, to_pixels: QTransform
) -> list[tuple[int, int]]:
    """What is written into the cells in `room` (in cells), and their frames; the cells whose
    text found room. The painter works in pixels."""
    fitted = []
    cell, ends = to_pixels.mapRect(QRectF(0, 0, 1, 1)), colour_range(picture)
    around = 1 if picture.marked is None else 2 * FRAME
    if picture.texts:
        texts = {visible(_(each)) for line in picture.texts for each in line}
        painter.setFont(letters_for(texts, cell.width() - around, cell.height() - around))
    metrics = QFontMetricsF(painter.font())
    for row in range(int(room.top()), math.ceil(room.bottom())):
        for column in range(int(room.left()), math.ceil(room.right())):
            box = to_pixels.mapRect(QRectF(column, row, 1, 1))
            if picture.marked is not None and picture.marked[row, column]:
                _frame(painter, box)
            if picture.texts:
                text = written(picture, row, column)
                fits = metrics.horizontalAdvance(text) <= box.width() - 1
                if text and fits and painter.font().pixelSize() <= box.height() - 1:
                    fitted.append((row, column))
                    painter.setPen(ink_on(ground_of(picture, row, column, ends)))
                    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
                    painter.drawText(box, flags, text)
    return fitted


def _frame(painter: QPainter, box: QRectF) -> None:
    """Inside a cell, with a rim, so that it is seen on any colour."""
    if min(box.width(), box.height()) < FRAMED:
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, out in (("#ffffff", 1.5), (theme().series(1), 0.5)):
        pen = QPen(QColor(colour), 1.5)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(box.adjusted(out + 0.5, out + 0.5, -out - 0.5, -out - 0.5))


class HeatmapWidget(PayloadWidget[Heatmap]):
    """One matrix, with axes and a colour bar. Wheel and drag zoom, a double click resets."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape = (0, 0)
        self.view = pg.GraphicsLayoutWidget()
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.ci.layout.setContentsMargins(0, TOP, 4, 0)
        axes = {side: LabelAxis(side) for side in ("left", "bottom")}
        self.plot = self.view.addPlot(0, 0, axisItems=axes)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        box = self.plot.getViewBox()
        box.invertY(True)
        box.setDefaultPadding(0.0)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.marks = CellMarks()
        self.plot.addItem(self.marks, ignoreBounds=True)
        self.bar = pg.ColorBarItem(interactive=False, width=14, colorMap=None)
        self._name_bar()
        self.bar.setImageItem(self.image, insert_in=self.plot)
        self.view.scene().sigMouseMoved.connect(self._moved)
        self.view.scene().sigMouseClicked.connect(self._clicked)
        self.title = Elided()
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body.addWidget(self.title)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)
        self.recolour()

    def _name_bar(self) -> None:
        """An axis beside the colours whose title is never longer than it."""
        axis = Axis("right")
        self.bar.setAxisItems({"right": axis})
        self.bar.axis = axis
        axis.setWidth(BAR_AXIS)
        axis.setZValue(0.5)
        axis.unlinkFromView()

    def draw(self, payload: Heatmap) -> None:
        """New values in the same picture; the zoom stays while the shape does."""
        rows, columns = payload.values.shape
        low, high = colour_range(payload)
        self.image.setImage(payload.values, autoLevels=False, levels=(low, high))
        self.image.setRect(QRectF(0, 0, columns, rows))
        self.bar.setColorMap(
            pg.ColorMap(
                np.linspace(0, 1, 256) ** (2 if payload.root else 1),
                theme().lookup(payload.diverging),
                mapping=pg.ColorMap.CLIP,
            )
        )
        self.bar.setLevels(low=low, high=high)
        self.marks.show_picture(payload)
        self.bar.getAxis("right").setLabel(_(payload.value_title))
        numbers = tuple(str(each) for each in payload.numbers)
        self.plot.getAxis("left").set_labels(payload.rows or numbers, rows)
        places = tuple(str(each) for each in payload.column_numbers)
        self.plot.getAxis("bottom").set_labels(payload.columns or places, columns)
        self.plot.setLabel("left", _(payload.y_title))
        self.plot.setLabel("bottom", _(payload.x_title))
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.footer.set_caption(_(payload.caption))
        if self._shape != (rows, columns):
            self._shape = (rows, columns)
            self.reset_zoom()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """There may be room for a title now, or no more."""
        super().resizeEvent(event)
        room = self.height() - self.title.sizeHint().height()
        self.plot.getAxis("bottom").set_roomy(room >= LOW)

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

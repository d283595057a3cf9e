"""Lines over a common axis."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QResizeEvent, QTransform
from PySide6.QtWidgets import (
    QFrame,
    QWidget,
)

from app.i18n import _
from app.plots.axes import LOW, Axis, colour_axes
from app.plots.base import PayloadWidget, number
from app.plots.labels import Key
from app.theme import theme
from engine.payloads import Curve, Line

Numbers = NDArray[np.float64]
SYMBOL = 8  # pixels: how large a point with a label is
APART = 6  # pixels between two labels side by side
AHEAD, ENOUGH = 0.03, 0.7  # the room for lines that grow, and how much of it all they fill
PADDING, ROOMY = 0.02, 0.05  # around all points; with labels there is to be room for them


class SteadyBox(pg.ViewBox):  # type: ignore[misc]
    """Where lines grow: the range goes a little further than they do, and then stays for a while.

    Each new range draws both axes anew, which costs more than the lines.
    """

    def __init__(self) -> None:
        super().__init__(defaultPadding=AHEAD)

    def updateAutoRange(self) -> None:  # noqa: N802
        """Only where something is out of the range, or leaves much of it empty."""
        if all(map(fills, self.viewRange(), self.childrenBounds(), self.autoRangeEnabled())):
            self._autoRangeNeedsUpdate = False
            return
        super().updateAutoRange()


def fills(seen: Sequence[float], data: Sequence[float] | None, automatic: float | bool) -> bool:
    """Whether data from one number to another stand well in that range of an axis.

    >>> fills([0, 10], [1, 9], True), fills([0, 10], [1, 11], True), fills([0, 10], [4, 6], True)
    (True, False, False)
    """
    if data is None or automatic is False:
        return True
    (low, high), (first, last) = seen, data
    return low <= first and last <= high and last - first >= ENOUGH * (high - low)


class LinesPlot(pg.PlotWidget):  # type: ignore[misc]
    """What `Curve` and `LossCurves` have in common: lines, and one under the mouse."""

    def __init__(self, box: pg.ViewBox | None = None) -> None:
        axes = {side: Axis(side) for side in ("left", "bottom")}
        super().__init__(axisItems=axes, viewBox=box)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.plotItem.setMenuEnabled(False)
        self.plotItem.hideButtons()
        self.plotItem.showGrid(y=True, alpha=0.16)
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

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """There may be room for a title now, or no more."""
        super().resizeEvent(event)
        item = getattr(self, "plotItem", None)  # the first time there is none yet
        if item is not None:
            item.getAxis("bottom").set_roomy(self.height() >= LOW)

    def show_all(self) -> None:
        """Follow the lines again, after a hand chose what is seen."""
        self.plotItem.enableAutoRange()
        for item in self.plotItem.listDataItems():
            item.viewRangeChanged()  # until now it knew only what was seen of it

    def _clicked(self, event: Any) -> None:
        if event.double():
            self.show_all()


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
    keep = can_stand(x, y, log_x, log_y)
    return (x, y) if keep.all() else (x[keep], y[keep])


def can_stand(x: NDArray[Any], y: NDArray[Any], log_x: bool, log_y: bool) -> NDArray[np.bool_]:
    """Which points these are. (n,)"""
    keep = np.isfinite(x) & np.isfinite(y)
    if log_x:
        keep &= x > 0
    if log_y:
        keep &= y > 0
    return np.asarray(keep, np.bool_)


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


class Label(NamedTuple):
    """A few characters beside a point; place: as on the axes, so maybe of the logarithms.

    line: the number of the line that the point is on.
    """

    place: QPointF
    text: str
    colour: QColor
    line: int = 0


def beside(point: QPointF, width: float, height: float) -> tuple[QRectF, ...]:
    """Where a label of that size may stand beside a point, the best place first. In pixels."""
    x, y, gap = point.x(), point.y(), SYMBOL / 2 + 2
    middle, over, under = y - height / 2, y - gap - height, y + gap
    right, left, centre = x + gap, x - gap - width, x - width / 2
    corners = (
        (centre, over),  # first, since a line goes on to the right and comes from the left
        (centre, under),
        (right, middle),
        (left, middle),
        (right, over),
        (right, under),
        (left, over),
        (left, under),
    )
    return tuple(QRectF(*corner, width, height) for corner in corners)


def crosses(stroke: QLineF, box: QRectF) -> bool:
    """Whether a straight stroke goes through a box."""
    corners = (box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft())
    edges = (QLineF(corners[i - 1], corners[i]) for i in range(4))
    met = QLineF.IntersectionType.BoundedIntersection
    return box.contains(stroke.p1()) or any(edge.intersects(stroke)[0] == met for edge in edges)


def free_places(
    points: Sequence[QPointF],
    sizes: Sequence[tuple[float, float]],
    room: QRectF,
    strokes: Sequence[QLineF] = (),
) -> list[QRectF | None]:
    """For each point where its label stands; None where every place beside it is taken.

    No label covers another or a point, or stands out of `room`, and none is on one of the
    strokes if it can be helped. All in pixels.
    """
    half = SYMBOL / 2
    taken = [QRectF(p.x() - half, p.y() - half, SYMBOL, SYMBOL) for p in points]
    found: list[QRectF | None] = []
    for point, (width, height) in zip(points, sizes, strict=True):
        places = [
            each
            for each in beside(point, width, height)
            if room.contains(each) and not any(map(each.intersects, taken))
        ]
        clear = (each for each in places if not any(crosses(line, each) for line in strokes))
        place = next(clear, places[0] if places else None)
        found.append(place)
        if place is not None:
            taken.append(place.adjusted(-APART, 0, APART, 0))
    return found


class PointLabels(pg.GraphicsObject):  # type: ignore[misc]
    """Labels beside points, none over another.

    placed: where each stood when they were painted last, in pixels; None: there was no room.
    """

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[Label] = []
        self.placed: list[QRectF | None] = []

    def show_labels(self, labels: list[Label]) -> None:
        """These."""
        self.labels = labels
        self.update()

    def viewTransformChanged(self) -> None:  # noqa: N802
        """Another part is seen, and all of it may have labels."""
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """All that is seen."""
        return QRectF(self.viewRect() or QRectF())

    def paint(self, painter: QPainter, *_options: Any) -> None:
        """In pixels, so that letters are not stretched."""
        to_pixels = painter.worldTransform()
        painter.setWorldTransform(QTransform())
        metrics = QFontMetricsF(painter.font())
        points = [to_pixels.map(each.place) for each in self.labels]
        sizes = [(metrics.horizontalAdvance(each.text), metrics.height()) for each in self.labels]
        strokes = [
            QLineF(points[i - 1], points[i])
            for i in range(1, len(points))
            if self.labels[i - 1].line == self.labels[i].line
        ]
        self.placed = free_places(points, sizes, to_pixels.mapRect(self.boundingRect()), strokes)
        for label, place in zip(self.labels, self.placed, strict=True):
            if place is not None:
                painter.setPen(label.colour)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
                painter.drawText(place, flags, label.text)


class CurveWidget(PayloadWidget[Curve]):
    """Lines over a common axis, with a readout over all of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = LinesPlot()
        self.key = Key(lines=2)  # above the plot: a legend inside would hide lines
        self.items: list[Any] = []
        self.labels = PointLabels()
        self.labels.setZValue(10)  # above the lines
        self.plot.addItem(self.labels, ignoreBounds=True)
        self._shown: list[tuple[str, Numbers, Numbers]] = []
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.body.addWidget(self.key)
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
        labels: list[Label] = []
        for index, (item, line) in enumerate(zip(self.items, payload.lines, strict=True)):
            x, y = drawable(line.x, line.y, payload.log_x, payload.log_y)
            item.setPen(pg.mkPen(theme().series(index), width=2))
            dotted = {"symbolBrush": theme().series(index), "symbolPen": None, "symbolSize": SYMBOL}
            item.setData(x, y, symbol="o" if line.labels else None, **dotted)
            labels += labels_of(line, payload, index)
            self._shown.append((_(line.name), x, y))
        self.labels.show_labels(labels)
        self.plot.plotItem.getViewBox().setDefaultPadding(ROOMY if labels else PADDING)
        self.plot.setLabel("bottom", _(payload.x_title))
        self.plot.setLabel("left", _(payload.y_title))
        self.key.setVisible(len(self._shown) > 1)
        self.key.show_entries(
            [(name, theme().series(i), False) for i, (name, _x, _y) in enumerate(self._shown)]
        )
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


def labels_of(line: Line, curve: Curve, number: int) -> list[Label]:
    """The labels of a line's points, as far as these can stand on the axes.

    number: of the line.
    """
    x, y = drawable(line.x, line.y, curve.log_x, curve.log_y)
    if not line.labels:
        return []
    keep = can_stand(line.x, line.y, curve.log_x, curve.log_y)
    texts = [_(text) for text, kept in zip(line.labels, keep, strict=True) if kept]
    places = zip(
        np.log10(x) if curve.log_x else x, np.log10(y) if curve.log_y else y, texts, strict=True
    )
    colour = theme().series(number)
    return [Label(QPointF(float(a), float(b)), text, colour, number) for a, b, text in places]

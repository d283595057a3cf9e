"""A part of the plane: dots, arrows and paths over a surface, and rings to drag.

The plane shows its whole extent and keeps it, whatever is drawn in it. Everything of one
sort is one item of the scene, painted from one array.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsItem, QHBoxLayout, QWidget

from app.elided import Elided
from app.i18n import _
from app.plots.axes import colour_axes
from app.plots.base import PayloadWidget, number
from app.plots.heatmap import colour_range
from app.plots.heatmaps import Scale
from app.plots.labels import Key
from app.plots.turning import Turning
from app.theme import blend, theme
from engine.payloads import Array, Dots, Handle, Heatmap, Plane

RING = 9.0  # pixels: the radius of a handle
NEAR = 12.0  # pixels: so near a dot is read out
SOLID = 7  # so many classes have a colour of their own; the next ones are rings in these
FEW = 12  # dots: so many are larger
MANY = 3000  # points of paths: smooth ones would take long
LARGE = 330  # pixels: in a smaller plane, dots are smaller
SMALL = 110  # pixels: a smaller plane has no axes
NARROW = 420  # pixels: in a line, title, legend and scale need more


def colour_of(dots: Dots, number: int, sort: int, ground: bool = False) -> tuple[QColor, bool]:
    """The colour of a class of `dots`, and whether it is hollow.

    sort: the place of `dots` among the strong or the faint ones, for those without classes.
    ground: they are on a surface or a picture, where the first colour may be any other thing.
    """
    palette = theme().palette
    faint = dots.tone == "faint"
    share = 0.7 if ground else 0.5
    if dots.classes is None:
        strong = QColor(palette.text) if ground and not sort else theme().series(sort)
        colour = QColor(palette.faint) if faint else strong
        return (blend(colour, palette.panel, share) if faint else colour), False
    colour = theme().series(number % SOLID)
    return (blend(colour, palette.panel, share) if faint else colour), number // SOLID % 2 == 1


def _class_name(dots: Dots, k: int) -> str:
    return _(dots.names[k]) if 0 <= k < len(dots.names) else str(k)


class Group(NamedTuple):
    """Dots that look the same. points: (n, 2); size: the diameter in pixels."""

    points: NDArray[np.float64]
    colour: QColor
    size: float
    hollow: bool


def stamp(group: Group, ground: QColor, scale: float) -> QPixmap:
    """One dot, on a small rim of the ground's colour, `scale` times as large as it is called."""
    size = group.size * scale
    side = math.ceil(size + 4 * scale)
    picture = QPixmap(side, side)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    centre = QPointF(side / 2, side / 2)
    layers = [(ground, size + 1.6 * scale), (group.colour, size)]
    if group.hollow:
        layers.append((ground, size * 0.45))
    for colour, wide in layers:
        painter.setBrush(colour)
        painter.drawEllipse(centre, wide / 2, wide / 2)
    painter.end()
    return picture


def _same(groups: list[Group], others: list[Group]) -> bool:
    """Whether they would be painted alike."""
    return len(groups) == len(others) and all(
        one[1:] == other[1:] and np.array_equal(one.points, other.points)
        for one, other in zip(groups, others, strict=True)
    )


class DotsItem(pg.GraphicsObject):  # type: ignore[misc]
    """All dots, those of a group all at once.

    Each is a copy of one small picture: to paint 2,000 circles takes ten times as long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Group] = []
        self.ground = QColor()
        self._bounds = QRectF()

    def show_dots(self, groups: list[Group], ground: QColor, bounds: QRectF) -> None:
        """Paint these from now on; `ground` is around each and inside of hollow ones."""
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        if ground != self.ground or not _same(groups, self.groups):
            self.groups, self.ground = groups, ground
            self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """The extent of the plane."""
        return self._bounds

    def paint(self, painter: QPainter, *_args: Any) -> None:
        """In pixels of the screen, as large in every plane."""
        place = painter.worldTransform()
        ratio = painter.device().devicePixelRatioF()
        painter.save()
        painter.resetTransform()
        share = min(1.0, max(0.6, abs(place.m11()) * self._bounds.width() / LARGE))
        painter.scale(1 / ratio, 1 / ratio)
        for group in self.groups:
            picture = stamp(group, self.ground, share * ratio)
            half = picture.width() / 2
            x = (place.m11() * group.points[:, 0] + place.dx()) * ratio - half
            y = (place.m22() * group.points[:, 1] + place.dy()) * ratio - half
            pixels = np.stack((x, y), axis=1).round().astype(np.int64)
            for left, top in pixels.tolist():
                painter.drawPixmap(left, top, picture)
        painter.restore()


class RingsItem(pg.GraphicsObject):  # type: ignore[misc]
    """The handles: a ring and its name for each, always the same size."""

    def __init__(self) -> None:
        super().__init__()
        self.rings: list[tuple[float, float, str]] = []
        self.gripped: int | None = None
        self.current: int | None = None
        self._bounds = QRectF()
        self.setZValue(100)

    def show_rings(self, rings: list[tuple[float, float, str]], bounds: QRectF) -> None:
        """Paint these from now on."""
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self.rings = rings
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """The extent of the plane."""
        return self._bounds

    def paint(self, painter: QPainter, *_args: Any) -> None:
        """In pixels of the screen, wherever the plane has put their centres."""
        place = painter.worldTransform()
        edge = place.map(QPointF(self._bounds.right(), 0.0)).x()
        palette = theme().palette
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent, panel = QColor(palette.accent), QColor(palette.panel)
        for index, (x, y, name) in enumerate(self.rings):
            centre = place.map(QPointF(x, y))
            painter.setBrush(accent if index == self.gripped else Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(panel, 6.5))
            painter.drawEllipse(centre, RING, RING)
            thick = 4.0 if index == self.current else 3.0
            painter.setPen(QPen(accent, thick))
            painter.drawEllipse(centre, RING, RING)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(panel if index == self.gripped else accent)
            painter.drawEllipse(centre, 2.0, 2.0)
            if name:
                self._paint_name(painter, centre, name, edge)
        painter.restore()

    def _paint_name(self, painter: QPainter, centre: QPointF, name: str, edge: float) -> None:
        """To the right of the ring, or left of it where the edge is near; on a quiet ground."""
        palette = theme().palette
        metrics = QFontMetricsF(painter.font())
        box = metrics.boundingRect(name).adjusted(-4, -1, 4, 1)
        box.moveCenter(QPointF(centre.x() + RING + 6 + box.width() / 2, centre.y()))
        if box.right() > edge:
            box.moveRight(centre.x() - RING - 6)
        ground = QColor(palette.panel)
        ground.setAlpha(215)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(palette.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)


class PlaneView(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """The scene, and a hand on the mouse: what is dragged in it goes to the plane's widget."""

    def __init__(self, owner: "PlaneWidget") -> None:
        super().__init__()
        self.owner = owner

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of a ring, where there is one."""
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self.owner.grip(event.position()):
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag the ring, or read out."""
        if self.owner.gripped is not None:
            self.owner.drag(event.position())
            event.accept()
        else:
            super().mouseMoveEvent(event)
        self.owner.point(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Let the ring go."""
        if self.owner.gripped is not None and event.button() == Qt.MouseButton.LeftButton:
            self.owner.let_go()
            event.accept()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The second press of two quick ones is a press as well."""
        self.mousePressEvent(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """The plane keeps its proportions; pyqtgraph calls this as well, while it is made."""
        super().resizeEvent(event)
        if event is not None:
            self.owner.fit()

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """The extent is fixed: the wheel scrolls what the plane stands in."""
        event.ignore()


class PlaneWidget(PayloadWidget[Plane]):
    """Dots, arrows and paths over a surface or a picture.

    turned: {x_knob: x, y_knob: y} of a ring that is dragged.
    """

    turned = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.gripped: int | None = None
        self.current = 0
        self.handles: list[Handle] = []
        self._aspect = 1.0
        self._read: list[tuple[NDArray[np.float64], str]] = []
        self._mouse: QPointF | None = None
        self.turning = Turning(self)
        self.turning.turned.connect(self.turned)
        self.turning.lapsed.connect(self.refresh)
        self.title = Elided()
        self.key = Key()
        self.scale = Scale()
        named = QHBoxLayout()
        named.setSpacing(10)
        named.addWidget(self.title)
        named.addWidget(self.key, 1)
        self.head = QHBoxLayout()
        self.head.setSpacing(4)
        self.head.addLayout(named, 1)
        self.head.addWidget(self.scale)
        self.view = PlaneView(self)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setMinimumSize(QSize(60, 120))
        self.plot = self.view.addPlot(0, 0)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        box = self.plot.getViewBox()
        box.setDefaultPadding(0.0)
        box.disableAutoRange()
        self.image = pg.ImageItem(axisOrder="row-major")
        self.paths = pg.PlotCurveItem(connect="finite", skipFiniteCheck=True)
        self.paths.setSegmentedLineMode("on")
        self.dots = DotsItem()
        self.arrows = pg.PlotCurveItem(connect="pairs", skipFiniteCheck=True)
        self.rings = RingsItem()
        for item in (self.image, self.paths, self.dots, self.arrows, self.rings):
            self.plot.addItem(item, ignoreBounds=True)
        # What a dragged ring only passes over is painted once, and kept as a picture.
        axes = [self.plot.getAxis(side) for side in ("left", "bottom")]
        for still in (*axes, self.dots):
            still.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.view.setMouseTracking(True)
        self.view.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addLayout(self.head)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)
        self.recolour()

    def draw(self, payload: Plane) -> None:
        """New contents in the same plane; a ring stays in the hand that drags it."""
        left, right, bottom, top = payload.extent
        bounds = QRectF(left, bottom, right - left, top - bottom)
        if bounds != self.dots.boundingRect():
            self.plot.getViewBox().setRange(bounds, padding=0, disableAutoRange=True)
        self._draw_ground(payload, bounds)
        self._draw_lines(payload)
        self._draw_dots(payload, bounds)
        self._draw_rings(payload, bounds)
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        for side, words in (("left", _(payload.y_title)), ("bottom", _(payload.x_title))):
            if self.plot.getAxis(side).labelText != words:
                self.plot.setLabel(side, words)
        self.setAccessibleName(_(payload.title) or _("Plane"))
        self.footer.set_caption(_(payload.caption))
        self._aspect = bounds.width() / bounds.height()
        self.fit()
        if self._mouse is not None:
            self.footer.read(self.read_at(self._mouse))

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.view.setBackground(palette.panel)
        colour_axes(self.plot)
        # Opaque: to paint lines that let others through takes several times as long.
        self.paths.setPen(pg.mkPen(blend(palette.faint, palette.panel, 0.4), width=1))
        self.arrows.setPen(pg.mkPen(palette.text, width=1))

    def _draw_ground(self, payload: Plane, bounds: QRectF) -> None:
        """The surface or the picture, over the whole extent."""
        if payload.picture is not None:
            picture = payload.picture[::-1]
            pixels = picture[..., 0] if picture.shape[-1] == 1 else picture
            self.image.setLookupTable(None)
            self.image.setImage(pixels, autoLevels=False, levels=(0, 255))
        elif payload.surface is not None:
            low, high = self._range_of(payload)
            self.image.setLookupTable(theme().lookup(payload.diverging))
            self.image.setImage(payload.surface[::-1], autoLevels=False, levels=(low, high))
            title = f"{_(payload.value_title)}  " if payload.value_title else ""
            self.scale.show_scale(title + number(low), number(high), payload.diverging)
        there = payload.picture is not None or payload.surface is not None
        self.image.setVisible(there)
        if there:
            self.image.setRect(bounds)
        self.scale.setVisible(payload.surface is not None and payload.picture is None)

    def _range_of(self, payload: Plane) -> tuple[float, float]:
        assert payload.surface is not None
        return colour_range(
            Heatmap(
                payload.surface, low=payload.low, high=payload.high, diverging=payload.diverging
            )
        )

    def _draw_lines(self, payload: Plane) -> None:
        """Paths with a gap after each, and arrows as three strokes each."""
        paths = payload.paths
        if paths is None or not paths.size:
            self.paths.setData([], [])
        else:
            gaps = np.full((len(paths), 1, 2), np.nan, np.float32)
            flat = np.concatenate((paths, gaps), axis=1).reshape(-1, 2)
            self.paths.setData(flat[:, 0], flat[:, 1], antialias=len(flat) < MANY)
        strokes = arrow_strokes(payload.arrows)
        self.arrows.setData(strokes[:, 0], strokes[:, 1])

    def _draw_dots(self, payload: Plane, bounds: QRectF) -> None:
        palette = theme().palette
        groups: list[Group] = []
        entries: list[tuple[str, QColor, bool]] = []
        self._read = []
        ground = payload.surface is not None or payload.picture is not None
        sorts = {"strong": 0, "faint": 0}
        for dots in sorted(payload.dots, key=lambda each: each.tone == "faint"):
            sort = sorts[dots.tone]
            sorts[dots.tone] += 1
            size = 4.0 if dots.tone == "faint" else 5.5 if len(dots.points) > FEW else 8.0
            called = _(dots.name)
            for k in [0] if dots.classes is None else np.unique(dots.classes).tolist():
                points = dots.points if dots.classes is None else dots.points[dots.classes == k]
                colour, hollow = colour_of(dots, k, sort, ground)
                places = np.asarray(points, np.float64).reshape(-1, 2)
                places = places[self._drawable(places, bounds)]
                groups.append(Group(places, colour, size, hollow))
                name = called if dots.classes is None else _class_name(dots, k)
                both = name if dots.classes is None or not called else f"{called}: {name}"
                self._read.append((places, both))
                if name in [entry[0] for entry in entries]:
                    # The same class of another sort: the legend names that sort alone.
                    name, colour, hollow = called, blend(palette.faint, palette.panel, 0.5), False
                if name and name not in [entry[0] for entry in entries]:
                    entries.append((name, colour, hollow))
        # What lies behind is painted first.
        groups.sort(key=lambda group: group.size)
        self.dots.show_dots(groups, QColor(palette.panel), bounds)
        self.key.show_entries(entries)

    @staticmethod
    def _drawable(places: NDArray[np.float64], bounds: QRectF) -> NDArray[np.bool_]:
        """Which places are in the plane; a number that is none is not."""
        x, y = places.T
        inside = (x >= bounds.left()) & (x <= bounds.right())
        drawable: NDArray[np.bool_] = inside & (y >= bounds.top()) & (y <= bounds.bottom())
        return drawable

    def _draw_rings(self, payload: Plane, bounds: QRectF) -> None:
        said: dict[str, float] = {}
        for each in payload.handles:
            said |= {each.x_knob: each.x, each.y_knob: each.y}
        now = self.turning.over(said)
        if self.gripped is not None and self.gripped >= len(payload.handles):
            self.let_go()
        self.handles = [
            Handle(each.name, now[each.x_knob], now[each.y_knob], each.x_knob, each.y_knob)
            for each in payload.handles
        ]
        self.current = min(self.current, max(0, len(self.handles) - 1))
        self._paint_rings(bounds)
        self.setAccessibleDescription(
            "; ".join(f"{_(h.name)}: {number(h.x)}, {number(h.y)}" for h in self.handles)
        )

    def _paint_rings(self, bounds: QRectF | None = None) -> None:
        rings = [(each.x, each.y, _(each.name)) for each in self.handles]
        self.rings.gripped = self.gripped
        self.rings.current = self.current if self.hasFocus() else None
        self.rings.show_rings(rings, self.rings.boundingRect() if bounds is None else bounds)

    def place_of(self, position: QPointF) -> QPointF:
        """A place of the view, in pixels, in the plane's own units."""
        scene = self.view.mapToScene(position.toPoint())
        place: QPointF = self.plot.getViewBox().mapSceneToView(scene)
        return place

    def pixel_of(self, x: float, y: float) -> QPointF:
        """The opposite."""
        scene = self.plot.getViewBox().mapViewToScene(QPointF(x, y))
        return QPointF(self.view.mapFromScene(scene))

    def grip(self, position: QPointF) -> bool:
        """Take hold of the ring there, or of the only one from wherever in the plane."""
        nearest, close = self._ring_at(position)
        inside = self._inside(self.place_of(position))
        if nearest is None or not (close or (len(self.handles) == 1 and inside)):
            return False
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.gripped = self.current = nearest
        self.turning.grip()
        if not close:
            self.drag(position)
        self._paint_rings()
        return True

    def _ring_at(self, position: QPointF) -> tuple[int | None, bool]:
        """The ring that is nearest, and whether it is near enough to be meant."""
        away = [QLineF(self.pixel_of(each.x, each.y), position).length() for each in self.handles]
        if not away:
            return None, False
        nearest = int(np.argmin(away))
        return nearest, away[nearest] <= RING + 6

    def drag(self, position: QPointF) -> None:
        """Move the ring that is held."""
        if self.gripped is not None:
            place = self.place_of(position)
            self._move(self.gripped, place.x(), place.y())

    def let_go(self) -> None:
        """The ring stays where it is."""
        self.gripped = None
        self.turning.release()
        self._paint_rings()

    def _move(self, index: int, x: float, y: float) -> None:
        assert self.payload is not None
        left, right, bottom, top = self.payload.extent
        x, y = min(max(x, left), right), min(max(y, bottom), top)
        old = self.handles[index]
        if (x, y) != (old.x, old.y):
            self.handles[index] = Handle(old.name, x, y, old.x_knob, old.y_knob)
            self._paint_rings()
            self.turning.turn({old.x_knob: x, old.y_knob: y})

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows move the ring that was moved last by a hundredth of the plane."""
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, 1),
            Qt.Key.Key_Down: (0, -1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self.handles or self.payload is None:
            super().keyPressEvent(event)
            return
        left, right, bottom, top = self.payload.extent
        handle = self.handles[self.current]
        x = handle.x + step[0] * (right - left) / 100
        self._move(self.current, x, handle.y + step[1] * (top - bottom) / 100)
        self.footer.read(f"{_(handle.name)}: {self._coordinates(*self._at(self.current))}")

    def _at(self, index: int) -> tuple[float, float]:
        return self.handles[index].x, self.handles[index].y

    def focusInEvent(self, event: Any) -> None:  # noqa: N802
        """Show which ring the arrow keys move."""
        super().focusInEvent(event)
        self._paint_rings()

    def focusOutEvent(self, event: Any) -> None:  # noqa: N802
        """Hide which ring the arrow keys move."""
        super().focusOutEvent(event)
        self._paint_rings()

    def point(self, position: QPointF) -> None:
        """The mouse is there: read out."""
        self._mouse = self.place_of(position)
        shapes = Qt.CursorShape
        shape = shapes.CrossCursor if len(self.handles) == 1 else shapes.ArrowCursor
        if self.gripped is not None:
            shape = shapes.ClosedHandCursor
        elif self._ring_at(position)[1]:
            shape = shapes.OpenHandCursor
        self.view.viewport().setCursor(shape)
        self.footer.read(self.read_at(self._mouse))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The caption comes back."""
        super().leaveEvent(event)
        self._mouse = None
        self.footer.read("")

    def read_at(self, place: QPointF) -> str:
        """Coordinates, the surface's value there, and the dot that is near."""
        payload = self.payload
        if payload is None or not self._inside(place):
            return ""
        words = [self._coordinates(place.x(), place.y())]
        if payload.surface is not None and payload.picture is None:
            left, right, bottom, top = payload.extent
            rows, columns = payload.surface.shape
            row = min(rows - 1, int((top - place.y()) / (top - bottom) * rows))
            column = min(columns - 1, int((place.x() - left) / (right - left) * columns))
            value = float(payload.surface[row, column])
            shown = _("none") if math.isnan(value) else number(value)
            words.append(f"{_(payload.value_title) or _('value')} {shown}")
        if near := self._near(place):
            words.append(near)
        return " · ".join(words)

    def _coordinates(self, x: float, y: float) -> str:
        payload = self.payload
        x_title = _(payload.x_title) if payload is not None else ""
        y_title = _(payload.y_title) if payload is not None else ""
        return f"{x_title or 'x'} {number(x, 3)}, {y_title or 'y'} {number(y, 3)}"

    def _near(self, place: QPointF) -> str:
        """The name of the dot next to a place, if it is near on the screen."""
        unit = self.plot.getViewBox().viewPixelSize()[0]
        best, name = NEAR * float(unit), ""
        for points, called in self._read:
            if len(points):
                away = np.hypot(points[:, 0] - place.x(), points[:, 1] - place.y())
                if (least := float(away.min())) < best:
                    best, name = least, called
        return name

    def _inside(self, place: QPointF) -> bool:
        if self.payload is None:
            return False
        left, right, bottom, top = self.payload.extent
        return left <= place.x() <= right and bottom <= place.y() <= top

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """A narrow plane has its scale in a line by itself."""
        super().resizeEvent(event)
        directions = QHBoxLayout.Direction
        narrow = self.width() < NARROW
        self.head.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)

    def fit(self) -> None:
        """Margins around the plot, so that a unit is as long upwards as it is sideways."""
        left, bottom = self.plot.getAxis("left"), self.plot.getAxis("bottom")
        titled = self.payload is not None and (self.payload.x_title or self.payload.y_title)
        room = self.view.size()
        across, down = (56, 40) if titled else (38, 24)
        if min(room.width() - across, room.height() - down) < SMALL:
            across = down = 0
        left.setVisible(bool(across))
        bottom.setVisible(bool(down))
        left.setWidth(across)
        bottom.setHeight(down)
        width, height = room.width() - across - 10, room.height() - down - 10
        side = max(0.0, width - height * self._aspect) / 2
        above = max(0.0, height - width / self._aspect) / 2
        self.view.ci.layout.setContentsMargins(side, above + 8, side + 8, above)
        self.view.ci.layout.activate()


def arrow_strokes(arrows: Array | None) -> NDArray[np.float64]:
    """(n, 4) arrows as (6 n, 2): ends of strokes two by two, a shaft and two sides of a head."""
    if arrows is None or not arrows.size:
        return np.empty((0, 2))
    whole = np.asarray(arrows, np.float64)
    whole = whole[np.isfinite(whole).all(1)]
    start, along = whole[:, :2], whole[:, 2:]
    end = start + along
    aside = np.stack((-along[:, 1], along[:, 0]), axis=1)
    back = end - 0.32 * along
    strokes = (start, end, end, back + 0.2 * aside, end, back - 0.2 * aside)
    return np.stack(strokes, axis=1).reshape(-1, 2)

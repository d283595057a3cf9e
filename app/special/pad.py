"""Two drawing pads: one for a small picture, one for points in the plane.

`DigitPad` gives what was drawn in white on black as the address of a PNG
(``data:image/png;base64,...``), which is what a knob of the kind "picture" holds.
`PointPad` writes points and their classes to a .csv file, which is own data like
any other. Both are drawn on with mouse, pen or finger, and Esc leaves either as if
nothing had been drawn.
"""

import base64
import csv
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray
from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QIODevice,
    QLineF,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QImage,
    QImageReader,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcut,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.i18n import _, ngettext
from app.icons import IconButton
from app.theme import theme

PREFIX = "data:image/png;base64,"
SIDE = 280  # pixels that are drawn on
GIVEN = 112  # pixels of the picture that is given
BRUSH = ((28.0, 60), (25.0, 120), (22.0, 180), (19.0, 225), (16.0, 255))
"""Width and brightness of the strokes laid over each other: a brush with a soft edge."""
GUIDE = 20 / 28  # the part of the picture that a digit fills in the usual data

EXTENT = 3.0  # the plane of the points is [-EXTENT, EXTENT] in both directions
CLASSES = 3
FEWEST = 2  # points worth keeping
SPACING = 0.05  # of the plane, between two points of a spray
MOST_POINTS = 5_000

Points = NDArray[np.float64]


# --- pictures and their addresses


def as_address(image: QImage) -> str:
    """`image` as ``data:image/png;base64,...``."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    buffer.close()
    return PREFIX + base64.b64encode(content.data()).decode("ascii")


def picture_at(value: str, most: int = 1024) -> QImage:
    """The picture at a path or in an address, at most so many pixels wide and high.

    Null where there is none or where it cannot be read.
    """
    content = QByteArray()
    buffer = QBuffer()
    if value.startswith("data:"):
        try:
            content = QByteArray(base64.b64decode(value.partition(",")[2], validate=True))
        except ValueError:
            return QImage()
        buffer.setData(content)
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        reader = QImageReader(buffer)
    else:
        reader = QImageReader(value)
        reader.setDecideFormatFromContent(True)
    if not value or not reader.canRead():
        return QImage()
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > most:
        reader.setScaledSize(size.scaled(most, most, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


# --- a picture


class Canvas(QWidget):
    """White strokes on black, over a picture that may be there already.

    changed: there is a stroke more or less.
    """

    changed = Signal()

    def __init__(self, start: QImage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strokes: list[list[QPointF]] = []
        self.start = QImage()
        if not start.isNull():
            self.start = start.scaled(
                SIDE,
                SIDE,
                Qt.AspectRatioMode.KeepAspectRatioByExpanding,
                Qt.TransformationMode.SmoothTransformation,
            ).convertToFormat(QImage.Format.Format_Grayscale8)
        self.image = QImage()
        self.setFixedSize(SIDE, SIDE)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(_("Drawing"))
        self._redraw()

    @property
    def blank(self) -> bool:
        """Whether there is nothing to see."""
        return not self.strokes and self.start.isNull()

    def undo(self) -> None:
        """Take the newest stroke back."""
        if self.strokes:
            self.strokes.pop()
            self._redraw()
            self.changed.emit()

    def clear(self) -> None:
        """All black."""
        self.strokes, self.start = [], QImage()
        self._redraw()
        self.changed.emit()

    def result(self) -> QImage:
        """What was drawn, smaller. (GIVEN, GIVEN), grey"""
        mode = Qt.TransformationMode.SmoothTransformation
        small = self.image.scaled(GIVEN, GIVEN, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
        return small.convertToFormat(QImage.Format.Format_Grayscale8)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A stroke begins; fingers and pens come as a mouse too."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.strokes.append([event.position()])
            self._draw_last()
            self.changed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The stroke goes on."""
        if event.buttons() & Qt.MouseButton.LeftButton and self.strokes:
            self.strokes[-1].append(event.position())
            self._draw_last()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The picture, and where a digit usually is."""
        painter = QPainter(self)
        painter.drawImage(0, 0, self.image)
        painter.setPen(QPen(QColor(90, 90, 90), 1, Qt.PenStyle.DotLine))
        margin = SIDE * (1 - GUIDE) / 2
        painter.drawRect(QRectF(margin, margin, SIDE * GUIDE, SIDE * GUIDE))
        painter.end()

    def _redraw(self) -> None:
        self.image = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
        self.image.fill(Qt.GlobalColor.black)
        if not self.start.isNull():
            painter = QPainter(self.image)
            painter.drawImage(
                (SIDE - self.start.width()) // 2, (SIDE - self.start.height()) // 2, self.start
            )
            painter.end()
        for stroke in self.strokes:
            self._draw(stroke[:1])
            for piece in itertools.pairwise(stroke):
                self._draw(piece)
        self.update()

    def _draw_last(self) -> None:
        """Only its end is new: a long stroke costs no more than a short one."""
        self._draw(self.strokes[-1][-2:])
        self.update()

    def _draw(self, stroke: Sequence[QPointF]) -> None:
        """A dot, or the line between two points."""
        painter = QPainter(self.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The brighter one wins, so that the soft edge of one stroke does not darken another.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Lighten)
        pen = QPen()
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        for width, grey in BRUSH:
            pen.setWidthF(width)
            pen.setColor(QColor(grey, grey, grey))
            painter.setPen(pen)
            if len(stroke) == 1:
                painter.drawPoint(stroke[0])
            else:
                painter.drawLine(QLineF(*stroke))
        painter.end()


class Pad(QDialog):
    """A canvas with tools beside it; what both pads have."""

    def __init__(self, title: str, use: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.undo_button = IconButton("undo", _("Undo"), tip=_("Take the newest back (Ctrl+Z)"))
        self.clear_button = IconButton("eraser", _("Clear"), tip=_("Begin anew"))
        self.cancel_button = QPushButton(_("Cancel"))
        self.use_button = QPushButton(use)
        self.use_button.setProperty("role", "primary")
        self.use_button.setDefault(True)
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.use_button.clicked.connect(self.accept)
        self.tools = QHBoxLayout()
        self.tools.addWidget(self.undo_button)
        self.tools.addWidget(self.clear_button)
        self.ends = QHBoxLayout()
        self.ends.addStretch(1)
        self.ends.addWidget(self.cancel_button)
        self.ends.addWidget(self.use_button)
        undo = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        undo.activated.connect(self.undo_button.click)


class DigitPad(Pad):
    """Draw a small picture, white on black."""

    def __init__(self, start: str = "", parent: QWidget | None = None) -> None:
        super().__init__(_("Draw a picture"), _("Use"), parent)
        self.canvas = Canvas(picture_at(start))
        hint = QLabel(_("Draw large, within the dotted square."))
        hint.setProperty("role", "faint")
        self.tools.addStretch(1)
        self.tools.addWidget(hint)
        layout = QVBoxLayout(self)
        layout.addWidget(self.canvas, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addLayout(self.tools)
        layout.addLayout(self.ends)
        self.undo_button.clicked.connect(self.canvas.undo)
        self.clear_button.clicked.connect(self.canvas.clear)
        self.canvas.changed.connect(self._show)
        self._show()

    def address(self) -> str:
        """What was drawn as ``data:image/png;base64,...``; empty where nothing was."""
        return "" if self.canvas.blank else as_address(self.canvas.result())

    def _show(self) -> None:
        self.undo_button.setEnabled(bool(self.canvas.strokes))
        self.clear_button.setEnabled(not self.canvas.blank)
        self.use_button.setEnabled(not self.canvas.blank)

    @staticmethod
    def ask(parent: QWidget | None, start: str = "") -> str:
        """Let the person draw, over the picture `start` if there is one.

        The address of the drawing, or empty if it was given up.
        """
        pad = DigitPad(start, parent)
        try:
            used = pad.exec() == QDialog.DialogCode.Accepted
            return pad.address() if used else ""
        finally:
            pad.deleteLater()


# --- points


class PointCanvas(QWidget):
    """Points that are clicked or sprayed, in the colour of their class.

    changed: there are more or fewer.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strokes: list[list[tuple[float, float, int]]] = []
        self.kind = 1
        self.width_ = 0.0
        self._last = QPointF()
        self._random = np.random.default_rng(1)
        self.setMinimumSize(QSize(320, 320))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(_("Points"))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room to draw."""
        return QSize(440, 440)

    def points(self) -> Points:
        """x, y, class (1, 2, 3) of each. (n, 3)"""
        return np.array([point for stroke in self.strokes for point in stroke]).reshape(-1, 3)

    def undo(self) -> None:
        """Take the newest stroke back."""
        if self.strokes:
            self.strokes.pop()
            self.update()
            self.changed.emit()

    def clear(self) -> None:
        """No points."""
        self.strokes = []
        self.update()
        self.changed.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """One point, exactly there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.strokes.append([])
            self._last = self._place(event.position())
            self._add(self._last)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A spray along the way: as many points for each piece of it, however fast."""
        if not (event.buttons() & Qt.MouseButton.LeftButton and self.strokes):
            return
        here = self._place(event.position())
        way = QLineF(self._last, here)
        for number in range(1, math.floor(way.length() / SPACING) + 1):
            on_the_way = way.pointAt(number * SPACING / way.length())
            x, y = self._random.normal(scale=self.width_, size=2)
            self._add(QPointF(on_the_way.x() + x, on_the_way.y() + y))
            self._last = on_the_way

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Axes and points."""
        palette = theme().palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        square = self._square()
        painter.fillRect(square, QColor(palette.panel))
        painter.setPen(QPen(QColor(palette.border), 1))
        painter.drawRect(square)
        middle = square.center()
        painter.drawLine(QLineF(square.left(), middle.y(), square.right(), middle.y()))
        painter.drawLine(QLineF(middle.x(), square.top(), middle.x(), square.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        for stroke in self.strokes:
            for x, y, kind in stroke:
                painter.setBrush(theme().series(kind - 1))
                painter.drawEllipse(self._pixel(x, y), 2.5, 2.5)
        painter.end()

    def _add(self, place: QPointF) -> None:
        inside = max(abs(place.x()), abs(place.y())) <= EXTENT
        if inside and sum(map(len, self.strokes)) < MOST_POINTS:
            self.strokes[-1].append((place.x(), place.y(), self.kind))
            self.update()
            self.changed.emit()

    def _square(self) -> QRectF:
        """The part of the widget that is the plane."""
        side = min(self.width(), self.height()) - 2
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def _place(self, pixel: QPointF) -> QPointF:
        square = self._square()
        scale = 2 * EXTENT / square.width()
        middle = square.center()
        return QPointF((pixel.x() - middle.x()) * scale, (middle.y() - pixel.y()) * scale)

    def _pixel(self, x: float, y: float) -> QPointF:
        square = self._square()
        scale = square.width() / (2 * EXTENT)
        middle = square.center()
        return QPointF(middle.x() + x * scale, middle.y() - y * scale)


class PointPad(Pad):
    """Draw points in the plane, in up to three classes."""

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        """folder: where the drawing is going to be."""
        super().__init__(_("Draw points"), _("Save and use"), parent)
        self.folder = folder
        self.canvas = PointCanvas()
        self.kinds = QButtonGroup(self)
        for kind in range(1, CLASSES + 1):
            name = _("Class {number}").format(number=kind)
            button = QPushButton(name)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setStyleSheet(f"color: {theme().series(kind - 1).name()};")
            button.setToolTip(_("Draw points of this class ({key})").format(key=kind))
            button.setShortcut(QKeySequence(f"Alt+{kind}"))
            self.kinds.addButton(button, kind)
            self.tools.addWidget(button)
        self.spray = QSlider(Qt.Orientation.Horizontal)
        self.spray.setRange(0, 60)
        self.spray.setValue(12)
        self.spray.setFixedWidth(90)
        self.spray.setAccessibleName(_("Width of the spray"))
        self.spray.setToolTip(self.spray.accessibleName())
        self.tools.addWidget(self.spray)
        self.tools.addStretch(1)
        self.count = QLabel()
        self.count.setProperty("role", "faint")
        self.tools.addWidget(self.count)
        self.name = QLineEdit(free_name(folder, _("drawing")))
        self.name.setAccessibleName(_("Name of the drawing"))
        self.name.setMaxLength(60)
        self.ends.insertWidget(0, QLabel(_("Name")))
        self.ends.insertWidget(1, self.name, 1)
        layout = QVBoxLayout(self)
        hint = QLabel(_("Click for a point, drag to spray."))
        hint.setProperty("role", "faint")
        layout.addWidget(hint)
        layout.addWidget(self.canvas, 1)
        layout.addLayout(self.tools)
        layout.addLayout(self.ends)
        self.problem = QLabel()
        self.problem.setProperty("role", "warning")
        self.problem.setWordWrap(True)
        self.problem.hide()
        layout.addWidget(self.problem)
        self.path: Path | None = None
        self.kinds.idClicked.connect(self._choose)
        self.spray.valueChanged.connect(self._spread)
        self.undo_button.clicked.connect(self.canvas.undo)
        self.clear_button.clicked.connect(self.canvas.clear)
        self.canvas.changed.connect(self._show)
        self.kinds.button(1).setChecked(True)
        self._spread(self.spray.value())
        self._show()

    def points(self) -> Points:
        """x, y, class (1, 2, 3) of each. (n, 3)"""
        return self.canvas.points()

    def accept(self) -> None:
        """Save; where that cannot be, say so and stay."""
        if len(self.points()) < FEWEST:
            return
        try:
            self.path = save_points(self.points(), self.folder, self.name.text())
        except OSError as error:
            self.problem.setText(
                _("Could not save to {folder}: {error}").format(folder=self.folder, error=error)
            )
            self.problem.show()
            return
        super().accept()

    def _choose(self, kind: int) -> None:
        self.canvas.kind = kind

    def _spread(self, hundredths: int) -> None:
        self.canvas.width_ = hundredths / 100

    def _show(self) -> None:
        count = len(self.points())
        self.count.setText(ngettext("{n:,} point", "{n:,} points", count).format(n=count))
        self.undo_button.setEnabled(bool(self.canvas.strokes))
        self.clear_button.setEnabled(bool(count))
        self.use_button.setEnabled(count >= FEWEST)

    @staticmethod
    def ask(parent: QWidget | None) -> str:
        """Let the person draw. The path of the .csv that was written, or empty."""
        pad = PointPad(drawings(), parent)
        try:
            pad.exec()
            return str(pad.path) if pad.path is not None else ""
        finally:
            pad.deleteLater()


def drawings() -> Path:
    """The folder of all drawings."""
    return Path(platformdirs.user_data_dir("GenerativePlayground")) / "drawings"


def free_name(folder: Path, name: str) -> str:
    """`name`, or that with the first number that makes it one that is not taken."""
    number, found = 1, name
    while (folder / f"{found}.csv").exists():
        number += 1
        found = f"{name} {number}"
    return found


def save_points(points: Points, folder: Path, name: str) -> Path:
    """Write `points` (n, 3) with the columns x, y, class. An older file is never replaced."""
    allowed = "".join(c if c.isalnum() or c in " -_()" else "_" for c in name).strip()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{free_name(folder, allowed or _('drawing'))}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("x", "y", "class"))
        writer.writerows((f"{x:.5f}", f"{y:.5f}", int(kind)) for x, y, kind in points)
    return path

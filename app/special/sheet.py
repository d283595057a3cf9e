"""A picture on which parts are rubbed out with a brush.

The left button rubs out, the right one (or the left with Shift) brings back. With the
keyboard, arrows move the brush, Space rubs out and Backspace brings back. What is rubbed out
is shown as a chequered ground, which no picture has.
"""

import math

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QIcon,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.icons import IconButton
from app.plots.base import PayloadWidget
from app.plots.images import image_from, whole
from app.plots.turning import Turning
from app.theme import blend, theme
from engine.payloads import Pixels, Sheet

BRUSHES = (0.0, 1 / 9, 1 / 5)
"""Sides of the brushes as a part of the picture's shorter side; each is a cell wider at least."""

Cells = frozenset[int]


def size_of(sheet: Sheet) -> tuple[int, int]:
    """Rows and columns of cells; the last ones may be cut off by the edge."""
    height, width = sheet.pixels.shape[:2]
    return -(-height // sheet.cell), -(-width // sheet.cell)


def brushes_of(sheet: Sheet) -> tuple[int, ...]:
    """The sides of the brushes, in cells, from the smallest to the largest."""
    shorter = min(size_of(sheet))
    sides: list[int] = []
    for share in BRUSHES:
        sides.append(max(round(share * shorter), sides[-1] + 1 if sides else 1))
    return tuple(sides)


def under_brush(sheet: Sheet, row: int, column: int, side: int) -> Cells:
    """The cells under a square brush whose middle is at a cell; off the picture there are none."""
    rows, columns = size_of(sheet)
    top, left = row - (side - 1) // 2, column - (side - 1) // 2
    return frozenset(
        r * columns + c
        for r in range(max(0, top), min(rows, top + side))
        for c in range(max(0, left), min(columns, left + side))
    )


def chequered(sheet: Sheet, erased: Cells) -> Pixels:
    """The picture twice as large, with four squares of two tints in each erased cell.

    (2 * height, 2 * width, 3)
    """
    rows, columns = size_of(sheet)
    twice = sheet.pixels.repeat(2, 0).repeat(2, 1)
    picture = twice if twice.shape[2] == 3 else twice.repeat(3, 2)
    height, width = picture.shape[:2]
    out = np.zeros(rows * columns, np.bool_)
    out[list(erased)] = True
    square = 2 * sheet.cell
    there = out.reshape(rows, columns).repeat(square, 0).repeat(square, 1)[:height, :width]
    y, x = np.nonzero(there)
    tints = [(each.red(), each.green(), each.blue()) for each in chequers()]
    picture[y, x] = np.array(tints, np.uint8)[(y // sheet.cell + x // sheet.cell) % 2]
    return picture


class Paper(QWidget):
    """The picture, the brush over it, and the cells that are rubbed out.

    hovered: what is under the mouse. began, ended: a stroke did. rubbed: the cells that are
    rubbed out now.
    """

    hovered = Signal(str)
    began = Signal()
    ended = Signal()
    rubbed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sheet: Sheet | None = None
        self.erased: Cells = frozenset()
        self.side = 1
        self.at: tuple[int, int] | None = None
        self.keyed = (0, 0)
        self._stroke: bool | None = None
        self._last = QPointF()
        self._image = QImage()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Large enough to hit something."""
        return QSize(80, 70)

    def show_sheet(self, sheet: Sheet, erased: Cells) -> None:
        """Show this picture without the cells that are rubbed out."""
        if self.sheet is None or size_of(self.sheet) != size_of(sheet):
            rows, columns = size_of(sheet)
            self.keyed = (rows // 2, columns // 2)
        self.sheet = sheet
        self._take(erased)

    def scale(self) -> float:
        """Pixels a side of a point of the picture."""
        assert self.sheet is not None
        height, width = self.sheet.pixels.shape[:2]
        fits = min((self.width() - 4) / width, (self.height() - 4) / height)
        ratio = self.devicePixelRatioF()
        return max(whole(fits * ratio) / ratio, 0.1)

    def frame(self) -> QRectF:
        """Where the picture is."""
        assert self.sheet is not None
        height, width = self.sheet.pixels.shape[:2]
        wide, high = width * self.scale(), height * self.scale()
        left, top = (self.width() - wide) / 2, (self.height() - high) / 2
        return QRectF(math.floor(left), math.floor(top), wide, high)

    def place(self, cell: int) -> QRectF:
        """Where a cell is, as far as it is on the picture."""
        assert self.sheet is not None
        row, column = divmod(cell, size_of(self.sheet)[1])
        frame, side = self.frame(), self.scale() * self.sheet.cell
        whole_cell = QRectF(frame.left() + column * side, frame.top() + row * side, side, side)
        return whole_cell.intersected(frame)

    def cell_at(self, point: QPointF) -> tuple[int, int]:
        """Row and column of the cell at a point, also of one that is off the picture."""
        assert self.sheet is not None
        frame, side = self.frame(), self.scale() * self.sheet.cell
        return (
            math.floor((point.y() - frame.top()) / side),
            math.floor((point.x() - frame.left()) / side),
        )

    def rub(self, cells: Cells, out: bool) -> None:
        """Rub these out, or bring them back."""
        after = self.erased | cells if out else self.erased - cells
        if after != self.erased:
            self._take(after)
            self.rubbed.emit(after)

    def _take(self, erased: Cells) -> None:
        """These are rubbed out now."""
        assert self.sheet is not None
        self.erased = erased
        self._image = image_from(chequered(self.sheet, erased))
        rows, columns = size_of(self.sheet)
        self.setAccessibleDescription(
            _("{count} of {all} rubbed out").format(count=len(erased), all=rows * columns)
        )
        self.update()

    # --- how it looks

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The picture as far as it is left, and the brush."""
        if self.sheet is None:
            return
        painter = QPainter(self)
        palette, frame = theme().palette, self.frame()
        painter.drawImage(frame, self._image)
        painter.setPen(QPen(QColor(palette.border), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame.adjusted(-0.5, -0.5, 0.5, 0.5))
        if self.hasFocus():
            self._paint_brush(painter, self.keyed, Qt.PenStyle.DashLine)
        if self.at is not None:
            self._paint_brush(painter, self.at, Qt.PenStyle.SolidLine)
        painter.end()

    def _paint_brush(self, painter: QPainter, at: tuple[int, int], style: Qt.PenStyle) -> None:
        assert self.sheet is not None
        cells = under_brush(self.sheet, *at, self.side)
        if not cells:
            return
        around = self.place(min(cells)).united(self.place(max(cells)))
        palette = theme().palette
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, wide in ((palette.panel, 4), (palette.accent, 2)):
            pen = QPen(QColor(colour), wide)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            if wide == 2:
                pen.setStyle(style)
            painter.setPen(pen)
            painter.drawRect(around)

    # --- mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A stroke begins."""
        buttons = Qt.MouseButton
        if self.sheet is None or event.button() not in (buttons.LeftButton, buttons.RightButton):
            return
        if self._stroke is not None:
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._stroke = event.button() == buttons.LeftButton and not shift
        self._last = event.position()
        self.began.emit()
        self._rub_along(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The stroke goes on, or the brush is shown where it would rub."""
        if self.sheet is None:
            return
        self._point(event.position())
        if self._stroke is not None:
            self._rub_along(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The stroke ends with the last of its buttons."""
        if self._stroke is not None and event.buttons() == Qt.MouseButton.NoButton:
            self._stroke = None
            self.ended.emit()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The brush is gone."""
        super().leaveEvent(event)
        self.at = None
        self.hovered.emit("")
        self.update()

    def _rub_along(self, to: QPointF) -> None:
        """All cells on the way, however fast the hand is."""
        assert self.sheet is not None
        assert self._stroke is not None
        way = QLineF(self._last, to)
        pieces = max(1, math.ceil(2 * way.length() / (self.scale() * self.sheet.cell)))
        cells: Cells = frozenset()
        for piece in range(pieces + 1):
            at = self.cell_at(way.pointAt(piece / pieces))
            cells |= under_brush(self.sheet, *at, self.side)
        self._last = to
        self.rub(cells, self._stroke)

    def _point(self, position: QPointF) -> None:
        assert self.sheet is not None
        inside = self.frame().contains(position)
        at = self.cell_at(position) if inside else None
        if at != self.at:
            self.at = at
            self.update()
        self.hovered.emit(self.words(at) if at is not None else "")

    def words(self, at: tuple[int, int]) -> str:
        """``row 3, column 5 · rubbed out``."""
        assert self.sheet is not None
        row, column = at
        where = _("row {row}, column {column}").format(row=row + 1, column=column + 1)
        out = row * size_of(self.sheet)[1] + column in self.erased
        return f"{where} · {_('rubbed out')}" if out else where

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows move the brush, Space rubs out, Backspace (or Shift and Space) brings back."""
        keys = Qt.Key
        steps = {
            keys.Key_Left: (0, -1),
            keys.Key_Right: (0, 1),
            keys.Key_Up: (-1, 0),
            keys.Key_Down: (1, 0),
        }
        key = keys(event.key())
        if self.sheet is None or key not in (*steps, keys.Key_Space, keys.Key_Backspace):
            super().keyPressEvent(event)
            return
        rows, columns = size_of(self.sheet)
        if key in steps:
            row, column = (each + step for each, step in zip(self.keyed, steps[key], strict=True))
            self.keyed = (min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))
            self.hovered.emit(self.words(self.keyed))
        else:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            out = key == keys.Key_Space and not shift
            self.rub(under_brush(self.sheet, *self.keyed, self.side), out)
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show the brush that the keys move."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide it."""
        super().focusOutEvent(event)
        self.update()


def chequers() -> tuple[QColor, QColor]:
    """Two tints that are neither black nor white, nor grey."""
    palette = theme().palette
    return blend(palette.accent, palette.panel, 0.22), blend(palette.accent, palette.panel, 0.42)


class SheetWidget(PayloadWidget[Sheet]):
    """A picture, and brushes to rub out parts of it.

    turned: {knob: numbers of the cells that are rubbed out}, while it is rubbed.
    """

    turned = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.turning = Turning(self)
        self.turning.turned.connect(self.turned)
        self.turning.lapsed.connect(self.refresh)
        self.title = Elided(greedy=True)
        self.title.hide()
        self.paper = Paper()
        self.paper.hovered.connect(self.footer.read)
        self.paper.began.connect(self.turning.grip)
        self.paper.ended.connect(self.turning.release)
        self.paper.rubbed.connect(self._rubbed)
        self.sizes = QButtonGroup(self)
        self.sizes.idClicked.connect(self.use_brush)
        line = QHBoxLayout()
        line.setSpacing(2)
        names = (_("Small brush"), _("Medium brush"), _("Large brush"))
        for index, name in enumerate(names):
            button = QToolButton()
            button.setIconSize(QSize(16, 16))
            button.setCheckable(True)
            button.setChecked(index == 1)
            button.setToolTip(name)
            button.setAccessibleName(name)
            self.sizes.addButton(button, index)
            line.addWidget(button)
        self.brush = 1
        self.anew = IconButton(
            "restore",
            _("Bring all back"),
            tip=_("Bring all back; the right mouse button brings back a part"),
            role="flat",
        )
        self.anew.clicked.connect(lambda: self._all(False))
        self.all = IconButton("eraser", _("Rub out all"), role="flat")
        self.all.clicked.connect(lambda: self._all(True))
        line.addStretch(1)
        line.addWidget(self.anew)
        line.addWidget(self.all)
        self.body.addWidget(self.title)
        self.body.addWidget(self.paper, 1)
        self.body.addLayout(line)
        self.body.addWidget(self.footer)
        self.setFocusProxy(self.paper)
        self.recolour()

    def draw(self, payload: Sheet) -> None:
        """Another picture; what was rubbed out a moment ago stays so."""
        told = self.turning.over({payload.turns: payload.erased})[payload.turns]
        rows, columns = size_of(payload)
        erased = frozenset(int(each) for each in told if 0 <= each < rows * columns)
        self.paper.show_sheet(payload, erased)
        self.paper.side = brushes_of(payload)[self.brush]
        self.paper.setAccessibleName(_(payload.title) or _("Picture"))
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.footer.set_caption(_(payload.caption))

    def recolour(self) -> None:
        """Squares of three sizes on the buttons."""
        for index, side in enumerate((4, 8, 12)):
            picture = QPixmap(16, 16)
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            corner = QPoint((16 - side) // 2, (16 - side) // 2)
            painter.fillRect(corner.x(), corner.y(), side, side, QColor(theme().palette.text))
            painter.end()
            self.sizes.button(index).setIcon(QIcon(picture))

    def use_brush(self, index: int) -> None:
        """Rub with this brush from now on: 0 is the smallest."""
        self.brush = index
        if self.payload is not None:
            self.paper.side = brushes_of(self.payload)[index]
            self.paper.update()

    def _all(self, out: bool) -> None:
        if self.payload is not None:
            rows, columns = size_of(self.payload)
            self.paper.rub(frozenset(range(rows * columns)), out)

    def _rubbed(self, erased: Cells) -> None:
        assert self.payload is not None
        self.turning.turn({self.payload.turns: tuple(sorted(erased))})

"""What could come at one draw: a bar for each of few tokens, an area over many values.

A click on one of them chooses it. The keyboard goes from one to the next with the arrows
(up and down over bars, left and right over values) and chooses with Enter.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.i18n import _
from app.plots.images import image_from
from app.special.chips import percent
from app.theme import blend, theme
from engine.payloads import Array, Pixels

FEW = 16  # tokens: so many have a bar each
ROW = 17.0  # pixels: the least height of a bar's row; where there are too many, they share lines
TALL = 30.0  # pixels: the greatest
STRIP = 12.0  # pixels of the scale of shades below the area
TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # what the area reaches up to
STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
}


class Chances(QWidget):
    """Probabilities of the tokens that could come.

    hovered: what is under the mouse. chosen: the token that was clicked.
    """

    hovered = Signal(str)
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.probabilities: Array = np.empty(0, np.float32)
        self.names: tuple[str, ...] = ()
        self.token: int | None = None
        self.hand = False
        self.open = False
        self.under: int | None = None
        self.current = 0
        self._looks: list[QImage] = []
        self._shades: list[QColor] = []
        small = QFont(self.font())
        small.setPointSizeF(small.pointSizeF() * 0.85)
        self._small = small
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(_("What could come here"))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Room for a few bars."""
        return QSize(120, 44)

    def set_looks(self, looks: Sequence[Pixels], names: tuple[str, ...]) -> None:
        """How the tokens look, each (p, p, 1 or 3), and what they are called."""
        self._looks = [image_from(look) for look in looks]
        means = [look.reshape(-1, look.shape[-1]).mean(0) for look in looks]
        self._shades = [QColor(*(round(float(c)) for c in np.resize(m, 3))) for m in means]
        self.names = names
        self.current = min(self.current, max(0, len(looks) - 1))

    def show_chances(
        self, probabilities: Array, token: int | None, *, hand: bool = False, open: bool = False
    ) -> None:
        """Show these, (v,).

        token: what came, or None where nothing came yet; hand: by hand. open: whether
        another one may be chosen.
        """
        if token is not None and token != self.token:
            self.current = token
        self.probabilities, self.token, self.hand, self.open = probabilities, token, hand, open
        shape = Qt.CursorShape.PointingHandCursor if open else Qt.CursorShape.ArrowCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)
        best = np.argsort(-probabilities, kind="stable")[:5]
        self.setAccessibleDescription("; ".join(self.words(int(each)) for each in best))
        if self.under is not None:
            self.hovered.emit(self.words(self.under))
        self.update()

    @property
    def few(self) -> bool:
        """Whether each has a bar of its own."""
        return len(self.probabilities) <= FEW

    def name(self, token: int) -> str:
        """How a token is called."""
        return _(self.names[token]) if token < len(self.names) else str(token)

    def words(self, token: int) -> str:
        """``white · 97.31 %``."""
        if not token < len(self.probabilities):
            return ""
        return f"{self.name(token)} · {percent(float(self.probabilities[token]))}"

    # --- where they are

    def _lines(self) -> tuple[int, int]:
        """Rows, and columns of bars."""
        count = max(1, len(self.probabilities))
        fitting = max(1, int(self.height() / ROW))
        columns = 1 if count <= fitting or self.width() < 240 else 2
        return math.ceil(count / columns), columns

    def place(self, token: int) -> QRectF:
        """The row of a bar, or the column over a value."""
        if not self.few:
            area = self.area()
            wide = area.width() / len(self.probabilities)
            return QRectF(area.left() + token * wide, area.top(), wide, area.height() + STRIP)
        rows, columns = self._lines()
        high = min(TALL, self.height() / rows)
        wide = self.width() / columns
        return QRectF(token // rows * wide, token % rows * high, wide - 6 * (columns - 1), high)

    def area(self) -> QRectF:
        """Where the area is that goes over many values; the scale of shades is right below."""
        line = QFontMetricsF(self._small).height()
        return QRectF(6, line + 4, self.width() - 12.0, self.height() - 2 * line - STRIP - 8)

    def token_at(self, point: QPointF) -> int | None:
        """The token under a point; over many values all of the height counts."""
        count = len(self.probabilities)
        if not count:
            return None
        if self.few:
            return next((i for i in range(count) if self.place(i).contains(point)), None)
        area = self.area()
        inside = area.left() <= point.x() < area.right() and 0 <= point.y() < self.height()
        return int((point.x() - area.left()) / area.width() * count) if inside else None

    def top(self) -> float:
        """What the area reaches up to: a round share that is not below the likeliest."""
        most = float(np.nanmax(self.probabilities, initial=0.0))
        return next((each for each in TOPS if each >= most), 1.0)

    # --- how they look

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Bars with names and pictures, or the area with its scale."""
        if not len(self.probabilities):
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._small)
        if self.few:
            for token in range(len(self.probabilities)):
                self._paint_bar(painter, token)
        else:
            self._paint_area(painter)
        painter.end()

    def _marked(self) -> QColor:
        """The colour of what came: another one where a hand put it."""
        return theme().series(1) if self.hand else QColor(theme().palette.accent)

    def _paint_bar(self, painter: QPainter, token: int) -> None:
        palette, place = theme().palette, self.place(token)
        metrics = QFontMetricsF(self._small)
        came = token == self.token
        if came or (self.open and token == self.under):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(blend(self._marked(), palette.panel, 0.2 if came else 0.08))
            painter.drawRoundedRect(place.adjusted(0, 0.5, 0, -0.5), 4, 4)
        if self.hasFocus() and token == self.current:
            painter.setPen(QPen(QColor(palette.text), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(0.5, 1, -0.5, -1), 4, 4)
        side = min(place.height() - 4, 22.0)
        look = QRectF(place.left() + 5, place.center().y() - side / 2, side, side)
        self.paint_look(painter, look, token)
        painter.setPen(QColor(palette.text))
        box = QRectF(look.right(), place.top(), 0, place.height())
        if self._looks[token].width() == 1:  # several points say by themselves what they are
            named = max(metrics.horizontalAdvance(self.name(i)) for i in range(len(self._looks)))
            box = QRectF(look.right() + 6, place.top(), min(named, place.width() / 4) + 1, 0)
            box.setHeight(place.height())
            name = metrics.elidedText(self.name(token), Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)
        share = float(self.probabilities[token])
        wide = metrics.horizontalAdvance(percent(1.0))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(place.adjusted(0, 0, -5, 0), right, percent(share))
        room = place.right() - 5 - wide - 8 - (box.right() + 6)
        if room < 8:
            return
        bar = QRectF(box.right() + 6, place.center().y() - 4, room, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend(palette.border, palette.panel, 0.5))
        painter.drawRoundedRect(bar, 3, 3)
        if share > 0:
            bar.setWidth(max(1.5, room * min(share, 1.0)))
            painter.setBrush(self._marked() if came else blend(palette.faint, palette.panel, 0.6))
            painter.drawRoundedRect(bar, 3, 3)

    def paint_look(self, painter: QPainter, place: QRectF, token: int) -> None:
        """A token's picture with a rim, since it may be as bright as the ground."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.drawImage(place, self._looks[token])
        painter.setPen(QPen(QColor(theme().palette.faint), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place)
        painter.restore()

    def _paint_area(self, painter: QPainter) -> None:
        palette, area, top = theme().palette, self.area(), self.top()
        metrics = QFontMetricsF(self._small)
        shares = np.nan_to_num(np.asarray(self.probabilities, np.float64)).clip(0, top)
        edges = np.linspace(area.left(), area.right(), len(shares) + 1, dtype=np.float64)
        painter.setPen(QPen(blend(palette.border, palette.panel, 0.7), 1))
        painter.drawLine(area.topLeft(), area.topRight())
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend(palette.faint, palette.panel, 0.6))
        heights = area.bottom() - shares / top * area.height()
        painter.drawPolygon(outline(edges, heights, area.bottom()))
        for token, shade in enumerate(self._shades):
            left, right = edges[token], edges[token + 1]
            painter.fillRect(QRectF(left, area.bottom() + 2, right - left + 0.5, STRIP), shade)
        painter.setPen(QColor(palette.faint))
        above = QRectF(area.left(), 0, area.width(), metrics.height() + 2)
        painter.drawText(above, Qt.AlignmentFlag.AlignVCenter, f"{100 * top:g} %")
        below = QRectF(area.left(), area.bottom() + STRIP + 4, area.width(), metrics.height())
        last = len(shares) - 1
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, self.name(0))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self.name(last))
        if self.hasFocus():
            self._paint_mark(painter, self.current, QColor(palette.text), 1.0)
        if self.under is not None and self.open:
            self._paint_mark(painter, self.under, QColor(palette.faint), 1.0)
        if self.token is not None:
            self._paint_mark(painter, self.token, self._marked(), 2.0)
        told = self.under if self.under is not None else self.token
        if self.hasFocus() and self.under is None:
            told = self.current
        if told is not None:
            side = above.height() - 2
            corner = QRectF(above.right() - side, above.top() + 1, side, side)
            self.paint_look(painter, corner, told)
            painter.setPen(QColor(palette.text))
            right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(above.adjusted(0, 0, -side - 6, 0), right, self.words(told))

    def _paint_mark(self, painter: QPainter, token: int, colour: QColor, thick: float) -> None:
        """An upright line at a value, with its share as a dot."""
        place, area = self.place(token), self.area()
        x = place.center().x()
        share = min(max(float(self.probabilities[token]), 0.0), self.top())
        y = area.bottom() - share / self.top() * area.height()
        painter.setPen(QPen(colour, thick))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom() + STRIP + 2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(x, y), thick + 1.5, thick + 1.5)

    # --- mouse and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out what is under the mouse."""
        self._point(self.token_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self._point(None)

    def _point(self, token: int | None) -> None:
        if token != self.under:
            self.under = token
            self.update()
        self.hovered.emit("" if token is None else self.words(token))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the one under the mouse."""
        found = self.token_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and found is not None and self.open:
            self.current = found
            self.chosen.emit(found)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows along the bars or the values, Enter chooses; all else is the widget's around."""
        key, count = Qt.Key(event.key()), len(self.probabilities)
        along = (
            (Qt.Key.Key_Up, Qt.Key.Key_Down) if self.few else (Qt.Key.Key_Left, Qt.Key.Key_Right)
        )
        if key in along and count:
            self.current = min(max(self.current + STEPS[key], 0), count - 1)
            self.hovered.emit(self.words(self.current))
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and count and self.open:
            self.chosen.emit(self.current)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show where the keys are; they begin at what came."""
        super().focusInEvent(event)
        if self.token is not None:
            self.current = self.token
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide where the keys are."""
        super().focusOutEvent(event)
        self.update()


def outline(edges: NDArray[np.float64], heights: NDArray[np.float64], foot: float) -> QPolygonF:
    """Around columns that stand side by side.

    edges: (v + 1,) x from left to right; heights: (v,) y of each top; foot: y of the ground.
    """
    across = np.concatenate((edges[:1], np.repeat(edges, 2)[1:-1], edges[-1:]))
    upright = np.concatenate(([foot], np.repeat(heights, 2), [foot]))
    return QPolygonF([QPointF(x, y) for x, y in zip(across, upright, strict=True)])

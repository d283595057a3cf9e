"""Labels of rows, columns and bars, and legends: how they read, and which of them fit."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QFontMetricsF,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.i18n import _
from app.special.chips import visible
from app.theme import theme
from engine.phrases import Phrase

LEAST = 9  # pixels: the smallest letters that are still read
_MARKS = str.maketrans("␣↵⇥␍", "0000")


def quoted(labels: Sequence[str], index: int) -> str:
    """How row or column `index` is read out: what was read in quotes, or its number."""
    return f"'{visible(labels[index])}'" if index < len(labels) else str(index)


def label_of(labels: Sequence[str], index: int) -> str:
    """How bar `index` is read out: single characters in quotes."""
    if index >= len(labels):
        return str(index)
    label = plain(labels[index])
    return f"'{label}'" if len(label) == 1 else label


def plain(label: str) -> str:
    """A name in the language in use; a token with marks where it begins or ends with space.

    >>> plain("class 0"), plain(" the")
    ('class 0', '␣the')
    """
    if isinstance(label, Phrase):  # a token may be a word that is translated somewhere else
        return _(label)
    return label if label and label == label.strip() else visible(label)


def nice_step(at_least: float) -> int:
    """The least of 1, 2, 5, 10, 20, ... that is not below."""
    step = 1
    while step < at_least:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def label_font(cell: float) -> QFont:
    """Letters of one width, as many as possible side by side at `cell` pixels each.

    No smaller than can be read, and no larger than the text around them.
    """
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    most = max(LEAST, QFontInfo(QGuiApplication.font()).pixelSize() - 1)
    for size in range(most, LEAST - 1, -1):
        font.setPixelSize(size)
        if QFontMetricsF(font).horizontalAdvance("0") <= cell:
            break
    return font


def width_of(font: QFont) -> Callable[[str], float]:
    """Pixels that a label takes beside others: letters stand close, words apart.

    Marks for whitespace count as letters, whatever font they come from.
    """
    metrics = QFontMetricsF(font)

    def width(label: str) -> float:
        letters = metrics.horizontalAdvance(label.translate(_MARKS))
        return letters + 4 if len(label) > 1 else letters

    return width


def fitting(widths: Sequence[float], cell: float) -> list[int]:
    """The labels that fit side by side: each that leaves the one before it free.

    widths: of each label. cell: from the middle of one to that of the next. All in pixels.

    >>> fitting([6, 6, 6, 6], 6), fitting([6, 6, 6, 6], 4), fitting([6, 18, 6, 6], 8)
    ([0, 1, 2, 3], [0, 2], [0, 2, 3])
    """
    chosen: list[int] = []
    free_from = float("-inf")
    for index, width in enumerate(widths):
        if index * cell - width / 2 >= free_from - 0.5:  # half a pixel is not seen
            chosen.append(index)
            free_from = index * cell + width / 2
    return chosen


class Key(QWidget):
    """The legend: a dot and a name for each class, in a line; what does not fit is left out.

    lines: so many at most, where one is not enough.
    """

    def __init__(self, lines: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[tuple[str, QColor, bool]] = []
        self._most = lines
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self.line)

    @property
    def line(self) -> int:
        """The height of a line."""
        return self.fontMetrics().height() + 4

    def places(self) -> list[QPoint]:
        """Where each entry that fits begins."""
        found, left, top = [], 2, 0
        for name, _colour, _hollow in self.entries:
            wide = 14 + self.fontMetrics().horizontalAdvance(name)
            if left > 2 and left + wide > self.width() and top + self.line < self._most * self.line:
                left, top = 2, top + self.line
            if left + wide > self.width():
                break
            found.append(QPoint(left, top))
            left += wide + 11
        return found

    def _fit(self) -> None:
        places = self.places()
        self.setFixedHeight(self.line + (places[-1].y() if places else 0))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width may need another number of lines."""
        super().resizeEvent(event)
        self._fit()

    def show_entries(self, entries: list[tuple[str, QColor, bool]]) -> None:
        """Name these: (name, colour, hollow)."""
        if entries != self.entries:
            self.entries = entries
            self.setToolTip("\n".join(name for name, _colour, _hollow in entries))
            self.setAccessibleName(", ".join(name for name, _colour, _hollow in entries))
            self._fit()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """● name  ● name …"""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, places = self.fontMetrics(), self.places()
        for (name, colour, hollow), place in zip(self.entries, places, strict=False):
            left, middle = place.x(), place.y() + self.line / 2
            if hollow:
                painter.setPen(QPen(colour, 2.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(QPointF(left + 5, middle), 3.2, 3.2)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawEllipse(QPointF(left + 5, middle), 4.2, 4.2)
            painter.setPen(QColor(theme().palette.faint))
            box = QRectF(left + 13, place.y(), metrics.horizontalAdvance(name) + 2, self.line)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)
        if len(places) < len(self.entries):
            last = self.entries[len(places) - 1][0] if places else ""
            left = places[-1].x() + 25 + metrics.horizontalAdvance(last) if places else 2
            painter.setPen(QColor(theme().palette.faint))
            foot = self.height() - self.line / 2 + metrics.ascent() / 2 - 1
            painter.drawText(QPointF(min(left, self.width() - 14), foot), "…")
        painter.end()

"""Axes of plots, in the colours of the theme, with labels where there are any.

Titles and numbers take no more room than there is.
"""

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetricsF

from app.plots.labels import fitting, label_font, nice_step, width_of
from app.special.chips import visible
from app.theme import theme

LOW = 100  # pixels: in a picture that is lower, the axis below has no title
DECADE_ACROSS, DECADE_UP = 54.0, 20.0  # pixels that a number on a logarithmic axis needs
MANTISSAS: tuple[tuple[int, ...], ...] = ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10)))


def mantissas_that_fit(decade: float, need: float) -> tuple[int, ...]:
    """Which of 1 to 9 are numbered in each decade, `decade` pixels long, at `need` for each.

    >>> mantissas_that_fit(60, 50), mantissas_that_fit(110, 50), mantissas_that_fit(200, 50)
    ((1,), (1, 3), (1, 2, 5))
    """
    chosen = MANTISSAS[0]
    for each in MANTISSAS[1:]:
        gaps = (math.log10(b / a) for a, b in zip(each, (*each[1:], 10), strict=True))
        if min(gaps) * decade >= need:
            chosen = each
    return chosen


class Axis(pg.AxisItem):  # type: ignore[misc]
    """A title that ends in dots where it is longer than the axis; logarithms as plain numbers.

    titled: whether the title is to be shown, where there is room for it.
    """

    labelText: str  # noqa: N815 - of the base
    titled = True
    _roomy = True

    def showLabel(self, show: bool = True) -> None:  # noqa: N802
        """Show the title as soon as there is room, or do not."""
        self.titled = show
        super().showLabel(show and self._roomy)

    def set_roomy(self, roomy: bool) -> None:
        """Whether there is room for a title."""
        if roomy != self._roomy:
            self._roomy = roomy
            self.showLabel(self.titled)

    def labelString(self) -> str:  # noqa: N802
        """The title as far as there is room."""
        whole, room = self.labelText, self._length()
        if room > 0 and whole:
            metrics = QFontMetricsF(self.label.font())
            self.labelText = metrics.elidedText(whole, Qt.TextElideMode.ElideRight, room - 10)
        try:
            return str(super().labelString())
        finally:
            self.labelText = whole

    def resizeEvent(self, event: Any = None) -> None:  # noqa: N802
        """Another length may have room for more of the title."""
        if self.label is not None and self.labelText:
            self.label.setHtml(self.labelString())
            self.label.setToolTip(self.labelText)
        super().resizeEvent(event)

    def _length(self) -> float:
        upright = self.orientation in ("left", "right")
        return float(self.size().height() if upright else self.size().width())

    def logTickValues(  # noqa: N802
        self, low: float, high: float, size: float, ticks: Any
    ) -> list[tuple[float | None, list[float]]]:
        """First the numbered ones (log10 of them), then the others."""
        need = DECADE_UP if self.orientation in ("left", "right") else DECADE_ACROSS
        decade = size / max(high - low, 1e-9)
        powers = range(math.floor(low), math.ceil(high) + 1)
        step = max(1, math.ceil(need / decade))
        chosen = mantissas_that_fit(decade, need)
        named = [
            power + math.log10(each) for power in powers if power % step == 0 for each in chosen
        ]
        others = [power + math.log10(each) for power in powers for each in range(1, 10)]
        if decade < need:  # a tick for each power is enough
            others = [float(power) for power in powers]
        named = [each for each in named if low <= each <= high]
        others = [each for each in others if low <= each <= high and each not in named]
        return [(1.0, named), (None, others)]

    def logTickStrings(  # noqa: N802
        self, values: Sequence[float], scale: float, spacing: float | None
    ) -> list[str]:
        """`1,000` and `0.01`; powers of ten where these would be long."""
        if spacing is None:
            return [""] * len(values)
        powers = super().logTickStrings(values, scale, spacing)
        return [
            plain(10.0**value * scale) or power for value, power in zip(values, powers, strict=True)
        ]


def plain(value: float) -> str:
    """A number of one digit and zeros in full; empty where that would be long.

    >>> plain(2000.0), plain(0.05), plain(1e-7)
    ('2,000', '0.05', '')
    """
    if 0.9999 <= value < 1e6:
        return f"{value:,.0f}"
    return f"{value:.1g}" if 0.99e-4 <= value < 1 else ""


class LabelAxis(Axis):
    """Ticks in the middle of rows or columns: as many labels, or every n-th number, as fit."""

    def __init__(self, orientation: str, **options: Any) -> None:
        super().__init__(orientation, **options)
        self.enableAutoSIPrefix(False)
        self.setStyle(hideOverlappingLabels=8)  # half of the first letter may stand out
        self.labels: Sequence[str] = ()
        self.count = 0

    def set_labels(self, labels: Sequence[str], count: int) -> None:
        """`count` rows or columns, named by `labels` as far as these go."""
        shown = tuple(visible(each) for each in labels)
        if shown != self.labels or count != self.count:
            self.labels, self.count = shown, count
            self.picture = None
            self.update()
        colour = QColor(theme().palette.text if shown else theme().palette.faint)
        if self.textPen().color() != colour:
            self.setTextPen(colour)

    def generateDrawSpecs(self, p: Any) -> Any:  # noqa: N802
        """Letters as large as the cells let them be."""
        self.style["tickFont"] = None
        if self.labels:
            upright = self.orientation in ("left", "right")
            low, high = sorted(self.range)
            cell = (self.height() if upright else self.width()) / max(high - low, 1e-9)
            # A letter is a little over half as wide as it is high.
            # Not by setTickFont, which asks for a redraw and would come round to here again.
            self.style["tickFont"] = label_font(cell * 0.55 if upright else cell)
        return super().generateDrawSpecs(p)

    def tickValues(  # noqa: N802
        self, low: float, high: float, size: float
    ) -> list[tuple[float, list[float]]]:
        """Centres of the cells that get a label."""
        low, high = min(low, high), max(low, high)  # an axis that points down has them swapped
        cell = size / max(high - low, 1e-9)
        first = max(0, math.floor(low))
        last = min(self.count - 1, math.ceil(high))
        if self.labels and self.orientation in ("top", "bottom"):
            width = width_of(label_font(cell))
            chosen = fitting([width(each) for each in self.labels[first : last + 1]], cell)
            return [(1.0, [first + index + 0.5 for index in chosen])]
        need = 34.0 if self.orientation in ("top", "bottom") else 12.0 if self.labels else 15.0
        step = nice_step(need / cell)
        start = -(-first // step) * step
        return [(step, [index + 0.5 for index in range(start, last + 1, step)])]

    def tickStrings(  # noqa: N802
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        """The labels, or plain numbers from zero."""
        indices = [int(value) for value in values]
        return [self.labels[i] if i < len(self.labels) else str(i) for i in indices]


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
        titled = axis.titled if isinstance(axis, Axis) else axis.label.isVisible()
        axis.setLabel(axis.labelText, **axis.labelStyle)
        axis.showLabel(titled)  # to set it shows it again


def colour_axes(plot: Any) -> None:
    """Both axes of a plot."""
    for side in ("left", "bottom"):
        colour_axis(plot.getAxis(side))

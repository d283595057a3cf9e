"""Axes of plots, in the colours of the theme, with labels where there are any."""

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtGui import QColor

from app.plots.labels import fitting, label_font, nice_step, width_of
from app.special.chips import visible
from app.theme import theme


class LabelAxis(pg.AxisItem):  # type: ignore[misc]
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
        axis.setLabel(axis.labelText, **axis.labelStyle)


def colour_axes(plot: Any) -> None:
    """Both axes of a plot."""
    for side in ("left", "bottom"):
        colour_axis(plot.getAxis(side))

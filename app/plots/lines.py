"""Lines over a common axis."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QWidget,
)

from app.i18n import _
from app.plots.axes import LOW, Axis, colour_axes
from app.plots.base import PayloadWidget, number
from app.plots.labels import Key
from app.theme import theme
from engine.payloads import Curve

Numbers = NDArray[np.float64]


class LinesPlot(pg.PlotWidget):  # type: ignore[misc]
    """What `Curve` and `LossCurves` have in common: lines, and one under the mouse."""

    def __init__(self) -> None:
        super().__init__(axisItems={side: Axis(side) for side in ("left", "bottom")})
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
        self.plot = LinesPlot()
        self.key = Key(lines=2)  # above the plot: a legend inside would hide lines
        self.items: list[Any] = []
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
        for index, (item, line) in enumerate(zip(self.items, payload.lines, strict=True)):
            x, y = drawable(line.x, line.y, payload.log_x, payload.log_y)
            item.setPen(pg.mkPen(theme().series(index), width=2))
            item.setData(x, y)
            self._shown.append((_(line.name), x, y))
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

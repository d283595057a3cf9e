"""How the loss falls: lines that grow, marks where something was changed, and the best."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.i18n import _
from app.plots.base import Footer, number
from app.plots.labels import Key
from app.plots.lines import LinesPlot, Numbers, SteadyBox, drawable, read_lines, thin
from app.theme import blend, theme

Kind = Literal["raw", "points"]
FEW = 40  # points that can be large without running into each other


class LossCurves(QWidget):
    """How the loss falls: raw faint and smoothed strong, held-out as points, marks, the best."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series: dict[str, tuple[Numbers, Numbers, Kind]] = {}
        self._items: dict[str, tuple[Any, Any]] = {}
        self._marks: list[tuple[float, str]] = []
        self._mark_lines: list[Any] = []
        self._near: float | None = None
        self._units: dict[str, float] = {}
        self._read: dict[str, tuple[str, Numbers, Numbers]] = {}
        self._stale: set[str] = set()  # lines that have grown
        self._new = True  # whether all else is to be drawn too
        self._best_drawn: Any = None
        self.plot = LinesPlot(SteadyBox())
        self.plot.setLabel("bottom", _("step"))
        self.best = pg.ScatterPlotItem(size=15, symbol="star")
        self.best.setZValue(40)
        self.plot.addItem(self.best)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.plotItem.getViewBox().sigXRangeChanged.connect(
            lambda *_range: self._space_marks()
        )
        self.footer = Footer(wrap=False)
        self.key = Key()
        self.unit = QComboBox()
        self.unit.setAccessibleName(_("Unit of the loss"))
        self.unit.setToolTip(_("Unit of the loss"))
        self.unit.currentIndexChanged.connect(lambda _index: self._redraw())
        self.log = QToolButton()
        self.log.setText(_("log y"))
        self.log.setCheckable(True)
        self.log.setToolTip(_("Logarithmic loss axis: as far from 4 to 2 as from 2 to 1"))
        self.log.setAccessibleName(_("Logarithmic loss axis"))
        self.log.toggled.connect(lambda _on: self._redraw())
        self.unit.hide()
        empty = QLabel(_("Press Train to start"))
        empty.setProperty("role", "heading")
        hint = QLabel(_("The curves of the loss appear here."))
        hint.setProperty("role", "faint")
        nothing = QWidget()
        middle = QVBoxLayout(nothing)
        middle.addStretch(1)
        for label in (empty, hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            middle.addWidget(label)
        middle.addStretch(1)
        full = QWidget()
        inside = QVBoxLayout(full)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(2)
        tools = QHBoxLayout()
        tools.addWidget(self.footer, 1)
        tools.addWidget(self.unit)
        tools.addWidget(self.log)
        inside.addWidget(self.key)
        inside.addWidget(self.plot, 1)
        inside.addLayout(tools)
        self.stack = QStackedLayout(self)
        self.stack.addWidget(nothing)
        self.stack.addWidget(full)
        theme().changed.connect(self._recolour)

    def set_series(self, name: str, x: NDArray[Any], y: NDArray[Any], kind: Kind) -> None:
        """All points of one line so far; x: (n,) steps, y: (n,) in the first unit.

        ``"raw"`` is noisy and gets a smoothed line on top; ``"points"`` are few and
        exact (held-out), and the lowest of the first such series is marked.
        """
        self._new |= name not in self._series
        self._series[name] = (np.asarray(x, np.float64), np.asarray(y, np.float64), kind)
        self._stale.add(name)
        self._draw_seen()

    def set_marks(self, marks: Sequence[tuple[float, str]]) -> None:
        """Say at these steps what was changed: ``[(500, "learning rate 0.01 → 0.003")]``."""
        self._marks = sorted(marks)
        self._redraw()

    def set_units(self, units: Mapping[str, float]) -> None:
        """Names of units and what a value is multiplied by for each; the first is as given."""
        if dict(units) == self._units:
            return
        self._units = dict(units)
        chosen = self.unit.currentText()
        self.unit.blockSignals(True)
        self.unit.clear()
        self.unit.addItems([_(name) for name in units])
        self.unit.setCurrentIndex(max(0, self.unit.findText(chosen)))
        self.unit.blockSignals(False)
        self.unit.setVisible(len(units) > 1)
        self._redraw()

    def clear(self) -> None:
        """As before the first step."""
        for raw, smooth in self._items.values():
            self.plot.removeItem(raw)
            self.plot.removeItem(smooth)
        self._series, self._items, self._marks, self._near = {}, {}, [], None
        self.plot.plotItem.enableAutoRange()
        self._redraw()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what came while nobody looked."""
        super().showEvent(event)
        self._draw_seen()

    def _redraw(self) -> None:
        self._new = True
        self._draw_seen()

    def _draw_seen(self) -> None:
        if self.isVisible() and (self._new or self._stale):
            self._draw()

    def _draw(self) -> None:
        """The lines that have grown; and all else only where it is new, since it costs most."""
        new, self._new = self._new, False
        if new:
            self._draw_axes()
            self._stale = set(self._series)
            self._read = {}
        grown, self._stale = self._stale, set()
        for name in self._series:  # in this order: a set has none
            if name in grown:
                self._draw_line(name)
        any_points = any(len(x) for x, _y, _kind in self._series.values())
        self.stack.setCurrentIndex(1 if any_points else 0)
        best = self._best()
        self._draw_best(best)
        if new:
            self._draw_marks()
        self.footer.set_caption(self._summary(best))

    def _draw_axes(self) -> None:
        names = list(self._units) or [_("loss")]
        # Where there is a choice, the unit stands in its box, and the plot has the room.
        self.plot.setLabel("left", _(names[max(0, self.unit.currentIndex())]))
        self.plot.showLabel("left", len(names) == 1)
        self.plot.setLogMode(x=False, y=self.log.isChecked())
        self.key.setVisible(bool(self._series))
        self.key.show_entries(
            [(_(name), theme().series(place), False) for place, name in enumerate(self._series)]
        )
        for name in self._series:
            self._dress(name)

    def _draw_line(self, name: str) -> None:
        x, y, kind = self._series[name]
        factors = list(self._units.values()) or [1.0]
        factor = factors[max(0, self.unit.currentIndex())]
        x, y = drawable(x, y * factor, False, self.log.isChecked())
        raw, strong = self._items[name]
        shown = y
        if kind == "raw":
            shown = smoothed(y)
            raw.setData(x, y)
            if (len(x) == 1) != (strong.opts["symbol"] is not None):
                strong.setSymbol("o" if len(x) == 1 else None)  # one point makes no line
        elif (size := 9 if len(x) <= FEW else 5) != strong.opts["symbolSize"]:
            strong.setSymbolSize(size)
        strong.setData(x, shown)
        self._read[name] = (_(name), x, shown)

    def _dress(self, name: str) -> None:
        """Give a line its colours."""
        raw, strong = self._items_of(name)
        panel = theme().palette.panel
        colour = theme().series(list(self._series).index(name))
        strong.setSymbolBrush(pg.mkBrush(colour))
        if self._series[name][2] == "raw":
            # Blended, not transparent: crossing segments would add up to the full colour.
            raw.setPen(pg.mkPen(blend(colour, panel, 0.3), width=1))
            raw.setZValue(-10)
            strong.setPen(pg.mkPen(colour, width=2.2))
        else:
            strong.setPen(pg.mkPen(colour, width=2))
            strong.setZValue(10)
            strong.setSymbol("o")
            strong.setSymbolPen(pg.mkPen(panel))

    def _best(self) -> tuple[float, float] | None:
        """The lowest of the first line that is of points."""
        for name, (_x, _y, kind) in self._series.items():
            _title, x, y = self._read[name]
            if kind == "points" and len(y) > 1:
                lowest = int(np.argmin(y))
                return float(x[lowest]), float(y[lowest])
        return None

    def _items_of(self, name: str) -> tuple[Any, Any]:
        if name not in self._items:
            # The raw line is drawn without smooth edges, which are slow and not seen in noise.
            pair = pg.PlotDataItem(antialias=False), pg.PlotDataItem()
            for item, method in zip(pair, ("peak", "subsample"), strict=True):
                self.plot.addItem(item)
                thin(item, method)
            self._items[name] = pair
        return self._items[name]

    def _draw_best(self, best: tuple[float, float] | None) -> None:
        palette = theme().palette
        as_drawn = (best, self.log.isChecked(), palette)
        if as_drawn == self._best_drawn:
            return
        self._best_drawn = as_drawn
        if best is None:
            self.best.setData([], [])
            return
        x, y = best
        self.best.setPen(pg.mkPen(palette.panel))
        self.best.setBrush(pg.mkBrush(palette.good))
        self.best.setData([x], [math.log10(y) if self.log.isChecked() else y])

    def _summary(self, best: tuple[float, float] | None) -> str:
        """The newest value of each line and the best: short, to stand in one line."""
        words = [
            f"{name} {number(float(y[-1]), 3)}" for name, _x, y in self._read.values() if len(y)
        ]
        if best is not None:
            where = _("{value} at {step}")
            words.append("★ " + where.format(value=number(best[1], 3), step=number(best[0])))
        return " · ".join(words)

    def _draw_marks(self) -> None:
        palette = theme().palette
        while len(self._mark_lines) > len(self._marks):
            self.plot.removeItem(self._mark_lines.pop())
        while len(self._mark_lines) < len(self._marks):
            line = pg.InfiniteLine(
                angle=90, label=" ", labelOpts={"position": 0.96, "anchors": [(0, 0.5), (0, 0.5)]}
            )
            self.plot.addItem(line, ignoreBounds=True)
            self._mark_lines.append(line)
        for line, (step, text) in zip(self._mark_lines, self._marks, strict=True):
            line.setPen(pg.mkPen(palette.faint, style=Qt.PenStyle.DashLine))
            line.label.setColor(palette.faint)
            line.label.setFormat(text.replace("{", "{{").replace("}", "}}"))
            line.setValue(step)
        self._space_marks()

    def _space_marks(self) -> None:
        """Hide the words that would run into the next ones; under the mouse, all other ones."""
        box = self.plot.plotItem.getViewBox()
        per_pixel = box.viewPixelSize()[0]
        free_from = -math.inf
        for line, (step, _text) in zip(self._mark_lines, self._marks, strict=False):
            fits = step >= free_from if self._near is None else step == self._near
            line.label.setVisible(fits)
            if fits:
                free_from = step + (line.label.boundingRect().width() + 8) * per_pixel

    def _bring_forward(self, step: float | None) -> None:
        """Show the words of the mark at this step."""
        if step != self._near:
            self._near = step
            self._space_marks()

    def read_at(self, x: float) -> str:
        """What all curves are near step `x`, and what was changed there."""
        found = read_lines(_("step"), list(self._read.values()), x, False)
        self.plot.cursor_line.setVisible(found is not None)
        if found is None:
            return ""
        place, words = found
        self.plot.cursor_line.setValue(place)
        reach = 6 * self.plot.plotItem.getViewBox().viewPixelSize()[0]
        near = [(step, text) for step, text in self._marks if abs(step - x) <= reach]
        nearest = min(near, key=lambda mark: abs(mark[0] - x), default=None)
        self._bring_forward(nearest[0] if nearest else None)
        return "  ·  ".join([words, *(text for _step, text in near)])

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The summary comes back."""
        super().leaveEvent(event)
        self.plot.cursor_line.hide()
        self.footer.read("")
        self._bring_forward(None)

    def _moved(self, position: QPointF) -> None:
        self.footer.read(self.read_at(self.plot.plotItem.getViewBox().mapSceneToView(position).x()))

    def _recolour(self) -> None:
        self.plot.recolour()
        self._redraw()


def smoothed(y: Numbers) -> Numbers:
    """The running mean over about a fiftieth of the points, fewer at both ends. (n,) -> (n,)"""
    half = len(y) // 100
    if half == 0:
        return y
    sums = np.concatenate(([0.0], np.cumsum(y)))
    at = np.arange(len(y))
    first, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(y))
    means: Numbers = (sums[end] - sums[first]) / (end - first)
    return means

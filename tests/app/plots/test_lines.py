"""Curves: what is read out, logarithms, and the lines that stay."""

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import CurveWidget
from engine.payloads import Curve, Line
from tests.app.plots.screen import move, shown

CURVE = Curve(
    (
        Line("RNN", np.array([1, 10, 100], np.float32), np.array([1, 0.1, 0.0], np.float32)),
        Line("LSTM", np.array([1, 10], np.float32), np.array([1, 0.5], np.float32)),
    ),
    "time lag (characters)",
    "gradient norm",
)


def test_curve_reads_out_all_lines_at_the_nearest_x(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    assert widget.read_at(8.0) == "time lag (characters) 10: RNN 0.1  ·  LSTM 0.5"
    assert widget.read_at(90.0) == "time lag (characters) 100: RNN 0  ·  LSTM 0.5 (at 10)"
    box = widget.plot.plotItem.getViewBox()
    QApplication.processEvents()
    place = widget.plot.mapFromScene(box.mapViewToScene(QPointF(10, 0.5)))
    move(widget.plot.viewport(), place)
    assert widget.footer.readout == widget.read_at(10.0)


def test_curve_on_logarithmic_axes_leaves_out_what_has_no_logarithm(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(replace(CURVE, log_x=True, log_y=True))
    x, y = widget.items[0].getData()
    assert np.allclose(x, [0, 1])
    assert np.allclose(y, [0, -1])
    assert widget.read_at(4.0).startswith("time lag (characters) 10:")
    assert widget.plot.cursor_line.value() == 1.0
    widget.show_payload(CURVE)
    assert np.allclose(widget.items[0].getData()[0], [1, 10, 100])


def test_curve_reuses_its_lines(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    first = list(widget.items)
    widget.show_payload(replace(CURVE, y_title="norm"))
    assert widget.items == first
    assert [name for name, _colour, _hollow in widget.key.entries] == ["RNN", "LSTM"]
    widget.show_payload(replace(CURVE, lines=CURVE.lines[1:]))
    assert len(widget.items) == 1
    widget.show_payload(replace(CURVE, lines=()))
    assert widget.read_at(1.0) == ""

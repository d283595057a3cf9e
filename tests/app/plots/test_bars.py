"""Bars and how their values are written."""

import math

from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from app.plots import (
    BarsWidget,
)
from engine.payloads import Bars
from tests.app.plots.screen import move, shown


def test_bars_write_percentages_to_two_decimals(qtbot: QtBot) -> None:
    widget: BarsWidget = shown(qtbot, BarsWidget())
    widget.show_payload(Bars(("a", " "), (66.666, 3.1), "probability", "next", unit="%"))
    assert widget.view.words(0) == "'a': 66.67 %"
    assert widget.titles.text() == "next  ·  probability (%)"
    move(widget.view, QPoint(30, widget.view.ROW + 4))
    assert widget.footer.readout == "'␣': 3.10 %"
    move(widget.view, QPoint(30, 5 * widget.view.ROW))
    assert widget.footer.readout == ""
    widget.show_payload(Bars(("speed", "nothing"), (1234.5678, math.nan), unit="tokens/s"))
    assert widget.view.words(0) == "speed: 1235 tokens/s"
    widget.grab()

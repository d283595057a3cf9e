"""The newest payload is drawn once, when it is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import (
    BarsWidget,
    CurveWidget,
    FilmWidget,
    HeatmapsWidget,
    HeatmapWidget,
    ImagesWidget,
    PanelsWidget,
    PlaneWidget,
    TextWidget,
)
from engine.payloads import Bars, Curve, Film, Heatmaps, Images, Panels, Plane, Text
from tests.app.plots.screen import ATTENTION, shown

KINDS = [
    TextWidget,
    HeatmapWidget,
    HeatmapsWidget,
    CurveWidget,
    ImagesWidget,
    PlaneWidget,
    PanelsWidget,
    FilmWidget,
    BarsWidget,
]


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_widgets_draw_the_newest_when_seen(
    qtbot: QtBot, kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.zeros((1, 4, 4, 1), np.uint8)
    plane = Plane((0.0, 1.0, 0.0, 1.0))
    first, second = {
        TextWidget: (Text("one"), Text("two")),
        HeatmapWidget: (ATTENTION, replace(ATTENTION, title="other")),
        HeatmapsWidget: (Heatmaps((ATTENTION,)), Heatmaps((ATTENTION, ATTENTION))),
        CurveWidget: (Curve((), "x", "y"), Curve((), "x", "z")),
        ImagesWidget: (Images(grey), Images(grey + 9)),
        PlaneWidget: (plane, replace(plane, title="other")),
        PanelsWidget: (Panels((plane,)), Panels((plane, plane))),
        FilmWidget: (Film((plane,), ("",)), Film((plane,) * 2, ("", ""))),
        BarsWidget: (Bars((), ()), Bars(("a",), (1.0,), turns="a")),
    }[kind]
    drawn: list[Any] = []
    draw = kind.draw

    def watched(self: Any, payload: Any) -> None:
        drawn.append(payload)
        draw(self, payload)

    monkeypatch.setattr(kind, "draw", watched)
    widget = kind()
    widget.show_payload(first)
    widget.show_payload(second)
    assert drawn == []
    shown(qtbot, widget)
    assert drawn == [second]
    widget.hide()
    widget.show_payload(first)
    assert drawn == [second]
    widget.show()
    assert drawn == [second, first]
    widget.hide()
    widget.show()
    assert drawn == [second, first]


def test_reading_out_moves_nothing(qtbot: QtBot) -> None:
    widget = shown(qtbot, TextWidget(), 300, 200)
    widget.show_payload(
        Text("text", caption="A caption so long that one line of a narrow widget does not hold it")
    )
    QApplication.processEvents()
    before = widget.view.height(), widget.footer.height()
    assert before[1] > 1.5 * widget.fontMetrics().height()
    widget.footer.read("short")
    QApplication.processEvents()
    assert (widget.view.height(), widget.footer.height()) == before
    widget.show_payload(Text("text"))
    QApplication.processEvents()
    assert widget.footer.height() < before[1]

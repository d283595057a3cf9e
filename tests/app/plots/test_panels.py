"""Several payloads beside each other, in widgets that stay."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import ImagesWidget, PanelsWidget, PlaneWidget, TextWidget
from app.special.chips import TokenChips
from engine.payloads import Handle, Images, Panels, Plane, Text, Tokens
from tests.app.plots.screen import move, shown

LEFT = Qt.MouseButton.LeftButton
PLANE = Plane((-1.0, 1.0, -1.0, 1.0), handles=(Handle("", 0.0, 0.0, "x", "y"),), caption="plane")
PICTURE = Images(np.full((1, 8, 8, 1), 90, np.uint8), caption="picture")


def panels_of(qtbot: QtBot, panels: Panels) -> PanelsWidget:
    widget: PanelsWidget = shown(qtbot, PanelsWidget(), 640, 420)
    widget.show_payload(panels)
    QApplication.processEvents()
    return widget


def test_each_has_its_widget_and_its_share(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PLANE, PICTURE), weights=(2, 1), caption="both"))
    plane, picture = widget.children_
    assert isinstance(plane, PlaneWidget)
    assert isinstance(picture, ImagesWidget)
    assert plane.width() == pytest.approx(2 * picture.width(), abs=4)
    assert plane.y() == picture.y()
    assert plane.footer.caption == "plane"
    assert widget.footer.caption == "both"
    assert widget.footer.isVisible()


def test_lines_have_so_many_and_no_more(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PICTURE,) * 3, across=2))
    first, second, third = widget.children_
    assert first.y() == second.y() < third.y()
    assert third.width() > 1.8 * first.width()


def test_what_has_no_caption_reads_out_in_the_line_below_all(qtbot: QtBot) -> None:
    blank = replace(PICTURE, caption="")
    widget = panels_of(qtbot, Panels((PICTURE, blank), caption="both"))
    first, second = widget.children_
    assert first.footer.isVisible()
    assert not second.footer.isVisible()
    move(first.wall, first.wall.place(0).center().toPoint())
    assert (first.footer.readout, widget.footer.readout) == ("row 1, column 1", "")
    move(second.wall, second.wall.place(0).center().toPoint())
    assert widget.footer.readout == "row 1, column 1"
    move(second.wall, QPoint(0, 0))
    assert widget.footer.readout == ""
    widget.show_payload(Panels((blank, PICTURE)))
    assert not first.footer.isVisible()
    assert second.footer.isVisible()


def test_below_each_other_the_weights_are_heights(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PICTURE, PICTURE), across=1, weights=(1, 2)))
    first, second = widget.children_
    assert first.width() == second.width()
    assert second.height() == pytest.approx(2 * first.height(), abs=4)


def test_widgets_stay_while_the_kinds_do(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PLANE, PICTURE)))
    before = list(widget.children_)
    black = Images(np.zeros((1, 8, 8, 1), np.uint8))
    widget.show_payload(Panels((PLANE, black)))
    assert widget.children_ == before
    assert before[1].payload is black
    widget.show_payload(Panels((black, Text("words"), PLANE)))
    QApplication.processEvents()
    assert widget.children_[0] is before[1]
    assert widget.children_[2] is before[0]
    assert isinstance(widget.children_[1], TextWidget)
    assert all(each.isVisible() for each in widget.children_)
    assert widget.children_[2].y() > widget.children_[0].y()
    widget.show_payload(Panels((PLANE,)))
    QApplication.processEvents()
    assert widget.children_ == [before[0]]
    assert not before[1].isVisible()


def test_a_drag_goes_on_through_new_payloads_and_is_passed_on(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PLANE, PICTURE)))
    plane = widget.children_[0]
    view = plane.view.viewport()
    QTest.mousePress(view, LEFT, pos=plane.pixel_of(0, 0).toPoint())
    with qtbot.waitSignal(widget.turned) as told:
        QTest.mouseMove(view, plane.pixel_of(0.5, 0.5).toPoint())
    assert told.args[0] == pytest.approx({"x": 0.5, "y": 0.5}, abs=0.02)
    widget.show_payload(Panels((replace(PLANE, title="next"), PICTURE)))
    assert plane.gripped == 0
    with qtbot.waitSignal(widget.turned) as told:
        QTest.mouseMove(view, plane.pixel_of(-0.5, 0.5).toPoint())
    assert told.args[0] == pytest.approx({"x": -0.5, "y": 0.5}, abs=0.02)
    QTest.mouseRelease(view, LEFT, pos=QPoint(5, 5))


def test_tokens_that_are_chosen_are_passed_on(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((Tokens((1,), ("a",), (0.5,), ((),), 0), PICTURE)))
    chips = widget.children_[0]
    assert isinstance(chips, TokenChips)
    with qtbot.waitSignal(widget.regenerate) as told:
        chips.regenerate.emit((0, 3))
    assert told.args == [(0, 3)]


def test_nothing_is_drawn_while_it_is_hidden(qtbot: QtBot) -> None:
    widget = panels_of(qtbot, Panels((PLANE, PICTURE)))
    widget.hide()
    bright = Images(np.full((1, 8, 8, 1), 250, np.uint8))
    widget.show_payload(Panels((PLANE, bright)))
    assert widget.children_[1].payload is PICTURE
    widget.show()
    assert widget.children_[1].wall.images is bright

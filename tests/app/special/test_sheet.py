"""A picture that is rubbed out: which cells, what is told, and how it looks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import PanelsWidget
from app.special.sheet import SheetWidget, brushes_of, chequers, size_of, under_brush
from engine.payloads import Images, Panels, Sheet
from tests.app.plots.screen import colour_at, shown

BUTTONS = Qt.MouseButton
SHADE = 77


def sheet(height: int = 10, width: int = 12, cell: int = 1, **more: Any) -> Sheet:
    pixels = np.full((height, width, 1), SHADE, np.uint8)
    return Sheet(pixels, turns="erased", cell=cell, **more)


def widget_of(qtbot: QtBot, payload: Sheet, width: int = 480, height: int = 360) -> SheetWidget:
    widget: SheetWidget = shown(qtbot, SheetWidget(), width, height)
    widget.show_payload(payload)
    QApplication.processEvents()
    widget.paper.clearFocus()
    return widget


def told(widget: Any) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    widget.turned.connect(heard.append)
    return heard


def middle(widget: SheetWidget, cell: int) -> QPoint:
    return widget.paper.place(cell).center().toPoint()


def stroke(
    widget: SheetWidget,
    *cells: int,
    button: Qt.MouseButton = BUTTONS.LeftButton,
    shift: bool = False,
) -> None:
    """Press at the first cell, move over the others, release at the last."""
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    points = [middle(widget, cell) for cell in cells]
    QTest.mousePress(widget.paper, button, modifier, points[0])
    for point in points[1:]:
        QTest.mouseMove(widget.paper, point)
        QApplication.processEvents()
    QTest.mouseRelease(widget.paper, button, modifier, points[-1])


# --- cells and brushes


def test_cells_cover_all_points() -> None:
    assert size_of(sheet(10, 12)) == (10, 12)
    assert size_of(sheet(25, 25, 2)) == (13, 13)
    assert size_of(sheet(28, 21, 4)) == (7, 6)


@pytest.mark.parametrize(("side", "cell"), [(28, 1), (28, 2), (25, 1), (8, 2), (2, 1)])
def test_each_brush_is_larger_than_the_one_before(side: int, cell: int) -> None:
    small, medium, large = brushes_of(sheet(side, side, cell))
    assert 1 == small < medium < large <= max(3, side // cell // 4)


def test_a_brush_is_a_square_that_ends_at_the_edges() -> None:
    payload = sheet(4, 5)
    assert under_brush(payload, 1, 2, 1) == {7}
    assert under_brush(payload, 1, 2, 3) == {1, 2, 3, 6, 7, 8, 11, 12, 13}
    assert under_brush(payload, 0, 0, 3) == {0, 1, 5, 6}
    assert under_brush(payload, 1, 1, 2) == {6, 7, 11, 12}
    assert under_brush(payload, -5, 1, 3) == frozenset()


# --- rubbing


def test_a_drag_rubs_out_and_the_right_button_brings_back(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    heard = told(widget)
    stroke(widget, 24, 25, 26)
    assert heard[-1] == {"erased": (24, 25, 26)}
    stroke(widget, 25, button=BUTTONS.RightButton)
    assert heard[-1] == {"erased": (24, 26)}
    stroke(widget, 26, 27, shift=True)
    assert heard[-1] == {"erased": (24,)}
    assert all(type(each) is int for each in heard[0]["erased"])


def test_a_fast_hand_leaves_no_gaps(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    heard = told(widget)
    stroke(widget, 24, 35)
    assert heard[-1] == {"erased": tuple(range(24, 36))}


def test_it_is_told_while_it_is_rubbed(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    heard = told(widget)
    QTest.mousePress(widget.paper, BUTTONS.LeftButton, pos=middle(widget, 3))
    assert heard == [{"erased": (3,)}]
    QTest.mouseMove(widget.paper, middle(widget, 4))
    qtbot.waitUntil(lambda: heard[-1] == {"erased": (3, 4)})
    QTest.mouseRelease(widget.paper, BUTTONS.LeftButton, pos=middle(widget, 4))


def test_a_medium_brush_takes_more_and_a_cell_may_be_several_points(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet(25, 25, 2))
    side = brushes_of(sheet(25, 25, 2))[1]
    heard = told(widget)
    stroke(widget, 6 * 13 + 6)
    expected = under_brush(sheet(25, 25, 2), 6, 6, side)
    assert heard[-1] == {"erased": tuple(sorted(expected))}
    assert len(expected) == side**2 > 1
    last = widget.paper.place(168)
    assert last.width() == pytest.approx(widget.paper.scale()), "half a cell at the edge"


def test_all_and_nothing(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet(erased=(3,)))
    heard = told(widget)
    QTest.mouseClick(widget.all, BUTTONS.LeftButton)
    qtbot.waitUntil(lambda: heard[-1:] == [{"erased": tuple(range(120))}])
    QTest.mouseClick(widget.anew, BUTTONS.LeftButton)
    qtbot.waitUntil(lambda: heard[-1] == {"erased": ()})


def test_keys_move_the_brush_and_rub(qtbot: QtBot) -> None:
    keys = Qt.Key
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    heard = told(widget)
    for _press in range(20):
        QTest.keyClick(widget.paper, keys.Key_Left)
    for _press in range(2):
        QTest.keyClick(widget.paper, keys.Key_Up)
    QTest.keyClick(widget.paper, keys.Key_Space)
    assert heard[-1] == {"erased": (3 * 12,)}
    QTest.keyClick(widget.paper, keys.Key_Right)
    QTest.keyClick(widget.paper, keys.Key_Space)
    qtbot.waitUntil(lambda: heard[-1] == {"erased": (36, 37)})
    QTest.keyClick(widget.paper, keys.Key_Backspace)
    qtbot.waitUntil(lambda: heard[-1] == {"erased": (36,)})


# --- what is shown


def test_what_is_rubbed_out_is_chequered_and_the_rest_the_picture(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet(erased=(0, 13)))
    tints = {(each.red(), each.green(), each.blue()) for each in chequers()}
    for cell in range(26):
        place = widget.paper.place(cell)
        seen = {
            colour_at(
                widget.paper,
                place.left() + part * place.width(),
                place.top() + 0.25 * place.height(),
            )
            for part in (0.25, 0.75)
        }
        assert seen == (tints if cell in (0, 13) else {(SHADE,) * 3})
    corner = widget.paper.place(13)
    x, quarter = corner.left() + 0.25 * corner.width(), 0.25 * corner.height()
    upper, lower = (colour_at(widget.paper, x, corner.top() + k * quarter) for k in (1, 3))
    assert upper != lower, "squares, no stripes"
    assert all(len(set(tint)) > 1 for tint in tints), "no shade of grey"


def test_older_pictures_do_not_undo_what_is_rubbed(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    stroke(widget, 24, 25)
    widget.show_payload(sheet(erased=(24,)))
    assert widget.paper.erased == {24, 25}
    widget.show_payload(sheet(erased=(24, 25)))
    widget.show_payload(sheet(erased=(7,)))
    assert widget.paper.erased == {7}, "set elsewhere, after it was seen"


def test_while_it_is_held_nothing_moves(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet())
    widget.sizes.button(0).click()
    QTest.mousePress(widget.paper, BUTTONS.LeftButton, pos=middle(widget, 3))
    widget.show_payload(sheet(erased=(3,)))
    widget.show_payload(sheet(erased=(50, 51)))
    assert widget.paper.erased == {3}
    QTest.mouseRelease(widget.paper, BUTTONS.LeftButton, pos=middle(widget, 3))


def test_cells_beyond_the_picture_do_no_harm(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, sheet(erased=(3, 5000, -1)))
    assert widget.paper.erased == {3}


def test_another_picture_is_rubbed_out_at_the_same_cells(qtbot: QtBot) -> None:
    payload = sheet(erased=(0,))
    widget = widget_of(qtbot, payload)
    widget.show_payload(replace(payload, pixels=np.full((10, 12, 3), 200, np.uint8)))
    place = widget.paper.place(30)
    assert colour_at(widget.paper, place.center().x(), place.center().y()) == (200,) * 3


def test_beside_others_it_tells_what_is_turned(qtbot: QtBot) -> None:
    wall = Images(np.zeros((4, 8, 8, 1), np.uint8))
    panels = shown(qtbot, PanelsWidget(), 560, 300)
    panels.show_payload(Panels((sheet(), wall), weights=(1, 2)))
    QApplication.processEvents()
    heard = told(panels)
    widget = panels.children_[0]
    widget.sizes.button(0).click()
    stroke(widget, 24)
    assert heard[-1] == {"erased": (24,)}
    QTest.mouseMove(widget.paper, middle(widget, 24))
    assert panels.footer.readout == "row 3, column 1 · rubbed out"

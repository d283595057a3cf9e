"""A line is shown whole where there is room, and else ends in dots."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.elided import Elided
from app.theme import theme
from tests.app.plots.screen import rgb

LONG = "The quick brown fox jumps over the lazy dog"


@pytest.fixture
def line(qtbot: QtBot) -> Elided:
    theme().use("light")
    line = Elided(LONG)
    qtbot.addWidget(line)
    line.resize(line.sizeHint().width() + 20, 24)
    with qtbot.waitExposed(line):
        line.show()
    return line


def ink(widget: QWidget) -> set[int]:
    """The columns of pixels in which something is painted."""
    QApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    row = image.bytesPerLine() // 4
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), row)
    painted = (pixels != pixels[0, -1]).any(0)
    return set(np.flatnonzero(painted).tolist())


def looks(widget: QWidget) -> QImage:
    QApplication.processEvents()
    return widget.grab().toImage()


def test_with_room_the_text_is_whole(line: Elided) -> None:
    wide = line.fontMetrics().horizontalAdvance(LONG)
    assert wide - 10 <= max(ink(line)) <= wide + 2


def test_without_room_it_ends_in_dots_and_nothing_is_cut_off(line: Elided) -> None:
    line.resize(120, 24)
    shown = line.fontMetrics().elidedText(LONG, Qt.TextElideMode.ElideRight, 120)
    assert shown.endswith("…")
    assert len(shown) < len(LONG)
    short = looks(line)
    line.setText(shown)
    assert looks(line) == short


def test_what_is_shortened_is_still_there_to_be_read_out(line: Elided) -> None:
    line.resize(40, 24)
    ink(line)
    assert line.text() == LONG


def test_any_width_will_do_down_to_nothing(line: Elided) -> None:
    assert line.minimumSizeHint().width() == 0
    assert line.minimumSizeHint().height() == QLabel(LONG).minimumSizeHint().height()
    line.resize(1, 24)
    assert ink(line) <= {0}


def test_several_lines_become_one(line: Elided) -> None:
    line.setText("one · two")
    expected = looks(line)
    line.setText("one\ntwo")
    assert looks(line) == expected


def test_what_looks_like_markup_is_shown_as_it_is(line: Elided) -> None:
    line.setText("one")
    plain = looks(line)
    line.setText("<b>one</b>")
    assert looks(line) != plain
    assert max(ink(line)) > line.fontMetrics().horizontalAdvance("one") + 10
    assert line.sizeHint().width() >= line.fontMetrics().horizontalAdvance("<b>one</b>")


def test_an_empty_text_paints_nothing(line: Elided) -> None:
    line.setText("")
    assert ink(line) == set()


def test_it_keeps_to_the_side_it_is_told(line: Elided) -> None:
    line.setText("end")
    line.setAlignment(Qt.AlignmentFlag.AlignRight)
    assert min(ink(line)) > line.width() // 2


def test_its_colour_follows_its_role(line: Elided) -> None:
    line.setText("█" * 20)  # a whole block: no edge is blended with the ground
    line.setProperty("role", "warning")
    line.style().polish(line)
    middle = looks(line).pixelColor(30, line.height() // 2)
    assert rgb(middle) == rgb(theme().palette.warning)


def test_a_greedy_line_takes_all_room_and_another_what_it_needs(qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    greedy, other = Elided("short", greedy=True), Elided("as long as it needs")
    row = QHBoxLayout(box)
    row.addWidget(greedy, 1)
    row.addWidget(other)
    box.resize(600, 40)
    with qtbot.waitExposed(box):
        box.show()
    assert greedy.width() > 300
    assert other.width() == other.sizeHint().width()
    box.resize(other.sizeHint().width() + 40, 40)
    row.activate()
    assert greedy.width() < greedy.sizeHint().width(), "it gives way"
    assert other.width() == other.sizeHint().width()


def test_a_click_asks_for_more(qtbot: QtBot, line: Elided) -> None:
    with qtbot.waitSignal(line.clicked):
        QTest.mouseClick(line, Qt.MouseButton.LeftButton)


def test_neither_another_button_nor_one_let_go_elsewhere_is_a_click(
    qtbot: QtBot, line: Elided
) -> None:
    left = Qt.MouseButton.LeftButton
    with qtbot.assertNotEmitted(line.clicked):
        QTest.mouseClick(line, Qt.MouseButton.RightButton)
        QTest.mousePress(line, left, pos=QPoint(5, 5))
        QTest.mouseRelease(line, left, pos=QPoint(5, line.height() + 30))

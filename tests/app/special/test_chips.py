"""Token chips: layout, what is shown, and what a choice asks for."""

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.special import chips
from app.special.chips import ALTERNATIVE, Flow, TokenChips, tint, visible
from app.theme import theme
from engine.payloads import Alternative, Tokens

WIDTH = 10


def tokens(pieces: list[str], kept: int = 0, probability: float = 0.5) -> Tokens:
    """A text whose drawn tokens each have an alternative ``?`` that is cut."""
    ids = tuple(ord(piece[0]) for piece in pieces)
    return Tokens(
        ids=ids,
        pieces=tuple(pieces),
        probabilities=tuple(math.nan if i < kept else probability for i in range(len(ids))),
        alternatives=tuple(
            ()
            if i < kept
            else (
                Alternative(token, piece, probability, True),
                Alternative(1000, "x", 0.25, True),
                Alternative(1001, "?", 0.0312, False),
            )
            for i, (token, piece) in enumerate(zip(ids, pieces, strict=True))
        ),
        kept=kept,
    )


@pytest.fixture
def widget(qtbot: QtBot) -> TokenChips:
    theme().use("light")
    widget = TokenChips()
    qtbot.addWidget(widget)
    widget.resize(500, 480)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def mouse(widget: QWidget, kind: QEvent.Type, point: QPoint) -> None:
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    position, place = QPointF(point), QPointF(widget.mapToGlobal(point))
    event = QMouseEvent(kind, position, place, button, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def rows(widget: TokenChips) -> list[str]:
    found = widget.popup.list
    return [found.item(i).text() for i in range(found.count())]


def lay(pieces: list[str], room: int) -> list[str]:
    """The lines of a text of pieces with ten pixels a character."""
    flow = Flow()
    flow.lay(pieces, [WIDTH * len(piece) - 1 for piece in pieces], 0, room)
    lines = range(len(flow.starts))
    return ["".join(pieces[i] for i in flow.tokens_of(line)) for line in lines]


def test_words_go_to_the_next_line_whole() -> None:
    assert lay(list("the quick fox"), 100) == ["the quick ", "fox"]
    assert lay(list("a quick fox ran"), 100) == ["a quick ", "fox ran"]
    # A word of more than half a line is broken, so that no line is left nearly empty.
    assert lay(list("the quick fox"), 80) == ["the quic", "k fox"]


def test_long_words_are_broken_and_han_anywhere() -> None:
    assert lay(list("abcdefghijkl"), 50) == ["abcde", "fghij", "kl"]
    assert lay(list("生成模型很有趣"), 30) == ["生成模", "型很有", "趣"]


def test_pieces_of_many_letters_and_line_breaks() -> None:
    assert lay(["To", " be", ",\n", "\n", "or", " not"], 70) == ["To be,\n", "\n", "or not"]
    assert lay(["ab", " cd", " ef"], 50) == ["ab cd", " ef"]


def test_growing_texts_are_laid_out_as_if_at_once() -> None:
    random_ = random.Random(0)
    pieces = [random_.choice(["a", "b", "cc", " ", " dd", "\n", "生", "-"]) for _ in range(400)]
    widths = [WIDTH * len(piece) - 1 for piece in pieces]
    grown = Flow()
    for count in range(1, len(pieces) + 1):
        grown.lay(pieces[:count], widths[:count], count - 1, 137)
    whole = Flow()
    whole.lay(pieces, widths, 0, 137)
    assert (grown.starts, grown.x, grown.width) == (whole.starts, whole.x, whole.width)
    other = [*pieces[:200], *("zz " for _ in range(50))]
    changed = Flow()
    changed.lay(pieces, widths, 0, 137)
    widths = [WIDTH * len(piece) - 1 for piece in other]
    changed.lay(other, widths, 200, 137)
    whole = Flow()
    whole.lay(other, widths, 0, 137)
    assert (changed.starts, changed.x) == (whole.starts, whole.x)


def test_whitespace_is_made_visible() -> None:
    assert visible(" a\tb\n") == "␣a⇥b↵"


def test_tints_run_from_orange_to_blue() -> None:
    unlikely, likely = tint(0.0), tint(1.0)
    assert unlikely.red() > unlikely.blue()
    assert likely.blue() > likely.red()


def test_streaming_lays_out_only_the_end(
    widget: TokenChips, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = list("the quick brown fox jumps over the lazy dog " * 20)
    widget.show_payload(tokens(pieces[:700], kept=5))
    places = [widget.canvas.place_of(i).x() for i in range(600)]
    touched: list[int] = []
    lay = Flow.lay

    def watched(self: Flow, *args: Any) -> int:
        touched.append(lay(self, *args))
        return touched[-1]

    monkeypatch.setattr(Flow, "lay", watched)
    for count in range(701, 720):
        widget.show_payload(tokens(pieces[:count], kept=5))
    last = len(widget.canvas.flow.starts) - 1
    assert len(touched) == 19
    assert all(line >= last - 2 for line in touched)
    assert [widget.canvas.place_of(i).x() for i in range(600)] == places


def test_the_end_is_followed_unless_the_person_scrolled_up(widget: TokenChips) -> None:
    pieces = ["line\n"] * 200
    bar = widget.canvas.verticalScrollBar()
    widget.show_payload(tokens(pieces[:50]))
    bar.setValue(bar.maximum())
    widget.show_payload(tokens(pieces[:100]))
    assert bar.value() == bar.maximum() > 0
    bar.setValue(10)
    widget.show_payload(tokens(pieces[:150]))
    assert bar.value() == 10
    widget.show_payload(tokens(["other"]))
    assert bar.value() == 0


def test_the_end_stays_in_view_when_the_list_below_takes_room(widget: TokenChips) -> None:
    text = tokens(["line\n"] * 200)
    following = tuple(Alternative(i, "c", 0.1, True) for i in range(10))
    bar = widget.canvas.verticalScrollBar()
    widget.show_payload(text)
    assert bar.value() == bar.maximum() > 0, "a text in one piece ends at its end, too"
    height = widget.canvas.height()
    widget.show_payload(replace(text, next=following))
    QApplication.processEvents()
    assert widget.canvas.height() < height
    assert bar.value() == bar.maximum()
    widget.resize(300, 260)
    QApplication.processEvents()
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    widget.resize(320, 300)
    QApplication.processEvents()
    assert bar.value() == 0


def test_the_words_of_the_legend_stay_whole(widget: TokenChips) -> None:
    widget.show_payload(replace(tokens(list("abc")), tokens_per_second=123_456.0))
    for width in (500, 380, 320, 260):
        widget.resize(width, 400)
        QApplication.processEvents()
        assert widget.legend.width() >= widget.legend.minimumSizeHint().width()
    assert widget.speed.width() < widget.speed.sizeHint().width()


def test_hidden_chips_lay_nothing_out(qtbot: QtBot) -> None:
    widget = TokenChips()
    qtbot.addWidget(widget)
    widget.show_payload(tokens(list("abc")))
    assert widget.canvas.flow.x == []
    widget.show()
    assert len(widget.canvas.flow.x) == 3


def test_hover_shows_alternatives_and_leaving_hides_them(widget: TokenChips) -> None:
    widget.show_payload(tokens(list("ab\nc"), kept=1, probability=0.5))
    viewport = widget.canvas.viewport()
    mouse(viewport, QEvent.Type.MouseMove, widget.canvas.place_of(3).center())
    assert widget.popup.isVisible()
    assert widget.popup.title.text() == "token 3: 'c' 50.00 %"
    assert rows(widget) == ["c  50.00 %", "x  25.00 %", "?  3.12 %  cut by top-k/top-p"]
    assert widget.popup.list.currentItem().data(ALTERNATIVE).piece == "c"
    mouse(viewport, QEvent.Type.MouseMove, widget.canvas.place_of(0).center())
    assert widget.popup.title.text() == "token 0: 'a' was given"
    assert not widget.popup.list.isVisible()
    mouse(viewport, QEvent.Type.MouseMove, QPoint(400, 200))
    assert not widget.popup.isVisible()


def test_a_click_pins_and_a_click_on_an_alternative_regenerates(
    qtbot: QtBot, widget: TokenChips
) -> None:
    widget.show_payload(tokens(list("abc")))
    viewport = widget.canvas.viewport()
    mouse(viewport, QEvent.Type.MouseButtonPress, widget.canvas.place_of(2).center())
    mouse(viewport, QEvent.Type.MouseMove, widget.canvas.place_of(0).center())
    assert widget.popup.position == 2
    found = widget.popup.list
    with qtbot.waitSignal(widget.regenerate, timeout=1000) as asked:
        place = found.visualItemRect(found.item(1)).center()
        QTest.mouseClick(found.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked.args == [(2, 1000)]
    assert not widget.popup.isVisible()


def test_a_second_click_or_one_beside_unpins(widget: TokenChips) -> None:
    widget.show_payload(tokens(list("abc")))
    viewport = widget.canvas.viewport()
    for point in (widget.canvas.place_of(1).center(), QPoint(450, 300)):
        mouse(viewport, QEvent.Type.MouseButtonPress, widget.canvas.place_of(1).center())
        assert widget.popup.pinned
        mouse(viewport, QEvent.Type.MouseButtonPress, point)
        assert not widget.popup.isVisible()


def test_everything_works_with_the_keyboard(qtbot: QtBot, widget: TokenChips) -> None:
    widget.show_payload(tokens(list("abc\ndef")))
    canvas = widget.canvas
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Down):
        QTest.keyClick(canvas, key)
    assert canvas.selected == 5
    assert canvas.accessibleDescription() == "token 5: 'e' 50.00 %"
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    assert canvas.selected == 1
    QTest.keyClick(canvas, Qt.Key.Key_End)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert widget.popup.pinned
    QTest.keyClick(canvas, Qt.Key.Key_Down)
    QTest.keyClick(canvas, Qt.Key.Key_Down)
    with qtbot.waitSignal(widget.regenerate, timeout=1000) as asked:
        QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert asked.args == [(6, 1001)]


def test_escape_closes_before_it_is_a_shortcut(qtbot: QtBot, widget: TokenChips) -> None:
    widget.show_payload(tokens(list("abc")))
    widget.canvas.select(1, pin=True)
    none = Qt.KeyboardModifier.NoModifier
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, none)
    override.ignore()
    QApplication.sendEvent(widget.canvas, override)
    assert override.isAccepted()
    QTest.keyClick(widget.canvas, Qt.Key.Key_Escape)
    assert not widget.popup.isVisible()
    override.ignore()
    QApplication.sendEvent(widget.canvas, override)
    assert not override.isAccepted()


def test_the_list_goes_when_its_token_goes(widget: TokenChips) -> None:
    widget.show_payload(tokens(list("abcdef")))
    widget.canvas.select(4, pin=True)
    widget.show_payload(tokens(list("abcdefg")))
    assert widget.popup.position == 4
    widget.show_payload(tokens(list("abXX")))
    assert not widget.popup.isVisible()
    widget.canvas.select(1)
    widget.hide()
    assert not widget.popup.isVisible()


def test_the_list_stands_inside_the_window(widget: TokenChips) -> None:
    widget.show_payload(tokens(list("a" * 800)))
    for token in (0, 30, 400, 799):
        widget.canvas.select(token, pin=True)
        assert widget.rect().contains(widget.popup.geometry())


def test_next_token_is_chosen_below(qtbot: QtBot, widget: TokenChips) -> None:
    widget.show_payload(tokens(list("ab")))
    assert not widget.next_list.isVisible()
    following = (Alternative(7, "c", 0.9, True), Alternative(8, "d", 0.1, False))
    widget.show_payload(replace(tokens(list("ab")), next=following))
    assert widget.next_list.isVisible()
    widget.next_list.setCurrentRow(1)
    with qtbot.waitSignal(widget.regenerate, timeout=1000) as asked:
        QTest.keyClick(widget.next_list, Qt.Key.Key_Return)
    assert asked.args == [(2, 8)]


def test_the_text_is_copied(qtbot: QtBot, widget: TokenChips) -> None:
    widget.show_payload(tokens(["To", " be", "\n", "生"]))
    QTest.keyClick(widget.canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "To be\n生"


def test_the_picture_differs_where_the_probability_does(widget: TokenChips) -> None:
    def centre_colour(probability: float) -> tuple[int, ...]:
        widget.show_payload(tokens(["a"], probability=probability))
        image = widget.canvas.viewport().grab().toImage()
        place = widget.canvas.place_of(0)
        colour = image.pixelColor(place.left() + 2, place.bottom() - 3)
        return colour.red(), colour.green(), colour.blue()

    for probability in (0.0, 0.4, 1.0):
        colour = tint(probability)
        expected = colour.red(), colour.green(), colour.blue()
        assert np.abs(np.subtract(centre_colour(probability), expected)).max() <= 2


def test_streaming_paints_the_same_as_a_fresh_text(qtbot: QtBot, widget: TokenChips) -> None:
    pieces = list("the quick brown fox\njumps over the lazy dog " * 6)
    for count in range(0, len(pieces), 7):
        widget.show_payload(tokens(pieces[:count], kept=min(3, count)))
        QApplication.processEvents()
    widget.show_payload(tokens(pieces, kept=3))
    QApplication.processEvents()
    streamed = widget.canvas.viewport().grab().toImage()
    other = TokenChips()
    qtbot.addWidget(other)
    other.resize(widget.size())
    other.show()
    other.show_payload(tokens(pieces, kept=3))
    bar = other.canvas.verticalScrollBar()
    bar.setValue(widget.canvas.verticalScrollBar().value())
    assert other.canvas.viewport().grab().toImage() == streamed


def test_percentages_have_two_decimals() -> None:
    assert chips.percent(0.03141) == "3.14 %"

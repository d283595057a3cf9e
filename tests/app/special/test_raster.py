"""A picture draw by draw: what is shown done, where it goes, and what a hand puts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout
from pytestqt.qtbot import QtBot

from app.plots import PanelsWidget
from app.special.raster import (
    RasterWidget,
    Spot,
    draw_of,
    hand_of,
    in_words,
    notch_of,
    numbers_of,
    speed_at,
    spot_of,
    undone,
    with_token,
)
from app.theme import theme
from engine.payloads import Images, Panels, Raster
from tests.app.plots.screen import colour_at, move, shown

LEFT = Qt.MouseButton.LeftButton
GREYS = np.linspace(0, 255, 4).astype(np.uint8).reshape(4, 1, 1)  # 0, 85, 170, 255


def raster(rows: int = 4, columns: int = 5, channels: int = 1, **more: Any) -> Raster:
    """Draw n is token n mod 4; the chances of draw n are 0.4 for it, 0.2 for the others."""
    count = rows * columns * channels
    tokens = np.arange(count) % 4
    shares = np.full((count, 4), 0.2, np.float32)
    shares[np.arange(count), tokens] = 0.4
    more = {"turns": "hand", "start": 8, **more}
    return Raster(tokens.reshape(rows, columns, channels), GREYS, shares, **more)


def widget_of(qtbot: QtBot, payload: Raster, width: int = 640, height: int = 360) -> Any:
    """In a frame of that size, as it always is."""
    frame = QFrame()
    widget: Any = RasterWidget()
    widget.frame = frame  # Python holds it, so that Qt does
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(widget)
    shown(qtbot, frame, width, height)
    widget.show_payload(payload)
    QApplication.processEvents()
    return widget


def told(qtbot: QtBot, widget: Any) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    widget.turned.connect(heard.append)
    return heard


def click(widget: RasterWidget, draw: int) -> None:
    QTest.mouseClick(widget.board, LEFT, pos=widget.board.place(draw).center().toPoint())


def choose(widget: RasterWidget, token: int) -> None:
    QTest.mouseClick(widget.chances, LEFT, pos=widget.chances.place(token).center().toPoint())


def colour_of(widget: RasterWidget, draw: int, part: float = 0.75) -> tuple[int, int, int]:
    """Of a draw's place, at a part of its width and height."""
    place = widget.board.place(draw)
    return colour_at(
        widget.board, place.left() + part * place.width(), place.top() + part * place.height()
    )


# --- where draws are


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_go_row_by_row_and_at_a_place_channel_by_channel(channels: int) -> None:
    payload = raster(4, 5, channels)
    spots = [spot_of(draw, payload) for draw in range(4 * 5 * channels)]
    wanted = [Spot(r, c, k) for r in range(4) for c in range(5) for k in range(channels)]
    assert spots == wanted
    assert [draw_of(spot, payload) for spot in wanted] == list(range(len(wanted)))


def test_what_is_done_has_its_shade_and_the_rest_a_tint(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    widget.board.clearFocus()
    tint = undone()
    assert len({tint.red(), tint.green(), tint.blue()}) > 1, "no shade of grey"
    for draw in range(20):
        shade = int(GREYS[draw % 4, 0, 0])
        wanted = (shade,) * 3 if draw < 8 else (tint.red(), tint.green(), tint.blue())
        assert colour_of(widget, draw) == wanted


def test_what_was_given_is_tinted_as_far_as_it_is_shown(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(given=(0, 3, 12)))
    green = theme().series(2)
    parts = (green.red(), green.green(), green.blue())
    for draw, shade in ((0, 0), (3, 255)):
        wanted = tuple(round(0.72 * shade + 0.28 * part) for part in parts)
        assert colour_of(widget, draw) == wanted
    assert colour_of(widget, 4) == (0, 0, 0)
    assert colour_of(widget, 12) == colour_of(widget, 13), "not done yet"
    assert ("given", green, False) in widget.key.entries


def test_of_a_place_with_colours_only_the_channels_that_are_done_are_shown(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(2, 2, 3, start=5))
    assert colour_of(widget, 0) == (0, 85, 170)
    assert colour_of(widget, 3) == (255, 0, 0)  # draws 3 and 4 are tokens 3 and 0; 5 is not done
    widget.seek(6)
    assert colour_of(widget, 3) == (255, 0, 85)


def test_a_token_of_several_points_is_painted_whole(qtbot: QtBot) -> None:
    palette = np.array([[[0, 255], [170, 85]], [[255, 0], [0, 0]]], np.uint8)
    tokens = np.array([[[0], [1]], [[1], [0]]])
    widget = widget_of(
        qtbot, Raster(tokens, palette, np.full((4, 2), 0.5, np.float32), turns="hand")
    )
    widget.seek(4)
    for draw, token in enumerate((0, 1, 1, 0)):
        for part, y, x in ((0.25, 0, 0), (0.75, 1, 1)):
            assert colour_of(widget, draw, part) == (int(palette[token, y, x]),) * 3


def test_a_place_that_is_too_small_for_whole_points_is_still_shown(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(200, 220, start=-1), 320, 240)
    frame = widget.board.frame()
    assert frame.width() <= widget.board.width()
    assert frame.height() <= widget.board.height()
    assert widget.board.draw_at(frame.center()) // 220 == 100


# --- going through it


def test_it_begins_where_the_payload_says(qtbot: QtBot) -> None:
    assert widget_of(qtbot, raster(start=3)).done == 3
    assert widget_of(qtbot, raster(start=-1)).done == 20
    assert widget_of(qtbot, raster(start=99)).done == 20
    at_start = widget_of(qtbot, raster(start=0))
    assert at_start.chances.token is None
    assert "not drawn yet" in at_start.what.text()


def test_a_click_goes_to_a_place_and_again_to_its_next_channel(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(4, 5, 3))
    for expected in (31, 32, 33, 31):
        click(widget, 30)
        assert widget.done == expected
        assert widget.draw_shown == expected - 1
    assert widget.where.text() == "row 3, column 1 · red"
    np.testing.assert_allclose(widget.chances.probabilities, [0.2, 0.2, 0.4, 0.2])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Qt.Key.Key_Left, 7),
        (Qt.Key.Key_Right, 9),
        (Qt.Key.Key_Up, 3),
        (Qt.Key.Key_Down, 13),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_End, 20),
    ],
)
def test_keys_go_through_it(qtbot: QtBot, key: Qt.Key, expected: int) -> None:
    widget = widget_of(qtbot, raster())
    QTest.keyClick(widget.board, key)
    assert widget.done == expected
    assert widget.slider.value() == expected
    assert widget.counted.text() == f"{expected} / 20"


def test_buttons_and_the_slider_go_through_it_and_stop_at_the_ends(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    places = []
    for button in (widget.back, widget.forth, widget.forth, widget.last, widget.forth):
        QTest.mouseClick(button, LEFT)
        places.append(widget.done)
    assert places == [7, 8, 9, 20, 20]
    assert not widget.forth.isEnabled()
    QTest.mouseClick(widget.first, LEFT)
    assert widget.done == 0
    assert not widget.back.isEnabled()
    widget.slider.setValue(12)
    assert widget.done == 12


def test_the_speed_is_in_draws_a_second(qtbot: QtBot) -> None:
    assert speed_at(0) == pytest.approx(1)
    assert speed_at(60) == pytest.approx(1000)
    assert speed_at(notch_of(10.0)) == pytest.approx(10.0)
    assert [in_words(each) for each in (1.0, 31.6, 1000.0)] == [
        "1 a second",
        "32 a second",
        "1,000 a second",
    ]
    widget = widget_of(qtbot, raster(40, 40, start=0))
    widget.speed.setValue(notch_of(100.0))
    widget.advance(0.5)
    assert widget.done == 50
    for _tick in range(100):  # shares of a draw are not lost
        widget.advance(0.004)
    assert widget.done == pytest.approx(90, abs=1)


def test_it_plays_to_the_end_and_then_from_the_start(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(start=0))
    widget.speed.setValue(60)
    QTest.keyClick(widget.board, Qt.Key.Key_Space)
    assert widget.playing
    qtbot.waitUntil(lambda: widget.done == 20)
    assert not widget.playing
    QTest.mouseClick(widget.button, LEFT)
    assert widget.playing
    assert widget.done < 20
    QTest.keyClick(widget.board, Qt.Key.Key_Space)
    assert not widget.playing


def test_what_was_given_takes_no_time(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(start=0, given=tuple(range(10))))
    widget.speed.setValue(notch_of(10.0))
    widget.advance(0.1)
    assert widget.done == 11


def test_who_goes_by_hand_does_not_play_on_and_nobody_plays_unseen(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(start=0))
    widget.speed.setValue(0)
    for go in (lambda: click(widget, 3), lambda: widget.slider.setValue(5), widget.hide):
        widget.show()
        widget.play_or_pause()
        assert widget.playing
        go()
        assert not widget.playing


# --- new pictures


def test_a_new_picture_keeps_the_place_and_goes_on_playing(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    widget.seek(11)
    widget.speed.setValue(0)
    widget.play_or_pause()
    other = raster(start=2)
    widget.show_payload(replace(other, tokens=(other.tokens + 1) % 4))
    assert widget.done == 11
    assert widget.playing
    assert colour_of(widget, 0) == (85, 85, 85)


def test_a_picture_of_another_size_begins_anew(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    widget.play_or_pause()
    widget.show_payload(raster(6, 6, start=4))
    assert widget.done == 4
    assert not widget.playing
    assert widget.slider.maximum() == 36


def test_an_empty_picture_shows_nothing(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    widget.show_payload(raster(0, 0))
    QTest.keyClick(widget.board, Qt.Key.Key_Space)
    assert not widget.playing
    assert widget.done == 0


# --- what is read out


def test_the_readout_tells_place_value_share_and_nats(qtbot: QtBot) -> None:
    payload = raster(names=("none", "some", "more", "all"))
    widget = widget_of(qtbot, payload)
    assert widget.where.text() == "row 2, column 3"
    nats = -8 * np.log(0.4)
    assert widget.what.text() == f"all, drawn at 40.00 % · {nats:.1f} nats so far"
    move(widget.board, widget.board.place(2).center().toPoint())
    assert widget.footer.readout == "row 1, column 3 · more, drawn at 40.00 %"
    move(widget.board, widget.board.place(15).center().toPoint())
    assert widget.footer.readout == "row 4, column 1 · not drawn yet"
    move(widget.board, QPoint(0, 0))
    assert widget.footer.readout == ""


def test_what_could_not_come_has_no_end_of_nats(qtbot: QtBot) -> None:
    payload = raster()
    payload.probabilities[2] = [1, 0, 0, 0]
    widget = widget_of(qtbot, payload)
    assert "∞ nats" in widget.what.text()
    widget.seek(2)
    assert f"{-2 * np.log(0.4):.1f} nats" in widget.what.text()


# --- by hand


def test_numbers_and_hands_are_the_same() -> None:
    assert hand_of((3, 1, 9, 2)) == {3: 1, 9: 2}
    assert numbers_of({9: 2, 3: 1}) == (3, 1, 9, 2)
    assert hand_of(()) == {}
    assert hand_of((3, 1, 9)) == {3: 1}, "half a pair is none"


def test_a_token_by_hand_replaces_that_of_its_draw_and_ends_later_ones() -> None:
    hand = {2: 1, 5: 3, 8: 0}
    assert with_token(hand, 5, 2) == {2: 1, 5: 2}
    assert with_token(hand, 9, 2) == {**hand, 9: 2}
    assert with_token(hand, 0, 2) == {0: 2}


def test_a_click_on_a_bar_puts_its_token_there(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    heard = told(qtbot, widget)
    click(widget, 6)
    choose(widget, 3)
    assert heard == [{"hand": (6, 3)}]
    assert widget.done == 7
    assert colour_of(widget, 6, 0.5) == (255, 255, 255), "shown at once"
    assert "put by hand" in widget.what.text()
    choose(widget, 3)
    assert len(heard) == 1, "it is there already"
    click(widget, 4)
    choose(widget, 1)
    qtbot.waitUntil(lambda: heard[-1] == {"hand": (4, 1)})


def test_what_came_is_not_put_again_but_before_the_first_draw_anything_is(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(start=0))
    heard = told(qtbot, widget)
    choose(widget, 0)
    assert heard == [{"hand": (0, 0)}]
    assert widget.done == 1


def test_what_was_given_and_what_has_no_knob_cannot_be_put(qtbot: QtBot) -> None:
    for payload in (raster(given=(7,)), raster(turns="")):
        widget = widget_of(qtbot, payload)
        heard = told(qtbot, widget)
        choose(widget, 0)
        assert heard == []
        assert widget.undo.isVisible() == bool(payload.turns)


def test_a_hand_stays_while_older_pictures_come_and_the_place_too(qtbot: QtBot) -> None:
    payload = raster()
    widget = widget_of(qtbot, payload)
    widget.play_or_pause()
    widget.put(0)
    assert widget.playing
    assert widget.waiting
    widget.show_payload(replace(payload, caption="late"))
    assert widget.hand == {7: 0}
    assert colour_of(widget, 7, 0.5) == (0, 0, 0)
    tokens = payload.tokens.copy()
    tokens[1, 2] = 0
    widget.show_payload(replace(payload, tokens=tokens, turned=(7, 0)))
    assert not widget.waiting
    assert widget.playing
    assert widget.done == 8


def test_taking_back_goes_to_what_was_before(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster())
    heard = told(qtbot, widget)
    widget.seek(7)
    widget.put(0)
    widget.seek(3)
    widget.put(0)
    widget.seek(5)
    widget.put(3)
    steps = [widget.hand]
    for _press in range(3):
        QTest.mouseClick(widget.undo, LEFT)
        steps.append(widget.hand)
    assert steps == [{2: 0, 4: 3}, {2: 0}, {6: 0}, {}]
    assert not widget.undo.isEnabled()
    qtbot.waitUntil(lambda: heard[-1] == {"hand": ()})


def test_taking_all_back_can_be_taken_back(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(turned=(2, 0, 4, 3)))
    assert widget.hand == {2: 0, 4: 3}
    QTest.mouseClick(widget.undo_all, LEFT)
    assert widget.hand == {}
    QTest.keyClick(widget.board, Qt.Key.Key_Backspace)
    assert widget.hand == {2: 0, 4: 3}
    QTest.keyClick(widget.board, Qt.Key.Key_Backspace)
    assert widget.hand == {2: 0}, "what was there before it was seen is taken back one by one"


def test_a_hand_beyond_the_picture_does_no_harm(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(turned=(500, 1, 3, 77)))
    widget.seek(20)
    assert colour_of(widget, 3) == (255, 255, 255)


def test_marks_are_seen_where_a_hand_put_a_token(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, raster(turned=(2, 0)))
    widget.board.clearFocus()
    place = widget.board.place(2)
    orange = theme().series(1)
    seen = colour_at(widget.board, place.left() - 1, place.center().y())
    assert seen == (orange.red(), orange.green(), orange.blue())
    assert ("by hand", orange, True) in widget.key.entries


# --- in company


def test_beside_others_it_tells_what_is_turned_and_reads_out_below_all(qtbot: QtBot) -> None:
    wall = Images(np.zeros((4, 8, 8, 1), np.uint8))
    panels = shown(qtbot, PanelsWidget(), 700, 320)
    panels.show_payload(Panels((raster(), wall), weights=(2, 1), caption="all"))
    QApplication.processEvents()
    heard = told(qtbot, panels)
    widget = panels.children_[0]
    move(widget.board, widget.board.place(2).center().toPoint())
    assert panels.footer.readout.startswith("row 1, column 3")
    choose(widget, 0)
    assert heard == [{"hand": (7, 0)}]


@pytest.mark.parametrize("size", [(560, 300), (900, 600), (330, 500), (360, 260)])
def test_nothing_sticks_out(qtbot: QtBot, size: tuple[int, int]) -> None:
    widget = widget_of(qtbot, raster(28, 28), *size)
    assert widget.width() == size[0]
    for each in (widget.slider, widget.speed_name, widget.chances, widget.undo_all, widget.board):
        corner = each.mapTo(widget, QPoint(each.width(), each.height()))
        assert corner.x() <= size[0]
        assert corner.y() <= size[1]
    assert widget.board.frame().width() >= 80

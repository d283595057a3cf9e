"""The race: real order, real times, and what plays them."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.special.chips import chip_font, tint
from app.special.race import (
    FACTORS,
    LEAST,
    Box,
    RaceWidget,
    boxes_at,
    clock,
    end_of,
    moment_at,
    ordinal,
    planned,
    ranks,
    same_task,
    slower,
    spots_of,
    usual_factor,
    written_at,
)
from app.theme import theme
from engine.payloads import Lane, Moment, Race
from tests.app.plots.screen import colour_at, move, rgb, shown

NAN = math.nan


def one_by_one(text: str = "ABCD", each: float = 0.002, name: str = "One by one") -> Lane:
    moments = [
        Moment(each * (n + 1), tuple(text[: n + 1]), (0.9,) * (n + 1), (n,))
        for n in range(len(text))
    ]
    end = Moment(each * (len(text) + 1), tuple(text), (0.9,) * len(text))
    return Lane(name, (*moments, end), len(text) + 1, True)


AT_ONCE = Lane("At once", (Moment(0.001, tuple("ABXD"), (0.5,) * 4, (0, 1, 2, 3)),), 1, False)
ROUNDS = Lane(
    "2 rounds",
    (
        Moment(0.002, ("A", "B", "", ""), (0.9, 0.8, NAN, NAN), (0, 1), (2, 3), "draft"),
        Moment(0.004, tuple("ABCD"), (0.9, 0.8, 0.7, 0.6), (2, 3), (), "2 of 2 accepted"),
    ),
    2,
    True,
)
RACE = Race((one_by_one(), AT_ONCE, ROUNDS), given="dcba", expected="ABCD", caption="words")


TAKEN_BACK = Lane(
    "Taken back",
    (
        Moment(0.001, tuple("ABC"), (0.9, 0.4, 0.3), (0, 1, 2), (), "draft"),
        Moment(0.002, ("A", "", ""), (0.9, NAN, NAN), (), (1, 2), "2 taken back"),
        Moment(0.003, tuple("AXC"), (0.9, 0.8, 0.7), (1, 2)),
        Moment(0.004, tuple("AXC"), (0.9, 0.8, 0.7)),
    ),
    2,
)
WAYS = (
    *("AR: One by one", "NAT: At once"),
    *(f"Mask-Predict: {n} rounds" for n in (2, 4, 8, 10)),
    *("Hybrid: Draft and verify", "Hybrid: At once"),
)
DATE = "二〇二六年十一月二十四日星期二"


def measured_again() -> Race:
    """The same task, and who goes one by one took longer."""
    return replace(RACE, lanes=(one_by_one(each=0.003), *RACE.lanes[1:]))


@pytest.fixture(autouse=True)
def _as_before(qapp: QApplication) -> Iterator[None]:
    before = theme().choice
    theme().use("light")
    yield
    theme().use(before)


def widget_of(qtbot: QtBot, race: Race = RACE, width: int = 640, height: int = 420) -> Any:
    """At its start, and standing still."""
    widget: Any = shown(qtbot, RaceWidget(), width, height)
    widget.show_payload(race)
    widget.seek(0.0)
    QApplication.processEvents()
    return widget


def sized(pixels: int) -> QFont:
    """The letters of boxes."""
    font = chip_font()
    font.setPixelSize(pixels)
    return font


def texts(widget: Any) -> list[str]:
    """What stands in each lane, a dot where nothing does."""
    lanes = range(len(widget.race.lanes))
    return [
        "".join("~" if b.dropped else b.piece or "." for b in widget.track.boxes(lane))
        for lane in lanes
    ]


# --- what happened when


def test_a_token_is_there_from_its_moment_on() -> None:
    lane = one_by_one()
    assert moment_at(lane, 0.0019) == -1
    assert boxes_at(lane, 0.0019, 0.0, over=False) == []
    assert [box.piece for box in boxes_at(lane, 0.002, 0.0, over=False)] == ["A"]
    assert [box.piece for box in boxes_at(lane, 0.0061, 0.0, over=False)] == ["A", "B", "C"]


@pytest.mark.parametrize("lane", [*RACE.lanes, TAKEN_BACK], ids=lambda each: each.name)
def test_nothing_is_there_before_its_time_and_all_is_from_it_on(lane: Lane) -> None:
    for index, moment in enumerate(lane.moments):
        assert moment_at(lane, math.nextafter(moment.seconds, 0.0)) == index - 1
        assert moment_at(lane, moment.seconds) == index
        there = [box.piece for box in boxes_at(lane, moment.seconds, 0.0, over=True)]
        assert [piece for piece in moment.pieces if piece] == [
            piece for place, piece in enumerate(there) if piece and place not in moment.dropped
        ]


def test_what_is_new_is_new_for_a_while_and_at_the_end_nothing_is() -> None:
    lane = one_by_one()
    assert [box.fresh for box in boxes_at(lane, 0.0041, 0.001, over=False)] == [False, True]
    assert [box.fresh for box in boxes_at(lane, 0.0059, 0.001, over=False)] == [False, False]
    assert not any(box.fresh for box in boxes_at(AT_ONCE, 0.001, 1.0, over=True))


def test_what_is_taken_back_is_seen_until_something_else_stands_there() -> None:
    first = boxes_at(ROUNDS, 0.002, 0.0, over=False)
    assert [box.dropped for box in first] == [False, False, True, True]
    last = boxes_at(ROUNDS, 0.004, 0.0, over=True)
    assert last == [Box(p, q) for p, q in zip("ABCD", (0.9, 0.8, 0.7, 0.6), strict=True)]


def test_when_a_token_came_is_known_of_each_place() -> None:
    lane = one_by_one()
    assert [written_at(lane, place, 0.010) for place in range(4)] == [0.002, 0.004, 0.006, 0.008]
    assert [written_at(ROUNDS, place, 0.004) for place in range(4)] == [0.002, 0.002, 0.004, 0.004]


def test_places_of_arrival_are_shared_by_who_is_equal() -> None:
    assert ranks(RACE) == (3, 1, 2)
    assert ranks(Race((AT_ONCE, AT_ONCE, ROUNDS))) == (1, 1, 3)
    assert [ordinal(n) for n in (1, 2, 3, 4, 9)] == ["1st", "2nd", "3rd", "4th", "9th"]
    assert end_of(Race(())) == 0.0


def test_the_usual_factor_lets_the_slowest_take_about_six_seconds() -> None:
    for end in (0.003, 0.02, 0.4, 5.0):
        factor = usual_factor(end)
        assert factor in FACTORS
        assert abs(math.log(factor * end / 6)) <= abs(math.log(3)) + 1
    assert slower(1) == "in real time"
    assert slower(1000) == "1,000 times slower"
    assert clock(0.01234, 0.015) == "12.34 ms"
    assert clock(1.5, 2.0) == "1,500 ms"


# --- where it stands


def test_boxes_go_on_in_the_next_line() -> None:
    spots = spots_of([10, 10, 10], 20, 25)
    assert [(each.x(), each.y()) for each in spots] == [(0, 0), (12, 0), (0, 20)]


def test_letters_are_as_large_as_all_lanes_allow(qtbot: QtBot) -> None:
    sizes = [planned(RACE, chip_font(), 27, QSize(600, h)).size for h in (600, 200, 160)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] >= LEAST
    for height in range(90, 260):
        assert planned(RACE, chip_font(), 27, QSize(600, height)).size >= 10
    for height in (600, 200, 160):
        assert planned(RACE, chip_font(), 27, QSize(600, height)).height <= height


def test_of_eight_lanes_in_a_small_place_some_are_scrolled_to(qtbot: QtBot) -> None:
    many = Race(tuple(one_by_one("一二三四五六日" * 5, name=f"lane {n}") for n in range(8)))
    widget = widget_of(qtbot, many, 400, 320)
    bar = widget.track.verticalScrollBar()
    assert bar.maximum() > 0
    top = widget.track.head_of(0).top()
    bar.setValue(bar.maximum())
    assert widget.track.head_of(0).top() == top - bar.maximum()
    last = widget.track.place(7, 34)
    assert widget.track.viewport().rect().contains(last)


def test_eight_lanes_are_all_seen_and_can_be_read(qtbot: QtBot) -> None:
    """With letters that are large enough for these characters, each lane below the other."""
    race = Race(tuple(one_by_one(DATE, name=name) for name in WAYS), "Tuesday", DATE, caption="x")
    widget = widget_of(qtbot, race, 748, 408)
    track = widget.track
    assert track.verticalScrollBar().maximum() == 0
    assert track.plan.size >= 11
    wide = max(map(QFontMetrics(sized(track.plan.size)).horizontalAdvance, DATE))
    for lane in range(8):
        head, box = track.head_of(lane), track.place(lane, len(DATE) - 1)
        assert track.line_of(lane).top() - head.top() >= track.fontMetrics().height()
        assert track.line_of(lane).bottom() <= head.bottom() < box.top()
        assert box.width() >= wide
        below = track.head_of(lane + 1).top() if lane < 7 else track.viewport().height()
        assert box.bottom() < below


def test_long_targets_go_on_in_lines_that_are_the_same_in_all_lanes(qtbot: QtBot) -> None:
    words = ("běi", "jīng", "shì", "zhōng", "guó", "de", "shǒu", "dū", "。") * 4
    first = Lane("first", (Moment(0.001, words, (0.9,) * 36, tuple(range(36))),))
    second = Lane("second", (Moment(0.002, words[::-1], (0.9,) * 36, tuple(range(36))),))
    widget = widget_of(qtbot, Race((first, second)))
    track = widget.track
    tops = [track.place(0, n).top() for n in range(36)]
    assert len(set(tops)) > 1
    assert tops == sorted(tops)
    below = track.place(1, 0).topLeft() - track.place(0, 0).topLeft()
    for n in range(36):
        assert track.place(0, n).right() < track.viewport().width()
        assert track.place(1, n) == track.place(0, n).translated(below)
        wide = QFontMetrics(sized(track.plan.size))
        assert track.place(0, n).width() > max(
            map(wide.horizontalAdvance, (words[n], words[35 - n]))
        )


def test_keys_and_the_bar_scroll_to_lanes_below(qtbot: QtBot) -> None:
    many = Race(tuple(one_by_one(DATE * 2, name=name) for name in WAYS))
    widget = widget_of(qtbot, many, 360, 300)
    track, bar = widget.track, widget.track.verticalScrollBar()
    assert bar.isVisible()
    QTest.keyClick(track, Qt.Key.Key_Down)
    assert bar.value() == bar.singleStep()
    QTest.keyClick(track, Qt.Key.Key_PageDown)
    assert bar.value() > bar.singleStep()
    bar.setValue(bar.maximum())
    widget.seek(widget.end)
    move(track.viewport(), track.head_of(7).center())
    assert widget.footer.readout.startswith("Hybrid: At once: ")
    assert track.place(7, 29).right() < track.viewport().width()


def test_four_lanes_are_all_seen_where_the_window_is_small(qtbot: QtBot) -> None:
    """As much room as the picture has in a window of 1280 by 800."""
    lanes = tuple(
        one_by_one("1981年8月26日星期三", name=name)
        for name in ("One by one", "At once", "4 rounds", "Draft and verify")
    )
    race = Race(lanes, "Wednesday, August 26, 1981", "1981年8月26日星期三", caption="words " * 30)
    widget = widget_of(qtbot, race, 540, 300)
    assert widget.track.verticalScrollBar().maximum() == 0
    assert widget.given.y() == widget.expected.y()  # side by side


def test_no_box_covers_another_or_leaves_the_place(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    places = [widget.track.place(lane, n) for lane in range(3) for n in range(4)]
    for i, one in enumerate(places):
        assert widget.track.viewport().rect().contains(one)
        assert not any(one.intersects(other) for other in places[i + 1 :])


# --- playing it


def test_time_goes_by_as_slowly_as_is_said(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.speed.setCurrentIndex(FACTORS.index(1000))
    widget.advance(2.5)
    assert widget.now == pytest.approx(0.0025)
    assert texts(widget) == ["A", "ABXD", "AB~~"]
    widget.speed.setCurrentIndex(FACTORS.index(100))
    widget.advance(0.2)
    assert widget.now == pytest.approx(0.0045)
    assert texts(widget) == ["AB", "ABXD", "ABCD"]
    widget.advance(60)
    assert widget.now == widget.end == pytest.approx(0.010)


def test_it_plays_by_itself_and_stops_at_the_end(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.speed.setCurrentIndex(FACTORS.index(10))
    widget.play()
    assert widget.button.toolTip() == "Pause"
    qtbot.waitUntil(lambda: widget.now >= widget.end and not widget.playing, timeout=5000)
    assert widget.button.toolTip() == "Play"
    widget.play()  # from the start again
    assert widget.now < widget.end
    widget.pause()


def test_steps_go_from_moment_to_moment_of_any_lane(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    found = []
    for _ in range(7):
        widget.step_forth()
        found.append(round(1000 * widget.now))
    assert found == [1, 2, 4, 6, 8, 10, 10]
    widget.step_back()
    assert round(1000 * widget.now) == 8


def test_keys_do_the_same(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.track.setFocus()
    for key, now in (
        (Qt.Key.Key_Right, 0.001),
        (Qt.Key.Key_Right, 0.002),
        (Qt.Key.Key_Left, 0.001),
        (Qt.Key.Key_End, 0.010),
        (Qt.Key.Key_Home, 0.0),
    ):
        QTest.keyClick(widget.track, key)
        assert widget.now == pytest.approx(now)
    QTest.keyClick(widget.track, Qt.Key.Key_Space)
    assert widget.playing
    QTest.keyClick(widget.track, Qt.Key.Key_Space)
    assert not widget.playing


def test_the_slider_goes_to_a_time(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.slider.setValue(500)
    assert widget.now == pytest.approx(0.005)
    assert "5.00 / 10.00 ms" in widget.time.text()


def test_another_task_runs_at_once_and_the_same_waits_until_this_one_is_over(
    qtbot: QtBot,
) -> None:
    widget: Any = shown(qtbot, RaceWidget())
    widget.show_payload(RACE)
    assert widget.playing  # who sees it first sees it run
    widget.pause()
    widget.advance(0.001 * widget.factor)
    again = Race((one_by_one(each=0.003), AT_ONCE, ROUNDS), given="dcba")
    assert same_task(again, RACE)
    widget.show_payload(again)
    assert widget.race is RACE
    widget.seek(widget.end)
    assert widget.race is again
    assert widget.now == widget.end == pytest.approx(0.015)
    other = Race((one_by_one("XY"),), given="yx")
    widget.show_payload(other)
    assert widget.race is other
    assert widget.now < widget.end
    assert widget.playing
    widget.pause()


def test_the_factor_that_a_person_chose_stays(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    assert widget.factor == usual_factor(0.010)
    widget.speed.setCurrentIndex(FACTORS.index(10))
    widget.speed.activated.emit(FACTORS.index(10))
    widget.show_payload(Race((one_by_one(each=1.0),), given="other"))
    assert widget.factor == 10
    widget.pause()


def test_what_nobody_sees_stands_still(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.play()
    widget.hide()
    assert not widget.playing
    now = widget.now
    widget.show_payload(Race((one_by_one("XY"),), given="yx"))
    assert not widget.playing
    assert (widget.race, widget.now) == (RACE, now)
    widget.show()
    assert widget.race.given == "yx"
    assert widget.playing
    widget.pause()


def test_one_measured_again_comes_at_once_where_none_is_under_way(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    again = measured_again()
    widget.show_payload(again)
    assert (widget.race, widget.now, widget.playing) == (again, 0.0, False)
    widget.seek(widget.end)
    widget.show_payload(RACE)
    assert (widget.race, widget.now, widget.playing) == (RACE, widget.end, False)


def test_one_measured_again_comes_when_this_one_has_played_to_its_end(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.play()
    widget.show_payload(measured_again())
    widget.show_payload(newest := measured_again())
    widget.advance(0.009 * widget.factor)
    assert widget.race is RACE
    widget.advance(0.0011 * widget.factor)
    assert widget.race is newest
    assert (widget.now, widget.playing) == (widget.end, False)


def test_it_does_not_come_while_a_hand_is_on_the_slider(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.seek(0.005)
    widget.show_payload(again := measured_again())
    widget.slider.setSliderDown(True)
    widget.slider.setValue(widget.slider.maximum())
    assert widget.race is RACE
    widget.slider.setSliderDown(False)
    assert widget.race is again
    assert widget.now == widget.end


def test_a_stall_is_not_made_up_for(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = widget_of(qtbot)
    at = [100.0]
    monkeypatch.setattr("app.special.race.time.monotonic", lambda: at[0])
    widget.play()
    at[0] += 60.0
    widget._tick()
    assert widget.now == pytest.approx(0.25 / widget.factor)
    widget.pause()


def test_buttons_do_what_they_say_and_none_is_offered_in_vain(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    buttons = (widget.first, widget.back, widget.button, widget.forth)
    assert [each.isEnabled() for each in buttons] == [False, False, True, True]
    widget.forth.click()
    widget.forth.click()
    assert widget.now == 0.002
    assert all(each.isEnabled() for each in buttons)
    widget.back.click()
    assert widget.now == 0.001
    widget.seek(widget.end)
    assert [each.isEnabled() for each in buttons] == [True, True, True, False]
    widget.first.click()
    assert widget.now == 0.0
    widget.button.click()
    assert widget.playing
    widget.forth.click()  # who goes by hand does not play on
    assert not widget.playing


def test_it_says_how_much_slower_it_is(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    offered = [widget.speed.itemText(n) for n in range(widget.speed.count())]
    assert offered[:3] == ["in real time", "10 times slower", "30 times slower"]
    assert widget.speed.currentText() == slower(widget.factor)


def test_nothing_is_expected_where_nothing_is_known(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    assert (widget.given.text(), widget.expected.text()) == ("dcba", "ABCD")
    assert widget.expected_title.isVisible()
    widget.show_payload(Race(RACE.lanes, given="own"))
    assert (widget.given.text(), widget.expected_title.isVisible()) == ("own", False)
    widget.pause()


def test_an_empty_race_does_no_harm(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, Race(()))
    widget.play()
    widget.step_forth()
    assert not widget.button.isEnabled()
    nothing = Lane("nothing written", (Moment(0.001, (), ()),), 1, None)
    widget.show_payload(Race((nothing,), given="x"))
    widget.seek(1.0)
    assert texts(widget) == [""]


# --- in words


def test_what_is_under_the_mouse_is_read(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    heard: list[str] = []
    widget.track.read.connect(heard.append)
    widget.seek(widget.end)
    move(widget.track.viewport(), widget.track.place(0, 2).center())
    assert heard[-1] == "One by one, place 3: 'C' after 6.00 ms · 90.00 %"
    move(widget.track.viewport(), widget.track.head_of(1).center())
    assert heard[-1] == "At once: 1.00 ms · 1 pass · wrong · 1st"
    widget.seek(0.002)
    move(widget.track.viewport(), widget.track.place(2, 3).center())
    assert heard[-1] == "2 rounds, place 4: nothing yet"


def test_of_what_was_taken_back_it_is_read_what_it_was(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, Race((TAKEN_BACK,), caption="words"))
    widget.seek(0.002)
    viewport = widget.track.viewport()
    move(viewport, widget.track.place(0, 1).center())
    assert widget.footer.readout == "Taken back, place 2: 'B' was taken back"
    widget.seek(0.003)  # the mouse has not moved, and something else is under it
    assert widget.footer.readout == "Taken back, place 2: 'X' after 3.00 ms · 80.00 %"
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    assert widget.footer.readout == ""
    assert widget.footer.caption == "words"
    move(viewport, QPoint(viewport.width() // 2, viewport.height() - 1))
    assert widget.footer.readout == ""


def test_what_changes_thirty_times_a_second_is_told_when_it_stands_still(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.seek(0.002)
    before = widget.track.accessibleDescription()
    assert "One by one: 2.00 ms · A" in before
    widget.play()
    widget.advance(0.002 * widget.factor)
    assert widget.track.accessibleDescription() == before
    widget.play_or_pause()
    assert " · AB" in widget.track.accessibleDescription().split("\n")[0]


def test_who_cannot_see_it_is_told(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.seek(widget.end)
    said = widget.track.accessibleDescription().split("\n")
    assert said[0] == "One by one: 10.00 ms · 5 passes · correct · 3rd · ABCD"
    assert said[1] == "At once: 1.00 ms · 1 pass · wrong · 1st · ABXD"
    assert said[2] == "2 rounds: 4.00 ms · 2 passes · correct · 2nd · 2 of 2 accepted · ABCD"


# --- on the screen


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_token_is_tinted_by_how_sure_it_was(qtbot: QtBot, name: Any) -> None:
    theme().use(name)
    widget = widget_of(qtbot)
    widget.seek(0.001)

    def ground(lane: int, place: int) -> tuple[int, int, int]:
        corner = widget.track.place(lane, place)
        return colour_at(widget.track.viewport(), corner.left() + 4, corner.center().y())

    assert ground(1, 0) == rgb(tint(0.5)) != ground(0, 0)
    widget.seek(widget.end)
    assert ground(2, 0) == rgb(tint(0.9)) != rgb(tint(0.6))


def test_the_line_grows_with_the_clock(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.seek(0.005)
    head: QRect = widget.track.head_of(0)
    y = widget.track.line_of(0).center().y()
    viewport = widget.track.viewport()
    done, open_ = (
        colour_at(viewport, head.left() + share * head.width(), y) for share in (0.3, 0.75)
    )
    colour = theme().series(0)
    assert done == (colour.red(), colour.green(), colour.blue())
    assert open_ != done


def test_what_is_new_has_a_frame_that_goes(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    accent = theme().palette.accent
    widget.seek(0.001)
    assert edge(widget, 1, 0) == accent
    widget.seek(0.001 + 0.6 / widget.factor)  # more than half a second on the screen
    assert edge(widget, 1, 0) != accent


def edge(widget: Any, lane: int, place: int) -> str:
    """The colour of the left edge of a box."""
    box = widget.track.place(lane, place)
    return QColor(*colour_at(widget.track.viewport(), box.left() + 1, box.center().y())).name()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_was_taken_back_is_struck_out(qtbot: QtBot, name: Any) -> None:
    theme().use(name)
    widget = widget_of(qtbot, Race((TAKEN_BACK,)))
    warning = rgb(theme().palette.warning)

    def struck(place: int) -> bool:
        box = widget.track.place(0, place)
        row = [
            colour_at(widget.track.viewport(), x, box.center().y())
            for x in range(box.left() + 3, box.right() - 3)
        ]
        near = [max(abs(a - b) for a, b in zip(each, warning, strict=True)) for each in row]
        return sum(each < 100 for each in near) > len(row) * 0.8

    widget.seek(0.002)
    assert [struck(place) for place in range(3)] == [False, True, True]
    widget.seek(0.003)
    assert [struck(place) for place in range(3)] == [False, False, False]


def test_what_had_no_probability_has_no_tint(qtbot: QtBot) -> None:
    lane = Lane("x", (Moment(0.001, ("A", "B"), (NAN, 0.5), (0, 1)), Moment(0.002, (), ())))
    widget = widget_of(qtbot, Race((lane,)))
    widget.seek(0.001)
    box = widget.track.place(0, 0)
    panel = rgb(theme().palette.panel)
    assert colour_at(widget.track.viewport(), box.left() + 4, box.center().y()) == panel
    move(widget.track.viewport(), box.center())
    assert widget.footer.readout == "x, place 1: 'A' after 1.00 ms"


def test_another_theme_is_seen_even_while_one_waits(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.seek(0.001)
    widget.show_payload(measured_again())
    place = widget.track.place(1, 0)
    before = colour_at(widget.track.viewport(), place.left() + 4, place.center().y())
    theme().use("dark")
    assert colour_at(widget.track.viewport(), place.left() + 4, place.center().y()) != before
    assert widget.race is RACE

"""What was set last is shown until a payload has it too, and told not too often."""

from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.plots import turning
from app.plots.turning import Turning


@pytest.fixture
def hand(qtbot: QtBot) -> tuple[Turning, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    made = Turning()
    made.turned.connect(told.append)
    return made, told


def test_the_first_and_the_last_turn_are_told_and_not_all_between(
    qtbot: QtBot, hand: tuple[Turning, list[dict[str, Any]]]
) -> None:
    made, told = hand
    for x in range(50):
        made.turn({"x": x, "y": -x})
    assert told == [{"x": 0, "y": 0}]
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told[1] == {"x": 49, "y": -49}


def test_letting_go_tells_at_once(hand: tuple[Turning, list[dict[str, Any]]]) -> None:
    made, told = hand
    made.grip()
    made.turn({"x": 1})
    made.turn({"x": 2})
    made.release()
    assert told == [{"x": 1}, {"x": 2}]
    made.release()
    assert len(told) == 2


def test_late_payloads_move_nothing_and_the_one_that_agrees_ends_it(
    hand: tuple[Turning, list[dict[str, Any]]],
) -> None:
    made, _told = hand
    made.grip()
    made.turn({"x": 1.0})
    assert made.over({"x": 0.2, "y": 5}) == {"x": 1.0, "y": 5}
    assert made.over({"x": 1.0}) == {"x": 1.0}
    assert made.over({"x": 0.3}) == {"x": 1.0}, "it is still held"
    made.release()
    assert made.over({"x": 0.3}) == {"x": 1.0}, "it comes late"
    assert made.over({"x": 1.0 + 1e-7}) == {"x": 1.0 + 1e-7}
    assert made.over({"x": 0.3}) == {"x": 0.3}, "somebody else set it"


def test_a_payload_that_goes_on_to_disagree_is_right(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "SETTLED", 0.05)
    made = Turning()
    made.turn({"x": (1, 2)})
    assert made.over({"x": (1,)}) == {"x": (1, 2)}
    with qtbot.waitSignal(made.lapsed, timeout=1000):
        pass
    assert made.over({"x": (1,)}) == {"x": (1,)}


def test_where_no_payload_came_the_next_one_is_right(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "SETTLED", 0.05)
    made = Turning()
    lapsed: list[bool] = []
    made.lapsed.connect(lambda: lapsed.append(True))
    made.turn({"x": 1})
    qtbot.wait(120)
    assert lapsed == []
    assert made.over({"x": 7}) == {"x": 7}

"""The transport bar: what its buttons ask for, and how its numbers read."""

import math
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.theme import theme
from app.transport import NARROWEST, ROOMY, WORDS, Readout, Transport, duration, rate
from engine.events import Progress


@pytest.fixture
def bar(qtbot: QtBot) -> Transport:
    theme().use("light")
    bar = Transport()
    qtbot.addWidget(bar)
    bar.resize(ROOMY + 100, 60)
    with qtbot.waitExposed(bar):
        bar.show()
    return bar


def click(button: QWidget) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def readouts(bar: Transport) -> list[str]:
    return [each.value.text() for each in (bar.steps, bar.loss, bar.speed, bar.left)]


def progress(**other: Any) -> Progress:
    return Progress(**({"step": 10, "seconds": 1.0, "done": 0.25} | other))


# --- words for numbers


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.01, "1 s"),
        (58.2, "59 s"),
        (59.2, "1 min 0 s"),  # not 60 s
        (60.0, "1 min 0 s"),
        (119.6, "2 min 0 s"),
        (3599.7, "1 h 0 min"),
        (3660.0, "1 h 1 min"),
        (360_000.0, "100 h 0 min"),
        (-0.3, "0 s"),
    ],
)
def test_durations_have_two_units_and_neither_overflows(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("per_second", "words"),
    [(0.04, "0.0"), (0.26, "0.3"), (19.94, "19.9"), (20.4, "20"), (12_345.6, "12,346")],
)
def test_speeds_have_as_many_digits_as_mean_something(per_second: float, words: str) -> None:
    assert rate(per_second) == words


def test_a_readout_is_whole_in_its_tip_and_keeps_its_name(qtbot: QtBot) -> None:
    readout = Readout("loss", 150, 86)
    qtbot.addWidget(readout)
    assert readout.value.text() == "–"
    readout.show_value("1.234")
    assert (readout.value.text(), readout.value.toolTip()) == ("1.234", "1.234")
    assert readout.name.text() == "loss"
    readout.show_value("0.5", "nats per character")
    assert readout.name.text() == readout.name.toolTip() == "nats per character"
    readout.show_value("0.4")
    assert readout.name.text() == "nats per character"


# --- buttons


def test_each_button_asks_for_what_it_says(bar: Transport) -> None:
    heard: list[str] = []
    bar.show_status("paused", True)
    pairs = {
        "reset": (bar.reset, bar.reset_button),
        "train": (bar.train, bar.train_button),
        "step": (bar.step, bar.step_button),
        "dice": (bar.dice, bar.dice_button),
    }
    for name, (signal, _button) in pairs.items():
        signal.connect(lambda name=name: heard.append(name))
    for _signal, button in pairs.values():
        click(button)
    assert heard == list(pairs)


def test_so_many_further_steps_are_those_typed_where_that_can_be(
    qtbot: QtBot, bar: Transport
) -> None:
    for typed, steps in (("250", 250), ("0", 100), ("9999999", 999_999), ("abc", 100)):
        bar.count.setValue(100)
        bar.count.selectAll()
        QTest.keyClicks(bar.count, typed)
        with qtbot.waitSignal(bar.more) as told:
            click(bar.more_button)
        assert told.args == [steps]


def test_without_steps_there_is_nothing_to_reset(bar: Transport) -> None:
    assert not bar.reset_button.isEnabled()
    assert bar.train_button.text() == "Train"
    assert bar.step_button.isEnabled()
    assert bar.more_button.isEnabled()
    assert readouts(bar) == ["–"] * 4


def test_while_it_trains_the_button_pauses_and_steps_are_not_taken(
    qtbot: QtBot, bar: Transport
) -> None:
    bar.show_status("training", True)
    assert bar.train_button.text() == bar.train_button.accessibleName() == "Pause"
    assert "(P)" in bar.train_button.toolTip()
    assert bar.reset_button.isEnabled()
    with qtbot.assertNotEmitted(bar.step), qtbot.assertNotEmitted(bar.more):
        click(bar.step_button)
        click(bar.more_button)
    with qtbot.waitSignal(bar.train):
        click(bar.train_button)


@pytest.mark.parametrize(("begun", "words"), [(True, "Continue"), (False, "Train")])
def test_paused_it_goes_on_where_it_has_begun(bar: Transport, begun: bool, words: str) -> None:
    bar.show_status("training", begun)
    bar.show_status("paused", begun)
    assert bar.train_button.text() == bar.train_button.accessibleName() == words
    assert bar.step_button.isEnabled()


def test_the_icon_goes_with_the_words(bar: Transport) -> None:
    play = bar.train_button.icon().cacheKey()
    bar.show_status("training")
    assert bar.train_button.icon().cacheKey() != play


def test_the_large_button_never_changes_its_width(bar: Transport) -> None:
    widths = set()
    for status, begun in (("empty", False), ("training", True), ("paused", True)):
        bar.show_status(status, begun)
        widths.add(bar.train_button.sizeHint().width() <= bar.train_button.minimumWidth())
    assert widths == {True}


# --- numbers


def test_the_numbers_of_a_training(bar: Transport) -> None:
    bar.show_status("training", True)
    bar.show_numbers(12_345, 1.23456, "nats per character")
    bar.show_progress(progress(steps_per_second=31.7, seconds_left=75.0))
    assert readouts(bar) == ["12,345", "1.235", "32", "1 min 15 s"]
    assert bar.loss.name.text() == "loss, nats per character"
    assert bar.bar.value() == 250


def test_one_step_and_several(bar: Transport) -> None:
    bar.show_numbers(1, 0.5, "")
    assert bar.steps.name.text() == "step"
    bar.show_numbers(2, 0.5, "")
    assert bar.steps.name.text() == "steps"


@pytest.mark.parametrize(
    ("unit", "title", "name"),
    [
        ("", "", "loss"),
        ("loss", "", "loss"),
        ("bits", "", "loss, bits"),
        ("bits", "critic", "critic"),
    ],
)
def test_the_loss_is_named_with_its_unit_or_as_what_it_is(
    bar: Transport, unit: str, title: str, name: str
) -> None:
    bar.show_numbers(1, 0.5, unit, title)
    assert bar.loss.name.text() == name


@pytest.mark.parametrize(
    ("loss", "words"),
    [(None, "–"), (0.0, "0"), (math.nan, "nan"), (math.inf, "inf"), (-1e-12, "-1e-12")],
)
def test_a_loss_that_is_no_good_is_shown_as_it_is(
    bar: Transport, loss: float | None, words: str
) -> None:
    bar.show_numbers(1, loss, "nats")
    assert bar.loss.value.text() == words


def test_where_no_end_is_known_no_time_is_left_and_the_bar_stays_empty(bar: Transport) -> None:
    bar.show_status("training", True)
    bar.show_progress(progress(seconds_left=3.0, done=0.5))
    bar.show_progress(progress(done=None))
    assert bar.left.value.text() == "–"
    assert bar.bar.value() == 0


def test_a_speed_that_is_not_known_yet_leaves_the_last_one(bar: Transport) -> None:
    bar.show_status("training", True)
    bar.show_progress(progress(steps_per_second=5.0))
    bar.show_progress(progress(steps_per_second=0.0))
    assert bar.speed.value.text() == "5.0"


def test_a_pause_keeps_how_far_it_is_and_a_reset_forgets_it(bar: Transport) -> None:
    bar.show_status("training", True)
    bar.show_numbers(7, 0.5, "nats")
    bar.show_progress(progress(steps_per_second=5.0, seconds_left=3.0))
    bar.show_status("paused", True)
    assert readouts(bar) == ["7", "0.5", "–", "–"]
    assert bar.bar.value() == 250
    bar.show_status("empty")
    assert readouts(bar) == ["–"] * 4
    assert bar.bar.value() == 0


def test_the_seed_is_told_and_that_a_reset_keeps_it(bar: Transport) -> None:
    bar.show_seed(4711)
    assert bar.seed.text() == "seed 4711"
    assert "keeps seed 4711" in bar.dice_button.toolTip()


# --- room


@pytest.mark.parametrize(
    ("width", "words", "seed"),
    [
        (NARROWEST, False, False),
        (WORDS - 1, False, False),
        (WORDS, True, False),
        (ROOMY - 1, True, False),
        (ROOMY, True, True),
    ],
)
def test_with_less_room_first_the_seed_goes_and_then_the_words(
    bar: Transport, width: int, words: bool, seed: bool
) -> None:
    bar.show_seed(1)
    bar.resize(width, bar.height())
    for button in (bar.reset_button, bar.step_button, bar.more_button):
        assert bool(button.text()) == words
        assert button.accessibleName(), "it has a name all the same"
    assert bar.train_button.text() == "Train"
    assert bar.seed.isVisible() == seed
    assert bar.steps.width() == bar.steps.widths[words]
    bar.resize(ROOMY, bar.height())
    assert bar.seed.isVisible()
    assert bar.reset_button.text() == "Reset"


def test_it_may_be_made_as_narrow_as_its_icons(bar: Transport) -> None:
    assert bar.minimumSizeHint().width() == NARROWEST
    assert bar.minimumSizeHint().height() == bar.sizeHint().height()

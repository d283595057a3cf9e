"""The left column: presets, problems, estimates, and what has to wait for a reset."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.jobs import Strip
from app.setup import Setup, heading
from app.theme import theme
from engine.data import catalogue
from engine.family import Family, TrainKnobs
from engine.session import Playground
from tests.app import fake

Changes = list[tuple[str, str, object]]


@pytest.fixture
def make(
    qtbot: QtBot, toys: Family, playground: Playground, strip: Strip
) -> Callable[[Family], Setup]:
    """Makes the column of a family's first model, its data loaded."""
    theme().use("light")

    def make(family: Family) -> Setup:
        session = playground.open(family.models[0])
        setup = Setup(family, session, catalogue.DATA, strip)
        qtbot.addWidget(setup)
        setup.resize(300, 900)
        with qtbot.waitExposed(setup):
            setup.show()
        setup.data.choose("one")
        qtbot.waitUntil(lambda: setup.data.data is not None)
        return setup

    return make


@pytest.fixture
def setup(make: Callable[[Family], Setup], toys: Family) -> Setup:
    return make(toys)


@pytest.fixture
def changes(setup: Setup) -> Changes:
    changes: Changes = []
    setup.changed.connect(lambda *change: changes.append(change))
    return changes


@pytest.fixture
def learned(qtbot: QtBot, setup: Setup) -> Setup:
    """The column of a model with two steps."""
    setup.session.start(2)
    # The first training of a program imports more, and takes its time.
    qtbot.waitUntil(lambda: setup.session.status == "paused", timeout=20_000)
    setup.follow("paused")
    return setup


def choose(box: QComboBox, index: int) -> None:
    """As a person chooses it."""
    box.setCurrentIndex(index)
    box.activated.emit(index)


def words(setup: Setup) -> list[str]:
    return [each.text() for each in setup.findChildren(QLabel) if each.isVisible()]


def scroll(widget: QWidget) -> None:
    """A notch of the wheel over `widget`, downwards."""
    window = widget.window()
    place = QPointF(widget.mapTo(window, widget.rect().center()))
    QTest.wheelEvent(window.windowHandle(), place, QPoint(0, -120))


# --- what there is to choose


def test_the_column_says_what_each_part_is(setup: Setup) -> None:
    shown = words(setup)
    for each in ("Model", "Preset", "Data", "Training", "Network", "Learns a number."):
        assert each in shown
    assert heading("Data").property("role") == "heading"


def test_a_family_of_one_has_no_model_to_choose(make: Callable[[Family], Setup]) -> None:
    setup = make(fake.family(fake.model("only")))
    assert not setup.model.isVisible()
    assert "Model" not in words(setup)
    assert setup.preset.isVisible()


def test_the_first_preset_is_chosen_and_explained(setup: Setup) -> None:
    assert setup.preset.currentText() == "Quick"
    assert setup.preset_help.text() == "In no time."
    assert setup.preset.itemData(1, Qt.ItemDataRole.ToolTipRole) == "More weights."


def test_another_model_is_wished_for_and_the_box_stays(qtbot: QtBot, setup: Setup) -> None:
    with qtbot.waitSignal(setup.model_wanted) as told:
        choose(setup.model, 1)
    assert told.args == ["other"]
    assert setup.model.currentData() == "toy", "this column is still of the first"
    with qtbot.assertNotEmitted(setup.model_wanted):
        choose(setup.model, 0)


# --- presets


def test_a_preset_fills_both_forms_and_tells_what_changed(setup: Setup, changes: Changes) -> None:
    choose(setup.preset, 1)
    assert setup.net.value() == fake.ToyNet(size=32)
    assert setup.train.value() == TrainKnobs(steps=30_000)
    assert setup.preset_help.text() == "More weights."
    assert changes == [("train", "steps", 30_000), ("net", "", None)]


def test_a_preset_takes_the_place_of_what_is_typed_wrongly(setup: Setup) -> None:
    fake.write(setup.net, "size", "many")
    assert setup.problems()
    choose(setup.preset, 1)
    assert setup.problems() == ()
    assert setup.net.value() == fake.ToyNet(size=32)


def test_a_knob_of_ones_own_is_named_so_until_it_is_taken_back(
    setup: Setup, changes: Changes
) -> None:
    fake.write(setup.net, "size", "5", take=True)
    assert changes == [("net", "size", 5)]
    assert setup.preset.currentText() == "Own settings"
    assert not setup.preset_help.isVisible()
    fake.write(setup.net, "size", "6", take=True)
    assert setup.preset.count() == 3, "own settings are there once"
    fake.write(setup.net, "size", "4", take=True)
    assert setup.preset.currentText() == "Quick"
    assert setup.preset.count() == 2
    assert setup.preset_help.isVisible()


def test_to_choose_ones_own_settings_changes_nothing(setup: Setup, changes: Changes) -> None:
    fake.write(setup.net, "size", "5", take=True)
    changes.clear()
    choose(setup.preset, 2)
    assert not changes
    assert setup.net.value() == fake.ToyNet(size=5)


def test_settings_shown_are_named_and_not_told(setup: Setup, changes: Changes) -> None:
    setup.show_settings(fake.ToyNet(size=32), TrainKnobs(steps=30_000))
    assert setup.preset.currentText() == "Large"
    setup.show_settings(fake.ToyNet(size=32), TrainKnobs(steps=30_001))
    assert setup.preset.currentText() == "Own settings"
    assert not changes


def test_no_preset_is_chosen_while_it_trains(setup: Setup) -> None:
    for status, enabled in (("training", False), ("paused", True), ("empty", True)):
        setup.follow(status)
        assert setup.preset.isEnabled() == enabled


def test_scrolling_past_a_box_does_not_turn_it(
    qtbot: QtBot, setup: Setup, changes: Changes
) -> None:
    setup.resize(300, 400)
    bar = setup.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    with qtbot.assertNotEmitted(setup.model_wanted):
        for box in (setup.model, setup.preset, setup.data.choice):
            bar.setValue(0)
            assert box.mapTo(setup, box.rect().bottomLeft()).y() < setup.height()
            scroll(box)
            qtbot.waitUntil(lambda: bar.value() > 0)
    assert setup.preset.currentText() == "Quick"
    assert setup.data.choice.currentData() == "one"
    assert not changes


# --- problems


def test_nothing_is_in_the_way_to_begin_with(setup: Setup) -> None:
    assert setup.problems() == ()


def test_everything_that_is_wrong_is_listed_at_once(setup: Setup) -> None:
    fake.write(setup.net, "size", "65")
    fake.write(setup.net, "offset", "x")
    fake.write(setup.train, "batch", "")
    found = setup.problems()
    assert [each.partition(":")[0] for each in found] == ["Size", "Offset", "Batch size"]
    assert "from 1 to 64" in found[0]


def test_what_is_typed_is_taken_where_it_is_fine(setup: Setup) -> None:
    fake.write(setup.net, "size", "5")
    assert setup.problems() == ()
    assert setup.net.value() == fake.ToyNet(size=5)


def test_what_the_model_refuses_is_asked_only_where_all_else_is_fine(setup: Setup) -> None:
    fake.write(setup.net, "size", "13")
    assert setup.problems() == ("A size of 13 is unlucky: choose another",)
    fake.write(setup.train, "batch", "-1")
    (found,) = setup.problems()
    assert found.startswith("Batch size")


def test_data_on_its_way_are_no_problem(qtbot: QtBot, setup: Setup) -> None:
    fake.write(setup.net, "size", "13")
    setup.data.choose("two")
    assert setup.data.loading
    assert setup.problems() == (), "the model cannot be asked yet"
    qtbot.waitUntil(lambda: setup.data.name == "two")
    assert setup.problems() != ()


def test_data_that_are_not_there_are_a_problem(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.data, "missing", catalogue.DATA[1])
    assert setup.problems() == ("Two has to be downloaded first",)


# --- the estimate


def test_an_estimate_is_shown_and_a_refusal_stands_out(setup: Setup) -> None:
    assert not setup.estimate.isVisible()
    setup.show_estimate("about 40 s")
    assert setup.estimate.isVisible()
    faint = setup.estimate.palette().windowText().color().name()
    assert faint == theme().palette.faint
    setup.show_estimate("too large", wrong=True)
    assert setup.estimate.palette().windowText().color().name() == theme().palette.warning
    setup.show_estimate("about 40 s")
    assert setup.estimate.palette().windowText().color().name() == faint


def test_an_empty_estimate_takes_no_room(setup: Setup) -> None:
    setup.show_estimate("about 40 s")
    setup.show_estimate("")
    assert not setup.estimate.isVisible()


# --- what waits for a reset


def test_before_there_is_a_model_nothing_waits(setup: Setup) -> None:
    fake.write(setup.net, "size", "5", take=True)
    setup.mark_restart()
    assert not setup.restart.isVisible()


def test_what_differs_from_the_model_waits_and_no_longer_once_taken_back(learned: Setup) -> None:
    fake.write(learned.net, "size", "5", take=True)
    fake.write(learned.train, "batch", "7", take=True)
    learned.mark_restart()
    assert learned.restart.isVisible()
    for form, name in ((learned.net, "size"), (learned.train, "batch")):
        waiting = [each for each, row in form.rows.items() if row.restart.isVisible()]
        assert waiting == [name]
    learned.show_settings(learned.session.net, learned.session.train)
    assert not learned.restart.isVisible()
    assert not learned.net.rows["size"].restart.isVisible()


def test_other_data_wait_too(qtbot: QtBot, learned: Setup) -> None:
    for name, waits in (("two", True), ("one", False)):
        learned.data.choose(name)
        qtbot.waitUntil(lambda name=name: learned.data.name == name)  # type: ignore[misc]
        assert learned.restart.isVisible() == learned.data.restart.isVisible() == waits


def test_the_reset_is_beside_the_words(qtbot: QtBot, learned: Setup) -> None:
    fake.write(learned.net, "size", "5", take=True)
    learned.mark_restart()
    (button,) = learned.restart.findChildren(QPushButton)
    with qtbot.waitSignal(learned.reset):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


# --- live knobs


def test_a_live_knob_is_followed_and_what_waits_for_a_reset_stays(
    setup: Setup, changes: Changes
) -> None:
    fake.write(setup.train, "batch", "7", take=True)
    changes.clear()
    setup.show_live(replace(setup.session.train, learning_rate=0.001, batch=64))
    shown: Any = setup.train.value()
    assert shown.learning_rate == 0.001
    assert shown.batch == 7
    assert not changes


def test_a_live_knob_that_turns_leaves_alone_what_is_being_typed(setup: Setup) -> None:
    fake.write(setup.train, "batch", "99999")
    setup.show_live(replace(setup.session.train, learning_rate=0.001))
    (problem,) = setup.problems()
    assert problem.startswith("Batch size")


def test_a_live_knob_that_turns_is_no_preset_any_more(setup: Setup) -> None:
    setup.show_live(setup.session.train)
    assert setup.preset.currentText() == "Quick"
    setup.show_live(replace(setup.session.train, learning_rate=0.001))
    assert setup.preset.currentText() == "Own settings"


# --- room


def test_one_scrolls_only_up_and_down(qtbot: QtBot, setup: Setup) -> None:
    setup.resize(setup.minimumSizeHint().width(), 200)
    qtbot.waitUntil(lambda: setup.verticalScrollBar().maximum() > 0)
    assert setup.inside.width() <= setup.viewport().width()
    assert setup.horizontalScrollBar().maximum() == 0

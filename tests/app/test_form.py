"""Forms follow from declarations alone."""

from dataclasses import dataclass
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from app.fields import NumberField, TextField, nice_step, notches
from app.form import KnobForm
from engine.knobs import knob, knobs_of


@dataclass(frozen=True)
class Everything:
    count: int = knob(3, "Count", low=0, high=1000, unit="pieces", help="How many.")
    rate: float = knob(0.01, "Rate", low=1e-4, high=1.0, log=True, live=True)
    share: float = knob(0.5, "Share", low=0.0, high=1.0, live=True)
    on: bool = knob(True, "Switch")
    word: str = knob("b", "Word", choices=("a", "b", "c"))
    text: str = knob("hello", "Text", help="Write something.")
    deep: float = knob(50.0, "Deep", low=0.0, high=100.0, advanced=True)


@pytest.fixture
def form(qtbot: QtBot) -> KnobForm:
    form = KnobForm(Everything, badges=True)
    qtbot.addWidget(form)
    form.resize(300, 500)
    form.show()
    return form


def number(form: KnobForm, name: str) -> NumberField:
    field = form.rows[name].field
    assert isinstance(field, NumberField)
    return field


def write(qtbot: QtBot, field: NumberField, text: str) -> None:
    field.setFocus()
    field.line.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_each_kind_has_its_widget_and_its_default(form: KnobForm) -> None:
    assert form.value() == Everything()
    assert isinstance(form.rows["on"].field, QCheckBox)
    assert isinstance(form.rows["word"].field, QComboBox)
    assert isinstance(form.rows["text"].field, TextField)
    assert form.rows["rate"].slider is not None
    assert form.rows["share"].slider is not None
    assert form.rows["count"].slider is None
    assert form.rows["deep"].slider is None


def test_titles_units_help_and_the_mark_of_live_knobs(form: KnobForm) -> None:
    words = [label.text() for label in form.rows["count"].findChildren(QLabel)]
    assert {"Count", "pieces"} <= set(words)
    assert "How many." in form.rows["count"].field.toolTip()
    assert "from 0 to 1000" in form.rows["count"].field.toolTip()
    assert form.rows["rate"].badge is not None
    assert form.rows["count"].badge is None
    assert all(row.field.accessibleName() for row in form.rows.values())


def test_a_typed_number_is_taken_and_told(qtbot: QtBot, form: KnobForm) -> None:
    with qtbot.waitSignal(form.changed) as told:
        write(qtbot, number(form, "count"), "17")
    assert told.args == ["count", 17]
    assert form.value() == Everything(count=17)


@pytest.mark.parametrize("text", ["1001", "-1", "2.5", "many", ""])
def test_a_number_out_of_bounds_is_told_with_what_is_accepted(
    qtbot: QtBot, form: KnobForm, text: str
) -> None:
    with qtbot.assertNotEmitted(form.changed):
        field = number(form, "count")
        field.setFocus()
        field.line.setText(text)
        QTest.keyClick(field, Qt.Key.Key_Return)
    row = form.rows["count"]
    assert row.complaint.isVisible()
    assert "a whole number from 0 to 1000" in row.complaint.text()
    assert form.value() == Everything()
    assert form.commit() == (f"Count: {row.complaint.text()}",)
    write(qtbot, number(form, "count"), "5")
    assert not row.complaint.isVisible()
    assert form.commit() == ()


def test_commit_takes_what_was_typed_without_enter(qtbot: QtBot, form: KnobForm) -> None:
    field = number(form, "count")
    field.line.setText("8")
    assert form.value().count == 3
    assert form.commit() == ()
    assert form.value().count == 8


def test_stepping_follows_log_notches_and_stays_in_bounds(form: KnobForm) -> None:
    field = number(form, "rate")
    values = []
    for _ in range(8):
        field.stepBy(1)
        values.append(field.value())
    assert values == [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0]
    for _ in range(40):
        field.stepBy(-1)
    assert field.value() == 1e-4
    assert form.value().rate == 1e-4


def test_dragging_the_slider_sets_the_number_and_the_number_moves_the_slider(
    qtbot: QtBot, form: KnobForm
) -> None:
    row = form.rows["share"]
    assert row.slider is not None
    with qtbot.waitSignal(form.changed) as told:
        row.slider.setFocus()
        QTest.keyClick(row.slider, Qt.Key.Key_Home)
    assert told.args == ["share", 0.0]
    write(qtbot, number(form, "share"), "1")
    assert row.slider.value() == row.slider.maximum()


def test_switch_choice_and_text_are_told(qtbot: QtBot, form: KnobForm) -> None:
    told: list[tuple[str, Any]] = []
    form.changed.connect(lambda name, value: told.append((name, value)))
    switch, word, text = (form.rows[name].field for name in ("on", "word", "text"))
    QTest.keyClick(switch, Qt.Key.Key_Space)
    QTest.keyClick(word, Qt.Key.Key_Down)
    QTest.keyClicks(text, "!")
    assert ("on", False) in told
    assert ("word", "c") in told
    assert form.value() == Everything(on=False, word="c", text=form.value().text)
    assert "!" in form.value().text


def test_set_value_shows_and_does_not_tell(qtbot: QtBot, form: KnobForm) -> None:
    other = Everything(count=9, rate=0.5, share=0.25, on=False, word="a", text="x", deep=1.0)
    with qtbot.assertNotEmitted(form.changed):
        form.set_value(other)
    assert form.value() == other
    assert number(form, "rate").line.text() == "0.5"
    assert form.commit() == ()
    assert form.value() == other


def test_advanced_knobs_are_folded_until_asked_for(qtbot: QtBot, form: KnobForm) -> None:
    assert not form.rows["deep"].isVisible()
    QTest.keyClick(form.more, Qt.Key.Key_Space)
    assert form.rows["deep"].isVisible()


def test_a_wrong_folded_number_unfolds(form: KnobForm) -> None:
    number(form, "deep").line.setText("1000")
    assert form.commit()
    assert form.rows["deep"].complaint.isVisible()


def test_only_the_named_knobs_say_that_they_wait_for_a_reset(form: KnobForm) -> None:
    form.mark_restart(["count"])
    assert form.rows["count"].restart.isVisible()
    assert not form.rows["share"].restart.isVisible()
    form.mark_restart([])
    assert not form.rows["count"].restart.isVisible()


@pytest.mark.parametrize("shape", ["column", "grid", "line"])
def test_every_shape_holds_every_knob(qtbot: QtBot, shape: Any) -> None:
    form = KnobForm(Everything(count=7), shape=shape)
    qtbot.addWidget(form)
    form.show()
    assert form.value() == Everything(count=7)
    assert all(row.isVisible() for name, row in form.rows.items() if name != "deep")


def test_notches_hold_both_ends_and_only_what_is_accepted() -> None:
    for each in knobs_of(Everything):
        if each.kind == "float":
            places = notches(each)
            assert places[0] == each.low
            assert places[-1] == each.high
            assert list(places) == sorted(places)
            assert all(each.checked(place) == place for place in places)


@pytest.mark.parametrize(("least", "step"), [(0.01, 0.01), (0.03, 0.05), (0.0095, 0.01), (6, 10)])
def test_nice_steps(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)

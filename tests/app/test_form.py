"""Forms follow from declarations alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.fields import (
    FileField,
    NumberField,
    NumbersField,
    PictureField,
    SoundField,
    TextField,
    nice_step,
    notches,
)
from app.form import KnobForm
from app.special.pad import DigitPad, as_address, picture_at
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


# --- numbers that are picked, and pictures


@dataclass(frozen=True)
class Picked:
    these: tuple[int, ...] = knob((), "These", help="Pick tiles.")
    picture: str = knob("", "Picture", file="picture")


@pytest.fixture
def picked(qtbot: QtBot) -> KnobForm:
    form = KnobForm(Picked, shape="line")
    qtbot.addWidget(form)
    form.resize(700, 60)
    form.show()
    with qtbot.waitActive(form):
        form.activateWindow()
    form.rows["picture"].field.setFocus()
    return form


def numbers(form: KnobForm) -> NumbersField:
    field = form.rows["these"].field
    assert isinstance(field, NumbersField)
    return field


def picture(form: KnobForm) -> PictureField:
    field = form.rows["picture"].field
    assert isinstance(field, PictureField)
    return field


def red(width: int = 8, height: int = 8) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    return image


def drop(field: FileField, mime: QMimeData) -> bool:
    """Drag over it and, where that is welcome, let go. Whether it was."""
    place, copy = QPoint(5, 5), Qt.DropAction.CopyAction
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, copy, mime, left, none)
    enter.ignore()
    field.dragEnterEvent(enter)
    if enter.isAccepted():
        field.dropEvent(QDropEvent(QPointF(place), copy, mime, left, none))
    return enter.isAccepted()


def test_numbers_may_be_typed_with_commas(qtbot: QtBot, picked: KnobForm) -> None:
    field = numbers(picked)
    field.setFocus()
    with qtbot.waitSignal(picked.changed) as told:
        QTest.keyClicks(field, "1, 2,5")
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["these", (1, 2, 5)]
    assert field.text() == "1, 2, 5"


def test_what_is_no_number_is_told_and_stands(qtbot: QtBot, picked: KnobForm) -> None:
    field = numbers(picked)
    field.setFocus()
    with qtbot.assertNotEmitted(picked.changed):
        QTest.keyClicks(field, "1, two")
    assert "numbers with commas" in picked.rows["these"].complaint.text()
    assert picked.commit() == (f"These: {picked.rows['these'].complaint.text()}",)
    assert field.text() == "1, two"
    assert picked.value() == Picked()


def test_many_numbers_are_short_until_one_types_and_none_is_lost(
    qtbot: QtBot, picked: KnobForm
) -> None:
    field = numbers(picked)
    many = (1.23456789, *range(10, 40))
    picked.show_values({"these": many})
    assert field.text() == "31 numbers"
    with qtbot.assertNotEmitted(picked.changed):
        assert picked.commit() == ()
        field.setFocus()
        assert field.text().startswith("1.23457, 10, 11")
        assert picked.commit() == ()
        picked.rows["picture"].field.setFocus()
    assert field.text() == "31 numbers"
    assert picked.value().these == many


def test_a_button_clears_the_numbers(qtbot: QtBot, picked: KnobForm) -> None:
    field = numbers(picked)
    assert not field.clear_action.isVisible()
    picked.show_values({"these": (4, 5)})
    assert field.clear_action.isVisible()
    with qtbot.waitSignal(picked.changed) as told:
        field.clear_action.trigger()
    assert told.args == ["these", ()]
    assert field.text() == ""


def test_in_a_line_both_stay_low_and_narrow(picked: KnobForm) -> None:
    picked.show_values({"these": tuple(range(300)), "picture": "/a/very/long/name" * 20 + ".png"})
    for field in (numbers(picked), picture(picked)):
        assert field.sizeHint().height() <= 40
        assert field.sizeHint().width() <= 240


def test_a_picture_is_shown_and_named(picked: KnobForm, tmp_path: Path) -> None:
    field = picture(picked)
    assert field.text() == "none"
    path = str(tmp_path / "cat.png")
    assert red().save(path)
    field.set_value(path)
    assert field.text() == "cat.png"
    assert field.icon().pixmap(22, 22).toImage().pixelColor(4, 4) == QColor("red")
    field.set_value(as_address(red()))
    assert field.text() == "drawing"
    assert field.icon().pixmap(22, 22).toImage().pixelColor(4, 4) == QColor("red")
    field.set_value("/no/where.png")  # told by whoever opens it
    assert field.commit() == ""


def test_a_picture_is_drawn_opened_pasted_and_cleared(
    qtbot: QtBot, picked: KnobForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = picture(picked)
    asked: list[str] = []

    def draw(parent: Any, start: str = "") -> str:
        asked.append(start)
        return "data:image/png;base64,AAAA" if not start else ""

    monkeypatch.setattr(DigitPad, "ask", draw)
    with qtbot.waitSignal(picked.changed) as told:
        field.draw_action.trigger()
    assert told.args == ["picture", "data:image/png;base64,AAAA"]
    with qtbot.assertNotEmitted(picked.changed):  # given up: the old one stays
        field.draw_action.trigger()
    assert asked == ["", "data:image/png;base64,AAAA"]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: ("/x/y.png", ""))
    field.open_action.trigger()
    assert picked.value().picture == "/x/y.png"
    QGuiApplication.clipboard().setImage(red(2000, 1000))
    field.paste_action.trigger()
    pasted = picked.value().picture
    assert pasted.startswith("data:image/png;base64,")
    assert picture_at(pasted).size().toTuple() == (512, 256)
    field.clear_action.trigger()
    assert picked.value() == Picked()


def test_a_dropped_picture_is_taken_and_nothing_else(picked: KnobForm, tmp_path: Path) -> None:
    field = picture(picked)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "notes.txt"))])
    assert not drop(field, mime)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.PNG"))])
    assert drop(field, mime)
    assert picked.value().picture == str(tmp_path / "a.PNG")
    mime = QMimeData()
    mime.setImageData(red())
    assert drop(field, mime)
    assert picked.value().picture == as_address(red())


# --- sounds


@dataclass(frozen=True)
class Heard:
    sound: str = knob("", "Begin with", file="sound")


@pytest.fixture
def heard(qtbot: QtBot) -> KnobForm:
    form = KnobForm(Heard)
    qtbot.addWidget(form)
    form.show()
    return form


def sound(form: KnobForm) -> SoundField:
    field = form.rows["sound"].field
    assert isinstance(field, SoundField)
    return field


def test_a_sound_is_opened_named_and_cleared(
    qtbot: QtBot, heard: KnobForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = sound(heard)
    assert field.text() == "none"
    assert not field.icon().isNull()
    asked: list[str] = []

    def ask(*arguments: Any) -> tuple[str, str]:
        asked.append(arguments[-1])
        return "/x/talk.flac" if len(asked) == 1 else "", ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", ask)
    with qtbot.waitSignal(heard.changed) as told:
        field.open_action.trigger()
    assert told.args == ["sound", "/x/talk.flac"]
    assert field.text() == "talk.flac"
    assert field.statusTip() == "/x/talk.flac"
    assert "*.wav" in asked[0]
    with qtbot.assertNotEmitted(heard.changed):  # given up: the old one stays
        field.open_action.trigger()
    assert field.commit() == ""
    field.menu().aboutToShow.emit()
    assert field.clear_action.isEnabled()
    field.clear_action.trigger()
    assert heard.value() == Heard()
    field.menu().aboutToShow.emit()
    assert not field.clear_action.isEnabled()


def test_a_dropped_sound_is_taken_and_nothing_else(heard: KnobForm, tmp_path: Path) -> None:
    field = sound(heard)
    picture, talk = (QUrl.fromLocalFile(str(tmp_path / name)) for name in ("a.png", "b.OGG"))
    mime = QMimeData()
    mime.setUrls([picture])
    assert not drop(field, mime)
    mime.setText("words")
    assert not drop(field, mime)
    mime = QMimeData()
    mime.setUrls([picture, talk])
    assert drop(field, mime)
    assert heard.value().sound == str(tmp_path / "b.OGG")

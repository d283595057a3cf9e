"""One field for each kind of knob: what is accepted, what is told, and what stays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QFileDialog, QSlider, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app import i18n
from app.fields import (
    MOST_LINES,
    ChoiceField,
    FileField,
    NotchSlider,
    NumberField,
    NumbersField,
    PictureField,
    SoundField,
    SwitchField,
    TextField,
    field_for,
    has_slider,
    is_picture,
    nice_step,
    notches,
    picture_in,
    spelled,
)
from app.special.pad import DigitPad, as_address, picture_at
from app.theme import theme
from engine.knobs import Knob, knob, knobs_of


@dataclass(frozen=True)
class Knobs:
    count: int = knob(30, "Count", low=-10, high=10_000)
    rate: float = knob(0.01, "Rate", low=1e-4, high=1.0, log=True)
    share: float = knob(0.5, "Share", low=0.0, high=1.0)
    deep: float = knob(50.0, "Deep", low=0.0, high=100.0)
    on: bool = knob(True, "Switch")
    word: str = knob("b", "Word", choices=("a", "b", "c"))
    text: str = knob("", "Text", help="Write something.")
    these: tuple[float, ...] = knob((), "These")
    picture: str = knob("", "Picture", file="picture")
    sound: str = knob("", "Sound", file="sound")


KNOBS: dict[str, Knob] = {each.name: each for each in knobs_of(Knobs)}
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def box(qtbot: QtBot) -> QWidget:
    """A window for fields, with something else that can have the focus."""
    theme().use("light")
    box = QWidget()
    qtbot.addWidget(box)
    column = QVBoxLayout(box)
    other = QWidget()
    other.setObjectName("other")
    other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    column.addWidget(other)
    box.resize(300, 300)
    box.show()
    with qtbot.waitActive(box):
        box.activateWindow()
    other.setFocus()
    return box


def put(box: QWidget, field: Any) -> Any:
    """`field`, in that window."""
    layout = box.layout()
    assert layout is not None
    layout.addWidget(field)
    field.show()
    return field


def leave(box: QWidget) -> None:
    """Put the focus elsewhere."""
    other = box.findChild(QWidget, "other")
    assert isinstance(other, QWidget)
    other.setFocus()


def edits(field: Any) -> list[Any]:
    """The values that are told from now on."""
    told: list[Any] = []
    field.edited.connect(lambda: told.append(field.value()))
    return told


def complaints(field: Any) -> list[str]:
    """What is said to be wrong from now on."""
    told: list[str] = []
    field.complained.connect(told.append)
    return told


def number(box: QWidget, name: str) -> NumberField:
    field: NumberField = put(box, NumberField(KNOBS[name]))
    return field


def scroll(widget: QWidget) -> None:
    """A notch of the wheel over `widget`, upwards."""
    window = widget.window()
    place = QPointF(widget.mapTo(window, widget.rect().center()))
    QTest.wheelEvent(window.windowHandle(), place, QPoint(0, 120))


def files(*paths: str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    return mime


def drop(field: FileField, mime: QMimeData) -> bool:
    """Drag over it and let go in any case. Whether it was welcome."""
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(5, 5), copy, mime, left, NONE)
    enter.ignore()
    field.dragEnterEvent(enter)
    field.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, NONE))
    return enter.isAccepted()


def red(width: int = 8, height: int = 8) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    return image


# --- which field, and where a slider stops


def test_every_kind_has_its_field_with_the_default(box: QWidget) -> None:
    kinds = {
        "count": NumberField,
        "rate": NumberField,
        "on": SwitchField,
        "word": ChoiceField,
        "text": TextField,
        "these": NumbersField,
        "picture": PictureField,
        "sound": SoundField,
    }
    for name, kind in kinds.items():
        field: Any = put(box, field_for(KNOBS[name]))
        assert field.value() == KNOBS[name].default
        assert field.commit() == ""
        assert isinstance(field, kind)


def test_only_narrow_or_log_numbers_are_dragged() -> None:
    assert [name for name, each in KNOBS.items() if has_slider(each)] == ["rate", "share"]


@pytest.mark.parametrize(
    ("low", "high", "log", "inner"),
    [
        (0.3, 40.0, True, (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)),
        (1.0, 2.0, True, ()),
        (0.0, 0.05, False, tuple(round(0.0005 * i, 4) for i in range(1, 100))),
        (-0.123, 0.1, False, tuple(round(-0.12 + 0.005 * i, 3) for i in range(44))),
    ],
)
def test_a_slider_stops_at_round_numbers_and_at_both_ends(
    low: float, high: float, log: bool, inner: Sequence[float]
) -> None:
    @dataclass(frozen=True)
    class One:
        it: float = knob(low, "It", low=low, high=high, log=log)

    (each,) = knobs_of(One)
    assert notches(each) == pytest.approx((low, *inner, high))


def test_steps_are_round_and_no_finer_than_asked() -> None:
    for at_least in (1e-7, 0.003, 0.02, 1.0, 1.1, 4.9, 5.0, 7.0, 1234.0):
        step = nice_step(at_least)
        assert at_least * 0.999 <= step < 2.6 * at_least
        assert f"{step:.6e}".partition("e")[0] in ("1.000000", "2.000000", "5.000000")


def test_numbers_are_spelled_as_short_as_they_mean() -> None:
    assert spelled(KNOBS["count"], 1000) == "1000"
    assert spelled(KNOBS["rate"], 0.1 + 0.2) == "0.3"
    assert spelled(KNOBS["rate"], 1e-4) == "0.0001"


# --- a number


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", " 17 ", 17),
        ("count", "1,000", 1000),
        ("count", "-10", -10),
        ("rate", "1e-3", 0.001),
        ("deep", "7", 7.0),
    ],
)
def test_what_is_typed_is_taken_when_it_is_done(
    box: QWidget, name: str, text: str, value: float
) -> None:
    field = number(box, name)
    told = edits(field)
    field.setFocus()
    field.line.selectAll()
    QTest.keyClicks(field, text)
    assert not told, "not while typing"
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert told == [value]
    assert field.line.text() == spelled(field.knob, value)


@pytest.mark.parametrize("text", ["", " ", "-", "10001", "2.5", "1e3", "nan", "inf", "9" * 6000])
def test_what_does_not_fit_is_told_while_it_is_typed_and_stands(box: QWidget, text: str) -> None:
    field = number(box, "count")
    told, wrong = edits(field), complaints(field)
    field.line.setText(text)
    field.line.textEdited.emit(text)  # as each key does
    assert "a whole number from -10 to 10000" in wrong[-1]
    assert field.commit() == wrong[-1]
    assert field.line.text() == text
    assert field.value() == 30
    assert not told
    field.set_value(31)
    assert wrong[-1] == ""
    assert field.line.text() == "31"


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "1.01", "one", "0x1"])
def test_no_number_is_no_float_either(box: QWidget, text: str) -> None:
    field = number(box, "share")
    assert "a number from 0 to 1" in field.complaint(text)


def test_leaving_a_field_takes_what_is_typed(box: QWidget) -> None:
    field = number(box, "count")
    told = edits(field)
    field.setFocus()
    field.line.selectAll()
    QTest.keyClicks(field, "5")
    leave(box)
    assert told == [5]


def test_digits_that_are_not_shown_are_not_lost(box: QWidget) -> None:
    field = number(box, "share")
    told = edits(field)
    field.set_value(1 / 3)
    assert field.line.text() == "0.333333"
    assert field.commit() == ""
    assert field.value() == 1 / 3
    assert not told


def test_the_same_number_spelled_otherwise_is_tidied_and_not_told(box: QWidget) -> None:
    field = number(box, "count")
    told = edits(field)
    field.line.setText("+30")
    assert field.commit() == ""
    assert field.line.text() == "30"
    assert not told


def test_arrows_step_by_a_tenth_of_the_order_or_one(box: QWidget) -> None:
    field = number(box, "count")
    for before, after in ((3, 4), (30, 31), (250, 260), (9_990, 10_000), (-3, -2)):
        field.set_value(before)
        QTest.keyClick(field, Qt.Key.Key_Up)
        assert field.value() == after
        assert type(field.value()) is int
    deep = number(box, "deep")
    QTest.keyClick(deep, Qt.Key.Key_Down)
    assert deep.value() == 49.0


def test_arrows_of_a_number_with_a_slider_go_from_notch_to_notch(box: QWidget) -> None:
    field = number(box, "rate")
    told = edits(field)
    field.set_value(0.03)  # between two of them
    field.stepBy(1)
    field.stepBy(1)
    field.set_value(0.03)
    field.stepBy(-1)
    field.stepBy(-3)
    assert told == [0.05, 0.1, 0.02, 0.002]


def test_arrows_end_at_the_bounds(box: QWidget) -> None:
    flag = QAbstractSpinBox.StepEnabledFlag
    for name in ("count", "rate", "deep"):
        field = number(box, name)
        assert field.stepEnabled() == flag.StepUpEnabled | flag.StepDownEnabled
        field.stepBy(100_000)
        assert field.value() == field.knob.high
        assert field.stepEnabled() == flag.StepDownEnabled
        field.stepBy(-1_000_000)
        assert field.value() == field.knob.low
        assert field.stepEnabled() == flag.StepUpEnabled


def test_arrows_begin_at_what_is_typed(box: QWidget) -> None:
    field = number(box, "count")
    field.setFocus()
    field.line.selectAll()
    QTest.keyClicks(field, "500")
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == 510


def test_arrows_take_the_place_of_what_is_typed_wrongly(box: QWidget) -> None:
    field = number(box, "count")
    wrong = complaints(field)
    field.setFocus()
    field.line.selectAll()
    QTest.keyClicks(field, "many")
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.line.text() == "31"
    assert field.value() == 31
    assert wrong[-1] == ""


def test_the_wheel_turns_only_the_field_one_is_in(qtbot: QtBot, box: QWidget) -> None:
    field, choice = number(box, "count"), put(box, ChoiceField(KNOBS["word"]))
    slider = put(box, NotchSlider(number(box, "share")))
    layout = box.layout()
    assert layout is not None
    layout.activate()
    for each in (field, choice, slider):
        scroll(each)
    assert field.value() == 30
    field.setFocus()
    scroll(field)
    qtbot.waitUntil(lambda: field.value() == 31)
    assert choice.value() == "b"
    assert slider.field.value() == 0.5


def test_a_field_has_room_for_seven_digits_and_no_more(box: QWidget) -> None:
    field = number(box, "count")
    wide = field.fontMetrics().horizontalAdvance("1234567")
    assert wide < field.width() < wide + 60
    assert field.minimumSizeHint() == field.sizeHint()


# --- its slider


def test_slider_and_number_go_together(box: QWidget) -> None:
    field = number(box, "rate")
    told = edits(field)
    slider: NotchSlider = put(box, NotchSlider(field))
    assert slider.places[slider.value()] == 0.01
    assert slider.accessibleName() == "Rate"
    slider.setSliderPosition(slider.maximum())
    slider.triggerAction(QSlider.SliderAction.SliderSingleStepSub)
    assert told == [1.0, 0.5]
    field.line.setText("0.0021")
    field.commit()
    assert slider.places[slider.value()] == 0.002, "the notch that is nearest"
    assert field.value() == 0.0021, "which does not turn the number"
    slider.triggerAction(QSlider.SliderAction.SliderToMinimum)
    assert field.value() == 1e-4


# --- a switch and a choice


def test_a_switch_tells_only_what_a_person_does(box: QWidget) -> None:
    field: SwitchField = put(box, SwitchField(KNOBS["on"]))
    told = edits(field)
    field.set_value(False)
    assert field.value() is False
    assert not told
    QTest.keyClick(field, Qt.Key.Key_Space)
    assert told == [True]


def test_a_choice_is_one_of_its_words_whatever_the_language(box: QWidget) -> None:
    field: ChoiceField = put(box, ChoiceField(KNOBS["word"]))
    told = edits(field)
    field.set_value("c")
    assert field.value() == field.currentText() == "c"
    assert not told
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert told == ["b"]
    assert field.commit() == ""


# --- a text


@pytest.fixture
def text(box: QWidget) -> TextField:
    field: TextField = put(box, TextField(KNOBS["text"]))
    return field


def test_each_letter_of_a_text_is_told(text: TextField) -> None:
    told = edits(text)
    QTest.keyClicks(text, "ab")
    assert told == ["a", "ab"]
    text.set_value("other")
    text.set_value("other")
    assert text.value() == "other"
    assert len(told) == 2
    assert text.commit() == ""


def test_a_text_grows_with_its_lines_up_to_the_most(text: TextField) -> None:
    heights = []
    for lines in range(1, MOST_LINES + 3):
        text.set_value("\n".join("a" * lines))
        heights.append(text.height())
    assert heights[:MOST_LINES] == sorted(set(heights[:MOST_LINES]))
    assert len(set(heights[MOST_LINES - 1 :])) == 1
    text.set_value("")
    assert text.height() == heights[0]


def test_a_text_that_wraps_grows_too(qtbot: QtBot, text: TextField) -> None:
    text.set_value("some words " * 6)
    one = text.height()
    text.setFixedWidth(90)
    qtbot.waitUntil(lambda: text.height() > one)


def test_a_larger_font_makes_a_higher_field(text: TextField) -> None:
    before = text.height()
    font = text.font()
    font.setPointSize(30)
    text.setStyleSheet("")
    text.setFont(font)
    assert text.height() > before


def test_an_empty_text_shows_its_help_as_far_as_there_is_room(
    qtbot: QtBot, text: TextField
) -> None:
    qtbot.waitUntil(lambda: text.placeholderText() == "Write something.")
    text.setFixedWidth(60)
    qtbot.waitUntil(lambda: text.placeholderText().endswith("…"))


def test_tab_leaves_a_text_and_arriving_by_it_selects_all(box: QWidget, text: TextField) -> None:
    text.set_value("hello")
    text.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not text.textCursor().hasSelection()
    QTest.keyClick(text, Qt.Key.Key_Tab)
    assert not text.hasFocus()
    assert text.value() == "hello"
    leave(box)
    text.setFocus(Qt.FocusReason.TabFocusReason)
    assert text.textCursor().selectedText() == "hello"


# --- several numbers


@pytest.fixture
def numbers(box: QWidget) -> NumbersField:
    field: NumbersField = put(box, NumbersField(KNOBS["these"]))
    return field


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,2.5 , 3", (1, 2.5, 3)), ("1,,2,", (1, 2)), (" -1e2 ", (-100,)), (" , ", ())],
)
def test_numbers_are_typed_with_commas(
    numbers: NumbersField, text: str, value: tuple[float, ...]
) -> None:
    numbers.set_value((7,))
    told = edits(numbers)
    numbers.setText(text)
    assert numbers.commit() == ""
    assert told == [value]
    assert numbers.value() == value


@pytest.mark.parametrize("text", ["one", "1 2", "1; 2", "nan", "1, inf", "1e999"])
def test_what_is_no_row_of_numbers_is_told_and_stands(numbers: NumbersField, text: str) -> None:
    told, wrong = edits(numbers), complaints(numbers)
    numbers.setText(text)
    assert "numbers with commas between them" in numbers.commit()
    assert "numbers with commas between them" in wrong[-1]
    assert numbers.text() == text
    assert not told


def test_many_numbers_are_counted_until_one_comes_to_change_them(
    box: QWidget, numbers: NumbersField
) -> None:
    told = edits(numbers)
    many = tuple(1.0000001 * i for i in range(20))
    numbers.set_value(many)
    assert numbers.text() == "20 numbers"
    numbers.setFocus(Qt.FocusReason.TabFocusReason)
    assert numbers.text().startswith("0, 1, 2, 3")
    assert numbers.hasSelectedText()
    leave(box)
    assert numbers.text() == "20 numbers"
    assert numbers.value() == many
    assert not told
    numbers.set_value((123.456, 234.567))
    assert numbers.text() == "2 numbers"
    numbers.set_value((1, 2))
    assert numbers.text() == "1, 2"


def test_numbers_are_cleared_with_a_button_that_follows_the_theme(numbers: NumbersField) -> None:
    assert not numbers.clear_action.isVisible()
    numbers.set_value((1, 2))
    assert numbers.clear_action.isVisible()
    icon = numbers.clear_action.icon().cacheKey()
    theme().use("dark")
    assert numbers.clear_action.icon().cacheKey() != icon
    told = edits(numbers)
    numbers.clear_action.trigger()
    numbers.clear_action.trigger()
    assert told == [()]
    assert numbers.placeholderText() == "none"


# --- files


@pytest.fixture
def picture(box: QWidget) -> PictureField:
    field: PictureField = put(box, PictureField(KNOBS["picture"]))
    return field


@pytest.fixture
def sound(box: QWidget) -> SoundField:
    field: SoundField = put(box, SoundField(KNOBS["sound"]))
    return field


def test_a_file_is_named_and_shown_whole_where_there_is_room(
    picture: PictureField, tmp_path: Path
) -> None:
    path = tmp_path / ("a long name " * 10 + ".png")
    assert red().save(str(path))
    assert picture.text() == "none"
    picture.set_value(str(path))
    assert "…" in picture.text()
    assert picture.text().endswith(".png")
    assert picture.statusTip() == str(path)
    assert picture.icon().pixmap(22, 22).toImage().pixelColor(4, 4) == Qt.GlobalColor.red
    picture.set_value("")
    assert (picture.text(), picture.statusTip()) == ("none", "")


def test_a_picture_that_cannot_be_read_looks_broken(picture: PictureField, tmp_path: Path) -> None:
    empty = picture.icon().pixmap(22, 22).toImage()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    for bad in (tmp_path / "bad.png", tmp_path / "gone.png", tmp_path):
        picture.set_value(str(bad))
        assert picture.icon().pixmap(22, 22).toImage() != empty
        assert picture.commit() == "", "whoever opens it says what is wrong"
    picture.set_value("data:image/png;base64,%%%")
    assert picture.text() == "drawing"


def test_a_picture_is_looked_for(picture: PictureField, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = ["/own/cat.webp", ""]

    def ask(_parent: QWidget, _title: str, _folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return answers[len(asked) - 1], kinds

    monkeypatch.setattr(QFileDialog, "getOpenFileName", ask)
    told = edits(picture)
    picture.open_action.trigger()
    picture.open_action.trigger()  # and thought better of
    assert told == ["/own/cat.webp"]
    assert picture.value() == "/own/cat.webp"
    assert "*.webp" in asked[0]
    assert "(*)" in asked[0]


def test_a_picture_is_drawn_over_an_earlier_drawing_but_not_over_a_file(
    picture: PictureField, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    drawing = as_address(red())

    def draw(_parent: QWidget, start: str) -> str:
        started.append(start)
        return drawing

    monkeypatch.setattr(DigitPad, "ask", draw)
    told = edits(picture)
    picture.set_value("/own/cat.png")
    picture.draw_action.trigger()
    picture.draw_action.trigger()
    assert started == ["", drawing]
    assert told == [drawing], "the same once more is nothing new"


def test_the_menu_allows_what_can_be_done(picture: PictureField) -> None:
    board = QGuiApplication.clipboard()
    board.setText("words")
    picture.menu().aboutToShow.emit()
    assert not picture.paste_action.isEnabled()
    assert not picture.clear_action.isEnabled()
    told = edits(picture)
    picture.paste_action.trigger()
    assert not told, "words are no picture"
    board.setImage(red())
    picture.menu().aboutToShow.emit()
    assert picture.paste_action.isEnabled()
    picture.paste_action.trigger()
    picture.menu().aboutToShow.emit()
    assert picture.clear_action.isEnabled()
    picture.clear_action.trigger()
    assert told == [as_address(red()), ""]


def test_what_is_dropped_is_taken_where_it_is_a_picture(picture: PictureField) -> None:
    told = edits(picture)
    assert not drop(picture, files("/own/notes.txt", "/own/png"))
    assert not told
    assert drop(picture, files("/own/notes.txt", "/own/a.JPEG", "/own/b.png"))
    assert told == ["/own/a.JPEG"]


def test_what_is_dropped_is_taken_where_it_is_a_sound(sound: SoundField) -> None:
    told = edits(sound)
    assert not drop(sound, files("/own/a.png"))
    assert not drop(sound, QMimeData())
    assert not told
    silent = sound.icon().cacheKey()
    assert drop(sound, files("/own/a.png", "/own/b.OGG"))
    assert told == ["/own/b.OGG"]
    assert sound.text() == "b.OGG"
    assert sound.icon().cacheKey() != silent


def test_a_sound_is_looked_for(sound: SoundField, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(_parent: QWidget, _title: str, _folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return "/own/talk.flac", kinds

    monkeypatch.setattr(QFileDialog, "getOpenFileName", ask)
    told = edits(sound)
    sound.open_action.trigger()
    assert told == ["/own/talk.flac"]
    assert "*.flac" in asked[0]


def test_a_file_field_without_ways_to_open_one_is_not_finished(qtbot: QtBot) -> None:
    class Bare(FileField):
        def shown(self) -> Any:
            return QPixmap(1, 1)

    bare = Bare(KNOBS["picture"])
    qtbot.addWidget(bare)
    with pytest.raises(NotImplementedError):
        bare.asked()
    with pytest.raises(NotImplementedError):
        bare.found_in(None)
    with pytest.raises(NotImplementedError):
        FileField.shown(bare)


# --- what was dropped or pasted


def test_a_picture_is_found_by_its_file_before_its_pixels() -> None:
    mime = files("/own/notes.txt", "/own/cat.PNG")
    mime.setImageData(red())
    assert picture_in(mime) == "/own/cat.PNG"
    assert picture_in(None) == picture_in(QMimeData()) == ""


def test_a_picture_on_the_web_is_no_file() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://nowhere.invalid/cat.png")])
    assert picture_in(mime) == ""


@pytest.mark.parametrize(
    ("size", "kept"),
    [((8, 8), (8, 8)), ((512, 1), (512, 1)), ((1024, 256), (512, 128)), ((100, 5120), (10, 512))],
)
def test_pixels_are_kept_small(size: tuple[int, int], kept: tuple[int, int]) -> None:
    mime = QMimeData()
    mime.setImageData(red(*size))
    assert picture_at(picture_in(mime)).size().toTuple() == kept


def test_pixels_may_come_as_a_pixmap_and_an_empty_one_is_none(box: QWidget) -> None:
    mime = QMimeData()
    mime.setImageData(QPixmap.fromImage(red()))
    assert picture_at(picture_in(mime)).size().toTuple() == (8, 8)
    mime.setImageData(QImage())
    assert picture_in(mime) == ""


@pytest.mark.parametrize(
    ("path", "yes"),
    [("a.png", True), ("/b/A.TIFF", True), ("png", False), ("a.png.txt", False), ("", False)],
)
def test_a_picture_is_known_by_its_name(path: str, yes: bool) -> None:
    assert is_picture(path) == yes


# --- languages


def test_complaints_speak_the_language_in_use(box: QWidget) -> None:
    fields = (number(box, "count"), put(box, NumbersField(KNOBS["these"])))
    english = [field.complaint("x") for field in fields]
    i18n.use("zh_CN")
    try:
        other = [field.complaint("x") for field in fields]
    finally:
        i18n.use("en")
    for one, two in zip(english, other, strict=True):
        assert one
        assert two not in ("", one)
    assert math.isfinite(fields[0].value())

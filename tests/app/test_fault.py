"""Errors that nobody caught: the hooks, the one box, and that telling never makes it worse."""

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app import fault as fault_module
from app.fault import FaultBox, Faults, Teller
from app.log import LogFile
from app.theme import theme
from app.window import MainWindow
from engine.phrases import N_, PlaygroundError

IN_WORDS = "Something went wrong: {}. The program goes on."


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[LogFile]:
    log_file = LogFile(tmp_path / "log")
    log_file.install()
    yield log_file
    log_file.remove()


@pytest.fixture
def faults(log_file: LogFile) -> Iterator[Faults]:
    """The hooks of this test alone."""
    before = sys.excepthook, threading.excepthook
    faults = Faults(log_file.fault)
    faults.install()
    yield faults
    faults.remove()
    assert (sys.excepthook, threading.excepthook) == before


@pytest.fixture
def teller(window: MainWindow, faults: Faults, log_file: LogFile) -> Teller:
    return Teller(faults, log_file, window.strip, window)


def fail(said: str = "my diary") -> None:
    """As a slot does that raises."""
    try:
        raise ValueError(said)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)


def fail_otherwise(said: str = "elsewhere") -> None:
    try:
        raise KeyError(said)
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)


def told(qtbot: QtBot, teller: Teller, times: int = 1) -> FaultBox:
    """The box, once it has told of so many kinds."""
    qtbot.waitUntil(lambda: teller._told == times)
    assert teller.box is not None
    return teller.box


# Telling


def test_a_fault_anywhere_is_told_and_the_program_goes_on(
    qtbot: QtBot, window: MainWindow, teller: Teller, capfd: pytest.CaptureFixture[str]
) -> None:
    fail("in a slot")
    box = told(qtbot, teller)
    assert window.strip.messages[-1].text == IN_WORDS.format("ValueError: in a slot")
    assert window.strip.messages[-1].grave
    assert box.isVisible()
    assert not box.isModal()
    assert box.what.text() == "ValueError: in a slot"
    assert not box.count.isVisible()

    def fails() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    assert told(qtbot, teller, 2) is box
    assert box.what.text() == "ValueError: in a thread"
    assert box.count.text() == "2 errors so far"
    assert "ValueError: in a thread" in capfd.readouterr().err
    page = window.page
    assert page is not None
    page.more(1)
    qtbot.waitUntil(lambda: page.session.step == 1)


def test_the_log_has_it_without_its_message(
    qtbot: QtBot, teller: Teller, log_file: LogFile
) -> None:
    fail("my diary")
    told(qtbot, teller)
    text = log_file.tail()
    assert "tests/app/test_fault.py" in text
    assert "ValueError" in text
    assert "diary" not in text


def test_more_of_the_same_only_counts(qtbot: QtBot, window: MainWindow, teller: Teller) -> None:
    for _each in range(3):
        fail()
    box = told(qtbot, teller)
    qtbot.waitUntil(lambda: box.count.text() == "3 errors so far")
    said = len(window.strip.messages)
    box.close_button.click()
    fail()
    qtbot.waitUntil(lambda: box.count.text() == "4 errors so far")
    assert not box.isVisible()
    assert len(window.strip.messages) == said
    fail_otherwise()
    told(qtbot, teller, 2)
    assert box.isVisible()
    boxes = [each for each in window.findChildren(QWidget) if isinstance(each, FaultBox)]
    assert boxes == [box]


def test_the_strip_leads_back_to_the_box(qtbot: QtBot, window: MainWindow, teller: Teller) -> None:
    fail()
    box = told(qtbot, teller)
    box.details.click()
    box.close_button.click()
    window.strip.action.click()
    assert box.isVisible()
    assert not box.report.isVisible()


def test_what_the_program_says_itself_is_in_its_own_words(qtbot: QtBot, teller: Teller) -> None:
    error = PlaygroundError(N_("{what} is too large", what="it"))
    sys.excepthook(PlaygroundError, error, None)
    assert told(qtbot, teller).what.text() == "PlaygroundError: it is too large"


def test_the_end_of_the_compute_thread_is_no_small_thing(qtbot: QtBot, teller: Teller) -> None:
    thread = threading.Thread(target=lambda: fail("in a turn"), name=fault_module.COMPUTE)
    thread.start()
    thread.join()
    box = told(qtbot, teller)
    assert "trains and generates has stopped" in box.state.text()
    fail_otherwise()
    told(qtbot, teller, 2)
    assert "trains and generates has stopped" in box.state.text()


# Never making it worse


class Broken(QWidget):
    """Cannot be painted."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Fails."""
        raise ValueError("in a paint")


def test_a_fault_in_painting_does_not_loop(
    qtbot: QtBot, window: MainWindow, teller: Teller, faults: Faults
) -> None:
    broken = Broken(window)  # over all that tells of it
    broken.setGeometry(window.rect())
    broken.show()
    box = told(qtbot, teller)
    qtbot.wait(300)
    settled = faults.survey()[1]
    qtbot.wait(300)
    assert settled < 20
    assert faults.survey()[1] < settled + 10  # a cursor blinks below it
    assert box.isVisible()
    broken.update()
    qtbot.waitUntil(lambda: faults.survey()[1] > settled)
    broken.hide()


def test_thousands_are_told_a_bounded_number_of_times(
    qtbot: QtBot, teller: Teller, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_module, "MOST", 50)
    stirred = []
    faults.stirred.connect(lambda: stirred.append(1))
    for _each in range(200):
        fail()
        faults.survey()  # whoever listens is quick
    assert len(stirred) == 51
    box = told(qtbot, teller)
    assert box.count.text() == "More than 50 errors so far"


def test_a_listener_that_sleeps_is_woken_once(faults: Faults) -> None:
    stirred = []
    faults.stirred.connect(lambda: stirred.append(1))
    for _each in range(20):
        fail()
    assert len(stirred) == 1


def test_only_so_many_kinds_are_kept(faults: Faults) -> None:
    for number in range(2 * fault_module.KINDS):
        kind = type(f"Error{number}", (Exception,), {})
        sys.excepthook(kind, kind(), None)
    found, total = faults.survey()
    assert [each.name for each in found] == [f"Error{n}" for n in range(fault_module.KINDS)]
    assert total == 2 * fault_module.KINDS


def test_an_error_that_cannot_say_what_it_is_is_told(qtbot: QtBot, teller: Teller) -> None:
    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise ValueError

    sys.excepthook(Mute, Mute(), None)
    assert told(qtbot, teller).what.text() == "Mute: ?"


def test_a_long_message_is_shortened(qtbot: QtBot, teller: Teller) -> None:
    fail("a" * 10**6)
    box = told(qtbot, teller)
    assert len(box.what.text()) < fault_module.WORDS + 10
    assert len(box.report.toPlainText()) < fault_module.TRACE + 10_000


def test_telling_that_fails_is_logged_and_no_more(
    qtbot: QtBot,
    teller: Teller,
    log_file: LogFile,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(FaultBox, "tell", broken)
    fail()
    qtbot.waitUntil(lambda: "an error could not be shown" in log_file.tail())
    qtbot.wait(50)
    assert faults.survey()[1] == 1


def test_a_hook_never_raises(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_error: BaseException) -> None:
        raise RuntimeError("the log is broken")

    faults = Faults(broken)
    faults.install()
    try:
        fail("the first one")
    finally:
        faults.remove()
    said = capfd.readouterr().err
    assert "the first one" in said
    assert "the log is broken" in said


def test_what_is_not_an_error_is_not_told(faults: Faults) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert faults.survey() == ((), 0)


def test_nothing_that_an_error_held_is_kept(faults: Faults) -> None:
    class Model:
        pass

    def train() -> weakref.ref[Model]:
        model = Model()
        try:
            raise ValueError(model)
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)
        return weakref.ref(model)

    kept = train()
    gc.collect()
    assert faults.survey()[1] == 1
    assert kept() is None


def test_it_does_not_hold_up_the_end(qtbot: QtBot, window: MainWindow, teller: Teller) -> None:
    fail()
    box = told(qtbot, teller)
    window.close()
    assert not box.isVisible()
    fail_otherwise()
    told(qtbot, teller, 2)
    assert not box.isVisible()


# The report


def test_the_report_is_read_before_it_is_saved(
    qtbot: QtBot, teller: Teller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def choose(_parent: QWidget, _title: str, start: str, _files: str) -> tuple[str, str]:
        asked.append(start)
        return str(tmp_path / "mine"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    fail("my diary")
    box = told(qtbot, teller)
    assert not box.report.isVisible()
    box.save_button.click()
    assert asked == []
    assert box.report.isVisible()
    assert "press the button again" in box.note.text()
    box.save_button.click()
    assert Path(asked[0]).name == "playground-report.txt"
    saved = (tmp_path / "mine.txt").read_text("utf-8")
    assert saved == box.report.toPlainText()
    assert str(tmp_path / "mine.txt") in box.note.text()
    for part in (
        "Generative Playground",
        "thread MainThread\nTraceback (most recent call last):\n",
        "raise ValueError(said)\nValueError: my diary\n",
        "The end of the log:\n",
        "an error that nobody caught\n",
    ):
        assert part in saved


def test_a_report_that_cannot_be_saved_is_told(
    qtbot: QtBot, teller: Teller, tmp_path: Path
) -> None:
    fail()
    box = told(qtbot, teller)
    box.write(tmp_path / "no such folder" / "report.txt")
    assert "report.txt could not be written: No such file" in box.note.text()
    assert box.note.property("role") == "warning"


def test_the_report_can_be_copied(qtbot: QtBot, teller: Teller) -> None:
    fail()
    box = told(qtbot, teller)
    box.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert text == box.report.toPlainText()
    assert "ValueError: my diary" in text
    assert box.note.isVisible()


# The box


def test_the_box_is_worked_with_keys(qtbot: QtBot, teller: Teller) -> None:
    fail()
    box = told(qtbot, teller)
    qtbot.waitUntil(box.isActiveWindow)
    assert box.focusWidget() is box.close_button
    order = []
    for _each in range(4):
        QTest.keyClick(box.focusWidget(), Qt.Key.Key_Tab)
        order.append(box.focusWidget())
    assert order == [box.details, box.save_button, box.copy_button, box.close_button]
    QTest.keyClick(box.details, Qt.Key.Key_Space)
    assert box.report.isVisible()
    box.report.setFocus()
    QTest.keyClick(box.report, Qt.Key.Key_Tab)
    assert isinstance(box.focusWidget(), QPushButton)
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert not box.isVisible()


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_it_fits_a_small_screen(qtbot: QtBot, teller: Teller, choice: str) -> None:
    theme().use(choice)  # type: ignore[arg-type]
    fail("a long message, " * 100)
    box = told(qtbot, teller)
    box.save_button.click()
    qtbot.wait(20)
    theme().use("light")
    assert box.width() <= 1024 - 40
    assert box.height() <= 700 - 60
    for label in (box.what, box.state, box.note):
        assert label.height() >= label.heightForWidth(label.width())
    for button in (box.details, box.save_button, box.copy_button, box.close_button):
        assert box.rect().contains(button.geometry())
    assert box.report.height() >= fault_module.REPORT_HEIGHT

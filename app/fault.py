"""Errors that nobody has caught: the hooks that hear of them, and the one box that tells.

The program goes on. An error may come again at every paint, hundreds of times a second, and
what tells of it must not make it come again: each kind of error is told once, and any more of
it only count. The hooks keep text alone, no traceback, which would keep whole models alive.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.i18n import _, ngettext
from app.jobs import Action, Strip
from app.log import LogFile, stamp, versions
from app.saving import ask_where
from engine.phrases import PlaygroundError

KINDS = 10  # of errors that are kept apart; any further ones only count
SAME_PLACES = 3  # innermost places by which two errors are of one kind
MOST = 999  # counted one by one
WORDS = 300  # characters of a message in the box
TRACE = 20_000  # characters of a traceback in the report
REPORT_HEIGHT = 220
NARROW, WIDE = 520, 760
COMPUTE = "compute"  # the engine's thread

Key: TypeAlias = tuple[object, ...]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first error of a kind. when: seconds since the epoch."""

    name: str
    error: str
    trace: str
    thread: str
    when: float


class Faults(QObject):
    """Hears of exceptions that nobody has caught, on any thread.

    stirred: `survey` has news. The traceback goes to stderr, as always.
    """

    stirred = Signal()

    def __init__(self, note: Callable[[BaseException], None] = lambda error: None) -> None:
        """`note` is told of each error at once, on its own thread."""
        super().__init__()
        self._note = note
        self._lock = threading.RLock()
        self._found: dict[Key, Fault] = {}
        self._total = 0
        self._stirring = False

    def install(self) -> None:
        """Become the hook for all threads."""
        self._hooks = sys.excepthook, threading.excepthook
        sys.excepthook = self._caught
        threading.excepthook = self._caught_in_thread

    def remove(self) -> None:
        """Put back what was there."""
        sys.excepthook, threading.excepthook = self._hooks

    def survey(self) -> tuple[tuple[Fault, ...], int]:
        """One error of each kind, oldest first, and how many there were of all kinds."""
        with self._lock:
            self._stirring = False
            return tuple(self._found.values()), self._total

    def _caught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        sys.__excepthook__(kind, error, trace)
        if not issubclass(kind, Exception):
            return
        try:
            self._note(error)
            self._keep(kind, error, trace)
        except Exception:  # noqa: BLE001 - a hook that fails is told on the terminal alone
            sys.__excepthook__(*sys.exc_info())

    def _caught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._caught(args.exc_type, args.exc_value, args.exc_traceback)

    def _keep(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
        key = (kind, *places[-SAME_PLACES:])
        with self._lock:
            self._total += 1
            new = key not in self._found and len(self._found) < KINDS
            if new:
                written = "".join(traceback.format_exception(kind, error, trace))
                self._found[key] = Fault(
                    kind.__name__,
                    _message(error),
                    _shortened(written, TRACE),
                    threading.current_thread().name,
                    time.time(),
                )
            stir = not self._stirring and (new or self._total <= MOST + 1)
            self._stirring |= stir
        if stir:
            self.stirred.emit()


class FaultBox(QDialog):
    """Says what happened, and offers to save a report, whose text can be read before.

    report: gives the text as it is now.
    """

    def __init__(self, report: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = report
        self.setWindowTitle(_("Something went wrong"))
        self.heading = QLabel(_("Something went wrong"))
        self.heading.setProperty("role", "heading")
        self.what, self.state, self.count, self.note = (QLabel() for _each in range(4))
        for label in (self.what, self.state, self.count, self.note):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.what.setProperty("role", "warning")
        self.what.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.count.setProperty("role", "faint")
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setTabChangesFocus(True)
        self.report.setAccessibleName(_("Report"))
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.report.setMinimumHeight(REPORT_HEIGHT)
        self.details = QPushButton(_("Details"))
        self.details.setCheckable(True)
        self.details.toggled.connect(self._unfold)
        self.save_button = QPushButton(_("Save report…"))
        self.save_button.clicked.connect(self._save)
        self.copy_button = QPushButton(_("Copy"))
        self.copy_button.setToolTip(_("Copy the report"))
        self.copy_button.clicked.connect(self._copy)
        self.close_button = QPushButton(_("Close"))
        self.close_button.setProperty("role", "primary")
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(self.details)
        buttons.addStretch(1)
        for button in (self.save_button, self.copy_button, self.close_button):
            buttons.addWidget(button)
        for button in (self.details, self.save_button, self.copy_button):
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        for widget in (self.heading, self.what, self.state, self.count):
            layout.addWidget(widget)
        layout.addWidget(self.report, 1)
        layout.addWidget(self.note)
        layout.addLayout(buttons)
        for hidden in (self.count, self.report, self.note):
            hidden.hide()

    def tell(self, fault: Fault, state: str) -> None:
        """The newest kind of error, and what still works."""
        self.what.setText(_shortened(f"{fault.name}: {fault.error}", WORDS))
        self.state.setText(state)
        self.note.hide()
        self.report.setPlainText(self._report())

    def show_count(self, total: int) -> None:
        """How many errors there were."""
        words = ngettext("{n} error so far", "{n} errors so far", total).format(n=total)
        if total > MOST:
            words = _("More than {n} errors so far").format(n=MOST)
        self.count.setText(words)
        self.count.setVisible(total > 1)

    def open_up(self) -> None:
        """Show it in front, without holding up the window."""
        if not self.isVisible():
            self.details.setChecked(False)
        self._fit()
        self.show()
        self.raise_()
        self.activateWindow()
        self.close_button.setFocus()

    def write(self, path: Path) -> None:
        """Save what is seen."""
        try:
            path.write_text(self.report.toPlainText(), "utf-8")
        except OSError as error:
            words = _("{path} could not be written: {error}")
            self._say(words.format(path=path, error=error.strerror or error), grave=True)
        else:
            self._say(_("Written: {path}").format(path=path))

    def _unfold(self, shown: bool) -> None:
        if shown:
            self.report.setPlainText(self._report())
        self.report.setVisible(shown)
        self.note.hide()
        self._fit()

    def _save(self) -> None:
        """The first time show what would be saved: it may hold a text or a name of the person's."""
        if self.report.isHidden():
            self.details.setChecked(True)
            self._say(
                _(
                    "This is the report. Messages in it may hold names of your files or texts of "
                    "yours: read it, then press the button again to save it."
                )
            )
            return
        from app.export import documents  # by now loaded, behind the first paint

        start = Path(documents()) / "playground-report.txt"
        files = _("Text") + " (*.txt)"
        path = ask_where(self, _("Save report"), str(start), files, start.suffix)
        if path is not None:
            self.write(path)

    def _copy(self) -> None:
        if self.report.isHidden():
            self.report.setPlainText(self._report())
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self._say(_("Copied. It may hold names of your files or texts of yours."))

    def _say(self, words: str, grave: bool = False) -> None:
        self.note.setProperty("role", "warning" if grave else "faint")
        self.note.style().polish(self.note)
        self.note.setText(words)
        self.note.show()
        self._fit()

    def _fit(self) -> None:
        """As large as its contents need, within the screen."""
        room = self.screen().availableGeometry()
        width = min(NARROW if self.report.isHidden() else WIDE, room.width() - 40)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.resize(width, min(layout.totalHeightForWidth(width), room.height() - 60))
        if self.isVisible():  # before, Qt places it over the window
            frame = self.frameGeometry()
            frame.moveRight(min(frame.right(), room.right()))
            frame.moveBottom(min(frame.bottom(), room.bottom()))
            self.move(frame.topLeft())


class Teller(QObject):
    """Tells in `strip` and in one box over `window` what `faults` hears of."""

    def __init__(self, faults: Faults, log_file: LogFile, strip: Strip, window: QWidget) -> None:
        super().__init__(window)
        self.box: FaultBox | None = None  # built when there is something to tell
        self._faults = faults
        self._log_file = log_file
        self._strip = strip
        self._window = window
        self._told = 0
        # Never at once: the error may come from the middle of a paint, or from another thread.
        faults.stirred.connect(self._look, Qt.ConnectionType.QueuedConnection)

    def report(self) -> str:
        """All that is known. In English, as the log is: it is for whoever mends the program."""
        found, total = self._faults.survey()
        parts = [versions(), f"Errors so far: {total}"]
        parts += [f"{stamp(each.when)}, thread {each.thread}\n{each.trace}" for each in found]
        if tail := self._log_file.tail():
            parts.append(f"The end of the log:\n{tail}")
        return "\n\n".join(part.strip() for part in parts) + "\n"

    def _look(self) -> None:
        """There is news: tell of each new kind, and count the rest."""
        try:
            found, total = self._faults.survey()
            new, self._told = found[self._told :], len(found)
            if self.box is None:
                self.box = FaultBox(self.report, self._window)
            self.box.show_count(total)
            for fault in new:
                self._tell(self.box, fault, _state(found))
        except Exception:
            log.exception("an error could not be shown")

    def _tell(self, box: FaultBox, fault: Fault, state: str) -> None:
        self._strip.say(
            _("Something went wrong: {name}: {error}. The program goes on.").format(
                name=fault.name, error=_shortened(fault.error, WORDS)
            ),
            grave=True,
            action=Action(_("Details…"), box.open_up),
        )
        box.tell(fault, state)
        if self._window.isVisible():  # not while it is being closed
            box.open_up()


def _message(error: BaseException) -> str:
    if isinstance(error, PlaygroundError):
        return _(error.phrase)
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error may fail at saying what it is, too
        return "?"


def _state(found: Sequence[Fault]) -> str:
    """What still works."""
    if any(each.thread == COMPUTE for each in found):
        return _(
            "The part that trains and generates has stopped: close the program and start it "
            "again. What was trained has been saved as it went."
        )
    return _(
        "The program goes on. What it was doing at that moment was broken off, so something on "
        "screen may be missing or out of date; if it acts strangely, close it and start it "
        "again. What is trained is saved as it goes."
    )


def _shortened(text: str, most: int) -> str:
    """`text`, without its middle where it is long."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … {text[-most // 2 :]}"

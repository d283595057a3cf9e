"""The strip at the bottom: what is running, and what was said.

Each running job has its title, its progress and its own cancel button. The
newest message stands to the left for a while, and a grave one until it is read; a
click shows the last hundred. Nothing here ever asks a question: what can be taken
back has an "Undo" beside it.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QColor, QMoveEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.pump import Listener, Pump
from app.theme import theme
from engine.events import Ended, Event, Progress, Said
from engine.phrases import PlaygroundError
from engine.worker import Job

KEPT = 100
LOG_HEIGHT = 200
SHOWN_MS = 8000  # what is not grave
SHOWN_AFTER_MS = 400  # shorter jobs would only flicker


class Action(NamedTuple):
    """A button beside a message."""

    title: str
    run: Callable[[], None]


class Message(NamedTuple):
    """Something that was said at a time (seconds since the epoch)."""

    when: float
    text: str
    grave: bool

    def line(self) -> str:
        """With the time of day before it."""
        sign = "⚠ " if self.grave else ""
        return f"{time.strftime('%H:%M', time.localtime(self.when))}  {sign}{self.text}"


class JobRow(QWidget):
    """A running job: title, progress, cancel."""

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job = job
        title = _(job.title)
        self.title = Elided(title)
        self.title.setToolTip(title)
        self.bar = QProgressBar()
        self.bar.setFixedWidth(90)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(title)
        self.bar.hide()
        self.cancel = QToolButton()
        self.cancel.setText("✕")
        self.cancel.setProperty("role", "flat")
        self.cancel.setToolTip(_("Cancel: {title}").format(title=title))
        self.cancel.setAccessibleName(self.cancel.toolTip())
        self.cancel.clicked.connect(self._cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.setSpacing(8)
        for each in (self.title, self.bar, self.cancel):
            layout.addWidget(each)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar; without a known end there is none."""
        self.bar.setVisible(progress.done is not None)
        if progress.done is not None:
            self.bar.setValue(round(1000 * progress.done))
        if progress.note:
            self.bar.setToolTip(_(progress.note))

    def _cancel(self) -> None:
        self.job.stop()
        self.title.setEnabled(False)
        self.cancel.setEnabled(False)


class Strip(QFrame):
    """Jobs and messages of the whole window."""

    def __init__(self, pump: Pump, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pump = pump
        self.messages: deque[Message] = deque(maxlen=KEPT)
        self.rows: dict[Job, JobRow] = {}
        self._action: Action | None = None
        self._unread: Message | None = None
        self._fade = QTimer(self)
        self._fade.setSingleShot(True)
        self._fade.timeout.connect(self.calm)
        self.log = QListWidget(self)
        self.log.setWordWrap(True)
        self.log.setSpacing(2)
        self.log.setAccessibleName(_("Messages"))
        self.log.hide()
        self.newest = Elided(greedy=True)
        self.newest.setAccessibleName(_("Newest message"))
        self.action = QPushButton()
        self.action.clicked.connect(self._act)
        self.action.hide()
        self.more = QToolButton()
        self.more.setText(_("Messages"))
        self.more.setProperty("role", "flat")
        self.more.setCheckable(True)
        self.more.setToolTip(_("Show the last {count} messages").format(count=KEPT))
        self.more.toggled.connect(self._unfold)
        self.newest.clicked.connect(self.more.toggle)
        self.jobs = QHBoxLayout()
        self.jobs.setSpacing(4)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 3, 8, 3)
        line.setSpacing(8)
        line.addWidget(self.newest, 1)
        line.addWidget(self.action)
        line.addLayout(self.jobs)
        line.addWidget(self.more)
        theme().changed.connect(self._recolour)

    def follow(
        self,
        job: Job,
        listener: Listener = lambda event: None,
        *,
        listed: bool = True,
        remedy: Callable[[Exception], Action | None] = lambda error: None,
    ) -> Job:
        """Tell `listener` of the job's events, and list it here while it runs.

        Whatever a job says is shown here; so is the fault of a listed one, with the button of
        its `remedy` where there is one.
        """
        self.pump.watch(job, lambda event: self._hear(job, event, listener, listed, remedy))
        if listed:
            QTimer.singleShot(SHOWN_AFTER_MS, self, lambda: self._list(job))
        return job

    def say(self, text: str, *, grave: bool = False, action: Action | None = None) -> None:
        """Show a message for a while; a grave one until it is read, which a click tells.

        With an `action` beside it, it stays until the next one.
        """
        message = Message(time.time(), text, grave)
        if len(self.messages) == KEPT:
            self.log.takeItem(0)
        self.messages.append(message)
        self.log.addItem(self._item(message))
        self.log.scrollToBottom()
        if grave:
            self._unread = message
        self._show(message, action)
        if grave or action is not None:
            self._fade.stop()
        else:
            self._fade.start(SHOWN_MS)

    def calm(self) -> None:
        """What was said is out of date: show what is grave and unread, or nothing."""
        self._fade.stop()
        self._show(self._unread, None)

    def _show(self, message: Message | None, action: Action | None) -> None:
        self.newest.setText(message.line() if message else "")
        self.newest.setToolTip(message.text if message else "")
        self.newest.setProperty("role", "warning" if message and message.grave else "faint")
        self.newest.style().polish(self.newest)
        self._action = action
        self.action.setVisible(action is not None)
        if action is not None:
            self.action.setText(action.title)

    def _act(self) -> None:
        action, self._action = self._action, None
        self.action.hide()
        if action is not None:
            action.run()

    def _item(self, message: Message) -> QListWidgetItem:
        item = QListWidgetItem(message.line())
        palette = theme().palette
        item.setForeground(QColor(palette.warning if message.grave else palette.text))
        return item

    def _hear(
        self,
        job: Job,
        event: Event,
        listener: Listener,
        listed: bool,
        remedy: Callable[[Exception], Action | None],
    ) -> None:
        if isinstance(event, Said):
            self.say(_(event.text), grave=event.grave)
        elif isinstance(event, Progress) and job in self.rows:
            self.rows[job].show_progress(event)
        elif isinstance(event, Ended):
            if job in self.rows:
                self.rows.pop(job).deleteLater()
            if event.error is not None and listed:
                words = words_for(event.error, job.title)
                self.say(words, grave=True, action=remedy(event.error))
        listener(event)

    def _list(self, job: Job) -> None:
        if not job.ended:
            self.rows[job] = JobRow(job)
            self.jobs.addWidget(self.rows[job])

    def _unfold(self, shown: bool) -> None:
        """Lay the messages over the window, above the strip: nothing else has to move."""
        if self.log.parentWidget() is not self.window():
            self.log.setParent(self.window())
        self._place_log()
        self.log.setVisible(shown)
        if not shown:  # what stood there was read
            self._unread = None
            self.calm()
        self.log.raise_()
        self.log.scrollToBottom()

    def _place_log(self) -> None:
        corner = self.mapTo(self.window(), QPoint(0, 0))
        height = min(LOG_HEIGHT, max(corner.y(), 60))
        self.log.setGeometry(corner.x() + 8, corner.y() - height, self.width() - 16, height)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The messages stay above the strip."""
        super().resizeEvent(event)
        if self.log.isVisible():
            self._place_log()

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: N802
        """The messages stay above the strip."""
        super().moveEvent(event)
        if self.log.isVisible():
            self._place_log()

    def _recolour(self) -> None:
        for row, message in enumerate(self.messages):
            palette = theme().palette
            colour = palette.warning if message.grave else palette.text
            self.log.item(row).setForeground(QColor(colour))


def words_for(error: Exception, what: str = "") -> str:
    """An error as a person may read it."""
    if isinstance(error, PlaygroundError):
        words = _(error.phrase)
        return words[:1].upper() + words[1:]
    name = type(error).__name__
    if what:
        return _("{what} failed: {name}: {error}").format(what=_(what), name=name, error=error)
    return f"{name}: {error}"

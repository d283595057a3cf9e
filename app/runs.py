"""The saved runs of a family: open one, or delete it and take that back."""

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.i18n import _, ngettext
from app.jobs import Action, Strip, words_for
from engine.events import Ended, Event
from engine.holding import Holder
from engine.phrases import N_, PlaygroundError
from engine.store import Run, RunError
from engine.worker import Job

if TYPE_CHECKING:
    from collections.abc import Generator

    from engine.session import Playground

RUN = Qt.ItemDataRole.UserRole
LOOK_MS = 5000  # how often it is looked for what other programs do
# Faint words stay readable on this; on the accent colour they would not.
SELECTED = """
QListView::item { border-left: 3px solid transparent; }
QListView::item:selected {
    background: palette(alternate-base); border-left: 3px solid palette(highlight);
}
"""


class Entry(NamedTuple):
    """A folder: a run, or what is wrong with it. holder: whoever trains it."""

    run: Run | None
    error: RunError | None
    holder: Holder | None = None


def ago(seconds: float) -> str:
    """How long since, in the largest unit that fits."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("{n} minute ago", "{n} minutes ago", minutes).format(n=minutes)
    hours = minutes // 60
    if hours < 24:
        return ngettext("{n} hour ago", "{n} hours ago", hours).format(n=hours)
    return ngettext("{n} day ago", "{n} days ago", hours // 24).format(n=hours // 24)


def title_of(run: Run) -> str:
    """What was trained on what."""
    return f"{_(run.title)} · {_(run.data_title)}"


def details_of(run: Run, now: float) -> str:
    """How far, how good, and when."""
    parts = [ngettext("{n:,} step", "{n:,} steps", run.step).format(n=run.step)]
    held_out = run.metrics.get("held_out")
    if isinstance(held_out, float):
        parts.append(_("held-out {value:.3f}").format(value=held_out))
    if run.saved:
        parts.append(ago(now - run.saved))
    return " · ".join(parts)


def held_by(holder: Holder) -> str:
    """Who trains a run, and since when."""
    return _("Trained by {who} since {when}").format(who=holder.who, when=holder.when)


class RunRow(QWidget):
    """Two lines: what it is, and how far it is; and a third where another program trains it."""

    def __init__(
        self,
        title: str,
        details: str,
        tip: str,
        *,
        damaged: bool = False,
        open_: bool = False,
        held: str = "",
    ) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 7, 10, 7)
        layout.setSpacing(1)
        first, second = Elided(title), QLabel(details)
        self.mark = QLabel(_("open now"))
        self.mark.setStyleSheet("color: palette(highlight);")
        self.mark.setVisible(open_)
        second.setProperty("role", "warning" if damaged else "faint")
        second.setWordWrap(damaged)
        self.held = Elided(held)
        self.held.setProperty("role", "faint")
        self.held.setVisible(bool(held))
        for label in (first, second, self.held):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        head = QHBoxLayout()
        head.addWidget(first, 1)
        head.addWidget(self.mark)
        layout.addLayout(head)
        layout.addWidget(second)
        layout.addWidget(self.held)
        first.setEnabled(not damaged)
        self.setToolTip(tip)


class RunList(QWidget):
    """Runs of some models, newest first.

    chosen: a `Run` to open.
    """

    chosen = Signal(object)

    def __init__(
        self,
        playground: "Playground",
        models: Collection[str],
        strip: Strip,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.playground = playground
        self.models = models
        self.strip = strip
        self._stale = True
        self._job: Job | None = None
        self._shown: object = None  # what the rows were made of
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(lambda: self.refresh(only_news=True))
        self.list = QListWidget()
        self.list.setAccessibleName(_("Saved runs"))
        self.list.setWordWrap(True)
        self.list.setStyleSheet(SELECTED)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.empty = QLabel(_("Every training is saved here by itself, as it goes."))
        self.empty.setProperty("role", "faint")
        self.empty.setWordWrap(True)
        self.open_button = QPushButton(_("Open"))
        self.open_button.setToolTip(_("Look into it, sample from it, or train on"))
        self.delete_button = QPushButton(_("Delete"))
        self.delete_button.setToolTip(_("Can be undone"))
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.delete_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 8, 8)
        layout.addWidget(self.empty)
        layout.addWidget(self.list, 1)
        layout.addLayout(buttons)
        self.list.currentItemChanged.connect(lambda *_items: self._enable())
        self.list.itemActivated.connect(lambda _item: self.open_current())
        self.list.installEventFilter(self)
        self.open_button.clicked.connect(self.open_current)
        self.delete_button.clicked.connect(self.delete_current)
        self._enable()

    def refresh(self, *, only_news: bool = False) -> None:
        """Read the folder again, on the compute thread; when hidden, as soon as it is shown.

        With `only_news` the rows stay where nothing has changed.
        """
        if only_news and self._job is not None:
            return
        self._stale = True
        if not self.isVisible() or self._job is not None:
            return
        self._stale = False
        store = self.playground.store

        def survey(job: Job) -> "Generator[None, None, tuple[Entry, ...]]":
            yield
            entries = []
            for run, error in store.survey():
                entries.append(Entry(run, error, store.holder(run.id) if run else None))
                yield
            return tuple(entries)

        job = self._job = self.playground.worker.submit(survey, N_("Reading the runs"))
        self.strip.follow(job, lambda event: self._hear(job, event, only_news), listed=False)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Read what changed while nobody looked."""
        super().showEvent(event)
        self._look.start()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Nobody looks."""
        super().hideEvent(event)
        self._look.stop()

    def eventFilter(self, watched: object, event: QEvent) -> bool:  # noqa: N802
        """The Delete key deletes."""
        pressed = event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent)
        if pressed and event.key() == Qt.Key.Key_Delete:  # type: ignore[attr-defined]
            self.delete_current()
            return True
        return False

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        """Show these; the selected one stays selected, and else the newest is."""
        self._shown = _facts(entries)
        current = self.current()
        now = time.time()
        opened = {
            each.run.id
            for each in self.playground.sessions
            if each.run and each.learner is not None
        }
        self.list.clear()
        for entry in entries:
            if entry.run is not None and entry.run.model in self.models and entry.run.step:
                id_, holder = entry.run.id, entry.holder
                held = "" if holder is None or holder.here else held_by(holder)
                row = RunRow(
                    title_of(entry.run),
                    details_of(entry.run, now),
                    f"{id_}\n{held}".strip(),
                    open_=id_ in opened,
                    held=held,
                )
                item = self._add(row, entry.run)
                if self.current() is None or (current is not None and current.id == id_):
                    self.list.setCurrentItem(item)
            elif entry.error is not None:
                words = words_for(entry.error)
                self._add(RunRow(_("Damaged run"), words, words, damaged=True), None)
        self.empty.setVisible(self.list.count() == 0)
        self._enable()

    def current(self) -> Run | None:
        """The selected run; a damaged one is none."""
        item = self.list.currentItem()
        run: Run | None = item.data(RUN) if item is not None else None
        return run

    def open_current(self) -> None:
        """Open the selected run."""
        if (run := self.current()) is not None:
            self.chosen.emit(run)

    def delete_current(self) -> None:
        """Move the selected run to the trash, with a way back in the strip."""
        run = self.current()
        if run is None:
            return
        if self._in_training(run):
            self.strip.say(_("This run is being trained: pause it before you delete it."))
            return
        try:
            self.playground.store.delete(run.id)
        except (OSError, PlaygroundError) as error:
            self.strip.say(words_for(error, N_("Deleting")), grave=True)
            return
        self.strip.say(
            _("Deleted: {title}").format(title=title_of(run)),
            action=Action(_("Undo"), lambda: self._undelete(run)),
        )
        self.refresh()

    def _undelete(self, run: Run) -> None:
        try:
            self.playground.store.undelete(run.id)
        except PlaygroundError as error:
            self.strip.say(words_for(error), grave=True)
            return
        self.strip.say(_("Brought back: {title}").format(title=title_of(run)))
        self.refresh()

    def _in_training(self, run: Run) -> bool:
        return any(
            each.status == "training" and each.run is not None and each.run.id == run.id
            for each in self.playground.sessions
        )

    def _add(self, row: RunRow, run: Run | None) -> QListWidgetItem:
        item = QListWidgetItem()
        item.setData(RUN, run)
        if run is None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        else:
            item.setData(Qt.ItemDataRole.AccessibleTextRole, title_of(run))
        self.list.addItem(item)
        self.list.setItemWidget(item, row)
        width = max(self.list.viewport().width(), 200)
        height = row.heightForWidth(width) if row.hasHeightForWidth() else row.sizeHint().height()
        item.setSizeHint(QSize(0, height))  # as wide as the list
        return item

    def _hear(self, job: Job, event: Event, only_news: bool) -> None:
        if isinstance(event, Ended) and job is self._job:
            self._job = None
            if event.reason == "finished" and not (only_news and self._shown == _facts(job.result)):
                self.show_entries(job.result)
            if self._stale:
                self.refresh()

    def _enable(self) -> None:
        for button in (self.open_button, self.delete_button):
            button.setEnabled(self.current() is not None)


def _facts(entries: tuple[Entry, ...]) -> object:
    """What can be compared of them."""
    return [(entry.run, str(entry.error), entry.holder) for entry in entries]

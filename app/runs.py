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


class Words(NamedTuple):
    """What a row says. run: None where it is damaged; held: by which other program."""

    run: Run | None
    title: str
    details: str
    open: bool = False
    held: str = ""

    @property
    def key(self) -> str:
        """What a row is of, however far that is by now."""
        return self.run.id if self.run is not None else self.details

    @property
    def tip(self) -> str:
        """All that there may be no room for."""
        return f"{self.key}\n{self.held}".strip()


class RunRow(QWidget):
    """Two lines: what it is, and how far it is; and a third where another program trains it."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = words
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 7, 10, 7)
        layout.setSpacing(1)
        damaged = words.run is None
        self.title, self.details, self.held = Elided(words.title), QLabel(), Elided("")
        self.mark = QLabel(_("open now"))
        self.mark.setStyleSheet("color: palette(highlight);")
        self.details.setProperty("role", "warning" if damaged else "faint")
        self.details.setWordWrap(damaged)
        self.held.setProperty("role", "faint")
        for label in (self.title, self.details, self.held):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.mark)
        layout.addLayout(head)
        layout.addWidget(self.details)
        layout.addWidget(self.held)
        self.title.setEnabled(not damaged)
        self.say(words)

    def say(self, words: Words) -> None:
        """Say how it is now."""
        self.words = words
        self.title.setText(words.title)
        self.details.setText(words.details)
        self.mark.setVisible(words.open)
        self.held.setText(words.held)
        self.held.setVisible(bool(words.held))
        self.setToolTip(words.tip)


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
        self._deleted: list[Run] = []  # here, newest last
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self._look_again)
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
        self.back_button = QPushButton(_("Bring back"))
        self.back_button.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.delete_button)
        buttons.addWidget(self.back_button)
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
        self.back_button.clicked.connect(lambda: self._undelete(self._deleted[-1]))
        self._enable()

    def _look_again(self) -> None:
        if self._job is None:
            self.refresh()

    def refresh(self) -> None:
        """Read the folder again, on the compute thread; when hidden, as soon as it is shown."""
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
        self.strip.follow(job, lambda event: self._hear(job, event), listed=False)

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
        """The Delete key deletes: one run, however long it is held down."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() != Qt.Key.Key_Delete:
            return False
        if not event.isAutoRepeat():
            self.delete_current()
        return True

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        """Show these; the selected one stays selected, and else the newest is.

        Rows stay what they are and say what is new, so that neither a click nor a place is lost.
        """
        current = self.current()
        wanted = self._worded(entries)
        keys = {words.key for words in wanted}
        for index in reversed(range(self.list.count())):
            if self._row(index).words.key not in keys:
                self.list.takeItem(index)
        for index, words in enumerate(wanted):
            here = next(
                (i for i in range(index, self.list.count()) if self._row(i).words.key == words.key),
                None,
            )
            if here == index:
                self._say(index, words)
            else:
                if here is not None:
                    self.list.takeItem(here)
                self._insert(index, words)
        while self.list.count() > len(wanted):
            self.list.takeItem(len(wanted))
        chosen = [i for i, words in enumerate(wanted) if words.run is not None]
        same = [i for i in chosen if current is not None and wanted[i].key == current.id]
        if chosen and self.list.currentRow() not in same:
            self.list.setCurrentRow((same or chosen)[0])
        self.empty.setVisible(self.list.count() == 0)
        self._enable()

    def _worded(self, entries: tuple[Entry, ...]) -> list[Words]:
        now = time.time()
        opened = {
            each.run.id
            for each in self.playground.sessions
            if each.run and each.learner is not None
        }
        found = []
        for run, error, holder in entries:
            if run is not None and run.model in self.models and run.step:
                held = "" if holder is None or holder.here else held_by(holder)
                details = details_of(run, now)
                found.append(Words(run, title_of(run), details, run.id in opened, held))
            elif error is not None:
                found.append(Words(None, _("Damaged run"), words_for(error)))
        return found

    def _row(self, index: int) -> RunRow:
        row = self.list.itemWidget(self.list.item(index))
        assert isinstance(row, RunRow)
        return row

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
        self._deleted.append(run)
        self._enable()
        self.refresh()

    def _undelete(self, run: Run) -> None:
        self._deleted = [each for each in self._deleted if each.id != run.id]
        self._enable()
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

    def _insert(self, index: int, words: Words) -> None:
        item = QListWidgetItem()
        if words.run is None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        self.list.insertItem(index, item)
        self.list.setItemWidget(item, RunRow(words))
        self._say(index, words)

    def _say(self, index: int, words: Words) -> None:
        item, row = self.list.item(index), self._row(index)
        if item.data(RUN) == words.run and row.words == words and item.sizeHint().isValid():
            return
        item.setData(RUN, words.run)
        if words.run is not None:
            item.setData(Qt.ItemDataRole.AccessibleTextRole, words.title)
        taller = bool(row.words.held) != bool(words.held)
        row.say(words)
        if taller or not item.sizeHint().isValid():
            width = max(self.list.viewport().width(), 200)
            tall = row.heightForWidth(width) if row.hasHeightForWidth() else row.sizeHint().height()
            item.setSizeHint(QSize(0, tall))  # as wide as the list

    def _hear(self, job: Job, event: Event) -> None:
        if isinstance(event, Ended) and job is self._job:
            self._job = None
            if event.reason == "finished":
                self.show_entries(job.result)
            if self._stale:
                self.refresh()

    def _enable(self) -> None:
        for button in (self.open_button, self.delete_button):
            button.setEnabled(self.current() is not None)
        self.back_button.setVisible(bool(self._deleted))
        if self._deleted:
            words = _("The run that was deleted last: {title}")
            self.back_button.setToolTip(words.format(title=title_of(self._deleted[-1])))

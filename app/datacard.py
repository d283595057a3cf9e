"""What a model learns from: choose a data set or an own file, and see what is in it."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from app.holder import Holder
from app.i18n import _
from app.icons import IconButton
from app.jobs import Strip, words_for
from engine.data.catalogue import split_name, with_tokens
from engine.events import Ended, Event, Progress
from engine.family import Data
from engine.phrases import N_
from engine.worker import Job

if TYPE_CHECKING:
    from engine.session import Playground


TOKENS = {
    "auto": N_("as suits the text"),
    "char": N_("characters"),
    "byte": N_("bytes"),
    "bpe": N_("byte pairs"),
}


def load(playground: "Playground", name: str) -> Job:
    """Load the data of that name on the compute thread; the job's result is it."""

    def work(job: Job) -> Generator[None, None, Data]:
        loading = playground.data(name)
        while True:
            try:
                progress = next(loading)
            except StopIteration as stop:
                data: Data = stop.value
                return data
            if isinstance(progress, Progress):
                job.tell(progress)
            yield

    return playground.worker.submit(work, N_("Loading data"))


class DataCard(QWidget):
    """The data that the next training starts with.

    chosen: (name, data) of what was loaded; a file that cannot be used never gets there.
    """

    chosen = Signal(str, object)

    def __init__(
        self,
        playground: "Playground",
        data_sets: Sequence[Any],
        strip: Strip,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.playground = playground
        self.strip = strip
        self.name = ""
        self.data: Data | None = None
        self._job: Job | None = None
        self._credits = {each.key: (each.summary, each.credit) for each in data_sets}
        self.choice = QComboBox()
        self.choice.setAccessibleName(_("Data"))
        self.choice.setMinimumContentsLength(12)
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        for each in data_sets:
            self.choice.addItem(_(each.title), each.key)
            self.choice.setItemData(
                self.choice.count() - 1, _(each.summary), Qt.ItemDataRole.ToolTipRole
            )
        self.open_button = IconButton(
            "folder-open-outline",
            _("Open own file"),
            tip=_("Open own file… (or drop a .txt anywhere on the window)"),
        )
        self.summary = QLabel()
        self.summary.setProperty("role", "faint")
        self.problem = QLabel()
        self.problem.setProperty("role", "warning")
        self.restart = QLabel(_("takes effect after Reset"))
        self.restart.setProperty("role", "faint")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(_("Loading data"))
        self.facts = QGridLayout()
        self.facts.setHorizontalSpacing(12)
        self.facts.setVerticalSpacing(2)
        self.facts.setColumnStretch(1, 1)
        self.preview = Holder(_("loading…"))
        self.preview.setFixedHeight(132)
        top = QHBoxLayout()
        top.addWidget(self.choice, 1)
        top.addWidget(self.open_button)
        self.tokens = QComboBox()
        self.tokens.setToolTip(_("What the text is cut into; each kind learns differently."))
        self.tokens.setAccessibleName(_("Tokens"))
        for kind, title in TOKENS.items():
            self.tokens.addItem(_(title), kind)
        tokens = QHBoxLayout()
        label = QLabel(_("Tokens"))
        label.setProperty("role", "faint")
        tokens.addWidget(label)
        tokens.addWidget(self.tokens, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addLayout(tokens)
        for each in (self.bar, self.problem, self.restart, self.summary):
            layout.addWidget(each)
        layout.addLayout(self.facts)
        layout.addWidget(self.preview)
        for label in (self.summary, self.problem, self.restart):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.hide()
        self.bar.hide()
        for box in (self.choice, self.tokens):
            box.activated.connect(lambda _index: self.choose(self.chosen_name()))
        self.open_button.clicked.connect(self.ask_for_file)

    @property
    def loading(self) -> bool:
        """Whether what is chosen is not there yet."""
        return self._job is not None

    def chosen_name(self) -> str:
        """What both boxes say together."""
        return with_tokens(str(self.choice.currentData()), str(self.tokens.currentData()))

    def choose(self, name: str) -> None:
        """Load `name` and, if that succeeds, make it the choice.

        name: a key or a path, perhaps with the kind of its tokens.
        """
        if self._job is not None:
            self._job.stop()
        self._point_at(name)
        self.problem.hide()
        self.bar.setRange(0, 0)
        self.bar.show()
        job = self._job = load(self.playground, name)
        self.strip.follow(job, lambda event: self._hear(job, name, event))

    def ask_for_file(self) -> None:
        """Let the person look for a file."""
        path, _kind = QFileDialog.getOpenFileName(
            self, _("Open own file"), "", _("Text (*.txt);;All files (*)")
        )
        if path:
            self.choose(path)

    def show_pending(self, pending: bool) -> None:
        """Whether the choice has to wait for a reset."""
        self.restart.setVisible(pending)

    def _point_at(self, name: str) -> None:
        """Show `name` in the boxes, adding an own file to them."""
        name, kind = split_name(name)
        self.tokens.setCurrentIndex(max(0, self.tokens.findData(kind)))
        index = self.choice.findData(name)
        if index < 0:
            self.choice.addItem(Path(name).name, name)
            index = self.choice.count() - 1
            self.choice.setItemData(index, name, Qt.ItemDataRole.ToolTipRole)
        self.choice.setCurrentIndex(index)

    def _hear(self, job: Job, name: str, event: Event) -> None:
        if job is not self._job:
            return
        if isinstance(event, Progress) and event.done is not None:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * event.done))
        elif isinstance(event, Ended):
            self._job = None
            self.bar.hide()
            if event.reason == "finished":
                self._show(name, job.result)
            else:
                self._refuse(name, event)

    def _refuse(self, name: str, event: Ended) -> None:
        """The choice before stays; the message says what is wrong with this one."""
        if event.error is not None:
            self.problem.setText(words_for(event.error, N_("Loading data")))
            self.problem.show()
        bare = split_name(name)[0]
        index = self.choice.findData(bare)
        if bare not in self._credits and bare != split_name(self.name)[0] and index >= 0:
            self.choice.removeItem(index)
        if self.name:
            self._point_at(self.name)

    def _show(self, name: str, data: Data) -> None:
        self.name, self.data = name, data
        bare = split_name(name)[0]
        summary, credit = self._credits.get(bare, ("", ""))
        self.summary.setText(_(summary) or bare)
        self.summary.setToolTip(_(credit) if credit else bare)
        self.summary.show()
        while (item := self.facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for row, (title, value) in enumerate(data.facts()):
            key, text = QLabel(_(title)), QLabel(_(value))
            key.setProperty("role", "faint")
            key.setAlignment(Qt.AlignmentFlag.AlignTop)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.facts.addWidget(key, row, 0)
            self.facts.addWidget(text, row, 1)
        self.preview.show_payload(data.preview())
        self.chosen.emit(name, data)

"""What a model learns from: choose a data set or own data, and see what is in it.

Which boxes there are follows from the kind of data: texts are cut into tokens,
pictures of one's own are brought to a form, sounds of one's own to a rate. A data set
that is not on this machine is offered with its size, and fetched only when the person
says so.
"""

import itertools
import os
import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.holder import Holder
from app.i18n import _
from app.icons import IconButton
from app.jobs import Strip, words_for
from app.own import OWN, Folders, ask, open_tip
from engine import wary
from engine.data import catalogue
from engine.data.catalogue import (
    LETTERS,
    MARK,
    PAIRS,
    NeedsDownload,
    entry_of,
    is_there,
    split_name,
    with_option,
)
from engine.events import Ended, Event, Progress
from engine.family import Data
from engine.phrases import N_, PlaygroundError
from engine.worker import Job

if TYPE_CHECKING:
    from engine.session import Playground


TOKENS = {
    "auto": N_("as suits the text"),
    "char": N_("characters"),
    "byte": N_("bytes"),
    "bpe": N_("byte pairs"),
}
SIZES = ("", "16", "28", "32", "48")
COLOURS = {"": N_("as found"), "grey": N_("grey"), "rgb": N_("colour")}
RATES = {"": N_("8 kHz, enough for speech"), "16k": N_("16 kHz, clearer and twice the work")}
FORM = re.compile(r"(\d*)(grey|rgb|)")
PREVIEW_HEIGHT = {"images": 172, "points": 210, "sound": 280, "pairs": 250}
TEXT_HEIGHT = 132
SKIPPED, SKIPPED_SHOWN = "Skipped", 20  # the fact, and how many of its files are named


def load(playground: "Playground", name: str, kind: str = "") -> Job:
    """Load the data of that name on the compute thread; the job's result is it.

    kind: what it has to be; of a kind that nothing is known of, anything will do.
    """

    def work(job: Job) -> Generator[None, None, Data]:
        yield
        check(name, kind)
        data: Data = yield from _told(job, playground.data(name))
        return data

    return playground.worker.submit(work, N_("Loading data"))


def check(name: str, kind: str) -> None:
    """Raise where `name` is own data that a model which learns from `kind` cannot use."""
    bare = split_name(name)[0]
    if kind not in OWN or entry_of(name) is not None:
        return
    path, wanted = wary.place(bare), OWN[kind].accepted
    if not os.path.exists(path):
        raise PlaygroundError(
            N_("there is nothing at {path}: accepted is {wanted}", path=bare, wanted=wanted)
        )
    found = PAIRS if name.endswith(f"{MARK}{PAIRS}") else catalogue.kind_of(path)
    if found in OWN and found != kind:
        raise PlaygroundError(
            N_(
                "this model learns from {wanted}, and {path} is {found}",
                wanted=OWN[kind].name,
                path=bare,
                found=OWN[found].name,
            )
        )
    if found != kind and kind != "text":  # what is no text after all is told in detail elsewhere
        raise PlaygroundError(
            N_("{path} cannot be used: accepted is {wanted}", path=bare, wanted=wanted)
        )


def fetch(playground: "Playground", entry: Any) -> Job:
    """Download a data set of the catalogue, as a job."""

    def work(job: Job) -> Generator[None, None, None]:
        yield from _told(job, catalogue.fetch(entry.key))

    return playground.worker.submit(work, N_("Downloading {title}", title=entry.title))


def _told(job: Job, steps: Generator[Any, None, Any]) -> Generator[None, None, Any]:
    """Go through `steps`, telling their progress; returns what they return."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            return stop.value
        if isinstance(progress, Progress):
            job.tell(progress)
        yield


def parts_of(form: str) -> tuple[str, str]:
    """``"32rgb"`` as ``("32", "rgb")``."""
    found = FORM.fullmatch(form)
    return (found[1], found[2]) if found else ("", "")


def megabytes(size: int) -> str:
    """A size in bytes, as people read it: ``11 MB``."""
    if size < 1_000_000:
        return _("{size:,.0f} kB").format(size=max(1, round(size / 1e3)))
    return _("{size:,.0f} MB").format(size=size / 1e6)


def faint(text: str = "") -> QLabel:
    """A label for what need not stand out."""
    label = QLabel(text)
    label.setProperty("role", "faint")
    return label


class Offer(QWidget):
    """A data set that is not on this machine: how large it is, and a button that fetches it."""

    asked = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offered = ""
        self.words = faint()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.button = QPushButton()
        self.button.clicked.connect(self.asked)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Downloading"))
        self.cancel = QPushButton(_("Cancel"))
        self.cancel.clicked.connect(self.cancelled)
        line = QHBoxLayout()
        line.addWidget(self.button, 1)
        line.addWidget(self.bar, 1)
        line.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.words)
        layout.addLayout(line)
        self.show_fetching(False)

    def show_set(self, title: str, size: int, url: str) -> None:
        """Offer this data set."""
        self._offered = _(
            "{title} is not on this machine yet. It comes from {server}, when you ask for it."
        ).format(title=title, server=urlsplit(url).netloc or url)
        self.words.setText(self._offered)
        self.button.setText(_("Download {size}").format(size=megabytes(size)))
        self.button.setToolTip(url)

    def show_fetching(self, fetching: bool) -> None:
        """Whether it is on its way."""
        self.words.setText(self._offered)
        self.button.setVisible(not fetching)
        self.bar.setVisible(fetching)
        self.cancel.setVisible(fetching)
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)

    def show_progress(self, progress: Progress) -> None:
        """How far it is; without a known end the bar only says that something happens."""
        if progress.note:
            self.words.setText(_(progress.note))
        if progress.done is not None:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * progress.done))


class DataCard(QWidget):
    """The data that the next training starts with.

    kind: what the model learns from.
    chosen: (name, data) of what was loaded; a file that cannot be used never gets there.
    """

    chosen = Signal(str, object)

    def __init__(
        self,
        playground: "Playground",
        data_sets: Sequence[Any],
        strip: Strip,
        kind: str = "text",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.playground = playground
        self.strip = strip
        self.kind = kind
        self.folders = Folders()
        self.name = ""
        self.data: Data | None = None
        self.missing: Any = None  # the entry that is chosen and would have to be downloaded
        self._job: Job | None = None
        self._fetching: dict[str, Job] = {}
        self._entries = {each.key: each for each in data_sets}
        self.choice = self._box(_("Data"))
        for each in data_sets:
            self.choice.addItem(_(each.title), each.key)
            self.choice.setItemData(
                self.choice.count() - 1, _(each.summary), Qt.ItemDataRole.ToolTipRole
            )
        self.open_button = IconButton("folder-open-outline", _("Open own file"), tip=open_tip(kind))
        self.draw_button = IconButton("draw", _("Draw points…"))
        self.draw_button.setVisible(kind == "points")
        self.summary, self.problem, self.restart = faint(), QLabel(), faint()
        self.restart.setText(_("takes effect after Reset"))
        self.problem.setProperty("role", "warning")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(_("Loading data"))
        self.offer = Offer()
        self.facts = QGridLayout()
        self.preview = Holder(_("loading…"))
        self.preview.setFixedHeight(PREVIEW_HEIGHT.get(kind, TEXT_HEIGHT))
        self.tokens = self._box(
            _("Tokens"), _("What the text is cut into; each kind learns differently.")
        )
        for key, title in TOKENS.items():
            self.tokens.addItem(_(title), key)
        self.sides = self._box(
            _("Size"), _("Width and height that own pictures are brought to, in points.")
        )
        for side in SIZES:
            self.sides.addItem(_("{side} px").format(side=side) if side else _("as found"), side)
        self.colours = self._box(
            _("Colours"), _("Whether own pictures are learned in colour, or in shades of grey.")
        )
        for key, title in COLOURS.items():
            self.colours.addItem(_(title), key)
        self.rates = self._box(
            _("Rate"), _("Samples a second that own sounds are brought to. More keeps high tones.")
        )
        for key, title in RATES.items():
            self.rates.addItem(_(title), key)
        self.choices: dict[str, list[QComboBox]] = {}
        for each in data_sets:
            self.choices[each.key] = [self._box_for(choice) for choice in each.choices]
        self.word = QLineEdit()
        self.word.setMaxLength(40)
        self.word.setAccessibleName(_("Word"))
        self.word.setPlaceholderText(_("a word of your own"))
        self.word.setToolTip(_("The points lie in its letters. Enter takes it."))
        for box in (self.sides, self.colours):  # two in a line, and the column may be narrow
            box.setMinimumWidth(72)
        self._lay_out()
        boxes = [self.choice, self.tokens, self.sides, self.colours, self.rates]
        for box in (*boxes, *itertools.chain(*self.choices.values())):
            box.activated.connect(lambda _index: self.choose(self.chosen_name()))
        self.word.returnPressed.connect(lambda: self.choose(self.chosen_name()))
        self.open_button.clicked.connect(self.ask_for_file)
        self.draw_button.clicked.connect(self.ask_for_points)
        self.offer.asked.connect(self.download)
        self.offer.cancelled.connect(self._cancel_download)

    def _box(self, name: str, tip: str = "") -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.setMinimumContentsLength(12 if not tip else 5)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return box

    def _box_for(self, choice: Any) -> QComboBox:
        """A box with what can be chosen of a data set."""
        box = self._box(_(choice.title))
        box.setMinimumContentsLength(5)
        for value, title in zip(choice.values, choice.titles, strict=True):
            box.addItem(_(title), value)
        box.setCurrentIndex(box.findData(choice.default))
        return box

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.choice, 1)
        top.addWidget(self.open_button)
        top.addWidget(self.draw_button)
        self.token_line = self._line(_("Tokens"), self.tokens)
        self.form_line = self._line(_("Form"), self.sides, self.colours)
        self.rate_line = self._line(_("Rate"), self.rates)
        self.word_line = self._line(_("Word"), self.word)
        self.choice_lines = {
            key: [self._line(box.accessibleName(), box) for box in boxes]
            for key, boxes in self.choices.items()
        }
        self.token_line.setVisible(self.kind == "text")
        self.facts.setHorizontalSpacing(12)
        self.facts.setVerticalSpacing(2)
        self.facts.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        for each in (self.token_line, self.form_line, self.rate_line, self.word_line):
            layout.addWidget(each)
        for each in itertools.chain(*self.choice_lines.values()):
            layout.addWidget(each)
            each.hide()
        for each in (self.bar, self.problem, self.restart, self.offer, self.summary):
            layout.addWidget(each)
        layout.addLayout(self.facts)
        layout.addWidget(self.preview)
        for label in (self.summary, self.problem, self.restart):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.hide()
        for each in (self.bar, self.offer, self.form_line, self.rate_line, self.word_line):
            each.hide()

    def _line(self, title: str, *boxes: QWidget) -> QWidget:
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(faint(title))
        for box in boxes:
            layout.addWidget(box, 1)
        return line

    # --- what is so

    @property
    def loading(self) -> bool:
        """Whether what is chosen is not there yet."""
        return self._job is not None

    def chosen_name(self) -> str:
        """What the boxes say together."""
        name = str(self.choice.currentData())
        if self.kind == "text":
            return with_option(name, str(self.tokens.currentData()))
        if self.kind == "images" and name not in self._entries:
            form = f"{self.sides.currentData()}{self.colours.currentData()}"
            return with_option(name, form or "auto")
        if self.kind == "sound" and name not in self._entries:
            return with_option(name, str(self.rates.currentData()) or "auto")
        if self.kind == PAIRS and name not in self._entries:
            return with_option(name, PAIRS)
        if boxes := self.choices.get(name):
            return str(self._entries[name].named([str(box.currentData()) for box in boxes]))
        if name == LETTERS and (word := self.word.text().strip()):
            return f"{LETTERS}:{word}"
        return name

    def problems(self) -> tuple[str, ...]:
        """What is in the way of a training with what is chosen."""
        if self.missing is None:
            return ()
        return (_("{title} has to be downloaded first").format(title=_(self.missing.title)),)

    def _entry_of(self, name: str) -> Any:
        """The data set that `name` is of; None for own data."""
        entry = entry_of(name)
        return self._entries.get(split_name(name)[0] if entry is None else entry.key)

    # --- what one can do

    def choose(self, name: str) -> None:
        """Load `name` and, if that succeeds, make it the choice.

        name: a key or a path, perhaps with the kind of its tokens, the form of its pictures or
            its rate.
        What would have to be downloaded is offered instead.
        """
        if self._job is not None:
            self._job.stop()
            self._job = None
        self._point_at(name)
        self.problem.hide()
        entry = self._entry_of(name)
        if entry is not None and not is_there(entry):
            self.bar.hide()
            self._make_offer(entry)
            return
        self.missing = None
        self.offer.hide()
        self.bar.setRange(0, 0)
        self.bar.show()
        job = self._job = load(self.playground, name, self.kind)
        self.strip.follow(job, lambda event: self._hear(job, name, event))

    def ask_for_file(self) -> None:
        """Let the person look for own data."""
        if path := ask(self, self.kind, self.folders):
            self.choose(path)

    def ask_for_points(self) -> None:
        """Let the person draw points."""
        from app.special.pad import PointPad

        if path := PointPad.ask(self):
            self.choose(str(path))

    def show_pending(self, pending: bool) -> None:
        """Whether the choice has to wait for a reset."""
        self.restart.setVisible(pending)

    # --- downloads

    def download(self) -> None:
        """Fetch the data set that is offered."""
        entry = self.missing
        if entry is None or entry.key in self._fetching:
            return
        job = self._fetching[entry.key] = fetch(self.playground, entry)
        self.problem.hide()
        self.offer.show_fetching(True)
        self.strip.follow(job, lambda event: self._hear_fetch(job, entry, event))

    def _cancel_download(self) -> None:
        if self.missing is not None and (job := self._fetching.get(self.missing.key)):
            job.stop()
            self.offer.cancel.setEnabled(False)

    def _make_offer(self, entry: Any) -> None:
        self.missing = entry
        self.offer.show_set(_(entry.title), entry.download.size, entry.download.url)
        self.offer.show_fetching(entry.key in self._fetching)
        self.offer.show()
        self.summary.setText(_(entry.summary))
        self.summary.setToolTip(_(entry.credit))
        self.summary.show()
        self._show_facts(())
        self.preview.clear(_("It can be seen here once it is downloaded."))

    def _hear_fetch(self, job: Job, entry: Any, event: Event) -> None:
        offered = self.missing is entry
        if isinstance(event, Progress) and offered:
            self.offer.show_progress(event)
        elif isinstance(event, Ended):
            self._fetching.pop(entry.key, None)
            if offered:
                self.offer.show_fetching(False)
            if event.reason == "finished":
                self.strip.say(_("Downloaded: {title}").format(title=_(entry.title)))
                if offered:
                    self.choose(self.chosen_name())
            elif event.error is not None and offered:
                self._complain(words_for(event.error, job.title))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """What was missing may have been downloaded in another tab."""
        super().showEvent(event)
        if self.missing is not None and is_there(self.missing):
            self.choose(self.chosen_name())

    # --- what happens

    def _point_at(self, name: str) -> None:
        """Show `name` in the boxes, adding own data to them."""
        bare, form = split_name(name)
        entry = self._entry_of(name)
        if entry is not None and entry.key != bare:  # what was chosen of it follows
            bare, _colon, option = bare.partition(":")
            self.word.setText(option if bare == LETTERS else "")
        if entry is not None and entry.choices:
            values = split_name(name)[0].partition(":")[2].split("-")
            for box, value in zip(self.choices[bare], values, strict=False):
                box.setCurrentIndex(max(0, box.findData(value)))
        for key, lines in self.choice_lines.items():
            for line in lines:
                line.setVisible(key == bare)
        self.tokens.setCurrentIndex(max(0, self.tokens.findData(form)))
        size, colours = parts_of(form)
        self.sides.setCurrentIndex(max(0, self.sides.findData(size)))
        self.colours.setCurrentIndex(max(0, self.colours.findData(colours)))
        self.form_line.setVisible(self.kind == "images" and bare not in self._entries)
        self.rates.setCurrentIndex(max(0, self.rates.findData(form)))
        self.rate_line.setVisible(self.kind == "sound" and bare not in self._entries)
        self.word_line.setVisible(bare == LETTERS and bare in self._entries)
        index = self.choice.findData(bare)
        if index < 0:
            self.choice.addItem(Path(bare).name, bare)
            index = self.choice.count() - 1
            self.choice.setItemData(index, bare, Qt.ItemDataRole.ToolTipRole)
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
        if isinstance(event.error, NeedsDownload):
            self._make_offer(event.error.entry)
            return
        if event.error is not None:
            self._complain(words_for(event.error, N_("Loading data")))
        bare = split_name(name)[0]
        index = self.choice.findData(bare)
        if self._entry_of(name) is None and bare != split_name(self.name)[0] and index >= 0:
            self.choice.removeItem(index)
        if self.name:
            self._point_at(self.name)
            if self.data is not None and self.preview.payload is None:  # an offer stood there
                self._describe(self.name, self.data)
        elif event.reason == "stopped":
            self.preview.clear(_("Nothing is loaded: choose data above."))

    def _complain(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.show()

    def _show(self, name: str, data: Data) -> None:
        self.name, self.data = name, data
        self._describe(name, data)
        self.chosen.emit(name, data)

    def _describe(self, name: str, data: Data) -> None:
        bare, entry = split_name(name)[0], self._entry_of(name)
        self.summary.setText(_(entry.summary) if entry else bare)
        self.summary.setToolTip(_(entry.credit) if entry else bare)
        self.summary.show()
        self._show_facts(data.facts(), skipped_in_words(getattr(data, "skipped", ())))
        self.preview.show_payload(data.preview())

    def _show_facts(self, facts: Sequence[tuple[str, str]], tip: str = "") -> None:
        while (item := self.facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, (title, value) in enumerate(facts):
            key, text = faint(_(title)), QLabel(_(value))
            key.setAlignment(Qt.AlignmentFlag.AlignTop)
            text.setWordWrap(True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setToolTip(tip if str(title) == SKIPPED else "")
            self.facts.addWidget(key, row, 0)
            self.facts.addWidget(text, row, 1)


def skipped_in_words(skipped: Sequence[tuple[str, str]]) -> str:
    """The files of a folder that were passed over, and why, a line each."""
    lines = [f"{name}: {_(why)}" for name, why in skipped[:SKIPPED_SHOWN]]
    return "\n".join([*lines, *(["…"] if len(skipped) > SKIPPED_SHOWN else [])])

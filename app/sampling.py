"""The sampling panel: what the model makes by itself, and what one asks it for.

Above stands the live sample, drawn with fixed settings so that what changes is
the model. Below one sets the knobs and generates. In a text, choosing another
token writes on from there, and step by step shows the distribution before each
draw; of pictures, a click on one tells its seed; a sound is heard as it comes.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.export import Exporter
from app.form import KnobForm
from app.holder import Holder
from app.i18n import _
from app.icons import IconButton
from app.jobs import Strip, words_for
from app.plots import SoundWidget
from engine.events import Ended, Event, Shown
from engine.knobs import changed, knobs_of
from engine.payloads import Images, Tokens
from engine.phrases import N_
from engine.worker import Job

if TYPE_CHECKING:
    from engine.session import Session

SETTLE_MS = 200
MOST_SEED = 9_999  # of those that the dice chooses: short enough to be told to somebody


class Words(NamedTuple):
    """What stands where there is no sample yet, and what a sample is."""

    live: str
    invitation: str
    tip: str


WRITES = Words(
    N_("What the model writes appears here as soon as it trains."),
    N_("Press Generate: the model writes on from the prompt."),
    N_("Draw a sample (Ctrl+G)"),
)
WORDS = {
    "images": Words(
        N_("What the model draws appears here as soon as it trains."),
        N_("Press Generate: the model draws new pictures."),
        N_("Draw new pictures (Ctrl+G)"),
    ),
    "points": Words(
        N_("Where the model puts its points appears here as soon as it trains."),
        N_("Press Generate: the model draws new points."),
        N_("Draw new points (Ctrl+G)"),
    ),
    "sound": Words(
        N_("What the model plays appears here as soon as it trains."),
        N_("Press Generate: the model plays a new sound."),
        N_("Make a new sound (Ctrl+G)"),
    ),
    "pairs": Words(
        N_("What the model makes of sources it never saw appears here as soon as it trains."),
        N_("Press Generate: the model writes the target of your source, or of some it never saw."),
        N_("Write targets (Ctrl+G)"),
    ),
}
LISTENS = "sound/listen"  # in the settings


def card(*widgets: QWidget) -> tuple[QFrame, QVBoxLayout]:
    """A framed place with `widgets` below each other."""
    frame = QFrame()
    frame.setProperty("role", "card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(12, 10, 12, 10)
    layout.setSpacing(8)
    for widget in widgets:
        layout.addWidget(widget)
    return frame, layout


class Sampling(QWidget):
    """Draws samples of one session.

    sampling: whether one is being drawn.
    tile_chosen: place of the picture in "Your sample" that was clicked, from 0.
    """

    sampling = Signal(bool)
    tile_chosen = Signal(int)

    def __init__(self, session: "Session", strip: Strip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.strip = strip
        self._job: Job | None = None
        self._ids: tuple[int, ...] = ()
        self._tiles: QWidget | None = None
        self._sound: SoundWidget | None = None
        self.words = WORDS.get(session.model.accepts, WRITES)
        self.knobs = {knob.name: knob for knob in knobs_of(session.model.sample)}
        self.stepwise = "length" in self.knobs
        self.form = KnobForm(session.model.sample, shape="grid")
        self.live_title = QLabel(_("While it learns"))
        self.live_title.setProperty("role", "heading")
        self.live_step = QLabel()
        self.live_step.setProperty("role", "faint")
        self.live = Holder(_(self.words.live))
        self.result = Holder(_("Press Generate once there is a model."))
        self.problem = QLabel()
        self.problem.setProperty("role", "warning")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.generate_button = IconButton(
            "auto-fix", _("Generate"), text=_("Generate"), tip=_(self.words.tip)
        )
        self.dice_button = IconButton(
            "dice-5-outline", _("Generate with a new seed"), tip=_("Another seed, and generate")
        )
        self.dice_button.setVisible("seed" in self.knobs)
        self.exporter = Exporter(session, strip, self)
        self.export_button = IconButton(
            "export-variant",
            _("Export"),
            tip=_("Export: take out pictures, films, weights"),
            role="flat",
        )
        self.export_menu = QMenu(self.export_button)
        self.export_button.setMenu(self.export_menu)
        self.export_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.tile = QLabel()
        self.tile.setProperty("role", "faint")
        self.tile.hide()
        self.stop_button = IconButton("stop", _("Stop"), tip=_("Stop sampling (Esc)"))
        self.by_step = IconButton(
            "shoe-print",
            _("Step by step"),
            text=_("Step by step"),
            tip=_("Draw one token at a time and see what could come next"),
        )
        self.by_step.setCheckable(True)
        self.next_button = IconButton("arrow-right", _("Next token"), text=_("Next token"))
        self._lay_out()
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLE_MS)
        self._settled.timeout.connect(self.show_next)
        self.generate_button.clicked.connect(self.generate)
        self.dice_button.clicked.connect(self.dice)
        self.export_menu.aboutToShow.connect(lambda: self.exporter.fill(self.export_menu))
        self.stop_button.clicked.connect(self.stop)
        self.by_step.toggled.connect(self._change_mode)
        self.next_button.clicked.connect(self.next_token)
        self.form.changed.connect(self._changed)
        for holder in (self.live, self.result):
            holder.regenerate.connect(self.write_on)
        self.result.made.connect(self._made)
        self.enable()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.live_title)
        top.addStretch(1)
        top.addWidget(self.live_step)
        self.live_card, live_layout = card()
        live_layout.addLayout(top)
        live_layout.addWidget(self.live, 1)
        title = QLabel(_("Your sample"))
        title.setProperty("role", "heading")
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.by_step)
        head.addWidget(self.export_button)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for each in (self.generate_button, self.dice_button, self.next_button, self.stop_button):
            buttons.addWidget(each)
        buttons.addStretch(1)
        own, own_layout = card()
        own_layout.addLayout(head)
        own_layout.addWidget(self.form)
        own_layout.addLayout(buttons)
        own_layout.addWidget(self.problem)
        own_layout.addWidget(self.result, 1)
        own_layout.addWidget(self.tile)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.live_card)
        self.splitter.addWidget(own)
        # A wall of pictures needs less than the sample below, which has its knobs above it; a plane
        # of points needs as much; of a text and of pairs, the first lines do, and of a sound the
        # shape.
        shares = {"images": (2, 3), "points": (1, 1), "sound": (1, 2)}
        live, asked = shares.get(self.session.model.accepts, (2, 5))
        self.splitter.setStretchFactor(0, live)
        self.splitter.setStretchFactor(1, asked)
        self.splitter.setSizes([650 * live // (live + asked), 650 * asked // (live + asked)])
        self.live_card.setVisible(self.session.model.watch is not None)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self.by_step.setVisible(self.stepwise)
        self.next_button.hide()

    # --- what one can do

    def generate(self) -> None:
        """Draw a sample; step by step, begin anew."""
        if self.by_step.isChecked():
            self._ids = ()
            self.show_next()
        else:
            self._sample()

    def dice(self) -> None:
        """Draw with another seed."""
        if complaints := self.form.commit():
            self._complain("\n".join(complaints))
            return
        knob, present = self.knobs["seed"], self.form.value().seed
        seeds = range(int(knob.low or 0), min(int(knob.high or 0), MOST_SEED) + 1)
        self.form.show_values({"seed": random.choice([seed for seed in seeds if seed != present])})
        self.generate()

    def write_on(self, tokens: Tokens, position: int, alternative: int) -> None:
        """Keep what stands before `position`, put `alternative` there, and go on."""
        keep = (*tokens.ids[:position], alternative)
        if self.by_step.isChecked():
            self._ids = keep
            self.show_next()
        else:
            self._sample(keep)

    def next_token(self) -> None:
        """Draw one more token."""
        self._sample(self._ids, {"length": 1})

    def show_next(self) -> None:
        """Show the distribution before the next draw."""
        if self.session.learner is not None:
            self._sample(self._ids, {"length": 0})

    def stop(self) -> bool:
        """Stop drawing, and fall silent. Whether there was something to stop."""
        self._settled.stop()
        heard = self._sound is not None and self._sound.player.playing
        if self._sound is not None:
            self._sound.stop()
        if self._job is None:
            return heard
        self._job.stop()
        return True

    # --- what happens

    def hear_live(self, event: Shown) -> None:
        """A new live sample."""

        def draw() -> None:
            self.live.show_payload(event.payload)
            self.live_step.setText(_("step {step:,}").format(step=event.step))

        self.strip.pump.draw((id(self), "live"), draw)

    def clear(self) -> None:
        """There is no model any more."""
        self.stop()
        self._ids = ()
        for each in ("live", "sample", "over"):
            self.strip.pump.forget((id(self), each))
        self._complain("")
        self.live.clear()
        self.live_step.clear()
        self.result.clear()
        self.tile.hide()
        self.enable()

    def enable(self) -> None:
        """Buttons as the state allows."""
        there = self.session.learner is not None
        self.generate_button.setEnabled(there)
        self.dice_button.setEnabled(there)
        self.next_button.setEnabled(there and self._job is None)
        self.by_step.setEnabled(there)
        self.stop_button.setEnabled(self._job is not None)
        if there and self.result.payload is None:
            self.result.clear(_(self.words.invitation))
        elif not there:
            self.result.clear(_("Press Generate once there is a model."))

    def _sample(self, keep: tuple[int, ...] = (), other: Mapping[str, Any] | None = None) -> None:
        """Draw with the knobs as they are set, but for `other`."""
        if self.session.learner is None:
            return
        if complaints := self.form.commit():
            self._complain("\n".join(complaints))
            return
        if self._job is not None:
            self._job.stop()
        self.strip.pump.forget((id(self), "over"))  # of the one before
        job = self._job = self.session.sample(changed(self.form.value(), other or {}), keep)
        self.strip.follow(job, lambda event: self._hear(job, event))
        self._complain("")
        self.sampling.emit(True)
        self.enable()

    def _hear(self, job: Job, event: Event) -> None:
        if job is not self._job:
            return
        if isinstance(event, Shown):
            payload = event.payload
            if isinstance(payload, Tokens):
                self._ids = payload.ids
            self.strip.pump.draw((id(self), "sample"), lambda: self._show(payload))
        elif isinstance(event, Ended):
            self._job = None
            if event.error is not None:
                self._complain(words_for(event.error, N_("Sampling")))
            if self._sound is not None:  # after what is still waiting to be shown
                self.strip.pump.draw((id(self), "over"), self._sound.complete)
            self.sampling.emit(False)
            self.enable()

    def _made(self, widget: QWidget) -> None:
        """What was asked for is heard as it comes, unless the person once turned that off."""
        if not isinstance(widget, SoundWidget):
            return
        self._sound = widget
        settings = self.exporter.folders.settings
        kept = "true" if settings is None else str(settings.value(LISTENS, "true"))
        widget.offer_listening(kept.lower() != "false")
        if settings is not None:
            widget.listen.toggled.connect(lambda on: settings.setValue(LISTENS, on))

    def _show(self, payload: Any) -> None:
        """Show a sample; what could come next belongs to the mode step by step alone."""
        if isinstance(payload, Tokens) and payload.next and not self.by_step.isChecked():
            payload = replace(payload, next=())
        self.result.show_payload(payload)
        self.tile.hide()
        tiles = self.result.currentWidget()
        if isinstance(payload, Images) and tiles is not self._tiles:
            self._tiles = tiles
            tiles.chosen.connect(self._choose_tile)  # type: ignore[union-attr]

    def _choose_tile(self, number: int) -> None:
        """A picture was clicked; `number` is its seed, or where it has none its place."""
        payload = self.result.payload
        if not isinstance(payload, Images):
            return
        numbers = payload.numbers or tuple(range(len(payload.pixels)))
        if number not in numbers:
            return
        index = numbers.index(number)
        words = _("Picture {place} · seed {seed}") if payload.numbers else _("Picture {place}")
        self.tile.setText(words.format(place=index + 1, seed=number))
        self.tile.show()
        self.tile_chosen.emit(index)

    def _complain(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.setVisible(bool(words))

    def _change_mode(self, by_step: bool) -> None:
        self.next_button.setVisible(by_step)
        words = _("Start again") if by_step else _("Generate")
        self.generate_button.set_text(words)
        self.generate_button.setAccessibleName(words)
        # Text and list need the room: the live sample makes way meanwhile.
        self.live_card.setVisible(self.session.model.watch is not None and not by_step)
        if by_step:
            self.show_next()
        elif self.result.payload is not None:
            self._show(self.result.payload)

    def _changed(self, name: str, value: object) -> None:
        """Step by step, the distribution follows the knobs at once."""
        if self.by_step.isChecked():
            if name == "prompt":
                self._ids = ()
            self._settled.start()

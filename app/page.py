"""The page of one model, built from its declaration: data and knobs to the left,
curves and pictures in the middle, sampling to the right, and the transport above.

The page keeps to one rule: what is set takes effect when a training begins.
While there is a model, live knobs go to it at once, and the others say that they
wait for a reset.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.health import HealthBanner
from app.i18n import _, ngettext
from app.jobs import Action, Strip, words_for
from app.pictures import Pictures
from app.plots import LossCurves
from app.runs import RunList
from app.sampling import Sampling, card
from app.setup import Setup
from app.transport import Transport, duration
from engine.events import Ended, Event, Health, Progress, Saved, Shown
from engine.family import Data, Family, Line, Rule
from engine.knobs import changed, knobs_of
from engine.phrases import PlaygroundError
from engine.store import Run, TakenError
from engine.worker import Job

if TYPE_CHECKING:
    from engine.session import Session

LIVE = "live"
ESTIMATE_MS = 500
NUMBERS_PAUSE, CURVES_PAUSE = 0.1, 0.5
MARKS_SHOWN = 60  # on the curves: the newest, since each takes a few milliseconds to draw


class ModelPage(QWidget):
    """Everything that one can do with one session.

    lesson: a place in the lesson (key of a view) that somebody wants to read.
    model_wanted: key of another model of the family.
    run_wanted: a saved `Run` of this family.
    """

    lesson = Signal(str)
    model_wanted = Signal(str)
    run_wanted = Signal(object)

    def __init__(
        self,
        family: Family,
        session: "Session",
        data_sets: Sequence[Any],
        strip: Strip,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.strip = strip
        self._training: Job | None = None
        self._estimating: Job | None = None
        self._estimated: Any = None  # the settings that the estimate shown is of
        self._seen_train: Any = session.train
        self._curves_sent: dict[str, float] = {}
        self._marks_sent: tuple[Any, ...] = ()
        self.transport = Transport()
        self.setup = Setup(family, session, data_sets, strip)
        self.runs = RunList(session.playground, [model.key for model in family.models], strip)
        self.health = HealthBanner(session.model.health)
        self.curves = LossCurves()
        self.caption = Elided(_(session.model.curves_caption), greedy=True)
        self.caption.setToolTip(_(session.model.curves_caption))
        self.pictures = Pictures(session, strip)
        self.sampling = Sampling(session, strip)
        self._lay_out()
        self._estimate_soon = QTimer(self)
        self._estimate_soon.setSingleShot(True)
        self._estimate_soon.setInterval(ESTIMATE_MS)
        self._estimate_soon.timeout.connect(self._estimate)
        self._connect()
        self.transport.show_seed(session.seed)
        self.setup.data.choose(session.data_name)

    def _lay_out(self) -> None:
        left = QTabWidget()
        left.setDocumentMode(True)
        left.addTab(self.setup, _("Setup"))
        left.addTab(self.runs, _("Runs"))
        self.left = left
        self.caption.setProperty("role", "faint")
        self.caption.setVisible(bool(self.caption.text()))
        curves, layout = card(self.curves, self.caption)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.setStretch(0, 1)
        self.middle = QSplitter(Qt.Orientation.Vertical)
        self.middle.addWidget(curves)
        self.middle.addWidget(self.pictures)
        heights = [190, 440] if self.pictorial else [210, 420]
        for index, height in enumerate(heights):
            self.middle.setStretchFactor(index, height // 30)
        self.middle.setSizes(heights)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for each in (left, self.middle, self.sampling):
            self.columns.addWidget(each)
        self.columns.setStretchFactor(0, 0)
        self.columns.setStretchFactor(1, 3)
        self.columns.setStretchFactor(2, 1)
        self.columns.setSizes([280, 650, 330] if self.pictorial else [290, 560, 400])
        for splitter in (self.middle, self.columns, self.sampling.splitter):
            splitter.setHandleWidth(8)
            splitter.setChildrenCollapsible(False)
        # Where even the narrowest columns find no room, one can scroll; the window never grows.
        room = QScrollArea()
        room.setWidgetResizable(True)
        room.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        room.setWidget(self.columns)
        page = QVBoxLayout(self)
        page.setContentsMargins(10, 10, 10, 6)
        page.setSpacing(8)
        page.addWidget(self.transport)
        page.addWidget(self.health)  # over the whole width: most sentences then take one line
        page.addWidget(room, 1)

    def _connect(self) -> None:
        self.transport.train.connect(self.toggle)
        self.transport.step.connect(lambda: self.more(1))
        self.transport.more.connect(self.more)
        self.transport.reset.connect(self.reset)
        self.transport.dice.connect(self.dice)
        self.setup.changed.connect(self._changed)
        self.setup.model_wanted.connect(self.model_wanted)
        self.setup.reset.connect(self.reset)
        self.setup.data.chosen.connect(self._data_chosen)
        self.health.remedy.connect(self._remedy)
        self.pictures.help.connect(self.lesson)
        self.runs.chosen.connect(self.run_wanted)

    # --- what one can do

    def toggle(self) -> None:
        """Train, or pause."""
        if self.session.status == "training":
            self.session.pause()
        else:
            self._start(None)

    def train(self) -> None:
        """Train, if it does not already."""
        if self.session.status != "training":
            self._start(None)

    def pause(self) -> None:
        """Pause, if it trains; or go on, if it does not."""
        if self.session.status != "empty":
            self.toggle()

    def more(self, steps: int) -> None:
        """Take this number of further steps."""
        if self.session.status != "training":
            self._start(self.session.step + steps)

    def reset(self) -> None:
        """Begin anew, with the settings as they are now and the same seed."""
        self._let_go(lambda: self._follow_reset(self.session.reset()))

    def dice(self) -> None:
        """Another seed; what is trained is set aside (its run stays)."""
        seed = random.randrange(1, 10_000)

        def go() -> None:
            self.transport.show_seed(seed)
            self._follow_reset(self.session.reset(seed))

        if self.session.status == "empty":
            self.transport.show_seed(seed)
            self.session.choose(seed=seed)
        else:
            self._let_go(go)

    def restore(self, run: Run) -> None:
        """Open a saved run."""

        def go() -> None:
            self.strip.follow(
                self.session.restore(run.id), lambda event: self._hear_restore(run.id, event)
            )

        self._let_go(go)

    def train_copy(self, steps: int | None = None) -> None:
        """Go on with the model as a run of its own, beside the one it was opened from."""

        def hear(event: Event) -> None:
            if isinstance(event, Ended) and event.reason == "finished":
                self.runs.refresh()
                self._start(steps)

        self.strip.follow(self.session.branch(), hear)

    def open_file(self, path: str) -> None:
        """Make an own file the data."""
        self.left.setCurrentWidget(self.setup)
        self.setup.data.choose(path)

    def ask_for_file(self) -> None:
        """Let the person look for an own file."""
        self.left.setCurrentWidget(self.setup)
        self.setup.data.ask_for_file()

    def use_picture(self, path: str) -> bool:
        """Put an image file into a view that takes a picture, and draw it.

        Whether there is such a view.
        """
        return self.pictures.use_picture(path)

    def generate(self) -> None:
        """Draw a sample."""
        self.sampling.generate()

    def stop(self) -> None:
        """Stop whatever runs here."""
        self.sampling.stop()
        self.pictures.stop()
        self.session.pause()

    @property
    def pictorial(self) -> bool:
        """Whether it is pictures, more than text, that one looks at."""
        return self.session.model.accepts != "text"

    @property
    def splitters(self) -> dict[str, QSplitter]:
        """What a person can make wider, by name; what suits texts does not suit pictures."""
        kind = "-pictures" if self.pictorial else ""
        return {
            f"columns{kind}": self.columns,
            f"middle{kind}": self.middle,
            f"right{kind}": self.sampling.splitter,
        }

    def shut(self) -> None:
        """The window closes: ask for nothing more."""
        self._estimate_soon.stop()
        self._estimate_soon.blockSignals(True)  # what is still told may start it again
        self.sampling.stop()
        self.pictures.stop()

    # --- training

    def _start(self, steps: int | None) -> None:
        problems = self.setup.problems()
        if problems and self.session.learner is None:
            self.strip.say(
                _("Before it can train: {problems}").format(problems="; ".join(problems)),
                grave=True,
            )
            return
        if self.session.learner is None:
            self._take_settings()
        if self._estimating is not None:
            self._estimating.stop()
        self.strip.calm()
        self._training = self.pictures.training = job = self.session.start(steps)
        self.strip.follow(
            job,
            lambda event: self._hear_training(job, event),
            remedy=lambda error: self._offer_copy(error, steps),
        )
        self._show_state()

    def _offer_copy(self, error: Exception, steps: int | None) -> Action | None:
        """What can be done where another program trains the run that is open."""
        if not isinstance(error, TakenError):
            return None
        return Action(_("Train a copy"), lambda: self.train_copy(steps))

    def _take_settings(self) -> None:
        """What is set is what the next training starts with."""
        setup = self.setup
        self.session.choose(
            data=setup.data.chosen_name(), net=setup.net.value(), train=setup.train.value()
        )
        self._seen_train = self.session.train

    def _let_go(self, go: Callable[[], None]) -> None:
        """`go`, after which the model is another one; what cannot be saved is not lost unasked."""

        def go_now() -> None:
            self._estimate_soon.stop()
            self.sampling.stop()
            self.pictures.stop()
            go()

        def hear(event: Event) -> None:
            if isinstance(event, Ended):
                if not self.session.unsaved:
                    go_now()
                    return
                words = _("What was trained last is not saved: {folder} takes nothing.")
                self.strip.say(
                    words.format(folder=self.session.playground.store.folder),
                    grave=True,
                    action=Action(_("Lose it"), go_now),
                )

        if self.session.unsaved and self.session.status != "training":
            self.strip.follow(self.session.save(), hear)  # there may be room by now
        else:
            hear(Ended("finished"))

    def _hear_training(self, job: Job, event: Event) -> None:
        if isinstance(event, Progress):
            self.strip.pump.draw(
                (id(self), "numbers"), lambda: self._show_progress(event), NUMBERS_PAUSE
            )
            if self.isVisible():
                self.strip.pump.draw((id(self), "curves"), self._show_curves, CURVES_PAUSE)
        elif isinstance(event, Shown):
            if event.view == LIVE:
                self.sampling.hear_live(event)
            else:
                self.pictures.hear(event)
        elif isinstance(event, Health):
            self.health.show_found(event.found)
        elif isinstance(event, Saved):
            self.runs.refresh()
        elif isinstance(event, Ended) and job is self._training:
            self._training = self.pictures.training = None
            self.strip.pump.forget((id(self), "numbers"))
            self._show_state()
            self._show_curves()
            self.pictures.refresh()
            if self._estimated != self._settings():
                self._estimate_soon.start()

    def _follow_reset(self, job: Job) -> None:
        def hear(event: Event) -> None:
            if isinstance(event, Ended) and event.reason != "finished":
                self._show_state()
            elif isinstance(event, Ended):
                self._take_settings()
                self._show_new()
                self.runs.refresh()
                self._estimate_soon.start()

        self.strip.follow(job, hear)

    def _hear_restore(self, run: str, event: Event) -> None:
        session = self.session
        # Also where it was stopped, or failed, once the model was another one.
        if isinstance(event, Ended) and session.run is not None and session.run.id == run:
            self.setup.show_settings(session.net, session.train)
            self.setup.data.choose(session.data_name)
            self.transport.show_seed(session.seed)
            self._show_new()
            self.runs.refresh()
            if event.reason == "finished":
                self.strip.say(_("Opened at step {step:,}").format(step=session.step))

    # --- settings

    def _changed(self, part: str, name: str, value: object) -> None:
        live = {knob.name for knob in knobs_of(self.session.train) if knob.live}
        if part == "train" and name in live and self.session.learner is not None:
            try:
                self.session.change(**{name: value})
            except PlaygroundError as error:
                self.strip.say(words_for(error), grave=True)
        self._settings_changed()

    def _remedy(self, rule: Rule) -> None:
        """Turn the knobs that the remedy names: live ones now, the others in the form."""
        session, setup = self.session, self.setup
        learner = session.learner
        live = {knob.name for knob in knobs_of(session.train) if knob.live}
        try:
            values = dict(rule.remedy(learner.train if learner is not None else session.train))
            train = changed(setup.train.value(), values)
            if learner is not None:
                session.change(**{name: values[name] for name in values if name in live})
        except PlaygroundError as error:
            self.strip.say(words_for(error), grave=True)
            return
        self._seen_train = session.train
        setup.show_settings(setup.net.value(), train)
        self._settings_changed()
        titles = {knob.name: _(knob.title) for knob in knobs_of(train)}
        done = [
            f"{titles[name]} {value:g}" if isinstance(value, float) else f"{titles[name]} {value}"
            for name, value in values.items()
        ]
        self.strip.say(
            _("{remedy}: {settings}").format(remedy=_(rule.button), settings=", ".join(done))
        )

    def _settings_changed(self) -> None:
        if self.session.learner is None:
            self._take_settings()
        self.setup.mark_restart()
        if self.session.status != "training":
            self._estimate_soon.start()

    def _data_chosen(self, name: str, data: Data) -> None:
        if self.session.learner is None or self.session.data_name == name:
            self.curves.set_units(self.session.model.units(data))
        self._settings_changed()

    def _settings(self) -> Any:
        return self.setup.data.name, self.setup.net.value(), self.setup.train.value()

    def _estimate(self) -> None:
        if self.session.status == "training" or self.setup.data.data is None:
            return
        if self._estimating is not None:
            self._estimating.stop()
        problems = self.setup.problems()
        if problems:
            self.setup.show_estimate("\n".join(problems), wrong=True)
            return
        settings = self._settings()
        name, net, train = settings
        job = self._estimating = self.session.estimate(net, train, name)
        self.strip.follow(
            job, lambda event: self._hear_estimate(job, settings, event), listed=False
        )

    def _hear_estimate(self, job: Job, settings: Any, event: Event) -> None:
        if job is not self._estimating or not isinstance(event, Ended):
            return
        self._estimating = None
        if event.error is not None:
            self.setup.show_estimate(words_for(event.error), wrong=True)
        elif event.reason == "finished":
            self._estimated = settings
            self.setup.show_estimate(estimate_in_words(job.result))

    # --- what is shown

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what happened while another tab was seen."""
        super().showEvent(event)
        self._show_state()
        self._show_curves()

    def _show_new(self) -> None:
        """After a reset or another run: nothing of before may stay."""
        self._curves_sent, self._marks_sent = {}, ()
        self.transport.bar.setValue(0)
        self.curves.clear()
        self.health.clear()
        self.pictures.clear()
        self.sampling.clear()
        self._show_state()
        self._show_curves()
        self.pictures.refresh()
        self.setup.mark_restart()

    def _show_state(self) -> None:
        session = self.session
        self.transport.show_status(session.status, session.learner is not None)
        self.transport.show_seed(session.seed)
        if session.learner is not None:
            self._show_numbers(session.history.last())
        self.setup.follow(session.status)
        self.sampling.enable()

    @property
    def _watched(self) -> Line:
        """The curve whose newest value stands above: the first."""
        return next(iter(self.session.model.curves), Line("loss", ""))

    def _show_numbers(self, metrics: Mapping[str, float]) -> None:
        watched = self._watched
        title = "" if watched.name == "loss" else _(watched.title)
        unit = next(iter(self._units()), "")
        self.transport.show_numbers(self.session.step, metrics.get(watched.name), unit, title)
        if self.session.train is not self._seen_train:  # a roll-back turns a knob by itself
            self._seen_train = self.session.train
            self.setup.show_live(self._seen_train)

    def _show_progress(self, progress: Progress) -> None:
        self._show_numbers(progress.metrics)
        self.transport.show_progress(progress)
        self.pictures.show_steps()
        if not self.sampling.generate_button.isEnabled():
            self._show_state()
        card = self.pictures.current
        if card is not None and card.on_demand and not card.show_button.isEnabled():
            self.pictures.refresh()

    def _show_curves(self) -> None:
        """Only the lines that have grown, since each one sent draws the whole."""
        session = self.session
        if units := self._units():
            self.curves.set_units(units)
        history = session.history
        marks = history.marks
        for name, title, kind in session.model.curves:
            series = history.series(name)
            newest = float(series.steps[-1]) if len(series.steps) else -1.0
            if newest != self._curves_sent.get(name, -1.0):
                self._curves_sent[name] = newest
                self.curves.set_series(_(title), series.steps, series.values, kind)  # type: ignore[arg-type]
        if marks[-1:] != self._marks_sent:
            self._marks_sent = marks[-1:]
            self.curves.set_marks([(mark.step, _(mark.text)) for mark in marks[-MARKS_SHOWN:]])

    def _units(self) -> dict[str, float]:
        learner = self.session.learner
        data = learner.data if learner is not None else self.setup.data.data
        return dict(self.session.model.units(data)) if data is not None else {}


def estimate_in_words(found: dict[str, float]) -> str:
    """``whole plan: about 40 s · 0.2 M parameters · 12 MB``."""
    if found["seconds"]:
        first = _("whole plan: about {duration}").format(duration=duration(found["seconds"]))
    else:
        first = _("{ms:.0f} ms a step").format(ms=1000 * found["seconds_per_step"])
    size = _("{megabytes:,.0f} MB").format(megabytes=max(1.0, found["bytes"] / 1e6))
    count = int(found["parameters"])
    if count < 100_000:
        words = ngettext("{n:,} parameter", "{n:,} parameters", count).format(n=count)
    else:
        words = _("{millions:.1f} M parameters").format(millions=count / 1e6)
    return f"{first} · {words} · {size}"

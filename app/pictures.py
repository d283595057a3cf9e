"""The pictures of a model's inside: one card for each of its views.

A view that declares an interval is drawn again and again while the model trains
and somebody looks; the others when they are asked for. The slider below goes
back in time: the same picture, of the model as it was at an earlier step.

What a hand drags or picks in a picture sets the view's knobs, and the picture is
drawn again at once. There is never more than one such drawing under way: when it
ends, the next begins with what the knobs are by then, and what they were in between
is never drawn. A training beside it has its turns as long as the pictures come fast
enough; else it waits for a few of them, and then has a turn again.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSlider,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app.form import KnobForm
from app.holder import Holder
from app.i18n import _
from app.icons import IconButton
from app.jobs import Strip, words_for
from engine.events import Ended, Event, Shown
from engine.family import View
from engine.knobs import Knob, KnobError, knobs_of
from engine.payloads import Sound
from engine.worker import Job

if TYPE_CHECKING:
    from engine.session import Session

SETTLE_MS = 200
PLAY_MS = 700
LATE_SECONDS = 1 / 40  # a picture by hand that takes longer is late
HELD = 8  # pictures that a training then waits for

log = logging.getLogger(__name__)


class ViewCard(QWidget):
    """One view: caption, knobs, picture.

    asked: somebody wants it drawn. turned: a hand in the picture has set knobs.
    """

    asked = Signal()
    turned = Signal()
    help = Signal(str)

    def __init__(self, view: View, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.on_demand = view.every is None
        self.step = -1
        caption = QLabel(_(view.caption))
        caption.setProperty("role", "faint")
        caption.setWordWrap(True)
        self.show_button = IconButton("eye-outline", _("Show"), text=_("Show"))
        self.show_button.setVisible(self.on_demand)
        self.show_button.clicked.connect(self.asked)
        self.help_button = IconButton("help-circle-outline", _("About this picture"), role="flat")
        self.help_button.clicked.connect(lambda: self.help.emit(view.key))
        self.form = KnobForm(view.knobs, shape="line")
        self.form.setVisible(bool(knobs_of(view.knobs)))
        self.form.changed.connect(lambda *_change: self.asked.emit())
        self.problem = QLabel()
        self.problem.setProperty("role", "warning")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.holder = Holder()
        self.holder.turned.connect(self.turn)
        self.say_empty(False)
        top = QHBoxLayout()
        top.addWidget(caption, 1)
        top.addWidget(self.show_button)
        top.addWidget(self.help_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 4)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.form)
        layout.addWidget(self.problem)
        layout.addWidget(self.holder, 1)

    def show_payload(self, shown: Shown) -> None:
        """Show a picture of the model at some step."""
        self.complain("")
        self.step = shown.step
        self.show_button.setEnabled(True)
        if isinstance(shown.payload, Sound):
            self.show_button.show()  # a sound is for when one wants to hear it
        self.holder.show_payload(shown.payload)

    def turn(self, values: dict[str, Any]) -> None:
        """Set these knobs, as far as the view has them and their bounds go."""
        known = {knob.name: knob for knob in knobs_of(self.view.knobs)}
        fitting: dict[str, Any] = {}
        for name, value in values.items():
            try:
                fitting[name] = within(known[name], value)
            except (KeyError, KnobError, TypeError, ValueError) as error:
                log.info("%s: cannot set %s to %r: %r", self.view.key, name, value, error)
        before = self.form.value()
        if any(getattr(before, name) != value for name, value in fitting.items()):
            self.form.show_values(fitting)
            self.turned.emit()

    def picture_knob(self) -> str:
        """The name of its first knob that is a picture; empty if there is none."""
        return next((k.name for k in knobs_of(self.view.knobs) if k.kind == "picture"), "")

    def say_empty(self, there: bool) -> None:
        """Nothing to see; `there`: whether there is a model that could be shown."""
        self.show_button.setEnabled(there)
        if self.view.invitation:
            self.holder.clear(_(self.view.invitation))
        elif self.on_demand and there:
            self.holder.clear(_("Press Show."))
        elif there:
            self.holder.clear(_("One moment…"))
        elif self.on_demand:
            self.holder.clear(_("Press Train, then Show."))
        else:
            self.holder.clear(_("The picture appears with the first step of training."))

    def complain(self, words: str) -> None:
        """Show why there is no picture, and nothing besides; an empty text takes it away."""
        if words and self.holder.payload is None:
            self.holder.clear("")
        self.problem.setText(words)
        self.problem.setVisible(bool(words))


def within(knob: Knob, value: Any) -> Any:
    """`value` as the knob takes it; a number beyond its bounds becomes the nearest one."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if knob.kind in ("int", "float"):
        assert knob.low is not None
        assert knob.high is not None
        value = min(max(value, knob.low), knob.high)
        value = round(value) if knob.kind == "int" else value
    elif knob.kind == "numbers":
        value = [n.item() if isinstance(n, np.generic) else n for n in value]
    return knob.checked(value)


class Pictures(QFrame):
    """All views of a session's model, one at a time.

    help: key of the view that somebody wants explained.
    """

    help = Signal(str)

    def __init__(self, session: "Session", strip: Strip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.session = session
        self.strip = strip
        self._job: Job | None = None
        self._again = False  # whether knobs were turned since the job began
        self._asked = 0.0  # when the job was asked for
        self._held = 0  # how many pictures the training still waits for
        self.training: Job | None = None  # what trains the model, if anything does
        self._steps: tuple[int, ...] = ()
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Pictures"))
        self.stack = QStackedWidget()
        self.cards: dict[str, ViewCard] = {}
        for view in session.model.views:
            each = ViewCard(view)
            self.cards[view.key] = each
            self.stack.addWidget(each)
            self.tabs.addTab(_(view.title))
            each.asked.connect(self._settle)
            each.turned.connect(self._follow_hand)
            each.help.connect(self.help)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 0)
        self.slider.setPageStep(1)
        self.slider.setAccessibleName(_("The model at an earlier step"))
        self.slider.setToolTip(_("Go back in time: the picture as it was at an earlier step"))
        self.when = QLabel()
        self.when.setMinimumWidth(96)
        self.play_button = IconButton(
            "play-outline", _("Play from the first step to now"), role="flat"
        )
        self._lay_out()
        self._settled = self._timer(SETTLE_MS, self._ask, once=True)
        self._rested = self._timer(SETTLE_MS, self._rest, once=True)
        self._playing = self._timer(PLAY_MS, self._play_on, once=False)
        self.tabs.currentChanged.connect(self._change_view)
        self.slider.valueChanged.connect(self._travel)
        self.play_button.clicked.connect(self._play)
        self.show_steps()

    def _timer(self, interval: int, action: Callable[[], None], *, once: bool) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(once)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer

    def _lay_out(self) -> None:
        self.time = QWidget()
        line = QHBoxLayout(self.time)
        line.setContentsMargins(12, 0, 12, 8)
        line.addWidget(self.play_button)
        line.addWidget(self.slider, 1)
        line.addWidget(self.when)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.time)

    # --- what is so

    @property
    def current(self) -> ViewCard | None:
        """The card that can be seen."""
        card = self.stack.currentWidget()
        return card if isinstance(card, ViewCard) else None

    @property
    def now(self) -> bool:
        """Whether the slider stands at the present."""
        return self.slider.value() == self.slider.maximum()

    @property
    def step(self) -> int | None:
        """The step that the slider stands at; None is the present."""
        return None if self.now else self._steps[self.slider.value()]

    # --- what happens

    def hear(self, shown: Shown) -> None:
        """A view was drawn again by the training."""
        card = self.cards.get(shown.view)
        # During a drag it would be of knobs that are no longer so.
        if card is not None and self.now and not self._rested.isActive():
            self._draw(card, shown)

    def refresh(self) -> None:
        """The model is another one, or this is seen again: say what is wanted, and draw it."""
        self.show_steps()
        self._want()
        card = self.current
        if card is None or self.session.learner is None or not self.isVisible():
            return
        wanted = self.session.step if self.step is None else self.step
        if card.on_demand and card.holder.payload is None:
            card.say_empty(True)
        elif card.step != wanted and not (card.on_demand and self.now):
            drawn_anyway = self.session.status == "training" and self.now
            if card.holder.payload is None or not drawn_anyway:
                self._settle()

    def show_steps(self) -> None:
        """Let the slider reach all steps that are kept; at the present it stays there."""
        steps = self.session.snapshots
        now = self.now
        if steps != self._steps:
            here = None if now else self._steps[self.slider.value()]
            self._steps = steps
            self.slider.blockSignals(True)
            self.slider.setRange(0, len(steps))
            self.slider.setValue(
                steps.index(here) if here is not None and here in steps else len(steps)
            )
            self.slider.blockSignals(False)
        self.time.setVisible(len(steps) > 1)
        self._say_when()

    def clear(self) -> None:
        """There is no model any more."""
        self.stop()
        for key, card in self.cards.items():
            self.strip.pump.forget((id(self), key))
            card.step = -1
            card.complain("")
            card.say_empty(False)
        self.slider.setValue(self.slider.maximum())
        self.show_steps()

    def use_picture(self, path: str) -> bool:
        """Put the picture into the view that is seen, or the first that takes one.

        Whether there is one that does.
        """
        cards = list(self.cards.values())
        seen = self.current
        for card in ([seen] if seen is not None else []) + cards:
            if name := card.picture_knob():
                card.form.show_values({name: path})
                self.tabs.setCurrentIndex(cards.index(card))
                self._want()
                self._settled.stop()
                self._ask()
                return True
        return False

    def stop(self) -> bool:
        """Stop drawing. Whether there was something to stop."""
        self._playing.stop()
        self._settled.stop()
        self._let_go()
        if self._job is None:
            return False
        self._job.stop()
        return True

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Take up again what is shown."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Nobody looks: nothing is wanted."""
        super().hideEvent(event)
        self._let_go()
        self._playing.stop()
        self.session.wanted = {}

    def _want(self) -> None:
        """Tell the training what to draw. A new dictionary: the other thread may read the old."""
        card = self.current
        wanted: dict[str, Any] = {}
        if card is not None and not card.on_demand and self.isVisible() and self.now:
            wanted[card.view.key] = card.form.value()
        self.session.wanted = wanted

    def _change_view(self, index: int) -> None:
        self._let_go()
        self.stack.setCurrentIndex(index)
        self.refresh()

    def _travel(self) -> None:
        self._say_when()
        self._want()
        card = self.current
        if card is not None and not (card.on_demand and card.holder.payload is None):
            self._settle()

    def _say_when(self) -> None:
        """Tell the step: at the present that of the picture, which a training leaves behind."""
        step, card = self.step, self.current
        if step is None and card is not None and 0 <= card.step != self.session.step:
            step = card.step
        words = _("now") if step is None else _("step {step:,}").format(step=step)
        self.when.setText(words)

    def _settle(self) -> None:
        """Draw soon; a slider that moves on starts the wait anew."""
        self._want()
        self._settled.start()

    def _ask(self) -> None:
        """Have the current view drawn, in place of what was asked before."""
        card = self.current
        if card is None or self.session.learner is None:
            return
        if complaints := card.form.commit():
            card.complain("\n".join(complaints))
            return
        self._look(card)

    def _follow_hand(self) -> None:
        """Draw at once; what is being drawn by hand already is waited for."""
        card = self.current
        if card is None or self.session.learner is None:
            return
        self._want()
        self._settled.stop()
        dragging = self._rested.isActive()
        self._rested.start()
        self.strip.pump.hurry()
        if self._job is not None and dragging:
            self._again = True
        else:
            self._look(card)

    def _rest(self) -> None:
        """The hand rests: what is drawn with older knobs, and takes long, is not waited for."""
        again = self._again
        self._let_go()
        if again and self.current is not None:
            self._look(self.current)

    def _let_go(self) -> None:
        """No hand is in the picture any more."""
        self._rested.stop()
        self._again, self._held = False, 0
        if self.training is not None:
            self.training.resume()

    def _keep_pace(self) -> None:
        """A picture by hand is there: if it came late, the training waits for the next few."""
        if self._held:
            self._held -= 1
        elif time.perf_counter() - self._asked > LATE_SECONDS:
            self._held = HELD
        if self.training is not None:
            if self._held:
                self.training.pause()
            else:
                self.training.resume()

    def _look(self, card: ViewCard) -> None:
        if self._job is not None:
            self._job.stop()
        self._again = False
        self._asked = time.perf_counter()
        job = self._job = self.session.look(card.view, card.form.value(), self.step)
        self.strip.follow(job, lambda event: self._hear_look(job, card, event), listed=False)

    def _hear_look(self, job: Job, card: ViewCard, event: Event) -> None:
        if job is not self._job:
            return
        if isinstance(event, Shown):
            self._draw(card, event)
        elif isinstance(event, Ended):
            self._job = None
            if event.error is not None:
                card.complain(words_for(event.error, card.view.title))
            if self._rested.isActive():
                self._keep_pace()
            if self._again and card is self.current:
                self._look(card)

    def _draw(self, card: ViewCard, shown: Shown) -> None:
        self.strip.pump.draw(
            (id(self), card.view.key),
            lambda: self._show(card, shown),
            first=self._rested.isActive(),
        )

    def _show(self, card: ViewCard, shown: Shown) -> None:
        card.show_payload(shown)
        self._say_when()

    def _play(self) -> None:
        self.slider.setValue(0)
        self._playing.start()

    def _play_on(self) -> None:
        if self.now:
            self._playing.stop()
        elif self._job is None:  # a picture that takes long is waited for
            self.slider.setValue(self.slider.value() + 1)

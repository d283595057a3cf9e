"""The transport bar: reset, train, step, and how far it is. The same in every tab."""

import math

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.i18n import _, ngettext
from app.icons import IconButton
from engine.events import Progress

NARROWEST, WORDS, ROOMY = 740, 1000, 1060  # pixels: icons alone, words beside, the seed too


def duration(seconds: float) -> str:
    """``75`` as ``"1 min 15 s"``."""
    if seconds <= 59:  # as it is rounded up, more is a minute
        return _("{seconds:.0f} s").format(seconds=math.ceil(seconds))
    minutes, rest = divmod(max(60, round(seconds)), 60)
    if minutes < 60:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, 60)
    return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)


def rate(per_second: float) -> str:
    """Steps per second, with as many digits as mean something."""
    digits = 0 if per_second >= 20 else 1
    return f"{per_second:,.{digits}f}"


class Readout(QWidget):
    """A number with its name below; so many pixels wide, or where room is short `narrow`."""

    def __init__(self, name: str, width: int, narrow: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.value = Elided("–")
        self.value.setProperty("role", "heading")
        self.name = Elided(name)
        self.name.setProperty("role", "faint")
        self.widths = (narrow, width)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for label in (self.value, self.name):
            layout.addWidget(label)

    def show_value(self, value: str, name: str | None = None) -> None:
        """Another value, and another name where one is given."""
        if value != self.value.text():
            self.value.setText(value)
            self.value.setToolTip(value)
        if name is not None and name != self.name.text():
            self.name.setText(name)
            self.name.setToolTip(name)


class Transport(QFrame):
    """Buttons for a training, and its numbers.

    more: run this number of further steps.
    """

    reset = Signal()
    train = Signal()
    step = Signal()
    more = Signal(int)
    dice = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.reset_button = IconButton(
            "restart", _("Reset"), text=_("Reset"), tip=_("Begin anew with the same seed")
        )
        self.train_button = IconButton("play", _("Train"), text=_("Train"), role="primary")
        self.train_button.setIconSize(QSize(22, 22))
        self.train_button.setMinimumWidth(self._widest(_("Train"), _("Pause"), _("Continue")))
        self.step_button = IconButton(
            "skip-next", _("Step"), text=_("Step"), tip=_("Take one training step (S)")
        )
        self.count = QSpinBox()
        self.count.setRange(1, 1_000_000)
        self.count.setValue(100)
        self.count.setSingleStep(100)
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.count.setMinimumHeight(28)
        self.count.setAccessibleName(_("Further steps"))
        self.more_button = IconButton("plus", _("Train so many further steps"), text=_("steps"))
        self.dice_button = IconButton("dice-5-outline", _("New seed"))
        self.seed = QLabel()
        self.seed.setProperty("role", "faint")
        self.steps = Readout(_("step"), 70, 46)
        self.loss = Readout(_("loss"), 150, 86)
        self.speed = Readout(_("steps/s"), 60, 50)
        self.left = Readout(_("time left"), 100, 84)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(_("Progress of the training"))
        self._lay_out()
        self.reset_button.clicked.connect(self.reset)
        self.train_button.clicked.connect(self.train)
        self.step_button.clicked.connect(self.step)
        self.more_button.clicked.connect(lambda: self.more.emit(self.count.value()))
        self.dice_button.clicked.connect(self.dice)
        self.show_status("empty")

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setContentsMargins(10, 8, 14, 6)
        buttons.setSpacing(6)
        groups: tuple[tuple[QWidget, ...], ...] = (
            (self.reset_button, self.train_button, self.step_button),
            (self.count, self.more_button),
            (self.dice_button, self.seed),
        )
        for group in groups:
            for each in group:
                buttons.addWidget(each)
            buttons.addSpacing(6)
        buttons.addStretch(1)
        for readout in (self.steps, self.loss, self.speed, self.left):
            buttons.addWidget(readout)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        self._fit(self.width())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As narrow as it is with icons alone."""
        return QSize(NARROWEST, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """With less room, icons stand alone and numbers move together."""
        super().resizeEvent(event)
        self._fit(event.size().width())

    def _fit(self, width: int) -> None:
        words = width >= WORDS
        for button, name in (
            (self.reset_button, _("Reset")),
            (self.step_button, _("Step")),
            (self.more_button, _("steps")),
        ):
            button.set_text(name if words else "")
        self.count.setFixedWidth(84 if words else 72)
        self.seed.setVisible(width >= ROOMY)
        for readout in (self.steps, self.loss, self.speed, self.left):
            readout.setFixedWidth(readout.widths[words])

    def _widest(self, *words: str) -> int:
        """How wide the large button has to be for any of these, so that it never jumps."""
        self.train_button.ensurePolished()
        found = 0
        for each in words:
            self.train_button.set_text(each)
            found = max(found, self.train_button.sizeHint().width())
        return found

    def show_status(self, status: str, begun: bool = False) -> None:
        """ "empty", "training" or "paused"; `begun`: whether there are steps already."""
        training = status == "training"
        self.train_button.set_icon("pause" if training else "play")
        words = _("Pause") if training else _("Continue") if begun else _("Train")
        self.train_button.set_text(words)
        self.train_button.setAccessibleName(words)
        self.train_button.setToolTip(
            _("Stop here; the model stays loaded (P)") if training else _("Train (Ctrl+Enter)")
        )
        self.reset_button.setEnabled(status != "empty")
        for each in (self.step_button, self.more_button):
            each.setEnabled(not training)
        if status == "empty":
            for readout in (self.steps, self.loss, self.speed, self.left):
                readout.show_value("–")
            self.bar.setValue(0)
        elif not training:
            self.speed.show_value("–")
            self.left.show_value("–")

    def show_seed(self, seed: int) -> None:
        """The seed of the present or the next training."""
        self.seed.setText(_("seed {seed}").format(seed=seed))
        self.dice_button.setToolTip(
            _("Choose a new seed and begin anew (Reset keeps seed {seed})").format(seed=seed)
        )

    def show_numbers(self, step: int, loss: float | None, unit: str, title: str = "") -> None:
        """Step and loss, training or not. title: what is shown in place of the loss, if so."""
        self.steps.show_value(f"{step:,}", ngettext("step", "steps", step))
        named = unit not in ("", "loss")  # a unit called loss says nothing more
        loss_name = _("loss, {unit}").format(unit=_(unit)) if named else _("loss")
        self.loss.show_value("–" if loss is None else f"{loss:.4g}", title or loss_name)

    def show_progress(self, progress: Progress) -> None:
        """Speed, time left, and the bar."""
        if progress.steps_per_second:
            self.speed.show_value(rate(progress.steps_per_second))
        self.left.show_value(
            "–" if progress.seconds_left is None else duration(progress.seconds_left)
        )
        self.bar.setValue(0 if progress.done is None else round(1000 * progress.done))

"""The left column: which model, which preset, which data, which settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.datacard import DataCard
from app.form import KnobForm
from app.i18n import _
from app.jobs import Strip, words_for
from engine.family import Family
from engine.knobs import knobs_of
from engine.phrases import PlaygroundError

if TYPE_CHECKING:
    from engine.session import Session


def heading(text: str) -> QLabel:
    """The title of a part of the column."""
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label


class _Past(QObject):
    """Scrolling past a box does not turn it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leave the wheel to the column."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class Setup(QScrollArea):
    """What the next training starts with.

    changed: ("net" or "train", name, value) of a knob that a person has set.
    model_wanted: key of another model of the family.
    """

    changed = Signal(str, str, object)
    model_wanted = Signal(str)
    reset = Signal()

    def __init__(
        self,
        family: Family,
        session: "Session",
        data_sets: Sequence[Any],
        strip: Strip,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        model = session.model
        self.session = session
        self.data = DataCard(session.playground, data_sets, strip, model.accepts)
        self.net = KnobForm(session.net)
        self.train = KnobForm(session.train, badges=True)
        self.model = QComboBox()
        self.model.setAccessibleName(_("Model"))
        for each in family.models:
            self.model.addItem(_(each.title), each.key)
        self.model.setCurrentIndex(self.model.findData(model.key))
        self.preset = QComboBox()
        self.preset.setAccessibleName(_("Preset"))
        for box in (self.model, self.preset):
            box.setMinimumContentsLength(12)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        for preset in model.presets:
            self.preset.addItem(_(preset.title), preset)
            index = self.preset.count() - 1
            self.preset.setItemData(index, _(preset.help), Qt.ItemDataRole.ToolTipRole)
        self.preset_help = self._note("faint")
        self.estimate = self._note("faint")
        self.estimate.setAccessibleName(_("Estimate"))
        self.estimate.hide()
        self.restart = QFrame()
        self.inside = QWidget()
        self._lay_out(len(family.models) > 1, _(model.summary))
        past = _Past(self)
        for box in self.inside.findChildren(QComboBox):
            box.installEventFilter(past)
        self.model.activated.connect(self._choose_model)
        self.preset.activated.connect(self._take_preset)
        self.data.chosen.connect(lambda *_chosen: self.mark_restart())
        for part, form in (("net", self.net), ("train", self.train)):
            form.changed.connect(
                lambda name, value, part=part: self._knob_changed(part, name, value)
            )
        self._name_preset()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As wide as the widest setting, since one scrolls only up and down."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.inside.minimumSizeHint().width() + bar, 100)

    def _note(self, role: str) -> QLabel:
        label = QLabel()
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _lay_out(self, several_models: bool, summary: str) -> None:
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self.inside)
        column.setContentsMargins(2, 10, 12, 10)
        column.setSpacing(8)
        about = self._note("faint")
        about.setText(summary)
        if several_models:
            column.addWidget(heading(_("Model")))
            column.addWidget(self.model)
        column.addWidget(about)
        column.addSpacing(4)
        column.addWidget(heading(_("Preset")))
        column.addWidget(self.preset)
        column.addWidget(self.preset_help)
        column.addWidget(self.estimate)
        column.addWidget(self._restart_note())
        column.addSpacing(4)
        column.addWidget(heading(_("Data")))
        column.addWidget(self.data)
        column.addSpacing(6)
        column.addWidget(heading(_("Training")))
        column.addWidget(self.train)
        column.addSpacing(6)
        column.addWidget(heading(_("Network")))
        column.addWidget(self.net)
        column.addStretch(1)
        self.setWidget(self.inside)

    def _restart_note(self) -> QFrame:
        note = self._note("warning")
        note.setText(_("Some settings take effect after Reset"))
        button = QPushButton(_("Reset"))
        button.clicked.connect(self.reset)
        line = QHBoxLayout(self.restart)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(note, 1)
        line.addWidget(button)
        self.restart.hide()
        return self.restart

    # --- what is so

    def problems(self) -> tuple[str, ...]:
        """Everything that is in the way of a training, in words."""
        found = [*self.data.problems(), *self.net.commit(), *self.train.commit()]
        # Data that is still being loaded is no problem: the training waits for it.
        if self.data.data is not None and not self.data.loading and not found:
            try:
                self.session.model.check(self.data.data, self.net.value())
            except PlaygroundError as error:
                found.append(words_for(error))
        return tuple(found)

    # --- what is shown

    def show_settings(self, net: Any, train: Any) -> None:
        """Show all values of both forms."""
        self.net.set_value(net)
        self.train.set_value(train)
        self._name_preset()
        self.mark_restart()

    def show_live(self, train: Any) -> None:
        """Follow the live knobs; what waits for a reset stays as it was typed."""
        shown = self.train.value()
        live = {k.name: getattr(train, k.name) for k in knobs_of(train) if k.live}
        turned = {name: value for name, value in live.items() if getattr(shown, name) != value}
        if turned:
            self.train.show_values(turned)
            self._name_preset()

    def show_estimate(self, words: str, wrong: bool = False) -> None:
        """How long and how large the training would be, or why it cannot be."""
        self.estimate.setProperty("role", "warning" if wrong else "faint")
        self.estimate.style().polish(self.estimate)
        self.estimate.setText(words)
        self.estimate.setVisible(bool(words))

    def follow(self, status: str) -> None:
        """Show what goes with "empty", "training" or "paused"."""
        self.preset.setEnabled(status != "training")
        self.mark_restart()

    def mark_restart(self) -> None:
        """Mark what differs from the model that is there."""
        learner = self.session.learner
        waiting = False
        for form, present in (
            (self.net, learner.net if learner else None),
            (self.train, learner.train if learner else None),
        ):
            set_to = form.value()
            names = [
                knob.name
                for knob in knobs_of(set_to)
                if present is not None and getattr(set_to, knob.name) != getattr(present, knob.name)
            ]
            form.mark_restart(names)
            waiting = waiting or bool(names)
        other = learner is not None and self.data.name not in ("", self.session.data_name)
        self.data.show_pending(other)
        self.restart.setVisible(waiting or other)

    def _choose_model(self) -> None:
        wanted = self.model.currentData()
        self.model.setCurrentIndex(self.model.findData(self.session.model.key))
        if wanted != self.session.model.key:
            self.model_wanted.emit(wanted)

    def _take_preset(self) -> None:
        preset = self.preset.currentData()
        if preset is None:
            return
        before = self.train.value()
        self.show_settings(preset.net, preset.train)
        for knob in knobs_of(preset.train):
            value = getattr(preset.train, knob.name)
            if value != getattr(before, knob.name):
                self.changed.emit("train", knob.name, value)
        self.changed.emit("net", "", None)

    def _knob_changed(self, part: str, name: str, value: object) -> None:
        self._name_preset()
        self.changed.emit(part, name, value)

    def _name_preset(self) -> None:
        """Show which preset the settings are; with any of them changed, "Own settings"."""
        own = self.preset.findData(None)
        presets = self.session.model.presets
        net, train = self.net.value(), self.train.value()
        same = [preset for preset in presets if preset.net == net and preset.train == train]
        if same:
            if own >= 0:
                self.preset.removeItem(own)
            self.preset.setCurrentIndex(presets.index(same[0]))
        else:
            if own < 0:
                self.preset.addItem(_("Own settings"), None)
            self.preset.setCurrentIndex(len(presets))
        self.preset_help.setText(_(same[0].help) if same else "")
        self.preset_help.setVisible(bool(same))

"""A form made from a declaration of knobs, and from nothing else.

Live knobs carry a small dot: they take effect at the next step of a running
training. Advanced ones are folded under "More settings". What is typed wrongly
is told below its field, with what would be accepted.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.fields import NotchSlider, NumberField, TextField, field_for, has_slider
from app.flow import Flow
from app.i18n import _
from app.icons import IconButton
from engine.knobs import Knob, changed, knobs_of

Shape: TypeAlias = Literal["column", "grid", "line"]
"""A column with sliders; two columns without; in one line, as long as there is room."""


class KnobRow(QWidget):
    """Title, unit and field of one knob, and what there is to say about it."""

    def __init__(
        self, knob: Knob, shape: Shape, badge: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.knob = knob
        self.field = field_for(knob)
        self.slider: NotchSlider | None = None
        if shape == "column" and isinstance(self.field, NumberField) and has_slider(knob):
            self.slider = NotchSlider(self.field)
        self.badge = QLabel("●") if badge and knob.live else None
        self.complaint = QLabel()
        self.complaint.setProperty("role", "warning")
        self.restart = QLabel(_("takes effect after Reset"))
        self.restart.setProperty("role", "faint")
        title = QLabel(_(knob.title))
        title.setBuddy(self.field)
        head = QHBoxLayout()
        head.setSpacing(5)
        head.addWidget(title)
        if knob.unit:
            unit = QLabel(_(knob.unit))
            unit.setProperty("role", "faint")
            head.addWidget(unit)
        if self.badge:
            self.badge.setStyleSheet("color: palette(highlight); font-size: 9px;")
            self.badge.setToolTip(_("Live: can be changed while it trains"))
            head.addWidget(self.badge)
        above = isinstance(self.field, TextField) and shape != "line"
        if isinstance(self.field, TextField) and shape == "line":
            self.field.most_lines = 3  # the picture below needs the room
        if shape != "line" and not isinstance(self.field, TextField):
            head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        if above:
            layout.addWidget(self.field)
        else:
            head.addWidget(self.field)
        if self.slider:
            layout.addWidget(self.slider)
        for note in (self.complaint, self.restart):
            note.setWordWrap(True)
            note.hide()
            layout.addWidget(note)
        tip = help_of(knob)
        for each in (title, self.field, *([self.slider] if self.slider else [])):
            each.setToolTip(tip)
        self.field.setAccessibleName(_(knob.title))
        self.field.setAccessibleDescription(_(knob.help))
        self.field.complained.connect(self.complain)

    def complain(self, text: str) -> None:
        """Show what is wrong; an empty text takes it away."""
        self.complaint.setText(text)
        self.complaint.setVisible(bool(text))

    def set_value(self, value: Any) -> None:
        """Show `value`."""
        self.field.set_value(value)
        if self.slider:
            self.slider.follow()


def help_of(knob: Knob) -> str:
    """The tooltip: help, what is accepted, and whether it is live."""
    lines = [_(knob.help)] if knob.help else []
    if knob.kind in ("int", "float"):
        lines.append(_("Accepted: {accepted}").format(accepted=_(knob.accepted())))
    return "\n".join(lines)


class KnobForm(QWidget):
    """Fields for all knobs of a class, or of an instance whose values it starts with.

    changed: (name, value) of a knob that a person has set.
    """

    changed = Signal(str, object)

    def __init__(
        self,
        knobs: Any,
        *,
        shape: Shape = "column",
        badges: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`badges`: whether to mark live knobs, where not all of them are."""
        super().__init__(parent)
        self._value = knobs() if isinstance(knobs, type) else knobs
        self.rows = {knob.name: KnobRow(knob, shape, badges) for knob in knobs_of(self._value)}
        self._columns = {"column": 1, "grid": 2, "line": 0}[shape]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        first = self._placed([row for row in self.rows.values() if not row.knob.advanced])
        layout.addLayout(first)
        folded = [row for row in self.rows.values() if row.knob.advanced]
        words = _("More settings")
        self.more = IconButton("chevron-right", words, text=words, role="flat")
        self.folded = QWidget()
        if folded:
            self.more.setCheckable(True)
            self.more.toggled.connect(self._fold)
            inner = self._placed(folded)
            inner.setContentsMargins(0, 0, 0, 0)
            self.folded.setLayout(inner)
            if shape == "line":
                self.more.set_text("")
                self.more.set_icon("tune-variant")
                first.addWidget(self.more)
            else:
                layout.addWidget(self.more)
            layout.addWidget(self.folded)
        self.folded.hide()
        self._show()
        for name, row in self.rows.items():
            row.field.edited.connect(lambda name=name: self._edited(name))

    def _placed(self, rows: list[KnobRow]) -> QLayout:
        """`rows` in a line that breaks where it must, or over the columns."""
        if self._columns:
            return self._grid(rows)
        flow = Flow()
        for row in rows:
            # A text takes the room that is left of its line.
            grows = isinstance(row.field, TextField)
            across = QSizePolicy.Policy.Expanding if grows else QSizePolicy.Policy.Maximum
            row.setSizePolicy(across, QSizePolicy.Policy.Fixed)
            flow.addWidget(row)
        return flow

    def _grid(self, rows: list[KnobRow]) -> QGridLayout:
        """`rows` over the columns; a text takes the whole width."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        line = column = 0
        for row in rows:
            whole = isinstance(row.field, TextField) and self._columns == 2
            if whole and column:
                line, column = line + 1, 0
            grid.addWidget(row, line, column, 1, self._columns if whole else 1)
            column += self._columns if whole else 1
            if column >= self._columns:
                line, column = line + 1, 0
        for each in range(self._columns):
            grid.setColumnStretch(each, 1)
        return grid

    def value(self) -> Any:
        """The knobs as they are set; of what is typed wrongly, the value before."""
        return self._value

    def set_value(self, knobs: Any) -> None:
        """Show other values; nothing is emitted."""
        self._value = knobs
        self._show()

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show other values of these knobs alone; nothing is emitted. Bad values raise."""
        self._value = changed(self._value, values)
        for name in values:
            self.rows[name].set_value(getattr(self._value, name))

    def commit(self) -> tuple[str, ...]:
        """Take what is typed; everything that is wrong with it, each with its title."""
        complaints = []
        for row in self.rows.values():
            if complaint := row.field.commit():
                complaints.append(f"{_(row.knob.title)}: {complaint}")
                if row.knob.advanced:
                    self.more.setChecked(True)
        return tuple(complaints)

    def mark_restart(self, names: Collection[str]) -> None:
        """Say at these knobs, and only these, that they take effect after a reset."""
        for name, row in self.rows.items():
            row.restart.setVisible(name in names)

    def _show(self) -> None:
        for name, row in self.rows.items():
            row.set_value(getattr(self._value, name))

    def _edited(self, name: str) -> None:
        value = self.rows[name].field.value()
        if value != getattr(self._value, name):
            self._value = changed(self._value, {name: value})
            self.changed.emit(name, value)

    def _fold(self, shown: bool) -> None:
        if self._columns:
            self.more.set_icon("chevron-down" if shown else "chevron-right")
        self.folded.setVisible(shown)

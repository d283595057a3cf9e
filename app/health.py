"""What is wrong with a training, in one sentence, with a button that applies the remedy."""

from collections.abc import Sequence

import qtawesome
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from app.i18n import _
from app.icons import IconButton
from app.theme import theme
from engine.family import Rule

ICON = 18  # pixels


class HealthBanner(QFrame):
    """The first finding that was not waved away; nothing while all is well.

    What was waved away comes back only after it has been gone for a while.

    remedy: the `Rule` whose remedy is wanted.
    """

    remedy = Signal(object)

    def __init__(self, rules: Sequence[Rule], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.rules = {rule.key: rule for rule in rules}
        self.rule: Rule | None = None
        self._found: tuple[str, ...] = ()
        self._dismissed: set[str] = set()
        self.icon = QLabel()
        self.icon.setFixedWidth(ICON)
        self.sentence = QLabel()
        self.sentence.setProperty("role", "warning")
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setAccessibleName(_("Health of the training"))
        self.button = QPushButton()
        self.button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.close_button = IconButton("close", _("Do not show this again"), role="flat")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 1, 8, 1)
        layout.setSpacing(8)
        layout.addWidget(self.icon)
        layout.addWidget(self.sentence, 1)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)
        self.button.clicked.connect(self._apply)
        self.close_button.clicked.connect(self._wave_away)
        theme().changed.connect(self._recolour)
        self._recolour()
        self.hide()

    def show_found(self, found: Sequence[str]) -> None:
        """Show the first of these keys of rules that was not waved away."""
        self._found = tuple(found)
        self._dismissed &= set(found)
        self._show()

    def clear(self) -> None:
        """Another training: nothing is known of it."""
        self._dismissed.clear()
        self.show_found(())

    def _show(self) -> None:
        left = [key for key in self._found if key in self.rules and key not in self._dismissed]
        rule = self.rules[left[0]] if left else None
        if rule is self.rule:
            return
        self.rule = rule
        if rule is not None:
            self.sentence.setText(_(rule.sentence))
            self.button.setText(_(rule.button))
            for each in (self, self.sentence, self.icon):
                each.setToolTip(_(rule.rule))
            self.sentence.setAccessibleDescription(_(rule.rule))
        self.setVisible(rule is not None)

    def _apply(self) -> None:
        """What was done about is not shown until it is found anew."""
        if self.rule is not None:
            rule = self.rule
            self._wave_away()
            self.remedy.emit(rule)

    def _wave_away(self) -> None:
        if self.rule is not None:
            self._dismissed.add(self.rule.key)
            self._show()

    def _recolour(self) -> None:
        icon = qtawesome.icon("mdi6.alert-outline", color=theme().palette.warning)
        self.icon.setPixmap(icon.pixmap(QSize(ICON, ICON)))

"""What a tab shows until the engine is there: what this family is, and what one will see."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.i18n import _
from engine.family import Family


class Welcome(QWidget):
    """The first picture of a tab; needs nothing but the family's own words."""

    def __init__(self, family: Family, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(_(family.title))
        title.setStyleSheet("font-size: 28px; font-weight: 600;")
        summary = QLabel(_(family.summary))
        summary.setWordWrap(True)
        summary.setStyleSheet("font-size: 15px;")
        steps = QLabel(
            _(
                "One click trains it on the data that is here already. You can watch it learn, "
                "stop it at any moment, look inside, and play with it."
            )
        )
        steps.setWordWrap(True)
        steps.setProperty("role", "faint")
        self.note = QLabel(_("Loading the engine…"))
        self.note.setProperty("role", "faint")
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(_("Loading the engine…"))
        card = QFrame()
        card.setProperty("role", "card")
        card.setFixedWidth(560)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(36, 32, 36, 28)
        inside.setSpacing(14)
        for each in (title, summary, steps):
            inside.addWidget(each)
        inside.addSpacing(12)
        inside.addWidget(self.bar)
        inside.addWidget(self.note)
        middle = QHBoxLayout()  # an alignment flag would forget that text has a height for a width
        middle.addStretch(1)
        middle.addWidget(card)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addLayout(middle)
        layout.addStretch(3)

    def fail(self, words: str) -> None:
        """The engine cannot be loaded, and why."""
        self.bar.hide()
        self.note.setProperty("role", "warning")
        self.note.style().polish(self.note)
        self.note.setWordWrap(True)
        self.note.setText(words)

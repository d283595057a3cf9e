"""A place for whatever a model shows: the widget follows from the payload's class."""

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from app.plots import WIDGETS
from engine.payloads import Payload


class Holder(QStackedWidget):
    """Shows payloads of any class, or a sentence as long as there is none.

    regenerate: (tokens, position, id) - a person chose another token at that position.
    turned: {name of a knob: value} - a person dragged or picked something in the picture.
    made: a widget was made for payloads of a class that was not shown before.
    """

    regenerate = Signal(object, int, int)
    turned = Signal(dict)
    made = Signal(QWidget)

    def __init__(self, words: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.payload: Payload | None = None
        self.widgets: dict[type[Any], QWidget] = {}
        self._words = words
        self.label = QLabel(words)
        self.label.setProperty("role", "faint")
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        empty = QWidget()
        layout = QVBoxLayout(empty)
        layout.addWidget(self.label, 1)
        self.addWidget(empty)

    def show_payload(self, payload: Payload) -> None:
        """Show `payload` in the widget of its class, which is made when first needed."""
        kind = type(payload)
        if kind not in self.widgets:
            self.widgets[kind] = self._made(kind)
        self.payload = payload
        self.widgets[kind].show_payload(payload)  # type: ignore[attr-defined]
        self.setCurrentWidget(self.widgets[kind])

    def clear(self, words: str | None = None) -> None:
        """Show the sentence again, or another one."""
        self.payload = None
        self._words = self._words if words is None else words
        self.label.setText(self._words)
        self.setCurrentIndex(0)

    def _made(self, kind: type[Any]) -> QWidget:
        widget = WIDGETS[kind]()
        if hasattr(widget, "regenerate"):
            widget.regenerate.connect(self._chosen)
        if hasattr(widget, "turned"):
            widget.turned.connect(self.turned)
        self.addWidget(widget)
        self.made.emit(widget)
        return widget

    def _chosen(self, place: tuple[int, int]) -> None:
        self.regenerate.emit(self.payload, place[0], place[1])

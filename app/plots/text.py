"""Running text."""

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.i18n import _
from app.plots.base import PayloadWidget
from engine.payloads import Text


class TextWidget(PayloadWidget[Text]):
    """Running text, to read, select and copy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setAccessibleName(_("Text"))
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Text) -> None:
        """Replace the text where it is another one, staying where the person has scrolled to."""
        self.footer.set_caption(_(payload.caption))
        if payload.text != self.view.toPlainText():
            bar = self.view.verticalScrollBar()
            place = bar.value()
            self.view.setPlainText(payload.text)
            bar.setValue(place)

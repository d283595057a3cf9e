"""Running text."""

from pytestqt.qtbot import QtBot

from app.plots import TextWidget
from engine.payloads import Text
from tests.app.plots.screen import shown


def test_text_stays_where_it_was_scrolled_to(qtbot: QtBot) -> None:
    widget = shown(qtbot, TextWidget())
    widget.show_payload(Text("line\n" * 200, caption="a sample"))
    widget.view.verticalScrollBar().setValue(50)
    widget.show_payload(Text("line\n" * 300))
    assert widget.view.verticalScrollBar().value() == 50
    assert widget.view.toPlainText().count("line") == 300
    assert widget.view.isReadOnly()

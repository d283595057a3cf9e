"""Every payload has a widget, and every widget draws in both themes."""

import pytest
from pytestqt.qtbot import QtBot

from app.plots import WIDGETS
from app.plots.__main__ import examples
from app.special.race import RaceWidget
from app.theme import theme
from engine.payloads import PAYLOADS
from tests.app.plots.screen import brightness, shown

EXAMPLES = 29


def test_every_payload_has_a_widget() -> None:
    assert set(WIDGETS) == set(PAYLOADS)


@pytest.mark.parametrize("index", range(EXAMPLES))
def test_every_example_is_drawn_in_both_themes(qtbot: QtBot, index: int) -> None:
    payloads, curves = examples()
    assert len(payloads) == EXAMPLES
    qtbot.addWidget(curves)
    payload = payloads[index]
    widget = shown(qtbot, WIDGETS[type(payload)]())
    widget.show_payload(payload)
    if isinstance(widget, RaceWidget):
        widget.seek(widget.end)  # or it would run on between two pictures
    light = brightness(widget)
    theme().use("dark")
    assert brightness(widget) < light - 40
    theme().use("light")
    assert brightness(widget) == pytest.approx(light, abs=2)

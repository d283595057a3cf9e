"""What tests of the window wait for."""

from pytestqt.qtbot import QtBot

from app.page import ModelPage

FIRST = 20_000  # ms: the first training of a program imports more


def rest(qtbot: QtBot, page: ModelPage, step: int) -> None:
    """Wait until it is paused at that step, and all that was told is shown."""

    def rests() -> bool:
        there = page.session.status == "paused" and page.session.step == step
        return there and not page.strip.pump.busy and page._training is None

    qtbot.waitUntil(rests, timeout=FIRST)

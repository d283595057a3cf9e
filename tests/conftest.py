"""What every test gets: no screen, and a failure where something is left running."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def _running_timers() -> list[str]:
    """Timers that still tick, by the class of what owns them."""
    if "PySide6.QtWidgets" not in sys.modules:
        return []
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return []
    roots: list[Any] = [application, *application.topLevelWidgets()]
    timers = [timer for root in roots for timer in root.findChildren(QTimer)]
    return [
        f"{type(timer.parent()).__name__} every {timer.interval()} ms"
        for timer in timers
        if timer.isActive() and not timer.isSingleShot()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What failed once and was run again is not kept quiet."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """A thread or a repeating timer that outlives its test fails it."""
    threads, timers = set(threading.enumerate()), set(_running_timers())
    yield
    deadline = time.monotonic() + 2
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"threads left running: {left}"
    assert not (ticking := set(_running_timers()) - timers), f"timers left running: {ticking}"

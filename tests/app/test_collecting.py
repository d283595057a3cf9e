"""Cycles are taken apart on the window's thread."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.collecting import Collector


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()
    gc.disable()  # as in all tests of the window


class Loop(QObject):
    """Something that only the collector can free."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


def test_another_thread_frees_nothing(collector: Collector) -> None:
    loop = weakref.ref(Loop())

    def allocate() -> None:
        kept = [[] for _ in range(200_000)]  # type: ignore[var-annotated]
        assert kept

    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
    assert loop() is not None
    grown = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
    collector.collect()
    assert grown
    assert loop() is None


def test_it_collects_by_itself(qtbot: QtBot, collector: Collector) -> None:
    loop = weakref.ref(Loop())
    kept = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
    qtbot.waitUntil(lambda: loop() is None)
    assert kept


def test_in_the_end_python_does_it_again(qtbot: QtBot) -> None:
    collector = Collector()
    assert not gc.isenabled()
    collector.close()
    assert gc.isenabled()
    gc.disable()

"""The engine comes on a thread of its own, and requests to end reach Qt's loop."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.start import Interrupts, Loader
from engine.family import Family
from engine.session import Playground
from tests.app import fake


def family(load: Any) -> Family:
    return Family("toys", "Toys", "Small things that learn.", load)


def loaded(qtbot: QtBot, loader: Loader) -> Playground:
    with qtbot.waitSignal(loader.ready, timeout=20_000) as told:
        loader.start()
    assert told.args is not None
    (playground,) = told.args
    assert isinstance(playground, Playground)
    return playground


def joined(loader: Loader) -> None:
    assert loader.thread_ is not None
    loader.thread_.join(20)
    assert not loader.thread_.is_alive()


# --- the engine


def test_all_models_of_all_families_are_there_when_it_is_ready(
    qtbot: QtBot, tmp_path: Path
) -> None:
    families = [fake.family(), fake.family(fake.model("third"))]
    playground = loaded(qtbot, Loader(families, tmp_path / "runs"))
    assert list(playground.models) == ["toy", "other", "third"]
    assert playground.store.folder == tmp_path / "runs"
    assert playground.close()


def test_families_are_imported_on_the_loaders_thread_and_heard_of_on_ones_own(
    qtbot: QtBot, tmp_path: Path
) -> None:
    threads: list[threading.Thread] = []

    class Hearer(QObject):
        def hear(self, _playground: object) -> None:
            threads.append(threading.current_thread())

    def load() -> tuple[()]:
        threads.append(threading.current_thread())
        return ()

    hearer = Hearer()
    loader = Loader([family(load)], tmp_path)
    loader.ready.connect(hearer.hear)
    loaded(qtbot, loader)
    qtbot.waitUntil(lambda: len(threads) == 2)
    assert threads == [loader.thread_, threading.current_thread()]


def test_nothing_is_imported_before_it_starts(tmp_path: Path) -> None:
    asked: list[int] = []
    loader = Loader([family(lambda: asked.append(1))], tmp_path)
    assert loader.thread_ is None
    assert not asked


@pytest.mark.parametrize("fault", [ImportError("libtorch is not there"), OSError(28, "full")])
def test_why_there_is_no_engine_is_told_and_logged(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture, tmp_path: Path, fault: Exception
) -> None:
    def broken() -> tuple[()]:
        raise fault

    loader = Loader([fake.family(), family(broken)], tmp_path)
    with qtbot.assertNotEmitted(loader.ready), qtbot.waitSignal(loader.failed) as told:
        loader.start()
    assert told.args == [fault]
    (record,) = (each for each in caplog.records if each.name == "app.start")
    assert record.exc_info is not None
    assert record.exc_info[1] is fault
    joined(loader)


@pytest.mark.parametrize("broken", [False, True])
def test_where_the_window_is_gone_by_then_nobody_is_told_and_nothing_breaks(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, broken: bool
) -> None:
    closed = threading.Event()

    def load() -> tuple[()]:
        assert closed.wait(20)
        if broken:
            raise ImportError("libtorch is not there")
        return ()

    loader = Loader([family(load)], tmp_path)
    with caplog.at_level(logging.INFO, "app.start"):
        loader.start()
        shiboken6.delete(loader)
        closed.set()
        joined(loader)
    assert "the window is gone" in caplog.messages


# --- requests to end


@pytest.fixture
def interrupts(qtbot: QtBot) -> Iterator[Interrupts]:
    interrupts = Interrupts()
    interrupts.install()
    yield interrupts
    interrupts.remove()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_is_heard_while_qt_waits(
    qtbot: QtBot, interrupts: Interrupts, number: signal.Signals
) -> None:
    sender = threading.Timer(0.05, os.kill, (os.getpid(), number))
    with qtbot.waitSignal(interrupts.asked):
        sender.start()
    sender.join()


def test_each_request_is_heard(qtbot: QtBot, interrupts: Interrupts) -> None:
    heard: list[int] = []
    interrupts.asked.connect(lambda: heard.append(1))
    for count in (1, 2, 3):
        signal.raise_signal(signal.SIGTERM)
        qtbot.waitUntil(lambda count=count: len(heard) == count)  # type: ignore[misc]


def test_many_requests_at_once_leave_the_loop_running(qtbot: QtBot, interrupts: Interrupts) -> None:
    heard: list[int] = []
    interrupts.asked.connect(lambda: heard.append(1))
    for _ in range(500):
        signal.raise_signal(signal.SIGINT)
    qtbot.waitUntil(lambda: len(heard) == 500)
    signal.raise_signal(signal.SIGTERM)
    qtbot.waitUntil(lambda: len(heard) == 501)


def test_woken_for_nothing_it_goes_on(qtbot: QtBot, interrupts: Interrupts) -> None:
    with qtbot.assertNotEmitted(interrupts.asked):
        interrupts._wake()
    with qtbot.waitSignal(interrupts.asked):
        signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal: whoever is started in the background is deaf to Ctrl+C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_removed_it_leaves_signals_as_they_were(qtbot: QtBot, interruptible: None) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    interrupts = Interrupts()
    for _ in range(2):  # and it can be installed again
        interrupts.install()
        assert signal.getsignal(signal.SIGTERM) != before[1]
        interrupts.remove()
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    after = signal.set_wakeup_fd(wakeup)
    assert after == wakeup
    with qtbot.assertNotEmitted(interrupts.asked), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

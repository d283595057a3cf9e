"""A window, and its parts, around the fake family."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from app.jobs import Strip
from app.page import ModelPage
from app.pump import Pump
from app.tab import FamilyTab
from app.theme import theme
from app.window import MainWindow
from engine.family import Family
from engine.session import Playground
from tests.app import fake
from tests.app.waiting import rest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They run beside a thread that trains, in real time: a busy machine gets a second chance."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    """Settings of nobody."""
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Family:
    """The fake family, its data in the catalogue."""
    fake.install(monkeypatch)
    return fake.family()


@pytest.fixture
def playground(toys: Family, tmp_path: Path) -> Iterator[Playground]:
    """A playground for the fake models."""
    playground = Playground(toys.models, tmp_path / "runs", threads=1)
    yield playground
    assert playground.close(), "the compute thread did not end"


@pytest.fixture
def strip(qtbot: QtBot) -> Iterator[Strip]:
    """A strip with its pump, on the screen."""
    pump = Pump()
    strip = Strip(pump)
    qtbot.addWidget(strip)
    strip.resize(900, 40)
    strip.show()
    yield strip
    pump.stop()


@pytest.fixture
def tab(
    qtbot: QtBot, toys: Family, playground: Playground, strip: Strip, settings: QSettings
) -> Iterator[FamilyTab]:
    """The tab of the fake family, its data loaded."""
    theme().use("light")
    tab = FamilyTab(toys, playground, strip, settings)
    qtbot.addWidget(tab)
    tab.resize(1280, 720)
    tab.show()
    qtbot.waitUntil(lambda: tab.page.setup.data.data is not None, timeout=20_000)
    yield tab
    tab.shut()


@pytest.fixture
def page(tab: FamilyTab) -> ModelPage:
    """The page of the first fake model."""
    return tab.page


@pytest.fixture
def trained(qtbot: QtBot, page: ModelPage) -> ModelPage:
    """The same, with a model of a few steps, paused."""
    page.more(20)
    rest(qtbot, page, 20)
    return page


@pytest.fixture
def open_window(
    qtbot: QtBot, toys: Family, settings: QSettings, tmp_path: Path
) -> Iterator[Callable[[], MainWindow]]:
    """Opens windows of the fake family, and closes them in the end."""
    theme().use("light")
    opened: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(settings, families=(toys,), runs=tmp_path / "runs")
        qtbot.addWidget(window)
        window.show()
        opened.append(window)
        return window

    yield make
    for window in opened:
        window.close()
        thread = window.loader.thread_
        if thread is not None:
            thread.join(20)


@pytest.fixture
def window(qtbot: QtBot, open_window: Callable[[], MainWindow]) -> MainWindow:
    """A window that is ready."""
    window = open_window()
    qtbot.waitUntil(lambda: window.page is not None, timeout=20_000)
    page = window.page
    assert page is not None
    qtbot.waitUntil(lambda: page.setup.data.data is not None, timeout=20_000)
    return window


@pytest.fixture(autouse=True)
def collected_here() -> Iterator[None]:
    """Widgets are freed on the thread of the tests, and after the test that made them."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()  # what stays is not looked through again after each of the tests to come
    gc.enable()

"""What can be taken out: the menu follows the session's list, and every file's fate is told."""

import errno
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QMenu
from pytestqt.qtbot import QtBot

from app import export as export_module
from app.jobs import Strip
from app.own import Folders
from app.page import ModelPage
from app.tab import FamilyTab
from engine import export as engine_export
from engine.events import Progress
from engine.session import Playground
from tests.app import drawing


@pytest.fixture
def page(
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    strip: Strip,
    settings: QSettings,
) -> Generator[ModelPage, None, None]:
    """The page of a model of pictures, its data loaded."""
    drawing.install(monkeypatch)
    family, _other = drawing.families()
    playground = Playground(family.models, tmp_path / "runs", threads=1)
    tab = FamilyTab(family, playground, strip, settings)
    qtbot.addWidget(tab)
    tab.show()
    qtbot.waitUntil(lambda: tab.page.setup.data.data is not None)
    yield tab.page
    tab.shut()
    assert playground.close()


def train(qtbot: QtBot, page: ModelPage) -> None:
    page.more(3)
    qtbot.waitUntil(
        lambda: page.session.status == "paused" and page.session.step == 3, timeout=20_000
    )


def entries(page: ModelPage) -> dict[str, Any]:
    """What the menu offers, by its words."""
    menu = page.sampling.export_menu
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions()}


def answer(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> list[str]:
    """Have the file dialog answer with `path`; what it was asked with is in the list."""
    asked: list[str] = []

    def ask(_parent: Any, title: str, start: str, files: str) -> tuple[str, str]:
        asked.extend((title, start, files))
        return str(path or ""), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return asked


def test_without_a_model_the_menu_says_so(page: ModelPage) -> None:
    (only,) = entries(page).values()
    assert "no model yet" in only.text()
    assert not only.isEnabled()


def test_the_menu_is_the_sessions_list(qtbot: QtBot, page: ModelPage) -> None:
    train(qtbot, page)
    listed = [f"{each.title}…" for each in page.session.exports()]
    assert list(entries(page)) == listed
    assert "Picture…" in listed
    assert "Weights…" in listed
    assert all(action.toolTip() for action in entries(page).values())


def test_a_picture_is_written_where_the_person_says(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strip: Strip
) -> None:
    train(qtbot, page)
    (folder := tmp_path / "mine").mkdir()
    asked = answer(monkeypatch, folder / "wall")  # without its suffix
    entries(page)["Picture…"].trigger()
    path = folder / "wall.png"
    qtbot.waitUntil(path.is_file, timeout=15_000)
    assert asked[0] == "Picture"
    assert Path(asked[1]).name == "draws-small-step3.png"
    assert "*.png" in asked[2]
    qtbot.waitUntil(lambda: str(path) in strip.newest.text())
    with Image.open(path) as picture:
        assert picture.size[0] > 8
    opened: list[Path] = []
    monkeypatch.setattr(export_module, "open_folder", lambda at, _strip: opened.append(at))
    strip.action.click()
    assert opened == [folder]
    # The next one begins in the same folder, and so does the next start of the program.
    again = answer(monkeypatch, None)
    entries(page)["Weights…"].trigger()
    assert Path(again[1]).parent == folder
    assert Folders(page.sampling.exporter.folders.settings).last("export") == str(folder)


def test_nothing_is_written_where_one_thinks_better_of_it(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train(qtbot, page)
    answer(monkeypatch, None)
    monkeypatch.setattr(page.session, "export", lambda *_about: pytest.fail("it was written"))
    entries(page)["Weights…"].trigger()


def test_a_folder_that_takes_nothing_is_told(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strip: Strip
) -> None:
    train(qtbot, page)

    def locked(path: Path, *_how: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", locked)
    page.sampling.exporter.write("weights", tmp_path / "w.safetensors")
    qtbot.waitUntil(lambda: bool(strip.messages) and strip.messages[-1].grave)
    assert str(tmp_path / "w.safetensors") in strip.messages[-1].text
    assert "not allowed" in strip.messages[-1].text


def test_a_folder_that_is_gone_is_told(
    qtbot: QtBot, page: ModelPage, tmp_path: Path, strip: Strip
) -> None:
    train(qtbot, page)
    path = tmp_path / "gone" / "wall.png"
    page.sampling.exporter.write("picture", path)
    qtbot.waitUntil(lambda: bool(strip.messages) and strip.messages[-1].grave)
    assert str(path) in strip.messages[-1].text
    assert len([each for each in strip.messages if each.grave]) == 1


def test_a_long_one_shows_its_progress_and_can_be_stopped(
    qtbot: QtBot,
    page: ModelPage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    strip: Strip,
) -> None:
    train(qtbot, page)

    def slow(*_about: Any) -> Generator[Progress, None, Path]:
        while True:
            yield Progress(1, 0.0, 0.5)

    monkeypatch.setattr(engine_export, "write", slow)
    said = len(strip.messages)
    page.sampling.exporter.write("film", tmp_path / "film.gif")
    qtbot.waitUntil(lambda: any(row.bar.isVisible() for row in strip.rows.values()))
    (row,) = strip.rows.values()
    assert row.bar.value() == 500
    row.cancel.click()
    qtbot.waitUntil(lambda: not strip.rows)
    assert len(strip.messages) == said


def test_any_menu_can_be_filled(qtbot: QtBot, page: ModelPage) -> None:
    train(qtbot, page)
    menu = QMenu()
    for _time in range(2):
        page.sampling.exporter.fill(menu)
    assert len(menu.actions()) == len(page.session.exports())

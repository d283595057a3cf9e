"""Files of one's own: how they are asked for, which folder is remembered, and what is dropped."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app import i18n
from app.own import OWN, PICTURE, Dropped, Folders, ask, choose, open_tip, open_title
from engine.data import catalogue


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


class Dialogs:
    """The file dialogs, answered with `answer`; `asked` holds what each was called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer = ""
        self.asked: list[tuple[str, ...]] = []
        monkeypatch.setattr(QFileDialog, "getOpenFileName", self._file)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", self._folder)

    def _file(self, _parent: Any, title: str, folder: str, files: str) -> tuple[str, str]:
        self.asked.append(("file", title, folder, files))
        return self.answer, files

    def _folder(self, _parent: Any, title: str, folder: str) -> str:
        self.asked.append(("folder", title, folder))
        return self.answer


@pytest.fixture
def dialogs(monkeypatch: pytest.MonkeyPatch) -> Dialogs:
    return Dialogs(monkeypatch)


# --- words


@pytest.mark.parametrize("kind", list(OWN))
def test_every_kind_says_what_it_opens_and_what_may_be_dropped(kind: str) -> None:
    assert open_title(kind).endswith("…")
    assert open_tip(kind).startswith(open_title(kind))
    assert OWN[kind].accepted in open_tip(kind)
    assert "{" not in open_tip(kind)


def test_a_kind_that_nothing_is_known_of_is_a_file() -> None:
    assert open_title("toy") == open_tip("toy") == "Open own file…"


def test_the_words_follow_the_language() -> None:
    english = open_tip("text")
    i18n.use("zh_CN")
    try:
        assert open_title("text") != OWN["text"].open
        assert open_title("toy") != "Open own file…"
        assert open_tip("text") not in ("", english)
    finally:
        i18n.use("en")


# --- asking


def test_a_file_is_asked_for_by_its_endings_or_any_other(
    parent: QWidget, dialogs: Dialogs, tmp_path: Path
) -> None:
    dialogs.answer = str(tmp_path / "a.csv")
    assert ask(parent, "points", Folders()) == dialogs.answer
    assert dialogs.asked == [
        ("file", "Open own points…", "", "Points (*.csv *.tsv *.npy);;All files (*)")
    ]


def test_pictures_are_asked_for_by_their_folder(
    parent: QWidget, dialogs: Dialogs, tmp_path: Path
) -> None:
    dialogs.answer = str(tmp_path / "holiday")
    folders = Folders()
    assert ask(parent, "images", folders) == dialogs.answer
    assert dialogs.asked == [("folder", "Open folder of pictures…", "")]
    assert folders.last("open") == str(tmp_path), "where that folder is, to find its neighbours"


def test_of_an_unknown_kind_any_file_will_do(parent: QWidget, dialogs: Dialogs) -> None:
    ask(parent, "toy", Folders())
    assert dialogs.asked == [("file", "Open own file…", "", "All files (*)")]


def test_the_next_question_begins_where_the_last_ended(
    parent: QWidget, dialogs: Dialogs, tmp_path: Path
) -> None:
    folders = Folders()
    dialogs.answer = str(tmp_path / "a.txt")
    ask(parent, "text", folders)
    ask(parent, "images", folders)
    assert [each[2] for each in dialogs.asked] == ["", str(tmp_path)]


def test_who_thinks_better_of_it_changes_nothing(
    parent: QWidget, dialogs: Dialogs, tmp_path: Path
) -> None:
    folders = Folders()
    folders.remember("open", str(tmp_path / "a.txt"))
    for kind in ("text", "images", "toy"):
        assert ask(parent, kind, folders) == ""
    assert folders.last("open") == str(tmp_path)


@pytest.mark.parametrize("kind", [kind for kind, each in OWN.items() if each.files])
def test_the_dialog_offers_what_the_engine_reads_as_that_kind(kind: str, tmp_path: Path) -> None:
    contents = {"points": "1,2\n3,4\n5,6\n", "pairs": "one,un\ntwo,deux\n"}
    endings = OWN[kind].files.partition("(*")[2].rstrip(")").split(" *")
    assert endings
    for ending in endings:
        path = tmp_path / f"own{ending}"
        path.write_text(contents.get(kind, ""))
        assert catalogue.kind_of(path) == kind, ending


# --- folders


def test_nothing_is_remembered_to_begin_with(settings: QSettings) -> None:
    assert Folders().last("open") == ""
    assert Folders(settings).last("open") == ""


def test_folders_are_kept_apart_by_what_they_are_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    folders = Folders()
    folders.remember("open", str(tmp_path / "in" / "a.txt"))
    folders.remember("export", str(tmp_path / "out" / "b.wav"))
    assert folders.last("open") == str(tmp_path / "in")
    assert folders.last("export") == str(tmp_path / "out")


def test_a_folder_outlives_the_program_in_the_settings(settings: QSettings, tmp_path: Path) -> None:
    Folders(settings).remember("open", str(tmp_path / "a.txt"))
    settings.sync()
    again = QSettings(settings.fileName(), QSettings.Format.IniFormat)
    assert Folders(again).last("open") == str(tmp_path)


def test_a_folder_that_is_gone_is_left_to_qt(settings: QSettings, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    folders = Folders(settings)
    folders.remember("open", str(folder / "a.txt"))
    folder.rmdir()
    assert folders.last("open") == Folders(settings).last("open") == ""
    folder.write_text("now it is a file")
    assert folders.last("open") == ""
    folder.unlink()
    folder.mkdir()
    assert folders.last("open") == str(folder)


@pytest.mark.parametrize("kept", [17, "", "\0", ["a", "b"], "x" * 5000])
def test_settings_that_somebody_has_spoilt_are_passed_over(settings: QSettings, kept: Any) -> None:
    settings.setValue("folders/open", kept)
    assert Folders(settings).last("open") == ""


# --- what is dropped


def test_the_first_that_the_model_learns_from_is_taken() -> None:
    paths, kinds = ["a.png", "b.txt", "c.txt"], [PICTURE, "text", "text"]
    assert choose(paths, "text", kinds) == Dropped("b.txt", "text")


def test_a_model_of_pictures_takes_a_folder_or_looks_at_one_picture() -> None:
    assert choose(["holiday"], "images", ["images"]) == Dropped("holiday", "images")
    assert choose(["a.png"], "images", [PICTURE]) == Dropped("a.png", PICTURE)
    assert choose(["a.txt", "b.png"], "images", ["text", PICTURE]) == Dropped("b.png", PICTURE)


def test_several_pictures_want_their_folder() -> None:
    dropped = choose(["a.png", "b.png"], "images", [PICTURE, PICTURE])
    assert dropped.path == ""
    assert "drop the folder" in dropped.problem


def test_the_folder_beside_several_pictures_is_the_one_to_learn_from() -> None:
    dropped = choose(["a.png", "b.png", "holiday"], "images", [PICTURE, PICTURE, "images"])
    assert dropped == Dropped("holiday", "images")


def test_several_pictures_are_no_problem_to_a_model_of_something_else() -> None:
    assert choose(["a.png", "b.png"], "text", [PICTURE, PICTURE]) == Dropped("a.png", PICTURE)


@pytest.mark.parametrize("kind", ["sound", ""])
def test_where_nothing_fits_the_first_is_told_with_what_it_is(kind: str) -> None:
    assert choose(["a", "b"], "text", [kind, "points"]) == Dropped("a", kind)


def test_a_model_of_an_unknown_kind_is_given_the_first_to_judge_for_itself() -> None:
    assert choose(["a.txt", "b.txt"], "toy", ["text", "text"]) == Dropped("a.txt", "toy")

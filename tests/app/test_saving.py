"""Where a file goes: the name that was typed, with its ending, and nothing replaced unasked."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.saving import ask_where

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def answered(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    answer = (str(path) if path is not None else "", "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_given: answer)


def asked(monkeypatch: pytest.MonkeyPatch, reply: QMessageBox.StandardButton) -> list[str]:
    """What is asked besides, and answered with `reply`."""
    questions: list[str] = []

    def question(_parent: QWidget, _title: str, words: str) -> QMessageBox.StandardButton:
        questions.append(words)
        return reply

    monkeypatch.setattr(QMessageBox, "question", question)
    return questions


def test_a_name_is_taken_as_it_is_or_gets_its_ending(
    parent: QWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = asked(monkeypatch, NO)
    for typed, taken in (
        ("a.png", "a.png"),
        ("a.PNG", "a.PNG"),
        ("a", "a.png"),
        ("a.b", "a.b.png"),
    ):
        answered(monkeypatch, tmp_path / typed)
        assert ask_where(parent, "Save", "a.png", "PNG (*.png)", ".png") == tmp_path / taken
    answered(monkeypatch, None)
    assert ask_where(parent, "Save", "a.png", "PNG (*.png)", ".png") is None
    assert questions == []


def test_a_file_of_the_name_with_its_ending_is_asked_about(
    parent: QWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dialog has asked about "mine", and "mine.png" would be replaced."""
    (tmp_path / "mine.png").write_text("a picture")
    answered(monkeypatch, tmp_path / "mine")
    questions = asked(monkeypatch, NO)
    assert ask_where(parent, "Save", "a.png", "PNG (*.png)", ".png") is None
    assert "mine.png" in questions[0]
    asked(monkeypatch, YES)
    assert ask_where(parent, "Save", "a.png", "PNG (*.png)", ".png") == tmp_path / "mine.png"
    answered(monkeypatch, tmp_path / "mine.png")  # that the dialog has asked about
    questions = asked(monkeypatch, NO)
    assert ask_where(parent, "Save", "a.png", "PNG (*.png)", ".png") == tmp_path / "mine.png"
    assert questions == []

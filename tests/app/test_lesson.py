"""Lessons: each family has one, and each view its place in it."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.lesson import LessonDock, read
from engine.families import FAMILIES
from engine.family import Family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_every_family_has_a_lesson_with_a_section_for_every_view(family: Family) -> None:
    lesson = read(family.lesson)
    assert lesson.markdown.startswith("# ")
    views = {view.key for model in family.models for view in model.views}
    assert views <= set(lesson.headings)
    assert "Three things to try" in lesson.markdown


def test_a_missing_lesson_and_a_missing_language(tmp_path: Path) -> None:
    assert "no lesson" in read("nothing").markdown
    assert read("rnn", "xx") == read("rnn", "en")
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "one.md").write_text("# One\n\n<!-- part -->\n## A part\n\nwords\n")
    lesson = read("one", lessons=tmp_path)
    assert lesson.headings == {"part": "A part"}
    assert "<!--" not in lesson.markdown


def test_the_dock_scrolls_to_the_view(qtbot: QtBot) -> None:
    dock = LessonDock()
    qtbot.addWidget(dock)
    dock.resize(400, 300)
    dock.open("rnn")
    assert dock.isVisible()
    assert dock.browser.verticalScrollBar().value() == 0
    dock.open("rnn", "gradient")
    top = dock.browser.cursorForPosition(dock.browser.viewport().rect().topLeft())
    top.movePosition(top.MoveOperation.NextBlock)
    near = [top.block().text(), top.block().previous().text(), top.block().next().text()]
    assert "Gradient against time lag" in near
    dock.open("rnn", "no such view")
    assert dock.browser.verticalScrollBar().value() == 0

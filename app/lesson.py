"""The lesson of a family, in a dock at the side: Markdown from ``assets/lessons``.

A section belongs to a view when a comment with the view's key stands above its
heading (``<!-- gates -->``); the "?" of that view opens the lesson there.
"""

import re
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont, QTextCursor, QTextDocument
from PySide6.QtWidgets import QDockWidget, QTextBrowser, QWidget

from app.i18n import _
from app.theme import theme

LESSONS = Path(__file__).resolve().parent.parent / "assets" / "lessons"
SECTION = re.compile(r"^<!-- *([\w-]+) *-->\n+(#+ +)(.+)$", re.MULTILINE)


class Lesson(NamedTuple):
    """Markdown, and the heading that goes with each view's key."""

    markdown: str
    headings: dict[str, str]


def read(name: str, language: str = "en", lessons: Path = LESSONS) -> Lesson:
    """The lesson of that name in `language`, else in English, else a line that says so."""
    for each in (language, "en"):
        path = lessons / each / f"{name}.md"
        if name and path.is_file():
            text = path.read_text("utf-8")
            headings = {key: heading.strip() for key, _level, heading in SECTION.findall(text)}
            return Lesson(SECTION.sub(r"\2\3", text), headings)
    return Lesson(_("There is no lesson here yet."), {})


class _Page(QTextBrowser):
    """Wide enough to read in; narrower where the window is."""

    def sizeHint(self) -> QSize:  # noqa: N802
        """About fifty letters."""
        return QSize(340, 400)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """A column of a newspaper."""
        return QSize(220, 100)


class LessonDock(QDockWidget):
    """Shows one lesson, scrolled to where it was asked for."""

    def __init__(self, language: str = "en", parent: QWidget | None = None) -> None:
        super().__init__(_("Lesson"), parent)
        self.setObjectName("lesson")
        self.setAllowedAreas(
            Qt.DockWidgetArea.RightDockWidgetArea | Qt.DockWidgetArea.LeftDockWidgetArea
        )
        self._language = language
        self._name = ""
        self._lesson = Lesson("", {})
        self.browser = _Page()
        self.browser.setOpenExternalLinks(True)
        self.browser.setAccessibleName(_("Lesson"))
        self.browser.document().setDocumentMargin(16)
        self.setWidget(self.browser)
        theme().changed.connect(self._render)

    def open(self, name: str, section: str = "") -> None:
        """Show the lesson `name`; `section` is the key of a view, or empty for the top."""
        if name != self._name:
            self._name = name
            self._lesson = read(name, self._language)
            self._render()
        self.show()
        self.raise_()
        self._scroll_to(self._lesson.headings.get(section, ""))

    def _render(self) -> None:
        document = self.browser.document()
        document.setDefaultFont(QFont(self.font().family(), self.font().pointSize() + 1))
        document.setMarkdown(
            self._lesson.markdown, QTextDocument.MarkdownFeature.MarkdownDialectGitHub
        )
        _space(document)

    def _scroll_to(self, heading: str) -> None:
        block = self.browser.document().begin()
        while heading and block.isValid():
            if block.blockFormat().headingLevel() and block.text() == heading:
                cursor = QTextCursor(block)
                self.browser.setTextCursor(cursor)
                place = self.browser.document().documentLayout().blockBoundingRect(block)
                self.browser.verticalScrollBar().setValue(round(place.top()) - 8)
                return
            block = block.next()
        self.browser.verticalScrollBar().setValue(0)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another font draws another page."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._render()


def _space(document: QTextDocument) -> None:
    """More air between lines and above headings than Markdown's import gives."""
    block = document.begin()
    while block.isValid():
        cursor = QTextCursor(block)
        shape = block.blockFormat()
        shape.setLineHeight(128.0, 1)  # 1: proportional
        if shape.headingLevel() > 1:
            shape.setTopMargin(18)
        cursor.setBlockFormat(shape)
        block = block.next()

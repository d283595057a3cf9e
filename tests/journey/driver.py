"""The program as `python main.py` opens it, with a line on which it answers questions.

    python -m tests.journey.driver FILE_DESCRIPTOR [what main.py takes]

A question is a line with a Python expression, an answer a line of JSON:
``["ok", value]`` or ``["no", what was raised]``. Expressions see what `Answers.names`
gives them. They are answered on the window's own thread, so an answer also shows
that it is not frozen. Nothing is ever clicked or typed here: that is for the X server.
"""

import json
import os
import sys
from typing import Any

from PySide6.QtCore import QObject, QPoint, QPointF, QRect, QSocketNotifier
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QMenu,
    QScrollArea,
    QTabBar,
    QToolButton,
    QWidget,
)

import main
from app.window import MainWindow
from scripts.bootstrap import READY

Box = tuple[int, int, int, int]


def box(widget: QWidget, part: QRect | None = None) -> Box | None:
    """Where `widget` (or a part of it) is on the screen; None where nobody can see it."""
    if not widget.isVisible():
        return None
    shown = widget.rect() if part is None else part & widget.rect()
    inner = widget
    while not inner.isWindow() and (outer := inner.parentWidget()) is not None:
        shown = shown.translated(inner.pos()) & outer.rect()
        inner = outer
    corner = inner.mapToGlobal(QPoint(0, 0)) + shown.topLeft()
    return None if shown.isEmpty() else (corner.x(), corner.y(), shown.width(), shown.height())


def row(view: QAbstractItemView, index: int) -> Box | None:
    """Where a row of a list is."""
    return box(view.viewport(), view.visualRect(view.model().index(index, 0)))


def choice(combo: QComboBox, data: object) -> Box | None:
    """Where the entry with `data` is in the open list of `combo`."""
    return row(combo.view(), combo.findData(data))


def file(dialog: QWidget, name: str) -> Box | None:
    """Where a file is in Qt's own file dialog."""
    for view in dialog.findChildren(QAbstractItemView):
        if view.objectName() in ("treeView", "listView") and view.isVisible():
            model, root = view.model(), view.rootIndex()
            for line in range(model.rowCount(root)):
                index = model.index(line, 0, root)
                if index.data() == name:
                    return box(view.viewport(), view.visualRect(index))
    return None


def entry(menu: QMenu, words: str) -> Box | None:
    """Where the entry of an open menu is that begins with `words`."""
    found = next((each for each in menu.actions() if each.text().startswith(words)), None)
    return None if found is None else box(menu, menu.actionGeometry(found))


def accept(dialog: QDialog) -> Box | None:
    """Where the button is that takes what was chosen in a dialog, once it can be pressed."""
    for buttons in dialog.findChildren(QDialogButtonBox):
        for button in buttons.buttons():
            role = buttons.buttonRole(button)
            if role == QDialogButtonBox.ButtonRole.AcceptRole and button.isEnabled():
                return box(button)
    return None


def arrow(bar: QTabBar, index: int) -> Box | None:
    """Where the arrow is that brings more of a tab into view; None where all of it is."""
    tab = bar.tabRect(index)
    left, right = (bar.findChild(QToolButton, f"Scroll{side}Button") for side in ("Left", "Right"))
    if left is None or right is None or not left.isVisible():
        return None
    if tab.left() < 0:
        return box(left) if left.isEnabled() else None
    return box(right) if right.isEnabled() and tab.right() > left.x() else None


def spot(widget: QWidget, place: QPointF) -> Box | None:
    """Where a place inside of a widget is."""
    return box(widget, QRect(place.toPoint(), place.toPoint()))


def reveal(widget: QWidget) -> bool:
    """Scroll to `widget`, as a person's wheel would."""
    parent: Any = widget.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    if parent is not None:
        parent.ensureWidgetVisible(widget)
    return True


class Answers(QObject):
    """Reads questions from a file descriptor and writes the answers to it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self._begun = b""
        self._notifier = QSocketNotifier(descriptor, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def names(self) -> dict[str, Any]:
        """What an expression may speak of: the window, the page that is seen, and places."""
        windows = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)]
        window = windows[0] if windows else None
        return {
            "window": window,
            "page": window.page if window else None,
            "dialog": QApplication.activeModalWidget(),
            "active": QApplication.activeWindow(),
            "box": box,
            "row": row,
            "choice": choice,
            "file": file,
            "entry": entry,
            "accept": accept,
            "arrow": arrow,
            "spot": spot,
            "reveal": reveal,
        }

    def _read(self) -> None:
        content = os.read(self.descriptor, 65536)
        if not content:  # whoever asked is gone
            self._notifier.setEnabled(False)
            return
        *lines, self._begun = (self._begun + content).split(b"\n")
        for line in lines:
            os.write(self.descriptor, self._answer(line.decode()).encode() + b"\n")

    def _answer(self, question: str) -> str:
        try:
            value = eval(question, self.names())
            return json.dumps(["ok", value], default=lambda array: array.tolist())
        except Exception as error:  # noqa: BLE001 - handed to the test, which tells it
            return json.dumps(["no", f"{type(error).__name__}: {error}"])


def run() -> int:
    """Open the program; its exit status."""
    application = QApplication([sys.argv[0]])
    answers = Answers(int(sys.argv[1]))
    # What this test runs in has what the program needs: setting up has tests of its own.
    status = main.main([READY, *sys.argv[2:]])
    answers.deleteLater()
    del application
    return status


if __name__ == "__main__":
    main.end(run())

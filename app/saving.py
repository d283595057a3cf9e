"""Where a person wants a file to be."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.i18n import _


def ask_where(parent: QWidget, title: str, start: str, kinds: str, suffix: str) -> Path | None:
    """Ask for the name of a new file, which then ends in `suffix` (".png"); None: nowhere.

    Where the suffix has to be added, the dialog has asked about another file: a file that would
    be replaced is asked about here.
    """
    chosen, _kind = QFileDialog.getSaveFileName(parent, title, start, kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix.lower() == suffix:
        return path
    path = path.with_name(path.name + suffix)
    return path if not path.exists() or _may_replace(parent, title, path) else None


def _may_replace(parent: QWidget, title: str, path: Path) -> bool:
    words = _("{name} is there already. Replace it?").format(name=path.name)
    return QMessageBox.question(parent, title, words) == QMessageBox.StandardButton.Yes

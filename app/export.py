"""What can be taken out of the program: a menu made from what the session says it can write."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu, QWidget

from app.i18n import _
from app.jobs import Action, Strip
from app.own import Folders
from app.saving import ask_where
from engine.events import Ended, Event

if TYPE_CHECKING:
    from engine.export import Export
    from engine.session import Session


class Exporter:
    """Writes files for one session, and fills menus with what there is to write."""

    def __init__(self, session: "Session", strip: Strip, parent: QWidget) -> None:
        self.session = session
        self.strip = strip
        self.folders = Folders()
        self._parent = parent

    def entries(self) -> Sequence["Export"]:
        """What can be written now; nothing as long as there is no model."""
        return self.session.exports() if self.session.learner is not None else ()

    def fill(self, menu: QMenu) -> None:
        """Put an entry into `menu` for each thing that can be written."""
        menu.clear()
        menu.setToolTipsVisible(True)
        entries = self.entries()
        for entry in entries:
            action = menu.addAction(_("{title}…").format(title=_(entry.title)))
            action.setToolTip(_(entry.help))
            action.triggered.connect(lambda _checked=False, entry=entry: self.ask(entry))
        if not entries:
            menu.addAction(_("There is no model yet: press Train first.")).setEnabled(False)

    def name_for(self, entry: "Export") -> str:
        """``gan-digits-step1200.png``: what a file is called unless somebody says otherwise."""
        learner = self.session.learner
        data = learner.data.title if learner is not None else ""
        stem = f"{self.session.model.key}-{data}-step{self.session.step}"
        plain = re.sub(r"[^\w.-]+", "-", stem).strip("-").lower()
        return plain + entry.suffix

    def ask(self, entry: "Export") -> None:
        """Ask where to, and write it there."""
        start = Path(self.folders.last("export") or documents()) / self.name_for(entry)
        files = f"{_(entry.title)} (*{entry.suffix})"
        path = ask_where(self._parent, _(entry.title), str(start), files, entry.suffix)
        if path is not None:
            self.folders.remember("export", str(path))
            self.write(entry.key, path)

    def write(self, what: str, path: Path) -> None:
        """Write it; the strip tells how that went."""
        job = self.session.export(what, path)
        self.strip.follow(job, lambda event: self._hear(path, event))

    def _hear(self, path: Path, event: Event) -> None:
        if isinstance(event, Ended) and event.reason == "finished":
            self.strip.say(
                _("Written: {path}").format(path=path),
                action=Action(_("Open folder"), lambda: open_folder(path.parent, self.strip)),
            )


def documents() -> str:
    """Where a person keeps documents."""
    places = QStandardPaths.StandardLocation
    return QStandardPaths.writableLocation(places.DocumentsLocation) or str(Path.home())


def open_folder(folder: Path, strip: Strip) -> None:
    """Show the folder in the desktop's own program for that."""
    if not folder.is_dir():
        strip.say(_("The folder {folder} is not there.").format(folder=folder), grave=True)
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        strip.say(_("Nothing here can show the folder {folder}").format(folder=folder), grave=True)

"""Files of one's own: what each kind of data is read from, and where a person keeps it.

A model says only what kind it learns from; the words and the file dialogs for a
kind stand here, once, for the card of the data, the menu, and what is dropped.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QWidget

from app.i18n import _
from engine.phrases import N_

PICTURE = "picture"  # one image file: nothing to learn from, but something to look at


class Own(NamedTuple):
    """How data of one kind is brought along.

    open: what the menu says. name: what such a thing is. accepted: which files.
    files: the filter of the file dialog; an empty one has it ask for a folder.
    """

    open: str
    name: str
    accepted: str
    files: str = ""


OWN = {
    "text": Own(N_("Open own text…"), N_("a text"), N_("a text file (.txt)"), N_("Text (*.txt)")),
    "images": Own(
        N_("Open folder of pictures…"), N_("a folder of pictures"), N_("a folder of pictures")
    ),
    "points": Own(
        N_("Open own points…"),
        N_("a table of points"),
        N_("a table of two columns (.csv, .tsv, .npy)"),
        N_("Points (*.csv *.tsv *.npy)"),
    ),
    "sound": Own(
        N_("Open own sound…"),
        N_("a sound file"),
        N_("a sound file (.wav, .flac, .ogg, .mp3, .aiff)"),
        N_("Sound (*.wav *.flac *.ogg *.opus *.mp3 *.aif *.aiff)"),
    ),
    "pairs": Own(
        N_("Open own pairs…"),
        N_("a table of pairs"),
        N_("a table with a source and a target in each row (.csv, .tsv)"),
        N_("Pairs (*.csv *.tsv)"),
    ),
    PICTURE: Own(N_("Open picture…"), N_("a picture"), N_("a picture")),
}


def open_title(kind: str) -> str:
    """What the menu says to open data of that kind."""
    return _(OWN[kind].open) if kind in OWN else _("Open own file…")


def open_tip(kind: str) -> str:
    """The same, and what may be dropped instead."""
    if kind not in OWN:
        return open_title(kind)
    return _("{open} Or drop {accepted} anywhere on the window.").format(
        open=open_title(kind), accepted=_(OWN[kind].accepted)
    )


def ask(parent: QWidget, kind: str, folders: "Folders") -> str:
    """Let the person look for data of that kind; empty where they thought better of it."""
    own = OWN.get(kind)
    if own is not None and not own.files:
        path = QFileDialog.getExistingDirectory(parent, _(own.open), folders.last("open"))
    else:
        every = _("All files (*)")
        files = f"{_(own.files)};;{every}" if own is not None else every
        path, _kind = QFileDialog.getOpenFileName(
            parent, open_title(kind), folders.last("open"), files
        )
    if path:
        folders.remember("open", path)
    return path


class Folders:
    """Where the person last opened or saved something, kept in the settings where there are any."""

    def __init__(self, settings: QSettings | None = None) -> None:
        self.settings = settings
        self._last: dict[str, str] = {}

    def last(self, what: str) -> str:
        """The folder last used for that, while it is there; else empty, which leaves it to Qt."""
        kept = self._last.get(what)
        if kept is None and self.settings is not None:
            kept = str(self.settings.value(f"folders/{what}") or "")
        return kept if kept and os.path.isdir(kept) else ""  # which is False also where it fails

    def remember(self, what: str, path: str) -> None:
        """The folder that `path` is in."""
        self._last[what] = str(Path(path).parent)
        if self.settings is not None:
            self.settings.setValue(f"folders/{what}", self._last[what])


class Dropped(NamedTuple):
    """What to do with what was dropped.

    path: the first that can be used here, or empty. kind: what it is; an empty one is for the
    engine to find out. problem: a sentence, where nothing can be used.
    """

    path: str
    kind: str
    problem: str = ""


def choose(paths: Sequence[str], accepts: str, kinds: Sequence[str]) -> Dropped:
    """Which of the dropped `paths` serves a model that learns from `accepts`.

    kinds: what each of them is, see `engine.data.catalogue.kind_of`.
    """
    several = list(kinds).count(PICTURE) > 1
    if accepts == "images" and several and "images" not in kinds:
        return Dropped(
            "", PICTURE, _("To learn from several pictures, drop the folder that they are in.")
        )
    wanted = ("images", PICTURE) if accepts == "images" and not several else (accepts,)
    for path, kind in zip(paths, kinds, strict=True):
        if kind in wanted:
            return Dropped(path, kind)
    if accepts not in OWN:
        return Dropped(paths[0], accepts)
    return Dropped(paths[0], kinds[0])

"""Run folders: what was trained, on disk, whole at every moment.

    runs/20261123-101502-lstm-names/
        run.json                   what it is, and which checkpoint counts
        data.json                  tokeniser and title, so that it samples without its data
        checkpoints/000000400/     weights, averaged (safetensors), optimiser.pt,
                                   history.npz, state.json
        snapshots/000000064.safetensors

A checkpoint is written to a folder of its own; then ``run.json`` is replaced in
one atomic rename that names it, and the old one is removed. Whoever is killed
in between leaves either the old state or the new, never a mixture. Nothing
that is read back can run code: safetensors, JSON, npz without pickles, and a
``weights_only`` optimiser file.
"""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from engine.phrases import N_, PlaygroundError

log = logging.getLogger(__name__)

FORMAT = 1
TRASH = ".trash"


@dataclass(frozen=True)
class Run:
    """What ``run.json`` says."""

    id: str
    model: str
    title: str
    data: str
    data_title: str
    seed: int
    net: Mapping[str, Any]
    train: Mapping[str, Any]
    step: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str = ""
    created: float = 0.0
    saved: float = 0.0
    sha256: str = ""
    format: int = FORMAT


KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("id", "model", "title", "data", "data_title", "checkpoint", "sha256"), str),
    **dict.fromkeys(("seed", "step"), int),
    **dict.fromkeys(("seconds", "created", "saved"), int | float),
    **dict.fromkeys(("net", "train", "metrics"), dict),
}


class RunError(PlaygroundError):
    """A run folder that cannot be used."""


def default_folder() -> Path:
    """Where runs live unless somebody says otherwise (``PLAYGROUND_RUNS``)."""
    named = os.environ.get("PLAYGROUND_RUNS")
    return (
        Path(named) if named else Path(platformdirs.user_data_dir("GenerativePlayground")) / "runs"
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step; a crash leaves the old file or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Store:
    """The run folders below one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def path(self, run: str) -> Path:
        """The folder of the run `run`. Raises `RunError` for a name that leads elsewhere."""
        if not run or run != Path(run).name or run.startswith("."):
            raise RunError(N_("{run!r} is not the name of a run", run=run))
        return self.folder / run

    def new_id(self, model: str, data_title: str) -> str:
        """A name for a new run that no folder has yet, and that sorts by time."""
        word = "".join(c if c.isalnum() and c.isascii() else "-" for c in data_title.lower())
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{model}-{word.strip('-')[:24] or 'data'}"
        name, number = stem, 1
        while (self.folder / name).exists() or (self.folder / TRASH / name).exists():
            number += 1
            name = f"{stem}-{number}"
        return name

    def read(self, run: str) -> Run:
        """What ``run.json`` of `run` says. Raises `RunError` where it is not one of ours."""
        path = self.path(run) / "run.json"
        try:
            raw = json.loads(path.read_text("utf-8"))
            written = raw.get("format", FORMAT)
            known = {name: raw[name] for name in Run.__dataclass_fields__ if name in raw}
            found = Run(**known) if written == FORMAT else None
        except FileNotFoundError:
            raise RunError(
                N_("{path} is not a run folder: it has no run.json", path=str(path.parent))
            ) from None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(
                N_("the run {run} is damaged: run.json: {error}", run=run, error=str(error))
            ) from error
        if found is None:
            raise RunError(
                N_(
                    "the run {run} was written by another version (format {format}); "
                    "this one reads format {known}",
                    run=run,
                    format=written,
                    known=FORMAT,
                )
            )
        wrong = [name for name, kind in KINDS.items() if not _is(getattr(found, name), kind)]
        if wrong or found.id != run:
            raise RunError(
                N_(
                    "the run {run} is damaged: run.json has wrong fields: {fields}",
                    run=run,
                    fields=", ".join(wrong or ["id"]),
                )
            )
        return found

    def runs(self) -> tuple[Run, ...]:
        """All readable runs, newest first. Folders that are none of ours are passed over."""
        return tuple(run for run, error in self.survey() if run is not None and error is None)

    def survey(self) -> tuple[tuple[Run | None, RunError | None], ...]:
        """All folders: the run, or what is wrong with it; newest first."""
        if not self.folder.is_dir():
            return ()
        found: list[tuple[Run | None, RunError | None]] = []
        for path in sorted(self.folder.iterdir(), reverse=True):
            if path.name.startswith(".") or not path.is_dir():
                continue
            try:
                found.append((self.read(path.name), None))
            except RunError as error:
                found.append((None, error))
        return tuple(found)

    def write(self, run: Run) -> None:
        """Replace ``run.json`` of `run`."""
        path = self.path(run.id)
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(run), ensure_ascii=False, indent=1)
        write_atomically(path / "run.json", text.encode())

    @contextlib.contextmanager
    def checkpoint(self, run: Run) -> Iterator[Path]:
        """A new folder to write a checkpoint into; it counts only if the block succeeds.

        `run` names it in its `checkpoint` field and is written last.
        """
        folder = self.path(run.id) / "checkpoints"
        place = folder / run.checkpoint
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            yield place
            for file in place.iterdir():
                _sync(file)
            self.write(run)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        for old in folder.iterdir():
            if old.name != run.checkpoint:
                shutil.rmtree(old, ignore_errors=True)

    def checkpoint_path(self, run: Run) -> Path:
        """The folder of the checkpoint that counts. Raises `RunError` where it is missing."""
        place = self.path(run.id) / "checkpoints" / Path(run.checkpoint or "-").name
        if not place.is_dir():
            raise RunError(N_("the run {run} has no saved state yet", run=run.id))
        return place

    def delete(self, run: str) -> None:
        """Move the run to the trash; `undelete` brings it back."""
        place = self.path(run)
        trash = self.folder / TRASH
        try:
            if place.exists():  # else what is in the trash is the only copy
                trash.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(trash / run, ignore_errors=True)
            place.replace(trash / run)
            os.utime(trash / run)  # the time of the deletion, for `empty_trash`
        except OSError as error:
            raise RunError(
                N_("the run {run} cannot be deleted: {error}", run=run, error=str(error))
            ) from error

    def undelete(self, run: str) -> None:
        """Bring a deleted run back."""
        place = self.path(run)
        try:
            (self.folder / TRASH / run).replace(place)
        except OSError as error:
            raise RunError(
                N_("the run {run} cannot be brought back: {error}", run=run, error=str(error))
            ) from error

    def empty_trash(self, older_than_days: float = 7.0) -> None:
        """Remove for good what was deleted longer ago than this."""
        trash = self.folder / TRASH
        if not trash.is_dir():
            return
        for path in trash.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > older_than_days * 86400:
                    shutil.rmtree(path, ignore_errors=True)


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _sync(path: Path) -> None:
    """Have the system write `path` to the disk now."""
    descriptor = os.open(path, os.O_RDWR)  # Windows syncs only what is open for writing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

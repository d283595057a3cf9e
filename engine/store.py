"""Run folders: what was trained, on disk, whole at every moment.

    runs/20261123-101502-lstm-names/
        run.json                   what it is, and which checkpoint counts
        data.json                  tokeniser and title, so that it samples without its data
        checkpoints/000000400/     weights, averaged, optimiser (safetensors),
                                   history.npz, state.json
        snapshots/000000064.safetensors

A checkpoint is written to a folder of its own; then ``run.json`` is replaced in
one atomic rename that names it, and the old one is removed. Whoever is killed
in between leaves either the old state or the new, never a mixture. Nothing
that is read back can run code: safetensors, JSON, and npz without pickles.

Several programs may work on the same runs. One of them holds a run (`engine.holding`)
as long as it trains it; the others can read it meanwhile, see `Store.steadily`.
"""

import contextlib
import datetime
import errno
import itertools
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from engine import holding, wary
from engine.holding import HeldError, Hold, Holder
from engine.phrases import N_, Phrase, PlaygroundError

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_RECORD = 1_000_000  # bytes of a run.json
MOST_COUNTED = 2**53  # of steps, or seconds
LONGEST_NAME = 200  # bytes
FORMAT = 2
READABLE = (1, 2)  # 1: the optimisers as a pickle, which is not read any more
STAMP = "%Y%m%d-%H%M%S"  # the first of a name, in local time
TRASH = ".trash"
REMOVING = ".removing-"  # in the trash: what is on its way out
BUSY_SECONDS = 0.05
BEGINNING = {"data.json", "lesson.safetensors", "snapshots", "checkpoints"}


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


class TakenError(RunError):
    """A run that another program trains, or has trained on; a copy of it can be trained."""


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
        replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path, tries: int = 10) -> None:
    """Rename; on Windows a little later, where somebody reads `target` at this moment."""
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            tries -= 1
            if os.name != "nt" or not tries:
                raise
            time.sleep(BUSY_SECONDS)


class Store:
    """The run folders below one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def path(self, run: str) -> Path:
        """The folder of the run `run`. Raises `RunError` for a name that leads elsewhere."""
        if not _is_name(run):
            raise RunError(N_("{run!r} is not the name of a run", run=run))
        return self.folder / run

    def begin(self, model: str, data_title: str) -> str:
        """Make the folder of a new run; its name, which sorts by time.

        Of two programs that begin a run in the same second, each gets a folder of its own.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self._names(model, data_title):
            if not (self.folder / TRASH / name).exists():
                with contextlib.suppress(FileExistsError):
                    (self.folder / name).mkdir()
                    break
        return name

    def new_id(self, model: str, data_title: str) -> str:
        """A name for a run that has no folder yet; see `begin`."""
        return next(self._names(model, data_title))

    def _names(self, model: str, data_title: str) -> Iterator[str]:
        word = "".join(c if c.isalnum() and c.isascii() else "-" for c in data_title.lower())
        stem = f"{self._stamp()}-{model}-{word.strip('-')[:24] or 'data'}"
        yield stem
        for number in itertools.count(2):
            yield f"{stem}-{number}"

    def _stamp(self) -> str:
        """Now; a second after the newest run where a clock was set back, as each autumn by an hour.

        By more than a day it was wrong before, and is right now.
        """
        now = _now()
        latest = now + datetime.timedelta(days=1)
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                with contextlib.suppress(ValueError):
                    begun = datetime.datetime.strptime(path.name[:15], STAMP)
                    if now < begun <= latest:
                        now = begun + datetime.timedelta(seconds=1)
        return now.strftime(STAMP)

    def read(self, run: str) -> Run:
        """What ``run.json`` of `run` says. Raises `RunError` where it is not one of ours."""
        path = self.path(run) / "run.json"
        try:
            raw = wary.record(path, MOST_RECORD)
            written = raw.get("format", FORMAT)
            known = {name: raw[name] for name in Run.__dataclass_fields__ if name in raw}
            found = Run(**known) if written in READABLE else None
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
                    known=" / ".join(map(str, READABLE)),
                )
            )
        wrong = wrong_fields(found)
        if wrong or found.id != run:
            raise RunError(
                N_(
                    "the run {run} is damaged: run.json has wrong fields: {fields}",
                    run=run,
                    fields=", ".join(wrong or ["id"]),
                )
            )
        if (link := _link_in(path.parent)) is not None:
            raise RunError(
                N_(
                    "the run {run} has a link in it ({link}), which may lead anywhere: accepted is "
                    "a run folder that has only folders and files of its own",
                    run=run,
                    link=link,
                )
            )
        return found

    def runs(self) -> tuple[Run, ...]:
        """All readable runs, newest first. Folders that are none of ours are passed over."""
        return tuple(run for run, error in self.survey() if run is not None and error is None)

    def survey(self) -> tuple[tuple[Run | None, RunError | None], ...]:
        """All folders: the run, or what is wrong with it; newest first.

        What was killed before a step was taken holds nothing, and is passed over.
        """
        if not self.folder.is_dir():
            return ()
        found: list[tuple[Run | None, RunError | None]] = []
        for path in sorted(self.folder.iterdir(), reverse=True):
            if path.name.startswith(".") or not path.is_dir():
                continue
            try:
                found.append((self.read(path.name), None))
            except RunError as error:
                if not _never_saved(path):
                    found.append((None, error))
        return tuple(found)

    def write(self, run: Run) -> None:
        """Replace ``run.json`` of `run`."""
        path = self.path(run.id)
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(run), ensure_ascii=False, indent=1)
        # The name of an own file may have bytes that are no text; JSON writes them as \udcNN.
        write_atomically(path / "run.json", text.encode("utf-8", "backslashreplace"))

    @contextlib.contextmanager
    def checkpoint(self, run: Run) -> Iterator[Path]:
        """A new folder to write a checkpoint into; it counts only if the block succeeds.

        `run` names it in its `checkpoint` field, by a name that none had before, and is
        written last.
        """
        folder = self.path(run.id) / "checkpoints"
        place = folder / run.checkpoint
        place.mkdir(parents=True)
        try:
            yield place
            for file in place.iterdir():
                _sync(file)
            self.write(run)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        with contextlib.suppress(OSError):  # the new one counts already
            for old in folder.iterdir():
                if old.name != run.checkpoint:
                    shutil.rmtree(old, ignore_errors=True)
            here = self.path(run.id)
            for part in (*here.glob(".*.part"), *here.glob("*/*.part")):  # of one that was killed
                part.unlink()

    def hold(self, run: str) -> Hold:
        """Hold `run` for training. Raises `TakenError` that says who has it, or `OSError`."""
        self.path(run)
        try:
            return holding.take(self.folder, run)
        except HeldError as error:
            raise TakenError(_trained_by(run, error.holder)) from error

    def holder(self, run: str) -> Holder | None:
        """Who trains `run` now, if anybody does."""
        self.path(run)
        return holding.holder_of(self.folder, run)

    @contextlib.contextmanager
    def _alone(self, run: str) -> Iterator[None]:
        """While the block runs, nobody else trains, moves or removes `run`."""
        self.path(run)
        try:
            hold = holding.take(self.folder, run, noted=False)
        except HeldError as error:
            raise RunError(_to_be_paused(run, error.holder)) from error
        try:
            yield
        finally:
            hold.release()

    def steadily(self, run: Run, look: Callable[[Run], T]) -> T:
        """``look(run)``; anew where another program saved the run while it was looked at."""
        while True:
            try:
                return look(run)
            except PlaygroundError:
                now = self.read(run.id)
                if now.checkpoint == run.checkpoint:
                    raise
                run = now

    def checkpoint_path(self, run: Run) -> Path:
        """The folder of the checkpoint that counts. Raises `RunError` where it is missing."""
        place = self.path(run.id) / "checkpoints" / run.checkpoint
        if not (_is_name(run.checkpoint) and place.is_dir()):
            raise RunError(N_("the run {run} has no saved state yet", run=run.id))
        return place

    def delete(self, run: str) -> None:
        """Move the run to the trash; `undelete` brings it back."""
        place = self.path(run)
        trash = self.folder / TRASH
        try:
            with self._alone(run):
                os.utime(place)  # the time of the deletion, for `empty_trash`
                trash.mkdir(exist_ok=True)
                self._remove(run)
                replace(place, trash / run)
        except OSError as error:
            raise RunError(
                N_("the run {run} cannot be deleted: {error}", run=run, error=str(error))
            ) from error

    def undelete(self, run: str) -> None:
        """Bring a deleted run back."""
        place = self.path(run)
        try:
            with self._alone(run):
                if place.exists():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
                replace(self.folder / TRASH / run, place)
        except OSError as error:
            raise RunError(
                N_("the run {run} cannot be brought back: {error}", run=run, error=str(error))
            ) from error

    def empty_trash(self, older_than_days: float = 7.0) -> None:
        """Remove for good what was deleted longer ago than this."""
        deleted: list[Path] = []
        with contextlib.suppress(OSError):
            deleted += (self.folder / TRASH).iterdir()
        for path in deleted:
            with contextlib.suppress(OSError, RunError):
                if path.name.startswith(REMOVING):  # of one that was killed
                    shutil.rmtree(path, ignore_errors=True)
                elif _age(path) > older_than_days * 86400:
                    with self._alone(path.name):
                        if _age(path) > older_than_days * 86400:
                            self._remove(path.name)
        with contextlib.suppress(OSError):
            holding.tidy(self.folder, self._known)

    def _remove(self, run: str) -> None:
        """Remove `run` from the trash. Whoever is killed meanwhile leaves nothing like a run."""
        path = self.folder / TRASH / run
        if path.exists():
            leaving = path.with_name(f"{REMOVING}{run}-{time.time_ns()}")
            replace(path, leaving)
            shutil.rmtree(leaving, ignore_errors=True)

    def _known(self, run: str) -> bool:
        return (self.folder / run).exists() or (self.folder / TRASH / run).exists()


def _trained_by(run: str, holder: Holder | None) -> Phrase:
    """For whoever wants to go on with it."""
    if holder is None:
        return N_(
            "another program works on the run {run}: wait until it is done, or train a copy",
            run=run,
        )
    return N_(
        "the run {run} is in training elsewhere, by {who}, since {when}: wait until it is paused "
        "there, or train a copy",
        who=holder.who,
        run=run,
        when=holder.when,
    )


def _to_be_paused(run: str, holder: Holder | None) -> Phrase:
    """For whoever wants to move or remove it."""
    if holder is None:
        return N_("another program works on the run {run}: wait until it is done", run=run)
    return N_(
        "the run {run} is in training elsewhere, by {who}, since {when}: pause it there first",
        who=holder.who,
        run=run,
        when=holder.when,
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now()


def _age(path: Path) -> float:
    """Seconds since it was deleted."""
    return time.time() - path.stat().st_mtime


def _never_saved(folder: Path) -> bool:
    """Whether a run was only begun here: killed before its first checkpoint, which is of step 0."""
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        steps = {path.name.partition("-")[0] for path in folder.glob("checkpoints/*")}
    except FileNotFoundError:  # deleted meanwhile
        return True
    except OSError:
        return False
    return names <= BEGINNING and steps <= {f"{0:09d}"}


def _is_name(run: str) -> bool:
    """Whether a folder can be called so that lies beside the others, and a lock of it as well."""
    try:
        fits = 0 < len(os.fsencode(run)) <= LONGEST_NAME
    except UnicodeEncodeError:  # half a character
        return False
    return fits and run == Path(run).name and not run.startswith(".") and "\0" not in run


def wrong_fields(run: Run) -> list[str]:
    """The fields of `run` that have no value of their kind, or one that no run comes to."""
    wrong = [name for name, kind in KINDS.items() if not _is(getattr(run, name), kind)]
    return wrong or [
        name
        for name in ("step", "seconds", "created", "saved")
        if not 0 <= getattr(run, name) <= MOST_COUNTED
    ]


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _link_in(folder: Path) -> str | None:
    """The first link in the folder of a run, where what is written would go elsewhere."""
    for place in (folder, folder / "checkpoints", folder / "snapshots"):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for each in entries:
                if each.is_symlink():
                    return os.path.relpath(each.path, folder)
    return None


def _sync(path: Path) -> None:
    """Have the system write `path` to the disk now."""
    descriptor = os.open(path, os.O_RDWR)  # Windows syncs only what is open for writing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The folder of the run that is open: begun, held, saved to, and copied.

What is written can be killed at any moment, and the disk may be full, gone, or
written to by another program: training goes on in memory, and the newest whole
save stays what the folder says. Files are replaced, never changed.
"""

import contextlib
import dataclasses
import errno
import json
import logging
import math
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import safetensors.numpy
import safetensors.torch

from engine import knobs as knobs_
from engine import wary
from engine.data import catalogue
from engine.events import Event, Said, Saved
from engine.family import Data, Model
from engine.holding import Hold
from engine.learner import Learner
from engine.phrases import N_, Phrase
from engine.store import FORMAT, Run, RunError, Store, TakenError, replace, write_atomically

log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Event], None]  # whoever is told what happens

SNAPSHOTS = 40
MOST_LESSON = 256_000_000  # bytes
LESSON = "lesson.safetensors"  # in a run's folder: what `Model.teach` gave


class Keeper:
    """The run of one session, and its folder. All of it works on the compute thread."""

    def __init__(self, store: Store, model: Model) -> None:
        self.store = store
        self.model = model
        self.run: Run | None = None
        self.snapshots: tuple[int, ...] = ()  # steps whose weights are kept
        self.lesson: Mapping[str, Any] = {}  # what a teacher added to the data
        self.unsaved = False  # whether the newest save failed
        self._begun = False  # whether the run has a folder
        self._hold: Hold | None = None  # on the run, while it is trained

    # --- which run it is

    def clear(self) -> None:
        """There is no run."""
        self.run, self.snapshots = None, ()

    def take_up(self, run: Run) -> None:
        """The run is one that was saved."""
        self.run = run
        self._begun, self.unsaved, self.lesson = True, False, {}
        self.snapshots = kept_steps(self.snapshot_folder(), run.step)

    def new(self, learner: Learner, lesson: Mapping[str, Any]) -> None:
        """The run is a new one, of `learner`; `lesson` is what a teacher added to its data."""
        data = learner.data
        self.snapshots, self.lesson = (), lesson
        self.run = Run(
            id=self.store.new_id(self.model.key, str(data.title)),
            model=self.model.key,
            title=str(self.model.title),
            data=data.key,
            data_title=str(data.title),
            seed=learner.seed,
            net=knobs_.as_dict(learner.net),
            train=knobs_.as_dict(learner.train),
            created=time.time(),
            sha256=data.sha256,
        )
        self._begun = self.unsaved = False
        try:
            self._begin()
        except OSError as error:  # tried again at each save, where it is told
            log.warning("no folder for a new run: %s", error)

    def _begin(self) -> None:
        """Have a folder for the run. Raises `OSError`."""
        assert self.run is not None
        id_ = self.store.begin(self.run.model, self.run.data_title)
        self.run = dataclasses.replace(self.run, id=id_, checkpoint="")
        self._begun = True

    # --- who writes into it

    def take_hold(self) -> None:
        """Hold the run. Raises `TakenError` where another program trains it, or has done so."""
        assert self.run is not None
        store, run = self.store, self.run
        try:
            if self._hold is not None and self._hold.run != run.id:
                self._hold = None
            if self._hold is None and self._begun:
                self._hold = store.hold(run.id)
        except OSError as error:  # tried again at each save
            log.warning("the run %s cannot be held: %s", run.id, error)
        now = self._on_disk()
        if now is not None and now.checkpoint != run.checkpoint:
            self.let_go()
            raise TakenError(
                N_(
                    "another program has trained the run {run} on to step {step}: open it again "
                    "to go on from there, or train a copy of what is open here",
                    run=run.id,
                    step=now.step,
                )
            )

    def let_go(self) -> None:
        """Others may train it."""
        if self._hold is not None:
            try:
                self._hold.release()
            except OSError as error:  # a drive that was removed: tried again the next time
                log.warning("the run %s cannot be let go of: %s", self._hold.run, error)
                return
            self._hold = None

    @property
    def held(self) -> bool:
        """Whether nobody else can train it now."""
        return self._hold is not None

    def _on_disk(self) -> Run | None:
        """What is saved of the run, by whomever."""
        assert self.run is not None
        try:
            return self.store.read(self.run.id)
        except RunError:
            return None

    def go_apart(self) -> None:
        """From now on the model is a run of its own, with what was kept of earlier steps."""
        assert self.run is not None
        self.let_go()
        before, kept = self.snapshot_folder(), []
        self.run = dataclasses.replace(self.run, created=time.time())
        self._begin()
        folder = self.snapshot_folder()
        for step in self.snapshots:
            name = f"{step}.safetensors"
            try:
                folder.mkdir(exist_ok=True)
                shutil.copyfile(before / name, folder / name)
                kept.append(step)
            except OSError as error:
                log.warning("the snapshot at step %d is not copied: %s", step, error)
                with contextlib.suppress(OSError):
                    (folder / name).unlink(missing_ok=True)
        self.snapshots = tuple(kept)

    # --- what is written

    def save(self, tell: Tell, learner: Learner) -> None:
        """Write a checkpoint. A disk that does not take it is told, and training goes on."""
        store = self.store
        try:
            news = self._make_place(tell, learner)
            assert self.run is not None
            run = dataclasses.replace(
                self.run,
                step=learner.step,
                seconds=learner.seconds,
                metrics={k: v for k, v in learner.history.last().items() if math.isfinite(v)},
                train=knobs_.as_dict(learner.train),
                checkpoint=f"{learner.step:09d}-{secrets.token_hex(4)}",  # clocks are coarse
                saved=time.time(),
                format=FORMAT,
            )
            with store.checkpoint(run) as place:
                learner.save(place)
        except (OSError, safetensors.SafetensorError, RuntimeError, TakenError) as error:
            log.log(logging.DEBUG if self.unsaved else logging.WARNING, "saving failed: %s", error)
            if not self.unsaved:
                phrase = N_(
                    "could not save to {folder}: {error}; training goes on, and saving is "
                    "tried again",
                    folder=str(store.folder),
                    error=str(error),
                )
                tell(Said(phrase, grave=True))
            self.unsaved = True
            return
        if self.unsaved:
            tell(Said(N_("saved again, to {folder}", folder=str(store.folder))))
        if news is not None:
            tell(Said(news, grave=True))
        self.run, self.unsaved = run, False
        tell(Saved(run.id, learner.step))

    def _make_place(self, tell: Tell, learner: Learner) -> Phrase | None:
        """See that the run has a folder that no other program writes into, and what goes beside
        a checkpoint. Gives what is to be told once it is saved; raises `OSError`.
        """
        assert self.run is not None
        store, news = self.store, None
        if not self._begun:
            self._begin()
        elif not store.folder.is_dir():  # a drive that was removed: never made anew
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(store.folder))
        now, run = self._on_disk(), self.run
        taken = now is not None and now.checkpoint != run.checkpoint
        # Where no lock can be made, what is on disk still tells whether another has saved there.
        with contextlib.suppress(OSError):
            try:
                if self._hold is None and not taken:
                    self._hold = store.hold(run.id)
            except TakenError:
                taken = True
        if taken:
            self.go_apart()
            with contextlib.suppress(OSError):
                self._hold = store.hold(self.run.id)
            phrase = N_(
                "another program trains the run {run} too: this training is saved as {copy}",
                run=run.id,
                copy=self.run.id,
            )
            tell(Said(phrase, grave=True))
        elif run.checkpoint and not (store.path(run.id) / "run.json").exists():
            self.snapshots = ()
            news = N_(
                "the run {run} was deleted by another program: as it is trained here, it is "
                "saved anew",
                run=run.id,
            )
        self._write_beside(store.path(self.run.id), learner)
        return news

    def _write_beside(self, folder: Path, learner: Learner) -> None:
        """What never changes: the data as far as sampling needs them, and a teacher's part,
        since going on must not depend on the teacher.
        """
        folder.mkdir(exist_ok=True)
        if not (folder / "data.json").exists():
            stub = json.dumps(catalogue.to_json(learner.data))
            write_atomically(folder / "data.json", stub.encode())
        if self.model.teach is not None and not (folder / LESSON).exists():
            write_atomically(folder / LESSON, safetensors.numpy.save(dict(self.lesson)))

    def snapshot_folder(self) -> Path:
        """Where the weights of earlier steps are."""
        assert self.run is not None
        return snapshot_folder(self.store, self.run)

    def keep_snapshot(self, learner: Learner) -> None:
        """Keep the weights of now, unless there are enough, or the disk does not take them."""
        assert self.run is not None
        full = len(self.snapshots) >= SNAPSHOTS
        if learner.step in self.snapshots or full or not self._begun:
            return
        folder = self.snapshot_folder()
        part = folder / f"{learner.step}.part"
        try:
            folder.mkdir(exist_ok=True)
            safetensors.torch.save_model(learner.averaged, str(part))
            replace(part, folder / f"{learner.step}.safetensors")
        except (OSError, safetensors.SafetensorError) as error:
            log.warning("no snapshot at step %d: %s", learner.step, error)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        self.snapshots = tuple(sorted((*self.snapshots, learner.step)))

    def forget_after(self, step: int) -> None:
        """Snapshots of later steps count no more."""
        self.snapshots = tuple(kept for kept in self.snapshots if kept <= step)

    def taught(self, data: Data) -> Data:
        """`data` as the run that is open learned from it."""
        if self.model.teach is None or self.run is None:
            return data
        path = self.store.path(self.run.id) / LESSON
        try:
            lesson = safetensors.numpy.load(wary.content(path, MOST_LESSON))
            taught: Data = data.lesson(lesson)  # type: ignore[attr-defined]
        except FileNotFoundError:
            raise RunError(
                N_(
                    "the run {run} lacks what its teacher wrote ({file}): reset to train anew",
                    run=self.run.id,
                    file=LESSON,
                )
            ) from None
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise RunError(
                N_(
                    "the run {run} is damaged: {file}: {error}",
                    run=self.run.id,
                    file=LESSON,
                    error=str(error),
                )
            ) from error
        self.lesson = lesson
        return taught


def snapshot_folder(store: Store, run: Run) -> Path:
    """Where the weights of earlier steps are."""
    return store.path(run.id) / "snapshots"


def kept_steps(folder: Path, most: int) -> tuple[int, ...]:
    """The steps up to `most` whose weights are in `folder`.

    Later ones are of a training that was undone, or killed before it was saved.
    """
    steps = (int(path.stem) for path in folder.glob("*.safetensors") if path.stem.isdecimal())
    return tuple(sorted(step for step in steps if step <= most))


def snapshot_steps(limit: int = 10**7) -> frozenset[int]:
    """Log-spaced even steps: 0, 1, 2, 4, 6, 8, 12, 18, ... soon each 1.6 times the one before."""
    steps, step = {0, 1, 2}, 2
    while step < limit:
        step = max(step + 2, int(step * 1.6) // 2 * 2)
        steps.add(step)
    return frozenset(steps)


SNAPSHOT_STEPS = snapshot_steps()

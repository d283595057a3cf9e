"""A session: one model, its data and its training, and everything one can ask of it.

``train`` below is the only training loop there is. It is a generator on the
compute thread, so between any two steps one can sample from the model, look
into it, turn a live knob, pause, or close the program; none of that needs a
lock, and none of it changes what is learned.

What is not a step (views, samples, held-out loss) may take a small share of the
time at most (see `engine.pacing`), so that watching a training hardly slows it.
"""

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

from engine import export as export_
from engine import keeping, memory
from engine import knobs as knobs_
from engine.data import catalogue
from engine.events import Health, Progress, Said, Shown
from engine.export import Export, as_it_was
from engine.family import OTHER, Data, Model, Trained, View
from engine.history import History
from engine.keeping import Keeper
from engine.learner import (
    PICKLED,
    Learner,
    TorchRandom,
    check_fits,
    checked_seed,
    estimate,
    is_finite,
    settings_of,
    stack,
)
from engine.pacing import Aside, Speed, Task
from engine.payloads import Payload
from engine.phrases import N_, PlaygroundError
from engine.store import Run, RunError, Store
from engine.trained import as_trained, load_stub, load_trained
from engine.worker import Job, Worker

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.05
AUTOSAVE_SECONDS = 8.0
SAMPLE_SECONDS = 1.0
HELD_OUT_SECONDS = 2.0
HELD_OUT_ELEMENTS = 4096
ROLL_BACKS = 3
STRANGERS = 12  # runs of others that are kept in memory for comparison
HELD_OUT = "held-out"
DRAWN, LIVE = "sample", "live"  # what `Shown.view` says of samples

Status: TypeAlias = Literal["empty", "training", "paused"]
Work: TypeAlias = Generator[None, None, Any]


def set_up(threads: int | None = None) -> None:
    """Prepare torch on the compute thread: leave one core to the window and everybody else."""
    torch.set_num_threads(threads if threads and threads > 0 else max(1, (os.cpu_count() or 2) - 1))


class Playground:
    """Everything that is open: the compute thread, the run folders, the sessions."""

    def __init__(
        self, models: Iterable[Model], runs: Path | None = None, threads: int | None = None
    ) -> None:
        self.models = {model.key: model for model in models}
        self.worker = Worker(lambda: set_up(threads))
        self.store = Store(runs)
        self.sessions: list[Session] = []
        self._loaded: dict[tuple[str, int, int], Data] = {}
        self._strangers: dict[str, tuple[str, Trained]] = {}

    def open(self, model: Model) -> "Session":
        """A new session for `model`, with its first preset and its own data set chosen."""
        session = Session(self, model)
        self.sessions.append(session)
        return session

    def close(self, timeout: float = 10.0) -> bool:
        """Stop and save everything. Whether that was done in time."""
        done = self.worker.close(timeout)
        self.store.empty_trash()
        return done

    def data(self, name: str) -> Generator[Progress, None, Data]:
        """The data set or own file of that name; loaded once, and shared by all sessions."""
        mark = _as_of_now(name)
        known = self._loaded.get(mark)
        # Whether something has changed deep in a folder, only reading it again can tell.
        if known is None or Path(catalogue.split_name(name)[0]).is_dir():
            found = yield from catalogue.load(name)
            if known is None or known.sha256 != found.sha256:
                # What a file said before it was changed stays with those who learn from it alone.
                others = {each: data for each, data in self._loaded.items() if each[0] != name}
                self._loaded = others | {mark: found}
        return self._loaded[mark]

    def companions(self, keys: tuple[str, ...], data: str) -> dict[str, Trained]:
        """For each key the model in training, or else its newest run, where there is one.

        One that learned from `data` (the key of it) comes before any that learned from others.
        """
        runs = self._runs()
        found: dict[str, Trained] = {}
        for key in keys:
            learners = [
                each.learner for each in self.sessions if each.model.key == key and each.learner
            ]
            known = self._newest(
                key,
                [each for each in learners if each.data.key == data],
                [run for run in runs if run.data == data],
            ) or self._newest(key, learners, runs)
            if known:
                found[key] = known
        return found

    def other_run(self, session: "Session") -> Trained | None:
        """The newest run of the session's model on the same data that is not the session's own."""
        assert session.run is not None
        own = session.run
        others = [run for run in self._runs() if run.id != own.id and run.data == own.data]
        return self._newest(session.model.key, [], others)

    def _runs(self) -> tuple[Run, ...]:
        """All there are. What is in memory of any that was deleted is let go of."""
        runs = self.store.runs()
        there = {run.id for run in runs}
        self._strangers = {id_: kept for id_, kept in self._strangers.items() if id_ in there}
        return runs

    def _newest(self, key: str, learners: Sequence[Learner], runs: Iterable[Run]) -> Trained | None:
        """The model of that key that is furthest in training, or else the first run of it."""
        if learners:
            return as_trained(max(learners, key=lambda learner: learner.step))
        for run in runs:
            if run.model == key and key in self.models and run.step:
                mark, kept = f"{run.id}/{run.checkpoint}", self._strangers.get(run.id)
                if kept is None or kept[0] != mark:
                    try:
                        load = partial(load_trained, self.store, model=self.models[key])
                        kept = mark, self.store.steadily(run, load)
                    except PlaygroundError as error:
                        log.warning("%s", error)
                        continue
                    self._strangers[run.id] = kept
                    while len(self._strangers) > STRANGERS:
                        del self._strangers[next(iter(self._strangers))]
                return kept[1]
        return None


def _as_of_now(name: str) -> tuple[str, int, int]:
    """A data set's name; of an own file also when it changed last, and its size."""
    try:
        found = Path(catalogue.split_name(name)[0]).stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return name, 0, 0
    return name, found.st_mtime_ns, found.st_size


class Session:
    """One model at work. Methods that return a `Job` do their work on the compute thread."""

    def __init__(self, playground: Playground, model: Model) -> None:
        preset = model.preset()
        self.playground = playground
        self.model = model
        self.net = preset.net
        self.train = preset.train
        self.seed = 1
        self.data_name = model.data
        self.data: Data | None = None
        self.learner: Learner | None = None
        self._plain: Data | None = None  # what the learner learns from, without a teacher's part
        self.keeper = Keeper(playground.store, model)
        self.watch = model.watch
        self.drawn: Payload | None = None  # the newest sample that somebody asked for
        self.drawn_at: tuple[Any, int] = (None, 0)  # its settings, and the step of the model
        self.live: Payload | None = None  # the newest of the live sampler
        self.live_at = 0
        self.wanted: dict[str, Any] = {}
        self._training: Job | None = None
        self._latest: Job | None = None
        self._empty = History()
        self._health: tuple[str, ...] = ()

    # --- what is so

    @property
    def status(self) -> Status:
        """Whether there is a model, and whether it trains."""
        if self._training is not None and not self._training.ended:
            return "training"
        return "paused" if self.learner else "empty"

    @property
    def run(self) -> Run | None:
        """What is saved of the present training, as of the newest save."""
        return self.keeper.run

    @property
    def history(self) -> History:
        """The curves of the present training."""
        return self.learner.history if self.learner else self._empty

    @property
    def step(self) -> int:
        """Steps taken."""
        return self.learner.step if self.learner else 0

    @property
    def seconds(self) -> float:
        """Pure training time so far."""
        return self.learner.seconds if self.learner else 0.0

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Steps whose weights are kept, so that views can be drawn as they were then."""
        return self.keeper.snapshots

    @property
    def health(self) -> tuple[str, ...]:
        """What is wrong with the training: keys of the model's rules, or () where it is well."""
        return self._health

    @property
    def unsaved(self) -> bool:
        """Whether the newest try to save the training failed."""
        return self.keeper.unsaved and self.learner is not None

    # --- what one can do

    def choose(
        self,
        *,
        data: str | None = None,
        net: Any = None,
        train: Any = None,
        seed: int | None = None,
    ) -> None:
        """Set what the next training starts with. Bad values raise, and nothing is changed."""
        seed = self.seed if seed is None else checked_seed(seed)
        for each in (net, train):
            if each is not None and (wrong := knobs_.problems(each)):
                raise wrong[0]
        if data is not None:
            self.data_name, self.data = data, None
        self.net = net or self.net
        self.train = train or self.train
        self.seed = seed

    def change(self, **live: Any) -> None:
        """Turn live knobs of the training; in force from the next step, marked on the curve."""
        known = {knob.name: knob for knob in knobs_.knobs_of(self.model.train)}
        for name in live:
            if name in known and not known[name].live:
                raise PlaygroundError(
                    N_("{name} cannot change while training: reset first", name=name)
                )
        train = knobs_.changed(self.learner.train if self.learner else self.train, live)
        self.train = knobs_.changed(self.train, live)
        if self.learner is None:
            return
        before = self.learner.train
        self.learner.train = train
        for name in live:
            old, new = getattr(before, name), getattr(train, name)
            if old != new:
                self.learner.history.mark(
                    self.step,
                    N_(
                        "{title} {old} → {new}",
                        title=str(known[name].title),
                        old=_in_words(old),
                        new=_in_words(new),
                    ),
                )

    def load_data(self) -> Job:
        """Load the chosen data; the job's result is it."""
        return self.playground.worker.submit(self._load_data, N_("Loading data"))

    def start(self, steps: int | None = None, seconds: float | None = None) -> Job:
        """Train from the start, or on from where it paused.

        It ends at step `steps`, or after `seconds` of pure training, or else at
        the end of the plan; past the plan it goes on until it is paused.
        """
        training = self._training
        if training is not None and not (training.ended or training.stopping):
            return training
        title = N_("Training {model}", model=str(self.model.title))
        self._training = self._in_turn(lambda job: self._train_alone(job, steps, seconds), title)
        return self._training

    def pause(self) -> None:
        """Stop training at the next step and save. The model stays loaded."""
        if self._training is not None:
            self._training.stop()

    def reset(self, seed: int | None = None) -> Job:
        """Forget the trained model (its run stays on disk) and begin anew, same seed or another."""
        self.seed = self.seed if seed is None else checked_seed(seed)
        self.pause()
        return self._in_turn(self._reset, N_("Resetting"))

    def restore(self, run: str) -> Job:
        """Open a saved run, ready to go on. The job fails where it cannot be read."""
        self.pause()
        return self._in_turn(lambda job: self._restore(job, run), N_("Opening"))

    def branch(self) -> Job:
        """Make the model a run of its own, beside the one that it was opened from.

        The way to go on with a run that another program trains.
        """
        self.pause()
        return self._in_turn(self._branch, N_("Copying the run"))

    def save(self) -> Job:
        """Try again to save what was trained, where that failed; `unsaved` tells how it went."""

        def work(job: Job) -> Work:
            yield
            learner, held = self._need_learner(), self.keeper.held
            try:
                self.keeper.save(job.tell, learner)
            finally:
                if not held:  # by a training that goes on
                    self.keeper.let_go()

        return self.playground.worker.submit(work, N_("Saving"))

    def sample(self, sample: Any, keep: tuple[int, ...] = ()) -> Job:
        """Draw a sample, shown as it grows. `keep`: see `Model.sampler`."""
        wrong = knobs_.problems(sample)
        if wrong:
            raise wrong[0]

        def work(job: Job) -> Work:
            learner = self._need_learner()
            trained = as_trained(learner, self.drawn)
            for payload in self.model.sampler(trained, sample, keep):
                if payload is not None:
                    self.drawn, self.drawn_at = payload, (sample, learner.step)
                    job.tell(Shown(DRAWN, payload, learner.step))
                yield

        return self.playground.worker.submit(work, N_("Sampling"), TorchRandom(self.seed))

    def look(self, view: View, knobs: Any, step: int | None = None) -> Job:
        """Draw a view, of the model as it is or as it was at a kept `step`."""
        wrong = knobs_.problems(knobs)
        if wrong:
            raise wrong[0]

        def work(job: Job) -> Work:
            learner = self._need_learner()
            trained = self._trained_for(view)
            if step is not None and step != learner.step:
                trained = as_it_was(trained, self.keeper.snapshot_folder(), step)
            yield from self._draw(job, view, knobs, trained)

        return self.playground.worker.submit(work, str(view.title), TorchRandom(self.seed))

    def estimate(self, net: Any, train: Any, data_name: str = "") -> Job:
        """Time a step of these settings on a model of their own, and on the chosen data or others.

        The result: {"parameters", "seconds_per_step", "seconds", "bytes"}.
        """

        def work(job: Job) -> Work:
            data = yield from self._found(job, data_name or self.data_name)
            self.model.check(data, net)
            return (yield from estimate(self.model, data, net, train, self.seed))

        return self.playground.worker.submit(work, N_("Estimating"))

    def exports(self) -> tuple[Export, ...]:
        """What can be exported of this model; a sample is drawn where there is none yet."""
        return export_.offered(self.model)

    def export(self, what: str, path: str | Path) -> Job:
        """Write the export of the key `what` to `path`; the job's result is the path.

        Of samples it is the newest that was asked for, else the newest of the live sampler.
        """

        def work(job: Job) -> Work:
            for_export = export_.write(what, Path(path), self._source())
            while True:
                try:
                    progress = next(for_export)
                except StopIteration as stop:
                    return stop.value
                if progress is not None:
                    job.tell(progress)
                yield

        title = {each.key: each.title for each in self.exports()}.get(what, what)
        return self.playground.worker.submit(
            work, N_("Exporting {what}", what=str(title)), TorchRandom(self.seed)
        )

    def _source(self) -> export_.Source:
        learner = self._need_learner()
        assert self.run is not None
        sample, knobs, step = self.drawn, *self.drawn_at
        if sample is None:
            sample, knobs, step = self.live, self.model.watch, self.live_at
        if sample is None:
            step = learner.step
        run = dataclasses.replace(
            self.run,
            step=learner.step,
            seconds=learner.seconds,
            train=knobs_.as_dict(learner.train),
        )
        return export_.Source(
            as_trained(learner, sample),
            run,
            knobs,
            step,
            self.keeper.snapshot_folder(),
            self.snapshots,
        )

    def _in_turn(self, work: Callable[[Job], Work], title: str) -> Job:
        """Submit what replaces or moves the learner: one such job after the other."""
        self._latest = self.playground.worker.submit(work, title, after=self._latest)
        return self._latest

    # --- on the compute thread

    def _need_learner(self) -> Learner:
        if self.learner is None:
            raise PlaygroundError(N_("there is no trained model yet: press Train first"))
        return self.learner

    def _load_data(self, job: Job) -> Work:
        self.data = yield from self._found(job, self.data_name)
        return self.data

    def _found(self, job: Job, name: str) -> Generator[None, None, Data]:
        """The data of that name."""
        loading = self.playground.data(name)
        while True:
            try:
                progress = next(loading)
            except StopIteration as stop:
                found: Data = stop.value
                return found
            if isinstance(progress, Progress):
                job.tell(progress)
            yield

    def _reset(self, job: Job) -> Work:
        self.learner = None
        self.keeper.clear()
        self.drawn = self.live = None
        self._look_after(job)
        yield

    def _restore(self, job: Job, name: str) -> Work:
        store = self.playground.store
        run = store.read(name)
        if run.model != self.model.key:
            raise RunError(
                N_(
                    "the run {run} is of the model {model}, not {here}",
                    run=name,
                    model=run.model,
                    here=self.model.key,
                )
            )
        yield
        learner, run = store.steadily(run, self._loaded)
        self.keeper.take_up(run)
        self.learner, self.data, self._plain = learner, None, None
        self.net, self.train, self.seed = learner.net, learner.train, learner.seed
        self.data_name = run.data
        self.drawn = self.live = None
        self._look_after(job)
        try:
            yield from self._ready(job)
            self._check_complete()
        except PlaygroundError as error:
            # Without its data it cannot train on; all else works.
            job.tell(Said(error.phrase))
        if (holder := store.holder(run.id)) is not None:
            phrase = N_(
                "the run {run} is in training elsewhere, by {who}, since {when}: it can be looked "
                "at, sampled and exported here, as it was at step {step}",
                who=holder.who,
                run=run.id,
                when=holder.when,
                step=run.step,
            )
            job.tell(Said(phrase, grave=True))

    def _loaded(self, run: Run) -> tuple[Learner, Run]:
        store = self.playground.store
        net, train, seed = settings_of(run, self.model)
        folder = store.checkpoint_path(run)
        stub = load_stub(store, run)
        try:
            check_fits(self.model, net, stub, folder / "weights.safetensors")
            learner = Learner(self.model, stub, net, train, seed)
        except PlaygroundError:
            raise
        except Exception as error:  # data that the model cannot be built for
            raise RunError(
                N_("the run {run} cannot be opened: {error}", run=run.id, error=str(error))
            ) from error
        learner.load(folder)
        return learner, run

    def _ready(self, job: Job) -> Generator[None, None, Learner]:
        """A learner with its data at hand: the present one, or a new one."""
        if self.data is None or self.learner is None or self._plain is not self.data:
            data = yield from self._load_data(job)
            if self.learner is not None:
                if self.run and self.run.sha256 and self.run.sha256 != data.sha256:
                    raise RunError(
                        N_(
                            "{path} has changed since this run began: put the old file back, "
                            "or reset to train on the new one",
                            path=self.data_name,
                        )
                    )
                same = catalogue.to_json(self.learner.data) == catalogue.to_json(data)
                if not same:
                    raise RunError(N_("the data is not what this run was trained on"))
                self.learner.data = self.keeper.taught(data)
                self._plain = self.data
        if self.learner is None:
            data = self.data
            assert data is not None
            self.model.check(data, self.net)
            yield
            lesson = yield from self._teach(job, data)
            learned = data.lesson(lesson) if lesson else data  # type: ignore[attr-defined]
            self.learner = Learner(self.model, learned, self.net, self.train, self.seed)
            self._plain = data
            self.keeper.new(self.learner, lesson)
        return self.learner

    def _teach(self, job: Job, data: Data) -> Generator[None, None, Mapping[str, Any]]:
        """What a teacher adds to the data, where the model has one."""
        if self.model.teach is None:
            return {}
        teachers = self.playground.companions(self.model.teachers, data.key)
        teaching = self.model.teach(data, self.net, self.train, teachers)
        while True:
            try:
                progress = next(teaching)
            except StopIteration as stop:
                return dict(stop.value)
            if progress is not None:
                job.tell(progress)
            yield

    def _branch(self, job: Job) -> Work:
        learner = self._need_learner()
        self._check_complete()
        yield
        try:
            self.keeper.go_apart()
            self.keeper.save(job.tell, learner)
        except OSError as error:
            raise PlaygroundError(
                N_(
                    "could not save to {folder}: {error}",
                    folder=str(self.playground.store.folder),
                    error=str(error),
                )
            ) from error
        finally:
            self.keeper.let_go()

    def _check_complete(self) -> None:
        if self.learner is not None and not self.learner.complete and self.run is not None:
            raise RunError(
                N_(
                    "the run {run} was saved by an older version, with a file that is not read any "
                    "more ({file}, since a pickle can run code): it can be looked at, sampled and "
                    "exported; to train on, reset",
                    run=self.run.id,
                    file=PICKLED,
                )
            )

    def _train_alone(self, job: Job, steps: int | None, seconds: float | None) -> Work:
        """Train, and hold the run meanwhile, so that no other program writes into it."""
        learner = yield from self._ready(job)
        self._check_complete()
        self.keeper.take_hold()
        try:
            return (yield from self._train(job, learner, steps, seconds))
        finally:
            self.keeper.let_go()

    def _train(self, job: Job, learner: Learner, steps: int | None, seconds: float | None) -> Work:
        plan = learner.train
        if steps is None and seconds is None:
            steps = plan.steps if learner.step < plan.steps else None
            seconds = plan.seconds if learner.seconds < plan.seconds else None
        begun = learner.step
        aside = Aside(job, lambda: self._due(job, learner), self.model.aside)
        good, in_a_row = learner.remember(), 0
        pending: list[dict[str, torch.Tensor]] = []
        flushed = saved = time.perf_counter()
        speed = Speed()
        try:
            self.keeper.keep_snapshot(learner)
            self.keeper.save(job.tell, learner)
            while True:
                reached = (steps is not None and learner.step >= steps) or (
                    seconds is not None and learner.seconds >= seconds
                )
                now = time.perf_counter()
                due = now - saved >= AUTOSAVE_SECONDS and learner.step > good["step"]
                if pending and (reached or due or now - flushed >= FLUSH_SECONDS):
                    metrics = stack(pending)
                    pending, flushed = [], now
                    if not is_finite(metrics):
                        in_a_row += 1
                        self._roll_back(job, learner, good, in_a_row)
                        continue
                    learner.history.add(learner.step, learner.seconds, metrics)
                    speed.update(learner.step, learner.seconds)
                    job.tell(self._progress(learner, begun, steps, seconds, speed.value))
                # A weight that no batch needs, or a moment, may be no number and no loss tells.
                if (reached or due) and not learner.finite:
                    in_a_row += 1
                    self._roll_back(job, learner, good, in_a_row)
                    continue
                if reached:
                    return learner.step
                if due:
                    good, in_a_row = learner.remember(), 0
                    self.keeper.save(job.tell, learner)
                    saved = time.perf_counter()
                try:
                    with learner.random:
                        pending.append(learner.advance())
                except (MemoryError, RuntimeError) as error:  # before saving, which needs some
                    raise memory.plainly(error) from None
                if learner.step in keeping.SNAPSHOT_STEPS:
                    self.keeper.keep_snapshot(learner)
                yield from aside.take_turn(learner.step, learner.seconds)
                yield
        finally:
            metrics = stack(pending) if pending else {}
            if not (is_finite(metrics) and learner.finite):
                self._roll_back(job, learner, good, 1)
            elif metrics:
                learner.history.add(learner.step, learner.seconds, metrics)
            self.keeper.save(job.tell, learner)
            self._look_after(job)

    def _look_after(self, job: Job) -> None:
        """Look for what the model's rules know to go wrong, and tell it where that is new."""
        learner = self.learner
        found = tuple(
            rule.key
            for rule in (self.model.health if learner else ())
            if learner and rule.found(learner.history, learner.train)
        )
        if found != self._health:
            self._health = found
            job.tell(Health(found))

    def _progress(
        self,
        learner: Learner,
        begun: int,
        steps: int | None,
        seconds: float | None,
        speed: float,
    ) -> Progress:
        done, left = None, None
        if steps is not None:
            done = learner.step / max(steps, 1)
            togo = max(steps - learner.step, 0)
            left = togo / speed if speed else None if togo else 0.0
        if seconds is not None:
            done = max(done or 0.0, learner.seconds / seconds)
            remaining = max(seconds - learner.seconds, 0.0)
            left = remaining if left is None else min(left, remaining)
        return Progress(
            step=learner.step,
            seconds=learner.seconds,
            done=None if done is None else min(done, 1.0),
            metrics=learner.history.last(),
            steps_per_second=speed,
            seconds_left=left,
        )

    def _roll_back(self, job: Job, learner: Learner, good: dict[str, Any], times: int) -> None:
        """The loss is no number: back to the last good state, with half the learning rate."""
        step = learner.step
        learner.recall(good)
        self.keeper.forget_after(learner.step)  # what was kept since may be no numbers either
        if times >= ROLL_BACKS:
            phrase = N_(
                "the loss was not a number {times} times in a row: training stopped at step {step}"
                ", where it was last good; try a lower learning rate",
                times=times,
                step=learner.step,
            )
            learner.history.mark(learner.step, phrase)
            raise PlaygroundError(phrase)
        lowest = {knob.name: knob.low for knob in knobs_.knobs_of(learner.train)}["learning_rate"]
        rate = max(learner.train.learning_rate / 2, lowest or 0.0)
        phrase = N_(
            "the loss was not a number at step {step}: back to step {good}, learning rate {rate:g}",
            step=step,
            good=learner.step,
            rate=rate,
        )
        learner.train = dataclasses.replace(learner.train, learning_rate=rate)
        self.train = dataclasses.replace(self.train, learning_rate=rate)
        learner.history.mark(learner.step, phrase)
        job.tell(Said(phrase, grave=True))

    def _trained_for(self, view: View) -> Trained:
        wanted = tuple(key for key in view.companions if key != self.model.key)
        learner = self._need_learner()
        companions = self.playground.companions(wanted, learner.data.key) if wanted else {}
        if OTHER in wanted and (other := self.playground.other_run(self)):
            companions[OTHER] = other
        # A sample that was asked for is what one looks into; without, the live one.
        trained = as_trained(learner, self.drawn or self.live, companions)
        folder = self.keeper.snapshot_folder()
        return dataclasses.replace(
            trained, kept=self.snapshots, then=lambda step: as_it_was(trained, folder, step)
        )

    def _draw(self, job: Job, view: View, knobs: Any, trained: Trained) -> Work:
        for payload in view.make(trained, knobs):
            if payload is not None:
                job.tell(Shown(view.key, payload, trained.step))
            yield

    def _sample_live(self, job: Job, learner: Learner) -> Work:
        for payload in self.model.sampler(as_trained(learner), self.watch, ()):
            if payload is not None:
                self.live, self.live_at = payload, learner.step
            yield
        if self.live is not None:
            job.tell(Shown(LIVE, self.live, learner.step))

    def _due(self, job: Job, learner: Learner) -> Iterator[Task]:
        """What a training looks up for, each at its interval."""
        if self.watch is not None:
            yield Task(
                LIVE, N_("the live sample"), SAMPLE_SECONDS, lambda: self._sample_live(job, learner)
            )
        yield Task(
            HELD_OUT,
            N_("the held-out loss"),
            HELD_OUT_SECONDS,
            lambda: self._evaluate(job, learner, HELD_OUT_ELEMENTS),
        )
        for view in self.model.views:
            knobs = self.wanted.get(view.key)  # others may take it out at any time
            if view.every is not None and knobs is not None:
                yield Task(
                    view.key, view.title, view.every, partial(self._draw_now, job, view, knobs)
                )

    def _draw_now(self, job: Job, view: View, knobs: Any) -> Work:
        yield from self._draw(job, view, knobs, self._trained_for(view))

    def _evaluate(self, job: Job, learner: Learner, most: int | None) -> Work:
        found = yield from self.model.evaluate(
            learner.averaged, learner.data, learner.net, learner.train, most
        )
        learner.history.add(learner.step, learner.seconds, found)
        self._look_after(job)

    def evaluate(self) -> Job:
        """Measure on all held-out data; the job's result is the metrics by name."""

        def work(job: Job) -> Work:
            learner = yield from self._ready(job)
            return (
                yield from self.model.evaluate(
                    learner.averaged, learner.data, learner.net, learner.train, None
                )
            )

        return self.playground.worker.submit(work, N_("Measuring on the held-out data"))


def _in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

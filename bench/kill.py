"""Whether a training that is killed at any moment opens again, whole, and goes on unchanged.

    python -m bench.kill [--times 50] [--seed 1] [--model diffusion-2d]

One run is trained by one process after the other. Each opens what the last one left, looks
whether every file of it is whole, trains on, and is killed (SIGKILL) at a random moment: between
two saves; while it saves, keeps a snapshot, or begins another run; while runs are deleted,
brought back and removed for good beside the training. At the end the run is set against one of
as many steps that nobody killed, bit for bit. Exit status 1 where anything is wrong.

That a continued run equals an unbroken one holds for every model is
`tests/engine/families/test_every_model.py`, over all of `FAMILIES`.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.common import ROOT, machine, median, table

PHASES = ("steps", "save", "snapshot", "delete", "begin")
DELETING = ("delete", "undelete", "empty_trash")
LONGEST = 12.0  # seconds between two saves, and some
MOST_LOST = 10.0  # seconds of training
PLAN = 20_000  # steps
FEW = 30  # steps that a continued run has to take
PATIENCE = 180.0  # seconds
KEPT, GONE = "to-keep", "to-remove"  # names of copies that are deleted


# --- the process that is killed


def tell(**event: Any) -> None:
    """One line to whoever kills."""
    os.write(sys.stdout.fileno(), json.dumps(event).encode() + b"\n")


def announced(owner: Any, name: str, what: str, number: list[int]) -> None:
    """From now on whoever calls ``owner.name`` is announced, before and after."""
    original = getattr(owner, name)

    def called(*arguments: Any) -> Any:
        number[0] += 1
        mine = number[0]
        tell(enter=what, number=mine)
        begun = time.perf_counter()
        found = original(*arguments)
        tell(leave=what, number=mine, ms=1000 * (time.perf_counter() - begun))
        return found

    setattr(owner, name, called)


def slowed(owner: Any, name: str) -> None:
    """From now on ``owner.name`` takes long, or no kill would ever come in between."""
    original = getattr(owner, name)

    def called(*arguments: Any, **named: Any) -> Any:
        time.sleep(0.002)
        found = original(*arguments, **named)
        time.sleep(0.002)
        return found

    setattr(owner, name, called)


def problems(store: Any, run: Any) -> list[str]:
    """What in the folder of `run` is not whole."""
    import numpy as np
    import safetensors.torch

    def read(path: Path) -> None:
        match path.suffix:
            case ".safetensors":
                safetensors.torch.load_file(path)
            case ".npz":
                with np.load(path, allow_pickle=False) as archive:
                    for name in archive.files:
                        archive[name]
            case ".json":
                json.loads(path.read_text("utf-8"))

    folder = store.path(run.id)
    place = store.checkpoint_path(run)
    files = [*place.iterdir(), *folder.glob("snapshots/*.safetensors"), folder / "data.json"]
    wrong = [] if len(files) > 3 else [f"few files: {files}"]
    for path in files:
        try:
            read(path)
        except Exception as error:  # noqa: BLE001 - whatever the readers raise is told
            wrong.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    saved = json.loads((place / "state.json").read_text())["step"]
    if saved != run.step:
        wrong.append(f"state.json is of step {saved}, run.json of {run.step}")
    return wrong


def copy(store: Any, run: Any, name: str) -> Any:
    """A whole copy of a run, under another name."""
    hidden = store.folder / f".{name}"
    shutil.rmtree(hidden, ignore_errors=True)
    shutil.copytree(store.path(run.id), hidden)
    made = dataclasses.replace(run, id=name)
    (hidden / "run.json").write_text(json.dumps(dataclasses.asdict(made)))
    hidden.replace(store.path(name))
    return made


def look_over(store: Any) -> tuple[Any, list[str]]:
    """The run, where it is there yet, and what is wrong with all that is there."""
    surveyed = store.survey()
    wrong = [f"listed as damaged: {error}" for _, error in surveyed if error is not None]
    found = {run.id: run for run, _ in surveyed if run is not None}
    if store.path(KEPT).exists() != (KEPT in found):
        wrong.append("the copy is there and is not listed")
    if (store.folder / ".trash" / KEPT).exists():
        if KEPT in found:
            wrong.append("the copy is there twice")
        store.undelete(KEPT)
        found[KEPT] = store.read(KEPT)
    shutil.rmtree(store.folder / ".trash", ignore_errors=True)
    for run in found.values():
        wrong += [f"{run.id}: {each}" for each in problems(store, run)]
    mine = [run for run in found.values() if run.id not in (KEPT, GONE) and run.seed == 1]
    if len(mine) > 1:
        wrong.append(f"more than one run: {[run.id for run in mine]}")
    for path in store.folder.glob("[!.]*") if mine else ():  # what other kills left is seen
        if path.name not in (KEPT, mine[0].id):
            shutil.rmtree(path)
    return (mine[0] if mine else None), wrong


def opened(session: Any, run: Any) -> None:
    """Open the run in the session, as the window does."""
    job = session.restore(run.id)
    job.wait(PATIENCE)
    if job.error is not None:
        raise job.error


def until_step(session: Any, job: Any, step: int) -> None:
    """Wait until it is there."""
    until = time.monotonic() + PATIENCE
    while session.step < step:
        if job.ended or time.monotonic() > until:
            raise RuntimeError(f"it stopped at step {session.step}: {job.error}")
        time.sleep(0.002)


def begun(model: Any, playground: Any, seed: int) -> Any:
    """A session with the plan of all runs here."""
    session = playground.open(model)
    session.choose(train=dataclasses.replace(model.preset().train, steps=PLAN), seed=seed)
    return session


def child(folder: str, key: str, phase: str, last: int) -> None:
    """Open, look over, train on; then do what `phase` says until somebody kills this.

    The phase "end" trains to step `last` and closes.
    """
    from engine import keeping
    from engine import session as session_
    from engine.__main__ import all_models
    from engine.keeping import Keeper
    from engine.session import Playground
    from engine.store import Store

    models = {model.key: model for _, model in all_models().values()}
    playground = Playground(models.values(), Path(folder), threads=1)
    store = playground.store
    run, wrong = look_over(store)
    session = begun(models[key], playground, 1)
    if run is not None:
        opened(session, run)
        if session.step != run.step:
            wrong.append(f"opened at step {session.step} instead of {run.step}")
    tell(opened=run is not None, step=session.step, seconds=session.seconds, wrong=wrong)
    if phase == "save":
        session_.AUTOSAVE_SECONDS = 0.4
    if phase == "snapshot":
        keeping.SNAPSHOTS = 10**6
        near = range(session.step, session.step + 10_000, 40)
        keeping.SNAPSHOT_STEPS = frozenset({*keeping.SNAPSHOT_STEPS, *near})
    if phase == "delete" and run is not None and not store.path(KEPT).exists():
        copy(store, run, KEPT)
    first = session.step
    job = session.start(steps=last or 10**9)
    if phase == "end":
        job.wait()
        playground.close(60)
        tell(over=session.step, run=session.run.id if session.run else "")
        return
    until_step(session, job, first + FEW)
    number = [0]
    if phase == "save":
        announced(Keeper, "save", "save", number)
    if phase == "snapshot":
        announced(Keeper, "keep_snapshot", "snapshot", number)
    threading.Thread(target=report, args=(session,), daemon=True).start()
    tell(went_on=True, step=session.step, seconds=session.seconds)
    if phase == "delete":
        for name in DELETING:
            announced(Store, name, name, number)
        for owner, name in ((Path, "replace"), (os, "utime"), (os, "unlink")):
            slowed(owner, name)
        delete_for_ever(store)
    if phase == "begin":
        announced(Keeper, "new", "begin", number)
        announced(Keeper, "save", "begin", number)
        announced(Keeper, "keep_snapshot", "begin", number)
        begin_for_ever(lambda: begun(models[key], playground, 2))
    job.wait()
    raise RuntimeError(f"the training ended: {job.error}")


def report(session: Any) -> None:
    """How far it is, many times a second."""
    while True:
        tell(step=session.step, seconds=session.seconds)
        time.sleep(0.005)


def delete_for_ever(store: Any) -> None:
    """Delete and bring back one copy; delete another and remove it for good."""
    while True:
        store.delete(KEPT)
        store.undelete(KEPT)
        copy(store, store.read(KEPT), GONE)
        store.delete(GONE)
        store.empty_trash(-1.0)


def begin_for_ever(make: Callable[[], Any]) -> None:
    """Begin one run after the other."""
    while True:
        session = make()
        job = session.start(steps=1)
        job.wait()
        time.sleep(0.05)
        if job.error is not None:
            raise job.error


# --- the process that kills


class Victim:
    """A process that trains, and what it said; it is killed at the end if it still runs."""

    def __init__(self, folder: Path, model: str, phase: str, last: int = 0) -> None:
        command = [sys.executable, "-m", "bench.kill", "--child", str(folder), model, phase]
        self.said: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [*command, str(last)],
            cwd=ROOT,
            env=dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"),
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):  # a line that was cut off by the kill
                event = json.loads(line)
                with self._news:
                    self.said.append(event)
                    self._news.notify_all()
        with self._news:
            self.said.append({"silent": True})
            self._news.notify_all()

    def all(self, name: str, of: str = "") -> list[dict[str, Any]]:
        """All events of that name so far; or those of this."""
        return [each for each in self.said if name in each and (not of or each[name] == of)]

    def wait_for(self, name: str, of: str = "", times: int = 1) -> dict[str, Any]:
        """The event of that name, when it has come so many times."""
        with self._news:
            self._news.wait_for(
                lambda: len(self.all(name, of)) >= times or self.all("silent"), PATIENCE
            )
        if len(self.all(name, of)) < times:
            self.kill()
            raise RuntimeError(f"no {name} {of}; the last that was said: {self.said[-3:]}")
        return self.all(name, of)[times - 1]

    def kill(self) -> None:
        """Now."""
        self._process.kill()
        self.over()

    def over(self) -> None:
        """Wait until it has ended and all it said is read."""
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)


@dataclasses.dataclass
class Kill:
    """What came of one. lost: seconds of training, where there were any before."""

    phase: str
    inside: bool = False
    step: int = 0
    seconds: float = 0.0
    lost: float = 0.0
    whole: bool = False
    continued: bool = False
    wrong: list[str] = dataclasses.field(default_factory=list)


def waited(chance: random.Random, victim: Victim, phase: str) -> None:
    """Until the moment to kill: as soon after something began as it took before, at most."""
    victim.wait_for("went_on")
    if phase == "steps":
        time.sleep(chance.uniform(0.0, LONGEST))
    else:
        what = chance.choice(DELETING) if phase == "delete" else phase
        victim.wait_for("enter", what, chance.randint(3, 20 if phase == "begin" else 5))
        took = max(each["ms"] for each in victim.all("leave", what))
        time.sleep(chance.uniform(0.0, took / 1000))


def after(kill: Kill, victim: Victim) -> None:
    """What the next process found of what `kill` left."""
    found = victim.wait_for("opened")
    kill.wrong += found["wrong"]
    kill.whole = not found["wrong"]
    kill.lost = kill.seconds - found["seconds"]
    if found["step"] > kill.step or not found["opened"]:
        kill.wrong.append(f"killed at step {kill.step}, opened: {found}")


def main(times: int, seed: int, model: str) -> int:
    """Kill, look, and set against an unbroken run. The exit status."""
    print(machine(), "\n")
    chance = random.Random(seed)
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory() as place:
        runs, unbroken = Path(place) / "killed", Path(place) / "unbroken"
        for number in range(times):
            phase = PHASES[number % len(PHASES)]
            victim = Victim(runs, model, phase)
            if kills:
                after(kills[-1], victim)
                victim.wait_for("went_on")
                kills[-1].continued = True
            waited(chance, victim, phase)
            victim.kill()
            kills.append(seen(victim, phase))
            print(f"{number + 1}. {kills[-1]}", file=sys.stderr)
        last = kills[-1].step + 200
        victim = Victim(runs, model, "end", last)
        after(kills[-1], victim)
        killed = victim.wait_for("over")
        kills[-1].continued = killed["over"] == last
        victim.over()
        victim = Victim(unbroken, model, "end", last)
        alone = victim.wait_for("over")
        victim.over()
        other = differences(runs / killed["run"], unbroken / alone["run"], model)
    show(kills)
    print(f"\nafter {times} kills, at step {last:,}, ", end="")
    print(f"other than the unbroken run in {other}" if other else "equal bit for bit")
    wrong = [f"{each.phase}: {words}" for each in kills for words in each.wrong]
    wrong += [f"{each.lost:.1f} s lost" for each in kills if each.lost > MOST_LOST]
    for words in wrong:
        print(words)
    return int(bool(wrong or other) or not all(each.whole and each.continued for each in kills))


def seen(victim: Victim, phase: str) -> Kill:
    """What is known of a process that was killed."""
    newest = [each for each in victim.said if "seconds" in each][-1]
    entered = {each["number"] for each in victim.all("enter")}
    left = {each["number"] for each in victim.all("leave")}
    return Kill(phase, bool(entered - left), newest["step"], newest["seconds"])


def differences(killed: Path, unbroken: Path, key: str) -> list[str]:
    """Names of what is not the same in the two saved runs."""
    import torch

    from engine.__main__ import all_models
    from engine.learner import Learner, settings_of
    from engine.store import Store
    from engine.trained import load_stub

    model = {model.key: model for _, model in all_models().values()}[key]

    def state(folder: Path) -> Iterator[tuple[str, Any]]:
        store = Store(folder.parent)
        run = store.read(folder.name)
        net, train, seed = settings_of(run, model)
        learner = Learner(model, load_stub(store, run), net, train, seed)
        learner.load(store.checkpoint_path(run))
        memory = learner.remember()
        del memory["seconds"]
        yield from leaves("", memory)

    def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from leaves(f"{name}/{key}", each)
        elif isinstance(value, list | tuple):
            for number, each in enumerate(value):
                yield from leaves(f"{name}/{number}", each)
        else:
            yield name, value

    one, other = dict(state(killed)), dict(state(unbroken))
    if one.keys() != other.keys():
        return sorted(one.keys() ^ other.keys())
    return [
        name
        for name, value in one.items()
        if not (
            torch.equal(value, other[name])
            if isinstance(value, torch.Tensor)
            else value == other[name]
        )
    ]


def show(kills: list[Kill]) -> None:
    """The table."""
    rows = []
    for phase in (*PHASES, "all"):
        those = [each for each in kills if phase in (each.phase, "all")]
        if those:
            lost = [each.lost for each in those]
            rows.append(
                (
                    phase,
                    len(those),
                    sum(each.inside for each in those),
                    f"{median(lost):.2f}",
                    f"{max(lost):.2f}",
                    f"{sum(each.whole for each in those)} of {len(those)}",
                    f"{sum(each.continued for each in those)} of {len(those)}",
                )
            )
    table(
        (
            "killed during",
            "kills",
            "in the midst of it",
            "training lost, median s",
            f"most s (at most {MOST_LOST:.0f})",
            "all whole",
            "continued",
        ),
        rows,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        parser = argparse.ArgumentParser(prog="bench.kill")
        parser.add_argument("--times", type=int, default=50)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--model", default="diffusion-2d")
        options = parser.parse_args()
        sys.exit(main(options.times, options.seed, options.model))

"""What the engine does when the machine fails it.

    python -m bench.faults disk [--model rnn] [--data names] [--megabytes 8] [--seconds 20]

``disk``: trains on a disk of a few megabytes (a tmpfs, so on Linux and as root) that something
else fills up bit by bit and later frees. After each save that failed, the earlier one is read
whole; at the end what is on the disk is set against what is in memory, bit for bit. Exit status 1
where a save was not whole or a step was lost.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.common import machine, table

PIECE = 64 * 1024  # how much of the disk goes at a time
LEAST_FAILED = 10  # saves, before there is room again
PATIENCE = 300.0  # seconds


@dataclass
class Saves:
    """What came of the saves."""

    tried: int = 0
    failed: int = 0
    looked: int = 0  # how often the earlier save was read after a failure
    whole: int = 0
    worst: str = ""
    said: list[str] = field(default_factory=list)


@contextlib.contextmanager
def small_disk(megabytes: float) -> Iterator[Path]:
    """A disk of this size; a clear exit where none can be mounted."""
    with tempfile.TemporaryDirectory() as place:
        size = f"size={int(megabytes * 1024)}k"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", place]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
            sys.exit("this measurement mounts a small disk: it needs Linux, and root")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def read(store: Any, run: Any, model: Any) -> Any:
    """A learner as it was saved, every file of it read. Raises where one is not whole."""
    from engine.learner import Learner, settings_of
    from engine.trained import load_stub, load_trained

    net, train, seed = settings_of(run, model)
    learner = Learner(model, load_stub(store, run), net, train, seed)
    learner.load(store.checkpoint_path(run))
    if learner.step != run.step or load_trained(store, run, model).step != run.step:
        raise ValueError(f"run.json is of step {run.step}, the rest of step {learner.step}")
    return learner


def watched(session: Any, saves: Saves) -> None:
    """From now on each save of the session counts, and what it leaves is looked at."""
    save, store = session.keeper.save, session.playground.store

    def counted(tell: Any, learner: Any) -> None:
        known = session.run.checkpoint
        save(tell, learner)
        saves.tried += 1
        if session.run.checkpoint == known:
            saves.failed += 1
            if known:
                saves.looked += 1
                try:
                    run = store.read(session.run.id)
                    if run.checkpoint != known:
                        raise ValueError(f"{run.checkpoint} counts instead of {known}")
                    read(store, run, session.model)
                    saves.whole += 1
                except Exception as error:  # noqa: BLE001 - whatever the readers raise is told
                    saves.worst = f"{type(error).__name__}: {error}"

    session.keeper.save = counted


def listening(saves: Saves) -> None:
    """From now on all that jobs say is kept."""
    from engine.events import Said
    from engine.worker import Job

    tell = Job.tell

    def heard(self: Job, event: Any) -> None:
        if isinstance(event, Said):
            saves.said.append(str(event.text))
        tell(self, event)

    Job.tell = heard  # type: ignore[method-assign]


def waited(job: Any, condition: Callable[[], object]) -> None:
    """Until it is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if job.ended or time.monotonic() > until:
            raise RuntimeError(f"it never came; the job ended: {job.ended}, {job.error}")
        time.sleep(0.01)


def equal(one: Any, other: Any) -> bool:
    """Whether two learners are the same, bit for bit."""
    import torch

    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def disk(options: argparse.Namespace) -> int:
    """Train on a small disk until it is full, free it, train on. The exit status."""
    from engine import session as session_
    from engine.__main__ import all_models
    from engine.session import Playground

    print(machine(), "\n")
    session_.AUTOSAVE_SECONDS = 0.5
    models = {model.key: model for _, model in all_models().values()}
    saves = Saves()
    listening(saves)
    with small_disk(options.megabytes) as place:
        playground = Playground(models.values(), place / "runs", threads=1)
        session: Any = playground.open(models[options.model])
        session.choose(data=options.data or session.data_name)
        watched(session, saves)
        job = session.start(steps=10**9)
        waited(job, lambda: session.run is not None and session.run.step > 0)
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file:
            begun = time.monotonic()
            while saves.failed < LEAST_FAILED or time.monotonic() < begun + options.seconds / 2:
                with contextlib.suppress(OSError):
                    file.write(b"\0" * PIECE)
                waited(job, lambda: True)
                time.sleep(0.1)
        full = session.step
        ballast.unlink()
        failed = saves.failed
        waited(job, lambda: session.run.step > full)
        time.sleep(options.seconds / 2)
        session.pause()
        job.wait(PATIENCE)
        store = playground.store
        kept = read(store, store.read(session.run.id), session.model)
        ours, theirs = session.learner.remember(), kept.remember()
        lost, same = session.step - kept.step, equal(ours, theirs)
        playground.close(60.0)
    whole = f"{saves.whole} of {saves.looked}"
    numbers = (saves.tried, saves.failed, failed, whole, lost, "bit for bit" if same else "no")
    saving = ("saves tried", "failed", "of them with the disk full", "earlier save whole")
    table((*saving, "training steps lost", "at the end equal to memory"), [numbers])
    print(f"\n{options.model} on {session.data_name}, {options.megabytes:g} MB; ", end="")
    print(f"full until step {full:,}, at the end step {session.step:,}. What was said:\n")
    for words in saves.said:
        print(f"- {words}")
    if saves.worst:
        print(f"\nnot whole: {saves.worst}")
    return int(bool(saves.worst) or lost != 0 or not same or job.error is not None)


def main() -> int:
    """One of the faults."""
    parser = argparse.ArgumentParser(prog="bench.faults")
    faults = parser.add_subparsers(dest="fault", required=True)
    command = faults.add_parser("disk", help="a disk that is full for a while")
    command.set_defaults(run=disk)
    command.add_argument("--model", default="rnn")
    command.add_argument("--data")
    command.add_argument("--megabytes", type=float, default=8.0)
    command.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())

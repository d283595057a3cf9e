"""Thousands of hostile files, given to the program as a window would give them.

    python -m bench.hostile [--count 2000] [--seed 1] [--only WORDS] [--keep FOLDER]

Real files of every kind and whole run folders are damaged at random (`bench.hostile_files`), and
the worst ones made by hand come first. Each goes to a worker process, which may take 3 GB more
than it has. A fault is: an exception that is no `PlaygroundError`, a process that dies, more than
5 s without a safe point (at which a window lives and a job can be stopped) or 20 s in all, more
than 1 GB, a file written outside the run folder and the cache, a pickle that is read, a program
that is started. Ends with 1 where there is any; what caused it is kept.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import hostile_files as files
from bench.common import ROOT, table

SECONDS = 5.0  # between two safe points, at which a window lives and a job can be stopped
IN_ALL = 20.0
MEGABYTES = 1000.0
SPACE = 3 << 30  # bytes of address space that a worker may take beyond what it has
PATIENCE = 25.0  # seconds until a worker is given up
SHARES = {
    "text": 12,
    "pictures": 8,
    "picture": 14,
    "sound": 14,
    "points": 8,
    "pairs": 7,
    "archive": 4,
    "weights": 9,
    "run": 20,
    "name": 4,
}
SNAPSHOTS_TRIED = 3
KEPT_BYTES = 10_000_000
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("text/plain.txt", {"hidden": 16, "layers": 1}),
    "vae": ("pictures/plain::16grey", {}),
    "gan-2d": ("points/points.csv", {}),
    "nat": ("pairs/pairs.csv", {}),
    "transformer": ("text/chinese.md::bpe", {"layers": 1, "heads": 1}),
}
"""Which models are trained for a few steps, on what, and with which settings of the network."""


@dataclass(frozen=True)
class Input:
    """One input. kind: of it; what: in words; name: what is opened; place: all that it lies in."""

    kind: str
    what: str
    name: str
    place: Path


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    longest: float = 0.0
    largest: float = 0.0

    def count(self, answer: dict[str, Any], fault: bool) -> None:
        """One more."""
        self.outcomes["fault" if fault else answer["outcome"]] += 1
        self.slowest = max(self.slowest, answer["seconds"])
        self.longest = max(self.longest, answer.get("total", answer["seconds"]))
        self.largest = max(self.largest, answer["megabytes"])


# --- the worker: reads one input a line, and answers with a line


class Watch:
    """Notes what is written outside the folders where that is allowed, and what must not be.

    Python tells of every file that is opened or moved, pickle that is read and program that is
    started (PEP 578); hooks cannot be taken away again.
    """

    def __init__(self, allowed: Sequence[Path]) -> None:
        self.allowed = [str(path) for path in allowed]
        self.found: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        self.on = False  # what is done here is not to be heard
        try:
            match event:
                case "open" if isinstance(args[0], str | bytes):
                    written = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
                    if (args[2] or 0) & written:
                        self._check("writes", os.path.realpath(os.fsdecode(args[0])))
                case "os.rename" | "os.link":
                    self._check("moves", _entry(args[0], args[2]))
                    self._check("moves", _entry(args[1], args[3]))
                case "os.symlink":
                    self._check("makes", _entry(args[1], args[2]))
                case (
                    "os.remove" | "os.rmdir" | "os.mkdir" | "os.chmod" | "os.chown" | "os.truncate"
                ):
                    at = args[-1] if event != "os.truncate" else -1
                    self._check(event, _entry(args[0], at))
                case "pickle.find_class":
                    if not _called_by("numba", "babel"):  # their own files
                        self.found.append(f"a pickle asks for {args[0]}.{args[1]}")
                case "subprocess.Popen" | "os.system" | "os.exec" | "os.posix_spawn" | "os.fork":
                    self.found.append(f"starts a program: {event} {args!r:.200}")
                case "socket.connect" | "socket.getaddrinfo":
                    self.found.append(f"reaches for the network: {args!r:.200}")
        finally:
            self.on = True

    def _check(self, verb: str, path: str) -> None:
        inside = any(path == each or path.startswith(f"{each}/") for each in self.allowed)
        if not inside and not path.startswith("/dev/null"):
            self.found.append(f"{verb} {path}")


def _entry(path: Any, folder: Any = -1) -> str:
    """Where an entry of a folder really is, without following it itself."""
    if isinstance(path, int):
        return os.path.realpath(f"/proc/self/fd/{path}")
    text = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0:
        text = os.path.join(os.path.realpath(f"/proc/self/fd/{folder}"), text)
    head, tail = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(head), tail)


def _called_by(*packages: str) -> bool:
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if any(f"/{each}/" in frame.f_code.co_filename for each in packages):
            return True
    return False


def memory(name: str) -> int:
    """A figure of this process in kB: VmRSS, VmHWM (the most there was), VmSize."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def worker() -> None:
    """Answer each line with what became of it."""
    import torch

    from engine.__main__ import all_models

    torch.set_num_threads(1)
    models = {model.key: model for _family, model in all_models().values()}
    allowed = [Path(os.environ["PLAYGROUND_CACHE"]), Path(os.environ["PLAYGROUND_RUNS"])]
    watch = Watch([path.resolve() for path in allowed])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    limit = memory("VmSize") * 1024 + SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers.write(json.dumps({"ready": os.getpid()}) + "\n")
    answers.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        trials: list[Trial] = list(TRIALS[asked["kind"]](asked["name"], models))
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the most there was begins anew
        before = memory("VmRSS")
        begun = time.perf_counter()
        longest[0] = 0.0
        watch.on = True
        answer: dict[str, Any] = {"outcome": "accepted", "words": "", "faults": []}
        known: dict[str, Any] = {}
        for number, (title, trial) in enumerate(trials):
            outcome, words = tried(trial, known)
            if number == 0 or (outcome, title) == ("refused", "train on"):
                answer |= {"outcome": outcome, "words": words}
            if outcome == "fault":
                answer["faults"].append(f"{title}: {words}")
        known.clear()
        watch.on = False
        answer["seconds"] = longest[0]
        answer["total"] = time.perf_counter() - begun
        answer["megabytes"] = (memory("VmHWM") - before) / 1024
        answer["faults"] += watch.found
        watch.found = []
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


Known = dict[str, Any]
Trial = tuple[str, Callable[[Known], Any]]


longest = [0.0]
"""Seconds of the present input for which nothing else would have had a turn."""


def tried(trial: Callable[[Known], Any], known: Known) -> tuple[str, str]:
    """What becomes of it: accepted, refused or a fault, and what is said."""
    from engine.phrases import PlaygroundError

    begun = time.perf_counter()
    try:
        if (work := trial(known)) is not None:
            for _ in work:
                longest[0] = max(longest[0], time.perf_counter() - begun)
                begun = time.perf_counter()
    except PlaygroundError as error:
        return "refused", str(error)
    except Skipped:
        return "skipped", ""
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "fault", "".join(traceback.format_exception(error))[-3000:]
    finally:
        longest[0] = max(longest[0], time.perf_counter() - begun)
    return "accepted", ""


class Skipped(Exception):  # noqa: N818 - nothing went wrong
    """A trial that has nothing to try, since one before it was refused."""


def data_trials(name: str, _models: Any) -> Iterator[Trial]:
    """What the window does with a file that is dropped or opened."""
    from engine.data import catalogue, images, sound_files

    def load(_known: Known) -> Generator[Any, None, None]:
        data = yield from catalogue.load(name)
        json.dumps(catalogue.to_json(data))
        [str(each) for each in data.facts()]
        data.preview()

    def kind(_known: Known) -> None:
        catalogue.kind_of(name)

    def picture(_known: Known) -> None:
        images.picture_of(name, (28, 28, 1))

    def prime(_known: Known) -> None:
        sound_files.prime_of(name, 8000)

    yield "load", load
    yield "kind_of", kind
    yield "picture_of", picture
    yield "prime_of", prime


def picture_trials(name: str, models: Any) -> Iterator[Trial]:
    """The same, but what counts is whether it can be looked at."""
    load, kind, picture, prime = data_trials(name, models)
    yield from (picture, load, kind, prime)


def name_trials(name: str, models: Any) -> Iterator[Trial]:
    """What may be done with a name."""
    from engine.session import Playground
    from engine.store import Store

    store = Store()
    yield from data_trials(name, models)
    yield "read", lambda _known: done(store.read(name))
    yield "delete", lambda _known: store.delete(name)
    yield "undelete", lambda _known: store.undelete(name)

    def session(_known: Known) -> Generator[Any, None, None]:
        yield from Playground([], store.folder, 1).data(name)

    yield "data", session


def done(_result: Any) -> None:
    """For what gives something that is no generator."""


def weights_trials(name: str, models: Any) -> Iterator[Trial]:
    """Reading weights that were exported."""
    from engine.export import read_weights

    def read(known: Known) -> None:
        known["trained"] = read_weights(Path(name), models.values())

    yield "read_weights", read
    yield "sample", sample


def sample(known: Known) -> None:
    """The first payloads of a sample of ``known["trained"]``."""
    if "trained" not in known:
        raise Skipped
    trained = known["trained"]
    settings = trained.model.watch
    if hasattr(settings, "source"):  # pairs; those that it learned from are not there
        settings = dataclasses.replace(settings, source="word 1")
    drawing = trained.model.sampler(trained, settings, ())
    for _number, _payload in zip(range(4), drawing, strict=False):
        pass


def run_trials(name: str, models: Any) -> Iterator[Trial]:
    """All that is done with a folder of runs, one of which is a stranger's."""
    from engine.export import as_it_was
    from engine.keeping import kept_steps, snapshot_folder
    from engine.session import Playground
    from engine.store import Store
    from engine.trained import load_trained

    store, run = Store(Path(name).parent), Path(name).name

    def read(known: Known) -> None:
        known["run"] = store.read(run)

    def load(known: Known) -> None:
        model = models.get(known["run"].model) if "run" in known else None
        if model is None:
            raise Skipped
        known["trained"] = load_trained(store, known["run"], model)

    def kept(known: Known) -> None:
        if "trained" not in known:
            raise Skipped
        folder = snapshot_folder(store, known["run"])
        for step in kept_steps(folder, known["run"].step)[:SNAPSHOTS_TRIED]:
            as_it_was(known["trained"], folder, step)

    def train_on(known: Known) -> None:
        """As the window: open it, take two more steps, save, and close."""
        model = models.get(known["run"].model) if "run" in known else None
        if model is None:
            raise Skipped
        playground = Playground(models.values(), store.folder, 1)
        try:
            session = playground.open(model)
            restoring = session.restore(run)
            restoring.wait()
            if restoring.error:
                raise restoring.error
            session.history.last()
            [session.history.series(each) for each in session.history.names]
            json.dumps([str(mark.text)[:100] for mark in session.history.marks])
            training = session.start(steps=session.step + 2)
            training.wait()
            if training.error:
                raise training.error
        finally:
            playground.close()

    yield "read", read
    yield "survey", lambda _known: done(store.survey())
    yield "load_trained", load
    yield "sample", sample
    yield "snapshots", kept
    yield "train on", train_on
    yield "delete", lambda _known: store.delete(run)
    yield "undelete", lambda _known: store.undelete(run)
    yield "delete again", lambda _known: store.delete(run)
    yield "empty the trash", lambda _known: store.empty_trash(-1.0)


TRIALS: dict[str, Callable[[str, Any], Iterator[Trial]]] = {
    **dict.fromkeys(("text", "pictures", "sound", "points", "pairs"), data_trials),
    "picture": picture_trials,
    "archive": data_trials,
    "file": data_trials,
    "name": name_trials,
    "weights": weights_trials,
    "run": run_trials,
}


# --- the inputs


@dataclass(frozen=True)
class Good:
    """What is damaged: files by kind, run folders, exported weights; their contents to splice."""

    files: dict[str, list[Path]]
    runs: list[Path]
    weights: list[Path]
    contents: list[bytes]


def made(folder: Path) -> Good:
    """Good files, and models trained for a few steps on them."""
    import torch

    from engine import knobs
    from engine.__main__ import all_models
    from engine.export import write_weights
    from engine.session import Playground
    from engine.trained import load_trained

    torch.set_num_threads(1)
    found = files.good_files(folder)
    models = {model.key: model for _family, model in all_models().values()}
    playground = Playground(models.values(), folder / "runs", 1)
    runs, weights = [], []
    for key, (data, net) in RECIPES.items():
        session = playground.open(models[key])
        session.watch = None
        session.choose(data=str(folder / data), net=knobs.changed(session.net, net))
        job = session.start(steps=6)
        job.wait()
        if job.error:
            raise job.error
        assert session.run is not None
        runs.append(playground.store.path(session.run.id))
        trained = load_trained(playground.store, session.run, models[key])
        weights.append(folder / f"{key}.safetensors")
        write_weights(weights[-1], trained, session.run)
        sample({"trained": trained})
    playground.close()
    contents = [path.read_bytes() for kind in found.values() for path in kind if path.is_file()]
    return Good(found, runs, weights, contents)


def worst(good: Good, top: Path) -> Iterator[Input]:
    """Those made by hand, and every hostile name."""
    number = 0

    def place() -> Path:
        nonlocal number
        number += 1
        found = top / "inputs" / f"hand-{number}"
        found.mkdir(parents=True)
        return found

    for what, make in files.WORST_FILES.items():
        here = place()
        name = make(here)
        yield Input("picture" if name.endswith(files.PICTURES) else "file", what, name, here)
    for what, make in files.WORST_WEIGHTS.items():
        here = place()
        yield Input("weights", what, make(here), here)
    for what, change in files.WORST_RUNS.items():
        here = top / "runs" / f"hand-{len(what)}-{number}"
        number += 1
        run = here / good.runs[0].name
        shutil.copytree(good.runs[0], run)
        change(run, top / "canary" / "documents")
        yield Input("run", what, str(run), here)
    for name in files.NAMES:
        yield Input("name", repr(name)[:60], name, place())


def mutations(good: Good, top: Path, count: int, seed: int) -> Iterator[Input]:
    """`count` inputs that follow from the seed."""
    for number in range(count):
        drawn = random.Random(f"{seed}/{number}")
        (kind,) = drawn.choices(list(SHARES), list(SHARES.values()))
        here = top / ("runs" if kind == "run" else "inputs") / f"{seed}-{number}"
        here.mkdir(parents=True)
        what = f"number {number} of seed {seed}"
        if kind == "run":
            source = drawn.choice(good.runs)
            run = here / source.name
            shutil.copytree(source, run)
            damage_run(run, drawn, good)
            yield Input(kind, what, str(run), here)
        elif kind == "name":
            parts = [drawn.choice(files.NAMES) for _ in range(drawn.randint(1, 3))]
            name = drawn.choice(("/", "::", ":", "")).join(parts)
            # Above the inputs is the whole disk, and whoever opens that must wait for it.
            yield Input(kind, what, name if not _is_folder(name) else f"{name}\0", here)
        elif kind == "pictures":
            source = drawn.choice(good.files[kind])
            folder = here / drawn.choice((source.name, *files.ODD_NAMES)).replace("...", "x")[:200]
            shutil.copytree(source, folder)
            for path in drawn.sample(sorted(folder.rglob("*.*")), 2):
                wounded = files.mutated(path, drawn, good.contents)
                path.write_bytes(wounded)
                path.rename(path.with_name(files.renamed(path, drawn)))
            yield Input(kind, what, str(folder), here)
        else:
            source = drawn.choice(good.weights if kind == "weights" else good.files[kind])
            at = here / files.renamed(source, drawn)
            at.write_bytes(files.mutated(source, drawn, good.contents))
            yield Input(kind, what, str(at), here)


def _is_folder(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        return Path(name).expanduser().is_dir() or Path(name.split("::")[0]).is_dir()
    return False


def damage_run(run: Path, drawn: random.Random, good: Good) -> None:
    """Damage one to three files of a run folder; sometimes one is gone, or is another's."""
    paths = sorted(path for path in run.rglob("*") if path.is_file())
    records = [path for path in paths if path.suffix == ".json"]
    for _ in range(drawn.choice((1, 1, 1, 2, 3))):
        path = drawn.choice(records if drawn.random() < 0.5 else paths)
        chance = drawn.random()
        if chance < 0.04:
            path.unlink(missing_ok=True)
        elif chance < 0.1:
            other = drawn.choice(good.runs)
            same = [each for each in other.rglob(path.name) if each.is_file()]
            if same:
                path.write_bytes(same[0].read_bytes())
        elif path.exists():
            path.write_bytes(files.mutated(path, drawn, good.contents))


# --- the measurement


class Workers:
    """One worker at a time; another is started where it has died or was given up."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Have the worker end, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None

    def _ready(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            environment = dict(
                os.environ,
                OMP_NUM_THREADS="1",
                PYTHONDONTWRITEBYTECODE="1",
                PYTHONPATH=str(ROOT),
                HOME=str(self.top / "canary" / "home"),
                TMPDIR=str(self.top / "canary" / "tmp"),
                TORCHINDUCTOR_CACHE_DIR=str(self.top / "cache" / "torch"),  # made at an import
                PLAYGROUND_CACHE=str(self.top / "cache"),
                PLAYGROUND_RUNS=str(self.top / "runs"),
            )
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.hostile", "--worker"],
                cwd=self.top / "canary",
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self.top / "worker.log").open("ab"),
            )
            self._line(self.process, 120)
        return self.process

    def _line(self, process: subprocess.Popen[bytes], patience: float) -> dict[str, Any] | None:
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], patience)[0]:
            return None
        line = process.stdout.readline()
        found: dict[str, Any] | None = json.loads(line) if line else {}
        return found

    def answer(self, given: Input) -> dict[str, Any]:
        """What became of the input."""
        process = self._ready()
        assert process.stdin is not None
        asked = {"kind": given.kind, "name": given.name}
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        begun = time.perf_counter()
        answer = self._line(process, PATIENCE)
        if answer:
            return answer
        if answer is None:
            fault = f"hangs for more than {PATIENCE:.0f} s"
        else:
            code = process.wait()
            fault = f"dies of {signal.Signals(-code).name if code < 0 else code}"
        self.end()
        seconds = time.perf_counter() - begun
        return {"outcome": "fault", "faults": [fault], "seconds": seconds, "megabytes": 0.0}


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder, with the sum of each file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        plain = path.is_file() and not path.is_symlink()
        found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else "-"
    return found


def main() -> int:
    """Run it, print the table; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="mutations, beside those by hand")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="inputs with this in their description")
    parser.add_argument("--keep", type=Path, help="where inputs that cause a fault are kept")
    parser.add_argument("--tell", action="store_true", help="say what becomes of each")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker()
        return 0
    keep: Path = options.keep or Path(tempfile.gettempdir()) / "playground-hostile"
    os.environ |= {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        tallies, faults = measured(Path(name).resolve(), options, keep)
    told(tallies)
    for kind, what, words in faults:
        print(f"\n{kind}: {what}\n{words}")
    if faults:
        print(f"\n{len(faults)} faults; the inputs are in {keep}")
    return 1 if faults else 0


def measured(
    top: Path, options: argparse.Namespace, keep: Path
) -> tuple[dict[str, Tally], list[tuple[str, str, str]]]:
    """Give every input to a worker."""
    canary = top / "canary"
    for folder in ("home", "tmp", "documents"):
        (canary / folder).mkdir(parents=True)
    (canary / "documents" / "letter.txt").write_text("nobody may touch this")
    (top / "cache").mkdir()
    (top / "runs").mkdir()
    # What is compiled is kept there too, and is there before a worker is timed.
    os.environ |= {
        "PLAYGROUND_CACHE": str(top / "cache"),
        "NUMBA_CACHE_DIR": str(top / "cache" / "numba"),
    }
    good = made(top / "good")
    tallies: dict[str, Tally] = defaultdict(Tally)
    faults: list[tuple[str, str, str]] = []
    with Workers(top) as workers:
        inputs = itertools.chain(
            worst(good, top), mutations(good, top, options.count, options.seed)
        )
        for given in inputs:
            if options.only in f"{given.kind}: {given.what}":
                before = tree(canary)
                answer = workers.answer(given)
                found = [*answer["faults"], *broken(answer), *changes(before, tree(canary))]
                tallies[given.kind].count(answer, bool(found))
                if options.tell:
                    print(f"{given.kind}: {given.what}: {answer}")
                if found:
                    kept = keep / f"{given.kind}-{len(faults)}"
                    faults.append((given.kind, f"{given.what}, in {kept}", "\n".join(found)))
                    put_aside(given, kept)
            remove(given.place)
            renew(canary)
    return tallies, faults


def broken(answer: dict[str, Any]) -> Iterator[str]:
    """Which bounds were passed."""
    if answer["seconds"] > SECONDS:
        yield f"takes {answer['seconds']:.1f} s at once"
    if answer.get("total", 0) > IN_ALL:
        yield f"takes {answer['total']:.1f} s in all"
    if answer["megabytes"] > MEGABYTES:
        yield f"takes {answer['megabytes']:.0f} MB"


def changes(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """What is no longer as it was in a folder where nothing may be written."""
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"changes {path}"


def put_aside(given: Input, kept: Path) -> None:
    """Keep an input that caused a fault."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    (kept / "name.json").write_text(json.dumps([given.kind, given.what, given.name]))
    for path in given.place.rglob("*"):
        at = kept / path.relative_to(given.place)
        if path.is_symlink():
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(os.readlink(path))
        elif path.is_file() and path.stat().st_size < KEPT_BYTES:
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, at)


def remove(place: Path) -> None:
    """Remove an input; its folders may be too deep for Python."""
    subprocess.run(["rm", "-rf", "--", str(place)], check=True)


def renew(canary: Path) -> None:
    """The folder in which nothing may be changed, as it is in the beginning."""
    remove(canary / "documents")
    (canary / "documents").mkdir()
    (canary / "documents" / "letter.txt").write_text("nobody may touch this")


def told(tallies: dict[str, Tally]) -> None:
    """Print the table."""
    head = (
        "inputs",
        "number",
        "accepted",
        "refused",
        "faults",
        "slowest (s)",
        "in all (s)",
        "largest (MB)",
    )
    rows: list[list[Any]] = []
    for kind, tally in tallies.items():
        number = sum(tally.outcomes.values())
        counts = [tally.outcomes[each] for each in ("accepted", "refused", "fault")]
        rows.append(
            [
                kind,
                number,
                *counts,
                f"{tally.slowest:.2f}",
                f"{tally.longest:.2f}",
                f"{tally.largest:.0f}",
            ]
        )
    if rows:
        sums: list[Any] = [sum(int(row[i]) for row in rows) for i in range(1, 5)]
        most = [max(float(row[i]) for row in rows) for i in (5, 6, 7)]
        rows.append(["all", *sums, f"{most[0]:.2f}", f"{most[1]:.2f}", f"{most[2]:.0f}"])
    table(head, rows)


if __name__ == "__main__":
    sys.exit(main())

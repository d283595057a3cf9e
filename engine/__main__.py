"""The engine without a window.

    python -m engine list
    python -m engine train lstm --data names --seconds 60
    python -m engine sample RUN --set temperature=0.7
    python -m engine sample RUN --set count=64 --out digits.png
    python -m engine sample RUN --set seconds=3 --out speech.wav
    python -m engine export RUN --what film --out digits.gif
    python -m engine download mnist

With ``--json`` every line of standard output is one JSON object.
"""

import argparse
import contextlib
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import rich.console
import rich.progress

from engine import knobs as knobs_
from engine.data import catalogue
from engine.events import Ended, Progress, Said
from engine.families import FAMILIES
from engine.family import Family, Model
from engine.payloads import Text, Tokens
from engine.phrases import N_, PlaygroundError
from engine.store import Run, Store

WAIT_SECONDS = 0.1
REPORT_SECONDS = 0.5
# The keys of `engine.export.EXPORTS`, which is not imported only to print a usage.
EXPORTED = ("picture", "film", "denoising", "text", "sound", "weights", "script")


class Output:
    """Where the lines go: JSON objects on standard output, or words for people."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = rich.console.Console(stderr=True)

    def object(self, **fields: Any) -> None:
        """One JSON line, where those are wanted. Numbers that are none become null."""
        if self.as_json:
            sys.stdout.write(json.dumps(_plain(fields), ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line for people, where JSON is not wanted."""
        if not self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def all_models() -> dict[str, tuple[Family, Model]]:
    """Every model by its key."""
    return {model.key: (family, model) for family in FAMILIES for model in family.models}


def find_model(key: str) -> Model:
    """The model of that key. Raises a `PlaygroundError` that lists the known ones."""
    models = all_models()
    if key not in models:
        raise PlaygroundError(
            N_("there is no model {key!r}: there are {known}", key=key, known=", ".join(models))
        )
    return models[key][1]


def command_list(options: argparse.Namespace, output: Output) -> int:
    """Print every model, with its data sets and presets."""
    for key, (family, model) in all_models().items():
        data = [each.key for each in catalogue.DATA if each.kind == model.accepts]
        presets = [preset.key for preset in model.presets]
        output.object(
            key=key, family=family.key, title=str(model.title), data=data, presets=presets
        )
        output.line(f"{key:<16} {model.title}: {model.summary}")
        output.line(f"{'':<16} data: {', '.join(data)}; presets: {', '.join(presets)}")
    return 0


def settings(model: Model, options: argparse.Namespace) -> tuple[Any, Any]:
    """The net and train knobs that the options ask for."""
    try:
        preset = model.preset(options.preset)
    except KeyError:
        known = ", ".join(each.key for each in model.presets)
        raise PlaygroundError(
            N_("there is no preset {key!r}: there are {known}", key=options.preset, known=known)
        ) from None
    net, train = assign(options.set, preset.net, preset.train)
    return net, train


def assign(assignments: Sequence[str], *records: Any) -> Any:
    """The knob records with each ``name=value`` put where a knob of that name is."""
    known = {knob.name: knob for record in records for knob in knobs_.knobs_of(record)}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or name not in known:
            raise PlaygroundError(
                N_(
                    "{assignment!r} sets no knob: accepted is NAME=VALUE with one of {known}",
                    assignment=assignment,
                    known=", ".join(known),
                )
            )
        values[name] = known[name].parsed(text)
    results = []
    for record in records:
        own = {knob.name for knob in knobs_.knobs_of(record)}
        results.append(knobs_.changed(record, {n: v for n, v in values.items() if n in own}))
    return tuple(results)


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While the block runs, an interrupt or a request to terminate calls `stop`."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, lambda *_: stop()) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def command_train(options: argparse.Namespace, output: Output) -> int:
    """Train, report while it goes on, measure on all held-out data at the end."""
    from engine.session import Playground

    if options.copy and not options.resume:
        raise PlaygroundError(N_("--copy goes with --continue: it names the run to copy"))

    playground = Playground(
        (model for _, model in all_models().values()), options.runs_dir, options.threads
    )
    session = playground.open(find_model(options.model))
    session.watch = None  # nobody watches the live sample here
    try:
        if options.resume:
            resume(session, options)
        else:
            net, train = settings(session.model, options)
            data = options.data or session.data_name
            if options.tokens != "auto":
                data = catalogue.with_tokens(data, options.tokens)
            session.choose(data=data, net=net, train=train, seed=options.seed)
        job = session.start(options.steps, options.seconds)
        with stopped_by_signals(job.stop):
            report(job, output)
        if job.error is not None:
            raise job.error
        reason = "stopped" if job.stopping else "finished"
        measuring = session.evaluate()
        measuring.wait()
        if measuring.error is not None:
            raise measuring.error
        if session.run is None or not session.run.checkpoint:
            raise PlaygroundError(
                N_("nothing could be saved to {folder}", folder=str(playground.store.folder))
            )
        metrics = session.history.last() | measuring.result
        output.object(
            event="ended",
            reason=reason,
            run=session.run.id,
            step=session.step,
            seconds=session.seconds,
            metrics=metrics,
        )
        named = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        output.line(f"{reason} at step {session.step} after {session.seconds:.1f} s: {named}")
        output.line(f"run {session.run.id} in {playground.store.folder}")
        return 0
    finally:
        playground.close()


def resume(session: Any, options: argparse.Namespace) -> None:
    """Open the run that is to go on. Only live knobs can be set, and an end must be known."""
    for name in ("data", "preset", "seed"):
        if getattr(options, name) is not None:
            raise PlaygroundError(
                N_("--{name} cannot be given with --continue: the run has its own", name=name)
            )
    for ask in (lambda: session.restore(options.resume), *([session.branch] * options.copy)):
        job = ask()
        job.wait()
        if job.error is not None:
            raise job.error
    session.change(**live_only(session.model, options.set))
    over = session.step >= session.train.steps and session.seconds >= session.train.seconds
    if over and options.steps is None and options.seconds is None:
        raise PlaygroundError(
            N_("the run is at the end of its plan: say how far with --steps or --seconds")
        )


def some_seconds(text: str) -> float:
    """For argparse: a finite number of seconds, 0 or more."""
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds


def live_only(model: Model, assignments: Sequence[str]) -> dict[str, Any]:
    """The assignments as values of live knobs, for a run that goes on."""
    (train,) = assign(assignments, model.preset().train)
    names = {assignment.partition("=")[0] for assignment in assignments}
    return {name: getattr(train, name) for name in names}


def report(job: Any, output: Output) -> None:
    """Show a job's progress until it has ended."""
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.fields[words]}"),
    )
    terminal = output.console.is_terminal and not output.as_json
    with rich.progress.Progress(
        *columns, console=output.console, disable=not terminal, transient=True
    ) as bar:
        task = bar.add_task(str(job.title), total=1.0, words="")
        reported = -1
        since = 0.0
        newest: Progress | None = None
        while True:
            over = job.wait(WAIT_SECONDS)
            since += WAIT_SECONDS
            events = job.mailbox.drain()
            over = over or any(isinstance(event, Ended) for event in events)
            for event in events:
                if isinstance(event, Progress):
                    newest = event
                    words = "  ".join(f"{k} {v:.3f}" for k, v in event.metrics.items())
                    words = f"step {event.step}  {event.steps_per_second:.0f}/s  {words}"
                    bar.update(task, completed=event.done or 0.0, words=words)
                elif isinstance(event, Said):
                    output.object(event="said", text=str(event.text))
                    output.console.print(str(event.text), markup=False)
            due = over or since >= REPORT_SECONDS
            if due and newest is not None and newest.metrics and newest.step != reported:
                reported, since = newest.step, 0.0
                output.object(
                    event="progress",
                    step=newest.step,
                    seconds=newest.seconds,
                    metrics=newest.metrics,
                )
            if over:
                return


def open_run(options: argparse.Namespace) -> tuple[Store, Run, Model]:
    """The run that is named, by its id or by the path of its folder."""
    path = Path(options.run)
    if path.is_dir() and (options.runs_dir is None or path.is_absolute()):
        store, name = Store(path.resolve().parent), path.resolve().name
    else:
        store, name = Store(options.runs_dir), options.run
    run = store.read(name)
    return store, run, find_model(run.model)


def command_sample(options: argparse.Namespace, output: Output) -> int:
    """Draw a sample from a saved run; pictures and sounds go to a file."""
    from engine import export
    from engine.learner import TorchRandom

    source = source_of(options, options.set, options.seed)
    run = source.run
    with TorchRandom(run.seed):
        sample = finished(export.drawn_sample(source.trained, source.knobs))
    words = isinstance(sample, Tokens | Text)
    if words:
        output.object(event="sample", run=run.id, step=run.step, text=sample.text)
        output.line(sample.text)
    if options.out or not words:
        path: Path = options.out or Path(f"{run.id}{export.suffix_of(sample)}")
        export.write_sample(path, sample, export.about(source))
        output.object(event="sample", run=run.id, step=run.step, file=str(path))
        output.line(str(path))
    return 0


def command_export(options: argparse.Namespace, output: Output) -> int:
    """Write a sample, a film, the weights (the default) or a script of a run to a file."""
    from engine import export
    from engine.learner import TorchRandom

    source = source_of(options, ())
    run = source.run
    suffixes = {each.key: each.suffix for each in export.EXPORTS}
    path: Path = options.out or Path(f"{run.id}{suffixes[options.what]}")
    with TorchRandom(run.seed):
        finished(export.write(options.what, path, source))
    output.object(event="exported", run=run.id, step=run.step, file=str(path))
    output.line(str(path))
    return 0


def source_of(
    options: argparse.Namespace, assignments: Sequence[str], seed: int | None = None
) -> Any:
    """The run that is named, ready to be sampled or exported, with these sample settings."""
    from engine.export import Source
    from engine.keeping import kept_steps, snapshot_folder
    from engine.trained import load_trained

    store, run, model = open_run(options)
    (knobs,) = assign(assignments, model.watch)
    if seed is not None:
        (knobs,) = assign([f"seed={seed}"], knobs)
    run, trained = store.steadily(run, lambda now: (now, load_trained(store, now, model)))
    folder = snapshot_folder(store, run)
    return Source(trained, run, knobs, run.step, folder, kept_steps(folder, run.step))


def finished(work: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end; what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def command_download(options: argparse.Namespace, output: Output) -> int:
    """Fetch a data set that is not there from the start, once."""
    if catalogue.find(options.key).download is None:
        offered = ", ".join(entry.key for entry in catalogue.DATA if entry.download)
        raise PlaygroundError(
            N_(
                "{key} comes with the program: what can be downloaded is {offered}",
                key=options.key,
                offered=offered,
            )
        )
    terminal = output.console.is_terminal and not output.as_json
    with rich.progress.Progress(
        console=output.console, disable=not terminal, transient=True
    ) as bar:
        task = bar.add_task(options.key, total=1.0)
        reported = -math.inf
        for progress in catalogue.fetch(options.key):
            bar.update(task, completed=progress.done or 0.0, description=str(progress.note))
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                output.object(event="progress", done=progress.done, note=str(progress.note))
    output.object(event="downloaded", key=options.key)
    output.line(options.key)
    return 0


def command_runs(options: argparse.Namespace, output: Output) -> int:
    """Print every saved run, newest first."""
    store = Store(options.runs_dir)
    for run, error in store.survey():
        if run is not None:
            holder = store.holder(run.id)
            by = {"trained_by": holder.who, "since": holder.since} if holder else {}
            output.object(run=run.id, model=run.model, data=run.data, step=run.step, **by)
            words = f"  trained by {holder.who} since {holder.when}" if holder else ""
            output.line(f"{run.id}  step {run.step}  {run.title}, {run.data_title}{words}")
        else:
            output.object(error=str(error))
            output.line(str(error))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m engine", description=__doc__.split("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace, Output], int]) -> Any:
        command = commands.add_parser(name, help=(run.__doc__ or "").split("\n")[0])
        command.set_defaults(run_command=run)
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        command.add_argument("--runs-dir", type=Path, help="where the run folders are")
        return command

    add("list", command_list)
    add("runs", command_runs)
    train = add("train", command_train)
    train.add_argument("model", metavar="MODEL", help="a key that `list` prints")
    train.add_argument("--data", metavar="NAME_OR_FILE", help="a data set, or a file of your own")
    train.add_argument(
        "--tokens",
        choices=catalogue.KINDS,
        default="auto",
        help="characters, bytes or byte pairs; auto: characters, unless there are very many",
    )
    train.add_argument("--seed", type=int, help="default: 1")
    train.add_argument("--steps", type=int, help="stop at this step")
    train.add_argument("--seconds", type=some_seconds, help="stop after so much pure training time")
    train.add_argument("--preset", help="settings that belong together; see `list`")
    train.add_argument("--continue", dest="resume", metavar="RUN", help="go on with a saved run")
    train.add_argument(
        "--copy", action="store_true", help="with --continue: leave that run, go on with a copy"
    )
    train.add_argument("--threads", type=int, help="intra-op threads; default: all cores but one")
    sample = add("sample", command_sample)
    sample.add_argument("run", metavar="RUN", help="a run's name or folder")
    sample.add_argument("--seed", type=int)
    sample.add_argument(
        "--out", type=Path, help="the file to write: .png, .wav, .npz (numbers), .txt"
    )
    for command in (train, sample):
        command.add_argument(
            "--set", action="append", default=[], metavar="KNOB=VALUE", help="may be repeated"
        )
    export = add("export", command_export)
    export.add_argument("run", metavar="RUN", help="a run's name or folder")
    export.add_argument("--what", choices=EXPORTED, default="weights", help="default: weights")
    export.add_argument("--out", type=Path, help="the file to write; default: in this folder")
    download = add("download", command_download)
    download.add_argument("key", metavar="DATA", help="a data set that is offered as a download")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 where it worked, 2 where the person can mend something."""
    options = parser().parse_args(arguments)
    output = Output(options.json)
    try:
        result: int = options.run_command(options, output)
    except PlaygroundError as error:
        output.object(event="error", message=str(error))
        output.console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    return result


if __name__ == "__main__":
    sys.exit(main())

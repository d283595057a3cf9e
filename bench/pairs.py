"""Models of pairs: how often right, how fast, and what drafts and a teacher are worth.

    python -m bench.pairs dates [--seconds 180] [--seeds 1]    dates from English to Chinese
    python -m bench.pairs forms [--seconds 60]                 several right targets, with a teacher
    python -m bench.pairs speed [--seconds 60]                 outputs of 20 tokens or more, alone
    python -m bench.pairs pinyin [--seconds 600] [--together]  hanzi to pinyin

Every model is trained by the engine's command line, in a process of its own, and judged on
held-out sources. `--together` trains two at once, which two quiet cores allow. The parallel
models of "dates" learn with a teacher and without; the teacher is the AR model of the same run.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bench.common import engine, machine, table

AR, NAT, MASK, HYBRID, LSTM = (
    "ar-translator",
    "nat",
    "mask-predict",
    "draft-and-verify",
    "lstm-translator",
)
DATES = "dates"
LONG = "dates:zh-en"
LEAST = 20  # tokens of the outputs that are timed
TIMED = 60  # sources, each by every way in turn
VERIFIED = 1000  # sources for which drafts are verified


class Entry(NamedTuple):
    """A model to train: its preset, and whether it learns from a teacher."""

    model: str
    preset: str = "three-minutes"
    taught: bool = False

    @property
    def name(self) -> str:
        return f"{self.model}, with a teacher" if self.taught else self.model


def trained(entry: Entry, data: str, seconds: float, seed: int, folder: str) -> str:
    """Train one; the id of its run."""
    options = ["--data", data, "--preset", entry.preset, "--seed", str(seed)]
    options += ["--seconds", str(seconds), "--threads", "1", "--runs-dir", folder]
    options += ["--set", f"seconds={seconds}"]
    if entry.taught:
        options += ["--set", "distil=true"]
    ended = engine("train", entry.model, *options)[-1]
    print(f"{entry.name}, {data}, {seconds:g} s: step {ended['step']:,}", file=sys.stderr)
    return str(ended["run"])


def opened(folder: str, run: str) -> tuple[Any, Any]:
    """The trained module of a run, and its data with the held-out pairs."""
    from engine.__main__ import find_model
    from engine.data import catalogue
    from engine.store import Store
    from engine.trained import load_trained

    store = Store(Path(folder))
    found = store.read(run)
    data = drain(catalogue.load(found.data))
    return load_trained(store, found, find_model(found.model)).module, data


def drain(generator: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def score(name: str, module: Any, data: Any) -> dict[str, Any]:
    """Every way of a model on all held-out sources, as rows; {way key: exact match}."""
    from engine.layers.scoring import measure

    sources = tuple(data.references)
    found = {}
    for way in module.ways():
        each = drain(measure(way, data, sources))
        found[way.key] = each
        row = (
            *(name, str(way.title).lower(), f"{100 * each.exact:.2f}"),
            *(f"{100 * each.error_rate:.2f}", f"{each.chrf:.1f}", f"{each.bleu:.1f}"),
            *(f"{1000 * each.alone:.2f}", f"{1000 * each.together:.2f}", f"{each.passes:.2f}"),
        )
        print("| " + " | ".join(row) + " |", flush=True)
    return found


def heads() -> None:
    """Of the rows that `score` prints."""
    table(
        (
            *("model", "way", "exact match %", "character errors %", "chrF", "BLEU"),
            *("ms alone", "ms of 32", "passes"),
        ),
        (),
    )


def verdict(what: str, value: float, wanted: float, at_most: bool = False) -> None:
    """What was to be reached, and whether it was."""
    met = value <= wanted if at_most else value >= wanted
    word = "at most" if at_most else "at least"
    print(
        f"{what}: {value:.4g}; {word} {wanted:g} wanted: {'met' if met else 'missed'}", flush=True
    )


# --- what is measured


def dates(seconds: float, seeds: Sequence[int]) -> None:
    """Exact match on held-out dates, and drafts verified."""
    entries = (
        *(Entry(AR), Entry(NAT, taught=True), Entry(NAT)),
        *(Entry(MASK, taught=True), Entry(MASK), Entry(HYBRID), Entry(LSTM)),
    )
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n**seed {seed}**, {seconds:g} s each\n")
            heads()
            found = {}
            for entry in entries:
                run = trained(entry, DATES, seconds, seed, folder)
                module, data = opened(folder, run)
                found[entry] = score(entry.name, module, data)
                if entry.model == HYBRID:
                    hybrid = module, data
            print()
            verdict("AR exact match %", 100 * best(found[entries[0]]), 99)
            rounds = max(best(found[each], "rounds-4") for each in (entries[3], entries[4]))
            verdict("Mask-Predict, 4 rounds, exact match %", 100 * rounds, 98)
            verdict("NAT with a teacher, exact match %", 100 * best(found[entries[1]]), 90)
            verified(*hybrid)


def best(found: dict[str, Any], key: str = "") -> float:
    """The exact match of the first way whose key begins so."""
    return float(next(each.exact for name, each in found.items() if name.startswith(key)))


def verified(module: Any, data: Any) -> None:
    """Whether drafts that are verified are the greedy output, and in how many passes."""
    from engine.layers.translating import sources_of

    sources = tuple(data.references)[:VERIFIED]
    same = alone = both = 0
    for source in sources:
        tokens = sources_of(data, [source])
        (one,) = module.one_by_one(tokens, False)
        (other,) = module.verified(tokens, False)
        same += one.ids == other.ids
        alone += one.passes
        both += other.passes
    print(f"draft and verify is the greedy output for {same:,} of {len(sources):,} sources")
    verdict("share of the passes", both / alone, 0.5, at_most=True)


def forms(seconds: float) -> None:
    """Dates whose target is in any form: what a teacher is worth."""
    entries = (
        *(Entry(AR), Entry(NAT), Entry(NAT, taught=True)),
        *(Entry(MASK), Entry(MASK, taught=True)),
    )
    with tempfile.TemporaryDirectory() as folder:
        heads()
        for entry in entries:
            run = trained(entry, "dates:zh-en-any", seconds, 1, folder)
            score(entry.name, *opened(folder, run))


def speed(seconds: float) -> None:
    """Milliseconds for one source by itself, all ways in turns."""
    from engine.layers.translating import sources_of

    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Any] = {}
        for entry in (Entry(AR), Entry(NAT), Entry(MASK), Entry(HYBRID), Entry(LSTM)):
            module, data = opened(folder, trained(entry, LONG, seconds, 1, folder))
            for way in module.ways():
                ways[f"{entry.model}: {str(way.title).lower()}"] = way
        slow = next(iter(ways))
        found: dict[str, list[float]] = {name: [] for name in ways}
        ratios: dict[str, list[float]] = {name: [] for name in ways}
        passes: dict[str, list[int]] = {name: [] for name in ways}
        long = [each for each, all_ in data.references.items() if min(map(len, all_)) >= LEAST]
        for number, source in enumerate(long[: TIMED + 3]):
            tokens = sources_of(data, [source])
            took = {}
            for name, way in ways.items():
                begun = time.perf_counter()
                (written,) = way.write(tokens, False)
                took[name] = time.perf_counter() - begun
                passes[name].append(written.passes)
            if number >= 3:  # the first ones warm up
                for name, each in took.items():
                    found[name].append(1000 * each)
                    ratios[name].append(took[slow] / each)
        rows = []
        wanted = {f"{NAT}: at once": 5.0, f"{MASK}: 4 rounds": 2.0}
        for name, times in found.items():
            ratio = statistics.median(ratios[name])
            least = wanted.get(name)
            word = "" if least is None else f"{least:g}: {'met' if ratio >= least else 'missed'}"
            middle, count = statistics.median(times), statistics.fmean(passes[name])
            rows.append((name, f"{middle:.2f}", f"{ratio:.1f}", f"{count:.1f}", word))
        print(f"Medians of {TIMED} sources whose target has {LEAST} tokens or more.\n")
        table(("way", "ms alone", "times as fast as AR with its cache", "passes", "target"), rows)


def pinyin(seconds: float, together: bool) -> None:
    """Character error rate of each model."""
    entries = [Entry(each, "pinyin") for each in (AR, NAT, MASK, HYBRID, LSTM)]
    heads()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1 + together) as pool:
        runs = [pool.submit(trained, entry, "pinyin", seconds, 1, folder) for entry in entries]
        for entry, run in zip(entries, runs, strict=True):
            score(entry.name, *opened(folder, run.result()))


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.pairs")
    parser.add_argument("what", choices=("dates", "forms", "speed", "pinyin"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--together", action="store_true", help="two trainings at once")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print(machine(), flush=True)
    usual = {"dates": 180.0, "forms": 60.0, "speed": 60.0, "pinyin": 600.0}[options.what]
    seconds = options.seconds or usual
    if options.what == "dates":
        dates(seconds, options.seeds)
    elif options.what == "forms":
        forms(seconds)
    elif options.what == "speed":
        speed(seconds)
    else:
        pinyin(seconds, options.together)


if __name__ == "__main__":
    main()

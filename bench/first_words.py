"""What the default presets write in their first minute, headless.

    python -m bench.first_words

For each model with its first preset and its own data: held-out bits per
character at 30, 60 and 180 s of training (one run each, so that no measuring
disturbs it), the share of the words of a sample of 2,000 tokens at 60 s that
occur in the held-out text's vocabulary.
"""

import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from bench.common import engine, machine, table
from engine.data import catalogue
from engine.data.text import words_found
from engine.store import Store


def drain(loading: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end; what it returns."""
    while True:
        try:
            next(loading)
        except StopIteration as stop:
            return stop.value


def main(times: list[int]) -> None:
    """One row for each model."""
    rows = []
    with tempfile.TemporaryDirectory() as runs:
        for listed in engine("list"):
            bits, shares, text = [], ("", ""), ""
            for time in times:
                last = engine(
                    *("train", listed["key"], "--seconds", str(time)),
                    *("--runs-dir", runs, "--threads", "1"),
                )[-1]
                bits.append(f"{last['metrics']['bits_per_char']:.2f}")
                if time == 60:
                    drawn = engine(
                        *("sample", last["run"], "--runs-dir", runs),
                        *("--set", "length=2000", "--set", "temperature=0.8"),
                    )[-1]
                    text = drawn["text"]
                    name = Store(Path(runs)).read(last["run"]).data
                    data = drain(catalogue.load(name))
                    shares = (f"{words_found(text, data.vocabulary()):.0%}", name)
            rows.append((listed["key"], shares[1], *bits, shares[0]))
            print(f"--- {listed['key']}:\n{text[:300]}\n", file=sys.stderr)
    table(("model", "data", *(f"bits/char at {t} s" for t in times), "words known at 60 s"), rows)


if __name__ == "__main__":
    print(machine(), "\n")
    main([int(each) for each in sys.argv[1:]] or [30, 60, 180])

"""Held-out nats per character on tiny Shakespeare, in presets sized for the time.

    python -m bench.quality [SEEDS] [SECONDS ...]

Held out is the last tenth of the text; every character is scored once, in
windows of the model's own context. Then how long nanoGPT's small configuration
takes for its 2,000 steps, and when our one-minute preset is below the 1.88 that
nanoGPT's README states for it.
"""

import sys
import tempfile

from bench.common import engine, machine, median, shakespeare, table

TARGETS = {
    ("transformer", 60): 1.70,
    ("transformer", 180): 1.60,
    ("lstm", 60): 1.73,
    ("lstm", 180): 1.58,
}
PRESETS = {60: "minute", 180: "three-minutes"}
README_NATS = 1.88


def held_out(model: str, *arguments: str, runs: str) -> dict[str, float]:
    """Train from the command line; the last line's numbers."""
    last = engine(
        "train",
        model,
        "--data",
        str(shakespeare()),
        "--runs-dir",
        runs,
        "--threads",
        "1",
        *arguments,
    )[-1]
    return {"nats": last["metrics"]["held_out"], "seconds": last["seconds"], "step": last["step"]}


def by_time(seeds: int, seconds: list[int], runs: str) -> None:
    """The medians over the seeds."""
    rows = []
    for model in ("transformer", "lstm"):
        for time in seconds:
            found = [
                held_out(
                    model,
                    *("--preset", PRESETS[time], "--seconds", str(time), "--seed", str(seed)),
                    runs=runs,
                )
                for seed in range(1, seeds + 1)
            ]
            nats = [each["nats"] for each in found]
            middle = median(nats)
            target = TARGETS[model, time]
            rows.append(
                (
                    model,
                    f"{time} s",
                    f"{middle:.3f}",
                    " ".join(f"{value:.3f}" for value in nats),
                    f"{median(each['step'] for each in found):.0f}",
                    f"{target:.2f}",
                    "met" if middle <= target else "missed",
                )
            )
    table(("model", "training", "median nats/char", "seeds", "steps", "target", ""), rows)


def against_nanogpt(runs: str) -> None:
    """The same loop in nanoGPT's configuration, and how soon a better one is where that ends."""
    theirs = held_out("transformer", "--preset", "nanogpt", "--steps", "2000", runs=runs)
    rows = [("nanoGPT's configuration, 2,000 steps", f"{theirs['seconds']:.0f} s", theirs["nats"])]
    fifth = theirs["seconds"] / 5
    for share in (20, 10):
        limit = fifth * 5 / share
        ours = held_out(
            "transformer",
            *("--preset", "minute", "--set", f"seconds={limit:.2f}", "--seconds", f"{limit:.2f}"),
            runs=runs,
        )
        rows.append((f"one-minute preset, 1/{share} of that", f"{limit:.1f} s", ours["nats"]))
    ours = held_out(
        "transformer",
        *("--preset", "minute", "--set", f"seconds={fifth:.2f}", "--seconds", f"{fifth:.2f}"),
        runs=runs,
    )
    rows.append(("one-minute preset, 1/5 of that", f"{fifth:.1f} s", ours["nats"]))
    table(
        ("run", "training", f"nats/char (at most {README_NATS} wanted)"),
        [(name, time, f"{nats:.3f}") for name, time, nats in rows],
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    times = [int(each) for each in sys.argv[2:]] or [60, 180]
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as folder:
        by_time(count, times, folder)
        print()
        against_nanogpt(folder)

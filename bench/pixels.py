"""Models of pixels: held-out nats beside a plain peer, and drawing with and without what is kept.

    python -m bench.pixels nats [--seconds 60 180 600] [--models ...] [--seeds 1] [--data ...]
    python -m bench.pixels speed [--models ...]

Nats are -log p of a whole picture of black and white points, told no class: the mean over all
held-out pictures. Each model is trained anew for each time, with its plan set to it. Data:
"digits" (MNIST 5k, a tenth held out), and "t10k", the first 9,000 of MNIST's test pictures with
the last 1,000 held out, where that file is at hand. The peer (`bench.pixels_peer`) is a gated
PixelCNN in plain PyTorch, as large as ours, in turns with it in the same run.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import SHARED, machine, measured, table
from bench.images import digits, drain
from engine.data.images import ImageData, Pixels

MODELS = (
    *("pixelcnn", "gated-pixelcnn", "row-lstm", "diagonal-bilstm"),
    *("pixelcnn/patches", "gated-pixelcnn/patches"),
    *("row-lstm/deeper", "diagonal-bilstm/deeper"),
)
PEER = "plain PyTorch"
TARGETS = {60.0: 68.0, 180.0: 66.0}  # nats, for the best of them on "digits"
T10K = SHARED / "t10k-images-idx3-ubyte.gz"
PICTURES = 16
TIMES_FASTER = {"pixelcnn": 12, "gated-pixelcnn": 12, "row-lstm": 8, "diagonal-bilstm": 8}
MOST_SECONDS = {"pixelcnn": 1.0, "gated-pixelcnn": 1.0}
EVERY = 16  # of the draws that are computed anew, so many is timed: each costs the same


# --- nats


def parts(name: str) -> tuple[Pixels, Pixels]:
    """Training and held-out pictures (n, height, width, 1)."""
    if name == "digits":
        return digits().train, digits().held_out
    with gzip.open(T10K) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    return pixels[:9000], pixels[9000:10000]


def nats(models: Sequence[str], times: Sequence[float], seeds: int, sets: Sequence[str]) -> None:
    """A table for each data set: a line for each model, a column for each time."""
    for name in sets:
        if name == "t10k" and not T10K.exists():
            print(f"t10k is left out: there is no {T10K.name} in {SHARED}.\n")
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pictures.npz"
            train, held_out = parts(name)
            np.savez(file, train=train, held_out=held_out)
            print(f"**{name}**: {len(train):,} to learn from, {len(held_out):,} held out\n")
            found: dict[tuple[str, float], list[float]] = {}
            for seconds in times:
                for seed in range(1, seeds + 1):
                    for model in (*models, PEER):
                        figures = one_of(model, file, seconds, seed)
                        found.setdefault((model, seconds), []).append(figures["nats"])
                        print(f"{name}, {model}, {seconds:g} s: {figures}", file=sys.stderr)
        heads = ("nats per picture", *(f"{seconds:g} s" for seconds in times))
        table(
            heads,
            [
                (model, *(" ".join(f"{v:.2f}" for v in found[model, each]) for each in times))
                for model in (*models, PEER)
            ],
        )
        print()
        verdicts(name, models, times, {key: float(np.median(v)) for key, v in found.items()})


def one_of(model: str, file: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Train one, in a process of its own."""
    arguments = str(file), str(seconds), str(seed)
    if model == PEER:
        return measured(sys.executable, "bench.pixels_peer", *arguments)
    return measured(sys.executable, "bench.pixels", "one", model, *arguments)


def verdicts(
    name: str, models: Sequence[str], times: Sequence[float], found: dict[tuple[str, float], float]
) -> None:
    """What was to be reached, and whether it was."""
    for seconds in times:
        best = min(models, key=lambda model: found[model, seconds])
        value, peer = found[best, seconds], found[PEER, seconds]
        line = f"{seconds:g} s: best is {best} with {value:.2f}, peer {peer:.2f}"
        if name == "digits" and seconds in TARGETS:
            most = TARGETS[seconds]
            line += f"; at most {most:g} wanted: {'met' if value <= most else 'missed'}"
        print(line)
    last = max(times)
    plain = [model for model in models if model.partition("/")[0] == "pixelcnn"]
    for model in models:
        for simple in plain:
            if model not in plain:
                word = "below" if found[model, last] < found[simple, last] else "NOT below"
                print(f"{last:g} s: {model} is {word} {simple}")
    print()


def one(model: str, file: str, seconds: float, seed: int) -> None:
    """Train one here, and print its figures as JSON."""
    import torch

    from engine.__main__ import find_model
    from engine.data import images
    from engine.knobs import changed
    from engine.learner import Learner

    torch.set_num_threads(1)
    key, _, preset = model.partition("/")
    found = find_model(key)
    ready = found.preset(preset or None)
    with np.load(file) as arrays:
        train, held_out = arrays["train"], arrays["held_out"]
    none = (np.zeros(len(part), np.int64) for part in (train, held_out))
    labels, held_out_labels = none
    data = images.parted("bench", "Bench", (train, labels), (held_out, held_out_labels))
    net = changed(ready.net, {"levels": "2", "labels": False})
    plan = changed(ready.train, {"steps": 0, "seconds": seconds})
    learner = Learner(found, data, net, plan, seed)
    with learner.random:
        while learner.seconds < seconds:
            learner.advance()
    result = drain(found.evaluate(learner.averaged, data, net, plan, None))
    figures = {
        "nats": result["nats_per_picture"],
        "steps": learner.step,
        "parameters": learner.parameters,
    }
    print(json.dumps(figures))


# --- speed


def speed(models: Sequence[str]) -> None:
    """Sixteen digits of 28x28 with each model's defaults, and new weights."""
    import torch

    torch.set_num_threads(1)
    print(f"{PICTURES} digits; computed anew: every {EVERY}th of the draws is timed.\n")
    rows = []
    for model in models:
        key, _, preset = model.partition("/")
        kept, anew = drawing_seconds(key, preset or None, digits())
        ratio, least = anew / kept, TIMES_FASTER[key]
        most = MOST_SECONDS.get(key)
        met = ratio >= least and (most is None or kept <= most)
        wanted = f"{least}" if most is None else f"{least}, {most:g} s"
        word = "met" if met else "missed"
        rows.append((model, f"{kept:.2f} s", f"{anew:.1f} s", f"{ratio:.0f}", wanted, word))
    table(("model", "kept", "computed anew", "times as fast", "target", ""), rows)


def drawing_seconds(key: str, preset: str | None, data: ImageData) -> tuple[float, float]:
    """With what is kept (median of three), and with everything computed anew."""
    import torch

    from engine.__main__ import find_model
    from engine.layers.pixelwise import DrawKnobs, Recompute, generate, places
    from engine.sampling import uniforms

    model = find_model(key)
    module: Any = model.build(model.preset(preset).net, data).eval().requires_grad_(False)
    labels = torch.zeros(PICTURES, dtype=torch.int64)
    numbers = uniforms(range(PICTURES), module.grid.draws)

    def kept() -> float:
        begun = time.perf_counter()
        drain(generate(module, labels, numbers, DrawKnobs()))
        return time.perf_counter() - begun

    with torch.no_grad():
        kept()
        found = float(np.median([kept() for _ in range(3)]))
        tokens = drain(generate(module, labels, numbers, DrawKnobs())).tokens
        step = Recompute(module, labels)
        timed = list(places(module.grid))[::EVERY]
        step(*timed[0], tokens)
        begun = time.perf_counter()
        for place in timed:
            step(*place, tokens)
        anew = (time.perf_counter() - begun) * module.grid.draws / len(timed)
    return found, anew


def main() -> None:
    """What was asked for."""
    if sys.argv[1:2] == ["one"]:
        model, file, seconds, seed = sys.argv[2:]
        one(model, file, float(seconds), int(seed))
        return
    parser = argparse.ArgumentParser(prog="python -m bench.pixels")
    parser.add_argument("what", choices=("nats", "speed"))
    parser.add_argument("--seconds", nargs="+", type=float, default=[60.0, 180.0, 600.0])
    parser.add_argument("--models", nargs="+", choices=MODELS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data", nargs="+", choices=("digits", "t10k"), default=["digits", "t10k"])
    options = parser.parse_args()
    print(machine(), "\n")
    if options.what == "nats":
        nats(options.models or MODELS, options.seconds, options.seeds, options.data)
    else:
        speed(options.models or MODELS[:4])


if __name__ == "__main__":
    main()

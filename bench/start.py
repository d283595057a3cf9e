"""How soon the window is painted and ready to train.

    python -m bench.start [RUNS]

Each start is a process of its own, as a person starts it; the clock begins
before Python does. In between, a process that only imports torch, so that what
the program adds to that can be told.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from bench.common import ROOT, machine, median, table
from bench.screen import screen


def start(folder: str, environment: dict[str, str]) -> dict[str, float]:
    """Milliseconds from the start of the process to each event."""
    environment = dict(environment, PLAYGROUND_T0=str(time.time()))
    command = [sys.executable, "main.py", "--trace-start", "--runs-dir", folder]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = {}
    assert process.stdout is not None
    try:
        for line in process.stdout:
            event = json.loads(line)
            found[event["event"]] = event["ms"]
            if event["event"] == "ready":
                break
    finally:
        process.terminate()
        process.wait()
    return found


def import_torch() -> float:
    """Milliseconds of a process that imports torch, less those of one that does not."""
    times = []
    for code in ("import numpy, torch", "import numpy"):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(1000 * (time.perf_counter() - begun))
    return times[0] - times[1]


def main(runs: int) -> None:
    """Medians, after one start that is not counted."""
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        environment = dict(os.environ, **display)
        start(folder, environment)
        found, torch = [], []
        for _ in range(runs):
            torch.append(import_torch())
            found.append(start(folder, environment))
    paint = median(each["first_paint"] for each in found)
    ready = median(each["ready"] for each in found)
    beyond = median(
        each["ready"] - each["first_paint"] - alone
        for each, alone in zip(found, torch, strict=True)
    )
    table(
        ("from the start of python main.py", "median ms", "target"),
        [
            ("first paint of the window", f"{paint:.0f}", "1000"),
            ("torch's own import, alone", f"{median(torch):.0f}", ""),
            ("ready to train", f"{ready:.0f}", ""),
            ("ready after first paint, beyond torch's import", f"{beyond:.0f}", "1000"),
        ],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

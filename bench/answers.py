"""How soon stop, pause and sample requests are answered while a model trains.

    python -m bench.answers [TIMES] [MODEL ...]

Default presets, headless, with the live sample and all live views wanted. A
stop (which is what Pause does) is answered when the job has ended, its save
included; a sample, when the first tokens or pictures of it are in the mailbox.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import machine, table
from engine.__main__ import all_models
from engine.events import Progress, Shown
from engine.knobs import changed, knobs_of
from engine.session import Playground, Session
from engine.worker import Job

SETTLE = 8.0


def wait_for(job: Job, kind: type, seconds: float) -> None:
    """Until an event of that kind comes."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        if any(isinstance(event, kind) for event in job.mailbox.drain()):
            return
        time.sleep(0.001)
    sys.exit(f"no {kind.__name__} within {seconds} s")


def long_sample(session: Session) -> Any:
    """Settings of a sample that takes long: of a text, or of pictures in many steps."""
    most = {"length": 20_000, "count": 256, "steps": 1000}
    names = {knob.name for knob in knobs_of(session.watch)}
    return changed(session.watch, {n: value for n, value in most.items() if n in names})


def measure(session: Session, times: int) -> dict[str, list[float]]:
    """Milliseconds for each kind of request."""
    session.wanted = {v.key: v.knobs() for v in session.model.views if v.every is not None}
    found: dict[str, list[float]] = {"stop": [], "sample": [], "pause": []}
    job = session.start(steps=10**9)
    wait_for(job, Progress, 120)
    time.sleep(SETTLE)
    for number in range(times):
        time.sleep(0.37)
        begun = time.perf_counter()
        sampling = session.sample(session.watch)
        wait_for(sampling, Shown, 30)
        found["sample"].append(1000 * (time.perf_counter() - begun))
        sampling.wait(60)
        time.sleep(0.21)
        begun = time.perf_counter()
        long = session.sample(long_sample(session))
        time.sleep(0.1)
        begun = time.perf_counter()
        long.stop()
        long.wait(60)
        found["stop"].append(1000 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        session.pause()
        job.wait(60)
        found["pause"].append(1000 * (time.perf_counter() - begun))
        job = session.start(steps=10**9 + number)
        wait_for(job, Progress, 60)
    session.pause()
    job.wait(60)
    return found


def main(times: int, keys: list[str]) -> None:
    """One row for each model."""
    print(machine(), "\n")
    rows = []
    models = [model for _, model in all_models().values()]
    with tempfile.TemporaryDirectory() as folder:
        for model in [each for each in models if not keys or each.key in keys]:
            playground = Playground(models, Path(folder), threads=1)
            found = measure(playground.open(model), times)
            playground.close()
            cells = []
            for kind in ("pause", "stop", "sample"):
                values = sorted(found[kind])
                cells += [f"{values[len(values) // 2]:.0f}", f"{values[-1]:.0f}"]
            rows.append((model.key, *cells))
    table(
        (
            "model (target 150 ms)",
            "pause and save, median ms",
            "most",
            "stop a sample, median ms",
            "most",
            "first of a sample, median ms",
            "most",
        ),
        rows,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2:])

"""How long after the click on Train the live wall can be recognised.

    python -m bench.first_picture [ROUNDS] [MODEL ...]

In a real window with default presets: every live wall of 16 digits that is shown is kept with
its time, and judged afterwards (`engine.layers.judge`). Counted is the first one with a mean
confidence above 0.75 and at least 8 of the 10 classes.
"""

import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import in_window, machine, median, opened, page_of, table
from bench.images import judge
from bench.screen import screen

CONFIDENCE, CLASSES = 0.75, 8
TARGETS = {"vae": 15.0, "gan": 45.0, "diffusion": 45.0}
WATCHED = 2.0  # times the target


def watch(model: str, folder: str, out: str) -> dict[str, int]:
    """Run in a process of its own: click on Train and keep the walls, with their times."""
    from PySide6.QtCore import QTimer

    times: list[float] = []
    walls: list[Any] = []

    def begin(window: Any) -> None:
        page = page_of(window, model)
        holder = page.sampling.live
        show = holder.show_payload

        def keep(payload: Any) -> None:
            show(payload)
            times.append(time.perf_counter() - clicked)
            walls.append(payload.pixels)

        def end() -> None:
            window.close()
            application.quit()

        holder.show_payload = keep
        QTimer.singleShot(int(1000 * WATCHED * TARGETS[model]), end)
        clicked = time.perf_counter()
        page.transport.train_button.click()

    application, window = opened(folder, begin)
    window.show()
    application.exec()
    np.savez(out, times=np.array(times), walls=np.array(walls))
    return {"walls": len(walls)}


def first(times: Any, walls: Any) -> tuple[float, float, float]:
    """Seconds to the first good wall (infinite where none is), and how good the last one is."""
    good, scores = math.inf, None
    for seconds, wall in zip(times, walls, strict=True):
        scores = judge().scores(wall)
        if scores.confidence > CONFIDENCE and scores.classes >= CLASSES:
            good = min(good, float(seconds))
    return (good, scores.confidence, scores.classes) if scores else (good, 0.0, 0)


def in_words(seconds: float, model: str) -> str:
    """The time, or that it did not come while it was watched."""
    never = f"not within {WATCHED * TARGETS[model]:g} s"
    return never if math.isinf(seconds) else f"{seconds:.1f} s"


def main(rounds: int, models: list[str]) -> None:
    """One row for each model."""
    print(machine(), "\n")
    judge()
    rows = []
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        out = Path(folder) / "walls.npz"
        for model in models:
            found = []
            for _ in range(rounds):
                in_window("bench.first_picture", display, model, folder, out)
                with np.load(out) as kept:
                    found.append(first(kept["times"], kept["walls"]))
            middle = median(each[0] for each in found)
            rows.append(
                (
                    model,
                    in_words(middle, model),
                    ", ".join(in_words(each[0], model) for each in found),
                    f"{TARGETS[model]:g} s",
                    "met" if middle <= TARGETS[model] else "missed",
                    f"{median(each[1] for each in found):.2f}",
                    f"{median(each[2] for each in found):.0f}",
                )
            )
    table(
        (
            *("model, default preset", "first recognisable wall", "rounds", "target", ""),
            *("confidence of the last", "classes of the last"),
        ),
        rows,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        print(json.dumps(watch(*sys.argv[2:5])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2:] or list(TARGETS))

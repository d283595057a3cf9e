"""How smooth the window is while a model trains, and what the window costs the training.

    python -m bench.smooth [SECONDS] [ROUNDS] [MODEL ...]
    python -m bench.smooth 20 3 vae+gan+diffusion

In a real window with its views on screen, a timer of 16 ms notes how late each
tick comes; and the steps per second of wall time are set against the same
training headless (no live sample, no views), turn by turn in one run. Models joined by a
plus all train at the same time, each in its tab, with the last one's tab seen; their steps
are added up, and there is nothing headless to compare with.
"""

import json
import sys
import tempfile
import time
from typing import Any

from bench.common import engine, in_window, machine, median, opened, page_of, table
from bench.screen import screen

TICK = 16
SETTLE = 12.0  # seconds: kernels are compiled, the first pictures drawn


def measure(model: str, seconds: float, folder: str) -> dict[str, float]:
    """Run in a process of its own: train in the window and measure."""
    from PySide6.QtCore import Qt, QTimer

    late: list[float] = []
    found: dict[str, float] = {}
    last = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        if last[0]:
            late.append(1000 * (now - last[0]) - TICK)
        last[0] = now

    def ready(window: Any) -> None:
        pages = []
        for each in model.split("+"):
            pages.append(page_of(window, each))
            pages[-1].train()
        ticks = QTimer(window)
        ticks.setTimerType(Qt.TimerType.PreciseTimer)
        ticks.setInterval(TICK)
        ticks.timeout.connect(tick)

        def steps() -> int:
            return sum(page.session.step for page in pages)

        def begin() -> None:
            found["step"], found["begun"] = steps(), time.perf_counter()
            ticks.start()
            QTimer.singleShot(int(1000 * seconds), end)

        def end() -> None:
            ticks.stop()
            found["speed"] = (steps() - found["step"]) / (time.perf_counter() - found["begun"])
            window.close()
            application.quit()

        QTimer.singleShot(int(1000 * SETTLE), begin)

    application, window = opened(folder, ready)
    window.show()
    application.exec()
    late.sort()
    return {
        "p50": late[len(late) // 2],
        "p99": late[int(len(late) * 0.99)],
        "most": late[-1],
        "below": 100 * sum(value < TICK for value in late) / len(late),
        "speed": found["speed"],
    }


def headless(model: str, seconds: float, folder: str) -> float:
    """Steps per second of wall time, from the command line's own report."""
    seen = [
        each
        for each in engine("train", model, "--seconds", str(seconds + 3), "--runs-dir", folder)
        if each["event"] == "progress" and each["seconds"] > 3
    ]
    steps = seen[-1]["step"] - seen[0]["step"]
    return float(steps / (seen[-1]["came"] - seen[0]["came"]))


def main(seconds: float, rounds: int, models: list[str]) -> None:
    """One row for each model."""
    print(machine(), "\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        for model in models:
            windows, ratios = [], []
            for _ in range(rounds):
                windows.append(in_window("bench.smooth", display, model, seconds, folder))
                if "+" not in model:
                    ratios.append(windows[-1]["speed"] / headless(model, seconds, folder))
            rows.append(
                (
                    model,
                    f"{median(each['p50'] for each in windows):.1f}",
                    f"{median(each['p99'] for each in windows):.1f}",
                    f"{median(each['most'] for each in windows):.0f}",
                    f"{median(each['below'] for each in windows):.1f} %",
                    f"{median(each['speed'] for each in windows):.1f}",
                    f"{100 * (1 - median(ratios)):.1f} %" if ratios else "",
                )
            )
    table(
        (
            "model, default preset",
            "lateness p50 ms",
            "p99 ms (target 16)",
            "most ms",
            "below 16 ms (target 99 %)",
            "steps/s in the window",
            "slower than headless (target 5 %)",
        ),
        rows,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        print(json.dumps(measure(sys.argv[2], float(sys.argv[3]), sys.argv[4])))
    else:
        arguments = sys.argv[1:]
        main(
            float(arguments[0]) if arguments else 20.0,
            int(arguments[1]) if len(arguments) > 1 else 3,
            arguments[2:] or ["rnn", "gru", "lstm", "transformer"],
        )

"""All tabs training at once: how smooth the window stays, who gets how much, and what it holds.

    python -m bench.load [--minutes 10] [MODEL ...]

In a real window the first model of each tab (or those named) trains with its default preset: first
each one alone, seen, for a while; then all at once, and every 15 s another tab is looked at. The
fair share of one of n is an n-th of the steps that it made alone in the same time. A timer of
16 ms notes how late each tick comes; each turn on the compute thread is timed; once a minute the
resident memory is read. Exit status 1 where a target is missed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from typing import Any

from bench.common import in_window, machine, opened, page_of, resident, table
from bench.screen import screen

TICK = 16
SETTLE = 20.0  # seconds: kernels are compiled, the first pictures drawn
ALONE_SETTLE, ALONE = 10.0, 15.0  # seconds that each one trains alone, and is measured
LOOK = 15.0
ENOUGH = 99.0  # per cent of the ticks below TICK
FAIR = 0.5  # of the fair share
GROWTH = 2.0  # per cent, after the first minute


def measure(minutes: float, folder: str, keys: list[str]) -> dict[str, Any]:
    """Run in a process of its own: train in the window and measure."""
    from PySide6.QtCore import Qt, QTimer

    late: list[float] = []
    memory: list[float] = []
    spent: dict[Any, list[float]] = defaultdict(list)  # seconds of each turn, by job
    found: dict[str, Any] = {}
    last = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        if last[0]:
            late.append(1000 * (now - last[0]) - TICK)
        last[0] = now

    def timed(worker: Any) -> None:
        advance = worker._advance

        def advanced(job: Any, steps: Any) -> Any:
            start = time.perf_counter()
            try:
                return advance(job, steps)
            finally:
                spent[job].append(time.perf_counter() - start)

        worker._advance = advanced

    def ready(window: Any) -> None:
        chosen = keys or [family.models[0].key for family in window.families]
        pages = {key: page_of(window, key) for key in chosen}
        alone = found["alone"] = {}

        def after(seconds: float, action: Any) -> None:
            QTimer.singleShot(int(1000 * seconds), window, action)

        def one(left: list[str]) -> None:
            """Train one alone; then the next, or all."""
            if not left:
                for page in pages.values():
                    page.more(10**9)
                after(SETTLE, begin)
                return
            page = page_of(window, left[0])
            page.more(10**9)

            def read() -> None:
                step, start = page.session.step, time.perf_counter()

                def stop() -> None:
                    passed = time.perf_counter() - start
                    alone[left[0]] = (page.session.step - step) / passed
                    page.stop()
                    after(1.0, lambda: one(left[1:]))

                after(ALONE, stop)

            after(ALONE_SETTLE, read)

        def repeating(milliseconds: float, action: Any) -> Any:
            timer = QTimer(window)
            timer.setTimerType(Qt.TimerType.PreciseTimer)
            timer.setInterval(int(milliseconds))
            timer.timeout.connect(action)
            return timer

        def look() -> None:
            window.tabs.setCurrentIndex((window.tabs.currentIndex() + 1) % window.tabs.count())

        ticks = repeating(TICK, tick)
        looks = repeating(1000 * LOOK, look)
        reads = repeating(60_000, lambda: memory.append(resident()))

        def begin() -> None:
            timed(window.playground.worker)
            found["steps"] = {key: page.session.step for key, page in pages.items()}
            found["begun"] = time.perf_counter()
            memory.append(resident())
            for timer in (ticks, looks, reads):
                timer.start()
            after(60 * minutes + 0.5, end)

        def end() -> None:
            for timer in (ticks, looks, reads):
                timer.stop()
            passed = time.perf_counter() - found["begun"]
            jobs = {key: page.session.start() for key, page in pages.items()}
            found["jobs"] = {
                key: {
                    "steps": pages[key].session.step - found["steps"][key],
                    "fair": alone[key] * passed / len(jobs),
                    "seconds": sum(spent[job]),
                    "turns": len(spent[job]),
                    "longest": max(spent[job], default=0.0),
                }
                for key, job in jobs.items()
            }
            window.close()
            application.quit()

        one(chosen)

    application, window = opened(folder, ready)
    window.show()
    application.exec()
    late.sort()
    return {
        "p50": late[len(late) // 2],
        "p99": late[int(len(late) * 0.99)],
        "most": late[-1],
        "below": 100 * sum(value < TICK for value in late) / len(late),
        "jobs": found["jobs"],
        "memory": memory,
    }


def main(minutes: float, keys: list[str]) -> int:
    """The tables. The exit status."""
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        found = in_window("bench.load", display, minutes, folder, *keys)
    jobs = found["jobs"]
    whole = sum(job["seconds"] for job in jobs.values())
    shares = {key: job["steps"] / job["fair"] for key, job in jobs.items()}
    table(
        (
            "model, default preset",
            "steps",
            "turns",
            "a turn, mean ms",
            "most ms",
            "of the compute time",
            f"steps, of its fair share (at least {100 * FAIR:.0f} %)",
        ),
        [
            (
                key,
                f"{job['steps']:,}",
                f"{job['turns']:,}",
                f"{1000 * job['seconds'] / max(job['turns'], 1):.0f}",
                f"{1000 * job['longest']:.0f}",
                f"{100 * job['seconds'] / whole:.1f} %",
                f"{100 * shares[key]:.0f} %",
            )
            for key, job in jobs.items()
        ],
    )
    print(
        f"\nlateness: p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, most "
        f"{found['most']:.0f} ms; below {TICK} ms {found['below']:.2f} % (target {ENOUGH:.0f} %)"
    )
    memory = found["memory"]
    print("resident, MB, each minute:", " ".join(f"{each:.0f}" for each in memory))
    growth = 100 * (memory[-1] / memory[1] - 1) if len(memory) > 2 else 0.0
    print(f"after the first minute: {growth:+.1f} % (target below {GROWTH:.0f} %)")
    return int(found["below"] < ENOUGH or min(shares.values()) < FAIR or growth >= GROWTH)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        print(json.dumps(measure(float(sys.argv[2]), sys.argv[3], sys.argv[4:])))
    else:
        parser = argparse.ArgumentParser(prog="bench.load")
        parser.add_argument("--minutes", type=float, default=10.0)
        parser.add_argument("models", nargs="*")
        options = parser.parse_intermixed_args()
        sys.exit(main(options.minutes, options.models))

"""Start, sample, stop, reset, over and over: whether anything is left over.

    python -m bench.soak headless [--cycles 1000] [MODEL ...]
    python -m bench.soak window [--cycles 200] [MODEL ...]

Each cycle trains a small model a few steps, draws a sample while it trains, stops it, resets it
and deletes its run; model after model. After a few cycles of each, which load data, compile
kernels and fill caches, threads, open files, tensors and (in the window) timers and objects of Qt
are counted, and again ten times until the end. Exit status 1 where there are more at the end than
in the first half, or where resident memory has grown by 5 %.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.common import in_window, machine, opened, page_of, resident, table
from bench.screen import screen

WARM_UP = 4  # cycles of each model
STEPS = 3
ROWS = 10
GROWTH = 5.0  # per cent
PATIENCE = 120.0  # seconds
POLL_MS = 10
LOOK_SECONDS = 5.0  # for a view to be drawn; some have nothing to show of a model so small
SAMPLE = {"length": 8, "count": 2, "seconds": 0.05, "steps": 3, "rounds": 1}
TRAIN = {"batch": 2, "window": 256, "warm_up": 0}


def small(model: Any, data: Any) -> tuple[Any, Any, Any]:
    """The knobs of the net, the training and a sample, made as small as `data` lets them be."""
    from engine.knobs import changed, knobs_of

    net = model.net()
    for knob in knobs_of(net):
        if knob.kind in ("int", "float"):
            smaller = changed(net, {knob.name: knob.low})
            try:
                model.check(data, smaller)
                model.build(smaller, data)
            except Exception:  # noqa: BLE001 - what does not go together is passed over
                continue
            net = smaller

    def cheap(settings: Any, values: dict[str, Any]) -> Any:
        names = {knob.name: knob for knob in knobs_of(settings)}
        return changed(
            settings,
            {
                name: max(value, names[name].low or value)
                for name, value in values.items()
                if name in names
            },
        )

    return net, cheap(model.preset().train, TRAIN), cheap(model.watch, SAMPLE)


def counted(**more: int) -> dict[str, float]:
    """What is there now, after Python has cleared away."""
    import torch

    for _ in range(3):
        gc.collect()
    # By its type, since asking some of torch's objects for their class warns.
    tensors: list[Any] = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    return {
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "tensors": len(tensors),
        "kB of tensors": sum(each.numel() * each.element_size() for each in tensors) // 1024,
        **more,
        "MB resident": round(resident(), 1),
    }


def forget(playground: Any, run: str) -> None:
    """Remove a run for good: what is left on the disk is not what is asked here."""
    playground.store.delete(run)
    playground.store.empty_trash(-1.0)


# --- without a window


def headless(cycles: int, keys: list[str]) -> list[dict[str, float]]:
    """Run in a process of its own: the counts, the first one after the warm-up."""
    from engine.__main__ import all_models
    from engine.session import Playground

    models = [model for _, model in all_models().values() if not keys or model.key in keys]
    with tempfile.TemporaryDirectory() as folder:
        playground = Playground(models, Path(folder), threads=1)
        sessions = [playground.open(model) for model in models]
        samples = []
        for session in sessions:
            net, train, sample = small(session.model, done(session.load_data()))
            session.choose(net=net, train=train)
            session.wanted = {v.key: v.knobs() for v in session.model.views if v.every is not None}
            samples.append(sample)

        def cycle(number: int) -> None:
            session, sample = sessions[number % len(models)], samples[number % len(models)]
            job = session.start(steps=10**6)
            until = time.monotonic() + PATIENCE
            while session.step < STEPS and not job.ended and time.monotonic() < until:
                time.sleep(0.001)
            done(session.sample(sample))
            session.pause()
            done(job)
            run = session.run
            done(session.reset())
            assert run is not None
            forget(playground, run.id)

        rows = rounds(cycles, len(models), cycle, counted)
        playground.close()
    return rows


def done(job: Any) -> Any:
    """Wait for the end; the result, or the error raised."""
    if not job.wait(PATIENCE):
        sys.exit(f"{job.title} took longer than {PATIENCE:.0f} s")
    job.mailbox.drain()  # as a window does: what was shown would be kept as long as the job
    if job.error is not None:
        raise job.error
    return job.result


def rounds(
    cycles: int, models: int, cycle: Callable[[int], None], count: Callable[[], dict[str, float]]
) -> list[dict[str, float]]:
    """Warm up, then go round all models until there were so many cycles; the counts.

    They are taken after whole rounds only, since each model holds what it holds.
    """
    for number in range(WARM_UP * models):
        cycle(number)
    found = [{"cycles": 0.0, **count()}]
    whole = -(-cycles // models)
    for number in range(whole * models):
        cycle(WARM_UP * models + number)
        times, rest = divmod(number + 1, models)
        if not rest and times * ROWS // whole > (times - 1) * ROWS // whole:
            found.append({"cycles": number + 1.0, **count()})
    return found


# --- in the window


def windowed(cycles: int, keys: list[str], folder: str) -> list[dict[str, float]]:
    """Run in a process of its own: the same through the pages of the real window."""
    from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
    from PySide6.QtWidgets import QApplication

    rows: list[dict[str, float]] = []

    def until(condition: Callable[[], object], what: str) -> None:
        """Let the window live until it is so."""
        late = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > late:
                sys.stderr.write(f"{what}: not within {PATIENCE:.0f} s\n")
                os._exit(2)
            loop = QEventLoop()
            QTimer.singleShot(POLL_MS, loop.quit)
            loop.exec()

    def of_qt(window: Any) -> dict[str, int]:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        roots = [application, *application.topLevelWidgets()]
        objects = {id(each): each for root in roots for each in root.findChildren(QObject)}
        return {
            "timers": sum(isinstance(each, QTimer) for each in objects.values()),
            "Qt objects": len(objects),
            "top levels": len(application.topLevelWidgets()),
        }

    def look(page: Any, number: int) -> None:
        """Show the view of that number until it is drawn, or refuses."""
        pictures = page.pictures
        pictures.tabs.setCurrentIndex(number % pictures.tabs.count())
        card = pictures.current
        if card.on_demand:
            card.show_button.click()
        late = time.monotonic() + LOOK_SECONDS
        until(
            lambda: (
                card.holder.payload is not None
                or card.problem.isVisible()
                or time.monotonic() > late
            ),
            f"the view {card.view.key}",
        )

    def cycle(window: Any, key: str, number: int) -> None:
        page = page_of(window, key)
        session = page.session
        page.train()
        until(lambda: session.step >= STEPS, f"{key}: {STEPS} steps")
        page.generate()
        until(lambda: not page.sampling.stop_button.isEnabled(), f"{key}: a sample")
        # At first all of them, since what draws a view is made when it is first drawn.
        for each in range(number, page.pictures.tabs.count() if not number else number + 1):
            look(page, each)
        page.stop()
        until(lambda: session.status == "paused", f"{key}: a pause")
        run = session.run
        page.reset()
        until(lambda: session.status == "empty" and not window.pump.busy, f"{key}: a reset")
        forget(window.playground, run.id)

    def soak(window: Any) -> None:
        models = keys or [model.key for family in window.families for model in family.models]
        for key in models:
            page = page_of(window, key)
            data = page.setup.data
            until(partial(lambda each: each.data is not None, data), f"{key}: its data")
            net, train, sample = small(page.session.model, data.data)
            page.setup.show_settings(net, train)
            page.sampling.form.set_value(sample)
        rows.extend(
            rounds(
                cycles,
                len(models),
                lambda number: cycle(window, models[number % len(models)], number // len(models)),
                lambda: counted(**of_qt(window)),
            )
        )
        window.close()
        application.quit()

    application, window = opened(folder, soak)
    window.show()
    application.exec()
    return rows


def main(where: str, cycles: int, keys: list[str]) -> int:
    """The table. The exit status."""
    print(machine(), "\n")
    if where == "headless":
        rows = headless(cycles, keys)
    else:
        with tempfile.TemporaryDirectory() as folder, screen() as display:
            found = in_window("bench.soak", display, folder, cycles, *keys)
        rows = found["rows"]
    table(tuple(rows[0]), [[f"{value:,.10g}" for value in row.values()] for row in rows])
    first, last, half = rows[0], rows[-1], rows[: (len(rows) + 1) // 2]
    growth = 100 * (last["MB resident"] / first["MB resident"] - 1)
    # Small caches come and go; what leaks has more at the end than ever in the first half.
    most = {name: max(row[name] for row in half) for name in first}
    left = [
        f"{last[name] - most[name]:,.0f} {name}"
        for name in first
        if name not in ("cycles", "MB resident") and last[name] > most[name]
    ]
    print(f"\nresident memory {growth:+.1f} % (target within {GROWTH:.0f} %); left over: ", end="")
    print(", ".join(left) or "nothing")
    return int(bool(left) or growth >= GROWTH)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        print(json.dumps({"rows": windowed(int(sys.argv[3]), sys.argv[4:], sys.argv[2])}))
    else:
        parser = argparse.ArgumentParser(prog="bench.soak")
        parser.add_argument("where", choices=("headless", "window"))
        parser.add_argument("--cycles", type=int)
        parser.add_argument("models", nargs="*")
        options = parser.parse_intermixed_args()
        planned = options.cycles or {"headless": 1000, "window": 200}[options.where]
        sys.exit(main(options.where, planned, options.models))

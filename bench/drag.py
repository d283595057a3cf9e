"""Pictures a second while a point is dragged over the VAE's latent map.

    python -m bench.drag [SECONDS] [ROUNDS] [MODEL] [VIEW]

In a real window: the ring is moved along a circle every 8 ms, as by a quick mouse, and the
pictures that are drawn of it are counted, and how long each was after the last; first while
nothing else is done, then while the model trains. (Also: `gan drag`.)
"""

import itertools
import json
import math
import sys
import tempfile
import time
from typing import Any

from bench.common import in_window, machine, median, opened, page_of, table
from bench.screen import screen

SETTLE = 10.0  # seconds of training before
MOVE_MS = 8
TARGET = 30.0


def drag(model: str, view: str, seconds: float, folder: str) -> dict[str, float]:
    """Run in a process of its own: pictures a second, idle and while training."""
    from PySide6.QtCore import QPointF, Qt, QTimer

    from app.plots.plane import PlaneWidget

    found: dict[str, float] = {}
    came: list[float] = []

    def begin(window: Any) -> None:
        page = page_of(window, model)
        pictures = page.pictures
        pictures.tabs.setCurrentIndex(list(pictures.cards).index(view))
        card = pictures.cards[view]
        show = card.show_payload

        def count(shown: Any) -> None:
            show(shown)
            came.append(time.perf_counter())

        def seen() -> Any:
            planes = card.findChildren(PlaneWidget)
            return next((each for each in planes if each.isVisible() and each.payload), None)

        def move() -> None:
            plane = seen()
            if plane is None:
                return
            angle = 2 * math.pi * time.perf_counter() / 3
            left, right, bottom, top = plane.payload.extent
            x = (left + right) / 2 + 0.3 * (right - left) * math.cos(angle)
            y = (bottom + top) / 2 + 0.3 * (top - bottom) * math.sin(angle)
            position = QPointF(plane.pixel_of(x, y))
            if plane.gripped is None:
                plane.grip(position)
            else:
                plane.drag(position)

        def measure(name: str, after: Any) -> None:
            if seen() is None:
                QTimer.singleShot(200, lambda: measure(name, after))
                return
            begun, spent = time.perf_counter(), time.process_time()
            came.clear()
            moves.start()

            def end() -> None:
                moves.stop()
                for plane in card.findChildren(PlaneWidget):
                    plane.let_go()
                times = [each for each in came if each > begun]
                found[name] = len(times) / (time.perf_counter() - begun)
                spent_here = time.process_time() - spent
                found[f"{name}_cpu"] = 1000 * spent_here / max(len(times), 1)
                gaps = sorted(b - a for a, b in itertools.pairwise(times))
                found[f"{name}_p95"] = 1000 * gaps[int(0.95 * len(gaps))] if gaps else math.inf
                after()

            QTimer.singleShot(int(1000 * seconds), end)

        def training() -> None:
            page.train()
            QTimer.singleShot(2000, lambda: measure("training", finish))

        def idle() -> None:
            page.session.pause()
            QTimer.singleShot(2000, lambda: measure("idle", training))

        def finish() -> None:
            window.close()
            application.quit()

        card.show_payload = count
        moves = QTimer(window)
        moves.setTimerType(Qt.TimerType.PreciseTimer)
        moves.setInterval(MOVE_MS)
        moves.timeout.connect(move)
        page.train()
        QTimer.singleShot(int(1000 * SETTLE), idle)

    application, window = opened(folder, begin)
    window.show()
    application.exec()
    return found


def main(seconds: float, rounds: int, model: str, view: str) -> None:
    """A row for either state."""
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        found = [
            in_window("bench.drag", display, model, view, seconds, folder) for _ in range(rounds)
        ]
    rows = []
    for name, title in (("idle", "nothing else"), ("training", "while it trains")):
        rate = median(each[name] for each in found)
        gap = median(each[f"{name}_p95"] for each in found)
        word = "met" if rate >= TARGET else "missed"
        cost = f"{median(each[f'{name}_cpu'] for each in found):.0f} ms"
        rows.append((title, f"{rate:.1f}", f"{gap:.0f} ms", f"{TARGET:g}", word, cost))
    head = (f"{model}, {view}", "pictures a second", "95 % within", "target", "")
    table((*head, "processor time for each, training included"), rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        print(json.dumps(drag(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5])))
    else:
        given = sys.argv[1:]
        main(
            float(given[0]) if given else 10.0,
            int(given[1]) if len(given) > 1 else 3,
            given[2] if len(given) > 2 else "vae",
            given[3] if len(given) > 3 else "map",
        )

"""All pictures in one window: ``python -m app.plots [--dark]``."""

import math
import sys
from typing import Any

import numpy as np
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.plots import WIDGETS, LossCurves
from app.theme import theme
from engine.payloads import Alternative, Bars, Curve, Heatmap, Heatmaps, Line, Sound, Text, Tokens


def examples() -> tuple[tuple[Any, ...], QWidget]:
    """A payload of each class, and loss curves, made up: for the gallery."""
    rng = np.random.default_rng(0)
    text = "to be, or not to be\n"
    letters = tuple(text)

    def attention(head: int) -> Heatmap:
        scores = rng.normal(size=(len(text), len(text))) * 2
        scores[np.triu_indices(len(text), 1)] = -np.inf
        weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        return Heatmap(
            weights.astype(np.float32),
            title=f"layer {head // 4 + 1}, head {head % 4 + 1}",
            x_title="attends to",
            y_title="character",
            value_title="weight",
            rows=letters,
            columns=letters,
            low=0.0,
            high=1.0,
        )

    def gate(name: str) -> Heatmap:
        values = np.tanh(rng.normal(size=(48, 60)).cumsum(1) / 3).astype(np.float32)
        return Heatmap(
            values,
            title=name,
            x_title="text read so far",
            y_title="unit",
            value_title="activation",
            columns=(letters * 3)[:60],
            diverging=True,
        )

    def drawn(position: int, piece: str) -> tuple[float, tuple[Alternative, ...]]:
        shares = np.sort(rng.dirichlet(np.full(10, 0.3)))[::-1]
        others = [each for each in "etaoinshrdlu" if each != piece][:10]
        place = min(int(rng.exponential(0.7)), 9)
        others[place] = piece
        alternatives = tuple(
            Alternative(ord(each), each, float(share), rank < 6)
            for rank, (each, share) in enumerate(zip(others, shares, strict=False))
        )
        return (math.nan, ()) if position < 6 else (float(shares[place]), alternatives)

    each = [drawn(i, piece) for i, piece in enumerate(letters * 4)]
    tokens = Tokens(
        ids=tuple(map(ord, letters * 4)),
        pieces=letters * 4,
        probabilities=tuple(probability for probability, _rest in each),
        alternatives=tuple(alternatives for _probability, alternatives in each),
        kept=6,
        next=each[-1][1],
        tokens_per_second=1234.0,
    )
    lag = np.arange(1, 65, dtype=np.float32)
    lines = tuple(Line(name, lag, np.exp(-lag / d)) for name, d in (("RNN", 4), ("LSTM", 20)))
    time = np.arange(16000) / 8000
    tone = (0.6 * np.sin(2 * np.pi * 220 * time) * np.exp(-time)).astype(np.float32)
    payloads = (
        Text(text * 6, caption="a sample"),
        tokens,
        gate("cell state"),
        Heatmaps(tuple(attention(head) for head in range(16)), 4, caption="who looks at whom"),
        Heatmaps(tuple(map(gate, ("input", "forget", "output", "cell"))), 1),
        Curve(lines, "time lag (characters)", "gradient norm", log_y=True),
        Bars(tuple("etaoi"), (40.1, 30.25, 20.0, 8.123, 1.5), "probability", "next", "%"),
        Sound(tone, 8000, title="A3", midi=b"MThd"),
    )
    curves = LossCurves()
    steps = np.arange(20000)
    falling = 1.4 + 2.6 * np.exp(-steps / 2500)
    held_out = steps[::1000]
    curves.set_units({"nats per character": 1.0, "bits per character": 1 / math.log(2)})
    curves.set_series("train", steps, falling + rng.normal(0, 0.12, len(steps)), "raw")
    rising = np.maximum(0, held_out - 12000) * 2e-5
    curves.set_series("held-out", held_out, falling[::1000] + 0.08 + rising, "points")
    curves.set_marks([(6000, "learning rate 0.01 → 0.003"), (6900, "dropout"), (14000, "batch 64")])
    return payloads, curves


def main() -> None:
    """Show all of them."""
    application = QApplication(sys.argv)
    theme().use("dark" if "--dark" in sys.argv else "light")
    tabs = QTabWidget()
    payloads, curves = examples()
    widgets: list[tuple[Any, str]] = []
    for payload in payloads:
        widget: Any = WIDGETS[type(payload)]()
        widget.show_payload(payload)
        widgets.append((widget, type(payload).__name__))
    for widget, name in (*widgets, (curves, "LossCurves")):
        card = QFrame()
        card.setProperty("role", "card")
        QVBoxLayout(card).addWidget(widget)
        tabs.addTab(card, name)
    tabs.resize(900, 640)
    tabs.show()
    sys.exit(application.exec())


if __name__ == "__main__":
    main()

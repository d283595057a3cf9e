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
from engine.payloads import (
    Alternative,
    Bars,
    Cell,
    Curve,
    Dots,
    Film,
    Handle,
    Heatmap,
    Heatmaps,
    Images,
    Lane,
    Line,
    Moment,
    Panels,
    Pixels,
    Plane,
    Race,
    Raster,
    Sheet,
    Sound,
    Table,
    Text,
    Tokens,
)


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
        *pictured(rng),
        *drawn_point_by_point(rng),
        *translated(rng),
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


def digit(angle: float, height: int = 28) -> Pixels:
    """A stroke at an angle: stands for a picture that a model drew. (height, height, 1)"""
    y, x = np.mgrid[:height, :height] / (height - 1) * 2 - 1
    across = np.abs(x * np.sin(angle) - y * np.cos(angle) + 0.3 * np.sin(3 * (x + y) + angle))
    ink = np.exp(-((across / 0.16) ** 2)) * (np.hypot(x, y) < 0.85)
    pixels: Pixels = (255 * ink).astype(np.uint8)[..., None]
    return pixels


def pictured(rng: np.random.Generator) -> tuple[Any, ...]:
    """Payloads of pictures and of the plane."""
    seeds = tuple(range(7, 31))
    grey = np.stack([digit(seed * 0.7) for seed in seeds])
    wall = Images(
        grey,
        title="Samples",
        labels=tuple(f"seed {seed}" for seed in seeds),
        numbers=seeds,
        picks=("first_group", "second_group"),
        picked=((8, 11), (12,)),
        pick_titles=("with", "without"),
        caption="24 pictures, each drawn from the seed below it.",
    )
    tints = rng.uniform(0.2, 1, (100, 1, 1, 3))
    colour = (np.stack([digit(i * 0.063) for i in range(100)]) * tints).astype(np.uint8)
    manifold = Images(
        colour, "Manifold", across=10, gap=False, caption="What each place decodes to."
    )
    y, x = np.mgrid[2:-2:64j, -2:2:64j]
    surface = np.sin(2 * x) * np.cos(y).astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi, 400)
    ring = np.stack((np.cos(turn), np.sin(turn)), 1) * rng.normal(1.2, 0.06, (400, 1))
    grid = np.stack(np.meshgrid(np.linspace(-1.8, 1.8, 13), np.linspace(-1.8, 1.8, 13)), -1)
    grid = grid.reshape(-1, 2)
    field = -grid * (1 - 1.2 / np.hypot(*grid.T)[:, None].clip(0.3)) * 0.25
    plane = Plane(
        (-2.0, 2.0, -2.0, 2.0),
        (
            Dots("data", ring.astype(np.float32), tone="faint"),
            Dots("generated", (ring + rng.normal(0, 0.1, ring.shape)).astype(np.float32)),
        ),
        title="Two dimensions",
        x_title="x",
        y_title="y",
        surface=surface.astype(np.float32),
        value_title="score",
        diverging=True,
        arrows=np.concatenate((grid, field), 1).astype(np.float32),
        caption="Where the discriminator believes a point, and where it sends the generator.",
    )
    centres = rng.normal(0, 1.2, (10, 1, 2))
    places = (centres + rng.normal(0, 0.25, (10, 60, 2))).reshape(-1, 2).astype(np.float32)
    latent = Plane(
        (-3.0, 3.0, -3.0, 3.0),
        (Dots("digits", places, np.repeat(np.arange(10), 60), tuple("0123456789")),),
        x_title="z₁",
        y_title="z₂",
        handles=(Handle("drag me", 0.6, -0.4, "x", "y"),),
        caption="Each dot is a digit, where the encoder puts it.",
    )
    steps = np.cumsum(rng.normal(0, 0.14, (120, 24, 2)), axis=1).astype(np.float32)
    paths = Plane(
        (-2.0, 2.0, -2.0, 2.0),
        (Dots("noise", steps[:, 0], tone="faint"), Dots("end", steps[:, -1])),
        paths=steps,
        caption="From noise to data.",
    )
    latents = Bars(
        tuple(f"z{i}" for i in range(1, 17)),
        tuple(rng.normal(0, 1, 16).tolist()),
        y_title="latent",
        caption="Drag a bar: its number is set.",
        turns="code",
        low=-3.0,
        high=3.0,
    )
    one = Images(grey[:1], caption="What it decodes to.")
    film = Film(
        tuple(
            Images(
                (grey[:8] * (k / 10) + rng.uniform(0, 255 - 25 * k, grey[:8].shape))
                .clip(0, 255)
                .astype(np.uint8),
                caption=f"{100 - 10 * k} % noise",
            )
            for k in range(11)
        ),
        tuple(f"t = {1 - k / 10:.1f}" for k in range(11)),
        "From noise",
        start=7,
        caption="The same pictures at every step.",
    )
    return (
        wall,
        manifold,
        plane,
        latent,
        paths,
        latents,
        Panels((latent, one), weights=(2, 1), caption="Drag the ring."),
        Panels((latents, one, manifold, plane), caption="Four of them."),
        film,
    )


def drawn_point_by_point(rng: np.random.Generator) -> tuple[Any, ...]:
    """Pictures one token after the other, and one that is rubbed out in part."""

    def raster(tokens: Any, palette: Pixels, sure: float, **more: Any) -> Raster:
        """`sure`: how much likelier what came was than each that did not."""
        away = np.abs(np.arange(len(palette)) - tokens.reshape(-1, 1)) / len(palette)
        scores = -sure * away + rng.normal(0, 1.0, away.shape)
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        return Raster(tokens.astype(np.int64), palette, shares.astype(np.float32), **more)

    grey = digit(2.1)
    ink = (grey > 100).astype(np.int64)
    squares = ink.reshape(14, 2, 14, 2).transpose(0, 2, 1, 3).reshape(14, 14, 4)
    patches = (np.arange(16)[:, None] >> np.arange(3, -1, -1) & 1).reshape(16, 2, 2)
    binary = raster(
        ink,
        np.array([0, 255], np.uint8).reshape(2, 1, 1),
        9.0,
        names=("black", "white"),
        given=tuple(range(28 * 8)),
        turns="hand",
        turned=(300, 1, 301, 1),
        start=420,
        caption="A click on a token puts it there.",
    )
    fours = raster(
        (squares @ [8, 4, 2, 1])[..., None],
        (255 * patches).astype(np.uint8),
        30.0,
        turns="hand",
        start=100,
    )
    shades = np.arange(256, dtype=np.uint8).reshape(256, 1, 1)
    colours = np.concatenate((grey, grey // 2, 255 - grey), -1)
    sheet = Sheet(
        grey,
        tuple(28 * row + column for row in range(14, 28) for column in range(28)),
        turns="erased",
        caption="Rub out what is to be drawn anew.",
    )
    wall = Images(np.stack([digit(0.2 * i) for i in range(12)]), caption="Completions.")
    return (
        binary,
        fours,
        raster(grey, shades, 60.0, title="Shades", turns="hand", start=400),
        raster(colours, shades, 60.0, title="Colours", turns="hand", start=1201),
        sheet,
        Panels((sheet, wall), weights=(1, 2), caption="Rubbed out, and drawn anew."),
        Panels((binary, wall), weights=(2, 1)),
    )


def translated(rng: np.random.Generator) -> tuple[Any, ...]:
    """A race, tables, and what goes with them."""
    target = "二〇二六年十一月二十四日星期二"
    places = range(len(target))

    def sure() -> tuple[float, ...]:
        return tuple(float(each) for each in 1 - rng.beta(0.4, 2.5, len(target)))

    def one_by_one(seconds: float) -> tuple[Moment, ...]:
        shares = sure()
        first = seconds * 0.8
        return tuple(
            Moment(first + seconds * n, tuple(target[: n + 1]), shares[: n + 1], (n,))
            for n in places
        )

    def rounds(count: int) -> tuple[Moment, ...]:
        moments: list[Moment] = []
        taken: tuple[int, ...] = ()
        for n in range(1, count + 1):
            shares = sure()
            whole = Moment(
                0.0031 * n - 0.0004,
                tuple(target),
                shares,
                taken or tuple(places),
                note=f"round {n} of {count}",
            )
            moments.append(whole)
            taken = tuple(sorted(np.argsort(shares)[: len(target) * (count - n) // count].tolist()))
            if taken:
                pieces = tuple("" if i in taken else target[i] for i in places)
                left = tuple(math.nan if i in taken else shares[i] for i in places)
                said = f"{len(taken)} taken back"
                moments.append(Moment(0.0031 * n, pieces, left, (), taken, said))
        return tuple(moments)

    wrong = target[:6] + "十" + target[7:9] + "四四" + target[11:]
    shares = sure()
    draft = (
        Moment(0.0033, tuple(wrong), shares, tuple(places), note="draft"),
        Moment(
            0.0061,
            tuple(target[:10]),
            shares[:10],
            (9,),
            tuple(range(10, 15)),
            note="9 of 15 accepted",
        ),
        Moment(0.0089, tuple(target), shares, tuple(range(10, 15)), note="draft"),
        Moment(0.0118, tuple(target), shares, note="5 of 5 accepted"),
    )
    race = Race(
        (
            Lane("One by one (AR)", one_by_one(0.0028), 16, True),
            Lane(
                "All at once (NAT)",
                (Moment(0.0032, tuple(wrong), shares, tuple(places)),),
                1,
                False,
            ),
            Lane("Mask-Predict, 4 rounds", rounds(4), 4, True),
            Lane("Draft and verify", draft, 4, True),
        ),
        given="Tuesday, November 24, 2026",
        expected=target,
        caption="All at once was 13.4 times as fast as one by one, and wrong in two places.",
    )
    measured = (
        ("One by one (AR)", 99.4, 0.9987, 98.12, 44.81, 2.912, 16.0),
        ("All at once (NAT)", 86.1, 0.9544, 90.03, 3.21, 0.184, 1.0),
        ("Mask-Predict, 4 rounds", 98.2, 0.9961, 97.4, 11.96, 0.611, 4.0),
        ("Draft and verify", 99.4, 0.9987, 98.12, 9.33, math.nan, 3.1),
    )
    digits = (1, 3, 1, 1, 2, 1)
    table = Table(
        ("Way", "Exact, %", "chrF", "BLEU", "ms, batch of 1", "ms, batch of 32", "Passes"),
        tuple(
            (
                Cell(name),
                *(
                    Cell("–" if math.isnan(each) else f"{each:.{n}f}", value=each)
                    for each, n in zip(values, digits, strict=True)
                ),
            )
            for name, *values in measured
        ),
        tips=("How it writes.", "Targets without any difference."),
        best=("", "high", "high", "high", "low", "low", "low"),
        caption="100 held-out sources.",
    )
    errors = Table(
        ("Source", "Output", "Expected"),
        tuple(
            (
                Cell(f"Tuesday, November {day}, 2026"),
                Cell(said, marked, tone="bad" if marked else "good"),
                Cell("二〇二六年十一月二十四日", ((6, 7),) if marked else ()),
            )
            for day, said, marked in (
                (24, "二〇二六年十一月二十四日", ()),
                (25, "二〇二六年十十月二十四日", ((6, 7),)),
                (26, "二〇二六年十一月十四四日", ((8, 9), (10, 11))),
            )
        ),
        title="Held-out sources",
        caption="One of three is right.",
    )
    columns = target[:14]
    chances = (1 - rng.beta(0.5, 2.0, (4, 14))).astype(np.float32)
    confidence = Heatmap(
        chances,
        x_title="place",
        y_title="round",
        value_title="probability",
        numbers=tuple(range(1, 5)),
        column_numbers=tuple(range(1, 15)),
        low=0.0,
        high=1.0,
        texts=tuple(tuple(columns) for _row in range(4)),
        marked=chances < 0.6,
        marked_title="masked and written again",
        caption="How sure it was of each place in each round.",
    )
    rounds_ = np.arange(1, 9, dtype=np.float32)
    trade = Curve(
        (
            Line(
                "Mask-Predict",
                2 * rounds_,
                (100 - 14 / rounds_).astype(np.float32),
                tuple(str(n) for n in range(1, 9)),
            ),
            Line("AR", np.array([16], np.float32), np.array([99.4], np.float32), ("AR",)),
            Line("NAT", np.array([2], np.float32), np.array([86.2], np.float32), ("NAT",)),
        ),
        "milliseconds",
        "exactly right, %",
        caption="Each point is a number of rounds.",
    )
    return race, table, errors, confidence, trade


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

"""Looking into a model of sound: how far back it sees, what it expects, what surprises it.

The network is a `WaveNet`: ``module(codes, labels)`` gives the logits of the sample after each,
and `engine.layers.wavenet_queue` goes on from any beginning.
"""

import dataclasses
import itertools
from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.sound import FULL, SoundData
from engine.data.sound_files import prime_of
from engine.family import Drawing, Trained, View
from engine.knobs import knob
from engine.layers import sounds
from engine.layers.sounds import Part
from engine.layers.wavenet_queue import Streams, streams, weights_of
from engine.payloads import Curve, Dots, Film, Heatmap, Line, Panels, Plane, Sound
from engine.phrases import N_, PlaygroundError
from engine.sampling import uniforms

Array = NDArray[np.float32]

# Shapes: N pieces, T samples, R channels that enter the first layer, V numbers for a sample.


def held_out(data: SoundData) -> Part:
    """The held-out clips; raises where a run was opened without its sounds."""
    if not len(data.held_out):
        raise PlaygroundError(N_("this needs the sounds that the model learned from"))
    return Part(data.held_out, data.held_out_starts)


@dataclass(frozen=True)
class OfSound:
    """A real sound: a held-out clip, or one's own recording."""

    clip: int = knob(
        0, N_("Clip"), low=0, high=99_999, live=True, help=N_("Which of the held-out clips.")
    )
    recording: str = knob(
        "",
        N_("Own recording"),
        file="sound",
        live=True,
        help=N_("A file, in the place of a held-out clip."),
    )


class Chosen(NamedTuple):
    """A real sound, (n,) in [-1, 1], and its class as the network is told it."""

    values: Array
    label: int


MOST_SECONDS = 2.0


def chosen(trained: Trained, clip: int, recording: str) -> Chosen:
    """The first 2 seconds of the recording, or of that held-out clip."""
    data, classes = trained.data, trained.module.classes
    most = round(MOST_SECONDS * data.rate)
    if recording:
        return Chosen(prime_of(recording, data.rate, MOST_SECONDS)[:most], classes)
    part = held_out(data)
    number = clip % len(part.lengths)
    return Chosen(part.clip(number)[:most], min(int(data.held_out_labels[number]), classes))


def logits_along(
    module: Any, codes: NDArray[np.int64], label: int
) -> Generator[None, None, Tensor]:
    """The logits (n, V) of each sample of a clip from those before it; safe points on the way."""
    line = torch.from_numpy(np.concatenate([[module.start], codes[:-1]]))[None]
    labels, found = torch.tensor([label]), []
    field = min(module.field, MOST_FIELD)
    for first in range(0, line.shape[1], STRETCH):
        past = max(0, first - field)
        logits = module(line[:, past : first + STRETCH], labels)
        found.append(logits[0, first - past :])
        yield None
    return torch.cat(found)


STRETCH = 1024  # samples between two safe points
MOST_FIELD = 8192  # samples of the past that are looked at in them


def seconds_line(name: str, values: Any, rate: int, first: int = 0) -> Line:
    """Values by their time in milliseconds."""
    time = (np.arange(len(values)) + first) * np.float32(1000 / rate)
    return Line(name, time.astype(np.float32), np.asarray(values, np.float32))


# --- how far back it sees


@dataclass(frozen=True)
class TreeKnobs:
    """How much of the tree is drawn."""

    layers: int = knob(
        6,
        N_("Layers"),
        low=1,
        high=12,
        live=True,
        help=N_("So many of the lowest layers are drawn; each doubles the tree."),
    )


def tree(trained: Trained, knobs: TreeKnobs) -> Drawing:
    """What the newest sample hangs on, layer by layer, and how strongly, by gradient."""
    module, rate = trained.module, trained.data.rate
    dilations = [layer.dilation for layer in module.layers][: knobs.layers]
    reached, edges, dots = {0}, [], [(0, len(dilations))]
    for depth in range(len(dilations), 0, -1):
        back = dilations[depth - 1]
        edges += [((-at, depth), (-to, depth - 1)) for at in reached for to in (at, at + back)]
        reached = {to for at in reached for to in (at, at + back)}
        dots += [(-at, depth - 1) for at in sorted(reached)]
    span = max(reached)
    yield None
    strength = gradient_back(trained)
    yield None
    heard = np.flatnonzero(strength)
    title = N_(
        "{samples:,} samples, {ms:.1f} ms",
        samples=module.field,
        ms=1000 * module.field / rate,
    )
    drawn = Plane(
        extent=(-span - 0.5, 0.5 + 0.02 * span, -0.5, len(dilations) + 0.5),
        dots=(Dots(N_("what one sample hangs on"), np.array(dots, np.float32)),),
        title=N_(
            "The lowest {layers} layers see {samples:,} samples",
            layers=len(dilations),
            samples=span + 1,
        ),
        x_title=N_("samples ago"),
        y_title=N_("layer"),
        paths=np.array(edges, np.float32),
    )
    measured = Curve(
        (Line(N_("measured"), (heard + 1).astype(np.float32), strength[heard]),),
        x_title=N_("samples back"),
        y_title=N_("gradient of the logits"),
        log_x=True,
        log_y=True,
        caption=title,
    )
    yield Panels(
        (drawn, measured),
        across=1,
        caption=N_(
            "All {count} layers together see {samples:,} samples, {ms:.1f} ms. Below: how strongly "
            "the next sample depends on each of the last {measured:,}; {heard:,} have a gradient.",
            count=len(module.layers),
            samples=module.field,
            ms=1000 * module.field / rate,
            measured=len(strength),
            heard=len(heard),
        ),
    )


MOST_MEASURED = 2_000_000  # samples times layers times channels


def gradient_back(trained: Trained) -> Array:
    """|gradient| of the last logits in what entered k + 1 samples before, (n,).

    n goes beyond what it can see, but where the network is so large that this would take
    longer than a moment.
    """
    module, data = trained.module, trained.data
    numbers = len(module.layers) * trained.net.residual
    length = min(module.field, max(1024, MOST_MEASURED // numbers)) + 64
    real = data.held_out[:length] if len(data.held_out) else np.zeros(0, np.int16)
    values = np.resize(real / np.float32(FULL), length) if len(real) else np.zeros(length)
    codes = torch.from_numpy(module.output.encode(values))[None]
    with torch.enable_grad():
        entered = module.entered(codes).detach().requires_grad_(True)
        last = module.said(entered, torch.tensor([module.classes]))[0, -1]
        random = torch.randn(len(last), generator=torch.Generator().manual_seed(0))
        (found,) = torch.autograd.grad(last @ random, entered)
    strength: Array = found[0].norm(dim=1).flip(0).numpy()
    return strength


# --- what it expects


@dataclass(frozen=True)
class DistributionKnobs(OfSound):
    """Which stretch of which sound."""

    newest: bool = knob(
        True,
        N_("Of the newest sample"),
        live=True,
        help=N_("Off: of a held-out clip, or of your recording."),
    )
    start: float = knob(
        0.05, N_("From"), low=0.0, high=60.0, unit=N_("s"), live=True, help=N_("Where it begins.")
    )
    length: int = knob(
        160,
        N_("Samples"),
        low=16,
        high=1024,
        live=True,
        advanced=True,
        help=N_("So many in a row."),
    )


REAL_SOUND = N_("Each column is what the model expects of a sample that it has not seen yet.")
OWN_SOUND = N_(
    "Each column is what the model expects of a sample that it has not seen yet. It is told no "
    "class of a sample of its own, and takes a row of clips for one sound."
)


@torch.no_grad()
def distribution(trained: Trained, knobs: DistributionKnobs) -> Drawing:
    """The probability of each value, sample by sample, and the values that came."""
    module, rate = trained.module, trained.data.rate
    sample = trained.sample
    own = sample if knobs.newest and not knobs.recording else None
    if isinstance(own, Sound):
        values, label = own.samples, module.classes
    else:
        values, label = chosen(trained, knobs.clip, knobs.recording)
    first = max(0, min(round(knobs.start * rate), len(values) - knobs.length))
    values = values[: first + knobs.length]
    codes = module.output.encode(values)
    before = max(0, first - min(module.field, MOST_FIELD))
    line = np.concatenate([[module.start], codes])[before:-1]
    logits = module(torch.from_numpy(line)[None], torch.tensor([label]))[0, first - before :]
    yield None
    spread = module.output.spread(logits.numpy(), 1.0).astype(np.float32)
    steps = sounds.from_mu_law(np.arange(sounds.LEVELS))
    shown = Heatmap(
        np.ascontiguousarray(spread.T[::-1]),
        title=N_("What it expects"),
        x_title=N_("sample"),
        y_title=N_("value, by steps of mu-law"),
        value_title=N_("probability"),
        rows=tuple(f"{value:.3f}" for value in steps[::-1]),
        columns=tuple(str(first + at) for at in range(spread.shape[0])),
        low=0.0,
        root=True,
    )
    mean = spread @ steps
    came = Curve(
        (
            seconds_line(N_("what came"), values[first:], rate, first),
            seconds_line(N_("expected, in the mean"), mean, rate, first),
        ),
        x_title=N_("ms"),
        y_title=N_("value"),
    )
    yield Panels(
        (shown, came),
        across=1,
        weights=(2.0, 1.0),
        caption=OWN_SOUND if isinstance(own, Sound) else REAL_SOUND,
    )


# --- what surprises it


@torch.no_grad()
def surprise(trained: Trained, knobs: OfSound) -> Drawing:
    """Nats per sample along a real sound, below its waveform."""
    module, rate = trained.module, trained.data.rate
    values, label = chosen(trained, knobs.clip, knobs.recording)
    codes = module.output.encode(values)
    logits = yield from logits_along(module, codes, label)
    nats = module.output.nats(logits, torch.from_numpy(codes)).numpy()
    wide = max(1, min(len(nats), round(rate * WINDOW_SECONDS)))
    whole = len(nats) // wide * wide
    means = nats[:whole].reshape(-1, wide).mean(1)
    middles = (np.arange(len(means)) + 0.5) * np.float32(1000 * wide / rate)
    yield Panels(
        (
            Curve(
                (seconds_line(N_("sound"), values, rate),), x_title=N_("ms"), y_title=N_("value")
            ),
            Curve(
                (
                    seconds_line(N_("each sample"), nats, rate),
                    Line(N_("mean of 5 ms"), middles.astype(np.float32), means),
                ),
                x_title=N_("ms"),
                y_title=N_("nats"),
            ),
        ),
        across=1,
        caption=N_(
            "The higher, the less the model expected it: {nats:.2f} nats per sample in the mean.",
            nats=float(nats.mean()),
        ),
    )


WINDOW_SECONDS = 0.005


# --- how it learned


@dataclass(frozen=True)
class HearKnobs:
    """What is played at each step."""

    seconds: float = knob(1.0, N_("Length"), low=0.02, high=4.0, unit=N_("s"), live=True)
    clips: int = knob(6, N_("Steps"), low=2, high=12, live=True, help=N_("How many are compared."))
    label: int = knob(
        -1,
        N_("Class"),
        low=-2,
        high=9999,
        live=True,
        help=N_("Number of the class to play; -1 takes one after the other, -2 tells none."),
    )
    seed: int = knob(1, N_("Seed"), low=0, high=2**31 - 1, live=True)


def hear(trained: Trained, knobs: HearKnobs) -> Drawing:
    """The same seed at steps that were kept, and now."""
    then = trained.then
    earlier = [step for step in trained.kept if step < trained.step] if then else []
    picked = np.unique(np.linspace(0, len(earlier) - 1, knobs.clips - 1).round().astype(int))
    steps = [earlier[at] for at in picked] if earlier else []
    how = dataclasses.replace(
        trained.model.sample(), seconds=knobs.seconds, label=knobs.label, seed=knobs.seed
    )
    frames: list[Sound] = []
    names: list[str] = []
    for step in [*steps, trained.step]:
        model = trained if then is None or step == trained.step else then(step)
        sound = None
        for payload in trained.model.sampler(model, how, ()):
            yield None
            sound = payload if isinstance(payload, Sound) else sound
        assert sound is not None
        frames.append(dataclasses.replace(sound, next=None, levels=None))
        names.append(N_("step {step:,}", step=step))
        yield Film(
            tuple(frames),
            tuple(names),
            seconds=knobs.seconds,
            caption=N_("The same seed as the model was at each step: hear it learn."),
        )


# --- what the queues save


@dataclass(frozen=True)
class CostKnobs:
    """How long the pieces are."""

    longest: int = knob(
        256,
        N_("Longest"),
        low=16,
        high=1024,
        unit=N_("samples"),
        log=True,
        live=True,
        help=N_("With the queues it goes on to eight times as many."),
    )


@torch.no_grad()
def cost(trained: Trained, knobs: CostKnobs) -> Drawing:
    """Seconds for a piece against its length, with queues and with full recomputation."""
    longest = knobs.longest
    u = uniforms([1], 16 * longest).reshape(1, -1, 2)
    queues = streams(weights_of(trained.module), [trained.module.classes])
    ways: tuple[tuple[str, Streams, int, int], ...] = (
        (N_("with queues"), queues, 8 * longest, 256),
        (N_("all again each time"), Recomputed(trained.module), longest, 1),
    )
    lines: list[Line] = []
    for name, stream, most, chunk in ways:
        lengths, spent = [], []
        total, made, until = 0.0, 0, 8
        while made < most:
            count = min(until - made, most - made, chunk)
            codes = np.zeros((1, count), np.int64)
            begun = perf_counter()
            stream.run(codes, 0, u[:, made : made + count], 1.0)
            total += perf_counter() - begun
            made += count
            if made in (until, most):
                lengths.append(made)
                spent.append(total)
                until *= 2
            yield None
        lines.append(Line(name, np.array(lengths, np.float32), np.array(spent, np.float32)))
    rates = [float(line.x[-1] / line.y[-1]) for line in lines]
    yield Curve(
        tuple(lines),
        x_title=N_("samples"),
        y_title=N_("seconds"),
        log_x=True,
        log_y=True,
        caption=N_(
            "With queues {cached:,.0f} samples a second, without {plain:,.0f} at this length: the "
            "one line rises with the length, the other with its square until the network sees no "
            "further back.",
            cached=rates[0],
            plain=rates[1],
        ),
    )


class Recomputed:
    """One piece without queues: for each sample the network reads again all that it can see."""

    def __init__(self, module: Any, label: int | None = None) -> None:
        self.module = module
        self.labels = torch.tensor([module.classes if label is None else label])
        self.line = [module.start]
        self.logits = np.zeros((1, module.output.size), np.float32)

    @torch.no_grad()
    def run(self, codes: NDArray[np.int64], given: int, u: Any, temperature: float) -> None:
        """As `engine.layers.wavenet_queue.Streams`."""
        for at in range(codes.shape[1]):
            seen = torch.tensor([self.line[-self.module.field :]])
            self.logits = self.module(seen, self.labels)[:, -1].numpy()
            if at >= given:
                codes[:, at] = self.module.output.draw(self.logits, u[:, at], temperature)
            self.line.append(int(codes[0, at]))


# --- how errors add up


@dataclass(frozen=True)
class DriftKnobs:
    """How often it is measured."""

    pieces: int = knob(8, N_("Pieces"), low=1, high=32, live=True, help=N_("The mean is of these."))
    given: float = knob(
        0.1,
        N_("Given"),
        low=0.005,
        high=1.0,
        unit=N_("s"),
        live=True,
        help=N_("So much of each held-out clip is given, at most half of it."),
    )
    seed: int = knob(1, N_("Seed"), low=0, high=2**31 - 1, live=True)


DRIFT_SECONDS = 0.5


@torch.no_grad()
def drift(trained: Trained, knobs: DriftKnobs) -> Drawing:
    """Nats of what really came, given what really was, and given what the model went on with."""
    module, data = trained.module, trained.data
    part = held_out(data)
    order = np.argsort([-length for length in part.lengths], kind="stable")
    weights = weights_of(module)
    later = np.geomspace(2, max(3, round(DRIFT_SECONDS * data.rate)), 14).astype(int)
    edges = np.unique([0, 1, *later])
    sums = np.zeros((3, len(edges) - 1))
    counts = np.zeros(len(edges) - 1)
    for number in range(knobs.pieces):
        clip = int(order[number % len(order)])
        real = module.output.encode(part.clip(clip))
        given = min(round(knobs.given * data.rate), len(real) // 2)
        real = real[: given + round(DRIFT_SECONDS * data.rate)]
        label = min(int(data.held_out_labels[clip]), module.classes)
        u = uniforms([knobs.seed + number], 2 * len(real)).reshape(1, -1, 2)
        own = real.copy()[None]
        stream: Streams = streams(weights, [label])
        for first in range(0, len(real), 128):
            span = slice(first, first + 128)
            stream.run(own[:, span], max(0, given - first), u[:, span], 1.0)
            yield None
        of_real = yield from logits_along(module, real, label)
        of_own = yield from logits_along(module, own[0], label)
        targets = torch.from_numpy(real)
        rows = (
            module.output.nats(of_real, targets),
            module.output.nats(of_own, targets),
            module.output.nats(of_own, torch.from_numpy(own[0])),
        )
        for at, (low, high) in enumerate(itertools.pairwise(edges)):
            span = slice(given + low, given + high)
            count = len(real[span])
            counts[at] += count
            for row, nats in enumerate(rows):
                sums[row, at] += float(nats[span].sum())
    known = counts > 0
    middles = ((edges[:-1] + edges[1:] + 1) / 2 * (1000 / data.rate)).astype(np.float32)[known]
    names = (
        N_("what came, given what was"),
        N_("what came, given its own work"),
        N_("its own work"),
    )
    yield Curve(
        tuple(
            Line(name, middles, (row[known] / counts[known]).astype(np.float32))
            for name, row in zip(names, sums, strict=True)
        ),
        x_title=N_("ms since the last real sample"),
        y_title=N_("nats per sample"),
        log_x=True,
        caption=N_(
            "From the beginning of {pieces} held-out clips the model goes on by itself. The gap "
            "between the first two lines is what it has lost of the real sound; the third is how "
            "sure it was of what it made itself.",
            pieces=knobs.pieces,
        ),
    )


VIEWS = (
    View(
        "tree",
        N_("Dilation tree"),
        N_("Which samples one sample hangs on, layer by layer, and how far back that goes."),
        tree,
        TreeKnobs,
        every=5.0,
    ),
    View(
        "distribution",
        N_("What it expects"),
        N_("The distribution of each next sample along a stretch of sound."),
        distribution,
        DistributionKnobs,
        every=3.0,
    ),
    View(
        "surprise",
        N_("Surprise"),
        N_("Where in a real sound the model was surprised."),
        surprise,
        OfSound,
        every=4.0,
    ),
    View(
        "hear",
        N_("Hear it learn"),
        N_("The same seed at several steps of the training, to listen to."),
        hear,
        HearKnobs,
    ),
    View(
        "cost",
        N_("Queues on and off"),
        N_("What keeping the past saves, measured on this machine."),
        cost,
        CostKnobs,
    ),
    View(
        "drift",
        N_("Errors add up"),
        N_("How far the model is from a real sound when it goes on by itself."),
        drift,
        DriftKnobs,
    ),
)

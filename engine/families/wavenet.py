"""WaveNet: sound one sample after the other, each drawn from what came before.

    p(x) = prod_t p(x_t | x_1 ... x_{t-1})

A layer looks at two places only, now and d samples ago, and d doubles from layer to layer: so
ten layers see a thousand samples. Nothing looks ahead, so all samples of a clip are learned
from at once. Each layer has gates that decide how much of what it found goes on,

    z = tanh(F x) * sigmoid(G x),    x <- x + R z,    found <- found + S z,

and what all layers found is added up (the skip paths) and turned into a distribution over the
values of the next sample. A class is told to all gates.

van den Oord et al. 2016, arXiv:1609.03499; mixture of logistics: Salimans et al. 2017,
arXiv:1701.05517; queues: Le Paine et al. 2016, arXiv:1611.09482.
"""

import itertools
import json
import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine import family
from engine.data.sound import SoundData
from engine.data.sound_files import prime_of
from engine.family import Descent, Drawing, Model, Preset, Trained
from engine.knobs import as_dict, knob
from engine.layers import sounds, soundviews
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.muon import Muon
from engine.layers.sounds import Output
from engine.layers.wavenet_queue import streams, weights_of
from engine.payloads import Sound
from engine.phrases import N_
from engine.sampling import uniforms

# Shapes: N pieces, T samples, R residual, S skip channels, V numbers for a sample.


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape of the network."""

    doublings: int = knob(
        10,
        N_("Layers in a stack"),
        low=1,
        high=14,
        help=N_("Each looks twice as far back as the one below: n layers see 2 to the n samples."),
    )
    stacks: int = knob(
        1,
        N_("Stacks"),
        low=1,
        high=8,
        help=N_("On top of each other; each begins again with the nearest sample."),
    )
    residual: int = knob(
        32,
        N_("Residual channels"),
        low=4,
        high=128,
        help=N_("Numbers that go from layer to layer for each sample."),
    )
    skip: int = knob(
        64,
        N_("Skip channels"),
        low=4,
        high=256,
        advanced=True,
        help=N_("Numbers in which all layers add up what they found."),
    )
    output: str = knob(
        "mu-law, 256 values",
        N_("Output"),
        choices=tuple(sounds.OUTPUTS),
        help=N_(
            "How likely each value is: 256 steps that are fine where it is quiet, or ten bell "
            "curves over all 65,536 values, smoother and slower to learn."
        ),
    )
    labels: bool = knob(
        True,
        N_("Knows the classes"),
        help=N_("Told the class of each clip, it can be asked for one. Off: never told."),
    )


def receptive_field(net: NetKnobs) -> int:
    """How many samples before it a prediction can depend on: 1 + stacks (2^layers - 1)."""
    return 1 + int(net.stacks * (2**net.doublings - 1))


class Layer(nn.Module):
    """Gated units that look at now and at `dilation` samples ago.

    The last layer has no residual, as nothing comes above it.
    """

    def __init__(self, net: NetKnobs, classes: int, dilation: int, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.inner = nn.Linear(2 * net.residual, 2 * net.residual)
        self.tell = nn.Embedding(classes + 1, 2 * net.residual)
        self.outer = nn.Linear(net.residual, net.skip if last else net.residual + net.skip)
        nn.init.normal_(self.tell.weight)  # so large that no class is overheard

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, T, R) and (N,) to [residual, skip] (N, T, R + S), of the last layer (N, T, S)."""
        before = F.pad(x, (0, 0, self.dilation, 0))[:, : x.shape[1]]
        both = self.inner(torch.cat([before, x], dim=-1)) + self.tell(labels)[:, None]
        filters, gates = both.chunk(2, dim=-1)
        out: Tensor = self.outer(torch.tanh(filters) * torch.sigmoid(gates))
        return out


class WaveNet(nn.Module):
    """Codes of samples and a class to what may come after each.

    classes: how many it can be told; label number `classes` is "no class".
    start: the code that stands for the start of a clip.
    """

    def __init__(self, net: NetKnobs, data: SoundData) -> None:
        super().__init__()
        self.net = net
        self.output = sounds.OUTPUTS[net.output]
        self.classes = _classes(data, net)
        self.start = self.output.codes
        self.field = receptive_field(net)
        dilations = [2**n for n in range(net.doublings)] * net.stacks
        self.enter = nn.Embedding(sounds.LEVELS + 1, net.residual)
        self.slope = nn.Parameter(torch.zeros(net.residual))
        self.layers = nn.ModuleList(
            Layer(net, self.classes, dilation, last=at == len(dilations) - 1)
            for at, dilation in enumerate(dilations)
        )
        self.hidden = nn.Linear(net.skip, net.skip)
        self.leave = nn.Linear(net.skip, self.output.size)
        # Values that are near each other begin with codes that are near each other.
        waves = torch.arange(sounds.LEVELS)[:, None] * torch.arange(1, net.residual + 1)
        with torch.no_grad():
            self.enter.weight[:-1] = torch.cos(waves * (math.pi / sounds.LEVELS))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        row, rest = self.output.steps()
        self.row = torch.from_numpy(np.append(row, sounds.LEVELS))
        self.rest = torch.from_numpy(np.append(rest, np.float32(0)))

    def entered(self, codes: Tensor) -> Tensor:
        """Codes (N, T) to what enters the first layer, (N, T, R)."""
        x: Tensor = self.enter(self.row[codes])
        if self.output.deep:  # the value lies between two steps of the table
            x = x + self.rest[codes][..., None] * self.slope
        return x

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Samples (N, T) and classes (N,) to the logits (N, T, V) of the sample after each."""
        return self.said(self.entered(codes), labels)

    def said(self, x: Tensor, labels: Tensor) -> Tensor:
        """As `forward`, from what enters the first layer, (N, T, R)."""
        found: list[Tensor] = []
        for layer in self.layers:
            out = layer(x, labels)
            found.append(out[..., -self.net.skip :])
            if out.shape[-1] > self.net.skip:
                x = x + out[..., : -self.net.skip]
        total = F.relu(torch.stack(found).sum(0))
        logits: Tensor = self.leave(F.relu(self.hidden(total)))
        return logits


def _classes(data: SoundData, net: NetKnobs) -> int:
    return len(data.classes) if net.labels else 0


# --- training


@dataclass(frozen=True)
class TrainKnobs(family.TrainKnobs):
    """How it is trained."""

    learning_rate: float = knob(
        0.01,
        N_("Learning rate"),
        low=1e-6,
        high=1.0,
        log=True,
        live=True,
        help=N_("How far each step goes. Too high and the loss jumps, too low and it crawls."),
    )
    batch: int = knob(2, N_("Batch size"), low=1, high=64, help=N_("Windows in one step."))
    warm_up: int = knob(
        20,
        N_("Warm-up"),
        low=0,
        high=100_000,
        unit=N_("steps"),
        advanced=True,
        help=N_("The learning rate climbs to its value over these first steps."),
    )
    window: int = knob(
        1024,
        N_("Window"),
        low=64,
        high=16_384,
        unit=N_("samples"),
        help=N_("Samples in a row that are learned from at once, each from those before it."),
    )
    drop_label: float = knob(
        0.1,
        N_("Labels left out"),
        low=0.0,
        high=1.0,
        live=True,
        advanced=True,
        help=N_("This share learns without its class, so that it can play of none as well."),
    )
    noise: float = knob(
        10.0,
        N_("Noise on what it reads"),
        low=0.0,
        high=32.0,
        unit=N_("steps"),
        live=True,
        advanced=True,
        help=N_(
            "Deviation, in steps of mu-law, of what is added to the past (not to what is to come): "
            "so it learns to go on from its own small errors."
        ),
    )
    average: float = knob(
        0.995,
        N_("Weight averaging"),
        low=0.0,
        high=0.9999,
        advanced=True,
        live=True,
        help=N_("Samples and held-out loss use a running average of the weights; 0: the newest."),
    )
    optimiser: str = knob(
        "Muon",
        N_("Optimiser"),
        choices=("Muon", "AdamW"),
        advanced=True,
        help=N_("Muon makes each step equally long in all directions of a weight matrix."),
    )


STARTS = 0.5  # share of the windows that begin where a clip does


class Batch(NamedTuple):
    """read: (N, T), what is read; codes: (N, T), the sample after each; labels: (N,)."""

    read: Tensor
    codes: Tensor
    labels: Tensor


def build(net: NetKnobs, data: SoundData) -> WaveNet:
    """A new network for the classes of `data`."""
    return WaveNet(net, data)


def optimise(module: WaveNet, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """Muon on the matrices inside, AdamW on the rest (biases, classes, first and last layer).

    The classes learn faster: but for the start of a clip little depends on them.
    """
    inside = [
        layer.weight
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) and name != "leave"
    ]
    muon = inside if train.optimiser == "Muon" else []
    told = [layer.weight for name, layer in module.named_modules() if name.endswith("tell")]
    taken = {id(parameter) for parameter in (*muon, *told)}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in taken]
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": told, "scale": 3.0}]
    adam = torch.optim.AdamW(groups, lr=train.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    return {"all": [adam, Muon(muon, lr=train.learning_rate)] if muon else [adam]}


def batch(data: SoundData, net: NetKnobs, train: TrainKnobs, random: torch.Generator) -> Batch:
    """Windows at random places, each with the class of its clip, mostly.

    Many begin where their clip does, as it is there that the class decides; a window may end up
    to half a window after its clip, where it is silent: so a piece learns to begin and to end.
    What is read has noise. A clean past would tell the pitch better than the class does, and a
    piece that began a little wrong would go on as another class.
    """
    at = torch.randint(len(data.train), (train.batch,), generator=random).numpy()
    clips = np.searchsorted(data.train_starts, at, side="right") - 1
    places = np.maximum(at - data.train_starts[clips] - train.window // 2, 0)
    places[(torch.rand(train.batch, generator=random) < STARTS).numpy()] = 0
    part, output = sounds.Part(data.train, data.train_starts), sounds.OUTPUTS[net.output]
    codes = sounds.windows(part, output, clips, places, train.window)
    read = _noised(codes[:, :-1], output, train.noise, random)
    dropped = torch.rand(train.batch, generator=random) < train.drop_label
    labels = _labels(data.train_labels[clips], data, net)
    return Batch(read, codes[:, 1:], labels.masked_fill(dropped, _classes(data, net)))


def _noised(codes: Tensor, output: Output, noise: float, random: torch.Generator) -> Tensor:
    """Codes with so many steps of mu-law of noise, but for the start of a clip."""
    added = torch.randn(codes.shape, generator=random).numpy() * (noise * 2 / sounds.MU)
    if not noise:
        return codes
    known = codes.clamp(max=output.codes - 1).numpy()
    moved = output.encode(sounds.expanded(sounds.compressed(output.decode(known)) + added))
    return torch.where(codes == output.codes, codes, torch.from_numpy(moved))


def _labels(labels: Any, data: SoundData, net: NetKnobs) -> Tensor:
    return torch.from_numpy(labels).clamp(max=_classes(data, net))


def step(module: WaveNet, batch: Batch, train: TrainKnobs) -> Iterator[Descent]:
    """-log p of each sample given those before it in its window, in nats per sample."""
    logits = module(batch.read, batch.labels)
    yield Descent(module.output.nats(logits, batch.codes).mean())


PIECE = 1024  # samples between two safe points
MOST_CONTEXT = 8192


@torch.no_grad()
def evaluate(
    module: WaveNet, data: SoundData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per sample, each sample scored once and given all that the network can see.

    (At most `MOST_CONTEXT` samples before it.) With `most`, pieces from all over the held-out
    part, always the same.
    """
    part = sounds.Part(data.held_out, data.held_out_starts)
    pieces = [
        (clip, place, min(PIECE, length - place))
        for clip, length in enumerate(part.lengths)
        for place in range(0, length, PIECE)
    ]
    if most is not None:
        pieces = [pieces[at] for at in np.random.default_rng(0).permutation(len(pieces))]
    total, scored = 0.0, 0
    for clip, place, length in pieces:
        if most is not None and scored >= most:
            break
        first = max(0, place - min(module.field, MOST_CONTEXT))
        codes = sounds.windows(
            part, module.output, np.array([clip]), np.array([first]), place + length - first
        )
        logits = module(codes[:, :-1], _labels(data.held_out_labels[[clip]], data, net))
        total += float(module.output.nats(logits[:, -length:], codes[:, -length:]).sum())
        scored += length
        yield
    return {"held_out": total / scored}


def units(data: SoundData) -> Mapping[str, float]:
    """Nats per sample as the loss has it, and bits."""
    bits = 1 / math.log(2)
    return {
        N_("nats per sample"): 1.0,
        N_("bits per sample"): bits,
        N_("kilobits per second"): bits * data.rate / 1000,
    }


# --- sampling

IN_TURN, NO_CLASS = -1, -2


@dataclass(frozen=True)
class SampleKnobs:
    """How to make a sound."""

    seconds: float = knob(
        4.0,
        N_("Length"),
        low=0.02,
        high=120.0,
        unit=N_("s"),
        live=True,
        help=N_("What is made, without what is given."),
    )
    temperature: float = knob(
        0.7,
        N_("Temperature"),
        low=0.0,
        high=2.0,
        live=True,
        help=N_("Below 1 is purer, above 1 noisier; 0 always takes the likeliest."),
    )
    label: int = knob(
        IN_TURN,
        N_("Class"),
        low=NO_CLASS,
        high=9999,
        live=True,
        help=N_("Number of the class to play; -1 takes one after the other, -2 tells none."),
    )
    seed: int = knob(
        1,
        N_("Seed"),
        low=0,
        high=2**31 - 1,
        live=True,
        help=N_("The same seed and settings make the same sound."),
    )
    prime: str = knob(
        "",
        N_("Own beginning"),
        file="sound",
        live=True,
        help=N_("A recording that the model goes on from."),
    )
    clip: int = knob(
        -1,
        N_("Beginning from clip"),
        low=-1,
        high=99_999,
        live=True,
        advanced=True,
        help=N_("Number of a held-out clip to go on from; -1: from nothing."),
    )
    prime_seconds: float = knob(
        0.25,
        N_("Of the beginning"),
        low=0.01,
        high=10.0,
        unit=N_("s"),
        live=True,
        advanced=True,
        help=N_("So much of the recording or the clip is given."),
    )


SHOW_SECONDS = 0.05
SAFE_SECONDS = 0.012
NOISE_UNTIL = 150
PIECES = itertools.count(1)


@torch.no_grad()
def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Make a sound sample by sample; yields the `Sound` as it grows, 20 times a second.

    Where the data come in clips the piece is a row of them, each from its own start, as long
    as they are in the mean. With a given beginning it is one clip that goes on.
    """
    module, rate, weights = trained.module, trained.data.rate, weights_of(trained.module)
    given, label = beginning(trained, knobs)
    total = len(given) + max(1, round(knobs.seconds * rate))
    turn = total if len(given) else turn_of(trained.data)
    buffer = np.zeros(total, np.float32)
    codes = np.zeros((1, total), np.int64)
    codes[0, : len(given)] = given
    u = uniforms([knobs.seed], 2 * total).reshape(1, total, 2)
    levels = sounds.from_mu_law(np.arange(sounds.LEVELS))
    piece, made, spent, shown, chunk = next(PIECES), 0, 0.0, -math.inf, 64
    settings = json.dumps(
        {
            "model": trained.model.key,
            "data": trained.data.key,
            "step": trained.step,
            "net": as_dict(trained.net),
            "sample": as_dict(knobs),
        }
    )
    while made < total:
        begun = perf_counter()
        if made % turn == 0:
            stream = streams(weights, [label_of(module, label, made // turn)])
        end = min(made + chunk, total, (made // turn + 1) * turn)
        span = slice(made, end)
        stream.run(codes[:, span], max(0, len(given) - made), u[:, span], knobs.temperature)
        buffer[span] = module.output.decode(codes[0, span])
        now = perf_counter()
        spent += now - begun
        chunk = max(16, round((end - made) * SAFE_SECONDS / max(now - begun, 1e-6)))
        made = end
        if made < total and now - shown < SHOW_SECONDS:
            yield None
            continue
        shown = now
        yield Sound(
            buffer[:made],
            rate,
            caption=_caption(trained.step),
            piece=piece,
            expected=total,
            per_second=made / max(spent, 1e-9),
            given=min(len(given), made),
            spectrogram=True,
            next=module.output.spread(stream.logits[0], knobs.temperature).astype(np.float32),
            levels=levels,
            settings=settings,
        )


def _caption(step: int) -> str:
    if step >= NOISE_UNTIL:
        return ""
    return N_(
        "Noise is normal at first: this is step {step}, and until about step {until} little else "
        "is to be heard.",
        step=step,
        until=NOISE_UNTIL,
    )


def turn_of(data: SoundData) -> int:
    """Samples in a clip, in the mean."""
    return max(64, round(data.counts[0] / max(1, data.clips[0])))


def label_of(module: WaveNet, label: int, turn: int) -> int:
    """The class of a turn, as the network is told it."""
    if not module.classes or label == NO_CLASS:
        return module.classes
    return turn % module.classes if label == IN_TURN else min(label, module.classes - 1)


def beginning(trained: Trained, knobs: SampleKnobs) -> tuple[NDArray[np.int64], int]:
    """Codes (n,) of what is given, and the label as in the knobs, or that of the given clip."""
    module, data = trained.module, trained.data
    most = max(1, round(knobs.prime_seconds * data.rate))
    if knobs.prime:
        values = prime_of(knobs.prime, data.rate, knobs.prime_seconds)[:most]
        label = NO_CLASS if knobs.label == IN_TURN else knobs.label
        return module.output.encode(values), label
    if knobs.clip < 0:
        return np.empty(0, np.int64), knobs.label
    part = soundviews.held_out(data)
    clip = knobs.clip % len(part.lengths)
    label = int(data.held_out_labels[clip]) if knobs.label == IN_TURN else knobs.label
    return module.output.encode(part.clip(clip)[:most]), label


MODEL = Model(
    key="wavenet",
    title=N_("WaveNet"),
    summary=N_("Dilated convolutions over a sound: each sample is drawn from those before it."),
    papers=("van den Oord et al. 2016, arXiv:1609.03499", "Le Paine et al. 2016, arXiv:1611.09482"),
    accepts="sound",
    data="notes",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(seconds=1.0),
    presets=(
        Preset(
            "default",
            N_("Small and quick"),
            N_("10 layers that see 1,024 samples: notes within a minute or two."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=3000),
        ),
        Preset(
            "minute",
            N_("One minute"),
            N_("The same network, scheduled for a minute on one core."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=60.0),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("The same network, scheduled for three minutes on one core."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=180.0),
        ),
        Preset(
            "deep",
            N_("Deep"),
            N_(
                "30 layers in three stacks, as in the paper: sees 3,070 samples, and learns slowly."
            ),
            NetKnobs(doublings=10, stacks=3),
            with_defaults(TrainKnobs, steps=4000, learning_rate=5e-3, window=2048),
        ),
        Preset(
            "deep-sound",
            N_("16 bit"),
            N_("A mixture of logistics over 65,536 values: no hiss of steps, but slower to learn."),
            NetKnobs(output="mixture of logistics, 16 bit"),
            with_defaults(TrainKnobs, steps=0, seconds=180.0),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    units=units,
    views=soundviews.VIEWS,
    health=(OVERFITTING, PLATEAU),
    aside=0.1,  # a sound that changes is what one listens to
)

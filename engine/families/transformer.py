"""The decoder-only Transformer: every character looks back at all before it.

A block adds two things to each position's vector x: what attention gathers from
other positions, and what a small network makes of the sum (pre-norm: each works
on a normalised copy, so the vector itself passes through untouched):

    q, k, v = W_q n(x), W_k n(x), W_v n(x)            n: layer normalisation
    a = softmax(q k^T / sqrt(d) + mask)               a_ij: how much i attends to j
    x = x + W_o (a v)
    x = x + W_2 relu(W_1 n(x))^2

The mask is -infinity where j > i: without it a position would see the very
character that it is to predict. Order enters either by rotating q and k by an
angle that grows with the position, so that q.k depends on the distance, or by a
learned vector for each position.

Keys and values of what is read already do not change, so sampling keeps them
(the cache) and computes one position per token instead of all.

Vaswani et al. 2017, arXiv:1706.03762; pre-norm: Xiong et al. 2020,
arXiv:2002.04745; rotary positions: Su et al. 2021, arXiv:2104.09864; squared
ReLU: So et al. 2021, arXiv:2109.08668; normalised q, k: Henry et al. 2020,
arXiv:2010.04245.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.text import TextData
from engine.family import Drawing, Model, Preset, Trained, TrainKnobs, View
from engine.knobs import knob
from engine.layers import language
from engine.layers.attending import Block, rotation
from engine.layers.blocks import norm
from engine.layers.compiling import Background
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import (
    NGramEmbedding,
    OverText,
    TextSampleKnobs,
    passage,
    with_defaults,
)
from engine.layers.tunes import LISTEN
from engine.payloads import Curve, Heatmap, Heatmaps, Line, Tokens
from engine.phrases import N_, PlaygroundError

if TYPE_CHECKING:
    from engine.layers.attention_step import CompiledStep

# Shapes: B batch, T tokens, H heads, D width of a head, C = H * D width.


@dataclass(frozen=True)
class NetKnobs:
    """Size and shape of the Transformer."""

    layers: int = knob(3, N_("Layers"), low=1, high=12, help=N_("Blocks on top of each other."))
    heads: int = knob(
        4, N_("Heads"), low=1, high=16, help=N_("Attentions side by side in each block.")
    )
    head_width: int = knob(
        16,
        N_("Width of a head"),
        low=4,
        high=128,
        help=N_("Heads times this is the width of the network. Even for rotary positions."),
    )
    context: int = knob(
        64,
        N_("Context"),
        low=4,
        high=1024,
        unit=N_("tokens"),
        help=N_("How far back it can look."),
    )
    positions: str = knob(
        "rotary",
        N_("Positions"),
        choices=(N_("rotary"), N_("learned")),
        help=N_("Rotary: by turning queries and keys. Learned: a vector for each place."),
    )
    causal: bool = knob(
        True,
        N_("Causal mask"),
        help=N_("Off lets every character see the next one: watch the loss, then the samples."),
    )
    ngrams: int = knob(
        8192,
        N_("N-gram slots"),
        low=0,
        high=65_536,
        advanced=True,
        help=N_("A table for pairs and triples of tokens: learns spelling at once. 0: none."),
    )
    dropout: float = knob(
        0.0,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("The share of values that is left out at random while training."),
    )

    @property
    def width(self) -> int:
        """C, the width of the network."""
        return self.heads * self.head_width


@dataclass(frozen=True)
class SampleKnobs(TextSampleKnobs):
    """How to draw a text."""

    cache: bool = knob(
        True,
        N_("Key/value cache"),
        live=True,
        help=N_("Keeps keys and values of what is read. Off computes all again for each token."),
    )


class Transformer(nn.Module):
    """Embedding, blocks, and a linear map to the logits."""

    turn: Tensor

    def __init__(self, net: NetKnobs, vocabulary: int) -> None:
        super().__init__()
        self.net = net
        self.embed = NGramEmbedding(vocabulary, net.width, net.ngrams)
        self.learned = (
            nn.Parameter(torch.randn(net.context, net.width) * 0.1)
            if net.positions == "learned"
            else None
        )
        self.register_buffer("turn", rotation(net.context, net.head_width), persistent=False)
        self.blocks = nn.ModuleList(Block(net) for _ in range(net.layers))
        self.head = nn.Linear(net.width, vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)

    def start(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the vectors (B, T, C) that enter the first block."""
        x = self.embed(tokens)
        if self.learned is not None:
            x = x + self.learned[: tokens.shape[1]]
        return norm(x)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T), T at most the context, to logits (B, T, vocabulary)."""
        x = self.start(tokens)
        turn = self.turn[:, : tokens.shape[1]]
        for block in self.blocks:
            x = block(x, turn)
        logits: Tensor = self.head(norm(x))
        return logits

    def attention(self, tokens: Tensor) -> Tensor:
        """The attention weights of every block: (layers, B, H, T, T)."""
        x = self.start(tokens)
        turn = self.turn[:, : tokens.shape[1]]
        weights = []
        for block in self.blocks:
            assert isinstance(block, Block)
            x, seen = block.attend(x, turn)
            weights.append(seen)
        return torch.stack(weights)

    def decoder(self, cache: bool = True) -> "WindowDecoder":
        """A decoder at the start of a text.

        Without the mask there is nothing to cache: each new token changes the keys and
        values of all before it.
        """
        if not (cache and self.net.causal):
            return WindowDecoder(self)
        compiled = COMPILED.get()
        return CompiledDecoder(self, compiled) if compiled else CachedDecoder(self)


class WindowDecoder:
    """Computes the whole window again for every token.

    When the window is full it starts over with its newer half, so that the cached
    decoder can do the same without its past becoming a different one.
    """

    def __init__(self, module: Transformer) -> None:
        self.module = module
        self.window: list[int] = []

    def slide(self, tokens: list[int]) -> bool:
        """Add `tokens` to the window. Whether older ones had to leave."""
        context = self.module.net.context
        if len(self.window) + len(tokens) <= context:
            self.window = self.window + tokens
            return False
        # As if the tokens had come one by one.
        for token in tokens:
            if len(self.window) == context:
                self.window = self.window[-(context // 2) :]
            self.window = [*self.window, token]
        return True

    @torch.no_grad()
    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Read `tokens`; the logits (vocabulary,) of the next one."""
        self.slide(tokens)
        logits: NDArray[np.float32] = self.module(torch.tensor([self.window]))[0, -1].numpy()
        return logits


class CachedDecoder(WindowDecoder):
    """Keeps each block's keys and values, and computes only what is new."""

    def __init__(self, module: Transformer) -> None:
        super().__init__(module)
        net = module.net
        shape = (net.layers, 2, 1, net.heads, net.context, net.head_width)
        self.past = torch.empty(shape)

    @torch.no_grad()
    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Read `tokens`; the logits (vocabulary,) of the next one."""
        known = 0 if self.slide(tokens) else len(self.window) - len(tokens)
        x = self.start(known)
        end = len(self.window)
        turn = self.module.turn[:, known:end]
        # A single query may look at everything there is; several need the mask.
        mask = None
        if end - known > 1:
            mask = torch.ones(end - known, end, dtype=torch.bool).tril(known)
        for block, past in zip(self.module.blocks, self.past, strict=True):
            assert isinstance(block, Block)
            q, past[0, :, :, known:end], past[1, :, :, known:end] = block.project(x, turn)
            k, v = past[0, :, :, :end], past[1, :, :, :end]
            x = block.merge(x, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        logits: NDArray[np.float32] = self.module.head(norm(x[0, -1])).numpy()
        return logits

    def start(self, known: int) -> Tensor:
        """What enters the first block for the tokens from `known` on."""
        first = max(0, known - 2)  # the embedding looks two tokens back
        x: Tensor = self.module.embed(torch.tensor([self.window[first:]]))[:, known - first :]
        if self.module.learned is not None:
            x = x + self.module.learned[known : len(self.window)]
        return norm(x)


def _compile() -> "type[CompiledStep]":
    from engine.layers import attention_step

    attention_step.warm_up()
    return attention_step.CompiledStep


COMPILED = Background(_compile)


class CompiledDecoder(WindowDecoder):
    """The cache again, with the whole step as one compiled function."""

    def __init__(self, module: Transformer, compiled: "type[CompiledStep]") -> None:
        super().__init__(module)
        self.step = compiled(module)

    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Read `tokens`; the logits (vocabulary,) of the next one."""
        known = 0 if self.slide(tokens) else len(self.window) - len(tokens)
        for place in range(known, len(self.window)):
            logits = self.step(self.window, place)
        return logits


def check(data: TextData, net: NetKnobs) -> None:
    """Refuse an odd head with rotary positions, and a text too short for the context."""
    if net.positions == "rotary" and net.head_width % 2:
        raise PlaygroundError(
            N_(
                "a head cannot be {width} wide with rotary positions: an even width is accepted, "
                "or learned positions",
                width=net.head_width,
            )
        )
    language.check(data, net)


def build(net: NetKnobs, data: TextData) -> Transformer:
    """A new network for the vocabulary of `data`."""
    return Transformer(net, data.tokeniser.size)


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101); the tables learn faster."""
    tables = [p for name, p in module.named_parameters() if name.startswith("embed")]
    rest = [p for name, p in module.named_parameters() if not name.startswith("embed")]
    return {
        "all": [
            torch.optim.AdamW(
                [
                    {"params": rest, "weight_decay": 0.05},
                    {"params": tables, "weight_decay": 0.0, "scale": 2.0},
                ],
                lr=train.learning_rate,
                betas=(0.9, 0.98),
                fused=True,
            )
        ]
    }


LEAK = N_(
    "Trained without the mask: while training, each character sees the next one and learns to "
    "copy it. The loss falls to nearly nothing, but when the text is drawn there is no next "
    "character to copy, and nonsense comes out."
)


def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draw a text; one from a network without the mask says why it is nonsense."""
    for payload in language.sampler(trained, knobs, keep):
        if isinstance(payload, Tokens) and not trained.net.causal:
            yield replace(payload, caption=LEAK)
        else:
            yield payload


# --- views


def attention_view(trained: Trained, knobs: OverText) -> Drawing:
    """The attention weights of every layer and head over the text."""
    ids, labels = passage(trained, knobs.text, min(knobs.length, trained.net.context))
    with torch.no_grad():
        weights = trained.module.attention(torch.tensor([ids]))[:, 0].numpy()
    yield None
    yield Heatmaps(
        tuple(
            Heatmap(
                weights[layer, head],
                title=N_("layer {layer}, head {head}", layer=layer + 1, head=head + 1),
                x_title=N_("attends to"),
                y_title=N_("character"),
                value_title=N_("weight"),
                rows=labels,
                columns=labels,
                low=0.0,
                high=1.0,
                root=True,
            )
            for layer in range(trained.net.layers)
            for head in range(trained.net.heads)
        ),
        across=trained.net.heads,
        caption=N_("Each row is a character and sums to 1: where it looks, from left (oldest)."),
    )


def mask_view(trained: Trained, knobs: OverText) -> Drawing:
    """Which positions may look at which."""
    ids, labels = passage(trained, knobs.text, min(knobs.length, trained.net.context, 32))
    size = len(ids)
    mask = np.ones((size, size), dtype=np.float32)
    if trained.net.causal:
        mask = np.tril(mask)
    yield Heatmap(
        mask,
        title=N_("Mask"),
        x_title=N_("may look at"),
        y_title=N_("character"),
        value_title=N_("1: seen, 0: hidden"),
        rows=labels,
        columns=labels,
        low=0.0,
        high=1.0,
        caption=LEAK
        if not trained.net.causal
        else N_("Each character sees itself and what came before. Nobody sees the future."),
    )


@dataclass(frozen=True)
class SpeedKnobs:
    """How long a text to draw."""

    length: int = knob(
        256, N_("Length"), low=16, high=1024, unit=N_("tokens"), live=True, help=N_("Tokens drawn.")
    )


def speed_view(trained: Trained, knobs: SpeedKnobs) -> Drawing:
    """Milliseconds for each token, with the cache and without, as measured now."""
    lines, rates = [], []
    length = min(knobs.length, trained.net.context)
    tokens = [int(token) for token in trained.data.held_out[:length]]
    if len(tokens) < length:
        tokens = (tokens or [0]) * length
    for cache, name in ((True, N_("with the cache")), (False, N_("all again each time"))):
        decoder = trained.module.decoder(cache)
        times = []
        for token in tokens[:length]:
            begun = time.perf_counter()
            decoder.feed([token])
            times.append(time.perf_counter() - begun)
            yield None
        place = np.arange(1, length + 1, dtype=np.float32)
        lines.append(Line(name, place, np.asarray(times, dtype=np.float32) * 1e3))
        rates.append(length / sum(times))
    yield Curve(
        tuple(lines),
        x_title=N_("tokens read so far"),
        y_title=N_("milliseconds for the next token"),
        log_y=True,
        caption=N_(
            "With the cache {cached:,.0f} tokens a second, without {plain:,.0f}: "
            "{times:.1f} times as many.",
            cached=rates[0],
            plain=rates[1],
            times=rates[0] / rates[1],
        )
        if trained.net.causal
        else N_(
            "Without the mask both are the same: each new character changes the keys and values "
            "of all before it, so there is nothing to keep."
        ),
    )


MODEL = Model(
    key="transformer",
    title=N_("Transformer"),
    summary=N_("A small GPT: attention over all earlier characters, block upon block."),
    papers=("Vaswani et al. 2017, arXiv:1706.03762", "Su et al. 2021, arXiv:2104.09864"),
    accepts="text",
    data="python-docs",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(length=160),
    presets=(
        Preset(
            "default",
            N_("Small and quick"),
            N_("3 layers of 4 heads, 64 wide: readable words within half a minute."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=3000, learning_rate=4e-3),
        ),
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core."),
            NetKnobs(layers=3, heads=4, head_width=24, context=64),
            with_defaults(TrainKnobs, steps=0, seconds=60.0, learning_rate=4e-3),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            NetKnobs(layers=3, heads=4, head_width=24, context=96, ngrams=16384),
            with_defaults(TrainKnobs, steps=0, seconds=180.0, learning_rate=6e-3, average=0.995),
        ),
        Preset(
            "nanogpt",
            N_("nanoGPT's small configuration"),
            N_("4 layers, 4 heads, 128 wide, context 64, batch 12: for comparison."),
            NetKnobs(layers=4, heads=4, head_width=32, context=64, positions="learned", ngrams=0),
            with_defaults(TrainKnobs, steps=2000, learning_rate=1e-3, batch=12, warm_up=100),
        ),
        Preset(
            "leak",
            N_("Without the mask"),
            N_("Every character sees the next one: the loss looks perfect, the text does not."),
            NetKnobs(causal=False),
            with_defaults(TrainKnobs, steps=1000, learning_rate=4e-3),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=language.batch,
    step=language.step,
    evaluate=language.evaluate,
    sampler=sampler,
    views=(
        View(
            key="attention",
            title=N_("Attention"),
            caption=N_("Where each character looks, for every layer and head."),
            make=attention_view,
            knobs=OverText,
            every=1.5,
        ),
        View(
            key="mask",
            title=N_("Mask"),
            caption=N_("Which characters each one may see."),
            make=mask_view,
            knobs=OverText,
            every=5.0,
        ),
        View(
            key="speed",
            title=N_("Cache on and off"),
            caption=N_("What keeping keys and values saves, measured on this machine."),
            make=speed_view,
            knobs=SpeedKnobs,
        ),
        LISTEN,
    ),
    check=check,
    units=language.units,
    health=(OVERFITTING, PLATEAU),
)

"""An LSTM that reads and an LSTM that writes, with attention between them.

Before the Transformer this was how one translated. The encoder reads the source from both ends;
the decoder writes one token after the other, and before each it looks back at the source:

    s_t = LSTM(y_{t-1}, a_{t-1}; s_{t-1})
    w_tj = softmax_j(s_t W m_j)            how much it looks at token j of the source
    a_t = tanh(W_a [sum_j w_tj m_j, s_t])  and from that the next token

Its state is of one size however long the target is, so there is nothing to cache; but while it
learns, too, every place has to wait for the one before.

Luong et al. 2015, arXiv:1508.04025, section 3 (general score, input feeding); encoder from both
ends: Bahdanau et al. 2015, arXiv:1409.0473.
"""

import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.pairs import PAD, PairData
from engine.family import Descent, Model, Preset, TrainKnobs
from engine.knobs import knob
from engine.layers import pairviews
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.layers.translating import (
    Pairs,
    Way,
    Written,
    batch,
    begun,
    ended,
    held_out,
    optimise,
    sensitivity,
    units,
)
from engine.layers.writing import Next, beam, greedy
from engine.phrases import N_


@dataclass(frozen=True)
class NetKnobs:
    """Size of both LSTMs."""

    width: int = knob(
        96,
        N_("Width"),
        low=4,
        high=1024,
        unit=N_("units"),
        help=N_("Units of the decoder; the encoder has half as many in each direction."),
    )
    dropout: float = knob(
        0.0,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("The share of values that is left out at random while training."),
    )


@dataclass(frozen=True)
class SampleKnobs(TranslateKnobs):
    """How to write."""

    beams: int = knob(
        1,
        N_("Beams"),
        low=1,
        high=8,
        live=True,
        help=N_(
            "Beginnings that are followed at once; the best is the likeliest for its length. "
            "1 takes the likeliest token at each place."
        ),
    )


class State:
    """Where the decoder is, for B rows: what it fed itself, hidden and cell state, each (B, C)."""

    def __init__(self, fed: Tensor, hidden: Tensor, cell: Tensor) -> None:
        self.fed, self.hidden, self.cell = fed, hidden, cell

    def rows(self, which: Tensor) -> "State":
        """Of these rows (indices, which may repeat)."""
        return State(self.fed[which], self.hidden[which], self.cell[which])


class LSTMTranslator(nn.Module):
    """Two LSTMs and the attention between them."""

    def __init__(self, net: NetKnobs, data: PairData) -> None:
        super().__init__()
        width = net.width
        half = max(1, width // 2)
        self.width, self.longest = width, data.longest[1]
        self.embed_source = nn.Embedding(data.sources.size, width)
        self.embed = nn.Embedding(data.targets.size, width)
        self.forwards = nn.LSTM(width, half, batch_first=True)
        self.backwards = nn.LSTM(width, half, batch_first=True)
        self.bridge = nn.Linear(2 * half, 2 * width)
        self.writer = nn.LSTMCell(2 * width, width)
        self.score = nn.Linear(2 * half, width, bias=False)
        self.gather = nn.Linear(2 * half + width, width, bias=False)
        self.dropout = nn.Dropout(net.dropout)
        self.head = nn.Linear(width, data.targets.size)

    def read(self, sources: Tensor) -> tuple[Tensor, Tensor, State]:
        """What both directions make of the sources (B, S): (B, S, 2 half), which of it is no
        padding (B, S), and the state to begin with.

        Padding stands at the end; from the back it is left out by turning each source around
        within its own length.
        """
        there = sources != PAD
        length = there.sum(1, keepdim=True)
        place = torch.arange(sources.shape[1]).expand_as(sources)
        turned = torch.where(there, length - 1 - place, place)
        x = self.dropout(self.embed_source(sources))
        wide = turned[..., None]
        onward, _ = self.forwards(x)
        back, _ = self.backwards(x.gather(1, wide.expand_as(x)))
        back = back.gather(1, wide.expand_as(back))
        memory = torch.cat([onward, back], -1) * there[..., None]
        mean = memory.sum(1) / length
        hidden, cell = self.bridge(mean).tanh().chunk(2, -1)
        return memory, there, State(torch.zeros_like(hidden), hidden, cell)

    def look(
        self, x: Tensor, memory: Tensor, scores: Tensor, there: Tensor, state: State
    ) -> tuple[State, Tensor]:
        """One step for embedded tokens x (B, C): the state after it, and where it looked (B, S).

        scores: ``W m_j`` of the memory, (B, S, C), computed once.
        """
        hidden, cell = self.writer(torch.cat([x, state.fed], -1), (state.hidden, state.cell))
        score = (scores @ hidden[..., None])[..., 0].masked_fill(~there, -math.inf)
        weights = score.softmax(-1)
        seen = (weights[:, None] @ memory)[:, 0]
        fed = self.gather(torch.cat([seen, hidden], -1)).tanh()
        return State(fed, hidden, cell), weights

    def run(self, x: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, T, v) for embedded tokens x (B, T, C), and the attention (B, T, S)."""
        memory, there, state = self.read(sources)
        scores = self.score(memory)
        fed, looked = [], []
        for place in range(x.shape[1]):
            state, weights = self.look(x[:, place], memory, scores, there, state)
            fed.append(state.fed)
            looked.append(weights)
        return self.head(self.dropout(torch.stack(fed, 1))), torch.stack(looked, 1)

    def forward(self, pairs: Pairs) -> Tensor:
        """Nats per token of the targets and their ends, each given those before it."""
        logits, _ = self.run(self.dropout(self.embed(begun(pairs.targets))), pairs.sources)
        targets = ended(pairs.targets).flatten()
        return F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=PAD)

    def reader(self, sources: Tensor) -> Next:
        """The decoder as something that writes on."""
        memory, there, state = self.read(sources)
        scores = self.score(memory)

        def following(tokens: Tensor, rows: Tensor | None) -> Tensor:
            nonlocal memory, there, state, scores
            if rows is not None:
                memory, there, scores = memory[rows], there[rows], scores[rows]
                state = state.rows(rows)
            state, _ = self.look(self.embed(tokens[:, -1]), memory, scores, there, state)
            logits: Tensor = self.head(state.fed)
            return logits

        return following

    @torch.no_grad()
    def write(self, sources: Tensor, watch: bool, beams: int = 1) -> list[Written]:
        """A target for each of the sources (B, S)."""
        began = time.perf_counter()
        following = self.reader(sources)
        if beams == 1:
            return greedy(following, len(sources), self.longest, watch, began)
        return beam(following, len(sources), self.longest, beams, watch, began)

    def _way(self, beams: int) -> Way:
        title = N_("One by one") if beams == 1 else N_("{beams} beams", beams=beams)
        return Way(
            f"beams-{beams}",
            title,
            N_("Beams"),
            lambda sources, watch: self.write(sources, watch, beams),
        )

    def ways(self) -> tuple[Way, ...]:
        """Greedily."""
        return (self._way(1),)

    def sweep(self) -> tuple[Way, ...]:
        """With more and more beams."""
        return tuple(self._way(beams) for beams in (1, 2, 4))

    def way(self, knobs: SampleKnobs) -> Way:
        """The way that `knobs` ask for."""
        return self._way(knobs.beams)

    @torch.no_grad()
    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(1, B, 1, T, S): where it looks before each token."""
        _, looked = self.run(self.embed(begun(targets)[:, :-1]), sources)
        return looked[None, :, None]

    def dependence(self, sources: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """(T, T): see `Translator.dependence`. Column j is the token before place j."""
        x = self.embed(begun(targets)[:, :-1])
        return {"": sensitivity(x, lambda x: self.run(x, sources)[0])}

    def length_logits(self, sources: Tensor) -> Tensor | None:
        """None: where to end is written like everything else."""
        return None


def build(net: NetKnobs, data: PairData) -> LSTMTranslator:
    """A new network for the characters and lengths of `data`."""
    return LSTMTranslator(net, data)


def step(module: LSTMTranslator, pairs: Pairs, train: TrainKnobs) -> Iterator[Descent]:
    """Cross-entropy of each token given those before it."""
    yield Descent(module(pairs))


def evaluate(
    module: LSTMTranslator, data: PairData, net: NetKnobs, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token (ends included), and how many targets are exactly right."""
    return (yield from held_out(module, data, most))


MODEL = Model(
    key="lstm-translator",
    title=N_("LSTM with attention"),
    summary=N_("Two LSTMs, one reads and one writes: how it was done before the Transformer."),
    papers=("Luong et al. 2015, arXiv:1508.04025", "Bahdanau et al. 2015, arXiv:1409.0473"),
    accepts="pairs",
    data="dates",
    net=NetKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=60.0, batch=32),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            NetKnobs(width=128),
            with_defaults(TrainKnobs, steps=0, seconds=180.0, batch=32),
        ),
        Preset(
            "pinyin",
            N_("Hanzi to pinyin"),
            N_("Larger, for ten minutes: thousands of characters have to be known one by one."),
            NetKnobs(width=192, dropout=0.1),
            with_defaults(TrainKnobs, steps=0, seconds=600.0, batch=64, average=0.99),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=pairviews.VIEWS,
    units=units,
    health=(OVERFITTING, PLATEAU),
)

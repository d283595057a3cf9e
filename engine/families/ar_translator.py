"""The encoder-decoder Transformer: reads all of the source, writes one token after the other.

    p(y | x) = p(y_1 | x) p(y_2 | x, y_1) ... p(END | x, y)

The encoder looks at the whole source at once. The decoder has a causal mask, so that while it
learns all places are computed together, each from what stands before it. When it writes, each
token has to wait for the one before: as many passes as tokens, and one for the end.

Vaswani et al. 2017, arXiv:1706.03762; beam search: Sutskever et al. 2014, arXiv:1409.3215,
section 3.2.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.data.pairs import PairData
from engine.family import Descent, Line, Model, Preset, TrainKnobs
from engine.knobs import knob
from engine.layers import pairviews
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.layers.translating import (
    Decoder,
    Encoder,
    Memory,
    Pairs,
    TranslatorKnobs,
    Way,
    Written,
    batch,
    begun,
    dependence,
    held_out,
    one_after_the_other,
    optimise,
    units,
)
from engine.layers.writing import beam, greedy, reader
from engine.phrases import N_


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
    cache: bool = knob(
        True,
        N_("Key/value cache"),
        live=True,
        help=N_("Keeps keys and values of what is written. Off computes all again each time."),
    )


class ARTranslator(nn.Module):
    """An encoder, and a decoder that sees what stands before."""

    def __init__(self, net: TranslatorKnobs, data: PairData) -> None:
        super().__init__()
        source, target = data.longest
        self.longest = target
        self.encoder = Encoder(net, data.sources.size, source)
        self.decoder = Decoder(net, data.targets.size, target + 1, causal=True)

    def memory(self, sources: Tensor) -> Memory:
        """What the decoder sees of the sources (B, S)."""
        return self.decoder.read(self.encoder(sources), sources)

    def forward(self, pairs: Pairs) -> Tensor:
        """Nats per token of the targets, each given those before it."""
        return one_after_the_other(self.decoder, self.memory(pairs.sources), pairs.targets)

    def write(
        self, sources: Tensor, watch: bool, beams: int = 1, cache: bool = True
    ) -> list[Written]:
        """A target for each of the sources (B, S)."""
        began = time.perf_counter()
        with torch.no_grad():
            following = reader(self.decoder, self.memory(sources), cache)
        if beams == 1:
            return greedy(following, len(sources), self.longest, watch, began)
        return beam(following, len(sources), self.longest, beams, watch, began)

    def _way(self, beams: int, cache: bool = True) -> Way:
        title = N_("One by one") if beams == 1 else N_("{beams} beams", beams=beams)
        if not cache:
            title = N_("{way}, without the cache", way=title)
        return Way(
            f"beams-{beams}",
            title,
            N_("Beams"),
            lambda sources, watch: self.write(sources, watch, beams, cache),
        )

    def ways(self) -> tuple[Way, ...]:
        """Greedily."""
        return (self._way(1),)

    def sweep(self) -> tuple[Way, ...]:
        """With more and more beams."""
        return tuple(self._way(beams) for beams in (1, 2, 4))

    def way(self, knobs: SampleKnobs) -> Way:
        """The way that `knobs` ask for."""
        return self._way(knobs.beams, knobs.cache)

    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(layers, B, H, T, S): where each token looks when it is about to be written."""
        return self.decoder.cross_attention(begun(targets)[:, :-1], self.memory(sources))

    def dependence(self, sources: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """(T, T): see `Translator.dependence`. Column j is the token before place j."""
        return {"": dependence(self.decoder, self.memory(sources), begun(targets)[:, :-1])}

    def length_logits(self, sources: Tensor) -> Tensor | None:
        """None: where to end is written like everything else."""
        return None


def build(net: TranslatorKnobs, data: PairData) -> ARTranslator:
    """A new network for the characters and lengths of `data`."""
    return ARTranslator(net, data)


def step(module: ARTranslator, pairs: Pairs, train: TrainKnobs) -> Iterator[Descent]:
    """Cross-entropy of each token given those before it."""
    yield Descent(module(pairs))


def evaluate(
    module: ARTranslator,
    data: PairData,
    net: TranslatorKnobs,
    train: TrainKnobs,
    most: int | None,
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token (ends included), and how many targets are exactly right."""
    return (yield from held_out(module, data, most))


MODEL = Model(
    key="ar-translator",
    title=N_("One by one (AR)"),
    summary=N_("The Transformer with an encoder and a decoder: one token after the other."),
    papers=("Vaswani et al. 2017, arXiv:1706.03762",),
    accepts="pairs",
    data="dates",
    net=TranslatorKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core: dates are soon right."),
            TranslatorKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=60.0, batch=32),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            TranslatorKnobs(head_width=24),
            with_defaults(TrainKnobs, steps=0, seconds=180.0, batch=32),
        ),
        Preset(
            "pinyin",
            N_("Hanzi to pinyin"),
            N_("Larger, for ten minutes: thousands of characters have to be known one by one."),
            TranslatorKnobs(layers=3, head_width=32, dropout=0.1),
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
    curves=(
        Line("loss", N_("training")),
        Line("held_out", N_("held-out"), "points"),
    ),
    health=(OVERFITTING, PLATEAU),
)

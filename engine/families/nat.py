"""The non-autoregressive Transformer (NAT): all places of the target in a single pass.

    p(y, T | x) = p(T | x) prod_i p(y_i | T, x)

The decoder is given masks, as many as the target is to have tokens, and no mask hides one from
another; but no place knows what the others say. The loss is the exact negative log-likelihood
of that product. Where one source has several right targets, places choose for themselves and
mix them (the multimodality problem); learning from what another model writes, instead of from
the data, leaves one target for each source (distillation).

Gu et al. 2018, arXiv:1711.02281; distillation: Kim & Rush 2016, arXiv:1606.07947.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch

from engine.data.pairs import PairData
from engine.family import Descent, Model, Preset
from engine.knobs import knob
from engine.layers import pairviews, translating
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.layers.parallel import Masked, ParallelKnobs, ParallelTranslator
from engine.layers.teaching import LearnerKnobs, teach
from engine.layers.translating import (
    Way,
    held_out,
    optimise,
    units,
)
from engine.phrases import N_


@dataclass(frozen=True)
class SampleKnobs(TranslateKnobs):
    """How to write."""

    candidates: int = knob(
        1,
        N_("Lengths"),
        low=1,
        high=10,
        live=True,
        help=N_("The likeliest lengths that are tried; the text it is surest of is taken."),
    )


class NAT(ParallelTranslator):
    """Writes in one round."""

    def ways(self) -> tuple[Way, ...]:
        """With the likeliest length."""
        return (self._way(1),)

    def sweep(self) -> tuple[Way, ...]:
        """With more and more lengths."""
        return tuple(self._way(candidates) for candidates in (1, 2, 3, 5))

    def way(self, knobs: SampleKnobs) -> Way:
        """The way that `knobs` ask for."""
        return self._way(knobs.candidates)

    def _way(self, candidates: int) -> Way:
        return self.in_rounds(1, candidates, N_("Lengths"))


def build(net: ParallelKnobs, data: PairData) -> NAT:
    """A new network for the characters and lengths of `data`."""
    return NAT(net, data)


def batch(
    data: PairData, net: ParallelKnobs, train: LearnerKnobs, random: torch.Generator
) -> Masked:
    """Pairs at random, and masks for all of the targets."""
    pairs = translating.batch(data, net, train, random)
    return Masked(*pairs, NAT.given(pairs.targets, random))


def step(module: NAT, batch: Masked, train: LearnerKnobs) -> Iterator[Descent]:
    """Cross-entropy of every token, none of the others given, and of the length."""
    yield Descent(module.loss(batch))


def evaluate(
    module: NAT, data: PairData, net: ParallelKnobs, train: LearnerKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token, and how many targets are exactly right."""
    return (yield from held_out(module, data, most))


MODEL = Model(
    key="nat",
    title=N_("All at once (NAT)"),
    summary=N_("Predicts a length, then writes every place in one pass, each by itself."),
    papers=("Gu et al. 2018, arXiv:1711.02281", "Kim & Rush 2016, arXiv:1606.07947"),
    accepts="pairs",
    data="dates",
    net=ParallelKnobs,
    train=LearnerKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core."),
            ParallelKnobs(),
            with_defaults(LearnerKnobs, steps=0, seconds=60.0, batch=32),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            ParallelKnobs(head_width=24),
            with_defaults(LearnerKnobs, steps=0, seconds=180.0, batch=32),
        ),
        Preset(
            "distilled",
            N_("Distilled"),
            N_("Learns for a minute from what a trained model that writes one by one says."),
            ParallelKnobs(),
            with_defaults(LearnerKnobs, steps=0, seconds=60.0, batch=32, distil=True),
        ),
        Preset(
            "pinyin",
            N_("Hanzi to pinyin"),
            N_("Larger, for ten minutes: thousands of characters have to be known one by one."),
            ParallelKnobs(layers=3, head_width=32, dropout=0.1),
            with_defaults(LearnerKnobs, steps=0, seconds=600.0, batch=64, average=0.99),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=(*pairviews.VIEWS, pairviews.DISTILLATION),
    units=units,
    health=(OVERFITTING, PLATEAU),
    teach=teach,
    teachers=("ar-translator",),
)

"""Mask-Predict: all places at once, then the least certain ones again, a few times over.

While it learns, a random number of the target's tokens is masked, and these are to be said with
the others in view (a conditional masked language model). So it can begin with nothing but
masks, and it can also mend a text: round t of k masks the floor(T (k - t) / k) tokens it was
least sure of and writes them anew. One round is what the NAT does; with more, the places come
to agree.

Ghazvininejad et al. 2019, arXiv:1904.09324.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.pairs import PairData
from engine.family import Descent, Model, Preset
from engine.knobs import knob
from engine.layers import pairviews, translating
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.layers.parallel import Masked, ParallelKnobs, ParallelTranslator, some_masked
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

    rounds: int = knob(
        4,
        N_("Rounds"),
        low=1,
        high=12,
        live=True,
        help=N_("Passes over the text; each after the first mends what it was least sure of."),
    )
    candidates: int = knob(
        1,
        N_("Lengths"),
        low=1,
        high=10,
        live=True,
        help=N_("The likeliest lengths that are tried; the text it is surest of is taken."),
    )


class MaskPredict(ParallelTranslator):
    """Writes in rounds."""

    @staticmethod
    def given(targets: Tensor, random: torch.Generator) -> Tensor:
        """A random part of each target is masked."""
        return some_masked(targets, random)

    def ways(self) -> tuple[Way, ...]:
        """In four rounds."""
        return (self.in_rounds(4),)

    def sweep(self) -> tuple[Way, ...]:
        """In more and more rounds."""
        return tuple(self.in_rounds(rounds) for rounds in (1, 2, 3, 4, 6, 8))

    def way(self, knobs: SampleKnobs) -> Way:
        """The way that `knobs` ask for."""
        return self.in_rounds(knobs.rounds, knobs.candidates)


def build(net: ParallelKnobs, data: PairData) -> MaskPredict:
    """A new network for the characters and lengths of `data`."""
    return MaskPredict(net, data)


def batch(
    data: PairData, net: ParallelKnobs, train: LearnerKnobs, random: torch.Generator
) -> Masked:
    """Pairs at random, a random part of each target masked."""
    pairs = translating.batch(data, net, train, random)
    return Masked(*pairs, MaskPredict.given(pairs.targets, random))


def step(module: MaskPredict, batch: Masked, train: LearnerKnobs) -> Iterator[Descent]:
    """Cross-entropy of the masked tokens, the others given, and of the length."""
    yield Descent(module.loss(batch))


def evaluate(
    module: MaskPredict, data: PairData, net: ParallelKnobs, train: LearnerKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per masked token, and how many targets are exactly right."""
    return (yield from held_out(module, data, most))


MODEL = Model(
    key="mask-predict",
    title=N_("In rounds (Mask-Predict)"),
    summary=N_("Writes every place at once, then mends what it is least sure of, round by round."),
    papers=("Ghazvininejad et al. 2019, arXiv:1904.09324",),
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

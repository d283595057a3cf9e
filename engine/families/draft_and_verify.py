"""Draft and verify: written all at once, checked in one pass, and equal to one by one.

One encoder, two decoders. The parallel one drafts the whole target. The causal one reads the
draft: in a single pass it says what it would have written at every place, had it come that far
by itself. Up to the first place where the two differ that is just what it would have written
one by one; so this much is kept, with its own token at that place, and what follows is drafted
anew with the kept part in view.

    a_i = argmax p(. | x, d_1 .. d_{i-1})      for all i in one pass over the draft d
    keep d_1 .. d_m, a_{m+1}                   where d_i = a_i for i = 1 .. m, and no further

By induction everything that is kept is the causal decoder's own greedy output, however good or
bad the draft; each check adds a token at least. (Two tokens whose logits differ by less than the
rounding of a sum could be told apart differently by the two ways to compute them.)

Blockwise parallel decoding: Stern et al. 2018, arXiv:1811.03115; with a separate drafter: Xia
et al. 2023, arXiv:2203.16487, and for sampling Leviathan et al. 2023, arXiv:2211.17192. The
drafter is a masked decoder (Ghazvininejad et al. 2019, arXiv:1904.09324), so that all ways of
this tab can be seen with one training.
"""

import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.data.pairs import END, MASK, PAD, PairData
from engine.family import Descent, Drawing, Line, Model, Preset, Trained, TrainKnobs, View
from engine.knobs import knob
from engine.layers import pairviews, translating
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import with_defaults
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.layers.parallel import (
    LengthHead,
    Masked,
    ParallelDecoder,
    ParallelKnobs,
    Watch,
    blank,
    fill,
    learned,
    lengths_of,
    round_way,
    some_masked,
    write_at_once,
)
from engine.layers.translating import (
    Decoder,
    Encoder,
    Memory,
    Pairs,
    Way,
    Written,
    as_batch,
    begun,
    dependence,
    held_out,
    one_after_the_other,
    optimise,
    units,
)
from engine.layers.writing import greedy, reader, sayable
from engine.payloads import Curve
from engine.payloads import Line as CurveLine
from engine.phrases import N_, PlaygroundError

WAYS = (N_("draft and verify"), N_("one by one"), N_("at once"), N_("in rounds"))


@dataclass(frozen=True)
class SampleKnobs(TranslateKnobs):
    """How to write."""

    decoding: str = knob(
        "draft and verify",
        N_("Decoding"),
        choices=WAYS,
        live=True,
        help=N_("Which decoder writes: the causal one, the parallel one, or both together."),
    )
    rounds: int = knob(
        4,
        N_("Rounds"),
        low=1,
        high=12,
        live=True,
        help=N_("Passes of the parallel decoder where it writes in rounds."),
    )
    candidates: int = knob(
        1,
        N_("Lengths"),
        low=1,
        high=10,
        live=True,
        help=N_("The likeliest lengths that are tried, where the parallel decoder writes alone."),
    )


class Seen:
    """What both decoders see of some sources, and the logits of the lengths (B, longest + 1)."""

    def __init__(self, causal: Memory, parallel: Memory, lengths: Tensor) -> None:
        self.causal = causal
        self.parallel = parallel
        self.lengths = lengths


class DraftAndVerify(nn.Module):
    """An encoder, a decoder that sees what stands before, and one that sees all places."""

    def __init__(self, net: ParallelKnobs, data: PairData) -> None:
        super().__init__()
        source, target = data.longest
        self.longest = target
        self.encoder = Encoder(net, data.sources.size, source)
        self.causal = Decoder(net, data.targets.size, target + 1, causal=True)
        self.parallel = ParallelDecoder(net, data.targets.size, target, net.copies)
        self.length = LengthHead(net, target)

    def read(self, sources: Tensor) -> Seen:
        """Read the sources (B, S)."""
        encoded = self.encoder(sources)
        return Seen(
            self.causal.read(encoded, sources),
            self.parallel.read(encoded, sources),
            self.length(encoded, sources),
        )

    def losses(self, batch: Masked) -> tuple[Tensor, Tensor]:
        """Nats per token of the causal decoder; per masked token and length of the parallel."""
        seen, targets = self.read(batch.sources), batch.targets
        return (
            one_after_the_other(self.causal, seen.causal, targets),
            learned(self.parallel, seen.parallel, seen.lengths, batch.given, targets).per_token,
        )

    def forward(self, pairs: Pairs) -> Tensor:
        """The sum of both; measured alike each time."""
        random = torch.Generator().manual_seed(0)
        causal, parallel = self.losses(Masked(*pairs, some_masked(pairs.targets, random)))
        return causal + parallel

    # --- the ways

    @torch.no_grad()
    def one_by_one(self, sources: Tensor, watch: bool) -> list[Written]:
        """The causal decoder alone, greedily."""
        began = time.perf_counter()
        seen = self.causal.read(self.encoder(sources), sources)
        return greedy(reader(self.causal, seen), len(sources), self.longest, watch, began)

    @torch.no_grad()
    def in_rounds(
        self, sources: Tensor, watch: bool, rounds: int = 1, candidates: int = 1
    ) -> list[Written]:
        """The parallel decoder alone."""
        seeing = Watch(time.perf_counter()) if watch else None
        encoded = self.encoder(sources)
        memory, lengths = self.parallel.read(encoded, sources), self.length(encoded, sources)
        return write_at_once(self.parallel, memory, lengths, rounds, candidates, seeing)

    @torch.no_grad()
    def verified(self, sources: Tensor, watch: bool) -> list[Written]:
        """Both: the greedy output of the causal decoder. A pass is one of either decoder."""
        seeing = Watch(time.perf_counter()) if watch else None
        seen = self.read(sources)
        rows = len(sources)
        kept: list[list[int]] = [[] for _ in range(rows)]
        scores, passes, over = [0.0] * rows, [0] * rows, [False] * rows
        while not all(over):
            draft = self._draft(seen, kept, passes, over, seeing)
            read = sayable(self.causal(begun(draft), seen.causal)).log_softmax(-1)
            best, said = read.max(-1)
            for row in range(rows):
                if over[row]:
                    continue
                passes[row] += 1
                first = len(kept[row])
                drafted = [token for token in draft[row].tolist() if token != PAD]
                own, sure = said[row].tolist(), best[row].tolist()
                agreed = first
                while agreed < len(drafted) and drafted[agreed] == own[agreed]:
                    agreed += 1
                for place in range(first, min(agreed + 1, self.longest)):
                    scores[row] += sure[place]
                    if own[place] == END:
                        over[row] = True
                        break
                    kept[row].append(own[place])
                over[row] |= len(kept[row]) == self.longest
                if seeing is not None:
                    stood = kept[row] + [MASK] * (len(drafted) - len(kept[row]))
                    fresh = range(agreed, len(kept[row]))
                    dropped = range(max(agreed, 0), len(drafted)) if agreed < len(drafted) else ()
                    note = N_(
                        "{count} of {most} accepted",
                        count=agreed - first,
                        most=len(drafted) - first,
                    )
                    if over[row]:
                        stood = kept[row]
                    seeing.see(stood, [*sure, 0.0], fresh, dropped, note)
        return [
            Written(tuple(ids), count, score, tuple(seeing.steps) if seeing is not None else ())
            for ids, count, score in zip(kept, passes, scores, strict=True)
        ]

    def _draft(
        self,
        seen: Seen,
        kept: list[list[int]],
        passes: list[int],
        over: list[bool],
        watch: Watch | None,
    ) -> Tensor:
        """What may follow what is kept: (B, T). A text that is to be no longer is not drafted."""
        least = torch.tensor([len(ids) for ids in kept])
        sizes = torch.arange(seen.lengths.shape[1])
        length = seen.lengths.masked_fill(sizes < least[:, None], -math.inf).argmax(1)
        ended = torch.tensor(over)
        length = torch.where(ended, least, length).clamp(min=1)
        draft = blank(length)
        for row, ids in enumerate(kept):
            draft[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        open_ = (draft == MASK).any(1) & ~ended
        if bool(open_.any()):
            filled = fill(self.parallel, seen.parallel, draft, 1)
            draft = filled.tokens
            for row in open_.nonzero().flatten().tolist():
                passes[row] += 1
            if watch is not None and bool(open_[0]):
                fresh = range(int(least[0]), int(length[0]))
                watch.see(draft[0].tolist(), filled.log_p[0].tolist(), fresh, (), N_("draft"))
        return draft

    def _verified_way(self) -> Way:
        title = N_("Draft and verify")
        return Way("verified", title, title, self.verified)

    def _greedy_way(self) -> Way:
        title = N_("One by one")
        return Way("greedy", title, title, self.one_by_one)

    def ways(self) -> tuple[Way, ...]:
        """One by one, at once, in four rounds, and both decoders together."""
        return (
            self._greedy_way(),
            round_way(self.in_rounds, 1),
            round_way(self.in_rounds, 4),
            self._verified_way(),
        )

    def sweep(self) -> tuple[Way, ...]:
        """More and more rounds, beside the ways that have nothing to turn."""
        rounds = tuple(round_way(self.in_rounds, rounds) for rounds in (1, 2, 3, 4, 6, 8))
        return (*rounds, self._greedy_way(), self._verified_way())

    def way(self, knobs: SampleKnobs) -> Way:
        """The way that `knobs` ask for."""
        return {
            "draft and verify": self._verified_way(),
            "one by one": self._greedy_way(),
            "at once": round_way(self.in_rounds, 1, knobs.candidates),
            "in rounds": round_way(self.in_rounds, knobs.rounds, knobs.candidates),
        }[knobs.decoding]

    # --- looking inside

    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(layers, B, H, T, S) of the causal decoder."""
        memory = self.causal.read(self.encoder(sources), sources)
        return self.causal.cross_attention(begun(targets)[:, :-1], memory)

    def dependence(self, sources: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """(T, T) of each decoder: see `Translator.dependence`."""
        seen = self.read(sources)
        return {
            N_("one by one"): dependence(self.causal, seen.causal, begun(targets)[:, :-1]),
            N_("at once"): dependence(self.parallel, seen.parallel, blank(lengths_of(targets))),
        }

    @torch.no_grad()
    def length_logits(self, sources: Tensor) -> Tensor | None:
        """(B, longest + 1)."""
        return self.read(sources).lengths


def build(net: ParallelKnobs, data: PairData) -> DraftAndVerify:
    """A new network for the characters and lengths of `data`."""
    return DraftAndVerify(net, data)


def batch(data: PairData, net: ParallelKnobs, train: TrainKnobs, random: torch.Generator) -> Masked:
    """Pairs at random, a random part of each target masked for the parallel decoder."""
    pairs = translating.batch(data, net, train, random)
    return Masked(*pairs, some_masked(pairs.targets, random))


def step(module: DraftAndVerify, batch: Masked, train: TrainKnobs) -> Iterator[Descent]:
    """Both decoders at once; the curves show each."""
    causal, parallel = module.losses(batch)
    yield Descent(
        causal + parallel, metrics={"causal": causal.detach(), "parallel": parallel.detach()}
    )


def evaluate(
    module: DraftAndVerify,
    data: PairData,
    net: ParallelKnobs,
    train: TrainKnobs,
    most: int | None,
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token, of both decoders together, and how many targets are right."""
    return (yield from held_out(module, data, most))


# --- its own view


@dataclass(frozen=True)
class VerificationKnobs:
    """How much to look at."""

    count: int = knob(
        64,
        N_("How many"),
        low=8,
        high=1000,
        live=True,
        help=N_("Held-out sources that are written in both ways."),
    )


def verification(trained: Trained, knobs: VerificationKnobs) -> Drawing:
    """How many passes each held-out target takes, one by one and verified."""
    module, data = trained.module, trained.data
    if not len(data.held_out.sources):
        raise PlaygroundError(
            N_("this view needs held-out pairs, and the data of this run are not there")
        )
    count = min(knobs.count, len(data.held_out.sources))
    alone: list[int] = []
    both: list[int] = []
    same = 0
    sizes: list[int] = []
    for row in range(count):
        part = as_batch(data.held_out.sources[row : row + 1], data.held_out.targets[row : row + 1])
        one, other = (
            module.one_by_one(part.sources, False)[0],
            module.verified(part.sources, False)[0],
        )
        alone.append(one.passes)
        both.append(other.passes)
        sizes.append(len(one.ids))
        same += one.ids == other.ids
        yield None
    order = np.argsort(sizes, kind="stable")
    place = np.arange(1, count + 1, dtype=np.float32)
    yield Curve(
        (
            CurveLine(N_("one by one"), place, np.asarray(alone, dtype=np.float32)[order]),
            CurveLine(N_("draft and verify"), place, np.asarray(both, dtype=np.float32)[order]),
        ),
        x_title=N_("held-out targets, short ones first"),
        y_title=N_("passes"),
        caption=N_(
            "The same text in {same} of {count}, with {both:,} passes instead of {alone:,}: "
            "{share:.0%} of them.",
            same=same,
            count=count,
            both=sum(both),
            alone=sum(alone),
            share=sum(both) / max(1, sum(alone)),
        ),
    )


VERIFICATION = View(
    "verification",
    N_("Verification"),
    N_("The passes that drafts save, target by target; the text stays the same."),
    verification,
    VerificationKnobs,
)


MODEL = Model(
    key="draft-and-verify",
    title=N_("Draft and verify (hybrid)"),
    summary=N_(
        "One encoder and two decoders: one writes all places at once, the other one by one, "
        "and together they write what the second would have, in fewer passes."
    ),
    papers=("Stern et al. 2018, arXiv:1811.03115", "Xia et al. 2023, arXiv:2203.16487"),
    accepts="pairs",
    data="dates",
    net=ParallelKnobs,
    train=TrainKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core."),
            ParallelKnobs(),
            with_defaults(TrainKnobs, steps=0, seconds=60.0, batch=32),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            ParallelKnobs(head_width=24),
            with_defaults(TrainKnobs, steps=0, seconds=180.0, batch=32),
        ),
        Preset(
            "pinyin",
            N_("Hanzi to pinyin"),
            N_("Larger, for ten minutes: thousands of characters have to be known one by one."),
            ParallelKnobs(layers=3, head_width=32, dropout=0.1),
            with_defaults(TrainKnobs, steps=0, seconds=600.0, batch=64, average=0.99),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=(*pairviews.VIEWS, VERIFICATION),
    units=units,
    curves=(
        Line("loss", N_("training")),
        Line("held_out", N_("held-out"), "points"),
        Line("causal", N_("one by one")),
        Line("parallel", N_("at once")),
    ),
    health=(OVERFITTING, PLATEAU),
)

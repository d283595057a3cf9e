"""Writing one token after the other, with a decoder that sees only what stands before.

Greedy takes the likeliest token at each place. Beam search keeps the few likeliest beginnings
and goes on with all of them. Beginnings of several lengths are compared by their mean

    (log p(y_1) + log p(y_2 | y_1) + ... + log p(y_n | ...)) / n        the end is a token too

since by the sum the shortest would win (Wu et al. 2016, arXiv:1609.08144, section 7; here with
an exponent of 1). One beam is greedy.

A pass is one call of the decoder, over however many places. The keys and values of what is
written already do not change, so a cache keeps them and only the newest token is computed.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from engine.data.pairs import BEGIN, END, MASK, PAD, UNKNOWN
from engine.layers.translating import Cache, Decoder, Memory, Step, Written

# Shapes: R sources that are not over, W beams, t tokens so far (BEGIN among them), v tokens.

Next: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""``next(tokens (B, t), rows)`` gives the logits (B, v) of what follows the t tokens; `rows` says
which rows of the call before, or at first which sources, these go on from (None: all, in their
order)."""

SILENT = torch.tensor([PAD, BEGIN, MASK, UNKNOWN])


def sayable(logits: Tensor) -> Tensor:
    """`logits` (..., v) without the tokens that nobody writes: padding, beginning, masks."""
    return logits.index_fill(-1, SILENT, -math.inf)


def reader(decoder: Decoder, memory: Memory, cache: bool = True) -> Next:
    """The decoder as something that writes on; without `cache` it computes all again."""
    past = Cache(len(decoder.embed.place)) if cache else None
    seen = memory

    def following(tokens: Tensor, rows: Tensor | None) -> Tensor:
        nonlocal seen
        if rows is not None:
            seen = seen.rows(rows)
            if past is not None:
                past.rows(rows)
        new = tokens if past is None else tokens[:, past.length :]
        logits: Tensor = decoder(new, seen, past)[:, -1]
        return logits

    return following


@torch.no_grad()
def greedy(following: Next, rows: int, most: int, watch: bool, began: float) -> list[Written]:
    """The likeliest token at each place, for `rows` sources, until `END` or `most` tokens.

    began: the time from which the steps count, by ``time.perf_counter``. To watch, one row.
    """
    found: dict[int, Written] = {}
    steps: list[Step] = []
    alive = list(range(rows))
    tokens, sure = torch.full((rows, 1), BEGIN), torch.empty(rows, 0)
    kept: Tensor | None = None
    for place in range(most):
        best, token = sayable(following(tokens, kept)).log_softmax(-1).max(-1)
        tokens = torch.cat([tokens, token[:, None]], 1)
        sure = torch.cat([sure, best[:, None]], 1)
        if watch:
            steps.append(stood(tokens[0], sure[0], steps, began))
        said = token.tolist()
        kept = None
        if END in said or place + 1 == most:
            over = [place + 1 == most or each == END for each in said]
            for row, source in enumerate(alive):
                if over[row]:
                    score = float(sure[row].sum())
                    found[source] = Written(words(tokens[row]), place + 1, score, tuple(steps))
            going = [row for row, ends in enumerate(over) if not ends]
            if not going:
                break
            alive = [alive[row] for row in going]
            kept = torch.tensor(going)
            tokens, sure = tokens[kept], sure[kept]
    return [found[source] for source in range(rows)]


def words(tokens: Tensor) -> tuple[int, ...]:
    """`tokens` (t,) without beginning, end and padding."""
    return tuple(each for each in tokens.tolist() if each not in (BEGIN, END, PAD))


def stood(tokens: Tensor, sure: Tensor, before: list[Step], began: float) -> Step:
    """What stands there now. tokens: (t,); sure: (t - 1,) log-probability of each but the first;
    fresh is where it differs from the last step `before`."""
    seconds = time.perf_counter() - began
    ids = words(tokens)
    old = before[-1].ids if before else ()
    fresh = tuple(i for i, each in enumerate(ids) if old[i : i + 1] != (each,))
    return Step(seconds, ids, tuple(sure.exp().tolist()[: len(ids)]), fresh)


class Beams(NamedTuple):
    """The beginnings that are followed, of each source the best first.

    tokens: (R, W, t), padded after the end. sure: (R, W, t - 1) log-probability of each token
    but the first. scores: (R, W) their sum; -inf where there is no such beam.
    over: (R, W) bool, which have ended. length: (R, W) tokens, the end among them.
    """

    tokens: Tensor
    sure: Tensor
    scores: Tensor
    over: Tensor
    length: Tensor

    @staticmethod
    def first(rows: int, width: int) -> "Beams":
        """Nothing is written yet, so all beams are one."""
        scores = torch.full((rows, width), -math.inf)
        scores[:, 0] = 0.0
        none = torch.zeros(rows, width, dtype=torch.long)
        begin = torch.full((rows, width, 1), BEGIN)
        return Beams(begin, torch.empty(rows, width, 0), scores, none.bool(), none)

    def rows(self, which: Tensor) -> "Beams":
        """Of these sources alone."""
        return Beams(*(each[which] for each in self))

    def grown(self, log_p: Tensor) -> "tuple[Beams, Tensor]":
        """The best of all ways to go on by a token, log_p (R, W, v), and which of the R W beams
        each comes from, (R W,)."""
        rows, width, size = log_p.shape
        # What has ended is followed by padding alone, at no cost.
        nothing = torch.full((size,), -math.inf)
        nothing[PAD] = 0.0
        log_p = torch.where(self.over[..., None], nothing, log_p)
        total = self.scores[..., None] + log_p
        length = self.length + ~self.over
        index = (total / length[..., None]).flatten(1).topk(width).indices
        token = index % size
        origin = (index // size + width * torch.arange(rows)[:, None]).flatten()
        said = log_p.flatten(1).gather(1, index)
        tokens, sure, over, length = (
            each.flatten(0, 1)[origin].view(rows, width, *each.shape[2:])
            for each in (self.tokens, self.sure, self.over, length)
        )
        grown = Beams(
            torch.cat([tokens, token[..., None]], -1),
            torch.cat([sure, said[..., None]], -1),
            total.flatten(1).gather(1, index),
            over | (token == END),
            length,
        )
        return grown, origin

    def decided(self, most: int) -> Tensor:
        """(R,) bool: whether no open beam can become better than the best that has ended.

        Each further token makes a sum no larger, so a mean becomes at most the sum over `most`.
        """
        mean = self.scores / torch.where(self.over, self.length, most)
        done = mean.masked_fill(~self.over, -math.inf).amax(1)
        hope = mean.masked_fill(self.over, -math.inf).amax(1)
        return done >= hope


@torch.no_grad()
def beam(
    following: Next, rows: int, most: int, width: int, watch: bool, began: float
) -> list[Written]:
    """The best of what `width` beams find for each of `rows` sources, of at most `most` tokens.

    All beams of all sources are one batch. What else has ended is in `Written.others`. began:
    the time from which the steps count, by ``time.perf_counter``. To watch, one row.
    """
    found: dict[int, Written] = {}
    steps: list[Step] = []
    alive = torch.arange(rows)
    beams = Beams.first(rows, width)
    kept = alive.repeat_interleave(width)
    for place in range(most):
        logits = sayable(following(beams.tokens.flatten(0, 1), kept))
        beams, kept = beams.grown(logits.log_softmax(-1).view(len(alive), width, -1))
        if watch:
            steps.append(stood(beams.tokens[0, 0], beams.sure[0, 0], steps, began))
        last = place + 1 == most
        decided = beams.decided(most) | last
        for row in decided.nonzero()[:, 0].tolist():
            there = beams.scores[row].isfinite() & (beams.over[row] | last)
            ended = [
                (words(beams.tokens[row, each]), float(beams.scores[row, each]))
                for each in there.nonzero()[:, 0].tolist()
            ]
            (ids, score), *others = ended
            found[int(alive[row])] = Written(ids, place + 1, score, tuple(steps), tuple(others))
        if decided.all():
            break
        going = ~decided
        alive, beams = alive[going], beams.rows(going)
        kept = kept.view(-1, width)[going].flatten()
    return [found[source] for source in range(rows)]

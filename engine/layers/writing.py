"""Writing one token after the other, with a decoder that sees only what stands before.

Greedy takes the likeliest token at each place. Beam search keeps the few likeliest beginnings
and goes on with all of them; a hypothesis is ranked by its log-probability divided by its
length, without which the shortest would win (Wu et al. 2016, arXiv:1609.08144, section 7; here
with an exponent of 1).

A pass is one call of the decoder, over however many places. The keys and values of what is
written already do not change, so a cache keeps them and only the newest token is computed.
"""

import math
import time
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from engine.data.pairs import BEGIN, END, MASK, PAD, UNKNOWN
from engine.layers.translating import Cache, Decoder, Memory, Step, Written

Next: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""``next(tokens (B, t), rows)`` gives the logits (B, v) of what follows the t tokens; `rows` says
which rows of the call before these go on from (None: all, in their order)."""


def sayable(logits: Tensor) -> Tensor:
    """`logits` (..., v) without the tokens that nobody writes: padding, beginning, masks."""
    bare = logits.clone()
    bare[..., [PAD, BEGIN, MASK, UNKNOWN]] = -math.inf
    return bare


def reader(decoder: Decoder, memory: Memory, cache: bool = True) -> Next:
    """The decoder as something that writes on; without `cache` it computes all again."""
    past = Cache() if cache else None
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
    tokens = torch.full((rows, 1), BEGIN)
    sure = torch.empty(rows, 0)
    length = torch.full((rows,), most)
    steps: list[Step] = []
    open_ = torch.ones(rows, dtype=torch.bool)
    for place in range(most):
        log_p = sayable(following(tokens, None)).log_softmax(-1)
        best, token = log_p.max(-1)
        tokens = torch.cat([tokens, token[:, None]], 1)
        sure = torch.cat([sure, best[:, None]], 1)
        over = open_ & (token == END)
        length[over] = place
        open_ &= ~over
        if watch:
            steps.append(_stood(tokens[0, 1:], sure[0], time.perf_counter() - began))
        if not open_.any():
            break
    return [
        Written(
            tuple(ids[1 : size + 1]),
            passes=min(size + 1, most),
            score=sum(logs[: size + 1]),
            steps=tuple(steps),
        )
        for ids, logs, size in zip(tokens.tolist(), sure.tolist(), length.tolist(), strict=True)
    ]


def _stood(ids: Tensor, sure: Tensor, seconds: float) -> Step:
    """What stands there now that the last of `ids` is written; an end is no token."""
    said = [token for token in ids.tolist() if token != END]
    fresh = (len(said) - 1,) if len(said) == len(ids) else ()
    return Step(seconds, tuple(said), tuple(sure.exp().tolist()[: len(said)]), fresh)


@torch.no_grad()
def beam(
    following: Next, rows: int, most: int, width: int, watch: bool, began: float
) -> list[Written]:
    """The best of the hypotheses that `width` beams find; the others are in `Written.others`.

    All beams of all rows are one batch. A source is over once no open beam can still be better
    than the best one that ended, or at `most` tokens.
    """
    ended: list[list[tuple[float, tuple[int, ...], float]]] = [[] for _ in range(rows)]
    passes = [0] * rows
    steps: list[Step] = []
    alive = list(range(rows))  # the sources that go on, each with as many beams as `scores` has
    tokens = torch.full((rows, 1), BEGIN)
    scores = torch.zeros(rows, 1)
    kept: Tensor | None = None
    for place in range(most):
        log_p = sayable(following(tokens, kept)).log_softmax(-1)
        beams, size = scores.shape[1], log_p.shape[-1]
        total = scores[:, :, None] + log_p.view(len(alive), beams, size)
        # Twice as many, so that enough are left where some of them end here.
        best, index = total.flatten(1).topk(min(2 * width, beams * size), dim=1)
        before = tokens.view(len(alive), beams, -1)
        next_rows: list[int] = []
        next_tokens: list[list[int]] = []
        next_scores: list[list[float]] = []
        going: list[int] = []
        for i, source in enumerate(alive):
            passes[source] += 1
            open_: list[tuple[float, int, int]] = []
            for rank, (score, number) in enumerate(
                zip(best[i].tolist(), index[i].tolist(), strict=True)
            ):
                if score == -math.inf:
                    continue
                origin, token = divmod(number, size)
                ids = (*before[i, origin, 1:].tolist(), token)
                if token == END:
                    if rank < width:
                        ended[source].append((score / len(ids), ids[:-1], score))
                elif len(open_) < width:
                    open_.append((score, origin, token))
                    if place == most - 1:
                        ended[source].append((score / len(ids), ids, score))
            if watch and open_:
                score, origin, token = open_[0]
                ids = (*before[i, origin, 1:].tolist(), token)
                sure = (math.nan,) * len(ids)
                steps.append(Step(time.perf_counter() - began, ids, sure, (len(ids) - 1,)))
            done = max(ended[source], default=(-math.inf,))[0]
            # Each further token makes a score no larger; its mean grows at most to this.
            hope = max((score / most for score, *_ in open_), default=-math.inf)
            if len(ended[source]) >= width or (not open_) or done >= hope:
                continue
            going.append(source)
            next_scores.append([s for s, *_ in open_] + [-math.inf] * (width - len(open_)))
            padded = open_ + [open_[-1]] * (width - len(open_))
            next_rows += [i * beams + origin for _, origin, _ in padded]
            next_tokens += [[*before[i, o].tolist(), token] for _, o, token in padded]
        if not going:
            break
        alive = going
        kept = torch.tensor(next_rows)
        tokens = torch.tensor(next_tokens)
        scores = torch.tensor(next_scores)
    found = []
    for source in range(rows):
        ranked = sorted(ended[source], key=lambda each: -each[0])
        _, ids, score = ranked[0]
        if watch:
            steps.append(
                Step(
                    time.perf_counter() - began, ids, (math.exp(score / (len(ids) + 1)),) * len(ids)
                )
            )
        others = tuple((each, s) for _, each, s in ranked[1:])
        found.append(Written(ids, passes[source], score, tuple(steps), others))
    return found

"""engine/layers/writing.py: against trying out everything that can be written."""

import itertools
import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.pairs import BEGIN, END, MASK, PAD, SPECIAL, UNKNOWN
from engine.layers.translating import Decoder, Encoder, Memory, TranslatorKnobs, Written
from engine.layers.writing import Next, beam, greedy, reader, sayable
from tests.engine.small import randomise

A, B = SPECIAL, SPECIAL + 1
TOKENS = SPECIAL + 2
MOST = 4
ROWS = 12
LIKELY_END, UNLIKELY_END = 0.0, -3.0

widths = pytest.mark.parametrize("width", [1, 2, 3, 8])


def logits_of(source: int, before: tuple[int, ...], end: float) -> Tensor:
    """Of what follows `before` in the target of `source`: fixed numbers without any order."""
    random = np.random.default_rng([source, *before])
    found = torch.from_numpy(2.0 * random.standard_normal(TOKENS)).float()
    found[END] += end
    found[[PAD, BEGIN, MASK, UNKNOWN]] += 9.0  # what nobody writes must not be written
    return found


def following(sources: Iterable[int], end: float = LIKELY_END) -> Next:
    """Something that writes on, as a decoder with a cache would: it knows the past by its rows."""
    state = [(source, ()) for source in sources]

    def following(tokens: Tensor, rows: Tensor | None) -> Tensor:
        nonlocal state
        if rows is not None:
            state = [state[row] for row in rows.tolist()]
        assert len(state) == len(tokens)
        for (_, past), row in zip(state, tokens.tolist(), strict=True):
            assert row[0] == BEGIN
            assert tuple(row[1:-1]) == past[: len(row) - 2]
        state = [(s, tuple(row[1:])) for (s, _), row in zip(state, tokens.tolist(), strict=True)]
        return torch.stack([logits_of(*each, end) for each in state])

    return following


def score_of(source: int, ids: tuple[int, ...], end: float) -> float:
    """The log-probability of a target, by the definition."""
    total = 0.0
    for place, token in enumerate([*ids, END][:MOST]):
        allowed = logits_of(source, ids[:place], end)[[END, A, B]].double().softmax(-1)
        total += math.log(float(allowed[[END, A, B].index(token)]))
    return total


def mean_of(source: int, ids: tuple[int, ...], end: float) -> float:
    return score_of(source, ids, end) / min(len(ids) + 1, MOST)


def everything() -> list[tuple[int, ...]]:
    return [ids for size in range(MOST + 1) for ids in itertools.product((A, B), repeat=size)]


def step_by_step(source: int, end: float) -> tuple[int, ...]:
    """Greedy, by the definition."""
    ids: tuple[int, ...] = ()
    while len(ids) < MOST:
        logits = logits_of(source, ids, end)
        best = max((END, A, B), key=lambda token: float(logits[token]))
        if best == END:
            break
        ids = (*ids, best)
    return ids


def bare(written: Written) -> tuple[Any, ...]:
    return written.ids, written.passes, pytest.approx(written.score, abs=1e-5)


ends = pytest.mark.parametrize("end", [LIKELY_END, UNLIKELY_END])


def test_what_nobody_writes_has_no_chance() -> None:
    found = sayable(torch.arange(2.0 * TOKENS).view(2, TOKENS))
    assert found.softmax(-1)[:, [PAD, BEGIN, MASK, UNKNOWN]].sum() == 0.0
    assert found[1, [END, A, B]].tolist() == [TOKENS + END, TOKENS + A, TOKENS + B]


@ends
def test_greedy_takes_the_likeliest_token_at_each_place(end: float) -> None:
    found = greedy(following(range(ROWS), end), ROWS, MOST, False, 0.0)
    assert len({len(each.ids) for each in found}) > 1
    for source, written in enumerate(found):
        assert written.ids == step_by_step(source, end)
        assert written.passes == min(len(written.ids) + 1, MOST)
        assert written.score == pytest.approx(score_of(source, written.ids, end), abs=1e-5)
        assert not written.steps
        assert not written.others


@ends
def test_one_beam_is_greedy(end: float) -> None:
    one = beam(following(range(40), end), 40, MOST, 1, False, 0.0)
    for found, wanted in zip(
        one, greedy(following(range(40), end), 40, MOST, False, 0.0), strict=True
    ):
        assert bare(found) == bare(wanted)
        assert found.others == ()


@ends
def test_beams_enough_find_the_best_of_all_there_is(end: float) -> None:
    found = beam(following(range(ROWS), end), ROWS, MOST, len(everything()), False, 0.0)
    for source, written in enumerate(found):
        best = max(everything(), key=lambda ids: mean_of(source, ids, end))
        assert written.ids == best
        assert written.score == pytest.approx(score_of(source, best, end), abs=1e-5)
    # Who knows that nothing can become better need not try it.
    assert min(each.passes for each in found) < MOST


@widths
@ends
def test_what_beams_find_is_ranked_and_scored_as_it_should_be(width: int, end: float) -> None:
    for source in range(ROWS):
        (written,) = beam(following([source], end), 1, MOST, width, False, 0.0)
        every = [(written.ids, written.score), *written.others]
        assert len({ids for ids, _ in every}) == len(every) <= width
        for ids, score in every:
            assert score == pytest.approx(score_of(source, ids, end), abs=1e-5)
        means = [mean_of(source, ids, end) for ids, _ in every]
        assert means == sorted(means, reverse=True)


def test_two_beams_find_what_greedy_misses() -> None:
    # What begins a little likelier leads to where everything is equally likely.
    after = {BEGIN: {A: 0.55, B: 0.45}, A: {A: 0.3, B: 0.3, END: 0.4}, B: {END: 1.0}}

    def following(tokens: Tensor, rows: Tensor | None) -> Tensor:
        found = torch.full((len(tokens), TOKENS), 1e-9)
        for row, last in zip(found, tokens[:, -1].tolist(), strict=True):
            for token, share in after.get(last, {END: 1.0}).items():
                row[token] = share
        return found.log()

    (one,), (two,) = (beam(following, 1, MOST, width, False, 0.0) for width in (1, 2))
    assert one.ids == (A,)
    assert two.ids == (B,)
    assert two.score == pytest.approx(math.log(0.45), abs=1e-5)
    assert [ids for ids, _ in two.others] == [(A,)]


@widths
@ends
def test_sources_do_not_disturb_each_other(width: int, end: float) -> None:
    together = beam(following(range(ROWS), end), ROWS, MOST, width, False, 0.0)
    passes = set()
    for source, written in enumerate(together):
        (alone,) = beam(following([source], end), 1, MOST, width, False, 0.0)
        assert bare(alone) == bare(written)
        assert [ids for ids, _ in alone.others] == [ids for ids, _ in written.others]
        passes.add(written.passes)
    assert len(passes) > 1 or end == UNLIKELY_END


# --- watched


@ends
def test_each_pass_of_greedy_can_be_watched(end: float) -> None:
    for source in range(ROWS):
        began = time.perf_counter()
        (written,) = greedy(following([source], end), 1, MOST, True, began)
        assert len(written.steps) == written.passes
        for number, step in enumerate(written.steps):
            assert step.ids == written.ids[: number + 1]
            assert step.fresh == ((number,) if number < len(written.ids) else ())
            assert len(step.probabilities) == len(step.ids)
        seconds = [step.seconds for step in written.steps]
        assert seconds == sorted(seconds)
        assert seconds[0] > 0
        assert seconds[-1] < time.perf_counter() - began
        last = written.steps[-1].probabilities
        before = [written.ids[:place] for place in range(len(written.ids))]
        for place, token in enumerate(written.ids):
            allowed = logits_of(source, before[place], end)[[END, A, B]].softmax(-1)
            assert last[place] == pytest.approx(float(allowed[[END, A, B].index(token)]), rel=1e-4)


def test_beams_that_are_watched_show_the_best_so_far() -> None:
    changed = 0
    for source in range(ROWS):
        (written,) = beam(following([source], UNLIKELY_END), 1, MOST, 3, True, time.perf_counter())
        assert len(written.steps) == written.passes
        assert written.steps[-1].ids == written.ids
        before: tuple[int, ...] = ()
        for step in written.steps:
            for place, token in enumerate(step.ids):
                same = before[place : place + 1] == (token,)
                assert same == (place not in step.fresh)
            changed += len(step.fresh) > 1
            before = step.ids
        product = math.prod(written.steps[-1].probabilities)
        if len(written.ids) == MOST:
            assert product == pytest.approx(math.exp(written.score), rel=1e-4)
    assert changed > 0  # some best beginning gave way to another


# --- a decoder


def decoder() -> tuple[Decoder, Memory]:
    net = TranslatorKnobs(layers=2, heads=2, head_width=4)
    encoder, decoder = Encoder(net, TOKENS, 3), Decoder(net, TOKENS, MOST + 1, causal=True)
    randomise(encoder, 1)
    randomise(decoder, 2)
    sources = torch.tensor([[A, B, A], [B, B, PAD], [B, PAD, PAD], [A, PAD, PAD]])
    with torch.no_grad():
        return decoder.eval(), decoder.read(encoder(sources), sources)


@widths
def test_the_cache_changes_nothing(width: int) -> None:
    network, memory = decoder()
    with_cache, without = (
        beam(reader(network, memory, cache), 4, MOST, width, False, 0.0) for cache in (True, False)
    )
    assert [bare(each) for each in with_cache] == [bare(each) for each in without]
    quick, slow = (
        greedy(reader(network, memory, cache), 4, MOST, False, 0.0) for cache in (True, False)
    )
    assert [bare(each) for each in quick] == [bare(each) for each in slow]
    assert len({each.ids for each in quick}) > 1


@torch.no_grad()
def test_a_reader_goes_on_where_it_was() -> None:
    network, memory = decoder()
    for cache in (True, False):
        following = reader(network, memory, cache)
        tokens = torch.tensor([[BEGIN]] * 4)
        torch.testing.assert_close(following(tokens, None), network(tokens, memory)[:, -1])
        which = torch.tensor([3, 1])
        tokens = torch.tensor([[BEGIN, A], [BEGIN, B]])
        wanted = network(tokens, memory.rows(which))[:, -1]
        torch.testing.assert_close(following(tokens, which), wanted)

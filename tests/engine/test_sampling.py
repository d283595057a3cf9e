"""engine/sampling.py: against closed forms, brute force and frequencies."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.knobs import knobs_of, problems
from engine.sampling import (
    CategoricalKnobs,
    allowed,
    allowed_rows,
    draw,
    draw_rows,
    softmax,
    uniform,
)

weights = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8, unique=True)


def normalised(raw: list[float]) -> NDArray[np.float64]:
    return np.array(raw) / math.fsum(raw)


def test_the_knobs_accept_their_defaults() -> None:
    assert problems(CategoricalKnobs()) == ()
    assert all(knob.live for knob in knobs_of(CategoricalKnobs))


# --- temperature


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0, 3.0])
def test_two_outcomes_follow_the_logistic_function(temperature: float) -> None:
    for difference in (-3.0, 0.0, 0.7, 5.0):
        p = softmax(np.array([difference, 0.0]), temperature)
        assert p[0] == pytest.approx(1 / (1 + math.exp(-difference / temperature)), rel=1e-12)
        assert p.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_is_a_power_of_the_odds(temperature: float) -> None:
    known = np.array([0.5, 0.3, 0.15, 0.05])
    p = softmax(np.log(known) + 17.0, temperature)
    power = known ** (1 / temperature)
    np.testing.assert_allclose(p, power / power.sum(), rtol=1e-12)


def test_temperature_zero_takes_the_first_of_the_largest() -> None:
    logits = np.array([[0.1, 3.0, 3.0], [5.0, -1.0, 2.0]], dtype=np.float32)
    assert softmax(logits, 0.0).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("temperature", [1e-300, 1e-9])
def test_a_tiny_temperature_is_nearly_zero(temperature: float) -> None:
    assert softmax(np.array([1.0, 2.0, -1e9]), temperature).tolist() == [0.0, 1.0, 0.0]


def test_rows_are_apart_and_large_logits_do_no_harm() -> None:
    logits = np.array([[1e4, 1e4 - 1.0], [-1e4, 0.0]], dtype=np.float32)
    p = softmax(logits, 1.0)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p[0], [math.e / (1 + math.e), 1 / (1 + math.e)])
    assert p[1].tolist() == [0.0, 1.0]


def test_what_is_ruled_out_stays_out() -> None:
    p = softmax(np.array([-np.inf, 0.0, 0.0]), 0.5)
    assert p.tolist() == [0.0, 0.5, 0.5]


# --- top-k and top-p


@settings(deadline=None)  # the machine may be busy
@given(weights, st.integers(1, 10))
def test_top_k_keeps_the_k_likeliest(raw: list[float], k: int) -> None:
    p = normalised(raw)
    keep = allowed(p, k, 1.0)
    assert keep.sum() == min(k, len(p))
    if not keep.all():
        assert p[keep].min() >= p[~keep].max()


@settings(deadline=None)  # the machine may be busy
@given(weights, st.floats(0.05, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_p(raw: list[float], top_p: float) -> None:
    p = normalised(raw)
    kept = frozenset(np.flatnonzero(allowed(p, 0, top_p)).tolist())

    def total(places: tuple[int, ...]) -> float:
        return math.fsum(p[list(places)])

    sizes = range(1, len(p) + 1)
    reaching = [
        places
        for size in sizes
        for places in combinations(range(len(p)), size)
        if total(places) >= top_p - 1e-9
    ]
    fewest = min(map(len, reaching))
    best = max((places for places in reaching if len(places) == fewest), key=total)
    close = any(abs(total(places) - top_p) < 1e-9 for places in combinations_of(p))
    assert kept == frozenset(best) or close


def combinations_of(p: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """The likeliest one, two, three, ...: where rounding could decide."""
    order = np.argsort(-p).tolist()
    return [tuple(order[:size]) for size in range(1, len(p) + 1)]


@settings(deadline=None)  # the machine may be busy
@given(weights, st.integers(1, 10), st.floats(0.05, 0.999))
def test_with_both_top_p_is_of_what_top_k_left(raw: list[float], k: int, top_p: float) -> None:
    p = normalised(raw)
    order = sorted(range(len(p)), key=lambda place: -p[place])[:k]
    total = math.fsum(p[order])
    expected, reached = set(), 0.0
    for place in order:
        expected.add(place)
        reached += p[place] / total
        if abs(reached - top_p) < 1e-9:
            return  # rounding decides
        if reached >= top_p:
            break
    assert set(np.flatnonzero(allowed(p, k, top_p)).tolist()) == expected


def test_a_worked_example() -> None:
    p = np.array([0.1, 0.4, 0.2, 0.3])
    assert allowed(p, 0, 1.0).tolist() == [True, True, True, True]
    assert allowed(p, 2, 1.0).tolist() == [False, True, False, True]
    assert allowed(p, 0, 0.69).tolist() == [False, True, False, True]
    assert allowed(p, 0, 0.71).tolist() == [False, True, True, True]
    assert allowed(p, 2, 0.5).tolist() == [False, True, False, False]


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.sampled_from([0.0, 1e-300, 0.25, 1.0]), min_size=1, max_size=6).filter(any),
    st.integers(0, 8),
    st.floats(0.05, 1.0),
    st.integers(0, 2**31 - 1),
)
def test_something_is_always_left_and_what_is_drawn_was_possible(
    raw: list[float], k: int, top_p: float, seed: int
) -> None:
    p = normalised(raw)
    keep = allowed(p, k, top_p)
    assert keep.any()
    assert p[keep].sum() > 0
    token = draw(p, keep, uniform(seed, 0))
    assert keep[token]
    assert p[token] > 0


def test_with_equal_odds_the_first_ones_stay() -> None:
    p = np.full(6, 1 / 6)
    assert np.flatnonzero(allowed(p, 2, 1.0)).tolist() == [0, 1]
    assert np.flatnonzero(allowed(p, 0, 0.4)).tolist() == [0, 1, 2]


# --- draws


@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (1, 3), (2,)])
def test_draws_come_as_often_as_they_should(kept: tuple[int, ...]) -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4])
    keep = np.isin(np.arange(4), kept)
    count = 20_000
    drawn = np.bincount([draw(p, keep, uniform(7, n)) for n in range(count)], minlength=4)
    assert drawn[~keep].sum() == 0
    expected = count * p[keep] / p[keep].sum()
    statistic = float(((drawn[keep] - expected) ** 2 / expected).sum())
    assert statistic < 16.3  # chi-square with three degrees of freedom: one in a thousand


def test_a_draw_inverts_the_cumulative_distribution() -> None:
    p = np.array([0.25, 0.25, 0.5])
    everything = np.ones(3, dtype=np.bool_)
    below_one = math.nextafter(1.0, 0.0)
    places = [draw(p, everything, u) for u in (0.0, 0.2499, 0.25, 0.4999, 0.5, below_one)]
    assert places == [0, 0, 1, 1, 2, 2]
    ends = np.array([0.0, 0.5, 0.5, 0.0])
    assert draw(ends, np.ones(4, dtype=np.bool_), 0.0) == 1
    assert draw(ends, np.ones(4, dtype=np.bool_), below_one) == 2
    middle = np.array([False, True, False])
    assert {draw(p, middle, u) for u in (0.0, 0.5, below_one)} == {1}


def test_at_temperature_zero_every_seed_draws_the_likeliest() -> None:
    logits = np.random.default_rng(0).normal(size=50)
    p = softmax(logits, 0.0)
    for seed in range(20):
        assert draw(p, allowed(p, 0, 1.0), uniform(seed, 3)) == int(logits.argmax())


# --- uniform numbers


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 2**31 - 1), st.integers(0, 2**40))
def test_uniform_numbers_lie_in_the_unit_interval_and_repeat(seed: int, number: int) -> None:
    u = uniform(seed, number)
    assert 0.0 <= u < 1.0
    assert type(u) is float
    assert uniform(seed, number) == u


def test_uniform_numbers_do_not_depend_on_the_order_they_are_asked_in() -> None:
    forwards = [uniform(5, n) for n in range(200)]
    backwards = [uniform(5, n) for n in reversed(range(200))]
    np.random.default_rng(0).random()
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 200


def test_uniform_numbers_are_those_of_the_reference_generator() -> None:
    """Number n is the first 53 bits of block n of Philox 4x64 (counted from the given counter)."""
    stream = np.random.Philox(key=9).random_raw(4 * 50)[::4]
    expected = (stream >> np.uint64(11)) / 2.0**53
    assert [uniform(9, n) for n in range(50)] == expected.tolist()


@pytest.mark.parametrize("along", ["numbers", "seeds"])
def test_uniform_numbers_are_uniform_and_unrelated(along: str) -> None:
    count = 5000
    u = np.array([uniform(3, n) if along == "numbers" else uniform(n, 3) for n in range(count)])
    counts = np.histogram(u, bins=10, range=(0, 1))[0]
    assert ((counts - count / 10) ** 2 / (count / 10)).sum() < 27.9  # nine degrees, one in 1000
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / math.sqrt(count)


# --- many rows at once


@pytest.mark.parametrize(("top_k", "top_p"), [(0, 1.0), (2, 1.0), (0, 0.6), (3, 0.5), (1, 0.05)])
def test_rows_are_drawn_as_each_by_itself(top_k: int, top_p: float) -> None:
    random = np.random.default_rng(0)
    probabilities = softmax(2 * random.standard_normal((200, 6)), 1.0)
    probabilities[0] = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    numbers = random.random(200)
    numbers[:4] = 0.0, np.nextafter(1.0, 0.0), 0.0, np.nextafter(1.0, 0.0)
    keep = allowed_rows(probabilities, top_k, top_p)
    assert (keep is None) == (top_k == 0 and top_p == 1.0)
    found = draw_rows(probabilities, keep, numbers)
    for row, p in enumerate(probabilities):
        left = allowed(p, top_k, top_p)
        assert keep is None or np.array_equal(keep[row], left)
        assert found[row] == draw(p, left, float(numbers[row]))

"""The compiled loop against the queues in numpy, and its parts against their definitions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.data.sound import SoundData
from engine.families.wavenet import NetKnobs, WaveNet
from engine.layers import sounds, wavenet_step
from engine.layers.sounds import OUTPUTS
from engine.layers.wavenet_queue import Queues, Weights, weights_of
from engine.layers.wavenet_step import CompiledQueues, add, draw_mixture, pick, tanh
from tests.engine.small import randomise, sound_data

every_output = pytest.mark.parametrize("output", OUTPUTS)
DATA: SoundData = sound_data()


def network(output: str, **values: Any) -> WaveNet:
    small: dict[str, Any] = {"doublings": 4, "stacks": 2, "residual": 8, "skip": 12}
    module = WaveNet(NetKnobs(**(small | values), output=output), DATA).eval()
    randomise(module, scale=0.25)
    return module


def parts(of: Any) -> pytest.MarkDecorator:
    """Parametrises a test by `of` as it is compiled, and as Python reads it."""
    return pytest.mark.parametrize("part", [of, of.py_func], ids=["compiled", "python"])


@parts(tanh)
def test_the_tangent_is_exact_to_5e_7(part: Callable[..., None]) -> None:
    x = np.linspace(-12, 12, 200_001).astype(np.float32)
    y = x.copy()
    part(y)
    assert np.abs(y - np.tanh(x.astype(np.float64))).max() < 5e-7
    assert np.abs(y).max() <= 1.0 + 1e-7


@parts(add)
@pytest.mark.parametrize("rows", [1, 7, 8, 20])
def test_add_is_a_product(rows: int, part: Callable[..., None]) -> None:
    random = np.random.default_rng(0)
    w, x = random.normal(size=(rows, 5)), random.normal(size=rows)
    y = random.normal(size=5)
    wanted = y + x @ w
    part(w, x, y)
    np.testing.assert_allclose(y, wanted, rtol=1e-12)


@parts(pick)
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
def test_a_value_is_picked_by_its_share(temperature: float, part: Callable[..., int]) -> None:
    """By the rule, share after share, and by the function that works on many rows at once."""
    random = np.random.default_rng(0)
    logits, u = random.normal(0, 2, (200, 9)).astype(np.float32), random.random(200)
    found = [part(row, each, temperature, np.zeros(9)) for row, each in zip(logits, u, strict=True)]
    assert found == sounds.pick(logits, u, temperature).tolist()
    for row, each, value in zip(logits.astype(np.float64), u, found, strict=True):
        if temperature == 0.0:
            assert row[value] == row.max()
        else:
            shares = np.exp(row / temperature) / np.exp(row / temperature).sum()
            assert shares[:value].sum() <= each < shares[: value + 1].sum()
    assert len(set(found)) == 9


@parts(pick)
def test_the_ends_of_the_range_pick_the_first_and_the_last(part: Callable[..., int]) -> None:
    logits = np.array([0.0, -200.0, 1.0, 1.0, -200.0], np.float32)
    assert part(logits, 0.0, 1.0, np.zeros(5)) == 0
    assert part(logits, np.nextafter(1.0, 0.0), 1.0, np.zeros(5)) == 3
    assert part(logits, 1.0, 1.0, np.zeros(5)) == 4
    assert part(logits, 0.5, 0.0, np.zeros(5)) == 2  # of two the first


@parts(draw_mixture)
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_a_mixture_is_drawn_from_as_from_many_rows_at_once(
    temperature: float, part: Callable[..., int]
) -> None:
    random = np.random.default_rng(0)
    logits = np.concatenate(
        [
            random.normal(0, 1, (200, 4)),
            random.uniform(-1.2, 1.2, (200, 4)),  # some beyond the range
            random.uniform(-14, 0, (200, 4)),  # some narrower than a curve may be
        ],
        axis=1,
    ).astype(np.float32)
    u = random.random((200, 2))
    u[0], u[1] = (0.3, 0.0), (0.3, 1.0)
    found = [part(row, each, temperature, np.zeros(4)) for row, each in zip(logits, u, strict=True)]
    assert found == sounds.draw_mixture(logits, u, temperature).tolist()
    assert {0, sounds.DEEP - 1} <= set(found)
    assert len(set(found)) > 50


def drawn(kind: type[Queues] | type[CompiledQueues], weights: Weights, u: Any, t: float) -> Any:
    """What it draws with u (N, n, 2), of the classes 0, 1, ..., and what it says then."""
    stream = kind(weights, list(range(len(u))))
    codes = np.zeros(u.shape[:2], np.int64)
    stream.run(codes, 0, u, t)
    return codes, stream.logits


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_the_compiled_loop_draws_bit_for_bit_what_the_queues_draw(temperature: float) -> None:
    weights = weights_of(network("mu-law, 256 values"))
    u = np.random.default_rng(0).random((3, 400, 2))
    codes, logits = drawn(Queues, weights, u, temperature)
    same, near = drawn(CompiledQueues, weights, u, temperature)
    # Rounding could part them only where a number falls within 1e-7 or so of the edge between
    # two values, which happens once in some 100,000 draws.
    np.testing.assert_array_equal(codes, same)
    assert np.abs(logits - near).max() < 1e-5
    assert temperature == 0.0 or len(np.unique(codes)) > 20


def test_the_compiled_mixture_draws_bit_for_bit_where_rounding_leaves_no_doubt() -> None:
    weights = weights_of(network("mixture of logistics, 16 bit"))
    weights.leave[:, 10:20] *= 0.2  # the middles of the curves: well within the range
    weights.leave[:, 20:] *= 0.2
    weights.leave_bias[20:] = -5.0
    clear = 0
    for seed in range(40):
        u = np.random.default_rng(seed).random((1, 12, 2))
        values: list[float] = []
        codes = np.zeros((1, 12), np.int64)
        stream = Queues(weights, [0])
        for at in range(12):
            span = slice(at, at + 1)
            values.append(drawn_value(stream.logits[0], u[0, at]))
            stream.run(codes[:, span], 0, u[:, span], 1.0)
        # A draw is rounded to 16 bits: within 0.05 of the edge, 32 bits may go either way.
        if np.abs(np.mod(values, 1.0) - 0.5).min() > 0.05:
            same, near = drawn(CompiledQueues, weights, u, 1.0)
            np.testing.assert_array_equal(codes, same)
            assert np.abs(stream.logits - near).max() < 1e-5
            assert len(np.unique(codes)) == 12
            clear += 1
    assert clear > 3


def drawn_value(logits: Any, u: Any) -> float:
    """What a mixture draws, in 16-bit steps, before it is rounded."""
    logits = logits.astype(np.float64)
    shares = np.exp(logits[:10]) / np.exp(logits[:10]).sum()
    chosen = int(np.searchsorted(np.cumsum(shares), u[0]))
    odds = np.log(u[1] / (1 - u[1]))
    return float(32_768 * (logits[10 + chosen] + np.exp(logits[20 + chosen]) * odds) + 32_768)


@every_output
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_compiled_loop_is_its_source_read_by_python(
    monkeypatch: pytest.MonkeyPatch, output: str, temperature: float
) -> None:
    weights = weights_of(network(output, doublings=2))
    random = np.random.default_rng(0)
    given, u = random.integers(0, OUTPUTS[output].codes, (2, 9)), random.random((2, 9, 2))
    found = []
    for loop in (wavenet_step.run, wavenet_step.run.py_func):
        monkeypatch.setattr(wavenet_step, "run", loop)
        codes, stream = given.copy(), CompiledQueues(weights, [0, 1])
        stream.run(codes[:, :8], 8, u[:, :8], temperature)
        before = stream.logits.copy()
        stream.run(codes[:, 8:], 0, u[:, 8:], temperature)
        found.append((before, codes[:, 8]))
    (compiled, drawn_there), (read, drawn_here) = found
    np.testing.assert_allclose(read, compiled, rtol=1e-4, atol=1e-4)
    # Rounding may part them by a few of 65,536 steps.
    assert np.abs(drawn_here - drawn_there).max() <= (8 if OUTPUTS[output].deep else 0)


@every_output
def test_what_is_given_is_read_and_not_drawn(output: str) -> None:
    weights = weights_of(network(output))
    random = np.random.default_rng(1)
    given = random.integers(0, OUTPUTS[output].codes, (1, 70))
    codes, u = given.copy(), random.random((1, 70, 2))
    plain, compiled = Queues(weights, [1]), CompiledQueues(weights, [1])
    plain.run(codes, 70, u, 1.0)
    compiled.run(codes, 70, u, 1.0)
    np.testing.assert_array_equal(codes, given)
    assert np.abs(plain.logits - compiled.logits).max() < 1e-5


@every_output
def test_a_piece_in_parts_is_the_piece_in_one(output: str) -> None:
    weights = weights_of(network(output))
    u = np.random.default_rng(0).random((2, 50, 2))
    whole, parts = np.zeros((2, 50), np.int64), np.zeros((2, 50), np.int64)
    CompiledQueues(weights, [0, 1]).run(whole, 0, u, 1.0)
    stream = CompiledQueues(weights, [0, 1])
    for first in range(0, 50, 7):
        span = slice(first, first + 7)
        stream.run(parts[:, span], 0, u[:, span], 1.0)
    np.testing.assert_array_equal(whole, parts)


def test_sizes_that_are_no_multiple_of_eight_come_out_right() -> None:
    weights = weights_of(network("mu-law, 256 values", residual=5, skip=7))
    given = np.random.default_rng(0).integers(0, 256, (1, 40))
    plain, compiled = Queues(weights, [0]), CompiledQueues(weights, [0])
    for stream in (plain, compiled):
        stream.run(given, 40, np.zeros((1, 40, 2)), 1.0)
    assert np.abs(plain.logits - compiled.logits).max() < 1e-5


def test_what_warms_up_is_what_is_used() -> None:
    wavenet_step.warm_up()
    before = list(wavenet_step.run.signatures)
    assert before
    for output in OUTPUTS:
        weights = weights_of(network(output))
        CompiledQueues(weights, [0]).run(np.zeros((1, 4), np.int64), 0, np.zeros((1, 4, 2)), 1.0)
    assert list(wavenet_step.run.signatures) == before

"""The compiled loop against the queues in numpy, and its parts against their definitions."""

from typing import Any

import numpy as np
import pytest

from engine.data.sound import SoundData
from engine.families.wavenet import NetKnobs, WaveNet
from engine.layers import wavenet_step
from engine.layers.sounds import OUTPUTS
from engine.layers.wavenet_queue import Queues, Weights, weights_of
from engine.layers.wavenet_step import CompiledQueues, add, tanh
from tests.engine.small import randomise, sound_data

every_output = pytest.mark.parametrize("output", OUTPUTS)
DATA: SoundData = sound_data()


def network(output: str, **values: Any) -> WaveNet:
    small: dict[str, Any] = {"doublings": 4, "stacks": 2, "residual": 8, "skip": 12}
    module = WaveNet(NetKnobs(**(small | values), output=output), DATA).eval()
    randomise(module, scale=0.25)
    return module


def test_the_tangent_is_exact_to_5e_7() -> None:
    x = np.linspace(-12, 12, 200_001).astype(np.float32)
    y = x.copy()
    tanh(y)
    assert np.abs(y - np.tanh(x.astype(np.float64))).max() < 5e-7
    assert np.abs(y).max() <= 1.0 + 1e-7


@pytest.mark.parametrize("rows", [1, 7, 8, 20])
def test_add_is_a_product(rows: int) -> None:
    random = np.random.default_rng(0)
    w, x = random.normal(size=(rows, 5)), random.normal(size=rows)
    y = random.normal(size=5)
    wanted = y + x @ w
    add(w, x, y)
    np.testing.assert_allclose(y, wanted, rtol=1e-12)


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

"""Mu-law and the mixture of logistics against what they are by definition."""

import math

import numpy as np
import pytest
import torch

from engine.layers import sounds
from engine.layers.sounds import DEEP, LEVELS, OUTPUTS, Part

every_output = pytest.mark.parametrize("name", OUTPUTS)


def mixture(count: int, seed: int = 0, least: float = 3 / DEEP) -> torch.Tensor:
    """Parameters (count, 3K) of bell curves, from `least` to half of all wide."""
    random = np.random.default_rng(seed)
    size = sounds.COMPONENTS
    weights, means = random.normal(size=(count, size)), random.uniform(-1.1, 1.1, (count, size))
    scales = random.uniform(math.log(least), math.log(0.5), (count, size))
    return torch.from_numpy(np.concatenate([weights, means, scales], axis=1))


def logistic(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


# --- mu-law


def test_mu_law_is_its_formula() -> None:
    for value in (-1.0, -0.3, -0.001, 0.0, 0.02, 0.7, 1.0):
        wanted = math.copysign(math.log(1 + 255 * abs(value)) / math.log(256), value)
        assert float(sounds.compressed(value)) == pytest.approx(wanted, abs=1e-6)


def test_every_step_comes_back_as_itself() -> None:
    codes = np.arange(LEVELS)
    values = sounds.from_mu_law(codes)
    np.testing.assert_array_equal(sounds.mu_law(values), codes)
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(values, -values[::-1], atol=1e-7)
    assert values[-1] == pytest.approx(1.0)


def test_a_value_comes_back_within_half_a_step() -> None:
    values = np.linspace(-1, 1, 20_001)
    errors = np.abs(sounds.from_mu_law(sounds.mu_law(values)) - values)
    # A step of the compressed value is 2 / 255; the slope of the opposite says how wide it is.
    slope = math.log(256) / 255 * (1 + 255 * np.abs(values))
    half = 1 / 255
    assert (errors <= half * slope * math.exp(half * math.log(256)) + 1e-7).all()
    assert errors.max() < 0.0223
    assert errors[np.abs(values) < 0.001].max() < 1.2e-4


def test_what_is_too_loud_is_cut_off() -> None:
    np.testing.assert_array_equal(sounds.mu_law([-3.0, 3.0]), [0, 255])
    np.testing.assert_array_equal(sounds.deep_codes([-3.0, 3.0]), [0, DEEP - 1])


def test_16_bits_come_back_as_themselves() -> None:
    codes = np.arange(DEEP)
    np.testing.assert_array_equal(sounds.deep_codes(sounds.from_deep(codes)), codes)
    samples = np.array([-32768, -1, 0, 1, 32767])
    np.testing.assert_array_equal(sounds.deep_codes(samples / 32768), samples + 32768)


@every_output
def test_a_code_is_its_step_and_the_rest(name: str) -> None:
    output = OUTPUTS[name]
    steps, rests = output.steps()
    assert np.abs(rests).max() <= 0.5
    values = output.decode(np.arange(output.codes))
    there = sounds.expanded((steps + rests.astype(np.float64)) * (2 / 255) - 1)
    np.testing.assert_allclose(there, values, atol=2e-6)
    assert len(np.unique(steps)) == LEVELS
    assert (rests != 0).any() == output.deep


# --- the mixture of logistics


def test_the_probabilities_of_all_16_bit_values_sum_to_one() -> None:
    codes = torch.arange(DEEP)
    for row in mixture(3):
        nats = sounds.mixture_nats(row.expand(DEEP, -1), codes)
        assert float(torch.exp(-nats).sum()) == pytest.approx(1.0, abs=1e-9)


def test_a_probability_is_the_area_over_its_interval() -> None:
    size = sounds.COMPONENTS
    (row,) = mixture(1)
    weights, means, scales = (part.tolist() for part in row.split(size))
    shares = np.exp(weights) / np.exp(weights).sum()

    def below(edge: float) -> float:
        return math.fsum(
            share * logistic((edge - mean) / math.exp(scale))
            for share, mean, scale in zip(shares, means, scales, strict=True)
        )

    for code in (0, 1, 12_345, 32_768, DEEP - 2, DEEP - 1):
        low = below(code * 2 / DEEP - 1 - 1 / DEEP) if code else 0.0
        high = below(code * 2 / DEEP - 1 + 1 / DEEP) if code < DEEP - 1 else 1.0
        nats = float(sounds.mixture_nats(row[None], torch.tensor([code])))
        assert nats == pytest.approx(-math.log(high - low), rel=1e-6)


def test_far_from_all_curves_the_mixture_stays_finite_in_32_bits() -> None:
    logits = torch.zeros(2, 3 * sounds.COMPONENTS)
    logits[:, sounds.COMPONENTS : 2 * sounds.COMPONENTS] = -1.0
    logits[:, 2 * sounds.COMPONENTS :] = -20.0  # held at `LEAST_LOG_SCALE`
    logits.requires_grad_(True)
    nats = sounds.mixture_nats(logits, torch.tensor([DEEP - 2, DEEP // 2]))
    nats.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(nats).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert float(nats[0].detach()) > 10_000


def test_the_gradient_of_the_mixture_is_that_of_differences() -> None:
    logits, codes = mixture(2, least=0.01), torch.tensor([30_000, 0])
    assert torch.autograd.gradcheck(
        lambda x: sounds.mixture_nats(x, codes), (logits.requires_grad_(True),), atol=1e-4
    )


def test_drawn_values_have_the_probabilities_of_the_mixture() -> None:
    (row,) = mixture(1, seed=3).numpy()
    count = 40_000
    u = np.random.default_rng(0).random((count, 2))
    codes = sounds.draw_mixture(np.tile(row, (count, 1)), u, 1.0)
    edges = np.linspace(0, DEEP, 17).astype(int)
    nats = sounds.mixture_nats(torch.from_numpy(row).expand(DEEP, -1), torch.arange(DEEP))
    wanted = np.add.reduceat(np.exp(-nats.numpy()), edges[:-1])
    seen = np.histogram(codes, edges)[0] / count
    deviation = np.sqrt(wanted * (1 - wanted) / count)
    assert (np.abs(seen - wanted) < 5 * deviation + 1e-9).all()
    assert (wanted > 0.02).sum() > 4  # or it would say little


def test_the_spread_of_the_mixture_is_its_probability_of_each_step() -> None:
    (row,) = mixture(1, seed=5, least=0.01)
    spread = sounds.mixture_spread(row.numpy()[None], 1.0)[0]
    nats = sounds.mixture_nats(row.expand(DEEP, -1), torch.arange(DEEP))
    steps = sounds.mu_law(sounds.from_deep(np.arange(DEEP)))
    wanted = np.bincount(steps, np.exp(-nats.numpy()), LEVELS)
    assert spread.sum() == pytest.approx(1.0)
    # An interval of 16 bits that lies over the edge of a step is counted to one of the two.
    slack = 2 * np.exp(-nats.numpy())[1:-1].max()
    np.testing.assert_allclose(spread, wanted, atol=slack)
    assert spread.max() > 4 * slack


# --- draws


@every_output
def test_temperature_zero_takes_the_likeliest(name: str) -> None:
    output = OUTPUTS[name]
    logits = np.random.default_rng(1).normal(size=(3, output.size))
    u = np.random.default_rng(2).random((3, 2))
    first, other = output.draw(logits, u, 0.0), output.draw(logits, 1 - u, 0.0)
    np.testing.assert_array_equal(first, other)
    if output.deep:
        weights, means, _scales = np.split(logits, 3, axis=1)
        likeliest = means[np.arange(3), weights.argmax(1)]
        np.testing.assert_array_equal(first, sounds.deep_codes(likeliest))
    else:
        np.testing.assert_array_equal(first, logits.argmax(1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_pick_is_the_inverse_of_the_cumulative_sum(temperature: float) -> None:
    logits = np.log([0.2, 0.5, 0.3])
    powered = np.array([0.2, 0.5, 0.3]) ** (1 / temperature)
    cuts = np.cumsum(powered / powered.sum())
    u = np.array([0.0, cuts[0] - 1e-9, cuts[0] + 1e-9, cuts[1] - 1e-9, cuts[1] + 1e-9, 1 - 1e-12])
    found = sounds.pick(np.tile(logits, (6, 1)), u, temperature)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, 2, 2])


def test_a_lower_temperature_narrows_the_mixture() -> None:
    (row,) = mixture(1, seed=3).numpy()
    u = np.random.default_rng(0).random((2000, 2))
    wide, narrow = (
        sounds.draw_mixture(np.tile(row, (2000, 1)), u, temperature) for temperature in (1.0, 0.3)
    )
    likeliest = np.argmax(row[: sounds.COMPONENTS])
    middle = sounds.deep_codes(row[sounds.COMPONENTS + likeliest])
    assert np.median(np.abs(narrow - middle)) < 0.5 * np.median(np.abs(wide - middle))


# --- clips


def test_windows_begin_with_the_start_and_end_in_silence() -> None:
    output = OUTPUTS["mu-law, 256 values"]
    samples = np.array([8000, 9000, 10_000, -8000, -9000], np.int16)
    part = Part(samples, np.array([0, 3]))
    codes = sounds.windows(part, output, np.array([0, 1, 0]), np.array([0, 1, 2]), 3).numpy()
    as_codes = output.encode(samples / 32768)
    silent = int(output.encode(0.0))
    np.testing.assert_array_equal(codes[0], [output.codes, *as_codes[:3]])
    np.testing.assert_array_equal(codes[1], [as_codes[3], as_codes[4], silent, silent])
    np.testing.assert_array_equal(codes[2], [as_codes[1], as_codes[2], silent, silent])
    assert part.lengths == [3, 2]
    np.testing.assert_allclose(part.clip(1), [-8000 / 32768, -9000 / 32768])

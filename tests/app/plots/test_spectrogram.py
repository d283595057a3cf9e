"""The spectrogram: by the sums, and the same whole or piece by piece."""

import numpy as np
import pytest

from app.plots.spectrogram import HIGHEST, LOWEST, Spectrogram


def test_a_sine_is_at_its_frequency_with_its_loudness() -> None:
    rate, hertz = 16_000, 1234.0
    time = np.arange(rate) / rate
    whole = Spectrogram(rate, rate)
    assert whole.grow((0.1 * np.sin(2 * np.pi * hertz * time)).astype(np.float32))
    loudest = whole.shades[:, 20:-20].argmax(0)
    assert (loudest == round(hertz * whole.size / rate)).all()
    level = whole.level(0.5, hertz)
    assert level == pytest.approx(-20.0, abs=1.5)  # between two bins a Hann window loses 1.4 dB
    assert whole.level(0.5, 5000.0) == LOWEST
    assert whole.level(2.0, 100.0) is None


def test_a_frame_is_the_sum_that_defines_it() -> None:
    rate = 8000
    samples = np.random.default_rng(1).normal(0, 0.01, 2000).astype(np.float32)
    whole = Spectrogram(rate, 2000)
    whole.grow(samples)
    size, hop, column, row = whole.size, whole.hop, 9, 17
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    piece = samples[column * hop - size // 2 : column * hop + size // 2]
    turns = np.exp(-2j * np.pi * row * np.arange(size) / size)
    expected = 20 * np.log10(abs((window * piece * turns).sum()) / (window.sum() / 2))
    assert LOWEST < expected < HIGHEST
    found = whole.level(column * hop / rate, row * rate / size)
    assert found == pytest.approx(expected, abs=(HIGHEST - LOWEST) / 255)


@pytest.mark.parametrize("count", [3, 100, 5000, 5001, 600_000])
def test_piece_by_piece_is_the_same_as_the_whole(count: int) -> None:
    random = np.random.default_rng(2)
    samples = random.normal(0, 0.1, count).astype(np.float32)
    whole, pieces = Spectrogram(8000, count), Spectrogram(8000, count)
    assert whole.grow(samples)
    assert whole.done == whole.shades.shape[1]
    assert not whole.grow(samples)
    grown = 0
    for until in sorted({*random.integers(0, count, 12).tolist(), count}):
        grown += pieces.grow(samples[:until])
    assert (pieces.shades == whole.shades).all()
    assert pieces.done == whole.done
    assert grown > 1 or count < 200


def test_only_what_is_known_is_drawn() -> None:
    growing = Spectrogram(8000, 8000)
    growing.grow(np.ones(4000, np.float32))
    last = (growing.done - 1) * growing.hop + growing.size // 2
    assert 4000 - growing.hop < last <= 4000
    assert not growing.shades[:, growing.done :].any()
    left, width, bottom, height = growing.extent
    assert left + width == pytest.approx((growing.done - 0.5) * growing.hop / 8000)
    assert bottom + height == pytest.approx(4000 + 0.5 * 8000 / growing.size)


def test_of_a_long_sound_there_are_not_too_many_columns() -> None:
    assert Spectrogram(16_000, 3_600 * 16_000).shades.shape[1] <= 2000

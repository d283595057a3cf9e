"""Sounds that are computed are what they are called; what is spoken is what the package has."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.data import bundled, sound_sets
from engine.data.sound import FULL, RATE
from engine.phrases import PlaygroundError

SPEEDS = (0.92, 0.96, 1.0, 1.04, 1.08)
COMPUTED = (sound_sets.notes, sound_sets.chords, sound_sets.drums)


def strongest(samples: Any, low: float, high: float) -> float:
    """The frequency in Hz of the strongest tone between these two."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    frequencies = np.fft.rfftfreq(1 << 16, 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return float(frequencies[spectrum.argmax()])


@pytest.mark.parametrize("make", COMPUTED, ids=lambda make: make.__name__)
def test_every_class_has_as_many_clips_and_none_clicks(make: Callable[[], dict[str, Any]]) -> None:
    made = make()
    count = len(made["classes"])
    for part, each in (("clips", 10), ("held_out", 1)):
        labels = [label for _samples, label in made[part]]
        assert np.bincount(labels).tolist() == [each] * count
    for samples, _label in made["clips"] + made["held_out"]:
        assert samples.dtype == np.int16
        assert abs(int(samples[0])) < 100
        assert abs(int(samples[-1])) < 100
        assert 0.1 * FULL < np.abs(samples.astype(int)).max() < 0.95 * FULL  # it is not cut off
    different = {samples.tobytes() for samples, _label in made["clips"] + made["held_out"]}
    assert len(different) == 11 * count
    again = make()
    assert all(
        np.array_equal(one, other)
        for (one, _), (other, _) in zip(made["clips"], again["clips"], strict=True)
    )


@pytest.mark.parametrize("make", COMPUTED, ids=lambda make: make.__name__)
def test_computed_sounds_begin_at_once(make: Callable[[], dict[str, Any]]) -> None:
    made = make()
    for samples, _label in made["clips"] + made["held_out"]:
        loud = np.abs(samples.astype(int))
        assert loud[:16].max() > 0.5 * loud[:80].max()  # of the first 10 ms, in the first 2


def test_notes_have_the_frequencies_of_the_scale() -> None:
    made = sound_sets.notes()
    # Equal temperament from A4 = 440 Hz, as it is in any book.
    expected = {"C4": 261.63, "E4": 329.63, "A4": 440.0, "C5": 523.25}
    for samples, label in made["clips"]:
        name = made["classes"][label]
        if name in expected:
            assert strongest(samples, 200, 600) == pytest.approx(expected[name], rel=0.01)


def test_chords_are_made_of_their_notes() -> None:
    made = sound_sets.chords()
    by_name = {made["classes"][label]: samples for samples, label in made["clips"][:6]}
    tones = {"C": (261.6, 329.6, 392.0), "Am": (220.0, 261.6, 329.6), "G": (196.0, 246.9, 293.7)}
    for name, frequencies in tones.items():
        for frequency in frequencies:
            found = strongest(by_name[name], frequency * 0.96, frequency * 1.04)
            assert found == pytest.approx(frequency, rel=0.01), name


def test_drums_can_be_told_by_where_their_power_is() -> None:
    made = sound_sets.drums()
    centre: dict[str, list[float]] = {}
    for samples, label in made["clips"]:
        power = np.abs(np.fft.rfft(samples)) ** 2
        frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
        middle = float((power * frequencies).sum() / power.sum())
        centre.setdefault(str(made["classes"][label]), []).append(middle)
    order = ["kick", "tom", "snare", "hi-hat"]
    for lower, higher in itertools.pairwise(order):
        assert max(centre[lower]) < min(centre[higher])


def test_spoken_clips_are_those_of_the_package_without_silence() -> None:
    made = sound_sets.spoken(sound_sets.LETTERS_AND_DIGITS)
    assert len(made["classes"]) == 36
    assert [label for _samples, label in made["held_out"]] == list(range(36))
    folder = bundled.folder_of("captcha") / "data"
    for label, name in enumerate(made["classes"]):
        theirs, rate = soundfile.read(folder / name / "default.wav")
        assert rate == RATE
        at_speeds = [samples for samples, each in made["clips"] if each == label]
        whole = at_speeds[2].astype(np.float64)  # the one that is played as it is
        assert 0.1 * RATE < len(whole) <= len(theirs)
        assert np.abs(whole).max() == pytest.approx(0.8 * FULL, rel=0.02)
        # The same wave at one place of theirs: the correlation there is nearly 1.
        inner = whole[40:-40]
        products = np.correlate(theirs - theirs.mean(), inner, "valid")
        start = int(products.argmax())
        part = theirs[start : start + len(inner)] - theirs.mean()
        assert np.corrcoef(part, inner)[0, 1] > 0.999
        held_out = made["held_out"][label][0]
        for samples, speed in zip((*at_speeds, held_out), (*SPEEDS, 0.98), strict=True):
            assert len(samples) == pytest.approx(len(whole) / speed, abs=2)
            assert abs(int(samples[0])) + abs(int(samples[-1])) < 100
    assert sound_sets.spoken("07")["classes"] == ("0", "7")


def test_what_is_played_faster_is_higher() -> None:
    made = sound_sets.spoken("2")
    tones = [strongest(samples[: 2 * RATE // 10], 100, 1000) for samples, _label in made["clips"]]
    ratios = np.array(tones) / tones[2]
    assert ratios == pytest.approx(SPEEDS, rel=0.03)


def test_a_package_without_its_sounds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_sets, "folder_of", lambda package: tmp_path)
    with pytest.raises(PlaygroundError, match="captcha came without its sounds"):
        sound_sets.spoken("0")
    (tmp_path / "data" / "0").mkdir(parents=True)
    soundfile.write(tmp_path / "data" / "0" / "default.wav", np.zeros((9, 2)), 8000)
    with pytest.raises(PlaygroundError, match="captcha came without its sounds"):
        sound_sets.spoken("0")

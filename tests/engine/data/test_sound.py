"""Sound as data: clips stand where it says, and all but the samples comes back from JSON."""

import json

import numpy as np
import pytest

from engine.data import catalogue, sound
from engine.data.sound import SoundData, clip_of, parted, told_length
from tests.engine.small import sound_data


def counted(length: int, first: int) -> sound.Samples:
    return np.arange(first, first + length, dtype=np.int16)


def test_clips_stand_one_after_the_other() -> None:
    clips = [(counted(5, 0), 1), (counted(3, 100), 0), (counted(4, 200), 1)]
    data = parted("key", "Title", 8000, clips, [(counted(2, 300), 0)], classes=("a", "b"))
    assert data.counts == (12, 2)
    assert data.clips == (3, 1)
    assert data.tally == (1, 2)
    assert data.train_starts.tolist() == [0, 5, 8]
    assert data.train_labels.tolist() == [1, 0, 1]
    for number, (samples, _label) in enumerate(clips):
        assert np.array_equal(clip_of(data.train, data.train_starts, number), samples)
    assert np.array_equal(clip_of(data.held_out, data.held_out_starts, 0), counted(2, 300))
    for part in (data.train, data.held_out):
        assert part.dtype == np.int16
        assert not part.flags.writeable


def test_facts_tell_length_rate_classes_and_parts() -> None:
    facts = dict(sound_data().facts())
    assert facts["Length"] == "1.0 s"
    assert facts["Rate"] == "8,000 samples a second"
    assert facts["Classes"] == "2: low, high (4 of each)"
    assert facts["To learn from"] == "0.8 s in 8 clips"
    assert facts["Held out"] == "0.2 s (20%)"
    assert "Note" not in facts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (119.94, "119.9 s"), (120, "2.0 min"), (5400, "90.0 min")],
)
def test_lengths_in_words(seconds: float, words: str) -> None:
    assert str(told_length(seconds)) == words


def test_the_preview_has_one_clip_of_each_class() -> None:
    data = sound_data()
    shown = data.preview()
    gap = round(0.08 * data.rate)
    assert len(shown.samples) == 2 * 800 + gap
    assert shown.rate == data.rate
    assert shown.spectrogram
    assert shown.caption == "low, high"
    assert shown.samples.dtype == np.float32
    # Sixteen bits are 1 at 32,768, so that nothing lies outside [-1, 1).
    assert np.array_equal(shown.samples[:800] * 32768, data.train[:800])
    assert not shown.samples[800 : 800 + gap].any()
    assert np.array_equal(shown.samples[-800:] * 32768, clip_of(data.train, data.train_starts, 1))


def test_the_preview_of_a_long_sound_is_its_beginning() -> None:
    loud = np.full(8000 * 30, 1000, np.int16)
    shown = parted("key", "Title", 8000, [(loud, 0)], [(loud[:9], 0)]).preview()
    assert len(shown.samples) == 6 * 8000
    assert shown.caption == ""


def test_all_but_the_samples_comes_back() -> None:
    data = sound_data()
    kept = catalogue.from_json(json.loads(json.dumps(data.to_json())))
    assert isinstance(kept, SoundData)
    assert kept.to_json() == data.to_json()
    assert dict(kept.facts()) == dict(data.facts())
    assert len(kept.train) == len(kept.held_out) == len(kept.train_starts) == 0
    assert kept.train.dtype == np.int16
    assert len(kept.preview().samples) == 0


@pytest.mark.parametrize(
    "damage", [{"rate": 0}, {"rate": "fast"}, {"counts": [1]}, {"clips": 3}, {"rate": 10**9}]
)
def test_damaged_json_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        SoundData.from_json(sound_data().to_json() | damage)

"""Sound files of one's own: read right whatever their form, or refused in words."""

import hashlib
import math
import os
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from engine.data import sound_files
from engine.data.sound import FULL, SoundData
from engine.data.sound_files import open_sound, prime_of
from engine.events import Progress
from engine.phrases import PlaygroundError


def run(steps: Generator[Progress, None, SoundData]) -> SoundData:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            data: SoundData = stop.value
            return data


def sine(frequency: float, seconds: float, rate: int, loud: float = 0.5) -> NDArray[np.float64]:
    return loud * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def written(
    path: Path, samples: Any, rate: int = 8000, subtype: str | None = None, **more: Any
) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype, **more)
    return path


def whole(data: SoundData) -> NDArray[np.float64]:
    return np.concatenate([data.train, data.held_out]) / FULL


# --- forms of files


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_U8", 1 / 128),
        ("a.wav", "PCM_16", 1 / FULL),
        ("a.wav", "PCM_24", 1 / FULL),
        ("a.wav", "PCM_32", 1 / FULL),
        ("a.wav", "FLOAT", 1 / FULL),
        ("a.wav", "DOUBLE", 1 / FULL),
        ("a.flac", "PCM_16", 1 / FULL),
        ("a.flac", "PCM_24", 1 / FULL),
        ("a.aiff", "PCM_16", 1 / FULL),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_every_form_gives_the_same_sound(
    tmp_path: Path, name: str, subtype: str, error: float
) -> None:
    wave = sine(300, 1.5, 8000) + sine(1111, 1.5, 8000, 0.2)
    data = run(open_sound(written(tmp_path / name, wave, subtype=subtype)))
    assert (data.kind, data.rate, data.title) == ("sound", 8000, name)
    assert data.remark == ""
    assert data.classes == ()
    assert data.counts == (len(data.train), len(data.held_out))
    found = whole(data)
    assert len(found) == pytest.approx(len(wave), abs=3000 if name == "a.mp3" else 0)
    both = min(len(found), len(wave))
    assert np.abs(found[100 : both - 100] - wave[100 : both - 100]).max() < error


def test_sixteen_bits_come_out_as_they_went_in(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(-32768, 32768, 8000).astype(np.int16)
    data = run(open_sound(written(tmp_path / "a.wav", bits)))
    assert np.array_equal(np.concatenate([data.train, data.held_out]), bits)
    assert not data.train.flags.writeable


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000, 96_000, 6000])
@pytest.mark.parametrize(("option", "to"), [("auto", 8000), ("16k", 16_000)])
def test_a_tone_is_the_same_tone_at_another_rate(
    tmp_path: Path, rate: int, option: str, to: int
) -> None:
    path = written(tmp_path / "a.wav", sine(440, 1.0, rate), rate)
    data = run(open_sound(path, option))
    assert data.rate == to
    found = whole(data)
    assert len(found) == pytest.approx(to, abs=1)
    expected = sine(440, 1.0, to)
    inner = slice(to // 20, to - to // 20)  # a tone that begins at once has other tones there
    assert np.abs(found[inner] - expected[inner]).max() < 2e-3


def test_what_the_new_rate_cannot_hold_is_gone_and_not_folded_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(440, 1, 44_100) + sine(5000, 1, 44_100, 0.4), 44_100)
    found = whole(run(open_sound(path)))
    inner = slice(400, 7600)
    assert np.abs(found[inner] - sine(440, 1, 8000)[inner]).max() < 2e-3


def test_channels_are_mixed_into_one(tmp_path: Path) -> None:
    left, right = sine(300, 1, 8000), sine(500, 1, 8000)
    stereo = run(open_sound(written(tmp_path / "a.wav", np.stack([left, right], 1))))
    assert np.abs(whole(stereo) - (left + right) / 2).max() < 2 / FULL  # rounded twice
    assert stereo.remark == "2 channels were mixed into one"
    six = np.stack([sine(200 * (i + 1), 1, 8000) for i in range(6)], 1)
    surround = run(open_sound(written(tmp_path / "b.wav", six, format="WAVEX")))
    assert np.abs(whole(surround) - six.mean(1)).max() < 2 / FULL
    assert dict(surround.facts())["Note"] == "6 channels were mixed into one"


def test_what_is_too_loud_is_turned_down_as_a_whole(tmp_path: Path) -> None:
    # Loudest in the last block: what was read before has to be turned down after it.
    swell = np.linspace(0, 4.0, 200_000) * np.sin(np.arange(200_000) / 9)
    data = run(open_sound(written(tmp_path / "a.wav", swell, subtype="FLOAT")))
    peak = np.abs(swell).max()
    assert np.abs(whole(data) - swell / peak).max() < 2.5 / FULL
    assert data.remark == f"it was louder than full scale, and was turned down by {peak:.2f}"


# --- parts


def test_the_last_tenth_is_held_out_and_clips_are_short(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 33.0, 8000))
    data = run(open_sound(path))
    assert data.counts == (237_600, 26_400)
    lengths = np.diff([*data.train_starts.tolist(), len(data.train)])
    assert data.clips == (3, 1)
    assert lengths.sum() == len(data.train)
    assert lengths.max() - lengths.min() <= 1
    assert data.train_starts[0] == 0
    assert data.train_labels.tolist() == [0, 0, 0]
    assert data.key == str(path)
    assert data.source == path
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_long_file_is_cut_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_files, "MOST_SECONDS", 150.0)
    wave = sine(100, 160.0, 4000)
    data = run(open_sound(written(tmp_path / "a.wav", wave, 4000)))
    assert sum(data.counts) == pytest.approx(150 * 8000, abs=2)
    assert data.remark == "only the first 2.5 min were taken"


def test_a_long_file_is_in_memory_once(tmp_path: Path) -> None:
    # Ten minutes in stereo: 106 MB as the file's own samples in floats, 9.6 MB as they are kept.
    path = tmp_path / "a.flac"
    block = np.stack([sine(441, 10.0, 22_050), sine(441, 10.0, 22_050)], 1)
    with soundfile.SoundFile(path, "w", 22_050, 2) as file:
        for _ in range(60):
            file.write(block)
    tracemalloc.start()
    try:
        data = run(open_sound(path))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(data.counts) == pytest.approx(600 * 8000, abs=2)
    assert peak < 2 * data.train.nbytes + 8_000_000  # what grows may be moved as it does


def test_progress_is_told_and_reaches_the_end(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 20.0, 22_050), 22_050)
    told = [each.done for each in open_sound(path) if each.done is not None]
    assert len(told) > 5
    assert told == sorted(told)
    assert told[-1] == 1.0


# --- what cannot be used


def refused(path: Path, says: str) -> None:
    """Both ways to read it refuse it by its name, and say what would be accepted."""
    for read in (lambda: run(open_sound(path)), lambda: prime_of(str(path), 8000)):
        with pytest.raises(PlaygroundError) as caught:
            read()
        assert str(path) in str(caught.value)
        assert says in str(caught.value)
        assert "accepted is a sound file (.wav, .flac, .ogg" in str(caught.value)


def test_what_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("once upon a time " * 100)
    refused(tmp_path / "text.wav", "is no sound that can be read")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "is empty")
    (tmp_path / "folder.wav").mkdir()
    refused(tmp_path / "folder.wav", "is a folder")
    os.mkfifo(tmp_path / "pipe.wav")
    refused(tmp_path / "pipe.wav", "a pipe or a device, and no file")
    refused(tmp_path / "gone.wav", "there is no file")
    (tmp_path / "bytes.raw").write_bytes(bytes(9000))
    refused(tmp_path / "bytes.raw", "is no sound that can be read")
    written(tmp_path / "header.wav", np.zeros(0))
    refused(tmp_path / "header.wav", "has no sound in it")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 1, 8000))
    path.chmod(0)
    refused(path, "cannot be read (Permission denied)")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    wave = sine(100, 20, 8000)
    wave[70_000] = value
    path = written(tmp_path / "a.wav", wave, subtype="FLOAT")
    refused(path, "has samples that are no numbers, the first after 8.75 s")


def test_silence(tmp_path: Path) -> None:
    refused(written(tmp_path / "a.wav", np.zeros(8000)), "is silent from beginning to end")


def test_too_short(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 0.3, 44_100), 44_100)
    with pytest.raises(PlaygroundError, match=r"is 0\.30 s long, and at least 0\.5 s are needed"):
        run(open_sound(path))
    assert len(prime_of(str(path), 8000)) == pytest.approx(2400, abs=1)  # enough to go on from


def test_a_rate_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match="there is no rate '44k': there are auto, 8k, 16k"):
        run(open_sound(tmp_path / "a.wav", "44k"))


# --- what breaks off


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
def test_of_what_breaks_off_the_beginning_is_used(tmp_path: Path, name: str) -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal(44_100 * 12)
    path = written(tmp_path / name, noise, 44_100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    data = run(open_sound(path))
    assert 4 * 8000 < sum(data.counts) <= 6.2 * 8000
    assert data.remark == "the file breaks off before its end; what is there was taken"


def test_a_file_that_was_written_as_it_was_heard_does_not_break_off(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 1, 8000))
    content = bytearray(path.read_bytes())
    length = content.find(b"data") + 4
    content[length : length + 4] = b"\xff" * 4  # a program that did not know how long
    path.write_bytes(content)
    data = run(open_sound(path))
    assert sum(data.counts) == 8000
    assert data.remark == ""


def test_a_file_that_breaks_off_before_any_sound(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", sine(100, 1, 8000))
    path.write_bytes(path.read_bytes()[:44])
    refused(path, "has no sound in it")


# --- to go on from


def test_a_prime_is_the_beginning_at_the_rate_that_is_wanted(tmp_path: Path) -> None:
    wave = np.stack([sine(440, 3, 44_100)] * 2, 1)
    path = str(written(tmp_path / "a.wav", wave, 44_100))
    prime = prime_of(path, 16_000, 0.5)
    assert prime.dtype == np.float32
    assert len(prime) == pytest.approx(8000, abs=1)
    assert np.abs(prime[400:-400] - sine(440, 0.5, 16_000)[400 : len(prime) - 400]).max() < 2e-3
    assert len(prime_of(path, 8000)) == pytest.approx(24_000, abs=1)  # all of a short one
    loud = str(written(tmp_path / "b.wav", 3 * wave, 44_100, "FLOAT"))
    assert np.abs(prime_of(loud, 8000)).max() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_prime_begins_where_the_silence_ends(tmp_path: Path, rate: int) -> None:
    tone = sine(440, 1, rate)
    path = str(written(tmp_path / "a.wav", np.concatenate([np.zeros(4 * rate), tone]), rate))
    prime = prime_of(path, 8000, 0.25)
    assert len(prime) == 2000
    begins = int((np.abs(prime) > 1e-3).argmax())
    assert 75 < begins < 130  # a hundredth of a second before, and what a filter needs to begin
    wanted = sine(440, 1, 8000)[100:1900]
    errors = [np.abs(prime[100 + shift :][:1700] - wanted[:1700]).max() for shift in range(150)]
    assert min(errors) < 5e-3
    silent = str(written(tmp_path / "b.wav", np.zeros(3 * rate), rate))
    with pytest.raises(PlaygroundError, match="is silent from beginning to end"):
        prime_of(silent, 8000, 0.25)


def test_a_prime_of_what_the_rate_cannot_hold_is_refused(tmp_path: Path) -> None:
    wave = sine(15_000, 2, 44_100)
    wave *= np.hanning(len(wave))  # a sudden start would be heard
    path = str(written(tmp_path / "a.wav", wave, 44_100, "FLOAT"))
    with pytest.raises(PlaygroundError, match="has no sound in it"):
        prime_of(path, 8000, 0.25)


def test_no_prime_is_told() -> None:
    with pytest.raises(PlaygroundError, match="there is no sound yet: open a file or drop one"):
        prime_of("", 8000)

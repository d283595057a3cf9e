"""Sounds that come with an installed package, or are computed: 8,000 samples a second.

What is computed is the same every time. Each class comes in several clips, which differ as
one touch differs from the next: in loudness, in brightness, in how soon they die away; some
of the clips are held out. Clips begin and end in silence, so that none clicks.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.data.bundled import folder_of
from engine.data.sound import FULL, RATE, Clip, Samples
from engine.phrases import N_, PlaygroundError

Wave: TypeAlias = NDArray[np.float64]
Random: TypeAlias = np.random.Generator

DIGITS = "0123456789"
LETTERS_AND_DIGITS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SCALE = {"C4": 0, "D4": 2, "E4": 4, "F4": 5, "G4": 7, "A4": 9, "B4": 11, "C5": 12}
"""The notes of a scale, in semitones above middle C."""
CHORDS = {
    "C": (0, 4, 7),
    "Dm": (2, 5, 9),
    "Em": (-8, -5, -1),
    "F": (-7, -3, 0),
    "G": (-5, -1, 2),
    "Am": (-3, 0, 4),
}
"""The chords of C major that songs are made of, in semitones from middle C."""
CLIPS, HELD_OUT_CLIPS = 10, 1
"""How many clips of each class are computed, and how many more are held out."""

SPEEDS, HELD_OUT_SPEED = (0.92, 0.96, 1.0, 1.04, 1.08), 0.98
"""A spoken clip is there once. These speeds make five of it, and one more that is held out."""

_MIDDLE_C = 261.6256  # Hz
_SEED = 20_260_501
_PEAK = 0.8  # of full scale: as loud as every spoken clip is made
_FRAME = 80  # samples, 10 ms: what is looked at to find where speech begins and ends
_AUDIBLE = 0.06  # of the peak
_FADE_SECONDS = 0.005


def spoken(characters: str) -> dict[str, Any]:
    """Letters and digits, each spoken once, and played at several speeds.

    From package captcha, whose files are unsigned bytes at 8 kHz. Raises `PlaygroundError`
    where they are not there.
    """
    import soundfile
    import soxr

    folder = folder_of("captcha") / "data"
    clips: list[Clip] = []
    held_out: list[Clip] = []
    for label, character in enumerate(characters):
        try:
            samples, rate = soundfile.read(folder / character / "default.wav", dtype="float64")
        except (OSError, soundfile.SoundFileError) as error:
            raise _without_sounds(folder) from error
        if rate != RATE or samples.ndim != 1:
            raise _without_sounds(folder)
        whole = _spoken_part(samples - samples.mean())
        for speed in (*SPEEDS, HELD_OUT_SPEED):
            played = whole if speed == 1.0 else soxr.resample(whole, RATE * speed, RATE)
            part = held_out if speed == HELD_OUT_SPEED else clips
            part.append((_whole(_faded(played)), label))
    return {"clips": clips, "held_out": held_out, "classes": tuple(characters)}


def _spoken_part(samples: Wave) -> Wave:
    """`samples` without the silence before and after, as loud as all are."""
    frames = len(samples) // _FRAME
    loud = np.abs(samples[: frames * _FRAME]).reshape(frames, _FRAME).max(1)
    audible = np.flatnonzero(loud > _AUDIBLE * loud.max())
    first, last = int(audible[0]) * _FRAME, (int(audible[-1]) + 1) * _FRAME
    return np.asarray(_PEAK / loud.max() * samples[first:last])


def _without_sounds(folder: Path) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "the package captcha came without its sounds here ({folder}): install it anew with "
            "pip, or choose another data set",
            folder=str(folder),
        )
    )


def notes() -> dict[str, Any]:
    """A scale on a string that is plucked."""
    return _computed(
        tuple(SCALE),
        [partial(_plucked, semitone=semitone, seconds=0.5) for semitone in SCALE.values()],
    )


def chords() -> dict[str, Any]:
    """Three strings, one plucked shortly after the other."""
    return _computed(
        tuple(CHORDS),
        [partial(_strummed, semitones=semitones, seconds=0.75) for semitones in CHORDS.values()],
    )


def drums() -> dict[str, Any]:
    """Four drums, each a wave that falls, or noise, or both."""
    names = (N_("kick"), N_("snare"), N_("hi-hat"), N_("tom"))
    return _computed(names, [_kick, _snare, _hi_hat, _tom])


def _computed(names: Sequence[str], makers: Sequence[Callable[[Random], Wave]]) -> dict[str, Any]:
    """Clips of each class, in turn, as `makers` make them.

    They are to begin at zero, but at once: in a slow start the tone is hard to tell, and what is
    learned from it would begin with one tone and go on with another.
    """
    random = np.random.default_rng(_SEED)
    clips = [
        (_whole(_ended(make(random))), label)
        for _number in range(CLIPS + HELD_OUT_CLIPS)
        for label, make in enumerate(makers)
    ]
    last = CLIPS * len(makers)
    return {"clips": clips[:last], "held_out": clips[last:], "classes": tuple(names)}


def _times(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def _plucked(random: Random, semitone: float, seconds: float, delay: float = 0.0) -> Wave:
    """A string: harmonics k of strength k^-b, and the higher one is, the sooner it is gone."""
    time = np.maximum(_times(seconds) - delay, 0.0)
    frequency = _MIDDLE_C * 2 ** (semitone / 12)
    brightness, decay = random.uniform(1.0, 1.6), random.uniform(3.0, 5.0)
    harmonics = np.arange(1, 9)[:, None]
    each = harmonics**-brightness * np.exp(-decay * (0.7 + 0.3 * harmonics) * time)
    wave = (each * np.sin(2 * np.pi * frequency * harmonics * time)).sum(0)
    return np.asarray(_PEAK * random.uniform(0.6, 1.0) * wave / np.abs(wave).max())


def _strummed(random: Random, semitones: Sequence[int], seconds: float) -> Wave:
    between = random.uniform(0.01, 0.025)
    strings = [_plucked(random, s, seconds, i * between) for i, s in enumerate(semitones)]
    wave = np.sum(strings, 0)
    return np.asarray(_PEAK * random.uniform(0.7, 1.0) * wave / np.abs(wave).max())


def _falling(time: Wave, high: float, low: float, speed: float) -> Wave:
    """A sine wave whose frequency falls from `high` to `low` Hz."""
    turns = low * time + (high - low) / speed * (1 - np.exp(-speed * time))
    return np.asarray(np.sin(2 * np.pi * turns))


def _hiss(random: Random, time: Wave) -> Wave:
    """Noise in [-1, 1] that is there after a millisecond."""
    return random.uniform(-1, 1, len(time)) * np.minimum(time / 0.001, 1.0)


def _kick(random: Random) -> Wave:
    time = _times(0.3)
    fall = _falling(time, random.uniform(140, 180), 48.0, 30.0)
    return np.asarray(random.uniform(0.7, 0.9) * fall * np.exp(-10 * time))


def _tom(random: Random) -> Wave:
    time = _times(0.35)
    fall = _falling(time, random.uniform(170, 190), 110.0, 12.0)
    return np.asarray(random.uniform(0.6, 0.8) * fall * np.exp(-8 * time))


def _snare(random: Random) -> Wave:
    time = _times(0.25)
    rattle = _hiss(random, time) * np.exp(-random.uniform(14, 20) * time)
    skin = _falling(time, 240.0, 180.0, 20.0) * np.exp(-18 * time)
    return np.asarray(random.uniform(0.7, 0.9) * (0.6 * rattle + 0.4 * skin))


def _hi_hat(random: Random) -> Wave:
    time = _times(0.2)
    hiss = np.diff(_hiss(random, time), prepend=0.0) / 2  # the difference leaves high tones
    return np.asarray(random.uniform(0.5, 0.8) * hiss * np.exp(-random.uniform(25, 40) * time))


def _faded(wave: Wave) -> Wave:
    """`wave` with both ends brought down to silence."""
    return _ended(_ended(wave)[::-1])[::-1]


def _ended(wave: Wave) -> Wave:
    """`wave` with its end brought down to silence."""
    length = round(_FADE_SECONDS * RATE)
    wave = wave.copy()
    wave[-length:] *= (1 + np.cos(np.pi * np.arange(1, length + 1) / length)) / 2
    return wave


def _whole(wave: Wave) -> Samples:
    """`wave` in [-1, 1) as whole numbers of 16 bits."""
    return np.clip(np.rint(wave * FULL), -FULL, FULL - 1).astype(np.int16)

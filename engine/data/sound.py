"""Sound to learn from: clips of one rate, mono, in two parts.

A sample is kept as it is in most files, as a whole number of 16 bits; divided by 32,768 it
lies in [-1, 1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import payloads, wary
from engine.data.images import classes_fact, named_classes
from engine.phrases import N_

Samples = NDArray[np.int16]
Starts = NDArray[np.int64]
Clip = tuple[Samples, int]
"""Samples and their class."""

FULL = 32768.0
"""What a sample is divided by to lie in [-1, 1)."""
RATES: Mapping[str, int] = {"8k": 8000, "16k": 16000}
"""What may follow the path of an own file, and the samples a second that it then gets."""
RATE = 8000

_HEARD_SECONDS = 6.0
_GAP_SECONDS = 0.08


@dataclass(frozen=True, eq=False)
class SoundData:
    """Clips of sound, one after the other.

    key: its key in the catalogue, or the path of the own file. rate: samples a second.
    train, held_out: (n,) int16, mono, never written to; empty in what `from_json` gives, which
        serves to build a model and to sample.
    train_starts, held_out_starts: (k,) where each clip begins (rising, the first 0); it ends
        where the next begins.
    train_labels, held_out_labels: (k,) the class of each clip, an index into `classes`.
    classes: their names, or () where there are none (then all labels are 0).
    counts: samples in the two parts. clips: clips in the two parts.
    tally: (len(classes),) clips of each class to learn from.
    source: the own file, sha256: of it, else "". remark: what else must be known of its import.
    """

    key: str
    title: str
    rate: int
    train: Samples
    held_out: Samples
    train_starts: Starts
    held_out_starts: Starts
    train_labels: Starts
    held_out_labels: Starts
    classes: tuple[str, ...] = ()
    counts: tuple[int, int] = (0, 0)
    clips: tuple[int, int] = (0, 0)
    credit: str = ""
    sha256: str = ""
    remark: str = ""
    source: Path | None = None
    tally: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """What kind of data it is: "sound"."""
        return "sound"

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing."""
        train, held_out = self.counts
        seconds = (train + held_out) / self.rate
        learned: str = told_length(train / self.rate)
        if self.clips[0] > 1:
            learned = N_("{length} in {clips:,} clips", length=learned, clips=self.clips[0])
        facts: list[tuple[str, str]] = [
            (N_("Length"), told_length(seconds)),
            (N_("Rate"), N_("{rate:,} samples a second", rate=self.rate)),
            *classes_fact(self.classes, self.tally),
            (N_("To learn from"), learned),
            (
                N_("Held out"),
                N_(
                    "{length} ({share:.0%})",
                    length=told_length(held_out / self.rate),
                    share=held_out / max(1, train + held_out),
                ),
            ),
        ]
        if self.remark:
            facts.append((N_("Note"), self.remark))
        if self.source is not None:
            facts.append((N_("File"), str(self.source)))
        if self.credit:
            facts.append((N_("Credit"), self.credit))
        return tuple(facts)

    def preview(self) -> payloads.Sound:
        """A few of the clips, one of each class, to hear: about 6 seconds."""
        heard: list[Samples] = []
        names: list[str] = []
        left = round(_HEARD_SECONDS * self.rate)
        gap = np.zeros(round(_GAP_SECONDS * self.rate), np.int16)
        for clip in self._one_of_each():
            samples = clip_of(self.train, self.train_starts, clip)
            if heard and len(samples) > left:
                break
            heard += [samples[:left], gap]
            left -= len(samples) + len(gap)
            if self.classes:
                names.append(self.classes[int(self.train_labels[clip])])
        joined = np.concatenate(heard[:-1]) if heard else np.empty(0, np.int16)
        samples_ = (joined / np.float32(FULL)).astype(np.float32)
        caption = ", ".join(str(name) for name in names)
        return payloads.Sound(samples_, self.rate, caption=caption, spectrogram=True)

    def _one_of_each(self) -> list[int]:
        """The first clip of each class; without classes all of them."""
        if not self.classes:
            return list(range(len(self.train_starts)))
        first = (np.flatnonzero(self.train_labels == i)[:1] for i in range(len(self.classes)))
        return [int(clip) for clips in first for clip in clips]

    def to_json(self) -> dict[str, Any]:
        """All but the samples."""
        return {
            "kind": self.kind,
            "key": self.key,
            "title": str(self.title),
            "rate": self.rate,
            "counts": list(self.counts),
            "clips": list(self.clips),
            "classes": [str(each) for each in self.classes],
            "tally": list(self.tally),
            "credit": str(self.credit),
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "SoundData":
        """What `to_json` wrote, without samples.

        Raises `ValueError`, `TypeError` or `KeyError` where that is damaged.
        """
        wary.texts(values, "key", "title", "credit", "sha256")
        rate = wary.whole(values["rate"], 1, 1_000_000)
        train, held_out = values["counts"]
        clips, held_out_clips = values["clips"]
        none, nowhere = np.empty(0, np.int16), np.empty(0, np.int64)
        return SoundData(
            values["key"],
            values["title"],
            rate,
            none,
            none,
            nowhere,
            nowhere,
            nowhere,
            nowhere,
            classes=named_classes(values),
            counts=(int(train), int(held_out)),
            clips=(int(clips), int(held_out_clips)),
            tally=tuple(values.get("tally", ())),
            credit=values["credit"],
            source=None if values.get("source") is None else Path(values["source"]),
            sha256=values["sha256"],
        )


def clip_of(samples: Samples, starts: Starts, number: int) -> Samples:
    """Clip `number` of `samples`, which begin where `starts` says."""
    end = int(starts[number + 1]) if number + 1 < len(starts) else len(samples)
    return samples[int(starts[number]) : end]


def told_length(seconds: float) -> str:
    """A length in words: seconds below two minutes, and else minutes.

    >>> str(told_length(0.5)), str(told_length(600))
    ('0.5 s', '10.0 min')
    """
    if seconds < 120:
        return N_("{seconds:.1f} s", seconds=seconds)
    return N_("{minutes:.1f} min", minutes=seconds / 60)


def parted(
    key: str,
    title: str,
    rate: int,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    **more: Any,
) -> SoundData:
    """Clips with their labels as data, in the two parts they come in. more: further fields."""
    return joined(key, title, rate, _in_a_row(clips), _in_a_row(held_out), **more)


def joined(
    key: str,
    title: str,
    rate: int,
    train: tuple[Samples, Starts, Starts],
    held_out: tuple[Samples, Starts, Starts],
    **more: Any,
) -> SoundData:
    """Two parts as data, each its samples, where the clips begin, and their classes."""
    classes: tuple[str, ...] = more.get("classes", ())
    for samples, _starts, _labels in (train, held_out):
        samples.flags.writeable = False
    return SoundData(
        key,
        title,
        rate,
        train[0],
        held_out[0],
        train[1],
        held_out[1],
        train[2],
        held_out[2],
        counts=(len(train[0]), len(held_out[0])),
        clips=(len(train[1]), len(held_out[1])),
        tally=tuple(np.bincount(train[2], minlength=len(classes)).tolist()) if classes else (),
        **more,
    )


def _in_a_row(clips: Sequence[Clip]) -> tuple[Samples, Starts, Starts]:
    """Clips one after the other, where each begins, and the class of each."""
    lengths = np.array([len(samples) for samples, _label in clips], np.int64)
    samples = [np.empty(0, np.int16), *(samples for samples, _label in clips)]
    labels = np.array([label for _samples, label in clips], np.int64)
    return np.concatenate(samples), np.cumsum(lengths) - lengths, labels

"""Sound files of one's own: any rate, mono or with several channels, at one rate and mono.

A file is decoded, mixed and resampled a block at a time (soundfile and soxr), so that of a
long one only what is learned from it is ever in memory, two bytes for each sample.
"""

import hashlib
import os
import re
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import wary
from engine.data.sound import (
    FULL,
    RATE,
    RATES,
    Samples,
    SoundData,
    Starts,
    joined,
    told_length,
)
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

Loading = Generator[Progress, None, SoundData]
Floats = NDArray[np.float32]

_ENDINGS = "wav wave flac ogg oga opus mp3 aif aiff aifc au caf w64 rf64"
SUFFIXES = frozenset(f".{each}" for each in _ENDINGS.split())
SHORTEST_SECONDS = 0.5
MOST_SECONDS = 7200.0
CLIP_SECONDS = 10.0
HELD_OUT = 0.1
PRIME_SECONDS = 10.0
SOUGHT_SECONDS = 600.0  # so long at most is looked for where a silence ends
SLOWEST, FASTEST = 1000, 1_000_000  # samples a second

_BLOCK = 1 << 16  # frames that are read at once
_LEAD_SECONDS = 0.01  # of silence that is left before what is heard
_QUIETEST = 1e-4  # a sound whose every sample is below it is silence
_UNKNOWN_BYTES = 0x7FFF0000  # what a program writes that does not know yet how long it will be
_DATA_CHUNK = re.compile(r"^\s*data\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


def open_sound(path: Path | str, option: str = "auto") -> Loading:
    """Import the sound file at `path`; yields `Progress`, returns `SoundData`.

    option: one of `RATES`, or "auto" for 8,000 samples a second.

    Channels are mixed into one; what is louder than full scale is turned down as a whole. The
    last tenth is held out, and both parts are cut into clips of at most 10 seconds. Of a file
    that breaks off, what is there is used. Raises `PlaygroundError` that names what is wrong.
    """
    path = wary.place(path)
    if option not in ("auto", *RATES):
        raise PlaygroundError(
            N_(
                "there is no rate {option!r}: there are {known}",
                option=option,
                known=", ".join(("auto", *RATES)),
            )
        )
    rate = RATES.get(option, RATE)
    begun = time.perf_counter()
    with _Reading(path, rate, MOST_SECONDS) as reading:
        sha256 = yield from _digest(path, begun)
        whole = bytearray()
        full = 1.0
        louder: list[tuple[int, float]] = []  # up to this byte, divided by this
        for piece in reading.pieces():
            if reading.peak > full:
                louder.append((len(whole), full))
                full = reading.peak
            whole += _sixteen_bits(piece / full).tobytes()
            yield _progress(len(whole) // 2, reading.done, begun, path)
        samples = np.frombuffer(whole, np.int16)
        start = 0
        for end, divided in louder:
            part = samples[start // 2 : end // 2]
            np.multiply(part, divided / full, out=part, casting="unsafe")
            start = end
            yield _progress(len(samples), None, begun, path)
        reading.refuse_unless_heard(len(samples))
    last = len(samples) - round(HELD_OUT * len(samples))
    return joined(
        str(path),
        path.name,
        rate,
        _cut(samples[:last], rate),
        _cut(samples[last:], rate),
        source=path,
        sha256=sha256,
        remark=reading.remark(),
    )


def prime_of(path: str, rate: int, seconds: float = PRIME_SECONDS) -> Floats:
    """The first `seconds` of the sound file at `path`, to go on from: (n,) float32 in [-1, 1].

    Mono, at `rate` samples a second, from where its first silence ends: many recordings begin with
    some, and nothing follows from that. Raises `PlaygroundError` as `open_sound` does.
    """
    if not path:
        raise PlaygroundError(N_("there is no sound yet: open a file or drop one"))
    most, read, heard = round(seconds * rate), 0, np.empty(0, np.float32)
    with _Reading(wary.place(path), rate, SOUGHT_SECONDS) as reading:
        for piece in reading.pieces():
            read += len(piece)
            heard = np.concatenate([heard, piece if len(heard) else _heard(piece, rate)])
            if len(heard) >= most:
                break
        reading.refuse_unless_heard(read, 0.0)
        reading.refuse_unless_heard(len(heard), 0.0)  # all of it is too high for this rate
        prime: Floats = np.clip(heard[:most] / max(1.0, reading.peak), -1, 1).astype(np.float32)
        return prime


def _heard(samples: Floats, rate: int) -> Floats:
    """`samples` (n,) from just before their silence ends; none where it does not."""
    loud = np.abs(samples) >= _QUIETEST
    if not loud.any():
        return samples[:0]
    begins = int(loud.argmax()) - round(_LEAD_SECONDS * rate)
    return samples[max(0, begins) :]


class _Reading:
    """A sound file, mono and at another rate, a piece at a time.

    peak: the loudest so far, of full scale, once mixed. done: the part that is read.
    broken: whether the file ends before it says. channels: of the file.
    """

    def __init__(self, path: Path, rate: int, most_seconds: float) -> None:
        self.path = path
        self.rate = rate
        self.peak = 0.0
        self.done = 0.0
        self.broken = False
        self.file = _opened(path)
        self.channels = int(self.file.channels)
        self.most = round(most_seconds * self.file.samplerate)
        self.cut = self.file.frames > self.most

    def __enter__(self) -> "_Reading":
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()

    def pieces(self) -> Iterator[Floats]:
        """All of it, in pieces (n,), each as it comes out of the resampler."""
        import soxr

        own = int(self.file.samplerate)
        if own == self.rate:
            yield from self._blocks()
            return
        stream = soxr.ResampleStream(own, self.rate, 1, dtype="float32", quality="HQ")
        for block in self._blocks():
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)

    def _blocks(self) -> Iterator[Floats]:
        """The file as it is, but mono."""
        import soundfile

        read, most = 0, max(1, _BLOCK // self.channels)
        while read < self.most:
            try:
                block = self.file.read(min(most, self.most - read), "float32", always_2d=True)
            except soundfile.SoundFileError as error:
                if not read:
                    raise _refused(self.path, N_("is damaged or breaks off")) from error
                self.broken = True
                return
            if not len(block):
                break
            mono: Floats = block.mean(1, dtype=np.float32)
            if not np.isfinite(mono).all():
                raise _refused(
                    self.path,
                    N_(
                        "has samples that are no numbers, the first after {seconds:.2f} s",
                        seconds=(read + int(np.argmin(np.isfinite(mono)))) / self.file.samplerate,
                    ),
                )
            read += len(block)
            self.peak = max(self.peak, float(np.abs(mono).max()))
            self.done = min(1.0, read / max(1, min(self.most, self.file.frames)))
            yield mono
        short = read < min(self.most, self.file.frames)
        self.broken = short or (not self.cut and _breaks_off(str(self.file.extra_info)))

    def refuse_unless_heard(self, count: int, least: float = SHORTEST_SECONDS) -> None:
        """Raise where the `count` samples that were read are too few, or silence."""
        seconds = count / self.rate
        if not count:
            raise _refused(self.path, N_("has no sound in it"))
        if seconds < least:
            raise _refused(
                self.path,
                N_(
                    "is {seconds:.2f} s long, and at least {least} s are needed",
                    seconds=seconds,
                    least=least,
                ),
            )
        if self.peak < _QUIETEST:
            raise _refused(self.path, N_("is silent from beginning to end"))

    def remark(self) -> str:
        """What was done to the file that is not plain."""
        said: list[str] = []
        if self.channels > 1:
            said.append(N_("{count} channels were mixed into one", count=self.channels))
        if self.peak > 1:
            said.append(
                N_("it was louder than full scale, and was turned down by {by:.2f}", by=self.peak)
            )
        if self.broken:
            said.append(N_("the file breaks off before its end; what is there was taken"))
        if self.cut:
            length = told_length(self.most / self.file.samplerate)
            said.append(N_("only the first {length} were taken", length=length))
        told: str = said[0] if said else ""
        for each in said[1:]:
            told = N_("{before}; {after}", before=told, after=each)
        return told


def _opened(path: Path) -> Any:
    """The file at `path`, open. Raises `PlaygroundError`."""
    import soundfile

    try:
        if not wary.file_size(path):
            raise _refused(path, N_("is empty"))
        with path.open("rb"):
            pass  # the library does not say why it may not
        # A name need not be text on all systems, and on Windows has to be.
        file = soundfile.SoundFile(str(path) if os.name == "nt" else os.fsencode(path))
    except IsADirectoryError as error:
        raise _refused(path, N_("is a folder")) from error
    except FileNotFoundError as error:
        raise PlaygroundError(
            N_("there is no file {path}: accepted is {accepted}", path=str(path), accepted=_KNOWN)
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a name that says "raw"
        raise _refused(path, N_("is no sound that can be read")) from error
    if not SLOWEST <= file.samplerate <= FASTEST:
        file.close()
        raise _refused(
            path,
            N_(
                "says that it has {rate:,} samples a second, and accepted are {low:,} to {high:,}",
                rate=file.samplerate,
                low=SLOWEST,
                high=FASTEST,
            ),
        )
    return file


def _breaks_off(log: str) -> bool:
    """Whether a WAV says that it is longer than it is; `log` is what the library noted of it."""
    found = _DATA_CHUNK.search(log)
    return found is not None and int(found[2]) < int(found[1]) < _UNKNOWN_BYTES


_KNOWN = N_("a sound file (.wav, .flac, .ogg, .mp3 or .aiff) of half a second or more")


def _refused(path: Path, why: Phrase) -> PlaygroundError:
    return PlaygroundError(
        N_("{path} {why}: accepted is {accepted}", path=str(path), why=why, accepted=_KNOWN)
    )


def _unreadable(path: Path, error: OSError) -> PlaygroundError:
    return _refused(path, N_("cannot be read ({error})", error=error.strerror or str(error)))


def _digest(path: Path, begun: float) -> Generator[Progress, None, str]:
    """The SHA-256 of the file at `path`."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
                yield _progress(0, None, begun, path)
    except OSError as error:  # a disk that fails, or was taken out
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _sixteen_bits(samples: Floats) -> Samples:
    """Samples in [-1, 1] as whole numbers; what came from 16 bits comes out as it was."""
    whole: Samples = np.clip(np.rint(samples * FULL), -FULL, FULL - 1).astype(np.int16)
    return whole


def _cut(samples: Samples, rate: int) -> tuple[Samples, Starts, Starts]:
    """`samples` in clips of about one length, 10 seconds at most; all of one class."""
    count = max(1, -(-len(samples) // round(CLIP_SECONDS * rate)))
    starts = np.arange(count, dtype=np.int64) * len(samples) // count
    return samples, starts, np.zeros(count, np.int64)


def _progress(count: int, done: float | None, begun: float, path: Path) -> Progress:
    note = N_("reading {name}", name=path.name)
    return Progress(count, time.perf_counter() - begun, done, note=note)

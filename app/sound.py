"""Playing sound, where the machine can; also a sound that is still being made.

The device takes from a buffer of its own, which is filled from a timer on the window's
thread. It holds two seconds, so that neither a busy window nor a training that keeps the
interpreter to itself is heard. A sound that grows begins once so much of it is there that
it will not run dry before its end (see `shortfall`).

QtMultimedia is optional when the program runs: on Linux it does not even import
without libpulse, and a machine may have no loudspeaker. Neither is an error.
`Player.available()` says in a sentence what is missing, and nothing here raises
because of it.
"""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal

from app.i18n import _
from engine.payloads import Sound

TICK_MS = 33
BUFFER_S = 2.0  # what the device is given ahead
# A device reports that it has run dry before the last of it is heard.
SILENCE_AFTER_S = 0.25
SPARE_S = 0.4  # of a sound that grows, so much more than is needed is waited for
TRUSTED = 0.9  # of the speed at which it has grown so far is counted on


@functools.cache
def _multimedia() -> tuple[Any, str]:
    """The QtMultimedia module, or None and why there is none."""
    try:
        from PySide6 import QtMultimedia
    except ImportError as error:
        if "libpulse" in str(error):
            return None, _(
                "Sound cannot be played: the system package libpulse0 is missing "
                "(Debian and Ubuntu: sudo apt install libpulse0). Saving works."
            )
        reason = _("Sound cannot be played: {error}. Saving works.")
        return None, reason.format(error=error)
    return QtMultimedia, ""


def shortfall(ahead: float, missing: float, speed: float, spare: float = SPARE_S) -> float:
    """Seconds of sound that must still come before it can be played to its end without a gap.

    ahead: seconds that are there and not yet heard; missing: seconds that are not yet made;
    speed: seconds made in a second. Negative where there is more than is needed.

    Making the rest takes missing / speed, and meanwhile ahead + missing are played at most, so
    ahead >= missing / speed - missing must hold. Where nothing is missing there is no need.
    """
    if missing <= 0:
        return -ahead
    if speed <= 0:
        return math.inf
    return spare + max(0.0, missing / speed - missing) - ahead


class Pace:
    """How fast a sound grows, seen from here.

    What its maker says of the speed counts where it is lower: it may know of a slower stretch.
    What is seen counts as well, since others use the same processor.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self._said = 0.0
        self.longest_gap = 0.0

    def note(self, at: float, have: float, said: float = 0.0) -> None:
        """At `at` seconds there were `have` seconds of it; its maker `said` so many a second."""
        self._said = said
        if self._first is None:
            self._first = (at, have)
        else:
            self.longest_gap = max(self.longest_gap, at - self._last[0])
        self._last = (at, have)

    @property
    def speed(self) -> float:
        """Seconds of sound in a second; 0 where that is not known."""
        if self._first is None:
            return 0.0
        passed, grown = (b - a for a, b in zip(self._first, self._last, strict=True))
        seen = grown / passed if passed > 0 else 0.0
        known = [each for each in (seen, self._said) if each > 0]
        return min(known) if known else 0.0


class Converter:
    """Mono samples as a device wants them, piece after piece without a seam.

    rate: of what comes. to_rate, channels: of what goes out; floating: as float32, else int16.
    Another rate is made by soxr, which holds a little back until the last piece.
    """

    def __init__(self, rate: int, to_rate: int, channels: int, floating: bool) -> None:
        self.to_rate, self.channels, self.floating = to_rate, channels, floating
        self._resampler: Any = None
        if rate != to_rate:
            from soxr import ResampleStream

            self._resampler = ResampleStream(rate, to_rate, 1, dtype="float32")

    @property
    def frame(self) -> int:
        """Bytes to a frame (a sample of each channel)."""
        return self.channels * (4 if self.floating else 2)

    def more(self, samples: NDArray[np.float32], last: bool = False) -> bytes:
        """The next `samples` (n,) in [-1, 1]; after the `last` ones a little silence."""
        samples = np.ascontiguousarray(samples, np.float32)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        if last:
            silence = np.zeros(round(SILENCE_AFTER_S * self.to_rate), np.float32)
            samples = np.concatenate((samples, silence))
        samples = np.clip(samples, -1, 1)
        frames = np.repeat(samples[:, None], self.channels, axis=1)
        if self.floating:
            return bytes(frames.astype(np.float32).tobytes())
        return bytes((frames * 32767).astype(np.int16).tobytes())


class Player(QObject):
    """Plays one `Sound` at a time on the system's output device.

    position: seconds into the sound, about 30 times a second while it is heard.
    buffered: of a sound that grows, as often: seconds that are there and not yet heard, and
        seconds until it is heard (0: it is heard now; infinite: not known yet).
    finished: the sound came to its end (not after `stop`).
    failed: a sentence that says why nothing is heard.
    underruns: how often the device had nothing to play although the sound was not over.
    """

    position = Signal(float)
    buffered = Signal(float, float)
    finished = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.underruns = 0
        self.sound: Sound | None = None
        self._sink: Any = None
        self._to: Any = None  # what the sink is written to
        self._converter: Converter | None = None
        self._pending = b""
        self._taken = self._written = 0  # samples of the sound, bytes to the device
        self._start = self._base = 0.0
        # whole: no more will come; closed: all of it went through the converter.
        self._whole = self._closed = self._waiting = False
        self._pace = Pace()
        self._since = QElapsedTimer()  # began to play: when pieces come
        self._elapsed = QElapsedTimer()  # since it was last heard from silence
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setInterval(TICK_MS)
        self._clock.timeout.connect(self._look)

    @staticmethod
    def available() -> str:
        """Empty where sound can be played, otherwise why it cannot."""
        multimedia, reason = _multimedia()
        if reason:
            return reason
        if multimedia.QMediaDevices.defaultAudioOutput().isNull():
            return _("Sound cannot be played: there is no output device. Saving works.")
        return ""

    @property
    def playing(self) -> bool:
        """Whether something is heard now, or will be as soon as enough of it is there."""
        return self._sink is not None

    def play(self, sound: Sound, start: float = 0.0) -> None:
        """Play `sound` from `start` seconds on; what was playing stops.

        Of a sound that grows (see `Sound.expected`) the rest is to come by `feed`.
        """
        self.stop()
        if reason := self.available():
            self.failed.emit(reason)
            return
        first = max(0, round(start * sound.rate))
        if first >= max(len(sound.samples), sound.expected):
            self.finished.emit()
            return
        multimedia, _reason = _multimedia()
        device = multimedia.QMediaDevices.defaultAudioOutput()
        layout = self._layout(multimedia, device, sound.rate)
        self._converter = Converter(
            sound.rate,
            layout.sampleRate(),
            layout.channelCount(),
            layout.sampleFormat() == multimedia.QAudioFormat.SampleFormat.Float,
        )
        self._sink = multimedia.QAudioSink(device, layout, self)
        self._sink.setBufferSize(round(BUFFER_S * layout.sampleRate()) * self._converter.frame)
        self._to = self._sink.start()
        self._start, self._base = first / sound.rate, 0.0
        self._taken, self._written, self._pending = first, 0, b""
        self._whole, self._closed, self._waiting = False, False, True
        self._pace = Pace()
        self._since.start()
        self.feed(sound)
        self._clock.start()

    def feed(self, sound: Sound) -> None:
        """What is playing has grown: `sound` begins with what there was before."""
        if self._sink is None:
            return
        self.sound = sound
        have, rate = len(sound.samples), sound.rate
        self._pace.note(self._since.elapsed() / 1e3, have / rate, sound.per_second / rate)
        if have >= sound.expected:
            self._whole = True
        self._look()

    def complete(self) -> None:
        """No more will come: what is there is played to its end."""
        if self._sink is not None:
            self._whole = True
            self._look()

    def stop(self) -> None:
        """Fall silent. Does nothing when nothing plays."""
        sink, self._sink, self._to = self._sink, None, None
        self._clock.stop()
        self._pending = b""
        self.sound = None
        if sink is not None:
            sink.stop()
            sink.deleteLater()

    @staticmethod
    def _layout(multimedia: Any, device: Any, rate: int) -> Any:
        """16 bits, one channel at the sound's own rate, or what the device would rather have."""
        layout = multimedia.QAudioFormat()
        layout.setSampleRate(rate)
        layout.setChannelCount(1)
        layout.setSampleFormat(multimedia.QAudioFormat.SampleFormat.Int16)
        if device.isFormatSupported(layout):
            return layout
        layout = device.preferredFormat()
        if layout.sampleFormat() != multimedia.QAudioFormat.SampleFormat.Float:
            layout.setSampleFormat(multimedia.QAudioFormat.SampleFormat.Int16)
        return layout

    # --- a turn

    def _look(self) -> None:
        """See how far the device is, and give it more.

        It is asked and does not tell: its state cannot cross a PySide connection. Compared by
        name, since the same enumeration is two classes in different versions.
        """
        if self._sink is None or self.sound is None:
            return
        if self._sink.state().name == "StoppedState":
            self._end()
            return
        over = self._closed and not self._pending
        dry = self._written > 0 and self._left_bytes() <= 0
        heard = self._heard()
        if over and (dry or heard >= self._seconds() + SILENCE_AFTER_S / 2):
            self._end()
            return
        if dry and not over and not self._waiting:
            self.underruns += 1
            self._waiting, self._base = True, self._sent()
        wait = 0.0
        if self._waiting:
            wait = self._wait(heard)
            if wait <= 0:
                self._waiting = False
                self._elapsed.start()
        if not self._waiting:
            self._push()
            self.position.emit(self._start + min(heard, self._seconds()))
        if self.sound is not None and self.sound.expected:
            there = len(self.sound.samples) / self.sound.rate - self._start - heard
            self.buffered.emit(max(0.0, there), max(0.0, wait))

    def _end(self) -> None:
        error = self._sink.error().name
        self.stop()
        if error in ("NoError", "UnderrunError"):
            self.finished.emit()
        else:
            reason = _("Sound stopped: the output device reports {error}. Saving works.")
            self.failed.emit(reason.format(error=error))

    def _wait(self, heard: float) -> float:
        """Seconds until enough is there; not above 0: now."""
        assert self.sound is not None
        if self._whole:
            return 0.0
        rate = self.sound.rate
        ahead = len(self.sound.samples) / rate - self._start - heard
        missing = (self.sound.expected - len(self.sound.samples)) / rate
        speed = TRUSTED * self._pace.speed
        need = shortfall(ahead, missing, speed, SPARE_S + self._pace.longest_gap)
        # Below real time what is needed sinks while what is there grows, both together by one
        # second in a second; above it, only what is there grows.
        return need if need <= 0 else need / max(1.0, speed)

    def _push(self) -> None:
        """Give the device what it has room for."""
        assert self.sound is not None
        assert self._converter is not None
        samples = self.sound.samples
        while True:
            room = self._sink.bytesFree()
            room -= room % self._converter.frame
            if room <= 0:
                return
            if not self._pending:
                until = min(len(samples), self._taken + self.sound.rate)  # a second at a time
                last = self._whole and until == len(samples)
                if self._closed or (until <= self._taken and not last):
                    return
                self._pending = self._converter.more(samples[self._taken : until], last)
                self._taken, self._closed = max(self._taken, until), last
            accepted = self._to.write(self._pending[:room])
            if accepted <= 0:
                return
            self._written += accepted
            self._pending = self._pending[accepted:]

    def _left_bytes(self) -> int:
        """What the device was given and has not yet played."""
        return int(self._sink.bufferSize() - self._sink.bytesFree())

    def _sent(self) -> float:
        """Seconds that the device was given."""
        assert self._converter is not None
        return self._written / self._converter.frame / self._converter.to_rate

    def _heard(self) -> float:
        """Seconds since `start` that were heard.

        What the device took runs ahead of what is heard, in leaps; the clock does neither.
        """
        assert self._converter is not None
        left = max(0, self._left_bytes()) if self._written else 0
        taken = self._sent() - left / self._converter.frame / self._converter.to_rate
        if self._waiting:
            return taken
        return min(taken, self._base + self._elapsed.elapsed() / 1e3)

    def _seconds(self) -> float:
        """Seconds from `start` to the end of what is there."""
        assert self.sound is not None
        return len(self.sound.samples) / self.sound.rate - self._start

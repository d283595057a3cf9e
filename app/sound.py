"""Playing sound, where the machine can.

QtMultimedia is optional when the program runs: on Linux it does not even import
without libpulse, and a machine may have no loudspeaker. Neither is an error.
`Player.available()` says in a sentence what is missing, and nothing here raises
because of it.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QElapsedTimer, QIODevice, QObject, QTimer, Signal

from app.i18n import _
from engine.payloads import Sound

POSITION_EVERY_MS = 33
# A device reports that it has run dry before the last of it is heard.
SILENCE_AFTER_S = 0.25


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


def resampled(
    samples: NDArray[np.float32], rate: int, to_rate: int, channels: int
) -> NDArray[np.float32]:
    """`samples` (n,) at another rate, the same in each channel: (m, channels).

    Linear between samples: good enough to listen to, never used for saving.
    """
    if rate != to_rate:
        count = round(len(samples) * to_rate / rate)
        positions = np.arange(count) * (rate / to_rate)
        samples = np.interp(positions, np.arange(len(samples)), samples).astype(np.float32)
    return np.repeat(samples[:, None], channels, axis=1)


class Player(QObject):
    """Plays one `Sound` at a time on the system's output device.

    position: seconds into the sound, about 30 times a second while it plays.
    finished: the sound came to its end (not after `stop`).
    failed: a sentence that says why nothing is heard.
    """

    position = Signal(float)
    finished = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sink: Any = None
        self._buffer: QBuffer | None = None
        self._start = self._seconds = 0.0
        self._elapsed = QElapsedTimer()
        self._clock = QTimer(self)
        self._clock.setInterval(POSITION_EVERY_MS)
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
        """Whether something is heard now."""
        return self._sink is not None

    def play(self, sound: Sound, start: float = 0.0) -> None:
        """Play `sound` from `start` seconds on; what was playing stops."""
        self.stop()
        if reason := self.available():
            self.failed.emit(reason)
            return
        samples = sound.samples[max(0, round(start * sound.rate)) :]
        if not len(samples):
            self.finished.emit()
            return
        multimedia, _reason = _multimedia()
        device = multimedia.QMediaDevices.defaultAudioOutput()
        layout = self._layout(multimedia, device, sound.rate)
        self._buffer = QBuffer(self)
        self._buffer.setData(self._bytes(multimedia, layout, samples, sound.rate))
        self._buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        self._start = start
        self._sink = multimedia.QAudioSink(device, layout, self)
        self._seconds = len(samples) / sound.rate + SILENCE_AFTER_S / 2
        self._elapsed.start()
        self._clock.start()
        self._sink.start(self._buffer)

    def stop(self) -> None:
        """Fall silent. Does nothing when nothing plays."""
        sink, buffer = self._sink, self._buffer
        self._sink = self._buffer = None
        self._clock.stop()
        if sink is not None and buffer is not None:
            sink.stop()
            sink.deleteLater()
            buffer.deleteLater()

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

    @staticmethod
    def _bytes(multimedia: Any, layout: Any, samples: NDArray[np.float32], rate: int) -> bytes:
        frames = resampled(samples, rate, layout.sampleRate(), layout.channelCount())
        silence = np.zeros((round(SILENCE_AFTER_S * layout.sampleRate()), frames.shape[1]))
        frames = np.clip(np.concatenate((frames, silence)), -1, 1)
        if layout.sampleFormat() == multimedia.QAudioFormat.SampleFormat.Float:
            return bytes(frames.astype(np.float32).tobytes())
        return bytes((frames * 32767).astype(np.int16).tobytes())

    def _look(self) -> None:
        """Where the sink is. Asked and not told: its state cannot cross a PySide connection.

        Compared by name, since the same enumeration is two classes in different versions.
        """
        if self._sink is None:
            return
        state, error = self._sink.state().name, self._sink.error().name
        # What was taken runs ahead of what is heard, in leaps; the clock does neither.
        passed = min(self._sink.processedUSecs() / 1e6, self._elapsed.elapsed() / 1e3)
        if state not in ("IdleState", "StoppedState") and passed < self._seconds:
            self.position.emit(self._start + passed)
            return
        self.stop()
        if error in ("NoError", "UnderrunError"):
            self.finished.emit()
        else:
            reason = _("Sound stopped: the output device reports {error}. Saving works.")
            self.failed.emit(reason.format(error=error))

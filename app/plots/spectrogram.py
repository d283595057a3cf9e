"""How loud each frequency is at each moment of a sound: |FFT| of a window that moves along.

    level[f, k] = 20 log10( |sum_n w[n] x[k hop + n - size/2] exp(-2 pi i f n / size)| / half )

half = sum_n w[n] / 2, and w is a Hann window of about 32 ms. A sine of amplitude 1 has 0 dB at
its own frequency.
Of a sound that grows only what is new is computed.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 0.032
OVERLAP = 4
MOST_COLUMNS = 2000  # of a long sound: no screen shows more
LOWEST, HIGHEST = -80.0, -10.0  # dB at the two ends of the colours
SHADES = 255


class Spectrogram:
    """Of one sound of `rate`, which has `count` samples in the end.

    shades: (size / 2 + 1, columns) uint8, row 0 the lowest frequency; 0 is `LOWEST` dB and
        less, 255 `HIGHEST` dB and more. Column k is centred on sample k * hop.
    done: so many columns are there, the others are 0.
    """

    def __init__(self, rate: int, count: int) -> None:
        self.rate, self.count = rate, count
        self.size = 2 ** max(4, round(np.log2(WINDOW_S * rate)))
        self.hop = max(self.size // OVERLAP, -(-count // MOST_COLUMNS))
        self.shades = np.zeros((self.size // 2 + 1, max(1, -(-count // self.hop))), np.uint8)
        self.done = 0
        self._window = np.hanning(self.size + 1)[:-1].astype(np.float32)

    def grow(self, samples: NDArray[np.float32]) -> bool:
        """Compute what can be known of these `samples` by now; whether that is anything new.

        samples: (n,), n <= count; the first of them are those that were there before.
        """
        whole = len(samples) >= self.count
        half = self.size // 2
        ready = self.shades.shape[1] if whole else (len(samples) - half) // self.hop + 1
        ready = min(ready, self.shades.shape[1])
        if ready <= self.done:
            return False
        # What these columns see, with silence around the sound.
        begin, end = self.done * self.hop - half, (ready - 1) * self.hop + half
        seen = np.zeros(end - begin, np.float32)
        first, last = max(0, begin), min(len(samples), end)
        seen[first - begin : last - begin] = samples[first:last]
        frames = np.lib.stride_tricks.sliding_window_view(seen, self.size)[:: self.hop]
        size = np.abs(np.fft.rfft(frames * self._window)) / (self._window.sum() / 2)
        level = 20 * np.log10(np.maximum(size, 1e-9))
        part = (level - LOWEST) / (HIGHEST - LOWEST)
        self.shades[:, self.done : ready] = np.rint(np.clip(part, 0, 1) * SHADES).T
        self.done = ready
        return True

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Of the columns that are there: left and width in seconds, bottom and height in Hz."""
        step, bin_ = self.hop / self.rate, self.rate / self.size
        return -step / 2, self.done * step, -bin_ / 2, len(self.shades) * bin_

    def level(self, seconds: float, hertz: float) -> float | None:
        """dB there, between `LOWEST` and `HIGHEST`; None where nothing was computed."""
        column, row = round(seconds * self.rate / self.hop), round(hertz * self.size / self.rate)
        if not (0 <= column < self.done and 0 <= row < len(self.shades)):
            return None
        return LOWEST + float(self.shades[row, column]) / SHADES * (HIGHEST - LOWEST)

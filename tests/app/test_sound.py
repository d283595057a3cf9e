"""Playing sound with a stand-in for the device, and saying why when there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import PySide6
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app import sound
from app.sound import Converter, Player
from engine.payloads import Sound
from tests.journey.screen import ROOT, sound_server

RECORD = ["parec", "--device=journey.monitor", "--format=s16le", "--rate=44100", "--channels=1"]
RECORD += ["--latency-msec=50"]
TONE = Sound(np.linspace(-1, 1, 800, dtype=np.float32), 8000)


class Refusal:
    """An importer that finds QtMultimedia but not the library below it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "PySide6.QtMultimedia":
            raise ImportError(self.reason)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    sound._multimedia.cache_clear()
    yield
    sound._multimedia.cache_clear()


def refuse(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.delitem(sys.modules, "PySide6.QtMultimedia", raising=False)
    monkeypatch.delattr(PySide6, "QtMultimedia", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusal(reason), *sys.meta_path])


def test_a_missing_library_is_named(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "libpulse.so.0: cannot open shared object file")
    assert "libpulse0" in Player.available()
    player = Player()
    with qtbot.waitSignal(player.failed, timeout=1000) as told:
        player.play(TONE)
    assert told.args == [Player.available()]
    assert not player.playing


def test_any_other_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "no such thing")
    assert "no such thing" in Player.available()


class Sink(QObject):
    """A device with a buffer that is played from when the test says so."""

    made: list["Sink"] = []  # noqa: RUF012

    def __init__(self, device: Any, layout: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.layout, self.now, self.trouble = layout, "ActiveState", "NoError"
        self.size, self.data, self.heard = 0, b"", 0
        self.stopped = False
        self.made.append(self)

    def setBufferSize(self, size: int) -> None:  # noqa: N802
        self.size = size + 3  # a device may have room for a part of a frame

    def bufferSize(self) -> int:  # noqa: N802
        return self.size

    def bytesFree(self) -> int:  # noqa: N802
        return self.size - (len(self.data) - self.heard)

    def start(self) -> "Sink":
        return self

    def write(self, data: bytes) -> int:
        assert len(data) <= self.bytesFree()
        assert len(data) % (self.layout.channels * (4 if self.layout.kind == "float" else 2)) == 0
        self.data += data
        return len(data)

    def hear(self, seconds: float) -> None:
        """The device takes so much, or all there is."""
        frame = self.layout.channels * (4 if self.layout.kind == "float" else 2)
        wanted = round(seconds * self.layout.rate) * frame
        self.heard = min(len(self.data), self.heard + wanted)

    def stop(self) -> None:
        self.stopped = True

    def state(self) -> Any:
        return SimpleNamespace(name=self.now)

    def error(self) -> Any:
        return SimpleNamespace(name=self.trouble)

    @property
    def samples(self) -> Any:
        """All that was written, as one channel in [-1, 1]."""
        if self.layout.kind == "float":
            return np.frombuffer(self.data, np.float32).reshape(-1, self.layout.channels)[:, 0]
        return np.frombuffer(self.data, np.int16) / 32767


class Layout:
    """A sound format."""

    SampleFormat = SimpleNamespace(Int16="int16", Float="float")

    def __init__(self, rate: int = 0, channels: int = 0, kind: str = "") -> None:
        self.rate, self.channels, self.kind = rate, channels, kind

    def setSampleRate(self, rate: int) -> None:  # noqa: N802
        self.rate = rate

    def setChannelCount(self, channels: int) -> None:  # noqa: N802
        self.channels = channels

    def setSampleFormat(self, kind: str) -> None:  # noqa: N802
        self.kind = kind

    def sampleRate(self) -> int:  # noqa: N802
        return self.rate

    def channelCount(self) -> int:  # noqa: N802
        return self.channels

    def sampleFormat(self) -> str:  # noqa: N802
        return self.kind


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A device that takes everything; tests change what it supports."""
    device = SimpleNamespace(
        isNull=lambda: False,
        isFormatSupported=lambda layout: True,
        preferredFormat=lambda: Layout(48000, 2, "float"),
    )
    multimedia = SimpleNamespace(
        QMediaDevices=SimpleNamespace(defaultAudioOutput=lambda: device),
        QAudioFormat=Layout,
        QAudioSink=Sink,
    )
    monkeypatch.setattr(sound, "_multimedia", lambda: (multimedia, ""))
    Sink.made.clear()
    return device


def test_no_device_is_told(device: SimpleNamespace) -> None:
    device.isNull = lambda: True
    assert "no output device" in Player.available()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time as the test tells it; the player takes its turns when the test says so."""
    clock = SimpleNamespace(now=0.0)

    class Elapsed:
        begun = 0.0

        def start(self) -> None:
            self.begun = clock.now

        def elapsed(self) -> float:
            return 1000 * float(clock.now - self.begun)

    monkeypatch.setattr(sound, "QElapsedTimer", Elapsed)
    return clock


class Listener:
    """A player by hand, and what it says."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self.clock = clock
        self.player = Player()
        self.player._clock.timeout.disconnect()
        self.places: list[float] = []
        self.waits: list[float] = []
        self.ahead: list[float] = []
        self.ends: list[float] = []
        self.player.position.connect(self.places.append)
        self.player.buffered.connect(self._note)
        self.player.finished.connect(self._end)

    def _note(self, ahead: float, wait: float) -> None:
        self.ahead.append(ahead)
        self.waits.append(wait)

    def _end(self) -> None:
        self.ends.append(self.clock.now)

    def over(self) -> int:
        """How often it said that it was over."""
        return len(self.ends)

    @property
    def sink(self) -> Sink:
        return Sink.made[-1]

    def live(self, seconds: float, tick: float = 0.03) -> None:
        """So much time passes; the device plays what it has."""
        for _tick in range(round(seconds / tick)):
            self.clock.now += tick
            self.sink.hear(tick)
            self.player._look()


@pytest.fixture
def listener(qtbot: QtBot, device: SimpleNamespace, clock: SimpleNamespace) -> Iterator[Listener]:
    listener = Listener(clock)
    yield listener
    listener.player.stop()


def test_what_is_played_is_the_sound(listener: Listener) -> None:
    player = listener.player
    assert Player.available() == ""
    player.play(TONE)
    listener.live(0.06)
    assert listener.places[-1] == pytest.approx(0.06, abs=0.031)
    assert listener.player.playing
    heard = listener.sink.samples
    assert np.abs(heard[:800] - TONE.samples).max() < 1e-3
    assert not heard[800:].any()
    assert len(heard) > 800
    listener.live(0.5)
    assert listener.over() == 1
    assert not player.playing
    assert max(listener.places) <= 0.1
    assert player.underruns == 0
    assert not listener.ahead  # it does not grow


def test_the_timer_drives_it(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    player.play(TONE)
    with qtbot.waitSignal(player.finished, timeout=2000):
        Sink.made[-1].hear(9.0)
    assert not player.playing


def test_a_device_that_takes_all_at_once_ends_by_the_clock(listener: Listener) -> None:
    listener.player.play(TONE)
    listener.clock.now += 0.05
    listener.sink.hear(0.2)  # the sound, but not all of the silence after it
    listener.player._look()
    assert listener.places[-1] == pytest.approx(0.05)
    assert not listener.over()
    listener.clock.now += 0.3
    listener.sink.hear(0.1)
    listener.player._look()
    assert listener.over() == 1


def test_from_the_middle(listener: Listener) -> None:
    listener.player.play(TONE, start=0.05)
    listener.live(0.03)
    assert listener.places[-1] == pytest.approx(0.08)
    assert listener.sink.samples[0] == pytest.approx(TONE.samples[400], abs=1e-3)


def test_beyond_the_end_finishes_at_once(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    with qtbot.waitSignal(player.finished, timeout=1000):
        player.play(TONE, start=5.0)
    assert not Sink.made


def test_a_long_sound_goes_through_a_small_buffer(listener: Listener) -> None:
    random = np.random.default_rng(0).uniform(-1, 1, 9 * 800).astype(np.float32)
    listener.player.play(Sound(random, 800))
    assert len(listener.sink.data) // 2 == pytest.approx(2 * 800, abs=2)  # two seconds ahead
    listener.live(9.3)
    assert listener.over() == 1
    assert listener.player.underruns == 0
    assert np.abs(listener.sink.samples[: len(random)] - random).max() < 1e-3


def test_a_choosy_device_gets_what_it_prefers(listener: Listener, device: SimpleNamespace) -> None:
    device.isFormatSupported = lambda layout: False
    time = np.arange(8000) / 8000
    listener.player.play(Sound(np.sin(2 * np.pi * 440 * time).astype(np.float32), 8000))
    frames = np.frombuffer(listener.sink.data, np.float32).reshape(-1, 2)
    assert (frames[:, 0] == frames[:, 1]).all()
    expected = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    # The ends ring a little, since the sound begins and ends within a wave.
    assert np.abs(frames[2000:46000, 0] - expected[2000:46000]).max() < 2e-3


def test_trouble_is_told_and_not_raised(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    player.play(TONE)
    Sink.made[0].trouble = "IOError"
    with qtbot.waitSignal(player.failed, timeout=1000) as told:
        Sink.made[0].now = "StoppedState"
    assert "IOError" in told.args[0]
    assert not player.playing


def test_stop_says_nothing_and_may_be_said_twice(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    player.play(TONE)
    with qtbot.assertNotEmitted(player.finished, wait=60):
        player.stop()
        player.stop()
    assert Sink.made[0].stopped


# --- while it is being made

RATE = 1000


def growing(seconds: float, of: float, said: float = 0.0) -> Sound:
    """The first `seconds` of a ramp of `of` seconds, made at `said` seconds a second."""
    samples = np.linspace(-1, 1, round(of * RATE), dtype=np.float32)[: round(seconds * RATE)]
    return Sound(samples, RATE, piece=7, expected=round(of * RATE), per_second=said * RATE)


def test_the_shortfall_by_simulation() -> None:
    """Begun with that much there, it just does not run dry; with a little less, it does."""

    def dry(ahead: float, missing: float, speed: float) -> bool:
        step, made, heard = 1e-3, 0.0, 0.0
        while made < missing:
            made, heard = made + speed * step, heard + step
            if heard > ahead + min(made, missing) + 1e-9:
                return True
        return False

    for missing, speed in ((4.0, 0.8), (9.0, 0.5), (2.0, 0.1), (5.0, 1.5), (1.0, 1.0)):
        ahead = sound.shortfall(0.0, missing, speed, spare=0.0)
        assert not dry(ahead + 0.02, missing, speed)
        assert ahead == 0 or dry(ahead - 0.02, missing, speed)
    assert sound.shortfall(1.0, 5.0, 0.0) == np.inf
    assert sound.shortfall(0.3, 0.0, 0.0) < 0


def test_the_pace_is_the_slower_of_what_is_seen_and_said() -> None:
    pace = sound.Pace()
    assert pace.speed == 0
    pace.note(1.0, 0.5)
    assert pace.speed == 0
    pace.note(2.0, 2.5, said=3.0)
    assert pace.speed == pytest.approx(2.0)
    pace.note(4.0, 6.5, said=1.5)
    assert pace.speed == pytest.approx(1.5)
    assert pace.longest_gap == pytest.approx(2.0)


@pytest.mark.parametrize("speed", [0.3, 0.8, 1.0, 1.3, 4.0])
def test_a_growing_sound_is_heard_without_a_gap(listener: Listener, speed: float) -> None:
    """Whatever the speed: no underrun, and all of it is heard as it is."""
    whole = growing(6.0, 6.0)
    listener.player.play(growing(0.1, 6.0, speed))
    made = 0.1
    begun: float | None = None
    while not listener.over():
        listener.live(0.21)
        if listener.places and begun is None:
            begun = listener.clock.now
        if made < 6.0 and not listener.over():
            made = min(6.0, made + 0.21 * speed)
            listener.player.feed(growing(made, 6.0, speed))
        assert listener.clock.now < 60
    assert listener.player.underruns == 0
    assert begun is not None
    assert begun < 6.0 / speed + 0.5  # no later than when it was all there
    if speed > 1.2:
        assert begun < 1.5
    assert np.abs(listener.sink.samples[:6000] - whole.samples).max() < 1e-3


def test_it_says_when_it_will_be_heard(listener: Listener) -> None:
    listener.player.play(growing(0.0, 4.0))
    assert listener.waits == [np.inf]
    foretold: dict[float, float] = {}
    made = 0.0
    while not listener.places:
        listener.live(0.21)
        foretold[listener.clock.now] = listener.waits[-1]
        made = min(4.0, made + 0.21 * 0.5)
        listener.player.feed(growing(made, 4.0, 0.5))
    began = listener.clock.now
    for at, wait in foretold.items():
        if at > 1.0:
            assert at + wait == pytest.approx(began, abs=0.8)
    assert listener.waits[-1] == 0


def test_running_dry_is_counted_and_waited_for(listener: Listener) -> None:
    """Its maker promised more than it keeps."""
    listener.player.play(growing(2.0, 8.0, 2.0))
    listener.live(1.5)
    assert listener.player.underruns == 0
    assert listener.waits[-1] == 0
    assert 0.0 < listener.ahead[-1] < 0.6
    listener.live(1.5)
    assert listener.player.underruns == 1
    assert listener.waits[-1] > 0
    places = len(listener.places)
    listener.live(1.0)
    assert listener.player.underruns == 1  # one gap, however long
    assert len(listener.places) == places
    listener.player.feed(growing(8.0, 8.0, 2.0))
    listener.live(1.0)
    assert listener.places[-1] == pytest.approx(3.0, abs=0.1)
    listener.live(6.0)
    assert listener.over() == 1
    assert listener.player.underruns == 1
    assert np.abs(listener.sink.samples[:8000] - growing(8, 8).samples).max() < 1e-3


def test_what_ends_early_is_played_out(listener: Listener) -> None:
    listener.player.play(growing(1.0, 9.0, 0.1))
    listener.live(0.5)
    assert not listener.places
    listener.player.complete()
    listener.live(1.5)
    assert listener.over() == 1
    assert listener.player.underruns == 0
    assert np.abs(listener.sink.samples[:1000] - growing(1, 9).samples).max() < 1e-3


def test_beyond_what_is_there_it_waits(listener: Listener) -> None:
    listener.player.play(growing(1.0, 3.0, 4.0), start=2.0)
    listener.live(0.2)
    assert not listener.places
    listener.player.feed(growing(3.0, 3.0, 4.0))
    listener.live(0.2)
    assert listener.places[-1] == pytest.approx(2.2, abs=0.05)
    assert listener.sink.samples[0] == pytest.approx(growing(3, 3).samples[2000], abs=1e-3)


@pytest.mark.parametrize(("rate", "to_rate"), [(8000, 44100), (16000, 48000), (44100, 16000)])
def test_pieces_make_the_same_as_the_whole(rate: int, to_rate: int) -> None:
    """There is no seam, whatever the pieces."""
    random = np.random.default_rng(3)
    samples = (0.9 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)).astype(np.float32)
    whole = np.frombuffer(Converter(rate, to_rate, 1, True).more(samples, True), np.float32)
    converter, pieces, taken = Converter(rate, to_rate, 1, True), b"", 0
    while taken < len(samples):
        until = min(len(samples), taken + int(random.integers(0, 700)))
        pieces += converter.more(samples[taken:until], until == len(samples))
        taken = until
    joined = np.frombuffer(pieces, np.float32)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-5
    expected = 0.9 * np.sin(2 * np.pi * 300 * np.arange(to_rate) / to_rate)
    middle = slice(to_rate // 10, 9 * to_rate // 10)
    assert np.abs(whole[middle] - expected[middle]).max() < 1e-3


def test_no_rate_but_the_loudness_is_limited() -> None:
    loud = np.array([0.5, 2.0, -3.0], np.float32)
    frames = np.frombuffer(Converter(8000, 8000, 2, False).more(loud), np.int16).reshape(-1, 2)
    assert frames.tolist() == [[16383, 16383], [32767, 32767], [-32767, -32767]]


# --- on a real sound server

PROGRAM = """
import sys
import numpy as np
from PySide6.QtCore import QCoreApplication, QTimer
from app.sound import Player
from engine.payloads import Sound

application = QCoreApplication([])
samples = np.load(sys.argv[1])
have = [0]
player = Player()

def grow():
    have[0] = min(len(samples), have[0] + 6000)
    sound = Sound(samples[:have[0]], 44100, piece=1, expected=len(samples))
    if player.playing:
        player.feed(sound)
    else:
        player.play(sound)
    if have[0] == len(samples):
        timer.stop()

timer = QTimer()
timer.timeout.connect(grow)
timer.start(100)
player.finished.connect(application.quit)
player.failed.connect(lambda reason: sys.exit(reason))
application.exec()
print(player.underruns)
"""


def test_what_comes_out_of_the_device_is_what_was_made(tmp_path: Path) -> None:
    """Played while it grows, on PulseAudio: the same numbers, none left out and none put in."""
    for name in ("pulseaudio", "parec"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    random = np.random.default_rng(0)
    made = random.integers(1000, 20_000, 66_000).astype(np.int16)
    np.save(tmp_path / "made.npy", (made / 32767).astype(np.float32))
    with sound_server(tmp_path / "pulse") as address, (tmp_path / "heard").open("wb") as heard:
        environment = {
            **os.environ,
            "PULSE_SERVER": address,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": str(ROOT),
        }
        recorder = subprocess.Popen(RECORD, env=environment, stdout=heard)
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(tmp_path / "made.npy")],
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            until = monotonic() + 20
            while monotonic() < until and len(sounding(tmp_path / "heard")) < len(made):
                sleep(0.1)
        finally:
            recorder.kill()
            recorder.wait()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 0
    found = sounding(tmp_path / "heard")
    assert len(found) == len(made)
    assert np.abs(found.astype(int) - made).max() <= 1


def sounding(path: Path) -> Any:
    """What was recorded, from the first to the last that is not silent."""
    recorded = np.frombuffer(path.read_bytes()[: path.stat().st_size // 2 * 2], "<i2")
    loud = np.flatnonzero(recorded)
    return recorded[loud[0] : loud[-1] + 1] if len(loud) else recorded[:0]

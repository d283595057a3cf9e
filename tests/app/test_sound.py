"""Playing sound with a stand-in for the device, and saying why when there is none."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import PySide6
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app import sound
from app.sound import Player, resampled
from engine.payloads import Sound

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
    """Takes all it is given and remembers it."""

    made: list["Sink"] = []  # noqa: RUF012

    def __init__(self, device: Any, layout: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.layout, self.now, self.trouble = layout, "ActiveState", "NoError"
        self.data = b""
        self.made.append(self)

    def start(self, buffer: Any) -> None:
        self.data = bytes(buffer.data())

    def stop(self) -> None: ...

    def processedUSecs(self) -> int:  # noqa: N802
        return 50_000

    def state(self) -> Any:
        return SimpleNamespace(name=self.now)

    def error(self) -> Any:
        return SimpleNamespace(name=self.trouble)


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


def test_what_is_played_is_the_sound(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    assert Player.available() == ""
    with qtbot.waitSignal(player.position, timeout=1000) as told:
        player.play(TONE)
    assert 0 < told.args[0] <= 0.05
    assert player.playing
    heard = np.frombuffer(Sink.made[0].data, np.int16)
    assert np.abs(heard[:800] / 32767 - TONE.samples).max() < 1e-3
    assert not heard[800:].any()
    with qtbot.waitSignal(player.finished, timeout=1000):
        Sink.made[0].now = "IdleState"
    assert not player.playing


def test_a_device_that_never_says_it_ran_dry_ends_by_the_clock(
    qtbot: QtBot, device: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sink, "processedUSecs", lambda sink: 10_000_000)
    player = Player()
    player.play(TONE)
    with qtbot.assertNotEmitted(player.finished, wait=90):
        pass
    with qtbot.waitSignal(player.finished, timeout=1000):
        pass


def test_from_the_middle(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    with qtbot.waitSignal(player.position, timeout=1000) as told:
        player.play(TONE, start=0.05)
    assert 0.05 < told.args[0] <= 0.1
    assert np.frombuffer(Sink.made[0].data, np.int16)[0] == int(TONE.samples[400] * 32767)
    player.stop()


def test_beyond_the_end_finishes_at_once(qtbot: QtBot, device: SimpleNamespace) -> None:
    player = Player()
    with qtbot.waitSignal(player.finished, timeout=1000):
        player.play(TONE, start=5.0)
    assert not Sink.made


def test_a_choosy_device_gets_what_it_prefers(qtbot: QtBot, device: SimpleNamespace) -> None:
    device.isFormatSupported = lambda layout: False
    player = Player()
    player.play(TONE)
    frames = np.frombuffer(Sink.made[0].data, np.float32).reshape(-1, 2)
    assert (frames[:, 0] == frames[:, 1]).all()
    assert np.abs(frames[: 6 * 800 : 6, 0] - TONE.samples).max() < 1e-6
    player.stop()


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


def test_resampling_keeps_a_slow_sine() -> None:
    time = np.arange(800) / 8000
    samples = np.sin(2 * np.pi * 50 * time).astype(np.float32)
    frames = resampled(samples, 8000, 44100, 2)
    assert frames.shape == (4410, 2)
    expected = np.sin(2 * np.pi * 50 * np.arange(4400) / 44100)
    assert np.abs(frames[:4400, 1] - expected).max() < 1e-3

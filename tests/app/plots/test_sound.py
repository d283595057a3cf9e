"""Sound: saved, played, read out, and heard while it grows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from app.plots import SoundWidget
from app.plots.sound import speed_of
from app.theme import theme
from engine.payloads import Sound
from tests.app.plots.screen import brightness, shown

TONE = Sound(
    np.sin(np.arange(4000) / 5).astype(np.float32) * 0.5,
    8000,
    title="A",
    midi=b"MThd midi",
    settings='{"seed": 4}',
)
LEVELS = np.linspace(-1, 1, 16, dtype=np.float32)
LIKELY = np.eye(16, dtype=np.float32)[12]


def growing(count: int, piece: int = 3, of: int = 16_000) -> Sound:
    """The first `count` samples of a tone of 1 kHz."""
    samples = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(count) / 8000).astype(np.float32)
    return Sound(
        samples,
        8000,
        piece=piece,
        expected=of,
        per_second=12_000.0,
        given=800,
        spectrogram=True,
        next=LIKELY,
        levels=LEVELS,
    )


class Calls:
    """What a player was asked."""

    def __init__(self, widget: SoundWidget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[tuple[str, int]] = []
        self.player = player = widget.player

        def play(sound: Sound, start: float) -> None:
            player.sound = sound
            self.said.append(("play", len(sound.samples)))

        def feed(sound: Sound) -> None:
            self.said.append(("feed", len(sound.samples)))

        def stop() -> None:
            if player.sound is not None:
                self.said.append(("stop", 0))
            player.sound = None

        for action in (play, feed, stop):
            monkeypatch.setattr(player, action.__name__, action)
        monkeypatch.setattr(player, "available", lambda: "")

    def take(self) -> list[tuple[str, int]]:
        """What it was asked since the last time."""
        said, self.said = self.said, []
        return said


@pytest.fixture
def widget(qtbot: QtBot) -> Iterator[SoundWidget]:
    theme().use("light")
    widget: SoundWidget = shown(qtbot, SoundWidget())
    yield widget
    widget.stop()


def test_sound_is_saved(
    widget: SoundWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget.show_payload(TONE)
    answers = iter(["a.wav", "a.mid", "", "missing/b.wav", "missing/b.mid"])
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *_args: ((name := next(answers)) and str(tmp_path / name), ""),
    )
    widget.wav_button.click()
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate == 8000
    assert np.abs(samples - TONE.samples).max() < 1e-4
    widget.midi_button.click()
    assert (tmp_path / "a.mid").read_bytes() == TONE.midi
    widget.wav_button.click()
    assert not widget.message.isVisible()
    for button in (widget.wav_button, widget.midi_button):
        widget.message.hide()
        button.click()
        assert widget.message.isVisible()
        assert "missing" in widget.message.text()


def test_the_settings_are_in_the_file(widget: SoundWidget, tmp_path: Path) -> None:
    widget.show_payload(TONE)
    widget.save_wav(tmp_path / "a.wav")
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert TONE.settings in file.comment
        assert file.title == "A"


def test_sound_that_cannot_be_played_says_why(
    widget: SoundWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget.show_payload(replace(TONE, midi=b""))
    assert not widget.midi_button.isVisible()
    monkeypatch.setattr(widget.player, "available", lambda: "no device today")
    widget.play_button.click()
    assert widget.message.text() == "no device today"
    assert widget.message.isVisible()
    assert not widget.stop_button.isEnabled()


def test_sound_shows_where_it_is(widget: SoundWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    widget.show_payload(TONE)
    started = []
    monkeypatch.setattr(widget.player, "play", lambda _sound, start: started.append(start))
    widget.play_button.click()
    assert started == [0.0]
    assert widget.stop_button.isEnabled()
    widget.player.position.emit(0.25)
    assert widget.place.value() == 0.25
    widget.player.finished.emit()
    assert widget.place.value() == 0
    assert not widget.stop_button.isEnabled()
    assert widget.read_at(0.125).startswith(f"0.125 s: amplitude {TONE.samples[1000]:.3f}")
    assert widget.read_at(9.0) == ""


# --- a sound that grows


def test_the_axis_is_that_of_the_whole(widget: SoundWidget) -> None:
    for count in (1000, 9000, 16_000):
        widget.show_payload(growing(count))
        assert widget.plot.getViewBox().viewRange()[0] == pytest.approx([0, 2])
        assert widget.wave.xData[-1] == pytest.approx((count - 1) / 8000)
        assert widget.given.xData[-1] == pytest.approx(799 / 8000)
    assert widget.footer.caption == ""
    widget.offer_listening(on=False)
    widget.show_payload(growing(16_000))
    assert widget.footer.caption == "12,000 samples/s, 1.5 × real time"
    assert speed_of(TONE) == ""


def test_another_theme_brings_no_titles_where_there_is_no_room(widget: SoundWidget) -> None:
    widget.resize(400, 190)
    widget.show_payload(replace(growing(16_000), spectrogram=True))
    axes = [plot.getAxis("left") for plot in (widget.plot, widget.tones)]
    assert not any(axis.label.isVisible() for axis in axes)
    widget.recolour()
    assert not any(axis.label.isVisible() for axis in axes)


def test_a_zoom_stays_while_it_grows(widget: SoundWidget) -> None:
    widget.show_payload(growing(4000))
    widget.plot.setXRange(0.1, 0.3, padding=0)
    widget.show_payload(growing(8000))
    assert widget.plot.getViewBox().viewRange()[0] == pytest.approx([0.1, 0.3])
    assert widget.tones.getViewBox().viewRange()[0] == pytest.approx([0.1, 0.3])


def test_only_new_frames_are_computed(widget: SoundWidget) -> None:
    widget.show_payload(growing(4000))
    first = widget.spectrogram
    assert first is not None
    done = first.done
    widget.show_payload(growing(8000))
    assert widget.spectrogram is first
    assert first.done > done
    widget.show_payload(growing(8000, piece=4))
    assert widget.spectrogram is not first
    widget.show_payload(TONE)
    assert widget.spectrogram is None


def test_a_tone_is_bright_at_its_height(widget: SoundWidget) -> None:
    """1 kHz is a quarter of the way up of 4 kHz, and there is nothing else."""
    widget.show_payload(growing(16_000))
    QApplication.processEvents()
    box = widget.tones.getViewBox()
    picture = widget.view.grab().toImage()

    def place(kilohertz: float) -> QPoint:
        found: QPoint = widget.view.mapFromScene(box.mapViewToScene(QPointF(1.0, kilohertz)))
        return found

    rows = range(place(3.9).y(), place(0.1).y())
    bright = [y for y in rows if picture.pixelColor(place(1.0).x(), y).green() > 120]
    assert 1 <= len(bright) <= 8
    assert np.mean(bright) == pytest.approx(place(1.0).y(), abs=2)


def test_frequency_and_probability_are_read_out(widget: SoundWidget) -> None:
    widget.show_payload(growing(9000))
    assert widget.level_at(0.5, 1000.0) == "0.500 s, 1,000 Hz: ≥ -10 dB"
    assert widget.level_at(0.5, 3000.0) == "0.500 s, 3,000 Hz: ≤ -80 dB"
    assert widget.level_at(1.9, 1000.0) == ""
    assert widget.next_at(0.6) == "next sample 0.6000: 100.00 %"
    assert "given" in widget.read_at(0.01)
    assert "given" not in widget.read_at(0.2)
    widget.show_payload(TONE)
    assert widget.level_at(0.1, 1000.0) == ""
    assert widget.next_at(0.6) == ""


def test_the_next_sample_shares_the_axis_of_amplitude(widget: SoundWidget) -> None:
    widget.show_payload(growing(9000))
    top = widget.hill.path().boundingRect()
    assert (top.top(), top.bottom()) == (-1.0, 1.0)
    peak = [widget.hill.path().elementAt(i) for i in range(widget.hill.path().elementCount())]
    assert max(peak, key=lambda each: each.x).y == pytest.approx(0.6)
    assert widget.next.getViewBox().viewRange()[1] == widget.plot.getViewBox().viewRange()[1]
    assert widget.next in widget.view.ci.items
    widget.show_payload(TONE)
    assert widget.next not in widget.view.ci.items


def test_by_itself_nothing_is_heard(widget: SoundWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a live sample."""
    calls = Calls(widget, monkeypatch)
    widget.show_payload(growing(1000))
    widget.show_payload(growing(2000))
    assert calls.take() == []
    assert not widget.listen.isVisible()


def test_it_is_heard_as_it_comes(widget: SoundWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(widget, monkeypatch)
    widget.offer_listening(True)
    widget.show_payload(TONE)
    assert calls.take() == []
    widget.show_payload(growing(1000))
    widget.show_payload(growing(2000))
    assert calls.take() == [("play", 1000), ("feed", 2000)]
    widget.stop_button.click()
    widget.show_payload(growing(3000))  # of what was silenced nothing more is heard
    assert calls.take() == [("stop", 0)]
    widget.show_payload(growing(500, piece=4))
    assert calls.take() == [("play", 500)]
    widget.show_payload(growing(500, piece=5))
    assert calls.take() == [("stop", 0), ("play", 500)]
    widget.hide()
    assert calls.take() == [("stop", 0)]
    widget.show_payload(growing(600, piece=6))
    assert calls.take() == []


def test_listening_is_turned_off_and_on(
    widget: SoundWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(widget, monkeypatch)
    widget.offer_listening(False)
    widget.show_payload(growing(1000))
    assert calls.take() == []
    widget.listen.click()
    assert calls.take() == [("play", 1000)]
    widget.listen.click()
    assert calls.take() == [("stop", 0)]
    widget.show_payload(growing(16_000))
    widget.listen.click()  # it is all there: that is what Play is for
    assert calls.take() == []


def test_without_a_device_it_grows_in_silence(
    widget: SoundWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(widget, monkeypatch)
    monkeypatch.setattr(widget.player, "available", lambda: "no device today")
    widget.offer_listening(True)
    widget.show_payload(growing(1000))
    widget.show_payload(growing(2000))
    assert calls.take() == []
    assert widget.message.text() == "no device today"
    assert not widget.listen.isEnabled()
    assert len(widget.wave.xData) == 2000 - 799
    monkeypatch.setattr(widget.player, "available", lambda: "")
    widget.show_payload(growing(100, piece=8))
    assert widget.listen.isEnabled()
    assert not widget.message.isVisible()


def test_the_buffer_is_told(widget: SoundWidget) -> None:
    widget.show_payload(growing(1000))
    assert not widget.buffer.isVisible()
    for ahead, wait, words in (
        (0.4, float("inf"), "waiting for more"),
        (0.4, 2.2, "plays in 3 s"),
        (1.5, 0.0, "1.5 s ahead"),
    ):
        widget.player.buffered.emit(ahead, wait)
        assert widget.ahead.text() == words
        assert widget.bar.accessibleDescription() == words
    assert widget.bar.value() == 50
    widget.player.underruns = 2
    widget.player.buffered.emit(9.0, 0.0)
    assert "ran dry 2×" in widget.ahead.text()
    assert widget.bar.value() == 100
    widget.player.finished.emit()
    assert not widget.buffer.isVisible()


@pytest.mark.parametrize("spectrogram", [True, False])
@pytest.mark.parametrize("height", [120, 500])
def test_amplitudes_are_at_the_same_height(qtbot: QtBot, height: int, spectrogram: bool) -> None:
    widget: Any = shown(qtbot, SoundWidget(), 400, height)
    widget.show_payload(replace(growing(9000), spectrogram=spectrogram))
    QApplication.processEvents()
    assert (widget.tones in widget.view.ci.items) is (spectrogram and height > 200)
    boxes = [each.getViewBox().sceneBoundingRect() for each in (widget.plot, widget.next)]
    assert boxes[0].top() == pytest.approx(boxes[1].top())
    assert boxes[0].bottom() == pytest.approx(boxes[1].bottom())


@pytest.mark.parametrize(("width", "height"), [(300, 220), (900, 520)])
def test_it_is_seen_in_little_room(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    widget: Any = shown(qtbot, SoundWidget(), width, height)
    monkeypatch.setattr(widget.player, "available", lambda: "")
    monkeypatch.setattr(widget.player, "play", lambda sound, start: None)
    widget.offer_listening(True)
    widget.show_payload(growing(9000))
    qtbot.wait(1)
    assert (widget.width(), widget.height()) == (width, height)
    for plot in (widget.plot, widget.tones):
        assert plot.getViewBox().sceneBoundingRect().height() > 24
        assert plot.getViewBox().sceneBoundingRect().width() > 180
    wave, tones = (each.getViewBox().sceneBoundingRect() for each in (widget.plot, widget.tones))
    assert (wave.left(), wave.right()) == pytest.approx((tones.left(), tones.right()))


def test_it_takes_the_colours_of_the_theme(widget: SoundWidget) -> None:
    widget.show_payload(growing(4000))
    light = brightness(widget)
    theme().use("dark")
    assert brightness(widget) < light - 80
    theme().use("light")

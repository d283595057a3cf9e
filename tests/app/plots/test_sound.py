"""Sound: saved, played, read out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.plots import SoundWidget
from engine.payloads import Sound
from tests.app.plots.screen import shown

TONE = Sound(
    np.sin(np.arange(4000) / 5).astype(np.float32) * 0.5, 8000, title="A", midi=b"MThd midi"
)


def test_sound_is_saved(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
    widget.show_payload(TONE)
    answers = iter(["a.wav", "a.mid", "", "missing/b.wav"])
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
    widget.wav_button.click()
    assert widget.message.isVisible()
    assert "missing" in widget.message.text()


def test_sound_that_cannot_be_played_says_why(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
    widget.show_payload(replace(TONE, midi=b""))
    assert not widget.midi_button.isVisible()
    monkeypatch.setattr(widget.player, "available", lambda: "no device today")
    widget.play_button.click()
    assert widget.message.text() == "no device today"
    assert widget.message.isVisible()
    assert not widget.stop_button.isEnabled()


def test_sound_shows_where_it_is(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
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

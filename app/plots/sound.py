"""Something to hear."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.i18n import _
from app.plots.axes import colour_axes
from app.plots.base import PayloadWidget
from app.plots.lines import thin
from app.sound import Player
from app.theme import theme
from engine.payloads import Sound


class SoundWidget(PayloadWidget[Sound]):
    """A waveform to hear and to keep. A click in it plays from there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.player = Player(self)
        self.player.position.connect(self._moved_on)
        self.player.finished.connect(self._stopped)
        self.player.failed.connect(self._failed)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.plot = pg.PlotWidget()
        self.plot.setFrameShape(QFrame.Shape.NoFrame)
        self.plot.plotItem.setMenuEnabled(False)
        self.plot.plotItem.hideButtons()
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.setYRange(-1, 1)
        colour_axes(self.plot.plotItem)
        self.plot.setLabel("bottom", _("time (s)"))
        self.plot.setLabel("left", _("amplitude"))
        self.wave = pg.PlotDataItem(antialias=False)
        self.place = pg.InfiniteLine(0, angle=90)
        self.plot.addItem(self.wave)
        thin(self.wave, "peak", to_pixel=4.0)
        self.plot.addItem(self.place, ignoreBounds=True)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.scene().sigMouseMoved.connect(self._read)
        self.play_button = QPushButton(_("Play"))
        self.stop_button = QPushButton(_("Stop"))
        self.wav_button = QPushButton(_("Save WAV…"))
        self.midi_button = QPushButton(_("Save MIDI…"))
        self.play_button.clicked.connect(lambda: self.play())
        self.stop_button.clicked.connect(self.stop)
        self.wav_button.clicked.connect(self._ask_wav)
        self.midi_button.clicked.connect(self._ask_midi)
        self.stop_button.setEnabled(False)
        self.midi_button.hide()
        self.message = QLabel()
        self.message.setProperty("role", "warning")
        self.message.setWordWrap(True)
        self.message.hide()
        buttons = QHBoxLayout()
        for button in (self.play_button, self.stop_button, self.wav_button, self.midi_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.body.addWidget(self.title)
        self.body.addWidget(self.plot, 1)
        self.body.addLayout(buttons)
        self.body.addWidget(self.message)
        self.body.addWidget(self.footer)
        self.recolour()

    def draw(self, payload: Sound) -> None:
        """Another waveform; what was playing goes on to its end."""
        self.title.setText(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.wave.setData(np.arange(len(payload.samples)) / payload.rate, payload.samples)
        seconds = len(payload.samples) / payload.rate
        self.plot.plotItem.getViewBox().setLimits(xMin=0, xMax=max(seconds, 1e-3))
        self.plot.setXRange(0, max(seconds, 1e-3), padding=0)
        self.midi_button.setVisible(bool(payload.midi))
        self.play_button.setEnabled(bool(len(payload.samples)))
        self.wav_button.setEnabled(bool(len(payload.samples)))
        self.footer.set_caption(_(payload.caption))

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.plot.setBackground(palette.panel)
        colour_axes(self.plot.plotItem)
        self.wave.setPen(pg.mkPen(theme().series(0), width=1))
        self.place.setPen(pg.mkPen(theme().series(1), width=2))

    def play(self, start: float = 0.0) -> None:
        """Play from `start` seconds on."""
        if self.payload is not None:
            self.message.hide()
            self.stop_button.setEnabled(True)
            self.player.play(self.payload, start)

    def stop(self) -> None:
        """Fall silent."""
        self.player.stop()
        self._stopped()

    def save_wav(self, path: Path) -> None:
        """Write the sound as 16 bit WAV."""
        import soundfile

        assert self.payload is not None
        soundfile.write(str(path), self.payload.samples, self.payload.rate, subtype="PCM_16")

    def save_midi(self, path: Path) -> None:
        """Write the notes as a standard MIDI file."""
        assert self.payload is not None
        path.write_bytes(self.payload.midi)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees is not heard."""
        super().hideEvent(event)
        self.stop()

    def _moved_on(self, seconds: float) -> None:
        self.place.setValue(seconds)

    def _stopped(self) -> None:
        self.stop_button.setEnabled(False)
        self.place.setValue(0)

    def _failed(self, reason: str) -> None:
        self._stopped()
        self._say(reason)

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.show()

    def _clicked(self, event: Any) -> None:
        x = self.plot.plotItem.getViewBox().mapSceneToView(event.scenePos()).x()
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            self.play(max(0.0, x))

    def _read(self, position: QPointF) -> None:
        if self.payload is None:
            return
        x = self.plot.plotItem.getViewBox().mapSceneToView(position).x()
        self.footer.read(self.read_at(x))

    def read_at(self, seconds: float) -> str:
        """Time and amplitude there."""
        if self.payload is None:
            return ""
        index = round(seconds * self.payload.rate)
        if not 0 <= index < len(self.payload.samples):
            return ""
        words = _("{seconds:.3f} s: amplitude {value:.3f}; a click plays from here")
        return words.format(seconds=seconds, value=float(self.payload.samples[index]))

    def _ask_wav(self) -> None:
        self._ask(_("Save sound"), "sound.wav", "WAV (*.wav)", self.save_wav)

    def _ask_midi(self) -> None:
        self._ask(_("Save notes"), "notes.mid", "MIDI (*.mid)", self.save_midi)

    def _ask(self, title: str, name: str, kinds: str, save: Callable[[Path], None]) -> None:
        path, _kind = QFileDialog.getSaveFileName(self, title, name, kinds)
        if not path:
            return
        try:
            save(Path(path))
        except (OSError, RuntimeError) as error:  # soundfile reports in RuntimeErrors
            self._say(_("{path} could not be written: {error}").format(path=path, error=error))

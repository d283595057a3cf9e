"""Something to hear."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QHideEvent, QPainterPath, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGraphicsPathItem,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from app.elided import Elided
from app.flow import Flow
from app.i18n import _
from app.icons import IconButton
from app.plots.axes import Axis, colour_axes
from app.plots.base import PayloadWidget
from app.plots.labels import nice_step
from app.plots.lines import thin
from app.plots.spectrogram import HIGHEST, LOWEST, Spectrogram
from app.saving import ask_where
from app.sound import Player
from app.theme import theme
from engine.music import write_wav
from engine.payloads import Array, Sound
from engine.phrases import PlaygroundError

FULL_S = 3.0  # so many seconds ahead fill the bar
STRIP = 56  # pixels, of the distribution of the next sample
LOW = 190  # pixels: in a picture that is no higher, axes have no titles
TINY = 84  # pixels: in one that is lower still, there is no spectrogram
AXIS, NARROW_AXIS = 48, 32  # pixels, of the numbers beside the pictures
TIME, LOW_TIME = 42, 20  # of those below


class SoundWidget(PayloadWidget[Sound]):
    """A waveform to hear and to keep. A click in it plays from there.

    Below it the spectrogram, beside it what the next sample could be, where the payload has
    them. A sound that grows can be heard as it comes, see `offer_listening`.
    """

    wraps = False  # the pictures have need of the room

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spectrogram: Spectrogram | None = None
        self._piece = 0  # that was last seen
        self._listens = False
        self._seconds = 0.0
        self._axes: tuple[bool, bool, int] | None = None
        self._drawn: Sound | None = None
        self.player = Player(self)
        self.player.position.connect(self._moved_on)
        self.player.buffered.connect(self._tell_buffer)
        self.player.finished.connect(self._stopped)
        self.player.failed.connect(self._failed)
        self.title = Elided(greedy=True)
        self.title.setProperty("role", "heading")
        self.title.hide()
        self._make_plots()
        self.play_button = IconButton("play", _("Play"))
        self.stop_button = IconButton("stop", _("Stop"), tip=_("Fall silent"))
        self.wav_button = QPushButton(_("Save WAV…"))
        self.midi_button = QPushButton(_("Save MIDI…"))
        self.play_button.clicked.connect(lambda: self.play())
        self.stop_button.clicked.connect(self.stop)
        self.wav_button.clicked.connect(self._ask_wav)
        self.midi_button.clicked.connect(self._ask_midi)
        self.stop_button.setEnabled(False)
        self.midi_button.hide()
        self.listen = QCheckBox(_("Listen as it comes"))
        self.listen.setToolTip(_("Play a sound while it is still being made"))
        self.listen.setChecked(True)
        self.listen.hide()
        self.listen.toggled.connect(self._listen)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(_("Sound that is ready to be heard"))
        self.bar.setRange(0, 100)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(64)
        self.ahead = QLabel()
        self.ahead.setProperty("role", "faint")
        self.buffer = QWidget()
        self.buffer.hide()
        self.message = Elided(greedy=True)
        self.message.setProperty("role", "warning")
        self.message.hide()
        self._lay_out()
        self.recolour()

    def _make_plots(self) -> None:
        self.view = pg.GraphicsLayoutWidget()
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setMinimumHeight(56)
        self.view.setAccessibleName(_("Waveform"))
        self.view.ci.layout.setContentsMargins(0, 2, 4, 0)
        self.view.ci.layout.setSpacing(4)
        self.plot, self.next, self.tones = (
            pg.PlotItem(axisItems={side: Axis(side) for side in ("left", "bottom")})
            for _each in range(3)
        )
        self.view.addItem(self.plot, 0, 0)
        for each in (self.plot, self.next, self.tones):
            each.setMenuEnabled(False)
            each.hideButtons()
            each.setMouseEnabled(x=each is not self.next, y=False)
            each.getViewBox().setDefaultPadding(0.0)
        self.plot.setYRange(-1, 1)
        self.tones.setXLink(self.plot)
        self.next.setYRange(-1, 1)  # as the waveform has; a link would shift it by the axis below
        self.next.hideAxis("left")
        self.next.getAxis("bottom").setStyle(showValues=False)
        self.next.setFixedWidth(STRIP)
        self.given = pg.PlotDataItem(antialias=False)
        self.wave = pg.PlotDataItem(antialias=False)
        self.place = pg.InfiniteLine(0, angle=90)
        self.place_below = pg.InfiniteLine(0, angle=90)
        for line in (self.given, self.wave):
            self.plot.addItem(line)
            thin(line, "peak", to_pixel=4.0)
        self.plot.addItem(self.place, ignoreBounds=True)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.tones.addItem(self.image)
        self.tones.addItem(self.place_below, ignoreBounds=True)
        self.hill = QGraphicsPathItem()
        self.next.addItem(self.hill)
        self.next_word = pg.TextItem(_("next"), anchor=(1, 0))
        self.next.addItem(self.next_word, ignoreBounds=True)
        self.view.scene().sigMouseClicked.connect(self._clicked)
        self.view.scene().sigMouseMoved.connect(self._read)

    def _lay_out(self) -> None:
        line = QHBoxLayout(self.buffer)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.bar)
        line.addWidget(self.ahead)
        below = QHBoxLayout()
        below.addWidget(self.footer, 1)
        below.addWidget(self.buffer, 0, Qt.AlignmentFlag.AlignTop)
        controls = QWidget()
        flow = Flow(6, 4)
        controls.setLayout(flow)
        self.listen.setMinimumHeight(self.wav_button.sizeHint().height())
        for each in (self.play_button, self.stop_button, self.wav_button, self.midi_button):
            flow.addWidget(each)
        flow.addWidget(self.listen)
        self.body.addWidget(self.title)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(controls)
        self.body.addWidget(self.message)
        self.body.addLayout(below)

    # --- what comes

    def offer_listening(self, on: bool) -> None:
        """From now on a sound that grows plays by itself as it comes; one can turn that off.

        on: whether it is turned on at first.
        """
        self._listens = True
        self.listen.setChecked(on)
        self.listen.show()

    def show_payload(self, payload: Sound) -> None:
        """Show it; a sound that grows is heard as it comes."""
        super().show_payload(payload)
        if payload.piece and payload.piece != self._piece:
            self._piece = payload.piece
            self._begin_listening(payload)
        elif payload.piece and self._plays_this():
            self.player.feed(payload)

    def _begin_listening(self, payload: Sound) -> None:
        if not self._listens:
            return
        self.stop()
        reason = self.player.available()
        self.listen.setEnabled(not reason)
        if reason:
            self._say(reason)
        elif self.listen.isChecked() and self._seen():
            self.play()

    def _seen(self) -> bool:
        """A holder shows this widget right after it gave it something to show."""
        holder = self.parentWidget()
        return self.isVisible() or (holder is not None and holder.isVisible())

    def complete(self) -> None:
        """No more of the sound will come: play what is there."""
        self.player.complete()

    def _plays_this(self) -> bool:
        playing = self.player.sound
        return playing is not None and playing.piece == self._piece

    def _listen(self, on: bool) -> None:
        """Turned on in the middle of a sound, it is heard from its beginning."""
        grows = self.payload is not None and len(self.payload.samples) < self.payload.expected
        if on and grows and not self.player.playing:
            self.play()
        elif not on and grows:
            self.stop()

    # --- drawing

    def draw(self, payload: Sound) -> None:
        """Another waveform; what was playing goes on to its end."""
        self.title.setText(_(payload.title))
        self.title.setToolTip(self.title.text())
        self.title.setVisible(bool(payload.title))
        count = max(len(payload.samples), payload.expected)
        seconds = max(count / payload.rate, 1e-3)
        times = np.arange(len(payload.samples)) / payload.rate
        self.given.setData(times[: payload.given], payload.samples[: payload.given])
        made = max(0, payload.given - 1)  # the two are joined
        self.wave.setData(times[made:], payload.samples[made:])
        self._draw_spectrogram(payload, count)
        self._draw_next(payload)
        for plot in (self.plot, self.tones):
            plot.getViewBox().setLimits(xMin=0, xMax=seconds)
        if self._seconds != seconds:
            self._seconds = seconds
            self.plot.setXRange(0, seconds, padding=0)
        self.midi_button.setVisible(bool(payload.midi))
        self.play_button.setEnabled(bool(len(payload.samples)))
        self.wav_button.setEnabled(bool(len(payload.samples)))
        speed = speed_of(payload) if self._listens else ""
        self.footer.set_caption(" · ".join(each for each in (_(payload.caption), speed) if each))
        self._arrange()

    def _draw_spectrogram(self, payload: Sound, count: int) -> None:
        if not payload.spectrogram:
            self.spectrogram = None
            return
        # A sound of the same piece begins with what was there; of others nothing can be kept.
        if not self._goes_on(payload, count):
            self.spectrogram = Spectrogram(payload.rate, count)
        assert self.spectrogram is not None
        self._drawn = payload
        self.tones.setYRange(0, payload.rate / 2e3, padding=0)
        self.spectrogram.grow(payload.samples)
        self.image.setVisible(self.spectrogram.done > 0)
        if not self.spectrogram.done:
            return
        self.image.setImage(
            self.spectrogram.shades[:, : self.spectrogram.done],
            autoLevels=False,
            levels=(0, 255),
            lut=theme().lookup(),
        )
        left, width, bottom, height = self.spectrogram.extent
        self.image.setRect(QRectF(left, bottom / 1e3, width, height / 1e3))

    def _goes_on(self, payload: Sound, count: int) -> bool:
        was, now = self._drawn, self.spectrogram
        if was is None or now is None or (now.rate, now.count) != (payload.rate, count):
            return False
        return was is payload or (bool(payload.piece) and was.piece == payload.piece)

    def _draw_next(self, payload: Sound) -> None:
        there = payload.next is not None and payload.levels is not None
        self._have(self.next, 0, 1, there)
        if payload.next is not None and payload.levels is not None:
            self.hill.setPath(hill_of(payload.next, payload.levels))
            most = 1.05 * max(float(payload.next.max()), 1e-6)
            self.next.setXRange(0, most, padding=0)
            self.next_word.setPos(most, 1.0)

    def _have(self, plot: Any, row: int, column: int, there: bool) -> None:
        """Put a plot into its place, or take it out of it."""
        inside = plot in self.view.ci.items
        if there and not inside:
            self.view.addItem(plot, row, column)
        elif inside and not there:
            self.view.removeItem(plot)

    def _arrange(self) -> None:
        """The spectrogram has the axis of time, where there is room; small pictures no titles.

        The ends of the amplitude have no numbers, since there is no room for them in between.
        """
        if self.payload is None:
            return
        roomy = self.view.height() > LOW
        below = self.payload.spectrogram and self.view.height() >= TINY
        if self._axes == (below, roomy, self.payload.rate):
            return
        self._axes = below, roomy, self.payload.rate
        self._have(self.tones, 1, 0, below)
        highest = self.payload.rate / 2e3
        pitches = range(0, math.ceil(highest), nice_step(highest / (4 if roomy else 2)))
        self.tones.getAxis("left").setTicks([[(each, str(each)) for each in pitches]])
        ticks = (-0.5, 0, 0.5) if roomy else (0,)
        self.plot.getAxis("left").setTicks([[(each, f"{each:g}") for each in ticks]])
        self.next_word.setVisible(roomy)
        for plot in (self.plot, self.next):  # so that both are equally high
            plot.showAxis("bottom", not below)
            plot.getAxis("bottom").setHeight(TIME if roomy else LOW_TIME)
        time, wave, pitch = _("time (s)"), _("amplitude"), _("frequency (kHz)")
        for plot, title in ((self.plot, wave), (self.tones, pitch)):
            for side, words in (("left", title), ("bottom", time)):
                axis = plot.getAxis(side)
                axis.setLabel(words, **axis.labelStyle)
                axis.showLabel(roomy)
            plot.getAxis("left").setWidth(AXIS if roomy else NARROW_AXIS)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """There may be room for titles now, or no more."""
        super().resizeEvent(event)
        self._arrange()

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.view.setBackground(palette.panel)
        for plot in (self.plot, self.tones, self.next):
            colour_axes(plot)
        self.wave.setPen(pg.mkPen(theme().series(0), width=1))
        self.next_word.setColor(palette.faint)
        self.next.getAxis("bottom").setPen(pg.mkPen(None))
        self.given.setPen(pg.mkPen(palette.faint, width=1))
        fill = QColor(theme().series(1))
        self.hill.setPen(pg.mkPen(fill, width=1))
        fill.setAlpha(90)
        self.hill.setBrush(fill)
        for line in (self.place, self.place_below):
            line.setPen(pg.mkPen(theme().series(1), width=2))

    # --- hearing

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
        """Write the sound as 16 bit WAV, with its settings. Raises `PlaygroundError`."""
        assert self.payload is not None
        write_wav(path, self.payload)

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
        self.place_below.setValue(seconds)

    def _tell_buffer(self, ahead: float, wait: float) -> None:
        """How much is ready to be heard, or how long until it is heard."""
        if math.isinf(wait):
            words = _("waiting for more")
        elif wait > 0:
            words = _("plays in {seconds:.0f} s").format(seconds=math.ceil(wait))
        else:
            words = _("{seconds:.1f} s ahead").format(seconds=ahead)
        if self.player.underruns:
            words += " · " + _("ran dry {count}×").format(count=self.player.underruns)
        self.buffer.show()
        self.ahead.setText(words)
        self.bar.setValue(round(100 * min(1.0, ahead / FULL_S)))
        self.bar.setAccessibleDescription(words)

    def _stopped(self) -> None:
        self.stop_button.setEnabled(False)
        self.buffer.hide()
        self._moved_on(0)

    def _failed(self, reason: str) -> None:
        self._stopped()
        self._say(reason)

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setToolTip(words)
        self.message.show()

    # --- mouse

    def _under(self, position: QPointF) -> tuple[Any, float, float] | None:
        """The plot at a place of the scene, and where that is in it."""
        for plot in (self.plot, self.tones, self.next):
            box = plot.getViewBox()
            if plot in self.view.ci.items and box.sceneBoundingRect().contains(position):
                point = box.mapSceneToView(position)
                return plot, point.x(), point.y()
        return None

    def _clicked(self, event: Any) -> None:
        under = self._under(event.scenePos())
        if event.double():
            self.plot.setXRange(0, self._seconds, padding=0)
        elif under and under[0] is not self.next and event.button() == Qt.MouseButton.LeftButton:
            self.play(max(0.0, under[1]))

    def _read(self, position: QPointF) -> None:
        under = self._under(position)
        if under is None:
            self.footer.read("")
            return
        plot, x, y = under
        if plot is self.next:
            self.footer.read(self.next_at(y))
        else:
            self.footer.read(self.level_at(x, 1e3 * y) if plot is self.tones else self.read_at(x))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The caption comes back."""
        super().leaveEvent(event)
        self.footer.read("")

    def read_at(self, seconds: float) -> str:
        """Time and amplitude there."""
        if self.payload is None:
            return ""
        index = round(seconds * self.payload.rate)
        if not 0 <= index < len(self.payload.samples):
            return ""
        value = float(self.payload.samples[index])
        if index < self.payload.given:
            words = _("{seconds:.3f} s: amplitude {value:.3f}, given; a click plays from here")
        else:
            words = _("{seconds:.3f} s: amplitude {value:.3f}; a click plays from here")
        return words.format(seconds=seconds, value=value)

    def level_at(self, seconds: float, hertz: float) -> str:
        """How loud that frequency is then."""
        level = None if self.spectrogram is None else self.spectrogram.level(seconds, hertz)
        if level is None:
            return ""
        sign = "≤ " if level <= LOWEST else "≥ " if level >= HIGHEST else ""
        words = _("{seconds:.3f} s, {hertz:,.0f} Hz: {level} dB")
        return words.format(seconds=seconds, hertz=max(0.0, hertz), level=f"{sign}{level:.0f}")

    def next_at(self, amplitude: float) -> str:
        """How probable the value nearest to that amplitude is as the next."""
        if self.payload is None or self.payload.next is None or self.payload.levels is None:
            return ""
        index = int(np.abs(self.payload.levels - amplitude).argmin())
        words = _("next sample {value:.4f}: {percent:.2f} %")
        return words.format(
            value=float(self.payload.levels[index]), percent=100 * float(self.payload.next[index])
        )

    # --- files

    def _ask_wav(self) -> None:
        self._ask(_("Save sound"), "sound.wav", "WAV (*.wav)", self.save_wav)

    def _ask_midi(self) -> None:
        self._ask(_("Save notes"), "notes.mid", "MIDI (*.mid)", self.save_midi)

    def _ask(self, title: str, name: str, kinds: str, save: Callable[[Path], None]) -> None:
        path = ask_where(self, title, name, kinds, Path(name).suffix)
        if path is None:
            return
        try:
            save(path)
        except PlaygroundError as error:
            self._say(_(error.phrase))
        except OSError as error:
            self._say(_("{path} could not be written: {error}").format(path=path, error=error))


def speed_of(sound: Sound) -> str:
    """``12,400 samples/s, 1.5 × real time``; empty where it was not made just now."""
    if sound.per_second <= 0:
        return ""
    words = _("{count:,.0f} samples/s, {times} × real time")
    return words.format(count=sound.per_second, times=f"{sound.per_second / sound.rate:.2g}")


def hill_of(probabilities: Array, levels: Array) -> QPainterPath:
    """The outline of a distribution: probability to the right, amplitude upwards."""
    path = QPainterPath(QPointF(0.0, float(levels[0])))
    for probability, level in zip(probabilities, levels, strict=True):
        path.lineTo(float(probability), float(level))
    path.lineTo(0.0, float(levels[-1]))
    path.closeSubpath()
    return path

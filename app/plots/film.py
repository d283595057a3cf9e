"""Pictures of one kind, one after the other."""

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.elided import Elided
from app.i18n import _
from app.icons import IconButton
from app.plots.base import PayloadWidget
from engine.payloads import Film


class FilmWidget(PayloadWidget[Film]):
    """One widget, which shows one frame at a time, over a slider.

    turned, regenerate: of the frame.
    """

    turned = Signal(dict)
    regenerate = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.child: Any = None
        self._kind: type[Any] | None = None
        self._count = 0
        self.title = Elided(greedy=True)
        self.title.hide()
        self.place = QVBoxLayout()
        self.button = IconButton("play", _("Play"), role="flat")
        self.button.clicked.connect(self.play_or_pause)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(_("Frame"))
        self.slider.setPageStep(1)
        self.slider.valueChanged.connect(self._show_frame)
        self.name = QLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)
        line = QHBoxLayout()
        line.addWidget(self.button)
        line.addWidget(self.slider, 1)
        line.addWidget(self.name)
        self.body.addWidget(self.title)
        self.body.addLayout(self.place, 1)
        self.body.addLayout(line)
        self.body.addWidget(self.footer)
        self.setFocusProxy(self.slider)

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._timer.isActive()

    def draw(self, payload: Film) -> None:
        """Another film; one as long as the last goes on at the same place."""
        count = len(payload.frames)
        self._take(payload)
        if count != self._count:
            self._count = count
            start = payload.start if payload.start >= 0 else count + payload.start
            self.slider.blockSignals(True)
            self.slider.setRange(0, max(0, count - 1))
            self.slider.setValue(start)
            self.slider.blockSignals(False)
        self.slider.setEnabled(count > 1)
        self.button.setEnabled(count > 1)
        if count < 2:
            self.pause()
        self._timer.setInterval(max(15, round(1000 * payload.seconds)))
        names = [_(each) for each in payload.names]
        metrics = self.name.fontMetrics()
        widest = max((metrics.horizontalAdvance(each) for each in names), default=0)
        self.name.setFixedWidth(min(widest + 4, max(80, self.width() // 2)))
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.footer.set_caption(_(payload.caption))
        self._show_frame()

    def reserve(self, payloads: tuple[Film, ...]) -> None:
        """The frame keeps room for what all frames of these say in it."""
        super().reserve(payloads)
        if isinstance(self.child, PayloadWidget):
            self.child.reserve(tuple(frame for each in payloads for frame in each.frames))

    def play_or_pause(self) -> None:
        """Go on by itself, or stay at this frame."""
        if self.playing:
            self.pause()
        elif self._count > 1:
            self._timer.start()
            self.button.set_icon("pause")
            self._call(_("Pause"))

    def pause(self) -> None:
        """Stay at this frame."""
        self._timer.stop()
        self.button.set_icon("play")
        self._call(_("Play"))

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees stands still."""
        super().hideEvent(event)
        self.pause()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Left and right go from frame to frame."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.pause()
            self.slider.setValue(self.slider.value() + step)

    def _call(self, name: str) -> None:
        self.button.setAccessibleName(name)
        self.button.setToolTip(name)

    def _take(self, payload: Film) -> None:
        """A widget for frames of this kind, with room for what each of them says."""
        from app.plots import WIDGETS

        kind = type(payload.frames[0]) if payload.frames else None
        if kind is not self._kind:
            self._kind = kind
            if self.child is not None:
                self.place.removeWidget(self.child)
                self.child.hide()
                self.child.deleteLater()
            self.child = None if kind is None else WIDGETS[kind]()
            if self.child is not None:
                self.place.addWidget(self.child, 1)
                if isinstance(self.child, PayloadWidget):
                    self.child.footer.lend(self.footer)
                for name in ("turned", "regenerate"):
                    if hasattr(self.child, name):
                        getattr(self.child, name).connect(getattr(self, name))
                self.child.show()
        if isinstance(self.child, PayloadWidget):
            self.child.reserve(payload.frames)

    def _next(self) -> None:
        self.slider.setValue((self.slider.value() + 1) % max(1, self._count))

    def _show_frame(self) -> None:
        payload, at = self.payload, self.slider.value()
        if payload is not None and self.child is not None and at < len(payload.frames):
            self.child.show_payload(payload.frames[at])
            self.name.setText(_(payload.names[at]) if at < len(payload.names) else str(at + 1))

"""A picture as it comes about, one draw after the other, with what could have come instead.

Left is the picture: what is done, in its own shades, and what is not, in a tint that no
picture has. Right is what the model thought at the newest of the draws that are done. It
plays like a film, at a speed that one sets. A click on a point goes to its draw, and a click
on another token puts that one there by hand: all later draws are then made anew.
"""

import math
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.icons import IconButton
from app.plots.base import PayloadWidget
from app.plots.images import image_from, whole
from app.plots.labels import Key
from app.plots.turning import Turning
from app.special.chances import Chances
from app.special.chips import percent
from app.theme import blend, theme
from engine.payloads import Pixels, Raster

TICK = 16  # milliseconds between two pictures while it plays
LONGEST = 0.25  # seconds: what is played at once after a stall is no more than this
SLOWEST, FASTEST = 1.0, 1000.0  # draws a second
USUAL = 30.0
NOTCHES = 60  # of the slider of the speed
GIVEN = 0.28  # how strongly it is tinted
PATIENCE = 3.0  # seconds that playing waits for the picture that follows from a hand's token
NARROW = 500  # pixels: below, what stands in one line stands in two
LEAST = 320  # pixels: width of the narrowest
LITTLE = 4  # tokens: bars of so few need less width than the picture
REST = 100  # pixels: height of all but the picture and the chances, about

Hand = dict[int, int]


class Spot(NamedTuple):
    """Where a draw is."""

    row: int
    column: int
    channel: int


def spot_of(draw: int, payload: Raster) -> Spot:
    """Row, column and channel of a draw."""
    _rows, columns, channels = payload.tokens.shape
    place, channel = divmod(draw, channels)
    row, column = divmod(place, columns)
    return Spot(row, column, channel)


def draw_of(spot: Spot, payload: Raster) -> int:
    """The number of the draw at a row, a column and a channel."""
    _rows, columns, channels = payload.tokens.shape
    return int((spot.row * columns + spot.column) * channels + spot.channel)


def hand_of(numbers: tuple[float, ...]) -> Hand:
    """Draw, token, draw, token, ... as {draw: token}."""
    return {int(numbers[i]): int(numbers[i + 1]) for i in range(0, len(numbers) - 1, 2)}


def numbers_of(hand: Hand) -> tuple[int, ...]:
    """The opposite, in the order of the draws."""
    return tuple(each for pair in sorted(hand.items()) for each in pair)


def with_token(hand: Hand, draw: int, token: int) -> Hand:
    """`hand` with one more. What was put at later draws was put into another picture, and goes."""
    return {at: each for at, each in hand.items() if at < draw} | {draw: token}


def tokens_of(payload: Raster, hand: Hand) -> NDArray[np.int64]:
    """All tokens in the order of their draws, (n,), with those that a hand put."""
    tokens = payload.tokens.reshape(-1).copy()
    for draw, token in hand.items():
        if 0 <= draw < len(tokens) and 0 <= token < len(payload.palette):
            tokens[draw] = token
    return tokens


def looks_of(payload: Raster, channel: int) -> list[Pixels]:
    """How each token looks in a channel, (v, p, p, 1 or 3)."""
    channels = payload.tokens.shape[2]
    if channels == 1:
        return list(payload.palette[..., None])
    looks = np.zeros((*payload.palette.shape, channels), np.uint8)
    looks[..., channel] = payload.palette
    return list(looks)


def picture_of(payload: Raster, tokens: NDArray[np.int64], done: int) -> Pixels:
    """The picture after `done` draws, (rows * p, columns * p, 3).

    A place of which no channel is done has the colour `undone()`; a channel that is not done is
    dark. What was given is tinted.
    """
    rows, columns, channels = payload.tokens.shape
    p = payload.palette.shape[1]
    points = payload.palette[tokens]  # n, p, p
    points[done:] = 0
    split = points.reshape(rows, columns, channels, p, p)
    grid = split.transpose(0, 3, 1, 4, 2).reshape(rows * p, columns * p, channels)
    picture = np.ascontiguousarray(grid) if channels == 3 else grid[..., :1].repeat(3, -1)
    places = np.arange(rows * columns)
    given = np.isin(places, np.asarray(payload.given, np.int64) // channels)
    for chosen, colour, share in (
        (given, given_colour(), GIVEN),
        (places * channels >= done, undone(), 1.0),
    ):
        there = chosen.reshape(rows, columns).repeat(p, 0).repeat(p, 1)
        tint = np.array([colour.red(), colour.green(), colour.blue()])
        picture[there] = ((1 - share) * picture[there] + share * tint).round()
    return picture


def speed_at(notch: int) -> float:
    """Draws a second at a notch of the slider."""
    return float(SLOWEST * (FASTEST / SLOWEST) ** (notch / NOTCHES))


def notch_of(speed: float) -> int:
    """The nearest notch."""
    return round(NOTCHES * math.log(speed / SLOWEST) / math.log(FASTEST / SLOWEST))


def in_words(speed: float) -> str:
    """``30 a second``."""
    size = 10 ** max(0, math.floor(math.log10(speed)) - 1)
    return _("{n} a second").format(n=f"{round(speed / size) * size:,}")


class Board(QWidget):
    """The picture itself.

    hovered: the place under the mouse as a draw of its first channel, or -1.
    pressed: the same, of a place that was clicked.
    """

    hovered = Signal(int)
    pressed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.payload: Raster | None = None
        self.tokens: NDArray[np.int64] = np.empty(0, np.int64)
        self.hand: Hand = {}
        self.done = 0
        self.under = -1
        self._image = QImage()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Large enough to see something."""
        return QSize(80, 60)

    def show_draws(self, payload: Raster, tokens: NDArray[np.int64], hand: Hand, done: int) -> None:
        """Show the first `done` of these."""
        self.payload, self.tokens, self.hand, self.done = payload, tokens, hand, done
        self._image = image_from(picture_of(payload, tokens, done))
        self.update()

    def scale(self) -> float:
        """Pixels a side of a place of the raster."""
        assert self.payload is not None
        rows, columns = self.payload.tokens.shape[:2]
        fits = min((self.width() - 4) / columns, (self.height() - 4) / rows)
        ratio = self.devicePixelRatioF()
        return max(whole(fits * ratio) / ratio, 0.5)

    def frame(self) -> QRectF:
        """Where the picture is."""
        assert self.payload is not None
        rows, columns = self.payload.tokens.shape[:2]
        wide, high = columns * self.scale(), rows * self.scale()
        left, top = (self.width() - wide) / 2, (self.height() - high) / 2
        return QRectF(math.floor(left), math.floor(top), wide, high)

    def place(self, draw: int) -> QRectF:
        """Where a draw's place is."""
        assert self.payload is not None
        spot, frame, side = spot_of(draw, self.payload), self.frame(), self.scale()
        return QRectF(frame.left() + spot.column * side, frame.top() + spot.row * side, side, side)

    def draw_at(self, point: QPointF) -> int:
        """The first draw of the place under a point, or -1."""
        if self.payload is None or not len(self.tokens):
            return -1
        frame, side = self.frame(), self.scale()
        column = math.floor((point.x() - frame.left()) / side)
        row = math.floor((point.y() - frame.top()) / side)
        rows, columns = self.payload.tokens.shape[:2]
        if not (0 <= row < rows and 0 <= column < columns):
            return -1
        return draw_of(Spot(row, column, 0), self.payload)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The picture, what a hand put, and where it is."""
        if self.payload is None or not len(self.tokens):
            return
        painter = QPainter(self)
        palette, frame = theme().palette, self.frame()
        painter.drawImage(frame, self._image)
        painter.setPen(QPen(QColor(palette.border), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame.adjusted(-0.5, -0.5, 0.5, 0.5))
        for draw in self.hand:
            if draw < self.done:
                self._frame(painter, self.place(draw), theme().series(1), 2.0)
        if self.done:
            self._frame(painter, self.place(self.done - 1), QColor(palette.accent), 2.0)
        if self.under >= 0:
            self._frame(painter, self.place(self.under), QColor(palette.faint), 1.0)
        if self.hasFocus():
            painter.setPen(QPen(QColor(palette.text), 1, Qt.PenStyle.DotLine))
            painter.drawRect(frame.adjusted(-1.5, -1.5, 1.5, 1.5))
        painter.end()

    def _frame(self, painter: QPainter, place: QRectF, colour: QColor, thick: float) -> None:
        """Around a place, with a rim, so that it is seen on any ground."""
        out = thick / 2 if thick > 1 else -0.5
        for each, wide in ((QColor(theme().palette.panel), thick + 2), (colour, thick)):
            pen = QPen(each, wide)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(place.adjusted(-out, -out, out, out))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out the place under the mouse."""
        self._point(self.draw_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self._point(-1)

    def _point(self, draw: int) -> None:
        if draw != self.under:
            self.under = draw
            self.update()
        self.hovered.emit(draw)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go to a place."""
        found = self.draw_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and found >= 0:
            self.pressed.emit(found)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show that the keys are heard here."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show that they are not."""
        super().focusOutEvent(event)
        self.update()


def undone() -> QColor:
    """The tint of what is not drawn yet: neither black nor white, nor grey."""
    palette = theme().palette
    return blend(palette.accent, palette.panel, 0.4 if palette.dark else 0.3)


def given_colour() -> QColor:
    """What tints points that were given."""
    return QColor(theme().series(2))


class RasterWidget(PayloadWidget[Raster]):
    """The picture, what could have come, and what plays it.

    turned: {knob: draw, token, draw, token, ...} when a hand put a token, or took it back.
    """

    turned = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.done = 0
        self.hand: Hand = {}
        self._before: list[tuple[int, ...]] = []
        self._shape: tuple[int, ...] = ()
        self._tokens: NDArray[np.int64] = np.empty(0, np.int64)
        self._nats: NDArray[np.float64] = np.zeros(1)
        self._looks: tuple[Pixels, int, tuple[str, ...]] | None = None
        self._put_at = -math.inf
        self._owed = 0.0
        self._played_at = 0.0
        self.turning = Turning(self)
        self.turning.turned.connect(self.turned)
        self.turning.lapsed.connect(self.refresh)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._tick)
        self.title = Elided(greedy=True)
        self.title.hide()
        self.board = Board()
        self.board.hovered.connect(self._read)
        self.board.pressed.connect(self.go_to)
        self.key = Key()
        self.where = Elided(greedy=True)
        self.what = Elided(greedy=True)
        self.what.setProperty("role", "faint")
        self.chances = Chances()
        self.chances.hovered.connect(self.footer.read)
        self.chances.chosen.connect(self.put)
        self._add_transport()
        self._add_layout()
        self.setFocusProxy(self.board)

    def _add_transport(self) -> None:
        """Buttons, sliders, and what takes back."""
        self.first = IconButton("skip-backward", _("To the start"), role="flat")
        self.back = IconButton("step-backward", _("Step back"), role="flat")
        self.button = IconButton("play", _("Play"), role="flat")
        self.forth = IconButton("step-forward", _("Step forward"), role="flat")
        self.last = IconButton("skip-forward", _("To the end"), role="flat")
        self.first.clicked.connect(lambda: self.seek(0))
        self.back.clicked.connect(lambda: self.seek(self.done - 1))
        self.button.clicked.connect(self.play_or_pause)
        self.forth.clicked.connect(lambda: self.seek(self.done + 1))
        self.last.clicked.connect(lambda: self.seek(self.count))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(_("Draws that are done"))
        self.slider.setMinimumWidth(50)
        self.slider.valueChanged.connect(self.seek)
        self.counted = QLabel()
        self.counted.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.speed = QSlider(Qt.Orientation.Horizontal)
        self.speed.setRange(0, NOTCHES)
        self.speed.setValue(notch_of(USUAL))
        self.speed.setFixedWidth(70)
        self.speed.setAccessibleName(_("Draws a second"))
        self.speed.setToolTip(_("Draws a second"))
        self.speed.valueChanged.connect(self._name_speed)
        self.speed_name = QLabel()
        self.speed_name.setProperty("role", "faint")
        self.undo = IconButton(
            "undo", _("Take back"), tip=_("Take back what was put by hand last"), role="flat"
        )
        self.undo.clicked.connect(self.take_back)
        self.undo_all = IconButton(
            "backup-restore", _("Take all back"), tip=_("As the model drew it"), role="flat"
        )
        self.undo_all.clicked.connect(self.take_all_back)
        self._name_speed()

    def _add_layout(self) -> None:
        pictured = QVBoxLayout()
        pictured.setSpacing(2)
        pictured.addWidget(self.board, 1)
        pictured.addWidget(self.key)
        thought = QVBoxLayout()
        thought.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(self.where, 1)
        head.addWidget(self.undo)
        head.addWidget(self.undo_all)
        thought.addLayout(head)
        thought.addWidget(self.what)
        thought.addWidget(self.chances, 1)
        self.halves = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.halves.setSpacing(12)
        self.halves.addLayout(pictured, 1)
        self.halves.addLayout(thought, 1)
        played = QHBoxLayout()
        played.setSpacing(0)
        for each in (self.first, self.back, self.button, self.forth, self.last):
            played.addWidget(each)
        played.addSpacing(6)
        played.addWidget(self.slider, 1)
        played.addSpacing(6)
        played.addWidget(self.counted)
        set_ = QHBoxLayout()
        set_.setSpacing(4)
        set_.addWidget(self.speed)
        set_.addWidget(self.speed_name)
        set_.addStretch(1)
        self.transport = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.transport.setSpacing(12)
        self.transport.addLayout(played, 1)
        self.transport.addLayout(set_)
        self.body.addWidget(self.title)
        self.body.addLayout(self.halves, 1)
        self.body.addLayout(self.transport)
        self.body.addWidget(self.footer)

    # --- what is shown

    @property
    def count(self) -> int:
        """Draws in the picture."""
        return len(self._tokens)

    @property
    def draw_shown(self) -> int:
        """The draw whose chances are shown: the newest of those that are done, or the first."""
        return max(0, self.done - 1)

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._timer.isActive()

    def draw(self, payload: Raster) -> None:
        """Another picture; one of the same size goes on at the same place."""
        told = self.turning.over({payload.turns: payload.turned})[payload.turns]
        hand = hand_of(told)
        if hand != self.hand:
            # Somebody else changed it: there is nothing of this to go back to.
            self.hand, self._before = hand, []
        shape = (*payload.tokens.shape, len(payload.palette))
        self._tokens = tokens_of(payload, self.hand)
        if shape != self._shape:
            self._shape = shape
            self.pause()
            self.done = min(payload.start, self.count) if payload.start >= 0 else self.count
        drawn = payload.probabilities[np.arange(self.count), self._tokens].astype(np.float64)
        with np.errstate(divide="ignore"):
            self._nats = np.concatenate(([0.0], np.cumsum(-np.log(drawn))))
        self.slider.blockSignals(True)
        self.slider.setRange(0, self.count)
        self.slider.setPageStep(max(1, payload.tokens.shape[1] * payload.tokens.shape[2]))
        self.slider.blockSignals(False)
        self.counted.setFixedWidth(
            self.counted.fontMetrics().horizontalAdvance(f"{self.count:,} / {self.count:,}") + 2
        )
        self.halves.setStretch(0, 3)
        self.halves.setStretch(1, 2 if len(payload.palette) <= LITTLE else 3)
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.footer.set_caption(_(payload.caption))
        self.board.setAccessibleName(_(payload.title) or _("Picture"))
        for each in (self.undo, self.undo_all):
            each.setVisible(bool(payload.turns))
        self._show()

    def recolour(self) -> None:
        """Take the colours of the theme."""
        self._looks = None

    def _show(self) -> None:
        """The picture and the chances at the place where it is."""
        payload = self.payload
        if payload is None:
            return
        self.slider.blockSignals(True)
        self.slider.setValue(self.done)
        self.slider.blockSignals(False)
        self.counted.setText(f"{self.done:,} / {self.count:,}")
        self.first.setEnabled(self.done > 0)
        self.back.setEnabled(self.done > 0)
        self.forth.setEnabled(self.done < self.count)
        self.last.setEnabled(self.done < self.count)
        self.button.setEnabled(self.count > 0)
        self.undo.setEnabled(bool(self.hand or self._before))
        self.undo_all.setEnabled(bool(self.hand))
        self.board.show_draws(payload, self._tokens, self.hand, self.done)
        self._show_key(payload)
        if not self.count:
            return
        draw = self.draw_shown
        self._dress(payload, spot_of(draw, payload).channel)
        self.chances.show_chances(
            payload.probabilities[draw],
            int(self._tokens[draw]) if self.done else None,
            hand=draw in self.hand,
            open=self._may_put(payload, draw),
        )
        self.where.setText(self._where(draw))
        self.where.setToolTip(self.where.text())
        words = [self._what(draw), _("{nats} nats so far").format(nats=self._nats_until(self.done))]
        self.what.setText(" · ".join(words))
        self.what.setToolTip(self.what.text())
        self.board.setAccessibleDescription(f"{self.where.text()} · {self.what.text()}")

    def _show_key(self, payload: Raster) -> None:
        entries = []
        if self.done < self.count:
            entries.append((_("not drawn yet"), undone(), False))
        if payload.given:
            entries.append((_("given"), given_colour(), False))
        if self.hand:
            entries.append((_("by hand"), theme().series(1), True))
        self.key.show_entries(entries)

    def _dress(self, payload: Raster, channel: int) -> None:
        """Give the chances the looks of their tokens, where these are others than before."""
        wanted = (payload.palette, channel, payload.names)
        now = self._looks
        if (
            now is None
            or now[1:] != wanted[1:]
            or (now[0] is not wanted[0] and not np.array_equal(now[0], wanted[0]))
        ):
            self.chances.set_looks(looks_of(payload, channel), payload.names)
        self._looks = wanted

    def _may_put(self, payload: Raster, draw: int) -> bool:
        return bool(payload.turns) and draw not in payload.given

    def _where(self, draw: int) -> str:
        """``Row 3, column 5 · red``."""
        assert self.payload is not None
        spot, channels = spot_of(draw, self.payload), self.payload.tokens.shape[2]
        where = _("row {row}, column {column}").format(row=spot.row + 1, column=spot.column + 1)
        if channels == 1:
            return where
        colours = (_("red"), _("green"), _("blue"))
        named = colours[spot.channel] if channels == 3 else str(spot.channel + 1)
        return f"{where} · {named}"

    def _what(self, draw: int) -> str:
        """``white, drawn at 97.31 %``."""
        assert self.payload is not None
        if draw >= self.done:
            return _("not drawn yet")
        token = int(self._tokens[draw])
        name = self.chances.name(token)
        share = percent(float(self.payload.probabilities[draw, token]))
        if draw in self.hand:
            return _("{name}, put by hand ({share})").format(name=name, share=share)
        if draw in self.payload.given:
            return _("{name}, given ({share})").format(name=name, share=share)
        return _("{name}, drawn at {share}").format(name=name, share=share)

    def _nats_until(self, done: int) -> str:
        nats = float(self._nats[done])
        return f"{nats:.1f}" if math.isfinite(nats) else "∞"

    def _read(self, draw: int) -> None:
        """Read out what is under the mouse."""
        if draw < 0 or self.payload is None:
            self.footer.read("")
            return
        channels = self.payload.tokens.shape[2]
        each = [self._what(draw + channel) for channel in range(channels)]
        words = each[:1] if draw >= self.done else each
        row_and_column = self._where(draw).split(" · ")[0]
        self.footer.read(" · ".join([row_and_column, *words]))

    def _name_speed(self) -> None:
        self.speed_name.setText(in_words(speed_at(self.speed.value())))
        widest = max(
            self.speed_name.fontMetrics().horizontalAdvance(in_words(each))
            for each in (SLOWEST, 99.0, FASTEST)
        )
        self.speed_name.setFixedWidth(widest + 2)

    # --- going through it

    def seek(self, done: int) -> None:
        """Show so many draws done. Who goes by hand does not play on."""
        self.pause()
        self._move(done)

    def _move(self, done: int) -> None:
        done = min(max(done, 0), self.count)
        if done != self.done:
            self.done = done
            self._show()

    def go_to(self, draw: int) -> None:
        """Go to the place of a draw; once there, to its next channel."""
        assert self.payload is not None
        channels = self.payload.tokens.shape[2]
        at = self.draw_shown
        if self.done and at // channels == draw // channels:
            draw = draw // channels * channels + (at + 1) % channels
        self.seek(draw + 1)

    def play_or_pause(self) -> None:
        """Go on by itself, from the start where it is at the end, or stay here."""
        if self.playing:
            self.pause()
        elif self.count:
            if self.done >= self.count:
                self._move(0)
            self._owed, self._played_at = 0.0, time.monotonic()
            self._timer.start()
            self.button.set_icon("pause")
            self._call(_("Pause"))

    def pause(self) -> None:
        """Stay here."""
        if self.playing:
            self._timer.stop()
            self.button.set_icon("play")
            self._call(_("Play"))

    def _call(self, name: str) -> None:
        self.button.setAccessibleName(name)
        self.button.setToolTip(name)

    def _tick(self) -> None:
        now = time.monotonic()
        spent, self._played_at = min(now - self._played_at, LONGEST), now
        if not self.waiting:
            self.advance(spent)

    @property
    def waiting(self) -> bool:
        """Whether what is to be shown next is still being drawn, after a hand put a token."""
        assert self.payload is not None
        late = hand_of(self.payload.turned) != self.hand
        return late and time.monotonic() - self._put_at < PATIENCE

    def advance(self, seconds: float) -> None:
        """Play for so long. What was given was not drawn, and takes no time."""
        assert self.payload is not None
        self._owed += seconds * speed_at(self.speed.value())
        done, given = self.done, frozenset(self.payload.given)
        while done < self.count and (done in given or self._owed >= 1 - 1e-9):
            self._owed -= 0 if done in given else 1
            done += 1
        self._move(done)
        if done >= self.count:
            self.pause()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees stands still."""
        super().hideEvent(event)
        self.pause()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Space plays; left and right go by a draw, up and down by a row; Home and End."""
        row = self.slider.pageStep()
        places = {
            Qt.Key.Key_Left: self.done - 1,
            Qt.Key.Key_Right: self.done + 1,
            Qt.Key.Key_Up: self.done - row,
            Qt.Key.Key_Down: self.done + row,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self.count,
        }
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Space:
            self.play_or_pause()
        elif key == Qt.Key.Key_Backspace and self.undo.isEnabled():
            self.take_back()
        elif key in places:
            self.seek(places[key])
        else:
            super().keyPressEvent(event)

    # --- putting tokens by hand

    def put(self, token: int) -> None:
        """Put a token at the draw that is shown; what is there already stays as it is."""
        payload, draw = self.payload, self.draw_shown
        if payload is None or not self._may_put(payload, draw):
            return
        if self.done and token == self._tokens[draw]:
            return
        self._before.append(numbers_of(self.hand))
        self._set(with_token(self.hand, draw, int(token)))
        self._move(draw + 1)

    def take_back(self) -> None:
        """As it was before the last token was put; where that is not known, without the last."""
        if self._before:
            self._set(hand_of(self._before.pop()))
        elif self.hand:
            self._set({at: each for at, each in self.hand.items() if at != max(self.hand)})

    def take_all_back(self) -> None:
        """As the model drew it."""
        self._before.append(numbers_of(self.hand))
        self._set({})

    def _set(self, hand: Hand) -> None:
        assert self.payload is not None
        self.hand = hand
        self._tokens = tokens_of(self.payload, hand)
        self._put_at = time.monotonic()
        self.turning.turn({self.payload.turns: numbers_of(hand)})
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The chances beside the picture or below it, wherever this is larger by it."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        narrow = self.width() < NARROW
        self.transport.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)
        width, height = self.width(), self.height() - REST
        below = min(width, height / 2) > min(width / 2, height)
        self.halves.setDirection(directions.TopToBottom if below else directions.LeftToRight)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As narrow as it may become, whatever stands in one line now."""
        return QSize(LEAST, super().minimumSizeHint().height())

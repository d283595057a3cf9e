"""A race: one task, done in several ways at once, each token where and when it came.

All lanes share one clock. What was measured is shown in its real order and at its real times,
only slower, by a factor that one chooses and that is always said. A token is tinted by how sure
the model was of it; one that was just written has a frame, one that was taken back is struck out.
Below the name of a lane a line grows for as long as it runs, with a tick for each time that
something was written.
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSlider,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.icons import IconButton
from app.plots.base import PayloadWidget
from app.plots.table import draw_verdict
from app.special.chips import chip_font, percent, tint, visible
from app.theme import blend, theme
from engine.payloads import Lane, Race
from engine.phrases import N_

TICK = 33  # milliseconds between two pictures while it runs
LONGEST = 0.25  # seconds: what is played at once after a stall is no more than this
FACTORS = (1, 10, 30, 100, 300, 1000)
USUAL = 6.0  # seconds on the screen until the slowest is done, about
FRESH = 0.5  # seconds on the screen for which a new token has its frame
NOTCHES = 1000  # of the slider
LARGEST, LEAST = 19, 10  # pixels of a letter
SCROLLED = 12  # pixels of a letter where not even the smallest let all lanes be seen at once
NARROW = 500  # pixels: below, what stands in one line stands in two
SMALL = 11  # pixels of a letter: with these and smaller ones, all stands closer
TIGHT = 480  # pixels: below, a lane's head says no more than it must
LINE = 3  # pixels: how thick the line of a lane is; one less where all stands closer
MARGIN = 6  # pixels around all lanes
MOST_SPACE = 26  # pixels between two lanes, where there is room to spare
ORDINALS = (N_("1st"), N_("2nd"), N_("3rd"), N_("4th"), N_("5th"), N_("6th"), N_("7th"), N_("8th"))


# --- what happened when


def finish(lane: Lane) -> float:
    """Seconds until its last moment."""
    return lane.moments[-1].seconds


def end_of(race: Race) -> float:
    """Seconds until the slowest is done."""
    return max((finish(lane) for lane in race.lanes), default=0.0)


def ranks(race: Race) -> tuple[int, ...]:
    """The place of each lane, from 1; equal times share one."""
    times = [finish(lane) for lane in race.lanes]
    return tuple(1 + sum(other < mine for other in times) for mine in times)


def ordinal(rank: int) -> str:
    """``1st``."""
    return _(ORDINALS[rank - 1]) if rank <= len(ORDINALS) else _("{n}th").format(n=rank)


def moment_at(lane: Lane, now: float) -> int:
    """Which of its moments has come; -1 before the first."""
    return bisect_right([each.seconds for each in lane.moments], now) - 1


def usual_factor(end: float) -> int:
    """How much slower a race of so many seconds is shown, where nobody has said it."""
    return min(FACTORS, key=lambda each: abs(math.log(max(end, 1e-9) * each / USUAL)))


def milliseconds(seconds: float, longest: float) -> str:
    """``12.3``, with as many decimals as a race of `longest` seconds needs."""
    decimals = 2 if longest < 0.02 else 1 if longest < 0.5 else 0
    return f"{1000 * seconds:,.{decimals}f}"


def clock(seconds: float, longest: float) -> str:
    """``12.3 ms``."""
    return _("{time} ms").format(time=milliseconds(seconds, longest))


def slower(factor: int) -> str:
    """How fast it is shown, in words."""
    return _("in real time") if factor == 1 else _("{n:,} times slower").format(n=factor)


class Box(NamedTuple):
    """What is in one place of a lane. probability: NaN where there is none."""

    piece: str
    probability: float
    fresh: bool = False
    dropped: bool = False


def boxes_at(lane: Lane, now: float, fresh: float, over: bool) -> list[Box]:
    """What stands in a lane at a time.

    fresh: seconds of the race for which a new token counts as new. over: the race is at its
    end, where nothing is new any more.
    """
    index = moment_at(lane, now)
    if index < 0:
        return []
    moment = lane.moments[index]
    recent = not over and now - moment.seconds <= fresh
    boxes = [
        Box(piece, probability, fresh=recent and place in moment.fresh)
        for place, (piece, probability) in enumerate(
            zip(moment.pieces, moment.probabilities, strict=True)
        )
    ]
    if recent or index + 1 < len(lane.moments):
        before = lane.moments[index - 1].pieces if index else ()
        for place in moment.dropped:
            if place in moment.fresh:
                continue  # another token has come there at once
            while len(boxes) <= place:
                boxes.append(Box("", math.nan))
            last = before[place] if place < len(before) else ""
            boxes[place] = Box(boxes[place].piece or last, math.nan, dropped=True)
    return boxes


def written_at(lane: Lane, place: int, now: float) -> float:
    """When the token that stands in a place came there, in seconds."""
    index = moment_at(lane, now)
    piece = lane.moments[index].pieces[place]
    while index > 0 and place not in lane.moments[index].fresh:
        before = lane.moments[index - 1].pieces
        if place >= len(before) or before[place] != piece:
            break
        index -= 1
    return lane.moments[index].seconds


# --- where it stands


class Plan(NamedTuple):
    """How the lanes are laid out, in pixels.

    size: of a letter. head: above the boxes of a lane. box: height of a box. widths: of the
    boxes; spots: where they stand below their lane's head, the same in all lanes, so that places
    can be compared. tops, counts: of each lane its upper edge and its places. height: of all.
    """

    size: int
    head: int
    box: int
    widths: tuple[int, ...]
    spots: tuple[QPoint, ...]
    tops: tuple[int, ...]
    counts: tuple[int, ...]
    height: int

    @property
    def tight(self) -> bool:
        """Whether all stands closer."""
        return self.size <= SMALL


def places_in(lane: Lane) -> int:
    """The most places that it has at any time."""
    most = (max(len(each.pieces), *(d + 1 for d in each.dropped), 0) for each in lane.moments)
    return max(most)


def pieces_by_place(race: Race) -> list[set[str]]:
    """All that ever stands in each place, in any lane."""
    found: list[set[str]] = [set() for _place in range(max(map(places_in, race.lanes), default=0))]
    for lane in race.lanes:
        for moment in lane.moments:
            for place, piece in enumerate(moment.pieces):
                found[place].add(visible(piece))
    return found


def spots_of(widths: Sequence[int], line: int, room: int) -> tuple[QPoint, ...]:
    """Boxes from left to right; what finds no room goes on in the next line."""
    found, x, y = [], 0, 0
    for width in widths:
        if x and x + width > room:
            x, y = 0, y + line
        found.append(QPoint(x, y))
        x += width + 2
    return tuple(found)


def planned(race: Race, font: QFont, head: int, room: QSize) -> Plan:
    """The lanes with the largest letters for which all of them find room.

    head: pixels above the boxes of a lane, where there is room for it. Where there is no such
    size, they are higher than the room.
    """
    pieces, counts = pieces_by_place(race), tuple(map(places_in, race.lanes))
    wide = room.width() - 2 * MARGIN
    for size in range(LARGEST, LEAST - 1, -1):
        plan = _plan(pieces, counts, _metrics(font, size), size, head, wide)
        if plan.height <= room.height():
            return spread(plan, room.height())
    return _plan(pieces, counts, _metrics(font, SCROLLED), SCROLLED, head, wide)


def spread(plan: Plan, height: int) -> Plan:
    """The lanes with more room between them, where there is some to spare."""
    gaps = max(1, len(plan.tops) - 1)
    more = max(0, min(MOST_SPACE - 12, (height - plan.height) // gaps))
    tops = tuple(top + lane * more for lane, top in enumerate(plan.tops))
    return plan._replace(tops=tops, height=plan.height + more * (len(plan.tops) - 1))


def _metrics(font: QFont, size: int) -> QFontMetrics:
    sized = QFont(font)
    sized.setPixelSize(size)
    return QFontMetrics(sized)


def _plan(
    pieces: Sequence[set[str]],
    counts: tuple[int, ...],
    metrics: QFontMetrics,
    size: int,
    head: int,
    room: int,
) -> Plan:
    """The lanes with letters of one size."""
    wide = {each: metrics.horizontalAdvance(each) for each in set().union(*pieces)}
    letter = max(
        [metrics.horizontalAdvance("0"), *(w for piece, w in wide.items() if len(piece) == 1)]
    )
    pad = max(4, size // 2)
    widths = tuple(max([letter, *(wide[each] for each in some)]) + pad for some in pieces)
    box = metrics.height() + (6 if size > 12 else 3 if size > SMALL else 2)
    spots = spots_of(widths, box + 3, room)
    tops, top = [], 0
    head, space = (head - 6, 3) if size <= SMALL else (head, 12)
    for count in counts:
        tops.append(top + MARGIN)
        last = spots[count - 1].y() if count else 0
        top += head + last + box + space
    height = max(0, top - space) + 2 * MARGIN
    return Plan(size, head, box, widths, spots, tuple(tops), counts, height)


class Track(QAbstractScrollArea):
    """The lanes, as they are at a time.

    read: what is under the mouse, in words, or nothing.
    """

    read = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.race = Race(())
        self.now = 0.0
        self.factor = 1
        self.plan = Plan(LEAST, 0, 0, (), (), (), (), 0)
        self.ranks: tuple[int, ...] = ()
        self._state: object = None
        self._under: QPointF | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(_("Race"))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Two lanes or so."""
        return QSize(200, 2 * (self.head + 24))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Some lanes."""
        return QSize(600, 300)

    @property
    def head(self) -> int:
        """Pixels above the boxes of a lane."""
        return self.fontMetrics().height() + 10

    @property
    def end(self) -> float:
        """Seconds until all are done."""
        return end_of(self.race)

    def show_race(self, race: Race) -> None:
        """Other lanes."""
        self.race = race
        self.ranks = ranks(race)
        self.lay_out()

    def show_time(self, now: float, factor: int) -> None:
        """The lanes `now` seconds after the start, as they are seen `factor` times slower.

        Only the clocks are painted again as long as nothing else is another than before.
        """
        self.now, self.factor = now, factor
        state = [self.boxes(lane) for lane in range(len(self.race.lanes))]
        if state != self._state:
            self._state = state
            self.viewport().update()
        else:
            for lane in range(len(self.race.lanes)):
                self.viewport().update(self.head_of(lane))
        if self._under is not None:
            self.read.emit(self.words_at(self._under))

    def lay_out(self) -> None:
        """Find the place of everything, and describe it to who cannot see it."""
        room = self.viewport().size()
        if self.verticalScrollBar().isVisible():  # whether it is needed is not known yet
            room.setWidth(room.width() + self.verticalScrollBar().width())
        self.plan = planned(self.race, chip_font(), self.head, room)
        more = self.plan.height - room.height()
        if more > 0:
            narrower = QSize(room.width() - self.verticalScrollBar().sizeHint().width(), 0)
            self.plan = planned(self.race, chip_font(), self.head, narrower)
            more = self.plan.height - room.height()
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, more))
        bar.setPageStep(room.height())
        bar.setSingleStep(self.plan.box + 3)
        self._state = None
        self.viewport().update()

    # --- what is where

    def boxes(self, lane: int) -> list[Box]:
        """What stands in a lane now."""
        over = self.now >= self.end
        return boxes_at(self.race.lanes[lane], self.now, FRESH / self.factor, over)

    def _top(self, lane: int) -> int:
        return self.plan.tops[lane] - self.verticalScrollBar().value()

    def head_of(self, lane: int) -> QRect:
        """The name, the clock and the line of a lane."""
        wide = self.viewport().width() - 2 * MARGIN
        return QRect(MARGIN, self._top(lane), wide, self.plan.head)

    def line_of(self, lane: int) -> QRectF:
        """Where the line of a lane is, when it is at its end."""
        head, above = self.head_of(lane), 3 if self.plan.tight else 6
        return QRectF(head.left(), head.bottom() - above, head.width(), LINE - self.plan.tight)

    def place(self, lane: int, place: int) -> QRect:
        """Where a box is."""
        spot = self.plan.spots[place] + QPoint(MARGIN, self._top(lane) + self.plan.head)
        return QRect(spot, QSize(self.plan.widths[place], self.plan.box))

    def lane_at(self, point: QPointF) -> int:
        """The lane under a point, or -1."""
        y = int(point.y()) + self.verticalScrollBar().value()
        lane = bisect_right(self.plan.tops, y) - 1
        return lane if y < self.plan.height else -1

    def place_at(self, lane: int, point: QPointF) -> int:
        """The place of a lane under a point, or -1."""
        places = (i for i in range(self.plan.counts[lane]))
        inside = point.toPoint()
        return next((i for i in places if self.place(lane, i).contains(inside)), -1)

    # --- in words

    def clock(self, lane: int) -> str:
        """The clock of a lane."""
        return clock(min(self.now, finish(self.race.lanes[lane])), self.end)

    def done(self, lane: int) -> bool:
        """Whether a lane is through."""
        return self.now >= finish(self.race.lanes[lane])

    def note(self, lane: int) -> str:
        """What was said at its last moment."""
        index = moment_at(self.race.lanes[lane], self.now)
        return "" if index < 0 else _(self.race.lanes[lane].moments[index].note)

    def words(self, lane: int) -> str:
        """All that is known of a lane now."""
        each = self.race.lanes[lane]
        parts = [self.clock(lane)]
        if self.done(lane):
            if each.passes:
                parts.append(passes(each.passes))
            if each.right is not None:
                parts.append(verdict(each.right))
            parts.append(ordinal(self.ranks[lane]))
        if note := self.note(lane):
            parts.append(note)
        return f"{_(each.name)}: " + " · ".join(parts)

    def words_at(self, point: QPointF) -> str:
        """What is under a point."""
        lane = self.lane_at(point)
        if lane < 0:
            return ""
        boxes, place = self.boxes(lane), self.place_at(lane, point)
        if not 0 <= place < len(boxes):
            return self.words(lane)
        box, each = boxes[place], self.race.lanes[lane]
        where = _("{lane}, place {place}").format(lane=_(each.name), place=place + 1)
        if box.dropped and box.piece:
            said = _("'{piece}' was taken back").format(piece=visible(box.piece))
        elif not box.piece:
            said = _("nothing yet")
        else:
            came = clock(written_at(each, place, self.now), self.end)
            said = _("'{piece}' after {time}").format(piece=visible(box.piece), time=came)
            if not math.isnan(box.probability):
                said = f"{said} · {percent(box.probability)}"
        return f"{where}: {said}"

    def describe(self) -> None:
        """Tell who cannot see it how it stands."""
        lanes = []
        for lane in range(len(self.race.lanes)):
            text = "".join(box.piece for box in self.boxes(lane) if not box.dropped)
            lanes.append(f"{self.words(lane)} · {text}")
        self.setAccessibleDescription("\n".join(lanes))

    # --- on the screen

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The lanes that are to be painted."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = QFont(chip_font())
        small.setPixelSize(self.plan.size)
        for lane in range(len(self.race.lanes)):
            if event.region().intersects(self.head_of(lane)):
                painter.setFont(self.font())
                self._paint_head(painter, lane)
            painter.setFont(small)
            for place, box in enumerate(self.boxes(lane)):
                where = self.place(lane, place)
                if event.region().intersects(where):
                    self._paint_box(painter, where, box)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme().palette.accent), 1))
            frame = QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(frame, 5, 5)
        painter.end()

    def _paint_head(self, painter: QPainter, lane: int) -> None:
        """Name and note to the left, what was reached to the right, the line below."""
        each, palette, head = self.race.lanes[lane], theme().palette, self.head_of(lane)
        below = 4 if self.plan.tight else 8
        words = QRect(head.left(), head.top(), head.width(), head.height() - below)
        done, right = self.done(lane), words.right() + 1
        bold = QFont(self.font())
        bold.setBold(True)
        metrics = QFontMetrics(bold)

        def put(width: int, text: str, colour: str, font: QFont, gap: int = 12) -> QRect:
            """A column of that width, to the left of those before."""
            nonlocal right
            box = QRect(right - width, words.top(), width, words.height())
            painter.setFont(font)
            painter.setPen(QColor(colour))
            painter.drawText(box, _MIDDLE | Qt.AlignmentFlag.AlignRight, text)
            right -= width + gap
            return box

        def widest(texts: Sequence[str]) -> int:
            return max(map(metrics.horizontalAdvance, texts))

        roomy = words.width() >= TIGHT
        rank = ordinal(self.ranks[lane])
        most = widest([ordinal(i + 1) for i in range(len(self.race.lanes))])
        put(most, rank if done else "", palette.text, bold)
        time_ = self.clock(lane)
        put(widest([clock(self.end, self.end)]), time_, palette.text, bold if done else self.font())
        if any(other.right is not None for other in self.race.lanes):
            width = 14 + (widest([verdict(True), verdict(False)]) + 4 if roomy else 0)
            box = put(width, "", palette.text, self.font())
            if done and each.right is not None:
                draw_verdict(painter, QRectF(box.left(), box.center().y() - 6, 13, 13), each.right)
                painter.setPen(QColor(palette.text))
                if roomy:
                    painter.drawText(box.adjusted(18, 0, 0, 0), _MIDDLE, verdict(each.right))
        if roomy and any(other.passes for other in self.race.lanes):
            said = passes(each.passes) if done and each.passes else ""
            most = widest([passes(max(other.passes for other in self.race.lanes))])
            put(most, said, palette.faint, self.font())
        name = QRect(words.topLeft(), QPoint(right, words.bottom()))
        self._paint_name(painter, name, lane)
        self._paint_line(painter, self.line_of(lane), lane)

    def _paint_name(self, painter: QPainter, room: QRect, lane: int) -> None:
        """The name, and what was said last as far as there is room."""
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(QColor(theme().palette.text))
        metrics = QFontMetrics(bold)
        dots = Qt.TextElideMode.ElideRight
        name = metrics.elidedText(_(self.race.lanes[lane].name), dots, room.width())
        painter.drawText(room, _MIDDLE, name)
        rest = room.adjusted(metrics.horizontalAdvance(name) + 10, 0, 0, 0)
        if rest.width() > 40:
            painter.setFont(self.font())
            painter.setPen(QColor(theme().palette.faint))
            note = self.fontMetrics().elidedText(self.note(lane), dots, rest.width())
            painter.drawText(rest, _MIDDLE, note)

    def _paint_line(self, painter: QPainter, line: QRectF, lane: int) -> None:
        """As long as it has run, with a tick for each moment."""
        each, colour = self.race.lanes[lane], theme().series(lane)
        scale = line.width() / max(self.end, 1e-9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend(theme().palette.border, theme().palette.panel, 0.5))
        painter.drawRect(line)
        painter.setBrush(colour)
        gone = QRectF(line)
        gone.setWidth(min(self.now, finish(each)) * scale)
        painter.drawRect(gone)
        out = 1 if self.plan.tight else 2
        for moment in each.moments[: moment_at(each, self.now) + 1]:
            x = min(line.left() + moment.seconds * scale, line.right() - 1)
            painter.drawRect(QRectF(x - 1, line.top() - out, 2, line.height() + 2 * out))

    def _paint_box(self, painter: QPainter, where: QRect, box: Box) -> None:
        """One place."""
        palette = theme().palette
        rect = QRectF(where).adjusted(0.5, 0.5, -0.5, -0.5)
        known = bool(box.piece) and not math.isnan(box.probability)
        ground = tint(box.probability) if known else QColor(palette.panel)
        pen = QPen(blend(palette.text, ground, 0.16) if known else QColor(palette.border), 1)
        if box.dropped:
            pen = QPen(QColor(palette.warning), 1, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, 3, 3)
        if box.fresh:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            wide = 1 if self.plan.tight else 2  # beside a small letter there is little room
            inside = wide / 2 - 0.5
            painter.setPen(QPen(QColor(palette.accent), wide))
            painter.drawRoundedRect(rect.adjusted(inside, inside, -inside, -inside), 3, 3)
        painter.setPen(QColor(palette.faint if box.dropped else palette.text))
        centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
        painter.drawText(where, centred, visible(box.piece))
        if box.dropped:
            painter.setPen(QPen(QColor(palette.warning), 1.5))
            middle = rect.center().y()
            painter.drawLine(QPointF(rect.left() + 2, middle), QPointF(rect.right() - 2, middle))

    # --- what a person does

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another size has room for other letters."""
        super().resizeEvent(event)
        self.lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Other lanes are seen."""
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out what is under the mouse."""
        self._under = event.position()
        self.read.emit(self.words_at(self._under))

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Nothing is under the mouse any more."""
        if event.type() == QEvent.Type.Leave:
            self._under = None
            self.read.emit("")
        return bool(super().viewportEvent(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Up and down scroll; the rest is for who plays it."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show that the keys are heard here."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show that they are not."""
        super().focusOutEvent(event)
        self.viewport().update()


_MIDDLE = Qt.AlignmentFlag.AlignVCenter


def passes(count: int) -> str:
    """``12 passes``."""
    return _("1 pass") if count == 1 else _("{n:,} passes").format(n=count)


def verdict(right: bool) -> str:
    """In a word."""
    return _("correct") if right else _("wrong")


class RaceWidget(PayloadWidget[Race]):
    """The lanes, and what plays them.

    Another task runs at once when it is first seen. The same one, measured anew while a person
    looks at it, waits until the race on the screen is over, and is then shown at its end.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.race = Race(())
        self.now = 0.0
        self._next: Race | None = None
        self._chosen = False
        self._played_at = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._tick)
        self.title = Elided(greedy=True)
        self.title.setProperty("role", "heading")
        self.given, self.expected = Elided(greedy=True), Elided(greedy=True)
        self.given_title, self.expected_title = QLabel(_("Given")), QLabel(_("Expected"))
        for each in (self.given_title, self.expected_title):
            each.setProperty("role", "faint")
        self.track = Track()
        self.track.read.connect(self.footer.read)
        self._add_transport()
        self._add_layout()
        self.setFocusProxy(self.track)

    def _add_transport(self) -> None:
        """Buttons, the slider, and how much slower it is."""
        self.first = IconButton("skip-backward", _("To the start"), role="flat")
        self.back = IconButton("step-backward", _("Step back"), role="flat")
        self.button = IconButton("play", _("Play"), role="flat")
        self.forth = IconButton(
            "step-forward", _("Step forward"), tip=_("To what happens next"), role="flat"
        )
        self.first.clicked.connect(lambda: self.seek(0.0))
        self.back.clicked.connect(self.step_back)
        self.button.clicked.connect(self.play_or_pause)
        self.forth.clicked.connect(self.step_forth)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, NOTCHES)
        self.slider.setPageStep(NOTCHES // 20)
        self.slider.setMinimumWidth(50)
        self.slider.setAccessibleName(_("Time since the start"))
        self.slider.valueChanged.connect(lambda notch: self.seek(self.end * notch / NOTCHES))
        self.slider.sliderReleased.connect(lambda: self._move(self.now))  # what waited may come
        self.time = QLabel()
        self.time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.speed = QComboBox()
        self.speed.setAccessibleName(_("How much slower than real it is shown"))
        self.speed.setToolTip(_("How much slower than real it is shown"))
        for factor in FACTORS:
            self.speed.addItem(slower(factor), factor)
        self.speed.activated.connect(self._choose)
        self.speed.currentIndexChanged.connect(lambda _index: self._show())

    def _add_layout(self) -> None:
        self.task = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.task.setContentsMargins(0, 0, 0, 0)
        self.task.setSpacing(2)
        for title, text in ((self.given_title, self.given), (self.expected_title, self.expected)):
            line = QHBoxLayout()
            line.setSpacing(8)
            line.addWidget(title)
            line.addWidget(text, 1)
            self.task.addLayout(line, 1)
        played = QHBoxLayout()
        played.setSpacing(0)
        for each in (self.first, self.back, self.button, self.forth):
            played.addWidget(each)
        played.addSpacing(6)
        played.addWidget(self.slider, 1)
        played.addSpacing(6)
        played.addWidget(self.time)
        slowed = QHBoxLayout()
        slowed.addWidget(self.speed)
        slowed.addStretch(1)
        self.transport = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.transport.setSpacing(10)
        self.transport.addLayout(played, 1)
        self.transport.addLayout(slowed)
        self.body.setSpacing(6)
        self.body.addWidget(self.title)
        self.body.addLayout(self.task)
        self.body.addWidget(self.track, 1)
        self.body.addLayout(self.transport)
        self.body.addWidget(self.footer)

    # --- what is shown

    @property
    def end(self) -> float:
        """Seconds until all are done."""
        return end_of(self.race)

    @property
    def factor(self) -> int:
        """How much slower than real it is shown."""
        return int(self.speed.currentData())

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._timer.isActive()

    @property
    def under_way(self) -> bool:
        """Whether it has begun and is not over, running or not."""
        return 0 < self.now < self.end or self.playing

    def draw(self, payload: Race) -> None:
        """Another race, at once or when this one is over."""
        if payload is self.race:
            self._show()
            self.track.viewport().update()
        elif not same_task(payload, self.race):
            self._take(payload)
            self._move(0.0)
            self.play()
        elif self.under_way:
            self._next = payload
        else:
            at_start = self.now <= 0
            self._take(payload)
            self._move(0.0 if at_start else self.end)

    def _take(self, race: Race) -> None:
        """Put other lanes on the track."""
        self.race, self._next = race, None
        if not self._chosen:
            self.speed.setCurrentIndex(FACTORS.index(usual_factor(self.end)))
        for label, text, title in (
            (self.title, _(race.title), None),
            (self.given, race.given, self.given_title),
            (self.expected, race.expected, self.expected_title),
        ):
            label.setText(text)
            label.setToolTip(text)
            label.setVisible(bool(text))
            if title is not None:
                title.setVisible(bool(text))
        self._direct()
        self.footer.set_caption(_(race.caption))
        widest = f"{milliseconds(self.end, self.end)} / {clock(self.end, self.end)}"
        self.time.setFixedWidth(self.time.fontMetrics().horizontalAdvance(widest) + 2)
        self.track.show_race(race)

    def _show(self) -> None:
        """The lanes at the time that it is."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(NOTCHES * self.now / self.end) if self.end else 0)
        self.slider.blockSignals(False)
        self.time.setText(f"{milliseconds(self.now, self.end)} / {clock(self.end, self.end)}")
        for each in (self.first, self.back):
            each.setEnabled(self.now > 0)
        self.forth.setEnabled(self.now < self.end)
        self.button.setEnabled(bool(self.race.lanes))
        self.slider.setEnabled(bool(self.race.lanes))
        self.track.show_time(self.now, self.factor)
        if not self.playing:
            self.track.describe()

    def _choose(self) -> None:
        """A person chose how much slower: so it stays."""
        self._chosen = True

    # --- going through it

    def seek(self, seconds: float) -> None:
        """Show a time. Who goes by hand does not play on."""
        self.pause()
        self._move(seconds)

    def step_forth(self) -> None:
        """To the next moment of any lane."""
        self.seek(min((each for each in self._times() if each > self.now), default=self.end))

    def step_back(self) -> None:
        """To the moment before."""
        self.seek(max((each for each in self._times() if each < self.now), default=0.0))

    def _times(self) -> list[float]:
        return [moment.seconds for lane in self.race.lanes for moment in lane.moments]

    def _move(self, seconds: float) -> None:
        self.now = min(max(seconds, 0.0), self.end)
        if self.now >= self.end and self._next is not None and not self.slider.isSliderDown():
            self._take(self._next)
            self.now = self.end
        self._show()

    def play(self) -> None:
        """Go on by itself, from the start where it is at the end."""
        if not self.race.lanes:
            return
        if self.now >= self.end:
            self._move(0.0)
        self._played_at = time.monotonic()
        self._timer.start()
        self.button.set_icon("pause")
        self._call(_("Pause"))

    def play_or_pause(self) -> None:
        """Go on by itself, or stay here."""
        if self.playing:
            self.pause()
            self._show()
        else:
            self.play()

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
        self.advance(spent)

    def advance(self, seconds: float) -> None:
        """Play for so long on the screen."""
        seen = self.now + seconds / self.factor
        if seen >= self.end:
            self.pause()
        self._move(seen)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """What nobody sees stands still."""
        super().hideEvent(event)
        self.pause()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Space plays; left and right go from moment to moment; Home and End."""
        does: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Space: self.play_or_pause,
            Qt.Key.Key_Left: self.step_back,
            Qt.Key.Key_Right: self.step_forth,
            Qt.Key.Key_Home: lambda: self.seek(0.0),
            Qt.Key.Key_End: lambda: self.seek(self.end),
        }
        if action := does.get(Qt.Key(event.key())):
            action()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """What finds no room beside the slider stands below it."""
        super().resizeEvent(event)
        self._direct()

    def _direct(self) -> None:
        """In one line what finds room there, else below each other."""
        directions = QBoxLayout.Direction
        narrow = self.width() < NARROW
        self.transport.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)
        halves = ((self.given_title, self.given), (self.expected_title, self.expected))
        widest = max(
            title.sizeHint().width() + text.fontMetrics().horizontalAdvance(text.text())
            for title, text in halves
        )
        fits = 2 * (widest + 16) <= self.width()
        self.task.setDirection(directions.LeftToRight if fits else directions.TopToBottom)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As narrow as it may become, whatever stands in one line now."""
        return QSize(320, super().minimumSizeHint().height())


def same_task(one: Race, other: Race) -> bool:
    """Whether both are of the same lanes with the same task."""
    return one.given == other.given and [each.name for each in one.lanes] == [
        each.name for each in other.lanes
    ]

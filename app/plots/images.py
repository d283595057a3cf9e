"""A wall of small pictures: to look at, to pick from, to take along.

All of them are painted as one image, enlarged by a whole number so that every pixel stays
a square, as large as there is room for. Only where they would become too small to be seen
does the wall scroll.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.i18n import _, ngettext
from app.plots.base import PayloadWidget, scrolled
from app.plots.turning import Turning
from app.saving import ask_where
from app.theme import theme
from engine.payloads import Images, Pixels

FRAME = 4  # pixels around the wall, for frames
LEAST = 24  # pixels: a smaller tile is not seen, so the wall scrolls instead
LEAST_JOINED = 6  # the same for tiles that make one picture together
BAR = 12  # pixels for the scroll bar
LABEL_CUT_FROM = 64  # pixels: of a label that is cut off, enough is left to be read
WHOLE = 0.86  # of the possible scale must be left where it is made a whole number
FINE = 4  # how much a picture is enlarged before it is brought to a scale that is not whole
LABEL_FROM = 20  # pixels: a narrower tile has no room for a label


class Layout(NamedTuple):
    """Where tiles stand. In pixels of the screen.

    scale: of a picture's pixel. width, height: of a tile. gap: between tiles, `label` below each.
    """

    across: int
    scale: float
    width: float
    height: float
    gap: int
    label: int

    def size(self, count: int) -> tuple[float, float]:
        """Width and height of the wall."""
        lines = -(-count // self.across)
        return (
            self.across * (self.width + self.gap) - self.gap,
            lines * (self.height + self.label + self.gap) - self.gap,
        )


def layout_of(
    images: Images,
    room: tuple[float, float],
    label: int = 0,
    ratio: float = 1.0,
    widest: float = 0.0,
) -> Layout:
    """The layout with the largest tiles that fit into `room` (width, height).

    label: height of a line of letters, where there are labels; widest: what the longest one
    takes. Where too little of a label would be left, there are none.
    ratio: pixels of the device to
    one of the screen; a picture's pixel takes a whole number of these, unless too much room
    would be lost by it.
    """
    count, height, width = (int(each) for each in images.pixels.shape[:3])
    gap = 6 if images.gap else 0
    choices = [images.across] if images.across else range(1, max(1, count) + 1)
    least = LEAST if images.gap else LEAST_JOINED
    label = label if images.gap else 0

    def fitted(across: int, tall: bool) -> Layout:
        lines = -(-max(1, count) // across)
        fits = (room[0] - gap * (across - 1)) / across / width
        if tall:
            fits -= BAR / across / width
        else:
            fits = min(fits, ((room[1] - gap * (lines - 1)) / lines - label) / height)
        scale = max(fits * ratio, 1.0 / max(width, height))
        scale = whole(scale) / ratio
        return Layout(across, scale, width * scale, height * scale, gap, label)

    def empty(across: int) -> int:
        return -count % across

    best = max(
        (fitted(each, False) for each in choices), key=lambda it: (it.scale, -empty(it.across))
    )
    if max(best.width, best.height) < least:
        broken = [images.across // k for k in range(1, images.across + 1) if images.across % k == 0]
        enough = [fitted(each, True) for each in broken or choices]
        large = [each for each in enough if max(each.width, each.height) >= least]
        best = min(large or enough[:1], key=lambda it: (it.scale, -it.across))
    cut = widest > best.width + best.gap - 2 and best.width < LABEL_CUT_FROM
    if label and (cut or best.width < LABEL_FROM):
        return layout_of(images, room, 0, ratio)
    return best


def whole(scale: float) -> float:
    """`scale` made a whole number where that loses little; else a number of eighths."""
    if scale < 1:
        return scale
    return math.floor(scale) if math.floor(scale) >= WHOLE * scale else math.floor(scale * 8) / 8


def image_from(pixels: Pixels) -> QImage:
    """(height, width, 1 or 3) as an image of its own."""
    height, width, channels = pixels.shape
    kind = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    buffer = np.ascontiguousarray(pixels)
    return QImage(buffer.data, width, height, width * channels, kind).copy()


def composed(pixels: Pixels, across: int) -> Pixels:
    """(n, height, width, channels) as one picture, `across` to a line, black where none is left."""
    count, height, width, channels = pixels.shape
    lines = -(-count // across)
    whole = np.zeros((lines * across, height, width, channels), np.uint8)
    whole[:count] = pixels
    grid: NDArray[np.uint8] = whole.reshape(lines, across, height, width, channels)
    return grid.transpose(0, 2, 1, 3, 4).reshape(lines * height, across * width, channels)


def _held(picked: tuple[int, ...], single: bool) -> tuple[int, ...] | int:
    """What a knob holds where these are picked."""
    return picked[0] if single and picked else tuple(picked)


class Wall(QWidget):
    """The tiles; stands in a scroll area.

    hovered: what is under the mouse. clicked: the place of a tile that was clicked.
    asked: the place of a tile and where on the screen its menu is to open.
    moved: where the tile is that the keyboard went to.
    """

    hovered = Signal(str)
    clicked = Signal(int)
    asked = Signal(int, QPoint)
    moved = Signal(QRect)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images: Images | None = None
        self.picked: list[tuple[str, QColor, frozenset[int]]] = []
        self.current = 0
        self.under: int | None = None
        self.layout_ = Layout(1, 1.0, 1.0, 1.0, 0, 0)
        self._atlas = QImage()
        self._pressed: int | None = None
        small = QFont(self.font())
        small.setPointSizeF(small.pointSizeF() * 0.8)
        self._small = small
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_images(
        self, images: Images, picked: list[tuple[str, QColor, frozenset[int]]], room: QRect
    ) -> None:
        """Show these; `picked`: letter, colour and numbers of each group that was picked."""
        self.images, self.picked = images, picked
        count = len(images.pixels)
        self.current = min(self.current, max(0, count - 1))
        if self.under is not None and self.under >= count:
            self.under = None
        self._atlas = QImage()
        self.lay_out(room)
        if self.under is not None:
            self.hovered.emit(self.words(self.under))
        shown = ", ".join(self.label(i) for i in range(min(20, count)))
        self.setAccessibleName(_(images.title) or _("Pictures"))
        self.setAccessibleDescription(
            ngettext("{count} picture: {names}", "{count} pictures: {names}", count).format(
                count=count, names=shown
            )
        )

    def lay_out(self, room: QRect) -> None:
        """Give every tile its place for the room there is."""
        if self.images is None:
            return
        metrics = QFontMetrics(self._small)
        widest = max((metrics.horizontalAdvance(_(each)) for each in self.images.labels), default=0)
        line = metrics.height() + 2 if self.images.labels else 0
        size = (room.width() - 2.0 * FRAME, room.height() - 2.0 * FRAME)
        layout = layout_of(self.images, size, line, self.devicePixelRatioF(), widest)
        other = self._atlas.isNull() or layout != self.layout_
        if other and len(self.images.pixels):
            atlas = composed(self.images.pixels, layout.across)
            if layout.scale * self.devicePixelRatioF() > 1 and not self._is_whole(layout):
                atlas = atlas.repeat(FINE, 0).repeat(FINE, 1)  # so that pixels keep their edges
            self._atlas = image_from(atlas)
        self.layout_ = layout
        height = layout.size(len(self.images.pixels))[1] + 2 * FRAME
        self.setMinimumHeight(math.ceil(height) if height > room.height() else 0)
        self.update()

    def _is_whole(self, layout: Layout) -> bool:
        """Whether a picture's pixel is a square of whole pixels of the device."""
        return (layout.scale * self.devicePixelRatioF()).is_integer()

    def place(self, index: int) -> QRectF:
        """Where a tile is."""
        assert self.images is not None
        layout = self.layout_
        wide = layout.size(len(self.images.pixels))[0]
        row, column = divmod(index, layout.across)
        x = max(0.0, self.width() - wide) / 2 + column * (layout.width + layout.gap)
        y = FRAME + row * (layout.height + layout.label + layout.gap)
        ratio = self.devicePixelRatioF()
        if layout.scale * ratio >= 1:  # on whole pixels of the device
            x, y = math.floor(x * ratio) / ratio, math.floor(y * ratio) / ratio
        return QRectF(x, y, layout.width, layout.height)

    def tile_at(self, point: QPointF) -> int | None:
        """The tile under a point, its label included."""
        if self.images is None or not len(self.images.pixels):
            return None
        first, layout = self.place(0), self.layout_
        column = math.floor((point.x() - first.left()) / (layout.width + layout.gap))
        row = math.floor((point.y() - first.top()) / (layout.height + layout.label + layout.gap))
        index = row * layout.across + column
        if not (0 <= column < layout.across and 0 <= index < len(self.images.pixels)):
            return None
        place = self.place(index).adjusted(0, 0, 0, layout.label)
        return index if place.contains(point) else None

    def label(self, index: int) -> str:
        """How a tile is called."""
        assert self.images is not None
        labels = self.images.labels
        return _(labels[index]) if index < len(labels) else str(self.number(index))

    def number(self, index: int) -> int:
        """What a tile stands for where it is picked."""
        assert self.images is not None
        return int(self.images.numbers[index]) if self.images.numbers else index

    def words(self, index: int) -> str:
        """``seed 7 · row 1, column 3 · A``."""
        row, column = divmod(index, self.layout_.across)
        where = _("row {row}, column {column}").format(row=row + 1, column=column + 1)
        named = self.images is not None and index < len(self.images.labels)
        groups = [
            letter if len(self.picked) > 1 else _("picked")
            for letter, _colour, numbers in self.picked
            if self.number(index) in numbers
        ]
        return " · ".join([*([self.label(index)] if named else []), where, *groups])

    def picture(self, index: int) -> QImage:
        """A tile by itself, in its own size."""
        assert self.images is not None
        return image_from(self.images.pixels[index])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Pieces of the one image, labels, and frames around what is picked or pointed at."""
        if self.images is None or self._atlas.isNull():
            return
        painter = QPainter(self)
        smooth = not self._is_whole(self.layout_)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.setFont(self._small)
        palette, layout = theme().palette, self.layout_
        count, height, width = self.images.pixels.shape[:3]
        joined = not layout.gap and count % layout.across == 0
        if joined:
            painter.drawImage(self.place(0).united(self.place(count - 1)), self._atlas)
        area = QRectF(event.rect())
        for index in range(count):
            place = self.place(index)
            if not place.adjusted(-FRAME, -FRAME, FRAME, FRAME + layout.label).intersects(area):
                continue
            if not joined:
                row, column = divmod(index, layout.across)
                fine = self._atlas.width() / (width * layout.across)
                part = QRectF(column * width, row * height, width, height)
                part = QRectF(part.topLeft() * fine, part.size() * fine)
                painter.drawImage(place, self._atlas, part)
            if layout.label and index < len(self.images.labels):
                aside = layout.gap / 2 - 1
                below = place.adjusted(-aside, layout.height + 1, aside, layout.label)
                self._paint_label(painter, below, self.label(index))
        for index in range(count):
            self._paint_picked(painter, index)
        pointed = [(self.under, palette.accent)]
        if self.hasFocus():
            pointed.append((self.current, palette.text))
        for at, colour in pointed:
            if at is not None and at < count:
                self._frame(painter, self.place(at), QColor(colour), 2)
        painter.end()

    def _paint_label(self, painter: QPainter, below: QRectF, label: str) -> None:
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(label, Qt.TextElideMode.ElideRight, int(below.width()))
        if shown and (len(shown) > 1 or shown == label):
            painter.setPen(QColor(theme().palette.faint))
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_picked(self, painter: QPainter, index: int) -> None:
        place = self.place(index)
        inset = 0.0
        left = place.left()
        for letter, colour, numbers in self.picked:
            if self.number(index) not in numbers:
                continue
            self._frame(painter, place.adjusted(inset, inset, -inset, -inset), colour, 3)
            inset += 3
            side = painter.fontMetrics().height()
            box = QRectF(
                left, place.top(), max(side, painter.fontMetrics().averageCharWidth()), side
            )
            # A small tile has its frame alone, and so has the only group there is.
            if box.width() * 2 <= place.width() and len(self.picked) > 1:
                painter.fillRect(box, colour)
                painter.setPen(QColor(theme().palette.panel))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)
            left = box.right()

    def _frame(self, painter: QPainter, place: QRectF, colour: QColor, thick: int) -> None:
        """Around a tile where there is a gap; else just inside of it."""
        out = thick / 2 if self.layout_.gap else -thick / 2
        painter.setBrush(Qt.BrushStyle.NoBrush)
        # On a picture a frame has a rim, so that it is seen on any ground.
        rim = [] if self.layout_.gap else [(QColor(theme().palette.panel), thick + 2)]
        for each, wide in [*rim, (colour, thick)]:
            pen = QPen(each, wide)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(place.adjusted(-out, -out, out, out))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Other room, other places."""
        super().resizeEvent(event)
        self.resized.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Read out the tile under the mouse."""
        self._point(self.tile_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self._point(None)

    def _point(self, index: int | None) -> None:
        if index != self.under:
            self.under = index
            shape = (
                Qt.CursorShape.ArrowCursor if index is None else Qt.CursorShape.PointingHandCursor
            )
            self.setCursor(shape)
            self.update()
        self.hovered.emit("" if index is None else self.words(index))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click may begin."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self.tile_at(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click is one that ends on the tile that it began on."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        found, self._pressed = self._pressed, None
        if found is not None and found == self.tile_at(event.position()):
            self.current = found
            self.clicked.emit(found)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """The menu of the tile under the mouse, or of the current one by the keyboard."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        found = self.tile_at(QPointF(event.pos())) if by_mouse else self.current
        if found is not None and self.images is not None and found < len(self.images.pixels):
            self.asked.emit(found, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows go from tile to tile; Space or Enter is a click."""
        count = 0 if self.images is None else len(self.images.pixels)
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.layout_.across,
            Qt.Key.Key_Down: self.layout_.across,
        }
        key = Qt.Key(event.key())
        if key in steps and 0 <= self.current + steps[key] < count:
            self.current += steps[key]
            self.hovered.emit(self.words(self.current))
            self.update()
            self.moved.emit(self.place(self.current).toAlignedRect())
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and count:
            self.clicked.emit(self.current)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show which tile is the current one."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide which tile is the current one."""
        super().focusOutEvent(event)
        self.update()


class ImagesWidget(PayloadWidget[Images]):
    """A wall of pictures.

    turned: {knob: numbers} when a picture was picked. chosen: the number of a picture that was
    clicked where there is nothing to pick for.
    """

    turned = Signal(dict)
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.group = 0
        self._picked: list[tuple[int, ...]] = []
        self._titles: tuple[str, ...] = ()
        self.turning = Turning(self)
        self.turning.turned.connect(self.turned)
        self.turning.lapsed.connect(self.refresh)
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.groups = QWidget()
        self._line = QHBoxLayout(self.groups)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(4)
        self.buttons = QButtonGroup(self)
        self.buttons.idClicked.connect(self.pick_for)
        self.wall = Wall()
        self.wall.hovered.connect(self.footer.read)
        self.wall.clicked.connect(self._clicked)
        self.wall.asked.connect(lambda index, where: self.menu_of(index).popup(where))
        self.area = scrolled(self.wall)
        self.wall.moved.connect(self._follow)
        self.wall.resized.connect(lambda: self.wall.lay_out(self._room()))
        self.message = QLabel()
        self.message.setProperty("role", "warning")
        self.message.setWordWrap(True)
        for each in (self.title, self.groups, self.message):
            each.hide()
        self.body.addWidget(self.title)
        self.body.addWidget(self.groups)
        self.body.addWidget(self.area, 1)
        self.body.addWidget(self.message)
        self.body.addWidget(self.footer)
        self.setFocusProxy(self.wall)

    def draw(self, payload: Images) -> None:
        """New pictures; what was picked a moment ago stays picked."""
        self.title.setText(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.footer.set_caption(_(payload.caption))
        given = [*payload.picked, *[()] * len(payload.picks)]
        said = {
            name: _held(given[i], name in payload.single) for i, name in enumerate(payload.picks)
        }
        now = self.turning.over(said).values()
        self._picked = [each if isinstance(each, tuple) else (each,) for each in now]
        self._name_groups(payload)
        self._show()

    def _follow(self, place: QRect) -> None:
        centre = place.center()
        self.area.ensureVisible(centre.x(), centre.y(), 0, place.height())

    def _room(self) -> QRect:
        return QRect(QPoint(0, 0), self.area.maximumViewportSize())

    def _show(self) -> None:
        if self.payload is not None:
            self.body.activate()
            letters = self._letters()
            picked = [
                (letters[i], theme().series(i + 1), frozenset(numbers))
                for i, numbers in enumerate(self._picked)
            ]
            self.wall.show_images(self.payload, picked, self._room())

    def _letters(self) -> list[str]:
        """One letter for each group: the first of its title, where these differ."""
        first = [title[:1].upper() for title in self._titles]
        return first if len(set(first)) == len(first) else [chr(65 + i) for i in range(len(first))]

    def _name_groups(self, payload: Images) -> None:
        """Buttons for the groups that can be picked for, made anew where these are others."""
        names = [_(each) for each in payload.pick_titles]
        names += [each.replace("_", " ") for each in payload.picks[len(names) :]]
        if tuple(names) != self._titles:
            self._titles = tuple(names)
            self.group = 0
            while (item := self._line.takeAt(0)) is not None:
                if (old := item.widget()) is not None:
                    old.hide()
                    old.deleteLater()
            for button in self.buttons.buttons():
                self.buttons.removeButton(button)
            invitation = QLabel(_("A click picks for"))
            invitation.setProperty("role", "faint")
            self._line.addWidget(invitation)
            for index, (name, letter) in enumerate(zip(names, self._letters(), strict=True)):
                shown = name if name[:1].upper() == letter else f"{letter}  {name}"
                button = QToolButton()
                button.setText(shown)
                button.setCheckable(True)
                button.setChecked(index == 0)
                self.buttons.addButton(button, index)
                self._line.addWidget(button)
            self._line.addStretch(1)
        self.groups.setVisible(len(names) > 1)

    def pick_for(self, group: int) -> None:
        """Clicks pick for this group from now on."""
        self.group = group

    def _clicked(self, index: int) -> None:
        assert self.payload is not None
        number = self.wall.number(index)
        if not self.payload.picks:
            self.chosen.emit(number)
            return
        before = self._picked[self.group]
        name = self.payload.picks[self.group]
        single = name in self.payload.single
        if single:
            after: tuple[int, ...] = (number,)
        elif number in before:
            after = tuple(each for each in before if each != number)
        else:
            after = (*before, number)
        self._picked[self.group] = after
        self._show()
        self.turning.turn({name: _held(after, single)})

    def menu_of(self, index: int) -> QMenu:
        """What can be done with a picture."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picture = self.wall.picture(index)
        menu.addAction(_("Copy picture"), lambda: QGuiApplication.clipboard().setImage(picture))
        name = f"{self.wall.label(index)}.png".replace("/", "-")
        menu.addAction(_("Save picture…"), lambda: self._ask(picture, name))
        return menu

    def _ask(self, picture: QImage, name: str) -> None:
        path = ask_where(self, _("Save picture"), name, _("PNG (*.png)"), ".png")
        if path is not None:
            written = picture.save(str(path))
            self.message.setText(
                "" if written else _("{path} could not be written").format(path=path)
            )
            self.message.setVisible(not written)

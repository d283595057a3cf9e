"""Token chips: a text as the model wrote it, token by token.

Each drawn token is tinted by the probability the model gave it, from orange
(unlikely) to blue (likely); the given prefix is grey. Under the mouse a list shows
what could have come instead; choosing from it asks to write on from there.

While a text grows thirty times a second, only lines that changed are laid out and
painted. Lines never depend on later ones, so the layout of the common prefix of
two texts stays as it is.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontDatabase,
    QFontMetrics,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.theme import Palette, blend, theme
from engine.payloads import Alternative, Tokens

MARGIN = 10
GAP = 1
TINTS = 64
ROW_HEIGHT = 24
POPUP_WIDTH = 440

ALTERNATIVE = Qt.ItemDataRole.UserRole


def visible(piece: str) -> str:
    """`piece` with whitespace that can be seen: ``" a\\n"`` becomes ``"␣a↵"``."""
    return piece.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥").replace("\r", "␍")


def percent(probability: float) -> str:
    """``0.0314`` as ``"3.14 %"``."""
    return f"{100 * probability:.2f} %"


@cache
def tints(palette: Palette) -> tuple[QColor, ...]:
    """The ground of a token, from never (first) to certain (last)."""
    middle = (TINTS - 1) / 2
    strength = 0.62 if palette.dark else 0.6
    return tuple(
        blend(
            palette.likely if i > middle else palette.unlikely,
            palette.panel,
            strength * abs(i - middle) / middle,
        )
        for i in range(TINTS)
    )


def tint(probability: float) -> QColor:
    """The ground of a token that had this probability.

    By the square root, since most of what is worth seeing happens below a half.
    """
    level = math.sqrt(min(1.0, max(0.0, probability)))
    return tints(theme().palette)[round(level * (TINTS - 1))]


def chip_font() -> QFont:
    """The font of tokens: fixed width, a little larger than the rest."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QGuiApplication.font().pointSizeF() + 1)
    return font


class AlternativeList(QListWidget):
    """Tokens with their probabilities as little bars, likeliest first.

    any_cut: whether top-k or top-p left out one of them.
    chosen: the id of the alternative that was clicked (or taken with Enter).
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.any_cut = False
        self.setItemDelegate(_AlternativePainter(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(_("What could come here"))
        self.setStyleSheet("QListView { background: transparent; border: none; }")
        self.itemClicked.connect(self._take)

    def show_alternatives(self, alternatives: tuple[Alternative, ...], current: int = -1) -> None:
        """Show these; the one whose id is `current` is selected."""
        while self.count() > len(alternatives):
            self.takeItem(self.count() - 1)
        while self.count() < len(alternatives):
            self.addItem(QListWidgetItem())
        self.any_cut = not all(each.allowed for each in alternatives)
        selected = -1
        for row, each in enumerate(alternatives):
            item = self.item(row)
            item.setData(ALTERNATIVE, each)
            words = f"{visible(each.piece)}  {percent(each.probability)}"
            item.setText(words if each.allowed else f"{words}  {_('cut by top-k/top-p')}")
            if each.id == current:
                selected = row
        self.setCurrentRow(selected)

    def take_current(self) -> None:
        """What Enter does."""
        if (item := self.currentItem()) is not None:
            self._take(item)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Tall enough for every row."""
        return QSize(320, ROW_HEIGHT * self.count() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """At least a few rows."""
        return QSize(220, ROW_HEIGHT * min(3, self.count()) + 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter takes the current row on every platform."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take_current()
        else:
            super().keyPressEvent(event)

    def _take(self, item: QListWidgetItem) -> None:
        alternative: Alternative = item.data(ALTERNATIVE)
        self.chosen.emit(alternative.id)


class _AlternativePainter(QStyledItemDelegate):
    """One row: the piece, a bar, the percentage; struck out where it cannot be drawn."""

    def __init__(self, owner: AlternativeList) -> None:
        super().__init__(owner)
        self.list = owner

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(220, ROW_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        alternative: Alternative = index.data(ALTERNATIVE)
        palette = theme().palette
        rect: QRect = option.rect.adjusted(2, 1, -2, -1)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            selected = bool(state & QStyle.StateFlag.State_Selected)
            painter.setBrush(blend(palette.accent, palette.panel, 0.22 if selected else 0.1))
            painter.drawRoundedRect(rect, 5, 5)
        piece_width, number_width, note_width = 84, 70, 0
        if self.list.any_cut:  # in every row, so that all bars have one scale
            note_width = painter.fontMetrics().horizontalAdvance(_("cut by top-k/top-p")) + 8
        room = max(20, rect.width() - piece_width - number_width - note_width - 6)
        bar = QRect(rect.left() + piece_width, rect.top() + 6, 0, rect.height() - 12)
        painter.setBrush(blend(palette.border, palette.panel, 0.5))
        bar.setWidth(room)
        painter.drawRoundedRect(bar, 3, 3)
        bar.setWidth(max(1, round(room * alternative.probability)))
        painter.setBrush(QColor(palette.accent if alternative.allowed else palette.faint))
        painter.drawRoundedRect(bar, 3, 3)

        painter.setPen(QColor(palette.text if alternative.allowed else palette.faint))
        number = rect.adjusted(0, 0, -6, 0)
        painter.drawText(
            number,
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            percent(alternative.probability),
        )
        if not alternative.allowed:
            note = QRect(rect.left() + piece_width + room + 8, rect.top(), 400, rect.height())
            painter.drawText(note, Qt.AlignmentFlag.AlignVCenter, _("cut by top-k/top-p"))
        font = chip_font()
        font.setStrikeOut(not alternative.allowed)
        painter.setFont(font)
        name = rect.adjusted(8, 0, 0, 0)
        name.setWidth(piece_width - 12)
        text = painter.fontMetrics().elidedText(
            visible(alternative.piece), Qt.TextElideMode.ElideRight, name.width()
        )
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


class Glyphs(NamedTuple):
    """How a piece is drawn: faint dots for leading spaces, then the rest."""

    lead: str
    lead_width: int
    body: str
    faint: bool
    width: int


class Flow:
    """Where tokens stand in lines of a given width. No painting, no widget.

    starts[i] is the first token of line i (blank lines repeat the next one);
    x[j] and width[j] are the place of token j in its line, in pixels.
    """

    def __init__(self) -> None:
        self.starts = [0]
        self.x: list[int] = []
        self.width: list[int] = []

    def line_of(self, token: int) -> int:
        """The line that `token` stands in."""
        return bisect_right(self.starts, token) - 1

    def tokens_of(self, line: int) -> range:
        """The tokens of `line`."""
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.x)
        return range(self.starts[line], end)

    def lay(self, pieces: Sequence[str], widths: Sequence[int], first: int, room: int) -> int:
        """Lay `pieces` out; those before `first` are as they were. Returns the first line touched.

        Starts again one line above `first`, since the first word of a line may
        find room at the end of the line before when it becomes shorter.
        """
        line = max(0, self.line_of(min(first, len(self.x))) - 1)
        del self.starts[line + 1 :]
        begin = self.starts[line]
        del self.x[begin:], self.width[begin:]
        x, word = 0, begin
        for token in range(begin, len(pieces)):
            piece, width = pieces[token], widths[token]
            if piece[:1].isspace():
                word = token
            hangs = piece == " " and x <= room
            if x + width > room and x > 0 and not hangs:
                carried = x - self.x[word] if word < token else 0
                if not (self.starts[-1] < word and carried + width <= room // 2):
                    word = token
                self.starts.append(word)
                x = 0
                for moved in range(word, token):
                    self.x[moved] = x
                    x += self.width[moved] + GAP
            self.x.append(x)
            self.width.append(width)
            x += width + GAP
            for _line in range(piece.count("\n")):
                self.starts.append(token + 1)
                x = 0
            if _ends_word(piece):
                word = token + 1
        return line


def _ends_word(piece: str) -> bool:
    """Whether a line may break after `piece`. Han, kana and hangul break anywhere."""
    return not piece or piece[-1].isspace() or piece[-1] == "-" or ord(piece[-1]) >= 0x2E80


class _Canvas(QAbstractScrollArea):
    """The flowing text. Knows which token is under the mouse and which is selected."""

    regenerate = Signal(object)

    def __init__(self, popup: "_Popup", parent: QWidget) -> None:
        super().__init__(parent)
        self.tokens = Tokens((), (), (), (), 0)
        self.flow = Flow()
        self.popup = popup
        self.hovered = self.selected = -1
        self._glyphs: dict[str, Glyphs] = {}
        self._widths: list[int] = []
        self._room = 0
        self._following = True  # the end, unless the person has scrolled up
        self._fitting = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFont(chip_font())
        self._metrics = QFontMetrics(self.font())
        self.line_height = self._metrics.height() + 8
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMinimumHeight(2 * self.line_height + 2 * MARGIN)
        self.setAccessibleName(_("Text, token by token"))
        popup.list.chosen.connect(self._choose)

    def show_tokens(self, tokens: Tokens) -> None:
        """Show `tokens`; what they share with the text before is neither laid out nor drawn."""
        old, self.tokens = self.tokens, tokens
        same = _common_prefix(old, tokens)
        self._widths[same:] = [self._glyphs_of(piece).width for piece in tokens.pieces[same:]]
        line = self.flow.lay(tokens.pieces, self._widths, same, self._room)
        if old.kept != tokens.kept or not _same_probabilities(old, tokens, same):
            line = 0
        if max(self.popup.position, self.selected, self.hovered) >= same:
            self.hovered = self.selected = -1
            self.popup.close_list()
        self._fit_scroll_bar()
        top = MARGIN + line * self.line_height - self.verticalScrollBar().value()
        self.viewport().update(0, top, self.viewport().width(), self.viewport().height())

    def place_of(self, token: int) -> QRect:
        """Where `token` stands in the viewport."""
        top = (
            MARGIN + self.flow.line_of(token) * self.line_height - self.verticalScrollBar().value()
        )
        return QRect(MARGIN + self.flow.x[token], top, self.flow.width[token], self.line_height - 3)

    def token_at(self, point: QPoint) -> int:
        """The token at a point of the viewport, or -1."""
        line = (point.y() - MARGIN + self.verticalScrollBar().value()) // self.line_height
        if not 0 <= line < len(self.flow.starts):
            return -1
        tokens = self.flow.tokens_of(line)
        index = bisect_right(self.flow.x, point.x() - MARGIN, tokens.start, tokens.stop) - 1
        return index if index in tokens and self.place_of(index).contains(point) else -1

    def select(self, token: int, *, pin: bool = False) -> None:
        """Make `token` the selected one and show its list; `pin` keeps the list open."""
        if not self.tokens.pieces:
            return
        before, self.selected = self.selected, max(0, min(token, len(self.tokens.pieces) - 1))
        self._reveal(self.selected)
        for each in (before, self.selected):
            self._repaint_token(each)
        title = self.popup.show_token(self, self.tokens, self.selected, pin)
        self.setAccessibleDescription(title)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Only the lines that are to be painted."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        palette = theme().palette
        painter.fillRect(event.rect(), QColor(palette.panel))
        text, faint = QColor(palette.text), QColor(palette.faint)
        given = blend(palette.faint, palette.panel, 0.22)
        ascent = self._metrics.ascent() + 2
        offset = MARGIN - self.verticalScrollBar().value()
        first = max(0, (event.rect().top() - offset) // self.line_height)
        last = min(len(self.flow.starts) - 1, (event.rect().bottom() - offset) // self.line_height)
        height = self.line_height - 3
        pieces, kept, probabilities = (
            self.tokens.pieces,
            self.tokens.kept,
            self.tokens.probabilities,
        )
        no_pen = Qt.PenStyle.NoPen
        for line in range(first, last + 1):
            top = offset + line * self.line_height
            tokens = self.flow.tokens_of(line)
            painter.setPen(no_pen)
            for token in tokens:
                painter.setBrush(given if token < kept else tint(probabilities[token]))
                x, width = MARGIN + self.flow.x[token], self.flow.width[token]
                painter.drawRoundedRect(x, top, width, height, 3, 3)
            painter.setPen(text)
            for token in tokens:
                glyphs = self._glyphs_of(pieces[token])
                pad = 1 if len(pieces[token]) == 1 else 3
                x = MARGIN + self.flow.x[token] + pad
                if glyphs.lead or glyphs.faint:
                    painter.setPen(faint)
                    painter.drawText(x, top + ascent, glyphs.lead)
                    if not glyphs.faint:
                        painter.setPen(text)
                    painter.drawText(x + glyphs.lead_width, top + ascent, glyphs.body)
                    painter.setPen(text)
                else:
                    painter.drawText(x, top + ascent, glyphs.body)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for token, colour in ((self.hovered, palette.faint), (self.selected, palette.accent)):
            if 0 <= token < len(pieces):
                painter.setPen(QColor(colour))
                painter.drawRoundedRect(
                    QRectF(self.place_of(token)).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3
                )
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width breaks lines elsewhere."""
        super().resizeEvent(event)
        room = self.viewport().width() - 2 * MARGIN
        if room != self._room:
            self._room = room
            self.flow = Flow()
            self.flow.lay(self.tokens.pieces, self._widths, 0, room)
            self.popup.close_list()
        self._fit_scroll_bar()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Move what is painted instead of painting it again."""
        if not self._fitting:
            bar = self.verticalScrollBar()
            self._following = bar.value() >= bar.maximum() - self.line_height
        self._hover(-1)
        self.popup.close_list()
        self.viewport().scroll(dx, dy)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show what could have come instead of the token under the mouse."""
        self._hover(self.token_at(event.position().toPoint()))

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Leaving the text closes a list that is not pinned."""
        if event.type() == QEvent.Type.Leave:
            self._hover(-1)
        return super().viewportEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Pin the list of a token; a click beside the tokens closes it."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        token = self.token_at(event.position().toPoint())
        again = token == self.popup.position and self.popup.pinned
        if token < 0 or again:
            self._close()
        else:
            self.select(token, pin=True)

    def event(self, event: QEvent) -> bool:
        """Esc and Ctrl+C are ours before they are a shortcut of the window."""
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            escape = event.key() == Qt.Key.Key_Escape and self.popup.isVisible()
            if escape or event.matches(QKeySequence.StandardKey.Copy):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows move from token to token, Enter opens the list and chooses from it."""
        key = event.key()
        pinned = self.popup.isVisible() and self.popup.pinned
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text()
        elif key == Qt.Key.Key_Escape and self.popup.isVisible():
            self._close()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and pinned:
            self.popup.list.take_current()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.tokens.pieces:
            self.select(self.selected, pin=True)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            if pinned:
                rows = self.popup.list.count()
                row = self.popup.list.currentRow() + step
                self.popup.list.setCurrentRow(max(0, min(row, rows - 1)))
            else:
                self.select(self._above_or_below(step))
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            self.select(self.selected + step, pin=pinned)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.select(0 if key == Qt.Key.Key_Home else len(self.tokens.pieces) - 1, pin=pinned)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """The list goes with the keyboard."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.popup.close_list()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Copy the text."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(_("Copy text"))
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setEnabled(bool(self.tokens.pieces))
        copy.triggered.connect(self.copy_text)
        menu.popup(event.globalPos())

    def copy_text(self) -> None:
        """The whole text, as it reads."""
        QGuiApplication.clipboard().setText(self.tokens.text)

    def _hover(self, token: int) -> None:
        if token == self.hovered:
            return
        before, self.hovered = self.hovered, token
        for each in (before, token):
            self._repaint_token(each)
        if self.popup.pinned:
            return
        if token < 0:
            self.popup.close_list()
        else:
            self.popup.show_token(self, self.tokens, token, pin=False)

    def _close(self) -> None:
        self.popup.close_list()
        self._repaint_token(self.selected)
        self.selected = -1

    def _choose(self, alternative: int) -> None:
        position = self.popup.position
        self._close()
        self.regenerate.emit((position, alternative))

    def _above_or_below(self, step: int) -> int:
        """The token nearest to the selected one in the next line that has any."""
        if self.selected < 0:
            return 0
        line = self.flow.line_of(self.selected) + step
        while 0 <= line < len(self.flow.starts) and not self.flow.tokens_of(line):
            line += step
        if not 0 <= line < len(self.flow.starts):
            return self.selected
        x = self.flow.x[self.selected]
        return min(self.flow.tokens_of(line), key=lambda token: abs(self.flow.x[token] - x))

    def _reveal(self, token: int) -> None:
        place = self.place_of(token)
        bar = self.verticalScrollBar()
        if place.top() < MARGIN:
            bar.setValue(bar.value() + place.top() - MARGIN)
        elif place.bottom() > self.viewport().height() - MARGIN:
            bar.setValue(bar.value() + place.bottom() - self.viewport().height() + MARGIN)

    def _repaint_token(self, token: int) -> None:
        if 0 <= token < len(self.flow.x):
            self.viewport().update(self.place_of(token).adjusted(-2, -2, 2, 2))

    def _fit_scroll_bar(self) -> None:
        height = len(self.flow.starts) * self.line_height + 2 * MARGIN
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self.line_height)
        self._fitting = True
        bar.setRange(0, max(0, height - self.viewport().height()))
        self._following = self._following or not bar.maximum()
        if self._following:
            bar.setValue(bar.maximum())
        self._fitting = False

    def _glyphs_of(self, piece: str) -> Glyphs:
        known = self._glyphs.get(piece)
        if known is None:
            body = piece.lstrip(" ")
            lead = "·" * (len(piece) - len(body))
            faint = not body.strip()
            body = visible(body.replace(" ", "\u00a0")).replace("\u00a0", " ")
            lead_width = self._metrics.horizontalAdvance(lead)
            pad = 2 if len(piece) == 1 else 6
            width = lead_width + self._metrics.horizontalAdvance(body) + pad
            known = self._glyphs[piece] = Glyphs(lead, lead_width, body, faint, max(6, width))
        return known


def _common_prefix(old: Tokens, new: Tokens) -> int:
    """How many tokens two texts begin with in common."""
    length = min(len(old.ids), len(new.ids))
    if old.ids[:length] == new.ids[:length] and old.pieces[:length] == new.pieces[:length]:
        return length
    pairs = zip(old.ids, new.ids, old.pieces, new.pieces, strict=False)
    return next(i for i, (a, b, p, q) in enumerate(pairs) if a != b or p != q)


def _same_probabilities(old: Tokens, new: Tokens, upto: int) -> bool:
    """Whether drawn tokens before `upto` had the same probabilities (given ones have none)."""
    return old.probabilities[new.kept : upto] == new.probabilities[new.kept : upto]


class _Popup(QFrame):
    """The list under a token, drawn over the window. Not a window itself, so that it
    stands where it should on every desktop and never takes the keyboard."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.position = -1
        self.pinned = False
        self.setProperty("role", "card")
        self.title = QLabel()
        self.note = QLabel()
        self.note.setProperty("role", "faint")
        self.list = AlternativeList()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addWidget(self.list)
        layout.addWidget(self.note)
        self.hide()

    def show_token(self, canvas: _Canvas, tokens: Tokens, position: int, pin: bool) -> str:
        """Show what could have come at `position`; returns the title."""
        alternatives = tokens.alternatives[position]
        self.position, self.pinned = position, pin
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not pin)
        piece = visible(tokens.pieces[position])
        if alternatives:
            title = _("token {position}: '{piece}' {percent}").format(
                position=position, piece=piece, percent=percent(tokens.probabilities[position])
            )
        else:
            title = _("token {position}: '{piece}' was given").format(
                position=position, piece=piece
            )
        self.title.setText(title)
        self.list.show_alternatives(alternatives, tokens.ids[position])
        self.list.setVisible(bool(alternatives))
        self.list.setFixedHeight(self.list.sizeHint().height())
        self.note.setVisible(bool(alternatives))
        self.note.setText(
            _("Click one to write on from here; Esc closes")
            if pin
            else _("Click the token to choose another")
        )
        self._stand_by(canvas, canvas.place_of(position))
        return title

    def close_list(self) -> None:
        """Gone, and nothing is pinned any more."""
        self.position = -1
        self.pinned = False
        self.hide()

    def _stand_by(self, canvas: _Canvas, place: QRect) -> None:
        """Under the token, or above where there is no room, inside the window."""
        window = canvas.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        self.ensurePolished()
        self.adjustSize()
        least = POPUP_WIDTH if self.list.isVisibleTo(self) else 0
        self.resize(min(max(self.width(), least), window.width() - 8), self.height())
        corner = canvas.viewport().mapTo(window, place.bottomLeft())
        x = max(4, min(corner.x() - 8, window.width() - self.width() - 4))
        y = corner.y() + 6
        if y + self.height() > window.height() - 4:
            above = canvas.viewport().mapTo(window, place.topLeft()).y() - 6 - self.height()
            y = above if above >= 4 else max(4, window.height() - self.height() - 4)
        self.move(x, y)
        self.show()
        self.raise_()


class _Legend(QWidget):
    """The scale of the tints: given | unlikely ▭ likely. The bar gives way, words do not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self.fontMetrics().height() + 6)
        self.words = (_("given"), _("unlikely"), _("likely"))
        self.setAccessibleName(_("Tokens are tinted from unlikely (orange) to likely (blue)"))
        self.setToolTip(_("How likely the model thought each token that was drawn"))

    def _besides_bar(self) -> int:
        """The width of everything but the bar."""
        words = sum(map(self.fontMetrics().horizontalAdvance, self.words))
        return MARGIN + 18 + words + 7 + 14 + 7 + 7 + 2

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """All words, and a short bar."""
        return QSize(self._besides_bar() + 24, self.height())

    def sizeHint(self) -> QSize:  # noqa: N802
        """All words, and the whole bar."""
        return QSize(self._besides_bar() + 96, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """From left to right."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme().palette
        metrics = self.fontMetrics()
        height = self.height()
        bar_width = max(24, min(96, self.width() - self._besides_bar()))
        middle = Qt.AlignmentFlag.AlignVCenter
        faint = QColor(palette.faint)

        def word(x: int, text: str) -> int:
            painter.setPen(faint)
            painter.drawText(QRect(x, 0, 400, height), middle, text)
            painter.setPen(Qt.PenStyle.NoPen)
            return x + metrics.horizontalAdvance(text) + 7

        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend(palette.faint, palette.panel, 0.22))
        painter.drawRoundedRect(MARGIN, height // 2 - 6, 12, 12, 3, 3)
        given, unlikely, likely = self.words
        x = word(MARGIN + 18, given) + 14
        x = word(x, unlikely)
        gradient = QLinearGradient(x, 0, x + bar_width, 0)
        for step in range(9):
            gradient.setColorAt(step / 8, tint((step / 8) ** 2))
        painter.setBrush(gradient)
        painter.drawRoundedRect(x, height // 2 - 6, bar_width, 12, 3, 3)
        word(x + bar_width + 7, likely)
        painter.end()


class TokenChips(QWidget):
    """Shows `Tokens`.

    regenerate: (position, id of the alternative to put there) - write on from it.
    """

    regenerate = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._payload: Tokens | None = None
        self._stale = False
        self.popup = _Popup(self)
        self.canvas = _Canvas(self.popup, self)
        self.canvas.regenerate.connect(self.regenerate)
        self.speed = Elided()
        self.speed.setProperty("role", "faint")
        self.next_title = QLabel(_("Next token: click one to write it"))
        self.next_title.setProperty("role", "faint")
        self.next_list = AlternativeList()
        self.next_list.chosen.connect(self._write_next)
        self.caption = QLabel()
        self.caption.setProperty("role", "faint")
        self.caption.setWordWrap(True)
        below = QHBoxLayout()
        self.legend = _Legend()
        below.addWidget(self.legend, 1)
        below.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.canvas, 4)
        layout.addLayout(below)
        layout.addWidget(self.next_title)
        layout.addWidget(self.next_list, 5)
        layout.addWidget(self.caption)
        for each in (self.next_title, self.next_list, self.caption):
            each.hide()
        self.setFocusProxy(self.canvas)
        theme().changed.connect(self._recolour)

    def show_payload(self, payload: Tokens) -> None:
        """Show `payload` now, or when this widget is next seen."""
        self._payload = payload
        self._stale = True
        if self.isVisible():
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what came while nobody looked."""
        super().showEvent(event)
        if self._stale:
            self._draw()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """The list stands in the window while it is open, and comes home before that may go."""
        super().hideEvent(event)
        self.popup.close_list()
        self.popup.setParent(self)

    def _draw(self) -> None:
        payload = self._payload
        if payload is None:
            return
        self._stale = False
        self.canvas.show_tokens(payload)
        self.next_title.setVisible(bool(payload.next))
        self.next_list.setVisible(bool(payload.next))
        if payload.next:
            self.next_list.show_alternatives(payload.next)
            self.next_list.setMaximumHeight(self.next_list.sizeHint().height())
        rate = payload.tokens_per_second
        self.speed.setText(_("{rate:,.0f} tokens/s").format(rate=rate) if rate else "")
        self.caption.setText(_(payload.caption))
        self.caption.setVisible(bool(payload.caption))

    def _write_next(self, alternative: int) -> None:
        if self._payload is not None:
            self.regenerate.emit((len(self._payload.ids), alternative))

    def _recolour(self) -> None:
        self.canvas.viewport().update()
        self.update()

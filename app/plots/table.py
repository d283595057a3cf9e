"""A table: to read, to sort and to copy. What differs in a cell is marked."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QHelpEvent,
    QKeySequence,
    QPainter,
    QPen,
    QResizeEvent,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from app.elided import Elided
from app.i18n import _
from app.plots.base import PayloadWidget
from app.theme import blend, theme
from engine.payloads import Cell, Table

Index: TypeAlias = QModelIndex | QPersistentModelIndex

PAD = 8  # pixels to the left and right of a text
SIGN = 18  # pixels that the sign of a tone takes
ARROW = 14  # pixels that the arrow of the sorted column takes
LEAST = 56  # pixels: a column of words that has to give way keeps these
MOST_LINES = 4  # of a text that is wider than its column
_ONE_LINE = str.maketrans("\n\t\r", "↵⇥␍")


def draw_verdict(painter: QPainter, box: QRectF, good: bool) -> None:
    """A tick or a cross as large as `box`: other shapes, not colours alone."""
    palette = theme().palette
    pen = QPen(QColor(palette.good if good else palette.warning), 2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)

    def at(x: float, y: float) -> QPointF:
        return QPointF(box.left() + x * box.width(), box.top() + y * box.height())

    if good:
        painter.drawPolyline([at(0.1, 0.55), at(0.4, 0.85), at(0.9, 0.2)])
    else:
        painter.drawLine(at(0.18, 0.18), at(0.82, 0.82))
        painter.drawLine(at(0.18, 0.82), at(0.82, 0.18))
    painter.restore()


def is_number(value: float | None) -> bool:
    """Whether there is a number that can be compared."""
    return value is not None and not math.isnan(value)


def numeric(table: Table, column: int) -> bool:
    """Whether a column is one of numbers."""
    return any(row[column].value is not None for row in table.rows)


def order_of(table: Table, column: int, descending: bool) -> list[int]:
    """The rows in the order of a column; without one (-1) as they come.

    Rows that are equal keep the order in which they come, and what has no number is last.
    """
    rows = list(range(len(table.rows)))
    if not 0 <= column < len(table.columns):
        return rows
    if not numeric(table, column):
        texts = [_(row[column].text).casefold() for row in table.rows]
        return sorted(rows, key=texts.__getitem__, reverse=descending)
    values = [row[column].value for row in table.rows]
    known = [row for row in rows if is_number(values[row])]
    known.sort(key=lambda row: values[row] or 0.0, reverse=descending)
    return known + [row for row in rows if not is_number(values[row])]


def best_rows(table: Table, column: int) -> frozenset[int]:
    """The rows that have the best value of a column, where one is wanted."""
    wanted = table.best[column] if column < len(table.best) else ""
    values = {row: cells[column].value for row, cells in enumerate(table.rows)}
    known = {row: value for row, value in values.items() if value is not None and is_number(value)}
    if not wanted or not known:
        return frozenset()
    best = max(known.values()) if wanted == "high" else min(known.values())
    return frozenset(row for row, value in known.items() if value == best)


def fitted(wanted: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns: as wanted, and the widest give way where there is too little room.

    least: what each keeps in any case.

    >>> fitted([100, 300, 400], [50, 50, 50], 500)
    [100, 200, 200]
    """
    low, high = 0, max(wanted, default=0)
    if sum(wanted) <= room:
        return list(wanted)

    def cut(most: int) -> list[int]:
        return [max(min(w, most), min(w, k)) for w, k in zip(wanted, least, strict=True)]

    while low < high:  # the largest width that no column is to pass
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(cut(middle)) <= room else (low, middle - 1)
    return cut(low)


class TableModel(QAbstractTableModel):
    """The rows of a `Table`, in the order of a column."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = Table((), ())
        self.order: list[int] = []
        self.best: list[frozenset[int]] = []
        self._column, self._descending = -1, False

    def show_table(self, table: Table) -> None:
        """Other rows, sorted as those before."""
        same = table.columns == self.table.columns and len(table.rows) == len(self.table.rows)
        if not same:
            self.beginResetModel()
        self.table = table
        self.best = [best_rows(table, column) for column in range(len(table.columns))]
        self.order = order_of(table, self._column, self._descending)
        if same and self.order and table.columns:
            last = self.index(len(table.rows) - 1, len(table.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
        elif not same:
            self.endResetModel()

    def cell(self, index: Index) -> Cell:
        """What is at a place of the view."""
        return self.table.rows[self.order[index.row()]][index.column()]

    def text(self, index: Index) -> str:
        """How it reads, in one line."""
        return _(self.cell(index).text).translate(_ONE_LINE)

    def is_best(self, index: Index) -> bool:
        """Whether it is the best of its column."""
        return self.order[index.row()] in self.best[index.column()]

    def font(self, index: Index, font: QFont) -> QFont:
        """`font`, bold for the best."""
        bold = QFont(font)
        bold.setBold(self.is_best(index))
        return bold

    # --- what every model has

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Rows; a cell has none below it."""
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Columns; a cell has none below it."""
        return 0 if parent.isValid() else len(self.table.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell, and what a screen reader says of it."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.spoken(index)
        return None

    def spoken(self, index: Index) -> str:
        """``2023年: wrong, differs: 3年``."""
        cell, text = self.cell(index), self.text(index)
        remarks = []
        if cell.tone:
            remarks.append(_("correct") if cell.tone == "good" else _("wrong"))
        if cell.marked:
            parts = ", ".join(text[first:end] for first, end in cell.marked)
            remarks.append(_("differs: {parts}").format(parts=parts))
        if self.is_best(index):
            remarks.append(_("best"))
        return f"{text}: {', '.join(remarks)}" if remarks else text

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles, and the sentence for each."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.table.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _(self.table.columns[section])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            sides = Qt.AlignmentFlag
            side = sides.AlignRight if numeric(self.table, section) else sides.AlignLeft
            return int(side | sides.AlignVCenter) | int(Qt.TextFlag.TextWordWrap)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _(self.table.tips[section]) if section < len(self.table.tips) else None
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """In the order of a column; -1 is the order in which the rows come."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        before, places = self.order, self.persistentIndexList()
        self.order = order_of(self.table, column, self._descending)
        now = {row: place for place, row in enumerate(self.order)}
        for place in places:  # what was selected goes along
            self.changePersistentIndex(place, self.index(now[before[place.row()]], place.column()))
        self.layoutChanged.emit()


class _CellPainter(QStyledItemDelegate):
    """A cell: its sign, its text, and what differs in it, on a ground and underlined."""

    def __init__(self, model: TableModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        metrics = QFontMetrics(self.model.font(index, option.font))
        wide = metrics.horizontalAdvance(self.model.text(index)) + 2 * PAD + 2
        return QSize(wide + (SIGN if self.model.cell(index).tone else 0), metrics.height() + 10)

    def room(self, rect: QRect, index: Index) -> QRect:
        """Where in a cell the text is."""
        sign = SIGN if self.model.cell(index).tone else 0
        return rect.adjusted(PAD + sign, 0, -PAD, 0)

    def shown(self, font: QFont, index: Index, width: int) -> str:
        """As much of a text as there is room for: numbers in one line, words in some."""
        metrics, text = QFontMetrics(font), self.model.text(index)
        dots = Qt.TextElideMode.ElideRight
        if metrics.horizontalAdvance(text) <= width or numeric(self.model.table, index.column()):
            return metrics.elidedText(text, dots, width)
        layout = broken(text, font, width)
        if layout.lineCount() <= MOST_LINES:
            return text
        start = layout.lineAt(MOST_LINES - 1).textStart()
        before = text.encode("utf-16-le")[: 2 * start].decode("utf-16-le")
        return before + metrics.elidedText(text[len(before) :], dots, width - 2)

    def height(self, font: QFont, index: Index, width: int) -> int:
        """Pixels that a cell of a width needs."""
        font = self.model.font(index, font)
        room = self.room(QRect(0, 0, width, 0), index).width() + 1
        if QFontMetrics(font).horizontalAdvance(self.model.text(index)) <= room:
            return QFontMetrics(font).height() + 10
        layout = broken(self.model.text(index), font, room)
        last = layout.lineAt(min(layout.lineCount(), MOST_LINES) - 1)
        return math.ceil(last.y() + last.height()) + 10

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        palette, cell, rect = theme().palette, self.model.cell(index), option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        ground = QColor(palette.panel)
        if state & QStyle.StateFlag.State_Selected:
            ground = blend(palette.accent, palette.panel, 0.18)
        painter.fillRect(rect, ground)
        painter.setPen(blend(palette.border, palette.panel, 0.7))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(palette.accent), 1))
            painter.drawRect(rect.adjusted(0, 0, -1, -2))
        if cell.tone:
            sign = QRectF(rect.left() + PAD, rect.center().y() - 6, 12, 12)
            draw_verdict(painter, sign, cell.tone == "good")
        room, font = self.room(rect, index), self.model.font(index, option.font)
        shown = self.shown(font, index, room.width() + 1)
        marks = self.marks(shown, self.model.text(index), cell.marked)
        layout = broken(shown, font, room.width() + 1, marks)
        left = float(room.left())
        if numeric(self.model.table, index.column()):
            left = room.right() + 1 - layout.lineAt(0).naturalTextWidth()
        painter.setPen(QColor(palette.text))
        top = rect.center().y() - layout.boundingRect().height() / 2 + 0.5
        layout.draw(painter, QPointF(left, top))
        painter.restore()

    def marks(
        self, shown: str, text: str, marked: Sequence[tuple[int, int]]
    ) -> list[QTextLayout.FormatRange]:
        """How what differs looks, as far as it is shown; dots stand for what is not."""
        palette = theme().palette
        look = QTextCharFormat()
        look.setBackground(blend(palette.warning, palette.panel, 0.3))
        look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        look.setUnderlineColor(QColor(palette.warning))
        last = len(text) if shown == text else max(0, len(shown) - 1)
        found = []
        for first, end in marked:
            each = QTextLayout.FormatRange()
            # Qt counts in UTF-16, in which a rare character takes two.
            each.start = utf16(text[: min(first, last)])
            each.length = utf16(text[: min(end, last)]) - each.start
            each.format = look
            found.append(each)
        return [each for each in found if each.length > 0]

    def helpEvent(  # noqa: N802
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """All of a text of which only a part is shown."""
        if event.type() == QEvent.Type.ToolTip and index.isValid():
            whole = self.model.text(index)
            self.initStyleOption(option, index)
            font, room = self.model.font(index, option.font), self.room(option.rect, index)
            said = whole if self.shown(font, index, room.width() + 1) != whole else ""
            QToolTip.showText(event.globalPos(), said, view)
            return True
        return super().helpEvent(event, view, option, index)


def broken(
    text: str, font: QFont, width: int, formats: Sequence[QTextLayout.FormatRange] = ()
) -> QTextLayout:
    """A text in lines of a width; one more than are shown, where there are that many."""
    layout, option = QTextLayout(text, font), QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.setFormats(list(formats))
    layout.beginLayout()
    height = 0.0
    for _number in range(MOST_LINES + 1):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(width)
        line.setPosition(QPointF(0, height))
        height += line.height()
    layout.endLayout()
    return layout


def utf16(text: str) -> int:
    """The length of a text as Qt counts."""
    return len(text.encode("utf-16-le")) // 2


class _View(QTableView):
    """The cells. left: the mouse has left them."""

    left = Signal()
    resized = Signal()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        super().leaveEvent(event)
        self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.resized.emit()


class TableWidget(PayloadWidget[Table]):
    """Rows and columns. A click on a title sorts, once more turns it round, and again undoes it.

    Ctrl+C copies the rows that are chosen, or all, as lines with tabs between the cells.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._own_widths = False
        self._fitting = False
        self._titles: tuple[str, ...] = ()
        self.title = Elided(greedy=True)
        self.model = TableModel(self)
        self.view = _View()
        self.painter = _CellPainter(self.model, self.view)
        self._dress_view()
        header = self.view.horizontalHeader()
        header.sectionResized.connect(self._resized)
        self.view.entered.connect(self._read)
        self.view.left.connect(lambda: self.footer.read(""))
        self.view.resized.connect(self.fit)
        self.copying = QAction(_("Copy"), self.view)
        self.copying.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copying.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.copying.triggered.connect(self.copy)
        self.view.addAction(self.copying)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.body.addWidget(self.title)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.footer)
        self.setFocusProxy(self.view)
        self.recolour()

    def _dress_view(self) -> None:
        view, header = self.view, self.view.horizontalHeader()
        view.setModel(self.model)
        view.setItemDelegate(self.painter)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setShowGrid(False)
        view.setMouseTracking(True)
        view.setTabKeyNavigation(False)  # the key goes on to what follows
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setWordWrap(False)
        view.setMinimumHeight(90)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(24)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        view.setSortingEnabled(True)

    def draw(self, payload: Table) -> None:
        """Other rows; the order, the place and what is chosen stay as far as they can."""
        header, bar = self.view.horizontalHeader(), self.view.verticalScrollBar()
        if payload.columns != self._titles:
            self._titles, self._own_widths = payload.columns, False
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        place = bar.value()
        self.model.show_table(payload)
        self.title.setText(_(payload.title))
        self.title.setToolTip(_(payload.title))
        self.title.setVisible(bool(payload.title))
        self.view.setAccessibleName(_(payload.title) or _("Table"))
        self.footer.set_caption(_(payload.caption))
        self.fit()
        bar.setValue(place)

    def recolour(self) -> None:
        """Take the colours of the theme."""
        palette = theme().palette
        self.view.setStyleSheet(
            f"QTableView {{ background: {palette.panel}; border: none; border-radius: 0; }}"
            f"QHeaderView, QHeaderView::section {{ background: {palette.panel};"
            f" color: {palette.faint}; border: none; }}"
            f"QHeaderView::section {{ border-bottom: 1px solid {palette.border};"
            f" padding: 3px {PAD - 2}px; }}"
            f"QHeaderView::section:hover {{ color: {palette.text}; }}"
        )

    # --- widths

    def fit(self) -> None:
        """As wide as what is in the columns, within the room there is."""
        table = self.model.table
        if not table.columns or self._own_widths:
            self._fit_titles()
            self._fit_rows()
            return
        columns, room = range(len(table.columns)), self.view.viewport().width()
        contents = [max(self.view.sizeHintForColumn(column), 24) for column in columns]
        # Lines of a title, as few as there is room for; at last without room for the arrow.
        for lines, arrow in ((1, ARROW), (2, ARROW), (3, ARROW), (3, 0)):
            titles = [self._title_width(column, lines, arrow) for column in columns]
            wanted = list(map(max, contents, titles))
            if sum(wanted) <= room:
                break
        least = [
            max(contents[column] if numeric(table, column) else LEAST, titles[column])
            for column in columns
        ]
        widths = fitted(wanted, least, room)
        words = [i for i in range(len(widths)) if not numeric(table, i)] or [len(widths) - 1]
        if (more := room - sum(widths)) > 0:  # what is left goes to the words
            for i in words:
                widths[i] += more // len(words)
            widths[words[-1]] += more % len(words)
        self._fitting = True
        for column, width in enumerate(widths):
            self.view.setColumnWidth(column, width)
        self._fitting = False
        self._fit_titles()
        self._fit_rows()

    def _title_width(self, column: int, lines: int, arrow: int) -> int:
        """What a title needs that is broken into so many lines, its longest word at least."""
        title = _(self.model.table.columns[column])
        metrics = self.view.horizontalHeader().fontMetrics()
        words = [metrics.horizontalAdvance(word) for word in title.split() or [""]]
        low, high = max(words), metrics.horizontalAdvance(title)
        room = lines * metrics.lineSpacing()
        while low < high:
            middle = (low + high) // 2
            if self._title_height(title, middle) <= room:
                high = middle
            else:
                low = middle + 1
        return low + 2 * PAD + arrow

    def _title_height(self, title: str, width: int) -> int:
        """Of a title that is broken into lines of a width."""
        metrics = self.view.horizontalHeader().fontMetrics()
        box = QRect(0, 0, width + 1, 1000)
        return metrics.boundingRect(box, Qt.TextFlag.TextWordWrap, title).height()

    def _fit_titles(self) -> None:
        """As high as the titles need, broken into lines."""
        header = self.view.horizontalHeader()
        heights = [header.fontMetrics().height()]
        for column, title in enumerate(self.model.table.columns):
            wide = max(10, self.view.columnWidth(column) - 2 * PAD - ARROW)
            heights.append(self._title_height(_(title), wide))
        header.setFixedHeight(max(heights) + 10)

    def _fit_rows(self) -> None:
        """As high as their texts need, broken into lines."""
        view, model, font = self.view, self.model, self.view.font()
        words = [i for i in range(model.columnCount()) if not numeric(model.table, i)]
        widths = [view.columnWidth(column) for column in words]
        usual = view.verticalHeader().defaultSectionSize()
        for row in range(model.rowCount()):
            cells = zip(words, widths, strict=True)
            heights = (self.painter.height(font, model.index(row, i), wide) for i, wide in cells)
            height = max(heights, default=usual)
            if view.rowHeight(row) != height:
                view.setRowHeight(row, height)

    def _resized(self, _column: int, _before: int, _after: int) -> None:
        if not self._fitting and self.isVisible():
            self._own_widths = True
            self._fit_rows()

    # --- reading and copying

    def _read(self, index: QModelIndex) -> None:
        title = _(self.model.table.columns[index.column()])
        self.footer.read(f"{title}: {self.model.text(index)}")

    def copied(self) -> str:
        """The titles and the chosen rows, or all, with tabs between the cells."""
        chosen = sorted({each.row() for each in self.view.selectionModel().selectedRows()})
        columns = range(len(self.model.table.columns))
        lines = [[plain_cell(_(each)) for each in self.model.table.columns]]
        for row in chosen or range(len(self.model.table.rows)):
            cells = (self.model.cell(self.model.index(row, column)) for column in columns)
            lines.append([plain_cell(_(each.text)) for each in cells])
        return "\n".join("\t".join(each) for each in lines)

    def copy(self) -> None:
        """Put them on the clipboard."""
        QGuiApplication.clipboard().setText(self.copied())


def plain_cell(text: str) -> str:
    """A text that does not end its cell or its line."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")

"""A layout that puts its items in lines, as words are put in a text."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class Flow(QLayout):
    """Items from left to right; what finds no room goes on in the next line.

    Items keep their own width, but for those that want to grow (their size policy says
    so): these share what is left of their line.
    """

    def __init__(self, across: int = 16, down: int = 8, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.across, self.down = across, down
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    # --- what every layout has

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802
        """Put `item` at the end."""
        self._items.append(item)

    def count(self) -> int:
        """How many there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        """The item at that place, if there is one."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        """Remove the item at that place."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802
        """It takes no more than it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Narrower is higher."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Of all lines, at this width."""
        heights = [height for _line, height in self._lines(width)]
        return sum(heights) + self.down * max(0, len(heights) - 1)

    def sizeHint(self) -> QSize:  # noqa: N802
        """All in one line."""
        shown = self._shown()
        width = sum(item.sizeHint().width() for item in shown)
        height = max((item.sizeHint().height() for item in shown), default=0)
        return QSize(width + self.across * max(0, len(shown) - 1), height)

    def minimumSize(self) -> QSize:  # noqa: N802
        """As wide as the widest item."""
        size = QSize()
        for item in self._shown():
            size = size.expandedTo(item.minimumSize())
        return size

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802
        """Place all items."""
        super().setGeometry(rect)
        top = rect.top()
        for line, height in self._lines(rect.width()):
            left = rect.left()
            for item, width in line:
                size = QSize(width, min(item.sizeHint().height(), height))
                down = (height - size.height()) // 2  # of different heights, their middles align
                item.setGeometry(QRect(QPoint(left, top + down), size))
                left += width + self.across
            top += height + self.down

    # --- lines

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, room: int) -> list[tuple[list[tuple[QLayoutItem, int]], int]]:
        """Each line as its items with their widths, and its height."""
        lines: list[list[QLayoutItem]] = []
        used = 0
        for item in self._shown():
            wanted = item.sizeHint().width()
            if not lines or used + self.across + wanted > room:
                lines.append([])
                used = -self.across
            lines[-1].append(item)
            used += self.across + wanted
        return [self._fitted(line, room) for line in lines]

    def _fitted(
        self, line: list[QLayoutItem], room: int
    ) -> tuple[list[tuple[QLayoutItem, int]], int]:
        widths = [min(item.sizeHint().width(), room) for item in line]
        left = max(0, room - sum(widths) - self.across * (len(line) - 1))
        growing = [
            i
            for i, item in enumerate(line)
            if item.expandingDirections() & Qt.Orientation.Horizontal
        ]
        for i in growing:
            widths[i] += left // len(growing)
        height = max(item.sizeHint().height() for item in line)
        return list(zip(line, widths, strict=True)), height

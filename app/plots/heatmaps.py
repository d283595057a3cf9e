"""A grid of heatmaps, one of which can be enlarged."""

import numpy as np
from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.i18n import _
from app.plots.base import PayloadWidget, number, scrolled
from app.plots.heatmap import HeatmapWidget
from app.plots.indexed import image_of
from app.plots.mosaic import Mosaic
from app.theme import theme
from engine.payloads import Heatmaps


class Scale(QWidget):
    """A small horizontal colour bar with its ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.diverging = False
        self.low, self.high = "", ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self.fontMetrics().height() + 4)

    def show_scale(self, low: str, high: str, diverging: bool) -> None:
        """From `low` to `high`."""
        if (low, high, diverging) != (self.low, self.high, self.diverging):
            self.low, self.high, self.diverging = low, high, diverging
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """The bar and both words."""
        words = self.fontMetrics().horizontalAdvance(self.low + self.high)
        return QSize(words + 96 + 16, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """low ▭ high."""
        painter = QPainter(self)
        painter.setPen(QColor(theme().palette.faint))
        middle = Qt.AlignmentFlag.AlignVCenter
        low = self.fontMetrics().horizontalAdvance(self.low)
        painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignLeft, self.low)
        ramp = np.arange(1, 256, dtype=np.uint8)[None]
        place = QRect(low + 8, self.height() // 2 - 5, 96, 10)
        painter.drawImage(place, image_of(ramp, self.diverging))
        painter.drawText(self.rect().adjusted(low + 112, 0, 0, 0), middle, self.high)
        painter.end()


class HeatmapsWidget(PayloadWidget[Heatmaps]):
    """A grid of heatmaps. A click enlarges one, another click or Esc goes back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.enlarged: int | None = None
        self.mosaic = Mosaic()
        self.mosaic.hovered.connect(self.footer.read)
        self.mosaic.chosen.connect(self.enlarge)
        self.axes = QLabel()
        self.axes.setProperty("role", "faint")
        self.axes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.scale = Scale()
        head = QHBoxLayout()
        head.addWidget(self.axes, 1)
        head.addWidget(self.scale)
        area = scrolled(self.mosaic)
        grid = QWidget()
        inside = QVBoxLayout(grid)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(head)
        inside.addWidget(area, 1)
        inside.addWidget(self.footer)

        self.single = HeatmapWidget()
        self.single.clicked.connect(self.back)
        self.back_button = QToolButton()
        self.back_button.setText(_("‹ All panels"))
        self.back_button.setProperty("role", "flat")
        self.back_button.setToolTip(_("Esc goes back as well"))
        self.back_button.clicked.connect(self.back)
        large = QWidget()
        inside = QVBoxLayout(large)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.back_button)
        inside.addWidget(self.single, 1)

        self.stack = QStackedLayout()
        self.stack.addWidget(grid)
        self.stack.addWidget(large)
        self.body.addLayout(self.stack)

    def draw(self, payload: Heatmaps) -> None:
        """New values in every panel, and in the large one."""
        self.mosaic.show_panels(payload.panels, payload.across)
        self.footer.set_caption(_(payload.caption))
        if payload.panels:
            first = payload.panels[0]
            words = (
                f"{_(first.y_title)} ↓" if first.y_title else "",
                f"{_(first.x_title)} →" if first.x_title else "",
                _("click one to enlarge it"),
            )
            self.axes.setText("  ·  ".join(each for each in words if each))
            self.axes.setToolTip(self.axes.text())
            # Panels with different scales have their own at their titles.
            self.scale.setVisible(len({each.diverging for each in payload.panels}) == 1)
            shared = self.mosaic.shared_range()
            low, high = (number(shared[0]), number(shared[1])) if shared else (_("low"), _("high"))
            title = f"{_(first.value_title)}  " if first.value_title else ""
            self.scale.show_scale(title + low, high, first.diverging)
        if self.enlarged is not None:
            if self.enlarged < len(payload.panels):
                self.single.show_payload(payload.panels[self.enlarged])
            else:
                self.back()

    def enlarge(self, index: int) -> None:
        """Show one panel alone, with axes."""
        assert self.payload is not None
        self.enlarged = index
        self.single.show_payload(self.payload.panels[index])
        self.stack.setCurrentIndex(1)
        self.back_button.setFocus()

    def back(self) -> None:
        """Show all panels again."""
        self.enlarged = None
        self.stack.setCurrentIndex(0)
        self.mosaic.setFocus()

    def event(self, event: QEvent) -> bool:
        """Esc goes back before it is a shortcut of the window."""
        if event.type() == QEvent.Type.ShortcutOverride and self.enlarged is not None:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Esc goes back."""
        if event.key() == Qt.Key.Key_Escape and self.enlarged is not None:
            self.back()
        else:
            super().keyPressEvent(event)

"""Pictures of several kinds beside each other."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.i18n import _
from app.plots.base import PayloadWidget, scrolled
from engine.payloads import Panels

LEAST = 80  # pixels: the height of a line; more lines than fit are scrolled


class _Column(QVBoxLayout):
    """Lines that take the height there is: captions that wrap do not make it a matter of width."""

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Never; a scroll area would give the lines the height that they like best."""
        return False


class PanelsWidget(PayloadWidget[Panels]):
    """One widget for each payload, kept as long as the next payload has the same kinds.

    turned, regenerate: of any of them.
    """

    turned = Signal(dict)
    regenerate = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.children_: list[Any] = []
        self._kinds: tuple[type[Any], ...] = ()
        self._across = 0
        self._reserved: tuple[Panels, ...] = ()
        self._lines: list[QHBoxLayout] = []
        self._inside = QWidget()
        self._column = _Column(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.body.addWidget(scrolled(self._inside), 1)
        self.body.addWidget(self.footer)

    def draw(self, payload: Panels) -> None:
        """New payloads in the same widgets."""
        kinds = tuple(type(each) for each in payload.panels)
        across = max(1, payload.across)
        if kinds != self._kinds or across != self._across:
            self._arrange(kinds, across)
        weights = payload.weights or (1.0,) * len(kinds)
        for index, (child, panel) in enumerate(zip(self.children_, payload.panels, strict=True)):
            line, column = divmod(index, across)
            share = max(1, round(100 * weights[index]))
            self._lines[line].setStretch(column, share)
            if across == 1:
                self._column.setStretch(line, share)
            child.show_payload(panel)
        self.footer.set_caption(_(payload.caption))

    def reserve(self, payloads: tuple[Panels, ...]) -> None:
        """Each widget keeps room for what all of these say in it."""
        super().reserve(payloads)
        self._reserved = payloads
        self._reserve()

    def _reserve(self) -> None:
        for index, child in enumerate(self.children_):
            if isinstance(child, PayloadWidget):
                panels = [each.panels[index] for each in self._reserved if index < len(each.panels)]
                child.reserve(tuple(panels))

    def _arrange(self, kinds: tuple[type[Any], ...], across: int) -> None:
        """Widgets of these kinds in lines; one that there was before is used again."""
        from app.plots import WIDGETS

        spare = list(zip(self._kinds, self.children_, strict=True))
        self.children_ = []
        for line in self._lines:
            while line.takeAt(0) is not None:
                pass
            self._column.removeItem(line)
            line.deleteLater()
        self._lines = []
        for index, kind in enumerate(kinds):
            found = next((pair for pair in spare if pair[0] is kind), None)
            if found is not None:
                spare.remove(found)
            child = self._made(WIDGETS[kind]()) if found is None else found[1]
            if index % across == 0:
                line = QHBoxLayout()
                line.setSpacing(12)
                self._column.addLayout(line, 1)
                self._lines.append(line)
            self._lines[-1].addWidget(child)
            self.children_.append(child)
        for _kind, child in spare:
            child.hide()
            child.deleteLater()
        for child in self.children_:
            child.show()
        self._kinds, self._across = kinds, across
        self._reserve()

    def _made(self, child: Any) -> Any:
        child.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        child.setMinimumHeight(max(LEAST, child.minimumSizeHint().height()))
        if isinstance(child, PayloadWidget):
            child.footer.lend(self.footer)
        if hasattr(child, "turned"):
            child.turned.connect(self.turned)
        if hasattr(child, "regenerate"):
            child.regenerate.connect(self.regenerate)
        return child

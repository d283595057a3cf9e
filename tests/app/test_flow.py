"""The layout that breaks its lines."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QSizePolicy, QWidget
from pytestqt.qtbot import QtBot

from app.flow import Flow


class Box(QWidget):
    """Something of a fixed size."""

    def __init__(self, width: int, height: int = 20, grows: bool = False) -> None:
        super().__init__()
        self._size = QSize(width, height)
        across = QSizePolicy.Policy.Expanding if grows else QSizePolicy.Policy.Fixed
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """The fixed one."""
        return self._size

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """The same."""
        return self._size


def flowing(qtbot: QtBot, width: int, *boxes: Box) -> tuple[QWidget, Flow]:
    outer = QWidget()
    qtbot.addWidget(outer)
    layout = Flow(across=10, down=5)
    for box in boxes:
        layout.addWidget(box)
    outer.setLayout(layout)
    outer.resize(width, 200)
    outer.show()
    return outer, layout


def places(*boxes: Box) -> list[tuple[int, int]]:
    return [(box.x(), box.y()) for box in boxes]


def test_what_fits_is_in_one_line(qtbot: QtBot) -> None:
    boxes = Box(50), Box(50), Box(50)
    _outer, layout = flowing(qtbot, 170, *boxes)
    assert places(*boxes) == [(0, 0), (60, 0), (120, 0)]
    assert layout.heightForWidth(170) == 20


def test_what_does_not_fit_goes_to_the_next_line(qtbot: QtBot) -> None:
    boxes = Box(50), Box(50, 30), Box(50)
    outer, layout = flowing(qtbot, 169, *boxes)
    assert places(*boxes) == [(0, 5), (60, 0), (0, 35)]
    assert layout.heightForWidth(169) == 30 + 5 + 20
    assert outer.minimumSizeHint().width() == 50


def test_what_is_hidden_takes_no_room(qtbot: QtBot) -> None:
    boxes = Box(50), Box(50), Box(50)
    _kept = flowing(qtbot, 170, *boxes)
    boxes[1].hide()
    qtbot.waitUntil(lambda: places(boxes[2]) == [(60, 0)])


def test_what_wants_to_grow_takes_what_is_left(qtbot: QtBot) -> None:
    boxes = Box(50), Box(40, grows=True)
    _kept = flowing(qtbot, 300, *boxes)
    assert boxes[0].width() == 50
    assert boxes[1].width() == 240


def test_what_is_wider_than_the_room_is_cut_to_it(qtbot: QtBot) -> None:
    boxes = Box(30), Box(90)
    outer, layout = flowing(qtbot, 100, *boxes)
    layout.setGeometry(outer.rect().adjusted(0, 0, -40, 0))
    assert boxes[1].width() == 90 or boxes[1].x() == 0
    assert boxes[1].y() > 0


def test_the_middles_of_a_line_align(qtbot: QtBot) -> None:
    low, high, below = Box(50, 20), Box(50, 41), Box(80, 30)
    outer, _layout = flowing(qtbot, 120, low, high, below)
    assert outer.isVisible()
    assert places(low, high, below) == [(0, 10), (60, 0), (0, 46)]

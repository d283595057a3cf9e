"""The pads: what is drawn is what one gets, and nothing else is kept."""

import base64
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.special import pad
from app.special.pad import (
    EXTENT,
    GIVEN,
    PREFIX,
    SIDE,
    DigitPad,
    PointPad,
    as_address,
    free_name,
    picture_at,
    save_points,
)

LEFT = Qt.MouseButton.LeftButton


def drag(widget: QWidget, *places: tuple[int, int]) -> None:
    """Press at the first place, move over the others, release at the last."""
    points = [QPoint(*place) for place in places]
    QTest.mousePress(widget, LEFT, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(widget, point)
        QApplication.processEvents()
    QTest.mouseRelease(widget, LEFT, pos=points[-1])


def grey(image: QImage) -> NDArray[np.uint8]:
    """(height, width) of a picture."""
    image = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : image.width()].copy()


def decoded(address: str) -> NDArray[np.uint8]:
    assert address.startswith(PREFIX)
    image = QImage.fromData(base64.b64decode(address.removeprefix(PREFIX)), "PNG")  # type: ignore[arg-type]
    assert not image.isNull()
    return grey(image)


@pytest.fixture
def digit(qtbot: QtBot) -> DigitPad:
    dialog = DigitPad()
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


@pytest.fixture
def points(qtbot: QtBot, tmp_path: Path) -> PointPad:
    dialog = PointPad(tmp_path / "drawings")
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


# --- a picture


def test_a_stroke_is_white_where_it_went_and_black_elsewhere(digit: DigitPad) -> None:
    drag(digit.canvas, (140, 40), (140, 140), (140, 240))
    picture = decoded(digit.address())
    assert picture.shape == (GIVEN, GIVEN)
    scale = GIVEN / SIDE
    middle = picture[:, round(140 * scale)]
    assert (middle[round(50 * scale) : round(230 * scale)] > 240).all()
    assert (picture[:, : round(110 * scale)] == 0).all()
    assert (picture[:, round(170 * scale) :] == 0).all()
    edge = picture[round(140 * scale)]
    assert ((edge > 0) & (edge < 240)).sum() >= 4  # soft on both sides


def test_crossing_strokes_do_not_darken_each_other(digit: DigitPad) -> None:
    drag(digit.canvas, (140, 40), (140, 240))
    before = grey(digit.canvas.image)
    drag(digit.canvas, (40, 140), (240, 140))
    assert (grey(digit.canvas.image) >= before).all()


def test_undo_takes_one_stroke_back_and_clear_all(qtbot: QtBot, digit: DigitPad) -> None:
    assert not digit.use_button.isEnabled()
    assert digit.address() == ""
    drag(digit.canvas, (60, 60), (60, 220))
    one = digit.address()
    drag(digit.canvas, (200, 60), (200, 220))
    assert digit.address() != one
    with qtbot.waitActive(digit):
        digit.activateWindow()
    QTest.keyClick(digit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert digit.address() == one
    digit.clear_button.click()
    assert digit.address() == ""
    assert not digit.use_button.isEnabled()


def test_a_finger_draws_too(qtbot: QtBot, digit: DigitPad) -> None:
    screen = QTest.createTouchDevice()
    canvas = digit.canvas
    QTest.touchEvent(canvas, screen).press(0, QPoint(100, 140), canvas).commit()
    QTest.touchEvent(canvas, screen).move(0, QPoint(180, 140), canvas).commit()
    QTest.touchEvent(canvas, screen).release(0, QPoint(180, 140), canvas).commit()
    qtbot.waitUntil(lambda: not canvas.blank)
    assert grey(canvas.image)[140, 140] == 255


def test_an_earlier_drawing_is_gone_on_with(qtbot: QtBot, digit: DigitPad) -> None:
    drag(digit.canvas, (60, 60), (60, 220))
    again = DigitPad(digit.address())
    qtbot.addWidget(again)
    first = decoded(digit.address()).astype(int)
    assert abs(decoded(again.address()).astype(int) - first).mean() < 4
    drag(again.canvas, (200, 60), (200, 220))
    assert decoded(again.address())[56, 80] > 240
    assert decoded(again.address())[56, 24] > 200
    again.clear_button.click()
    assert again.address() == ""


@pytest.mark.parametrize("key", ["Escape", "Return"])
def test_ask_gives_the_drawing_or_with_escape_nothing(qtbot: QtBot, key: str) -> None:
    seen: list[str] = []

    def draw() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, DigitPad)
        drag(dialog.canvas, (60, 60), (60, 220))
        seen.append(dialog.address())
        QTest.keyClick(dialog, getattr(Qt.Key, f"Key_{key}"))

    QTimer.singleShot(100, draw)
    assert DigitPad.ask(None) == (seen[0] if key == "Return" else "")


# --- addresses


def test_an_address_is_read_back_to_the_same_pixels() -> None:
    image = QImage(7, 5, QImage.Format.Format_RGB32)
    image.fill(QColor(10, 20, 30))
    image.setPixelColor(3, 2, QColor(200, 100, 0))
    back = picture_at(as_address(image))
    assert (back.width(), back.height()) == (7, 5)
    assert back.pixelColor(3, 2) == QColor(200, 100, 0)
    assert back.pixelColor(0, 0) == QColor(10, 20, 30)


def test_a_large_file_is_read_small_and_a_bad_one_not_at_all(tmp_path: Path) -> None:
    image = QImage(3000, 1500, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    assert image.save(str(tmp_path / "large.png"))
    assert picture_at(str(tmp_path / "large.png"), 64).size().toTuple() == (64, 32)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    for bad in ("", str(tmp_path / "bad.png"), "/no/where.png", "data:image/png;base64,%%%"):
        assert picture_at(bad).isNull()


# --- points


def place(canvas: QWidget, x: float, y: float) -> tuple[int, int]:
    """The pixel of a place in the plane."""
    pixel: QPointF = canvas._pixel(x, y)  # type: ignore[attr-defined]
    return round(pixel.x()), round(pixel.y())


def test_a_click_is_a_point_exactly_there_in_the_chosen_class(points: PointPad) -> None:
    canvas = points.canvas
    drag(canvas, place(canvas, 1.0, 2.0))
    points.kinds.button(3).click()
    drag(canvas, place(canvas, -2.0, -1.0))
    assert points.points() == pytest.approx(np.array([[1, 2, 1], [-2, -1, 3]]), abs=0.02)


def test_a_spray_scatters_evenly_about_the_way(points: PointPad) -> None:
    canvas = points.canvas
    points.spray.setValue(20)
    stops = [place(canvas, x, 0.5) for x in np.linspace(-2, 2, 30)]
    drag(canvas, *stops)
    found = points.points()
    assert 60 <= len(found) <= 90  # one for each twentieth of the plane's unit
    assert found[:, 1].mean() == pytest.approx(0.5, abs=0.1)
    assert found[1:, 1].std() == pytest.approx(0.2, rel=0.35)
    slow = len(found)
    points.clear_button.click()
    drag(canvas, stops[0], stops[-1])
    assert len(points.points()) == pytest.approx(slow, abs=4)  # however fast the hand


def test_nothing_is_outside_the_plane(points: PointPad) -> None:
    canvas = points.canvas
    points.spray.setValue(60)
    drag(canvas, *(place(canvas, 2.9, y) for y in np.linspace(-2.9, 2.9, 20)))
    assert len(points.points())
    assert np.abs(points.points()[:, :2]).max() <= EXTENT


def test_undo_takes_back_the_newest_stroke(points: PointPad) -> None:
    canvas = points.canvas
    drag(canvas, place(canvas, 0.0, 0.0))
    drag(canvas, place(canvas, 1.0, 1.0), place(canvas, 2.0, 1.0))
    assert len(points.points()) > 5
    points.undo_button.click()
    assert len(points.points()) == 1
    assert "1 point" in points.count.text()
    points.undo_button.click()
    assert points.points().shape == (0, 3)
    assert not points.use_button.isEnabled()


def test_what_is_saved_is_what_was_drawn_and_no_file_is_replaced(tmp_path: Path) -> None:
    drawn = np.array([[0.5, -1.25, 1], [2.0, 0.0, 3]])
    first = save_points(drawn, tmp_path / "new", "moon")
    second = save_points(drawn[:1], tmp_path / "new", "moon")
    assert first.name == "moon.csv"
    assert second.name == "moon 2.csv"
    with first.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x", "y", "class"]
    assert np.array(rows[1:], float) == pytest.approx(drawn)
    assert rows[1][2] == "1"
    assert free_name(tmp_path / "new", "moon") == "moon 3"
    assert save_points(drawn, tmp_path, "../a/b:c").parent == tmp_path
    assert save_points(drawn, tmp_path, "  ").name == "drawing.csv"


def test_ask_gives_the_path_and_escape_writes_nothing(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pad, "drawings", lambda: tmp_path / "drawings")

    def draw(finish: Any) -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, PointPad)
        drag(dialog.canvas, (100, 100), (200, 200))
        finish(dialog)

    QTimer.singleShot(100, lambda: draw(lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape)))
    assert PointPad.ask(None) == ""
    assert not (tmp_path / "drawings").exists()
    QTimer.singleShot(100, lambda: draw(lambda dialog: dialog.use_button.click()))
    path = PointPad.ask(None)
    assert path == str(tmp_path / "drawings" / "drawing.csv")
    assert Path(path).read_text("utf-8").startswith("x,y,class\n")


def test_a_disk_that_takes_nothing_is_told_and_the_drawing_stays(
    points: PointPad, tmp_path: Path
) -> None:
    (tmp_path / "drawings").write_text("a file where the folder should be")
    drag(points.canvas, (100, 100), (200, 200))
    drawn = points.points()
    points.use_button.click()
    assert points.isVisible()
    assert points.problem.isVisible()
    assert "drawings" in points.problem.text()
    assert (points.points() == drawn).all()

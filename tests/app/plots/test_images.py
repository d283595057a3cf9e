"""A wall of pictures: what is painted where, what is read out, and what a click picks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu
from pytestqt.qtbot import QtBot

from app.plots import ImagesWidget
from app.plots.images import LEAST, composed, image_from, layout_of, whole
from app.theme import theme
from engine.payloads import Images
from tests.app.plots.screen import colour_at, move, shown

LEFT = Qt.MouseButton.LeftButton


def plain(count: int, side: int = 8, **more: Any) -> Images:
    """Picture i is all of one grey: 10 i."""
    pixels = np.empty((count, side, side, 1), np.uint8)
    pixels[:] = 10 * np.arange(count)[:, None, None, None]
    return Images(pixels, **more)


def wall_of(qtbot: QtBot, images: Images, width: int = 640, height: int = 420) -> Any:
    widget = shown(qtbot, ImagesWidget(), width, height)
    widget.show_payload(images)
    QApplication.processEvents()
    return widget


def click(qtbot: QtBot, widget: ImagesWidget, index: int) -> None:
    centre = widget.wall.place(index).center().toPoint()
    QTest.mouseClick(widget.wall, LEFT, pos=centre)


@pytest.mark.parametrize("gap", [True, False])
@pytest.mark.parametrize("count", [1, 5, 12, 64])
def test_every_tile_has_its_colour_at_its_place(qtbot: QtBot, count: int, gap: bool) -> None:
    pixels = np.empty((count, 8, 8, 1), np.uint8)
    pixels[:] = 4 * np.arange(count)[:, None, None, None]
    widget = wall_of(qtbot, Images(pixels, gap=gap))
    widget.wall.clearFocus()
    shot = widget.wall.grab().toImage()
    for index in range(count):
        centre = widget.wall.place(index).center().toPoint()
        assert shot.pixelColor(centre).red() == 4 * index


def test_every_pixel_is_a_square_of_one_colour(qtbot: QtBot) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 5, 7, 3)).astype(np.uint8)
    widget = wall_of(qtbot, Images(pixels))
    widget.wall.clearFocus()
    layout = widget.wall.layout_
    scale = int(layout.scale)
    assert layout.scale == scale > 10
    shot = widget.wall.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    for index in range(3):
        place = widget.wall.place(index).toRect()
        tile = shot.copy(place).convertToFormat(QImage.Format.Format_RGB32)
        painted = np.frombuffer(tile.constBits(), np.uint8).reshape(5 * scale, 7 * scale, 4)
        enlarged = pixels[index].repeat(scale, 0).repeat(scale, 1)
        np.testing.assert_array_equal(painted[..., 2::-1], enlarged)


def test_tiles_are_as_large_as_there_is_room_for() -> None:
    images = Images(np.zeros((12, 28, 28, 1), np.uint8))
    best = layout_of(images, (600, 300))
    for across in range(1, 13):
        lines = -(-12 // across)
        fits = min((600 - 6 * (across - 1)) / across, (300 - 6 * (lines - 1)) / lines)
        assert best.scale >= fits // 28
    wide, high = best.size(12)
    assert wide <= 600
    assert high <= 300
    fixed = layout_of(replace(images, across=3), (600, 300))
    assert fixed.across == 3
    assert fixed.scale == 2.5  # (300 - 3 * 6) / 4 / 28 = 2.52


def test_a_scale_is_whole_where_that_loses_little() -> None:
    assert whole(0.7) == 0.7
    assert whole(1.1) == 1
    assert whole(1.7) == 1.625
    assert whole(4.6) == 4
    assert all(whole(each / 10) >= 0.86 * each / 10 for each in range(10, 100))


def test_a_scale_that_is_not_whole_keeps_the_edges_of_pixels(qtbot: QtBot) -> None:
    pixels = np.zeros((1, 2, 2, 1), np.uint8)
    pixels[0, 0, 0] = pixels[0, 1, 1] = 255
    widget = wall_of(qtbot, Images(pixels))
    widget.wall.layout_ = widget.wall.layout_._replace(scale=30.5, width=61.0, height=61.0)
    widget.wall._atlas = image_from(pixels[0].repeat(4, 0).repeat(4, 1))
    shot = widget.wall.grab().toImage()
    place = widget.wall.place(0)
    inside = [(0.2, 0.2, 255), (0.8, 0.2, 0), (0.2, 0.8, 0), (0.8, 0.8, 255)]
    for x, y, wanted in inside:
        at = place.topLeft() + QPointF(x * place.width(), y * place.height())
        assert shot.pixelColor(at.toPoint()).red() == wanted


def test_lines_that_are_too_long_are_broken() -> None:
    images = Images(np.zeros((40, 28, 28, 1), np.uint8), across=20)
    assert layout_of(images, (800, 300)).across == 20
    broken = layout_of(images, (480, 300))
    assert broken.across == 10
    assert broken.width >= LEAST
    assert layout_of(replace(images, gap=False), (480, 300)).across == 20, "one picture together"


def test_on_a_fine_screen_a_pixel_is_a_whole_number_of_its_pixels() -> None:
    images = Images(np.zeros((1, 28, 28, 1), np.uint8))
    assert layout_of(images, (90, 90)).scale == 3
    assert layout_of(images, (100, 100), ratio=2.0).scale == 3.5
    assert layout_of(images, (100, 100), ratio=1.5).scale * 1.5 == 5


def test_only_what_would_be_too_small_is_scrolled(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(20, 28), 300, 200)
    assert not widget.area.verticalScrollBar().isVisible()
    widget.show_payload(plain(250, 28))
    QApplication.processEvents()
    assert widget.area.verticalScrollBar().isVisible()
    layout = widget.wall.layout_
    assert layout.width >= LEAST
    assert layout.size(250)[0] <= widget.area.viewport().width()
    widget.resize(1200, 900)
    QApplication.processEvents()
    assert not widget.area.verticalScrollBar().isVisible()


def test_a_picture_larger_than_the_room_is_made_smaller(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, Images(np.full((1, 900, 900, 3), 77, np.uint8)), 300, 300)
    place = widget.wall.place(0)
    assert place.width() <= 300
    assert place.height() <= 300
    assert colour_at(widget.wall, place.center().x(), place.center().y()) == (77, 77, 77)


def test_rows_and_columns_are_put_together() -> None:
    pixels = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)
    whole = composed(pixels, 2)[..., 0]
    np.testing.assert_array_equal(whole[:2], [[0, 1, 4, 5], [2, 3, 6, 7]])
    np.testing.assert_array_equal(whole[2:], [[8, 9, 0, 0], [10, 11, 0, 0]])


def test_hovering_reads_out(qtbot: QtBot) -> None:
    images = plain(6, labels=tuple(f"seed {i}" for i in range(6)), across=3, caption="six")
    widget = wall_of(qtbot, images)
    move(widget.wall, widget.wall.place(5).center().toPoint())
    assert widget.footer.readout == "seed 5 · row 2, column 3"
    accent = theme().palette.accent
    corner = widget.wall.place(5).topLeft().toPoint() - QPoint(1, 1)
    assert widget.wall.grab().toImage().pixelColor(corner).name() == accent
    move(widget.wall, QPoint(1, 1))
    assert widget.footer.readout == ""
    widget.show_payload(plain(6, across=3))
    move(widget.wall, widget.wall.place(1).center().toPoint())
    assert widget.footer.readout == "row 1, column 2"


def test_labels_stand_below_where_there_is_room(qtbot: QtBot) -> None:
    def ink(widget: ImagesWidget) -> int:
        place = widget.wall.place(0)
        below = place.adjusted(0, place.height() + 1, 0, 14).toRect()
        shot = widget.wall.grab(below).toImage()
        rows, columns = range(shot.height()), range(shot.width())
        return sum(shot.pixelColor(x, y).lightness() < 180 for y in rows for x in columns)

    labels = tuple("seed" for _ in range(6))
    widget = wall_of(qtbot, plain(6, labels=labels, across=6))
    widget.wall.clearFocus()
    assert widget.wall.layout_.label > 8
    assert ink(widget) > 10
    widget.show_payload(plain(6, across=6))
    assert widget.wall.layout_.label == 0
    assert ink(widget) == 0
    long = tuple("a label that is far too long for this" for _ in range(6))
    widget.show_payload(plain(6, labels=long, across=6))
    assert widget.wall.layout_.label > 0, "cut off, but to be read"
    widget.resize(260, 300)
    qtbot.waitUntil(lambda: widget.wall.layout_.label == 0)
    move(widget.wall, widget.wall.place(1).center().toPoint())
    assert widget.footer.readout == f"{long[1]} · row 1, column 2"
    narrow = plain(3, 16, labels=labels[:3], across=1)
    assert layout_of(narrow, (18, 400), 14).label == 0
    assert layout_of(narrow, (36, 400), 14).label == 14


def test_clicks_pick_and_take_back(qtbot: QtBot) -> None:
    images = plain(4, numbers=(7, 8, 9, 10), picks=("seeds",), picked=((9,),))
    widget = wall_of(qtbot, images)
    assert not widget.groups.isVisible()
    told: list[dict[str, Any]] = []
    widget.turned.connect(told.append)
    with qtbot.waitSignal(widget.turned):
        click(qtbot, widget, 0)
    assert told == [{"seeds": (9, 7)}]
    with qtbot.waitSignal(widget.turned):
        click(qtbot, widget, 2)
    assert told[-1] == {"seeds": (7,)}
    # A late payload with the first click alone does not undo the second.
    widget.show_payload(replace(images, picked=((9, 7),)))
    with qtbot.waitSignal(widget.turned):
        click(qtbot, widget, 3)
    assert told[-1] == {"seeds": (7, 10)}


def test_picked_tiles_have_a_frame_and_a_letter(qtbot: QtBot) -> None:
    images = plain(4, 28, picks=("a", "b"), picked=((0,), (1,)), pick_titles=("with", "without"))
    widget = wall_of(qtbot, images)
    widget.wall.clearFocus()
    assert widget.groups.isVisible()
    assert [each.text() for each in widget.buttons.buttons()] == ["A  with", "B  without"]

    def frame(index: int) -> str:
        corner = widget.wall.place(index).bottomLeft()
        shot = widget.wall.grab().toImage()
        return str(shot.pixelColor(int(corner.x()) - 1, int(corner.y()) - 3).name())

    series = theme().palette.series
    assert (frame(0), frame(1)) == (series[1], series[2])
    assert frame(2) not in series
    assert widget.wall.words(1).endswith(" · B")


def test_one_chooses_which_group_is_picked_for(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(4, picks=("group_a", "group_b"), picked=((), ())))
    assert [each.text() for each in widget.buttons.buttons()] == ["A  group a", "B  group b"]
    told: list[dict[str, Any]] = []
    widget.turned.connect(told.append)
    QTest.mouseClick(widget.buttons.button(1), LEFT)
    click(qtbot, widget, 2)
    qtbot.waitUntil(lambda: told == [{"group_b": (2,)}])
    widget.show_payload(plain(4, picks=("group_a", "group_b"), picked=((), (2,))))
    assert widget.buttons.button(1).isChecked(), "the choice stays"


def test_a_single_pick_sets_a_number(qtbot: QtBot) -> None:
    images = plain(3, numbers=(5, 6, 7), picks=("index",), picked=((5,),), single=("index",))
    widget = wall_of(qtbot, images)
    with qtbot.waitSignal(widget.turned) as told:
        click(qtbot, widget, 2)
    assert told.args == [{"index": 7}]
    assert widget.wall.picked[0][2] == {7}
    widget.show_payload(images)
    assert widget.wall.picked[0][2] == {7}, "it comes late"
    widget.show_payload(replace(images, picked=((7,),)))
    widget.show_payload(replace(images, picked=((),)))
    assert widget.wall.picked[0][2] == frozenset()


def test_a_group_and_a_single_number_beside_each_other(qtbot: QtBot) -> None:
    images = plain(4, picks=("group", "target"), picked=((0, 1), (2,)), single=("target",))
    widget = wall_of(qtbot, images)
    with qtbot.waitSignal(widget.turned) as told:
        click(qtbot, widget, 3)
    assert told.args == [{"group": (0, 1, 3)}]
    QTest.mouseClick(widget.buttons.button(1), LEFT)
    with qtbot.waitSignal(widget.turned) as told:
        click(qtbot, widget, 0)
    assert told.args == [{"target": 0}]
    assert [numbers for _letter, _colour, numbers in widget.wall.picked] == [{0, 1, 3}, {0}]


def test_without_picks_a_click_tells_the_number(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(3, numbers=(5, 6, 7)))
    with qtbot.assertNotEmitted(widget.turned), qtbot.waitSignal(widget.chosen) as told:
        click(qtbot, widget, 1)
    assert told.args == [6]
    with qtbot.assertNotEmitted(widget.chosen):
        start, end = (widget.wall.place(i).center().toPoint() for i in (0, 1))
        QTest.mousePress(widget.wall, LEFT, pos=start)
        QTest.mouseRelease(widget.wall, LEFT, pos=end)


def test_the_keyboard_does_all_of_it(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(6, across=3, picks=("p",), picked=((),)))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down):
        QTest.keyClick(widget.wall, key)
    assert widget.wall.current == 4
    assert widget.footer.readout == "row 2, column 2"
    with qtbot.waitSignal(widget.turned) as told:
        QTest.keyClick(widget.wall, Qt.Key.Key_Space)
    assert told.args == [{"p": (4,)}]


def test_the_keyboard_scrolls_along(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(250, 28), 300, 200)
    for _ in range(30):
        QTest.keyClick(widget.wall, Qt.Key.Key_Down)
    place = widget.wall.place(widget.wall.current).toRect()
    assert widget.area.verticalScrollBar().value() > 0
    assert widget.wall.visibleRegion().contains(place)


def test_a_picture_can_be_taken_along(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (2, 6, 5, 3)).astype(np.uint8)
    widget = wall_of(qtbot, Images(pixels))
    copy, save = widget.menu_of(1).actions()
    copy.trigger()
    copied = QGuiApplication.clipboard().image()
    assert (copied.width(), copied.height()) == (5, 6)
    path = tmp_path / "one.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    save.trigger()
    read = QImage(str(path))
    for image in (copied, read):
        colour = image.pixelColor(3, 4)
        assert [colour.red(), colour.green(), colour.blue()] == pixels[1, 4, 3].tolist()
    assert not widget.message.isVisible()
    path = tmp_path / "no" / "one.png"
    save.trigger()
    assert str(path) in widget.message.text()
    assert widget.message.isVisible()


def test_the_right_button_opens_the_menu_of_the_tile_under_it(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = wall_of(qtbot, plain(4))
    opened: list[int] = []
    monkeypatch.setattr(QMenu, "popup", lambda _menu, _where: None)
    widget.wall.asked.connect(lambda index, _where: opened.append(index))
    reasons = QContextMenuEvent.Reason
    for reason, point in (
        (reasons.Mouse, widget.wall.place(2).center().toPoint()),
        (reasons.Mouse, QPoint(0, 0)),
        (reasons.Keyboard, QPoint(0, 0)),
    ):
        event = QContextMenuEvent(reason, point, widget.wall.mapToGlobal(point))
        QApplication.sendEvent(widget.wall, event)
    assert opened == [2, 0], "by the keyboard it is that of the current tile"


def test_no_pictures_are_no_trouble(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(0, caption="none"))
    move(widget.wall, QPoint(20, 20))
    QTest.mouseClick(widget.wall, LEFT, pos=QPoint(20, 20))
    QTest.keyClick(widget.wall, Qt.Key.Key_Space)
    widget.show_payload(plain(3))
    widget.show_payload(plain(1))
    widget.grab()


def test_a_caption_of_more_lines_leaves_less_room(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(1, 4), 300, 200)
    before = widget.wall.place(0).height()
    widget.show_payload(plain(1, 4, caption="many words " * 30))
    qtbot.waitUntil(lambda: widget.wall.place(0).height() < before - 20)
    assert widget.wall.place(0).bottom() <= widget.area.height()
    assert not widget.area.verticalScrollBar().isVisible()
    widget.show_payload(plain(1, 4))
    qtbot.waitUntil(lambda: widget.wall.place(0).height() == before)


def test_the_theme_changes_what_is_around_the_pictures(qtbot: QtBot) -> None:
    widget = wall_of(qtbot, plain(2, 28, picks=("a",), picked=((1,),)))
    widget.wall.clearFocus()

    def frame() -> str:
        corner = widget.wall.place(1).bottomLeft().toPoint()
        shot = widget.wall.grab().toImage()
        return str(shot.pixelColor(corner.x() - 1, corner.y() - 3).name())

    light = frame()
    assert light == theme().palette.series[1]
    theme().use("dark")
    assert frame() == theme().palette.series[1] != light

"""Frames one after the other: the slider, the button, and what stays in place."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots import FilmWidget, ImagesWidget, PanelsWidget, PlaneWidget
from engine.payloads import Film, Handle, Images, Panels, Plane
from tests.app.plots.screen import colour_at, shown

LEFT = Qt.MouseButton.LeftButton


def frame(grey: int, caption: str = "") -> Images:
    return Images(np.full((4, 8, 8, 1), grey, np.uint8), caption=caption)


def film(count: int, first: int = 0, **more: Any) -> Film:
    names = tuple(f"t = {i}" for i in range(count))
    return Film(tuple(frame(first + 20 * i) for i in range(count)), names, **more)


def film_of(qtbot: QtBot, payload: Film) -> Any:
    widget = shown(qtbot, FilmWidget(), 500, 400)
    widget.show_payload(payload)
    QApplication.processEvents()
    return widget


def kind_of(widget: FilmWidget) -> type[Any]:
    return type(widget.child)


def painted(widget: FilmWidget) -> int:
    wall = widget.child.wall
    centre = wall.place(2).center()
    return colour_at(wall, centre.x(), centre.y())[0]


def test_the_slider_goes_through_the_frames(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(5))
    assert widget.slider.value() == 4, "the last one first"
    assert painted(widget) == 80
    assert widget.name.text() == "t = 4"
    widget.slider.setValue(1)
    assert painted(widget) == 20
    QTest.keyClick(widget.slider, Qt.Key.Key_Right)
    QTest.keyClick(widget, Qt.Key.Key_Right)
    assert painted(widget) == 60
    QTest.keyClick(widget, Qt.Key.Key_Left)
    assert widget.name.text() == "t = 2"


def test_the_place_is_kept_while_the_length_is(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(5, start=0))
    assert painted(widget) == 0
    widget.slider.setValue(2)
    widget.show_payload(film(5, first=7, start=0))
    assert painted(widget) == 47
    widget.show_payload(film(3, start=1))
    assert widget.slider.value() == 1
    assert widget.slider.maximum() == 2


def test_it_plays_round_and_round_and_stops_when_it_is_hidden(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(3, seconds=0.02))
    seen: list[int] = []
    widget.slider.valueChanged.connect(seen.append)
    QTest.mouseClick(widget.button, LEFT)
    assert widget.playing
    assert widget.button.accessibleName() == "Pause"
    qtbot.waitUntil(lambda: len(seen) >= 5)
    assert seen[:5] == [0, 1, 2, 0, 1]
    QTest.mouseClick(widget.button, LEFT)
    assert not widget.playing
    QTest.mouseClick(widget.button, LEFT)
    widget.hide()
    assert not widget.playing


def test_pictures_keep_their_size_from_frame_to_frame(qtbot: QtBot) -> None:
    long = "a caption that is so long that it takes three lines at the least, " * 3
    frames = (frame(10), frame(20, long), frame(30, "short"))
    widget = film_of(qtbot, Film(frames, ("first", "the second of them", "")))
    sizes = []
    for at in range(3):
        widget.slider.setValue(at)
        QApplication.processEvents()
        sizes.append((widget.child.wall.layout_, widget.child.wall.place(3), widget.name.width()))
    assert sizes[0] == sizes[1] == sizes[2]
    assert widget.child.footer.height() > 2 * widget.fontMetrics().height()


def test_so_do_pictures_beside_each_other(qtbot: QtBot) -> None:
    long = "a caption that is so long that it takes two lines at the least, " * 2
    frames = tuple(Panels((frame(10), frame(20, words))) for words in ("", long, "short"))
    widget = film_of(qtbot, Film(frames, ("a", "b", "c")))
    places = []
    for at in range(3):
        widget.slider.setValue(at)
        QApplication.processEvents()
        places.append([each.wall.place(3) for each in widget.child.children_])
    assert places[0] == places[1] == places[2]


def test_one_frame_cannot_be_played(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(1))
    assert not widget.slider.isEnabled()
    assert not widget.button.isEnabled()
    widget.show_payload(film(3))
    QTest.mouseClick(widget.button, LEFT)
    widget.show_payload(film(1))
    assert not widget.playing
    widget.show_payload(Film((), ()))
    widget.grab()


def test_frames_of_another_kind_have_another_widget(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(2))
    assert kind_of(widget) is ImagesWidget
    ringed = Plane((-1.0, 1.0, -1.0, 1.0), handles=(Handle("", 0.0, 0.0, "x", "y"),))
    widget.show_payload(Film((ringed, ringed), ("a", "b")))
    assert kind_of(widget) is PlaneWidget
    QApplication.processEvents()
    with qtbot.waitSignal(widget.turned) as told:
        place = widget.child.pixel_of(0.5, -0.5).toPoint()
        QTest.mouseClick(widget.child.view.viewport(), LEFT, pos=place)
    assert told.args[0] == pytest.approx({"x": 0.5, "y": -0.5}, abs=0.02)
    both = Panels((frame(3), ringed))
    widget.show_payload(Film((both, both), ("a", "b")))
    assert kind_of(widget) is PanelsWidget


def test_a_hidden_film_shows_the_newest_when_it_is_seen(qtbot: QtBot) -> None:
    widget = film_of(qtbot, film(3))
    widget.hide()
    widget.show_payload(film(3, first=100))
    assert widget.child.payload.pixels[0, 0, 0, 0] == 40
    widget.show()
    assert painted(widget) == 140

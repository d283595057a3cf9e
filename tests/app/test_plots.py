"""Pictures: what is read out under the mouse, what is drawn and what is not."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app import plots
from app.plots import (
    WIDGETS,
    BarsWidget,
    CurveWidget,
    HeatmapsWidget,
    HeatmapWidget,
    LabelAxis,
    LossCurves,
    SoundWidget,
    TextWidget,
    colour_range,
    indexed,
    nice_step,
    smoothed,
)
from app.theme import theme
from engine.payloads import PAYLOADS, Bars, Curve, Heatmap, Heatmaps, Line, Sound, Text

ATTENTION = Heatmap(
    np.array([[1.0, 0.0, 0.0], [0.17, 0.83, 0.0]], np.float32),
    title="layer 1 head 2",
    x_title="key",
    y_title="query",
    value_title="attention",
    rows=("q", " "),
    columns=("u", "\n", "end"),
    low=0.0,
    high=1.0,
)


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> None:
    theme().use("light")


def shown(qtbot: QtBot, widget: QWidget, width: int = 640, height: int = 420) -> Any:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def move(widget: QWidget, point: QPoint) -> None:
    """The mouse over a place of `widget`."""
    none = Qt.MouseButton.NoButton
    position = QPointF(point)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        position,
        QPointF(widget.mapToGlobal(point)),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def brightness(widget: QWidget) -> float:
    """The mean of all its pixels, from 0 to 255."""
    QApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(-1, 4)
    return float(pixels[:, :3].mean())


def test_every_payload_has_a_widget() -> None:
    assert set(WIDGETS) == set(PAYLOADS)


@pytest.mark.parametrize("index", range(8))
def test_every_example_is_drawn_in_both_themes(qtbot: QtBot, index: int) -> None:
    payloads, curves = plots.examples()
    qtbot.addWidget(curves)
    payload = payloads[index]
    widget = shown(qtbot, WIDGETS[type(payload)]())
    widget.show_payload(payload)
    light = brightness(widget)
    theme().use("dark")
    assert brightness(widget) < light - 40
    theme().use("light")
    assert brightness(widget) == pytest.approx(light, abs=2)


def test_numbers_on_axes_keep_their_scale_when_the_theme_changes(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(replace(ATTENTION, high=1e-4))
    for choice in ("dark", "light"):
        theme().use(choice)
        QApplication.processEvents()
        assert widget.bar.getAxis("right").autoSIPrefixScale == 1


@pytest.mark.parametrize("kind", [TextWidget, HeatmapWidget, HeatmapsWidget, CurveWidget])
def test_hidden_widgets_draw_the_newest_when_seen(
    qtbot: QtBot, kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = {
        TextWidget: (Text("one"), Text("two")),
        HeatmapWidget: (ATTENTION, replace(ATTENTION, title="other")),
        HeatmapsWidget: (Heatmaps((ATTENTION,)), Heatmaps((ATTENTION, ATTENTION))),
        CurveWidget: (Curve((), "x", "y"), Curve((), "x", "z")),
    }[kind]
    drawn: list[Any] = []
    draw = kind.draw

    def watched(self: Any, payload: Any) -> None:
        drawn.append(payload)
        draw(self, payload)

    monkeypatch.setattr(kind, "draw", watched)
    widget = kind()
    widget.show_payload(first)
    widget.show_payload(second)
    assert drawn == []
    shown(qtbot, widget)
    assert drawn == [second]
    widget.hide()
    widget.show_payload(first)
    assert drawn == [second]
    widget.show()
    assert drawn == [second, first]
    widget.hide()
    widget.show()
    assert drawn == [second, first]


def test_text_stays_where_it_was_scrolled_to(qtbot: QtBot) -> None:
    widget = shown(qtbot, TextWidget())
    widget.show_payload(Text("line\n" * 200, caption="a sample"))
    widget.view.verticalScrollBar().setValue(50)
    widget.show_payload(Text("line\n" * 300))
    assert widget.view.verticalScrollBar().value() == 50
    assert widget.view.toPlainText().count("line") == 300
    assert widget.view.isReadOnly()


def test_heatmap_reads_out_labels_and_value(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    expected = "layer 1 head 2: query '␣', key '↵': attention 0.83"
    assert widget.read_at(1.5, 1.5) == expected
    assert widget.read_at(2.5, 0.5) == "layer 1 head 2: query 'q', key end: attention 0"
    assert widget.read_at(3.5, 0.5) == widget.read_at(-0.5, 0.5) == ""
    box = widget.plot.getViewBox()
    QApplication.processEvents()
    place = widget.view.mapFromScene(box.mapViewToScene(QPointF(1.5, 1.5)))
    move(widget.view.viewport(), place)
    assert widget.footer.readout == expected
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
    assert widget.footer.readout == ""


def test_row_zero_is_at_the_top(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    QApplication.processEvents()
    box = widget.plot.getViewBox()
    top, bottom = (box.mapViewToScene(QPointF(0.5, row + 0.5)).y() for row in (0, 1))
    assert top < bottom


def test_zoom_stays_while_values_change_and_a_reset_shows_all(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapWidget())
    widget.show_payload(ATTENTION)
    box = widget.plot.getViewBox()
    box.setRange(xRange=(0, 1), yRange=(0, 1), padding=0)
    widget.show_payload(replace(ATTENTION, values=ATTENTION.values[::-1]))
    assert box.viewRange() == [[0, 1], [0, 1]]
    widget.reset_zoom()
    assert box.viewRange() == [[0, 3], [0, 2]]
    box.setRange(xRange=(0, 1), padding=0)
    widget.show_payload(replace(ATTENTION, values=np.zeros((5, 7), np.float32)))
    assert box.viewRange() == [[0, 7], [0, 5]]


def test_colour_ranges() -> None:
    signed = replace(ATTENTION, values=np.array([[-3.0, 1.0]], np.float32), low=None, high=None)
    assert colour_range(signed) == (-3.0, 1.0)
    assert colour_range(replace(signed, diverging=True)) == (-3.0, 3.0)
    low, high = colour_range(replace(signed, values=np.full((2, 2), 0.5, np.float32)))
    assert low < 0.5 < high
    low, high = colour_range(replace(signed, values=np.full((1, 1), np.nan, np.float32)))
    assert low < high


def test_indexed_images() -> None:
    values = np.array([[0.0, 0.5, 1.0, 9.0, -9.0, np.nan, np.inf]], np.float32)
    assert indexed(values, 0.0, 1.0).tolist() == [[1, 128, 255, 255, 1, 0, 255]]


def test_labels_stand_at_every_cell_or_every_nth(qtbot: QtBot) -> None:
    axis = LabelAxis("bottom")
    axis.set_labels(tuple("abcdefghij"), 10)
    ((step, places),) = axis.tickValues(0, 10, 400)
    assert step == 1
    assert axis.tickStrings(places, 1, 1) == list("abcdefghij")
    ((step, places),) = axis.tickValues(0, 10, 60)
    assert axis.tickStrings(places, 1, step) == ["a", "c", "e", "g", "i"]
    ((_step, places),) = axis.tickValues(10, 0, 60)
    assert places == [0.5, 2.5, 4.5, 6.5, 8.5]
    axis.set_labels((" ", "\n"), 2)
    assert axis.tickStrings([0.5, 1.5], 1, 1) == ["␣", "↵"]


def test_nice_steps() -> None:
    assert [nice_step(x) for x in (0.3, 1, 1.5, 3, 5.1, 11, 21, 60, 150)] == [
        1, 1, 2, 5, 10, 20, 50, 100, 200,
    ]  # fmt: skip


def test_a_panel_is_read_out_enlarged_and_put_back(qtbot: QtBot) -> None:
    panels = tuple(replace(ATTENTION, title=f"head {i}") for i in range(6))
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps(panels, across=3))
    place = widget.mosaic.places[4]
    corner = QPoint(place.left() + place.width() // 2, place.bottom() - 3)
    move(widget.mosaic, corner)
    assert widget.footer.readout == "head 4: query '␣', key '↵': attention 0.83"
    QTest.mouseClick(widget.mosaic, Qt.MouseButton.LeftButton, pos=corner)
    assert widget.enlarged == 4
    assert widget.single.isVisible()
    assert widget.single.payload is panels[4]
    newer = tuple(replace(each, title=f"new {i}") for i, each in enumerate(panels))
    widget.show_payload(Heatmaps(newer, across=3))
    assert widget.single.payload is newer[4]
    QTest.keyClick(widget.back_button, Qt.Key.Key_Escape)
    assert widget.enlarged is None
    assert widget.mosaic.isVisible()
    widget.enlarge(1)
    widget.single.clicked.emit()
    assert not widget.single.isVisible()
    widget.enlarge(5)
    widget.show_payload(Heatmaps(panels[:2], across=2))
    assert widget.enlarged is None


def test_panels_are_reached_with_the_keyboard(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps((ATTENTION,) * 6, across=3))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(widget.mosaic, key)
    assert widget.enlarged == 4


def test_panels_keep_to_the_width_and_tall_ones_scroll(qtbot: QtBot) -> None:
    gate = replace(ATTENTION, values=np.zeros((128, 40), np.float32), rows=(), columns=())
    widget = shown(qtbot, HeatmapsWidget(), 500, 400)
    widget.show_payload(Heatmaps((gate,) * 4, across=2))
    QApplication.processEvents()
    assert all(place.height() >= 6 * 128 for place in widget.mosaic.places)
    assert all(place.right() <= widget.mosaic.width() for place in widget.mosaic.places)
    assert widget.mosaic.height() > 2 * 6 * 128
    narrow = widget.mosaic.places[0].width()
    widget.resize(900, 400)
    QApplication.processEvents()
    assert widget.mosaic.places[0].width() > narrow


def test_the_scale_is_shown_once_where_it_is_shared(qtbot: QtBot) -> None:
    widget = shown(qtbot, HeatmapsWidget())
    widget.show_payload(Heatmaps((ATTENTION, ATTENTION), across=2))
    assert (widget.scale.low, widget.scale.high) == ("attention  0", "1")
    widget.show_payload(Heatmaps((ATTENTION, replace(ATTENTION, high=2.0)), across=2))
    assert widget.scale.high == "high"


CURVE = Curve(
    (
        Line("RNN", np.array([1, 10, 100], np.float32), np.array([1, 0.1, 0.0], np.float32)),
        Line("LSTM", np.array([1, 10], np.float32), np.array([1, 0.5], np.float32)),
    ),
    "time lag (characters)",
    "gradient norm",
)


def test_curve_reads_out_all_lines_at_the_nearest_x(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    assert widget.read_at(8.0) == "time lag (characters) 10: RNN 0.1  ·  LSTM 0.5"
    assert widget.read_at(90.0) == "time lag (characters) 100: RNN 0  ·  LSTM 0.5 (at 10)"
    box = widget.plot.plotItem.getViewBox()
    QApplication.processEvents()
    place = widget.plot.mapFromScene(box.mapViewToScene(QPointF(10, 0.5)))
    move(widget.plot.viewport(), place)
    assert widget.footer.readout == widget.read_at(10.0)


def test_curve_on_logarithmic_axes_leaves_out_what_has_no_logarithm(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(replace(CURVE, log_x=True, log_y=True))
    x, y = widget.items[0].getData()
    assert np.allclose(x, [0, 1])
    assert np.allclose(y, [0, -1])
    assert widget.read_at(4.0).startswith("time lag (characters) 10:")
    assert widget.plot.cursor_line.value() == 1.0
    widget.show_payload(CURVE)
    assert np.allclose(widget.items[0].getData()[0], [1, 10, 100])


def test_curve_reuses_its_lines(qtbot: QtBot) -> None:
    widget = shown(qtbot, CurveWidget())
    widget.show_payload(CURVE)
    first = list(widget.items)
    widget.show_payload(replace(CURVE, y_title="norm"))
    assert widget.items == first
    assert [label.text for _sample, label in widget.plot.legend.items] == ["RNN", "LSTM"]
    widget.show_payload(replace(CURVE, lines=CURVE.lines[1:]))
    assert len(widget.items) == 1
    widget.show_payload(replace(CURVE, lines=()))
    assert widget.read_at(1.0) == ""


def test_bars_write_percentages_to_two_decimals(qtbot: QtBot) -> None:
    widget: BarsWidget = shown(qtbot, BarsWidget())
    widget.show_payload(Bars(("a", " "), (66.666, 3.1), "probability", "next", unit="%"))
    assert widget.view.words(0) == "'a': 66.67 %"
    assert widget.titles.text() == "next  ·  probability (%)"
    move(widget.view, QPoint(30, widget.view.ROW + 4))
    assert widget.footer.readout == "'␣': 3.10 %"
    move(widget.view, QPoint(30, 5 * widget.view.ROW))
    assert widget.footer.readout == ""
    widget.show_payload(Bars(("speed", "nothing"), (1234.5678, math.nan), unit="tokens/s"))
    assert widget.view.words(0) == "speed: 1235 tokens/s"
    widget.grab()


TONE = Sound(
    np.sin(np.arange(4000) / 5).astype(np.float32) * 0.5, 8000, title="A", midi=b"MThd midi"
)


def test_sound_is_saved(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
    widget.show_payload(TONE)
    answers = iter(["a.wav", "a.mid", "", "missing/b.wav"])
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *_args: ((name := next(answers)) and str(tmp_path / name), ""),
    )
    widget.wav_button.click()
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate == 8000
    assert np.abs(samples - TONE.samples).max() < 1e-4
    widget.midi_button.click()
    assert (tmp_path / "a.mid").read_bytes() == TONE.midi
    widget.wav_button.click()
    assert not widget.message.isVisible()
    widget.wav_button.click()
    assert widget.message.isVisible()
    assert "missing" in widget.message.text()


def test_sound_that_cannot_be_played_says_why(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
    widget.show_payload(replace(TONE, midi=b""))
    assert not widget.midi_button.isVisible()
    monkeypatch.setattr(widget.player, "available", lambda: "no device today")
    widget.play_button.click()
    assert widget.message.text() == "no device today"
    assert widget.message.isVisible()
    assert not widget.stop_button.isEnabled()


def test_sound_shows_where_it_is(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    widget: SoundWidget = shown(qtbot, SoundWidget())
    widget.show_payload(TONE)
    started = []
    monkeypatch.setattr(widget.player, "play", lambda _sound, start: started.append(start))
    widget.play_button.click()
    assert started == [0.0]
    assert widget.stop_button.isEnabled()
    widget.player.position.emit(0.25)
    assert widget.place.value() == 0.25
    widget.player.finished.emit()
    assert widget.place.value() == 0
    assert not widget.stop_button.isEnabled()
    assert widget.read_at(0.125).startswith(f"0.125 s: amplitude {TONE.samples[1000]:.3f}")
    assert widget.read_at(9.0) == ""


UNITS = {"nats per character": 1.0, "bits per character": 1 / math.log(2)}


def trained(qtbot: QtBot) -> LossCurves:
    curves: LossCurves = shown(qtbot, LossCurves())
    curves.set_units(UNITS)
    curves.set_series("train", np.arange(10), np.linspace(4, 2, 10), "raw")
    curves.set_series("held-out", np.array([0, 4, 9]), np.array([4.0, 2.0, 3.0]), "points")
    return curves


def test_loss_curves_invite_before_the_first_step(qtbot: QtBot) -> None:
    curves = shown(qtbot, LossCurves())
    assert curves.stack.currentIndex() == 0
    curves.set_series("train", np.arange(3), np.ones(3), "raw")
    assert curves.stack.currentIndex() == 1
    curves.clear()
    assert curves.stack.currentIndex() == 0
    assert curves.read_at(1.0) == ""


def test_loss_curves_read_out_all_lines_and_marks(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_marks([(4, "learning rate 0.01 → 0.003")])
    assert curves.read_at(9.0) == "step 9: train 2  ·  held-out 3"
    assert curves.read_at(4.0).endswith("held-out 2  ·  learning rate 0.01 → 0.003")
    assert "★ best 2 at step 4" in curves._summary((4.0, 2.0))
    assert curves.best.getData()[0].tolist() == [4.0]


def test_the_unit_switch_changes_every_value(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    assert curves.unit.isVisible()
    curves.unit.setCurrentIndex(1)
    assert curves.plot.getAxis("left").labelText == "bits per character"
    assert curves.read_at(9.0) == f"step 9: train {2 / math.log(2):.4g}  ·  held-out 4.328"
    assert curves.best.getData()[1][0] == pytest.approx(2 / math.log(2))
    curves.set_units(UNITS)
    assert curves.unit.currentIndex() == 1
    curves.set_units({"loss": 1.0})
    assert not curves.unit.isVisible()
    assert curves.plot.getAxis("left").labelText == "loss"


def test_loss_on_a_logarithmic_axis(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_series("train", np.arange(4), np.array([100.0, -1.0, np.nan, 10.0]), "raw")
    curves.log.setChecked(True)
    _raw, strong = curves._items["train"]
    assert np.allclose(strong.getData()[1], [2, 1])
    assert curves.best.getData()[1][0] == pytest.approx(math.log10(2))


def test_marks_never_run_into_each_other(qtbot: QtBot) -> None:
    curves = trained(qtbot)
    curves.set_series("train", np.arange(1000), np.ones(1000), "raw")
    curves.set_marks([(100, "a rather long sentence"), (101, "hidden"), (800, "seen")])
    QApplication.processEvents()
    assert [line.label.isVisible() for line in curves._mark_lines] == [True, False, True]
    curves.set_marks([(100, "{braces}")])
    assert curves._mark_lines[0].label.toPlainText() == "{braces}"


def test_loss_curves_draw_nothing_while_hidden(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = trained(qtbot)
    drawn: list[int] = []
    draw = curves._draw

    def watched() -> None:
        drawn.append(1)
        draw()

    monkeypatch.setattr(curves, "_draw", watched)
    curves.hide()
    for last in range(3):
        curves.set_series("train", np.arange(5), np.full(5, last), "raw")
    assert drawn == []
    curves.show()
    assert drawn == [1]
    assert curves.read_at(4.0).startswith("step 4: train 2 ")


def test_smoothing_is_the_mean_of_a_window() -> None:
    y = np.random.default_rng(0).normal(size=1000)
    half, at = 10, 500
    assert smoothed(y)[at] == pytest.approx(y[at - half : at + half + 1].mean())
    assert smoothed(y)[0] == pytest.approx(y[: half + 1].mean())
    assert smoothed(y)[-1] == pytest.approx(y[-half - 1 :].mean())
    assert smoothed(y[:50]) is not None
    assert (smoothed(y[:50]) == y[:50]).all()

"""The widget follows from the payload's class, and each class has one."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.holder import Holder
from app.plots import WIDGETS, BarsWidget, HeatmapWidget, TextWidget
from app.special.chips import TokenChips
from app.theme import theme
from engine.payloads import Alternative, Bars, Heatmap, Payload, Text, Tokens

WORDS = "Train it first."
TOKENS = Tokens(
    ids=(0, 1),
    pieces=("a", "b"),
    probabilities=(float("nan"), 0.5),
    alternatives=((), (Alternative(1, "b", 0.5, True), Alternative(2, "c", 0.5, True))),
    kept=1,
)
BARS = Bars(("one", "two"), (0.25, 0.5), turns="weights", low=0.0, high=1.0)


@pytest.fixture
def holder(qtbot: QtBot) -> Holder:
    theme().use("light")
    holder = Holder(WORDS)
    qtbot.addWidget(holder)
    holder.resize(480, 320)
    with qtbot.waitExposed(holder):
        holder.show()
    return holder


def current(holder: Holder) -> QWidget:
    widget = holder.currentWidget()
    assert widget is not None
    return widget


def test_as_long_as_there_is_nothing_a_sentence_says_so(holder: Holder) -> None:
    assert holder.payload is None
    assert holder.label.isVisible()
    assert holder.label.text() == WORDS


def test_without_words_it_is_empty(qtbot: QtBot) -> None:
    holder = Holder()
    qtbot.addWidget(holder)
    holder.clear()
    assert holder.label.text() == ""
    assert holder.payload is None


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (Text("words"), TextWidget),
        (TOKENS, TokenChips),
        (BARS, BarsWidget),
        (Heatmap(np.eye(3, dtype=np.float32)), HeatmapWidget),
    ],
)
def test_a_payload_is_shown_in_the_widget_of_its_class(
    holder: Holder, payload: Any, kind: type[QWidget]
) -> None:
    holder.show_payload(payload)
    assert isinstance(current(holder), kind)
    assert current(holder).isVisible()
    assert not holder.label.isVisible()
    assert holder.payload is payload


def test_each_class_has_one_widget_that_is_told_of_when_it_is_made(holder: Holder) -> None:
    made: list[QWidget] = []
    holder.made.connect(made.append)
    holder.show_payload(Text("first"))
    text = current(holder)
    assert made == [text]
    holder.show_payload(Text("second"))
    holder.show_payload(BARS)
    assert made == [text, holder.currentWidget()]
    holder.show_payload(Text("third"))
    assert holder.currentWidget() is text
    assert len(made) == 2
    assert isinstance(text, TextWidget)
    assert text.view.toPlainText() == "third"


def test_it_is_told_in_time_to_set_the_widget_up(holder: Holder) -> None:
    seen: list[Any] = []
    holder.made.connect(lambda widget: seen.append(widget.view.toPlainText()))
    holder.show_payload(Text("words"))
    assert seen == [""], "before anything is shown in it"


def test_cleared_it_shows_its_sentence_or_another_until_told_so(holder: Holder) -> None:
    holder.show_payload(Text("words"))
    holder.clear()
    assert holder.payload is None
    assert holder.label.isVisible()
    assert holder.label.text() == WORDS
    holder.clear("Press Show.")
    assert holder.label.text() == "Press Show."
    holder.show_payload(Text("words"))
    holder.clear()
    assert holder.label.text() == "Press Show."
    holder.clear("")
    assert holder.label.text() == ""


def test_after_it_was_cleared_the_same_widget_serves_again(holder: Holder) -> None:
    holder.show_payload(Text("words"))
    text = current(holder)
    holder.clear()
    holder.show_payload(Text("more words"))
    assert holder.currentWidget() is text
    assert text.isVisible()


def test_a_long_sentence_wraps_and_markup_in_it_is_text(holder: Holder) -> None:
    holder.resize(200, 320)
    holder.clear("<b>words</b> that go on and on " * 4)
    assert holder.label.wordWrap()
    assert holder.label.textFormat() == Qt.TextFormat.PlainText
    assert holder.label.width() <= 200
    assert holder.label.heightForWidth(holder.label.width()) <= holder.label.height()


def test_a_chosen_token_is_told_with_the_tokens_it_was_chosen_in(
    qtbot: QtBot, holder: Holder
) -> None:
    holder.show_payload(replace(TOKENS))
    newest = replace(TOKENS, caption="the newest")
    holder.show_payload(newest)
    chips = holder.currentWidget()
    assert isinstance(chips, TokenChips)
    with qtbot.waitSignal(holder.regenerate) as told:
        chips.regenerate.emit((1, 2))
    assert told.args == [newest, 1, 2]


def test_what_is_turned_in_a_picture_is_told_once_by_its_knob(qtbot: QtBot, holder: Holder) -> None:
    turned: list[dict[str, Any]] = []
    holder.turned.connect(turned.append)
    holder.show_payload(BARS)
    holder.show_payload(replace(BARS, caption="again"))
    bars = holder.currentWidget()
    assert isinstance(bars, BarsWidget)
    qtbot.waitUntil(bars.sliders.isVisible)
    QTest.keyClick(bars.sliders, Qt.Key.Key_Up)
    assert turned == [{"weights": (pytest.approx(0.27), 0.5)}]


def test_what_no_widget_is_for_is_refused_and_the_old_stays(holder: Holder) -> None:
    holder.show_payload(Text("words"))
    with pytest.raises(KeyError):
        holder.show_payload("words")  # type: ignore[arg-type]
    assert holder.payload == Text("words")
    assert isinstance(current(holder), TextWidget)
    assert current(holder).isVisible()


def test_there_is_a_widget_for_every_payload(qtbot: QtBot) -> None:
    assert set(WIDGETS) == set(get_args(Payload))
    for kind, make in WIDGETS.items():
        widget = make()
        qtbot.addWidget(widget)
        assert callable(getattr(widget, "show_payload", None)), kind

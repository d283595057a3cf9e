"""Until the engine is there, a tab says what it is about, and why if nothing comes."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QFrame, QLabel
from pytestqt.qtbot import QtBot

from app import i18n
from app.theme import theme
from app.welcome import Welcome
from engine.family import Family
from engine.phrases import N_
from tests.app import fake
from tests.app.plots.screen import rgb


def no_models() -> tuple[()]:
    raise AssertionError("the models are not there yet")


@pytest.fixture
def family() -> Family:
    """One whose models cannot be had."""
    return replace(fake.family(), load=no_models)


@pytest.fixture
def welcome(qtbot: QtBot, family: Family) -> Welcome:
    theme().use("light")
    welcome = Welcome(family)
    qtbot.addWidget(welcome)
    welcome.resize(1000, 640)
    with qtbot.waitExposed(welcome):
        welcome.show()
    return welcome


def words(welcome: Welcome) -> list[str]:
    return [label.text() for label in welcome.findChildren(QLabel) if label.isVisible()]


def test_it_says_what_the_family_is_without_asking_for_its_models(welcome: Welcome) -> None:
    title, summary, steps, note = words(welcome)
    assert title == "Toys"
    assert summary == "Small things that learn."
    assert "One click trains it" in steps
    assert note == "Loading the engine…"


def test_that_something_goes_on_is_seen_and_named(welcome: Welcome) -> None:
    assert welcome.bar.isVisible()
    assert welcome.bar.minimum() == welcome.bar.maximum() == 0, "no end is known"
    assert welcome.bar.accessibleName() == "Loading the engine…"


def test_a_long_summary_is_whole_at_any_size(qtbot: QtBot, family: Family) -> None:
    summary = N_("Words that go on and on. ") * 12
    welcome = Welcome(replace(family, summary=summary))
    qtbot.addWidget(welcome)
    welcome.resize(700, 640)
    with qtbot.waitExposed(welcome):
        welcome.show()
    label = next(each for each in welcome.findChildren(QLabel) if each.text() == summary)
    assert label.height() >= label.heightForWidth(label.width()) > 3 * label.fontMetrics().height()


def test_the_card_stands_in_the_middle(welcome: Welcome) -> None:
    (card,) = (each for each in welcome.findChildren(QFrame) if each.property("role") == "card")
    for width in (700, 1000, 1600):
        welcome.resize(width, 640)
        layout = welcome.layout()
        assert layout is not None
        layout.activate()
        left, right = card.x(), welcome.width() - card.x() - card.width()
        assert abs(left - right) <= 1
        assert 0 < card.y() < welcome.height() - card.height() - card.y(), "a little high"


def test_why_there_is_no_engine_is_told_and_nothing_seems_to_go_on(welcome: Welcome) -> None:
    welcome.fail("The engine cannot be loaded: no torch")
    assert not welcome.bar.isVisible()
    assert "The engine cannot be loaded: no torch" in words(welcome)
    assert "Loading the engine…" not in words(welcome)
    colour = welcome.note.palette().color(welcome.note.foregroundRole())
    assert rgb(colour) == rgb(theme().palette.warning)


def test_a_long_reason_is_whole(qtbot: QtBot, welcome: Welcome) -> None:
    welcome.fail("The engine cannot be loaded: " + "/a/long/way/down to a file " * 12)
    note = welcome.note
    qtbot.waitUntil(lambda: note.height() > 3 * note.fontMetrics().height())
    assert note.height() >= note.heightForWidth(note.width())


def test_a_reason_that_looks_like_markup_is_shown_as_it_is(welcome: Welcome) -> None:
    welcome.fail("<i></i>")  # as markup, it would be nothing
    image = welcome.note.grab().toImage()
    across = range(min(image.width(), 40))
    assert len({image.pixel(x, y) for x in across for y in range(image.height())}) > 1


def test_a_second_reason_replaces_the_first(welcome: Welcome) -> None:
    welcome.fail("one")
    welcome.fail("two")
    assert "two" in words(welcome)
    assert "one" not in words(welcome)


def test_it_speaks_the_language_in_use(qtbot: QtBot, family: Family) -> None:
    i18n.use("zh_CN")
    try:
        welcome = Welcome(family)
    finally:
        i18n.use("en")
    qtbot.addWidget(welcome)
    assert welcome.note.text() not in ("", "Loading the engine…")
    assert welcome.bar.accessibleName() == welcome.note.text()

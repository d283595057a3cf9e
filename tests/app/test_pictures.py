"""Hands in the pictures: drags, picks, and pictures of one's own."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.jobs import Strip
from app.page import ModelPage
from app.pictures import HELD, ViewCard, within
from app.plots import WIDGETS
from app.tab import FamilyTab
from engine.events import Shown
from engine.family import Family, View
from engine.knobs import KnobError, knobs_of
from engine.payloads import Images, Plane, Text
from engine.session import Playground
from tests.app import fake


class Hand(QWidget):
    """A picture that is drawn by nobody, and turned by the tests."""

    turned = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Any] = []

    def show_payload(self, payload: Any) -> None:
        """Keep it."""
        self.shown.append(payload)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family of one model, whose pictures are for hands."""
    fake.install(monkeypatch)
    for kind in (Plane, Images):
        monkeypatch.setitem(WIDGETS, kind, Hand)
    return fake.family(fake.painter(), fake.model("toy"))


@pytest.fixture
def looks(page: ModelPage, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The knobs of every look that is asked for from now on."""
    asked: list[Any] = []
    look = page.session.look

    def counted(view: Any, knobs: Any, step: int | None = None) -> Any:
        asked.append(knobs)
        return look(view, knobs, step)

    monkeypatch.setattr(page.session, "look", counted)
    return asked


@pytest.fixture
def training(qtbot: QtBot, page: ModelPage) -> ModelPage:
    """A page whose model trains."""
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 5)
    return page


def end(qtbot: QtBot, page: ModelPage) -> None:
    page.stop()
    qtbot.waitUntil(lambda: page.session.status == "paused" and not page.strip.pump.busy)


def open_view(qtbot: QtBot, page: ModelPage, key: str) -> ViewCard:
    """Choose a view, and wait until it was drawn."""
    cards = page.pictures.cards
    page.pictures.tabs.setCurrentIndex(list(cards).index(key))
    qtbot.waitUntil(lambda: cards[key].holder.payload is not None)
    qtbot.waitUntil(lambda: page.pictures._job is None and not page.pictures._settled.isActive())
    return cards[key]


def hand(card: ViewCard) -> Hand:
    widget = card.holder.currentWidget()
    assert isinstance(widget, Hand)
    return widget


def shows(card: ViewCard, x: float, y: float) -> Callable[[], bool]:
    def so() -> bool:
        payload = card.holder.payload
        return isinstance(payload, Plane) and payload.caption == f"{x:.3f}, {y:.3f}"

    return so


# --- knobs that are turned


def test_values_are_taken_as_the_knobs_are(qtbot: QtBot) -> None:
    card = ViewCard(fake.painter().views[1])
    qtbot.addWidget(card)
    with qtbot.waitSignal(card.turned):
        card.holder.turned.emit({"x": np.float32(0.5), "y": 9.0, "size": 6.7, "nobody": 1})
    assert card.form.value() == fake.ToyPlace(x=0.5, y=3.0, size=7)
    assert type(card.form.value().size) is int
    assert type(card.form.value().x) is float
    assert card.form.commit() == ()
    assert card.form.value() == fake.ToyPlace(x=0.5, y=3.0, size=7)


def test_the_same_values_and_bad_ones_ask_for_nothing(qtbot: QtBot) -> None:
    card = ViewCard(fake.painter().views[1])
    qtbot.addWidget(card)
    with qtbot.assertNotEmitted(card.turned):
        card.turn({"x": 0.0})
        card.turn({"nobody": 1})
        card.turn({"x": "far", "y": None})
    assert card.form.value() == fake.ToyPlace()


def test_numbers_of_any_sort_become_plain_ones() -> None:
    these, tile = knobs_of(fake.ToyPicks)
    assert within(these, np.array([3, 1])) == (3, 1)
    assert within(these, (np.int64(3), 1.5)) == (3, 1.5)
    assert within(tile, 99) == 8
    assert within(tile, np.int64(2)) == 2
    with pytest.raises(KnobError):
        within(these, ["one"])


def test_what_is_typed_elsewhere_in_the_form_stays(qtbot: QtBot) -> None:
    card = ViewCard(fake.painter().views[1])
    qtbot.addWidget(card)
    fake.write(card.form, "size", "8")
    card.turn({"x": 1.0})
    assert card.form.commit() == ()
    assert card.form.value() == fake.ToyPlace(x=1.0, size=8)


def test_many_digits_outlive_the_few_that_are_shown(qtbot: QtBot) -> None:
    card = ViewCard(fake.painter().views[1])
    qtbot.addWidget(card)
    card.turn({"x": 0.123456789})
    with qtbot.assertNotEmitted(card.asked):
        assert card.form.commit() == ()
    assert card.form.value().x == 0.123456789


# --- pictures that follow


def test_a_drag_is_drawn_at_once_and_with_every_digit(qtbot: QtBot, trained: ModelPage) -> None:
    card = open_view(qtbot, trained, "place")
    hand(card).turned.emit({"x": 1.0, "y": 2.0})
    assert trained.pictures._job is not None  # without any wait
    assert not trained.pictures._settled.isActive()
    qtbot.waitUntil(shows(card, 1.0, 2.0))


def test_nothing_queues_up_and_the_newest_wins(
    qtbot: QtBot, trained: ModelPage, looks: list[Any]
) -> None:
    card = open_view(qtbot, trained, "place")
    before = len(trained.session.playground.worker.jobs)
    looks.clear()
    for number in range(500):
        hand(card).turned.emit({"x": number / 1000})
        assert len(trained.session.playground.worker.jobs) <= before + 1
    qtbot.waitUntil(shows(card, 0.499, 0.0))
    qtbot.waitUntil(lambda: trained.pictures._job is None and not trained.strip.pump.busy)
    assert [knobs.x for knobs in looks] == [
        0.001,
        0.499,
    ]


def test_a_drawing_that_takes_long_is_given_up_when_the_hand_rests(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = open_view(qtbot, trained, "place")
    begun: list[float] = []
    ended: list[bool] = []

    def slow(trained: Any, knobs: fake.ToyPlace) -> Any:
        begun.append(knobs.x)
        try:
            while knobs.x == 1.0:
                time.sleep(0.002)
                yield None
        finally:
            ended.append(knobs.x == 1.0)
        yield Text("quick")

    object.__setattr__(card.view, "make", slow)
    hand(card).turned.emit({"x": 1.0})
    qtbot.waitUntil(lambda: begun == [1.0])
    hand(card).turned.emit({"x": 2.0})
    qtbot.waitUntil(lambda: isinstance(card.holder.payload, Text))
    qtbot.waitUntil(lambda: True in ended)  # whichever of the two ends first


def test_a_fault_during_a_drag_is_told_and_goes_with_the_next_picture(
    qtbot: QtBot, trained: ModelPage
) -> None:
    trained.pictures.tabs.setCurrentIndex(3)
    card = trained.pictures.cards["drawn"]
    card.turn({"picture": "a.txt"})
    qtbot.waitUntil(lambda: card.problem.isVisible())
    assert "a.txt is no image" in card.problem.text().lower()
    card.turn({"picture": "a.png"})
    qtbot.waitUntil(lambda: card.holder.payload == Text("a.png"))
    assert not card.problem.isVisible()


def test_without_a_model_a_drag_asks_for_nothing(page: ModelPage, looks: list[Any]) -> None:
    page.pictures.tabs.setCurrentIndex(1)
    page.pictures.cards["place"].turn({"x": 1.0})
    assert looks == []


def test_another_view_takes_nothing_over(
    qtbot: QtBot, trained: ModelPage, looks: list[Any]
) -> None:
    card = open_view(qtbot, trained, "place")
    hand(card).turned.emit({"x": 1.0})
    hand(card).turned.emit({"x": 2.0})
    looks.clear()
    trained.pictures.tabs.setCurrentIndex(0)
    assert not trained.pictures._again
    qtbot.waitUntil(lambda: trained.pictures._job is None and not trained.strip.pump.busy)
    assert not any(isinstance(knobs, fake.ToyPlace) for knobs in looks)


def test_picks_reach_their_knobs(qtbot: QtBot, trained: ModelPage) -> None:
    card = open_view(qtbot, trained, "tiles")
    hand(card).turned.emit({"these": (3, 5)})
    qtbot.waitUntil(lambda: getattr(card.holder.payload, "picked", None) == ((3, 5), (0,)))
    assert card.form.value().these == (3, 5)
    hand(card).turned.emit({"tile": 4})
    qtbot.waitUntil(lambda: getattr(card.holder.payload, "picked", None) == ((3, 5), (4,)))


# --- while it trains


def test_a_drag_while_it_trains(qtbot: QtBot, training: ModelPage, looks: list[Any]) -> None:
    card = open_view(qtbot, training, "place")
    step = training.session.step
    others = len(training.session.playground.worker.jobs)
    for number in range(1, 61):
        hand(card).turned.emit({"x": number / 100, "y": -number / 100})
        assert training.session.wanted == {"place": card.form.value()}
        assert len(training.session.playground.worker.jobs) <= others + 1
        qtbot.wait(5)
    qtbot.waitUntil(shows(card, 0.6, -0.6))
    assert len(looks) > 3  # so it was drawn again and again meanwhile
    places = [shown.dots[0].points[0, 0] for shown in hand(card).shown[1:]]
    assert places == sorted(places)  # never back to where the hand was before
    qtbot.waitUntil(lambda: training.session.step > step)
    drawn = len(hand(card).shown)
    qtbot.waitUntil(lambda: len(hand(card).shown) > drawn + 1, timeout=15_000)
    assert shows(card, 0.6, -0.6)()  # the training's own pictures are of the new knobs too
    end(qtbot, training)


def test_a_training_that_makes_pictures_late_waits_for_some_and_then_has_a_turn(
    qtbot: QtBot, training: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, job = training.pictures, training.pictures.training
    assert job is not None
    card = open_view(qtbot, training, "place")
    card.turn({"x": 1.0})
    qtbot.waitUntil(lambda: pictures._job is None)
    pictures._held, states = 0, []
    pictures._rested.start()
    for _number in range(HELD + 1):
        pictures._asked = time.perf_counter() - 1.0
        pictures._keep_pace()
        states.append(str(job.state))
    assert states == ["paused"] * HELD + ["running"]
    pictures._asked = time.perf_counter() - 1.0
    pictures._keep_pace()
    states.append(str(job.state))
    qtbot.waitUntil(lambda: not pictures._rested.isActive())
    states.append(str(job.state))
    assert states[-2:] == ["paused", "running"]
    step = training.session.step
    qtbot.waitUntil(lambda: training.session.step > step)
    end(qtbot, training)


def test_a_training_that_waits_for_a_hand_can_be_paused_and_goes_on_when_nobody_looks(
    qtbot: QtBot, tab: FamilyTab, training: ModelPage
) -> None:
    pictures = training.pictures

    def hold() -> None:
        open_view(qtbot, training, "place").turn({"x": pictures.cards["place"].step / 1e4})
        pictures._asked = time.perf_counter() - 1.0
        pictures._keep_pace()
        assert state() == "paused"

    def state() -> str:
        return pictures.training.state if pictures.training is not None else "none"

    hold()
    tab.choose("toy")
    assert state() == "running"
    tab.choose("painter")
    hold()
    assert training.session.status == "training"
    end(qtbot, training)
    assert pictures.training is None


def test_during_a_drag_pictures_of_older_knobs_are_passed_over(
    qtbot: QtBot, trained: ModelPage
) -> None:
    card = open_view(qtbot, trained, "place")
    hand(card).turned.emit({"x": 1.0})
    old = Plane((-3.0, 3.0, -3.0, 3.0), caption="old")
    trained.pictures.hear(Shown("place", old, 20))
    qtbot.waitUntil(shows(card, 1.0, 0.0))
    assert old not in hand(card).shown
    qtbot.waitUntil(lambda: not trained.pictures._rested.isActive())
    trained.pictures.hear(Shown("place", old, 20))
    qtbot.waitUntil(lambda: card.holder.payload is old)


# --- pictures of one's own


def test_a_dropped_picture_goes_to_the_first_view_that_takes_one(
    qtbot: QtBot, trained: ModelPage
) -> None:
    card = trained.pictures.cards["drawn"]
    assert trained.pictures.current is not card
    assert trained.use_picture("/some/where.png")
    assert trained.pictures.current is card
    assert card.form.value().picture == "/some/where.png"
    qtbot.waitUntil(lambda: card.holder.payload == Text("/some/where.png"))
    assert trained.use_picture("/another.png")
    qtbot.waitUntil(lambda: card.holder.payload == Text("/another.png"))


def test_a_view_that_is_seen_and_takes_one_comes_first(
    qtbot: QtBot, playground: Playground, strip: Strip, settings: QSettings
) -> None:
    drawn = fake.painter().views[3]
    first, second = (View(f"v{i}", "V", "", drawn.make, drawn.knobs) for i in range(2))
    family = fake.family(fake.painter("two", views=(first, second)))
    tab = FamilyTab(family, playground, strip, settings)
    qtbot.addWidget(tab)
    tab.page.pictures.tabs.setCurrentIndex(1)
    assert tab.page.use_picture("a.png")
    assert tab.page.pictures.cards["v1"].form.value().picture == "a.png"
    assert tab.page.pictures.cards["v0"].form.value().picture == ""
    tab.shut()


def test_without_a_view_that_takes_one_it_is_refused(tab: FamilyTab) -> None:
    page = tab.choose("toy")
    seen = page.pictures.current
    assert not page.use_picture("a.png")
    assert page.pictures.current is seen


# --- room and curves


def test_pictures_have_more_room_than_curves(qtbot: QtBot, page: ModelPage) -> None:
    page.resize(1280, 760)
    curves, pictures = page.middle.sizes()
    assert pictures > 2 * curves
    assert set(page.splitters) == {"columns-pictures", "middle-pictures", "right-pictures"}


def test_the_curves_are_those_declared(qtbot: QtBot, trained: ModelPage) -> None:
    qtbot.waitUntil(lambda: list(trained.curves._series) == ["critic", "training"])
    assert trained.caption.text() == "Neither of them need fall."
    assert trained.caption.isVisible()
    last = trained.session.history.last()
    assert trained.transport.loss.value.text() == f"{last['critic']:.4g}"
    assert trained.transport.loss.name.text() == "critic"


def test_a_model_without_a_caption_shows_none(tab: FamilyTab, tmp_path: Path) -> None:
    assert not tab.choose("toy").caption.isVisible()

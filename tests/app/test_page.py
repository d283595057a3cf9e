"""The page of one model: what is set takes effect when a training begins, and all of it is told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app import page as page_
from app.jobs import Strip
from app.page import ModelPage, estimate_in_words
from app.tab import FamilyTab
from engine.events import Progress
from engine.family import Family, Rule
from engine.phrases import N_, PlaygroundError
from engine.session import Playground
from engine.store import TakenError
from tests.app import fake
from tests.app.disk import FullDisk
from tests.app.waiting import FIRST, rest


def click(button: QWidget) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def empty(page: ModelPage) -> Callable[[], bool]:
    return lambda: page.session.status == "empty" and not page.strip.pump.busy


def said(page: ModelPage) -> list[str]:
    return [message.text for message in page.strip.messages]


def choose(box: QComboBox, index: int) -> None:
    box.setCurrentIndex(index)
    box.activated.emit(index)


@pytest.fixture
def training(qtbot: QtBot, page: ModelPage) -> ModelPage:
    """A page whose model trains."""
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 5, timeout=FIRST)
    return page


@pytest.fixture
def painted(
    qtbot: QtBot, toys: Family, playground: Playground, strip: Strip, settings: QSettings
) -> Iterator[ModelPage]:
    """The page of a model of pictures, with a view that takes one."""
    tab = FamilyTab(fake.family(fake.painter()), playground, strip, settings)
    qtbot.addWidget(tab)
    tab.show()
    qtbot.waitUntil(lambda: tab.page.setup.data.data is not None)
    yield tab.page
    tab.shut()


# --- words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "whole plan: about 40 s · 1 parameter · 1 MB"),
        ({"seconds": 0.0, "seconds_per_step": 0.0123}, "12 ms a step · 1 parameter · 1 MB"),
        ({"parameters": 99_999}, "whole plan: about 40 s · 99,999 parameters · 1 MB"),
        ({"parameters": 100_000}, "whole plan: about 40 s · 0.1 M parameters · 1 MB"),
        ({"bytes": 2.5e9}, "whole plan: about 40 s · 1 parameter · 2,500 MB"),
        ({"seconds": 7200.0}, "whole plan: about 2 h 0 min · 1 parameter · 1 MB"),
    ],
)
def test_an_estimate_in_words(found: dict[str, float], words: str) -> None:
    small = {"seconds": 40.0, "seconds_per_step": 0.01, "bytes": 10.0, "parameters": 1.0}
    assert estimate_in_words(small | found) == words


# --- before there is a model


def test_without_a_model_there_is_nothing_to_pause_stop_or_generate(page: ModelPage) -> None:
    before = said(page)
    page.pause()
    page.stop()
    page.generate()
    assert page.session.status == "empty"
    assert said(page) == before
    assert page.sampling.result.payload is None
    assert not page.sampling.generate_button.isEnabled()


def test_a_new_seed_is_chosen_without_a_reset(
    page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.page.random.randrange", lambda low, high: 4711)
    click(page.transport.dice_button)
    assert page.session.seed == 4711
    assert page.transport.seed.text() == "seed 4711"
    assert page.session.status == "empty"


def test_what_is_set_is_what_it_trains_with(qtbot: QtBot, page: ModelPage) -> None:
    fake.write(page.setup.net, "size", "7")  # without Enter
    fake.write(page.setup.train, "batch", "3")
    page.more(2)
    rest(qtbot, page, 2)
    learner = page.session.learner
    assert learner is not None
    assert learner.net == fake.ToyNet(size=7)
    assert learner.train.batch == 3


def test_what_is_wrong_keeps_it_from_training_and_is_told(page: ModelPage) -> None:
    fake.write(page.setup.net, "size", "many")
    for start in (page.train, page.toggle, lambda: page.more(1)):
        page.strip.messages.clear()
        start()
        assert page.strip.messages[-1].grave
        assert said(page)[-1].startswith("Before it can train: Size: ")
        assert page.session.status == "empty"


def test_what_cannot_be_is_told_in_place_of_an_estimate(qtbot: QtBot, page: ModelPage) -> None:
    estimate = page.setup.estimate
    qtbot.waitUntil(lambda: "4 parameters" in estimate.text())
    fake.write(page.setup.net, "size", "13", take=True)
    qtbot.waitUntil(lambda: "unlucky" in estimate.text())
    assert estimate.property("role") == "warning"
    fake.write(page.setup.net, "size", "14", take=True)
    qtbot.waitUntil(lambda: "14 parameters" in estimate.text())
    assert estimate.property("role") == "faint"


def test_an_estimate_that_fails_says_why(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: "4 parameters" in page.setup.estimate.text())

    def full(net: Any, data: Any) -> Any:
        raise PlaygroundError(N_("too large for this machine"))

    monkeypatch.setattr(page.session, "model", replace(page.session.model, build=full))
    fake.write(page.setup.net, "size", "9", take=True)
    qtbot.waitUntil(lambda: "oo large for this machine" in page.setup.estimate.text())
    assert page.setup.estimate.property("role") == "warning"


# --- training


def test_one_button_trains_and_pauses(qtbot: QtBot, page: ModelPage) -> None:
    page.toggle()
    assert page.session.status == "training"
    page.train()  # it does already
    page.more(5)
    qtbot.waitUntil(lambda: page.session.step > 5, timeout=FIRST)
    page.toggle()
    qtbot.waitUntil(lambda: page.session.status == "paused")
    page.pause()
    assert page.session.status == "training", "once paused, the same key goes on"
    page.stop()
    qtbot.waitUntil(lambda: page.session.status == "paused" and page._training is None)


def test_further_steps_are_counted_from_where_it_is(qtbot: QtBot, page: ModelPage) -> None:
    page.transport.count.setValue(7)
    click(page.transport.more_button)
    rest(qtbot, page, 7)
    click(page.transport.step_button)
    rest(qtbot, page, 8)
    assert page.transport.steps.value.text() == "8"
    assert page.transport.train_button.text() == "Continue"


def test_a_pause_leaves_numbers_and_curves_at_the_last_step(
    qtbot: QtBot, trained: ModelPage
) -> None:
    qtbot.waitUntil(lambda: trained.transport.steps.value.text() == "20")
    assert trained.transport.loss.value.text() != "–"
    assert trained.transport.loss.name.text() == "loss, nats"
    steps, _values, _kind = trained.curves._series["training"]
    assert steps[-1] == 20


def test_settings_typed_wrongly_do_not_keep_a_model_from_training_on(
    qtbot: QtBot, trained: ModelPage
) -> None:
    fake.write(trained.setup.net, "size", "many")
    trained.more(3)
    rest(qtbot, trained, 23)
    assert trained.session.net == fake.ToyNet()


def test_a_run_that_another_program_trains_can_be_trained_as_a_copy(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained.session.run
    assert first is not None

    def taken() -> None:
        raise TakenError(N_("another program trains this run"))

    with monkeypatch.context() as patch:
        patch.setattr(trained.session.keeper, "take_hold", taken)
        trained.more(4)
        qtbot.waitUntil(trained.strip.action.isVisible)
    assert trained.session.step == 20
    assert trained.strip.action.text() == "Train a copy"
    click(trained.strip.action)
    rest(qtbot, trained, 24)
    assert trained.session.run is not None
    assert trained.session.run.id != first.id


def test_another_fault_offers_no_copy(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise PlaygroundError(N_("the disk is gone"))

    monkeypatch.setattr(trained.session.keeper, "take_hold", broken)
    trained.more(4)
    qtbot.waitUntil(lambda: "The disk is gone" in said(trained)[-1:])
    assert not trained.strip.action.isVisible()
    assert trained.transport.train_button.text() == "Continue"


# --- reset, and other runs


def test_after_a_reset_nothing_of_before_stays(qtbot: QtBot, trained: ModelPage) -> None:
    trained.generate()
    qtbot.waitUntil(lambda: trained.sampling.result.payload is not None)
    click(trained.transport.reset_button)
    qtbot.waitUntil(empty(trained))
    qtbot.waitUntil(lambda: trained.transport.steps.value.text() == "–")
    assert trained.curves._series == {}
    assert trained.sampling.result.payload is None
    assert not trained.transport.reset_button.isEnabled()


def test_a_reset_takes_what_was_set_since(qtbot: QtBot, trained: ModelPage) -> None:
    fake.write(trained.setup.net, "size", "9", take=True)
    fake.write(trained.setup.train, "learning_rate", "0.02", take=True)
    assert trained.session.net == fake.ToyNet()
    click(trained.transport.reset_button)
    qtbot.waitUntil(lambda: trained.session.net == fake.ToyNet(size=9))
    assert trained.session.train.learning_rate == 0.02
    assert not trained.setup.restart.isVisible()


def test_a_new_seed_begins_anew(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.page.random.randrange", lambda low, high: 4711)
    click(trained.transport.dice_button)
    qtbot.waitUntil(empty(trained))
    assert trained.session.seed == 4711
    assert trained.transport.seed.text() == "seed 4711"


def test_a_saved_run_brings_its_settings_back(qtbot: QtBot, page: ModelPage) -> None:
    choose(page.setup.preset, 1)
    page.more(6)
    rest(qtbot, page, 6)
    run = page.session.run
    assert run is not None
    page.reset()
    qtbot.waitUntil(empty(page))
    choose(page.setup.preset, 0)
    assert page.session.net == fake.ToyNet()
    page.restore(run)
    qtbot.waitUntil(lambda: "Opened at step 6" in said(page))
    assert page.setup.preset.currentText() == "Large"
    assert page.setup.net.value() == fake.ToyNet(size=32)
    assert page.transport.steps.value.text() == "6"
    assert page.transport.seed.text() == f"seed {run.seed}"


@pytest.mark.parametrize("way", ["reset", "dice", "restore"])
def test_what_could_not_be_saved_is_not_lost_unasked(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    run = trained.session.run
    assert run is not None
    full = FullDisk(monkeypatch)
    trained.more(5)
    qtbot.waitUntil(lambda: trained.session.step == 25 and trained.session.unsaved)
    rest(qtbot, trained, 25)
    go = {"restore": lambda: trained.restore(run)}.get(way) or getattr(trained, way)
    go()
    qtbot.waitUntil(lambda: "not saved" in said(trained)[-1])
    assert trained.session.step == 25
    assert trained.session.seed == 1
    assert trained.transport.seed.text() == "seed 1"
    if way == "reset":  # with room again it goes without a word
        full.over = True
        go()
    else:
        click(trained.strip.action)
    qtbot.waitUntil(lambda: trained.session.step == (20 if way == "restore" else 0))
    qtbot.waitUntil(lambda: not trained.strip.pump.busy)
    if way == "reset":
        assert trained.session.playground.store.read(run.id).step == 25


def test_an_opening_that_is_stopped_half_way_shows_what_is_open(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is the other one by then; only its data are not there yet."""
    run = trained.session.run
    assert run is not None
    trained.reset()
    qtbot.waitUntil(empty(trained))
    trained.more(7)
    rest(qtbot, trained, 7)

    def endless(name: str) -> Any:
        while True:
            yield None

    with monkeypatch.context() as patch:
        patch.setattr(trained.session.playground, "data", endless)
        trained.restore(run)
        qtbot.waitUntil(lambda: trained.session.step == 20)
        opening = trained.session._latest
        assert opening is not None
        opening.stop()
        assert opening.wait(10.0)
    qtbot.waitUntil(lambda: trained.transport.steps.value.text() == "20")
    assert not [words for words in said(trained) if words.startswith("Opened")]


def test_a_run_that_cannot_be_opened_changes_nothing(qtbot: QtBot, trained: ModelPage) -> None:
    run = trained.session.run
    assert run is not None
    trained.restore(replace(run, id="no-such-run"))
    qtbot.waitUntil(lambda: bool(trained.strip.messages) and trained.strip.messages[-1].grave)
    assert "no-such-run" in said(trained)[-1]
    assert trained.session.step == 20
    assert not [words for words in said(trained) if words.startswith("Opened")]


# --- knobs


def test_a_live_knob_goes_to_the_model_at_once(qtbot: QtBot, training: ModelPage) -> None:
    fake.write(training.setup.train, "learning_rate", "0.02", take=True)
    learner = training.session.learner
    assert learner is not None
    assert learner.train.learning_rate == 0.02
    fake.write(training.setup.train, "batch", "3", take=True)
    assert learner.train.batch != 3
    assert training.setup.restart.isVisible()
    training.stop()
    qtbot.waitUntil(lambda: training._training is None)


def test_a_live_knob_that_is_refused_is_told(
    trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**live: Any) -> None:
        raise PlaygroundError(N_("not now"))

    monkeypatch.setattr(trained.session, "change", refuse)
    fake.write(trained.setup.train, "learning_rate", "0.02", take=True)
    assert said(trained)[-1] == "Not now"
    assert trained.strip.messages[-1].grave


def test_a_knob_that_the_training_turns_by_itself_is_followed(
    qtbot: QtBot, training: ModelPage
) -> None:
    training.session.change(learning_rate=0.001)
    shown = training.setup.train
    qtbot.waitUntil(lambda: shown.value().learning_rate == 0.001)
    training.stop()
    qtbot.waitUntil(lambda: training._training is None)


def remedy(values: dict[str, Any]) -> Rule:
    return replace(fake.SICK, button="Mend it", remedy=lambda train: values)


def test_a_remedy_turns_live_knobs_now_and_shows_all_of_them(trained: ModelPage) -> None:
    trained.health.remedy.emit(remedy({"learning_rate": 0.02, "batch": 3}))
    learner = trained.session.learner
    assert learner is not None
    assert learner.train.learning_rate == 0.02
    assert learner.train.batch != 3
    shown: Any = trained.setup.train.value()
    assert (shown.learning_rate, shown.batch) == (0.02, 3)
    assert trained.setup.restart.isVisible()
    assert said(trained)[-1] == "Mend it: Learning rate 0.02, Batch size 3"


def test_a_remedy_before_there_is_a_model_is_for_the_next(page: ModelPage) -> None:
    page.health.remedy.emit(remedy({"learning_rate": 0.02, "batch": 3}))
    assert page.session.train.learning_rate == 0.02
    assert page.session.train.batch == 3
    assert not page.setup.restart.isVisible()


@pytest.mark.parametrize("values", [{"no_such_knob": 1}, {"learning_rate": 1e9}])
def test_a_remedy_that_cannot_be_is_told_and_turns_nothing(
    trained: ModelPage, values: dict[str, Any]
) -> None:
    before = trained.session.train, trained.setup.train.value()
    trained.health.remedy.emit(remedy(values))
    assert trained.strip.messages[-1].grave
    assert next(iter(values)) in said(trained)[-1].lower()
    assert (trained.session.train, trained.setup.train.value()) == before


# --- data and pictures


def test_an_own_file_is_asked_for_beside_the_settings(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.left.setCurrentWidget(page.runs)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: ("/own/two.txt", ""))
    page.ask_for_file()
    assert page.left.currentWidget() is page.setup
    qtbot.waitUntil(lambda: page.session.data_name == "/own/two.txt")


def test_an_opened_file_brings_the_settings_to_the_front(qtbot: QtBot, page: ModelPage) -> None:
    page.left.setCurrentWidget(page.runs)
    page.open_file("/own/file.txt")
    assert page.left.currentWidget() is page.setup
    qtbot.waitUntil(lambda: page.session.data_name == "/own/file.txt")


def test_a_page_of_no_pictures_says_so(page: ModelPage) -> None:
    assert not page.use_picture("/own/cat.png")


def test_what_is_wanted_elsewhere_is_passed_on(qtbot: QtBot, page: ModelPage) -> None:
    with qtbot.waitSignal(page.lesson) as told:
        page.pictures.help.emit("state")
    assert told.args == ["state"]
    wished: list[str] = []
    page.model_wanted.connect(wished.append)
    choose(page.setup.model, 1)
    assert wished == ["other"]


# --- what is seen


def test_columns_are_remembered_apart_for_texts_and_for_pictures(
    page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(page.splitters) == {"columns-pictures", "middle-pictures", "right-pictures"}
    monkeypatch.setattr(page.session, "model", replace(page.session.model, accepts="text"))
    assert set(page.splitters) == {"columns", "middle", "right"}


def test_units_of_the_loss_are_those_of_the_data(trained: ModelPage) -> None:
    assert [trained.curves.unit.itemText(i) for i in range(2)] == ["nats", "bits"]


def test_a_page_that_is_hidden_is_up_to_date_when_it_is_seen_again(
    qtbot: QtBot, tab: FamilyTab, trained: ModelPage
) -> None:
    tab.choose("other")
    assert not trained.isVisible()
    trained.more(5)
    rest(qtbot, trained, 25)
    tab.choose("toy")
    assert trained.transport.steps.value.text() == "25"
    assert trained.curves._series["training"][0][-1] == 25


def test_a_closed_page_asks_for_nothing_more(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(page.session, "estimate", lambda *_settings: asked.append(1))
    page.shut()
    fake.write(page.setup.net, "size", "9", take=True)
    page._estimate_soon.start(0)
    qtbot.waitUntil(lambda: not page._estimate_soon.isActive())
    assert not asked


def test_an_estimate_is_of_the_data_that_are_chosen(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the model that is open learned from others."""
    asked: list[str] = []
    playground = trained.session.playground
    load = playground.data

    def told(name: str) -> Any:
        asked.append(name)
        return load(name)

    monkeypatch.setattr(playground, "data", told)
    monkeypatch.setattr(trained.setup.data, "name", "two")
    trained._estimate()
    qtbot.waitUntil(lambda: trained._estimating is None)
    assert asked == ["two"]
    assert trained.session.data_name == "one"


def test_only_the_newest_marks_are_drawn_and_the_very_newest_is_among_them(
    trained: ModelPage,
) -> None:
    history = trained.session.history
    for number in range(page_.MARKS_SHOWN + 5):
        history.mark(number, f"mark {number}")
    trained._show_curves()
    assert len(trained.curves._marks) == page_.MARKS_SHOWN
    assert trained.curves._marks[-1][1] == f"mark {page_.MARKS_SHOWN + 4}"


def test_progress_without_a_loss_is_no_fault(page: ModelPage) -> None:
    page._show_progress(Progress(step=3, seconds=1.0, done=None, metrics={}))
    assert page.transport.loss.value.text() == "–"
    assert page.transport.bar.value() == 0


def test_a_model_of_several_curves_shows_the_first_above_them(
    qtbot: QtBot, painted: ModelPage
) -> None:
    painted.more(4)
    rest(qtbot, painted, 4)
    assert painted.transport.loss.name.text() == "critic"
    assert set(painted.curves._series) == {"critic", "training"}
    assert painted.caption.isVisible()
    assert painted.caption.text() == painted.caption.toolTip() == "Neither of them need fall."


def test_a_picture_is_put_into_the_view_that_takes_one(qtbot: QtBot, painted: ModelPage) -> None:
    assert painted.use_picture("/own/cat.png")
    card = painted.pictures.cards["drawn"]
    knobs: Any = card.form.value()
    assert knobs.picture == "/own/cat.png"

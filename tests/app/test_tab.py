"""A tab is built from declarations alone: every control of a family nobody has seen before."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app import i18n
from app.fields import TextField
from app.jobs import Strip
from app.page import ModelPage, estimate_in_words
from app.special.chips import TokenChips
from app.tab import FamilyTab
from app.transport import NARROWEST, ROOMY, WORDS, Transport, duration
from engine.events import Shown
from engine.family import Family
from engine.payloads import Bars, Curve, Heatmap, Tokens
from engine.session import Playground
from tests.app import fake


def click(qtbot: QtBot, button: QWidget) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def paused(page: ModelPage) -> Callable[[], bool]:
    return lambda: page.session.status == "paused" and not page.strip.pump.busy


def tokens(page: ModelPage) -> Tokens:
    payload = page.sampling.result.payload
    assert isinstance(payload, Tokens)
    return payload


def generated(qtbot: QtBot, page: ModelPage, length: int = 13) -> Tokens:
    def there() -> bool:
        payload = page.sampling.result.payload
        return isinstance(payload, Tokens) and len(payload.ids) == length

    qtbot.waitUntil(there)
    return tokens(page)


# --- before training


def test_models_data_and_knobs_are_those_declared(page: ModelPage) -> None:
    setup = page.setup
    assert [setup.model.itemText(i) for i in range(2)] == ["Toy toy", "Toy other"]
    assert [setup.data.choice.itemText(i) for i in range(2)] == ["One", "Two"]
    assert set(setup.net.rows) == {"size", "offset"}
    assert setup.train.rows["learning_rate"].badge is not None
    assert setup.train.rows["batch"].badge is None
    assert [page.pictures.tabs.tabText(i) for i in range(3)] == ["State", "Curve", "Bars"]
    assert set(page.sampling.form.rows) >= {"prompt", "length", "temperature"}


def test_the_estimate_comes_by_itself_and_follows_the_knobs(qtbot: QtBot, page: ModelPage) -> None:
    qtbot.waitUntil(lambda: "4 parameters" in page.setup.estimate.text())
    page.setup.preset.setCurrentIndex(1)
    page.setup.preset.activated.emit(1)
    qtbot.waitUntil(lambda: "32 parameters" in page.setup.estimate.text())
    assert page.session.net == fake.ToyNet(size=32)
    assert page.session.status == "empty"


def test_train_may_be_pressed_while_the_data_is_loaded(
    qtbot: QtBot, toys: Family, playground: Playground, strip: Strip, settings: QSettings
) -> None:
    tab = FamilyTab(toys, playground, strip, settings)
    qtbot.addWidget(tab)
    tab.show()
    page = tab.page
    page.setup.data.choose("two")
    assert page.setup.data.loading
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 0)
    assert page.session.data_name == "two"
    page.session.pause()
    qtbot.waitUntil(lambda: page.session.status == "paused")
    tab.shut()


def test_all_problems_are_listed_before_the_start(qtbot: QtBot, page: ModelPage) -> None:
    for form, name in ((page.setup.net, "size"), (page.setup.train, "batch")):
        fake.write(form, name, "9999")
    click(qtbot, page.transport.train_button)
    said = page.strip.messages[-1]
    assert said.grave
    assert "Size" in said.text
    assert "Batch size" in said.text
    assert page.session.status == "empty"


def test_what_the_model_refuses_is_told_before_the_start(qtbot: QtBot, page: ModelPage) -> None:
    fake.write(page.setup.net, "size", "13")
    click(qtbot, page.transport.train_button)
    assert "unlucky" in page.strip.messages[-1].text
    qtbot.waitUntil(lambda: "nlucky" in page.setup.estimate.text())


def test_another_data_set_and_an_own_file(qtbot: QtBot, page: ModelPage) -> None:
    card = page.setup.data
    card.choice.setCurrentIndex(1)
    card.choice.activated.emit(1)
    qtbot.waitUntil(lambda: page.session.data_name == "two")
    page.open_file("/somewhere/own.txt")
    qtbot.waitUntil(lambda: page.session.data_name == "/somewhere/own.txt")
    assert card.choice.currentText() == "own.txt"


def test_a_bad_file_is_told_and_the_old_data_stays(qtbot: QtBot, page: ModelPage) -> None:
    card = page.setup.data
    page.open_file("/somewhere/bad.bin")
    qtbot.waitUntil(lambda: card.problem.isVisible())
    assert "/somewhere/bad.bin is no text" in card.problem.text()
    assert "bad.bin" in page.strip.messages[-1].text
    assert page.session.data_name == card.choice.currentData() == "one"
    assert card.choice.count() == 2


def test_train_before_the_estimate_leaves_no_gap_and_a_pause_brings_it(
    qtbot: QtBot, page: ModelPage
) -> None:
    page.train()
    assert not page.setup.estimate.isVisible()
    qtbot.waitUntil(lambda: page.session.step > 5)
    page.pause()
    qtbot.waitUntil(lambda: "4 parameters" in page.setup.estimate.text())
    assert page.setup.estimate.isVisible()


# --- training


def test_train_and_pause(qtbot: QtBot, page: ModelPage) -> None:
    click(qtbot, page.transport.train_button)
    assert page.transport.train_button.text() == "Pause"
    qtbot.waitUntil(lambda: page.transport.steps.value.text() not in ("–", "0"))
    qtbot.waitUntil(lambda: page.transport.speed.value.text() != "–")
    assert page.transport.loss.name.text() == "loss, nats"
    qtbot.waitUntil(lambda: len(page.curves._series) == 2)
    qtbot.waitUntil(lambda: page.sampling.live.payload is not None)
    click(qtbot, page.transport.train_button)
    qtbot.waitUntil(paused(page))
    assert page.transport.train_button.text() == "Continue"
    assert page.transport.steps.value.text() == f"{page.session.step:,}"


def test_step_and_so_many_more(qtbot: QtBot, page: ModelPage) -> None:
    click(qtbot, page.transport.step_button)
    qtbot.waitUntil(paused(page))
    assert page.session.step == 1
    page.transport.count.setValue(30)
    click(qtbot, page.transport.more_button)
    qtbot.waitUntil(lambda: paused(page)() and page.session.step == 31)
    assert page.transport.steps.value.text() == "31"


def test_reset_replays_the_same_seed_and_the_dice_another(qtbot: QtBot, trained: ModelPage) -> None:
    def weights() -> list[float]:
        learner = trained.session.learner
        assert learner is not None
        (weight,) = learner.module.parameters()
        values: list[float] = weight.tolist()
        return values

    first = weights()
    click(qtbot, trained.transport.reset_button)
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    qtbot.waitUntil(lambda: trained.transport.steps.value.text() == "–")
    assert trained.sampling.result.payload is None
    trained.more(20)
    qtbot.waitUntil(lambda: paused(trained)() and trained.session.step == 20)
    assert weights() == first
    click(qtbot, trained.transport.dice_button)
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    assert trained.session.seed != 1
    assert f"seed {trained.session.seed}" == trained.transport.seed.text()
    trained.more(20)
    qtbot.waitUntil(lambda: paused(trained)() and trained.session.step == 20)
    assert weights() != first


def test_reset_while_it_trains(qtbot: QtBot, page: ModelPage) -> None:
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 5)
    click(qtbot, page.transport.reset_button)
    qtbot.waitUntil(lambda: page.session.status == "empty" and not page.strip.pump.busy)
    assert page.transport.train_button.text() == "Train"
    assert not [message for message in page.strip.messages if message.grave]


def test_a_live_knob_applies_at_once_and_leaves_a_mark(qtbot: QtBot, page: ModelPage) -> None:
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 5)
    fake.write(page.setup.train, "learning_rate", "0.05", take=True)
    learner = page.session.learner
    assert learner is not None
    assert learner.train.learning_rate == 0.05
    assert not page.setup.restart.isVisible()
    qtbot.waitUntil(lambda: bool(page.curves._marks))
    assert "0.003 → 0.05" in page.curves._marks[0][1]
    page.stop()
    qtbot.waitUntil(paused(page))


def test_another_knob_says_that_it_waits_for_a_reset(qtbot: QtBot, trained: ModelPage) -> None:
    fake.write(trained.setup.net, "size", "8", take=True)
    assert trained.setup.net.rows["size"].restart.isVisible()
    assert trained.setup.restart.isVisible()
    assert not trained.setup.net.rows["offset"].restart.isVisible()
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.status == "empty" and not trained.strip.pump.busy)
    assert not trained.setup.restart.isVisible()
    assert trained.session.net == fake.ToyNet(size=8)


def test_other_data_wait_for_a_reset_and_training_goes_on_with_the_old(
    qtbot: QtBot, trained: ModelPage
) -> None:
    trained.setup.data.choose("two")
    qtbot.waitUntil(lambda: trained.setup.data.name == "two")
    assert trained.setup.data.restart.isVisible()
    assert trained.session.data_name == "one"
    trained.more(5)
    qtbot.waitUntil(lambda: paused(trained)() and trained.session.step == 25)
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.data_name == "two")


def test_models_keep_what_they_have_while_another_is_seen(
    qtbot: QtBot, tab: FamilyTab, trained: ModelPage
) -> None:
    box = trained.setup.model
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert tab.page is not trained
    assert tab.page.session.status == "empty"
    assert box.currentIndex() == 0
    tab.choose("toy")
    assert tab.page is trained
    assert trained.session.step == 20


def test_a_hidden_page_draws_nothing_and_catches_up(
    qtbot: QtBot, tab: FamilyTab, page: ModelPage
) -> None:
    page.train()
    qtbot.waitUntil(lambda: bool(page.session.wanted))
    tab.choose("other")
    assert page.session.wanted == {}
    drawn = page.curves._series.get("training", ((), (), ""))[0]
    before, step = len(drawn), page.session.step
    qtbot.waitUntil(lambda: page.session.step > step + 60)
    assert len(page.curves._series.get("training", ((), (), ""))[0]) == before
    tab.choose("toy")
    assert len(page.curves._series["training"][0]) > before
    assert set(page.session.wanted) == {"state"}
    page.stop()
    qtbot.waitUntil(paused(page))


# --- pictures


def test_a_view_with_an_interval_is_redrawn_by_itself(qtbot: QtBot, page: ModelPage) -> None:
    card = page.pictures.cards["state"]
    page.train()
    qtbot.waitUntil(lambda: isinstance(card.holder.payload, Heatmap))
    step = card.step
    qtbot.waitUntil(lambda: card.step > step, timeout=15_000)
    page.stop()
    qtbot.waitUntil(paused(page))
    qtbot.waitUntil(lambda: card.step == page.session.step)


def test_a_view_on_demand_waits_for_show(qtbot: QtBot, trained: ModelPage) -> None:
    trained.pictures.tabs.setCurrentIndex(1)
    card = trained.pictures.cards["curve"]
    assert card.show_button.isVisible()
    qtbot.wait(300)
    assert card.holder.payload is None
    click(qtbot, card.show_button)
    qtbot.waitUntil(lambda: isinstance(card.holder.payload, Curve))


def test_a_fault_is_told_without_an_invitation_beside_it(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = trained.pictures.cards["curve"]
    trained.pictures.tabs.setCurrentIndex(1)
    assert card.holder.label.text() == "Press Show."
    card.complain("no tune")
    assert card.problem.isVisible()
    assert card.holder.label.text() == ""
    monkeypatch.setattr(card, "view", replace(card.view, invitation="train on tunes first"))
    card.say_empty(True)
    assert card.holder.label.text() == "train on tunes first"


def test_a_paused_model_is_drawn_when_a_view_is_chosen(qtbot: QtBot, trained: ModelPage) -> None:
    trained.pictures.tabs.setCurrentIndex(2)
    card = trained.pictures.cards["bars"]
    qtbot.waitUntil(lambda: isinstance(card.holder.payload, Bars))
    assert not card.form.isVisible()


def test_a_knob_of_a_view_draws_it_again(qtbot: QtBot, trained: ModelPage) -> None:
    card = trained.pictures.cards["state"]
    qtbot.waitUntil(lambda: card.holder.payload is not None and card.step == 20)
    before = card.holder.payload
    assert isinstance(before, Heatmap)
    fake.write(card.form, "scale", "2", take=True)
    qtbot.waitUntil(lambda: card.holder.payload is not before)
    after = card.holder.payload
    assert isinstance(after, Heatmap)
    assert after.values[0, 0] == pytest.approx(2 * before.values[0, 0])


def test_the_slider_shows_the_model_as_it_was(qtbot: QtBot, trained: ModelPage) -> None:
    pictures = trained.pictures
    card = pictures.cards["state"]
    assert pictures.time.isVisible()
    assert pictures.when.text() == "now"
    pictures.slider.setValue(0)
    assert pictures.when.text() == "step 0"
    qtbot.waitUntil(lambda: card.step == 0)
    pictures.slider.setValue(pictures.slider.maximum())
    qtbot.waitUntil(lambda: card.step == 20)
    assert pictures.when.text() == "now"


def test_a_picture_that_the_training_left_behind_says_its_step(
    qtbot: QtBot, trained: ModelPage
) -> None:
    pictures = trained.pictures
    card = pictures.cards["state"]
    payload = card.holder.payload
    assert payload is not None
    for step, words in ((7, "step 7"), (20, "now")):
        pictures.hear(Shown("state", payload, step))
        qtbot.waitUntil(lambda step=step: card.step == step)  # type: ignore[misc]
        assert pictures.when.text() == words


def test_another_view_is_drawn_of_the_step_that_is_looked_back_at(
    qtbot: QtBot, trained: ModelPage
) -> None:
    pictures = trained.pictures
    for index, key in ((2, "bars"), (1, "curve"), (0, "state")):
        pictures.tabs.setCurrentIndex(index)
        if pictures.cards[key].on_demand:
            click(qtbot, pictures.cards[key].show_button)
        qtbot.waitUntil(lambda key=key: pictures.cards[key].step == 20)  # type: ignore[misc]
    pictures.slider.setValue(0)
    qtbot.waitUntil(lambda: pictures.cards["state"].step == 0)
    for index, key in ((2, "bars"), (1, "curve")):
        pictures.tabs.setCurrentIndex(index)
        assert pictures.when.text() == "step 0"
        qtbot.waitUntil(lambda key=key: pictures.cards[key].step == 0)  # type: ignore[misc]


def test_a_view_on_demand_says_what_to_press(qtbot: QtBot, page: ModelPage) -> None:
    page.pictures.tabs.setCurrentIndex(1)
    card = page.pictures.cards["curve"]
    assert card.holder.label.text() == "Press Train, then Show."
    assert not card.show_button.isEnabled()
    page.train()
    qtbot.waitUntil(card.show_button.isEnabled, timeout=20_000)
    assert card.holder.label.text() == "Press Show."
    page.stop()
    qtbot.waitUntil(paused(page))


def test_while_one_looks_back_the_present_does_not_interfere(
    qtbot: QtBot, trained: ModelPage
) -> None:
    trained.pictures.slider.setValue(0)
    card = trained.pictures.cards["state"]
    qtbot.waitUntil(lambda: card.step == 0)
    trained.more(60)
    qtbot.waitUntil(lambda: paused(trained)() and trained.session.step == 80)
    assert card.step == 0
    assert trained.pictures.when.text() == "step 0"


def test_time_plays_from_the_first_step_to_now(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained.pictures._playing, "start", lambda: None)
    click(qtbot, trained.pictures.play_button)
    seen = []
    while not trained.pictures.now:
        seen.append(trained.pictures.step)
        trained.pictures._play_on()
    assert seen == list(trained.session.snapshots)


def test_the_question_mark_opens_the_lesson_at_that_view(
    qtbot: QtBot, tab: FamilyTab, page: ModelPage
) -> None:
    with qtbot.waitSignal(tab.lesson) as asked:
        click(qtbot, page.pictures.cards["state"].help_button)
    assert asked.args == ["rnn", "state"]


# --- sampling


def test_generate_draws_what_the_knobs_say(qtbot: QtBot, trained: ModelPage) -> None:
    click(qtbot, trained.sampling.generate_button)
    first = generated(qtbot, trained)
    assert first.kept == 1
    fake.write(trained.sampling.form, "prompt", "bad")
    click(qtbot, trained.sampling.generate_button)
    assert generated(qtbot, trained, 15).text.startswith("bad")


def test_without_a_model_there_is_nothing_to_draw(page: ModelPage) -> None:
    assert not page.sampling.generate_button.isEnabled()
    page.generate()
    assert page.sampling._job is None


def test_a_bad_prompt_is_told_beside_it(qtbot: QtBot, trained: ModelPage) -> None:
    fake.write(trained.sampling.form, "prompt", "xyz")
    trained.generate()
    qtbot.waitUntil(lambda: trained.sampling.problem.isVisible())
    assert "unknown letters" in trained.sampling.problem.text()


def test_choosing_an_alternative_writes_on_from_there(qtbot: QtBot, trained: ModelPage) -> None:
    trained.generate()
    first = generated(qtbot, trained)
    other = first.alternatives[5][1].id
    chips = trained.sampling.result.currentWidget()
    assert isinstance(chips, TokenChips)
    chips.regenerate.emit((5, other))
    second = generated(qtbot, trained, 6 + 12)
    assert second.ids[:5] == first.ids[:5]
    assert second.ids[5] == other


def test_choosing_in_the_live_sample_writes_on_too(qtbot: QtBot, trained: ModelPage) -> None:
    live = trained.sampling.live.payload
    assert isinstance(live, Tokens)
    chips = trained.sampling.live.currentWidget()
    assert isinstance(chips, TokenChips)
    chips.regenerate.emit((2, 7))
    assert generated(qtbot, trained, 3 + 12).ids[:3] == (*live.ids[:2], 7)


def test_stepping_gives_the_same_text_as_the_whole(qtbot: QtBot, trained: ModelPage) -> None:
    trained.generate()
    whole = generated(qtbot, trained)
    click(qtbot, trained.sampling.by_step)
    sampling = trained.sampling
    click(qtbot, sampling.generate_button)
    qtbot.waitUntil(lambda: len(tokens(trained).ids) == 1 and bool(tokens(trained).next))
    for drawn in range(1, 5):
        qtbot.waitUntil(lambda: sampling.next_button.isEnabled())
        click(qtbot, sampling.next_button)
        qtbot.waitUntil(lambda drawn=drawn: len(tokens(trained).ids) == 1 + drawn)  # type: ignore[misc]
    assert tokens(trained).ids == whole.ids[:5]
    assert tokens(trained).next


def test_what_could_come_next_goes_with_the_mode(qtbot: QtBot, trained: ModelPage) -> None:
    sampling = trained.sampling
    click(qtbot, sampling.by_step)
    qtbot.waitUntil(lambda: sampling.result.payload is not None and bool(tokens(trained).next))
    chips = sampling.result.currentWidget()
    assert isinstance(chips, TokenChips)
    assert chips.next_list.isVisible()
    assert not sampling.live_card.isVisible()
    click(qtbot, sampling.next_button)
    click(qtbot, sampling.by_step)  # before the token that was asked for is there
    qtbot.waitUntil(lambda: sampling._job is None and not trained.strip.pump.busy)
    assert not chips.next_list.isVisible()
    assert not chips.next_title.isVisible()
    assert sampling.live_card.isVisible()


def test_step_by_step_the_distribution_follows_the_knobs(qtbot: QtBot, trained: ModelPage) -> None:
    click(qtbot, trained.sampling.by_step)
    qtbot.waitUntil(lambda: trained.sampling.result.payload is not None)
    before = tokens(trained).next
    fake.write(trained.sampling.form, "seed", "2", take=True)
    qtbot.waitUntil(lambda: tokens(trained).next != before)
    assert len(tokens(trained).ids) == 1


def test_stop_ends_a_long_sample(qtbot: QtBot, trained: ModelPage) -> None:
    fake.write(trained.sampling.form, "length", "5000")
    trained.generate()
    qtbot.waitUntil(lambda: trained.sampling.result.payload is not None)
    click(qtbot, trained.sampling.stop_button)
    qtbot.waitUntil(lambda: not trained.sampling.stop_button.isEnabled())
    assert len(tokens(trained).ids) < 5000


def test_one_can_sample_and_look_while_it_trains(qtbot: QtBot, page: ModelPage) -> None:
    page.train()
    qtbot.waitUntil(lambda: page.sampling.generate_button.isEnabled())
    page.generate()
    generated(qtbot, page)
    assert page.session.status == "training"
    page.stop()
    qtbot.waitUntil(paused(page))


# --- where there is little room


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_transport_bar_fits_at_every_width(qtbot: QtBot, language: str) -> None:
    i18n.use(language)
    try:
        bar = Transport()
    finally:
        i18n.use("en")
    qtbot.addWidget(bar)
    bar.show()
    bar.show_numbers(123_456, 1234.5, "nats per character")
    for status in ("training", "paused"):
        bar.show_status(status, True)
        for width in (NARROWEST, WORDS, ROOMY, 1900):
            bar.resize(width, bar.sizeHint().height())
            layout = bar.layout()
            assert layout is not None
            layout.activate()
            assert layout.minimumSize().width() <= width
            assert bar.seed.isVisible() == (width >= ROOMY)


def test_every_line_of_a_text_is_whole(qtbot: QtBot, trained: ModelPage) -> None:
    field = trained.sampling.form.rows["prompt"].field
    assert isinstance(field, TextField)
    for lines in range(1, 9):
        field.setPlainText("\n".join("abcdefgh"[:lines]))
        spacing = field.fontMetrics().lineSpacing()
        shown, rest = divmod(field.viewport().height() - 3, spacing)
        assert shown == min(lines, field.most_lines)
        assert rest == (0 if lines > field.most_lines else 3)
        assert field.verticalScrollBar().isVisible() == (lines > field.most_lines)


# --- small things


def test_every_control_has_a_name_for_screen_readers(page: ModelPage) -> None:
    unnamed = [
        type(widget).__name__
        for widget in page.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not (widget.accessibleName() or getattr(widget, "text", str)())
        and type(widget).__module__.startswith("app.")
    ]
    assert unnamed == []


def test_words_for_times_and_estimates() -> None:
    assert [duration(each) for each in (0.4, 59.0, 75.0, 3700.0)] == [
        "1 s",
        "59 s",
        "1 min 15 s",
        "1 h 1 min",
    ]
    words = estimate_in_words(
        {"seconds": 40.0, "seconds_per_step": 0.01, "bytes": 12e6, "parameters": 210_000}
    )
    assert words == "whole plan: about 40 s · 0.2 M parameters · 12 MB"

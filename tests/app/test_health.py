"""Health in words: one sentence, its rule, and a remedy that is applied."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from app.health import HealthBanner
from app.page import ModelPage
from engine.events import Health
from engine.family import Family
from tests.app import fake
from tests.app.fake import SICK, SLIM

ODD = {"beta": 0.5, "width": 99}


@pytest.fixture
def banner(qtbot: QtBot) -> HealthBanner:
    banner = HealthBanner((SICK, SLIM))
    qtbot.addWidget(banner)
    return banner


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family of one model that is unwell when the tests say so."""
    fake.install(monkeypatch)
    never = [
        replace(rule, found=lambda history, train: False)
        for rule in (SICK, SLIM, replace(SLIM, key="odd", remedy=lambda train: ODD))
    ]
    return fake.family(fake.painter(health=tuple(never)))


def tell(page: ModelPage, *found: str) -> None:
    """As the training tells it."""
    job = page._training
    assert job is not None
    page._hear_training(job, Health(found))


@pytest.fixture
def training(qtbot: QtBot, page: ModelPage) -> ModelPage:
    """A page whose model trains."""
    page.train()
    qtbot.waitUntil(lambda: page.session.step > 5)
    return page


def knobs(page: ModelPage) -> fake.ToyPainterTrain:
    """What it trains with at the moment."""
    learner = page.session.learner
    assert learner is not None
    assert isinstance(learner.train, fake.ToyPainterTrain)
    return learner.train


def end(qtbot: QtBot, page: ModelPage) -> None:
    page.stop()
    qtbot.waitUntil(lambda: page.session.status == "paused" and not page.strip.pump.busy)


# --- the banner by itself


def test_while_all_is_well_there_is_nothing(banner: HealthBanner) -> None:
    assert banner.isHidden()
    banner.show_found(())
    assert banner.isHidden()
    banner.show_found(("unknown",))
    assert banner.isHidden()


def test_the_first_finding_its_rule_and_its_remedy(banner: HealthBanner) -> None:
    banner.show_found(("slim", "sick"))
    assert not banner.isHidden()
    assert banner.sentence.text() == str(SLIM.sentence)
    assert banner.sentence.toolTip() == banner.toolTip() == str(SLIM.rule)
    assert banner.button.text() == "Widen"
    banner.show_found(("sick",))
    assert banner.sentence.text() == str(SICK.sentence)
    banner.show_found(())
    assert banner.isHidden()


def test_what_is_waved_away_stays_away_until_it_has_gone_and_come_again(
    banner: HealthBanner,
) -> None:
    banner.show_found(("sick", "slim"))
    banner.close_button.click()
    assert banner.rule is SLIM
    banner.close_button.click()
    assert banner.isHidden()
    banner.show_found(("sick", "slim"))
    assert banner.isHidden()
    banner.show_found(("slim",))  # the one is gone
    assert banner.isHidden()
    banner.show_found(("sick", "slim"))  # and is found again
    assert banner.rule is SICK
    banner.close_button.click()
    banner.clear()
    banner.show_found(("slim",))
    assert banner.rule is SLIM


def test_the_button_asks_for_the_remedy_once(qtbot: QtBot, banner: HealthBanner) -> None:
    banner.show_found(("sick",))
    with qtbot.waitSignal(banner.remedy) as asked:
        banner.button.click()
    assert asked.args == [SICK]
    assert banner.isHidden()
    banner.show_found(("sick",))  # it takes a while until the remedy shows in the curves
    assert banner.isHidden()


@pytest.mark.parametrize(("width", "lines"), [(1004, 1), (640, 2)])
def test_a_long_sentence_is_whole(qtbot: QtBot, width: int, lines: int) -> None:
    sentence = (
        "The discriminator is too strong: it is never in doubt, so the generator learns little."
    )
    banner = HealthBanner((replace(SLIM, sentence=sentence, button="Halve the learning rate"),))
    qtbot.addWidget(banner)
    banner.show_found(("slim",))
    banner.resize(width, banner.heightForWidth(width))
    banner.show()
    label = banner.sentence
    needed = label.heightForWidth(label.width())
    assert needed <= label.height()
    assert needed <= lines * label.fontMetrics().lineSpacing() + 2
    assert banner.minimumSizeHint().width() <= 640


# --- on the page


def test_a_finding_is_shown_above_the_curves_and_goes(qtbot: QtBot, training: ModelPage) -> None:
    assert not training.health.isVisible()

    def place() -> int:
        return training.pictures.mapTo(training, QPoint(0, 0)).y()

    before, line = place(), training.health.sizeHint().height()
    tell(training, "sick")
    assert training.health.isVisible()
    qtbot.wait(20)
    above = training.health.mapTo(training, QPoint(0, training.health.height())).y()
    assert above <= training.curves.mapTo(training, QPoint(0, 0)).y()
    assert abs(place() - before) <= line + 10  # nothing moves further than one line
    tell(training)
    qtbot.wait(20)
    assert abs(place() - before) <= 2
    assert not training.health.isVisible()
    end(qtbot, training)


def test_a_live_remedy_is_in_force_at_once(qtbot: QtBot, training: ModelPage) -> None:
    tell(training, "sick")
    training.health.button.click()
    learner = training.session.learner
    assert learner is not None
    assert knobs(training).beta == 2.0
    assert training.setup.train.value().beta == 2.0
    assert training.setup.train.rows["beta"].field.value() == 2.0
    assert not training.setup.restart.isVisible()
    assert "4 → 2" in learner.history.marks[-1].text
    assert "Halve beta: Beta 2" in training.strip.messages[-1].text
    end(qtbot, training)


def test_another_remedy_waits_for_a_reset_and_the_live_part_does_not(
    qtbot: QtBot, training: ModelPage
) -> None:
    tell(training, "slim")
    training.health.button.click()
    assert knobs(training).beta == 1.0
    assert knobs(training).width == 3
    assert training.setup.train.value().width == 6
    assert training.setup.train.rows["width"].restart.isVisible()
    assert training.setup.restart.isVisible()
    end(qtbot, training)
    training.reset()
    qtbot.waitUntil(lambda: training.session.status == "empty" and not training.strip.pump.busy)
    assert training.session.train == replace(
        training.session.model.preset().train, width=6, beta=1.0
    )


def test_a_remedy_that_does_not_fit_is_told_and_changes_nothing(
    qtbot: QtBot, training: ModelPage
) -> None:
    before = training.session.train
    tell(training, "odd")
    training.health.button.click()
    assert training.strip.messages[-1].grave
    assert "99" in training.strip.messages[-1].text
    assert training.session.train == before
    assert training.setup.train.value() == before
    end(qtbot, training)


def test_after_a_reset_nothing_is_known(qtbot: QtBot, training: ModelPage) -> None:
    tell(training, "sick")
    training.health.close_button.click()
    tell(training, "sick", "slim")
    assert training.health.rule is training.session.model.health[1]
    training.reset()
    qtbot.waitUntil(lambda: training.session.status == "empty" and not training.strip.pump.busy)
    assert not training.health.isVisible()
    training.health.show_found(("sick",))
    assert training.health.rule is training.session.model.health[0]

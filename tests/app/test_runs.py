"""The list of saved runs."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.page import ModelPage
from app.runs import Entry, RunList, RunRow, ago, details_of, title_of
from app.tab import FamilyTab
from engine import session
from engine.store import Run
from tests.engine.second import Second


def show(qtbot: QtBot, page: ModelPage, count: int) -> RunList:
    page.left.setCurrentWidget(page.runs)
    qtbot.waitUntil(lambda: page.runs.list.count() == count)
    return page.runs


def test_a_training_is_listed_with_what_is_worth_knowing(qtbot: QtBot, trained: ModelPage) -> None:
    runs = show(qtbot, trained, 1)
    runs.list.setCurrentRow(0)
    run = runs.current()
    assert run is not None
    assert title_of(run) == "Toy toy · one"
    assert details_of(run, run.saved).startswith("20 steps · held-out ")
    assert not runs.empty.isVisible()


def test_an_empty_list_says_how_it_fills(qtbot: QtBot, page: ModelPage) -> None:
    page.left.setCurrentWidget(page.runs)
    assert page.runs.empty.isVisible()
    assert not page.runs.open_button.isEnabled()


def test_a_run_is_opened_and_trained_on(qtbot: QtBot, trained: ModelPage) -> None:
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    runs = show(qtbot, trained, 1)
    runs.list.setCurrentRow(0)
    QTest.keyClick(runs.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: trained.session.step == 20)
    qtbot.waitUntil(lambda: trained.transport.steps.value.text() == "20")
    assert trained.transport.train_button.text() == "Continue"
    trained.generate()
    qtbot.waitUntil(lambda: trained.sampling.result.payload is not None)
    trained.more(5)
    qtbot.waitUntil(lambda: trained.session.status == "paused" and trained.session.step == 25)


def test_the_newest_is_chosen_and_the_open_one_is_marked(qtbot: QtBot, trained: ModelPage) -> None:
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    trained.more(7)
    qtbot.waitUntil(lambda: trained.session.status == "paused" and trained.session.step == 7)
    runs = show(qtbot, trained, 2)
    newest = runs.current()
    assert newest is not None
    assert newest.step == 7
    assert runs.open_button.isEnabled()

    def marked() -> list[bool]:
        rows = (runs.list.itemWidget(runs.list.item(i)) for i in range(runs.list.count()))
        return [isinstance(row, RunRow) and row.mark.isVisible() for row in rows]

    assert marked() == [True, False]
    runs.list.setCurrentRow(1)
    runs.open_current()
    qtbot.waitUntil(lambda: marked() == [False, True])
    current = runs.current()
    assert current is not None
    assert current.step == 20


def test_a_run_of_the_other_model_opens_on_its_page(qtbot: QtBot, tab: FamilyTab) -> None:
    other = tab.choose("other")
    qtbot.waitUntil(lambda: other.setup.data.data is not None)
    other.more(3)
    qtbot.waitUntil(lambda: other.session.status == "paused" and other.session.step == 3)
    first = tab.choose("toy")
    runs = show(qtbot, first, 1)
    runs.list.setCurrentRow(0)
    runs.open_current()
    assert tab.page is other
    qtbot.waitUntil(lambda: "Opened at step 3" in [m.text for m in tab.strip.messages])


def test_a_deleted_run_comes_back(qtbot: QtBot, trained: ModelPage) -> None:
    runs = show(qtbot, trained, 1)
    runs.list.setCurrentRow(0)
    run = runs.current()
    assert run is not None
    QTest.keyClick(runs.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: runs.list.count() == 0)
    assert trained.session.playground.store.survey() == ()
    QTest.mouseClick(trained.strip.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: runs.list.count() == 1)
    assert trained.session.playground.store.read(run.id) == run


def of_many(trained: ModelPage, count: int) -> tuple[Entry, ...]:
    """Entries of so many runs, the newest first."""
    run = trained.session.run
    assert run is not None
    return tuple(Entry(replace(run, id=f"run-{count - i:03d}"), None) for i in range(count))


def rows_of(runs: RunList) -> list[RunRow]:
    rows = (runs.list.itemWidget(runs.list.item(i)) for i in range(runs.list.count()))
    return [row for row in rows if isinstance(row, RunRow)]


def test_a_delete_key_that_is_held_down_deletes_one(qtbot: QtBot, trained: ModelPage) -> None:
    runs = show(qtbot, trained, 1)
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    trained.more(3)
    qtbot.waitUntil(lambda: trained.session.status == "paused" and trained.session.step == 3)
    qtbot.waitUntil(lambda: runs.list.count() == 2)
    none = Qt.KeyboardModifier.NoModifier
    for repeated in (False, True, True):
        press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Delete, none, "", repeated)
        QApplication.sendEvent(runs.list, press)
    qtbot.waitUntil(lambda: runs.list.count() == 1 and runs._job is None)
    assert len(trained.session.playground.store.survey()) == 1


def test_all_that_was_deleted_can_be_brought_back(qtbot: QtBot, trained: ModelPage) -> None:
    """Also what the strip offers no more, since something else was said."""
    runs = show(qtbot, trained, 1)
    assert not runs.back_button.isVisible()
    trained.reset()
    qtbot.waitUntil(lambda: trained.session.status == "empty")
    trained.more(3)
    qtbot.waitUntil(lambda: trained.session.status == "paused" and trained.session.step == 3)
    qtbot.waitUntil(lambda: runs.list.count() == 2)
    for left in (1, 0):
        runs.delete_current()
        qtbot.waitUntil(lambda left=left: runs.list.count() == left)  # type: ignore[misc]
    trained.strip.say("something else")
    for there in (1, 2):
        QTest.mouseClick(runs.back_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda there=there: runs.list.count() == there)  # type: ignore[misc]
    assert not runs.back_button.isVisible()
    assert {row.words.title for row in rows_of(runs)} == {"Toy toy · one"}


def test_rows_stay_where_they_are_when_one_has_news(qtbot: QtBot, trained: ModelPage) -> None:
    """Or a click would be lost, and the place, at each save."""
    runs = show(qtbot, trained, 1)
    runs._look.stop()
    entries = of_many(trained, 30)
    runs.show_entries(entries)
    runs.list.setCurrentRow(20)
    bar = runs.list.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place, rows = bar.value(), rows_of(runs)
    assert place > 0
    news = tuple(
        each._replace(run=replace(each.run, step=99)) if i == 20 else each  # type: ignore[type-var]
        for i, each in enumerate(entries)
    )
    runs.show_entries(news)
    assert rows_of(runs) == rows
    assert bar.value() == place
    assert rows[20].details.text().startswith("99 steps")
    current = runs.current()
    assert current is not None
    assert (current.id, current.step) == ("run-010", 99)
    newer = of_many(trained, 31)
    runs.show_entries((newer[0], *news[:5], *news[6:]))
    kept = rows_of(runs)
    assert kept[1:6] + kept[6:] == rows[:5] + rows[6:]
    assert kept[0].words.key == "run-031"
    order = (news[3], news[1], news[2])
    runs.show_entries(order)
    assert [row.words.key for row in rows_of(runs)] == [each.run.id for each in order if each.run]


def test_how_long_ago_is_told_as_time_goes_by(
    qtbot: QtBot, trained: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = show(qtbot, trained, 1)
    (row,) = rows_of(runs)
    assert row.details.text().endswith("just now")
    now = time.time()
    monkeypatch.setattr("app.runs.time.time", lambda: now + 8 * 3600)
    runs._look_again()
    qtbot.waitUntil(lambda: row.details.text().endswith("8 hours ago"))
    assert rows_of(runs) == [row]


def test_a_run_in_training_is_not_deleted(
    qtbot: QtBot, page: ModelPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "AUTOSAVE_SECONDS", 0.2)
    page.train()
    runs = show(qtbot, page, 0)
    qtbot.waitUntil(
        lambda: page.session.run is not None and page.session.run.step > 0, timeout=15_000
    )
    runs.refresh()
    qtbot.waitUntil(lambda: runs.list.count() == 1)
    runs.list.setCurrentRow(0)
    runs.delete_current()
    assert "pause it" in page.strip.messages[-1].text
    assert len(page.session.playground.store.survey()) == 1
    page.stop()
    qtbot.waitUntil(lambda: page.session.status == "paused")


@pytest.fixture
def elsewhere(qtbot: QtBot, trained: ModelPage) -> Iterator[Second]:
    """Another program, which trains the run that is open here."""
    run = trained.session.run
    assert run is not None
    with Second(trained.session.playground.store.folder, "hold", run.id) as other:
        assert other.told("held")
        yield other


def test_a_run_that_another_program_trains_is_marked_until_it_ends(
    qtbot: QtBot, trained: ModelPage, elsewhere: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = show(qtbot, trained, 1)
    assert runs._look.isActive()

    def words() -> str:
        row = runs.list.itemWidget(runs.list.item(0))
        assert isinstance(row, RunRow)
        assert row.toolTip().endswith(row.held.text())
        return row.held.text() if row.held.isVisible() else ""

    qtbot.waitUntil(lambda: bool(words()))
    assert words().startswith(f"Trained by second.py (PID {elsewhere.pid}) since ")
    row = runs.list.itemWidget(runs.list.item(0))
    runs.refresh()
    qtbot.waitUntil(lambda: runs._job is None)
    assert runs.list.itemWidget(runs.list.item(0)) is row, "nothing new: the row stays"
    elsewhere.kill()
    runs._look.setInterval(50)  # a person waits for some seconds
    qtbot.waitUntil(lambda: not words())
    trained.left.setCurrentIndex(0)
    assert not runs._look.isActive()


def test_a_run_that_another_program_trains_is_not_deleted(
    qtbot: QtBot, trained: ModelPage, elsewhere: Second
) -> None:
    runs = show(qtbot, trained, 1)
    runs.delete_current()
    message = trained.strip.messages[-1]
    assert message.grave
    assert message.text.startswith("The run ")
    assert f" is in training elsewhere, by second.py (PID {elsewhere.pid}), since" in message.text
    assert "pause it there first" in message.text
    assert len(trained.session.playground.store.runs()) == 1


def test_a_copy_of_a_run_that_another_program_trains_goes_on_here(
    qtbot: QtBot, trained: ModelPage, elsewhere: Second
) -> None:
    first = trained.session.run
    assert first is not None
    trained.more(5)
    strip = trained.strip
    qtbot.waitUntil(lambda: strip.action.isVisible())
    assert strip.action.text() == "Train a copy"
    assert "is in training elsewhere" in strip.newest.text()
    assert trained.session.step == 20
    QTest.mouseClick(strip.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: trained.session.status == "paused" and trained.session.step == 25)
    copy = trained.session.run
    assert copy is not None
    assert copy.id != first.id
    runs = show(qtbot, trained, 2)
    assert [run.step for run in runs.playground.store.runs()] == [25, 20]


def test_another_fault_offers_no_copy(qtbot: QtBot, trained: ModelPage) -> None:
    assert trained._offer_copy(RuntimeError("x"), None) is None


def test_a_damaged_run_is_shown_with_its_fault_and_cannot_be_chosen(
    qtbot: QtBot, trained: ModelPage
) -> None:
    store = trained.session.playground.store
    (broken := store.folder / "29990101-000000-broken").mkdir()
    (broken / "run.json").write_text("{")
    runs = show(qtbot, trained, 2)
    runs.list.setCurrentRow(0)
    assert runs.current() is None
    assert not runs.open_button.isEnabled()
    row = runs.list.itemWidget(runs.list.item(0))
    assert "is damaged" in row.toolTip()
    assert not runs.list.item(0).flags() & Qt.ItemFlag.ItemIsSelectable


def test_a_run_that_was_damaged_since_is_told_and_nothing_is_lost(
    qtbot: QtBot, trained: ModelPage
) -> None:
    runs = show(qtbot, trained, 1)
    runs.list.setCurrentRow(0)
    run = runs.current()
    assert run is not None
    store = trained.session.playground.store
    for weights in Path(store.checkpoint_path(run)).glob("*.safetensors"):
        weights.write_bytes(b"no")
    runs.open_current()
    qtbot.waitUntil(lambda: bool(trained.strip.messages) and trained.strip.messages[-1].grave)
    assert trained.session.step == 20


def test_times_in_words() -> None:
    assert [ago(each) for each in (5, 61, 120, 7200, 90_000)] == [
        "just now",
        "1 minute ago",
        "2 minutes ago",
        "2 hours ago",
        "1 day ago",
    ]
    run = Run("r", "toy", "Toy", "one", "One", 1, {}, {}, step=1)
    assert details_of(run, 0.0) == "1 step"

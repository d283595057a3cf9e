"""The strip: running jobs, and what was said."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app import jobs
from app.jobs import KEPT, Action, Strip, words_for
from engine.events import Ended, Event, Progress, Said
from engine.phrases import N_, PlaygroundError
from engine.worker import Job, Worker


@pytest.fixture
def worker() -> Any:
    worker = Worker()
    yield worker
    assert worker.close()


def forever(job: Job) -> Any:
    while True:
        job.tell(Progress(3, 0.0, 0.25, note="reading"))
        yield


def failing(job: Job) -> Any:
    yield
    raise PlaygroundError(N_("{path} is no text", path="x.bin"))


def crashing(job: Job) -> Any:
    yield
    raise ValueError("boom")


def saying(job: Job) -> Any:
    job.tell(Said(N_("could not save to {folder}", folder="/nowhere"), grave=True))
    yield


def test_a_running_job_has_title_progress_and_cancel(
    qtbot: QtBot, strip: Strip, worker: Worker
) -> None:
    heard: list[Event] = []
    job = strip.follow(worker.submit(forever, N_("Training {model}", model="LSTM")), heard.append)
    qtbot.waitUntil(lambda: job in strip.rows)
    row = strip.rows[job]
    qtbot.waitUntil(lambda: row.bar.value() == 250)
    assert row.title.text() == "Training LSTM"
    assert row.cancel.accessibleName() == "Cancel: Training LSTM"
    QTest.mouseClick(row.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: job not in strip.rows)
    assert heard[-1] == Ended("stopped")
    assert not strip.messages


def test_a_short_job_is_never_listed(
    qtbot: QtBot, strip: Strip, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SHOWN_AFTER_MS", 100)
    job = strip.follow(worker.submit(saying, "Short"))
    qtbot.wait(250)
    assert job.ended
    assert not strip.rows


def test_what_a_job_says_is_shown_and_grave_words_stand_out(
    qtbot: QtBot, strip: Strip, worker: Worker
) -> None:
    strip.follow(worker.submit(saying, "Saving"), listed=False)
    qtbot.waitUntil(lambda: len(strip.messages) == 1)
    assert strip.messages[0].text == "could not save to /nowhere"
    assert strip.newest.property("role") == "warning"


@pytest.mark.parametrize(
    ("work", "words"),
    [(failing, "X.bin is no text"), (crashing, "Loading failed: ValueError: boom")],
)
def test_a_failed_job_is_told(
    qtbot: QtBot, strip: Strip, worker: Worker, work: Any, words: str
) -> None:
    strip.follow(worker.submit(work, "Loading"))
    qtbot.waitUntil(lambda: len(strip.messages) == 1)
    assert strip.messages[0].text == words
    assert strip.messages[0].grave


def test_the_fault_of_a_job_that_is_not_listed_is_left_to_its_listener(
    qtbot: QtBot, strip: Strip, worker: Worker
) -> None:
    heard: list[Event] = []
    strip.follow(worker.submit(failing, "Looking"), heard.append, listed=False)
    qtbot.waitUntil(lambda: bool(heard))
    assert isinstance(heard[-1], Ended)
    assert heard[-1].reason == "failed"
    assert not strip.messages


def test_an_action_stays_beside_its_message_and_runs_once(qtbot: QtBot, strip: Strip) -> None:
    undone: list[int] = []
    strip.say("Deleted", action=Action("Undo", lambda: undone.append(1)))
    assert strip.action.isVisible()
    assert strip.action.text() == "Undo"
    QTest.mouseClick(strip.action, Qt.MouseButton.LeftButton)
    assert undone == [1]
    assert not strip.action.isVisible()
    strip.say("Deleted", action=Action("Undo", lambda: undone.append(2)))
    strip.say("Something else")
    assert not strip.action.isVisible()


def test_a_message_fades_and_a_grave_one_stays_until_it_is_read(
    qtbot: QtBot, strip: Strip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SHOWN_MS", 50)
    strip.say("Ready")
    qtbot.waitUntil(lambda: strip.newest.text() == "")
    strip.say("disk full", grave=True)
    strip.say("Opened")
    assert "Opened" in strip.newest.text()
    qtbot.waitUntil(lambda: "disk full" in strip.newest.text())
    assert strip.newest.property("role") == "warning"
    strip.calm()
    assert "disk full" in strip.newest.text()
    QTest.mouseClick(strip.newest, Qt.MouseButton.LeftButton)
    assert strip.log.isVisible()
    QTest.mouseClick(strip.newest, Qt.MouseButton.LeftButton)
    assert strip.newest.text() == ""
    assert len(strip.messages) == 3


def test_many_jobs_do_not_make_the_strip_wider(
    qtbot: QtBot, strip: Strip, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SHOWN_AFTER_MS", 0)
    running = [strip.follow(worker.submit(forever, "A job with a long title " * 9)) for _ in "abc"]
    qtbot.waitUntil(lambda: len(strip.rows) == 3)
    qtbot.waitUntil(lambda: all(row.bar.isVisible() for row in strip.rows.values()))
    assert strip.minimumSizeHint().width() < 700
    for job in running:
        job.stop()
    qtbot.waitUntil(lambda: not strip.rows)


def test_the_last_messages_are_kept_and_shown_on_a_click(qtbot: QtBot, strip: Strip) -> None:
    for number in range(KEPT + 20):
        strip.say(f"message {number}")
    assert len(strip.messages) == strip.log.count() == KEPT
    assert strip.messages[0].text == "message 20"
    assert strip.log.item(0).text().endswith("message 20")
    assert "message 119" in strip.newest.text()
    assert not strip.log.isVisible()
    QTest.mouseClick(strip.more, Qt.MouseButton.LeftButton)
    assert strip.log.isVisible()


def test_an_error_for_people_is_a_sentence() -> None:
    assert words_for(PlaygroundError(N_("no such file"))) == "No such file"
    assert words_for(OSError("disk full")) == "OSError: disk full"

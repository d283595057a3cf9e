"""engine/events.py: the mailbox keeps the newest of each kind, and the end for good."""

import dataclasses
import threading

import pytest

from engine.events import Ended, Health, Mailbox, Progress, Said, Saved, Shown
from engine.payloads import Text


def test_the_newest_of_each_kind_and_view_wins() -> None:
    mailbox = Mailbox()
    for step in range(3):
        mailbox.put(Progress(step, 0.0, None))
        mailbox.put(Shown("a", Text(f"a{step}"), step))
        mailbox.put(Shown("b", Text(f"b{step}"), step))
        mailbox.put(Saved("run", step))
        mailbox.put(Said(f"said {step}"))
        mailbox.put(Health(("plateau",) * step))
    assert mailbox.drain() == (
        Progress(2, 0.0, None),
        Shown("a", Text("a2"), 2),
        Shown("b", Text("b2"), 2),
        Saved("run", 2),
        Said("said 2"),
        Health(("plateau", "plateau")),
    )


def test_a_drained_mailbox_is_empty() -> None:
    mailbox = Mailbox()
    mailbox.put(Said("once"))
    assert mailbox.drain() == (Said("once"),)
    assert mailbox.drain() == ()


def test_events_come_in_the_order_of_their_newest() -> None:
    mailbox = Mailbox()
    mailbox.put(Progress(1, 0.0, None))
    mailbox.put(Saved("run", 1))
    mailbox.put(Progress(2, 0.0, None))
    assert mailbox.drain() == (Saved("run", 1), Progress(2, 0.0, None))


def test_the_end_is_never_replaced_and_comes_last() -> None:
    mailbox = Mailbox()
    error = ValueError("first")
    mailbox.put(Ended("failed", error))
    mailbox.put(Ended("finished"))
    mailbox.put(Saved("run", 5))
    mailbox.put(Progress(5, 0.0, 1.0))
    assert mailbox.drain() == (Saved("run", 5), Progress(5, 0.0, 1.0), Ended("failed", error))


def test_memory_is_bounded_however_long_the_reader_sleeps() -> None:
    mailbox = Mailbox()
    for step in range(10_000):
        mailbox.put(Progress(step, 0.0, None))
        mailbox.put(Shown(f"view {step % 3}", Text("x"), step))
        mailbox.put(Ended("stopped"))
    assert len(mailbox._slots) == 1 + 3 + 1


def test_nothing_is_lost_or_torn_between_writer_and_reader() -> None:
    mailbox = Mailbox()
    last = 20_000

    def write() -> None:
        for step in range(last + 1):
            mailbox.put(Progress(step, float(step), None))
        mailbox.put(Ended("finished"))

    writer = threading.Thread(target=write)
    writer.start()
    steps: list[int] = []
    ended = 0
    while not ended:
        for event in mailbox.drain():
            if isinstance(event, Progress):
                assert event.seconds == event.step
                steps.append(event.step)
            ended += isinstance(event, Ended)
    writer.join()
    assert steps == sorted(set(steps))
    assert steps[-1] == last
    assert mailbox.drain() == ()


def test_events_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Progress(1, 0.0, None).step = 2  # type: ignore[misc]

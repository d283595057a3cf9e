"""engine/layers/compiling.py: made once and behind one's back, and a failure leaves one without."""

import logging
import threading
from collections.abc import Callable

import pytest

from engine.layers.compiling import Background

SECONDS = 60.0  # that nothing hangs


class Made:
    """Counts how often it is made; each try waits until it may go on."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.threads: list[threading.Thread] = []
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.threads.append(threading.current_thread())
        self.begun.set()
        assert self.may_go_on.wait(SECONDS)
        if self.faults:
            raise self.faults.pop(0)
        return "kernel"


def done(background: Background[str]) -> None:
    """Wait until it is made, or failed."""
    thread = background.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_nothing_is_made_before_it_is_asked_for() -> None:
    make = Made()
    threads = threading.active_count()
    Background(make)
    assert threading.active_count() == threads
    assert make.threads == []


def test_who_asks_early_gets_none_at_once_and_later_the_thing_itself() -> None:
    make = Made()
    background = Background(make)
    assert background.get() is None
    assert make.begun.wait(SECONDS)
    assert background.get() is None
    make.may_go_on.set()
    done(background)
    assert background.get() == "kernel"
    assert background.get() is background.get()
    assert len(make.threads) == 1


def test_it_is_made_on_a_thread_of_its_own_that_holds_up_no_exit() -> None:
    make = Made()
    make.may_go_on.set()
    background = Background(make)
    thread = background.start()
    done(background)
    assert make.threads == [thread]
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert thread.name == "compile"


def test_starting_again_gives_the_same_thread_even_after_the_end() -> None:
    make = Made()
    background = Background(make)
    first = background.start()
    assert background.start() is first
    make.may_go_on.set()
    done(background)
    assert background.start() is first
    assert len(make.threads) == 1


@pytest.mark.parametrize("ask", [Background.get, Background.start])
def test_many_who_ask_at_once_have_it_made_once(
    ask: Callable[[Background[str]], object],
) -> None:
    make = Made()
    background = Background(make)
    together = threading.Barrier(8)

    def work() -> None:
        together.wait(SECONDS)
        for _ in range(50):
            ask(background)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    make.may_go_on.set()
    done(background)
    assert len(make.threads) == 1
    assert background.get() == "kernel"


@pytest.mark.parametrize("fault", [RuntimeError("no compiler"), ImportError("no numba")])
def test_where_the_compiler_fails_it_is_noted_once_and_not_tried_again(
    caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    make = Made(fault)
    make.may_go_on.set()
    background = Background(make)
    with caplog.at_level(logging.WARNING, logger="engine.layers.compiling"):
        done(background)
        for _ in range(3):
            assert background.get() is None
    assert len(make.threads) == 1
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "a compiled kernel could not be made"
    assert record.exc_info is not None
    assert record.exc_info[1] is fault


def test_two_of_them_know_nothing_of_each_other() -> None:
    one, other = Made(RuntimeError("no compiler")), Made()
    for make in (one, other):
        make.may_go_on.set()
    first, second = Background(one), Background(other)
    done(first)
    assert other.threads == []
    done(second)
    assert (first.get(), second.get()) == (None, "kernel")

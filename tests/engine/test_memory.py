"""engine/memory.py: too little of it is told in words, and what was trained stays."""

import gc
import logging
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from engine import memory
from engine.events import Ended, Said
from engine.learner import size_of
from engine.phrases import PlaygroundError
from engine.session import Playground
from engine.worker import Job, Worker
from tests.engine.tiny import MODEL, Catalogue, learner, model

SOON = 30.0  # seconds that nothing here takes
MORE_THAN_ANY = 10**15  # numbers
OF_A_CARD = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a capacity of 2.00 GiB"


def of_python() -> None:
    raise MemoryError


def of_numpy() -> None:
    np.empty(MORE_THAN_ANY)


def of_torch() -> None:
    torch.empty(MORE_THAN_ANY)


def of_a_card() -> None:
    raise torch.OutOfMemoryError(OF_A_CARD)


WAYS = (of_python, of_numpy, of_torch, of_a_card)


@pytest.mark.parametrize("fail", WAYS)
def test_whoever_says_so_it_is_said_plainly(fail: Any) -> None:
    try:
        fail()
    except Exception as caught:  # noqa: BLE001 - whatever it is
        error = memory.plainly(caught)
    assert isinstance(error, PlaygroundError)
    assert "a smaller batch" in error.phrase


def test_any_other_error_stays_as_it_is() -> None:
    for error in (ValueError("no"), RuntimeError("mat1 and mat2 cannot be multiplied")):
        assert memory.plainly(error) is error


def test_what_was_computed_is_let_go_of() -> None:
    class Large:
        """Stands for a tensor."""

    kept: list[Any] = []

    def compute() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        raise torch.OutOfMemoryError(OF_A_CARD)

    try:
        compute()
    except torch.OutOfMemoryError as caught:
        memory.plainly(caught)
        gc.collect()
        assert kept[0]() is None, "before the error itself is gone"


@pytest.mark.parametrize("fail", WAYS)
def test_a_job_ends_with_these_words_and_the_others_go_on(
    fail: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def work(job: Job) -> Any:
        yield
        fail()

    def other(job: Job) -> Any:
        for _ in range(5):
            yield
        return 5

    worker = Worker()
    with caplog.at_level(logging.INFO):
        job, beside = worker.submit(work, "a view"), worker.submit(other)
        assert job.wait(SOON)
        assert beside.wait(SOON)
    assert worker.close()
    assert isinstance(job.error, PlaygroundError)
    assert "not enough memory" in job.error.phrase
    assert beside.result == 5
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("fail", WAYS)
def test_a_training_keeps_what_it_has_and_can_go_on(
    fail: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a graphics card has no more memory for a step: paused, saved, and told."""
    Catalogue().put_in_place(monkeypatch)
    playground = Playground([MODEL], tmp_path, threads=1)
    session = playground.open(MODEL)
    assert session.start(steps=3).wait(SOON)
    learner = session.learner
    assert learner is not None
    advance, calls = learner.advance, []

    def scarce() -> Any:
        calls.append(learner.step)
        if len(calls) == 3:
            fail()
        return advance()

    monkeypatch.setattr(learner, "advance", scarce)
    job = session.start(steps=20)
    assert job.wait(SOON)
    (ended,) = (each for each in job.mailbox.drain() if isinstance(each, Ended))
    assert ended.reason == "failed"
    assert isinstance(ended.error, PlaygroundError)
    assert "not enough memory" in ended.error.phrase
    assert session.status == "paused"
    assert session.step == 5
    assert session.run is not None
    assert playground.store.read(session.run.id).step == 5

    assert session.start(steps=20).wait(SOON)
    assert session.step == 20
    assert playground.close()


def test_a_net_that_would_not_fit_is_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux would promise the memory, and end the program as soon as it is used."""
    Catalogue().put_in_place(monkeypatch)
    playground = Playground([MODEL], tmp_path, threads=1)
    session = playground.open(MODEL)
    free = psutil.virtual_memory()._replace(available=1000)
    with monkeypatch.context() as little:
        little.setattr("engine.memory.psutil.virtual_memory", lambda: free)
        little.setattr("engine.learner.COPIES", 100)
        job = session.start(steps=3)
        assert job.wait(SOON)
    assert isinstance(job.error, PlaygroundError)
    assert "0.0 GB are free" in job.error.phrase
    assert session.status == "empty"
    assert session.start(steps=3).wait(SOON)
    assert session.step == 3
    assert playground.close()


def test_the_size_of_a_net_is_known_without_building_it() -> None:
    built = learner()
    size = size_of(MODEL, built.net, built.data)
    values = built.module.state_dict().values()
    assert size == sum(each.numel() * each.element_size() for each in values)
    state = torch.get_rng_state()
    size_of(MODEL, built.net, built.data)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_view_that_needs_too_much_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalogue().put_in_place(monkeypatch)

    def evaluate(*_args: Any) -> Any:
        yield
        of_a_card()

    scarce = model(evaluate=evaluate)
    playground = Playground([scarce], tmp_path, threads=1)
    session = playground.open(scarce)
    job = session.start(steps=10)
    assert job.wait(SOON)
    said = [each for each in job.mailbox.drain() if isinstance(each, Said)]
    assert any("not enough memory" in each.text for each in said)
    assert job.error is None
    assert session.step == 10
    assert playground.close()

"""Journeys in the tab Autoregressive: a point put by hand, a brush, a sound heard as it comes."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.journey.screen import Program, sound_server
from tests.journey.test_journey import (
    RECORD,
    loudest_within,
    plan_for_long,
    train,
    wait_for_sample,
)
from tests.journey.test_pictures import CARD, DRAWN, LIVE, SHOWN, go_to, leave, look_at, pause

Launch = Callable[[], Program]

AUTOREGRESSIVE = 4
WIDGET = f"{CARD}.holder.currentWidget()"


def choose_model(program: Program, key: str) -> None:
    """By the box at the top of the settings."""
    program.choose("page.setup.model", key)
    program.wait(f"page.session.model.key == {key!r} and page.setup.data.data is not None")


def test_point_by_point(launch: Launch) -> None:
    """Train, put a point by hand, rub out a part, and drag the receptive field."""
    program = launch()
    go_to(program, AUTOREGRESSIVE)
    assert program.ask("page.session.model.key") == "pixelcnn"
    choose_model(program, "gated-pixelcnn")
    plan_for_long(program)
    train(program)
    program.wait(f"{LIVE} is not None")
    assert program.ask(f"{LIVE}.pixels.shape") == [16, 28, 28, 1]
    put_a_point(program)
    rub_out(program)
    drag_the_field(program)
    pause(program)
    leave(program)


def put_a_point(program: Program) -> None:
    """Click a place, choose the other value: what follows changes, what was before does not."""
    look_at(program, "drawing")
    pause(program)
    program.wait(f"{DRAWN} and {CARD}.step == page.session.step")
    before = np.array(program.ask(f"{SHOWN}.tokens")).reshape(-1)
    draw = 14 * 28 + 9
    program.click(f"box({WIDGET}.board, {WIDGET}.board.place({draw}).toAlignedRect())")
    program.wait(f"{WIDGET}.draw_shown == {draw}")
    other = 1 - int(before[draw])
    chances = f"{WIDGET}.chances"
    program.click(f"box({chances}, {chances}.place({other}).toAlignedRect())")
    program.wait(f"{SHOWN}.turned == ({draw}, {other})")
    after = np.array(program.ask(f"{SHOWN}.tokens")).reshape(-1)
    assert after[draw] == other
    assert np.array_equal(after[:draw], before[:draw]), "what was drawn before has changed"
    program.wait(f"{CARD}.form.value().put == ({draw}, {other})")
    program.click("page.transport.train_button")
    program.wait("page.session.status == 'training'")


def rub_out(program: Program) -> None:
    """A stroke of the brush over a whole picture; all but what it covered stays."""
    look_at(program, "completion")
    program.choose(f"{CARD}.form.rows['region'].field", "by hand")
    program.wait(f"{SHOWN}.panels[0].erased == () and {DRAWN}")
    paper = f"{WIDGET}.children_[0].paper"
    cell = f"box({paper}, {paper}.place(10 * 28 + 6).toAlignedRect())"
    with program.dragging(cell, 40, 20):
        program.wait(f"len({CARD}.form.value().erased) > 4")
    program.wait(f"{DRAWN} and len({SHOWN}.panels[0].erased) > 4")
    erased = np.zeros(784, bool)
    cells, pixels = program.ask(f"({SHOWN}.panels[0].erased, {SHOWN}.panels[1].pixels)")
    erased[cells] = True
    pixels = np.array(pixels).reshape(-1, 784)
    assert len(pixels) == 9
    assert (pixels[1:, ~erased] == pixels[0, ~erased]).all(), "what was kept has changed"


def drag_the_field(program: Program) -> None:
    """The ring follows the hand, and so does the place that is looked at."""
    look_at(program, "field")
    plane, title = f"{WIDGET}.children_[0]", f"{SHOWN}.panels[0].title"
    before = program.ask(title)
    ring = f"{plane}.pixel_of({plane}.handles[0].x, {plane}.handles[0].y)"
    with program.dragging(f"spot({plane}.view, {ring})", 30, -20):
        program.wait(f"{title} != {before!r}")
    program.wait(f"'blind spot 0' in {title}")


def test_a_sound_is_heard_as_it_comes(
    launch: Launch, environment: dict[str, str], tmp_path: Path
) -> None:
    """WaveNet plays while it generates, and what it made is saved with its settings."""
    for name in ("pulseaudio", "parec"):
        if not any((Path(each) / name).is_file() for each in os.get_exec_path()):
            pytest.skip(f"{name} is not installed")
    with sound_server(tmp_path / "pulse") as address:
        environment["PULSE_SERVER"] = address
        program = launch()
        go_to(program, AUTOREGRESSIVE)
        choose_model(program, "wavenet")
        plan_for_long(program)
        train(program)
        program.wait(f"{LIVE} is not None and page.sampling.generate_button.isEnabled()")
        recorder = subprocess.Popen(
            RECORD, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            program.click("page.sampling.generate_button")
            program.wait("page.sampling.result.payload is not None")
            loudest = loudest_within(recorder, 90.0)
        finally:
            recorder.kill()
            recorder.communicate()
        assert loudest > 500, f"only silence was recorded (loudest sample: {loudest})"
        wait_for_sample(program)
        result = "page.sampling.result"
        assert program.ask(f"len({result}.payload.samples) == {result}.payload.expected")
        program.click(f"{result}.currentWidget().wav_button")
        program.focus("dialog")
        program.key("Return")
        program.wait("dialog is None")
        with soundfile.SoundFile(tmp_path / "sound.wav") as file:
            assert file.samplerate == 8000
            assert '"wavenet"' in file.comment
        assert program.ask("page.session.status") == "training"
        pause(program)
        leave(program)

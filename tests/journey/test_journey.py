"""Journeys through the real window: what a person does, from the first click on."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.bootstrap import READY
from tests.journey.screen import PATIENCE, POLL, ROOT, Program, Screen, sound_server

Launch = Callable[[], Program]

TRANSFORMER = 2
CLOSE_SECONDS = 2.0  # on a machine that has its usual speed
RECORD = ["parec", "--device=journey.monitor", "--format=s16le", "--rate=8000", "--channels=1"]
TUNE = "X:1\nT:Test\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"


# --- steps that several journeys take


def begin(program: Program, tab: int = TRANSFORMER) -> None:
    """Wait until it is ready, go to a tab, and choose the smallest data."""
    program.ready()
    program.show_tab("window.tabs.tabBar()", tab)
    program.wait("page is not None and page.setup.data.data is not None")
    program.choose("page.setup.data.choice", "names")
    program.wait("page.setup.data.name == 'names'")


def train(program: Program) -> None:
    """Press Train, and wait for the first steps."""
    program.click("page.transport.train_button")
    program.wait("page.session.status == 'training' and page.session.step > 2")


def take_one_step(program: Program) -> None:
    """The least training there is."""
    program.click("page.transport.step_button")
    program.wait("page.session.step > 0 and page.session.status == 'paused'")


def generate(program: Program) -> None:
    """Click Generate, and wait until the sample is whole."""
    program.click("page.sampling.generate_button")
    wait_for_sample(program)


def wait_for_sample(program: Program) -> None:
    """Until nothing is being drawn any more and all of it is shown."""
    program.wait(
        "page.sampling.result.payload is not None and page.sampling._job is None"
        " and not page.strip.pump._queue.get((id(page.sampling), 'sample'))"
    )


def reopen(launch: Launch) -> Program:
    """Start again, and open the newest run from the list."""
    program = launch()
    program.ready()
    program.show_tab("window.tabs.tabBar()", TRANSFORMER)
    program.wait("page is not None and page.setup.data.data is not None")
    program.show_tab("page.left.tabBar()", 1)
    program.wait("page.runs.list.count()")
    program.click("row(page.runs.list, 0)")
    program.click("page.runs.open_button")
    program.wait("page.session.step and page.transport.train_button.text() == 'Continue'")
    return program


def saved_run(runs: Path) -> dict[str, object]:
    """What ``run.json`` of the one run says."""
    (path,) = runs.glob("*/run.json")
    content: dict[str, object] = json.loads(path.read_text("utf-8"))
    return content


# --- the journeys


def test_first_visit(launch: Launch, environment: dict[str, str]) -> None:
    """Train, watch, write with it, turn a knob, leave in the middle, come back and go on."""
    program = launch()
    begin(program)
    plan_for_long(program)
    train(program)
    see_the_loss_fall(program)
    see_a_live_sample(program)
    look_at_every_picture(program)
    generate(program)
    choose_another_token(program)
    write_step_by_step(program)
    pause_with_a_key(program)
    sample_while_paused(program)
    turn_a_live_knob(program)
    left_at = leave_while_training(program, Path(environment["PLAYGROUND_RUNS"]))

    again = reopen(launch)
    assert again.ask("page.session.step") == left_at
    again.wait("page.setup.data.choice.currentData() == 'names'")
    again.wait("len(page.curves._marks) == 1")
    again.key("ctrl+Return")
    again.wait(f"page.session.step > {left_at}")
    steps = again.ask("list(page.session.history.series('loss').steps)")
    assert steps == sorted(steps), "the curve does not go on from where it was"
    assert steps[0] <= left_at
    again.key("ctrl+q")
    again.ended()


def plan_for_long(program: Program) -> None:
    """So that a fast machine does not come to the end of the plan during the journey."""
    field = "page.setup.train.rows['steps'].field"
    program.ask(f"reveal({field})")
    program.set_text(field, "100000\n")
    program.wait("page.session.train.steps == 100000")


def see_the_loss_fall(program: Program) -> None:
    """Well below where it began."""
    losses = "page.session.history.series('loss').values"
    program.wait(f"len({losses}) > 20")
    program.wait(f"{losses}[-5:].mean() < 0.8 * {losses}[0]")
    program.wait("box(page.curves.plot)")
    program.wait("page.transport.loss.value.text() not in ('', '–')")


def see_a_live_sample(program: Program) -> None:
    """The model writes while it learns, and what it writes changes."""
    program.wait("page.sampling.live.payload is not None")
    assert program.wait("page.sampling.live.payload.text.strip()")
    first = program.ask("page.sampling.live_step.text()")
    program.wait(f"page.sampling.live_step.text() != {first!r}")


def look_at_every_picture(program: Program) -> None:
    """Each view shows something, or says why not."""
    card = "page.pictures.current"
    for index in range(program.ask("page.pictures.tabs.count()")):
        program.show_tab("page.pictures.tabs", index)
        if program.ask(f"{card}.on_demand"):
            program.click(f"{card}.show_button")
        program.wait(f"{card}.holder.payload is not None or {card}.problem.isVisible()")
        if program.ask(f"{card}.view.key") != "listen":  # names are no tunes, and it says so
            assert program.ask(f"{card}.holder.payload is not None"), program.ask(
                f"{card}.problem.text()"
            )
    program.show_tab("page.pictures.tabs", 0)


def choose_another_token(program: Program) -> None:
    """Hover a token, pin its list, click another one: the text is written on from there."""
    chips = "page.sampling.result.currentWidget()"
    popup, tokens = f"{chips}.popup", f"{chips}.canvas.tokens"
    before = program.ask(f"{tokens}.ids")
    seen = f"{chips}.canvas.viewport().rect().contains({chips}.canvas.place_of(i))"
    drawn = f"range({tokens}.kept + 1, len({tokens}.ids))"
    position = program.ask(f"[i for i in {drawn} if {seen}][6]")
    token = f"box({chips}.canvas.viewport(), {chips}.canvas.place_of({position}))"
    program.hover(token)
    program.wait(f"{popup}.isVisible() and {popup}.position == {position}")
    program.wait(f"10 <= {popup}.list.count() <= 11")  # the ten likeliest, and the drawn one
    program.click(token)
    program.wait(f"{popup}.pinned")
    identities = program.ask(f"[each.id for each in {tokens}.alternatives[{position}]]")
    other = next(row for row, token in enumerate(identities) if token != before[position])
    program.click(f"row({popup}.list, {other})")
    program.wait(f"{tokens}.ids[{position}] == {identities[other]}")
    wait_for_sample(program)
    program.wait(f"len({tokens}.ids) > {position} + 5")
    after = program.ask(f"{tokens}.ids")
    assert after[:position] == before[:position], "the text before was not kept"
    assert program.ask(f"{tokens}.kept") == position + 1
    program.wait(f"not {popup}.isVisible()")


def write_step_by_step(program: Program) -> None:
    """The distribution before each draw; one token more; one that we choose."""
    chips = "page.sampling.result.currentWidget()"
    tokens, following = f"{chips}.canvas.tokens", f"{chips}.next_list"
    program.click("page.sampling.by_step")
    program.wait(f"{tokens}.next and {following}.isVisible()")
    wait_for_sample(program)
    length = program.ask(f"len({tokens}.ids)")
    program.wait("page.sampling.next_button.isEnabled()")
    program.click("page.sampling.next_button")
    program.wait(f"len({tokens}.ids) == {length + 1} and {tokens}.next")
    wait_for_sample(program)
    wanted = program.ask(f"{tokens}.next[1].id")
    program.click(f"row({following}, 1)")
    program.wait(f"len({tokens}.ids) == {length + 2} and {tokens}.ids[-1] == {wanted}")
    program.click("page.sampling.by_step")
    program.wait(f"not (page.sampling.next_button.isVisible() or {following}.isVisible())")


def pause_with_a_key(program: Program) -> None:
    """P stops it, and it stays where it is."""
    program.key("p")
    program.wait("page.session.status == 'paused'")
    program.wait("page.transport.train_button.text() == 'Continue'")


def sample_while_paused(program: Program) -> None:
    """Ctrl+G draws from the model as it is."""
    step = program.ask("page.session.step")
    before = program.ask("len(page.sampling.result.payload.ids)")
    program.key("ctrl+g")
    program.wait(f"len(page.sampling.result.payload.ids) != {before}")
    wait_for_sample(program)
    assert program.ask("page.session.step") == step


def turn_a_live_knob(program: Program) -> None:
    """While it trains: in force at once, and marked on the curve."""
    program.key("ctrl+Return")
    program.wait("page.session.status == 'training'")
    field = "page.setup.train.rows['learning_rate'].field"
    program.ask(f"reveal({field})")
    program.set_text(field, "0.0007\n")
    program.wait("page.session.learner.train.learning_rate == 0.0007")
    program.wait("[mark for mark in page.session.history.marks if '0.0007' in mark.text]")
    program.wait("page.curves._marks")


def leave_while_training(program: Program, runs: Path) -> int:
    """Close the window in the middle: over in two seconds, and everything is saved."""
    assert program.ask("page.session.status") == "training"
    step = program.ask("page.session.step")
    program.wait(f"page.session.step > {step}")
    step = program.ask("page.session.step")
    window = program.ask("int(window.winId())")
    begun = time.monotonic()
    program.screen.ask_to_close(window)
    program.ended()
    took, limit = time.monotonic() - begun, CLOSE_SECONDS * program.slowness
    assert took < limit, f"closing took {took:.2f} s, and {limit:.2f} s is the most"
    run = saved_run(runs)
    assert isinstance(run["step"], int)
    assert run["step"] >= step
    assert not list(runs.rglob("*.part*")), "something was left half-written"
    return run["step"]


@contextlib.contextmanager
def started(
    screen: Screen, environment: dict[str, str], folder: Path, *command: str
) -> Iterator[None]:
    """`command` opens the program in `folder`: first paint before the engine, then ready, and
    after the block Ctrl+Q.
    """
    with subprocess.Popen(
        [*command, READY, "--trace-start"],
        env={**environment, "DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            events = [json.loads(process.stdout.readline())["event"] for _ in range(2)]
            assert events == ["first_paint", "ready"]
            found = screen.do("search", "--sync", "--onlyvisible", "--name", "^Generative Playg")
            screen.do("windowfocus", "--sync", found.split()[0])
            yield
            screen.do("key", "ctrl+q")
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_as_a_person_starts_it(screen: Screen, environment: dict[str, str], tmp_path: Path) -> None:
    """`python main.py`."""
    with started(screen, environment, tmp_path, sys.executable, str(ROOT / "main.py")):
        pass


def test_killed(launch: Launch, environment: dict[str, str]) -> None:
    """What a crash leaves can be opened, and trained on."""
    program = launch()
    begin(program)
    train(program)
    runs = Path(environment["PLAYGROUND_RUNS"])
    until = time.monotonic() + PATIENCE
    while not saved_run(runs)["step"]:
        assert time.monotonic() < until, "nothing was saved while it trained"
        time.sleep(POLL)
    program.kill()
    step = saved_run(runs)["step"]

    again = reopen(launch)
    assert again.ask("page.session.step") == step
    generate(again)
    again.key("ctrl+Return")
    again.wait(f"page.session.step > {step}")
    again.key("ctrl+q")
    again.ended()


def test_bad_file(launch: Launch, tmp_path: Path) -> None:
    """A file that is no text is refused in words, and nothing is lost."""
    bad = tmp_path / "noise.txt"
    bad.write_bytes(bytes(range(256)) * 64)
    program = launch()
    begin(program)
    take_one_step(program)
    program.key("ctrl+o")
    program.focus("dialog")
    program.click(f"file(dialog, {bad.name!r})", times=2)
    program.wait("dialog is None")
    problem = program.wait("box(page.setup.data.problem) and page.setup.data.problem.text()")
    assert bad.name in problem
    assert program.ask("page.setup.data.name") == "names"
    assert program.ask("page.setup.data.choice.currentData()") == "names"
    assert program.ask("page.session.step") == 1
    program.focus()
    train(program)
    program.key("ctrl+q")
    program.ended()


# --- sound


def sound_a_tune(program: Program) -> str:
    """Show a tune that is typed in under "Listen"; the expression for its widget."""
    begin(program)
    take_one_step(program)
    card = "page.pictures.current"
    listen = program.ask("list(page.pictures.cards).index('listen')")
    program.show_tab("page.pictures.tabs", listen)
    program.set_text(f"{card}.form.rows['abc'].field", TUNE)
    program.click(f"{card}.show_button")
    program.wait(f"{card}.holder.payload is not None")
    return f"{card}.holder.currentWidget()"


def test_no_sound_device(launch: Launch, tmp_path: Path) -> None:
    """Play says what is missing, and the sound can be saved all the same."""
    program = launch()
    widget = sound_a_tune(program)
    program.click(f"{widget}.play_button")
    words = program.wait(f"box({widget}.message) and {widget}.message.text()")
    assert "Saving works" in words
    program.click(f"{widget}.wav_button")
    program.focus("dialog")
    program.key("Return")  # the name that is proposed, in the folder where it was started
    program.wait("dialog is None")
    samples, rate = soundfile.read(tmp_path / "sound.wav")
    assert len(samples) > rate
    assert np.abs(samples).max() > 0.05
    program.focus()
    program.key("ctrl+q")
    program.ended()


def test_sound_is_heard(launch: Launch, environment: dict[str, str], tmp_path: Path) -> None:
    """What is played comes out of the sound server."""
    for name in ("pulseaudio", "parec"):
        if not any((Path(each) / name).is_file() for each in os.get_exec_path()):
            pytest.skip(f"{name} is not installed")
    with sound_server(tmp_path / "pulse") as address:
        environment["PULSE_SERVER"] = address
        program = launch()
        widget = sound_a_tune(program)
        recorder = subprocess.Popen(
            RECORD,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            program.click(f"{widget}.play_button")
            loudest = loudest_within(recorder, 60.0)
        finally:
            recorder.kill()
            recorder.communicate()
        assert program.ask(f"{widget}.message.isVisible()") is False
        assert loudest > 500, f"only silence was recorded (loudest sample: {loudest})"
        program.key("ctrl+q")
        program.ended()


def loudest_within(recorder: "subprocess.Popen[bytes]", seconds: float) -> int:
    """The loudest sample heard until there was one that is no silence, or the time was over."""
    assert recorder.stdout is not None
    until = time.monotonic() + seconds
    loudest = 0
    while loudest <= 500 and time.monotonic() < until:
        block = np.frombuffer(recorder.stdout.read(1600), "<i2").astype(np.int32)
        loudest = max(loudest, int(np.abs(block).max(initial=0)))
    return loudest

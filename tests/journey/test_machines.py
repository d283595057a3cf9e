"""The program on machines that are not like the one it was made on."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journey.conftest import SCREEN
from tests.journey.screen import PATIENCE, POLL, ROOT, Program, Screen
from tests.journey.test_journey import (
    Launch,
    begin,
    generate,
    reopen,
    started,
    take_one_step,
    train,
    wait_for_sample,
)

Open = Callable[..., Program]
# Root may write everywhere, unless it lays this down.
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.fixture
def open_on(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path
) -> Iterator[Open]:
    """`open_on(width, height, *Xvfb's options, **environment)`: the program on such a screen."""
    for name in ("Xvfb", "xdotool"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    with contextlib.ExitStack() as opened:

        def open_(width: int, height: int, *more: str, **variables: str) -> Program:
            screen = Screen(tmp_path / "screen", width, height, *more)
            opened.callback(screen.close)
            request.node.stash[SCREEN] = (screen, tmp_path)
            program = Program(screen, environment | variables, tmp_path)
            opened.callback(program.close)
            return program

        yield open_


def work(program: Program) -> None:
    """Train, look, sample, pause and leave: the whole way."""
    begin(program)
    train(program)
    program.wait("box(page.curves.plot)")
    program.wait("page.pictures.current.holder.payload is not None")
    generate(program)
    program.key("p")
    program.wait("page.session.status == 'paused'")
    program.key("ctrl+q")
    program.ended()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system gives no cores away")
def test_one_core(launch: Launch) -> None:
    """Window and training share it, and the window answers."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # the program has what its parent has
    try:
        program = launch()
        program.ready()
        assert program.ask("len(__import__('os').sched_getaffinity(0))") == 1
    finally:
        os.sched_setaffinity(0, before)
    work(program)


def test_no_opengl(open_on: Open) -> None:
    """Everything is drawn by the processor: neither the screen nor Qt has to know OpenGL."""
    program = open_on(1440, 900, "-extension", "GLX", QT_XCB_GL_INTEGRATION="none")
    work(program)
    assert "GL" not in program.said()


def test_a_small_screen(open_on: Open) -> None:
    """1024x700: the window fits, in every tab, and what one needs is in sight."""
    program = open_on(1024, 700)
    program.ready()
    for tab in range(program.ask("window.tabs.count()")):
        program.show_tab("window.tabs.tabBar()", tab)
        program.wait("page is not None and page.setup.data.data is not None")
        size = program.ask("(window.width(), window.height())")
        assert size[0] <= 1024, f"tab {tab} is {size[0]} wide"
        assert size[1] <= 700, f"tab {tab} is {size[1]} high"
        for part in ("transport.train_button", "setup.data.choice", "pictures.tabs"):
            x, y, width, height = program.wait(f"box(page.{part})")
            assert min(x, y) >= 0
            assert x + width <= 1024
            assert y + height <= 700
    work(program)


def test_a_large_screen_at_scale_2(open_on: Open, tmp_path: Path) -> None:
    """3840x2160 with two pixels to one: clicks meet what is seen, and pictures use all pixels."""
    program = open_on(3840, 2160, QT_SCALE_FACTOR="2")
    begin(program)
    assert program.ask("window.devicePixelRatio()") == 2
    assert program.ask("page.grab().width()") == 2 * program.ask("page.width()")
    train(program)
    program.wait("page.pictures.current.holder.payload is not None")
    generate(program)
    pictures = program.screen.picture(tmp_path / "scaled.png")
    assert pictures.stat().st_size > 50_000, "the window is nearly empty"
    program.key("ctrl+q")
    program.ended()


def test_a_home_with_spaces_and_chinese_letters(
    launch: Launch, environment: dict[str, str], tmp_path: Path
) -> None:
    """All that is kept goes there where nothing else is said: runs, settings, the log."""
    home = tmp_path / "家 目录 of 小明"
    home.mkdir()
    for name in [each for each in environment if each.startswith(("XDG_", "PLAYGROUND_"))]:
        del environment[name]
    environment["HOME"] = str(home)
    own = tmp_path / "我的 文本.txt"
    own.write_text("春眠不觉晓,处处闻啼鸟。夜来风雨声,花落知多少。\n" * 200, "utf-8")

    program = launch()
    begin(program)
    program.key("ctrl+o")
    program.focus("dialog")
    program.click(f"file(dialog, {own.name!r})", times=2)
    program.wait("dialog is None")
    program.wait("page.setup.data.data is not None and '我的 文本' in page.setup.data.data.title")
    program.focus()
    take_one_step(program)
    train(program)
    program.key("p")
    program.wait("page.session.status == 'paused'")
    step = program.ask("page.session.step")
    program.key("ctrl+q")
    program.ended()

    (run,) = home.rglob("run.json")
    assert json.loads(run.read_text("utf-8"))["step"] == step
    assert list(home.rglob("*.log"))
    assert list(home.rglob("*.ini")) or list(home.rglob("*.conf"))

    again = reopen(launch)
    assert again.ask("page.session.step") == step
    assert "我的 文本" in again.ask("page.session.run.data_title")
    again.key("ctrl+g")
    wait_for_sample(again)
    again.key("ctrl+q")
    again.ended()


def test_no_write_permission_where_main_lies(
    screen: Screen, environment: dict[str, str], tmp_path: Path
) -> None:
    """As where an administrator installed it: it starts, and leaves nothing there."""
    place = tmp_path / "opt" / "playground"
    place.mkdir(parents=True)
    for name in ("app", "engine", "assets", "scripts"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, place / name)
    powerless = POWERLESS if os.geteuid() == 0 else []
    if powerless and shutil.which(powerless[0]) is None:
        pytest.skip("root may write everywhere")
    before = sorted(path.relative_to(place) for path in place.rglob("*"))
    subprocess.run(["chmod", "-R", "a-w", str(place)], check=True)
    try:
        refused = subprocess.run(
            [*powerless, "touch", str(place / "app" / "new")], capture_output=True, check=False
        )
        assert refused.returncode != 0, "this test would show nothing"
        command = [*powerless, sys.executable, str(place / "main.py")]
        with started(screen, environment, place, *command):
            screen.do("key", "ctrl+Return")  # trains, with the defaults
            runs = Path(environment["PLAYGROUND_RUNS"])
            wait_until(lambda: any(runs.glob("*/run.json")))
        assert sorted(path.relative_to(place) for path in place.rglob("*")) == before
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(place)], check=True)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something outside of the program."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(POLL)

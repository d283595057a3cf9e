"""A screen, a program on it, and a picture of it where a test fails."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.journey.screen import Program, Screen

NEEDED = ("Xvfb", "xdotool")
SCREEN = pytest.StashKey[tuple[Screen, Path]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys take their time where the machine is slow, and get a second chance."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save the screen of a test that failed, and say where."""
    report = yield
    found = item.stash.get(SCREEN, None)
    if report.when == "call" and report.failed and found is not None:
        screen, folder = found
        try:
            words = str(screen.picture(folder / "screen.png"))
        except (OSError, AssertionError) as error:
            words = f"could not be saved: {error}"
        report.sections.append(("what was on the screen", words))
    return report


@pytest.fixture
def screen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Screen]:
    """A screen for one test."""
    for name in NEEDED:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: the journey needs {' and '.join(NEEDED)}")
    screen = Screen(tmp_path / "screen")
    request.node.stash[SCREEN] = (screen, tmp_path)
    yield screen
    screen.close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home that nobody lives in yet, and no sound device."""
    home = tmp_path / "home"
    made = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_DATA_HOME": home / "data",
        "XDG_RUNTIME_DIR": home / "runtime",
        "PLAYGROUND_RUNS": tmp_path / "runs",
        "PLAYGROUND_CACHE": tmp_path / "cache",
        "PLAYGROUND_LOG": tmp_path / "log",
    }
    for folder in made.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    nowhere = str(tmp_path / "no-such-server")
    left_out = ("WAYLAND_DISPLAY", "LANGUAGE", "PULSE_SINK", "QT_SCALE_FACTOR", "PLAYGROUND_T0")
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        **{name: str(folder) for name, folder in made.items()},
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PULSE_SERVER": f"unix:{nowhere}",
        "PIPEWIRE_REMOTE": nowhere,
    }


@pytest.fixture
def launch(
    screen: Screen, environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], Program]]:
    """Opens the program; what is still open at the end is closed."""
    launched: list[Program] = []

    def open_program() -> Program:
        program = Program(screen, environment, tmp_path)
        launched.append(program)
        return program

    yield open_program
    for program in launched:
        program.close()

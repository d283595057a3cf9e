"""main.py and scripts/: the set-up on a fresh machine, without a network."""

import ast
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import main
from scripts import bootstrap, installing, libraries
from scripts.bootstrap import Options, SetUpError

ROOT = Path(main.__file__).parent
really_installed = bootstrap.installed


class Machine:
    """Stands in for `subprocess` and exec: notes what would run, and says what it is told."""

    def __init__(self, root: Path) -> None:
        self.venv = root / ".venv"
        self.commands: list[list[str]] = []
        self.became: list[list[str]] = []
        self.said = "Collecting torch>=2.6\nInstalling collected packages: torch\n"
        self.status = 0
        self.works = True  # whether the environment's Python starts and has pip

    def popen(self, command: list[str], **_: Any) -> "Machine.Process":
        self.commands.append(command)
        if "venv" in command:
            self.make_interpreter()
            return Machine.Process("", 0)
        return Machine.Process(self.said, self.status)

    def make_interpreter(self) -> None:
        python = bootstrap.interpreter(self.venv)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    def run(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        there = self.works and Path(command[0]).exists()
        return subprocess.CompletedProcess(command, 0 if there else 1, "25.0" if there else "")

    def installs(self) -> list[list[str]]:
        return [command for command in self.commands if "install" in command]

    class Process:
        def __init__(self, said: str, status: int) -> None:
            self.stdout = io.StringIO(said)
            self.status = status

        def wait(self) -> int:
            return self.status

        poll = wait

        def terminate(self) -> None:
            pass


class BecameAnotherError(Exception):
    """The process would now be another."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A copy of the project on a machine with nothing but Python."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    machine = Machine(root)

    def become(command: list[str]) -> None:
        machine.became.append(command)
        raise BecameAnotherError

    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "installed", lambda path: {})
    monkeypatch.setattr(bootstrap, "replace", become)
    monkeypatch.setattr(bootstrap, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(installing, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(installing, "on_terminal", lambda: False)
    monkeypatch.setattr(subprocess, "Popen", machine.popen)
    monkeypatch.setattr(subprocess, "run", machine.run)
    monkeypatch.setenv("CI", "1")
    return machine


def start(*arguments: str) -> int | None:
    """main.main; None where it became another process."""
    try:
        return main.main(list(arguments))
    except BecameAnotherError:
        return None


# Which Python


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 0), (3, 10, 14)])
def test_a_python_that_is_too_old_is_told_so(version: tuple[int, ...]) -> None:
    said = main.too_old(version)
    assert "3.11" in said
    assert f"{version[0]}.{version[1]}" in said
    assert "\n" not in said


def test_a_python_that_is_new_enough_hears_nothing() -> None:
    assert main.too_old((3, 11, 0)) == main.too_old((3, 14, 1)) == ""


def test_an_old_python_can_read_main() -> None:
    ast.parse((ROOT / "main.py").read_text("utf-8"), feature_version=(3, 7))


def test_the_too_old_are_turned_away_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "OLDEST", (99, 0))
    monkeypatch.setitem(sys.modules, "scripts", None)
    assert main.main([]) == 1
    assert "needs Python 99.0" in capsys.readouterr().err


# What there is


def test_an_interpreter_with_all_packages_is_used_as_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "installed", really_installed)
    assert start("--setup-only") == 0
    assert machine.commands == machine.became == []
    assert not machine.venv.exists()


def test_this_interpreter_has_what_the_project_needs() -> None:
    assert bootstrap.lacking(bootstrap.needs(frozenset({"test"}))) == []


@pytest.mark.parametrize(
    ("version", "meets"),
    [("6.7.3", False), ("6.8", True), ("6.8.0", True), ("6.11.3", True), ("6.12.0", False)],
)
def test_bounds(version: str, meets: bool, tmp_path: Path) -> None:
    (tmp_path / f"PySide6_Essentials-{version}.dist-info").mkdir()
    wanted = (bootstrap.need("PySide6-Essentials>=6.8,<6.12"),)
    assert bootstrap.lacking(wanted, [str(tmp_path)]) == ([] if meets else [wanted[0].text])


def test_a_build_tag_does_not_count() -> None:
    assert bootstrap.release("2.13.0+cpu") == bootstrap.release("2.13") == (2, 13)


@pytest.mark.parametrize("text", ["torch~=2.6", "torch[gpu]>=2", "torch>=2; python_version>'3'"])
def test_a_requirement_that_would_be_misread_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"accepted is name>=1.2,<3"):
        bootstrap.need(text)


def test_constraints_pin_every_requirement_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    there = {bootstrap.plain(name): bootstrap.release(version) for name, version in pins}
    assert len(there) == len(pins)
    for need in bootstrap.needs(frozenset({"test"})):
        for sign, bound in need.bounds:
            version = there[need.name]
            assert version >= bound if sign == ">=" else version < bound, need.text


def test_a_start_that_has_nothing_to_set_up_imports_little() -> None:
    slow = ["torch", "PySide6", "subprocess", "tomllib", "argparse", "importlib.metadata", "email"]
    code = (
        "import sys; from scripts import bootstrap; bootstrap.parse([]); bootstrap.fingerprint(); "
        f"print([name for name in {slow} if name in sys.modules])"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Setting up


def test_a_fresh_machine_gets_an_environment_from_the_constraints(machine: Machine) -> None:
    assert start("own.txt") is None
    made, install = machine.commands
    assert made[1:] == ["-m", "venv", "--clear", str(machine.venv)]
    python = str(bootstrap.interpreter(machine.venv))
    assert install[0] == python
    constraint = install[install.index("--constraint") + 1]
    assert constraint == str(bootstrap.ROOT / "constraints.txt")
    assert [need.text for need in bootstrap.needs()] == install[-len(bootstrap.needs()) :]
    assert not any(word.startswith("pytest") for word in install)
    assert machine.became[0][:2] == [python, str(bootstrap.ROOT / "main.py")]
    assert "own.txt" in machine.became[0]


def test_the_second_start_installs_nothing(machine: Machine) -> None:
    start()
    machine.commands.clear()
    assert start() is None
    assert machine.commands == []
    assert len(machine.became) == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_pins_are_brought_in(machine: Machine, name: str) -> None:
    start()
    machine.commands.clear()
    with (bootstrap.ROOT / name).open("a") as file:
        file.write("\n# changed\n")
    start()
    assert len(machine.commands) == len(machine.installs()) == 1
    assert "--constraint" in machine.commands[0]
    start()
    assert len(machine.commands) == 1


def test_an_environment_without_a_stamp_is_completed(machine: Machine) -> None:
    machine.make_interpreter()  # as left by a set-up that was cut off
    start()
    assert machine.commands == machine.installs()
    assert len(machine.commands) == 1


def test_an_environment_that_does_not_start_is_made_anew(machine: Machine) -> None:
    machine.make_interpreter()
    machine.works = False
    start()
    assert "--clear" in machine.commands[0]
    assert machine.installs()


def test_an_environment_of_another_python_is_not_current(machine: Machine) -> None:
    start()
    stamp = machine.venv / bootstrap.STAMP
    content = json.loads(stamp.read_text("utf-8"))
    stamp.write_text(json.dumps({**content, "python": "/usr/bin/python3.10"}), "utf-8")
    machine.commands.clear()
    start()
    assert machine.installs()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"fingerprint": 3}'])
def test_a_damaged_stamp_is_none(machine: Machine, content: str) -> None:
    start()
    (machine.venv / bootstrap.STAMP).write_text(content, "utf-8")
    machine.commands.clear()
    start()
    assert machine.installs()


def test_the_self_test_adds_its_tools_and_an_update_keeps_them(machine: Machine) -> None:
    start()
    machine.commands.clear()
    start("--self-test", "--fast")
    assert any(word.startswith("pytest-xdist") for word in machine.installs()[0])
    assert {"--self-test", "--fast"} <= set(machine.became[-1])

    with (bootstrap.ROOT / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    machine.commands.clear()
    start()
    assert any(word.startswith("pytest-xdist") for word in machine.installs()[0])


def test_our_own_environment_is_brought_up_to_date_although_ranges_are_met(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    machine.commands.clear()
    monkeypatch.setattr(sys, "prefix", str(machine.venv))
    monkeypatch.setattr(bootstrap, "lacking", lambda wanted: [])
    assert start("--setup-only") == 0
    assert machine.commands == []
    with (bootstrap.ROOT / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    assert start("--setup-only") is None
    assert machine.installs()


def test_after_a_set_up_there_is_no_second_one_in_a_row(machine: Machine) -> None:
    assert bootstrap.prepare(Options(ready=True)) is None
    start()
    assert bootstrap.READY in machine.became[0]


def test_where_the_folder_cannot_be_written_to_the_data_folder_is_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.venv = tmp_path / "data" / "venv"
    real = installing.writable
    monkeypatch.setattr(
        installing, "writable", lambda folder: folder != bootstrap.ROOT and real(folder)
    )
    start()
    assert machine.became[0][0] == str(bootstrap.interpreter(machine.venv))
    machine.commands.clear()
    start()
    assert machine.commands == []


def test_nowhere_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installing, "writable", lambda folder: False)
    assert start() == 1
    assert str(bootstrap.ROOT) in capsys.readouterr().err


# When it fails


def test_a_failed_pip_is_told_with_its_last_lines(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.status = 1
    machine.said = "first\n" * 50 + "WARNING: Temporary failure in name resolution\nERROR: last\n"
    assert start() == 1
    said = capsys.readouterr().err
    assert "The network could not be reached" in said
    assert "  ERROR: last" in said
    assert said.count("first") < installing.SHOWN_AT_FAILURE
    assert machine.became == []
    assert bootstrap.stamp(machine.venv) == {}
    log = Path(said.split("All of it is in ")[1].strip())
    assert log.read_text("utf-8").count("first") == 50


def test_after_a_failure_the_next_start_goes_on(machine: Machine) -> None:
    machine.status = 1
    assert start() == 1
    machine.status = 0
    assert start() is None
    assert machine.installs()[-1][0] == machine.became[0][0]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for numba", "no build for this Python"),
        ("ensurepip is not available.", "apt install python3-venv"),
        ("getaddrinfo failed", "network"),
    ],
)
def test_a_cause_that_is_known_is_named(line: str, hint: str) -> None:
    assert hint in installing.explain("installing", [line], None)


def test_an_unknown_cause_is_only_quoted() -> None:
    said = installing.explain("installing", ["odd"], None)
    assert said.splitlines() == [
        "The set-up failed while installing.",
        "",
        "The last lines were:",
        "  odd",
    ]


def test_a_cancelled_set_up_leaves_no_stamp(machine: Machine) -> None:
    installation = installing.Installation(machine.venv, frozenset())
    steps = installation.steps()
    next(steps)
    installation.cancel()
    with pytest.raises(SetUpError) as caught:
        list(steps)
    assert caught.value.status == installing.CANCELLED
    assert bootstrap.stamp(machine.venv) == {}


def test_one_set_up_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert installing.locked(first)
        assert not installing.locked(second)
        first.close()
        assert installing.locked(second)


# Showing it


PIP_SAYS = """\
Collecting torch>=2.6 (from -c constraints.txt)
  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl (200.0 MB)
Progress 50000000 of 200000000
Progress 200000000 of 200000000
Requirement already satisfied: numpy>=1.26 in ./lib (2.4.6)
Processing /wheels/names-0.3.0-py3-none-any.whl
WARNING: Retrying (Retry(total=3)) after connection broken
Installing collected packages: torch, names
Successfully installed names-0.3.0 torch-2.13.0
"""


def test_progress_only_grows_and_names_what_is_done() -> None:
    states = list(installing.Reading(3).states(iter(PIP_SAYS.splitlines())))
    fractions = [fraction for fraction, _ in states]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] < fractions[-1] <= 1.0
    notes = [note for _, note in states]
    assert "Downloading torch, 50 of 200 MB" in notes
    assert "Looking up names" in notes
    assert any("network" in note for note in notes)
    assert "2 to do" in notes[-1]


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_is_written_over(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(installing, "on_terminal", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    start()
    shown = screen.getvalue()
    assert shown.count("\n") == 2
    assert "100% Everything is installed" in shown


@pytest.fixture
def no_tkinter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without tkinter, started by a double click."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(sys.modules, "tkinter", None)


@pytest.mark.usefixtures("no_tkinter")
def test_without_terminal_and_tkinter_it_is_printed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start() is None
    assert "100% Everything is installed" in capsys.readouterr().out


@pytest.mark.usefixtures("no_tkinter")
def test_a_message_without_any_window_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bootstrap.complain("so it is", Options())
    assert capsys.readouterr().err == "so it is\n"


# The command line


def test_options_and_the_rest() -> None:
    assert bootstrap.parse([]) == (Options(), [])
    assert bootstrap.parse(["a.txt", "--self-test", "--fast"]) == (
        Options(self_test=True),
        ["a.txt", "--fast"],
    )
    assert bootstrap.parse(["--setup-only"]) == (Options(setup_only=True), [])


@pytest.mark.parametrize(("option", "said"), [("--version", "Playground 0."), ("--help", "usage")])
def test_version_and_help_set_nothing_up(
    machine: Machine, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        start(option)
    assert caught.value.code == 0
    assert said in capsys.readouterr().out
    assert machine.commands == []


def test_the_self_test_passes_the_exit_status_through(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, Any] = {}

    def call(command: list[str], **rest: Any) -> int:
        called.update(command=command, **rest)
        return 3

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(bootstrap, "prepare", lambda options: None)
    assert start("--self-test", "--fast") == 3
    assert called["command"][1:] == [str(ROOT / "scripts" / "check"), "--fast"]
    assert called["env"]["QT_QPA_PLATFORM"] == "offscreen"


# System libraries and the screen


LACKED = ["libEGL.so.1", "libxcb-cursor.so.0", "libxcb-randr.so.0", "libxcb-shape.so.0"]


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian", "sudo apt install libegl1 libxcb-cursor0 libxcb-randr0 libxcb-shape0"),
        ('ID="linuxmint"\nID_LIKE="ubuntu debian"', "sudo apt install libegl1"),
        ("NAME=Fedora\nID=fedora", "sudo dnf install libglvnd-egl xcb-util-cursor libxcb"),
        ("ID=garuda\nID_LIKE=arch", "sudo pacman -S libglvnd xcb-util-cursor libxcb"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "sudo zypper install libEGL1"),
    ],
)
def test_the_package_of_a_missing_library_is_named(os_release: str, command: str) -> None:
    said = libraries.advice(LACKED, os_release)
    assert command in said
    assert "\n" not in said


def test_an_unknown_system_hears_the_library() -> None:
    said = libraries.advice(["libEGL.so.1"], "ID=another")
    assert "libEGL.so.1" in said
    assert "sudo" not in said


@pytest.mark.parametrize(
    ("environment", "lacked"),
    [
        ({"DISPLAY": ":0"}, LACKED),
        ({"QT_QPA_PLATFORM": "xcb"}, LACKED),
        ({"QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"}, LACKED[:1]),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, LACKED[:1]),  # one way is complete
    ],
)
def test_only_what_this_screen_needs_is_missed(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], lacked: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(libraries, "loads", lambda name: name not in LACKED)
    assert libraries.missing(environment) == lacked


def test_a_missing_library_stops_the_start_with_one_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "prepare", lambda options: None)
    monkeypatch.setattr(libraries, "missing", lambda: ["libEGL.so.1"])
    assert start() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_import_that_fails_for_a_library_is_explained() -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
    assert "libEGL.so.1" in bootstrap.explain_import(error)
    assert "No such file" not in bootstrap.explain_import(error)


def test_an_import_that_fails_in_our_environment_has_it_mended(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    monkeypatch.setattr(sys, "prefix", str(machine.venv))
    assert "the next start mends it" in bootstrap.explain_import(ImportError("No module 'torch'"))
    assert bootstrap.stamp(machine.venv) == {}


def test_without_a_screen_the_way_without_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(libraries, "missing", list)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SetUpError, match="python -m engine"):
        bootstrap.check_screen()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    bootstrap.check_screen()

"""Finds an interpreter that has what the program needs, or makes one.

In this order: a `.venv` beside main.py (or, where that folder cannot be written to, in
the person's data folder) whose stamp says that it is up to date; the running interpreter,
if it has every package of pyproject.toml; otherwise that `.venv` is made or mended by
pip, from constraints.txt. The stamp is written last, so a set-up that was
cut off in the middle is seen as one and goes on at the next start.

Most starts only look around, and must not be felt: what installing needs is imported
where it is needed (`scripts.installing`).
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from scripts import libraries

ROOT = Path(__file__).resolve().parent.parent
NAME = "Generative Playground"
FOLDER = "GenerativePlayground"  # as in the engine's store, which asks platformdirs
STAMP = "set-up.json"
READY = "--set-up-done"  # main.py to itself, so that it never sets up twice in a row


class SetUpError(Exception):
    """The program cannot start; the text says why and what to do about it."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class Options(NamedTuple):
    """What the command line asks of the set-up."""

    self_test: bool = False
    setup_only: bool = False
    ready: bool = False


class Need(NamedTuple):
    """A requirement of pyproject.toml: a package and bounds such as (">=", (2, 6))."""

    text: str
    name: str
    bounds: tuple[tuple[str, tuple[int, ...]], ...]


def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


def parse(arguments: list[str]) -> tuple[Options, list[str]]:
    """Our own options, and the rest, which is the window's (or that of scripts/check)."""
    if not arguments:
        return Options(), []

    import argparse

    parser = argparse.ArgumentParser(
        prog="main.py",
        allow_abbrev=False,
        description=f"Opens the {NAME}. The first start installs what it needs into .venv.",
        epilog="With --self-test, further arguments go to scripts/check (--fast, --fix).",
    )
    parser.add_argument(
        "--version", action="store_true", help="print the program's version, and leave"
    )
    parser.add_argument(
        "--setup-only", action="store_true", help="install what is missing, and open no window"
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="install the test tools as well, and run every check without a screen",
    )
    parser.add_argument(READY, dest="ready", action="store_true", help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args(arguments)
    if options.version:
        print(f"{NAME} {project()['version']}")
        raise SystemExit(0)
    return Options(options.self_test, options.setup_only, options.ready), rest


# What there is


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: "2.13.0+cpu" -> (2, 13). Zeros at the end say nothing."""
    numbers = re.match(r"[\d.]*", version)
    assert numbers is not None
    parts = [int(part) for part in numbers.group().split(".") if part]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def plain(name: str) -> str:
    """The one spelling of a package's name: "PySide6_Addons" -> "pyside6-addons"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def need(text: str) -> Need:
    """Read a requirement of the form `name>=1.2,<3`, which is all that the project uses."""
    found = re.fullmatch(r"([\w.-]+)\s*((?:(?:>=|<)\s*[\d.]+\s*,?\s*)*)", text)
    if found is None:
        raise ValueError(f"cannot read the requirement {text!r}: accepted is name>=1.2,<3")
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", found.group(2))
    return Need(
        text, plain(found.group(1)), tuple((sign, release(value)) for sign, value in bounds)
    )


def needs(extras: frozenset[str] = frozenset()) -> tuple[Need, ...]:
    """What the program needs, with the optional dependencies named by `extras`."""
    table = project()
    texts = list(table["dependencies"])
    for extra in sorted(extras):
        texts += table["optional-dependencies"][extra]
    return tuple(need(text) for text in texts)


def fingerprint() -> str:
    """A hash of what the program asks for and of the versions that were tested."""
    files = ("pyproject.toml", "constraints.txt")
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in files)).hexdigest()


def installed(path: list[str]) -> dict[str, tuple[int, ...]]:
    """Versions of the packages in the folders of `path`, told by their .dist-info alone.

    A tenth of what importing importlib.metadata would cost. pip writes these folders
    as each package is done, so a half-installed package is not among them.
    """
    found: dict[str, tuple[int, ...]] = {}
    for folder in path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue  # zip files, and folders that are not there, are usual in sys.path
        for name in names:
            stem, dot, kind = name.rpartition(".")
            if dot and kind in ("dist-info", "egg-info"):
                package, _, version = stem.partition("-")
                found.setdefault(plain(package), release(version))
    return found


def lacking(wanted: tuple[Need, ...], path: list[str] | None = None) -> list[str]:
    """Those of `wanted` that no package in `path` (default: sys.path) meets."""
    there = installed(sys.path if path is None else path)

    def met(each: Need) -> bool:
        version = there.get(each.name)
        return version is not None and all(
            version >= bound if sign == ">=" else version < bound for sign, bound in each.bounds
        )

    return [each.text for each in wanted if not met(each)]


# Where to look, and where to install


def data_folder() -> Path:
    """Where the system wants a person's data, as platformdirs would say."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / FOLDER / FOLDER
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / FOLDER
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / FOLDER


def places() -> tuple[Path, ...]:
    """Where a virtual environment of ours may be, the preferred place first."""
    return (ROOT / ".venv", data_folder() / "venv")


def interpreter(venv: Path) -> Path:
    """The Python of a virtual environment; without a console where this one has none."""
    if sys.platform == "win32":
        quiet = Path(sys.executable).stem.lower() == "pythonw"
        return venv / "Scripts" / ("pythonw.exe" if quiet else "python.exe")
    return venv / "bin" / "python"


def stamp(venv: Path) -> dict[str, Any]:
    """What the last completed set-up left in `venv`; empty where there was none."""
    try:
        content = json.loads((venv / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def current(venv: Path, extras: frozenset[str]) -> bool:
    """Whether `venv` was set up to the end, with `extras`, for the files as they are now."""
    left = stamp(venv)
    return (
        bool(left)
        and left.get("fingerprint") == fingerprint()
        and extras <= set(left.get("extras", ()))
        # A newer Python of the system takes the old one's place, without its packages.
        and left.get("python") == str(interpreter(venv).resolve())
        and interpreter(venv).exists()
    )


def same(one: Path, other: Path) -> bool:
    """Whether both are one folder; False where either is not there."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def prepare(options: Options) -> Path | None:
    """See to it that what `options` asks for is installed.

    Returns None where the running interpreter will do, or else the one to change to.
    Raises `SetUpError`.
    """
    extras = frozenset({"test"} if options.self_test else ())
    own = next((venv for venv in places() if same(venv, Path(sys.prefix))), None)
    if options.ready or (own is not None and current(own, extras)):
        return None
    for venv in places():
        if current(venv, extras):
            return interpreter(venv)
    # Our own .venv with a stamp that is out of date has to be brought to the new pins,
    # even where every range is met. Any other interpreter is left as it is.
    stale = own is not None and bool(stamp(own))
    if not stale and not lacking(needs(extras)):
        return None

    from scripts import installing

    return installing.set_up(extras, window=not (options.setup_only or options.self_test))


def hand_over(python: Path, options: Options, rest: list[str]) -> int:
    """Go on in the interpreter `python`. Returns only on Windows, which has no exec."""
    command = [str(python), str(ROOT / "main.py"), *rest, READY]
    command += ["--self-test"] if options.self_test else []
    command += ["--setup-only"] if options.setup_only else []
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if sys.platform == "win32":
        import subprocess

        return subprocess.call(command)
    return replace(command)


def replace(command: list[str]) -> NoReturn:
    """Become `command` (apart, so that a test can stand in for it)."""
    os.execv(command[0], command)


def self_test(arguments: list[str]) -> int:
    """Run scripts/check without a screen; its exit status."""
    import subprocess

    command = [sys.executable, str(ROOT / "scripts" / "check"), *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.call(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)


# What can stand in the window's way


def check_screen() -> None:
    """Raise `SetUpError` where Qt would end the process for want of a library or a screen."""
    absent = libraries.missing()
    if absent:
        raise SetUpError(libraries.advice(absent))
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise SetUpError(
            "There is no screen to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is "
            "set). Without one there is `python -m engine`; see its --help."
        )


def explain_import(error: ImportError) -> str:
    """What to say when the window cannot be imported."""
    library = libraries.named_in(error)
    if library is not None:
        return libraries.advice([library])
    said = f"The window cannot be opened: {error}."
    for venv in places():
        if same(venv, Path(sys.prefix)):
            (venv / STAMP).unlink(missing_ok=True)
            said += " Something is missing from what was installed; the next start mends it."
    return said


def complain(text: str, options: Options) -> None:
    """Show `text` on the terminal, or where there is none in a small window."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)
    if options.setup_only or options.self_test:
        return

    from scripts import installing

    if installing.double_clicked():
        installing.show_box(text)

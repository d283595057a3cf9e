"""Makes the virtual environment with pip, and shows how far it is.

`Installation` yields `(fraction, line)` pairs and knows nothing of how they are shown.
There are three ways: one line on a terminal that is written over, plain lines where
output goes to a file or a pipe, and a small tkinter window after a double click.
All that pip says goes to a log file as well.
"""

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scripts import bootstrap
from scripts.bootstrap import (
    NAME,
    STAMP,
    SetUpError,
    current,
    data_folder,
    fingerprint,
    interpreter,
    needs,
    places,
    release,
    stamp,
)

if TYPE_CHECKING:
    import tkinter

State = tuple[float, str]
"""How far the set-up is, in [0, 1], and one line about what it is doing."""

SHOWN_AT_FAILURE = 12  # lines of pip's output: its error, with what led to it
UNPACKING_FROM = 0.75  # share of the time that looking up and downloading takes
CANCELLED = 130  # the exit status of a program that was interrupted

HINTS = (
    (
        r"No space left on device|Errno 28|not enough space on the disk",
        "The disk is full: about 2 GB are needed (more where torch comes with its GPU part).",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed"
        r"|NameResolutionError|nodename nor servname|NewConnectionError|Network is unreachable"
        r"|Connection refused|ConnectTimeout|Read timed out|ReadTimeoutError|ProxyError"
        r"|Failed to establish a new connection|Connection broken",
        "The network could not be reached. Only the first start needs it: "
        "connect, and start again.",
    ),
    (
        r"Ignored the following versions that require a different python version"
        r"|No matching distribution found|Could not find a version that satisfies",
        "A package has no build for this Python ({python}) and system. "
        "Python 3.11 to 3.13 are known to work.",
    ),
    (
        r"ensurepip is not available|No module named '?ensurepip|No module named '?venv",
        "This Python cannot make virtual environments. "
        "On Debian and Ubuntu: sudo apt install python3-venv",
    ),
)


def explain(doing: str, lines: list[str], log: Path | None) -> str:
    """One message for a command that failed, with the end of what it said."""
    text = "\n".join(lines)
    hint = next((said for pattern, said in HINTS if re.search(pattern, text)), "")
    message = [f"The set-up failed while {doing}."]
    if hint:
        message.append(hint.format(python=".".join(map(str, sys.version_info[:3]))))
    if lines:
        message += ["", "The last lines were:"]
        message += [f"  {line}" for line in lines[-SHOWN_AT_FAILURE:]]
    if log is not None:
        message += ["", f"All of it is in {log}"]
    return "\n".join(message)


def writable(folder: Path) -> bool:
    """Whether something can be written in `folder`, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def chosen_place() -> Path:
    """The first place for a virtual environment that can be written to."""
    for venv in places():
        if writable(venv.parent):
            return venv
    tried = " nor in ".join(str(venv.parent) for venv in places())
    raise SetUpError(f"There is nowhere to install: nothing can be written in {tried}.")


class Installation:
    """Making, mending or updating one virtual environment."""

    def __init__(self, venv: Path, extras: frozenset[str], log: Path | None = None) -> None:
        self.venv = venv
        self.extras = extras
        self.log = log
        self.cancelled = False
        self._running: subprocess.Popen[str] | None = None
        self._lines: deque[str] = deque(maxlen=400)

    def cancel(self) -> None:
        """End the command that runs now; callable from any thread."""
        self.cancelled = True
        if self._running is not None:
            self._running.terminate()

    def steps(self) -> Iterator[State]:
        """Do it all. Raises `SetUpError`; what is done by then is of use the next time."""
        # From here to the end the environment is not to be trusted.
        extras = self.extras | set(stamp(self.venv).get("extras", ()))
        (self.venv / STAMP).unlink(missing_ok=True)

        yield 0.0, f"Setting up in {self.venv}"
        if not self._works():
            yield 0.01, "Making a virtual environment"
            base = getattr(sys, "_base_executable", None) if self._inside() else None
            command = [base or console(Path(sys.executable)), "-m", "venv", "--clear"]
            for _ in self._run([*command, str(self.venv)], "making a virtual environment"):
                pass
        python = console(interpreter(self.venv))
        raw = yield from self._new_pip(python)

        before = fingerprint()
        texts = [each.text for each in needs(extras)]
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        pip += ["--constraint", str(bootstrap.ROOT / "constraints.txt")]
        pip += ["--progress-bar", "raw" if raw else "off", *texts]
        yield from Reading(count_of_pins()).states(self._run(pip, "installing the packages"))

        write_stamp(self.venv, extras, before)
        yield 1.0, "Everything is installed"

    def _inside(self) -> bool:
        with contextlib.suppress(OSError):
            return self.venv.samefile(sys.prefix)
        return False

    def _works(self) -> bool:
        """Whether the environment's Python starts, has pip, and is not too old."""
        probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
        try:
            command = [console(interpreter(self.venv)), "-c", probe]
            return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _new_pip(self, python: str) -> Generator[State, None, bool]:
        """Bring pip to a version that reports bytes. Returns whether it has been."""
        probe = "import pip; print(pip.__version__)"
        version = subprocess.run([python, "-c", probe], capture_output=True, text=True).stdout
        if release(version) >= (24, 1):
            return True
        yield 0.02, "Bringing pip up to date"
        update = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        update += ["--progress-bar", "off", "--retries", "1", "--upgrade", "pip>=24.1"]
        try:
            for _ in self._run(update, "bringing pip up to date"):
                pass
        except SetUpError:
            if self.cancelled:
                raise
            return False  # the old pip installs just as well, only more quietly
        return True

    def _run(self, command: list[str], doing: str) -> Iterator[str]:
        """Run `command` and yield its lines. Raises `SetUpError` where it fails."""
        self.check_cancelled()
        self._lines.clear()
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PIP_USER": "0",
            "PIP_REQUIRE_VIRTUALENV": "0",
            "NO_COLOR": "1",
        }
        hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows: no black box
        with open_log(self.log) as log:
            log.write(f"\n$ {' '.join(command)}\n")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    env=environment,
                    creationflags=hidden,
                )
            except OSError as error:
                raise SetUpError(f"The set-up failed while {doing}: {error}") from error
            self._running = process
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    line = line.rstrip()
                    if line and not line.startswith("Progress "):
                        self._lines.append(line)
                        log.write(line + "\n")
                    yield line
                status = process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
                assert process.stdout is not None
                process.stdout.close()
                self._running = None
        self.check_cancelled()
        if status != 0:
            raise SetUpError(explain(doing, list(self._lines), self.log))

    def check_cancelled(self) -> None:
        """Raise `SetUpError` where `cancel` was called."""
        if self.cancelled:
            raise SetUpError("The set-up was stopped. The next start goes on with it.", CANCELLED)


class Reading:
    """Tells from pip's output how far it is. `total` packages are expected."""

    def __init__(self, total: int) -> None:
        self.total = max(total, 1)
        self.seen: set[str] = set()
        self.file = ""
        self.note = "Looking up packages"

    def states(self, lines: Iterator[str]) -> Iterator[State]:
        """The states that pip's `lines` amount to."""
        for line in lines:
            found = self.read(line)
            if found is not None:
                yield found

    def read(self, line: str) -> State | None:
        """The state after `line`, or None where it changes nothing that is shown."""
        words = line.split()
        if not words:
            return None
        part = 0.0
        match words[0]:
            case "Collecting" | "Processing" if len(words) > 1:
                name = words[1].rsplit("/", 1)[-1]
                package = re.split(r"[^\w.-]|-\d", name)[0]  # also of name-1.2-...whl
                self.seen.add(package)
                self.note = f"Looking up {package}"
            case "Requirement" if len(words) > 3:  # already satisfied: name>=1 in ...
                self.seen.add(words[3])
                self.note = "Looking at what is there"
            case "Downloading" if len(words) > 1:
                self.file = words[1].rsplit("/", 1)[-1].split("-")[0]
                self.note = " ".join(["Downloading", self.file, *words[2:4]])
            case "Progress" if len(words) == 4 and words[1].isdigit() and words[3].isdigit():
                done, size = int(words[1]), int(words[3])
                if not size:
                    return None
                part = done / size
                self.note = f"Downloading {self.file}, {done / 1e6:.0f} of {size / 1e6:.0f} MB"
            case "Installing":
                count = len(line.partition(":")[2].split(","))
                said = f"Unpacking, {count} to do; for many this takes a minute or so"
                return UNPACKING_FROM, said
            case "Retrying" | "WARNING:":
                if "Retrying" not in line:
                    return None
                self.note = "The network does not answer; trying again"
            case _:
                return None
        share = min(1.0, (len(self.seen) - 1 + part) / self.total)
        return 0.03 + max(0.0, share) * (UNPACKING_FROM - 0.03), self.note


def count_of_pins() -> int:
    """How many packages constraints.txt names."""
    text = (bootstrap.ROOT / "constraints.txt").read_text("utf-8")
    return sum("==" in line for line in text.splitlines())


def console(python: Path) -> str:
    """The same Python with a console (Windows has two), so that it can be read from."""
    if python.stem.lower() == "pythonw":
        return str(python.with_name("python.exe"))
    return str(python)


def write_stamp(venv: Path, extras: Iterable[str], pinned: str) -> None:
    """Say that `venv` is complete: all at once, so never half of it."""
    content = {
        "fingerprint": pinned,
        "extras": sorted(extras),
        "python": str(interpreter(venv).resolve()),
    }
    fresh = venv / (STAMP + ".new")
    fresh.write_text(json.dumps(content), "utf-8")
    fresh.replace(venv / STAMP)


def open_log(log: Path | None) -> IO[str]:
    """The log file to append to, or nowhere."""
    return open(os.devnull if log is None else log, "a", encoding="utf-8")


def log_file() -> Path | None:
    """A fresh log file in the data folder, or None where none can be written."""
    folder = data_folder()
    if not writable(folder):
        return None
    log = folder / "set-up.log"
    try:
        log.write_text("", "utf-8")
    except OSError:
        return None
    return log


@contextlib.contextmanager
def alone(installation: Installation, say: Callable[[str], None]) -> Iterator[None]:
    """Hold off a second set-up of the same place (a second double click) until this is done."""
    folder = data_folder() if writable(data_folder()) else Path(tempfile.gettempdir())
    with (folder / "set-up.lock").open("a") as file:
        if not locked(file):
            say("Another start is setting up already; waiting for it")
            while not locked(file):
                installation.check_cancelled()
                time.sleep(0.3)
        yield


def locked(file: IO[str]) -> bool:
    """Lock `file` until it is closed. Whether that was possible."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# Showing it


def on_terminal() -> bool:
    """Whether the program was started from a terminal."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return any(stream is not None and stream.isatty() for stream in streams)


def double_clicked() -> bool:
    """Whether a person may be in front of a screen on which nothing printed is seen."""
    return not on_terminal() and not os.environ.get("CI")


def set_up(extras: frozenset[str], window: bool = True) -> Path:
    """Install what the program and its `extras` need; the interpreter to go on with.

    It shows its progress on the terminal, or in lines where that is redirected.
    window: whether a small window may show it where there is no terminal.
    """
    venv = chosen_place()
    installation = Installation(venv, extras, log_file())
    if on_terminal():
        on_line(installation)
    elif not (window and double_clicked() and in_window(installation)):
        in_lines(installation)
    return interpreter(venv)


def guarded(installation: Installation, say: Callable[[str], None]) -> Iterator[State]:
    """The installation's steps, unless another start has just done them."""
    with alone(installation, say):
        if not current(installation.venv, installation.extras):
            yield from installation.steps()


def on_line(installation: Installation) -> None:
    """Show progress on one line of the terminal."""
    out = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else sys.stdout
    width = 24
    print(f"{NAME}: setting up. This happens once and takes a few minutes.", file=out)
    try:
        for fraction, line in guarded(installation, lambda said: print(said, file=out)):
            filled = round(fraction * width)
            bar = "#" * filled + "." * (width - filled)
            room = max(10, columns() - width - 10)
            print(f"\r\x1b[K[{bar}] {fraction:4.0%} {line[:room]}", end="", file=out, flush=True)
    except KeyboardInterrupt:
        raise SetUpError(
            "The set-up was stopped. The next start goes on with it.", CANCELLED
        ) from None
    finally:
        print(file=out, flush=True)


def columns() -> int:
    """The terminal's width in characters."""
    import shutil

    return shutil.get_terminal_size().columns


def in_lines(installation: Installation) -> None:
    """Print each new line of progress, for a log."""

    def say(text: str) -> None:
        if sys.stdout is not None:
            print(text, flush=True)

    last = ""
    for fraction, line in guarded(installation, say):
        start = re.split(r",| \(", line)[0]  # bytes of the same file are not worth a line
        if start != last:
            say(f"{fraction:4.0%} {line}")
        last = start


def tk_root() -> "tkinter.Tk | None":
    """A tkinter window, or None where Python has no tkinter or there is no screen."""
    try:
        import tkinter
    except ImportError:
        return None
    try:
        return tkinter.Tk()
    except tkinter.TclError:
        return None


def in_window(installation: Installation) -> bool:
    """Show progress in a small window. False where there can be none."""
    root = tk_root()
    if root is None:
        return False
    from tkinter import ttk

    root.title(NAME)
    root.resizable(False, False)
    frame = ttk.Frame(root, padding=20)
    frame.grid()
    ttk.Label(frame, text=f"The {NAME} is setting itself up.").grid(sticky="w")
    ttk.Label(frame, text="This happens once and takes a few minutes.").grid(sticky="w")
    bar = ttk.Progressbar(frame, length=460, maximum=1.0)
    bar.grid(pady=12, sticky="ew")
    line = ttk.Label(frame, text="", width=64)
    line.grid(sticky="w")
    ttk.Button(frame, text="Cancel", command=installation.cancel).grid(pady=(12, 0), sticky="e")
    root.protocol("WM_DELETE_WINDOW", installation.cancel)

    states: queue.SimpleQueue[State] = queue.SimpleQueue()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for state in guarded(installation, lambda said: states.put((0.0, said))):
                states.put(state)
        except BaseException as error:  # noqa: BLE001  raised again below, on the main thread
            failures.append(error)

    thread = threading.Thread(target=work, name="set-up")

    def poll() -> None:
        alive = thread.is_alive()
        while not states.empty():
            fraction, text = states.get()
            bar["value"] = fraction
            line["text"] = text if len(text) <= 64 else text[:63] + "…"
        if alive:
            root.after(100, poll)
        else:
            root.destroy()

    thread.start()
    root.after(0, poll)
    root.mainloop()
    thread.join()
    if failures:
        raise failures[0]
    return True


def show_box(text: str) -> bool:
    """Show `text` in a small window that waits to be closed. False where there can be none."""
    root = tk_root()
    if root is None:
        return False
    from tkinter import messagebox

    root.withdraw()
    messagebox.showerror(NAME, text, parent=root)
    root.destroy()
    return True

"""The log: one small file of what went wrong, without a word of the person's own.

What is written is chosen, rather than cleaned afterwards. A message is its template: numbers
are filled in, and ``…`` for everything else, which may be the name of a file or a run, or a
text. An error is its type and the places in the program's code that it came through, without
its message. What Qt says comes ready made, and is cut wherever a name could stand.

The file is opened after the first paint, or at the first error before it. A second program at
the same time writes to a file of its own (``playground-2.log``), so that neither turns over
what the other writes to.
"""

import contextlib
import errno
import logging
import numbers
import os
import re
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, TypeAlias

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import (
    QLockFile,
    QMessageLogContext,
    QSysInfo,
    QtMsgType,
    qFormatLogMessage,
    qInstallMessageHandler,
)

from app.i18n import _
from engine.phrases import PlaygroundError

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path(os.__file__).resolve().parent
NAME = "playground"
BYTES = 1_000_000  # of each file
OLDER = 2  # files kept beside the newest
PROGRAMS = 9  # at the same time, each with a file
OFTEN = 20  # times the same is written; then it is known
WAITING = 200  # messages that are kept for a file that is not open yet
PLACES = 40  # of one error; of a recursion without end the middle is left out
HIDDEN = "…"
LEVELS = {
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}

Hook: TypeAlias = Callable[[QtMsgType, QMessageLogContext, str], object]


def folder() -> Path:
    """Where the log is: ``PLAYGROUND_LOG``, or the user's own folder for logs."""
    if named := os.environ.get("PLAYGROUND_LOG"):
        return Path(named)
    import platformdirs  # takes milliseconds that the first paint need not wait for

    return Path(platformdirs.user_log_dir("GenerativePlayground"))


def versions() -> str:
    """What this is and what it runs on, in three lines."""
    from importlib import metadata  # takes milliseconds, as platformdirs does

    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "?"
    python = ".".join(map(str, sys.version_info[:3]))
    system = f"{QSysInfo.prettyProductName()}, {QSysInfo.currentCpuArchitecture()}"
    return (
        f"Generative Playground {_own_version()}\n"
        f"Python {python}, PySide6 {pyside_version}, torch {torch}\n"
        f"{system}, {os.cpu_count()} cores"
    )


def _own_version() -> str:
    try:
        project = (ROOT / "pyproject.toml").read_text("utf-8")
    except OSError:
        return "?"
    found = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    return found[1] if found else "?"


# --- what may be written


def line(record: logging.LogRecord) -> str:
    """A record as it is written, but for the time; more lines follow for an error."""
    said = f"{record.levelname} {record.name} ({record.threadName}): {message(record)}"
    error = record.exc_info[1] if record.exc_info else None
    return "\n  ".join([said, *(story(error) if error is not None else ())])


def message(record: logging.LogRecord) -> str:
    """The template of a record, with what can tell nothing of a person filled in."""
    # A plain string stands so in the code: a test sees to that.
    template = record.msg if type(record.msg) is str else str(harmless(record.msg))
    args = record.args
    if not args:
        return template
    known: Any
    if isinstance(args, Mapping):
        known = {name: harmless(value) for name, value in args.items()}
    else:
        known = tuple(harmless(value) for value in args)
    try:
        return str(template % known)
    except (TypeError, ValueError, KeyError):  # a text where the template wants a number
        return template


def harmless(value: object) -> object:
    """`value` as far as it can tell nothing of a person.

    >>> harmless(3), harmless("my diary"), harmless(ValueError("my diary"))
    (3, '…', 'ValueError')
    """
    if value is None or isinstance(value, numbers.Number):
        return value
    if isinstance(value, BaseException):
        return named(value)
    template = getattr(value, "template", None)  # of a Phrase
    return template if type(template) is str else HIDDEN


def named(error: BaseException) -> str:
    """The type of an error, and what of its message stands in the code or in a standard."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    if isinstance(error, PlaygroundError):
        return f"{name}: {harmless(error.phrase)}"
    if isinstance(error, OSError) and error.errno:
        return f"{name} ({errno.errorcode.get(error.errno, error.errno)})"
    if isinstance(error, ImportError) and re.fullmatch(r"[a-zA-Z_][\w.]*", error.name or "", re.A):
        return f"{name} ({error.name})"
    return name


def story(error: BaseException) -> Iterator[str]:
    """An error and those that led to it, the newest first, each with its places."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        yield f"after {named(each)}" if seen else named(each)
        seen.add(id(each))
        yield from (f"  {place}" for place in places(each.__traceback__))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def places(trace: TracebackType | None) -> list[str]:
    """``file:line in function``, outermost first; files as seen from the program's folder."""
    found = [
        f"{place(frame.f_code.co_filename)}:{number} in {frame.f_code.co_qualname}"
        for frame, number in traceback.walk_tb(trace)
    ]
    if len(found) > PLACES:
        left_out = len(found) - PLACES
        found[PLACES // 2 : -PLACES // 2] = [f"… {left_out} more"]
    return found


def place(file: str) -> str:
    """A file of code, from the program's folder, that of packages, or Python's own.

    >>> place("/home/ada/.venv/lib/python3.11/site-packages/torch/nn/functional.py")
    'torch/nn/functional.py'
    """
    if re.fullmatch(r"<[\w .-]+>", file, re.ASCII):  # <string>
        return file
    parts = PurePath(file).parts
    for packages in ("site-packages", "dist-packages"):
        if packages in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(packages) :])
    path = Path(file)
    for known in (ROOT, LIBRARY):
        if path.is_absolute() and path.resolve().is_relative_to(known):
            return path.resolve().relative_to(known).as_posix()
    return "elsewhere"


def without_names(text: str) -> str:
    """A sentence of Qt's, cut wherever the name of a file or a person, or a text, could stand.

    >>> without_names('QFile: cannot open "my diary.txt": no such file')
    'QFile: cannot open …: no such file'
    """
    text = " ".join(text.split())
    for name in _own_names():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    for pattern in (
        rf"[^\x00-\x7f{HIDDEN}].*",  # Qt itself speaks English
        r"\".*\"|'.*'",  # from the first to the last: a name may hold quotation marks
        r"\".*",
        r"(?<!\w)(?:\w+://|[a-z]:[\\/]|~?[\\/]|\.{1,2}[\\/]).*",  # a path may hold spaces
        r"\S*[\\/]\S*",
        r"\S+\.[a-z]\w{1,4}(?!\w)",
        r"0x[0-9a-f]+",  # not personal, but never the same again
    ):
        text = re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)
    return text[:500]


def _own_names() -> list[str]:
    """Of the person and the machine; the longest first, since one may hold another."""
    try:
        home = Path.home()
        names = {str(home), home.as_posix(), home.name}
    except RuntimeError:  # there is none
        names = set()
    names |= {os.environ.get(each, "") for each in ("USER", "LOGNAME", "USERNAME")}
    names.add(socket.gethostname())
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


# --- the file


class LogFile(logging.Handler):
    """Writes what the engine, the window and Qt complain of to a file that stays small.

    path: the file, once it is open. problem: why there is none, for the person to read.
    """

    def __init__(self, place: Path | None = None) -> None:
        """`place`: the folder; default: as `folder` says."""
        super().__init__(logging.WARNING)
        self.path: Path | None = None
        self.problem = ""
        self._place = place
        self._file: logging.Handler | None = None
        self._claim: QLockFile | None = None
        self._waiting: list[str] = []
        self._written: Counter[str] = Counter()
        self._qt_before: Hook | None = None
        self._begun = stamp()

    def install(self) -> None:
        """Listen from now on."""
        for logger in _loggers():
            logger.addHandler(self)
            if logging.lastResort is not None:  # the terminal, as without this file
                logger.addHandler(logging.lastResort)
        self._qt_before = qInstallMessageHandler(self._hear_qt)

    def remove(self) -> None:
        """Put back what was there, and close the file."""
        qInstallMessageHandler(self._qt_before)
        for logger in _loggers():
            logger.removeHandler(self)
            if logging.lastResort is not None:
                logger.removeHandler(logging.lastResort)
        self.open()
        self._write(f"{stamp()} ended")
        self.close()

    def open(self) -> str:
        """Open the file, if that has not been done. What is wrong with the folder, if anything."""
        with self._alone():
            if self._file is None and not self.problem:
                self._try_to_open(folder() if self._place is None else self._place)
        return self.problem

    def _try_to_open(self, place: Path) -> None:
        from logging.handlers import RotatingFileHandler  # milliseconds, as platformdirs above

        try:
            place.mkdir(parents=True, exist_ok=True)
            path = self._claimed(place)
            self._file = RotatingFileHandler(
                path, maxBytes=BYTES, backupCount=OLDER, encoding="utf-8"
            )
        except OSError as error:
            self.problem = _(
                "No log can be written to {folder}: {error}. All else works; the environment "
                "variable PLAYGROUND_LOG may name another folder."
            ).format(folder=place, error=error.strerror or error)
            self._release()
            self._waiting.clear()
            return
        self.path = path
        self._write(f"{self._begun} started, process {os.getpid()}\n{versions()}")
        for text in self._waiting:
            self._write(text)
        self._waiting.clear()

    def _claimed(self, place: Path) -> Path:
        """A file that no other program writes to."""
        for number in range(1, PROGRAMS + 1):
            path = place / (f"{NAME}.log" if number == 1 else f"{NAME}-{number}.log")
            self._claim = QLockFile(str(path) + ".lock")
            self._claim.setStaleLockTime(0)  # it is held for hours; a dead program holds none
            if self._claim.tryLock(0):
                return path
            if self._claim.error() != QLockFile.LockError.LockFailedError:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def close(self) -> None:
        """Let go of the file. The interpreter calls this too, at its end."""
        with self._alone():
            if self._file is not None:
                self._file.close()
                self._file = None
            self._release()
        super().close()

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.unlock()
            self._claim = None

    # --- writing

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep it until there is a file; an error opens the file at once."""
        try:
            text = line(record)
            self._written[text] += 1
            if (times := self._written[text]) > OFTEN:
                return
            if times == OFTEN:
                text += f"\n(said {OFTEN} times by now, and not written again)"
            text = f"{stamp(record.created)} {text}"
            if self._file is None and record.levelno >= logging.ERROR:
                self.open()
            if self._file is not None:
                self._write(text)
            elif not self.problem and len(self._waiting) < WAITING:
                self._waiting.append(text)
        except Exception:  # noqa: BLE001 - as every handler does: told on the terminal
            self.handleError(record)

    def fault(self, error: BaseException) -> None:
        """An error that nobody has caught."""
        kind = (type(error), error, error.__traceback__)
        said = "an error that nobody caught"
        self.handle(logging.LogRecord("app", logging.CRITICAL, "", 0, said, (), kind))

    def tail(self, most: int = 8000) -> str:
        """The last lines, at most so many bytes; empty where there is no file."""
        if self.path is None:
            return ""
        try:
            with self.path.open("rb") as file:
                start = max(0, self.path.stat().st_size - most)
                file.seek(start)
                content = file.read().decode("utf-8", "replace")
        except OSError as error:
            return named(error)
        return content.partition("\n")[2] if start else content

    def _write(self, text: str) -> None:
        if self._file is not None:
            self._file.handle(logging.makeLogRecord({"msg": text.replace("\n", "\n  ")}))

    def _hear_qt(self, kind: QtMsgType, context: QMessageLogContext, said: str) -> None:
        """To the terminal or to whoever listened before, and from warnings on to the file."""
        if self._qt_before is not None:
            self._qt_before(kind, context, said)
        elif sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                sys.stderr.write(qFormatLogMessage(kind, context, said) + "\n")
        if (level := LEVELS.get(kind)) is not None:
            name = f"Qt.{context.category or 'default'}"
            record = logging.LogRecord(name, level, "", 0, without_names(said), (), None)
            self.handle(record)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def stamp(when: float | None = None) -> str:
    """A time of this machine to the second; default: now."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def _loggers() -> tuple[logging.Logger, ...]:
    return logging.getLogger("engine"), logging.getLogger("app")

"""The log: what is in it, what never is, and that the file stays small and whole."""

import ast
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import qWarning

from app import log as log_module
from app.log import LogFile, folder, harmless, message, named, place, places, story, without_names
from engine.phrases import N_, PlaygroundError
from engine.worker import Job, Worker

ROOT = Path(__file__).parent.parent.parent
PERSON = "Ada Lovelace 王小明"
SECRETS = ("Ada", "Lovelace", "王小明", "diary", "Tagebuch", "dear Charles", "secret")

engine_log = logging.getLogger("engine.session")
app_log = logging.getLogger("app.pictures")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a person whose name has spaces and Chinese characters."""
    home = tmp_path / "home" / PERSON
    home.mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "Lovelace")
    return home


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[LogFile]:
    """A log that listens."""
    log_file = LogFile(tmp_path / "log")
    log_file.install()
    yield log_file
    log_file.remove()


def written(log_file: LogFile) -> str:
    log_file.open()
    assert log_file.path is not None
    return log_file.path.read_text("utf-8")


def caught(action: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as found:  # noqa: PT011 - any
        action()
    assert isinstance(found.value, Exception)
    return found.value


def fail_in(file: str, said: str) -> Exception:
    """An error that comes out of a file of code of that name."""
    return caught(lambda: exec(compile(f"raise ValueError({said!r})", file, "exec")))


# What may be written


def test_nothing_of_the_persons_own_is_written(
    log_file: LogFile, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = home / "my diary.txt"
    missing = caught(lambda: own.read_text("utf-8"))
    wrong = PlaygroundError(N_("{path} cannot be read in line {line}", path=own, line=3))

    def fails(job: Job) -> Iterator[None]:
        yield
        raise ValueError(f"dear Charles, {own}")

    worker = Worker()
    job = worker.submit(fails, "LSTM on diary")  # type: ignore[arg-type]
    assert job.wait(10)
    assert worker.close()
    engine_log.warning("music21 cannot read %r: %s", "dear Charles", missing)
    engine_log.warning("%s", wrong)
    engine_log.error("the run %(run)s is damaged at %(step)d", {"run": "lstm-diary-1", "step": 7})
    engine_log.error(missing)
    engine_log.error(wrong.phrase)
    app_log.error("%s in %s", own, [str(own)])
    try:
        raise wrong from fail_in(str(home / "own script.py"), "secret")
    except PlaygroundError as error:
        error.add_note("a secret")
        app_log.exception("%s", N_("{title} failed", title="diary"))
        log_file.fault(error)
    assert str(home) in capfd.readouterr().err  # the terminal is the person's own
    text = written(log_file)
    assert [secret for secret in SECRETS if secret in text] == []
    for kept in (
        "the job '…' failed: ValueError",
        "tests/app/test_log.py:",
        "music21 cannot read '…': FileNotFoundError (ENOENT)",
        "PlaygroundError: {path} cannot be read in line {line}",
        "the run … is damaged at 7",
        "ERROR app.pictures (MainThread): {title} failed",
        "elsewhere:1 in <module>",
        "an error that nobody caught",
    ):
        assert kept in text


def test_every_message_in_the_code_is_a_literal() -> None:
    """What is put together from a name would be written as it stands."""
    calls, found = 0, []
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "engine").rglob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            match call:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[*args]
                ):
                    calls += 1
                    said = args[1] if level == "log" else args[0]
                    if not isinstance(said, ast.Constant):
                        found.append(f"{path.name}:{call.lineno}")
    assert calls > 5
    assert found == [], "give the values as arguments of their own"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (3, 3),
        (2.5, 2.5),
        (None, None),
        ("diary", "…"),
        (Path("diary"), "…"),
        (["diary"], "…"),
        (N_("step {step} of {run}", step=3, run="diary"), "step {step} of {run}"),
        (KeyError("diary"), "KeyError"),
    ],
)
def test_a_value_is_written_only_if_it_tells_nothing(value: object, kept: object) -> None:
    assert harmless(value) == kept


def test_a_text_in_place_of_a_number_is_left_out() -> None:
    record = logging.LogRecord("engine", logging.ERROR, "", 0, "step %d", ("diary",), None)
    assert message(record) == "step %d"


def test_an_error_is_its_type_and_what_is_no_ones() -> None:
    assert named(PermissionError(13, "no", "/home/ada/diary")) == "PermissionError (EACCES)"
    assert (
        named(ModuleNotFoundError("no", name="music21.abc")) == "ModuleNotFoundError (music21.abc)"
    )
    assert named(ImportError("no", name="a diary")) == "ImportError"
    assert named(PlaygroundError(N_("no {what}", what="diary"))).endswith("Error: no {what}")
    assert named(subprocess.TimeoutExpired("diary", 3)) == "subprocess.TimeoutExpired"


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        (str(ROOT / "app" / "log.py"), "app/log.py"),
        (logging.__file__, "logging/__init__.py"),
        (str(ROOT / ".venv/lib/python3.11/site-packages/torch/nn/m.py"), "torch/nn/m.py"),
        ("/home/ada/site-packages/x/dist-packages/y.py", "x/dist-packages/y.py"),
        ("/home/ada/diary.py", "elsewhere"),
        ("<string>", "<string>"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ("<日记>", "elsewhere"),
        ("diary.py", "elsewhere"),
    ],
)
def test_a_place_is_seen_from_the_program_or_its_packages(file: str, kept: str) -> None:
    assert place(file) == kept


def test_a_story_has_what_led_to_it_and_ends() -> None:
    first, second = fail_in("<one>", ""), fail_in("<two>", "")
    second.__cause__, first.__context__ = first, second  # a ring
    told = list(story(second))
    assert [line for line in told if not line.startswith(" ")] == ["ValueError", "after ValueError"]
    assert "  <two>:1 in <module>" in told


def test_a_recursion_is_short() -> None:
    def deeper() -> None:
        deeper()

    found = places(caught(deeper).__traceback__)
    assert len(found) == log_module.PLACES + 1
    assert re.fullmatch(r"… \d+ more", found[log_module.PLACES // 2])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('cannot open "my diary.txt": no such file', "cannot open …: no such file"),
        ("cannot open 'Anna's diary.txt' here", "cannot open … here"),
        ("cannot open /home/x y/my diary.txt: no", "cannot open …"),
        ("cannot open C:\\Users\\my diary.txt", "cannot open …"),
        ("cannot open file:///x/my diary", "cannot open …"),
        ("cannot open diary.txt: no", "cannot open …: no"),
        ("cannot open runs/my-diary/x", "cannot open …"),
        ("cannot say 日记 again", "cannot say …"),
        ('an open "diary', "an open …"),
        ("hello Lovelace, at home", "hello …, at home"),
        ("QWidget(0x55d0c8) doesn't paint", "QWidget(…) doesn't paint"),
        ("two\n lines", "two lines"),
    ],
)
def test_what_qt_says_is_cut(home: Path, said: str, kept: str) -> None:
    assert without_names(said) == kept


# What is written


def test_it_begins_with_versions_and_ends_with_an_end(tmp_path: Path) -> None:
    log_file = LogFile(tmp_path / "new" / "log")
    log_file.install()
    assert log_file.open() == ""
    log_file.remove()
    text = (tmp_path / "new" / "log" / "playground.log").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"Generative Playground {re.findall(r'^version = .(.*).$', project, re.M)[0]}" in text
    assert re.search(r"Python 3\.\d+\.\d+, PySide6 6\.\d+\.\d+, torch \d+\.\d+", text)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d started, process \d+\n", text)
    assert text.endswith(" ended\n")
    assert [each.name for each in (tmp_path / "new" / "log").iterdir()] == ["playground.log"]


@pytest.mark.qt_log_level_fail("CRITICAL")
def test_warnings_are_written_and_news_is_not(log_file: LogFile) -> None:
    engine_log.info("news")
    logging.getLogger("somebody.else").error("not ours")
    app_log.warning("%d things", 3)
    qWarning("of Qt: 'diary'")
    text = written(log_file)
    assert "news" not in text
    assert "not ours" not in text
    assert "WARNING app.pictures (MainThread): 3 things" in text
    assert "WARNING Qt.default (MainThread): of Qt: …" in text


def test_the_terminal_hears_of_it_as_before() -> None:
    code = (
        "import logging, sys\n"
        "from pathlib import Path\n"
        "from PySide6.QtCore import qDebug, qWarning\n"
        "from app.log import LogFile\n"
        "log_file = LogFile(Path(sys.argv[1]) / 'never')\n"
        "def say():\n"
        "    logging.getLogger('engine.x').warning('of the %s', 'engine')\n"
        "    qDebug('of Qt'); qWarning('of Qt too')\n"
        "say()\n"
        "log_file.install()\n"
        "say()\n"
        "log_file.remove()\n"
        "say()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, __file__],  # no folder can be within a file
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert lines == ["of the engine", "of Qt", "of Qt too"] * 3


def test_the_same_is_not_written_for_ever(log_file: LogFile) -> None:
    for _each in range(3 * log_module.OFTEN):
        engine_log.error("again")
    engine_log.error("something else")
    text = written(log_file)
    assert text.count("again\n") == log_module.OFTEN
    assert text.count(f"said {log_module.OFTEN} times by now") == 1
    assert "something else" in text


def test_an_error_opens_the_file_and_what_was_said_before_is_in_it(log_file: LogFile) -> None:
    engine_log.warning("first")
    assert log_file.tail() == ""
    engine_log.error("second")
    text = log_file.tail()
    assert text.index("started") < text.index("first") < text.index("second")


def test_the_tail_is_whole_lines(log_file: LogFile) -> None:
    assert log_file.tail() == ""
    for number in range(100):
        engine_log.error("number %d", number)
    tail = log_file.tail(500)
    assert 300 < len(tail) <= 500
    assert re.match(r"\d{4}-", tail)
    assert tail.endswith("number 99\n")
    assert log_file.tail(10**6) == written(log_file)


# The file


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLAYGROUND_LOG", str(tmp_path))
    assert folder() == tmp_path
    monkeypatch.delenv("PLAYGROUND_LOG")
    assert "GenerativePlayground" in folder().parts


def test_a_folder_that_cannot_be_is_told_and_stops_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    log_file = LogFile(tmp_path / "file" / "log")
    log_file.install()
    engine_log.warning("first")
    engine_log.error("second")
    assert log_file.open() == log_file.problem
    assert str(tmp_path) in log_file.problem
    assert "PLAYGROUND_LOG" in log_file.problem
    assert log_file.path is None
    assert log_file.tail() == ""
    log_file.remove()
    assert capfd.readouterr().err.splitlines() == ["first", "second"]


def test_it_stays_small(monkeypatch: pytest.MonkeyPatch, log_file: LogFile) -> None:
    monkeypatch.setattr(log_module, "BYTES", 2000)
    for number in range(300):
        engine_log.error("number %d", number)
    assert log_file.path is not None
    names = {"playground.log", "playground.log.1", "playground.log.2", "playground.log.lock"}
    assert {path.name for path in log_file.path.parent.iterdir()} == names
    assert all(path.stat().st_size <= 2000 for path in log_file.path.parent.iterdir())
    assert "number 299" in written(log_file)


def test_a_second_program_has_a_file_of_its_own(log_file: LogFile) -> None:
    log_file.open()
    assert log_file.path is not None
    second = LogFile(log_file.path.parent)
    assert second.open() == ""
    assert second.path == log_file.path.with_name("playground-2.log")
    second.close()
    third = LogFile(log_file.path.parent)
    third.open()
    assert third.path == second.path
    third.close()


WRITER = (
    "import logging, sys\n"
    "from pathlib import Path\n"
    "from app import log\n"
    "log.BYTES = 3000\n"
    "log_file = log.LogFile(Path(sys.argv[1]))\n"
    "log_file.install(); log_file.open()\n"
    "print('ready', flush=True); sys.stdin.readline()\n"
    "logging.lastResort.setLevel(99)\n"
    "for number in range(400): logging.getLogger('engine').error('%s%d|', None, number)\n"
    "print('done', flush=True); sys.stdin.readline()\n"
    "import os; os._exit(0)\n"  # without a word: the lock stays behind
)


def test_two_programs_at_once_break_no_line(tmp_path: Path) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _each in range(2)
    ]
    try:
        for said in ("ready\n", "done\n"):
            for program in programs:
                assert program.stdout is not None
                assert program.stdout.readline() == said
            for program in programs:
                assert program.stdin is not None
                program.stdin.write("\n")
                program.stdin.flush()
    finally:
        for program in programs:
            program.communicate(timeout=20)
    for name in ("playground.log", "playground-2.log"):
        parts = [tmp_path / f"{name}{number}" for number in (".2", ".1", "")]
        assert all(part.stat().st_size <= 3000 for part in parts)
        lines = "".join(part.read_text("utf-8") for part in parts).splitlines()
        numbers = [int(line.rpartition("None")[2].rstrip("|")) for line in lines]
        assert len(numbers) > 50
        assert numbers == list(range(400 - len(numbers), 400))
    after = LogFile(tmp_path)  # a dead program claims nothing
    after.open()
    assert after.path == tmp_path / "playground.log"
    after.close()


# In the program


def run_main(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """The program, to which `code` does something; offscreen, at home with nobody."""
    environment = os.environ | {
        "PLAYGROUND_LOG": str(tmp_path / "log"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
    }
    begin = "import sys, main\nfrom PySide6.QtCore import QTimer\nfrom app import window\n"
    end = "main.end(window.main(['main.py', '--runs-dir', sys.argv[1]]))\n"
    return subprocess.run(
        [sys.executable, "-c", begin + code + end, str(tmp_path / "runs")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_fault_before_the_window_is_in_the_log_and_on_the_terminal(tmp_path: Path) -> None:
    done = run_main(
        tmp_path,
        "def broken(*args, **named): raise RuntimeError('my diary')\nwindow.MainWindow = broken\n",
    )
    assert done.returncode == 1
    assert "RuntimeError: my diary" in done.stderr
    text = (tmp_path / "log" / "playground.log").read_text("utf-8")
    assert re.search(r"nobody caught\n +RuntimeError\n(.*\n)* +app/window.py:\d+ in main\n", text)
    assert "diary" not in text
    assert "ended" not in text


def test_a_fault_in_the_program_is_logged_and_it_ends_as_always(tmp_path: Path) -> None:
    done = run_main(
        tmp_path,
        "def trace(event):\n"
        "    QTimer.singleShot(50, window.QApplication.instance().closeAllWindows)\n"
        "    raise ValueError('my diary')\n"
        "class Window(window.MainWindow):\n"
        "    def __init__(self, *args, **named):\n"
        "        super().__init__(*args, **(named | {'trace': trace}))\n"
        "window.MainWindow = Window\n",
    )
    assert done.returncode == 0, done.stderr
    assert "ValueError: my diary" in done.stderr
    text = (tmp_path / "log" / "playground.log").read_text("utf-8")
    assert "in MainWindow._after_first_paint" in text
    assert "diary" not in text
    assert text.endswith(" ended\n")
    assert [each.name for each in (tmp_path / "log").iterdir()] == ["playground.log"]

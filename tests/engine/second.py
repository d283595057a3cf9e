"""A second program on the same run folders, for tests.

    with Second(folder, "hold", run) as other:   # holds a run, and does nothing
    with Second(folder, "train") as other:       # trains a new run, or goes on with one
        other.told("run")
        other.kill()

It ends when its standard input is closed, as a window does: it saves, and lets go.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0


class Second:
    """The program, from outside."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.second", str(folder), *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._found: dict[str, Any] = {}
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._found |= json.loads(line)
                self._news.notify_all()

    def told(self, name: str) -> Any:
        """What it told under this name; waits for it."""
        with self._news:
            assert self._news.wait_for(lambda: name in self._found, PATIENCE), self._found
            return self._found[name]

    def kill(self) -> None:
        """End it as a kill does."""
        self._process.kill()
        self._over()

    def end(self) -> None:
        """Have it end by itself."""
        self.let_end()
        self._over()

    def let_end(self) -> None:
        """Have it end, and do not wait."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _over(self) -> None:
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> "Second":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self.let_end()
        self._over()


# --- inside


def tell(**found: Any) -> None:
    """One line to whoever started this."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def hold(folder: Path, run: str) -> None:
    """Hold a run until the end."""
    from engine.store import Store

    held = Store(folder).hold(run)
    tell(held=True)
    sys.stdin.read()
    held.release()


def train(folder: Path, run: str = "", pause: str = "0.001", autosave: str = "8") -> None:
    """Train the tiny model until the end."""
    import pytest

    from engine import session as session_
    from engine.session import Playground
    from tests.engine import tiny

    def step(*given: Any) -> Any:
        time.sleep(float(pause))
        yield from tiny.step(*given)

    session_.AUTOSAVE_SECONDS = float(autosave)
    with pytest.MonkeyPatch.context() as patch:
        tiny.Catalogue().put_in_place(patch)
        model = tiny.model(step=step)
        playground = Playground([model], folder, threads=1)
        session = playground.open(model)
        if run and not session.restore(run).wait(PATIENCE):
            raise RuntimeError("the run does not open")
        before = session.step
        job = session.start(steps=10**9)
        while session.run is None or not session.run.checkpoint or session.step < before + 5:
            if job.ended:
                raise RuntimeError(job.error)
            time.sleep(0.005)
        tell(run=session.run.id, step=session.step)
        sys.stdin.read()
        assert playground.close()
        tell(ended=session.step)


def begin(folder: Path, count: str) -> None:
    """Begin runs as if it were always the same second."""
    import datetime

    from engine import store

    store._now = lambda: datetime.datetime(2026, 1, 1)
    tell(ready=True)
    sys.stdin.read()
    tell(names=[store.Store(folder).begin("tiny", "A ring") for _ in range(int(count))])


def juggle(folder: Path, run: str, times: str) -> None:
    """Delete and bring back one run, whoever else does, and have old trash emptied."""
    from engine.store import RunError, Store

    store, done = Store(folder), 0
    deeds: tuple[Callable[[], None], ...] = (
        lambda: store.delete(run),
        store.empty_trash,
        lambda: store.undelete(run),
    )
    for _ in range(int(times)):
        for deed in deeds:
            try:
                deed()
                done += 1
            except RunError:  # another was faster
                pass
    tell(done=done)


if __name__ == "__main__":
    what = {"hold": hold, "train": train, "begin": begin, "juggle": juggle}[sys.argv[2]]
    what(Path(sys.argv[1]), *sys.argv[3:])  # type: ignore[operator]

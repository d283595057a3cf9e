"""A screen of our own (Xvfb), and a program on it that is worked with mouse and keys.

Mouse and keyboard go through the X server (xdotool), so that everything between
there and a widget is tested too. Nothing here sleeps for a fixed time to let
something happen: `Program.wait` asks until it is so.
"""

import contextlib
import ctypes
import ctypes.util
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parent.parent.parent
WIDTH, HEIGHT = 1440, 900
USUAL_START = 6.0  # seconds until the engine is there, on two cores with nothing else to do
PATIENCE = 120.0  # seconds for anything at all on a machine that is busy with other things
POLL = 0.05
DRAG_PARTS = 10
PLACES = ("box(", "row(", "choice(", "file(", "entry(", "accept(", "arrow(", "spot(")

Box: TypeAlias = tuple[int, int, int, int]


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib, as long as the longest event."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


class Screen:
    """An X server without a monitor."""

    def __init__(self, folder: Path, width: int = WIDTH, height: int = HEIGHT, *more: str) -> None:
        """`more`: what else Xvfb takes."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        size = f"{width}x{height}x24"
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"]
        command += ["-noreset", "-fbdir", str(folder), *more]
        self.process = subprocess.Popen(
            command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            self.close()
            raise RuntimeError("Xvfb did not start")
        self.display = f":{number}"

    def close(self) -> None:
        """Switch it off."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def do(self, *arguments: object) -> str:
        """Run xdotool; what it prints."""
        done = subprocess.run(
            ["xdotool", *map(str, arguments)],
            env={**os.environ, "DISPLAY": self.display},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"xdotool {arguments}: {done.stderr}"
        return done.stdout.strip()

    def ask_to_close(self, window: int) -> None:
        """Send what the button in a window's frame sends (WM_DELETE_WINDOW)."""
        x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode()))
        protocols, delete = (
            x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        )
        data = (ctypes.c_long * 5)(delete)
        message = ClientMessage(33, 0, 1, None, window, protocols, 32, data)
        sent = x11.XSendEvent(display, ctypes.c_ulong(window), 0, 0, ctypes.byref(message))
        x11.XCloseDisplay(display)
        assert sent, "the message could not be sent"

    def picture(self, path: Path) -> Path:
        """Save what is on the screen as PNG; the program need not be alive for it."""
        content = (self.folder / "Xvfb_screen0").read_bytes()  # in the format of xwd
        header = struct.unpack(">25I", content[:100])
        (size, width, height, per_line, colours) = (header[i] for i in (0, 4, 5, 12, 19))
        start = size + 12 * colours
        pixels = np.frombuffer(content, np.uint8, per_line * height, start).copy()
        image = QImage(pixels.data, width, height, per_line, QImage.Format.Format_RGB32)
        assert image.save(str(path)), f"{path} could not be written"
        return path


class Program:
    """The program on a screen, and what a person does with it.

    Expressions in `ask` and `wait` are those of `tests.journey.driver`.
    """

    def __init__(self, screen: Screen, environment: dict[str, str], folder: Path) -> None:
        """It starts in `folder`, where file dialogs then begin, and logs to a file there."""
        self.screen = screen
        self.slowness = 1.0  # of this machine now, by how long the start took
        self.scale = float(environment.get("QT_SCALE_FACTOR", "1"))  # the screen's pixels to one
        self._begun = time.monotonic()
        self._heard = b""
        self._ours, theirs = socket.socketpair()
        self.log = folder / "program.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.journey.driver", str(theirs.fileno())],
                cwd=folder,
                env={
                    **environment,
                    "DISPLAY": screen.display,
                    "QT_QPA_PLATFORM": "xcb",
                    "PYTHONPATH": str(ROOT),
                },
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        theirs.close()

    # --- asking

    def ask(self, question: str) -> Any:
        """The value of an expression in the program."""
        begun = time.monotonic()
        self._ours.sendall(question.encode() + b"\n")
        while b"\n" not in self._heard:
            left = begun + PATIENCE - time.monotonic()
            ready, _, _ = select.select([self._ours], [], [], max(0.0, left))
            assert ready, f"no answer to {question!r} within {PATIENCE:.0f} s: the window is frozen"
            content = self._ours.recv(1 << 20)
            assert content, f"the program ended while it was asked {question!r}:\n{self.said()}"
            self._heard += content
        line, _, self._heard = self._heard.partition(b"\n")
        verdict, value = json.loads(line)
        assert verdict == "ok", f"{question}: {value}"
        return value

    def wait(self, question: str, seconds: float = PATIENCE) -> Any:
        """Ask until the value is true; the value."""
        until = time.monotonic() + seconds
        while not (value := self.ask(question)):
            assert time.monotonic() < until, f"after {seconds:.0f} s still not: {question}"
            time.sleep(POLL)
        return value

    def said(self) -> str:
        """The end of what the program wrote to its terminal."""
        return self.log.read_text("utf-8", "replace")[-3000:]

    # --- doing

    def ready(self) -> None:
        """Wait for the window, for the engine, and for the data."""
        until = time.monotonic() + PATIENCE
        while not self.ask("window is not None and window.isVisible()"):
            assert time.monotonic() < until, "there is no window"
            time.sleep(POLL)
        self.focus()
        self.wait("page is not None")
        self.slowness = max(1.0, (time.monotonic() - self._begun) / USUAL_START)
        self.wait("page.setup.data.data is not None")

    def focus(self, widget: str = "window") -> None:
        """Give a window the keyboard, which a window manager would do."""
        self.wait(f"{widget} is not None")
        self.screen.do("windowfocus", self.ask(f"int({widget}.winId())"))
        self.wait(f"active is {widget}")

    def place(self, question: str) -> tuple[int, int]:
        """The middle of a box on the screen, once it has come to rest."""
        self.wait(question)
        before = None
        until = time.monotonic() + PATIENCE
        while (now := self.ask(question)) != before or now is None:
            assert time.monotonic() < until, f"never at rest: {question}"
            before = now
            time.sleep(POLL)
        x, y, width, height = now
        return round(self.scale * (x + width // 2)), round(self.scale * (y + height // 2))

    def click(self, question: str, times: int = 1) -> None:
        """Click in the middle of a box, or of a widget."""
        x, y = self.place(_as_box(question))
        self.screen.do("mousemove", x, y)
        self.screen.do("click", "--repeat", times, "--delay", 60, 1)

    def hover(self, question: str) -> None:
        """Move the mouse to the middle of a box, with a little way before."""
        x, y = self.place(_as_box(question))
        self.screen.do("mousemove", x - 3, y - 2, "mousemove", x, y)

    @contextlib.contextmanager
    def dragging(self, question: str, across: int, down: int) -> Iterator[None]:
        """Take hold of a box with the mouse and pull it so many pixels; let go at the end."""
        x, y = self.place(_as_box(question))
        self.screen.do("mousemove", x, y, "mousedown", 1)
        try:
            for part in range(1, DRAG_PARTS + 1):
                moved = (x + across * part // DRAG_PARTS, y + down * part // DRAG_PARTS)
                self.screen.do("mousemove", *moved)
            yield
        finally:
            self.screen.do("mouseup", 1)

    def key(self, keys: str) -> None:
        """Press a key, or several together: "ctrl+g"."""
        self.screen.do("key", "--clearmodifiers", keys)

    def type(self, text: str) -> None:
        """Type a text into whatever has the keyboard; a line's end is the key Return."""
        for line in text.splitlines(keepends=True):
            if words := line.rstrip("\n"):
                self.screen.do("type", "--delay", 15, words)
            if line.endswith("\n"):
                self.key("Return")

    def set_text(self, question: str, text: str) -> None:
        """Click into a field and put `text` in the place of what it holds.

        What comes late (an estimate, a preview) may push the field away from under
        the mouse; a person sees that no cursor blinks there, and clicks again.
        """
        until = time.monotonic() + PATIENCE
        self.click(question)
        while not self.ask(f"reveal({question}) and {question}.hasFocus()"):
            assert time.monotonic() < until, f"cannot click into {question}"
            time.sleep(POLL)
            if not self.ask(f"{question}.hasFocus()"):
                self.click(question)
        self.key("ctrl+a")
        self.type(text)

    def choose(self, combo: str, data: str) -> None:
        """Choose an entry of a combo box with the mouse."""
        self.click(combo)
        self.click(f"choice({combo}, {data!r})")
        self.wait(f"{combo}.currentData() == {data!r}")

    def show_tab(self, bar: str, index: int) -> None:
        """Click on a tab of a QTabBar; where it is out of sight, on the bar's arrows before."""
        until = time.monotonic() + PATIENCE
        while self.ask(f"arrow({bar}, {index})"):
            assert time.monotonic() < until, f"tab {index} of {bar} never comes into sight"
            before = self.ask(f"{bar}.tabRect({index}).left()")
            self.click(f"arrow({bar}, {index})")
            self.wait(f"{bar}.tabRect({index}).left() != {before}")
        self.click(f"box({bar}, {bar}.tabRect({index}))")
        self.wait(f"{bar}.currentIndex() == {index}")

    # --- the end

    def ended(self, seconds: float = PATIENCE) -> float:
        """Wait until the process is over; how long that took."""
        begun = time.monotonic()
        status = self.process.wait(seconds)
        took = time.monotonic() - begun
        assert status == 0, f"the program ended with status {status}:\n{self.said()}"
        return took

    def kill(self) -> None:
        """End it in the hardest way (signal 9), as a crash of the machine would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def close(self) -> None:
        """Let go of it; it must not outlive the test."""
        self._ours.close()
        if self.process.poll() is None:
            self.kill()


def _as_box(question: str) -> str:
    return question if question.startswith(PLACES) else f"box({question})"


@contextlib.contextmanager
def sound_server(folder: Path) -> Iterator[str]:
    """PulseAudio with a device that nobody hears; the address of the server.

    What is played there can be recorded from the source "journey.monitor".
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = folder / "native"
    command = ["pulseaudio", "-n", "--system=false", "--daemonize=no", "--use-pid-file=no"]
    command += ["--exit-idle-time=-1", "--disable-shm=true"]
    command += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={address}"]
    command += ["-L", "module-null-sink sink_name=journey rate=44100 channels=1"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE
        while not address.exists():
            assert process.poll() is None, "pulseaudio did not start"
            assert time.monotonic() < until, "pulseaudio opened no socket"
            time.sleep(POLL)
        yield f"unix:{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE)

"""A screen to measure on: the one there is, or one of our own in memory (Xvfb)."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def screen() -> Iterator[dict[str, str]]:
    """Environment variables that put Qt on a real X screen of 1920x1080."""
    if os.environ.get("DISPLAY"):
        yield {"DISPLAY": os.environ["DISPLAY"]}
        return
    if shutil.which("Xvfb") is None:
        sys.exit("this measurement needs a screen, or Xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24"]
    process = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        yield {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        process.terminate()
        process.wait()

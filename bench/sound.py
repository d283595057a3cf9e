"""Whether sound plays without a gap while it is being made and another tab trains.

    python -m bench.sound [--model MODEL] [--seconds SECONDS] [--rounds ROUNDS] [--trains MODEL]
                          [--speed TIMES]

In a real window one tab trains and another makes a sound of so many seconds, which plays as
it comes, on a sound server of our own (PulseAudio, a null sink). What comes out of the sink is
recorded and compared with what was made: both are 16-bit numbers of one rate, so what was
heard must be the same to the last bit. Without `--model` the sound is made by a stand-in, noise
at so many times real time (1.3); with it by that model after a few steps.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import in_window, machine, opened, page_of, table
from bench.screen import screen

RATE = 16_000
STEPS = 5  # of the model that makes the sound
SETTLE = 5.0  # seconds of training before
PATIENCE = 20.0
SINK = "bench"


@contextlib.contextmanager
def sound_server(folder: Path, rate: int) -> Iterator[str]:
    """PulseAudio with a device that nobody hears, of that rate; the address of the server."""
    if shutil.which("pulseaudio") is None or shutil.which("parec") is None:
        sys.exit("this measurement needs pulseaudio and parec (pulseaudio-utils)")
    folder.mkdir(mode=0o700, parents=True)
    address = folder / "native"
    command = ["pulseaudio", "-n", "--system=false", "--daemonize=no", "--use-pid-file=no"]
    command += ["--exit-idle-time=-1", "--disable-shm=true"]
    command += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={address}"]
    command += ["-L", f"module-null-sink sink_name={SINK} rate={rate} channels=1 format=s16le"]
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
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("pulseaudio did not start")
            time.sleep(0.05)
        yield f"unix:{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def recorded(address: str, rate: int, path: Path) -> Iterator[None]:
    """All that comes out of the sink meanwhile goes to `path`, as 16-bit numbers."""
    command = ["parec", f"--device={SINK}.monitor", "--format=s16le", f"--rate={rate}"]
    command += ["--latency-msec=50"]
    with path.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--channels=1"],
            env={**os.environ, "PULSE_SERVER": address},
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
            time.sleep(3.0)  # what is still on its way
        finally:
            process.terminate()
            process.wait(PATIENCE)


def compared(made: NDArray[np.int16], heard: NDArray[np.int16], rate: int) -> dict[str, float]:
    """How what was heard differs from what was made.

    lag: where in `heard` it begins (samples), where both agree best. correlation: of the two from
    there on. wrong: samples that differ by more than one step. gap: the longest stretch of these,
    ms. longer: samples between the first and the last that was heard, more than were made (what
    was put in between).
    """
    size = 2 ** int(np.ceil(np.log2(len(made) + len(heard))))
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(made, size))
    lag = int(np.fft.irfft(spectrum, size)[: max(1, len(heard))].argmax())
    there = np.zeros(len(made))
    part = heard[lag : lag + len(made)]
    there[: len(part)] = part
    wrong = np.abs(there - made) > 1
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wrong.astype(np.int8), [0]))))
    gap = int((edges[1::2] - edges[::2]).max(initial=0))
    loud = np.flatnonzero(np.abs(heard) > 1)
    sounding = np.flatnonzero(np.abs(made) > 1)
    longer = 0
    if len(loud) and len(sounding):
        longer = int((loud[-1] - loud[0]) - (sounding[-1] - sounding[0]))
    together = float(np.corrcoef(there, made)[0, 1]) if there.any() else 0.0
    return {
        "correlation": together,
        "wrong": int(wrong.sum()),
        "gap": 1000 * gap / rate,
        "longer": longer,
    }


def stand_in(seconds: float, speed: float) -> Generator[Any, None, None]:
    """Noise that is made at `speed` times real time."""
    from engine.payloads import Sound

    count = round(seconds * RATE)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)
    begun = shown = time.perf_counter()
    made = 0
    while made < count:
        now = time.perf_counter()
        made = min(count, round((now - begun) * speed * RATE))
        if now - shown > 0.05 or made == count:
            shown = now
            yield Sound(
                samples[:made],
                RATE,
                piece=1,
                expected=count,
                per_second=speed * RATE,
                spectrogram=True,
            )
        else:
            time.sleep(0.002)
            yield None


def listen(model: str, trains: str, seconds: float, speed: float, folder: str) -> dict[str, float]:
    """Run in a process of its own: train, make a sound and play it; what was made is saved."""
    from PySide6.QtCore import QTimer

    from engine.events import Shown

    found: dict[str, float] = {}

    def begin(window: Any) -> None:
        other = page_of(window, trains)
        page = page_of(window, model or "gan")
        sampling = page.sampling
        other.train()

        def from_stand_in() -> None:
            """As `Sampling` draws of its own model."""

            def work(job: Any) -> Generator[None, None, None]:
                for payload in stand_in(seconds, speed):
                    if payload is not None:
                        job.tell(Shown("drawn", payload, 0))
                    yield

            job = sampling._job = page.session.playground.worker.submit(work, "stand-in")
            sampling.strip.follow(job, lambda event: sampling._hear(job, event))
            sampling.enable()

        def make() -> None:
            found["step"], found["begun"] = other.session.step, time.perf_counter()
            if model:
                sampling.form.show_values({"seconds": seconds})
                page.generate()
            else:
                from_stand_in()
            look.start(20)

        def prepared() -> None:
            """The model that makes the sound has taken its few steps."""
            if page.session.status == "paused" and page.session.step >= STEPS:
                waiting.stop()
                QTimer.singleShot(int(1000 * SETTLE), make)

        def watch() -> None:
            widget, payload = sampling._sound, sampling.result.payload
            if widget is None or payload is None:
                return
            now = time.perf_counter()
            player = widget.player
            if "heard" not in found and widget.place.value() > 0:
                found["heard"] = now - found["begun"]
            if "made" not in found and len(payload.samples) >= payload.expected:
                found["made"] = now - found["begun"]
            if "made" in found and not player.playing:
                look.stop()
                found["played"] = now - found["begun"]
                found["underruns"] = player.underruns
                found["steps"] = other.session.step - found["step"]
                found["rate"] = payload.rate
                heard = (np.clip(payload.samples, -1, 1) * 32767).astype(np.int16)
                np.save(Path(folder) / "made.npy", heard)
                window.close()
                application.quit()

        look, waiting = QTimer(window), QTimer(window)
        look.timeout.connect(watch)
        waiting.timeout.connect(prepared)
        page.more(STEPS)
        waiting.start(200)

    application, window = opened(folder, begin)
    window.show()
    application.exec()
    return found


def main(model: str, trains: str, seconds: float, rounds: int, speed: float) -> None:
    """A row for each round; a failure where there was a gap."""
    print(machine(), "\n")
    rows, gaps = [], 0
    with screen() as display:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                rate = RATE
                if model:
                    from engine.data import sound

                    rate = sound.RATE
                with sound_server(folder / "pulse", rate) as address:
                    record = folder / "heard.raw"
                    with recorded(address, rate, record):
                        there = {**display, "PULSE_SERVER": address}
                        asked = (model or "-", trains, seconds, speed, name)
                        found = in_window("bench.sound", there, *asked)
                made = np.load(folder / "made.npy")
                result = compared(made, np.fromfile(record, "<i2"), rate)
            assert found["rate"] == rate
            gaps += int(found["underruns"]) + int(result["wrong"] > 0)
            rows.append(
                (
                    f"{len(made) / rate:.1f} s",
                    f"{found['made']:.1f} s",
                    f"{found['heard']:.1f} s",
                    f"{found['steps']:.0f}",
                    f"{found['underruns']:.0f}",
                    f"{result['wrong']:.0f}",
                    f"{result['gap']:.1f} ms",
                    f"{result['longer']:.0f}",
                    f"{result['correlation']:.6f}",
                )
            )
    head = (
        *(f"{model or 'stand-in'}, {trains} trains", "made within", "heard after"),
        *("steps meanwhile", "underruns", "wrong samples", "longest gap", "samples put in"),
        "correlation",
    )
    table(head, rows)
    print("\nno gap" if not gaps else "\nthere were gaps")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        key = "" if sys.argv[2] == "-" else sys.argv[2]
        numbers = float(sys.argv[4]), float(sys.argv[5])
        print(json.dumps(listen(key, sys.argv[3], *numbers, sys.argv[6])))
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="")
        parser.add_argument("--trains", default="vae")
        parser.add_argument("--seconds", type=float, default=10.0)
        parser.add_argument("--rounds", type=int, default=1)
        parser.add_argument("--speed", type=float, default=1.3)
        given = parser.parse_args()
        main(given.model, given.trains, given.seconds, given.rounds, given.speed)

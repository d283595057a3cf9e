"""What the measurements share: tables, peers, and a note of the machine."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / ".peers"
PEER_PACKAGES = (
    *("torch==2.13.0", "transformers", "numpy"),
    *("einops", "Pillow", "pydantic", "cloudpickle", "tqdm", "typing_extensions"),
)
# Without what they need besides, torchvision above all, which has no build for this torch; see
# the stand-ins in `bench.images_peer`.
BARE_PACKAGES = ("denoising-diffusion-pytorch==2.3.4", "ema-pytorch==0.8.3", "pythae==0.1.2")
SHARED = ROOT.parent / "shared" / "data"


def machine() -> str:
    """One line on what this was measured on."""
    import torch

    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
                break
    except OSError:
        pass
    return (
        f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, one intra-op thread"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def shakespeare() -> Path:
    """The benchmark text; a clear exit where it is not there."""
    path = SHARED / "tinyshakespeare.txt"
    if not path.exists():
        sys.exit(f"this measurement needs {path.name} in {SHARED}")
    return path


def peer_python() -> str:
    """The interpreter of an environment of the peers' own, made at the first call."""
    python = PEERS / "bin" / "python"
    ready, wanted = PEERS / "ready", " ".join((*PEER_PACKAGES, *BARE_PACKAGES))
    if not (ready.exists() and ready.read_text() == wanted):
        print("making an environment for the peers ...", file=sys.stderr)
        install = [str(python), "-m", "pip", "install", "-q"]
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([*install, *PEER_PACKAGES], check=True)
        subprocess.run([*install, "--no-deps", *BARE_PACKAGES], check=True)
        ready.write_text(wanted)
    return str(python)


def measured(python: str, module: str, *arguments: str) -> dict[str, Any]:
    """Run a measurement in a process of its own; the JSON of its last line."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [python, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def engine(*arguments: str) -> list[dict[str, Any]]:
    """Run the engine's command line with ``--json``; its objects, each with when it came."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    command = [sys.executable, "-m", "engine", *arguments, "--json"]
    found = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found.append(json.loads(line) | {"came": time.perf_counter()})
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return found


def resident() -> float:
    """MB of memory that this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    sys.exit("this measurement needs Linux, which tells how much memory a process holds")


def in_window(module: str, display: dict[str, str], *arguments: Any) -> dict[str, Any]:
    """Run ``module --window arguments`` on that screen; the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--window", *map(str, arguments)],
        cwd=ROOT,
        env=dict(os.environ, **display),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def opened(folder: str, begin: Callable[[Any], None]) -> tuple[Any, Any]:
    """The application and its window, with runs and settings in `folder`.

    `begin(window)` is called half a second after the window is ready to train.
    """
    from PySide6.QtCore import QSettings, Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from app.collecting import Collector
    from app.window import MainWindow

    application = QApplication([sys.argv[0]])
    settings = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
    window = MainWindow(settings, runs=Path(folder) / "runs")
    window.resize(1280, 800)
    collector = Collector(window)  # as in the program
    window.loader.ready.connect(collector.settle, Qt.ConnectionType.QueuedConnection)
    window.loader.ready.connect(lambda _playground: QTimer.singleShot(500, lambda: begin(window)))
    return application, window


def page_of(window: Any, model: str) -> Any:
    """The page of that model, shown."""
    for index, family in enumerate(window.families):
        if any(each.key == model for each in family.models):
            window.tabs.setCurrentIndex(index)
            return window.tab.choose(model)
    sys.exit(f"there is no model {model}")

"""What the measurements share: tables, peers, and a note of the machine."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / ".peers"
PEER_PACKAGES = ("torch==2.13.0", "transformers", "numpy")
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
    ready = PEERS / "ready"
    if not ready.exists():
        print("making an environment for the peers ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
        ready.write_text(" ".join(PEER_PACKAGES))
    return str(python)


def measured(python: str, module: str, *arguments: str) -> dict[str, Any]:
    """Run a measurement in a process of its own; the JSON of its last line."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
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

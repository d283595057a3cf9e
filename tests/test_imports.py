"""The direction of imports (pyproject.toml, importlinter): kept, and seen when it is not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON_ONLY = shutil.ignore_patterns("__pycache__", "*.npz", "*.txt", "*.png", "*.wav")
LINT = "from importlinter.cli import lint_imports_command as run; run()"


def lint(folder: Path) -> tuple[int, str]:
    """Exit status and output of import-linter in `folder`."""
    command = [sys.executable, "-c", LINT, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_tree_keeps_the_rules() -> None:
    status, said = lint(ROOT)
    assert status == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        (
            {"engine/worker.py": "from PySide6.QtCore import QObject"},
            "The engine knows no window",
        ),
        (
            {"engine/events.py": "def late():\n    import app.theme"},
            "The engine knows no window",
        ),
        (
            {"app/planted.py": "import torch"},
            "The app does not import torch",
        ),
        (
            {"app/special/planted.py": "def late():\n    from torch import nn"},
            "The app does not import torch",
        ),
        (
            {"app/planted.py": "from engine.families import rnn"},
            "The app does not import a family's file",
        ),
        (
            {"engine/families/gru.py": "from engine.families.rnn import build"},
            "Families do not import each other",
        ),
        (
            {
                "engine/families/later.py": "",
                "engine/families/latest.py": "import engine.families.later",
            },
            "Families do not import each other",
        ),
        (
            {"engine/knobs.py": "import engine.session"},
            "The engine's layers",
        ),
        (
            {"engine/payloads.py": "from engine import knobs"},
            "The engine's layers",
        ),
        (
            {"engine/without_a_place.py": ""},
            "The engine's layers",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_planted_violation_is_caught(tmp_path: Path, planted: dict[str, str], rule: str) -> None:
    for package in ("engine", "app"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=PYTHON_ONLY)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in planted.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(f"\n{line}\n")

    status, said = lint(tmp_path)

    assert status == 1
    assert [line for line in said.splitlines() if line.endswith("BROKEN")] == [f"{rule} BROKEN"]


def test_the_app_may_ask_for_the_list_of_families(tmp_path: Path) -> None:
    for package in ("engine", "app"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=PYTHON_ONLY)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "app" / "planted.py").write_text("from engine.families import FAMILIES\n", "utf-8")
    status, said = lint(tmp_path)
    assert status == 0, said

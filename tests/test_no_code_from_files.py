"""No file that is read can run code: no pickle, no marshal, no eval, anywhere in the program.

What numba keeps of its own compiling beside the source, as Python does with .pyc, is not a file
that a person opens, and is read by numba.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
MODULES |= {"jsonpickle", "runpy", "code", "codeop"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {"read_pickle", "load_module", "exec_module", "unsafe_load", "full_load"}
LOADERS = {"SafeLoader", "CSafeLoader"}


def sources() -> list[Path]:
    """Every Python file of the program, also those without a suffix."""
    found = [ROOT / "main.py", *(ROOT / "scripts").iterdir()]
    found += [path for name in ("engine", "app") for path in (ROOT / name).rglob("*.py")]
    return [
        path
        for path in found
        if path.suffix == ".py" or (path.is_file() and path.read_bytes().startswith(b"#!"))
    ]


def name_of(node: ast.AST) -> str:
    """``torch.load`` of the expression that says so."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def findings(source: str) -> Iterator[str]:
    """What in the source could run what stands in a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module in ("torch", "numpy"):
                yield from (
                    f"from {node.module} import load" for a in node.names if a.name == "load"
                )
        else:
            names = []
        yield from (f"import {name}" for name in names if name.partition(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            yield from called(node)
        if isinstance(node, ast.Attribute):
            if node.attr in ATTRIBUTES:
                yield node.attr
            if name_of(node.value) == "yaml" and node.attr.endswith("Loader"):
                yield from () if node.attr in LOADERS else (f"yaml.{node.attr}",)


def called(call: ast.Call) -> Iterator[str]:
    """What is wrong with a call."""
    name = name_of(call.func)
    named = {each.arg: each.value for each in call.keywords}
    if name in BUILTINS:
        yield f"{name}()"
    if name.startswith("torch.") and name.rpartition(".")[2] in ("load", "save"):
        yield f"{name}()"
    allowed = named.get("allow_pickle")
    if allowed is not None and not (isinstance(allowed, ast.Constant) and allowed.value is False):
        yield "allow_pickle"
    if name in ("np.load", "numpy.load") and allowed is None:
        yield f"{name}() without allow_pickle=False"
    if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load_all", "yaml.full_load_all"):
        loader = named.get("Loader")
        known = isinstance(loader, ast.Name) or (
            isinstance(loader, ast.Attribute) and loader.attr in LOADERS
        )
        if not known or name.startswith(("yaml.unsafe", "yaml.full")):
            yield f"{name}() without a safe loader"


def test_nothing_in_the_program_reads_code_from_a_file() -> None:
    paths = sources()
    assert len(paths) > 100
    assert {"check", "store.py", "window.py", "bootstrap.py"} <= {path.name for path in paths}
    found = {str(path.relative_to(ROOT)): list(findings(path.read_text("utf-8"))) for path in paths}
    assert {path: each for path, each in found.items() if each} == {}


PLANTED = (
    "import pickle",
    "def late():\n    from pickle import loads",
    "import cloudpickle.cloudpickle",
    "import torch\ntorch.load('x')",
    "import torch\ntorch.load('x', weights_only=True)",
    "import torch\ntorch.jit.load('x')",
    "import torch\ntorch.save({}, 'x')",
    "from torch import load",
    "from numpy import load",
    "import numpy as np\nnp.load('x')",
    "import numpy as np\nnp.load('x', allow_pickle=True)",
    "import numpy as np\nflag = False\nnp.load('x', allow_pickle=flag)",
    "import marshal",
    "import shelve",
    "eval('1')",
    "exec(open('x').read())",
    "compile('1', 'x', 'eval')",
    "__import__('x')",
    "import yaml\nyaml.load('x')",
    "import yaml\nyaml.load('x', Loader=yaml.Loader)",
    "import yaml\nyaml.load('x', Loader=yaml.FullLoader)",
    "import yaml\nyaml.unsafe_load('x')",
    "import yaml\nloader = yaml.UnsafeLoader",
    "import pandas as pd\npd.read_pickle('x')",
)
HARMLESS = (
    "module.eval()",
    "dialog.exec()",
    "import re\nre.compile('x')",
    "import json\njson.load(file)",
    "import numpy as np\nnp.load('x', allow_pickle=False)",
    "import yaml\nyaml.safe_load('x')",
    "import yaml\nyaml.load('x', Loader=yaml.SafeLoader)",
    "import safetensors.torch\nsafetensors.torch.load_file('x')",
)


@pytest.mark.parametrize("source", PLANTED)
def test_what_is_planted_is_found(source: str) -> None:
    assert list(findings(source))


@pytest.mark.parametrize("source", HARMLESS)
def test_what_only_looks_like_it_is_not(source: str) -> None:
    assert list(findings(source)) == []

"""Nested dicts, lists and tuples with tensors in them, in one file that can run no code.

The state of an optimiser is such a thing. Its tensors are written as safetensors; the
rest, which says what belongs where, is JSON in the metadata of the same file.

    {"step": 3, "moments": [tensor, tensor]}
    -> {"dict": [["step", 3], ["moments", {"list": [{"tensor": "0"}, {"tensor": "1"}]}]]}
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from engine import wary

TREE = "tree"


def save(path: Path, value: Any) -> None:
    """Write `value`. Raises `TypeError` for what is neither a tensor nor has a form in JSON."""
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_packed(value, tensors))
    safetensors.torch.save_file(tensors, path, metadata={TREE: tree})


def load(path: Path, most: int) -> Any:
    """What `save` wrote, bit for bit, which may have `most` bytes.

    Raises whatever a damaged file leads to.
    """
    size = wary.file_size(path)  # of a pipe nobody would see the end
    if size > most:
        raise ValueError(f"it has {size:,} bytes, and at most {most:,}")
    with safetensors.safe_open(path, "pt") as file:
        tree = wary.parsed((file.metadata() or {})[TREE])
        left = set(file.keys())

        def tensor(name: str) -> Tensor:
            left.remove(name)  # each once, or a small file would fill the memory
            found: Tensor = file.get_tensor(name)
            return found

        return _unpacked(tree, tensor)


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    match value:
        case Tensor():
            return _packed_tensor(value, tensors)
        case dict():
            keys = [key for key in value if not isinstance(key, str | int)]
            if keys:
                raise TypeError(f"{keys[0]!r} cannot be written as a key: accepted is str or int")
            return {"dict": [[key, _packed(each, tensors)] for key, each in value.items()]}
        case list():
            return {"list": [_packed(each, tensors) for each in value]}
        case tuple():
            return {"tuple": [_packed(each, tensors) for each in value]}
        case None | bool() | int() | float() | str():
            return value
        case _:
            accepted = "tensors, dict, list, tuple, numbers and text"
            raise TypeError(f"{type(value).__name__} cannot be written: accepted are {accepted}")


def _packed_tensor(value: Tensor, tensors: dict[str, Tensor]) -> Any:
    # The order in memory is kept (channels last, for one): fused optimisers go by it.
    order = sorted(range(value.dim()), key=lambda axis: -value.stride()[axis])
    name = str(len(tensors))
    tensors[name] = value.detach().permute(order).contiguous()
    plain = order == list(range(value.dim()))
    return {"tensor": name} if plain else {"tensor": name, "order": order}


def _unpacked(tree: Any, tensor: Callable[[str], Tensor]) -> Any:
    match tree:
        case {"tensor": str(name)}:
            # Not the mapped file itself, which may be removed while the tensor lives.
            found = tensor(name).clone()
            order = tree.get("order", list(range(found.dim())))
            return found.permute([order.index(axis) for axis in range(found.dim())])
        case {"dict": list(items)}:
            return {key: _unpacked(each, tensor) for key, each in items}
        case {"list": list(items)}:
            return [_unpacked(each, tensor) for each in items]
        case {"tuple": list(items)}:
            return tuple(_unpacked(each, tensor) for each in items)
        case None | bool() | int() | float() | str():
            return tree
        case _:
            raise ValueError(f"not a nested value: {str(tree)[:80]}")

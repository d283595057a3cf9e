"""engine/nested.py: what goes in comes out bit for bit, and nothing else is read."""

import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from engine import nested


def through(value: Any, folder: Path) -> Any:
    path = folder / "file.safetensors"
    nested.save(path, value)
    return nested.load(path, 10**6)


def test_plain_values_come_back_as_they_were(tmp_path: Path) -> None:
    value = {
        "none": None,
        "flags": [True, False],
        "numbers": (0, -1, 2**80, 0.1, 1e-300, -0.0, math.inf),
        "words": ["", "é", "\x00", "对话"],
        "nested": {1: {"a": ({},)}, "1": [], -5: ()},
    }
    found = through(value, tmp_path)
    assert repr(found) == repr(value)
    assert math.isnan(through({"x": math.nan}, tmp_path)["x"])


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_come_back_bit_for_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    values = [
        torch.randn(3, 4, 2).to(dtype),
        torch.zeros(0, 3, dtype=dtype),
        torch.ones((), dtype=dtype),
    ]
    found = through({"all": values}, tmp_path)["all"]
    for before, after in zip(values, found, strict=True):
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert torch.equal(after, before)


def test_no_numbers_and_signed_zeros_keep_their_bits(tmp_path: Path) -> None:
    bits = torch.tensor([0x7FC00001, -0x3FFFFF, -(2**31), 0x7F800000], dtype=torch.int32)
    found = through([bits.view(torch.float32)], tmp_path)[0]
    assert torch.equal(found.view(torch.int32), bits)


def test_the_order_in_memory_is_kept(tmp_path: Path) -> None:
    plain = torch.randn(2, 3, 4, 5)
    values = [
        plain.contiguous(memory_format=torch.channels_last),
        plain.permute(3, 1, 0, 2),
        plain[:, 1],
        torch.randn(6, 7).T,
        torch.randn(3, 1).expand(3, 4),
    ]
    found = through(values, tmp_path)
    for before, after in zip(values, found, strict=True):
        assert torch.equal(after, before)
    assert found[0].stride() == values[0].stride()
    assert found[1].stride() == values[1].stride()
    assert found[3].stride() == values[3].stride()


def test_what_is_loaded_needs_the_file_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "file"
    nested.save(path, [torch.arange(1000.0)])
    (found,) = nested.load(path, 10**6)
    path.write_bytes(b"\xff" * path.stat().st_size)
    path.unlink()
    assert torch.equal(found, torch.arange(1000.0))
    found += 1


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
def test_an_optimiser_goes_on_the_same(tmp_path: Path, make: Any) -> None:
    def step(layer: nn.Module, optimiser: Any) -> None:
        optimiser.zero_grad()
        layer(torch.ones(1, 4)).square().sum().backward()
        optimiser.step()

    layer = nn.Linear(4, 2)
    optimiser = make(layer.parameters(), lr=0.1)
    step(layer, optimiser)
    other = nn.Linear(4, 2)
    other.load_state_dict(layer.state_dict())
    again = make(other.parameters(), lr=0.9)
    again.load_state_dict(through(optimiser.state_dict(), tmp_path))
    for _ in range(3):
        step(layer, optimiser)
        step(other, again)
    assert all(
        torch.equal(one, two)
        for one, two in zip(layer.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize("value", [print, {1, 2}, b"x", 1j, [object()], {"a": lambda: 0}])
def test_what_has_no_form_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be written: accepted are tensors"):
        nested.save(tmp_path / "file", value)
    assert not (tmp_path / "file").exists()


def test_a_key_that_json_would_change_is_refused(tmp_path: Path) -> None:
    for key in (1.5, None, (1,)):
        with pytest.raises(TypeError, match="accepted is str or int"):
            nested.save(tmp_path / "file", {key: 1})


def write(path: Path, tree: Any, **tensors: Tensor) -> None:
    safetensors.torch.save_file(tensors, path, metadata={"tree": json.dumps(tree)})


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"tensor": 0},
        {"tensor": "missing"},
        {"tensor": "0", "order": [0]},
        {"tensor": "0", "order": [0, 0]},
        {"tensor": "0", "order": [0, 10**9]},
        {"tensor": "0", "order": "xy"},
        {"dict": 5},
        {"dict": [[1]]},
        {"dict": [[[], 1]]},
        {"list": {"a": 1}},
        {"set": [1]},
        [1, 2],
    ],
    ids=str,
)
def test_a_tree_that_is_none_is_refused(tmp_path: Path, tree: Any) -> None:
    write(tmp_path / "file", tree, **{"0": torch.zeros(2, 3)})
    with pytest.raises(Exception, match=r"."):
        nested.load(tmp_path / "file", 10**6)


def test_a_tensor_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    """A small file would fill the memory with copies of it."""
    write(tmp_path / "file", {"list": [{"tensor": "a"}] * 2}, a=torch.zeros(10))
    with pytest.raises(KeyError):
        nested.load(tmp_path / "file", 10**6)


def test_a_file_larger_than_agreed_is_refused(tmp_path: Path) -> None:
    nested.save(tmp_path / "file", torch.zeros(1000))
    size = (tmp_path / "file").stat().st_size
    assert nested.load(tmp_path / "file", size).shape == (1000,)
    with pytest.raises(ValueError, match=f"at most {size - 1:,}"):
        nested.load(tmp_path / "file", size - 1)


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    bomb = Bomb(tmp_path / "exploded")
    (tmp_path / "pickled").write_bytes(pickle.dumps(bomb))
    torch.save({"a": bomb}, tmp_path / "torch")
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "without a tree")
    for name in ("pickled", "torch", "without a tree"):
        with pytest.raises(Exception, match=r"."):
            nested.load(tmp_path / name, 10**6)
    assert not (tmp_path / "exploded").exists()

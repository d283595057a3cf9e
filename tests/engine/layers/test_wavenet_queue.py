"""The queues against plain recomputation of the whole past by the network itself."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.families.wavenet import NetKnobs, WaveNet
from engine.layers.compiling import Background
from engine.layers.sounds import OUTPUTS
from engine.layers.soundviews import Recomputed
from engine.layers.wavenet_queue import Queues, streams, weights_of
from tests.engine.small import randomise, sound_data

every_output = pytest.mark.parametrize("output", OUTPUTS)


def network(output: str, **values: Any) -> WaveNet:
    small: dict[str, Any] = {
        "doublings": 4,
        "stacks": 2,
        "residual": 8,
        "skip": 12,
        "output": output,
    }
    module = WaveNet(NetKnobs(**(small | values)), sound_data()).eval()
    randomise(module, scale=0.25)
    return module


@every_output
@pytest.mark.parametrize("labels", [True, False])
def test_the_queues_say_what_the_network_says_of_the_whole_past(output: str, labels: bool) -> None:
    module = network(output, labels=labels)
    length = 3 * module.field
    told = [0, module.classes]
    given = np.random.default_rng(0).integers(0, module.output.codes, (2, length))
    line = torch.from_numpy(np.concatenate([np.full((2, 1), module.start), given], axis=1))
    with torch.no_grad():
        wanted = module(line, torch.tensor(told)).numpy()
    assert np.ptp(wanted) > 1.0
    stream = Queues(weights_of(module), told)
    for at in range(length + 1):
        assert np.abs(stream.logits - wanted[:, at]).max() < 1e-5
        if at < length:
            stream.run(given[:, at : at + 1], 1, np.zeros((2, 1, 2)), 1.0)


def test_the_queues_draw_bit_for_bit_what_full_recomputation_draws() -> None:
    module = network("mu-law, 256 values")
    u = np.random.default_rng(0).random((1, 120, 2))
    codes = np.zeros((1, 120), np.int64), np.zeros((1, 120), np.int64)
    Queues(weights_of(module), [1]).run(codes[0], 0, u, 1.0)
    Recomputed(module, 1).run(codes[1], 0, u, 1.0)
    np.testing.assert_array_equal(codes[0], codes[1])
    assert len(np.unique(codes[0])) > 20


@every_output
def test_pieces_at_once_are_the_pieces_one_by_one(output: str) -> None:
    weights = weights_of(network(output), np.float64)
    u = np.random.default_rng(0).random((3, 40, 2))
    together = np.zeros((3, 40), np.int64)
    Queues(weights, [0, 1, 2]).run(together, 0, u, 1.0)
    for piece in range(3):
        alone = np.zeros((1, 40), np.int64)
        Queues(weights, [piece]).run(alone, 0, u[piece : piece + 1], 1.0)
        np.testing.assert_array_equal(alone[0], together[piece])
    assert len({row.tobytes() for row in together}) == 3


def test_weights_are_copies() -> None:
    module = network("mu-law, 256 values")
    weights = weights_of(module)
    before = weights.inner.copy()
    randomise(module, seed=9)
    np.testing.assert_array_equal(weights.inner, before)


def test_without_the_compiled_loop_there_are_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of(network("mu-law, 256 values"))
    monkeypatch.setattr(Background, "get", lambda self: None)
    assert isinstance(streams(weights, [0]), Queues)

    class Other(Queues):
        pass

    monkeypatch.setattr(Background, "get", lambda self: Other)
    assert isinstance(streams(weights, [0]), Other)

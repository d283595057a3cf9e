"""The LSTM with attention: against its equations in numpy, token by token."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.pairs import BEGIN, END, PAD
from engine.families.lstm_translator import MODEL, LSTMTranslator, NetKnobs, SampleKnobs
from engine.family import TrainKnobs
from engine.layers.translating import as_batch, begun
from engine.layers.writing import sayable
from engine.learner import Learner
from tests.engine.small import pair_data, randomise

DATA = pair_data(60)
NET = NetKnobs(width=6)
PAIRS = as_batch(DATA.held_out.sources[:6], DATA.held_out.targets[:6])


def translator(seed: int = 0) -> LSTMTranslator:
    """One whose every weight counts."""
    module = LSTMTranslator(NET, DATA).eval()
    randomise(module, seed)
    return module.requires_grad_(False)


# --- the equations in numpy


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def cell(w: Any, name: str, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """One step of an LSTM whose gates are in torch's order: i, f, g, o."""
    ending = "" if name == "writer" else "_l0"
    z = (
        w[f"{name}.weight_ih{ending}"] @ x
        + w[f"{name}.weight_hh{ending}"] @ h
        + w[f"{name}.bias_ih{ending}"]
        + w[f"{name}.bias_hh{ending}"]
    )
    i, f, g, o = np.split(z, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def in_numpy(module: LSTMTranslator, source: list[int], target: list[int]) -> tuple[Any, Any]:
    """Logits (T + 1, v) and where it looked (T + 1, S), of one pair without padding."""
    w = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    x = [w["embed_source.weight"][each] for each in source]
    half = NET.width // 2
    ways: list[list[Any]] = []
    for name, order in (("forwards", x), ("backwards", x[::-1])):
        h = c = np.zeros(half)
        states = []
        for each in order:
            h, c = cell(w, name, each, h, c)
            states.append(h)
        ways.append(states if name == "forwards" else states[::-1])
    memory = [np.concatenate(both) for both in zip(*ways, strict=True)]
    bridge = w["bridge.weight"] @ np.mean(memory, axis=0) + w["bridge.bias"]
    h, c = np.split(np.tanh(bridge), 2)
    fed = np.zeros(NET.width)
    logits, looked = [], []
    for token in [BEGIN, *target]:
        h, c = cell(w, "writer", np.concatenate([w["embed.weight"][token], fed]), h, c)
        scores = np.exp([h @ w["score.weight"] @ each for each in memory])
        weights = scores / scores.sum()
        seen = sum(a * each for a, each in zip(weights, memory, strict=True))
        fed = np.tanh(w["gather.weight"] @ np.concatenate([seen, h]))
        logits.append(w["head.weight"] @ fed + w["head.bias"])
        looked.append(weights)
    return np.stack(logits), np.stack(looked)


def real(tokens: Tensor) -> list[int]:
    return [each for each in tokens.tolist() if each != PAD]


def test_the_network_is_its_equations_and_padding_changes_nothing() -> None:
    module = translator()
    assert (PAIRS.sources == PAD).any()
    logits, looked = module.run(module.embed(begun(PAIRS.targets)), PAIRS.sources)
    crossed = module.cross_attention(PAIRS.sources, PAIRS.targets)
    rows, places, length = *PAIRS.targets.shape, PAIRS.sources.shape[1]
    assert crossed.shape == (1, rows, 1, places, length)
    nats = []
    for row, (source, target) in enumerate(zip(PAIRS.sources, PAIRS.targets, strict=True)):
        ids, size = real(target), len(real(source))
        wanted, weights = in_numpy(module, real(source), ids)
        assert np.ptp(wanted) > 0.5
        np.testing.assert_allclose(logits[row, : len(wanted)], wanted, rtol=1e-3, atol=1e-5)
        found = looked[row, : len(weights)]
        np.testing.assert_allclose(found[:, :size], weights, rtol=1e-3, atol=1e-5)
        assert not found[:, size:].any()
        assert torch.equal(crossed[0, row, 0, : len(ids)], found[: len(ids)])
        for row_of, token in zip(wanted, [*ids, END], strict=True):
            nats.append(np.log(np.exp(row_of).sum()) - row_of[token])
    assert float(module(PAIRS)) == pytest.approx(np.mean(nats), rel=1e-4)


@torch.no_grad()
def test_what_is_written_one_by_one_is_what_one_pass_over_it_says() -> None:
    lengths = set()
    for seed in range(4):
        module = translator(seed)
        for source, written in zip(PAIRS.sources, module.write(PAIRS.sources, False), strict=True):
            target = torch.tensor([written.ids], dtype=torch.int64)
            logits, _ = module.run(module.embed(begun(target)), source[None])
            log_p, said = sayable(logits)[0].log_softmax(-1)[: written.passes].max(-1)
            assert said.tolist() == [*written.ids, END][: written.passes]
            assert written.score == pytest.approx(float(log_p.sum()), abs=1e-4)
            lengths.add(len(written.ids))
    assert len(lengths) > 1


def test_it_learns_to_read_and_to_write() -> None:
    data = pair_data(800)
    train = TrainKnobs(steps=300, batch=32, learning_rate=1e-2, average=0.9)
    learner = Learner(MODEL, data, NetKnobs(width=32), train, 1)
    with learner.random:
        for _ in range(300):
            learner.advance()
    measuring = MODEL.evaluate(learner.averaged, data, learner.net, train, 10_000)
    while True:
        try:
            next(measuring)
        except StopIteration as stop:
            found = stop.value
            break
    assert found["exact"] > 0.9
    assert found["held_out"] < 0.1


def test_a_source_is_read_from_both_ends() -> None:
    module = translator()
    changed = PAIRS.sources.clone()
    last = (PAIRS.sources != PAD).sum(1, keepdim=True) - 1
    for place in (torch.zeros_like(last), last):
        before, _, _ = module.read(PAIRS.sources)
        changed = PAIRS.sources.scatter(1, place, DATA.sources.size - 1)
        after, _, _ = module.read(changed)
        moved = (before != after).any(-1)
        same = (changed == PAIRS.sources).all(1)
        assert not moved[same].any()
        assert moved[~same][PAIRS.sources[~same] != PAD].all()
        assert not moved[PAIRS.sources == PAD].any()


def test_the_ways() -> None:
    module = translator()
    sweep = module.sweep()
    assert [way.key for way in sweep] == ["beams-1", "beams-2", "beams-4"]
    assert module.ways()[0].key == sweep[0].key
    source = PAIRS.sources[:1]
    for way in sweep:
        (written,) = way.write(source, True)
        assert len(written.steps) == written.passes
        assert written.steps[-1].ids == written.ids
    (four,) = module.way(SampleKnobs(beams=4)).write(source, False)
    assert 0 < len(four.others) < 4
    assert four.ids == written.ids


def test_it_does_not_see_what_comes_later() -> None:
    target = PAIRS.targets[:1]
    size = target.shape[1]
    found = translator().dependence(PAIRS.sources[:1], target)[""]
    assert found.shape == (size, size)
    assert (found[torch.ones(size, size).tril().bool()] > 0).all()
    assert not found.triu(1).any()


def test_no_length_is_predicted() -> None:
    assert translator().length_logits(PAIRS.sources) is None


@torch.no_grad()
@pytest.mark.parametrize("preset", MODEL.presets, ids=lambda preset: preset.key)
def test_the_presets_can_be_built(preset: Any) -> None:
    module = MODEL.build(preset.net, DATA)
    assert preset.train.seconds > 0
    assert math.isfinite(float(module(PAIRS)))

"""What the views of a sound model show, against what the network itself says."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from engine.data import sound
from engine.families.wavenet import MODEL, NetKnobs, SampleKnobs, TrainKnobs, WaveNet, sampler
from engine.family import Trained
from engine.layers import soundviews
from engine.layers.compiling import Background
from engine.layers.soundviews import (
    CostKnobs,
    DistributionKnobs,
    DriftKnobs,
    HearKnobs,
    OfSound,
    TreeKnobs,
)
from engine.payloads import Curve, Film, Heatmap, Panels, Plane, Sound
from engine.phrases import PlaygroundError
from tests.engine.small import last, randomise, sound_data

DATA = sound_data()


@pytest.fixture(autouse=True)
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Background, "get", lambda self: None)


def trained_of(data: Any = DATA, seed: int = 0, step: int = 9, **values: Any) -> Trained:
    small: dict[str, Any] = {"doublings": 3, "stacks": 2, "residual": 6, "skip": 16}
    module = WaveNet(NetKnobs(**(small | values)), DATA).eval()
    randomise(module, seed=seed, scale=0.3)
    module.requires_grad_(False)
    return Trained(module, module.net, TrainKnobs(), data, step, MODEL)


def log_p(trained: Trained, codes: Any, label: int) -> Any:
    """Log probabilities (n, V) of each sample of a clip from those before it."""
    module = trained.module
    line = torch.tensor([[module.start, *codes[:-1].tolist()]])
    with torch.no_grad():
        return torch.log_softmax(module(line, torch.tensor([label]))[0].double(), 1).numpy()


def test_the_tree_is_all_that_the_lowest_layers_reach() -> None:
    drawn = last(soundviews.tree(trained_of(), TreeKnobs(layers=4)))
    tree, measured = drawn.panels
    assert isinstance(tree, Plane)
    assert isinstance(measured, Curve)
    # Dilations 1, 2, 4, 1 from the bottom.
    leaves = {sum(picked) for picked in itertools.product((0, 1), (0, 2), (0, 4), (0, 1))}
    (dots,) = tree.dots
    assert {int(-x) for x, y in dots.points if y == 0} == leaves
    assert tree.paths is not None
    for (x, y), (to_x, to_y) in tree.paths:
        assert to_y == y - 1
        assert x - to_x in (0, [1, 2, 4, 1][int(y) - 1])
    ends = {tuple(path[1]) for path in tree.paths.tolist() for path in [[tuple(p) for p in path]]}
    assert ends == {tuple(dot) for dot in dots.points.tolist()} - {(0.0, 4.0)}


def test_the_measured_reach_is_the_formula() -> None:
    trained = trained_of()
    strength = soundviews.gradient_back(trained)
    assert len(strength) > trained.module.field
    np.testing.assert_array_equal(np.flatnonzero(strength), np.arange(trained.module.field))
    drawn = last(soundviews.tree(trained, TreeKnobs()))
    (line,) = drawn.panels[1].lines
    assert line.x[-1] == trained.module.field == 1 + 2 * 7


def test_the_distribution_is_what_the_network_says_at_each_place() -> None:
    trained = trained_of()
    how = DistributionKnobs(newest=False, clip=1, start=0.01, length=50)
    drawn = last(soundviews.distribution(trained, how))
    heatmap, curve = drawn.panels
    assert isinstance(heatmap, Heatmap)
    first, start = 80, int(DATA.held_out_starts[1])
    values = DATA.held_out[start : start + first + 50] / np.float32(32768)
    codes = trained.module.output.encode(values)
    wanted = np.exp(log_p(trained, codes, int(DATA.held_out_labels[1])))[first:]
    np.testing.assert_allclose(heatmap.values, wanted.T[::-1], atol=1e-5)
    np.testing.assert_allclose(curve.lines[0].y, values[first:])
    assert curve.lines[0].x[0] == pytest.approx(10.0)


def test_the_distribution_of_the_newest_sample() -> None:
    trained = trained_of()
    sample = last(sampler(trained, SampleKnobs(seconds=0.05), ()))
    sampled = dataclasses.replace(trained, sample=sample)
    drawn = last(soundviews.distribution(sampled, DistributionKnobs(start=0.0, length=64)))
    np.testing.assert_array_equal(drawn.panels[1].lines[0].y, sample.samples[:64])
    short = dataclasses.replace(sample, samples=sample.samples[:20])
    drawn = last(
        soundviews.distribution(dataclasses.replace(trained, sample=short), DistributionKnobs())
    )
    assert drawn.panels[0].values.shape == (256, 20)


def test_surprise_is_minus_log_p(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = trained_of()
    monkeypatch.setattr(soundviews, "STRETCH", 150)  # so that it takes several
    drawn = last(soundviews.surprise(trained, OfSound(clip=0)))
    assert isinstance(drawn, Panels)
    end = int(DATA.held_out_starts[1])
    codes = trained.module.output.encode(DATA.held_out[:end] / np.float32(32768))
    wanted = -log_p(trained, codes, int(DATA.held_out_labels[0]))[np.arange(end), codes]
    each, mean = drawn.panels[1].lines
    np.testing.assert_allclose(each.y, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean.y[0], wanted[:40].mean(), rtol=1e-4)
    np.testing.assert_allclose(mean.x[0], 2.5)


def test_hearing_it_learn_plays_the_same_seed_at_steps_that_were_kept() -> None:
    models = {step: trained_of(seed=step, step=step) for step in (1, 2, 4, 8, 16)}
    trained = dataclasses.replace(models[16], kept=(1, 2, 4, 8), then=models.__getitem__)
    film = last(soundviews.hear(trained, HearKnobs(seconds=0.05, clips=3)))
    assert isinstance(film, Film)
    assert [str(name) for name in film.names] == ["step 1", "step 8", "step 16"]
    how = SampleKnobs(seconds=0.05, label=-1, seed=1)
    for frame, step in zip(film.frames, (1, 8, 16), strict=True):
        assert isinstance(frame, Sound)
        alone = last(sampler(models[step], how, ()))
        np.testing.assert_array_equal(frame.samples, alone.samples)
    alone = last(soundviews.hear(models[1], HearKnobs(seconds=0.02)))
    assert len(alone.frames) == 1


def test_cost_measures_both_ways_to_their_lengths() -> None:
    curve = last(soundviews.cost(trained_of(), CostKnobs(longest=24)))
    queues, again = curve.lines
    np.testing.assert_array_equal(queues.x, [8, 16, 32, 64, 128, 192])
    np.testing.assert_array_equal(again.x, [8, 16, 24])
    for line in (queues, again):
        assert (np.diff(line.y) > 0).all()
        assert line.y[0] > 0


def test_drift_is_measured_on_what_really_came() -> None:
    trained = trained_of()
    curve = last(soundviews.drift(trained, DriftKnobs(pieces=2, given=0.02)))
    real, lost, own = curve.lines
    total = 0.0
    for clip in range(2):
        start = int(DATA.held_out_starts[clip])
        codes = trained.module.output.encode(DATA.held_out[start : start + 800] / 32768)
        label = int(DATA.held_out_labels[clip])
        total -= log_p(trained, codes, label)[160, codes[160]]
    # The first sample after what was given hangs on nothing that the model made.
    assert real.x[0] == pytest.approx(1000 / 8000)
    assert real.y[0] == pytest.approx(total / 2, rel=1e-4)
    assert lost.y[0] == pytest.approx(real.y[0], rel=1e-6)
    assert not np.allclose(lost.y, real.y, rtol=1e-3)
    assert not np.allclose(own.y, lost.y, rtol=1e-3)


def test_without_the_sounds_views_of_real_ones_say_so() -> None:
    stub = trained_of(sound.SoundData.from_json(DATA.to_json()))
    for view, how in (
        (soundviews.surprise, OfSound()),
        (soundviews.drift, DriftKnobs()),
        (soundviews.distribution, DistributionKnobs()),
    ):
        with pytest.raises(PlaygroundError):
            last(view(stub, how))  # type: ignore[arg-type]
    last(soundviews.tree(stub, TreeKnobs()))

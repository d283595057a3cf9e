"""Bands, likelihoods and judges of continued pictures, against independent sums."""

import dataclasses
import sys

import numpy as np
import pytest
import torch

from engine.families import gated_pixelcnn
from engine.layers.pixelviews.drift import nearest_bands
from engine.layers.pixelwise import nats
from engine.sampling import uniforms
from tests.engine.layers.pixelviews.models import draw, every_model, made
from tests.engine.pixels import finished


def test_bands_are_looked_up_at_their_own_place() -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 256, (6, 7, 4, 1)).astype(np.uint8)
    rows, gaps = finished(nearest_bands(known[[4, 2]], known, 1))
    assert rows.tolist() == [4.0, 5.0, 6.0]
    assert gaps.tolist() == [[0.0, 0.0, 0.0]] * 2
    other = known[[0]].copy()
    other[0, 6] = random.integers(0, 256, (4, 1))
    wanted = min(
        float(np.sqrt((((other[0, 3:7] / 255.0) - (each[3:7] / 255.0)) ** 2).mean()))
        for each in known
    )
    gaps = finished(nearest_bands(np.concatenate([other, known[[3]]]), known, 1))[1]
    assert gaps[1].tolist() == [0.0, 0.0, 0.0]
    assert gaps[0].tolist() == pytest.approx([0.0, 0.0, wanted], rel=1e-4)
    assert wanted > 0


def test_the_bands_of_all_pictures_are_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in several groups, the last smaller: each counts as much as every other."""
    trained = made("pixelcnn")
    grid, data = trained.module.grid, trained.data
    at_once = draw(trained, "drift", rows=2, count=3).panels[1]
    monkeypatch.setattr(sys.modules[nearest_bands.__module__], "TOGETHER", 2)
    real, own = draw(trained, "drift", rows=2, count=3).panels[1].lines
    seen = grid.pixels(grid.tokens(data.held_out[:3]))
    known = grid.pixels(grid.tokens(data.train))
    away = (seen[:, None, 2:].astype(float) - known[:, 2:]) / 255  # a band of the last 3 rows
    wanted = np.sqrt((away**2).mean((2, 3, 4))).min(1).mean()
    assert real.y.tolist() == [pytest.approx(wanted, rel=1e-4)]
    np.testing.assert_allclose(own.y, at_once.lines[1].y, rtol=1e-5)


@every_model
def test_the_drawn_rows_follow_real_ones(key: str) -> None:
    """With all rows but one real, the two differ in that one alone."""
    trained = made(key)
    grid, data = trained.module.grid, trained.data
    likelihoods, bands, wall = draw(trained, "drift", rows=4, count=3).panels
    real, own = likelihoods.lines
    assert (real.x.tolist(), own.x.tolist()) == ([1.0], [1.0])
    tokens = grid.tokens(data.held_out[:3])
    labels = torch.from_numpy(data.held_out_labels[:3])
    with torch.no_grad():
        wanted = nats(trained.module, tokens, labels)[:, :, 4].sum((1, 2)).mean()
    assert float(real.y[0]) == pytest.approx(float(wanted), rel=1e-4)
    assert float(own.y[0]) != pytest.approx(float(wanted), rel=1e-4)
    assert len(bands.lines[0].x) == 1
    beside = wall.pixels.reshape(3, 2, 5, 5, 1)
    assert np.array_equal(beside[:, 0], grid.pixels(tokens))
    assert np.array_equal(beside[:, 1, :4], beside[:, 0, :4])


def test_what_a_model_draws_costs_it_as_much_as_it_should() -> None:
    """The mean surprise of its own draws is the entropy of what it draws from."""
    trained = made("pixelcnn")
    panels = draw(trained, "drift", rows=4, count=4, seed=8)
    grid, data, module = trained.module.grid, trained.data, trained.module
    real = grid.tokens(data.held_out[:4])
    numbers = uniforms(range(8, 12), grid.draws)
    labels = torch.from_numpy(data.held_out_labels[:4])
    own = real.clone()
    with torch.no_grad():
        for column in range(5):
            black = module(grid.inputs(own), labels).softmax(2)[:, 0, 0, 4, column]
            u = torch.from_numpy(numbers[:, 20 + column])
            own[:, 0, 4, column] = (u >= black).long()
        wanted = nats(module, own, labels)[:, 0, 4].sum(1).mean()
    assert float(panels.panels[0].lines[1].y[0]) == pytest.approx(float(wanted), rel=1e-4)


def test_other_models_judge_what_was_drawn() -> None:
    """Only those that take pictures for the same tokens; a model's twin judges as it does."""
    alone = made("pixelcnn")
    twin = dataclasses.replace(alone, model=gated_pixelcnn.MODEL)
    others = {"gated-pixelcnn": twin, "row-lstm": made("row-lstm", patch="2")}
    together = dataclasses.replace(alone, companions=others)
    itself, _bands, judged, _wall = draw(together, "drift", rows=2, count=3).panels
    assert [line.name for line in judged.lines] == ["Gated PixelCNN"]
    real, own = itself.lines
    np.testing.assert_allclose(judged.lines[0].y, own.y - real.y, atol=1e-5)
    assert len(draw(alone, "drift", rows=2, count=3).panels) == 3

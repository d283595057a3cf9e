"""Sums of surprise against the likelihood, and what counts as time to draw."""

import dataclasses
import math
from collections.abc import Generator

import numpy as np
import pytest
import torch

from engine.layers.pixelviews import measures
from engine.layers.pixelwise import Drawn, Recompute, nats, places
from engine.payloads import Heatmap
from tests.engine.layers.pixelviews.models import (
    A_PICTURE,
    VARIANTS,
    draw,
    evaluated,
    every_model,
    made,
)

# --- surprise


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_surprise_of_the_points_adds_up_to_that_of_the_picture(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    data = trained.data
    _picture, heatmap, curve = draw(trained, "surprise", number=2).panels
    assert isinstance(heatmap, Heatmap)
    alone = dataclasses.replace(
        data, held_out=data.held_out[2:3], held_out_labels=data.held_out_labels[2:3]
    )
    wanted = evaluated(trained, alone)
    assert heatmap.values.sum() == pytest.approx(wanted["nats_per_picture"], rel=1e-4)
    assert f"{wanted['held_out']:.3f} bits" in heatmap.title
    others, this = curve.lines
    assert others.y.mean() == pytest.approx(evaluated(trained, data)["nats_per_picture"], rel=1e-4)
    assert (np.diff(others.y) >= 0).all()
    assert this.y.tolist() == pytest.approx([wanted["nats_per_picture"]] * 2, rel=1e-4)


def test_an_own_picture_is_told_no_class_and_neither_are_the_others() -> None:
    trained = made("pixelcnn")
    curve = draw(trained, "surprise", picture=A_PICTURE).panels[2]
    tokens = trained.module.grid.tokens(trained.data.held_out)
    labels = torch.full((len(tokens),), trained.module.classes)
    with torch.no_grad():
        wanted = nats(trained.module, tokens, labels).flatten(1).sum(1).sort().values
    np.testing.assert_allclose(curve.lines[0].y, wanted.numpy(), rtol=1e-4)


# --- row by row


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_rows_add_up_to_the_picture(variant: str) -> None:
    trained = made("gated-pixelcnn", **VARIANTS[variant])
    curve = draw(trained, "parts", count=500)
    grid = trained.module.grid
    wanted = evaluated(trained, trained.data)
    held_out = curve.lines[1]
    assert len(held_out.x) == grid.rows
    assert held_out.y.sum() * grid.patch == pytest.approx(wanted["nats_per_picture"], rel=1e-4)
    assert f"{wanted['held_out']:.3f}" in curve.caption


# --- cost


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_rows_so_far_give_the_same_logits_as_the_whole(key: str, variant: str) -> None:
    module = made(key, **VARIANTS[variant]).module
    grid = module.grid
    random = torch.Generator().manual_seed(0)
    shape = (2, grid.channels, grid.rows, grid.columns)
    tokens = torch.randint(grid.size, shape, generator=random)
    labels = torch.tensor([0, module.classes])
    so_far, whole = Recompute(module, labels, so_far=True), Recompute(module, labels)
    with torch.no_grad():
        for place in list(places(grid))[:: grid.channels + 1]:
            torch.testing.assert_close(so_far(*place, tokens), whole(*place, tokens))


def test_only_the_time_of_the_drawing_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(measures, "perf_counter", lambda: now[0])

    def way() -> Generator[Drawn, None, Drawn]:
        for number in range(5):
            now[0] += 2.0
            yield Drawn(torch.zeros(0), number + 1, None)
        return Drawn(torch.zeros(0), 5, None)

    found = []
    for at in measures.clocked(way(), (1, 3, 5), math.inf):
        now[0] += 100.0
        found.append(at)
    assert found == [(1, 2.0), None, (3, 6.0), None, (5, 10.0)]
    assert len(list(measures.clocked(way(), (1, 3, 5), 3.0))) == 2  # the budget is spent


def test_cost_is_measured_at_both() -> None:
    trained = made("pixelcnn")
    curve = draw(trained, "cost")
    for line in curve.lines:
        assert line.x[0] == 1
        assert line.x[-1] == trained.module.grid.draws
        assert (np.diff(line.y) > 0).all()
        assert line.y[0] > 0
    assert "For the first 25 of them" in curve.caption

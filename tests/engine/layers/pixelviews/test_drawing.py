"""Pictures against the sampler and the likelihood; what was put by hand, and what is kept."""

import numpy as np
import pytest
import torch

from engine.layers import pixelwise
from engine.layers.pixelviews.drawing import puts, token_names
from engine.layers.pixelwise import Grid, nats
from engine.payloads import Sheet
from tests.engine.layers.pixelviews.models import VARIANTS, draw, every_model, made
from tests.engine.small import last

# --- point by point


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_is_drawn_as_by_the_sampler(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    raster = draw(trained, "drawing", seed=5)
    tokens = torch.from_numpy(raster.tokens).permute(2, 0, 1)[None].contiguous()
    sampled = last(trained.model.sampler(trained, pixelwise.PixelSampleKnobs(seed=5, count=1), ()))
    assert np.array_equal(trained.module.grid.pixels(tokens), sampled.pixels)


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_probabilities_are_those_of_the_likelihood(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    raster = draw(trained, "drawing", temperature=1.0, label=1)
    np.testing.assert_allclose(raster.probabilities.sum(1), 1, rtol=1e-5)
    of_drawn = raster.probabilities[np.arange(len(raster.probabilities)), raster.tokens.ravel()]
    tokens = torch.from_numpy(raster.tokens).permute(2, 0, 1)[None].contiguous()
    with torch.no_grad():
        wanted = nats(trained.module, tokens, torch.tensor([1]))[0].permute(1, 2, 0).ravel()
    np.testing.assert_allclose(-np.log(of_drawn), wanted.numpy(), atol=1e-4)


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_comes_before_an_override_stays_as_it_was(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    grid = trained.module.grid
    usual = draw(trained, "drawing", seed=3)
    first, second = grid.draws // 3, grid.draws // 2
    other = (int(usual.tokens.ravel()[first]) + 1) % grid.size
    put = draw(trained, "drawing", seed=3, put=(second, 0, first, other))
    assert put.turned == (first, other, second, 0)
    assert put.start == second + 1
    assert put.tokens.ravel()[first] == other
    assert put.tokens.ravel()[second] == 0
    assert np.array_equal(put.tokens.ravel()[:first], usual.tokens.ravel()[:first])
    assert np.array_equal(put.probabilities[: first + 1], usual.probabilities[: first + 1])
    assert not np.array_equal(put.probabilities[first + 1 :], usual.probabilities[first + 1 :])


def test_overrides_that_do_not_fit_are_passed_over() -> None:
    grid = made("pixelcnn").module.grid
    assert puts(grid, (-1, 0, 3, 2, grid.draws, 1, 4, 1, 5)) == {4: 1}
    assert draw(made("pixelcnn"), "drawing", put=(3, 2)).turned == ()


def test_tokens_are_named_as_they_look() -> None:
    binary = Grid(4, 4, 1, 2, 2)
    names = token_names(binary)
    looks = {"░": "00/00", "▝": "01/00", "▖": "00/10", "▙": "10/11", "▐": "01/01", "█": "11/11"}
    palette = binary.palette() // 255
    for name, look in looks.items():
        rows = palette[names.index(name)]
        assert "/".join("".join(map(str, row)) for row in rows.tolist()) == look
    assert len(set(names)) == 16
    assert token_names(Grid(4, 4, 1, 2, 1)) == ("black", "white")
    assert token_names(Grid(4, 4, 3, 4, 1)) == ("0", "85", "170", "255")
    assert token_names(Grid(4, 4, 1, 256, 1)) == ()
    assert token_names(Grid(4, 4, 1, 4, 2)) == ()


# --- completion


@every_model
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_kept_stays_in_every_completion(key: str, variant: str) -> None:
    trained = made(key, **VARIANTS[variant])
    grid = trained.module.grid
    cells = (1.0, 4.0, 5.0, 10_000.0)
    sheet, wall = draw(trained, "completion", erased=cells, count=5, temperature=1.0).panels
    assert isinstance(sheet, Sheet)
    assert (sheet.turns, sheet.erased, sheet.cell) == ("erased", (1, 4, 5), grid.patch)
    assert np.array_equal(sheet.pixels, wall.pixels[0])
    tokens = grid.tokens(wall.pixels).numpy()  # N, C, R, S
    flat = tokens.reshape(len(tokens), grid.channels, -1)
    kept = np.setdiff1d(np.arange(flat.shape[2]), [1, 4, 5])
    assert len(tokens) == 6
    assert (flat[:, :, kept] == flat[:1, :, kept]).all()
    assert len(np.unique(flat[1:, :, [1, 4, 5]], axis=0)) > 1
    assert wall.labels[1:] == ("1", "2", "3", "4", "5")


def test_a_completion_follows_from_its_seed_alone() -> None:
    trained = made("pixelcnn")
    many = draw(trained, "completion", seed=4, count=4).panels[1]
    one = draw(trained, "completion", seed=6, count=1).panels[1]
    assert np.array_equal(many.pixels[3], one.pixels[1])


def test_with_nothing_rubbed_out_there_is_only_the_picture() -> None:
    sheet, wall = draw(made("pixelcnn"), "completion", region="by hand").panels
    assert sheet.erased == ()
    assert len(wall.pixels) == 1

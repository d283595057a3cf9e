"""The recurrence against its equations, and both networks against what a likelihood must be."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data import images
from engine.data.images import ImageData
from engine.export import film_view, raster_film
from engine.families import diagonal_bilstm, row_lstm
from engine.family import Trained
from engine.layers import pixelwise
from engine.layers.pixelrnn import Front, PixelRNN, PixelRNNKnobs, pointwise, recur
from engine.layers.pixelwise import DrawKnobs, Grid, Recompute, generate, nats, places
from engine.payloads import Raster
from engine.sampling import uniforms
from tests.engine.small import last, randomise, some_tokens

both = pytest.mark.parametrize("family", [row_lstm, diagonal_bilstm])


def pictures(height: int, width: int, channels: int = 1, classes: int = 0) -> ImageData:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (20, height, width, channels), dtype=np.uint8)
    names = tuple("abcdef"[:classes])
    labels = random.integers(0, classes, 20) if classes else None
    return images.split("small", "Small", pixels, labels, classes=names)


def network(family: Any, data: ImageData, scale: float = 0.4, **values: Any) -> Any:
    """A random one in double precision."""
    net = family.NetKnobs(**{"hidden": 6, "layers": 2, "labels": bool(data.classes)} | values)
    module = family.build(net, data).double().eval()
    randomise(module, scale=scale)
    return module


def none(module: PixelRNN, count: int) -> Tensor:
    """So many labels that tell nothing."""
    return torch.full((count,), module.classes)


# --- the recurrence


def by_the_equations(x: Tensor, weight: Tensor, first: int, front: Front) -> Tensor:
    """`recur`, a place at a time."""
    rows, columns, count, four = x.shape
    hidden = four // 4
    parts = weight.view(-1, hidden, four)
    zero = torch.zeros(count, hidden, dtype=x.dtype)
    order = [divmod(number, columns) for number in front.order.tolist()]
    h: dict[int, Tensor] = {}
    c: dict[int, Tensor] = {}
    found: dict[tuple[int, int], Tensor] = {}
    for low, high in front.spans:
        new_h, new_c = {}, {}
        for p in range(low, high):
            place = order.pop(0)
            z = x[place]
            for k, part in enumerate(parts):
                z = z + h.get(p + first + k, zero) @ part
            g, i, f, o = z.chunk(4, -1)
            before = torch.sigmoid(f) * c.get(p, zero)
            new_c[p] = before + torch.sigmoid(i) * torch.tanh(g)
            new_h[p] = found[place] = torch.sigmoid(o) * torch.tanh(new_c[p])
        h, c = new_h, new_c
    return torch.stack([torch.stack([found[r, s] for s in range(columns)]) for r in range(rows)])


FRONTS = [
    (5, 4, 3, -1, row_lstm.downwards),
    (4, 3, 5, -2, row_lstm.downwards),
    (3, 4, 1, 0, row_lstm.downwards),
    (3, 4, 2, -1, diagonal_bilstm.diagonally),
    (4, 3, 2, -1, diagonal_bilstm.diagonally),
    (3, 1, 2, -1, diagonal_bilstm.diagonally),
]


@pytest.mark.parametrize(("rows", "columns", "hears", "first", "way"), FRONTS)
def test_a_front_follows_the_equations_and_so_do_its_gradients(
    rows: int, columns: int, hears: int, first: int, way: Callable[[int, int], Front]
) -> None:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(rows, columns, 2, 4 * 3, generator=random, dtype=torch.float64)
    weight = torch.randn(hears * 3, 4 * 3, generator=random, dtype=torch.float64)
    pull = torch.randn(rows, columns, 2, 3, generator=random, dtype=torch.float64)
    found = []
    for run in (recur, by_the_equations):
        x, weight = (each.detach().requires_grad_() for each in (x, weight))
        states = run(x, weight, first, way(rows, columns))
        found.append((states, *torch.autograd.grad((states * pull).sum(), (x, weight))))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.abs().sum() > 0


def test_a_step_by_itself_is_the_step_of_a_front() -> None:
    z = torch.randn(2, 1, 3, 8)
    states = recur(z, torch.zeros(2, 8), 0, row_lstm.downwards(2, 1))
    h, c = pointwise(z[0, 0], torch.zeros(3, 2))
    torch.testing.assert_close(h, states[0, 0])
    torch.testing.assert_close(pointwise(z[1, 0], c)[0], states[1, 0])


# --- causality and likelihood

KINDS: list[dict[str, Any]] = [
    {"levels": "2", "patch": "1", "channels": 1, "classes": 0},
    {"levels": "4", "patch": "1", "channels": 1, "classes": 3},
    {"levels": "2", "patch": "2", "channels": 1, "classes": 0},
    {"levels": "256", "patch": "1", "channels": 1, "classes": 0},
    {"levels": "2", "patch": "1", "channels": 3, "classes": 3},
    {"levels": "2", "patch": "2", "channels": 3, "classes": 0},
]
kinds = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: "-".join(str(value) for value in kind.values())
)


def of_kind(family: Any, kind: dict[str, Any], height: int = 5, width: int = 6) -> Any:
    data = pictures(height, width, kind["channels"], kind["classes"])
    return network(family, data, hidden=9, levels=kind["levels"], patch=kind["patch"])


def reads(module: PixelRNN, place: tuple[int, int, int], rounds: int = 3) -> Tensor:
    """How much the logits of a draw (row, column, channel) change with each token, (R, S, C)."""
    grid, (row, column, channel) = module.grid, place
    found = torch.zeros(grid.rows, grid.columns, grid.channels, dtype=torch.float64)
    for seed in range(rounds):
        shape = (1, grid.channels, grid.rows, grid.columns)
        tokens = some_tokens(grid.size, *shape, seed=seed)
        x = grid.inputs(tokens).double().requires_grad_()
        logits = module(x, none(module, 1))[0, channel, :, row, column]
        random = torch.Generator().manual_seed(seed)
        pull = torch.randn(grid.size, generator=random, dtype=torch.float64)
        (gradient,) = torch.autograd.grad((logits * pull).sum(), x)
        size = (grid.channels, grid.points, grid.rows, grid.columns)
        each = gradient.view(size).abs().sum(1).permute(1, 2, 0)
        found = torch.maximum(found, each)
    return found


@both
@kinds
def test_no_draw_depends_on_itself_or_on_a_later_one(family: Any, kind: dict[str, Any]) -> None:
    module = of_kind(family, kind)
    for number, place in enumerate(places(module.grid)):
        later = reads(module, place, rounds=1).flatten()[number:]
        assert (later == 0).all(), place


@pytest.mark.parametrize("channels", [1, 3])
def test_a_diagonal_bilstm_reads_every_earlier_draw(channels: int) -> None:
    module = network(diagonal_bilstm, pictures(5, 9, channels), hidden=12, layers=1)
    for number, place in enumerate(places(module.grid)):
        assert (reads(module, place).flatten()[:number] > 0).all(), place


@pytest.mark.parametrize(("kernel", "layers"), [(3, 1), (3, 2), (1, 1), (5, 1)])
def test_a_row_lstm_reads_a_triangle(kernel: int, layers: int) -> None:
    """Row j above is read from 3 + (j + layers) * reach to the left to 3 + (j - 1) * reach to the
    right: the first layer's 3, and a kernel's reach for every row and for every layer."""
    module = network(row_lstm, pictures(6, 16), kernel=f"{kernel}", layers=layers)
    reach = kernel // 2
    missed = 0
    for row, column in [(5, 2), (5, 8), (4, 15), (2, 0), (0, 9)]:
        expected = torch.zeros(6, 16, dtype=torch.bool)
        for r, s in itertools.product(range(row + 1), range(16)):
            above, right = row - r, s - column
            left_end = -3 - (above + layers) * reach
            right_end = 3 + (above - 1) * reach if above else -1
            expected[r, s] = left_end <= right <= right_end
        assert torch.equal(reads(module, (row, column, 0))[..., 0] > 0, expected), (row, column)
        missed += int((~expected).sum())
    assert missed


@both
@pytest.mark.parametrize("labels", [0, 2])
def test_the_probabilities_of_all_pictures_add_up_to_one(family: Any, labels: int) -> None:
    for height, width, channels, patch in [(2, 2, 1, "1"), (1, 2, 3, "1"), (2, 2, 1, "2")]:
        module = network(family, pictures(height, width, channels, labels), patch=patch)
        grid = module.grid
        every = itertools.product(range(grid.size), repeat=grid.draws)
        tokens = torch.tensor(list(every)).view(-1, channels, grid.rows, grid.columns)
        for label in range(labels + 1):
            with torch.no_grad():
                said = nats(module, tokens, torch.full((len(tokens),), label)).sum((1, 2, 3))
            assert torch.exp(-said).std() > 1e-3, "all alike"
            assert float(torch.exp(-said).sum()) == pytest.approx(1.0, abs=1e-12)


@both
def test_a_class_changes_the_likelihood_and_no_class_is_one_more(family: Any) -> None:
    module = network(family, pictures(3, 3, classes=2))
    tokens = some_tokens(2, 1, 1, 3, 3).expand(3, -1, -1, -1)
    said = nats(module, tokens, torch.arange(3)).sum((1, 2, 3)).tolist()
    assert len({round(each, 6) for each in said}) == 3


# --- draw by draw


@both
@kinds
def test_draw_by_draw_gives_the_logits_of_the_whole(family: Any, kind: dict[str, Any]) -> None:
    module = of_kind(family, kind).float()
    grid: Grid = module.grid
    labels = torch.tensor([0, module.classes])
    tokens = some_tokens(grid.size, 2, grid.channels, grid.rows, grid.columns)
    with torch.no_grad():
        whole = module(grid.inputs(tokens), labels)
    step = module.stepper(labels)
    for number, (row, column, channel) in enumerate(places(grid)):
        order = torch.arange(grid.draws).view(grid.rows, grid.columns, grid.channels)
        noise = some_tokens(grid.size, *tokens.shape, seed=number)
        known = torch.where(order.permute(2, 0, 1) < number, tokens, noise)
        logits = step(row, column, channel, known)
        torch.testing.assert_close(logits, whole[:, channel, :, row, column], atol=1e-5, rtol=1e-5)


@both
@kinds
def test_draw_by_draw_draws_the_very_same_pictures(family: Any, kind: dict[str, Any]) -> None:
    module = of_kind(family, kind).float()
    labels = torch.arange(3) % (module.classes + 1)
    numbers = uniforms([1, 2, 3], module.grid.draws)
    with torch.no_grad():
        ways = [
            last(generate(module, labels, numbers, DrawKnobs(temperature=1.0), stepper=stepper))
            for stepper in (None, Recompute(module, labels))
        ]
    assert torch.equal(ways[0].tokens, ways[1].tokens)
    assert len(ways[0].tokens.unique()) > 1


@both
def test_a_picture_is_drawn_by_one_network_while_it_learns(family: Any) -> None:
    module = network(family, pictures(4, 4, classes=2)).float()
    grid, labels = module.grid, torch.tensor([1])
    tokens = some_tokens(2, 1, 1, 4, 4)
    step, other = module.stepper(labels), module.stepper(labels)
    wanted = [other(*place, tokens) for place in places(grid)]
    found = []
    for place in places(grid):
        found.append(step(*place, tokens))
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1)
    assert all(torch.equal(*pair) for pair in zip(wanted, found, strict=True))


# --- what is shown


@both
def test_the_masks_are_those_of_the_weights(family: Any) -> None:
    module = network(family, pictures(3, 3, channels=3), layers=2)
    masks = module.masks()
    assert len({mask.title for mask in masks}) == len(masks)
    for mask in masks:
        groups_out, groups_in, *kernel = mask.allowed.shape
        assert (groups_out, groups_in) == (3, 3)
        assert 0 <= mask.centre[0] < kernel[0]
        assert 0 <= mask.centre[1] < kernel[1]
    now = [mask.allowed[:, :, mask.centre[0], mask.centre[1]] for mask in masks]
    lower = np.tril(np.ones((3, 3), np.bool_))
    assert np.array_equal(now[0], np.tril(lower, -1))  # mask A
    assert np.array_equal(now[1], lower)  # mask B
    assert np.array_equal(now[-1], lower)


@both
def test_a_picture_can_be_taken_out_as_it_comes_about(family: Any) -> None:
    """As a film of the view that draws it point by point."""
    view = film_view(family.MODEL)
    assert view is not None
    data = pictures(3, 4)
    module = network(family, data).float()
    trained = Trained(module, family.NetKnobs(), family.MODEL.train(), data, 3, family.MODEL)
    raster = last(view.make(trained, view.knobs()))
    assert isinstance(raster, Raster)
    assert len(raster_film(raster).frames) == 12 + 1


def test_more_tokens_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(Exception, match="256"):
        pixelwise.check(pictures(4, 4), PixelRNNKnobs(levels="256", patch="2"))

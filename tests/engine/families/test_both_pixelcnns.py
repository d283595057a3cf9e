"""What is promised of the plain and of the gated PixelCNN alike."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from engine.families import gated_pixelcnn, pixelcnn
from engine.layers import pixelwise
from tests.engine.pixels import (
    COMBINATIONS,
    assert_kept_is_anew,
    assert_weights_are_copied,
    drawn,
    pictures,
    ready,
    some_inputs,
    total_probability,
)

Network = Callable[..., Any]


@pytest.fixture(params=[pixelcnn, gated_pixelcnn], ids=lambda family: family.MODEL.key)
def network(request: pytest.FixtureRequest) -> Network:
    """Makes a small one whose weights are nowhere zero."""
    family: Any = request.param

    def make(rows: int = 5, columns: int = 5, channels: int = 1, **net: Any) -> Any:
        knobs = family.NetKnobs(**({"width": 12, "depth": 2, "kernel": 2} | net))
        return ready(family.build(knobs, pictures(rows, columns, channels)))

    return make


@pytest.mark.parametrize("label", [0, 2, 3])
@pytest.mark.parametrize(
    ("height", "width", "channels", "levels"), [(2, 2, 1, "2"), (2, 1, 3, "2"), (1, 2, 1, "4")]
)
def test_the_probabilities_of_all_pictures_sum_to_one(
    network: Network, height: int, width: int, channels: int, levels: str, label: int
) -> None:
    module = network(height, width, channels, levels=levels).double()
    assert total_probability(module, label) == pytest.approx(1.0, abs=1e-12)


def test_the_class_is_heeded_and_so_is_none(network: Network) -> None:
    module = network().double()
    said = [module(some_inputs(module), torch.tensor([label])) for label in range(4)]
    assert all(not torch.equal(a, b) for i, a in enumerate(said) for b in said[:i])


def test_a_network_that_is_told_nothing_has_no_classes(network: Network) -> None:
    assert network(labels=False).classes == 0


def test_a_network_may_know_where_it_is(network: Network) -> None:
    """Everything is the same all around, but for the edges, which are far."""
    for places in (True, False):
        module = network(13, 13, depth=1, kernel=1, places=places).double()
        x = torch.ones(1, 1, 13, 13, dtype=torch.float64)
        said = module(x, torch.zeros(1, dtype=torch.int64))[0, 0, :, 4:, 4:-4]
        spread = float(said.std(dim=(1, 2)).max())
        assert spread > 0.01 if places else spread < 1e-12


# --- drawing


@pytest.mark.parametrize(("channels", "levels", "patch"), COMBINATIONS)
def test_what_is_kept_gives_the_same_as_computing_anew(
    network: Network, channels: int, levels: str, patch: str
) -> None:
    for places in (True, False):
        module = network(5, 4, channels, levels=levels, patch=patch, places=places)
        assert_kept_is_anew(module, torch.tensor([0, 1, 3]))


def test_a_picture_is_drawn_from_one_state_of_the_weights(network: Network) -> None:
    assert_weights_are_copied(network(), torch.tensor([0, 1]))


def test_a_picture_smaller_than_the_kernel_can_be_learned_and_drawn(network: Network) -> None:
    module = network(2, 2, kernel=5).requires_grad_(True)
    tokens = module.grid.tokens(pictures(2, 2, 1).train)
    loss = pixelwise.nats(module, tokens, torch.zeros(len(tokens), dtype=torch.int64)).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in module.parameters()]
    assert any(each is not None and bool(each.abs().max() > 0) for each in gradients)
    assert all(each is None or bool(each.isfinite().all()) for each in gradients)
    assert drawn(module, torch.tensor([0])).tokens.shape == (1, 1, 2, 2)

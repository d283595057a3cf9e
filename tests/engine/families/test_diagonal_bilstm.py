"""Diagonal BiLSTM: skewing, and a layer against the equations of the paper, place by place."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.families.diagonal_bilstm import (
    MODEL,
    DiagonalBiLSTM,
    NetKnobs,
    diagonally,
    skew,
    unskew,
)
from engine.family import Trained
from engine.layers.pixelrnn import Gates
from tests.engine.small import image_data, last, randomise

Array = NDArray[np.float64]

SHAPES = [(3, 4), (4, 3), (5, 5), (1, 6), (6, 1), (1, 1)]


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_skewing_moves_each_row_one_place_further(rows: int, columns: int) -> None:
    x = torch.randn(rows, columns, 2, 3)
    skewed = skew(x)
    assert skewed.shape == (rows + columns - 1, rows, 2, 3)
    expected = torch.zeros_like(skewed)
    for r in range(rows):
        for s in range(columns):
            expected[r + s, r] = x[r, s]
    assert torch.equal(skewed, expected)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_unskewing_is_the_opposite(rows: int, columns: int) -> None:
    x = torch.randn(rows, columns, 2)
    assert torch.equal(unskew(skew(x)), x)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_a_front_takes_every_place_once_diagonal_by_diagonal(rows: int, columns: int) -> None:
    front = diagonally(rows, columns)
    expected = sorted((r + s, r, r * columns + s) for r in range(rows) for s in range(columns))
    assert front.order.tolist() == [place for _d, _r, place in expected]
    assert front.order[front.back].tolist() == list(range(rows * columns))
    for d, (low, high) in enumerate(front.spans):
        assert [r for e, r, _place in expected if e == d] == list(range(low, high))


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def one_way(gates: Gates, x: Array, label: int, side: int) -> Array:
    """The states of one LSTM over x (R, S, W), whose neighbour beside is on the left (-1) or on
    the right (1)."""
    rows, columns, _ = x.shape
    hidden = gates.hidden
    weight, bias = (each.detach().numpy() for each in (gates.input.weight, gates.input.bias))
    assert gates.label is not None
    told = gates.label.weight.detach().numpy()
    up, beside = gates.state.detach().numpy().reshape(2, hidden, 4 * hidden)
    h = np.zeros((rows, columns, hidden))
    c = np.zeros((rows, columns, hidden))
    for r in range(rows):
        for s in range(columns)[::-side]:
            z = weight @ x[r, s] + bias + told[label]
            before = np.zeros(hidden)
            if r:
                z = z + h[r - 1, s] @ up
            if 0 <= s + side < columns:
                z = z + h[r, s + side] @ beside
                before = c[r, s + side]
            g, i, f, o = np.split(z, 4)
            c[r, s] = sigmoid(f) * before + sigmoid(i) * np.tanh(g)
            h[r, s] = sigmoid(o) * np.tanh(c[r, s])
    return h


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_a_layer_follows_the_equations(rows: int, columns: int) -> None:
    layer = DiagonalBiLSTM(features=5, hidden=3, groups=1, classes=2).double()
    randomise(layer)
    x = torch.randn(rows, columns, 2, 5, dtype=torch.float64)
    labels = torch.tensor([0, 2])
    with torch.no_grad():
        found = layer(x, labels).numpy()
    for n, label in enumerate(labels.tolist()):
        expected = one_way(layer.left, x[:, :, n].numpy(), label, -1)
        expected[1:] += one_way(layer.right, x[:, :, n].numpy(), label, 1)[:-1]
        np.testing.assert_allclose(found[:, :, n], expected, rtol=1e-9)


def test_the_order_of_work_is_diagonal_by_diagonal() -> None:
    data = image_data(size=6)
    net = NetKnobs(hidden=4)
    trained = Trained(MODEL.build(net, data), net, MODEL.train(), data, 0, MODEL)
    view = next(view for view in MODEL.views if view.key == "order")
    shown = last(view.make(trained, view.knobs()))
    assert shown.values[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert shown.values[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert shown.values.max() == 10

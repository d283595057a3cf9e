"""Row LSTM: a layer against the equations of the paper, place by place."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.families.row_lstm import MODEL, NetKnobs, RowLSTM
from engine.family import Trained
from tests.engine.small import image_data, last, randomise


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-z)))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_layer_follows_the_equations(kernel: int) -> None:
    rows, columns, features, hidden, reach = 4, 5, 6, 3, kernel // 2
    layer = RowLSTM(features, hidden, kernel, groups=1, classes=2).double()
    randomise(layer)
    x = torch.randn(rows, columns, 2, features, dtype=torch.float64)
    labels = torch.tensor([1, 2])
    with torch.no_grad():
        found = layer(x, labels).numpy()
    weight = layer.gates.input.weight.detach().numpy().reshape(4 * hidden, reach + 1, features)
    bias = layer.gates.input.bias.detach().numpy()
    state = layer.gates.state.detach().numpy().reshape(kernel, hidden, 4 * hidden)
    assert layer.gates.label is not None
    told = layer.gates.label.weight.detach().numpy()
    for n, label in enumerate(labels.tolist()):
        h = np.zeros((rows + 1, columns + 2 * reach, hidden))  # with a row and edges of zeros
        c = np.zeros((rows + 1, columns, hidden))
        for r in range(rows):
            for s in range(columns):
                z = bias + told[label]
                for back in range(reach + 1):
                    if s >= back:
                        z = z + weight[:, reach - back] @ x[r, s - back, n].numpy()
                for k in range(kernel):
                    z = z + h[r, s + k] @ state[k]
                g, i, f, o = np.split(z, 4)
                c[r + 1, s] = sigmoid(f) * c[r, s] + sigmoid(i) * np.tanh(g)
                h[r + 1, s + reach] = sigmoid(o) * np.tanh(c[r + 1, s])
        np.testing.assert_allclose(found[:, :, n], h[1:, reach : columns + reach], rtol=1e-9)


def test_the_order_of_work_is_row_by_row() -> None:
    data = image_data(size=6)
    net = NetKnobs(hidden=4)
    trained = Trained(MODEL.build(net, data), net, MODEL.train(), data, 0, MODEL)
    view = next(view for view in MODEL.views if view.key == "order")
    shown = last(view.make(trained, view.knobs()))
    assert np.array_equal(shown.values, np.repeat(np.arange(6.0), 6).reshape(6, 6))

"""Small models of pixels to look into."""

import dataclasses
import functools
from typing import Any

import pytest

from engine import knobs
from engine.data.images import ImageData
from engine.families import diagonal_bilstm, gated_pixelcnn, pixelcnn, row_lstm
from engine.family import Model, Trained, View
from engine.layers import pixelwise
from engine.layers.pixelviews import VIEWS
from tests.engine.pixels import finished
from tests.engine.small import image_data, last, randomise

MODELS: tuple[Model, ...] = (
    pixelcnn.MODEL,
    gated_pixelcnn.MODEL,
    row_lstm.MODEL,
    diagonal_bilstm.MODEL,
)
BY_KEY = {model.key: model for model in MODELS}
every_model = pytest.mark.parametrize("key", BY_KEY)
VARIANTS: dict[str, dict[str, Any]] = {
    "binary": {"levels": "2", "patch": "1"},
    "patches": {"levels": "2", "patch": "2"},
    "colours": {"levels": "4", "patch": "1", "channels": 3},
    "shades": {"levels": "256", "patch": "1"},
}
A_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGM8wcDE"
    "wAAAA/oAzIAKlEUAAAAASUVORK5CYII="
)


def small_net(model: Model, **values: Any) -> Any:
    """Few features, not many layers."""
    few = {"width": 12, "depth": 2, "hidden": 12, "layers": 2, "kernel": 1, "dropout": 0.0}
    known = {each.name for each in knobs.knobs_of(model.net) if each.kind in ("int", "float")}
    return knobs.changed(model.net(), {k: v for k, v in few.items() if k in known} | values)


@functools.cache
def made(key: str, size: int = 5, channels: int = 1, **values: Any) -> Trained:
    """A model with weights that are nowhere zero, on small pictures."""
    model = BY_KEY[key]
    data = image_data(count=40, size=size, channels=channels)
    net = small_net(model, **values)
    module = model.build(net, data).eval()
    randomise(module, scale=0.2)
    return Trained(module, net, model.train(), data, 7, model)


def view_of(key: str) -> View:
    return {view.key: view for view in VIEWS}[key]


def draw(trained: Trained, key: str, **values: Any) -> Any:
    """The last payload of the view `key` with the knobs `values`."""
    view = view_of(key)
    return last(view.make(trained, knobs.changed(view.knobs(), values)))


def without_pictures(trained: Trained) -> Trained:
    """As a saved run is opened."""
    return dataclasses.replace(trained, data=ImageData.from_json(trained.data.to_json()))


def evaluated(trained: Trained, data: ImageData) -> dict[str, float]:
    """Its measures on all the held-out pictures of `data`."""
    way = pixelwise.evaluate(trained.module, data, trained.net, trained.train, None)
    result: dict[str, float] = finished(way)
    return result

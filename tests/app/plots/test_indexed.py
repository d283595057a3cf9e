"""Matrices as images."""

import numpy as np

from app.plots.indexed import indexed


def test_indexed_images() -> None:
    values = np.array([[0.0, 0.5, 1.0, 9.0, -9.0, np.nan, np.inf]], np.float32)
    assert indexed(values, 0.0, 1.0).tolist() == [[1, 128, 255, 255, 1, 0, 255]]

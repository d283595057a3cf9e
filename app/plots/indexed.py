"""Matrices as images that look their colours up, which Qt scales as it paints them."""

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage, qRgb

from app.theme import Palette, theme
from engine.payloads import Array


def indexed(values: Array, low: float, high: float, root: bool = False) -> NDArray[np.uint8]:
    """`values` as 1 to 255 between the ends of the scale; 0 where there is no number.

    root: as the square root of how far they are along the scale.
    """
    share = np.clip((values - low) / (high - low), 0, 1)
    scaled = (254 * (np.sqrt(share) if root else share)).round() + 1
    return np.ascontiguousarray(np.where(np.isnan(scaled), 0, scaled).astype(np.uint8))


def image_of(buffer: NDArray[np.uint8], diverging: bool) -> QImage:
    """An image that looks its colours up; `buffer` must live as long as it."""
    height, width = buffer.shape
    image = QImage(buffer.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(_colour_table(theme().palette, diverging))
    return image


@functools.cache
def _colour_table(palette: Palette, diverging: bool) -> list[int]:
    """Nothing first, then the colours from low to high."""
    colours = theme().lookup(diverging).tolist()
    return [QColor(palette.raised).rgb(), *(qRgb(*colour) for colour in colours[1:])]

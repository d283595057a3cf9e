"""Pictures: one widget for each payload, and the loss curves.

Every widget has ``show_payload(payload)``. The newest payload replaces the one
before; a widget that nobody sees keeps it and draws it when it is next seen.
What is under the mouse is read out in the line below the picture, in the place of
the caption. Run ``python -m app.plots`` to see all of them.
"""

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget

from app.plots.bars import BarsWidget
from app.plots.film import FilmWidget
from app.plots.heatmap import HeatmapWidget
from app.plots.heatmaps import HeatmapsWidget
from app.plots.images import ImagesWidget
from app.plots.lines import CurveWidget
from app.plots.loss_curves import LossCurves
from app.plots.panels import PanelsWidget
from app.plots.plane import PlaneWidget
from app.plots.sound import SoundWidget
from app.plots.table import TableWidget
from app.plots.text import TextWidget
from app.special.chips import TokenChips
from engine.payloads import (
    Bars,
    Curve,
    Film,
    Heatmap,
    Heatmaps,
    Images,
    Panels,
    Plane,
    Race,
    Raster,
    Sheet,
    Sound,
    Table,
    Text,
    Tokens,
)

__all__ = [
    "WIDGETS",
    "BarsWidget",
    "CurveWidget",
    "FilmWidget",
    "HeatmapWidget",
    "HeatmapsWidget",
    "ImagesWidget",
    "LossCurves",
    "PanelsWidget",
    "PlaneWidget",
    "SoundWidget",
    "TableWidget",
    "TextWidget",
    "TokenChips",
]


def _raster() -> QWidget:
    # Not above: what is special builds on the pictures, and is imported after them.
    from app.special.raster import RasterWidget

    return RasterWidget()


def _sheet() -> QWidget:
    from app.special.sheet import SheetWidget

    return SheetWidget()


def _race() -> QWidget:
    from app.special.race import RaceWidget

    return RaceWidget()


WIDGETS: dict[type[Any], Callable[[], QWidget]] = {
    Text: TextWidget,
    Tokens: TokenChips,
    Heatmap: HeatmapWidget,
    Heatmaps: HeatmapsWidget,
    Curve: CurveWidget,
    Bars: BarsWidget,
    Sound: SoundWidget,
    Film: FilmWidget,
    Images: ImagesWidget,
    Panels: PanelsWidget,
    Plane: PlaneWidget,
    Raster: _raster,
    Sheet: _sheet,
    Table: TableWidget,
    Race: _race,
}

"""A real picture to look at, and what is rubbed out of it to be filled in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.images import Pixels, picture_of
from engine.family import Trained
from engine.knobs import knob
from engine.layers.pictures import need_pictures
from engine.payloads import Images, Panels, Sheet
from engine.phrases import N_

REGIONS = (N_("bottom"), N_("top"), N_("left"), N_("right"), N_("middle"), N_("by hand"))


@dataclass(frozen=True)
class OfPicture:
    """A real picture: one of the held-out ones, or one's own."""

    number: int = knob(
        0, N_("Picture"), low=0, high=99_999, live=True, help=N_("Which of the held-out pictures.")
    )
    picture: str = knob(
        "",
        N_("Own picture"),
        file="picture",
        live=True,
        help=N_("A file or a drawing, in the place of a held-out picture."),
    )


def real_picture(trained: Trained, knobs: OfPicture) -> Pixels:
    """(1, height, width, channels): the picture that `knobs` names.

    Raises `PlaygroundError` where it cannot be read, or there are no held-out pictures.
    """
    if knobs.picture:
        return picture_of(knobs.picture, trained.data.shape)[None]
    need_pictures(trained.data)
    held_out: Pixels = trained.data.held_out
    return held_out[[knobs.number % len(held_out)]]


@dataclass(frozen=True)
class ErasedKnobs(OfPicture):
    """A picture, and what is erased of it."""

    region: str = knob(
        "bottom",
        N_("Erased"),
        choices=REGIONS,
        live=True,
        help=N_("As long as nothing is rubbed out by hand."),
    )
    erased: tuple[float, ...] = knob(
        (),
        N_("Rubbed out"),
        live=True,
        advanced=True,
        help=N_("Numbers of the cells, row by row: set with the brush."),
    )


def rubbed_out(region: str, cells: Sequence[float], rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): what is erased. `cells` by their number, row by row, or else `region`."""
    erased = np.zeros((rows, columns), np.bool_)
    if cells:
        flat = erased.reshape(-1)
        flat[[int(cell) for cell in cells if 0 <= cell < len(flat)]] = True
        return erased
    match region:
        case "bottom":
            erased[rows // 2 :] = True
        case "top":
            erased[: rows // 2] = True
        case "left":
            erased[:, : columns // 2] = True
        case "right":
            erased[:, columns // 2 :] = True
        case "middle":
            erased[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = True
    return erased


def filled_in(
    original: Pixels,
    erased: NDArray[np.bool_],
    found: Pixels,
    seeds: Sequence[int],
    caption: str,
    cell: int = 1,
) -> Panels:
    """The picture (1, ...) to rub parts of out, and beside it what was found for them (n, ...).

    erased: (rows, columns) of cells, each `cell` points a side. seeds: of the n.
    """
    return Panels(
        (
            Sheet(
                original[0],
                tuple(int(number) for number in np.flatnonzero(erased)),
                turns="erased",
                cell=cell,
                title=N_("Rub out what is to be drawn anew"),
            ),
            Images(
                np.concatenate([original, found]),
                labels=(N_("the picture"), *(str(seed) for seed in seeds[: len(found)])),
            ),
        ),
        weights=(2.0, 3.0),
        caption=caption,
    )

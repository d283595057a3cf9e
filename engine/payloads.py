"""Payloads: everything that can be shown or heard, as plain numpy data.

A payload says *what* is shown (values, axes, units, a caption), never *how*.
The engine makes them, a window has one widget for each class, and a test holds
the two lists equal. All are immutable; arrays in them are never written to
after they are made, so they may cross threads.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]


class Alternative(NamedTuple):
    """One token that could have come at a place.

    probability: in [0, 1], at the temperature in use, before top-k and top-p.
    allowed: whether top-k and top-p left it in the draw.
    """

    id: int
    piece: str
    probability: float
    allowed: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Running text."""

    text: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens, with what the model thought at each of them.

    ids, pieces: (n,), the tokens and how each reads by itself.
    text: how they read together, where that is not the pieces in a row (bytes of a character).
    alternatives: (n,), for a drawn token the ten likeliest, best first, and the
        drawn one in any case. Of the first `kept` tokens, which were given, it may be empty.
    probabilities: (n,) in [0, 1], of each token that was drawn; NaN where given.
    next: the distribution before the next draw (empty when the text is complete).
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    probabilities: tuple[float, ...]
    alternatives: tuple[tuple[Alternative, ...], ...]
    kept: int
    next: tuple[Alternative, ...] = ()
    tokens_per_second: float = 0.0
    caption: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        if not self.text:
            object.__setattr__(self, "text", "".join(self.pieces))


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A matrix in colours.

    values: (rows, columns). Row 0 is drawn at the top.
    low, high: ends of the colour scale; both None takes them from the data.
    diverging: zero is the middle of the scale (values with a sign).
    root: colours go with the square root, so that small values can be told from none.
    rows, columns: labels, one for each row or column, or () for plain numbers. Where both
        are given `x_title` is read between them, so it is a relation ("attends to").
    numbers: the rows' own numbers, where they are not drawn in their order.
    value_title: what a value is, with its unit; read out under the mouse.
    """

    values: Array
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    value_title: str = ""
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    diverging: bool = False
    root: bool = False
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Several heatmaps side by side, `across` to a line (a head per column, say)."""

    panels: tuple[Heatmap, ...]
    across: int = 1
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One named line of a `Curve`; x and y: (n,)."""

    name: str
    x: Array
    y: Array


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over a common axis."""

    lines: tuple[Line, ...]
    x_title: str
    y_title: str
    log_x: bool = False
    log_y: bool = False
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Named values as bars; `unit` follows each value when it is read out."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    x_title: str = ""
    y_title: str = ""
    unit: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to hear.

    samples: (n,) in [-1, 1]; rate: samples a second.
    midi: the same as a standard MIDI file, where there is one.
    """

    samples: Array
    rate: int
    title: str = ""
    midi: bytes = b""
    caption: str = ""


Payload: TypeAlias = Text | Tokens | Heatmap | Heatmaps | Curve | Bars | Sound
PAYLOADS: tuple[type[Any], ...] = (Text, Tokens, Heatmap, Heatmaps, Curve, Bars, Sound)

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
Pixels: TypeAlias = NDArray[np.uint8]


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
    numbers, column_numbers: the own numbers of rows and columns, where they are not 0, 1, ...
    value_title: what a value is, with its unit; read out under the mouse.
    texts: (rows, columns) what is written into each cell, or () for nothing.
    marked: (rows, columns) bool, the cells that have a frame, or None for none of them;
        marked_title: what the frame means; read out under the mouse.
    """

    values: Array
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    value_title: str = ""
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    column_numbers: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    diverging: bool = False
    root: bool = False
    caption: str = ""
    texts: tuple[tuple[str, ...], ...] = ()
    marked: NDArray[np.bool_] | None = None
    marked_title: str = ""


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Several heatmaps side by side, `across` to a line (a head per column, say)."""

    panels: tuple[Heatmap, ...]
    across: int = 1
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One named line of a `Curve`; x and y: (n,).

    labels: (n,) a few characters beside each point, which is then drawn as one, or ().
    """

    name: str
    x: Array
    y: Array
    labels: tuple[str, ...] = ()


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
    """Named values as bars; `unit` follows each value when it is read out.

    turns: name of a knob of the kind "numbers"; dragging bar i sets its number i, within
        `low` and `high`.
    """

    labels: tuple[str, ...]
    values: tuple[float, ...]
    x_title: str = ""
    y_title: str = ""
    unit: str = ""
    caption: str = ""
    turns: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to hear.

    samples: (n,) in [-1, 1]; rate: samples a second.
    midi: the same as a standard MIDI file, where there is one.
    piece: payloads of the same number (but 0) are one sound that grows: the later begins with
        what the earlier had. expected: samples it will have in the end; 0: it is all there.
    per_second: samples that were made in a second, where it was made just now.
    given: the first so many samples were given, not made.
    spectrogram: whether the spectrogram is to be drawn below the waveform.
    next: (v,) probabilities of the next sample's values, and levels: (v,) those values in
        [-1, 1] in rising order; None where there is no such thing.
    settings: what it was made with, as JSON; written into a file's metadata.
    """

    samples: Array
    rate: int
    title: str = ""
    midi: bytes = b""
    caption: str = ""
    piece: int = 0
    expected: int = 0
    per_second: float = 0.0
    given: int = 0
    spectrogram: bool = False
    next: Array | None = None
    levels: Array | None = None
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Images:
    """Small pictures beside and below each other.

    pixels: (n, height, width, channels) uint8, with 1 channel (grey) or 3 (RGB).
    labels: (n,) a few words under each picture ("seed 7", "step 300"), or ().
    numbers: (n,) what a picture stands for where it is picked (its seed, its index in the
        data), or () for its place.
    picks: names of knobs of the kind "numbers" that a click on a picture adds its number to,
        or takes it from; with several names one chooses first which group is picked for.
        A name with the kind "int" instead is simply set; it is in `single` as well.
    picked: (len(picks),) what each of these knobs holds now.
    pick_titles: (len(picks),) how these groups are called, or () for the names of the knobs.
    single: those of `picks` that a click sets to the number of the picture alone.
    across: to a line; 0: as many as there is room for. Where there is too little room, lines
        are broken in two, in three, ...
    gap: whether there is room between them (a manifold has none).
    """

    pixels: Pixels
    title: str = ""
    labels: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    picks: tuple[str, ...] = ()
    picked: tuple[tuple[int, ...], ...] = ()
    across: int = 0
    gap: bool = True
    caption: str = ""
    pick_titles: tuple[str, ...] = ()
    single: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture made one token after the other, with what the model thought at each.

    The order is row by row, in a row column by column, at a place channel by channel; draw
    number `(row * columns + column) * channels + channel`.

    tokens: (rows, columns, channels) of the finished picture, each 0 to v - 1.
    palette: (v, p, p) uint8, how each token looks in its channel (p = 1: one point).
    probabilities: (rows * columns * channels, v), of each draw, at the temperature in use.
    names: (v,) of the tokens, or () for their numbers.
    given: (g,) numbers of the draws that were not drawn but given with the picture.
    turns: name of a knob of the kind "numbers" that holds number of a draw, token, number,
        token, ...: what a hand has put there. turned: what it holds now.
    start: number of draws that are shown done at first; -1: all.
    """

    tokens: NDArray[np.int64]
    palette: Pixels
    probabilities: Array
    title: str = ""
    names: tuple[str, ...] = ()
    given: tuple[int, ...] = ()
    turns: str = ""
    turned: tuple[int, ...] = ()
    start: int = -1
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture on which parts are rubbed out with a brush.

    pixels: (height, width, 1 or 3) uint8. cell: points a side of what the brush takes at once.
    erased: numbers `row * columns + column` of the cells that are rubbed out now.
    turns: name of the knob of the kind "numbers" that holds them.
    """

    pixels: Pixels
    erased: tuple[int, ...] = ()
    turns: str = ""
    cell: int = 1
    title: str = ""
    caption: str = ""


class Cell(NamedTuple):
    """One cell of a `Table`.

    marked: ranges (first, end) of characters of `text` that are drawn as differing.
    value: what the column is sorted by, where it is a number; None sorts by the text.
    tone: "" or "good" or "bad", for a whole cell that says so.
    """

    text: str
    marked: tuple[tuple[int, int], ...] = ()
    value: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and columns of words and numbers. A column of numbers stands to the right.

    columns: titles. tips: (columns,) a sentence for each title, or (). rows: each as long as
    `columns`. best: for each column "high", "low" or "": which of its values is set off.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    tips: tuple[str, ...] = ()
    best: tuple[str, ...] = ()
    caption: str = ""


class Moment(NamedTuple):
    """What stood in a lane of a `Race` from `seconds` on, as measured from the start.

    pieces: the tokens in their places, "" where there is none yet (or none any more).
    probabilities: how sure the model was of each; NaN where there is none.
    fresh: places written at this moment. dropped: places whose token was taken back now.
    note: a few words on what just happened ("draft", "5 of 7 accepted"), or "".
    """

    seconds: float
    pieces: tuple[str, ...]
    probabilities: tuple[float, ...]
    fresh: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One that runs in a `Race`.

    moments: in order of time, at least one; the last is its result. passes: of the network.
    right: whether the result is the expected one; None where nothing is expected.
    """

    name: str
    moments: tuple[Moment, ...]
    passes: int = 0
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Race:
    """The same task done in several ways at once, each with its clock.

    given: what each was given. expected: what would be right, or "".
    """

    lanes: tuple[Lane, ...]
    given: str = ""
    expected: str = ""
    title: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Dots:
    """Points of one sort in a `Plane`; points: (n, 2).

    classes: (n,) 0, 1, ... for the colour of each, or None for the colour of the sort.
    names: of the classes, for the legend.
    tone: "strong" (generated), "faint" (the data behind it).
    """

    name: str
    points: Array
    classes: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    tone: str = "strong"


@dataclass(frozen=True, slots=True)
class Handle:
    """A point that can be dragged; its place sets the knobs `x_knob` and `y_knob` (floats)."""

    name: str
    x: float
    y: float
    x_knob: str
    y_knob: str


@dataclass(frozen=True, slots=True)
class Plane:
    """A part of the plane: points, arrows and paths, over a surface or a picture.

    extent: (left, right, bottom, top).
    surface: (rows, columns) over the whole extent, row 0 at the TOP; value_title: what it is.
        low, high, diverging: its colours, as in `Heatmap`.
    picture: (height, width, 1 or 3) uint8 over the whole extent, in place of a surface.
    arrows: (n, 4) x, y, dx, dy in the plane's own units.
    paths: (k, m, 2), k lines of m points each; they may be many and are drawn faintly.
    """

    extent: tuple[float, float, float, float]
    dots: tuple[Dots, ...] = ()
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    surface: Array | None = None
    value_title: str = ""
    low: float | None = None
    high: float | None = None
    diverging: bool = False
    picture: Pixels | None = None
    arrows: Array | None = None
    paths: Array | None = None
    handles: tuple[Handle, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Panels:
    """Several payloads of any class (but this and `Film`) beside each other.

    weights: (n,) how wide each is beside the others, or () for equal. across: to a line; where
        that is 1, the weights are of heights.
    """

    panels: tuple[Any, ...]
    across: int = 2
    weights: tuple[float, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Film:
    """Payloads of one class one after the other, with a slider and a button that plays them.

    names: (n,) what each frame is ("t = 0.40"). start: the frame that is shown first; -1 the last.
    """

    frames: tuple[Any, ...]
    names: tuple[str, ...]
    title: str = ""
    start: int = -1
    seconds: float = 0.1
    caption: str = ""


Payload: TypeAlias = (
    Text
    | Tokens
    | Heatmap
    | Heatmaps
    | Curve
    | Bars
    | Sound
    | Images
    | Raster
    | Sheet
    | Table
    | Race
    | Plane
    | Panels
    | Film
)
PAYLOADS: tuple[type[Any], ...] = (
    Text,
    Tokens,
    Heatmap,
    Heatmaps,
    Curve,
    Bars,
    Sound,
    Images,
    Raster,
    Sheet,
    Table,
    Race,
    Plane,
    Panels,
    Film,
)

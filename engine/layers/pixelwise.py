"""Pictures one token after the other: what every model of pixels shares.

A picture's probability is the product of those of its tokens, each given all that come
before it, row by row:

    p(x) = prod_i p(x_i | x_1 ... x_{i-1})

A token is a point of one channel, or a patch of 2x2 points of it; in a picture with colours
the channels of a place follow each other. Whatever the tokens are, the likelihood is exact.

van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759 (eqs. 1 and 2).
"""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.images import ImageData
from engine.family import Descent, Drawing, Trained, TrainKnobs
from engine.knobs import knob
from engine.layers.muon import Muon
from engine.layers.pictures import PictureSampleKnobs
from engine.payloads import Images
from engine.phrases import N_, PlaygroundError
from engine.sampling import allowed_rows, draw_rows, softmax, uniforms

# Shapes: N pictures, C channels, V tokens to choose from, R rows and S columns of tokens,
# P points in a token (1 or 4).


@dataclass(frozen=True)
class Grid:
    """How pictures become tokens.

    height, width, channels: of the pictures. levels: values of a point (2, 4 or 256).
    patch: points a side of a token. A picture is padded with black to whole patches.
    """

    height: int
    width: int
    channels: int
    levels: int
    patch: int

    @property
    def rows(self) -> int:
        """Rows of tokens."""
        return -(-self.height // self.patch)

    @property
    def columns(self) -> int:
        """Columns of tokens."""
        return -(-self.width // self.patch)

    @property
    def points(self) -> int:
        """Points in a token."""
        return self.patch**2

    @property
    def size(self) -> int:
        """Tokens to choose from."""
        return int(self.levels**self.points)

    @property
    def draws(self) -> int:
        """Tokens in a picture."""
        return self.rows * self.columns * self.channels

    @property
    def dimensions(self) -> int:
        """Values in a picture."""
        return self.height * self.width * self.channels

    def digits(self) -> NDArray[np.int64]:
        """(V, P): the level of each point of each token; the first point counts most."""
        powers = self.levels ** np.arange(self.points)[::-1]
        return np.arange(self.size)[:, None] // powers % self.levels

    def tokens(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(N, height, width, C) uint8 to (N, C, R, S) int64. Each value goes to its nearest level,
        of two to the one on its side of the middle."""
        level = np.rint(pixels.astype(np.float32) * ((self.levels - 1) / 255)).astype(np.int64)
        p = self.patch
        edges = (self.rows * p - self.height, self.columns * p - self.width)
        level = np.pad(level, ((0, 0), (0, edges[0]), (0, edges[1]), (0, 0)))
        cut = level.reshape(len(level), self.rows, p, self.columns, p, self.channels)
        points = cut.transpose(0, 5, 1, 3, 2, 4).reshape(
            len(level), self.channels, self.rows, self.columns, self.points
        )
        powers = self.levels ** np.arange(self.points)[::-1]
        return torch.from_numpy(points @ powers)

    def inputs(self, tokens: Tensor) -> Tensor:
        """(N, C, R, S) to what a network sees, (N, C * P, R, S) in [-1, 1]; the points of a
        channel stand together."""
        table = torch.from_numpy(self.digits()).float() * (2 / (self.levels - 1)) - 1
        seen = table[tokens]  # N, C, R, S, P
        return seen.permute(0, 1, 4, 2, 3).flatten(1, 2)

    def pixels(self, tokens: Tensor) -> NDArray[np.uint8]:
        """The opposite of `tokens`, but for what rounding to levels took."""
        points = self.palette()[tokens.numpy()]  # N, C, R, S, p, p
        count, channels, rows, columns, p, _p = points.shape
        whole = points.transpose(0, 2, 4, 3, 5, 1).reshape(count, rows * p, columns * p, channels)
        cut: NDArray[np.uint8] = np.ascontiguousarray(whole[:, : self.height, : self.width])
        return cut

    def palette(self) -> NDArray[np.uint8]:
        """(V, p, p): how each token looks in its channel."""
        shades = np.rint(self.digits() * (255 / (self.levels - 1))).astype(np.uint8)
        look: NDArray[np.uint8] = shades.reshape(self.size, self.patch, self.patch)
        return look


class Stepper(Protocol):
    """Logits one draw at a time, with what was computed for earlier ones kept.

    It is asked for every draw in order, without one left out, from the first on.
    """

    def __call__(self, row: int, column: int, channel: int, tokens: Tensor) -> Tensor:
        """(N, V). tokens: (N, C, R, S), right in all earlier draws; the rest is not looked at."""


class Mask(NamedTuple):
    """Which weights of a layer are not zero. allowed: (groups out, groups in, kernel rows,
    kernel columns) of bool; a group are the features of one channel. centre: (row, column) of the
    kernel's place of the present."""

    title: str
    allowed: NDArray[np.bool_]
    centre: tuple[int, int]


class PixelNet(Protocol):
    """What a network of this kind has (a `torch.nn.Module` besides).

    classes: how many it can be told; 0: none. Label number `classes` is "no class".
    """

    grid: Grid
    classes: int

    def __call__(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, C * P, R, S) and (N,) to the logits of every draw, (N, C, V, R, S).

        R may be less than the grid has: the first rows of a picture do without the others.
        """

    def stepper(self, labels: Tensor) -> Stepper:
        """For N pictures of these classes (N,)."""

    def masks(self) -> tuple[Mask, ...]:
        """From the first layer to the last."""


@dataclass(frozen=True)
class PixelNetKnobs:
    """What a network of pixels is about."""

    levels: str = knob(
        "2",
        N_("Levels"),
        choices=("2", "4", "256"),
        help=N_("Values that a point can have: 2 is black or white, 256 every shade."),
    )
    patch: str = knob(
        "1",
        N_("Points taken at once"),
        choices=("1", "2"),
        help=N_(
            "2: squares of 2x2 points are drawn in one; a quarter of the draws, same likelihood."
        ),
    )
    labels: bool = knob(
        True,
        N_("Knows the classes"),
        help=N_("Told the class of each picture, it can be asked for one. Off: never told."),
    )
    places: bool = knob(
        True,
        N_("Knows the place"),
        advanced=True,
        help=N_(
            "Each row and each column has features of its own, so that the network knows where "
            "in the picture it is. Off: as in the paper, it only sees what is around."
        ),
    )


def grid_of(net: PixelNetKnobs, data: Any) -> Grid:
    """The tokens of the pictures of `data`."""
    height, width, channels = data.shape
    return Grid(height, width, channels, int(net.levels), int(net.patch))


MOST_TOKENS = 256


def check(data: ImageData, net: PixelNetKnobs) -> None:
    """Refuse what has too many tokens to choose from."""
    levels, patch = int(net.levels), int(net.patch)
    if levels ** (patch**2) > MOST_TOKENS:
        raise PlaygroundError(
            N_(
                "squares of {patch}x{patch} points of {levels} levels can look in "
                "{levels}^{points} ways, and at most {most} are accepted: take 1 point at once, "
                "or fewer levels",
                patch=patch,
                levels=levels,
                points=patch**2,
                most=MOST_TOKENS,
            )
        )


# --- training


@dataclass(frozen=True)
class PixelTrainKnobs(TrainKnobs):
    """How a model of pixels is trained."""

    steps: int = knob(
        2000,
        N_("Plan"),
        low=0,
        high=10_000_000,
        unit=N_("steps"),
        help=N_("The learning rate falls towards the end of the plan. 0 plans by time, or not."),
    )
    average: float = knob(
        0.99,
        N_("Weight averaging"),
        low=0.0,
        high=0.9999,
        advanced=True,
        live=True,
        help=N_("Samples and held-out loss use a running average of the weights; 0: the newest."),
    )
    optimiser: str = knob(
        "Muon",
        N_("Optimiser"),
        choices=("Muon", "AdamW"),
        advanced=True,
        help=N_("Muon makes each step equally long in all directions of a weight matrix."),
    )
    shift: int = knob(
        1,
        N_("Shifts"),
        low=0,
        high=4,
        unit=N_("pixels"),
        live=True,
        help=N_("Each picture is moved at random by up to so many pixels, which is more data."),
    )
    drop_label: float = knob(
        0.1,
        N_("Labels left out"),
        low=0.0,
        high=1.0,
        live=True,
        advanced=True,
        help=N_("This share learns without its class, so that one may leave it open."),
    )


@dataclass(frozen=True)
class PixelCNNKnobs(PixelNetKnobs):
    """What both PixelCNNs have besides their size."""

    kernel: int = knob(
        5,
        N_("Reach of the first layer"),
        low=1,
        high=5,
        advanced=True,
        help=N_("Rows above, and columns to either side, that the first layer sees."),
    )
    dropout: float = knob(
        0.05,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("Features that are left out at random in training, against learning by heart."),
    )


@dataclass(frozen=True)
class PixelCNNTrainKnobs(PixelTrainKnobs):
    """How a PixelCNN is trained: in many short steps."""

    steps: int = knob(
        1500,
        N_("Plan"),
        low=0,
        high=10_000_000,
        unit=N_("steps"),
        help=N_("The learning rate falls towards the end of the plan. 0 plans by time, or not."),
    )
    learning_rate: float = knob(
        0.012,
        N_("Learning rate"),
        low=1e-6,
        high=1.0,
        log=True,
        live=True,
        help=N_("How far each step goes. Too high and the loss jumps, too low and it crawls."),
    )
    batch: int = knob(
        8,
        N_("Batch size"),
        low=1,
        high=1024,
        help=N_("Examples in one step."),
    )


ENDS = ("enter", "leave")  # names of the first and the last layer
TABLES = {"label", "places"}  # of what stands for a class or for a place


def optimise(
    module: nn.Module, train: PixelTrainKnobs
) -> Mapping[str, Sequence[torch.optim.Optimizer]]:
    """Muon on the weights inside, AdamW on the rest: biases, tables, first and last layer."""
    inside = [
        parameter
        for name, parameter in module.named_parameters()
        if parameter.dim() > 1 and not name.startswith(ENDS) and TABLES.isdisjoint(name.split("."))
    ]
    muon = inside if train.optimiser == "Muon" else []
    taken = {id(parameter) for parameter in muon}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in taken]
    adam = torch.optim.AdamW(rest, lr=train.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    return {"all": [adam, Muon(muon, lr=train.learning_rate)] if muon else [adam]}


class Batch(NamedTuple):
    """tokens: (N, C, R, S) int64; labels: (N,) int64."""

    tokens: Tensor
    labels: Tensor


def batch(
    data: ImageData, net: PixelNetKnobs, train: PixelTrainKnobs, random: torch.Generator
) -> Batch:
    """Pictures at random, each shifted in its own way, and mostly with its class."""
    rows = torch.randint(len(data.train), (train.batch,), generator=random).numpy()
    most = train.shift
    moves = torch.randint(-most, most + 1, (train.batch, 2), generator=random).tolist()
    pixels = np.stack(
        [shifted(data.train[row], *move) for row, move in zip(rows, moves, strict=True)]
    )
    dropped = torch.rand(train.batch, generator=random) < train.drop_label
    none = classes_of(net, data)
    labels = told(data.train_labels[rows], none).masked_fill(dropped, none)
    return Batch(grid_of(net, data).tokens(pixels), labels)


def shifted(pixels: NDArray[np.uint8], down: int, across: int) -> NDArray[np.uint8]:
    """A picture (height, width, C) moved; what comes in from outside is the nearest edge."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - across, 0, width - 1)
    return pixels[rows[:, None], columns]


def classes_of(net: PixelNetKnobs, data: ImageData) -> int:
    """How many classes the network knows; also what it is told where there is none."""
    return len(data.classes) if net.labels else 0


def told(labels: NDArray[np.int64], classes: int) -> Tensor:
    """Labels (N,) as the network is told them."""
    return torch.from_numpy(labels).clamp(max=classes)


def nats(module: Any, tokens: Tensor, labels: Tensor) -> Tensor:
    """-log p of each draw given all before it, (N, C, R, S) for tokens (N, C, R, S)."""
    x = module.grid.inputs(tokens).to(next(module.parameters()).dtype)
    # With V last, as a network has it in memory, the softmax over many tokens is quicker.
    logits = module(x, labels).permute(0, 3, 4, 1, 2)  # N, R, S, C, V
    wanted = tokens.permute(0, 2, 3, 1)
    found = F.cross_entropy(logits.flatten(0, 3), wanted.flatten(), reduction="none")
    return found.view(wanted.shape).permute(0, 3, 1, 2)


def step(module: Any, batch: Batch, train: PixelTrainKnobs) -> Iterator[Descent]:
    """-log2 p of the pictures, in bits per dimension (a value of a pixel)."""
    total = nats(module, batch.tokens, batch.labels).sum()
    yield Descent(total / (len(batch.tokens) * module.grid.dimensions * math.log(2)))


CHUNK = 16 * 784  # draws between two safe points, in whole pictures
MEASURED = 128  # held-out pictures that are measured on while training


@torch.no_grad()
def evaluate(
    module: Any, data: ImageData, net: Any, train: PixelTrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Bits per dimension and nats per picture of held-out pictures, each told its class.

    With `most`, of at most `MEASURED` pictures.
    """
    count = len(data.held_out) if most is None else min(len(data.held_out), most, MEASURED)
    classes = classes_of(net, data)
    total = 0.0
    together = max(1, CHUNK // module.grid.draws)
    for first in range(0, count, together):
        rows = slice(first, min(first + together, count))
        tokens = module.grid.tokens(data.held_out[rows])
        total += float(nats(module, tokens, told(data.held_out_labels[rows], classes)).sum())
        yield
    each = total / count
    return {"held_out": each / module.grid.dimensions / math.log(2), "nats_per_picture": each}


def units(data: ImageData) -> Mapping[str, float]:
    """Bits per dimension as the loss has it, and nats."""
    height, width, channels = data.shape
    return {
        N_("bits per dimension"): 1.0,
        N_("nats per dimension"): math.log(2),
        N_("nats per picture"): math.log(2) * height * width * channels,
    }


# --- sampling


@dataclass(frozen=True)
class DrawKnobs:
    """How each token is drawn."""

    temperature: float = knob(
        0.9,
        N_("Temperature"),
        low=0.0,
        high=3.0,
        live=True,
        help=N_("Below 1 sharpens, above 1 flattens the distribution; 0 takes the likeliest."),
    )
    label: int = knob(
        -1,
        N_("Class"),
        low=-2,
        high=9999,
        live=True,
        help=N_("Number of the class to draw; -1 takes each in turn, -2 leaves it open."),
    )
    top_k: int = knob(
        0,
        N_("Top-k"),
        low=0,
        high=MOST_TOKENS,
        live=True,
        advanced=True,
        help=N_("Draws only from the k likeliest; 0 leaves all in."),
    )
    top_p: float = knob(
        1.0,
        N_("Top-p"),
        low=0.05,
        high=1.0,
        live=True,
        advanced=True,
        help=N_("Draws only from the fewest that together reach this probability."),
    )


@dataclass(frozen=True)
class PixelSampleKnobs(DrawKnobs, PictureSampleKnobs):
    """How to draw pictures."""


def labels_of(module: Any, seeds: Sequence[int], label: int) -> Tensor:
    """The class of each seed, (N,): the one asked for, each in turn by the seed's number (-1),
    or none (-2)."""
    classes = module.classes
    if not classes or label < -1:
        return torch.full((len(seeds),), classes)
    wanted = [seed % classes if label < 0 else min(label, classes - 1) for seed in seeds]
    return torch.tensor(wanted, dtype=torch.int64)


class Inputs:
    """What a network sees of tokens, a place or a row at a time."""

    def __init__(self, module: Any) -> None:
        grid: Grid = module.grid
        levels = torch.from_numpy(grid.digits()).to(next(module.parameters()).dtype)
        self._table = levels * (2 / (grid.levels - 1)) - 1

    def at(self, row: int, column: int, tokens: Tensor) -> Tensor:
        """(N, C * P) at a place, of tokens (N, C, R, S)."""
        return self._table[tokens[:, :, row, column]].flatten(1)

    def row(self, row: int, tokens: Tensor) -> Tensor:
        """(N, S, C * P) of a row, of tokens (N, C, R, S)."""
        return self._table[tokens[:, :, row]].transpose(1, 2).flatten(2)


class Places(nn.Module):
    """Features that each place has by itself: those of its row and those of its column."""

    def __init__(self, features: int, grid: Grid) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.zeros(features, grid.rows, 1))
        self.column = nn.Parameter(torch.zeros(features, 1, grid.columns))

    def forward(self, rows: int) -> Tensor:
        """(features, rows, S), of the first rows."""
        return self.row[:, :rows] + self.column


class Recompute:
    """A stepper that computes everything anew for each draw: slow, and plainly right.

    so_far: only the rows that are begun, so that a draw costs the more the later it is.
    """

    def __init__(self, module: Any, labels: Tensor, so_far: bool = False) -> None:
        self._module, self._labels, self._so_far = module, labels, so_far
        self._dtype = next(module.parameters()).dtype

    def __call__(self, row: int, column: int, channel: int, tokens: Tensor) -> Tensor:
        """(N, V)."""
        seen = tokens[:, :, : row + 1] if self._so_far else tokens
        x = self._module.grid.inputs(seen).to(self._dtype)
        logits: Tensor = self._module(x, self._labels)
        return logits[:, channel, :, row, column]


class Given(NamedTuple):
    """What need not be drawn. tokens: (N, C, R, S) int64, or (1, C, R, S) for all the same.
    mask: the same shape, bool: True where it is given."""

    tokens: Tensor
    mask: Tensor


class Drawn(NamedTuple):
    """How far pictures have come; the arrays are written on by the next draw.

    tokens: (N, C, R, S) int64, 0 where not yet drawn. done: how many draws are, in the order row
    by row, column by column, channel by channel. probabilities: (N, draws, V) float32, of each
    draw at the temperature, before top-k and top-p; None where they were not asked for.
    """

    tokens: Tensor
    done: int
    probabilities: NDArray[np.float32] | None


def generate(
    module: Any,
    labels: Tensor,
    numbers: NDArray[np.float64],
    knobs: DrawKnobs,
    given: Given | None = None,
    stepper: Stepper | None = None,
    keep: bool = False,
) -> Generator[Drawn, None, Drawn]:
    """Draw N pictures token by token; a safe point at each draw, at the end it returns them.

    labels: (N,) their classes. numbers: (N, draws) in [0, 1), see `uniforms`; draw n takes number
    n, whatever was given. given: tokens that stay as they are; the network is asked for them too,
    so their probabilities are known. stepper: another than the module's own. keep: whether the
    probabilities are kept. Wants ``torch.no_grad()``.
    """
    grid: Grid = module.grid
    count = len(labels)
    step = stepper if stepper is not None else module.stepper(labels)
    tokens = torch.zeros(count, grid.channels, grid.rows, grid.columns, dtype=torch.int64)
    drawn = tokens.numpy()
    fixed = None
    if given is not None:
        fixed = [torch.broadcast_to(each, tokens.shape).numpy() for each in given]
    kept = np.empty((count, grid.draws, grid.size), np.float32) if keep else None
    for number, (row, column, channel) in enumerate(places(grid)):
        logits = step(row, column, channel, tokens).numpy()
        probabilities = softmax(logits, knobs.temperature)
        allowed = allowed_rows(probabilities, knobs.top_k, knobs.top_p)
        found = draw_rows(probabilities, allowed, numbers[:, number])
        if fixed is not None:
            values, mask = (each[:, channel, row, column] for each in fixed)
            found = np.where(mask, values, found)
        drawn[:, channel, row, column] = found
        if kept is not None:
            kept[:, number] = probabilities
        yield Drawn(tokens, number + 1, kept)
    return Drawn(tokens, grid.draws, kept)


def places(grid: Grid) -> Iterator[tuple[int, int, int]]:
    """(row, column, channel) of each draw, in order."""
    for row in range(grid.rows):
        for column in range(grid.columns):
            for channel in range(grid.channels):
                yield row, column, channel


GROUP = 64  # pictures that are drawn at once
SHOW_SECONDS = 0.04
NOT_YET = 128  # how what is not drawn yet looks


@torch.no_grad()
def sampler(trained: Trained, knobs: PixelSampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draw pictures, `GROUP` of them at a time; yields them as they grow."""
    module, grid = trained.module, trained.module.grid
    seeds = range(knobs.seed, knobs.seed + knobs.count)
    pixels = np.full((knobs.count, grid.height, grid.width, grid.channels), NOT_YET, np.uint8)
    shown = -math.inf
    for first in range(0, knobs.count, GROUP):
        group = seeds[first : first + GROUP]
        labels = labels_of(module, group, knobs.label)
        for at in generate(module, labels, uniforms(group, grid.draws), knobs):
            now = perf_counter()
            if now - shown < SHOW_SECONDS and at.done < grid.draws:
                yield None
                continue
            shown = now
            pixels[first : first + GROUP] = unfinished(grid, at)
            yield wall(pixels, seeds)


def unfinished(grid: Grid, at: Drawn) -> NDArray[np.uint8]:
    """(N, height, width, C): the pictures so far, and grey where nothing is yet."""
    order = np.arange(grid.draws).reshape(grid.rows, grid.columns, grid.channels)
    order = order.repeat(grid.patch, 0).repeat(grid.patch, 1)[: grid.height, : grid.width]
    return np.where(order < at.done, grid.pixels(at.tokens), np.uint8(NOT_YET))


def wall(pixels: NDArray[np.uint8], seeds: Sequence[int]) -> Images:
    """Samples (n, height, width, C), each labelled with its seed."""
    return Images(pixels.copy(), labels=tuple(f"{seed}" for seed in seeds), numbers=tuple(seeds))

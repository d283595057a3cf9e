"""Small things to test models on."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from engine.data import images, pairs, points, sound
from engine.data.images import ImageData
from engine.data.pairs import PairData
from engine.data.points import PointData
from engine.data.sound import SoundData
from engine.data.text import CharTokeniser, TextData
from engine.family import Model, Trained

WORDS = ("ada", "bob", "cid", "eve", "fay", "gus", "ida", "joe", "kim", "lou")


def sentences(words: int, seed: int = 0) -> str:
    """So many of `WORDS`, four to a line."""
    drawn = np.random.default_rng(seed).choice(WORDS, size=words)
    lines = (" ".join(drawn[first : first + 4]) for first in range(0, words, 4))
    return "\n".join(lines) + "\n"


def text_data(text: str) -> TextData:
    """`text`, to learn from."""
    tokeniser = CharTokeniser(text)
    ids = tokeniser.encode(text).astype(np.uint8)
    train, held_out = np.split(ids, [len(ids) * 9 // 10])
    return TextData(
        key="small",
        title="Small",
        tokeniser=tokeniser,
        train=train,
        held_out=held_out,
        characters=len(text),
        tokens=(len(train), len(held_out)),
        characters_per_token=1.0,
    )


@torch.no_grad()
def randomise(module: nn.Module, seed: int = 0, scale: float = 0.4) -> None:
    """Weights that are nowhere zero, where a fresh network's may be."""
    random = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=random) * scale)


def some_tokens(vocabulary: int, *shape: int, seed: int = 0) -> Tensor:
    """Token ids at random."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(vocabulary, shape, generator=random)


class Letters:
    """A tokeniser of single letters from a on."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - ord("a") for letter in text]

    def decode(self, ids: Any) -> str:
        return "".join(self.piece(int(token)) for token in ids)

    def piece(self, token: int) -> str:
        return chr(ord("a") + token)


class Formula:
    """A language model that is a function of the last token."""

    def __init__(self, rows: Callable[[int], Any]) -> None:
        self.rows = rows
        self.fed: list[int] = []

    def decoder(self, cache: bool = True) -> "Formula":
        return Formula(self.rows)

    def feed(self, tokens: list[int]) -> Any:
        self.fed += tokens
        return np.asarray(self.rows(self.fed[-1]), dtype=np.float32)


def formula(rows: Callable[[int], Any], size: int) -> Trained:
    """`rows(last token)`, the logits (size,), as something to sample from."""
    data = SimpleNamespace(tokeniser=Letters(size), separator="a")
    return Trained(
        module=Formula(rows),
        net=None,
        train=None,
        data=data,
        step=0,
        model=cast(Model, None),
    )


def last(drawing: Any) -> Any:
    """The last payload of a drawing."""
    payloads = [payload for payload in drawing if payload is not None]
    assert payloads, "nothing was drawn"
    return payloads[-1]


def image_data(count: int = 80, size: int = 8, channels: int = 1, classes: int = 3) -> ImageData:
    """Bars whose place and direction follow from the class, with some noise."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes
    pixels = random.integers(0, 40, (count, size, size, channels))
    for i, label in enumerate(labels):
        place = random.integers(1, size - 1)
        if label % 2:
            pixels[i, place] = 230
        else:
            pixels[i, :, (place + label) % size] = 230
    names = tuple(f"class {each}" for each in range(classes))
    return images.split("small", "Small", pixels.astype(np.uint8), labels, classes=names)


def point_data(count: int = 200) -> PointData:
    """Three clusters."""
    random = np.random.default_rng(0)
    centres = np.array([[0.0, 2.0], [-1.7, -1.0], [1.7, -1.0]])
    labels = np.arange(count) % 3
    found = centres[labels] + 0.1 * random.standard_normal((count, 2))
    names = ("north", "west", "east")
    return points.split("small", "Small", found, labels, centres, spread=0.1, classes=names)


def sound_data(rate: int = 8000, seconds: float = 1.0) -> SoundData:
    """Two notes that die away, each in several clips; a fifth of them is held out."""
    length = round(seconds * rate / 10)
    time = np.arange(length) / rate
    clips = []
    for i in range(10):
        loud = (0.5 + 0.04 * i) * np.exp(-8 * time / seconds)
        wave = loud * np.sin(2 * np.pi * (440.0, 660.0)[i % 2] * time)
        clips.append(((32767 * wave).astype(np.int16), i % 2))
    names = ("low", "high")
    return sound.parted("small", "Small", rate, clips[:8], clips[8:], classes=names)


def pair_data(count: int = 240) -> PairData:
    """Three to five letters, and the same backwards in capitals; a fifth of them is held out."""
    random = np.random.default_rng(0)
    found: dict[str, str] = {}
    while len(found) < count:
        word = "".join(random.choice(list("abcdef"), size=random.integers(3, 6)))
        found[word] = word[::-1].upper()
    every = list(found.items())
    cut = count * 4 // 5
    return pairs.paired("small", "Small", every[:cut], every[cut:])

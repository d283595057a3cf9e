"""What every language model shares, whatever its network.

A language model gives the probability of the next token from those before it,
and with the chain rule that of a whole text:

    log p(x_1 .. x_n) = sum_t log p(x_t | x_1 .. x_{t-1})

Training lowers the mean of ``-log p`` (cross-entropy, in nats per token) over
windows of a text; sampling draws one token after the other from p. A network
takes part by two methods: ``forward(tokens) -> logits`` over whole windows, and
``decoder() -> Decoder``, which is fed a token at a time and remembers the past.
"""

import dataclasses
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.text import TextData, check_length
from engine.family import Descent, Drawing, Trained, TrainKnobs
from engine.knobs import knob
from engine.payloads import Alternative, Tokens
from engine.phrases import N_
from engine.sampling import CategoricalKnobs, allowed, draw, softmax, uniform

SHOWN = 10  # alternatives kept for each token
SHOW_SECONDS = 0.04


class Decoder(Protocol):
    """A network that reads on from where it is."""

    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Read `tokens` (at least one) and give the logits (vocabulary,) of what comes next."""


class LanguageModel(Protocol):
    """What a network must offer to be a language model."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch, length, vocabulary) for `tokens` (batch, length) int64."""

    def decoder(self, cache: bool = True) -> Decoder:
        """A decoder at the start of a text; without `cache` it reads all again each time."""


@dataclass(frozen=True)
class TextSampleKnobs(CategoricalKnobs):
    """How to draw a text."""

    prompt: str = knob(
        "",
        N_("Prompt"),
        live=True,
        help=N_("The text to go on from. Empty begins as a new line of the data would."),
    )
    length: int = knob(
        300,
        N_("Length"),
        low=0,
        high=20_000,
        unit=N_("tokens"),
        live=True,
        help=N_("Tokens to draw."),
    )


class NGramEmbedding(nn.Module):
    """Embeds each token together with the two before it.

    The pairs and triples are hashed into tables of fixed size, so the network need
    not spend its own capacity on what a table can remember. Hash embeddings:
    Svenstrup et al. 2017, arXiv:1709.03933.
    """

    def __init__(self, vocabulary: int, width: int, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.one = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.one.weight, std=0.5 if slots else 1.0)
        if slots:
            self.two = nn.Embedding(slots, width)
            self.three = nn.Embedding(slots, width)
            nn.init.normal_(self.two.weight, std=0.1)
            nn.init.normal_(self.three.weight, std=0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, length) int64 to (batch, length, width)."""
        x: Tensor = self.one(tokens)
        if self.slots:
            before = F.pad(tokens, (1, 0))[:, :-1]
            before2 = F.pad(tokens, (2, 0))[:, :-2]
            pair = tokens * 7919 + before * 104729
            x = (
                x
                + self.two(pair % self.slots)
                + self.three((pair + before2 * 1299709) % self.slots)
            )
        return x


# --- training


def check(data: TextData, net: Any) -> None:
    """Refuse a text that is shorter than one window of the network."""
    check_length(data, net.context)


def batch(data: TextData, net: Any, train: TrainKnobs, random: torch.Generator) -> Tensor:
    """Windows of the training text at random places: (batch, context + 1) int64."""
    length = net.context + 1
    starts = torch.randint(len(data.train) - length + 1, (train.batch,), generator=random)
    places = starts.numpy()[:, None] + np.arange(length)
    return torch.from_numpy(data.train[places].astype(np.int64))


def step(module: Any, batch: Tensor, train: TrainKnobs) -> Iterator[Descent]:
    """Cross-entropy of each token given those before it in its window, in nats per token."""
    logits = module(batch[:, :-1])
    yield Descent(F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()))


@torch.no_grad()
def held_out_nats(module: Any, part: NDArray[Any]) -> float:
    """Sum of ``-log p`` in nats over windows `part` (windows, context + 1)."""
    tokens = torch.from_numpy(part.astype(np.int64))
    logits = module(tokens[:, :-1])
    return float(F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum"))


def evaluate(
    module: Any, data: TextData, net: Any, train: TrainKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token, each token scored once, in windows of the model's own context.

    Where the length does not divide, the last window is shorter; with `most` only whole
    windows count.
    """
    tokens, context = data.held_out, net.context
    scored = len(tokens) - 1 if most is None else min(len(tokens) - 1, max(most, context))
    full, rest = divmod(scored, context)
    starts = np.arange(full) * context
    total = 0.0
    for first in range(0, full, 8):
        places = starts[first : first + 8, None] + np.arange(context + 1)
        total += held_out_nats(module, tokens[places])
        yield
    if rest and most is None:
        tail = tokens[full * context : scored + 1][None]
        total += held_out_nats(module, tail)
    else:
        scored = full * context
    nats = total / scored
    bits = nats / math.log(2) / data.characters_per_token
    return {"held_out": nats, "bits_per_char": bits}


def units(data: TextData) -> Mapping[str, float]:
    """Nats per token as the loss has it, and bits per character."""
    bits = 1 / math.log(2) / data.characters_per_token
    if data.characters_per_token == 1.0:
        return {N_("nats per character"): 1.0, N_("bits per character"): bits}
    return {N_("nats per token"): 1.0, N_("bits per character"): bits}


# --- sampling


def start_of_text(data: TextData, prompt: str) -> list[int]:
    """The tokens to begin with; a prompt with unknown characters raises a `PlaygroundError`."""
    return [int(token) for token in data.tokeniser.encode(prompt or data.separator)]


def sampler(trained: Trained, knobs: TextSampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Draw a text token by token; yields `Tokens` about 25 times a second.

    keep: the token ids to go on from, in place of the prompt.
    """
    given = list(keep) or start_of_text(trained.data, knobs.prompt)
    writer = Writer(trained, knobs, given)
    if keep:
        writer.take_over(trained.sample)
    cache = getattr(knobs, "cache", True)
    decoder = trained.module.decoder(cache)
    logits = decoder.feed(given)
    yield None
    begun, shown = time.perf_counter(), -math.inf  # the first token is shown at once
    for drawn in range(knobs.length):
        writer.draw(logits)
        if drawn + 1 < knobs.length or drawn == 0:
            logits = decoder.feed([writer.ids[-1]])
        now = time.perf_counter()
        if now - shown >= SHOW_SECONDS:
            yield writer.payload((drawn + 1) / (now - begun))
            shown = now
        else:
            yield None
    speed = knobs.length / max(time.perf_counter() - begun, 1e-9) if knobs.length else 0.0
    yield writer.payload(speed, logits if knobs.length <= 1 else None)


class Writer:
    """A text that grows, with what the model thought at each token."""

    def __init__(self, trained: Trained, knobs: TextSampleKnobs, given: list[int]) -> None:
        self.knobs = knobs
        self.tokeniser = trained.data.tokeniser
        self.ids = given
        self.kept = len(given)
        self.pieces = [self.tokeniser.piece(token) for token in given]
        self.probabilities = [math.nan] * len(given)
        self.alternatives: list[tuple[Alternative, ...]] = [()] * len(given)

    def take_over(self, sample: Any) -> None:
        """What an earlier sample knew of the tokens that are kept stays known."""
        if not isinstance(sample, Tokens):
            return
        common = 0
        for mine, theirs in zip(self.ids, sample.ids, strict=False):
            if mine != theirs:
                break
            common += 1
        self.probabilities[:common] = sample.probabilities[:common]
        self.alternatives[:common] = sample.alternatives[:common]
        if common == len(self.ids) == len(sample.ids):
            self.kept = sample.kept

    def distribution(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Probabilities (vocabulary,) at the temperature, and which of them may be drawn."""
        probabilities = softmax(logits, self.knobs.temperature)
        return probabilities, allowed(probabilities, self.knobs.top_k, self.knobs.top_p)

    def best(
        self, probabilities: NDArray[np.float64], keep: NDArray[np.bool_]
    ) -> list[Alternative]:
        """The likeliest tokens, best first."""
        size = min(SHOWN, len(probabilities))
        top = np.argpartition(-probabilities, size - 1)[:size]
        return [
            self.alternative(int(token), probabilities, keep)
            for token in top[np.argsort(-probabilities[top], kind="stable")]
        ]

    def alternative(
        self, token: int, probabilities: NDArray[np.float64], keep: NDArray[np.bool_]
    ) -> Alternative:
        """How `token` stood before the draw."""
        piece = self.tokeniser.piece(token)
        return Alternative(token, piece, float(probabilities[token]), bool(keep[token]))

    def draw(self, logits: NDArray[np.float32]) -> None:
        """Add one token."""
        probabilities, keep = self.distribution(logits)
        token = draw(probabilities, keep, uniform(self.knobs.seed, len(self.ids)))
        best = self.best(probabilities, keep)
        if all(token != other.id for other in best):
            best.append(self.alternative(token, probabilities, keep))
        self.ids.append(token)
        self.pieces.append(self.tokeniser.piece(token))
        self.probabilities.append(float(probabilities[token]))
        self.alternatives.append(tuple(best))

    def payload(self, speed: float, logits: NDArray[np.float32] | None = None) -> Tokens:
        """The text so far; with `logits` also what would come next."""
        following = () if logits is None else tuple(self.best(*self.distribution(logits)))
        return Tokens(
            ids=tuple(self.ids),
            pieces=tuple(self.pieces),
            probabilities=tuple(self.probabilities),
            alternatives=tuple(self.alternatives),
            kept=self.kept,
            text=self.tokeniser.decode(self.ids),
            next=following,
            tokens_per_second=speed,
        )


# --- views


def passage(trained: Trained, text: str, most: int) -> tuple[list[int], tuple[str, ...]]:
    """Token ids and labels of the text a view is drawn over: at most `most` tokens.

    `text` where a person typed one, else the newest sample, else held-out text, else what
    a text begins with.
    """
    data: TextData = trained.data
    if text:
        ids = [int(token) for token in data.tokeniser.encode(text)][:most]
    elif isinstance(trained.sample, Tokens) and len(trained.sample.ids) > 1:
        ids = list(trained.sample.ids)[:most]
    else:
        # A run whose text is gone has no held-out part.
        ids = [int(token) for token in data.held_out[:most]] or start_of_text(data, "")
    return ids, tuple(data.tokeniser.piece(token) for token in ids)


@dataclass(frozen=True)
class OverText:
    """The text a view is drawn over."""

    text: str = knob(
        "", N_("Text"), live=True, help=N_("What to read. Empty takes the newest sample.")
    )
    length: int = knob(
        64, N_("Characters"), low=2, high=512, unit=N_("tokens"), live=True, advanced=True
    )


def with_defaults(cls: type, **values: Any) -> Any:
    """`cls` with these values, the others at their defaults (for presets)."""
    return dataclasses.replace(cls(), **values)

"""Predict all at once: a language model that fills every place of a text in one go.

The text has a fixed number of places, from the beginning of a line on. Some are given, the others
hold a mask, and from what is given g the network says of each masked place which token is there:

    p(x | g) = prod_i p(x_i | g)                      all at once: a product of marginals

Each p(x_i | g) can be right and the text still wrong: where both "thank you" and "many thanks"
would do, the places choose without each other, and "thank thanks" comes as well. What is lost is
the dependence between the places. It comes back where the text is written in rounds, a few
places in each, the network looking again in between; with one place in each round, in random
order, the mean loss over how many places are masked is the nats per token of the whole text:

    E[-log p(x)] = sum_i E[-log p(x_o(i) | x_o(1) .. x_o(i-1))]          o: a random order

Conditional masked language models: Ghazvininejad et al. 2019, arXiv:1904.09324; the sum over
random orders: Uria, Murray & Larochelle 2014, arXiv:1310.1757; what the independence loses: Gu
et al. 2018, arXiv:1711.02281, section 2.3; filling in the surest places first: Chang et al.
2022, arXiv:2202.04200.
"""

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.text import TextData, check_length
from engine.family import Descent, Drawing, Line, Model, Preset, Trained, TrainKnobs, View
from engine.knobs import changed, knob
from engine.layers import language
from engine.layers.attending import Block, rotation
from engine.layers.blocks import norm
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import SHOWN, with_defaults
from engine.layers.paralleltext import (
    Faults,
    Known,
    faults,
    held_out_faults,
    held_out_pieces,
    known_of,
    pieces,
    together,
    told,
)
from engine.layers.translating import TranslatorKnobs, optimise
from engine.payloads import Alternative, Curve, Heatmap, Tokens
from engine.payloads import Line as CurveLine
from engine.phrases import N_, Phrase, PlaygroundError
from engine.sampling import CategoricalKnobs, allowed_rows, draw_rows, softmax, uniforms

# Shapes: B batch, T places, C width, v size of the vocabulary.

MASKINGS = SHARE, ALL = N_("a random share"), N_("all of it")
ORDERS = RANDOM, SUREST, READING = N_("at random"), N_("surest first"), N_("left to right")


@dataclass(frozen=True)
class NetKnobs(TranslatorKnobs):
    """Size of the network, and of the text."""

    layers: int = knob(3, N_("Layers"), low=1, high=8, help=N_("Blocks on top of each other."))
    places: int = knob(
        24,
        N_("Places"),
        low=8,
        high=256,
        unit=N_("tokens"),
        help=N_("The length of every text it reads and writes."),
    )

    causal = False  # each place sees all others
    positions = "rotary"


@dataclass(frozen=True)
class LearnKnobs(TrainKnobs):
    """How to learn, and from what."""

    masking: str = knob(
        SHARE,
        N_("Masked"),
        choices=MASKINGS,
        help=N_(
            "What it must guess. Everything: it only learns to write at once. A random share: "
            "it also learns to go on from what is written already, which rounds need."
        ),
    )


@dataclass(frozen=True)
class SampleKnobs(CategoricalKnobs):
    """How to write."""

    temperature: float = knob(
        0.5,
        N_("Temperature"),
        low=0.0,
        high=3.0,
        live=True,
        help=N_(
            "Below 1 sharpens, above 1 flattens the distribution; 0 takes the likeliest. The lower "
            "it is, the more often neighbours choose the same."
        ),
    )
    prompt: str = knob(
        "",
        N_("Prompt"),
        live=True,
        help=N_("How the text begins. Empty leaves every place to the network."),
    )
    rounds: int = knob(
        1,
        N_("Rounds"),
        low=1,
        high=256,
        live=True,
        help=N_("1 writes all places at once. With more, it looks at what it wrote in between."),
    )
    order: str = knob(
        RANDOM,
        N_("Order"),
        choices=ORDERS,
        live=True,
        help=N_("Which places are written first, where there are several rounds."),
    )


# --- the network


class ParallelLM(nn.Module):
    """Every place sees every other; what is masked has a token of its own, number v."""

    turn: Tensor

    def __init__(self, net: NetKnobs, vocabulary: int) -> None:
        super().__init__()
        self.mask = vocabulary
        self.embed = nn.Embedding(vocabulary + 1, net.width)
        # Turning alone does not tell places apart that all hold the mask.
        self.place = nn.Parameter(torch.randn(net.places, net.width) * 0.3)
        self.register_buffer("turn", rotation(net.places, net.head_width), persistent=False)
        self.blocks = nn.ModuleList(Block(net) for _ in range(net.layers))
        self.head = nn.Linear(net.width, vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)

    def vectors(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T), masks among them, to what is known of each place: (B, T, C)."""
        x = norm(self.embed(tokens) + self.place[: tokens.shape[1]])
        turn = self.turn[:, : tokens.shape[1]]
        for block in self.blocks:
            x = block(x, turn)
        return norm(x)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T), masks among them, to logits (B, T, v)."""
        logits: Tensor = self.head(self.vectors(tokens))
        return logits

    def at(self, tokens: Tensor, where: Tensor) -> Tensor:
        """Logits (n, v) of the n places `where` (B, T) bool alone."""
        logits: Tensor = self.head(self.vectors(tokens)[where])
        return logits


def build(net: NetKnobs, data: TextData) -> ParallelLM:
    """A new network for the vocabulary of `data`."""
    return ParallelLM(net, data.tokeniser.size)


def check(data: TextData, net: NetKnobs) -> None:
    """Refuse an odd head, which cannot be turned, and a text that is shorter than one window."""
    if net.head_width % 2:
        raise PlaygroundError(
            N_(
                "a head cannot be {width} wide here: an even width is accepted",
                width=net.head_width,
            )
        )
    check_length(data, net.places)


# --- training


class Masked(NamedTuple):
    """A batch: texts (B, T), and which of their places are hidden (B, T) bool, one at least."""

    tokens: Tensor
    hidden: Tensor


def after_prompt(shape: tuple[int, int], random: torch.Generator) -> Tensor:
    """Which places a text is asked for, (B, T) bool: all that stand behind its prompt.

    The first half of the texts have no prompt, the others one of 0, 1, ... or T - 1 tokens.
    """
    rows, size = shape
    prompt = (torch.rand(rows, generator=random) * size).floor()
    prompt[: (rows + 1) // 2] = 0.0
    return torch.arange(size) >= prompt[:, None]


def hide(after: Tensor, masking: str, random: torch.Generator) -> Tensor:
    """Which of the places `after` the prompt (B, T) are hidden, (B, T) bool.

    All of them; or 1, 2, ... or all of them, each number as likely, and any places.
    """
    if masking == ALL:
        return after
    count = (torch.rand(len(after), generator=random) * after.sum(1)).floor() + 1
    rank = torch.rand(after.shape, generator=random).masked_fill(~after, 2.0).argsort(1).argsort(1)
    return rank < count[:, None]


def batch(data: TextData, net: NetKnobs, train: LearnKnobs, random: torch.Generator) -> Masked:
    """Pieces of the training text, from the beginning of a line on, some of each hidden."""
    starts = torch.randint(len(data.train) - net.places + 1, (train.batch,), generator=random)
    tokens = torch.from_numpy(pieces(data, data.train, starts.numpy(), net.places))
    after = after_prompt((train.batch, net.places), random)
    return Masked(tokens, hide(after, train.masking, random))


def nats(module: ParallelLM, batch: Masked) -> Tensor:
    """-log p of the hidden tokens, each by itself: the mean over each text's, (B,).

    The hidden tokens themselves are not seen. A mean over each text first, and not over all
    hidden tokens alike: so its mean over the number of hidden ones is that of a random order.
    """
    tokens, hidden = batch
    logits = module.at(tokens.masked_fill(hidden, module.mask), hidden)
    each = torch.zeros(tokens.shape)
    each[hidden] = F.cross_entropy(logits, tokens[hidden], reduction="none")
    return each.sum(1) / hidden.sum(1)


def step(module: ParallelLM, batch: Masked, train: LearnKnobs) -> Iterator[Descent]:
    """Nats per hidden token."""
    yield Descent(nats(module, batch).mean())


TOGETHER = 8  # texts in one pass where something is measured


@torch.no_grad()
def evaluate(
    module: ParallelLM, data: TextData, net: NetKnobs, train: LearnKnobs, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token, of pieces of `places` tokens, a part of each given as in training.

    "held_out" is measured as the training loss: with a random share it is the mean of ``-log p``
    per token where one place after the other is written, in random order. "at_once" is that of
    the product of the marginals, all written at once. So the one less the other is what the
    places know of each other, in nats per token; masking all, both are the same.
    """
    random = torch.Generator().manual_seed(0)
    size = net.places
    scored = len(data.held_out) if most is None else min(len(data.held_out), max(most, size))
    texts = held_out_pieces(data, size, scored // size)
    shared, at_once = [], []
    for first in range(0, len(texts), TOGETHER):
        tokens = torch.from_numpy(texts[first : first + TOGETHER])
        after = after_prompt((len(tokens), size), random)
        hidden = hide(after, train.masking, random)
        shared.append(nats(module, Masked(tokens, hidden)))
        at_once.append(nats(module, Masked(tokens, after)))
        yield
    held_out = float(torch.cat(shared).mean())
    bits = held_out / math.log(2) / data.characters_per_token
    return {
        "held_out": held_out,
        "at_once": float(torch.cat(at_once).mean()),
        "bits_per_char": bits,
    }


# --- writing


class Round(NamedTuple):
    """What stands after a round, for B texts.

    tokens: (B, T), v where still masked. fresh: (B, T) bool, what was written in this round.
    where: (B, T) bool, places that were open; probabilities: (n, v) of each of those, at the
    temperature, and allowed: (n, v) bool, which of them could be drawn
    (None: all).
    """

    tokens: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    where: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    allowed: NDArray[np.bool_] | None


def write(
    module: ParallelLM,
    given: NDArray[np.int64],
    knobs: SampleKnobs,
    seeds: Sequence[int],
) -> Iterator[Round]:
    """Fill the masks of the texts `given` (B, T), each with its seed, in `rounds` rounds.

    Of n masks, floor(n (k - t) / k) are left after round t of k. A place draws with the same
    uniform number in every round and for every k, so that what differs is only what it sees.
    """
    tokens = given.copy()
    total = (tokens == module.mask).sum(1)
    draws, chance = np.split(uniforms(seeds, 2 * tokens.shape[1]), 2, axis=1)
    count = min(knobs.rounds, int(total.max(initial=0)))
    for number in range(1, count + 1):
        where = tokens == module.mask
        with torch.no_grad():
            logits = module.at(torch.from_numpy(tokens), torch.from_numpy(where)).numpy()
        probabilities = softmax(logits, knobs.temperature)
        keep = allowed_rows(probabilities, knobs.top_k, knobs.top_p)
        drawn = draw_rows(probabilities, keep, draws[where])
        late = np.full(tokens.shape, np.inf)  # what is lowest is written first
        late[where] = lateness(knobs.order, chance, where, logits, drawn)
        rank = late.argsort(1, kind="stable").argsort(1)
        left = total * (count - number) // count
        fresh = where & (rank < (where.sum(1) - left)[:, None])
        tokens[fresh] = drawn[fresh[where]]
        yield Round(tokens.copy(), fresh, where, probabilities, keep)


def lateness(
    order: str,
    chance: NDArray[np.float64],
    where: NDArray[np.bool_],
    logits: NDArray[np.float32],
    drawn: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(n,) of each open place, the lower the sooner it is written."""
    if order == RANDOM:
        return chance[where]
    if order == READING:
        return np.nonzero(where)[1].astype(np.float64)
    sure: NDArray[np.float64] = np.take_along_axis(softmax(logits, 1.0), drawn[:, None], 1)[:, 0]
    return -sure


def blank(module: ParallelLM, places: int, begin: Sequence[int], count: int) -> NDArray[np.int64]:
    """(count, places) masks, the first of them in place of `begin`, which is cut to fit."""
    texts = np.full((count, places), module.mask, np.int64)
    texts[:, : len(begin)] = list(begin)[:places]
    return texts


ABREAST = 4  # texts that are written together, so that a round takes no longer than a slice


def written(
    module: ParallelLM, given: NDArray[np.int64], knobs: SampleKnobs, seeds: Sequence[int]
) -> Generator[None, None, NDArray[np.int64]]:
    """The texts (B, T) that `write` makes of `given`, a few of them at a time."""
    texts = given.copy()
    for first in range(0, len(given), ABREAST):
        some = slice(first, first + ABREAST)
        for found in write(module, given[some], knobs, seeds[some]):
            texts[some] = found.tokens
            yield
    return texts


COUNTED = 16  # texts whose faults are counted for one that is shown
GAP = "▒"  # how a place reads where nothing is written yet


class Page:
    """A text as it fills, with what the network thought at each place."""

    def __init__(self, trained: Trained, given: NDArray[np.int64]) -> None:
        """given: (T,), masks where nothing is given."""
        self.tokeniser = trained.data.tokeniser
        self.mask = trained.module.mask
        self.tokens = given
        self.given = given != self.mask
        self.kept = int(self.given.cumprod().sum())
        # Of the mask itself, which no place can draw, nothing is sure.
        self.probabilities = [math.nan if there else 0.0 for there in self.given]
        self.alternatives: list[tuple[Alternative, ...]] = [()] * len(given)

    def take_over(self, sample: Any) -> None:
        """What an earlier sample knew of the tokens that are given stays known."""
        if not isinstance(sample, Tokens):
            return
        for place, (mine, theirs) in enumerate(zip(self.tokens, sample.ids, strict=False)):
            if self.given[place] and mine == theirs:
                self.probabilities[place] = sample.probabilities[place]
                self.alternatives[place] = sample.alternatives[place]

    def see(self, found: Round) -> None:
        """Remember what was thought in a round, of the first of its texts."""
        self.tokens = found.tokens[0]
        for row, place in enumerate(np.flatnonzero(found.where[0])):
            chances = found.probabilities[row]
            allowed = None if found.allowed is None else found.allowed[row]
            best = np.argpartition(-chances, min(SHOWN, len(chances)) - 1)[:SHOWN]
            shown = best[np.argsort(-chances[best], kind="stable")].tolist()
            if found.fresh[0, place]:
                token = int(self.tokens[place])
                shown += [token] if token not in shown else []
                self.probabilities[place] = float(chances[token])
            self.alternatives[place] = tuple(
                Alternative(
                    each,
                    self.tokeniser.piece(each),
                    float(chances[each]),
                    allowed is None or bool(allowed[each]),
                )
                for each in shown
            )

    def payload(self, seconds: float = math.inf, caption: str | Phrase = "") -> Tokens:
        """What stands there, after so many seconds of writing."""
        ids = tuple(self.tokens.tolist())
        there = self.tokens != self.mask
        pieces = tuple(GAP if each == self.mask else self.tokeniser.piece(each) for each in ids)
        return Tokens(
            ids=ids,
            pieces=pieces,
            probabilities=tuple(self.probabilities),
            alternatives=tuple(self.alternatives),
            kept=self.kept,
            text=self.tokeniser.decode(ids) if there.all() else "".join(pieces),
            tokens_per_second=int((there & ~self.given).sum()) / max(seconds, 1e-9),
            caption=caption,
        )


def sampler(trained: Trained, knobs: SampleKnobs, keep: tuple[int, ...]) -> Drawing:
    """Write a text round by round; the last time with what is wrong with it and others like it.

    keep: the tokens to begin with, in place of the prompt; where there are masks among them (of
        a text that was not finished), these are written as well.
    """
    data, module, places = trained.data, trained.module, trained.net.places
    begin = list(keep) or [int(each) for each in data.tokeniser.encode(knobs.prompt)]
    given = blank(module, places, begin, COUNTED)
    page = Page(trained, given[0])
    if keep:
        page.take_over(trained.sample)
    if page.given.all():
        yield page.payload(caption=N_("All {places} places are given.", places=places))
        return
    seeds = [(knobs.seed + number) % 2**31 for number in range(COUNTED)]
    begun = time.perf_counter()
    for found in write(module, given[:1], knobs, seeds[:1]):
        page.see(found)
        seconds = time.perf_counter() - begun
        yield page.payload(seconds)
    others = yield from written(module, given[1:], knobs, seeds[1:])
    known = yield from known_of(data)
    usual = yield from held_out_faults(data, places)
    texts = [data.tokeniser.decode(each) for each in (page.tokens, *others)]
    counted = together(faults(each, known) for each in texts)
    yield page.payload(
        seconds,
        N_(
            "{count} texts drawn alike, this one and the next seeds. {faults}",
            count=COUNTED,
            faults=told(counted, usual, known),
        ),
    )


# --- views


@dataclass(frozen=True)
class BeginKnobs:
    """How the text begins."""

    prompt: str = knob(
        "",
        N_("Prompt"),
        live=True,
        help=N_("How the text begins. Empty leaves every place to the network."),
    )


RANKS = 6  # tokens shown for each place
PIECES = 16  # held-out pieces that are measured


def dependence_view(trained: Trained, knobs: BeginKnobs) -> Drawing:
    """What it would write at each place, all asked at once; and what the places do not know."""
    data, module, places = trained.data, trained.module, trained.net.places
    begin = [int(each) for each in data.tokeniser.encode(knobs.prompt)][: places - 1]
    with torch.no_grad():
        logits = module(torch.from_numpy(blank(module, places, begin, 1)))[0, len(begin) :]
    chances = logits.softmax(-1)
    best = chances.topk(min(RANKS, chances.shape[1]), dim=1)
    yield None
    costs = yield from what_independence_costs(trained)
    tokens = best.indices.T.tolist()
    yield Heatmap(
        best.values.T.numpy(),
        x_title=N_("place"),
        y_title=N_("the likeliest, 2nd, 3rd, …"),
        value_title=N_("probability"),
        numbers=tuple(range(1, len(tokens) + 1)),
        column_numbers=tuple(range(len(begin) + 1, places + 1)),
        low=0.0,
        high=1.0,
        root=True,
        texts=tuple(tuple(data.tokeniser.piece(each) for each in row) for row in tokens),
        caption=N_(
            "Each column is what one place would write, asked at once with all others: each is "
            "sensible, and none knows what its neighbour takes. {costs}",
            costs=costs,
        ),
    )


def what_independence_costs(trained: Trained) -> Generator[None, None, str | Phrase]:
    """Nats per token of held-out text, all places at once and one after the other, in words."""
    data, module, places = trained.data, trained.module, trained.net.places
    tokens = torch.from_numpy(held_out_pieces(data, places, PIECES))
    if not len(tokens):
        return ""
    order = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
    rank = order.argsort(1)
    at_once, in_turn = 0.0, 0.0
    for number in range(places):
        hidden = rank >= number
        with torch.no_grad():
            logits = module(tokens.masked_fill(hidden, module.mask))
        log_p = -F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
        if number == 0:
            at_once = -float(log_p.mean())
        in_turn -= float(log_p.view(tokens.shape)[rank == number].mean())
        yield
    return N_(
        "Held-out text costs {at_once:.2f} nats per token all at once and {in_turn:.2f} one after "
        "the other in random order: the {rest:.2f} between is what the places know of each other.",
        at_once=at_once,
        in_turn=in_turn / places,
        rest=at_once - in_turn / places,
    )


@dataclass(frozen=True)
class RoundsKnobs(SampleKnobs):
    """How the texts are written whose faults are counted."""

    rounds: int = knob(
        24,
        N_("Most rounds"),
        low=1,
        high=256,
        live=True,
        help=N_("It is tried with 1, 2, 4, ... and with this many rounds."),
    )
    count: int = knob(
        32,
        N_("Texts"),
        low=1,
        high=256,
        live=True,
        help=N_("Texts that are written for each number of rounds."),
    )


KINDS = (
    N_("repeated words"),
    N_("unknown words"),
    N_("unseen neighbours"),
)


def rounds_view(trained: Trained, knobs: RoundsKnobs) -> Drawing:
    """How often something is wrong, as the number of rounds grows."""
    data, module, places = trained.data, trained.module, trained.net.places
    known = yield from known_of(data)
    usual = yield from held_out_faults(data, places)
    most = min(knobs.rounds, places)
    tried = sorted({*(2**n for n in range(most.bit_length())), most})
    begin = [int(each) for each in data.tokeniser.encode(knobs.prompt)]
    given = blank(module, places, begin, knobs.count)
    seeds = [(knobs.seed + number) % 2**31 for number in range(knobs.count)]
    found: list[Faults] = []
    for rounds in tried:
        tokens = yield from written(module, given, changed(knobs, {"rounds": rounds}), seeds)
        texts = [data.tokeniser.decode(each) for each in tokens]
        found.append(together(faults(each, known) for each in texts))
        yield rounds_curve(tried[: len(found)], found, usual, known, knobs.count)


def rounds_curve(
    tried: Sequence[int], found: Sequence[Faults], usual: Faults, known: Known, count: int
) -> Curve:
    """The shares, and those of held-out text as level lines beside them."""
    x = np.asarray(tried, np.float32)
    ends = np.asarray([tried[0], tried[-1]], np.float32)
    lines = []
    for kind, title in enumerate(KINDS if known.words else KINDS[:1]):
        shares = [100 * each.shares[kind] for each in found]
        lines.append(CurveLine(title, x, np.asarray(shares, np.float32)))
    for kind, title in enumerate(KINDS if known.words else ()):
        level = np.full(2, 100 * usual.shares[kind], np.float32)
        lines.append(CurveLine(N_("held-out: {kind}", kind=title), ends, level))
    first, last = found[0].shares, found[-1].shares
    caption = N_(
        "{count} texts each. Repeated words: {first:.1%} of them in {few} round, {last:.1%} in "
        "{many}; unknown words: {first_unknown:.0%} and {last_unknown:.0%}.",
        count=count,
        few=tried[0],
        many=tried[-1],
        first=first[0],
        last=last[0],
        first_unknown=first[1],
        last_unknown=last[1],
    )
    return Curve(
        tuple(lines),
        x_title=N_("rounds"),
        y_title=N_("%"),
        log_x=True,
        caption=caption if known.words else told(together(found), usual, known),
    )


@dataclass(frozen=True)
class UnmaskingKnobs(SampleKnobs):
    """How the text is written that is watched."""

    rounds: int = knob(
        8,
        N_("Rounds"),
        low=1,
        high=256,
        live=True,
        help=N_("1 writes all places at once. With more, it looks at what it wrote in between."),
    )
    order: str = knob(
        SUREST,
        N_("Order"),
        choices=ORDERS,
        live=True,
        help=N_("Which places are written first, where there are several rounds."),
    )


def unmasking_view(trained: Trained, knobs: UnmaskingKnobs) -> Drawing:
    """Round by round, which places are settled and how sure it was of them."""
    data, module, places = trained.data, trained.module, trained.net.places
    begin = [int(each) for each in data.tokeniser.encode(knobs.prompt)]
    given = blank(module, places, begin, 1)
    page = Page(trained, given[0])
    values, texts, marked = [], [], []
    for found in write(module, given, knobs, [knobs.seed]):
        page.see(found)
        there = page.tokens != module.mask
        values.append(np.where(there, page.probabilities, np.nan))
        texts.append(
            tuple(
                data.tokeniser.piece(int(each)) if stands else ""
                for each, stands in zip(page.tokens, there, strict=True)
            )
        )
        marked.append(found.fresh[0])
        yield None
    if not values:
        raise PlaygroundError(
            N_("the prompt fills all {places} places: a shorter one is accepted", places=places)
        )
    array = np.asarray(values, np.float32)
    array[:, : page.kept] = 1.0  # what is given is certain
    yield Heatmap(
        array,
        x_title=N_("place"),
        y_title=N_("round"),
        value_title=N_("probability when it was written"),
        numbers=tuple(range(1, len(values) + 1)),
        column_numbers=tuple(range(1, places + 1)),
        low=0.0,
        high=1.0,
        texts=tuple(texts),
        marked=np.asarray(marked),
        marked_title=N_("written in this round"),
        caption=N_(
            "Framed: written in this round, {order}. In all {count} places; on average it was "
            "{sure:.0%} sure of what it wrote.",
            order=knobs.order,
            count=places - page.kept,
            sure=float(np.nanmean(array[-1, page.kept :])),
        ),
    )


VIEWS = (
    View(
        "unmasking",
        N_("Unmasking"),
        N_("Round by round, which places are settled, and how sure it was of them."),
        unmasking_view,
        UnmaskingKnobs,
        every=3.0,
    ),
    View(
        "dependence",
        N_("Dependence"),
        N_("What it would write at each place, asked for all at once."),
        dependence_view,
        BeginKnobs,
        every=6.0,
    ),
    View(
        "rounds",
        N_("Rounds"),
        N_("Repeated and unknown words as the number of rounds grows, beside held-out text."),
        rounds_view,
        RoundsKnobs,
    ),
)


MODEL = Model(
    key="parallel-lm",
    title=N_("All at once (language model)"),
    summary=N_(
        "An encoder alone, which fills all places of a text at once: what goes wrong where no "
        "place knows what the others take."
    ),
    papers=(
        "Ghazvininejad et al. 2019, arXiv:1904.09324",
        "Gu et al. 2018, arXiv:1711.02281",
        "Chang et al. 2022, arXiv:2202.04200",
    ),
    accepts="text",
    data="conversations::bpe",
    net=NetKnobs,
    train=LearnKnobs,
    sample=SampleKnobs,
    watch=SampleKnobs(),
    presets=(
        Preset(
            "minute",
            N_("One minute"),
            N_("Sized and scheduled for a minute on one core."),
            NetKnobs(),
            with_defaults(LearnKnobs, steps=0, seconds=60.0, batch=32),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("Sized and scheduled for three minutes on one core."),
            NetKnobs(layers=4, head_width=24),
            with_defaults(LearnKnobs, steps=0, seconds=180.0, batch=32),
        ),
        Preset(
            "all-masked",
            N_("Only ever all at once"),
            N_("Never sees a half-written text, so that more rounds do not help it."),
            NetKnobs(),
            with_defaults(LearnKnobs, steps=0, seconds=60.0, batch=32, masking=ALL),
        ),
    ),
    build=build,
    optimise=optimise,
    batch=batch,
    step=step,
    evaluate=evaluate,
    sampler=sampler,
    views=VIEWS,
    check=check,
    units=language.units,
    curves=(
        Line("loss", N_("training")),
        Line("held_out", N_("held-out"), "points"),
        Line("at_once", N_("held-out, all at once"), "points"),
    ),
    health=(OVERFITTING, PLATEAU),
)

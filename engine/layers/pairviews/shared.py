"""What the views of pairs share: whose runs can be compared, what is translated, what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.data.pairs import MASK, UNKNOWN, Alphabet, PairData
from engine.family import Trained
from engine.knobs import knob
from engine.layers.teaching import same_data
from engine.layers.translating import Way, sources_of
from engine.phrases import N_, PlaygroundError

# --- whose runs

NAMES: Mapping[str, str] = {
    "draft-and-verify": N_("Hybrid"),
    "ar-translator": N_("AR"),
    "nat": N_("NAT"),
    "mask-predict": N_("Mask-Predict"),
    "lstm-translator": N_("LSTM"),
}
"""What the models of pairs are called for short, by key, in the order of the tab."""

EVERY_MODEL = tuple(NAMES)


def short(trained: Trained) -> str:
    """The name of its model in a word."""
    return NAMES.get(trained.model.key, trained.model.title)


def comparable(trained: Trained) -> tuple[Trained, ...]:
    """`trained` and those of its companions that learned from the same data."""
    others = (
        each
        for key, each in trained.companions.items()
        if key in EVERY_MODEL and same_data(each.data, trained.data)
    )
    return (trained, *others)


def absent(known: Sequence[Trained]) -> tuple[str, ...]:
    """Names of the models of pairs that are not among `known`."""
    there = {each.model.key for each in known}
    return tuple(name for key, name in NAMES.items() if key not in there)


def listed(names: Sequence[str]) -> str:
    """`names` with commas between them; each is still translated by itself."""
    text = names[0]
    for name in names[1:]:
        text = N_("{first}, {next}", first=text, next=name)
    return text


def sentences(*several: str) -> str:
    """Sentences one after the other, those that are empty left out."""
    said = [each for each in several if each]
    text = said[0] if said else ""
    for sentence in said[1:]:
        text = N_("{first} {next}", first=text, next=sentence)
    return text


def name_of(trained: Trained, way: Way, alone: bool) -> str:
    """How a way is called: by itself where it is of the only model, else with the model's name."""
    if alone:
        return way.title
    return N_("{model}: {way}", model=short(trained), way=way.title)


# --- which source


@dataclass(frozen=True)
class OfSource:
    """A source: one that was held out, or one's own."""

    source: str = knob(
        "",
        N_("Source"),
        live=True,
        help=N_("What to turn into a target. Empty takes one that was held out."),
    )
    seed: int = knob(
        1,
        N_("Seed"),
        low=0,
        high=2**31 - 1,
        live=True,
        help=N_("Which of the held-out sources."),
    )


class Chosen(NamedTuple):
    """A source and what is known of it.

    text: as it was typed or stands in the data. tokens: (1, S), as the network reads it.
    expected: all targets that the data have for it; () where they have none.
    remark: what else must be said of it, or "".
    """

    text: str
    tokens: Tensor
    expected: tuple[str, ...]
    remark: str = ""


def held_out(data: PairData, seed: int, count: int) -> tuple[str, ...]:
    """Up to `count` different held-out sources, in an order that `seed` gives.

    Raises `PlaygroundError` where the run was opened without its pairs.
    """
    known = tuple(data.references)
    if not known:
        raise PlaygroundError(
            N_(
                "the pairs that this model learned from are not there: type a source, or open "
                "the data again"
            )
        )
    order = np.random.default_rng(seed).permutation(len(known))[:count]
    return tuple(known[number] for number in order)


def chosen(data: PairData, knobs: OfSource) -> Chosen:
    """The source that `knobs` names. Raises `PlaygroundError` where there is none."""
    if not knobs.source:
        (text,) = held_out(data, knobs.seed, 1)
        return Chosen(text, sources_of(data, [text]), data.references[text])
    text = knobs.source
    return Chosen(text, sources_of(data, [text]), expected_of(data, text), remark_on(data, text))


def expected_of(data: PairData, source: str) -> tuple[str, ...]:
    """All targets that the data, in either part, have for `source`."""
    if source in data.references:
        return data.references[source]
    ids, rows = data.sources.encode(source), data.train.sources
    if not 0 < len(ids) <= rows.shape[1] or UNKNOWN in ids:
        return ()
    row = np.zeros(rows.shape[1], rows.dtype)
    row[: len(ids)] = ids
    found = data.train.targets[(rows == row).all(1)]
    return tuple(dict.fromkeys(data.targets.decode(target) for target in found))


def remark_on(data: PairData, source: str) -> str:
    """What must be said of a source that was typed: what the model cannot read of it."""
    known = set(data.sources.characters)
    strange = tuple(dict.fromkeys(each for each in source if each not in known))
    more = len(source) - data.longest[0]
    return sentences(
        N_(
            "Not in anything it learned from, so it reads □ instead: {characters}.",
            characters=" ".join(strange),
        )
        if strange
        else "",
        N_(
            "Longer than any source it learned from: only the first {count} characters are read.",
            count=data.longest[0],
        )
        if more > 0
        else "",
    )


# --- what was written


def ids_tensor(ids: Sequence[int]) -> Tensor:
    """One target as a batch, (1, T) int64."""
    return torch.tensor([list(ids)], dtype=torch.int64)


def pieces(alphabet: Alphabet, ids: Sequence[int]) -> tuple[str, ...]:
    """How each token reads in its place; "" where none is yet."""
    return tuple("" if each == MASK else alphabet.piece(each) for each in ids)


def nearest(output: str, expected: Sequence[str]) -> str:
    """That of `expected` (at least one) that `output` is most like."""
    return max(
        expected, key=lambda each: SequenceMatcher(None, each, output, autojunk=False).ratio()
    )


def marks(output: str, expected: str) -> tuple[tuple[int, int], ...]:
    """Ranges (first, end) of the characters of `output` that are not so in `expected`.

    What `expected` has and `output` lacks shows the other way round: ``marks(expected, output)``.
    """
    found = SequenceMatcher(None, expected, output, autojunk=False).get_opcodes()
    return tuple(
        (first, end) for kind, _, _, first, end in found if kind != "equal" and end > first
    )

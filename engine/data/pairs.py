"""Pairs to learn from: a source and its target, each a short text, read character by character.

Tokens are numbers. The first few say something about the text (where it begins and ends, that
something is masked or unknown), the others are the characters of an `Alphabet`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import wary
from engine.payloads import Cell, Table
from engine.phrases import N_

Tokens = NDArray[np.int32]

PAD, BEGIN, END, MASK, UNKNOWN = range(5)
"""Tokens that are no characters: nothing here, the text begins, it ends, masked, unknown."""
SPECIAL = 5
MOST_LONGEST = 1000  # characters
SIGNS = ("", "⊢", "⊣", "▒", "□")  # how these read where they are shown

_SHOWN = 12


@dataclass(frozen=True)
class Alphabet:
    """The characters of one side; character i is the token ``SPECIAL + i``."""

    characters: tuple[str, ...]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {each: SPECIAL + i for i, each in enumerate(self.characters)}

    @property
    def size(self) -> int:
        """How many tokens there are, the special ones among them."""
        return SPECIAL + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The tokens of `text`, without a beginning and an end; what it lacks is `UNKNOWN`."""
        return [self._numbers.get(each, UNKNOWN) for each in text]

    def piece(self, token: int) -> str:
        """How one token reads."""
        return self.characters[token - SPECIAL] if token >= SPECIAL else SIGNS[token]

    def decode(self, tokens: Sequence[int] | Tokens) -> str:
        """The text of `tokens`; padding, beginning and end are left out."""
        return "".join(self.piece(int(each)) for each in tokens if each not in (PAD, BEGIN, END))


class Part(NamedTuple):
    """Some pairs: `sources` (n, S) and `targets` (n, T) int32, padded with `PAD` at the end.

    Neither has a beginning or an end; whoever needs them puts them there.
    """

    sources: Tokens
    targets: Tokens


@dataclass(frozen=True, eq=False)
class PairData:
    """Pairs in two parts.

    key: its key in the catalogue, or the path of the own file.
    sources, targets: the characters of the two sides.
    train, held_out: the pairs, never written to; without rows in what `from_json` gives, which
        serves to build a model and to sample. No source of one is in the other.
    longest: tokens of the longest source and of the longest target.
    counts: pairs in the two parts. source_title, target_title: what the sides are called.
    taught: (n, T) what a teacher makes of the sources of `train`, in place of its targets; None
        where there is no teacher (see `Model.teach`).
    source: the own file, sha256: of it, else "". remark: what else must be known of its import.
    """

    key: str
    title: str
    sources: Alphabet
    targets: Alphabet
    train: Part
    held_out: Part
    longest: tuple[int, int]
    counts: tuple[int, int]
    source_title: str = ""
    target_title: str = ""
    credit: str = ""
    sha256: str = ""
    remark: str = ""
    source: Path | None = None
    taught: Tokens | None = None

    @property
    def kind(self) -> str:
        """What kind of data it is: "pairs"."""
        return "pairs"

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing."""
        train, held_out = self.counts
        facts: list[tuple[str, str]] = [
            (N_("Pairs"), N_("{count:,}", count=train + held_out)),
            (
                N_("Characters"),
                N_(
                    "{sources:,} in sources, {targets:,} in targets",
                    sources=len(self.sources.characters),
                    targets=len(self.targets.characters),
                ),
            ),
            (
                N_("Longest"),
                N_(
                    "{source} to {target} characters",
                    source=self.longest[0],
                    target=self.longest[1],
                ),
            ),
            (
                N_("Held out"),
                N_(
                    "{count:,} ({share:.0%})",
                    count=held_out,
                    share=held_out / max(1, train + held_out),
                ),
            ),
        ]
        if self.remark:
            facts.append((N_("Note"), self.remark))
        if self.source is not None:
            facts.append((N_("File"), str(self.source)))
        if self.credit:
            facts.append((N_("Credit"), self.credit))
        return tuple(facts)

    def preview(self) -> Table:
        """The first pairs to learn from."""
        rows = zip(self.train.sources[:_SHOWN], self.train.targets[:_SHOWN], strict=True)
        return Table(
            (self.source_title or N_("Source"), self.target_title or N_("Target")),
            tuple(
                (Cell(self.sources.decode(source)), Cell(self.targets.decode(target)))
                for source, target in rows
            ),
        )

    @cached_property
    def references(self) -> Mapping[str, tuple[str, ...]]:
        """Of each held-out source, all targets that it has in the data."""
        found: dict[str, list[str]] = {}
        for source, target in zip(self.held_out.sources, self.held_out.targets, strict=True):
            targets = found.setdefault(self.sources.decode(source), [])
            if (text := self.targets.decode(target)) not in targets:
                targets.append(text)
        return {source: tuple(targets) for source, targets in found.items()}

    def lesson(self, arrays: Mapping[str, NDArray[Any]]) -> "PairData":
        """The same with what a teacher made of the sources: `arrays` may have "taught".

        Raises `ValueError` where that are no targets for these sources.
        """
        taught = arrays.get("taught")
        if taught is None:
            return self
        fits = (
            taught.ndim == 2 and len(taught) == len(self.train.targets) and taught.dtype.kind == "i"
        )
        if not fits or taught.min(initial=0) < 0 or taught.max(initial=0) >= self.targets.size:
            raise ValueError("what the teacher wrote does not belong to this data")
        return replace(self, taught=np.asarray(taught, np.int32))

    def to_json(self) -> dict[str, Any]:
        """All but the pairs."""
        return {
            "kind": self.kind,
            "key": self.key,
            "title": str(self.title),
            "sources": list(self.sources.characters),
            "targets": list(self.targets.characters),
            "longest": list(self.longest),
            "counts": list(self.counts),
            "source_title": str(self.source_title),
            "target_title": str(self.target_title),
            "credit": str(self.credit),
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "PairData":
        """What `to_json` wrote, without pairs.

        Raises `ValueError`, `TypeError` or `KeyError` where that is damaged.
        """
        wary.texts(values, "key", "title", "source_title", "target_title", "credit", "sha256")
        nothing = Part(np.empty((0, 1), np.int32), np.empty((0, 1), np.int32))
        longest = [wary.whole(each, 1, MOST_LONGEST) for each in values["longest"]]
        counts = values["counts"]
        return PairData(
            values["key"],
            values["title"],
            Alphabet(tuple(str(each) for each in values["sources"])),
            Alphabet(tuple(str(each) for each in values["targets"])),
            nothing,
            nothing,
            (longest[0], longest[1]),
            (int(counts[0]), int(counts[1])),
            source_title=values["source_title"],
            target_title=values["target_title"],
            credit=values["credit"],
            source=None if values.get("source") is None else Path(values["source"]),
            sha256=values["sha256"],
        )


def padded(rows: Sequence[Sequence[int]], width: int = 0) -> Tokens:
    """`rows` below each other, (n, longest of them or `width`) int32, padded at the end."""
    size = max([width, 1, *(len(row) for row in rows)])
    array = np.full((len(rows), size), PAD, np.int32)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row
    return array


def paired(
    key: str,
    title: str,
    train: Sequence[tuple[str, str]],
    held_out: Sequence[tuple[str, str]],
    **more: Any,
) -> PairData:
    """Pairs of texts as data, in the two parts they come in. more: further fields.

    The alphabets are of the part to learn from alone: what else is held out is `UNKNOWN`.
    """
    sides = []
    for side in (0, 1):
        characters = sorted({each for pair in train for each in pair[side]})
        sides.append(Alphabet(tuple(characters)))
    every = [*train, *held_out]
    parts = []
    for pairs in (train, held_out):
        part = Part(*(padded([sides[i].encode(pair[i]) for pair in pairs]) for i in (0, 1)))
        for array in part:
            array.flags.writeable = False
        parts.append(part)
    return PairData(
        key,
        title,
        sides[0],
        sides[1],
        parts[0],
        parts[1],
        (max(len(pair[0]) for pair in every), max(len(pair[1]) for pair in every)),
        (len(train), len(held_out)),
        **more,
    )

"""Tokenisers: what goes in comes out again, and every piece can be read."""

import json
from collections.abc import Generator
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.tokenisers import (
    BPETokeniser,
    ByteTokeniser,
    CharTokeniser,
    Tokeniser,
    tokeniser_from_json,
)
from engine.phrases import PlaygroundError

T = TypeVar("T")
PROSE = "the cat sat on the mat, and the other cat — naïve, 猫 — sat on the hat.\n" * 40


def run(steps: Generator[Any, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value


BPE = run(BPETokeniser.trained([PROSE], 400))
ALL: list[Tokeniser] = [CharTokeniser(PROSE), ByteTokeniser(), BPE]


@settings(deadline=None)
@given(st.text())
def test_bytes_come_back(text: str) -> None:
    tokeniser = ByteTokeniser()
    ids = tokeniser.encode(text)
    assert ids.tolist() == list(text.encode())
    assert tokeniser.decode(ids) == text


@settings(deadline=None)
@given(st.text())
def test_byte_pairs_come_back(text: str) -> None:
    ids = BPE.encode(text)
    assert ids.dtype == np.int64
    assert BPE.decode(ids) == text


@settings(deadline=None)
@given(st.text(min_size=1))
def test_characters_come_back(text: str) -> None:
    tokeniser = CharTokeniser(text)
    ids = tokeniser.encode(text)
    assert len(ids) == len(text)
    assert tokeniser.decode(ids) == text
    assert "".join(tokeniser.piece(int(id)) for id in ids) == text
    assert tokeniser.size == len(set(text))


@settings(deadline=None)
@given(st.lists(st.integers(0, 255)))
def test_no_bytes_are_too_odd_to_read(ids: list[int]) -> None:
    assert ByteTokeniser().decode(ids) == bytes(ids).decode("utf-8", "replace")
    assert isinstance(BPE.decode(ids), str)


@pytest.mark.parametrize("tokeniser", ALL, ids=lambda each: each.kind)
def test_every_piece_can_be_read(tokeniser: Tokeniser) -> None:
    pieces = [tokeniser.piece(id) for id in range(tokeniser.size)]
    assert all(pieces)
    assert all(piece.isprintable() or "\n" in piece or "\t" in piece for piece in pieces)
    assert all(piece.isascii() for piece in pieces) or tokeniser.kind != "byte"


@pytest.mark.parametrize("tokeniser", ALL, ids=lambda each: each.kind)
def test_json_keeps_everything(tokeniser: Tokeniser) -> None:
    again = tokeniser_from_json(json.loads(json.dumps(tokeniser.to_json())))
    assert again.kind == tokeniser.kind
    assert again.to_json() == tokeniser.to_json()
    assert again.encode(PROSE).tolist() == tokeniser.encode(PROSE).tolist()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kind": "morse"},
        {"kind": "char"},
        {"kind": "char", "characters": 3},
        {"kind": "char", "characters": ""},
        {"kind": "bpe", "pieces": ["a"], "merges": []},
        {"kind": "bpe", "pieces": list(BPE.pieces), "merges": [["a", "nonsense"]]},
    ],
)
def test_damaged_json_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        tokeniser_from_json(values)


def test_an_unknown_character_is_named_beside_those_that_are_known() -> None:
    tokeniser = CharTokeniser("abc d\n")
    with pytest.raises(PlaygroundError) as caught:
        tokeniser.encode("abz漢zz")
    message = str(caught.value)
    assert "'z', '漢'" in message
    assert "\\n␣abcd" in message
    assert "6 characters" in message


def test_a_character_beyond_the_table_is_unknown_too() -> None:
    with pytest.raises(PlaygroundError, match="U0010ffff"):
        CharTokeniser("ab").encode("a\U0010ffff")


def test_half_a_surrogate_pair_does_not_crash() -> None:
    with pytest.raises(PlaygroundError, match="ud800"):
        CharTokeniser("ab").encode("a\ud800")
    assert ByteTokeniser().decode(ByteTokeniser().encode("a\ud800")) == "a?"
    assert BPE.decode(BPE.encode("a\ud800")) == "a?"


def test_a_byte_is_from_0_to_255() -> None:
    with pytest.raises(IndexError):
        ByteTokeniser().decode([256])


def test_frequent_pairs_become_tokens() -> None:
    assert BPE.size <= 400
    assert len(BPE.encode(PROSE)) < 0.3 * len(PROSE.encode())
    assert " the" in {BPE.piece(int(id)) for id in BPE.encode(" the cat")}


def test_the_same_text_gives_the_same_pairs() -> None:
    assert run(BPETokeniser.trained([PROSE], 400)).to_json() == BPE.to_json()


@pytest.mark.parametrize("size", [255, 65_537])
def test_vocabularies_have_bounds(size: int) -> None:
    with pytest.raises(PlaygroundError, match=f"{size}.*256 to 65536"):
        run(BPETokeniser.trained([PROSE], size))


def test_encoding_characters_is_fast() -> None:
    import time

    text = PROSE * 400  # 1.1 million characters
    tokeniser = CharTokeniser(text)
    begun = time.perf_counter()
    tokeniser.encode(text)
    assert time.perf_counter() - begun < 0.5  # a loop in Python takes longer on any machine

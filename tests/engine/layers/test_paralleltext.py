"""What is wrong with a text, counted on texts that can be counted by hand."""

import itertools
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from engine.data.text import TextData
from engine.layers.paralleltext import (
    LOOK,
    Faults,
    Known,
    faults,
    held_out_faults,
    held_out_pieces,
    known_of,
    pieces,
    together,
    told,
    words_of,
)
from tests.engine.small import sentences, text_data

KNOWN = Known(
    frozenset(("thank", "you", "many", "thanks")),
    frozenset((("thank", "you"), ("many", "thanks"))),
)


def drained(generator: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Faults()),
        ("Thank you", Faults(2, 1)),
        ("many thanks, many thanks", Faults(4, 3, unseen=1)),
        ("thank thanks", Faults(2, 1, unseen=1)),  # two right ones, mixed
        ("thank thank you", Faults(3, 2, repeated=1, unseen=1)),  # one twice
        ("thx you", Faults(2, 1, unknown=1, unseen=1)),
    ],
)
def test_faults_are_counted(text: str, expected: Faults) -> None:
    assert faults(text, KNOWN) == expected


def test_of_writing_without_spaces_each_character_is_a_word() -> None:
    assert words_of("三点 o'clock，三十分") == ["三", "点", "o", "clock", "三", "十", "分"]
    known = Known(frozenset("三点十分"), frozenset((("三", "十"), ("十", "分"))))
    assert faults("三三十分", known) == Faults(4, 3, repeated=1, unseen=1)


def test_counts_add_up_and_shares_are_of_what_there_is() -> None:
    both = together([Faults(3, 2, 1, 0, 1), Faults(1, 0, 0, 1, 0)])
    assert both == Faults(4, 2, 1, 1, 1)
    assert both.shares == (0.5, 0.25, 0.5)
    assert together([]) == Faults()
    assert Faults().shares == (0.0, 0.0, 0.0)


def test_what_the_text_knows_is_found_whole_across_the_slices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from engine.layers import paralleltext

    monkeypatch.setattr(paralleltext, "_AT_ONCE", 7)
    data = text_data(sentences(200))
    known = drained(known_of(data))
    text = data.tokeniser.decode(data.train)
    words = words_of(text)
    assert known.words == set(words)
    assert known.pairs == set(itertools.pairwise(words))
    assert drained(known_of(data)) is known


def test_of_held_out_text_the_same_is_counted() -> None:
    data = text_data(sentences(2000))
    places = 12
    count = min(200, len(data.held_out) // places)
    found = drained(held_out_faults(data, places))
    assert 3 * count <= found.words <= 4 * count
    # A piece is three words, each of ten by chance, so a tenth of its pairs are repetitions.
    assert found.repeated / found.pairs == pytest.approx(0.1, abs=0.05)
    assert found.unknown == found.unseen == 0


def test_a_piece_begins_where_the_next_line_does() -> None:
    data = text_data("ada bob\n\ncid eve fay gus\nida\n" * 10)
    text = data.tokeniser.decode(data.train)
    starts = np.arange(len(data.train) - 8 + 1)
    for start, piece in enumerate(pieces(data, data.train, starts, 8)):
        lines = [
            place
            for place in range(start + 1, min(start + LOOK * 8, len(text)))
            if text[place - 1] == "\n" != text[place] and place + 8 <= len(text)
        ]
        first = lines[0] if lines else start
        assert data.tokeniser.decode(piece) == text[first : first + 8]
    assert {
        text[:8] for text in map(data.tokeniser.decode, pieces(data, data.train, starts, 8))
    } >= {
        "ada bob\n",
        "cid eve ",
        "ida\nada ",
    }


def test_without_lines_a_piece_begins_anywhere() -> None:
    data = text_data("abcdefgh" * 50)
    starts = np.array([3, 100, 352])
    found = pieces(data, data.train, starts, 8)
    assert found.tolist() == [data.train[start : start + 8].tolist() for start in starts]


def test_pieces_of_held_out_text_are_spread_and_none_where_there_is_none() -> None:
    data = text_data(sentences(2000))
    found = held_out_pieces(data, 12, 5)
    assert found.shape == (5, 12)
    text = data.tokeniser.decode(data.held_out)
    places = [text.index(data.tokeniser.decode(piece)) for piece in found]
    assert places == sorted(places)
    assert places[0] < len(text) / 5 < 4 * len(text) / 5 < places[-1]
    assert held_out_pieces(TextData.from_json(data.to_json()), 12, 5).shape == (0, 12)


def test_it_is_told_beside_held_out_text_and_without_one_only_what_can_be() -> None:
    sample, usual = Faults(10, 9, 3, 2, 5), Faults(100, 50, 1, 10, 20)
    said = told(sample, usual, KNOWN)
    assert "Of 10 words 3 repeat" in said
    assert "2.0%" in said
    assert "2 are not in the text it learned from (10%)" in said
    assert "of 9 neighbours 5 never stand side by side there (40%)" in said
    nothing = Known(frozenset(), frozenset())
    assert "not here" in told(sample, Faults(), nothing)

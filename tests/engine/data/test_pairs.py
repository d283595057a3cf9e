"""Pairs as numbers and back."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.pairs import (
    BEGIN,
    END,
    MASK,
    PAD,
    SPECIAL,
    UNKNOWN,
    Alphabet,
    PairData,
    padded,
    paired,
)

TRAIN = [("ab", "X"), ("b", "XY"), ("ba", "Y")]
HELD_OUT = [("aa", "YY"), ("aa", "XZ"), ("aa", "YY")]


def data() -> PairData:
    return paired("k", "K", TRAIN, HELD_OUT, source_title="From", target_title="To", credit="me")


def test_characters_become_tokens_and_back() -> None:
    alphabet = Alphabet(("a", "b", "é"))
    assert alphabet.size == SPECIAL + 3
    tokens = alphabet.encode("béa")
    assert tokens == [SPECIAL + 1, SPECIAL + 2, SPECIAL]
    assert alphabet.decode([BEGIN, *tokens, END, PAD]) == "béa"


def test_what_is_unknown_and_what_is_masked_is_shown() -> None:
    alphabet = Alphabet(("a",))
    assert alphabet.encode("a?") == [SPECIAL, UNKNOWN]
    assert alphabet.decode([SPECIAL, UNKNOWN, MASK]) == "a□▒"


@pytest.mark.parametrize("token", range(SPECIAL + 2))
def test_every_token_can_be_shown(token: int) -> None:
    alphabet = Alphabet(("a", "b"))
    shown = alphabet.piece(token)
    assert (shown == "") == (token == PAD)
    if token >= SPECIAL:
        assert alphabet.encode(shown) == [token]
    else:
        assert shown not in alphabet.characters
    assert alphabet.decode([token]) == ("" if token in (PAD, BEGIN, END) else shown)


def test_numpy_tokens_are_tokens_too() -> None:
    assert Alphabet(("a",)).decode(np.array([SPECIAL, END, PAD], np.int32)) == "a"


def test_rows_are_padded_to_the_longest() -> None:
    assert padded([[7], [8, 9], []]).tolist() == [[7, PAD], [8, 9], [PAD, PAD]]
    assert padded([[7]], width=3).tolist() == [[7, PAD, PAD]]
    assert padded([]).shape == (0, 1)


def test_alphabets_are_of_the_part_to_learn_from_alone() -> None:
    found = data()
    assert found.sources.characters == ("a", "b")
    assert found.targets.characters == ("X", "Y")
    assert UNKNOWN in found.held_out.targets  # the Z
    assert found.counts == (3, 3)
    assert found.longest == (2, 2)
    with pytest.raises(ValueError, match="read-only"):
        found.train.sources[0, 0] = 1


def test_what_comes_in_comes_out_in_its_order() -> None:
    found = data()
    for part, pairs in ((found.train, TRAIN), (found.held_out, HELD_OUT)):
        read = [
            (found.sources.decode(one), found.targets.decode(other))
            for one, other in zip(*part, strict=True)
        ]
        assert read == [(one, other.replace("Z", "□")) for one, other in pairs]
        assert all(array.dtype == np.int32 for array in part)


def test_the_longest_counts_whichever_part_it_is_in() -> None:
    found = paired("k", "K", [("a", "XYX"), ("b", "Y")], [("abab", "X")])
    assert found.longest == (4, 3)
    assert found.train.sources.shape == (2, 1)


def test_each_held_out_source_has_all_its_targets_once() -> None:
    assert data().references == {"aa": ("YY", "X□")}


def test_all_but_the_pairs_survives_as_json() -> None:
    before = data()
    after = PairData.from_json(json.loads(json.dumps(before.to_json())))
    assert (after.sources, after.targets) == (before.sources, before.targets)
    assert (after.longest, after.counts) == (before.longest, before.counts)
    assert (after.source_title, after.target_title, after.credit) == ("From", "To", "me")
    assert len(after.train.sources) == len(after.held_out.targets) == 0
    assert after.references == {}
    assert after.to_json() == before.to_json()
    own = dataclasses.replace(before, source=Path("/some/where.csv"), sha256="0" * 64)
    again = PairData.from_json(json.loads(json.dumps(own.to_json())))
    assert (again.source, again.sha256) == (own.source, own.sha256)
    assert (before.source, after.source) == (None, None)


def test_damaged_json_is_refused() -> None:
    values = data().to_json()
    with pytest.raises(ValueError, match="0 is no whole number from 1"):
        PairData.from_json(values | {"longest": [0, 3]})
    with pytest.raises((KeyError, TypeError)):
        PairData.from_json({key: value for key, value in values.items() if key != "sources"})


def test_a_lesson_takes_the_place_of_nothing_but_is_there() -> None:
    before = data()
    assert before.lesson({}) is before
    after = before.lesson({"taught": np.array([[6], [5], [6]])})
    assert after.taught is not None
    assert after.taught.dtype == np.int32
    assert after.taught.tolist() == [[6], [5], [6]]
    assert after.train is before.train


@pytest.mark.parametrize(
    "taught",
    [
        np.array([[6], [5]]),  # of two sources, and there are three
        np.array([6, 5, 6]),
        np.array([[6], [7], [6]]),  # there is no such token
        np.array([[6], [-1], [6]]),
        np.array([[6.0], [5.0], [6.0]]),
    ],
    ids=["few", "flat", "unknown", "negative", "float"],
)
def test_a_lesson_of_other_data_is_refused(taught: Any) -> None:
    with pytest.raises(ValueError, match="does not belong to this data"):
        data().lesson({"taught": taught})


def test_it_is_told_and_previewed() -> None:
    told = dict(data().facts())
    assert told["Pairs"] == "6"
    assert told["Held out"] == "3 (50%)"
    preview = data().preview()
    assert preview.columns == ("From", "To")
    assert [[cell.text for cell in row] for row in preview.rows] == [list(each) for each in TRAIN]

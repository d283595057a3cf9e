"""Whose runs are compared, which source is taken, and what is marked as differing."""

import dataclasses
import itertools

import pytest
import torch

from engine.data.pairs import MASK, PAD, UNKNOWN, paired
from engine.layers.pairviews import shared
from engine.layers.pairviews.shared import OfSource, marks
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import DATA, MODELS, beside, formula, without_pairs
from tests.engine.small import pair_data

# --- whose runs


def test_the_models_are_called_by_a_word_of_their_titles() -> None:
    keys = [model.key for model in MODELS]
    assert keys, "there is no model of pairs"
    assert [key for key in shared.EVERY_MODEL if key in keys] == keys
    for model in MODELS:
        assert shared.NAMES[model.key].lower() in model.title.lower()


def test_only_runs_on_the_same_data_are_compared() -> None:
    elsewhere = dataclasses.replace(pair_data(60), key="elsewhere")
    letters = paired("small", "Small", [("a", "A"), ("b", "B")], [("ab", "BA")])
    own = formula()
    others = (
        formula(key="nat"),
        formula(elsewhere, "mask-predict"),
        formula(letters, "ar-translator"),
        formula(key="other run"),
    )
    found = shared.comparable(beside(own, *others))
    assert [each.model.key for each in found] == ["formula", "nat"]


def test_a_file_that_has_changed_since_is_other_data() -> None:
    """It may have learned from what is held out now."""
    before = dataclasses.replace(pair_data(60), sha256="0" * 64)
    after = dataclasses.replace(before, sha256="1" * 64)
    own = formula(after)
    found = shared.comparable(beside(own, formula(before, "nat"), formula(after, "mask-predict")))
    assert [each.model.key for each in found] == ["formula", "mask-predict"]


def test_what_is_not_there_is_named_in_the_order_of_the_tab() -> None:
    there = [formula(key="nat"), formula(key="draft-and-verify")]
    assert shared.absent(there) == ("AR", "Mask-Predict", "LSTM")
    assert shared.absent([formula(key=key) for key in shared.EVERY_MODEL]) == ()


def test_names_and_sentences_are_put_in_a_row() -> None:
    assert shared.listed(["one"]) == "one"
    assert shared.listed(["one", "two", "three"]) == "one, two, three"
    assert shared.sentences("", "One.", "", "Two.", "Three.") == "One. Two. Three."
    assert shared.sentences("", "") == ""


def test_a_way_is_called_by_its_model_too_where_there_are_several() -> None:
    trained = formula(key="nat")
    first, second, _ = trained.module.ways()
    assert shared.name_of(trained, first, alone=True) == "One by one"
    assert shared.name_of(trained, second, alone=False) == "NAT: At once"
    assert shared.name_of(formula(), second, alone=False) == "Formula: At once"


# --- which source


def test_held_out_sources_are_different_ones_in_an_order_of_the_seed() -> None:
    known = list(DATA.references)
    some = shared.held_out(DATA, 5, 4)
    assert len(set(some)) == 4
    assert set(some) <= set(known)
    assert shared.held_out(DATA, 5, 3) == some[:3]
    assert shared.held_out(DATA, 6, 4) != some
    assert sorted(shared.held_out(DATA, 5, 1000)) == sorted(known)


def test_a_held_out_source_comes_with_what_is_expected() -> None:
    source = shared.chosen(DATA, OfSource(seed=3))
    assert source.text == shared.held_out(DATA, 3, 1)[0]
    assert source.expected == (source.text[::-1].upper(),)
    assert source.tokens.tolist() == [DATA.sources.encode(source.text)]
    assert source.remark == ""


def test_a_typed_source_is_looked_up_in_both_parts() -> None:
    learned = DATA.sources.decode(DATA.train.sources[4])
    for text in (learned, shared.held_out(DATA, 1, 1)[0]):
        source = shared.chosen(DATA, OfSource(source=text, seed=9))
        assert (source.text, source.expected) == (text, (text[::-1].upper(),))
    assert shared.chosen(DATA, OfSource(source="aaaaa")).expected == ()
    # Of a source that is longer by a letter, the row in the data is only the beginning.
    assert shared.chosen(DATA, OfSource(source=learned + "aaaa")).expected == ()


def test_all_targets_of_a_source_that_was_learned_from_are_found() -> None:
    data = paired("two", "Two", [("ab", "B"), ("a", "A"), ("ab", "C"), ("ab", "B")], [("b", "B")])
    assert shared.expected_of(data, "ab") == ("B", "C")


def test_what_cannot_be_read_is_said() -> None:
    source = shared.chosen(DATA, OfSource(source="aXbY\u4e00X"))
    assert (source.tokens == UNKNOWN).tolist() == [[False, True, False, True, True]]
    assert "X Y \u4e00." in source.remark
    assert source.expected == ()
    long = shared.chosen(DATA, OfSource(source="abcabcabc"))
    assert long.tokens.shape == (1, DATA.longest[0])
    assert f"first {DATA.longest[0]} characters" in long.remark


def test_without_the_pairs_a_source_must_be_typed() -> None:
    data = without_pairs(formula()).data
    with pytest.raises(PlaygroundError, match="type a source"):
        shared.chosen(data, OfSource())
    source = shared.chosen(data, OfSource(source="abc"))
    assert (source.tokens != PAD).all()
    assert source.expected == ()


# --- what was written


def test_pieces_stand_in_their_places() -> None:
    a, b = DATA.targets.encode("AB")
    assert shared.pieces(DATA.targets, (a, MASK, b, UNKNOWN)) == ("A", "", "B", "□")
    assert torch.equal(shared.ids_tensor((a, b)), torch.tensor([[a, b]]))
    assert shared.ids_tensor(()).shape == (1, 0)


def test_the_nearest_of_several_targets_is_compared_with() -> None:
    assert shared.nearest("2003-05-01", ["1.5.2003", "2003-05-02"]) == "2003-05-02"
    assert shared.nearest("", ["A"]) == "A"


@pytest.mark.parametrize(
    ("output", "expected", "wanted"),
    [
        ("abc", "abc", ()),
        ("abXc", "abc", ((2, 3),)),
        ("abc", "abXc", ()),
        ("aXcY", "abcd", ((1, 2), (3, 4))),
        ("", "abc", ()),
        ("XY", "", ((0, 2),)),
    ],
)
def test_what_differs_is_marked(
    output: str, expected: str, wanted: tuple[tuple[int, int], ...]
) -> None:
    assert marks(output, expected) == wanted


def test_without_its_marks_an_output_is_a_part_of_what_is_expected() -> None:
    """So every difference is marked, on one side or the other."""
    texts = ["".join(each) for n in range(4) for each in itertools.product("ab", repeat=n)]
    for output, expected in itertools.product(texts, texts):
        kept = []
        for text, ranges in (
            (output, marks(output, expected)),
            (expected, marks(expected, output)),
        ):
            hidden = {place for first, end in ranges for place in range(first, end)}
            kept.append("".join(each for i, each in enumerate(text) if i not in hidden))
        rest = iter(expected)
        assert all(letter in rest for letter in kept[0])
        assert (marks(output, expected) == marks(expected, output) == ()) == (output == expected)

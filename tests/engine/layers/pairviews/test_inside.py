"""Confidence, attention, dependence and lengths against a formula that is known."""

import numpy as np
import pytest
import torch

from engine.data.pairs import MASK, SPECIAL
from engine.layers.pairviews import inside, shared
from engine.layers.pairviews.inside import Lengths
from engine.layers.translating import Step, Written
from engine.payloads import Bars, Heatmap, Heatmaps, Panels, Text
from tests.engine.layers.pairviews.models import (
    DATA,
    beside,
    draw,
    every_model,
    formula,
    made,
    without_pairs,
)

# --- confidence


def test_a_row_for_each_pass_and_a_triangle_where_one_follows_the_other() -> None:
    once, rounds, one = draw(formula(), "confidence", source="abcd").panels
    assert (one.values.shape, once.values.shape, rounds.values.shape) == ((5, 4), (1, 4), (2, 4))
    known = np.isfinite(one.values)
    assert np.array_equal(known, np.tril(np.ones((5, 4), np.bool_)))
    assert one.texts[1] == ("D", "C", "", "")
    assert one.texts[4] == ("D", "C", "B", "A")
    assert (once.values == 0.75).all()
    assert rounds.numbers == (1, 2)
    assert [each.title for each in (one, once, rounds)] == ["One by one", "At once", "2 rounds"]


def test_what_is_taken_back_has_a_frame() -> None:
    drawn = draw(formula(), "confidence", source="abcd", way=3)
    (rounds,) = drawn.panels
    assert np.argwhere(rounds.marked).tolist() == [[0, 3]]
    assert np.isnan(rounds.values[0, 3])
    assert np.isfinite(rounds.values[1]).all()
    assert "1 in all" in drawn.caption
    alone = draw(formula(), "confidence", source="abcd", way=2)
    assert "taken back" not in alone.caption


def test_the_ways_are_numbered_from_one_and_the_last_is_taken_beyond() -> None:
    titles = [draw(formula(), "confidence", way=way).panels[0].title for way in (1, 2, 3, 8)]
    assert titles == ["One by one", "At once", "2 rounds", "2 rounds"]
    assert len(draw(formula(), "confidence", way=0).panels) == 3


def test_a_place_that_is_empty_again_shows_what_stood_there() -> None:
    a, b = DATA.targets.encode("AB")
    nan = float("nan")
    first = Step(0.1, (a, b), (0.1, 0.2), (0, 1))
    back = Step(0.2, (b, MASK), (0.3, nan), (0,), (0, 1))
    drawn = inside.passes(DATA.targets, "", Written((b,), 2, steps=(first, back)))
    # A token has come to the first place at once, none yet to the second.
    assert drawn.texts == (("A", "B"), ("B", "B"))
    np.testing.assert_allclose(drawn.values, [[0.1, 0.2], [0.3, 0.2]], rtol=1e-6)


def test_a_target_that_changes_its_length_keeps_its_places() -> None:
    a, b = DATA.targets.encode("AB")
    steps = (Step(0.1, (a, b, a), (0.1, 0.2, 0.3), dropped=(1, 2)), Step(0.2, (b,), (0.4,)))
    drawn = inside.passes(DATA.targets, "", Written((b,), 2, steps=steps))
    np.testing.assert_allclose(drawn.values, [[0.1, 0.2, 0.3], [0.4, np.nan, np.nan]], rtol=1e-6)
    assert drawn.texts == (("A", "B", "A"), ("B", "", ""))
    there = [[bool(text) for text in row] for row in drawn.texts]
    assert np.isfinite(drawn.values).tolist() == there
    assert drawn.marked is not None
    assert drawn.marked.tolist() == [[False, True, True], [False, False, False]]
    empty = inside.passes(DATA.targets, "", Written((), 1, steps=(Step(0.1, (), ()),)))
    assert empty.values.shape == (1, 1)


# --- cross-attention


def test_attention_goes_from_the_target_to_the_source() -> None:
    drawn = draw(formula(), "cross-attention", source="abc")
    assert isinstance(drawn, Heatmaps)
    alike, exact = drawn.panels
    assert drawn.across == 2
    assert (exact.rows, exact.columns) == (("C", "B", "A"), ("a", "b", "c"))
    for row, column in np.argwhere(exact.values == 1):
        assert exact.rows[row] == exact.columns[column].upper()
    np.testing.assert_allclose(alike.values, 1 / 3, rtol=1e-6)
    assert (exact.low, exact.high) == (0.0, 1.0)
    assert [each.title for each in drawn.panels] == ["layer 1, head 1", "layer 1, head 2"]


def test_where_nothing_is_written_what_is_expected_is_looked_from() -> None:
    trained = formula()
    trained.module.target = lambda source: ()
    text = next(iter(DATA.references))
    assert draw(trained, "cross-attention", source=text).panels[0].rows == tuple(text[::-1].upper())
    for view in ("cross-attention", "mask"):
        nothing = draw(trained, view, source="aaaaa")
        assert isinstance(nothing, Text)
        assert "wrote nothing" in nothing.text


@every_model
def test_the_attention_of_every_model_adds_up_to_one(key: str) -> None:
    drawn = draw(made(key), "cross-attention", seed=2)
    source = shared.chosen(DATA, shared.OfSource(seed=2))
    assert {panel.columns for panel in drawn.panels} == {tuple(source.text)}
    for panel in drawn.panels:
        assert len(panel.rows) == len(panel.values)
        np.testing.assert_allclose(panel.values.sum(1), 1, rtol=1e-5)


# --- masks


def test_what_depends_on_what_is_a_share_of_the_largest() -> None:
    causal = formula(ahead=False)
    drawn = draw(beside(causal, formula(key="nat")), "mask", source="abcd")
    triangle, full = drawn.panels
    assert np.array_equal(triangle.values, np.tril(np.ones((4, 4))))
    assert np.array_equal(full.values, np.ones((4, 4)))
    assert triangle.title == "Formula: 10 of 16"
    assert full.title == "NAT: 16 of 16"
    assert triangle.rows == ("D", "C", "B", "A")


def test_what_is_tiny_is_not_nothing() -> None:
    trained = formula()
    gradients = torch.tensor([[1e30, 1e-30], [0.0, 1e30]])
    trained.module.dependence = lambda sources, targets: {"": gradients}
    source = shared.chosen(DATA, shared.OfSource(source="ab"))
    (found,) = inside.dependences_of(trained, source, (SPECIAL, SPECIAL))
    assert found.seen == 3
    assert (found.strength[0, 0], found.strength[1, 0]) == (1, 0)


@every_model
def test_a_dependence_is_what_changes_when_what_is_given_is_changed(key: str) -> None:
    panels = draw(made(key), "mask", seed=4).panels
    in_turn = {
        "ar-translator": (True,),
        "lstm-translator": (True,),
        "nat": (False,),
        "mask-predict": (False,),
        "draft-and-verify": (True, False),
    }
    for panel, causal in zip(panels, in_turn[key], strict=True):
        ahead = np.triu(panel.values, 1)
        if causal:
            assert not ahead.any()
            assert (panel.values[np.tril_indices(len(ahead))] > 0).all()
        else:
            assert (panel.values > 0).all()
        assert panel.values.max() == 1


# --- lengths


def test_the_likeliest_length_and_those_about_it() -> None:
    drawn = draw(formula(), "lengths", source="bcd")
    assert isinstance(drawn, Panels)
    bars, counts = drawn.panels
    assert isinstance(bars, Bars)
    assert isinstance(counts, Heatmap)
    assert bars.labels == tuple("0123456")  # there are no more
    rest = 100 / (np.exp(9.0) + 6)
    assert bars.values == pytest.approx([rest] * 3 + [rest * np.exp(9.0)] + [rest] * 3)
    assert "expects 3 tokens for bcd" in drawn.caption
    assert "Really" not in drawn.caption


def test_the_counts_are_of_all_held_out_pairs() -> None:
    drawn = draw(formula(), "lengths")
    _, counts = drawn.panels
    real = [len(source) for source in DATA.references]
    predicted = [len(source) + source.startswith("a") for source in DATA.references]
    assert counts.values.sum() == len(real)
    for row, name in enumerate(counts.rows):
        for column, other in enumerate(counts.columns):
            wanted = list(zip(real, predicted, strict=True)).count((int(name), int(other)))
            assert counts.values[row, column] == wanted
            assert counts.texts[row][column] == (str(wanted) if wanted else "")
    right = np.mean([a == b for a, b in zip(real, predicted, strict=True)])
    assert 0 < right < 1
    assert f"right in {right:.0%}, within one in 100%" in drawn.caption
    assert counts.title == f"Formula: {right:.0%} right"


def test_the_share_within_so_many_is_counted() -> None:
    found = Lengths(np.array([3, 3, 3, 3]), np.array([3, 4, 1, 2]))
    assert (found.within(0), found.within(1), found.within(2)) == (0.25, 0.75, 1.0)


def test_no_more_than_so_many_pairs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "PAIRS", 5)
    monkeypatch.setattr(inside, "TOGETHER", 3)
    _, counts = draw(formula(), "lengths").panels
    assert counts.values.sum() == 5


def test_a_model_that_needs_no_length_says_so_and_shows_those_of_others() -> None:
    alone = draw(formula(head=False), "lengths")
    assert isinstance(alone, Text)
    assert alone.text.startswith("Formula needs no length")
    others = (formula(key="nat"), formula(key="ar-translator", head=False))
    drawn = draw(beside(formula(head=False), *others), "lengths")
    assert [type(each) for each in drawn.panels] == [Bars, Heatmap]
    assert drawn.panels[1].title.startswith("NAT: ")
    assert "Formula needs no length" in drawn.caption
    both = draw(beside(formula(), *others), "lengths")
    assert [type(each) for each in both.panels] == [Bars, Heatmap, Heatmap]
    assert both.panels[2].title.startswith("NAT: ")
    assert "needs no length" not in both.caption


def test_without_the_pairs_only_the_typed_source_is_shown() -> None:
    (bars,) = draw(without_pairs(formula()), "lengths", source="abc").panels
    assert isinstance(bars, Bars)


@every_model
def test_the_lengths_of_every_model_are_a_distribution(key: str) -> None:
    trained = made(key)
    source = shared.chosen(DATA, shared.OfSource())
    logits = trained.module.length_logits(source.tokens)
    if logits is None:
        assert isinstance(draw(trained, "lengths"), Text)
        return
    assert logits.shape == (1, DATA.longest[1] + 1)
    bars = draw(trained, "lengths").panels[0]
    chances = logits[0].double().softmax(0)
    for label, value in zip(bars.labels, bars.values, strict=True):
        assert value == pytest.approx(100 * float(chances[int(label)]))
    assert max(bars.values) == pytest.approx(100 * float(chances.max()))

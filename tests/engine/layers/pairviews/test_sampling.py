"""What is written is set beside what the data have."""

import dataclasses
from typing import Any

import pytest
import torch

from engine.data.pairs import SPECIAL
from engine.layers.pairviews import sampling
from engine.layers.pairviews.sampling import TranslateKnobs, sampler
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import (
    DATA,
    every_model,
    formula,
    made,
    without_pairs,
)
from tests.engine.small import last


def texts(table: Any) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row) for row in table.rows]


def test_held_out_sources_are_written_and_compared() -> None:
    table = last(sampler(formula(), TranslateKnobs(count=5, seed=3), ()))
    assert len(set(texts(table))) == 5
    for source, output, expected in texts(table):
        assert source in DATA.references
        assert output == source[::-1].upper()
        assert expected == ""  # what is right need not stand there twice
    assert {row[1].tone for row in table.rows} == {"good"}
    assert not any(cell.marked for row in table.rows for cell in row)
    assert table.caption.startswith("5 of 5 exactly right")


def test_what_is_wrong_is_marked_and_counted() -> None:
    trained = formula()
    trained.module.wrong = (1,)
    table = last(sampler(trained, TranslateKnobs(count=12), ()))
    wrong = [row for row in table.rows if row[0].text[-2] != "a"]
    assert 0 < len(wrong) < 12
    for row in table.rows:
        assert row[2].text == (row[0].text[::-1].upper() if row in wrong else "")
        assert row[1].tone == ("bad" if row in wrong else "good")
        if row not in wrong:
            assert row[1].marked == ()
        else:  # the letter before or after it may be an A as well
            assert row[1].marked
            assert row[2].marked
    assert table.caption.startswith(f"{12 - len(wrong)} of 12 exactly right")


def test_any_of_several_targets_is_right() -> None:
    text = next(iter(DATA.references))
    trained = formula(dataclasses.replace(DATA))
    trained.data.__dict__["references"] = {text: ("Z", text[::-1].upper())}
    ((source, output, expected),) = last(sampler(trained, TranslateKnobs(), ())).rows
    assert source.text == text
    assert (output.text, output.tone, expected.text) == (text[::-1].upper(), "good", "")


def test_many_are_written_a_few_at_a_time_and_grow() -> None:
    count = sampling.TOGETHER + 3
    tables: list[Any] = [
        each for each in sampler(formula(), TranslateKnobs(count=count), ()) if each
    ]
    assert [len(each.rows) for each in tables] == [sampling.TOGETHER, count]
    assert tables[1].rows[: sampling.TOGETHER] == tables[0].rows


def test_of_a_typed_source_all_is_shown_with_its_score() -> None:
    table = last(sampler(formula(), TranslateKnobs(source="abcde"), ()))
    assert texts(table) == [("EDCBA", "-0.50"), ("EDCB", "-2.50"), ("", "-7.25")]
    assert [row[1].value for row in table.rows] == [-0.5, -2.5, -7.25]
    assert table.title == "abcde"
    assert "Expected" not in table.caption


def test_of_a_typed_source_that_is_known_what_is_expected_is_said() -> None:
    text = next(iter(DATA.references))
    table = last(sampler(formula(), TranslateKnobs(source=text), ()))
    assert [row[0].tone for row in table.rows] == ["good", "bad", "bad"]
    assert f"Expected: {text[::-1].upper()}." in table.caption


def test_what_cannot_be_read_is_said_and_no_crash() -> None:
    table = last(sampler(formula(), TranslateKnobs(source="a"), ()))
    assert "learned from" not in table.caption
    trained = formula()
    trained.module.wrong = (0, 1)  # what the formula does with a character it does not know
    table = last(sampler(trained, TranslateKnobs(source="ax?"), ()))
    assert "x ?" in table.caption
    assert table.rows[0][0].text == "AAA"
    assert DATA.targets.encode("A") == [SPECIAL]


def test_a_run_without_its_pairs_writes_what_is_typed() -> None:
    trained = without_pairs(formula())
    assert texts(last(sampler(trained, TranslateKnobs(source="ab"), ())))[0] == ("BA", "-0.50")
    with pytest.raises(PlaygroundError, match="type a source"):
        last(sampler(trained, TranslateKnobs(), ()))


@every_model
def test_every_model_samples_the_same_again(key: str) -> None:
    trained = made(key)
    for knobs in (trained.model.sample(count=3), trained.model.sample(source="cab")):
        first, again = (last(sampler(trained, knobs, ())) for _ in range(2))
        assert first == again
        for _ in sampler(trained, knobs, ()):
            assert torch.is_grad_enabled()

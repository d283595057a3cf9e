"""Measures against other computations of the same."""

import functools
import itertools
from typing import Any

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from engine.layers import scoring
from engine.layers.scoring import (
    batches,
    bleu,
    character_error_rate,
    chrf,
    edit_distance,
    errors_of,
    exact_match,
    measure,
    signatures,
    write_all,
)
from tests.engine.layers.pairviews.models import DATA, formula
from tests.engine.layers.test_paralleltext import drained

OUTPUTS = ["2025年5月3日", "1999年1月1日星期五", "", "2001年12月9日"]
WANTED = [["2025年5月3日"], ["1999年1月1日星期四"], ["一"], ["2001年2月9日", "2001/2/9"]]


@functools.cache
def by_definition(one: str, other: str) -> int:
    """Fewest changes, by trying the last character in all ways."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        by_definition(one[:-1], other) + 1,
        by_definition(one, other[:-1]) + 1,
        by_definition(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )


def test_edit_distance_of_all_short_words() -> None:
    words = ["".join(each) for n in range(5) for each in itertools.product("ab", repeat=n)]
    for one, other in itertools.product(words, words):
        assert edit_distance(one, other) == by_definition(one, other)


def test_exact_match_takes_any_of_the_right_ones() -> None:
    assert exact_match(OUTPUTS, WANTED) == 0.25
    assert exact_match(["b"], [["a", "b"]]) == 1.0


def test_errors_are_of_the_nearest() -> None:
    assert errors_of("2001/2/8", WANTED[3]) == (1, 8)
    assert errors_of("2001年2月9日", WANTED[3]) == (0, 9)
    assert character_error_rate(OUTPUTS, WANTED) == pytest.approx(
        (0 + 1 + 1 + 1) / (9 + 12 + 1 + 9)
    )


@pytest.mark.parametrize("outputs", [OUTPUTS, [each[0] for each in WANTED]])
def test_bleu_and_chrf_are_those_of_sacrebleu(outputs: list[str]) -> None:
    streams: Any = [[each[0] for each in WANTED], [each[-1] for each in WANTED]]
    first = BLEU(tokenize="char", effective_order=True).corpus_score(outputs, streams).score
    assert bleu(outputs, WANTED) == pytest.approx(first, abs=0.5)
    assert chrf(outputs, WANTED) == pytest.approx(CHRF().corpus_score(outputs, streams).score)


def test_with_one_reference_bleu_is_exactly_that_of_sacrebleu() -> None:
    one = [each[:1] for each in WANTED]
    stream: Any = [[each[0] for each in one]]
    wanted = BLEU(tokenize="char").corpus_score(OUTPUTS, stream).score
    assert bleu(OUTPUTS, one) == pytest.approx(wanted)
    assert bleu([each[0] for each in one], one) == pytest.approx(100)
    chrf_signature, bleu_signature = signatures(one)
    assert "tok:char" in bleu_signature
    assert "nrefs:1" in chrf_signature
    assert "nrefs:var" in signatures(WANTED)[1]


def test_the_last_batch_is_filled_up_from_the_front() -> None:
    assert batches(["a", "b", "c"], 2) == [["a", "b"], ["c", "a"]]
    assert batches(["a"], 3) == [["a", "a", "a"]]


def test_all_are_written_once_and_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "TOGETHER", 4)
    sources = list(DATA.references)[:10]
    way = formula().module.ways()[0]
    outputs, passes, _seconds = drained(write_all(way, DATA, sources))
    assert outputs == [each[::-1].upper() for each in sources]
    assert passes == [len(each) + 1 for each in sources]


def test_a_way_is_measured() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    sources = list(DATA.references)
    found = drained(measure(trained.module.ways()[0], DATA, sources))
    wrong = [each for each in sources if each[-1] != "a"]
    assert found.exact == pytest.approx(1 - len(wrong) / len(sources))
    assert found.error_rate == pytest.approx(len(wrong) / sum(map(len, sources)))
    assert found.passes == pytest.approx(sum(len(each) + 1 for each in sources) / len(sources))
    assert found.alone > 0
    assert found.together > 0

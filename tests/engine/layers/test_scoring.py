"""Measures against other computations of the same."""

import functools
import itertools
import math
import random
from collections import Counter
from typing import Any

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from torch import Tensor

from engine.layers import scoring
from engine.layers.scoring import (
    ALONE,
    TOGETHER,
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
from engine.layers.translating import Way, Written
from tests.engine.layers.pairviews.models import DATA, formula
from tests.engine.layers.test_paralleltext import drained
from tests.engine.small import pair_data

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


@pytest.mark.parametrize("seed", range(20))
def test_edit_distance_of_longer_words(seed: int) -> None:
    drawn = random.Random(seed)
    one = "".join(drawn.choices("年月日12", k=drawn.randint(0, 30)))
    other = list(one)
    for _ in range(changes := drawn.randint(0, 6)):
        place = drawn.randint(0, len(other))
        other[place : place + drawn.randint(0, 1)] = drawn.choices(
            "年月日12x", k=drawn.randint(0, 1)
        )
    text = "".join(other)
    found = edit_distance(one, text)
    assert found == edit_distance(text, one) == by_definition(one, text) <= changes


def test_exact_match_takes_any_of_the_right_ones() -> None:
    assert exact_match(OUTPUTS, WANTED) == 0.25
    assert exact_match(["b"], [["a", "b"]]) == 1.0


def test_errors_are_of_the_nearest() -> None:
    assert errors_of("2001/2/8", WANTED[3]) == (1, 8)
    assert errors_of("2001年2月9日", WANTED[3]) == (0, 9)
    assert character_error_rate(OUTPUTS, WANTED) == pytest.approx(
        (0 + 1 + 1 + 1) / (9 + 12 + 1 + 9)
    )


def many(seed: int, most: int) -> tuple[list[str], list[list[str]]]:
    """Outputs, some of them right or nearly, and up to so many references of each."""
    drawn = random.Random(seed)
    outputs, wanted = [], []
    for _ in range(12):
        right = [
            "".join(drawn.choices("abc 年月", k=drawn.randint(1, 15)))
            for _ in range(drawn.randint(1, most))
        ]
        output = list(drawn.choice(right))
        output[drawn.randrange(len(output))] = drawn.choice(["", "a", "x", "xy"])
        outputs.append("".join(output))
        wanted.append(right)
    return outputs, wanted


texts = pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        (OUTPUTS, WANTED),
        ([each[-1] for each in WANTED], WANTED),
        (OUTPUTS, [each[:1] for each in WANTED]),
        *(many(seed, most) for seed in range(4) for most in (1, 2, 4)),
    ],
)


def streams(wanted: list[list[str]]) -> Any:
    """As many references of each: the first stands there again where there are fewer, which
    changes neither measure."""
    most = max(map(len, wanted))
    return [[each[n] if n < len(each) else each[0] for each in wanted] for n in range(most)]


@texts
def test_bleu_and_chrf_are_those_of_sacrebleu(outputs: list[str], wanted: list[list[str]]) -> None:
    theirs = BLEU(tokenize="char", force=True).corpus_score(outputs, streams(wanted))
    assert bleu(outputs, wanted) == pytest.approx(theirs.score)
    theirs = CHRF().corpus_score(outputs, streams(wanted))
    assert chrf(outputs, wanted) == pytest.approx(theirs.score)


@texts
def test_bleu_is_what_the_paper_says(outputs: list[str], wanted: list[list[str]]) -> None:
    """Papineni et al. 2002, sections 2.1 to 2.3."""

    def length_of(text: str) -> int:
        return len("".join(text.split()))

    def grams(text: str, n: int) -> Counter[str]:
        text = "".join(text.split())
        return Counter(text[first : first + n] for first in range(len(text) - n + 1))

    product, size, nearest = 1.0, 0, 0
    for output, right in zip(outputs, wanted, strict=True):
        size += (own := length_of(output))
        # The nearest in length; of two that are as near, the shorter.
        nearest += min((abs(length_of(each) - own), length_of(each)) for each in right)[1]
    for n in (1, 2, 3, 4):
        found = there = 0
        for output, right in zip(outputs, wanted, strict=True):
            most: Counter[str] = Counter()
            for each in right:
                most |= grams(each, n)
            found += (grams(output, n) & most).total()
            there += grams(output, n).total()
        product *= found / there
    brevity = min(1.0, math.exp(1 - nearest / size))
    assert bleu(outputs, wanted) == pytest.approx(100 * brevity * product**0.25)


def test_of_texts_too_short_for_four_characters_the_others_count() -> None:
    assert bleu(["一", "二三"], [["一"], ["二三"]]) == pytest.approx(100)
    assert bleu(["", ""], [["一"], ["二三"]]) == chrf(["", ""], [["一"], ["二三"]]) == 0


def test_signatures_say_how_it_was_computed() -> None:
    chrf_signature, bleu_signature = signatures([each[:1] for each in WANTED])
    assert "tok:char" in bleu_signature
    assert "nrefs:1" in chrf_signature
    assert "nrefs:2" in signatures([["a", "b"], ["c", "d"]])[0]
    assert "nrefs:var" in signatures(WANTED)[1]


def test_the_last_batch_is_filled_up_from_the_front() -> None:
    assert batches(["a", "b", "c"], 2) == [["a", "b"], ["c", "a"]]
    assert batches(["a"], 3) == [["a", "a", "a"]]


MANY = pair_data(500)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 100])
def test_all_are_written_once_and_in_their_order(count: int) -> None:
    sources = list(MANY.references)[:count]
    way = formula(MANY).module.ways()[0]
    outputs, passes, seconds = drained(write_all(way, MANY, sources))
    assert outputs == [each[::-1].upper() for each in sources]
    assert passes == [len(each) + 1 for each in sources]
    assert len(seconds) == math.ceil(count / TOGETHER)
    assert all(each > 0 for each in seconds)


def test_a_way_is_measured() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    sources = list(DATA.references)
    found = drained(measure(trained.module.ways()[0], DATA, sources))
    wrong = [each for each in sources if each[-1] != "a"]
    assert found.exact == pytest.approx(1 - len(wrong) / len(sources))
    assert found.error_rate == pytest.approx(len(wrong) / sum(map(len, sources)))
    assert found.passes == pytest.approx(sum(len(each) + 1 for each in sources) / len(sources))
    assert found.outputs == tuple("A" + each[::-1].upper()[1:] for each in sources)
    wanted = [DATA.references[each] for each in sources]
    assert found.bleu == pytest.approx(bleu(found.outputs, wanted))
    assert found.chrf == pytest.approx(chrf(found.outputs, wanted))
    assert found.alone > 0
    assert found.together > 0


def test_times_are_medians_without_the_first_and_for_one_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = list(MANY.references)
    plain: Way = formula(MANY).module.ways()[0]
    now, sizes = 0.0, list[int]()

    def write(tokens: Tensor, watch: bool) -> list[Written]:
        nonlocal now
        sizes.append(len(tokens))
        alone = sizes.count(1)
        # The first takes long; then 1, 2, 3 ... seconds, and 320 for each batch but the last.
        slow = 1e6 if len(sizes) == 1 else alone - 1.0
        now += slow if len(tokens) == 1 else 320.0 if sizes.count(TOGETHER) < 4 else 1e6
        return plain.write(tokens, watch)

    monkeypatch.setattr(scoring, "perf_counter", lambda: now)
    found = drained(measure(Way("slow", "Slow", "Slow", write), MANY, sources))
    assert sizes == [1] * (1 + ALONE) + [TOGETHER] * 4
    assert found.alone == (ALONE + 1) / 2
    assert found.together == 320 / TOGETHER

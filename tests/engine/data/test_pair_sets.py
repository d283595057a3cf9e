"""Dates, numbers and pinyin, read again by rules of our own."""

import datetime
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from engine.data import pair_sets
from engine.data.pair_sets import ISO, LOCALES

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
SHORT = [each[:3] for each in MONTHS]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
HANZI = "一二三四五六日"
KANJI = "月火水木金土日"


def drained(making: Any) -> Any:
    while True:
        try:
            next(making)
        except StopIteration as end:
            return end.value


def english(text: str) -> tuple[datetime.date, str]:
    """The day and the weekday (or "") of an English date, by a rule of its own."""
    weekday = next((each for each in WEEKDAYS if text.startswith(each)), "")
    rest = text.removeprefix(weekday).strip(", ").replace(",", "").split()
    if rest[0].isdigit():
        day, month, year = rest
    else:
        month, day, year = rest
    number = 1 + (MONTHS.index(month) if month in MONTHS else SHORT.index(month))
    return datetime.date(int(year), number, int(day)), weekday


def eastern(text: str, days: str) -> tuple[datetime.date, str]:
    """The same of a Chinese or Japanese date."""
    year, month, day = (int(each) for each in re.findall(r"\d+", text)[:3])
    name = re.search(r"星期(.)|(.)曜日", text)
    index = -1 if name is None else days.index(name.group(1) or name.group(2))
    return datetime.date(year, month, day), "" if index < 0 else WEEKDAYS[index]


READERS: dict[str, Callable[[str], tuple[datetime.date, str]]] = {
    "en": english,
    "zh": lambda text: eastern(text, HANZI),
    "ja": lambda text: eastern(text, KANJI),
    ISO: lambda text: (datetime.date.fromisoformat(text), ""),
}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_sets, "DAYS", 300)
    monkeypatch.setattr(pair_sets, "HELD_OUT_DAYS", 60)
    monkeypatch.setattr(pair_sets, "NUMBERS", 300)
    monkeypatch.setattr(pair_sets, "HELD_OUT_NUMBERS", 60)


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(READERS, 2)])
def test_both_sides_are_the_same_day(source: str, target: str) -> None:
    train, held_out = drained(pair_sets.dates(source, target))
    assert (len(train), len(held_out)) == (300, 60)
    for one, other in (*train, *held_out):
        (day, weekday), (same, its) = READERS[source](one), READERS[target](other)
        assert day == same, (one, other)
        # A weekday that is named is the right one, and the target names it where the source does.
        for name in (weekday, its):
            assert name in ("", WEEKDAYS[day.weekday()])
        if ISO not in (source, target):
            assert bool(weekday) == bool(its)


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(LOCALES, 2)])
@pytest.mark.parametrize("forms", ["one", "any"])
def test_no_day_that_is_held_out_is_learned_from(source: str, target: str, forms: str) -> None:
    train, held_out = drained(pair_sets.dates(source, target, forms))
    assert not {one for one, _ in train} & {one for one, _ in held_out}
    assert not {other for _, other in train} & {other for _, other in held_out}
    by_source: dict[str, set[str]] = {}
    for one, other in held_out:
        by_source.setdefault(one, set()).add(other)
    most = max(map(len, by_source.values()))
    assert (most > 1) == (forms == "any" and target not in (ISO,))


def test_two_days_are_never_written_alike() -> None:
    """Or a source would have two targets that are really different days."""
    days = [pair_sets.FIRST + datetime.timedelta(days=31 * n) for n in range(800)]
    for language in LOCALES:
        patterns = (*pair_sets._WITH_WEEKDAY[language], *pair_sets._WITHOUT[language])
        for pattern in patterns:
            texts = {pair_sets.written(day, pattern, language) for day in days}
            if "yy" not in pattern.replace("y" * 4, ""):
                assert len(texts) == len(days), (language, pattern)


def test_the_same_is_made_each_time() -> None:
    assert drained(pair_sets.dates("de", "fr")) == drained(pair_sets.dates("de", "fr"))
    assert drained(pair_sets.numbers("en")) == drained(pair_sets.numbers("en"))


SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def value_of(words: str) -> int:
    """A number in English words, added up."""
    total = part = 0
    for word in re.findall(r"[a-z]+", words):
        if word in SMALL:
            part += SMALL.index(word)
        elif word in TENS:
            part += 10 * TENS.index(word)
        elif word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = total + 1000 * part, 0
        else:
            assert word == "and", word
    return total + part


def test_numbers_are_what_their_words_say() -> None:
    train, held_out = drained(pair_sets.numbers("en"))
    assert [int(one) for one, _ in train[:100]] == list(range(100))
    assert (len(train), len(held_out)) == (300, 60)
    for one, other in (*train, *held_out):
        assert value_of(other) == int(one)
    assert not {one for one, _ in train} & {one for one, _ in held_out}


@pytest.mark.parametrize("language", pair_sets.LANGUAGES)
def test_no_two_numbers_have_the_same_words(language: str) -> None:
    pairs = [pair for part in drained(pair_sets.numbers(language)) for pair in part]
    assert len({other for _, other in pairs}) == len(pairs)


def test_each_hanzi_has_a_syllable_and_a_tenth_is_held_out() -> None:
    train, held_out = drained(pair_sets.pinyin())
    assert len(held_out) == pytest.approx((len(train) + len(held_out)) / 10, abs=1)
    for phrase, spoken in (*train[::50], *held_out[::10]):
        assert len(spoken.split(" ")) == len(phrase) <= pair_sets.LONGEST_PHRASE
        assert re.fullmatch(r"[\u3400-\u9fff]+", phrase)
        assert not re.search(r"[\u3400-\u9fff\d]", spoken)
    assert ("银行", "yín háng") in {*train, *held_out}

"""Dates, numbers and pinyin, read again by rules of our own."""

import datetime
import itertools
import re
from typing import Any

import pytest

from engine.data import pair_sets
from engine.data.pair_sets import ISO, LOCALES

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
MONTHS = {language: names.split() for language, names in _MONTHS.items()}
_WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "zh": "星期一 星期二 星期三 星期四 星期五 星期六 星期日",
    "ja": "月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日",
    ISO: "",
}
WEEKDAYS = {language: names.split() for language, names in _WEEKDAYS.items()}


def drained(making: Any) -> Any:
    while True:
        try:
            next(making)
        except StopIteration as end:
            return end.value


def day_of(text: str, language: str) -> datetime.date:
    """The day that a text means, by rules of its own."""
    numbers = [int(each) for each in re.findall(r"\d+", text)]
    if language in ("zh", "ja", ISO):
        return datetime.date(*numbers)
    if len(numbers) == 3:
        return datetime.date(*reversed(numbers))
    (month,) = (
        number
        for number, name in enumerate(MONTHS[language], start=1)
        if name in text.split() or (language == "en" and name[:3] in text.split())
    )
    return datetime.date(numbers[1], month, numbers[0])


def has_weekday(text: str, language: str) -> bool:
    return any(text.startswith(each) or text.endswith(each) for each in WEEKDAYS[language])


def right(day: datetime.date, language: str, weekday: bool) -> set[str]:
    """All forms in which a day may be written, put together by hand."""
    d, m, y = day.day, day.month, day.year
    name = MONTHS[language][m - 1] if language in MONTHS else ""
    week = WEEKDAYS[language][day.weekday()] if WEEKDAYS[language] else ""
    if weekday and week:
        return {
            "en": {f"{week}, {d} {name} {y}", f"{week}, {name} {d}, {y}"},
            "de": {f"{week}, {d}. {name} {y}"},
            "fr": {f"{week} {d} {name} {y}"},
            "zh": {f"{y}年{m}月{d}日{week}"},
            "ja": {f"{y}年{m}月{d}日{week}"},
        }[language]
    return {
        "en": {f"{d} {name} {y}", f"{name} {d}, {y}", f"{name[:3]} {d}, {y}"},
        "de": {f"{d}. {name} {y}", f"{d:02}.{m:02}.{y}"},
        "fr": {f"{d} {name} {y}", f"{d:02}/{m:02}/{y}"},
        "zh": {f"{y}年{m}月{d}日", f"{y}/{m}/{d}"},
        "ja": {f"{y}年{m}月{d}日", f"{y}/{m:02}/{d:02}"},
        ISO: {f"{y}-{m:02}-{d:02}"},
    }[language]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_sets, "DAYS", 300)
    monkeypatch.setattr(pair_sets, "HELD_OUT_DAYS", 60)
    monkeypatch.setattr(pair_sets, "NUMBERS", 300)
    monkeypatch.setattr(pair_sets, "HELD_OUT_NUMBERS", 60)


every_pair = pytest.mark.parametrize(("source", "target"), [*itertools.permutations(LOCALES, 2)])


def sides(pairs: list[tuple[str, str]], source: str, target: str) -> set[datetime.date]:
    """The days of `pairs`, of which each is sure to be right on both sides."""
    days = set()
    for one, other in pairs:
        day, weekday = day_of(one, source), has_weekday(one, source)
        assert one in right(day, source, weekday)
        assert other in right(day, target, weekday), (one, other)
        days.add(day)
    return days


@every_pair
@pytest.mark.parametrize("forms", ["one", "any"])
def test_both_sides_are_the_same_day_and_none_that_is_held_out_is_learned_from(
    source: str, target: str, forms: str
) -> None:
    train, held_out = drained(pair_sets.dates(source, target, forms))
    learned, kept = sides(train, source, target), sides(held_out, source, target)
    assert (len(train), len(learned), len(kept)) == (300, 300, 60)
    assert not learned & kept
    assert min(learned | kept) >= pair_sets.FIRST
    assert max(learned | kept) <= pair_sets.LAST
    assert len({*held_out}) == len(held_out)
    assert {has_weekday(one, source) for one, _ in train} == {
        False,
        source != ISO,
    }


@every_pair
def test_with_any_form_a_held_out_day_has_all_that_are_right(source: str, target: str) -> None:
    train, held_out = drained(pair_sets.dates(source, target, "any"))
    targets: dict[str, set[str]] = {}
    for one, other in held_out:
        targets.setdefault(one, set()).add(other)
    for one, found in targets.items():
        assert found == right(day_of(one, source), target, has_weekday(one, source))
    assert max(map(len, targets.values())) == {"en": 3, ISO: 1}.get(target, 2)
    # What is learned from shows each of them too, one for a day.
    plain = [other for one, other in train if not has_weekday(one, source)]
    digits = [re.fullmatch(r"[\d./-]+", other) is not None for other in plain]
    assert {*digits} == ({True, False} if target not in ("en", ISO) else {target == ISO})


@every_pair
def test_with_one_form_a_source_has_one_target_and_all_look_alike(source: str, target: str) -> None:
    parts = drained(pair_sets.dates(source, target))
    assert len(parts[1]) == 60
    patterns = set()
    for one, other in (*parts[0], *parts[1]):
        shape = re.sub(r"\d+", "0", other)
        for each in (*WEEKDAYS[target], *MONTHS.get(target, [])):
            shape = shape.replace(each, "w")
        patterns.add((has_weekday(one, source), shape))
    assert len(patterns) == (1 if ISO in (source, target) else 2) + (target == ISO != source)


def test_two_days_are_never_written_alike() -> None:
    """Or a source would have two targets that are really different days."""
    year = [datetime.date(2000, 1, 1) + datetime.timedelta(days=n) for n in range(366)]
    others = [pair_sets.FIRST + datetime.timedelta(days=373 * n) for n in range(98)]
    for language in LOCALES:
        meant: dict[str, set[datetime.date]] = {}
        for pattern in (*pair_sets._WITH_WEEKDAY[language], *pair_sets._WITHOUT[language]):
            for day in {*year, *others}:
                text = pair_sets.written(day, pattern, language)
                assert text in right(day, language, pattern in pair_sets._WITH_WEEKDAY[language])
                meant.setdefault(text, set()).add(day)
        assert all(len(days) == 1 for days in meant.values())


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


DIGITS = "零一二三四五六七八九"


def kanji_value(words: str) -> int:
    """A number in Japanese characters, which have names for ten thousands."""
    total = part = digit = 0
    for each in words:
        if each in DIGITS:
            digit = DIGITS.index(each)
        elif each == "万":
            total, part, digit = total + 10_000 * (part + digit), 0, 0
        else:
            part, digit = part + max(1, digit) * {"十": 10, "百": 100, "千": 1000}[each], 0
    return total + part + digit


def test_numbers_are_what_their_words_say_in_japanese() -> None:
    for part in drained(pair_sets.numbers("ja")):
        for one, other in part:
            assert kanji_value(other) == int(one)


@pytest.mark.parametrize("language", pair_sets.LANGUAGES)
def test_of_each_length_there_are_numbers_in_both_parts(language: str) -> None:
    for part in drained(pair_sets.numbers(language)):
        assert {3, 4, 5, 6} <= {len(one) for one, _ in part} <= {1, 2, 3, 4, 5, 6}
        assert len({one for one, _ in part}) == len(part)
        letters = {each for _, words in part for each in words if not each.isalpha()}
        assert letters <= {" ", ",", "-"}  # as they are on a keyboard


@pytest.mark.parametrize("language", pair_sets.LANGUAGES)
def test_no_two_numbers_have_the_same_words(language: str) -> None:
    pairs = [pair for part in drained(pair_sets.numbers(language)) for pair in part]
    assert len({other for _, other in pairs}) == len(pairs)


def test_each_hanzi_has_a_syllable_and_a_tenth_is_held_out() -> None:
    train, held_out = drained(pair_sets.pinyin())
    assert len(held_out) == pytest.approx((len(train) + len(held_out)) / 10, abs=1)
    assert not {one for one, _ in train} & {one for one, _ in held_out}
    for phrase, spoken in (*train[::5], *held_out):
        assert len(spoken.split(" ")) == len(phrase) <= pair_sets.LONGEST_PHRASE
        assert re.fullmatch(r"[\u3400-\u9fff]+", phrase)
        assert not re.search(r"[\u3400-\u9fff\d]", spoken)
    assert ("银行", "yín háng") in {*train, *held_out}

"""Pairs that are computed or come with a package: dates, numbers in words, hanzi and pinyin.

Each function yields ``None`` at safe points and returns the pairs to learn from and those held
out. The same arguments always give the same pairs.
"""

import datetime
import re
import unicodedata
from collections.abc import Generator
from typing import TypeAlias

import numpy as np

Texts: TypeAlias = list[tuple[str, str]]
Making: TypeAlias = Generator[None, None, tuple[Texts, Texts]]

_SEED = 20_261_124
_EVERY = 500  # pairs between two safe points

FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
DAYS = 24_000
HELD_OUT_DAYS = 2_000

ISO = "iso"
LOCALES = ("en", "zh", "de", "fr", "ja", ISO)
DATE_FORMS = ("one", "any")
LANGUAGES = ("en", "de", "fr", "ja")

_WITH_WEEKDAY = {
    "en": ("EEEE, d MMMM y", "EEEE, MMMM d, y"),
    "zh": ("y年M月d日EEEE",),
    "de": ("EEEE, d. MMMM y",),
    "fr": ("EEEE d MMMM y",),
    "ja": ("y年M月d日EEEE",),
    ISO: (),
}
_WITHOUT = {
    "en": ("d MMMM y", "MMMM d, y", "MMM d, y"),
    "zh": ("y年M月d日", "y/M/d"),
    "de": ("d. MMMM y", "dd.MM.y"),
    "fr": ("d MMMM y", "dd/MM/y"),
    "ja": ("y年M月d日", "y/MM/dd"),
    ISO: ("y-MM-dd",),
}
"""How dates are written, as patterns of the Unicode standard (UTS #35); in each language no two
dates are written the same way."""


def dates(source: str, target: str, forms: str = "one") -> Making:
    """The same day in two languages (`LOCALES`).

    The source is in any of its language's forms. The target has the weekday where the source
    has it; with `forms` "one" it is always in the first form of its language, with "any" in one
    drawn at random, so that most sources have several right targets: of a day that is held out
    all of them are there. No day that is held out is among those to learn from.
    """
    random = np.random.default_rng(_SEED)
    count = (LAST - FIRST).days + 1
    order = random.permutation(count)
    held_out, train = order[:HELD_OUT_DAYS], order[HELD_OUT_DAYS:]
    drawn = random.choice(train, DAYS, replace=len(train) < DAYS)
    parts: list[Texts] = []
    for part, days in enumerate((drawn, held_out)):
        pairs: Texts = []
        for number, offset in enumerate(days):
            day = FIRST + datetime.timedelta(days=int(offset))
            own = [*_WITH_WEEKDAY[source], *_WITHOUT[source]]
            pick = int(random.integers(len(own)))
            weekday = pick < len(_WITH_WEEKDAY[source])
            possible = (weekday and _WITH_WEEKDAY[target]) or _WITHOUT[target]
            text = written(day, own[pick], source)
            if forms == "one":
                chosen = possible[:1]
            elif part == 0:
                chosen = (possible[int(random.integers(len(possible)))],)
            else:
                chosen = possible
            # Some forms are the same for some days: "May" is as short as it is long.
            texts = dict.fromkeys(written(day, form, target) for form in chosen)
            pairs += [(text, each) for each in texts]
            if number % _EVERY == 0:
                yield
        parts.append(pairs)
    return parts[0], parts[1]


def written(day: datetime.date, pattern: str, language: str) -> str:
    """`day` in that pattern and language."""
    from babel.dates import format_date

    return format_date(day, pattern, locale="en" if language == ISO else language)


NUMBERS = 20_000
HELD_OUT_NUMBERS = 2_000
BIGGEST = 999_999


def numbers(language: str) -> Making:
    """Numbers from 0 to 999,999 and their names; all up to 99 are to be learned from."""
    from num2words import num2words

    random = np.random.default_rng(_SEED)
    found: set[int] = set(range(100))
    while len(found) < NUMBERS + HELD_OUT_NUMBERS:
        # As many of each length as there are; small ones would else hardly be seen.
        size = int(random.integers(3, 7))
        found.add(int(random.integers(10 ** (size - 1), 10**size)))
    large = random.permutation(sorted(found)[100:])
    texts: list[Texts] = [[], []]
    parts = ([*range(100), *large[HELD_OUT_NUMBERS:].tolist()], large[:HELD_OUT_NUMBERS].tolist())
    for part, values in enumerate(parts):
        for number, value in enumerate(values):
            # Hyphens that cannot break, and such, are written as those on a keyboard.
            words = unicodedata.normalize("NFKC", num2words(value, lang=language))
            texts[part].append((str(value), words))
            if number % _EVERY == 0:
                yield
    return texts[0], texts[1]


LONGEST_PHRASE = 8


def pinyin() -> Making:
    """Phrases of Chinese characters and how they are spoken, with tones; a tenth is held out."""
    from pypinyin.phrases_dict import phrases_dict

    han = re.compile(r"[\u3400-\u9fff]+")
    found: Texts = []
    for number, (phrase, spoken) in enumerate(sorted(phrases_dict.items())):
        if len(phrase) <= LONGEST_PHRASE and han.fullmatch(phrase):
            syllables = [unicodedata.normalize("NFC", each[0]) for each in spoken]
            found.append((phrase, " ".join(syllables)))
        if number % _EVERY == 0:
            yield
    order = np.random.default_rng(_SEED).permutation(len(found))
    cut = len(found) // 10
    return [found[i] for i in order[cut:]], [found[i] for i in order[:cut]]

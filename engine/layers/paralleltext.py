"""What is wrong with a text whose words were chosen without each other: counted, not guessed.

Three counts tell a jumble from a text. A word that repeats the one before it; a word that the
training text does not have; and two neighbours that never stand side by side there, which is
what is left where a word is missing or is one too many. Real text has some of each as well, so
the counts mean something only beside those of held-out text that was cut just the same.
"""

import itertools
import re
import weakref
from collections.abc import Generator, Iterable, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.text import TextData
from engine.phrases import N_, Phrase, PlaygroundError

MOST = 500_000  # tokens of the training text that are looked through
WINDOWS = 200  # pieces of held-out text that are counted
LOOK = 4  # a line begins within so many times the length of a piece, or not at all
_AT_ONCE = 1 << 14  # tokens between two safe points

# A word is a run of letters and digits; where writing has no spaces, each character is one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


class Known(NamedTuple):
    """The words of the training text, and which of them stand side by side in it."""

    words: Set[str]
    pairs: Set[tuple[str, str]]


class Faults(NamedTuple):
    """Of so many `words` with so many neighbours (`pairs`), how many are not as they should be.

    repeated: words that repeat the one before. unknown: words that the training text has not.
    unseen: neighbours that never stand side by side in it.
    """

    words: int = 0
    pairs: int = 0
    repeated: int = 0
    unknown: int = 0
    unseen: int = 0

    @property
    def shares(self) -> tuple[float, float, float]:
        """Repeated, unknown and unseen, each in [0, 1]; 0 where there are no words."""
        words, pairs = max(1, self.words), max(1, self.pairs)
        return self.repeated / pairs, self.unknown / words, self.unseen / pairs


def words_of(text: str) -> list[str]:
    """The words of `text`, in lower case.

    >>> words_of("It's 3 o'clock, 三点。")
    ['it', 's', '3', 'o', 'clock', '三', '点']
    """
    return _WORD.findall(text.lower())


def faults(text: str, known: Known) -> Faults:
    """What is wrong with `text`."""
    found = words_of(text)
    pairs = list(itertools.pairwise(found))
    return Faults(
        words=len(found),
        pairs=len(pairs),
        repeated=sum(first == second for first, second in pairs),
        unknown=sum(word not in known.words for word in found),
        unseen=sum(pair not in known.pairs for pair in pairs),
    )


def together(each: Iterable[Faults]) -> Faults:
    """The counts of several texts, added."""
    return Faults(*np.sum([Faults(), *each], axis=0).tolist())


_KNOWN: "weakref.WeakKeyDictionary[TextData, Known]" = weakref.WeakKeyDictionary()


def known_of(data: TextData) -> Generator[None, None, Known]:
    """What the training text of `data` knows; found once. Empty where the text is gone."""
    if data not in _KNOWN:
        words: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        rest = ""
        before: list[str] = []  # the last word so far
        for first in range(0, min(len(data.train), MOST), _AT_ONCE):
            part = data.tokeniser.decode(data.train[first : min(first + _AT_ONCE, MOST)])
            rest = (rest + part).lower()
            # The last word may go on in the next part.
            *whole, last = [match.span() for match in _WORD.finditer(rest)] or [(0, 0)]
            found = [*before, *(rest[begin:end] for begin, end in whole)]
            words.update(found)
            pairs.update(itertools.pairwise(found))
            rest, before = rest[last[0] :], found[-1:]
            yield
        found = [*before, *words_of(rest)]
        words.update(found)
        pairs.update(itertools.pairwise(found))
        _KNOWN[data] = Known(words, pairs)
    return _KNOWN[data]


def pieces(
    data: TextData, part: NDArray[Any], starts: NDArray[np.int64], places: int
) -> NDArray[np.int64]:
    """Pieces (n, places) of a `part` of the text, each from where the next line after its start
    (n,) begins; from the start itself where no line begins within `LOOK` pieces, or too late.

    So that the places differ: cut anywhere, all of them would expect the same.
    """
    try:
        end = int(data.tokeniser.encode(data.separator)[-1])
    except PlaygroundError:  # the text is one long line
        end = -1
    final = len(part) - places
    ends = part[np.minimum(starts[:, None] + np.arange(LOOK * places), final)] == end
    begins = ends[:, :-1] & ~ends[:, 1:]  # the token after this one is the first of a line
    first = np.where(begins.any(1), starts + begins.argmax(1) + 1, starts)
    first = np.where(first <= final, first, starts)
    found: NDArray[np.int64] = part[first[:, None] + np.arange(places)].astype(np.int64)
    return found


def held_out_pieces(data: TextData, places: int, most: int) -> NDArray[np.int64]:
    """Up to `most` pieces of the held-out text, evenly spread; none where the text is gone."""
    count = min(most, len(data.held_out) // places)
    if not count:
        return np.empty((0, places), np.int64)
    starts = np.linspace(0, len(data.held_out) - places, count).astype(np.int64)
    return pieces(data, data.held_out, starts, places)


def held_out_faults(data: TextData, places: int) -> Generator[None, None, Faults]:
    """What is wrong, by the same counts, with up to `WINDOWS` pieces of held-out text; all 0 where
    the text is gone."""
    known = yield from known_of(data)
    found = []
    for piece in held_out_pieces(data, places, WINDOWS):
        text = data.tokeniser.decode(piece)
        found.append(faults(text, known))
        yield
    return together(found)


def told(sample: Faults, data: Faults, known: Known) -> Phrase:
    """The counts of a sample in words, beside those of held-out text."""
    if not known.words:
        return N_(
            "{repeated} of {words} words repeat the one before. The text it learned from is not "
            "here, so nothing more can be counted.",
            repeated=sample.repeated,
            words=sample.words,
        )
    repeated, unknown, unseen = data.shares
    return N_(
        "Of {words} words {repeated} repeat the one before (in held-out text {as_repeated:.1%}), "
        "{unknown} are not in the text it learned from ({as_unknown:.0%}); of {pairs} neighbours "
        "{unseen} never stand side by side there ({as_unseen:.0%}).",
        words=sample.words,
        repeated=sample.repeated,
        as_repeated=repeated,
        unknown=sample.unknown,
        as_unknown=unknown,
        pairs=sample.pairs,
        unseen=sample.unseen,
        as_unseen=unseen,
    )

"""How good and how fast what was written is: measures on held-out sources.

    exact match = share of outputs that are one of their references
    CER = sum of edit distances to the nearest reference / sum of the lengths of these
    BLEU = brevity penalty * (p_1 p_2 p_3 p_4)^(1/4)     p_n: share of n-grams that a reference has
    chrF = F_2 of character n-grams, n = 1 ... 6

BLEU's n-grams are of characters here, not of words: the texts are short, and not all languages
have spaces. Both come from sacrebleu, as papers report them.

BLEU: Papineni et al. 2002; chrF: Popovic 2015; sacrebleu: Post 2018, arXiv:1804.08771.
"""

import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import torch

from engine.data.pairs import PairData
from engine.layers.translating import Way, sources_of

References: TypeAlias = Sequence[Sequence[str]]
"""For each output, all that would be right (one at least)."""

TOGETHER = 32  # sources in a batch
ALONE = 32  # sources, at most, that are written one by one for their times


# --- how good


def exact_match(outputs: Sequence[str], references: References) -> float:
    """The share, in [0, 1], of `outputs` that are right to the last character."""
    pairs = zip(outputs, references, strict=True)
    return statistics.fmean(output in right for output, right in pairs)


def edit_distance(one: str, other: str) -> int:
    """Fewest characters to put in, take out or exchange to make `one` into `other`.

    Row by row: d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [one_i != other_j]).
    """
    above = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b)))
        above = row
    return above[-1]


def errors_of(output: str, right: Sequence[str]) -> tuple[int, int]:
    """The edit distance to the nearest of `right`, and how long that is."""
    if output in right:
        return 0, len(output)
    return min((edit_distance(output, each), len(each)) for each in right)


def character_error_rate(outputs: Sequence[str], references: References) -> float:
    """Errors for each character that there should be (CER): 0 is best, and it can pass 1."""
    pairs = zip(outputs, references, strict=True)
    return error_rate([errors_of(output, right) for output, right in pairs])


def error_rate(found: Sequence[tuple[int, int]]) -> float:
    """The same from what `errors_of` found."""
    return sum(errors for errors, _ in found) / max(1, sum(length for _, length in found))


def bleu(outputs: Sequence[str], references: References) -> float:
    """Character BLEU of all outputs together, in [0, 100]."""
    return float(_bleu().corpus_score(list(outputs), _streams(references)).score)


def chrf(outputs: Sequence[str], references: References) -> float:
    """chrF of all outputs together, in [0, 100]."""
    return float(_chrf().corpus_score(list(outputs), _streams(references)).score)


def signatures(references: References) -> tuple[str, str]:
    """How `chrf` and `bleu` were computed, in the words that sacrebleu has for papers."""
    # Only how many references there are counts, so one output of each number will do.
    some = list({len(each): each for each in references}.values())
    found = []
    for metric in (_chrf(), _bleu()):
        metric.corpus_score([each[0] for each in some], _streams(some))
        found.append(str(metric.get_signature()))
    return found[0], found[1]


def _streams(references: References) -> list[list[str | None]]:
    """As sacrebleu wants them: the first of each, the second of each, ...; None where missing."""
    most = max(len(each) for each in references)
    return [[each[n] if n < len(each) else None for each in references] for n in range(most)]


def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU  # only where it is needed: a start is not to wait

    # `effective_order`: where no text has four characters, longer n-grams than there are do not
    # count; else it changes nothing. `force` only silences a warning about spaces.
    return BLEU(tokenize="char", effective_order=True, force=True)


def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


# --- and how fast


@dataclass(frozen=True)
class Measured:
    """What a way to write came to.

    exact, error_rate: shares. chrf, bleu: in [0, 100].
    alone, together: seconds for a source, written by itself and in a batch of `TOGETHER`; the
    median. passes: of the decoder for a source, the mean. outputs: what was written.
    """

    exact: float
    chrf: float
    bleu: float
    error_rate: float
    alone: float
    together: float
    passes: float
    outputs: tuple[str, ...]


def batches(sources: Sequence[str], size: int = TOGETHER) -> list[list[str]]:
    """`sources` in lists of `size`; the last is filled up from the front, round and round."""
    return [
        [sources[(first + n) % len(sources)] for n in range(size)]
        for first in range(0, len(sources), size)
    ]


def write_all(
    way: Way, data: PairData, sources: Sequence[str]
) -> Generator[None, None, tuple[list[str], list[int], list[float]]]:
    """What `way` makes of each source, its passes, and the seconds that each batch took."""
    outputs: list[str] = []
    passes: list[int] = []
    seconds = []
    for some in batches(sources):
        tokens = sources_of(data, some)
        begun = perf_counter()
        written = way.write(tokens, False)
        seconds.append(perf_counter() - begun)
        outputs += [data.targets.decode(each.ids) for each in written]
        passes += [each.passes for each in written]
        yield
    return outputs[: len(sources)], passes[: len(sources)], seconds


@torch.no_grad()
def measure(way: Way, data: PairData, sources: Sequence[str]) -> Generator[None, None, Measured]:
    """Write the targets of held-out `sources` (different ones) and see how good and fast it is.

    The quality is of all of them, written in batches. The times are of the first `ALONE` of
    them, one by one, and of the batches. What is written first, to warm up, is not timed.
    """
    references = [data.references[each] for each in sources]
    alone = []
    for source in [sources[0], *sources[:ALONE]]:
        tokens = sources_of(data, [source])
        begun = perf_counter()
        way.write(tokens, False)
        alone.append(perf_counter() - begun)
        yield
    outputs, passes, together = yield from write_all(way, data, sources)
    errors = []
    for output, right in zip(outputs, references, strict=True):
        errors.append(errors_of(output, right))
        if len(errors) % TOGETHER == 0:
            yield
    similar = chrf(outputs, references)
    yield
    return Measured(
        exact_match(outputs, references),
        similar,
        bleu(outputs, references),
        error_rate(errors),
        statistics.median(alone[1:]),
        statistics.median(together) / TOGETHER,
        statistics.fmean(passes),
        tuple(outputs),
    )

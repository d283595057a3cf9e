"""Listening: what is said where there is nothing to hear."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine.layers.tunes import TuneKnobs, listen
from engine.payloads import Sound, Tokens
from engine.phrases import PlaygroundError

TUNE = "L:1/8\nK:D\nABc d2e | fed cBA | ABc d2e | d6 |"


def trained(text: str, data: str) -> Any:
    """What a view sees of a model that learned from `data` and last wrote `text`."""
    nothing = tuple(() for _ in text)
    sample = Tokens(tuple(range(len(text))), tuple(text), (0.5,) * len(text), nothing, 0)
    return SimpleNamespace(sample=sample, data=SimpleNamespace(key=data))


def heard(text: str, data: str, abc: str = "") -> Sound:
    (sound,) = [each for each in listen(trained(text, data), TuneKnobs(abc)) if each is not None]
    assert isinstance(sound, Sound)
    return sound


@pytest.mark.parametrize(
    ("text", "data", "abc", "words"),
    [
        ("def f(x):", "python", "", "train on Folk tunes, generate, then listen"),
        ("def f(x):", "tunes", "", "not a tune yet"),
        ("def f(x):", "python", "neither is this", "not a tune yet"),
        ("", "tunes", "", "no sample yet"),
    ],
)
def test_why_nothing_is_heard(text: str, data: str, abc: str, words: str) -> None:
    with pytest.raises(PlaygroundError, match=words):
        heard(text, data, abc)


def test_a_tune_is_heard_whatever_the_data() -> None:
    assert len(heard(TUNE, "own.abc").samples)
    assert len(heard("no tune", "python", TUNE).samples)

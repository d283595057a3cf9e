"""engine/phrases.py: sentences that can be translated after they were made."""

import copy
import pickle

import pytest

from engine.phrases import N_, Phrase, PlaygroundError


def test_a_phrase_is_its_english_sentence_and_remembers_its_parts() -> None:
    phrase = N_("stopped at step {step}, {share:.1%} done", step=12, share=0.5)
    assert phrase == "stopped at step 12, 50.0% done"
    assert isinstance(phrase, str)
    assert phrase.template == "stopped at step {step}, {share:.1%} done"
    assert phrase.values == {"step": 12, "share": 0.5}


def test_a_translation_is_filled_with_the_same_values() -> None:
    phrase = N_("{name} cannot be {value!r}", name="steps", value="many")
    german = "{value!r} passt nicht zu {name}"
    assert german.format(**phrase.values) == "'many' passt nicht zu steps"


def test_without_values_braces_are_plain_text() -> None:
    phrase = N_("write {name} or 100 % {")
    assert phrase == phrase.template == "write {name} or 100 % {"
    assert phrase.values == {}


def test_braces_in_a_value_are_plain_text() -> None:
    assert N_("no file {path}", path="/tmp/{x}.txt") == "no file /tmp/{x}.txt"


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_is_still_a_phrase(way: object) -> None:
    assert callable(way)
    phrase = N_("step {step}", step=3)
    again = way(phrase)
    assert type(again) is Phrase
    assert (again, again.template, again.values) == (phrase, phrase.template, phrase.values)


def test_an_error_carries_its_phrase() -> None:
    phrase = N_("no {thing}", thing="disk")
    error = PlaygroundError(phrase)
    assert str(error) == "no disk"
    assert error.phrase is phrase

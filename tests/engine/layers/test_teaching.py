"""engine/layers/teaching.py: every source is translated, by a teacher of the same data."""

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.pairs import PAD, PairData, paired
from engine.events import Progress
from engine.families import ar_translator
from engine.family import Model, Trained
from engine.layers import teaching
from engine.layers.teaching import LearnerKnobs, same_data, teach
from engine.layers.translating import TranslatorKnobs, Way, Written, as_batch
from engine.phrases import PlaygroundError
from tests.engine.small import pair_data, randomise

DATA = pair_data()
DISTIL = LearnerKnobs(distil=True)


class Backwards:
    """Writes the letters of the source backwards, but nothing for those in `silent`."""

    def __init__(self, data: PairData, silent: tuple[str, ...] = ()) -> None:
        self.data = data
        self.silent = silent
        self.asked: list[int] = []

    def ways(self) -> tuple[Way, ...]:
        def refuse(sources: Tensor, watch: bool) -> list[Written]:
            raise AssertionError("the plain way is the first")

        return Way("plain", "Plain", "Plain", self.write), Way("more", "More", "More", refuse)

    def write(self, sources: Tensor, watch: bool) -> list[Written]:
        assert not watch
        self.asked.append(len(sources))
        found = []
        for row in sources.tolist():
            ids = tuple(token for token in row[::-1] if token != PAD)
            spoken = self.data.sources.decode(row) not in self.silent
            found.append(Written(ids if spoken else (), 1))
        return found


def teacher(module: Any, data: PairData = DATA, step: int = 5) -> dict[str, Trained]:
    model = cast(Model, SimpleNamespace(key=teaching.TEACHER))
    return {teaching.TEACHER: Trained(module, None, None, data, step, model)}


def taught(
    companions: dict[str, Trained], data: PairData = DATA, train: LearnerKnobs = DISTIL
) -> tuple[dict[str, Any], list[Progress]]:
    """What comes of it, and what was told on the way."""
    told: list[Progress] = []
    working = teach(data, TranslatorKnobs(), train, companions)
    while True:
        try:
            progress = next(working)
        except StopIteration as stop:
            return dict(stop.value), told
        assert progress is not None
        told.append(progress)


def test_every_source_is_written_anew() -> None:
    module = Backwards(DATA)
    arrays, told = taught(teacher(module))
    assert list(arrays) == ["taught"]
    assert arrays["taught"].dtype == np.int32
    # In `pair_data` that is right, and both alphabets are in the same order.
    np.testing.assert_array_equal(arrays["taught"], DATA.train.targets)
    assert sum(module.asked) == len(DATA.train.sources) == 192
    assert max(module.asked) == teaching.CHUNK
    assert [each.step for each in told] == [32, 64, 96, 128, 160, 192]
    assert [each.done for each in told] == pytest.approx([n / 6 for n in range(1, 7)])
    assert told[-1].seconds_left == 0
    assert all(each.note == "the teacher translates 192 sources" for each in told)


def test_rows_keep_their_places_where_the_last_chunk_is_smaller() -> None:
    words = [("ab", "BA"), ("a", "A"), ("abc", "CBA")] * 15
    data = paired("words", "Words", words, [("b", "B")])
    arrays, _ = taught(teacher(Backwards(data), data), data)
    np.testing.assert_array_equal(arrays["taught"], data.train.targets)


def test_where_it_says_nothing_the_target_of_the_data_stays() -> None:
    words = [("ab", "A"), ("ba", "BB"), ("aab", "AB")]
    data = paired("words", "Words", words, [("b", "B")])
    arrays, _ = taught(teacher(Backwards(data, silent=("ba",)), data), data)
    said = [data.targets.decode(row) for row in arrays["taught"]]
    assert said == ["BA", "BB", "BAA"]


def test_who_does_not_ask_learns_from_the_data() -> None:
    assert taught(teacher(Backwards(DATA)), train=LearnerKnobs()) == ({}, [])
    assert taught({}, train=LearnerKnobs()) == ({}, [])


def test_without_a_teacher_of_the_same_data_it_says_what_to_do() -> None:
    others = dataclasses.replace(DATA, key="others")
    changed = dataclasses.replace(DATA, sha256="0" * 64)
    letters = pair_data(20)
    letters = dataclasses.replace(letters, sources=letters.targets)
    for known in (
        {},
        teacher(Backwards(DATA), others),
        teacher(Backwards(DATA), changed),
        teacher(Backwards(DATA), letters),
        teacher(Backwards(DATA), step=0),
    ):
        with pytest.raises(PlaygroundError, match="no teacher for Small yet: train the model"):
            taught(known)


def test_a_teacher_that_was_opened_without_its_pairs_will_do() -> None:
    stub = PairData.from_json(DATA.to_json())
    assert same_data(stub, DATA)
    arrays, _ = taught(teacher(Backwards(DATA), stub))
    np.testing.assert_array_equal(arrays["taught"], DATA.train.targets)


def test_the_model_that_writes_one_by_one_teaches_its_greedy_output() -> None:
    torch.manual_seed(0)
    module = ar_translator.build(TranslatorKnobs(layers=1, heads=2, head_width=4), DATA)
    randomise(module)
    module.eval().requires_grad_(False)
    assert ar_translator.MODEL.key == teaching.TEACHER
    arrays, _ = taught(teacher(module))
    again, _ = taught(teacher(module))
    np.testing.assert_array_equal(arrays["taught"], again["taught"])
    plain = module.ways()[0]
    for row in range(0, 192, 17):
        source = as_batch(DATA.train.sources[row : row + 1], DATA.train.targets[row : row + 1])
        (alone,) = plain.write(source.sources, False)
        ids = tuple(token for token in arrays["taught"][row].tolist() if token != PAD)
        assert ids == (alone.ids or tuple(source.targets[0].tolist()))

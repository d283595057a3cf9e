"""What a teacher does: runs side by side, bits to choose, and what it changed."""

import dataclasses
import itertools
import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.data.pairs import PAD, SPECIAL, PairData, padded, paired
from engine.family import OTHER, Model, Trained
from engine.layers.pairviews import distilled
from engine.layers.translating import Pairs, Way, Written, begun, ended, sources_of
from engine.payloads import Table
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import DATA, draw, formula, made, without_pairs
from tests.engine.layers.test_paralleltext import drained


def pupil(distil: bool = False, key: str = "nat", data: PairData = DATA) -> Trained:
    """A formula that says of itself whether it had a teacher."""
    train = SimpleNamespace(distil=distil)
    return dataclasses.replace(formula(data, key=key), train=train)


def with_companions(trained: Trained, **companions: Trained) -> Trained:
    return dataclasses.replace(
        trained, companions={key.replace("_", "-"): each for key, each in companions.items()}
    )


def names(trained: Trained) -> list[str]:
    return [str(each.name) for each in distilled.pupils(trained)]


def test_the_other_run_and_the_teacher_stand_beside_it_where_they_are_of_the_same_data() -> None:
    alone = pupil()
    assert names(alone) == ["this run"]
    teacher, other = made("ar-translator"), pupil(distil=True)
    every = dataclasses.replace(alone, companions={OTHER: other, "ar-translator": teacher})
    assert names(every) == ["this run", "the newest other run", "the teacher"]
    strange = dataclasses.replace(DATA, key="another")
    far = dataclasses.replace(teacher, data=strange)
    assert names(dataclasses.replace(alone, companions={"ar-translator": far})) == ["this run"]


def test_what_is_missing_is_said_step_by_step() -> None:
    teacher = made("ar-translator")
    plain, taught = pupil(), pupil(distil=True)
    assert "train the model that writes one by one" in distilled.to_do(plain)
    known = dataclasses.replace(plain, companions={"ar-translator": teacher})
    assert "train this model again" in distilled.to_do(known)
    assert "turned off" in distilled.to_do(taught)
    for one, other in ((plain, taught), (taught, plain)):
        both = dataclasses.replace(one, companions={OTHER: other, "ar-translator": teacher})
        assert distilled.to_do(both) == ""
    # Another run of the same sort shows no difference, and one on other data none at all.
    alike = dataclasses.replace(plain, companions={OTHER: plain, "ar-translator": teacher})
    assert "train this model again" in distilled.to_do(alike)
    alike = dataclasses.replace(taught, companions={OTHER: taught})
    assert "turned off" in distilled.to_do(alike)
    strange = dataclasses.replace(taught, data=dataclasses.replace(DATA, key="another"))
    far = dataclasses.replace(plain, companions={OTHER: strange})
    assert "train the model that writes one by one" in distilled.to_do(far)


def test_bits_are_the_teachers_own_log_probability() -> None:
    teacher = made("ar-translator")
    sources = sources_of(DATA, list(DATA.references)[:3])
    ids = [DATA.targets.encode(DATA.references[each][0]) for each in list(DATA.references)[:3]]
    targets = torch.from_numpy(padded(ids).astype(np.int64))
    table = (
        teacher.module.decoder(begun(targets), teacher.module.memory(sources))
        .double()
        .log_softmax(-1)
    )
    by_hand = 0.0
    for row, wanted in enumerate(ended(targets).tolist()):
        by_hand -= sum(float(table[row, n, each]) for n, each in enumerate(wanted) if each != PAD)
    found = distilled.bits(teacher, Pairs(sources, targets))
    assert found == pytest.approx(by_hand / math.log(2), rel=1e-5)


class Even:
    """A teacher that thinks every target of its two equally likely, and writes the first."""

    def __init__(self, bits: float) -> None:
        self.bits = bits

    def ways(self) -> Any:
        return formula().module.ways()

    def __call__(self, pairs: Pairs) -> float:
        tokens = int((pairs.targets != PAD).sum()) + len(pairs.targets)
        return self.bits * len(pairs.targets) * math.log(2) / tokens


AR = cast(Model, SimpleNamespace(key="ar-translator", title="AR"))


class Listed:
    """A teacher that gives each target of a source the chance that a list says, and writes the
    first of them."""

    def __init__(self, data: PairData, chances: dict[str, dict[str, float]]) -> None:
        self.data = data
        self.chances = chances

    def _write(self, sources: torch.Tensor, watch: bool) -> list[Written]:
        texts = [next(iter(self.chances[self.data.sources.decode(each)])) for each in sources]
        return [Written(tuple(self.data.targets.encode(each)), 1) for each in texts]

    def ways(self) -> tuple[Way, ...]:
        return (Way("greedy", "One by one", "One by one", self._write),)

    def __call__(self, pairs: Pairs) -> float:
        nats, tokens = 0.0, 0
        for source, target in zip(pairs.sources.tolist(), pairs.targets.tolist(), strict=True):
            text = self.data.targets.decode(target)
            nats -= math.log(self.chances[self.data.sources.decode(source)][text])
            tokens += len(text) + 1  # and its end
        return nats / tokens


def test_bits_are_counted_for_each_target_whatever_its_length() -> None:
    # Halves of halves: 1 and 2 bits of the one source, 3 bits of the other.
    held_out = [("a", "X"), ("a", "XXYX"), ("b", "YXYXY")]
    data = paired("k", "K", [("ab", "XY"), ("ba", "YX")], held_out)
    module = Listed(data, {"a": {"X": 1 / 2, "XXYX": 1 / 4}, "b": {"YXYXY": 1 / 8}})
    teacher = Trained(module, None, None, data, 1, AR)
    found = drained(distilled.choice(teacher, data, ("a", "b")))
    assert found.data == pytest.approx((1 + 2 + 3) / 3)
    assert found.own == pytest.approx((1 + 3) / 2)
    assert found.targets == 1.5


def test_more_sources_than_a_batch_count_alike() -> None:
    names = ["".join(each) for each in itertools.product("abc", repeat=4)]
    held_out = [(name, text) for name in names for text in ("X" * (1 + len(set(name))), "Y")]
    data = paired("k", "K", [("abc", "XY")], held_out)
    chances = {
        name: {"X" * (1 + len(set(name))): 2.0**-number, "Y": 2.0 ** -(2 * number)}
        for number, name in enumerate(names)
    }
    teacher = Trained(Listed(data, chances), None, None, data, 1, AR)
    found = drained(distilled.choice(teacher, data, tuple(names)))
    assert len(names) == 81
    assert found.own == pytest.approx(40)  # the mean of 0 ... 80
    assert found.data == pytest.approx(60)
    assert found.targets == 2


def test_so_many_bits_are_left_to_choose() -> None:
    teacher = Trained(Even(1.0), None, None, DATA, 1, AR)
    found = drained(distilled.choice(teacher, DATA, tuple(DATA.references)))
    assert (found.data, found.own) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.targets == 1.0


def test_what_the_teacher_wrote_in_another_way_is_counted_and_shown() -> None:
    taught = DATA.train.targets.copy()
    taught[3, 0] = (taught[3, 0] - SPECIAL + 1) % 6 + SPECIAL
    wider = np.pad(taught, ((0, 0), (0, 2)))
    data = dataclasses.replace(DATA, taught=wider)
    assert distilled.changed(data).tolist() == [3]
    table = distilled.examples(data)
    assert len(table.rows) == 1
    source, before, after = table.rows[0]
    assert source.text == DATA.sources.decode(DATA.train.sources[3])
    assert before.text[1:] == after.text[1:]
    assert before.marked
    assert after.marked
    assert f"of {len(taught)} targets" in table.caption.lower()


def test_what_the_teacher_wrote_shorter_or_longer_is_another_text_too() -> None:
    data = paired("k", "K", [("a", "XY"), ("b", "XYX"), ("c", "Y")], [("ab", "Y")])
    said = padded([data.targets.encode(each) for each in ("X", "XYX", "YYYY")])
    assert distilled.changed(dataclasses.replace(data, taught=said)).tolist() == [0, 2]
    same = dataclasses.replace(data, taught=data.train.targets)
    assert distilled.changed(same).tolist() == []
    table = distilled.examples(same)
    assert table.rows == ()
    assert "wrote 0 (0.0%)" in table.caption


def test_only_some_of_many_are_shown() -> None:
    taught = np.full_like(DATA.train.targets, SPECIAL)
    table = distilled.examples(dataclasses.replace(DATA, taught=taught))
    assert len(table.rows) == distilled.EXAMPLES
    count = len(distilled.changed(dataclasses.replace(DATA, taught=taught)))
    assert count > distilled.EXAMPLES
    assert f"wrote {count} (" in table.caption


def test_the_view_shows_what_its_run_was_taught() -> None:
    taught = np.full_like(DATA.train.targets, SPECIAL)
    trained = dataclasses.replace(pupil(distil=True), data=dataclasses.replace(DATA, taught=taught))
    runs, changes = draw(trained, "distillation", count=8).panels
    assert [row[1].text for row in runs.rows] == ["the teacher"]
    assert runs.rows[0][3].value == 100
    assert len(changes.rows) == distilled.EXAMPLES


def test_without_the_pairs_it_is_said() -> None:
    with pytest.raises(PlaygroundError, match="held-out pairs"):
        draw(without_pairs(made("nat")), "distillation")


def test_the_view_has_a_row_for_each_run() -> None:
    teacher = made("ar-translator")
    wrong = pupil(distil=True)
    wrong.module.wrong = (0,)
    trained = dataclasses.replace(made("nat"), companions={OTHER: wrong, "ar-translator": teacher})
    drawn = draw(trained, "distillation", count=8)
    (table,) = drawn.panels
    assert isinstance(table, Table)
    assert [row[1].text for row in table.rows] == ["the data", "the teacher", "the data"]
    assert "bits" in drawn.caption
    exact = [row[3].value for row in table.rows]
    assert exact[1] is not None
    assert exact[1] > 0

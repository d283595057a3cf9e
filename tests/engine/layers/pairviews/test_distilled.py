"""What a teacher does: runs side by side, bits to choose, and what it changed."""

import dataclasses
import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.data.pairs import PAD, SPECIAL, PairData, padded
from engine.family import OTHER, Model, Trained
from engine.layers.pairviews import distilled
from engine.layers.translating import Pairs, begun, ended, sources_of
from engine.payloads import Table
from tests.engine.layers.pairviews.models import DATA, draw, formula, made
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
    both = dataclasses.replace(plain, companions={OTHER: taught, "ar-translator": teacher})
    assert distilled.to_do(both) == ""


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


def test_so_many_bits_are_left_to_choose() -> None:
    model = cast(Model, SimpleNamespace(key="ar-translator", title="AR"))
    teacher = Trained(Even(1.0), None, None, DATA, 1, model)
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

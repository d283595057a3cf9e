"""Lanes are what was written and when; times are of the machine, so only their order is asked."""

import math

import pytest
import torch

from engine.data.pairs import PairData
from engine.layers.pairviews import race
from engine.layers.pairviews.race import RaceKnobs
from engine.layers.pairviews.shared import NAMES
from engine.layers.translating import Step, Written
from engine.payloads import Lane, Moment, Race
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import (
    DATA,
    beside,
    draw,
    every_model,
    formula,
    made,
    without_pairs,
)
from tests.engine.small import last

SLOW = {"greedy": 0.02, "at-once": 0.001, "rounds-2": 0.005}


def test_every_way_is_a_lane() -> None:
    drawn = draw(formula(), "race")
    assert isinstance(drawn, Race)
    assert [lane.name for lane in drawn.lanes] == ["One by one", "At once", "2 rounds"]
    assert drawn.given in DATA.references
    assert drawn.expected == drawn.given[::-1].upper()
    size = len(drawn.given)
    assert [lane.passes for lane in drawn.lanes] == [size + 1, 1, 2]
    assert [len(lane.moments) for lane in drawn.lanes] == [size + 1, 1, 2]
    for lane in drawn.lanes:
        assert "".join(lane.moments[-1].pieces) == drawn.expected
        assert lane.right is True


def test_a_moment_is_what_stood_there() -> None:
    one, once, rounds = draw(formula(), "race", source="abcd").lanes
    assert [moment.pieces for moment in one.moments] == [
        ("D",),
        ("D", "C"),
        ("D", "C", "B"),
        ("D", "C", "B", "A"),
        ("D", "C", "B", "A"),
    ]
    assert [moment.fresh for moment in one.moments] == [(0,), (1,), (2,), (3,), ()]
    assert once.moments[0].note == "all"
    assert once.moments[0].probabilities == (0.75,) * 4
    assert rounds.moments[0].pieces == ("D", "C", "B", "")
    assert rounds.moments[0].dropped == rounds.moments[1].fresh == (3,)
    assert math.isnan(rounds.moments[0].probabilities[3])


def test_who_is_slower_comes_later_and_the_caption_counts_it() -> None:
    trained = formula()
    trained.module.pause = SLOW
    drawn = draw(trained, "race")
    one, once, rounds = (lane.moments[-1].seconds for lane in drawn.lanes)
    assert once < rounds < one
    assert one >= SLOW["greedy"]
    assert [lane.passes for lane in drawn.lanes] == [len(drawn.given) + 1, 1, 2]
    wanted = f"At once was {one / once:.1f} times as fast as One by one"
    assert drawn.caption.startswith(f"{wanted}.")


def test_each_writes_once_to_warm_up_and_then_all_in_turns() -> None:
    trained = formula()
    drawing = race.race(trained, RaceKnobs())
    stops = list(drawing)
    asked = trained.module.asked
    turns = ["greedy", "at-once", "rounds-2"]
    rounds, rest = divmod(len(asked), len(turns))
    assert rest == 0
    assert asked == turns * rounds
    assert rounds == 1 + race.ROUNDS  # a formula takes no time
    assert stops.count(None) == len(asked), "a safe point after each"


def test_slow_ways_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "SECONDS", 0.02)
    trained = formula()
    trained.module.pause = {"greedy": 0.03}
    list(race.race(trained, RaceKnobs()))
    assert trained.module.asked.count("greedy") == 2


def test_the_run_in_the_middle_is_shown() -> None:
    runs = [Written((), 1, steps=(Step(seconds, (), ()),)) for seconds in (5.0, 1.0, 2.0, 9.0)]
    assert race.median(runs) is runs[2]
    assert race.median(runs[:3]) is runs[2]
    assert race.median(runs[:1]) is runs[0]


def test_what_is_right_is_told_only_where_it_is_known() -> None:
    written = Written(tuple(DATA.targets.encode("AB")), 1, steps=(Step(0.1, (), ()),))
    assert race.lane("", DATA, written, ("X", "AB")).right is True
    assert race.lane("", DATA, written, ("BA",)).right is False
    assert race.lane("", DATA, written, ()).right is None
    unknown = draw(formula(), "race", source="aaaaa")
    assert unknown.lanes[0].right is None
    trained = formula()
    trained.module.wrong = (0,)
    source = next(each for each in DATA.references if not each.endswith("a"))
    assert [each.right for each in draw(trained, "race", source=source).lanes] == [False] * 3
    assert [each.right for each in draw(formula(), "race", source=source).lanes] == [True] * 3


def test_one_alone_has_nobody_to_be_compared_with() -> None:
    moments = (Moment(1.0, (), ()),)
    assert race.summary([Lane("", moments)]) == ""
    two = [Lane("slow", (Moment(3.0, (), ()),), 12), Lane("quick", moments, 2)]
    assert race.summary(two) == "quick was 3.0 times as fast as slow."


def test_companions_run_too_and_those_that_could_are_named() -> None:
    other = formula(key="nat")
    drawn = draw(beside(formula(key="mask-predict"), other), "race")
    assert [lane.name for lane in drawn.lanes] == [
        f"{model}: {way}"
        for model in ("Mask-Predict", "NAT")
        for way in ("One by one", "At once", "2 rounds")
    ]
    assert "they run too: Hybrid, AR, LSTM." in drawn.caption
    everybody = [formula(key=key) for key in NAMES]
    drawn = draw(beside(everybody[0], *everybody[1:]), "race")
    assert len(drawn.lanes) == 3 * len(NAMES)
    assert "Train these" not in drawn.caption


def test_without_the_pairs_a_typed_source_is_run() -> None:
    trained = without_pairs(formula())
    assert isinstance(trained.data, PairData)
    drawn = draw(trained, "race", source="ab")
    assert "".join(drawn.lanes[0].moments[-1].pieces) == "BA"
    assert drawn.expected == ""
    with pytest.raises(PlaygroundError, match="type a source"):
        draw(trained, "race")


@every_model
def test_the_lanes_of_a_model_end_with_what_it_writes(key: str) -> None:
    trained = made(key)
    source = next(iter(DATA.references))
    drawn = last(race.race(trained, RaceKnobs(source=source)))
    tokens = torch.tensor([DATA.sources.encode(source)])
    for lane, way in zip(drawn.lanes, trained.module.ways(), strict=True):
        (written,) = way.write(tokens, False)
        assert "".join(lane.moments[-1].pieces) == DATA.targets.decode(written.ids)
        assert lane.passes == written.passes
        times = [moment.seconds for moment in lane.moments]
        assert times == sorted(times)
        assert times[0] > 0

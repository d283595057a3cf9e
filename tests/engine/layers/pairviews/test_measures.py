"""Scores, quality and errors of a formula whose faults are known."""

import pytest

from engine.layers.pairviews import measures
from engine.layers.pairviews.measures import (
    KINDS,
    counted,
    examined,
    kind_of,
    mixes,
    repeats,
    settings,
)
from engine.layers.translating import Way
from engine.payloads import Curve, Table, Text
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews.models import DATA, beside, draw, formula, without_pairs


def titles(table: Table) -> list[str]:
    return [row[0].text for row in table.rows]


def values(table: Table, column: str) -> list[float | None]:
    number = [str(each) for each in table.columns].index(column)
    return [row[number].value for row in table.rows]


# --- what is examined


def test_the_same_sources_are_taken_each_time_and_each_once() -> None:
    some = examined(DATA, 5)
    assert some == examined(DATA, 5)
    assert len(set(some)) == 5
    assert set(some) <= set(DATA.references)
    assert set(examined(DATA, 1000)) == set(DATA.references)


@pytest.mark.parametrize("key", ["scores", "quality", "errors"])
def test_without_the_pairs_it_is_said(key: str) -> None:
    with pytest.raises(PlaygroundError, match="held-out pairs"):
        draw(without_pairs(formula()), key)


# --- scores


def test_every_way_of_every_model_has_a_row() -> None:
    alone = draw(formula(), "scores", count=8)
    assert titles(alone) == ["One by one", "At once", "2 rounds"]
    assert values(alone, "Exact match, %") == [100.0] * 3
    assert values(alone, "Character errors, %") == [0.0] * 3
    assert values(alone, "chrF") == pytest.approx([100.0] * 3)
    _greedy, once, rounds = values(alone, "Passes")
    assert (once, rounds) == (1, 2)
    both = draw(beside(formula(), formula(key="nat")), "scores", count=8)
    assert titles(both)[3:] == ["NAT: One by one", "NAT: At once", "NAT: 2 rounds"]
    assert titles(both)[0] == "Formula: One by one"
    assert "8 sources" in both.caption
    assert "LSTM" in both.caption  # could be compared as well


def test_what_is_wrong_lowers_the_scores_as_it_should() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    table = draw(trained, "scores", count=1000)
    wrong = sum(source[-1] != "a" for source in DATA.references)
    count, characters = len(DATA.references), sum(map(len, DATA.references))
    assert values(table, "Exact match, %") == pytest.approx([100 * (1 - wrong / count)] * 3)
    assert values(table, "Character errors, %") == pytest.approx([100 * wrong / characters] * 3)


def test_a_slow_way_takes_the_longer() -> None:
    trained = formula()
    trained.module.pause = {"greedy": 0.02}
    slow, once, _rounds = values(draw(trained, "scores", count=8), "ms, alone")
    assert slow is not None
    assert once is not None
    assert slow >= 20
    assert once < slow


def test_every_column_says_what_it_is() -> None:
    table = draw(formula(), "scores", count=8)
    assert len(table.tips) == len(table.columns) == len(table.best)
    assert "tok:char" in table.tips[3]


# --- quality and time


def test_a_line_for_each_group_and_a_point_for_each_way() -> None:
    trained = formula()
    trained.module.pause = {"greedy": 0.05, "rounds-2": 0.005}
    drawn = draw(beside(trained, formula(key="nat")), "quality", count=8)
    assert isinstance(drawn, Curve)
    names = [str(line.name) for line in drawn.lines]
    assert names[:3] == ["Formula: One by one", "Formula: At once", "Formula: 2 rounds"]
    assert names[3] == "NAT: One by one"
    first = {str(line.name): float(line.x[0]) for line in drawn.lines}
    assert first["Formula: One by one"] >= 50
    assert first["Formula: One by one"] > first["Formula: 2 rounds"] >= 5
    assert all((line.y == 100).all() for line in drawn.lines)


def test_what_is_drawn_upwards_can_be_chosen() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    drawn = draw(trained, "quality", count=1000, quality="characters right")
    wrong = sum(source[-1] != "a" for source in DATA.references)
    characters = sum(map(len, DATA.references))
    assert drawn.lines[0].y[0] == pytest.approx(100 * (1 - wrong / characters))


def test_only_the_numbers_that_differ_are_written_at_the_points() -> None:
    def ways(*keys: str) -> list[Way]:
        return [Way(key, key, "", lambda sources, watch: []) for key in keys]

    assert settings(ways("rounds-1-1", "rounds-4-1")) == ("1", "4")
    assert settings(ways("rounds-1-1", "rounds-4-3")) == ("1/1", "4/3")
    assert settings(ways("greedy")) == ("",)


# --- errors


@pytest.mark.parametrize(
    ("output", "expected", "kind"),
    [
        ("", ("AB",), "nothing"),
        ("AD", ("AB", "CD"), "mixed"),
        ("AAB", ("AB",), "repeated"),
        ("BA", ("AB",), "order"),
        ("A", ("AB",), "short"),
        ("ABX", ("AB",), "long"),
        ("AX", ("AB",), "other"),
    ],
)
def test_each_kind_of_error(output: str, expected: tuple[str, ...], kind: str) -> None:
    assert kind_of(output, expected) == kind


def test_a_mixture_needs_two_of_its_length() -> None:
    assert mixes("AD", ("AB", "CD"))
    assert not mixes("AX", ("AB", "CD"))
    assert not mixes("AB", ("AB",))
    assert not mixes("AD", ("AB", "CDE"))


def test_a_repetition_is_one_that_should_not_be_there() -> None:
    assert repeats("ABB", "AB")
    assert not repeats("ABB", "ABB")
    assert not repeats("AC", "AB")


def test_kinds_are_counted_the_most_common_first() -> None:
    assert counted(["short", "mixed", "short"]) == "2 × too short, 1 × two targets mixed"
    assert set(KINDS) >= {"short", "mixed"}


def test_what_is_wrong_is_listed_with_what_differs() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    drawn = draw(trained, "errors", count=1000, most=3)
    wrong = [source for source in DATA.references if source[-1] != "a"]
    assert len(drawn.rows) == 3
    assert drawn.caption.startswith(f"{len(wrong)} of {len(DATA.references)} are wrong")
    for source, output, expected, _kind, sure in drawn.rows:
        assert expected.text == source.text[::-1].upper()
        assert output.text == "A" + expected.text[1:]
        assert output.marked
        assert sure.value == pytest.approx(90)


def test_who_writes_it_right_is_said() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    drawn = draw(beside(trained, formula(key="nat")), "errors", count=1000)
    assert [str(each) for each in drawn.columns][-1] == "Right by"
    assert {row[-1].text for row in drawn.rows} == {"NAT"}


def test_where_nothing_is_wrong_it_is_said() -> None:
    drawn = draw(formula(), "errors", count=8, way=2)
    assert isinstance(drawn, Text)
    assert drawn.text == "At once: all 8 held-out sources are written right."


def test_a_way_is_chosen_by_its_number() -> None:
    trained = formula()
    trained.module.wrong = (0,)
    assert [draw(trained, "errors", way=way).title for way in (1, 2, 3, 8)] == [
        "One by one",
        "At once",
        "2 rounds",
        "2 rounds",
    ]


def test_measuring_has_safe_points() -> None:
    from engine.layers.pairviews.measures import ScoreKnobs

    drawn = list(measures.scores(formula(), ScoreKnobs(count=8)))
    assert drawn.count(None) > 3 * 8
    tables = [each for each in drawn if each is not None]
    assert [len(each.rows) for each in tables if isinstance(each, Table)] == [1, 2, 3]

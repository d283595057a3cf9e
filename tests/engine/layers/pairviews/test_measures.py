"""Scores, quality and errors of a formula whose faults are known."""

import pytest
from torch import Tensor

from engine.data.pairs import PAD
from engine.family import Trained
from engine.layers import scoring
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
from engine.layers.translating import Way, Written
from engine.payloads import Cell, Curve, Table, Text
from engine.phrases import PlaygroundError
from tests.engine.layers.pairviews import models
from tests.engine.layers.pairviews.models import DATA, beside, draw, formula, without_pairs


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(scoring, "perf_counter", found.perf_counter)
    monkeypatch.setattr(models, "time", found)
    return found


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


def test_a_slow_way_takes_the_longer(clock: Clock) -> None:
    trained = formula()
    trained.module.pause = {"greedy": 0.02, "at-once": 0.004}
    table = draw(trained, "scores", count=8)
    assert values(table, "ms, alone") == pytest.approx([20.0, 4.0, 0.0])
    assert values(table, "ms, of 32") == pytest.approx([20 / 32, 4 / 32, 0.0])
    assert [row[5].text for row in table.rows] == ["20.00", "4.00", "0.00"]


def test_every_column_says_what_it_is() -> None:
    table = draw(formula(), "scores", count=8)
    assert len(table.tips) == len(table.columns) == len(table.best)
    assert "tok:char" in table.tips[3]


# --- quality and time


def test_a_line_for_each_group_and_a_point_for_each_way(clock: Clock) -> None:
    trained = formula()
    trained.module.pause = {"greedy": 0.05, "rounds-2": 0.005}
    drawn = draw(beside(trained, formula(key="nat")), "quality", count=8)
    assert isinstance(drawn, Curve)
    assert [(str(line.name), line.x.tolist()) for line in drawn.lines] == [
        ("Formula: One by one", [pytest.approx(50)]),
        ("Formula: At once", [0]),
        ("Formula: 2 rounds", [pytest.approx(5)]),
        ("NAT: One by one", [0]),
        ("NAT: At once", [0]),
        ("NAT: 2 rounds", [0]),
    ]
    assert all((line.y == 100).all() for line in drawn.lines)


def sweeping(clock: Clock, seconds: dict[str, float], wrong: dict[str, int]) -> Trained:
    """A formula whose ways, all of one group but "greedy", take these seconds and are wrong for
    so many of the sources."""
    trained = formula()
    sources = list(DATA.references)

    def way(key: str) -> Way:
        def write(tokens: Tensor, watch: bool) -> list[Written]:
            clock.sleep(seconds[key])
            bad = [DATA.sources.encode(each) for each in sources[: wrong[key]]]
            ids = [[each for each in row if each != PAD] for row in tokens.tolist()]
            return [Written(tuple(each[::-1][each in bad :]), 1) for each in ids]

        return Way(key, key, "One by one" if key == "greedy" else "In rounds", write)

    trained.module.sweep = lambda: tuple(map(way, seconds))
    return trained


def test_each_setting_is_measured_and_has_its_own_point(clock: Clock) -> None:
    seconds = {"rounds-1-1": 0.25, "rounds-2-1": 0.5, "rounds-8-1": 1.0, "greedy": 2.0}
    wrong = {"rounds-1-1": 9, "rounds-2-1": 3, "rounds-8-1": 0, "greedy": 0}
    drawn = draw(sweeping(clock, seconds, wrong), "quality", count=1000)
    count = len(DATA.references)
    rounds, greedy = drawn.lines
    assert (str(rounds.name), str(greedy.name)) == ("In rounds", "One by one")
    assert rounds.labels == ("1", "2", "8")
    assert greedy.labels == ("",)
    assert rounds.x.tolist() == [250, 500, 1000]
    assert greedy.x.tolist() == [2000]
    assert rounds.y.tolist() == pytest.approx([100 * (1 - n / count) for n in (9, 3, 0)])
    assert greedy.y.tolist() == [100]
    said = f"Fastest is In rounds, rounds-1-1 with {100 * (1 - 9 / count):.1f} in 250.0 ms; best is"
    assert f"{said} In rounds, rounds-8-1 with 100.0 in 1000.0 ms." in drawn.caption
    assert f"on {count} held-out sources" in drawn.caption
    assert f"by {100 / count:.2g} points" in drawn.caption


def test_what_is_fastest_and_best_is_said_once(clock: Clock) -> None:
    seconds, wrong = {"rounds-1-1": 0.25, "rounds-2-1": 0.5}, {"rounds-1-1": 0, "rounds-2-1": 0}
    drawn = draw(sweeping(clock, seconds, wrong), "quality", count=1000)
    assert "Fastest and best at once is rounds-1-1: 100.0 in 250.0 ms." in drawn.caption


@pytest.mark.parametrize("what", ["exact match", "chrF", "characters right"])
def test_each_quality_is_that_of_the_scores(clock: Clock, what: str) -> None:
    trained = formula()
    trained.module.wrong = (0,)
    table = draw(trained, "scores", count=1000)
    (line, *_) = draw(trained, "quality", count=1000, quality=what).lines
    column = {"exact match": "Exact match, %", "chrF": "chrF"}.get(what, "Character errors, %")
    (score, *_) = values(table, column)
    assert score is not None
    assert line.y[0] == pytest.approx(100 - score if what == "characters right" else score)
    assert 0 < line.y[0] < 100


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
        # Several fit, and the first counts.
        ("AAD", ("AAB", "CCD"), "mixed"),
        ("BBA", ("AB",), "repeated"),
        # Twice is right where it is expected twice.
        ("ABBX", ("ABBC",), "other"),
        ("A", ("ABC", "XYZ"), "short"),
        ("□B", ("AB",), "other"),
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
        assert unmarked(output) == unmarked(expected)
        assert sure.value == pytest.approx(90)


def unmarked(cell: Cell) -> str:
    """What is not marked of a text."""
    return "".join(
        each
        for place, each in enumerate(cell.text)
        if not any(first <= place < end for first, end in cell.marked)
    )


def writes(texts: dict[str, str]) -> Trained:
    """A formula that writes these, and what is right for all other sources."""
    trained = formula()
    plain = trained.module.target

    def target(source: Tensor) -> tuple[int, ...]:
        text = texts.get(DATA.sources.decode(source.numpy()))
        return plain(source) if text is None else tuple(DATA.targets.encode(text))

    trained.module.target = target
    return trained


def test_each_error_is_told_by_its_kind() -> None:
    known = examined(DATA, 1000)
    varied = next(each for each in known if len(set(each)) == len(each))
    sources = [*[each for each in known if each != varied][:2], varied]
    wanted = [DATA.references[each][0] for each in sources]
    said = {
        sources[0]: "",
        sources[1]: wanted[1][:-1],
        sources[2]: wanted[2][::-1],
    }
    drawn = draw(writes(said), "errors", count=1000)
    found = {source.text: (output.text, kind.text) for source, output, _, kind, _ in drawn.rows}
    assert found == {
        sources[0]: ("", "nothing written"),
        sources[1]: (wanted[1][:-1], "too short"),
        sources[2]: (wanted[2][::-1], "other order"),
    }
    by_source = {row[0].text: row for row in drawn.rows}
    assert by_source[sources[0]][4].text == "–"  # of nothing it can be sure
    assert by_source[sources[0]][2].marked == ((0, len(wanted[0])),)
    assert by_source[sources[1]][1].marked == ()
    assert by_source[sources[1]][2].marked == ((len(wanted[1]) - 1, len(wanted[1])),)
    assert "3 of 12 are wrong" in drawn.caption
    assert "1 × nothing written" in drawn.caption


def test_of_several_targets_any_is_right_and_the_nearest_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = examined(DATA, 3)
    monkeypatch.setitem(
        DATA.__dict__,
        "references",
        {**DATA.references, first: ("ABC", "DEF"), second: ("ABC", "DEF"), third: ("AAA", "FEDA")},
    )
    trained = writes({first: "DEF", second: "ABF", third: "FED"})
    drawn = draw(trained, "errors", count=1000)
    rows = {row[0].text: [cell.text for cell in row[1:4]] for row in drawn.rows}
    assert rows == {
        second: ["ABF", "ABC", "two targets mixed"],
        third: ["FED", "FEDA", "too short"],
    }


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

"""Tables of pairs of one's own, good and bad."""

from pathlib import Path
from typing import Any

import pytest

from engine.data import catalogue, pair_files
from engine.data.pair_files import is_of_numbers, open_pairs
from engine.data.pairs import UNKNOWN, PairData
from engine.events import Progress
from engine.families import ar_translator
from engine.family import Trained
from engine.layers.pairviews.sampling import sampler
from engine.layers.translating import TranslatorKnobs
from engine.phrases import PlaygroundError
from tests.engine.small import last

PAIRS = [(f"ab{n:02d}", f"{n:02d}ba") for n in range(40)]


def opened(path: Path) -> PairData:
    loading: Any = open_pairs(path)
    while True:
        try:
            assert isinstance(next(loading), Progress)
        except StopIteration as end:
            found: PairData = end.value
            return found


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def rows(between: str = ",") -> str:
    return "".join(f"{one}{between}{other}\n" for one, other in PAIRS)


def pairs_of(data: PairData) -> set[tuple[str, str]]:
    return {
        (data.sources.decode(one), data.targets.decode(other))
        for part in (data.train, data.held_out)
        for one, other in zip(*part, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", rows()),
        ("a.csv", rows(";")),
        ("a.csv", rows("\t")),
        ("a.tsv", rows("\t")),
        ("a.csv", "\ufeff" + rows()),
        ("a.csv", rows().replace("\n", "\r\n")),
        ("a.csv", "".join(f'"{one}","{other}"\n' for one, other in PAIRS)),
        ("a.csv", "".join(f" {one} , {other} ,more\n\n" for one, other in PAIRS)),
        ("a.csv", "source,target\n" + rows()),
        ("a.csv", "\n , \nSource,TARGET\n" + rows()),  # the titles need not be in line 1
        ("a.csv", rows().replace("\n", "\r")),
        ("a.CSV", rows().removesuffix("\n")),
        ("a.csv", rows() + rows()),  # each counts once
    ],
)
def test_a_good_table_is_read(tmp_path: Path, name: str, text: str) -> None:
    data = opened(written(tmp_path / name, text))
    assert pairs_of(data) == set(PAIRS)
    assert data.counts == (36, 4)
    assert data.source == tmp_path / name
    assert len(data.sha256) == 64


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_at_the_beginning_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    text = rows() + "龍,dragón\n"
    data = opened(written(tmp_path / "a.csv", text, encoding))
    assert data.counts == (37, 4)
    assert set(PAIRS) <= pairs_of(data)  # the last one may be held out, and then reads □


def test_titles_name_the_sides(tmp_path: Path) -> None:
    data = opened(written(tmp_path / "a.csv", "Question,Answer\n" + rows()))
    assert (data.source_title, data.target_title) == ("Question", "Answer")


def test_commas_inside_of_quotes_belong_to_the_text(tmp_path: Path) -> None:
    text = "".join(f'"{one}, x","{other}"\n' for one, other in PAIRS)
    assert ("ab00, x", "00ba") in pairs_of(opened(written(tmp_path / "a.csv", text)))


@pytest.mark.parametrize("between", [";", "\t"])
def test_commas_in_the_texts_are_not_between_the_columns(tmp_path: Path, between: str) -> None:
    pairs = {(f"Yes, {one}", f"Ja, {other}, so") for one, other in PAIRS}
    text = "".join(f"{one}{between}{other}\n" for one, other in sorted(pairs))
    assert pairs_of(opened(written(tmp_path / "a.csv", text))) == pairs


def test_semicolons_in_the_texts_are_not_between_the_columns(tmp_path: Path) -> None:
    pairs = {(f"Yes; {one}", other) for one, other in PAIRS}
    text = "".join(f"{one},{other}\n" for one, other in sorted(pairs))
    assert pairs_of(opened(written(tmp_path / "a.csv", text))) == pairs


def test_only_a_first_row_can_be_titles(tmp_path: Path) -> None:
    data = opened(written(tmp_path / "a.csv", rows() + "source,target\n"))
    assert sum(data.counts) == 41
    assert data.source_title == ""
    data = opened(written(tmp_path / "a.csv", "input,output\nsource,target\n" + rows()))
    assert sum(data.counts) == 41
    assert (data.source_title, data.target_title) == ("input", "output")


def test_a_field_may_have_several_lines(tmp_path: Path) -> None:
    text = "".join(f'"{one}\n  x",{other}\n' for one, other in PAIRS)
    assert pairs_of(opened(written(tmp_path / "a.csv", text))) == {(f"{a} x", b) for a, b in PAIRS}


def test_the_same_table_is_parted_in_the_same_way_whatever_its_order(tmp_path: Path) -> None:
    first = opened(written(tmp_path / "a.csv", rows()))
    second = opened(written(tmp_path / "a.csv", "".join(f"{a},{b}\n" for a, b in PAIRS[::-1])))
    assert set(first.references) == set(second.references)
    assert first.sha256 != second.sha256


def test_all_targets_of_a_source_are_on_one_side(tmp_path: Path) -> None:
    text = "".join(f"{one},{other}\n{one},{other}!\n" for one, other in PAIRS)
    data = opened(written(tmp_path / "a.csv", text))
    assert all(len(targets) == 2 for targets in data.references.values())
    learned = {data.sources.decode(one) for one in data.train.sources}
    assert not learned & set(data.references)


def test_some_bad_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    text = rows() + "only,\n,only\n" + "x" * 97 + ",y\n"
    data = opened(written(tmp_path / "a.csv", text))
    assert pairs_of(data) == set(PAIRS)
    assert "2 rows without a source or a target, 1 with more than 96" in data.remark


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("one\ntwo\n", "has one column in line 1.*a source and a target"),
        (rows() + "alone\n", "has one column in line 41"),
        (rows() + '"alone\n' + rows(), "has one column in line 41"),  # and not in the last one
        (rows() + 'a,"open\n' + rows(), "more than 96 .* in 41 of its rows, the first in line 41"),
        ("\n" + "a,\n" * 30, "the first in line 2"),
        ("a,\n" * 30, "no source or no target in 30 of its rows, the first in line 1"),
        ("a,b\n", "has 1 different sources, and at least 20"),
        ("a,b\n" * 50, "has 1 different sources, and at least 20"),
        ("", "has 0 different sources, and at least 20"),
        ("\ufeff", "has 0 different sources"),
        ("\n \n,\n", "has 0 different sources"),
        ("source,target\n", "has 0 different sources"),
        ("a,b\nc,d\n", "has 2 different sources"),
        (f"{'x' * 200},y\n" * 30, "more than 96 characters"),
    ],
)
def test_a_bad_table_is_refused_by_name_and_line(tmp_path: Path, text: str, why: str) -> None:
    path = written(tmp_path / "bad table.csv", text)
    with pytest.raises(PlaygroundError, match=why) as caught:
        opened(path)
    assert "bad table.csv" in str(caught.value)


def test_what_an_open_quote_swallows_is_counted(tmp_path: Path) -> None:
    text = rows() + 'a,"open\n' + "".join(f"x{one},{other}\n" for one, other in PAIRS[:30])
    data = opened(written(tmp_path / "a.csv", text))
    assert pairs_of(data) == set(PAIRS)
    assert "31 with more than 96" in data.remark


def test_a_zero_is_no_character_of_a_text(tmp_path: Path) -> None:
    path = written(tmp_path / "zero.csv", rows() + "a\0,b\n")
    with pytest.raises(PlaygroundError, match=r"zero\.csv is not a text"):
        opened(path)
    # In UTF-16 that cannot be told from the file; nobody sees it, so it is left out.
    path = written(tmp_path / "zero.csv", rows().replace(",", "\0,") + "\0,\0\n", "utf-16")
    data = opened(path)
    assert pairs_of(data) == set(PAIRS)
    assert "1 rows without" in data.remark


def test_a_huge_field_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", rows() + '"' + "x" * 200_000 + '",y\n')
    with pytest.raises(PlaygroundError, match=r"a\.csv cannot be read in line 41: field larger"):
        opened(path)


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_files, "_LONGEST_LINE", 1000)
    path = written(tmp_path / "a.csv", rows() + "x," * 600)
    with pytest.raises(PlaygroundError, match=r"a\.csv has a line of more than 1,000 .*accepted"):
        opened(path)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    text = "".join(f"grün{one},schön{other}\n" for one, other in PAIRS)
    mixed = text.encode("utf-8") + text.encode("latin-1")
    path = tmp_path / "mixed.csv"
    path.write_bytes(mixed)
    with pytest.raises(PlaygroundError, match=r"mixed\.csv.*(UTF-8|utf-8)"):
        opened(path)
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(PlaygroundError, match=r"mixed\.csv"):
        opened(path)


def test_nothing_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(PlaygroundError, match="cannot be read"):
        opened(tmp_path / "none.csv")


def test_a_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_files, "_MOST_BYTES", 100)
    with pytest.raises(PlaygroundError, match="has more than"):
        opened(written(tmp_path / "a.csv", rows()))


def test_of_very_many_only_so_many_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_files, "MOST", 30)
    data = opened(written(tmp_path / "a.csv", rows()))
    assert sum(data.counts) == 30
    assert "only the first 30" in data.remark


def test_a_table_of_points_is_told_from_one_of_pairs(tmp_path: Path) -> None:
    points = written(tmp_path / "points.csv", "x,y\n" + "1.5,-2\n" * 30)
    pairs = written(tmp_path / "pairs.csv", rows())
    assert is_of_numbers(points)
    assert not is_of_numbers(pairs)
    assert catalogue.kind_of(points) == "points"
    assert catalogue.kind_of(pairs) == "pairs"


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("1,2\n", True),
        ("1,2\n3,4\n", True),
        ("1,2\n3,4", True),
        ("\n\n1;2\n3;4\n", True),
        ("x,y\n3\t4\n", True),
        ("x,y\n" + "1.5,-2\n" * 5000, True),
        ("", True),
        ("one,two\n", False),
        ("1,one\n2,two\n", False),
        ("source,target\n1,one", False),
    ],
)
def test_short_and_long_tables_are_told_apart(tmp_path: Path, content: str, numbers: bool) -> None:
    assert is_of_numbers(written(tmp_path / "a.csv", content)) == numbers


def test_characters_that_were_never_seen_are_unknown_and_no_crash(tmp_path: Path) -> None:
    data = opened(written(tmp_path / "a.csv", rows()))
    assert UNKNOWN in data.sources.encode("ab龍")
    assert data.sources.decode(data.sources.encode("ab龍")) == "ab□"
    module = ar_translator.build(TranslatorKnobs(layers=1, heads=2, head_width=4), data)
    trained = Trained(module.eval(), None, None, data, 1, ar_translator.MODEL)
    table = last(sampler(trained, ar_translator.SampleKnobs(source="龍ab"), ()))
    assert "it reads □ instead: 龍" in str(table.caption)

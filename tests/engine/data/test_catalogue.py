"""The catalogue: every data set is there without a network, and is what it says it is."""

import importlib.metadata
import json
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from engine import music
from engine.data import catalogue
from engine.data.text import TextData
from engine.phrases import PlaygroundError

KEYS = [entry.key for entry in catalogue.DATA]


def run(steps: Generator[Any, None, TextData]) -> TextData:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            data: TextData = stop.value
            return data


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(shared))
    return shared


def loaded(key: str) -> TextData:
    return run(catalogue.load(key))


def documents(data: TextData, separator: str) -> tuple[list[str], list[str]]:
    train, held_out = (data.tokeniser.decode(part) for part in (data.train, data.held_out))
    return train.split(separator)[:-1], held_out.split(separator)[:-1]


@pytest.mark.parametrize("key", KEYS)
def test_every_set_loads_and_the_second_time_at_once(key: str) -> None:
    entry = catalogue.find(key)
    first = loaded(key)
    begun = time.perf_counter()
    second = loaded(key)
    assert time.perf_counter() - begun < 1.0
    assert first.to_json() == second.to_json()
    assert (first.key, first.title, first.kind) == (key, entry.title, entry.kind)
    assert first.source is None
    assert first.sha256 == ""
    assert dict(first.facts())["Credit"] == entry.credit
    assert 0.08 < first.tokens[1] / sum(first.tokens) < 0.105
    assert first.preview().text.strip()
    assert first.tokeniser.kind == "char"
    assert first.tokeniser.encode(first.separator).size == len(first.separator)
    text = first.tokeniser.decode(first.train)
    assert text.endswith(first.separator)  # the cut is between two documents
    kept = catalogue.from_json(json.loads(json.dumps(catalogue.to_json(first))))
    assert catalogue.to_json(kept) == catalogue.to_json(second)


def test_names_are_many_and_all_different() -> None:
    train, held_out = documents(loaded("names"), "\n")
    assert len(train) + len(held_out) > 90_000
    assert len({*train, *held_out}) == len(train) + len(held_out)
    assert {"Mary", "Smith"} <= {*train, *held_out}
    assert all(re.fullmatch(r"[A-Z][a-z]*", name) for name in train)
    # Shuffled: both parts begin with all letters alike.
    assert {name[0] for name in held_out} == {name[0] for name in train}


def test_tunes_are_three_fields_and_music() -> None:
    train, held_out = documents(loaded("tunes"), "\n\n")
    assert len(train) + len(held_out) > 2_800
    for tune in train + held_out:
        assert re.match(r"M:.*\nL:1/\d+\nK:[A-G][#b]?[a-z]*\n[^:]", tune), tune
    assert not {*train} & {*held_out}


def test_most_tunes_can_be_heard() -> None:
    train, _ = documents(loaded("tunes"), "\n\n")
    heard = [music.parse(tune) for tune in train[::130]]
    assert len(heard) >= 20
    for tune in heard:
        assert len(tune.notes) >= 10
        assert all(50 <= note.pitch <= 100 for note in tune.notes)


@pytest.mark.parametrize(("key", "fewest"), [("conversations", 750), ("conversations-zh", 400)])
def test_conversations_take_turns_and_no_question_is_in_both_parts(key: str, fewest: int) -> None:
    train, held_out = documents(loaded(key), "\n\n")
    blocks = train + held_out
    assert len(blocks) > fewest
    for block in blocks:
        lines = block.split("\n")
        assert len(lines) >= 2
        who = [line[:3] for line in lines]
        assert who == (["Q: ", "A: "] * len(lines))[: len(lines)], block
    openings = [{block.split("\n")[0].lower() for block in part} for part in (train, held_out)]
    assert len(openings[0] & openings[1]) <= 1  # the one the cut goes through, at most


def test_chinese_is_chinese() -> None:
    text = loaded("conversations-zh").preview().text
    assert sum("\u4e00" <= character <= "\u9fff" for character in text) > 100


def test_documentation_holds_every_topic() -> None:
    from pydoc_data.topics import topics

    data = loaded("python-docs")
    text = data.tokeniser.decode(data.train) + data.tokeniser.decode(data.held_out)
    assert all(topic.strip("\n") in text for topic in topics.values())


def test_a_path_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("My own words, again and again.\n" * 50)
    data = run(catalogue.load(str(path)))
    assert data.source == path
    assert data.key == str(path)
    assert run(catalogue.load(data.key)).to_json() == data.to_json()
    assert run(catalogue.load(f"{path}::byte")).tokeniser.kind == "byte"


@pytest.mark.parametrize("name", ["shakespeer", ""])
def test_a_name_that_is_none_is_told_what_there_is(name: str) -> None:
    with pytest.raises(PlaygroundError) as caught:
        run(catalogue.load(name))
    assert all(key in str(caught.value) for key in KEYS)


def test_a_path_that_leads_nowhere() -> None:
    with pytest.raises(PlaygroundError, match=r"no file .*nowhere\.txt"):
        run(catalogue.load("nowhere.txt"))


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path))

    def gone(package: str) -> None:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", gone)
    with pytest.raises(PlaygroundError, match="package names is not installed"):
        loaded("names")


def test_a_package_without_its_data_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path))
    monkeypatch.setattr(catalogue, "_folder", lambda package: tmp_path)
    with pytest.raises(PlaygroundError, match="Folk tunes came without it"):
        loaded("tunes")
    assert not list((tmp_path / "texts").glob("*")) if (tmp_path / "texts").exists() else True


@pytest.mark.parametrize("values", [{}, {"kind": "smells"}, {"kind": "text", "key": "names"}])
def test_damaged_json_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        catalogue.from_json(values)


def test_the_catalogue_is_light_to_import() -> None:
    code = (
        "import sys, engine.data.catalogue;"
        "print([name for name in ('torch', 'music21', 'yaml', 'PySide6') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_a_name_may_say_the_kind_of_its_tokens(kind: str) -> None:
    data = loaded(f"conversations::{kind}")
    assert data.tokeniser.kind == kind
    assert data.key == f"conversations::{kind}"
    again = loaded(data.key)
    assert again.held_out.tolist() == data.held_out.tolist()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("names", ("names", "auto")),
        ("a b.txt::bpe", ("a b.txt", "bpe")),
        ("C:\\texts\\x.txt", ("C:\\texts\\x.txt", "auto")),
        ("x::other", ("x::other", "auto")),
        ("::byte", ("", "byte")),
    ],
)
def test_names_are_taken_apart_and_put_together(name: str, parts: tuple[str, str]) -> None:
    assert catalogue.split_name(name) == parts
    assert catalogue.with_tokens(*parts) == name

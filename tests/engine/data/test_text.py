"""Own texts: read whole and right, with bounded memory, or refused in words that help."""

import codecs
import json
import shutil
import time
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from engine.data import text as texts
from engine.data.text import TextData, check_length, open_text, words_found
from engine.events import Progress
from engine.phrases import PlaygroundError

T = TypeVar("T")
STORY = "".join(f"Line {n}: the quick brown fox, naïve as ever, meets 漢字.\n" for n in range(400))


def run(steps: Generator[Progress, None, T]) -> tuple[T, list[Progress]]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return stop.value, told


def opened(path: Path, *arguments: Any, **more: Any) -> TextData:
    return run(open_text(path, *arguments, **more))[0]


def whole(data: TextData) -> str:
    return data.tokeniser.decode(data.train) + data.tokeniser.decode(data.held_out)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("PLAYGROUND_CACHE", str(folder))
    return folder


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_bytes(STORY.encode())
    return path


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() or path.name.startswith(".")]


# --- what is read


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_both_parts_together_are_the_whole_text(story: Path, kind: str) -> None:
    data = opened(story, kind, 300)
    assert data.tokeniser.kind == kind
    assert whole(data) == STORY
    assert data.tokens == (len(data.train), len(data.held_out))
    assert data.characters == len(STORY)
    held_out = data.tokeniser.decode(data.held_out)
    assert 0.08 * len(STORY) < len(held_out) <= 0.1 * len(STORY)
    assert held_out.startswith("Line ")  # the cut is between lines
    assert data.characters_per_token == pytest.approx(len(held_out) / len(data.held_out))
    assert data.characters_per_token == 1.0 or kind != "char"


@pytest.mark.parametrize(("kind", "dtype"), [("char", "u1"), ("byte", "u1"), ("bpe", "u2")])
def test_tokens_take_as_few_bytes_as_they_can(story: Path, kind: Any, dtype: str) -> None:
    data = opened(story, kind, 300)
    assert data.train.dtype == np.dtype(dtype)
    assert int(data.train.max()) < data.tokeniser.size
    with pytest.raises(ValueError, match="read-only"):
        data.train[0] = 1


def test_auto_takes_characters_unless_there_are_too_many(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(story).tokeniser.kind == "char"
    monkeypatch.setattr(texts, "MOST_CHARACTERS", 10)
    story.write_bytes(STORY.replace("fox", "dog").encode())
    assert opened(story, vocabulary=300).tokeniser.kind == "bpe"


def test_byte_pairs_do_not_depend_on_where_the_chunks_end(
    story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = opened(story, "bpe", 300)
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(texts, "_CHUNK_BYTES", 1009)  # cuts through characters, too
    monkeypatch.setattr(texts, "_BPE_CHUNK", 97)
    in_pieces = opened(story, "bpe", 300)
    assert in_pieces.tokeniser.to_json() == at_once.tokeniser.to_json()
    assert whole(in_pieces) == STORY
    # The two parts may meet at another line; a line is not longer than 60 tokens.
    same = min(len(in_pieces.train), len(at_once.train))
    assert same > len(at_once.train) - 60
    assert np.array_equal(in_pieces.train[:same], at_once.train[:same])


def test_a_text_without_any_space_is_cut_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_BPE_CHUNK", 50)
    path = tmp_path / "dense.txt"
    path.write_text("天地玄黄宇宙洪荒" * 500, "utf-8")
    assert whole(opened(path, "bpe", 300)) == path.read_text("utf-8")


@pytest.mark.parametrize(
    "content",
    [
        STORY.replace("\n", "\r\n").encode(),
        STORY.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + STORY.encode(),
        STORY.encode("utf-16"),
        codecs.BOM_UTF16_BE + STORY.encode("utf-16-be"),
        STORY.encode("utf-32"),
    ],
    ids=["crlf", "cr", "bom", "utf-16-le", "utf-16-be", "utf-32"],
)
@pytest.mark.parametrize("chunk", [1 << 19, 1001])
def test_line_ends_and_byte_order_marks(
    tmp_path: Path, content: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_CHUNK_BYTES", chunk)
    path = tmp_path / "story.txt"
    path.write_bytes(content)
    assert whole(opened(path)) == STORY


def test_facts_preview_and_words(story: Path) -> None:
    data = opened(story)
    facts = {str(title): value for title, value in data.facts()}
    assert facts["Length"] == f"{len(STORY):,} characters"
    assert facts["Vocabulary"] == f"{len(set(STORY))} characters"
    assert facts["File"] == str(story)
    assert data.title == "story.txt"
    assert data.key == str(story)
    assert data.kind == "text"
    assert len(data.sha256) == 64
    assert data.preview().text == STORY[:600]
    assert {"fox", "naïve", "漢字", "399"} <= data.vocabulary()
    assert "Fox" not in data.vocabulary()


def test_words_are_whole_across_the_parts_they_are_read_in(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = opened(story)
    monkeypatch.setattr(texts, "_CHUNK_BYTES", 7)
    held_out = data.tokeniser.decode(data.held_out)
    assert data.vocabulary() == frozenset(texts._WORD.findall(held_out.lower()))


def test_words_found() -> None:
    known = frozenset({"the", "cat", "sat"})
    assert words_found("The cat, zat.\nSAT", known) == 0.75
    assert words_found(" .,\n", known) == 0.0


def test_what_a_run_keeps_of_its_data(story: Path) -> None:
    data = opened(story, "bpe", 300)
    kept = TextData.from_json(json.loads(json.dumps(data.to_json())))
    assert kept.to_json() == data.to_json()
    assert kept.facts() == data.facts()
    assert kept.tokeniser.encode(STORY).tolist() == data.tokeniser.encode(STORY).tolist()
    assert len(kept.train) == len(kept.held_out) == 0
    assert kept.vocabulary() == frozenset()


# --- the cache


def test_the_second_time_nothing_is_read_but_the_hash(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(story)

    def never(*_: Any) -> None:
        raise AssertionError("the text was surveyed again")

    monkeypatch.setattr(texts, "_survey", never)
    second = opened(story)
    assert whole(second) == whole(first)
    assert second.to_json() == first.to_json()


def test_another_text_under_the_same_name_is_read_anew(story: Path) -> None:
    before = opened(story)
    story.write_bytes(STORY.replace("fox", "hen").encode())
    after = opened(story)
    assert after.sha256 != before.sha256
    assert whole(after) == STORY.replace("fox", "hen")


@pytest.mark.parametrize("victim", ["about.json", "train.bin"])
def test_a_damaged_entry_is_made_again(story: Path, cache: Path, victim: str) -> None:
    opened(story)
    (entry,) = cache.rglob(victim)
    entry.write_bytes(entry.read_bytes()[:-3])
    assert whole(opened(story)) == STORY


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_who_stops_leaves_nothing_behind(
    story: Path, cache: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_CHUNK_BYTES", 4096)
    monkeypatch.setattr(texts, "_BPE_CHUNK", 4096)
    _, told = run(open_text(story, kind, 300))
    shutil.rmtree(cache)
    half_way = 0
    for stop_after in range(1, len(told), 2):
        loading = open_text(story, kind, 300)
        for _ in range(stop_after):
            next(loading, None)
        half_way += bool(files_in(cache))
        loading.close()
        if not (cache / "tokens").exists() or not any((cache / "tokens").glob("[!.]*")):
            assert files_in(cache) == []
    assert half_way > 2


def test_who_fails_leaves_nothing_behind(
    story: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(texts, "_encode", fails)
    with pytest.raises(MemoryError):
        opened(story)
    assert files_in(cache) == []


def test_a_text_that_changes_meanwhile_is_refused(story: Path, cache: Path) -> None:
    loading = open_text(story)
    next(loading)
    story.write_bytes(STORY.encode() + b"more")
    with pytest.raises(PlaygroundError, match=r"story\.txt changed while"):
        run(loading)
    assert files_in(cache) == []


def test_a_cache_that_cannot_be_written_is_named(
    story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    monkeypatch.setenv("PLAYGROUND_CACHE", str(blocked))
    with pytest.raises(PlaygroundError, match=r"a file.*PLAYGROUND_CACHE"):
        opened(story)


# --- what is refused


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n" * 1000, "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 9, "not a text"),
        (b"plain text with one zero byte\0" + STORY.encode(), "not a text"),
        (bytes([1, 2, 3, 4, 65]) * 1000, "not a text"),
        (bytes([1, 2, 3, 4, 255]) * 1000, "not a text"),
        (b"PK\x03\x04" + bytes(range(255, -1, -1)) * 40, "not a text"),
        (b"too short", "9 characters, and at least 100"),
        (STORY.encode("utf-16")[:-1], "UTF-16"),
        (STORY.encode() + b"\xff\xfe", "not in UTF-8"),
        (STORY.encode() + "漢".encode()[:2], "not in UTF-8"),
        ("今天天气很好，我们去公园散步。\n".encode("gb18030") * 50, "looks like gb18030"),
        ("Привет, как дела? Всё хорошо, спасибо.\n".encode("cp1251") * 50, "looks like cp1251"),
        (
            b"x" * 200_000 + "今天天气很好，去散步吧。\n".encode("gb18030") * 50,
            "looks like gb18030",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, cache: Path, content: bytes, says: str) -> None:
    path = tmp_path / "strange.txt"
    path.write_bytes(content)
    with pytest.raises(PlaygroundError) as caught:
        opened(path)
    message = str(caught.value)
    assert says.lower() in message.lower()
    assert str(path) in message
    assert caught.value.phrase.template != message  # template and values stay apart
    assert files_in(cache) == []


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match=r"no file .*gone\.txt"):
        opened(tmp_path / "gone.txt")
    with pytest.raises(PlaygroundError, match="is a folder"):
        opened(tmp_path)


def test_a_file_that_may_not_be_read(story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PlaygroundError, match=r"story\.txt cannot be read \(Permission denied\)"):
        opened(story)


def test_an_unknown_tokeniser(story: Path) -> None:
    with pytest.raises(PlaygroundError, match=r"'words'.*auto, char, byte and bpe"):
        opened(story, "words")


def test_a_text_in_the_cache_can_still_be_too_short(story: Path) -> None:
    opened(story)
    with pytest.raises(PlaygroundError, match="at least 1000000"):
        opened(story, shortest=1_000_000)


def test_a_context_must_fit_into_both_parts(story: Path) -> None:
    data = opened(story)
    most = len(data.held_out) - 1
    check_length(data, most)
    with pytest.raises(PlaygroundError) as caught:
        check_length(data, most + 1)
    message = str(caught.value)
    assert f"at most {most}" in message
    assert f"{len(STORY):,} characters" in message
    needed = caught.value.phrase.values["needed"]
    assert len(STORY) < needed < 1.1 * len(STORY)


# --- large files


def test_a_large_file_needs_little_memory_and_never_holds_the_thread(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(1500):
            file.write(STORY)
    size = path.stat().st_size
    assert size > 30_000_000
    tracemalloc.start()
    try:
        loading = open_text(path, "char")
        told: list[Progress] = []
        turns = []
        while True:
            begun = time.perf_counter()
            try:
                told.append(next(loading))
            except StopIteration as stop:
                data: TextData = stop.value
                break
            turns.append(time.perf_counter() - begun)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24_000_000 < size
    assert data.characters == 1500 * len(STORY)
    assert sum(data.tokens) == data.characters
    assert len(turns) > 100
    assert sorted(turns)[len(turns) // 2] < 0.2  # at rest 0.01, but other programs may run
    done = [progress.done for progress in told]
    assert done == sorted(done, key=lambda part: part or 0.0)
    assert done[-1] == pytest.approx(0.99)
    assert all("large.txt" in progress.note for progress in told)
    assert data.tokeniser.decode(data.train[: len(STORY)]) == STORY
    assert data.tokeniser.decode(data.held_out[-len(STORY) :]) == STORY
    assert type(data.train) is np.ndarray
    assert isinstance(data.train.base, np.memmap)

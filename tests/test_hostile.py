"""Files of strangers: the worst of them, made by hand, are refused in words, and soon.

Thousands more, and how much memory they take, are for `python -m bench.hostile`.
"""

import contextlib
import io
import json
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import hostile_files as files
from engine.data import catalogue, images
from engine.export import read_weights
from engine.families import lstm
from engine.history import History
from engine.keeping import kept_steps
from engine.knobs import changed
from engine.phrases import PlaygroundError
from engine.session import Playground
from engine.store import RunError, Store
from engine.trained import load_trained
from tests.engine import small

pytestmark = [
    pytest.mark.timeout(60),  # some of these would wait for ever
    pytest.mark.skipif(sys.platform == "win32", reason="no pipes and devices with a name"),
]

SECONDS = 60.0  # that nothing hangs; how fast it is, `bench.hostile` measures
MODEL = lstm.MODEL
SOUND = r"accepted is a sound file \(\.wav"
POINTS = r"accepted is a \.csv, \.tsv or \.npy file"
PICTURES = r"accepted are PNG, JPEG"
PIPE = r"\(it is a pipe or a device, and no file\): accepted"
NO_ARRAY = f"is no numpy array of numbers: {POINTS}"
LONG_LINE = "has a line of more than 1,000,000 characters: accepted are short texts"
TOO_LARGE = r"has [\d,]+ million pixels, and at most 50 million are accepted"

REFUSED = {
    "a pipe as text": PIPE,
    "a pipe as table": PIPE,
    "a pipe as numpy": PIPE,
    "a pipe as sound": PIPE,
    "a pipe as picture": PIPE,
    "a pipe without ending": PIPE,
    "a device as text": PIPE,
    "a device as table": PIPE,
    "a device as numpy": PIPE,
    "a device as sound": PIPE,
    "a device as picture": PIPE,
    "a device without ending": PIPE,
    "a link to itself": r"cannot be read \(.*links.*\): accepted is a text file",
    "a link to nothing": f"there is no file .*: {POINTS}",
    "folders without end": "has no picture that can be used .* may not be read.*accepted are PNG",
    "PNG of 60,000 x 60,000": TOO_LARGE,
    "PNG of 16 bits and four channels": TOO_LARGE,
    "bitmap of negative height": TOO_LARGE,
    "TIFF of 60,000 x 60,000": TOO_LARGE,
    "TIFF in one strip": TOO_LARGE,
    "GIF beyond its screen": TOO_LARGE,
    "PPM of 10^9 points": TOO_LARGE,
    "JPEG, progressive, of 65,000 x 65,000": TOO_LARGE,
    "WAV of one sample a second": "says that it has 1 samples a second, and accepted are 1,000 to",
    "WAV of no samples a second": f"is no sound that can be read: {SOUND}",
    "WAV of 2 billion samples a second": "says that it has 2,147,483,647 samples a second",
    "WAV of 65,535 channels": f"is no sound that can be read: {SOUND}",
    "FLAC of 2^36 samples": f"is damaged or breaks off: {SOUND}",
    "numpy of 10^15 numbers": NO_ARRAY,
    "numpy of 2^64 numbers": NO_ARRAY,
    "numpy of negative size": NO_ARRAY,
    "numpy of 10^9 empty rows": rf"has the shape \(10000000000, 0\): {POINTS}",
    "numpy with deep brackets": NO_ARRAY,
    "numpy with many signs": NO_ARRAY,
    "numpy with a long header": NO_ARRAY,
    "numpy with a giant type": NO_ARRAY,
    "numpy of texts": NO_ARRAY,
    "numpy with objects": NO_ARRAY,
    "a pickle as numpy": NO_ARRAY,
    "a pickle without ending": "is too short: it has 48 characters, and at least 100 are needed",
    "one field of 49 MB": LONG_LINE,
    "one field of 49 MB, in quotes": LONG_LINE,
    "one field of 49 MB, one of its signs rare": LONG_LINE,
    "49 MB of commas": LONG_LINE,
    "49 MB of empty lines": "has 2 different sources, and at least 20 are needed",
    "49 MB of pairs": "has 2 different sources, and at least 20 are needed",
    "49 MB of empty lines after numbers": f"has 3 points, and at least 20 are needed: {POINTS}",
    "points that are no numbers": f"has no finite number in line 2: {POINTS}",
    "points beyond all bounds": f"has no finite number in line 1: {POINTS}",
    "only a mark of UTF-16": "is empty: accepted is a text of some thousand characters",
    "half a UTF-16": "begins like UTF-16 and is not: save it as UTF-8",
    "UTF-32 beyond Unicode": "begins like UTF-32 and is not: save it as UTF-8",
    "text of control signs": "is not a text .*: accepted is plain text",
    "a file of zeros": "is not a text .*: accepted is plain text",
    "a text of zeros": "is not a text .*: accepted is plain text",
}

SKIPPED = {
    "PNG of 60,000 x 60,000 in a folder": f"huge.png {TOO_LARGE}",
    "PNG just small enough": f"large.png {TOO_LARGE}",
    "an icon with a large picture": f"small.ico {TOO_LARGE}",
}

BAD_WEIGHTS = {
    "a pipe": "it is a pipe or a device, and no file",
    "a device": "it is a pipe or a device, and no file",
    "a folder": "Is a directory",
    "nothing": "header too small",
    "a header of 2^63 bytes": "header too large",
    "a deep header": "recursion limit",
    "tensors over each other": "invalid offset",
    "a tensor of 2^62 numbers": "overflow",
    "a tensor beyond the end": "invalid shape, data type, or offset",
    "deep settings": "it is nested too deep",
    "settings of another kind": "TypeError",
    "a pickle": "header too large",
}

LINK = "has a link in it .* which may lead anywhere: accepted is a run folder that has only folders"
BAD_RUNS = {
    "run.json nested deep": "is damaged: run.json: it is nested too deep",
    "run.json of 300 MB": "is damaged: run.json: it has 300,000,000 bytes, and at most 1,000,000",
    "run.json a pipe": "is damaged: run.json: it is a pipe or a device, and no file",
    "run.json a device": "is damaged: run.json: it is a pipe or a device, and no file",
    "run.json a folder": "is damaged: run.json: .*Is a directory",
    "run.json without end": "is damaged: run.json: .*links",
    "run.json of a list": "is damaged: run.json",
    "a number for no number": "run.json has wrong fields: seconds, created, saved",
    "steps before the first": "run.json has wrong fields: step",
    "a giant step": "run.json has wrong fields: step",
    "a giant seed": "the seed cannot be 10+: accepted is a whole number from 0",
    "knobs that are no numbers": "hidden cannot be nan: accepted is a whole number from 4",
    "knobs beyond their bounds": "hidden cannot be 1000000000: accepted is a whole number from 4",
    "knobs of another kind": r"hidden cannot be \[1\]: accepted is a whole number from 4",
    "knobs at their most": r"has [\d,]+ bytes, and a model with these settings [\d,]{9,}",
    "a checkpoint above": "has no saved state yet",
    "a checkpoint elsewhere": "has no saved state yet",
    "a checkpoint with a zero": "has no saved state yet",
    "a checkpoint without end": "has no saved state yet",
    "an id that leads elsewhere": "run.json has wrong fields: id",
    "data.json nested deep": "is damaged: data.json: it is nested too deep",
    "data.json a pipe": "is damaged: data.json: it is a pipe or a device, and no file",
    "data.json of another kind": "is damaged: data.json",
    "data.json with a kind that is a list": "is damaged: data.json",
    "data.json without an alphabet": "data.json: an alphabet needs at least one character",
    "data.json with every character": r"bytes, and a model with these settings [\d,]{9,}",
    "data.json with giant numbers": "data.json: 10+ is no whole number from 0",
    "data.json with numbers for texts": "data.json: key is no text",
    "state.json nested deep": "ValueError: it is nested too deep",
    "state.json with giant numbers": "10+ is no whole number from 0",
    "state.json with no numbers": "nan is no number",
    "state.json before the first step": "-7 is no whole number from 0",
    "weights nested deep": "recursion limit",
    "weights with a giant header": "header too large",
    "weights of others": "has 86 bytes, and a model with these settings",
    "weights that are no numbers": "some of its weights are no numbers",
    "weights a pipe": "it is a pipe or a device, and no file",
    "a history that claims 10^15 points": "it breaks off: its shape would be",
    "a history of objects": "it is of object, which are no numbers",
    "a history with 900 MB in a mark": "no mark reads",
    "a history that looks into objects": "no mark reads",
    "a history of other marks": "cannot be read",
    "a history a pipe": "it is a pipe or a device, and no file",
    "a pickle for a history": "File is not a zip file",
    "pickles for the optimisers": "header too large",
    "an optimiser a pipe": "it is a pipe or a device, and no file",
    "a state a device": "it is a pipe or a device, and no file",
    "checkpoints elsewhere": LINK,
    "snapshots elsewhere": LINK,
    "the checkpoint elsewhere": LINK,
}


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own; and a folder to be in where a pickle would leave a trace."""
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    begun = time.perf_counter()
    yield
    assert not list((tmp_path / "here").iterdir()), "something was written here"
    assert time.perf_counter() - begun < 6 * SECONDS  # with what it takes to make the file


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was trained for a few steps."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "words.txt").write_text(small.sentences(400))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_CACHE", str(folder / "cache"))
        playground = Playground([MODEL], folder / "runs", threads=1)
        session = playground.open(MODEL)
        session.watch = None
        net = changed(session.net, {"hidden": 8, "layers": 1})
        session.choose(data=str(folder / "words.txt"), net=net)
        job = session.start(steps=4)
        job.wait()
        assert playground.close()
    assert job.error is None
    assert session.run is not None
    return folder / "runs" / session.run.id


def loaded(name: str) -> Any:
    loading = catalogue.load(name)
    while True:
        try:
            next(loading)
        except StopIteration as stop:
            return stop.value


def soon(work: Callable[[], Any]) -> str:
    """What a refusal says, which must come within seconds."""
    begun = time.perf_counter()
    with pytest.raises(PlaygroundError) as caught:
        work()
    assert time.perf_counter() - begun < SECONDS
    return str(caught.value)


# --- files that are opened or dropped


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_is_refused_in_words(tmp_path: Path, what: str) -> None:
    name = files.WORST_FILES[what](tmp_path)
    begun = time.perf_counter()
    kind = catalogue.kind_of(name)
    assert time.perf_counter() - begun < SECONDS
    looked_at = kind == "picture"
    words = soon(lambda: images.picture_of(name, (8, 8, 1)) if looked_at else loaded(name))
    assert Path(name).name in words
    assert re.search(REFUSED[what], words), words


@pytest.mark.parametrize("what", SKIPPED)
def test_one_bad_picture_does_not_spoil_a_folder(tmp_path: Path, what: str) -> None:
    data = loaded(files.WORST_FILES[what](tmp_path))
    assert data.counts == (1, 1)
    assert re.fullmatch(SKIPPED[what], images.told_skipped(data.skipped).removeprefix("1: "))


@pytest.mark.parametrize("what", ["a pipe among pictures", "a device among pictures"])
def test_what_is_no_file_is_passed_over_in_a_folder(tmp_path: Path, what: str) -> None:
    data = loaded(files.WORST_FILES[what](tmp_path))
    assert (data.counts, data.skipped) == ((1, 1), ())


def test_odd_names_and_links_in_a_folder(tmp_path: Path) -> None:
    data = loaded(files.WORST_FILES["a folder of odd names"](tmp_path))
    assert sum(data.counts) > 10
    assert [name for name, _why in data.skipped] == ["away.png"]
    json.dumps(data.to_json())


def test_what_only_claims_to_be_large_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    data = loaded(files.WORST_FILES["WAV of 4 GB"](tmp_path))
    assert sum(data.counts) == 8000
    assert data.remark == ""  # so large is what a program writes that does not know yet


def test_words_without_a_space_do_not_take_for_ever(tmp_path: Path) -> None:
    data = loaded(files.WORST_FILES["text without a space"](tmp_path))
    assert data.tokeniser.kind == "bpe"
    assert files.WIDE.startswith(data.tokeniser.decode(data.train[:20]).rstrip("\ufffd"))


@pytest.mark.parametrize("name", files.NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    (tmp_path / "x").mkdir()
    catalogue.kind_of(name)
    for work in (store.read, store.delete, store.undelete, store.path):
        try:
            work(name)
        except PlaygroundError:
            continue
        assert work == store.path
        assert store.path(name).parent == store.folder
    assert (tmp_path / "x").is_dir()


def test_a_name_with_bytes_that_are_no_text_can_be_saved(tmp_path: Path, good: Path) -> None:
    run = Store(good.parent).read(good.name)
    store = Store(tmp_path / "runs")
    odd = type(run)(**{**run.__dict__, "data": "/\udcff.txt", "data_title": "\udcff.txt"})
    store.write(odd)
    assert store.read(run.id) == odd


# --- weights and run folders


@pytest.mark.parametrize("what", BAD_WEIGHTS)
def test_weights_are_refused_in_words(tmp_path: Path, what: str) -> None:
    name = files.WORST_WEIGHTS[what](tmp_path)
    words = soon(lambda: read_weights(Path(name), [MODEL]))
    assert Path(name).name in words
    assert "accepted are weights that were exported here" in words
    assert BAD_WEIGHTS[what] in words


@pytest.mark.parametrize("what", BAD_RUNS)
def test_a_run_folder_is_refused_in_words(tmp_path: Path, good: Path, what: str) -> None:
    run, outside = tmp_path / "runs" / good.name, tmp_path / "outside"
    shutil.copytree(good, run)
    outside.mkdir()
    files.WORST_RUNS[what](run, outside)
    before = sorted(outside.rglob("*"))
    store = Store(run.parent)
    store.survey()
    words = soon(lambda: opened(store, run.name))
    assert run.name in words
    assert re.search(BAD_RUNS[what], words), words
    store.delete(run.name)
    store.empty_trash(-1)
    assert sorted(outside.rglob("*")) == before


def opened(store: Store, run: str) -> None:
    """As the window opens it."""
    playground = Playground([MODEL], store.folder, threads=1)
    try:
        job = playground.open(MODEL).restore(run)
        job.wait()
        if job.error is not None:
            raise job.error
    finally:
        playground.close()


@pytest.mark.parametrize("what", ["knobs at their most", "weights nested deep", "weights a pipe"])
def test_bad_weights_are_refused_for_sampling_too(tmp_path: Path, good: Path, what: str) -> None:
    run = tmp_path / "runs" / good.name
    shutil.copytree(good, run)
    files.WORST_RUNS[what](run, tmp_path)
    store = Store(run.parent)
    words = soon(lambda: load_trained(store, store.read(run.name), MODEL))
    assert f"the weights of the run {run.name} cannot be read" in words


def test_steps_of_odd_names_are_passed_over(tmp_path: Path, good: Path) -> None:
    run = tmp_path / "runs" / good.name
    shutil.copytree(good, run)
    files.WORST_RUNS["snapshots of odd names"](run, tmp_path)
    assert set(kept_steps(run / "snapshots", 4)) == {0, 1, 2, 3, 4}


def test_a_bomb_for_a_history(tmp_path: Path) -> None:
    head = files.npy("(90000000, 3)", body=b"")
    name = files.zip_bomb("history.npz", "series/loss.npy", head, 80 << 20)(tmp_path)
    assert Path(name).stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="more than 64,000,000 bytes unpacked"):
        History.load(Path(name))


# --- anything at all


def refusal(work: Callable[[], Any]) -> str:
    """What it is refused with; empty where it is accepted. Whatever else is raised is a fault."""
    try:
        work()
    except PlaygroundError as error:
        return str(error)
    return ""


ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@ANY
@given(st.binary(max_size=400), st.sampled_from((".txt", ".csv", ".tsv", ".npy", ".wav", "")))
def test_any_bytes(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"any{ending}"
    path.write_bytes(content)
    catalogue.kind_of(path)
    words = refusal(lambda: loaded(str(path)))
    assert not words or path.name in words


CELLS = st.text(alphabet=st.sampled_from("a1.-\"'\0\r\n ,;\te∞٣🙂"), max_size=6)


@ANY
@given(st.lists(st.lists(CELLS, max_size=4), min_size=20, max_size=40), st.sampled_from(",;\t"))
def test_any_table(tmp_path: Path, rows: list[list[str]], mark: str) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes("\n".join(mark.join(row) for row in rows).encode())
    words = refusal(lambda: loaded(str(path)))
    assert not words or path.name in words


@ANY
@given(JSON)
def test_any_record_for_a_run(tmp_path: Path, value: Any) -> None:
    place = tmp_path / "runs" / "any"
    place.mkdir(parents=True, exist_ok=True)
    (place / "run.json").write_text(json.dumps(value))
    with pytest.raises(RunError, match="any"):
        Store(tmp_path / "runs").read("any")


@ANY
@given(st.sampled_from(("run.json", "data.json", "state.json")), st.data())
def test_any_value_in_a_run(tmp_path: Path, good: Path, name: str, data: st.DataObject) -> None:
    run = tmp_path / "runs" / good.name
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(good, run)
    path = run / name if (run / name).exists() else files.checkpoint_of(run) / name
    values = json.loads(path.read_text())
    key = data.draw(st.sampled_from(sorted(values)))
    values[key] = data.draw(JSON | st.sampled_from(files.EXTREME))
    path.write_text(json.dumps(values))
    refusal(lambda: opened(Store(run.parent), run.name))


@ANY
@given(st.lists(st.tuples(JSON, JSON, JSON), max_size=3), st.binary(max_size=80))
def test_any_history(tmp_path: Path, marks: list[Any], member: bytes) -> None:
    text = io.BytesIO()
    np.save(text, np.array(json.dumps(marks)))
    with zipfile.ZipFile(tmp_path / "any.npz", "w") as archive:
        archive.writestr("marks.npy", text.getvalue())
        if member:
            archive.writestr("series/loss.npy", member)
    # `Learner.load` refuses whatever is raised, with its name.
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
        History.load(tmp_path / "any.npz")

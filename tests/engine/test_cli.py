"""engine/__main__.py: the command line, in this process and once as a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from PIL import Image

from engine import __main__ as command_line
from engine.__main__ import EXPORTED, Output, assign, find_model, main, report
from engine.data import catalogue
from engine.events import Ended, Event, Progress, Said
from engine.export import EXPORTS
from engine.families import FAMILIES
from engine.family import Family
from engine.knobs import KnobError
from engine.phrases import PlaygroundError
from engine.store import Store
from engine.worker import Job
from tests.engine import tiny
from tests.engine.second import Second
from tests.engine.test_export import PAINTER, SINGER

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--set", "hidden=8", "--set", "width=4", "--set", "context=8", "--set", "batch=4")


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output, where each line must be a JSON object."""
        found = [json.loads(line) for line in self.out.splitlines()]
        assert all(isinstance(each, dict) for each in found)
        return found


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing outside the test's own folder is read or written."""
    monkeypatch.setenv("PLAYGROUND_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PLAYGROUND_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Result:
        threads = torch.get_num_threads()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse's own refusals
            status = int(end.code or 0)
        finally:
            torch.set_num_threads(threads)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A few thousand characters of a language of ten words."""
    words = ("ada", "bob", "cid", "eve", "fay", "gus", "ida", "joe", "kim", "lou")
    drawn = np.random.default_rng(0).choice(words, size=1000)
    path = tmp_path / "words.txt"
    path.write_text("\n".join(" ".join(drawn[n : n + 5]) for n in range(0, 1000, 5)) + "\n")
    return path


@pytest.fixture
def trained(cli: Cli, text: Path) -> str:
    """The name of a run of twelve steps."""
    done = cli("train", "rnn", "--data", text, "--steps", 12, *SMALL, "--json")
    assert done.status == 0, done
    return str(done.lines[-1]["run"])


# --- list


def test_the_list_in_json_is_every_model_with_its_data_and_presets(cli: Cli) -> None:
    done = cli("list", "--json")
    assert done.status == 0
    models = [(family, model) for family in FAMILIES for model in family.models]
    assert done.lines == [
        {
            "key": model.key,
            "family": family.key,
            "title": model.title,
            "data": [entry.key for entry in catalogue.DATA if entry.kind == model.accepts],
            "presets": [preset.key for preset in model.presets],
        }
        for family, model in models
    ]
    assert {"rnn", "gru", "lstm", "transformer"} <= {each["key"] for each in done.lines}
    for each in done.lines:
        assert list(each) == ["key", "family", "title", "data", "presets"]
        assert each["data"]
        assert each["presets"]


def test_the_list_for_people(cli: Cli) -> None:
    done = cli("list")
    assert done.status == 0
    for each in ("lstm", "transformer", "names", "default"):
        assert each in done.out


# --- train


def test_training_in_json_reports_and_ends(cli: Cli, text: Path, tmp_path: Path) -> None:
    arguments = ("train", "rnn", "--data", text, "--seconds", 1.2, "--seed", 3, *SMALL)
    done = cli(*arguments, "--json")
    assert done.status == 0
    *reports, ended = done.lines
    assert len(reports) >= 2
    assert {each["event"] for each in reports} == {"progress"}
    for each in reports:
        assert list(each) == ["event", "step", "seconds", "metrics"]
        assert each["metrics"]["loss"] > 0
    steps = [each["step"] for each in reports]
    assert steps == sorted(set(steps))
    assert list(ended) == ["event", "reason", "run", "step", "seconds", "metrics"]
    assert (ended["event"], ended["reason"]) == ("ended", "finished")
    assert ended["seconds"] >= 1.2
    assert ended["step"] == steps[-1]
    assert {"loss", "held_out", "bits_per_char"} <= set(ended["metrics"])
    metrics = ended["metrics"]
    assert metrics["bits_per_char"] == pytest.approx(metrics["held_out"] / np.log(2))
    assert metrics["held_out"] < 2.8, "it has learned something: ln 19 is 2.94"
    run = Store(tmp_path / "runs").read(ended["run"])
    assert (run.step, run.seed, run.model) == (ended["step"], 3, "rnn")
    assert Path(run.data) == text
    assert (run.net["hidden"], run.net["context"], run.train["batch"]) == (8, 8, 4)


def test_training_for_people(cli: Cli, text: Path) -> None:
    done = cli("train", "rnn", "--data", text, "--steps", 3, *SMALL)
    assert done.status == 0
    assert "finished at step 3" in done.out
    assert "held_out" in done.out


def test_a_short_training_reports_once_before_it_ends(cli: Cli, text: Path) -> None:
    done = cli("train", "gru", "--data", text, "--steps", 2, *SMALL, "--json")
    assert [each["event"] for each in done.lines] == ["progress", "ended"]
    assert [each["step"] for each in done.lines] == [2, 2]


def test_the_same_command_gives_the_same_numbers(cli: Cli, text: Path) -> None:
    arguments = ("train", "lstm", "--data", text, "--steps", 6, *SMALL, "--json")
    first, second = (cli(*arguments).lines[-1] for _ in range(2))
    assert first["run"] != second["run"]
    assert first["metrics"]["held_out"] == second["metrics"]["held_out"]
    other = cli(*arguments, "--seed", 2).lines[-1]
    assert other["metrics"]["held_out"] != first["metrics"]["held_out"]


def test_the_runs_folder_can_be_named(cli: Cli, text: Path, tmp_path: Path) -> None:
    arguments = ("train", "rnn", "--data", text, "--steps", 1, *SMALL, "--json")
    run = cli(*arguments, "--runs-dir", tmp_path / "elsewhere").lines[-1]["run"]
    assert (tmp_path / "elsewhere" / run / "run.json").is_file()
    assert not (tmp_path / "runs").exists()


def test_a_run_is_continued_as_if_it_had_never_stopped(cli: Cli, text: Path, trained: str) -> None:
    goes_on = ("--continue", trained, "--steps", 20, "--json")
    ended = cli("train", "rnn", *goes_on).lines[-1]
    assert (ended["run"], ended["step"]) == (trained, 20)
    unbroken = cli("train", "rnn", "--data", text, "--steps", 20, *SMALL, "--json").lines[-1]
    assert ended["metrics"]["held_out"] == unbroken["metrics"]["held_out"]


def test_a_live_knob_can_change_where_a_run_goes_on(cli: Cli, trained: str, tmp_path: Path) -> None:
    change = ("--set", "learning_rate=0.001")
    done = cli("train", "rnn", "--continue", trained, "--steps", 14, *change, "--json")
    assert done.status == 0
    assert Store(tmp_path / "runs").read(trained).train["learning_rate"] == 0.001


def test_a_run_that_another_program_trains_is_told_and_a_copy_goes_on(
    cli: Cli, trained: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "runs")
    goes_on = ("train", "rnn", "--continue", trained, "--steps", 14, "--json")
    with Second(store.folder, "hold", trained) as other:
        assert other.told("held")
        message = refused(cli(*goes_on))
        assert f"is in training elsewhere, by second.py (PID {other.pid}), since" in message
        (listed,) = cli("runs", "--json").lines
        assert listed["trained_by"] == f"second.py (PID {other.pid})"
        assert "trained by second.py" in cli("runs").out
        assert cli("sample", trained, "--json").status == 0
        ended = cli(*goes_on, "--copy").lines[-1]
    assert ended["run"] != trained
    assert ended["step"] == 14
    assert [run.step for run in store.runs()] == [14, 12]
    (run, _) = cli("runs", "--json").lines
    assert "trained_by" not in run


def test_a_copy_needs_a_run_to_copy(cli: Cli, text: Path) -> None:
    message = refused(cli("train", "rnn", "--data", text, "--copy", "--json"))
    assert "--copy goes with --continue" in message


# --- what can be mended


def refused(done: Result) -> str:
    """The message of a refusal, which must be the same for people and programs."""
    assert done.status == 2
    assert "Traceback" not in done.err
    if not done.out:
        return done.err
    message = str(done.lines[-1]["message"])
    assert done.lines[-1] == {"event": "error", "message": message}
    assert message in done.err.replace("\n", " ")
    return message


BAD: list[tuple[tuple[str, ...], str]] = [
    (("elman",), "there is no model 'elman': there are rnn, gru, lstm, transformer"),
    (("rnn", "--preset", "huge"), "there is no preset 'huge': there are default, bare, long"),
    (("rnn", "--set", "hiden=8"), "'hiden=8' sets no knob: accepted is NAME=VALUE with one of"),
    (("rnn", "--set", "hidden"), "'hidden' sets no knob"),
    (("rnn", "--set", "hidden=two"), "hidden cannot be 'two': accepted is a whole number from 4"),
    (("rnn", "--set", "hidden=99999"), "hidden cannot be '99999': accepted is"),
    (("rnn", "--set", "learning_rate=nan"), "learning_rate cannot be 'nan': accepted is a number"),
    (("rnn", "--data", "nothing"), "there is no data set 'nothing': there are names, tunes"),
    (("rnn", "--continue", "nothing"), "is not a run folder"),
    (("rnn", "--continue", ".."), "'..' is not the name of a run"),
    (("rnn", "--seed", "-1"), "the seed cannot be -1: accepted is a whole number from 0"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_a_bad_argument_is_refused_by_name(
    cli: Cli, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    assert said in refused(cli("train", *arguments, "--json"))
    people = cli("train", *arguments)
    assert people.status == 2
    assert people.out == ""
    assert said in people.err
    assert not list((tmp_path / "runs").glob("*/run.json"))


@pytest.mark.parametrize(
    "arguments",
    [("rnn", "--steps", "many"), ("rnn", "--colour", "red"), (), ("rnn", "--seed", "x")],
)
def test_what_no_command_line_is_is_refused_with_its_usage(
    cli: Cli, arguments: tuple[str, ...]
) -> None:
    done = cli("train", *arguments, "--json")
    assert done.status == 2
    assert done.out == ""
    assert "usage:" in done.err


def test_an_unfit_text_is_refused_by_name(cli: Cli, tmp_path: Path) -> None:
    for name, content in (
        ("empty.txt", b""),
        ("short.txt", b"too short"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\x00\x81" * 50),
        ("latin.txt", "é".encode("latin-1") * 3000),
    ):
        (tmp_path / name).write_bytes(content)
        message = refused(cli("train", "rnn", "--data", tmp_path / name, "--steps", 1, "--json"))
        assert name in message or "too short" in message
    assert str(tmp_path) in refused(cli("train", "rnn", "--data", tmp_path, "--json"))


def test_a_run_of_another_model_is_refused(cli: Cli, trained: str) -> None:
    message = refused(cli("train", "lstm", "--continue", trained, "--json"))
    assert f"the run {trained} is of the model rnn, not lstm" in message


def test_what_is_not_live_does_not_change_where_a_run_goes_on(cli: Cli, trained: str) -> None:
    go_on = ("train", "rnn", "--continue", trained, "--json", "--set")
    assert "batch cannot change while training" in refused(cli(*go_on, "batch=2"))
    assert "'hidden=16' sets no knob" in refused(cli(*go_on, "hidden=16"))


@pytest.mark.parametrize("command", ["sample", "export"])
def test_a_run_that_is_none_is_refused(
    cli: Cli, command: str, tmp_path: Path, trained: str
) -> None:
    (tmp_path / "holiday").mkdir()
    assert "holiday is not a run folder" in refused(cli(command, tmp_path / "holiday", "--json"))
    assert "is not a run folder" in refused(cli(command, "nothing", "--json"))
    assert "'..' is not the name of a run" in refused(
        cli(command, "..", "--runs-dir", tmp_path / "runs", "--json")
    )
    weights = tiny.checkpoint_file(tmp_path / "runs" / trained, "averaged.safetensors")
    weights.write_bytes(weights.read_bytes()[:200])
    said = refused(cli(command, trained, "--json"))
    assert f"the weights of the run {trained} cannot be read" in said


# --- sample, export, runs


def test_a_sample_follows_its_settings_and_its_seed(cli: Cli, trained: str, tmp_path: Path) -> None:
    asked = ("sample", trained, "--set", "length=30", "--set", "prompt=ada", "--json")
    (line,) = cli(*asked).lines
    assert list(line) == ["event", "run", "step", "text"]
    assert (line["event"], line["run"], line["step"]) == ("sample", trained, 12)
    assert line["text"].startswith("ada")
    assert len(line["text"]) == 33
    assert cli(*asked).lines == [line]
    assert cli(*asked, "--seed", 5).lines != [line]
    assert cli("sample", tmp_path / "runs" / trained, *asked[2:]).lines == [line]
    assert cli(*asked[:-1]).out == line["text"] + "\n"


def test_a_bad_sample_setting_is_refused_by_name(cli: Cli, trained: str) -> None:
    for bad, said in (
        ("temperature=-1", "temperature cannot be '-1': accepted is a number from 0 to 3"),
        ("prompt=Ω", "Ω"),
        ("heat=1", "'heat=1' sets no knob"),
    ):
        assert said in refused(cli("sample", trained, "--set", bad, "--json"))
    assert "seed cannot be" in refused(cli("sample", trained, "--seed", 2**31, "--json"))


def test_an_export_has_the_averaged_weights_and_says_what_they_are(
    cli: Cli, trained: str, tmp_path: Path
) -> None:
    (line,) = cli("export", trained, "--json").lines
    path = f"{trained}.safetensors"
    assert line == {"event": "exported", "run": trained, "step": 12, "file": path}
    averaged = tiny.checkpoint_file(tmp_path / "runs" / trained, "averaged.safetensors")
    expected = safetensors.torch.load_file(averaged)
    exported = safetensors.torch.load_file(tmp_path / path)
    assert set(exported) == set(expected)
    assert all(torch.equal(exported[name], expected[name]) for name in expected)
    with safetensors.safe_open(tmp_path / path, "pt") as file:
        about = file.metadata()
    assert json.loads(about["run"])["id"] == trained
    assert json.loads(about["data"])["title"] == "words.txt"
    out = tmp_path / "here.safetensors"
    assert cli("export", trained, "--out", out).out == f"{out}\n"
    assert out.is_file()


def test_an_export_to_nowhere_is_refused(cli: Cli, trained: str, tmp_path: Path) -> None:
    out = tmp_path / "no" / "such" / "folder.safetensors"
    assert f"cannot write {out}" in refused(cli("export", trained, "--out", out, "--json"))


def test_a_sample_of_text_can_go_to_a_file_too(cli: Cli, trained: str, tmp_path: Path) -> None:
    said, written = cli("sample", trained, "--out", "a.txt", "--json").lines
    assert written == {"event": "sample", "run": trained, "step": 12, "file": "a.txt"}
    assert (tmp_path / "a.txt").read_text("utf-8") == said["text"]
    cli("export", trained, "--what", "text", "--out", "b.txt")
    assert (tmp_path / "b.txt").read_text("utf-8") == said["text"]


def test_what_a_model_cannot_give_is_refused(cli: Cli, trained: str) -> None:
    refusal = refused(cli("export", trained, "--what", "film", "--json"))
    assert "'film' cannot be exported of Elman RNN: accepted is one of text, weights" in refusal
    assert cli("export", trained, "--what", "everything").status == 2
    assert tuple(each.key for each in EXPORTS) == EXPORTED


def test_an_exported_script_runs_by_itself(cli: Cli, trained: str, tmp_path: Path) -> None:
    place = tmp_path / "taken along"
    place.mkdir()
    out = place / "my model.py"
    assert cli("export", trained, "--what", "script", "--out", out).out == f"{out}\n"
    shutil.rmtree(tmp_path / "runs")  # it needs nothing else
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(out)],
        cwd=tmp_path,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    written = place / "my model.txt"
    assert done.stdout == f"{written}\n"
    assert len(written.read_text("utf-8")) > 100


# --- pictures, with a model in place of those that there are


@pytest.fixture
def painted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a run of a model of pictures."""
    family = Family("painters", "Painters", "", lambda: (PAINTER,))
    monkeypatch.setattr(command_line, "FAMILIES", (family,))
    tiny.Catalogue().put_in_place(monkeypatch)
    return str(cli("train", "tiny", "--steps", 9, "--json").lines[-1]["run"])


def test_pictures_go_to_a_file(cli: Cli, painted: str, tmp_path: Path) -> None:
    (line,) = cli("sample", painted, "--json").lines
    assert line == {"event": "sample", "run": painted, "step": 9, "file": f"{painted}.png"}
    done = cli("sample", painted, "--set", "length=7", "--out", "a.png")
    assert done.out == "a.png\n"
    with Image.open(tmp_path / "a.png") as picture:
        assert json.loads(picture.info["sample"]) == {"length": 7}
        assert picture.info["run"] == painted
    cli("sample", painted, "--out", "a.npz")
    with np.load("a.npz") as numbers:
        assert numbers["pixels"].shape == (4, 6, 6, 1)


def test_sounds_go_to_a_file(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    family = Family("singers", "Singers", "", lambda: (SINGER,))
    monkeypatch.setattr(command_line, "FAMILIES", (family,))
    tiny.Catalogue().put_in_place(monkeypatch)
    (line,) = cli("list", "--json").lines
    assert {"notes", "spoken"} <= {*line["data"]}
    run = str(cli("train", "tiny", "--steps", 9, "--json").lines[-1]["run"])
    (said,) = cli("sample", run, "--json").lines
    assert said == {"event": "sample", "run": run, "step": 9, "file": f"{run}.wav"}
    assert cli("sample", run, "--set", "length=7", "--out", "a.wav").out == "a.wav\n"
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        inside = json.loads(file.comment)
        assert (file.frames, file.samplerate) == (800, 8000)
    assert (inside["run"], inside["sample"]) == (run, {"length": 7})
    (exported,) = cli("export", run, "--what", "sound", "--out", "b.wav", "--json").lines
    assert (exported["event"], exported["file"]) == ("exported", "b.wav")


@pytest.mark.parametrize(("what", "frames"), [("picture", 1), ("film", 7), ("denoising", 60)])
def test_pictures_and_films_are_exported(cli: Cli, painted: str, what: str, frames: int) -> None:
    (line,) = cli("export", painted, "--what", what, "--json").lines
    assert line["event"] == "exported"
    with Image.open(line["file"]) as picture:
        assert getattr(picture, "n_frames", 1) == frames


# --- download


def test_a_download_reports_and_ends(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    key = next(entry.key for entry in catalogue.DATA if entry.download)
    asked = []

    def fetch(key: str) -> Iterator[Progress]:
        asked.append(key)
        for part in range(5):
            yield Progress(0, 0.0, part / 4, note="half way")

    monkeypatch.setattr(catalogue, "fetch", fetch)
    *reports, last = cli("download", key, "--json").lines
    assert reports[0] == {"event": "progress", "done": 0.0, "note": "half way"}
    assert last == {"event": "downloaded", "key": key}
    assert cli("download", key).out == f"{key}\n"
    assert asked == [key, key]


def test_a_download_that_fails_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(key: str) -> Iterator[Progress]:
        yield Progress(0, 0.0, 0.5)
        raise tiny.PlaygroundError_("there is no network")

    monkeypatch.setattr(catalogue, "fetch", fetch)
    key = next(entry.key for entry in catalogue.DATA if entry.download)
    assert "there is no network" in refused(cli("download", key, "--json"))


def test_what_cannot_be_downloaded_is_told(cli: Cli) -> None:
    assert "digits comes with the program" in refused(cli("download", "digits", "--json"))
    assert "there is no data set 'nothing'" in refused(cli("download", "nothing", "--json"))


def test_the_runs_newest_first_and_what_is_wrong_with_others(
    cli: Cli, text: Path, trained: str, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "0-holiday").mkdir()
    (tmp_path / "runs" / "0-holiday" / "photo.jpg").write_text("x")
    first, second = cli("runs", "--json").lines
    assert first == {"run": trained, "model": "rnn", "data": str(text), "step": 12}
    assert list(second) == ["error"]
    assert "0-holiday is not a run folder" in second["error"]
    assert trained in cli("runs").out
    assert cli("runs", "--json", "--runs-dir", tmp_path / "none").out == ""


# --- parts


def test_assignments_go_to_the_record_that_has_the_knob() -> None:
    net, train = assign(["width=3", "batch=5", "dropout=0", "batch=6"], tiny.NET, tiny.TRAIN)
    assert (net.width, net.dropout, train.batch) == (3, 0.0, 6)
    assert assign([], tiny.NET) == (tiny.NET,)
    with pytest.raises(KnobError, match="width cannot be '0'"):
        assign(["width=0"], tiny.NET)
    with pytest.raises(PlaygroundError, match=r"'=3' sets no knob.*width, dropout"):
        assign(["=3"], tiny.NET)


def test_numbers_that_are_none_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.object(metrics={"loss": float("nan"), "rate": float("inf"), "held_out": 1.5})
    output.line("for people")
    said = capsys.readouterr().out
    assert said == '{"metrics": {"loss": null, "rate": null, "held_out": 1.5}}\n'


def test_a_model_is_found_by_its_key() -> None:
    assert find_model("lstm").key == "lstm"


class Scripted(Job):
    """A job that tells these events, some at each look, and is never quite over."""

    def __init__(self, *looks: tuple[Event, ...]) -> None:
        super().__init__(None, "scripted", None, None)  # type: ignore[arg-type]
        self.looks = list(looks)

    def wait(self, timeout: float | None = None) -> bool:
        for event in self.looks.pop(0):
            self.tell(event)
        return False


@pytest.mark.parametrize(
    "looks",
    [
        ((Progress(5, 0.1, 1.0, {"loss": 2.0}), Ended("finished")),),
        ((Progress(5, 0.1, 1.0, {"loss": 2.0}),), (Ended("finished"),)),
    ],
    ids=["with it", "before it"],
)
def test_the_last_progress_is_reported_however_the_end_comes(
    looks: tuple[tuple[Event, ...], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    report(Scripted(*looks), Output(as_json=True))
    assert json.loads(capsys.readouterr().out)["step"] == 5


def test_progress_is_reported_now_and_then_and_never_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = [(Progress(step, 0.1, None, {"loss": 2.0}),) for step in range(1, 13)]
    report(Scripted(*looks, (Said("hello"),), (Ended("finished"),)), Output(as_json=True))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("step") for line in lines] == [5, 10, None, 12]
    assert lines[2] == {"event": "said", "text": "hello"}


# --- as a process of its own


def test_a_request_to_terminate_saves_and_ends_well(text: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine", "train", "rnn", "--data", str(text), *SMALL]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--steps", "10000000", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["event"] == "progress"
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        rest, errors = process.communicate(timeout=30)
        assert time.monotonic() - began < 20
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in rest.splitlines()]
    ended = lines[-1]
    assert (ended["event"], ended["reason"]) == ("ended", "stopped")
    assert {"loss", "held_out", "bits_per_char"} <= set(ended["metrics"])
    assert {line["event"] for line in lines[:-1]} <= {"progress"}
    run = Store(tmp_path / "runs").read(ended["run"])
    assert run.step == ended["step"] >= first["step"]
    assert "Traceback" not in errors

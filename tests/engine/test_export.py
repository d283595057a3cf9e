"""engine/export.py: files that other programs can read, whole or not there at all."""

import dataclasses
import errno
import json
import math
import os
import pickle
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import soundfile
import torch
from PIL import Image

from engine import export, families
from engine.export import Source, offered, read_weights, write, write_sample, write_weights
from engine.families import FAMILIES
from engine.family import Drawing, Family, Model, Trained, View
from engine.knobs import NoKnobs, as_dict, changed
from engine.layers.compiling import Background
from engine.learner import Learner
from engine.payloads import Bars, Dots, Film, Images, Panels, Plane, Raster, Sheet, Sound, Text
from engine.phrases import PlaygroundError
from engine.store import Run
from engine.trained import as_trained
from tests.engine import small, tiny

SIDE = 6
EVERY = [
    model
    for family in FAMILIES
    for model in family.models
    if model.accepts in ("images", "points", "sound")
]


@pytest.fixture(autouse=True)
def catalogue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model's data, but for the tests of models that are in the list."""
    if "model" not in request.fixturenames:
        tiny.Catalogue().put_in_place(monkeypatch)


def pictures(count: int, channels: int = 1, seed: int = 0, side: int = SIDE) -> Any:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, side, side, channels)).astype(np.uint8)


def paint(trained: Trained, knobs: Any, keep: Any) -> Drawing:
    """Four pictures that the weights decide: each as bright as a weight is large."""
    weights = trained.module.head.weight.flatten()[:4].tolist()
    yield None
    bright = [int(255 / (1 + math.exp(-20 * weight))) for weight in weights]
    pixels = np.stack([np.full((SIDE, SIDE, 1), value, np.uint8) for value in bright])
    yield Images(pixels, numbers=(1, 2, 3, 4))


def denoise(trained: Trained, knobs: Any) -> Drawing:
    """From grey to the sample."""
    assert isinstance(trained.sample, Images)
    yield None
    shares = np.linspace(0, 1, 100)
    frames = tuple(
        Images((128 + share * (trained.sample.pixels - 128.0)).astype(np.uint8)) for share in shares
    )
    yield Film(frames, tuple(f"t = {1 - share:.2f}" for share in shares))


FILM = View("denoising", "Film", "", denoise, NoKnobs)
PAINTER = tiny.model(accepts="images", sampler=paint, views=(FILM,))


def sing(trained: Trained, knobs: Any, keep: Any) -> Drawing:
    """A tone that the weights decide."""
    pitch = float(trained.module.head.weight.flatten()[0])
    yield None
    samples = 0.5 * np.sin(np.arange(800) * (0.3 + 0.1 * pitch))
    yield Sound(samples.astype(np.float32), 8000, "Song", settings='{"of": "the sound"}')


SINGER = tiny.model(accepts="sound", sampler=sing)


def learned(model: Model = PAINTER, steps: int = 3) -> Learner:
    made = tiny.learner(model=model)
    tiny.advanced(made, steps)
    return made


def run_of(learner: Learner, **more: Any) -> Run:
    made = Run(
        id="20261124-090000-tiny-ring",
        model=learner.model.key,
        title=str(learner.model.title),
        data="ring",
        data_title="A ring",
        seed=learner.seed,
        net=as_dict(learner.net),
        train=as_dict(learner.train),
        step=learner.step,
    )
    return dataclasses.replace(made, **more)


def source(learner: Learner, folder: Path, steps: Sequence[int] = (), sample: Any = None) -> Source:
    trained = as_trained(learner, sample)
    return Source(trained, run_of(learner), learner.model.watch, learner.step, folder, tuple(steps))


def done(work: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


# --- what is offered


def test_what_is_offered_follows_from_what_a_model_makes() -> None:
    def keys(**parts: Any) -> list[str]:
        return [each.key for each in offered(tiny.model(**parts))]

    assert keys(accepts="images") == ["picture", "film", "weights", "script"]
    assert keys(accepts="points", views=(FILM,)) == [
        *("picture", "film", "denoising", "weights", "script")
    ]
    assert keys(accepts="text") == ["text", "weights", "script"]
    assert keys(accepts="sound") == ["sound", "weights", "script"]
    assert len({each.key for each in export.EXPORTS}) == len(export.EXPORTS)


def test_what_is_not_offered_is_refused_by_name(tmp_path: Path) -> None:
    text = tiny.model(accepts="text")
    with pytest.raises(
        PlaygroundError, match=r"'film' cannot be exported .* text, weights, script"
    ):
        done(write("film", tmp_path / "a.gif", source(learned(text), tmp_path)))


# --- pictures


def test_a_picture_is_a_grid_of_whole_points_with_its_settings_inside(tmp_path: Path) -> None:
    made = learned()
    sample = Images(pictures(5), across=3)
    path = tmp_path / "wall.png"
    of = source(made, tmp_path, sample=sample)
    of = dataclasses.replace(of, run=dataclasses.replace(of.run, data="数字"))
    assert done(write("picture", path, of)) == path
    with Image.open(path) as opened:
        opened.load()
        found, inside = np.array(opened), opened.info
    factor = export.PICTURE // (3 * SIDE)
    side = factor * SIDE
    assert found.shape == (2 * side + export.GAP, 3 * side + 2 * export.GAP)
    for place in range(5):
        top, left = place // 3 * (side + export.GAP), place % 3 * (side + export.GAP)
        tile = found[top : top + side, left : left + side]
        np.testing.assert_array_equal(tile[::factor, ::factor], sample.pixels[place, :, :, 0])
        np.testing.assert_array_equal(
            tile, np.kron(tile[::factor, ::factor], np.ones((factor,) * 2))
        )
    assert (found[side] == 255).all()  # the gap
    assert (found[side + export.GAP :, -side:] == 255).all()  # there is no sixth
    assert (inside["model"], inside["data"], inside["step"]) == ("tiny", "数字", "3")
    assert json.loads(inside["net"]) == as_dict(tiny.NET)
    assert json.loads(inside["train"]) == as_dict(tiny.TRAIN)
    assert json.loads(inside["sample"]) == as_dict(tiny.MODEL.watch)
    assert inside["seed"] == "1"


def test_a_picture_in_colours_without_gaps() -> None:
    pixels = pictures(4, channels=3)
    drawn = np.array(export.drawn(Images(pixels, gap=False), 2 * SIDE))
    assert drawn.shape == (2 * SIDE, 2 * SIDE, 3)
    np.testing.assert_array_equal(drawn[SIDE:, :SIDE], pixels[2])


def test_large_pictures_are_not_made_smaller() -> None:
    assert export.drawn(Images(pictures(1, side=2000)), 100).size == (2000, 2000)


def test_without_a_sample_one_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    done(write("picture", path, source(learned(), tmp_path)))
    with Image.open(path) as opened:
        assert opened.width == opened.height > 900


def plane(**parts: Any) -> Plane:
    return Plane((-2.0, 2.0, -1.0, 1.0), **parts)


def test_points_are_drawn_where_they_are() -> None:
    dots = Dots("generated", np.array([[1.0, 0.5], [np.nan, 0.0]], np.float32))
    drawn = np.array(export.drawn(plane(dots=(dots,)), 400)).astype(int)
    assert drawn.shape == (200, 400, 3)
    inner = drawn[5:-5, 5:-5]
    coloured = np.argwhere((inner < 200).any(-1)) + 5
    np.testing.assert_allclose(coloured.mean(0), [50, 300], atol=1.5)
    assert np.abs(coloured - coloured.mean(0)).max() < 5


def test_a_surface_is_the_right_way_up() -> None:
    rising = np.array([[1.0, 1.0], [-1.0, -1.0]], np.float32)
    drawn = np.array(export.drawn(plane(surface=rising, diverging=True), 400)).astype(int)
    top, bottom = drawn[10, 200], drawn[-10, 200]
    assert top[0] > top[2]  # red above
    assert bottom[2] > bottom[0]  # blue below


def test_a_plane_with_all_it_can_have() -> None:
    full = plane(
        dots=(Dots("a", np.zeros((3, 2), np.float32), np.array([0, 1, 9]), ("x", "y")),),
        picture=pictures(1, channels=1)[0],
        arrows=np.array([[0, 0, 1, 0.5], [0, 0, 0, 0], [0, np.inf, 0, 0]], np.float32),
        paths=np.array([[[0, 0], [1, 1], [2, 0]]], np.float32),
    )
    drawn = export.drawn(Panels((full, Images(pictures(2)), full), across=2), 400)
    assert drawn.mode == "RGB"
    assert drawn.width > 350


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(PlaygroundError, match="bars cannot be drawn"):
        export.drawn(Bars(("a",), (1.0,)), 100)
    with pytest.raises(PlaygroundError, match="nothing to export"):
        export.drawn(Images(pictures(0)), 100)


# --- other samples


def test_a_text_and_a_sound_and_numbers(tmp_path: Path) -> None:
    write_sample(tmp_path / "a.txt", Text("čtení\n二"))
    assert (tmp_path / "a.txt").read_text("utf-8") == "čtení\n二"
    sound = Sound(np.sin(np.arange(800) / 9).astype(np.float32), 8000)
    write_sample(tmp_path / "a.wav", sound)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFF"
    images = Images(pictures(3, 3), numbers=(7, 8, 9))
    write_sample(tmp_path / "a.npz", images)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["pixels"], images.pixels)
        assert found["numbers"].tolist() == [7, 8, 9]
    points = np.ones((4, 2), np.float32)
    both = plane(dots=(Dots("data", 0 * points, tone="faint"), Dots("generated", points)))
    write_sample(tmp_path / "b.npz", both)
    with np.load(tmp_path / "b.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["points"], points)
    write_sample(tmp_path / "d.npz", sound)
    with np.load(tmp_path / "d.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["samples"], sound.samples)
        assert found["rate"] == 8000
    with pytest.raises(PlaygroundError, match="npz"):
        write_sample(tmp_path / "c.npz", Text("no"))


def test_a_sound_has_its_settings_inside(tmp_path: Path) -> None:
    made = learned(SINGER)
    assert [each.key for each in offered(SINGER)] == ["sound", "weights", "script"]
    path = tmp_path / "a.wav"
    done(write("sound", path, source(made, tmp_path)))
    with soundfile.SoundFile(path) as file:
        inside = json.loads(file.comment)
        assert (file.title, file.software) == ("Song", "Generative Playground")
        assert (file.samplerate, file.frames, file.subtype) == (8000, 800, "PCM_16")
    assert inside["step"] == "3"
    assert inside["run"] == run_of(made).id
    assert inside["net"] == as_dict(made.net)
    assert inside["train"] == as_dict(made.train)
    assert inside["sample"] == as_dict(SINGER.watch)
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode  # others may read it too
    untitled = dataclasses.replace(done(export.drawn_sample(as_trained(made), None)), title="")
    write_sample(tmp_path / "c.wav", untitled, export.about(source(made, tmp_path)))
    with soundfile.SoundFile(tmp_path / "c.wav") as file:
        assert file.title == f"{SINGER.key}, ring"
    # Without a run, what the sound says of itself.
    write_sample(tmp_path / "b.wav", done(export.drawn_sample(as_trained(made), None)))
    with soundfile.SoundFile(tmp_path / "b.wav") as file:
        assert json.loads(file.comment) == {"of": "the sound"}


def test_a_script_writes_a_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = learned(SINGER)
    done(write("script", tmp_path / "song.py", source(made, tmp_path)))
    text = (tmp_path / "song.py").read_text("utf-8")
    # In this process, where the tiny model is one of those that there are.
    family = Family("singers", "Singers", "", lambda: (SINGER,))
    monkeypatch.setattr(families, "FAMILIES", (family,))
    monkeypatch.setattr(sys, "argv", ["song.py"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("engine.data.catalogue.from_json", lambda values: made.data)
    exec(compile(text, "song.py", "exec"), {"__file__": str(tmp_path / "song.py")})
    samples, rate = soundfile.read(tmp_path / "song.wav", dtype="float32")
    sung = done(export.drawn_sample(as_trained(made), None))
    assert rate == 8000
    assert np.abs(samples - sung.samples).max() < 1e-4


# --- films


def kept(learner: Learner, folder: Path) -> None:
    """Keep the present weights, as a session does."""
    safetensors.torch.save_model(learner.averaged, str(folder / f"{learner.step}.safetensors"))


def test_a_film_of_the_training_has_a_frame_for_every_kept_step(tmp_path: Path) -> None:
    made = tiny.learner(model=PAINTER)
    walls = []
    for _ in range(3):
        kept(made, tmp_path)
        walls.append(np.array(export.drawn(_last(as_trained(made)), export.FRAME)))
        tiny.advanced(made, 20)
    walls.append(np.array(export.drawn(_last(as_trained(made)), export.FRAME)))
    path = tmp_path / "film.gif"
    done(write("film", path, source(made, tmp_path, steps=(0, 20, 40))))
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == 4
        assert film.info["loop"] == 0
        durations = []
        for number, wall in enumerate(walls):
            film.seek(number)
            durations.append(film.info["duration"])
            frame = np.array(film.convert("L"))
            np.testing.assert_array_equal(frame[: wall.shape[0]], wall)
            assert (frame[wall.shape[0] :] < 100).any()  # its step is written below
        assert durations[-1] >= 10 * durations[0]
    assert len({wall.tobytes() for wall in walls}) == 4


def _last(trained: Trained) -> Any:
    return [each for each in paint(trained, None, ()) if each is not None][-1]


def test_a_film_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    made = tiny.learner(model=PAINTER)
    kept(made, tmp_path)
    tiny.advanced(made, 5)
    before = tiny.bits(made)
    done(write("film", tmp_path / "film.gif", source(made, tmp_path, steps=(0,))))
    assert tiny.bits(made) == before


def test_a_film_of_a_sample_ends_with_it_and_is_bounded(tmp_path: Path) -> None:
    sample = Images(pictures(4))
    path = tmp_path / "sample.gif"
    done(write("denoising", path, source(learned(), tmp_path, sample=sample)))
    wall = np.array(export.drawn(sample, export.FRAME))
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == export.FRAMES
        film.seek(export.FRAMES - 1)
        frame = np.array(film.convert("L")).astype(int)
    assert np.abs(frame[: wall.shape[0]] - wall).max() <= 1
    assert path.stat().st_size < 10_000_000


def test_a_picture_of_tokens_is_drawn_and_filmed_in_their_order() -> None:
    palette = np.array([[[0, 0], [0, 0]], [[0, 255], [0, 0]], [[255] * 2] * 2], np.uint8)
    tokens = np.array([[[0], [2]], [[1], [0]]])
    raster = Raster(tokens, palette, np.full((4, 3), 1 / 3, np.float32))
    whole = [[0, 0, 255, 255], [0, 0, 255, 255], [0, 255, 0, 0], [0, 0, 0, 0]]
    assert export.raster_pixels(raster, 4)[..., 0].tolist() == whole
    drawn = np.array(export.drawn(raster, 4))
    assert drawn.tolist() == whole
    film = export.raster_film(raster)
    assert film.names == ("0 / 4", "1 / 4", "2 / 4", "3 / 4", "4 / 4")
    third = film.frames[3].pixels[0, ..., 0]
    assert third[:, :2].tolist() == [row[:2] for row in whole]
    assert (third[2:, 2:] == export.UNDRAWN).all()
    assert (
        len(
            export.raster_film(
                dataclasses.replace(raster, tokens=np.zeros((28, 28, 1), int))
            ).frames
        )
        < 70
    )


def test_a_sheet_is_drawn_as_its_picture() -> None:
    sheet = Sheet(pictures(1)[0], erased=(0,))
    assert (
        np.array(export.drawn(sheet, 8)) == np.array(export.drawn(Images(pictures(1)), 8))
    ).all()


def test_a_film_in_colours(tmp_path: Path) -> None:
    frames = [export.drawn(Images(pictures(1, 3, seed)), 60) for seed in range(3)]
    done(export.write_gif(tmp_path / "a.gif", frames, ["one", "two", "three"]))
    with Image.open(tmp_path / "a.gif") as film:
        assert getattr(film, "n_frames", 1) == 3
        shown = np.array(film.convert("RGB")).astype(int)[: frames[0].height, : frames[0].width]
    assert np.abs(shown - np.array(frames[0])).mean() < 3


def test_a_film_pauses_at_safe_points(tmp_path: Path) -> None:
    made = tiny.learner(model=PAINTER)
    kept(made, tmp_path)
    tiny.advanced(made, 2)
    assert sum(1 for _ in write("film", tmp_path / "a.gif", source(made, tmp_path, (0,)))) >= 6


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.key)
def test_all_that_a_model_offers_can_be_written(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Background, "get", lambda self: None)  # no compiler starts behind it
    makers: dict[str, Callable[[], Any]] = {
        "images": small.image_data,
        "points": small.point_data,
        "sound": small.sound_data,
    }
    data = makers[model.accepts]()
    preset = model.preset()
    made = Learner(model, data, preset.net, preset.train, 1)
    tiny.advanced(made, 1)
    kept(made, tmp_path)
    tiny.advanced(made, 1)
    short = {"seconds": 0.02} if model.accepts == "sound" else {}
    of = dataclasses.replace(
        source(made, tmp_path, (1,)),
        run=run_of(made, data=data.key),
        knobs=changed(model.watch, short),
    )
    for each in offered(model):
        path = tmp_path / f"a{each.suffix}"
        done(write(each.key, path, of))
        if each.suffix in (".png", ".gif"):
            with Image.open(path) as opened:
                opened.load()
                frames = getattr(opened, "n_frames", 1)
            assert (frames > 1) is (each.key != "picture")
    back = read_weights(tmp_path / "a.safetensors", [model])
    assert back.data.key == data.key


# --- weights


def test_weights_come_back_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    made = learned(steps=7)
    path = tmp_path / "tiny.safetensors"
    done(write("weights", path, source(made, tmp_path)))
    back = read_weights(path, [PAINTER])
    assert (back.net, back.train, back.step) == (made.net, made.train, 7)
    assert back.data.key == "ring"
    assert not back.module.training
    want = made.averaged.state_dict()
    for name, tensor in back.module.state_dict().items():
        assert torch.equal(tensor, want[name]), name


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("exploded",))


def test_a_strangers_weights_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickled = tmp_path / "pickled.safetensors"
    pickled.write_bytes(pickle.dumps(Bomb()))
    torch.save({"a": torch.zeros(1)}, tmp_path / "torch.safetensors")
    for path in (pickled, tmp_path / "torch.safetensors"):
        with pytest.raises(PlaygroundError, match=path.name):
            read_weights(path, [PAINTER])
    assert not (tmp_path / "exploded").exists()


GOOD = dataclasses.asdict(run_of(tiny.learner(model=PAINTER)))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (None, "cannot be read"),
        ([], "cannot be read"),
        ({}, "cannot be read"),
        (GOOD | {"model": "__import__('os')"}, "there are tiny"),
        (GOOD | {"model": ["tiny"]}, "cannot be read"),
        (GOOD | {"net": {"width": "8; import os"}}, "width cannot be"),
        (GOOD | {"net": {"width": 10**9}}, "width cannot be"),
        (GOOD | {"net": {"width": 16}}, "cannot be read"),  # the weights are of another size
        (GOOD | {"net": 3}, "cannot be read"),
        (GOOD | {"seed": -1}, "seed cannot be -1"),
        (GOOD | {"step": True}, "cannot be read"),
    ],
    ids=str,
)
def test_bad_metadata_are_refused_in_words(tmp_path: Path, run: Any, words: str) -> None:
    path = tmp_path / "bad.safetensors"
    inside = {"data": json.dumps({"key": "ring", "title": "A ring", "first": [1, 2]})}
    if run is not None:
        inside["run"] = json.dumps(run)
    safetensors.torch.save_model(tiny.learner().averaged, str(path), metadata=inside)
    with pytest.raises(PlaygroundError, match=words.replace("(", r"\(")):
        read_weights(path, [PAINTER])


def test_no_weights_at_all(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match="there is no file"):
        read_weights(tmp_path / "gone.safetensors", [PAINTER])
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(PlaygroundError, match=r"cut\.safetensors cannot be read"):
        read_weights(tmp_path / "cut.safetensors", [PAINTER])


# --- a script (that it runs is shown in test_cli.py, with a model that is in the list)


def test_a_script_is_python_whatever_the_names_are(tmp_path: Path) -> None:
    made = learned()
    of = source(made, tmp_path)
    run = run_of(made, data_title='"""\nraise SystemExit(3)\n"""\\', title="{x} \\")
    path = tmp_path / "it's.py"
    done(write("script", path, dataclasses.replace(of, run=run)))
    compiled = compile(path.read_text("utf-8"), str(path), "exec")
    assert "raise SystemExit" in str(compiled.co_consts[0])  # it is only told
    assert (tmp_path / "it's.safetensors").is_file()
    with pytest.raises(PlaygroundError, match=r"ends in \.py"):
        done(write("script", tmp_path / "a.txt", of))


def test_a_script_leaves_weights_alone_that_are_not_its_own(tmp_path: Path) -> None:
    of = source(learned(), tmp_path)
    done(write("weights", tmp_path / "mine.safetensors", of))
    before = (tmp_path / "mine.safetensors").read_bytes()
    more = source(learned(steps=5), tmp_path)
    for _ in range(2):  # the second time over the first script, which whoever asked agreed to
        done(write("script", tmp_path / "mine.py", more))
        assert (tmp_path / "mine.safetensors").read_bytes() == before
        assert "mine-2.safetensors" in (tmp_path / "mine.py").read_text("utf-8")
        assert not (tmp_path / "mine-3.safetensors").exists()


@pytest.mark.parametrize("what", ["picture", "weights", "script"])
def test_an_own_file_whose_name_is_no_text(tmp_path: Path, what: str) -> None:
    """Linux allows any bytes in a name; Python has them as half characters."""
    made = learned()
    of = source(made, tmp_path)
    run = run_of(made, data="caf\udce9.txt", data_title="caf\udce9")
    path = tmp_path / {"picture": "a.png", "weights": "a.safetensors", "script": "a.py"}[what]
    done(write(what, path, dataclasses.replace(of, run=run)))
    if what == "picture":
        with Image.open(path) as picture:
            assert picture.text["data"] == "caf\\udce9.txt"  # type: ignore[attr-defined]
    if what == "weights":
        with safetensors.safe_open(path, "pt") as file:
            assert json.loads(file.metadata()["run"])["data"] == "caf\udce9.txt"


# --- places that cannot be written to


WHATS = ("picture", "film", "denoising", "weights", "script")


@pytest.mark.parametrize("what", WHATS)
def test_a_place_that_cannot_be_written_to_is_told_in_words(tmp_path: Path, what: str) -> None:
    of = source(learned(), tmp_path)
    with pytest.raises(PlaygroundError, match=r"cannot write .*gone.*: there is no folder"):
        done(write(what, tmp_path / "gone" / "a.py", of))
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(PlaygroundError, match="it is a folder"):
        done(write(what, tmp_path / "folder.py", of))
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PlaygroundError, match="is not allowed; choose another folder"):
        done(write("picture", tmp_path / "a.png", source(learned(), tmp_path)))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        safetensors.SafetensorError("Error: I/O error: No space left on device (os error 28)"),
    ],
    ids=["system", "safetensors"],
)
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("the old one")

    def full(module: Any, name: str, metadata: Any) -> None:
        Path(name).write_bytes(b"the first half")
        raise error

    monkeypatch.setattr(safetensors.torch, "save_model", full)
    of = source(learned(), tmp_path)
    with pytest.raises(PlaygroundError, match="the disk is full"):
        write_weights(path, of.trained, of.run)
    assert path.read_text() == "the old one"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]

"""Taking things along: a sample, a film, the weights, a script, each as a file of its own.

A file is written beside its place and then put there in one rename, so that what is there
is whole. Whatever another program may want to know of it stands inside: a PNG has the
settings as text chunks, a WAV as its comment, the weights (safetensors) as metadata.
Reading weights back runs no code of theirs: the metadata is JSON, and its settings go
through the same checks as those that a person types.
"""

import contextlib
import copy
import dataclasses
import errno
import itertools
import json
import math
import os
import textwrap
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import safetensors
import safetensors.torch
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from engine import knobs as knobs_
from engine import wary
from engine.data import catalogue
from engine.events import Progress
from engine.family import Model, Trained, View
from engine.learner import load_weights
from engine.music import SOFTWARE, write_wav
from engine.payloads import (
    Array,
    Film,
    Images,
    Panels,
    Payload,
    Pixels,
    Plane,
    Raster,
    Sheet,
    Sound,
    Text,
    Tokens,
)
from engine.phrases import N_, PlaygroundError
from engine.store import Run, RunError, replace, wrong_fields
from engine.trained import from_weights

PICTURE = 1024  # points a side of a picture, about
FRAME = 420  # of a frame of a film
FRAMES = 60
MOST_SCRIPT = 100_000  # bytes of one that is looked at
FRAME_SECONDS = 0.15
HOLD_SECONDS = 2.0
GAP = 2
UNDRAWN = 128  # the grey of what is not there yet
TWICE = 2  # what is drawn is drawn so many times as large and then made smaller, for soft edges

_RECORDS = ("net", "train", "sample")  # what `about` has as JSON

Work: TypeAlias = Generator[Progress | None, None, Path]
Colour: TypeAlias = tuple[int, int, int]

WHITE, GREY, BLACK = (255, 255, 255), (150, 150, 150), (0, 0, 0)
# Okabe and Ito's colours, which are told apart by almost everybody.
CLASSES: tuple[Colour, ...] = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (213, 94, 0),
    (204, 121, 167),
    (86, 180, 233),
    (90, 90, 90),
    (240, 228, 66),
)
RISING: tuple[Colour, ...] = (
    (68, 1, 84),
    (59, 82, 139),
    (33, 145, 140),
    (94, 201, 98),
    (253, 231, 37),
)
DIVERGING: tuple[Colour, ...] = ((33, 102, 172), (247, 247, 247), (178, 24, 43))


@dataclass(frozen=True)
class Export:
    """Something that can be written. suffix: of the file, with its dot."""

    key: str
    title: str
    suffix: str
    help: str


PICTURE_FILE = Export(
    "picture",
    N_("Picture"),
    ".png",
    N_("The newest sample as a PNG, with all settings inside."),
)
FILM = Export(
    "film",
    N_("Film of the training"),
    ".gif",
    N_("The same sample at every kept step, as a GIF."),
)
DENOISING = Export(
    "denoising",
    N_("Film of a sample"),
    ".gif",
    N_("How a sample comes about, as a GIF."),
)
TEXT = Export("text", N_("Text"), ".txt", N_("The newest sample as a text file."))
SOUND = Export(
    "sound", N_("Sound"), ".wav", N_("The newest sample as a WAV file, with all settings inside.")
)
WEIGHTS = Export(
    "weights",
    N_("Weights"),
    ".safetensors",
    N_("The averaged weights, with what they belong to inside."),
)
SCRIPT = Export(
    "script",
    N_("Script"),
    ".py",
    N_("A short Python program that draws samples, and the weights beside it."),
)
EXPORTS = (PICTURE_FILE, FILM, DENOISING, TEXT, SOUND, WEIGHTS, SCRIPT)
DRAWN: Mapping[str, tuple[Export, ...]] = {
    "images": (PICTURE_FILE, FILM),
    "points": (PICTURE_FILE, FILM),
    "text": (TEXT,),
    "sound": (SOUND,),
}


def offered(model: Model) -> tuple[Export, ...]:
    """What can be exported of `model`."""
    drawn = DRAWN.get(model.accepts, ())
    return (*drawn, *((DENOISING,) if film_view(model) else ()), WEIGHTS, SCRIPT)


def film_view(model: Model) -> View | None:
    """The view that makes a film of how a sample comes about, where there is one."""
    return next((view for view in model.views if view.key == model.film), None)


@dataclass(frozen=True)
class Source:
    """What is exported.

    trained: the model; its `sample` the newest sample, or None where one is to be drawn.
    knobs: the sampler's settings: those that it was drawn with, or is to be.
    step: at which it was drawn.
    snapshots: the folder of the kept weights, and steps: which there are.
    """

    trained: Trained
    run: Run
    knobs: Any
    step: int
    snapshots: Path
    steps: tuple[int, ...] = ()


def write(what: str, path: Path, source: Source) -> Work:
    """Write the export of that key to `path`; yields at safe points and returns the path."""
    trained = source.trained
    known = offered(trained.model)
    if what not in {each.key for each in known}:
        raise PlaygroundError(
            N_(
                "{what!r} cannot be exported of {model}: accepted is one of {known}",
                what=what,
                model=str(trained.model.title),
                known=", ".join(each.key for each in known),
            )
        )
    with replacing(path):
        pass  # a place that cannot be written to is told before any work is done
    match what:
        case "weights":
            write_weights(path, trained, source.run)
        case "script":
            write_script(path, source)
        case "film":
            frames, names = yield from training_film(source)
            yield from write_gif(path, frames, names)
        case "denoising":
            film = yield from sample_film(source)
            frames = yield from film_frames(film)
            yield from write_gif(path, frames, _thinned(film.names), film.seconds)
        case _:
            sample = trained.sample
            if sample is None:
                sample = yield from drawn_sample(trained, source.knobs)
            write_sample(path, sample, about(source))
    return path


def drawn_sample(trained: Trained, knobs: Any) -> Generator[None, None, Payload]:
    """The last payload of the model's sampler."""
    newest: Payload | None = None
    for payload in trained.model.sampler(trained, knobs, ()):
        newest = payload or newest
        yield
    if newest is None:
        raise PlaygroundError(N_("there is nothing to export: the sample is empty"))
    return newest


def about(source: Source) -> dict[str, str]:
    """What a picture or a sound says of itself; the records of settings are JSON."""
    run = source.run
    return {
        "Software": SOFTWARE,
        "model": run.model,
        "data": in_utf8(run.data),
        "step": str(source.step),
        "seed": str(run.seed),
        "run": run.id,
        "net": json.dumps(dict(run.net), ensure_ascii=False),
        "train": json.dumps(dict(run.train), ensure_ascii=False),
        "sample": json.dumps(knobs_.as_dict(source.knobs), ensure_ascii=False),
    }


# --- files


def in_utf8(text: str) -> str:
    """`text` with what is no UTF-8 as ``\\udcNN``, as JSON writes it.

    The name of an own file may have such bytes.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; put in its place where the block succeeds.

    What is there already stays until then. A block that writes nothing leaves all as it is.
    Raises `PlaygroundError` where the place cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        part.touch()
        mode = part.stat().st_mode
        yield part
        if part.stat().st_size:
            part.chmod(mode)  # safetensors makes files that only their owner may read
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            replace(part, path)
    except (OSError, safetensors.SafetensorError) as error:
        raise PlaygroundError(_why_not(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _why_not(path: Path, error: Exception) -> Any:
    """In words: why nothing can be written to `path`."""
    number = error.errno if isinstance(error, OSError) else None
    folder = str(path.parent)
    if number == errno.ENOENT:
        return N_("cannot write {path}: there is no folder {folder}", path=str(path), folder=folder)
    if number == errno.EISDIR:
        return N_("cannot write {path}: it is a folder; give the name of a file", path=str(path))
    if number in (errno.EACCES, errno.EPERM) and path.exists():
        return N_(
            "cannot write {path}: it is open in another program, or writing to {folder} is not "
            "allowed; choose another name or folder",
            path=str(path),
            folder=folder,
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return N_(
            "cannot write {path}: writing to {folder} is not allowed; choose another folder",
            path=str(path),
            folder=folder,
        )
    # safetensors passes the system's message on as text only.
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
        return N_("cannot write {path}: the disk is full", path=str(path))
    return N_("cannot write {path}: {error}", path=str(path), error=str(error))


def write_sample(path: Path, sample: Payload, about: Mapping[str, str] | None = None) -> None:
    """Write a sample in the way that fits it: a PNG, a text, a WAV.

    A name that ends in ``.npz`` gets the numbers as they are: pixels of pictures (n, height,
    width, channels) with their seeds, points (n, 2), or samples of a sound (n,) with their rate.
    """
    if path.suffix == ".npz":
        arrays = _arrays(sample)
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    elif isinstance(sample, Tokens | Text):
        with replacing(path) as part:
            part.write_bytes(sample.text.encode() or b"\n")
    elif isinstance(sample, Sound):
        told = None if about is None else _decoded(about)
        if told and not sample.title:
            sample = dataclasses.replace(sample, title=f"{told['model']}, {told['data']}")
        with replacing(path) as part:
            write_wav(part, sample, told)
    else:
        picture = drawn(sample, PICTURE)
        inside = PngImagePlugin.PngInfo()
        for name, value in (about or {}).items():
            inside.add_text(name, value)  # as iTXt where it is not Latin-1
        with replacing(path) as part:
            picture.save(part, format="PNG", pnginfo=inside)


def _decoded(about: Mapping[str, str]) -> dict[str, Any]:
    """What `about` gave, with its records as records."""
    return {name: json.loads(value) if name in _RECORDS else value for name, value in about.items()}


def suffix_of(sample: Payload) -> str:
    """The ending of the name of a file that `write_sample` writes."""
    if isinstance(sample, Tokens | Text):
        return TEXT.suffix
    return SOUND.suffix if isinstance(sample, Sound) else PICTURE_FILE.suffix


def _arrays(sample: Payload) -> dict[str, Any]:
    if isinstance(sample, Images):
        return {"pixels": sample.pixels, "numbers": np.array(sample.numbers, np.int64)}
    if isinstance(sample, Plane):
        strong = [dots.points for dots in sample.dots if dots.tone == "strong"]
        return {"points": np.concatenate(strong) if strong else np.empty((0, 2), np.float32)}
    if isinstance(sample, Sound):
        return {"samples": sample.samples, "rate": np.array(sample.rate)}
    raise PlaygroundError(N_("only pictures, points and sounds can be written as .npz"))


# --- weights


def write_weights(path: Path, trained: Trained, run: Run) -> None:
    """The averaged weights as safetensors, with the run and its data (no bulk) as metadata."""
    inside = {
        "run": in_utf8(json.dumps(dataclasses.asdict(run), ensure_ascii=False)),
        "data": in_utf8(json.dumps(catalogue.to_json(trained.data), ensure_ascii=False)),
    }
    with replacing(path) as part:
        safetensors.torch.save_model(trained.module, str(part), metadata=inside)


def read_weights(path: Path, models: Iterable[Model]) -> Trained:
    """The model that `write_weights` wrote, to sample from. Nothing in the file is executed.

    Raises `PlaygroundError` where the file is none of ours, or damaged, or of no known model.
    """
    try:
        wary.file_size(path)
        with safetensors.safe_open(path, framework="pt") as file:
            inside = file.metadata() or {}
        run = _run_from(wary.parsed(inside["run"]))
        data = catalogue.from_json(wary.parsed(inside["data"]))
    except FileNotFoundError:
        raise PlaygroundError(N_("there is no file {path}", path=str(path))) from None
    # Whatever a damaged or foreign file makes the readers raise, it is refused with its name.
    except Exception as error:
        raise _unreadable(path, error) from error
    known = {model.key: model for model in models}
    if run.model not in known:
        raise PlaygroundError(
            N_(
                "{path} is of the model {model!r}: there are {known}",
                path=str(path),
                model=run.model,
                known=", ".join(known),
            )
        )
    model = known[run.model]
    try:
        return from_weights(path, run, model, data)
    except PlaygroundError:
        raise
    except Exception as error:  # data of another kind, say, which the model cannot be built for
        raise _unreadable(path, error) from error


def _run_from(raw: Mapping[str, Any]) -> Run:
    run = Run(**{name: raw[name] for name in Run.__dataclass_fields__ if name in raw})
    for name in wrong_fields(run):
        raise TypeError(f"{name} is {getattr(run, name)!r}")
    return run


def _unreadable(path: Path, error: Exception) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "{path} cannot be read: accepted are weights that were exported here ({error})",
            path=str(path),
            error=f"{type(error).__name__}: {error}",
        )
    )


def as_it_was(trained: Trained, snapshots: Path, step: int) -> Trained:
    """The model with the weights that were kept at `step`."""
    module = copy.deepcopy(trained.module)
    try:
        load_weights(module, snapshots / f"{step}.safetensors")
    except (OSError, RuntimeError, ValueError, safetensors.SafetensorError) as error:
        raise RunError(
            N_("step {step} was not kept: {error}", step=step, error=str(error))
        ) from error
    return dataclasses.replace(trained, module=module, step=step)


SCRIPT_TEXT = '''\
"""Draws a sample from {about}.

The weights are in {weights}, beside this file. Run it with the Python of
the Generative Playground:

    python {name} [FILE]
"""

import sys
from pathlib import Path

PLAYGROUND = {playground!r}  # where the program's folder `engine` is
sys.path.append(PLAYGROUND)

from engine.export import read_weights, write_sample
from engine.families import FAMILIES
from engine.knobs import from_dict

SETTINGS = {settings}

here = Path(__file__).resolve()
models = [model for family in FAMILIES for model in family.models]
trained = read_weights(here.with_name({weights!r}), models)
knobs = from_dict(trained.model.sample, SETTINGS)
sample = None
for payload in trained.model.sampler(trained, knobs, ()):
    sample = payload or sample
out = Path(sys.argv[1]) if len(sys.argv) > 1 else here.with_suffix({suffix!r})
write_sample(out, sample)
print(out)
'''


def write_script(path: Path, source: Source) -> None:
    """A program that samples, and its weights beside it under the same name.

    Weights of that name that are not of such a program stay: nobody has agreed to lose them.
    """
    if path.suffix != ".py":
        raise PlaygroundError(
            N_("cannot write {path}: the name of a script ends in .py", path=str(path))
        )
    run, model = source.run, source.trained.model
    weights = _beside(path)
    settings = json.dumps(knobs_.as_dict(source.knobs), ensure_ascii=True)
    told = f"{run.title}, trained on {run.data_title} for {source.trained.step} steps"
    text = SCRIPT_TEXT.format(
        # A title is only told, and cannot end the sentence it is told in.
        about=textwrap.shorten(in_utf8(told).replace("\\", "/").replace('"', "'"), 200),
        weights=weights.name,
        name=path.name,
        playground=str(Path(__file__).resolve().parents[1]),
        settings=_as_python(json.loads(settings)),
        suffix=next((each.suffix for each in DRAWN.get(model.accepts, ())), ".png"),
    )
    write_weights(weights, source.trained, run)
    with replacing(path) as part:
        part.write_text(text, "utf-8")


def _beside(script: Path) -> Path:
    """Where its weights go: a name of which there is no file, or one of the script there now."""
    try:
        before = wary.content(script, MOST_SCRIPT).decode("utf-8", "replace")
    except (OSError, ValueError):
        before = ""
    first = script.with_suffix(".safetensors")
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    names = itertools.chain([first], numbered)
    return next(each for each in names if not each.exists() or repr(each.name) in before)


def _as_python(values: Mapping[str, Any]) -> str:
    lines = [f"    {name!r}: {value!r}," for name, value in values.items()]
    return "\n".join(["{", *lines, "}"])


# --- films


def training_film(
    source: Source,
) -> Generator[Progress | None, None, tuple[list[Image.Image], list[str]]]:
    """The watched sample at every kept step and now; a frame and a name for each."""
    trained, model = source.trained, source.trained.model
    steps = [step for step in _thinned(source.steps, FRAMES - 1) if step < trained.step]
    frames, names = [], []
    for number, step in enumerate([*steps, trained.step]):
        then = trained if step == trained.step else as_it_was(trained, source.snapshots, step)
        yield Progress(number, 0.0, number / (len(steps) + 1), note=N_("step {step}", step=step))
        sample = yield from drawn_sample(dataclasses.replace(then, sample=None), model.watch)
        frames.append(drawn(sample, FRAME))
        names.append(str(N_("step {step}", step=step)))
        yield None
    return frames, names


def sample_film(source: Source) -> Generator[Progress | None, None, Film]:
    """The film that the model's own view makes of how a sample comes about."""
    view = film_view(source.trained.model)
    assert view is not None
    trained = source.trained
    if trained.sample is None:
        sample = yield from drawn_sample(trained, source.knobs)
        trained = dataclasses.replace(trained, sample=sample)
    newest: Payload | None = None
    # A film that is set like a sample is of the sample that was drawn.
    knobs = source.knobs if type(source.knobs) is view.knobs else view.knobs()
    for payload in view.make(trained, knobs):
        newest = payload or newest
        yield None
    if isinstance(newest, Raster):
        newest = raster_film(newest)
    if not isinstance(newest, Film) or not newest.frames:
        raise PlaygroundError(N_("there is nothing to export: the film is empty"))
    return newest


def film_frames(film: Film) -> Generator[Progress | None, None, list[Image.Image]]:
    """Its frames as pictures, at most `FRAMES` of them."""
    frames = []
    for number, frame in enumerate(kept := _thinned(film.frames)):
        frames.append(drawn(frame, FRAME))
        yield Progress(number, 0.0, (number + 1) / len(kept))
    return frames


def raster_film(raster: Raster) -> Film:
    """A picture as it comes about, token by token."""
    draws = [
        *range(0, raster.tokens.size, max(1, raster.tokens.size // FRAMES)),
        raster.tokens.size,
    ]
    frames = tuple(Images(raster_pixels(raster, done)[None]) for done in draws)
    return Film(frames, tuple(f"{done} / {raster.tokens.size}" for done in draws))


def raster_pixels(raster: Raster, done: int) -> Pixels:
    """(height, width, 1 or 3): the picture after so many draws; grey where nothing is yet."""
    rows, columns, channels = raster.tokens.shape
    side = raster.palette.shape[1]
    points = raster.palette[raster.tokens.reshape(-1)]
    points[done:] = UNDRAWN
    cut = points.reshape(rows, columns, channels, side, side).transpose(0, 3, 1, 4, 2)
    return cut.reshape(rows * side, columns * side, channels)


def _thinned(values: Sequence[Any], most: int = FRAMES) -> list[Any]:
    """At most `most` of them, evenly spread, with the first and the last."""
    if len(values) <= most:
        return list(values)
    places = np.linspace(0, len(values) - 1, most).round().astype(int)
    return [values[place] for place in places]


def write_gif(
    path: Path,
    frames: Sequence[Image.Image],
    names: Sequence[str],
    seconds: float = FRAME_SECONDS,
) -> Generator[None, None, None]:
    """Write frames as an endless GIF, each with its name below; the last stands longer."""
    width = max(frame.width for frame in frames)
    height = max(frame.height for frame in frames)
    colour = any(frame.mode != "L" for frame in frames)
    font = ImageFont.load_default(16)
    titled = []
    for frame, name in zip(frames, names, strict=True):
        whole = Image.new("RGB" if colour else "L", (width, height + 26), WHITE if colour else 255)
        whole.paste(frame)
        text = BLACK if colour else 0
        ImageDraw.Draw(whole).text((6, height + 4), _drawable(font, name), fill=text, font=font)
        titled.append(whole.quantize(256) if colour else whole)
        yield
    # A GIF counts in hundredths, and many programs slow down what is quicker than two of them.
    each = max(20, 10 * round(100 * seconds))
    durations = [each] * (len(titled) - 1) + [max(each, int(1000 * HOLD_SECONDS))]
    with replacing(path) as part:
        titled[0].save(
            part,
            format="GIF",
            save_all=True,
            append_images=titled[1:],
            duration=durations,
            loop=0,
            disposal=1,
        )


def _drawable(font: Any, text: str) -> str:
    """`text` without letters that the font that comes with Pillow may lack."""
    return text if isinstance(font, ImageFont.FreeTypeFont) else text.encode("ascii", "?").decode()


# --- pictures of payloads


def drawn(payload: Any, size: int) -> Image.Image:
    """A payload of pictures or points as a picture of about `size` points a side."""
    match payload:
        case Images():
            return _grid(payload, size)
        case Raster():
            return _grid(Images(raster_pixels(payload, payload.tokens.size)[None]), size)
        case Sheet():
            return _grid(Images(payload.pixels[None]), size)
        case Plane():
            return _plane(payload, min(size, 640))
        case Panels():
            return _panels(payload, size)
    raise PlaygroundError(
        N_("{kind} cannot be drawn as a picture", kind=type(payload).__name__.lower())
    )


def _grid(images: Images, size: int) -> Image.Image:
    """The pictures in rows, enlarged by a whole factor, on white."""
    count, height, width, channels = images.pixels.shape
    if not count:
        raise PlaygroundError(N_("there is nothing to export: the sample is empty"))
    across = min(images.across or math.ceil(math.sqrt(count)), count)
    down = math.ceil(count / across)
    factor = max(1, size // max(down * height, across * width))
    gap = GAP if images.gap else 0
    high, wide = factor * height, factor * width
    whole = np.full(
        (down * (high + gap) - gap, across * (wide + gap) - gap, channels), 255, np.uint8
    )
    for place, picture in enumerate(images.pixels):
        top, left = place // across * (high + gap), place % across * (wide + gap)
        large = picture.repeat(factor, 0).repeat(factor, 1)
        whole[top : top + high, left : left + wide] = large
    return Image.fromarray(whole[:, :, 0] if channels == 1 else whole)


def _panels(panels: Panels, size: int) -> Image.Image:
    """Panels beside each other, `across` to a line."""
    across = max(1, min(panels.across, len(panels.panels)))
    pictures = [drawn(each, max(64, size // across)) for each in panels.panels]
    if not pictures:
        raise PlaygroundError(N_("there is nothing to export: the sample is empty"))
    gap = 4 * GAP
    lines = [pictures[first : first + across] for first in range(0, len(pictures), across)]
    width = max(sum(each.width + gap for each in line) - gap for line in lines)
    height = sum(max(each.height for each in line) + gap for line in lines) - gap
    grey = all(each.mode == "L" for each in pictures)
    whole = Image.new("L" if grey else "RGB", (width, height), 255 if grey else WHITE)
    top = 0
    for line in lines:
        left = 0
        for each in line:
            whole.paste(each, (left, top))
            left += each.width + gap
        top += max(each.height for each in line) + gap
    return whole


@dataclass
class _Board:
    """A plane being drawn: where its places are on the picture."""

    plane: Plane
    size: int
    picture: Image.Image = field(init=False)
    pen: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        left, right, bottom, top = self.plane.extent
        ratio = (top - bottom) / (right - left)
        width = TWICE * (self.size if ratio <= 1 else round(self.size / ratio))
        self.picture = Image.new("RGB", (width, max(1, round(width * ratio))), WHITE)
        self.pen = ImageDraw.Draw(self.picture)

    def at(self, points: Any) -> Any:
        """Places of the plane (..., 2) as places of the picture."""
        left, right, bottom, top = self.plane.extent
        width, height = self.picture.size
        points = np.asarray(points, np.float64)
        x = (points[..., 0] - left) / (right - left) * width
        y = (top - points[..., 1]) / (top - bottom) * height
        return np.stack([x, y], -1)


def _plane(plane: Plane, size: int) -> Image.Image:
    """Points, arrows and paths over the surface."""
    board = _Board(plane, size)
    ground = None
    if plane.picture is not None:
        pixels = plane.picture[:, :, 0] if plane.picture.shape[2] == 1 else plane.picture
        ground = Image.fromarray(pixels).convert("RGB")
    elif plane.surface is not None:
        ground = Image.fromarray(_coloured(plane))
    if ground is not None:
        smooth = Image.Resampling.NEAREST if plane.picture is not None else None
        resized = ground.resize(board.picture.size, smooth or Image.Resampling.BILINEAR)
        board.picture.paste(resized)
    for path in _finite_rows(plane.paths):
        board.pen.line([tuple(place) for place in board.at(path)], fill=GREY, width=1)
    for arrow in _finite_rows(plane.arrows):
        _arrow(board, arrow)
    strong = 0
    for dots in plane.dots:
        faint = dots.tone == "faint"
        plain = GREY if faint else CLASSES[(3 + strong) % len(CLASSES)]
        strong += not faint
        radius = TWICE * (1.5 if faint else 2.0)
        classes = dots.classes
        for number, (x, y) in enumerate(board.at(dots.points)):
            if not (math.isfinite(x) and math.isfinite(y)):
                continue
            colour = plain if classes is None else CLASSES[int(classes[number]) % len(CLASSES)]
            board.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    edge = (0, 0, board.picture.width - 1, board.picture.height - 1)
    board.pen.rectangle(edge, outline=GREY, width=TWICE)
    width, height = board.picture.size
    return board.picture.resize((width // TWICE, height // TWICE), Image.Resampling.LANCZOS)


def _arrow(board: _Board, arrow: Any) -> None:
    start, end = board.at([arrow[:2], arrow[:2] + arrow[2:]])
    along = end - start
    length = float(np.hypot(*along))
    if length < 1:
        return
    along /= length
    across = np.array([-along[1], along[0]])
    head = min(5.0 * TWICE, length / 2)
    board.pen.line([tuple(start), tuple(end)], fill=BLACK, width=TWICE)
    barbs = [end - head * along + side * head / 2 * across for side in (1, -1)]
    board.pen.polygon([tuple(end), *(tuple(each) for each in barbs)], fill=BLACK)


def _finite_rows(rows: Array | None) -> list[Any]:
    return [] if rows is None else [row for row in rows if np.isfinite(row).all()]


def _coloured(plane: Plane) -> Any:
    """The surface as colours (rows, columns, 3)."""
    assert plane.surface is not None
    values = np.nan_to_num(plane.surface.astype(np.float64))
    low = float(values.min()) if plane.low is None else plane.low
    high = float(values.max()) if plane.high is None else plane.high
    if plane.diverging:
        high = max(abs(low), abs(high))
        low = -high
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    stops = np.array(DIVERGING if plane.diverging else RISING, np.float64)
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(share, places, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)

"""A folder of one's own pictures: found, cut to one size, counted, and kept in the cache.

Every file is opened, cut from the middle and shrunk at once, so that 20,000 photos need
no more memory than what is learned from them. What cannot be used is skipped, and the
reasons are kept. The pictures are read on a thread of their own, since a large one takes
seconds; whoever loads gets a safe point all the while.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import wary
from engine.data import cache, images
from engine.data.images import FORMATS, ImageData, Labels, PictureError, Pixels, decoded
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

Loading = Generator[Progress, None, ImageData]

SIZES = (16, 28, 32, 48)
FORMS = tuple(
    f"{size}{colour}" for size in (*SIZES, "") for colour in ("grey", "rgb", "") if size or colour
)
"""What may follow the path: the side in pixels, whether they are grey or RGB, or both."""
SIDE = 32
MOST = 50_000
MOST_CLASSES = 200

_RECIPE = 1  # raised when the same files would give other pictures
_SEED = 20_260_501
_LOOKED_AT = 100  # pictures, to see whether there is colour
_COLOUR = 24  # levels between the channels: less is grey that a JPEG has stained
_POLL_SECONDS = 0.02
_LARGE_BYTES = 50_000  # from here on a thread of its own is worth it
_SYSTEM = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class _File:
    """One file. name: its path below the folder, with slashes; changed: in ns.

    size: in bytes; -1 is a sub-folder that may not be read.
    """

    path: Path
    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class _Import:
    """What a folder gave; the names mean what they mean in `ImageData`."""

    pixels: Pixels
    labels: Labels
    classes: tuple[str, ...]
    skipped: tuple[tuple[str, Phrase], ...]
    sha256: str


def open_folder(path: Path | str, form: str = "auto", most: int = MOST) -> Loading:
    """Import the folder of pictures at `path`; yields `Progress`, returns `ImageData`.

    form: one of `FORMS`. Without a size they are 32 pixels wide; without a colour they are RGB
        if any of the first 100 has colour, and else grey.
    most: so many files at most are taken, at random.

    Sub-folders are read too. Where pictures lie in two or more of them, or all in one, each
    is a class, up to 200 classes. Raises `PlaygroundError` for fewer than two pictures.
    """
    path = wary.place(path)
    if form not in (*FORMS, "auto"):
        raise PlaygroundError(
            N_(
                "there is no form of pictures {form!r}: there are {known}",
                form=form,
                known=", ".join(("auto", *FORMS)),
            )
        )
    begun = time.perf_counter()
    files = yield from _listed(path, begun)
    found = len(files)
    remark = ""
    if found > most:
        chosen = np.random.default_rng(_SEED).choice(found, most, replace=False)
        files = [files[i] for i in sorted(chosen.tolist())]
        remark = N_("{most:,} of the {found:,} files were taken, at random", most=most, found=found)
    if not files:
        raise PlaygroundError(
            N_(
                "{path} has no picture in it: accepted is a folder with pictures ({formats}), "
                "also in folders within it",
                path=str(path),
                formats=", ".join(FORMATS),
            )
        )
    entry = cache.folder() / "images" / f"own-{_digest(files)[:40]}-{form}-{_RECIPE}"
    kept = _read(entry)
    if kept is None:
        shutil.rmtree(entry, ignore_errors=True)
        kept = yield from _imported(path, files, form, begun)
        with cache.filled(entry) as place:
            _write(place, kept)
    return images.split(
        str(path),
        path.name,
        kept.pixels,
        kept.labels,
        classes=kept.classes,
        skipped=kept.skipped,
        remark=remark,
        source=path,
        sha256=kept.sha256,
    )


# --- which files there are


def _listed(path: Path, begun: float) -> Generator[Progress, None, list[_File]]:
    """All files below `path`, by name; not the hidden ones."""
    if os.path.isfile(path):
        raise PlaygroundError(
            N_(
                "{path} is a single picture, and that is no data set: choose a folder with "
                "many of them",
                path=str(path),
            )
        )
    files: list[_File] = []
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for each in entries:
                    if each.name.startswith(".") or each.name.lower() in _SYSTEM:
                        continue
                    if each.is_dir(follow_symlinks=False):
                        waiting.append(Path(each.path))
                    elif os.path.isfile(each.path):  # no pipe, no link that leads nowhere
                        at = each.stat()
                        name = Path(each.path).relative_to(path).as_posix()
                        files.append(_File(Path(each.path), name, at.st_size, at.st_mtime_ns))
                    if len(files) % 500 == 0:
                        yield _progress(len(files), None, begun, path)
        except OSError as error:
            if folder == path:
                raise _unreadable(path, error) from error
            files.append(_File(folder, folder.relative_to(path).as_posix(), -1, 0))
        yield _progress(len(files), None, begun, path)
    return sorted(files, key=lambda file: file.name)


def _unreadable(path: Path, error: OSError) -> PlaygroundError:
    if isinstance(error, FileNotFoundError):
        return PlaygroundError(
            N_("there is no folder {path}: accepted is a folder with pictures", path=str(path))
        )
    return PlaygroundError(
        N_(
            "{path} cannot be read ({error}): accepted is a folder that you may read",
            path=str(path),
            error=error.strerror or str(error),
        )
    )


def _digest(files: Sequence[_File]) -> str:
    """Changes with the name, the size or the time of any file."""
    lines = (f"{file.name}\0{file.size}\0{file.changed}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def classes_of(names: Sequence[str], folder: str) -> tuple[tuple[str, ...], Labels]:
    """The classes of files by the folder they lie in, and the class of each: (n,).

    names: paths below the folder that is called `folder`, with slashes.

    >>> classes_of(["cats/a.png", "dogs/b.png", "cats/old/c.png"], "pets")[0]
    ('cats', 'dogs')
    """
    parents = [name.split("/")[:-1] for name in names]
    depth = 0  # of the folder that they all lie in
    while all(len(each) > depth and each[depth] == parents[0][depth] for each in parents):
        depth += 1
    if all(len(parent) == depth for parent in parents):  # all in one folder
        only = (parents[0][-1],) if depth else ()
        return only, np.zeros(len(names), np.int64)
    below = [parent[depth] if len(parent) > depth else "" for parent in parents]
    folders = sorted({name for name in below if name})
    if not 2 <= len(folders) <= MOST_CLASSES:
        return (), np.zeros(len(names), np.int64)
    classes = [*folders, *([folder] if "" in below else [])]
    known = {name: i for i, name in enumerate(folders)} | {"": len(folders)}
    return tuple(classes), np.array([known[name] for name in below], np.int64)


# --- the import


def _imported(
    path: Path, files: Sequence[_File], form: str, begun: float
) -> Generator[Progress, None, _Import]:
    """Read all `files`."""
    with ThreadPoolExecutor(1, thread_name_prefix="pictures") as pool:
        side = int("".join(each for each in form if each.isdigit()) or SIDE)
        if form.endswith(("grey", "rgb")):
            channels = 3 if form.endswith("rgb") else 1
        else:
            colour = yield from _any_colour(path, files[:_LOOKED_AT], pool, begun)
            channels = 3 if colour else 1
        pixels = np.empty((len(files), side, side, channels), np.uint8)
        good: list[str] = []
        skipped: list[tuple[str, Phrase]] = []
        for i, file in enumerate(files):
            try:
                reading = _one(file, (side, side, channels), pool)
                while (picture := next(reading)) is None:
                    yield _progress(i, i / len(files), begun, path, file.name)
            except PictureError as error:
                skipped.append((file.name, error.why))
            else:
                pixels[len(good)] = picture
                good.append(file.name)
            yield _progress(i + 1, (i + 1) / len(files), begun, path, file.name)
    if len(good) < 2:
        raise _too_few(path, good, skipped)
    classes, labels = classes_of(good, path.name)
    pixels = pixels[: len(good)]
    digest = hashlib.sha256(json.dumps([pixels.shape, classes]).encode())
    digest.update(labels.tobytes())
    digest.update(pixels.data)
    return _Import(pixels, labels, classes, tuple(skipped), digest.hexdigest())


def _any_colour(
    path: Path, files: Sequence[_File], pool: ThreadPoolExecutor, begun: float
) -> Generator[Progress, None, bool]:
    """Whether any of `files` has colour."""
    for file in files:
        try:
            reading = _one(file, (SIDE, SIDE, 3), pool)
            while (picture := next(reading)) is None:
                yield _progress(0, 0.0, begun, path, file.name)
        except PictureError:
            continue
        yield _progress(0, 0.0, begun, path, file.name)
        if int((picture.max(-1) - picture.min(-1)).max()) > _COLOUR:
            return True
    return False


def _one(
    file: _File, shape: tuple[int, int, int], pool: ThreadPoolExecutor
) -> Generator[Pixels | None, None, None]:
    """The picture in `file`, after ``None`` at safe points. Raises `PictureError`."""
    if file.size < 0:
        raise PictureError(N_("may not be read"))
    if file.size == 0:
        raise PictureError(N_("is empty"))
    if file.size < _LARGE_BYTES:
        yield decoded(file.path, shape)
        return
    reading: Future[Pixels] = pool.submit(decoded, file.path, shape)
    while True:
        try:
            yield reading.result(timeout=_POLL_SECONDS)
            return
        except TimeoutError:
            yield None


def _too_few(
    path: Path, good: Sequence[str], skipped: Sequence[tuple[str, str]]
) -> PlaygroundError:
    if good:
        phrase = N_(
            "{path} has only one picture that can be used ({name}), and one cannot be parted into "
            "pictures to learn from and pictures held out: accepted are two or more, and "
            "some hundreds are better",
            path=str(path),
            name=good[0],
        )
    else:
        phrase = N_(
            "{path} has no picture that can be used ({skipped}): accepted are {formats}",
            path=str(path),
            skipped=images.told_skipped(skipped),
            formats=", ".join(FORMATS),
        )
    return PlaygroundError(phrase)


def _progress(count: int, done: float | None, begun: float, path: Path, name: str = "") -> Progress:
    note = N_("reading {name}", name=f"{path.name}/{name}" if name else path.name)
    return Progress(count, time.perf_counter() - begun, done, note=note)


# --- the cache


def _write(place: Path, kept: _Import) -> None:
    np.save(place / "pixels.npy", kept.pixels)
    about = {
        "labels": kept.labels.tolist(),
        "classes": kept.classes,
        "skipped": [(name, why.template, dict(why.values)) for name, why in kept.skipped],
        "sha256": kept.sha256,
    }
    (place / "about.json").write_text(json.dumps(about), "utf-8")


def _read(entry: Path) -> _Import | None:
    """The cache's `entry`, or None where there is none or it is damaged."""
    try:
        about = json.loads((entry / "about.json").read_text("utf-8"))
        pixels = np.load(entry / "pixels.npy", allow_pickle=False)
        labels = np.array(about["labels"], np.int64)
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or len(pixels) != len(labels):
            return None
        return _Import(
            pixels,
            labels,
            tuple(about["classes"]),
            tuple((name, Phrase(*why)) for name, *why in about["skipped"]),
            about["sha256"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None

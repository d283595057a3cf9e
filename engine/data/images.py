"""Pictures to learn from, and how one file becomes one.

All pictures of a set have one size. A tenth is held out, unless the set comes with
a part of its own for that; which tenth, is drawn once with a fixed seed.
"""

import base64
import binascii
import contextlib
import io
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from engine import payloads, wary
from engine.phrases import N_, Phrase, PlaygroundError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

HELD_OUT = 0.1
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "TGA", "PPM", "ICO")
"""What Pillow is asked to open. Others it knows start programs (EPS) or are no pictures."""
_ENDINGS = "png jpg jpeg jfif webp avif gif bmp tif tiff jp2 tga ppm pgm pbm ico"
SUFFIXES = frozenset(f".{each}" for each in _ENDINGS.split())
MOST_PIXELS = 150_000_000
"""A larger picture is refused, also where a part of it would do."""
MOST_DECODED = 50_000_000
"""What is decoded as a whole, and not at a fraction of its size or row by row as JPEG can be, is
refused from here on: it would take up to 16 bytes a point, and seconds."""
MOST_SIDE = 1024  # of a picture that is learned from
MOST_CLASSES = 10_000

_PREVIEW = 60
_SEED = 20_260_501
_STRIP = 8  # rows of the small picture
_SHOWN = 3  # skipped files that are named
_NEARLY_BLACK = 32
_ICON, _PNG = b"\0\0\1\0", b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class ImageData:
    """Pictures of one size, in two parts.

    key: its key in the catalogue, or the path of the own folder.
    train, held_out: (n, height, width, channels) uint8, channels 1 (grey) or 3 (RGB), never
        written to; empty in what `from_json` gives, which serves to build a model and to sample.
    train_labels, held_out_labels: (n,) the class of each, an index into `classes`.
    classes: their names, or () where there are none (then all labels are 0).
    counts: pictures in the two parts. tally: (len(classes),) pictures of each class in both.
    names: (n,) what each picture of `train` shows, or () where they have no names.
    skipped: (file name, why) of what an own folder holds besides.
    remark: what else must be known of the import of an own folder.
    source: the own folder. sha256: of its pictures as they are learned, else "".
    """

    key: str
    title: str
    train: Pixels
    held_out: Pixels
    train_labels: Labels
    held_out_labels: Labels
    classes: tuple[str, ...] = ()
    counts: tuple[int, int] = (0, 0)
    skipped: tuple[tuple[str, str], ...] = ()
    credit: str = ""
    sha256: str = ""
    names: tuple[str, ...] = ()
    tally: tuple[int, ...] = ()
    remark: str = ""
    source: Path | None = None

    @property
    def kind(self) -> str:
        """What kind of data it is: "images"."""
        return "images"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every picture."""
        height, width, channels = self.train.shape[1:]
        return int(height), int(width), int(channels)

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing."""
        height, width, channels = self.shape
        train, held_out = self.counts
        colour: str = N_("grey") if channels == 1 else N_("RGB")
        facts: list[tuple[str, str]] = [
            (N_("Pictures"), N_("{count:,}", count=train + held_out)),
            (
                N_("Size"),
                N_("{width} × {height}, {colour}", width=width, height=height, colour=colour),
            ),
            *classes_fact(self.classes, self.tally),
            *split_facts(train, held_out),
        ]
        if self.names:
            some = ", ".join(self.names[:3])
            facts.append((N_("Names"), N_("each has one, for instance {names}", names=some)))
        if self.skipped:
            facts.append((N_("Skipped"), told_skipped(self.skipped)))
        if self.remark:
            facts.append((N_("Note"), self.remark))
        if self.source is not None:
            facts.append((N_("Folder"), str(self.source)))
        if self.credit:
            facts.append((N_("Credit"), self.credit))
        return tuple(facts)

    def preview(self) -> payloads.Images:
        """About 60 of them, one class after the other."""
        count = min(_PREVIEW, len(self.train))
        order: list[int] = list(range(count))
        if len(self.classes) > 1:
            each = max(1, count // len(self.classes))
            found = (np.flatnonzero(self.train_labels == i) for i in range(len(self.classes)))
            order = [int(i) for rows in found for i in rows[:each]][:count]
        return payloads.Images(
            self.train[order],
            labels=tuple(self.names[i] for i in order) if self.names else (),
            gap=bool(self.names),
        )

    def to_json(self) -> dict[str, Any]:
        """All but the pictures."""
        return {
            "kind": self.kind,
            "key": self.key,
            "title": str(self.title),
            "shape": list(self.shape),
            "counts": list(self.counts),
            "classes": [str(each) for each in self.classes],
            "tally": list(self.tally),
            "credit": str(self.credit),
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "ImageData":
        """What `to_json` wrote, without pictures.

        Raises `ValueError`, `TypeError` or `KeyError` where that is damaged.
        """
        wary.texts(values, "key", "title", "credit", "sha256")
        height, width, channels = (wary.whole(each, 1, MOST_SIDE) for each in values["shape"])
        if channels not in (1, 3):
            raise ValueError(f"pictures cannot have the shape {values['shape']}")
        train, held_out = values["counts"]
        none = np.empty((0, height, width, channels), np.uint8)
        labels = np.empty(0, np.int64)
        return ImageData(
            key=values["key"],
            title=values["title"],
            train=none,
            held_out=none,
            train_labels=labels,
            held_out_labels=labels,
            classes=named_classes(values),
            counts=(int(train), int(held_out)),
            tally=tuple(values.get("tally", ())),
            credit=values["credit"],
            source=None if values.get("source") is None else Path(values["source"]),
            sha256=values["sha256"],
        )


def split(
    key: str,
    title: str,
    pixels: Pixels,
    labels: Labels | None = None,
    names: Sequence[str] = (),
    **more: Any,
) -> ImageData:
    """`pixels` (n, height, width, channels) as data, a tenth of them held out.

    names: (n,) what each shows, or (). more: further fields of `ImageData`.
    """
    labels = np.zeros(len(pixels), np.int64) if labels is None else labels.astype(np.int64)
    order = np.random.default_rng(_SEED).permutation(len(pixels))
    last = max(1, round(HELD_OUT * len(pixels)))
    train, held_out = order[:-last], order[-last:]
    return parted(
        key,
        title,
        (pixels[train], labels[train]),
        (pixels[held_out], labels[held_out]),
        names=tuple(names[i] for i in train) if names else (),
        **more,
    )


def parted(
    key: str,
    title: str,
    train: tuple[Pixels, Labels],
    held_out: tuple[Pixels, Labels],
    **more: Any,
) -> ImageData:
    """Pictures and their labels as data, in the two parts they come in."""
    classes: tuple[str, ...] = more.get("classes", ())
    labels = np.concatenate([train[1], held_out[1]])
    return ImageData(
        key=key,
        title=title,
        train=train[0],
        held_out=held_out[0],
        train_labels=train[1],
        held_out_labels=held_out[1],
        counts=(len(train[0]), len(held_out[0])),
        tally=tuple(np.bincount(labels, minlength=len(classes)).tolist()) if classes else (),
        **more,
    )


def named_classes(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a record has; raises `ValueError` where they are no names, or too many."""
    classes = tuple(values["classes"])
    if len(classes) > MOST_CLASSES or not all(isinstance(each, str) for each in classes):
        raise ValueError(f"the classes are no names, or more than {MOST_CLASSES:,}")
    return classes


def classes_fact(classes: Sequence[str], tally: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """How many classes there are, what some are called, and how many examples each has."""
    if not classes:
        return ()
    some = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    if not tally:
        return ((N_("Classes"), N_("{count}: {names}", count=len(classes), names=some)),)
    low, high = min(tally), max(tally)
    return (
        (
            N_("Classes"),
            N_(
                "{count}: {names} ({low:,} to {high:,} of each)",
                count=len(classes),
                names=some,
                low=low,
                high=high,
            )
            if low < high
            else N_(
                "{count}: {names} ({each:,} of each)", count=len(classes), names=some, each=low
            ),
        ),
    )


def split_facts(train: int, held_out: int) -> tuple[tuple[str, str], ...]:
    """How many there are in the two parts."""
    share = held_out / max(1, train + held_out)
    return (
        (N_("To learn from"), N_("{count:,}", count=train)),
        (N_("Held out"), N_("{count:,} ({share:.0%})", count=held_out, share=share)),
    )


def told_skipped(skipped: Sequence[tuple[str, str]]) -> str:
    """How many files were left out, which, and why."""
    told: str = N_("{name} {why}", name=skipped[0][0], why=skipped[0][1])
    for name, why in skipped[1:_SHOWN]:
        told = N_("{before}; {name} {why}", before=told, name=name, why=why)
    if len(skipped) > _SHOWN:
        told = N_("{before}; and {more:,} more", before=told, more=len(skipped) - _SHOWN)
    return N_("{count:,}: {files}", count=len(skipped), files=told)


# --- one file becomes one picture


class PictureError(Exception):
    """A file that gives no picture; `why` goes on after its name ("is damaged")."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(why)
        self.why = why


def picture_of(value: str, shape: tuple[int, int, int]) -> Pixels:
    """The picture that `value` names, as (height, width, channels) uint8 of `shape`.

    value: the path of a picture, or a ``data:image/png;base64,...`` URL.

    It is turned as its EXIF says, cut from the middle to the proportions of `shape`
    and resized. What is transparent becomes black, since most sets are light on black;
    only a picture whose opaque part is nearly black lies on white. Raises `PlaygroundError`.
    """
    if not value:
        raise PlaygroundError(N_("there is no picture yet: open one, drop one or draw one"))
    source: Path | io.BytesIO
    if value.startswith("data:"):
        name: str = N_("the drawing")
        _head, _comma, content = value.partition(",")
        try:
            source = io.BytesIO(base64.b64decode(content, validate=True))
        except (binascii.Error, ValueError) as error:
            raise PlaygroundError(
                N_("the drawing is damaged: accepted is data:image/png;base64,… with a whole PNG")
            ) from error
    else:
        source, name = Path(value), value
        if os.path.isdir(value):
            raise PlaygroundError(
                N_("{path} is a folder: accepted is one picture ({formats})", path=name, **_known())
            )
    try:
        return decoded(source, shape)
    except PictureError as error:
        raise PlaygroundError(
            N_("{path} {why}: accepted are {formats}", path=name, why=error.why, **_known())
        ) from error


def decoded(source: Path | io.BytesIO, shape: tuple[int, int, int]) -> Pixels:
    """The picture in `source` as (height, width, channels) of `shape`; see `picture_of`.

    A large JPEG is decoded at a fraction of its size; of others the whole is in memory
    for a moment, hence `MOST_DECODED`. Raises `PictureError`.
    """
    height, width, channels = shape
    _let_us_check_sizes()
    formats = tuple(each for each in FORMATS if each in Image.OPEN)
    try:
        _check_kind(source)
        with Image.open(source, formats=formats) as image:
            if not isinstance(image, JpegImageFile) or "progressive" in image.info:
                # JPEG 2000 has four bytes for each colour of each point.
                half = image.format == "JPEG2000"
                _check_size(image.size, MOST_DECODED // 2 if half else MOST_DECODED)
            image.draft(None, (2 * width, 2 * height))  # only a JPEG heeds it
            _check_size(image.size, MOST_PIXELS)
            turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
            small = _small(image, 4 * max(height, width))
        if turn is not None:
            small = small.transpose(turn)
        flat = _opaque(small).convert("L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(flat, (width, height), Image.Resampling.LANCZOS)
    except FileNotFoundError as error:
        raise PictureError(N_("is not there")) from error
    except UnidentifiedImageError as error:
        raise PictureError(N_("is no picture that can be read")) from error
    except PermissionError as error:
        raise PictureError(N_("may not be read")) from error
    except PictureError:
        raise
    # There is nothing that a reader of Pillow's does not raise where a file is damaged.
    except Exception as error:
        raise PictureError(N_("is damaged or breaks off")) from error
    return np.asarray(fitted, np.uint8).reshape(height, width, channels).copy()


def _check_kind(source: Path | io.BytesIO) -> None:
    """Raise `PictureError` for what to open would wait for ever, or decode before it can be asked.

    An icon may have a PNG inside that is larger than it says, and Pillow reads it at once.
    """
    if isinstance(source, Path):
        try:
            wary.file_size(source)
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as error:
            raise PictureError(
                N_("cannot be read ({error})", error=error.strerror or str(error))
            ) from error
    opened = source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source)
    with opened as file:
        start = file.tell()
        head = file.read(6)
        if head[:4] == _ICON:
            entries = file.read(16 * struct.unpack("<4xH", head)[0])
            for (place,) in struct.iter_unpack("<12xI", entries):
                file.seek(start + place)
                inside = file.read(24)
                if inside.startswith(_PNG):
                    _check_size(struct.unpack(">16xII", inside), MOST_DECODED)
                else:
                    _check_size(struct.unpack("<4xII", inside[:12]), MOST_DECODED)
        file.seek(start)


def _check_size(size: tuple[int, ...], most: int) -> None:
    pixels, most = size[0] * size[1], min(most, MOST_PIXELS)
    if pixels > most:
        raise PictureError(
            N_(
                "has {pixels:,} million pixels, and at most {most} million are accepted",
                pixels=pixels // 1_000_000,
                most=most // 1_000_000,
            )
        )


def _let_us_check_sizes() -> None:
    """Pillow's own limit only warns up to twice its value; `MOST_PIXELS` takes its place."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = None


def _small(image: Image.Image, side: int) -> Image.Image:
    """`image` as 8-bit L, RGB or RGBA, shrunk by a whole number while both sides exceed `side`."""
    deep = image.mode.startswith(("I", "F"))
    if deep:
        mode = "F" if image.mode == "F" else "I"
    elif image.has_transparency_data:
        mode = "RGBA"
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    factor = max(1, min(image.size) // side)
    if factor == 1:
        small = image.convert(mode)
    else:
        small = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
        rows = factor * _STRIP  # a strip at a time: to convert the whole would take it twice
        for top in range(0, image.height, rows):
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
            small.paste(strip.convert(mode).reduce(factor), (0, top // factor))
    return Image.fromarray(_eight_bits(np.asarray(small))) if deep else small


def _eight_bits(values: NDArray[Any]) -> Pixels:
    """Grey values of 16 or 32 bits, or floats, as bytes: from 0 to the end of their scale."""
    # A dark picture of 16 bits must not become a bright one of 8.
    top = max(float(np.nan_to_num(values).max()), 65535.0 if values.dtype.kind in "iu" else 0.0)
    full = next((end for end in (1.0, 255.0, 65535.0) if top <= end), top)
    bytes_: Pixels = (
        (np.clip(np.nan_to_num(values), 0, full) * (255.0 / full)).round().astype(np.uint8)
    )
    return bytes_


def _opaque(image: Image.Image) -> Image.Image:
    """`image` on black, or on white where nearly all that is drawn is black."""
    if image.mode != "RGBA":
        return image
    pixels = np.asarray(image, np.float32)
    opacity = pixels[..., 3]
    drawn = float(opacity.sum())
    light = float((pixels[..., :3].mean(-1) * opacity).sum()) / drawn if drawn else 255.0
    ground = Image.new("RGBA", image.size, "white" if light < _NEARLY_BLACK else "black")
    return Image.alpha_composite(ground, image)


def _known() -> dict[str, str]:
    return {"formats": ", ".join(FORMATS)}

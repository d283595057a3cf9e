"""Files that a stranger may send: good ones of every kind, the worst made by hand, mutations.

`bench.hostile` gives them to the program by the thousand, and `tests/test_hostile.py` the worst
ones by name. Nothing here knows how the program reads them.
"""

import contextlib
import io
import json
import math
import os
import random
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TOP = "\u202e"  # turns the reading direction round
LONG = "x" * 240
ODD_NAMES = (
    *("..png", "...", "-rf", "%s%n{0}{x}", " ", "~", "names", "a::bpe", "letters:x", "con"),
    *("中文 名字", f"{TOP}gnp.txt", "a\nb\tc", LONG, "a\\b", os.fsdecode(b"\xff\xfe"), "è̴"),
)
"""Names that a file may have. None of them leads out of its folder."""

ENDINGS = (
    *("", ".txt", ".csv", ".tsv", ".npy", ".npz", ".png", ".wav", ".flac", ".ogg", ".mp3"),
    *(".raw", ".json", ".zip", ".tif"),
)

NAMES = (
    *("", ".", "..", "/x/", "//x", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a/../../b"),
    *(
        "\0",
        "a\0b",
        "runs\0/../x",
        "x" * 300,
        "x" * 5000,
        "/".join("x" * 3000),
        "a\\..\\b",
        "C:\\x",
    ),
    *(
        "~nobody-of-that-name/x",
        "~",
        "\ud800",
        os.fsdecode(b"\xff"),
        "中文",
        f"{TOP}abc",
        "\n",
        " ",
    ),
    *("::bpe", "names::32rgb", "x::pairs", "::", "letters:", "letters:\0", "letters:" + "W" * 12),
    *("letters:" + "x" * 10_000, "dates:", "dates:en-zz", "dates:-", "dates:\0", "names:x"),
    *(".trash", ".trash/x", "checkpoints", "{0}", "{x.__class__}", "%s%n", "nul", "-", "..::bpe"),
    *("file:///etc/passwd", "data:image/png;base64,", "data:,", "data:image/png;base64,AAAA", "*"),
)
"""Names that are typed, or stand in a file, and may lead anywhere."""

DEEP = 100_000
EXTREME: tuple[Any, ...] = (
    *(0, -1, 1, 2, 255, 65_536, 2**31 - 1, 2**31, 2**63, -(2**63), 10**30, -(10**30), 10**300),
    *(0.0, -0.0, 0.5, -1.5, 1e-308, 1e308, -1e308, math.nan, math.inf, -math.inf, True, False),
    *(None, "", "x", "0", "1e9", "nan", "x" * 10_000, "../../etc/passwd", "/dev/zero", "\0"),
    *("中文", TOP, "\ud800", "{0}", "{x:>900000000}", "{x.__class__}", [], {}, [[]], [None]),
    *([0] * 1000, {"x": {"x": {}}}, [1e308, -1], {"": ""}, [[1, "{x:>900000000}", {"x": 1}]]),
)


# --- good files


def good_files(folder: Path) -> dict[str, list[Path]]:
    """Small files of each kind that the program takes, by kind; "pictures" are folders."""
    found: dict[str, list[Path]] = {}
    for kind, make in GOOD.items():
        place = folder / kind
        place.mkdir(parents=True)
        found[kind] = make(place)
    return found


def _texts(place: Path) -> list[Path]:
    words = ("the quick brown fox", "jumps over", "a lazy dog", "sleeps under", "old trees")
    drawn = random.Random(1)
    plain = "\n".join(" ".join(drawn.choices(words, k=3)) for _ in range(120))
    chinese = "\n".join(
        "".join(drawn.choices("春眠不觉晓处处闻啼鸟夜来风雨声", k=20)) for _ in range(60)
    )
    mixed = "\n".join("".join(drawn.choices("aé中🙂שלום\t ", k=30)) for _ in range(60))
    kinds = {
        "plain.txt": plain.encode(),
        "chinese.md": chinese.encode(),
        "mixed.txt": mixed.encode(),
        "bom.txt": chinese.encode("utf-8-sig"),
        "utf16.txt": mixed.encode("utf-16"),
        "utf32.txt": mixed.encode("utf-32"),
        "latin1.txt": plain.replace("a", "\xe4").encode("latin-1"),
        "no_ending": plain.replace("\n", "\r\n").encode(),
    }
    return _written(place, kinds)


def _written(place: Path, contents: Mapping[str, bytes]) -> list[Path]:
    for name, content in contents.items():
        (place / name).write_bytes(content)
    return [place / name for name in contents]


PICTURE_ENDINGS = ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "tga", "ico", "jp2", "avif"]


PICTURES = tuple(f".{ending}" for ending in PICTURE_ENDINGS)


def a_picture(size: int = 40, mode: str = "RGB") -> Image.Image:
    """A gradient with noise."""
    values = np.random.default_rng(size).integers(0, 60, (size, size, 3))
    values[..., 0] += np.arange(size)[:, None] * 4
    values[..., 1] += np.arange(size)[None] * 4
    return Image.fromarray(values.astype(np.uint8)).convert(mode)


def _single_pictures(place: Path) -> list[Path]:
    paths = []
    for ending in PICTURE_ENDINGS:
        path = place / f"one.{ending}"
        a_picture().save(path)
        paths.append(path)
    for name, mode in (("grey.png", "L"), ("palette.png", "P"), ("see.png", "RGBA")):
        a_picture(mode=mode).save(place / name)
        paths.append(place / name)
    a_picture().save(place / "progressive.jpg", progressive=True)
    a_picture().save(place / "packed.tif", compression="tiff_deflate")
    frames = [a_picture(size) for size in (40, 40)]
    frames[0].save(place / "film.gif", save_all=True, append_images=frames[1:])
    paths += [place / name for name in ("progressive.jpg", "packed.tif", "film.gif")]
    return [*paths, with_settings(place / "settings.png")]


def with_settings(path: Path, net: str = '{"latent": 2}', model: str = "vae") -> Path:
    """A picture with settings inside, as an exported sample has them."""
    from PIL import PngImagePlugin

    inside = PngImagePlugin.PngInfo()
    about = {"Software": "x", "model": model, "data": "digits", "step": "7", "seed": "1"}
    for name, value in {**about, "net": net, "train": "{}", "sample": "{}"}.items():
        inside.add_text(name, value)
    a_picture().save(path, pnginfo=inside)
    return path


def _picture_folders(place: Path) -> list[Path]:
    plain, parted = place / "plain", place / "parted"
    for i, ending in enumerate(("png", "jpg", "gif", "bmp")):
        for folder in (plain, parted / ("cats", "dogs")[i % 2]):
            folder.mkdir(parents=True, exist_ok=True)
            a_picture(30 + i).save(folder / f"{i}.{ending}")
    return [plain, parted]


def _sounds(place: Path) -> list[Path]:
    import soundfile

    time = np.arange(12_000) / 8000
    tone = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.02 * np.random.default_rng(0).normal(
        size=12_000
    )
    kinds: dict[str, dict[str, Any]] = {
        "pcm.wav": {},
        "float.wav": {"subtype": "FLOAT"},
        "adpcm.wav": {"subtype": "IMA_ADPCM"},
        "free.flac": {},
        "vorbis.ogg": {},
        "opus.opus": {"format": "OGG", "subtype": "OPUS"},
        "layer.mp3": {},
        "apple.aiff": {},
        "apple.caf": {},
        "sun.au": {},
        "large.w64": {},
    }
    for name, how in kinds.items():
        soundfile.write(place / name, tone, 8000, **how)
    soundfile.write(place / "stereo.wav", np.stack([tone, -tone], 1), 22_050)
    return [place / name for name in (*kinds, "stereo.wav")]


def _points(place: Path) -> list[Path]:
    drawn = np.random.default_rng(0).normal(size=(60, 2))
    rows = [f"{x:.4f},{y:.4f},{'ab'[i % 2]}" for i, (x, y) in enumerate(drawn)]
    np.save(place / "array.npy", np.column_stack([drawn, np.arange(60) % 3]))
    tabs = "\n".join(row.replace(",", "\t") for row in rows)
    contents = {
        "points.csv": ("x,y,class\n" + "\n".join(rows)).encode(),
        "points.tsv": tabs.encode(),
        "halves.csv": "\n".join(
            row[:-2].replace(",", ";").replace(".", ",") for row in rows
        ).encode(),
    }
    return [*_written(place, contents), place / "array.npy"]


def _pairs(place: Path) -> list[Path]:
    rows = [(f"word {i}", f"WORT {i * 7 % 100}") for i in range(60)]
    contents = {
        "pairs.csv": "source,target\n" + "\n".join(f'"{a}","{b}"' for a, b in rows),
        "pairs.tsv": "\n".join(f"{a}\t{b}" for a, b in rows),
        "hanzi.csv": "\n".join(f"第{i}天;di {i} tian" for i in range(60)),
    }
    return _written(place, {name: text.encode() for name, text in contents.items()})


def _archives(place: Path) -> list[Path]:
    drawn = np.random.default_rng(0)
    np.savez(place / "history.npz", a=drawn.normal(size=(9, 3)), marks=np.array("[]"))
    np.savez_compressed(place / "packed.npz", a=np.zeros((90, 3)))
    return [place / "history.npz", place / "packed.npz"]


GOOD: Mapping[str, Callable[[Path], list[Path]]] = {
    "text": _texts,
    "pictures": _picture_folders,
    "picture": _single_pictures,
    "sound": _sounds,
    "points": _points,
    "pairs": _pairs,
    "archive": _archives,
}


# --- the worst files, made by hand: each takes an empty folder and gives the name to be opened


def _file(name: str, content: bytes) -> Callable[[Path], str]:
    def make(place: Path) -> str:
        (place / name).write_bytes(content)
        return str(place / name)

    return make


def _pipe(name: str) -> Callable[[Path], str]:
    def make(place: Path) -> str:
        os.mkfifo(place / name)
        return str(place / name)

    return make


def _link(name: str, target: str) -> Callable[[Path], str]:
    def make(place: Path) -> str:
        (place / name).symlink_to(target)
        return str(place / name)

    return make


def _in_folder(*makers: Callable[[Path], str]) -> Callable[[Path], str]:
    """In a folder of pictures of which two are good."""

    def make(place: Path) -> str:
        folder = place / "album"
        folder.mkdir()
        for i in range(2):
            a_picture(20 + i).save(folder / f"good{i}.png")
        for maker in makers:
            maker(folder)
        return str(folder)

    return make


def _big(name: str, head: bytes, size: int, body: bytes = b"\0") -> Callable[[Path], str]:
    """`head`, then `body` again and again up to `size` bytes."""

    def make(place: Path) -> str:
        path = place / name
        with path.open("wb") as file:
            file.write(head)
            block = body * max(1, (1 << 20) // len(body))
            left = size - len(head)
            while left > 0:
                file.write(block[:left])
                left -= len(block)
        return str(path)

    return make


def _sparse(name: str, head: bytes, size: int) -> Callable[[Path], str]:
    """`head`, and a hole up to `size` bytes."""

    def make(place: Path) -> str:
        with (place / name).open("wb") as file:
            file.write(head)
            file.truncate(size)
        return str(place / name)

    return make


def png(width: int, height: int, rows: int = 1, depth: int = 8, kind: int = 2) -> bytes:
    """A PNG that says it is so large, and has `rows` rows of zeros."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = b"\0" * (1 + (width * depth * channels + 7) // 8)
    packer = zlib.compressobj()
    body = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _png_text_bomb() -> bytes:
    text = b"Comment\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    whole = png(20, 20, 20)
    return whole[:33] + _chunk(b"zTXt", text) * 8 + whole[33:]


def _icon(inside: bytes) -> bytes:
    """An icon that says it is 32 points wide, with a PNG of any size in it."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(inside), 22) + inside


def _jpeg2000(width: int, height: int) -> bytes:
    """Its outer header says 20 x 20, its inner one another size."""
    buffer = io.BytesIO()
    a_picture(20).save(buffer, "JPEG2000")
    whole = bytearray(buffer.getvalue())
    at = whole.index(b"\xff\x4f\xff\x51") + 8
    struct.pack_into(">II", whole, at, width, height)
    struct.pack_into(">II", whole, at + 16, width, height)  # one tile
    return bytes(whole)


def _bitmap(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 3, 0, 0, 54) + head + b"\0\0\0"


def _tiff(width: int, height: int) -> bytes:
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 1),
        (273, 4, 1, 200),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, 40),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    whole = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4
    return whole.ljust(200, b"\0") + zlib.compress(b"\0" * 4000)


def _gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0xF0, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0;"


def _jpeg(width: int, height: int) -> bytes:
    """A progressive one that says it is so large."""
    buffer = io.BytesIO()
    a_picture(20).save(buffer, "JPEG", progressive=True)
    whole = bytearray(buffer.getvalue())
    struct.pack_into(">HH", whole, whole.index(b"\xff\xc2") + 5, height, width)
    return bytes(whole)


def _saved_large(
    name: str, size: tuple[int, int], mode: str = "RGB", **how: Any
) -> Callable[[Path], str]:
    """A picture of one colour that is as large as it says."""

    def make(place: Path) -> str:
        Image.new(mode, size, (90, 120, 200)).save(place / name, **how)
        return str(place / name)

    return make


def _wav(
    rate: int = 8000, channels: int = 1, claimed: int | None = None, frames: int = 8000
) -> bytes:
    samples = (8000 * np.sin(np.arange(frames * channels) / 3)).astype("<i2").tobytes()
    size = len(samples) if claimed is None else claimed
    form = struct.pack(
        "<HHIIHH", 1, channels, rate, (rate * channels * 2) & 0xFFFFFFFF, channels * 2 & 0xFFFF, 16
    )
    head = struct.pack("<4sI8sI", b"RIFF", min(0xFFFFFFFF, size + 36), b"WAVEfmt ", 16)
    return head + form + b"data" + struct.pack("<I", size) + samples


def _flac(frames: int) -> bytes:
    """A FLAC that says it has so many samples."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(9000) / 3) * 0.3, 8000, format="FLAC")
    whole = bytearray(buffer.getvalue())
    (kept,) = struct.unpack_from(">Q", whole, 18)
    struct.pack_into(">Q", whole, 18, kept >> 36 << 36 | frames)
    return bytes(whole)


def npy(shape: str, descr: str = "'<f8'", body: bytes = b"\0" * 64) -> bytes:
    """A numpy file with that in its header, whatever it means."""
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(head)) + head + body


def pickled(mark: Path | str) -> bytes:
    """A pickle that writes a file when it is loaded."""
    code = f"open({str(mark)!r}, 'w').write('x')"
    return b"cbuiltins\nexec\n(V" + code.encode("raw_unicode_escape") + b"\ntR."


def zip_bomb(name: str, member: str, head: bytes, size: int) -> Callable[[Path], str]:
    """An archive whose one member is `head` and then zeros, packed a thousand to one."""

    def make(place: Path) -> str:
        with (
            zipfile.ZipFile(place / name, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(member, "w", force_zip64=True) as file,
        ):
            file.write(head)
            for _ in range(size >> 20):
                file.write(b"\0" * (1 << 20))
        return str(place / name)

    return make


def safetensors_file(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    """A file of weights with that header (JSON, or bytes as they are)."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + body


def _deep_folders(place: Path) -> str:
    root = place / "deep"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d" * 20, dir_fd=here)
        there = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
    return str(root)


def _odd_folder(place: Path) -> str:
    folder = place / "odd"
    folder.mkdir()
    for name in ODD_NAMES:
        with contextlib.suppress(OSError):
            a_picture(20).save(folder / f"{name}.png", "PNG")
    (folder / "loop").symlink_to(folder)
    (folder / "away.png").symlink_to("/etc/passwd")
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "round.png").symlink_to("round.png")
    return str(folder)


WIDE = "".join(map(chr, (*range(0x4E00, 0x9000), *range(0xAC00, 0xD000))))

WORST_FILES: Mapping[str, Callable[[Path], str]] = {
    "a pipe as text": _pipe("pipe.txt"),
    "a pipe as table": _pipe("pipe.csv"),
    "a pipe as numpy": _pipe("pipe.npy"),
    "a pipe as sound": _pipe("pipe.wav"),
    "a pipe as picture": _pipe("pipe.png"),
    "a pipe without ending": _pipe("pipe"),
    "a pipe among pictures": _in_folder(_pipe("pipe.png")),
    "a device as text": _link("zero.txt", "/dev/zero"),
    "a device as table": _link("zero.csv", "/dev/zero"),
    "a device as numpy": _link("zero.npy", "/dev/zero"),
    "a device as sound": _link("zero.wav", "/dev/zero"),
    "a device as picture": _link("zero.png", "/dev/zero"),
    "a device without ending": _link("zero", "/dev/zero"),
    "a device among pictures": _in_folder(_link("zero.png", "/dev/zero")),
    "a link to itself": _link("round.txt", "round.txt"),
    "a link to nothing": _link("gone.csv", "nowhere"),
    "a link to its folder": _link("folder.wav", "."),
    "folders without end": _deep_folders,
    "a folder of odd names": _odd_folder,
    "PNG of 60,000 x 60,000": _file("huge.png", png(60_000, 60_000)),
    "PNG of 60,000 x 60,000 in a folder": _in_folder(_file("huge.png", png(60_000, 60_000))),
    "PNG just small enough": _in_folder(_file("large.png", png(12_000, 12_000, 12_000))),
    "PNG of 16 bits and four channels": _file("deep.png", png(12_000, 12_000, 12_000, 16, 6)),
    "PNG with 1.6 GB of text": _file("text.png", _png_text_bomb()),
    "an icon with a large picture": _in_folder(
        _file("small.ico", _icon(png(20_000, 20_000, 20_000, 1, 0)))
    ),
    "JPEG 2000 with another size inside": _in_folder(_file("two.jp2", _jpeg2000(40_000, 40_000))),
    "bitmap of negative height": _file("upside.bmp", _bitmap(60_000, -60_000)),
    "TIFF of 60,000 x 60,000": _file("huge.tif", _tiff(60_000, 60_000)),
    "TIFF in one strip": _file("strip.tif", _tiff(12_000, 12_000)),
    "GIF beyond its screen": _file("beyond.gif", _gif(65_535, 65_535)),
    "JPEG, progressive, of 65,000 x 65,000": _file("wide.jpg", _jpeg(65_000, 65_000)),
    "WebP of 16,000 x 9,000": _saved_large("wide.webp", (16_000, 9_000)),
    "JPEG 2000 of 4,900 x 4,900": _saved_large("wide.jp2", (4_900, 4_900), "RGBA"),
    "progressive JPEG of 7,000 x 7,000": _saved_large("wide.jpg", (7_000, 7_000), progressive=True),
    "PPM of 10^9 points": _file("huge.ppm", b"P6 1000000000 1000000000 255\n\0\0\0"),
    "WAV of 4 GB": _file("huge.wav", _wav(claimed=0xFFFFFFFF)),
    "WAV of one sample a second": _file("slow.wav", _wav(rate=1, frames=20_000)),
    "WAV of no samples a second": _file("still.wav", _wav(rate=0)),
    "WAV of 4 billion samples a second": _file("fast.wav", _wav(rate=0xFFFFFFFF)),
    "WAV of 2 billion samples a second": _file("fast.wav", _wav(rate=0x7FFFFFFF)),
    "WAV of 1,000 channels": _file("wide.wav", _wav(channels=1000, frames=20_000)),
    "WAV of 65,535 channels": _file("wide.wav", _wav(channels=65_535, frames=100)),
    "WAV of silence without end": _sparse("long.wav", _wav(claimed=0x7FFFFFF0)[:44], 1 << 31),
    "FLAC of 2^36 samples": _file("huge.flac", _flac(2**36 - 1)),
    "numpy of 10^15 numbers": _file("huge.npy", npy("(10000000000000, 3)")),
    "numpy of 2^64 numbers": _file("huge.npy", npy("(9223372036854775807, 2)")),
    "numpy of negative size": _file("minus.npy", npy("(-30, 2)")),
    "numpy of 10^9 empty rows": _file("empty.npy", npy("(10000000000, 0)")),
    "numpy with deep brackets": _file("deep.npy", npy("(" * 4000 + ")" * 4000)),
    "numpy with many signs": _file("signs.npy", npy("(" + "-" * 9000 + "1, 2)")),
    "numpy with a long header": _file("long.npy", npy("(" + "1," * 500_000 + ")")),
    "numpy with a giant type": _file("type.npy", npy("(30, 2)", "'<V2000000000'")),
    "numpy of texts": _file("words.npy", npy("(30, 2)", "'<U4'", b"x\0\0\0" * 240)),
    "numpy with objects": _file("pickle.npy", npy("(30, 2)", "'|O'", pickled("ran"))),
    "a pickle as numpy": _file("pickle.npy", pickled("ran")),
    "a pickle without ending": _file("pickle", pickled("ran")),
    "numpy archive as numpy": zip_bomb("bomb.npy", "a.npy", npy("(250000000,)", body=b""), 2 << 30),
    "numpy archive": zip_bomb("bomb.npz", "../../a.npy", npy("(250000000,)", body=b""), 2 << 30),
    "one field of 49 MB": _big("field.csv", b"a,", 49_000_000, b"x"),
    "one field of 49 MB, in quotes": _big("field.csv", b'a,"', 49_000_000, b"x"),
    "one field of 49 MB, one of its signs rare": _big(
        "rare.csv", "a,🙂".encode(), 49_000_000, b"x"
    ),
    "one number of 190 MB": _big("number.csv", b"1,2\n3,4\n5,6\n7,", 190_000_000, b"8"),
    "190 MB of points, one sign of them rare": _big(
        "rare.csv", "x,🙂\n1,2\n3,4\n".encode(), 190_000_000, b"5.25,6.5\n"
    ),
    "49 MB of empty lines": _big("empty.csv", b"a,b\nc,d\n", 49_000_000, b"\n"),
    "49 MB of empty lines after numbers": _big("blank.csv", b"1,2\n3,4\n5,6\n", 49_000_000, b"\n"),
    "49 MB of commas": _big("commas.csv", b"a,b\n", 49_000_000, b","),
    "49 MB of pairs": _big("many.csv", b"a,b\n", 49_000_000, b"cc,dd\n"),
    "points that are no numbers": _file("nan.csv", b"x,y\n" + b"nan,1\n" * 30),
    "points beyond all bounds": _file("large.csv", b"1e999,1\n" + b"-1e308,1e308\n" * 30),
    "numbers of 5,000 digits": _file("digits.csv", (b"9" * 5000 + b",1\n") * 30),
    "text without a space": _file("wide.txt", (WIDE * 8).encode()),
    "text without a space, in byte pairs": _file("a.txt", b"ab" * 700_000),
    "only a mark of UTF-16": _file("mark.txt", b"\xff\xfe"),
    "half a UTF-16": _file("half.txt", b"\xff\xfe" + b"a\0" * 500 + b"\xd8"),
    "UTF-32 beyond Unicode": _file("far.txt", b"\xff\xfe\0\0" + b"\xff" * 4000),
    "text of control signs": _file("control.txt", bytes(range(1, 32)) * 400),
    "49 MB of one line": _big("line.txt", b"", 49_000_000, b"x"),
    "49 MB of bytes that no encoding has": _big("noise.txt", b"abc", 49_000_000, b"\x81\xfe\x9d\n"),
    "a file of zeros": _sparse("zeros", b"", 1 << 33),
    "a text of zeros": _sparse("zeros.txt", b"words ", 1 << 33),
    "JSON as text": _file("deep.json", b"[" * DEEP),
}
"""By what they are: given to whatever opens data of one's own."""


def _weights(name: str, header: Any, body: bytes = b"", length: int | None = None) -> Any:
    return _file(name, safetensors_file(header, body, length))


_FLOATS = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
WORST_WEIGHTS: Mapping[str, Callable[[Path], str]] = {
    "a pipe": _pipe("pipe.safetensors"),
    "a device": _link("zero.safetensors", "/dev/zero"),
    "a folder": _link("folder.safetensors", "."),
    "nothing": _file("nothing.safetensors", b""),
    "a header of 2^63 bytes": _weights("head.safetensors", {}, length=2**63),
    "a header of 90 MB": _weights("head.safetensors", b"[" * 90_000_000),
    "a deep header": _weights("deep.safetensors", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "tensors over each other": _weights(
        "over.safetensors", {"a": _FLOATS, "b": _FLOATS}, b"\0" * 16
    ),
    "a tensor of 2^62 numbers": _weights(
        "large.safetensors",
        {"a": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 16]}},
        b"\0" * 16,
    ),
    "a tensor beyond the end": _weights(
        "end.safetensors", {"a": {**_FLOATS, "data_offsets": [0, 99]}}
    ),
    "deep settings": _weights(
        "meta.safetensors",
        {"__metadata__": {"run": "[" * DEEP, "data": "{}"}, "a": _FLOATS},
        b"\0" * 16,
    ),
    "settings of another kind": _weights(
        "meta.safetensors", {"__metadata__": {"run": "7", "data": "null"}, "a": _FLOATS}, b"\0" * 16
    ),
    "a pickle": _file("pickle.safetensors", pickled("ran")),
}


# --- the worst run folders: each changes a good one; `outside` is a folder that is none of its own


def changed_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Rewrite a JSON file with what `change` makes of it; it may change it in place."""
    values = json.loads(path.read_text("utf-8"))
    found = change(values)
    path.write_text(json.dumps(values if found is None else found), "utf-8")


def checkpoint_of(run: Path) -> Path:
    """The folder of its one checkpoint."""
    (found,) = (run / "checkpoints").iterdir()
    return found


def _set(name: str, **values: Any) -> Callable[[Path, Path], None]:
    """Put values into a JSON file; ``a__b`` is b of a."""

    def change(run: Path, _outside: Path) -> None:
        def put(record: Any) -> None:
            for key, value in values.items():
                *into, last = key.split("__")
                place = record
                for each in into:
                    place = place[each]
                place[last] = value

        at = run / name if (run / name).exists() else checkpoint_of(run) / name
        changed_json(at, put)

    return change


def _put(name: str, content: bytes) -> Callable[[Path, Path], None]:
    """Put a file in the place of one in the run or its checkpoint."""

    def change(run: Path, _outside: Path) -> None:
        (run / name if (run / name).exists() else checkpoint_of(run) / name).write_bytes(content)

    return change


def _instead(name: str, make: Callable[[Path], Any]) -> Callable[[Path, Path], None]:
    """Something else in the place of a file of the run."""

    def change(run: Path, _outside: Path) -> None:
        at = run / name if (run / name).exists() else checkpoint_of(run) / name
        at.unlink()
        make(at)

    return change


def _linked(name: str) -> Callable[[Path, Path], None]:
    """A folder of the run lies outside, with a link in its place."""

    def change(run: Path, outside: Path) -> None:
        shutil.copytree(run / name, outside / name, dirs_exist_ok=True)
        shutil.rmtree(run / name)
        (run / name).symlink_to(outside / name)

    return change


def _checkpoint_linked(run: Path, outside: Path) -> None:
    place = checkpoint_of(run)
    shutil.copytree(place, outside / "state")
    shutil.rmtree(place)
    place.symlink_to(outside / "state")


def _lost_snapshots(run: Path, _outside: Path) -> None:
    place = run / "snapshots"
    good = next(place.glob("*.safetensors")).read_bytes()
    for name in ("²", "٣", "1" * 200, "-1", "0x10", "1_000", "１"):
        (place / f"{name}.safetensors").write_bytes(good)
    (place / "5.safetensors").mkdir()
    os.mkfifo(place / "3.safetensors")


def history_with(marks: Any = (), **members: bytes) -> Callable[[Path, Path], None]:
    """A history with these marks, and members as they are."""

    def change(run: Path, _outside: Path) -> None:
        text = np.array(json.dumps(list(marks)))
        buffer = io.BytesIO()
        np.save(buffer, text)
        with zipfile.ZipFile(checkpoint_of(run) / "history.npz", "w") as archive:
            archive.writestr("marks.npy", buffer.getvalue())
            for name, content in members.items():
                archive.writestr(f"series/{name}.npy", content)

    return change


def _history_bomb(run: Path, _outside: Path) -> None:
    place = checkpoint_of(run)
    zip_bomb("history.npz", "series/loss.npy", npy("(90000000, 3)", body=b""), 2 << 30)(place)


def _lying_history(way: int) -> Callable[[Path, Path], None]:
    """One that says it holds an empty series, and unpacks to 2 GB."""

    def change(run: Path, _outside: Path) -> None:
        head, path = npy("(0, 3)", body=b""), checkpoint_of(run) / "history.npz"
        with (
            zipfile.ZipFile(path, "w", way) as archive,
            archive.open("series/loss.npy", "w", force_zip64=True) as file,
        ):
            file.write(head)
            for _ in range(2 << 10):
                file.write(b"\0" * (1 << 20))
        content = bytearray(path.read_bytes())
        listed = content.rfind(b"PK\x01\x02")
        struct.pack_into("<L", content, listed + 16, zlib.crc32(head))
        struct.pack_into("<L", content, listed + 24, len(head))
        path.write_bytes(content)

    return change


def _one_tensor_many_times(run: Path, _outside: Path) -> None:
    """An optimiser's state of 1 MB that is 4 GB once each name of its tensor has one."""
    tree = {"list": [{"tensor": "0"}] * 4000}
    entry = {"dtype": "F32", "shape": [1 << 18], "data_offsets": [0, 1 << 20]}
    header = {"__metadata__": {"tree": json.dumps(tree)}, "0": entry}
    content = safetensors_file(header, bytes(1 << 20))
    (checkpoint_of(run) / "optimiser.safetensors").write_bytes(content)


def _giant(run: Path, outside: Path) -> None:
    """Every whole number of the network at its most, within the program's own bounds."""
    wide = {
        "hidden": 1024,
        "layers": 4,
        "embedding": 512,
        "heads": 16,
        "head": 128,
        "context": 1024,
    }
    _set("run.json", net={**json.loads((run / "run.json").read_text())["net"], **wide})(
        run, outside
    )


def _large_record(run: Path, _outside: Path) -> None:
    _sparse("run.json", b"{", 300_000_000)(run)


def _pickled_state(run: Path, outside: Path) -> None:
    place = checkpoint_of(run)
    for name in ("optimiser.pt", "random.pt", "optimiser.safetensors", "optimiser.json"):
        (place / name).write_bytes(pickled(outside / "ran"))


WORST_RUNS: Mapping[str, Callable[[Path, Path], None]] = {
    "run.json nested deep": _put("run.json", b"[" * DEEP),
    "run.json of 300 MB": _large_record,
    "run.json a pipe": _instead("run.json", os.mkfifo),
    "run.json a device": _instead("run.json", lambda at: at.symlink_to("/dev/zero")),
    "run.json a folder": _instead("run.json", Path.mkdir),
    "run.json without end": _instead("run.json", lambda at: at.symlink_to(at.name)),
    "run.json of a list": _put("run.json", b"[1, 2]"),
    "a number for no number": _set("run.json", seconds=math.nan, saved=math.inf, created=-math.inf),
    "steps before the first": _set("run.json", step=-5),
    "a giant step": _set("run.json", step=10**300),
    "a giant seed": _set("run.json", seed=10**300),
    "knobs that are no numbers": _set("run.json", net__hidden=math.nan),
    "knobs beyond their bounds": _set("run.json", net__hidden=10**9),
    "knobs of another kind": _set("run.json", net={"hidden": [1], "layers": {}}),
    "knobs at their most": _giant,
    "metrics of another kind": _set("run.json", metrics={"held_out": "x", "loss": [1]}),
    "a checkpoint above": _set("run.json", checkpoint=".."),
    "a checkpoint elsewhere": _set("run.json", checkpoint="../../../../../../etc"),
    "a checkpoint with a zero": _set("run.json", checkpoint="a\0b"),
    "a checkpoint without end": _set("run.json", checkpoint="x" * 5000),
    "an id that leads elsewhere": _set("run.json", id="../x"),
    "data that is a device": _set("run.json", data="/dev/zero"),
    "data with a zero": _set("run.json", data="a\0b"),
    "data of nobody": _set("run.json", data="~nobody-of-that-name/x"),
    "data with half a sign": _set("run.json", data="\ud800", data_title="\ud800", title="\ud800"),
    "data.json nested deep": _put("data.json", b'{"kind":' * DEEP),
    "data.json a pipe": _instead("data.json", os.mkfifo),
    "data.json of another kind": _set("data.json", kind="images"),
    "data.json with a kind that is a list": _set("data.json", kind=[]),
    "data.json without an alphabet": _set(
        "data.json", tokeniser={"kind": "char", "characters": ""}
    ),
    "data.json with every character": _set(
        "data.json", tokeniser={"kind": "char", "characters": "".join(map(chr, range(32, 0xD000)))}
    ),
    "data.json with giant numbers": _set("data.json", characters=10**300, tokens=[10**30, -1]),
    "data.json with numbers for texts": _set("data.json", key=7, title=[], separator={}, credit=1),
    "state.json nested deep": _put("state.json", b"[" * DEEP),
    "state.json with giant numbers": _set("state.json", step=10**300, seconds=1e308),
    "state.json with no numbers": _set(
        "state.json", seconds=math.nan, train={"learning_rate": math.nan}
    ),
    "state.json before the first step": _set("state.json", step=-7),
    "weights nested deep": _put("averaged.safetensors", safetensors_file(b'{"a":' * DEEP)),
    "weights with a giant header": _put("averaged.safetensors", safetensors_file({}, length=2**62)),
    "weights of others": _put("weights.safetensors", safetensors_file({"a": _FLOATS}, b"\0" * 16)),
    "weights that are no numbers": lambda run, _: _no_numbers(checkpoint_of(run)),
    "a bomb for a history": _history_bomb,
    "a history that lies about its sizes": _lying_history(zipfile.ZIP_DEFLATED),
    "a history that lies, packed otherwise": _lying_history(zipfile.ZIP_BZIP2),
    "a history of 40,000 curves": history_with(**{f"m{i}": npy("(1, 3)") for i in range(40_000)}),
    "a history with a mark of 15 MB": history_with([[1, "{x}" + "x" * 15_000_000, {"x": 1}]]),
    "a history of a million marks": history_with([[1, "a", {}]] * 1_000_000),
    "one tensor 4,000 times": _one_tensor_many_times,
    "a history that claims 10^15 points": history_with(loss=npy("(300000000000000, 3)")),
    "a history of objects": history_with(loss=npy("(3, 3)", "'|O'", pickled("ran"))),
    "a history with 900 MB in a mark": history_with([[1, "{x:>900000000}", {"x": 1}]]),
    "a history that looks into objects": history_with([[1, "{x.__class__.__mro__}", {"x": 1}]]),
    "a history of other marks": history_with([[math.nan, 7, {"x": 1}], {}, "abc"]),
    "a pickle for a history": _put("history.npz", pickled("ran")),
    "pickles for the optimisers": _pickled_state,
    "weights a pipe": _instead("averaged.safetensors", os.mkfifo),
    "a history a pipe": _instead("history.npz", os.mkfifo),
    "an optimiser a pipe": _instead("optimiser.safetensors", os.mkfifo),
    "a state a device": _instead("state.json", lambda at: at.symlink_to("/dev/zero")),
    "checkpoints elsewhere": _linked("checkpoints"),
    "snapshots elsewhere": _linked("snapshots"),
    "the checkpoint elsewhere": _checkpoint_linked,
    "snapshots of odd names": _lost_snapshots,
}


def _no_numbers(place: Path) -> None:
    for name in ("weights", "averaged"):
        path = place / f"{name}.safetensors"
        whole = path.read_bytes()
        (length,) = struct.unpack("<Q", whole[:8])
        body = np.full((len(whole) - 8 - length) // 4, np.nan, "<f4").tobytes()
        path.write_bytes(whole[: 8 + length] + body)


# --- mutations


def mutated_bytes(content: bytes, drawn: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """`content` with one to three wounds."""
    whole = bytearray(content)
    for _ in range(drawn.randint(1, 3)):
        size = len(whole)
        at = (
            drawn.randrange(size + 1)
            if drawn.random() < 0.6
            else drawn.randrange(min(size, 64) + 1)
        )
        length = min(size - at, int(2 ** drawn.uniform(0, 12)))
        match drawn.randrange(9):
            case 0:
                for _ in range(drawn.randint(1, 20)):
                    if whole:
                        whole[drawn.randrange(len(whole))] ^= 1 << drawn.randrange(8)
            case 1:
                del whole[at:]
            case 2:
                whole[at:at] = drawn.randbytes(length)
            case 3:
                whole[at:at] = whole[at : at + length] * drawn.randint(1, 8)
            case 4:
                del whole[at : at + length]
            case 5:
                whole[at : at + length] = bytes([drawn.choice((0, 255, 10, 34, 44))]) * length
            case 6:
                number = drawn.choice(
                    (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
                )
                form = drawn.choice(("<I", ">I", "<Q", ">Q", "<H", ">H"))
                packed = struct.pack(form, number & (256 ** struct.calcsize(form) - 1))
                whole[at : at + len(packed)] = packed
            case 7:
                whole[at : at + length] = drawn.randbytes(length)
            case 8 if others:
                other = drawn.choice(others)
                cut = drawn.randrange(len(other) + 1)
                whole[at : at + length] = other[cut : cut + int(2 ** drawn.uniform(0, 14))]
    return bytes(whole)


def mutated_json(values: Any, drawn: random.Random) -> Any:
    """`values` with a value replaced, taken out or put in twice, somewhere."""
    values = json.loads(json.dumps(values))
    for _ in range(drawn.randint(1, 3)):
        places = list(_places(values))
        if not places:
            return drawn.choice(EXTREME)
        holder, key = drawn.choice(places)
        match drawn.randrange(6):
            case 0:
                del holder[key]
            case 1:
                other, name = drawn.choice(places)
                with contextlib.suppress(KeyError, IndexError):
                    holder[key] = json.loads(json.dumps(other[name]))
            case 2 if isinstance(holder, list):
                holder.extend(holder[:500] * drawn.choice((1, 2, 40)))
            case 3 if isinstance(holder[key], int | float):
                holder[key] *= drawn.choice((-1, 2, 1000, 0, 10**6, 1.5))
            case _:
                holder[key] = drawn.choice(EXTREME)
    return values


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in lists and records, as what holds it and where."""
    keys: Any = ()
    if isinstance(values, dict):
        keys = list(values)
    elif isinstance(values, list):
        keys = range(min(len(values), 50))
    for key in keys:
        yield values, key
        yield from _places(values[key])


def mutated(path: Path, drawn: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The content of `path` with wounds, half of the time in places that its format checks."""
    content = path.read_bytes()
    if drawn.random() < 0.5:
        with contextlib.suppress(
            ValueError, KeyError, struct.error, zipfile.BadZipFile, IndexError
        ):
            match path.suffix:
                case ".json":
                    return json.dumps(mutated_json(json.loads(content), drawn)).encode()
                case ".safetensors":
                    return _mutated_weights(content, drawn)
                case ".npz":
                    return _mutated_archive(content, drawn)
                case ".png":
                    return _mutated_png(content, drawn)
                case ".npy":
                    return _mutated_npy(content, drawn)
                case ".csv" | ".tsv" | ".txt":
                    return _mutated_lines(content, drawn)
    return mutated_bytes(content, drawn, others)


def _mutated_weights(content: bytes, drawn: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    if "__metadata__" in header and drawn.random() < 0.5:
        inside = header["__metadata__"]
        name = drawn.choice(list(inside))
        inside[name] = json.dumps(mutated_json(json.loads(inside[name]), drawn))
        return safetensors_file(header, body)
    if drawn.random() < 0.3:
        odd = drawn.choice((math.nan, math.inf, -1e38, 3e38, 0.0))
        numbers = np.frombuffer(body[: len(body) // 4 * 4], "<f4").copy()
        numbers[:: drawn.choice((1, 7, 1000))] = odd
        return safetensors_file(header, numbers.tobytes() + body[len(numbers) * 4 :])
    wrong = None if drawn.random() < 0.8 else drawn.choice((0, 1, 2**31, 2**63, length * 2))
    return safetensors_file(mutated_json(header, drawn), body, wrong)


def _mutated_archive(content: bytes, drawn: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = drawn.choice(list(members))
    match drawn.randrange(5):
        case 0:
            members[name] = mutated_bytes(members[name], drawn)
        case 1:
            members[name] = _mutated_npy(members[name], drawn)
        case 2:
            members[drawn.choice((*ODD_NAMES, "../../x.npy", "/etc/x.npy", "series/x.npy"))] = (
                members[name]
            )
        case 3:
            del members[name]
        case 4:
            members[name] = pickled("ran")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", drawn.choice((0, 8))) as archive:
        for each, inside in members.items():
            archive.writestr(each.replace("\0", ""), inside)
    return buffer.getvalue()


def _mutated_npy(content: bytes, drawn: random.Random) -> bytes:
    end = content.index(b"\n") + 1
    sizes = (0, 1, 2, 3, 60, -1, 10**6, 10**9, 2**31, 2**63 - 1, 10**30)
    shape = ", ".join(str(drawn.choice(sizes)) for _ in range(drawn.randint(0, 4)))
    descr = drawn.choice(
        ("'<f8'", "'<f8'", "'|O'", "'<U9'", "'>i2'", "'|b1'", "'<c16'", "'|V9'", "7")
    )
    return npy(f"({shape},)" if shape else "()", descr, content[end:])


def _mutated_png(content: bytes, drawn: random.Random) -> bytes:
    """A chunk wounded, with its sum put right again."""
    chunks = []
    at = 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    number = drawn.randrange(len(chunks))
    kind, inside = chunks[number]
    match drawn.randrange(4):
        case 0:
            chunks.insert(number, (kind, inside))
        case 1:
            chunks[number] = (
                drawn.choice((b"iCCP", b"zTXt", b"acTL", b"fcTL", b"tRNS", b"PLTE")),
                inside,
            )
        case _:
            chunks[number] = (kind, mutated_bytes(inside, drawn))
    return content[:8] + b"".join(_chunk(*each) for each in chunks)


def _mutated_lines(content: bytes, drawn: random.Random) -> bytes:
    lines = content.split(b"\n")
    words = (
        b"nan",
        b"inf",
        b"1e999",
        b"-0",
        b'"',
        b"\0",
        b"",
        b",,,,",
        b"\xff",
        b"0x10",
        b"9" * 5000,
    )
    for _ in range(drawn.randint(1, 8)):
        number = drawn.randrange(len(lines))
        fields = re.split(rb"([,;\t ])", lines[number])
        fields[drawn.randrange(len(fields))] = drawn.choice(words)
        lines[number] = b"".join(fields)
    return b"\n".join(lines * drawn.choice((1, 1, 1, 30)))


def renamed(path: Path, drawn: random.Random) -> str:
    """Another name for a file: mostly its own, sometimes an odd one or the ending of others."""
    chance = drawn.random()
    if chance < 0.1:
        return f"{drawn.choice(ODD_NAMES)[:200]}{path.suffix}"
    if chance < 0.2:
        return path.stem + drawn.choice(ENDINGS)
    return path.name

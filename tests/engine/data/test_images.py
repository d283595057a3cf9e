"""One file becomes one picture, however odd; and pictures become data in two parts."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import images
from engine.data.images import ImageData, picture_of, split
from engine.phrases import N_, PlaygroundError


def saved(image: Image.Image, path: Path, **more: Any) -> str:
    image.save(path, **more)
    return str(path)


def as_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def quarters() -> Image.Image:
    """Red, green, blue, white, clockwise from the top left."""
    image = Image.new("RGB", (40, 40))
    for place, colour in (((0, 0), "red"), ((20, 0), "lime"), ((20, 20), "blue")):
        image.paste(colour, (*place, place[0] + 20, place[1] + 20))
    image.paste("white", (0, 20, 20, 40))
    return image


# --- a picture of the shape that is wanted


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (8, 20, 3), (20, 8, 1)])
def test_a_picture_gets_the_shape(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    for value in (saved(quarters(), tmp_path / "q.png"), as_url(quarters())):
        picture = picture_of(value, shape)
        assert picture.shape == shape
        assert picture.dtype == np.uint8
        assert picture.flags.writeable


def test_pixels_stay_where_they_are(tmp_path: Path) -> None:
    picture = picture_of(saved(quarters(), tmp_path / "q.png"), (40, 40, 3))
    assert np.array_equal(picture, np.asarray(quarters()))


def test_the_middle_is_cut_out_and_not_squeezed(tmp_path: Path) -> None:
    wide = Image.new("L", (300, 100))
    wide.paste(255, (100, 0, 200, 100))  # the middle square is white, the rest is black
    assert picture_of(saved(wide, tmp_path / "wide.png"), (20, 20, 1)).min() > 230
    tall = wide.transpose(Image.Transpose.ROTATE_90)
    assert picture_of(saved(tall, tmp_path / "tall.png"), (20, 20, 1)).min() > 230
    # For a wide shape the whole width is kept.
    assert picture_of(saved(wide, tmp_path / "wide.png"), (10, 30, 1))[:, :8].max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    upright = quarters()
    # How a camera held in that way stores it: what undoes the turn that is asked for.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.rotate(180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.rotate(90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.rotate(-90),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(stored, tmp_path / "photo.jpg", quality=100, subsampling=0, exif=exif)
    picture = picture_of(path, (40, 40, 3)).astype(int)
    gap = np.abs(picture - np.asarray(upright).astype(int))
    assert gap[5:15, 5:15].max() < 30
    assert gap[25:35, 5:15].max() < 30
    assert gap[5:15, 25:35].max() < 30


def test_the_transparent_is_black_and_half_is_half(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 10, 20))
    picture = picture_of(saved(image, tmp_path / "ink.png"), (20, 20, 1))[..., 0]
    assert picture[:, :8].min() > 250
    assert picture[:, 12:].max() < 5
    half = Image.new("RGBA", (20, 20), (200, 100, 0, 128))
    found = picture_of(as_url(half), (4, 4, 3))[0, 0].astype(int)
    assert np.abs(found - [100, 50, 0]).max() <= 1


def test_black_ink_on_nothing_does_not_vanish() -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    picture = picture_of(as_url(image), (20, 20, 1))[..., 0]
    assert picture[:, :8].max() < 5
    assert picture[:, 12:].min() > 250


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    plain = quarters().quantize(8)
    assert plain.mode == "P"
    picture = picture_of(saved(plain, tmp_path / "p.png"), (40, 40, 3)).astype(int)
    assert np.abs(picture - np.asarray(quarters()).astype(int)).max() < 10
    red = plain.getpixel((5, 5))
    see_through = saved(plain, tmp_path / "t.gif", transparency=red)
    picture = picture_of(see_through, (40, 40, 3)).astype(int)
    assert picture[5, 5].max() < 10  # what was red is black now
    assert picture[35, 35, 2] > 240


@pytest.mark.parametrize(
    ("mode", "value", "grey"),
    [
        ("1", 1, 255),
        ("L", 77, 77),
        ("I;16", 77 * 257, 77),
        ("I", 77 * 257, 77),
        ("F", 77 / 255, 77),
        ("F", 77.0, 77),
        ("LA", (77, 255), 77),
        ("CMYK", (0, 0, 0, 178), 77),
        ("YCbCr", (77, 128, 128), 77),
    ],
)
def test_every_way_to_store_a_grey(tmp_path: Path, mode: str, value: Any, grey: int) -> None:
    ending = "png" if mode in ("1", "L", "LA", "I;16") else "tif"
    image = Image.new(mode, (30, 20), value)
    if mode == "F":
        image.putpixel((0, 0), 1.0 if value < 1 else 255.0)  # the end of the scale
    for size in ((8, 8), (4, 4)):
        picture = picture_of(saved(image, tmp_path / f"grey.{ending}"), (*size, 3))
        assert np.abs(picture[2:, 2:].astype(int) - grey).max() <= 1


def test_a_dark_picture_of_16_bits_stays_dark(tmp_path: Path) -> None:
    picture = picture_of(saved(Image.new("I;16", (20, 20), 200), tmp_path / "d.png"), (4, 4, 1))
    assert picture.max() <= 1


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tif", "tga", "ppm", "ico"])
def test_common_formats(tmp_path: Path, ending: str) -> None:
    picture = picture_of(saved(quarters(), tmp_path / f"q.{ending}"), (16, 16, 3)).astype(int)
    assert np.abs(picture[3, 3] - [255, 0, 0]).max() < 60
    assert np.abs(picture[12, 12] - [0, 0, 255]).max() < 60


def test_a_picture_12000_wide_is_read_from_a_jpeg_at_a_fraction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.new("L", (12_000, 3_000))
    image.paste(255, (6_000, 0, 12_000, 3_000))
    path = saved(image, tmp_path / "large.jpg")
    monkeypatch.setattr(images, "MOST_PIXELS", 12_000 * 3_000 // 16)  # decoded at 1/8 it fits
    picture = picture_of(path, (32, 32, 1))[..., 0]
    assert picture[:, :14].max() < 20
    assert picture[:, 18:].min() > 235


def test_what_is_too_large_to_decode_is_refused_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 2_000_000)
    path = saved(Image.new("1", (2000, 1500)), tmp_path / "bomb.png")
    with pytest.raises(PlaygroundError, match=r"bomb\.png has 3 million pixels, and at most 2 mi"):
        picture_of(path, (8, 8, 1))


def test_large_and_small_pictures_shrink_alike(tmp_path: Path) -> None:
    # The first step by a whole number must not move anything.
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 255, (8, 8), np.uint8))
    large = coarse.resize((1600, 1600), Image.Resampling.NEAREST)
    small = coarse.resize((80, 80), Image.Resampling.NEAREST)
    got = [
        picture_of(saved(each, tmp_path / "x.png"), (8, 8, 1)).astype(int)
        for each in (large, small)
    ]
    assert np.abs(got[0] - got[1]).max() < 8
    assert np.corrcoef(got[0].ravel(), np.asarray(coarse).ravel())[0, 1] > 0.95


@pytest.mark.parametrize("size", [(701, 333), (90, 1000), (512, 512)])
@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_in_strips_is_taking_means(size: tuple[int, int], channels: int) -> None:
    width, height = size
    values = np.random.default_rng(0).integers(0, 255, (height, width, channels), np.uint8)
    small = np.asarray(images._small(Image.fromarray(values.squeeze()), 40))
    factor = min(size) // 40
    assert small.shape[:2] == (-(-height // factor), -(-width // factor))
    rows, columns = height // factor, width // factor  # of whole blocks
    blocks = values[: rows * factor, : columns * factor].astype(float)
    means = blocks.reshape(rows, factor, columns, factor, channels).mean((1, 3)).squeeze()
    assert np.abs(small[:rows, :columns] - means).max() <= 1


# --- what is no picture


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "no picture yet"),
        ("nowhere.png", r"nowhere\.png is not there: accepted are PNG, JPEG"),
        ("x" * 5000, "accepted are PNG"),
        ("a\0b", "accepted are PNG"),
        ("data:image/png;base64,!!!", "drawing is damaged"),
        ("data:image/png;base64," + base64.b64encode(b"nonsense").decode(), "no picture that can"),
        ("data:", "no picture that can"),
    ],
)
def test_what_is_no_picture_is_told_in_words(value: str, says: str) -> None:
    with pytest.raises(PlaygroundError, match=says):
        picture_of(value, (8, 8, 1))


def test_folders_texts_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError, match="is a folder: accepted is one picture"):
        picture_of(str(tmp_path), (8, 8, 1))
    text = tmp_path / "notes.png"
    text.write_text("not at all a picture")
    with pytest.raises(PlaygroundError, match=r"notes\.png is no picture that can be read"):
        picture_of(str(text), (8, 8, 1))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    for ending in ("png", "jpg"):
        whole = Path(saved(noise, tmp_path / f"whole.{ending}")).read_bytes()
        half = tmp_path / f"half.{ending}"
        half.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PlaygroundError, match=rf"half\.{ending} is damaged or breaks off"):
            picture_of(str(half), (8, 8, 1))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some of the damage
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "TGA", "PPM"])
def test_damage_of_any_kind_gives_a_picture_or_a_reason(kind: str) -> None:
    random = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 255, (30, 40, 3), np.uint8)).save(file, kind)
    reasons = []
    for _ in range(40):
        content = bytearray(file.getvalue())
        for place in random.integers(0, random.choice([40, len(content)]), 5):
            content[place] = random.integers(256)
        try:
            picture = images.decoded(
                io.BytesIO(bytes(content[: random.integers(len(content))])), (8, 8, 3)
            )
            assert picture.shape == (8, 8, 3)
        except images.PictureError as error:
            reasons.append(error.why.template)
    assert len(reasons) > 5
    assert all(reasons)


def test_files_that_start_other_programs_are_not_opened(tmp_path: Path) -> None:
    path = saved(quarters(), tmp_path / "page.eps")
    with pytest.raises(PlaygroundError, match="no picture that can be read"):
        picture_of(path, (8, 8, 1))


# --- data


def some(count: int = 100, classes: int = 4) -> tuple[Any, Any]:
    labels = np.arange(count) % classes
    pixels = np.zeros((count, 6, 5, 1), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)
    return pixels, labels


def test_every_picture_is_in_one_part_with_its_label_and_name() -> None:
    pixels, labels = some()
    names = [f"picture {i}" for i in range(100)]
    data = split("key", "Title", pixels, labels, names, classes=("a", "b", "c", "d"))
    assert data.counts == (90, 10) == (len(data.train), len(data.held_out))
    first = data.train[:, 0, 0, 0].astype(int)
    assert sorted([*first, *data.held_out[:, 0, 0, 0]]) == list(range(100))
    assert np.array_equal(first % 4, data.train_labels)
    assert np.array_equal(data.held_out[:, 0, 0, 0] % 4, data.held_out_labels)
    assert data.names == tuple(f"picture {i}" for i in first)
    assert data.tally == (25, 25, 25, 25)
    assert data.shape == (6, 5, 1)
    again = split("key", "Title", pixels, labels)
    assert np.array_equal(again.train, data.train)


def test_two_pictures_are_one_and_one() -> None:
    assert split("key", "Title", some(2)[0]).counts == (1, 1)


def test_facts() -> None:
    pixels, labels = some(1005)
    skipped = tuple((f"{i}.png", N_("is empty")) for i in range(5))
    data = split(
        "key", "Title", pixels, labels, classes=("a", "b", "c", "d"), skipped=skipped,
        remark="so it is", source=Path("/a/b"), credit="me",
    )  # fmt: skip
    facts = {str(title): str(value) for title, value in data.facts()}
    assert facts == {
        "Pictures": "1,005",
        "Size": "5 × 6, grey",
        "Classes": "4: a, b, c, d (251 to 252 of each)",
        "To learn from": "905",
        "Held out": "100 (10%)",
        "Skipped": "5: 0.png is empty; 1.png is empty; 2.png is empty; and 2 more",
        "Note": "so it is",
        "Folder": str(Path("/a/b")),
        "Credit": "me",
    }
    assert "Names" in dict(split("k", "T", pixels, names=["x"] * 1005).facts())


def test_the_preview_goes_from_class_to_class() -> None:
    pixels, labels = some(200)
    shown = split("key", "Title", pixels, labels, classes=("a", "b", "c", "d")).preview()
    assert shown.pixels.shape == (60, 6, 5, 1)
    assert (shown.pixels[:, 0, 0, 0] % 4).tolist() == [0] * 15 + [1] * 15 + [2] * 15 + [3] * 15
    assert shown.labels == ()
    named = split("key", "Title", pixels[:20], names=[str(i) for i in range(20)]).preview()
    assert [int(label) for label in named.labels] == named.pixels[:, 0, 0, 0].tolist()


def test_json_keeps_all_but_the_pictures() -> None:
    pixels, labels = some()
    data = split(
        "key", "Title", pixels, labels, classes=("a", "b", "c", "d"), source=Path("/x"), sha256="s"
    )
    kept = ImageData.from_json(json.loads(json.dumps(data.to_json())))
    assert kept.to_json() == data.to_json()
    assert kept.facts() == data.facts()
    assert kept.shape == data.shape
    assert len(kept.train) == len(kept.held_out) == 0
    assert kept.preview().pixels.shape == (0, 6, 5, 1)


@pytest.mark.parametrize(
    "damage", [{"shape": [8, 8]}, {"shape": [8, 8, 2]}, {"counts": 3}, {"shape": "big"}]
)
def test_damaged_json_is_refused(damage: dict[str, Any]) -> None:
    values = split("key", "Title", some()[0]).to_json() | damage
    with pytest.raises((ValueError, TypeError, KeyError)):
        ImageData.from_json(values)

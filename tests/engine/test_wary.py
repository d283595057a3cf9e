"""engine/wary.py: what is sound comes out as it is, and all else is an OSError or a ValueError."""

import io
import json
import math
import os
import socket
import struct
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import wary

posix = pytest.mark.skipif(sys.platform == "win32", reason="no pipes and devices with a name")


# --- files


def test_a_tilde_is_the_home_of_whoever_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert wary.place("~/a/b.txt") == tmp_path / "a" / "b.txt"
    assert wary.place(Path("~")) == tmp_path


def test_a_short_name_is_in_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wary.place("a.txt") == Path.cwd() / "a.txt"
    assert wary.place(tmp_path / "a.txt") == tmp_path / "a.txt"


@posix
@pytest.mark.parametrize("name", ["~nobody-of-this-name/a", "~a\0b/c"])
def test_a_tilde_before_nobody_is_a_plain_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wary.place(name) == Path.cwd() / name


def test_the_size_of_a_file_and_of_what_a_link_leads_to(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1234)
    assert wary.file_size(file) == 1234
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to(file)
        assert wary.file_size(tmp_path / "link") == 1234
    (tmp_path / "empty").touch()
    assert wary.file_size(tmp_path / "empty") == 0


def test_a_folder_and_nothing_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        wary.file_size(tmp_path)
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError):
        wary.file_size(tmp_path / "none")


@posix
@pytest.mark.timeout(30)
def test_what_never_ends_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, place = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place.name)
        for path in (pipe, place, Path("/dev/zero")):
            for read in (wary.file_size, wary.record, lambda path: wary.content(path, 10)):
                with pytest.raises(wary.NoFileError) as caught:
                    read(path)
                assert str(caught.value) == "it is a pipe or a device, and no file"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_a_name_that_no_file_can_have_is_an_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        wary.file_size(tmp_path / name)


def test_a_name_with_a_zero_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(wary.NoFileError) as caught:
        wary.file_size(tmp_path / "a\0b")
    assert str(caught.value) == "no file can have this name"


def test_a_file_is_read_up_to_its_bound_and_not_beyond(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 8)
    assert wary.content(file, 2048) == bytes(range(256)) * 8
    with pytest.raises(ValueError, match="it has 2,048 bytes, and at most 2,047"):
        wary.content(file, 2047)


def test_a_file_that_grows_meanwhile_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(wary, "file_size", lambda path: 5)
    assert len(wary.content(file, 10)) == 5


# --- JSON


def test_a_record_is_what_its_json_says(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True, "é\n"], "": {}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    assert wary.record(path) == value
    with pytest.raises(ValueError, match=r"and at most 10$"):
        wary.record(path, 10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1] 2",
        b"\xff",
        b'"\xc3"',
        "1" * 5000,
        "[" * 200_000,
        '{"a":' * 200_000,
        "[" * 200_000 + "]" * 200_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_what_is_no_json_or_too_deep_is_a_value_error(text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        wary.parsed(text)


def test_what_is_nested_too_deep_is_said_to_be() -> None:
    with pytest.raises(ValueError, match=r"^it is nested too deep$"):
        wary.parsed("[" * 200_000 + "]" * 200_000)


# --- values


def test_texts_are_texts() -> None:
    wary.texts({"a": "", "b": "x", "c": 1}, "a", "b")
    for value in (None, 1, b"x", ["x"]):
        with pytest.raises(ValueError, match="b is no text"):
            wary.texts({"a": "", "b": value}, "a", "b")
    with pytest.raises(KeyError):
        wary.texts({"a": ""}, "b")


def test_a_whole_number_lies_within_its_bounds() -> None:
    assert [wary.whole(value, -2, 3) for value in (-2, 0, 3)] == [-2, 0, 3]
    for value in (-3, 4, 10**400, 1.0, math.nan, True, "1", None, [1]):
        with pytest.raises(ValueError, match="is no whole number from -2 to 3"):
            wary.whole(value, -2, 3)


@settings(deadline=None)
@given(st.floats() | st.integers())
def test_a_number_is_accepted_just_when_it_is_finite(value: float) -> None:
    if math.isfinite(value):
        found = wary.finite(value)
        assert type(found) is float
        assert found == float(value)
    else:
        with pytest.raises(ValueError, match="is no number"):
            wary.finite(value)


def test_the_largest_number_is_one_and_none_is_larger() -> None:
    largest = sys.float_info.max
    assert wary.finite(-largest) == -largest
    assert wary.finite(int(largest)) == largest


@pytest.mark.parametrize(
    "value",
    [math.nan, -math.inf, 10**400, -(10**400), False, "1", None, [1]],
    ids=lambda value: repr(value)[:10],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is no number"):
        wary.finite(value)


def test_a_long_wrong_value_is_told_in_part() -> None:
    for read in (wary.finite, lambda value: wary.whole(value, 0, 1)):
        with pytest.raises(ValueError, match="xxx") as caught:
            read("x" * 100_000)
        assert len(str(caught.value)) < 200


# --- arrays


def numpy_file(value: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def made_up(shape: str, dtype: str = "'<f4'", rest: bytes = b"", order: bool = False) -> bytes:
    """A .npy file whose header says so."""
    header = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + rest


@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1.5, np.nan, -np.inf], dtype=">f8"),
        np.array([[True], [False]]),
        np.array(["", "é", "abc"]),
        np.array([1 + 2j]),
        np.array(7, dtype=np.uint8),
        np.zeros((0, 3), dtype=np.float32),
    ],
    ids=lambda value: f"{value.dtype.str}{value.shape}",
)
def test_an_array_is_what_numpy_wrote(value: Any) -> None:
    found = wary.array(numpy_file(value))
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    np.testing.assert_array_equal(found, value)


def test_the_longer_header_is_read_as_well() -> None:
    file, value = io.BytesIO(), np.arange(5.0)
    np.lib.format.write_array(file, value, version=(2, 0))
    np.testing.assert_array_equal(wary.array(file.getvalue()), value)


def test_a_shape_of_truths_is_one_of_ones_and_zeros() -> None:
    assert wary.array(made_up("(True, 2)", rest=bytes(8))).shape == (1, 2)
    assert wary.array(made_up("(False, 2)")).shape == (0, 2)


BAD_ARRAYS = {
    "nothing": b"",
    "another file": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "half a magic": b"\x93NUM",
    "a version to come": b"\x93NUMPY\x09\x00" + bytes(100),
    "half a header": numpy_file(np.zeros(3))[:40],
    "a header that is no Python": made_up("(2,", rest=bytes(8)),
    "deep brackets": made_up("(" * 5000 + ")" * 5000),
    "a call in the header": made_up("(print(1),)", rest=bytes(4)),
    "no sides": made_up("5", rest=bytes(20)),
    "half a side": made_up("(1.5,)", rest=bytes(8)),
    "fewer numbers than claimed": numpy_file(np.arange(10.0))[:-1],
    "10^15 numbers": made_up("(1000000000000000,)", rest=bytes(64)),
    "2^70 empty rows": made_up(f"({2**70}, 0)"),
    "two negative sides": made_up("(-1, -2)", rest=bytes(8)),
    "a negative side and none": made_up("(-1, 0)"),
    "70 sides": made_up("(" + "1, " * 70 + ")", rest=bytes(4)),
    "objects": made_up("(1,)", "'|O'", bytes(8)),
    "bytes": made_up("(1,)", "'|S4'", bytes(4)),
    "times": made_up("(1,)", "'<M8[s]'", bytes(8)),
    "records": made_up("(1,)", "[('a', '<f4')]", bytes(4)),
    "texts of no length": made_up("(3,)", "'<U0'"),
}


@pytest.mark.filterwarnings("ignore")  # numpy warns of odd headers
@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_what_is_no_array_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wary.array(BAD_ARRAYS[name])


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_damaged_array_is_read_or_a_value_error(data: st.DataObject) -> None:
    sound = bytearray(numpy_file(np.arange(6.0).reshape(2, 3)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(sound) - 1))
        sound[at] = data.draw(st.integers(0, 255))
    try:
        found = wary.array(bytes(sound))
    except ValueError:
        return
    assert found.nbytes <= len(sound)


# --- archives of arrays


def test_an_archive_gives_name_and_content_of_each(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    values: dict[str, Any] = {
        "one": np.arange(5),
        "two/three": np.eye(2),
        "words": np.array("hello"),
    }
    for save in (np.savez, np.savez_compressed):
        save(path, **values)
        found = dict(wary.arrays(path))
        assert list(found) == list(values)
        for name, value in values.items():
            np.testing.assert_array_equal(found[name], value)


def test_an_archive_packed_a_thousand_to_one_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, small=np.zeros(10), large=np.zeros(100_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="it is more than 10,000 bytes unpacked"):
        list(wary.arrays(path, 10_000))
    assert len(dict(wary.arrays(path, 1_000_000))) == 2


@pytest.mark.parametrize("way", ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_an_archive_that_lies_about_its_sizes_is_not_unpacked(tmp_path: Path, way: str) -> None:
    """It says that an empty array is in it, and would fill the memory."""
    head, path = numpy_file(np.empty((0, 3))), tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", getattr(zipfile, way)) as archive,
        archive.open("a.npy", "w") as file,
    ):
        file.write(head)
        for _ in range(64):
            file.write(bytes(1 << 20))
    content = bytearray(path.read_bytes())
    listed = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, listed + 16, zlib.crc32(head))
    struct.pack_into("<L", content, listed + 24, len(head))
    path.write_bytes(content)
    tracemalloc.start()
    try:
        if way == "ZIP_DEFLATED":
            ((name, found),) = wary.arrays(path)
            assert (name, found.shape) == ("a", (0, 3))
        else:
            with pytest.raises(ValueError, match="packed in a way that is not read"):
                list(wary.arrays(path))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_bound_is_for_all_of_an_archive_together(tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    values: dict[str, Any] = {f"a{i}": np.zeros(100) for i in range(20)}
    np.savez_compressed(path, **values)
    size = len(numpy_file(np.zeros(100)))
    assert len(dict(wary.arrays(path, 20 * size))) == 20
    with pytest.raises(ValueError, match="bytes unpacked"):
        list(wary.arrays(path, 20 * size - 1))


def packed(path: Path) -> bytes:
    """An archive with one array in it."""
    np.savez(path, a=np.arange(100.0))
    return path.read_bytes()


def with_flag(content: bytes, at: tuple[int, int], value: int) -> bytes:
    """`content` with a number of two bytes in both headers of its first member replaced."""
    changed = bytearray(content)
    starts = (content.index(b"PK\x03\x04"), content.rindex(b"PK\x01\x02"))
    for start, offset in zip(starts, at, strict=True):
        changed[start + offset : start + offset + 2] = struct.pack("<H", value)
    return bytes(changed)


BAD_ARCHIVES: dict[str, Any] = {
    "nothing": lambda content: b"",
    "no archive": lambda content: b"not a zip" * 50,
    "cut short": lambda content: content[:-30],
    "a changed byte": lambda content: content.replace(bytes(8), b"\x01" * 8, 1),
    "encrypted": lambda content: with_flag(content, (6, 8), 1),
    "an unknown packing": lambda content: with_flag(content, (8, 10), 77),
    "no deflated bytes": lambda content: with_flag(content, (8, 10), zipfile.ZIP_DEFLATED),
    "no LZMA": lambda content: with_flag(content, (8, 10), zipfile.ZIP_LZMA),
    "no bzip2": lambda content: with_flag(content, (8, 10), zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_an_os_error_or_a_value_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npz"
    content = packed(path)
    path.write_bytes(BAD_ARCHIVES[name](content))
    with pytest.raises((ValueError, OSError), match=r"."):
        list(wary.arrays(path))


def test_something_else_in_an_archive_is_a_value_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(ValueError, match="its header cannot be read"):
        list(wary.arrays(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("folder")
    with pytest.raises(ValueError, match="its header cannot be read"):
        list(wary.arrays(path))


def test_an_empty_archive_has_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    zipfile.ZipFile(path, "w").close()
    assert list(wary.arrays(path)) == []


def test_no_archive_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(wary.arrays(tmp_path / "none.npz"))

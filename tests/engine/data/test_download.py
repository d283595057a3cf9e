"""Downloads from a server on this machine: good, truncated, wrong, slow and absent ones."""

import contextlib
import dataclasses
import errno
import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import catalogue, download
from engine.data.catalogue import DataSet, NeedsDownload
from engine.data.download import Download, File
from engine.events import Progress
from engine.phrases import N_, PlaygroundError

FIRST = np.random.default_rng(0).bytes(200_000)
SECOND = b"a small file"


class Server:
    """A server on the loopback address. answer: how it treats a request for a path."""

    def __init__(self) -> None:
        self.files = {"/small/first.bin": FIRST, "/small/second.bin": SECOND}
        self.asked: list[str] = []
        self.answer: Callable[[Any, bytes], None] = whole
        self.enough = threading.Event()  # for answers that wait
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path not in outer.files:
                    self.send_error(404)
                    return
                gone = contextlib.suppress(BrokenPipeError, ConnectionResetError)
                with gone:  # who gave up reads no answer
                    outer.answer(self, outer.files[self.path])

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.enough.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def head(handler: Any, size: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(size))
    handler.end_headers()


def whole(handler: Any, content: bytes) -> None:
    head(handler, len(content))
    handler.wfile.write(content)


def truncated(handler: Any, content: bytes) -> None:
    head(handler, len(content))
    handler.wfile.write(content[: len(content) // 2])


def wrong(handler: Any, content: bytes) -> None:
    whole(handler, b"<html>Please log in</html>")


def changed(handler: Any, content: bytes) -> None:
    whole(handler, content[:-1] + b"?")


def busy(handler: Any, content: bytes) -> None:
    handler.send_error(503)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Server()
    monkeypatch.setenv(download.MIRROR, found.base)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("PLAYGROUND_CACHE", str(place))
    return place


def some_file(name: str, content: bytes) -> File:
    nowhere = f"http://127.0.0.1:9/{name}"  # never asked: the mirror is
    return File(name, nowhere, hashlib.sha256(content).hexdigest(), len(content))


SMALL = Download((some_file("first.bin", FIRST), some_file("second.bin", SECOND)))


def fetching(**more: Any) -> Generator[Progress, None, None]:
    return download.fetch("small", N_("Small set"), SMALL, **more)


def left(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.is_file() or path.name.startswith(".")]


# --- the set arrives


def test_all_files_arrive_with_progress(server: Server) -> None:
    assert not download.is_there("small", SMALL)
    told = list(fetching())
    assert download.is_there("small", SMALL)
    assert (download.folder("small") / "first.bin").read_bytes() == FIRST
    assert (download.folder("small") / "second.bin").read_bytes() == SECOND
    assert server.asked == ["/small/first.bin", "/small/second.bin"]
    done = [progress.done or 0.0 for progress in told]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert told[-1].note == "Small set: 0.2 of 0.2 MB"
    list(fetching())
    assert len(server.asked) == 2  # what is there is not fetched again


def test_a_server_may_be_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(download.MIRROR, "http://127.0.0.1:9")
    list(fetching(base=server.base + "/"))
    assert download.is_there("small", SMALL)


def test_without_a_mirror_each_file_has_its_own_place(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(download.MIRROR)
    server.files = {"/elsewhere/x": FIRST}
    own = Download(
        (File("x", f"{server.base}/elsewhere/x", hashlib.sha256(FIRST).hexdigest(), len(FIRST)),)
    )
    list(download.fetch("other", N_("Other"), own))
    assert server.asked == ["/elsewhere/x"]
    assert (own.size, own.url) == (200_000, f"{server.base}/elsewhere/x")


def test_what_is_damaged_is_fetched_anew(server: Server) -> None:
    list(fetching())
    (download.folder("small") / "first.bin").write_bytes(FIRST[:-1])
    assert not download.is_there("small", SMALL)
    list(fetching())
    assert (download.folder("small") / "first.bin").read_bytes() == FIRST


# --- it does not


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (truncated, r"broke off after 0\.1 of 0\.2 MB of first\.bin"),
        (wrong, r"gives as first\.bin is not the file that was asked for"),
        (changed, r"gives as first\.bin is not the file that was asked for"),
        (busy, r"does not give first\.bin: it answers 503 Service Unavailable"),
    ],
)
def test_bad_answers_are_told_and_leave_nothing(
    server: Server, cache: Path, answer: Callable[[Any, bytes], None], says: str
) -> None:
    server.answer = answer
    with pytest.raises(PlaygroundError, match=says) as caught:
        list(fetching())
    assert "127.0.0.1" in str(caught.value)
    assert left(cache) == []
    assert not download.is_there("small", SMALL)
    server.answer = whole
    list(fetching())
    assert download.is_there("small", SMALL)


def test_one_missing_file_leaves_none(server: Server, cache: Path) -> None:
    del server.files["/small/second.bin"]
    with pytest.raises(PlaygroundError, match=r"does not give second\.bin: it answers 404 Not Fou"):
        list(fetching())
    assert left(cache) == []


def test_no_network(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PlaygroundError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        list(fetching(base=f"http://127.0.0.1:{port}"))
    assert left(cache) == []
    with pytest.raises(PlaygroundError, match="cannot be reached"):
        list(fetching(base="not an address"))


def test_a_server_that_falls_silent(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(handler: Any, content: bytes) -> None:
        head(handler, len(content))
        handler.wfile.write(content[:50_000])
        handler.wfile.flush()
        server.enough.wait(10)

    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    server.answer = silent
    with pytest.raises(PlaygroundError, match=r"broke off after 0\.0 of 0\.2 MB"):
        list(fetching())
    assert left(cache) == []


def test_a_full_disk(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch, "retrieve", full)
    with pytest.raises(PlaygroundError, match=r"No space left on device.*PLAYGROUND_CACHE"):
        list(fetching())
    assert left(cache) == []


# --- a change of mind


def test_who_gives_up_waits_for_nothing_and_leaves_nothing(server: Server, cache: Path) -> None:
    def drip(handler: Any, content: bytes) -> None:
        head(handler, len(content))
        for first in range(0, len(content), 20_000):
            handler.wfile.write(content[first : first + 20_000])
            handler.wfile.flush()
            if server.enough.wait(0.05):
                return

    server.answer = drip
    loading = fetching()
    seen = 0.0
    while not 0.1 < seen < 0.9:
        seen = next(loading).done or 0.0
    assert left(cache)  # it is on its way
    loading.close()
    assert left(cache) == []
    assert not download.is_there("small", SMALL)


def test_who_gives_up_on_a_silent_server_does_not_wait_for_it(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_LAST_WAIT_SECONDS", 0.05)

    def silent(handler: Any, content: bytes) -> None:
        head(handler, len(content))
        server.enough.wait(10)

    server.answer = silent
    loading = fetching()
    for _ in range(20):
        next(loading)
    loading.close()
    assert left(cache) == []
    server.enough.set()
    deadline = time.monotonic() + 5
    while any(each.name.startswith("fetch ") for each in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread goes on"
        time.sleep(0.01)
    assert left(cache) == []  # nor does it write any more


# --- in the catalogue


def idx(array: Any) -> bytes:
    """An array in MNIST's own format."""
    sides = b"".join(side.to_bytes(4, "big") for side in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sides + array.astype(np.uint8).tobytes())


def as_mnist(key: str) -> tuple[DataSet, dict[str, bytes], Any]:
    """The entry `key` with four small files in place of its own."""
    entry = catalogue.find(key)
    random = np.random.default_rng(0)
    arrays = [
        random.integers(0, 255, (40, 28, 28)),
        np.arange(40) % 10,
        random.integers(0, 255, (12, 28, 28)),
        np.arange(12) % 10,
    ]
    assert entry.download is not None
    names = [file.name for file in entry.download.files]
    contents = [idx(array) for array in arrays]
    files = tuple(some_file(*each) for each in zip(names, contents, strict=True))
    small = dataclasses.replace(entry, download=Download(files))
    return small, {f"/{key}/{n}": c for n, c in zip(names, contents, strict=True)}, arrays


@pytest.mark.parametrize("key", ["mnist", "fashion-mnist"])
def test_mnist_comes_with_its_own_held_out_part(
    server: Server, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    entry, server.files, arrays = as_mnist(key)
    others = tuple(each for each in catalogue.DATA if each.key != key)
    monkeypatch.setattr(catalogue, "DATA", (*others, entry))
    assert not catalogue.is_there(entry)
    with pytest.raises(NeedsDownload, match=rf"0\.0 MB.*python -m engine download {key}") as caught:
        next(catalogue.load(key))
    assert caught.value.entry is entry
    assert server.asked == []  # nothing is fetched unasked
    list(catalogue.fetch(key))
    assert catalogue.is_there(entry)
    loading = catalogue.load(key)
    data: Any = None
    while data is None:
        try:
            next(loading)
        except StopIteration as stop:
            data = stop.value
    assert data.counts == (40, 12)
    assert np.array_equal(data.train[..., 0], arrays[0])
    assert np.array_equal(data.held_out[..., 0], arrays[2])
    assert data.train_labels.tolist() == arrays[1].tolist()
    assert data.held_out_labels.tolist() == arrays[3].tolist()
    assert len(data.classes) == 10
    assert data.preview().pixels.shape[1:] == (28, 28, 1)
    (broken, *_rest) = entry.download.files if entry.download else ()
    path = download.folder(key) / broken.name
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(PlaygroundError, match=r"is damaged .* delete the folder"):
        list(catalogue.load(key))


def test_shakespeare_is_a_text_like_the_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = ("First Citizen:\nSpeak, speak.\n\n" * 60).encode()
    entry = catalogue.find("tiny-shakespeare")
    entry = dataclasses.replace(entry, download=Download((some_file("input.txt", play),)))
    monkeypatch.setattr(catalogue, "DATA", (entry,))
    server.files = {"/tiny-shakespeare/input.txt": play}
    with pytest.raises(NeedsDownload):
        next(catalogue.load("tiny-shakespeare::byte"))
    list(catalogue.fetch("tiny-shakespeare"))
    loading = catalogue.load("tiny-shakespeare::byte")
    data: Any = None
    while data is None:
        try:
            next(loading)
        except StopIteration as stop:
            data = stop.value
    assert data.key == "tiny-shakespeare::byte"
    text = data.tokeniser.decode(data.train) + data.tokeniser.decode(data.held_out)
    assert text.encode() == play


def test_what_needs_no_download_is_there() -> None:
    assert catalogue.is_there(catalogue.find("digits"))
    assert list(catalogue.fetch("digits")) == []
    for entry in catalogue.DATA:
        for file in entry.download.files if entry.download else ():
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.url.endswith(file.name)
            assert file.bytes > 1000

"""The card of the data: what there is to choose follows from the kind of data."""

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app import own
from app.datacard import COLOURS, RATES, SIZES, DataCard, megabytes, parts_of, skipped_in_words
from app.jobs import Strip
from app.own import Dropped, Folders, choose
from app.special.pad import PointPad
from engine.data import cache, catalogue
from engine.data.catalogue import DataSet
from engine.data.download import Download, File
from engine.events import Progress
from engine.payloads import Images, Plane, Sound
from engine.phrases import N_
from engine.session import Playground
from tests.engine import small

Made = Callable[[str], DataCard]
CONTENT = bytes(range(256)) * 400


def _load(name: str, *_more: Any) -> Generator[Progress, None, Any]:
    """Small data of the kind that the name begins with."""
    bare, form = catalogue.split_name(name)
    yield Progress(0, 0.0, 0.5)
    base = Path(bare).name
    if base.startswith("text"):
        return small.text_data(small.sentences(400))
    if base.startswith(("points", "letters")):
        return small.point_data()
    if base.startswith("sounds"):
        return small.sound_data(rate=16_000 if form == "16k" else 8000)
    return small.image_data(channels=3 if form.endswith("rgb") else 1)


def _entry(key: str, kind: str, **more: Any) -> DataSet:
    title, summary = N_("Set {key}", key=key), N_("What {key} is.", key=key)
    return DataSet(key, title, summary, kind, N_("our own"), lambda _as: _load(key), **more)


def _far(key: str) -> DataSet:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    file = File("pictures.gz", "https://nowhere.invalid/pictures.gz", sha256, len(CONTENT))
    return _entry(key, "images", download=Download((file,)))


SETS = (
    _entry("text", "text"),
    _entry("pictures", "images"),
    _entry("points", "points"),
    _entry("letters", "points"),
    _entry("sounds", "sound"),
    _far("pictures-far"),
)


@pytest.fixture
def made(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strip: Strip
) -> Iterator[Made]:
    """Makes the card for a kind of data, the first data set loaded."""
    monkeypatch.setattr(catalogue, "DATA", SETS)
    monkeypatch.setattr(catalogue, "load", _load)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "cache")
    playground = Playground((), tmp_path / "runs", threads=1)

    def make(kind: str) -> DataCard:
        sets = [each for each in SETS if each.kind == kind]
        card = DataCard(playground, sets, strip, kind)
        card.setFixedWidth(260)
        qtbot.addWidget(card)
        card.show()
        card.choose(sets[0].key)
        qtbot.waitUntil(lambda: card.data is not None)
        return card

    yield make
    assert playground.close()


def click(button: QWidget) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def take(box: Any, value: str) -> None:
    """Choose an entry, as a hand does."""
    index = box.findData(value)
    assert index >= 0
    box.setCurrentIndex(index)
    box.activated.emit(index)


def facts(card: DataCard) -> dict[str, str]:
    items = [card.facts.itemAt(i) for i in range(card.facts.count())]
    labels = [item.widget() for item in items if item is not None]
    words = [each.text() for each in labels if isinstance(each, QLabel)]
    return dict(zip(words[::2], words[1::2], strict=True))


# --- one card for each kind


@pytest.mark.parametrize(
    ("kind", "tokens", "draws"),
    [
        ("text", True, False),
        ("images", False, False),
        ("points", False, True),
        ("sound", False, False),
    ],
)
def test_boxes_follow_from_the_kind(made: Made, kind: str, tokens: bool, draws: bool) -> None:
    card = made(kind)
    assert card.token_line.isVisible() == tokens
    assert card.draw_button.isVisible() == draws
    assert not card.form_line.isVisible()  # for own pictures alone
    assert not card.rate_line.isVisible()  # and this for own sounds
    assert own.open_title(kind).rstrip("…") in card.open_button.toolTip()


def test_pictures_points_and_sounds_are_seen(made: Made) -> None:
    card = made("images")
    assert isinstance(card.preview.payload, Images)
    assert card.preview.height() >= 170
    assert facts(card)["Pictures"] == "80"
    assert "Held out" in facts(card)
    points = made("points")
    assert isinstance(points.preview.payload, Plane)
    assert points.preview.height() >= 170
    sounds = made("sound")
    assert isinstance(sounds.preview.payload, Sound)
    assert sounds.preview.height() >= 200
    assert facts(sounds)["Rate"] == "8,000 samples a second"


def test_own_pictures_have_a_form(qtbot: QtBot, made: Made, tmp_path: Path) -> None:
    card, own_ = made("images"), str(tmp_path)
    card.choose(own_)
    qtbot.waitUntil(lambda: card.name == own_)
    assert card.form_line.isVisible()
    assert card.chosen_name() == own_
    take(card.sides, "32")
    qtbot.waitUntil(lambda: card.name == f"{own_}::32")
    take(card.colours, "rgb")
    qtbot.waitUntil(lambda: card.name == f"{own_}::32rgb")
    assert card.data is not None
    assert card.data.shape[2] == 3  # type: ignore[attr-defined]
    assert card.choice.currentData() == own_
    take(card.choice, "pictures")
    qtbot.waitUntil(lambda: card.name == "pictures")
    assert not card.form_line.isVisible()
    card.choose(f"{own_}::16grey")
    qtbot.waitUntil(lambda: card.name == f"{own_}::16grey")
    assert (card.sides.currentData(), card.colours.currentData()) == ("16", "grey")


@pytest.mark.parametrize("side", SIZES)
@pytest.mark.parametrize("colours", COLOURS)
def test_every_form_is_one_that_the_catalogue_knows(side: str, colours: str) -> None:
    form = f"{side}{colours}"
    assert catalogue.split_name(catalogue.with_option("own", form or "auto")) == (
        "own",
        form or "auto",
    )
    assert parts_of(form) == (side, colours)


def test_own_sounds_have_a_rate(qtbot: QtBot, made: Made, tmp_path: Path) -> None:
    card, own_ = made("sound"), str(tmp_path / "sounds.flac")
    Path(own_).touch()
    card.choose(own_)
    qtbot.waitUntil(lambda: card.name == own_)
    assert card.rate_line.isVisible()
    assert not card.form_line.isVisible()
    take(card.rates, "16k")
    qtbot.waitUntil(lambda: card.name == f"{own_}::16k")
    assert facts(card)["Rate"] == "16,000 samples a second"
    take(card.choice, "sounds")
    qtbot.waitUntil(lambda: card.name == "sounds")
    assert not card.rate_line.isVisible()
    card.choose(f"{own_}::16k")  # as a run says it
    qtbot.waitUntil(lambda: card.name == f"{own_}::16k")
    assert card.rates.currentData() == "16k"
    take(card.rates, "")
    qtbot.waitUntil(lambda: card.name == own_)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_is_one_that_the_catalogue_knows(rate: str) -> None:
    name = catalogue.with_option("own", rate or "auto")
    assert catalogue.split_name(name) == ("own", rate or "auto")


def test_tokens_of_a_text(qtbot: QtBot, made: Made) -> None:
    card = made("text")
    take(card.tokens, "byte")
    qtbot.waitUntil(lambda: card.name == "text::byte")


def test_letters_take_a_word(qtbot: QtBot, made: Made) -> None:
    card = made("points")
    assert not card.word_line.isVisible()
    take(card.choice, "letters")
    qtbot.waitUntil(lambda: card.name == "letters")
    assert card.word_line.isVisible()
    QTest.keyClicks(card.word, "VAE")
    QTest.keyClick(card.word, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: card.name == "letters:VAE")
    assert card.choice.currentData() == "letters"
    assert card.summary.text() == "What letters is."
    card.choose("points")
    qtbot.waitUntil(lambda: card.name == "points")
    card.choose("letters:GAN")  # as a run says it
    qtbot.waitUntil(lambda: card.name == "letters:GAN")
    assert (card.word.text(), card.chosen_name()) == ("GAN", "letters:GAN")


def refused(qtbot: QtBot, card: DataCard, path: Path) -> str:
    """What is said of data that cannot be used; what was there has to stay."""
    before = card.name
    card.problem.hide()
    card.choose(str(path))
    qtbot.waitUntil(card.problem.isVisible)
    assert (card.name, card.choice.currentData()) == (before, before)
    assert card.choice.findData(str(path)) < 0
    return card.problem.text()


NAMES = ("own.txt", "own.csv", "own.png", "own.wav", "own.bin")


def test_data_of_another_kind_is_refused_in_words(qtbot: QtBot, made: Made, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in NAMES}
    for path in files.values():
        path.write_bytes(b"\0\1\2")
    card = made("images")
    words = refused(qtbot, card, files["own.txt"])
    assert words.endswith(f"learns from a folder of pictures, and {files['own.txt']} is a text")
    assert refused(qtbot, card, files["own.png"]).endswith("is a picture")
    assert "accepted is a folder" in refused(qtbot, card, files["own.bin"])
    assert "nothing at" in refused(qtbot, card, tmp_path / "gone")
    sounds = made("sound")
    assert refused(qtbot, sounds, files["own.txt"]).endswith(
        f"learns from a sound file, and {files['own.txt']} is a text"
    )
    assert "accepted is a sound file" in refused(qtbot, sounds, files["own.bin"])
    assert refused(qtbot, made("text"), files["own.wav"]).endswith("is a sound file")
    assert refused(qtbot, made("text"), files["own.csv"]).endswith("is a table of pairs")
    files["own.csv"].write_text("x,y\n1,2\n3,4\n", encoding="utf-8")
    assert refused(qtbot, made("text"), files["own.csv"]).endswith("is a table of points")
    assert refused(qtbot, made("points"), tmp_path).endswith("is a folder of pictures")


def test_what_was_skipped_is_named() -> None:
    skipped = [(f"{i}.png", N_("no picture")) for i in range(30)]
    lines = skipped_in_words(skipped).split("\n")
    assert lines[0] == "0.png: no picture"
    assert len(lines) == 21
    assert lines[-1] == "…"
    assert skipped_in_words(()) == ""


# --- looking for own data


def test_the_dialog_is_of_the_kind(
    qtbot: QtBot, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, str]] = []

    def folder(_parent: Any, title: str, start: str) -> str:
        asked.append((title, start))
        return str(tmp_path / "pictures")

    def file(_parent: Any, title: str, start: str, files: str) -> tuple[str, str]:
        asked.append((title, files))
        return str(tmp_path / "points.csv"), ""

    (tmp_path / "pictures").mkdir()
    (tmp_path / "points.csv").touch()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", folder)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", file)
    card = made("images")
    click(card.open_button)
    qtbot.waitUntil(lambda: card.name == str(tmp_path / "pictures"))
    points = made("points")
    click(points.open_button)
    qtbot.waitUntil(lambda: points.name == str(tmp_path / "points.csv"))
    assert asked[0][0] == "Open folder of pictures…"
    assert "*.npy" in asked[1][1]
    click(card.open_button)  # begins where one was before
    assert asked[2][1] == str(tmp_path)


def test_points_can_be_drawn(
    qtbot: QtBot, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "points-drawn.csv").touch()
    drawn = iter([str(tmp_path / "points-drawn.csv"), ""])
    monkeypatch.setattr(PointPad, "ask", staticmethod(lambda _parent: next(drawn)))
    card = made("points")
    click(card.draw_button)
    qtbot.waitUntil(lambda: card.name.endswith("points-drawn.csv"))
    click(card.draw_button)  # given up
    assert not card.loading


def test_folders_are_remembered_while_they_are_there(tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    Folders(settings).remember("open", str(tmp_path / "own.txt"))
    assert Folders(settings).last("open") == str(tmp_path)
    Folders(settings).remember("open", str(tmp_path / "gone" / "own.txt"))
    assert Folders(settings).last("open") == ""


def test_of_several_files_the_first_that_fits() -> None:
    kinds = ["text", "points", "points"]
    assert choose(["a", "b", "c"], "points", kinds) == Dropped("b", "points")
    assert choose(["a", "b", "c"], "text", kinds).path == "a"
    assert choose(["a"], "images", ["picture"]) == Dropped("a", "picture")
    assert choose(["a"], "images", ["text"]) == Dropped("a", "text")  # for another tab
    assert choose(["a"], "toy", ["text"]) == Dropped("a", "toy")  # of an unknown kind, anything
    assert choose(["a", "b"], "sound", ["picture", "sound"]) == Dropped("b", "sound")
    several = choose(["a", "b"], "images", ["picture", "picture"])
    assert several.path == ""
    assert "folder" in several.problem


# --- downloads


class _Server(HTTPServer):
    """A mirror on the loopback address, of which one may ask to be slow or to fail."""

    answer = 200
    go_on = threading.Event()


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.send_response(self.server.answer)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        half = len(CONTENT) // 2
        try:
            self.wfile.write(CONTENT[:half])
            self.wfile.flush()
            self.server.go_on.wait(20)
            self.wfile.write(CONTENT[half:])
        except OSError:
            pass  # nobody listens any more

    def log_message(self, *_about: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """A mirror that has the file."""
    server = _Server(("127.0.0.1", 0), _Answers)
    server.go_on = threading.Event()
    server.go_on.set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("PLAYGROUND_MIRROR", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_nothing_is_fetched_unasked(made: Made) -> None:
    card = made("images")
    card.choose("pictures-far")
    assert card.offer.isVisible()
    assert card.offer.button.text() == "Download 102 kB"
    assert "nowhere.invalid" in card.offer.words.text()
    assert not card.loading
    assert card.problems() == ("Set pictures-far has to be downloaded first",)
    assert card.preview.payload is None
    assert card.name == "pictures"
    card.choose("pictures")
    assert not card.offer.isVisible()
    assert card.problems() == ()


def test_a_download_is_loaded_when_it_is_there(
    qtbot: QtBot, made: Made, server: _Server, strip: Strip
) -> None:
    card = made("images")
    server.go_on.clear()
    card.choose("pictures-far")
    click(card.offer.button)
    qtbot.waitUntil(lambda: 0 < card.offer.bar.value() < card.offer.bar.maximum())
    assert not card.offer.button.isVisible()
    server.go_on.set()
    qtbot.waitUntil(lambda: card.name == "pictures-far", timeout=15_000)
    assert not card.offer.isVisible()
    assert "Downloaded" in "".join(message.text for message in strip.messages)


def test_a_download_can_be_given_up(qtbot: QtBot, made: Made, server: _Server) -> None:
    card = made("images")
    server.go_on.clear()
    card.choose("pictures-far")
    click(card.offer.button)
    qtbot.waitUntil(lambda: card.offer.bar.maximum() > 0)
    click(card.offer.cancel)
    server.go_on.set()
    qtbot.waitUntil(card.offer.button.isVisible, timeout=15_000)
    assert not card.problem.isVisible()
    assert card.name == "pictures"


def test_a_download_goes_on_while_another_set_is_chosen(
    qtbot: QtBot, made: Made, server: _Server, strip: Strip
) -> None:
    card = made("images")
    server.go_on.clear()
    card.choose("pictures-far")
    click(card.offer.button)
    qtbot.waitUntil(lambda: card.offer.bar.maximum() > 0)
    card.choose("pictures")
    qtbot.waitUntil(lambda: not card.loading)
    card.choose("pictures-far")
    assert card.offer.cancel.isVisible()
    card.choose("pictures")
    server.go_on.set()
    qtbot.waitUntil(lambda: "Downloaded" in strip.newest.text(), timeout=15_000)
    assert card.name == "pictures"


def test_no_network_is_told_and_one_can_try_again(
    qtbot: QtBot, made: Made, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = made("images")
    mirror = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("PLAYGROUND_MIRROR", "http://127.0.0.1:9")
    card.choose("pictures-far")
    click(card.offer.button)
    qtbot.waitUntil(card.problem.isVisible, timeout=15_000)
    assert "network" in card.problem.text()
    assert card.offer.button.isVisible()
    monkeypatch.setenv("PLAYGROUND_MIRROR", mirror)
    click(card.offer.button)
    qtbot.waitUntil(lambda: card.name == "pictures-far", timeout=15_000)
    assert not card.problem.isVisible()


def test_what_another_tab_has_fetched_is_there_when_one_comes_back(
    qtbot: QtBot, made: Made, server: _Server
) -> None:
    first, second = made("images"), made("images")
    first.choose("pictures-far")
    first.hide()
    second.choose("pictures-far")
    click(second.offer.button)
    qtbot.waitUntil(lambda: second.name == "pictures-far", timeout=15_000)
    first.show()
    qtbot.waitUntil(lambda: first.name == "pictures-far")


def test_sizes_in_words() -> None:
    assert [megabytes(size) for size in (300, 9_400, 1_115_394, 11_594_722)] == [
        "1 kB",
        "9 kB",
        "1 MB",
        "12 MB",
    ]

"""The sampling panel, for pictures, for points, for sound and for pairs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.jobs import Strip
from app.page import ModelPage
from app.plots import ImagesWidget, SoundWidget, TableWidget
from app.sound import Player
from app.tab import FamilyTab
from app.theme import theme
from engine.payloads import Images, Plane, Sound, Table, Text
from engine.session import Playground
from tests.app import drawing, fake

Opened = Callable[[str], ModelPage]


@pytest.fixture
def opened(
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    strip: Strip,
    settings: QSettings,
) -> Iterator[Opened]:
    """Opens the page of a model, with a few steps taken."""
    theme().use("light")
    drawing.install(monkeypatch)
    first, second = drawing.families()
    third, fourth = drawing.playing(), drawing.translating()
    playground = Playground(
        (*first.models, *second.models, *third.models, *fourth.models), tmp_path / "runs", threads=1
    )
    tabs: dict[str, FamilyTab] = {}

    def open_(key: str) -> ModelPage:
        family = {"writes": second, "plays": third, "translates": fourth}.get(key, first)
        if family.key not in tabs:
            tabs[family.key] = FamilyTab(family, playground, strip, settings)
        tab = tabs[family.key]
        qtbot.addWidget(tab)
        tab.resize(1280, 720)
        tab.show()
        page = tab.choose(key)
        qtbot.waitUntil(lambda: page.setup.data.data is not None)
        page.more(3)
        # torch's first step ever takes seconds
        qtbot.waitUntil(
            lambda: page.session.status == "paused" and page.session.step == 3, timeout=20_000
        )
        qtbot.waitUntil(lambda: not strip.pump.busy)
        return page

    yield open_
    for tab in tabs.values():
        tab.shut()
    assert playground.close()


def click(button: QWidget) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def seeds(page: ModelPage) -> tuple[int, ...]:
    payload = page.sampling.result.payload
    return payload.numbers if isinstance(payload, Images) else ()


@pytest.mark.parametrize(
    ("key", "live", "invitation"),
    [
        ("draws", "model draws appears", "new pictures"),
        ("dots", "puts its points", "new points"),
        ("writes", "model writes appears", "from the prompt"),
        ("plays", "model plays appears", "a new sound"),
        ("translates", "of sources it never saw appears", "the target of your source"),
    ],
)
def test_the_words_fit_the_kind(opened: Opened, key: str, live: str, invitation: str) -> None:
    page = opened(key)
    assert live in page.sampling.live._words
    assert invitation in page.sampling.result.label.text()


def test_how_much_room_there_is_above(opened: Opened) -> None:
    """The knobs of pictures take more of the room below than those of points."""
    shares = {}
    for key in ("draws", "dots", "writes", "translates"):
        above, below = opened(key).sampling.splitter.sizes()
        shares[key] = above / (above + below)
    assert shares["writes"] < 0.35 < shares["draws"] < 0.45 < shares["dots"] < 0.55
    assert shares["translates"] == shares["writes"]


def test_targets_are_written_in_a_table_while_it_learns_and_when_asked(
    qtbot: QtBot, opened: Opened
) -> None:
    page = opened("translates")
    live = page.sampling.live.currentWidget()
    assert isinstance(live, TableWidget)
    assert live.model.rowCount() == 4
    assert not page.sampling.by_step.isVisible()
    fake.write(page.sampling.form, "source", "abc")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: isinstance(page.sampling.result.payload, Table))
    asked = page.sampling.result.payload
    assert isinstance(asked, Table)
    assert [each.text for each in asked.rows[0]] == ["abc", "CBA"]


def test_pictures_and_points_are_generated(qtbot: QtBot, opened: Opened) -> None:
    page = opened("draws")
    assert not page.sampling.by_step.isVisible()
    fake.write(page.sampling.form, "seed", "40")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: seeds(page) == tuple(range(40, 56)))
    other = opened("dots")
    click(other.sampling.generate_button)
    qtbot.waitUntil(lambda: isinstance(other.sampling.result.payload, Plane))


def test_the_dice_takes_another_seed_and_generates(qtbot: QtBot, opened: Opened) -> None:
    page = opened("draws")
    for _throw in range(3):
        before = page.sampling.form.value().seed
        click(page.sampling.dice_button)
        seed = page.sampling.form.value().seed
        assert seed != before
        qtbot.waitUntil(lambda seed=seed: seeds(page)[:1] == (seed,))  # type: ignore[misc]


def test_the_dice_minds_what_is_typed_wrongly(opened: Opened) -> None:
    page = opened("draws")
    fake.write(page.sampling.form, "count", "9999")
    click(page.sampling.dice_button)
    assert page.sampling.problem.isVisible()
    assert page.sampling.form.value().seed == 1
    assert page.sampling._job is None


def test_a_clicked_picture_tells_its_seed_and_is_looked_at(qtbot: QtBot, opened: Opened) -> None:
    page = opened("draws")
    fake.write(page.sampling.form, "seed", "70")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: seeds(page)[:1] == (70,))
    wall = page.sampling.result.currentWidget()
    assert isinstance(wall, ImagesWidget)
    card = page.pictures.cards["nearest"]
    qtbot.waitUntil(lambda: isinstance(card.holder.payload, Text))
    with qtbot.waitSignal(page.sampling.tile_chosen) as chosen:
        wall.chosen.emit(75)
    assert chosen.args == [5]
    assert page.sampling.tile.text() == "Picture 6 · seed 75"
    assert card.form.value().sample == 6
    qtbot.waitUntil(lambda: card.holder.payload == Text("sample 6"))
    click(page.sampling.generate_button)  # other pictures: what was chosen is gone
    qtbot.waitUntil(lambda: not page.sampling.tile.isVisible())
    wall.chosen.emit(999)  # none of these
    assert not page.sampling.tile.isVisible()


def test_after_a_reset_nothing_of_before_stays(qtbot: QtBot, opened: Opened) -> None:
    page = opened("draws")
    page.generate()
    qtbot.waitUntil(lambda: bool(seeds(page)))
    page.reset()
    qtbot.waitUntil(lambda: page.sampling.result.payload is None)
    assert not page.sampling.dice_button.isEnabled()
    assert page.sampling.live.payload is None


# --- sound


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the players are asked; there is a device."""
    said: list[str] = []

    def play(player: Player, payload: Sound, start: float = 0.0) -> None:
        player.sound = payload
        player._sink = object()
        said.append("play")

    def feed(player: Player, payload: Sound) -> None:
        said.append("feed")

    def stop(player: Player) -> None:
        if player.sound is not None:
            said.append("stop")
        player.sound = player._sink = None

    for action in (play, feed, stop):
        monkeypatch.setattr(Player, action.__name__, action)
    monkeypatch.setattr(Player, "complete", lambda player: said.append("complete"))
    monkeypatch.setattr(Player, "available", staticmethod(lambda: ""))
    return said


def test_a_sound_is_heard_as_it_comes_and_to_its_end(
    qtbot: QtBot, opened: Opened, heard: list[str]
) -> None:
    page = opened("plays")
    qtbot.waitUntil(lambda: isinstance(page.sampling.live.payload, Sound))
    assert heard == []  # the live sample is silent
    live = page.sampling.live.currentWidget()
    assert isinstance(live, SoundWidget)
    assert not live.listen.isVisible()
    fake.write(page.sampling.form, "seconds", "8")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: heard[-1:] == ["complete"])
    assert heard[0] == "play"
    assert set(heard[1:-1]) == {"feed"}
    own = page.sampling.result.payload
    assert isinstance(own, Sound)
    assert len(own.samples) == own.expected == 64_000  # told before it was complete


def test_stop_silences_too(qtbot: QtBot, opened: Opened, heard: list[str]) -> None:
    page = opened("plays")
    fake.write(page.sampling.form, "seconds", "60")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: "play" in heard)
    assert page.sampling.stop()
    assert heard[-1] == "stop"
    qtbot.waitUntil(lambda: not page.sampling.stop_button.isEnabled())
    assert not page.sampling.stop()
    fake.write(page.sampling.form, "seconds", "1")
    fake.write(page.sampling.form, "seed", "2")
    qtbot.waitUntil(lambda: not page.strip.pump.busy)
    heard.clear()
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: heard[-1:] == ["complete"])
    assert page.sampling.stop()  # it is still being played
    assert heard[-1] == "stop"


def test_whether_one_listens_is_remembered(
    qtbot: QtBot, opened: Opened, heard: list[str], settings: QSettings
) -> None:
    settings.setValue("sound/listen", "false")
    page = opened("plays")
    click(page.sampling.generate_button)
    qtbot.waitUntil(lambda: isinstance(page.sampling.result.payload, Sound))
    widget = page.sampling.result.currentWidget()
    assert isinstance(widget, SoundWidget)
    qtbot.waitUntil(lambda: not page.sampling.stop_button.isEnabled())
    assert "play" not in heard
    assert not widget.listen.isChecked()
    click(widget.listen)
    assert str(settings.value("sound/listen")).lower() == "true"

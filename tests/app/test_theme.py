"""Colours: readable in both themes, and changed for all at once."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.theme import DARK, LIGHT, Choice, Palette, blend, theme


@pytest.fixture(autouse=True)
def light_again(qapp: QApplication) -> Iterator[None]:
    theme().use("light")
    yield
    theme().use("light")


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2.2, from 1 to 21."""

    def luminance(name: str) -> float:
        colour = QColor(name)
        channels = np.array([colour.redF(), colour.greenF(), colour.blueF()])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_can_be_read(palette: Palette) -> None:
    for ground in (palette.background, palette.panel, palette.raised):
        assert contrast(palette.text, ground) >= 7
        assert contrast(palette.faint, ground) >= 4.3
    assert contrast(palette.on_accent, palette.accent) >= 4.5
    for colour in (*palette.series, palette.good, palette.warning, palette.accent):
        assert contrast(colour, palette.panel) >= 3


@pytest.mark.parametrize(("choice", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_a_choice_dresses_the_application(
    qapp: QApplication, choice: Choice, palette: Palette
) -> None:
    theme().use(choice)
    assert theme().palette is palette
    assert qapp.palette().color(QPalette.ColorRole.WindowText) == QColor(palette.text)
    assert palette.accent in qapp.styleSheet()


def test_whoever_draws_is_told(qtbot: QtBot) -> None:
    with qtbot.waitSignal(theme().changed, timeout=1000):
        theme().use("dark")


def test_system_without_a_wish_is_light(qapp: QApplication) -> None:
    theme().use("system")
    assert theme().palette is LIGHT


def test_lookup_tables() -> None:
    for choice in ("light", "dark"):
        theme().use(choice)
        assert theme().lookup().shape == theme().lookup(diverging=True).shape == (256, 3)
    middle = theme().lookup(diverging=True)[127:129].astype(int).mean(0)
    panel = QColor(DARK.panel)
    assert np.abs(middle - [panel.red(), panel.green(), panel.blue()]).max() <= 3


def test_series_repeat_when_used_up() -> None:
    assert theme().series(0) == theme().series(len(LIGHT.series)) != theme().series(1)


def test_blend_reaches_both_ends() -> None:
    assert blend("#ff0000", "#0000ff", 0).name() == "#0000ff"
    assert blend("#ff0000", "#0000ff", 1).name() == "#ff0000"
    assert blend("#ff0000", "#0000ff", 0.5).name() == "#800080"


def test_what_is_worn_already_is_not_put_on_again(qapp: QApplication) -> None:
    told: list[bool] = []

    def tell() -> None:
        told.append(theme().palette.dark)

    theme().changed.connect(tell)
    try:
        for choice in ("light", "dark", "dark", "light", "light"):
            theme().use(choice)
    finally:
        theme().changed.disconnect(tell)
    assert told == [True, False]

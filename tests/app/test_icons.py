"""Buttons with icons: what they say, and which colours they take."""

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.icons import IconButton
from app.theme import theme
from tests.app.plots.screen import rgb

ON, OFF = QIcon.State.On, QIcon.State.Off
NORMAL, DISABLED = QIcon.Mode.Normal, QIcon.Mode.Disabled


@pytest.fixture(autouse=True)
def light(qtbot: QtBot) -> None:
    theme().use("light")


def picture(button: IconButton, mode: QIcon.Mode = NORMAL, state: QIcon.State = OFF) -> QImage:
    return button.icon().pixmap(QSize(36, 36), mode, state).toImage()


def colour(
    button: IconButton, mode: QIcon.Mode = NORMAL, state: QIcon.State = OFF
) -> tuple[int, int, int]:
    """The colour of the ink that covers most."""
    image = picture(button, mode, state)
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    ink = max(pixels, key=QColor.alpha)
    assert ink.alpha() > 200, "the icon is empty"
    return rgb(ink)


def near(one: tuple[int, int, int], other: str | QColor) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(one, rgb(other), strict=True))


def made(
    qtbot: QtBot, icon: str = "play", *, text: str = "", tip: str = "", role: str = ""
) -> IconButton:
    button = IconButton(icon, "Train", text=text, tip=tip, role=role)
    qtbot.addWidget(button)
    return button


def test_an_icon_alone_is_named_for_those_who_do_not_see_it(qtbot: QtBot) -> None:
    button = made(qtbot)
    assert button.text() == ""
    assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
    assert button.accessibleName() == "Train"
    assert button.toolTip() == "Train"
    assert not button.icon().isNull()


def test_a_tip_says_more_than_the_name(qtbot: QtBot) -> None:
    button = made(qtbot, tip="Train (Ctrl+Enter)")
    assert button.toolTip() == "Train (Ctrl+Enter)"
    assert button.accessibleName() == "Train"


def test_a_text_stands_beside_the_icon_and_can_go_again(qtbot: QtBot) -> None:
    button = made(qtbot, text="Go")
    assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon
    with_words = button.sizeHint().width()
    button.set_text("")
    assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
    assert button.sizeHint().width() < with_words
    button.set_text("Go")
    assert button.sizeHint().width() == with_words


def test_another_icon_looks_different_and_the_first_comes_back(qtbot: QtBot) -> None:
    button = made(qtbot)
    play = picture(button)
    button.set_icon("pause")
    assert picture(button) != play
    button.set_icon("play")
    assert picture(button) == play


def test_the_same_icon_again_draws_nothing(qtbot: QtBot) -> None:
    button = made(qtbot)
    key = button.icon().cacheKey()
    button.set_icon("play")
    assert button.icon().cacheKey() == key


def test_an_icon_that_there_is_not_is_told_by_its_name(qtbot: QtBot) -> None:
    with pytest.raises(Exception, match="no-such-icon"):
        made(qtbot, icon="no-such-icon")


@pytest.mark.parametrize(
    ("role", "meaning"), [("", "text"), ("flat", "faint"), ("primary", "on_accent")]
)
@pytest.mark.parametrize("choice", ["light", "dark"])
def test_its_colour_is_that_of_the_text_beside_it(
    qtbot: QtBot, role: str, meaning: str, choice: str
) -> None:
    button = made(qtbot, role=role)
    theme().use(choice)  # type: ignore[arg-type]
    assert near(colour(button), getattr(theme().palette, meaning))


def test_a_switch_that_is_on_takes_the_accent(qtbot: QtBot) -> None:
    palette = theme().palette
    assert near(colour(made(qtbot), state=ON), palette.accent)
    assert near(colour(made(qtbot, role="primary"), state=ON), palette.on_accent)


def test_what_cannot_be_pressed_is_paler_than_faint(qtbot: QtBot) -> None:
    palette = theme().palette
    red = colour(made(qtbot), DISABLED)[0]
    assert rgb(palette.faint)[0] < red < rgb(palette.panel)[0]


def test_it_follows_the_theme_with_its_newest_icon(qtbot: QtBot) -> None:
    button = made(qtbot)
    button.set_icon("pause")
    theme().use("dark")
    assert picture(button) == picture(made(qtbot, icon="pause"))


def test_it_is_pressed_with_the_mouse_and_with_the_keyboard(qtbot: QtBot) -> None:
    button = made(qtbot)
    pressed: list[int] = []
    button.clicked.connect(lambda: pressed.append(1))
    with qtbot.waitExposed(button):
        button.show()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert len(pressed) == 2
    assert button.focusPolicy() == Qt.FocusPolicy.StrongFocus
    button.setEnabled(False)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(pressed) == 2

"""Every test of a picture begins in the light theme."""

import pytest
from PySide6.QtWidgets import QApplication

from app.theme import theme


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> None:
    theme().use("light")

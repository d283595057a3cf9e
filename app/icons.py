"""Buttons with icons from the Material Design font, in the colours of the theme."""

import qtawesome
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from app.theme import blend, theme


class IconButton(QToolButton):
    """A tool button with an icon by its Material Design name ("play").

    name: what a screen reader says, and the tooltip where there is no other.
    text: stands beside the icon; a role of "primary" makes the button stand out.
    """

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        text: str = "",
        tip: str = "",
        role: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._role = role
        if role:
            self.setProperty("role", role)
        self.setIconSize(QSize(18, 18))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setToolTip(tip or name)
        self.set_text(text)
        self._draw()
        theme().changed.connect(self._draw)

    def set_icon(self, icon: str) -> None:
        """Another icon."""
        if icon != self._icon:
            self._icon = icon
            self._draw()

    def set_text(self, text: str) -> None:
        """Another text beside the icon; an empty one leaves the icon alone."""
        self.setText(text)
        style = Qt.ToolButtonStyle
        self.setToolButtonStyle(
            style.ToolButtonTextBesideIcon if text else style.ToolButtonIconOnly
        )

    def _draw(self) -> None:
        palette = theme().palette
        colour = {"primary": palette.on_accent, "flat": palette.faint}.get(self._role, palette.text)
        self.setIcon(
            qtawesome.icon(
                f"mdi6.{self._icon}",
                color=colour,
                color_on=palette.accent if self._role != "primary" else colour,
                color_disabled=blend(palette.faint, palette.panel, 0.45),
            )
        )

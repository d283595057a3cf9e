"""Colours and shapes of the window, light and dark.

One `Palette` names every colour by what it means; the Qt palette, the style sheet
and the plots are all made from it, and ``theme().changed`` tells whoever draws
that it is time to draw again. Line colours are Okabe and Ito's ("Color Universal
Design", 2008), moved in lightness for each ground, so that people who confuse red
and green can tell the lines apart; pictures use viridis, and blue to orange where
the sign matters.

A widget takes a part by a dynamic property: ``widget.setProperty("role", "primary")``.
Roles: heading, faint, warning (labels); primary, flat (buttons); card (frames).
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

Choice: TypeAlias = Literal["system", "light", "dark"]
Lookup: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Palette:
    """What each colour is for, as ``#rrggbb``.

    series: colours of lines, in the order in which they are given out.
    sequential: name of the colour map for values without a sign.
    diverging: colours at minus one, zero and one; zero sinks into the ground.
    unlikely, likely: ends of the scale that tints tokens.
    """

    dark: bool
    text: str
    faint: str
    background: str
    panel: str
    raised: str
    border: str
    accent: str
    on_accent: str
    good: str
    warning: str
    unlikely: str
    likely: str
    series: tuple[str, ...]
    sequential: str
    diverging: tuple[str, str, str]


LIGHT = Palette(
    dark=False,
    text="#1d2530",
    faint="#66717f",
    background="#f4f6f8",
    panel="#ffffff",
    raised="#eef1f5",
    border="#d7dde4",
    accent="#0067a6",
    on_accent="#ffffff",
    good="#00805f",
    warning="#b84a00",
    unlikely="#e69f00",
    likely="#56b4e9",
    series=("#0072b2", "#d55e00", "#009e73", "#b3578c", "#a67c00", "#2f93c9", "#4d5866"),
    sequential="viridis",
    diverging=("#0072b2", "#ffffff", "#d55e00"),
)

DARK = Palette(
    dark=True,
    text="#e4e8ee",
    faint="#98a4b3",
    background="#14181e",
    panel="#1c2129",
    raised="#272e38",
    border="#353e4a",
    accent="#5bb8ee",
    on_accent="#08131c",
    good="#3ccb9f",
    warning="#ff9c52",
    unlikely="#e69f00",
    likely="#3d8fc4",
    series=("#56b4e9", "#f58f45", "#2fc495", "#dd93bb", "#e6b93a", "#8fb6ff", "#aab4c0"),
    sequential="viridis",
    diverging=("#56b4e9", "#1c2129", "#f0a020"),
)


class Theme(QObject):
    """The palette in use; `changed` is emitted when it is another one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.palette: Palette = LIGHT
        self.choice: Choice = "system"
        self._icons = QTemporaryDir()
        self._following = False
        self._worn: Palette | None = None  # what the application is dressed in

    def use(self, choice: Choice) -> None:
        """Dress the running application; ``"system"`` follows the desktop from now on."""
        application = QApplication.instance()
        assert isinstance(application, QApplication), "a theme needs a QApplication"
        self.choice = choice
        hints = QGuiApplication.styleHints()
        if not self._following:
            self._following = True
            application.setStyle(QStyleFactory.create("Fusion"))
            hints.colorSchemeChanged.connect(self._dress)
        # Told to Qt as well, so that title bars and native dialogs go along.
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        hints.setColorScheme(schemes.get(choice, Qt.ColorScheme.Unknown))
        self._dress()

    def remove_files(self) -> None:
        """The program ends: nothing of it stays in the folder for temporary files."""
        self._icons.remove()

    def _dress(self) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        dark = self.choice == "dark" or (
            self.choice == "system"
            and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        )
        self.palette = DARK if dark else LIGHT
        if self.palette is self._worn:
            return
        self._worn = self.palette
        application.setPalette(qt_palette(self.palette))
        application.setStyleSheet(style_sheet(self.palette, Path(self._icons.path())))
        if "pyqtgraph" in sys.modules:
            self.dress_plots()
        self.changed.emit()

    def dress_plots(self) -> None:
        """Give plots their colours. Whoever needs plots calls it once: the first paint does not,
        and is sooner without that import."""
        import pyqtgraph as pg

        pg.setConfigOptions(
            background=self.palette.panel,
            foreground=self.palette.faint,
            antialias=True,
            imageAxisOrder="row-major",
        )

    def lookup(self, diverging: bool = False) -> Lookup:
        """The colours of a picture from low to high. (256, 3)"""
        return _lookup(self.palette, diverging)

    def series(self, index: int) -> QColor:
        """The colour of the line with this number; they repeat when used up."""
        return QColor(self.palette.series[index % len(self.palette.series)])


@functools.cache
def theme() -> Theme:
    """The one theme of this program."""
    return Theme()


@functools.cache
def _lookup(palette: Palette, diverging: bool) -> Lookup:
    import pyqtgraph as pg

    if diverging:
        colour_map = pg.ColorMap(None, [QColor(each) for each in palette.diverging])
    else:
        colour_map = pg.colormap.get(palette.sequential)
    lookup: Lookup = colour_map.getLookupTable(nPts=256, alpha=False).astype(np.uint8)
    return lookup


def blend(over: str | QColor, under: str | QColor, amount: float) -> QColor:
    """`over` laid on `under`: 0 gives `under`, 1 gives `over`."""
    top, ground = QColor(over), QColor(under)

    def mixed(a: int, b: int) -> int:
        return round(b + (a - b) * amount)

    return QColor(
        mixed(top.red(), ground.red()),
        mixed(top.green(), ground.green()),
        mixed(top.blue(), ground.blue()),
    )


def qt_palette(palette: Palette) -> QPalette:
    """The same colours under Qt's names."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    result = QPalette()
    for qt_role, colour in {
        role.Window: palette.background,
        role.WindowText: palette.text,
        role.Base: palette.panel,
        role.AlternateBase: palette.raised,
        role.Text: palette.text,
        role.PlaceholderText: palette.faint,
        role.Button: palette.raised,
        role.ButtonText: palette.text,
        role.BrightText: palette.warning,
        role.ToolTipBase: palette.raised,
        role.ToolTipText: palette.text,
        role.Highlight: palette.accent,
        role.HighlightedText: palette.on_accent,
        role.Link: palette.accent,
        role.LinkVisited: palette.accent,
        role.Accent: palette.accent,
        role.Light: palette.panel,
        role.Midlight: palette.raised,
        role.Mid: palette.border,
        role.Dark: palette.border,
        role.Shadow: palette.border,
    }.items():
        result.setColor(qt_role, QColor(colour))
    off = blend(palette.faint, palette.background, 0.6)
    for qt_role in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(group.Disabled, qt_role, off)
    result.setColor(group.Disabled, role.Highlight, QColor(palette.border))
    return result


_STROKES = {
    "up": "M3 10 8 5 13 10",
    "down": "M3 6 8 11 13 6",
    "left": "M10 3 5 8 10 13",
    "right": "M6 3 11 8 6 13",
    "tick": "M3 8.5 6.5 12 13 4.5",
}


def _icon(folder: Path, name: str, colour: str) -> str:
    """An arrow or a tick in `colour`, as a file, since a style sheet takes nothing else."""
    path = folder / f"{name}-{colour.lstrip('#')}.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" '
        f'stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{_STROKES[name]}"/></svg>',
        encoding="ascii",
    )
    return path.as_posix()


def style_sheet(palette: Palette, icons: Path) -> str:
    """Shapes and spacing. `icons` is a folder where the arrows and the tick are kept."""
    hover = blend(palette.text, palette.raised, 0.07).name()
    pressed = blend(palette.text, palette.raised, 0.14).name()
    accent_hover = blend(palette.text, palette.accent, 0.14).name()
    tint = blend(palette.accent, palette.panel, 0.16).name()
    off = blend(palette.faint, palette.background, 0.6).name()
    faded = blend(palette.border, palette.panel, 0.6).name()
    up, down = (_icon(icons, name, palette.faint) for name in ("up", "down"))
    left, right = (_icon(icons, name, palette.text) for name in ("left", "right"))
    left_off, right_off = (_icon(icons, name, palette.border) for name in ("left", "right"))
    tick = _icon(icons, "tick", palette.on_accent)
    return f"""
QLabel[role="heading"] {{ font-size: 15px; font-weight: 600; }}
QLabel[role="faint"] {{ color: {palette.faint}; }}
QLabel[role="warning"] {{ color: {palette.warning}; }}
QFrame[role="card"] {{
    background: {palette.panel}; border: 1px solid {palette.border}; border-radius: 10px;
}}
QToolTip {{
    color: {palette.text}; background: {palette.raised};
    border: 1px solid {palette.border}; padding: 5px 7px;
}}
QPushButton, QToolButton {{
    background: {palette.raised}; border: 1px solid {palette.border};
    border-radius: 7px; padding: 5px 12px;
}}
QToolButton {{ padding: 4px 8px; }}
QPushButton:hover, QToolButton:hover {{ background: {hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {pressed}; }}
QPushButton:checked, QToolButton:checked {{
    background: {tint}; border-color: {palette.accent}; color: {palette.accent};
}}
QPushButton:focus, QToolButton:focus {{ border-color: {palette.accent}; }}
QPushButton:disabled, QToolButton:disabled {{
    color: {off}; background: transparent; border-color: {faded};
}}
QPushButton[role="primary"], QToolButton[role="primary"] {{
    background: {palette.accent}; border-color: {palette.accent};
    color: {palette.on_accent}; font-weight: 600; padding: 7px 22px;
}}
QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover {{
    background: {accent_hover}; border-color: {accent_hover};
}}
QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus {{
    border-color: {palette.text};
}}
QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {{
    background: {palette.border}; border-color: {palette.border}; color: {palette.faint};
}}
QPushButton[role="flat"], QToolButton[role="flat"] {{
    background: transparent; border-color: transparent; color: {palette.faint};
}}
QPushButton[role="flat"]:hover, QToolButton[role="flat"]:hover {{
    background: {palette.raised}; color: {palette.text};
}}
QPushButton[role="flat"]:checked, QToolButton[role="flat"]:checked {{
    background: {tint}; color: {palette.accent};
}}
QPushButton[role="flat"]:focus, QToolButton[role="flat"]:focus {{
    border-color: {palette.accent};
}}
QLineEdit, QPlainTextEdit, QTextEdit, QListView, QTreeView, QTableView {{
    background: {palette.panel}; border: 1px solid {palette.border}; border-radius: 7px;
    selection-background-color: {palette.accent}; selection-color: {palette.on_accent};
}}
QLineEdit {{ padding: 5px 8px; }}
QComboBox, QAbstractSpinBox {{
    background: {palette.panel}; border: 1px solid {palette.border}; border-radius: 7px;
    padding: 4px 8px; min-height: 18px;
    selection-background-color: {palette.accent}; selection-color: {palette.on_accent};
}}
QComboBox:hover, QAbstractSpinBox:hover {{ border-color: {palette.faint}; }}
QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {palette.accent}; }}
QComboBox:disabled, QAbstractSpinBox:disabled {{
    color: {off}; background: {palette.background};
}}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{down}"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{
    background: {palette.panel}; border: 1px solid {palette.border}; padding: 4px;
    selection-background-color: {tint}; selection-color: {palette.text}; outline: none;
}}
QAbstractSpinBox {{ padding-right: 24px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{
    subcontrol-origin: border; width: 22px; border: none; background: transparent;
}}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; }}
QAbstractSpinBox::up-arrow {{ image: url("{up}"); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url("{down}"); width: 10px; height: 10px; }}
QCheckBox, QRadioButton {{ spacing: 8px; }}
QCheckBox::indicator {{
    width: 15px; height: 15px; border: 1px solid {palette.faint}; border-radius: 4px;
    background: {palette.panel};
}}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {palette.accent}; }}
QCheckBox::indicator:checked {{
    background: {palette.accent}; border-color: {palette.accent}; image: url("{tick}");
}}
QCheckBox::indicator:disabled {{
    background: {palette.border}; border-color: {palette.border};
}}
QCheckBox:focus {{ color: {palette.accent}; }}
QSlider {{ min-height: 22px; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {palette.border}; }}
QSlider::sub-page:horizontal {{ border-radius: 2px; background: {palette.accent}; }}
QSlider::handle:horizontal {{
    width: 14px; margin: -6px 0; border-radius: 8px; background: {palette.panel};
    border: 1px solid {palette.faint};
}}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{
    border: 2px solid {palette.accent};
}}
QSlider::sub-page:horizontal:disabled {{ background: {palette.border}; }}
QPlainTextEdit, QTextEdit {{ padding: 4px; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QListView:focus, QTreeView:focus {{
    border-color: {palette.accent};
}}
QGroupBox {{
    background: {palette.panel}; border: 1px solid {palette.border}; border-radius: 10px;
    margin-top: 22px; padding: 10px;
}}
QGroupBox::title {{
    subcontrol-origin: margin; left: 4px; top: 2px; color: {palette.faint}; font-weight: 600;
}}
QTabWidget::pane {{ border: none; border-top: 1px solid {palette.border}; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTabBar::tab {{
    background: transparent; color: {palette.faint}; padding: 8px 16px;
    border-bottom: 2px solid transparent;
}}
QTabBar::tab:hover {{ color: {palette.text}; }}
QTabBar::tab:selected {{ color: {palette.text}; border-bottom-color: {palette.accent}; }}
QTabBar::tab:focus {{ color: {palette.accent}; }}
QTabBar::scroller {{ width: 52px; }}
QTabBar QToolButton {{
    background: {palette.panel}; border: 1px solid {palette.border}; border-radius: 5px;
    padding: 0; margin: 4px 1px;
}}
QTabBar QToolButton:hover {{ background: {hover}; }}
QTabBar QToolButton::left-arrow {{ image: url("{left}"); width: 12px; height: 12px; }}
QTabBar QToolButton::right-arrow {{ image: url("{right}"); width: 12px; height: 12px; }}
QTabBar QToolButton::left-arrow:disabled {{ image: url("{left_off}"); }}
QTabBar QToolButton::right-arrow:disabled {{ image: url("{right_off}"); }}
QProgressBar {{
    background: {palette.raised}; border: none; border-radius: 4px; max-height: 8px;
    color: transparent;
}}
QProgressBar::chunk {{ background: {palette.accent}; border-radius: 4px; }}
QScrollArea, QScrollArea > QWidget#qt_scrollarea_viewport {{
    background: transparent; border: none;
}}
QScrollBar {{ background: transparent; border: none; margin: 0; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {palette.border}; border-radius: 4px; margin: 1px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {palette.faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: transparent; }}
QSplitter::handle:hover {{ background: {palette.border}; }}
QMenuBar {{ background: {palette.background}; }}
QMenu {{
    background: {palette.panel}; border: 1px solid {palette.border}; padding: 4px;
}}
QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 5px; }}
QMenu::item:selected {{ background: {tint}; color: {palette.text}; }}
QMenu::item:disabled {{ color: {off}; }}
QMenu::separator {{ height: 1px; background: {palette.border}; margin: 4px 8px; }}
QStatusBar {{ background: {palette.background}; }}
QStatusBar::item {{ border: none; }}
"""

"""One field for each kind of knob, all with the same four things.

    field.value()          the last value that was accepted
    field.set_value(v)     show another one; nothing is emitted
    field.commit()         take what is typed; the complaint in words, or ""
    field.edited           a person has set another value

Numbers may be typed freely: what does not fit is told beside the field, not
swallowed while typing.
"""

import math
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import qtawesome
from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDropEvent,
    QFocusEvent,
    QGuiApplication,
    QIcon,
    QImage,
    QPixmap,
    QResizeEvent,
    QValidator,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from app.i18n import _, ngettext
from app.own import OWN
from app.special.pad import DigitPad, as_address, picture_at
from app.theme import theme
from engine.data import catalogue
from engine.knobs import Knob, KnobError

SLIDER_RANGE = 10.0  # a wider linear range is better typed than dragged
MOST_LINES = 5
FRAME = 16  # pixels above and below the lines of a text
MOST_SIGNS = 14  # of several numbers, and of a file's name
THUMBNAIL = 22  # pixels
MOST_PIXELS = 512  # wide or high, of a pasted picture
PICTURES = ("png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm")


class Field(Protocol):
    """What a form needs of a field."""

    edited: SignalInstance
    complained: SignalInstance

    def value(self) -> Any:
        """The last value that was accepted."""

    def set_value(self, value: Any) -> None:
        """Show `value`."""

    def commit(self) -> str:
        """Take what is typed. What is wrong with it, or an empty text."""


def spelled(knob: Knob, value: float) -> str:
    """A number as it stands in its field."""
    return str(value) if knob.kind == "int" else f"{value:.6g}"


def notches(knob: Knob) -> tuple[float, ...]:
    """The places at which a slider of this knob stops: 1, 2, 5, 10, ... or even steps."""
    assert knob.low is not None
    assert knob.high is not None
    low, high = knob.low, knob.high
    if knob.log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        spaced = (m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5))
        inner = [float(f"{value:.6g}") for value in spaced]
        return tuple(sorted({low, high, *(value for value in inner if low < value < high)}))
    step = nice_step((high - low) / 100)
    count = math.floor((high - low) / step + 1e-9)
    inner = [float(f"{math.ceil(low / step) * step + i * step:.6g}") for i in range(count + 1)]
    return tuple(sorted({low, high, *(value for value in inner if low < value < high)}))


def nice_step(at_least: float) -> float:
    """The least of ..., 0.1, 0.2, 0.5, 1, ... that is not below."""
    power = 10.0 ** math.floor(math.log10(at_least))
    factor = next(each for each in (1, 2, 5, 10) if each * power >= at_least * (1 - 1e-9))
    return factor * power


def has_slider(knob: Knob) -> bool:
    """Whether dragging is the better way to set this number."""
    if knob.kind != "float" or knob.low is None or knob.high is None:
        return False
    return knob.log or knob.high - knob.low <= SLIDER_RANGE


class NumberField(QAbstractSpinBox):
    """A number that is typed, or stepped with the arrow keys."""

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self._value = knob.default
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.UpDownArrows)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.line = self.lineEdit()
        self.line.setAcceptDrops(False)  # a dropped file is for the window
        self.line.textEdited.connect(lambda text: self.complained.emit(self.complaint(text)))
        self.editingFinished.connect(self.commit)
        self.set_value(knob.default)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for seven digits and the arrows."""
        return QSize(self.fontMetrics().horizontalAdvance("0") * 7 + 30, 28)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """The same."""
        return self.sizeHint()

    def value(self) -> Any:
        """The last number that was accepted."""
        return self._value

    def set_value(self, value: Any) -> None:
        """Show `value`."""
        self._value = value
        self.line.setText(spelled(self.knob, value))
        self.complained.emit("")

    def complaint(self, text: str) -> str:
        """What would be accepted in place of `text`; empty where it is fine."""
        try:
            self.knob.parsed(text.strip().replace(",", ""))
        except KnobError:
            return _("Accepted: {accepted}").format(accepted=_(self.knob.accepted()))
        return ""

    def commit(self) -> str:
        """Take what is typed, or say what is wrong with it and let it stand."""
        text = self.line.text()
        if text == spelled(self.knob, self._value):
            return ""  # what stands there has fewer digits than what it stands for
        complaint = self.complaint(text)
        self.complained.emit(complaint)
        if not complaint:
            self._take(self.knob.parsed(text.strip().replace(",", "")))
        return complaint

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Everything may be typed; `complaint` tells what does not fit."""
        return (QValidator.State.Acceptable, text, position)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:  # noqa: N802
        """Up and down, as far as the bounds go."""
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if self._value < self.knob.high:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self._value > self.knob.low:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """So many steps on: from notch to notch, or by a tenth of the number's order."""
        assert self.knob.low is not None
        assert self.knob.high is not None
        self.commit()  # from what is typed, where that fits
        if has_slider(self.knob):
            places = notches(self.knob)
            here = (
                bisect_right(places, self._value) - 1
                if steps > 0
                else bisect_left(places, self._value)
            )
            value = places[max(0, min(here + steps, len(places) - 1))]
        else:
            order = math.floor(math.log10(max(abs(self._value), 1)))
            size = 10.0 ** (order - 1) if self.knob.kind == "float" else max(10 ** (order - 1), 1)
            value = self._value + steps * size
        value = max(self.knob.low, min(value, self.knob.high))
        self._take(int(value) if self.knob.kind == "int" else float(f"{value:.6g}"))

    def _take(self, value: Any) -> None:
        same = value == self._value
        self._value = value
        text = spelled(self.knob, value)
        if text != self.line.text():
            self.line.setText(text)
        self.complained.emit("")
        if not same:
            self.edited.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Scrolling past a field does not turn it."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NotchSlider(QSlider):
    """A slider over the notches of a number field."""

    def __init__(self, field: NumberField, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.field = field
        self.places = notches(field.knob)
        self.setRange(0, len(self.places) - 1)
        self.setPageStep(max(1, len(self.places) // 10))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(_(field.knob.title))
        self.follow()
        self.actionTriggered.connect(self._dragged)
        field.edited.connect(self.follow)

    def follow(self) -> None:
        """Stand at the notch next to the field's value."""
        value = self.field.value()
        above = bisect_left(self.places, value)
        near = min(
            (i for i in (above - 1, above) if 0 <= i < len(self.places)),
            key=lambda i: abs(self.places[i] - value),
        )
        self.setValue(near)

    def _dragged(self) -> None:
        self.field._take(self.places[self.sliderPosition()])

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Left to whoever scrolls."""
        event.ignore()


class SwitchField(QCheckBox):
    """On or off."""

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_value(knob.default)
        self.clicked.connect(self.edited)

    def value(self) -> bool:
        """Whether it is on."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Switch it."""
        self.setChecked(value)

    def commit(self) -> str:
        """Never wrong."""
        return ""


class ChoiceField(QComboBox):
    """One of several words."""

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for choice in knob.choices:
            self.addItem(_(choice), choice)
        self.set_value(knob.default)
        self.activated.connect(lambda _index: self.edited.emit())

    def value(self) -> Any:
        """The word, untranslated."""
        return self.currentData()

    def set_value(self, value: str) -> None:
        """Choose `value`."""
        self.setCurrentIndex(self.findData(value))

    def commit(self) -> str:
        """Never wrong."""
        return ""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Scrolling past a field does not turn it."""
        event.ignore()


class TextField(QPlainTextEdit):
    """A text that starts with one line and grows as it is typed."""

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(False)  # a dropped file is for the window
        self.setTabChangesFocus(True)
        self._hint = _(knob.help)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(3)
        self.most_lines = MOST_LINES
        self._silent = False
        self.set_value(knob.default)
        self.textChanged.connect(self._typed)
        self._grow()

    def value(self) -> str:
        """The text."""
        return self.toPlainText()

    def set_value(self, value: str) -> None:
        """Show `value`."""
        if value != self.toPlainText():
            self._silent = True
            self.setPlainText(value)
            self._silent = False

    def commit(self) -> str:
        """Never wrong."""
        return ""

    def _typed(self) -> None:
        self._grow()
        if not self._silent:
            self.edited.emit()

    def _grow(self) -> None:
        """As many whole lines as there are, up to the most."""
        wanted = max(1, round(self.document().size().height()))
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if wanted > self.most_lines else policy.ScrollBarAlwaysOff
        )
        # Of a line that has no room, nothing is shown at all.
        self.setViewportMargins(0, 0, 0, 3 if wanted > self.most_lines else 0)
        lines = min(wanted, self.most_lines)
        # A line is as high as its letters need, which in some languages is less than the font's.
        spacing = self.fontMetrics().lineSpacing()
        layout = self.document().firstBlock().layout()
        line = math.ceil(layout.lineAt(0).height()) if layout.lineCount() else spacing
        self.setFixedHeight(max(lines * line, spacing) + FRAME)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another font needs another height."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._grow()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width breaks lines elsewhere."""
        super().resizeEvent(event)
        room = self.viewport().width() - 10
        elided = self.fontMetrics().elidedText(self._hint, Qt.TextElideMode.ElideRight, room)
        self.setPlaceholderText(elided)
        self._grow()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Arriving by Tab selects all, as in a line edit."""
        super().focusInEvent(event)
        if event.reason() == Qt.FocusReason.TabFocusReason:
            self.selectAll()


class NumbersField(QLineEdit):
    """Several numbers: picked in a picture, or typed with commas between them.

    While nobody types, many are told by how many they are.
    """

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self._value: tuple[float, ...] = tuple(knob.default)
        self.setAcceptDrops(False)  # a dropped file is for the window
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("0") * 12 + 44)
        self.setPlaceholderText(_("none"))
        self.clear_action = QAction(self)
        self.clear_action.setToolTip(_("Clear"))
        self.clear_action.triggered.connect(lambda: self._take(()))
        self.addAction(self.clear_action, QLineEdit.ActionPosition.TrailingPosition)
        self._recolour()
        theme().changed.connect(self._recolour)
        self.textEdited.connect(lambda text: self.complained.emit(self.complaint(text)))
        self.editingFinished.connect(self.commit)
        self.set_value(self._value)

    def value(self) -> tuple[float, ...]:
        """The last numbers that were accepted."""
        return self._value

    def set_value(self, value: tuple[float, ...]) -> None:
        """Show `value`."""
        self._value = tuple(value)
        self._show()
        self.complained.emit("")

    def complaint(self, text: str) -> str:
        """What would be accepted in place of `text`; empty where it is fine."""
        try:
            self.knob.parsed(text)
        except KnobError:
            return _("Accepted: {accepted}").format(accepted=_(self.knob.accepted()))
        return ""

    def commit(self) -> str:
        """Take what is typed, or say what is wrong with it and let it stand."""
        text = self.text()
        if text in (self._summary(), self._whole()):
            return ""
        complaint = self.complaint(text)
        self.complained.emit(complaint)
        if not complaint:
            self._take(self.knob.parsed(text))
        return complaint

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """All of them, to be changed."""
        super().focusInEvent(event)
        if self.text() == self._summary():
            self.setText(self._whole())
        if event.reason() == Qt.FocusReason.TabFocusReason:
            self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Short again, unless what stands there is wrong."""
        super().focusOutEvent(event)
        if self.text() == self._whole():
            self._show()

    def _take(self, value: tuple[float, ...]) -> None:
        same = value == self._value
        self.set_value(value)
        if not same:
            self.edited.emit()

    def _show(self) -> None:
        text = self._whole() if self.hasFocus() else self._summary()
        if text != self.text():
            self.setText(text)
        self.setCursorPosition(0)
        self.clear_action.setVisible(bool(self._value))

    def _whole(self) -> str:
        return ", ".join(f"{number:.6g}" for number in self._value)

    def _summary(self) -> str:
        whole = self._whole()
        if len(whole) <= MOST_SIGNS:
            return whole
        count = len(self._value)
        return ngettext("{n} number", "{n} numbers", count).format(n=count)

    def _recolour(self) -> None:
        icon = qtawesome.icon("mdi6.close-circle-outline", color=theme().palette.faint)
        self.clear_action.setIcon(icon)


class FileField(QToolButton):
    """Something that is in a file: opened or dropped. The button shows it."""

    edited = Signal()
    complained = Signal(str)

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.setAcceptDrops(True)
        menu = QMenu(self)
        menu.setAccessibleName(_(knob.title))
        self.add_actions(menu)
        self.clear_action = menu.addAction(_("Clear"), lambda: self._take(""))
        menu.aboutToShow.connect(self.enable)
        self.setMenu(menu)
        theme().changed.connect(self._show)
        self.set_value(knob.default)

    def add_actions(self, menu: QMenu) -> None:
        """Put the ways to come by such a file into `menu`."""
        self.open_action = menu.addAction(_("Open file…"), self.ask_for_file)

    def enable(self) -> None:
        """Allow what can be done now; called before the menu is shown."""
        self.clear_action.setEnabled(bool(self._value))

    def asked(self) -> str:
        """Let the person look for a file; empty where they thought better of it."""
        raise NotImplementedError

    def found_in(self, mime: QMimeData | None) -> str:
        """What is dropped or pasted, where it can be used; else empty."""
        raise NotImplementedError

    def shown(self) -> QIcon:
        """The picture on the button."""
        raise NotImplementedError

    def value(self) -> str:
        """The path of the file, or what stands for one, or an empty text."""
        return self._value

    def set_value(self, value: str) -> None:
        """Show `value`."""
        if value != self._value or self.icon().isNull():
            self._value = value
            self._show()

    def commit(self) -> str:
        """Never wrong by itself: whoever opens the file says what is."""
        return ""

    def ask_for_file(self) -> None:
        """Let the person look for a file."""
        if path := self.asked():
            self._take(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Such a file is welcome."""
        if self.found_in(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Take the file."""
        if dropped := self.found_in(event.mimeData()):
            event.acceptProposedAction()
            self._take(dropped)

    def _take(self, value: str) -> None:
        if value != self._value:
            self.set_value(value)
            self.edited.emit()

    def _show(self) -> None:
        if not self._value:
            words, tip = _("none"), ""
        elif self._value.startswith("data:"):
            words, tip = _("drawing"), ""
        else:
            words, tip = Path(self._value).name, self._value
        mode = Qt.TextElideMode.ElideMiddle
        room = self.fontMetrics().horizontalAdvance("0") * MOST_SIGNS
        self.setText(self.fontMetrics().elidedText(words, mode, room))
        self.setStatusTip(tip)
        self.setIcon(self.shown())


class PictureField(FileField):
    """A picture: drawn, opened, pasted or dropped."""

    def add_actions(self, menu: QMenu) -> None:
        """It can be drawn and pasted as well."""
        self.draw_action = menu.addAction(_("Draw…"), self.draw)
        super().add_actions(menu)
        self.paste_action = menu.addAction(_("Paste"), self.paste)

    def enable(self) -> None:
        """Only a picture can be pasted."""
        super().enable()
        self.paste_action.setEnabled(bool(self.found_in(QGuiApplication.clipboard().mimeData())))

    def draw(self) -> None:
        """Let the person draw, over an earlier drawing if there is one."""
        start = self._value if self._value.startswith("data:") else ""
        if drawn := DigitPad.ask(self.window(), start):
            self._take(drawn)

    def paste(self) -> None:
        """Take what is in the clipboard."""
        self._take(self.found_in(QGuiApplication.clipboard().mimeData()) or self._value)

    def asked(self) -> str:
        """Let the person look for a picture."""
        kinds = " ".join(f"*.{kind}" for kind in PICTURES)
        files = _("Pictures ({kinds});;All files (*)").format(kinds=kinds)
        path, _kind = QFileDialog.getOpenFileName(self, _("Open a picture"), "", files)
        return path

    def found_in(self, mime: QMimeData | None) -> str:
        """The path or the address of the picture."""
        return picture_in(mime)

    def shown(self) -> QIcon:
        """The picture itself, small."""
        picture = picture_at(self._value, THUMBNAIL * 2) if self._value else QImage()
        if not picture.isNull():
            return QIcon(QPixmap.fromImage(picture))
        name = "image-broken-variant" if self._value else "image-plus-outline"
        return QIcon(qtawesome.icon(f"mdi6.{name}", color=theme().palette.faint))


class SoundField(FileField):
    """A sound file: opened or dropped."""

    def asked(self) -> str:
        """Let the person look for a sound."""
        files = f"{_(OWN['sound'].files)};;{_('All files (*)')}"
        path, _kind = QFileDialog.getOpenFileName(self, _("Open a sound"), "", files)
        return path

    def found_in(self, mime: QMimeData | None) -> str:
        """The path of the first sound file."""
        paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()] if mime else []
        return next((path for path in paths if catalogue.kind_of(path) == "sound"), "")

    def shown(self) -> QIcon:
        """Whether there is one."""
        name = "file-music-outline" if self._value else "music-note-plus"
        return QIcon(qtawesome.icon(f"mdi6.{name}", color=theme().palette.faint))


def picture_in(mime: QMimeData | None) -> str:
    """The path or the address of the picture that was dropped or pasted; empty without one."""
    if mime is None:
        return ""
    for url in mime.urls():
        if url.isLocalFile() and is_picture(url.toLocalFile()):
            return url.toLocalFile()
    image = mime.imageData() if mime.hasImage() else None
    if isinstance(image, QPixmap):
        image = image.toImage()
    if not isinstance(image, QImage) or image.isNull():
        return ""
    if max(image.width(), image.height()) > MOST_PIXELS:
        image = image.scaled(
            MOST_PIXELS,
            MOST_PIXELS,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    return as_address(image)


def is_picture(path: str) -> bool:
    """Whether the name of the file is that of a picture."""
    return Path(path).suffix.lower().removeprefix(".") in PICTURES


AnyField: TypeAlias = (
    NumberField | SwitchField | ChoiceField | TextField | NumbersField | PictureField | SoundField
)


def field_for(knob: Knob) -> AnyField:
    """The field for this kind of knob."""
    match knob.kind:
        case "int" | "float":
            return NumberField(knob)
        case "bool":
            return SwitchField(knob)
        case "choice":
            return ChoiceField(knob)
        case "text":
            return TextField(knob)
        case "numbers":
            return NumbersField(knob)
        case "picture":
            return PictureField(knob)
        case "sound":
            return SoundField(knob)

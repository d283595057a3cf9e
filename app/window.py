"""The window: a tab for each family, the lesson at the side, the strip at the bottom.

It is painted before the engine is loaded (importing torch takes seconds); then a
tab's contents are built when the tab is first seen.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QLibraryInfo,
    QObject,
    QSettings,
    QSize,
    Qt,
    QTimer,
    QTranslator,
    QUrl,
)
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDesktopServices,
    QDropEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QMainWindow,
    QMenu,
    QMessageBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app import i18n
from app.collecting import Collector
from app.fault import FaultBox, Faults, Teller
from app.i18n import _, ngettext
from app.jobs import Action, Strip
from app.lesson import LessonDock
from app.log import LogFile
from app.own import OWN, PICTURE, choose, open_title
from app.pump import Pump
from app.start import Interrupts, Loader
from app.theme import theme
from app.welcome import Welcome
from engine.families import FAMILIES
from engine.family import Family

if TYPE_CHECKING:
    from app.page import ModelPage
    from app.tab import FamilyTab
    from engine.session import Playground

BEGUN = float(os.environ.get("PLAYGROUND_T0") or time.time())
CLOSE_SECONDS = 1.8
ROOMY = 1200  # pixels: below, the lesson takes the place of the sampling column
THEMES = ("system", "light", "dark")
DRAGS = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop)

log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """All families, in tabs."""

    def __init__(
        self,
        settings: QSettings,
        *,
        families: Sequence[Family] = FAMILIES,
        runs: Path | None = None,
        language: str = i18n.ENGLISH,
        log_file: LogFile | None = None,
        trace: Callable[[str], None] = lambda event: None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.families = families
        self.playground: Playground | None = None
        self.log_file = log_file
        self._trace = trace
        self._painted = False
        self._closing = False
        self._losing: QMessageBox | None = None  # asks whether to lose what cannot be saved
        self._lose = False  # the answer
        self.setWindowTitle(_("Generative Playground"))
        self.setAcceptDrops(True)
        self.pump = Pump(self)
        self.strip = Strip(self.pump)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(_("Families"))
        for index, family in enumerate(families):
            self.tabs.addTab(Welcome(family), _(family.title))
            self.tabs.setTabToolTip(index, f"{_(family.summary)} (Alt+{index + 1})")
        self.tabs.currentChanged.connect(lambda _index: self._build_current())
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.strip)
        self.setCentralWidget(central)
        self.lesson = LessonDock(language, self)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.lesson)
        self.lesson.hide()
        self.lesson.visibilityChanged.connect(lambda _visible: self._make_room())
        self.lesson.topLevelChanged.connect(lambda _floating: self._make_room())
        self._make_menus(language)
        for number in range(1, 9):
            key = QShortcut(QKeySequence(f"Alt+{number}"), self)
            key.activated.connect(partial(self._go_to, number - 1))
        self.loader = Loader(families, runs, self)
        self.loader.ready.connect(self._ready, Qt.ConnectionType.QueuedConnection)
        self.loader.failed.connect(self._failed, Qt.ConnectionType.QueuedConnection)
        self.strip.say(_("Loading the engine…"))
        self.resize(QSize(1280, 800).boundedTo(self.screen().availableSize()))
        geometry = settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    # --- menus

    def _make_menus(self, language: str) -> None:
        bar = self.menuBar()
        file = bar.addMenu(_("&File"))
        self.open_entry = self._action(
            file, _("Open own file…"), "Ctrl+O", lambda page: page.ask_for_file()
        )
        self.draw_entry = self._action(
            file, _("Draw points…"), "", lambda page: page.setup.data.ask_for_points()
        )
        self.export_menu = file.addMenu(_("Export"))
        self.export_menu.aboutToShow.connect(self._fill_export_menu)
        file.aboutToShow.connect(self._name_entries)
        self._plain(file, _("Runs folder"), "", self._open_runs_folder)
        file.addSeparator()
        self._plain(file, _("Quit"), "Ctrl+Q", self.close)
        model = bar.addMenu(_("&Model"))
        self._action(model, _("Train"), "Ctrl+Return", lambda page: page.train(), "Ctrl+Enter")
        self._action(model, _("Pause or continue"), "P", lambda page: page.pause())
        self._action(model, _("One step"), "S", lambda page: page.more(1))
        self._action(model, _("Reset"), "Ctrl+R", lambda page: page.reset())
        model.addSeparator()
        self._action(model, _("Generate"), "Ctrl+G", self._generate)
        self._action(model, _("Stop what runs here"), "Esc", lambda page: page.stop())
        view = bar.addMenu(_("&View"))
        names = (_("As the system"), _("Light"), _("Dark"))
        self._choices(view, _("Theme"), THEMES, names, theme().choice, self._use_theme)
        known = (i18n.SYSTEM, *i18n.languages())
        named = (_("As the system"), *(native_name(each) for each in known[1:]))
        chosen = str(self.settings.value("language") or i18n.SYSTEM)
        self._choices(view, _("Language"), known, named, chosen, self._use_language)
        help_ = bar.addMenu(_("&Help"))
        self._plain(help_, _("Lesson"), "F1", self._toggle_lesson)
        self._plain(help_, _("Show log file"), "", self._show_log)
        self._plain(help_, _("About"), "", self._about)

    def _plain(self, menu: QMenu, title: str, key: str, run: Callable[[], object]) -> QAction:
        action = menu.addAction(title)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _checked=False: run())
        return action

    def _action(
        self,
        menu: QMenu,
        title: str,
        key: str,
        run: Callable[["ModelPage"], object],
        other: str = "",
    ) -> QAction:
        """An entry that does something to the page that is seen."""

        def on_page() -> None:
            if (page := self.page) is not None:
                run(page)
            elif self.playground is None:
                self.strip.say(_("One moment: the models are being loaded."))

        action = self._plain(menu, title, key, on_page)
        if other:
            action.setShortcuts([QKeySequence(key), QKeySequence(other)])
        return action

    def _generate(self, page: "ModelPage") -> None:
        """Draw a sample where it can be seen."""
        if page.session.learner is None:
            self.strip.say(_("There is no model yet: press Train first."))
            return
        if page.sampling.isHidden():
            self.lesson.hide()
        page.generate()

    def _name_entries(self) -> None:
        """The entries for files say what the page that is seen takes."""
        page = self.page
        kind = page.session.model.accepts if page is not None else ""
        self.open_entry.setText(open_title(kind))
        self.draw_entry.setVisible(kind == "points")

    def _fill_export_menu(self) -> None:
        if (page := self.page) is not None:
            page.sampling.exporter.fill(self.export_menu)

    def _choices(
        self,
        menu: QMenu,
        title: str,
        values: Sequence[str],
        names: Sequence[str],
        chosen: str,
        take: Callable[[str], None],
    ) -> None:
        inner = menu.addMenu(title)
        group = QActionGroup(inner)
        for value, name in zip(values, names, strict=True):
            action = inner.addAction(name)
            action.setCheckable(True)
            action.setChecked(value == chosen)
            action.triggered.connect(lambda _checked=False, value=value: take(value))
            group.addAction(action)

    def _use_theme(self, choice: str) -> None:
        self.settings.setValue("theme", choice)
        theme().use(choice)  # type: ignore[arg-type]

    def _use_language(self, language: str) -> None:
        self.settings.setValue("language", language)
        self.strip.say(_("The language changes when the program is next started."))

    def _open_runs_folder(self) -> None:
        if self.playground is not None:
            from app.export import open_folder  # by now loaded, behind the first paint

            folder = self.playground.store.folder
            # Once there are runs in it, it may be on a drive that was removed: not made anew.
            if all(each.run is None for each in self.playground.sessions):
                with contextlib.suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
            open_folder(folder, self.strip)

    def _toggle_lesson(self) -> None:
        if self.lesson.isVisible():
            self.lesson.hide()
        else:
            self.lesson.open(self.families[self.tabs.currentIndex()].lesson)

    def _show_log(self) -> None:
        """Open its folder in the desktop's own program for that."""
        path = self.log_file.path if self.log_file is not None else None
        if path is None:
            problem = self.log_file.problem if self.log_file is not None else ""
            self.strip.say(problem or _("No log is written."), grave=bool(problem))
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))):
            words = _("Nothing here can show a folder. The log is {path}")
            self.strip.say(words.format(path=path), grave=True)

    def _about(self) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(_("About"))
        box.setText(_("Generative Playground"))
        box.setInformativeText(
            _(
                "Train small generative models on this machine, watch them learn, and play with "
                "what they learned. Nothing is sent anywhere."
            )
        )
        box.open()

    # --- the engine

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The first time: now that there is something to see, load the engine."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self._after_first_paint)

    def _after_first_paint(self) -> None:
        self._trace("first_paint")
        self.loader.start()
        if self.log_file is not None and (problem := self.log_file.open()):
            self.strip.say(problem, grave=True)

    def _ready(self, playground: "Playground") -> None:
        if self._closing:
            playground.close(0.0)
            return
        self.playground = playground
        self._build_current()
        self.strip.say(_("Ready. Press Train."))
        QTimer.singleShot(0, self, lambda: self._trace("ready"))

    def _failed(self, error: Exception) -> None:
        words = _("The engine cannot be loaded: {error}").format(error=error)
        self.strip.say(words, grave=True)
        for index in range(self.tabs.count()):
            widget = self.tabs.widget(index)
            if isinstance(widget, Welcome):
                widget.fail(words)

    def _build_current(self) -> None:
        """Put the contents into the tab that is seen, if they are not there yet."""
        index = self.tabs.currentIndex()
        welcome = self.tabs.widget(index)
        if self.playground is not None and isinstance(welcome, Welcome):
            from app.tab import FamilyTab  # by now loaded, behind the first paint

            family = self.families[index]
            tab = FamilyTab(family, self.playground, self.strip, self.settings)
            tab.lesson.connect(self.lesson.open)
            tab.currentChanged.connect(lambda _index: self._show_page())
            self.tabs.blockSignals(True)
            self.tabs.removeTab(index)
            self.tabs.insertTab(index, tab, _(family.title))
            self.tabs.setTabToolTip(index, f"{_(family.summary)} (Alt+{index + 1})")
            self.tabs.setCurrentIndex(index)
            self.tabs.blockSignals(False)
            welcome.deleteLater()
        if self.lesson.isVisible():
            self.lesson.open(self.families[index].lesson)
        self._show_page()

    def _show_page(self) -> None:
        """Another page is seen."""
        self._name_entries()
        self._make_room()

    def _make_room(self) -> None:
        """Where the window is narrow, the lesson stands in place of the sampling column."""
        if (page := self.page) is not None:
            beside = not (self.lesson.isHidden() or self.lesson.isFloating())
            page.sampling.setVisible(not beside or self.width() >= ROOMY)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width has room for another number of columns."""
        super().resizeEvent(event)
        self._make_room()

    @property
    def tab(self) -> "FamilyTab | None":
        """The tab that is seen, once it is built."""
        widget = self.tabs.currentWidget()
        return None if isinstance(widget, Welcome) else widget  # type: ignore[return-value]

    @property
    def page(self) -> "ModelPage | None":
        """The page that is seen, once it is built."""
        tab = self.tab
        return None if tab is None else tab.page

    def _go_to(self, index: int) -> None:
        if index < self.tabs.count():
            self.tabs.setCurrentIndex(index)

    # --- files, and the end

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """From now on there is a native window, which hears of files before any widget does."""
        super().showEvent(event)
        self.windowHandle().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """A file may be dropped anywhere, also on texts and plots that take drops themselves."""
        if event.type() in DRAGS and isinstance(event, QDropEvent):
            paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
            below = self.childAt(event.position().toPoint())
            found_in = getattr(below, "found_in", None)
            if found_in is not None and found_in(event.mimeData()):
                return False  # a field for just such a file, which then gets it
            if paths:
                event.acceptProposedAction()
                if event.type() == QEvent.Type.Drop:
                    self._take(paths)
                return True
        return super().eventFilter(watched, event)

    def _take(self, paths: Sequence[str]) -> None:
        """The first of them that the page can use becomes its data, or the picture it looks at."""
        if (page := self.page) is None:
            self.strip.say(_("The engine is still loading: drop the file again in a moment."))
            return
        from engine.data import catalogue  # by now the engine is there

        accepts = page.session.model.accepts
        dropped = choose(paths, accepts, [catalogue.kind_of(path) for path in paths])
        if dropped.problem:
            self.strip.say(dropped.problem, grave=True)
        elif dropped.kind == PICTURE and accepts == "images":
            if not page.use_picture(dropped.path):
                self.strip.say(
                    _("This model looks at no picture. To learn from pictures, drop their folder.")
                )
        elif dropped.kind in (accepts, ""):
            page.open_file(dropped.path)
        else:
            self._send_elsewhere(dropped.path, dropped.kind)

    def _send_elsewhere(self, path: str, kind: str) -> None:
        """The page cannot use what was dropped: say who can, and offer to go there."""
        name, what = Path(path).name, _(OWN[kind].name)
        wanted = "images" if kind == PICTURE else kind
        takers = [
            (index, family, model)
            for index, family in enumerate(self.families)
            for model in family.models
            if model.accepts == wanted
        ]
        here = self.tabs.currentIndex()
        takers.sort(key=lambda taker: taker[0] != here)
        if not takers:
            words = _("{name} is {what}, which no model here learns from.")
            self.strip.say(words.format(name=name, what=what), grave=True)
            return
        first, _family, model = takers[0]
        if first == here:
            words = _("{name} is {what}. It can be used with the model {where}.")
            where = _(model.title)
        else:
            titles = dict.fromkeys(_(family.title) for _index, family, _model in takers)
            words = ngettext(
                "{name} is {what}. It can be used in the tab {where}.",
                "{name} is {what}. It can be used in the tabs {where}.",
                len(titles),
            )
            where = ", ".join(titles)
        self.strip.say(
            words.format(name=name, what=what, where=where),
            action=Action(_("Open it there"), lambda: self._open_with(first, model.key, path)),
        )

    def _open_with(self, index: int, model: str, path: str) -> None:
        self.tabs.setCurrentIndex(index)
        if (tab := self.tab) is not None:
            tab.choose(model)
            self._take([path])

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Stop, save and close; with a question only where something cannot be saved."""
        if not self._closing and self._would_lose():
            event.ignore()
            return
        super().closeEvent(event)
        if self._closing:
            return
        self._closing = True
        self.settings.setValue("geometry", self.saveGeometry())
        for index in range(self.tabs.count()):
            widget = self.tabs.widget(index)
            if not isinstance(widget, Welcome):
                widget.shut()  # type: ignore[union-attr]
        self.settings.sync()
        self.pump.stop()
        for box in self.findChildren(FaultBox):
            box.close()
        self.hide()
        if self.playground is not None and not self.playground.close(CLOSE_SECONDS):
            log.error("not everything was saved within %.1f s of closing", CLOSE_SECONDS)

    def _would_lose(self) -> bool:
        """Whether to stay open, since a training cannot be saved; then that is asked."""
        if self.playground is None or self._lose or self._losing is not None:  # asked once more
            return False
        unsaved = [each for each in self.playground.sessions if each.unsaved]
        jobs = [each.save() for each in unsaved if each.status != "training"]
        for job in jobs:  # there may be room by now
            job.wait(CLOSE_SECONDS)
        unsaved = [each for each in unsaved if each.unsaved]
        if not unsaved:
            return False
        titles = ", ".join(_(each.model.title) for each in unsaved)
        box = self._losing = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(_("Not saved"))
        box.setText(_("What was trained last cannot be saved: {titles}").format(titles=titles))
        box.setInformativeText(
            _(
                "Nothing can be written to {folder}. Free some space, plug the drive in or allow "
                "writing there, then close again; or close now and lose the newest steps."
            ).format(folder=self.playground.store.folder)
        )
        stay = box.addButton(_("Stay"), QMessageBox.ButtonRole.RejectRole)
        leave = box.addButton(_("Close and lose them"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        leave.clicked.connect(self._close_and_lose)
        box.finished.connect(lambda _result: setattr(self, "_losing", None))  # also by its cross
        box.open()
        return True

    def _close_and_lose(self) -> None:
        self._lose = True
        QTimer.singleShot(0, self, self.close)


def native_name(language: str) -> str:
    """A language in its own words: "zh_CN" is "简体中文"."""
    from PySide6.QtCore import QLocale

    name = QLocale(language).nativeLanguageName()
    return name[:1].upper() + name[1:] if language != i18n.ENGLISH else "English"


def speak(application: QApplication, language: str) -> QTranslator | None:
    """Have Qt's own dialogs and menus speak `language`. The translator, if there is one."""
    translator = QTranslator(application)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if not translator.load(f"qtbase_{language}", folder):
        return None
    application.installTranslator(translator)
    return translator


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line of the window."""
    parser = argparse.ArgumentParser(prog="main.py", description="The Generative Playground")
    parser.add_argument("--runs-dir", type=Path, help="where trained models are kept")
    parser.add_argument("--language", help="for example en or zh_CN; default: as the system")
    parser.add_argument("--theme", choices=THEMES)
    parser.add_argument("--trace-start", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def trace(event: str) -> None:
    """Write how long after the start of the process something happened, as a JSON line."""
    line = {"event": event, "ms": round(1000 * (time.time() - BEGUN), 1)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str]) -> int:
    """Open the window and stay until it is closed. Returns the exit status.

    The engine may still be loading, or saving: end the process with `main.end`, which
    waits for no thread.
    """
    options = parse(argv[1:])
    log_file = LogFile()
    log_file.install()
    faults = Faults(log_file.fault)
    faults.install()
    application = QApplication.instance() or QApplication([argv[0]])
    assert isinstance(application, QApplication)
    application.setApplicationName("Generative Playground")
    application.setOrganizationName("GenerativePlayground")
    settings = QSettings("GenerativePlayground", "GenerativePlayground")
    wanted = options.language or settings.value("language") or i18n.SYSTEM
    language = i18n.use(str(wanted))
    speak(application, language)
    choice = options.theme or settings.value("theme")
    theme().use(choice if choice in THEMES else "system")
    window = MainWindow(
        settings,
        runs=options.runs_dir,
        language=language,
        log_file=log_file,
        trace=trace if options.trace_start else lambda event: None,
    )
    Teller(faults, log_file, window.strip, window)
    interrupts = Interrupts()
    interrupts.asked.connect(window.close)
    interrupts.install()
    collector = Collector()
    window.loader.ready.connect(collector.settle, Qt.ConnectionType.QueuedConnection)
    window.show()
    status = application.exec()
    collector.close()
    interrupts.remove()
    faults.remove()
    log_file.remove()
    theme().remove_files()
    return status

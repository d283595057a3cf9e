"""Pictures of every tab, after a short real training of each model.

    python -m tests.screenshots OUT [--seconds 15] [--language zh_CN] [--model lstm]

File names say what is shown: ``1280x800-light-transformer-attention.png``. Without a
screen it starts one of its own (Xvfb).
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.payloads import Tokens

if TYPE_CHECKING:
    from app.page import ModelPage
    from app.window import MainWindow

SIZES = ((1280, 800), (1920, 1080))
THEMES = ("light", "dark")
PATIENCE = 120.0
TUNE = (
    "X:1\nT:The first bars of a reel\nM:4/4\nL:1/8\nK:D\nd2fd Adfd|e2ge Bege|d2fd Adfa|gfed B2AB|"
)


@contextlib.contextmanager
def some_screen() -> Iterator[None]:
    """The one that there is, or one of our own."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform != "linux":
        yield
        return
    from tests.journey.screen import Screen

    with tempfile.TemporaryDirectory() as folder:
        screen = Screen(Path(folder), 1940, 1120)
        os.environ["DISPLAY"] = screen.display
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        try:
            yield
        finally:
            screen.close()


class Photographer:
    """Works the window from inside, and saves what it shows."""

    def __init__(
        self, window: "MainWindow", folder: Path, seconds: float, short: bool = False
    ) -> None:
        self.window = window
        self.folder = folder
        self.seconds = seconds
        self.short = short

    def until(self, so: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Let the window live until something is so."""
        from PySide6.QtCore import QEventLoop
        from PySide6.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while not so():
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.002)

    def live(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "the time is over", seconds + PATIENCE)

    @property
    def page(self) -> "ModelPage":
        """The page that is seen."""
        page = self.window.page
        assert page is not None
        return page

    def at_rest(self) -> None:
        """Until nothing is drawn any more."""
        page = self.page
        self.until(
            lambda: page.pictures._job is None and not page.pictures._settled.isActive(),
            "the picture is drawn",
        )
        if page.session.status != "training":
            self.until(lambda: not self.window.pump.busy, "all is drawn")
        self.live(0.3)

    def shoot(self, what: str) -> None:
        """One picture of the window as it is."""
        size, theme_ = f"{self.window.width()}x{self.window.height()}", self.theme
        path = self.folder / f"{size}-{theme_}-{what}.png"
        assert self.window.grab().save(str(path)), f"{path} could not be written"
        print(path, flush=True)

    @property
    def theme(self) -> str:
        """ "light" or "dark"."""
        from app.theme import theme

        return "dark" if theme().palette.dark else "light"

    def dress(self, name: str, size: tuple[int, int]) -> None:
        """Another theme and another size."""
        from app.theme import theme

        if self.theme != name:
            theme().use(name)  # type: ignore[arg-type]
        if (self.window.width(), self.window.height()) != size:
            self.window.resize(*size)
            self.live(0.3)

    def everywhere(self, what: str, act: Callable[[], None] = lambda: None) -> None:
        """In both themes and both sizes; `act` is done before each."""
        for name in THEMES[: 1 if self.short else 2]:
            for size in SIZES[: 1 if self.short else 2]:
                self.dress(name, size)
                act()
                self.at_rest()
                self.shoot(what)
        self.dress(THEMES[0], SIZES[0])

    # --- what is shown

    def start(self) -> None:
        """First paint, and then ready."""
        self.until(lambda: self.window._painted, "first paint")
        self.live(0.2)
        self.shoot("start")
        self.until(lambda: self.window.page is not None, "the engine is there")
        self.loaded()
        self.until(lambda: self.page.setup.estimate.text(), "the estimate is there")
        self.everywhere("ready")

    def loaded(self) -> None:
        """Until the page has its data."""
        page = self.page
        self.until(lambda: page.setup.data.data is not None, "the data is loaded")

    def family(self, index: int, models: Sequence[str]) -> None:
        """All models of a tab."""
        self.window.tabs.setCurrentIndex(index)
        tab = self.window.tab
        assert tab is not None
        for model in tab.family.models:
            if models and model.key not in models:
                continue
            tab.choose(model.key)
            self.loaded()
            self.model(model.key)

    def model(self, key: str) -> None:
        """Train it, then every view of it."""
        page = self.page
        page.train()
        self.until(lambda: page.session.step > 2, "it trains")
        self.until(lambda: page.session.seconds > self.seconds, "it is trained", 20 * PATIENCE)
        self.shoot(f"{key}-training")
        page.session.pause()
        self.until(lambda: page.session.status == "paused", "it is paused")
        page.generate()
        self.until(lambda: page.sampling._job is None, "the sample is whole")
        for place, view in enumerate(page.session.model.views):
            page.pictures.tabs.setCurrentIndex(place)
            card = page.pictures.current
            assert card is not None
            if view.key == "listen":
                self.everywhere(f"{key}-listen-nothing", card.asked.emit)
                abc: Any = card.form.rows["abc"].field
                abc.setPlainText(TUNE)
            if card.on_demand:
                card.asked.emit()
                self.until(partial(self.answered, card), view.key)
                self.until(lambda: page.pictures._job is None, view.key)
            self.everywhere(f"{key}-{view.key}")
        page.pictures.tabs.setCurrentIndex(0)
        self.at_rest()
        self.back_in_time(key)
        if isinstance(page.sampling.result.payload, Tokens):
            self.chips(key)
        self.left_column(key)
        self.window._toggle_lesson()
        self.everywhere(f"{key}-lesson")
        self.window._toggle_lesson()

    @staticmethod
    def answered(card: Any) -> bool:
        """Whether a view shows something, or why not."""
        return card.holder.payload is not None or bool(card.problem.isVisible())

    def back_in_time(self, key: str) -> None:
        """The first view as it was early on."""
        slider = self.page.pictures.slider
        slider.setValue(slider.maximum() // 3)
        self.live(0.5)
        self.at_rest()
        self.shoot(f"{key}-back-in-time")
        slider.setValue(slider.maximum())
        self.live(0.5)

    def chips(self, key: str) -> None:
        """The list of a token, and step by step."""
        sampling = self.page.sampling
        canvas: Any = sampling.result.currentWidget().canvas  # type: ignore[union-attr]
        place = canvas.tokens.kept + 12
        self.everywhere(f"{key}-popup", lambda: canvas.select(place, pin=True))
        canvas.popup.close_list()
        if not sampling.stepwise:
            return
        sampling.by_step.click()
        for _each in range(8):
            self.until(lambda: sampling._job is None, "the next token")
            sampling.next_token()
        self.until(lambda: sampling._job is None, "the next token")
        self.everywhere(f"{key}-step-by-step")
        sampling.by_step.click()

    def left_column(self, key: str) -> None:
        """All settings, and the list of runs."""
        page = self.page
        for form in (page.setup.net, page.setup.train):
            form.more.setChecked(True)
        self.live(0.2)
        bar = page.setup.verticalScrollBar()
        for part in ("settings", "more-settings"):
            bar.setValue(bar.maximum() if part == "more-settings" else bar.maximum() // 2)
            self.at_rest()
            self.shoot(f"{key}-{part}")
        bar.setValue(0)
        page.left.setCurrentIndex(1)
        self.everywhere(f"{key}-runs")
        page.left.setCurrentIndex(0)

    def readme(self) -> None:
        """The Transformer's attention after a minute."""
        from engine.families import FAMILIES

        index = [each.key for each in FAMILIES].index("transformer")
        self.window.tabs.setCurrentIndex(index)
        self.loaded()
        page = self.page
        self.until(lambda: page.setup.estimate.text(), "the estimate is there")
        card = page.pictures.current
        assert card is not None
        read: Any = card.form.rows["text"].field
        read.setPlainText("a function returns the value of its object")
        prompt: Any = page.sampling.form.rows["prompt"].field
        prompt.setPlainText("The function ")
        page.train()
        self.until(lambda: page.session.seconds > self.seconds, "it is trained", 20 * PATIENCE)
        page.generate()
        self.until(lambda: page.sampling._job is None, "the sample is whole")
        self.live(0.5)
        chips: Any = page.sampling.result.currentWidget()
        chips.canvas.verticalScrollBar().setValue(0)
        self.live(1.0)
        self.shoot("window")


def main(arguments: Sequence[str]) -> int:
    """Take all pictures; the exit status."""
    parser = argparse.ArgumentParser(prog="tests.screenshots", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to put them into")
    parser.add_argument("--seconds", type=float, default=15.0, help="of training for each model")
    parser.add_argument("--language", default="en", help="for example zh_CN")
    parser.add_argument("--model", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--short", action="store_true", help="light and small only")
    parser.add_argument("--readme", action="store_true", help="only the picture for the README")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with some_screen(), tempfile.TemporaryDirectory() as own:
        work(options, Path(own))
    return 0


def work(options: argparse.Namespace, own: Path) -> None:
    """With a screen, and a folder for runs and settings."""
    from PySide6.QtCore import QSettings
    from PySide6.QtGui import QCursor, QGuiApplication
    from PySide6.QtWidgets import QApplication

    from app import i18n
    from app.theme import theme
    from app.window import MainWindow

    application = QApplication([sys.argv[0]])
    language = i18n.use(options.language)
    theme().use("light")
    settings = QSettings(str(own / "settings.ini"), QSettings.Format.IniFormat)
    window = MainWindow(settings, runs=own / "runs", language=language)
    window.show()
    QCursor.setPos(QGuiApplication.primaryScreen().geometry().bottomRight())  # over no button
    photographer = Photographer(window, options.out, options.seconds, options.short)
    try:
        if options.readme:
            photographer.until(lambda: window.page is not None, "the engine is there")
            photographer.readme()
        else:
            photographer.start()
            for index in range(window.tabs.count()):
                photographer.family(index, options.model)
    finally:
        window.close()
        if window.loader.thread_ is not None:
            window.loader.thread_.join(PATIENCE)
        application.processEvents()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

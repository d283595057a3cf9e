"""A family's tab: one page for each of its models, made when first chosen."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.jobs import Strip
from app.own import Folders
from app.page import ModelPage
from engine.family import Family
from engine.store import Run

if TYPE_CHECKING:
    from engine.session import Playground


class FamilyTab(QStackedWidget):
    """The models of `family`, one at a time; each keeps what it has while another is seen.

    lesson: (name of the lesson, key of the view) that somebody wants to read.
    """

    lesson = Signal(str, str)

    def __init__(
        self,
        family: Family,
        playground: "Playground",
        strip: Strip,
        settings: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.settings = settings
        self.family = family
        self.playground = playground
        self.strip = strip
        self.pages: dict[str, ModelPage] = {}
        self.choose(family.models[0].key)

    @property
    def page(self) -> ModelPage:
        """The page that is seen."""
        page = self.currentWidget()
        assert isinstance(page, ModelPage)
        return page

    def choose(self, key: str) -> ModelPage:
        """Show the page of the model with this key."""
        if key not in self.pages:
            self.pages[key] = self._made(key)
        self.setCurrentWidget(self.pages[key])
        return self.pages[key]

    def open_run(self, run: Run) -> None:
        """Open a saved run on the page of its model."""
        self.choose(run.model).restore(run)

    def shut(self) -> None:
        """The window closes: remember how wide everything is, and ask for nothing more."""
        for name, splitter in self.page.splitters.items():
            self.settings.setValue(f"splitters/{name}", splitter.saveState())
        for page in self.pages.values():
            page.shut()

    def _made(self, key: str) -> ModelPage:
        from engine.data import catalogue  # by now the engine is there

        model = next(each for each in self.family.models if each.key == key)
        data_sets = [each for each in catalogue.DATA if each.kind == model.accepts]
        page = ModelPage(self.family, self.playground.open(model), data_sets, self.strip)
        page.lesson.connect(lambda view: self.lesson.emit(self.family.lesson, view))
        page.model_wanted.connect(self.choose)
        page.run_wanted.connect(self.open_run)
        page.sampling.tile_chosen.connect(lambda index: look_at(page, index))
        for keeper in (page.setup.data, page.sampling.exporter):
            keeper.folders = Folders(self.settings)
        for name, splitter in page.splitters.items():
            state = self.settings.value(f"splitters/{name}")
            if isinstance(state, QByteArray):
                splitter.restoreState(state)
        self.addWidget(page)
        return page


def look_at(page: ModelPage, index: int) -> None:
    """Have the view of the nearest examples, if there is one, look at this sample (from 0)."""
    card = page.pictures.cards.get("nearest")
    if card is None or "sample" not in card.form.rows:
        return
    if page.pictures.current is card:
        card.turn({"sample": index + 1})
    else:
        card.form.show_values({"sample": index + 1})

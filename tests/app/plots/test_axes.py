"""Which labels stand at an axis."""

import math
from itertools import pairwise

import pyqtgraph as pg
import pytest
from pytestqt.qtbot import QtBot

from app.plots.axes import Axis, LabelAxis, colour_axis, mantissas_that_fit, plain


def test_labels_stand_at_every_cell_or_every_nth(qtbot: QtBot) -> None:
    axis = LabelAxis("bottom")
    axis.set_labels(tuple("abcdefghij"), 10)
    ((step, places),) = axis.tickValues(0, 10, 400)
    assert step == 1
    assert axis.tickStrings(places, 1, 1) == list("abcdefghij")
    ((step, places),) = axis.tickValues(0, 10, 60)
    assert axis.tickStrings(places, 1, step) == list("abcdefghij")
    ((step, places),) = axis.tickValues(0, 10, 30)
    assert axis.tickStrings(places, 1, step) == ["a", "c", "e", "g", "i"]
    ((_step, places),) = axis.tickValues(10, 0, 30)
    assert places == [0.5, 2.5, 4.5, 6.5, 8.5]
    axis.set_labels((" ", "\n"), 2)
    assert axis.tickStrings([0.5, 1.5], 1, 1) == ["␣", "↵"]


def test_a_decade_names_as_many_numbers_as_fit() -> None:
    assert mantissas_that_fit(10, 50) == (1,)
    for decade in (60, 110, 200, 2000):
        chosen = mantissas_that_fit(decade, 50)
        places = [decade * math.log10(each) for each in (*chosen, 10)]
        assert all(b - a >= 50 for a, b in pairwise(places))
    assert mantissas_that_fit(2000, 50) == tuple(range(1, 10))


@pytest.mark.parametrize("span", [0.3, 1.0, 3.0, 9.0, 40.0])
@pytest.mark.parametrize("length", [150.0, 400.0, 1200.0])
def test_numbers_on_a_logarithmic_axis_leave_each_other_free(
    qtbot: QtBot, span: float, length: float
) -> None:
    axis = Axis("bottom")
    (step, named), (rest, _others) = axis.logTickValues(-0.4, span - 0.4, length, [])
    places = [each * length / span for each in named]
    assert all(b - a >= 54 for a, b in pairwise(places))
    words = axis.logTickStrings(named, 1.0, step)
    assert all(words)
    assert len(set(words)) == len(words)
    assert axis.logTickStrings([0.0, 1.0], 1.0, rest) == ["", ""]


def test_numbers_are_plain_where_these_are_short() -> None:
    assert [plain(each) for each in (1e-4, 0.02, 1.0, 9.99999999, 1e5)] == [
        "0.0001",
        "0.02",
        "1",
        "10",
        "100,000",
    ]
    assert Axis("left").logTickStrings([-7.0, 3.0], 1.0, 1.0) == ["10⁻⁷", "1,000"]


def test_a_title_is_no_longer_than_its_axis(qtbot: QtBot) -> None:
    view = pg.GraphicsLayoutWidget()
    qtbot.addWidget(view)
    plot = view.addPlot(axisItems={"left": Axis("left")})
    axis = plot.getAxis("left")
    plot.setLabel("left", "difference to the nearest of the training pictures")
    view.show()
    for height, whole in ((120, False), (600, True), (120, False)):
        view.resize(300, height)
        qtbot.waitUntil(lambda: abs(axis.size().height() - view.height()) < 60)
        assert ("training pictures" in axis.label.toPlainText()) == whole
        assert ("…" in axis.label.toPlainText()) != whole
        assert axis.label.boundingRect().width() <= axis.size().height()
    assert axis.labelText == "difference to the nearest of the training pictures"


def test_colours_show_no_title_that_was_hidden(qtbot: QtBot) -> None:
    axis = Axis("bottom")
    axis.setLabel("step")
    assert axis.label.isVisible()
    axis.set_roomy(False)
    colour_axis(axis)
    assert not axis.label.isVisible()
    axis.set_roomy(True)
    assert axis.label.isVisible()
    axis.showLabel(False)
    colour_axis(axis)
    assert not axis.label.isVisible()

"""Which labels stand at an axis."""

from pytestqt.qtbot import QtBot

from app.plots.axes import LabelAxis


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

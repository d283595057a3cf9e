"""Tables: sorted, set off, marked, copied, and never wider than there is room."""

import math
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots.table import (
    MOST_LINES,
    PAD,
    TableWidget,
    best_rows,
    broken,
    fitted,
    order_of,
    plain_cell,
    utf16,
)
from app.theme import blend, theme
from engine.payloads import Cell, Table
from tests.app.plots.screen import colour_at, move, rgb, shown


def number(value: float) -> Cell:
    return Cell(f"{value:.1f}", value=value)


SCORES = Table(
    ("Way", "Exact match, %", "ms, alone"),
    (
        (Cell("One by one"), number(99.0), number(9.0)),
        (Cell("At once"), number(100.0), number(10.0)),
        (Cell("4 rounds"), Cell("–", value=math.nan), number(8.5)),
    ),
    title="Scores",
    tips=("Who", "How often", ""),
    best=("", "high", "low"),
    caption="256 sources",
)


def widget_of(qtbot: QtBot, table: Table = SCORES, width: int = 640, height: int = 300) -> Any:
    widget: Any = shown(qtbot, TableWidget(), width, height)
    widget.show_payload(table)
    QApplication.processEvents()
    return widget


def column(widget: Any, number: int) -> list[str]:
    model = widget.model
    return [model.text(model.index(row, number)) for row in range(model.rowCount())]


def click_title(widget: Any, number: int) -> None:
    header = widget.view.horizontalHeader()
    x = header.sectionViewportPosition(number) + 5
    QTest.mouseClick(
        header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, header.height() // 2)
    )


# --- order


def test_numbers_are_sorted_as_numbers_and_what_is_none_comes_last() -> None:
    assert order_of(SCORES, 2, descending=False) == [2, 0, 1]  # "10.0" is not before "8.5"
    assert order_of(SCORES, 2, descending=True) == [1, 0, 2]
    assert order_of(SCORES, 1, descending=False) == [0, 1, 2]
    assert order_of(SCORES, 1, descending=True) == [1, 0, 2]
    assert order_of(SCORES, 0, descending=False) == [2, 1, 0]
    assert order_of(SCORES, -1, descending=False) == [0, 1, 2]


def test_a_click_on_a_title_sorts_once_more_turns_it_round_and_again_undoes_it(
    qtbot: QtBot,
) -> None:
    widget = widget_of(qtbot)
    found = []
    for _ in range(3):
        click_title(widget, 2)
        found.append(column(widget, 0))
    assert found == [
        ["4 rounds", "One by one", "At once"],
        ["At once", "One by one", "4 rounds"],
        ["One by one", "At once", "4 rounds"],
    ]


def test_new_rows_are_sorted_as_those_before_and_other_columns_are_not(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    click_title(widget, 2)
    more = (*SCORES.rows, (Cell("2 rounds"), number(98.0), number(4.0)))
    widget.show_payload(Table(SCORES.columns, more))
    assert column(widget, 0)[0] == "2 rounds"
    widget.show_payload(Table(("Other",), ((Cell("b"),), (Cell("a"),))))
    assert column(widget, 0) == ["b", "a"]


def test_what_is_chosen_goes_along_when_it_is_sorted(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.view.selectRow(1)
    click_title(widget, 2)
    (chosen,) = widget.view.selectionModel().selectedRows()
    assert widget.model.text(chosen) == "At once"


# --- what is set off


def test_the_best_of_a_column_is_bold_and_ties_share() -> None:
    assert best_rows(SCORES, 1) == {1}
    assert best_rows(SCORES, 2) == {2}
    assert best_rows(SCORES, 0) == frozenset()
    tie = Table(("x",), ((number(1),), (number(1),), (number(2),)), best=("low",))
    assert best_rows(tie, 0) == {0, 1}


def test_what_differs_and_what_is_wrong_is_also_said(qtbot: QtBot) -> None:
    cells = (
        Cell("2023年5月", ((3, 5),), tone="bad"),
        Cell("right one", tone="good"),
        Cell("plain"),
    )
    widget = widget_of(qtbot, Table(("a", "b", "c"), (cells,)))
    said = [
        widget.model.data(widget.model.index(0, n), Qt.ItemDataRole.AccessibleTextRole)
        for n in range(3)
    ]
    assert said == ["2023年5月: wrong, differs: 3年", "right one: correct", "plain"]


def test_marks_are_counted_as_qt_counts(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    text = "a𠮷b"  # the middle one takes two places in UTF-16
    assert utf16(text) == 4
    (mark,) = widget.painter.marks(text, text, ((2, 3),))
    assert (mark.start, mark.length) == (3, 1)
    assert widget.painter.marks("ab…", "abcdef", ((4, 6),)) == []  # what is not shown


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_differs_is_seen(qtbot: QtBot, name: Any) -> None:
    before = theme().choice
    theme().use(name)
    try:
        pictures = []
        for marked in ((), ((0, 4),)):
            widget = widget_of(qtbot, Table(("a",), ((Cell("2023年", marked),),)))
            pictures.append(widget.view.viewport().grab().toImage())
        assert pictures[0] != pictures[1]
    finally:
        theme().use(before)


# --- widths


def test_the_widest_give_way_and_nobody_more_than_is_needed() -> None:
    assert fitted([100, 300, 400], [50, 50, 50], 500) == [100, 200, 200]
    assert fitted([100, 100], [50, 50], 500) == [100, 100]
    assert fitted([300, 300], [200, 50], 260) == [200, 60]
    assert fitted([300], [200], 100) == [200]  # then it is scrolled
    assert fitted([], [], 100) == []


@pytest.mark.parametrize("width", [360, 540, 900])
def test_columns_fill_the_room_and_numbers_are_whole(qtbot: QtBot, width: int) -> None:
    titles = ("Way", "Exact match, %", "chrF", "BLEU", "Character errors, %", "ms, alone")
    rows = tuple(
        (Cell(f"Mask-Predict: {n} rounds"), *(number(10.0 * n + c) for c in range(5)))
        for n in range(6)
    )
    widget = widget_of(qtbot, Table(titles, rows), width)
    widths = [widget.view.columnWidth(n) for n in range(6)]
    assert sum(widths) >= widget.view.viewport().width() - 6
    for n in range(1, 6):
        assert widths[n] >= widget.view.sizeHintForColumn(n)


def test_eight_columns_of_scores_leave_room_for_the_names(qtbot: QtBot) -> None:
    """As many as the scores have, in a window of 1280 by 800."""
    titles = (
        *("Way", "Exact match, %", "chrF", "BLEU", "Character errors, %"),
        *("ms, alone", "ms, of 32", "Passes"),
    )
    row = (Cell("Draft and verify"), *(number(100.0) for _ in range(7)))
    widget = widget_of(qtbot, Table(titles, (row,)), 540)
    assert widget.view.columnWidth(0) >= widget.view.sizeHintForColumn(0)


def test_a_width_that_a_person_chose_stays(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.view.setColumnWidth(0, 333)
    widget.show_payload(SCORES)
    assert widget.view.columnWidth(0) == 333


def test_of_a_long_text_the_beginning_is_shown_and_all_of_it_read(qtbot: QtBot) -> None:
    long = "a very long source " * 20
    widget = widget_of(qtbot, Table(("Source",), ((Cell(long),),)), 300)
    heard: list[str] = []
    widget.footer.read = heard.append
    widget._read(widget.model.index(0, 0))
    assert heard == [f"Source: {long}"]
    assert widget.view.columnWidth(0) <= 300


# --- reading and copying


def test_the_cell_under_the_mouse_is_read_and_the_caption_comes_back(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    heard: list[str] = []
    widget.footer.read = heard.append
    place = widget.view.visualRect(widget.model.index(1, 1)).center()
    move(widget.view.viewport(), place)
    assert heard[-1] == "Exact match, %: 100.0"


def test_titles_have_their_tips(qtbot: QtBot) -> None:
    model = widget_of(qtbot).model
    tips = [
        model.headerData(n, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        for n in range(4)
    ]
    assert tips == ["Who", "How often", "", None]


def test_all_or_the_chosen_rows_are_copied_as_lines_with_tabs(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    widget.copying.trigger()
    assert QGuiApplication.clipboard().text() == (
        "Way\tExact match, %\tms, alone\n"
        "One by one\t99.0\t9.0\nAt once\t100.0\t10.0\n4 rounds\t–\t8.5"
    )
    widget.view.selectRow(2)
    assert widget.copied().splitlines()[1:] == ["4 rounds\t–\t8.5"]
    assert plain_cell("a\tb\nc") == "a b c"


def test_an_empty_table_and_a_long_one(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, Table((), ()))
    assert widget.copied() == ""
    widget.show_payload(Table(("x",), ()))
    assert widget.copied() == "x"
    widget.show_payload(Table(("x",), tuple((Cell(str(n)),) for n in range(500))))
    QApplication.processEvents()
    bar = widget.view.verticalScrollBar()
    bar.setValue(bar.maximum())
    place = bar.value()
    assert place > 0
    widget.show_payload(Table(("x",), tuple((Cell(f"{n}!"),) for n in range(500))))
    assert bar.value() == place  # who reads at the end stays there


# --- long texts


LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def heights(widget: Any) -> list[int]:
    return [widget.view.rowHeight(row) for row in range(widget.model.rowCount())]


def shown_at(widget: Any, row: int, number: int) -> str:
    """As much of a text as its column shows."""
    index, font = widget.model.index(row, number), widget.view.font()
    room = widget.painter.room(widget.view.visualRect(index), index)
    return str(widget.painter.shown(font, index, room.width() + 1))


def test_what_is_wider_than_its_column_goes_on_in_the_next_line(qtbot: QtBot) -> None:
    rows = ((Cell("short"), Cell("a")), (Cell(LONG), Cell("b")), (Cell("北京" * 30), Cell("c")))
    widget = widget_of(qtbot, Table(("Source", "Output"), rows), 320)
    one, several, dense = heights(widget)
    assert one < several
    assert one < dense
    assert shown_at(widget, 1, 0) == LONG
    assert shown_at(widget, 2, 0) == "北京" * 30
    widget.resize(900, 300)
    QApplication.processEvents()
    assert heights(widget) == [one] * 3


def test_of_a_very_long_text_some_lines_are_shown_and_dots(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, Table(("Source",), ((Cell("𠮷" + LONG * 20),),)), 300)
    shown = shown_at(widget, 0, 0)
    assert shown.endswith("…")
    assert LONG.startswith(shown[1:-1]) or shown[1:-1].startswith(LONG)
    layout = broken(shown, widget.view.font(), widget.view.columnWidth(0) - 2 * PAD + 1)
    assert layout.lineCount() == MOST_LINES
    assert heights(widget)[0] >= layout.boundingRect().height()


def test_the_height_of_a_row_goes_along_when_it_is_sorted(qtbot: QtBot) -> None:
    rows = ((Cell("b" + LONG), number(1)), (Cell("a"), number(2)))
    widget = widget_of(qtbot, Table(("Source", "n"), rows), 320)
    tall, low = heights(widget)
    assert tall > low
    click_title(widget, 0)
    assert column(widget, 0)[0] == "a"
    assert heights(widget) == [low, tall]
    widget.show_payload(Table(("Source", "n"), ((Cell("a"), number(1)), (Cell("b"), number(2)))))
    assert heights(widget) == [low, low]


def test_a_column_that_is_dragged_narrower_has_more_lines(qtbot: QtBot) -> None:
    widget = widget_of(qtbot, Table(("a", "b"), ((Cell(LONG), Cell("x")),)), 900)
    (low,) = heights(widget)
    widget.view.setColumnWidth(0, 200)
    assert heights(widget)[0] > low


def test_a_number_stays_in_its_line(qtbot: QtBot) -> None:
    wide = Cell("1 000 000 000 000 000 000", value=1e18)
    widget = widget_of(qtbot, Table(("a", "b"), ((wide, Cell("x")),)), 640)
    (low,) = heights(widget)
    widget.view.setColumnWidth(0, 60)
    assert heights(widget) == [low]
    assert shown_at(widget, 0, 0).endswith("…")


def test_what_differs_is_marked_in_any_line(qtbot: QtBot) -> None:
    """The ground of a mark is seen below the first line."""
    start = LONG.index("thirteen")
    rows = tuple((Cell(LONG, marked),) for marked in ((), ((start, start + 8),)))
    widget = widget_of(qtbot, Table(("Source",), rows), 260)
    view = widget.view
    view.clearFocus()
    picture = view.viewport().grab().toImage()
    ground = blend(theme().palette.warning, theme().palette.panel, 0.3)
    found = []
    for row in range(2):
        place = view.visualRect(widget.model.index(row, 0))
        found.append(
            [
                y - place.top()
                for y in range(place.top(), place.bottom())
                for x in range(place.left(), place.right())
                if picture.pixelColor(x, y) == ground
            ]
        )
    plain, marked = found
    assert not plain
    assert min(marked) > view.fontMetrics().height()


def test_all_of_a_text_is_in_the_tip_where_a_part_is_shown(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tips: list[str] = []
    monkeypatch.setattr(
        "app.plots.table.QToolTip.showText", lambda _place, text, _view: tips.append(text)
    )
    rows = ((Cell("short"),), (Cell(LONG * 20),))
    widget = widget_of(qtbot, Table(("Source",), rows), 300)
    for row in range(2):
        place = widget.view.visualRect(widget.model.index(row, 0)).center()
        event = QHelpEvent(QEvent.Type.ToolTip, place, widget.view.mapToGlobal(place))
        QApplication.sendEvent(widget.view.viewport(), event)
    assert tips == ["", LONG * 20]


# --- how it looks


@pytest.mark.parametrize("name", ["light", "dark"])
def test_right_and_wrong_have_another_sign_and_colour(qtbot: QtBot, name: Any) -> None:
    theme().use(name)
    rows = ((Cell("x", tone="good"),), (Cell("x", tone="bad"),), (Cell("x"),))
    widget = widget_of(qtbot, Table(("a",), rows))
    view = widget.view
    picture = view.viewport().grab().toImage()
    palette = theme().palette
    found = []
    for row in range(3):
        place = view.visualRect(widget.model.index(row, 0))
        colours = {
            picture.pixelColor(place.left() + PAD + x, place.center().y() - 6 + y).name()
            for x in range(12)
            for y in range(12)
        }
        found.append((palette.good in colours, palette.warning in colours))
    assert found == [(True, False), (False, True), (False, False)]


def test_the_best_is_painted_bold(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    bold = [
        widget.model.font(widget.model.index(row, 2), widget.view.font()).bold() for row in range(3)
    ]
    assert bold == [False, False, True]
    click_title(widget, 2)  # it goes along when it is sorted
    assert widget.model.is_best(widget.model.index(0, 2))
    assert widget.model.data(widget.model.index(0, 2), Qt.ItemDataRole.AccessibleTextRole).endswith(
        ": best"
    )


def test_new_values_have_other_bests(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    rows = tuple(
        (*row[:2], number(value)) for row, value in zip(SCORES.rows, (1, 2, 3), strict=True)
    )
    widget.show_payload(Table(SCORES.columns, rows, best=SCORES.best))
    assert [widget.model.is_best(widget.model.index(row, 2)) for row in range(3)] == [
        True,
        False,
        False,
    ]


def test_another_theme_is_seen_at_once(qtbot: QtBot) -> None:
    widget = widget_of(qtbot)
    before = colour_at(widget.view.viewport(), 600, 200)
    theme().use("dark")
    after = colour_at(widget.view.viewport(), 600, 200)
    assert sum(after) < sum(before) - 300
    assert after == rgb(theme().palette.panel)

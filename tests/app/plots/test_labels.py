"""How labels read, and which fit."""

import pytest
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.plots.labels import (
    LEAST,
    Key,
    fitting,
    label_font,
    label_of,
    nice_step,
    plain,
    quoted,
    width_of,
)
from engine.phrases import N_


def test_nice_steps() -> None:
    assert [nice_step(x) for x in (0.3, 1, 1.5, 3, 5.1, 11, 21, 60, 150)] == [
        1, 1, 2, 5, 10, 20, 50, 100, 200,
    ]  # fmt: skip


def test_what_was_read_is_quoted_and_a_number_is_not() -> None:
    assert [quoted(("a", " the"), i) for i in range(3)] == ["'a'", "'␣the'", "2"]
    assert [label_of(("a", "speed"), i) for i in range(3)] == ["'a'", "speed", "2"]


def test_names_keep_their_spaces_and_tokens_show_theirs() -> None:
    assert [plain(each) for each in ("class 0", " the", "\n")] == ["class 0", "␣the", "↵"]
    assert plain(N_("class {number}", number=3)) == "class 3"


@pytest.mark.parametrize(
    ("widths", "cell", "chosen"),
    [
        ([6, 6, 6, 6], 6, [0, 1, 2, 3]),
        ([6, 6, 6, 6], 4, [0, 2]),
        ([6, 18, 6, 6], 8, [0, 2, 3]),
        ([], 8, []),
    ],
)
def test_labels_leave_each_other_free(widths: list[float], cell: float, chosen: list[int]) -> None:
    assert fitting(widths, cell) == chosen


def test_letters_are_as_large_as_their_cells_let_them_be(qapp: QApplication) -> None:
    sizes = [label_font(cell).pixelSize() for cell in (1.0, 6.1, 7.0, 100.0)]
    assert sizes[0] == LEAST
    assert sizes == sorted(sizes)
    for cell in (6.1, 7.0, 100.0):
        assert QFontMetricsF(label_font(cell)).horizontalAdvance("m") <= cell


def test_marks_take_a_letter_and_words_a_gap(qapp: QApplication) -> None:
    width = width_of(label_font(20))
    assert width("␣") == width("↵") == width("x")
    assert width("␣the") == 4 * width("x") + 4


def test_a_legend_goes_on_in_another_line(qtbot: QtBot) -> None:
    entries = [(name, QColor("red"), False) for name in ("what was heard", "what was expected")]
    for lines, count, high in ((1, 1, 1), (2, 2, 2)):
        key = Key(lines)
        qtbot.addWidget(key)
        key.show_entries(entries)
        key.resize(150, 60)
        key.show()
        assert len(key.places()) == count
        assert key.height() == high * key.line
        key.resize(500, key.height())
        assert len(key.places()) == 2
        assert key.height() == key.line

"""engine/payloads.py: plain data that cannot be changed, and one list of all there is."""

import copy
import dataclasses
import pickle
import subprocess
import sys
import typing
from typing import Any

import numpy as np
import pytest

from engine import payloads
from engine.payloads import PAYLOADS, Alternative, Cell, Line, Moment, Payload, Tokens

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)
PIXELS = np.zeros((1, 2, 2, 1), np.uint8)

# What each needs at least.
SMALLEST: dict[type[Any], dict[str, Any]] = {
    payloads.Text: {"text": "a"},
    payloads.Tokens: {
        "ids": (1,),
        "pieces": ("a",),
        "probabilities": (0.5,),
        "alternatives": ((),),
        "kept": 0,
    },
    payloads.Heatmap: {"values": NUMBERS},
    payloads.Heatmaps: {"panels": (payloads.Heatmap(NUMBERS),)},
    payloads.Curve: {"lines": (Line("a", NUMBERS[0], NUMBERS[1]),), "x_title": "", "y_title": ""},
    payloads.Bars: {"labels": ("a",), "values": (1.0,)},
    payloads.Sound: {"samples": NUMBERS[0], "rate": 8000},
    payloads.Images: {"pixels": PIXELS},
    payloads.Raster: {
        "tokens": np.zeros((1, 1, 1), np.int64),
        "palette": PIXELS[0].reshape(4, 1, 1),
        "probabilities": np.full((1, 4), 0.25, np.float32),
    },
    payloads.Sheet: {"pixels": PIXELS[0]},
    payloads.Table: {"columns": ("a",), "rows": ((Cell("b"),),)},
    payloads.Race: {"lanes": (payloads.Lane("a", (Moment(0.0, ("b",), (1.0,)),)),)},
    payloads.Plane: {"extent": (0.0, 1.0, 0.0, 1.0)},
    payloads.Panels: {"panels": (payloads.Text("a"),)},
    payloads.Film: {"frames": (payloads.Text("a"),), "names": ("t = 0",)},
}
PARTS: tuple[Any, ...] = (
    payloads.Line("a", NUMBERS[0], NUMBERS[1]),
    payloads.Lane("a", ()),
    payloads.Dots("a", NUMBERS[:, :2]),
    payloads.Handle("a", 0.0, 1.0, "x", "y"),
)

every_class = pytest.mark.parametrize("kind", PAYLOADS, ids=lambda kind: kind.__name__)


def same(one: Any, two: Any) -> bool:
    """Whether two payloads have the same class and content."""
    if dataclasses.is_dataclass(one):
        return type(one) is type(two) and all(
            same(getattr(one, each.name), getattr(two, each.name))
            for each in dataclasses.fields(one)
        )
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two)
    return bool(one == two)


# --- the list


def test_the_list_has_just_what_the_type_allows() -> None:
    assert typing.get_args(Payload) == PAYLOADS
    assert len(set(PAYLOADS)) == len(PAYLOADS)


def test_every_class_of_a_payload_is_in_the_list() -> None:
    """Whatever can be shown has a caption; what lacks one is a part of another."""
    classes = [
        each
        for each in vars(payloads).values()
        if isinstance(each, type) and dataclasses.is_dataclass(each)
    ]
    with_caption = {
        each for each in classes if "caption" in {field.name for field in dataclasses.fields(each)}
    }
    assert with_caption == set(PAYLOADS)
    assert {each for each in classes if each not in with_caption} == {type(p) for p in PARTS}


@every_class
def test_the_least_makes_one_without_a_caption(kind: type[Any]) -> None:
    made = kind(**SMALLEST[kind])
    assert isinstance(made, kind)
    assert made.caption == ""
    needed = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert needed == set(SMALLEST[kind])
    with pytest.raises(TypeError, match="missing"):
        kind(**dict(list(SMALLEST[kind].items())[1:]))


@every_class
def test_the_declared_types_can_be_read(kind: type[Any]) -> None:
    hints = typing.get_type_hints(kind)
    assert set(hints) == {field.name for field in dataclasses.fields(kind)}
    assert hints["caption"] is str


# --- immutable


@pytest.mark.parametrize(
    "made",
    [*(kind(**SMALLEST[kind]) for kind in PAYLOADS), *PARTS],
    ids=lambda made: type(made).__name__,
)
def test_nothing_in_it_can_be_set_or_added(made: Any) -> None:
    for field in dataclasses.fields(made):
        before = getattr(made, field.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, field.name, None)
        assert getattr(made, field.name) is before
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        made.no_such_field = 1
    assert not hasattr(made, "no_such_field")
    assert not hasattr(made, "__dict__")


@every_class
def test_no_two_share_a_default_that_could_be_written_to(kind: type[Any]) -> None:
    for field in dataclasses.fields(kind):
        assert field.default_factory is dataclasses.MISSING
        hash(field.default)


@every_class
def test_a_copy_and_one_that_was_sent_are_the_same(kind: type[Any]) -> None:
    made = kind(**SMALLEST[kind], caption="of three")
    assert same(copy.deepcopy(made), made)
    assert same(pickle.loads(pickle.dumps(made)), made)
    assert not same(dataclasses.replace(made, caption="of four"), made)


# --- tokens


def tokens(**more: Any) -> Tokens:
    return Tokens(
        ids=(3, 1),
        pieces=("ab", "c"),
        probabilities=(float("nan"), 0.5),
        alternatives=((), (Alternative(1, "c", 0.5, True),)),
        kept=1,
        **more,
    )


def test_tokens_read_together_as_their_pieces_in_a_row() -> None:
    assert tokens().text == "abc"
    assert Tokens((), (), (), (), 0).text == ""


def test_where_it_is_said_how_tokens_read_together_that_stands() -> None:
    assert tokens(text="abç").text == "abç"


def test_tokens_with_another_caption_read_the_same() -> None:
    for made in (tokens(), tokens(text="abç")):
        changed = dataclasses.replace(made, caption="new")
        assert (changed.text, changed.caption) == (made.text, "new")
        assert changed.alternatives == made.alternatives


# --- parts


def test_what_little_is_said_of_a_part_means_nothing_special() -> None:
    assert Cell("x") == ("x", (), None, "")
    assert Moment(0.5, ("a",), (1.0,)) == (0.5, ("a",), (1.0,), (), (), "")
    lane = payloads.Lane("a", ())
    assert (lane.passes, lane.right) == (0, None)
    dots = payloads.Dots("a", NUMBERS)
    assert (dots.classes, dots.names, dots.tone) == (None, (), "strong")
    assert Line("a", NUMBERS[0], NUMBERS[1]).labels == ()


def test_a_film_starts_at_its_end_and_a_raster_when_done() -> None:
    assert payloads.Film(**SMALLEST[payloads.Film]).start == -1
    assert payloads.Raster(**SMALLEST[payloads.Raster]).start == -1


# --- plain


def test_payloads_need_neither_torch_nor_a_window() -> None:
    code = (
        "import sys, engine.payloads;"
        "print([name for name in ('torch', 'PySide6', 'pyqtgraph') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

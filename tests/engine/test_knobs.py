"""engine/knobs.py: what a knob accepts, refuses and says."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.knobs import (
    KnobError,
    NoKnobs,
    as_dict,
    changed,
    from_dict,
    knob,
    knobs_of,
    problems,
)
from engine.phrases import PlaygroundError


@dataclass(frozen=True)
class Settings:
    steps: int = knob(100, "Steps", low=1, high=1000, unit="steps", help="How many.")
    rate: float = knob(0.5, "Rate", low=0.25, high=0.75, log=True, live=True)
    noisy: bool = knob(False, "Noisy", advanced=True)
    target: str = knob("noise", "Target", choices=("noise", "x0"))
    prompt: str = knob("", "Prompt")


STEPS, RATE, NOISY, TARGET, PROMPT = knobs_of(Settings)


def test_a_declaration_says_everything() -> None:
    assert [each.name for each in knobs_of(Settings())] == [
        "steps",
        "rate",
        "noisy",
        "target",
        "prompt",
    ]
    assert [each.kind for each in knobs_of(Settings)] == ["int", "float", "bool", "choice", "text"]
    assert (STEPS.title, STEPS.default, STEPS.unit, STEPS.help) == (
        "Steps",
        100,
        "steps",
        "How many.",
    )
    assert (STEPS.low, STEPS.high, STEPS.log, STEPS.live, STEPS.advanced) == (1, 1000, *[False] * 3)
    assert RATE.log
    assert RATE.live
    assert NOISY.advanced
    assert TARGET.choices == ("noise", "x0")
    assert Settings() == Settings(100, 0.5, False, "noise", "")
    assert knobs_of(NoKnobs) == ()


def test_a_subclass_adds_knobs_and_changes_defaults() -> None:
    @dataclass(frozen=True)
    class More(Settings):
        steps: int = knob(7, "Steps", low=5, high=9)
        beta: float = knob(1.0, "Beta", low=0.0, high=2.0)

    assert [each.name for each in knobs_of(More)][-1] == "beta"
    assert knobs_of(More)[0].default == 7
    assert knobs_of(More)[0].low == 5
    assert knobs_of(Settings)[0].low == 1


@pytest.mark.parametrize("bounds", [{}, {"low": 1}, {"high": 1}])
@pytest.mark.parametrize("default", [1, 1.0])
def test_a_number_needs_both_bounds(default: float, bounds: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"'Width'.*both bounds"):
        knob(default, "Width", **bounds)


ACCEPTED: list[tuple[Any, Any, Any]] = [
    (STEPS, 1, 1),
    (STEPS, 1000, 1000),
    (STEPS, 7.0, 7),
    (RATE, 0.25, 0.25),
    (RATE, 0.75, 0.75),
    (NOISY, True, True),
    (NOISY, False, False),
    (TARGET, "x0", "x0"),
    (PROMPT, "", ""),
    (PROMPT, "Ünï\n\0", "Ünï\n\0"),
]


@pytest.mark.parametrize(("each", "value", "expected"), ACCEPTED)
def test_accepted_in_the_knobs_own_type(each: Any, value: Any, expected: Any) -> None:
    found = each.checked(value)
    assert found == expected
    assert type(found) is type(expected)


def test_a_whole_number_does_for_a_float() -> None:
    @dataclass(frozen=True)
    class One:
        x: float = knob(0.0, "X", low=-1.0, high=1.0)

    found = knobs_of(One)[0].checked(1)
    assert type(found) is float
    assert found == 1.0


REFUSED: list[tuple[Any, Any]] = [
    (STEPS, 0),
    (STEPS, 1001),
    (STEPS, 2.5),
    (STEPS, math.nan),
    (STEPS, math.inf),
    (STEPS, True),
    (STEPS, "7"),
    (STEPS, None),
    (STEPS, 10**400),
    (STEPS, -(10**400)),
    (RATE, math.nextafter(0.25, 0)),
    (RATE, math.nextafter(0.75, 1)),
    (RATE, math.nan),
    (RATE, math.inf),
    (RATE, -math.inf),
    (RATE, 10**400),
    (RATE, "0.5"),
    (RATE, False),
    (RATE, None),
    (RATE, [0.5]),
    (RATE, np.zeros(2)),
    (NOISY, 1),
    (NOISY, 0),
    (NOISY, "on"),
    (NOISY, None),
    (TARGET, "X0"),
    (TARGET, ""),
    (TARGET, 0),
    (TARGET, None),
    (PROMPT, 5),
    (PROMPT, None),
    (PROMPT, b"x"),
]


@pytest.mark.parametrize(("each", "value"), REFUSED)
def test_refused_naming_knob_value_and_what_is_accepted(each: Any, value: Any) -> None:
    with pytest.raises(KnobError) as caught:
        each.checked(value)
    said = str(caught.value)
    assert said.startswith(f"{each.name} cannot be {value!r}")
    assert said.endswith(f"accepted is {each.accepted()}")
    assert caught.value.knob is each
    assert isinstance(caught.value, PlaygroundError)


def test_what_is_accepted_is_said_in_words() -> None:
    assert STEPS.accepted() == "a whole number from 1 to 1000"
    assert RATE.accepted() == "a number from 0.25 to 0.75"
    assert NOISY.accepted() == "on or off"
    assert TARGET.accepted() == "one of noise, x0"
    assert PROMPT.accepted() == "any text"


@settings(deadline=None)  # the machine may be busy
@given(st.floats() | st.integers())
def test_a_number_is_accepted_just_when_it_lies_within_the_bounds(value: float) -> None:
    try:
        RATE.checked(value)
    except KnobError:
        assert not 0.25 <= value <= 0.75
    else:
        assert 0.25 <= value <= 0.75


PARSED: list[tuple[Any, str, Any]] = [
    (STEPS, "12", 12),
    (RATE, "0.3", 0.3),
    (RATE, "5e-1", 0.5),
    *((NOISY, word, True) for word in ("on", "true", "yes", "1", "ON", "True")),
    *((NOISY, word, False) for word in ("off", "false", "no", "0", "Off")),
    (TARGET, "x0", "x0"),
    (PROMPT, "12", "12"),
]


@pytest.mark.parametrize(("each", "text", "expected"), PARSED)
def test_parsed_as_typed_on_a_command_line(each: Any, text: str, expected: Any) -> None:
    found = each.parsed(text)
    assert found == expected
    assert type(found) is type(expected)


UNREADABLE: list[tuple[Any, str]] = [
    (STEPS, ""),
    (STEPS, "ten"),
    (STEPS, "1.5"),
    (STEPS, "1e2"),
    (STEPS, "0"),
    (STEPS, "9" * 400),
    (STEPS, "9" * 5000),
    (RATE, "nan"),
    (RATE, "inf"),
    (RATE, "-inf"),
    (RATE, "0.8"),
    (RATE, "half"),
    (NOISY, "maybe"),
    (NOISY, ""),
    (TARGET, "x1"),
]


@pytest.mark.parametrize(("each", "text"), UNREADABLE, ids=lambda value: str(value)[:12])
def test_a_text_that_spells_no_value_is_refused(each: Any, text: str) -> None:
    with pytest.raises(KnobError, match=f"^{each.name} cannot be '{text}': accepted is "):
        each.parsed(text)


def test_everything_that_is_wrong_is_told() -> None:
    assert problems(Settings()) == ()
    wrong = problems(Settings(steps=0, rate=math.nan, target="x1", prompt="fine"))
    assert [each.knob.name for each in wrong] == ["steps", "rate", "target"]


def test_changed_checks_and_leaves_the_original() -> None:
    before = Settings()
    after = changed(before, {"steps": 3.0, "noisy": True})
    assert after == dataclasses.replace(before, steps=3, noisy=True)
    assert type(after.steps) is int
    assert before == Settings()
    with pytest.raises(KnobError, match="rate cannot be 9"):
        changed(before, {"steps": 3, "rate": 9})


def test_an_unknown_knob_is_named_with_the_known_ones() -> None:
    known = "steps, rate, noisy, target, prompt"
    with pytest.raises(PlaygroundError, match=f"no knob 'stepz': there are {known}$"):
        changed(Settings(), {"stepz": 1})
    with pytest.raises(PlaygroundError, match="no knob 'x': there are none"):
        changed(NoKnobs(), {"x": 1})


def test_through_json_and_back() -> None:
    settings = Settings(5, 0.3, True, "x0", "Ä\n")
    assert from_dict(Settings, json.loads(json.dumps(as_dict(settings)))) == settings


def test_of_old_settings_what_has_gone_is_passed_over_and_what_is_new_has_its_default() -> None:
    assert from_dict(Settings, {"gone": 1, "rate": 0.3}) == Settings(rate=0.3)
    with pytest.raises(KnobError, match="steps cannot be 'x'"):
        from_dict(Settings, {"steps": "x"})


# --- numbers and pictures


@dataclass(frozen=True)
class Turned:
    picked: tuple[float, ...] = knob((), "Picked")
    own: str = knob("", "Own picture", file="picture")


PICKED, OWN = knobs_of(Turned)


def test_the_kinds_that_are_set_by_hand() -> None:
    assert (PICKED.kind, PICKED.default) == ("numbers", ())
    assert (OWN.kind, OWN.default) == ("picture", "")
    assert "commas" in PICKED.accepted()
    assert "drawing" in OWN.accepted()


@pytest.mark.parametrize(
    ("value", "expected"), [((), ()), ([3, 1], (3, 1)), ((0.5, -2.0), (0.5, -2.0))]
)
def test_numbers_are_a_tuple(value: Any, expected: Any) -> None:
    assert changed(Turned(), {"picked": value}).picked == expected
    assert isinstance(PICKED.checked(value), tuple)


@pytest.mark.parametrize("value", ["12", 3, None, [True], [math.nan], [math.inf], ["1"], [[1]]])
def test_what_are_no_numbers_is_refused(value: Any) -> None:
    with pytest.raises(KnobError, match="picked cannot be"):
        PICKED.checked(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), (" , ", ()), ("3", (3,)), ("3, 1,2", (3, 1, 2)), ("0.5,-1e3", (0.5, -1000))],
)
def test_numbers_are_parsed_at_the_commas(text: str, expected: Any) -> None:
    found = PICKED.parsed(text)
    assert found == expected
    assert [type(n) for n in found] == [type(n) for n in expected]


@pytest.mark.parametrize("text", ["a", "1;2", "1,,x", "nan", "1,inf"])
def test_a_text_that_spells_no_numbers_is_refused(text: str) -> None:
    with pytest.raises(KnobError):
        PICKED.parsed(text)


def test_a_picture_is_a_text_that_is_not_opened_here() -> None:
    for value in ("", "/no/such/file.png", "data:image/png;base64,AAAA"):
        assert OWN.checked(value) == OWN.parsed(value) == value
    with pytest.raises(KnobError):
        OWN.checked(b"bytes")


def test_numbers_and_pictures_through_json_and_back() -> None:
    settings = Turned((1, 2.5), "x.png")
    assert from_dict(Turned, json.loads(json.dumps(as_dict(settings)))) == settings

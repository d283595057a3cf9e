"""Knobs: settings that declare themselves.

A model's settings are frozen dataclasses whose fields are made by ``knob()``.
The declaration alone is enough to build a form, to parse a command line, to
check a value and to explain it, so nothing else describes a setting twice.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from engine.phrases import N_, Phrase, PlaygroundError

Kind = Literal["int", "float", "bool", "choice", "text", "numbers", "picture", "sound"]
"""Of the last three: "numbers" is a tuple of numbers, mostly set by picking or dragging;
"picture" the path of an image file, or a ``data:image/png;base64,...`` address, or empty;
"sound" the path of a sound file, or empty."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Knob:
    """What is known of one setting. `low` and `high` are inclusive bounds."""

    name: str
    title: str
    kind: Kind
    default: Any
    low: float | None
    high: float | None
    log: bool
    choices: tuple[str, ...]
    unit: str
    help: str
    live: bool
    advanced: bool

    def accepted(self) -> Phrase:
        """What would be accepted, in words."""
        match self.kind:
            case "choice":
                return N_("one of {choices}", choices=", ".join(self.choices))
            case "bool":
                return N_("on or off")
            case "text":
                return N_("any text")
            case "numbers":
                return N_("numbers with commas between them, or nothing")
            case "picture":
                return N_("the path of an image, a drawing, or nothing")
            case "sound":
                return N_("the path of a sound file, or nothing")
            case "int":
                return N_("a whole number from {low} to {high}", low=self.low, high=self.high)
            case "float":
                return N_("a number from {low:g} to {high:g}", low=self.low, high=self.high)

    def checked(self, value: Any) -> Any:
        """`value` in the knob's own type; raises `KnobError` where it does not fit."""
        match self.kind:
            case "bool" if isinstance(value, bool):
                return value
            case "choice" if value in self.choices:
                return value
            case "text" | "picture" | "sound" if isinstance(value, str):
                return value
            case "numbers" if isinstance(value, list | tuple):
                if all(
                    isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n)
                    for n in value
                ):
                    return tuple(value)
            case "int" | "float" if isinstance(value, int | float) and not isinstance(value, bool):
                whole = self.kind == "int"
                assert self.low is not None
                assert self.high is not None
                # The comparison is false for what is not a number, and fits integers of any size.
                if self.low <= value <= self.high and not (whole and value != int(value)):
                    return int(value) if whole else float(value)
        raise KnobError(self, value)

    def parsed(self, text: str) -> Any:
        """The value that `text` spells, as typed on a command line."""
        if self.kind == "bool":
            words = {"on": True, "true": True, "yes": True, "1": True}
            words |= {"off": False, "false": False, "no": False, "0": False}
            if text.lower() not in words:
                raise KnobError(self, text)
            return words[text.lower()]
        if self.kind in ("int", "float"):
            try:
                return self.checked(int(text) if self.kind == "int" else float(text))
            except ValueError:
                raise KnobError(self, text) from None
        if self.kind == "numbers":
            try:
                return self.checked([_number(part) for part in text.split(",") if part.strip()])
            except ValueError:
                raise KnobError(self, text) from None
        return self.checked(text)


def _number(text: str) -> float:
    """The whole number or other number that `text` spells."""
    number = float(text)
    return int(number) if math.isfinite(number) and number == int(number) else number


class KnobError(PlaygroundError, ValueError):
    """A value that a knob does not accept."""

    def __init__(self, knob: Knob, value: Any) -> None:
        super().__init__(
            N_(
                "{name} cannot be {value!r}: accepted is {accepted}",
                name=knob.name,
                value=value,
                accepted=knob.accepted(),
            )
        )
        self.knob = knob


def knob(
    default: Any,
    title: str,
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    choices: Iterable[str] = (),
    unit: str = "",
    help: str = "",
    live: bool = False,
    advanced: bool = False,
    file: Literal["picture", "sound"] | None = None,
) -> Any:
    """Declare a field of a knobs dataclass.

    `live` knobs take effect at the next step of a running training; the others
    restart it. `advanced` knobs are folded away. Numbers need both bounds. A default of ()
    makes a knob of the kind "numbers", and `file` one of that kind.
    """
    options = tuple(choices)
    kind: Kind
    if options:
        kind = "choice"
    elif isinstance(default, bool):
        kind = "bool"
    elif isinstance(default, int):
        kind = "int"
    elif isinstance(default, float):
        kind = "float"
    elif isinstance(default, tuple):
        kind = "numbers"
    elif file is not None:
        kind = file
    else:
        kind = "text"
    if kind in ("int", "float") and (low is None or high is None):
        raise TypeError(f"the knob {title!r} is a number and needs both bounds")
    declared = Knob("", title, kind, default, low, high, log, options, unit, help, live, advanced)
    return dataclasses.field(default=default, metadata={"knob": declared})


@dataclass(frozen=True)
class NoKnobs:
    """For what has nothing to set."""


def knobs_of(knobs: Any) -> tuple[Knob, ...]:
    """The knobs of a knobs dataclass (or of an instance of one), in their order."""
    return tuple(
        dataclasses.replace(field.metadata["knob"], name=field.name)
        for field in dataclasses.fields(knobs)
    )


def problems(knobs: Any) -> tuple[KnobError, ...]:
    """Everything that is wrong with `knobs`, not only the first."""
    found = []
    for each in knobs_of(knobs):
        try:
            each.checked(getattr(knobs, each.name))
        except KnobError as error:
            found.append(error)
    return tuple(found)


def changed(knobs: T, values: Mapping[str, Any]) -> T:
    """`knobs` with checked `values` in place. Unknown names and bad values raise."""
    known = {each.name: each for each in knobs_of(knobs)}
    for name in values:
        if name not in known:
            raise PlaygroundError(
                N_(
                    "there is no knob {name!r}: there are {known}",
                    name=name,
                    known=", ".join(known) or "none",
                )
            )
    checked = {name: known[name].checked(value) for name, value in values.items()}
    return dataclasses.replace(knobs, **checked)  # type: ignore[type-var]


def as_dict(knobs: Any) -> dict[str, Any]:
    """Plain values, for JSON."""
    return dataclasses.asdict(knobs)


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """The knobs that `as_dict` wrote. Names that have since gone are passed over."""
    known = {each.name for each in knobs_of(kind)}
    return changed(kind(), {name: value for name, value in values.items() if name in known})

"""To come."""

from dataclasses import dataclass
from typing import Any

from engine.family import Drawing, Trained
from engine.payloads import Text


@dataclass(frozen=True)
class RaceKnobs:
    """To come."""


def race(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")

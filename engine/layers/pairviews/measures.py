"""To come."""

from dataclasses import dataclass
from typing import Any

from engine.family import Drawing, Trained
from engine.payloads import Text


@dataclass(frozen=True)
class ScoreKnobs:
    """To come."""


@dataclass(frozen=True)
class QualityKnobs:
    """To come."""


@dataclass(frozen=True)
class ErrorKnobs:
    """To come."""


def scores(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")


def quality(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")


def errors(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")

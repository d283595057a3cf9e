"""To come."""

from dataclasses import dataclass
from typing import Any

from engine.family import Drawing, Trained
from engine.payloads import Text


@dataclass(frozen=True)
class InsideKnobs:
    """To come."""


def confidence(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")


def cross_attention(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")


def masks(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")


def lengths(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")

"""To come."""

from typing import Any

from engine.family import Drawing, Trained
from engine.payloads import Text


def distillation(trained: Trained, knobs: Any) -> Drawing:
    """To come."""
    yield Text("")

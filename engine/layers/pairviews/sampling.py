"""To come: the sampler of every model of pairs."""

from dataclasses import dataclass
from typing import Any

from engine.family import Drawing, Trained
from engine.knobs import knob
from engine.payloads import Text
from engine.phrases import N_


@dataclass(frozen=True)
class TranslateKnobs:
    """What to write the target of."""

    source: str = knob(
        "",
        N_("Source"),
        live=True,
        help=N_("What to turn into a target. Empty takes sources that were held out."),
    )
    count: int = knob(
        8,
        N_("How many"),
        low=1,
        high=64,
        live=True,
        help=N_("Held-out sources, where none is typed."),
    )
    seed: int = knob(
        1, N_("Seed"), low=0, high=2**31 - 1, live=True, help=N_("Which of the held-out sources.")
    )


def sampler(trained: Trained, knobs: Any, keep: tuple[int, ...]) -> Drawing:
    """To come."""
    yield Text("")

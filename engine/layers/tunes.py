"""Hearing what a language model writes, where it writes tunes.

ABC notation is text: a few header lines and a letter for each note. A model
that has learned from tunes writes tunes, and a view parses and plays one.
"""

import threading
from dataclasses import dataclass

from engine import music
from engine.family import Drawing, Trained, View
from engine.knobs import knob
from engine.payloads import Sound, Tokens
from engine.phrases import N_, PlaygroundError

TUNES = "tunes"  # the data set that such models learn from


@dataclass(frozen=True)
class TuneKnobs:
    """Which tune."""

    abc: str = knob(
        "",
        N_("ABC"),
        live=True,
        help=N_("A tune in ABC notation. Empty takes the first one of the newest sample."),
    )


def listen(trained: Trained, knobs: TuneKnobs) -> Drawing:
    """The first tune of the newest sample, sounded."""
    text = knobs.abc
    if not text and isinstance(trained.sample, Tokens):
        text = trained.sample.text
    if not text.strip():
        raise PlaygroundError(N_("there is no sample yet: generate one, then listen"))
    sounds: list[Sound] = []
    errors: list[PlaygroundError] = []

    def make() -> None:
        try:
            sounds.append(music.synthesise(music.parse(music.first_tune(text))))
        except PlaygroundError as error:
            errors.append(error)

    # The parser's import alone takes a second: on a thread, so that training goes on meanwhile.
    thread = threading.Thread(target=make, name="tune", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.002)
        yield None
    if errors and not knobs.abc and trained.data.key != TUNES:
        raise PlaygroundError(
            N_("the newest sample is no tune: train on Folk tunes, generate, then listen")
        ) from errors[0]
    if errors:
        raise errors[0]
    if not sounds:
        raise PlaygroundError(N_("this tune could not be sounded"))
    yield sounds[0]


LISTEN = View(
    key="listen",
    title=N_("Listen"),
    caption=N_("Trained on tunes, the newest sample can be heard, and saved as WAV or MIDI."),
    make=listen,
    knobs=TuneKnobs,
    invitation=N_(
        "To hear what a model has learned: train it on Folk tunes, generate, then press Show. "
        "Or type a tune into ABC."
    ),
)

"""Looking at models that turn a source into a target: the race, and how well and how fast.

Every model offers its ways to write (see `engine.layers.translating.Way`), so that a view is
written once, and shows those of other models that have a run on the same data beside its own.
"""

from engine.family import OTHER, View
from engine.layers.pairviews import race
from engine.layers.pairviews.distilled import distillation
from engine.layers.pairviews.inside import (
    ConfidenceKnobs,
    InsideKnobs,
    confidence,
    cross_attention,
    lengths,
    masks,
)
from engine.layers.pairviews.measures import (
    ErrorKnobs,
    QualityKnobs,
    ScoreKnobs,
    errors,
    quality,
    scores,
)
from engine.layers.pairviews.shared import EVERY_MODEL
from engine.phrases import N_

VIEWS: tuple[View, ...] = (
    View(
        "race",
        N_("Race"),
        N_("The same source given to every model that is trained, each with its clock."),
        race.race,
        race.RaceKnobs,
        every=3.0,
        companions=EVERY_MODEL,
    ),
    View(
        "confidence",
        N_("Confidence"),
        N_("How sure it is of each place after each pass, and what it takes back."),
        confidence,
        ConfidenceKnobs,
        every=3.0,
    ),
    View(
        "cross-attention",
        N_("Cross-attention"),
        N_("Where in the source each place of the target looks."),
        cross_attention,
        InsideKnobs,
        every=3.0,
    ),
    View(
        "mask",
        N_("Mask"),
        N_("Which places of the target depend on which, measured."),
        masks,
        InsideKnobs,
        every=5.0,
        companions=EVERY_MODEL,
    ),
    View(
        "lengths",
        N_("Length"),
        N_("How long it thinks that the target will be, before it writes."),
        lengths,
        InsideKnobs,
        every=5.0,
        companions=EVERY_MODEL,
    ),
    View(
        "scores",
        N_("Scores"),
        N_("How often and how nearly right, how fast, and in how many passes."),
        scores,
        ScoreKnobs,
        companions=EVERY_MODEL,
    ),
    View(
        "quality",
        N_("Quality and time"),
        N_("What more rounds, candidates or beams buy, measured on held-out pairs."),
        quality,
        QualityKnobs,
        companions=EVERY_MODEL,
    ),
    View(
        "errors",
        N_("Errors"),
        N_("Held-out pairs it gets wrong, with what differs."),
        errors,
        ErrorKnobs,
        every=10.0,
        companions=EVERY_MODEL,
    ),
)
"""Of every model of pairs."""

DISTILLATION = View(
    "distillation",
    N_("Distillation"),
    N_("What learning from another model's words, not from the data's, does."),
    distillation,
    ScoreKnobs,
    companions=(*EVERY_MODEL, OTHER),
)
"""Of those that can learn from a teacher."""

"""Looking into models of pixels: what a place sees, how a picture comes about, what surprises.

All of it asks the same two things of a model (see `engine.layers.pixelwise`): the logits of
every draw at once, and those of one draw after the other with what was computed kept. So a view
is written once, and says the same of convolutions and of recurrent networks.

Blind spot: van den Oord et al. 2016, arXiv:1606.05328, section 2.1; that errors add up when a
model goes on from its own work: Bengio et al. 2015, arXiv:1506.03099, section 1.
"""

from engine.family import View
from engine.layers.pixelviews.drawing import CompletionKnobs, DrawingKnobs, completion, drawing
from engine.layers.pixelviews.drift import DriftKnobs, drift
from engine.layers.pixelviews.inside import FieldKnobs, masks, receptive_field
from engine.layers.pixelviews.measures import PartsKnobs, SurpriseKnobs, cost, parts, surprise
from engine.phrases import N_

EVERY_MODEL = ("pixelcnn", "gated-pixelcnn", "row-lstm", "diagonal-bilstm")

VIEWS: tuple[View, ...] = (
    View(
        "drawing",
        N_("Point by point"),
        N_("One picture as it comes about, with what the model thinks at each draw."),
        drawing,
        DrawingKnobs,
        every=4.0,
    ),
    View(
        "completion",
        N_("Completion"),
        N_("A part of a picture is rubbed out, and the model fills it in, in several ways."),
        completion,
        CompletionKnobs,
    ),
    View(
        "masks",
        N_("Masks"),
        N_("What each layer may look at: nothing that comes later."),
        masks,
        every=10.0,
    ),
    View(
        "field",
        N_("Receptive field"),
        N_("What a place of the picture depends on: drag it, and look for the blind spot."),
        receptive_field,
        FieldKnobs,
        every=4.0,
        companions=EVERY_MODEL,
    ),
    View(
        "surprise",
        N_("Surprise"),
        N_("Which points of a picture the model did not expect."),
        surprise,
        SurpriseKnobs,
        every=4.0,
    ),
    View(
        "parts",
        N_("Row by row"),
        N_("Which rows are hard, of pictures it learned from and of others."),
        parts,
        PartsKnobs,
    ),
    View(
        "cost",
        N_("The cost of drawing"),
        N_("Time to draw, with what was computed kept and computed anew each time."),
        cost,
    ),
    View(
        "drift",
        N_("Drift"),
        N_("What becomes of a picture that the model goes on with by itself."),
        drift,
        DriftKnobs,
        companions=EVERY_MODEL,
    ),
)

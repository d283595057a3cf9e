"""The families, one for each tab, in the order of the tabs.

A family's files (and with them torch) are imported when its models are asked
for, so a window can show the tabs before torch is there.
"""

from engine.family import Family, Model
from engine.phrases import N_


def _rnn() -> tuple[Model, ...]:
    from engine.families import gru, rnn

    return (rnn.MODEL, gru.MODEL)


def _lstm() -> tuple[Model, ...]:
    from engine.families import lstm

    return (lstm.MODEL,)


def _transformer() -> tuple[Model, ...]:
    from engine.families import transformer

    return (transformer.MODEL,)


def _gan() -> tuple[Model, ...]:
    from engine.families import gan, gan_2d

    return (gan.MODEL, gan_2d.MODEL)


def _autoregressive() -> tuple[Model, ...]:
    from engine.families import diagonal_bilstm, gated_pixelcnn, pixelcnn, row_lstm, wavenet

    return (
        pixelcnn.MODEL,
        gated_pixelcnn.MODEL,
        row_lstm.MODEL,
        diagonal_bilstm.MODEL,
        wavenet.MODEL,
    )


def _diffusion() -> tuple[Model, ...]:
    from engine.families import diffusion, diffusion_2d

    return (diffusion.MODEL, diffusion_2d.MODEL)


def _vae() -> tuple[Model, ...]:
    from engine.families import vae

    return (vae.MODEL,)


def _nonautoregressive() -> tuple[Model, ...]:
    from engine.families import (
        ar_translator,
        draft_and_verify,
        lstm_translator,
        mask_predict,
        nat,
        parallel_lm,
    )

    return (
        draft_and_verify.MODEL,
        ar_translator.MODEL,
        nat.MODEL,
        mask_predict.MODEL,
        lstm_translator.MODEL,
        parallel_lm.MODEL,
    )


FAMILIES = (
    Family(
        key="rnn",
        title=N_("RNN"),
        summary=N_(
            "Reads a text one character at a time and keeps what it has read in one vector. "
            "See that vector, and see why it forgets."
        ),
        load=_rnn,
        lesson="rnn",
    ),
    Family(
        key="lstm",
        title=N_("LSTM"),
        summary=N_(
            "A recurrent network with a memory cell, and three gates that decide what enters it, "
            "what stays and what is told. Watch the gates open and close over a text."
        ),
        load=_lstm,
        lesson="lstm",
    ),
    Family(
        key="transformer",
        title=N_("Transformer"),
        summary=N_(
            "Looks at all earlier characters at once and chooses which to attend to. "
            "See every head's attention, and what happens when it may look ahead."
        ),
        load=_transformer,
        lesson="transformer",
    ),
    Family(
        key="gan",
        title=N_("GAN"),
        summary=N_(
            "Two networks play against each other: one makes pictures, the other tells them from "
            "real ones. See them keep each other in balance, or lose it."
        ),
        load=_gan,
        lesson="gan",
    ),
    Family(
        key="autoregressive",
        title=N_("Autoregressive"),
        summary=N_(
            "Makes a picture point by point and a sound sample by sample, each from all before it. "
            "See what each layer may look at, stop at any point, and put in a point of your own."
        ),
        load=_autoregressive,
        lesson="autoregressive",
    ),
    Family(
        key="diffusion",
        title=N_("Diffusion"),
        summary=N_(
            "Learns to remove noise, and draws by removing it from noise alone, step by step. "
            "See what it foresees on the way, and complete a picture of your own."
        ),
        load=_diffusion,
        lesson="diffusion",
    ),
    Family(
        key="vae",
        title=N_("VAE"),
        summary=N_(
            "Codes each picture as a few numbers and decodes any such numbers to a picture. "
            "Drag a point over the map of all pictures and see what lies between them."
        ),
        load=_vae,
        lesson="vae",
    ),
    Family(
        key="nonautoregressive",
        title=N_("Non-autoregressive"),
        summary=N_(
            "Writes all places at once instead of one after the other. Let the two race, see what "
            "speed costs, and how a few more rounds, or a second reader, bring it back."
        ),
        load=_nonautoregressive,
        lesson="nonautoregressive",
    ),
)

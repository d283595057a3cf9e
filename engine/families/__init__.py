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
)

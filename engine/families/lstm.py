"""Long short-term memory: a recurrent network with a cell that can keep what it has.

Beside the state h there is a cell c that is only ever added to and scaled. The
forget gate f says what stays of it, the input gate i what is added, the output
gate o what of it is told to the outside:

    i_t = sigmoid(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
    f_t = sigmoid(W_if x_t + b_if + W_hf h_{t-1} + b_hf)
    g_t = tanh   (W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
    o_t = sigmoid(W_io x_t + b_io + W_ho h_{t-1} + b_ho)
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

The gradient along c is multiplied by f alone, so where f is near 1 it neither
vanishes nor explodes.

Hochreiter & Schmidhuber 1997, Neural Computation 9(8); forget gates: Gers,
Schmidhuber & Cummins 2000; a forget bias of 1: Jozefowicz et al. 2015.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.data.text import TextData
from engine.family import Drawing, Model, Preset, Trained, TrainKnobs, View
from engine.layers import language, recurrent
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import TextSampleKnobs, with_defaults
from engine.layers.recurrent import LayerOverText, RecurrentKnobs, State, Weights
from engine.layers.tunes import LISTEN
from engine.payloads import Heatmap, Heatmaps
from engine.phrases import N_

GATES = {
    "input": N_("Input gate i"),
    "forget": N_("Forget gate f"),
    "output": N_("Output gate o"),
}


@dataclass(frozen=True)
class NetKnobs(RecurrentKnobs):
    """Size and shape; see `RecurrentKnobs`."""


class LSTM(recurrent.Recurrent):
    """One or more LSTM layers between an embedding and the logits."""

    kernel = nn.LSTM

    @property
    def carried(self) -> int:
        """h and c."""
        return 2

    def cell(self, x: Tensor, state: State, weights: Weights) -> tuple[State, dict[str, Tensor]]:
        """The six equations above; the gates are told apart by rows of the weights."""
        h, c = state
        w = weights
        all_four = x @ w.input.T + w.input_bias + h @ w.state.T + w.state_bias
        i, f, g, o = all_four.chunk(4, dim=1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        return (h, c), {"input": i, "forget": f, "output": o, "cell": c}


def build(net: NetKnobs, data: TextData) -> LSTM:
    """A new network for the vocabulary of `data`, its forget gates open."""
    module = LSTM(net, data.tokeniser.size)
    with torch.no_grad():
        for layer in range(net.layers):
            module.weights(layer).input_bias[net.hidden : 2 * net.hidden] = 1.0
    return module


def gates(trained: Trained, knobs: LayerOverText) -> Drawing:
    """The three gates and the cell over the text."""
    unrolled, labels, layer = recurrent.unrolled_passage(trained, knobs)
    yield None
    parts = dict(recurrent.heatmap_parts(unrolled, layer, (*GATES, "cell")))
    order = recurrent.unit_order(parts["cell"], knobs)
    numbers = tuple(int(unit) for unit in order)
    panels = [
        Heatmap(
            parts[name][order],
            title=GATES[name],
            numbers=numbers,
            x_title=N_("text read so far"),
            y_title=N_("unit"),
            value_title=N_("gate"),
            columns=labels,
            low=0.0,
            high=1.0,
        )
        for name in GATES
    ]
    panels.append(
        Heatmap(
            parts["cell"][order],
            title=N_("Cell c"),
            numbers=numbers,
            x_title=N_("text read so far"),
            y_title=N_("unit"),
            value_title=N_("cell"),
            columns=labels,
            diverging=True,
        )
    )
    yield Heatmaps(
        tuple(panels),
        caption=N_("Gates: 0 is shut, 1 is open. Units whose cell changes slowly are on top."),
    )


MODEL = Model(
    key="lstm",
    title=N_("LSTM"),
    summary=N_("A recurrent network whose cell keeps what it has until a gate says otherwise."),
    papers=("Hochreiter & Schmidhuber 1997", "Gers et al. 2000"),
    accepts="text",
    data="python-docs",
    net=NetKnobs,
    train=TrainKnobs,
    sample=TextSampleKnobs,
    watch=TextSampleKnobs(length=160),
    presets=(
        Preset(
            "default",
            N_("Small and quick"),
            N_("192 units: readable words within half a minute."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=3000, learning_rate=4e-3),
        ),
        Preset(
            "minute",
            N_("One minute"),
            N_("256 units with n-gram tables, scheduled for a minute on one core."),
            NetKnobs(hidden=256, ngrams=8192),
            with_defaults(TrainKnobs, steps=0, seconds=60.0, learning_rate=4e-3),
        ),
        Preset(
            "three-minutes",
            N_("Three minutes"),
            N_("320 units with n-gram tables, scheduled for three minutes on one core."),
            NetKnobs(hidden=320, ngrams=16384, context=96),
            with_defaults(TrainKnobs, steps=0, seconds=180.0, learning_rate=4e-3),
        ),
    ),
    build=build,
    optimise=recurrent.optimise,
    batch=language.batch,
    step=language.step,
    evaluate=language.evaluate,
    sampler=language.sampler,
    views=(
        View(
            key="gates",
            title=N_("Gates and cell"),
            caption=N_("Input, forget and output gate and the cell at each character, by unit."),
            make=gates,
            knobs=LayerOverText,
            every=2.0,
        ),
        recurrent.GRADIENT,
        LISTEN,
    ),
    check=language.check,
    units=language.units,
    health=(OVERFITTING, PLATEAU),
)

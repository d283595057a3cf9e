"""The gated recurrent unit: an RNN that may leave its state as it is.

Two gates, each a number in (0, 1) for every unit: the reset gate r decides how
much of the old state the candidate n sees, and the update gate z how much of
the old state simply stays. Where z is near 1 the state, and the gradient with
it, passes through unchanged.

    r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
    z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}

Cho et al. 2014, arXiv:1406.1078; Chung et al. 2014, arXiv:1412.3555.
"""

from dataclasses import dataclass

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

GATES = {"reset": N_("Reset gate r"), "update": N_("Update gate z")}


@dataclass(frozen=True)
class NetKnobs(RecurrentKnobs):
    """Size and shape; see `RecurrentKnobs`."""


class GRU(recurrent.Recurrent):
    """One or more GRU layers between an embedding and the logits."""

    kernel = nn.GRU

    def cell(self, x: Tensor, state: State, weights: Weights) -> tuple[State, dict[str, Tensor]]:
        """The four equations above; the gates are told apart by rows of the weights."""
        (h,) = state
        from_input = x @ weights.input.T + weights.input_bias
        from_state = h @ weights.state.T + weights.state_bias
        ir, iz, i_n = from_input.chunk(3, dim=1)
        hr, hz, hn = from_state.chunk(3, dim=1)
        r = (ir + hr).sigmoid()
        z = (iz + hz).sigmoid()
        n = (i_n + r * hn).tanh()
        h = (1 - z) * n + z * h
        return (h,), {"reset": r, "update": z}


def build(net: NetKnobs, data: TextData) -> GRU:
    """A new network for the vocabulary of `data`."""
    return GRU(net, data.tokeniser.size)


def gates(trained: Trained, knobs: LayerOverText) -> Drawing:
    """Both gates over the text."""
    unrolled, labels, layer = recurrent.unrolled_passage(trained, knobs)
    yield None
    parts = dict(recurrent.heatmap_parts(unrolled, layer, tuple(GATES)))
    order = recurrent.unit_order(parts["update"], knobs)
    numbers = tuple(int(unit) for unit in order)
    yield Heatmaps(
        tuple(
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
        ),
        caption=N_("0 is shut, 1 is open. An open update gate leaves the state as it was."),
    )


MODEL = Model(
    key="gru",
    title=N_("GRU"),
    summary=N_("A recurrent network with two gates: what to forget and what to leave alone."),
    papers=("Cho et al. 2014, arXiv:1406.1078",),
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
            title=N_("Gates"),
            caption=N_("Reset and update gate at each character, unit by unit."),
            make=gates,
            knobs=LayerOverText,
            every=2.0,
        ),
        recurrent.STATE,
        recurrent.GRADIENT,
        LISTEN,
    ),
    check=language.check,
    units=language.units,
    health=(OVERFITTING, PLATEAU),
)

"""The Elman network: a recurrent neural network in its plainest form.

One vector, the hidden state, is all that the network has of the past. Each
token bends it a little, and the next token is predicted from it alone:

    h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)
    p(x_{t+1} | x_1 .. x_t) = softmax(W_o h_t + b_o)

Since the gradient passes through W_hh and tanh' once for each token it goes
back, it shrinks or grows geometrically with the distance: the network is slow
to learn what lies far apart, and wants its gradient clipped.

Elman 1990, "Finding structure in time", Cognitive Science 14; Bengio, Simard &
Frasconi 1994, "Learning long-term dependencies with gradient descent is
difficult"; Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063 (clipping).
"""

from dataclasses import dataclass

from torch import Tensor, nn

from engine.data.text import TextData
from engine.family import Model, Preset, TrainKnobs
from engine.layers import language, recurrent
from engine.layers.health import OVERFITTING, PLATEAU
from engine.layers.language import TextSampleKnobs, with_defaults
from engine.layers.recurrent import RecurrentKnobs, State, Weights
from engine.layers.tunes import LISTEN
from engine.phrases import N_


@dataclass(frozen=True)
class NetKnobs(RecurrentKnobs):
    """Size and shape; see `RecurrentKnobs`."""


class ElmanRNN(recurrent.Recurrent):
    """One or more Elman layers between an embedding and the logits."""

    kernel = nn.RNN

    def cell(self, x: Tensor, state: State, weights: Weights) -> tuple[State, dict[str, Tensor]]:
        """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""
        (h,) = state
        w = weights
        h = (x @ w.input.T + w.input_bias + h @ w.state.T + w.state_bias).tanh()
        return (h,), {}


def build(net: NetKnobs, data: TextData) -> ElmanRNN:
    """A new network for the vocabulary of `data`."""
    module = ElmanRNN(net, data.tokeniser.size)
    for name, weight in module.core.named_parameters():
        if name.startswith("weight_hh"):
            # Orthogonal: at the start the state's length, and the gradient's, is kept.
            nn.init.orthogonal_(weight)
    return module


MODEL = Model(
    key="rnn",
    title=N_("Elman RNN"),
    summary=N_("The plainest recurrent network: one state vector, bent by each character."),
    papers=("Elman 1990, Finding structure in time",),
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
            with_defaults(TrainKnobs, steps=4000, learning_rate=3e-3, batch=16),
        ),
        Preset(
            "bare",
            N_("Bare: no clipping"),
            N_("Without gradient clipping and at a higher rate, to see the loss jump."),
            NetKnobs(),
            with_defaults(TrainKnobs, steps=4000, learning_rate=1e-2, clip=0.0),
        ),
        Preset(
            "long",
            N_("Larger, for minutes"),
            N_("384 units over windows of 128 characters."),
            NetKnobs(hidden=384, context=128, width=96, ngrams=8192),
            with_defaults(TrainKnobs, steps=8000, learning_rate=2e-3),
        ),
    ),
    build=build,
    optimise=recurrent.optimise,
    batch=language.batch,
    step=language.step,
    evaluate=language.evaluate,
    sampler=language.sampler,
    views=(recurrent.STATE, recurrent.GRADIENT, LISTEN),
    check=language.check,
    units=language.units,
    health=(OVERFITTING, PLATEAU),
)

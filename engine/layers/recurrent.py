"""What the recurrent language models share: a state that is carried from token to token.

    h_t = cell(x_t, h_{t-1}),    p(x_{t+1} | x_1 .. x_t) = softmax(W h_t + b)

A family's file gives the cell as equations, readable and slow; training and
sampling run torch's fused kernel of the same equations on the same weights. A
test holds the two equal. The equations are what the views look into.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.family import Drawing, Trained, TrainKnobs, View
from engine.knobs import knob
from engine.layers.language import NGramEmbedding, OverText, passage
from engine.payloads import Curve, Heatmap, Line
from engine.phrases import N_, PlaygroundError

State: TypeAlias = tuple[Tensor, ...]
"""What a layer carries on, each (batch, hidden): (h,) or, for the LSTM, (h, c)."""

SMALLEST = 1e-8  # below this a gradient is drawn as this, so that a log axis can show it


@dataclass(frozen=True)
class RecurrentKnobs:
    """Size and shape of a recurrent language model."""

    hidden: int = knob(
        192,
        N_("Hidden units"),
        low=4,
        high=1024,
        help=N_("How many numbers the state has."),
    )
    layers: int = knob(
        1, N_("Layers"), low=1, high=4, help=N_("Each further layer reads the states below.")
    )
    context: int = knob(
        64,
        N_("Window"),
        low=4,
        high=1024,
        unit=N_("tokens"),
        help=N_("The gradient flows back through this many tokens at most."),
    )
    width: int = knob(
        64, N_("Embedding"), low=4, high=512, advanced=True, help=N_("Numbers for each token.")
    )
    ngrams: int = knob(
        0,
        N_("N-gram slots"),
        low=0,
        high=65_536,
        advanced=True,
        help=N_("A table for pairs and triples of tokens: learns spelling at once. 0: none."),
    )
    dropout: float = knob(
        0.0,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("The share of state values that is left out at random while training."),
    )


class Recurrent(nn.Module):
    """Embedding, recurrent layers, and a linear map to the logits."""

    kernel: Callable[..., nn.RNNBase]

    def __init__(self, net: RecurrentKnobs, vocabulary: int) -> None:
        super().__init__()
        self.embed = NGramEmbedding(vocabulary, net.width, net.ngrams)
        self.core = self.kernel(net.width, net.hidden, net.layers, batch_first=True)
        self.dropout = nn.Dropout(net.dropout)
        self.head = nn.Linear(net.hidden, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, length) int64 to logits (batch, length, vocabulary)."""
        states, _ = self.core(self.embed(tokens))
        logits: Tensor = self.head(self.dropout(states))
        return logits

    def cell(self, x: Tensor, state: State, weights: "Weights") -> tuple[State, dict[str, Tensor]]:
        """One layer, one token: the new state, and what else is worth seeing, by name."""
        raise NotImplementedError

    def weights(self, layer: int) -> "Weights":
        """The kernel's weights of one layer."""
        core = self.core
        return Weights(
            *(
                getattr(core, f"{name}_l{layer}")
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
        )

    @property
    def carried(self) -> int:
        """How many tensors a layer carries on."""
        return 1

    def unroll(self, tokens: Tensor, gradients: bool = False) -> "Unrolled":
        """Run the equations over `tokens` (batch, length), keeping every state.

        With `gradients`, the loss may be differentiated with respect to each state.
        """
        batch, length = tokens.shape
        zero = torch.zeros(batch, self.core.hidden_size, requires_grad=gradients)
        states: list[State] = [(zero,) * self.carried for _ in range(self.core.num_layers)]
        inputs = self.embed(tokens)
        weights = [self.weights(layer) for layer in range(self.core.num_layers)]
        kept: list[list[State]] = []
        parts: list[list[dict[str, Tensor]]] = []
        for t in range(length):
            x = inputs[:, t]
            row = []
            for layer in range(self.core.num_layers):
                states[layer], seen = self.cell(x, states[layer], weights[layer])
                if gradients:
                    # Each a variable of its own: what c does to its own h is no part of d/dc.
                    states[layer] = tuple(part.clone() for part in states[layer])
                x = states[layer][0]
                row.append(seen)
            kept.append(list(states))
            parts.append(row)
        top = torch.stack([row[-1][0] for row in kept], dim=1)
        return Unrolled(self.head(top), kept, parts)

    def decoder(self, cache: bool = True) -> "RecurrentDecoder":
        """A decoder at the start of a text."""
        return RecurrentDecoder(self)


@dataclass(frozen=True)
class Weights:
    """Of one layer: from the input, from the state, and the two biases."""

    input: Tensor
    state: Tensor
    input_bias: Tensor
    state_bias: Tensor


@dataclass(frozen=True)
class Unrolled:
    """logits: (batch, length, vocabulary); states, parts: [token][layer]."""

    logits: Tensor
    states: list[list[State]]
    parts: list[list[dict[str, Tensor]]]


class RecurrentDecoder:
    """Carries the state on: the whole past costs nothing to keep."""

    def __init__(self, module: Recurrent) -> None:
        self.module = module
        self.state: Any = None
        self.last: list[int] = []

    @torch.no_grad()
    def feed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Read `tokens`; the logits (vocabulary,) of the next one."""
        known = len(self.last)
        window = torch.tensor([self.last + tokens])
        x = self.module.embed(window)[:, known:]
        self.last = (self.last + tokens)[-2:]
        states, self.state = self.module.core(x, self.state)
        logits: NDArray[np.float32] = self.module.head(states[0, -1]).numpy()
        return logits


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) on everything."""
    return {
        "all": [
            torch.optim.AdamW(
                module.parameters(),
                lr=train.learning_rate,
                betas=(0.9, 0.99),
                weight_decay=0.01,
                fused=True,
            )
        ]
    }


# --- views


@dataclass(frozen=True)
class LayerOverText(OverText):
    """A text, and which layer to look into."""

    layer: int = knob(1, N_("Layer"), low=1, high=4, live=True)
    order: str = knob(
        "slowest first",
        N_("Order of units"),
        choices=(N_("slowest first"), N_("as numbered")),
        live=True,
        advanced=True,
        help=N_("Slow units keep their value over many characters: the longer memory on top."),
    )


def unrolled_passage(
    trained: Trained, knobs: LayerOverText
) -> tuple[Unrolled, tuple[str, ...], int]:
    """The equations run over the chosen text, its labels, and the layer's index."""
    ids, labels = passage(trained, knobs.text, knobs.length)
    with torch.no_grad():
        unrolled = trained.module.unroll(torch.tensor([ids]))
    return unrolled, labels, min(knobs.layer, trained.net.layers) - 1


def state_heatmap(trained: Trained, knobs: LayerOverText) -> Drawing:
    """The hidden state h_t, unit by unit, over the text."""
    unrolled, labels, layer = unrolled_passage(trained, knobs)
    yield None
    values = torch.stack([row[layer][0][0] for row in unrolled.states], dim=1).numpy()
    order = unit_order(values, knobs)
    yield Heatmap(
        values[order],
        numbers=tuple(int(unit) for unit in order),
        title=N_("Hidden state, layer {layer}", layer=layer + 1),
        x_title=N_("text read so far"),
        y_title=N_("unit"),
        value_title=N_("activation"),
        columns=labels,
        low=-1.0,
        high=1.0,
        diverging=True,
        caption=N_("Each column is the state after a character. Units that change slowly on top.")
        if knobs.order == "slowest first"
        else N_("Each column is the state after a character."),
    )


def unit_order(values: NDArray[np.float32], knobs: LayerOverText) -> NDArray[np.int64]:
    """The units of `values` (units, tokens) in the order they are drawn in, (units,).

    A unit's pace is how much it changes from token to token for how much it varies.
    """
    if knobs.order == "as numbered" or values.shape[1] < 3:
        return np.arange(len(values))
    change = np.abs(np.diff(values, axis=1)).mean(axis=1)
    return np.argsort(change / (values.std(axis=1) + 1e-6), kind="stable")


@dataclass(frozen=True)
class LagKnobs:
    """How far back to look."""

    lags: int = knob(
        48, N_("Tokens back"), low=4, high=256, live=True, help=N_("How far back to look.")
    )
    texts: int = knob(
        16,
        N_("Texts"),
        low=1,
        high=64,
        live=True,
        advanced=True,
        help=N_("The mean is over these."),
    )


def gradient_by_lag(module: Recurrent, tokens: Tensor) -> NDArray[np.float32]:
    """Mean norm of d(last loss) / d(state k tokens back), k = 0 .. length - 1.

    tokens: (batch, length + 1). The loss is that of the last token alone, and the
    state is all that the top layer carries on (h, and c where there is one).
    See Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, section 2.
    """
    with torch.enable_grad():
        unrolled = module.unroll(tokens[:, :-1], gradients=True)
        losses = F.cross_entropy(unrolled.logits[:, -1], tokens[:, -1], reduction="sum")
        wanted = [tensor for row in unrolled.states for tensor in row[-1]]
        # Left over: the last c has no path to the loss but through its own h.
        gradients = torch.autograd.grad(losses, wanted, allow_unused=True)
    per_step = len(gradients) // len(unrolled.states)
    norms = []
    for t in range(len(unrolled.states)):
        parts = [g for g in gradients[t * per_step : (t + 1) * per_step] if g is not None]
        together = torch.cat(parts, dim=1)
        norms.append(together.norm(dim=1).mean())
    return torch.stack(norms[::-1]).numpy()


def gradient_view(trained: Trained, knobs: LagKnobs) -> Drawing:
    """Gradient norm against time lag, for this model and for the others that have a run."""
    lines = []
    for each in (trained, *trained.companions.values()):
        text = trained.data.tokeniser.decode(_held_out(trained.data, knobs))
        try:
            tokens = each.data.tokeniser.encode(text)
        except PlaygroundError:
            continue
        length = knobs.lags + 1
        count = max(1, min(knobs.texts, len(tokens) // length))
        windows = torch.from_numpy(np.asarray(tokens[: count * length], dtype=np.int64))
        norms = gradient_by_lag(each.module, windows.reshape(count, -1))
        lags = np.arange(len(norms), dtype=np.float32)
        name = N_("{model}, step {step}", model=str(each.model.title), step=each.step)
        lines.append(Line(name, lags, np.maximum(norms, SMALLEST)))
        yield None
    yield Curve(
        tuple(lines),
        x_title=N_("tokens back, k"),
        y_title=N_("‖∂ loss / ∂ state k tokens back‖"),
        log_y=True,
        caption=N_(
            "A line that falls means that what lies further back hardly teaches the model: "
            "the gradient vanishes. One that rises explodes."
        ),
    )


def _held_out(data: Any, knobs: LagKnobs) -> NDArray[Any]:
    held_out: NDArray[Any] = data.held_out[: (knobs.lags + 1) * knobs.texts]
    if len(held_out) < 2:
        raise PlaygroundError(
            N_("{title} has no held-out text here to measure on", title=str(data.title))
        )
    return held_out


def heatmap_parts(
    unrolled: Unrolled, layer: int, names: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each named part of the cell as (units, tokens)."""
    for name in names:
        columns = [row[layer][name][0] for row in unrolled.parts]
        yield name, torch.stack(columns, dim=1).numpy()


STATE = View(
    key="state",
    title=N_("Hidden state"),
    caption=N_("What the network remembers after each character, unit by unit."),
    make=state_heatmap,
    knobs=LayerOverText,
    every=2.0,
)
GRADIENT = View(
    key="gradient",
    title=N_("Gradient against time lag"),
    caption=N_("How strongly the loss of the last character depends on the state k tokens back."),
    make=gradient_view,
    knobs=LagKnobs,
    every=4.0,
    companions=("rnn", "gru", "lstm"),
)

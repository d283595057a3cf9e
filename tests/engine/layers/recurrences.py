"""The recurrent networks once more, in numpy alone, gate by gate as the papers write them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.layers.recurrent import Recurrent

State = tuple[Any, ...]


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


@dataclass(frozen=True)
class Gate:
    """W x + b + U h + d for one gate."""

    w: Any
    u: Any
    b: Any
    d: Any

    def __call__(self, x: Any, h: Any) -> Any:
        return self.w @ x + self.b + self.u @ h + self.d


def elman(gates: list[Gate], x: Any, state: State) -> State:
    """Elman 1990."""
    (h,) = state
    return (np.tanh(gates[0](x, h)),)


def gru(gates: list[Gate], x: Any, state: State) -> State:
    """Cho et al. 2014, with the reset gate after the matrix (Chung et al. 2014, as cuDNN)."""
    (h,) = state
    r, z = sigmoid(gates[0](x, h)), sigmoid(gates[1](x, h))
    new = gates[2]
    n = np.tanh(new.w @ x + new.b + r * (new.u @ h + new.d))
    return ((1.0 - z) * n + z * h,)


def lstm(gates: list[Gate], x: Any, state: State) -> State:
    """Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000."""
    h, c = state
    i, f, o = (sigmoid(gates[k](x, h)) for k in (0, 1, 3))
    g = np.tanh(gates[2](x, h))
    c = f * c + i * g
    return (o * np.tanh(c), c)


CELLS = {"rnn": elman, "gru": gru, "lstm": lstm}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class InNumpy:
    """A recurrent language model with the weights of `module` (without n-grams)."""

    def __init__(self, kind: str, module: Recurrent) -> None:
        weights = {
            name: tensor.detach().double().numpy() for name, tensor in module.state_dict().items()
        }
        self.kind = kind
        self.rows = weights["embed.one.weight"]
        self.head = weights["head.weight"], weights["head.bias"]
        size = module.core.hidden_size
        self.start: list[State] = [
            (np.zeros(size),) * (2 if kind == "lstm" else 1) for _ in range(module.core.num_layers)
        ]
        self.layers = [
            [
                Gate(
                    *(
                        weights[f"core.{name}_l{layer}"][gate * size : (gate + 1) * size]
                        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                    )
                )
                for gate in range(GATES[kind])
            ]
            for layer in range(module.core.num_layers)
        ]

    def read(self, token: int, states: list[State]) -> list[State]:
        """The states of all layers after one more token."""
        x = self.rows[token]
        after = []
        for gates, state in zip(self.layers, states, strict=True):
            after.append(CELLS[self.kind](gates, x, state))
            x = after[-1][0]
        return after

    def states(self, tokens: list[int]) -> list[list[State]]:
        """[token][layer]: the states after each token."""
        found = [self.start]
        for token in tokens:
            found.append(self.read(token, found[-1]))
        return found[1:]

    def logits(self, states: list[State]) -> Any:
        weight, bias = self.head
        return weight @ states[-1][0] + bias

    def loss(self, states: list[State], target: int) -> float:
        logits = self.logits(states)
        return float(np.log(np.exp(logits).sum()) - logits[target])

"""The compiled step against the equations of the Transformer, written out in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.families.transformer import NetKnobs, Transformer
from engine.layers import attention_step
from engine.layers.attention_step import CompiledStep, norm, times
from tests.engine.small import randomise, some_tokens

VOCABULARY, CONTEXT = 11, 12

every_position = pytest.mark.parametrize("positions", ["rotary", "learned"])
every_ngrams = pytest.mark.parametrize("ngrams", [0, 13])


def network(seed: int = 0, **values: Any) -> Transformer:
    small: dict[str, Any] = {
        "layers": 2,
        "heads": 3,
        "head_width": 4,
        "context": CONTEXT,
        "ngrams": 13,
    }
    module = Transformer(NetKnobs(**(small | values)), VOCABULARY).eval()
    randomise(module, seed)
    return module


# --- the equations, on one text from its beginning and without any cache


def normed(x: Tensor) -> Tensor:
    """(x - mean) / sqrt(variance + 1e-5), over the last axis."""
    middle = x - x.mean(-1, keepdim=True)
    return middle / torch.sqrt(middle.square().mean(-1, keepdim=True) + 1e-5)


def turned(x: Tensor) -> Tensor:
    """Plane m of x (T, D), the numbers m and m + D / 2, by t * 10000^(-2m / D) at place t."""
    half = x.shape[1] // 2
    places = torch.arange(len(x), dtype=torch.float64)
    rates = torch.tensor([10_000.0 ** (-2 * m / (2 * half)) for m in range(half)]).double()
    angles = places[:, None] * rates
    plane = torch.complex(x[:, :half], x[:, half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([plane.real, plane.imag], 1)


def expected(module: Transformer, tokens: list[int]) -> NDArray[np.float64]:
    """The logits (T, vocabulary) after each of `tokens`."""
    w = {name: value.detach().double() for name, value in module.named_parameters()}
    net = module.net
    rows = []
    for t, token in enumerate(tokens):
        row = w["embed.one.weight"][token].clone()
        if net.ngrams:
            before = tokens[t - 1] if t > 0 else 0
            before2 = tokens[t - 2] if t > 1 else 0
            two = token * 7919 + before * 104729
            row += w["embed.two.weight"][two % net.ngrams]
            row += w["embed.three.weight"][(two + before2 * 1299709) % net.ngrams]
        if net.positions == "learned":
            row += w["learned"][t]
        rows.append(row)
    x = normed(torch.stack(rows))
    for layer in range(net.layers):
        q, k, v = (normed(x) @ w[f"blocks.{layer}.qkv.weight"].T).chunk(3, dim=1)
        gathered = []
        for head in range(net.heads):
            part = slice(head * net.head_width, (head + 1) * net.head_width)
            qh, kh = q[:, part], k[:, part]
            if net.positions == "rotary":
                qh, kh = turned(normed(qh)), turned(normed(kh))
            scores = qh @ kh.T / math.sqrt(net.head_width)
            future = torch.arange(len(x))[None] > torch.arange(len(x))[:, None]
            gathered.append(scores.masked_fill(future, -math.inf).softmax(1) @ v[:, part])
        x = x + torch.cat(gathered, 1) @ w[f"blocks.{layer}.out.weight"].T
        hidden = (normed(x) @ w[f"blocks.{layer}.up.weight"].T).clamp(min=0).square()
        x = x + hidden @ w[f"blocks.{layer}.down.weight"].T
    logits: NDArray[np.float64] = (normed(x) @ w["head.weight"].T).numpy()
    return logits


def read(step: CompiledStep, tokens: list[int]) -> NDArray[np.float32]:
    """The logits (T, vocabulary) after each of `tokens`."""
    return np.stack([step(tokens, place) for place in range(len(tokens))])


def close(found: Any, wanted: Any) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4)


# --- a whole text


@every_position
@every_ngrams
@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"layers": 1, "heads": 1},
        {"layers": 4, "heads": 2, "head_width": 8},
        {"heads": 5, "head_width": 6},
    ],
    ids=str,
)
def test_every_logit_is_what_the_equations_say(
    positions: str, ngrams: int, sizes: dict[str, int]
) -> None:
    module = network(positions=positions, ngrams=ngrams, **sizes)
    tokens: list[int] = some_tokens(VOCABULARY, CONTEXT).tolist()
    wanted = expected(module, tokens)
    assert np.ptp(wanted) > 1  # so that there is something to be wrong in
    close(read(CompiledStep(module), tokens), wanted)


def test_an_odd_head_is_read_with_learned_positions() -> None:
    module = network(positions="learned", head_width=5)
    tokens: list[int] = some_tokens(VOCABULARY, CONTEXT).tolist()
    close(read(CompiledStep(module), tokens), expected(module, tokens))


@every_position
def test_the_slope_of_the_logits_is_that_of_autograd(positions: str) -> None:
    """By one weight of the first layer, which reaches the logits through all that follows."""
    module = network(positions=positions)
    tokens: list[int] = some_tokens(VOCABULARY, 6).tolist()
    weight = module.blocks[0].qkv.weight  # type: ignore[union-attr]
    assert isinstance(weight, torch.nn.Parameter)
    module.double()
    module(torch.tensor([tokens]))[0, -1].sum().backward()
    assert weight.grad is not None
    module.float()
    width, moved = module.net.width, 1e-2
    for row, column in ((0, 0), (width + 1, 2), (2 * width + 3, 5)):  # of q, of k, of v
        sums = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * moved
                logits = read(CompiledStep(module), tokens)[-1]
                weight[row, column] -= sign * moved
            sums.append(float(logits.astype(np.float64).sum()))
        slope = (sums[0] - sums[1]) / (2 * moved)
        assert slope == pytest.approx(float(weight.grad[row, column]), rel=0.02, abs=2e-3)


@every_position
def test_the_future_is_not_looked_at(positions: str) -> None:
    module = network(positions=positions)
    tokens: list[int] = some_tokens(VOCABULARY, CONTEXT).tolist()
    changed = [*tokens[:5], *((token + 1) % VOCABULARY for token in tokens[5:])]
    one, two = read(CompiledStep(module), tokens), read(CompiledStep(module), changed)
    np.testing.assert_array_equal(one[:5], two[:5])
    assert np.abs(one[5:] - two[5:]).max() > 0.01


@every_position
def test_a_text_read_again_is_written_over_what_was_kept(positions: str) -> None:
    module = network(positions=positions)
    first, second = (some_tokens(VOCABULARY, CONTEXT, seed=seed).tolist() for seed in (1, 2))
    step = CompiledStep(module)
    read(step, first)
    np.testing.assert_array_equal(read(step, second), read(CompiledStep(module), second))


def test_two_readers_of_one_network_keep_apart() -> None:
    module = network()
    first, second = (some_tokens(VOCABULARY, CONTEXT, seed=seed).tolist() for seed in (1, 2))
    one, two = CompiledStep(module), CompiledStep(module)
    found = [(one(first, place), two(second, place)) for place in range(CONTEXT)]
    close(np.stack([each for each, _ in found]), expected(module, first))
    close(np.stack([each for _, each in found]), expected(module, second))


def test_an_answer_stays_when_the_next_is_given() -> None:
    step, tokens = CompiledStep(network()), [1, 2]
    first = step(tokens, 0)
    kept = first.copy()
    step(tokens, 1)
    np.testing.assert_array_equal(first, kept)


@every_position
@every_ngrams
def test_a_text_is_drawn_from_one_state_of_the_weights(positions: str, ngrams: int) -> None:
    module = network(positions=positions, ngrams=ngrams)
    tokens: list[int] = some_tokens(VOCABULARY, CONTEXT).tolist()
    wanted = read(CompiledStep(module), tokens)
    step = CompiledStep(module)
    randomise(module, seed=7)  # training goes on
    np.testing.assert_array_equal(read(step, tokens), wanted)
    assert np.abs(read(CompiledStep(module), tokens) - wanted).max() > 0.1


def test_a_step_leaves_the_network_as_it_was() -> None:
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    read(CompiledStep(module), [1, 2, 3])
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


@every_position
@pytest.mark.parametrize("scale", [1e15, 1e25, math.inf, math.nan])
def test_weights_beyond_all_bounds_are_no_division_by_zero(positions: str, scale: float) -> None:
    module = network(positions=positions)
    randomise(module, scale=scale)
    assert read(CompiledStep(module), [1, 2, 3]).shape == (3, VOCABULARY)


def test_a_weight_that_is_no_number_gives_a_logit_that_is_none() -> None:
    module = network()
    with torch.no_grad():
        module.head.weight[4, 2] = math.nan
    logits = read(CompiledStep(module), [1, 2, 3])
    assert np.isnan(logits[:, 4]).all()
    assert np.isfinite(np.delete(logits, 4, axis=1)).all()


def test_large_scores_do_not_overflow() -> None:
    """A softmax without its largest number taken away would give no numbers here."""
    module = network(positions="learned", layers=1)
    with torch.no_grad():
        module.blocks[0].qkv.weight *= 40.0  # type: ignore[union-attr, operator]
    tokens: list[int] = some_tokens(VOCABULARY, CONTEXT).tolist()
    found = read(CompiledStep(module), tokens)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected(module, tokens), rtol=0.01, atol=0.01)


# --- its parts


def parts(of: Any) -> list[Callable[..., None]]:
    """As it is compiled, and as Python reads it."""
    return [of, of.py_func]


@pytest.mark.parametrize("part", parts(norm), ids=["compiled", "python"])
@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_norm_has_mean_0_and_deviation_1(part: Callable[..., None], size: int) -> None:
    x = np.random.default_rng(size).normal(3.0, 2.0, size).astype(np.float32)
    y = np.full(size, 99, np.float32)
    part(x, y, size)
    wide = x.astype(np.float64)
    wanted = (wide - wide.mean()) / np.sqrt(wide.var() + 1e-5)
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", parts(norm), ids=["compiled", "python"])
def test_norm_of_equal_numbers_is_0_and_only_the_first_count(part: Callable[..., None]) -> None:
    x, y = np.array([5, 5, 5, 1000], np.float32), np.full(4, 99, np.float32)
    part(x, y, 3)
    assert y.tolist() == [0, 0, 0, 99]


@pytest.mark.parametrize("part", parts(times), ids=["compiled", "python"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 8), (0, 4), (4, 0)])
def test_times_is_a_product(part: Callable[..., None], shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    w = random.normal(size=shape).astype(np.float32)
    x, y = random.normal(size=shape[1]).astype(np.float32), np.full(shape[0], 99, np.float32)
    part(w, x, y)
    wanted = w.astype(np.float64) @ x.astype(np.float64)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)


# --- compiled


@every_position
@every_ngrams
def test_the_compiled_step_is_its_source_read_by_python(
    monkeypatch: pytest.MonkeyPatch, positions: str, ngrams: int
) -> None:
    module = network(positions=positions, ngrams=ngrams, layers=1, heads=2)
    tokens: list[int] = some_tokens(VOCABULARY, 5).tolist()
    compiled = read(CompiledStep(module), tokens)
    monkeypatch.setattr(attention_step, "step", attention_step.step.py_func)
    close(read(CompiledStep(module), tokens), compiled)


def test_what_warms_up_is_what_is_used() -> None:
    attention_step.warm_up()
    before = list(attention_step.step.signatures)
    assert before
    for positions in ("rotary", "learned"):
        for ngrams in (0, 13):
            CompiledStep(network(positions=positions, ngrams=ngrams))([3], 0)
    assert list(attention_step.step.signatures) == before

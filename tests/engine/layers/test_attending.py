"""Blocks of a Transformer: rotary positions, the mask, and attention by its equations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.layers.attending import Block, rotate, rotation
from tests.engine.small import randomise


@pytest.mark.parametrize("width", [2, 4, 10, 128])
def test_the_rotation_is_a_multiplication_by_complex_numbers(width: int) -> None:
    x = torch.randn(3, 20, width)
    got = rotate(x, rotation(20, width)).numpy()
    half = width // 2
    points = x[..., :half].double().numpy() + 1j * x[..., half:].double().numpy()
    place, plane = np.arange(20)[:, None], np.arange(half)
    wanted = points * np.exp(1j * place * 10_000.0 ** (-2 * plane / width))
    np.testing.assert_allclose(got[..., :half], wanted.real, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got[..., half:], wanted.imag, rtol=1e-4, atol=1e-4)


def test_the_rotation_keeps_lengths_and_leaves_the_first_place_alone() -> None:
    x = torch.randn(5, 300, 16)
    turned = rotate(x, rotation(300, 16))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-4, atol=1e-4)
    assert torch.equal(turned[:, 0], x[:, 0])
    assert (turned[:, 1:] != x[:, 1:]).any(-1).all()


def test_what_query_and_key_make_depends_only_on_their_distance() -> None:
    length, width = 40, 8
    q, k = torch.randn(width).expand(length, -1), torch.randn(width).expand(length, -1)
    turn = rotation(length, width)
    scores = rotate(q, turn) @ rotate(k, turn).T
    for distance in range(-length + 1, length):
        along = scores.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand(len(along)), rtol=1e-4, atol=1e-4)
    assert scores[0].std() > 0.1  # another distance, another score


@pytest.mark.parametrize("causal", [True, False])
def test_a_place_sees_itself_what_is_before_and_without_the_mask_all(causal: bool) -> None:
    shape = SimpleNamespace(width=12, heads=3, causal=causal, positions="rotary", dropout=0.0)
    block = Block(shape)
    randomise(block)
    x = torch.randn(1, 7, 12, requires_grad=True)
    answers = block(x, rotation(7, 4))
    for place in range(7):
        (gradient,) = torch.autograd.grad(answers[0, place].sum(), x, retain_graph=True)
        seen = (gradient[0] != 0).any(-1).tolist()
        assert seen == [not causal or other <= place for other in range(7)]
    slow, weights = block.attend(x, rotation(7, 4))
    torch.testing.assert_close(slow, answers, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 3, 7))

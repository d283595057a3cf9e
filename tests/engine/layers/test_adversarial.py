"""Losses, penalties and layers of adversarial training, against closed forms and numpy."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import knobs
from engine.layers import adversarial
from engine.layers.adversarial import AdversarialKnobs, Batch, Convolution, Linear, SpectralNorm
from engine.layers.pictures import noise

REAL = torch.tensor([2.0, -0.5, 0.3])
FAKE = torch.tensor([-1.5, 0.4, 1.2])


def finished(work: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


class LinearCritic(nn.Module):
    """D(x) = w . x"""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


# --- losses


def test_the_losses_are_those_of_the_papers() -> None:
    real, fake = REAL.double().numpy(), FAKE.double().numpy()
    wanted = {
        "non-saturating": (
            -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean(),
            -np.log(sigmoid(fake)).mean(),
        ),
        "hinge": (
            np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
            -fake.mean(),
        ),
        "wgan-gp": (fake.mean() - real.mean(), -fake.mean()),
    }
    for loss, (of_discriminator, of_generator) in wanted.items():
        assert float(adversarial.discriminator_loss(loss, REAL, FAKE)) == pytest.approx(
            of_discriminator, rel=1e-5
        )
        assert float(adversarial.generator_loss(loss, FAKE)) == pytest.approx(
            of_generator, rel=1e-5
        )


def test_r1_of_a_linear_critic_is_half_its_squared_norm() -> None:
    w = random(12)
    critic = LinearCritic(w.clone())
    penalty = adversarial.r1(critic, random(5, 3, 4, seed=1))
    assert float(penalty.detach()) == pytest.approx(0.5 * float(w @ w), rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, critic.w)
    torch.testing.assert_close(slope, w)  # d/dw of |w|^2 / 2


def test_r1_of_a_quadratic_critic() -> None:
    matrix = random(3, 3)
    symmetric = (matrix + matrix.T).double()
    x = random(7, 3, seed=2).double()
    found = adversarial.r1(lambda each: 0.5 * ((each @ symmetric) * each).sum(1), x)
    gradients = x.numpy() @ symmetric.numpy()
    assert float(found.detach()) == pytest.approx(0.5 * (gradients**2).sum(1).mean(), rel=1e-9)


def test_the_gradient_penalty_of_a_linear_critic_is_how_far_its_norm_is_from_one() -> None:
    w = random(6)
    critic = LinearCritic(w.clone())
    real, fake, mix = random(4, 6, seed=1), random(4, 6, seed=2), torch.rand(4)
    penalty = adversarial.gradient_penalty(critic, real, fake, mix)
    norm = float(w.norm())
    assert float(penalty.detach()) == pytest.approx((norm - 1) ** 2, rel=1e-4)
    (slope,) = torch.autograd.grad(penalty, critic.w)
    torch.testing.assert_close(slope, 2 * (norm - 1) * w / norm, rtol=1e-4, atol=1e-5)


def test_the_gradient_penalty_is_taken_between_real_and_generated() -> None:
    real, fake = random(5, 1, 2, 3, seed=1), random(5, 1, 2, 3, seed=2)
    mix = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    # The gradient of |x|^2 / 2 is x itself.
    found = adversarial.gradient_penalty(
        lambda x: 0.5 * x.square().flatten(1).sum(1), real, fake, mix
    )
    places = [m * r + (1 - m) * f for m, r, f in zip(mix, real, fake, strict=True)]
    wanted = np.mean([(float(place.norm()) - 1) ** 2 for place in places])
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-5)


def test_penalties_can_be_had_where_gradients_are_off() -> None:
    with torch.no_grad():
        penalty = adversarial.r1(LinearCritic(torch.ones(2)), random(3, 2))
    assert float(penalty) == pytest.approx(1.0)
    assert not penalty.requires_grad


# --- layers


@pytest.mark.parametrize("layer", [Linear(7, 5, True), Convolution(3, 4, True)], ids=["lin", "con"])
def test_spectral_normalisation_divides_by_the_largest_singular_value(layer: Any) -> None:
    with torch.no_grad():
        layer.weight.copy_(random(*layer.weight.shape))
    for _ in range(200):  # the power iteration finds it step by step
        normed = layer.norm(layer.weight)
    matrix = layer.weight.detach().flatten(1).double().numpy()
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    np.testing.assert_allclose(
        normed.detach().flatten(1).numpy(), matrix / largest, rtol=1e-3, atol=1e-5
    )


def test_spectral_normalisation_follows_only_in_training_and_needs_no_unit_vector() -> None:
    weight = random(5, 7)
    norm = SpectralNorm(weight)
    for _ in range(100):
        norm(weight)
    norm.eval()
    before, wanted = norm.u.clone(), norm(weight)
    assert torch.equal(norm.u, before)
    norm.u.mul_(0.3)  # as an average over several steps would be shorter
    torch.testing.assert_close(norm(weight), wanted)
    norm.train()
    norm(random(5, 7, seed=3))
    assert not torch.allclose(norm.u, 0.3 * before)


def test_without_spectral_normalisation_the_layers_are_the_plain_ones() -> None:
    linear, convolution = Linear(4, 3), Convolution(2, 3)
    x, picture = random(5, 4), random(2, 2, 6, 6)
    torch.testing.assert_close(linear(x), x @ linear.weight.T + linear.bias)
    wanted = nn.functional.conv2d(picture, convolution.weight, convolution.bias, padding=1)
    torch.testing.assert_close(convolution(picture), wanted)


def test_the_batch_deviation_is_the_mean_of_the_deviations_over_the_batch() -> None:
    x = random(6, 3, 4, 5)
    found = adversarial.with_batch_deviation(x)
    assert found.shape == (6, 4, 4, 5)
    assert torch.equal(found[:, :3], x)
    wanted = x.double().numpy().std(axis=0).mean()
    np.testing.assert_allclose(found[:, 3].numpy(), wanted, rtol=1e-5)
    same = adversarial.with_batch_deviation(x[:1].expand(6, -1, -1, -1))
    assert float(same[:, 3].max()) < 1e-3


# --- a step


def pair(weight: Tensor) -> Any:
    """A generator that shifts z, and a linear critic."""
    module = nn.Module()
    module.generator = nn.Linear(2, 2)
    module.discriminator = LinearCritic(weight)
    module.register_buffer("steps", torch.zeros((), dtype=torch.int64))
    return module


def some_batch(rounds: int = 1) -> Batch:
    return Batch(
        random(rounds, 4, 2, seed=1), random(rounds, 4, 2, seed=2), torch.rand(rounds, 4), REAL[:0]
    )


def test_r1_is_laid_on_now_and_then_and_that_much_more() -> None:
    w = torch.tensor([0.6, 0.8])
    module, batch = pair(w.clone()), some_batch()
    train = AdversarialKnobs(r1=3.0, r1_every=4)
    extra = []
    for _ in range(9):
        first, _second = adversarial.step(module, batch, train)
        extra.append(float(first.loss.detach() - first.metrics["discriminator"]))
    # |w| is 1, so each time 3 * 4 * 1/2.
    np.testing.assert_allclose(extra, [6, 0, 0, 0, 6, 0, 0, 0, 6], atol=1e-5)


def test_the_gradient_penalty_is_laid_on_each_time() -> None:
    module, batch = pair(torch.tensor([3.0, 4.0])), some_batch(rounds=2)
    train = AdversarialKnobs(loss="wgan-gp", penalty=0.5, rounds=2)
    descents = list(adversarial.step(module, batch, train))
    assert [each.optimiser for each in descents] == ["discriminator"] * 2 + ["generator"]
    for each in descents[:2]:
        extra = float(each.loss.detach() - each.metrics["discriminator"])
        assert extra == pytest.approx(0.5 * (5 - 1) ** 2, rel=1e-4)


def test_who_learns_decides_which_descents_there_are() -> None:
    for who, wanted in (
        ("both", ["discriminator", "generator"]),
        ("generator", ["generator"]),
        ("discriminator", ["discriminator"]),
    ):
        descents = list(
            adversarial.step(pair(torch.ones(2)), some_batch(), AdversarialKnobs(who=who))
        )
        assert [each.optimiser for each in descents] == wanted
        assert set(descents[-1].metrics) == {"discriminator", "generator"}


def test_the_generator_learns_through_a_discriminator_that_it_leaves_alone() -> None:
    module = pair(torch.ones(2))
    *_, descent = adversarial.step(module, some_batch(), AdversarialKnobs())
    descent.loss.backward()  # type: ignore[no-untyped-call]
    assert module.discriminator.w.grad is None
    assert module.discriminator.w.requires_grad
    assert float(module.generator.weight.grad.abs().sum()) > 0


# --- measuring


@pytest.mark.parametrize("loss", ["non-saturating", "hinge"])
def test_scores_are_read_as_probabilities(loss: str) -> None:
    wanted = sigmoid(REAL.numpy())
    np.testing.assert_allclose(adversarial.probability(loss, REAL, REAL, FAKE), wanted, rtol=1e-5)


def test_a_critics_scores_are_read_relative_to_each_other() -> None:
    real, fake = random(100) + 2, random(100, seed=1)
    middle = (real.mean() + fake.mean()) / 2
    here = adversarial.probability("wgan-gp", real, real, fake)
    assert float(adversarial.probability("wgan-gp", middle, real, fake)) == pytest.approx(0.5)
    moved = adversarial.probability("wgan-gp", 5 * real - 40, 5 * real - 40, 5 * fake - 40)
    torch.testing.assert_close(here, moved, rtol=1e-4, atol=1e-5)
    assert 0.6 < float(here.mean()) < 0.85  # one deviation above zero: sigmoid(1) is 0.73


def test_the_metrics_on_made_examples() -> None:
    real, fake = random(40, 3), 0.5 * random(30, 3, seed=1)
    module = SimpleNamespace(discriminator=lambda x: x[:, 0])
    found = finished(adversarial.evaluate(module, real, fake, AdversarialKnobs(loss="hinge")))
    first, second = real[:, 0].numpy(), fake[:, 0].numpy()
    assert found["held_out"] == pytest.approx(
        np.maximum(0, 1 - first).mean() + np.maximum(0, 1 + second).mean(), rel=1e-5
    )
    assert found["real"] == pytest.approx(sigmoid(first).mean(), rel=1e-5)
    assert found["fake"] == pytest.approx(sigmoid(second).mean(), rel=1e-5)
    apart = [
        np.mean([np.linalg.norm(a - b) for a, b in itertools.combinations(each.numpy(), 2)])
        for each in (real, fake)
    ]
    assert found["diversity"] == pytest.approx(apart[1] / apart[0], rel=1e-4)


def test_one_example_has_no_diversity_to_speak_of() -> None:
    module = SimpleNamespace(discriminator=lambda x: x[:, 0])
    found = finished(
        adversarial.evaluate(module, REAL[:1, None], FAKE[:, None], AdversarialKnobs())
    )
    assert "diversity" not in found


def test_the_histogram_counts_each_set_by_itself() -> None:
    curve = adversarial.histogram(torch.tensor([0.0, 0.01, 1.0, 1.0]), torch.zeros(3), "hinge")
    real, fake = curve.lines
    assert real.y[0] == 0.5
    assert real.y[-1] == 0.5
    assert fake.y[0] == 1.0
    assert real.y.sum() == fake.y.sum() == 1.0
    assert np.array_equal(real.x, fake.x)


# --- the latent space


def test_an_arc_between_unit_vectors_turns_evenly() -> None:
    a, b = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    for t in (0.0, 0.2, 0.5, 1.0):
        angle = t * np.pi / 2
        wanted = torch.tensor([np.cos(angle), np.sin(angle), 0.0], dtype=torch.float32)
        torch.testing.assert_close(adversarial.between(a, b, t), wanted, atol=1e-6, rtol=0)


def test_an_arc_begins_and_ends_where_it_should() -> None:
    a, b = random(64), random(64, seed=1)
    torch.testing.assert_close(adversarial.between(a, b, 0.0), a)
    torch.testing.assert_close(adversarial.between(a, b, 1.0), b)
    torch.testing.assert_close(adversarial.between(a, a, 0.4), a)


def test_the_plane_goes_through_its_corners_and_keeps_the_variance() -> None:
    corners = random(3, 20_000)
    x, y = torch.tensor([0.0, 1.0, 0.0, 0.3, 1.4, -0.5]), torch.tensor([0.0, 0.0, 1.0, 0.3, 0.2, 1])
    found = adversarial.spanned(corners, x, y)
    torch.testing.assert_close(found[:3], corners)
    np.testing.assert_allclose(found.var(dim=1).numpy(), 1.0, atol=0.05)


def test_a_direction_is_the_difference_of_two_means() -> None:
    z = noise((3, 4, 5, 9), 8).numpy()
    found = adversarial.direction((3, 4, 5), (9,), 8).numpy()
    np.testing.assert_allclose(found, (z[0] + z[1] + z[2]) / 3 - z[3], rtol=1e-5, atol=1e-6)
    assert not adversarial.direction((), (), 8).any()


# --- health


def test_the_remedies_fit_the_knobs() -> None:
    for rule in adversarial.HEALTH:
        for train in (AdversarialKnobs(), AdversarialKnobs(r1=0.0, rounds=4)):
            assert not knobs.problems(knobs.changed(train, rule.remedy(train)))
    collapse = adversarial.HEALTH[0]
    assert collapse.remedy(AdversarialKnobs(r1=0.0)) == {"rounds": 4, "r1": 1.0}
    assert collapse.remedy(AdversarialKnobs(r1=5.0, rounds=3)) == {"rounds": 10, "r1": 5.0}
    live = {knob.name for knob in knobs.knobs_of(AdversarialKnobs) if knob.live}
    assert set(collapse.remedy(AdversarialKnobs())) <= live

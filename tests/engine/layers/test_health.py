"""Each rule on a made curve, on a healthy one, on noise and on a short history."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.family import Rule, TrainKnobs
from engine.history import History
from engine.knobs import changed, knob, problems
from engine.layers import health

RULES = (
    health.MODE_COLLAPSE,
    health.DISCRIMINATOR_TOO_STRONG,
    health.POSTERIOR_COLLAPSE,
    health.OVERFITTING,
    health.PLATEAU,
)


@dataclass(frozen=True)
class Train(TrainKnobs):
    """What a GAN and a VAE have besides."""

    r1: float = knob(0.1, "R1", low=0.0, high=100.0, live=True)
    penalty: float = knob(10.0, "Penalty", low=0.0, high=100.0, live=True)
    beta: float = knob(1.0, "beta", low=0.0, high=10.0, live=True)
    beta_warm_up: int = knob(0, "beta's warm-up", low=0, high=100_000)
    loss: str = knob("non-saturating", "Loss", choices=("non-saturating", "wgan-gp"))


TRAIN = Train(steps=100_000, r1=1.0)


def told(rule: Rule, train: Train = TRAIN, steps_each: int = 10, **series: Any) -> bool:
    """Whether the rule holds of a history with these values, one each so many steps."""
    history = History()
    for name, values in series.items():
        for number, value in enumerate(values):
            step = steps_each * (number + 1)
            history.add(step, step / 100, {name: float(value)})
    return rule.found(history, train)


def noise(size: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(size)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_nothing_is_found_where_nothing_was_measured(rule: Rule) -> None:
    assert not told(rule)
    assert not told(rule, loss=[1.0], held_out=[1.0], diversity=[0.0], active=[0], latent=[8])
    assert not told(rule, real=[1.0] * 3, fake=[0.0] * 3)


@pytest.mark.parametrize(
    ("diversity", "found"),
    [
        ([1.0, 0.9, 0.4, 0.3, 0.2], True),
        ([0.1, 0.1, 0.1, 0.1], True),
        ([0.1, 0.1, 0.1], False),  # measured too rarely
        ([0.1, 0.1, 0.6, 0.5, 0.41], False),  # the mean of the last 3 is above one half
        ([1.0, 1.0, 0.9, 1.0, 0.2], False),  # a single low one
        ([0.1, 0.1, 0.2, 0.9, 0.9, 0.9], False),  # over it
    ],
)
def test_mode_collapse(diversity: list[float], found: bool) -> None:
    assert told(health.MODE_COLLAPSE, diversity=diversity) is found


def test_a_discriminator_that_is_never_in_doubt() -> None:
    rule = health.DISCRIMINATOR_TOO_STRONG
    assert told(rule, real=[0.6] * 10 + [0.99] * 30, fake=[0.4] * 10 + [0.01] * 30)
    assert not told(rule, real=[0.99] * 40, fake=[0.2] * 40)  # taken in now and then
    assert not told(rule, real=[0.7] * 40, fake=[0.01] * 40)
    assert not told(rule, real=[0.99] * 10, fake=[0.01] * 10)  # the first 100 steps
    assert not told(rule, real=[0.6] * 35 + [0.99] * 5, fake=[0.4] * 35 + [0.01] * 5)
    # Measured rarely: the last five tell.
    assert told(rule, steps_each=500, real=[0.6] * 5 + [0.99] * 5, fake=[0.4] * 5 + [0.01] * 5)
    assert not told(rule, steps_each=500, real=[0.5] * 6 + [0.99] * 4, fake=[0.5] * 6 + [0.0] * 4)


def test_noisy_scores_count_by_their_mean() -> None:
    rule = health.DISCRIMINATOR_TOO_STRONG
    scatter = 0.02 * noise(100)
    assert told(rule, real=0.98 + scatter, fake=0.02 - scatter)
    assert not told(rule, real=0.92 + scatter, fake=0.08 - scatter)


def test_the_scores_of_a_critic_are_no_probabilities() -> None:
    critic = changed(TRAIN, {"loss": "wgan-gp"})
    assert not told(health.DISCRIMINATOR_TOO_STRONG, critic, real=[1.0] * 50, fake=[0.0] * 50)


def test_posterior_collapse() -> None:
    rule = health.POSTERIOR_COLLAPSE
    latent = [16] * 20
    assert told(rule, steps_each=100, active=[16] * 10 + [8, 5, 3] * 2, latent=latent)
    assert not told(rule, steps_each=100, active=[9] * 20, latent=latent)
    assert not told(rule, steps_each=100, active=[3, 3, 3, 3], latent=latent)  # the first 300
    assert not told(rule, steps_each=100, active=[3] * 10 + [9, 3, 3], latent=latent)
    assert not told(rule, steps_each=100, active=[3] * 10 + [12] * 3, latent=latent)  # over it
    assert told(rule, steps_each=100, active=[1] * 10, latent=[2] * 10)  # of a map only a line
    warming = changed(TRAIN, {"beta_warm_up": 2000})
    assert not told(rule, warming, steps_each=100, active=[0] * 20, latent=latent)
    assert told(rule, warming, steps_each=100, active=[0] * 23, latent=latent)


def falling(size: int, to: float = 1.0) -> Any:
    """A loss from 3 down to about `to`."""
    return to + (3 - to) * np.exp(-np.arange(size) / (size / 6))


def test_overfitting() -> None:
    rule = health.OVERFITTING
    loss = falling(100, 0.3)
    rising = np.concatenate([falling(60), 1.0 + 0.005 * np.arange(40)])
    assert told(rule, loss=loss, held_out=rising)
    assert not told(rule, loss=loss, held_out=falling(100))
    assert not told(rule, loss=loss, held_out=rising[:67])  # less than 3 %, so far
    assert not told(rule, loss=1.5 - loss, held_out=rising)  # the training loss rises as well
    assert not told(rule, loss=loss, held_out=rising[:7])
    assert not told(rule, loss=loss, held_out=[*rising[:96], 1.0, 1.0, 1.0, 1.0])  # back again


@pytest.mark.parametrize("scatter", [0.005, 0.03, 0.1])
def test_a_held_out_loss_that_only_scatters_is_no_overfitting(scatter: float) -> None:
    for seed in range(50):
        held_out = falling(100) * (1 + scatter * noise(100, seed))
        assert not told(health.OVERFITTING, loss=falling(100, 0.3), held_out=held_out)


@pytest.mark.parametrize("scatter", [0.005, 0.03])
def test_overfitting_is_seen_through_noise(scatter: float) -> None:
    rising = np.concatenate([falling(60), 1.0 + 0.01 * np.arange(40)])
    for seed in range(20):
        held_out = rising * (1 + scatter * noise(100, seed))
        assert told(health.OVERFITTING, loss=falling(100, 0.3), held_out=held_out)


def test_plateau() -> None:
    rule = health.PLATEAU
    settled = np.concatenate([falling(200), np.full(200, 1.0)])
    for scatter in (0.0, 0.01, 0.1):
        noisy = settled + scatter * noise(400)
        assert told(rule, loss=noisy)
        assert not told(rule, loss=noisy[:60])  # the first 600 steps
    line = np.linspace(3.0, 1.0, 400)
    for scatter in (0.0, 0.01, 0.1):
        assert not told(rule, loss=line + scatter * noise(400))


def test_a_plateau_late_in_the_plan_is_what_the_plan_wants() -> None:
    settled = np.full(200, 1.0)
    assert told(health.PLATEAU, Train(steps=4000), loss=settled)
    assert not told(health.PLATEAU, Train(steps=3999), loss=settled)  # beyond half of it
    assert told(health.PLATEAU, Train(steps=0, seconds=40.0), loss=settled)
    assert not told(health.PLATEAU, Train(steps=0, seconds=39.0), loss=settled)
    assert told(health.PLATEAU, Train(steps=0), loss=settled)  # no plan


def test_a_loss_below_zero_is_read_alike() -> None:
    settled = np.concatenate([falling(200), np.full(200, 1.0)]) - 5
    assert told(health.PLATEAU, loss=settled)
    assert not told(health.PLATEAU, loss=np.linspace(-1.0, -3.0, 400))
    rising = np.concatenate([falling(60), 1.0 + 0.01 * np.arange(40)]) - 3
    assert told(health.OVERFITTING, loss=falling(100, 0.3) - 3, held_out=rising)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_remedy_turns_knobs_within_their_bounds(rule: Rule) -> None:
    for train in (TRAIN, Train(r1=100.0, beta=0.0, learning_rate=1e-6), Train(r1=0.0, beta=10.0)):
        values = rule.remedy(train)
        assert values
        assert not problems(changed(train, values))
    assert set(rule.remedy(TrainKnobs())) <= {"learning_rate"}  # no knob that is not there


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        (health.MODE_COLLAPSE, "r1", 3.0),
        (health.DISCRIMINATOR_TOO_STRONG, "r1", 3.0),
        (health.POSTERIOR_COLLAPSE, "beta", 0.5),
        (health.OVERFITTING, "learning_rate", 1e-3),
        (health.PLATEAU, "learning_rate", 1.5e-3),
    ],
    ids=lambda value: getattr(value, "key", ""),
)
def test_what_a_remedy_does(rule: Rule, name: str, value: float) -> None:
    assert rule.remedy(TRAIN) == {name: pytest.approx(value)}


def test_a_critic_has_a_penalty_of_its_own() -> None:
    critic = changed(TRAIN, {"loss": "wgan-gp"})
    assert health.MODE_COLLAPSE.remedy(critic) == {"penalty": 30.0}
    assert health.MODE_COLLAPSE.remedy(Train(r1=0.0)) == {"r1": 3.0}


def test_every_rule_says_what_it_is() -> None:
    words: list[Callable[[Rule], str]] = [
        lambda rule: rule.sentence,
        lambda rule: rule.rule,
        lambda rule: rule.button,
    ]
    assert len({rule.key for rule in RULES}) == len(RULES)
    assert all(word(rule) for rule in RULES for word in words)

"""What goes wrong in a training, as rules that anybody can check on the curves.

Each rule is a statement about the history alone (last values, means, a rise above
a best), so it can be tested on made curves, and read in words beside the warning.
The remedies turn training knobs, and only those that the model has.

Papers: Mescheder, Geiger and Nowozin 2018, "Which Training Methods for GANs do actually
Converge?" (R1, section 4.1); Bowman et al. 2016, "Generating Sentences from a Continuous
Space" (posterior collapse, section 3.1); Prechelt 1998, "Early Stopping - But When?".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.family import Rule
from engine.history import History, Series
from engine.knobs import knobs_of
from engine.phrases import N_

Values = NDArray[np.float64]

LEAST_DIVERSITY = 0.5
CERTAIN = 0.95
CERTAIN_STEPS = 200
SETTLED_STEPS = 300
RISE = 0.03
RISE_MEASURED = 5
PLATEAU_STEPS = 600
PLATEAU_FALL = 0.005


# --- the rules, on plain arrays


def collapsed(diversity: Values) -> bool:
    """Whether the mean of the last 3 of at least 4 measurements is below one half."""
    return len(diversity) >= 4 and bool(diversity[-3:].mean() < LEAST_DIVERSITY)


def too_certain(real: Series, fake: Series) -> bool:
    """Whether over the last 200 steps the mean scores are beyond 0.95 and 0.05.

    At least that many steps must be there, and 5 measurements in them.
    """
    means = []
    for scores in (real, fake):
        if not len(scores.steps) or scores.steps[-1] < CERTAIN_STEPS:
            return False
        first = min(
            int(np.searchsorted(scores.steps, scores.steps[-1] - CERTAIN_STEPS)),
            len(scores.steps) - 5,
        )
        if first < 0:
            return False
        means.append(scores.values[first:].mean())
    return bool(means[0] > CERTAIN and means[1] < 1.0 - CERTAIN)


def dead(active: Series, latent: Values, settled: float) -> bool:
    """Whether at most half of the dimensions were active in the last 3 measurements.

    Those up to the step `settled` do not count.
    """
    counted = active.values[active.steps > settled][-3:]
    if len(counted) < 3 or not len(latent):
        return False
    return bool((counted <= latent[-1] / 2).all())


def overfitted(held_out: Series, loss: Series) -> bool:
    """Whether the held-out loss has risen while the training loss falls.

    Risen: each of the last 5 measurements is 3 % above the best mean of three neighbours,
    and their mean also by three times the scatter from one measurement to the next.
    Falls: the training loss since then is lower in the later half than in the earlier.
    """
    values = held_out.values
    before = len(values) - RISE_MEASURED
    if before < 3 or not np.isfinite(values).all():
        return False
    means = np.convolve(values[:before], np.ones(3) / 3, "valid")
    place = int(np.argmin(means))
    best = means[place]
    scatter = _scatter(values)
    recent = values[-RISE_MEASURED:]
    if not ((recent > best + RISE * abs(best)).all() and recent.mean() > best + 3 * scatter):
        return False
    since = loss.values[loss.steps >= held_out.steps[place + 1]]
    half = len(since) // 2
    return half >= 1 and bool(since[half:].mean() < since[:half].mean())


def flat(loss: Series) -> bool:
    """Whether the loss has not fallen over the last third of at least 600 steps.

    Not fallen: from the third's earlier half to its later one it fell by less than 0.5 %,
    and by less than twice the standard error of that difference.
    """
    if not len(loss.steps) or loss.steps[-1] - loss.steps[0] < PLATEAU_STEPS:
        return False
    span = (loss.steps[-1] - loss.steps[0]) / 3
    third = loss.steps >= loss.steps[-1] - span
    later = loss.steps >= loss.steps[-1] - span / 2
    earlier_half, later_half = loss.values[third & ~later], loss.values[later]
    if min(len(earlier_half), len(later_half)) < 5:
        return False
    fall = earlier_half.mean() - later_half.mean()
    error = float(
        np.sqrt(
            earlier_half.var(ddof=1) / len(earlier_half) + later_half.var(ddof=1) / len(later_half)
        )
    )
    return bool(fall < PLATEAU_FALL * abs(earlier_half.mean()) and fall <= 2 * error)


def _scatter(values: Values) -> float:
    """Standard deviation of the measuring error, from neighbours; a trend hardly counts."""
    steps = np.diff(values)
    # The median is not moved by the steep fall at the start. 1.4826: for a normal distribution.
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2))


# --- the rules, on a history


def _collapsed(history: History, train: Any) -> bool:
    return collapsed(history.series("diversity").values)


def _too_certain(history: History, train: Any) -> bool:
    if _is_critic(train):  # its scores are no probabilities: large ones are no fault
        return False
    return too_certain(history.series("real"), history.series("fake"))


def _is_critic(train: Any) -> bool:
    return str(getattr(train, "loss", "")).startswith("wgan")


def _dead(history: History, train: Any) -> bool:
    warm_ups = [
        float(getattr(train, knob.name)) for knob in knobs_of(train) if "warm_up" in knob.name
    ]
    settled = max(SETTLED_STEPS, *warm_ups, 0.0)
    return dead(history.series("active"), history.series("latent").values, settled)


def _overfitted(history: History, train: Any) -> bool:
    return overfitted(history.series("held_out"), history.series("loss"))


def _flat(history: History, train: Any) -> bool:
    loss = history.series("loss")
    if not len(loss.steps):
        return False
    done = max(
        loss.steps[-1] / train.steps if train.steps else 0.0,
        loss.seconds[-1] / train.seconds if train.seconds else 0.0,
    )
    return bool(done <= train.decay_from) and flat(loss)


# --- remedies


def turned(train: Any, name: str, factor: float, least: float = 0.0) -> dict[str, Any]:
    """The knob `name` times `factor`, at least `least`, within its bounds; {} if there is none."""
    for knob in knobs_of(train):
        if knob.name == name:
            assert knob.low is not None
            assert knob.high is not None
            value = max(getattr(train, name) * factor, least)
            return {name: knob.checked(float(min(max(value, knob.low), knob.high)))}
    return {}


def _more_penalty(train: Any) -> Mapping[str, Any]:
    penalty = "penalty" if _is_critic(train) else "r1"
    # On eight clusters that had become one, R1 of 1 did not bring them back and 3 did.
    return turned(train, penalty, 3.0, least=3.0) or turned(train, "learning_rate", 0.5)


def _less_beta(train: Any) -> Mapping[str, Any]:
    return turned(train, "beta", 0.5)


def _third_of_the_rate(train: Any) -> Mapping[str, Any]:
    return turned(train, "learning_rate", 1 / 3)


def _half_the_rate(train: Any) -> Mapping[str, Any]:
    return turned(train, "learning_rate", 0.5)


MODE_COLLAPSE = Rule(
    "mode_collapse",
    N_("Mode collapse: the samples are all alike, far more than the data are."),
    N_(
        "The mean distance between two samples, divided by that between two examples of the data, "
        "was below 0.5 in the mean of the last 3 measurements (of at least 4)."
    ),
    _collapsed,
    N_("Stronger penalty"),
    _more_penalty,
)
DISCRIMINATOR_TOO_STRONG = Rule(
    "discriminator_too_strong",
    N_("The discriminator is too strong: it is never in doubt, so the generator learns little."),
    N_(
        "Over the last 200 steps its mean score was above 0.95 on real examples and below 0.05 on "
        "generated ones."
    ),
    _too_certain,
    N_("Stronger penalty"),
    _more_penalty,
)
POSTERIOR_COLLAPSE = Rule(
    "posterior_collapse",
    N_("Posterior collapse: half of the latent dimensions or more are dead and carry nothing."),
    N_(
        "After the warm-up (and at least 300 steps), at most half of the dimensions had a mean KL "
        "above 0.01 nats in each of the last 3 measurements."
    ),
    _dead,
    N_("Halve beta"),
    _less_beta,
)
OVERFITTING = Rule(
    "overfitting",
    N_(
        "Overfitting: it learns the examples by heart. What it has not seen, it now predicts worse "
        "than before."
    ),
    N_(
        "Each of the last 5 held-out losses was more than 3 % above the best (a mean of three), "
        "by more than they scatter, while the training loss still falls."
    ),
    _overfitted,
    N_("Learning rate / 3"),
    _third_of_the_rate,
)
PLATEAU = Rule(
    "plateau",
    N_("Plateau: the loss no longer falls, though the plan is far from its end."),
    N_(
        "Over the last third of at least 600 steps, before the learning rate decays, the loss fell "
        "by less than 0.5 % and by less than its noise. A lower learning rate takes smaller steps, "
        "which the noise disturbs less."
    ),
    _flat,
    N_("Halve the learning rate"),
    _half_the_rate,
)

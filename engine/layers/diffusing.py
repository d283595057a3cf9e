"""Diffusion, whatever the network: how data becomes noise, and how one comes back.

    q(x_t | x_0) = N(alpha_t x_0, sigma_t^2),   alpha_t^2 + sigma_t^2 = 1,   t = 0 .. 1000

t = 0 is the data, t = 1000 next to pure noise. A network sees x_t and t and says what it
thinks the noise, the data x_0 or the velocity v = alpha_t noise - sigma_t x_0 is; any of the
three gives the other two. A sampler starts with noise and goes back through a few of the times.

Ho et al. 2020, arXiv:2006.11239 (DDPM, linear schedule); Nichol & Dhariwal 2021,
arXiv:2102.09672 (cosine schedule); Song et al. 2021, arXiv:2010.02502 (DDIM); Lu et al. 2022,
arXiv:2211.01095 (DPM-Solver++); Salimans & Ho 2022, arXiv:2202.00512 (velocity); Hang et al.
2023, arXiv:2303.09556 (min-SNR); Esser et al. 2024, arXiv:2403.03206 (logit-normal times);
Lugmayr et al. 2022, arXiv:2201.09865 (completion).
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from engine.family import Drawing, TrainKnobs
from engine.knobs import knob
from engine.layers import pictures
from engine.payloads import Curve, Line
from engine.phrases import N_

TIMES = 1000
SCHEDULES = (N_("cosine"), N_("linear"))
TARGETS = (N_("noise"), N_("x0"), N_("velocity"))
WEIGHTINGS = (N_("velocity"), N_("noise"), N_("x0"), N_("min-SNR"))
SAMPLERS = ("DPM-Solver++ 2M", "DDIM", "DDPM")
MOST_WEIGHT = 1000.0
PACES = (N_("logit-normal"), N_("uniform"))


@dataclass(frozen=True)
class DiffusionTrainKnobs(TrainKnobs):
    """What diffusion has to set besides what every training has."""

    average: float = knob(
        0.995,
        N_("Weight averaging"),
        low=0.0,
        high=0.9999,
        advanced=True,
        live=True,
        help=N_("Samples and held-out loss use a running average of the weights; 0: the newest."),
    )

    target: str = knob(
        "x0",
        N_("Network predicts"),
        choices=TARGETS,
        help=N_("The noise, the data x0, or the velocity between them. Each gives the others."),
    )
    schedule: str = knob(
        "cosine",
        N_("Noise schedule"),
        choices=SCHEDULES,
        help=N_("How fast the data drowns. Linear spends many steps where there is only noise."),
    )
    weighting: str = knob(
        "velocity",
        N_("Loss weighting"),
        choices=WEIGHTINGS,
        live=True,
        help=N_(
            "Of what the squared error is taken: this decides which noise levels count. Min-SNR "
            "is the error of x0 times the signal-to-noise ratio, but at most times gamma."
        ),
    )
    gamma: float = knob(
        5.0,
        N_("Gamma of min-SNR"),
        low=0.1,
        high=100.0,
        log=True,
        live=True,
        advanced=True,
        help=N_("The most that the signal-to-noise ratio counts, with that weighting."),
    )
    times: str = knob(
        "logit-normal",
        N_("Noise levels seen"),
        choices=PACES,
        live=True,
        advanced=True,
        help=N_("Logit-normal draws the middle levels more often, where most is decided."),
    )


@dataclass(frozen=True)
class SamplerKnobs:
    """How one comes from noise to data."""

    sampler: str = knob(
        SAMPLERS[0],
        N_("Sampler"),
        choices=SAMPLERS,
        live=True,
        help=N_("DDPM adds fresh noise at each step; DDIM need not; 2M corrects for the bend."),
    )
    steps: int = knob(
        12,
        N_("Steps"),
        low=1,
        high=TIMES,
        log=True,
        live=True,
        help=N_("How often the network is asked. DDPM wants hundreds, 2M a dozen."),
    )
    eta: float = knob(
        0.0,
        N_("Eta of DDIM"),
        low=0.0,
        high=1.0,
        live=True,
        advanced=True,
        help=N_("Fresh noise in DDIM: 0 none, 1 as much as DDPM. The other samplers ignore it."),
    )


@dataclass(frozen=True)
class LevelsKnobs:
    """What is measured at each noise level."""

    error: str = knob(
        "as trained",
        N_("Error"),
        choices=(N_("as trained"), *TARGETS),
        live=True,
        help=N_("Squared error of the noise, of x0 or of the velocity, or weighted as trained."),
    )


# --- the forward process


@dataclass(frozen=True, eq=False)
class Schedule:
    """alpha and sigma, (TIMES + 1,) float64 each; index 0 is the data itself."""

    alpha: Tensor
    sigma: Tensor

    def at(self, times: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at `times` (n,), shaped to multiply `like` (n, ...)."""
        shape = (-1, *(1,) * (like.dim() - 1))
        return (
            self.alpha[times].to(like.dtype).view(shape),
            self.sigma[times].to(like.dtype).view(shape),
        )

    def snr(self, time: int) -> float:
        """The signal-to-noise ratio alpha^2 / sigma^2 at a time above 0."""
        return float(self.alpha[time] / self.sigma[time]) ** 2


@functools.cache
def schedule(name: str) -> Schedule:
    """The schedule of that name.

    linear: beta_t from 1e-4 to 0.02, alpha_t^2 = prod (1 - beta_s) (Ho et al., section 4).
    cosine: alpha_t^2 = f(t) / f(0), f(t) = cos^2((t/T + s) / (1 + s) pi / 2), s = 0.008, with
    beta_t at most 0.999 (Nichol & Dhariwal, equation 17).
    """
    if name == "linear":
        beta = torch.linspace(1e-4, 0.02, TIMES, dtype=torch.float64)
    else:
        place = torch.linspace(0, 1, TIMES + 1, dtype=torch.float64)
        f = torch.cos((place + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    squared = torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])
    return Schedule(squared.sqrt(), (1 - squared).sqrt())


def noised(x0: Tensor, noise: Tensor, times: Tensor, plan: Schedule) -> Tensor:
    """x_t = alpha_t x_0 + sigma_t noise, each row at its own time."""
    alpha, sigma = plan.at(times, x0)
    return alpha * x0 + sigma * noise


# --- what the network predicts, and how much an error counts


def target_of(target: str, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """What a network with this target should say."""
    match target:
        case "noise":
            return noise
        case "x0":
            return x0
        case _:
            return alpha * noise - sigma * x0


def x0_of(target: str, said: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The data x_0 that follows from what the network said of x = x_t.

    Where alpha is next to nothing, so is what the noise tells of x_0.
    """
    match target:
        case "noise":
            return (x - sigma * said) / alpha
        case "x0":
            return said
        case _:
            return alpha * x - sigma * said


def noise_of(x0: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The noise that makes x = x_t of x_0; sigma must not be 0."""
    return (x - alpha * x0) / sigma


def weight(target: str, weighting: str, gamma: float, snr: Tensor) -> Tensor:
    """What the squared error of the target is multiplied by, for each ratio `snr` (n,).

    In terms of x_0 the error of x_0 counts 1, that of the noise SNR, that of the velocity
    SNR + 1 times; min-SNR counts it min(SNR, gamma) times (Hang et al., section 3.4). At most
    `MOST_WEIGHT`, or the ends of the schedule, where one of alpha and sigma is next to nothing,
    would drown all else.
    """
    counts = {"x0": torch.ones_like(snr), "noise": snr, "velocity": snr + 1}
    wanted = snr.clamp(max=gamma) if weighting == "min-SNR" else counts[weighting]
    return (wanted / counts[target]).clamp(max=MOST_WEIGHT)


def squared_error(
    said: Tensor, x0: Tensor, noise: Tensor, times: Tensor, train: DiffusionTrainKnobs
) -> Tensor:
    """The weighted loss of each row, (n,): a mean over the numbers of the row."""
    plan = schedule(train.schedule)
    alpha, sigma = plan.at(times, x0)
    error = (said - target_of(train.target, x0, noise, alpha, sigma)) ** 2
    snr = (plan.alpha / plan.sigma)[times].to(x0.dtype) ** 2
    return error.flatten(1).mean(1) * weight(train.target, train.weighting, train.gamma, snr)


def draw_times(count: int, pace: str, random: torch.Generator) -> Tensor:
    """`count` times from 1 to TIMES, int64.

    One from each of `count` equal parts of the distribution, so that each batch has some
    of all noise levels.
    """
    return _times((torch.arange(count) + torch.rand(count, generator=random)) / count, pace)


def even_times(count: int, pace: str = "uniform") -> Tensor:
    """The same without chance: the middle of each part. The noise levels that are measured on."""
    return _times((torch.arange(count) + 0.5) / count, pace)


def _times(places: Tensor, pace: str) -> Tensor:
    """The times at these quantiles, each in (0, 1)."""
    if pace == "logit-normal":
        places = torch.special.ndtri(places.double().clamp(1e-6, 1 - 1e-6)).sigmoid()
    return (places * TIMES).ceil().long().clamp(1, TIMES)


# --- back to the data


class Step(NamedTuple):
    """Where a sampler is: x = x_t, and what the network makes of it (at time 0: x itself)."""

    time: int
    x: Tensor
    x0: Tensor
    noise: Tensor


Predict: TypeAlias = Callable[[Tensor, int], Tensor]
"""``predict(x, time)`` gives the predicted x_0 for all rows."""
Noise: TypeAlias = Callable[[int], Tensor]
"""``noise(time)`` gives what is added, at most, when that time is reached; always the same."""


def path(steps: int, start: int = TIMES) -> list[int]:
    """Times from `start` down to 0 in at most `steps` equal strides."""
    steps = min(steps, start)
    return [round(start * (steps - i) / steps) for i in range(steps + 1)]


def spread(count: int, most: int) -> list[int]:
    """Indices of at most `most` of `count` things, evenly, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def decibels(plan: Schedule, time: int) -> str:
    """The signal-to-noise ratio at a time, to read."""
    return f"SNR {10 * math.log10(plan.snr(time)):+.0f} dB" if time else "SNR ∞"


def noise_by_seed(seeds: Sequence[int], shape: Sequence[int]) -> Noise:
    """Noise for each row from its own seed and the time alone, whatever the sampler."""

    def noise(time: int) -> Tensor:
        return pictures.noise([seed + ((time + 1) << 64) for seed in seeds], *shape)

    return noise


def towards(
    plan: Schedule, x: Tensor, x0: Tensor, time: int, later: int, eta: float, noise: Noise
) -> Tensor:
    """One step of DDIM from `time` to `later` < `time` (Song et al., equations 12 and 16).

    x_s = alpha_s x_0 + sqrt(sigma_s^2 - c^2) eps + c z,
    c = eta (sigma_s / sigma_t) sqrt(1 - alpha_t^2 / alpha_s^2)

    With eta = 1 this is the posterior q(x_s | x_t, x_0) of DDPM. At s = 0 sigma_s is 0, and
    with it c: no noise at the last step.
    """
    alpha_t, sigma_t = float(plan.alpha[time]), float(plan.sigma[time])
    alpha_s, sigma_s = float(plan.alpha[later]), float(plan.sigma[later])
    c = eta * sigma_s / sigma_t * math.sqrt(1 - (alpha_t / alpha_s) ** 2)
    eps = (x - alpha_t * x0) / sigma_t
    moved = alpha_s * x0 + math.sqrt(max(sigma_s**2 - c**2, 0.0)) * eps
    return moved + c * noise(later) if c else moved


def second_order(
    plan: Schedule, x: Tensor, x0: Tensor, time: int, later: int, before: tuple[int, Tensor] | None
) -> Tensor:
    """One step of DPM-Solver++ (2M) from `time` to `later` (Lu et al., algorithm 2).

    before: the last time and the x_0 predicted there. With lambda = log(alpha / sigma):

    h = lambda_s - lambda_t,   r = h_before / h,   D = (1 + 1 / 2r) x_0 - (1 / 2r) x_0_before
    x_s = (sigma_s / sigma_t) x - alpha_s (exp(-h) - 1) D

    The first step, and the last one to 0, where lambda is infinite, are of first order.
    """
    alpha_s, sigma_s = float(plan.alpha[later]), float(plan.sigma[later])
    if sigma_s == 0.0:
        return x0
    half_logs = [math.log(float(plan.alpha[t] / plan.sigma[t])) for t in (time, later)]
    h = half_logs[1] - half_logs[0]
    direction = x0
    if before is not None:
        earlier, x0_before = before
        r = (half_logs[0] - math.log(float(plan.alpha[earlier] / plan.sigma[earlier]))) / h
        direction = x0 + (x0 - x0_before) / (2 * r)
    return sigma_s / float(plan.sigma[time]) * x - alpha_s * math.expm1(-h) * direction


def denoise(
    predict: Predict,
    plan: Schedule,
    x: Tensor,
    times: Sequence[int],
    noise: Noise,
    solver: str = SAMPLERS[0],
    eta: float = 0.0,
) -> Generator[Step, None, None]:
    """Go from x at times[0] to times[-1]; yields where it is after each prediction, and the end.

    eta: of DDIM alone; DDPM has 1, the second-order solver draws no noise.
    """
    before: tuple[int, Tensor] | None = None
    for time, later in itertools.pairwise(times):
        x0 = predict(x, time)
        alpha, sigma = float(plan.alpha[time]), float(plan.sigma[time])
        yield Step(time, x, x0, (x - alpha * x0) / sigma)
        if solver == SAMPLERS[0]:
            x = second_order(plan, x, x0, time, later, before)
            before = (time, x0)
        else:
            x = towards(plan, x, x0, time, later, eta if solver == "DDIM" else 1.0, noise)
    yield Step(times[-1], x, x, torch.zeros_like(x))


def complete(
    predict: Predict,
    plan: Schedule,
    known: Tensor,
    kept: Tensor,
    times: Sequence[int],
    noise: Noise,
    rounds: int = 1,
) -> Generator[Step, None, None]:
    """Fill in what is not `kept` (1 where kept, 0 where erased) of `known` (both n, ...).

    At every time the kept part is known up to noise and is put in its place; what is made
    beside it is noised and denoised again `rounds` times, so that the two come to agree
    (Lugmayr et al., algorithm 1). Kept numbers come out exactly as they went in.
    """
    x = noise(TIMES)
    for time, later in itertools.pairwise(times):
        alpha_t, alpha_s = float(plan.alpha[time]), float(plan.alpha[later])
        sigma_s = float(plan.sigma[later])
        for turn in range(rounds if later else 1):
            x0 = predict(x, time)
            yield Step(time, x, x0, (x - alpha_t * x0) / float(plan.sigma[time]))
            fresh = _turned(noise, turn)  # and no noise is used twice: hence the numbers added
            made = towards(plan, x, x0, time, later, 1.0, fresh)
            given = alpha_s * known + sigma_s * fresh(later + 2 * TIMES) if later else known
            x = torch.where(kept > 0, given, made)
            if turn + 1 < rounds and later:  # back to where it came from
                ratio = alpha_t / alpha_s
                x = ratio * x + math.sqrt(1 - ratio**2) * fresh(later + 4 * TIMES)
    yield Step(times[-1], x, x, torch.zeros_like(x))


def _turned(noise: Noise, turn: int) -> Noise:
    """The noise of a further turn at the same time."""
    return lambda time: noise(time + turn * 8 * TIMES)


def guided(scale: float, with_label: Tensor, without: Tensor) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598, equation 6).

    scale 0 is without the label, 1 with it, more goes beyond: without + scale (with - without).
    """
    return without + scale * (with_label - without)


# --- the loss by noise level


Measure: TypeAlias = Callable[[str, int, Any], Generator[None, None, float]]
"""``measure(part, time, train)``: the mean loss on "held-out" or "training" data at a time."""
LEVELS = 16
SMALLEST = 1e-8  # below this an error is drawn as this, so that a log axis can show it


def levels(train: DiffusionTrainKnobs, knobs: LevelsKnobs, measure: Measure) -> Drawing:
    """The loss at each of `LEVELS` noise levels, on held-out data and on training data."""
    if knobs.error != "as trained":
        train = dataclasses.replace(train, weighting=knobs.error)
    times = even_times(LEVELS)
    lines = []
    for part in (N_("held-out"), N_("training")):
        losses = []
        for time in times.tolist():
            loss = yield from measure(part, time, train)
            losses.append(max(loss, SMALLEST))
        lines.append(Line(part, times.numpy().astype(np.float32), np.array(losses, np.float32)))
    yield Curve(
        tuple(lines),
        x_title=N_("time t (0: the data, 1000: noise)"),
        y_title=N_("squared error"),
        log_y=True,
        caption=N_("Where the lines part, the model knows the training examples by heart."),
    )

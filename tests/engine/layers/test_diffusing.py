"""Diffusion against closed forms: on Gaussian data everything is known exactly."""

import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.layers import diffusing
from engine.layers.diffusing import SAMPLERS, TARGETS, TIMES, WEIGHTINGS, DiffusionTrainKnobs
from engine.payloads import Curve

SECOND_ORDER, DDIM, DDPM = SAMPLERS
both_schedules = pytest.mark.parametrize("name", diffusing.SCHEDULES)
MEAN, DEVIATION = 0.5, 0.3  # of the Gaussian that is learned from


def betas(name: str) -> list[float]:
    """beta_1 .. beta_1000, from the papers' formulas."""
    if name == "linear":
        return [1e-4 + (0.02 - 1e-4) * i / (TIMES - 1) for i in range(TIMES)]
    f = [math.cos((t / TIMES + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(TIMES + 1)]
    return [min(1 - f[t] / f[t - 1], 0.999) for t in range(1, TIMES + 1)]


def exact(plan: diffusing.Schedule, asked: list[int] | None = None) -> diffusing.Predict:
    """E[x_0 | x_t] where x_0 is Gaussian."""

    def predict(x: Tensor, time: int) -> Tensor:
        if asked is not None:
            asked.append(time)
        alpha, sigma = float(plan.alpha[time]), float(plan.sigma[time])
        gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
        return MEAN + gain * (x - alpha * MEAN)

    return predict


def flowed(plan: diffusing.Schedule, x: Tensor, time: int, later: int) -> Tensor:
    """Where the probability flow takes x from `time` to `later`: it keeps its quantile."""

    def marginal(t: int) -> tuple[float, float]:
        alpha, sigma = float(plan.alpha[t]), float(plan.sigma[t])
        return alpha * MEAN, math.sqrt(alpha**2 * DEVIATION**2 + sigma**2)

    (mean_t, deviation_t), (mean_s, deviation_s) = marginal(time), marginal(later)
    return mean_s + deviation_s / deviation_t * (x - mean_t)


def no_noise(time: int) -> Tensor:
    raise AssertionError(f"noise was drawn for time {time}")


def drawn(count: int, seed: int = 0) -> Callable[[int], Tensor]:
    return lambda time: torch.randn(
        count, generator=torch.Generator().manual_seed(seed * 5000 + time), dtype=torch.float64
    )


def end(way: Iterable[diffusing.Step]) -> Tensor:
    return list(way)[-1].x


# --- the forward process


@both_schedules
def test_one_step_kernels_compose_to_the_marginal(name: str) -> None:
    plan = diffusing.schedule(name)
    factor, variance = 1.0, 0.0
    for time, beta in enumerate(betas(name), start=1):
        factor *= math.sqrt(1 - beta)
        variance = (1 - beta) * variance + beta
        assert float(plan.alpha[time]) == pytest.approx(factor, rel=1e-6)
        assert float(plan.sigma[time]) ** 2 == pytest.approx(variance, rel=1e-6)
    assert float(plan.alpha[0]) == 1.0
    assert float(plan.sigma[0]) == 0.0


@both_schedules
@pytest.mark.parametrize("time", [1, 300, 700, 1000])
def test_the_moments_of_noised_data(name: str, time: int) -> None:
    count = 200_000
    noise = torch.randn(count, 1, generator=torch.Generator().manual_seed(1))
    x0 = torch.full((count, 1), 0.8)
    x = diffusing.noised(x0, noise, torch.full((count,), time), diffusing.schedule(name))
    squared = math.prod(1 - beta for beta in betas(name)[:time])
    deviation = math.sqrt(1 - squared)
    assert float(x.mean()) == pytest.approx(
        0.8 * math.sqrt(squared), abs=5 * deviation / count**0.5 + 1e-6
    )
    assert float(x.std()) == pytest.approx(deviation, rel=0.01)


def test_each_row_has_its_own_time() -> None:
    plan = diffusing.schedule("cosine")
    x0, noise = torch.ones(3, 2, 2), torch.full((3, 2, 2), 2.0)
    x = diffusing.noised(x0, noise, torch.tensor([0, 400, 1000]), plan)
    for row, time in enumerate((0, 400, 1000)):
        wanted = float(plan.alpha[time]) + 2 * float(plan.sigma[time])
        assert torch.allclose(x[row], torch.full((2, 2), wanted))


def test_signal_to_noise_in_decibels() -> None:
    plan = diffusing.schedule("linear")
    squared = math.prod(1 - beta for beta in betas("linear")[:250])
    assert (
        diffusing.decibels(plan, 250) == f"SNR {10 * math.log10(squared / (1 - squared)):+.0f} dB"
    )
    assert diffusing.decibels(plan, 0) == "SNR ∞"


# --- targets and weights


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("time", [1, 200, 500, 900])
def test_every_target_gives_back_data_and_noise(target: str, time: int) -> None:
    plan = diffusing.schedule("cosine")
    alpha, sigma = plan.alpha[time], plan.sigma[time]
    x0, noise = torch.randn(2, 50, generator=torch.Generator().manual_seed(0)).double()
    x = alpha * x0 + sigma * noise
    said = diffusing.target_of(target, x0, noise, alpha, sigma)
    found = diffusing.x0_of(target, said, x, alpha, sigma)
    torch.testing.assert_close(found, x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        diffusing.noise_of(found, x, alpha, sigma), noise, rtol=1e-6, atol=1e-6
    )


def test_the_velocity_is_how_fast_the_angle_turns() -> None:
    # With alpha = cos(phi) and sigma = sin(phi), v = dx / dphi (Salimans & Ho, appendix D).
    x0, noise, phi, step = torch.tensor(0.7), torch.tensor(-1.2), 0.6, 1e-3

    def x(angle: float) -> Tensor:
        return math.cos(angle) * x0 + math.sin(angle) * noise

    slope = (x(phi + step) - x(phi - step)) / (2 * step)
    alpha, sigma = torch.tensor(math.cos(phi)), torch.tensor(math.sin(phi))
    v = diffusing.target_of("velocity", x0, noise, alpha, sigma)
    assert float(v) == pytest.approx(float(slope), abs=1e-3)


@pytest.mark.parametrize(("target", "divisor"), [("x0", 0), ("noise", 1), ("velocity", 2)])
def test_min_snr_weights(target: str, divisor: int) -> None:
    for snr in (0.02, 0.5, 4.9, 5.1, 300.0):
        wanted = min(snr, 5.0) / (1.0, snr, snr + 1)[divisor]
        found = diffusing.weight(target, "min-SNR", 5.0, torch.tensor([snr]))
        assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_no_weight_is_without_bounds() -> None:
    ends = torch.tensor([2.4e-9, 24_000.0])
    assert diffusing.weight("x0", "velocity", 5.0, ends).tolist() == [1.0, 1000.0]
    assert diffusing.weight("noise", "velocity", 5.0, ends).tolist() == pytest.approx(
        [1000.0, 1.0], 1e-3
    )


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_weighting_means_the_same_whatever_is_predicted(weighting: str) -> None:
    plan = diffusing.schedule("cosine")
    random = torch.Generator().manual_seed(0)
    x0, noise, guess = (torch.randn(4, 6, generator=random).double() for _ in range(3))
    times = torch.tensor([100, 300, 600, 900])
    alpha, sigma = plan.at(times, x0)
    x = diffusing.noised(x0, noise, times, plan)
    guessed_noise = (x - alpha * guess) / sigma
    wanted = {
        "x0": (guess - x0).square().mean(1),
        "noise": (guessed_noise - noise).square().mean(1),
        "velocity": (alpha * (guessed_noise - noise) - sigma * (guess - x0)).square().mean(1),
    }
    snr = (alpha / sigma).flatten() ** 2
    wanted["min-SNR"] = wanted["x0"] * torch.minimum(snr, torch.tensor(2.0))
    for target in TARGETS:
        train = DiffusionTrainKnobs(target=target, weighting=weighting, gamma=2.0)
        said = diffusing.target_of(target, guess, guessed_noise, alpha, sigma)
        found = diffusing.squared_error(said, x0, noise, times, train)
        torch.testing.assert_close(found, wanted[weighting], rtol=1e-6, atol=1e-9)


# --- times


def test_times_are_drawn_evenly_or_in_the_middle() -> None:
    random = torch.Generator().manual_seed(0)
    uniform = diffusing.draw_times(20_000, "uniform", random)
    middle = diffusing.draw_times(20_000, "logit-normal", random)
    for times in (uniform, middle):
        assert int(times.min()) >= 1
        assert int(times.max()) <= TIMES
    assert torch.histc(uniform.double(), 10, 0.5, 1000.5).tolist() == pytest.approx(
        [2000] * 10, abs=30
    )
    # P(logit(t) < -1) of a standard normal
    below = TIMES / (1 + math.e)
    assert float((middle <= below).double().mean()) == pytest.approx(0.1587, abs=0.002)
    assert float((middle > TIMES - below).double().mean()) == pytest.approx(0.1587, abs=0.002)


def test_a_small_batch_has_some_of_all_noise_levels() -> None:
    for seed in range(20):
        times = diffusing.draw_times(10, "uniform", torch.Generator().manual_seed(seed))
        assert sorted((int(time) - 1) // 100 for time in times) == list(range(10))


@pytest.mark.parametrize("pace", diffusing.PACES)
@pytest.mark.parametrize("count", [1, 7, 1000, 4000])
def test_even_times(count: int, pace: str) -> None:
    times = diffusing.even_times(count, pace)
    assert len(times) == count
    assert int(times.min()) >= 1
    assert int(times.max()) <= TIMES
    assert float(times.double().mean()) == pytest.approx(500.5, abs=1.0)
    if count >= 1000:
        some = diffusing.draw_times(count, pace, torch.Generator().manual_seed(0))
        assert times.sort().values.sub(some.sort().values).abs().max() <= 12


@pytest.mark.parametrize("steps", [1, 2, 3, 12, 333, 999, 1000])
def test_a_path_goes_down_from_noise_to_the_data(steps: int) -> None:
    path = diffusing.path(steps)
    assert path[0] == TIMES
    assert path[-1] == 0
    assert len(path) == steps + 1
    strides = [a - b for a, b in itertools.pairwise(path)]
    assert min(strides) >= 1
    assert max(strides) - min(strides) <= 1


def test_spread() -> None:
    assert diffusing.spread(3, 5) == [0, 1, 2]
    assert diffusing.spread(101, 5) == [0, 25, 50, 75, 100]


# --- samplers


@both_schedules
def test_ddim_without_noise_is_one_formula_a_step(name: str) -> None:
    plan = diffusing.schedule(name)
    times = [1000, 700, 420, 90, 0]
    x = drawn(50)(0)
    wanted = x.clone()
    for time, later in itertools.pairwise(times):
        x0 = exact(plan)(wanted, time)
        eps = (wanted - plan.alpha[time] * x0) / plan.sigma[time]
        wanted = plan.alpha[later] * x0 + plan.sigma[later] * eps
    steps = list(diffusing.denoise(exact(plan), plan, x, times, no_noise, DDIM, 0.0))
    torch.testing.assert_close(steps[-1].x, wanted)
    assert [step.time for step in steps] == times
    for step in steps[:-1]:  # what it foresees and the noise make up where it is
        torch.testing.assert_close(
            plan.alpha[step.time] * step.x0 + plan.sigma[step.time] * step.noise, step.x
        )


def errors(solver: str, strides: tuple[int, ...]) -> list[float]:
    """How far from the exact flow a solver ends that goes from time 800 to 200."""
    plan = diffusing.schedule("cosine")
    x = drawn(200)(0)
    wanted = flowed(plan, x, 800, 200)
    found = []
    for stride in strides:
        times = list(range(800, 199, -stride))
        reached = end(diffusing.denoise(exact(plan), plan, x, times, no_noise, solver, 0.0))
        found.append(float((reached - wanted).square().mean().sqrt()))
    return found


@pytest.mark.parametrize(("solver", "order"), [(DDIM, 1), (SECOND_ORDER, 2)])
def test_the_error_falls_with_the_order_of_the_solver(solver: str, order: int) -> None:
    strides = (50, 25, 10, 5)
    found = errors(solver, strides)
    slope = np.polyfit(np.log(strides), np.log(found), 1)[0]
    assert slope == pytest.approx(order, abs=0.15)


def test_the_second_order_is_nearer_at_few_steps() -> None:
    assert errors(SECOND_ORDER, (60,))[0] < 0.5 * errors(DDIM, (60,))[0]


@both_schedules
def test_ddpm_gives_the_mean_and_the_spread_of_the_data(name: str) -> None:
    plan = diffusing.schedule(name)
    count = 6000
    noise = drawn(count, seed=3)
    way = diffusing.denoise(exact(plan), plan, noise(TIMES), diffusing.path(1000), noise, DDPM, 0.0)
    x = end(way)
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.016)
    assert float(x.std()) == pytest.approx(DEVIATION, rel=0.04)


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_ddpm_is_ddim_with_all_the_noise(steps: int) -> None:
    plan = diffusing.schedule("cosine")
    noise, times = drawn(20, seed=1), diffusing.path(steps)
    one = end(diffusing.denoise(exact(plan), plan, noise(TIMES), times, noise, DDPM, 0.0))
    other = end(diffusing.denoise(exact(plan), plan, noise(TIMES), times, noise, DDIM, 1.0))
    assert torch.equal(one, other)


def test_one_step_of_ddpm_has_the_posterior_of_the_paper() -> None:
    # Ho et al., equations 6 and 7, for neighbouring times.
    plan = diffusing.schedule("linear")
    beta = betas("linear")
    time = 400
    before = math.prod(1 - each for each in beta[: time - 1])
    now = before * (1 - beta[time - 1])
    x, x0 = torch.tensor([0.3, -1.0]).double(), torch.tensor([0.9, 0.1]).double()
    mean = (
        math.sqrt(before) * beta[time - 1] / (1 - now) * x0
        + math.sqrt(1 - beta[time - 1]) * (1 - before) / (1 - now) * x
    )
    variance = (1 - before) / (1 - now) * beta[time - 1]
    for z in (0.0, 1.0, -2.0):
        fixed = torch.full((2,), z).double()
        found = diffusing.towards(plan, x, x0, time, time - 1, 1.0, {time - 1: fixed}.__getitem__)
        torch.testing.assert_close(found, mean + math.sqrt(variance) * z, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("solver", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_no_noise_at_the_last_step(solver: str, steps: int) -> None:
    plan = diffusing.schedule("cosine")
    used: list[int] = []
    plain = drawn(5)

    def noise(time: int) -> Tensor:
        used.append(time)
        return plain(time)

    asked: list[int] = []
    times = diffusing.path(steps)
    way = diffusing.denoise(exact(plan, asked), plan, plain(TIMES), times, noise, solver, 1.0)
    *before, last = way
    assert 0 not in used
    assert asked == times[:-1]
    torch.testing.assert_close(last.x, before[-1].x0)  # the end is what was foreseen
    assert bool(last.x.isfinite().all())
    stochastic = solver != SECOND_ORDER
    assert used == (times[1:-1] if stochastic else [])


def test_noise_follows_from_seed_and_time_alone() -> None:
    some = diffusing.noise_by_seed([3, 4, 5], (2, 2))
    one = diffusing.noise_by_seed([4], (2, 2))
    for time in (0, 17, 1000):
        assert torch.equal(some(time)[1], one(time)[0])
    assert torch.equal(some(17), some(17))
    assert not torch.equal(some(17), some(18))
    assert not torch.equal(one(17)[0], some(17)[0])
    many = diffusing.noise_by_seed([1_000_000], (10_000,))(1000)
    assert float(many.mean()) == pytest.approx(0, abs=0.05)
    assert float(many.std()) == pytest.approx(1, abs=0.05)


def test_guidance_at_its_fixed_points() -> None:
    with_label, without = torch.tensor([0.1, 0.7]), torch.tensor([-0.4, 0.9])
    assert torch.equal(diffusing.guided(0.0, with_label, without), without)
    torch.testing.assert_close(diffusing.guided(1.0, with_label, without), with_label)
    torch.testing.assert_close(
        diffusing.guided(3.0, with_label, without), 3 * with_label - 2 * without
    )


# --- completion


def correlated(plan: diffusing.Schedule, rho: float) -> diffusing.Predict:
    """E[x_0 | x_t] of two numbers with deviation 1 and correlation `rho`."""
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64)

    def predict(x: Tensor, time: int) -> Tensor:
        alpha, sigma = float(plan.alpha[time]), float(plan.sigma[time])
        noised = alpha**2 * covariance + sigma**2 * torch.eye(2, dtype=torch.float64)
        gain: Tensor = alpha * covariance @ torch.linalg.inv(noised)
        return x @ gain.T

    return predict


def test_what_is_kept_stays_and_the_rest_follows_from_it() -> None:
    plan = diffusing.schedule("cosine")
    rho, count, given = 0.9, 4000, 1.3
    known = torch.tensor([[given, 99.0]], dtype=torch.float64).expand(count, 2)
    kept = torch.tensor([[1.0, 0.0]])

    def noise(time: int) -> Tensor:
        random = torch.Generator().manual_seed(time)
        return torch.randn(count, 2, generator=random, dtype=torch.float64)

    # The conditional distribution is N(rho x, 1 - rho^2); putting back what is known only
    # comes near it, and nearer the more rounds there are.
    missed = []
    for rounds in (1, 4):
        way = diffusing.complete(
            correlated(plan, rho), plan, known, kept, diffusing.path(60), noise, rounds
        )
        x = end(way)
        assert bool((x[:, 0] == given).all())
        mean, deviation = float(x[:, 1].mean()), float(x[:, 1].std())
        missed.append((abs(mean - rho * given), abs(deviation - math.sqrt(1 - rho**2))))
    assert missed[1][0] < 0.12
    assert missed[1][1] < 0.1
    assert missed[1][0] < 0.5 * missed[0][0]


def test_a_completion_of_one_step() -> None:
    plan = diffusing.schedule("cosine")
    known = torch.tensor([[0.5, -0.5]], dtype=torch.float64)
    kept = torch.tensor([[0.0, 1.0]])
    x = end(
        diffusing.complete(
            correlated(plan, 0.5), plan, known, kept, [1000, 0], lambda _: known * 0, 3
        )
    )
    assert float(x[0, 1]) == -0.5
    assert abs(float(x[0, 0])) < 1e-3  # the mean of the data: noise alone says nothing


# --- the loss by noise level


def test_levels_asks_for_each_part_at_each_level() -> None:
    asked = []

    def measure(part, time, train):  # type: ignore[no-untyped-def]
        asked.append((part, time, train.weighting))
        yield
        return time / 100 if part == "training" else 0.0

    drawing = diffusing.levels(
        DiffusionTrainKnobs(weighting="min-SNR"), diffusing.LevelsKnobs(error="noise"), measure
    )
    (curve,) = [payload for payload in drawing if payload is not None]
    assert isinstance(curve, Curve)
    assert {weighting for _, _, weighting in asked} == {"noise"}
    assert len(asked) == 2 * diffusing.LEVELS
    held_out, training = curve.lines
    np.testing.assert_allclose(training.y, training.x / 100)
    np.testing.assert_allclose(held_out.y, diffusing.SMALLEST)

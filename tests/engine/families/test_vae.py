"""The VAE's mathematics against quadrature, Monte Carlo and torch's distributions."""

import base64
import dataclasses
import io
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.data import images
from engine.data.images import ImageData
from engine.families import vae
from engine.families.vae import MODEL, NetKnobs, SampleKnobs, VAETrainKnobs
from engine.family import Trained
from engine.knobs import NoKnobs
from engine.learner import Learner
from engine.payloads import Bars, Film, Images, Panels, Plane
from engine.phrases import PlaygroundError
from tests.engine.small import image_data, last, randomise

SMALL = NetKnobs(latent=3, hidden=16, channels=4)
ARCHITECTURES = ("mlp", "convolutional")
Normal: Any = torch.distributions.Normal
Bernoulli: Any = torch.distributions.Bernoulli


def made(net: NetKnobs = SMALL, data: ImageData | None = None, seed: int = 0) -> Trained:
    """A VAE with weights at random, ready to be looked at."""
    data = data or image_data()
    module = vae.build(net, data)
    randomise(module, seed, 0.25)
    module.eval().requires_grad_(False)
    return Trained(module, net, VAETrainKnobs(), data, 5, MODEL)


def binary(count: int = 400) -> ImageData:
    """Pictures that are black and white already, so that nothing is drawn at random."""
    data = image_data(count)
    pixels = np.concatenate([data.train, data.held_out])
    return images.split("binary", "Binary", np.where(pixels > 100, 255, 0).astype(np.uint8))


def finished(run: Any) -> Any:
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def png(pixels: Any) -> str:
    """(height, width, 1) uint8 as the drawing pad gives it."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0]).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def direct(trained: Trained, z: Any) -> Any:
    """Pictures at the codes `z`, (n, height, width, channels) uint8."""
    with torch.no_grad():
        mean = trained.module.decoder(torch.as_tensor(z, dtype=torch.float32)).sigmoid().numpy()
    return np.round(mean * 255).astype(np.uint8).transpose(0, 2, 3, 1)


def codes(trained: Trained, pixels: Any) -> Any:
    """mu of pictures (n, height, width, channels) uint8."""
    x = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    with torch.no_grad():
        return trained.module.encoder(x)[:, : trained.net.latent].numpy()


# --- the bound


def test_the_kl_is_what_monte_carlo_finds() -> None:
    mean, log_variance = torch.tensor([[0.3, -1.2, 0.0]]), torch.tensor([[-0.5, 0.4, 0.0]])
    random = torch.Generator().manual_seed(0)
    deviation = (0.5 * log_variance).exp()
    z = mean + deviation * torch.randn(400_000, 3, generator=random)
    q = Normal(mean, deviation)
    ratios = q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    found = vae.divergence(mean, log_variance)[0]
    error = ratios.std(0) / math.sqrt(len(z))
    assert (abs(found - ratios.mean(0)) < 4 * error + 1e-6).all()
    assert found[2] == 0.0


def test_the_bound_lies_below_the_likelihood_by_the_kl_to_the_posterior() -> None:
    """With one latent dimension everything can be integrated on a grid."""
    data = binary()
    trained = made(NetKnobs(latent=1, hidden=16, channels=4), data)
    module = trained.module
    grid = torch.linspace(-8, 8, 801, dtype=torch.float64)
    width = float(grid[1] - grid[0])
    prior = Normal(0.0, 1.0).log_prob(grid)
    pixels = torch.from_numpy(data.held_out).permute(0, 3, 1, 2).double() / 255
    logits = module.decoder(grid[:, None].float()).double().flatten(1)
    rows = pixels.flatten(1) @ logits.T - torch.nn.functional.softplus(logits).sum(1)
    mean, log_variance = (part.double() for part in module.encoder(pixels.float()).chunk(2, 1))
    q = Normal(mean, (0.5 * log_variance).exp()).log_prob(grid)
    joint = rows + prior  # log p(x, z), (pictures, grid)
    likelihood = torch.logsumexp(joint, 1) + math.log(width)
    bound = (q.exp() * (joint - q)).sum(1) * width
    posterior = joint - likelihood[:, None]
    gap = (q.exp() * (q - posterior)).sum(1) * width
    assert (gap > 0).all()
    torch.testing.assert_close(likelihood - bound, gap)

    found = finished(vae.evaluate(module, data, trained.net, VAETrainKnobs(), None))
    # Four draws of z for each of 40 pictures: the scatter of their mean, from the grid.
    variance = (q.exp() * rows**2).sum(1) * width - ((q.exp() * rows).sum(1) * width) ** 2
    error = float((variance / 4).sum().sqrt() / len(pixels))
    assert found["held_out"] == pytest.approx(-float(bound.mean()), abs=4 * error)
    assert found["held_out"] == pytest.approx(found["reconstruction"] + found["kl"])
    assert found["held_out"] > -float(likelihood.mean())
    assert found["bits_per_dim"] == pytest.approx(found["held_out"] / 64 / math.log(2))


def test_more_importance_samples_come_nearer_to_the_likelihood() -> None:
    """Burda et al. 2015: ELBO <= IWAE(8) <= IWAE(200), on the mean of many draws."""
    data = binary(40)
    trained = made(SMALL, data)
    module, random = trained.module, torch.Generator().manual_seed(0)
    x = torch.from_numpy(data.train[:1]).permute(0, 3, 1, 2).float() / 255
    mean, log_variance = module.encode(x)
    e = torch.randn(4000, 3, generator=random)
    z = mean + (0.5 * log_variance).exp() * e
    q = Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    weights = module.log_likelihood(x.expand(4000, -1, -1, -1), z) + prior - q
    means = [
        float((torch.logsumexp(weights.view(-1, k), 1) - math.log(k)).mean()) for k in (1, 8, 200)
    ]
    assert means[0] < means[1] < means[2]
    bound = float(module.log_likelihood(x.expand(4000, -1, -1, -1), z).mean())
    bound -= float(vae.divergence(mean, log_variance).sum())
    scatter = float(weights.std()) / math.sqrt(4000)
    assert means[0] == pytest.approx(bound, abs=4 * scatter)


@pytest.mark.parametrize("deviation", [0.0, 0.3])
def test_the_likelihoods_are_those_of_the_distributions(deviation: float) -> None:
    data = image_data()
    random = torch.Generator().manual_seed(0)
    x, z = torch.rand(5, 1, 8, 8, generator=random), torch.randn(5, 3, generator=random)
    bernoulli = made(SMALL, data).module
    on = (x > 0.5).float()
    wanted = Bernoulli(logits=bernoulli.decoder(z)).log_prob(on).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli.log_likelihood(on, z), wanted)

    net = dataclasses.replace(SMALL, likelihood="Gaussian", deviation=deviation)
    gaussian = made(net, data).module
    if not deviation:
        gaussian.log_deviation.fill_(-0.7)
    spread = deviation or math.exp(-0.7)
    wanted = Normal(gaussian.decode(z), spread).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(gaussian.log_likelihood(x, z), wanted)


def test_a_gaussian_density_is_read_as_bits_of_256_levels() -> None:
    net = dataclasses.replace(SMALL, likelihood="Gaussian", deviation=0.5)
    trained = made(net)
    found = finished(vae.evaluate(trained.module, trained.data, net, VAETrainKnobs(), None))
    assert found["bits_per_dim"] == pytest.approx(found["held_out"] / 64 / math.log(2) + 8)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("likelihood", ["Bernoulli", "Gaussian"])
def test_the_gradient_is_that_of_finite_differences(architecture: str, likelihood: str) -> None:
    net = dataclasses.replace(SMALL, architecture=architecture, likelihood=likelihood)
    data = image_data()
    module = vae.build(net, data)
    randomise(module, 1, 0.2)
    module.double()
    x, e = vae.batch(data, net, VAETrainKnobs(batch=4), torch.Generator().manual_seed(0))
    both, train = (x.double(), e.double()), VAETrainKnobs(beta=2.0)

    def loss() -> Tensor:
        return next(vae.step(module, both, train)).loss

    module.zero_grad()
    loss().backward()  # type: ignore[no-untyped-call]
    for parameter in module.parameters():
        assert parameter.grad is not None
        place = int(parameter.grad.abs().argmax())
        flat = parameter.data.view(-1)
        kept, values = float(flat[place]), []
        for move in (1e-5, -1e-5):
            flat[place] = kept + move
            with torch.no_grad():
                values.append(float(loss()))
        flat[place] = kept
        slope = (values[0] - values[1]) / 2e-5
        assert float(parameter.grad.view(-1)[place]) == pytest.approx(slope, rel=1e-5)


# --- shapes


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", [(8, 8, 1), (25, 25, 1), (28, 28, 3), (9, 14, 3), (64, 64, 3)])
def test_any_size_comes_back_as_it_went(architecture: str, shape: tuple[int, int, int]) -> None:
    net = dataclasses.replace(SMALL, architecture=architecture)
    pixels = np.random.default_rng(0).integers(0, 256, (6, *shape)).astype(np.uint8)
    data = images.split("any", "Any", pixels)
    trained = made(net, data)
    height, width, channels = shape
    x, e = vae.batch(data, net, VAETrainKnobs(batch=3), torch.Generator().manual_seed(0))
    assert x.shape == (3, channels, height, width)
    assert e.shape == (3, 3)
    mean, log_variance = trained.module.encode(x)
    assert mean.shape == log_variance.shape == (3, 3)
    assert trained.module.decode(mean).shape == x.shape
    sample = last(MODEL.sampler(trained, SampleKnobs(count=2), ()))
    assert sample.pixels.shape == (2, *shape)


def test_what_is_padded_is_what_is_cropped() -> None:
    encoder, decoder = vae.convolutional(SMALL, (9, 14, 1))
    x = torch.rand(2, 1, 9, 14)
    padded = encoder[0](x)  # type: ignore[index]
    assert padded.shape == (2, 1, 12, 16)
    assert torch.equal(decoder[-1](padded), x)  # type: ignore[index]


# --- training


def test_beta_climbs_step_by_step() -> None:
    data = image_data()
    module = vae.build(SMALL, data)
    randomise(module, 0, 0.3)
    both = vae.batch(data, SMALL, VAETrainKnobs(batch=8), torch.Generator().manual_seed(0))

    def loss(train: VAETrainKnobs) -> float:
        with torch.no_grad():
            return float(next(vae.step(module, both, train)).loss)

    module.eval()
    nothing, whole = loss(VAETrainKnobs(beta=0.0)), loss(VAETrainKnobs(beta=1.0))
    kl = whole - nothing
    assert kl > 0.1
    module.train()
    losses = [loss(VAETrainKnobs(beta=3.0, beta_warm_up=4)) for _ in range(6)]
    parts = [(each - nothing) / kl for each in losses]
    assert parts == pytest.approx([0.75, 1.5, 2.25, 3.0, 3.0, 3.0], rel=1e-3)


def test_the_warm_up_goes_on_where_a_saved_run_left_it(tmp_path: Any) -> None:
    train = VAETrainKnobs(batch=4, beta_warm_up=100)
    learner = Learner(MODEL, image_data(), SMALL, train, 1)
    with learner.random:
        for _ in range(7):
            learner.advance()
    learner.save(tmp_path)
    after = Learner(MODEL, image_data(), SMALL, train, 2)
    after.load(tmp_path)
    for module in (after.module, after.averaged):
        assert isinstance(module, vae.VAE)
        assert float(vae.beta_now(module, train)) == pytest.approx(0.07)


def test_free_nats_are_free_in_each_dimension() -> None:
    data = image_data()
    module = vae.build(SMALL, data).eval()
    randomise(module, 0, 0.2)
    x, e = vae.batch(data, SMALL, VAETrainKnobs(batch=8), torch.Generator().manual_seed(0))
    with torch.no_grad():
        kl = vae.divergence(*module.encode(x)).mean(0)
        free = float(kl.median())
        losses = [
            float(next(vae.step(module, (x, e), VAETrainKnobs(free_bits=each))).loss)
            for each in (0.0, free)
        ]
    wanted = sum(max(float(each), free) for each in kl) - float(kl.sum())
    assert wanted > 0.01
    assert losses[1] - losses[0] == pytest.approx(wanted, rel=1e-3)


def test_a_grey_pixel_is_on_as_often_as_it_is_bright() -> None:
    pixels = np.full((20, 8, 8, 1), 51, np.uint8)  # a fifth
    data = images.split("grey", "Grey", pixels)
    random = torch.Generator().manual_seed(0)
    x, _ = vae.batch(data, SMALL, VAETrainKnobs(batch=400), random)
    assert set(x.flatten().tolist()) == {0.0, 1.0}
    assert float(x.mean()) == pytest.approx(0.2, abs=4 * 0.4 / math.sqrt(x.numel()))
    gaussian = dataclasses.replace(SMALL, likelihood="Gaussian")
    x, _ = vae.batch(data, gaussian, VAETrainKnobs(batch=4), random)
    assert x.numpy() == pytest.approx(0.2)


def test_a_shift_moves_a_picture_by_so_much_at_most() -> None:
    picture = torch.zeros(200, 2, 7, 9)
    picture[:, :, 3, 4] = 1.0
    random = torch.Generator().manual_seed(0)
    moved = vae.shifted(picture, 1, random)
    assert (moved.sum((2, 3)) == 1).all()
    assert torch.equal(moved[:, 0], moved[:, 1])
    places = moved[:, 0].flatten(1).argmax(1)
    assert set(zip((places // 9).tolist(), (places % 9).tolist(), strict=True)) == {
        (row, column) for row in (2, 3, 4) for column in (3, 4, 5)
    }
    assert torch.equal(vae.shifted(picture, 0, random), picture)


def test_a_large_beta_makes_the_posterior_collapse() -> None:
    data = image_data()
    active = {}
    for beta in (0.1, 50.0):
        train = VAETrainKnobs(batch=32, learning_rate=5e-3, beta=beta, warm_up=0, average=0.5)
        learner = Learner(MODEL, data, dataclasses.replace(SMALL, architecture="mlp"), train, 1)
        with learner.random:
            for _ in range(150):
                learner.advance()
        assert isinstance(learner.averaged, vae.VAE)
        found = finished(vae.evaluate(learner.averaged, data, learner.net, train, None))
        active[beta] = found["active"]
        assert found["latent"] == 3
    assert active == {0.1: 3, 50.0: 0}


def test_the_evaluation_is_the_same_each_time_and_looks_at_so_many() -> None:
    trained = made(data=image_data(200))
    runs = [
        finished(vae.evaluate(trained.module, trained.data, SMALL, VAETrainKnobs(beta=beta), None))
        for beta in (1.0, 9.0)
    ]
    assert runs[0] == runs[1]
    few = dataclasses.replace(trained.data, held_out=trained.data.held_out[:5])
    one = finished(vae.evaluate(trained.module, few, SMALL, VAETrainKnobs(), None))
    other = finished(vae.evaluate(trained.module, trained.data, SMALL, VAETrainKnobs(), 5))
    assert one == other != runs[0]


# --- sampling


def test_a_sample_is_decoded_from_its_seed() -> None:
    trained = made()
    wall = last(MODEL.sampler(trained, SampleKnobs(count=20, seed=7), ()))
    assert wall.numbers == tuple(range(7, 27))
    alone = last(MODEL.sampler(trained, SampleKnobs(count=1, seed=25), ()))
    np.testing.assert_array_equal(wall.pixels[18], alone.pixels[0])
    e = np.random.Generator(np.random.Philox(key=7)).standard_normal(3, np.float32)
    np.testing.assert_array_equal(wall.pixels[0], direct(trained, e[None])[0])
    half = last(MODEL.sampler(trained, SampleKnobs(count=1, seed=7, temperature=0.5), ()))
    np.testing.assert_array_equal(half.pixels[0], direct(trained, 0.5 * e[None])[0])


@pytest.mark.parametrize("likelihood", ["Bernoulli", "Gaussian"])
def test_drawn_pixels_scatter_about_their_mean(likelihood: str) -> None:
    net = dataclasses.replace(SMALL, likelihood=likelihood, deviation=0.1)
    trained = made(net)
    settings = SampleKnobs(count=256, temperature=0.0)  # the same mean in each
    mean = last(MODEL.sampler(trained, settings, ())).pixels[0] / 255
    drawn = last(MODEL.sampler(trained, dataclasses.replace(settings, pixels="drawn"), ())).pixels
    if likelihood == "Bernoulli":
        assert set(np.unique(drawn)) == {0, 255}
        error = np.sqrt(mean * (1 - mean) / 256)
    else:
        error = np.full(mean.shape, 0.1 / 16)
    inside = (mean > 0.3) & (mean < 0.7)  # where nothing is cut off
    assert inside.sum() > 5
    gaps = np.abs((drawn / 255).mean(0) - mean)[inside]
    assert (gaps < 4.5 * error[inside] + 0.003).all()


# --- views


def parts_of(trained: Trained, settings: vae.MapKnobs) -> tuple[Plane, Images]:
    panels = last(vae.latent_map(trained, settings))
    assert isinstance(panels, Panels)
    plane, beside = panels.panels
    assert isinstance(plane, Plane)
    assert isinstance(beside, Images)
    return plane, beside


def test_a_point_of_a_flat_map_is_its_own_code() -> None:
    trained = made(dataclasses.replace(SMALL, latent=2))
    plane, beside = parts_of(trained, vae.MapKnobs(x=1.25, y=-0.5))
    np.testing.assert_array_equal(beside.pixels, direct(trained, [[1.25, -0.5]]))
    (handle,) = plane.handles
    assert (handle.x, handle.y, handle.x_knob, handle.y_knob) == (1.25, -0.5, "x", "y")
    (dots,) = plane.dots
    data = trained.data
    every = codes(trained, np.concatenate([data.held_out, data.train]))
    np.testing.assert_allclose(dots.points, every, atol=1e-5)
    assert dots.classes is not None
    np.testing.assert_array_equal(dots.classes[: len(data.held_out)], data.held_out_labels)


def test_the_map_of_more_dimensions_is_their_main_plane() -> None:
    trained = made(dataclasses.replace(SMALL, latent=5))
    plane, beside = parts_of(trained, vae.MapKnobs(x=0.7, y=1.5))
    data = trained.data
    every = codes(trained, np.concatenate([data.held_out, data.train])).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(every.T))
    axes = vectors[:, ::-1][:, :2].T
    axes *= np.sign(axes[[0, 1], np.abs(axes).argmax(1)])[:, None]
    wanted = (every - every.mean(0)) @ axes.T
    np.testing.assert_allclose(plane.dots[0].points, wanted, atol=1e-3)
    assert plane.dots[0].points.var(0, ddof=1) == pytest.approx(values[::-1][:2], rel=1e-3)
    z = every.mean(0) + 0.7 * axes[0] + 1.5 * axes[1]
    assert np.abs(beside.pixels.astype(int) - direct(trained, z[None])).max() <= 1


def test_two_chosen_dimensions_are_shown_as_they_are() -> None:
    trained = made(dataclasses.replace(SMALL, latent=5))
    settings = vae.MapKnobs(x=0.7, y=1.5, plane="two dimensions", first=4, second=2)
    plane, beside = parts_of(trained, settings)
    np.testing.assert_array_equal(beside.pixels, direct(trained, [[0, 1.5, 0, 0.7, 0]]))
    held_out = codes(trained, trained.data.held_out)
    found = plane.dots[0].points[: len(held_out)]
    np.testing.assert_allclose(found, held_out[:, [3, 1]], atol=1e-5)
    same = dataclasses.replace(settings, first=64, second=64)  # beyond the last, and no plane
    _, beside = parts_of(trained, same)
    np.testing.assert_array_equal(beside.pixels, direct(trained, [[1.5, 0, 0, 0, 0.7]]))


def test_a_single_dimension_still_makes_a_map() -> None:
    trained = made(dataclasses.replace(SMALL, latent=1))
    plane, beside = parts_of(trained, vae.MapKnobs(x=0.7, y=1.5))
    np.testing.assert_array_equal(beside.pixels, direct(trained, [[0.7]]))
    assert (plane.dots[0].points[:, 1] == 0).all()
    assert last(vae.manifold(trained, vae.ManifoldKnobs(side=3))).pixels.shape[0] == 9


def test_the_map_is_never_that_of_other_weights() -> None:
    trained = made()
    before, _ = parts_of(trained, vae.MapKnobs())
    again, _ = parts_of(trained, vae.MapKnobs(x=2.0))
    np.testing.assert_array_equal(before.dots[0].points, again.dots[0].points)
    randomise(trained.module, 1, 0.25)  # at the same step
    after, _ = parts_of(trained, vae.MapKnobs())
    assert not np.allclose(before.dots[0].points, after.dots[0].points)


def test_a_drag_encodes_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = made()
    parts_of(trained, vae.MapKnobs())
    monkeypatch.setattr(trained.module, "encode", None)
    _, beside = parts_of(trained, vae.MapKnobs(x=1.0))
    assert len(beside.pixels) == 1


def test_an_own_picture_stands_on_the_map() -> None:
    trained = made(dataclasses.replace(SMALL, latent=2))
    own = trained.data.train[3]
    plane, beside = parts_of(trained, vae.MapKnobs(own=png(own)))
    z = codes(trained, own[None])
    np.testing.assert_allclose(plane.dots[-1].points, z, atol=1e-5)
    assert len(beside.pixels) == 3
    np.testing.assert_array_equal(beside.pixels[1], own)
    np.testing.assert_array_equal(beside.pixels[2], direct(trained, z)[0])


def test_reconstructions_stand_below_their_pictures() -> None:
    trained = made()
    wall = last(vae.reconstructions(trained, vae.ReconstructionKnobs(start=2, count=4)))
    assert wall.across == 4
    originals = trained.data.held_out[2:6]
    np.testing.assert_array_equal(wall.pixels[:4], originals)
    np.testing.assert_array_equal(wall.pixels[4:], direct(trained, codes(trained, originals)))


def test_the_manifold_is_laid_out_by_the_inverse_of_the_normal_distribution() -> None:
    trained = made(dataclasses.replace(SMALL, latent=4))
    settings = vae.ManifoldKnobs(side=5, first=2, second=3, others="zero")
    wall = last(vae.manifold(trained, settings))
    assert wall.across == 5
    assert not wall.gap
    quantile = [NormalDist().inv_cdf((place + 0.5) / 5) for place in range(5)]
    z = [[0, x, y, 0] for y in reversed(quantile) for x in quantile]
    assert np.abs(wall.pixels.astype(int) - direct(trained, z)).max() <= 1
    np.testing.assert_array_equal(wall.pixels[12], direct(trained, np.zeros((1, 4)))[0])
    around = dataclasses.replace(settings, others="of a picture", number=3)
    wall = last(vae.manifold(trained, around))
    base = codes(trained, trained.data.held_out[3:4])[0]
    z = [[base[0], x, y, base[3]] for y in reversed(quantile) for x in quantile]
    assert np.abs(wall.pixels.astype(int) - direct(trained, z)).max() <= 1


def test_the_arc_keeps_its_pace_and_its_length() -> None:
    a, b = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 4.0])
    arc = vae.spherical(a, b, 7)
    torch.testing.assert_close(arc[0], a)
    torch.testing.assert_close(arc[-1], b, atol=1e-5, rtol=0)
    torch.testing.assert_close(arc.norm(dim=1), torch.linspace(2, 4, 7))
    directions = arc / arc.norm(dim=1, keepdim=True)
    angles = torch.arccos((directions[1:] * directions[:-1]).sum(1))
    torch.testing.assert_close(angles, torch.full((6,), math.pi / 2 / 6), atol=1e-3, rtol=0)
    torch.testing.assert_close(vae.spherical(a, -a, 5), vae.straight(a, -a, 5))
    torch.testing.assert_close(vae.spherical(a * 0, b, 5), vae.straight(a * 0, b, 5))


def test_a_path_goes_from_one_picture_to_the_other() -> None:
    trained = made()
    settings = vae.PathKnobs(a=1, b=4, steps=5)
    wall = last(vae.path(trained, settings))
    ends = codes(trained, trained.data.held_out[[1, 4]])
    middle = direct(trained, ends.mean(0, keepdims=True))[0]
    assert wall.across == 5
    assert np.abs(wall.pixels[2].astype(int) - middle).max() <= 1
    for row in (0, 5):
        gaps = wall.pixels[[row, row + 4]].astype(int) - direct(trained, ends)
        assert np.abs(gaps).max() <= 1
    film = last(vae.path(trained, dataclasses.replace(settings, show="film")))
    assert isinstance(film, Film)
    np.testing.assert_array_equal(film.frames[2].pixels, wall.pixels[[2, 7]])


def test_a_path_between_seeds_needs_no_pictures() -> None:
    trained = made()
    bare = dataclasses.replace(trained, data=ImageData.from_json(trained.data.to_json()))
    wall = last(vae.path(bare, vae.PathKnobs(ends="seeds", a=3, b=9, steps=4)))
    samples = last(MODEL.sampler(trained, SampleKnobs(count=1, seed=3), ()))
    np.testing.assert_array_equal(wall.pixels[0], samples.pixels[0])
    with pytest.raises(PlaygroundError, match="pictures"):
        last(vae.path(bare, vae.PathKnobs()))


def test_turned_numbers_take_the_place_of_the_code_s() -> None:
    trained = made()
    panels = last(vae.code(trained, vae.CodeKnobs(number=2, code=(0.5, -1.0))))
    bars, beside = panels.panels
    assert isinstance(bars, Bars)
    z = codes(trained, trained.data.held_out[2:3])
    z[0, :2] = (0.5, -1.0)
    np.testing.assert_allclose(bars.values, z[0].clip(-3, 3), atol=1e-5)
    assert bars.turns == "code"
    assert np.abs(beside.pixels[-1].astype(int) - direct(trained, z)[0]).max() <= 1


def test_arithmetic_adds_the_difference_of_the_means() -> None:
    trained = made()
    settings = vae.ArithmeticKnobs(group_a=(0, 3), group_b=(5,), target=6, strength=1.5)
    wall, row = last(vae.arithmetic(trained, settings)).panels
    assert wall.picks == ("group_a", "group_b", "target")
    assert wall.picked == ((0, 3), (5,), (6,))
    z = codes(trained, trained.data.held_out)
    wanted = [z[6] + s * ((z[0] + z[3]) / 2 - z[5]) for s in np.linspace(0, 1.5, vae.ROW)]
    assert np.abs(row.pixels[1:].astype(int) - direct(trained, np.stack(wanted))).max() <= 1
    np.testing.assert_array_equal(row.pixels[0], trained.data.held_out[6])


def test_at_the_start_bold_and_thin_pictures_are_picked() -> None:
    trained = made(data=image_data(300))
    wall, _ = last(vae.arithmetic(trained, vae.ArithmeticKnobs())).panels
    bold, thin, _ = wall.picked
    light = trained.data.held_out.mean((1, 2, 3))
    assert len(bold) == len(thin) == 5
    assert light[list(bold)].min() > light[list(thin)].max()


def test_dead_dimensions_are_counted_and_named() -> None:
    net = dataclasses.replace(SMALL, latent=4, architecture="mlp")
    trained = made(net)
    head = trained.module.encoder[-1]
    for dimension in (1, 3):  # mu = 0 and log sigma^2 = 0, whatever the picture
        for row in (dimension, 4 + dimension):
            head.weight[row] = 0.0
            head.bias[row] = 0.0
    bars = last(vae.dimensions(trained, NoKnobs()))
    assert "2 of 4 dimensions are dead" in bars.caption
    assert [value < 0.01 for value in bars.values] == [False, True, False, True]
    found = finished(vae.evaluate(trained.module, trained.data, net, VAETrainKnobs(), None))
    assert found["active"] == 2
    assert "All 4 dimensions" in last(vae.dimensions(made(net), NoKnobs())).caption


@pytest.mark.parametrize("view", [each.key for each in MODEL.views])
def test_a_view_without_its_pictures_says_so_or_does_without(view: str) -> None:
    trained = made()
    bare = dataclasses.replace(trained, data=ImageData.from_json(trained.data.to_json()))
    (found,) = (each for each in MODEL.views if each.key == view)
    if view in ("manifold", "code"):
        assert last(found.make(bare, found.knobs()))
    else:
        with pytest.raises(PlaygroundError, match="pictures"):
            last(found.make(bare, found.knobs()))

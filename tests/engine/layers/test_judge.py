import numpy as np
import pytest
import torch

from engine.data import images
from engine.data.images import ImageData
from engine.layers import judge
from engine.layers.judge import Features, Judge, frechet
from engine.phrases import PlaygroundError
from tests.engine.small import image_data

SIZE = 10  # no multiple of 4


def quadrants(count: int = 240, channels: int = 1) -> ImageData:
    """A bright patch in one of three corners, on noise."""
    random = np.random.default_rng(1)
    labels = np.arange(count) % 3
    pixels = random.integers(0, 60, (count, SIZE, SIZE, channels))
    for picture, label in zip(pixels, labels, strict=True):
        top, left = ((0, 0), (0, 5), (5, 0))[label]
        picture[top : top + 5, left : left + 5] += 150
    names = ("upper left", "upper right", "lower left")
    return images.split("quadrants", "Quadrants", pixels.astype(np.uint8), labels, classes=names)


@pytest.fixture(scope="module")
def trained() -> tuple[Judge, ImageData]:
    data = quadrants()
    return made(data), data


def made(data: ImageData, seed: int = 0) -> Judge:
    run = judge.train(data, seed)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: Judge = stop.value
            return result


def gaussian(random: np.random.Generator, mean: Features, cov: Features) -> Features:
    """2,000 rows whose mean and covariance are exactly these."""
    rows = random.standard_normal((2000, len(mean)))
    rows -= rows.mean(0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return np.asarray(rows @ np.linalg.cholesky(cov).T + mean)


def test_frechet_of_spherical_gaussians() -> None:
    # |m1 - m2|^2 + d (s1 - s2)^2, and the scale 1 / s1^2 makes the real trace d.
    random = np.random.default_rng(0)
    shift = np.array([1.0, -2.0, 0.0, 0.5])
    real = gaussian(random, np.zeros(4), 9.0 * np.eye(4))
    made_up = gaussian(random, shift, 4.0 * np.eye(4))
    wanted = ((shift**2).sum() + 4 * (3.0 - 2.0) ** 2) / 9.0
    assert frechet(real, made_up) == pytest.approx(wanted, rel=1e-6)


def test_frechet_where_the_covariances_do_not_commute() -> None:
    random = np.random.default_rng(0)
    first = np.array([[2.0, 0.8], [0.8, 1.0]])
    second = np.array([[0.5, -0.3], [-0.3, 3.0]])
    assert not np.allclose(first @ second, second @ first)
    # In two dimensions tr A^(1/2) = sqrt(tr A + 2 sqrt(det A)).
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    wanted = (25.0 + np.trace(first) + np.trace(second) - 2 * root) * 2 / np.trace(first)
    real = gaussian(random, np.array([3.0, 4.0]), first)
    assert frechet(real, gaussian(random, np.zeros(2), second)) == pytest.approx(wanted, rel=1e-6)


def test_frechet_of_a_set_and_itself_is_nothing_and_scale_does_not_matter() -> None:
    random = np.random.default_rng(0)
    real, other = random.normal(size=(500, 6)), random.normal(1.0, 2.0, size=(400, 6))
    assert frechet(real, real) == pytest.approx(0.0, abs=1e-9)
    assert frechet(real * 7, other * 7) == pytest.approx(frechet(real, other))


def test_samples_in_one_place_are_at_least_as_far_as_the_dimensions() -> None:
    random = np.random.default_rng(0)
    real = random.normal(3.0, 5.0, size=(500, 8))
    one = np.repeat(real.mean(0)[None], 500, axis=0)
    assert frechet(real, one) == pytest.approx(8.0)


def test_it_learns_to_tell_the_classes_apart(trained: tuple[Judge, ImageData]) -> None:
    by, data = trained
    assert by.accuracy() > 0.95
    probabilities = by.probabilities(data.held_out)
    assert probabilities.shape == (len(data.held_out), 3)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-6)
    named = (probabilities.argmax(1) == data.held_out_labels).mean()
    assert by.accuracy() == pytest.approx(named)
    assert by.features(data.train[:7]).shape == (7, 64)


def test_its_scores_tell_good_pictures_from_bad(trained: tuple[Judge, ImageData]) -> None:
    by, data = trained
    real = by.scores(data.train)
    assert real.classes == 3
    assert real.confidence > 0.9
    one_class = by.scores(data.train[data.train_labels == 0])
    assert one_class.classes == 1
    assert one_class.frechet > 5 * real.frechet
    grey = by.scores(np.full_like(data.train, 60))
    assert grey.frechet > 5 * real.frechet


def test_one_process_trains_it_once_for_a_data_set(trained: tuple[Judge, ImageData]) -> None:
    by, _ = trained
    assert made(quadrants()) is by
    assert made(quadrants(channels=3)) is not by


def test_it_trains_where_gradients_are_off() -> None:
    run = judge.train(image_data(count=40))
    with torch.no_grad():  # as a view has it
        for _ in range(3):
            next(run)
            assert not torch.is_grad_enabled()
    run.close()


def test_the_same_seed_gives_the_same_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    data = quadrants(60)
    features = []
    for outside in (7, 8):  # whatever torch's own state is
        torch.manual_seed(outside)
        monkeypatch.setattr(judge, "_judges", {})
        features.append(made(data, seed=3).features(data.held_out))
    np.testing.assert_array_equal(features[0], features[1])
    assert not np.array_equal(features[0], made(data, seed=4).features(data.held_out))


def test_a_shift_moves_the_picture_and_nothing_else() -> None:
    picture = torch.zeros(50, 1, 7, 7)
    picture[:, :, 3, 3] = 1.0
    moved = judge.shifted(picture, torch.Generator().manual_seed(0), 2)
    places = moved[:, 0].flatten(1).argmax(1)
    assert (moved.flatten(1).sum(1) == 1).all()
    rows, columns = places // 7, places % 7
    assert set(rows.tolist()) == set(columns.tolist()) == {1, 2, 3, 4, 5}


def test_what_has_no_classes_is_refused_in_words() -> None:
    with pytest.raises(PlaygroundError, match="two or more classes"):
        made(image_data(count=20, classes=1))

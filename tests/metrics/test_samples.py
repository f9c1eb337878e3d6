"""What the figures of samples see when real digits are damaged more and more."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import keras_gen as kg
from keras_gen import metrics, zoo
from keras_gen.zoo.extractors import extractor_for

RNG = np.random.default_rng(0)
DIGITS = zoo.load_data("digits")
REAL = DIGITS.test.head(360)
TRAIN, LABELS = DIGITS.train.head(1080), DIGITS.train.labels[:1080]
GOOD = TRAIN[:360]
NOISE = RNG.normal(size=GOOD.shape).astype("float32")

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable")


def blurred(sigma):
    return gaussian_filter(GOOD, (0, sigma, sigma, 0))


def noisy(scale):
    return np.clip(GOOD + scale * NOISE, 0, 1)


def some_classes(number):
    return TRAIN[LABELS < number][:360]


def collapsed(number):
    return np.resize(GOOD[:number], GOOD.shape)


DAMAGE = {  # what is done, how much of it, and the figures that must get worse
    "blur": (
        blurred,
        (0.0, 0.6, 1.0, 2.0),
        ("frechet_distance", "kernel_distance", "density", "coverage"),
    ),
    "noise": (
        noisy,
        (0.0, 0.15, 0.3, 0.6),
        ("frechet_distance", "kernel_distance", "density", "coverage"),
    ),
    "classes": (
        some_classes,
        (10, 7, 4, 1),
        (
            *("frechet_distance", "kernel_distance", "recall", "coverage"),
            *("inception_score", "class_distance"),
        ),
    ),
    "collapse": (
        collapsed,
        (360, 60, 10, 2),
        ("frechet_distance", "kernel_distance", "coverage", "ms_ssim"),
    ),
}
GROWS = {"frechet_distance", "kernel_distance", "class_distance", "ms_ssim"}


@pytest.fixture(scope="module")
def figures_of():
    extractor = extractor_for((8, 8, 1), "digits")
    real = metrics.FeatureStatistics(extractor)
    real.update(REAL)

    def figures_of(samples):
        fake = metrics.FeatureStatistics(extractor)
        fake.update(samples)
        ms_ssim = metrics.pairwise_ms_ssim(samples)
        return {**metrics.compare(real, fake), "ms_ssim": ms_ssim}

    return figures_of


@pytest.mark.parametrize(("damage", "strengths", "names"), DAMAGE.values(), ids=DAMAGE)
def test_figures_worsen_with_the_damage(figures_of, damage, strengths, names):
    all_figures = [figures_of(damage(strength)) for strength in strengths]
    for name in names:
        values = np.array([figures[name].value for figures in all_figures])
        steps = np.diff(values) * (1 if name in GROWS else -1)
        assert (steps > 0).all(), (name, values)


def test_copies_look_perfect_to_all_but_memorization(figures_of):
    extractor = extractor_for((8, 8, 1), "digits")
    train, held_out = extractor(TRAIN).values, extractor(REAL).values
    copies = metrics.memorization(train, extractor(GOOD).values, held_out)
    assert copies.value > 0.99
    fresh = metrics.memorization(
        train, extractor(DIGITS.train.head(1437)[1080:]).values, held_out
    )
    assert abs(fresh.value - 0.5) < 4 * fresh.standard_error
    figures = figures_of(GOOD)
    assert figures["precision"].value > 0.9
    assert figures["coverage"].value > 0.95


def test_the_frechet_distance_of_few_samples_is_too_high_the_kernel_s_is_not(
    figures_of,
):
    few = [figures_of(TRAIN[i : i + 40]) for i in range(0, 1080, 40)]
    many = figures_of(TRAIN)
    distances = [figures["frechet_distance"].value for figures in few]
    assert min(distances) > many["frechet_distance"].value
    kernels = np.array([figures["kernel_distance"].value for figures in few])
    error = kernels.std(ddof=1) / np.sqrt(len(kernels))
    assert abs(kernels.mean() - many["kernel_distance"].value) < 4 * error


class Draws:
    """Stands for a model whose samples are known."""

    condition = None

    def __init__(self, samples):
        self.samples = samples
        self.inputs = kg.specs.of_shape(samples.shape[1:])

    def sample(self, num, *, seed, condition):
        return self.samples[:num]


def table(n, seed):
    """Columns of four units, one constant, one discrete."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(n, 5)) @ np.linalg.qr(np.ones((5, 5)) + np.eye(5))[0]
    normal[:, 3] = 7e5
    normal[:, 4] = rng.integers(0, 3, n)
    return normal, normal * [1e7, 1e-4, 1, 1, 100] + [3e7, 0, -40, 0, 0]


def test_figures_of_vectors_do_not_depend_on_the_units_of_columns():
    (plain, units), (others, other_units) = table(400, 0), table(400, 1)
    (train, train_units), raw = table(600, 2), metrics.extractors.raw((5,))
    figures, same = (
        metrics.sample_figures(Draws(fake), real, extractor=raw, train=known)
        for real, fake, known in (
            (plain, others, train),
            (units, other_units, train_units),
        )
    )
    for name, figure in figures.items():
        assert same[name].value == pytest.approx(figure.value, rel=1e-3, abs=1e-6), name
    for name in figures.keys() - {"memorization"}:
        reference = pytest.approx(figures[name].reference, rel=1e-3, abs=1e-6)
        assert same[name].reference == reference, name
    assert (
        abs(same["kernel_distance"].value) < 4 * same["kernel_distance"].standard_error
    )
    assert same["kernel_distance"].standard_error < 1
    assert same["sliced_wasserstein"].unit == "standard deviations"
    assert same["sliced_wasserstein"].value < 0.2
    assert same["precision"].extractor.startswith("values standardized by reference ")
    worse = other_units * [1, 1, 2, 1, 1] + [0, 2e-4, 0, 0, 0]
    off = metrics.sample_figures(Draws(worse), units, extractor=raw)
    for name in ("frechet_distance", "kernel_distance", "sliced_wasserstein"):
        assert off[name].value > 5 * same[name].value, name
    assert off["precision"].value < same["precision"].value - 0.2


def test_kernel_distance_of_large_features_says_so():
    rows = 1e7 * RNG.normal(size=(2, 200, 3))
    with pytest.warns(
        UserWarning, match="root mean square of 9..*e.06, above 100. Stand"
    ):
        metrics.kernel_distance(*rows)

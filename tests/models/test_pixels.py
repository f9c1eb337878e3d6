"""Autoregressive models of pixels: probabilities, samples, completions."""

import itertools
import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import metrics, networks
from keras_gen.random import normal, normal_to_uniform, row_seeds

RNG = np.random.default_rng(0)
SIZES = {"filters": 4, "blocks": 2, "first_kernel_size": 3}


def perturbed(network, distribution=None, scale=0.7, **options):
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign_add(rng.normal(0, scale, weight.shape))
    return kg.PixelAutoregressive(network, distribution, seed=0, **options)


def gated(shape=(2, 3, 1), raw_size=1, **options):
    return networks.gated_pixel_cnn(shape, raw_size, **{**SIZES, **options})


TINY = {  # models of which every example can be written down
    "made of vectors by class": lambda: perturbed(
        networks.pixel_made((4,), 3, units=(16,), num_classes=2), kg.Categorical(3)
    ),
    "gated": lambda: perturbed(gated()),
    "plain by class": lambda: perturbed(
        networks.pixel_cnn((3, 2, 1), **SIZES, num_classes=2)
    ),
    "logistics": lambda: perturbed(
        gated((2, 1, 2), 12), kg.DiscretizedLogisticMixture(2, 3)
    ),
}


@pytest.fixture(scope="module", params=TINY)
def tiny(request):
    random.seed(0)
    return TINY[request.param]()


def every_example(model):
    levels = np.linspace(0, 1, model.distribution.levels, dtype=np.float32)
    values = list(itertools.product(levels, repeat=math.prod(model.inputs.shape)))
    return np.array(values, np.float32).reshape(-1, *model.inputs.shape)


def labels_of(model, n, label=1):
    return np.full(n, label) if kg.specs.num_classes(model.condition) else None


def flat(x):
    return np.asarray(x).reshape(len(x), -1)


def frequencies(found, examples):
    """How often each example was found."""
    same = (flat(found)[:, None] - flat(examples)[None]).__abs__() < 1e-3
    counts = same.all(axis=-1).sum(axis=0)
    assert counts.sum() == len(found)
    return counts


def test_the_probabilities_of_all_examples_sum_to_one(tiny):
    x = every_example(tiny)
    for label in range(kg.specs.num_classes(tiny.condition) or 1):
        log_prob = tiny.log_prob(x, condition=labels_of(tiny, len(x), label)).astype(
            np.float64
        )
        assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-5)
        assert np.ptp(log_prob) > 1


def test_samples_come_with_their_probabilities(tiny):
    n, x = 4000, every_example(tiny)
    expected = n * np.exp(
        tiny.log_prob(x, condition=labels_of(tiny, len(x))).astype(np.float64)
    )
    samples = tiny.sample(n, seed=3, condition=labels_of(tiny, n))
    counts = frequencies(samples, x)
    often = expected > 5
    observed = [*counts[often], counts[~often].sum()]
    wanted = [*expected[often], expected[~often].sum()]
    if wanted[-1] < 1:  # all examples are frequent
        observed, wanted = observed[:-1], wanted[:-1]
    wanted = np.array(wanted) * np.sum(observed) / np.sum(wanted)
    assert len(observed) > 4
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


def test_completions_come_with_their_conditional_probabilities(tiny):
    """Given the first row of an image, or the first value of a vector."""
    n, x = 3000, every_example(tiny)
    log_prob = tiny.log_prob(x, condition=labels_of(tiny, len(x))).astype(np.float64)
    given = x[len(x) // 3]
    made = tiny.complete_image(
        given[None], 1, condition=labels_of(tiny, 1), num_samples=n, seed=5
    )
    assert made.shape == (n, *tiny.inputs.shape)
    np.testing.assert_allclose(
        made[:, :1], np.tile(given[:1], (n,) + (1,) * given.ndim)
    )
    fits = (flat(x[:, :1]) == flat(given[None, :1])).all(axis=1)
    expected = np.exp(log_prob[fits])
    expected *= n / expected.sum()
    counts = frequencies(made, x[fits])
    error = np.abs(counts - expected)
    assert (error < 4 * np.sqrt(expected) + 2).all()
    assert (expected > 30).sum() > 1


def test_noise_decides_the_sample(tiny):
    labels = labels_of(tiny, 5)
    samples = tiny.sample(5, seed=11, condition=labels)
    noise = normal(row_seeds(11, 5), tiny.noise.shape)
    np.testing.assert_array_equal(
        tiny.generate(noise.numpy(), condition=labels), samples
    )
    np.testing.assert_array_equal(
        tiny.sample(3, seed=11, condition=labels_of(tiny, 3)), samples[:3]
    )


def test_nothing_given_is_a_sample_and_all_given_is_the_example(tiny):
    x, labels = every_example(tiny)[-4:], labels_of(tiny, 4)
    height = tiny.inputs.shape[0]
    samples = tiny.sample(4, seed=2, condition=labels)
    for kept, expected in ((0, samples), (height, x)):
        made = tiny.complete_image(x, kept, condition=labels, seed=2)
        np.testing.assert_allclose(made, expected, atol=1e-6)
    made = tiny.complete_image(
        x, np.array([0, height, 0, height]), condition=labels, seed=2
    )
    np.testing.assert_allclose(made[::2], samples[::2], atol=1e-6)
    np.testing.assert_allclose(made[1::2], x[1::2], atol=1e-6)


def test_the_coldest_completion_takes_the_likeliest_value_each_time():
    model = TINY["gated"]()
    x = np.zeros((1, 2, 3, 1), np.float32)
    for i in range(6):
        one = x.copy()
        one[0].flat[i] = 1
        higher = model.log_prob(marginal(one, i)), model.log_prob(marginal(x, i))
        better = np.logaddexp.reduce(higher[0]) > np.logaddexp.reduce(higher[1])
        x = one if better else x
    for seed in range(3):
        made = model.complete_image(1 - x, 0, seed=seed, temperature=1e-4)
        np.testing.assert_array_equal(made, x)


def marginal(x, i):
    """All images that begin with the values up to number `i` of one."""
    rest = itertools.product((0.0, 1.0), repeat=x.size - i - 1)
    rows = [[*x.ravel()[: i + 1], *tail] for tail in rest]
    return np.array(rows, np.float32).reshape(-1, *x.shape[1:])


def test_before_training_all_levels_are_equally_likely():
    x = RNG.random((4, 5, 4, 1), np.float32)
    for levels in (2, 17):
        raw_size = 1 if levels == 2 else levels
        law = None if levels == 2 else kg.Categorical(levels)
        network = gated((5, 4, 1), raw_size)
        model = kg.PixelAutoregressive(network, law)
        np.testing.assert_allclose(model.bits_per_dim(x), math.log2(levels), rtol=1e-5)
        log_prob = -20 * math.log(levels)
        np.testing.assert_allclose(model.log_prob(x), log_prob, rtol=1e-5)


def test_examples_count_as_the_nearest_levels():
    model = perturbed(gated((5, 4, 1), 17), kg.Categorical(17))
    x = RNG.integers(0, 17, (3, 5, 4, 1)) / 16
    moved = np.clip(x + 0.02, 0, 1)
    np.testing.assert_allclose(model.log_prob(moved), model.log_prob(x), rtol=1e-6)
    images = np.uint8(RNG.integers(0, 2, (3, 5, 4, 1)) * 255)
    binary = perturbed(gated((5, 4, 1)))
    expected = binary.log_prob(images / np.float32(255))
    np.testing.assert_array_equal(binary.log_prob(images), expected)


def test_grey_images_are_binarized_in_training_and_evaluation():
    x = np.full((512, 5, 4, 1), 0.3, np.float32)
    model = perturbed(gated((5, 4, 1)), observation=kg.StochasticBinarization())
    observed = model.observe(tf.constant(x), row_seeds(4, len(x))).numpy()
    assert set(np.unique(observed)) == {0, 1}
    assert observed.mean() == pytest.approx(0.3, abs=0.02)
    figures = metrics.evaluate(model, x, seed=4)
    log_prob = model.log_prob(observed)
    assert figures["log_prob"].value == pytest.approx(log_prob.mean(), rel=1e-5)
    bits = -log_prob.mean() / (20 * math.log(2))
    assert figures["bits_per_dim"].value == pytest.approx(bits, rel=1e-5)
    assert np.abs(model.log_prob(x) - log_prob).mean() > 1  # as it is: all zeros
    model.compile(jit_compile=False)
    terms = model.evaluate(x, verbose=0, return_dict=True)
    assert terms["loss"] == pytest.approx(-log_prob.mean(), rel=0.1)
    expected = terms["loss"] / (20 * math.log(2))
    assert terms["bits_per_dim"] == pytest.approx(expected, rel=1e-5)


def test_training_finds_the_probabilities_of_the_data():
    """Two images, one twice as frequent, have the entropy log 3 - 2/3 log 2."""
    x = np.zeros((96, 3, 3, 1), np.float32)
    x[::3, 1], x[1::3, :, 2], x[2::3, :, 2] = 1, 1, 1
    network = gated((3, 3, 1), filters=8)
    model = kg.PixelAutoregressive(network, seed=0)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(np.tile(x, (120, 1, 1, 1)), batch_size=96, shuffle=False, verbose=0)
    entropy = math.log(3) - 2 / 3 * math.log(2)
    assert -model.log_prob(x).mean() == pytest.approx(entropy, abs=0.02)
    counts = frequencies(model.sample(300, seed=0), x[:2])
    assert counts[1] == pytest.approx(200, abs=4 * math.sqrt(300 * 2 / 9))


MODEL = perturbed(gated((3, 2, 1), num_classes=2))
X, Y = np.zeros((2, 3, 2, 1), np.float32), np.array([0, 1])


def completed(x, kept, **how):
    return MODEL.complete_image(x, kept, condition=Y, **how)


ERRORS = {
    "kept must be in \\[0, 3\\], received 4": lambda: MODEL.complete_image(
        X, 4, condition=Y
    ),
    "kept must be in": lambda: completed(X, [-1, 0]),
    "kept must be one integer or 2": lambda: MODEL.complete_image(
        X, [1, 1, 1], condition=Y
    ),
    "kept must be one integer ": lambda: completed(X, 1.5),
    "temperature must be > 0": lambda: MODEL.complete_image(
        X, 1, condition=Y, temperature=0.0
    ),
    "num_samples": lambda: completed(X, 1, num_samples=0),
    "labels are missing": lambda: MODEL.complete_image(X, 1),
    "x must have shape": lambda: completed(X[:, :2], 1),
    "x must hold values in": lambda: completed(X + 2, 1),
    "labels must be in": lambda: MODEL.log_prob(X, condition=Y + 1),
    "raw_size=17": lambda: kg.PixelAutoregressive(gated(), kg.Categorical(17)),
    "raw values": lambda: kg.PixelAutoregressive(squashed()),
}


def squashed():
    network = gated()
    y = keras.layers.Activation("sigmoid")(network.outputs[0])
    return keras.Model(network.inputs, y)


@pytest.mark.parametrize(("message", "call"), ERRORS.items(), ids=ERRORS)
def test_errors_name_what_was_received(message, call):
    with pytest.raises(ValueError, match=message):
        call()


def test_parts_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="distribution must be a PixelDistribution"):
        kg.PixelAutoregressive(gated(), kg.Gaussian())
    with pytest.raises(TypeError, match="observation"):
        kg.PixelAutoregressive(gated(), observation=0.5)
    with pytest.raises(TypeError, match="network must be a Functional"):
        kg.PixelAutoregressive(keras.layers.Dense(1))


def test_the_uniform_numbers_are_those_of_the_noise():
    """A model of independent values: a one where the number exceeds p(0)."""
    model = kg.PixelAutoregressive(gated((4, 4, 1)))
    noise = RNG.normal(size=(3, 4, 4, 1)).astype(np.float32)
    expected = normal_to_uniform(noise).numpy() > 0.5
    np.testing.assert_array_equal(model.generate(noise), expected)


def test_one_label_stands_for_all():
    made = MODEL.complete_image(X, 1, condition=1, seed=2)
    expected = MODEL.complete_image(X, 1, condition=np.ones(len(X), int), seed=2)
    np.testing.assert_array_equal(made, expected)

"""VAE: what it generates, with and without labels, and what it refuses."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_gen as kg
from keras_gen import networks
from keras_gen.distributions import Likelihood
from keras_gen.random import normal, row_seeds

from ..marks import but_slow

SHAPE = (8, 8, 1)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    random.seed(0)
    return kg.VAE(*networks.mlp_vae(SHAPE, 3, units=(16,)), seed=0)


@pytest.fixture(scope="module")
def conditional():
    random.seed(0)
    return kg.VAE(*networks.mlp_vae(SHAPE, 3, units=(16,), num_classes=4), seed=0)


def images(n, seed=0):
    return np.random.default_rng(seed).random((n, *SHAPE), "float32")


def test_generate_is_the_decoder(model):
    noise = normal(row_seeds(1, 5), (3,))
    expected = tf.sigmoid(model.decoder(noise))
    for value in (model.generate(noise), model.generate(noise.numpy())):
        np.testing.assert_allclose(value, expected, rtol=1e-6)
    again = model.generate(noise.numpy())
    np.testing.assert_array_equal(again, model.generate(noise.numpy()))


def test_rows_of_a_sample_do_not_know_each_other(model):
    five = model.sample(5, seed=7)
    np.testing.assert_allclose(model.sample(2, seed=7), five[:2], rtol=1e-6)
    for i, seed in enumerate(row_seeds(7, 5)):
        noise = normal(np.array([seed]), model.noise.shape)
        np.testing.assert_allclose(model.generate(noise)[0], five[i], rtol=1e-6)
        alone = model.sample(1, seed=int(seed))[0]
        np.testing.assert_allclose(alone, five[i], rtol=1e-6)
    assert np.abs(five[1:] - five[:1]).max(axis=(1, 2, 3)).min() > 1e-3


def test_many_rows_are_like_few(model):
    many = model.sample(1030, seed=7)
    assert len(many) == 1030
    np.testing.assert_allclose(many[:5], model.sample(5, seed=7), rtol=1e-6)
    noise = normal(row_seeds(7, 1030), (3,)).numpy()
    last = model.generate(noise[-5:])
    np.testing.assert_allclose(many[-5:], last, rtol=1e-6)


def test_no_seed_draws_one(model):
    assert np.any(model.sample(2) != model.sample(2))


def test_samples_of_a_mixture_prior_come_from_its_components():
    prior = kg.GaussianMixture.from_moments(
        [0.25, 0.75], [[-3.0], [4.0]], [[[0.01]], [[0.04]]]
    )
    linear = layers.Dense(4, use_bias=False)
    decoder = keras.Sequential([keras.Input((1,)), linear])
    linear.set_weights([np.array([[1, 0, 0, 0]], "float32")])
    encoder = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    likelihood = kg.Gaussian(1.0, unit_interval=False)
    z = kg.VAE(encoder, decoder, likelihood=likelihood, prior=prior).sample(
        4000, seed=0, mean=True
    )[:, 0]
    left = z < 0
    assert left.mean() == pytest.approx(0.25, abs=0.03)
    for part, mean, scale in ((z[left], -3, 0.1), (z[~left], 4, 0.2)):
        assert part.mean() == pytest.approx(mean, abs=0.02)
        assert part.std() == pytest.approx(scale, rel=0.08)


def test_labels_decide_the_sample(conditional):
    drawn = [conditional.sample(3, seed=1, condition=k) for k in range(4)]
    for k in range(3):
        assert np.abs(drawn[k] - drawn[k + 1]).max() > 1e-2
    mixed = conditional.sample(3, seed=1, condition=[0, 3, 1])
    for row, k in enumerate([0, 3, 1]):
        np.testing.assert_allclose(mixed[row], drawn[k][row], rtol=1e-6)
    broadcast = conditional.sample(3, seed=1, condition=[2, 2, 2])
    np.testing.assert_array_equal(broadcast, drawn[2])


def test_labels_enter_every_method_alike(conditional):
    x, labels, tensor = images(6), np.arange(6) % 4, tf.constant(np.arange(6) % 4)
    one_hot = np.eye(4, dtype="float32")[labels]
    mean = np.split(np.asarray(conditional.encoder([x, one_hot])), 2, axis=1)[0]
    picture = tf.sigmoid(conditional.decoder([mean, one_hot])).numpy()
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(conditional.encode(x, condition=labels), mean, **close)
    np.testing.assert_allclose(
        conditional.decode(mean, condition=labels), picture, **close
    )
    for found in (
        conditional.reconstruct(x, condition=labels),
        conditional.reconstruct(tf.constant(x), condition=tensor),
        conditional([x, labels]),
        conditional.predict([x, labels], verbose=0),
    ):
        np.testing.assert_allclose(found, picture, **close)
    noise = np.ones((6, 3), "float32")
    for bound in (
        lambda x, y: conditional.elbo(x, noise=noise, condition=y),
        lambda x, y: conditional.importance_log_prob(x, 5, condition=y),
    ):
        both = [bound(x, labels)[3], bound(x[3:4].repeat(6, 0), 3 + 0 * labels)[3]]
        assert both[0] == pytest.approx(both[1], rel=1e-5)
        assert np.all(bound(x, labels) != bound(x, (labels + 1) % 4))


WRONG_LABELS = {
    "missing": (None, "missing"),
    "too large": ([0, 4], r"\[0, 4\), received values in \[0, 4\]"),
    "negative": ([-1, 0], r"received values in \[-1, 0\]"),
    "too many": ([0, 1, 2], "(3 rows for 2|the same number of rows|received 3 rows)"),
    "float": ([0.0, 1.0], "must be integers"),
}


@pytest.mark.parametrize("kind", [np.asarray, tf.constant], ids=["array", "tensor"])
@pytest.mark.parametrize(("labels", "message"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_wrong_labels_are_refused(labels, message, kind, conditional):
    x, z = kind(images(2)), kind(np.zeros((2, 3), "float32"))
    labels = None if labels is None else kind(labels)
    for call in (
        lambda: conditional.sample(2, seed=0, condition=labels),
        lambda: conditional.generate(z, condition=labels),
        lambda: conditional.encode(x, condition=labels),
        lambda: conditional.decode(z, condition=labels),
        lambda: conditional.elbo(x, noise=z, condition=labels),
        lambda: conditional.importance_log_prob(x, 3, condition=labels),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_labels_of_a_traced_function_are_checked_as_it_runs(conditional):
    x = tf.constant(images(2))

    def traced(dtype):
        spec = tf.TensorSpec((None,), dtype)
        return tf.function(
            lambda y: conditional.encode(x, condition=y), input_signature=[spec]
        )

    encode = traced("int64")
    np.testing.assert_allclose(
        encode([0, 3]), conditional.encode(x, condition=[0, 3]), rtol=1e-5
    )
    words = r"labels must be in \[0, 4\), received values in\] \[-1\] \[4\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        encode([4, -1])
    with pytest.raises(ValueError, match="must be integers, received float32"):
        traced("float32")(np.float32([0, 1]))


def test_labels_of_an_unconditional_model_are_refused(model):
    for call in (
        lambda: model.sample(2, condition=1),
        lambda: model.encode(images(2), condition=[0, 1]),
        lambda: model.encode(tf.constant(images(2)), condition=[0, 1]),
    ):
        with pytest.raises(ValueError, match="unconditional"):
            call()


def test_lines_of_codes_with_labels_end_in_reconstructions(conditional):
    a, b, labels = images(3), images(3, seed=1), [0, 2, 3]
    line = conditional.interpolate(a, b, 5, condition=labels)
    assert line.shape == (3, 5, *SHAPE)
    for end, x in ((0, a), (-1, b)):
        expected = conditional.reconstruct(x, condition=labels)
        np.testing.assert_allclose(line[:, end], expected, rtol=1e-5)
    middle = (
        conditional.encode(a, condition=labels)
        + conditional.encode(b, condition=labels)
    ) / 2
    expected = conditional.decode(middle, condition=labels)
    np.testing.assert_allclose(line[:, 2], expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["generate", "decode"])
def test_gradients_flow_through(method, model):
    noise = normal(row_seeds(1, 2), (3,))
    direction = np.array([[0.5, -1.0, 0.25]], "float32")
    with tf.GradientTape() as tape:
        tape.watch(noise)
        total = tf.reduce_sum(getattr(model, method)(noise))
    slope = float(tf.reduce_sum(tape.gradient(total, noise) * direction))

    def value(step):
        moved = (noise + step * direction).numpy()
        return getattr(model, method)(moved).astype(np.float64).sum()

    assert slope == pytest.approx((value(1e-2) - value(-1e-2)) / 2e-2, rel=1e-2)
    assert abs(slope) > 1e-3


def test_the_posterior_is_that_of_encode(model):
    x = images(4)
    posterior = model.posterior(tf.constant(x))
    mean, log_var = np.split(np.asarray(model.encoder(x)), 2, axis=1)
    np.testing.assert_allclose(posterior.mean(), model.encode(x), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(posterior.mean(), mean, rtol=1e-6)
    np.testing.assert_allclose(posterior.variance(), np.exp(log_var), rtol=1e-5)


ENCODER, DECODER = networks.mlp_vae(SHAPE, 3, units=(4,))
OTHERS = networks.mlp_vae(SHAPE, 3, units=(4,), num_classes=4)
FIVE = networks.mlp_vae(SHAPE, 3, units=(4,), num_classes=5)
TANH = keras.Sequential([DECODER, layers.Activation("tanh")])
WRONG = {
    "a code, no statistics": (
        (networks.mlp(SHAPE, (3,), units=()), DECODER),
        {},
        r"mean and log variance.*\(batch, 6\).*received \(batch, 3\)",
    ),
    "unbuilt": ((ENCODER, keras.Sequential([layers.Dense(3)])), {}, "Functional or"),
    "values per channel": (
        (ENCODER, DECODER),
        {"likelihood": kg.LearnedGaussian()},
        r"decoder must output \(8, 8, 2\)",
    ),
    "squashed": ((ENCODER, TANH), {}, "raw values.*tanh"),
    "numbers of classes": ((OTHERS[0], FIVE[1]), {}, "must take the same condition"),
}


@pytest.mark.parametrize(("pair", "options", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_constructor_says_what_is_wrong(pair, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kg.VAE(*pair, **options)


def linear_vae(likelihood, size=3, **options):
    """p(x | z) is the same for all z: that of raw values (1, 0, -1, ...)."""
    channels = likelihood.values_per_channel * size
    bias = np.resize([1.0, 0.0, -1.0], channels).astype("float32")
    start = keras.initializers.Constant(bias)
    last = layers.Dense(channels, kernel_initializer="zeros", bias_initializer=start)
    decoder = keras.Sequential([keras.Input((2,)), last])
    encoder = keras.Sequential([keras.Input((size,)), layers.Dense(4)])
    return kg.VAE(encoder, decoder, likelihood=likelihood, **options)


FREE = {"unit_interval": False}
LAWS = {
    "gaussian": (kg.Gaussian(0.5, **FREE), [1, 0, -1], [0.5, 0.5, 0.5]),
    "learned": (
        kg.LearnedGaussian(0.1, **FREE),
        [1, 0, -1],
        0.1 + np.log1p(np.exp([1, 0, -1])),
    ),
    "bernoulli": (
        kg.Bernoulli(),
        1 / (1 + np.exp([-1, 0, 1])),
        [0.4434, 0.5, 0.4434],
    ),
    "levels": (kg.DiscretizedLogistic(5), None, None),
}


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_likelihood(name):
    """Means, deviations and, of levels, the share of each."""
    likelihood, means, deviations = LAWS[name]
    model = linear_vae(likelihood, seed=0)
    drawn = model.sample(20_000, seed=3, mean=False)
    if means is not None:
        np.testing.assert_allclose(drawn.mean(0), means, atol=0.02)
        np.testing.assert_allclose(drawn.std(0), deviations, atol=0.02)
    if likelihood.has_levels:
        top = likelihood.levels - 1
        raw = model.decoder(np.zeros((1, 2), "float32"))
        for level in range(top + 1):
            x = np.full((1, 3), level / top, "float32")
            share = np.exp([likelihood.log_prob(x[:, :1], r, 1) for r in columns(raw)])
            found = (drawn == x[0]).mean(0)
            np.testing.assert_allclose(found, share[:, 0], atol=0.015)


def columns(raw):
    """The raw values of each of three features."""
    parts = np.split(np.asarray(raw), raw.shape[-1] // 3, axis=-1)
    return [np.concatenate([p[:, i : i + 1] for p in parts], -1) for i in range(3)]


def test_a_users_likelihood_draws_by_its_quantiles():
    class Laplace(Likelihood):
        unit_interval = False

        def distribution(self, raw):
            import tensorflow_probability as tfp

            return tfp.distributions.Laplace(raw, 1.0)

        def mean(self, raw):
            return raw

    noise = tf.constant(RNG.normal(size=(20_000, 1)), tf.float32)
    drawn = Laplace().draw(tf.fill((20_000, 1), 2.0), noise).numpy()
    assert drawn.mean() == pytest.approx(2, abs=0.05)
    assert drawn.std() == pytest.approx(2**0.5, abs=0.05)


def test_samples_vary_as_the_data_do():
    x = np.random.default_rng(0).normal(size=(1000, 4)).astype("float32")
    pair = networks.mlp_vae((4,), 2, units=(16,), values_per_channel=2)
    model = kg.VAE(*pair, likelihood=kg.LearnedGaussian(**FREE), seed=0)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(x, batch_size=100, epochs=15, verbose=0)
    np.testing.assert_allclose(model.sample(1000, seed=1).std(0), x.std(0), atol=0.15)
    assert model.sample(1000, seed=1, mean=True).std(0).max() < 0.6


def test_means_and_draws_share_the_latent_vector():
    model = kg.VAE(
        *networks.mlp_vae((4,), 2, units=(8,)), likelihood=kg.Gaussian(1e-4, **FREE)
    )
    drawn, mean = (model.sample(5, seed=3, mean=mean) for mean in (False, True))
    np.testing.assert_allclose(drawn, mean, atol=1e-3)
    noise = normal(row_seeds(3, 5), model.noise.shape)
    np.testing.assert_allclose(mean, model.generate(noise), rtol=1e-6)
    assert (drawn - mean).std() == pytest.approx(1e-4, rel=0.5)
    np.testing.assert_allclose(model.sample(5, seed=3), drawn, atol=1e-7)
    np.testing.assert_allclose(model.sample(2, seed=3), drawn[:2], atol=1e-7)


BITS = (np.random.default_rng(0).random((64, 4)) < 0.5).astype("float32")
GREYS = np.random.default_rng(0).random((64, 4), "float32")
BINARY = {"observation": kg.StochasticBinarization()}
BITWISE = {"likelihood": kg.Bernoulli()}
STREAM = tf.data.Dataset.from_tensor_slices(BITS).batch(16)
DEFAULTS = {
    "images": ((8, 8, 1), None, {}, True),
    "binarized images": ((8, 8, 1), None, BINARY, True),
    "vectors never seen": ((4,), None, BITWISE, True),
    "grey vectors": ((4,), GREYS, BITWISE, True),
    "binary vectors": ((4,), BITS, BITWISE, False),
    "stream": ((4,), STREAM, BITWISE, False),
    "binarized vectors": ((4,), None, BINARY | BITWISE, False),
    "vectors of levels": (
        (4,),
        None,
        {"likelihood": kg.DiscretizedLogistic(4)},
        False,
    ),
}


@pytest.mark.parametrize(
    "name", but_slow([*DEFAULTS], ("stream", "grey vectors", "binarized images"))
)
def test_samples_are_means_where_draws_do_not_look_like_data(name, tmp_path):
    shape, x, options, expected = DEFAULTS[name]
    size = options.get("likelihood", kg.Bernoulli()).values_per_channel
    pair = networks.mlp_vae(shape, 2, units=(8,), values_per_channel=size)
    model = kg.VAE(*pair, seed=0, **options)
    if x is not None:
        model.compile(jit_compile=False)
        model.fit(x, verbose=0)
    model.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    for found in (model, again):
        assert found.samples_mean is expected
        drawn = found.sample(30, seed=0)
        np.testing.assert_array_equal(drawn, found.sample(30, seed=0, mean=expected))
        levels = np.unique(np.round(3 * drawn, 5))
        assert np.isin(levels, range(4)).all() is np.bool_(not expected)
    again.samples_mean = not expected
    assert not np.array_equal(again.sample(30, seed=0), drawn)
    with pytest.raises(TypeError, match="mean must be True, False or None.*'no'"):
        model.sample(2, mean="no")

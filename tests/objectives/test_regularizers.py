"""Gradient penalties against closed forms, their points, and bounds on weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.objectives.game import Batch, Game, Verdict
from keras_gen.objectives.regularizers import norm
from keras_gen.random import RowNoise, row_seeds

RNG = np.random.default_rng(0)
N = 500
REAL = RNG.normal(1.0, 2.0, (N, 3)).astype("float32")
FAKE = RNG.normal(-1.0, 0.5, (N, 3)).astype("float32")
SHORT, LONG = np.array([0.3, 0.0, -0.4]), np.array([3.0, 0.0, 4.0])  # norms 0.5 and 5
SCALES = np.array([1.0, -2.0, 0.5])
EVERYWHERE = {  # at any points, for the critic w.x: the penalty of a norm
    "gradient penalty": (kg.GradientPenalty(3.0), lambda n: 3 * (n - 1) ** 2),
    "one-sided": (
        kg.GradientPenalty(3.0, one_sided=True),
        lambda n: 3 * max(0, n - 1) ** 2,
    ),
    "dragan": (kg.DRAGAN(3.0), lambda n: 3 * (n - 1) ** 2),
    "r1": (kg.R1(3.0), lambda n: 1.5 * n**2),
    "r2": (kg.R2(3.0), lambda n: 1.5 * n**2),
}
everywhere = pytest.mark.parametrize(
    ("penalty", "closed_form"), EVERYWHERE.values(), ids=EVERYWHERE
)


def noise(n=N, seed=0):
    return RowNoise(row_seeds(seed, n), 0)


def points(penalty, real=REAL, fake=FAKE):
    drawn = noise(len(real))
    return penalty.points(tf.constant(real), tf.constant(fake), drawn, 3).numpy()


def term(penalty, critic, real=REAL, fake=FAKE):
    """The penalty of a critic in a game, and the loss without it."""
    batch = Batch(tf.constant(real), tf.constant(fake), None, None, noise(len(real)))

    def judge(x, draws):
        return Verdict(critic(x), None)

    games = [Game(kg.Wasserstein(), p, None) for p in ((penalty,), ())]
    with_it, without = (game.discriminator(judge, batch) for game in games)
    found = with_it.terms[penalty.name]
    difference = with_it.loss - without.loss
    np.testing.assert_allclose(difference, found, rtol=1e-4, atol=1e-4)
    return found


def linear(w):
    return lambda x: tf.linalg.matvec(x, tf.cast(w, x.dtype))


def quadratic(x):
    """Its gradient at x is SCALES * x."""
    return 0.5 * tf.reduce_sum(tf.cast(SCALES, x.dtype) * x * x, axis=1)


@everywhere
@pytest.mark.parametrize("w", [SHORT, LONG], ids=["short", "long"])
def test_a_linear_critic_pays_for_the_length_of_its_weights(penalty, closed_form, w):
    expected = closed_form(np.linalg.norm(w))
    assert float(term(penalty, linear(w))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "x"), [(kg.R1, REAL), (kg.R2, FAKE)])
def test_r1_looks_at_real_and_r2_at_generated_examples(kind, x):
    expected = 0.5 * 4.0 * np.square(SCALES * x.astype(float)).sum(1).mean()
    assert float(term(kind(4.0), quadratic)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("penalty", [kg.GradientPenalty(2.0), kg.DRAGAN(2.0)])
def test_a_curved_critic_pays_at_the_points(penalty):
    x = points(penalty).astype(float)
    expected = 2 * np.square(np.linalg.norm(SCALES * x, axis=1) - 1).mean()
    assert float(term(penalty, quadratic)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1)], ids=["vectors", "images"])
def test_the_points_of_the_penalty_are_uniform_on_the_segments(shape):
    real, fake = (RNG.normal(size=(N, *shape)).astype("float32") for _ in range(2))
    found = points(kg.GradientPenalty(), real, fake)
    shares = ((found - fake) / (real - fake)).reshape(N, -1)
    middle = np.median(shares, axis=1)
    lengths = np.abs(real - fake).reshape(N, -1)
    error = np.abs(shares - middle[:, None]) * lengths
    assert error.max() < 1e-5
    assert 0 < middle.min() < 0.02
    assert 0.98 < middle.max() < 1
    assert middle.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * N))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_points_of_dragan_surround_real_examples(scale):
    away = points(kg.DRAGAN(scale=scale)) - REAL
    deviation = scale * REAL.std()
    assert away.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * away.size))
    assert abs(away.mean()) < 4 * deviation / np.sqrt(away.size)
    correlation = np.corrcoef(away.ravel(), REAL.ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(away.size)


def test_the_norm_of_zero_has_no_slope():
    x = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = norm(x)
    np.testing.assert_allclose(found, [0, 5], atol=2e-6)
    np.testing.assert_allclose(tape.gradient(found, x), [[0, 0], [0.6, 0.8]])


def test_a_dead_critic_gets_a_finite_gradient():
    w = tf.Variable(np.zeros(3), dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = term(kg.GradientPenalty(3.0), lambda x: tf.linalg.matvec(x, w))
    assert float(value) == pytest.approx(3.0, rel=1e-4)
    np.testing.assert_array_equal(tape.gradient(value, w), np.zeros(3))


@everywhere
def test_the_second_derivative_is_that_of_the_closed_form(penalty, closed_form):
    w, step = tf.Variable(LONG, dtype=tf.float32), 1e-6
    with tf.GradientTape() as tape:
        value = term(penalty, lambda x: tf.linalg.matvec(x, w))
    size = np.linalg.norm(LONG)
    slope = (closed_form(size + step) - closed_form(size - step)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(value, w), slope * LONG / size, rtol=1e-4)


@pytest.mark.parametrize("penalty", [kg.R1(2.0), kg.GradientPenalty(2.0)])
def test_the_second_derivative_of_a_network_is_its_finite_difference(penalty):
    real, fake = REAL[:16].astype(float), FAKE[:16].astype(float)
    w, v = (tf.Variable(RNG.normal(size=s)) for s in ((3, 5), (5,)))
    x = penalty.points(tf.constant(real, tf.float32), fake, noise(16), 3)
    x = tf.cast(x, tf.float64)

    def value():
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = tf.linalg.matvec(tf.tanh(x @ w), v)
        return tf.reduce_mean(penalty(tape.gradient(logits, x)))

    with tf.GradientTape() as tape:
        total = value()
    slope = tape.gradient(total, w)
    direction = RNG.normal(size=(3, 5))
    start, step = w.numpy(), 1e-5
    ends = []
    for sign in (1, -1):
        w.assign(start + sign * step * direction)
        ends.append(float(value()))
    expected = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(slope * direction) == pytest.approx(expected, rel=1e-6)


@pytest.fixture
def clipped():
    pair = kg.networks.mlp_gan((6,), 2, generator_units=(4,), discriminator_units=(8,))
    clipping = {"regularizers": [kg.WeightClipping(0.05)]}
    return kg.GAN(*pair, objective=kg.Wasserstein(), seed=0, **clipping)


def largest(network):
    return max(np.abs(w).max() for w in network.get_weights())


def test_clipped_weights_stay_within_the_limit_after_loading_too(clipped, tmp_path):
    clipped.compile("sgd", keras.optimizers.SGD(0.1), jit_compile=False)
    x = RNG.normal(size=(32, 6)).astype("float32")
    clipped.fit(x, batch_size=16, verbose=0)
    clipped.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for model in (clipped, loaded):
        model.fit(x, batch_size=16, epochs=2, verbose=0)
        assert largest(model.discriminator) == np.float32(0.05)
        assert largest(model.generator) > 0.1


WRONG = {
    "no weight": (lambda: kg.GradientPenalty(0.0), "weight must be > 0, received 0"),
    "negative weight": (lambda: kg.R1(-1.0), "weight must be > 0, received -1"),
    "infinite weight": (lambda: kg.R2(np.inf), "weight must be > 0, received inf"),
    "side": (lambda: kg.GradientPenalty(one_sided="x"), "one_sided must be a bool"),
    "word": (lambda: kg.DRAGAN("1"), "weight must be a number > 0, received '1'"),
    "no scale": (lambda: kg.DRAGAN(scale=0.0), "scale must be > 0, received 0"),
    "no limit": (lambda: kg.WeightClipping(0.0), "limit must be > 0, received 0"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from keras_gen.objectives import Contractive, KLSparsity, L1Sparsity

RNG = np.random.default_rng(0)
X = RNG.random((5, 3, 2)).astype(np.float32)
KERNEL = RNG.normal(size=(6, 4)).astype(np.float32)
CODES = expit(X.reshape(5, 6) @ KERNEL).astype(np.float32)


def encode(x):
    return tf.sigmoid(tf.reshape(x, (-1, 6)) @ KERNEL)


def l1(codes):
    return 0.2 * np.abs(codes).sum(1)


def kl(codes, rho=0.05):
    mean = codes.mean(0)
    terms = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    return np.full(len(codes), 3 * terms.sum())


def contraction(codes):
    return 0.5 * ((codes * (1 - codes)) ** 2 @ (KERNEL.astype(float) ** 2).sum(0))


CASES = {
    "l1": (L1Sparsity(weight=0.2), l1),
    "kl": (KLSparsity(weight=3, target=0.05), kl),
    "contractive": (Contractive(weight=0.5), contraction),
}
cases = pytest.mark.parametrize(("penalty", "closed_form"), CASES.values(), ids=CASES)


@cases
@pytest.mark.parametrize(
    "jit_compile", [None, False, True], ids=["eager", "graph", "xla"]
)
def test_penalty_is_the_closed_form(penalty, closed_form, jit_compile):
    def function(x):
        return penalty(encode(x), x, encode)

    if jit_compile is not None:
        function = tf.function(function, jit_compile=jit_compile)
    expected = closed_form(CODES.astype(float))
    np.testing.assert_allclose(function(tf.constant(X)), expected, rtol=1e-5)


@cases
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_gradient_is_that_of_the_closed_form(penalty, closed_form, jit_compile):
    kernel = tf.Variable(KERNEL)

    def encode(x):
        return tf.sigmoid(tf.reshape(x, (-1, 6)) @ kernel)

    @tf.function(jit_compile=jit_compile)
    def gradient():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(penalty(encode(X), tf.constant(X), encode))
        return tape.gradient(total, kernel)

    def total(kernel):
        codes = expit(X.reshape(5, 6).astype(float) @ kernel)
        if isinstance(penalty, Contractive):
            return 0.5 * ((codes * (1 - codes)) ** 2 @ (kernel**2).sum(0)).sum()
        return closed_form(codes).sum()

    steps = 1e-5 * np.eye(KERNEL.size).reshape(-1, *KERNEL.shape)
    expected = [total(KERNEL + s) - total(KERNEL - s) for s in steps]
    expected = np.reshape(expected, KERNEL.shape) / 2e-5
    np.testing.assert_allclose(gradient(), expected, rtol=1e-3, atol=1e-4)


def test_kl_sparsity_is_zero_at_its_target_only():
    penalty = KLSparsity(target=0.2)
    at_target = np.float32([[0.1, 0.2], [0.3, 0.2]])
    np.testing.assert_allclose(penalty(at_target, None, None), [0, 0], atol=1e-7)
    for other in (0.0, 0.1, 0.3, 1.0):
        values = penalty(np.full((2, 2), other, np.float32), None, None)
        assert (values.numpy() > 0.01).all()
        assert np.isfinite(values).all()


def test_contractive_of_a_constant_encoder_is_zero():
    x = tf.constant(X)
    values = Contractive()(CODES, x, lambda x: 0.0 * encode(x) + 1.0)
    np.testing.assert_array_equal(values, np.zeros(5))


@cases
def test_survives_saving(penalty, closed_form):
    config = keras.saving.serialize_keras_object(penalty)
    assert keras.saving.deserialize_keras_object(config) == penalty


ERRORS = {
    "l1 weight": (lambda: L1Sparsity(weight=0), "weight must be > 0, received 0"),
    "kl weight": (lambda: KLSparsity(weight=-1.0), "weight must be > 0, received -1.0"),
    "kl target": (lambda: KLSparsity(target=0.0), "target must be > 0, received 0.0"),
    "kl target of one": (lambda: KLSparsity(target=1.0), "1 - target must be > 0"),
    "contractive": (lambda: Contractive(weight=True), "weight must be a number .*True"),
}


@pytest.mark.parametrize(("build", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(build, message):
    with pytest.raises(ValueError, match=message):
        build()

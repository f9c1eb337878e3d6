"""Layers of the adversarial networks: closed forms and saved copies."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gen import networks
from keras_gen.networks import (
    MinibatchStandardDeviation,
    SelfAttention,
    SpectralNormalization,
)

RNG = np.random.default_rng(0)
LINEAR = {  # the layer, the shape of its input, how its kernel becomes a matrix
    "dense": (lambda: layers.Dense(5), (7,), lambda w: w),
    "conv1d": (
        lambda: layers.Conv1D(5, 3),
        (8, 2),
        lambda w: w.reshape(-1, 5),
    ),
    "conv2d": (
        lambda: layers.Conv2D(5, 3, 2, padding="same"),
        (8, 8, 3),
        lambda w: w.reshape(-1, 5),
    ),
    "conv3d": (
        lambda: layers.Conv3D(3, 2, use_bias=False),
        (4, 4, 4, 2),
        lambda w: w.reshape(-1, 3),
    ),
    "conv2d transpose": (
        lambda: layers.Conv2DTranspose(5, 4, 2, padding="same"),
        (4, 4, 3),
        lambda w: np.swapaxes(w, -1, -2).reshape(-1, 5),
    ),
}
linear = pytest.mark.parametrize(
    ("make", "shape", "as_matrix"), LINEAR.values(), ids=LINEAR
)


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def spectral(make, shape):
    """A built layer with random kernel and bias."""
    layer = SpectralNormalization(make())
    layer.build((None, *shape))
    for weight in layer.trainable_weights:
        weight.assign(normal(*weight.shape))
    return layer


@linear
def test_sigma_becomes_the_largest_singular_value(make, shape, as_matrix):
    layer, x = spectral(make, shape), normal(2, *shape)
    before = [w.numpy() for w in layer.trainable_weights]
    call = tf.function(lambda: layer(x, training=True))
    for _ in range(300):
        y = call()
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    kernel = before[0].astype("float64")
    sigma = np.linalg.svd(as_matrix(kernel))[1][0]
    np.testing.assert_allclose(layer.sigma()[0], sigma, rtol=1e-4)
    plain = make()
    plain.build((None, *shape))
    plain.set_weights([kernel / sigma, *before[1:]])
    np.testing.assert_allclose(y, plain(x), rtol=1e-3, atol=1e-4)
    largest = np.linalg.svd(as_matrix(plain.get_weights()[0]))[1][0]
    assert largest == pytest.approx(1, abs=1e-4)


def test_the_gradient_of_sigma_is_the_product_of_the_singular_vectors():
    layer = spectral(lambda: layers.Dense(5), (7,))
    for _ in range(300):
        layer(normal(1, 7), training=True)
    with tf.GradientTape() as tape:
        sigma, _ = layer.sigma()
    left, _, right = np.linalg.svd(layer.layer.kernel.numpy().astype("float64"))
    gradient = tape.gradient(sigma, layer.layer.kernel.value)
    np.testing.assert_allclose(gradient, np.outer(left[:, 0], right[0]), atol=1e-4)


def test_the_gradient_flows_through_sigma():
    """W / sigma(W) does not change with the length of W: <dL/dW, W> = 0."""
    layer, x = spectral(lambda: layers.Dense(5), (7,)), normal(3, 7)
    kernel = layer.layer.kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    gradient = tape.gradient(loss, kernel.value)
    assert np.abs(gradient).max() > 0.1
    assert float(tf.reduce_sum(gradient * kernel)) == pytest.approx(0, abs=1e-3)


def test_u_moves_in_training_alone_and_gives_the_same_answer_after():
    layer, x = spectral(lambda: layers.Dense(5), (7,)), normal(2, 7)
    before = layer.u.numpy()
    still = layer(x)
    np.testing.assert_array_equal(still, layer(x, training=False))
    np.testing.assert_array_equal(layer.u, before)
    np.testing.assert_array_equal(layer(x, training=True), still)
    assert np.abs(layer.u - before).max() > 1e-3
    assert np.linalg.norm(layer.u) == pytest.approx(1, abs=1e-6)


def test_u_is_drawn_from_the_seed():
    def draw(seed):
        random.seed(seed)
        return spectral(lambda: layers.Dense(5), (7,)).u.numpy()

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).all()


def test_a_kernel_of_zeros_stays_zero_and_u_is_kept():
    layer, x = spectral(lambda: layers.Dense(5, use_bias=False), (7,)), normal(2, 7)
    layer.layer.kernel.assign(tf.zeros((7, 5)))
    before = layer.u.numpy()
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
    np.testing.assert_array_equal(y, tf.zeros((2, 5)))
    np.testing.assert_array_equal(layer.u, before)
    assert np.isfinite(tape.gradient(y, layer.layer.kernel.value)).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_power_iteration_runs_inside_a_compiled_loop(jit_compile):
    layer, x = spectral(lambda: layers.Conv2D(5, 3), (8, 8, 3)), normal(2, 8, 8, 3)
    singular = np.linalg.svd(layer.layer.kernel.numpy().reshape(-1, 5))[1][0]

    @tf.function(jit_compile=jit_compile)
    def iterate():
        def step(i):
            layer(x, training=True)
            return i + 1

        return tf.while_loop(lambda i: i < 300, step, [0])

    iterate()
    np.testing.assert_allclose(layer.sigma()[0], singular, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_sigma_is_float32_in_mixed_precision(policy):
    layer = SpectralNormalization(layers.Dense(5, dtype=policy), dtype=policy)
    x = keras.Input((7,))
    network = keras.Model(x, layers.Activation("relu", dtype=policy)(layer(x)))
    network(normal(2, 7), training=True)
    sigma, u = layer.sigma()
    assert sigma.dtype == u.dtype == layer.u.dtype == layer.layer.kernel.dtype
    assert layer(normal(2, 7)).dtype == policy.removeprefix("mixed_")


REFUSED = {
    "activation": (
        lambda: SpectralNormalization(layers.Dense(2, activation="relu")),
        "layer must be linear, received a layer with the activation relu",
    ),
    "other kind": (
        lambda: SpectralNormalization(layers.BatchNormalization()),
        "layer must be one of Dense, .*received <BatchNormalization",
    ),
    "iterations": (
        lambda: SpectralNormalization(layers.Dense(2), power_iterations=0),
        "power_iterations must be > 0, received 0",
    ),
    "group": (
        lambda: MinibatchStandardDeviation(0),
        "group_size must be > 0, received 0",
    ),
    "open size": (
        lambda: SelfAttention()(keras.Input((None, 8, 3))),
        r"SelfAttention requires .* fixed .* received \(None, None, 8, 3\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_errors_name_what_was_received(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_minibatch_standard_deviation_by_hand():
    x = np.array([[1, 0], [3, 4], [5, 5], [5, 7]], np.float32)
    # Pairs: deviations (1, 2) and (0, 1). All four: sqrt(2.75) and sqrt(6.5).
    pairs = MinibatchStandardDeviation(2)(x)
    np.testing.assert_array_equal(pairs[:, :2], x)
    np.testing.assert_allclose(pairs[:, 2], [1.5, 1.5, 0.5, 0.5], atol=1e-4)
    whole = (np.sqrt(2.75) + np.sqrt(6.5)) / 2
    for group_size in (3, 4, 5):
        y = MinibatchStandardDeviation(group_size)(x)
        np.testing.assert_allclose(y[:, 2], [whole] * 4, atol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 6, 8])
def test_minibatch_standard_deviation_of_images(rows, jit_compile):
    layer, x = MinibatchStandardDeviation(), RNG.normal(size=(rows, 3, 5, 2))
    call = tf.function(
        layer,
        jit_compile=jit_compile,
        input_signature=[tf.TensorSpec((None, 3, 5, 2), tf.float32)],
    )
    groups = [x[:4], x[4:]] if rows == 8 else [x]
    deviations = [np.full(len(g), g.std(axis=0).mean()) for g in groups if rows]
    y = call(tf.constant(x, tf.float32))
    assert y.shape == layer.compute_output_shape(x.shape) == (rows, 3, 5, 3)
    expected = np.concatenate([[], *deviations])[:, None, None]
    np.testing.assert_allclose(y[..., 2], expected * np.ones((3, 5)), atol=2e-4)


def test_equal_examples_have_a_finite_gradient():
    x = tf.ones((4, 3, 3, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        channel = MinibatchStandardDeviation()(x)[..., 2]
    np.testing.assert_array_equal(tape.gradient(channel, x), tf.zeros_like(x))
    np.testing.assert_allclose(channel, np.zeros((4, 3, 3)), atol=2e-4)


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_self_attention_starts_as_the_identity(spectral_norm):
    layer, x = SelfAttention(spectral_norm=spectral_norm), normal(2, 6, 4, 16)
    np.testing.assert_array_equal(layer(x), x)
    layer.gamma.assign(0.5)
    assert np.abs(layer(x) - x).max() > 1e-3
    assert len(layer.non_trainable_weights) == 4 * spectral_norm
    np.testing.assert_allclose(np.sum(layer.attention(x), axis=-1), 1, atol=1e-6)


def test_self_attention_is_the_formula():
    layer, x = SelfAttention(), normal(2, 4, 6, 16)
    layer.build(x.shape)
    layer.gamma.assign(0.5)
    query, key, value, output = (
        w.numpy()[0, 0].astype("float64")
        for part in (layer.query, layer.key, layer.value, layer.output_map)
        for w in part.weights
    )
    assert (query.shape, value.shape, output.shape) == ((16, 2), (16, 8), (8, 16))

    def pooled(y):
        return y.reshape(2, 2, 2, 3, 2, -1).max(axis=(2, 4)).reshape(2, 6, -1)

    image = x.numpy().astype("float64")
    queries, keys = (image @ query).reshape(2, 24, 2), pooled(image @ key)
    scores = np.exp(queries @ keys.transpose(0, 2, 1))
    weights = scores / scores.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(layer.attention(x), weights, atol=1e-5)
    read = (weights @ pooled(image @ value)).reshape(2, 4, 6, 8)
    np.testing.assert_allclose(layer(x), image + 0.5 * read @ output, atol=1e-5)


def test_projection_is_the_linear_head_plus_the_inner_product():
    features, labels = keras.Input((2,)), keras.Input((3,))
    logit = networks.projection_logit(features, labels)
    network = keras.Model([features, labels], logit)
    head, bias = network.get_layer("psi").weights
    (embedding,) = network.get_layer("class_embedding").weights
    head.assign([[1.0], [-1.0]])
    bias.assign([0.5])
    embedding.assign([[0, 0], [1, 2], [-1, 3]])
    # phi = (2, 3): psi = 2 - 3 + 0.5; <v, phi> = 0, 2 + 6, -2 + 9.
    found = network([tf.constant([[2.0, 3.0]] * 3), tf.eye(3)])
    np.testing.assert_allclose(found, [[-0.5], [7.5], [6.5]])

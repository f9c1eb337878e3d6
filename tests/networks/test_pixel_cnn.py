"""Who sees whom in the networks of pixels, and what is remembered of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gen import networks
from keras_gen.distributions import Bernoulli, Categorical, DiscretizedLogisticMixture
from keras_gen.networks import HorizontalStackConv2D, VerticalStackConv2D
from keras_gen.networks.stepwise import check_autoregressive, draw_positions

from ..marks import but_slow

RNG = np.random.default_rng(0)
SMALL = {"filters": 8, "first_kernel_size": 3}


def perturbed(network):
    for weight in network.weights:
        weight.assign_add(RNG.normal(0, 0.3, weight.shape))
    return network


def gated(shape, raw_size=1, **options):
    return networks.gated_pixel_cnn(shape, raw_size, **{**SMALL, **options})


def plain(shape, raw_size=1, **options):
    return networks.pixel_cnn(shape, raw_size, **{**SMALL, **options})


def made(shape, raw_size=1, **options):
    return networks.pixel_made(
        shape, raw_size, **{"units": (48, 40), "activation": "tanh", **options}
    )


def sensitivity(network, rows=4):
    """Largest change of a pixel's outputs by another pixel: `(outputs, inputs)`."""
    shape = network.inputs[0].shape[1:]
    x = [tf.constant(RNG.random((rows, *shape)), tf.float32)]
    labels = [tf.eye(y.shape[1], num_columns=y.shape[1]) for y in network.inputs[1:]]
    x += [tf.gather(y, tf.range(rows) % y.shape[0]) for y in labels]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = networks.apply_all(network, x)
    channels = shape[2] if len(shape) == 3 else 1
    pixels = int(np.prod(shape)) // channels
    y_size, found = y.shape[-1], []
    for value in x:
        change = tape.batch_jacobian(y, value, experimental_use_pfor=False)
        change = np.abs(change).reshape(rows, pixels, y_size, -1).max(axis=(0, 2))
        found.append(change)
    by_pixel = found[0].reshape(pixels, pixels, channels).max(axis=-1)
    return by_pixel, *found[1:]


CASES = {
    "gated": lambda: gated((4, 4, 1), blocks=4),
    "gated colours by class": lambda: gated((3, 3, 2), 2, blocks=3, num_classes=3),
    "gated, one row": lambda: gated((1, 6, 1), blocks=5),
    "gated, one column": lambda: gated((6, 1, 1), blocks=5),
    "made": lambda: made((4, 3, 1), 2),
    "made by class": lambda: made((7,), num_classes=3),
}


@pytest.mark.parametrize("name", but_slow([*CASES], ["gated, one column"]))
def test_a_pixel_sees_all_before_it_and_no_other(name):
    """No blind spot: within reach, all that come before."""
    found, *labels = sensitivity(perturbed(CASES[name]()))
    before = np.tri(len(found), k=-1, dtype=bool)
    assert (found[~before] == 0).all()
    assert (found[before] > 0).all()
    for change in labels:
        assert (change > 0).all()


def test_plain_convolutions_have_the_blind_spot_of_the_paper():
    """Above, they see one column more to the right with each row, and no further."""
    height, width = 4, 5
    network = plain((height, width, 1), blocks=4, num_classes=3)
    found, *labels = sensitivity(perturbed(network), rows=16)
    seen = (found > 0).reshape(height, width, height, width)
    i, j, row, column = np.indices(seen.shape)
    same_row = (row == i) & (column < j)
    cone = (row < i) & (column <= j + i - row)
    np.testing.assert_array_equal(seen, same_row | cone)
    before = row * width + column < i * width + j
    assert (before & ~seen).any()
    assert (labels[0] > 0).all()


def test_masked_convolutions_are_masked_kernels():
    """A convolution above plus one to the left: what a mask leaves of a kernel."""
    x = RNG.random((2, 6, 5, 3)).astype(np.float32)
    for strict in (True, False):
        above = VerticalStackConv2D(4, (1, 3), strict=True)
        left = HorizontalStackConv2D(4, 1 + (not strict), strict=strict)
        found = above(x) + left(x)
        kernel = np.zeros((3, 3, 3, 4), np.float32)
        kernel[:1] = above.kernel
        own = left.kernel.numpy()[0]
        kernel[1, : len(own)] = own
        expected = tf.nn.conv2d(x, kernel, 1, "SAME")
        np.testing.assert_allclose(found, expected, atol=1e-6)


DRAWN = {
    "made": (lambda: made((4, 3, 1)), Bernoulli()),
    "made of vectors by class": (
        lambda: made((7,), 3, num_classes=3),
        Categorical(3),
    ),
    "gated by class, wide": (
        lambda: gated((4, 6, 1), blocks=3, kernel_size=5, num_classes=3),
        Bernoulli(),
    ),
    "gated colours": (
        lambda: gated((4, 3, 3), 20, blocks=2, first_kernel_size=5),
        DiscretizedLogisticMixture(2, 32),
    ),
    "gated with biases of pixels": (
        lambda: gated((4, 5, 1), blocks=3, position_bias=True),
        Bernoulli(),
    ),
    "plain with biases of pixels by class": (
        lambda: plain((4, 5, 1), blocks=2, position_bias=True, num_classes=3),
        Bernoulli(),
    ),
    "plain by class, wide": (
        lambda: plain(
            (4, 5, 2),
            2,
            blocks=2,
            first_kernel_size=7,
            kernel_size=5,
            num_classes=3,
        ),
        Bernoulli(),
    ),
}
SLOW = ("gated by class, wide", "gated with biases of pixels")  # parts of others


def draw_by_whole_passes(network, law, uniform, labels):
    """The same draws from a call of the whole network for each pixel."""
    x = np.zeros(uniform.shape, np.float32)
    shape = network.inputs[0].shape[1:]
    call = tf.function(lambda *inputs: networks.apply_all(network, inputs))
    for i in range(uniform.shape[1]):
        known = [tf.reshape(x, (-1, *shape)), *([] if labels is None else [labels])]
        raw = tf.reshape(call(*known), (len(x), uniform.shape[1], -1))
        x[:, i] = law.from_uniform(uniform[:, i], raw[:, i])
    return x.reshape(-1, *shape)


@pytest.mark.parametrize(("build", "law"), but_slow(DRAWN, SLOW))
def test_position_by_position_the_draws_are_those_of_whole_passes(build, law):
    network, rows = perturbed(build()), 6
    shape = network.inputs[0].shape[1:]
    channels = shape[2] if len(shape) == 3 else 1
    uniform = tf.constant(
        RNG.random((rows, int(np.prod(shape)) // channels, channels)), tf.float32
    )
    labels = tf.one_hot(np.arange(rows) % 3, 3) if len(network.inputs) == 2 else None

    @tf.function(autograph=False)
    def drawn():
        return draw_positions(
            network,
            lambda raw, i: law.from_uniform(tf.gather(uniform, i, axis=1), raw),
            labels,
            tf.constant(rows),
        )

    expected = draw_by_whole_passes(network, law, uniform, labels)
    np.testing.assert_allclose(drawn(), expected, atol=1e-6)
    assert expected.std() > 0.1


def test_networks_begin_at_0():
    for build in (gated, plain, made):
        network = build((4, 4, 1), 3)
        assert network.output_shape == (None, 4, 4, 3)
        assert (network(RNG.random((2, 4, 4, 1))).numpy() == 0).all()


def own(*stack, labels=False):
    """A Functional model of layers, one after the other."""
    inputs = [keras.Input((4, 4, 1))]
    y = inputs[0]
    for layer in stack:
        y = layer(y)
    if labels:
        inputs.append(keras.Input((16,)))
        y = layers.Add()([y, layers.Reshape((4, 4, 1))(inputs[1])])
    return keras.Model(inputs, y)


def twice():
    shared = HorizontalStackConv2D(1, 2, strict=True)
    return own(shared, shared)


def above():
    return VerticalStackConv2D(1, (1, 3), strict=True)


REFUSED = {
    "must not see future pixels": lambda: own(VerticalStackConv2D(1, (2, 3))),
    "must be made of causal.*received conv2d": lambda: own(
        above(), layers.Conv2D(1, 3, padding="same")
    ),
    "must not see the pixel that it predicts": lambda: own(HorizontalStackConv2D(1, 2)),
    "must not see the pixel that it predicts:": lambda: own(layers.Conv2D(1, 1)),
    "calls .* twice": twice,
    "must be the same for all pixels": lambda: own(above(), labels=True),
    "must take images and return": lambda: own(above(), layers.Flatten()),
    "must be built by networks.pixel_made": lambda: keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), layers.Reshape((4, 1))]
    ),
}


@pytest.mark.parametrize(("message", "build"), REFUSED.items(), ids=REFUSED)
def test_networks_that_could_see_what_they_predict_are_refused(message, build):
    with pytest.raises(ValueError, match=message.strip()):
        check_autoregressive(build())


WRONG = {
    "filters must be even": lambda: plain((4, 4, 1), filters=3),
    "blocks": lambda: gated((4, 4, 1), blocks=0),
    "kernel_size must be odd": lambda: gated((4, 4, 1), kernel_size=4),
    "first_kernel_size must be at least 3": lambda: plain(
        (4, 4, 1), first_kernel_size=1
    ),
    "image_shape": lambda: gated((4, 4)),
    "raw_size": lambda: gated((4, 4, 1), 0),
    "num_classes": lambda: gated((4, 4, 1), num_classes=0),
    "data_shape must be .* received \\(4, 4, 3\\)": lambda: made((4, 4, 3)),
    "units": lambda: made((4,), units=(0,)),
}


@pytest.mark.parametrize(("message", "build"), WRONG.items(), ids=WRONG)
def test_errors_name_the_argument(message, build):
    with pytest.raises(ValueError, match=message):
        build()


def test_own_networks_of_causal_layers_are_accepted():
    x = [keras.Input((4, 4, 1))]
    y = layers.Rescaling(2.0, -1.0)(x[0])
    y = layers.Concatenate()([above()(y), HorizontalStackConv2D(2, 3, strict=True)(y)])
    network = perturbed(keras.Model(x, layers.Dense(1)(layers.ReLU()(y))))
    assert check_autoregressive(network) == (4, 4, 1)
    uniform = tf.constant(RNG.random((5, 16, 1)), tf.float32)
    drawn = draw_positions(
        network,
        lambda raw, i: Bernoulli().from_uniform(tf.gather(uniform, i, axis=1), raw),
        None,
        5,
    )
    expected = draw_by_whole_passes(network, Bernoulli(), uniform, None)
    np.testing.assert_array_equal(drawn, expected)

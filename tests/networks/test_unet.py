"""The parts of the U-Net against what they stand for."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import networks

RNG = np.random.default_rng(0)
SMALL = {"channels": (8, 16), "heads": 2, "groups": 4}


def normalized(x, groups):
    """The groups of an example, in numpy and float64."""
    batch, height, width, channels = x.shape
    parts = x.reshape(batch, height * width, groups, channels // groups)
    mean = parts.mean((1, 3), keepdims=True)
    deviation = np.sqrt(parts.var((1, 3), keepdims=True) + 1e-5)
    return ((parts - mean) / deviation).reshape(x.shape)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_group_normalization_is_that_of_numpy(groups):
    x = RNG.normal(1.0, 2.0, (2, 5, 4, 6))
    layer = networks.GroupNormalization(groups)
    layer.build(x.shape)
    gamma, beta = RNG.normal(size=(2, 6))
    layer.set_weights([gamma, beta])
    expected = normalized(x, groups) * gamma + beta
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", [(), (7,), (5, 4), (2, 5, 4)])
def test_group_normalization_of_any_rank_is_that_of_keras(sizes):
    x = RNG.normal(1.0, 2.0, (3, *sizes, 6)).astype("float32")
    layer = networks.GroupNormalization(3)
    theirs = keras.layers.GroupNormalization(3, epsilon=1e-5)
    for one in (layer, theirs):
        one.build(x.shape)
        one.set_weights([np.linspace(1, 2, 6), np.linspace(-1, 1, 6)])
    np.testing.assert_allclose(layer(x), theirs(x), rtol=1e-5, atol=1e-5)
    modulation = RNG.normal(size=(3, 12)).astype("float32")
    modulated = networks.GroupNormalization(3)(x, modulation)
    scale, shift = (
        v.reshape(3, *[1] * len(sizes), 6) for v in np.split(modulation, 2, axis=1)
    )
    plain = keras.layers.GroupNormalization(3, epsilon=1e-5)(x)
    np.testing.assert_allclose(modulated, plain * (1 + scale) + shift, atol=1e-4)


def test_group_normalization_trains_on_series_of_any_length():
    x = keras.Input((None, 2))
    y = networks.GroupNormalization(2)(keras.layers.Conv1D(4, 3, padding="same")(x))
    network = keras.Model(x, y)
    network.compile("sgd", "mse")
    rows = RNG.normal(size=(4, 9, 2)), RNG.normal(size=(4, 9, 4))
    history = network.fit(*rows, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert network.predict(rows[0][:, :5], verbose=0).shape == (4, 5, 4)


def test_a_modulation_takes_the_place_of_the_weights():
    x, scale, shift = RNG.normal(size=(2, 5, 4, 6)), *RNG.normal(size=(2, 2, 6))
    layer = networks.GroupNormalization(3)
    received = layer(x, np.concatenate([scale, shift], axis=1))
    expected = normalized(x, 3) * (1 + scale[:, None, None]) + shift[:, None, None]
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)
    assert not layer.weights


@pytest.mark.parametrize("mean", [0, 10, 100])
def test_what_a_far_mean_costs(mean):
    """The variance is a difference of squares, rounded in proportion to them."""
    x = (mean + RNG.normal(size=(2, 8, 8, 4))).astype("float32")
    expected = normalized(x.astype("float64"), 2)
    error = np.abs(networks.GroupNormalization(2)(x) - expected).max()
    rounding = np.finfo("float32").eps * (1 + mean**2)
    assert error <= 2 * rounding * np.abs(expected).max()


def test_equal_values_become_zero():
    y = networks.GroupNormalization(2)(np.full((1, 3, 3, 4), 7.0))
    np.testing.assert_allclose(y, 0, atol=1e-3)


def test_half_precision_is_summed_in_single():
    x = (300 * RNG.normal(size=(1, 8, 8, 4))).astype("float16")
    received = networks.GroupNormalization(2, dtype="float16")(x)
    assert received.dtype == "float16"
    np.testing.assert_allclose(received, normalized(x.astype(float), 2), atol=5e-3)


@pytest.mark.parametrize("sides", [(4, 4), (3, 5), (1, 2), (6,), (1,), (2, 3, 4)])
def test_doubling_is_repetition_and_a_convolution(sides):
    layer = networks.DoublingConvolution(5)
    x = ops.convert_to_tensor(RNG.normal(size=(2, *sides, 3)), "float32")
    received, repeated = layer(x), x
    for axis in range(1, len(sides) + 1):
        repeated = ops.repeat(repeated, 2, axis=axis)
    kernel = ops.swapaxes(layer.kernel, -1, -2)
    expected = ops.conv(repeated, kernel, padding="same")
    np.testing.assert_allclose(received, expected, atol=2e-6)
    layer.bias.assign(np.arange(5.0))
    np.testing.assert_allclose(layer(x), expected + np.arange(5.0), atol=2e-6)


def test_blocks_and_attention_start_as_the_identity():
    network = networks.unet((8, 8, 1), attention=(True, True), **SMALL)
    sums = [layer for layer in network.layers if isinstance(layer, layers.Add)]
    probe = keras.Model(network.inputs, [add.input for add in sums])
    x, level = RNG.normal(size=(2, 8, 8, 1)), [[-1.0], [1.0]]
    pairs = probe([x, np.array(level)])
    sides = [sum(bool(np.any(side)) for side in pair) for pair in pairs]
    assert sides == [1] * len(sums)
    assert len(sums) == 6 + 5  # blocks, and attention but after the middle's second


def test_attention_stands_where_it_is_asked_for():
    def sizes(**options):
        network = networks.unet((16, 8, 1), channels=(8, 8, 8), groups=4, **options)
        kinds = networks.MultiHeadSelfAttention
        found = [layer for layer in network.layers if isinstance(layer, kinds)]
        return sorted(layer.output.shape[1] for layer in found)

    assert sizes() == [8] * 3
    assert sizes(attention=(False, True, False), blocks=2) == [32] * 4
    assert sizes(attention=(False,) * 3) == []


@pytest.mark.parametrize(
    "options",
    [
        {"data_shape": (9, 11, 3), "channels": (8,)},
        {"data_shape": (13, 14, 5), "blocks": 2},
        {"data_shape": (8, 8, 4), "channels": (4, 8, 8, 16), "out_channels": 8},
        {"data_shape": (187, 2), "channels": (8, 8, 16), "condition_channels": 3},
        {"data_shape": (3, 9, 8, 1)},
    ],
    ids=str,
)
def test_any_sides(options):
    network = networks.unet(**{**SMALL, **options})
    channels = options.get("out_channels", options["data_shape"][-1])
    expected = (*options["data_shape"][:-1], channels)
    assert networks.output_shape(network, "unet") == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_shape": (7, 7, 1)}, "at least 8x8"),
        ({"data_shape": (7, 2)}, r"\(length, channels\) of at least 8.*\(7, 2\)"),
        ({"data_shape": (8,)}, "at least 8x8"),
        ({"attention": (True,)}, "one boolean for each of the 3 sizes"),
        ({"attention": (16, 8, 4)}, "one boolean for each"),
        ({"heads": 3}, "heads must divide the 64 channels, received 3"),
        ({"groups": 7}, "groups must divide the 32 channels, received 7"),
        ({"channels": ()}, "channels must be a list or tuple of integers"),
        ({"blocks": 0}, "blocks must be > 0"),
        ({"dropout": 1.0}, "dropout must be a number in"),
        ({"out_channels": 0}, "out_channels must be > 0"),
        ({"condition_channels": -1}, "condition_channels must be > 0"),
        ({"attention": True}, "attention must"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        networks.unet(**{"data_shape": (8, 8, 1), **options})


def test_a_unet_of_patches_is_a_unet_of_their_pixels_as_channels():
    patched = networks.unet((16, 24, 3), patch=2, num_classes=2, **SMALL)
    plain = networks.unet((8, 12, 12), num_classes=2, **SMALL)
    weights = [RNG.normal(0, 0.1, w.shape) for w in plain.get_weights()]
    for network in (patched, plain):
        network.set_weights(weights)
    x = RNG.normal(size=(2, 16, 24, 3)).astype("float32")
    level, labels = np.array([[0.3], [-1.0]], "float32"), np.eye(2, dtype="float32")
    pixels = x.reshape(2, 8, 2, 12, 2, 3).transpose(0, 1, 3, 2, 4, 5)
    y = plain([pixels.reshape(2, 8, 12, 12), level, labels]).numpy()
    y = y.reshape(2, 8, 12, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(x.shape)
    np.testing.assert_allclose(patched([x, level, labels]), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "patch", "message"),
    [
        ((18, 16, 1), 4, "patches of 4x4: the sides must be multiples of 4"),
        ((16, 16, 1), 4, "at least 8x8 places, received 4 .* which leaves 4x4"),
        ((16, 1), 2, r"must be \(height, width, channels\)"),
        ((16, 16, 1), 0, "patch"),
    ],
)
def test_patches_that_do_not_fit_are_refused(shape, patch, message):
    with pytest.raises(ValueError, match=message):
        networks.unet(shape, patch=patch, **SMALL)

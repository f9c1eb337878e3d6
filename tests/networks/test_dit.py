"""The parts of the diffusion transformer against what they stand for."""

import keras
import numpy as np
import pytest

from keras_gen import networks

RNG = np.random.default_rng(0)


def test_layer_normalization_is_that_of_numpy():
    x = RNG.normal(3.0, 2.0, (2, 5, 8))
    centred = x - x.mean(-1, keepdims=True)
    expected = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    layer = networks.LayerNormalization()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)
    scale, shift = RNG.normal(size=(2, 2, 8))
    modulated = networks.LayerNormalization()(x, np.concatenate([scale, shift], 1))
    expected = expected * (1 + scale[:, None]) + shift[:, None]
    np.testing.assert_allclose(modulated, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_that_of_numpy(heads):
    x = RNG.normal(size=(2, 5, 8))
    layer = networks.MultiHeadSelfAttention(heads)
    layer.build(x.shape)
    weights = [RNG.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    joint, joint_bias, out, out_bias = weights
    queries, keys, values = np.split(x @ joint + joint_bias, 3, axis=-1)
    size = 8 // heads
    read = []
    for head in range(heads):
        q, k, v = (t[..., head * size :][..., :size] for t in (queries, keys, values))
        scores = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(size))
        read.append(scores / scores.sum(-1, keepdims=True) @ v)
    expected = np.concatenate(read, axis=-1) @ out + out_bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_attention_does_not_know_the_order_of_positions():
    x, order = RNG.normal(size=(1, 6, 8)), RNG.permutation(6)
    layer = networks.MultiHeadSelfAttention(2)
    np.testing.assert_allclose(
        layer(x[:, order]), layer(x).numpy()[:, order], atol=1e-6
    )


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_patches_are_squares_and_make_the_image_again(patch):
    image = keras.Input((6, 12, 2))
    patches = networks.patchify(image, patch)
    whole = networks.unpatchify(patches, (6, 12), patch)
    x = RNG.normal(size=(2, 6, 12, 2)).astype("float32")
    cut, again = keras.Model(image, [patches, whole])(x)
    np.testing.assert_array_equal(again, x)
    columns = 12 // patch
    assert cut.shape == (2, 6 // patch * columns, patch * patch * 2)
    row, column = 1, 2
    square = x[:, row * patch :, column * patch :][:, :patch, :patch]
    np.testing.assert_array_equal(cut[:, row * columns + column], square.reshape(2, -1))


def test_positions_are_told_apart_and_stay_fixed():
    layer = networks.PositionEmbedding(5)
    added = layer(np.zeros((2, 15, 16))).numpy()
    np.testing.assert_array_equal(added[0], added[1])
    assert not layer.weights
    # Row 2, column 3: sines and cosines of both, the first of turn 1, then slower.
    turns = 10.0 ** -np.arange(4)
    parts = [f(n * turns) for n in (2, 3) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(added[0, 13], np.concatenate(parts), atol=1e-6)
    gaps = np.linalg.norm(added[0][:, None] - added[0], axis=-1)
    assert gaps[~np.eye(15, dtype=bool)].min() > 0.5


def test_blocks_start_as_the_identity():
    network = networks.dit((8, 8, 1), width=16, depth=2, heads=2)
    (embedded,) = (
        layer.output
        for layer in network.layers
        if isinstance(layer, networks.PositionEmbedding)
    )
    sums = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    gated = [add for add in sums if add.output.shape == embedded.shape]
    assert len(gated) == 4
    probe = keras.Model(network.inputs, [embedded, *(add.output for add in gated)])
    x, level = RNG.normal(size=(2, 8, 8, 1)), np.array([[-1.0], [1.0]])
    before, *after = probe([x, level])
    assert np.any(before)
    for y in after:
        np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (30, 27, 1)}, "patches of 4x4.* such as 28x24 or 32x28"),
        ({"image_shape": (8, 10, 1)}, "multiples of 4, such as 8x8 or 8x12"),
        ({"patch": 11}, "multiples of 11, such as 11x11"),
        ({"image_shape": (4, 4, 1)}, "at least 8x8"),
        ({"width": 18}, "width must be a multiple of 4"),
        ({"heads": 3}, "heads must divide the 16 channels"),
        ({"depth": 0}, "depth must be > 0"),
        ({"out_channels": 0}, "out_channels must be > 0"),
        ({"embedding": None}, "embedding must be one of"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        networks.dit(**{"image_shape": (8, 8, 1), "width": 16, "depth": 1, **options})

"""Texts as a condition of networks: padding has no effect, and an empty text works."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import networks

RNG = np.random.default_rng(0)
SMALL = {"width": 8, "depth": 1, "heads": 2}
TOKENS = tf.constant([[3, 1, -1], [0, -1, -1], [-1, -1, -1], [4, 4, 2]])
BUILDERS = {
    "unet": lambda text: networks.unet(
        (8, 8, 2), channels=(8, 8), heads=2, groups=4, text=text
    ),
    "dit": lambda text: networks.dit(
        (8, 8, 2), patch=4, width=16, depth=1, heads=2, text=text
    ),
}


def perturbed(network):
    for weight in network.weights:
        noise = np.random.default_rng(1).normal(size=weight.shape)
        weight.assign(weight + 0.2 * noise)
    return network


@pytest.fixture(scope="module", params=[*BUILDERS])
def pair(request):
    """A network for three tokens, and one for five with the same weights."""
    build = BUILDERS[request.param]
    short, long = (build(networks.TextReader(5, n, **SMALL)) for n in (3, 5))
    long.set_weights(perturbed(short).get_weights())
    return short, long


def inputs_of(tokens):
    rows = len(tokens)
    rng = np.random.default_rng(2)
    x, level = rng.normal(size=(rows, 8, 8, 2)), rng.uniform(-2, 2, (rows, 1))
    return [tf.constant(v, tf.float32) for v in (x, level)] + [tokens]


def test_cross_attention_does_not_depend_on_padding():
    layer = networks.CrossAttention(heads=2)
    x, text = (tf.constant(RNG.normal(size=(4, n, 6)), "float32") for n in (5, 4))
    layer(x, text, TOKENS)
    perturbed(layer)
    with tf.GradientTape() as tape:
        tape.watch(text)
        y = layer(x, text, TOKENS)
    jacobian = tape.batch_jacobian(y, text).numpy()  # (4, 5, 6, 4, 6)
    depends = (jacobian != 0).any(axis=(1, 2, 4))
    np.testing.assert_array_equal(depends[:, 0], [True] * 4)
    np.testing.assert_array_equal(depends[:, 1:], TOKENS.numpy() >= 0)


def test_attention_to_an_empty_text_is_its_first_vector():
    layer = networks.CrossAttention(heads=2)
    x, text = (tf.constant(RNG.normal(size=(4, n, 6)), "float32") for n in (5, 4))
    layer(x, text, TOKENS)
    perturbed(layer)
    empty = layer(x, text, tf.fill((4, 3), -1))
    values = layer.joint(text[:, :1])[..., 6:]
    np.testing.assert_allclose(empty, np.repeat(layer.out(values), 5, 1), atol=1e-5)


def test_what_is_read_does_not_depend_on_padding():
    reader = perturbed(networks.TextReader(5, 3, **SMALL))
    x = tf.constant(RNG.normal(size=(4, 4, 8)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = reader.read(x, TOKENS)
    depends = (tape.batch_jacobian(y, x).numpy() != 0).any(axis=(2, 4))
    seen = np.concatenate([[[True]] * 4, TOKENS.numpy() >= 0], axis=1)
    for row in range(4):
        reached = depends[row][seen[row]]
        assert reached[:, seen[row]].all()
        assert not reached[:, ~seen[row]].any()


def test_outputs_are_equal_for_two_paddings(pair):
    short, long = pair
    longer = tf.pad(TOKENS, [[0, 0], [0, 2]], constant_values=-1)
    received = short(inputs_of(TOKENS)).numpy()
    assert np.isfinite(received).all()
    np.testing.assert_allclose(long(inputs_of(longer)), received, atol=1e-5)


def test_every_token_its_place_and_every_weight_count(pair):
    short, _ = pair
    tokens = tf.constant([[1, 2, -1], [2, 1, -1], [1, 2, 0], [-1, -1, -1]])
    x, level, _ = inputs_of(tokens)
    x, level = (tf.repeat(v[:1], 4, 0) for v in (x, level))
    with tf.GradientTape() as tape:
        y = short([x, level, tokens])
        loss = tf.reduce_sum(y**2)
    for i in range(3):
        for j in range(i):
            assert np.abs(y[i] - y[j]).max() > 1e-4, (i, j)
    weights = short.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(tf.convert_to_tensor(gradient)), weight.path


def test_a_loaded_network_is_the_saved_one(pair, tmp_path):
    short, _ = pair
    assert [tensor.name for tensor in short.inputs] == ["x", "level", "text"]
    short.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    inputs = inputs_of(TOKENS)
    np.testing.assert_array_equal(loaded(inputs), short(inputs))


READER = networks.TextReader(5, 3, **SMALL)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: networks.TextReader(0, 3), "vocabulary_size must be > 0"),
        (lambda: networks.TextReader(5, 0), "length must be > 0"),
        (lambda: networks.TextReader(5, 3, width=6), "width must be a multiple of 4"),
        (lambda: networks.TextReader(5, 3, width=8, heads=3), "heads must divide"),
        (
            lambda: networks.dit((8, 8, 1), text=READER, num_classes=3),
            "labels or a text, received num_classes=3 and text",
        ),
        (
            lambda: networks.unet((8, 8, 1), channels=(8,), text=READER),
            "attention must be true at one size at least",
        ),
    ],
)
def test_wrong_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_another_reader_is_refused():
    with pytest.raises(TypeError, match="text must be a TextReader or None"):
        networks.dit((8, 8, 1), text=5)

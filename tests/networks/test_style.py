"""Style-based networks: the equations of the papers, averages and noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks

from ..marks import but_slow

RNG = np.random.default_rng(0)
SMALL = {"noise_dim": 6, "channels": (8,), "mapping_layers": 2}


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def awaken(network):
    """Moves every trained weight from its start."""
    for weight in network.trainable_weights:
        weight.assign_add(0.3 * normal(*weight.shape))
    return network


def linear(y):
    """What a layer gave before the leaky ReLU and its gain."""
    y = np.asarray(y) / np.sqrt(2)
    return np.where(y > 0, y, y / 0.2)


def convolution(channels=5, size=7, side=16, **options):
    layer = networks.StyleConvolution(6, **options)
    layer.build([(None, side, side, channels), (None, size)])
    layer.affine_bias.assign_add(normal(channels))
    return layer


def test_a_style_modulates_and_demodulates_the_weights_of_each_example():
    """Equations 1 and 3 of Karras et al. 2020, with weights for each example."""
    layer, x, style = convolution(noise=False), normal(3, 16, 16, 5), normal(3, 7)
    layer.bias.assign(normal(6))
    made = linear(layer([x, style]))
    scales = style.numpy() @ layer.affine.numpy() / np.sqrt(7)
    scales = scales + layer.affine_bias.numpy()
    kernel = layer.kernel.numpy() / np.sqrt(3 * 3 * 5)
    for i in range(3):
        own = kernel * scales[i][:, None]
        own = own / np.sqrt((own**2).sum(axis=(0, 1, 2)) + 1e-8)
        np.testing.assert_allclose((own**2).sum(axis=(0, 1, 2)), 1, rtol=1e-4)
        expected = tf.nn.conv2d(x[i : i + 1], own, 1, "SAME")[0] + layer.bias
        np.testing.assert_allclose(made[i], expected, rtol=1e-4, atol=1e-4)


def test_demodulated_outputs_have_the_variance_of_the_inputs():
    layer = convolution(noise=False, side=34)
    x, style = normal(20, 34, 34, 5), 3 * normal(20, 7)
    made = linear(layer([x, style]))[:, 1:-1, 1:-1]  # zeros lie beyond the border
    np.testing.assert_allclose(made.var(axis=(1, 2)).mean(axis=0), 1, rtol=0.05)
    np.testing.assert_allclose(made.var(), 1, rtol=0.02)


def test_equalized_layers_keep_the_variance_and_learn_at_their_rate():
    x, moved = normal(2000, 64), []
    for rate in (1.0, 0.01):
        layer = networks.EqualizedDense(50, rate=rate)
        before = layer(x)
        np.testing.assert_allclose(np.var(before), 1, rtol=0.1)
        layer.kernel.assign_add(1e-2 * tf.ones_like(layer.kernel))
        layer.bias.assign_add(1e-2 * tf.ones_like(layer.bias))
        moved.append(np.abs(layer(x) - before).mean())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=1e-2)
    images = networks.EqualizedConvolution(50)(normal(4, 20, 20, 16))
    np.testing.assert_allclose(np.var(images[:, 1:-1, 1:-1]), 1, rtol=0.1)
    active = networks.EqualizedDense(50, active=True)(x)
    np.testing.assert_allclose(np.mean(active**2), 1.04, rtol=0.1)


def test_the_length_of_the_noise_has_no_effect():
    generator, _ = networks.style_gan((8, 8, 1), **SMALL)
    z = normal(3, 6)
    np.testing.assert_allclose(generator(z), generator(5 * z), atol=1e-5)
    assert np.abs(generator(z) - generator(-z)).max() > 1e-2


def test_the_average_style_is_that_of_each_class():
    layer = networks.StyleAverage(decay=0.9)
    labels = tf.constant([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    style = tf.constant([[1.0, 2], [3, 4], [5, 6]])
    given = layer([style, labels], training=True)
    np.testing.assert_array_equal(given, style)
    np.testing.assert_allclose(layer.average, [[1, 2], [4, 5], [0, 0]])
    layer([style + 2, labels], training=True)
    np.testing.assert_allclose(layer.average, [[2, 3], [5, 6], [0, 0]])
    for _ in range(150):
        layer([style, labels], training=True)
    np.testing.assert_allclose(layer.average, [[1, 2], [4, 5], [0, 0]], atol=1e-5)
    layer([style + 1, labels], training=True)  # by now a tenth of the way
    np.testing.assert_allclose(layer.average[0], [1.1, 2.1], atol=1e-5)
    layer([style], training=False)
    drawn = layer.truncated(style, tf.constant([1.0, 0.0, 0.5]), labels)
    np.testing.assert_allclose(drawn[0], style[0])
    np.testing.assert_allclose(drawn[1], layer.average[1])
    np.testing.assert_allclose(drawn[2], (style[2] + layer.average[1]) / 2)


def test_noise_images_are_new_in_training_and_fixed_otherwise():
    layer = convolution(seed=3)
    x, style = tf.zeros((2, 16, 16, 5)), normal(2, 7)
    np.testing.assert_array_equal(layer([x, style], training=True), 0)  # no strength
    layer.strength.assign(2.0)
    first, second = (linear(layer([x, style], training=True)) for _ in range(2))
    assert len({a.tobytes() for a in (*first, *second)}) == 4
    np.testing.assert_array_equal(
        first[..., :1] + 0 * first, first
    )  # one of all channels
    assert np.std(np.stack([first, second])) == pytest.approx(2, rel=0.1)
    fixed = linear(layer([x, style]))
    np.testing.assert_allclose(fixed[0], 2 * layer.noise + 0 * fixed[0], rtol=1e-5)
    np.testing.assert_array_equal(fixed, linear(layer([x, style])))
    again = convolution(seed=3)
    again.set_weights(layer.get_weights())  # with the state of the draws
    third = [one([x, style], training=True) for one in (layer, again)]
    np.testing.assert_array_equal(*third)


@pytest.mark.parametrize("num_classes", but_slow([3, None], [None]))
def test_truncation_leads_to_the_average_picture(num_classes):
    pair = networks.style_gan((8, 12, 2), num_classes=num_classes, **SMALL)
    model = kg.GAN(*pair, ema_decay=None, seed=0)
    awaken(model.generator)
    condition = None if num_classes is None else [0, 1, 2, 0]
    z = RNG.normal(size=(4, 6)).astype("float32")
    labels = [] if num_classes is None else [tf.eye(3)]
    rows = normal(len(labels[0]) if labels else 5, 6)
    model.generator([rows, *labels] if labels else rows, training=True)
    plain = model.generate(z, condition=condition)
    same = model.generate(z, condition=condition, truncation=1.0)
    np.testing.assert_allclose(same, plain, atol=1e-5)
    average = model.generate(z, condition=condition, truncation=0.0)
    np.testing.assert_allclose(average[0], average[3], atol=1e-6)
    assert np.abs(plain[0] - plain[3]).max() > 1e-2
    space = kg.LatentSpace(model)
    center = space.center(4, condition=condition)
    np.testing.assert_allclose(space.generate(center), average, atol=1e-5)
    if num_classes:
        assert np.abs(average[0] - average[1]).max() > 1e-3
    else:
        styles = space.at(rows.numpy())
        np.testing.assert_allclose(center[0], styles.mean(axis=0), atol=1e-5)
    half = space.at(z, condition=condition) / 2 + center / 2
    made = model.generate(z, condition=condition, truncation=np.full(4, 0.5))
    np.testing.assert_allclose(made, space.generate(half), atol=1e-5)
    drawn = model.sample(2, seed=1, condition=condition and 1, truncation=0.0)
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-6)


def test_odd_sides_and_the_discriminator_s_packs_fit():
    generator, discriminator = networks.style_gan(
        (9, 14, 3), 6, channels=(4, 8), num_classes=3, packing=2
    )
    made = generator([normal(4, 6), tf.constant(np.eye(3, dtype="f")[[0, 1, 2, 0]])])
    assert made.shape == (4, 9, 14, 3)
    pairs = tf.concat([made[::2], made[1::2]], axis=-1)
    labels = tf.tile(tf.eye(3)[:2], (1, 2))
    assert discriminator([pairs, labels]).shape == (2, 1)


def test_truncation_is_refused_where_it_means_nothing():
    plain = kg.GAN(*networks.mlp_gan((8, 8, 1), 4, generator_units=(4,)))
    with pytest.raises(ValueError, match=r"generator with styles, .* received 0\.7"):
        plain.sample(2, truncation=0.7)
    styled = kg.GAN(*networks.style_gan((8, 8, 1), **SMALL))
    with pytest.raises(ValueError, match=r"truncation must be in \[0, 1\], .* 1\.5"):
        styled.sample(2, truncation=1.5)
    with pytest.raises(ValueError, match="style_gan is for images"):
        networks.style_gan((16, 1))


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("quantization", ["float32", "float16", "int8"])
def test_artifacts_hold_the_truncation(quantization, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    from keras_gen import export
    from keras_gen.export import runner

    from ..export.lite import by_rows

    pair = networks.style_gan((16, 16, 3), 6, channels=(8, 8), num_classes=3)
    model = kg.GAN(*pair, ema_decay=None, seed=0)
    model.generator([normal(3, 6), tf.eye(3)], training=True)
    for weight in model.generator.trainable_weights:
        if weight.name == "strength":
            weight.assign(0.1)
    path = tmp_path / "m.tflite"
    how = {} if quantization == "float32" else {"quantization": quantization}
    export.tflite(model, path, endpoints=["generate"], **how)
    assert runner.foreign_operators(path) == []
    given = {
        "noise": RNG.normal(size=(6, 6)).astype("float32"),
        "labels": np.arange(6, dtype=np.int32) % 3,
        "truncation": np.linspace(0, 1, 6, dtype=np.float32),
    }
    known = {"condition": given["labels"], "truncation": given["truncation"]}
    expected = model.generate(given["noise"], **known)
    call = Interpreter(str(path)).get_signature_runner("generate")
    error = np.abs(by_rows(call, given) - expected)
    assert np.ptp(expected, axis=0).max() > 0.05
    assert error.max() < {"float32": 1e-5, "float16": 5e-3, "int8": 0.15}[quantization]
    assert error.mean() < {"float32": 1e-6, "float16": 1e-3, "int8": 0.02}[quantization]


@pytest.mark.slow
def test_a_saved_network_is_the_same(tmp_path):
    model = kg.GAN(*networks.style_gan((8, 8, 1), **SMALL), seed=0)
    awaken(model.average)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    for truncation in (None, 0.5):
        a, b = (m.sample(2, seed=1, truncation=truncation) for m in (model, again))
        np.testing.assert_array_equal(a, b)

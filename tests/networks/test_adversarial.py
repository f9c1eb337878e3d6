"""Generators and discriminators: shapes, ranges, gradients, copies, artifacts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_gen import networks

from ..marks import but_slow

RNG = np.random.default_rng(0)
NARROW, SMALL = {"channels": (4, 8)}, {"channels": (8, 8)}
DENSE = {"generator_units": (16,), "discriminator_units": (16,)}
BUILDERS = {  # the pair, its number of classes, its auxiliary outputs
    "mlp_gan": (lambda shape: networks.mlp_gan(shape, 7, **DENSE), None, 0),
    "mlp_gan, conditional": (
        lambda shape: networks.mlp_gan(shape, 7, num_classes=5, **DENSE),
        5,
        0,
    ),
    "dcgan": (lambda shape: networks.dcgan(shape, 7, **NARROW), None, 0),
    "dcgan, projection": (
        lambda shape: networks.dcgan(
            shape,
            7,
            generator_normalization=None,
            discriminator_normalization="spectral",
            num_classes=5,
            **NARROW,
        ),
        5,
        0,
    ),
    "dcgan, auxiliary": (
        lambda shape: networks.dcgan(
            shape,
            7,
            transposed=True,
            kernel_size=5,
            discriminator_normalization=None,
            minibatch_stddev=True,
            num_classes=5,
            auxiliary_outputs=6,
            **NARROW,
        ),
        5,
        6,
    ),
    "residual_gan": (lambda shape: networks.residual_gan(shape, 7, **SMALL), None, 0),
    "residual_gan, everything": (
        lambda shape: networks.residual_gan(
            shape,
            7,
            channels=(8, 16),
            attention=True,
            minibatch_stddev=True,
            num_classes=5,
        ),
        5,
        0,
    ),
    "residual_gan, plain": (
        lambda shape: networks.residual_gan(
            shape,
            7,
            spectral_norm=False,
            batch_norm=False,
            auxiliary_outputs=3,
            **SMALL,
        ),
        None,
        3,
    ),
}
SLOW = ("residual_gan",)  # has nothing that the others have not
SLOW_TO_CONVERT = (*SLOW, "residual_gan, everything", "residual_gan, plain")
SLOW_TO_CONVERT += ("dcgan, auxiliary", "mlp_gan")
PAIR = ("build", "num_classes", "auxiliary")
builders = pytest.mark.parametrize(PAIR, but_slow(BUILDERS, SLOW))
SHAPES = [(8, 8, 1), (28, 28, 1), (30, 22, 3), (64, 64, 3), (9, 13, 2)]
SHAPES = {str(shape): (shape,) for shape in SHAPES}
SLOW_SHAPES = ("(8, 8, 1)", "(28, 28, 1)", "(64, 64, 3)")


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def generator_inputs(num_classes, rows=4):
    labels = [] if num_classes is None else [tf.eye(num_classes)[:rows]]
    return [normal(rows, 7), *labels] if labels else normal(rows, 7)


def discriminator_inputs(x, num_classes, auxiliary):
    labels = num_classes is not None and not auxiliary
    return [x, tf.eye(num_classes)[: len(x)]] if labels else x


def assert_same(received, expected):
    for a, b in zip(*map(keras.tree.flatten, (received, expected)), strict=True):
        np.testing.assert_array_equal(a, b)


def call(network, values):
    return network(list(values) if len(values) > 1 else values[0])


def awaken(network):
    """Moves every weight from its start, so that no branch is 0."""
    for weight in network.trainable_weights:
        weight.assign_add(RNG.normal(0, 0.1, weight.shape))
    return network


@builders
@pytest.mark.parametrize("shape", but_slow(SHAPES, SLOW_SHAPES))
def test_the_discriminator_takes_what_the_generator_gives(
    build, num_classes, auxiliary, shape
):
    generator, discriminator = build(shape)
    assert (generator.name, discriminator.name) == ("generator", "discriminator")
    given = generator_inputs(num_classes)
    assert len(generator.inputs) == (2 if num_classes else 1)
    x = generator(given)
    assert x.shape == (4, *shape)
    outputs = keras.tree.flatten(
        discriminator(discriminator_inputs(x, num_classes, auxiliary))
    )
    sizes = [1, auxiliary] if auxiliary else [1]
    assert [tuple(y.shape) for y in outputs] == [(4, size) for size in sizes]
    assert [tuple(y.shape) for y in discriminator.outputs] == [(None, s) for s in sizes]


@builders
def test_images_fill_the_range_of_tanh(build, num_classes, auxiliary):
    generator, _ = build((8, 8, 1))
    kernels = [w for w in generator.trainable_weights if w.name == "kernel"]
    kernels[-1].assign(1e3 * normal(*kernels[-1].shape))
    x = generator(generator_inputs(num_classes))
    assert (np.min(x), np.max(x)) == (-1, 1)


@builders
def test_every_weight_gets_a_gradient_also_through_a_gradient_penalty(
    build, num_classes, auxiliary
):
    generator, discriminator = map(awaken, build((9, 8, 1)))
    given = generator_inputs(num_classes)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            x = generator(given, training=True)
            inner.watch(x)
            outputs = discriminator(
                discriminator_inputs(x, num_classes, auxiliary), training=True
            )
            outputs = keras.tree.flatten(outputs)
        slope = inner.gradient(outputs[0], x)
        loss = tf.reduce_sum(slope**2) + sum(tf.reduce_sum(y**2) for y in outputs)
    weights = generator.trainable_weights + discriminator.trainable_weights
    assert (slope.numpy() != 0).any(axis=0).all()
    for weight, gradient in zip(weights, outer.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@builders
def test_saved_and_cloned_networks_answer_the_same(
    build, num_classes, auxiliary, tmp_path
):
    generator, discriminator = map(awaken, build((9, 8, 1)))
    given = generator_inputs(num_classes)
    x = discriminator_inputs(normal(4, 9, 8, 1), num_classes, auxiliary)
    for network, inputs in ((generator, given), (discriminator, x)):
        network(inputs, training=True)
        answer = network(inputs)
        network.save(tmp_path / "network.keras")
        assert_same(keras.saving.load_model(tmp_path / "network.keras")(inputs), answer)
        clone = keras.models.clone_model(network)
        clone.set_weights(network.get_weights())
        assert_same(clone(inputs), answer)


@pytest.mark.parametrize(PAIR, but_slow(BUILDERS, SLOW_TO_CONVERT))
def test_generators_convert_to_plain_litert(build, num_classes, auxiliary, tmp_path):
    generator = awaken(build((9, 8, 1))[0])
    values = keras.tree.flatten(generator_inputs(num_classes))
    named = dict(zip(("noise", "labels"), values, strict=False))
    generator(generator_inputs(num_classes), training=True)
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "generate",
        lambda *given: {"x": call(generator, given)},
        input_signature=[
            tf.TensorSpec((None, *value.shape[1:]), tf.float32, name=name)
            for name, value in named.items()
        ],
    )
    archive.write_out(tmp_path / "saved", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / "saved"), signature_keys=["generate"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert()).get_signature_runner()
    found = runner(**{name: value.numpy() for name, value in named.items()})["x"]
    np.testing.assert_allclose(found, call(generator, values), atol=1e-5)


@pytest.mark.parametrize("name", [name for name in BUILDERS if BUILDERS[name][1]])
def test_conditional_networks_react_to_the_labels(name):
    build, _, auxiliary = BUILDERS[name]
    generator, discriminator = map(awaken, build((8, 8, 1)))
    noise, x = (tf.repeat(v, 5, axis=0) for v in (normal(1, 7), normal(1, 8, 8, 1)))
    answers = [generator([noise, tf.eye(5)])]
    if not auxiliary:
        answers.append(discriminator([x, tf.eye(5)]))
    for answer in answers:
        rows = answer.numpy().reshape(5, -1)
        gaps = np.abs(rows[:, None] - rows[None]).max(axis=-1)
        assert (gaps[~np.eye(5, dtype=bool)] > 1e-4).all()


def test_the_classic_pair_has_the_known_number_of_parameters():
    generator, discriminator = networks.mlp_gan((28, 28, 1))

    def count(*widths):
        return sum((a + 1) * b for a, b in zip(widths, widths[1:], strict=False))

    assert generator.count_params() == count(100, 256, 512, 1024, 784) == 1_486_352
    assert discriminator.count_params() == count(784, 512, 256, 1) == 533_505


def test_vectors_leave_the_dense_generator_unsquashed():
    generator, discriminator = networks.mlp_gan((6,), 7, **DENSE)
    x = generator(100 * normal(50, 7))
    assert np.abs(x).max() > 1
    assert discriminator(x).shape == (50, 1)


@pytest.mark.parametrize("shape", [(19, 2), (3, 9, 8, 1)], ids=str)
@pytest.mark.parametrize("name", ["dcgan", "residual_gan"])
def test_series_are_unbounded_and_clips_in_the_unit_interval(name, shape):
    pair = getattr(networks, name)(shape, 7, **(NARROW if name == "dcgan" else SMALL))
    x = awaken(pair[0])(1000 * normal(8, 7))
    assert x.shape == (8, *shape)
    assert (np.abs(x).max() > 1) == (len(shape) == 2)
    logits = awaken(pair[1])(x).numpy()
    assert len(set(logits.ravel())) == 8


def test_plain_residual_blocks_start_as_their_shortcuts():
    """With equal channels the generator's first map is only doubled."""
    generator, _ = networks.residual_gan(
        (8, 8, 1), 7, spectral_norm=False, batch_norm=False, **SMALL
    )
    reshape = next(x for x in generator.layers if isinstance(x, keras.layers.Reshape))
    kinds = [x.activation for x in generator.layers if hasattr(x, "activation")]
    assert keras.activations.leaky_relu in kinds
    assert keras.activations.relu not in kinds
    sums = [x for x in generator.layers if isinstance(x, keras.layers.Add)]
    probe = keras.Model(generator.inputs, [reshape.output, sums[-1].output])
    first, last = probe(normal(3, 7))
    np.testing.assert_allclose(last, np.kron(first, np.ones((1, 4, 4, 1))), atol=1e-6)


def test_all_layers_of_a_spectral_discriminator_have_norm_one():
    _, discriminator = networks.dcgan(
        (8, 8, 1), 7, discriminator_normalization="spectral", **NARROW
    )
    x = normal(4, 8, 8, 1)
    for _ in range(50):
        discriminator(x, training=True)
    wrapped = [
        layer
        for layer in discriminator.layers
        if isinstance(layer, networks.SpectralNormalization)
    ]
    assert len(wrapped) == 3
    for layer in wrapped:
        matrix = layer.layer.kernel.numpy().reshape(-1, layer.layer.kernel.shape[-1])
        largest = np.linalg.svd(matrix / layer.sigma()[0])[1][0]
        assert largest == pytest.approx(1, rel=1e-2)


ERRORS = {
    "size": (
        lambda: networks.dcgan((7, 8, 1)),
        r"data_shape must be .* at least 8x8, received \(7, 8, 1\)",
    ),
    "residual size": (
        lambda: networks.residual_gan((28,)),
        r"data_shape must be .* at least 8x8, received \(28,\)",
    ),
    "axes": (
        lambda: networks.mlp_gan((2, 2, 8, 8, 1)),
        r"data_shape must be \(features,\), .* or .*, received \(2, 2, 8, 8, 1\)",
    ),
    "noise": (
        lambda: networks.dcgan((8, 8, 1), 0),
        "noise_dim must be > 0, received 0",
    ),
    "channels": (
        lambda: networks.dcgan((8, 8, 1), channels=()),
        r"channels must be a list or tuple of integers > 0, received \(\)",
    ),
    "one channel": (
        lambda: networks.residual_gan((8, 8, 1), channels=(8, 0.5)),
        r"channels\[1\] must be an integer > 0, received 0.5",
    ),
    "kernel": (
        lambda: networks.dcgan((8, 8, 1), kernel_size=-1),
        "kernel_size must be > 0, received -1",
    ),
    "units": (
        lambda: networks.mlp_gan((6,), generator_units=16),
        "generator_units must be a list or tuple of integers > 0, received 16",
    ),
    "classes": (
        lambda: networks.mlp_gan((6,), num_classes=0),
        "num_classes must be > 0, received 0",
    ),
    "auxiliary": (
        lambda: networks.residual_gan((8, 8, 1), auxiliary_outputs=-1),
        "auxiliary_outputs must be > 0, received -1",
    ),
    "generator": (
        lambda: networks.dcgan((8, 8, 1), generator_normalization="spectral"),
        "generator_normalization must be one of 'batch', None, received 'spectral'",
    ),
    "discriminator": (
        lambda: networks.dcgan((8, 8, 1), discriminator_normalization="layer"),
        "discriminator_normalization must be one of .*, received 'layer'",
    ),
}


@pytest.mark.parametrize(("call", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(call, message):
    with pytest.raises(ValueError, match=message):
        call()

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_gen as kg
from keras_gen import networks

RNG = np.random.default_rng(0)
SMALL = {"channels": (4, 8), "hidden": 16, "activation": "tanh"}
BUILDERS = {  # encoder and decoder, the decoder's values per channel, classes
    "mlp_autoencoder": (
        lambda shape: networks.mlp_autoencoder(
            shape, 3, units=(16,), activation="tanh"
        ),
        (1, 1, None),
    ),
    "mlp_vae": (
        lambda shape: networks.mlp_vae(shape, 3, activation="tanh"),
        (2, 1, None),
    ),
    "mlp_vae, conditional": (
        lambda shape: networks.mlp_vae(
            shape, 3, activation="tanh", values_per_channel=2, num_classes=5
        ),
        (2, 2, 5),
    ),
    "conv_autoencoder": (
        lambda shape: networks.conv_autoencoder(shape, 3, **SMALL),
        (1, 1, None),
    ),
    "conv_autoencoder, transposed": (
        lambda shape: networks.conv_autoencoder(shape, 3, transposed=True, **SMALL),
        (1, 1, None),
    ),
    "conv_vae": (lambda shape: networks.conv_vae(shape, 3, **SMALL), (2, 1, None)),
    "conv_vae, conditional": (
        lambda shape: networks.conv_vae(
            shape, 3, values_per_channel=2, num_classes=5, transposed=True, **SMALL
        ),
        (2, 2, 5),
    ),
}
builders = pytest.mark.parametrize(("build", "facts"), BUILDERS.values(), ids=BUILDERS)
SIZES = [(8, 8), (9, 9), (11, 11), (13, 13), (28, 28), (33, 33), (8, 13), (33, 9)]


def one(*shape):
    return tf.constant(RNG.random((1, *shape)), tf.float32)


def labels_of(num_classes):
    return None if num_classes is None else tf.one_hot([2], num_classes)


@builders
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_decoder_gives_what_the_encoder_takes(build, facts, height, width):
    statistics, values, num_classes = facts
    channels = 1 + (height + width) % 3
    encoder, decoder = build((height, width, channels))
    labels = labels_of(num_classes)
    code = networks.apply(encoder, one(height, width, channels), labels)
    raw = networks.apply(decoder, code[:, :3], labels)
    assert code.shape == (1, 3 * statistics)
    assert raw.shape == (1, height, width, channels * values)
    assert networks.input_shape(encoder, "encoder") == (height, width, channels)
    assert networks.output_shape(decoder, "decoder") == raw.shape[1:]
    condition = None if num_classes is None else (num_classes,)
    assert networks.condition_shape(encoder=encoder, decoder=decoder) == condition


@builders
@pytest.mark.parametrize("shape", [(8, 8, 1), (11, 9, 3)], ids=str)
def test_every_pixel_counts_and_every_weight_gets_a_gradient(build, facts, shape):
    encoder, decoder = build(shape)
    labels = labels_of(facts[2])
    x = one(*shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        code = networks.apply(encoder, x, labels)
        z = tf.identity(code[:, :3])
        raw = networks.apply(decoder, z, labels)
        loss = tf.reduce_sum(code) + tf.reduce_sum(raw**2)
    assert (tape.gradient(loss, x).numpy() != 0).all()
    assert (raw != networks.apply(decoder, z + 0.1, labels)).numpy().all()
    weights = encoder.trainable_weights + decoder.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient), weight.path
    assert encoder.weights == encoder.trainable_weights


@builders
def test_conditional_networks_react_to_the_labels(build, facts):
    encoder, decoder = build((9, 8, 1))
    num_inputs = 2 if facts[2] else 1
    assert len(encoder.inputs) == len(decoder.inputs) == num_inputs
    if num_inputs == 2:
        labels = tf.eye(5)
        for network, shape in ((encoder, (9, 8, 1)), (decoder, (3,))):
            same = tf.repeat(one(*shape), 5, axis=0)
            outputs = networks.apply(network, same, labels).numpy().reshape(5, -1)
            gaps = np.abs(outputs[:, None] - outputs[None]).max(-1)
            assert (gaps[~np.eye(5, dtype=bool)] > 1e-3).all()


def test_mlp_is_the_matrix_product_it_describes():
    network = networks.mlp((2, 3), (4, 1), units=(5,), num_classes=2)
    network.set_weights([RNG.normal(size=w.shape) for w in network.weights])
    hidden, bias, last, last_bias = network.get_weights()
    x = RNG.normal(size=(7, 2, 3))
    labels = RNG.integers(0, 2, 7)
    joined = np.concatenate([x.reshape(7, 6), np.eye(2)[labels]], axis=1)
    expected = np.maximum(joined @ hidden + bias, 0) @ last + last_bias
    labels = tf.one_hot(labels, 2)
    received = networks.apply(network, tf.constant(x, tf.float32), labels)
    np.testing.assert_allclose(received[..., 0], expected, rtol=1e-4, atol=1e-5)


def test_gated_layers_are_products_of_a_linear_and_a_sigmoid_one():
    network = networks.mlp((2,), (3,), units=(4,), activation="gated")
    dense = [part for part in network.layers if part.weights]
    (gate,) = (part for part in dense if part.activation is keras.activations.sigmoid)
    linear, last = (part for part in dense if part is not gate)
    x = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    kernels = [layer.get_weights()[0] for layer in (gate, linear, last)]
    hidden = (x @ kernels[1]) / (1 + np.exp(-(x @ kernels[0])))
    np.testing.assert_allclose(network(x), hidden @ kernels[2], rtol=1e-4, atol=1e-6)


def test_apply_returns_float32_and_passes_training_on():
    random.seed(0)
    noisy = [keras.Input((50,)), layers.Dropout(0.5), layers.Activation("linear")]
    network = keras.Sequential([layers.Dropout(0.5, dtype="float16")])
    network = keras.Sequential(noisy[:1] + network.layers)
    x = tf.ones((2, 50))
    still = networks.apply(network, x)
    assert still.dtype == tf.float32
    np.testing.assert_array_equal(still, x)
    assert set(np.unique(networks.apply(network, x, training=True))) == {0, 2}


def sequential(*parts):
    return keras.Sequential([keras.Input((6,)), *parts])


def functional(num_inputs=1, num_outputs=1, classes=3):
    shape = (None, 3) if classes is None else (classes,)
    inputs = [keras.Input(shape) for _ in range(num_inputs)]
    outputs = [layers.Dense(2)(inputs[0]) for _ in range(num_outputs)]
    return keras.Model(inputs, outputs)


def sigmoid_operation():
    x = keras.Input((6,))
    return keras.Model(x, keras.ops.sigmoid(layers.Dense(6)(x)))


SMALL_IMAGES = [(7, 8, 1), (8, 7, 3), (1, 1, 1), (7, 28), (4, 28, 7, 1), (16,)]
ERRORS = {
    "unbuilt": (
        lambda: networks.input_shape(keras.Sequential([layers.Dense(2)]), "encoder"),
        "encoder must be a Functional or Sequential model .*received <Sequential",
    ),
    "layer": (
        lambda: networks.input_shape(layers.Dense(2), "decoder"),
        "decoder must be .*received <Dense.*keras.Sequential",
    ),
    "function": (
        lambda: networks.input_shape(np.tanh, "encoder"),
        "encoder must be .*received <ufunc",
    ),
    "three inputs": (
        lambda: networks.input_shape(functional(num_inputs=3), "encoder"),
        "encoder must take the value, and one-hot labels .*of 3 inputs",
    ),
    "two outputs": (
        lambda: networks.output_shape(functional(num_outputs=2), "encoder"),
        "encoder must have one output, received 2",
    ),
    "open axis": (
        lambda: networks.input_shape(functional(classes=None), "encoder"),
        r"encoder must have a fixed input shape, received \(None, 3\)",
    ),
    "class counts": (
        lambda: networks.condition_shape(
            encoder=functional(2, classes=3), decoder=functional(2, classes=4)
        ),
        r"the same condition, received shapes {'encoder': \(3,\), 'decoder': \(4,\)}",
    ),
}


@pytest.mark.parametrize(("call", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize("shape", SMALL_IMAGES, ids=str)
@pytest.mark.parametrize("build", [networks.conv_autoencoder, networks.conv_vae])
def test_images_under_8x8_and_other_shapes_are_refused(build, shape):
    message = (
        rf"(image|data)_shape must be .* at least 8x8, received \({str(shape)[1:-1]}\)"
    )
    with pytest.raises(ValueError, match=message):
        build(shape, 2)


class Squash(layers.Layer):
    def call(self, x):
        return keras.ops.sigmoid(x)


class SquashedDense(layers.Dense):
    def call(self, x):
        return keras.ops.sigmoid(super().call(x))


class Cap(layers.Layer):
    def call(self, x):
        return 15 * keras.ops.tanh(x / 15)


SQUASHED = {
    "dense": lambda: sequential(layers.Dense(6, activation="sigmoid")),
    "tanh": lambda: sequential(layers.Dense(6, activation="tanh")),
    "activation layer": lambda: sequential(layers.Activation("sigmoid")),
    "softmax layer": lambda: sequential(layers.Softmax(name="last")),
    "hard sigmoid": lambda: sequential(layers.Dense(6, activation="hard_sigmoid")),
    "then reshaped": lambda: sequential(
        layers.Dense(6, activation="sigmoid"), layers.Reshape((3, 2))
    ),
    "operation": sigmoid_operation,
    "nested": lambda: sequential(sigmoid_operation()),
    "nested, then linear": lambda: sequential(
        sigmoid_operation(), layers.Activation("linear", dtype="float32")
    ),
    "mixed precision": lambda: sequential(
        layers.Dense(6, activation="sigmoid", dtype="mixed_bfloat16"),
        layers.Activation("linear", dtype="float32"),
    ),
    "then dropout": lambda: sequential(
        layers.Dense(6, activation="sigmoid"), layers.Dropout(0.1), layers.Identity()
    ),
    "then rescaled": lambda: sequential(
        layers.Dense(6, activation="tanh"), layers.Rescaling(0.5, 0.5)
    ),
    "then cropped": lambda: sequential(
        layers.Dense(10, activation="sigmoid"),
        layers.Reshape((5, 2)),
        layers.Cropping1D(1),
    ),
    "own layer": lambda: sequential(layers.Dense(6), Squash()),
    "own layer of weights": lambda: sequential(SquashedDense(6)),
    "frozen": lambda: sequential(
        layers.Dense(6, activation="sigmoid", trainable=False), layers.Identity()
    ),
    "relu": lambda: sequential(layers.Dense(6, activation="relu")),
    "softplus": lambda: sequential(layers.Dense(6), layers.Activation("softplus")),
    "elu": lambda: sequential(layers.Dense(6, activation="elu")),
    "log sigmoid": lambda: sequential(layers.Dense(6, activation="log_sigmoid")),
}
RAW = {
    "linear": lambda: sequential(layers.Dense(6)),
    "zeros": lambda: sequential(layers.Dense(6, kernel_initializer="zeros")),
    "leaky": lambda: sequential(layers.Dense(6, activation="leaky_relu")),
    "bounded inside": lambda: sequential(
        layers.Dense(6, activation="tanh"), layers.Dense(6, use_bias=False)
    ),
    "normalized": lambda: sequential(layers.Dense(6), layers.LayerNormalization()),
    "frozen": lambda: sequential(
        layers.Dense(6, activation="tanh"), layers.Dense(6, trainable=False)
    ),
    "half precision": lambda: sequential(
        layers.Dense(6, dtype="mixed_float16"),
        layers.Activation("linear", dtype="float32"),
    ),
    "capped far out": lambda: sequential(layers.Dense(6), Cap()),
    "sigmoid inside": lambda: sequential(
        layers.Dense(6, activation="sigmoid"), layers.Dense(6, name="sigmoid")
    ),
    "reshaped": lambda: sequential(layers.Dense(6), layers.Reshape((3, 2))),
    "built here": lambda: networks.conv_vae((9, 9, 1), 2, **SMALL)[1],
}


@pytest.mark.parametrize("build", SQUASHED.values(), ids=SQUASHED)
def test_squashed_outputs_are_refused(build):
    message = r"decoder must return raw values \(logits\).* always (in|>=|<=|>) "
    with pytest.raises(ValueError, match=message):
        networks.check_raw_output(build(), "decoder")


@pytest.mark.parametrize("build", RAW.values(), ids=RAW)
def test_raw_outputs_are_accepted(build):
    networks.check_raw_output(build(), "decoder")


def test_the_look_at_a_network_leaves_it_as_it_is():
    network = sequential(layers.Dense(6), layers.BatchNormalization())
    before = network.get_weights()
    networks.check_raw_output(network, "decoder")
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def halves(first, second, size=(6,)):
    """Two dense halves on the last axis."""
    x = keras.Input((4,))
    parts = [layers.Dense(size[-1], activation=a)(x) for a in (first, second)]
    return keras.Model(x, layers.Concatenate()(parts))


ENCODER = keras.Sequential([keras.Input((6,)), layers.Dense(8)])
FREE = kg.LearnedGaussian(unit_interval=False)
PARTS = {
    "scale squashed twice": (FREE, halves(None, "softplus"), ">= 0, as with relu"),
    "mean squashed": (FREE, halves("tanh", None), r"in \[-1, 1\]"),
    "positive means": (FREE, halves("softplus", None), None),
    "mean of [0, 1]": (
        kg.LearnedGaussian(unit_interval=True),
        halves("elu", None),
        "> -1, as with elu",
    ),
    "centre of levels": (kg.DiscretizedLogistic(4), halves("softplus", None), None),
}


@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_each_parameter_of_a_likelihood_is_looked_at(case):
    likelihood, decoder, message = case
    if message is None:
        kg.VAE(ENCODER, decoder, likelihood=likelihood)
    else:
        with pytest.raises(ValueError, match=message):
            kg.VAE(ENCODER, decoder, likelihood=likelihood)


@pytest.mark.parametrize(
    ("mean", "log_variance", "refused"),
    [("relu", None, True), (None, "softplus", True), (None, "tanh", False)],
)
def test_a_posterior_needs_means_of_both_signs_and_small_variances(
    mean, log_variance, refused
):
    x = keras.Input((6,))
    parts = [layers.Dense(4, activation=a)(x) for a in (mean, log_variance)]
    encoder = keras.Model(x, layers.Concatenate()(parts))
    decoder = keras.Sequential([keras.Input((4,)), layers.Dense(6)])
    if refused:
        with pytest.raises(ValueError, match="log variances, which can be negative"):
            kg.VAE(encoder, decoder)
    else:
        kg.VAE(encoder, decoder)


SINGLE = {  # networks of one input by the builders
    "dense": lambda: networks.mlp_vae((8, 8, 1), 2, units=(4,)),
    "convolutional": lambda: networks.conv_vae((8, 8, 1), 2, **SMALL),
    "players": lambda: networks.mlp_gan((8, 8, 1), 2),
    "convolutional players": lambda: networks.dcgan((8, 8, 1), 2, channels=(4, 8)),
    "pixels": lambda: [networks.pixel_made((8, 8, 1), units=(4,))],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("build", SINGLE.values(), ids=SINGLE)
def test_a_network_of_one_input_takes_it_without_a_warning(build):
    for network in build():
        x = np.zeros((2, *network.input_shape[1:]), np.float32)
        network(x)
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(network)
        )
        again(x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", ["tensor", "list", "dict", "sequential"])
def test_a_model_calls_a_network_as_it_was_built(form):
    x = keras.Input((6,), name="x")
    inputs = {"tensor": x, "list": [x], "dict": {"x": x}}.get(form, x)
    encoder = keras.Model(inputs, layers.Dense(4)(x))
    if form == "sequential":
        encoder = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(6)])
    model = kg.VAE(encoder, decoder, seed=0)
    values = np.full((3, 6), 0.5, np.float32)
    assert model.encode(values).shape == (3, 2)


@pytest.mark.filterwarnings("error")
def test_labels_reach_a_network_of_named_inputs():
    """In the order of `network.inputs`, which is that of the names."""
    z, labels = keras.Input((2,), name="a_z"), keras.Input((3,), name="b_labels")
    y = layers.Dense(6)(layers.Concatenate()([z, labels]))
    decoder = keras.Model({"a_z": z, "b_labels": labels}, y)
    encoder = networks.mlp((6,), (4,), units=(), num_classes=3)
    model = kg.VAE(encoder, decoder, seed=0)
    found = model.decode(np.ones((3, 2), np.float32), condition=np.arange(3))
    assert np.ptp(found, axis=0).min() > 1e-3


@pytest.mark.filterwarnings("error::UserWarning")
def test_files_of_networks_with_a_list_of_one_input_load_without_it(tmp_path):
    """As the builders once made them."""
    pair = networks.mlp_vae((6,), 2, units=(4,))
    old = [keras.Model([n.inputs[0]], n.outputs[0], name=n.name) for n in pair]
    kg.VAE(*old, seed=0).save(tmp_path / "old.keras")
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    x = np.full((3, 6), 0.5, np.float32)
    np.testing.assert_allclose(loaded.encoder(x), pair[0](x), rtol=1e-6)

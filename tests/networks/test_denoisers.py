"""What holds for every network that sees a noise level."""

import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import networks

from ..marks import but_slow

RNG = np.random.default_rng(0)
SMALL_UNET = {"channels": (8, 16), "heads": 2, "groups": 4}
SMALL_DIT = {"width": 16, "depth": 2, "heads": 2}
BUILDERS = {  # name: (build, shape of an example, classes, channels of the condition)
    "mlp": (lambda: networks.mlp_denoiser((5,), units=(16, 8)), (5,), 0, 0),
    "mlp of images": (
        lambda: networks.mlp_denoiser(
            (2, 3, 1), units=(8,), embedding="fourier", num_classes=3
        ),
        (2, 3, 1),
        3,
        0,
    ),
    "unet": (
        lambda: networks.unet((8, 8, 1), embedding="fourier", **SMALL_UNET),
        (8, 8, 1),
        0,
        0,
    ),
    "unet, conditional": (
        lambda: networks.unet(
            (10, 8, 3), num_classes=3, condition_channels=2, dropout=0.1, **SMALL_UNET
        ),
        (10, 8, 3),
        3,
        2,
    ),
    "dit": (
        lambda: networks.dit((9, 12, 2), patch=3, embedding="fourier", **SMALL_DIT),
        (9, 12, 2),
        0,
        0,
    ),
    "dit, conditional": (
        lambda: networks.dit(
            (8, 8, 3), num_classes=3, condition_channels=1, **SMALL_DIT
        ),
        (8, 8, 3),
        3,
        1,
    ),
}


def perturb(network, scale=0.2):
    for weight in network.weights:
        noise = np.random.default_rng(1).normal(size=weight.shape)
        weight.assign(weight + scale * noise)


@pytest.fixture(scope="module")
def built():
    """Each network as it starts, and once more with all weights moved."""
    made = {}
    for name, (build, *_) in BUILDERS.items():
        random.seed(0)
        fresh = build()
        moved = keras.models.clone_model(fresh)
        moved.set_weights(fresh.get_weights())
        perturb(moved)
        made[name] = fresh, moved
    return made


SLOW = ("unet", "dit")  # without what the conditional ones have
builders = pytest.mark.parametrize("name", but_slow([*BUILDERS], SLOW))


def inputs_of(name, rows=2):
    _, shape, classes, condition = BUILDERS[name]
    inputs = [RNG.normal(size=(rows, *shape)), RNG.uniform(-2, 2, (rows, 1))]
    if classes:
        inputs.append(np.eye(classes)[np.arange(rows) % classes])
    if condition:
        inputs.append(RNG.normal(size=(rows, *shape[:2], condition)))
    return [keras.ops.convert_to_tensor(x, "float32") for x in inputs]


@builders
def test_inputs_are_named_and_the_output_starts_at_zero(name, built):
    fresh, _ = built[name]
    _, shape, classes, condition = BUILDERS[name]
    names = [
        "x",
        "level",
        *["labels"] * bool(classes),
        *["condition"] * bool(condition),
    ]
    assert [tensor.name for tensor in fresh.inputs] == names
    output = fresh(inputs_of(name)).numpy()
    assert output.shape == (2, *shape)
    assert not output.any()
    networks.check_raw_output(fresh, name)


@builders
def test_every_weight_gets_a_gradient(name, built):
    _, moved = built[name]
    inputs = inputs_of(name)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(moved(inputs) ** 2)
    weights = moved.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient), weight.path
    fixed = {w.name for w in moved.non_trainable_weights}
    assert fixed <= {"frequencies", "seed_generator_state"}


@builders
def test_every_output_depends_on_every_input(name, built):
    _, moved = built[name]
    inputs = inputs_of(name, rows=1)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(moved(inputs)[0, ..., 0] ** 2)
    for tensor, gradient in zip(moved.inputs, tape.gradient(loss, inputs), strict=True):
        assert (gradient.numpy() != 0).all(), tensor.name
    output = moved(inputs).numpy()
    for i, tensor in enumerate(inputs):
        other = [*inputs]
        other[i] = tensor + keras.random.uniform(tensor.shape, 0.5, 1.0, seed=3)
        assert (moved(other).numpy() != output).all(), moved.inputs[i].name


@builders
def test_one_pixel_reaches_the_whole_image(name, built):
    _, moved = built[name]
    x, *rest = inputs_of(name, rows=1)
    corner = np.zeros(x.shape, "float32")
    corner[(0,) * x.shape.rank] = 1.0
    changed = moved([x + corner, *rest]).numpy() != moved([x, *rest]).numpy()
    assert changed.all()


@builders
def test_rows_do_not_see_each_other(name, built):
    _, moved = built[name]
    inputs = inputs_of(name, rows=3)
    together = moved(inputs).numpy()
    for i in range(3):
        alone = moved([x[i : i + 1] for x in inputs]).numpy()
        error = np.abs(together[i] - alone[0]).max()
        assert error <= 1e-5 * np.abs(together).max()


CONDITIONAL = [name for name, case in BUILDERS.items() if case[2]]


@pytest.mark.parametrize("name", CONDITIONAL)
def test_labels_of_zeros_add_no_class_term(name, built):
    _, moved = built[name]
    inputs = inputs_of(name)
    with_class = moved(inputs).numpy()
    inputs[2] = keras.ops.zeros_like(inputs[2])
    without = moved(inputs).numpy()
    assert (with_class != without).all()
    (embedding,) = (
        layer
        for layer in moved.layers
        if isinstance(layer, keras.layers.Dense) and layer.input is moved.inputs[2]
    )
    assert not embedding.use_bias
    kernel = embedding.kernel.numpy()
    embedding.kernel.assign(np.zeros_like(kernel))
    inputs = [*inputs[:2], keras.ops.ones_like(inputs[2]), *inputs[3:]]
    np.testing.assert_array_equal(moved(inputs), without)
    embedding.kernel.assign(kernel)


@builders
def test_a_loaded_network_is_the_saved_one(name, built, tmp_path):
    _, moved = built[name]
    moved.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    inputs = inputs_of(name)
    np.testing.assert_array_equal(loaded(inputs), moved(inputs))


def test_sines_and_cosines_have_the_frequencies_of_the_embedding():
    level = RNG.uniform(-2, 2, (7, 1))
    fourier = networks.FourierEmbedding(8, bandwidth=0.5)
    fourier(level)
    frequencies = {
        networks.LevelEmbedding(8, 0.02, 4.0): np.geomspace(0.02, 4.0, 4),
        fourier: fourier.frequencies.numpy().astype("float64"),
    }
    for layer, turns in frequencies.items():
        angles = 2 * np.pi * level * turns
        expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        np.testing.assert_allclose(layer(level), expected, atol=1e-5)
    assert not fourier.trainable_weights
    many = networks.FourierEmbedding(4000, bandwidth=0.5)
    many.build((None, 1))
    assert np.std(many.frequencies) == pytest.approx(0.5, rel=0.06)


def test_levels_far_apart_and_close_are_told_apart():
    level = np.linspace(-2, 2, 400, dtype="float32")[:, None]
    embedded = networks.LevelEmbedding()(level).numpy()
    gaps = np.linalg.norm(embedded[:, None] - embedded[None], axis=-1)
    assert gaps[~np.eye(400, dtype=bool)].min() > 0.1


def test_half_precision_keeps_the_angles():
    level = RNG.uniform(-2, 2, (50, 1)).astype("float32")
    half = networks.LevelEmbedding(dtype="mixed_float16")(level)
    assert half.dtype == "float16"
    np.testing.assert_allclose(half, networks.LevelEmbedding()(level), atol=5e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: networks.LevelEmbedding(7), "size must be even, received 7"),
        (lambda: networks.FourierEmbedding(8, 0.0), "bandwidth must be > 0"),
        (lambda: networks.mlp_denoiser((0,)), r"data_shape\[0\] must be > 0"),
        (
            lambda: networks.mlp_denoiser((2,), units=()),
            "units must be a list or tuple of integers",
        ),
        (lambda: networks.mlp_denoiser((2,), embedding="rotary"), "received 'rotary'"),
        (lambda: networks.mlp_denoiser((2,), num_classes=0), "num_classes must be > 0"),
    ],
)
def test_wrong_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


CONVERT = Path(__file__).with_name("litert_worker.py")


@pytest.mark.slow  # artifacts of whole models are compared in any case
def test_litert_computes_the_same(built, tmp_path):
    folders = []
    for name in ("mlp of images", "dit, conditional"):
        _, moved = built[name]
        inputs = inputs_of(name)
        named = {t.name: x.numpy() for t, x in zip(moved.inputs, inputs, strict=True)}
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        moved.save(folders[-1] / "network.keras")
        np.savez(folders[-1] / "case.npz", **named, expected=moved(inputs).numpy())
    finished = subprocess.run(
        [sys.executable, str(CONVERT), *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stdout.count("error") == 2 * len(folders)

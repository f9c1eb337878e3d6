"""Rows and their seeds are checked before anything is computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.rows import run_rows

MODEL = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)), seed=0)
REFUSED = {
    "fraction": ([1.5], r"seed must hold one integer.*float64"),
    "matrix": ([[1, 2]], r"seed must hold one integer.*\(1, 2\)"),
    "number": (3, r"seed must hold one integer.*shape \(\)"),
    "word": (["a"], "seed must hold one integer"),
    "large": ([2**40], r"seed must fit into int32.*row_seeds"),
    "fraction_tensor": (tf.constant([1.5]), r"seed must hold one integer.*float32"),
    "number_tensor": (tf.constant(1), r"seed must hold one integer.*shape \(\)"),
}


@pytest.mark.parametrize(("seed", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_seed_is_refused(seed, message):
    with pytest.raises(ValueError, match=message):
        MODEL.sample_rows(seed)


def test_tensors_with_values_are_checked_like_arrays():
    words = r"x must hold finite values, received values in \[nan, nan\], .* row 1\."
    with pytest.raises(ValueError, match=words):
        MODEL.encode(tf.constant([[0.0, 1.0], [np.nan, 1.0]]))


@pytest.mark.parametrize("dtype", [np.int8, np.uint32, np.int64])
def test_integers_of_any_kind_are_seeds(dtype):
    seeds = np.array([1, 7], dtype)
    found = MODEL.sample_rows(seeds)
    np.testing.assert_array_equal(found, MODEL.sample_rows(seeds.astype(np.int32)))


def spoil(model, weight):
    value = weight.numpy()
    value.flat[0] = np.nan
    weight.assign(value)
    return rf"weights of {model.name} are NaN or infinite \({weight.path}\), so"


def autoencoder():
    return kg.Autoencoder(*kg.networks.mlp_autoencoder((2,), 1, units=(4,)))


def test_weights_that_are_nan_are_said_though_the_network_swallows_them():
    """relu(NaN) is 0 and a pixel drawn by comparison is never NaN."""
    model = autoencoder()
    message = spoil(model, model.encoder.weights[0])
    with pytest.raises(FloatingPointError, match=message):
        model.encode(np.ones((3, 2)))
    pixels = kg.PixelAutoregressive(kg.networks.pixel_made((2, 2, 1), units=(4,)))
    message = spoil(pixels, pixels.network.weights[0])
    with pytest.raises(FloatingPointError, match=message):
        pixels.sample(2)


def test_weights_that_become_nan_are_said():
    x = np.random.default_rng(0).random((32, 2), "float32")
    model = autoencoder()
    model.compile("sgd", jit_compile=False)
    assert np.isfinite(model.encode(x)).all()
    last = model.encoder.weights[-1]
    kept = last.numpy()
    message = spoil(model, last)  # seen in the outputs
    with pytest.raises(FloatingPointError, match=message):
        model.encode(x)
    last.assign(kept)
    assert np.isfinite(model.encode(x)).all()
    model.fit(x, verbose=0)
    message = spoil(model, model.encoder.weights[0])  # swallowed, after a step
    with pytest.raises(FloatingPointError, match=message):
        model.encode(x)


def test_weights_are_read_once_for_each_step(monkeypatch):
    model, read = autoencoder(), []
    weights = [id(v.value) for v in model.encoder.weights]
    kind = type(model.encoder.weights[0].value)
    numpy = kind.numpy
    monkeypatch.setattr(kind, "numpy", lambda v: read.append(id(v)) or numpy(v))
    for _ in range(3):
        model.encode(np.ones((3, 2)))
    assert [v for v in read if v in weights] == weights


class Own(kg.capabilities.Generates, kg.capabilities.Encodes, kg.GenerativeModel):
    """A model that passes what its network returns on as it is."""

    arguments = ("network",)

    def __init__(self, network, **kwargs):
        how = {"latent": kg.specs.Latents((2,)), **kwargs}
        super().__init__(kg.specs.Vectors(2, is_unit=True), **how)
        self.network = network

    @property
    def noise(self):
        return kg.specs.Noise((2,))

    def seen(self, x):
        return self.network(x)

    def counted(self, x):
        return tf.cast(x > 0, tf.int32)

    def generate(self, noise, *, condition=None):
        return run_rows(self, self.seen, {"x": (noise, self.noise)})

    def sample_rows(self, seed, *, condition=None):
        return self.generate(kg.random.normal(seed, (2,)))

    def encode(self, x, *, condition=None):
        return run_rows(self, self.seen, {"x": (x, self.inputs)})

    def decode(self, z, *, condition=None):
        return run_rows(self, self.seen, {"x": (tf.constant(z), self.latent)})


def own(policy):
    layer = keras.layers.Dense(2, dtype=policy)
    return Own(keras.Sequential([keras.Input((2,)), layer]), dtype=policy)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy):
    model, x = own(policy), np.full((3, 2), 0.5, np.float32)
    assert model.network(x).dtype == policy.removeprefix("mixed_")
    found = model.encode(x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, tf.cast(model.network(x), tf.float32))
    assert model.encode(tf.constant(x)).dtype == tf.float32
    assert model.encode(x[:0]).dtype == np.float32
    assert model.decode(x).dtype == np.float32
    codes = run_rows(model, model.counted, {"x": (x, model.inputs)})
    assert codes.dtype == np.int32


def test_arrays_give_arrays_where_a_model_answers_with_tensors():
    model, x = own("float32"), np.full((3, 2), 0.5, np.float32)
    seeds = kg.random.row_seeds(7, 3)
    found = model.sample(3, seed=7)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, model.sample_rows(seeds).numpy())
    assert tf.is_tensor(model.decode(x))
    found = model.reconstruct(x)
    assert type(found) is np.ndarray
    assert tf.is_tensor(model.reconstruct(tf.constant(x)))

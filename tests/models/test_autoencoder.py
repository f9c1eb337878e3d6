"""Autoencoder: its errors, penalties, corruption and the density of its codes."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_gen as kg
from keras_gen import networks
from keras_gen.random import RowNoise, row_seeds

SHAPE = (8, 8, 1)


def make(**options):
    random.seed(0)
    pair = networks.mlp_autoencoder(SHAPE, 3, units=(16,))
    return kg.Autoencoder(*pair, seed=0, **options)


def train(x, *, epochs=15, **options):
    model = make(**options)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(x, epochs=epochs, verbose=0)
    return model


def terms(model, x):
    noise = RowNoise(row_seeds(0, len(x)), 0)
    found = model.loss_terms(tf.constant(x), None, noise, training=True)
    return {name: float(value) for name, value in found.items()}


@pytest.fixture(scope="module")
def x():
    from sklearn.datasets import load_digits

    return (load_digits().images[:400, ..., None] / 16).astype("float32")


@pytest.fixture(scope="module")
def model(x):
    return train(x)


ERRORS = {
    "cross-entropy": (
        kg.objectives.BinaryCrossEntropy(),
        lambda x, raw: np.logaddexp(0, raw) - x * raw,
    ),
    "squared": (kg.SquaredError(), lambda x, raw: (x - 1 / (1 + np.exp(-raw))) ** 2),
    "squared, free": (
        kg.SquaredError(unit_interval=False),
        lambda x, raw: (x - raw) ** 2,
    ),
}


@pytest.mark.parametrize(("reconstruction", "formula"), ERRORS.values(), ids=ERRORS)
def test_the_error_is_the_formula(reconstruction, formula, x):
    model = make(reconstruction=reconstruction)
    raw = np.asarray(model.decoder(model.encoder(x)), np.float64)
    expected = formula(x.astype(np.float64), raw).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.reconstruction_error(x), expected, rtol=1e-5)
    model.compile(jit_compile=False)
    loss = model.evaluate(x, verbose=0, return_dict=True)["reconstruction_error"]
    assert loss == pytest.approx(expected.mean(), rel=1e-5)


def test_noise_is_an_anomaly(model, x):
    noise = np.random.default_rng(0).random(x.shape, "float32")
    assert model.reconstruction_error(noise).min() > np.quantile(
        model.reconstruction_error(x), 0.99
    )


def test_call_reconstruct_and_predict_agree(model, x):
    by_hand = 1 / (1 + np.exp(-np.asarray(model.decoder(model.encoder(x)))))
    np.testing.assert_allclose(model.reconstruct(x), by_hand, rtol=1e-5, atol=1e-7)
    for other in (model(x), model.predict(x, verbose=0), model.decode(model.encode(x))):
        np.testing.assert_allclose(other, model.reconstruct(x), rtol=1e-5, atol=1e-7)


def test_a_line_of_codes_ends_in_the_reconstructions(model, x):
    a, b = x[:5], x[5:10]
    line = model.interpolate(a, b, 4)
    np.testing.assert_allclose(line[:, 0], model.reconstruct(a), rtol=1e-5)
    np.testing.assert_allclose(line[:, -1], model.reconstruct(b), rtol=1e-5)
    third = model.decode((2 * model.encode(a) + model.encode(b)) / 3)
    np.testing.assert_allclose(line[:, 1], third, rtol=1e-5)


def test_a_line_needs_two_points_and_two_ends(model, x):
    with pytest.raises(ValueError, match="at least 2, received 1"):
        model.interpolate(x[:1], x[1:2], 1)
    with pytest.raises(ValueError, match="same number of rows, received 2 and 3"):
        model.interpolate(x[:2], x[:3], 4)


@pytest.mark.parametrize(
    "corruption",
    [
        kg.objectives.Masking(0.4),
        kg.SaltAndPepper(0.3),
        kg.objectives.GaussianNoise(0.5),
    ],
    ids=lambda corruption: type(corruption).__name__,
)
def test_denoising_compares_the_clean_example(corruption, x):
    model = make(corruption=corruption)
    x = x[:32]
    noise = getattr(RowNoise(row_seeds(0, 32), 0), corruption.draw)(SHAPE, 0)
    corrupted = corruption(tf.constant(x), noise)
    raw = model.decoder(model.encoder(corrupted))
    expected = float(np.mean(model.reconstruction(x, raw)))
    assert terms(model, x)["loss"] == pytest.approx(expected, rel=1e-6)
    clean = model.reconstruction_error(x).mean()
    assert expected != pytest.approx(clean, rel=1e-4)


def test_denoising_learns_to_restore(x):
    corruption = kg.SaltAndPepper(0.3)
    model = train(x, epochs=30, corruption=corruption)
    noise = RowNoise(row_seeds(1, len(x)), 0)
    corrupted = corruption.apply(tf.constant(x), noise, 0).numpy()
    restored = model.reconstruct(corrupted)
    assert np.mean((restored - x) ** 2) < 0.6 * np.mean((corrupted - x) ** 2)


def test_penalties_are_terms_that_add_up(x):
    x = x[:16]
    penalties = [kg.L1Sparsity(0.5), kg.Contractive(0.3)]
    model = make(penalties=penalties)
    found = terms(model, x)
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        codes = model.encoder(inputs)
    jacobian = tape.batch_jacobian(codes, inputs).numpy()
    assert set(found) == {"loss", "reconstruction_error", "l1_sparsity", "contractive"}
    l1 = np.abs(codes.numpy()).sum(-1).mean()
    assert found["l1_sparsity"] == pytest.approx(0.5 * l1, rel=1e-5)
    contractive = 0.3 * (jacobian**2).sum() / len(x)
    assert found["contractive"] == pytest.approx(contractive, rel=1e-5)
    assert found["loss"] == pytest.approx(sum(found.values()) - found["loss"])


@pytest.mark.parametrize(
    ("penalty", "size"),
    [
        (kg.L1Sparsity(1.0), lambda model, x: np.abs(model.encode(x)).mean()),
        (kg.Contractive(1.0), lambda model, x: model.encode(x).std()),
    ],
    ids=["l1", "contractive"],
)
def test_penalties_shrink_what_they_measure(penalty, size, x, model):
    assert size(train(x, penalties=[penalty]), x) < 0.7 * size(model, x)


def test_sample_waits_for_the_density(x):
    model = make()
    assert not model.can_generate
    for call in (
        lambda: model.sample(2, seed=0),
        lambda: model.generate(np.zeros((2, 4), "float32")),
    ):
        with pytest.raises(RuntimeError, match=r"fit_latent_density\(x\)"):
            call()
    assert model.fit_latent_density(x) is model
    assert model.can_generate
    assert np.ptp(model.sample(2, seed=0), axis=0).max() > 0


def test_generated_codes_are_distributed_like_those_of_the_data(x):
    layer = layers.Flatten()
    code = layers.Dense(2, use_bias=False, kernel_initializer="orthogonal")
    encoder = keras.Sequential([keras.Input(SHAPE), layer, code])
    identity = [keras.Input((2,)), layers.Dense(64), layers.Reshape(SHAPE)]
    error = kg.SquaredError(unit_interval=False)
    model = kg.Autoencoder(
        encoder, keras.Sequential(identity), reconstruction=error, latent_components=3
    )
    weights = np.zeros((2, 64), "float32")
    weights[:, :2] = 0.1 * np.eye(2)  # around 0.5: images stay in [0, 1]
    model.decoder.layers[0].set_weights([weights, np.full(64, 0.5, "float32")])
    codes = model.encode(x)
    model.fit_latent_density(x, seed=1)
    drawn = 10 * (model.sample(20_000, seed=2).reshape((-1, 64))[:, :2] - 0.5)
    scale = codes.std(axis=0)
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.05 * scale.max())
    np.testing.assert_allclose(
        np.cov(drawn.T), np.cov(codes.T), atol=0.08 * scale.max() ** 2
    )


def test_the_density_is_saved_and_seeded(model, x, tmp_path):
    x = x[:100]
    model.fit_latent_density(x, seed=4)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.sample(5, seed=3)
    np.testing.assert_array_equal(loaded.sample(5, seed=3), expected)
    np.testing.assert_array_equal(
        make_like(model).fit_latent_density(x, seed=4).sample(5, seed=3), expected
    )
    other = make_like(model).fit_latent_density(x, seed=5).sample(5, seed=3)
    assert np.any(other != expected)


def make_like(model):
    """The same networks without the density."""
    copy = make()
    copy.encoder.set_weights(model.encoder.get_weights())
    copy.decoder.set_weights(model.decoder.get_weights())
    return copy


def test_too_few_examples_for_the_density(x):
    with pytest.raises(ValueError, match="at least 10 examples.*received 9"):
        make().fit_latent_density(x[:9])


ENCODER, DECODER = networks.mlp_autoencoder(SHAPE, 3, units=(4,))
SIGMOID = keras.Sequential([DECODER, layers.Activation("sigmoid")])
CONDITIONAL = [
    networks.mlp(*shapes, units=(), num_classes=2)
    for shapes in ((SHAPE, (3,)), ((3,), SHAPE))
]
L1 = [kg.L1Sparsity(0.1), kg.L1Sparsity(0.2)]
WRONG = {
    "unbuilt": ((keras.Sequential([layers.Dense(3)]), DECODER), {}, "Functional or"),
    "a layer": ((layers.Dense(3), DECODER), {}, "Functional or Sequential"),
    "code sizes": ((ENCODER, networks.mlp((2,), SHAPE, units=())), {}, "encoder must"),
    "image sizes": (
        (ENCODER, networks.mlp((3,), (8, 8, 3), units=())),
        {},
        r"decoder must output.*\(8, 8, 1\)",
    ),
    "squashed": ((ENCODER, SIGMOID), {}, "raw values.*sigmoid"),
    "labels": (CONDITIONAL, {}, "takes no labels"),
    "no components": ((ENCODER, DECODER), {"latent_components": 0}, "latent_compon"),
    "unknown": ((ENCODER, DECODER), {"penalty": L1[0]}, "penalty"),
    "twice one penalty": ((ENCODER, DECODER), {"penalties": L1}, "distinct names"),
}


@pytest.mark.parametrize(("pair", "options", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_constructor_says_what_is_wrong(pair, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kg.Autoencoder(*pair, **options)

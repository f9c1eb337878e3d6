"""Directions of latent space, and latent vectors of given examples."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_gen as kg
from keras_gen import networks

RNG = np.random.default_rng(0)


def linear_gan(values=(4.0, 2.0, 1.0, 0.5)):
    """x = z U S V^T: a GAN whose generator is one matrix."""
    size = len(values)
    left = np.linalg.qr(RNG.normal(size=(size, size)))[0]
    right = np.linalg.qr(RNG.normal(size=(9, size)))[0]
    dense = layers.Dense(9, use_bias=False)
    generator = keras.Sequential([keras.Input((size,)), dense])
    dense.set_weights([left * np.array(values) @ right.T])
    _, discriminator = networks.mlp_gan((9,), size, discriminator_units=(4,))
    return kg.GAN(generator, discriminator, ema_decay=None, seed=0), left


def styled():
    pair = networks.style_gan((8, 8, 1), 5, channels=(8,), mapping_layers=2)
    model = kg.GAN(*pair, ema_decay=None, seed=0)
    model.generator(RNG.normal(size=(64, 5)), training=True)
    return model


def test_directions_of_a_linear_generator_are_its_singular_vectors():
    model, left = linear_gan()
    found = kg.latent_directions(model, 4)
    lengths = np.linalg.norm(found.vectors, axis=1)
    cosines = np.abs((found.vectors * left.T).sum(axis=1)) / lengths
    np.testing.assert_allclose(cosines, 1, atol=0.01)
    np.testing.assert_allclose(lengths, 1, atol=0.05)
    np.testing.assert_allclose(found.deviations, [4, 2, 1, 0.5], rtol=0.05)
    shares = np.array([16, 4, 1, 0.25]) / 21.25
    np.testing.assert_allclose(found.explained, shares, atol=0.03)
    assert not found.space.has_styles
    z = RNG.normal(size=(2, 4)).astype("float32")
    walked = found.walk(z, 1, [-1.0, 0.0, 2.0])
    np.testing.assert_allclose(walked[:, 1], model.generate(z), atol=1e-5)
    np.testing.assert_allclose(
        walked[:, 2], model.generate(z + 2 * found.vectors[1]), atol=1e-5
    )
    with pytest.raises(ValueError, match="num must be at most 4, the number of dire"):
        kg.latent_directions(model, 5)
    with pytest.raises(ValueError, match="layer must be one of the generator's"):
        kg.latent_directions(model, 1, layer="absent")


def test_directions_of_styles_are_their_principal_components():
    model = styled()
    found = kg.latent_directions(model, 3, num_samples=500)
    assert found.space.has_styles
    noise = kg.random.normal(kg.random.row_seeds(0, 500), (5,)).numpy()
    styles = found.space.at(noise)
    values = np.linalg.eigvalsh(np.cov(styles.T, bias=True))[::-1]
    np.testing.assert_allclose(found.deviations, np.sqrt(values[:3]), rtol=1e-3)
    units = found.vectors / found.deviations[:, None]
    np.testing.assert_allclose(units @ units.T, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(np.std(styles @ units.T, axis=0), found.deviations, 1e-3)


def test_other_models_have_directions_of_their_samples():
    pair = networks.mlp_vae((2,), latent_dim=2, units=(4,))
    found = kg.latent_directions(kg.VAE(*pair, seed=0), 1, num_samples=64)
    assert found.vectors.shape == (1, 2)
    assert 0 < found.explained[0] <= 1


def test_projection_recovers_the_latent_vector_of_a_sample():
    model, _ = linear_gan((2.0, 1.5, 1.2, 1.0))
    z = RNG.normal(size=(3, 4)).astype("float32")
    found = kg.project(model, model.generate(z), steps=150)
    np.testing.assert_allclose(found.latent, z, atol=0.03)
    assert found.error.max() < 1e-3
    np.testing.assert_allclose(found.x, model.generate(found.latent), atol=1e-5)


def test_projection_recovers_the_style_of_a_sample():
    model = styled()
    space = kg.LatentSpace(model)
    x = model.sample(2, seed=5)
    start = np.square(space.generate(space.center(2)) - x).mean(axis=(1, 2, 3))
    found = kg.project(model, x, steps=70)
    assert found.space.has_styles
    assert (found.error < 0.05 * start).all()
    assert found.latent.shape == (2, 5)


@pytest.mark.slow
def test_features_of_a_classifier_take_part():
    model = styled()
    network = networks.conv_features((8, 8, 1), 8, channels=(8,))
    classifier = kg.Classifier(network, 3, seed=0)
    x = 1 - model.sample(2, seed=5)  # which the model cannot make
    errors = []
    for weight in (0.0, 100.0):
        how = {"classifier": classifier, "feature_weight": weight}
        made = kg.project(model, x, steps=60, **how).x
        features = (classifier.features(a) for a in (made, x))
        errors.append(np.square(np.subtract(*features)).mean())
    assert errors[1] < 0.9 * errors[0]


def test_spaces_and_numbers_are_checked():
    model, _ = linear_gan()
    with pytest.raises(ValueError, match=r"styles must be False for gan.*, whose gen"):
        kg.LatentSpace(model, styles=True)
    with pytest.raises(ValueError, match="steps must be"):
        kg.project(model, np.zeros((1, 9)), steps=0)
    with pytest.raises(TypeError, match="model must be"):
        kg.latent_directions(model.generator)

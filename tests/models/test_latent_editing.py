"""A diffusion over the latent values of images: guidance, inpainting, editing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import capabilities, models, networks, samplers, specs
from keras_gen.models.latent import (
    LatentCompletion,
    LatentCompletionDensity,
    LatentDensity,
    LatentEditing,
    LatentEditingDensity,
    _places,
    joined,
)
from keras_gen.random import normal, row_seeds
from keras_gen.rows import run_rows

from .exact import exact_network

MEAN, DEVIATION = 0.3, 0.5
RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
LARGE = RNG.random((6, 16, 16, 1)).astype("float32")
HOW = {"channels": (4,), "blocks": 0}


@keras.saving.register_keras_serializable("test_latent_editing")
class Patches(kg.capabilities.Encodes, kg.GenerativeModel):
    """Latent values are the pixels of a patch of 2x2, from -2 to 2."""

    def __init__(self, **kwargs):
        latent = specs.Latents((4, 4, 4))
        super().__init__(specs.Images(8, 8), latent=latent, **kwargs)

    def encode(self, x, *, condition=None):
        return run_rows(self, self.inward, {"x": (x, self.inputs)})

    def decode(self, z, *, condition=None):
        return run_rows(self, self.outward, {"z": (z, self.latent)})

    def inward(self, x):
        return tf.nn.space_to_depth(4 * x - 2, 2)

    def outward(self, z):
        return tf.clip_by_value(tf.nn.depth_to_space(z, 2) / 4 + 0.5, 0, 1)


def exact():
    """A diffusion of independent normal values with MEAN and DEVIATION."""
    how = kg.schedules.Cosine(), kg.parameterizations.V()
    network = exact_network((4, 4, 4), *how)
    sampling = samplers.Sampling("heun", samplers.LogSNR(-11.0, 11.0), 30)
    options = {"sampling": sampling, "ema_decay": None, "seed": 0}
    return kg.Diffusion(network, *how, inputs=specs.Latents((4, 4, 4)), **options)


def vae(**options):
    pair = networks.spatial_autoencoder((16, 16, 1), 2, **HOW, statistics=2)
    return kg.VAE(*pair, likelihood=kg.Gaussian(0.1), seed=0, **options)


def diffusion(latent, num_classes=None):
    size = {"patch": 4, "width": 8, "depth": 1, "heads": 1}
    network = networks.dit(latent.shape, **size, num_classes=num_classes)
    for weight in network.trainable_weights:
        weight.assign_add(0.1 * RNG.normal(size=weight.shape))
    sampling = samplers.Sampling(num_steps=4)
    return kg.Diffusion(network, sampling=sampling, inputs=latent, seed=0)


@pytest.mark.slow
def test_the_class_follows_from_the_parts(tmp_path):
    autoencoder = vae()
    model = kg.Latent(autoencoder, diffusion(autoencoder.latent))
    assert type(model) is LatentEditingDensity
    assert isinstance(model, kg.capabilities.Inpaints)
    assert isinstance(model, kg.models.LatentDensity)
    assert model.log_prob(LARGE[:2]).shape == (2,)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is LatentEditingDensity
    made = [m.inpaint(LARGE, np.eye(16), seed=3) for m in (again, model)]
    np.testing.assert_array_equal(*made)
    plain = kg.Latent(Patches(), exact())
    assert type(plain) is LatentEditing
    assert not hasattr(plain, "log_prob")
    vectors = kg.VAE(*networks.mlp_vae((8, 8, 1), 2, units=(4,)))
    network = networks.mlp_denoiser((2,), units=(4,))
    flat = kg.Latent(vectors, kg.Diffusion(network, inputs=vectors.latent))
    assert not isinstance(flat, kg.capabilities.Inpaints), "a vector has no places"


@pytest.mark.parametrize(
    ("kind", "both"),
    [
        (LatentCompletion, LatentCompletionDensity),
        (LatentEditing, LatentEditingDensity),
    ],
)
def test_a_class_of_two_kinds_does_what_both_do(kind, both):
    assert joined(kind, LatentDensity) is both
    assert both.__name__ == kind.__name__ + "Density"
    assert keras.saving.get_registered_object(f"keras_gen>{both.__name__}") is both
    own = [c for c in both.__mro__ if c.__module__.startswith("keras_gen")]
    assert len(own) <= 5
    for one in (kind, LatentDensity):
        assert issubclass(both, one)
        assert all(getattr(both, name) is getattr(one, name) for name in public(one))
    assert public(both) == public(kind) | public(LatentDensity)
    abilities = [v for v in vars(capabilities).values() if is_capability(v)]
    assert len(abilities) > 8
    for ability in abilities:
        expected = issubclass(kind, ability) or issubclass(LatentDensity, ability)
        assert issubclass(both, ability) == expected
    assert not issubclass(LatentDensity, both)
    assert not issubclass(LatentEditingDensity, LatentCompletion)


def test_no_kinds_are_a_latent_and_two_may_not_share_a_method():
    assert joined() is models.Latent
    assert joined(LatentEditing) is LatentEditing
    with pytest.raises(ValueError, match="kinds must not share .*log_prob"):
        joined(LatentDensity, LatentEditingDensity)


def public(kind):
    return {name for name in vars(kind) if name[0] != "_"}


def is_capability(value):
    return isinstance(value, type) and value.__module__ == capabilities.__name__


def test_the_scale_of_latent_values_is_that_of_draws_of_the_posterior():
    """Channels of deviation 2 and 0.5 around 1 and -3, with a noise of 1 in each."""
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 1)])
    decoder = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(1, 1)])
    x = RNG.normal(size=(4000, 8, 8, 1)).astype("float32")
    shares = np.array([2.0, 0.5, 0.0, 0.0]).reshape(1, 1, 1, 4)
    encoder.layers[0].set_weights([shares, np.array([1.0, -3.0, 0.0, 0.0])])
    how = {"likelihood": kg.Gaussian(1.0, unit_interval=False)}
    autoencoder = kg.VAE(encoder, decoder, inputs=specs.Latents((8, 8, 1)), **how)
    model = kg.Latent(autoencoder, diffusion(autoencoder.latent))
    model.compile("adam")
    model.fit(x, batch_size=2000, verbose=0)
    scale = model.prior.scale
    np.testing.assert_allclose(
        np.ravel(scale.deviation), [5**0.5, 1.25**0.5], rtol=0.01
    )
    center = np.ravel(scale.as_lists()["mean"])
    np.testing.assert_allclose(center, [1.0, -3.0], atol=0.05)


def test_new_pixels_follow_the_prior_and_kept_ones_are_the_same():
    model = kg.Latent(Patches(), exact())
    x = np.tile(X[:1], (200, 1, 1, 1))
    mask = np.zeros((8, 8))
    mask[2:6, 3:7] = 1
    made = model.inpaint(x, mask, seed=5)
    kept = mask == 0
    np.testing.assert_array_equal(made[:, kept], x[:, kept])
    latents = 4 * made[:, ~kept] - 2
    assert latents.mean() == pytest.approx(MEAN, abs=0.03)
    assert latents.std() == pytest.approx(DEVIATION, rel=0.05)
    hidden = np.where(kept[..., None], x, RNG.random(x.shape))
    np.testing.assert_array_equal(model.inpaint(hidden, mask, seed=5), made)
    bytes_ = np.round(255 * x).astype("uint8")
    found = model.inpaint(bytes_, mask, seed=5)
    np.testing.assert_allclose(found[:, kept], x[:, kept], atol=1 / 500)


def test_all_or_nothing_can_be_filled_in():
    model = kg.Latent(Patches(), exact())
    np.testing.assert_array_equal(model.inpaint(X, np.zeros((8, 8)), seed=1), X)
    new = model.inpaint(X, np.ones((8, 8)), seed=1)
    np.testing.assert_array_equal(model.inpaint(1 - X, np.ones((8, 8)), seed=1), new)


def test_a_latent_value_is_new_if_a_value_of_its_share_is():
    def places(shape, latent, *new):
        is_new = np.zeros((1, *shape, 1), bool)
        for place in new:
            is_new[(0, *place, 0)] = True
        found = _places(is_new, (*latent, 2))
        assert (found[..., 0] == found[..., 1]).all()
        return np.argwhere(found[0, ..., 0]).tolist()

    assert places((8, 8), (4, 4), (5, 2)) == [[2, 1]]
    assert places((8, 8), (4, 4), (0, 0), (7, 7)) == [[0, 0], [3, 3]]
    assert places((9,), (4,), (2,)) == [[0], [1]], "shares of 2.25 overlap"
    assert places((9,), (4,), (0,)) == [[0]]
    assert places((2,), (4,), (1,)) == [[2], [3]]
    assert places((4, 8, 8), (2, 2, 2), (3, 0, 7)) == [[1, 0, 1]]


def test_images_change_with_the_strength():
    model = kg.Latent(Patches(), exact())
    made = [model.image_to_image(X, s, seed=2) for s in (0, 0.5, 1.0)]
    np.testing.assert_allclose(made[0], model.reconstruct(X), atol=1e-6)
    near, far = (np.abs(m - X).mean() for m in made[1:])
    assert 0.01 < near < far
    other = model.image_to_image(1 - X, 1.0, seed=2)
    np.testing.assert_allclose(other, made[2], atol=0.02)
    for strength in (-0.1, 1.1):
        message = r"strength must be a number in \[0, 1\], received"
        with pytest.raises(ValueError, match=message):
            model.image_to_image(X, strength)
    with pytest.raises(ValueError, match="mask must have shape"):
        model.inpaint(X, np.ones((4, 4)))
    with pytest.raises(ValueError, match="guidance_scale requires a conditional model"):
        model.inpaint(X, np.ones((8, 8)), guidance_scale=2.0)


@pytest.mark.slow
def test_classes_guide_what_is_generated_and_filled_in():
    autoencoder = vae()
    prior = diffusion(autoencoder.latent, num_classes=3)
    model = kg.Latent(autoencoder, prior)
    assert model.is_guided
    noise = normal(row_seeds(0, 3), model.noise.shape).numpy()
    how = {"condition": np.array([0, 1, 2]), "guidance_scale": 4.0}
    expected = autoencoder.decode(prior.generate(noise, **how))
    found = model.generate(noise, **how)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    plain = model.generate(noise, condition=how["condition"])
    assert np.abs(plain - found).max() > 1e-3
    each = how | {"guidance_scale": np.array([4.0, 1.0, 4.0])}
    found = model.generate(noise, **each)
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(found[1], plain[1], atol=1e-5)
    mask = np.ones((16, 16))
    told = how, {"condition": how["condition"]}
    made = [model.inpaint(LARGE[:3], mask, seed=1, **given) for given in told]
    assert np.abs(made[0] - made[1]).max() > 1e-3
    with pytest.raises(TypeError, match="generate of .* unknown argument 'steps'"):
        model.generate(noise, condition=[0, 1, 2], steps=3)

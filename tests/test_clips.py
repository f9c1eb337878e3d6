"""Clips of video: their range, what is drawn of them, what measures them."""

import keras
import matplotlib.image
import numpy as np
import PIL.Image
import pytest
from keras import layers

import keras_gen as kg
from keras_gen import networks, specs
from keras_gen.callbacks import SampleAnimation, SampleGrid, reconstructions
from keras_gen.metrics import extractors, pairwise_ms_ssim
from keras_gen.pictures import (
    image_grid,
    read_animation,
    sample_picture,
    save_samples,
)
from keras_gen.zoo import sample
from keras_gen.zoo.recipe import UsageError

SHAPE = (3, 8, 8, 1)
RNG = np.random.default_rng(0)


def clips(number):
    """Clips as bytes."""
    return RNG.integers(0, 256, (number, *SHAPE), np.uint8)


def denoiser():
    """A 3-D network whose outputs are large."""
    x, level = keras.Input(SHAPE), keras.Input((1,))
    told = layers.Reshape((1, 1, 1, 4))(layers.Dense(4)(level))
    y = layers.Activation("silu")(layers.Conv3D(4, 3, padding="same")(x) + told)
    return keras.Model([x, level], 20 * layers.Conv3D(1, 3, padding="same")(y))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    sampling = kg.samplers.Sampling(num_steps=3)
    return kg.Diffusion(denoiser(), sampling=sampling, seed=0)


def test_bytes_stand_for_their_255th(model):
    x = clips(4)
    assert model.inputs == specs.Clips(*SHAPE)
    whole, parts = (model.elbo(v, seed=1) for v in (x, x / 255))
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    losses = []
    for values in (x, (x / 255).astype("float32")):
        model.compile()
        losses.append(model.evaluate(values, verbose=0))
    np.testing.assert_allclose(*losses, rtol=1e-5)
    with pytest.raises(ValueError, match=r"x must .* \[0, 1\], received .* 255"):
        model.elbo(x.astype("float32"))


def test_samples_lie_in_0_to_1(model):
    x = model.sample(8, seed=3)
    assert x.dtype == np.float32
    assert x.shape == (8, *SHAPE)
    assert x.min() == 0, "cut"
    assert x.max() == 1, "cut"


def frames_of(path):
    with PIL.Image.open(path) as file:
        for i in range(file.n_frames):
            file.seek(i)
            yield np.asarray(file.convert("RGB"))


def test_clips_play_in_a_gif_and_are_strips_in_a_png(model, tmp_path):
    x = clips(5)
    model.compile()
    callbacks = [
        SampleGrid(tmp_path / "x.gif", num_samples=5, seed=2),
        SampleGrid(tmp_path / "x.png", num_samples=5, seed=2),
        SampleAnimation(tmp_path / "epochs.gif", num_samples=5, seed=2),
    ]
    model.fit(x, verbose=0, callbacks=callbacks)
    samples = model.sample(5, seed=2)
    expected = [image_grid(samples[:, i]) for i in range(3)]
    np.testing.assert_array_equal(list(frames_of(tmp_path / "x.gif")), expected)
    strips = image_grid(samples.reshape(15, 8, 8, 1), 3)
    np.testing.assert_array_equal(sample_picture(model.inputs, samples), strips)
    found = matplotlib.image.imread(tmp_path / "x.png")[..., :3]
    np.testing.assert_allclose(found, strips / 255, atol=1e-6)
    epochs, _ = read_animation(tmp_path / "epochs.gif")
    assert len(epochs) == 2
    np.testing.assert_array_equal(epochs[-1], strips)


def test_a_command_writes_clips_that_play(model, tmp_path):
    how = {"num": 4, "seed": 5, "labels": None}
    sample.write_samples(model, tmp_path / "x.gif", **how)
    samples = model.sample(4, seed=5)
    expected = [image_grid(samples[:, i]) for i in range(3)]
    np.testing.assert_array_equal(list(frames_of(tmp_path / "x.gif")), expected)


def test_reconstructions_of_clips_stand_below_them(tmp_path):
    model = kg.Autoencoder(*networks.mlp_autoencoder(SHAPE, 2, units=(4,)), seed=0)
    x = (clips(4) / 255).astype("float32")
    model.compile()
    callbacks = [
        SampleGrid(tmp_path / f"x.{kind}", examples=x) for kind in ("gif", "png")
    ]
    model.fit(x, verbose=0, callbacks=callbacks)
    shown, columns = reconstructions(model, x)
    expected = [image_grid(shown[:, i], columns) for i in range(3)]
    np.testing.assert_array_equal(list(frames_of(tmp_path / "x.gif")), expected)
    both = np.stack([x, model.reconstruct(x)], axis=1).reshape(-1, *SHAPE[1:])
    found = matplotlib.image.imread(tmp_path / "x.png")[..., :3]
    np.testing.assert_allclose(found, image_grid(both, 3) / 255, atol=1e-6)


def test_what_cannot_be_drawn_is_named(tmp_path):
    x = np.zeros((2, 3, 8, 8, 2))
    for spec in (specs.Clips(3, 8, 8, 2), specs.Latents((3, 8, 8, 2))):
        assert not spec.is_picture
        with pytest.raises(ValueError, match="must be images or clips of 1, 3 or 4"):
            save_samples(tmp_path / "x.gif", spec, x)
    assert list(tmp_path.iterdir()) == []
    model = kg.VAE(*networks.mlp_vae((3, 8, 8, 2), 2, units=(4,)), seed=0)
    with pytest.raises(UsageError, match=r"must be \.npy, because samples"):
        sample.write_samples(model, tmp_path / "x.gif", num=1, seed=0, labels=None)


@pytest.mark.slow
def test_ms_ssim_of_clips_is_that_of_their_frames():
    x = RNG.random((30, 3, 16, 16, 1), np.float32)
    model = kg.VAE(*networks.mlp_vae((3, 16, 16, 1), 2, units=(4,)), seed=0)
    with pytest.warns(UserWarning, match="needed for a reliable figure"):
        figures = kg.metrics.evaluate(model, x, extractor=extractors.raw(model.inputs))
    samples = model.sample(30, seed=0)
    each = [pairwise_ms_ssim(samples[:, i]).value for i in range(3)]
    np.testing.assert_allclose(figures["ms_ssim"].value, np.mean(each), rtol=1e-5)
    assert "sliced_wasserstein" not in figures


def test_features_of_clips_are_their_values():
    x = clips(3)
    extractor = extractors.raw(specs.Clips(*SHAPE))
    assert extractor.fitted(x) is extractor
    np.testing.assert_allclose(extractor(x).values, x.reshape(3, -1) / 255, rtol=1e-6)


def test_augmentation_is_for_images():
    players = networks.mlp_gan(SHAPE, 2, generator_units=(4,), discriminator_units=(4,))
    assert np.abs(players[0](RNG.normal(size=(9, 2)) * 99)).max() <= 1
    with pytest.raises(
        ValueError, match=r"augmentation requires images.*Clips\(frames=3"
    ):
        kg.GAN(*players, augmentation=kg.AdaptiveAugmentation())

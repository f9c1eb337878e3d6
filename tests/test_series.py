"""Series: standardized by channel, in every family, in units of the data."""

import math

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

import keras_gen as kg
from keras_gen import bijectors, networks, specs
from keras_gen.callbacks import SampleAnimation, SampleGrid
from keras_gen.metrics import extractors
from keras_gen.pictures import line_plots, read_animation, sample_picture
from keras_gen.scaling import scale_of

RNG = np.random.default_rng(0)
UNITS, ORIGINS = np.array([10.0, 0.01]), np.array([100.0, -3.0])


def signals(number, length=3):
    """Series of two channels of different units."""
    noise = RNG.normal(size=(number, length, 2)) + RNG.normal(size=(number, 1, 2))
    return (noise * UNITS + ORIGINS).astype("float32")


def test_all_times_of_a_channel_share_their_scale():
    x = signals(500, 16)
    scale = scale_of(specs.Series(16, 2))
    scale.find(x)
    mean, deviation = x.mean((0, 1), dtype=float), x.std((0, 1), dtype=float)
    found = scale.as_lists()
    np.testing.assert_allclose(found["mean"], mean[None], rtol=1e-6)
    np.testing.assert_allclose(found["deviation"], deviation[None], rtol=1e-5)
    near = scale.inward(tf.constant(x)).numpy()
    np.testing.assert_allclose(near, (x - mean) / deviation, atol=2e-4)
    np.testing.assert_allclose(scale.outward(near), x, rtol=1e-6)
    volume = 16 * np.log(deviation).sum()
    np.testing.assert_allclose(scale.log_volume(), volume, rtol=1e-5)


def test_a_linear_gaussian_vae_has_the_closed_form_likelihood():
    """The exact posterior makes the bound log N(x; m, D (W W' + s^2) D) for any z."""
    stddev, x = 0.7, signals(200)
    weights = np.linalg.qr(RNG.normal(size=(6, 2)))[0] * [1.5, 0.8]  # orthogonal
    bias = RNG.normal(size=6)
    encoder, decoder = networks.mlp_vae((3, 2), 2, units=())
    model = kg.VAE(encoder, decoder, likelihood=kg.Gaussian(stddev), seed=0)
    model.scale.find(x)
    variance = stddev**2 / ((weights**2).sum(0) + stddev**2)
    gain = weights * variance / stddev**2
    kernel = np.concatenate([gain, np.zeros((6, 2))], axis=1)
    encoder.set_weights([kernel, np.concatenate([-bias @ gain, np.log(variance)])])
    decoder.set_weights([weights.T, bias])
    scale = {k: np.array(v)[0] for k, v in model.scale.as_lists().items()}
    mean, deviation = (np.tile(scale[k], 3) for k in ("mean", "deviation"))
    covariance = weights @ weights.T + stddev**2 * np.eye(6)
    density = multivariate_normal(
        mean + deviation * bias, covariance * np.outer(deviation, deviation)
    )
    expected = density.logpdf(x.reshape(-1, 6).astype(float))
    for num_samples in (1, 5):
        found = model.importance_log_prob(x, num_samples, seed=num_samples)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)
    bounds = [model.elbo(x, seed=seed) for seed in range(100)]
    np.testing.assert_allclose(np.mean(bounds), expected.mean(), atol=0.05)
    drawn = model.sample(20_000, seed=1).reshape(-1, 6)
    off = (drawn.mean(0) - density.mean) / deviation
    np.testing.assert_allclose(off, 0, atol=0.05)
    found = np.cov(drawn.T) / np.outer(deviation, deviation)
    np.testing.assert_allclose(found, covariance, atol=0.1)


EVENTS = {"series": (4, 2), "odd channels": (3, 3), "clips": (2, 2, 2, 2)}


@pytest.mark.parametrize("shape", EVENTS.values(), ids=EVENTS)
def test_a_coupling_of_channels_has_the_determinant_of_its_jacobian(shape):
    parts = bijectors.real_nvp(2, units=(8,))[1:]  # in the data's own units
    inputs = specs.Latents(shape)
    model = kg.Flow(parts, inputs, seed=0)
    for weight in model.weights:
        if weight.trainable:
            weight.assign(RNG.normal(size=weight.shape) * 0.3)
    x = tf.constant(RNG.normal(size=(5, *shape)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = model.encode(x)
    size = math.prod(shape)
    jacobian = tf.reshape(tape.batch_jacobian(z, x), (-1, size, size))
    _, log_det = np.linalg.slogdet(jacobian)
    normal = -0.5 * (z.numpy() ** 2).reshape(5, -1).sum(1)
    expected = normal - 0.5 * size * math.log(2 * math.pi) + log_det
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.decode(z), x, atol=1e-4)
    assert np.abs(log_det).min() > 0.01


def test_a_density_changes_with_the_units():
    """Of 1000 x + 7 it is that of x, divided by 1000 for each value."""
    x, found = signals(300, 8), []
    for values in (x, 1000 * x + 7):
        model = kg.Flow(bijectors.real_nvp(2, units=(8,)), specs.Series(8, 2), seed=0)
        for i, weight in enumerate(model.trainable_weights):
            rng = np.random.default_rng(i)
            weight.assign(rng.normal(size=weight.shape) * 0.1)
        model.initialize(values)
        found.append(model.log_prob(values[:50]))
    np.testing.assert_allclose(found[0] - found[1], 16 * math.log(1000), rtol=1e-3)


REFUSED = {
    "one channel": ((8, 1), "Put Flatten before it"),
    "one channel of a clip": ((2, 8, 8, 1), "Put Flatten before it"),
}


@pytest.mark.parametrize(("shape", "message"), REFUSED.values(), ids=REFUSED)
def test_a_coupling_of_one_channel_says_what_splits_it(shape, message):
    with pytest.raises(ValueError, match=message):
        kg.Flow([bijectors.Coupling()], specs.Latents(shape))
    parts = [bijectors.Flatten(), *bijectors.nice(2, units=(4,))]
    assert kg.Flow(parts, specs.Latents(shape)).latent.size == math.prod(shape)


CONVOLVED = [(8, 1), (13, 2), (32, 3), (5, 8, 9, 1), (1, 9, 8, 3), (8, 11, 2)]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("shape", CONVOLVED, ids=str)
def test_convolutions_give_back_the_shape(shape, transposed):
    how = {"channels": (4, 6), "hidden": 8, "transposed": transposed}
    encoder, decoder = networks.conv_vae(shape, 3, values_per_channel=2, **how)
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *shape[:-1], 2 * shape[-1])
    kinds = {type(layer).__name__ for layer in encoder.layers}
    assert f"Conv{len(shape) - 1}D" in kinds


@pytest.mark.slow
def test_players_of_series_reach_any_value():
    generator, discriminator = networks.mlp_gan((8, 2), 4)
    assert discriminator.input_shape == (None, 8, 2)
    noise = 100 * RNG.normal(size=(50, 4)).astype("float32")
    assert np.abs(generator(noise)).max() > 1.5
    model = kg.GAN(generator, discriminator, seed=0)
    x = signals(100, 8)
    model.compile()
    model.fit(x, verbose=0)
    far = np.abs(model.sample(100, seed=0).mean((0, 1)) - ORIGINS)
    assert (far < 3 * UNITS).all()


def test_series_in_0_to_1_take_bytes():
    inputs = specs.Series(8, 2, is_unit=True)
    assert specs.of_shape((8, 2), is_unit=True) == inputs
    bytes_ = RNG.integers(0, 256, (5, 8, 2), np.uint8)
    model = kg.VAE(*networks.mlp_vae((8, 2), 2), inputs=inputs, seed=0)
    np.testing.assert_allclose(
        model.elbo(bytes_, seed=1), model.elbo(bytes_ / 255, seed=1), rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"x must .* \[0, 1\]"):
        model.elbo(signals(2, 8))


def test_features_are_standardized_by_channel():
    x = signals(400, 5)
    features = extractors.raw(specs.Series(5, 2)).fitted(x)(x).values
    channels = features.reshape(-1, 2)
    np.testing.assert_allclose(channels.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(channels.std(0), 1, rtol=1e-4)
    assert features.reshape(-1, 5, 2).mean(0).std(0).min() > 1e-3, "times differ"


def test_figures_of_series():
    x = signals(300, 4)
    model = kg.VAE(*networks.mlp_vae((4, 2), 2), seed=0)
    model.scale.find(x)
    raw = extractors.raw(model.inputs)
    with pytest.warns(UserWarning, match="needed for a reliable figure"):
        found = kg.metrics.evaluate(model, x, extractor=raw, train=signals(300, 4))
    assert found["sliced_wasserstein"].unit == "standard deviations"
    assert found["sliced_wasserstein"].reference < 0.3
    assert 0.4 < found["two_sample_accuracy"].value <= 1
    assert "ms_ssim" not in found


def test_the_examples_decide_the_axes_of_lines():
    examples = np.zeros((2, 9, 1)) + [[[0.0]], [[2.0]]]
    middle = line_plots(np.ones((1, 9, 1)), examples)
    far = line_plots(np.full((1, 9, 1), 1e6), examples)
    assert middle.shape == far.shape == (800, 400, 3)
    rows = np.argwhere((middle != far).any(axis=-1))[:, 0]
    assert np.ptp(rows) < 5, "one horizontal line"
    assert abs(rows.mean() - 205) < 25, "in the middle of the upper panel"
    tall = line_plots(np.ones((1, 250, 1)), np.linspace(0, 1, 750).reshape(3, 250, 1))
    upper = tall[:400].astype(int)
    blue, orange = (np.argwhere(upper[..., i] - upper[..., 2 - i] > 60) for i in (2, 0))
    assert 20 < blue[:, 0].mean() < 150, "the first series, at the top"
    assert not len(orange), "one series, so one line"
    two = line_plots(np.ones((1, 9, 2)))
    assert two.shape == (400, 800, 3)


@pytest.mark.slow
def test_callbacks_draw_series(tmp_path):
    x = signals(64, 8)
    model = kg.VAE(*networks.mlp_vae((8, 2), 2, units=(8,)), seed=0)
    model.compile()
    grid = SampleGrid(tmp_path / "x.png", examples=x)
    moving = SampleAnimation(tmp_path / "x.gif", examples=x)
    model.fit(x, verbose=0, callbacks=[grid, moving])
    expected = sample_picture(model.inputs, model.sample(64, seed=0), examples=x)
    found = matplotlib.image.imread(tmp_path / "x.png")[..., :3]
    np.testing.assert_allclose(found, expected / 255, atol=1e-6)
    frames, _ = read_animation(tmp_path / "x.gif")
    assert [frame.shape for frame in frames] == [expected.shape] * 2

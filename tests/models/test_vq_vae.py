"""VQVAE: codes of examples, and models of the codes."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_gen as kg
from keras_gen import networks, specs
from keras_gen.random import batch_noise

RNG = np.random.default_rng(0)
X = RNG.random((32, 8, 8, 1)).astype("float32")
QUANTIZERS = {
    "vector": lambda: kg.VectorQuantizer(8),
    "residual": lambda: kg.VectorQuantizer(8, levels=2),
    "scalar": lambda: kg.FiniteScalarQuantizer((3, 4)),
}


def vq_vae(quantizer=None, shape=(8, 8, 1), **options):
    pair = networks.spatial_autoencoder(shape, 2, channels=(4,), blocks=1)
    return kg.VQVAE(*pair, quantizer or kg.VectorQuantizer(8), seed=0, **options)


def plain(codes, places=2):
    """Images of 2x2 by linear networks without hidden layers; the codebook is given."""
    image, code = keras.Input((2, 2, 1)), keras.Input((places, 1, 1))
    kernel = layers.Conv2D(1, 1, use_bias=False)
    means = layers.AveragePooling2D((2 // places, 2))(image)
    encoder = keras.Model(image, kernel(means))
    kernel.set_weights([np.ones((1, 1, 1, 1))])
    repeated = layers.UpSampling2D((2 // places, 2))(code)
    decoder = keras.Model(code, layers.Conv2D(1, 1, use_bias=False)(repeated))
    decoder.layers[-1].set_weights([np.full((1, 1, 1, 1), 4.0)])
    model = kg.VQVAE(encoder, decoder, kg.VectorQuantizer(len(codes)), seed=0)
    model.quantizer.codebook.assign(np.reshape(codes, (1, -1, 1)))
    return model


def terms(model, x, *, training=False):
    x = tf.constant(x)
    noise = batch_noise(0, x, 0)
    return model.loss_terms(x, None, noise, training=training)


def test_the_terms_have_the_values_of_equation_3():
    model = plain([0.0, 0.5])
    x = np.array([[0.1, 0.1], [0.4, 0.4]], "float32").reshape((1, 2, 2, 1))
    assert model.encode(x).tolist() == [[[0], [1]]]
    found = {name: float(value) for name, value in terms(model, x).items()}
    mean = 1 / (1 + np.exp(-4 * np.array([0.0, 0.5])))  # a sigmoid of the decoder
    errors = 2 * ((mean - [0.1, 0.4]) ** 2).sum()
    nll = errors / (2 * 0.1**2) + 4 * np.log(0.1 * np.sqrt(2 * np.pi))
    assert found["reconstruction_nll"] == pytest.approx(nll, rel=1e-5)
    assert found["commitment"] == pytest.approx(0.1**2 + 0.1**2, rel=1e-5)
    total = found["reconstruction_nll"] + found["commitment"]
    assert found["loss"] == pytest.approx(total)
    assert (found["usage"], found["perplexity"]) == pytest.approx((1, 2))
    expected = np.repeat(mean, 2).reshape((1, 2, 2, 1))
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-5)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_gradient_passes_straight_through(name):
    """That of the decoder at the code, times the slope of tanh for scalars."""
    model = vq_vae(QUANTIZERS[name]())
    quantizer = model.quantizer
    z = tf.constant(RNG.normal(size=(3, 4, 4, 2)), tf.float32)
    x = tf.constant(X[:3])

    def nll(vectors):
        raw = networks.apply(model.decoder, vectors)
        return -tf.reduce_sum(model._log_probability(x, raw))

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        made = quantizer.quantized(z)
        at_code = quantizer.decode(made.codes)
        tape.watch(at_code)
        through, direct = nll(made.values), nll(at_code)
    np.testing.assert_allclose(made.values, at_code, atol=1e-6)
    np.testing.assert_array_equal(quantizer.encode(z), made.codes)
    expected = tape.gradient(direct, at_code)
    if name == "scalar":
        with tf.GradientTape() as slope:
            slope.watch(z)
            bounded = quantizer._bounded(z) / quantizer._half()
        expected = expected * slope.gradient(bounded, z)
    found = tape.gradient(through, z)
    assert np.abs(found).max() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss_and_uses_the_codes():
    model = vq_vae(kg.VectorQuantizer(16, decay=0.9))
    model.compile(keras.optimizers.Adam(0.01))
    kinds = np.kron(RNG.random((4, 2, 2, 1)), np.ones((1, 4, 4, 1)))
    x = kinds[np.arange(32) % 4].astype("float32")
    history = model.fit(x, batch_size=16, epochs=15, verbose=0).history
    assert list(history)[:1] == ["commitment"]
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["perplexity"][-1] > 4
    figures = kg.metrics.evaluate(model, x)
    used = len(np.unique(model.encode(x))) / 16
    assert figures["codebook_usage"].value == used
    error = np.abs(model.reconstruct(x) - x).mean()
    assert figures["reconstruction_error"].value == pytest.approx(error, rel=1e-5)
    assert 1 < figures["codebook_perplexity"].value <= 16 * used + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vector", "residual"])
def test_a_saved_model_goes_on_as_if_never_saved(name, tmp_path, assert_same_state):
    model = vq_vae(QUANTIZERS[name]())
    model.compile("adam")
    model.fit(X, batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.latent == model.latent
    np.testing.assert_array_equal(again.encode(X), model.encode(X))
    for trained in (model, again):
        trained.fit(X, batch_size=16, epochs=2, verbose=0)
    assert_same_state(model, again)
    assert float(tf.reduce_sum(model.quantizer.uses)) > 0


@pytest.mark.parametrize("shape", [(16, 2), (4, 8, 8, 1)], ids=["series", "clips"])
def test_series_and_clips_have_codes(shape):
    model = vq_vae(shape=shape)
    x = RNG.normal(size=(6, *shape)).astype("float32")
    x = x if len(shape) == 2 else np.clip(np.abs(x), 0, 1)
    if not model.inputs.is_unit:
        model.scale.find(tf.constant(x))
    codes = model.encode(x)
    assert codes.shape[1:] == tuple(side // 2 for side in shape[:-1])
    expected = model.decode(codes)
    np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-5)
    found = model.log_likelihood(x, codes)
    if not model.inputs.is_unit:
        scale = 0.5 * x.std(axis=(0, 1))
        law = -0.5 * ((x - expected) / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(found, law.sum(axis=(1, 2)), rtol=1e-4)


def tokens(model, **options):
    size = model.latent.size
    how = {"width": 8, "depth": 1, "heads": 1, "context": size, "positions": "learned"}
    number = model.latent.num_codes
    network = networks.causal_transformer(number, **how, **options)
    return kg.Autoregressive(network, length=size, seed=0)


def pixels(model, **options):
    number = model.latent.num_codes
    shape, how = (*model.latent.shape, 1), {"filters": 4, "blocks": 1}
    how |= {"first_kernel_size": 3, "num_codes": number}
    network = networks.gated_pixel_cnn(shape, number, **how, **options)
    return kg.PixelAutoregressive(network, kg.Categorical(number), seed=0)


def shaken(prior):
    for weight in prior.trainable_weights:
        weight.assign_add(RNG.normal(0, 0.5, weight.shape))
    return prior


@pytest.mark.parametrize("make", [tokens, pixels])
def test_codes_have_probabilities_and_the_bound_is_below_the_sum_over_all(make):
    """log p(x) = log sum over codes of p(x | codes) p(codes), enumerated."""
    autoencoder = plain([-0.2, 0.1, 0.4])
    prior = shaken(make(autoencoder))
    model = kg.Latent(autoencoder, prior)
    every = np.array([*itertools.product(range(3), repeat=2)], "int32")
    log_prior = model.prior_log_prob(every.reshape((-1, 2, 1)))
    assert len(log_prior) == 9
    assert np.exp(log_prior).sum() == pytest.approx(1, abs=1e-5)
    x = RNG.random((5, 2, 2, 1)).astype("float32")
    whole = [
        autoencoder.log_likelihood(x, np.repeat(z.reshape((1, 2, 1)), 5, axis=0)) + p
        for z, p in zip(every, log_prior, strict=True)
    ]
    exact, bound = np.logaddexp.reduce(whole, axis=0), model.log_prob(x)
    chosen = [(every == z.reshape(2)).all(axis=1).argmax() for z in model.encode(x)]
    own = np.array(whole)[chosen, np.arange(5)]
    np.testing.assert_allclose(bound, own, rtol=1e-5)
    assert (bound < exact).all()
    bits = model.bits_per_dim(x)
    np.testing.assert_allclose(bits, 8 - bound / (4 * np.log(2)), rtol=1e-5)
    figures = kg.metrics.evaluate(model, x)
    assert figures["elbo"].value == pytest.approx(bound.mean(), rel=1e-5)
    assert figures["bits_per_dim"].value == pytest.approx(bits.mean(), rel=1e-5)


def test_bits_of_a_likelihood_with_levels_are_its_own():
    pair = networks.spatial_autoencoder(
        (8, 8, 1), 2, channels=(4,), blocks=0, values_per_channel=2
    )
    law = kg.DiscretizedLogistic(17)
    autoencoder = kg.VQVAE(*pair, kg.VectorQuantizer(4), likelihood=law, seed=0)
    model = kg.Latent(autoencoder, tokens(autoencoder))
    expected = -model.log_prob(X[:2]) / (64 * np.log(2))
    np.testing.assert_allclose(model.bits_per_dim(X[:2]), expected, rtol=1e-6)


def test_the_upper_half_stays_and_codes_are_drawn_below():
    autoencoder = plain([-0.2, 0.1, 0.4])
    prior = shaken(tokens(autoencoder, condition_size=2))
    model = kg.Latent(autoencoder, prior)
    x = RNG.random((1, 2, 2, 1)).astype("float32")
    how = {"condition": 1, "seed": 0, "num_samples": 500}
    done = model.complete_image(x, 1, **how)
    kept = np.broadcast_to(model.reconstruct(x)[:, :1], done[:, :1].shape)
    np.testing.assert_allclose(done[:, :1], kept, rtol=1e-5)
    given = [[int(model.encode(x)[0, 0, 0]), k] for k in range(3)]
    log_prob = prior.log_prob(given, condition=[1, 1, 1])
    expected = np.exp(log_prob - np.logaddexp.reduce(log_prob))
    greys = autoencoder.decode(np.repeat(np.arange(3), 2).reshape((3, 2, 1)))[:, 1, 0]
    shares = [(np.abs(done[:, 1, 0] - grey) < 1e-5).mean() for grey in greys]
    error = np.sqrt(expected * (1 - expected) / 500)
    assert (np.abs(shares - expected) < 5 * error + 1e-3).all()


def test_a_codebook_has_no_more_vectors_than_the_data():
    model = vq_vae(kg.VectorQuantizer(100))
    words = (
        r"num_codes must be at most 96, the number of vectors of 6 examples with 16 "
        r"places each, received 100\."
    )
    with pytest.raises(ValueError, match=words):
        model._get_ready(X[:6], None)
    model._get_ready(X[:7], None)
    model._get_ready(X[:2], None)  # it has seen more
    vq_vae(kg.FiniteScalarQuantizer((10, 10)))._get_ready(X[:6], None)


def test_codes_outside_the_codebook_are_named():
    model = vq_vae()
    codes = np.zeros((2, 4, 4), int)
    codes[1, 2, 3] = 8
    with pytest.raises(ValueError, match=r"z must hold .* \[0, 8\), received .*8\]"):
        model.decode(codes)
    with pytest.raises(ValueError, match=r"received .*\[-1, 0\]"):
        model.decode(np.where(codes, -1, 0))
    with pytest.raises(ValueError, match="codes have no values between them"):
        model.interpolate(X[:2], X[2:4], 3)


def vectors():
    dense = [layers.Dense(4), layers.Dense(5)]
    inputs = keras.Input((5,)), keras.Input((4,))
    return [keras.Model(i, layer(i)) for i, layer in zip(inputs, dense, strict=True)]


REFUSED = {
    "no places": (
        lambda: kg.VQVAE(*vectors()),
        ValueError,
        r"a vector at each of many places, .*received \(4,\)",
    ),
    "another width": (
        lambda: vq_vae(kg.FiniteScalarQuantizer((3, 3, 3))),
        ValueError,
        "quantizes vectors of 3 values, received 2",
    ),
    "no quantizer": (
        lambda: vq_vae(7),
        TypeError,
        "quantizer must be a Quantizer, received 7",
    ),
    "a prior of fewer codes": (
        lambda: kg.Latent(vq_vae(), tokens(vq_vae(kg.VectorQuantizer(5)))),
        ValueError,
        "an Autoregressive model of 8 tokens and length=16",
    ),
}


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_the_spatial_networks_take_odd_sides_and_are_those_of_a_vae_too():
    how = {"channels": (4, 8), "blocks": 1}
    pair = networks.spatial_autoencoder((9, 14, 3), 2, statistics=2, **how)
    assert kg.VAE(*pair).latent.shape == (3, 4, 2)
    assert pair[1].output_shape == (None, 9, 14, 3)
    with pytest.raises(ValueError, match=r"of at least 8x8, received \(7, 9, 1\)"):
        networks.spatial_autoencoder((7, 9, 1), 2)
    with pytest.raises(ValueError, match="code_size must be > 0, received 0"):
        networks.spatial_autoencoder((8, 8, 1), 0)


def test_the_kind_of_latent_is_of_codes():
    assert vq_vae().latent == specs.Codes((4, 4), 8)
    assert vq_vae(kg.VectorQuantizer(8, levels=3)).latent == specs.Codes((4, 4, 3), 8)
    assert vq_vae(QUANTIZERS["scalar"]()).latent == specs.Codes((4, 4), 12)
    own = [c for c in kg.VQVAE.__mro__ if c.__module__.startswith("keras_gen")]
    assert len(own) <= 5

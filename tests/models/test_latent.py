"""A prior over the latent values of another model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import networks, specs
from keras_gen.random import normal, row_seeds
from keras_gen.rows import run_rows

from ..marks import but_slow

RNG = np.random.default_rng(0)
X = RNG.random((48, 8, 8, 1)).astype("float32")
SMALL = {"units": (8,)}
SIGMA = 0.5


@keras.saving.register_keras_serializable("test_latent")
class Halves(kg.capabilities.Encodes, kg.GenerativeModel):
    """Images of 2x2 by codes of three levels; it only counts how often it encodes."""

    calls = 0

    def __init__(self, **kwargs):
        super().__init__(specs.Images(2, 2), latent=specs.Codes((2, 2), 3), **kwargs)

    def encode(self, x, *, condition=None):
        type(self).calls += 1
        return run_rows(self, self.levels, {"x": (x, self.inputs)})

    def decode(self, z, *, condition=None):
        return run_rows(self, self.greys, {"z": (z, self.latent)})

    def levels(self, x):
        return tf.cast(tf.round(2 * x[..., 0]), tf.int32)

    def greys(self, z):
        return tf.cast(z, tf.float32)[..., None] / 2


def vae(**options):
    return kg.VAE(*networks.mlp_vae((8, 8, 1), 2, units=(8,)), seed=0, **options)


def plain():
    return kg.Autoencoder(*networks.mlp_autoencoder((8, 8, 1), 2, units=(8,)), seed=0)


def flow(**options):
    return kg.Flow(bj.real_nvp(2, **SMALL), specs.Latents((2,)), seed=0, **options)


def tokens(vocabulary_size=3, context=4, **options):
    network = networks.causal_transformer(
        vocabulary_size, width=8, depth=1, heads=1, context=context, **options
    )
    return kg.Autoregressive(network, seed=0)


PRIORS = {
    "flow": flow,
    "diffusion": lambda: kg.Diffusion(
        networks.mlp_denoiser((2,), **SMALL), inputs=specs.Latents((2,)), seed=0
    ),
    "vae": lambda: kg.VAE(
        *networks.mlp_vae((2,), 1, **SMALL), inputs=specs.Latents((2,)), seed=0
    ),
    "gan": lambda: kg.GAN(
        *networks.mlp_gan((2,), 2, generator_units=(8,), discriminator_units=(8,)),
        inputs=specs.Latents((2,)),
        seed=0,
    ),
}


def compiled(model, rate=0.01):
    players = 2 if isinstance(model.prior, kg.GAN) else 1
    model.compile(
        *(keras.optimizers.Adam(rate) for _ in range(players)), jit_compile=False
    )
    return model


def fit(model, x=X, **options):
    return model.fit(x, batch_size=16, verbose=0, **options).history


@pytest.mark.parametrize("name", PRIORS)
def test_samples_are_those_of_the_prior_decoded(name):
    model = compiled(kg.Latent(vae(), PRIORS[name]()))
    fit(model, epochs=2)
    seeds = row_seeds(3, 4)
    expected = model.autoencoder.decode(model.prior.sample_rows(seeds))
    np.testing.assert_allclose(model.sample(4, seed=3), expected, atol=1e-5)
    noise = normal(seeds, model.noise.shape).numpy()
    expected = model.autoencoder.decode(model.prior.generate(noise))
    np.testing.assert_allclose(model.generate(noise), expected, atol=1e-5)


def test_fit_trains_the_prior_alone_on_codes_that_are_computed_once():
    autoencoder, prior = Halves(), tokens()
    x = (RNG.integers(0, 3, (64, 2, 2, 1)) / 2).astype("float32")
    model = compiled(kg.Latent(autoencoder, prior))
    Halves.calls = 0
    first, second = fit(model, x, epochs=2), fit(model, x, epochs=20)
    assert Halves.calls == 1
    assert second["loss"][-1] < first["loss"][0]
    assert model.training_steps == 4 * 22
    found = model.evaluate(x, verbose=0)
    codes = autoencoder.encode(x).reshape(-1, 4)
    expected = -prior.log_prob(codes).mean() / 4
    assert found == pytest.approx(expected, rel=1e-5)


def test_codes_are_computed_again_if_the_autoencoder_has_changed():
    autoencoder, prior = plain(), flow()
    model = compiled(kg.Latent(autoencoder, prior))
    model.fit(X, verbose=0)
    autoencoder.set_weights([2 * w for w in autoencoder.get_weights()])
    found = model.evaluate(X, verbose=0)
    expected = -prior.log_prob(autoencoder.encode(X)).mean()
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_prior_alone_takes_the_same_steps():
    weights = None
    autoencoder, histories = plain(), []
    for together in (True, False):
        prior = flow()
        weights = weights or prior.get_weights()
        prior.set_weights(weights)
        model = compiled(kg.Latent(autoencoder, prior))
        before = autoencoder.get_weights()
        if together:
            histories.append(fit(model, epochs=3)["loss"])
        else:
            prior.compile(keras.optimizers.Adam(0.01))
            codes = autoencoder.encode(X)
            history = prior.fit(codes, batch_size=16, epochs=3, verbose=0).history
            histories.append(history["loss"])
        for a, b in zip(before, autoencoder.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.mark.parametrize("name", but_slow(["flow", "diffusion"], ["diffusion"]))
def test_a_saved_model_goes_on_as_if_never_saved(name, tmp_path):
    model = compiled(kg.Latent(vae(), PRIORS[name]()))
    fit(model, epochs=2)
    model.save(tmp_path / "latent.keras")
    again = keras.saving.load_model(tmp_path / "latent.keras")
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.sample(3, seed=1), model.sample(3, seed=1))
    for trained in (model, again):
        fit(trained, epochs=2)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.training_steps == model.training_steps == 12


def streams():
    yield tf.data.Dataset.from_tensor_slices(X).batch(16)
    yield ((X[i : i + 16],) for i in (0, 16, 32))


STREAMS = but_slow(
    dict(zip(("tf.data", "generator"), streams(), strict=True)), ["generator"]
)


@pytest.mark.parametrize("stream", STREAMS)
def test_streams_are_encoded_batch_by_batch(stream):
    prior = flow()
    model = compiled(kg.Latent(plain(), prior))
    prior.initialize(model.encode(X))
    expected = flow()
    expected.set_weights(prior.get_weights())
    expected.compile(keras.optimizers.Adam(0.01))
    loss = model.fit(stream, verbose=0)
    codes = model.encode(X)
    other = expected.fit(codes, batch_size=16, shuffle=False, verbose=0)
    assert loss.history["loss"] == pytest.approx(other.history["loss"], rel=1e-4)


def test_the_prior_learns_what_the_posterior_gives_over_all_examples():
    """Means of deviation 1 and a posterior of 2: the prior's is the root of 5."""
    encoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    kernel = np.concatenate([np.eye(2), np.zeros((2, 2))], axis=1)
    encoder.layers[0].set_weights([kernel, np.log([1.0, 1.0, 4.0, 4.0])])
    autoencoder = kg.VAE(encoder, decoder, likelihood=kg.Gaussian(SIGMA), seed=0)
    model = compiled(kg.Latent(autoencoder, flow()), rate=1e-4)
    x = np.random.default_rng(1).normal(size=(6000, 2)).astype("float32")
    history = model.fit(
        x, batch_size=500, epochs=2, validation_data=(x[:3000], None), verbose=0
    ).history
    entropy = 2 * stats.norm(scale=np.sqrt(5)).entropy()  # of the means: 2.84
    for name in ("loss", "val_loss"):
        assert history[name][-1] == pytest.approx(entropy, abs=0.06), name
    found = model.evaluate(x[:3000], verbose=0, batch_size=500)
    assert found == pytest.approx(history["val_loss"][-1], rel=0.02)
    np.testing.assert_allclose(model.encode(x), x, atol=1e-5)


def test_with_the_exact_posterior_the_bound_is_the_likelihood():
    """A linear decoder and its posterior: log p(x | z) + log p(z) - log q(z | x)."""
    weights = RNG.normal(size=(2, 3)).astype("float32")
    precision = np.eye(2) + weights @ weights.T / SIGMA**2
    basis = np.linalg.eigh(precision)[1].astype("float32")
    weights = basis.T @ weights  # the posterior is then diagonal
    covariance = np.linalg.inv(np.eye(2) + weights @ weights.T / SIGMA**2)
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    decoder.layers[0].set_weights([weights, np.zeros(3)])
    kernel = np.zeros((3, 4))
    kernel[:, :2] = weights.T @ covariance / SIGMA**2
    bias = np.concatenate([np.zeros(2), np.log(np.diag(covariance))])
    encoder.layers[0].set_weights([kernel, bias])
    autoencoder = kg.VAE(encoder, decoder, likelihood=kg.Gaussian(SIGMA), seed=0)
    base = kg.Flow([bj.Permutation("reverse")], specs.Latents((2,)), seed=0)
    model = kg.Latent(autoencoder, base)
    x = RNG.normal(size=(20, 3)).astype("float32")
    law = stats.multivariate_normal(cov=weights.T @ weights + SIGMA**2 * np.eye(3))
    for seed in (0, 1):
        found = model.log_prob(x, seed=seed)
        np.testing.assert_allclose(found, law.logpdf(x), atol=2e-4)


def test_the_bound_lies_below_the_importance_sampled_one():
    """By as much as q(z | x) differs from the exact posterior."""
    model = kg.Latent(autoencoder := vae(), kg.StandardNormal())
    bounds = [model.log_prob(X[:12], seed=seed) for seed in range(20)]
    below = np.mean(bounds, axis=0)
    evidence = autoencoder.importance_log_prob(X[:12], 1000, seed=1)
    gap, error = evidence - below, np.std(bounds, axis=0) / np.sqrt(20)
    assert (gap > -3 * error).all()
    assert gap.mean() > 5 * np.mean(error) / np.sqrt(12)


def test_codes_have_the_probabilities_of_the_prior():
    prior = tokens(context=4)
    rng = np.random.default_rng(1)
    for weight in prior.trainable_weights:
        weight.assign_add(rng.normal(0, 0.5, weight.shape))
    model = kg.Latent(Halves(), prior)
    samples = model.sample(4000, seed=0)
    codes = model.encode(samples).reshape(-1, 4)
    every = np.stack(np.meshgrid(*4 * [range(3)], indexing="ij"), -1).reshape(-1, 4)
    expected = np.exp(prior.log_prob(every))
    counts = np.bincount(codes @ 3 ** np.arange(3, -1, -1), minlength=81)
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(counts / 4000 - expected) < 5 * error + 1e-3).all()
    noise = normal(row_seeds(0, 4), (4,)).numpy()
    np.testing.assert_array_equal(model.generate(noise), samples[:4])


def test_a_conditional_prior_is_told_the_condition():
    labels = np.arange(48) % 3
    model = compiled(kg.Latent(vae(), flow(condition=specs.Classes(3))))
    model.fit(X, labels, batch_size=16, verbose=0)
    made = [model.sample(3, seed=0, condition=k) for k in (0, [0, 0, 0], 2)]
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 1e-4
    with pytest.raises(ValueError, match="labels of x are missing"):
        model.fit(X, verbose=0)


def test_sample_takes_what_the_prior_s_sample_takes():
    diffusion = PRIORS["diffusion"]()
    model = kg.Latent(vae(), diffusion)
    how = {"num_steps": 3, "solver": "euler", "seed": 5}
    expected = model.autoencoder.decode(diffusion.sample(4, **how))
    made = model.sample(4, **how)
    np.testing.assert_allclose(made, expected, atol=1e-5)
    assert np.abs(made - model.sample(4, seed=5)).max() > 1e-3
    sampling = diffusion.sampling.changed(num_steps=3, solver="euler")
    np.testing.assert_array_equal(model.sample(4, sampling=sampling, seed=5), made)
    diffusion.sampling = sampling
    np.testing.assert_array_equal(model.sample(4, seed=5), made)
    with pytest.raises(TypeError, match="unknown argument 'steps'. It takes condition"):
        model.sample(4, steps=10)
    with pytest.raises(ValueError, match="num_steps must be > 0"):
        model.sample(4, num_steps=0)
    with pytest.raises(ValueError, match="guidance_scale requires a conditional model"):
        model.sample(4, guidance_scale=2.0)
    with pytest.raises(TypeError, match="unknown argument 'mean'"):
        kg.Latent(plain(), flow()).sample(2, mean=True)


def test_sample_takes_a_guidance_scale():
    network = networks.mlp_denoiser((2,), **SMALL, num_classes=3)
    diffusion = kg.Diffusion(network, inputs=specs.Latents((2,)), seed=0)
    model = kg.Latent(vae(), diffusion)
    scales = np.array([0.0, 2.0, 4.0])
    for scale in (3.0, scales):
        how = {"condition": 1, "guidance_scale": scale, "seed": 5, "num_steps": 4}
        expected = model.autoencoder.decode(diffusion.sample(3, **how))
        np.testing.assert_allclose(model.sample(3, **how), expected, atol=1e-5)


def test_a_model_that_only_encodes_has_a_reconstruction_error():
    x = RNG.random((50, 2, 2, 1)).astype("float32")
    expected = np.abs(np.round(2 * x) / 2 - x).mean()
    figure = kg.metrics.evaluate(Halves(), x)["reconstruction_error"]
    assert figure.value == pytest.approx(expected, rel=1e-5)
    assert figure.unit == "data units"
    bytes_ = np.round(255 * x).astype("uint8")
    figure = kg.metrics.evaluate(Halves(), bytes_)["reconstruction_error"]
    assert figure.value == pytest.approx(expected, abs=0.01)
    x = X[:, ::4, ::4]
    latent = kg.Latent(Halves(), tokens())
    figures = kg.metrics.evaluate(latent, x)
    counts = np.bincount(latent.encode(x).reshape(-1), minlength=3)
    assert figures["codebook_usage"].value == (counts > 0).mean()
    entropy = stats.entropy(counts / counts.sum())
    perplexity = figures["codebook_perplexity"].value
    assert perplexity == pytest.approx(np.exp(entropy))
    assert len(figures) == 3


def test_codes_are_drawn_at_a_temperature_and_not_interpolated():
    model = kg.Latent(Halves(), tokens())
    cold = model.sample(40, seed=1, temperature=1e-4)
    assert np.ptp(cold, axis=0).max() == 0
    assert np.ptp(model.sample(40, seed=1, temperature=1.0), axis=0).max() > 0
    mixed = model.sample(2, seed=1, temperature=[1e-4, 1.0])
    np.testing.assert_array_equal(mixed[0], cold[0])
    np.testing.assert_array_equal(mixed[1], model.sample(2, seed=1)[1])
    with pytest.raises(ValueError, match="temperature must be > 0"):
        model.sample(2, temperature=0.0)
    with pytest.raises(TypeError, match="'top_k'. It takes .*, temperature"):
        model.sample(2, top_k=3)
    with pytest.raises(ValueError, match="codes have no values between them"):
        model.interpolate(cold[:2], cold[2:4], 3)


REFUSED = {
    "a GAN encodes nothing": (
        lambda: kg.Latent(PRIORS["gan"](), flow()),
        TypeError,
        "autoencoder must encode and decode",
    ),
    "no prior": (
        lambda: kg.Latent(vae(), Halves()),
        TypeError,
        "prior must generate",
    ),
    "another shape": (
        lambda: kg.Latent(vae(), kg.Flow(bj.real_nvp(2, **SMALL), (3,))),
        ValueError,
        r"prior must take the autoencoder's latent values, Latents\(dims=\(2,\)\)",
    ),
    "another number of codes": (
        lambda: kg.Latent(Halves(), tokens(4)),
        ValueError,
        "an Autoregressive model of 3 tokens and length=4",
    ),
    "another length": (
        lambda: kg.Latent(Halves(), tokens(3, 5)),
        ValueError,
        "length=4, one per code",
    ),
}


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def mixture_of(codes, components=3):
    return kg.GaussianMixture.fitted(codes, components, seed=4)


def test_the_density_of_an_autoencoder_is_the_simplest_prior():
    pair = networks.mlp_autoencoder((8, 8, 1), 2, units=(8,))
    autoencoder = kg.Autoencoder(*pair, latent_components=3, seed=0)
    autoencoder.fit_latent_density(X, seed=4)
    model = kg.Latent(autoencoder, mixture_of(autoencoder.encode(X)))
    expected = autoencoder.sample(5, seed=3)
    np.testing.assert_allclose(model.sample(5, seed=3), expected, atol=1e-6)
    noise = normal(row_seeds(3, 5), model.noise.shape).numpy()
    np.testing.assert_allclose(autoencoder.generate(noise), expected, atol=1e-6)
    np.testing.assert_allclose(model.generate(noise), expected, atol=1e-6)
    model.compile("adam")
    with pytest.raises(ValueError, match="must have trainable weights"):
        model.fit(X, verbose=0)


def test_a_known_prior_bounds_the_likelihood_and_is_saved(tmp_path):
    autoencoder = vae()
    model = kg.Latent(autoencoder, kg.StandardNormal())
    elbo = [autoencoder.elbo(X, seed=s).mean() for s in range(8)]
    bound = [model.log_prob(X, seed=s).mean() for s in range(8)]
    np.testing.assert_allclose(np.mean(elbo), np.mean(bound), atol=0.3)
    model = kg.Latent(autoencoder, mixture_of(autoencoder.encode(X)))
    model.save(tmp_path / "latent.keras")
    again = keras.saving.load_model(tmp_path / "latent.keras")
    np.testing.assert_allclose(again.log_prob(X), model.log_prob(X), rtol=1e-5)
    with pytest.raises(ValueError, match="dimension 2, received latent_dim=3"):
        kg.Latent(
            kg.VAE(*networks.mlp_vae((8, 8, 1), 3, units=(8,))), mixture_of(X[:, 0, :2])
        )


def pixels(levels=3, shape=(2, 2, 1), build=networks.gated_pixel_cnn, **options):
    options = {"filters": 8, "blocks": 2, "first_kernel_size": 3, **options}
    network = build(shape, levels, **options)
    return kg.PixelAutoregressive(network, kg.Categorical(levels), seed=0)


def unordered():
    return pixels(build=networks.pixel_cnn, num_codes=3)


@pytest.mark.parametrize("make", [tokens, pixels, unordered])
def test_codes_are_completed(make):
    """Kept codes stay; the rest follows the prior's probabilities, given them."""
    prior = make()
    rng = np.random.default_rng(1)
    for weight in prior.trainable_weights:
        weight.assign_add(rng.normal(0, 0.5, weight.shape))
    model = kg.Latent(Halves(), prior)
    assert isinstance(model, kg.capabilities.CompletesImages)
    x = np.float32([[1.0, 0.5], [0.0, 0.0]])[None, ..., None]
    made = model.complete_image(x, 1, seed=5, num_samples=4000)
    codes = model.encode(made).reshape(-1, 4)
    np.testing.assert_array_equal(codes[:, :2], np.tile([[2, 1]], (4000, 1)))
    rest = np.array([[2, 1, a, b] for a in range(3) for b in range(3)])
    scored = rest if make is tokens else rest.reshape(-1, 2, 2, 1) / np.float32(2)
    joint = np.exp(prior.log_prob(scored))
    expected = joint / joint.sum()
    counts = np.bincount(codes[:, 2] * 3 + codes[:, 3], minlength=9) / 4000
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(counts - expected) < 5 * error + 1e-3).all()
    np.testing.assert_array_equal(
        model.complete_image(np.repeat(x, 6, 0), 0, seed=9), model.sample(6, seed=9)
    )
    np.testing.assert_array_equal(model.complete_image(x, 2, seed=5), x)
    cold = model.complete_image(x, 1, seed=5, num_samples=50, temperature=1e-3)
    table = joint.reshape(3, 3)
    likely = table.sum(axis=1).argmax()
    expected = np.tile([[2, 1, likely, table[likely].argmax()]], (50, 1))
    np.testing.assert_array_equal(model.encode(cold).reshape(-1, 4), expected)
    for wrong, words in (
        (3, "kept must be in .0, 2., received 3"),
        (1.5, "one integer or 1"),
    ):
        with pytest.raises(ValueError, match=words):
            model.complete_image(x, wrong)


def test_codes_have_no_order_to_a_network_that_sees_them_one_hot():
    """Renumbering codes, and the weights that read them, changes nothing."""
    network, rng = pixels(num_codes=3).network, np.random.default_rng(0)
    for weight in network.weights:
        weight.assign_add(rng.normal(0, 0.3, weight.shape))
    codes, order = rng.integers(0, 3, (8, 2, 2, 1)), np.array([2, 0, 1])
    seen, renumbered = (c.astype("float32") / 2 for c in (codes, order[codes]))
    expected = network(seen).numpy()
    readers = [layer for layer in network.layers if getattr(layer, "strict", False)]
    assert len(readers) == 2
    for layer in readers:
        layer.kernel.assign(layer.kernel.numpy()[..., np.argsort(order), :])
    np.testing.assert_allclose(network(renumbered), expected, atol=1e-6)
    assert np.abs(network(seen) - expected).max() > 0.01


def test_a_prior_of_pixels_draws_codes_with_its_own_probabilities():
    model = compiled(kg.Latent(Halves(), pixels()))
    x = (RNG.integers(0, 3, (64, 2, 2, 1)) / 2).astype("float32")
    history = fit(model, x, epochs=3)["loss"]
    assert history[-1] < history[0]
    levels = model.prior.log_prob(x)
    found = model.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(-levels.mean(), rel=1e-5)
    expected = model.prior.sample(6, seed=2)
    np.testing.assert_array_equal(model.sample(6, seed=2), expected)

"""Losses of reconstructions by features and by a game of patches."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks, specs
from keras_gen.games import adaptive_weight, last_kernel
from keras_gen.random import batch_noise

from .marks import but_slow

RNG = np.random.default_rng(0)
X = RNG.random((16, 8, 8, 1)).astype("float32")
HOW = {"channels": (4,), "blocks": 0}


def features(seed=0):
    keras.utils.set_random_seed(seed)
    return networks.conv_features((8, 8, 1), 4, channels=(4, 4))


def judge(seed=1):
    keras.utils.set_random_seed(seed)
    return networks.patch_discriminator((8, 8, 1), channels=(4,))


def vae(seed=2, **options):
    keras.utils.set_random_seed(seed)
    pair = networks.spatial_autoencoder((8, 8, 1), 2, **HOW, statistics=2)
    objective = kg.ELBO(beta=1e-3)
    how = {"likelihood": kg.Gaussian(0.1), "objective": objective, "seed": 0}
    return kg.VAE(*pair, **how, **options)


def vq_vae(seed=2, **options):
    keras.utils.set_random_seed(seed)
    pair = networks.spatial_autoencoder((8, 8, 1), 2, **HOW)
    return kg.VQVAE(*pair, kg.VectorQuantizer(4), seed=0, **options)


def both(start=0):
    game = kg.PatchGame(judge(), start=start, weight=0.7)
    return {"perceptual": kg.FeatureLoss(features()), "adversarial": game}


def fit(model, epochs=1, rate=0.01):
    if not model.compiled:
        model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    return model.fit(X, batch_size=8, epochs=epochs, verbose=0).history


def assert_equal_weights(a, b):
    for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_images_have_no_distance_in_features():
    loss = kg.FeatureLoss(features())
    assert loss(X, X).numpy().tolist() == [0.0] * 16
    assert (loss(X, X[::-1].copy()).numpy() > 0.001).all()


def test_the_distance_is_that_of_directions_of_features():
    """At one of four places the directions are orthogonal, which is 2 / 4."""
    layer = keras.layers.Conv2D(2, 1, use_bias=False, name="first")
    network = keras.Sequential([keras.Input((2, 2, 2)), layer])
    layer.set_weights([np.eye(2).reshape(1, 1, 2, 2)])
    x, made = (np.ones((1, 2, 2, 2), np.float32) for _ in range(2))
    x[0, 0, 0], made[0, 0, 0], made[0, 1, 1] = (0, 1), (3, 0), (5, 5)
    loss = kg.FeatureLoss(network, layers=["first"], weight=0.5)
    assert float(loss(x, made)[0]) == pytest.approx(0.5, abs=1e-5)
    terms = loss.added({"loss": tf.constant(1.0)}, tf.constant(x), tf.constant(made))
    assert float(terms["features"]) == pytest.approx(0.5 * 8 * 0.5, abs=1e-4)
    assert float(terms["loss"]) == pytest.approx(3.0, abs=1e-4)


def test_the_adaptive_weight_is_the_ratio_of_the_norms():
    found = adaptive_weight(tf.constant([[3.0], [4.0]]), tf.constant([[0.0], [2.0]]))
    assert float(found) == pytest.approx(5 / (2 + 1e-4))
    assert float(adaptive_weight(tf.ones(4), tf.zeros(4))) == 1e4, "at most"
    model = vae()
    kernel = last_kernel(model.decoder)
    assert kernel.shape == model.decoder.layers[-1].kernel.shape


@pytest.mark.parametrize("make", [vae, vq_vae])
def test_the_autoencoder_follows_the_sum_of_all_losses(make):
    """The gradient is that of the plain sum, with the weight of eq. 7."""
    model = make(**both())
    noise, x = batch_noise(0, tf.constant(X), tf.constant(0)), tf.constant(X)
    weights = [*model.encoder.trainable_weights, *model.decoder.trainable_weights]
    plain = make()
    for weight, other in zip(
        [w for n in (plain.encoder, plain.decoder) for w in n.weights],
        [w for n in (model.encoder, model.decoder) for w in n.weights],
        strict=True,
    ):
        weight.assign(other)
    model.compile()
    with tf.GradientTape() as tape:
        turns = model.turns(x, None, noise, training=False)
        (_, terms), (_, last) = turns
    found = tape.gradient(terms["loss"], [w.value for w in weights])
    own = [*plain.encoder.trainable_weights, *plain.decoder.trainable_weights]
    kernel = last_kernel(plain.decoder)
    game, images = model.adversarial, model.scale.inward(x)
    with tf.GradientTape(persistent=True) as tape:
        parts, _, made = plain._reconstructed(x, None, noise, training=False)
        distance = tf.reduce_mean(model.perceptual(images, made))
        loss = parts["loss"] + 64 * distance
        fooled = -tf.reduce_mean(game.discriminator(2 * made - 1))
    share = 0.7 * adaptive_weight(
        tape.gradient(loss, kernel), tape.gradient(fooled, kernel)
    )
    assert float(terms["adaptive_weight"]) == pytest.approx(float(share), rel=1e-4)
    assert float(terms["adversarial"]) == pytest.approx(float(fooled), rel=1e-4)
    assert float(terms["features"]) == pytest.approx(64 * float(distance), rel=1e-4)
    expected = tape.gradient(loss, [w.value for w in own])
    pulled = tape.gradient(fooled, [w.value for w in own])
    for gradient, a, b in zip(found, expected, pulled, strict=True):
        np.testing.assert_allclose(gradient, a + share * b, rtol=1e-3, atol=1e-4)
    real, fake = (game.discriminator(2 * v - 1) for v in (images, made))
    hinge = tf.nn.relu(1 - real) + tf.nn.relu(1 + fake)
    assert float(last["discriminator_loss"]) == pytest.approx(
        float(tf.reduce_mean(hinge)), rel=1e-4
    )


def test_the_game_begins_at_its_step():
    model, plain = vae(**both(start=3)), vae(perceptual=kg.FeatureLoss(features()))
    before = model.adversarial.discriminator.get_weights()
    history = fit(model)
    fit(plain)
    for name in ("encoder", "decoder"):
        pairs = zip(
            getattr(model, name).get_weights(),
            getattr(plain, name).get_weights(),
            strict=True,
        )
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    after = model.adversarial.discriminator.get_weights()
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("adversarial", "adaptive_weight", "discriminator_loss"):
        assert history[name] == [0.0]
    history = fit(model, epochs=2)
    assert history["adaptive_weight"][0] > 0
    assert history["discriminator_loss"][0] > 0
    after = model.adversarial.discriminator.get_weights()
    assert (before[0] != after[0]).any()
    assert {"discriminator_gradient_norm", "autoencoder_gradient_norm"} <= {*history}
    found = model.evaluate(X, batch_size=16, verbose=0, return_dict=True)
    total = found["reconstruction_nll"] + 1e-3 * found["kl"] + found["features"]
    total += found["adaptive_weight"] * found["adversarial"]
    assert found["loss"] == pytest.approx(total, rel=1e-5)


def test_features_do_not_change_and_are_a_copy():
    network = features()
    loss = kg.FeatureLoss(network)
    model, before = vae(perceptual=loss), network.get_weights()
    trained = {id(w) for w in model.trainable_variables}
    assert not trained & {id(w) for w in loss.weights}
    history = fit(model, epochs=2)
    for a, b in zip(before, loss.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history["features"][1] < history["features"][0]
    assert network.trainable
    assert len(network.trainable_weights) == len(network.weights)
    with tf.GradientTape() as tape:
        terms = model.loss_terms(
            tf.constant(X), None, batch_noise(0, X, 0), training=True
        )
    slopes = tape.gradient(terms["loss"], [w.value for w in loss.weights])
    assert slopes == [None] * len(slopes)


@pytest.mark.parametrize("make", but_slow({"vae": vae, "vq_vae": vq_vae}, ["vq_vae"]))
def test_a_saved_model_goes_on_as_if_never_saved(make, tmp_path):
    model = make(**both(start=3))
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_equal_weights(model, again)
    for trained in (model, again):
        fit(trained, epochs=2)
    assert_equal_weights(model, again)
    assert again.perceptual.layers == model.perceptual.layers
    assert again.adversarial.start == 3
    counts = [int(o.iterations) for o in again.optimizer.players]
    assert counts == [6, 6]


def test_a_prior_is_trained_without_the_judges():
    pair = networks.mlp_vae((8, 8, 1), 2, units=(4,))
    autoencoder = kg.VAE(*pair, **both(), seed=0)
    prior = kg.Flow(kg.bijectors.real_nvp(2, units=(4,)), specs.Latents((2,)), seed=0)
    model = kg.Latent(autoencoder, prior)
    before = autoencoder.get_weights()
    model.compile("adam", jit_compile=False)
    model.fit(X, verbose=0)
    for a, b in zip(before, autoencoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("make", [vae, vq_vae])
def test_artifacts_hold_neither_features_nor_discriminator(make, tmp_path):
    sizes = {}
    for name, how in {"plain": {}, "judged": both()}.items():
        model = make(**how)
        served = kg.export.saved_model(model, tmp_path / name, examples=X)
        phone = tmp_path / f"{name}.tflite"
        kg.export.tflite(model, phone, examples=X)
        (found,) = kg.export.check(served).values()
        assert max(facts["error"] for facts in found.values()) < 1e-5
        (index,) = served.rglob("variables.index")
        weights = tf.train.list_variables(str(index.with_suffix("")))
        shapes = sorted(shape for _, shape in weights)
        sizes[name] = shapes, phone.stat().st_size, sorted(found)
    (a, b, names), (c, d, others) = sizes["plain"], sizes["judged"]
    assert names == others
    assert a == c, "the same weights"
    assert b == pytest.approx(d, rel=0.01)


REFUSED = {
    "vectors": (
        lambda: kg.VAE(
            *networks.mlp_vae((4,), 2, units=(4,)),
            perceptual=kg.FeatureLoss(features()),
        ),
        r"perceptual must judge examples in \[0, 1\] of the model's shape",
    ),
    "another shape": (
        lambda: vae(adversarial=kg.PatchGame(networks.patch_discriminator((9, 9, 1)))),
        r"adversarial must judge .* received a network of \(9, 9, 1\) for Images",
    ),
    "squashed": (
        lambda: kg.PatchGame(
            keras.Sequential(
                [keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, activation="relu")]
            )
        ),
        "discriminator must return raw values",
    ),
    "no such layer": (
        lambda: kg.FeatureLoss(features(), layers=["nowhere"]),
        "layers must name layers with weights .* received nowhere. The network has",
    ),
    "no places": (
        lambda: kg.FeatureLoss(networks.mlp((4,), (2,), units=(4,))),
        "received none. The network has none",
    ),
    "start": (lambda: kg.PatchGame(judge(), start=-1), "start must be"),
    "weight": (lambda: kg.FeatureLoss(features(), weight=-1.0), "weight must be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()


def test_another_kind_of_loss_is_refused():
    for name, value in itertools.product(("perceptual", "adversarial"), ("l1", 3)):
        with pytest.raises(TypeError, match=f"{name} must be"):
            vae(**{name: value})

"""An adversarial autoencoder: losses on hand values, who moves what, state."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.random import RowNoise, row_seeds

RNG = np.random.default_rng(0)
X = np.random.default_rng(1).random((32, 4, 4, 1), "float32")


def judge(slope=None):
    """A discriminator; of logits slope * (z1 + z2) if a slope is given."""
    if slope is None:
        return kg.networks.mlp((2,), (1,), units=(6,))
    layer = keras.layers.Dense(1, use_bias=False)
    network = keras.Sequential([keras.Input((2,)), layer])
    layer.set_weights([np.full((2, 1), slope, "float32")])
    return network


def adversarial(discriminator=None, **options):
    random.seed(0)
    networks = kg.networks.mlp_vae((4, 4, 1), 2, units=(8,))
    game = kg.LatentGame(discriminator or judge(), **options)
    objective = kg.ELBO(beta=0.0)
    return kg.VAE(*networks, objective=objective, adversarial=game, seed=0)


def turns(model):
    noise = RowNoise(row_seeds(0, 32), 0)
    found = model.turns(tf.constant(X), None, noise, training=False)
    evidence = model._evidence(tf.constant(X), None, model._posterior.noise(noise, 1))
    prior = model.prior.from_noise(noise.normal((2,), 4))
    return [*found], evidence.draws.z[0].numpy(), prior.numpy()


def test_losses_are_those_of_a_hand_calculation():
    model = adversarial(judge(0.7), weight=3.0)
    both, z, prior = turns(model)
    (first, terms), (second, lost) = both
    assert (first, second) == ("autoencoder", "discriminator")
    fake, real = 0.7 * z.sum(axis=1), 0.7 * prior.sum(axis=1)
    fooled = np.log1p(np.exp(-fake)).mean()
    assert float(terms["adversarial"]) == pytest.approx(fooled, rel=1e-4)
    expected = float(terms["reconstruction_nll"]) + 3 * fooled  # without a KL term
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-5)
    caught = (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))).mean()
    assert float(lost["discriminator_loss"]) == pytest.approx(caught, rel=1e-4)
    both, _, _ = turns(adversarial(judge(0.0)))
    lost = float(both[1][1]["discriminator_loss"])
    assert lost == pytest.approx(np.log(4), rel=1e-6)  # at zero logits


def test_each_player_follows_its_own_loss_and_is_saved(tmp_path):
    model = adversarial()
    with pytest.raises(TypeError, match="autoencoder_optimizer"):
        model.compile(encoder_optimizer="sgd")
    still = keras.optimizers.SGD(0.0)
    model.compile("sgd", discriminator_optimizer=still, run_eagerly=True)
    before = [[w.numpy() for w in n.weights] for n in parts(model)]
    history = model.fit(X, batch_size=16, verbose=0).history
    names = {"loss", "adversarial", "discriminator_loss", "elbo", "kl"}
    assert names <= {*history}
    moved = [
        [np.any(w.numpy() != old) for w, old in zip(n.weights, olds, strict=True)]
        for n, olds in zip(parts(model), before, strict=True)
    ]
    assert all(moved[0])
    assert all(moved[1])
    assert not any(moved[2])  # whose rate is 0
    model.save(tmp_path / "aae.keras")
    again = keras.saving.load_model(tmp_path / "aae.keras")
    pairs = zip(model.variables, again.variables, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert again.adversarial.objective == model.adversarial.objective
    assert again.adversarial.weight == 1


def parts(model):
    return model.encoder, model.decoder, model.adversarial.discriminator


@pytest.mark.slow
def test_the_game_makes_codes_as_those_of_the_prior():
    """Without a KL term and without the game, codes spread far from the prior."""
    x = np.repeat(RNG.normal(size=(256, 1)), 4, axis=1).astype("float32")
    spread = []
    for weight in (0.0, 20.0):
        random.seed(0)
        networks = kg.networks.mlp_vae((4,), 1, units=(16,))
        units = {"units": (32, 32), "activation": "elu"}
        game = kg.LatentGame(kg.networks.mlp((1,), (1,), **units), weight=weight)
        how = {"objective": kg.ELBO(beta=0.0), "adversarial": game, "seed": 0}
        likelihood = kg.Gaussian(0.5, unit_interval=False)
        model = kg.VAE(*networks, likelihood=likelihood, **how)
        model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
        model.fit(x, batch_size=64, epochs=150, verbose=0)
        spread.append(float(model.encode(x).std()))
    assert spread[0] > 2
    assert spread[1] == pytest.approx(1, abs=0.35)


WRONG = {
    "shape": (lambda: adversarial(kg.networks.mlp((3,), (1,), units=(4,))), "shape"),
    "two logits": (
        lambda: kg.LatentGame(kg.networks.mlp((2,), (2,), units=(4,))),
        "one logit",
    ),
    "squashed": (
        lambda: kg.LatentGame(
            keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
        ),
        r"discriminator must return raw values \(logits\)",
    ),
    "weight": (lambda: adversarial(weight=-1.0), "weight must be >= 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_game_that_does_not_fit_is_refused(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()

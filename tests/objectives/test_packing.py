"""Packing: packs of examples, their losses and penalties, batches of any size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks
from keras_gen.objectives.packing import filled_up, packed, unpacked
from keras_gen.random import batch_noise

WEIGHTS = np.array([0.5, -1.0, 2.0], "float32")
NUM, WEIGHT = 3, 2.0  # examples of a pack, and factor of penalties


def linear(packing, **options):
    """A GAN that generates 0, whose logit is the mean of w.x over a pack."""
    noise, x = keras.Input((2,)), keras.Input((3 * packing,))
    generator = keras.Model(noise, keras.layers.Dense(3, use_bias=False)(noise))
    dense = keras.layers.Dense(1, use_bias=False)
    discriminator = keras.Model(x, dense(x))
    generator.layers[-1].kernel.assign(np.zeros((2, 3)))
    dense.kernel.assign(np.tile(WEIGHTS, packing)[:, None] / packing)
    inputs = kg.specs.Vectors(3)
    options |= {"inputs": inputs, "packing": packing, "seed": 0}
    return kg.GAN(generator, discriminator, **options)


def terms(model, x):
    noise = batch_noise(0, tf.constant(x), 0)
    found = model.loss_terms(tf.constant(x), None, noise, training=False)
    return {name: float(value) for name, value in found.items()}


def test_a_pack_holds_consecutive_examples_along_the_last_axis():
    images = tf.reshape(tf.range(6 * 2 * 2 * 3), (6, 2, 2, 3))
    packs = packed(images, 2)
    assert packs.shape == (3, 2, 2, 6)
    np.testing.assert_array_equal(packs[1, ..., :3], images[2])
    np.testing.assert_array_equal(packs[1, ..., 3:], images[3])
    np.testing.assert_array_equal(unpacked(packs, 2), images)


def test_the_last_pack_is_filled_up_with_the_first_rows():
    spec = tf.TensorSpec((None,), "int32")
    traced = tf.function(lambda x: filled_up(x, 4), input_signature=[spec])
    for fill in (traced, lambda x: filled_up(x, 4)):
        assert fill(tf.range(6)).numpy().tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
        assert fill(tf.range(1)).numpy().tolist() == [0, 0, 0, 0]
        assert fill(tf.range(8)).numpy().tolist() == [*range(8)]


def test_packs_of_equal_rows_have_the_losses_of_the_rows():
    rows = np.array([[1.0, 0.5, 0.2], [-1.0, 2.0, 1.0]], "float32")
    one, pack = terms(linear(1), rows), terms(linear(NUM), np.repeat(rows, NUM, 0))
    assert pack == pytest.approx(one, rel=1e-6)
    logits = rows @ WEIGHTS
    nats = np.log1p(np.exp(-logits)).mean() + np.log(2)
    assert pack["discriminator_loss"] == pytest.approx(nats, rel=1e-6)


@pytest.mark.parametrize("penalty", [kg.R1, kg.R2, kg.GradientPenalty])
def test_penalties_count_packs(penalty):
    x = np.random.default_rng(0).normal(size=(4 * NUM, 3)).astype("float32")
    model = linear(NUM, regularizers=[penalty(WEIGHT)])
    squared = (WEIGHTS**2).sum() / NUM  # NUM examples with w / NUM each
    expected = WEIGHT / 2 * squared
    if penalty is kg.GradientPenalty:
        expected = WEIGHT * (np.sqrt(squared) - 1) ** 2
    assert terms(model, x)[penalty.name] == pytest.approx(expected, rel=1e-5)


def test_a_batch_that_is_no_multiple_counts_its_first_rows_again():
    x = np.random.default_rng(0).normal(size=(NUM + 1, 3)).astype("float32")
    whole = np.concatenate([x, x[:2]])
    assert terms(linear(NUM), x) == pytest.approx(terms(linear(NUM), whole), rel=1e-6)


@pytest.mark.parametrize("augmented", [False, True])
def test_packed_players_of_images_with_labels_train_and_are_saved(tmp_path, augmented):
    options = {"channels": (4,), "num_classes": 3, "packing": NUM}
    pair = networks.dcgan((8, 8, 1), 2, **options)
    own = {"augmentation": kg.AdaptiveAugmentation()} if augmented else {}
    model = kg.GAN(*pair, packing=NUM, regularizers=[kg.R1(1.0)], seed=0, **own)
    assert model.condition == kg.specs.Classes(3)
    assert pair[1].input_shape == [(None, 8, 8, NUM), (None, 3 * NUM)]
    x, labels = np.random.default_rng(0).random((10, 8, 8, 1), "f"), np.arange(10) % 3
    model.compile(run_eagerly=True)
    model.fit(x, labels, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.packing == NUM
    logits = model.predict([x, labels], verbose=0)
    np.testing.assert_allclose(again.predict([x, labels], verbose=0), logits, 1e-5)
    known = np.eye(3)[[0] * NUM].reshape(1, -1)
    first = model.discriminator([np.repeat(2 * x[:1] - 1, NUM, -1), known])
    np.testing.assert_allclose(logits[0], first[0, 0], 1e-5)


def test_packing_is_refused_where_it_does_not_fit():
    pair = networks.mlp_gan((3,), 2, generator_units=(4,), discriminator_units=(4,))
    with pytest.raises(ValueError, match=r"a pack of 2 of .* with packing=2"):
        kg.GAN(*pair, packing=2)
    with pytest.raises(ValueError, match="packing must be 1 with an auxiliary task"):
        kg.GAN(*pair, packing=2, auxiliary=kg.InfoGAN(0, 1))
    with pytest.raises(ValueError, match="packing"):
        kg.GAN(*pair, packing=0)

"""GAN: its two steps by hand, whose weights each moves, the average, the samples."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks
from keras_gen.random import batch_noise, normal, row_seeds
from keras_gen.serialization import copy_state

from ..marks import but_slow

IMAGE, RATES = (8, 8, 1), (0.3, 0.1)  # of the generator and of the discriminator
EAGER = {"run_eagerly": True}
X = np.random.default_rng(0).normal(1.0, 2.0, (64, 3)).astype("float32")
PICTURES = np.random.default_rng(1).random((32, *IMAGE), "float32")


def pair(shape=(3,), noise_dim=2, **options):
    units = {"generator_units": (5,), "discriminator_units": (6,)}
    return networks.mlp_gan(shape, noise_dim, activation="tanh", **units, **options)


def make(players=None, *, rates=RATES, compiled=None, **options):
    random.seed(0)
    model = kg.GAN(*(players or pair()), seed=4, **options)
    optimizers = [keras.optimizers.SGD(rate) for rate in rates]
    model.compile(*optimizers, **{"jit_compile": False, **(compiled or {})})
    return model


def fit(model, x=X, y=None, **options):
    options = {"batch_size": 16, "shuffle": False, "verbose": 0} | options
    return model.fit(x, y, **options).history


def values(variables):
    return [v.numpy() for v in variables]


def drawn(model, x=X[:16], step=0):
    noise = batch_noise(model.seed, tf.constant(x), step)
    with tf.GradientTape() as tape:
        batch = model._draw(tf.constant(x), None, noise, training=True)
    return tape, batch


def same(before, variables):
    return [np.array_equal(a, b) for a, b in zip(before, variables, strict=True)]


@pytest.mark.parametrize("mover", ["discriminator", "generator"])
def test_each_player_moves_its_own_weights_only(mover):
    rates = (0.1, 0.0) if mover == "generator" else (0.0, 0.1)
    options = {"rates": rates, "regularizers": [kg.R1(1.0)], "compiled": EAGER}
    model = make(networks.dcgan(IMAGE, 3, channels=(2, 4)), **options)
    players = {"generator": model.generator, "discriminator": model.discriminator}
    before = {k: values(p.trainable_variables) for k, p in players.items()}
    fit(model, PICTURES[:16])
    for name, player in players.items():
        kept = same(before[name], player.trainable_variables)
        assert not any(kept[:-1]) if name == mover else all(kept)


OBJECTIVES = {
    "minimax": kg.Minimax(0.1),
    "non-saturating": kg.NonSaturating(),
    "least squares": kg.LeastSquares(),
    "wasserstein": kg.Wasserstein(),
    "hinge": kg.objectives.Hinge(),
    "relativistic": kg.RelativisticPairing(),
}
objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)


@objectives
def test_the_first_step_is_the_one_by_hand(objective):
    """The discriminator descends first; the generator, through its new weights."""
    model, twin = (make(objective=objective, compiled=EAGER) for _ in range(2))
    twin._prepare(X[:16], None)
    x = twin.scale.inward(tf.constant(X[:16]))
    z = normal(row_seeds(4, 16), (2,), stream=0)
    generator, discriminator = twin.generator, twin.discriminator
    with tf.GradientTape() as tape:
        real, fake = (discriminator(v)[:, 0] for v in (x, generator(z)))
        loss = tf.reduce_mean(objective.discriminator(real, fake))
    weights = discriminator.trainable_variables
    discriminator_gradients = tape.gradient(loss, weights)
    for w, gradient in zip(weights, discriminator_gradients, strict=True):
        w.assign_sub(RATES[1] * gradient)
    with tf.GradientTape() as tape:
        real, fake = (discriminator(v)[:, 0] for v in (x, generator(z)))
        generator_loss = tf.reduce_mean(objective.generator(fake, real))
    weights = generator.trainable_variables
    gradients = tape.gradient(generator_loss, weights)
    for w, gradient in zip(weights, gradients, strict=True):
        w.assign_sub(RATES[0] * gradient)
    logs = fit(model, X[:16])
    for a, b in zip(model.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    expected = {
        "discriminator_loss": loss,
        "generator_loss": generator_loss,
        "discriminator_gradient_norm": tf.linalg.global_norm(discriminator_gradients),
        "generator_gradient_norm": tf.linalg.global_norm(gradients),
    }
    for name, value in expected.items():
        assert logs[name][0] == pytest.approx(float(value), rel=1e-4), name


@pytest.mark.parametrize(
    "objective", but_slow(OBJECTIVES, ("minimax", "least squares", "hinge"))
)
@pytest.mark.parametrize("mover", ["discriminator", "generator"])
def test_a_player_alone_lowers_its_own_loss(objective, mover):
    rates = (0.2, 0.0) if mover == "generator" else (0.0, 0.2)
    options = {"objective": objective, "ema_decay": None}
    model = make(rates=rates, compiled=EAGER, **options)
    before, *_, after = (fit(model)[f"{mover}_loss"][0] for _ in range(4))
    assert after < before - 0.01


def test_the_norms_are_the_lengths_of_sgd_steps():
    model = make(regularizers=[kg.GradientPenalty()])
    players = model.generator, model.discriminator
    before = [values(p.trainable_variables) for p in players]
    logs = fit(model, X[:16])
    for name, player, start, rate in zip(
        ("generator", "discriminator"), players, before, RATES, strict=True
    ):
        moved = zip(start, player.trainable_variables, strict=True)
        length = np.sqrt(sum(np.square(a - b.numpy()).sum() for a, b in moved))
        assert logs[f"{name}_gradient_norm"][0] == pytest.approx(
            length / rate, rel=1e-3
        )


def test_accuracies_count_the_examples_on_the_right_side():
    model = make()
    logs = model.evaluate(X[:16], batch_size=16, verbose=0, return_dict=True)
    noise = batch_noise(4, tf.constant(X[:16]), -1)
    fake = model._draw(tf.constant(X[:16]), None, noise, training=False).fake
    assert logs["real_accuracy"] == np.mean(model(X[:16]).numpy() > 0)
    assert logs["fake_accuracy"] == np.mean(model(fake).numpy() < 0)
    assert 0 < logs["real_accuracy"] < 1


@pytest.mark.parametrize(
    "jit_compile",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["graph", "xla"],
)
def test_the_generator_moves_at_every_third_step(jit_compile):
    model = make(discriminator_steps=3, compiled={"jit_compile": jit_compile})
    batches = tf.data.Dataset.from_tensors(X[:16])
    moved, steps = [], []
    for _ in range(7):
        before = values(model.generator.trainable_variables)
        logs = fit(model, batches, batch_size=None)
        moved.append(not any(same(before, model.generator.trainable_variables)))
        assert (logs["generator_gradient_norm"][0] > 0) == moved[-1]
        steps.append(int(model.generator_optimizer.iterations))
    assert steps == [0, 0, 1, 1, 1, 2, 2]
    assert moved == [False, False, True, False, False, True, False]
    assert int(model.optimizer.iterations) == 7


def test_the_average_follows_as_written():
    players = networks.dcgan(IMAGE, 3, channels=(2, 4))
    model = make(players, ema_decay=0.3, compiled=EAGER)
    has_statistics = [not w.trainable for w in model.generator.weights]
    assert any(has_statistics)
    average = [w.astype(float) for w in values(model.generator.weights)]
    for step in range(5):
        fit(model, PICTURES[:8])
        decay = min(0.3, (1 + step) / (10 + step))
        new = values(model.generator.weights)
        average = [
            decay * old + (1 - decay) * now
            for old, now in zip(average, new, strict=True)
        ]
        for a, b in zip(average, model.average.weights, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-6)
    assert decay == 0.3


def test_samples_come_from_the_chosen_network(tmp_path):
    model = make(pair(IMAGE))
    fit(model, PICTURES, epochs=3)
    z = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    by = {
        chosen: ((network(z) + 1) / 2).numpy()
        for chosen, network in ((True, model.average), (False, model.generator))
    }
    assert np.abs(by[True] - by[False]).max() > 1e-3
    assert model.use_ema
    for chosen in (True, False, True, False):
        model.use_ema = chosen
        np.testing.assert_allclose(model.generate(z), by[chosen], atol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.generate(z), model.generate(z))


def test_without_an_average_the_generator_makes_the_samples():
    model = make(ema_decay=None)
    z = np.ones((2, 2), "float32")
    expected = model.generator(z)
    np.testing.assert_allclose(model.generate(z), expected, rtol=1e-6)
    assert not model.use_ema
    with pytest.raises(ValueError, match="was built with ema_decay=None"):
        model.use_ema = True


def test_images_lie_in_the_unit_interval_and_vectors_anywhere():
    generator, discriminator = pair(IMAGE)
    generator.layers[-2].kernel.assign(50 * generator.layers[-2].kernel)
    images = make((generator, discriminator)).sample(20, seed=0)
    assert images.min() == 0
    assert images.max() == 1
    vectors = make()
    vectors.average.layers[-1].bias.assign([-7.0, 0.0, 9.0])
    found = vectors.sample(20, seed=0)
    assert found.min() < -5
    assert found.max() > 5


def test_labels_choose_the_sample():
    model = make(pair(IMAGE, num_classes=4))
    z = np.zeros((4, 2), "float32")
    images = model.generate(z, condition=np.arange(4))
    assert min(np.abs(images[i] - images[j]).max() for i in range(4) for j in range(i))
    np.testing.assert_array_equal(images, model.generate(z, condition=np.arange(4)))
    logits = [model([PICTURES[:4], np.full(4, c)]).numpy() for c in (0, 1)]
    assert np.all(logits[0] != logits[1])


def test_an_infogan_generates_from_chosen_codes():
    task = kg.InfoGAN(3, 1)
    model = make(pair(IMAGE, 6, auxiliary_outputs=5), auxiliary=task)
    noise = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    latent = noise.copy()
    latent[:, :3], latent[:, 3] = np.eye(3)[1], 2.0
    chosen = task.with_codes(noise, category=1, continuous={0: 2.0})
    expected = (model.average(latent) + 1) / 2
    np.testing.assert_allclose(model.generate(chosen), expected, atol=1e-6)


def test_both_players_pay_for_the_second_task():
    task = kg.InfoGAN(3, 1)
    options = {"auxiliary": task, "rates": (0.0, 0.0)}
    model = make(pair(IMAGE, 6, auxiliary_outputs=5), **options)
    x = tf.constant(PICTURES[:16])
    noise = batch_noise(4, x, 0)
    terms = model.loss_terms(x, None, noise, training=False)
    batch = model._draw(x, None, noise, training=False)
    (real, _), (fake, head) = map(model.discriminator, (batch.real, batch.fake))
    second = tf.reduce_mean(task.fake_loss(head, None, batch.latent))
    losses = model.objective.discriminator(real[:, 0], fake[:, 0])
    expected = {
        "discriminator_loss": tf.reduce_mean(losses) + second,
        "generator_loss": tf.reduce_mean(model.objective.generator(fake[:, 0]))
        + second,
    }
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(float(value), rel=1e-5)


@pytest.mark.parametrize(("mover", "rates"), [("generator", 0), ("discriminator", 1)])
def test_the_regularizers_of_both_networks_count(mover, rates):
    chosen = [0.0, 0.0]
    chosen[rates] = RATES[rates]
    plain, decayed = (make(rates=chosen, compiled=EAGER) for _ in range(2))
    layer = getattr(decayed, mover).layers[1]
    layer.kernel.regularizer = keras.regularizers.L2(0.5)
    start = layer.kernel.numpy()
    losses = [fit(model, X[:16])[f"{mover}_loss"][0] for model in (plain, decayed)]
    kernels = [getattr(m, mover).layers[1].kernel.numpy() for m in (plain, decayed)]
    expected = kernels[0] - RATES[rates] * 2 * 0.5 * start
    np.testing.assert_allclose(kernels[1], expected, rtol=1e-4, atol=1e-6)
    assert losses[1] == pytest.approx(losses[0] + 0.5 * (start**2).sum(), rel=1e-5)


def test_it_learns_where_the_data_are():
    """A generator that can only shift finds the mean of normal data."""
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model = kg.GAN(
        generator,
        discriminator,
        objective=kg.RelativisticPairing(),
        regularizers=[kg.R1(1.0), kg.R2(1.0)],
        seed=0,
    )
    generator.set_weights([np.ones((1, 1)), np.zeros(1)])
    model.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)))
    x = np.random.default_rng(0).normal(3.0, 1.0, (2048, 1)).astype("float32")
    fit(model, x, batch_size=64, epochs=10)
    assert model.sample(2000, seed=0).mean() == pytest.approx(3.0, abs=0.3)


@pytest.mark.slow
def test_players_with_attention_train():
    generator, discriminator = networks.residual_gan(
        IMAGE, 2, channels=(4,), attention=True
    )
    model = make((generator, discriminator))
    gates = [w for w in model.trainable_weights if w.shape == ()]
    assert len(gates) == 2  # one gamma per player
    history = fit(model, PICTURES)
    assert np.isfinite([values[-1] for values in history.values()]).all()
    assert all(gate.numpy() != 0 for gate in gates)


class Halves(keras.callbacks.Callback):
    """Sets the model's learning rate before each batch."""

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        optimizer.learning_rate = float(optimizer.learning_rate) / 2


class Assigns(keras.callbacks.Callback):
    """Assigns to the variable of the model's learning rate."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate.assign(0.5e-3)


MOVING = {  # of the discriminator, 1e-3 before, and of the generator, 4e-3
    "scheduler": (
        lambda: keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2),
        0.5,
    ),
    "plateau": (
        lambda: keras.callbacks.ReduceLROnPlateau(
            "generator_loss", factor=0.5, patience=0, min_delta=1e6, mode="min"
        ),
        1.0,  # the first epoch is the best so far
    ),
    "each batch": (Halves, 0.5**3),
    "assignment": (Assigns, 0.5),
}


@pytest.mark.parametrize(("callback", "factor"), MOVING.values(), ids=MOVING)
def test_a_callback_moves_the_rates_of_both_players(callback, factor):
    model = make(compiled=EAGER)
    rates = 4e-3, 1e-3
    model.compile(*map(keras.optimizers.SGD, rates), **EAGER)
    model.fit(X[:48], batch_size=16, verbose=0, callbacks=[callback()])
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    found = [float(o.learning_rate) for o in optimizers]
    assert found == pytest.approx([factor * rate for rate in rates], rel=1e-5)


def test_a_rate_that_is_set_by_hand_stays_as_told():
    model = make(compiled=EAGER)
    model.compile(*map(keras.optimizers.SGD, (4e-3, 1e-3)), **EAGER)
    model.generator_optimizer.learning_rate = 0.1
    model.discriminator_optimizer.learning_rate = 0.2
    model.optimizer.follow()
    assert [float(o.learning_rate) for o in model.optimizer.players] == (
        pytest.approx([0.2, 0.1])
    )
    for rate in (0.0, 0.4):  # a pause keeps their ratio
        model.optimizer.learning_rate = rate
        assert float(model.generator_optimizer.learning_rate) == (
            pytest.approx(rate / 2)
        )


def test_schedules_of_both_players_go_their_own_way():
    model = make(compiled=EAGER)
    decay = keras.optimizers.schedules.CosineDecay
    fast, slow = (keras.optimizers.SGD(decay(1e-3, steps)) for steps in (4, 100))
    model.compile(fast, slow, **EAGER)
    model.fit(X[:64], batch_size=16, verbose=0)
    assert float(model.generator_optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    assert float(model.discriminator_optimizer.learning_rate) > 0.9e-3


def test_averages_of_both_optimizers_are_swapped_and_kept():
    """Keras' own averages: two plain steps of SGD, at a momentum of 0.5."""
    model = make(ema_decay=None, compiled=EAGER)
    model.compile(
        *(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5) for _ in range(2)),
        **EAGER,
    )
    after = []

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            after.append(values(model.trainable_variables))

    swap = keras.callbacks.SwapEMAWeights()
    model.fit(X[:32], batch_size=16, verbose=0, callbacks=[Keep(), swap])
    for found, first, second in zip(model.trainable_variables, *after, strict=True):
        np.testing.assert_allclose(found, (first + second) / 2, atol=1e-6)


def test_the_average_keeps_the_state_of_adapted_layers(tmp_path):
    scale = keras.layers.Normalization(invert=True)
    scale.adapt(np.random.default_rng(0).normal(998, 3, (500, 2)).astype("float32"))
    generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), scale])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = kg.GAN(generator, discriminator, ema_decay=0.9, seed=0)
    samples = model.sample(200, seed=1)
    assert (np.abs(samples.mean(axis=0) - 998) < 2).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.sample(200, seed=1), samples)


def test_copies_hold_lookups_and_random_states():
    lookup, words = keras.layers.StringLookup(), keras.Input((1,), dtype="string")
    lookup.adapt(np.array(["b", "a", "b"]))
    x = keras.layers.Embedding(4, 3)(lookup(words))
    network = keras.Model(words, keras.layers.Dropout(0.5)(x))
    network.layers[-1].seed_generator.state.assign([7, 9])
    copy = keras.models.clone_model(network)
    copy_state(network, copy)
    rows = np.array([["a"], ["b"], ["z"]], dtype=object)
    np.testing.assert_array_equal(copy(rows), network(rows))
    assert np.ptp(copy(rows)[:, 0, 0]) > 0
    np.testing.assert_array_equal(copy.layers[-1].seed_generator.state, [7, 9])

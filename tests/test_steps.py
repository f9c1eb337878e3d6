"""What a model counts, what its steps return, and what streams are watched for."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import model as base
from keras_gen.engine import loop

CALLBACKS = keras.callbacks
RNG = np.random.default_rng(0)
GRAPH = {"jit_compile": False}


def images(n=64):
    return RNG.random((n, 8, 8, 1), dtype="float32")


def vae(kind=kg.VAE, **options):
    pair = kg.networks.mlp_vae((8, 8, 1), 2, units=(8,))
    return kind(*pair, seed=0, **options)


def fit(model, x, y=None, **options):
    options = {"batch_size": 16, "verbose": 0} | options
    return model.fit(x, y, **options).history


def test_another_compile_goes_on_counting(tmp_path):
    model = vae(objective=kg.ELBO(warmup_steps=8))
    model.compile("sgd", **GRAPH)
    fit(model, images(), epochs=2)
    assert model.training_steps == 8
    model.save(tmp_path / "vae.keras")
    for m in (model, keras.saving.load_model(tmp_path / "vae.keras")):
        m.compile(keras.optimizers.SGD(0.0), **GRAPH)
        logs = fit(m, images())
        assert logs["loss"][0] == pytest.approx(-logs["elbo"][0])  # warm-up is over
        assert m.training_steps == 12


def test_another_compile_does_not_repeat_the_order_and_the_noise():
    model, x = vae(), images()
    losses = []
    for _ in range(2):
        model.compile(keras.optimizers.SGD(0.0), **GRAPH)
        losses.append(fit(model, x)["reconstruction_nll"][0])
    assert losses[0] != losses[1]


def test_weights_without_counts_stand_for_a_long_training():
    model = vae(objective=kg.ELBO(warmup_steps=1000))
    own = {}
    keras.Model.save_own_variables(model, own)
    model.load_own_variables(own)
    assert model.training_steps == base.MANY_STEPS
    model.compile("sgd", **GRAPH)
    logs = fit(model, images(16))
    assert logs["loss"][0] == pytest.approx(-logs["elbo"][0])


@pytest.mark.parametrize("average", ["diffusion", "gan"])
def test_the_average_stays_where_the_network_does(average):
    x = RNG.normal(size=(64, 2)).astype("float32")
    mover = "generator" if average == "gan" else "network"
    if average == "gan":
        model = kg.GAN(*kg.networks.mlp_gan((2,), generator_units=(8,)), seed=0)
        still = [keras.optimizers.SGD(0.0) for _ in range(2)]
    else:
        model = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)), seed=0)
        still = [keras.optimizers.SGD(0.0)]
    model.compile(*(keras.optimizers.Adam(0.01) for _ in still), **GRAPH)
    fit(model, x, epochs=2)
    before, count = model.average.get_weights(), f"{mover}_averaged"
    assert int(model._counts[count]) == 8
    model.compile(*still, **GRAPH)
    fit(model, x)
    for a, b in zip(before, model.average.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model._counts[count]) == 8


def test_accumulated_gradients_take_the_step_of_the_whole_batch():
    """Four quarters of a batch are the batch, and the average moves once."""
    x, models, start = images(64), [], []
    for parts in (None, 4):
        pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(8,))
        model = kg.Autoencoder(*pair, seed=0)
        if models:
            model.set_weights(start)
        start = model.get_weights()
        optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=parts)
        model.compile(optimizer, **GRAPH)
        fit(model, x, batch_size=64 // (parts or 1), epochs=2, shuffle=False)
        models.append(model)
    assert [m.training_steps for m in models] == [2, 8]
    assert [int(m.optimizer.iterations) for m in models] == [2, 2]
    weights = [m.get_weights() for m in models]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    moved = [np.abs(a - b).max() for a, b in zip(weights[0], start, strict=True)]
    assert max(moved) > 1e-2


def test_the_average_moves_with_accumulated_gradients():
    model = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)), seed=0)
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), **GRAPH)
    fit(model, RNG.normal(size=(64, 2)), epochs=2)
    assert int(model._counts["network_averaged"]) == 4


class More(kg.VAE):
    """Logs a further term, and another value of each step."""

    def loss_terms(self, *args, **options):
        terms = super().loss_terms(*args, **options)
        return {**terms, "twice": 2 * terms["loss"]}

    def train_step(self, data):
        return {**super().train_step(data), "seven": tf.constant(7.0)}

    def test_step(self, data):
        return {**super().test_step(data), "eight": tf.constant(8.0)}


@pytest.mark.parametrize(
    "options",
    [
        GRAPH,
        {"run_eagerly": True},
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
    ],
    ids=["graph", "eager", "xla"],
)
def test_what_a_subclass_logs_is_logged(options):
    model, x = vae(More), images(40)
    model.compile(keras.optimizers.SGD(1e-3), **options)
    logs = fit(model, x, epochs=2, validation_data=(x, None))
    assert logs["seven"] == [7.0, 7.0]
    assert logs["val_eight"] == [8.0, 8.0]
    for prefix in ("", "val_"):
        twice = [2 * loss for loss in logs[f"{prefix}loss"]]
        assert logs[f"{prefix}twice"] == pytest.approx(twice, rel=1e-5)
    assert model.evaluate(x, verbose=0, return_dict=True)["eight"] == 8.0


class Own(kg.Autoencoder):
    """Trains in a way of its own."""

    def train_step(self, data):
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(x) - x))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )
        return {"mse": loss}


def test_steps_count_where_a_subclass_has_its_own():
    model, x = Own(*kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(8,))), images()
    model.compile(keras.optimizers.SGD(0.0), **GRAPH)
    expected = np.square(model(x[48:]) - x[48:]).mean()
    assert fit(model, x, shuffle=False) == {"mse": [pytest.approx(expected, rel=1e-5)]}
    assert model.training_steps == 4


def bad_streams():
    """Streams whose third batch is bad, and what is said of it."""
    x, y = images(48), np.arange(48) % 3
    large, nan, below = x.copy(), x.copy(), x.copy()
    large[33] *= 255
    nan[47, 3, 3] = np.nan
    below[32] -= 2
    other = y.copy()
    other[40] = -1
    return {
        "0..255": (large, y, r"x of batch 3 .*\[0, 1\].*Divide by 255"),
        "NaN": (nan, y, "x of batch 3 .* received 1 NaN"),
        "negative": (below, y, r"x of batch 3 .*\[0, 1\], received values in \[-"),
        "label": (x, other, r"labels of x of batch 3 .*\[0, 3\), received .*\[-1, 2\]"),
    }


def conditional():
    pair = kg.networks.mlp_vae((8, 8, 1), 2, units=(8,), num_classes=3)
    model = kg.VAE(*pair, seed=0)
    model.compile("sgd", **GRAPH)
    return model


@pytest.mark.parametrize("kind", ["0..255", "NaN", "negative", "label"])
def test_every_batch_of_a_stream_is_checked(kind):
    x, y, message = bad_streams()[kind]
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    model = conditional()
    with pytest.raises(ValueError, match=message) as caught:
        fit(model, stream, batch_size=None)
    assert "(training step 3)" in str(caught.value)
    generator = ((x[i : i + 16], y[i : i + 16]) for i in range(0, 48, 16))
    with pytest.raises(ValueError, match=message):
        fit(model, generator, batch_size=None)
    good = bad_streams()["label"][0], bad_streams()["0..255"][1]
    with pytest.raises(ValueError, match=message):
        fit(model, *good, validation_data=stream)
    with pytest.raises(ValueError, match=message):
        model.evaluate(stream, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_bytes_of_a_stream_are_right_in_every_batch():
    stream = tf.data.Dataset.from_tensor_slices(np.full((48, 8, 8, 1), 255, "uint8"))
    model = vae()
    model.compile("sgd", **GRAPH)
    assert np.isfinite(fit(model, stream.batch(16), batch_size=None)["loss"]).all()


@pytest.mark.slow
def test_few_shapes_of_batches_are_kept():
    model = vae()
    model.compile("sgd", **GRAPH)
    fit(model, ((images(n),) for n in range(1, 14)), batch_size=None)
    assert len(model.train_function._traced._entries) == 8


def test_what_was_used_last_is_kept():
    kept, made = loop.Recent(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.find(key, lambda key=key: made.append(key) or key) == key
    assert made == ["a", "b", "c", "b"]


@pytest.mark.slow
def test_classes_that_training_never_had_are_said(tmp_path):
    x, y = images(48), np.arange(48) % 2
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    for data in ((x, y), (stream, None)):
        model = conditional()
        fit(model, *data, batch_size=None, validation_data=(x, np.full(48, 2)))
        model.save(tmp_path / "vae.keras")
        for m in (model, keras.saving.load_model(tmp_path / "vae.keras")):
            with pytest.warns(UserWarning, match="no training example of class 2"):
                m.sample(3, condition=[0, 1, 2])
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                m.sample(2, condition=[0, 1])
    conditional().sample(3, condition=[0, 1, 2])  # of no training nothing is known

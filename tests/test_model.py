"""What every model promises, from the first step to a saved file."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.random import RowNoise, row_seeds
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.sample import write_samples

VAE_TERMS = {"loss", "elbo", "reconstruction_nll", "kl"}
GAN_TERMS = {"discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy"}
FLOW_TERMS = ["loss", "bits_per_dim"]  # the second one of images
TERMS = {
    "sparse_contractive_autoencoder": {"l1_sparsity", "contractive"},
    "conditional_wgan": {"gradient_penalty"},
    "relativistic_gan": {"r1", "r2"},
    "infogan": {"mutual_information"},
    "augmented_acgan": {"class_accuracy", "fake_class_accuracy", "r1"},
    "style_gan": {"r1"},
}
NORMS = {"discriminator_gradient_norm", "generator_gradient_norm"}


def tensors(x, y):
    return tf.constant(x), None if y is None else tf.constant(y)


def plain(config):
    """A configuration as a file holds it, which knows no tuples."""
    return json.loads(json.dumps(config))


def fit(model, x, y, **options):
    return model.fit(x, y, batch_size=16, shuffle=False, verbose=0, **options)


def test_overfitting_one_batch_lowers_the_loss(trained):
    for name in trained.case.falling:
        loss, val_loss = trained.history[name], trained.history[f"val_{name}"]
        assert loss[-1] < 0.95 * loss[0]
        assert val_loss[-1] < 0.95 * val_loss[0]


def test_every_weight_gets_a_gradient(case):
    model, rng = case.make(), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(rng.normal(0, 0.1, weight.shape))  # no zeros at the start
    x, y = tensors(*case.rows(case, 0, 16))
    noise = RowNoise(row_seeds(0, 16), 0)
    with tf.GradientTape(persistent=True) as tape:
        terms = model.loss_terms(x, y, noise, training=True)
    for name, weights in minimised(model).items():
        gradients = tape.gradient(terms[name], weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            size = np.abs(tf.convert_to_tensor(gradient)).max()
            assert (size > 1e-6) != unfelt(model, weight), f"{weight.path}: {size}"


def minimised(model):
    """The weights that each term is minimised by."""
    if not isinstance(model, kg.GAN):
        return {"loss": model.trainable_weights}
    return {
        "discriminator_loss": model.discriminator.trainable_weights,
        "generator_loss": model.generator.trainable_weights,
    }


def unfelt(model, weight):
    """Whether the weight only adds a constant to logits of which differences count."""
    differences = (kg.Wasserstein, kg.RelativisticPairing)
    counts = isinstance(getattr(model, "objective", None), differences)
    return counts and weight.path.endswith(("logit/bias", "psi/bias"))


def test_fit_moves_every_trainable_weight(trained):
    pairs = zip(trained.before, trained.model.trainable_variables, strict=True)
    for before, weight in pairs:
        moved = np.any(before != weight.numpy())
        assert moved or unfelt(trained.model, weight), f"{weight.path} did not move"


def test_history_holds_every_term_twice(trained):
    names, in_training = {"loss", "reconstruction_error"}, set()
    if isinstance(trained.model, kg.VAE | kg.TextVAE):
        names = VAE_TERMS
    if isinstance(trained.model, kg.Diffusion | kg.Restorer | kg.Autoregressive):
        names = {"loss"}
    if trained.case.name == "classifier":
        names = {"loss", "accuracy"}
    if isinstance(trained.model, kg.Flow):
        names = set(FLOW_TERMS[: 1 + trained.model.inputs.is_unit])
    if isinstance(trained.model, kg.PixelAutoregressive):
        names = set(FLOW_TERMS)
    if isinstance(trained.model, kg.GAN):
        names, in_training = GAN_TERMS, NORMS
    if isinstance(trained.model, kg.VQVAE):
        names = {"loss", "reconstruction_nll", "commitment", "usage", "perplexity"}
    if trained.case.name == "augmented_acgan":
        in_training = NORMS | {"augmentation_probability"}
    names = names | TERMS.get(trained.case.name, set())
    held_out = {f"val_{name}" for name in names}
    assert set(trained.history) == names | in_training | held_out
    assert {len(values) for values in trained.history.values()} == {20}


def test_evaluate_is_the_mean_over_all_under_one_noise(trained):
    case, model = trained.case, trained.model
    x, y = case.rows(case, 0, 40)  # batches of 16, 16 and 8 rows

    def evaluate():
        return model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)

    def weight(x):
        return np.sum(x >= 0) if case.name.endswith("language_model") else len(x)

    means = dict.fromkeys(evaluate(), 0.0)
    for start in (0, 16, 32):
        rows = tensors(*case.rows(case, start, min(start + 16, 40)))
        noise = RowNoise(row_seeds(model.seed, len(rows[0])), -1 - start)
        for name, value in model.loss_terms(*rows, noise, training=False).items():
            means[name] += float(value) * weight(rows[0]) / weight(x)
    assert evaluate() == evaluate()
    assert evaluate() == pytest.approx(means, rel=1e-5, abs=1e-6)


def test_validation_during_fit_is_evaluate_after_it(make_case):
    case = make_case("dense_vae")
    model = case.make()
    held_out = case.x[16:56]
    history = fit(model, case.x[:16], None, validation_data=(held_out, None)).history
    after = model.evaluate(held_out, batch_size=16, verbose=0, return_dict=True)
    assert {f"val_{k}": [v] for k, v in after.items()}.items() <= history.items()


def test_a_reloaded_model_goes_on_as_if_never_saved(
    trained, tmp_path, assert_same_state
):
    model, path = trained.model, tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert plain(loaded.get_config()) == plain(model.get_config())
    assert loaded.get_compile_config() == model.get_compile_config()
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) > 0
    assert_same_state(model, loaded)
    x, y = trained.case.rows(trained.case, 0, 32)
    histories = [fit(m, x, y).history for m in (model, loaded)]
    assert histories[0] == histories[1]
    assert_same_state(model, loaded)


@pytest.mark.filterwarnings("ignore:.* generates slowly")  # a network of one's own
def test_a_reloaded_model_draws_the_same_samples(trained, tmp_path):
    model, path = trained.model, tmp_path / "model.keras"
    if isinstance(model, kg.capabilities.Completes):
        model.save(path)
        loaded = keras.saving.load_model(path)
        texts, again = (np.asarray(m.sample(3, seed=5)) for m in (model, loaded))
        np.testing.assert_array_equal(texts, again)
        assert len({text.tobytes() for text in texts}) == 3
        return
    if not isinstance(model, kg.capabilities.Generates):
        with pytest.raises(UsageError, match="does not generate"):
            write_samples(model, tmp_path / "x.npy", num=1, seed=0, labels=None)
        return
    if not model.can_generate:
        model.fit_latent_density(trained.case.x)
    model.save(path)
    loaded = keras.saving.load_model(path)
    labels = None if trained.case.y is None else [0, 1, 2]
    samples = [m.sample(3, seed=5, condition=labels) for m in (model, loaded)]
    np.testing.assert_array_equal(*samples)
    assert np.ptp(samples[0], axis=0).max() > 0


def test_a_model_saved_before_compile_loads_uncompiled(make_case, tmp_path):
    model = make_case("dense_vae").make()
    model = type(model).from_config(model.get_config())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.compiled
    assert plain(loaded.get_config()) == plain(model.get_config())
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(a, b)


class Crash(keras.callbacks.Callback):
    """Ends the process, as it were, before the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError("power cut")


@pytest.mark.parametrize(
    "case",
    [
        "denoising_autoencoder",
        pytest.param("conditional_wgan", marks=pytest.mark.slow),
        pytest.param("conv_vae", marks=pytest.mark.slow),
        pytest.param("augmented_acgan", marks=pytest.mark.slow),
        pytest.param("conditional_image_flow", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    case, tmp_path, assert_same_state
):
    x, y = case.rows(case, 0, 32)

    def train(*callbacks):
        model = case.make("adam")
        history = fit(model, x, y, epochs=4, callbacks=[*callbacks])
        return model, next(iter(history.history.values()))

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path)

    whole, losses = train()
    with pytest.raises(InterruptedError):
        train(backup(), Crash())
    resumed, later = train(backup())
    assert later == losses[2:]
    assert_same_state(whole, resumed)


def test_a_fit_after_a_crash_validates_on_its_own_data(make_case):
    case = make_case("dense_autoencoder")
    model = case.make()
    x, _ = case.rows(case, 0, 32)
    with pytest.raises(InterruptedError):
        fit(model, x, None, epochs=4, validation_data=(x, None), callbacks=[Crash()])
    zeros = np.zeros_like(x)
    history = fit(model, x, None, validation_data=(zeros, None)).history
    expected = model.evaluate(zeros, batch_size=16, verbose=0, return_dict=True)
    assert history["val_loss"] == [expected["loss"]]


def test_the_seed_decides_the_noise_of_training(make_case, assert_same_state, state):
    case = make_case("denoising_autoencoder")

    def train(seed):
        model = case.make()
        model.seed = seed
        fit(model, *case.rows(case, 0, 32))
        return model

    first, again, other = train(1), train(1), train(2)
    assert_same_state(first, again)
    assert any(np.any(a != b) for a, b in zip(state(first), state(other), strict=True))


@keras.saving.register_keras_serializable("tests")
class Jitter(keras.layers.Layer):
    """A user's layer with random numbers of its own, in a list."""

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seeds = [keras.random.SeedGenerator(seed)]

    def call(self, x, training=False):  # noqa: FBT002
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seeds[0])
        return x + 0.1 * noise if training else x


def random_network(shape, size):
    """With a mask, noise and jitter, all of them by Keras' own seed generators."""
    inside = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.3), Jitter()])
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Dense(8),
            inside,
            keras.layers.GaussianNoise(0.2),
            keras.layers.Dense(size),
        ]
    )


def noisy_vae():
    model = kg.VAE(random_network((6,), 4), random_network((2,), 6), seed=0)
    model.compile("adam", jit_compile=False)
    return model


@pytest.mark.parametrize("form", ["keras", "weights.h5"])
def test_random_layers_of_keras_go_on_where_they_stopped(
    form, tmp_path, assert_same_state
):
    x = np.random.default_rng(0).random((32, 6), np.float32)
    model, path = noisy_vae(), tmp_path / f"model.{form}"
    fit(model, x, None)
    if form == "keras":
        model.save(path)
        loaded = keras.saving.load_model(path)
    else:
        model.save_weights(path)
        loaded = noisy_vae()
        loaded.load_weights(path)
    assert_same_state(model, loaded)
    histories = [fit(m, x, None).history for m in (model, loaded)]
    assert histories[0] == histories[1]
    assert_same_state(model, loaded)


def test_files_without_random_states_load(tmp_path, monkeypatch):
    model = noisy_vae()
    with monkeypatch.context() as before:
        before.setattr(kg.VAE, "_random_states", lambda self: [])
        model.save(tmp_path / "old.keras")
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_alone_can_be_saved(trained, tmp_path):
    model, path = trained.model, tmp_path / "model.weights.h5"
    model.save_weights(path)
    other = trained.case.make(keras.optimizers.Adam(0.02))
    other.load_weights(path)
    for a, b in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5"])
def test_the_old_format_of_keras_is_refused_before_it_is_written(
    name, make_case, tmp_path
):
    model = make_case("dense_vae").make()
    with pytest.raises(ValueError, match=r"must end in .keras.*name.weights.h5"):
        model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


# models of one's own


VECTORS = kg.specs.Vectors(2, is_unit=True)
POINTS = np.random.default_rng(0).random((32, 2), "float32")


def layer(size=1):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(size)])


class Own(kg.GenerativeModel):
    """Its terms are those of a function of its outputs."""

    arguments = ("network",)

    def __init__(self, network, terms=None, **kwargs):
        super().__init__(VECTORS, **kwargs)
        self.network, self.terms = network, terms

    def loss_terms(self, x, condition, noise, *, training):
        return self.terms(self.network(x, training=training))


TERMS_REFUSED = {
    "a vector": (
        lambda out: {"loss": out[:, 0]},
        r"Own.loss_terms must return scalars, received 'loss' of shape \(.*,\)\. Take "
        r"its mean: keras\.ops\.mean\(loss\)",
    ),
    "a term that is not minimised": (
        lambda out: {"loss": keras.ops.mean(out), "error": out},
        r"must return scalars, received 'error' of shape \(.*, 1\)",
    ),
    "no loss": (
        lambda out: {"mse": keras.ops.mean(out), "kl": keras.ops.mean(out)},
        "Own.loss_terms must return 'loss', received 'mse', 'kl'",
    ),
    "no term": (lambda out: {}, "must return 'loss', received no terms"),
    "no dict": (keras.ops.mean, r"must return a dict of scalars, received a \w*Tensor"),
}


@pytest.mark.parametrize("runs", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("terms", "message"), TERMS_REFUSED.values(), ids=TERMS_REFUSED
)
def test_terms_that_cannot_be_minimised_are_refused(terms, message, runs):
    model = Own(layer(), terms)
    model.compile("sgd", jit_compile=False)
    with pytest.raises(ValueError, match=message):
        getattr(model, runs)(POINTS, verbose=0)
    assert model.training_steps == 0


def test_regularizers_add_to_the_loss_in_any_order():
    dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(10.0))
    network = keras.Sequential([keras.Input((2,)), dense])
    penalty = 10 * float(np.sum(network.get_weights()[0] ** 2))

    def terms(out):
        return {"other": keras.ops.mean(out), "loss": 2 * keras.ops.mean(out)}

    model = Own(network, terms)
    model.compile("sgd", jit_compile=False)
    found = model.evaluate(POINTS, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(2 * found["other"] + penalty, rel=1e-5)


def test_a_network_that_is_built_too_late_is_refused():
    late = keras.Sequential([keras.layers.Dense(1)])
    model = Own(late, lambda out: {"loss": keras.ops.mean(out)})
    model.compile("sgd", jit_compile=False)
    with pytest.raises(ValueError, match=r"trainable weights for fit. .*keras.Input"):
        model.fit(POINTS, verbose=0)
    model.other = layer()
    model.compile("sgd", jit_compile=False)
    words = r"kernel|bias was made in a training step.*network\.build"
    with pytest.raises(ValueError, match=words):
        model.fit(POINTS, verbose=0)


class Forgetful(Own):
    arguments = ()


class Closed(kg.GenerativeModel):
    arguments = ("network",)

    def __init__(self, network):
        super().__init__(VECTORS)
        self.network = network


class Wider(kg.VAE):
    def __init__(self, encoder, decoder, width, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.width = width


def vae_parts():
    return kg.networks.mlp_vae((2,), 1, units=(4,))


UNLOADABLE = {
    "no arguments": (
        lambda: Forgetful(layer()),
        r"Forgetful.arguments must name network, .* Set arguments = \(\"network\",\)",
    ),
    "a subclass of a family": (
        lambda: Wider(*vae_parts(), 3),
        r"Wider.arguments must name width, .*\"condition\", \"width\",\)",
    ),
    "no constructor": (
        lambda: type("Plain", (kg.GenerativeModel,), {})(VECTORS),
        "Plain.arguments must name inputs",
    ),
    "no seed": (
        lambda: Closed(layer()),
        r"Closed.__init__ must take seed, name, dtype, .*Add \*\*kwargs",
    ),
}


@pytest.mark.parametrize(("make", "message"), UNLOADABLE.values(), ids=UNLOADABLE)
def test_a_model_that_could_not_be_loaded_is_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_argument_without_an_attribute_is_refused_before_training():
    class Renamed(kg.GenerativeModel):
        arguments = ("network",)

        def __init__(self, network, **kwargs):
            super().__init__(VECTORS, **kwargs)
            self.other = network

    words = r"Renamed has no attribute network, .*self\.network = network"
    with pytest.raises(ValueError, match=words):
        Renamed(layer()).compile("sgd")


@keras.saving.register_keras_serializable("tests")
class Sized(kg.GenerativeModel):
    """A model that saves itself by its own `get_config`."""

    def __init__(self, size, **kwargs):
        super().__init__(VECTORS, **kwargs)
        self.network = layer(size)

    def loss_terms(self, x, condition, noise, *, training):
        return {"loss": keras.ops.mean(self.network(x) ** 2)}

    def get_config(self):
        return {**super().get_config(), "size": self.network.output_shape[-1]}


@keras.saving.register_keras_serializable("tests")
class SizedToo(Sized):
    def __init__(self, size, **kwargs):
        super().__init__(size, **kwargs)


@pytest.mark.parametrize("kind", [Sized, SizedToo])
def test_a_model_with_its_own_configuration_is_saved_and_loaded(kind, tmp_path):
    model = kind(3, seed=1)
    model.compile("sgd", jit_compile=False)
    model.fit(POINTS, verbose=0)
    model.save(tmp_path / "own.keras")
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    assert loaded.training_steps == 1
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@keras.saving.register_keras_serializable("tests")
class Follows(Own):
    """A code that follows the outputs by a moving average, faster after a warm-up."""

    def __init__(self, network, **kwargs):
        super().__init__(network, **kwargs)
        self.code = self.add_weight((1,), "zeros", name="code", trainable=False)

    def loss_terms(self, x, condition, noise, *, training):
        out = self.network(x, training=training)
        if training:
            share = tf.where(noise.step < 3, 0.1, 0.5)
            mean = keras.ops.mean(keras.ops.stop_gradient(out), axis=0)
            self.code.assign(self.code + share * (mean - self.code))
        return {"loss": keras.ops.mean((out - self.code + noise.normal((1,), 0)) ** 2)}


def test_a_weight_that_a_step_assigns_resumes_exactly(tmp_path, assert_same_state):
    """With several steps per call, the step's number decides the warm-up."""
    start = layer().get_weights()

    def make():
        model = Follows(layer(), seed=3)
        model.network.set_weights(start)
        model.compile(keras.optimizers.SGD(0.0), steps_per_execution=2)
        return model

    whole, half = make(), make()
    fit(whole, POINTS, None, epochs=3)
    fit(half, POINTS, None, epochs=2)
    half.save(tmp_path / "half.keras")
    loaded = keras.saving.load_model(tmp_path / "half.keras")
    fit(loaded, POINTS, None, epochs=3, initial_epoch=2)
    assert_same_state(whole, loaded)
    expected = 0.0
    for step, rows in enumerate([POINTS[:16], POINTS[16:]] * 3):
        mean = whole.network(rows).numpy().mean()
        expected += (0.1 if step < 3 else 0.5) * (mean - expected)
    assert whole.code.numpy()[0] == pytest.approx(expected, rel=1e-5)
    whole.evaluate(POINTS, verbose=0)
    assert whole.code.numpy()[0] == pytest.approx(expected, rel=1e-5)

"""How `fit` runs: steps per call, XLA, settings, kinds of input."""

import random
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.engine.training import choose_modes

from .marks import but_slow

CALLBACKS = keras.callbacks


def fit(model, x, y=None, **options):
    size = 16 if isinstance(x, np.ndarray) else None
    return model.fit(x, y, batch_size=size, shuffle=False, verbose=0, **options)


class Watcher(CALLBACKS.Callback):
    """Writes down the batches it is called for."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)


@pytest.fixture
def dense(make_case):
    return make_case("dense_autoencoder")


def test_steps_per_call_follow_the_callbacks_of_each_fit(dense, tmp_path):
    model, x, watcher = dense.make(), dense.x[:40], Watcher()
    epochwise = [
        CALLBACKS.ModelCheckpoint(tmp_path / "{epoch}.keras"),
        CALLBACKS.BackupAndRestore(tmp_path),
    ]
    by_lambda = CALLBACKS.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    steps = []
    for callbacks in ([], [watcher], epochwise, [by_lambda]):
        fit(model, x, callbacks=callbacks)
        steps.append(model.steps_per_execution)
        assert len(model.predict(dense.x, batch_size=16, verbose=0)) == len(dense.x)
    assert steps == [32, 1, 32, 1]
    assert watcher.seen == [0, 1, 2]
    assert int(model.optimizer.iterations) == 12


@pytest.mark.parametrize(("epoch", "validation"), [(40, 12), (37, None), (64, 64)])
def test_an_endless_dataset_gives_the_steps_asked_for(dense, epoch, validation):
    model = dense.make()
    endless = tf.data.Dataset.from_tensor_slices(dense.x).repeat().batch(4)
    held_out = None if validation is None else endless
    counts = {"steps_per_epoch": epoch, "validation_steps": validation}
    history = fit(model, endless, epochs=2, validation_data=held_out, **counts)
    assert int(model.optimizer.iterations) == 2 * epoch
    if validation:
        rows = dense.x[np.arange(4 * validation) % len(dense.x)]
        error = model.reconstruction_error(rows).mean()
        assert history.history["val_loss"][-1] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize(
    ("case", "jit_compile"),
    [
        ("denoising_autoencoder", False),
        pytest.param("dense_vae", True, marks=pytest.mark.slow),
        pytest.param("conv_vae", False, marks=pytest.mark.slow),
        ("conditional_wgan", False),
    ],
    indirect=["case"],
)
def test_steps_per_call_do_not_change_the_weights(case, jit_compile, assert_same_state):
    models = [
        case.make(steps_per_execution=steps, jit_compile=jit_compile)
        for steps in (1, 32)
    ]
    histories = [fit(m, *case.rows(case, 0, 48), epochs=2).history for m in models]
    assert histories[0] == histories[1]
    assert_same_state(*models)


def test_xla_is_for_dense_networks(case):
    others = ("classifier", "unet_diffusion", "super_resolution")  # and attention
    others += ("own_language_model", "style_gan")
    has_convolutions = "conv" in case.name or case.name in others
    assert case.make(jit_compile="auto").jit_compile != has_convolutions


def test_a_gpu_leaves_xla_to_keras_but_never_to_eager_runs(dense, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [kind])
    model = dense.make(jit_compile="auto", run_eagerly=True)
    assert model.jit_compile is False


@pytest.mark.parametrize(
    "case",
    [
        "sparse_contractive_autoencoder",
        pytest.param("conditional_wgan", marks=pytest.mark.slow),
        pytest.param("iwae", marks=pytest.mark.slow),
        pytest.param("mixture_vae", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_xla_trains_like_the_graph(case):
    models = [
        case.make(keras.optimizers.SGD(1e-3), jit_compile=jit)
        for jit in ("auto", False)
    ]
    assert [m.jit_compile for m in models] == [True, False]
    before = [w.numpy() for w in models[0].weights]
    for model in models:
        fit(model, *case.rows(case, 0, 48))
    for start, a, b in zip(before, *(m.weights for m in models), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
        moved = np.any(start != a.numpy()) or a.path.endswith("psi/bias")
        assert moved or not a.trainable


def test_xla_compiles_the_contractive_step_once(make_case):
    case = make_case("sparse_contractive_autoencoder")
    model = case.make(jit_compile=True)
    compiled = Compilations()
    fit(model, case.x[:16], callbacks=[compiled])
    fit(model, np.repeat(case.x[:16], 30, axis=0), callbacks=[compiled])
    first, *later = compiled.seconds
    assert np.median(later) < first / 10


class Compilations(CALLBACKS.Callback):
    """Measures each training step."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        self.start = tf.timestamp()

    def on_train_batch_end(self, batch, logs=None):
        self.seconds.append(float(tf.timestamp() - self.start))


def test_explicit_settings_are_kept_and_saved(dense, tmp_path):
    wanted = {"steps_per_execution": 4, "jit_compile": False, "run_eagerly": False}
    model = dense.make("sgd", **wanted)
    fit(model, dense.x[:16], callbacks=[Watcher()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        assert {name: getattr(m, name) for name in wanted} == wanted
        assert isinstance(m.optimizer, keras.optimizers.SGD)


def test_a_reloaded_model_chooses_its_settings_anew(dense, tmp_path):
    model = dense.make(jit_compile="auto")
    model.save(tmp_path / "model.keras")
    requested = keras.saving.load_model(tmp_path / "model.keras").get_compile_config()
    assert requested["jit_compile"] == requested["steps_per_execution"] == "auto"


@pytest.mark.parametrize("unknown", [{"loss": "mse"}, {"metrics": ["mae"]}])
def test_compile_refuses_a_loss(dense, unknown):
    with pytest.raises(TypeError, match=f"'{next(iter(unknown))}'.*its own loss"):
        dense.make(**unknown)


def test_an_eager_run_trains_like_the_graph(make_case):
    case = make_case("conditional_vae")
    x, y = case.rows(case, 0, 32)
    eager, graph = (
        case.make(keras.optimizers.SGD(1e-3), run_eagerly=flag)
        for flag in (True, False)
    )
    losses = [fit(m, x, y).history["loss"] for m in (eager, graph)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for a, b in zip(eager.weights, graph.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


class Sequence(keras.utils.PyDataset):
    """Batches of 16 rows."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return -(-len(self.x) // 16)

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * (index + 1))
        return self.x[rows], self.y[rows]


@pytest.mark.parametrize("num_rows", but_slow([32, 40], [40]))  # of batches of 16
def test_every_kind_of_input_trains_alike(num_rows, make_case, assert_same_state):
    case = make_case("conditional_vae")
    x, y = case.rows(case, 0, num_rows)
    sequence = Sequence(x, y)
    inputs = {
        "tf.data": tf.data.Dataset.from_tensor_slices((x, y)).batch(16),
        "PyDataset": sequence,
        "generator": (sequence[i] for i in range(len(sequence))),
        "column of labels": (x, y[:, None].astype("int64")),
    }
    reference = case.make()
    fit(reference, x, y)
    for data in inputs.values():
        model = case.make()
        if isinstance(data, tuple):
            fit(model, *data)
        else:
            model.fit(data, shuffle=False, verbose=0)
        assert_same_state(reference, model)


def test_uint8_means_a_255th(make_case):
    case = make_case("dense_vae")
    small = (case.x[:32] * 255).astype("uint8")
    large = (small / 255).astype("float32")
    models = [case.make(keras.optimizers.SGD(1e-3)) for _ in range(2)]
    for model, x in zip(models, (small, large), strict=True):
        fit(model, x, validation_data=(x, None))
    for a, b in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    model = models[0]
    calls = (model.encode, model.reconstruct, model.elbo, model)
    for call in (*calls, lambda x: model.predict(x, verbose=0)):
        np.testing.assert_allclose(call(small), call(large), rtol=1e-5, atol=1e-6)


def test_regularizers_of_the_networks_count():
    decay = keras.regularizers.L2(0.1)
    layers = keras.layers
    head = layers.Dense(3, kernel_regularizer=decay)
    encoder = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), head])
    _, decoder = kg.networks.mlp_autoencoder((8, 8, 1), 3, units=())
    model = kg.Autoencoder(encoder, decoder, seed=0)
    model.compile()
    x = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    penalty = 0.1 * np.square(head.kernel.numpy()).sum()
    assert penalty > 0.1
    assert logs["loss"] - logs["reconstruction_error"] == pytest.approx(
        penalty, rel=1e-3
    )


def test_validation_data_and_a_split_are_the_same_rows(make_case, assert_same_state):
    case = make_case("conditional_vae")
    x, y = case.rows(case, 0, 40)
    split, given = case.make(), case.make()
    left = fit(split, x, y, validation_split=0.2, epochs=2).history
    held_out = x[32:], y[32:]
    right = fit(given, x[:32], y[:32], validation_data=held_out, epochs=2).history
    assert left == right
    assert_same_state(split, given)


def test_a_stream_may_change_its_batch_size(dense, assert_same_state):
    rows = np.split(dense.x[:40], [8, 16, 18, 34])
    model, single = dense.make(), dense.make()
    model.fit(((batch,) for batch in rows), verbose=0)
    for batch in rows:
        single.train_on_batch(batch)
    assert_same_state(model, single)


def test_a_callback_may_evaluate_within_fit(dense, assert_same_state):
    scores = []
    model, alone = dense.make(), dense.make()
    evaluating = CALLBACKS.LambdaCallback(
        on_epoch_end=lambda epoch, logs: scores.append(
            model.evaluate(dense.x[:20], verbose=0, return_dict=True)["loss"]
        )
    )
    fit(model, dense.x, callbacks=[evaluating], validation_data=(dense.x[:20], None))
    fit(alone, dense.x)
    assert_same_state(model, alone)
    assert scores == [pytest.approx(model.history.history["val_loss"][-1])]


def test_parts_of_an_epoch_make_an_epoch(dense, assert_same_state):
    """Arrays keep the order of seed and step where an epoch is cut in pieces."""
    whole, pieces = dense.make(), dense.make()
    how = {"batch_size": 16, "verbose": 0}
    whole.fit(dense.x[:96], epochs=2, **how)
    pieces.fit(dense.x[:96], epochs=6, steps_per_epoch=2, **how)
    assert whole.training_steps == pieces.training_steps == 12
    assert_same_state(whole, pieces)


@pytest.mark.parametrize("array", [True, False])
def test_evaluate_takes_the_steps_asked_for(dense, array):
    model = dense.make()
    stream = tf.data.Dataset.from_tensor_slices(dense.x).batch(7)
    given = {"x": dense.x, "batch_size": 7} if array else {"x": stream}
    loss = model.evaluate(steps=3, verbose=0, return_dict=True, **given)["loss"]
    error = model.reconstruction_error(dense.x[:21]).mean()
    assert loss == pytest.approx(error, rel=1e-5)
    fit(model, dense.x[:40])
    assert model.steps_per_execution == 32


def test_the_bar_does_not_pass_its_end(dense, capsys):
    model, x = dense.make(), dense.x[:80]
    model.fit(x, batch_size=16, verbose=1)
    model.evaluate(x, batch_size=16, verbose=1)
    assert set(re.findall(r"(\d+)/5", capsys.readouterr().out)) == {"5"}


def test_a_callback_may_watch_test_batches(dense):
    seen = []
    watcher = CALLBACKS.LambdaCallback()
    watcher.on_test_batch_end = lambda batch, logs=None: seen.append(batch)
    dense.make().evaluate(dense.x[:40], batch_size=16, verbose=0, callbacks=[watcher])
    assert seen == [0, 1, 2]


def test_a_dataset_and_an_array_of_one_shape_follow_each_other(dense):
    model = dense.make()
    dataset = tf.data.Dataset.from_tensor_slices(dense.x[:32]).batch(16)
    for x in (dataset, dense.x[:32], dataset):
        model.fit(x, batch_size=16, verbose=0, validation_data=dataset)
        model.evaluate(dense.x[:32], batch_size=16, verbose=0)
    assert int(model.optimizer.iterations) == 6


WRONG_OPTIONS = {
    "negative batch": ({"batch_size": -1}, "batch_size must be"),
    "no batch": ({"batch_size": 0}, "batch_size must be"),
    "float batch": ({"batch_size": 2.5}, "batch_size must be"),
    "validation batch": (
        {"validation_batch_size": -1, "validation_split": 0.5},
        "batch_size must be",
    ),
    "no epoch": ({"epochs": 0}, "epochs must be > 0, received 0"),
    "half an epoch": ({"epochs": 0.5}, "epochs must be an integer > 0"),
    "negative split": ({"validation_split": -0.1}, r"validation_split must be in \[0"),
    "large split": ({"validation_split": 1.5}, r"validation_split must be in \[0"),
    "no steps": ({"steps_per_epoch": 0}, "steps_per_epoch must be > 0, received 0"),
    "fewer steps": ({"steps_per_epoch": -1}, "steps_per_epoch must be > 0"),
    "parts of steps": ({"steps_per_epoch": 1.5}, "steps_per_epoch must be an integer"),
    "nothing held out": (
        {"validation_split": 0.5, "validation_steps": 0},
        "validation_steps must be > 0",
    ),
}


@pytest.mark.parametrize(
    ("options", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS
)
def test_wrong_options_are_refused_before_training(dense, options, message):
    model = dense.make()
    with pytest.raises(ValueError, match=message):
        model.fit(dense.x, verbose=0, **options)
    assert int(model.optimizer.iterations) == 0


def test_no_steps_of_evaluation_or_prediction_are_refused(dense):
    model = dense.make()
    for method in (model.evaluate, model.predict):
        with pytest.raises(ValueError, match="steps must be > 0, received 0"):
            method(dense.x, steps=0, verbose=0)


def test_no_epochs_change_nothing(dense, state):
    """As in Keras, where a run that is resumed may be at its end."""
    model = dense.make()
    before = state(model)
    assert fit(model, dense.x, epochs=3, initial_epoch=3).history == {}
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_many_models_give_no_warning_of_tensorflow(make_case, caplog):
    case = make_case("dense_autoencoder")
    for _ in range(6):
        model = case.make()
        fit(model, case.x[:20], validation_data=(case.x[:9], None))
    assert "retracing" not in caplog.text


ROWS = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
FACTOR, OFFSET = np.array([2.0**20, 2.0**-7]), np.array([3e6, 8.0])
NARROW = {"units": (4,)}
VECTOR_MODELS = {
    "autoencoder": lambda: kg.Autoencoder(
        *kg.networks.mlp_autoencoder((2,), 1, **NARROW), seed=0
    ),
    "vae": lambda: kg.VAE(*kg.networks.mlp_vae((2,), 1, **NARROW), seed=0),
    "gan": lambda: kg.GAN(
        *kg.networks.mlp_gan((2,), 2, generator_units=(4,), discriminator_units=(4,)),
        seed=0,
    ),
    "flow": lambda: kg.Flow(kg.bijectors.real_nvp(2, **NARROW), (2,), seed=0),
    "planar": lambda: kg.Flow([kg.bijectors.Planar(seed=1)], (2,), seed=0),
    "diffusion": lambda: kg.Diffusion(kg.networks.mlp_denoiser((2,), **NARROW), seed=0),
}


@pytest.mark.parametrize("name", VECTOR_MODELS)
def test_columns_of_any_scale_train_every_family_alike(name):
    """What a model learns does not depend on the units; densities follow them."""
    models, rows = [], (ROWS, ROWS * FACTOR + OFFSET)
    for x in rows:
        random.seed(0)
        model = VECTOR_MODELS[name]()
        count = 1 + (name == "gan")
        model.compile(
            *(keras.optimizers.SGD(0.01) for _ in range(count)), jit_compile=False
        )
        model.fit(x, batch_size=32, epochs=2, verbose=0)
        models.append(model)
    near, far = models
    volume = np.log(FACTOR).sum()
    if name == "autoencoder":
        found = [m.encode(x) for m, x in zip(models, rows, strict=True)]
        np.testing.assert_allclose(*found, atol=1e-3)
        return
    samples = (far.sample(20, seed=1) - OFFSET) / FACTOR
    np.testing.assert_allclose(samples, near.sample(20, seed=1), atol=2e-3)
    if name == "vae":
        found = [m.elbo(x, seed=0) for m, x in zip(models, rows, strict=True)]
        np.testing.assert_allclose(found[1] + volume, found[0], atol=1e-2)
    if hasattr(near, "log_prob"):
        found = [m.log_prob(x) for m, x in zip(models, rows, strict=True)]
        np.testing.assert_allclose(found[1] + volume, found[0], atol=1e-2)


BETTER = {
    "dense_vae": {
        "loss": "min",
        "elbo": "max",
        "reconstruction_nll": "min",
        "kl": "min",
    },
    "sparse_contractive_autoencoder": {"loss": "min", "contractive": "min"},
    "classifier": {"loss": "min", "accuracy": "max"},
    "augmented_acgan": {
        "discriminator_loss": "min",
        "generator_loss": "min",
        "r1": "min",
        "class_accuracy": "max",
        "real_accuracy": None,
        "generator_gradient_norm": None,
        "augmentation_probability": None,
    },
    "infogan": {"mutual_information": "max"},
    "conv_vq_vae": {"usage": "max", "perplexity": None, "commitment": "min"},
    "conditional_image_flow": {"bits_per_dim": "min"},
}


@pytest.mark.parametrize("name", BETTER)
def test_callbacks_know_which_way_a_term_gets_better(name, make_case):
    model = make_case(name).make()
    for term, mode in BETTER[name].items():
        assert term in {metric.name for metric in model.metrics}
        for monitor in (term, f"val_{term}"):
            callback = CALLBACKS.EarlyStopping(monitor)
            choose_modes([callback], model._terms)
            assert callback.mode == (mode or "auto")
    distance = CALLBACKS.ReduceLROnPlateau("frechet_distance")
    choose_modes([distance], model._terms)
    assert distance.mode == "min"
    decided = CALLBACKS.ReduceLROnPlateau("loss", mode="max")
    choose_modes([decided, CALLBACKS.History()], model._terms)
    assert decided.mode == "max"


def test_a_term_without_a_better_side_needs_a_mode(make_case):
    case = make_case("dense_gan")
    callback = CALLBACKS.EarlyStopping("real_accuracy")
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        fit(case.make(), *case.rows(case, 0, 16), callbacks=[callback])


def test_training_stops_and_keeps_the_best_by_a_bound(dense, tmp_path):
    pair = kg.networks.mlp_vae((6,), 2, units=(4,))
    model = kg.VAE(*pair, likelihood=kg.Bernoulli(), seed=0)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    x = np.full((32, 6), 0.5, "float32")
    kept = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.keras", monitor="val_elbo", save_best_only=True
    )
    stops = keras.callbacks.EarlyStopping("val_elbo", patience=2, min_delta=1.0)
    history = model.fit(
        x,
        epochs=9,
        verbose=0,
        validation_data=(x, None),
        callbacks=[stops, kept],
    ).history
    assert len(history["val_elbo"]) == 3
    best = 1 + int(np.argmax(history["val_elbo"]))
    assert f"{best}.keras" in {p.name for p in tmp_path.iterdir()}


def test_what_fit_and_complete_are_given_is_checked_once(monkeypatch, make_case):
    checked, check = [], kg.specs.Spec.check
    monkeypatch.setattr(
        kg.specs.Spec,
        "check",
        lambda self, values, name, **how: (
            checked.append(name) or check(self, values, name, **how)
        ),
    )
    case = make_case("conditional_vae")
    x, y = case.rows(case, 0, 32)
    case.make().fit(x, y, validation_data=(x, y), verbose=0)
    names = ["x", "validation_data"]
    assert sorted(checked) == sorted([*names, *(f"labels of {name}" for name in names)])
    checked.clear()
    make_case("language_model").make().complete(["nora", "to"], 2, seed=0)
    assert checked == ["prompt"]

"""Normalizing flows: densities that sum to 1, data that set weights, bad input."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import random as random_numbers
from keras_gen import rows

from ..marks import but_slow

RNG = np.random.default_rng(0)
SMALL = {"units": (8,), "activation": "tanh"}
BUILDERS = {
    "nice": lambda: bj.nice(2, **SMALL),
    "real_nvp": lambda: bj.real_nvp(2, **SMALL),
    "neural_spline": lambda: bj.neural_spline(2, num_bins=4, **SMALL),
    "autoregressive_spline": lambda: bj.neural_spline(
        1, num_bins=4, autoregressive=True, **SMALL
    ),
    "masked_autoregressive": lambda: bj.masked_autoregressive(2, **SMALL),
    "inverse_autoregressive": lambda: bj.masked_autoregressive(
        2, inverse=True, **SMALL
    ),
    "planar": lambda: [bj.Planar(seed=1), bj.Radial(seed=2)],
}
CLASSES = {"condition": kg.specs.Classes(3)}
NUMBERS = {"condition": kg.specs.Vectors(2)}
FLOWS = {
    **{name: (build, {}) for name, build in BUILDERS.items()},
    "mixture": (BUILDERS["real_nvp"], {"base": 3}),
    "labels": (BUILDERS["real_nvp"], CLASSES),
    "context": (BUILDERS["neural_spline"], NUMBERS),
}
TWO = (RNG.normal(size=(60, 2)) @ [[1, 0.5], [0, 0.3]] + [3, -1]).astype(np.float32)
LABELS = (np.arange(60) % 3).astype(np.int32)
CONTEXT = RNG.normal(size=(60, 2)).astype(np.float32)


def perturbed(model, spread=0.2):
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.dtype != "bool" and "standardizer" not in weight.path:
            weight.assign_add(rng.normal(0, spread, weight.shape))
    return model


def build(name):
    make, options = FLOWS[name]
    random.seed(0)
    if "base" in options:
        options = {"base": bj.LearnedMixture(options["base"])}
    return perturbed(kg.Flow(make(), (2,), seed=0, **options))


def affine(**options):
    return kg.Flow(bj.real_nvp(2, **SMALL), (2,), seed=0, **options)


def conditions(model, rows):
    """Arguments of one condition, the same for all rows."""
    if kg.specs.num_classes(model.condition):
        return {"condition": np.full(rows, 2, np.int32)}
    if model.condition:
        return {"condition": np.tile(np.float32([0.5, -1]), (rows, 1))}
    return {}


@pytest.mark.parametrize("name", FLOWS)
def test_densities_sum_to_one(name):
    model, side = build(name), np.linspace(-14, 14, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), -1).reshape((-1, 2))
    given = conditions(model, len(grid))
    tensors = {k: tf.constant(v) for k, v in given.items()}
    density = np.exp(model.log_prob(tf.constant(grid), **tensors).numpy())
    cell = float(side[1] - side[0]) ** 2
    assert density.sum(dtype=np.float64) * cell == pytest.approx(1, abs=1e-3)
    assert density.max() < 50


@pytest.mark.parametrize("name", ["real_nvp", "planar", "labels", "context"])
def test_log_prob_is_the_change_of_variables(name):
    model, x = build(name), tf.constant(TWO[:20])
    given = {k: tf.constant(v) for k, v in conditions(model, 20).items()}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = model.encode(x, **given)
    rows = tape.batch_jacobian(z, x, experimental_use_pfor=False)
    _, log_det = np.linalg.slogdet(rows.numpy().astype(np.float64))
    expected = stats.norm.logpdf(z).sum(1) + log_det
    np.testing.assert_allclose(model.log_prob(x, **given), expected, atol=1e-4)


def test_gradients_by_the_data_flow_after_the_data_were_seen():
    """TFP remembers what it made of a tensor, outside the tape too."""
    model = kg.Flow([bj.Flatten(), bj.Permutation(), *bj.nice(2, **SMALL)], (2,))
    x = tf.constant(TWO)
    z = model.encode(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_prob = model.log_prob(x)
    np.testing.assert_allclose(tape.gradient(log_prob, x), -z.numpy()[:, ::-1])


@pytest.mark.parametrize("inverse", but_slow([False, True], {False}))
def test_one_value_trains_by_xla(inverse):
    model = kg.Flow(bj.masked_autoregressive(1, inverse=inverse, **SMALL), (1,), seed=0)
    model.compile("adam", jit_compile=True)
    loss = model.fit(TWO[:, :1], batch_size=30, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    z = model.encode(TWO[:, :1])
    np.testing.assert_allclose(model.decode(z), TWO[:, :1], atol=1e-4)


def test_samples_have_the_density():
    model = build("real_nvp")
    x = model.sample(20_000, seed=1)
    z = model.encode(x)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    np.testing.assert_allclose(model.decode(z), x, atol=1e-3)
    np.testing.assert_allclose(model.reconstruct(TWO), TWO, atol=1e-5)


def test_the_density_is_minus_infinity_outside_its_support():
    for margin, low, high in ((0, 0, 1), (0.05, -0.05 / 0.9, 0.95 / 0.9)):
        layers = [bj.Logit(margin), *bj.real_nvp(2, **SMALL)]
        model = perturbed(kg.Flow(layers, (2,), seed=0))
        outside = [low - 0.01, high + 0.01, -5.0, 5.0]
        outside += [low, high] if margin == 0 else []
        x = np.array([[v, 0.5] for v in outside] + [[0.5, v] for v in outside])
        assert (model.log_prob(x) == -np.inf).all()
        inside = np.array([[low + 1e-4, 0.5], [0.5, high - 1e-4], [0.2, 0.9]])
        assert np.isfinite(model.log_prob(inside)).all()


def test_arrays_outside_the_support_have_no_codes():
    model = kg.Flow([bj.Logit(), *bj.real_nvp(2, **SMALL)], (2,), seed=0)
    model.bijectors[1].log_scale.assign([0.3, -0.2])
    x = np.full((5, 2), 0.5, np.float32)
    x[3, 1], x[4, 0] = 1.25, -0.25
    for call in (model.encode, model.reconstruct):
        with pytest.raises(
            ValueError, match="x has 2 of 5 rows outside .* row 3 first"
        ):
            call(x)
        found = np.isfinite(call(tf.constant(x))).all(axis=1)
        np.testing.assert_array_equal(found, np.isfinite(model.log_prob(x)))
        np.testing.assert_array_equal(call(x[:3]), call(tf.constant(x))[:3])
    for name, pair in (("a", (x[2:], x[:3])), ("b", (x[:3], x[2:]))):
        with pytest.raises(
            ValueError, match=f"{name}: x has 2 of 3 rows .* row 1 first"
        ):
            model.interpolate(*pair, 2)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("real_nvp", "float32"),
        pytest.param("labels", "mixed_float16", marks=pytest.mark.slow),
        ("context", "float32"),
        pytest.param("real_nvp", "mixed_float16", marks=pytest.mark.slow),
        pytest.param("labels", "float32", marks=pytest.mark.slow),
        pytest.param("context", "mixed_float16", marks=pytest.mark.slow),
    ],
)
def test_a_call_is_the_log_likelihood(name, policy, capsys):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy(before)
    given = {"labels": {"condition": LABELS}, "context": {"condition": CONTEXT}}
    given = given.get(name, {})
    inputs = [TWO, *given.values()] if given else TWO
    expected = model.log_prob(TWO, **given)
    assert expected.shape == (60,)
    for found in (model(inputs), model.predict(inputs, batch_size=25, verbose=0)):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    if given:
        with pytest.raises(ValueError, match=f"{name} (is|are) missing"):
            model(TWO)
    model.summary()
    assert f"Total params: {model.count_params():,}" in capsys.readouterr().out


def test_data_set_the_weights_once(tmp_path):
    def compiled():
        random.seed(0)
        model = affine()
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
        return model

    model = compiled()
    assert not model.initialized.numpy()
    model.fit(TWO, verbose=0)
    assert model.initialized.numpy()
    first, actnorm = model.bijectors[0], model.bijectors[2]
    np.testing.assert_allclose(first.mean, TWO.mean(0), rtol=1e-5)
    np.testing.assert_allclose(np.exp(first.log_scale), TWO.std(0), rtol=1e-5)
    z = actnorm(model.bijectors[1](first(tf.constant(TWO)))).numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(0), 1, atol=1e-5)
    before = model.get_weights()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    other = compiled()
    other.initialize(TWO)
    for later in (model, loaded, other):
        later.fit(TWO * 10 + 3, verbose=0)
        for a, b in zip(before, later.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


class Batches(keras.utils.PyDataset):
    """All rows in one batch."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.arrays


@pytest.mark.parametrize(
    ("options", "y"),
    [({}, None), (CLASSES, LABELS), (NUMBERS, CONTEXT)],
    ids=["plain", "labels", "context"],
)
def test_every_kind_of_input_sets_the_same_weights(options, y):
    arrays = (TWO,) if y is None else (TWO, y)
    rows = TWO if y is None else arrays
    streams = [
        tf.data.Dataset.from_tensor_slices(rows).batch(7),
        Batches(*arrays),
    ]
    expected = affine(**options)
    expected.initialize(TWO, y)
    for stream in streams:
        model = affine(**options)
        model.compile(jit_compile=False)
        model.initialize(stream)
        for a, b in zip(expected.weights, model.weights, strict=True):
            if a.path.endswith(("mean", "log_scale")) and a.shape == (2,):
                np.testing.assert_allclose(a, b, atol=2e-6)


def test_a_context_trains_and_evaluates_from_arrays_and_datasets():
    model = affine(**NUMBERS)
    model.compile(run_eagerly=True)
    model.fit(TWO, CONTEXT, verbose=0, validation_data=(TWO, CONTEXT))
    dataset = tf.data.Dataset.from_tensor_slices((TWO, CONTEXT)).batch(20)
    model.fit(dataset, verbose=0)
    mean = -model.log_prob(TWO, condition=CONTEXT).mean()
    for given in ((TWO, CONTEXT), (dataset,)):
        assert model.evaluate(*given, verbose=0) == pytest.approx(mean, rel=1e-5)
    one = model.sample(4, seed=1, condition=CONTEXT[0])
    same = model.sample(4, seed=1, condition=np.tile(CONTEXT[0], (4, 1)))
    np.testing.assert_array_equal(one, same)
    other = model.sample(4, seed=1, condition=CONTEXT[1] + 5)
    assert np.abs(one - other).max() > 1e-4


def image(layers, shape=(6, 6, 1), **options):
    return kg.Flow(layers, shape, **options)


LOGIT = bj.UniformDequantization(17)
CONSTRUCTIONS = {
    "no bijector": (
        lambda: kg.Flow([], (2,)),
        "at least one bijector, received an empty",
    ),
    "one value": (lambda: kg.Flow([bj.Coupling()], (1,)), "at least 2 values"),
    "one value alone": (
        lambda: kg.Flow(bj.nice(), (1,)),
        "Use Autoregressive for a single value",
    ),
    "one channel": (lambda: image([bj.Coupling()]), "Put Squeeze before it"),
    "matrix": (
        lambda: kg.Flow(bj.nice(2, **SMALL), kg.specs.Latents((2, 2, 2, 3, 4))),
        r"bijectors\[1\]: Coupling requires vectors, .* shape \(2, 2, 2, 3, 4\)",
    ),
    "scalar": (
        lambda: kg.Flow([bj.Planar()], ()),
        r"inputs must be a list or tuple of integers > 0, received \(\)",
    ),
    "number": (
        lambda: kg.Flow([bj.Planar()], 2),
        "inputs must be a list or tuple of integers > 0, received 2",
    ),
    "no value": (lambda: kg.Flow([bj.Planar()], (0,)), r"inputs\[0\] must be > 0"),
    "unknown": (lambda: kg.Flow([bj.Planar()], (None,)), "must be an integer > 0"),
    "no class": (
        lambda: kg.Flow([bj.Planar()], (2,), condition=kg.specs.Classes(0)),
        "num_classes must be > 0, received 0",
    ),
    "two dtypes": (
        lambda: kg.Flow([bj.Planar(), bj.Radial(dtype="float64")], (2,)),
        r"bijectors must have one dtype, received \['float32', 'float64'\]",
    ),
    "no context": (
        lambda: kg.Flow([bj.Planar()], (2,), condition=kg.specs.Vectors(2.5)),
        "num_values must be an integer > 0, received 2.5",
    ),
    "odd side": (
        lambda: image([bj.Squeeze()], (7, 6, 1)),
        r"received shape \(7, 6, 1\).*nearest to 7 are 6 or 8",
    ),
    "odd inner side": (
        lambda: image(bj.glow(2, 1, **SMALL)),
        r"bijectors\[4\]: bijectors\[0\]: Squeeze .* nearest to 3 are 2 or 4",
    ),
    "smallest side": (lambda: image([bj.Squeeze()], (1, 2, 1)), "nearest to 1 are 2"),
    "autoregressive": (lambda: image([bj.Autoregressive()]), "Put Flatten before"),
    "planar": (lambda: image([bj.Planar()]), "Planar requires vectors"),
    "flat": (
        lambda: image([bj.Flatten(), bj.Squeeze()]),
        r"bijectors\[1\]: Squeeze requires images .* shape \(36,\)\. Put Flatten after",
    ),
    "glow of a series": (
        lambda: kg.Flow(bj.glow(1, 1, **SMALL), (7, 2)),
        r"Squeeze requires even sides, received shape \(7, 2\).* are 6 or 8",
    ),
    "levels": (lambda: bj.UniformDequantization(1), "at least 2, received 1"),
    "margin": (lambda: bj.Logit(0.5), r"\[0, 0.5\), received 0.5"),
    "order": (lambda: bj.Permutation("up"), "'reverse' or 'random', received 'up'"),
    "bins": (lambda: bj.RationalQuadraticSpline(num_bins=1), "received num_bins=1"),
    "limit": (lambda: bj.Affine(limit=-1), "limit must be > 0, received -1"),
    "margin of text": (lambda: bj.Logit("a"), r"\[0, 0.5\), received 'a'"),
    "width 0": (lambda: bj.Coupling(units=(8, 0)), r"units\[1\] must be > 0"),
    "width 2.5": (
        lambda: bj.Autoregressive(units=(2.5,)),
        r"units\[0\] must be an",
    ),
    "units": (
        lambda: bj.Coupling(units=64),
        "units must be a list or tuple of integers > 0, received 64",
    ),
    "activation": (lambda: bj.Autoregressive(activation="sine"), "sine"),
    "no layers": (lambda: bj.neural_spline(0), "num_layers must be > 0, received 0"),
    "one coupling": (lambda: bj.real_nvp(1), "num_couplings must be at least 2"),
    "no steps": (lambda: bj.glow(1, 0), "num_steps must be > 0, received 0"),
    "no levels": (lambda: bj.multi_scale_real_nvp(0), "num_levels must be > 0"),
}
TYPES = {
    "bijector": (lambda: kg.Flow([bj.Affine()], (2,)), r"bijectors\[0\] must be"),
    "list": (lambda: kg.Flow(bj.Planar(), (2,)), "bijectors must be a list"),
    "base": (lambda: kg.Flow([bj.Planar()], (2,), base="normal"), "base must be"),
    "transform": (lambda: bj.Coupling("affine"), "transform must be an Elementwise"),
    "class": (lambda: bj.Coupling(bj.Affine), r"Write Affine\(...\)"),
    "dequantization": (
        lambda: image([bj.Squeeze()], dequantization=256),
        "dequantization must be",
    ),
}


@pytest.mark.parametrize(("make", "message"), CONSTRUCTIONS.values(), ids=CONSTRUCTIONS)
def test_unfit_parts_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), TYPES.values(), ids=TYPES)
def test_parts_of_the_wrong_kind_are_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_parts_serve_one_place_of_one_flow():
    """Else a second flow would put new weights under the first."""
    layers, base = bj.nice(2, **SMALL), bj.LearnedMixture(2)
    first = perturbed(kg.Flow(layers, (2,), base=base))
    before = first.log_prob(tf.constant(TWO))
    with pytest.raises(ValueError, match=r"bijectors\[0\]: Standardization is already"):
        kg.Flow(layers, (2,))
    with pytest.raises(ValueError, match="LearnedMixture already belongs to"):
        kg.Flow(bj.nice(2, **SMALL), (2,), base=base)
    np.testing.assert_array_equal(first.log_prob(tf.constant(TWO)), before)
    coupling = bj.Coupling(**SMALL)
    with pytest.raises(
        ValueError, match=r"bijectors\[2\]: Coupling is already part of a"
    ):
        kg.Flow([coupling, bj.Permutation(), coupling], (2,))
    part = bj.MultiscaleSplit([coupling])
    with pytest.raises(ValueError, match=r"bijectors\[0\]: bijectors\[0\]: Coupling"):
        kg.Flow([part], (4,))


def test_samples_of_continuous_images_stay_in_the_unit_interval():
    layers = [bj.Logit(0.2), bj.Squeeze(), bj.ActNorm()]
    model = image(layers, (2, 2, 1))
    layers[-1].log_scale.assign(4 * [2.0])
    x = model.sample(50, seed=0)
    assert x.min() == 0
    assert x.max() == 1
    inside = RNG.random((5, 2, 2, 1)).astype(np.float32)
    np.testing.assert_allclose(model.decode(model.encode(inside)), inside, atol=1e-6)
    assert np.isfinite(model.log_prob(x)).all()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param(CLASSES, marks=pytest.mark.slow),
        NUMBERS,
    ],
)
def test_bijectors_of_float64_take_and_give_float32(options, tmp_path):
    wide = {**SMALL, "dtype": "float64"}
    layers = [bj.Standardization(dtype="float64"), bj.Coupling(**wide)]
    layers += [bj.Permutation(dtype="float64"), bj.Autoregressive(**wide)]
    model = kg.Flow(layers, (2,), base=bj.LearnedMixture(2), seed=0, **options)
    model.compile(run_eagerly=True)
    y = LABELS if options == CLASSES else CONTEXT if options else None
    model.fit(TWO, y, verbose=0)
    assert {w.dtype for w in model.bijectors[3].weights} == {"float64"}
    given = {"condition": y} if options else {}
    for values in (model.log_prob(TWO, **given), model.sample(60, seed=0, **given)):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    z = model.encode(TWO, **given)
    np.testing.assert_allclose(model.decode(z, **given), TWO, atol=1e-5)
    model.save(tmp_path / "wide.keras")
    loaded = keras.saving.load_model(tmp_path / "wide.keras")
    np.testing.assert_array_equal(loaded.encode(TWO, **given), z)


def spoilt(array):
    array = array.copy()
    array[3, 0] = np.nan
    return array


def stream(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(20)


PAIR = {"condition": kg.specs.Classes(2)}
GIVEN = {  # the options of the flow, what fit gets, what the message says
    "no context": (NUMBERS, (TWO,), "is missing: .* conditional"),
    "no context in a dataset": (NUMBERS, (stream(TWO),), "is missing"),
    "wide context": (
        {"condition": kg.specs.Vectors(3)},
        (TWO, CONTEXT),
        r"\(batch, 3\), received \(60, 2\)",
    ),
    "wide context in a dataset": (
        {"condition": kg.specs.Vectors(3)},
        (stream(TWO, CONTEXT),),
        r"\(batch, 3\), received \(20, 2\)",
    ),
    "short context": (NUMBERS, (TWO, CONTEXT[:9]), "9 rows for 60"),
    "nan in the context": (NUMBERS, (TWO, spoilt(CONTEXT)), "1 NaN"),
    "context for nothing": ({}, (TWO, CONTEXT), "unconditional model"),
    "large label": (PAIR, (TWO, LABELS), r"\[0, 2\), received values in"),
    "nan": ({}, (spoilt(TWO),), "1 NaN or infinite values among 120"),
    "nan in a later batch": (
        {},
        (stream(np.concatenate([TWO, spoilt(TWO)])).map(lambda x: x),),
        "1 NaN or infinite values among 240",
    ),
    "generator": ({}, ((TWO[i : i + 9],) for i in (0, 9)), "Call flow.initialize with"),
}


def test_data_outside_the_support_are_refused_before_training():
    model = kg.Flow([bj.Logit(), *bj.nice(2, **SMALL)], (2,), seed=0)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"bijectors\[0\]: Logit returned \d+ NaN"):
        model.fit(TWO, verbose=0)
    assert np.isfinite(np.concatenate([np.ravel(w) for w in model.get_weights()])).all()
    model.fit(special.expit(TWO), verbose=0)
    assert np.isfinite(model.log_prob(special.expit(TWO))).all()


@pytest.mark.parametrize(("options", "data", "message"), GIVEN.values(), ids=GIVEN)
def test_unfit_data_are_refused_before_training(options, data, message):
    data = (data,) if not isinstance(data, tuple) else data
    model = affine(name="flow", **options)
    model.compile(jit_compile=False)
    with pytest.raises(ValueError, match=message):
        model.fit(*data, verbose=0)
    assert int(model.optimizer.iterations) == 0
    assert not model.initialized.numpy()


def test_a_generator_serves_after_initialize():
    model = affine()
    model.compile(run_eagerly=True)
    model.initialize(TWO)
    model.fit(((TWO[i : i + 20],) for i in (0, 20, 40)), verbose=0)
    assert int(model.optimizer.iterations) == 3


CALLS = {
    "missing": (NUMBERS, {}, "context is missing"),
    "width": (NUMBERS, {"condition": CONTEXT[:, :1]}, r"\(batch, 2\)"),
    "nan": (NUMBERS, {"condition": spoilt(CONTEXT)}, "1 NaN"),
    "rows": (NUMBERS, {"condition": CONTEXT[:7]}, "(number of rows|7 rows for 60)"),
    "unwanted": ({}, {"condition": CONTEXT}, "unconditional model"),
    "label": (PAIR, {"condition": LABELS}, r"\[0, 2\)"),
    "no label": (CLASSES, {}, "labels are missing"),
}


@pytest.mark.parametrize(("options", "given", "message"), CALLS.values(), ids=CALLS)
def test_unfit_conditions_are_refused_by_every_call(options, given, message):
    model = affine(**options)
    for call in (model.log_prob, model.encode, model.decode):
        with pytest.raises(ValueError, match=message):
            call(TWO, **given)
    with pytest.raises(ValueError, match=message):
        model.sample(60, seed=0, **given)


def test_bits_need_grey_values():
    with pytest.raises(ValueError, match="bits_per_dim requires a dequantization"):
        affine().bits_per_dim(TWO)
    with pytest.raises(ValueError, match="dequantize: .* has no dequantization"):
        affine().dequantize(TWO, None, random_numbers.RowNoise(np.arange(60)))
    model = image([bj.Logit(), bj.Squeeze()], dequantization=LOGIT)
    for call in (model.bits_per_dim, model.log_prob, model.encode):
        with pytest.raises(ValueError, match=r"\[0, 1\], received values in \[.*1\.5"):
            call(np.full((1, 6, 6, 1), 1.5))


def test_many_rows_take_several_calls(monkeypatch):
    model = perturbed(kg.Flow(bj.real_nvp(2, **SMALL), (2,), seed=0))
    whole = model.sample(60, seed=1), model.log_prob(TWO)
    monkeypatch.setattr("keras_gen.rows.ROWS_PER_CALL", (7, 16))
    assert rows.rows_per_call(2) == 16
    parts = model.sample(60, seed=1), model.log_prob(TWO)
    for expected, found in zip(whole, parts, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr("keras_gen.rows.VALUES_PER_CALL", 8)
    assert rows.rows_per_call(2) == 7


@pytest.mark.parametrize(
    ("name", "most"),  # 64 rows: one call; 20: several
    [
        pytest.param("real_nvp", 64, marks=pytest.mark.slow),
        ("real_nvp", 20),
        pytest.param("neural_spline", 20, marks=pytest.mark.slow),
        pytest.param("autoregressive_spline", 20, marks=pytest.mark.slow),
    ],
)
def test_many_rows_are_compiled_by_xla_and_stay_the_same(name, most, monkeypatch):
    model = perturbed(
        kg.Flow(BUILDERS[name](), (2,), condition=kg.specs.Classes(3), seed=0)
    )
    few = (
        model.sample(60, seed=1, condition=LABELS),
        model.log_prob(TWO, condition=LABELS),
    )
    most = rows.rows_per_call(2)
    assert not model._rows.gains_by_xla(60, most)
    monkeypatch.setattr("keras_gen.rows.XLA_ROWS", 16)
    assert model._rows.gains_by_xla(60, most)
    monkeypatch.setattr("keras_gen.rows.ROWS_PER_CALL", (7, most))
    many = (
        model.sample(60, seed=1, condition=LABELS),
        model.log_prob(TWO, condition=LABELS),
    )
    for expected, found in zip(few, many, strict=True):
        assert len(found) == 60
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_xla_compiles_for_few_sizes_that_waste_little():
    sizes = [rows._few_sizes(n) for n in range(1, 16_385)]
    assert all(n <= size <= 1.25 * n for n, size in enumerate(sizes, 1))
    assert len({size for size in sizes if size >= 2048}) == 13


class Doubled(bj.LazyBijector):
    """A bijector of a user's own, not registered."""

    def prepare(self, data_shape, context_size=0):
        return data_shape

    def bijector(self, context=None):
        from keras_gen.bijectors.tfp import tfb

        return tfb.Scale(2.0)


def test_own_bijectors_load_by_custom_objects_or_in_a_scope(tmp_path):
    model = kg.Flow([Doubled(), bj.Planar(seed=1)], (2,), seed=0)
    model.save(tmp_path / "own.keras")
    known = {"Doubled": Doubled}
    by_argument = keras.saving.load_model(tmp_path / "own.keras", custom_objects=known)
    with keras.saving.custom_object_scope(known):
        in_scope = keras.saving.load_model(tmp_path / "own.keras")
    for loaded in (by_argument, in_scope):
        np.testing.assert_array_equal(loaded.log_prob(TWO), model.log_prob(TWO))


def test_as_many_labels_as_samples_and_whole_steps_are_asked_for():
    model = build("labels")
    with pytest.raises(ValueError, match="condition has 2 rows for 3 samples"):
        model.sample(3, condition=[0, 1])
    with pytest.raises(ValueError, match="steps must be an integer > 0, received 2.5"):
        model.interpolate(TWO[:1], TWO[1:2], 2.5, condition=[0])

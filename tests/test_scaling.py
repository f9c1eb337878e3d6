"""Columns far from 0, constant or masked; contexts of any scale."""

import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import zoo
from keras_gen.export.endpoints import endpoints_of
from keras_gen.export.reference import reference_outputs
from keras_gen.networks import mlp_denoiser
from keras_gen.scaling import statistics
from keras_gen.validation import check_numbers

from .marks import but_slow

RNG = np.random.default_rng(0)
SMALL = {"units": (8,)}
DRAWN = RNG.normal(size=(400, 2))
TIMES = DRAWN * [50, 3] + [1.7e9, 20.0]
FLOWS = {
    "real_nvp": lambda: bj.real_nvp(2, **SMALL),
    "nice": lambda: bj.nice(2, **SMALL),
    "maf": lambda: bj.masked_autoregressive(2, **SMALL),
    "iaf": lambda: bj.masked_autoregressive(2, inverse=True, **SMALL),
    "spline": lambda: bj.neural_spline(1, num_bins=4, **SMALL),
}


def flow(layers=None, size=2, **options):
    random.seed(0)  # Keras takes the seeds of weights from it
    model = kg.Flow(layers or bj.real_nvp(2, **SMALL), (size,), seed=0, **options)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


def diffusion(size=2, build=kg.Diffusion, **options):
    network = mlp_denoiser((size,), units=(16,))
    if "corruption" in options:
        noisy, level, known = inputs = [keras.Input((n,)) for n in (size, 1, size)]
        joined = keras.layers.Dense(size)(keras.layers.Concatenate()([noisy, known]))
        network = keras.Model(inputs, network([joined, level]) + joined)
    model = build(network, seed=0, **options)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


def whole_seconds(x):
    return np.round(x).astype(np.int64)


@pytest.mark.parametrize("kind", [np.asarray, whole_seconds], ids=["float", "int"])
def test_a_flow_of_timestamps_is_that_of_the_shifted_ones(kind):
    x, near = kind(TIMES), kind(TIMES) - np.array([1_700_000_000, 0])
    model, expected = flow(), flow()
    model.initialize(x)
    expected.initialize(near)
    found = model.log_prob(x)
    np.testing.assert_allclose(found, expected.log_prob(near), atol=1e-3)
    np.testing.assert_allclose(model.decode(model.encode(x)), x, atol=1e-3, rtol=0)
    samples = model.sample(300, seed=1)
    assert samples.dtype == np.float64
    assert len(np.unique(samples[:, 0])) == 300
    assert samples[:, 0].mean() == pytest.approx(1.7e9, abs=15)
    assert samples[:, 0].std() == pytest.approx(50, rel=0.2)


def test_tensors_and_streams_keep_float64_up_to_the_origin():
    model, streamed = flow(), flow()
    model.initialize(TIMES)
    streamed.initialize(tf.data.Dataset.from_tensor_slices(TIMES).batch(400))
    np.testing.assert_array_equal(model.log_prob(TIMES), streamed.log_prob(TIMES))
    np.testing.assert_allclose(
        model.log_prob(tf.constant(TIMES)), model.log_prob(TIMES)
    )
    batch = tf.data.Dataset.from_tensor_slices(TIMES).batch(400)
    terms = streamed.evaluate(batch, verbose=0, return_dict=True)
    assert terms["loss"] == pytest.approx(-model.log_prob(TIMES).mean(), abs=1e-4)
    made = model.decode(tf.constant(model.encode(TIMES)))
    assert made.dtype == tf.float32  # as artifacts have it


def test_a_saved_model_keeps_its_origins(tmp_path):
    model = flow()
    model.initialize(TIMES)
    model.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    assert again.scale.is_far
    np.testing.assert_array_equal(again.sample(5, seed=1), model.sample(5, seed=1))


@pytest.mark.parametrize("dtype", but_slow(["float32", "float64", "int64"], {"int64"}))
def test_diffusion_standardizes_columns_far_from_0(dtype):
    x = (1e6 + 10 * DRAWN).astype(dtype)
    model = diffusion()
    model.fit(x, batch_size=100, verbose=0)
    inner = model.scale.inward(model.inputs.as_input(tf.constant(x))).numpy()
    np.testing.assert_allclose(inner.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(inner.std(axis=0), 1, atol=1e-3)
    samples = model.sample(200, seed=0)
    assert len(np.unique(samples[:, 0])) == 200
    assert abs(samples.mean() - 1e6) < 30
    told = model.solver_facts()
    np.testing.assert_allclose(
        told["mean"], x.astype("float64").mean(axis=0), rtol=1e-7
    )


def test_an_inpainted_timestamp_is_kept_to_the_digit():
    model = diffusion()
    model._prepare(TIMES, None)
    filled = model.inpaint(TIMES, [0, 1], seed=0)
    np.testing.assert_array_equal(filled[:, 0], TIMES[:, 0])
    assert (filled[:, 1] != TIMES[:, 1]).all()


def test_a_restorer_sees_corrupted_columns_on_the_same_scale():
    model = diffusion(build=kg.Restorer, corruption=kg.objectives.GaussianNoise(5.0))
    loss = model.fit(TIMES, batch_size=100, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    corrupted = TIMES + RNG.normal(size=TIMES.shape)
    restored = model.restore(corrupted, seed=0)
    assert restored.dtype == np.float64
    assert np.abs(restored[:, 0] - 1.7e9).max() < 1000
    program = model._program()
    noisy = np.zeros((400, 2), "float32")
    level = np.full(400, program.alpha[0]), np.full(400, program.sigma[0])
    a = model.predict_x0(noisy, *level, corrupted=TIMES)
    b = model.predict_x0(noisy, *level, corrupted=TIMES + [25, 0])
    assert np.abs(a - b).mean() > 1e-4  # less than float32's 128 seconds


@pytest.mark.parametrize("name", but_slow([*FLOWS], {"nice", "spline", "maf"}))
def test_constant_columns_are_named_and_come_back(name):
    x = np.insert(DRAWN.astype("float32"), [1, 2], [7.0, 0.0], axis=1)
    model = flow(FLOWS[name](), 4)
    with pytest.warns(UserWarning, match="columns 1, 3 of x are constant"):
        loss = model.fit(x, batch_size=50, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert loss[-1] < 4 * 1.42 + 1
    samples = model.sample(50, seed=0)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples[:, [1, 3]], np.tile([7, 0], (50, 1)))
    found = model.log_prob(x)  # a constant counts as the middle of N(constant, 1)
    assert found.mean() == pytest.approx(-2 * 1.419 - 2 * 0.919, abs=0.6)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_few_equal_rows_are_constants(rows):
    model, x = flow(size=3), np.full((rows, 3), [5.0, 0.0, 1e-42])
    with pytest.warns(UserWarning, match="columns 0, 1, 2 of x are constant"):
        model.initialize(x * (1 + np.arange(rows)[:, None] * [0, 0, 1]))
    np.testing.assert_allclose(model.log_prob(x), -3 * 0.919, atol=0.3)
    np.testing.assert_array_equal(model.sample(2, seed=0)[:, :2], [[5, 0], [5, 0]])


def test_constant_columns_of_a_diffusion_model_come_back():
    x = np.insert(DRAWN, 1, 0.1, axis=1)
    model = diffusion(3)
    with pytest.warns(UserWarning, match="column 1 of x is constant"):
        model.fit(x, batch_size=100, verbose=0)
    np.testing.assert_array_equal(model.sample(20, seed=0)[:, 1], np.float32(0.1))
    assert model.solver_facts()["deviation"][1] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["array", "stream"])
def test_a_column_that_varies_late_is_no_constant(stream):
    x = np.zeros((25_000, 2), "float32")
    x[:, 0] = np.linspace(-1, 1, len(x))
    x[22_222, 1] = 1.0  # none of the rows that are looked at first
    given = tf.data.Dataset.from_tensor_slices(x).batch(5000) if stream else x
    model = flow()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.initialize(given)
    assert not model.scale.constant.numpy().any()
    assert np.isfinite(model.log_prob(x[22_000:22_400])).all()


def test_a_column_that_varies_by_a_billionth_is_no_constant():
    x = np.stack([5 + 1e-9 * DRAWN[:, 0], DRAWN[:, 1]], axis=1)
    model = flow()
    model.initialize(x)
    samples = model.sample(200, seed=0)
    assert samples[:, 0].std() == pytest.approx(1e-9, rel=0.3)
    near = (x - [5, 0]) / [1e-9, 1]
    expected = flow()
    expected.initialize(near)
    found = model.log_prob(x) + np.log(1e-9)
    np.testing.assert_allclose(found, expected.log_prob(near), atol=0.01)


def test_contexts_of_any_scale_are_the_same():
    context = RNG.normal(size=(400, 1))
    kinds = {"near": context, "years": 5 * context + 2000, "times": context + 1.7e9}
    found = {}
    for name, told in kinds.items():
        model = flow(condition=kg.specs.Vectors(1))
        model.initialize(DRAWN, told)
        for weight in model.trainable_weights:  # so that the context counts
            weight.assign_add(np.sin(np.arange(np.size(weight))).reshape(weight.shape))
        found[name] = model.log_prob(DRAWN, condition=told)
    given = tf.constant(DRAWN), tf.constant(kinds["times"])
    found["tensors"] = model.log_prob(given[0], condition=given[1])
    np.testing.assert_allclose(found["tensors"], found["times"], atol=1e-5)
    np.testing.assert_allclose(found["years"], found["near"], atol=1e-3)
    np.testing.assert_allclose(found["times"], found["near"], atol=1e-3)


def test_a_constant_context_does_no_harm():
    model, told = flow(condition=kg.specs.Vectors(1)), np.full((400, 1), 2000.0)
    model.initialize(DRAWN, told)
    np.testing.assert_array_equal(model._known(tf.constant(told)), np.zeros((400, 1)))


def test_statistics_lose_no_digits():
    x = 1e15 + np.array([[0.0], [1.0], [2.0], [5.0]])
    mean, deviation, constant = statistics(x)
    assert mean - 1e15 == 2
    assert deviation == pytest.approx(np.std([0, 1, 2, 5]))
    assert not constant


def test_values_beyond_float32_are_refused():
    with pytest.raises(ValueError, match=r"x holds values too large for float32"):
        check_numbers(np.full((2, 2), 1e300), (2,))
    with pytest.raises(ValueError, match=r"x holds values too large for float32"):
        flow().fit(np.full((2, 2), -1e300), verbose=0)
    with pytest.raises(ValueError, match=r"x holds values too large for float32"):
        diffusion().fit(3e38 * np.sign(DRAWN), verbose=0)


def test_masked_values_are_refused():
    x = np.ma.masked_equal(np.array([[1.0, -999.0], [2.0, 3.0]]), -999.0)
    model = flow()
    with pytest.raises(
        ValueError, match=r"x must not be masked, received 1 masked val"
    ):
        model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"x must not be masked, received 1"):
        model.log_prob([x[0], x[1]])
    whole = np.ma.masked_less(x.data, -1e6)
    np.testing.assert_array_equal(check_numbers(whole, (2,)), x.data)
    with pytest.raises(ValueError, match=r"context must not be masked, received 1"):
        flow(condition=kg.specs.Vectors(2)).log_prob(x.data, condition=x)
    labels = np.ma.masked_equal([0, 1], 1)
    with pytest.raises(ValueError, match=r"labels must not be masked, received 1"):
        flow(condition=kg.specs.Classes(2)).log_prob(x.data, condition=labels)


def test_artifacts_of_timestamps_are_checked_in_float32():
    model = flow()
    model.initialize(TIMES)
    chosen = endpoints_of(model, ["sample"])
    given = {"sample": {"seed": np.arange(2, dtype=np.int32)}}
    found = reference_outputs(chosen, given)["sample"]["sample"]
    assert found.dtype == np.float32
    traced = chosen[0].function(tf.constant([0, 1]))
    assert traced.dtype == tf.float32
    np.testing.assert_allclose(traced, found, rtol=1e-6)


def test_tables_in_files_stay_float64_only_where_it_counts(tmp_path):
    for name, x, dtype in (("far", TIMES, "float64"), ("near", DRAWN, "float32")):
        np.save(tmp_path / f"{name}.npy", x)
        data = zoo.load_data(tmp_path / f"{name}.npy")
        assert data.train.x.dtype == data.test.x.dtype == dtype
    data = zoo.load_data(tmp_path / "far.npy")
    known = np.concatenate([data.train.x, data.test.x])
    assert set(known[:, 0]) == set(TIMES[:, 0])
    assert data.train.head(3).dtype == np.float64

"""Categories of many values: their frequencies, their order, models and exports."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export, specs
from keras_gen.quantiles import Quantiles
from keras_gen.scaling import RankScale, ordered_codes

NUM, ROWS = 600, 20_000
RNG = np.random.default_rng(0)
LEVEL = RNG.normal(size=NUM)  # what a city adds to the price
SHARES = RNG.permutation(1 / np.arange(1, NUM + 1))
SHARES /= SHARES.sum()
SPEC = specs.Columns(
    [
        specs.Numeric("price"),
        specs.Category("city", [f"c{i}" for i in range(NUM)]),
        specs.Category("new", [False, True]),
    ]
)


def table(n=ROWS):
    rng = np.random.default_rng(1)
    city = rng.choice(NUM, n, p=SHARES)
    price = LEVEL[city] + 0.3 * rng.normal(size=n)
    return np.stack([price, city, rng.integers(0, 2, n)], axis=-1)


def test_every_value_keeps_its_frequency():
    codes = table()[:, 1:2]
    layer = Quantiles([1.0], levels=[NUM])
    layer.find(codes, [0], [NUM - 1])
    assert layer.values.shape == (1, 2048)
    u = (np.arange(200_000) + 0.5) / 200_000
    z = keras.ops.convert_to_numpy(tf.math.ndtri(u.astype("float64")))
    made = layer.outward(tf.constant(z[:, None], tf.float32)).numpy().astype(int)[:, 0]
    real = np.bincount(codes[:, 0].astype(int), minlength=NUM) + 0.5
    found = np.bincount(made, minlength=NUM) / len(made)
    assert np.abs(found - real / real.sum()).sum() / 2 < 0.002
    seen = layer.inward(tf.constant(codes), tf.constant(RNG.random((ROWS, 1), "f")))
    assert (layer.outward(seen).numpy() == codes).mean() > 0.999


def test_values_stand_in_the_order_of_the_other_columns():
    x = table()
    codes = ordered_codes(x, 1, SPEC)
    assert sorted(codes) == [*range(NUM)]
    place = np.argsort(codes)
    often = np.bincount(x[:, 1].astype(int), minlength=NUM) > 30
    assert np.corrcoef(place[often], LEVEL[often])[0, 1] > 0.9
    alone = specs.Columns([SPEC.columns[1]])
    counts = np.bincount(x[:, 1].astype(int), minlength=NUM)
    by_count = counts[ordered_codes(x[:, 1:2], 0, alone)]
    assert (np.diff(by_count) <= 0).all()  # without other columns by frequency


def test_the_scale_gives_the_values_back():
    x, scale = table(), RankScale(SPEC)
    scale.find(x)
    z = scale.inward(tf.constant(x))
    np.testing.assert_array_equal(scale.outward(z)[:, 1:], x[:, 1:])
    assert np.corrcoef(z[:, 0], z[:, 1])[0, 1] > 0.8  # alphabetical: about 0
    assert scale.as_lists()["codes"]["city"] == ordered_codes(x, 1, SPEC).tolist()


@pytest.mark.slow
def test_models_and_artifacts_keep_the_order(tmp_path):
    sizes = {"generator_units": (16,), "discriminator_units": (16,)}
    model = kg.GAN(*kg.networks.mlp_gan((3,), 2, **sizes), inputs=SPEC, seed=0)
    model.compile(jit_compile=False)
    model.fit(table(2000), batch_size=100, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    drawn = model.sample(50, seed=1)
    np.testing.assert_array_equal(again.sample(50, seed=1), drawn)
    assert len(np.unique(drawn[:, 1])) > 5
    export.tflite(model, tmp_path / "phone" / "m.tflite", quantization="dynamic")
    export.check(tmp_path / "phone")
    manifest = json.loads((tmp_path / "phone" / "manifest.json").read_text())
    assert len(manifest["artifacts"]["m.tflite"]["columns"][1]["values"]) == NUM


def test_many_values_are_about_one_apart_in_few_dimensions():
    x = np.stack([np.zeros(NUM), np.arange(NUM), np.zeros(NUM)], axis=-1)
    found = kg.metrics.closest_record(x, x[[7]], SPEC)
    assert found[7] == 0
    others = np.delete(found, 7)
    assert others.mean() == pytest.approx(1, abs=0.01)
    assert 0.75 < others.min() < others.max() < 1.25

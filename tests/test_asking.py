"""Any category as condition: labels, training by sampling, samples, exports."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import export, specs
from keras_gen.engine.asking import AskedRows

from .marks import but_slow

SPEC = specs.Columns(
    [
        specs.Category("new", [False, True]),
        specs.Numeric("price"),
        specs.Category("cut", ["Fair", "Good", "Ideal", None]),
    ]
)
CONDITION = specs.AnyCategory(SPEC)


def table(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    cut = rng.choice(4, n, p=[0.01, 0.29, 0.6, 0.1])
    new = rng.random(n) < np.array([0.1, 0.2, 0.5, 0.9])[cut]
    price = 3.0 * cut + rng.normal(size=n)
    values = np.array(["Fair", "Good", "Ideal", None], object)
    return pd.DataFrame({"new": new, "price": price, "cut": values[cut]})


ROWS = SPEC.check(table(), "x")


def vae():
    keras.utils.set_random_seed(0)
    how = {"units": (16,), "num_classes": CONDITION.num_classes}
    model = kg.VAE(
        *kg.networks.mlp_vae(SPEC, 2, **how), inputs=SPEC, condition=CONDITION, seed=0
    )
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


def gan():
    sizes = {"generator_units": (8,), "discriminator_units": (8,), "packing": 2}
    pair = kg.networks.mlp_gan((3,), 2, **sizes, num_classes=7)
    model = kg.GAN(*pair, inputs=SPEC, condition=CONDITION, packing=2, seed=0)
    model.compile(jit_compile=False)
    return model


def flow():
    model = kg.Flow(bj.real_nvp(2, units=(8,)), SPEC, condition=CONDITION, seed=0)
    model.compile(jit_compile=False)
    return model


def diffusion():
    network = kg.networks.mlp_denoiser((3,), units=(8,), num_classes=7)
    how = {"inputs": SPEC, "condition": CONDITION, "seed": 0}
    model = kg.Diffusion(network, **how)
    model.compile(jit_compile=False)
    return model


@pytest.fixture(scope="module")
def fitted():
    model = vae()
    model.fit(
        table(), epochs=8, batch_size=50, verbose=0, validation_data=table(100, 1)
    )
    return model


def test_labels_are_the_values_of_all_categories():
    names = ("none", "new=False", "new=True", "cut=Fair", "cut=Good", "cut=Ideal")
    assert CONDITION.names == (*names, "cut=")
    assert str(CONDITION) == "any value of 'new', 'cut'"
    assert CONDITION.check(["none", "cut=Good"], "labels").tolist() == [0, 4]
    assert CONDITION.check({"cut": ["Ideal", None]}, "labels").tolist() == [5, 6]
    assert CONDITION.for_all({"new": True}, 3).tolist() == [2, 2, 2]
    assert CONDITION.for_all("cut=Ideal", 2).tolist() == [5, 5]
    assert CONDITION.for_all(["new=True", "none"], 2).tolist() == [2, 0]
    frame = pd.DataFrame({"cut": ["Fair", "Good"]})
    assert CONDITION.for_all(frame, 2).tolist() == [3, 4]
    assert CONDITION.for_all(None, 2).tolist() == [0, 0]
    cut = specs.Target(2, "cut", ["Fair", "Good"])
    assert cut.for_all(["Good", "Fair"], 2).tolist() == [1, 0]
    assert CONDITION.check([6], "labels").tolist() == [6]
    plain = keras.saving.serialize_keras_object(CONDITION)
    assert keras.saving.deserialize_keras_object(plain) == CONDITION


def test_wrong_conditions_are_named():
    with pytest.raises(ValueError, match="of 'new', 'cut', received 'price'"):
        CONDITION.check({"price": [1.0]}, "labels")
    with pytest.raises(ValueError, match="one column of .*, received 'new', 'cut'"):
        CONDITION.check({"new": [True], "cut": ["Good"]}, "labels")
    with pytest.raises(ValueError, match="column 'cut', row 0: received 'Poor'"):
        CONDITION.for_all({"cut": "Poor"}, 2)
    with pytest.raises(ValueError, match=r"labels must be in \[0, 7\)"):
        CONDITION.check([7], "labels")
    with pytest.raises(ValueError, match=r"categories .* 'size' \(Numeric\)"):
        specs.AnyCategory(specs.Columns([specs.Numeric("size")]))


def test_half_of_the_rows_have_no_condition_and_follow_the_table():
    source = AskedRows(ROWS, CONDITION)
    drawn = [source.fetch(source.at_random(0, epoch).numpy()) for epoch in range(30)]
    x, labels = (np.concatenate(part) for part in zip(*drawn, strict=True))
    assert np.mean(labels == 0) == pytest.approx(0.5, abs=0.01)
    for place, count in ((0, 2), (2, 4)):
        shares = np.bincount(x[labels == 0][:, place].astype(int), minlength=count)
        real = np.bincount(ROWS[:, place].astype(int), minlength=count)
        np.testing.assert_allclose(shares / shares.sum(), real / len(ROWS), atol=0.01)


def test_values_are_drawn_by_the_logarithm_of_their_frequency():
    source = AskedRows(ROWS, CONDITION)
    numbers = np.concatenate([source.at_random(0, e).numpy() for e in range(30)])
    x, labels = (part.numpy() for part in source.fetch(numbers))
    for place, first, count in ((0, 1, 2), (2, 3, 4)):
        mass = np.log1p(np.bincount(ROWS[:, place].astype(int), minlength=count))
        found = np.bincount(labels, minlength=7)[first : first + count]
        assert found.sum() / len(labels) == pytest.approx(0.25, abs=0.01)
        np.testing.assert_allclose(found / found.sum(), mass / mass.sum(), atol=0.02)
        asked = (labels >= first) & (labels < first + count)
        np.testing.assert_array_equal(x[asked][:, place], labels[asked] - first)
    fair = np.unique(numbers[labels == 3] // 7)
    np.testing.assert_array_equal(fair, np.flatnonzero(ROWS[:, 2] == 0))  # all of them


def test_the_order_depends_on_seed_and_epoch_alone():
    source, other = AskedRows(ROWS, CONDITION), AskedRows(ROWS, CONDITION)
    first = source.at_random(3, 5).numpy()
    np.testing.assert_array_equal(other.at_random(3, 5), first)
    assert (other.at_random(3, 6).numpy() != first).mean() > 0.9
    assert source.in_order()[:3].tolist() == [0, 7, 14]


def test_samples_have_the_value_that_is_asked_for(fitted):
    asked = SPEC.to_frame(fitted.sample(200, condition={"cut": "Ideal"}, seed=1))
    assert (asked["cut"] == "Ideal").all()
    assert asked["price"].mean() == pytest.approx(6, abs=0.5)
    rare = SPEC.to_frame(fitted.sample(200, condition={"cut": "Fair"}, seed=1))
    assert (rare["cut"] == "Fair").all()
    assert rare["price"].mean() < asked["price"].mean() - 2
    assert SPEC.to_frame(fitted.sample(50, condition="new=True", seed=1))["new"].all()


def test_samples_without_a_condition_follow_the_table(fitted):
    made = SPEC.to_frame(fitted.sample(2000, seed=1))
    assert (made["cut"] == "Ideal").mean() == pytest.approx(0.6, abs=0.1)
    assert made["new"].mean() == pytest.approx(table()["new"].mean(), abs=0.1)


def test_a_missing_condition_is_label_0(fitted):
    none = np.zeros(20, np.int32)
    for verb in (fitted.elbo, fitted.encode, fitted.reconstruct):
        made = verb(ROWS[:20])
        np.testing.assert_array_equal(made, verb(ROWS[:20], condition=none))
    z = fitted.encode(ROWS[:20])
    np.testing.assert_array_equal(fitted.decode(z), fitted.decode(z, condition=none))
    assert fitted.decode(z[:0]).shape == (0, 3)
    found = fitted.evaluate(ROWS[:20], verbose=0, return_dict=True)
    given = fitted.evaluate(ROWS[:20], none, verbose=0, return_dict=True)
    assert found == given
    made = fitted.predict(ROWS[:20], verbose=0)
    given = fitted.predict([ROWS[:20], none], verbose=0)
    np.testing.assert_array_equal(made, given)


def test_missing_values_are_filled_in_without_a_condition(fitted):
    frame = table(20, seed=3)
    frame.loc[3, "price"] = None
    filled = kg.impute(fitted, frame, seed=0)
    assert np.isfinite(filled["price"]).all()
    known = frame["price"].notna()
    np.testing.assert_array_equal(filled["price"][known], frame["price"][known])


@pytest.mark.parametrize("make", but_slow([gan, flow, diffusion], [flow, diffusion]))
def test_every_family_takes_it(make):
    model = make()
    frame = table(60)
    model.fit(frame, batch_size=30, verbose=0)
    made = SPEC.to_frame(model.sample(40, condition={"cut": "Good"}, seed=0))
    assert (made["cut"] == "Good").all()
    assert SPEC.to_frame(model.sample(40, seed=0))["cut"].nunique(dropna=False) > 1


@pytest.mark.slow
def test_a_value_without_training_examples_is_named():
    model = vae()
    frame = table(200)
    model.fit(frame[frame["cut"] != "Fair"], verbose=0)
    with pytest.warns(UserWarning, match="no training example of class cut=Fair"):
        model.sample(2, condition={"cut": "Fair"})
    model.sample(2, condition={"cut": "Good"})


@pytest.mark.slow
def test_artifacts_take_labels(tmp_path):
    model = vae()
    model.fit(table(200), batch_size=50, verbose=0)
    names = {"class_names": CONDITION.names}
    export.saved_model(model, tmp_path / "served", **names)
    export.tflite(model, tmp_path / "phone" / "m.tflite", **names)
    for folder in ("served/1", "phone"):
        export.check(tmp_path / folder)
        manifest = json.loads((tmp_path / folder / "manifest.json").read_text())
        (artifact,) = manifest["artifacts"].values()
        assert artifact["class_names"] == [*CONDITION.names]
        labels = artifact["endpoints"]["sample"]["inputs"]["labels"]
        assert (labels["unasked"], labels["maximum"]) == (0, 6)

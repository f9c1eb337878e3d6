"""Artifacts of tables: what the manifest says, what is compared, what is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export, specs
from keras_gen.export import manifest, parity, runner, tables
from keras_gen.zoo.presets import vae

HOMES = specs.Columns(
    [
        specs.Numeric("price", decimals=2),
        specs.Integer("rooms", 1, 9, has_missing=True),
        specs.Category("kind", ["flat", "house", None]),
        specs.Date("sold", "2015-01-06", "2023-03-18"),
        specs.Date("at", "2020-01-01", "2020-04-01", unit="s"),
        specs.Category("new", [False, True]),
    ]
)
FACTS = [
    {"name": "price", "kind": "numeric", "step": 0.01},
    {"name": "rooms", "kind": "integer", "minimum": 1, "maximum": 9, "step": 1.0}
    | {"missing": "NaN"},
    {"name": "kind", "kind": "category", "values": ["flat", "house", None]},
    {"name": "sold", "kind": "date", "minimum": 16441, "maximum": 19434, "step": 1.0}
    | {"unit": "days since 1970-01-01"},
    {"name": "at", "kind": "date", "minimum": 1577836800, "maximum": 1585699200}
    | {"step": 1.0, "float32_step": 128.0}
    | {"unit": "seconds since 1970-01-01 00:00:00"},
    {"name": "new", "kind": "category", "values": [False, True]},
]
ROW = [9.5, 3, 1, 16441, 1577836800, 0]
NAN = np.nan


def model_of():
    model = vae.make(HOMES, specs.Target(2, "cut", ["Fair", "Ideal"]), 2, 0, None)
    table = HOMES.stand_in(40)
    model.compile(jit_compile=False)
    model.fit(table, np.arange(40) % 2, epochs=1, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


def test_the_manifest_says_what_the_columns_hold(model):
    facts = manifest.facts_of_data(model, ())
    assert facts == {"columns": FACTS}
    assert json.loads(json.dumps(facts)) == facts
    (sample, elbo) = export.endpoints_of(model, ["sample", "elbo"])
    labels = {"kind": "classes", "minimum": 0, "maximum": 1, "column": "cut"}
    said = {name: spec.facts() for name, spec in sample.kinds.items()}
    labels["values"] = ["Fair", "Ideal"]
    assert said == {"seed": {"kind": "seeds"}, "labels": labels}
    assert sample.returns == {"kind": "columns"}
    assert elbo.returns == {"kind": "nats"}


KINDS = {  # a spec, and what a manifest says of it
    "images": (specs.Images(8, 8), {"minimum": 0, "maximum": 1}),
    "clips": (specs.Clips(2, 8, 8), {"minimum": 0, "maximum": 1}),
    "series": (specs.Series(8, 2), {}),
    "vectors": (specs.Vectors(3, is_unit=True), {"minimum": 0, "maximum": 1}),
    "classes": (specs.Classes(10), {"minimum": 0, "maximum": 9}),
    "codes": (specs.Codes((2, 2), 5), {"minimum": 0, "maximum": 4}),
    "tokens": (specs.Tokens(5, 4), {"minimum": 0, "maximum": 4, "padding": -1}),
    "numbers": (specs.Numbers(kg.limits.SHARE), {"above": 0, "maximum": 1}),
    "seeds": (specs.SEEDS, {}),
    "texts": (specs.Texts(), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_says_which_values_are_allowed(kind):
    spec, limits = KINDS[kind]
    assert spec.facts() == {"kind": kind, **limits}
    rows = spec.stand_in(3)
    if limits:
        assert limits.get("minimum", 0) <= rows.min() <= rows.max() <= limits["maximum"]


def test_denoised_tables_are_not_compared_as_columns():
    """They are on the network's scale, where categories are no integers."""
    network = kg.networks.mlp_denoiser(HOMES.shape, units=(8,))
    (endpoint,) = export.endpoints_of(
        kg.Diffusion(network, inputs=HOMES), ["predict_x0"]
    )
    assert endpoint.returns == {"kind": "scaled"}


def test_noisy_data_have_the_kind_of_the_data_and_no_limits():
    assert specs.Likeness(specs.Images(8, 8)).facts() == {"kind": "images"}


NAMES = ["price", "rooms", "kind", "sold", "at", "new"]
TEXTS = {"kind": ["flat", "house", ""], "new": ["False", "True"]}


def test_endpoints_of_tables_are_offered_column_by_column(model):
    endpoints = {e.name: e for e in export.endpoints_of(model)}
    plain = {name for name in endpoints if not name.endswith("_table")}
    assert {name + "_table" for name in plain} == {*endpoints} - plain
    encode, sample = endpoints["encode_table"], endpoints["sample_table"]
    dtypes = {k: spec.dtype.name for k, spec in encode.inputs.items()}
    strings = {"kind": "string", "new": "string", "cut": "string"}
    assert dtypes == dict.fromkeys(NAMES, "float32") | strings
    assert list(sample.inputs) == ["seed", "cut"]
    assert list(encode.outputs) == ["z"]
    assert list(sample.outputs) == NAMES
    said = {k: v["values"] for k, v in sample.outputs.items() if "values" in v}
    assert said == TEXTS
    assert encode.kinds["cut"].facts()["values"] == ["Fair", "Ideal"]
    assert sample.outputs["price"] == FACTS[0]


def test_without_categories_or_if_strings_are_alike_columns_are_not_offered(model):
    endpoints = [e for e in export.endpoints_of(model) if not e.has_strings]
    numbers = specs.Columns([specs.Numeric(name) for name in "abc"])
    alike = specs.Columns([specs.Category("a", [1, "1"]), specs.Numeric("b")])
    for table in (numbers, alike, specs.Vectors(3)):
        assert not tables.table_endpoints(endpoints, table, specs.Classes(2))


def test_tensors_of_columns_have_names_that_differ():
    names = ["price (EUR)", "Größe", "Seed", "9", "a_b", "a b", "A b"]
    found = tables._tensor_names(names, {"seed", "labels"})
    assert found == [
        *("price__EUR_", "Gr__e", "Seed_2", "column_9", "a_b", "a_b_2", "A_b_3")
    ]


def test_a_string_that_is_unknown_names_its_column(model):
    (endpoint,) = export.endpoints_of(model, ["encode_table"])
    call = tf.function(endpoint.traceable(), autograph=False)
    row, texts = np.float32(ROW), {"kind": b"house", "new": b"False", "cut": b"Ideal"}
    rows = {k: np.repeat(texts.get(k, row[i]), 3) for i, k in enumerate(NAMES)}
    rows["cut"] = np.repeat(texts["cut"], 3)
    z = model.encode(np.array([ROW] * 3), condition=np.ones(3, np.int32))
    np.testing.assert_allclose(
        call(*map(tf.constant, rows.values()))["z"], z, atol=1e-5
    )
    words = {
        "kind": r"column kind must be one of flat, house, , received\] \[barn\]",
        "cut": r"column cut must be one of Fair, Ideal, received",
    }
    for name, said in words.items():
        bad = rows | {name: np.array([rows[name][0], b"barn", b"hut"])}
        with pytest.raises(tf.errors.InvalidArgumentError, match=said):
            call(*map(tf.constant, bad.values()))


def test_labels_of_any_category_are_their_names():
    any_one = specs.AnyCategory(HOMES)
    (column,) = tables._columns_of(any_one)
    codes = column.as_codes(tf.constant(["new=True", "none", "kind="]))
    np.testing.assert_array_equal(codes, [any_one.names.index("new=True"), 0, 3])


RULES = (
    "0 price a finite number; 1 rooms an integer in [1, 9]; 2 kind a code in [0, 2] of "
    "flat, house, None; 3 sold a date from 2015-01-06 to 2023-03-18; 4 at a time from "
    "2020-01-01 to 2020-04-01; 5 new a code in [0, 1] of False, True"
)
BAD = [(0, np.inf), (0, NAN), (1, 2.5), (2, 9), (3, 0), (4, 1e12), (5, -1)]


@pytest.fixture(scope="module")
def encode(model):
    (endpoint,) = export.endpoints_of(model, ["encode"])
    return tf.function(endpoint.traceable(), autograph=False)


@pytest.mark.parametrize(("column", "value"), BAD)
def test_a_refused_row_names_its_column(encode, column, value):
    rows = np.array([ROW, ROW, ROW], np.float32)
    rows[1, column] = value
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        encode(tf.constant(rows), tf.zeros(3, tf.int32))
    said = f"({RULES}), received] [{value:g}] [in row] [1] [and column] [{column}]"
    assert "x must fit its columns " + said in str(caught.value)


def test_rows_of_which_all_fit_are_not_refused(encode):
    rows = np.array([ROW, ROW], np.float32)
    rows[0, 1] = NAN
    for count in (2, 0):
        given = tf.constant(rows[:count]), tf.zeros(count, tf.int32)
        assert encode(*given)["z"].shape[0] == count


def test_an_error_lists_the_first_columns_only():
    many = specs.Columns([specs.Numeric(f"v{i}") for i in range(300)])
    words = many.limit.message("x")
    assert words.endswith("; 19 v19 a finite number; and 280 more)")


def error_of(received, expected, *, draws=True, holds=None, **how):
    received, expected = (np.array(v, np.float32) for v in (received, expected))
    call = {"x": np.zeros(len(expected))}, {"y": expected}
    found, problems = runner.compare(
        lambda _: {"y": received}, *call, holds={"y": holds or {}}, draws=draws, **how
    )
    return found["error"], problems


TABLE = {"holds": {"kind": "columns"}, "columns": FACTS}
CHANGED = [  # a column, a value in all rows, and the error
    (0, 9.51, 0.0),  # rounding decides: one step
    (0, 9.6, 0.1 / 9.5),
    (1, 4, 0.0),
    (1, 6, 1.0),
    (1, NAN, 1.0),
    (2, 0, 1.0),  # another category, however many there are
    (3, 16442, 0.0),
    (3, 17000, 559 / 16441),
    (4, 1577836928, 0.0),  # the next float32
    (5, 1, 1.0),
]


@pytest.mark.parametrize(("column", "value", "error"), CHANGED)
def test_each_column_of_a_table_is_compared_in_its_own_units(column, value, error):
    """Seconds since 1970 would else hide whatever happens in other columns."""
    expected = np.array([ROW] * 8)
    expected[0, 1] = NAN
    received = expected.copy()
    received[1:, column] = value
    found, problems = error_of(received, expected, **TABLE)
    assert found == pytest.approx(error, rel=1e-3)
    assert not problems


def test_channels_of_any_units_are_compared_in_their_own():
    expected = np.full((4, 5, 2), [1e6, 1e-6])
    received = expected * [1.0, 1.5]
    series = {"holds": specs.Series(5, 2).facts()}
    assert error_of(received, expected, **series)[0] == pytest.approx(0.5)
    unit = {"holds": specs.Series(5, 2, is_unit=True).facts()}
    assert error_of(received, expected, **unit)[0] < 1e-6


@pytest.mark.parametrize(("rows", "spared"), [(4, 1), (8, 1), (20, 2)])
def test_few_rows_of_draws_may_differ(rows, spared):
    expected = np.zeros((rows, 3))
    errors = []
    for broken in (spared, spared + 1):
        received = expected.copy()
        received[:broken] = 1.0
        errors.append(error_of(received, expected)[0])
    assert errors == [0, 1]


def test_a_manifest_whose_columns_are_none_is_invalid(tmp_path):
    for bad in ([], {}, [3], [{"name": 3}], [{"name": "a", "step": "1"}]):
        with pytest.raises(ValueError, match="columns must be a list of columns"):
            manifest.check_columns(bad)


@pytest.mark.slow
def test_a_table_that_was_changed_is_noticed(model, tmp_path):
    """Also if who changed it mended the sha256 of the reference."""
    path = export.tflite(model, tmp_path / "m.tflite", class_names=["Fair", "Ideal"])
    entry = export.artifact(path)
    assert entry["columns"] == FACTS
    assert entry["class_names"] == ["Fair", "Ideal"]
    reference = manifest.reference_of(tmp_path, path.name)
    with np.load(reference) as stored:
        arrays = dict(stored)
    for endpoint in ("sample", "decode"):
        for column, change in ((0, 1.0), (2, 1.0), (3, 99.0)):
            changed = arrays[f"{endpoint}/output"].copy()
            changed[:, column] += change
            np.savez(reference, **arrays | {f"{endpoint}/output": changed})
            facts = entry | {"reference": manifest._facts(reference)}
            with pytest.raises(parity.ParityError, match=f"{endpoint} .* differs"):
                parity.run(tmp_path, path.name, facts, reference)


@pytest.mark.slow
def test_rounded_weights_keep_the_columns(model, tmp_path):
    """The quantiles of the columns are no weights: they stay exact."""
    path = export.tflite(model, tmp_path / "m.tflite", quantization="dynamic")
    endpoints = export.artifact(path)["endpoints"]
    offered = [e.name for e in export.endpoints_of(model) if not e.has_strings]
    assert set(endpoints) == {*offered}
    for name in ("sample", "generate", "decode", "reconstruct"):
        assert endpoints[name]["mean_error"] < 0.01, name

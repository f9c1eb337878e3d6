"""Tables: the spec `Columns`, its scale, the mixed likelihood, and who learns it."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import export, random, specs
from keras_gen.distributions import MixedColumns
from keras_gen.quantiles import Quantiles
from keras_gen.scaling import continuous_scale_of, double_outputs, scale_of
from keras_gen.zoo.extractors import extractor_for

from .marks import but_slow

SPEC = specs.Columns(
    [
        specs.Numeric("price"),
        specs.Category("cut", ["Fair", "Good", "Ideal"]),
        specs.Integer("rooms", 1, 5),
        specs.Category("new", [False, True]),
        specs.Numeric("age"),
        specs.Integer("visits", 0),
    ]
)


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    cut = rng.integers(0, 3, n)
    return {
        "price": 1e6 + 50 * cut + rng.normal(size=n),
        "cut": np.array(["Fair", "Good", "Ideal"])[cut],
        "rooms": np.clip(np.round(2 + cut + rng.normal(size=n)), 1, 5).astype(int),
        "new": rng.random(n) < 0.3 + 0.2 * cut,
        "age": rng.gamma(2, 2, n),
        "visits": rng.poisson(3, n),
    }


ROWS = SPEC.check(table(), "x")


def vae(spec=SPEC, **options):
    keras.utils.set_random_seed(0)
    pair = kg.networks.mlp_vae(spec, 2, units=(32,))
    model = kg.VAE(*pair, inputs=spec, seed=0, **options)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def fitted():
    model = vae()
    model.fit(table(), epochs=80, batch_size=50, verbose=0)
    return model


def test_values_become_codes_in_the_order_of_the_columns():
    x = SPEC.check({k: v[:2] for k, v in reversed(table().items())}, "x")
    first = table()
    assert x.dtype == np.float64
    assert x[1, 0] == first["price"][1]
    codes = {"Fair": 0, "Good": 1, "Ideal": 2}
    assert [codes[v] for v in first["cut"][:2]] == x[:, 1].tolist()
    assert x[:, 3].tolist() == first["new"][:2].tolist()
    assert SPEC.shape == (6,)
    assert SPEC.network_shape == (4 + 3 + 2,)
    assert SPEC.raw_shape == (2 * 4 + 3 + 2,)


def test_a_structured_array_is_a_table():
    columns = table(3)
    kinds = [(name, column.dtype) for name, column in columns.items()]
    rows = np.array(list(zip(*columns.values(), strict=True)), dtype=kinds)
    np.testing.assert_array_equal(SPEC.check(rows, "x"), SPEC.check(columns, "x"))


def test_a_frame_comes_back_as_it_was():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table())
    again = SPEC.to_frame(SPEC.check(frame, "x"))
    pandas.testing.assert_frame_equal(again, frame, check_dtype=False)
    assert [again[c].dtype.kind for c in ("price", "rooms", "new")] == ["f", "i", "b"]
    assert set(again["cut"]) == {"Fair", "Good", "Ideal"}


def test_a_frame_tells_what_its_columns_are():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table())
    sizes = pandas.CategoricalDtype(["S", "M", "L"])
    frame["size"] = pandas.Series(["M"] * len(frame), dtype=sizes)
    found = specs.Columns.infer(frame)
    assert found.columns == (
        specs.Numeric("price"),
        specs.Category("cut", ["Fair", "Good", "Ideal"]),
        specs.Integer("rooms", 1, 5),
        specs.Category("new", [False, True]),
        specs.Numeric("age"),
        specs.Integer("visits", 0, int(frame["visits"].max())),
        specs.Category("size", ["S", "M", "L"]),
    )
    names = {"id": [f"row {i}" for i in range(200)]}
    with pytest.raises(ValueError, match="'id' has 200 different values, more than"):
        specs.Columns.infer(names)
    with pytest.raises(ValueError, match="column 'wait' holds timedelta64"):
        specs.Columns.infer({"wait": np.array([3], "timedelta64[D]")})
    with pytest.raises(ValueError, match="table must be a DataFrame"):
        specs.Columns.infer(np.zeros((3, 2)))
    objects = {"a": [1, 2.5], "b": [3, 4], "c": ["x", "y"]}
    objects = {name: np.array(values, object) for name, values in objects.items()}
    kinds = [specs.Numeric("a", decimals=1), specs.Integer("b", 3, 4)]
    kinds += [specs.Category("c", ["x", "y"])]
    assert specs.Columns.infer(objects) == specs.Columns(kinds)
    with pytest.raises(ValueError, match="'cut', row 1: received 1.5, expected a stri"):
        specs.Columns.infer({"cut": np.array(["a", 1.5], object)})
    with pytest.raises(ValueError, match="'price', row 1: received inf, .* finite"):
        specs.Columns.infer({"price": [1.5, np.inf], "rooms": [1, 2]})
    with pytest.raises(ValueError, match="column 'price' is empty: drop it"):
        specs.Columns.infer({"price": [np.nan, np.nan]})


MISREAD = {
    "decimal comma": (
        lambda i: f"{i},5",
        "row 1: received '0,5', expected a number wi",
    ),
    "day first": (
        lambda i: f"{1 + i % 28}.3.2021",
        "row 1: .*, expected a date as YYYY-",
    ),
    "one text": (
        lambda i: "n/k" if i == 37 else f"{i}",
        "row 38: received 'n/k', expec",
    ),
    "infinite": (lambda i: math.inf if i == 37 else i + 0.5, "row 38: received inf"),
}


@pytest.mark.parametrize(("value", "words"), MISREAD.values(), ids=MISREAD)
def test_texts_that_should_be_numbers_or_dates_are_named(value, words):
    values = np.array([None, *map(value, range(60))], object)
    with pytest.raises(ValueError, match=f"column 'a', {words}"):
        specs.Columns.infer({"a": values})
    if isinstance(value(0), str):  # few of them are categories
        few = specs.Columns.infer({"a": values[1:9]}).columns[0]
        assert few.values == tuple(values[1:9])


OPEN = specs.Columns(  # what may be missing, dates, decimals, a constant
    [
        specs.Numeric("weight", decimals=1, has_missing=True),
        specs.Integer("floor", 0, 3, has_missing=True),
        specs.Category("shade", ["dark", "pale", None]),
        specs.Date("sold", "2020-01-01", "2020-12-30"),
        specs.Date(
            "seen", "2021-05-01 00:00:00", "2021-05-01 23:00:00", "s", has_missing=True
        ),
        specs.Numeric("tax", decimals=2),
        specs.Numeric("area"),
    ]
)


def opened(n=400, seed=0):
    """A table whose rows are dark and heavy, or pale, light and often unknown."""
    rng = np.random.default_rng(seed)
    pale = rng.random(n) < 0.5
    weight = np.round(np.where(pale, 2, 9) + rng.normal(0, 0.5, n), 1)
    weight[pale & (rng.random(n) < 0.6)] = np.nan
    floor = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 4, n))
    shade = np.where(pale, "pale", "dark").astype(object)
    shade[rng.random(n) < 0.2] = None
    seen = np.datetime64("2021-05-01T00:00:00") + rng.integers(0, 24, n) * 3600
    seen[:2] = np.array(["2021-05-01", "2021-05-01T23:00:00"], seen.dtype)
    seen[2::9] = np.datetime64("NaT")
    sold = np.datetime64("2020-01-01") + (rng.permutation(n) % 365)
    return {
        "weight": weight,
        "floor": floor,
        "shade": shade,
        "sold": sold,
        "seen": seen,
        "tax": np.full(n, 7.25),
        "area": np.exp(3 * rng.normal(size=n)),
    }


FREE = OPEN.check(opened(), "x")


def test_missing_values_dates_and_decimals_are_found():
    pandas = pytest.importorskip("pandas")
    found = specs.Columns.infer(pandas.DataFrame(opened()))
    assert found == OPEN
    texts = opened() | {"sold": opened()["sold"].astype(str)}
    texts |= {"seen": [None if np.isnat(v) else str(v) for v in opened()["seen"]]}
    assert specs.Columns.infer(pandas.DataFrame(texts)) == OPEN
    np.testing.assert_array_equal(OPEN.check(texts, "x"), FREE)
    few = {"a": [1, None, 3], "b": [True, False, None], "c": [1.5, None, 0.25]}
    kinds = [
        specs.Integer("a", 1, 3, has_missing=True),
        specs.Category("b", [False, True, None]),
        specs.Numeric("c", decimals=2, has_missing=True),
    ]
    assert specs.Columns.infer(pandas.DataFrame(few)).columns == tuple(kinds)


def test_missing_values_come_back_as_they_were():
    pandas = pytest.importorskip("pandas")
    frame = OPEN.to_frame(FREE)
    given = pandas.DataFrame(opened())
    assert frame["floor"].dtype == "Int64"
    for name in frame:
        assert (frame[name].isna() == given[name].isna()).all()
        there = ~given[name].isna()
        assert (frame[name][there] == given[name][there]).all()
    np.testing.assert_array_equal(OPEN.check(frame, "x"), FREE)


UNFIT = {
    "missing": ("tax", None, "'tax', row 3: received nan, .* finite number.*drop them"),
    "late": (
        "sold",
        "2021-01-01",
        "'sold', row 3: received '2021-01-01', expected a d",
    ),
    "no date": ("sold", "May", "'sold', row 3: received 'May', .* as YYYY-MM-DD"),
    "February 30": ("sold", "2020-02-30", "'sold', row 3: received '2020-02-30'"),
    "a time": ("sold", "2020-02-01 12:00", "row 3: .* expected a date without a time"),
    "unknown": ("shade", "red", "'shade', row 3: received 'red', .* 'pale', None"),
}


@pytest.mark.parametrize(("name", "value", "words"), UNFIT.values(), ids=list(UNFIT))
def test_what_a_column_cannot_hold_is_named(name, value, words):
    found = opened()
    found[name] = found[name].astype(object)
    found[name][3] = value
    with pytest.raises(ValueError, match=words):
        OPEN.check(found, "x")


def test_dates_are_checked_when_they_are_made():
    with pytest.raises(ValueError, match="first must be at most last, received '2021"):
        specs.Date("d", "2021-01-01", "2020-01-01")
    with pytest.raises(ValueError, match="unit must be D or s, received 'h'"):
        specs.Date("d", unit="h")
    with pytest.raises(ValueError, match="first, row 0: received 'x', expected a date"):
        specs.Date("d", "x")


def changed(**columns):
    found = table(4)
    for name, (row, value) in columns.items():
        found[name] = found[name].astype(object)
        found[name][row] = value
    return found


WITHOUT = {k: v for k, v in table().items() if k != "cut"}
CODES = ROWS[:3].copy()
CODES[2, 1] = 3
REFUSED = {
    "unknown value": (changed(cut=(2, "Poor")), "'cut', row 2: received 'Poor', exp"),
    "missing value": (changed(cut=(1, None)), "'cut', row 1: received None.*drop"),
    "NaN": (changed(price=(3, np.nan)), "'price', row 3: received nan, .* finite"),
    "half": (changed(rooms=(0, 1.5)), r"'rooms', row 0: received 1.5, .*\[1, 5\]"),
    "beyond": (changed(rooms=(1, 6)), r"'rooms', row 1: received 6, expected an int"),
    "below": (changed(visits=(1, -1)), "'visits', row 1: received -1.*integer >= 0"),
    "text": (changed(age=(0, "3")), "'age', row 0: received '3', expected a finite"),
    "large": (changed(age=(0, 1e39)), "'age', row 0: received 1"),
    "missing column": (WITHOUT, "lacks the column 'cut': expected the columns 'price'"),
    "extra column": (
        table() | {"id": range(200)},
        "has the column 'id', which",
    ),
    "other length": (table() | {"age": [1.0]}, "received 1 in column 'age' and 200 in"),
    "unknown code": (CODES, r"'cut', row 2: received 3, expected a code in \[0, 2\]"),
    "width": (ROWS[:, :5], r"must have shape \(batch, 6\), received \(200, 5\)"),
    "strings": (ROWS.astype(str), "received dtype <U32: pass strings as a DataFrame"),
}


@pytest.mark.parametrize(("x", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_does_not_fit_is_named(x, words):
    with pytest.raises(ValueError, match=words):
        SPEC.check(x, "x")


def test_columns_are_checked_when_they_are_made():
    with pytest.raises(ValueError, match="values must differ, received 'a', 'a'"):
        specs.Category("k", ["a", "a"])
    with pytest.raises(ValueError, match="values must be a list of at least one"):
        specs.Category("k", "ab")
    with pytest.raises(ValueError, match="low must be at most high, received 3 and 2"):
        specs.Integer("n", 3, 2)
    with pytest.raises(
        ValueError, match="at least one Numeric, Integer, Date or Category"
    ):
        specs.Columns([])
    with pytest.raises(ValueError, match="distinct names, received"):
        specs.Columns([specs.Numeric("a"), specs.Numeric("a")])
    with pytest.raises(TypeError, match=r"columns\[0\] must be a Numeric or"):
        specs.Columns(["a"])


def test_a_likelihood_without_columns_says_so():
    with pytest.raises(ValueError, match=r"MixedColumns\(\) has no columns yet"):
        MixedColumns().mean(tf.zeros((1, 4)))


@pytest.mark.parametrize("spec", [SPEC, OPEN], ids=["closed", "open"])
def test_a_spec_is_saved_in_safe_mode(spec):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(spec)))
    assert keras.saving.deserialize_keras_object(config) == spec


@pytest.mark.parametrize("spec", [SPEC, OPEN], ids=["closed", "open"])
def test_stand_ins_are_allowed(spec):
    rows = spec.stand_in(50)
    np.testing.assert_array_equal(spec.check(rows, "x"), rows)
    assert bool(tf.reduce_all(spec.limit.holds(rows)))


def test_a_graph_knows_which_rows_are_allowed():
    rows = ROWS[:6].astype(np.float32)
    rows[1, 1], rows[2, 2], rows[3, 0], rows[4, 5] = 3, 1.5, np.nan, -1
    for by_bits in (False, True):
        found = SPEC.limit.holds(tf.constant(rows), by_bits=by_bits)
        assert found.numpy().tolist() == [True, False, False, False, False, True]
    assert SPEC.limit.safe == [0, 0, 1, 0, 0, 0]


def test_a_graph_knows_which_values_may_be_missing():
    rows = np.repeat(FREE[:1].astype(np.float32), 7, axis=0)
    rows[np.arange(7), np.arange(7)] = np.nan
    for by_bits in (False, True):
        found = OPEN.limit.holds(tf.constant(rows), by_bits=by_bits)
        expected = [True, True, False, False, True, False, False]
        assert found.numpy().tolist() == expected


def found_scale(spec=SPEC, x=ROWS):
    scale = scale_of(spec)
    scale.find(x)
    return scale


def ranks(x, column, scale):
    """Normal quantiles of numbers, and the slope there, by the knots of a scale."""
    lists = scale.as_lists()
    values, knots = np.array(lists["values"][column]), np.array(lists["ranks"][column])
    at = np.clip(np.searchsorted(values, x, side="right") - 1, 0, len(values) - 2)
    slope = (knots[at + 1] - knots[at]) / (values[at + 1] - values[at])
    return knots[at] + (x - values[at]) * slope, slope


def test_networks_see_normal_numbers_and_one_hot_codes():
    scale = found_scale()
    seen = scale.inward(tf.constant(ROWS)).numpy()
    numbers = ROWS[:, [0, 2, 4, 5]]
    for i in (0, 2):  # price and age
        order = stats.rankdata(numbers[:, i]) - 0.5
        normal = stats.norm.ppf(order / 200)
        assert np.abs(seen[:, i] - normal).mean() < 0.05
    share = np.bincount(numbers[:, 1].astype(int))[1:] / 200
    middles = stats.norm.ppf(np.cumsum(share) - share / 2)
    found = [seen[numbers[:, 1] == k, 1].mean() for k in (2, 3, 4)]
    np.testing.assert_allclose(found, middles[1:4], atol=0.05)
    np.testing.assert_array_equal(seen[:, 4:7], np.eye(3)[ROWS[:, 1].astype(int)])
    np.testing.assert_array_equal(seen[:, 7:], np.eye(2)[ROWS[:, 3].astype(int)])
    np.testing.assert_allclose(scale.outward(seen), ROWS, rtol=1e-6)
    slopes = [ranks(numbers[:, i], i, scale)[1] for i in (0, 2)]
    expected = -np.log(slopes).sum(axis=0)  # densities: price, age
    np.testing.assert_allclose(scale.log_volume(seen), expected, rtol=2e-3)


@pytest.mark.parametrize("make", [scale_of, continuous_scale_of])
def test_rows_come_back_from_the_scale(make):
    scale = make(OPEN)
    scale.find(FREE)
    seen = scale.inward(tf.constant(FREE))
    assert np.isfinite(seen).all()
    back = scale.outward(seen).numpy()
    np.testing.assert_array_equal(np.isnan(back), np.isnan(FREE))
    np.testing.assert_allclose(back, FREE, rtol=1e-4)
    assert scale.constant.tolist() == [False] * 5 + [True, False]


def test_networks_see_whether_numbers_are_missing():
    scale = found_scale(OPEN, FREE)
    seen = scale.inward(tf.constant(FREE)).numpy()
    assert OPEN.network_shape == (6 + 2 * 3 + 3,)
    absent = np.isnan(FREE[:, [0, 1, 4]])
    np.testing.assert_array_equal(seen[:, [7, 9, 11]], absent)
    np.testing.assert_array_equal(seen[:, [6, 8, 10]], ~absent)
    assert (seen[:, [0, 1, 3]][absent] == 0).all()


def test_points_of_cells_are_normal_and_come_back():
    """Every column of a `RankScale` is standard normal, also codes and what is gone."""
    scale = continuous_scale_of(OPEN)
    scale.find(FREE)
    x = np.repeat(FREE, 20, axis=0)
    u = np.random.default_rng(0).random(x.shape).astype(np.float32)
    seen = scale.inward(tf.constant(x), u).numpy()
    for column in range(6):
        assert stats.kstest(seen[:, column], "norm").statistic < 0.02
    back = scale.outward(seen).numpy()
    np.testing.assert_array_equal(np.isnan(back), np.isnan(x))
    np.testing.assert_allclose(back, x, rtol=1e-4)


def test_noise_becomes_a_table_like_the_own():
    scale = continuous_scale_of(OPEN)
    scale.find(FREE)
    noise = np.random.default_rng(0).normal(size=(20_000, 7)).astype(np.float32)
    with double_outputs():
        rows = scale.outward(noise).numpy()
    for column in range(7):
        made, known = rows[:, column], FREE[:, column]
        assert abs(np.isnan(made).mean() - np.isnan(known).mean()) < 0.02
        made, known = made[~np.isnan(made)], known[~np.isnan(known)]
        assert stats.ks_2samp(made.round(3), known.round(3)).statistic < 0.03


def test_a_bound_of_independent_columns_is_their_log_probability():
    """Standard normal points: the log mean over a cell is the log of its share."""
    scale = continuous_scale_of(OPEN)
    scale.find(FREE)
    model = kg.Flow([bj.Permutation()], OPEN, seed=0)
    model.scale.set_weights(scale.get_weights())
    model.initialized.assign(True)  # noqa: FBT003
    found = model.log_prob(FREE)
    expected = np.zeros(len(FREE))
    for i in (0, 1, 2, 3, 4):
        name = OPEN.names[i]
        values, place, counts = np.unique(
            FREE[:, i], return_inverse=True, return_counts=True
        )
        expected += np.log(counts / len(FREE))[place]
        if name == "weight":  # a density per unit, of cells of 0.1
            expected += np.where(np.isnan(FREE[:, i]), 0, np.log(10))
        assert len(values) > 2
    rank, slope = ranks(FREE[:, 6], 6, scale)
    expected += stats.norm.logpdf(rank) + np.log(slope)
    np.testing.assert_allclose(found, expected, atol=1.5)
    assert abs((found - expected).mean()) < 0.05


def test_the_way_back_ends_at_allowed_values():
    wild = np.random.default_rng(0).normal(0, 20, (500, 9)).astype(np.float32)
    rows = found_scale().outward(tf.constant(wild)).numpy()
    SPEC.check(rows, "x")
    assert rows[:, 2].min() == 1
    assert rows[:, 2].max() == 5
    assert rows[:, 5].min() == 0


RAW = np.random.default_rng(1).normal(0, 1, (1, 13)).astype(np.float32)


def log_prob(rows, spec=SPEC, raw=RAW):
    """Log p of rows in units of the data."""
    scale = found_scale(spec, ROWS if spec is SPEC else rows)
    likelihood = MixedColumns().for_inputs(spec).on(scale)
    seen = scale.inward(tf.constant(rows))
    return (likelihood.log_prob(seen, raw) - scale.log_volume(seen)).numpy()


def grid(**values):
    """One row, with all values of one column."""
    ((name, found),) = values.items()
    rows = np.repeat(ROWS[:1], len(found), axis=0)
    rows[:, SPEC.names.index(name)] = found
    return rows


@pytest.mark.parametrize(
    ("name", "values", "width"),
    [
        ("rooms", np.arange(1, 6), 1),
        ("visits", np.arange(400), 1),
        ("cut", np.arange(3), 1),
        ("new", np.arange(2), 1),
        ("price", 1e6 + np.arange(-2000, 2000, 0.02), 0.02),
        ("age", np.arange(-50, 100, 0.005), 0.005),
    ],
)
def test_each_column_sums_to_one_given_the_others(name, values, width):
    joint = log_prob(grid(**{name: values}))
    total = width * np.exp(joint.astype(np.float64)).sum()
    np.testing.assert_allclose(total, np.exp(rest(name)), rtol=2e-3)


def rest(name):
    """Log p of the other columns of the first row, each by its closed form."""
    numbers = [SPEC.names[i] for i in SPEC.numbers]
    scale = found_scale()
    nats = 0.0
    for i, column in enumerate(SPEC.columns):
        value = ROWS[0, i]
        if column.name == name:
            continue
        if column.values:
            start = 8 if column.name == "cut" else 11
            logits = RAW[0, start : start + len(column.values)].astype(np.float64)
            nats += logits[int(value)] - np.log(np.exp(logits).sum())
            continue
        j = numbers.index(column.name)
        width = 0.01 + np.log1p(np.exp(np.float64(RAW[0, 4 + j])))
        if column.is_whole:
            law = stats.logistic(RAW[0, j], width)
            is_last, is_first = value == column.high, value == column.low
            high = 1.0 if is_last else law.cdf(ranks(value + 0.5, j, scale)[0])
            low = 0.0 if is_first else law.cdf(ranks(value - 0.5, j, scale)[0])
            nats += np.log(high - low)
        else:
            rank, slope = ranks(value, j, scale)
            nats += stats.norm(RAW[0, j], width).logpdf(rank) + np.log(slope)
    return nats


def test_log_prob_is_the_closed_form():
    np.testing.assert_allclose(log_prob(ROWS[:1]), rest(None), rtol=1e-5)


def test_draws_have_the_probabilities_of_log_prob():
    scale = found_scale()
    likelihood = MixedColumns().for_inputs(SPEC).on(scale)
    count = 20_000
    noise = random.normal(random.row_seeds(0, count), (6,))
    raw = np.repeat(RAW, count, axis=0)
    rows = scale.outward(likelihood.draw(raw, noise)).numpy()
    SPEC.check(rows, "x")
    for name, size in (("rooms", 6), ("cut", 3), ("new", 2)):
        values = np.arange(size)[name == "rooms" :]
        p = np.exp(log_prob(grid(**{name: values})) - rest(name))
        share = (rows[:, SPEC.names.index(name)][:, None] == values).mean(axis=0)
        assert (np.abs(share - p) < 4 * np.sqrt(p * (1 - p) / count) + 1e-4).all()
    law = stats.norm(RAW[0, 2], 0.01 + np.log1p(np.exp(RAW[0, 6])))
    assert stats.kstest(ranks(rows[:, 4], 2, scale)[0], law.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(rows[:, 0], rows[:, 4])[0, 1]) < 0.03


def test_integers_far_from_zero_keep_their_units():
    spec = specs.Columns([specs.Integer("second", 1_700_000_000, 1_700_000_400)])
    x = np.arange(1_700_000_000, 1_700_000_401, dtype=np.int64)[:, None]
    scale = found_scale(spec, x)
    assert scale.is_far
    raw = np.array([[0.3, -1.0]], np.float32)
    likelihood = MixedColumns().for_inputs(spec).on(scale)
    nats = likelihood.log_prob(scale.inward(tf.constant(spec.check(x, "x"))), raw)
    np.testing.assert_allclose(np.exp(nats).sum(), 1, rtol=1e-4)
    model = vae(spec)
    model.fit(x, verbose=0)
    rows = model.sample(50, seed=0)
    assert rows.dtype == np.float64
    assert len(np.unique(rows)) > 20
    spec.check(rows, "x")


def test_a_vae_learns_how_columns_depend_on_each_other(fitted):
    made = fitted.sample(2000, seed=1)
    SPEC.check(made, "x")
    by_cut = [made[made[:, 1] == code, 0].mean() - 1e6 for code in range(3)]
    np.testing.assert_allclose(by_cut, [0, 50, 100], atol=15)
    share = np.bincount(made[:, 1].astype(int), minlength=3) / len(made)
    np.testing.assert_allclose(share, 1 / 3, atol=0.12)
    assert isinstance(fitted.likelihood, MixedColumns)
    assert not fitted.samples_mean
    bound = fitted.elbo(table(), seed=0).mean()
    assert bound < fitted.importance_log_prob(table(), 50).mean()


def test_verbs_take_tables(fitted):
    x = table(7)
    rows = SPEC.check(x, "x")
    for verb in (fitted.encode, fitted.reconstruct, fitted.elbo):
        np.testing.assert_array_equal(verb(x), verb(rows))
    near = fitted.predict(x, verbose=0)  # Keras makes float32 of it first
    np.testing.assert_allclose(near, fitted.reconstruct(rows), atol=0.1)
    pair = fitted.evaluate(x, verbose=0), fitted.evaluate(rows, verbose=0)
    assert pair[0] == pair[1]
    with pytest.raises(ValueError, match="'cut', row 0: received 'Poor'"):
        fitted.encode(x | {"cut": ["Poor"] * 7})
    assert fitted.encode(rows[:0]).shape == (0, 2)


@pytest.mark.filterwarnings("ignore:.*needed for a reliable figure")
def test_samples_are_compared_with_tables(fitted):
    """A dict, a DataFrame and its rows give the same figures."""
    x = table(300, seed=2)
    tables = [x, SPEC.check(x, "x")]
    try:
        tables.append(SPEC.to_frame(x))
    except ImportError:
        pass
    figures = [
        kg.metrics.evaluate(
            fitted,
            given,
            extractor=extractor_for(SPEC),
            importance_samples=2,
            train=given,
            num_samples=100,
        )
        for given in tables
    ]
    assert {"elbo", "frechet_distance", "sliced_wasserstein"} <= set(figures[0])
    assert all(found == figures[1] for found in figures)
    raw = kg.metrics.extractors.raw(SPEC, x)
    assert raw.name == kg.metrics.extractors.raw(SPEC, tables[1]).name
    logs = []
    for given in tables:
        evaluation = kg.callbacks.SampleEvaluation(given, extractor_for(SPEC))
        evaluation.set_model(fitted)
        evaluation.on_train_begin()
        evaluation.max_share = None
        logs.append({})
        evaluation.on_epoch_end(0, logs[-1])
    assert logs[0]["frechet_distance"] > 0
    assert all(found == logs[1] for found in logs)


def test_fit_takes_frames_and_refuses_what_does_not_fit():
    pandas = pytest.importorskip("pandas")
    frame, models = pandas.DataFrame(table()), [vae(), vae()]
    models[0].fit(frame, validation_data=frame[:50], verbose=0)
    models[1].fit(ROWS, validation_data=(ROWS[:50], None), verbose=0)
    for a, b in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="validation_data: column 'rooms', row 3"):
        models[0].fit(frame, validation_data=changed(rooms=(3, 9)), verbose=0)


@pytest.mark.slow
def test_streams_of_tables_are_refused_where_they_do_not_fit():
    model = vae()
    batches = tf.data.Dataset.from_tensor_slices(table()).batch(50)
    with pytest.raises(ValueError, match="received dicts. Convert tables with"):
        model.fit(batches, verbose=0)
    wrong = ROWS.copy()
    wrong[120, 1] = 7
    batches = tf.data.Dataset.from_tensor_slices(wrong).batch(50)
    with pytest.raises(ValueError, match="column 'cut', row 120: received 7"):
        model.fit(batches, verbose=0)  # while the columns are measured, row by row
    model.fit(ROWS, verbose=0)
    with pytest.raises(ValueError, match="column 'cut', row 20: received 7"):
        model.fit(batches, verbose=0)  # at the batch that is bad


def test_a_constant_column_is_called_by_its_name():
    x = table() | {"age": np.full(200, 4.0)}
    with pytest.warns(UserWarning, match="column 'age' of x is constant"):
        vae().fit(x, verbose=0)


@pytest.mark.slow
def test_a_saved_model_goes_on_exactly(fitted, tmp_path):
    model = vae()
    model.fit(table(), epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.inputs == SPEC
    assert again.likelihood == model.likelihood
    np.testing.assert_array_equal(again.sample(20, seed=3), model.sample(20, seed=3))
    np.testing.assert_array_equal(again.elbo(table()), model.elbo(table()))
    for one in (model, again):
        one.fit(table(), verbose=0)
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_artifacts_draw_the_same_rows(fitted, tmp_path):
    names = ["sample", "reconstruct", "elbo"]
    how = {"endpoints": names, "examples": table()}
    served = export.saved_model(fitted, tmp_path / "served", **how)
    phone = export.tflite(fitted, tmp_path / "m.tflite", **how)
    seeds, rows = random.row_seeds(5, 40), fitted.sample(40, seed=5)
    served = tf.saved_model.load(str(served)).signatures
    interpreter = Interpreter(str(phone))
    lite = {name: interpreter.get_signature_runner(name) for name in names}
    drawn = served["sample"](seed=tf.constant(seeds))["sample"]
    np.testing.assert_allclose(drawn, rows, rtol=1e-5, atol=1e-4)
    drawn = [lite["sample"](seed=seeds[i : i + 1])["sample"] for i in range(40)]
    np.testing.assert_allclose(np.concatenate(drawn), rows, rtol=1e-5, atol=1e-4)
    x = ROWS[:1].astype(np.float32)
    noise = np.zeros((1, 2), np.float32)
    expected = fitted.elbo(x, noise=noise)
    found = lite["elbo"](x=x, noise=noise)["elbo"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    x[0, 1] = 3  # no such code
    assert np.isnan(lite["reconstruct"](x=x)["x"]).all()
    words = r"1 cut a code in \[0, 2\] of .* \[3\] \[in row\] \[0\] \[and colu.* \[1\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        served["reconstruct"](x=tf.constant(x))
    with pytest.raises(ValueError, match="more precision than 8-bit integers"):
        export.tflite(fitted, tmp_path / "int8.tflite", quantization="int8", **how)


def test_an_autoencoder_reconstructs_tables():
    keras.utils.set_random_seed(0)
    pair = kg.networks.mlp_autoencoder(SPEC, 4, units=(32,))
    model = kg.Autoencoder(*pair, inputs=SPEC, seed=0)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(table(), epochs=40, verbose=0)
    made = model.reconstruct(table())
    assert (made[:, 1] == ROWS[:, 1]).mean() > 0.95
    assert (made[:, 3] == ROWS[:, 3]).mean() > 0.95
    model.fit_latent_density(table())
    SPEC.check(model.sample(20, seed=0), "x")
    seen = model.scale.inward(tf.constant(ROWS)).numpy()
    raw = model.decoder(model.encoder(seen)).numpy().astype(np.float64)
    error = 0.5 * ((raw[:, :4] - seen[:, :4]) ** 2).sum(axis=1)
    for part in (slice(4, 7), slice(7, 9)):
        log_softmax = raw[:, part] - np.log(np.exp(raw[:, part]).sum(1, keepdims=True))
        error -= (log_softmax * seen[:, part]).sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(ROWS), error, rtol=1e-3)


def test_a_table_can_be_a_condition():
    def network(size, output):
        inputs = [keras.Input((size,)), keras.Input(SPEC.network_shape)]
        joined = keras.layers.Concatenate()(inputs)
        return keras.Model(inputs, keras.layers.Dense(output)(joined))

    model = kg.VAE(
        network(1, 2), network(1, 1), inputs=specs.Vectors(1), condition=SPEC, seed=0
    )
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    model.fit(ROWS[:, :1], table(), epochs=30, verbose=0)
    means = [
        model.sample(200, condition=row, seed=0, mean=True).mean()
        for row in grid(cut=[0, 2])
    ]
    assert means[1] - means[0] > 20
    with pytest.raises(ValueError, match="columns: column 'rooms', row 0: received 9"):
        model.sample(4, condition=changed(rooms=(0, 9)))


def test_networks_of_a_table_ask_for_its_spec():
    with pytest.raises(ValueError, match="received .* of a table, pass inputs=spec"):
        kg.VAE(*kg.networks.mlp_vae(SPEC, 2, units=(8,)))


def test_parts_that_do_not_fit_a_table_are_refused():
    with pytest.raises(ValueError, match=r"likelihood must be MixedColumns\(\) for"):
        vae(likelihood=kg.Gaussian())
    with pytest.raises(
        ValueError, match="MixedColumns requires specs.Columns, received"
    ):
        vae(specs.Vectors(3), likelihood=kg.MixedColumns())
    other = specs.Columns([specs.Numeric("price")])
    with pytest.raises(ValueError, match="likelihood must fit the inputs"):
        vae(likelihood=kg.MixedColumns(columns=other))
    with pytest.raises(ValueError, match="observation must be None for tables"):
        vae(observation=kg.StochasticBinarization())
    pair = kg.networks.mlp_vae(SPEC.network_shape, 2)
    with pytest.raises(ValueError, match=r"decoder must output \(13,\)"):
        kg.VAE(*pair, inputs=SPEC)
    pair = kg.networks.mlp_vae((6,), 2)
    with pytest.raises(
        ValueError, match=r"see them, \(9,\), received one that takes \(6,\)"
    ):
        kg.VAE(*pair, inputs=SPEC)
    pair = kg.networks.mlp_autoencoder(SPEC, 2)
    with pytest.raises(ValueError, match=r"reconstruction must be MixedError\(\) for"):
        kg.Autoencoder(*pair, inputs=SPEC, reconstruction=kg.SquaredError())


@pytest.mark.slow
def test_numbers_alone_are_for_all_families():
    spec = specs.Columns([specs.Numeric("price"), specs.Numeric("age")])
    x = {name: table()[name] for name in spec.names}
    models = [
        kg.Flow(bj.real_nvp(2, units=(8,)), spec, seed=0),
        kg.GAN(*kg.networks.mlp_gan((2,), 2), inputs=spec, seed=0),
    ]
    for model in models:
        model.compile(jit_compile=False)
        model.fit(x, epochs=2, verbose=0)
        mean = model.sample(500, seed=0).mean(axis=0)
        assert abs(mean[0] - 1e6) < 300


FAMILIES = but_slow(
    ["vae", "flow", "gan", "diffusion"], slow=["vae", "flow", "diffusion"]
)


def of_family(family, spec=OPEN):
    keras.utils.set_random_seed(0)
    units = {"generator_units": (32,), "discriminator_units": (32,)}
    models = {
        "vae": lambda: kg.VAE(
            *kg.networks.mlp_vae(spec, 2, units=(32,)), inputs=spec, seed=0
        ),
        "flow": lambda: kg.Flow(bj.real_nvp(4, units=(16,)), spec, seed=0),
        "spline flow": lambda: kg.Flow(bj.neural_spline(4, units=(32,)), spec, seed=0),
        "gan": lambda: kg.GAN(
            *kg.networks.mlp_gan(spec.shape, 4, **units), inputs=spec, seed=0
        ),
        "diffusion": lambda: kg.Diffusion(
            kg.networks.mlp_denoiser(spec.shape, units=(32, 32)),
            inputs=spec,
            ema_decay=0.9,
            sampling=kg.samplers.Sampling(num_steps=8),
            seed=0,
        ),
    }
    model = models[family]()
    model.compile("adam", jit_compile=False)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_what_is_missing_and_goes_on_exactly(family, tmp_path):
    model, x = of_family(family), opened()
    with pytest.warns(UserWarning, match="column 'tax' of x is constant"):
        model.fit(x, epochs=2, verbose=0)
    made = model.sample(500, seed=0)
    frame = OPEN.to_frame(made)
    assert (frame["tax"] == 7.25).all()
    assert not frame[["sold", "tax", "area"]].isna().any(axis=None)
    for name in ("weight", "floor", "shade", "seen"):
        share = OPEN.to_frame(FREE)[name].isna().mean()
        assert 0 < frame[name].isna().mean() < share + 0.35
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.sample(20, seed=3), model.sample(20, seed=3))
    for one in (model, again):
        one.fit(x, verbose=0)
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*'tax' of x is constant")
@pytest.mark.parametrize("family", ["spline flow", "diffusion"])
def test_families_learn_how_columns_depend_on_each_other(family):
    """Dark rows are heavy, and pale ones light and often without a weight."""
    model = of_family(family)
    model.fit(opened(2000), epochs=100, batch_size=50, verbose=0)
    frame = OPEN.to_frame(model.sample(2000, seed=1))
    dark, pale = (frame[frame["shade"] == shade] for shade in ("dark", "pale"))
    assert dark["weight"].isna().mean() < 0.2
    assert 0.4 < pale["weight"].isna().mean() < 0.8
    assert dark["weight"].median() > 8
    assert pale["weight"].median() < 5
    assert 0.3 < len(dark) / len(frame) < 0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*'tax' of x is constant")
@pytest.mark.parametrize("family", ["vae", "flow", "gan", "diffusion"])
def test_artifacts_give_raw_numbers_and_what_is_missing(family, tmp_path):
    model = of_family(family)
    model.fit(opened(), verbose=0)
    names = ["sample"] + [name for name in ("log_prob",) if family == "flow"]
    how = {"endpoints": names, "examples": opened()}
    served = export.saved_model(model, tmp_path / "served", **how)
    phone = export.tflite(model, tmp_path / "m.tflite", **how)
    seeds, rows = random.row_seeds(5, 40), model.sample(40, seed=5)
    served = tf.saved_model.load(str(served)).signatures
    interpreter = Interpreter(str(phone))
    lite = {name: interpreter.get_signature_runner(name) for name in names}
    drawn = [served["sample"](seed=tf.constant(seeds))["sample"].numpy()]
    each = [lite["sample"](seed=seeds[i : i + 1])["sample"] for i in range(40)]
    for found in [*drawn, np.concatenate(each)]:
        same = np.isclose(found, rows, rtol=1e-4, atol=1e-3, equal_nan=True)
        assert same.mean() > 0.97  # a draw at the edge of a cell may fall beside it
    assert np.isnan(rows).any()
    if family == "flow":
        x = FREE[:4].astype(np.float32)
        found = [lite["log_prob"](x=x[i : i + 1])["log_prob"] for i in range(4)]
        np.testing.assert_allclose(np.concatenate(found), model.log_prob(x), rtol=1e-3)


@pytest.mark.parametrize("days", [1, 30, 365, 4000])
@pytest.mark.parametrize("rows", [2, 40, 120])
def test_few_times_that_lie_far_apart_have_finite_slopes(days, rows):
    """A second is few float32 numbers wide where the origin is months away."""
    times = np.random.default_rng(0).integers(0, days * 86400, (rows, 1)) + 1.5e9
    layer = Quantiles([1.0])
    layer.find(times)
    values, ranks = layer.values.numpy()[0], layer.ranks.numpy()[0]
    assert len(values) == len(ranks) == 512
    assert (np.diff(values) > 0).all()
    assert (np.diff(ranks) > 0).all()
    z = layer.inward(tf.constant(times))
    assert all(np.isfinite(end).all() for end in layer.edges(z)[:2])
    apart = np.abs(layer.outward(z, tf.float64) - times)
    assert apart.max() <= np.spacing(np.float32(days * 86400))

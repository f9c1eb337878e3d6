import numpy as np
import pytest

from keras_gen import models, networks, random, specs
from keras_gen.engine.examples import require_condition
from keras_gen.limits import FINITE, UNIT
from keras_gen.validation import check_numbers, check_positive, check_rows, check_shape

IMAGE = (4, 5, 1)
ZEROS = np.zeros((2, *IMAGE))


def data(x, shape=IMAGE, *, is_unit=True):
    how = {"limit": UNIT if is_unit else FINITE, "has_bytes": is_unit}
    x = check_numbers(x, shape, name="images", **how)
    check_rows(x, "images")
    return x


def check_labels(labels, num_classes, rows=None):
    return specs.Classes(num_classes).check(labels, "labels", rows=rows)


def check_context(context, size, rows=None):
    return specs.Vectors(size).check(context, "context", rows=rows)


def shape(received, expected):
    check_shape(received, expected, name="x")


REFUSED = {  # the call, and what its message has to say
    "empty": (lambda: data(ZEROS[:0]), r"images is empty: .*\(0, 4, 5, 1\)"),
    "rank": (
        lambda: data(np.zeros((2, 5))),
        r"images must have shape \(batch, 4, 5, 1\), received \(2, 5\)\.$",
    ),
    "size": (
        lambda: data(np.zeros((2, 5, 4, 1))),
        r"shape \(batch, 4, 5, 1\), received \(2, 5, 4, 1\)\.$",
    ),
    "channels": (
        lambda: data(np.zeros((2, 4, 5, 3))),
        r"shape \(batch, 4, 5, 1\), received \(2, 4, 5, 3\)\.$",
    ),
    "no channel axis": (
        lambda: data(ZEROS[..., 0]),
        r"received \(2, 4, 5\)\. Add the channel axis: images\[\.\.\., None\]",
    ),
    "no batch axis": (
        lambda: data(ZEROS[0]),
        r"received \(4, 5, 1\)\. Add the batch axis: images\[None\]",
    ),
    "scalar": (lambda: data(1.0), r"shape \(batch, 4, 5, 1\), received \(\)"),
    "open axis": (
        lambda: shape((None, 3), (None, 3)),
        r"x must have shape \(batch, None, 3\), received \(None, 3\)",
    ),
    "text": (lambda: data(ZEROS.astype(str)), "must hold numbers, received dtype <U"),
    "objects": (lambda: data(ZEROS.astype(object)), "must hold numbers, .* object"),
    "complex": (lambda: data(1j * ZEROS), "must hold real numbers, .* complex128"),
    "nan": (
        lambda: data(np.where(np.arange(5).reshape(5, 1) == 2, np.nan, ZEROS)),
        r"images must hold values in \[0, 1\], received 8 NaN or infinite values",
    ),
    "infinite": (lambda: data(ZEROS - np.inf), "40 NaN or infinite values among 40"),
    "bytes as floats": (
        lambda: data(ZEROS + 255.0),
        r"values in \[0, 1\], received values in \[255.0, 255.0\]\. Divide by 255\.$",
    ),
    "bytes as integers": (
        lambda: data((ZEROS + 200).astype(np.int64)),
        r"received values in \[200.0, 200.0\]\. Divide by 255\.$",
    ),
    "a little too large": (
        lambda: data(np.float32(ZEROS + 1.000001)),
        r"received values in \[1.00\d+, 1.00\d+\]\.$",
    ),
    "negative": (
        lambda: data(ZEROS - 0.5),
        r"images must hold values in \[0, 1\], received values in \[-0.5, -0.5\]\.$",
    ),
    "labels missing": (
        lambda: require_condition(specs.Classes(10), None),
        r"labels are missing: .* conditional on Classes\(num_classes=10\)",
    ),
    "labels unwanted": (
        lambda: require_condition(None, [1], "y"),
        "y must be None for an unconditional model. Leave it out.*condition=spec to",
    ),
    "label too large": (
        lambda: check_labels([0, 10], 10),
        r"labels must be in \[0, 10\), received values in \[0, 10\]",
    ),
    "label negative": (
        lambda: check_labels([-1, 3], 10),
        r"labels must be in \[0, 10\), received values in \[-1, 3\]",
    ),
    "real labels": (lambda: check_labels([0.5], 10), "must be integers, .* float64"),
    "boolean labels": (lambda: check_labels([True], 10), "integers, received bool"),
    "one-hot labels": (
        lambda: check_labels(np.eye(10, dtype=int), 10),
        r"labels must have shape \(n,\), received \(10, 10\)",
    ),
    "too few labels": (
        lambda: check_labels([1, 2], 10, 3),
        "labels must have one row per example, received 2 rows for 3 examples",
    ),
    "context missing": (
        lambda: require_condition(specs.Vectors(3), None),
        r"context is missing: .* conditional .* of shape \(n, 3\)",
    ),
    "narrow context": (
        lambda: check_context(np.zeros((2, 2)), 3),
        r"context must have shape \(batch, 3\), received \(2, 2\)",
    ),
    "context of one axis": (
        lambda: check_context(np.zeros(3), 3),
        r"received \(3,\)\. Add the batch axis: context\[None\]",
    ),
    "context not finite": (
        lambda: check_context([[np.nan], [1.0]], 1),
        "context must hold finite values, received 1 NaN or infinite values among 2",
    ),
    "context too short": (
        lambda: check_context(np.zeros((2, 3)), 3, 5),
        "context must have one row per example, received 2 rows for 5 examples",
    ),
    "zero": (lambda: check_positive(0, "rate"), "rate must be > 0, received 0"),
    "below zero": (lambda: check_positive(-0.5, "rate"), "must be > 0, received -0.5"),
    "infinity": (lambda: check_positive(np.inf, "rate"), "must be > 0, received inf"),
    "not a number": (lambda: check_positive(np.nan, "rate"), "> 0, received nan"),
    "truth": (
        lambda: check_positive(value=True, name="rate"),
        "rate must be a number > 0, received True",
    ),
    "word": (lambda: check_positive("1", "rate"), "a number > 0, received '1'"),
    "none": (lambda: check_positive(None, "rate"), "a number > 0, received None"),
    "no integer": (
        lambda: check_positive(2.0, "size", integer=True),
        "size must be an integer > 0, received 2.0",
    ),
}
FRACTIONS = np.linspace(0, 1, 40).reshape(2, *IMAGE)
ACCEPTED = {  # what is passed, whether in [0, 1], and what comes back
    "float64": (FRACTIONS, True, np.float32(FRACTIONS)),
    "float16": (np.float16(FRACTIONS), True, np.float32(np.float16(FRACTIONS))),
    "booleans": (FRACTIONS > 0.5, True, np.float32(FRACTIONS > 0.5)),
    "lists": (FRACTIONS.tolist(), True, np.float32(FRACTIONS)),
    "integers": (np.ones((2, *IMAGE), int), True, np.ones((2, *IMAGE), np.float32)),
    "bytes kept": (
        np.full((2, *IMAGE), 200, np.uint8),
        True,
        np.full((2, *IMAGE), 200, np.uint8),
    ),
    "bytes as plain numbers": (
        np.full((2, *IMAGE), 200, np.uint8),
        False,
        np.full((2, *IMAGE), 200, np.float32),
    ),
    "any real number": (50 * FRACTIONS - 20, False, np.float32(50 * FRACTIONS - 20)),
}
LABELS = {
    "list": ([0, 9, 3], [0, 9, 3]),
    "column": (np.array([[1], [2], [3]], np.uint8), [1, 2, 3]),
    "int64": (np.array([4, 4, 4]), [4, 4, 4]),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_argument_received_and_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("x", "unit", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_examples_are_accepted_as_float32_or_bytes(x, unit, expected):
    checked = data(x, is_unit=unit)
    assert checked.dtype == expected.dtype
    np.testing.assert_array_equal(checked, expected)


def test_float32_examples_are_not_copied():
    x = np.float32(FRACTIONS)
    assert data(x) is x


@pytest.mark.parametrize(("labels", "expected"), LABELS.values(), ids=LABELS)
def test_labels_are_accepted_as_int32(labels, expected):
    checked = check_labels(labels, 10, 3)
    assert checked.dtype == np.int32
    np.testing.assert_array_equal(checked, expected)


def test_open_axes_fit_any_size_and_positive_numbers_pass():
    assert shape((None, 7, 3), (None, 3)) is None
    assert shape((5, None, 3), (4, 3)) is None
    for number in (1, 0.5, np.float32(0.1), np.int64(3)):
        assert check_positive(number, "rate") is None
    assert check_positive(np.int32(2), "size", integer=True) is None


@pytest.mark.parametrize("seed", ["a", 1.5, True, [1]])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(TypeError, match="seed must be"):
        random.row_seeds(seed, 3)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"likelihood": "bernoulli"}, "likelihood"),
        ({"objective": "elbo"}, "objective"),
        ({"prior": 0}, "prior"),
        ({"observation": "binary"}, "observation"),
        ({"seed": "0"}, "seed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_objects_are_no_strings(options, name):
    pair = networks.mlp_vae((8, 8, 1), 2, units=(4,))
    with pytest.raises(TypeError, match=f"{name} must be a"):
        models.VAE(*pair, **options)


def test_an_empty_list_holds_no_labels():
    found = check_labels([], 10, 0)
    assert found.shape == (0,)
    assert found.dtype == np.int32

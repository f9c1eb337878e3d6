import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from scipy import stats

from keras_gen import random
from keras_gen.random import RowNoise

FULL = 0xFFFFFFFF
KNOWN_ANSWERS = {  # Random123 1.09, tests/kat_vectors: key, counter, words
    "zeros": ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    "ones": ((FULL, FULL), (FULL, FULL), (0x1CB996FC, 0xBB002BE7)),
    "pi": (
        (0x13198A2E, 0x03707344),
        (0x243F6A88, 0x85A308D3),
        (0xC4923A9C, 0x483DF7A0),
    ),
}
SEEDS = np.array([0, 1, -1, 7, 123_456_789, 2**31 - 1, -(2**31)], np.int32)
DRAWS = {
    "uniform": (random.uniform, stats.uniform),
    "normal": (random.normal, stats.norm),
}
draws = pytest.mark.parametrize(("draw", "law"), DRAWS.values(), ids=DRAWS)
N = 8192
COLUMNS = random.normal(random.row_seeds(0, N), (3,)).numpy().T
HALVES = random.normal([3], (2 * N,)).numpy().reshape(2, N)  # cosines and sines
NOISE = [
    RowNoise(np.int32([5]), step).normal((N,), s) for step in (0, 1) for s in (0, 1)
]
PAIRS = {
    "consecutive seeds": random.normal([7, 8], (N,)).numpy(),
    "opposite seeds": random.normal([7, -7], (N,)).numpy(),
    "consecutive row seeds": random.normal(random.row_seeds(7, 2), (N,)).numpy(),
    "rows, one apart": (COLUMNS[0, :-1], COLUMNS[0, 1:]),
    "neighbouring columns": COLUMNS[:2],
    "first and third column": COLUMNS[::2],
    "cosine and sine": HALVES,
    "seed and stream swapped": (
        random.normal([1], (N,), stream=2)[0],
        random.normal([2], (N,), stream=1)[0],
    ),
    "streams of a step": (NOISE[0][0], NOISE[1][0]),
    "steps of a stream": (NOISE[0][0], NOISE[2][0]),
    "stream and step": (NOISE[1][0], NOISE[2][0]),
}


def words(*values):
    return tuple(tf.constant(np.uint32(v).astype(np.int32)) for v in values)


def unsigned(tensors):
    return tuple(np.asarray(t).astype(np.uint32) for t in tensors)


def reference_words(seed, stream, size):
    """Threefry as its paper writes it, in uint64 with explicit wrapping."""
    keys = np.uint64([seed % 2**32, stream % 2**32])
    keys = [*keys, keys[0] ^ keys[1] ^ np.uint64(0x1BD11BDA)]
    state = [np.arange(size, dtype=np.uint64), np.zeros(size, np.uint64)]
    for i in range(21):
        if i % 4 == 0:
            inject = keys[i // 4 % 3], keys[(i // 4 + 1) % 3] + np.uint64(i // 4)
            state = [
                (s + k) & np.uint64(FULL) for s, k in zip(state, inject, strict=True)
            ]
        if i < 20:
            left = np.uint64(random.ROTATIONS[i % 8])
            state[0] = (state[0] + state[1]) & np.uint64(FULL)
            rotated = state[1] << left | state[1] >> (np.uint64(32) - left)
            state[1] = (rotated & np.uint64(FULL)) ^ state[0]
    return state


def reference_uniform(seed, stream, size):
    return [
        ((w >> np.uint64(9)) + 0.5) / 2**23 for w in reference_words(seed, stream, size)
    ]


@pytest.mark.parametrize(
    ("key", "counter", "expected"), KNOWN_ANSWERS.values(), ids=KNOWN_ANSWERS
)
def test_threefry_gives_the_published_answers(key, counter, expected):
    answer = random.threefry_2x32(words(*key), words(*counter))
    assert unsigned(answer) == expected


@pytest.mark.parametrize("seed", SEEDS.tolist())
def test_numbers_are_those_of_a_float64_reference(seed):
    for stream in (0, 3, -8):
        u, v = reference_uniform(seed, stream, 50)
        radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
        normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        received = random.uniform([seed], (100,), stream)[0]
        np.testing.assert_array_equal(received, np.concatenate([u, v]))
        received = random.normal([seed], (100,), stream)[0]
        np.testing.assert_allclose(received, normal, atol=3e-6)


def test_extreme_words_stay_inside_the_open_interval():
    low, high = random._to_unit(tf.constant([0, -1])).numpy()
    assert (low, high) == (2.0**-24, 1 - 2.0**-24)
    assert 5.7 < np.sqrt(-2 * np.log(low)) < 5.8


@draws
@pytest.mark.parametrize("seed", [0, -5, 2**31 - 1])
def test_distribution_and_moments(draw, law, seed):
    values = draw([seed], (200_000,)).numpy()[0].astype(np.float64)
    assert stats.kstest(values, law.cdf).pvalue > 1e-3
    for order in range(1, 5):
        powers = values**order
        error = 4 * powers.std() / len(powers) ** 0.5
        assert abs(powers.mean() - law.moment(order)) < error


@pytest.mark.parametrize(("x", "y"), PAIRS.values(), ids=PAIRS)
def test_draws_are_independent(x, y):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    for f in (np.array, np.square):
        assert abs(np.corrcoef(f(x), f(y))[0, 1]) < 4 / N**0.5
    cells = np.histogram2d(stats.norm.cdf(x), stats.norm.cdf(y), 16, [[0, 1], [0, 1]])
    assert stats.chi2_contingency(cells[0]).pvalue > 1e-3


@draws
def test_a_row_does_not_depend_on_the_batch(draw, law):
    batch = draw(SEEDS, (3, 5), stream=2).numpy()
    for row, seed in zip(batch, SEEDS, strict=True):
        np.testing.assert_array_equal(row, draw([seed], (3, 5), stream=2)[0])


@draws
@pytest.mark.parametrize("shape", [(), (1,), (2,), (7,), (3, 5), (2, 1, 3)], ids=str)
def test_shapes_even_odd_and_scalar(draw, law, shape):
    values = draw(SEEDS, shape).numpy()
    assert values.shape == (len(SEEDS), *shape)
    assert values.dtype == np.float32
    assert len(np.unique(values)) == values.size


@pytest.mark.parametrize("draw", DRAWS)
def test_row_noise_never_repeats_within_steps_and_streams(draw):
    noises = [RowNoise(SEEDS[:1], tf.constant(step)) for step in range(-3, 4)]
    rows = [getattr(noise, draw)((4,), s)[0] for noise in noises for s in range(8)]
    assert len(np.unique(rows)) == 7 * 8 * 4
    by_function = DRAWS[draw][0](SEEDS[:1], (4,), stream=2)[0]
    np.testing.assert_array_equal(rows[3 * 8 + 2], by_function)


def test_xla_computes_the_same_numbers():
    counter = tf.range(1000), tf.zeros(1000, tf.int32)
    key = words(FULL, 12345)
    compiled = tf.function(random.threefry_2x32, jit_compile=True)
    graph = tf.function(random.threefry_2x32)
    np.testing.assert_array_equal(compiled(key, counter), graph(key, counter))
    normal = tf.function(lambda s: random.normal(s, (999,)), jit_compile=True)
    np.testing.assert_allclose(normal(SEEDS), random.normal(SEEDS, (999,)), atol=1e-6)


@pytest.mark.parametrize("seed", [0, 7, -1, -(2**31), 2**31 + 5, 2**32 + 7, -(10**12)])
def test_row_seeds_follow_their_formula(seed):
    seeds = random.row_seeds(seed, 1000)
    expected = [(seed + row * 0x9E3779B9) % 2**32 for row in range(1000)]
    assert seeds.dtype == np.int32
    assert seeds.astype(np.uint32).tolist() == expected


def test_row_seeds_are_distinct_and_those_of_neighbours_do_not_meet():
    rows = [random.row_seeds(seed, 250_000) for seed in (7, 8, 9, 10)]
    assert len(np.unique(rows)) == 1_000_000
    assert random.row_seeds(7, 0).shape == (0,)


@draws
def test_litert_draws_the_same_from_builtin_operators(draw, law):
    signature = [tf.TensorSpec((None,), tf.int32)]
    function = tf.function(lambda s: draw(s, (3, 5), 2), input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(
        model_content=converter.convert(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [7])
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], SEEDS)
    interpreter.invoke()
    received = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(received, draw(SEEDS, (3, 5), 2), atol=1e-5)
    names = {op["op_name"] for op in interpreter._get_ops_details()}
    assert "RIGHT_SHIFT" in names
    assert not [n for n in names if n.startswith(("Flex", "CUSTOM")) or "Random" in n]


def test_normal_noise_becomes_uniform_by_its_distribution_function():
    noise = np.linspace(-6, 6, 10_001)
    for dtype, error in (("float64", 7.5e-8), ("float32", 3e-7)):  # and rounding
        found = random.normal_to_uniform(tf.constant(noise, dtype)).numpy()
        np.testing.assert_allclose(found, stats.norm.cdf(noise), rtol=0, atol=error)
        assert (found >= 0).all()
        assert (found <= 1).all()


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_a_stream_outside_of_its_step_is_refused(draw):
    noise = RowNoise(random.row_seeds(7, 4), tf.constant(1))
    for stream in (-1, 8):
        words = rf"stream must be in \[0, 8\), received {stream}"
        with pytest.raises(ValueError, match=words):
            getattr(noise, draw)((3,), stream)
    function = tf.function(lambda step: getattr(RowNoise([1], step), draw)((3,), 8))
    with pytest.raises(ValueError, match="received 8"):
        function(tf.constant(0))
    found = [getattr(noise, draw)((3,), stream).numpy() for stream in range(8)]
    other = getattr(random, draw)
    expected = [other(noise.seeds, (3,), 8 + stream).numpy() for stream in range(8)]
    np.testing.assert_array_equal(found, expected)

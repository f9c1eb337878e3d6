"""Augmentations: each against NumPy, its gradient, its probability."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.objectives import Augmentation
from keras_gen.objectives.game import Batch, Outcome, Verdict
from keras_gen.random import RowNoise, row_seeds

from ..marks import but_slow

NOTHING = {
    "brightness": 0,
    "saturation": 0,
    "contrast": 0,
    "translation": 0,
    "cutout": 0,
}
FULL = kg.DifferentiableAugmentation(flip=True)
SHAPES = {"grey": (6, 9, 1), "colour": (8, 5, 3)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def only(**amounts):
    return kg.DifferentiableAugmentation(**{**NOTHING, **amounts})


def images(shape=(6, 9, 1), n=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, *shape)).astype(np.float32)


def draws(n=5, seed=0):
    return RowNoise(row_seeds(seed, n)).uniform((FULL.num_draws,), 0)


def amounts(**places):
    """Draws that decide for everything, with the amounts at some places."""
    of_all = np.full((1, FULL.num_draws), 0.5, np.float32)
    for place, amount in places.items():
        of_all[0, 6 + int(place.removeprefix("at_"))] = amount
    return of_all


def mirrored(x):
    return x[:, :, ::-1]


def saturated(factor):
    return lambda x: (x - x.mean(3, keepdims=True)) * factor + x.mean(3, keepdims=True)


def contrasted(factor):
    return lambda x: (x - x.mean()) * factor + x.mean()


def moved_down_and_right(x):  # by 2 of 8 rows and 1 of 5 columns
    moved = np.zeros_like(x)
    moved[:, 2:, 1:] = x[:, :-2, :-1]
    return moved


def moved_up(x):
    moved = np.zeros_like(x)
    moved[:, :-2] = x[:, 2:]
    return moved


def with_corner_cut(x):  # 4 of 8 rows about row 1, 3 of 5 columns about column 4
    cut = x.copy()
    cut[:, 0:3, 3:5] = 0
    return cut


def with_last_rows_cut(x):  # an even hole may have its centre behind the last row
    cut = x.copy()
    cut[:, 6:8, 1:4] = 0
    return cut


CASES = {  # the augmentation, the draws, and what NumPy makes of an 8 x 5 x 3 image
    "flip": (only(flip=True), amounts(at_0=0.4), mirrored),
    "no flip": (only(flip=True), amounts(at_0=0.6), lambda x: x),
    "brighter": (only(brightness=0.5), amounts(at_1=0.75), lambda x: x + 0.25),
    "darker": (only(brightness=0.5), amounts(at_1=0.0), lambda x: x - 0.5),
    "grey": (only(saturation=1.0), amounts(at_2=0.0), saturated(0.0)),
    "saturated": (only(saturation=1.0), amounts(at_2=0.75), saturated(1.5)),
    "contrast": (only(contrast=0.5), amounts(at_3=0.75), contrasted(1.25)),
    "flat": (only(contrast=0.5), amounts(at_3=0.0), contrasted(0.5)),
    "down": (
        only(translation=0.25),
        amounts(at_4=0.1, at_5=0.1),
        moved_down_and_right,
    ),
    "up": (only(translation=0.25), amounts(at_4=0.99, at_5=0.5), moved_up),
    "corner": (only(cutout=0.5), amounts(at_6=0.2, at_7=0.99), with_corner_cut),
    "border": (only(cutout=0.5), amounts(at_6=0.99, at_7=0.5), with_last_rows_cut),
}
LINEAR = {name: case for name, case in CASES.items() if "bright" not in name}
cases = pytest.mark.parametrize(("augment", "u", "expected"), CASES.values(), ids=CASES)


@cases
def test_a_transformation_is_that_of_numpy(augment, u, expected):
    x = images((8, 5, 3), n=1)
    np.testing.assert_allclose(augment(x, u), expected(x), atol=1e-6)


@cases
def test_the_gradient_is_the_transpose(augment, u, expected):
    """<A x, w> has the gradient A'w: A'w is compared by its products with images."""
    x, w, other = (tf.constant(images((8, 5, 3), n=1, seed=i)) for i in range(3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(augment(x, u) * w)
    gradient = tape.gradient(product, x).numpy()
    linear = expected(other.numpy()) - expected(np.zeros_like(other))
    wanted = (linear * w.numpy()).sum()
    assert (gradient * other.numpy()).sum() == pytest.approx(wanted, abs=1e-4)


def test_a_grey_image_has_no_saturation():
    x = images()
    augment = only(saturation=1.0)
    np.testing.assert_array_equal(augment(x, draws()), x)


@shapes
def test_probability_0_changes_nothing(shape):
    x = images(shape, n=50)
    zero = tf.constant(0.0)
    for augment in (FULL, kg.AdaptiveAugmentation(FULL)):
        np.testing.assert_array_equal(augment(x, draws(50), zero), x)
        compiled = tf.function(augment, jit_compile=True)
        np.testing.assert_array_equal(compiled(x, draws(50), zero), x)


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_each_kind_is_chosen_with_the_probability(probability):
    n = 4000
    x, u = images((6, 9, 3), n=n), draws(n)
    chosen = []
    for name, amount in {**NOTHING, "brightness": 0.5, "saturation": 1.0}.items():
        augment = only(**{name: amount or 0.5})
        changed = augment(x, u, probability).numpy() != x
        chosen.append(changed.any(axis=(1, 2, 3)))
    shares = np.mean(chosen, axis=1)
    unmoved = probability / (7 * 11)  # shifts by (0, 0), of 7 rows and 11 columns
    shares[3] += unmoved
    bound = 4 * (probability * (1 - probability) / n) ** 0.5 + 0.01
    np.testing.assert_allclose(shares, probability, atol=bound)
    flipped = (only(flip=True)(x, u, probability).numpy() != x).any(axis=(1, 2, 3))
    assert abs(flipped.mean() - probability / 2) < 4 * (0.25 / n) ** 0.5
    if probability == 0.5:
        correlation = np.corrcoef(chosen) - np.eye(len(chosen))
        assert np.abs(correlation).max() < 5 / n**0.5


def test_shifts_and_holes_are_uniform():
    n = 9000
    x = np.ones((n, 8, 8, 1), np.float32)
    lit = only(translation=0.125)(x, draws(n)).numpy().sum(axis=(1, 2, 3))
    whole, edges, corners = ((lit == value).mean() for value in (64, 56, 49))
    bound = 4 * (0.25 / n) ** 0.5
    np.testing.assert_allclose(
        [whole, edges, corners], [1 / 9, 4 / 9, 4 / 9], atol=bound
    )
    lit = only(cutout=0.5)(x, draws(n)).numpy()[..., 0]
    # A pixel in the middle is covered by 4 of 9 centres in each direction.
    assert abs((lit[:, 3, 3] == 0).mean() - (4 / 9) ** 2) < bound
    assert abs((lit[:, 0, 0] == 0).mean() - (3 / 9) ** 2) < bound


def test_holes_and_borders_are_mid_grey():
    x = np.full((200, 8, 8, 1), -1, np.float32)
    changed = only(translation=0.25, cutout=0.5)(x, draws(200)).numpy()
    assert set(np.unique(changed)) == {-1.0, 0.0}


@pytest.mark.parametrize("name", but_slow([*SHAPES], ["grey"]))
@pytest.mark.parametrize("batch", but_slow([5, None], [5]))
def test_xla_and_graph_agree_for_any_batch(name, batch):
    shape = SHAPES[name]
    signature = [
        tf.TensorSpec((batch, *shape)),
        tf.TensorSpec((batch, FULL.num_draws)),
        tf.TensorSpec(()),
    ]

    def augment_and_differentiate(x, u, probability):
        """Images, and the gradient of a gradient penalty through them."""
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = FULL(x, u, probability)
                cubes = tf.reduce_sum(y**3)
            penalty = tf.reduce_sum(inner.gradient(cubes, x) ** 2)
        return y, outer.gradient(penalty, x)

    inputs = tf.constant(images(shape)), draws(), tf.constant(0.7)
    eager = augment_and_differentiate(*inputs)
    assert not np.array_equal(eager[0], inputs[0])
    for jit_compile in (False, True):
        compiled = tf.function(
            augment_and_differentiate,
            input_signature=signature,
            jit_compile=jit_compile,
        )
        for a, b in zip(compiled(*inputs), eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_the_draws_decide():
    x = images(n=20)
    first, second = FULL(x, draws(20)).numpy(), FULL(x, draws(20)).numpy()
    np.testing.assert_array_equal(first, second)
    other = FULL(x, draws(20, seed=1)).numpy()
    assert (first != other).any(axis=(1, 2, 3)).mean() > 0.9
    rows = FULL(x[7:9], draws(20)[7:9]).numpy()
    np.testing.assert_allclose(rows, first[7:9], atol=1e-6)  # each by itself


ADAPTIVE = kg.AdaptiveAugmentation(images_to_full=1000)
MOVES = {  # probability, logits of real images, probability after the step
    "overfitted": (0.5, [1.0, 2.0, 3.0, 0.1], 0.504),
    "guessing": (0.5, [1.0, -2.0, 3.0, -0.1], 0.496),
    "wrong": (0.5, [-1.0, -2.0], 0.498),
    "on target": (0.5, [1.0] * 8 + [-1.0] * 2, 0.5),
    "floor": (0.003, [-1.0] * 4, 0.0),
    "ceiling": (0.999, [1.0] * 4, 1.0),
    "column": (0.5, [[1.0], [2.0]], 0.502),
    "patches": (0.5, [[[1.0, 1.0], [1.0, -5.0]]], 0.499),
    "empty": (0.5, np.zeros((0, 1), np.float32), 0.5),
}


@pytest.mark.parametrize(("before", "logits", "after"), MOVES.values(), ids=MOVES)
def test_the_probability_moves_by_the_rule(before, logits, after):
    update = tf.function(ADAPTIVE.update, jit_compile=True)
    for move in (ADAPTIVE.update, update):
        moved = move(tf.constant(before), tf.constant(logits))
        assert float(moved) == pytest.approx(after, abs=1e-6)


def test_real_images_raise_the_probability_to_1():
    probability = ADAPTIVE.initial_probability
    assert probability == 0
    for _ in range(10):
        probability = ADAPTIVE.update(probability, tf.ones((100, 1)))
    assert float(probability) == pytest.approx(1)


HEIGHT = 2.0  # by which logits of an objective without a fixed threshold are raised
OBJECTIVES = {
    "cross-entropy": (kg.NonSaturating(), [1.0, -1.0, 1.0, -1.0], 0.0),
    "least squares": (kg.LeastSquares(), [0.9, 0.1, 0.9, 0.1], 0.1),
    "wasserstein": (
        kg.Wasserstein(),
        [HEIGHT + 1.0, HEIGHT - 1.0, HEIGHT + 1.0, HEIGHT - 1.0],
        HEIGHT,
    ),
}


@pytest.mark.parametrize(
    ("name", "packing"), [*((name, 1) for name in OBJECTIVES), ("cross-entropy", 3)]
)
def test_a_guessing_discriminator_lowers_the_probability(name, packing):
    """Whatever logits mean: half of the real images are recognized, so r = 0."""
    objective, logits, of_fake = OBJECTIVES[name]
    how = {"channels": (4,), "packing": packing}
    generator, discriminator = kg.networks.dcgan((8, 8, 1), 2, **how)
    how = {"objective": objective, "augmentation": ADAPTIVE, "packing": packing}
    model = kg.GAN(generator, discriminator, seed=0, **how)
    model._probability.assign(0.5)
    values = tf.constant(logits), tf.fill([4], of_fake)
    real, fake = (Verdict(value, None) for value in values)
    batch = Batch(*[tf.zeros((4, 8, 8, 1))] * 2, tf.zeros((4, 2)), None, RowNoise(0, 0))
    model._adapt(Outcome(tf.constant(0.0), {}, real, fake), batch)
    moved = 0.5 - 4 * packing / ADAPTIVE.images_to_full
    assert float(model._probability.value) == pytest.approx(moved, abs=1e-6)


def test_what_is_not_adaptive_keeps_its_probability():
    assert ADAPTIVE.adaptive
    assert not FULL.adaptive
    assert FULL.initial_probability == 1
    assert FULL.update(0.25, tf.ones(4)) == 0.25


def test_the_adaptive_augmentation_is_that_inside():
    x, u = images(), draws()
    adaptive = kg.AdaptiveAugmentation(FULL)
    assert adaptive.num_draws == FULL.num_draws
    np.testing.assert_array_equal(adaptive(x, u, 0.5), FULL(x, u, 0.5))
    assert isinstance(adaptive, Augmentation)


@pytest.mark.parametrize(
    "augment", [FULL, kg.AdaptiveAugmentation(only(cutout=0.25), target=0.5)], ids=str
)
def test_survives_saving(augment):
    config = keras.saving.serialize_keras_object(augment)
    assert keras.saving.deserialize_keras_object(config) == augment


ERRORS = {
    "negative": (lambda: only(brightness=-0.1), "brightness must be > 0"),
    "text": (lambda: only(brightness="0.1"), "brightness must be a number"),
    "nan": (lambda: only(contrast=float("nan")), "contrast must be > 0, received nan"),
    "contrast": (lambda: only(contrast=1.5), r"contrast must be in \[0, 1\], .*1.5"),
    "saturation": (lambda: only(saturation=2), r"saturation must be in \[0, 1\]"),
    "translation": (lambda: only(translation=3), r"translation must be in .*3"),
    "cutout": (lambda: only(cutout=1.1), r"cutout must be in \[0, 1\]"),
    "flip": (lambda: only(flip=1), "flip must be a bool, received 1"),
    "no image": (
        lambda: FULL(np.zeros((2, 4)), draws(2)),
        r"requires images .*\(2, 4\)",
    ),
    "not one": (lambda: kg.AdaptiveAugmentation(0.5), "augmentation must be a"),
    "adaptive": (lambda: kg.AdaptiveAugmentation(ADAPTIVE), "must not be adaptive"),
    "target": (
        lambda: kg.AdaptiveAugmentation(target=1),
        r"target must be in \(0, 1\), received 1",
    ),
    "zero target": (lambda: kg.AdaptiveAugmentation(target=0), "target must be > 0"),
    "images": (
        lambda: kg.AdaptiveAugmentation(images_to_full=0.5),
        "images_to_full must be an integer > 0, received 0.5",
    ),
}


@pytest.mark.parametrize(("build", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_the_argument(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()

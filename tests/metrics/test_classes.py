"""Classes, labels and modes that samples have."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import metrics, zoo
from keras_gen.metrics.classes import class_figures, label_agreement
from keras_gen.metrics.samples import sample_figures
from keras_gen.zoo.data import Data
from keras_gen.zoo.embedded import RING_STDDEV, ArraySplit, ring_modes
from keras_gen.zoo.evaluation import evaluate_on, some
from keras_gen.zoo.extractors import extractor_for

DIGITS = zoo.load_data("digits")
RING = zoo.load_data("ring")
OF_DIGITS = kg.specs.Images(8, 8, 1)
MODES = {"modes": ring_modes(), "stddev": RING_STDDEV}
WITHIN = 1 - np.exp(-4.5)  # of a normal vector in the plane: three deviations

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable")


def sampler(draw, inputs, num_classes=None):
    """A model that generates what `draw(labels)` returns."""

    def sample(num_samples, *, seed, condition):
        del seed
        return draw(np.arange(num_samples) if condition is None else condition)

    known = None if num_classes is None else kg.specs.Classes(num_classes)
    return SimpleNamespace(sample=sample, inputs=inputs, condition=known)


def digit_of(labels):
    """A training digit of each of the classes asked for, modulo ten."""
    rows = [np.flatnonzero(DIGITS.train.labels == k) for k in range(10)]
    chosen = [rows[k % 10][i % len(rows[k % 10])] for i, k in enumerate(labels)]
    return DIGITS.train.x[chosen]


def of_digits(draw, num_classes=None, **options):
    """Figures of 360 digits beside the test digits."""
    labels = None if num_classes is None else DIGITS.test.labels
    options |= {"extractor": extractor_for((8, 8, 1), "digits")}
    return sample_figures(
        sampler(draw, OF_DIGITS, num_classes), DIGITS.test.x, labels, **options
    )


def test_classes_by_hand():
    found, smallest, divergence = class_figures(
        np.array([5, 0, 3]), extractor="toy"
    ).values()
    by_hand = 5 / 8 * np.log(3 * 5 / 8) + 3 / 8 * np.log(3 * 3 / 8)
    assert divergence.value == pytest.approx(by_hand)
    assert (divergence.unit, divergence.extractor) == ("nats", "toy")
    assert found == metrics.Estimate(2, None, "classes", 8, "toy")
    assert (smallest.value, smallest.standard_error) == (0, 0)
    found, smallest, _ = class_figures(np.array([10, 6, 4])).values()
    assert (found.value, smallest.value) == (3, 0.2)
    assert smallest.standard_error == pytest.approx(np.sqrt(0.2 * 0.8 / 20))
    assert (smallest.unit, smallest.num_samples) == ("share", 20)


def test_equally_frequent_classes_diverge_by_chance_alone():
    """As (classes - 1) / (2 n) says, the KL of 26,000 perfect stacks of digits."""
    counts = np.random.default_rng(0).multinomial(26_000, np.full(1000, 1e-3))
    divergence = class_figures(counts)["class_divergence"]
    assert divergence.value == pytest.approx(999 / 52_000, rel=0.1)
    one = class_figures(np.eye(1000, dtype=int)[3] * 50)
    assert one["class_divergence"].value == pytest.approx(np.log(1000))


def test_label_agreement_by_hand():
    probabilities = np.eye(3)[[0, 1, 2, 2]] * 0.7 + 0.1
    figure = label_agreement(probabilities, [0, 1, 2, 0], extractor="toy")
    assert figure[:5] == (0.75, np.sqrt(0.75 * 0.25 / 4), "share", 4, "toy")
    with pytest.raises(ValueError, match=r"labels must be in \[0, 3\)"):
        label_agreement(probabilities, [0, 1, 2, 3])
    with pytest.raises(
        ValueError, match="labels must have one row per example, received 3 rows for 4"
    ):
        label_agreement(probabilities, [0, 1, 2])


def test_labels_that_decide_nothing_agree_by_chance():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=5_000)
    others = np.eye(10)[rng.integers(10, size=5_000)]
    figure = label_agreement(others, labels)
    assert abs(figure.value - 0.1) < 4 * figure.standard_error


def test_a_conditional_model_is_measured_by_its_labels():
    heeds = of_digits(digit_of, 10)["label_agreement"]
    assert heeds.value > 0.99
    assert heeds.reference == pytest.approx(0.9944, abs=1e-4)  # of classifier_digits
    ignores = of_digits(lambda labels: DIGITS.train.x[: len(labels)], 10)
    figure = ignores["label_agreement"]
    assert abs(figure.value - 0.1) < 4 * figure.standard_error
    assert ignores["classes_found"].value == 10


def test_other_classes_than_the_classifier_s_have_no_agreement():
    assert "label_agreement" not in of_digits(digit_of)
    labels = DIGITS.test.labels % 5
    options = {"extractor": extractor_for((8, 8, 1), "digits")}
    model = sampler(digit_of, OF_DIGITS, num_classes=5)
    figures = sample_figures(model, DIGITS.test.x, labels, **options)
    assert "label_agreement" not in figures
    assert figures["classes_found"].value == 5


def test_lost_classes_are_seen():
    few = DIGITS.train.x[DIGITS.train.labels < 4]
    figures = of_digits(lambda labels: few[: len(labels)], train=DIGITS.train.x)
    found, smallest = figures["classes_found"], figures["smallest_class_share"]
    assert (found.value, found.reference) == (4, 10)
    assert smallest.value == 0
    chosen = np.arange(360) * 1437 // 360  # evenly over all
    real = np.bincount(DIGITS.train.labels[chosen]).min() / 360
    assert smallest.reference == pytest.approx(real, abs=0.005)
    assert smallest.extractor == found.extractor == "classifier_digits (not Inception)"


def test_the_reference_has_all_classes_of_sorted_training_examples():
    """As folders of classes are read."""
    in_order = DIGITS.train.x[np.argsort(DIGITS.train.labels, kind="stable")]
    figures = of_digits(lambda rows: DIGITS.train.x[: len(rows)], train=in_order)
    assert figures["classes_found"].reference == 10


def test_few_examples_of_a_split_are_of_all_classes():
    split = ArraySplit(np.repeat(np.arange(250, dtype=np.uint8), 4)[:, None], None)
    x, labels = some(split, 250)
    np.testing.assert_allclose(x[:, 0], np.arange(250) / 255, rtol=1e-6)
    assert labels is None
    rows = ArraySplit(split.x, np.arange(1000))
    np.testing.assert_array_equal(some(rows, 300)[1], np.arange(300) * 10 // 3)
    np.testing.assert_array_equal(some(rows, 5000)[1], rows.labels)
    assert len(some(rows, 5000)[0]) == 1000


def of_ring(draw, **options):
    options |= {"extractor": extractor_for((2,)), "num_samples": 3_000}
    return sample_figures(sampler(draw, kg.specs.Vectors(2)), RING.test.x, **options)


def test_the_ring_lies_near_its_modes():
    figures = of_ring(lambda rows: RING.train.x[rows], train=RING.train.x, **MODES)
    found, near = figures["modes_found"], figures["near_a_mode"]
    assert found == metrics.Estimate(8, None, "modes", 3_000, reference=8)
    assert abs(near.value - WITHIN) < 4 * near.standard_error
    assert near.reference == pytest.approx(near.value, abs=0.02)


def test_lost_modes_are_seen():
    half = RING.train.x[RING.train.labels % 2 == 0]
    figures = of_ring(lambda rows: half[rows % len(half)], **MODES)
    assert figures["modes_found"].value == 4
    far = of_ring(lambda rows: RING.train.x[rows] / 2, **MODES)
    assert (far["modes_found"].value, far["near_a_mode"].value) == (0, 0)
    assert "modes_found" not in of_ring(lambda rows: half[rows % len(half)])


@pytest.mark.parametrize("name", MODES)
def test_modes_need_their_deviation(name):
    with pytest.raises(ValueError, match="modes and stddev must be given together"):
        of_ring(lambda rows: RING.train.x[rows], **{name: MODES[name]})


@pytest.mark.parametrize("name", ["ring", "other"])
def test_the_modes_of_a_recipe_count_on_its_own_data(name):
    networks = kg.networks.mlp_vae((2,), 2, units=(4,))
    model = kg.VAE(*networks, likelihood=kg.Gaussian(0.5, unit_interval=False))
    model.compile()
    options = {"num_samples": 200, "importance_samples": 2}
    stated = dataclasses.replace(
        zoo.find_recipe("vae_mnist"), data="ring", evaluation={**MODES, **options}
    )
    splits = (split.subset(np.arange(200)) for split in (RING.train, RING.test))
    figures = evaluate_on(model, Data(name, *splits, known=True), stated)
    assert figures["precision"].num_samples == 200
    assert ("modes_found" in figures) == (name == "ring")

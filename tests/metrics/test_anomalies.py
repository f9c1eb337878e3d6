"""Anomaly scores, and thresholds at a stated rate of false alarms."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

import keras_gen as kg
from keras_gen import metrics, zoo
from keras_gen.metrics import anomalies

from ..marks import but_slow


@pytest.mark.parametrize("count", [1, 8, 20, 99, 333, 5000])
def test_the_smallest_rate_is_the_smallest_to_four_digits(count):
    least = anomalies.smallest_rate(count)
    assert anomalies.alarm_rank(count, least) == count
    if least > 1.5e-4:
        with pytest.raises(ValueError, match=f"Increase it to {least:g} or more"):
            anomalies.alarm_rank(count, least - 1.001e-4)


def test_the_threshold_keeps_its_rate_of_false_alarms():
    """Of 99 scores at a rate of 5 %, the 95th: 5 of 100 ranks of a new one lie above.

    Over many held-out sets the rate is 5 %, within 4 standard errors.
    """
    rng = np.random.default_rng(0)
    held_out = rng.normal(size=(4000, 99))
    thresholds = [metrics.alarm_threshold(scores, 0.05) for scores in held_out]
    assert thresholds[0] == np.sort(held_out[0])[94]
    rates = stats.norm.sf(thresholds)
    error = rates.std() / np.sqrt(len(rates))
    assert rates.mean() == pytest.approx(0.05, abs=4 * error)


@pytest.mark.parametrize(
    ("scores", "rate", "words"),
    [
        (
            np.arange(98),
            0.01,
            "at least 99 held-out .* 98. Increase it to 0.0102 or more",
        ),
        (np.arange(9), 0.0, r"false_alarms must be in \(0, 1\), received 0"),
        (np.arange(9), 1, r"false_alarms must be in \(0, 1\), received 1"),
        (np.arange(9), float("nan"), "false_alarms must be a finite number"),
        ([np.nan, 1], 0.5, "scores hold 1 NaN"),
        ([], 0.5, r"scores must have shape \(n,\), received \(0,\)"),
    ],
)
def test_thresholds_that_mean_nothing_are_refused(scores, rate, words):
    with pytest.raises(ValueError, match=words):
        metrics.alarm_threshold(scores, rate)


def test_the_smallest_number_of_held_out_examples_gives_the_largest_score():
    assert metrics.alarm_threshold(np.arange(99), 0.01) == 98


def test_a_rate_that_is_no_binary_fraction_has_its_exact_rank():
    """9 times 2/3 is 6, but 9 times (1 - 1/3) in float64 is above 6."""
    assert metrics.alarm_threshold(np.arange(1, 9), 1 / 3) == 6


def test_examples_at_the_threshold_are_not_flagged():
    """Of 99 held-out scores, the 4 above the 95th, and not the 95th itself."""
    model = kg.Flow([kg.bijectors.Permutation()], (2,), seed=0)
    x = np.random.default_rng(0).normal(size=(99, 2)).astype(np.float32)
    found = metrics.detect(model, x, x, false_alarms=0.05)
    assert found.flagged.sum() == 4
    assert found.scores[~found.flagged].max() == found.threshold


SCORES = {
    "spline_flow": lambda m, x, y: -m.log_prob(x),
    "conditional_vae": lambda m, x, y: -m.importance_log_prob(x, 16, condition=y),
    "dense_autoencoder": lambda m, x, y: m.reconstruction_error(x),
    "guided_diffusion": lambda m, x, y: -m.elbo(x, condition=y),
    "table_vae": lambda m, x, y: -m.importance_log_prob(x, 16),
}


@pytest.mark.parametrize("name", but_slow([*SCORES], {*SCORES} - {"dense_autoencoder"}))
def test_scores_are_those_of_the_model(name, make_case):
    case = make_case(name)
    x, y = case.rows(case, 0, 20)
    model = case.make()
    scores = metrics.anomaly_scores(model, x, y)
    np.testing.assert_allclose(scores, SCORES[name](model, x, y), rtol=1e-5)
    assert scores.dtype == np.float64


def test_a_gan_has_no_score(make_case):
    case = make_case("dense_gan")
    with pytest.raises(TypeError, match="a bound or reconstructions .* received GAN"):
        metrics.anomaly_scores(case.make(), case.x[:3])


def test_a_vae_of_digits_flags_shuffled_digits():
    """Shuffled pixels have the grey values of digits, and no strokes."""
    model, data = zoo.load("vae_digits"), zoo.load_data("digits")
    held_out, normal = data.test.x[:200], data.test.x[200:]
    order = np.random.default_rng(0).permutation(64)
    other = normal.reshape(-1, 64)[:, order].reshape(normal.shape)
    both = np.concatenate([normal, other])
    found = metrics.detect(model, both, held_out, false_alarms=0.05)
    is_other = np.arange(len(both)) >= len(normal)
    area = roc_auc_score(is_other, found.scores)
    assert area > 0.99
    same = metrics.anomaly_auc(found.scores[~is_other], found.scores[is_other])
    assert same.value == pytest.approx(area)
    assert found.flagged[is_other].mean() > 0.95
    assert found.flagged[~is_other].mean() < 0.12
    assert (found.flagged == (found.scores > found.threshold)).all()

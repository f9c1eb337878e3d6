"""Losses of both players on written-out logits, and what minimises them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

import keras_gen as kg

REAL, FAKE = np.array([0.0, 2.0, -1.0, 30.0]), np.array([0.0, -1.0, 0.5, -1000.0])
LOG_2, LOG_4 = np.log(2), np.log(4)
# softplus by hand: log(1 + e^x) at 0, 0.5, 1, 1.5, 2, 3
HALF, ONE, THREE_HALVES = 0.9740769841801067, 1.3132616875182228, 1.7014132779827524
MINUS_ONE, MINUS_TWO, MINUS_THREE = (
    0.31326168751822286,
    0.1269280110429726,
    0.04858735157374196,
)
CROSS_ENTROPY = [LOG_4, MINUS_TWO + MINUS_ONE, ONE + HALF, 9.357622968839299e-14]
CASES = {  # the objective, the discriminator's losses, the generator's
    "minimax": (kg.Minimax(), CROSS_ENTROPY, [-LOG_2, -MINUS_ONE, -HALF, 0]),
    "non-saturating": (
        kg.NonSaturating(),
        CROSS_ENTROPY,
        [LOG_2, ONE, HALF - 0.5, 1000],
    ),
    "least squares": (
        kg.LeastSquares(),
        [0.5, 1, 2.125, (29**2 + 1000**2) / 2],
        [0.5, 2, 0.125, 1001**2 / 2],
    ),
    "wasserstein": (kg.Wasserstein(), [0, -3, 1.5, -1030], [0, 1, -0.5, 1000]),
    "hinge": (kg.objectives.Hinge(), [2, 0, 3.5, 0], [0, 1, -0.5, 1000]),
    "relativistic": (
        kg.RelativisticPairing(),
        [LOG_2, MINUS_THREE, THREE_HALVES, 0],
        [LOG_2, MINUS_THREE + 3, THREE_HALVES - 1.5, 1030],
    ),
}
cases = pytest.mark.parametrize(
    ("objective", "discriminator", "generator"), CASES.values(), ids=CASES
)
objectives = pytest.mark.parametrize(
    "objective", [case[0] for case in CASES.values()], ids=CASES
)
unconfined = pytest.mark.parametrize(
    "objective", [kg.Wasserstein(), kg.RelativisticPairing()]
)


def losses(objective, real=REAL, fake=FAKE):
    real, fake = tf.constant(real, tf.float64), tf.constant(fake, tf.float64)
    return objective.discriminator(real, fake), objective.generator(fake, real)


def gradients(function, *logits):
    """Derivatives of a sum of losses for each logit, in float64."""
    logits = [tf.constant(x, tf.float64) for x in logits]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(function(*logits))
    return [g.numpy() for g in tape.gradient(total, logits)]


@cases
def test_losses_are_those_by_hand(objective, discriminator, generator):
    found = losses(objective)
    np.testing.assert_allclose(found[0], discriminator, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[1], generator, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("objective", [kg.Minimax(), kg.NonSaturating()])
def test_a_discriminator_that_knows_nothing_loses_log_4(objective):
    assert float(losses(objective, [0.0], [0.0])[0][0]) == LOG_4


def test_the_minimax_game_is_zero_sum():
    discriminator, generator = losses(kg.Minimax(), REAL, FAKE)
    real_part = np.logaddexp(0, -REAL)
    np.testing.assert_allclose(discriminator + generator, real_part, atol=1e-15)


@objectives
def test_gradients_at_large_logits_are_finite_and_point_the_right_way(objective):
    far = np.array([-1000.0, -3.0, 0.1, 3.0, 1000.0])
    real, fake = (grid.ravel() for grid in np.meshgrid(far, far))
    on_real, on_fake = gradients(objective.discriminator, real, fake)
    (on_made,) = gradients(lambda made: objective.generator(made, real), fake)
    for slope in (on_real, on_fake, on_made):
        assert np.isfinite(slope).all()
    if isinstance(objective, kg.LeastSquares):
        for slope, distance in ((on_real, real - 1), (on_fake, fake)):
            np.testing.assert_array_equal(np.sign(slope), np.sign(distance))
        np.testing.assert_array_equal(np.sign(on_made), np.sign(fake - 1))
        return
    assert np.all(on_real <= 0)
    assert np.all(on_fake >= 0)
    assert np.all(on_made <= 0)
    middle = (np.abs(real) < 1) & (np.abs(fake) < 1)
    assert np.all(on_real[middle] < 0)
    assert np.all(on_fake[middle] > 0)
    assert np.all(on_made[middle] < 0)


def test_only_the_minimax_generator_stalls_against_a_sure_discriminator():
    (minimax,) = gradients(kg.Minimax().generator, [-50.0])
    (flipped,) = gradients(kg.NonSaturating().generator, [-50.0])
    assert -1e-20 < minimax[0] < 0
    assert flipped[0] == pytest.approx(-1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("kind", [kg.Minimax, kg.NonSaturating])
def test_label_smoothing_is_the_cross_entropy_of_soft_targets(kind, smoothing):
    real, fake = REAL[:3], FAKE[:3]
    target, share = 1 - smoothing, expit(real)
    expected = -target * np.log(share) - (1 - target) * np.log1p(-share)
    expected -= np.log1p(-expit(fake))
    found = losses(kind(smoothing=smoothing), real, fake)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    plain = losses(kind(), real, fake)[1]
    np.testing.assert_array_equal(found[1], plain)  # one-sided


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, True, "0"])
def test_wrong_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"smoothing must be a number in \[0, 1\)"):
        kg.NonSaturating(smoothing=smoothing)


P, Q = np.array([0.1, 0.2, 0.7]), np.array([0.5, 0.25, 0.25])
BEST = {  # the logits that minimise the expected loss where the densities are p and q
    "minimax": (kg.Minimax(), np.log(P / Q)),
    "non-saturating": (kg.NonSaturating(), np.log(P / Q)),
    "smoothed": (kg.Minimax(0.2), np.log(0.8 * P / (Q + 0.2 * P))),
    "least squares": (kg.LeastSquares(), P / (P + Q)),
}


@pytest.mark.parametrize(("objective", "best"), BEST.values(), ids=BEST)
def test_the_best_discriminator_is_a_ratio_of_densities(objective, best):
    def slope(logits):
        real, fake = gradients(objective.discriminator, logits, logits)
        return P * real + Q * fake

    np.testing.assert_allclose(slope(best), 0, atol=1e-15)
    assert np.all(slope(best - 0.01) < 0)
    assert np.all(slope(best + 0.01) > 0)


def test_the_best_hinge_discriminator_is_the_sign():
    logits = np.linspace(-2, 2, 401)[:, None] * np.ones(3)
    real = losses(kg.objectives.Hinge(), logits, np.full_like(logits, -9))[0]
    fake = losses(kg.objectives.Hinge(), np.full_like(logits, 9), logits)[0]
    best = logits[np.argmin(P * real + Q * fake, axis=0), 0]
    np.testing.assert_allclose(best, np.sign(P - Q))


@unconfined
def test_a_constant_on_all_logits_changes_nothing(objective):
    before, after = (losses(objective, REAL + c, FAKE + c) for c in (0.0, 7.0))
    np.testing.assert_allclose(before[0], after[0], rtol=1e-12, atol=1e-12)
    if objective.paired:
        np.testing.assert_allclose(before[1], after[1], rtol=1e-12, atol=1e-12)
    low, high = (float(objective.threshold(REAL + c, FAKE + c)) for c in (0, 7))
    assert high - low == pytest.approx(7)


@objectives
def test_the_threshold_lies_between_the_kinds(objective):
    real, fake = np.array([3.0, 5.0]), np.array([-2.0, 0.0])
    expected = {kg.LeastSquares: 0.5, kg.Wasserstein: 1.5, kg.RelativisticPairing: 1.5}
    found = objective.threshold(tf.constant(real), tf.constant(fake))
    assert float(found) == expected.get(type(objective), 0.0)

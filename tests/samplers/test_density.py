"""The density by the probability-flow equation, of a linear denoiser."""

import itertools

import numpy as np
import tensorflow as tf

from keras_gen import samplers, schedules

COVARIANCE = np.array([[1.0, 0.6, 0.1], [0.6, 0.8, -0.2], [0.1, -0.2, 0.5]])
LEVELS = samplers.Sampling(
    grid=samplers.LogSNR(-12.0, 12.0), num_steps=101
).levels_to_noise(schedules.Cosine())
X = np.random.default_rng(0).multivariate_normal(np.zeros(3), COVARIANCE, size=8)


def density(probes=None):
    alpha, sigma = tf.constant(LEVELS.alpha), tf.constant(LEVELS.sigma)

    def denoise(x, i):
        """E[x0 | x] of N(0, COVARIANCE)."""
        a, s = tf.gather(alpha, i), tf.gather(sigma, i)
        total = a**2 * COVARIANCE + s**2 * tf.eye(3, dtype=x.dtype)
        return a * x @ tf.linalg.inv(total) @ COVARIANCE

    call = tf.function(
        lambda x: samplers.log_density(denoise, LEVELS, x, probes), autograph=False
    )
    return call(tf.constant(X)).numpy()


def test_the_density_of_correlated_values_is_the_closed_form():
    inverse, determinant = np.linalg.inv(COVARIANCE), np.linalg.det(COVARIANCE)
    expected = -0.5 * np.einsum("bi,ij,bj->b", X, inverse, X)
    expected -= 0.5 * np.log((2 * np.pi) ** 3 * determinant)
    np.testing.assert_allclose(density(), expected, atol=1e-3)


def test_the_mean_over_all_signs_is_the_trace():
    """Hutchinson: off the diagonal, signs cancel over all combinations only."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    probes = tf.constant(np.repeat(signs[:, None], len(X), axis=1))
    np.testing.assert_allclose(density(probes), density(), atol=1e-9)
    assert np.abs(density(probes[:1]) - density()).max() > 0.1

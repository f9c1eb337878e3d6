"""The density of an example by the probability-flow equation."""

import math

import tensorflow as tf

from .grids import Levels
from .program import Denoiser

Change = tuple[tf.Tensor, tf.Tensor]  # changes of examples and of log volume


def log_density(
    denoise: Denoiser, levels: Levels, x: tf.Tensor, probes: tf.Tensor | None = None
) -> tf.Tensor:
    """Log density of examples, from their noise and the change of volume.

    With y = x / alpha and the log of sigma / alpha as time, the probability-flow
    equation is dy = (y - denoised) dt. The classical Runge-Kutta method of order 4
    integrates the example to noise, and the divergence along the way. The density is
    that of examples with the noise of the first level.

    Args:
        denoise: A function from `x` and level `i` to denoised examples.
        levels: An odd number of levels from the cleanest to the noisiest, evenly spaced
            in the log signal-to-noise ratio. A step goes over two intervals.
        x: Clean examples, float32 `(batch, *data_shape)`.
        probes: Numbers with mean 0 and variance 1, `(probes, batch, *data_shape)`, for
            an unbiased estimate of the divergence (Hutchinson). None computes it.

    Returns:
        Nats, float32 `(batch,)`.

    References:
        Chen et al., "Neural ordinary differential equations", 2018, eq. 8; Grathwohl
        et al., "FFJORD", 2019, eq. 7; Song et al., "Score-based generative modeling
        through stochastic differential equations", 2021, eq. 39.
    """
    size, steps = math.prod(x.shape[1:]), len(levels.times) // 2
    ends = [math.log(levels.sigma[i] / levels.alpha[i]) for i in (0, -1)]
    width, alpha = (ends[1] - ends[0]) / steps, tf.constant(levels.alpha, x.dtype)

    def change(y: tf.Tensor, i: tf.Tensor) -> Change:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(y)
            slope = y - denoise(tf.gather(alpha, i) * y, i)
        return slope, _divergence(tape, slope, y, probes)

    def step(
        i: tf.Tensor, y: tf.Tensor, volume: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        first = change(y, i)
        second = change(y + width / 2 * first[0], i + 1)
        third = change(y + width / 2 * second[0], i + 1)
        fourth = change(y + width * third[0], i + 2)
        mean = (
            (a + 2 * b + 2 * c + d) / 6
            for a, b, c, d in zip(first, second, third, fourth, strict=True)
        )
        y, volume = (v + width * m for v, m in zip((y, volume), mean, strict=True))
        return i + 2, y, volume

    state = tf.constant(0), x, tf.zeros_like(tf.reshape(x, (-1, size))[:, 0])
    rest = {"maximum_iterations": steps}
    _, y, volume = tf.while_loop(lambda *_: True, step, state, **rest)
    spread = math.hypot(1, math.exp(ends[1]))
    square = tf.reduce_sum(tf.reshape(y / spread, (-1, size)) ** 2, axis=1)
    normal = -0.5 * square - size * (math.log(spread) + 0.5 * math.log(2 * math.pi))
    return normal + volume


def _divergence(
    tape: tf.GradientTape, slope: tf.Tensor, y: tf.Tensor, probes: tf.Tensor | None
) -> tf.Tensor:
    """The trace of the Jacobian of `slope`, `(batch,)`, or an estimate."""
    size, share = math.prod(y.shape[1:]), 1.0
    if probes is None:
        units = tf.reshape(tf.eye(size, dtype=y.dtype), (size, 1, *y.shape[1:]))
        probes = units + tf.zeros_like(y)
    else:
        share /= probes.shape[0]
    parts = []
    for probe in tf.unstack(probes):
        along = tape.gradient(slope, y, output_gradients=probe)
        parts.append(tf.reduce_sum(tf.reshape(along * probe, (-1, size)), axis=1))
    return share * tf.add_n(parts)

"""The density of an example by the probability-flow equation."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..schedules import Schedule
from .grids import Levels
from .program import Denoiser
from .solvers import coordinates


def log_density(
    denoise: Denoiser,
    levels: Levels,
    schedule: Schedule,
    x: tf.Tensor,
    probes: tf.Tensor | None = None,
) -> tf.Tensor:
    """Log density of examples: that of their noise, and the change of volume.

    Heun's method, order 2, follows an example to noise, and with it the divergence of
    its velocity. The density is that of examples with the noise of the first level.

    Args:
        denoise: Denoised examples of `x` at level `i`.
        levels: Noise levels from the cleanest to the noisiest, both noisy.
        schedule: What they belong to.
        x: Clean examples, float32 `(batch, *data_shape)`.
        probes: Numbers of mean 0 and variance 1, `(probes, batch, *data_shape)`, which
            estimate the divergence without bias (Hutchinson); None computes it.

    Returns:
        Nats, float32 `(batch,)`.

    References:
        Chen et al., "Neural ordinary differential equations", 2018, eq. 8; Grathwohl
        et al., "FFJORD", 2019, eq. 7; Song et al., "Score-based generative modeling
        through stochastic differential equations", 2021, eq. 39.
    """
    size, places = math.prod(x.shape[1:]), _places(levels, schedule)
    slopes = _slopes(denoise, levels, schedule, probes)
    widths = tf.constant(np.diff(places[:, 1]), x.dtype)

    def step(
        i: tf.Tensor, y: tf.Tensor, volume: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        width = tf.gather(widths, i)
        slope, growth = slopes(y, i)
        next_slope, next_growth = slopes(y + width * slope, i + 1)
        y += width / 2 * (slope + next_slope)
        return i + 1, y, volume + width / 2 * (growth + next_growth)

    shrink = levels.alpha[0] / places[0, 0]
    state = tf.constant(0), shrink * x, tf.zeros_like(tf.reshape(x, (-1, size))[:, 0])
    rest = {"maximum_iterations": len(widths)}
    _, y, volume = tf.while_loop(lambda *_: True, step, state, **rest)
    spread = math.hypot(levels.alpha[-1], levels.sigma[-1]) / places[-1, 0]
    square = tf.reduce_sum(tf.reshape(y / spread, (-1, size)) ** 2, axis=1)
    normal = -0.5 * square - size * (math.log(spread) + 0.5 * math.log(2 * math.pi))
    return normal + volume + size * math.log(shrink)


def _places(levels: Levels, schedule: Schedule) -> np.ndarray:
    """The coordinates of each level, `(levels, 2)`; see `coordinates`."""
    pairs = zip(*levels, strict=True)
    return np.array([coordinates(p, straight=schedule.straight) for p in pairs])


def _slopes(
    denoise: Denoiser, levels: Levels, schedule: Schedule, probes: tf.Tensor | None
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Velocity and divergence of `x / scale` at level `i`."""
    columns = _places(levels, schedule)[:, 0], levels.alpha, levels.sigma
    table = np.stack(columns, axis=1)

    def slopes(y: tf.Tensor, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scale, alpha, sigma = tf.unstack(tf.gather(tf.constant(table, y.dtype), i))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(y)
            noisy = scale * y
            clean = denoise(noisy, i)
            slope = (noisy - alpha * clean) / sigma
            slope = slope - clean if schedule.straight else slope
        return slope, _divergence(tape, slope, y, probes)

    return slopes


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

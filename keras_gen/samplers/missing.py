"""Missing values given the known ones, by chains that leave a density unchanged."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ..random import RowNoise

LEAPS = 5  # of a trajectory
TRIES = 8  # points of an ellipse
DRAWS = 8  # samples of the model that tell the size of the first steps
RATE = 0.7  # of accepted trajectories
FORGET = 0.9
AUXILIARY, DIRECTION, MOMENTUM, CHOICES, PLACES = range(5)  # streams of a step


class Target(NamedTuple):
    """A density of examples that latent values explain.

    Attributes:
        log_prob: Log density of examples, up to a constant, `(batch,)`.
        encode: From examples to latent values `(batch, size)`, and log |dx / dz|.
        decode: From latent values to examples, and log |dx / dz|.
        redraw: Moves a known value to another place in its cell, given examples, a
            uniform number `(batch,)` that chooses the value, and one for each place.
            None if known values are points.
    """

    log_prob: Callable[[tf.Tensor], tf.Tensor]
    encode: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    decode: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    redraw: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor] | None = None


def draw_missing(
    target: Target,
    x: tf.Tensor,
    is_new: tf.Tensor,
    sample: Callable[[RowNoise], tf.Tensor],
    seed: tf.Tensor,
    *,
    num_steps: int,
) -> tf.Tensor:
    """Draws the missing values of examples given the known ones.

    A chain for each example. Its moves leave p(missing | known) of the target
    unchanged, so that its end is exact up to the number of steps. A step has two:

    - A trajectory of Hamiltonian dynamics of the missing values. Its length, and the
      size of each value, come from the first half of the steps.
    - A move in latent space: known values get noise, the latent values of the example
      turn on an ellipse, and what they say of the missing values is accepted by slice
      sampling. Such moves lead from one mode to another.

    Known values that are cells, such as integers of a table, are redrawn in the cell,
    one column at a time, by the rule of Metropolis.

    Args:
        target: The density.
        x: Examples, `(batch, *shape)`, of which only known values matter.
        is_new: Which values are missing, `(batch, *shape)`.
        sample: Draws examples of the target from noise.
        seed: int32 `(batch,)`.
        num_steps: Number of steps.

    Returns:
        The examples with their missing values drawn.

    References:
        Neal, "MCMC using Hamiltonian dynamics", 2011, section 5; Cannella, Soloveychik
        and Tarokh, "Projected latent Markov chain Monte Carlo: conditional sampling of
        normalizing flows", 2021, section 3 (noise on known values); Murray, Adams and
        MacKay, "Elliptical slice sampling", 2010, figure 2.
    """
    shape, warm_up = x.shape[1:], num_steps // 2
    axes = [*range(1, x.shape.rank)]

    def total(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(values, axis=axes)

    def each(values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(values, [-1, *[1 for _ in axes]])

    def slope(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = target.log_prob(x)
        gradient = tape.gradient(value, x)
        return value, tf.where(tf.math.is_finite(gradient), gradient, 0.0)

    def trajectory(
        x: tf.Tensor, spread: tf.Tensor, length: tf.Tensor, noise: RowNoise
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The examples afterwards, the probability of accepting, and squared slopes."""
        momentum = tf.where(is_new, noise.normal(shape, MOMENTUM), 0.0)
        stretch = tf.where(is_new, spread, 0.0) * each(length)
        before, first = slope(x)
        energy = before - total(momentum**2) / 2
        place, gradient = x, first
        for _ in range(LEAPS):
            momentum += stretch * gradient / 2
            place += stretch * momentum
            value, gradient = slope(place)
            momentum += stretch * gradient / 2
        change = value - total(momentum**2) / 2 - energy
        chance = tf.exp(tf.minimum(change, 0.0))
        chance = tf.where(tf.math.is_finite(change), chance, 0.0)
        return place, chance, first**2

    def turned(
        x: tf.Tensor, spread: tf.Tensor, noise: RowNoise, uniform: tf.Tensor
    ) -> tf.Tensor:
        """The examples after a move in latent space."""
        near = x + tf.where(is_new, 0.0, spread * noise.normal(shape, AUXILIARY))
        z, volume = target.encode(near)
        direction = noise.normal(z.shape[1:], DIRECTION)

        def weight(near: tf.Tensor, z: tf.Tensor, volume: tf.Tensor) -> tf.Tensor:
            """Log of the density of x and the noise over a normal one of z."""
            away = tf.where(is_new, 0.0, (near - x) / spread)
            log_prob = target.log_prob(tf.where(is_new, near, x))
            log_prob += volume - total(away**2) / 2
            return log_prob + tf.reduce_sum(z**2, axis=1) / 2

        level = weight(near, z, volume) + tf.math.log(uniform[:, 0])
        angle = 2 * math.pi * uniform[:, 1]
        found = tf.math.is_nan(level)  # such rows stay where they are

        def is_open(i: tf.Tensor, found: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return (i < TRIES) & ~tf.reduce_all(found)

        def attempt(
            i: tf.Tensor,
            found: tf.Tensor,
            x: tf.Tensor,
            angle: tf.Tensor,
            low: tf.Tensor,
            high: tf.Tensor,
        ) -> tuple[tf.Tensor, ...]:
            turn = tf.cos(angle)[:, None] * z + tf.sin(angle)[:, None] * direction
            made, volume = target.decode(turn)
            is_good = ~found & (weight(made, turn, volume) > level)
            x = tf.where(each(is_good) & is_new, made, x)
            low, high = (
                tf.where(angle < 0, angle, low),
                tf.where(angle < 0, high, angle),
            )
            fresh = tf.gather(uniform, i + 2, axis=1)
            return i + 1, found | is_good, x, low + fresh * (high - low), low, high

        state = tf.constant(0), found, x, angle, angle - 2 * math.pi, angle
        return tf.while_loop(is_open, attempt, state, parallel_iterations=1)[2]

    def step(
        i: tf.Tensor, x: tf.Tensor, squares: tf.Tensor, log_length: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        noise = RowNoise(seed, i + 1)
        uniform = noise.uniform((TRIES + 6,), CHOICES)
        if target.redraw is not None:
            moved = target.redraw(x, uniform[:, 0], noise.uniform(shape, PLACES))
            moved = tf.where(is_new, x, moved)
            change = target.log_prob(moved) - target.log_prob(x)
            x = tf.where(each(tf.math.log(uniform[:, 1]) < change), moved, x)
        spread = tf.math.rsqrt(squares)
        length = (0.8 + 0.4 * uniform[:, 2]) * tf.exp(log_length)
        place, chance, slopes = trajectory(x, spread, length, noise)
        x = tf.where(each(uniform[:, 3] < chance), place, x)
        x = turned(x, spread, noise, uniform[:, 4:])
        is_early = i < warm_up
        gain = 1.0 / tf.sqrt(1.0 + tf.cast(i, tf.float32) / 4)
        log_length += tf.where(is_early, gain * (chance - RATE), 0.0)
        slopes = FORGET * squares + (1 - FORGET) * slopes
        squares = tf.where(is_new & is_early, slopes, squares)
        return i + 1, x, squares, log_length

    def look(
        i: tf.Tensor, squares: tf.Tensor, drawn: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        del drawn
        drawn = sample(RowNoise(seed, -i))
        return i + 1, squares + slope(drawn)[1] ** 2 / DRAWS, drawn

    rest = {"parallel_iterations": 1}
    state = tf.constant(0), tf.zeros_like(x), x
    more = {"maximum_iterations": DRAWS, **rest}
    _, squares, drawn = tf.while_loop(lambda *_: True, look, state, **more)
    x = tf.where(is_new, drawn, x)
    squares = tf.maximum(squares, 1e-12)
    length = tf.fill([tf.shape(x)[0]], math.log(0.3))
    state = tf.constant(0), x, squares, length
    more = {"maximum_iterations": num_steps, **rest}
    return tf.while_loop(lambda *_: True, step, state, **more)[1]

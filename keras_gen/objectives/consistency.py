"""The training of consistency models: which two noise levels are compared."""

import math

import tensorflow as tf

from ..serialization import value
from ..validation import check_count, check_factor


@value
class ShrinkingGaps:
    """Gaps between the two noise levels that are compared, which may halve in training.

    A consistency model gives at a noise level what it gives at a cleaner one. Its loss
    compares the level sigma / alpha with `(1 - share) * level`, where

        share = min(1, (1 + wider * sigmoid(-level)) / 2 ** halvings)

    and `halvings` grows from `first` to `last` over the first steps. With `first=1`
    most levels are compared with the clean example at first, as in diffusion.

    Attributes:
        steps: Training steps over which gaps shrink, > 0. Held-out examples are always
            compared at the last gaps.
        first: How often gaps are halved at the beginning, >= 0.
        last: How often gaps are halved at the end, >= 0.
        wider: How much wider gaps are at little noise, >= 0.

    References:
        Geng, Pokle, Luo, Lin and Kolter, "Consistency models made easy", 2024, eq. 24,
        with a smooth exponent in place of stages.

    Example:
        >>> gaps = kg.objectives.ShrinkingGaps(steps=100, first=1.0, last=5.0)
        >>> level = tf.constant([0.1, 80.0])
        >>> [gaps(level, tf.constant(step)).numpy().round(3) for step in (0, 100)]
        [array([1. , 0.5], dtype=float32), array([0.15 , 0.031], dtype=float32)]
    """

    steps: int = 10_000
    first: float = 1.0
    last: float = 9.0
    wider: float = 8.0

    def __post_init__(self) -> None:
        check_count(self.steps, "steps")
        check_factor(self.first, "first")
        check_factor(self.last, "last")
        check_factor(self.wider, "wider")

    def __call__(self, level: tf.Tensor, step: int | tf.Tensor) -> tf.Tensor:
        """The share of a level that lies between it and the cleaner one, in (0, 1].

        Args:
            level: sigma / alpha.
            step: Number of training steps so far, a scalar, or below 0 for held-out
                examples.
        """
        done = tf.cast(step, level.dtype) / self.steps
        progress = tf.where(done < 0, 1.0, tf.minimum(done, 1.0))
        halvings = self.first + (self.last - self.first) * progress
        wide = (1 + self.wider * tf.sigmoid(-level)) * tf.exp(-math.log(2) * halvings)
        return tf.minimum(1.0, wide)

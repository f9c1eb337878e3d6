"""TFP distributions, imported on first use: the import costs half a second."""

from typing import Any

import tensorflow as tf

Distribution = Any
"""A `tensorflow_probability` distribution."""


def tfd() -> Any:
    """The module `tensorflow_probability.distributions`."""
    import tensorflow_probability as tfp

    return tfp.distributions


def normal(mean: tf.Tensor | float, scale: tf.Tensor | float) -> Distribution:
    """Normal distribution with independent values."""
    return tfd().Normal(mean, scale)

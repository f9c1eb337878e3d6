"""Tokens from logits: temperature, top-k, top-p, repetition penalty."""

from typing import NamedTuple

import tensorflow as tf


class Choice(NamedTuple):
    """Settings for drawing a token, each `(batch,)`, float32, or int32 for `top_k`.

    Attributes:
        temperature: Divides the logits, >= 0. 0 takes the likeliest token.
        top_k: Number of the likeliest tokens to draw from, plus tokens as likely as the
            last of them. 0 means all.
        top_p: Draws from the fewest likeliest tokens with a total probability of at
            least this, after `top_k`. 1 means all, 0 the likeliest.
    """

    temperature: tf.Tensor
    top_k: tf.Tensor
    top_p: tf.Tensor


def probabilities(logits: tf.Tensor, choice: Choice) -> tf.Tensor:
    """The probabilities from which tokens are drawn.

    Args:
        logits: `(batch, vocabulary_size)`.
        choice: The settings.

    Returns:
        Probabilities, `(batch, vocabulary_size)`.

    References:
        Fan, Lewis and Dauphin, "Hierarchical neural story generation", ACL 2018
        (top-k); Holtzman et al., "The curious case of neural text degeneration", ICLR
        2020, section 3.1 (top-p).
    """
    size = logits.shape[-1]
    temperature, top_k, top_p = (part[:, tf.newaxis] for part in choice)
    draws = temperature > 0
    scale = tf.where(draws, temperature, 1.0)
    ordered = tf.math.top_k(logits, k=size).values
    highest, rank = ordered[:, :1], tf.range(size, dtype=top_k.dtype)
    kept = (rank < top_k) | (top_k <= 0)
    weights = tf.where(kept, tf.exp((ordered - highest) / scale), 0.0)
    before = tf.cumsum(_normalized(weights), axis=-1, exclusive=True)
    kept &= (before < top_p) | (rank < 1)
    least = tf.reduce_min(tf.where(kept, ordered, highest), axis=-1, keepdims=True)
    weights = tf.where(logits >= least, tf.exp((logits - highest) / scale), 0.0)
    likeliest = tf.one_hot(tf.argmax(logits, axis=-1), size)
    return tf.where(draws, _normalized(weights), likeliest)


def draw(logits: tf.Tensor, uniform: tf.Tensor, choice: Choice) -> tf.Tensor:
    """Draws tokens by the inverse distribution function over the tokens in order.

    This order does not depend on rounding, unlike one by likelihood.

    Args:
        logits: `(batch, vocabulary_size)`.
        uniform: Numbers in (0, 1), `(batch,)`.
        choice: The settings.

    Returns:
        int32 `(batch,)`.
    """
    weights = probabilities(logits, choice)
    below = tf.cumsum(weights, axis=-1) <= uniform[:, tf.newaxis]
    token = tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
    last = tf.reduce_max(tf.where(weights > 0, tf.range(logits.shape[-1]), 0), axis=-1)
    return tf.minimum(token, last)


def penalized(logits: tf.Tensor, seen: tf.Tensor, penalty: tf.Tensor) -> tf.Tensor:
    """Logits with a penalty for tokens that have occurred.

    Args:
        logits: `(batch, vocabulary_size)`.
        seen: Which tokens have occurred, in the same shape.
        penalty: Divides positive logits and multiplies negative ones, > 0, `(batch,)`.
            1 changes nothing.

    References:
        Keskar et al., "CTRL", 2019, section 4.1.
    """
    penalty = penalty[:, tf.newaxis]
    lowered = tf.where(logits > 0, logits / penalty, logits * penalty)
    return tf.where(seen, lowered, logits)


def _normalized(weights: tf.Tensor) -> tf.Tensor:
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)

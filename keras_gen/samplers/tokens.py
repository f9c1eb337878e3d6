"""Tokens from logits: temperature, top-k, top-p, repetition penalty."""

from typing import NamedTuple

import tensorflow as tf


class Choice(NamedTuple):
    """How a token is drawn, each a float32 `(batch,)`.

    Attributes:
        temperature: Divides the logits, >= 0; 0 takes the likeliest token.
        top_k: How many of the likeliest tokens count; 0 means all.
        top_p: Of those, the likeliest count whose probabilities sum to this or more,
            in (0, 1]; 1 means all.
    """

    temperature: tf.Tensor
    top_k: tf.Tensor
    top_p: tf.Tensor


def probabilities(logits: tf.Tensor, choice: Choice) -> tuple[tf.Tensor, tf.Tensor]:
    """What tokens are drawn with, the likeliest first.

    Args:
        logits: `(batch, vocabulary_size)`.
        choice: How a token is drawn.

    Returns:
        Probabilities `(batch, vocabulary_size)`, and the tokens they belong to.

    References:
        Fan, Lewis and Dauphin, "Hierarchical neural story generation", ACL 2018
        (top-k); Holtzman et al., "The curious case of neural text degeneration", ICLR
        2020, section 3.1 (top-p).
    """
    size = logits.shape[-1]
    sorted_logits, tokens = tf.math.top_k(logits, k=size)
    rank = tf.range(size, dtype=tf.float32)
    temperature, top_k, top_p = (part[:, tf.newaxis] for part in choice)
    is_greedy = temperature <= 0
    differences = sorted_logits - sorted_logits[:, :1]
    kept = tf.where(top_k <= 0, float(size), top_k)
    kept = rank < tf.where(is_greedy, 1.0, kept)
    scaled = differences / tf.where(is_greedy, 1.0, temperature)
    weights = _normalized(tf.where(kept, tf.exp(scaled), 0.0))
    before = tf.cumsum(weights, axis=-1, exclusive=True)
    return _normalized(tf.where(before < top_p, weights, 0.0)), tokens


def draw(logits: tf.Tensor, uniform: tf.Tensor, choice: Choice) -> tf.Tensor:
    """Tokens by the inverse of their distribution function, the likeliest first.

    Args:
        logits: `(batch, vocabulary_size)`.
        uniform: Numbers in (0, 1), `(batch,)`, which decide the tokens.
        choice: How a token is drawn.

    Returns:
        int32 `(batch,)`.
    """
    weights, tokens = probabilities(logits, choice)
    below = tf.cumsum(weights, axis=-1) <= uniform[:, tf.newaxis]
    rank = tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
    last = tf.reduce_sum(tf.cast(weights > 0, tf.int32), axis=-1) - 1
    return tf.gather(tokens, tf.minimum(rank, last), batch_dims=1)


def penalized(logits: tf.Tensor, seen: tf.Tensor, penalty: tf.Tensor) -> tf.Tensor:
    """Logits in which tokens that were seen are less likely.

    Args:
        logits: `(batch, vocabulary_size)`.
        seen: Which tokens were seen, of the same shape.
        penalty: Divides positive logits and multiplies negative ones, > 0, `(batch,)`;
            1 changes nothing.

    References:
        Keskar et al., "CTRL", 2019, section 4.1.
    """
    penalty = penalty[:, tf.newaxis]
    lowered = tf.where(logits > 0, logits / penalty, logits * penalty)
    return tf.where(seen, lowered, logits)


def _normalized(weights: tf.Tensor) -> tf.Tensor:
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)

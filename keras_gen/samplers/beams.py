"""Beam search: the likeliest continuations."""

from typing import Any

import tensorflow as tf

from .completion import PAD, Network


def beam_search(
    network: Network,
    prompt: tf.Tensor,
    length: int,
    num_beams: int,
    *,
    condition: tf.Tensor | None = None,
    stop: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The likeliest continuations of one prompt, of those that were looked at.

    At each position the `num_beams` likeliest texts so far stay.

    Args:
        network: The network.
        prompt: int32 `(positions,)`.
        length: Largest number of tokens that follow.
        num_beams: How many texts are carried along.
        condition: What the network is told besides, `(num_beams, condition_size)`.
        stop: Which tokens end a text, bool `(vocabulary_size,)`, or None.

    Returns:
        int32 tokens `(num_beams, length)`, `PAD` behind the end, and their
        log-likelihoods, nats, `(num_beams,)`, the largest first.
    """
    given, size = tf.shape(prompt)[0], network.vocabulary_size
    columns, ids = tf.range(length), tf.range(size)
    stays = tf.where(ids == 0, 0.0, -float("inf"))  # of a text that has ended

    def extended(logits: tf.Tensor, i: tf.Tensor, carry: Any) -> Any:
        tokens, scores, done = carry
        more = tf.where(done[:, None], stays, tf.nn.log_softmax(logits))
        flat = tf.reshape(scores[:, None] + more, (-1,))
        scores, places = tf.math.top_k(flat, k=num_beams)
        parents, token = places // size, places % size
        tokens, done = tf.gather(tokens, parents), tf.gather(done, parents)
        token = tf.where(done, PAD, token)
        if stop is not None:
            done |= tf.gather(stop, tf.maximum(token, 0))
        tokens = tf.where(columns == i - given, token[:, None], tokens)
        return parents, token, (tokens, scores, done)

    def read(i: tf.Tensor, carry: Any) -> Any:
        token = tf.fill([num_beams], tf.gather(prompt, i))
        return tf.range(num_beams), token, carry

    def body(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Any) -> tuple:
        logits, state = network.step(before, state, i, condition)
        parents, token, carry = tf.cond(
            i < given, lambda: read(i, carry), lambda: extended(logits, i, carry)
        )
        state = tf.nest.map_structure(lambda part: tf.gather(part, parents), state)
        before = tf.where(token == PAD, size, token)
        return i + 1, before, state, carry

    def goes_on(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Any) -> tf.Tensor:
        del before, state
        return (i < given + length) & ~tf.reduce_all(carry[2])

    scores = tf.where(tf.range(num_beams) == 0, 0.0, -float("inf"))
    tokens = tf.fill([num_beams, length], PAD)
    carry = tokens, scores, tf.zeros([num_beams], tf.bool)
    begin = tf.fill([num_beams], size)
    first = tf.constant(0), begin, network.start(num_beams), carry
    tokens, scores, _ = tf.while_loop(goes_on, body, first)[-1]
    return tokens, scores

"""Beam search: the likeliest continuations."""

from typing import Any, NamedTuple

import tensorflow as tf

from ..tokens import PAD
from .completion import Network, lengths


class Beams(NamedTuple):
    """The texts that are kept.

    Attributes:
        tokens: Tokens after the prompt, int32 `(num_beams, max_new_tokens)`.
        scores: Their log-likelihoods, nats, `(num_beams,)`, the largest first.
        done: Whether a text has ended, `(num_beams,)`.
    """

    tokens: tf.Tensor
    scores: tf.Tensor
    done: tf.Tensor


def beam_search(
    network: Network,
    prompt: tf.Tensor,
    max_new_tokens: int,
    num_beams: int,
    *,
    condition: tf.Tensor | None = None,
    count: tf.Tensor | None = None,
    stop_tokens: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Searches the likeliest continuations of one prompt.

    At each position the `num_beams` likeliest texts so far are kept.

    Args:
        network: The network.
        prompt: int32 `(positions,)`, `PAD` after the last token.
        max_new_tokens: Largest number of tokens to add.
        num_beams: Number of texts that are kept.
        condition: The network's condition, `(num_beams, condition_size)`, or None.
        count: Number of tokens to add, an int32 scalar, at most `max_new_tokens`,
            which is the default.
        stop_tokens: Which tokens end a text, bool `(vocabulary_size,)`, or None.

    Returns:
        int32 tokens `(num_beams, max_new_tokens)`, `PAD` after the end, and their
        log-likelihoods, nats, `(num_beams,)`, the largest first.
    """
    given, size = lengths(prompt[None])[0], network.vocabulary_size
    last = given + (max_new_tokens if count is None else count)
    known = tf.pad(prompt, [[0, 1]], constant_values=PAD)

    def choose(logits: tf.Tensor, i: tf.Tensor, carry: Beams) -> Any:
        return tf.cond(
            i < given,
            lambda: (tf.range(num_beams), tf.fill([num_beams], known[i]), carry),
            lambda: _extended(logits, i - given, carry, stop_tokens),
        )

    def body(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Beams) -> tuple:
        logits, state = network.step(before, state, i, condition)
        parents, token, carry = choose(logits, i, carry)
        state = tf.nest.map_structure(lambda part: tf.gather(part, parents), state)
        before = tf.where(token == PAD, size, token)
        return i + 1, before, state, carry

    def goes_on(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Beams) -> tf.Tensor:
        del before, state
        return (i < last) & ~tf.reduce_all(carry.done)

    beams = Beams(
        tokens=tf.fill([num_beams, max_new_tokens], PAD),
        scores=tf.where(tf.range(num_beams) == 0, 0.0, -float("inf")),
        done=tf.zeros([num_beams], tf.bool),
    )
    begin = tf.fill([num_beams], size)
    first = tf.constant(0), begin, network.start(num_beams), beams
    beams = tf.while_loop(goes_on, body, first)[-1]
    return beams.tokens, beams.scores


def _extended(
    logits: tf.Tensor, column: tf.Tensor, beams: Beams, stop: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Beams]:
    """The likeliest texts with one more token: their parents, the token, the beams."""
    num_beams, size = beams.scores.shape[0], logits.shape[1]
    stays = tf.where(tf.range(size) == 0, 0.0, -float("inf"))  # for ended texts
    more = tf.where(beams.done[:, None], stays, tf.nn.log_softmax(logits))
    flat = tf.reshape(beams.scores[:, None] + more, (-1,))
    scores, places = tf.math.top_k(flat, k=num_beams)
    parents, token = places // size, places % size
    tokens, done = (tf.gather(part, parents) for part in (beams.tokens, beams.done))
    token = tf.where(done, PAD, token)
    if stop is not None:
        done |= tf.gather(stop, tf.maximum(token, 0))
    is_here = tf.equal(tf.range(tokens.shape[1]), column)
    tokens = tf.where(is_here, token[:, None], tokens)
    return parents, token, Beams(tokens, scores, done)

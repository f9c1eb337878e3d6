"""Loops over the positions of a text, one token at a time.

Tokens are int32 `(batch, length)`, with `PAD` after the last token of a row.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from ..tokens import PAD
from .choices import penalized

Carry = dict[str, tf.Tensor]
Use = Callable[[tf.Tensor, tf.Tensor, Carry], Carry]
Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Network(Protocol):
    """The interface of a network over tokens; see `networks.TokenNetwork`."""

    vocabulary_size: int

    def start(self, rows: Any) -> Any:
        """The state before the first position."""

    def step(
        self, before: Any, state: Any, position: Any, condition: Any
    ) -> tuple[tf.Tensor, Any]:
        """Logits at one position, and the state after it."""
        ...


def lengths(tokens: tf.Tensor) -> tf.Tensor:
    """Number of tokens of each row, int32 `(batch,)`."""
    return tf.reduce_sum(tf.cast(tokens != PAD, tf.int32), axis=1)


def log_prob(
    network: Network, tokens: tf.Tensor, condition: tf.Tensor | None = None
) -> tf.Tensor:
    """Log-likelihood of the tokens of each row, nats, `(batch,)`."""

    def use(logits: tf.Tensor, i: tf.Tensor, carry: Carry) -> Carry:
        here = tf.gather(tokens, i, axis=1)
        return {"total": carry["total"] + token_log_prob(logits, here)}

    carry = {"total": tf.zeros(tf.shape(tokens)[:1])}
    count = tf.reduce_max(lengths(tokens))
    return _loop(network, condition, use, carry, lambda _: tokens, count)["total"]


def next_logits(
    network: Network, tokens: tf.Tensor, condition: tf.Tensor | None = None
) -> tf.Tensor:
    """Logits of the token after the last one of each row."""
    ends, rows = lengths(tokens), tf.shape(tokens)[0]
    tokens = tf.pad(tokens, [[0, 0], [0, 1]], constant_values=PAD)

    def use(logits: tf.Tensor, i: tf.Tensor, carry: Carry) -> Carry:
        is_last = tf.equal(ends, i)[:, tf.newaxis]
        return {"logits": tf.where(is_last, logits, carry["logits"])}

    carry = {"logits": tf.zeros((rows, network.vocabulary_size))}
    count = tf.reduce_max(ends) + 1
    return _loop(network, condition, use, carry, lambda _: tokens, count)["logits"]


def complete(
    network: Network,
    prompt: tf.Tensor,
    max_new_tokens: int,
    choose: Choose,
    *,
    condition: tf.Tensor | None = None,
    penalty: tf.Tensor | None = None,
    count: tf.Tensor | None = None,
    stop_tokens: tf.Tensor | None = None,
) -> tf.Tensor:
    """Generates the tokens after each prompt.

    Args:
        network: The network.
        prompt: int32 `(batch, positions)`. Rows may differ in length.
        max_new_tokens: Largest number of tokens to add.
        choose: A function from logits and their position, an int32 scalar, to tokens.
            They are used after the end of the prompt.
        condition: The network's condition, or None.
        penalty: Repetition penalty, `(batch,)`, or None; see `penalized`.
        count: Number of tokens to add, int32 `(batch,)`, at most `max_new_tokens`,
            which is the default. The loop ends with the last row.
        stop_tokens: Tokens that end a row, int32 `(batch, n)`; `PAD` is ignored.

    Returns:
        int32 `(batch, max_new_tokens)`, `PAD` after the last token of a row.
    """
    ends = lengths(prompt)
    last = ends - 1 + (max_new_tokens if count is None else count)
    tokens = tf.pad(prompt, [[0, 0], [0, max_new_tokens]], constant_values=PAD)
    columns, ids = tf.range(tokens.shape[1]), tf.range(network.vocabulary_size)

    def use(logits: tf.Tensor, i: tf.Tensor, carry: Carry) -> Carry:
        carry = dict(carry)
        if penalty is not None:
            logits = penalized(logits, carry["seen"], penalty)
        follows = i >= ends
        token = tf.gather(carry["tokens"], i, axis=1)
        token = tf.where(follows, choose(logits, i), token)
        token = tf.where(carry["done"], PAD, token)
        carry["done"] |= i >= last
        if stop_tokens is not None:
            is_stop = tf.reduce_any(tf.equal(token[:, None], stop_tokens), axis=1)
            carry["done"] |= follows & is_stop
        if penalty is not None:
            carry["seen"] |= tf.equal(token[:, None], ids)
        here = tf.equal(columns, i)
        carry["tokens"] = tf.where(here, token[:, None], carry["tokens"])
        return carry

    carry = {"tokens": tokens, "done": tf.zeros_like(ends, tf.bool)}
    if penalty is not None:
        shape = (tf.shape(prompt)[0], network.vocabulary_size)
        carry["seen"] = tf.zeros(shape, tf.bool)
    positions = tf.reduce_max(last) + 1
    carry = _loop(network, condition, use, carry, lambda c: c["tokens"], positions)
    follow = ends[:, None] + tf.range(max_new_tokens)
    return tf.gather(carry["tokens"], follow, batch_dims=1)


def token_log_prob(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Log-probabilities of tokens, in the shape of `tokens`; 0 for `PAD`."""
    safe = tf.maximum(tokens, 0)
    logs = tf.gather(tf.nn.log_softmax(logits), safe, batch_dims=tokens.shape.rank)
    return tf.where(tokens == PAD, 0.0, logs)


def _loop(
    network: Network,
    condition: tf.Tensor | None,
    use: Use,
    carry: Carry,
    tokens_of: Callable[[Carry], tf.Tensor],
    count: tf.Tensor,
) -> Carry:
    """Calls `use` with the logits at each position; its token is the next input."""
    rows = tf.shape(tokens_of(carry))[:1]

    def body(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Carry) -> tuple:
        logits, state = network.step(before, state, i, condition)
        carry = use(logits, i, carry)
        token = tf.gather(tokens_of(carry), i, axis=1)
        before = tf.where(token == PAD, network.vocabulary_size, token)
        return i + 1, before, state, carry

    def goes_on(i: tf.Tensor, before: tf.Tensor, state: Any, carry: Carry) -> tf.Tensor:
        del before, state
        open_rows = tf.reduce_any(~carry["done"]) if "done" in carry else True
        return (i < count) & open_rows

    begin = tf.fill(rows, network.vocabulary_size)
    first = (tf.constant(0), begin, network.start(rows[0]), carry)
    return tf.while_loop(goes_on, body, first)[-1]

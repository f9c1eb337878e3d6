"""Completes: prompts to texts, one token after the other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..samplers import completion
from ..samplers.tokens import Choice, draw
from ..tokens import PAD, from_rows, is_texts
from ..validation import check_count
from .arguments import labels_of
from .choices import choice_of, stop_token_ids
from .prompts import Prompts, stop_rows, to_few_lengths
from .searches import Searches
from .streams import Streams


class Completes(Streams, Searches):
    """Predicts the next token, and so continues texts."""

    def _before(self, tokens: tf.Tensor, *, last: bool = False) -> tf.Tensor:
        """What the network sees: the start, then all tokens, or all but the last."""
        shown = tokens if last else tokens[:, :-1]
        shown = tf.pad(shown, [[0, 0], [1, 0]], constant_values=PAD)
        return tf.where(shown == PAD, self.vocabulary_size, shown)

    def next_logits(self, tokens: Prompts, labels: Any = None) -> Rows:
        """Logits of the token behind a text.

        Args:
            tokens: Texts, or int32 tokens `(batch, length)`, -1 behind the last.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch, vocabulary_size)`.
        """
        tokens = tokens if tf.is_tensor(tokens) else self.tokens_of(tokens)
        return self.run(self._next_logits, tokens=tokens, labels=labels)

    def complete(
        self,
        prompt: Prompts,
        max_new_tokens: int | None = None,
        *,
        seed: int | None = None,
        temperature: Any = 1.0,
        top_k: Any = None,
        top_p: Any = None,
        repetition_penalty: Any = None,
        stop_tokens: Any = None,
        labels: Any = None,
    ) -> Any:
        """Continues texts.

        Row i is decided by `keras_gen.random.row_seeds(seed, n)[i]`, in every exported
        artifact too.

        Args:
            prompt: A text, several, or tokens: int32 `(batch, n)`, -1 behind the last,
                or lists of different lengths. An empty one begins a text.
            max_new_tokens: Number of tokens that follow; None means `length` of the
                model.
            seed: Decides the tokens; None draws a seed.
            temperature: Divides the logits, >= 0; 0 takes the likeliest token.
            top_k: How many of the likeliest tokens count; None means all.
            top_p: Of those, the likeliest count whose probabilities sum to this or
                more, in (0, 1]; None means all.
            repetition_penalty: Divides positive logits of tokens that were there, and
                multiplies negative ones, > 0; above 1 they are less likely.
            stop_tokens: Tokens, or characters of one token each, that end a text: the
                first of them to come is its last.
            labels: Integers, `(batch,)`, or one for all, for a class-conditional model.

        Returns:
            Prompt as it is, and continuation: a text, a list of texts, both without an
            end behind them, or int32 tokens, -1 behind the last of a row.

        Raises:
            ValueError: If an argument is out of its range or does not fit the model.
        """
        choice = (temperature, top_k, top_p, repetition_penalty)
        return self._continued(
            prompt, max_new_tokens, seed, stop_tokens, choice, labels=labels
        )

    def sample(
        self,
        num_samples: int,
        max_new_tokens: int | None = None,
        *,
        seed: int | None = None,
        **how: Any,
    ) -> Any:
        """Texts from nothing: `complete` of empty prompts.

        Args:
            num_samples: How many.
            max_new_tokens: Number of tokens; None means `length` of the model.
            seed: Decides the texts.
            **how: As in `complete`.

        Returns:
            A list of texts, or int32 tokens of a model without a tokenizer.
        """
        check_count(num_samples, "num_samples", least=0)
        empty = [""] if self.tokenizer else [[]]
        return self.complete(empty * num_samples, max_new_tokens, seed=seed, **how)

    def complete_rows(
        self,
        prompt: Rows,
        seed: Rows,
        temperature: Rows,
        top_k: Rows,
        top_p: Rows,
        labels: Any = None,
        *,
        max_new_tokens: Rows | None = None,
        stop_tokens: Rows | None = None,
    ) -> Rows:
        """Tokens behind each prompt, each row with settings of its own.

        Args:
            prompt: int32 `(batch, n)`, -1 behind the last token.
            seed: int32 `(batch,)`.
            temperature: As in `complete`, `(batch,)`.
            top_k: As in `complete`, `(batch,)`; 0 means all.
            top_p: As in `complete`, `(batch,)`; 1 means all.
            labels: Integers, `(batch,)`, for a class-conditional model.
            max_new_tokens: How many tokens follow, `(batch,)`, from 1 to the model's
                `length`; None means that. The longest row decides how long it takes.
            stop_tokens: The token that ends a text, `(batch,)`; -1, or None, means the
                model's own `end_token`, if it has one.

        Returns:
            int32 `(batch, length of the model)`, -1 behind the last token of a row.
        """
        rows = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        given = {
            "max_new_tokens": (max_new_tokens, self.length),
            "stop_tokens": (stop_tokens, PAD),
        }
        for name, (values, usual) in given.items():
            rows[name] = _full(seed, usual) if values is None else values
        return self._run_loop(self._complete_rows, prompt, seed, **rows, labels=labels)

    def _continued(
        self,
        prompt: Prompts,
        max_new_tokens: int | None,
        seed: int | None,
        stop_tokens: Any,
        choice: tuple[Any, ...],
        **told: Any,
    ) -> Any:
        """Prompts and continuations, as in `complete`."""
        max_new_tokens, tokens = self._length(max_new_tokens), self.tokens_of(prompt)
        n, ends = len(tokens), stop_token_ids(stop_tokens, self)
        if "labels" in told:
            told["labels"] = labels_of(told["labels"], n)
        how = choice_of(n, *choice) | told
        how |= {"seed": random.row_seeds(seed, n), "stop_tokens": stop_rows(ends, n)}
        how |= {
            "count": np.full(n, max_new_tokens),
            "capacity": self._capacity(max_new_tokens),
        }
        follow = self._run_loop(self._complete, tokens, **how)[:, :max_new_tokens]
        if isinstance(prompt, str):
            return prompt + self.texts_of(follow)[0]
        if is_texts(prompt) or (self.tokenizer and isinstance(prompt, list) and not n):
            pairs = zip(prompt, self.texts_of(follow), strict=True)
            return [given + text for given, text in pairs]
        pairs = zip(tokens, follow, strict=True)
        return from_rows([[*t[t != PAD], *f[f != PAD]] for t, f in pairs])

    def complete_text_rows(
        self,
        text: tf.Tensor,
        seed: Rows,
        temperature: Rows,
        top_k: Rows,
        top_p: Rows,
        labels: Any = None,
        **how: Rows,
    ) -> tf.Tensor:
        """`complete_rows` of strings, `(batch,)`, as operations of TensorFlow.

        Returns:
            The texts with what follows them, without the end, strings `(batch,)`.
        """
        prompt = self.tokenizer.encode_graph(tf.convert_to_tensor(text), self.length)
        how |= {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        follow = self.complete_rows(prompt, seed, **how, labels=labels)
        if self.end_token is not None:
            is_last = tf.range(self.length) + 1 >= completion.lengths(follow)[:, None]
            follow = tf.where(is_last & (follow == self.end_token), PAD, follow)
        return tf.strings.join([text, self.tokenizer.decode_graph(follow)])

    def _run_loop(
        self,
        function: Callable[..., tf.Tensor],
        prompt: Rows,
        seed: Rows,
        capacity: int | None = None,
        **rows: Any,
    ) -> Rows:
        """`run` of a loop over tokens."""
        if not tf.is_tensor(prompt):
            prompt = to_few_lengths(self.check_array(prompt, "prompt"))
        static = {} if capacity is None else {"capacity": capacity}
        shapes = dict.fromkeys(rows.keys() - {"labels", "z"}, ())
        shapes |= {"stop_tokens": (None,)} if static else {}  # any number of tokens
        how = {"xla": self.compiles_loops, "static": static, "shapes": shapes}
        return self.run(function, **how, prompt=prompt, seed=seed, **rows)

    def _next_logits(
        self, tokens: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        condition = self._told(None, labels)
        if not self.network.reads_at_once(tokens.shape[1] + 1):
            return completion.next_logits(self.network, tokens, condition)
        logits = self.network(self._before(tokens, last=True), condition)
        return tf.gather(logits, completion.lengths(tokens), batch_dims=1)

    def _complete_rows(
        self, *, max_new_tokens: tf.Tensor, stop_tokens: tf.Tensor, **rows: tf.Tensor
    ) -> tf.Tensor:
        end = PAD if self.end_token is None else self.end_token
        stop_tokens = tf.where(stop_tokens == PAD, end, stop_tokens)[:, tf.newaxis]
        return self._complete(
            **rows, count=max_new_tokens, stop_tokens=stop_tokens, capacity=self.length
        )

    def _complete(
        self,
        prompt: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        penalty: tf.Tensor | None = None,
        labels: tf.Tensor | None = None,
        *,
        count: tf.Tensor,
        stop_tokens: tf.Tensor,
        capacity: int,
    ) -> tf.Tensor:
        choice = Choice(temperature, top_k, top_p)

        def choose(logits: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return draw(logits, random.uniform(seed, (), i), choice)

        how = {"condition": self._told(seed, labels), "penalty": penalty}
        how |= {"count": count, "stop_tokens": stop_tokens}
        return completion.complete(self.network, prompt, capacity, choose, **how)


def _full(rows: Rows, value: int) -> Rows:
    """The value for each of the rows."""
    if tf.is_tensor(rows):
        return tf.fill(tf.shape(rows)[:1], value)
    return np.full(len(rows), value, np.int32)

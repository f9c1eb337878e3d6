"""Streams: texts token by token, in Python."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..samplers.tokens import Choice, draw, penalized
from .choices import choice_of, stop_token_ids
from .prompts import TakesPrompts


class Streams(TakesPrompts):
    """Continues one text, a token at a time."""

    def stream(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None = None,
        *,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        stop_tokens: Any = None,
        label: int | None = None,
    ) -> Iterator[Any]:
        """Continues one text and gives each token as soon as it is there.

        The tokens are those of `complete` with the same seed.

        Args:
            prompt: A text, or int tokens.
            max_new_tokens: Number of tokens that follow; None means `length` of the
                model.
            seed: As in `complete`.
            temperature: As in `complete`.
            top_k: As in `complete`.
            top_p: As in `complete`.
            repetition_penalty: As in `complete`.
            stop_tokens: As in `complete`.
            label: Class of the text, for a class-conditional model.

        Yields:
            Pieces of text without the end, or int tokens if the prompt is tokens.

        Raises:
            ValueError: If an argument is out of its range, before the first token.
        """
        tokens = self._tokens_of_one(prompt)
        how = choice_of(1, temperature, top_k, top_p, repetition_penalty)
        how["seed"] = random.row_seeds(seed, 1)
        ends = stop_token_ids(stop_tokens, self) or ()
        max_new_tokens = self._length(max_new_tokens)
        labels = self._label_of_one(label)
        follow = self._follow_one(tokens, max_new_tokens, how, labels, ends)
        return self._pieces(follow) if isinstance(prompt, str) else follow

    def _follow_one(
        self,
        tokens: np.ndarray,
        max_new_tokens: int,
        how: dict[str, np.ndarray],
        labels: Any,
        ends: Sequence[int],
    ) -> Iterator[int]:
        advance = self._cached(("advance", "penalty" in how), self._advance)
        state = self.network.start(1)
        seen = tf.zeros((1, self.vocabulary_size), tf.bool)
        token = self.vocabulary_size
        for i in range(len(tokens) + max_new_tokens):
            position = tf.constant(i)
            drawn, state, seen = advance(
                tf.constant([token]), state, seen, position, how, labels
            )
            token = int(tokens[i] if i < len(tokens) else drawn[0])
            if i >= len(tokens):
                yield token
                if token in ends:
                    return

    def _advance(
        self,
        before: tf.Tensor,
        state: Any,
        seen: tf.Tensor,
        i: tf.Tensor,
        how: dict[str, tf.Tensor],
        labels: tf.Tensor | None,
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """A drawn token, the state, and which tokens were there."""
        seen |= tf.equal(before[:, None], tf.range(self.vocabulary_size))
        told = self._told(how["seed"], labels)
        logits, state = self.network.step(before, state, i, told)
        if "penalty" in how:
            logits = penalized(logits, seen, how["penalty"])
        choice = Choice(how["temperature"], how["top_k"], how["top_p"])
        token = draw(logits, random.uniform(how["seed"], (), i), choice)
        return token, state, seen

    def _pieces(self, tokens: Iterator[int]) -> Iterator[str]:
        """Texts of tokens; a character of several tokens comes with its last.

        A token that may be the end waits for the next.
        """
        pending: list[int] = []
        for token in tokens:
            pending.append(token)
            text = self.tokenizer.decode(np.array(pending))
            if not (text.endswith("\ufffd") or self._is_ended(pending)):
                yield text
                pending = []
        if text := self.texts_of(np.array([pending]))[0]:
            yield text

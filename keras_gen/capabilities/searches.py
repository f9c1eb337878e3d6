"""Searches: the likeliest continuations of a text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..samplers import beams
from ..tokens import PAD, from_rows
from ..validation import check_finite, check_positive
from .choices import stop_token_ids
from .prompts import TakesPrompts, to_few_lengths


class Searches(TakesPrompts):
    """Finds likely continuations."""

    def beam_search(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None = None,
        *,
        num_beams: int = 4,
        length_penalty: float = 0.0,
        stop_tokens: Any = None,
        label: int | None = None,
    ) -> tuple[Any, np.ndarray]:
        """The likeliest continuations of one text, among those looked at.

        Args:
            prompt: A text, or int tokens.
            max_new_tokens: Largest number of tokens that follow; None: `length` of the
                model.
            num_beams: How many texts stay at each position.
            length_penalty: The log-likelihood is divided by the number of tokens to
                this power before the texts are ordered: 0 prefers short ones.
            stop_tokens: As in `complete`.
            label: Class of the text, for a class-conditional model.

        Returns:
            Prompt and continuations, the best first, as texts or tokens; and the
            log-likelihoods of the continuations, nats; `num_beams`, or all there are.

        Raises:
            ValueError: If an argument is out of its range.

        References:
            Graves, "Sequence transduction with recurrent neural networks", 2012; Wu et
            al., "Google's neural machine translation system", 2016, section 7.
        """
        check_positive(num_beams, "num_beams", integer=True)
        check_finite(length_penalty, "length_penalty")
        given = self._tokens_of_one(prompt)
        max_new_tokens = self._length(max_new_tokens)
        capacity = self._capacity(max_new_tokens)
        ends = np.isin(
            np.arange(self.vocabulary_size), stop_token_ids(stop_tokens, self) or ()
        )
        label = self._label_of_one(label)
        labels = None if label is None else label.repeat(num_beams)

        def search(given: tf.Tensor, labels: tf.Tensor | None, **how: tf.Tensor) -> Any:
            how["condition"] = self._told(None, labels)
            return beams.beam_search(self.network, given, capacity, num_beams, **how)

        function = self._cached(("beams", capacity, num_beams), search)
        padded = to_few_lengths(given[None])[0]
        how = {"count": tf.constant(max_new_tokens), "stop_tokens": tf.constant(ends)}
        found = function(tf.constant(padded), labels, **how)
        follow, scores = (part.numpy() for part in found)
        follow = follow[:, :max_new_tokens]
        exists = np.isfinite(scores)  # there may be fewer than beams
        follow, scores = follow[exists], scores[exists]
        counts = (follow != PAD).sum(axis=1)
        order = np.argsort(-scores / counts**length_penalty, kind="stable")
        scores, follow = scores[order], follow[order]
        if isinstance(prompt, str):
            return [prompt + text for text in self.texts_of(follow)], scores
        return from_rows([[*given, *row[row != PAD]] for row in follow]), scores

"""EncodesSentences: texts to latent vectors, and back token by token."""

from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..distributions import Prior
from ..rows import Rows
from ..samplers import completion
from ..tokens import PAD, from_rows, is_texts
from .choices import stop_token_ids
from .completes import Completes
from .encodes import Encodes
from .prompts import Prompts

BEGINNINGS = ("prompt", "tokens")
LATENT_STREAM = -1  # tokens draw from their positions


class EncodesSentences(Completes, Encodes):
    """Maps sentences to latent vectors, and these to sentences.

    Sentences are texts, of a model with a tokenizer, or int32 tokens `(batch, length)`
    with the token `end_token` behind each and -1 behind that. What is given as texts
    comes back as texts, without the end.

    Attributes:
        prior: Where latent vectors come from that are not given.
    """

    prior: Prior

    def check_array(self, x: Any, name: str = "x") -> np.ndarray:
        """int32 tokens; of sentences `(n, length)`, with their end.

        Raises:
            ValueError: If a sentence has more than `length` tokens, its end among them.
        """
        if name in BEGINNINGS:
            return super().check_array(x, name)
        x = self._with_end(x, name) if is_texts(x) else x
        x = super().check_array(x, name)
        longest = int((x != PAD).sum(axis=1).max(initial=0))
        self._check_length(longest, name)
        missing = max(0, self.length - x.shape[1])
        x = np.pad(x, [(0, 0), (0, missing)], constant_values=PAD)
        return x[:, : self.length]

    def as_input(self, x: tf.Tensor, name: str = "x") -> tf.Tensor:
        """int32 tokens of a traced batch."""
        x = super().as_input(x, name)
        if name not in BEGINNINGS and x.shape[1] is not None:
            self._check_length(x.shape[1], name)
        return x

    def decode(self, z: Rows) -> Any:
        """The likeliest sentence of each latent vector, token by token.

        Args:
            z: Latent vectors, `(batch, latent_dim)`.

        Returns:
            A list of texts; for a tensor, or of a model without a tokenizer,
            `decode_tokens(z)`.
        """
        tokens = self.decode_tokens(z)
        is_text = self.tokenizer is not None and not tf.is_tensor(z)
        return self.texts_of(tokens) if is_text else tokens

    def decode_tokens(self, z: Rows) -> Rows:
        """The tokens of `decode`: int32 `(batch, length)`, -1 behind the end."""
        return self.run(self._decode, xla=self.compiles_loops, z=z)

    def reconstruct(self, x: Any) -> Any:
        """The likeliest sentences of the codes of sentences: `decode(encode(x))`.

        Args:
            x: Sentences.

        Returns:
            As many, in the form of `x`.
        """
        tokens = self.decode_tokens(self.encode(x))
        return self.texts_of(tokens) if is_texts(x) else tokens

    def interpolate(self, a: Any, b: Any, steps: int) -> Any:
        """Sentences on the straight line between the codes of two.

        Args:
            a: Sentences at the start.
            b: As many at the end.
            steps: Points per line, both ends included, at least 2.

        Returns:
            A list of `steps` texts for each line, or int32 `(batch, steps, length)`.

        Raises:
            ValueError: If `steps` is below 2, or there are not as many ends as starts.
        """
        starts, ends = self.check_array(a, "a"), self.check_array(b, "b")
        z = self._between(starts, ends, steps)
        tokens = self.decode_tokens(z.reshape((-1, *self.latent_shape)))
        if not is_texts(a):
            return tokens.reshape((-1, steps, self.length))
        texts = self.texts_of(tokens)
        return [texts[i : i + steps] for i in range(0, len(texts), steps)]

    def complete(
        self,
        prompt: Prompts,
        max_new_tokens: int | None = None,
        *,
        z: Any = None,
        seed: int | None = None,
        temperature: Any = 1.0,
        top_k: Any = None,
        top_p: Any = None,
        repetition_penalty: Any = None,
        stop_tokens: Any = None,
    ) -> Any:
        """Continues the beginnings of sentences, up to their end.

        Args:
            prompt: As in `Completes.complete`.
            max_new_tokens: As there.
            z: Latent vectors of the sentences, `(batch, latent_dim)`; None draws them
                from the prior, by the seed.
            seed: As there.
            temperature: As there.
            top_k: As there.
            top_p: As there.
            repetition_penalty: As there.
            stop_tokens: Tokens, or characters, that end a sentence; None means
                `end_token`.

        Returns:
            Beginning and continuation, in the form of `prompt`.

        Raises:
            ValueError: If an argument is out of its range or does not fit the model.
        """
        choice = (temperature, top_k, top_p, repetition_penalty)
        given = {} if z is None else {"z": z}
        return self._continued(
            prompt, max_new_tokens, seed, stop_tokens, choice, **given
        )

    def _with_end(self, texts: Any, name: str) -> np.ndarray:
        if isinstance(texts, str):
            raise ValueError(f"{name} must be a list of texts, received {texts!r}.")
        rows = (row[row != PAD] for row in self.tokens_of(texts))
        return from_rows([[*row, self.end_token] for row in rows])

    def _check_length(self, received: int, name: str) -> None:
        if received > self.length:
            raise ValueError(
                f"{name} has {received} tokens in a row, and a sentence at most "
                f"{self.length}, its end among them: raise length."
            )

    def _told(self, seed: tf.Tensor | None, labels: tf.Tensor | None) -> tf.Tensor:
        """`labels` if there are any: latent vectors; else those of the seed, or 0."""
        if labels is not None:
            return labels
        if seed is None:
            return tf.zeros((1, *self.latent_shape))
        size = self.prior.noise_size(self.latent_shape[0])
        return self.prior.from_noise(random.normal(seed, (size,), LATENT_STREAM))

    def _complete(
        self, *, z: tf.Tensor | None = None, labels: None = None, **rows: Any
    ) -> tf.Tensor:
        del labels
        return super()._complete(labels=z, **rows)

    def _decode(self, z: tf.Tensor, labels: None = None) -> tf.Tensor:
        del labels
        empty = tf.fill((tf.shape(z)[0], 1), PAD)
        stop_tokens = tf.constant([stop_token_ids(None, self) or (PAD,)])
        return completion.complete(
            self.network,
            empty,
            self.length,
            _likeliest,
            condition=z,
            stop_tokens=stop_tokens,
        )


def _likeliest(logits: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
    del i
    return tf.argmax(logits, axis=-1, output_type=tf.int32)

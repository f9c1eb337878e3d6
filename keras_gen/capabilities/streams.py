"""Streams: texts token by token, in Python; and the search for the likeliest."""

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from .. import random
from ..samplers import beams
from ..samplers.tokens import Choice, draw, penalized
from ..threads import num_threads
from ..tokens import PAD, TakesTokens, padded
from ..validation import check_positive
from .choices import choice_of, stop_tokens

if TYPE_CHECKING:
    from ..networks import TokenNetwork

TOKENS_PER_CALL = 2**13
Prompts = str | Sequence[str] | Sequence[Sequence[int]] | np.ndarray


class Streams(TakesTokens, abc.ABC):
    """Continues one text, a token at a time or by a search.

    Attributes:
        network: The network over tokens.
        length: Number of tokens of `sample`, and of what an artifact takes and gives.
    """

    network: "TokenNetwork"
    length: int

    @abc.abstractmethod
    def _told(
        self, seed: tf.Tensor | None, labels: tf.Tensor | None
    ) -> tf.Tensor | None:
        """What the network is told besides the tokens, `(batch, condition_size)`."""

    def stream(
        self,
        prompt: str | Sequence[int],
        length: int | None = None,
        *,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        stop: Any = None,
        label: int | None = None,
    ) -> Iterator[Any]:
        """Continues one text and gives each token as soon as it is there.

        The tokens are those of `complete` with the same seed.

        Args:
            prompt: A text, or int tokens.
            length: Number of tokens that follow; None means `length` of the model.
            seed: As in `complete`.
            temperature: As in `complete`.
            top_k: As in `complete`.
            top_p: As in `complete`.
            repetition_penalty: As in `complete`.
            stop: As in `complete`.
            label: Class of the text, for a class-conditional model.

        Yields:
            Pieces of text, or int tokens if the prompt is tokens.

        Raises:
            ValueError: If an argument is out of its range, before the first token.
        """
        is_text = isinstance(prompt, str)
        tokens = self.tokens_of(prompt if is_text else [list(prompt)])[0]
        how = choice_of(1, temperature, top_k, top_p, repetition_penalty)
        how["seed"] = random.row_seeds(seed, 1)
        ends = stop_tokens(stop, self) or ()
        length = self._length(length)
        labels = None if label is None else self._check_array("labels", [label], {})
        follow = self._follow_one(tokens, length, how, labels, ends)
        return self._pieces(follow) if is_text else follow

    def beam_search(
        self,
        prompt: str | Sequence[int],
        length: int | None = None,
        *,
        num_beams: int = 4,
        length_penalty: float = 0.0,
        stop: Any = None,
        label: int | None = None,
    ) -> tuple[Any, np.ndarray]:
        """The likeliest continuations of one text, among those looked at.

        Args:
            prompt: A text, or int tokens.
            length: Largest number of tokens that follow; None: `length` of the model.
            num_beams: How many texts stay at each position.
            length_penalty: The log-likelihood is divided by the number of tokens to
                this power before the texts are ordered: 0 prefers short ones.
            stop: As in `complete`.
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
        is_text = isinstance(prompt, str)
        given = self.tokens_of(prompt if is_text else [list(prompt)])[0]
        key = ("beams", length := self._length(length), num_beams)
        ends = self._mask(stop_tokens(stop, self))
        labels = None if label is None else np.full(num_beams, label, np.int32)

        def search(given: tf.Tensor, labels: tf.Tensor | None) -> Any:
            told = self._told(None, labels)
            options = {"condition": told, "stop": ends}
            return beams.beam_search(self.network, given, length, num_beams, **options)

        function = self._cached((*key, stop_tokens(stop, self)), search)
        follow, scores = (part.numpy() for part in function(given, labels))
        exists = np.isfinite(scores)  # there may be fewer than beams
        follow, scores = follow[exists], scores[exists]
        counts = (follow != PAD).sum(axis=1)
        order = np.argsort(-scores / counts**length_penalty, kind="stable")
        whole = padded([[*given, *follow[i][follow[i] != PAD]] for i in order])
        texts = self.tokenizer.decode_batch(whole) if is_text else whole
        return texts, scores[order]

    def tokens_of(self, texts: Prompts) -> np.ndarray:
        """int32 tokens `(batch, length)` of texts, or of tokens as they are.

        Raises:
            ValueError: If there are texts and no tokenizer, or tokens out of range.
        """
        texts = [texts] if isinstance(texts, str) else texts
        if len(texts) and isinstance(texts[0], str):
            if self.tokenizer is None:
                raise ValueError(f"{self.name} has no tokenizer: pass tokens.")
            return self.tokenizer.encode_batch(texts)
        if not isinstance(texts, np.ndarray):
            texts = padded(texts)
        return self.check_array(texts, "prompt")

    def _follow_one(
        self,
        tokens: np.ndarray,
        length: int,
        how: dict[str, np.ndarray],
        labels: Any,
        ends: Sequence[int],
    ) -> Iterator[int]:
        advance = self._cached(("advance", "penalty" in how), self._advance)
        state = self.network.start(1)
        seen = tf.zeros((1, self.vocabulary_size), tf.bool)
        token = self.vocabulary_size
        for i in range(len(tokens) + length):
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
        """Texts of tokens; a character of several tokens comes with its last."""
        pending: list[int] = []
        for token in tokens:
            pending.append(token)
            text = self.tokenizer.decode(np.array(pending))
            if not text.endswith("\ufffd"):
                yield text
                pending = []
        if pending:
            yield self.tokenizer.decode(np.array(pending))

    def _cached(self, key: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled once."""
        if not hasattr(self, "_functions"):
            self._functions = {}
        if key not in self._functions:
            options = {"autograph": False, "jit_compile": self.compiles_loops or None}
            self._functions[key] = tf.function(function, **options)
        return self._functions[key]

    def _length(self, length: int | None) -> int:
        length = self.length if length is None else length
        check_positive(length, "length", integer=True)
        return length

    def _mask(self, tokens: tuple[int, ...] | None) -> np.ndarray | None:
        """Which tokens are among these, bool `(vocabulary_size,)`."""
        return tokens and np.isin(np.arange(self.vocabulary_size), tokens)

    @property
    def compiles_loops(self) -> bool:
        """Whether XLA compiles loops over tokens, which are many small operations."""
        return not tf.distribute.has_strategy()

    def uses_xla(self, num_rows: int, rows: int | None = None) -> bool:
        """No: all positions at once are few large operations."""
        del num_rows, rows
        return False

    def _rows_per_call(self, num_rows: int) -> int:
        """Few at a time: threads gain more with a call each than within its calls."""
        most = max(1, TOKENS_PER_CALL // self.length)
        return min(most, -(-num_rows // num_threads()))

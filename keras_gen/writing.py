"""How a model of tokens generates: prompts, settings, loops over positions."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from . import random
from .engine.examples import require_condition
from .limits import COUNT, NOT_NEGATIVE, PAD, POSITIVE, SHARE, Limit
from .rows import Given, RowRunner, Rows, per_thread
from .samplers import beams, completion
from .samplers.choices import Choice, draw, penalized
from .specs import SEEDS, Numbers, Spec, StopTokens, Tokens
from .tokens import from_rows, is_texts
from .validation import check_finite, check_limit, check_positive

TOKENS_PER_CALL, LOGITS_PER_CALL = 2**13, 2**22
LONGEST = 2**24  # the most tokens that one call generates
SHORTEST = 8  # prompts are padded to at least this length
MOST = 2**24  # float32 holds every integer up to here
SETTINGS = {
    "temperature": Numbers(NOT_NEGATIVE),
    "top_k": Numbers(COUNT),
    "top_p": Numbers(SHARE),
    "penalty": Numbers(POSITIVE),
    "count": Numbers(Limit(1, is_integer=True, is_scalar=True)),
}


@dataclass(frozen=True)
class Choices:
    """The arguments of `complete` that decide how tokens are chosen."""

    temperature: float
    top_k: int | None
    top_p: float | None
    repetition_penalty: float | None

    def rows(self, num_rows: int) -> dict[str, np.ndarray]:
        """The settings of each row by name, float32 `(num_rows,)`; `top_k` is int32.

        Raises:
            ValueError: If a setting is out of its range.
        """
        check_finite(self.temperature, "temperature")
        check_limit(self.temperature, NOT_NEGATIVE, "temperature")
        if self.top_k is not None:
            check_positive(self.top_k, "top_k", integer=True)
        if self.top_p is not None:
            check_finite(self.top_p, "top_p")
            check_limit(self.top_p, SHARE, "top_p")
        if self.repetition_penalty is not None:
            check_positive(self.repetition_penalty, "repetition_penalty")
        given = {
            "temperature": self.temperature,
            "top_k": min(self.top_k or 0, MOST),
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "penalty": self.repetition_penalty,
        }
        return {
            name: np.full(num_rows, value, SETTINGS[name].dtype)
            for name, value in given.items()
            if value is not None
        }


class Writes(Protocol):
    """The interface of a model that has a `Writer`."""

    name: str
    prompts: Tokens
    length: int
    end_token: int | None
    condition: Spec | None


class Writer:
    """Continues texts for a model.

    Args:
        model: The model.
        network: Its network over tokens.
        rows: The runner of its functions of rows.
        condition_of: A function of the seeds of all rows, or None, and of `condition`
            and `z` of all rows, if they are given. It returns the condition that the
            network gets besides the tokens, `(batch, condition_size)`, or None.
        latent: The spec of latent vectors `z` that users may give, or None.
    """

    def __init__(
        self,
        model: Writes,
        network: Any,
        rows: RowRunner,
        condition_of: Callable[..., tf.Tensor | None],
        latent: Spec | None = None,
    ) -> None:
        self._model, self._network, self._rows = model, network, rows
        self._condition_of = condition_of
        self._latent = latent

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, without the start token."""
        return self._network.vocabulary_size

    def before(self, tokens: tf.Tensor, *, last: bool = False) -> tf.Tensor:
        """The network's input: the start token, then all tokens or all but the last."""
        shown = tokens if last else tokens[:, :-1]
        shown = tf.pad(shown, [[0, 0], [1, 0]], constant_values=PAD)
        return tf.where(shown == PAD, self.vocabulary_size, shown)

    def tokens_of(self, texts: Any) -> np.ndarray:
        """Converts texts, or tokens, to int32 tokens `(batch, length)`.

        Raises:
            ValueError: If texts have no tokenizer, or if tokens are out of range.
        """
        texts = [texts] if isinstance(texts, str) else texts
        return self._model.prompts.check(texts, "prompt")

    def texts_of(self, tokens: np.ndarray) -> list[str]:
        """Texts of rows of tokens, -1 after the last, without a final end token."""
        rows = [row[row != PAD] for row in tokens]
        rows = [row[:-1] if self._is_ended(row) else row for row in rows]
        return self._model.prompts.tokenizer.decode_batch(from_rows(rows))

    def rows_of_logits(self, length: int, num_rows: int) -> int:
        """Rows per call, so few that the logits of all positions fit into memory.

        At least two if possible, since XLA would compile a single row.
        """
        most = self.rows_per_call(num_rows)
        if not self._network.reads_at_once(length):
            return most  # one position at a time
        few = LOGITS_PER_CALL // (self.vocabulary_size * max(1, length))
        return max(min(2, most), min(most, few))

    def _rows_at_once(self, num_rows: int) -> int:
        """Rows of a loop over tokens. A step without a cache has many logits."""
        if self._network.has_cache:
            return self.rows_per_call(num_rows)
        return self.rows_of_logits(self._network.context, num_rows)

    def rows_per_call(self, num_rows: int) -> int:
        """Rows per call: few, since threads are faster with one call each."""
        return per_thread(num_rows, max(1, TOKENS_PER_CALL // self._model.length))

    @property
    def compiles_loops(self) -> bool:
        """Whether XLA compiles loops over tokens, which are many small operations.

        Without a cache the operations are few and large, and XLA may not support all
        layers.
        """
        return self._network.has_cache and not tf.distribute.has_strategy()

    def next_logits(self, tokens: Any, condition: Any) -> Rows:
        """See `Completes.next_logits`."""
        if not tf.is_tensor(tokens):
            tokens = self.tokens_of(tokens)
        given = {"tokens": (tokens, self._model.prompts), **self._given(condition)}
        return self._rows.run(self._next_logits, given, xla=False)

    def complete(
        self,
        prompt: Any,
        max_new_tokens: int | None,
        seed: int | None,
        stop_tokens: Any,
        choices: Choices,
        condition: Any,
        z: Any = None,
    ) -> Any:
        """See `Completes.complete`."""
        self._warn_if_slow()
        count, tokens = self._count(max_new_tokens), self.tokens_of(prompt)
        n, ends = len(tokens), self.stop_ids(stop_tokens)
        rows = choices.rows(n) | {"count": np.full(n, count, np.int32)}
        given: dict[str, Any] = {k: (values, SETTINGS[k]) for k, values in rows.items()}
        given["stop_tokens"] = stop_rows(ends, n), StopTokens(self.vocabulary_size)
        given |= self._checked_condition(condition, n, z)
        static = {"capacity": self._capacity(count)}
        loop = self._complete, tokens, random.row_seeds(seed, n), given, static
        follow = self._loop(*loop, trusted=True)[:, :count]
        return self._as_prompted(prompt, tokens, follow)

    def _as_prompted(self, prompt: Any, tokens: Any, follow: np.ndarray) -> Any:
        """Prompts and what follows them, in the form of the prompts."""
        if isinstance(prompt, str):
            return prompt + self.texts_of(follow)[0]
        is_empty = isinstance(prompt, list) and not prompt
        if is_texts(prompt) or (self._model.prompts.tokenizer and is_empty):
            pairs = zip(prompt, self.texts_of(follow), strict=True)
            return [given + text for given, text in pairs]
        pairs = zip(tokens, follow, strict=True)
        return from_rows([[*t[t != PAD], *f[f != PAD]] for t, f in pairs])

    def complete_rows(
        self, prompt: Rows, seed: Rows, rows: dict[str, Any], condition: Any
    ) -> Rows:
        """See `Completes.complete_rows`."""
        rows = dict(rows)
        whole: dict[str, Any] = {"is_integer": True, "is_scalar": True}
        specs = SETTINGS | {
            "max_new_tokens": Numbers(Limit(1, self._model.length, **whole)),
            "stop_tokens": Numbers(Limit(PAD, self.vocabulary_size, "[)", **whole)),
        }
        usually = {"max_new_tokens": self._model.length, "stop_tokens": PAD}
        for name, usual in usually.items():
            if rows.get(name) is None:
                rows[name] = _full(seed, usual)
        given: dict[str, Any] = {k: (values, specs[k]) for k, values in rows.items()}
        given |= self._given(condition)
        return self._loop(self._complete_rows, prompt, seed, given)

    def complete_text_rows(
        self, text: Any, seed: Any, rows: dict[str, Any], condition: Any
    ) -> Any:
        """See `Completes.complete_text_rows`."""
        tokenizer, length = self._model.prompts.tokenizer, self._model.length
        prompt = tokenizer.encode_graph(tf.convert_to_tensor(text), length)
        follow = self.complete_rows(prompt, seed, rows, condition)
        if (end := self._model.end_token) is not None:
            is_last = tf.range(length) + 1 >= completion.lengths(follow)[:, None]
            follow = tf.where(is_last & (follow == end), PAD, follow)
        return tf.strings.join([text, tokenizer.decode_graph(follow)])

    def stream(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None,
        seed: int | None,
        stop_tokens: Any,
        choices: Choices,
        condition: Any,
    ) -> Iterator[Any]:
        """See `Completes.stream`."""
        self._warn_if_slow()
        tokens = self._tokens_of_one(prompt)
        how: dict[str, Any] = choices.rows(1) | {"seed": random.row_seeds(seed, 1)}
        ends, count = self.stop_ids(stop_tokens) or (), self._count(max_new_tokens)
        condition = self._condition_of_one(condition)
        follow = self._follow_one(tokens, count, how, condition, ends)
        return self._pieces(follow) if isinstance(prompt, str) else follow

    def beam_search(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None,
        stop_tokens: Any,
        condition: Any,
        *,
        num_beams: int,
        length_penalty: float,
    ) -> tuple[Any, np.ndarray]:
        """See `Completes.beam_search`."""
        self._warn_if_slow()
        check_positive(num_beams, "num_beams", integer=True)
        check_finite(length_penalty, "length_penalty")
        given, count = self._tokens_of_one(prompt), self._count(max_new_tokens)
        capacity = self._capacity(count)
        ids = np.arange(self.vocabulary_size)
        ends = np.isin(ids, self.stop_ids(stop_tokens) or ())
        one = self._condition_of_one(condition)
        known = {k: np.repeat(rows, num_beams, axis=0) for k, rows in one.items()}

        def search(given: tf.Tensor, known: Any, **how: tf.Tensor) -> Any:
            options: Any = {**how, "condition": self._condition_of(None, **known)}
            return beams.beam_search(
                self._network, given, capacity, num_beams, **options
            )

        function = self._cached(("beams", capacity, num_beams), search)
        padded = to_few_lengths(given[None])[0]
        how = {"count": tf.constant(count), "stop_tokens": tf.constant(ends)}
        found = function(tf.constant(padded), known, **how)
        follow, scores = (part.numpy() for part in found)
        follow = follow[:, :count]
        exists = np.isfinite(scores)  # there may be fewer than beams
        follow, scores = follow[exists], scores[exists]
        counts = (follow != PAD).sum(axis=1)
        order = np.argsort(-scores / counts**length_penalty, kind="stable")
        scores, follow = scores[order], follow[order]
        if isinstance(prompt, str):
            return [prompt + text for text in self.texts_of(follow)], scores
        return from_rows([[*given, *row[row != PAD]] for row in follow]), scores

    def likeliest(self, condition: tf.Tensor) -> tf.Tensor:
        """Generates the likeliest token at each position, int32 `(batch, length)`.

        Args:
            condition: The condition of the network, `(batch, condition_size)`.
        """
        empty = tf.fill((tf.shape(condition)[0], 1), PAD)
        stop = tf.constant([self.stop_ids(None) or (PAD,)])
        how = {"condition": condition, "stop_tokens": stop}
        return completion.complete(
            self._network, empty, self._model.length, _likeliest, **how
        )

    def from_noise(
        self,
        noise: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        known: tf.Tensor | None = None,
        kept: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Generates one token from each standard normal number.

        Args:
            noise: `(batch, length)`.
            condition: Rows of the model's `condition` spec, or None.
            known: Tokens, `(batch, length)`. The first `kept` of them are kept. None
                means that all tokens are generated.
            kept: Number of known tokens to keep, int32 `(batch,)`.
            temperature: Divides the logits, `(batch,)`. None means 1.

        Returns:
            int32 `(batch, length)`.
        """
        rows = tf.shape(noise)[:1]
        ones, zeros = tf.ones(rows), tf.zeros(rows, tf.int32)
        uniform = random.normal_to_uniform(noise)
        choice = Choice(ones if temperature is None else temperature, zeros, ones)

        def choose(logits: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            numbers = tf.gather(uniform, i, axis=1)
            drawn = draw(logits, numbers, choice)
            if known is None:
                return drawn
            return tf.where(i < kept, tf.gather(known, i, axis=1), drawn)

        empty = tf.fill((rows[0], 1), PAD)
        length = noise.shape[1]
        given = {} if condition is None else {"condition": condition}
        how = {"condition": self._condition_of(None, **given)}
        return completion.complete(self._network, empty, length, choose, **how)

    def stop_ids(self, stop: Any) -> tuple[int, ...] | None:
        """The tokens that end a text.

        Args:
            stop: Tokens, one token, or characters of one token each. None for the
                model's own, if it has one.

        Raises:
            ValueError: If a token is out of range, if a character has several tokens,
                or if there is no tokenizer for characters.
        """
        stop = self._model.end_token if stop is None else stop
        if stop is None:
            return None
        if isinstance(stop, str) and stop:
            rows = self._model.prompts.check(list(stop), "stop_tokens")
            if rows.shape[1] > 1:
                raise ValueError(
                    "stop_tokens must hold characters of one token each, received "
                    f"{stop!r} with a character of {rows.shape[1]} tokens. Pass tokens "
                    "instead."
                )
            stop = rows[:, 0]
        tokens = np.atleast_1d(stop)
        if not np.issubdtype(tokens.dtype, np.integer) or tokens.ndim != 1:
            raise ValueError(
                f"stop_tokens must be tokens or characters, received {stop!r}."
            )
        size = self.vocabulary_size
        if tokens.size == 0 or tokens.min() < 0 or tokens.max() >= size:
            raise ValueError(
                f"stop_tokens must hold tokens in [0, {size}), received {stop!r}."
            )
        return tuple(sorted({int(token) for token in tokens}))

    def _warn_if_slow(self) -> None:
        if not self._network.has_cache:
            warnings.warn(
                f"{self._model.name} generates slowly: its network has no cache, so "
                f"each token is a call on all {self._network.context} positions. "
                "networks.causal_transformer and networks.recurrent have a cache.",
                stacklevel=4,
            )

    def _given(self, condition: Any, z: Any = None) -> dict[str, Any]:
        require_condition(self._model.condition, condition)
        found = {"condition": (condition, self._model.condition)}
        found["z"] = z, self._latent
        return {k: pair for k, pair in found.items() if pair[0] is not None}

    def _checked_condition(
        self, condition: Any, rows: int, z: Any = None
    ) -> dict[str, Any]:
        """The condition of each row. A single one is repeated."""
        checked = {}
        for key, (values, spec) in self._given(condition, z).items():
            values = spec.check(spec.for_all(values, rows), spec.name, rows=rows)
            checked[key] = values, spec
        return checked

    def _loop(
        self,
        function: Callable[..., tf.Tensor],
        prompt: Rows,
        seed: Rows,
        given: Given,
        static: dict[str, Any] | None = None,
        *,
        trusted: bool = False,
    ) -> Rows:
        """A loop over tokens, compiled."""
        rows = None
        if not tf.is_tensor(prompt):
            rows, prompt = self._rows_at_once(len(prompt)), np.asarray(prompt)
            prompt = to_few_lengths(prompt) if prompt.ndim == 2 else prompt
        given = {
            "prompt": (prompt, self._model.prompts),
            "seed": (seed, SEEDS),
            **given,
        }
        how = {"xla": self.compiles_loops, "static": static, "trusted": trusted}
        return self._rows.run(function, given, rows=rows, **how)

    def _next_logits(self, tokens: tf.Tensor, **condition: tf.Tensor) -> tf.Tensor:
        known = self._condition_of(None, **condition)
        if not self._network.reads_at_once(tokens.shape[1] + 1):
            return completion.next_logits(self._network, tokens, known)
        logits = self._network(self.before(tokens, last=True), known)
        return tf.gather(logits, completion.lengths(tokens), batch_dims=1)

    def _complete_rows(
        self, *, max_new_tokens: tf.Tensor, stop_tokens: tf.Tensor, **rows: tf.Tensor
    ) -> tf.Tensor:
        end, capacity = self._model.end_token, self._model.length
        usual = PAD if end is None else end
        stop = tf.where(stop_tokens == PAD, usual, stop_tokens)[:, tf.newaxis]
        how = {"count": max_new_tokens, "stop_tokens": stop, "capacity": capacity}
        return self._complete(**rows, **how)

    def _complete(
        self,
        prompt: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        penalty: tf.Tensor | None = None,
        *,
        count: tf.Tensor,
        stop_tokens: tf.Tensor,
        capacity: int,
        **condition: tf.Tensor,
    ) -> tf.Tensor:
        choice = Choice(temperature, top_k, top_p)

        def choose(logits: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return draw(logits, random.uniform(seed, (), i), choice)

        how = {
            "condition": self._condition_of(seed, **condition),
            "penalty": penalty,
        }
        how |= {"count": count, "stop_tokens": stop_tokens}
        return completion.complete(self._network, prompt, capacity, choose, **how)

    def _follow_one(
        self,
        tokens: np.ndarray,
        count: int,
        how: dict[str, np.ndarray],
        condition: dict[str, np.ndarray],
        ends: Sequence[int],
    ) -> Iterator[int]:
        advance = self._cached(("advance", "penalty" in how), self._advance)
        state = self._network.start(1)
        seen = tf.zeros((1, self.vocabulary_size), tf.bool)
        token = self.vocabulary_size
        for i in range(len(tokens) + count):
            position = tf.constant(i)
            drawn, state, seen = advance(
                tf.constant([token]), state, seen, position, how, condition
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
        condition: dict[str, tf.Tensor],
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """A drawn token, the state, and which tokens have occurred."""
        seen |= tf.equal(before[:, None], tf.range(self.vocabulary_size))
        known = self._condition_of(how["seed"], **condition)
        logits, state = self._network.step(before, state, i, known)
        if "penalty" in how:
            logits = penalized(logits, seen, how["penalty"])
        choice = Choice(how["temperature"], how["top_k"], how["top_p"])
        token = draw(logits, random.uniform(how["seed"], (), i), choice)
        return token, state, seen

    def _pieces(self, tokens: Iterator[int]) -> Iterator[str]:
        """Texts of tokens. A character of several tokens comes with the last one.

        A token that may end the text is held back until the next.
        """
        pending: list[int] = []
        for token in tokens:
            pending.append(token)
            text = self._model.prompts.tokenizer.decode(np.array(pending))
            if not (text.endswith("\ufffd") or self._is_ended(pending)):
                yield text
                pending = []
        if text := self.texts_of(np.array([pending]))[0]:
            yield text

    def _is_ended(self, tokens: Sequence[int]) -> bool:
        end = self._model.end_token
        return end is not None and len(tokens) > 0 and tokens[-1] == end

    def _tokens_of_one(self, prompt: str | Sequence[int]) -> np.ndarray:
        """Converts one text, or a row of tokens, to int32 tokens `(n,)`.

        Raises:
            ValueError: If `prompt` is neither, or does not fit the model.
        """
        if not isinstance(prompt, str):
            if is_texts(prompt) or np.ndim(prompt) != 1:
                raise ValueError(
                    f"prompt must be one text or a row of tokens, received {prompt!r}."
                )
        rows = prompt if isinstance(prompt, str) else [list(prompt)]
        tokens = self.tokens_of(rows)[0]
        return tokens[tokens != PAD]

    def _condition_of_one(self, condition: Any) -> dict[str, np.ndarray]:
        """One condition as a row, by name, or nothing."""
        given = self._checked_condition(condition, 1)
        return {name: values for name, (values, _) in given.items()}

    def _cached(self, key: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled once."""
        options = {"autograph": False, "jit_compile": self.compiles_loops or None}
        return self._rows.once(key, lambda: tf.function(function, **options))

    def _count(self, max_new_tokens: int | None) -> int:
        count = self._model.length if max_new_tokens is None else max_new_tokens
        check_positive(count, "max_new_tokens", integer=True)
        if count > LONGEST:
            raise ValueError(
                f"max_new_tokens must be at most {LONGEST}, received {count}."
            )
        return count

    def _capacity(self, count: int) -> int:
        """The capacity of a compiled loop: one of few, since each is compiled."""
        length = self._model.length
        return length if count <= length else _power_of_two(count)


def to_few_lengths(prompt: np.ndarray) -> np.ndarray:
    """Pads prompts to one of few lengths, since each length is compiled."""
    length = max(SHORTEST, _power_of_two(prompt.shape[1]))
    return np.pad(prompt, [(0, 0), (0, length - prompt.shape[1])], constant_values=PAD)


def stop_rows(tokens: Sequence[int] | None, rows: int) -> np.ndarray:
    """Tokens that end the text of each row, int32 `(rows, n)`; -1 is no token."""
    ends = np.array(tokens or (), np.int32)
    missing = _power_of_two(len(ends)) - len(ends)
    return np.tile(np.pad(ends, (0, missing), constant_values=PAD), (rows, 1))


def _likeliest(logits: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
    del i
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def _power_of_two(number: int) -> int:
    """The next power of two."""
    return 2 ** max(number - 1, 0).bit_length()


def _full(rows: Rows, value: int) -> Rows:
    """The value for each of the rows."""
    if tf.is_tensor(rows):
        return tf.fill(tf.shape(rows)[:1], value)
    return np.full(len(rows), value, np.int32)

"""Models whose examples are tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from .limits import PAD, tokens_of
from .validation import check_shape, check_type, refuse_masked

if TYPE_CHECKING:
    from .tokenizers import Tokenizer


LOGITS_PER_CALL = 2**22


class TakesTokens:
    """Examples are int32 `(batch, length)`, of any length, padded at the end by -1.

    Texts, and lists of tokens of different lengths, are brought into that form.

    Mixed in before `GenerativeModel`.

    Attributes:
        vocabulary_size: Number of tokens.
        tokenizer: What makes tokens of texts, or None.
    """

    vocabulary_size: int
    tokenizer: "Tokenizer | None"
    example_names = frozenset({"x", "tokens", "prompt"})

    def check_array(self, x: Any, name: str = "x") -> np.ndarray:
        """int32 tokens of texts, or of tokens in rows; see `check_tokens`.

        Raises:
            ValueError: If there are neither texts nor rows of integers, texts and no
                tokenizer, or they do not fit.
        """
        if isinstance(x, str):
            raise ValueError(
                f"{name} must be a list of texts, received one text: put it into a "
                "list."
            )
        refuse_masked(x, name)
        if not isinstance(x, list | tuple):
            given, x = x, np.asarray(x)
            if not x.ndim:
                raise ValueError(
                    f"{name} must be texts or rows of tokens, received {given!r}."
                )
            x = x.tolist() if x.dtype.kind in "UO" else x
        if len(x) and isinstance(x[0], bytes):
            raise ValueError(
                f"{name} holds strings of bytes: make texts of them, or tokens."
            )
        if len(x) and isinstance(x[0], str):
            if self.tokenizer is None:
                raise ValueError(f"{name} holds text, and there is no tokenizer.")
            return self.tokenizer.encode_batch(x, name=name)
        if isinstance(x, list | tuple) and all(np.ndim(row) == 1 for row in x):
            for row in x:
                _check_integers(np.asarray(row), name)
            x = from_rows([*x, [PAD]], np.int64)[:-1]  # a column at least
        return check_tokens(x, self.vocabulary_size, name=name)

    def _rows_for(self, arrays: dict[str, np.ndarray], most: int) -> int:
        """Few where the logits of all positions of `x` are held at once."""
        x = arrays.get("x")
        if x is None or not self.network.reads_at_once(x.shape[1]):
            return most  # one position at a time
        return self.rows_of_logits(x.shape[1], most)

    def rows_of_logits(self, length: int, most: int) -> int:
        """So few rows that their logits fit into memory several times.

        Two at least, if there are as many: XLA would compile a single one.
        """
        few = LOGITS_PER_CALL // (self.vocabulary_size * max(1, length))
        return max(min(2, most), min(most, few))

    def as_input(self, x: tf.Tensor, name: str = "x") -> tf.Tensor:
        """int32 tokens of a traced batch."""
        check_shape(x.shape, (None,), name=name)
        if not x.dtype.is_integer:
            raise ValueError(f"{name} must hold integers, received {x.dtype.name}.")
        return x if x.dtype == tf.int32 else tf.saturate_cast(x, tf.int32)


def check_tokenizer(tokenizer: "Tokenizer | None", vocabulary_size: int) -> None:
    """Raises ValueError if a tokenizer has another vocabulary than a network."""
    if tokenizer and tokenizer.vocabulary_size != vocabulary_size:
        raise ValueError(
            f"tokenizer has {tokenizer.vocabulary_size} tokens, the network "
            f"{vocabulary_size}."
        )


def check_end(
    end_token: int | str | None,
    vocabulary_size: int,
    tokenizer: "Tokenizer | None" = None,
) -> int | None:
    """The token that ends a text, or None.

    Args:
        end_token: The token, or the character that it stands for, or None.
        vocabulary_size: Number of tokens.
        tokenizer: What knows the character.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is no token, or a character that is not one token.
    """
    if isinstance(end_token, str) and tokenizer is not None:
        try:
            [end_token] = tokenizer.encode(end_token).tolist()
        except ValueError as error:
            raise ValueError(
                "end_token must be a token or a character that is one, and "
                f"{end_token!r} is not: pass another end_token."
            ) from error
    check_type(end_token, int | None, "end_token")
    if end_token is not None and not 0 <= end_token < vocabulary_size:
        raise ValueError(
            f"end_token must lie in [0, {vocabulary_size}), received {end_token}."
        )
    return end_token


def check_tokens(
    tokens: Any, vocabulary_size: int, *, name: str = "tokens"
) -> np.ndarray:
    """Checks tokens against a vocabulary.

    Args:
        tokens: Integers in [0, vocabulary_size), `(batch, length)`, with -1 behind the
            last token of a row.
        vocabulary_size: Number of tokens.
        name: What to call `tokens` in an error.

    Returns:
        int32 `(batch, length)`.

    Raises:
        ValueError: If a row has no integers, integers out of range, or tokens behind
            its padding.
    """
    refuse_masked(tokens, name)
    try:
        tokens = np.asarray(tokens)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array: its rows differ in length. Fill them up by -1."
        ) from error
    if tokens.ndim == 1:
        raise ValueError(
            f"{name} must hold rows of tokens, received one of shape {tokens.shape}: "
            "put it into a list, or cut a long text by texts.Windows."
        )
    check_shape(tokens.shape, (None,), name=name)
    _check_integers(tokens, name)
    bad = (tokens < PAD) | (tokens >= vocabulary_size)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{tokens_of(vocabulary_size).message(name)}: received "
            f"{tokens[row, column]} in row {row} at position {column}."
        )
    is_pad = tokens == PAD
    returns = is_pad[:, :-1] & ~is_pad[:, 1:]
    if returns.any():
        row, column = np.argwhere(returns)[0]
        raise ValueError(
            f"{name} must be padded at the end only: row {row} has a token behind the "
            f"-1 at position {column}."
        )
    return tokens.astype(np.int32)


def _check_integers(values: np.ndarray, name: str) -> None:
    """Raises ValueError unless the values, if any, are integers."""
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, received {values.dtype}.")


def padded(tokens: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    """Rows of tokens that are given one after the other.

    Args:
        tokens: int32 or int64 tokens of all rows, `(n,)`.
        counts: How many of them each row has, `(batch,)`.
        length: Columns of the rows.

    Returns:
        `(batch, length)` in their dtype, padded by -1.
    """
    rows = np.full((len(counts), length), PAD, tokens.dtype)
    rows[np.arange(length) < np.asarray(counts)[:, None]] = tokens
    return rows


def from_rows(rows: Sequence[Sequence[int]], dtype: Any = np.int32) -> np.ndarray:
    """Rows of different lengths as one array, padded by -1."""
    counts = np.array([len(row) for row in rows], np.int64)
    parts = [np.asarray(row).astype(dtype) for row in rows]
    flat = np.concatenate([np.empty(0, dtype), *parts])
    return padded(flat, counts, counts.max(initial=0))


def is_texts(x: Any) -> bool:
    """Whether it is a text, or rows of which the first is one."""
    if isinstance(x, np.ndarray):
        x = x.reshape(-1)[:1].tolist()
    first = x[:1] if isinstance(x, list | tuple) else [x]
    return any(isinstance(text, str) for text in first)

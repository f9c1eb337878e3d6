"""Rows of tokens: int32 `(batch, length)`, -1 after the last token of a row."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np

from .limits import PAD, tokens_of
from .validation import check_shape, check_type, refuse_masked


class Encodes(Protocol):
    """The interface of a tokenizer; see `tokenizers.Tokenizer`."""

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens."""
        ...

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text."""
        ...

    def encode_batch(self, texts: Sequence[str], *, name: str) -> np.ndarray:
        """The tokens of several texts."""
        ...


def check_texts(
    x: Any,
    vocabulary_size: int,
    *,
    tokenizer: Encodes | None = None,
    end_token: int | None = None,
    name: str = "x",
) -> np.ndarray:
    """Converts texts, or rows of tokens, to one array of tokens.

    Args:
        x: Texts; rows of integers, also of different lengths; or `(batch, length)`
            with -1 after the last token of a row.
        vocabulary_size: Number of tokens.
        tokenizer: The tokenizer of texts, or None.
        end_token: The token to add at the end of texts, or None.
        name: The name of `x` in an error.

    Returns:
        int32 `(batch, length)`.

    Raises:
        ValueError: If `x` holds neither texts nor rows of integers, if it holds texts
            and there is no tokenizer, or if it does not fit.
    """
    if isinstance(x, str):
        raise ValueError(
            f"{name} must be a list of texts, received one text {x!r}. Pass [text]."
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
            f"{name} must hold texts or tokens, received bytes. Decode them first."
        )
    if len(x) and isinstance(x[0], str):
        if tokenizer is None:
            raise ValueError(
                f"{name} must hold tokens if the model has no tokenizer, received text."
            )
        rows = tokenizer.encode_batch(x, name=name)
        if end_token is None:
            return rows
        x = from_rows([[*row[row != PAD], end_token] for row in rows])
    if isinstance(x, list | tuple) and all(np.ndim(row) == 1 for row in x):
        for row in x:
            _check_integers(np.asarray(row), name)
        x = from_rows([*x, [PAD]], np.int64)[:-1]  # a column at least
    return check_tokens(x, vocabulary_size, name=name)


def check_tokenizer(tokenizer: Encodes | None, vocabulary_size: int) -> None:
    """Raises ValueError if a tokenizer has another vocabulary than a network."""
    if tokenizer and tokenizer.vocabulary_size != vocabulary_size:
        raise ValueError(
            "tokenizer and network must have the same number of tokens, received "
            f"{tokenizer.vocabulary_size} and {vocabulary_size}."
        )


def check_end(
    end_token: int | str | None, vocabulary_size: int, tokenizer: Encodes | None = None
) -> int | None:
    """Returns the token that ends a text, or None.

    Args:
        end_token: The token, its character, or None.
        vocabulary_size: Number of tokens.
        tokenizer: The tokenizer of the character.

    Raises:
        TypeError: If `end_token` is neither an integer nor a string.
        ValueError: If it is not a token, or a character that is not one token.
    """
    if isinstance(end_token, str) and tokenizer is not None:
        try:
            [end_token] = tokenizer.encode(end_token).tolist()
        except ValueError as error:
            raise ValueError(
                "end_token must be a token, or a character that is one token, received "
                f"{end_token!r}."
            ) from error
    check_type(end_token, int | None, "end_token")
    end_token = cast("int | None", end_token)
    if end_token is not None and not 0 <= end_token < vocabulary_size:
        raise ValueError(
            f"end_token must be in [0, {vocabulary_size}), received {end_token}."
        )
    return end_token


def check_tokens(
    tokens: Any, vocabulary_size: int, *, name: str = "tokens"
) -> np.ndarray:
    """Checks tokens against a vocabulary.

    Args:
        tokens: Integers in [0, vocabulary_size), `(batch, length)`, with -1 after the
            last token of a row.
        vocabulary_size: Number of tokens.
        name: The name of `tokens` in an error.

    Returns:
        int32 `(batch, length)`.

    Raises:
        ValueError: If values are not integers, out of range, or tokens after padding.
    """
    refuse_masked(tokens, name)
    try:
        tokens = np.asarray(tokens)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array, received rows of different lengths. Pad them "
            "with -1."
        ) from error
    if tokens.ndim == 1:
        raise ValueError(
            f"{name} must hold rows of tokens, received shape {tokens.shape}. Pass one "
            "row as [tokens], or cut a long text into texts.Windows."
        )
    check_shape(tokens.shape, (None,), name=name)
    _check_integers(tokens, name)
    bad = (tokens < PAD) | (tokens >= vocabulary_size)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{tokens_of(vocabulary_size).message(name)}, received "
            f"{tokens[row, column]} in row {row} at position {column}."
        )
    is_pad = tokens == PAD
    returns = is_pad[:, :-1] & ~is_pad[:, 1:]
    if returns.any():
        row, column = np.argwhere(returns)[0]
        raise ValueError(
            f"{name} must be padded at the end only, received a token after the -1 at "
            f"position {column} of row {row}."
        )
    return tokens.astype(np.int32)


def _check_integers(values: np.ndarray, name: str) -> None:
    """Raises ValueError unless the values, if any, are integers."""
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, received {values.dtype}.")


def padded(tokens: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    """Splits consecutive tokens into padded rows.

    Args:
        tokens: int32 or int64 tokens of all rows, `(n,)`.
        counts: Number of tokens of each row, `(batch,)`.
        length: Columns of the rows.

    Returns:
        `(batch, length)` in their dtype, padded by -1.
    """
    rows = np.full((len(counts), length), PAD, tokens.dtype)
    rows[np.arange(length) < np.asarray(counts)[:, None]] = tokens
    return rows


def from_rows(rows: Sequence[Sequence[int]], dtype: Any = np.int32) -> np.ndarray:
    """Rows of different lengths as one array, padded with -1."""
    counts = np.array([len(row) for row in rows], np.int64)
    parts = [np.asarray(row).astype(dtype) for row in rows]
    flat = np.concatenate([np.empty(0, dtype), *parts])
    return padded(flat, counts, counts.max(initial=0))


def is_texts(x: Any) -> bool:
    """Whether `x` is a text, or its first row is one."""
    if isinstance(x, np.ndarray):
        x = x.reshape(-1)[:1].tolist()
    first = x[:1] if isinstance(x, list | tuple) else [x]
    return any(isinstance(text, str) for text in first)

"""Tokens of texts: of a whole file, and line by line."""

import tempfile
import warnings
from collections.abc import Iterator

import numpy as np

from ..reading import FilePart, Text, chunks_of, name_of
from ..tokenizers import Tokenizer, UnknownCharacter
from ..tokens import padded
from ..validation import check_count, check_type


def tokens_of(text: Text, tokenizer: Tokenizer) -> np.ndarray:
    """The tokens of a text, for `Windows`.

    Tokens of a file are written chunk by chunk to a temporary file in the folder
    `tempfile.gettempdir()`, so that memory stays constant. The file is deleted with the
    array.

    Args:
        text: A text, the `pathlib.Path` of a UTF-8 file, a `FilePart`, or an iterable
            of consecutive texts.
        tokenizer: The tokenizer of the text.

    Returns:
        uint8, uint16 or int32, depending on the vocabulary, `(n,)`. It is a memory map
        unless the text is a `str`.

    Raises:
        ValueError: If the text is empty, not UTF-8 or holds a character without a
            token. The message names the place.

    Example:
        >>> kg.texts.tokens_of("Hi!", kg.tokenizers.ByteTokenizer())
        array([ 72, 105,  33], dtype=uint8)
    """
    check_type(tokenizer, Tokenizer, "tokenizer")
    dtype = _dtype(tokenizer.vocabulary_size)
    encoded = (tokens.astype(dtype) for tokens in _encoded(text, tokenizer))
    if isinstance(text, str):
        (tokens,) = encoded
    else:
        tokens = _on_disk(encoded, dtype)
    if not tokens.size:
        raise ValueError(f"{name_of(text)} is empty: it holds no tokens.")
    return tokens


def lines(
    text: Text,
    tokenizer: Tokenizer,
    length: int | None = None,
    end: str = "\n",
    *,
    drop_long: bool = False,
) -> np.ndarray:
    r"""The lines of a text, or of a file with one string per line, as rows of tokens.

    Lines end in "\n" or "\r\n". Empty lines are left out.

    Args:
        text: As in `tokens_of`.
        tokenizer: The tokenizer of the text.
        length: Tokens per row. None takes those of the longest line.
        end: Text to add at the end of each row.
        drop_long: Whether lines with more than `length` tokens are dropped with a
            warning, instead of raising an error.

    Returns:
        int32 `(n, length)`, padded with -1 at the end.

    Raises:
        ValueError: If the text has no line, if a line is too long or holds a character
            without a token, or if a file is not UTF-8. The message names the place.

    Example:
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("ab\n")
        >>> kg.texts.lines("ab\n\nb\n", tokenizer)
        array([[ 0,  1,  2],
               [ 1,  2, -1]], dtype=int32)
    """
    check_type(tokenizer, Tokenizer, "tokenizer")
    if length is not None:
        check_count(length, "length")
    last = tokenizer.encode(end)
    tokens, counts, numbers = _lines(text, tokenizer)
    most = int(counts.max()) if length is None else length - len(last)
    fits = counts <= most
    if not fits.all():
        first = np.argmin(fits)
        problem = (
            f"{name_of(text)}: {np.sum(~fits)} of {len(fits)} lines have more than "
            f"{length} tokens with their end, the first is line {numbers[first]} with "
            f"{counts[first] + len(last)}"
        )
        if not (drop_long and fits.any()):
            raise ValueError(
                f"{problem}. Increase length, or pass drop_long=True to drop them."
            )
        warnings.warn(f"{problem}. They are dropped.", stacklevel=2)
        tokens, counts = tokens[np.repeat(fits, counts)], counts[fits]
    rows = padded(tokens, counts, most + len(last))
    rows[np.arange(len(rows))[:, None], counts[:, None] + np.arange(len(last))] = last
    return rows


def _on_disk(encoded: Iterator[np.ndarray], dtype: np.dtype) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        for tokens in encoded:
            file.write(tokens.data)
        file.flush()
        if not file.tell():
            return np.empty(0, dtype)
        return np.memmap(file, dtype, "r")


def _dtype(vocabulary_size: int) -> np.dtype:
    dtype = np.min_scalar_type(vocabulary_size - 1)
    return dtype if dtype.itemsize < 4 else np.dtype(np.int32)


def _encoded(text: Text, tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    """The tokens of each chunk."""
    line, column = _first_line(text), 1
    for chunk in chunks_of(text):
        try:
            yield tokenizer.encode(chunk)
        except UnknownCharacter as error:
            line, column = _after(chunk[: error.position], line, column)
            raise error.at(_place(text, line, column)) from None
        line, column = _after(chunk, line, column)


def _after(chunk: str, line: int, column: int) -> tuple[int, int]:
    """The line and the column that follow a part of a text."""
    if "\n" in chunk:
        return line + chunk.count("\n"), len(chunk) - chunk.rfind("\n")
    return line, column + len(chunk)


def _place(text: Text, line: int, column: int) -> str:
    return f"{name_of(text)}, line {line}, column {column},"


def _lines(text: Text, tokenizer: Tokenizer) -> tuple[np.ndarray, ...]:
    """All tokens of the lines, their number per line, and the lines' numbers."""
    parts, number = [], _first_line(text)
    for whole in _whole_lines(text):
        stripped = [line.removesuffix("\r") for line in whole]
        filled = [line for line in stripped if line]
        numbers = [n for n, line in enumerate(stripped, number) if line]
        number += len(whole)
        if not filled:
            continue
        try:
            parts.append((*tokenizer.encode_flat(filled), numbers))
        except UnknownCharacter as error:
            place = _place(text, numbers[error.row], error.position + 1)
            raise error.at(place) from None
    if not parts:
        raise ValueError(f"{name_of(text)} is empty: it holds no lines.")
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _whole_lines(text: Text) -> Iterator[list[str]]:
    """Yields complete lines, several at a time."""
    rest = ""
    for chunk in chunks_of(text):
        *whole, rest = (rest + chunk).split("\n")
        yield whole
    yield [rest]


def _first_line(text: Text) -> int:
    return text.first_line() if isinstance(text, FilePart) else 1

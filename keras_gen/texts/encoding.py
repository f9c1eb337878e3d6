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

    Those of a file are written chunk by chunk to a temporary file, in the folder of
    `tempfile.gettempdir()`, which vanishes with the array: memory stays constant.

    Args:
        text: A text, the `pathlib.Path` of a file in UTF-8, a part of one, or an
            iterable of texts, of which one follows the other.
        tokenizer: Its tokenizer.

    Returns:
        uint8, uint16 or int32 as the vocabulary needs, `(n,)`; of anything but a `str`
        a memory map.

    Raises:
        ValueError: If the text is empty, not UTF-8 or holds a character without a
            token; says where.
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

    Lines end in "\n" or "\r\n"; empty ones are left out.

    Args:
        text: As in `tokens_of`.
        tokenizer: Its tokenizer.
        length: Tokens per row; those of the longest line for None.
        end: Text whose tokens end each row.
        drop_long: Whether lines with more than `length` tokens are left out, with a
            warning that counts them, instead of refused.

    Returns:
        int32 `(n, length)`, padded at the end by -1.

    Raises:
        ValueError: If there is no line, a line is too long or holds a character without
            a token, or a file is not UTF-8; says where.
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
                f"{problem}: raise length, or leave them out by drop_long=True."
            )
        warnings.warn(f"{problem}. They are left out.", stacklevel=2)
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
    """All tokens of the lines, how many each has, and the lines' numbers."""
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
    """Lines that are complete, some at a time."""
    rest = ""
    for chunk in chunks_of(text):
        *whole, rest = (rest + chunk).split("\n")
        yield whole
    yield [rest]


def _first_line(text: Text) -> int:
    return text.first_line() if isinstance(text, FilePart) else 1

"""Tokens of texts: of a whole file, and line by line."""

import itertools
import tempfile
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from ..reading import FilePart, Text, chunks_of, name_of, whole_lines
from ..tokenizers import Tokenizer, UnknownCharacter
from ..tokens import padded
from ..validation import check_count, check_type

TEXTS = 4096  # that are encoded together
SHOWN = 12  # tokens of a text that is too long


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

    Lines end in "\n", "\r\n" or "\r". Empty lines are left out.

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
    name, numbered = name_of(text), _numbered_lines(text)
    how = {"name": name, "unit": "line", "end": end, "drop_long": drop_long}
    encoded = _encoded_rows(name, numbered, tokenizer)
    return _padded(encoded, tokenizer, length, **how)[0]


def rows(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    length: int | None = None,
    end: str = "\n",
    *,
    drop_long: bool = False,
    name: str = "texts",
) -> np.ndarray:
    r"""Texts as rows of tokens, one text per row. Empty texts are left out.

    Args:
        texts: The texts, which may hold line breaks.
        tokenizer: The tokenizer of the texts.
        length: Tokens per row. None takes those of the longest text.
        end: Text to add at the end of each row.
        drop_long: Whether texts with more than `length` tokens are dropped with a
            warning, instead of raising an error.
        name: The name of `texts` in an error.

    Returns:
        int32 `(n, length)`, padded with -1 at the end.

    Raises:
        TypeError: If `texts` is one text.
        ValueError: If `texts` is empty, or if a text is too long or holds a character
            without a token.

    Example:
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("ab\n.")
        >>> kg.texts.rows(["a\nb", "b"], tokenizer, end=".")
        array([[ 0,  2,  1,  3],
               [ 1,  3, -1, -1]], dtype=int32)
    """
    how = {"drop_long": drop_long, "name": name}
    return numbered_rows(texts, tokenizer, length, end, **how)[0]


def numbered_rows(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    length: int | None = None,
    end: str = "\n",
    *,
    drop_long: bool = False,
    name: str = "texts",
) -> tuple[np.ndarray, np.ndarray]:
    """`rows`, and the number of each row's text among `texts`, from 0."""
    if isinstance(texts, str):
        raise TypeError(f"{name} must be a list of texts, received {texts!r:.60}.")
    numbered = _numbered(texts, name)
    how = {"name": name, "unit": "text", "end": end, "drop_long": drop_long}
    encoded = _encoded_rows(name, numbered, tokenizer)
    found, numbers = _padded(encoded, tokenizer, length, **how)
    return found, numbers - 1


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
            raise error.at(_place(name_of(text), line, column)) from None
        line, column = _after(chunk, line, column)


def _after(chunk: str, line: int, column: int) -> tuple[int, int]:
    """The line and the column that follow a part of a text."""
    if "\n" in chunk:
        return line + chunk.count("\n"), len(chunk) - chunk.rfind("\n")
    return line, column + len(chunk)


def _place(name: str, line: int, column: int) -> str:
    return f"{name}, line {line}, column {column},"


def _encoded_rows(
    name: str, numbered: Iterator[tuple[list[int], list[str]]], tokenizer: Tokenizer
) -> tuple[np.ndarray, ...]:
    """All tokens of the rows, their number per row, and the rows' numbers."""
    check_type(tokenizer, Tokenizer, "tokenizer")
    parts = []
    for numbers, filled in numbered:
        if not filled:
            continue
        try:
            parts.append((*tokenizer.encode_flat(filled), numbers))
        except UnknownCharacter as error:
            place = _place(name, numbers[error.row], error.position + 1)
            raise error.at(place) from None
    if not parts:
        raise ValueError(f"{name} is empty: it holds no lines.")
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _padded(
    encoded: tuple[np.ndarray, ...],
    tokenizer: Tokenizer,
    length: int | None,
    *,
    name: str,
    unit: str,
    end: str,
    drop_long: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The rows with their end, as one array, and their numbers."""
    if length is not None:
        check_count(length, "length")
    last = tokenizer.encode(end)
    tokens, counts, numbers = encoded
    most = int(counts.max()) if length is None else length - len(last)
    fits = counts <= most
    if not fits.all():
        first = int(np.argmin(fits))
        start = int(counts[:first].sum())
        begins = tokenizer.decode(tokens[start : start + min(SHOWN, counts[first])])
        problem = (
            f"{name}: {np.sum(~fits)} of {len(fits)} {unit}s have more than {length} "
            f"tokens with their end, the first is {unit} {numbers[first]} with "
            f"{counts[first] + len(last)} ({begins!r}...)"
        )
        if not (drop_long and fits.any()):
            cure = "drop_long=True to drop them"
            cure = "texts in shorter parts, such as sentences" if drop_long else cure
            raise ValueError(f"{problem}. Increase length, or pass {cure}.")
        warnings.warn(f"{problem}. They are dropped.", stacklevel=3)
        tokens, counts = tokens[np.repeat(fits, counts)], counts[fits]
        numbers = numbers[fits]
    table = padded(tokens, counts, most + len(last))
    places = counts[:, None] + np.arange(len(last))
    table[np.arange(len(table))[:, None], places] = last
    return table, numbers


def _numbered_lines(text: Text) -> Iterator[tuple[list[int], list[str]]]:
    """Lines that are not empty, with their numbers from 1, several at a time."""
    number = _first_line(text)
    for whole in whole_lines(text):
        filled = [(n, line) for n, line in enumerate(whole, number) if line]
        number += len(whole)
        yield [n for n, _ in filled], [line for _, line in filled]


def _numbered(texts: Iterable[str], name: str) -> Iterator[tuple[list[int], list[str]]]:
    """Texts that are not empty, with their numbers from 1, several at a time."""
    for batch in _batches(enumerate(texts, 1)):
        for n, one in batch:
            if not isinstance(one, str):
                raise TypeError(f"{name} must be texts, received {one!r:.60} as {n}.")
        filled = [(n, one) for n, one in batch if one]
        yield [n for n, _ in filled], [one for _, one in filled]


def _batches(
    pairs: Iterable[tuple[int, str]],
) -> Iterator[tuple[tuple[int, str], ...]]:
    pairs = iter(pairs)
    while batch := tuple(itertools.islice(pairs, TEXTS)):
        yield batch


def _first_line(text: Text) -> int:
    return text.first_line() if isinstance(text, FilePart) else 1

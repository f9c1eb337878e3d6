"""Texts, in memory or as parts of files, and their splits.

A text of windows, such as a book, is split at its nine tenths. Of lines or records, a
random tenth is held out, always the same.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from keras_gen.reading import FilePart, whole_lines

if TYPE_CHECKING:
    import numpy as np

IN_MEMORY = 2**26  # bytes of the largest file that is read completely
LINES, WINDOWS = "lines", "windows"
LINE_BREAK, RECORD_END = "\n", "\x1e"  # the second one if records hold line breaks
JOINED = 2**16  # characters that are encoded together
EXAMINED, BEGINNING = 10_000, 2**22  # texts and characters that show what a file is
FEWEST_LINES, LONGEST_LINE = 20, 256
MOST_UNEQUAL = 4  # of the 95th percentile of lengths, in medians
MOST_BLANK = 0.02  # share of empty lines in a list
WRAPPED, NEAR_MARGIN = 0.4, 0.8

Piece = str | FilePart


@dataclass(frozen=True, eq=False)
class Records:
    """Texts one after the other, read at each use, such as the lines of a file.

    As an iterable, it yields one long text in parts, with `end` after each text.

    Attributes:
        name: Where the texts are from, for errors.
        read: Yields all texts.
        end: What ends a text.
        kept: Which of the texts are in the split, bool `(n,)`. None means all.
        are_documents: Whether each text may have several lines of its own.
        places: Number of each text among the records of its file, from 0, `(n,)`. None
            if none of them is empty.
        files: The file of each text, or () for texts of one file.
    """

    name: str
    read: Callable[[], Iterator[Piece]]
    end: str = LINE_BREAK
    kept: "np.ndarray | None" = None
    are_documents: bool = False
    places: "np.ndarray | None" = None
    files: Sequence[str] = ()

    def texts(self) -> Iterator[Any]:
        """Yields the texts of the split: strings, unless they are documents."""
        if self.kept is None:
            yield from self.read()
            return
        for text, is_kept in zip(self.read(), self.kept, strict=True):
            if is_kept:
                yield text

    def chosen(self, which: "np.ndarray") -> "np.ndarray":
        """`kept` for some of the texts of the split, bool like `kept`.

        Args:
            which: Which of them, bool `(n,)`.
        """
        if self.kept is None:
            return which
        kept = self.kept.copy()
        kept[kept] = which
        return kept

    def __iter__(self) -> Iterator[str]:
        """`chunks()`."""
        return self.chunks()

    def chunks(self) -> Iterator[str]:
        """Yields the texts, each with its end, joined to parts of some size."""
        part, size = [], 0
        for text in self.texts():
            for chunk in [text] if isinstance(text, str) else text.chunks():
                part.append(chunk)
                size += len(chunk)
                if size > JOINED:
                    yield "".join(part)
                    part, size = [], 0
            part.append(self.end)
        yield "".join(part)

    def __len__(self) -> int:
        """Number of characters, with the ends."""
        return self._length

    @functools.cached_property
    def _length(self) -> int:
        return sum(map(len, self))

    @functools.cached_property
    def num_texts(self) -> int:
        """Number of texts of the split."""
        return sum(1 for _ in self.texts())


@dataclass(frozen=True)
class TextSplit:
    """One text, or several.

    Attributes:
        source: The text, the part of a large file, or several texts. `texts.tokens_of`
            and `CharacterTokenizer.from_text` take each of them. Or tokens: int32 `(n,
            length)`, -1 after the last of a row, or integers `(n,)`.
        labels: The class of each of the texts or rows, int32 `(n,)`, or None.
    """

    source: "str | FilePart | Records | np.ndarray"
    labels: "np.ndarray | None" = None

    def __len__(self) -> int:
        """Number of characters."""
        return len(self.source)

    @property
    def text(self) -> str:
        """The whole text. A file is read at each use."""
        source = cast(Any, self.source)
        return source if isinstance(source, str) else whole(source)


Splits = tuple[TextSplit, TextSplit]


def split_text(text: str) -> Splits:
    """The first nine tenths of a text and its rest."""
    cut = len(text) * 9 // 10
    return TextSplit(text[:cut]), TextSplit(text[cut:])


def split_file(path: Path) -> Splits:
    """The first nine tenths of a file and its rest. Large files stay on the disk.

    Raises:
        ValueError: If the file is empty or not UTF-8.
    """
    if path.stat().st_size > IN_MEMORY:
        return _parts(path)
    text = whole(FilePart(path))
    if len(text.strip()) < 2:
        raise ValueError(f"{path} is empty: expected at least two characters.")
    return split_text(text)


def _parts(path: Path) -> Splits:
    cut = path.stat().st_size * 9 // 10
    with path.open("rb") as file:
        file.seek(cut)
        following = file.read(3)
    for byte in following:
        if byte & 0b1100_0000 != 0b1000_0000:  # the first byte of a character
            break
        cut += 1
    parts = FilePart(path, 0, cut), FilePart(path, cut)
    for part in parts:
        len(part)  # reads the part, to find invalid UTF-8 now
    return TextSplit(parts[0]), TextSplit(parts[1])


def has_records(split: Any) -> TypeGuard[TextSplit]:
    """Whether a split holds several texts: records or documents."""
    return isinstance(getattr(split, "source", None), Records)


def is_records(split: Any) -> TypeGuard[TextSplit]:
    """Whether a split holds texts that are examples themselves."""
    return has_records(split) and not cast(Records, split.source).are_documents


def is_tokens(split: Any) -> TypeGuard[TextSplit]:
    """Whether a split holds tokens in place of texts."""
    import numpy as np

    return isinstance(getattr(split, "source", None), np.ndarray)


def split_tokens(
    tokens: "np.ndarray", name: str, labels: "np.ndarray | None" = None
) -> Splits:
    """Tokens, of which a tenth is held out: rows at random, or the end of a sequence.

    Args:
        tokens: Integers `(n, length)`, with -1 after the last of a row, or `(n,)`.
        name: The name of the tokens in an error.
        labels: The class of each row, int32 `(n,)`, or None.

    Raises:
        ValueError: If they are not such tokens, or if one sequence has labels.
    """
    import numpy as np

    from keras_gen.tokens import PAD, check_tokens

    if tokens.ndim not in (1, 2) or tokens.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be tokens: integers (n, length) or (length,), received "
            f"{tokens.dtype} {tokens.shape}."
        )
    if len(tokens) < 2 or 0 in tokens.shape:
        raise ValueError(
            f"{name} must hold at least 2 rows or tokens, received "
            f"shape {tokens.shape}."
        )
    low = PAD if tokens.ndim == 2 else 0
    if tokens.min() < low or tokens.max() > np.iinfo(np.int32).max:
        raise ValueError(
            f"{name} must be tokens >= 0, received {tokens.min()} to {tokens.max()}. "
            "Rows may have -1 after their last token."
        )
    if tokens.ndim == 1 and labels is not None:
        raise ValueError(
            f"{name} is one sequence of tokens, which has no labels of rows: leave out "
            "y, or cut the sequence into rows (n, length)."
        )
    if tokens.ndim == 1:
        cut = len(tokens) * 9 // 10
        return TextSplit(tokens[:cut]), TextSplit(tokens[cut:])
    rows = check_tokens(tokens, int(tokens.max()) + 1, name=name)
    return _two(rows.__getitem__, _tenth(len(rows)), labels)


def whole(text: "FilePart | Records") -> str:
    """All of a text as one string."""
    return "".join(text.chunks())


def hold_out(records: Records, labels: "np.ndarray | None" = None) -> Splits:
    """Splits off a random tenth of the texts, at least one, always the same.

    Args:
        records: The texts.
        labels: The class of each, int32 `(n,)`, or None.

    Raises:
        ValueError: If there are fewer than two texts.
    """
    count = records.num_texts
    if count < 2:
        raise ValueError(
            f"{records.name} must hold at least 2 texts to hold one out, received "
            f"{count}."
        )

    def kept(chosen: "np.ndarray") -> Records:
        return dataclasses.replace(records, kept=chosen)

    return _two(kept, _tenth(count), labels)


def _two(
    of: Callable[[Any], Any], is_test: "np.ndarray", labels: "np.ndarray | None"
) -> Splits:
    """The two splits of texts, by a function from the chosen ones to their source."""
    both = (~is_test, is_test)
    train, test = (
        TextSplit(of(chosen), None if labels is None else labels[chosen])
        for chosen in both
    )
    return train, test


def _tenth(count: int) -> "np.ndarray":
    """A random tenth of rows, at least one, bool `(count,)`, always the same."""
    import numpy as np

    chosen = np.zeros(count, bool)
    order = np.random.RandomState(0).permutation(count)
    chosen[order[count - max(1, count // 10) :]] = True
    return chosen


def by_lines(train: TextSplit, test: TextSplit, name: str) -> Splits:
    """Holds out lines at random, of a text that was split otherwise.

    Records that are examples themselves stay as they are.

    Raises:
        ValueError: If there are fewer than two lines.
    """
    if is_records(train):
        return train, test
    splits, labels = (train, test), None
    if train.labels is not None:
        import numpy as np

        counts = [sum(1 for _ in lines_of(text)) for text in wholes(splits)]
        labels = np.repeat(whole_labels(splits), counts)
    return hold_out(Records(name, functools.partial(_lines, splits)), labels)


def _lines(splits: Splits) -> Iterator[str]:
    for text in wholes(splits):
        yield from (line for _, line in lines_of(text))


def lines_of(text: Piece) -> Iterator[tuple[int, str]]:
    """The lines of a text that are not blank, with their numbers from 1."""
    number = 0
    for several in whole_lines(text):
        for line in several:
            number += 1
            if line.strip():
                yield number, line


def wholes(splits: Splits) -> Iterator[Piece]:
    """The texts before they were split."""
    first, second = (cast(Any, split.source) for split in splits)
    if not (isinstance(first, Records) and isinstance(second, Records)):
        yield joined(first, second)
    elif first.kept is not None:
        yield from first.read()
    else:
        for pair in zip(first.read(), second.read(), strict=True):
            yield joined(*pair)


def whole_labels(splits: Splits) -> "np.ndarray | None":
    """The class of each of the `wholes`, int32 `(n,)`, or None."""
    import numpy as np

    first, second = splits
    kept: Any = getattr(first.source, "kept", None)
    if kept is None or first.labels is None or second.labels is None:
        return first.labels
    labels = np.empty(len(kept), np.int32)
    labels[kept], labels[~kept] = first.labels, second.labels
    return labels


def whole_rows(splits: Splits) -> "tuple[np.ndarray, np.ndarray | None]":
    """Tokens before `split_tokens` split them, and their labels."""
    import numpy as np

    first, second = (np.asarray(split.source) for split in splits)
    if first.ndim == 1:
        return np.concatenate([first, second]), None
    is_test = _tenth(len(first) + len(second))
    back = np.argsort(np.argsort(is_test, kind="stable"), kind="stable")
    labels = [split.labels for split in splits if split.labels is not None]
    known = np.concatenate(labels)[back] if labels else None
    return np.concatenate([first, second])[back], known


def joined(first: Any, second: Any) -> Piece:
    """A text before it was split into two parts."""
    if isinstance(first, FilePart):
        return FilePart(first.path)
    return str(first) + str(second)


def fits_lines(train: TextSplit) -> bool:
    """Whether a text is a list: many short lines of similar length.

    Lines of a wrapped text end near its margin, and its paragraphs are separated by
    empty lines.
    """
    import numpy as np

    source = cast(Any, train.source)
    if is_records(train):
        lengths = [len(text) for text in _first(source.texts())]
        return float(np.percentile(lengths, 95)) <= LONGEST_LINE
    found = list(_first(_examined_lines(source)))
    lines = [line for line in found if line.strip()]
    if len(lines) < FEWEST_LINES:
        return False
    lengths = np.array([len(line) for line in lines])
    high = np.percentile(lengths, 95)
    is_short = high <= min(LONGEST_LINE, MOST_UNEQUAL * np.median(lengths))
    is_dense = len(found) - len(lines) <= MOST_BLANK * len(found)
    has_words = np.mean([" " in line.strip() for line in lines]) > 0.5
    is_wrapped = has_words and np.mean(lengths >= NEAR_MARGIN * high) > WRAPPED
    return bool(is_short and is_dense and not is_wrapped)


def _first(texts: Iterator[str]) -> Iterator[str]:
    for text, _ in zip(texts, range(EXAMINED), strict=False):
        yield text


def _examined_lines(source: str | FilePart | Records) -> Iterator[str]:
    """All lines, except for the last one, which may be cut off."""
    before = None
    for several in whole_lines(_beginning(source)):
        for line in several:
            if before is not None:
                yield before
            before = line


def _beginning(source: str | FilePart | Records) -> Iterator[str]:
    if isinstance(source, str):
        yield source[:BEGINNING]
        return
    size = 0
    for chunk in source.chunks():
        yield chunk
        size += len(chunk)
        if size > BEGINNING:
            return

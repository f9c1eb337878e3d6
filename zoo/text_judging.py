"""The texts that `detect` judges: lines, sentences, records, files, rows of tokens."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .data import Data
from .texts import (
    Records,
    TextSplit,
    has_records,
    is_records,
    is_tokens,
    lines_of,
    whole,
    whole_labels,
    whole_rows,
    wholes,
)

if TYPE_CHECKING:
    from keras_gen.reading import FilePart

BEGINNING = 60  # characters of a text that are written beside its score
LINE, ROW, FILE, TOKEN, SENTENCE = "line", "row", "file", "token", "sentence"


class Judgeable(NamedTuple):
    """A text, or a row of tokens.

    Attributes:
        name: Its line or sentence, its row, its file, or the position of its first
            token.
        text: The text or the tokens.
        label: The number of its class, or None.
    """

    name: str
    text: Any
    label: int | None = None

    @property
    def beginning(self) -> str:
        """The beginning of the text in one line; "" for tokens."""
        if not isinstance(self.text, str):
            return ""
        return " ".join(self.text[: 2 * BEGINNING].split())[:BEGINNING]


def unit_of(own: Data, judged: Data, *, by_sentences: bool = False) -> str:
    """What of the judged data has a score: a row, line, sentence, file or window.

    Args:
        own: The data of the training, by lines if the model takes them so.
        judged: The data to judge.
        by_sentences: Whether the model was trained on sentences of prose.
    """
    if is_tokens(judged.train):
        return ROW if cast(Any, judged.train.source).ndim == 2 else TOKEN
    if is_records(judged.train):
        return ROW
    if by_sentences:
        return SENTENCE
    return FILE if _holds_out_files(own.test) else LINE


def all_of(data: Data, unit: str, length: int) -> Iterator[Judgeable]:
    """All texts of data, in the order of their file.

    Args:
        data: The data as they are read.
        unit: As from `unit_of`.
        length: Tokens of a window of one sequence of tokens.
    """
    splits = data.train, data.test
    if is_tokens(data.train):
        yield from _of_tokens(*whole_rows(splits), length)
        return
    labels = whole_labels(splits)
    known = itertools.repeat(None) if labels is None else labels.tolist()
    texts = zip(wholes(splits), known, strict=labels is not None)
    if is_records(data.train):
        places = cast(Records, data.train.source).places
        for i, (text, label) in enumerate(texts):
            yield Judgeable(str(i if places is None else places[i]), text, label)
        return
    files = getattr(data.train.source, "files", ())
    for i, (text, label) in enumerate(texts):
        if unit == FILE:
            yield Judgeable(files[i] if files else data.name, _whole(text), label)
        else:
            before = f"{files[i]}:" if files else ""
            yield from _PARTS[unit](text, label, before)


def held_out_of(data: Data, unit: str, length: int) -> Iterator[Judgeable]:
    """The held-out texts, in the unit in which others are judged.

    Args:
        data: The data of the training, by lines if the model takes them so.
        unit: As from `unit_of`, or `SENTENCE` for a model of sentences.
        length: As in `all_of`.
    """
    test = cast(TextSplit, data.test)
    source, labels = cast(Any, test.source), test.labels
    if is_tokens(test):
        yield from _of_tokens(source, labels, length)
        return
    known = itertools.repeat(None) if labels is None else labels.tolist()
    texts = source.texts() if has_records(test) else [source]
    for i, (text, label) in enumerate(zip(texts, known, strict=False)):
        is_whole = is_records(test) or _holds_out_files(test)
        if is_whole and unit != SENTENCE:
            yield Judgeable(str(i), _whole(text), label)
        else:
            parts = [*_PARTS.get(unit, _lines)(text, label)]
            is_cut = len(parts) > 1 and not is_whole
            yield from parts[is_cut:]  # the first one may be cut off


def _holds_out_files(test: Any) -> bool:
    """Whether whole files are held out, not a part of each."""
    is_folder = has_records(test) and not is_records(test)
    return is_folder and cast(Records, test.source).kept is not None


def _lines(text: Any, label: int | None, before: str = "") -> Iterator[Judgeable]:
    for number, line in lines_of(text):
        yield Judgeable(f"{before}{number}", line, label)


def _sentences(text: Any, label: int | None, before: str = "") -> Iterator[Judgeable]:
    from keras_gen.texts import sentences

    for number, sentence in enumerate(sentences(_whole(text)), start=1):
        yield Judgeable(f"{before}{number}", sentence, label)


_PARTS = {LINE: _lines, SENTENCE: _sentences}


def _whole(text: "str | FilePart") -> str:
    return text if isinstance(text, str) else whole(text)


def _of_tokens(
    tokens: np.ndarray, labels: np.ndarray | None, length: int
) -> Iterator[Judgeable]:
    """Rows, or windows of one sequence by the position of their first token."""
    if tokens.ndim == 1:
        for start in range(0, len(tokens), length):
            yield Judgeable(str(start), tokens[start : start + length])
        return
    for i, row in enumerate(tokens):
        yield Judgeable(
            str(i), row[row >= 0], None if labels is None else int(labels[i])
        )

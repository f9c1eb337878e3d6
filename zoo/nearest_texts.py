"""The training texts that samples of a model of texts are nearest to."""

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .languages import TokenSplit

if TYPE_CHECKING:
    from keras_gen.metrics.copies import SharedRun
    from keras_gen.model import GenerativeModel

    from .data import Data

SEARCHED = 2**20  # tokens of training, rounded up to whole rows
SAMPLES, HELD_OUT = 8, 32
AROUND = 24  # tokens shown before and after a run


class Nearest(NamedTuple):
    """A sample and the training text with which it shares the longest run of tokens.

    Attributes:
        title: The name of the sample, with its class.
        sample: The text before the run, the run, and the text after it.
        nearest: The same of the training text.
        length: Tokens of the run.
        total: Tokens of the sample.
        is_whole: Whether the sample is a training text as a whole.
        is_copied: Whether it is, or shares more than held-out texts do.
    """

    title: str
    sample: tuple[str, str, str]
    nearest: tuple[str, str, str]
    length: int
    total: int
    is_whole: bool
    is_copied: bool


class NearestTexts(NamedTuple):
    """What samples share with the training texts.

    Attributes:
        found: One for each sample.
        searched: Number of tokens of training that were searched.
        held_out: Tokens of the longest run of each held-out text.
    """

    found: list[Nearest]
    searched: int
    held_out: list[int]


def nearest_texts(model: "GenerativeModel", data: "Data") -> NearestTexts:
    """Samples with seed 0, those of the run's file, and their nearest training texts.

    Args:
        model: A model of tokens.
        data: Its data, as tokens.
    """
    from keras_gen.callbacks.previews import default_labels
    from keras_gen.metrics.copies import longest_shared
    from keras_gen.tokens import PAD

    own, train, test = cast(Any, model), data.train, data.test
    labels = default_labels(model, SAMPLES)
    given = {} if labels is None else {"condition": labels}
    made = own.complete(np.empty((SAMPLES, 0), np.int32), seed=0, **given)
    samples = [row[row != PAD] for row in made]
    tokens, starts = _searched(train)
    real = [row[row != PAD] for row in test.head(HELD_OUT)]
    framed = [_framed(row, starts) for row in (*samples, *real)]
    runs = longest_shared(framed, tokens)
    usual = [_counted(row, run) for row, run in zip(framed, runs, strict=True)]
    held_out = usual[SAMPLES:]
    found = []
    for i, sample in enumerate(samples):
        run, row = runs[i], framed[i]
        is_whole = starts is not None and run.length == len(row)
        name = f" ({data.class_names[labels[i]]})" if data.class_names and given else ""
        found.append(
            Nearest(
                f"sample {i + 1}{name}",
                _parts(model, row, run.start, run.length, len(row)),
                _nearest(model, run, tokens, starts, len(sample)),
                usual[i],
                len(sample),
                is_whole,
                is_whole or usual[i] > max(held_out, default=0),
            )
        )
    return NearestTexts(found, int((tokens != PAD).sum()), held_out)


def _searched(train: TokenSplit) -> "tuple[np.ndarray, np.ndarray | None]":
    """Tokens of training, with -1 between rows, and where the rows begin."""
    from keras_gen.metrics.copies import as_sequence

    if not isinstance(train.rows, np.ndarray):
        return np.asarray(train.rows.tokens[:SEARCHED]), None
    most = -(-SEARCHED // train.rows.shape[1])
    return as_sequence(train.rows[:most])


def _framed(row: np.ndarray, starts: np.ndarray | None) -> np.ndarray:
    """A text with -1 around it, if rows of training have it too."""
    return row if starts is None else np.pad(row, 1, constant_values=-1)


def _counted(row: np.ndarray, run: "SharedRun") -> int:
    """The tokens of a run without the ends of rows."""
    return int((row[run.start : run.start + run.length] >= 0).sum())


def _nearest(
    model: "GenerativeModel",
    run: "SharedRun",
    tokens: np.ndarray,
    starts: np.ndarray | None,
    length: int,
) -> tuple[str, str, str]:
    """The training text of a run: its row of the nearest length, or what is around."""
    if not run.length:
        return "", "", ""
    if starts is None:
        return _parts(model, tokens, int(run.places[0]), run.length, AROUND)
    ends = np.append(starts[1:], len(tokens) - 1)
    rows = np.searchsorted(starts, run.places, "right") - 1
    best = int(np.argmin(np.abs(ends[rows] - starts[rows] - 1 - length)))
    row = rows[best]
    text = tokens[starts[row] : ends[row] + 1]
    start = int(run.places[best] - starts[row])
    return _parts(model, text, start, run.length, len(text))


def _parts(
    model: "GenerativeModel", row: np.ndarray, start: int, length: int, around: int
) -> tuple[str, str, str]:
    """The text before, in and after a run."""
    end = start + length
    parts = row[max(0, start - around) : start], row[start:end], row[end : end + around]
    before, within, after = (_text(model, part[part >= 0]) for part in parts)
    return before, within, after


def _text(model: "GenerativeModel", tokens: np.ndarray) -> str:
    tokenizer = cast(Any, model).tokenizer
    if tokenizer is None:
        return "".join(f"{token} " for token in tokens)
    return tokenizer.decode(tokens)

"""The longest part that a text shares with other texts, which shows copies."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..tokens import PAD
from ..validation import check_positive

BASE = np.uint64(0x9E3779B97F4A7C15 | 1)  # odd, so that it has an inverse mod 2**64
INVERSE = np.uint64(pow(int(BASE), -1, 2**64))


class SharedRun(NamedTuple):
    """The longest run of tokens that a text shares with other tokens.

    Attributes:
        length: Number of tokens.
        start: Position of the first of them in the text.
        places: Positions of the first of them in the other tokens, all of them, `(n,)`.

    Example:
        >>> [run] = kg.metrics.longest_shared([[1, 2, 3]], [0, 2, 3, 0, 2, 3])
        >>> run.length, run.start, run.places.tolist()
        (2, 1, [1, 4])
    """

    length: int
    start: int
    places: np.ndarray


def longest_shared(
    texts: Sequence[Sequence[int] | np.ndarray], tokens: Sequence[int] | np.ndarray
) -> list[SharedRun]:
    """The longest run of tokens that each text shares with a sequence of tokens.

    Runs of one length are compared by their hashes (Karp and Rabin), and their lengths
    are found by bisection: time is that of some passes over the tokens.

    Args:
        texts: Rows of tokens of any length, integers >= -1.
        tokens: Other tokens, integers >= -1, `(n,)`, such as those of training texts.
            -1 separates texts where a run must not go on.

    Returns:
        One run for each text, of length 0 if no token is shared.

    Raises:
        ValueError: If there are no tokens.

    References:
        Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987.
    """
    tokens = np.asarray(tokens, np.int64)
    rows = [np.asarray(text, np.int64) for text in texts]
    check_positive(tokens.size, "the number of tokens", integer=True)
    most = max([int(tokens.max()), *(int(row.max(initial=0)) for row in rows)])
    values = np.random.default_rng(0).integers(0, 2**64, most + 2, np.uint64)
    where = _Hashes(values[tokens])
    hashes = [_Hashes(values[row]) for row in rows]
    found = [0] * len(rows)
    above = [min(len(row), len(tokens)) + 1 for row in rows]
    while open_rows := [i for i in range(len(rows)) if above[i] - found[i] > 1]:
        tried = {i: (found[i] + above[i]) // 2 for i in open_rows}
        for length in sorted({*tried.values()}):
            chosen = [i for i in open_rows if tried[i] == length]
            asked = [hashes[i].of(length) for i in chosen]
            known = _among(np.unique(np.concatenate(asked)), where.of(length))
            for i, own in zip(chosen, asked, strict=True):
                is_shared = bool(np.isin(own, known).any())
                found[i] = length if is_shared else found[i]
                above[i] = above[i] if is_shared else length
    return [_run(own, where, length) for own, length in zip(hashes, found, strict=True)]


def _run(own: "_Hashes", where: "_Hashes", length: int) -> SharedRun:
    if not length:
        return SharedRun(0, 0, np.array([], np.int64))
    mine, theirs = own.of(length), where.of(length)
    start = int(np.argmax(np.isin(mine, _among(np.unique(mine), theirs))))
    return SharedRun(length, start, np.flatnonzero(theirs == mine[start]))


def _among(some: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which of few sorted values occur among many."""
    places = np.minimum(np.searchsorted(some, values), len(some) - 1)
    return some[np.bincount(places[some[places] == values], minlength=len(some)) > 0]


class _Hashes:
    """Hashes of all runs of a length, mod 2**64.

    Args:
        values: Random numbers in place of tokens, uint64 `(n,)`.
    """

    def __init__(self, values: np.ndarray) -> None:
        powers, self._inverse = (
            np.multiply.accumulate(np.r_[np.uint64(1), np.full(len(values), factor)])
            for factor in (BASE, INVERSE)
        )
        sums = np.cumsum(values * powers[:-1], dtype=np.uint64)
        self._sums = np.r_[np.uint64(0), sums]

    def of(self, length: int) -> np.ndarray:
        """The hash of each run, uint64 `(n - length + 1,)`."""
        runs = self._sums[length:] - self._sums[:-length]
        return runs * self._inverse[: len(runs)]


def as_sequence(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of tokens one after the other, with -1 before each and after the last.

    Args:
        rows: int32 `(n, length)`, -1 after the last token of a row.

    Returns:
        The tokens, and the position of the -1 before each row, `(n,)`.
    """
    framed = np.pad(rows, [(0, 0), (1, 0)], constant_values=PAD)
    is_kept = framed != PAD
    is_kept[:, 0] = True
    counts = is_kept.sum(axis=1)
    return np.append(framed[is_kept], PAD), np.cumsum(counts) - counts

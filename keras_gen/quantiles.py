"""Columns of any distribution as standard normal ones, by their quantiles."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import ndtr, ndtri

from .constants import rows_of

BLOCKS, BLOCK = 32, 16  # of knots: a search in two steps
KNOTS = BLOCKS * BLOCK
FEWEST = 12  # knots of a column of few numbers
DISTINCT = 128  # most values of a column that get knots of their own
NEAREST = 1e-5  # least distance of two knots, in standard deviations
CLOSE = 1e-12  # share of the range below which numbers differ by rounding alone
FAR = 1000.0  # standard deviations from 0 beyond which float32 rounds visibly
GAP = 1.5  # between missing values and numbers, in cells of missing values
LONG = 2**22  # steps from 0 beyond which float32 has few digits
NOWHERE = -3e38
TAIL = 8.0  # standard deviations from the outermost quantile to a further knot


@keras.saving.register_keras_serializable("keras_gen")
class Quantiles(keras.layers.Layer):
    """Maps each column to a standard normal one, and back.

    z = Phi^-1(F(x)) with the distribution function F of a column, linear between up to
    512 knots, or as many as its codes need. Beyond the numbers of the data it goes on
    as on average, so that larger ones are few deviations away. A long tail and several
    modes become a normal column alike. A value that occurs often, such as an integer or
    a rounded number, is a cell of one step around it: F is linear within the cell. A
    missing value is one more cell, below all others. So each value has a range of z as
    likely as the value, and `outward` gives the value of each range.
    Between missing values and numbers is a gap with almost no z: numbers far below
    those that `find` saw become a number in the gap.

    Args:
        steps: Distance of the values of each column: 1 for integers, 0.01 for numbers
            with two decimals, 0 for other numbers.
        levels: Number of values of each column of codes 0, 1, ..., and 0 for others.
        has_missing: Whether NaN is a value of each column. Otherwise NaN becomes the
            median.

    Attributes:
        origin: A number that is subtracted in the precision of the data: near the
            median of a column that float32 would round, else 0.
        values: Knots in units of the data, from the origin, `(columns, knots)`.
        ranks: Their normal quantiles.
        cell: Width of the cell around a value, 0 for continuous columns.
        missing: Centre of the cell of missing values, from the origin.
        missing_cell: Its width.
        low: Smallest value of each column from the origin.
        high: Largest value.
        constant: Which columns had one value in all examples.
        initialized: Whether all of these are known.

    References:
        Beasley, Erickson and Allison, "Rank-based inverse normal transformations are
        increasingly used, but are they merited?", 2009; Kotelnikov et al., "TabDDPM",
        2023 (normal quantiles of the numbers of a table).

    Example:
        >>> layer = Quantiles([0.0])
        >>> layer.find(np.exp(np.random.default_rng(0).normal(size=(10_000, 1))))
        >>> bool(abs(layer.inward(tf.constant([[np.e]], tf.float64))[0, 0] - 1) < 0.05)
        True
    """

    def __init__(
        self,
        steps: Sequence[float],
        *,
        levels: Sequence[int] | None = None,
        has_missing: Sequence[bool] | None = None,
    ) -> None:
        super().__init__(dtype="float32", trainable=False)
        count = len(steps)
        self._steps = np.asarray(steps, np.float64)
        self._levels = np.asarray([0] * count if levels is None else levels)
        self._has_missing = np.asarray(has_missing or [False] * count, bool)
        self._bounds: tuple[Any, Any] | None = None
        self._blocks, self._block = _blocks_for(int(self._levels.max(initial=0)))
        number = self._blocks * self._block
        start = np.linspace(-4, 4, number, dtype=np.float32)
        knots = keras.initializers.Constant(np.tile(start, (count, 1)))
        self.values = self.add_weight((count, number), knots, name="values")
        self.ranks = self.add_weight((count, number), knots, name="ranks")
        nowhere = keras.initializers.Constant(NOWHERE)
        self.origin = self.add_weight((count,), "zeros", name="origin")
        cells = keras.initializers.Constant(np.asarray(steps, np.float32))
        self.cell = self.add_weight((count,), cells, name="cell")
        self.missing = self.add_weight((count,), nowhere, name="missing")
        self.missing_cell = self.add_weight((count,), "ones", name="missing_cell")
        self.low = self.add_weight((count,), nowhere, name="low")
        self.high = self.add_weight((count,), nowhere, name="high")
        self.high.assign(-self.high.value)
        flags: dict[str, Any] = {"initializer": "zeros", "dtype": "bool"}
        self.constant = self.add_weight((count,), name="constant", **flags)
        self.initialized = self.add_weight((), name="initialized", **flags)
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether the quantiles are not found yet."""
        return not self.initialized.numpy()

    @property
    def is_far(self) -> bool:
        """Whether float32 would round varying values visibly."""
        pairs = zip(self.ranks.numpy(), self.values.numpy(), strict=True)
        spread = np.array([np.ptp(np.interp([-1, 1], *pair)) / 2 for pair in pairs])
        far = np.abs(self.origin.numpy()) > FAR * spread
        return bool(np.any(far & ~self.constant.numpy()))

    def find(self, x: np.ndarray, low: Any = None, high: Any = None) -> None:
        """Finds the quantiles of examples, `(n, columns)`.

        Args:
            x: The examples. NaN is missing.
            low: Smallest value of each column. None for no limits.
            high: Largest value of each column.
        """
        x = np.asarray(x, np.float64)
        lows = np.full(x.shape[1], -np.inf) if low is None else np.asarray(low)
        number = self._blocks * self._block
        found = [
            _Column.of(*facts, number=number)
            for facts in zip(
                x.T, self._steps, self._levels, self._has_missing, lows, strict=True
            )
        ]
        for name in ("origin", "values", "ranks", "cell", "missing", "missing_cell"):
            getattr(self, name).assign(np.stack([getattr(one, name) for one in found]))
        self.constant.assign([one.constant for one in found])
        most, origin = np.finfo(np.float32).max, self.origin.numpy().astype(np.float64)
        for weight, ends in ((self.low, low), (self.high, high)):
            if ends is not None:
                weight.assign(np.clip(np.asarray(ends) - origin, -most, most))
        self.initialized.assign(True)  # noqa: FBT003

    def inward(self, x: tf.Tensor, u: tf.Tensor | float = 0.5) -> tf.Tensor:
        """Normal quantiles, float32 `(batch, columns)`.

        Args:
            x: The values, `(batch, columns)`. The origin keeps their dtype.
            u: The place of a value within its cell, in (0, 1).
        """
        is_missing = tf.math.is_nan(x)
        near = tf.cast(x - tf.cast(self.origin.value, x.dtype), tf.float32)
        known = tf.constant(self._has_missing)
        absent = tf.where(known, self.missing.value, 0.0)
        near = tf.where(is_missing, absent, near)
        wide = tf.where(is_missing & known, self.missing_cell.value, self.cell.value)
        at = near + (u - 0.5) * wide
        is_number = ~is_missing & known
        lowest = self._edge(0.75)  # of the gap, lest a new smallest number is missing
        return self._ranks(tf.where(is_number, tf.maximum(at, lowest), at))

    def outward(self, z: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
        """Values in units of the data, NaN where they are missing."""
        near = self._rounded(z)
        values = tf.cast(self.origin.value, dtype) + tf.cast(near, dtype)
        if not self._has_missing.any():
            return values
        return tf.where(self._is_missing(z), tf.constant(np.nan, dtype), values)

    def log_slope(self, z: tf.Tensor) -> tf.Tensor:
        """Log of dx / dz, and for missing values over the width of their cell.

        The density of z minus its sum over the columns is the density of x, in units of
        the data, times the probability of what is missing.
        """
        *_, slope = self._look_up(z, self.ranks.value, self.values.value)
        if not self._has_missing.any():
            return tf.math.log(slope)
        unit = tf.where(self._is_missing(z), self.missing_cell.value, 1.0)
        return tf.math.log(slope / unit)

    def edges(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """The ends of the cells around z, and whether they are the first and the last.

        Returns:
            Lower and upper ends on the scale of z, and two bools, each in the shape of
            `z`. The first cell has all below it, and the last one all above it.
        """
        near, half = self._rounded(z), 0.5 * self.cell.value
        ends = self._ranks(near - half), self._ranks(near + half)
        return *ends, near <= self.low.value, near >= self.high.value

    def as_lists(self) -> dict[str, Any]:
        """The map from ranks to values as plain lists, for each column."""
        values = self.values.numpy().astype(np.float64)
        values += self.origin.numpy()[:, None]
        missing = self._edge(0.5).numpy()
        below = [
            float(np.interp(edge, near, ranks)) if is_known else None
            for edge, near, ranks, is_known in zip(
                missing,
                self.values.numpy(),
                self.ranks.numpy(),
                self._has_missing,
                strict=True,
            )
        ]
        return {
            "ranks": self.ranks.numpy().tolist(),
            "values": values.tolist(),
            "steps": self._steps.tolist(),
            "missing_below": below,
        }

    def _is_missing(self, z: tf.Tensor) -> tf.Tensor:
        """Whether z is nearer to the cell of missing values than to numbers."""
        is_below = self._values(z) < self._edge(0.5)
        return is_below & tf.constant(self._has_missing)

    def _edge(self, share: float) -> tf.Tensor:
        """The place above a share of the gap between missing values and numbers."""
        return self.missing.value + (0.5 + share * GAP) * self.missing_cell.value

    def _rounded(self, z: tf.Tensor) -> tf.Tensor:
        """Values from the origin: multiples of the steps, within the limits."""
        near = self._values(z)
        steps = np.where(self._steps > 0, self._steps, 1.0).astype(np.float32)
        near = tf.where(self._steps > 0, tf.round(near / steps) * steps, near)
        near = tf.where(self.constant.value, 0.0, near)
        return tf.clip_by_value(near, self.low.value, self.high.value)

    def _ranks(self, near: tf.Tensor) -> tf.Tensor:
        start, rank, slope = self._look_up(near, self.values.value, self.ranks.value)
        return rank + (near - start) * slope

    def _values(self, z: tf.Tensor) -> tf.Tensor:
        start, near, slope = self._look_up(z, self.ranks.value, self.values.value)
        return near + (z - start) * slope

    def _look_up(
        self, at: tf.Tensor, knots: tf.Tensor, images: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The knot below each number, its image, and the slope there.

        Blocks of knots are compared first, then the knots of one block, with operators
        that LiteRT has.
        """
        count, number = len(self._steps), self._blocks * self._block
        blocks = tf.reshape(knots, (count, self._blocks, self._block))
        block = _passed(at, blocks[:, 1:, 0])
        row = tf.range(count) * self._blocks + block
        within = rows_of(tf.reshape(blocks, (-1, self._block)), row)
        place = block * self._block + _passed(at, within[..., 1:])
        place = tf.minimum(place, number - 2)
        slopes = (images[:, 1:] - images[:, :-1]) / (knots[:, 1:] - knots[:, :-1])
        slopes = tf.concat([slopes, slopes[:, -1:]], axis=1)
        table = tf.reshape(tf.stack([knots, images, slopes], axis=-1), (-1, 3))
        start, image, slope = tf.unstack(
            rows_of(table, tf.range(count) * number + place), axis=-1
        )
        return start, image, slope


class _Column:
    """The quantiles of one column.

    Args:
        edges: Positions at which the distribution function is known, from the origin.
        shares: Its values there, in (0, 1).
        own: Which of them become knots.
        count: Number of knots. The others are spread evenly over the shares, and an
            eighth of them over standard deviations, for the tails.
        tails: The ends beyond which further numbers may lie, `(place in the knots,
            number far inside)` of each.
        number: Number of knots that the column has to have in the end.
    """

    origin = np.float32(0)
    missing, missing_cell, cell = np.float32(NOWHERE), np.float32(1), np.float32(0)
    constant = False

    def __init__(
        self,
        edges: np.ndarray,
        shares: np.ndarray,
        own: np.ndarray,
        count: int,
        tails: Sequence[tuple[int, float]] = (),
        number: int = KNOTS,
    ) -> None:
        number -= len(tails)
        further = min(count, number) - len(own)
        first, last = ndtri(shares[[0, -1]]).tolist()
        far = np.linspace(first, last, further // 8)
        even = np.linspace(shares[0], shares[-1], further - further // 8)
        asked = np.concatenate([even, np.clip(ndtr(far), shares[0], shares[-1])])
        places = np.concatenate([edges[own], np.interp(asked, shares, edges)])
        shares = np.concatenate([shares[own], asked])
        order = np.lexsort((places, shares))
        values = np.maximum.accumulate(places[order].astype(np.float32))
        least = CLOSE * (values[-1] - values[0])
        keep = np.append(True, np.diff(values) > least)  # noqa: FBT003
        values, ranks = values[keep], ndtri(shares[order][keep])
        ahead = NEAREST * np.arange(len(ranks))
        ranks = np.maximum.accumulate(ranks - ahead) + ahead
        knots = _filled(values, ranks.astype(np.float32), number)
        for end, inside in tails:
            knots = _extended(*knots, end, inside)
        self.values, self.ranks = knots

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        step: float,
        levels: int,
        has_missing: bool,  # noqa: FBT001
        low: float,
        *,
        number: int,
    ) -> "_Column":
        """The quantiles of examples, `(n,)`. NaN is missing."""
        known = x[~np.isnan(x)]
        share = (len(x) - len(known) + 0.5) / (len(x) + 1) if has_missing else 0.0
        known = known if len(known) else np.zeros(1)
        constant = not levels and bool(np.ptp(known) < np.finfo(np.float32).tiny)
        cell = 1.0 if constant else step
        origin = np.float32(known[0] if constant else _origin(known, step))
        near = known - np.float64(origin)
        near = np.zeros(1) if constant else near
        values, counts = np.unique(near, return_counts=True)
        if levels:  # all of them, each at least a little
            counts = np.bincount(near.astype(int), minlength=levels) + 0.5
            values = np.arange(levels, dtype=np.float64)
        ends = np.cumsum(counts) / counts.sum()
        starts = ends - counts / counts.sum()
        if levels > DISTINCT:  # the cells have common ends
            edges = np.arange(levels + 1) - 0.5
            shares = np.append(0, ends)
        elif cell:
            edges = np.stack([values - cell / 2, values + cell / 2], axis=-1).ravel()
            shares = np.stack([starts, ends], axis=-1).ravel()
        else:
            edges, shares = values, (starts + ends) / 2
        missing, width = NOWHERE, 1.0
        if has_missing:
            limit = low - np.float64(origin) - cell / 2
            start = min(edges[0], limit) if cell and low > NOWHERE else edges[0]
            width = max(edges[-1] - start, cell) / 8
            missing = start - (0.5 + GAP) * width
            place = missing + width * np.array([-0.5, 0.5])
            if start < edges[0]:  # half a row of the numbers that none of them had
                shares = (0.5 + len(known) * shares) / (0.5 + len(known))
            edges = np.concatenate([place, edges])
            shares = np.concatenate([[0.0, share], share + (1 - share) * shares])
        least = min(0.25 / max(len(x), 1), 0.01)
        own, count = np.arange(len(edges)), max(KNOTS, levels + 1)
        if not cell or (len(values) > DISTINCT and not levels):
            own = np.array([0, 1, 2, -1])[[0, 3] if not has_missing else [0, 1, 2, 3]]
        if not cell:  # few examples have no density between neighbours
            count = min(KNOTS, max(FEWEST, int(len(known) ** (2 / 3) / 2)))
        tails: list[tuple[int, float]] = []
        if not (levels or constant):
            middle, first, last = np.quantile(near, [0.5, 0, 1])
            tails = [(-1, min(middle, (first + last) / 2))]
            if not has_missing:  # which lie below all numbers
                tails.append((0, max(middle, (first + last) / 2)))
        shares = np.clip(shares, least, 1 - least)
        found = cls(edges, shares, own, count, tails, number)
        found.origin, found.constant = origin, constant
        found.cell, found.missing = np.float32(cell), np.float32(missing)
        found.missing_cell = np.float32(width)
        return found


def _blocks_for(levels: int) -> tuple[int, int]:
    """Blocks of knots and knots of a block, for all of so many codes."""
    blocks, block = BLOCKS, BLOCK
    while levels > DISTINCT and blocks * block <= levels:
        blocks, block = 2 * blocks, 2 * block
    return blocks, block


def _origin(x: np.ndarray, step: float) -> float:
    """A number near the median, for numbers that float32 would round.

    It is 0 for others, whose small values keep all their digits. Among numbers with d
    decimals it is a multiple of 2**-d, which is a multiple of 10**-d that float32
    holds: the steps begin at the origin.
    """
    middle, most = float(np.median(x)), float(np.abs(x).max())
    if abs(middle) <= FAR * x.std() and (not step or most <= LONG * step):
        return 0.0
    per_unit = 2.0 ** np.rint(-np.log10(step)) if step else 0.0
    return float(np.rint(middle * per_unit) / per_unit) if step else middle


def _passed(at: tf.Tensor, knots: tf.Tensor) -> tf.Tensor:
    """How many knots each number has passed, int32."""
    return tf.reduce_sum(tf.cast(at[..., None] >= knots, tf.int32), axis=-1)


def _extended(
    values: np.ndarray, ranks: np.ndarray, end: int, inside: float
) -> tuple[np.ndarray, np.ndarray]:
    """Knots with one more beyond an end, 0 or -1, `TAIL` standard deviations away.

    A standard deviation is as long as on the way from a number far inside to the end,
    or as in the outermost segment if that is longer. The outermost segment may be a
    narrow cell, on whose scale a larger number would be thousands of deviations away.
    """
    inner = end + 1 if end == 0 else end - 1
    way = np.interp(inside, values, ranks)
    lengths = (values[end] - np.array([values[inner], inside], np.float64)) / (
        ranks[end] - np.array([ranks[inner], way], np.float64)
    )
    sign = 1 if end else -1
    most = np.finfo(np.float32).max
    far = np.clip(values[end] + sign * TAIL * lengths.max(), -most, most)
    far = np.float32(far)
    if far == values[end]:
        far = np.nextafter(far, np.float32(sign * np.inf))
    place = len(values) if end else 0
    rank = np.float32(ranks[end] + sign * TAIL)
    return np.insert(values, place, far), np.insert(ranks, place, rank)


def _filled(
    values: np.ndarray, ranks: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """That number of knots: the longest segments are halved.

    Where float32 has no number between two knots, nothing is halved. If that is
    everywhere, the last segment is repeated.
    """
    while missing := number - len(ranks):
        halves = [v[:-1] / 2 + v[1:] / 2 for v in (values, ranks)]
        pairs = zip((values, ranks), halves, strict=True)
        fits = np.all([(v[:-1] < half) & (half < v[1:]) for v, half in pairs], axis=0)
        lengths = np.where(fits, np.diff(ranks), 0)
        count = min(missing, int(fits.sum()))
        longest = np.sort(np.argsort(-lengths, kind="stable")[:count])
        if count:
            values, ranks = (
                np.insert(v, longest + 1, half[longest])
                for v, half in zip((values, ranks), halves, strict=True)
            )
        else:
            values, ranks = (_continued(v) for v in (values, ranks))
    return values, ranks


def _continued(values: np.ndarray) -> np.ndarray:
    """Growing float32 numbers, and one more that continues their last segment."""
    next_one = np.nextafter(values[-1], np.float32(np.inf))
    return np.append(values, np.maximum(2 * values[-1] - values[-2], next_one))

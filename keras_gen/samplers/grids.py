"""Grids: the noise levels at which a solver calls the denoiser."""

import abc
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ..schedules import Schedule
from ..serialization import value
from ..validation import check_positive, check_type

LOWEST, HIGHEST = -12.0, 12.0  # the range of relevant log signal-to-noise ratios
NOISIEST = -9.0  # of few steps: the example is hidden, sigma / alpha is 90
LONG = 4.0  # a longer first step multiplies the scale of the example by more


class Levels(NamedTuple):
    """Noise levels from noise to the clean example. The last level is clean.

    Attributes:
        times: `(num_steps + 1,)`, decreasing to 0.
        alpha: Scale of the example at each level, float64, 1 at the end.
        sigma: Scale of the noise at each level, 0 at the end.

    Example:
        >>> schedule = kg.schedules.RectifiedFlow()
        >>> levels = kg.samplers.Uniform()(schedule, 2)
        >>> levels.sigma
        array([1. , 0.5, 0. ])
    """

    times: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray


class Grid(abc.ABC):
    """The noise levels of a solver's steps.

    Example:
        >>> grid, schedule = kg.samplers.Uniform(), kg.schedules.Cosine()
        >>> grid.times(schedule, 4)
        array([1.  , 0.75, 0.5 , 0.25])
    """

    @abc.abstractmethod
    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """Times of the noisy levels, decreasing, float64 `(num_steps,)`."""

    def __call__(
        self, schedule: Schedule, num_steps: int, lowest: float | None = None
    ) -> Levels:
        """The levels of `num_steps` steps.

        Args:
            schedule: The noise schedule.
            num_steps: Number of steps.
            lowest: Log signal-to-noise ratio below which a step must not be long. If
                the first step is, all times shrink in proportion and begin there.

        Raises:
            ValueError: If `num_steps` is not an integer > 0, or if the grid returns
                another number of times or times that do not decrease.
        """
        check_positive(num_steps, "num_steps", integer=True)
        found = levels(schedule, self.times(schedule, num_steps))
        is_long = found.alpha[1] > LONG * found.alpha[0] > 0
        if lowest is not None and is_long:
            first = times_of(schedule, [lowest])[0]
            shorter = min(1.0, first / found.times[0])
            found = levels(schedule, shorter * found.times[:-1])
        if (given := len(found.times) - 1) != num_steps:
            name = type(self).__name__
            raise ValueError(
                f"{name}.times must return {num_steps} times, received {given}."
            )
        return found


def levels(schedule: Schedule, times: np.ndarray) -> Levels:
    """The levels of times in [0, 1], and the clean level.

    Raises:
        ValueError: If times are outside [0, 1], do not decrease, or end without noise.
    """
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not len(times):
        raise ValueError(f"times must be one row of numbers, received {times!r}.")
    if not (np.diff(times) < 0).all() or times[0] > 1 or times[-1] < 0:
        raise ValueError(f"times must decrease within [0, 1], received {times!r}.")
    with tf.init_scope():
        known = tf.constant(times)
        alpha, sigma = schedule.alpha(known).numpy(), schedule.sigma(known).numpy()
    if sigma[-1] <= 0:
        raise ValueError(f"times must end at a noisy level, received {times!r}.")
    return Levels(np.append(times, 0), np.append(alpha, 1), np.append(sigma, 0))


@value
class Uniform(Grid):
    """Equal steps of time from 1 to 0.

    Example:
        >>> kg.samplers.Uniform().times(kg.schedules.Cosine(), 5)
        array([1. , 0.8, 0.6, 0.4, 0.2])
    """

    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """See `Grid`."""
        del schedule
        return np.linspace(1, 0, num_steps + 1)[:-1]


@value
class Quadratic(Grid):
    """Squares of equal steps, which are shorter near the clean example.

    References:
        Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, appendix D.2.

    Example:
        >>> kg.samplers.Quadratic().times(kg.schedules.Cosine(), 4)
        array([1.    , 0.5625, 0.25  , 0.0625])
    """

    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """See `Grid`."""
        return Uniform().times(schedule, num_steps) ** 2


@value
class LogSNR(Grid):
    """Equal steps of the log signal-to-noise ratio.

    Attributes:
        lowest: First level, if the schedule begins below it.
        highest: Last noisy level, if the schedule ends above it.

    References:
        Lu et al., "DPM-Solver", 2022, section 3.3.

    Example:
        >>> grid = kg.samplers.LogSNR(lowest=-4.0, highest=4.0)
        >>> levels = grid(kg.schedules.Cosine(), 3)
        >>> np.log(levels.alpha[:-1] ** 2 / levels.sigma[:-1] ** 2).round(2) + 0.0
        array([-4.,  0.,  4.])
    """

    lowest: float = -10.0
    highest: float = 8.0

    def __post_init__(self) -> None:
        _check_ends(self.lowest, self.highest)

    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """See `Grid`."""
        low, high = log_snr_range(schedule, self.lowest, self.highest)
        return times_of(schedule, np.linspace(low, high, num_steps))


@value
class KarrasGrid(Grid):
    """Equal steps of (sigma / alpha) ** (1 / rho).

    Attributes:
        rho: 7 makes steps shorter near the clean example, 1 makes them equal.
        lowest: Log signal-to-noise ratio of the first level, if the schedule begins
            below it.
        highest: Log signal-to-noise ratio of the last noisy level, if the schedule ends
            above it.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, eq. 5.

    Example:
        >>> schedule = kg.schedules.VarianceExploding(sigma_min=0.002, sigma_max=80.0)
        >>> levels = kg.samplers.KarrasGrid(rho=7.0)(schedule, 5)
        >>> bool(levels.sigma[0] > levels.sigma[1] > levels.sigma[-1] == 0)
        True
    """

    rho: float = 7.0
    lowest: float = LOWEST
    highest: float = HIGHEST

    def __post_init__(self) -> None:
        check_positive(self.rho, "rho")
        _check_ends(self.lowest, self.highest)

    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """See `Grid`."""
        ends = np.array(log_snr_range(schedule, self.lowest, self.highest))
        first, last = np.exp(-0.5 * ends / self.rho)
        ratio = np.linspace(first, last, num_steps) ** self.rho
        return times_of(schedule, -2 * np.log(ratio))


@value
class Angles(Grid):
    """Equal steps of the angle whose tangent is sigma / alpha.

    With a variance-preserving schedule they are equal steps on the circle. Few steps of
    a `Consistency` model are best there: two of them are at noise, and at equal scales
    of example and noise.

    Attributes:
        lowest: Log signal-to-noise ratio of the first level, if the schedule begins
            below it.

    References:
        Lu and Song, "Simplifying, stabilizing and scaling continuous-time consistency
        models", 2024, section 3.

    Example:
        >>> levels = kg.samplers.Angles()(kg.schedules.RectifiedFlow(), 2)
        >>> levels.times.round(2)
        array([0.99, 0.5 , 0.  ])
    """

    lowest: float = NOISIEST

    def __post_init__(self) -> None:
        _check_ends(self.lowest, HIGHEST)

    def times(self, schedule: Schedule, num_steps: int) -> np.ndarray:
        """See `Grid`."""
        low, _ = log_snr_range(schedule, self.lowest)
        first = math.atan(math.exp(-0.5 * low))
        angles = first * np.linspace(1, 0, num_steps + 1)[:-1]
        return times_of(schedule, -2 * np.log(np.tan(angles)))


def _check_ends(lowest: float, highest: float) -> None:
    for name, end in {"lowest": lowest, "highest": highest}.items():
        check_type(end, int | float | np.number, name)
    if not lowest <= highest:
        raise ValueError(f"lowest must be <= highest, received {lowest} and {highest}.")


def log_snr_range(
    schedule: Schedule, lowest: float = LOWEST, highest: float = HIGHEST
) -> tuple[float, float]:
    """The log signal-to-noise ratios from noise to clean, within the schedule's."""
    with tf.init_scope():
        ends = schedule.log_snr(tf.constant([1.0, 0.0], tf.float64)).numpy()
    low, high = np.clip(ends, lowest, highest)
    return float(low), float(high)


def times_of(schedule: Schedule, log_snr: ArrayLike) -> np.ndarray:
    """The times of log signal-to-noise ratios, within [0, 1], float64."""
    with tf.init_scope():
        times = schedule.time(tf.constant(log_snr, tf.float64)).numpy()
    return np.clip(times, 0, 1)

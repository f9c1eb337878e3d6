"""Solvers: from noise levels to a program with one call of the denoiser per row.

Levels are (time, alpha, sigma): the scales of the example and of the noise. The ratio
of a step is sigma / alpha after the step, divided by that before it, exp(-h) in the
papers on exponential integrators. The last level is clean.
"""

import abc
import itertools
import math
from collections.abc import Iterator

import numpy as np

from ..schedules import Schedule
from ..serialization import value
from ..validation import check_count
from .grids import Levels, times_of
from .grids import levels as levels_of
from .program import Program, Row

Level = tuple[float, float, float]


class Solver(abc.ABC):
    """Makes a program from noise levels.

    Example:
        >>> schedule = kg.schedules.Cosine()
        >>> levels = kg.samplers.LogSNR()(schedule, 4)
        >>> kg.samplers.DDIM()(levels, schedule).calls
        4
    """

    @abc.abstractmethod
    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """The program for given levels.

        Args:
            levels: The levels at which steps begin and end.
            schedule: The noise schedule of the levels.
        """


@value
class DDIM(Solver):
    """Adds the estimated noise, or partly fresh noise, to the denoised example.

    With `eta=0` it is Euler's method for the probability-flow equation in x / alpha,
    and for the straight path of flow matching in x: order 1. With `eta=1` it is the
    ancestral sampler of DDPM with the smaller of its two variances.

    Attributes:
        eta: Share of the ancestral sampler's fresh noise, in [0, 1].

    References:
        Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, eq. 12 and
        16; Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020.

    Example:
        >>> network = kg.networks.mlp_denoiser((2,), units=(8,))
        >>> model = kg.Diffusion(network, seed=0)
        >>> model.sample(3, seed=7, num_steps=4, solver=kg.samplers.DDIM(eta=1.0)).shape
        (3, 2)
    """

    eta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be in [0, 1], received {self.eta!r}.")

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        rows = []
        for start, end in steps(levels):
            row, (_, alpha, sigma) = Row(start, 1), end
            fresh = self.eta * sigma * math.sqrt(1 - _ratio(start, end) ** 2)
            kept = math.sqrt(sigma**2 - fresh**2)
            x = alpha * row.denoised + kept * row.epsilon + fresh * row.noise
            rows.append((row, [x]))
        return Program.of(rows)


@value
class RePaint(Solver):
    """The ancestral sampler, with each step taken several times.

    After a step, noise is added again, up to the level before it, and the step is
    repeated. Where a part of the examples is known, as in `Diffusion.inpaint`, the rest
    so has time to follow it. A step costs `repeats` calls of the network.

    Attributes:
        repeats: How often each step is taken, > 0. 1 is the ancestral sampler.

    References:
        Lugmayr et al., "RePaint: inpainting using denoising diffusion probabilistic
        models", 2022, algorithm 1.

    Example:
        >>> sampling = kg.samplers.Sampling(kg.samplers.RePaint(10), num_steps=8)
        >>> sampling.program(kg.schedules.Cosine()).calls
        80
    """

    repeats: int = 10

    def __post_init__(self) -> None:
        check_count(self.repeats, "repeats")

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        rows = []
        for start, end in steps(levels):
            row, (_, alpha, sigma) = Row(start, 1), end
            fresh = sigma * math.sqrt(1 - _ratio(start, end) ** 2)
            x = alpha * row.denoised + math.sqrt(sigma**2 - fresh**2) * row.epsilon
            back = start[1] / alpha  # from the end of the step to its start
            again = math.sqrt(max(0.0, start[2] ** 2 - (back * sigma) ** 2))
            more = math.hypot(back * fresh, again)  # the sum of both noises
            repeated = (row, [back * x + more * row.noise])
            rows += [repeated] * (self.repeats - 1)
            rows.append((row, [x + fresh * row.noise]))
        return Program.of(rows)


@value
class Renoising(Solver):
    """Denoises, and adds fresh noise of the next level to the denoised example.

    It is the sampler of `Consistency` models, whose denoised example is a sample from
    the first call on. One step uses no fresh noise.

    References:
        Song, Dhariwal, Chen and Sutskever, "Consistency models", 2023, algorithm 1.

    Example:
        >>> sampling = kg.samplers.Sampling(kg.samplers.Renoising(), num_steps=2)
        >>> program = sampling.program(kg.schedules.RectifiedFlow())
        >>> program.calls, program.is_random
        (2, True)
    """

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        rows = []
        for start, (_, alpha, sigma) in steps(levels):
            row = Row(start, 1)
            rows.append((row, [alpha * row.denoised + sigma * row.noise]))
        return Program.of(rows)


@value
class Heun(Solver):
    """Corrects an Euler step with the mean of the slopes at both ends.

    It has order 2 and calls the denoiser twice per step, once in the last step. The
    schedule decides in which variable steps are straight lines. `churn` adds noise
    before each step except the first.

    Attributes:
        churn: Amount of fresh noise over all steps, >= 0. 0 means no fresh noise.
        lowest: Smallest sigma / alpha with churn.
        highest: Largest sigma / alpha with churn.
        inflation: Scale of the fresh noise. Values slightly above 1 keep more detail.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, algorithms 1 and 2.

    Example:
        >>> sampling = kg.samplers.Sampling(kg.samplers.Heun(churn=4.0), num_steps=4)
        >>> sampling.program(kg.schedules.VarianceExploding()).is_random
        True
    """

    churn: float = 0.0
    lowest: float = 0.0
    highest: float = math.inf
    inflation: float = 1.0

    def __post_init__(self) -> None:
        if not self.churn >= 0:
            raise ValueError(f"churn must be >= 0, received {self.churn!r}.")

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        pairs = list(steps(levels))
        starts = [self._churned(level, schedule, len(pairs)) for level, _ in pairs]
        rows = []
        for i, (start, (_, end)) in enumerate(zip(starts, pairs, strict=True)):
            after = starts[i + 1] if i + 1 < len(starts) else end
            rows += self._step(start, end, after, straight=schedule.straight)
        return Program.of(rows)

    def _step(
        self, start: Level, end: Level, after: Level, *, straight: bool
    ) -> list[tuple[Row, list[np.ndarray]]]:
        """Rows from a level to the next, and to the churned level after it."""
        row = Row(start, 3)
        scale, place = coordinates(start, straight=straight)
        next_scale, next_place = coordinates(end, straight=straight)
        before, slope = row.x / scale, row.epsilon - straight * row.denoised
        guess = next_scale * (before + (next_place - place) * slope)
        if not end[2]:
            return [(row, [guess, 0 * guess, 0 * guess])]
        second = Row(end, 3)
        _, before_kept, slope_kept = second.registers
        mean = (slope_kept + second.epsilon - straight * second.denoised) / 2
        x = next_scale * (before_kept + (next_place - place) * mean)
        growth = 1.0 if after == end else after[1] / end[1]  # 0 / 0 in pure noise
        fresh = math.sqrt(max(after[2] ** 2 - (growth * end[2]) ** 2, 0))
        x = growth * x + self.inflation * fresh * second.noise
        return [(row, [guess, before, slope]), (second, [x, 0 * x, 0 * x])]

    def _churned(self, level: Level, schedule: Schedule, num_steps: int) -> Level:
        time, alpha, sigma = level
        is_near = alpha and self.lowest <= sigma / alpha <= self.highest
        if not (self.churn and is_near):
            return level
        factor = 1 + min(self.churn / num_steps, math.sqrt(2) - 1)
        noisier = times_of(schedule, [-2 * math.log(factor * sigma / alpha)])
        if not time < noisier[0] < 1:
            return level
        return tuple(values[0] for values in levels_of(schedule, noisier))


@value
class DPMSolver2M(Solver):
    """DPM-Solver++ 2M: a line through the last two denoised examples, in lambda.

    It has order 2 with one call of the denoiser per step. The first and the last step
    have order 1.

    Attributes:
        stochastic: Whether each step adds fresh noise: SDE-DPM-Solver++.

    References:
        Lu et al., "DPM-Solver++", 2022, algorithm 2 and appendix.

    Example:
        >>> solver = kg.samplers.DPMSolver2M(stochastic=True)
        >>> kg.samplers.Sampling(solver).program(kg.schedules.Cosine()).is_random
        True
    """

    stochastic: bool = False

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        rows = []
        for start, end, ratio, weight in multisteps(levels):
            row = Row(start, 2)
            line = row.denoised + weight * (row.denoised - row.registers[1])
            kept = ratio if self.stochastic else 1.0
            x = kept * end[2] / start[2] * row.x + end[1] * (1 - kept * ratio) * line
            if self.stochastic:
                x = x + end[2] * math.sqrt(1 - ratio**2) * row.noise
            rows.append((row, [x, row.denoised]))
        return Program.of(rows)


@value
class UniPC(Solver):
    """DPM-Solver++ 2M, with each step corrected by the next denoised example.

    It has order 3 with one call of the denoiser per step (B(h) = exp(-h) - 1, bh2).

    References:
        Zhao, Bai, Rao, Zhou and Lu, "UniPC", 2023, algorithms 5 and 6.

    Example:
        >>> sampling = kg.samplers.Sampling(kg.samplers.UniPC(), num_steps=8)
        >>> sampling.program(kg.schedules.Cosine()).calls
        8
    """

    def __call__(self, levels: Levels, schedule: Schedule) -> Program:
        """See `Solver`."""
        rows, last = [], None
        for start, end, ratio, weight in multisteps(levels):
            row = Row(start, 4)
            x, _, first, _ = row.registers
            if last is not None:
                x = _corrected(row, *last)
            line = row.denoised + weight * (row.denoised - first)
            guess = end[2] / start[2] * x + end[1] * (1 - ratio) * line
            rows.append((row, [guess, x, row.denoised, first]))
            last = start, end, weight
        return Program.of(rows)


def _corrected(row: Row, start: Level, end: Level, weight: float) -> np.ndarray:
    """The corrected example of a step, from the denoised example at its end.

    Args:
        row: The call at the end of the step.
        start: Level before the step.
        end: Level of the call.
        weight: Weight of the change before the step, or 0 for order 1.
    """
    _, base, first, second = row.registers
    ratio = _ratio(start, end)
    if not weight:
        change = 0.5 * (row.denoised - first)
    else:
        step, place = math.log(ratio), -0.5 / weight
        phi = (math.expm1(step) / step - 1) / math.expm1(step)
        following = 2 * ((math.expm1(step) / step - 1) / step - 0.5) / math.expm1(step)
        old, new = np.linalg.solve([[1, 1], [place, 1]], [phi, following])
        change = old * (second - first) / place + new * (row.denoised - first)
    return end[2] / start[2] * base + end[1] * (1 - ratio) * (first + change)


def multisteps(levels: Levels) -> Iterator[tuple[Level, Level, float, float]]:
    """Both ends of each step, its ratio, and the weight of the change before it.

    The weight is half of the step divided by the previous step, in lambda. It is 0 in
    the first and the last step, and after a step from pure noise.
    """
    before = math.nan
    for start, end in steps(levels):
        ratio = _ratio(start, end)
        log_ratio = math.log(ratio) if ratio else -math.inf
        is_inner = ratio > 0 and -math.inf < before < 0
        yield start, end, ratio, log_ratio / (2 * before) if is_inner else 0.0
        before = log_ratio


def steps(levels: Levels) -> Iterator[tuple[Level, Level]]:
    """Both ends of each step: `(time, alpha, sigma)`."""
    return itertools.pairwise(zip(*levels, strict=True))


def _ratio(start: Level, end: Level) -> float:
    """The factor by which a step multiplies sigma / alpha."""
    return start[1] * end[2] / (end[1] * start[2])


def coordinates(level: Level, *, straight: bool) -> tuple[float, float]:
    """The scale for which x / scale is a straight line, and sigma / scale.

    Along the flow, d(x / scale) = (epsilon - straight * denoised) d(sigma / scale).
    """
    _, alpha, sigma = level
    scale = alpha + sigma if straight else alpha
    return scale, sigma / scale

"""Solvers as tables: each row is one call of the denoiser, and sums after it.

All common solvers are linear in the denoised examples. So a solver is a table of
float64 numbers, and one loop runs all of them, in Keras and in every exported artifact.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
import tensorflow as tf

from ..constants import rows_of

Denoiser = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""A function of `(x, i)`: denoises `x` at the noise level of row `i`."""

INPUTS = 2  # the denoised examples, and fresh noise


class Program(NamedTuple):
    """The steps of a solver at given noise levels.

    Registers are tensors in the shape of examples. The first register is the denoiser's
    input, and the sample at the end. Row i replaces all registers by sums over
    (registers, denoised examples, fresh noise) with the weights `weights[i]`.

    Attributes:
        times: Time at each call of the denoiser, float64 `(calls,)`.
        alpha: Scale of the example at each call.
        sigma: Scale of the noise at each call.
        weights: float64 `(calls, registers, registers + 2)`.

    Example:
        >>> schedule = kg.schedules.Cosine()
        >>> program = kg.samplers.Sampling("ddim", num_steps=4).program(schedule)
        >>> program.calls, program.is_random
        (4, False)
        >>> program.weights.shape  # one register, the denoised example, fresh noise
        (4, 1, 3)
    """

    times: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple["Row", Sequence[np.ndarray]]]) -> "Program":
        """Makes a program of rows, each with its sums for the registers."""
        times, alpha, sigma = np.array([row.level for row, _ in rows]).T
        return cls(times, alpha, sigma, np.array([sums for _, sums in rows]))

    @property
    def calls(self) -> int:
        """Number of calls of the denoiser."""
        return len(self.weights)

    @property
    def is_random(self) -> bool:
        """Whether the solver uses fresh noise."""
        return bool(np.any(self.weights[..., -1]))


class Row:
    """One call of the denoiser, with the terms of the sums after it as basis vectors.

    Attributes:
        registers: The registers before the call.
        x: The first register.
        denoised: The denoised examples of `x`.
        epsilon: The noise in `x` according to `denoised`.
        noise: Fresh noise.

    Example:
        >>> row = kg.samplers.Row((0.5, 0.8, 0.6), 1)  # time, alpha, sigma
        >>> row.x, row.denoised, row.noise
        (array([1., 0., 0.]), array([0., 1., 0.]), array([0., 0., 1.]))
        >>> kg.samplers.Program.of([(row, [row.denoised])]).calls
        1
    """

    def __init__(self, level: tuple[float, float, float], num_registers: int) -> None:
        self.level = level
        *self.registers, self.denoised, self.noise = np.eye(num_registers + INPUTS)
        self.x = self.registers[0]
        _, alpha, sigma = level
        self.epsilon = (self.x - alpha * self.denoised) / sigma


def run(
    solver: Program,
    denoise: Denoiser,
    x: tf.Tensor,
    noise: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Runs a program to draw samples.

    Args:
        solver: The program.
        denoise: A function from `x` and row `i`, an int32 scalar, to denoised examples.
        x: Examples at the noisiest level, `(batch, ...)`.
        noise: A function from row `i` to standard normal noise like `x`, for a random
            program.

    Returns:
        Samples like `x`.
    """
    table = tf.constant(solver.weights, x.dtype)
    used = np.abs(solver.weights).sum(axis=0) > 0
    num_registers = table.shape[1]
    draw = cast(Callable[[tf.Tensor], tf.Tensor], noise)  # of a random program

    def step(i: tf.Tensor, *registers: tf.Tensor) -> list[tf.Tensor]:
        weights = rows_of(table, i)
        known = [*registers, denoise(registers[0], i)]
        if solver.is_random:
            known.append(draw(i))

        def total(row: int) -> tf.Tensor:
            terms = [weights[row, j] * v for j, v in enumerate(known) if used[row, j]]
            return tf.ensure_shape(tf.add_n(terms or [tf.zeros_like(x)]), x.shape)

        return [i + 1, *map(total, range(num_registers))]

    start = [tf.constant(0), x, *[tf.zeros_like(x)] * (num_registers - 1)]
    if solver.calls == 1:
        return step(*start)[1]
    calls = {"maximum_iterations": solver.calls}
    return tf.while_loop(lambda *_: True, step, start, **calls)[1]

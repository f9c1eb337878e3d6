"""Solvers as tables: one call of the denoiser per row, then sums of what is known.

All common solvers are linear in what the denoiser said, so that a solver is a table of
numbers made once, in float64, and one loop runs them all, in Keras and in every
exported artifact.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
import tensorflow as tf

Denoiser = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""`(x, i)`: the denoised examples of `x`, noisy as in row `i` of the program."""

INPUTS = 2  # the denoised examples, and fresh noise


class Program(NamedTuple):
    """What a solver does at given noise levels.

    The registers are tensors like an example; the first one is what the denoiser sees,
    and at the end the sample. Row i replaces all of them by sums over (registers,
    denoised examples, fresh noise) with the weights `weights[i]`.

    Attributes:
        times: Time at each call of the denoiser, float64 `(calls,)`.
        alpha: Scale of the example there.
        sigma: Scale of the noise there.
        weights: float64 `(calls, registers, registers + 2)`.
    """

    times: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    weights: np.ndarray

    @property
    def calls(self) -> int:
        """How often the denoiser is called."""
        return len(self.weights)

    @property
    def is_random(self) -> bool:
        """Whether fresh noise counts."""
        return bool(np.any(self.weights[..., -1]))


class Row:
    """One call of the denoiser, and what can be summed after it, as basis vectors.

    Attributes:
        registers: The registers before the call.
        x: The first of them.
        denoised: What the denoiser said of `x`.
        epsilon: The noise that is then left in `x`.
        noise: Fresh noise.
    """

    def __init__(self, level: tuple[float, float, float], num_registers: int) -> None:
        self.level = level
        *self.registers, self.denoised, self.noise = np.eye(num_registers + INPUTS)
        self.x = self.registers[0]
        _, alpha, sigma = level
        self.epsilon = (self.x - alpha * self.denoised) / sigma


def program(rows: Sequence[tuple[Row, Sequence[np.ndarray]]]) -> Program:
    """The program of rows, each with the sums that it leaves in the registers."""
    times, alpha, sigma = np.array([row.level for row, _ in rows]).T
    return Program(times, alpha, sigma, np.array([sums for _, sums in rows]))


def run(
    solver: Program,
    denoise: Denoiser,
    x: tf.Tensor,
    noise: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Samples by a program.

    Args:
        solver: The program.
        denoise: Denoised examples of `x` at row `i`, an int32 scalar.
        x: Examples of the noisiest level, `(batch, ...)`.
        noise: Standard normal noise like `x` of row `i`, for a random program.

    Returns:
        Samples like `x`.
    """
    table = tf.constant(solver.weights, x.dtype)
    used = np.abs(solver.weights).sum(axis=0) > 0
    num_registers = table.shape[1]
    draw = cast(Callable[[tf.Tensor], tf.Tensor], noise)  # of a random program

    def step(i: tf.Tensor, *registers: tf.Tensor) -> list[tf.Tensor]:
        weights = tf.gather(table, i)
        known = [*registers, denoise(registers[0], i)]
        if solver.is_random:
            known.append(draw(i))

        def total(row: int) -> tf.Tensor:
            terms = [weights[row, j] * v for j, v in enumerate(known) if used[row, j]]
            return tf.ensure_shape(tf.add_n(terms or [tf.zeros_like(x)]), x.shape)

        return [i + 1, *map(total, range(num_registers))]

    start = [tf.constant(0), x, *[tf.zeros_like(x)] * (num_registers - 1)]
    calls = {"maximum_iterations": solver.calls}
    return tf.while_loop(lambda *_: True, step, start, **calls)[1]

"""Denoises: noisy examples to clean ones, by which solvers find their way."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..samplers import Denoiser, Levels, Program, Sampling, run
from ..schedules import Schedule
from .arguments import check_sigma, from_bytes, guidance_of, labels_of, sampling_of

HOW = (
    "Begin with sigma[0] times noise in the first register and 0 in the others. For "
    "each row i, denoise the first register at alpha[i] and sigma[i]; then set each "
    "register to the sum over (registers, denoised, fresh noise) with its row of "
    "weights[i]. At the end, multiply the first register by deviation, add mean, and "
    "clip it to limits, if there are any. Of generate's noise with several draws, the "
    "first is that of the beginning, and the next one the fresh noise of row 0."
)


Draws = Callable[[int | tf.Tensor], tf.Tensor]  # standard normal; 0 is the start


class Denoises(abc.ABC):
    """Finds the example in a mixture with noise, at every noise level.

    Attributes:
        schedule: What a time has of the example and of noise.
        sampling: Solver, grid and steps, unless a call says otherwise.
        guidance_scale: Strength of guidance by class, unless a call says otherwise.
        is_guided: Whether the model knows classes and the lack of one.
        mean: What the network's 0 is in units of the data, a scalar or per feature.
        deviation: What its 1 is more.
        unit_interval: Whether examples are images, in [0, 1].
        lowest: Log signal-to-noise ratio below which solvers take short steps, or
            None.
        restores: Whether it has to be told corrupted examples besides.
    """

    schedule: Schedule
    sampling: Sampling
    guidance_scale: float
    is_guided: bool
    mean: tf.Variable
    deviation: tf.Variable
    unit_interval: bool
    lowest: float | None = None
    restores = False

    @abc.abstractmethod
    def _denoised(
        self,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        labels: tf.Tensor | None,
        guidance_scale: tf.Tensor | None,
        corrupted: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The clean examples in `x`, all on the network's scale.

        Args:
            x: Noisy examples, `(batch, *data_shape)`.
            alpha: Scale of the example in them, `(batch, 1, ...)` or a scalar.
            sigma: Scale of the noise.
            labels: int32 `(batch,)`, or None.
            guidance_scale: `(batch,)`, or None for none.
            corrupted: What is known of the examples, in units of the data, or None.
        """

    @abc.abstractmethod
    def _inward(self, x: tf.Tensor) -> tf.Tensor:
        """Examples on the network's scale."""

    @abc.abstractmethod
    def _outward(self, x: tf.Tensor) -> tf.Tensor:
        """Examples from the network's scale."""

    @abc.abstractmethod
    def scale(self) -> dict[str, Any]:
        """`mean` and `deviation` of what leaves the network, as plain lists."""

    @abc.abstractmethod
    def check_levels(self, levels: Levels | Program) -> None:
        """Raises ValueError if the network cannot say what it denoises at a level."""

    @property
    def program(self) -> Program:
        """What the model's solver does, as a table of numbers."""
        return self.program_of(self.sampling)

    def program_of(self, sampling: Sampling, strength: float = 1.0) -> Program:
        """What a solver does with this model; see `Sampling.program`."""
        return sampling.program(self.schedule, strength, self.lowest)

    def facts(self) -> dict[str, Any]:
        """`program` and the network's scale as plain lists; `how` to use them."""
        lists = {name: v.tolist() for name, v in self.program._asdict().items()}
        limits = [0.0, 1.0] if self.unit_interval else None
        return {"how": HOW, **lists, **self.scale(), "limits": limits}

    def predict_x0(
        self,
        noisy: Rows,
        alpha: Rows,
        sigma: Rows,
        labels: Any = None,
        guidance_scale: Any = None,
        corrupted: Rows | None = None,
    ) -> Rows:
        """The mean of the examples that can be in noisy ones: one call of the network.

        Args:
            noisy: `alpha * example + sigma * noise`, `(batch, *data_shape)`, where
                images lie in [-1, 1] and vectors have mean 0 and deviation 1.
            alpha: Scale of the example, `(batch,)`.
            sigma: Scale of the noise, `(batch,)`, > 0.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            corrupted: Corrupted examples, `(batch, *data_shape)`, in units of the data,
                for a model that restores.

        Returns:
            float32 `(batch, *data_shape)`, on the scale of `noisy`.

        Raises:
            ValueError: If an argument does not fit the model.
        """
        if (corrupted is not None) != self.restores:
            wants = "needs" if self.restores else "takes no"
            raise ValueError(f"{self.name} {wants} corrupted examples.")
        sigma = sigma if tf.is_tensor(sigma) else check_sigma(sigma)
        shapes = dict.fromkeys(("alpha", "sigma", "guidance_scale"), ())
        shapes |= dict.fromkeys(("noisy", "corrupted"), self.data_shape)
        rows = {"noisy": noisy, "alpha": alpha, "sigma": sigma, "labels": labels}
        if corrupted is not None:
            rows["corrupted"] = from_bytes(self, corrupted)
        guidance_scale = guidance_of(self, noisy, guidance_scale)
        if guidance_scale is not None:
            rows["guidance_scale"] = guidance_scale
        return self.run(self._denoised_rows, shapes=shapes, **rows)

    def _denoised_rows(
        self,
        noisy: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        corrupted: tf.Tensor | None = None,
    ) -> tf.Tensor:
        shape = (-1, *[1] * len(self.data_shape))
        alpha, sigma = tf.reshape(alpha, shape), tf.reshape(sigma, shape)
        return self._denoised(noisy, alpha, sigma, labels, guidance_scale, corrupted)

    def run_sampling(
        self,
        function: Callable[..., tf.Tensor],
        sampling: Sampling | None,
        guidance_scale: Any,
        shapes: dict[str, tuple[int, ...]] | None = None,
        static: dict[str, Any] | None = None,
        **inputs: Any,
    ) -> Rows:
        """`run` of a function that takes a sampling and perhaps guidance.

        Args:
            function: A bound method of rows, called with `sampling` besides.
            sampling: None for the model's own.
            guidance_scale: Numbers, `(batch,)`, one number for all, or None for the
                model's.
            shapes: Shapes of inputs that are not the usual ones.
            static: Further arguments that are no rows.
            **inputs: Rows by name, the first one not None.

        Raises:
            ValueError: If an input does not fit the model.
        """
        first = next(iter(inputs.values()))
        if "labels" in inputs and np.ndim(first) and not tf.is_tensor(first):
            inputs["labels"] = labels_of(inputs["labels"], len(first))
        guidance_scale = guidance_of(self, first, guidance_scale)
        if guidance_scale is not None:
            inputs["guidance_scale"] = guidance_scale
        static = {"sampling": sampling_of(self, sampling), **(static or {})}
        shapes = {"guidance_scale": (), **(shapes or {})}
        return self.run(function, static=static, shapes=shapes, **inputs)


def denoiser(
    model: Denoises,
    levels: Levels | Program,
    labels: tf.Tensor | None,
    guidance_scale: tf.Tensor | None = None,
    corrupted: tf.Tensor | None = None,
) -> Denoiser:
    """The denoised examples of `x` at level or row `i`, on the network's scale."""
    model.check_levels(levels)
    alpha = tf.constant(levels.alpha, tf.float32)
    sigma = tf.constant(levels.sigma, tf.float32)

    def denoise(x: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
        scales = tf.gather(alpha, i), tf.gather(sigma, i)
        return model._denoised(x, *scales, labels, guidance_scale, corrupted)

    return denoise


def solved(
    model: Denoises,
    program: Program,
    denoise: Denoiser,
    draws: Draws,
    x: tf.Tensor | None = None,
) -> tf.Tensor:
    """Samples by a program, in units of the data.

    Args:
        model: What knows the scale of the data.
        program: The program.
        denoise: Its denoised examples.
        draws: Noise: number 0 is the start, i + 1 that of row i.
        x: Examples on the network's scale to which the start is added, or None.
    """
    start = program.sigma[0] * draws(0)
    if x is not None:
        start += program.alpha[0] * x
    return model._outward(run(program, denoise, start, lambda i: draws(i + 1)))


def draws_of(model: Denoises, seed: tf.Tensor) -> Draws:
    """The noise that the seeds of rows, int32 `(batch,)`, decide."""
    return lambda i: random.normal(seed, model.data_shape, i)

"""Generates, by a solver that asks for denoised examples step by step."""

from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..samplers import Grid, Sampling, Solver
from .arguments import sampling_of
from .denoises import Denoises, Draws, denoiser, draws_of, solved
from .generates import Generates


class GeneratesInSteps(Denoises, Generates):
    """Turns noise into samples by a solver."""

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """That of an example, or `(draws, *data_shape)` if the solver draws noise."""
        return self._noise_shape(self.sampling)

    def sample(
        self,
        num_samples: int,
        *,
        seed: int | None = None,
        labels: Any = None,
        guidance_scale: Any = None,
        num_steps: int | None = None,
        solver: Solver | str | None = None,
        grid: Grid | None = None,
    ) -> np.ndarray:
        """Draws samples.

        Row i is decided by `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: How many.
            seed: Decides the samples; None draws a seed.
            labels: Integers, `(num_samples,)`, or one integer for all, for a
                class-conditional model.
            guidance_scale: How far to go towards the class, one number or
                `(num_samples,)`: 0 leaves the class out, 1 draws as the network knows
                it, more exaggerates it.
            num_steps: Number of steps, > 0.
            solver: A solver or its name, such as "ddim" or "heun".
            grid: Where the steps are.

        Returns:
            float32 samples, `(num_samples, *data_shape)`; images in [0, 1].

        Raises:
            TypeError: If the solver or the grid is none.
            ValueError: If a number is out of range, the solver's name is unknown, or
                labels or guidance do not fit the model.
        """
        sampling = self.sampling.changed(num_steps=num_steps, solver=solver, grid=grid)
        seeds, labels, _ = self._rows(num_samples, seed, labels, None)
        return self.sample_rows(seeds, labels, guidance_scale, sampling=sampling)

    def sample_rows(
        self,
        seed: Any,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        sampling: Sampling | None = None,
    ) -> Rows:
        """One sample per seed, each independent of the rows around it.

        Args:
            seed: int32 `(batch,)`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and steps; default the model's.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        rows = {"seed": seed, "labels": labels}
        return self.run_sampling(self._sample_rows, sampling, guidance_scale, **rows)

    def generate(
        self,
        noise: Rows,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        sampling: Sampling | None = None,
    ) -> Rows:
        """Samples from noise: the same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *data_shape)`; of a solver that draws
                noise `(batch, 1 + calls, *data_shape)`, the start first.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and steps; default the model's.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        shapes = {"noise": self._noise_shape(sampling_of(self, sampling))}
        rows = {"noise": noise, "labels": labels}
        return self.run_sampling(
            self._generate, sampling, guidance_scale, shapes, **rows
        )

    def _noise_shape(self, sampling: Sampling) -> tuple[int, ...]:
        program = self.program_of(sampling)
        draws = (1 + program.calls,) if program.is_random else ()
        return (*draws, *self.data_shape)

    def _noise(self, seed: tf.Tensor) -> tf.Tensor:
        draws = self.noise_shape[: -len(self.data_shape)]
        if not draws:
            return random.normal(seed, self.data_shape)
        return tf.stack([draws_of(self, seed)(i) for i in range(*draws)], axis=1)

    def _sample_rows(
        self,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling | None = None,
    ) -> tf.Tensor:
        return self._solve(draws_of(self, seed), labels, guidance_scale, sampling)

    def _generate(
        self,
        noise: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling | None = None,
    ) -> tf.Tensor:
        is_one = noise.shape.rank == 1 + len(self.data_shape)

        def draws(i: int | tf.Tensor) -> tf.Tensor:
            return noise if is_one else tf.gather(noise, i, axis=1)

        return self._solve(draws, labels, guidance_scale, sampling)

    def _solve(
        self,
        draws: Draws,
        labels: tf.Tensor | None,
        guidance_scale: tf.Tensor | None,
        sampling: Sampling | None,
    ) -> tf.Tensor:
        program = self.program_of(sampling or self.sampling)
        return solved(
            self, program, denoiser(self, program, labels, guidance_scale), draws
        )

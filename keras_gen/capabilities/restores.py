"""Restores: corrupted examples to clean ones, drawn by a solver."""

from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..limits import FINITE
from ..objectives.corruption import Corruption
from ..refusals import require
from ..rows import Rows
from ..samplers import Sampling
from ..validation import check_data, check_shape, num_rows
from .arguments import from_bytes
from .denoises import Denoises, denoiser, draws_of, solved


class Restores(Denoises):
    """Draws examples that can have become the corrupted ones.

    Attributes:
        corruption: What the model was trained to undo, an object of
            `keras_gen.objectives`.
    """

    corruption: Corruption
    restores = True
    like_data = frozenset({"corrupted"})

    def restore(
        self,
        x: Rows,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        seed: int | None = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """Draws one clean example for each corrupted one.

        Args:
            x: Corrupted examples, `(batch, *data_shape)`, or for `LowResolution` small
                ones.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all.
            seed: Decides the draw; None draws a seed.
            sampling: Solver, grid and steps; default the model's.

        Returns:
            float32 `(batch, *data_shape)`; images in [0, 1].

        Raises:
            ValueError: If an argument does not fit the model.
        """
        seeds = random.row_seeds(seed, num_rows(x))
        return self.restore_rows(x, seeds, labels, guidance_scale, sampling=sampling)

    def restore_rows(
        self,
        x: Rows,
        seed: Any,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        sampling: Sampling | None = None,
    ) -> Rows:
        """`restore` with a seed for each row, int32 `(batch,)`."""
        corrupted = self._enlarged(from_bytes(self, x))
        rows = {"corrupted": corrupted, "seed": seed, "labels": labels}
        shapes = {"corrupted": self.data_shape}
        return self.run_sampling(
            self._restore, sampling, guidance_scale, shapes, **rows
        )

    def _enlarged(self, x: Rows) -> Rows:
        """Corrupted examples in the shape of clean ones."""
        is_tensor = tf.is_tensor(x)
        x = require(x, FINITE, "x") if is_tensor else self._check_sides(x)
        corrupted = self.corruption.enlarged(x, self.data_shape)
        check_shape(corrupted.shape, self.data_shape, name="x")
        return corrupted if is_tensor else np.asarray(corrupted)

    def _check_sides(self, x: Rows) -> np.ndarray:
        own = {"unit_interval": False, "wide": self.takes_float64, "empty": True}
        return check_data(x, [None] * len(self.data_shape), **own)

    def _restore(
        self,
        corrupted: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
    ) -> tf.Tensor:
        program = self.program_of(sampling)
        denoise = denoiser(self, program, labels, guidance_scale, corrupted)

        return solved(self, program, denoise, draws_of(self, seed))

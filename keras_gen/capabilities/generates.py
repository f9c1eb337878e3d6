"""Generates: noise to samples."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..validation import check_count
from .arguments import labels_of


class Generates(abc.ABC):
    """Turns noise into samples."""

    @property
    @abc.abstractmethod
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise of one sample."""

    @abc.abstractmethod
    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Samples from noise, deterministically."""

    @property
    def can_generate(self) -> bool:
        """Whether the model is ready to generate."""
        return True

    @property
    def draws_levels(self) -> bool:
        """Whether samples are draws of single levels, which rounding can change."""
        return False

    def generate(self, noise: Rows, labels: Any = None, context: Any = None) -> Rows:
        """Samples from noise: the same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *noise_shape)`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        self._require_ready()
        return self.run(self._generate, noise=noise, labels=labels, context=context)

    def sample(
        self,
        num_samples: int,
        *,
        seed: int | None = None,
        labels: Any = None,
        context: Any = None,
    ) -> np.ndarray:
        """Draws samples.

        Row i is decided by `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: How many.
            seed: Decides the samples; None draws a seed.
            labels: Integers, `(num_samples,)`, or one integer for all, for a
                class-conditional model.
            context: Numbers, `(num_samples, context_size)`, or `(context_size,)` for
                all, for a model with a context.

        Returns:
            float32 samples, `(num_samples, *data_shape)`; images in [0, 1].

        Raises:
            ValueError: If `num_samples` is no integer >= 0 or labels do not fit.
        """
        return self.sample_rows(*self._rows(num_samples, seed, labels, context))

    def _rows(
        self, num_samples: int, seed: int | None, labels: Any, context: Any
    ) -> tuple[np.ndarray, Any, Any]:
        """A seed, a label and a context for each sample; see `sample`."""
        check_count(num_samples, "num_samples", least=0)
        self._require_ready()
        labels = labels_of(labels, num_samples)
        self.warn_of_new_classes(labels)
        if context is not None and np.shape(context) == (self.context_size,):
            context = np.tile(context, (num_samples, 1))
        counts = {"num_samples": num_samples}
        conditions = {"labels": labels, "context": context}
        counts |= {k: len(v) for k, v in conditions.items() if np.ndim(v)}
        if len(set(counts.values())) > 1:
            raise ValueError(f"inputs differ in their number of rows: {counts}.")
        return random.row_seeds(seed, num_samples), labels, context

    def sample_rows(self, seed: Any, labels: Any = None, context: Any = None) -> Rows:
        """One sample per seed, each independent of the rows around it.

        Args:
            seed: int32 `(batch,)`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        self._require_ready()
        if not tf.is_tensor(seed) and self.uses_xla(len(seed)):
            noise = self.run(self._noise, seed=seed)  # else XLA draws it at each use
            return self.generate(noise, labels, context)
        return self.run(self._sample_rows, seed=seed, labels=labels, context=context)

    def _sample_rows(
        self, seed: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._generate(self._noise(seed), labels)

    def _noise(self, seed: tf.Tensor) -> tf.Tensor:
        return random.normal(seed, self.noise_shape)

    def _require_ready(self) -> None:
        if not self.can_generate:
            raise RuntimeError(f"{self.name} cannot generate yet: {self.not_ready}")

    not_ready = "train it first."

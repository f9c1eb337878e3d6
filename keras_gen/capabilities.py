"""What a trained model can do: small abstract classes, asked for by the export.

A method exists only where the mathematics does. Each public method takes arrays,
which are checked and run compiled in batches, or tensors, which flow through; the
underscored method that a model writes sees float32 tensors only.
"""

import abc
import random as python_random
from typing import Any

import numpy as np
import tensorflow as tf

from . import random
from .validation import check_positive

Rows = np.ndarray | tf.Tensor


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

    def generate(self, noise: Rows, labels: Any = None) -> Rows:
        """Samples from noise: the same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *noise_shape)`.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        self._require_ready()
        return self.run(self._generate, noise=noise, labels=labels)

    def sample(
        self, num_samples: int, *, seed: int | None = None, labels: Any = None
    ) -> np.ndarray:
        """Draws samples.

        Row i is decided by `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: How many.
            seed: Decides the samples; None draws a seed.
            labels: Integers, `(num_samples,)`, or one integer for all, for a
                class-conditional model.

        Returns:
            float32 samples, `(num_samples, *data_shape)`; images in [0, 1].

        Raises:
            ValueError: If `num_samples` is no integer > 0 or labels do not fit.
        """
        check_positive(num_samples, "num_samples", integer=True)
        self._require_ready()
        seed = python_random.randrange(2**31) if seed is None else seed
        if labels is not None and np.ndim(labels) == 0:
            labels = np.full(num_samples, labels)
        seeds = random.row_seeds(seed, num_samples)
        return self.sample_rows(seeds, labels)

    def sample_rows(self, seed: Any, labels: Any = None) -> Rows:
        """One sample per seed, each independent of the rows around it.

        Args:
            seed: int32 `(batch,)`.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        self._require_ready()
        return self.run(self._sample_rows, seed=seed, labels=labels)

    def _sample_rows(
        self, seed: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._generate(random.normal(seed, self.noise_shape), labels)

    def _require_ready(self) -> None:
        if not self.can_generate:
            raise RuntimeError(f"{self.name} cannot generate yet: {self.not_ready}")

    not_ready = "train it first."


class Encodes(abc.ABC):
    """Maps examples to latent vectors and back."""

    @property
    @abc.abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent vector."""

    @abc.abstractmethod
    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Latent vectors of examples, deterministically."""

    @abc.abstractmethod
    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Examples from latent vectors."""

    def encode(self, x: Rows, labels: Any = None) -> Rows:
        """Latent vectors of examples.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch, *latent_shape)`.
        """
        return self.run(self._encode, x=x, labels=labels)

    def decode(self, z: Rows, labels: Any = None) -> Rows:
        """Examples from latent vectors.

        Args:
            z: Latent vectors, `(batch, *latent_shape)`.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch, *data_shape)`; images in [0, 1].
        """
        return self.run(self._decode, z=z, labels=labels)

    def reconstruct(self, x: Rows, labels: Any = None) -> Rows:
        """Decodes the codes of examples: `decode(encode(x))`.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch, *data_shape)`; images in [0, 1].
        """
        return self.run(self._reconstruct, x=x, labels=labels)

    def interpolate(self, a: Rows, b: Rows, steps: int, labels: Any = None) -> Rows:
        """Decodes points on the straight line between the codes of two examples.

        Args:
            a: Examples at the start, `(batch, *data_shape)`.
            b: Examples at the end, `(batch, *data_shape)`.
            steps: Points per line, both ends included, at least 2.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 array `(batch, steps, *data_shape)`.

        Raises:
            ValueError: If `steps` is below 2 or the batches differ.
        """
        if steps < 2:
            raise ValueError(f"steps must be at least 2, received {steps}.")
        if len(a) != len(b):
            raise ValueError(f"a and b differ in length: {len(a)} and {len(b)}.")
        start, end = (np.asarray(self.encode(x, labels)) for x in (a, b))
        weights = np.linspace(0, 1, steps, dtype=np.float32)
        weights = weights.reshape((steps,) + (1,) * len(self.latent_shape))
        z = start[:, None] * (1 - weights) + end[:, None] * weights
        flat = z.reshape((-1, *self.latent_shape))
        labels = None if labels is None else np.repeat(labels, steps)
        return self.decode(flat, labels).reshape((-1, steps, *self.data_shape))

    def _reconstruct(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._decode(self._encode(x, labels), labels)


class Bounds(abc.ABC):
    """Bounds the log-likelihood of examples from below."""

    @property
    @abc.abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise behind one latent vector."""

    @abc.abstractmethod
    def _elbo(
        self, x: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        """One-sample estimate of the bound from the noise of the latent vector."""

    @abc.abstractmethod
    def _importance_log_prob(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        num_samples: int,
    ) -> tf.Tensor:
        """The importance-sampled bound, nats, `(batch,)`."""

    def elbo(
        self, x: Rows, noise: Rows | None = None, labels: Any = None, *, seed: int = 0
    ) -> Rows:
        """Evidence lower bound of log p(x), by one sample of the latent vector.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            noise: Standard normal, `(batch, *latent_shape)`; drawn if None.
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides the noise that is drawn.

        Returns:
            Nats per example, `(batch,)`: at most log p(x) on average over noise.
        """
        if noise is None:
            noise = random.normal(random.row_seeds(seed, len(x)), self.latent_shape)
            noise = noise if tf.is_tensor(x) else noise.numpy()
        shapes = {"noise": self.latent_shape}
        return self.run(self._elbo, x=x, noise=noise, labels=labels, shapes=shapes)

    def importance_log_prob(
        self, x: Rows, num_samples: int, labels: Any = None, *, seed: int = 0
    ) -> np.ndarray:
        """Importance-sampled bound of log p(x), tighter with every sample.

        The samples are taken in chunks: memory does not grow with `num_samples`.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            num_samples: Samples per example, K in the reference.
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides the samples.

        Returns:
            Nats per example, `(batch,)`.

        References:
            Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders",
            2015, eq. 8.
        """
        check_positive(num_samples, "num_samples", integer=True)
        seeds = random.row_seeds(seed, len(x))
        return self.run(
            self._importance_log_prob,
            rows=100,
            static={"num_samples": num_samples},
            x=x,
            seed=seeds,
            labels=labels,
        )

"""Normalizing flow: exact likelihood by invertible maps.

Rooms: `bijectors` (layers that return TFP bijectors), `distributions` (base).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from ..bijectors import LazyBijector, initialize_all, prepare_all
from ..capabilities import Encodes, Generates, Scores
from ..distributions import Prior, StandardNormal
from ..model import GenerativeModel
from ..random import RowNoise
from ..serialization import register
from ..validation import check_type


@register
class Flow(Encodes, Generates, Scores, GenerativeModel):
    """An invertible map from a simple density to that of the data.

    Args:
        bijectors: Its parts; the first one is next to the data.
        data_shape: Shape of one example.
        base: Density on the latent side; default standard normal.
        num_classes: Number of classes if the flow is class-conditional, else None.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.
    """

    arguments = ("bijectors", "data_shape", "base", "num_classes")

    def __init__(
        self,
        bijectors: Sequence[LazyBijector],
        data_shape: Sequence[int],
        *,
        base: Prior | None = None,
        num_classes: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(base, Prior | None, "base")
        super().__init__(
            data_shape=data_shape,
            unit_interval=False,
            num_classes=num_classes,
            term_names=["loss"],
            seed=seed,
            **kwargs,
        )
        self.base = base or StandardNormal()
        self.bijectors = list(bijectors)
        self._latent_shape = prepare_all(
            self.bijectors, self.data_shape, num_classes or 0
        )
        self.initialized = self.add_weight(
            (), "zeros", dtype="bool", trainable=False, name="initialized"
        )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one event on the latent side."""
        return self._latent_shape

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that the base turns into a latent vector."""
        return (self.base.noise_size(math.prod(self.latent_shape)),)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `GenerativeModel.fit`, after `initialize` if nothing is initialized."""
        if isinstance(x, np.ndarray) and not self.initialized.numpy():
            self.initialize(x, y)
        return super().fit(x, y, *args, **kwargs)

    def initialize(self, x: np.ndarray, labels: Any = None) -> None:
        """Sets what depends on data: standardization, activation normalization."""
        initialize_all(self.bijectors, np.asarray(x), None)
        self.initialized.assign(True)  # noqa: FBT003

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: minus the mean log-likelihood, nats."""
        return {"loss": -ops.mean(self._log_prob(x, labels))}

    def _bijector(self, labels: tf.Tensor | None) -> Any:
        from ..bijectors.tfp import chain

        return chain([b.bijector(None) for b in self.bijectors])

    def _log_prob(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        bijector = self._bijector(labels)
        z = bijector.inverse(x)
        log_det = bijector.inverse_log_det_jacobian(x, len(self.data_shape))
        flat = ops.reshape(z, (-1, math.prod(self.latent_shape)))
        return self.base.log_prob(flat) + log_det

    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._bijector(labels).inverse(x)

    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._bijector(labels).forward(z)

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        z = self.base.from_noise(noise)
        return self._decode(ops.reshape(z, (-1, *self.latent_shape)), labels)

"""Penalties on the code of an autoencoder."""

import abc
from collections.abc import Callable

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_positive

Encoder = Callable[[tf.Tensor], tf.Tensor]


class Penalty(abc.ABC):
    """A weighted term of the loss of an autoencoder.

    Attributes:
        name: Name of the term in the logs.
    """

    name = "penalty"

    @abc.abstractmethod
    def __call__(self, codes: tf.Tensor, x: tf.Tensor, encode: Encoder) -> tf.Tensor:
        """Penalty per example, `(batch,)`, >= 0.

        Args:
            codes: The codes of the examples, `(batch, latent_dim)`.
            x: The encoder's inputs, `(batch, ...)`.
            encode: The encoder, a function from examples to codes.
        """


@value
class L1Sparsity(Penalty):
    """`weight * sum_j |z_j|`: pulls codes to zero.

    Attributes:
        weight: Factor, > 0.

    Example:
        >>> codes = tf.constant([[1.0, -2.0]])
        >>> float(kg.L1Sparsity(0.1)(codes, codes, lambda x: x)[0])
        0.3...
    """

    weight: float = 1e-3
    name = "l1_sparsity"

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")

    def __call__(self, codes: tf.Tensor, x: tf.Tensor, encode: Encoder) -> tf.Tensor:
        """Penalty per example, `(batch,)`."""
        return self.weight * ops.sum(ops.abs(codes), axis=-1)


@value
class KLSparsity(Penalty):
    """`weight * sum_j KL(target || mean activation j)` over the batch.

    For codes in (0, 1), such as those of a sigmoid layer.

    Attributes:
        weight: Factor, > 0.
        target: Target of the mean activation, in (0, 1).

    References:
        Ng, "Sparse autoencoder", CS294A lecture notes, 2011, section 3.

    Example:
        >>> codes = tf.constant([[0.1, 0.3], [0.1, 0.1]])  # means: 0.1 and 0.2
        >>> penalty = kg.KLSparsity(target=0.1)(codes, codes, lambda x: x)
        >>> round(float(penalty[0]), 4)  # 0.1 log(0.1 / 0.2) + 0.9 log(0.9 / 0.8)
        0.0367
    """

    weight: float = 1.0
    target: float = 0.05
    name = "kl_sparsity"

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")
        check_positive(self.target, "target")
        check_positive(1 - self.target, "1 - target")

    def __call__(self, codes: tf.Tensor, x: tf.Tensor, encode: Encoder) -> tf.Tensor:
        """Penalty of the batch, the same for each example, `(batch,)`."""
        mean = ops.clip(ops.mean(codes, axis=0), 1e-6, 1 - 1e-6)
        rho = self.target
        divergence = rho * ops.log(rho / mean) + (1 - rho) * ops.log(
            (1 - rho) / (1 - mean)
        )
        return self.weight * ops.sum(divergence) * ops.ones_like(codes[:, 0])


@value
class Contractive(Penalty):
    """`weight * ||dz/dx||_F^2`: pulls the encoder towards a constant.

    Attributes:
        weight: Factor, > 0.

    References:
        Rifai et al., "Contractive auto-encoders", ICML 2011, eq. 4.

    Example:
        >>> x = tf.constant([[1.0, 2.0]])
        >>> penalty = kg.Contractive(0.1)(3 * x, x, lambda x: 3 * x)
        >>> round(float(penalty[0]), 4)  # 0.1 * (3**2 + 3**2)
        1.8
    """

    weight: float = 0.1
    name = "contractive"

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")

    def __call__(self, codes: tf.Tensor, x: tf.Tensor, encode: Encoder) -> tf.Tensor:
        """Penalty per example, `(batch,)`, with the exact Jacobian."""
        # Row j of the Jacobian comes from copy j of the example, in one pass:
        # XLA would compile tape.batch_jacobian again at every step.
        dim = codes.shape[-1]
        copies = ops.repeat(x, dim, axis=0)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(copies)
            rows = ops.reshape(encode(copies), (-1, dim, dim))
            diagonal = ops.sum(rows * ops.eye(dim, dtype=rows.dtype))
        jacobian = ops.reshape(tape.gradient(diagonal, copies), (tf.shape(x)[0], -1))
        return self.weight * ops.sum(ops.square(jacobian), axis=-1)

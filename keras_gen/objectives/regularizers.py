"""Regularizers of a discriminator: they keep its gradients or weights small."""

import abc
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..random import RowNoise
from ..serialization import register, value
from ..validation import check_positive, check_type

TINY = 1e-12


class Regularizer(abc.ABC):  # noqa: B024  (two kinds below)
    """Keeps a discriminator smooth, by a gradient penalty or a bound on weights.

    Example:
        >>> networks = kg.networks.mlp_gan((2,), noise_dim=2)
        >>> model = kg.GAN(*networks, regularizers=[kg.R1(1.0), kg.R2(1.0)])
    """


class GradientRegularizer(Regularizer):
    """A penalty on the gradient of the logit with respect to the example.

    Attributes:
        name: Name of the term in the logs.

    Example:
        >>> gradients = tf.constant([[3.0, 4.0]])
        >>> float(kg.R1(weight=2.0)(gradients)[0])  # 2 / 2 * 5**2
        25.0
    """

    name = "gradient_penalty"

    @abc.abstractmethod
    def points(
        self, real: tf.Tensor, fake: tf.Tensor, noise: RowNoise, stream: int
    ) -> tf.Tensor:
        """The points at which the gradient is computed, `(batch, ...)`.

        Args:
            real: Real examples on the discriminator's scale, `(batch, ...)`.
            fake: Generated examples.
            noise: The random numbers of the batch.
            stream: The stream to draw from.
        """

    @abc.abstractmethod
    def __call__(self, gradients: tf.Tensor) -> tf.Tensor:
        """The weighted penalty per example, `(batch,)`, >= 0.

        Args:
            gradients: Gradients of the logits at the points, `(batch, ...)`.
        """


@value
class GradientPenalty(GradientRegularizer):
    """`weight * (||grad|| - 1)^2` between real and generated examples.

    Attributes:
        weight: Factor, > 0.
        one_sided: Whether only norms above 1 are penalised.

    References:
        Gulrajani et al., "Improved training of Wasserstein GANs", 2017, eq. 3;
        Petzka et al. 2018 (one-sided).

    Example:
        >>> gradients = tf.constant([[3.0, 4.0], [0.3, 0.4]])
        >>> penalty = kg.GradientPenalty(weight=1.0)(gradients)
        >>> [round(float(p), 4) for p in penalty]  # (5 - 1)**2, (0.5 - 1)**2
        [16.0, 0.25]
        >>> penalty = kg.GradientPenalty(weight=1.0, one_sided=True)(gradients)
        >>> [round(float(p), 4) for p in penalty]
        [16.0, 0.0]
    """

    weight: float = 10.0
    one_sided: bool = False

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")
        if not isinstance(self.one_sided, bool):
            raise ValueError(f"one_sided must be a bool, received {self.one_sided!r}.")

    def points(
        self, real: tf.Tensor, fake: tf.Tensor, noise: RowNoise, stream: int
    ) -> tf.Tensor:
        """A random point between each generated example and a real one."""
        share = noise.uniform((1,) * (len(real.shape) - 1), stream)
        return fake + share * (real - fake)

    def __call__(self, gradients: tf.Tensor) -> tf.Tensor:
        """The weighted penalty per example, `(batch,)`."""
        excess = norm(gradients) - 1
        if self.one_sided:
            excess = ops.relu(excess)
        return self.weight * ops.square(excess)


@value
class DRAGAN(GradientRegularizer):
    """`weight * (||grad|| - 1)^2` around real examples.

    Attributes:
        weight: Factor, > 0.
        scale: Size of the neighbourhood, > 0, in standard deviations of the batch.

    References:
        Kodali et al., "On convergence and stability of GANs", 2017, section 2.3.

    Example:
        >>> gradients = tf.constant([[3.0, 4.0]])
        >>> float(kg.DRAGAN(weight=1.0)(gradients)[0])  # (5 - 1)**2
        16.0
    """

    weight: float = 10.0
    scale: float = 0.5
    name = "dragan"

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")
        check_positive(self.scale, "scale")

    def points(
        self, real: tf.Tensor, fake: tf.Tensor, noise: RowNoise, stream: int
    ) -> tf.Tensor:
        """Real examples plus normal noise."""
        distance = self.scale * ops.std(real)
        return real + distance * noise.normal(tuple(real.shape[1:]), stream)

    def __call__(self, gradients: tf.Tensor) -> tf.Tensor:
        """The weighted penalty per example, `(batch,)`."""
        return self.weight * ops.square(norm(gradients) - 1)


class _SquaredNorm(GradientRegularizer):
    """`weight / 2 * ||grad||^2`."""

    weight: float

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")

    def __call__(self, gradients: tf.Tensor) -> tf.Tensor:
        """The weighted penalty per example, `(batch,)`."""
        return 0.5 * self.weight * squared_norm(gradients)


@value
class R1(_SquaredNorm):
    """`weight / 2 * ||grad||^2` at real examples.

    Attributes:
        weight: gamma, > 0.

    References:
        Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually
        converge?", 2018, eq. 9.

    Example:
        >>> networks = kg.networks.mlp_gan((2,), noise_dim=2)
        >>> model = kg.GAN(*networks, regularizers=[kg.R1(weight=10.0)])
        >>> gradients = tf.constant([[3.0, 4.0]])
        >>> float(kg.R1(weight=10.0)(gradients)[0])  # 10 / 2 * 5**2
        125.0
    """

    weight: float = 10.0
    name = "r1"

    def points(
        self, real: tf.Tensor, fake: tf.Tensor, noise: RowNoise, stream: int
    ) -> tf.Tensor:
        """The real examples."""
        return real


@value
class R2(_SquaredNorm):
    """`weight / 2 * ||grad||^2` at generated examples.

    Attributes:
        weight: gamma, > 0.

    References:
        Mescheder et al. 2018, eq. 10.

    Example:
        >>> gradients = tf.constant([[3.0, 4.0]])
        >>> float(kg.R2(weight=2.0)(gradients)[0])
        25.0
    """

    weight: float = 10.0
    name = "r2"

    def points(
        self, real: tf.Tensor, fake: tf.Tensor, noise: RowNoise, stream: int
    ) -> tf.Tensor:
        """The generated examples."""
        return fake


@value
class WeightClipping(Regularizer):
    """Keeps every weight of the discriminator in [-limit, limit], after each step.

    Attributes:
        limit: The bound, > 0.

    References:
        Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, algorithm 1.

    Example:
        >>> networks = kg.networks.mlp_gan((2,), noise_dim=2)
        >>> model = kg.GAN(
        ...     *networks,
        ...     objective=kg.Wasserstein(),
        ...     regularizers=[kg.WeightClipping(0.01)],
        ... )
        >>> model.compile(run_eagerly=True)
        >>> history = model.fit(np.eye(2)[[0, 1, 0, 1]], verbose=0)
        >>> weights = model.discriminator.trainable_weights
        >>> bool(max(abs(w.numpy()).max() for w in weights) <= 0.01)
        True
    """

    limit: float = 0.01

    def __post_init__(self) -> None:
        check_positive(self.limit, "limit")

    def bind(self, network: keras.Model) -> None:
        """Sets the bound as constraint of all trainable weights of a network."""
        for weight in network.trainable_weights:
            weight.constraint = Clip(self.limit)


@register
class Clip(keras.constraints.Constraint):
    """The constraint |weight| <= limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        """Clips weights to the bound."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, float]:
        """The constructor's argument."""
        return {"limit": self.limit}


def squared_norm(gradients: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean norm of each row, `(batch,)`."""
    return ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))


def norm(gradients: tf.Tensor) -> tf.Tensor:
    """Euclidean norm of each row, `(batch,)`, with the gradient 0 at zero."""
    return ops.sqrt(squared_norm(gradients) + TINY)


def check_regularizers(regularizers: Any) -> tuple[Regularizer, ...]:
    """Checks regularizers and returns them as a tuple.

    Raises:
        TypeError: If they are not a sequence of regularizers.
        ValueError: If two have the same type.
    """
    check_type(regularizers, list | tuple, "regularizers")
    found = tuple(regularizers)
    for regularizer in found:
        check_type(regularizer, Regularizer, "each of regularizers")
    names = [getattr(r, "name", type(r).__name__) for r in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"regularizers must have distinct types, received {', '.join(names)}."
        )
    return found

"""Objectives of the two players of a GAN, on the discriminator's raw logits.

Each player minimises its loss. Logits have shape `(batch,)`. Losses have shape
`(batch,)`, one per example or per pair of a real and a generated example.
"""

import abc

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_share


class AdversarialObjective(abc.ABC):
    """The losses of the discriminator and the generator.

    Attributes:
        paired: Whether the generator's loss also depends on the logits of real
            examples.
        calibrated: Whether a single logit measures how real an example looks. Otherwise
            only differences of logits are meaningful.

    Example:
        >>> real, fake = tf.constant([2.0]), tf.constant([-2.0])
        >>> objective = kg.objectives.Hinge()
        >>> float(objective.discriminator(real, fake)[0])
        0.0
        >>> float(objective.generator(fake)[0])
        2.0
    """

    paired = False
    calibrated = True

    @abc.abstractmethod
    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """The discriminator's loss per example, `(batch,)`.

        Args:
            real: Logits of real examples, `(batch,)`.
            fake: Logits of generated examples, `(batch,)`.
        """

    @abc.abstractmethod
    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """The generator's loss per example, `(batch,)`.

        Args:
            fake: Logits of generated examples, `(batch,)`.
            real: Logits of real examples, `(batch,)`, for a paired objective.
        """

    def threshold(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor | float:
        """The logit above which an example counts as real in accuracies.

        For logits that are not calibrated, it is the midpoint of the batch means.
        """
        if self.calibrated:
            return 0.0
        return 0.5 * (ops.mean(real) + ops.mean(fake))


class CrossEntropy(AdversarialObjective):
    """Binary cross-entropy of the discriminator, in nats (Goodfellow et al. 2014)."""

    smoothing: float

    def __post_init__(self) -> None:
        check_share(self.smoothing, "smoothing")

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`-log D(x) - log(1 - D(G(z)))`, which is log 4 at zero logits."""
        return ops.softplus(-real) + self.smoothing * real + ops.softplus(fake)


@value
class Minimax(CrossEntropy):
    """The zero-sum game of Goodfellow et al. 2014, eq. 1.

    The generator's gradient vanishes if the discriminator is confident.

    Attributes:
        smoothing: Real examples have the target 1 - smoothing (one-sided label
            smoothing, Salimans et al. 2016, section 3.4), in [0, 1).

    Example:
        >>> loss = kg.Minimax().discriminator(tf.zeros(1), tf.zeros(1))
        >>> round(float(loss[0]), 4)  # log(4)
        1.3863
    """

    smoothing: float = 0.0

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`log(1 - D(G(z)))`, <= 0."""
        return -ops.softplus(fake)


@value
class NonSaturating(CrossEntropy):
    """Binary cross-entropy, with flipped labels for the generator: the usual GAN.

    Attributes:
        smoothing: Real examples have the target 1 - smoothing (one-sided label
            smoothing, Salimans et al. 2016, section 3.4), in [0, 1).

    References:
        Goodfellow et al., "Generative adversarial nets", 2014, section 3.

    Example:
        >>> loss = kg.NonSaturating().generator(tf.constant([0.0, 5.0]))
        >>> [round(float(value), 4) for value in loss]
        [0.6931, 0.0067]
    """

    smoothing: float = 0.0

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-log D(G(z))`, >= 0."""
        return ops.softplus(-fake)


@value
class LeastSquares(AdversarialObjective):
    """Squared distance to a target of 1 for real and 0 for generated examples.

    References:
        Mao et al., "Least squares generative adversarial networks", 2017, eq. 9.

    Example:
        >>> real, fake = tf.constant([1.0]), tf.constant([0.0])
        >>> float(kg.LeastSquares().discriminator(real, fake)[0])
        0.0
        >>> float(kg.LeastSquares().generator(fake)[0])
        0.5
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`((D(x) - 1)^2 + D(G(z))^2) / 2`."""
        return 0.5 * (ops.square(real - 1) + ops.square(fake))

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`(D(G(z)) - 1)^2 / 2`."""
        return 0.5 * ops.square(fake - 1)

    def threshold(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor | float:
        """The midpoint of the targets, 0.5."""
        return 0.5


@value
class Wasserstein(AdversarialObjective):
    """Difference of the mean logits. The discriminator must be Lipschitz.

    Use it with `WeightClipping`, `GradientPenalty` or spectral normalization.

    References:
        Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, eq. 3.

    Example:
        >>> networks = kg.networks.mlp_gan((2,), noise_dim=2)
        >>> penalty = kg.GradientPenalty(10.0)
        >>> model = kg.GAN(
        ...     *networks,
        ...     objective=kg.Wasserstein(),
        ...     regularizers=[penalty],
        ...     discriminator_steps=5,
        ... )
        >>> real, fake = tf.constant([3.0]), tf.constant([1.0])
        >>> float(kg.Wasserstein().discriminator(real, fake)[0])
        -2.0
    """

    calibrated = False

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`D(G(z)) - D(x)`, the negative estimate of the distance."""
        return fake - real

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake


@value
class Hinge(AdversarialObjective):
    """Hinge loss: only examples inside the margin move the discriminator.

    References:
        Lim and Ye, "Geometric GAN", 2017; Miyato et al., "Spectral normalization for
        generative adversarial networks", 2018, eq. 16 and 17.

    Example:
        >>> real, fake = tf.constant([0.25]), tf.constant([-3.0])
        >>> float(kg.objectives.Hinge().discriminator(real, fake)[0])
        0.75
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`."""
        return ops.relu(1 - real) + ops.relu(1 + fake)

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake


@value
class RelativisticPairing(AdversarialObjective):
    """Compares each generated example with a real one, which prevents dropped modes.

    With `R1` and `R2`, gradient descent converges locally.

    References:
        Jolicoeur-Martineau, "The relativistic discriminator", 2018, eq. 4 and 5
        (RSGAN); Huang et al., "The GAN is dead; long live the GAN! A modern GAN
        baseline" (R3GAN), 2025, eq. 2.

    Example:
        >>> real, fake = tf.constant([1.0]), tf.constant([1.0])
        >>> loss = kg.RelativisticPairing().generator(fake, real)
        >>> round(float(loss[0]), 4)  # log(2): the pair looks alike
        0.6931
    """

    paired = True
    calibrated = False

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`-log sigmoid(D(x) - D(G(z)))`."""
        return ops.softplus(fake - real)

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-log sigmoid(D(G(z)) - D(x))`."""
        return ops.softplus(real - fake)

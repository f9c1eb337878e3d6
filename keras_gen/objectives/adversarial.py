"""Objectives of the two players of a GAN, on the discriminator's raw logits.

Every objective is minimised by its player. Logits enter as `(batch,)`; losses leave
as `(batch,)`, one per example or per pair of a real and a generated example.
"""

import abc

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_share


class AdversarialObjective(abc.ABC):
    """What discriminator and generator minimise.

    Attributes:
        paired: Whether the generator's loss reads the logits of real examples too.
        calibrated: Whether a logit says by itself how real an example looks; else only
            differences of logits do.
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
        """The logit above which an example counts as taken for real.

        For logits that are not calibrated, the middle of the means of the batch.
        """
        if self.calibrated:
            return 0.0
        return 0.5 * (ops.mean(real) + ops.mean(fake))


class CrossEntropy(AdversarialObjective):
    """The discriminator of Goodfellow et al. 2014: binary cross-entropy in nats."""

    smoothing: float

    def __post_init__(self) -> None:
        check_share(self.smoothing, "smoothing")

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`-log D(x) - log(1 - D(G(z)))`, log 4 at zero logits."""
        return ops.softplus(-real) + self.smoothing * real + ops.softplus(fake)


@value
class Minimax(CrossEntropy):
    """The zero-sum game of Goodfellow et al. 2014, eq. 1.

    Its generator learns little from a discriminator that is sure.

    Attributes:
        smoothing: Real examples have the target 1 - smoothing (one-sided label
            smoothing, Salimans et al. 2016, section 3.4), in [0, 1).
    """

    smoothing: float = 0.0

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`log(1 - D(G(z)))`, <= 0."""
        return -ops.softplus(fake)


@value
class NonSaturating(CrossEntropy):
    """Binary cross-entropy with flipped labels for the generator: the usual GAN.

    Attributes:
        smoothing: Real examples have the target 1 - smoothing (one-sided label
            smoothing, Salimans et al. 2016, section 3.4), in [0, 1).

    References:
        Goodfellow et al., "Generative adversarial nets", 2014, section 3.
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
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`((D(x) - 1)^2 + D(G(z))^2) / 2`."""
        return 0.5 * (ops.square(real - 1) + ops.square(fake))

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`(D(G(z)) - 1)^2 / 2`."""
        return 0.5 * ops.square(fake - 1)

    def threshold(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor | float:
        """Between the targets."""
        return 0.5


@value
class Wasserstein(AdversarialObjective):
    """Difference of the mean logits; the discriminator has to be Lipschitz.

    It needs `WeightClipping`, `GradientPenalty` or spectral normalization.

    References:
        Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, eq. 3.
    """

    calibrated = False

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`D(G(z)) - D(x)`: minus the estimate of the distance."""
        return fake - real

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake


@value
class Hinge(AdversarialObjective):
    """Only examples inside the margin move the discriminator.

    References:
        Lim and Ye, "Geometric GAN", 2017; Miyato et al., "Spectral normalization for
        generative adversarial networks", 2018, eq. 16 and 17.
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`."""
        return ops.relu(1 - real) + ops.relu(1 + fake)

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake


@value
class RelativisticPairing(AdversarialObjective):
    """Each generated example against a real one: no mode can be dropped for free.

    With `R1` and `R2`, gradient descent on it converges locally.

    References:
        Jolicoeur-Martineau, "The relativistic discriminator", 2018, eq. 4 and 5
        (RSGAN); Huang et al., "The GAN is dead; long live the GAN! A modern GAN
        baseline" (R3GAN), 2025, eq. 2.
    """

    paired = True
    calibrated = False

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """`-log sigmoid(D(x) - D(G(z)))`."""
        return ops.softplus(fake - real)

    def generator(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """`-log sigmoid(D(G(z)) - D(x))`."""
        return ops.softplus(real - fake)

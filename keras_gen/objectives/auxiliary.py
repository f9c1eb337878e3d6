"""Auxiliary tasks of a GAN's discriminator: predict the class, or the latent code."""

import abc
import math

import numpy as np
import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_positive, check_type


class Auxiliary(abc.ABC):
    """A task for the discriminator's second output, the head.

    The discriminator minimises the task's loss on real and generated examples, the
    generator on generated examples.

    Attributes:
        term_names: Names of the values of `terms`.

    Example:
        >>> task = kg.AuxiliaryClassifier()
        >>> task.head_size(num_classes=10, noise_dim=64)
        10
        >>> loss = task.real_loss(tf.zeros((1, 10)), tf.constant([3]))
        >>> round(float(loss[0]), 4)  # log(10)
        2.3026
    """

    term_names = ()

    @abc.abstractmethod
    def real_loss(self, head: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """Weighted loss per real example, `(batch,)`.

        Args:
            head: The head's raw values for real examples, `(batch, width)`.
            labels: int32 `(batch,)`, or None.
        """

    @abc.abstractmethod
    def fake_loss(
        self, head: tf.Tensor, labels: tf.Tensor | None, latent: tf.Tensor
    ) -> tf.Tensor:
        """Weighted loss per generated example, `(batch,)`.

        Args:
            head: The head's raw values for generated examples, `(batch, width)`.
            labels: int32 `(batch,)`, or None.
            latent: The generator's inputs for these examples, `(batch, noise_dim)`.
        """

    @abc.abstractmethod
    def terms(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        labels: tf.Tensor | None,
        latent: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Named scalars for the logs, from the heads of real and generated examples."""

    @abc.abstractmethod
    def head_size(self, num_classes: int | None, noise_dim: int) -> int:
        """Width of the head.

        Raises:
            ValueError: If the task does not fit such a generator.
        """

    def latent(self, noise: tf.Tensor) -> tf.Tensor:
        """The generator's input from standard normal noise, `(batch, noise_dim)`."""
        return noise


@value
class AuxiliaryClassifier(Auxiliary):
    """The discriminator also predicts the class, and the generator helps it.

    Attributes:
        weight: Factor of the cross-entropies, > 0.

    References:
        Odena, Olah and Shlens, "Conditional image synthesis with auxiliary classifier
        GANs", 2017, eq. 2 and 3.

    Example:
        >>> how = {"num_classes": 10, "auxiliary_outputs": 10}
        >>> networks = kg.networks.mlp_gan((8, 8, 1), noise_dim=4, **how)
        >>> model = kg.GAN(*networks, auxiliary=kg.AuxiliaryClassifier())
    """

    weight: float = 1.0
    term_names = ("class_accuracy", "fake_class_accuracy")

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")

    def head_size(self, num_classes: int | None, noise_dim: int) -> int:
        """One logit per class."""
        if num_classes is None:
            raise ValueError(
                "AuxiliaryClassifier requires a class-conditional generator, received "
                "one without labels."
            )
        return num_classes

    def real_loss(self, head: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """Weighted cross-entropy of the labels, `(batch,)`."""
        nats = ops.sparse_categorical_crossentropy(labels, head, from_logits=True)
        return self.weight * nats

    def fake_loss(
        self, head: tf.Tensor, labels: tf.Tensor | None, latent: tf.Tensor
    ) -> tf.Tensor:
        """Weighted cross-entropy of the labels, `(batch,)`."""
        return self.real_loss(head, labels)

    def terms(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        labels: tf.Tensor | None,
        latent: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """`class_accuracy` on real, `fake_class_accuracy` on generated examples."""
        heads = zip(self.term_names, (real, fake), strict=True)
        return {name: _accuracy(head, labels) for name, head in heads}


@value
class InfoGAN(Auxiliary):
    """Parts of the noise are codes that the discriminator predicts from a sample.

    The generator's first inputs are a categorical code and continuous codes. The
    categorical code is the one-hot position of the largest of `categories` standard
    normal values. Continuous codes are standard normal values. The head returns one
    logit per category, then the means and the log variances of the continuous codes.

    Attributes:
        categories: Number of categories, >= 2, or 0 for no categorical code.
        continuous: Number of continuous codes, >= 0.
        weight: Factor of the categorical code's bound, > 0.
        continuous_weight: Factor of the continuous codes' bound, > 0.

    References:
        Chen et al., "InfoGAN", 2016, eq. 5 and 6.

    Example:
        >>> task = kg.InfoGAN(categories=3, continuous=1)
        >>> noise = tf.constant([[0.1, 2.0, -1.0, 0.5, 0.7]])
        >>> task.latent(noise).numpy()
        array([[0. , 1. , 0. , 0.5, 0.7]], dtype=float32)
        >>> task.head_size(num_classes=None, noise_dim=5)
        5
    """

    categories: int = 10
    continuous: int = 2
    weight: float = 1.0
    continuous_weight: float = 0.1
    term_names = ("mutual_information",)

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")
        check_positive(self.continuous_weight, "continuous_weight")
        check_type(self.categories, int, "categories")
        check_type(self.continuous, int, "continuous")
        if self.categories < 0 or self.categories == 1 or self.continuous < 0:
            raise ValueError(
                "categories must be 0 or >= 2 and continuous must be >= 0, received "
                f"{self.categories} and {self.continuous}."
            )
        check_positive(self.categories + self.continuous, "the number of codes")

    def head_size(self, num_classes: int | None, noise_dim: int) -> int:
        """`categories + 2 * continuous`."""
        codes = self.categories + self.continuous
        if num_classes is not None or noise_dim < codes:
            labels = f", and labels of {num_classes} classes" if num_classes else ""
            raise ValueError(
                f"InfoGAN requires a generator with at least {codes} values of noise "
                f"and no labels, received one with {noise_dim} values{labels}."
            )
        return self.categories + 2 * self.continuous

    def latent(self, noise: tf.Tensor) -> tf.Tensor:
        """The noise, with its first values replaced by a one-hot code."""
        if not self.categories:
            return noise
        code, rest = noise[:, : self.categories], noise[:, self.categories :]
        # The first of equal values. LiteRT has no builtin operators for ops.argmax.
        largest = tf.argmax(code, axis=-1, output_type=tf.int32)
        is_largest = ops.equal(largest[:, tf.newaxis], ops.arange(self.categories))
        return ops.concatenate([ops.cast(is_largest, noise.dtype), rest], axis=-1)

    def with_codes(
        self,
        noise: np.ndarray,
        category: int | None = None,
        continuous: dict[int, float] | None = None,
    ) -> np.ndarray:
        """Noise for `generate` with chosen values of codes.

        Args:
            noise: Standard normal, `(batch, noise_dim)`.
            category: The category of all rows, in [0, categories).
            continuous: Values of continuous codes by number.

        Returns:
            A changed copy.
        """
        noise = np.array(noise, np.float32)
        if category is not None:
            if not 0 <= category < self.categories:
                raise ValueError(
                    f"category must be in [0, {self.categories}), received {category}."
                )
            noise[:, : self.categories] = np.eye(self.categories)[category]
        for number, chosen in (continuous or {}).items():
            if not 0 <= number < self.continuous:
                raise ValueError(
                    f"continuous must have keys in [0, {self.continuous}), received "
                    f"{number}."
                )
            noise[:, self.categories + number] = chosen
        return noise

    def information(
        self, head: tf.Tensor, latent: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`log Q(code | sample) + H(code)` in nats, `(batch,)`, for both kinds.

        Its mean is a lower bound of the mutual information (Chen et al. 2016, eq. 4).
        """
        k, c = self.categories, self.continuous
        head = ops.cast(head, latent.dtype)
        categorical = ops.zeros_like(latent[:, 0])
        if k:
            log_q = ops.log_softmax(head[:, :k], axis=-1)
            categorical = ops.sum(latent[:, :k] * log_q, axis=-1) + math.log(k)
        codes = latent[:, k : k + c]
        mean, log_var = head[:, k : k + c], head[:, k + c :]
        # log N(code; mean, exp(log_var)) + log(2 pi e) / 2, summed over the codes
        squared = ops.square(codes - mean) * ops.exp(-log_var)
        return categorical, 0.5 * ops.sum(1 - log_var - squared, axis=-1)

    def real_loss(self, head: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """0: real examples have no codes."""
        return ops.zeros_like(head[:, 0])

    def fake_loss(
        self, head: tf.Tensor, labels: tf.Tensor | None, latent: tf.Tensor
    ) -> tf.Tensor:
        """The negative weighted bound, `(batch,)`."""
        categorical, continuous = self.information(head, latent)
        return -self.weight * categorical - self.continuous_weight * continuous

    def terms(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        labels: tf.Tensor | None,
        latent: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """`mutual_information`: a lower bound over all codes, in nats."""
        categorical, continuous = self.information(fake, latent)
        return {"mutual_information": ops.mean(categorical + continuous)}


def _accuracy(head: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    right = ops.equal(ops.argmax(head, axis=-1), ops.cast(labels, "int32"))
    return ops.mean(ops.cast(right, "float32"))

"""Second tasks of a GAN's discriminator: to name the class, or the latent code."""

import abc
import math

import numpy as np
import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_positive, check_type


class Auxiliary(abc.ABC):
    """A task for the discriminator's second output, the head.

    The discriminator minimises its loss on both kinds of examples, the generator on
    its own.

    Attributes:
        term_names: Names of what `terms` returns.
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
            latent: What the generator made them from, `(batch, noise_dim)`.
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
        """Width of the head that the task needs.

        Raises:
            ValueError: If the task does not fit a generator of such inputs.
        """

    def latent(self, noise: tf.Tensor) -> tf.Tensor:
        """The generator's input from standard normal noise, `(batch, noise_dim)`."""
        return noise


@value
class AuxiliaryClassifier(Auxiliary):
    """The discriminator also names the class; the generator is to make that easy.

    Attributes:
        weight: Factor of the cross-entropies, > 0.

    References:
        Odena, Olah and Shlens, "Conditional image synthesis with auxiliary classifier
        GANs", 2017, eq. 2 and 3.
    """

    weight: float = 1.0
    term_names = ("class_accuracy", "fake_class_accuracy")

    def __post_init__(self) -> None:
        check_positive(self.weight, "weight")

    def head_size(self, num_classes: int | None, noise_dim: int) -> int:
        """One logit per class."""
        if num_classes is None:
            raise ValueError("AuxiliaryClassifier needs a generator that takes labels.")
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
    """Parts of the noise are codes that the discriminator is to read from a sample.

    The generator's first inputs are a categorical code, the one-hot position of the
    largest of as many standard normal values, and continuous codes, standard normal
    values as they are. The head gives a logit per category, then the means, then the
    log variances of the continuous codes.

    Attributes:
        categories: Number of categories, >= 2, or 0 for no categorical code.
        continuous: Number of continuous codes, >= 0.
        weight: Factor of the categorical code's bound, > 0.
        continuous_weight: Factor of the continuous codes' bound, > 0.

    References:
        Chen et al., "InfoGAN", 2016, eq. 5 and 6.
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
                "categories must be 0 or at least 2 and continuous at least 0, "
                f"received {self.categories} and {self.continuous}."
            )
        check_positive(self.categories + self.continuous, "the number of codes")

    def head_size(self, num_classes: int | None, noise_dim: int) -> int:
        """`categories + 2 * continuous`."""
        codes = self.categories + self.continuous
        if num_classes is not None or noise_dim < codes:
            labels = f", and labels of {num_classes} classes" if num_classes else ""
            raise ValueError(
                f"InfoGAN needs a generator of at least {codes} values of "
                f"noise and no labels; received one of {noise_dim} values{labels}."
            )
        return self.categories + 2 * self.continuous

    def latent(self, noise: tf.Tensor) -> tf.Tensor:
        """The noise with its first values made a one-hot code."""
        if not self.categories:
            return noise
        code, rest = noise[:, : self.categories], noise[:, self.categories :]
        # The first of equals. LiteRT has no builtin operators for ops.argmax.
        largest = tf.argmax(code, axis=-1, output_type=tf.int32)
        is_largest = ops.equal(largest[:, tf.newaxis], ops.arange(self.categories))
        return ops.concatenate([ops.cast(is_largest, noise.dtype), rest], axis=-1)

    def with_codes(
        self,
        noise: np.ndarray,
        category: int | None = None,
        continuous: dict[int, float] | None = None,
    ) -> np.ndarray:
        """Noise for `generate` in which codes have chosen values.

        Args:
            noise: Standard normal, `(batch, noise_dim)`.
            category: The category of all rows, in [0, categories).
            continuous: Values of continuous codes by their number.

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
                    f"continuous codes are numbered in [0, {self.continuous}), "
                    f"received {number}."
                )
            noise[:, self.categories + number] = chosen
        return noise

    def information(
        self, head: tf.Tensor, latent: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`log Q(code | sample) + H(code)` in nats, `(batch,)`, of both kinds of codes.

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
        """Minus the weighted bound, `(batch,)`."""
        categorical, continuous = self.information(head, latent)
        return -self.weight * categorical - self.continuous_weight * continuous

    def terms(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        labels: tf.Tensor | None,
        latent: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """`mutual_information`: its lower bound in nats, over all codes."""
        categorical, continuous = self.information(fake, latent)
        return {"mutual_information": ops.mean(categorical + continuous)}


def _accuracy(head: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    right = ops.equal(ops.argmax(head, axis=-1), ops.cast(labels, "int32"))
    return ops.mean(ops.cast(right, "float32"))

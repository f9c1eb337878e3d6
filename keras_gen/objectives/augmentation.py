"""Augmentations of a discriminator's inputs, with the random numbers as an argument.

They change real and generated images alike, and gradients pass through them to the
generator. Images are on the scale [-1, 1], so 0 is mid-grey: it fills holes and the
pixels that a shift moves in.

References:
    Zhao, Liu, Lin, Zhu and Han, "Differentiable augmentation for data-efficient GAN
    training", 2020. Karras, Aittala, Hellsten, Laine, Lehtinen and Aila, "Training
    generative adversarial networks with limited data", 2020.
"""

import abc
import math

import tensorflow as tf

from ..engine import parts
from ..serialization import value
from ..validation import check_positive, check_type
from .corruption import shifted

KINDS = ("flip", "brightness", "saturation", "contrast", "translation", "cutout")


class Augmentation(abc.ABC):
    """A random, differentiable change of images.

    The probability of each transformation is part of the training state. It starts at
    `initial_probability`, and `update` changes it.

    Attributes:
        adaptive: Whether `update` changes the probability.
        initial_probability: The probability at the beginning of training.

    Example:
        >>> augmentation = kg.DifferentiableAugmentation()
        >>> draws = tf.fill((2, augmentation.num_draws), 0.3)
        >>> images = tf.ones((2, 8, 8, 1))
        >>> same = augmentation(images, draws, tf.constant(0.0))
        >>> bool(tf.reduce_all(same == images))
        True
    """

    adaptive = False
    initial_probability = 1.0

    @property
    @abc.abstractmethod
    def num_draws(self) -> int:
        """Number of uniform numbers per image."""

    @abc.abstractmethod
    def __call__(
        self, x: tf.Tensor, draws: tf.Tensor, probability: float | tf.Tensor = 1.0
    ) -> tf.Tensor:
        """Returns changed images of the same shape.

        Args:
            x: Images in [-1, 1], float32 `(batch, height, width, channels)`.
            draws: Uniform on (0, 1), float32 `(batch, num_draws)`.
            probability: Probability of each transformation, in [0, 1], a scalar. At 0
                the images are unchanged.

        Raises:
            ValueError: If `x` is not a batch of images.
        """

    def update(self, probability: tf.Tensor, real_logits: tf.Tensor) -> tf.Tensor:
        """The probability after a step of the discriminator; unchanged by default.

        Args:
            probability: The probability before the step, a scalar.
            real_logits: The discriminator's logits of the augmented real images of the
                step, `(batch, ...)`, minus the `threshold` of the objective: they are
                above 0 for images that look real.
        """
        del real_logits
        return probability


@value
class DifferentiableAugmentation(Augmentation):
    """Colour, translation, cutout (Zhao et al. 2020, section 3.2) and mirror images.

    The default ranges are those of the authors' code, which has no mirror images. Each
    transformation is drawn separately for each image. An amount of 0 disables it.

    Attributes:
        brightness: Largest value added to or subtracted from an image.
        saturation: The distance from the grey of the same pixel is multiplied by
            1 - saturation to 1 + saturation, in [0, 1]. No effect on grey images.
        contrast: The distance from the image's mean is multiplied by 1 - contrast to
            1 + contrast, in [0, 1].
        translation: Largest shift in each direction, as a share of the side, rounded to
            whole pixels, in [0, 1].
        cutout: Side of a hole, as a share of the image's side, in [0, 1]. Its centre is
            uniform over the image, so a hole may cross the border.
        flip: Whether half of the images are mirrored horizontally.

    Raises:
        ValueError: If an amount is negative or too large.
        TypeError: If `flip` is not a bool.

    Example:
        >>> networks = kg.networks.mlp_gan((8, 8, 1), noise_dim=4)
        >>> augmentation = kg.DifferentiableAugmentation(brightness=0, cutout=0.25)
        >>> model = kg.GAN(*networks, augmentation=augmentation)
    """

    brightness: float = 0.5
    saturation: float = 1.0
    contrast: float = 0.5
    translation: float = 0.125
    cutout: float = 0.5
    flip: bool = False

    def __post_init__(self) -> None:
        for name in ("brightness", "saturation", "contrast", "translation", "cutout"):
            amount = getattr(self, name)
            if amount != 0:
                check_positive(amount, name)
            if name != "brightness" and amount > 1:
                raise ValueError(f"{name} must be in [0, 1], received {amount}.")
        if not isinstance(self.flip, bool):
            raise TypeError(f"flip must be a bool, received {self.flip!r}.")

    @property
    def num_draws(self) -> int:
        """Decisions, then amounts: two for a shift or a hole."""
        return len(KINDS) + 8

    def __call__(
        self, x: tf.Tensor, draws: tf.Tensor, probability: float | tf.Tensor = 1.0
    ) -> tf.Tensor:
        """Returns changed images; see `Augmentation`."""
        if len(x.shape) != 4:
            raise ValueError(
                "augmentation requires images (batch, height, width, channels), "
                f"received shape {tuple(x.shape)}."
            )
        decided = draws[:, : len(KINDS)] < probability
        chosen: dict[str, tf.Tensor] = dict(
            zip(KINDS, tf.unstack(decided, axis=1), strict=True)
        )
        amounts = tf.unstack(draws[:, len(KINDS) :], axis=1)
        if self.flip:
            mirrored = chosen["flip"] & (amounts[0] < 0.5)
            x = tf.where(_per_image(mirrored), x[:, :, ::-1], x)
        x = self._recoloured(x, chosen, amounts[1:4])
        if self.translation:
            x = _translated(x, chosen["translation"], amounts[4:6], self.translation)
        if self.cutout:
            x = _with_hole(x, chosen["cutout"], amounts[6:8], self.cutout)
        return x

    def _recoloured(
        self, x: tf.Tensor, chosen: dict[str, tf.Tensor], amounts: list[tf.Tensor]
    ) -> tf.Tensor:
        """Brightness, saturation and contrast, in the order of the reference."""
        brightness, saturation, contrast = (
            _per_image(tf.where(chosen[kind], (2 * u - 1) * getattr(self, kind), 0.0))
            for kind, u in zip(KINDS[1:4], amounts, strict=True)
        )
        if self.brightness:
            x = x + brightness
        if self.saturation and x.shape[-1] > 1:
            grey = tf.reduce_mean(x, axis=3, keepdims=True)
            x = x * (1 + saturation) - grey * saturation  # exact at 0
        if self.contrast:
            mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
            x = x * (1 + contrast) - mean * contrast
        return x


@value
class AdaptiveAugmentation(Augmentation):
    """Raises the probability while the discriminator overfits, and lowers it otherwise.

    After each step of the discriminator the probability changes by
    `batch * sign(r - target) / images_to_full`, within [0, 1]. `r` is the mean sign of
    the logits of real images (Karras et al. 2020, section 3.1, eq. 1; there it changes
    every fourth step), or of what they are above the `threshold` of the objective. A
    discriminator that guesses has r = 0. One that recognizes all real images has r = 1.
    Above a probability of about 0.8, the generator may learn the augmentation itself
    (section 2.2).

    Attributes:
        augmentation: The augmentation of the images.
        target: The target of r, in (0, 1).
        images_to_full: Number of real images that raise the probability from 0 to 1.

    Raises:
        ValueError: If the target or the number of images is out of range.
        TypeError: If `augmentation` is not an augmentation, or is adaptive itself.

    Example:
        >>> augmentation = kg.AdaptiveAugmentation(images_to_full=1000)
        >>> logits = tf.ones((100, 1))  # an overfitting discriminator: r = 1
        >>> probability = augmentation.update(tf.constant(0.2), logits)
        >>> round(float(probability), 4)
        0.3
    """

    augmentation: Augmentation = DifferentiableAugmentation()
    target: float = 0.6
    images_to_full: int = 500_000

    adaptive = True
    initial_probability = 0.0

    def __post_init__(self) -> None:
        check_type(self.augmentation, Augmentation, "augmentation")
        if self.augmentation.adaptive:
            raise TypeError(
                "augmentation must not be adaptive itself, received "
                f"{self.augmentation}."
            )
        check_positive(self.target, "target")
        if self.target >= 1:
            raise ValueError(f"target must be in (0, 1), received {self.target}.")
        check_positive(self.images_to_full, "images_to_full", integer=True)

    @property
    def num_draws(self) -> int:
        """Number of uniform numbers per image."""
        return self.augmentation.num_draws

    def __call__(
        self, x: tf.Tensor, draws: tf.Tensor, probability: float | tf.Tensor = 1.0
    ) -> tf.Tensor:
        """Returns changed images; see `Augmentation`."""
        return self.augmentation(x, draws, probability)

    def update(self, probability: tf.Tensor, real_logits: tf.Tensor) -> tf.Tensor:
        """The probability after a step of the discriminator; see `Augmentation`."""
        signs = tf.sign(tf.cast(real_logits, tf.float32))
        wanted = self.target * tf.cast(tf.size(signs), tf.float32)
        excess = parts.counted(tf.reduce_sum(signs) - wanted)
        batch = tf.cast(parts.num_rows(signs), tf.float32)
        batch, excess = parts.total([batch, excess])
        step = batch / self.images_to_full * tf.sign(excess)
        return tf.clip_by_value(probability + step, 0.0, 1.0)


def _translated(
    x: tf.Tensor, chosen: tf.Tensor, amounts: list[tf.Tensor], share: float
) -> tf.Tensor:
    """Images shifted by up to `share` of their sides."""
    limits = [_pixels(side, share) for side in x.shape[1:3]]
    shifts = [
        tf.where(chosen, tf.cast(u * (2 * limit + 1), tf.int32) - limit, 0)
        for u, limit in zip(amounts, limits, strict=True)
    ]
    return shifted(x, shifts, limits)


def _with_hole(
    x: tf.Tensor, chosen: tf.Tensor, amounts: list[tf.Tensor], share: float
) -> tf.Tensor:
    """Images with a rectangle of zeros, of `share` of their sides."""
    rows, columns = (
        _covered(u, side, _pixels(side, share))
        for u, side in zip(amounts, x.shape[1:3], strict=True)
    )
    hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return tf.where(hole[..., None], 0.0, x)


def _covered(u: tf.Tensor, side: int, length: int) -> tf.Tensor:
    """Which pixels of a side, `(batch, side)`, a hole of `length` pixels covers."""
    centre = tf.cast(u * (side + 1 - length % 2), tf.int32)
    from_first = tf.range(side) - (centre - length // 2)[:, None]
    return (from_first >= 0) & (from_first < length)


def _pixels(side: int, share: float) -> int:
    return math.floor(side * share + 0.5)


def _per_image(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, (-1, 1, 1, 1))

"""Autoregressive model of grey levels: each value given the previous ones."""

import math
from typing import Any

import keras
import tensorflow as tf

from .. import networks
from ..capabilities import (
    CompletesImages,
    Generates,
    Scores,
    to_complete,
)
from ..distributions import Bernoulli, PixelDistribution
from ..model import GenerativeModel
from ..networks.stepwise import check_autoregressive, draw_positions
from ..objectives.corruption import Corruption
from ..random import RowNoise, normal, normal_to_uniform
from ..rows import Rows, rows_per_call
from ..serialization import register
from ..specs import SEEDS, Noise, Spec, condition_of_shape, of_shape
from ..validation import check_type

OBSERVATION_STREAM = 1
RAW_VALUES_PER_CALL = 2**23
ROWS_PER_CALL = 256  # a network's activations at all positions are held at once


@register
class PixelAutoregressive(Generates, Scores, CompletesImages, GenerativeModel):
    """p(x) as the product of p(pixel | previous pixels) over pixels in raster order.

    The network makes it a MADE, PixelCNN or gated PixelCNN. With networks of two inputs
    (value, one-hot labels) it is class-conditional. Vectors are rows of values.

    Examples are in [0, 1] and are rounded to the nearest level of the distribution.

    Args:
        network: `networks.pixel_made`, `pixel_cnn` or `gated_pixel_cnn`, or a
            Functional model of `VerticalStackConv2D`, `HorizontalStackConv2D` and
            layers that act on each pixel alone. It maps examples to raw values of the
            distribution, `(batch, height, width, raw_size)`, or `(batch, features,
            raw_size)`.
        distribution: The distribution of a pixel. The default is `Bernoulli()`, for
            binary images.
        observation: Draws the example that the model explains, such as
            `StochasticBinarization()`, in training and in `keras_gen.metrics`.
            `log_prob` takes an example as it is.
        condition: The spec of the network's second input. None means class labels.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If the network is not a built Functional or Sequential model, or if
            the distribution or observation has the wrong type.
        ValueError: If the network can see future pixels, or if shapes do not fit.

    References:
        van den Oord et al., "Pixel recurrent neural networks", 2016, and "Conditional
        image generation with PixelCNN decoders", 2016; Salimans et al., "PixelCNN++",
        2017; Germain et al., "MADE", 2015.

    Example:
        >>> import keras_gen as kg
        >>> network = kg.networks.pixel_made((4, 4, 1), units=(16,))
        >>> model = kg.PixelAutoregressive(network, seed=0)
        >>> model.sample(2, seed=7).shape
        (2, 4, 4, 1)
    """

    arguments = ("network", "distribution", "observation", "condition")

    def __init__(
        self,
        network: keras.Model,
        distribution: PixelDistribution | None = None,
        *,
        observation: Corruption | None = None,
        condition: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        distribution = distribution or Bernoulli()
        check_type(distribution, PixelDistribution, "distribution")
        check_type(observation, Corruption | None, "observation")
        shape = check_autoregressive(network)
        networks.check_raw_output(network, "network")
        inputs = of_shape(shape, is_unit=True)
        channels = shape[2] if len(shape) == 3 else 1
        expected, size = distribution.raw_size(channels), network.output_shape[-1]
        if size != expected:
            raise ValueError(
                f"network must return {expected} raw values per pixel for "
                f"{distribution} with {channels} channels, received {size}. Build it "
                f"with raw_size={expected}."
            )
        shape = networks.condition_shape(network=network)
        if condition is None and shape is not None:
            condition = condition_of_shape(shape)
        names = ["loss", "bits_per_dim"]
        specs = {"condition": condition, "term_names": names}
        super().__init__(inputs, **specs, seed=seed, **kwargs)
        self.network, self.distribution = network, distribution
        self.observation = observation

    @property
    def noise(self) -> Noise:
        """One number per value of an example."""
        return Noise(self.inputs.shape)

    @property
    def draws_levels(self) -> bool:
        """True: samples are draws of levels."""
        return True

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, the mean negative log-likelihood in nats, and `bits_per_dim`."""
        x = self._observe(x, noise)
        loss = -tf.reduce_mean(self._log_prob(x, condition, training=training))
        return {"loss": loss, "bits_per_dim": self.inputs.bits(loss)}

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The data that the model explains: `x`, or one observation of each example.

        Args:
            x: float32 examples, `(batch, *inputs.shape)`.
            seed: int32 `(batch,)`, seeds of the observations.
        """
        return self._observe(x, RowNoise(seed))

    def _observe(self, x: tf.Tensor, noise: RowNoise) -> tf.Tensor:
        if self.observation is None:
            return x
        return self.observation.apply(x, noise, OBSERVATION_STREAM)

    # scores

    def log_prob(self, x: Rows, *, condition: Any = None) -> Rows:
        """Exact log-likelihood of grey levels; see `Scores.log_prob`."""
        few = RAW_VALUES_PER_CALL // math.prod(self.network.output_shape[1:])
        most = self._rows_per_call
        rows = max(min(2, most), min(most, few))  # XLA would compile a single row
        given = self._given(condition, x=(x, self.inputs))
        return self._rows.run(self._log_prob, given, rows=rows)

    def bits_per_dim(self, x: Rows, *, condition: Any = None, seed: int = 0) -> Rows:
        """Bits per value: the negative log-likelihood over the size and log 2.

        Args:
            x: Examples, `(batch, *inputs.shape)`, uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Has no effect: the likelihood is exact.

        Returns:
            float32 `(batch,)`; log2(levels) if all levels are equally likely.
        """
        del seed
        return self.inputs.bits(-self.log_prob(x, condition=condition))

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, condition)

    def _log_prob(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        training: bool = False,
    ) -> tf.Tensor:
        x, known = self.distribution.nearest(x), self._known(condition)
        raw = networks.apply(self.network, x, known, training=training)
        x = x if len(self.inputs.shape) == 3 else x[..., tf.newaxis]
        return self.distribution.log_prob(x, raw, x.shape.rank - 1)

    # sampling and completion

    @property
    def _rows_per_call(self) -> int:
        return min(rows_per_call(self.inputs.size), ROWS_PER_CALL)

    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Draws pixel by pixel from noise; see `Generates.generate`."""
        given = self._given(condition, noise=(noise, self.noise))
        return self._rows.run(self._generate, given, rows=self._rows_per_call)

    def sample_rows(self, seed: Rows, *, condition: Any = None) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`."""
        given = self._given(condition, seed=(seed, SEEDS))
        return self._rows.run(self._sample_rows, given, rows=self._rows_per_call)

    def complete_image_rows(
        self,
        x: Rows,
        kept: Any,
        seed: Any,
        temperature: Any,
        *,
        condition: Any = None,
    ) -> Rows:
        """`complete_image` with one value of each argument per row, `(batch,)`."""
        given = self._given(condition, **to_complete(self, x, kept, seed, temperature))
        return self._rows.run(self._complete, given, rows=self._rows_per_call)

    def _sample_rows(
        self, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._generate(normal(seed, self.noise.shape), condition)

    def _generate(
        self, noise: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        uniform = self._pixels(normal_to_uniform(noise))

        def draw(raw: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return self.distribution.from_uniform(tf.gather(uniform, i, axis=1), raw)

        return self._draw(draw, condition, noise)

    def _complete(
        self,
        x: tf.Tensor,
        kept: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        condition: tf.Tensor | None = None,
    ) -> tf.Tensor:
        uniform = self._pixels(normal_to_uniform(normal(seed, self.noise.shape)))
        known = self._pixels(self.distribution.nearest(x))
        pixels_per_row = uniform.shape[1] // self.inputs.shape[0]
        kept, temperature = kept[:, tf.newaxis], temperature[:, tf.newaxis]

        def draw(raw: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            numbers = tf.gather(uniform, i, axis=1)
            drawn = self.distribution.from_uniform(numbers, raw, temperature)
            is_known = i // pixels_per_row < kept
            return tf.where(is_known, tf.gather(known, i, axis=1), drawn)

        return self._draw(draw, condition, x)

    def _draw(
        self, draw: Any, condition: tf.Tensor | None, like: tf.Tensor
    ) -> tf.Tensor:
        """Draws as many rows as `like` has. Loop bodies see a static number of rows."""
        rows = like.shape[0] or tf.shape(like)[0]
        return draw_positions(self.network, draw, self._known(condition), rows)

    def _pixels(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, pixels, channels)`."""
        channels = self.inputs.shape[2] if len(self.inputs.shape) == 3 else 1
        return tf.reshape(x, (-1, self.inputs.size // channels, channels))

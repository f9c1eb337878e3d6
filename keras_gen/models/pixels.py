"""Autoregressive model of grey levels: each value given those before it.

Rooms: `networks` (MADE, PixelCNN, their loop over positions), `distributions` (a
pixel's values).
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .. import networks
from ..capabilities import Continues, Generates, Observes, Scores
from ..distributions import Bernoulli, PixelDistribution
from ..model import GenerativeModel
from ..networks.stepwise import check_autoregressive, draw_positions
from ..objectives.corruption import Corruption
from ..random import RowNoise, normal, normal_to_uniform
from ..rows import Rows
from ..serialization import register
from ..validation import check_type

RAW_VALUES_PER_CALL = 2**23
ROWS_PER_CALL = 256  # a network's activations at all positions are held at once


@register
class PixelAutoregressive(Continues, Generates, Observes, Scores, GenerativeModel):
    """p(x), the product over pixels in raster order of p(pixel | pixels before it).

    The network decides what it is: MADE, PixelCNN, gated PixelCNN. With networks of two
    inputs (value, one-hot labels) it is class-conditional. Vectors are rows of values.

    Examples lie in [0, 1] and count as the nearest grey levels of the distribution.

    Args:
        network: `networks.pixel_made`, `pixel_cnn` or `gated_pixel_cnn`, or a
            Functional model of `VerticalStackConv2D`, `HorizontalStackConv2D` and
            layers that act on each pixel alone: examples to raw values of the
            distribution, `(batch, height, width, raw_size)`, or `(batch, features,
            raw_size)`.
        distribution: That of a pixel; default Bernoulli, for binary images.
        observation: Draws the example that the model explains, such as
            `StochasticBinarization()`, in training and in `keras_gen.metrics`; but
            `log_prob` takes an example as it is.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If the network is no built Functional or Sequential model, or the
            distribution or observation is none.
        ValueError: If the network could see pixels to come, or shapes do not fit.

    References:
        van den Oord et al., "Pixel recurrent neural networks", 2016, and "Conditional
        image generation with PixelCNN decoders", 2016; Salimans et al., "PixelCNN++",
        2017; Germain et al., "MADE", 2015.
    """

    arguments = ("network", "distribution", "observation")

    def __init__(
        self,
        network: keras.Model,
        distribution: PixelDistribution | None = None,
        *,
        observation: Corruption | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        distribution = distribution or Bernoulli()
        check_type(distribution, PixelDistribution, "distribution")
        check_type(observation, Corruption | None, "observation")
        shape = check_autoregressive(network)
        networks.check_raw_output(network, "network")
        channels = shape[2] if len(shape) == 3 else 1
        expected, size = distribution.raw_size(channels), network.output_shape[-1]
        if size != expected:
            raise ValueError(
                f"network must give {expected} raw values per pixel, as {distribution} "
                f"takes for {channels} channels; it gives {size}: raw_size={expected}."
            )
        super().__init__(
            data_shape=shape,
            unit_interval=True,
            num_classes=networks.num_classes(network=network),
            term_names=["loss", "bits_per_dim"],
            seed=seed,
            **kwargs,
        )
        self.network, self.distribution = network, distribution
        self.observation = observation

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number per value of an example."""
        return self.data_shape

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, labels)

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: minus the mean log-likelihood, nats; `bits_per_dim`."""
        x = self._observe(x, noise)
        loss = -tf.reduce_mean(self._log_prob(x, labels, training=training))
        return {"loss": loss, "bits_per_dim": self._bits(loss)}

    def bits_per_dim(self, x: Rows, labels: Any = None) -> Rows:
        """Bits that each value of an image costs: `log_prob` over log 2 and the size.

        Args:
            x: Examples, `(batch, *data_shape)`, uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch,)`; log2(levels) if all levels are equally likely.
        """
        return self._bits(-self.log_prob(x, labels))

    def _bits(self, nll: Rows) -> Rows:
        return nll / (math.prod(self.data_shape) * math.log(2))

    def _rows_per_call(self, num_rows: int) -> int:
        return min(super()._rows_per_call(num_rows), ROWS_PER_CALL)

    def _rows_for(self, arrays: dict[str, np.ndarray], most: int) -> int:
        """Few where all pixels have their raw values at once; two if there are."""
        if "x" not in arrays or "kept" in arrays:
            return most  # one pixel at a time
        few = RAW_VALUES_PER_CALL // math.prod(self.network.output_shape[1:])
        return max(min(2, most), min(most, few))

    def _by_pixel(self, x: tf.Tensor) -> tf.Tensor:
        """Vectors as pixels of one channel."""
        return x if len(self.data_shape) == 3 else x[..., tf.newaxis]

    def _log_prob(
        self, x: tf.Tensor, labels: tf.Tensor | None = None, *, training: bool = False
    ) -> tf.Tensor:
        x = self.distribution.nearest(x)
        raw, x = (
            networks.apply(self.network, x, labels, training=training),
            self._by_pixel(x),
        )
        return self.distribution.log_prob(x, raw, x.shape.rank - 1)

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        uniform = self._pixels(normal_to_uniform(noise))

        def draw(raw: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return self.distribution.from_uniform(tf.gather(uniform, i, axis=1), raw)

        return self._draw(draw, labels, noise)

    def _continue(
        self,
        x: tf.Tensor,
        kept: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        uniform = self._pixels(normal_to_uniform(normal(seed, self.noise_shape)))
        known = self._pixels(self.distribution.nearest(x))
        pixels_per_row = uniform.shape[1] // self.data_shape[0]
        kept, temperature = kept[:, tf.newaxis], temperature[:, tf.newaxis]

        def draw(raw: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            numbers = tf.gather(uniform, i, axis=1)
            drawn = self.distribution.from_uniform(numbers, raw, temperature)
            is_known = i // pixels_per_row < kept
            return tf.where(is_known, tf.gather(known, i, axis=1), drawn)

        return self._draw(draw, labels, x)

    def _draw(self, draw: Any, labels: tf.Tensor | None, like: tf.Tensor) -> tf.Tensor:
        """Draws as many rows as `like` has; bodies of loops see a static number."""
        rows = like.shape[0] or tf.shape(like)[0]
        if labels is not None:
            labels = networks.one_hot(labels, self.num_classes)
        return draw_positions(self.network, draw, labels, rows)

    def _pixels(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, pixels, channels)`."""
        channels = self.data_shape[2] if len(self.data_shape) == 3 else 1
        pixels = math.prod(self.data_shape) // channels
        return tf.reshape(x, (-1, pixels, channels))

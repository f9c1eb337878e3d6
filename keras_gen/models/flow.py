"""Normalizing flow: exact likelihood by invertible maps, for vectors and images.

Rooms: `bijectors` (parts, dequantization, learned base), `distributions` (base).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..bijectors import Chain, Dequantization, LazyBijector, LearnedMixture
from ..capabilities import Encodes, Generates, Scores
from ..distributions import Prior, StandardNormal
from ..examples import is_repeatable
from ..model import GenerativeModel
from ..random import RowNoise, row_seeds
from ..rows import Rows
from ..scaling import Columns, telling_rows, warn_of_constants
from ..serialization import register
from ..validation import check_type, num_rows

CONSTANT_STREAM, FILLED_ROWS = 0, 1000


@register
class Flow(Encodes, Generates, Scores, GenerativeModel):
    """An invertible map from a simple density to that of the data.

    Densities are those of the data's own units: put `Standardization()` first, or take
    a builder's bijectors, instead of scaling the data. All is computed in float32,
    under mixed precision too; bijectors of float64 compute in it, between float32.

    Columns of a table may lie anywhere: where float32 would round them visibly, as
    seconds since 1970, their mean is subtracted first, in float64 if the data are, and
    arrays of such data come back as float64. Artifacts take and give float32. A
    constant column comes back as it is, and counts in densities as a normal one of
    deviation 1 around it; a warning names it. A context is standardized too.

    With dequantization, `log_prob` is the log of the density at the middle of the cell
    of the grey values, times the volume of the cell: the log-likelihood of the grey
    values as far as the density is even within a cell. `bits_per_dim` is a bound.
    Without, images are continuous values; what a sample has beyond [0, 1] is cut.

    Args:
        bijectors: Its parts; the first one is next to the data.
        data_shape: Shape of one example, such as `(2,)` or `(28, 28, 1)`.
        base: Density on the latent side; default standard normal.
            `LearnedMixture()` is trained with the flow.
        dequantization: How grey values of images become continuous, such as
            `UniformDequantization(256)`; None for data that are continuous.
        num_classes: Number of classes if the flow is class-conditional, else None.
        context_size: Values of a continuous context if the flow is conditional on
            one, else None. One-hot labels can be columns of the context.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a part is no bijector, base or dequantization.
        ValueError: If there is no bijector, one has its weights from another flow,
            their shapes do not fit, or there are classes and a context.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015;
        Papamakarios et al., "Normalizing flows for probabilistic modeling and
        inference", 2021.
    """

    arguments = ("bijectors", "data_shape", "base", "dequantization", "num_classes")
    arguments += ("context_size",)
    lossless = gains_by_xla = standardizes = True

    def __init__(
        self,
        bijectors: Sequence[LazyBijector],
        data_shape: Sequence[int],
        *,
        base: Prior | None = None,
        dequantization: Dequantization | None = None,
        num_classes: int | None = None,
        context_size: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(base, Prior | None, "base")
        check_type(dequantization, Dequantization | None, "dequantization")
        super().__init__(
            data_shape=data_shape,
            unit_interval=dequantization is not None,
            num_classes=num_classes,
            context_size=context_size,
            term_names=["loss", "bits_per_dim"][: 1 if dequantization is None else 2],
            seed=seed,
            **kwargs,
        )
        self.dtype_policy = "float32"
        self.base = base or StandardNormal()
        self.dequantization = dequantization
        self._chain, self.bijectors = Chain(bijectors), list(bijectors)
        size = num_classes or context_size or 0
        self._latent_shape = self._chain.prepare(self.data_shape, size)
        self.columns = Columns(self.data_shape) if dequantization is None else None
        self.contexts = None
        if context_size is not None:
            self.contexts = Columns((context_size,), scaled=True)
        if dequantization is not None:
            dequantization.prepare(self.data_shape, size)
        if isinstance(base, LearnedMixture):
            base.prepare(math.prod(self._latent_shape))
        self.initialized = self.add_weight(
            (), "zeros", dtype="bool", trainable=False, name="initialized"
        )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one event on the latent side."""
        return self._latent_shape

    @property
    def takes_float64(self) -> bool:
        """Whether float64 examples stay float64 until their origin is subtracted."""
        return not self.unit_interval

    @property
    def keeps_float64(self) -> bool:
        """Whether arrays of examples leave as float64."""
        return self.columns is not None and self.columns.is_far

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that the base turns into a latent vector."""
        return (self.base.noise_size(math.prod(self.latent_shape)),)

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, labels)

    def initialize(self, x: Any, y: Any = None) -> None:
        """Sets what depends on data: `Standardization`, `ActNorm`.

        `fit` calls it before the first step, unless it was called before.

        The context is brought to mean 0 and deviation 1. Constant columns are named in
        a warning and trained with noise of deviation 1 in their place.

        Args:
            x: Examples or a dataset, as in `fit`; up to 10,000 examples count.
            y: Labels or context, as in `fit`.

        Raises:
            ValueError: If `x` is a generator, or beyond the range of a bijector.
        """
        if self._chain.needs_data or self.contexts is not None or is_repeatable(x):
            self._initialize(*telling_rows(self, x, y))
        self.initialized.assign(True)  # noqa: FBT003

    def _initialize(self, x: np.ndarray, labels: np.ndarray | None) -> None:
        if self.contexts is not None:
            self.contexts.set_scale(labels)
        if self.columns is not None:
            self.columns.set_origin(x)
            constant = self.columns.constant.numpy()
            warn_of_constants(self.name, constant)
            if constant.any():  # few rows would have noise of another deviation
                again = np.resize(np.arange(len(x)), -(-FILLED_ROWS // len(x)) * len(x))
                x, labels = x[again], None if labels is None else labels[again]
        if self._chain.needs_data:
            told = None if labels is None else tf.constant(labels)
            noise = RowNoise(tf.constant(row_seeds(self.seed, len(x))))
            near, _ = self._continuous(tf.constant(x), told, noise)
            context = self.context_of(told)
            context = None if context is None else context.numpy()
            self._chain.initialize(near.numpy(), context)

    def prepare(self, x: Any, y: Any) -> None:
        """Sets, before the first step, what depends on data."""
        if not self.initialized.numpy():
            self.initialize(x, y)

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: minus the mean log-likelihood, nats; `bits_per_dim` of images."""
        loss = -tf.reduce_mean(self._likelihood(x, labels, noise))
        bits = {} if self.dequantization is None else {"bits_per_dim": self._bits(loss)}
        return {"loss": loss, **bits}

    def bits_per_dim(
        self, x: Rows, labels: Any = None, context: Any = None, *, seed: int = 0
    ) -> Rows:
        """Bits that each value of an image costs: an upper bound, by one draw.

        Minus the log-likelihood over the number of values and log 2; 8 for even bytes.

        Args:
            x: Images, `(batch, *data_shape)`, uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.
            seed: Decides the draw of the dequantization.

        Returns:
            float32 `(batch,)`.

        Raises:
            ValueError: If the flow has no dequantization.
        """
        if self.dequantization is None:
            raise ValueError(f"bits_per_dim: {self.name} has no dequantization.")
        inputs = {"x": x, "seed": row_seeds(seed, num_rows(x))}
        return self.run(self._bits_per_dim, **inputs, labels=labels, context=context)

    def _bits(self, nll: tf.Tensor) -> tf.Tensor:
        return nll / (math.prod(self.data_shape) * math.log(2))

    def _bits_per_dim(
        self, x: tf.Tensor, seed: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._bits(-self._likelihood(x, labels, RowNoise(seed)))

    def _likelihood(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> tf.Tensor:
        """Log-likelihood, nats, `(batch,)`; of grey values one draw of its bound."""
        y, log_volume = self._continuous(x, labels, noise)
        return self._density(y, labels) + log_volume

    def _continuous(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> tuple[tf.Tensor, tf.Tensor | float]:
        """Examples as the bijectors see them in training; log of their volume."""
        if self.dequantization is None:
            return self._filled(self.columns.inward(x), noise), 0.0
        y, log_density = self.dequantize(x, labels, noise)
        return y, self.dequantization.log_cell(self.data_shape) - log_density

    def _filled(self, x: tf.Tensor, noise: RowNoise) -> tf.Tensor:
        """Noise in the place of constants, which no density can have."""
        constant = self.columns.constant.value

        def fill() -> tf.Tensor:
            drawn = noise.normal(self.data_shape, CONSTANT_STREAM)
            return x + tf.where(constant, drawn, 0.0)

        return tf.cond(tf.reduce_any(constant), fill, lambda: x)

    def dequantize(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Points in the cells of grey values, and their log density there."""
        return self.dequantization.draw(x, noise, self.context_of(labels))

    def context_of(self, labels: tf.Tensor | None) -> tf.Tensor | None:
        """What conditional bijectors see: one-hot labels, or the scaled context."""
        if labels is None:
            return None
        if self.contexts is not None:
            return self.contexts.inward(labels)
        return tf.one_hot(labels, self.num_classes)

    def _map(self, labels: tf.Tensor | None) -> Any:
        """The TFP bijector; forward leads from the latent side to data."""
        context = self.context_of(labels)
        return self._chain.bijector(None if context is None else self._own(context))

    def _own(self, x: tf.Tensor) -> tf.Tensor:
        """A tensor for the bijectors alone, of their dtype: they remember it."""
        return tf.identity(tf.cast(x, self._chain.variable_dtype))

    def _density(self, y: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """Log density of continuous values; -inf outside the support."""
        bijector, y = self._map(labels), self._own(y)
        z = bijector.inverse(y)
        log_det = bijector.inverse_log_det_jacobian(y, len(self.data_shape))
        flat = tf.reshape(tf.cast(z, tf.float32), (-1, math.prod(self.latent_shape)))
        log_prob = self.base.log_prob(flat) + tf.cast(log_det, tf.float32)
        return tf.where(tf.math.is_nan(log_prob), -math.inf, log_prob)

    def _log_prob(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        if self.dequantization is None:
            return self._density(self.columns.inward(x), labels)
        cell = self.dequantization.log_cell(self.data_shape)
        return self._density(self.dequantization.middle(x), labels) + cell

    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        if self.dequantization is None:
            y = self.columns.inward(x)
        else:
            y = self.dequantization.middle(x)
        return tf.cast(self._map(labels).inverse(self._own(y)), tf.float32)

    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        y = tf.cast(self._map(labels).forward(self._own(z)), tf.float32)
        if self.dequantization is not None:
            return self.dequantization.grey(y)
        y = self.columns.outward(y)
        return tf.clip_by_value(y, 0.0, 1.0) if self.unit_interval else y

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        z = self.base.from_noise(noise)
        return self._decode(tf.reshape(z, (-1, *self.latent_shape)), labels)

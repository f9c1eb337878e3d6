"""Normalizing flow: exact likelihood by invertible maps, for vectors and images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..bijectors import Chain, Dequantization, LazyBijector, Logit
from ..bijectors.dequantization import EDGE
from ..capabilities import Encodes, Generates, Scores, check_mask, inside
from ..distributions import Prior, StandardNormal
from ..engine.examples import is_repeatable
from ..missing import Target, draw_missing
from ..model import GenerativeModel
from ..random import RowNoise, row_seeds
from ..rows import Given, Rows, rows_per_call
from ..scaling import continuous_scale_of, telling_rows, warn_of_constants
from ..serialization import register
from ..specs import (
    SEEDS,
    Classes,
    Latents,
    Noise,
    Spec,
    Vectors,
    of_shape,
)
from ..validation import check_count, check_sizes, check_type, num_rows

CONSTANT_STREAM, CELL_STREAM = 0, 1
DRAW_STREAM = 0  # of missing values
POINTS = 16  # of a cell, for `log_prob`


@register
class Flow(Encodes, Generates, Scores, GenerativeModel):
    """An invertible map from a simple density to that of the data.

    Columns of any size are standardized inside, unless the first bijector expects the
    data's own units (`Standardization`, `Logit`). Densities are in the data's own
    units. The model computes in float32, under mixed precision too. Bijectors may
    compute in float64, with float32 inputs and outputs.

    A table is seen by the normal quantiles of its columns, codes of categories too; see
    `specs.Columns`. In training each integer, code, date, rounded or missing number is
    a random point of its cell, so that the loss bounds the negative log probability
    from above. `log_prob` is the log of the mean over 16 fixed points of each cell, an
    estimate of the log probability: a density for numeric columns, in their units.

    Columns of a table may be far from 0. If float32 would round them visibly, such as
    seconds since 1970, their mean is subtracted first, in the precision of the data,
    and samples are returned as float64 arrays. Artifacts take and return float32. A
    constant column is returned as it is. In densities it counts as a normal column with
    standard deviation 1, and a warning names it. Numeric conditions are standardized
    too.

    With dequantization, `log_prob` is the log of the density at the middle of the cell
    of the grey values, times the volume of the cell. This is the log-likelihood of the
    grey values if the density is constant within a cell. `bits_per_dim` is a bound.
    Without dequantization, images are continuous values, and samples are clipped to
    [0, 1].

    Args:
        bijectors: The bijectors, beginning at the data.
        inputs: A spec, or the shape of one example, such as `(2,)` or `(28, 28, 1)`.
        base: Density of the latent values. The default is standard normal.
            `LearnedMixture()` is trained with the flow.
        dequantization: Makes the grey values of images continuous, such as
            `UniformDequantization(256)`. None for continuous data.
        condition: The spec of the condition, such as `specs.Classes(10)` or
            `specs.Vectors(3)`, or None. Columns of vectors may hold one-hot labels.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a bijector, the base or the dequantization has the wrong type.
        ValueError: If `bijectors` is empty, if a bijector is already part of another
            flow, or if shapes do not fit.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015;
        Papamakarios et al., "Normalizing flows for probabilistic modeling and
        inference", 2021.

    Example:
        >>> import keras_gen as kg
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,), seed=0)
        >>> model.log_prob([[0.0, 0.0]]).shape
        (1,)
    """

    arguments = ("bijectors", "inputs", "base", "dequantization", "condition")
    lossless = True

    def __init__(
        self,
        bijectors: Sequence[LazyBijector],
        inputs: Spec | Sequence[int],
        *,
        base: Prior | None = None,
        dequantization: Dequantization | None = None,
        condition: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(base, Prior | None, "base")
        check_type(dequantization, Dequantization | None, "dequantization")
        check_type(condition, Classes | Vectors | None, "condition")
        if not isinstance(inputs, Spec):
            check_sizes(inputs, "inputs")
            inputs = of_shape(inputs, is_unit=dequantization is not None)
        if dequantization is not None and not inputs.is_unit:
            raise ValueError(
                "dequantization requires values in [0, 1], received inputs="
                f"{inputs}. Pass inputs=Vectors(n, is_unit=True) for such vectors."
            )
        chain = Chain(bijectors)
        size = 0 if condition is None else condition.network_shape[0]
        latent = Latents(chain.prepare(inputs.shape, size))
        names = ["loss", "bits_per_dim"][: 1 if dequantization is None else 2]
        specs = {"condition": condition, "latent": latent, "term_names": names}
        scale = continuous_scale_of(inputs, in_units=bijectors[0].reads_units)
        super().__init__(inputs, **specs, scale=scale, seed=seed, **kwargs)
        self.dtype_policy = "float32"
        self.base = base or StandardNormal()
        self.dequantization = dequantization
        self._chain, self.bijectors = chain, list(bijectors)
        if dequantization is not None:
            dequantization.prepare(inputs.shape, size)
        self.base.prepare(latent.size)
        self.initialized = self.add_weight(
            (), "zeros", dtype="bool", trainable=False, name="initialized"
        )

    @property
    def noise(self) -> Noise:
        """The noise of the base density."""
        return Noise((self.base.noise_size(self.latent.size),))

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, condition)

    # initialization from data

    def initialize(self, x: Any, y: Any = None) -> None:
        """Initializes weights that depend on data: `Standardization`, `ActNorm`.

        `fit` calls it before the first step, unless it was called before.

        The condition is standardized too. Constant columns are named in a warning and
        replaced by standard normal noise in training.

        Args:
            x: Examples or a dataset, as in `fit`. Up to 10,000 examples are used.
            y: The condition, as in `fit`.

        Raises:
            ValueError: If `x` is a generator, or outside the range of a bijector.
        """
        found = self.scale.is_found or getattr(self.condition_scale, "is_found", False)
        if self._chain.needs_data or (found and is_repeatable(x)):
            self._initialize(*telling_rows(self, x, y))
        self.initialized.assign(True)  # noqa: FBT003

    def _initialize(self, x: np.ndarray, known: np.ndarray | None) -> None:
        if getattr(self.condition_scale, "is_found", False):
            self.condition_scale.find(known)
        if self.scale.is_found:
            self.scale.find(x)
            warn_of_constants(self.name, self.scale.constant, self.inputs)
        if self._chain.needs_data:
            rows = self.scale.initial_rows(len(x))
            x, given = x[rows], None if known is None else tf.constant(known[rows])
            noise = RowNoise(tf.constant(row_seeds(self.seed, len(x))))
            near, _ = self._continuous(tf.constant(x), given, noise)
            context = self._known(given)
            context = None if context is None else context.numpy()
            self._chain.initialize(near.numpy(), context)

    def _prepare(self, x: Any, y: Any) -> None:
        """Initializes from data before the first step."""
        if not self.initialized.numpy():
            self.initialize(x, y)

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, the mean negative log-likelihood in nats, and `bits_per_dim`.

        `bits_per_dim` needs a dequantization.
        """
        loss = -tf.reduce_mean(self._likelihood(x, condition, noise))
        if self.dequantization is None:
            return {"loss": loss}
        return {"loss": loss, "bits_per_dim": self.inputs.bits(loss)}

    def _likelihood(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> tf.Tensor:
        """Log-likelihood, nats, `(batch,)`; for grey values one draw of its bound."""
        y, log_volume = self._continuous(x, condition, noise)
        return self._density(y, condition) + log_volume

    def _continuous(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> tuple[tf.Tensor, tf.Tensor | float]:
        """Examples as the bijectors see them in training, and log of their volume."""
        if self.dequantization is None:
            shape = self.inputs.shape
            y = self.scale.spread(x, lambda: noise.uniform(shape, CELL_STREAM))
            y = self.scale.fill(y, lambda: noise.normal(shape, CONSTANT_STREAM))
            return y, -self.scale.log_volume(y)
        y, log_density = self.dequantize(x, condition, noise)
        return y, self.dequantization.log_cell(self.inputs.shape) - log_density

    def dequantize(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Random points in the cells of grey values, and their log density.

        Raises:
            ValueError: If the flow has no dequantization.
        """
        if self.dequantization is None:
            raise ValueError(f"dequantize: {self.name} has no dequantization.")
        return self.dequantization.draw(x, noise, self._known(condition))

    def _map(self, condition: tf.Tensor | None) -> Any:
        """The TFP bijector. Its forward direction is from latent values to data."""
        context = self._known(condition)
        return self._chain.bijector(None if context is None else self._own(context))

    def _own(self, x: tf.Tensor) -> tf.Tensor:
        """A new tensor in the bijectors' dtype, since they cache by identity."""
        return tf.identity(tf.cast(x, self._chain.variable_dtype))

    def _density(self, y: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Log density of values as the bijectors see them; -inf outside the support."""
        bijector, y = self._map(condition), self._own(y)
        z = bijector.inverse(y)
        log_det = bijector.inverse_log_det_jacobian(y, len(self.inputs.shape))
        flat = tf.reshape(tf.cast(z, tf.float32), (-1, self.latent.size))
        log_prob = self.base.log_prob(flat) + tf.cast(log_det, tf.float32)
        return tf.where(tf.math.is_nan(log_prob), -math.inf, log_prob)

    # scores and codes

    def log_prob(self, x: Rows, *, condition: Any = None) -> Rows:
        """Exact log density, at the middle of a cell; see `Scores.log_prob`."""
        given = self._given(condition, x=(x, self.inputs))
        return self._run(self._log_prob, given)

    def bits_per_dim(self, x: Rows, *, condition: Any = None, seed: int = 0) -> Rows:
        """Bits per value of an image, an upper bound from one draw.

        This is the negative log-likelihood divided by the number of values and log 2.
        Uniform bytes have 8 bits.

        Args:
            x: Images, `(batch, *inputs.shape)`, uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the draw of the dequantization.

        Returns:
            float32 `(batch,)`.

        Raises:
            ValueError: If the flow has no dequantization.
        """
        if self.dequantization is None:
            raise ValueError(
                f"bits_per_dim requires a dequantization, and {self.name} was built "
                "with dequantization=None."
            )
        seeds = row_seeds(seed, num_rows(x)), SEEDS
        given = self._given(condition, x=(x, self.inputs), seed=seeds)
        return self._run(self._bits_per_dim, given)

    def _bits_per_dim(
        self, x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self.inputs.bits(-self._likelihood(x, condition, RowNoise(seed)))

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Maps examples to latent values; see `Encodes.encode`."""
        given = self._given(condition, x=(x, self.inputs))
        return inside(self._run(self._encode, given))

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """The inverse of `encode`; see `Encodes.decode`."""
        given = self._given(condition, z=(z, self.latent))
        return self._run(self._decode, given)

    def reconstruct(self, x: Rows, *, condition: Any = None) -> Rows:
        """Examples through the map and back; see `Encodes.reconstruct`.

        Rows outside of the support are NaN in tensors and raise in arrays, as in
        `encode`.
        """
        given = self._given(condition, x=(x, self.inputs))
        return inside(self._run(self._reconstruct, given))

    def _reconstruct(
        self, x: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._decode(self._encode(x, condition), condition)

    def _run(self, function: Any, given: Given) -> Any:
        """Runs all rows, with XLA if there are many: operations are small."""
        rows = rows_per_call(self.inputs.size)
        return self._rows.run(function, given, rows=rows, many_small=True)

    def _at_middle(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | float]:
        """Examples, or the middle of their cells, and the log of their volume."""
        if self.dequantization is None:
            y = self.scale.inward(x)
            return y, -self.scale.log_volume(y)
        cell = self.dequantization.log_cell(self.inputs.shape)
        return self.dequantization.middle(x), cell

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        if self.scale.has_cells:
            return self._mean_of_cells(x, condition)
        y, log_volume = self._at_middle(x)
        return self._density(y, condition) + log_volume

    def _mean_of_cells(self, x: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Log of the mean density at fixed points of the cells of a table."""
        size = self.inputs.size
        steps = np.arange(POINTS)[:, None, None] * _irrational(size)
        y = self.scale.inward(x[None], ((0.5 + steps) % 1).astype(np.float32))
        y = tf.reshape(y, (-1, size))
        if condition is not None:
            ones = [1] * (condition.shape.rank - 1)
            condition = tf.tile(condition, [POINTS, *ones])
        each = self._density(y, condition) - self.scale.log_volume(y)
        each = tf.reshape(each, (POINTS, -1))
        most = tf.maximum(tf.reduce_max(each, axis=0), -1e30)
        return most + tf.math.log(tf.reduce_mean(tf.exp(each - most), axis=0))

    def _encode(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        y, _ = self._at_middle(x)
        return tf.cast(self._map(condition).inverse(self._own(y)), tf.float32)

    def _decode(self, z: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        y = tf.cast(self._map(condition).forward(self._own(z)), tf.float32)
        if self.dequantization is not None:
            return self.dequantization.grey(y)
        return self._outward(y, condition)

    # sampling

    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Makes examples from draws of the base; see `Generates.generate`."""
        given = self._given(condition, noise=(noise, self.noise))
        return self._run(self._generate, given)

    def sample_rows(self, seed: Rows, *, condition: Any = None) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`."""
        if not tf.is_tensor(seed):
            most = rows_per_call(self.inputs.size)
            if self._rows.gains_by_xla(len(seed), most):
                # In one function XLA would draw the noise again at each use.
                noise = self._run(self._noise_of, {"seed": (seed, SEEDS)})
                return self.generate(noise, condition=condition)
        given = self._given(condition, seed=(seed, SEEDS))
        return self._rows.run(self._sample_rows, given)

    def _noise_of(self, seed: tf.Tensor) -> tf.Tensor:
        return random.normal(seed, self.noise.shape)

    def _sample_rows(
        self, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._generate(self._noise_of(seed), condition)

    def _generate(
        self, noise: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        z = tf.reshape(self.base.from_noise(noise), (-1, *self.latent.shape))
        return self._decode(z, condition)

    # missing values

    def inpaint(
        self,
        x: Rows,
        mask: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        num_steps: int = 100,
    ) -> np.ndarray:
        """Draws the values of a mask, given the others; see `Inpaints.inpaint`.

        A chain of Hamiltonian dynamics, and of moves in latent space, converges to the
        model's p(unknown | known), which its density gives; see
        `missing.draw_missing`. Known grey values stand at the middle of their cells,
        known cells of a table at points that the chain draws.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            mask: 1 (or True) for values to fill in, 0 for values to keep.
            condition: As in `Inpaints.inpaint`.
            seed: As in `Inpaints.inpaint`.
            num_steps: Steps of the chain, > 1. Many values that depend on each other,
                such as pixels, need more.

        Returns:
            `(batch, *inputs.shape)`. Kept values are those of `x`.

        Raises:
            ValueError: If an argument does not fit.
        """
        check_count(num_steps, "num_steps", least=2)
        rows = num_rows(x)
        if self.condition is not None:
            condition = self.condition.for_all(condition, rows)
        seeds = row_seeds(seed, rows), SEEDS
        masks = check_mask(mask, self.inputs, rows), Noise(self.inputs.shape)
        given = self._given(condition, x=(x, self.inputs), mask=masks, seed=seeds)
        static = {"num_steps": num_steps}
        return self._rows.run(self._inpaint, given, static=static, xla=False)

    def _inpaint(
        self,
        x: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        num_steps: int,
    ) -> tf.Tensor:
        is_new, first = mask > 0, self.bijectors[0]
        axes = [*range(1, x.shape.rank)]
        margin = first.margin if isinstance(first, Logit) else None
        share = 1.0 if margin is None else 1 - 2 * margin

        def free(y: tf.Tensor) -> tf.Tensor:
            """Values that chains can change freely: those after a `Logit`."""
            if margin is None:
                return y
            y = tf.clip_by_value(margin + share * y, EDGE, 1 - EDGE)
            return tf.math.log(y) - tf.math.log1p(-y)

        def bound(v: tf.Tensor) -> tf.Tensor:
            return v if margin is None else (tf.sigmoid(v) - margin) / share

        def log_slope(v: tf.Tensor) -> tf.Tensor:
            """Log |dy / dv|."""
            if margin is None:
                return tf.zeros(tf.shape(v)[0])
            slope = -tf.nn.softplus(v) - tf.nn.softplus(-v) - math.log(share)
            return tf.reduce_sum(slope, axis=axes)

        def log_prob(v: tf.Tensor) -> tf.Tensor:
            y = bound(v)
            known = 0.0
            if self.scale.has_cells:  # a known cell is uniform in units of the data
                each = tf.where(is_new, 0.0, self.scale.columns.log_slope(y))
                known = tf.reduce_sum(each, axis=axes)
            return self._density(y, condition) + log_slope(v) - known

        def encode(v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            bijector, y = self._map(condition), self._own(bound(v))
            z = bijector.inverse(y)
            volume = -bijector.inverse_log_det_jacobian(y, len(axes))
            flat = tf.reshape(tf.cast(z, tf.float32), (-1, self.latent.size))
            return flat, tf.cast(volume, tf.float32) - log_slope(v)

        def decode(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            bijector = self._map(condition)
            z = self._own(tf.reshape(z, (-1, *self.latent.shape)))
            y = tf.cast(bijector.forward(z), tf.float32)
            volume = bijector.forward_log_det_jacobian(z, len(self.latent.shape))
            v = free(y)
            return v, tf.cast(volume, tf.float32) - log_slope(v)

        def sample(noise: RowNoise) -> tf.Tensor:
            z = self.base.from_noise(noise.normal(self.noise.shape, DRAW_STREAM))
            return decode(z)[0]

        def redraw(y: tf.Tensor, choice: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
            size = self.inputs.size
            chosen = tf.cast(choice * size, tf.int32)[:, None] == tf.range(size)
            return tf.where(chosen, self.scale.inward(x, u), y)

        moves = redraw if self.scale.has_cells else None
        target = Target(log_prob, encode, decode, moves)
        start = free(self._at_middle(x)[0])
        made = draw_missing(target, start, is_new, sample, seed, num_steps=num_steps)
        made = bound(made)
        if self.dequantization is None:
            made = self.scale.outward(made)
        else:
            made = self.dequantization.grey(made)
        return tf.where(is_new, made, tf.cast(x, made.dtype))


def _irrational(size: int) -> np.ndarray:
    """Steps of a sequence that fills the unit cube evenly, `(size,)`.

    References:
        Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018.
    """
    ratio = 2.0
    for _ in range(64):  # the root of ratio**(size + 1) = ratio + 1
        ratio = (1 + ratio) ** (1 / (size + 1))
    return ratio ** -np.arange(1.0, size + 1)

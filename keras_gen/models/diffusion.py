"""Diffusion and flow matching: a network that denoises, and solvers that sample by it.

Rooms: `networks` (the denoiser), `schedules`, `parameterizations`, `objectives`
(weighting, times), `samplers`.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .. import networks
from ..averaging import Averages
from ..capabilities import Edits, GeneratesInSteps, Likelihoods
from ..examples import first_rows
from ..model import GenerativeModel
from ..objectives import Times, UniformTimes, UniformWeighting, Weighting
from ..parameterizations import Parameterization, V
from ..random import RowNoise
from ..samplers import Levels, Program, Sampling
from ..schedules import Cosine, Schedule
from ..serialization import register
from ..validation import check_share, check_type

NOISE, TIME, DROPOUT = 0, 1, 2  # streams of a step's random numbers
INITIAL_ROWS = 10_000
LARGEST_LEVEL = 2.0


@register
class Diffusion(Averages, GeneratesInSteps, Edits, Likelihoods, GenerativeModel):
    """A network that finds the example in a mixture with noise.

    Schedule, parameterization, weighting and times make it DDPM (`Linear`, `Epsilon`),
    EDM (`Karras`, `Preconditioned`, `LogNormalLevels`), flow matching (`RectifiedFlow`,
    `Velocity`) or what lies between them. Inside, images lie in [-1, 1] and vectors
    have mean 0 and deviation 1 per feature, as `fit` finds them.

    Args:
        network: Noisy examples, noise levels `(batch, 1)` and, if it is
            class-conditional, one-hot labels, all zeros for no class, to raw values
            like the examples; such as `networks.unet((28, 28, 1))`. The noise level is
            a quarter of log(sigma / alpha), within [-2, 2].
        schedule: How noise grows; default `Cosine()`.
        parameterization: What the network's output means; default `V()`.
        weighting: How much noise levels count; default all alike.
        times: Which noise levels it is trained on; default all times alike.
        label_dropout: Share of the examples whose class is withheld in training, in
            [0, 1); above 0 samples can be guided.
        moving_average: Decay of the average of the weights that all but training uses,
            in [0, 1); None for no average.
        sampling: Solver, grid and steps, unless `sample` says otherwise.
        guidance: Strength of guidance, unless `sample` says otherwise; 1 for none.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the network does not fit, or an argument its range.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020; Karras,
        Aittala, Aila and Laine, "Elucidating the design space of diffusion-based
        generative models", 2022; Lipman et al., "Flow matching for generative
        modeling", 2023; Ho and Salimans, "Classifier-free diffusion guidance", 2022.
    """

    arguments = ("network", "schedule", "parameterization", "weighting", "times")
    arguments += ("label_dropout", "moving_average", "sampling", "guidance")

    def __init__(
        self,
        network: keras.Model,
        schedule: Schedule | None = None,
        parameterization: Parameterization | None = None,
        *,
        weighting: Weighting | None = None,
        times: Times | None = None,
        label_dropout: float = 0.1,
        moving_average: float | None = 0.999,
        sampling: Sampling | None = None,
        guidance: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(schedule, Schedule | None, "schedule")
        check_type(parameterization, Parameterization | None, "parameterization")
        check_type(weighting, Weighting | None, "weighting")
        check_type(times, Times | None, "times")
        check_type(sampling, Sampling | None, "sampling")
        check_share(label_dropout, "label_dropout")
        data_shape, num_classes = networks.check_denoiser(network)
        super().__init__(
            data_shape=data_shape,
            unit_interval=False,
            num_classes=num_classes,
            term_names=["loss"],
            seed=seed,
            **kwargs,
        )
        self.network, self.schedule = network, schedule or Cosine()
        self.parameterization = parameterization or V()
        self.weighting = weighting or UniformWeighting()
        self.times = times or UniformTimes()
        self.label_dropout, self.guidance = label_dropout, guidance
        self.sampling = sampling or Sampling()
        self.start_average(network, moving_average)
        self._add_scale()

    @property
    def is_guided(self) -> bool:
        """Whether classes were withheld in training."""
        return self.num_classes is not None and self.label_dropout > 0

    def prepare(self, x: Any, y: Any) -> None:
        """Finds mean and deviation of vectors, before the first step."""
        if self.initialized.numpy():
            return
        if not self.unit_interval:
            rows = np.asarray(first_rows(self, x, y, INITIAL_ROWS)[0])
            deviation = rows.std(axis=0)
            self.mean.assign(rows.mean(axis=0))
            self.deviation.assign(np.where(deviation > 0, deviation, 1))
        self.initialized.assign(True)  # noqa: FBT003

    def update(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """One step of the network, then of its average."""
        terms = super().update(x, labels, noise)
        self.update_average(self.optimizer.iterations.value)
        return terms

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: the weighted squared error of the output, mean over values.

        Of held-out examples it is that of the moving average.
        """
        x = self._inward(x)
        fresh = noise.normal(self.data_shape, NOISE)
        t = self.times(noise.uniform((), TIME), self.schedule)
        t = tf.reshape(t, (-1, *[1] * len(self.data_shape)))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        known = self._one_hot(labels)
        if training and self.is_guided:
            kept = noise.uniform((1,), DROPOUT) >= self.label_dropout
            known = tf.where(kept, known, 0.0)
        network = self.network if training else self.sampling_network
        noisy = alpha * x + sigma * fresh
        output = self._raw(network, noisy, alpha, sigma, known, training=training)
        target = self.parameterization.target(x, fresh, alpha, sigma)
        _, out = self.parameterization.skip_and_out(alpha, sigma)
        weight = self.weighting(self.schedule.log_snr(t), out)
        return {"loss": tf.reduce_mean(weight * tf.square(output - target))}

    def _raw(
        self,
        network: keras.Model,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        known: tf.Tensor | None,
        *,
        training: bool = False,
    ) -> tf.Tensor:
        """The network's output; `known` are one-hot labels."""
        level = tf.reshape(tf.math.log(sigma / alpha) / 4, (-1, 1))
        level = tf.clip_by_value(level, -LARGEST_LEVEL, LARGEST_LEVEL)
        level += tf.zeros_like(tf.reshape(x, (tf.shape(x)[0], -1))[:, :1])
        inputs = [self.parameterization.c_in(alpha, sigma) * x, level]
        inputs += [] if known is None else [known]
        return tf.cast(network(inputs, training=training), tf.float32)

    def _denoised(
        self,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        labels: tf.Tensor | None,
        guidance: tf.Tensor | None,
    ) -> tf.Tensor:
        known, network = self._one_hot(labels), self.sampling_network
        if guidance is None:
            output = self._raw(network, x, alpha, sigma, known)
        else:
            twice = [
                tf.concat([v, v], 0) if v.shape.rank else v for v in (alpha, sigma)
            ]
            known = tf.concat([known, 0 * known], 0)
            output = self._raw(network, tf.concat([x, x], 0), *twice, known)
            known, unknown = tf.split(output, 2)
            strength = tf.reshape(guidance, (-1, *[1] * len(self.data_shape)))
            output = unknown + strength * (known - unknown)
        return self.parameterization.denoised(x, output, alpha, sigma)

    def check_levels(self, levels: Levels | Program) -> None:
        """Raises ValueError where the example vanishes from what `Epsilon` sees."""
        with tf.init_scope():
            scales = [tf.constant(v) for v in (levels.alpha, levels.sigma)]
            known = tf.stack(self.parameterization.skip_and_out(*scales)).numpy()
        if not np.isfinite(known).all():
            raise ValueError(
                f"{type(self.parameterization).__name__} says nothing of the example "
                "in pure noise, where the grid begins: take LogSNR() or Rho() as grid."
            )

    def _one_hot(self, labels: tf.Tensor | None) -> tf.Tensor | None:
        return None if labels is None else networks.one_hot(labels, self.num_classes)

    def _add_scale(self) -> None:
        """Mean and deviation of the data, and whether they are known."""
        start = {"trainable": False, "dtype": "float32"}
        shape = () if self.unit_interval else self.data_shape
        middle = 0.5 if self.unit_interval else 0.0
        constant = keras.initializers.Constant
        self.mean = self.add_weight(shape, constant(middle), name="mean", **start)
        self.deviation = self.add_weight(
            shape, constant(1.0 - middle), name="deviation", **start
        )
        start["dtype"] = "bool"
        self.initialized = self.add_weight((), "zeros", name="initialized", **start)

    def _inward(self, x: tf.Tensor) -> tf.Tensor:
        return (x - self.mean) / self.deviation

    def _outward(self, x: tf.Tensor) -> tf.Tensor:
        x = self.mean + self.deviation * x
        return tf.clip_by_value(x, 0.0, 1.0) if self.unit_interval else x

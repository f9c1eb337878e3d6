"""DenoisingModel: a network that is trained to find examples in noise."""

import math
from types import NoneType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from . import networks
from .averaging import Averages
from .capabilities import Denoises
from .capabilities.arguments import guidance_of
from .model import GenerativeModel
from .networks import reach
from .objectives import Times, UniformTimes, UniformWeighting, Weighting
from .objectives.corruption import Corruption
from .parameterizations import X0, Parameterization, V
from .random import RowNoise
from .samplers import Levels, Program, Sampling
from .scaling import ScalesData
from .schedules import Cosine, Schedule
from .threads import num_threads
from .training import count_of
from .validation import check_finite, check_share, check_type

NOISE, TIME, DROPOUT, CORRUPTION = 0, 1, 2, 3  # streams of a step's random numbers
LARGEST_LEVEL = 2.0
ROWS_PER_CALL, VALUES_PER_CALL = 64, 2**16  # the larger number of rows counts


class DenoisingModel(ScalesData, Averages, Denoises, GenerativeModel):
    """What diffusion models share: training, and the network's call.

    The arguments are those of `Diffusion`, and for a class with `restores` also
    `corruption`, whose corrupted examples the network sees beside the noisy ones.
    """

    arguments = ("network", "schedule", "parameterization", "weighting", "times")
    arguments += ("label_dropout", "ema_decay", "sampling", "guidance_scale")

    def __init__(
        self,
        network: keras.Model,
        schedule: Schedule | None = None,
        parameterization: Parameterization | None = None,
        *,
        weighting: Weighting | None = None,
        times: Times | None = None,
        label_dropout: float = 0.1,
        ema_decay: float | None = 0.999,
        sampling: Sampling | None = None,
        guidance_scale: float = 1.0,
        corruption: Corruption | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(schedule, Schedule | None, "schedule")
        check_type(parameterization, Parameterization | None, "parameterization")
        check_type(weighting, Weighting | None, "weighting")
        check_type(times, Times | None, "times")
        check_type(sampling, Sampling | None, "sampling")
        check_type(corruption, Corruption if self.restores else NoneType, "corruption")
        check_share(label_dropout, "label_dropout")
        sizes = networks.check_denoiser(network, condition=self.restores)
        options = {"unit_interval": False, "term_names": ["loss"], "seed": seed}
        super().__init__(**sizes, **options, **kwargs)
        self.network, self.schedule = network, schedule or Cosine()
        self.parameterization = parameterization or V()
        self.weighting = weighting or UniformWeighting()
        self.times = times or UniformTimes()
        self.label_dropout, self.guidance_scale = label_dropout, guidance_scale
        self.sampling, self.corruption = sampling or Sampling(), corruption
        _check_effects(self)
        _check_reach(self)
        self.start_average(network, ema_decay)
        self.add_scale()

    @property
    def sampling(self) -> Sampling:
        """Solver, grid and steps, unless a call says otherwise; can be set."""
        return self._sampling

    @sampling.setter
    def sampling(self, chosen: Sampling) -> None:
        check_type(chosen, Sampling, "sampling")
        self._sampling = chosen
        self.forget_functions()  # compiled with the other one

    @property
    def lowest(self) -> float | None:
        """Log signal-to-noise ratio below which solvers take short steps, or None."""
        return self.parameterization.lowest

    @property
    def is_guided(self) -> bool:
        """Whether classes were withheld in training."""
        return self.num_classes is not None and self.label_dropout > 0

    def _rows_per_call(self, num_rows: int) -> int:
        """Few at a time: threads gain more with a call each than within its calls."""
        most = max(ROWS_PER_CALL, VALUES_PER_CALL // math.prod(self.data_shape))
        share = -(-num_rows // num_threads())
        return min(super()._rows_per_call(num_rows), most, share)

    def update(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """One step of the network, then of its average."""
        before = count_of(self.optimizer)
        terms = super().update(x, labels, noise)
        self.update_average(self.optimizer, before)
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
        seen = None
        if self.corruption is not None:
            seen = self._inward(self.corruption.apply(x, noise, CORRUPTION))
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
        extra = [v for v in (known, seen) if v is not None]
        output = self._raw(network, noisy, alpha, sigma, extra, training=training)
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
        extra: list[tf.Tensor],
        *,
        training: bool = False,
    ) -> tf.Tensor:
        """The network's output; `extra` are one-hot labels, and corrupted images."""
        level = tf.reshape(tf.math.log(sigma / alpha) / 4, (-1, 1))
        level = tf.clip_by_value(level, -LARGEST_LEVEL, LARGEST_LEVEL)
        level += tf.zeros_like(tf.reshape(x, (tf.shape(x)[0], -1))[:, :1])
        inputs = [self.parameterization.c_in(alpha, sigma) * x, level]
        return networks.apply_all(network, inputs + extra, training=training)

    def _denoised(
        self,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        labels: tf.Tensor | None,
        guidance_scale: tf.Tensor | None,
        corrupted: tf.Tensor | None = None,
    ) -> tf.Tensor:
        known, network = self._one_hot(labels), self.sampling_network
        seen = [] if corrupted is None else [self._inward(corrupted)]
        if guidance_scale is None:
            extra = seen if known is None else [known, *seen]
            output = self._raw(network, x, alpha, sigma, extra)
        else:
            parts = x, alpha, sigma, *seen
            x2, *scales = (tf.concat([v, v], 0) if v.shape.rank else v for v in parts)
            known = tf.concat([known, 0 * known], 0)
            output = self._raw(network, x2, *scales[:2], [known, *scales[2:]])
            known, unknown = tf.split(output, 2)
            strength = tf.reshape(guidance_scale, (-1, *[1] * len(self.data_shape)))
            output = unknown + strength * (known - unknown)
        return self.parameterization.predict_x0(x, output, alpha, sigma)

    def check_levels(self, levels: Levels | Program) -> None:
        """Raises ValueError where the example vanishes from what `Epsilon` sees."""
        with tf.init_scope():
            scales = [tf.constant(v) for v in (levels.alpha, levels.sigma)]
            known = tf.stack(self.parameterization.skip_and_out(*scales)).numpy()
        if not np.isfinite(known).all():
            raise ValueError(
                f"{type(self.parameterization).__name__} says nothing of the example "
                "in pure noise, where the grid begins: take LogSNR() or KarrasGrid() "
                "as grid."
            )

    def _one_hot(self, labels: tf.Tensor | None) -> tf.Tensor | None:
        return None if labels is None else networks.one_hot(labels, self.num_classes)


def _check_effects(model: DenoisingModel) -> None:
    """Raises ValueError if guidance or the corruption can do nothing here."""
    check_finite(model.guidance_scale, "guidance_scale")
    if model.guidance_scale != 1:
        guidance_of(model, (), model.guidance_scale)
    if model.corruption is not None:
        model.corruption.sample(np.zeros((1, *model.data_shape), np.float32))


def _check_reach(model: DenoisingModel) -> None:
    """Raises ValueError if the network's output is squashed."""
    if not model.network.weights:
        return  # a formula
    is_image = len(model.data_shape) == 3
    is_picture = is_image and isinstance(model.parameterization, X0)
    suits = reach.pictures if is_picture else reach.logits
    for low, high in reach.out_of_reach(model.network, [suits]):
        raise ValueError(
            f"network must return what {model.parameterization} means, values of both "
            "signs and any size. Whatever its weights and inputs are, its outputs stay "
            f"{reach.described(low, high)}; leave the last activation out."
        )

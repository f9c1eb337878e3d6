"""Likelihoods of examples, by a denoiser."""

import math
from typing import Any

import tensorflow as tf

from .. import random
from ..rows import Rows
from ..samplers import HIGHEST, LOWEST, LogSNR, Sampling, log_density, log_snr_range
from ..validation import check_count, num_rows
from .denoises import Denoises, denoiser

EXACT_VALUES = 16  # of an example, above which the divergence is estimated
PROBE, GREY, NOISE, TIME = 0, 1, 2, 3  # streams of random numbers


class Likelihoods(Denoises):
    """Scores examples by the probability-flow equation, and by the variational bound.

    Of images, the likelihoods are those of their grey values: the density of a point
    drawn in the cell of each, times the volume of the cell, a bound from below.
    """

    def log_prob(
        self,
        x: Rows,
        labels: Any = None,
        *,
        seed: int = 0,
        num_probes: int = 1,
        num_steps: int = 50,
        levels: int = 256,
    ) -> Rows:
        """Log density by the probability-flow equation, in units of the data.

        Exact up to the steps of its solver. Of examples with up to 16 values the
        divergence is computed, else estimated without bias.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides the draws of the estimate and of the dequantization.
            num_probes: Draws of the estimate per example, > 0.
            num_steps: Steps from the example to noise, four calls of the network each,
                > 0.
            levels: Number of grey values of images, at least 2.

        Returns:
            Nats, float32 `(batch,)`.
        """
        check_count(num_steps, "num_steps")
        check_count(num_probes, "num_probes")
        check_count(levels, "levels", least=2)
        return self.run(
            self._log_prob_rows,
            xla=False,  # it takes long over the gradients
            static={"num_steps": num_steps, "num_probes": num_probes, "levels": levels},
            x=x,
            seed=random.row_seeds(seed, num_rows(x)),
            labels=labels,
        )

    def bits_per_dim(self, x: Rows, labels: Any = None, **how: Any) -> Rows:
        """Bits that each value of an image costs, by `log_prob`.

        Args:
            x: Images, `(batch, *data_shape)`, uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            **how: As in `log_prob`.

        Returns:
            float32 `(batch,)`; 8 for even bytes. An upper bound, by one draw.

        Raises:
            ValueError: If examples are no images.
        """
        if not self.unit_interval:
            raise ValueError(f"bits_per_dim is for images, {self.name} has vectors.")
        nats = self.log_prob(x, labels, **how)
        return -nats / (math.prod(self.data_shape) * math.log(2))

    def elbo(
        self,
        x: Rows,
        labels: Any = None,
        *,
        seed: int = 0,
        num_draws: int = 16,
        levels: int = 256,
    ) -> Rows:
        """Variational bound of the log density from below, in continuous time.

        It bounds the density of the ancestral sampler with many steps, which is that
        of the probability flow if the denoiser is perfect.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides noise levels and noise.
            num_draws: Noise levels per example, evenly spread, > 0.
            levels: Number of grey values of images, at least 2.

        Returns:
            Nats, float32 `(batch,)`: on average over draws at most the log density.

        References:
            Kingma, Salimans, Poole and Ho, "Variational diffusion models", 2021, eq.
            11 and 12.
        """
        check_count(num_draws, "num_draws")
        check_count(levels, "levels", least=2)
        return self.run(
            self._elbo_rows,
            static={"num_draws": num_draws, "levels": levels},
            x=x,
            seed=random.row_seeds(seed, num_rows(x)),
            labels=labels,
        )

    def _log_prob_rows(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        num_steps: int,
        num_probes: int,
        levels: int,
    ) -> tf.Tensor:
        grid = Sampling(grid=LogSNR(LOWEST, HIGHEST), num_steps=2 * num_steps + 1)
        way, probes = grid.levels_to_noise(self.schedule), None
        if math.prod(self.data_shape) > EXACT_VALUES:
            uniform = random.uniform(seed, (num_probes, *self.data_shape), PROBE)
            probes = tf.sign(tf.stack(tf.unstack(uniform, axis=1)) - 0.5)
        denoise, x = denoiser(self, way, labels), self._continuous(x, seed, levels)
        return log_density(denoise, way, x, probes) - self._log_unit(levels)

    def _elbo_rows(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        num_draws: int,
        levels: int,
    ) -> tf.Tensor:
        x, size = self._continuous(x, seed, levels), math.prod(self.data_shape)
        low, high = log_snr_range(self.schedule)
        place = random.uniform(seed, (1,) * len(self.data_shape), TIME)

        def error(i: tf.Tensor) -> tf.Tensor:
            share = (tf.cast(i, tf.float32) + place) / num_draws
            log_snr = low + (high - low) * share
            t = self.schedule.time(log_snr)
            alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
            noise = random.normal(seed, self.data_shape, NOISE + 8 * i)
            clean = self._denoised(
                alpha * x + sigma * noise, alpha, sigma, labels, None
            )
            return _sum(tf.exp(log_snr) * (clean - x) ** 2)

        total = tf.while_loop(
            lambda *_: True,
            lambda i, total: (i + 1, total + error(i)),
            (tf.constant(0), tf.zeros_like(_sum(x))),
            maximum_iterations=num_draws,
        )[1]
        path = 0.5 * (high - low) / num_draws * total
        prior = 0.5 * math.exp(low) * _sum(x**2)
        last = 0.5 * size * (math.log(2 * math.pi) + 1 - high)
        return -(path + prior + last) - self._log_unit(levels)

    def _continuous(self, x: tf.Tensor, seed: tf.Tensor, levels: int) -> tf.Tensor:
        """Points in the cells of grey values, on the network's scale."""
        if self.unit_interval:
            place = random.uniform(seed, self.data_shape, GREY)
            x = (tf.round((levels - 1) * x) + place) / levels
        return self._inward(x)

    def _log_unit(self, levels: int) -> tf.Tensor:
        """Log of the network's unit of volume, in units of the data or in cells."""
        unit = self.deviation * (levels if self.unit_interval else 1)
        return tf.reduce_sum(tf.math.log(unit + tf.zeros(self.data_shape)))


def _sum(x: tf.Tensor) -> tf.Tensor:
    """Sums over all but the first axis."""
    return tf.reduce_sum(tf.reshape(x, (tf.shape(x)[0], -1)), axis=1)

"""Edits: what a denoiser can do to the examples that it is given."""

from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..samplers import Heun, Sampling, log_snr_range, noise_level, run
from ..validation import check_data, check_positive, num_rows, refuse_masked
from .arguments import check_sigma, from_bytes
from .denoises import Denoises, denoiser, draws_of, solved
from .encodes import Encodes


class Edits(Denoises, Encodes):
    """Encodes by the probability-flow equation, fills in, changes and cleans."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of an example: the noise that becomes it."""
        return self.data_shape

    def inpaint(
        self,
        x: Rows,
        mask: Any,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        seed: int | None = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Fills in parts of examples, given the rest.

        At each step the denoised example is replaced by what is known of it.

        Args:
            x: Examples, `(batch, *data_shape)`.
            mask: 1 (or True) where values are to be filled in, 0 where they are kept:
                `data_shape` for all examples, or `(batch, *data_shape)`; of images
                also without channels, or with one. A shape that could be both is
                that for all.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            seed: Decides what is filled in; None draws a seed.
            sampling: Solver, grid and steps; default the model's.

        Returns:
            float32 `(batch, *data_shape)`, equal to `x` where it is kept.

        Raises:
            ValueError: If an argument does not fit, or the mask is not 0 or 1.

        References:
            Song et al., "Score-based generative modeling through stochastic
            differential equations", 2021, appendix I.2.
        """
        mask = check_mask(mask, self.data_shape, num_rows(x))
        seeds = random.row_seeds(seed, num_rows(x))
        rows = {"x": x, "mask": mask, "seed": seeds, "labels": labels}
        shapes = {"mask": self.data_shape}
        return self.run_sampling(
            self._inpaint, sampling, guidance_scale, shapes, **rows
        )

    def image_to_image(
        self,
        x: Rows,
        strength: float,
        labels: Any = None,
        guidance_scale: Any = None,
        *,
        seed: int | None = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Changes examples: noise is added, and taken away again.

        Args:
            x: Examples, `(batch, *data_shape)`.
            strength: Share of the steps that are gone, in (0, 1]: the larger, the less
                remains of `x`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            seed: Decides the noise; None draws a seed.
            sampling: Solver, grid and steps; default the model's.

        Returns:
            float32 `(batch, *data_shape)`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Meng et al., "SDEdit: Guided image synthesis and editing with stochastic
            differential equations", 2022, algorithm 1.
        """
        check_positive(strength, "strength")
        if strength > 1:
            raise ValueError(f"strength must be at most 1, received {strength}.")
        seeds = random.row_seeds(seed, num_rows(x))
        rows = {"x": x, "seed": seeds, "labels": labels}
        static = {"strength": strength}
        return self.run_sampling(
            self._image_to_image, sampling, guidance_scale, static=static, **rows
        )

    def denoise(
        self, x: Rows, sigma: Any = None, labels: Any = None, guidance_scale: Any = None
    ) -> np.ndarray:
        """Takes noise out of images, in one call of the network.

        Args:
            x: Noisy images, `(batch, *data_shape)`, which may leave [0, 1].
            sigma: Standard deviation of the noise on the scale of [0, 1], > 0, one
                number or `(batch,)`; None estimates that of each image.
            labels: Integers, `(batch,)`, for a class-conditional model.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            float32 `(batch, *data_shape)` in [0, 1]: the mean of the images that `x`
            can have been.

        Raises:
            ValueError: If an argument does not fit, or examples are no images.
        """
        if not self.unit_interval:
            raise ValueError(f"denoise is for images, {self.name} has vectors.")
        x = from_bytes(self, x)
        x = check_data(x, self.data_shape, unit_interval=False, empty=True)
        if sigma is None:
            sigma = noise_level(x)
        sigma = np.asarray(sigma)
        if sigma.shape not in ((), (len(x),)):
            raise ValueError(
                f"sigma must be one number or {len(x)}, received shape {sigma.shape}."
            )
        sigma = check_sigma(np.broadcast_to(sigma, (len(x),)))
        shape = (-1, *[1] * len(self.data_shape))
        ratio = tf.reshape(sigma / self.deviation, shape)
        ends = log_snr_range(self.schedule)
        t = self.schedule.time(tf.clip_by_value(-2 * tf.math.log(ratio), *ends))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        noisy = (alpha * self._inward(x)).numpy()
        scales = [np.ravel(scale) for scale in (alpha, sigma)]
        clean = self.predict_x0(noisy, *scales, labels, guidance_scale)
        return self._outward(clean).numpy()

    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        levels = self.sampling.levels_to_noise(self.schedule, self.lowest)
        program = Heun()(levels, self.schedule)
        start = levels.alpha[0] * self._inward(x)
        return run(program, denoiser(self, program, labels), start) / levels.sigma[-1]

    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        program = self.program_of(self.sampling.changed(solver="heun"))
        start = program.sigma[0] * z
        return self._outward(run(program, denoiser(self, program, labels), start))

    def _inpaint(
        self,
        x: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
    ) -> tf.Tensor:
        program, is_new = self.program_of(sampling), mask > 0
        guess, known = denoiser(self, program, labels, guidance_scale), self._inward(x)

        def denoise(noisy: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return tf.where(is_new, guess(noisy, i), known)

        start = tf.where(is_new, 0.0, known)
        made = solved(self, program, denoise, draws_of(self, seed), start)
        return tf.where(is_new, made, tf.cast(x, made.dtype))

    def _image_to_image(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
        strength: float,
    ) -> tf.Tensor:
        program = self.program_of(sampling, strength)
        denoise, draws = (
            denoiser(self, program, labels, guidance_scale),
            draws_of(self, seed),
        )
        return solved(self, program, denoise, draws, self._inward(x))


def check_mask(mask: Any, data_shape: tuple[int, ...], rows: int) -> np.ndarray:
    """The mask of each row, float32 `(rows, *data_shape)`, of 0 and 1.

    Raises:
        ValueError: If it has another shape or other values.
    """
    refuse_masked(mask, "mask")
    received = np.shape(mask)
    mask = np.asarray(mask)
    one, rank = {data_shape}, len(data_shape)
    if rank == 3:
        one |= {data_shape[:-1], (*data_shape[:-1], 1)}
    each = {(rows, *shape) for shape in one}
    if mask.shape not in one | each:
        raise ValueError(
            f"mask must have the shape {data_shape}, for all {rows} examples or each; "
            f"received {received}."
        )
    has_channels = mask.shape in one and mask.ndim == rank
    if mask.ndim == rank - 1 or (mask.ndim == rank and not has_channels):
        mask = mask[..., np.newaxis]
    how = {"unit_interval": False, "name": "mask", "empty": True}
    mask = check_data(mask[np.newaxis], mask.shape, **how)[0]
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(
            "mask must be 1 where values are to be filled in and 0 elsewhere; received "
            f"values in [{mask.min()}, {mask.max()}]."
        )
    return np.broadcast_to(mask, (rows, *data_shape)).astype(np.float32)

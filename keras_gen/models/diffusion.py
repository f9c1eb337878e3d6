"""Diffusion and flow matching: a denoising network, and solvers that sample with it.

`Diffusion` generates, edits, encodes and scores. `Restorer` undoes corruption.
`Consistency` generates in few steps.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from .. import networks, random
from ..capabilities import (
    Encodes,
    Generates,
    Translates,
    check_mask,
    rows_to_draw,
)
from ..constants import rows_of
from ..limits import FINITE, FINITE_NUMBER, POSITIVE
from ..model import GenerativeModel
from ..networks import reach
from ..objectives import (
    LogNormalLevels,
    ShrinkingGaps,
    Times,
    UniformTimes,
    UniformWeighting,
    Weighting,
)
from ..objectives.corruption import Corruption
from ..parameterizations import X0, Parameterization, V
from ..players import Player
from ..random import RowNoise
from ..refusals import require
from ..rows import Given, Rows, per_thread, rows_per_call
from ..samplers import (
    HIGHEST,
    LOWEST,
    NOISIEST,
    Denoiser,
    Grid,
    Heun,
    Levels,
    LogSNR,
    Program,
    Renoising,
    Sampling,
    Solver,
    few_steps,
    log_density,
    log_snr_range,
    noise_level,
    run,
)
from ..scaling import continuous_scale_of
from ..schedules import Cosine, Schedule
from ..serialization import copy_state, register
from ..specs import (
    SEEDS,
    Floats,
    Images,
    Latents,
    Likeness,
    Noise,
    Numbers,
    Spec,
    Tokens,
    condition_of_shape,
    of_shape,
)
from ..tokens import check_tokenizer
from ..validation import (
    check_count,
    check_finite,
    check_limit,
    check_numbers,
    check_shape,
    check_share,
    check_type,
    num_rows,
)

# Streams of a step's random numbers, and of the draws of a likelihood.
NOISE, TIME, DROPOUT, CORRUPTION, CELL = range(5)
PROBE, GREY, SCORE, PLACE = range(4)
EXACT_VALUES = 16  # values of an example above which the divergence is estimated
LARGEST_LEVEL = 2.0
TINY = 1e-3  # noise below which a step of the teacher's flow is not corrected
TAUGHT = ShrinkingGaps(first=1.75, last=1.75, wider=0.0)  # 0.3: a teacher is exact
SMOOTH = 1.0  # of a root mean square: smaller ones count by their square
ROWS_PER_CALL, VALUES_PER_CALL = 64, 2**16  # whichever allows more rows
HOW = (
    "Begin with sigma[0] times noise in the first register and 0 in the others. For "
    "each row i, denoise the first register at alpha[i] and sigma[i]; then set each "
    "register to the sum over (registers, denoised, fresh noise) with its row of "
    "weights[i]. At the end, multiply the first register by deviation, add mean, and "
    "clip it to limits, if there are any. If generate's noise has several draws, the "
    "first one is the initial noise, and the next one is the fresh noise of row 0."
)
Point = tuple[tf.Tensor, tf.Tensor, tf.Tensor]  # noisy examples, alpha and sigma
Draws = Callable[[int | tf.Tensor], tf.Tensor]  # standard normal; 0 is the start
Told = Mapping[str, tf.Tensor]  # rows by name, in units of the data
CONDITION, CORRUPTED = "condition", "corrupted"  # what a network may be told


class DenoisingModel(GenerativeModel):
    """The base of diffusion models: training, the network's call, and sampling.

    The arguments are those of `Diffusion`. The network takes rows besides the noisy
    examples: the condition, if there is one, and the corrupted examples, if there is a
    `corruption`.
    """

    arguments = ("network", "schedule", "parameterization", "weighting", "times")
    arguments += ("label_dropout", "ema_decay", "sampling", "guidance_scale")
    arguments += ("inputs", "condition")
    _restores = False

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
        inputs: Spec | None = None,
        condition: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(schedule, Schedule | None, "schedule")
        check_type(parameterization, Parameterization | None, "parameterization")
        check_type(weighting, Weighting | None, "weighting")
        check_type(times, Times | None, "times")
        check_type(sampling, Sampling | None, "sampling")
        check_type(corruption, Corruption if self._restores else NoneType, "corruption")
        check_share(label_dropout, "label_dropout")
        shapes = networks.check_denoiser(network, restores=self._restores)
        inputs = inputs or of_shape(shapes["shape"])
        condition = _condition_of(condition, shapes)
        player = Player("network", network, ema_decay=ema_decay)
        specs = {"condition": condition, "latent": Latents(inputs.shape)}
        options = {"players": [player], "signed": True, "term_names": ["loss"]}
        options["scale"] = continuous_scale_of(inputs, signed=True)
        super().__init__(inputs, **specs, **options, seed=seed, **kwargs)
        self.network, self.schedule = network, schedule or Cosine()
        self.parameterization = parameterization or V()
        self.weighting = weighting or UniformWeighting()
        self.times = times or UniformTimes()
        self.label_dropout, self.ema_decay = label_dropout, ema_decay
        self.sampling, self.corruption = sampling or Sampling(), corruption
        check_finite(guidance_scale, "guidance_scale")
        self.guidance_scale = guidance_scale
        if guidance_scale != 1:
            self._guidance_of(guidance_scale, 0)
        if corruption is not None:
            corruption.sample(np.zeros((1, *inputs.shape), np.float32))
        _check_reach(self)

    @property
    def sampling(self) -> Sampling:
        """The default solver, grid and number of steps; can be set."""
        return self._sampling

    @sampling.setter
    def sampling(self, chosen: Sampling) -> None:
        check_type(chosen, Sampling, "sampling")
        self._sampling = chosen
        self._rows.forget()  # functions compiled with the old value

    @property
    def is_guided(self) -> bool:
        """Whether the model was trained with `label_dropout > 0`, for guidance."""
        return self.condition is not None and self.label_dropout > 0

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: the weighted squared error of the output, averaged over values.

        For held-out examples it is the loss of the moving average.
        """
        seen = self._seen(self._told(x, condition, noise))
        x = self.scale.spread(x, lambda: noise.uniform(self.inputs.shape, CELL))
        fresh = noise.normal(self.inputs.shape, NOISE)
        t = self._broadcast(self.times(noise.uniform((), TIME), self.schedule))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        if training:
            seen = self._dropped(seen, noise)
        network = self.network if training else self.network_of("network")
        noisy = alpha * x + sigma * fresh
        output = self._raw(network, noisy, alpha, sigma, seen, training=training)
        target = self.parameterization.target(x, fresh, alpha, sigma)
        _, out = self.parameterization.skip_and_out(alpha, sigma)
        weight = self.weighting(self.schedule.log_snr(t), out)
        return {"loss": tf.reduce_mean(weight * tf.square(output - target))}

    def _broadcast(self, values: tf.Tensor) -> tf.Tensor:
        """One number for each row, `(batch, 1, ...)`."""
        return tf.reshape(values, (-1, *[1] * len(self.inputs.shape)))

    def _told(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """The further inputs of the network in training, by name."""
        told = {} if condition is None else {CONDITION: condition}
        if self.corruption is not None:
            told[CORRUPTED] = self.corruption.apply(x, noise, CORRUPTION)
        return told

    def _seen(self, told: Told) -> list[tf.Tensor]:
        """What the network is told, on its scale and in the order of its inputs."""
        seen = []
        if CONDITION in told:
            seen.append(self._known(told[CONDITION]))
        if CORRUPTED in told:
            seen.append(self.scale.inward(told[CORRUPTED]))
        return seen

    def _dropped(self, seen: list[tf.Tensor], noise: RowNoise) -> list[tf.Tensor]:
        """What the network sees in training: some rows do not know the condition."""
        if not self.is_guided:
            return seen
        kept = noise.uniform((1,), DROPOUT) >= self.label_dropout
        return [
            tf.where(tf.reshape(kept, (-1, *[1] * (v.shape.rank - 1))), v, other)
            for v, other in zip(seen, self._unaware(seen), strict=True)
        ]

    def _unaware(self, seen: list[tf.Tensor]) -> list[tf.Tensor]:
        """What the network sees if the condition, which comes first, is unknown."""
        known, *rest = seen
        value = tf.constant(self.condition_scale.unknown, known.dtype)
        return [tf.fill(tf.shape(known), value), *rest]

    def _raw(
        self,
        network: keras.Model,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        seen: list[tf.Tensor],
        *,
        training: bool = False,
    ) -> tf.Tensor:
        """The network's output. `seen` holds its further inputs."""
        level = tf.reshape(tf.math.log(sigma / alpha) / 4, (-1, 1))
        level = tf.clip_by_value(level, -LARGEST_LEVEL, LARGEST_LEVEL)
        level += tf.zeros_like(tf.reshape(x, (tf.shape(x)[0], -1))[:, :1])
        inputs = [self.parameterization.c_in(alpha, sigma) * x, level]
        return networks.apply_all(network, inputs + seen, training=training)

    # one call of the network

    def predict_x0(
        self,
        noisy: Rows,
        alpha: Rows,
        sigma: Rows,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
    ) -> Rows:
        """The expected example given a noisy one, from one call of the network.

        Args:
            noisy: `alpha * example + sigma * noise`, `(batch, *inputs.shape)`. Images
                are in [-1, 1], and columns have mean 0 and standard deviation 1.
            alpha: Scale of the example, `(batch,)`.
            sigma: Scale of the noise, `(batch,)`, > 0.
            condition: Rows of the model's `condition` spec, one per example.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            float32 `(batch, *inputs.shape)`, on the scale of `noisy`.

        Raises:
            ValueError: If an argument does not fit the model.
        """
        rows = noisy, alpha, sigma
        return self._predicted(rows, self._given(condition), guidance_scale)

    def _predicted(
        self, rows: tuple[Rows, Rows, Rows], told: Given, guidance_scale: Any
    ) -> Rows:
        """`predict_x0` of noisy examples, alpha and sigma, given what is told."""
        noisy, alpha, sigma = rows
        given = {
            "noisy": (noisy, Noise(self.inputs.shape)),
            "alpha": (alpha, Numbers(FINITE_NUMBER)),
            "sigma": (sigma, Numbers(POSITIVE)),
        }
        given = self._guided(guidance_scale, noisy, {**given, **told})
        return self._rows.run(self._predict_x0, given, rows=self._per_call(noisy))

    def _predict_x0(
        self,
        noisy: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        guidance_scale: tf.Tensor | None = None,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        scales = self._broadcast(alpha), self._broadcast(sigma)
        return self._denoised(noisy, *scales, told, guidance_scale)

    def _denoised(
        self,
        x: tf.Tensor,
        alpha: tf.Tensor,
        sigma: tf.Tensor,
        told: Told,
        guidance_scale: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The clean examples in `x`, all on the network's scale.

        Args:
            x: Noisy examples, `(batch, *inputs.shape)`.
            alpha: Scale of the example in `x`, `(batch, 1, ...)` or a scalar.
            sigma: Scale of the noise.
            told: What the network is told, in units of the data.
            guidance_scale: `(batch,)`, or None for no guidance.
        """
        network, seen = self.network_of("network"), self._seen(told)
        if guidance_scale is None:
            output = self._raw(network, x, alpha, sigma, seen)
        else:  # Ho and Salimans 2022, eq. 6
            x2, alpha2, sigma2 = (
                tf.concat([v, v], 0) if v.shape.rank else v for v in (x, alpha, sigma)
            )
            sides = zip(seen, self._unaware(seen), strict=True)
            both = [tf.concat(pair, 0) for pair in sides]
            output = self._raw(network, x2, alpha2, sigma2, both)
            known, unknown = tf.split(output, 2)
            output = unknown + self._broadcast(guidance_scale) * (known - unknown)
        return self.parameterization.predict_x0(x, output, alpha, sigma)

    # solvers

    def solver_facts(self) -> dict[str, Any]:
        """The model's solver and scale as plain lists; `how` explains their use."""
        lists = {name: v.tolist() for name, v in self._program()._asdict().items()}
        limits = [0.0, 1.0] if self.inputs.is_unit else None
        return {"how": HOW, **lists, **self.scale.as_lists(), "limits": limits}

    def _program(
        self, sampling: Sampling | None = None, strength: float = 1.0
    ) -> Program:
        """The steps of a solver with this model, as a table of numbers."""
        lowest = self.parameterization.lowest
        return (sampling or self.sampling).program(self.schedule, strength, lowest)

    def _denoiser(
        self,
        levels: Levels | Program,
        told: Told,
        guidance_scale: tf.Tensor | None = None,
    ) -> Denoiser:
        """A function from `x` and a level or row `i` to denoised examples.

        Both are on the network's scale.

        Raises:
            ValueError: If alpha is 0 at the first level and the output is `Epsilon`.
        """
        with tf.init_scope():
            scales = [tf.constant(v) for v in (levels.alpha, levels.sigma)]
            known = tf.stack(self.parameterization.skip_and_out(*scales)).numpy()
        if not np.isfinite(known).all():
            raise ValueError(
                f"{type(self.parameterization).__name__} cannot recover x from pure "
                "noise (alpha = 0), where the grid begins. Pass grid=LogSNR() or "
                "grid=KarrasGrid()."
            )
        alpha = tf.constant(levels.alpha, tf.float32)
        sigma = tf.constant(levels.sigma, tf.float32)

        def denoise(x: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            levels = rows_of(alpha, i), rows_of(sigma, i)
            return self._denoised(x, *levels, told, guidance_scale)

        return denoise

    def _solve(
        self,
        program: Program,
        denoise: Denoiser,
        draws: Draws,
        told: Told,
        x: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Runs a solver's program and returns samples in units of the data.

        Args:
            program: The program.
            denoise: The function that denoises.
            draws: Noise by number: 0 is the initial noise, i + 1 that of row i.
            told: What the network is told, in units of the data.
            x: Examples on the network's scale to add to the initial noise, or None.
        """
        start = program.sigma[0] * draws(0)
        if x is not None:
            start += program.alpha[0] * x
        made = run(program, denoise, start, lambda i: draws(i + 1))
        return self._outward(made, told.get(CONDITION))

    def _sample_rows(
        self,
        seed: tf.Tensor,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        program = self._program(sampling)
        denoise = self._denoiser(program, told, guidance_scale)
        return self._solve(program, denoise, self._draws(seed), told)

    def _draws(self, seed: tf.Tensor) -> Draws:
        """The noise of the rows' seeds, int32 `(batch,)`."""
        return lambda i: random.normal(seed, self.inputs.shape, i)

    def _run_solver(
        self,
        function: Callable[..., tf.Tensor],
        sampling: Sampling | None,
        guidance_scale: Any,
        given: Given,
        **static: Any,
    ) -> Rows:
        """Runs a function that takes a `Sampling` and perhaps a guidance scale."""
        check_type(sampling, Sampling | None, "sampling")
        first, _ = next(iter(given.values()))
        given = self._guided(guidance_scale, first, given)
        static = {"sampling": sampling or self.sampling, **static}
        rows = self._per_call(first)
        return self._rows.run(function, given, static=static, rows=rows)

    def _guided(self, guidance_scale: Any, first: Any, given: Given) -> Given:
        """The inputs, and a guidance scale for each row if there is guidance."""
        rows = 1  # of a single value, which is refused later
        if np.ndim(first):
            rows = tf.shape(first)[0] if tf.is_tensor(first) else len(first)
        scale = self._guidance_of(guidance_scale, rows)
        if scale is None:
            return given
        return {**given, "guidance_scale": (scale, Numbers(FINITE_NUMBER))}

    def _guidance_of(self, guidance_scale: Any, rows: Any) -> Any:
        """The guidance scale of each row, or None without guidance.

        Raises:
            ValueError: If the model cannot be guided and a scale is given.
        """
        if not self.is_guided:
            if guidance_scale is not None:
                raise ValueError(
                    "guidance_scale requires a conditional model trained with "
                    f"label_dropout > 0, and {self.name} has "
                    f"{'label_dropout=0' if self.condition else 'no condition'}."
                )
            return None
        scale = self.guidance_scale if guidance_scale is None else guidance_scale
        if np.ndim(scale):
            return scale
        if scale == 1:
            return None
        if tf.is_tensor(rows):
            return tf.fill([rows], float(scale))
        return np.full(rows, scale)

    def _per_call(self, x: Any) -> int | None:
        """Rows per call: few, since threads are faster with one call each."""
        if tf.is_tensor(x) or not np.ndim(x):
            return None
        most = max(ROWS_PER_CALL, VALUES_PER_CALL // self.inputs.size)
        return per_thread(len(x), min(rows_per_call(self.inputs.size), most))

    def _from_bytes(self, x: Any) -> Any:
        """Examples, with uint8 images as value / 255."""
        if not self.inputs.has_bytes or getattr(x, "dtype", None) != np.uint8:
            return x
        if tf.is_tensor(x):
            return tf.cast(x, tf.float32) / 255.0
        return np.divide(x, 255, dtype=np.float32)


@register
class Diffusion(Generates, Encodes, DenoisingModel):
    """A network that finds the example in a mixture with noise.

    Schedule, parameterization, weighting and times make it DDPM (`Linear`, `Epsilon`),
    EDM (`VarianceExploding`, `Preconditioned`, `LogNormalLevels`), flow matching
    (`RectifiedFlow`, `Velocity`) or a combination of them. Inside, images are in
    [-1, 1], and columns have mean 0 and standard deviation 1, which `fit` finds.

    Args:
        network: A model from noisy examples, noise levels `(batch, 1)` and, if it is
            conditional, one-hot labels (all zeros for an unknown class) or tokens (-1
            for an unknown text) to raw values in the shape of the examples, such as
            `networks.unet((28, 28, 1))`. The noise level is a quarter of log(sigma /
            alpha), clipped to [-2, 2].
        schedule: The noise schedule. The default is `Cosine()`.
        parameterization: The meaning of the network's output. The default is `V()`.
        weighting: The weight of each noise level in the loss. By default all weights
            are equal.
        times: The distribution of training times. By default it is uniform.
        label_dropout: Probability that the condition of an example is dropped in
            training, in [0, 1). Guidance requires a value > 0.
        ema_decay: Decay of the moving average of the weights, in [0, 1). Everything
            except training uses the average. None for no average.
        sampling: The default solver, grid and number of steps of `sample`.
        guidance_scale: The default guidance scale of `sample`. 1 means no guidance.
        inputs: The spec of the examples. None derives it from the network's input.
        condition: The spec of the network's third input. None means class labels if it
            is a vector, and tokens if it holds integers. `specs.Tokens` with a
            tokenizer takes texts: `sample(4, condition="red heart")`. An empty text
            means that the text is unknown.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Columns far from 0 are read in float64, as in `Flow`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network does not fit, or if an argument is out of range.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020; Karras,
        Aittala, Aila and Laine, "Elucidating the design space of diffusion-based
        generative models", 2022; Lipman et al., "Flow matching for generative
        modeling", 2023; Ho and Salimans, "Classifier-free diffusion guidance", 2022.

    Example:
        >>> import keras_gen as kg
        >>> network = kg.networks.mlp_denoiser((2,), units=(8,))
        >>> model = kg.Diffusion(network, seed=0)
        >>> model.sample(3, seed=7, num_steps=4).shape
        (3, 2)
    """

    _instead = (
        "call sample(n) for new examples, predict_x0(noisy, alpha, sigma) for one call "
        "of the network, encode(x), decode(z), image_to_image(x, ...), "
        "inpaint(x, mask), log_prob(x) or elbo(x), and "
        "keras_gen.export.saved_model or tflite to export them."
    )

    is_exact = False  # of `log_prob`

    # sampling

    @property
    def noise(self) -> Noise:
        """The noise of an example, or `(draws, *inputs.shape)` for several draws."""
        return self._noise_of(self.sampling)

    def sample(
        self,
        num_samples: int,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        num_steps: int | None = None,
        solver: Solver | str | None = None,
        grid: Grid | None = None,
    ) -> np.ndarray:
        """Draws samples.

        The seed of row i is `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: Number of samples.
            condition: Rows of the model's `condition` spec, one per sample, or one for
                all.
            seed: Seed of the samples. None draws a seed.
            guidance_scale: Strength of the condition, one number or `(num_samples,)`: 0
                ignores it, 1 means no guidance, larger values strengthen it.
            num_steps: Number of steps, > 0.
            solver: A solver or its name, such as "ddim" or "heun".
            grid: Where the steps are.

        Returns:
            Samples, `(num_samples, *inputs.shape)`. Images are in [0, 1].

        Raises:
            TypeError: If `solver` or `grid` has the wrong type.
            ValueError: If a number is out of range, if the solver's name is unknown, or
                if the condition or `guidance_scale` does not fit the model.
        """
        how = {"num_steps": num_steps, "solver": solver, "grid": grid}
        how = self._for_rows(guidance_scale=guidance_scale, **how)
        seeds, condition = rows_to_draw(self, num_samples, seed, condition)
        return self.sample_rows(seeds, condition=condition, **how)

    def _for_rows(
        self,
        *,
        guidance_scale: Any = None,
        num_steps: int | None = None,
        solver: Solver | str | None = None,
        grid: Grid | None = None,
        sampling: Sampling | None = None,
    ) -> dict[str, Any]:
        """Arguments of `sample` as those of `sample_rows`, without None."""
        check_type(sampling, Sampling | None, "sampling")
        how = {"num_steps": num_steps, "solver": solver, "grid": grid}
        found: dict[str, Any] = {"sampling": (sampling or self.sampling).changed(**how)}
        if guidance_scale is not None:
            self._guidance_of(guidance_scale, 0)
            found["guidance_scale"] = guidance_scale
        return found

    def sample_rows(
        self,
        seed: Rows,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """Draws one sample per seed, independent of the other rows.

        Args:
            seed: int32 `(batch,)`.
            condition: Rows of the model's `condition` spec, one per sample.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the model.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        given = self._given(condition, seed=(seed, SEEDS))
        return self._run_solver(self._sample_rows, sampling, guidance_scale, given)

    # translation, if the condition is an example of another kind

    draws_translations = True
    source = Translates.source
    translate = Translates.translate

    @property
    def can_translate(self) -> bool:
        """Whether the condition is an image, a clip or a series."""
        return isinstance(self.condition, Floats) and len(self.condition.shape) > 1

    def translate_rows(
        self,
        x: Rows,
        seed: Any = None,
        *,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """`translate` with a seed for each row: samples given `x` as condition.

        Args:
            x: Rows of the model's `condition` spec.
            seed: int32 `(batch,)`.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the model.

        Raises:
            ValueError: If the condition is not an image, a clip or a series.
        """
        if not self.can_translate:
            raise ValueError(
                "translate requires a condition of images, clips or series, "
                f"{self.name} has {self.condition}. Call sample."
            )
        how = {"guidance_scale": guidance_scale, "sampling": sampling}
        return self.sample_rows(seed, condition=x, **how)

    def generate(
        self,
        noise: Rows,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """Makes samples from noise. The same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *inputs.shape)`. If the solver draws noise,
                `(batch, 1 + calls, *inputs.shape)` with the initial noise first.
            condition: Rows of the model's `condition` spec, one per sample.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the model.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        check_type(sampling, Sampling | None, "sampling")
        spec = self._noise_of(sampling or self.sampling)
        given = self._given(condition, noise=(noise, spec))
        return self._run_solver(self._generate, sampling, guidance_scale, given)

    def _noise_of(self, sampling: Sampling) -> Noise:
        program = self._program(sampling)
        draws = (1 + program.calls,) if program.is_random else ()
        return Noise((*draws, *self.inputs.shape))

    def _generate(
        self,
        noise: tf.Tensor,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        is_one = noise.shape.rank == 1 + len(self.inputs.shape)

        def draws(i: int | tf.Tensor) -> tf.Tensor:
            return noise if is_one else tf.gather(noise, i, axis=1)

        program = self._program(sampling)
        denoise = self._denoiser(program, told, guidance_scale)
        return self._solve(program, denoise, draws, told)

    # editing

    def inpaint(
        self,
        x: Rows,
        mask: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Draws the values of a mask, given the others; see `Inpaints.inpaint`.

        At each step the known values replace those of the denoised example.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            mask: 1 (or True) for values to fill in, 0 for values to keep.
            condition: As in `Inpaints.inpaint`.
            seed: As in `Inpaints.inpaint`.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the model.
                With `samplers.RePaint()` the new values fit the kept ones better, at
                more calls of the network.

        Returns:
            float32 `(batch, *inputs.shape)`. Kept values are those of `x`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Song et al., "Score-based generative modeling through stochastic
            differential equations", 2021, appendix I.2; Lugmayr et al., "RePaint:
            inpainting using denoising diffusion probabilistic models", 2022.
        """
        mask = check_mask(mask, self.inputs, num_rows(x))
        given = self._drawn(x, seed, condition)
        given = {**given, "mask": (mask, Noise(self.inputs.shape))}
        return self._run_solver(self._inpaint, sampling, guidance_scale, given)

    def image_to_image(
        self,
        x: Rows,
        strength: float,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Changes examples: adds noise and removes it again.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            strength: Share of the steps to run, in [0, 1]. The larger it is, the less
                remains of `x`. 0 runs none and returns `x`; above 0, at least one runs.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            seed: Seed of the noise. None draws a seed.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the model.

        Returns:
            float32 `(batch, *inputs.shape)`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Meng et al., "SDEdit: Guided image synthesis and editing with stochastic
            differential equations", 2022, algorithm 1.
        """
        check_share(strength, "strength", whole=True)
        given = self._drawn(x, seed, condition)
        how = sampling, guidance_scale, given
        return self._run_solver(self._image_to_image, *how, strength=strength)

    def denoise(
        self,
        x: Any,
        sigma: Any = None,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
    ) -> np.ndarray:
        """Removes noise from images, in one call of the network.

        Args:
            x: Noisy images, `(batch, *inputs.shape)`. Values may be outside [0, 1].
            sigma: Standard deviation of the noise on the scale of [0, 1], > 0, one
                number or `(batch,)`. None estimates it for each image.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            float32 `(batch, *inputs.shape)` in [0, 1]: the expected image given `x`.

        Raises:
            ValueError: If an argument does not fit, or if examples are not images.
        """
        if not isinstance(self.inputs, Images):
            raise ValueError(
                f"denoise requires a model of images, {self.name} takes {self.inputs}."
            )
        x = check_numbers(self._from_bytes(x), self.inputs.shape)
        if sigma is None:
            sigma = noise_level(x)
        sigma = np.asarray(sigma)
        if sigma.shape not in ((), (len(x),)):
            raise ValueError(
                f"sigma must be one number or have shape ({len(x)},), received shape "
                f"{sigma.shape}."
            )
        sigma = check_numbers(np.broadcast_to(sigma, (len(x),)), (), name="sigma")
        check_limit(sigma, POSITIVE, "sigma")
        ratio = self._broadcast(sigma / self.scale.deviation)
        ends = log_snr_range(self.schedule)
        t = self.schedule.time(tf.clip_by_value(-2 * tf.math.log(ratio), *ends))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        noisy = (alpha * self.scale.inward(x)).numpy()
        scales = [np.ravel(scale) for scale in (alpha, sigma)]
        if self.condition is not None:
            condition = self.condition.for_all(condition, len(x))
        how = {"condition": condition, "guidance_scale": guidance_scale}
        clean = self.predict_x0(noisy, *scales, **how)
        return np.asarray(self.scale.outward(clean))

    def _drawn(self, x: Rows, seed: int | None, condition: Any) -> Given:
        """Examples, a seed for each, and the condition of each."""
        if self.condition is not None and not tf.is_tensor(x):
            condition = self.condition.for_all(condition, num_rows(x))
        seeds = random.row_seeds(None, 1)[0] if seed is None else seed
        seeds = random.seeds_for(seeds, x)
        return self._given(condition, x=(x, self.inputs), seed=(seeds, SEEDS))

    def _inpaint(
        self,
        x: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        program, is_new = self._program(sampling), mask > 0
        guess = self._denoiser(program, told, guidance_scale)
        known = self.scale.inward(x)

        def denoise(noisy: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
            return tf.where(is_new, guess(noisy, i), known)

        start = tf.where(is_new, 0.0, known)
        made = self._solve(program, denoise, self._draws(seed), told, start)
        return tf.where(is_new, made, tf.cast(x, made.dtype))

    def _image_to_image(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        guidance_scale: tf.Tensor | None = None,
        *,
        sampling: Sampling,
        strength: float,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        if strength == 0:
            return x
        program = self._program(sampling, strength)
        denoise = self._denoiser(program, told, guidance_scale)
        start = self.scale.inward(x)
        return self._solve(program, denoise, self._draws(seed), told, start)

    # codes and scores, by the probability-flow equation

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes each example as the noise that generates it; see `Encodes.encode`."""
        given = self._given(condition, x=(x, self.inputs))
        return self._rows.run(self._encode, given, rows=self._per_call(x))

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Generates examples from noise by Heun's method; see `Encodes.decode`."""
        given = self._given(condition, z=(z, self.latent))
        return self._rows.run(self._decode, given, rows=self._per_call(z))

    def log_prob(
        self,
        x: Rows,
        *,
        condition: Any = None,
        seed: int = 0,
        num_probes: int = 1,
        num_steps: int = 50,
        levels: int = 256,
    ) -> Rows:
        """Log density by the probability-flow equation, in units of the data.

        It is exact up to the solver's error. The divergence is computed for examples
        with up to 16 values, and estimated without bias for larger ones. For images it
        is a lower bound of the log-likelihood of grey values: the density at a random
        point of each cell, times the volume of the cell.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the draws of the estimate and of the dequantization.
            num_probes: Draws of the estimate per example, > 0.
            num_steps: Steps from the example to noise, > 0. Each step calls the network
                four times.
            levels: Number of grey values of images, >= 2.

        Returns:
            Nats, float32 `(batch,)`.
        """
        check_count(num_steps, "num_steps")
        check_count(num_probes, "num_probes")
        check_count(levels, "levels", least=2)
        static = {"num_steps": num_steps, "num_probes": num_probes, "levels": levels}
        how = {"xla": False, "static": static}  # XLA takes long over the gradients
        given = self._drawn(x, seed, condition)
        return self._rows.run(self._log_prob, given, rows=self._per_call(x), **how)

    def bits_per_dim(
        self, x: Rows, *, condition: Any = None, seed: int = 0, **how: Any
    ) -> Rows:
        """Bits per value of an image, by `log_prob`.

        Args:
            x: Images, `(batch, *inputs.shape)`, uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: As in `log_prob`.
            **how: As in `log_prob`.

        Returns:
            float32 `(batch,)`, an upper bound from one draw. Uniform bytes have 8 bits.

        Raises:
            ValueError: If examples are not images.
        """
        if not self.inputs.is_unit:
            raise ValueError(
                f"bits_per_dim requires a model of images, {self.name} takes "
                f"{self.inputs}."
            )
        nats = self.log_prob(x, condition=condition, seed=seed, **how)
        return self.inputs.bits(-nats)

    def elbo(
        self,
        x: Rows,
        *,
        condition: Any = None,
        seed: int = 0,
        num_draws: int = 16,
        levels: int = 256,
    ) -> Rows:
        """Variational lower bound of the log density, in continuous time.

        It bounds the density of the ancestral sampler with many steps, which equals
        that of the probability flow if the denoiser is perfect.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Decides noise levels and noise.
            num_draws: Noise levels per example, evenly spread, > 0.
            levels: Number of grey values of images, >= 2.

        Returns:
            Nats, float32 `(batch,)`. The mean over draws is at most the log density.

        References:
            Kingma, Salimans, Poole and Ho, "Variational diffusion models", 2021, eq.
            11 and 12.
        """
        check_count(num_draws, "num_draws")
        check_count(levels, "levels", least=2)
        static = {"num_draws": num_draws, "levels": levels}
        given = self._drawn(x, seed, condition)
        rows = self._per_call(x)
        return self._rows.run(self._elbo, given, rows=rows, static=static)

    def _encode(self, x: tf.Tensor, **told: tf.Tensor) -> tf.Tensor:
        lowest = self.parameterization.lowest
        levels = self.sampling.levels_to_noise(self.schedule, lowest)
        program = Heun()(levels, self.schedule)
        start = levels.alpha[0] * self.scale.inward(x)
        denoise = self._denoiser(program, told)
        return run(program, denoise, start) / levels.sigma[-1]

    def _decode(self, z: tf.Tensor, **told: tf.Tensor) -> tf.Tensor:
        program = self._program(self.sampling.changed(solver="heun"))
        start = program.sigma[0] * z
        made = run(program, self._denoiser(program, told), start)
        return self._outward(made, told.get(CONDITION))

    def _log_prob(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        *,
        num_steps: int,
        num_probes: int,
        levels: int,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        grid = Sampling(grid=LogSNR(LOWEST, HIGHEST), num_steps=2 * num_steps + 1)
        way, probes = grid.levels_to_noise(self.schedule), None
        if self.inputs.size > EXACT_VALUES:
            uniform = random.uniform(seed, (num_probes, *self.inputs.shape), PROBE)
            probes = tf.sign(tf.stack(tf.unstack(uniform, axis=1)) - 0.5)
        denoise, x = self._denoiser(way, told), self._continuous(x, seed, levels)
        return log_density(denoise, way, x, probes) - self._log_unit(x, levels)

    def _elbo(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        *,
        num_draws: int,
        levels: int,
        **told: tf.Tensor,
    ) -> tf.Tensor:
        x, size = self._continuous(x, seed, levels), self.inputs.size
        low, high = log_snr_range(self.schedule)
        place = random.uniform(seed, (1,) * len(self.inputs.shape), PLACE)

        def error(i: tf.Tensor) -> tf.Tensor:
            share = (tf.cast(i, tf.float32) + place) / num_draws
            log_snr = low + (high - low) * share
            t = self.schedule.time(log_snr)
            alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
            noise = random.normal(seed, self.inputs.shape, SCORE + 8 * i)
            noisy = alpha * x + sigma * noise
            clean = self._denoised(noisy, alpha, sigma, told)
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
        return -(path + prior + last) - self._log_unit(x, levels)

    def _continuous(self, x: tf.Tensor, seed: tf.Tensor, levels: int) -> tf.Tensor:
        """Random points in the cells of values, on the network's scale."""

        def place() -> tf.Tensor:
            return random.uniform(seed, self.inputs.shape, GREY)

        if self.inputs.is_unit:
            x = (tf.round((levels - 1) * x) + place()) / levels
        return self.scale.spread(x, place)

    def _log_unit(self, x: tf.Tensor, levels: int) -> tf.Tensor:
        """Log of the volume of the network's unit, in units of the data or in cells."""
        cells = self.inputs.size * math.log(levels) if self.inputs.is_unit else 0.0
        return self.scale.log_volume(x) + cells


@register
class Restorer(Translates, DenoisingModel):
    """A diffusion model that draws clean examples given corrupted ones.

    In training the examples are corrupted, and the network sees the corrupted example
    besides the noisy one. `LowResolution(4)` makes it super-resolution, and
    `objectives.Masking` inpainting.

    Args:
        network: A model from noisy examples, noise levels `(batch, 1)`, one-hot labels
            if it is class-conditional, and corrupted examples to raw values in the
            shape of the examples, such as
            `networks.unet((28, 28, 1), condition_channels=1)`.
        corruption: The corruption to undo, such as `LowResolution(4)`.
        **options: Further arguments of `Diffusion`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network does not fit, or if an argument is out of range.

    References:
        Saharia et al., "Image super-resolution via iterative refinement", 2021; Saharia
        et al., "Palette: image-to-image diffusion models", 2022.

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> how = {"patch": 4, "width": 16, "depth": 1, "condition_channels": 1}
        >>> network = kg.networks.dit((8, 8, 1), **how)
        >>> model = kg.Restorer(network, corruption=kg.LowResolution(2), seed=0)
        >>> model.restore(np.zeros((1, 4, 4, 1)), seed=7).shape
        (1, 8, 8, 1)
    """

    _instead = (
        "call restore(x) for clean examples, predict_x0(noisy, alpha, sigma, "
        "corrupted=x) for one call of the network, and keras_gen.export.saved_model or "
        "tflite to export them."
    )
    arguments = (*DenoisingModel.arguments, "corruption")
    _restores = True

    @property
    def source(self) -> Spec:
        """Corrupted examples, in units of the data."""
        return Likeness(self.inputs)

    def predict_x0(
        self,
        noisy: Rows,
        alpha: Rows,
        sigma: Rows,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
        corrupted: Rows | None = None,
    ) -> Rows:
        """The expected example given a noisy one and a corrupted one.

        Args:
            noisy: As in `Denoises.predict_x0`.
            alpha: As in `Denoises.predict_x0`.
            sigma: As in `Denoises.predict_x0`.
            condition: As in `Denoises.predict_x0`.
            guidance_scale: As in `Denoises.predict_x0`.
            corrupted: Corrupted examples, `(batch, *inputs.shape)`, in units of the
                data.

        Returns:
            float32 `(batch, *inputs.shape)`, on the scale of `noisy`.

        Raises:
            ValueError: If an argument does not fit the model, or `corrupted` is
                missing.
        """
        if corrupted is None:
            raise ValueError(f"{self.name} requires the argument corrupted.")
        told = self._given(condition)
        told = {**told, CORRUPTED: (self._from_bytes(corrupted), self.source)}
        return self._predicted((noisy, alpha, sigma), told, guidance_scale)

    def restore(
        self,
        x: Rows,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """Draws one clean example for each corrupted one.

        Args:
            x: Corrupted examples, `(batch, *inputs.shape)`. `LowResolution` also takes
                small images.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            seed: Seed of the draw. None draws a seed.
            guidance_scale: Numbers, `(batch,)`, or one number for all.
            sampling: Solver, grid and number of steps; by default those of the model.

        Returns:
            float32 `(batch, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: If an argument does not fit the model.
        """
        how = {"guidance_scale": guidance_scale, "sampling": sampling}
        if self.condition is not None:
            condition = self.condition.for_all(condition, num_rows(x))
        return self.translate(x, seed=seed, condition=condition, **how)

    def translate_rows(
        self,
        x: Rows,
        seed: Any = None,
        *,
        condition: Any = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> Rows:
        """`restore` with a seed for each row, int32 `(batch,)`."""
        corrupted = self._enlarged(self._from_bytes(x)), self.source
        given = self._given(condition, corrupted=corrupted, seed=(seed, SEEDS))
        return self._run_solver(self._sample_rows, sampling, guidance_scale, given)

    def _enlarged(self, x: Any) -> Any:
        """Corrupted examples in the shape of clean ones."""
        is_tensor = tf.is_tensor(x)
        if is_tensor:
            x = require(x, FINITE, "x")
        else:
            x = Likeness(self.inputs, is_resized=True).check(x, "x")
        corruption = cast(Corruption, self.corruption)
        corrupted = corruption.enlarged(x, self.inputs.shape)
        check_shape(corrupted.shape, self.inputs.shape, name="x")
        return corrupted if is_tensor else np.asarray(corrupted)


def _condition_of(condition: Spec | None, taken: dict[str, Any]) -> Spec | None:
    """The spec of a condition, checked against what a network takes.

    Texts become rows of one length.

    Args:
        condition: The spec, or None for the usual one.
        taken: The result of `networks.check_denoiser`.

    Raises:
        ValueError: If they do not fit each other, or if the number of tokens is
            unknown.
    """
    shape, size = taken["condition"], taken["vocabulary_size"]
    if condition is None and taken["is_text"]:
        if size is None:
            raise ValueError(
                "condition must be specs.Tokens(vocabulary_size, length) for a network "
                "that takes integers and has no TextReader, received None."
            )
        condition = Tokens(size, *shape)
    elif condition is None and shape is not None:
        return condition_of_shape(shape)
    if condition is None:
        return None
    if condition.network_shape != shape or taken["is_text"] != isinstance(
        condition, Tokens
    ):
        raise ValueError(
            f"condition must fit the third input of the network, "
            f"{'which it lacks' if shape is None else shape}, received {condition}."
        )
    if not isinstance(condition, Tokens):
        return condition
    check_tokenizer(condition.tokenizer, condition.vocabulary_size)
    if size not in (None, condition.vocabulary_size):
        raise ValueError(
            f"condition must have the {size} tokens of the network's TextReader, "
            f"received {condition.vocabulary_size}."
        )
    return dataclasses.replace(condition, are_sentences=True)


@register
class Consistency(Generates, DenoisingModel):
    """A network that finds the end of the flow from noise to examples in one call.

    `predict_x0` gives the example at which the probability flow through a noisy one
    ends, so that 1, 2 or 4 steps sample. Without noise it is the identity, by
    the parameterization. The loss compares neighbouring points of a path of the flow:
    those of a trained diffusion model, the teacher (consistency distillation), or,
    without a teacher, those of an example and its noise (consistency training).

    The teacher is neither a part of the model nor saved with it: a loaded model
    samples, and is exported, without it. To train on, call `learn_from` first.

    Args:
        network: As in `Diffusion`.
        schedule: As in `Diffusion`.
        parameterization: As in `Diffusion`, except `X0`.
        gaps: How far apart the compared noise levels are, and how this shrinks in
            training. The default is `objectives.ShrinkingGaps()`, and with a teacher,
            whose steps are accurate, 0.3 of each level.
        teacher_scale: Guidance scale of the teacher. The model learns samples that are
            guided so. None for a model without a teacher.
        times: The distribution of training times. The default is
            `LogNormalLevels(-0.4, 2.0)`.
        label_dropout: As in `Diffusion`, 0 by default: guidance comes from the teacher.
        sampling: The default grid and number of steps, with the solver
            `samplers.Renoising()`. The default is `samplers.few_steps(2)`.
        **options: Further arguments of `Diffusion`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network does not fit, if an argument is out of range, or if
            `parameterization` or `sampling` is not one of a consistency model.

    References:
        Song, Dhariwal, Chen and Sutskever, "Consistency models", 2023; Song and
        Dhariwal, "Improved techniques for training consistency models", 2023; Geng et
        al., "Consistency models made easy", 2024.

    Example:
        >>> import keras_gen as kg
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> teacher = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)), seed=0)
        >>> teacher.compile()
        >>> history = teacher.fit(x, verbose=0)
        >>> model = kg.Consistency.from_teacher(teacher, seed=0)
        >>> model.compile()
        >>> history = model.fit(x, verbose=0)
        >>> model.sample(3, seed=7, num_steps=1).shape
        (3, 2)
    """

    _instead = (
        "call sample(n) for new examples, predict_x0(noisy, alpha, sigma) for one call "
        "of the network, and keras_gen.export.saved_model or tflite to export them."
    )
    arguments = (*DenoisingModel.arguments, "gaps", "teacher_scale")

    def __init__(
        self,
        network: keras.Model,
        schedule: Schedule | None = None,
        parameterization: Parameterization | None = None,
        *,
        gaps: ShrinkingGaps | None = None,
        teacher_scale: float | None = None,
        times: Times | None = None,
        label_dropout: float = 0.0,
        sampling: Sampling | None = None,
        **options: Any,
    ) -> None:
        check_type(gaps, ShrinkingGaps | None, "gaps")
        if isinstance(parameterization, X0):
            raise ValueError(
                "parameterization must make the network's result the identity without "
                "noise, as V, Velocity, Epsilon and Preconditioned do, received X0."
            )
        if teacher_scale is not None:
            check_finite(teacher_scale, "teacher_scale")
        super().__init__(
            network,
            schedule,
            parameterization,
            times=times or LogNormalLevels(-0.4, 2.0),
            label_dropout=label_dropout,
            sampling=sampling or few_steps(),
            **options,
        )
        usual = ShrinkingGaps() if teacher_scale is None else TAUGHT
        self.gaps, self.teacher_scale = gaps or usual, teacher_scale
        self._teacher_of: Callable[[], Diffusion | None] = lambda: None
        self._program()  # checks the sampling

    @classmethod
    def from_teacher(
        cls, teacher: Diffusion, *, guidance_scale: float | None = None, **options: Any
    ) -> "Consistency":
        """A model that begins with the weights of a diffusion model and learns from it.

        Args:
            teacher: A trained diffusion model. It stays as it is.
            guidance_scale: Scale at which the teacher is guided. None means its own.
            **options: Further arguments of the constructor. Schedule, parameterization
                and specs are those of the teacher.

        Raises:
            TypeError: If the teacher is not a `Diffusion`.
            ValueError: If the teacher cannot be guided and a scale is given, or if an
                argument is out of range.
        """
        check_type(teacher, Diffusion, "teacher")
        network = keras.models.clone_model(teacher.network)
        copy_state(teacher.network_of("network"), network)
        scale = teacher.guidance_scale if guidance_scale is None else guidance_scale
        names = ("schedule", "parameterization", "inputs", "condition")
        same = {name: getattr(teacher, name) for name in names}
        model = cls(network, **same, teacher_scale=scale, **options)
        model.learn_from(teacher)
        return model

    def learn_from(self, teacher: Diffusion) -> None:
        """Sets the teacher, from which `fit` distils. Its scale of the data is taken.

        Args:
            teacher: A trained diffusion model. It is not saved with this model.

        Raises:
            TypeError: If the teacher is not a `Diffusion`.
            ValueError: If the teacher does not fit the model.
        """
        check_type(teacher, Diffusion, "teacher")
        if self.teacher_scale is None:
            raise ValueError(
                f"{self.name} was built to learn without a teacher. Build it with "
                "teacher_scale=1.0, or by Consistency.from_teacher."
            )
        for name in ("inputs", "condition", "schedule"):
            own, other = getattr(self, name), getattr(teacher, name)
            if own != other:
                raise ValueError(
                    f"teacher must have {name}={own} as {self.name} has, received "
                    f"{other}."
                )
        if self.teacher_scale != 1:
            teacher._guidance_of(self.teacher_scale, 0)
        if getattr(teacher.scale, "needs_data", False):
            raise ValueError(
                f"teacher must be trained, received {teacher.name}, which does not "
                "know the scale of its data yet. Call its fit first."
            )
        for name in ("scale", "condition_scale"):
            own, other = getattr(self, name), getattr(teacher, name)
            if isinstance(own, keras.layers.Layer):
                copy_state(other, own)
        self._teacher_of = lambda: teacher  # Keras would save an attribute that is it
        self.train_function = self.test_function = None  # traced without it

    # sampling, as in `Diffusion`

    noise, _noise_of = Diffusion.noise, Diffusion._noise_of
    sample = Diffusion.sample  # pyright: ignore[reportAssignmentType]
    sample_rows = Diffusion.sample_rows  # pyright: ignore[reportAssignmentType]
    generate, _generate = Diffusion.generate, Diffusion._generate
    _for_rows = Diffusion._for_rows

    def _program(
        self, sampling: Sampling | None = None, strength: float = 1.0
    ) -> Program:
        solver = (sampling or self.sampling).solver
        if not isinstance(solver, Renoising):
            raise ValueError(
                f"solver must be samplers.Renoising() for {self.name}, which jumps to "
                f"the end of the flow, received {solver}."
            )
        return super()._program(sampling, strength)

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: how much the results at two points of a path of the flow differ.

        It is the root of their mean squared difference over the share between the two
        noise levels, in units of the network's output. For held-out examples it is that
        of the moving average.
        """
        told = self._told(x, condition, noise)
        x = self.scale.spread(x, lambda: noise.uniform(self.inputs.shape, CELL))
        t = self._broadcast(self.times(noise.uniform((), TIME), self.schedule))
        noisiest = self.schedule.time(tf.constant(NOISIEST))
        t = tf.minimum(t, tf.clip_by_value(noisiest, 0.0, 1.0))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        noisy = alpha * x + sigma * noise.normal(self.inputs.shape, NOISE)
        share = self.gaps(sigma / alpha, noise.step)
        nearer = self._nearer(x, (noisy, alpha, sigma), share, told)
        seen = self._seen(told)
        if training:
            seen = self._dropped(seen, noise)
        network = self.network if training else self.network_of("network")

        def end(point: Point, *, training: bool) -> tf.Tensor:
            x, alpha, sigma = point
            output = self._raw(network, x, alpha, sigma, seen, training=training)
            return self.parameterization.predict_x0(x, output, alpha, sigma)

        found = end((noisy, alpha, sigma), training=training)
        target = tf.stop_gradient(end(nearer, training=False))
        _, out = self.parameterization.skip_and_out(alpha, sigma)
        weight = self.weighting(self.schedule.log_snr(t), out)
        squares = weight * tf.square((found - target) / (out * share))
        length = tf.sqrt(_sum(squares) / self.inputs.size + SMOOTH**2) - SMOOTH
        return {"loss": tf.reduce_mean(length)}

    def _nearer(
        self,
        x: tf.Tensor,
        point: Point,
        share: tf.Tensor,
        told: Told,
    ) -> Point:
        """A cleaner point of the path through noisy examples.

        It is on the line to the example, or to what the teacher denoises.

        Args:
            x: The examples.
            point: The noisy examples.
            share: The share of sigma / alpha between the two points.
            told: What the teacher is told, in units of the data.
        """
        noisy, alpha, sigma = point
        ratio = (1 - share) * sigma / alpha
        t = tf.clip_by_value(self.schedule.time(-2 * tf.math.log(ratio)), 0.0, 1.0)
        alpha2, sigma2 = self.schedule.alpha(t), self.schedule.sigma(t)

        def step(clean: tf.Tensor) -> tf.Tensor:
            return alpha2 * clean + sigma2 * (noisy - alpha * clean) / sigma

        if self.teacher_scale is None:
            return step(x), alpha2, sigma2
        teacher, scale = self._teacher_of(), None
        if teacher is None:
            raise ValueError(
                f"{self.name} learns from a teacher, which is not saved with it: "
                "call learn_from(teacher) first."
            )
        if self.teacher_scale != 1:
            scale = tf.fill([tf.shape(x)[0]], float(self.teacher_scale))
        first = teacher._denoised(noisy, alpha, sigma, told, scale)
        euler = step(first)
        second = teacher._denoised(euler, alpha2, sigma2, told, scale)
        slopes = [
            (x - a * clean) / s - clean
            for x, a, s, clean in (
                (noisy, alpha, sigma, first),
                (euler, alpha2, tf.maximum(sigma2, TINY), second),
            )
        ]
        whole, whole2 = alpha + sigma, alpha2 + sigma2
        moved = (sigma2 / whole2 - sigma / whole) * (slopes[0] + slopes[1]) / 2
        heun = whole2 * (noisy / whole + moved)
        made = tf.where(sigma2 > TINY, heun, euler)
        return tf.stop_gradient(made), alpha2, sigma2


def _check_reach(model: DenoisingModel) -> None:
    """Raises ValueError if the network's output is squashed."""
    if not model.network.weights:
        return  # a formula
    is_picture = model.inputs.is_unit and isinstance(model.parameterization, X0)
    suits = reach.pictures if is_picture else reach.logits
    for low, high in reach.out_of_reach(model.network, [suits]):
        raise ValueError(
            f"network must return values of any size and sign, as "
            f"{model.parameterization} requires, received a network whose outputs are "
            f"always {reach.described(low, high)}. Remove its last activation."
        )


def _sum(x: tf.Tensor) -> tf.Tensor:
    """Sums over all but the first axis."""
    return tf.reduce_sum(tf.reshape(x, (tf.shape(x)[0], -1)), axis=1)

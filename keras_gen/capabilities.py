"""Capabilities: what a trained model can do, as small classes of public signatures.

The methods of a capability are abstract, or final if they follow from other public
methods. A class has a capability if it derives from it or offers all of its abstract
methods: `isinstance(model, Encodes)` is true in both cases, as in `collections.abc`.

Each method takes arrays, which are checked and run compiled in batches, or tensors,
which are traced, so that an artifact can hold the call. `condition` holds labels,
vectors or images, as the spec `model.condition` describes them. `sample` also takes one
value for all samples.
"""

import abc
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from . import random
from .limits import POSITIVE, Limit
from .refusals import require_finite
from .rows import Rows
from .specs import SEEDS, Codes, Noise, Numbers, Spec, Tokens
from .validation import (
    check_count,
    check_limit,
    check_numbers,
    check_positive,
    num_rows,
    refuse_masked,
)
from .writing import Choices, Writer

if TYPE_CHECKING:
    from typing_extensions import TypeIs

T = TypeVar("T", bound=type)
OUTSIDE = "x must be in the support of the density, with finite latent vectors"


def capability(cls: T) -> T:
    """Class decorator: a class that offers all abstract methods has the capability."""
    names = sorted(getattr(cls, "__abstractmethods__", ()))

    def offers(this: type, other: type) -> Any:
        if this is not cls or not names:
            return NotImplemented
        return all(hasattr(other, name) for name in names) or NotImplemented

    cls.__subclasshook__ = classmethod(offers)  # pyright: ignore[reportAttributeAccessIssue]
    return cls


@capability
class Generates(abc.ABC):
    """Draws samples from noise.

    Example:
        >>> networks = kg.networks.mlp_vae((8, 8, 1), latent_dim=2, units=(8,))
        >>> model = kg.VAE(*networks)
        >>> isinstance(model, kg.capabilities.Generates)
        True
        >>> model.noise.shape
        (2,)
        >>> model.generate(np.zeros((4, 2), "float32")).shape
        (4, 8, 8, 1)
    """

    inputs: Spec
    condition: Spec | None

    @property
    @abc.abstractmethod
    def noise(self) -> Noise:
        """The standard normal noise of one sample."""

    @abc.abstractmethod
    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Makes samples from noise. The same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *noise.shape)`.
            condition: Rows of the model's `condition` spec, one per sample.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """

    @abc.abstractmethod
    def sample_rows(self, seed: Rows, *, condition: Any = None, **how: Any) -> Rows:
        """Draws one sample per seed, independent of the other rows.

        Args:
            seed: int32 `(batch,)`.
            condition: Rows of the model's `condition` spec, one per sample.
            **how: As in `sample`.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """

    @property
    def can_generate(self) -> bool:
        """Whether the model is ready to generate."""
        return True

    @property
    def draws_levels(self) -> bool:
        """Whether samples are draws of levels, which rounding can change."""
        return False

    @property
    def truncates(self) -> bool:
        """Whether `sample`, `generate` and `sample_rows` take a `truncation`."""
        return False

    def sample(
        self,
        num_samples: int,
        *,
        condition: Any = None,
        seed: int | None = None,
        **how: Any,
    ) -> np.ndarray:
        """Draws samples.

        The seed of row i is `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: Number of samples.
            condition: Rows of the model's `condition` spec, one per sample, or one for
                all.
            seed: Seed of the samples. None draws a seed.
            **how: Further arguments of the family.

        Returns:
            Samples, `(num_samples, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: If `num_samples` < 0 or the condition does not fit.
        """
        seeds, condition = rows_to_draw(self, num_samples, seed, condition)
        return like(seeds, self.sample_rows(seeds, condition=condition, **how))


def can_generate(model: Any) -> "TypeIs[Generates]":
    """Whether a model generates, and is ready to; see `Generates.can_generate`."""
    return isinstance(model, Generates) and model.can_generate


def like(given: Any, made: Any) -> Any:
    """Returns `made`, as an array unless `given` is a tensor."""
    is_array = tf.is_tensor(made) and not tf.is_tensor(given)
    return made.numpy() if is_array and tf.executing_eagerly() else made


def rows_to_draw(
    model: Any, num_samples: int, seed: int | None, condition: Any
) -> tuple[np.ndarray, Any]:
    """A seed and a condition for each sample; see `Generates.sample`."""
    check_count(num_samples, "num_samples", least=0)
    if condition is not None and model.condition is not None:
        condition = model.condition.for_all(condition, num_samples)
        is_list = isinstance(condition, list | tuple) or np.ndim(condition)
        if is_list and len(condition) != num_samples:
            raise ValueError(
                f"condition has {len(condition)} rows for {num_samples} samples: pass "
                "one for each sample, or one for all."
            )
        model._warn_of_new_classes(condition)
    return random.row_seeds(seed, num_samples), condition


def check_how(
    how: dict[str, Any],
    function: Callable[..., Any],
    model: Any,
    method: str = "sample",
) -> None:
    """Raises TypeError unless `function` takes further arguments of a method.

    Args:
        how: The arguments by name.
        function: The function that takes them, and perhaps a seed and a condition.
        model: The model that samples, for the error.
        method: Name of the method, for the error.
    """
    takes = inspect.signature(function).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values()):
        return
    always = ["condition", "noise" if method == "generate" else "seed"]
    names = [name for name in takes if name not in always]
    if unknown := [name for name in how if name not in names]:
        raise TypeError(
            f"{method} of {model.name} received an unknown argument {unknown[0]!r}. It "
            f"takes {', '.join([*always, *names])}."
        )


@capability
class Encodes(abc.ABC):
    """Maps examples to latent values and back.

    Examples outside the support of a density have no finite latent values. Arrays with
    such rows raise an error, and so do traced functions when they run. Eager tensors,
    as in a gradient, give NaN or infinity.

    Attributes:
        latent: The spec of the latent values.
        lossless: Whether `reconstruct` returns the examples themselves.

    Example:
        >>> networks = kg.networks.mlp_autoencoder((8, 8, 1), latent_dim=2, units=(8,))
        >>> model = kg.Autoencoder(*networks)
        >>> isinstance(model, kg.capabilities.Encodes)
        True
        >>> model.encode(np.zeros((4, 8, 8, 1), "float32")).shape
        (4, 2)
    """

    name: str
    inputs: Spec
    condition: Spec | None
    latent: Spec
    lossless = False

    @abc.abstractmethod
    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes examples as latent values, without randomness.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.

        Returns:
            float32 `(batch, *latent.shape)`.

        Raises:
            ValueError: If an array `x` has rows outside the support of the density.
        """

    @abc.abstractmethod
    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Decodes latent values to examples.

        Args:
            z: Latent values, `(batch, *latent.shape)`.
            condition: Rows of the model's `condition` spec, one per example.

        Returns:
            Examples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """

    def reconstruct(self, x: Rows, *, condition: Any = None) -> Rows:
        """Decodes the latent values of examples: `decode(encode(x))`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.

        Returns:
            Examples, `(batch, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: As in `encode`.
        """
        z = self.encode(x, condition=condition)
        return like(x, self.decode(z, condition=condition))

    def interpolate(
        self, a: Any, b: Any, steps: int, *, condition: Any = None
    ) -> np.ndarray:
        """Decodes points on the straight line between the codes of two examples.

        Args:
            a: Examples at the start, `(batch, *inputs.shape)`.
            b: Examples at the end, `(batch, *inputs.shape)`.
            steps: Points per line, both ends included, >= 2.
            condition: Rows of the model's `condition` spec, one per line.

        Returns:
            Array `(batch, steps, *inputs.shape)`.

        Raises:
            ValueError: If `steps` < 2, if the batches differ in length, if rows are
                outside the support of the density, or if latent values are codes.
        """
        z = between(self, a, b, steps, condition=condition)
        flat = z.reshape((-1, *self.latent.shape))
        if condition is not None:
            condition = np.repeat(condition, steps, axis=0)
        made = np.asarray(self.decode(flat, condition=condition))
        return made.reshape((-1, steps, *made.shape[1:]))


def between(
    model: Encodes, a: Any, b: Any, steps: int, *, condition: Any = None
) -> np.ndarray:
    """Points from code to code, `(batch, steps, *latent.shape)`."""
    check_count(steps, "steps", least=2)
    if isinstance(model.latent, Codes):
        raise ValueError(
            f"interpolate requires continuous latent values, {model.name} has "
            f"{model.latent}: codes have no values between them."
        )
    codes = []
    for name, x in (("a", a), ("b", b)):
        try:
            codes.append(np.asarray(model.encode(x, condition=condition)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    start, end = codes
    if len(start) != len(end):
        raise ValueError(
            "a and b must have the same number of rows, received "
            f"{len(start)} and {len(end)}."
        )
    weights = np.linspace(0, 1, steps, dtype=np.float32)
    weights = weights.reshape((steps,) + (1,) * (start.ndim - 1))
    return start[:, None] * (1 - weights) + end[:, None] * weights


def inside(z: Rows, name: str = "x") -> Rows:
    """Returns the latent values of the argument `name`, if all are finite.

    Raises:
        ValueError: If rows of an array are outside the support of a density. A graph
            raises `tf.errors.InvalidArgumentError` when it runs.
    """
    if tf.is_tensor(z):
        return require_finite(z, OUTSIDE)
    bad = np.flatnonzero(~np.isfinite(z).all(axis=tuple(range(1, z.ndim))))
    if bad.size:
        raise ValueError(
            f"{name} has {bad.size} of {len(z)} rows outside the support of the "
            f"density, row {bad[0]} first: their latent vectors are not finite."
        )
    return z


@capability
class Scores(abc.ABC):
    """Knows the log density of examples.

    Attributes:
        is_exact: Whether `log_prob` is exact, neither an estimate nor a bound.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,))
        >>> isinstance(model, kg.capabilities.Scores)
        True
        >>> model.log_prob(np.zeros((4, 2), "float32")).shape
        (4,)
    """

    name: str
    inputs: Spec
    condition: Spec | None
    is_exact = True

    @abc.abstractmethod
    def log_prob(self, x: Rows, *, condition: Any = None) -> Rows:
        """Log density of examples in nats, with respect to the units of the data.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.

        Returns:
            float32 `(batch,)`.
        """


class ImportanceSampling(NamedTuple):
    """The result of importance sampling.

    Attributes:
        log_prob: The lower bound of log p(x), nats, `(batch,)`.
        effective_sample_size: sum(w)**2 / sum(w**2) of the importance weights,
            `(batch,)`, in [1, number of samples]. Near 1, a single sample dominates
            and the bound is loose.

    Example:
        >>> networks = kg.networks.mlp_vae((8, 8, 1), latent_dim=2, units=(8,))
        >>> found = kg.VAE(*networks).importance_sampling(np.zeros((3, 8, 8, 1)), 16)
        >>> bool((found.effective_sample_size <= 16.001).all())
        True
    """

    log_prob: np.ndarray
    effective_sample_size: np.ndarray


@capability
class Bounds(abc.ABC):
    """Bounds the log-likelihood of examples from below.

    Attributes:
        latent: The spec of the latent values.

    Example:
        >>> networks = kg.networks.mlp_vae((8, 8, 1), latent_dim=2, units=(8,))
        >>> model = kg.VAE(*networks)
        >>> isinstance(model, kg.capabilities.Bounds)
        True
        >>> model.elbo(np.zeros((4, 8, 8, 1), "float32"), seed=0).shape
        (4,)
    """

    inputs: Spec
    condition: Spec | None
    latent: Spec

    @abc.abstractmethod
    def elbo(
        self, x: Rows, *, condition: Any = None, seed: int = 0, noise: Any = None
    ) -> Rows:
        """Evidence lower bound of log p(x), from one sample of the latent values.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the draws.
            noise: Standard normal, `(batch, *latent.shape)`; `x` is then explained as
                it is. If None, the noise is drawn. A model that explains random
                observations of `x` then draws the observation too.

        Returns:
            Nats per example, `(batch,)`. Its mean over noise is at most log p(x).
        """

    @abc.abstractmethod
    def importance_sampling(
        self, x: Rows, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> ImportanceSampling:
        """`importance_log_prob`, and the effective number of its samples.

        The arguments are those of `importance_log_prob`.
        """

    def importance_log_prob(
        self, x: Rows, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> np.ndarray:
        """Importance-sampled bound of log p(x), tighter with more samples.

        The samples are drawn in chunks, so memory does not grow with `num_samples`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            num_samples: Samples per example, K in the reference.
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the samples.

        Returns:
            Nats per example, `(batch,)`.

        References:
            Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders",
            2015, eq. 8.
        """
        how = {"condition": condition, "seed": seed}
        return self.importance_sampling(x, num_samples, **how).log_prob


@capability
class Classifies(abc.ABC):
    """Knows p(label | x).

    Example:
        >>> model = kg.Classifier(kg.networks.mlp((2,), (8,), units=(8,)), 3)
        >>> probabilities = model.probabilities(np.zeros((4, 2), "float32"))
        >>> bool(np.allclose(probabilities.sum(axis=1), 1))
        True
        >>> model.classify(np.zeros((4, 2), "float32")).shape
        (4,)
    """

    inputs: Spec

    @abc.abstractmethod
    def log_probabilities(self, x: Rows) -> Rows:
        """Log p(label | x) of examples in nats, float32 `(batch, num_classes)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
        """

    def probabilities(self, x: Rows) -> Rows:
        """p(label | x), float32 `(batch, num_classes)`. Each row sums to 1.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
        """
        logs = like(x, self.log_probabilities(x))
        exp: Any = tf.exp if tf.is_tensor(logs) else np.exp
        return exp(logs)

    def classify(self, x: Any) -> np.ndarray:
        """The most probable label of examples, int64 `(batch,)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
        """
        return np.argmax(self.log_probabilities(np.asarray(x)), axis=-1)


@capability
class Translates(abc.ABC):
    """Translates examples of one kind to examples of `inputs`.

    Attributes:
        source: The spec of the examples to translate: the model's `condition`, unless
            a class overrides it.
        draws_translations: Whether a translation depends on a seed. Otherwise each
            example has one translation, and an artifact takes no seed.
        paired: Whether it learns from pairs, so that translations can be compared with
            examples one by one; see `GenerativeModel`.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> class Negative(kg.capabilities.Translates, kg.GenerativeModel):
        ...     draws_translations = False
        ...     def __init__(self, **kwargs):
        ...         images = kg.specs.Images(8, 8, 1)
        ...         super().__init__(images, condition=images, **kwargs)
        ...     def translate_rows(self, x, seed=None):
        ...         given = {"x": (x, self.source)}
        ...         return kg.rows.run_rows(self, self.turned, given)
        ...     def turned(self, x):
        ...         return 1 - x
        >>> float(Negative().translate(np.full((1, 8, 8, 1), 0.25)).mean())
        0.75
    """

    inputs: Spec
    condition: Spec | None
    draws_translations = True
    paired = True

    @property
    def source(self) -> Any:
        """The spec of the examples to translate."""
        return self.condition

    @property
    def can_translate(self) -> bool:
        """Whether the model translates, as its condition may tell."""
        return True

    @abc.abstractmethod
    def translate_rows(self, x: Rows, seed: Any = None, **how: Any) -> Rows:
        """`translate` with a seed for each row, int32 `(batch,)`.

        Args:
            x: Examples of the source, `(batch, *source.shape)`.
            seed: None if translations are not drawn.
            **how: Further arguments of the family.
        """

    def translate(self, x: Rows, *, seed: int | None = None, **how: Any) -> Rows:
        """Translates each example.

        Args:
            x: Examples of the source, `(batch, *source.shape)`.
            seed: Seed of the draws. None draws a seed. It has no effect if
                translations are not drawn.
            **how: Further arguments of the family.

        Returns:
            Examples, `(batch, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: If an argument does not fit the model.
        """
        seeds = random.row_seeds(seed, len(x)) if self.draws_translations else None
        return like(x, self.translate_rows(x, seeds, **how))


def can_translate(model: Any) -> "TypeIs[Translates]":
    """Whether a model translates; see `Translates.can_translate`."""
    return isinstance(model, Translates) and getattr(model, "can_translate", True)


def translates_condition(model: Any) -> "TypeIs[Translates]":
    """Whether a model translates its condition, not corrupted examples."""
    return can_translate(model) and model.source == model.condition


@capability
class Denoises(abc.ABC):
    """Finds the example in a mixture with noise, at every noise level.

    Example:
        >>> model = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)))
        >>> isinstance(model, kg.capabilities.Denoises)
        True
        >>> alpha, sigma = np.full(4, 0.8), np.full(4, 0.6)
        >>> model.predict_x0(np.ones((4, 2)), alpha, sigma).shape
        (4, 2)
    """

    inputs: Spec

    @abc.abstractmethod
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

    @abc.abstractmethod
    def solver_facts(self) -> dict[str, Any]:
        """How to sample with `predict_x0`: plain lists of numbers, and how to use them.

        The text in `how` explains the numbers.
        """


@capability
class CompletesImages(abc.ABC):
    """Draws the rest of examples from their beginning.

    Example:
        >>> network = kg.networks.pixel_made((4, 4, 1), units=(16,))
        >>> model = kg.PixelAutoregressive(network)
        >>> images = np.zeros((3, 4, 4, 1), "float32")
        >>> made = model.complete_image(images, 2, seed=0)
        >>> bool((made[:, :2] == 0).all())
        True
    """

    @abc.abstractmethod
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

    def complete_image(
        self,
        x: Rows,
        kept: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        temperature: float = 1.0,
        num_samples: int = 1,
    ) -> np.ndarray:
        """Draws what follows the first rows of images, or the first values of vectors.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Only their beginning is used.
            kept: Number of rows to keep, one integer or `(batch,)`, from 0 to the
                height.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            seed: Seed of the draws. None draws a seed.
            temperature: > 0. Below 1, likely values become more likely.
            num_samples: Completions per example.

        Returns:
            float32 `(batch * num_samples, *inputs.shape)`. The completions of an
            example are adjacent.

        Raises:
            ValueError: If an argument does not fit.
        """
        how = {"condition": condition, "seed": seed, "temperature": temperature}
        return completed(self, x, kept, num_samples, **how)


def kept_rows(inputs: Spec) -> Numbers:
    """Spec of the number of rows to keep of an image."""
    most = inputs.shape[0]
    return Numbers(Limit(0, most, is_integer=True, is_scalar=True))


def to_complete(
    model: Any, x: Rows, kept: Any, seed: Any, temperature: Any
) -> dict[str, tuple[Any, Spec]]:
    """The arguments of `complete_image_rows`, with their specs."""
    return {
        "x": (x, model.inputs),
        "kept": (kept, kept_rows(model.inputs)),
        "seed": (seed, SEEDS),
        "temperature": (temperature, Numbers(POSITIVE)),
    }


def completed(
    model: Any,
    x: Rows,
    kept: Any,
    num_samples: int,
    *,
    condition: Any,
    seed: int | None,
    temperature: float,
) -> np.ndarray:
    """Implements `complete_image` with `complete_image_rows`; see `CompletesImages`."""
    check_positive(num_samples, "num_samples", integer=True)
    check_positive(temperature, "temperature")
    rows, kept = num_rows(x), np.asarray(kept)
    if kept.shape not in ((), (rows,)) or not np.issubdtype(kept.dtype, np.integer):
        raise ValueError(
            f"kept must be one integer or {rows} integers, received {kept.dtype} of "
            f"shape {kept.shape}."
        )
    check_limit(kept, kept_rows(model.inputs).limit, "kept")
    if model.condition is not None:
        condition = model.condition.for_all(condition, rows)

    def repeated(values: Any) -> Any:
        return None if values is None else np.repeat(values, num_samples, axis=0)

    seeds = random.row_seeds(seed, rows * num_samples)
    scales = np.full(len(seeds), temperature, np.float32)
    given = repeated(np.asarray(x)), repeated(np.broadcast_to(kept, (rows,)))
    condition = repeated(condition)
    return model.complete_image_rows(*given, seeds, scales, condition=condition)


@capability
class Inpaints(abc.ABC):
    """Fills in parts of examples, given the rest.

    Example:
        >>> networks = kg.networks.mlp_vae((4,), latent_dim=2, units=(8,))
        >>> model = kg.VAE(*networks)
        >>> isinstance(model, kg.capabilities.Inpaints)
        True
        >>> x = np.ones((3, 4), "float32")
        >>> made = model.inpaint(x, [0, 0, 0, 1], seed=0)  # the last value is new
        >>> bool((made[:, :3] == 1).all())
        True
    """

    inputs: Spec
    condition: Spec | None

    @abc.abstractmethod
    def inpaint(
        self,
        x: Rows,
        mask: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        **how: Any,
    ) -> np.ndarray:
        """Draws the values of a mask, given the others.

        Args:
            x: Examples, `(batch, *inputs.shape)`, with any allowed values where the
                mask is 1.
            mask: 1 (or True) for values to fill in, 0 for values to keep, with shape
                `inputs.shape` for all examples, or `(batch, *inputs.shape)`. Masks of
                images may have one channel or none. An ambiguous shape is that of a
                mask for all examples.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            seed: Decides what is filled in; None draws a seed.
            **how: Further arguments of the family.

        Returns:
            `(batch, *inputs.shape)`. Kept values are those of `x`.

        Raises:
            ValueError: If an argument does not fit, or if `mask` has values other than
                0 and 1.
        """


def check_mask(mask: Any, inputs: Spec, rows: int) -> np.ndarray:
    """The mask of each row, float32 `(rows, *inputs.shape)`, of 0 and 1.

    Raises:
        ValueError: If the shape or a value is wrong.
    """
    refuse_masked(mask, "mask")
    received, shape = np.shape(mask), inputs.shape
    mask = np.asarray(mask)
    one, rank = {shape}, len(shape)
    if inputs.is_unit and rank > 1:
        one |= {shape[:-1], (*shape[:-1], 1)}
    each = {(rows, *sizes) for sizes in one}
    if mask.shape not in one | each:
        raise ValueError(
            f"mask must have shape {shape}, or one such mask for each of {rows} "
            f"examples, received shape {received}."
        )
    has_channels = mask.shape in one and mask.ndim == rank
    if mask.ndim == rank - 1 or (mask.ndim == rank and not has_channels):
        mask = mask[..., np.newaxis]
    mask = check_numbers(mask[np.newaxis], mask.shape, name="mask")[0]
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(
            "mask must be 1 for values to fill in and 0 elsewhere, received values in "
            f"[{mask.min()}, {mask.max()}]."
        )
    return np.broadcast_to(mask, (rows, *shape)).astype(np.float32)


Prompts = str | Sequence[str] | Sequence[Sequence[int]] | np.ndarray


class Completes(abc.ABC):
    """Predicts the next token, and so continues texts.

    Attributes:
        prompts: The spec of prompts: texts, or tokens.
        length: Number of tokens of `sample`, and of an artifact's inputs and outputs.
        end_token: The token that always ends a text, or None.

    Example:
        >>> network = kg.networks.recurrent(5, width=4, units=(8,))
        >>> model = kg.Autoregressive(network, length=6)
        >>> isinstance(model, kg.capabilities.Completes)
        True
        >>> model.complete([[0, 1]], 3, seed=0).shape
        (1, 5)
    """

    prompts: Tokens
    length: int
    end_token: int | None
    _writer: Writer

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the prompts, or None."""
        return self.prompts.tokenizer

    def next_logits(self, tokens: Prompts | tf.Tensor, *, condition: Any = None) -> Any:
        """Logits of the token after a text.

        Args:
            tokens: Texts, or int32 tokens `(batch, length)`, -1 after the last.
            condition: Rows of the model's `condition` spec, one per text.

        Returns:
            float32 `(batch, vocabulary_size)`.
        """
        return self._writer.next_logits(tokens, condition)

    def complete(
        self,
        prompt: Prompts,
        max_new_tokens: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        stop_tokens: Any = None,
    ) -> Any:
        """Continues texts.

        The seed of row i is `keras_gen.random.row_seeds(seed, n)[i]`, in every exported
        artifact too.

        Args:
            prompt: A text, several texts, or tokens: int32 `(batch, n)`, -1 after the
                last, or lists of different lengths. An empty prompt begins a text.
            max_new_tokens: Number of tokens to add. None means the model's `length`.
            condition: Rows of the model's `condition` spec, one per text, or one for
                all.
            seed: Seed of the tokens. None draws a seed.
            temperature: Divides the logits, >= 0. 0 takes the likeliest token.
            top_k: Number of the likeliest tokens to draw from. None means all.
            top_p: Draws from the fewest likeliest tokens with a total probability of
                at least this, in (0, 1], after `top_k`. None means all.
            repetition_penalty: Divides the positive logits of tokens that have occurred
                and multiplies their negative logits, > 0. Above 1 makes them less
                likely.
            stop_tokens: Tokens, or characters of one token each. A text ends after the
                first of them.

        Returns:
            The unchanged prompt followed by its continuation: a text or a list of
            texts, without the end token, or int32 tokens, -1 after the last of a row.

        Raises:
            ValueError: If an argument is out of its range or does not fit the model.
        """
        how = Choices(temperature, top_k, top_p, repetition_penalty)
        return self._writer.complete(
            prompt, max_new_tokens, seed, stop_tokens, how, condition
        )

    def sample(
        self,
        num_samples: int,
        max_new_tokens: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        **how: Any,
    ) -> Any:
        """Draws whole texts: `complete` with empty prompts.

        Args:
            num_samples: Number of texts.
            max_new_tokens: Number of tokens. None means the model's `length`.
            condition: Rows of the model's `condition` spec, one per text, or one for
                all.
            seed: Seed of the texts. None draws a seed.
            **how: As in `complete`.

        Returns:
            A list of texts, or int32 tokens if the model has no tokenizer.
        """
        check_count(num_samples, "num_samples", least=0)
        empty = ([""] if self.tokenizer else [[]]) * num_samples
        how |= {} if condition is None else {"condition": condition}
        return self.complete(empty, max_new_tokens, seed=seed, **how)

    def stream(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        stop_tokens: Any = None,
    ) -> Iterator[Any]:
        """Continues one text and yields each token as soon as it is drawn.

        The tokens are the same as those of `complete` with the same seed.

        Args:
            prompt: A text, or int tokens.
            max_new_tokens: As in `complete`.
            condition: The condition of the text, such as its class.
            seed: As in `complete`.
            temperature: As in `complete`.
            top_k: As in `complete`.
            top_p: As in `complete`.
            repetition_penalty: As in `complete`.
            stop_tokens: As in `complete`.

        Yields:
            Pieces of text without the end token, or int tokens if the prompt is tokens.

        Raises:
            ValueError: Before the first token, if an argument is out of its range.
        """
        how = Choices(temperature, top_k, top_p, repetition_penalty)
        return self._writer.stream(
            prompt, max_new_tokens, seed, stop_tokens, how, condition
        )

    def beam_search(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None = None,
        *,
        condition: Any = None,
        num_beams: int = 4,
        length_penalty: float = 0.0,
        stop_tokens: Any = None,
    ) -> tuple[Any, np.ndarray]:
        """Searches the likeliest continuations of one text.

        Args:
            prompt: A text, or int tokens.
            max_new_tokens: Largest number of tokens to add. None means the model's
                `length`.
            condition: The condition of the text, such as its class.
            num_beams: Number of texts that are kept at each position.
            length_penalty: Texts are ordered by their log-likelihood divided by the
                number of tokens to this power. 0 prefers short texts.
            stop_tokens: As in `complete`.

        Returns:
            Prompt and continuations, the best first, as texts or tokens; and the
            log-likelihoods of the continuations in nats. There are `num_beams` of
            them, or fewer if fewer exist.

        Raises:
            ValueError: If an argument is out of its range.

        References:
            Graves, "Sequence transduction with recurrent neural networks", 2012; Wu et
            al., "Google's neural machine translation system", 2016, section 7.
        """
        how = {"num_beams": num_beams, "length_penalty": length_penalty}
        return self._writer.beam_search(
            prompt, max_new_tokens, stop_tokens, condition, **how
        )

    def complete_rows(
        self,
        prompt: Rows,
        seed: Rows,
        temperature: Rows,
        top_k: Rows,
        top_p: Rows,
        *,
        condition: Any = None,
        max_new_tokens: Rows | None = None,
        stop_tokens: Rows | None = None,
    ) -> Rows:
        """Tokens that follow each prompt. Each row has its own settings.

        Args:
            prompt: int32 `(batch, n)`, -1 after the last token.
            seed: int32 `(batch,)`.
            temperature: As in `complete`, `(batch,)`.
            top_k: As in `complete`, `(batch,)`; 0 means all.
            top_p: As in `complete`, `(batch,)`; 1 means all.
            condition: Rows of the model's `condition` spec, one per text.
            max_new_tokens: Number of tokens to add, `(batch,)`, from 1 to the model's
                `length`, which is the default. The longest row decides the run time.
            stop_tokens: The token that ends a text, `(batch,)`. -1 or None means the
                model's own `end_token`, if it has one.

        Returns:
            int32 `(batch, length)`, -1 after the last token of a row.
        """
        rows = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        rows |= {"max_new_tokens": max_new_tokens, "stop_tokens": stop_tokens}
        return self._writer.complete_rows(prompt, seed, rows, condition)

    def complete_text_rows(
        self,
        text: tf.Tensor,
        seed: Rows,
        temperature: Rows,
        top_k: Rows,
        top_p: Rows,
        *,
        condition: Any = None,
        **how: Rows,
    ) -> tf.Tensor:
        """`complete_rows` of strings, `(batch,)`, as TensorFlow operations.

        Returns:
            The texts and their continuations without the end token, strings `(batch,)`.
        """
        rows = {"temperature": temperature, "top_k": top_k, "top_p": top_p, **how}
        return self._writer.complete_text_rows(text, seed, rows, condition)

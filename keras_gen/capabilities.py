"""Capabilities: what a trained model can do, as small classes of public signatures.

A capability is abstract, or final where other public methods suffice. A class has it by
deriving from it, or by offering all of its abstract methods: `isinstance(model,
Encodes)` asks for both, as `collections.abc` does.

Each method takes arrays, which are checked and run compiled in batches, or tensors,
which flow through, so that an artifact can hold the call. `condition` is what
conditional models are told besides, in the units of `model.condition`: labels, vectors,
images; in `sample` one value may stand for all.
"""

import abc
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from . import random
from .limits import POSITIVE, Limit
from .refusals import require_finite
from .rows import Rows
from .specs import SEEDS, Noise, Numbers, Spec, Tokens
from .validation import check_count, check_limit, check_positive, num_rows
from .writing import Choices, Writer

T = TypeVar("T", bound=type)
OUTSIDE = "x must lie in the support of the density, its latent vectors be finite"


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
    """Draws samples from noise."""

    inputs: Spec
    condition: Spec | None

    @property
    @abc.abstractmethod
    def noise(self) -> Noise:
        """The standard normal noise of one sample."""

    @abc.abstractmethod
    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Samples from noise: the same noise gives the same sample.

        Args:
            noise: Standard normal, `(batch, *noise.shape)`.
            condition: As the model's `condition` says, one row per sample.

        Returns:
            Samples, `(batch, *inputs.shape)`; images in [0, 1].
        """

    @abc.abstractmethod
    def sample_rows(self, seed: Rows, *, condition: Any = None, **how: Any) -> Rows:
        """One sample per seed, each independent of the rows around it.

        Args:
            seed: int32 `(batch,)`.
            condition: As the model's `condition` says, one row per sample.
            **how: As in `sample`.

        Returns:
            Samples, `(batch, *inputs.shape)`; images in [0, 1].
        """

    @property
    def can_generate(self) -> bool:
        """Whether the model is ready to generate."""
        return True

    @property
    def draws_levels(self) -> bool:
        """Whether samples are draws of single levels, which rounding can change."""
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

        Row i is decided by `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: How many.
            condition: As the model's `condition` says, one row per sample, or one for
                all.
            seed: Decides the samples; None draws a seed.
            **how: Further arguments of the family.

        Returns:
            Samples, `(num_samples, *inputs.shape)`; images in [0, 1].

        Raises:
            ValueError: If `num_samples` < 0 or the condition does not fit.
        """
        seeds, condition = rows_to_draw(self, num_samples, seed, condition)
        return self.sample_rows(seeds, condition=condition, **how)


def rows_to_draw(
    model: Any, num_samples: int, seed: int | None, condition: Any
) -> tuple[np.ndarray, Any]:
    """A seed and a condition for each sample; see `Generates.sample`."""
    check_count(num_samples, "num_samples", least=0)
    if condition is not None and model.condition is not None:
        condition = model.condition.for_all(condition, num_samples)
        if np.ndim(condition) and len(condition) != num_samples:
            raise ValueError(
                f"condition has {len(condition)} rows for {num_samples} samples: pass "
                "one for each, or one for all."
            )
        model._warn_of_new_classes(condition)
    return random.row_seeds(seed, num_samples), condition


@capability
class Encodes(abc.ABC):
    """Maps examples to latent values and back.

    Examples outside the support of a density have no finite latent values. Arrays of
    them raise, and so do traced functions when they run; eager tensors, as in a
    gradient, give NaN or infinity.

    Attributes:
        latent: What latent values are.
        lossless: Whether `reconstruct` gives back the examples themselves.
    """

    name: str
    inputs: Spec
    condition: Spec | None
    latent: Spec
    lossless = False

    @abc.abstractmethod
    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Latent values of examples, without randomness.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
            condition: As the model's `condition` says, one row per example.

        Returns:
            float32 `(batch, *latent.shape)`.

        Raises:
            ValueError: If an array `x` has rows outside the support of the density.
        """

    @abc.abstractmethod
    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Examples from latent values.

        Args:
            z: Latent values, `(batch, *latent.shape)`.
            condition: As the model's `condition` says, one row per example.

        Returns:
            Examples, `(batch, *inputs.shape)`; images in [0, 1].
        """

    def reconstruct(self, x: Rows, *, condition: Any = None) -> Rows:
        """Decodes the latent values of examples: `decode(encode(x))`.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
            condition: As the model's `condition` says, one row per example.

        Returns:
            Examples, `(batch, *inputs.shape)`; images in [0, 1].

        Raises:
            ValueError: As in `encode`.
        """
        return self.decode(self.encode(x, condition=condition), condition=condition)

    def interpolate(
        self, a: Any, b: Any, steps: int, *, condition: Any = None
    ) -> np.ndarray:
        """Decodes points on the straight line between the codes of two examples.

        Args:
            a: Examples at the start, `(batch, *inputs.shape)`.
            b: Examples at the end, `(batch, *inputs.shape)`.
            steps: Points per line, both ends included, at least 2.
            condition: As the model's `condition` says, one row per line.

        Returns:
            Array `(batch, steps, *inputs.shape)`.

        Raises:
            ValueError: If `steps` < 2, the batches differ, or rows lie outside the
                support of the density.
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
    codes = []
    for name, x in (("a", a), ("b", b)):
        try:
            codes.append(np.asarray(model.encode(x, condition=condition)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    start, end = codes
    if len(start) != len(end):
        raise ValueError(f"a and b differ in length: {len(start)} and {len(end)}.")
    weights = np.linspace(0, 1, steps, dtype=np.float32)
    weights = weights.reshape((steps,) + (1,) * (start.ndim - 1))
    return start[:, None] * (1 - weights) + end[:, None] * weights


def inside(z: Rows, name: str = "x") -> Rows:
    """Latent values of the argument `name`, if all are finite.

    Raises:
        ValueError: If rows of an array lie outside the support of a density; in a
            graph, `tf.errors.InvalidArgumentError` when it runs.
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
    """

    name: str
    inputs: Spec
    condition: Spec | None
    is_exact = True

    @abc.abstractmethod
    def log_prob(self, x: Rows, *, condition: Any = None) -> Rows:
        """Log density of examples in nats, with respect to the units of the data.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
            condition: As the model's `condition` says, one row per example.

        Returns:
            float32 `(batch,)`.
        """


class ImportanceSampling(NamedTuple):
    """What importance sampling says of examples.

    Attributes:
        log_prob: The bound of log p(x), nats, `(batch,)`.
        effective_sample_size: sum(w)**2 / sum(w**2) of the importance weights,
            `(batch,)`, in [1, number of samples]. Near 1, a single sample makes the
            bound, which then says little.
    """

    log_prob: np.ndarray
    effective_sample_size: np.ndarray


@capability
class Bounds(abc.ABC):
    """Bounds the log-likelihood of examples from below.

    Attributes:
        latent: What latent values are.
    """

    inputs: Spec
    condition: Spec | None
    latent: Spec

    @abc.abstractmethod
    def elbo(
        self, x: Rows, *, condition: Any = None, seed: int = 0, noise: Any = None
    ) -> Rows:
        """Evidence lower bound of log p(x), by one sample of the latent values.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
            condition: As the model's `condition` says, one row per example.
            seed: Decides what is drawn.
            noise: Standard normal, `(batch, *latent.shape)`; `x` is then explained as
                it is. If None, the noise is drawn, and so is the observed example
                of a model that explains random observations of `x`.

        Returns:
            Nats per example, `(batch,)`: at most log p(x) on average over noise.
        """

    @abc.abstractmethod
    def importance_sampling(
        self, x: Rows, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> ImportanceSampling:
        """`importance_log_prob` and how many of its samples counted.

        Arguments as in `importance_log_prob`.
        """

    def importance_log_prob(
        self, x: Rows, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> np.ndarray:
        """Importance-sampled bound of log p(x), tighter with every sample.

        The samples are taken in chunks: memory does not grow with `num_samples`.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
            num_samples: Samples per example, K in the reference.
            condition: As the model's `condition` says, one row per example.
            seed: Decides the samples.

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
    """Knows p(label | x)."""

    inputs: Spec

    @abc.abstractmethod
    def log_probabilities(self, x: Rows) -> Rows:
        """Log p(label | x) in nats, float32 `(batch, num_classes)`, of examples.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
        """

    def probabilities(self, x: Rows) -> Rows:
        """p(label | x), float32 `(batch, num_classes)`, each row with the sum 1.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
        """
        logs = self.log_probabilities(x)
        exp: Any = tf.exp if tf.is_tensor(logs) else np.exp
        return exp(logs)

    def classify(self, x: Any) -> np.ndarray:
        """The most probable label of examples, int64 `(batch,)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`; images uint8 or in [0, 1].
        """
        return np.argmax(self.log_probabilities(np.asarray(x)), axis=-1)


@capability
class Translates(abc.ABC):
    """Makes an example of `inputs` of each given example of another kind.

    Attributes:
        source: What is translated: the model's `condition`, unless a class says
            otherwise.
        draws_translations: Whether a seed decides the translation; else one example
            has one translation, and an artifact takes no seed.

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

    @property
    def source(self) -> Any:
        """What is translated, a spec."""
        return self.condition

    @abc.abstractmethod
    def translate_rows(self, x: Rows, seed: Any = None, **how: Any) -> Rows:
        """`translate` with a seed for each row, int32 `(batch,)`.

        Args:
            x: Examples of the source, `(batch, *source.shape)`.
            seed: None where translations are not drawn.
            **how: Further arguments of the family.
        """

    def translate(self, x: Rows, *, seed: int | None = None, **how: Any) -> Rows:
        """Makes one example of each given one.

        Args:
            x: Examples of the source, `(batch, *source.shape)`.
            seed: Decides the draw; None draws a seed. Without effect where
                translations are not drawn.
            **how: Further arguments of the family.

        Returns:
            Examples, `(batch, *inputs.shape)`; images in [0, 1].

        Raises:
            ValueError: If an argument does not fit the model.
        """
        seeds = random.row_seeds(seed, len(x)) if self.draws_translations else None
        return self.translate_rows(x, seeds, **how)


@capability
class Denoises(abc.ABC):
    """Finds the example in a mixture with noise, at every noise level."""

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
        """The mean of the examples that can be in noisy ones: one call of the network.

        Args:
            noisy: `alpha * example + sigma * noise`, `(batch, *inputs.shape)`, where
                images lie in [-1, 1] and columns have mean 0 and deviation 1.
            alpha: Scale of the example, `(batch,)`.
            sigma: Scale of the noise, `(batch,)`, > 0.
            condition: As the model's `condition` says, one row per example.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            float32 `(batch, *inputs.shape)`, on the scale of `noisy`.

        Raises:
            ValueError: If an argument does not fit the model.
        """

    @abc.abstractmethod
    def solver_facts(self) -> dict[str, Any]:
        """How to sample by `predict_x0`: numbers as plain lists, `how` to use them."""


@capability
class CompletesImages(abc.ABC):
    """Draws the rest of examples whose beginning is given."""

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
        """`complete_image` with everything given for each row, `(batch,)`."""

    @abc.abstractmethod
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
            x: Examples, `(batch, *inputs.shape)`, of which the beginning counts.
            kept: Number of rows that are kept, one integer or `(batch,)`, from 0 to the
                height.
            condition: As the model's `condition` says, one row per example, or one
                for all.
            seed: Decides what is drawn; None draws a seed.
            temperature: > 0; below 1, likely values become more likely.
            num_samples: How often each example is completed.

        Returns:
            float32 `(batch * num_samples, *inputs.shape)`, those of an example next to
            each other.

        Raises:
            ValueError: If an argument does not fit.
        """


def kept_rows(inputs: Spec) -> Numbers:
    """How many rows of an example can be kept."""
    most = inputs.shape[0]
    return Numbers(Limit(0, most, is_integer=True, is_scalar=True))


def to_complete(
    model: Any, x: Rows, kept: Any, seed: Any, temperature: Any
) -> dict[str, tuple[Any, Spec]]:
    """The rows of `complete_image_rows`, and what they are."""
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
    """`complete_image` by `complete_image_rows`; see `CompletesImages`."""
    check_positive(num_samples, "num_samples", integer=True)
    check_positive(temperature, "temperature")
    rows, kept = num_rows(x), np.asarray(kept)
    if kept.shape not in ((), (rows,)) or not np.issubdtype(kept.dtype, np.integer):
        raise ValueError(
            f"kept must be one integer or {rows}, received {kept.dtype} of shape "
            f"{kept.shape}."
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


Prompts = str | Sequence[str] | Sequence[Sequence[int]] | np.ndarray


class Completes(abc.ABC):
    """Predicts the next token, and so continues texts.

    Attributes:
        prompts: What prompts are: texts, or tokens.
        length: Number of tokens of `sample`, and of what an artifact takes and gives.
        end_token: The token that ends a text by itself, or None.
    """

    prompts: Tokens
    length: int
    end_token: int | None
    _writer: Writer

    @property
    def tokenizer(self) -> Any:
        """What makes tokens of texts, or None."""
        return self.prompts.tokenizer

    def next_logits(self, tokens: Prompts | tf.Tensor, *, condition: Any = None) -> Any:
        """Logits of the token after a text.

        Args:
            tokens: Texts, or int32 tokens `(batch, length)`, -1 after the last.
            condition: As the model's `condition` says, one row per text.

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

        Row i is decided by `keras_gen.random.row_seeds(seed, n)[i]`, in every exported
        artifact too.

        Args:
            prompt: A text, several, or tokens: int32 `(batch, n)`, -1 after the last,
                or lists of different lengths. An empty one begins a text.
            max_new_tokens: Number of tokens that follow; None means `length` of the
                model.
            condition: As the model's `condition` says, one row per text, or one for
                all.
            seed: Decides the tokens; None draws a seed.
            temperature: Divides the logits, >= 0; 0 takes the likeliest token.
            top_k: How many of the likeliest tokens count; None means all.
            top_p: Of those, the likeliest count whose probabilities sum to this or
                more, in (0, 1]; None means all.
            repetition_penalty: Divides positive logits of tokens that were there, and
                multiplies negative ones, > 0; above 1 they are less likely.
            stop_tokens: Tokens, or characters of one token each, that end a text: the
                first of them to come is its last.

        Returns:
            Prompt as it is, and continuation: a text, a list of texts, both without an
            end token at their end, or int32 tokens, -1 after the last of a row.

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
        """Texts from nothing: `complete` of empty prompts.

        Args:
            num_samples: How many.
            max_new_tokens: Number of tokens; None means `length` of the model.
            condition: As the model's `condition` says, one row per text, or one for
                all.
            seed: Decides the texts.
            **how: As in `complete`.

        Returns:
            A list of texts, or int32 tokens of a model without a tokenizer.
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
        """Continues one text and gives each token as soon as it is there.

        The tokens are those of `complete` with the same seed.

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
            Pieces of text without the end, or int tokens if the prompt is tokens.

        Raises:
            ValueError: If an argument is out of its range, before the first token.
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
        """The likeliest continuations of one text, among those looked at.

        Args:
            prompt: A text, or int tokens.
            max_new_tokens: Largest number of tokens that follow; None means `length`
                of the model.
            condition: The condition of the text, such as its class.
            num_beams: How many texts stay at each position.
            length_penalty: The log-likelihood is divided by the number of tokens to
                this power before the texts are ordered: 0 prefers short ones.
            stop_tokens: As in `complete`.

        Returns:
            Prompt and continuations, the best first, as texts or tokens; and the
            log-likelihoods of the continuations, nats; `num_beams`, or all there are.

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
        """Tokens that follow each prompt, each row with settings of its own.

        Args:
            prompt: int32 `(batch, n)`, -1 after the last token.
            seed: int32 `(batch,)`.
            temperature: As in `complete`, `(batch,)`.
            top_k: As in `complete`, `(batch,)`; 0 means all.
            top_p: As in `complete`, `(batch,)`; 1 means all.
            condition: As the model's `condition` says, one row per text.
            max_new_tokens: How many tokens follow, `(batch,)`, from 1 to the model's
                `length`; None means that. The longest row decides how long it takes.
            stop_tokens: The token that ends a text, `(batch,)`; -1, or None, means the
                model's own `end_token`, if it has one.

        Returns:
            int32 `(batch, length of the model)`, -1 after the last token of a row.
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
        """`complete_rows` of strings, `(batch,)`, as operations of TensorFlow.

        Returns:
            The texts with what follows them, without the end, strings `(batch,)`.
        """
        rows = {"temperature": temperature, "top_k": top_k, "top_p": top_p, **how}
        return self._writer.complete_text_rows(text, seed, rows, condition)

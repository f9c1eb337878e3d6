"""A preset: a family of models at a size, for data of any shape.

Each file `presets/<name>.py` holds one frozen `Preset` called `recipe`. With data it
becomes a `Recipe`.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, cast

from .optimizing import Cosine, Rate, compiled, optimized
from .recipe import Recipe, Stage
from .settings import Setting, checked, of_function
from .texts import LINES, LONGEST_LINE, WINDOWS
from .usage import UsageError

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel
    from keras_gen.specs import Spec

SIZES = {"tiny": 8, "small": 16, "base": 32, "large": 64}  # widths
DEFAULT_SIZE = "base"
WIDEST = 4  # channels of the widest layer over those of the first
BATCHES, LEAST_BATCH = 8, 8  # of an epoch of few data, and examples of one
STEPS, LARGEST_BATCH = 1000, 1024  # of an epoch of many rows
SMALLEST, BOTTOM = 8, 4  # sides: of examples for convolutions, and innermost
TEXT, LEVELS = "text", "Columns with categories"
ARRAYS = ("Images", "Series", "Clips", "Vectors", "Columns", LEVELS)
LABELS, NONE = "labels", "none"  # conditions, besides columns of a table
ANY = "any"  # the condition on any category of a table


@dataclass(frozen=True, kw_only=True)
class Preset(Recipe):
    """A family at a size, for data of any shape.

    Attributes:
        kinds: Names of the specs of examples that it takes, such as "Images", `TEXT`,
            or `LEVELS` for tables with integers or categories.
        make: Makes the model: `make(inputs, condition, width, seed, steps)`, where
            `steps` are those of the run. Texts are `Tokens`, which hold the tokenizer,
            the length and the end token. Its keyword-only arguments with `Says` are
            settings that users can choose.
        prior: Makes the model of a second stage, if there is one, from the trained
            model of the first: `prior(before, condition, width, seed, steps)`, with
            settings like `make`. The first stage is then unconditional.
        smallest: Smallest side of images, series and clips that it takes.
        by: How it takes texts: `LINES`, `WINDOWS`, or both.
        longest: Most tokens of a line, unless another number is chosen.
        reads: The kind of data that it translates, `kinds.PAIRS` or `UNPAIRED`, or "".
        told: Further kinds of data that it takes, which condition its models:
            `kinds.PAIRS`, `kinds.CAPTIONS`.
        adam: Further arguments of the optimizer.
        batch_size: Examples of a step, fewer of few data, more of many rows: see
            `batch_of`.
        epochs: Passes over the data in a stage, or more of few data: see `epochs_of`.
        least_steps: Steps of a stage on few data. 0 for families that learn few
            examples by heart in so many.
    """

    kinds: tuple[str, ...]
    make: Callable[..., "GenerativeModel"]
    prior: Callable[..., "GenerativeModel"] | None = None
    rate: Rate = 1e-3
    adam: Mapping[str, Any] = field(default_factory=dict)
    smallest: int = 1
    by: tuple[str, ...] = (LINES, WINDOWS)
    longest: int = LONGEST_LINE
    reads: str = ""
    told: tuple[str, ...] = ()
    data: str = ""
    epochs: int = 50
    least_steps: int = 1000
    parameters: int = 0
    expected: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "build", _unpinned)

    @property
    def settings(self) -> dict[str, Setting]:
        """What users can choose, by name: of the model, then of its training."""
        training: dict[str, Any] = {"schedule": "constant", "learning_rate": self.rate}
        if isinstance(self.rate, Cosine):
            training |= {"schedule": "cosine", "learning_rate": self.rate.peak}
            training["warmup_steps"] = self.rate.warmup_steps
        training |= self.adam
        of_prior = {} if self.prior is None else of_function(self.prior)
        return of_function(self.make) | of_prior | of_function(optimized, training)

    @property
    def plan(self) -> tuple[Stage, ...]:
        """The stages of a run, which `pinned` fills in."""
        names = ("model",) if self.prior is None else ("autoencoder", "prior")
        return tuple(Stage(n, _unpinned, self.epochs, self.rate) for n in names)

    def tuned(self, values: Mapping[str, Any], name: str) -> "Preset":
        """The preset with some settings chosen.

        Args:
            values: Values by the names of `settings`.
            name: The preset's name, for errors.

        Raises:
            UsageError: If a name is unknown, or if a value is not allowed.
        """
        known = self.settings
        chosen = checked(values, known, name)
        training: dict[str, Any] = {
            k: chosen.get(k, known[k].default) for k in of_function(optimized)
        }
        rate, adam = optimized(**training)
        return dataclasses.replace(
            self,
            make=_with(self.make, chosen),
            prior=None if self.prior is None else _with(self.prior, chosen),
            rate=rate,
            adam=adam,
        )

    def batch_of(self, number: int, inputs: "Spec | None" = None) -> int:
        """The usual examples of a step: a power of two that makes several of few data.

        Many rows of a table, or vectors, make `STEPS` steps of an epoch at least: dense
        networks take a large batch nearly as fast as a small one.

        Args:
            number: Examples, >= 1.
            inputs: Their spec, or None for texts.
        """
        share, most = 2 ** int(math.log2(max(1, number / BATCHES))), self.batch_size
        if inputs is not None and len(inputs.shape) == 1 and kind_of(inputs) != TEXT:
            many = 2 ** int(math.log2(max(1, number / STEPS)))
            most = max(most, min(many, LARGEST_BATCH))
        return min(most, max(LEAST_BATCH, share))

    def epochs_of(self, steps: int) -> int:
        """The usual epochs of a run: more of few data, up to `least_steps` steps.

        Args:
            steps: Steps of an epoch, >= 1.
        """
        return max(self.epochs, math.ceil(self.least_steps / steps))

    def takes(self, inputs: "Spec | None") -> bool:
        """Whether it takes such examples; None means texts."""
        return kind_of(inputs) in self.kinds and self._is_large(inputs)

    def pinned(
        self, inputs: "Spec | None", condition: "Spec | None", size: str
    ) -> Recipe:
        """The recipe for data.

        Args:
            inputs: The spec of the examples.
            condition: The spec of the condition, or None.
            size: One of `SIZES`.

        Raises:
            UsageError: If the preset does not take such data, or if there is no such
                size.
        """
        if not self.takes(inputs):
            received = kind_of(inputs) if self._is_large(inputs) else inputs
            least = f" with sides from {self.smallest}" if self.smallest > 1 else ""
            raise UsageError(
                f"this preset takes {', '.join(self.kinds)}{least}, received "
                f"{received}."
            )
        if size not in SIZES:
            raise UsageError(
                f"size must be one of {', '.join(SIZES)}, received {size!r}."
            )
        facts: dict[str, Any] = {
            fact.name: getattr(self, fact.name) for fact in dataclasses.fields(Recipe)
        }
        self._check_chosen(inputs)
        told = condition if self.prior is None else None
        facts["build"] = functools.partial(self._build, inputs, told, SIZES[size])
        if self.prior is not None:
            prior = functools.partial(self._build_prior, condition, SIZES[size])
            facts["stages"] = tuple(
                dataclasses.replace(stage, build=build)
                for stage, build in zip(self.plan, (facts["build"], prior), strict=True)
            )
        return Recipe(**facts)

    def recipe_for(
        self,
        specs: "Callable[[], tuple[Spec, Spec | None]]",
        *,
        steps: int,
        epochs: int,
        size: str = DEFAULT_SIZE,
        learning_rate: float = 1e-3,
        chosen: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> Recipe:
        """A recipe: the preset at chosen settings, for one data set.

        Args:
            specs: Makes the specs of examples and condition. It is called late, since
                specs import TensorFlow.
            steps: Steps of an epoch.
            epochs: Passes over the data.
            size: One of `SIZES`.
            learning_rate: The highest one. It falls to 0 by half a cosine.
            chosen: Values by the names of `settings`.
            **facts: Further fields of `Recipe`, such as `data` and `batch_size`.
        """
        rate = Cosine(learning_rate, epochs * steps)
        tuned = dataclasses.replace(self.tuned(chosen or {}, self.family), rate=rate)

        def build(seed: int, steps: int | None = None) -> "GenerativeModel":
            return tuned.pinned(*specs(), size).build(seed, steps)

        own = {"build": build, "rate": rate, "epochs": epochs, "family": self.family}
        return Recipe(**{**own, **facts})

    def _is_large(self, inputs: "Spec | None") -> bool:
        known = () if inputs is None else sides(inputs)
        return min(known, default=self.smallest) >= self.smallest

    def _check_chosen(self, inputs: "Spec | None") -> None:
        """Raises UsageError if a chosen setting has no effect for such data."""
        kind = "images" if inputs and suits_convolutions(inputs) else "others"
        chosen = [getattr(m, "keywords", {}) for m in (self.make, self.prior)]
        for name in (*chosen[0], *chosen[1]):
            of = self.settings[name].of
            if of not in ("", kind):
                what = f"images, series and clips with sides of at least {SMALLEST}"
                raise UsageError(
                    f"{name} is for {what if of == 'images' else 'other data'}, "
                    f"received {inputs}."
                )

    def _build(
        self,
        inputs: "Spec | None",
        condition: "Spec | None",
        width: int,
        seed: int,
        steps: int | None = None,
    ) -> "GenerativeModel":
        model = self.make(inputs, condition, width, seed, steps)
        return compiled(model, self.rate, steps, **self.adam)

    def _build_prior(
        self,
        condition: "Spec | None",
        width: int,
        seed: int,
        before: "GenerativeModel",
        steps: int | None = None,
    ) -> "GenerativeModel":
        model = cast(Any, self.prior)(before, condition, width, seed, steps)
        return compiled(model, self.rate, steps, **self.adam)


def _with(
    make: Callable[..., "GenerativeModel"], values: Mapping[str, Any]
) -> Callable[..., "GenerativeModel"]:
    """A function that makes a model with those values that it takes."""
    own = of_function(make)
    return functools.partial(make, **{k: v for k, v in values.items() if k in own})


def _unpinned(*_: Any, **__: Any) -> NoReturn:
    raise UsageError("a preset requires data: pass --data PATH.")


def kind_of(inputs: "Spec | None") -> str:
    """The kind of examples, as in `Preset.kinds`. None means texts."""
    if inputs is None or type(inputs).__name__ == "Tokens":
        return TEXT
    return LEVELS if inputs.has_levels else type(inputs).__name__


def target_of(settings: Mapping[str, Any]) -> str | None:
    """The column that is the condition of a run, or `FOLDERS` of texts, or None."""
    condition = settings.get("condition")
    return None if condition in (None, LABELS, NONE, ANY) else condition


def sides(inputs: "Spec") -> tuple[int, ...]:
    """The length of series, or height and width of images and clips; () for others."""
    from keras_gen.specs import Clips, Images, Series

    known = isinstance(inputs, Images | Series | Clips)
    return inputs.shape[-3:-1] if known else ()


def suits_convolutions(inputs: "Spec") -> bool:
    """Whether examples are images, series or clips that convolutions can halve."""
    return min(sides(inputs), default=0) >= SMALLEST


def channels(inputs: "Spec", width: int, patch: int = 1) -> tuple[int, ...]:
    """Channels of a network of images, series or clips, one for each halving."""
    count = max(1, int(math.log2(min(sides(inputs)) / patch / BOTTOM)))
    return tuple(width * min(2**i, WIDEST) for i in range(count))


def require_even(inputs: "Spec", name: str) -> None:
    """Raises UsageError, with the nearest sizes, unless all sides can be halved."""
    known = sides(inputs)
    if not any(side % 2 for side in known):
        return
    around = ([n + n % 2 * way for n in known] for way in (0, -1, 1))
    received, below, above = ("x".join(map(str, each)) for each in around)
    raise UsageError(
        f"{name} halves sides at least once, received {received} of {inputs}: crop "
        "arrays, or choose even sides with --image-size or an even length with "
        f"--window, such as {below} or {above}."
    )


def halvings(side: int) -> int:
    """How often a side can be halved."""
    return (side & -side).bit_length() - 1

"""A recipe: a model, its data, its settings and the measured result.

Each file `recipes/<model>_<data>.py` holds one frozen `Recipe` called `recipe`. The
file's name is the recipe's name. There is no other list of recipes.
"""

import dataclasses
import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from . import presets, recipes
from .optimizing import Cosine, set_peak
from .settings import Says, Setting, checked, of_function
from .usage import UsageError as UsageError

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

    from .optimizing import Rate


class TextRows(Protocol):
    """Converts a text to rows of tokens for a recipe; see `languages`."""

    @property
    def given(self) -> int:
        """Number of tokens at the beginning of a row that are not predicted."""
        ...

    def examples(self, split: Any, tokenizer: Any) -> Any:
        """The examples of a split, a `languages.TokenSplit`."""


@dataclass(frozen=True)
class Stage:
    """A part of a run: one model that is trained by one call of `fit`.

    Attributes:
        name: Name in reports, such as "autoencoder".
        build: Makes the compiled model from the seed of its training noise. Stages
            after the first also get the trained model of the previous stage:
            `build(seed, before)`.
        epochs: Passes over the training data.
        rate: Learning rate, as in `Recipe`, over the steps of the stage.
    """

    name: str
    build: Callable[..., "GenerativeModel"]
    epochs: int
    rate: "Rate | None" = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The model, data and settings of a training run, with its measured result.

    A recipe with several stages of training lists them in `stages`, instead of `build`,
    `rate` and `epochs`. The last stage makes the model.

    Attributes:
        build: Makes the compiled model from the seed of its training noise.
        rate: Learning rate. None means Adam's default. If the rate falls, `build` also
            takes `steps`, the steps of the whole run. Default: those of the recipe.
        family: Family of the model, such as "VAE".
        data: Name of the data set.
        epochs: Passes over the training data, in all stages together.
        batch_size: Examples per step.
        seed: Seed of weights, order and noise.
        parameters: Number of trained weights, in all stages together.
        source: Source of the architecture and settings.
        expected: For each metric, the interval of the result of a run.
        results: The figures measured by `keras-gen train NAME --seed SEED`. `expected`
            and `results` are empty if the data cannot be downloaded.
        evaluation: Settings of the evaluation, see `keras_gen.metrics.evaluate`.
            `modes` and `stddev` are used for `data` only.
        text: Converts a text to examples, for a model of tokens. `build` then also
            takes a `tokenizer`. Default: the tokenizer of `alphabet`.
        alphabet: The characters of the recipe's own text. Other characters are read as
            "?".
        stages: The stages in order. `build` then makes the untrained model.
        normal: The class whose examples alone are trained on, for anomaly detection;
            see `data.only`. "" means all examples.
        balance: Repeats training examples of rare classes, see `data.balanced`. 0
            repeats nothing, 1 makes all classes equal.
        teacher: The recipe whose pretrained weights the model learns from; see
            `distilling.distill`. "" means none.

    Raises:
        TypeError: If there is neither `build` with `epochs` nor a stage.
        ValueError: If two stages have the same name.

    Example:
        >>> recipe = kg.zoo.find_recipe("vae_digits")
        >>> recipe.family, recipe.data, recipe.epochs
        ('VAE', 'digits', 100)
        >>> model = recipe.build(seed=0)
        >>> model.count_params() == recipe.parameters
        True
    """

    build: Callable[..., "GenerativeModel"] | Any = None
    rate: "Rate | None" = None
    family: str
    data: str
    epochs: int | Any = None
    batch_size: int = 64
    seed: int = 0
    parameters: int
    source: str
    expected: Mapping[str, tuple[float, float]]
    results: Mapping[str, float]
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    text: TextRows | None = None
    alphabet: str = ""
    stages: tuple[Stage, ...] = ()
    normal: str = ""
    balance: float = 0.0
    teacher: str = ""

    def __post_init__(self) -> None:
        if self.stages:
            names = [stage.name for stage in self.stages]
            if len(set(names)) < len(names):
                raise ValueError(f"stages must have distinct names, received {names}.")
            build = functools.partial(_build_all, self.stages)
            object.__setattr__(self, "build", build)
            epochs = sum(stage.epochs for stage in self.stages)
            object.__setattr__(self, "epochs", epochs)
        elif self.build is None or self.epochs is None:
            raise TypeError("Recipe requires build and epochs, or stages.")

    @property
    def settings(self) -> dict[str, Setting]:
        """What users can choose, by name."""
        rate = self.plan[-1].rate
        own = rate.peak if isinstance(rate, Cosine) else rate
        return of_function(_rated, {"learning_rate": own})

    def tuned(self, values: Mapping[str, Any], name: str) -> "Recipe":
        """The recipe with some settings chosen.

        Args:
            values: Values by the names of `settings`.
            name: The recipe's name, for errors.

        Raises:
            UsageError: If a name is unknown, or if a value is not allowed.
        """
        chosen: Any = checked(values, self.settings, name)
        if not chosen:
            return self
        if not self.stages:
            build = _rated(self.build, self.rate, **chosen)
            return dataclasses.replace(self, build=build)
        stages = [
            dataclasses.replace(s, build=_rated(s.build, s.rate, **chosen))
            for s in self.stages
        ]
        return dataclasses.replace(self, stages=tuple(stages))

    @property
    def plan(self) -> tuple[Stage, ...]:
        """The stages. A recipe without `stages` has one."""
        return self.stages or (Stage("model", self.build, self.epochs, self.rate),)


def _rated(
    build: Callable[..., "GenerativeModel"],
    rate: "Rate | None",
    *,
    learning_rate: Annotated[
        float | None,
        Says("Highest learning rate, of all stages. Default: its own."),
    ] = None,
) -> Callable[..., "GenerativeModel"]:
    """A function that builds like `build`, with another learning rate."""

    def built(*args: Any, **own: Any) -> "GenerativeModel":
        model = build(*args, **own)
        if learning_rate is not None:
            set_peak(model, rate, learning_rate, own.get("steps"))
        return model

    return built


def _build_all(stages: tuple[Stage, ...], seed: int, **own: Any) -> "GenerativeModel":
    """The model of the last stage, with untrained models of the previous stages."""
    first, *later = stages
    model = first.build(seed, **own)
    for stage in later:
        model = stage.build(seed, model, **own)
    return model


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(recipes.__path__))


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(presets.__path__))


def find(name: str) -> Recipe:
    """Finds a recipe, or a preset, by its name.

    Raises:
        UsageError: If there is no such name. The message suggests a similar one.
    """
    places = dict.fromkeys(recipe_names(), recipes)
    places |= dict.fromkeys(preset_names(), presets)
    if name not in places:
        near = difflib.get_close_matches(name, places, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        if len(Path(name).parts) > 1:
            raise UsageError(
                f"the folder {name!r} does not exist. Pass a run folder that keras-gen "
                "train wrote, or the name of a recipe."
            )
        raise UsageError(
            f"unknown recipe {name!r}, and no such run folder.{hint} There are the "
            f"presets {', '.join(preset_names())}, and the recipes that keras-gen list "
            "shows."
        )
    return importlib.import_module(f"{places[name].__name__}.{name}").recipe

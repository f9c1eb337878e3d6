"""A recipe: a model, its data, its settings and the result that was measured.

Each file `recipes/<model>_<data>.py` holds one frozen `Recipe` called `recipe`; the
file's name is the recipe's name, and nothing else has to know of it.
"""

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from . import recipes

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

    from .optimizing import Rate


class UsageError(ValueError):
    """The caller asked for something that does not exist or does not fit."""


class TextRows(Protocol):
    """How a recipe makes rows of tokens of a text; see `languages`."""

    @property
    def given(self) -> int:
        """How many tokens at the beginning of a row are not predicted."""
        ...

    def rows(self, split: Any, tokenizer: Any) -> Any:
        """The examples of a split, as a model takes them."""


@dataclass(frozen=True)
class Stage:
    """A part of a run: one model that is trained by one call of `fit`.

    Attributes:
        name: What reports call it, such as "autoencoder".
        build: Makes the compiled model from the seed of its training noise and, after
            the first stage, the trained model of the stage before: `build(seed,
            before)`.
        epochs: Passes over the training data.
        rate: Learning rate, as in `Recipe`; its steps are those of the stage.
    """

    name: str
    build: Callable[..., "GenerativeModel"]
    epochs: int
    rate: "Rate | None" = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is needed to make a model again.

    A recipe whose model is trained in several stages, one after the other, names them
    in `stages` in place of `build`, `rate` and `epochs`. The last makes the model.

    Attributes:
        build: Makes the compiled model from the seed of its training noise.
        rate: Learning rate, None if it is Adam's own; for one that falls, `build` takes
            `steps` besides, those of the whole run, by default of the recipe's own.
        family: Family of the model, such as "VAE".
        data: Name of the data set.
        epochs: Passes over the training data, of all stages together.
        batch_size: Examples per step.
        seed: Seed of weights, order and noise.
        parameters: Number of weights that are trained, in all stages together.
        source: Where architecture and settings come from.
        expected: For each metric, the interval in which the result of a run lies.
        results: The figures that `keras-gen train NAME --seed SEED` measured. Both are
            empty for data whose files only users have: not measured.
        evaluation: Settings of the evaluation, see `keras_gen.metrics.evaluate`;
            `modes` and `stddev` count on `data` alone.
        text: How a text becomes examples, for a model of tokens; `build` then takes a
            `tokenizer` besides, by default that of `alphabet`.
        alphabet: The characters of a text of the recipe's own; others stand for "?".
        stages: The stages, in their order; `build` then makes the model from seed to
            example untrained.

    Raises:
        TypeError: If there is neither `build` with `epochs` nor a stage.
        ValueError: If stages share a name.
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
            raise TypeError("a Recipe needs build and epochs, or stages.")

    @property
    def plan(self) -> tuple[Stage, ...]:
        """The stages; a recipe that names none is one."""
        return self.stages or (Stage("model", self.build, self.epochs, self.rate),)


def _build_all(stages: tuple[Stage, ...], seed: int, **own: Any) -> "GenerativeModel":
    """The model of the last stage over untrained ones of the stages before."""
    first, *later = stages
    model = first.build(seed, **own)
    for stage in later:
        model = stage.build(seed, model, **own)
    return model


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(recipes.__path__))


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: If there is none; the message names the nearest.
    """
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"unknown recipe {name!r}.{hint} There are {', '.join(names)}."
        )
    return importlib.import_module(f"{recipes.__name__}.{name}").recipe

"""Trained models: run folders and pretrained weights."""

import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_gen.files import whole_file

from .quiet import reason_of
from .recipe import Recipe, UsageError, find, recipe_names

if TYPE_CHECKING:
    import keras

    from keras_gen.model import GenerativeModel

PRETRAINED = Path(__file__).parent / "pretrained"
MODEL, RECIPE, HISTORY = "model.keras", "recipe.json", "history.csv"
SETTINGS = {"recipe": str, "data": str, "epochs": int, "batch_size": int, "seed": int}
OF_STAGES = "epochs"  # a list where there are several
FACTS = {"steps": int, "data_sha256": str, "versions": dict, "classes": list}  # later
FACTS |= {"size": str, "condition": str, "image_shape": list}  # of a preset
OF_TEXTS = {"column": str, "by": str, "length": int, "tokenizer": str}
OF_TEXTS |= {"vocabulary": int}
FACTS |= {**OF_TEXTS, "end": str, "kind": str}
FACTS |= {"fit": str, "background": str, "skip_broken": bool}  # of a folder of images
FACTS |= {"normal": str, "label": str}
FACTS |= {"window": int, "hop": int, "frames": int, "rate": int}  # of signals
NAMES = "class_names"  # a list of texts
COLUMNS = "columns"  # kinds of columns of a table by name
FACTS |= {COLUMNS: dict}
CHOSEN = "settings"  # by name
FROM, FROM_SHA256 = "from", "from_sha256"  # of a run that is fine-tuned
FACTS |= {FROM: str, FROM_SHA256: str, "minutes": float}
TEACHER, TEACHER_SHA256 = "teacher", "teacher_sha256"  # of a distilled run
TEACHER_SCALE = "teacher_scale"
FACTS |= {TEACHER: str, TEACHER_SHA256: str, TEACHER_SCALE: float}
PACKAGES = ("keras-gen", "keras", "tensorflow", "numpy")
METRICS, SAMPLES, CHECKPOINT = "metrics.json", "samples.png", "checkpoint"
JUDGES = ("perceptual", "adversarial")  # of an autoencoder, in training only
ANIMATION, TEXTS, LOCK = "samples.gif", "samples.txt", ".lock"
TABLE, TOKENS, REPORT = "samples.csv", "samples.npy", "report.html"


def load(run_or_recipe: str | Path) -> "GenerativeModel":
    """Loads the trained model of a run folder, or the pretrained model of a recipe.

    Args:
        run_or_recipe: A folder that `keras-gen train` wrote, or the name of a
            recipe with pretrained weights.

    Raises:
        UsageError: If there is no such run or recipe, or if it has no weights.
        RuntimeError: If the file of the model is damaged.

    Example:
        >>> model = kg.zoo.load("vae_digits")
        >>> model.sample(4, seed=0).shape
        (4, 8, 8, 1)
    """
    return read_model(model_file(run_or_recipe))


def model_file(run_or_recipe: str | Path) -> Path:
    """The `.keras` file that `load` reads."""
    folder = Path(run_or_recipe)
    if folder.is_dir():
        path = folder / MODEL
        if path.exists():
            return path
        state = "unfinished" if (folder / RECIPE).exists() else "not a run"
        hint = " Finish it with --resume." if state == "unfinished" else ""
        raise UsageError(f"{folder} holds no {MODEL}: it is {state}.{hint}")
    name = str(run_or_recipe)
    find(name)
    if not is_pretrained(name):
        have = ", ".join(n for n in recipe_names() if is_pretrained(n))
        raise UsageError(
            f"{name} has no pretrained weights: train it with `keras-gen train {name} "
            f"--out RUN` and pass RUN. There are weights of {have}."
        )
    return pretrained_file(name)


def require(run_or_recipe: str | Path) -> str | Path:
    """Returns its argument, or raises UsageError if it has no trained model."""
    model_file(run_or_recipe)
    return run_or_recipe


def settings_of(run: Path) -> dict[str, Any]:
    """The settings recorded in a run folder.

    Returns:
        `recipe`, `data`, `epochs` (a list of each stage's, if there are several),
        `batch_size`, `seed` and, unless an earlier version began the run, `steps` (of
        the whole run), `data_sha256` (of the examples),
        `versions` (of packages, by name) and, of a class-conditional model, `classes`
        (those that have training examples). A run of a preset also has its `size` and
        its `condition`, the `columns` of a table that were corrected (their kinds by
        name), the `class_names` of its labels, for images their
        `image_shape`, and for texts how they are taken: `by`, `length`, `tokenizer`,
        `vocabulary` and the `end` of a line. Its `kind`, `window`, `hop`, `frames` and
        `column` are those of `load_data`, and `rate` is that of sounds, in values per
        second. Chosen `settings` stand by name. A fine-tuned run has `from`, the source
        of its first weights, and `from_sha256`, and a run of a given time its
        `minutes`. A distilled run has its `teacher`, `teacher_sha256`, and as
        `teacher_scale` the guidance of the teacher. A run on a folder of images has how
        they were read: `fit`, `background` and, if it is true, `skip_broken`. A run on
        one class has its name as `normal`, and `label`, the column of a table that
        holds the classes.

    Raises:
        UsageError: If there is no `recipe.json`.
        RuntimeError: If it is damaged.
    """
    path = run / RECIPE
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise TypeError(f"it holds {type(settings).__name__}, not settings")
        found = {key: settings[key] for key in SETTINGS}
        found |= {key: settings[key] for key in FACTS if key in settings}
        names = settings.get(NAMES, [])
        if type(names) is not list or not all(isinstance(one, str) for one in names):
            raise TypeError(f"{NAMES} must be a list of texts, received {names!r:.60}")
        chosen = _check_chosen(settings.get(CHOSEN, {}))
        for key, value in found.items():
            several = key == OF_STAGES and type(value) is list and len(value) > 1
            for one in value if several else [value]:
                _check_setting(key, (SETTINGS | FACTS)[key], one)
    except FileNotFoundError as error:
        raise UsageError(f"{run} holds no {RECIPE}: it is not a run.") from error
    except KeyError as error:
        raise RuntimeError(f"{path} is damaged: {error} is missing") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise RuntimeError(f"{path} is damaged: {error}") from error
    found |= {NAMES: names} if names else {}
    return found | ({CHOSEN: chosen} if chosen else {})


def _check_chosen(values: Any) -> dict[str, Any]:
    """The chosen settings, which are numbers, texts, null or lists of integers."""
    if type(values) is not dict:
        raise TypeError(f"{CHOSEN} must hold values by name, received {values!r:.60}")
    for name, value in values.items():
        is_list = type(value) is list and {*map(type, value)} == {int}
        if not is_list and type(value) not in (int, float, bool, str, type(None)):
            raise TypeError(
                f"{CHOSEN} must be numbers or texts, received {name}={value!r:.60}"
            )
    return values


def _check_setting(key: str, kind: type, value: Any) -> None:
    if type(value) is not kind:
        words = {str: "text", int: "an integer", dict: "texts by name"}
        words[float] = "a number"
        words[bool] = "true or false"
        words = words.get(kind, "a list of classes")
        raise TypeError(f"{key} must be {words}, received {value!r:.60}")
    if kind is int and key != "seed" and value < 1:
        raise ValueError(f"{key} must be at least 1, received {value}")
    if kind is dict and not all(isinstance(v, str) for v in value.values()):
        raise TypeError(f"{key} must hold texts, received {value!r:.60}")
    if kind is list and not (value and all(type(v) is int for v in value)):
        raise TypeError(f"{key} must hold integers, received {value!r:.60}")


def trained_classes(run_or_recipe: str | Path) -> list[int] | None:
    """The classes that had training examples in a run, or None if unknown."""
    run = Path(run_or_recipe)
    return settings_of(run).get("classes") if (run / RECIPE).exists() else None


def rate_of(run_or_recipe: str | Path) -> int | None:
    """Values per second of the sounds of a run, or None."""
    run = Path(run_or_recipe)
    return settings_of(run).get("rate") if (run / RECIPE).exists() else None


def class_names(run_or_recipe: str | Path, model: Any = None) -> list[str]:
    """The names of the classes of a run, or [] if unknown.

    Args:
        run_or_recipe: A run folder, or the name of a recipe.
        model: Its model, whose condition may name its labels itself.
    """
    run = Path(run_or_recipe)
    if names := getattr(getattr(model, "condition", None), "names", ()):
        return [*names]
    return settings_of(run).get(NAMES, []) if (run / RECIPE).exists() else []


def classes(numbers: Sequence[int]) -> str:
    """Classes as text for a message."""
    shown = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
    return f"{'class' if len(numbers) == 1 else 'classes'} {shown}"


def versions() -> dict[str, str]:
    """The versions of the packages that affect the weights of a run."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def recipe_name(run_or_recipe: str | Path) -> str:
    """Name of the recipe of a run folder, or the name itself."""
    run = Path(run_or_recipe)
    return settings_of(run)["recipe"] if run.is_dir() else str(run_or_recipe)


def recipe_of(run_or_recipe: str | Path) -> Recipe:
    """The recipe of a run folder, with the run's settings, or the recipe itself."""
    run, name = Path(run_or_recipe), recipe_name(run_or_recipe)
    chosen = settings_of(run).get(CHOSEN, {}) if run.is_dir() else {}
    return find(name).tuned(chosen, name)


def data_name(run_or_recipe: str | Path) -> str:
    """Data set of a run folder, or that of the recipe."""
    run = Path(run_or_recipe)
    return settings_of(run)["data"] if run.is_dir() else find(str(run_or_recipe)).data


def pretrained_file(name: str) -> Path:
    """The path of the pretrained weights of a recipe, which may not exist."""
    return PRETRAINED / f"{name}.keras"


def is_pretrained(name: str) -> bool:
    """Whether a recipe has pretrained weights."""
    return pretrained_file(name).exists()


def read_model(path: Path) -> "GenerativeModel":
    """Reads a model from a `.keras` file in Keras' safe mode.

    Raises:
        RuntimeError: If the file is damaged.
    """
    import keras

    from keras_gen import models  # noqa: F401  (registers the classes)

    try:
        return keras.saving.load_model(path)
    except MemoryError:
        raise
    except Exception as error:  # any layer of zip, JSON, HDF5 and Keras can fail
        reason = reason_of(error)
        raise RuntimeError(
            f"{path} is damaged or not a Keras model: {reason}"
        ) from error


def write_model(model: "keras.Model", path: Path) -> None:
    """Saves a model so that `path` holds either the old or the whole new file."""
    with whole_file(path) as temporary:
        model.save(temporary)


def write_text(path: Path, text: str) -> None:
    """Writes a file so that `path` holds either the old or the whole new text."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, completely or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def publish(run: str | Path) -> Path:
    """Makes the model of a run the pretrained model of its recipe.

    What only training needs is left out; see `for_use`. For use in a checkout.
    """
    path = pretrained_file(recipe_name(run))
    write_model(for_use(load(run)), path)
    return path


def for_use(model: "GenerativeModel") -> "GenerativeModel":
    """A copy of a model without what only training needs.

    It has no optimizer. The autoencoder of a `Latent`, which is not trained again, has
    neither the network of its `FeatureLoss` nor the discriminator of its game. Samples,
    codes, reconstructions and densities stay as they are.
    """
    from keras_gen.models import Latent
    from keras_gen.serialization import without_optimizer, without_parts

    if isinstance(model, Latent):
        return without_parts(model, "autoencoder", JUDGES)
    return without_optimizer(model)

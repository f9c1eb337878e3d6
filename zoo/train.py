"""Training a recipe into a run folder that can be resumed after any interruption."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .data import Data, ImageFiles
from .data import load as load_data
from .evaluation import evaluate_on, prepared
from .languages import TokenSplit, characters_of
from .recipe import Recipe, UsageError, find

if TYPE_CHECKING:
    from ..batches import Fetch
    from ..model import GenerativeModel

DENSITY_EXAMPLES = 10_000


def train(
    name: str,
    out: str | Path,
    *,
    data: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    resume: bool = False,
) -> "GenerativeModel":
    """Trains a recipe and writes a run folder.

    The folder holds `model.keras`, `recipe.json`, `history.csv`, `metrics.json`,
    `samples.png`, of text `samples.txt`, and, while training, `checkpoint/`; of an
    adversarial training also `samples.gif`, how the same samples came about.

    Args:
        name: Name of the recipe.
        out: The run folder, new or empty unless `resume`.
        data: Data set or path; default the recipe's.
        epochs: Passes over the data; default the recipe's.
        batch_size: Examples per step; default the recipe's.
        seed: Seed of weights, order and noise; default the recipe's.
        resume: Whether to go on with an interrupted run in `out`. It ends with the
            same weights, bit for bit, as an uninterrupted one.

    Returns:
        The trained model.

    Raises:
        UsageError: If the recipe is unknown, the folder is taken, or the settings
            differ from those of the run to resume.
        ValueError: If the data do not fit the model.
    """
    recipe, out = find(name), Path(out)
    given = {"data": data, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    given = {k: v for k, v in given.items() if v is not None}
    settings = _settings(name, recipe, out, given, resume=resume)
    dataset = load_data(settings["data"], _image_shape(recipe, settings["data"]))
    model, history = _model(recipe, settings, out, dataset)
    dataset = prepared(model, dataset, recipe)
    if not (out / store.RECIPE).exists():
        out.mkdir(parents=True, exist_ok=True)
        store.write_json(out / store.RECIPE, settings)
    _fit(model, dataset, settings, out, history)
    _finish(model, dataset, recipe, out)
    return model


def _settings(
    name: str, recipe: Recipe, out: Path, given: dict[str, Any], *, resume: bool
) -> dict[str, Any]:
    """The settings of the run, from its folder if it is resumed."""
    for key in ("epochs", "batch_size"):
        if given.get(key, 1) < 1:
            raise UsageError(f"{key} must be at least 1, received {given[key]}.")
    if "data" in given:
        given["data"] = str(given["data"])
    if not resume:
        if out.exists() and (not out.is_dir() or _visible(out)):
            raise UsageError(
                f"{out} already holds something: choose another folder, or go on with "
                "an interrupted run by --resume."
            )
        defaults = {k: getattr(recipe, k) for k in ("data", "epochs", "batch_size")}
        return {"recipe": name, **defaults, "seed": recipe.seed, **given}
    if not (out / store.RECIPE).exists():
        raise UsageError(f"{out} holds no run to resume.")
    settings = store.settings_of(out)
    for key, value in {"recipe": name, **given}.items():
        if settings[key] != value:
            raise UsageError(
                f"the run in {out} has {key}={settings[key]}, received {value}: "
                "resume it with the same settings."
            )
    if (out / store.MODEL).exists():
        raise UsageError(f"the run in {out} is complete: there is nothing to resume.")
    return settings


def _visible(folder: Path) -> list[Path]:
    """What a folder holds, but for unfinished files of a write that was cut off."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _image_shape(recipe: Recipe, data: str) -> tuple[int, ...] | None:
    """The size to which a folder's images are brought: that of the recipe's model."""
    return recipe.build(0).data_shape if Path(data).is_dir() else None


def _model(
    recipe: Recipe, settings: dict[str, Any], out: Path, data: Data
) -> tuple["GenerativeModel", list[dict[str, float]]]:
    """The model at the last checkpoint, or a new one, and the history so far."""
    import keras

    from .checkpoint import last_checkpoint, read_history

    keras.utils.set_random_seed(settings["seed"])
    folder = last_checkpoint(out / store.CHECKPOINT)
    if folder is None:
        is_of_recipe = data.known and data.name == recipe.data
        is_own_text = recipe.text and not is_of_recipe
        own = {"tokenizer": characters_of(data)} if is_own_text else {}
        return recipe.build(settings["seed"], **own), []
    return store.read_model(folder / store.MODEL), read_history(folder)


def _fit(
    model: "GenerativeModel",
    data: Data,
    settings: dict[str, Any],
    out: Path,
    history: list[dict[str, float]],
) -> None:
    from .watching import callbacks_of

    epochs = settings["epochs"]
    model.fit(
        **_examples(model, data, settings["batch_size"]),
        epochs=epochs,
        initial_epoch=len(history),
        callbacks=callbacks_of(model, data, out, epochs, history),
        verbose=0,
    )


def _examples(model: "GenerativeModel", data: Data, batch_size: int) -> dict[str, Any]:
    """Arguments of `fit`: arrays as they are, files as streams of batches."""
    from ..batches import in_order, shuffled

    train, test = data.train, data.test
    if isinstance(train, ImageFiles):
        order = {"seed": model.seed, "step": model._counts["steps"]}
        x = shuffled(_fetch(model, train), len(train), batch_size, **order)
        held_out = in_order(_fetch(model, test), len(test), batch_size)
        return {"x": x, "validation_data": held_out}
    if isinstance(train, TokenSplit):
        held_out = (test.rows, None)
        return {"x": train.rows, "validation_data": held_out, "batch_size": batch_size}
    arrays = {"x": train.x, "validation_data": (test.x, None)}
    if model.num_classes is not None:
        arrays |= {"y": train.labels, "validation_data": (test.x, test.labels)}
    return {**arrays, "batch_size": batch_size}


def _fetch(model: "GenerativeModel", files: ImageFiles) -> "Fetch":
    """Rows of the files, with labels if the model takes them."""
    import tensorflow as tf

    if model.num_classes is None:
        return files.fetch
    return lambda rows: (files.fetch(rows), tf.gather(files.labels, rows))


def _finish(model: "GenerativeModel", data: Data, recipe: Recipe, out: Path) -> None:
    """Writes the results of a trained model; `model.keras` comes last."""
    from ..models import Autoencoder
    from .checkpoint import last_checkpoint, read_history
    from .watching import samples_of

    if isinstance(model, Autoencoder):
        model.fit_latent_density(data.train.head(DENSITY_EXAMPLES))
    figures = evaluate_on(model, data, recipe)
    store.write_json(out / store.METRICS, {k: v.as_dict() for k, v in figures.items()})
    samples = samples_of(model, data, out, DENSITY_EXAMPLES)
    samples.set_model(model)
    samples.draw()
    folder = last_checkpoint(out / store.CHECKPOINT)
    history = read_history(folder)
    store.write_text(out / store.HISTORY, history_csv(history))
    store.write_model(model, out / store.MODEL)
    shutil.rmtree(out / store.CHECKPOINT)


def history_csv(history: list[dict[str, float]]) -> str:
    """One line per epoch, with a header."""
    columns = ["epoch", *history[0]]
    lines = [
        ",".join([str(i + 1), *(repr(float(logs[k])) for k in columns[1:])])
        for i, logs in enumerate(history)
    ]
    return "\n".join([",".join(columns), *lines]) + "\n"

"""Comparison of several trained models: figures and samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_gen.files import whole_file

from . import store
from .recipe import UsageError

if TYPE_CHECKING:
    from keras_gen.metrics import Estimate
    from keras_gen.model import GenerativeModel

    from .data import Data

SAMPLES = 36


def evaluate_source(
    source: str,
    data: str | None = None,
    target: str | None = None,
    column: str | None = None,
) -> tuple["GenerativeModel", "dict[str, Estimate]", "Data"]:
    """Loads a model and evaluates it. Returns the model, its figures and the data.

    Args:
        source: A run folder, or the name of a recipe with pretrained weights.
        data: Data set or path. Default: the data of the run or recipe.
        target: The column of a table to predict; see `metrics.prediction_score`.
        column: Column of the texts, if it is another one than that of the run.
    """
    from .evaluation import data_of, evaluate_on, recipe_of

    recipe = recipe_of(store.require(source))
    model = store.load(source)
    dataset = data_of(source, model, data, column=column)
    return model, evaluate_on(model, dataset, recipe, target), dataset


def compare(
    sources: list[str], data: str | None = None, picture: Path | None = None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures of several models on the same data, and a picture of their samples.

    Args:
        sources: Run folders or names of recipes with pretrained weights.
        data: Data set or path for all models. Default: the data of the runs or
            recipes, which must then be the same.
        picture: A `.png` file for the samples of models that generate images.

    Returns:
        Per source, figures by name, as `Estimate.as_dict` gives them.

    Raises:
        UsageError: If a source is named twice, or if the data differ.
    """
    if len(set(sources)) < len(sources):
        raise UsageError(f"compare each model once, received {', '.join(sources)}.")
    names = {
        source: data or store.data_name(store.require(source)) for source in sources
    }
    if len(set(names.values())) > 1:
        pairs = ", ".join(f"{source} ({name})" for source, name in names.items())
        raise UsageError(f"the models have different data: {pairs}. Pass --data.")
    columns, models = {}, {}
    for source in sources:
        models[source], figures, _ = evaluate_source(source, data)
        columns[source] = {name: f.as_dict() for name, f in figures.items()}
    if picture is not None:
        save_samples(picture, models)
    return columns


def save_samples(path: Path, models: dict[str, "GenerativeModel"]) -> None:
    """Draws the samples of each model that generates pictures, with its name.

    Models that are conditioned on texts or images are left out.
    """
    from matplotlib.figure import Figure as Canvas

    from keras_gen.callbacks import default_labels
    from keras_gen.capabilities import can_generate
    from keras_gen.pictures import sample_picture
    from keras_gen.specs import Classes

    grids = {}
    for name, model in models.items():
        spec = model.inputs
        is_told = isinstance(model.condition, Classes | None)
        if spec.is_picture and is_told and can_generate(model):
            labels = default_labels(model, SAMPLES)
            samples = model.sample(SAMPLES, seed=0, condition=labels)
            grids[name] = sample_picture(spec, samples)
    if not grids:
        raise UsageError("no model generates images. Leave out --out.")
    canvas = Canvas(figsize=(3.2 * len(grids), 3.5), layout="constrained")
    all_axes = canvas.subplots(1, len(grids), squeeze=False)[0]
    for axes, (name, grid) in zip(all_axes, grids.items(), strict=True):
        axes.imshow(grid)
        axes.set_title(Path(name).name, fontsize=9)
        axes.set_axis_off()
    with whole_file(path) as temporary:
        canvas.savefig(temporary, dpi=150)

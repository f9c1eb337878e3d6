"""The files of a trained run: figures, samples, history, report and weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.capabilities import can_generate
from keras_gen.models import Autoencoder
from keras_gen.specs import Columns

from . import store
from .checkpoint import clear
from .data import Data
from .evaluation import evaluate_on, most_of, some
from .recipe import Recipe
from .reporting import write_report
from .sample import write_table
from .stages import stage_epochs
from .watching import samples_of

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

DENSITY_EXAMPLES = 10_000
TABLE_ROWS = 1000  # of samples


def finish(
    model: "GenerativeModel",
    data: Data,
    recipe: Recipe,
    out: Path,
    history: list[dict[str, float]],
) -> None:
    """Writes the results of a trained model. `model.keras` is written last."""
    if isinstance(model, Autoencoder):
        model.fit_latent_density(some(data.train, most_of(model, DENSITY_EXAMPLES))[0])
    figures = evaluate_on(model, data, recipe)
    store.write_json(out / store.METRICS, {k: v.as_dict() for k, v in figures.items()})
    samples = samples_of(model, data, out, DENSITY_EXAMPLES)
    samples.set_model(model)
    samples.draw()
    names = [stage.name for stage in recipe.plan]
    epochs = stage_epochs(store.settings_of(out))
    of_epochs = [n for n, e in zip(names, epochs, strict=True) for _ in range(e)]
    stages = of_epochs if len(names) > 1 else None
    store.write_text(out / store.HISTORY, history_csv(history, stages))
    is_table = isinstance(data.spec, Columns)
    if is_table and can_generate(model):
        write_table(model, out / store.TABLE, num=TABLE_ROWS, seed=0)
    write_report(out, model, data)
    store.write_model(model, out / store.MODEL)
    clear(out / store.CHECKPOINT)


def history_csv(
    history: list[dict[str, float]], stages: Sequence[str] | None = None
) -> str:
    """One line per epoch, with a header.

    Args:
        history: The logs of the epochs.
        stages: Name of the stage of each epoch, for a run in several stages. It is one
            more column. Cells of terms that a stage does not have are empty.
    """
    columns = [*dict.fromkeys(name for logs in history for name in logs)]
    lines = [["epoch", *(["stage"] if stages else []), *columns]]
    for i, logs in enumerate(history):
        cells = [repr(float(logs[k])) if k in logs else "" for k in columns]
        lines.append([str(i + 1), *([stages[i]] if stages else []), *cells])
    return "".join(",".join(line) + "\n" for line in lines)

"""Callbacks of a training run."""

from pathlib import Path
from typing import TYPE_CHECKING

from . import store
from .captions import shown_condition
from .folders import ImageFiles

if TYPE_CHECKING:
    import keras
    import numpy as np

    from keras_gen.callbacks.drawing import Draws
    from keras_gen.model import GenerativeModel

    from .data import Data

GRIDS, FRAMES, IMAGES, POINTS = 5, 50, 32, 1000
DIAGNOSED = 64  # samples by which a GAN is watched


def callbacks_of(
    model: "GenerativeModel",
    data: "Data",
    out: Path,
    epochs: int,
    history: list[dict[str, float]],
    stage: str | None = None,
) -> list["keras.callbacks.Callback"]:
    """Callbacks of a run: progress, diagnostics, checkpoints and pictures.

    Args:
        model: The model.
        data: Its data.
        out: The run folder.
        epochs: Epochs of the whole run.
        history: Logs of the epochs that are already done.
        stage: What is trained, of a run in several stages.
    """
    from keras_gen.callbacks.previews import shows_density
    from keras_gen.models import GAN

    from .checkpoint import Checkpoint
    from .progress import TrainingProgress

    samples = samples_of(model, data, out, POINTS, freq=max(1, epochs // GRIDS))
    watches = _adversarial(model, data, out) if isinstance(model, GAN) else []
    if shows_density(model):
        watches = [_density(data.test.head(POINTS), out, epochs)]
    return [
        TrainingProgress(epochs, len(history), stage),
        *watches,
        Checkpoint(out / store.CHECKPOINT, history),
        samples,
    ]


def samples_of(
    model: "GenerativeModel", data: "Data", out: Path, points: int, *, freq: int = 1
) -> "Draws":
    """The callback that draws or writes samples of a model.

    Args:
        model: The model.
        data: Its data.
        out: The run folder.
        points: Number of examples of vectors and series drawn next to the samples.
        freq: Epochs between two pictures.
    """
    from keras_gen.callbacks import SampleGrid, SampleText
    from keras_gen.capabilities import Completes, can_translate, translates_condition

    if isinstance(model, Completes):
        name = store.TEXTS if model.tokenizer else store.TOKENS
        return SampleText(out / name, freq=freq)
    examples = data.test.head(IMAGES if model.inputs.is_picture else points)
    if data.source is not None:
        examples = data.test.labels[:IMAGES]  # which are translated
    names = data.class_names if isinstance(data.train, ImageFiles) else ()
    how = {"examples": examples, "class_names": names}
    restores = can_translate(model) and not translates_condition(model)
    if restores and model.condition is not None:
        how["condition"] = data.test.labels[: len(examples)]
    if data.has_captions:
        how["condition"] = shown_condition(model, data.test, IMAGES)
    plays = model.inputs.drawn_as == "clips"
    path = out / (store.ANIMATION if plays else store.SAMPLES)
    return SampleGrid(path, freq=freq, **how)


def _adversarial(
    model: "GenerativeModel", data: "Data", out: Path
) -> list["keras.callbacks.Callback"]:
    """Diagnostics of a GAN, and the animation of its samples if they can be drawn.

    The file of the animation holds samples of clips themselves.
    """
    from keras_gen.callbacks import AdversarialDiagnostics, SampleAnimation
    from keras_gen.pictures import is_drawable

    won_above = 0.98 if model.objective.calibrated else 1
    diagnosed = data.train.head(POINTS)
    how = {"num_samples": min(DIAGNOSED, len(diagnosed)), "won_above": won_above}
    diagnostics = AdversarialDiagnostics(diagnosed, **how)
    watches: list[keras.callbacks.Callback] = [diagnostics]
    if is_drawable(model.inputs) and model.inputs.drawn_as != "clips":
        is_picture = model.inputs.is_picture
        drawn = {} if is_picture else {"examples": diagnosed, "num_samples": POINTS}
        watches.append(SampleAnimation(out / store.ANIMATION, **drawn))
    return watches


def _density(
    examples: "np.ndarray", out: Path, epochs: int
) -> "keras.callbacks.Callback":
    """The animation of a density of the plane, next to the examples and samples."""
    from keras_gen.callbacks import SampleAnimation

    return SampleAnimation(
        out / store.ANIMATION,
        freq=max(1, epochs // FRAMES),
        max_frames=FRAMES,
        examples=examples,
        num_samples=POINTS,
    )

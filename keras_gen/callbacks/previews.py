"""Samples from fixed noise, and reconstructions, for callbacks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..capabilities import Denoises, Scores, Translates
from ..pictures import density_map, sample_picture, save_drawing, save_samples
from ..pictures.images import on_squares
from ..specs import num_classes


def require_generator(model: Any) -> None:
    """Raises ValueError unless the model can generate now."""
    if not getattr(model, "can_generate", False):
        raise ValueError(f"{model.name} cannot generate samples.")


def same_samples(
    model: Any, num_samples: int, seed: int, condition: Any = None
) -> np.ndarray:
    """Samples with the same noise and condition at each call.

    Args:
        model: A model that generates.
        num_samples: Number of samples. For a class-conditional model it is rounded down
            to equally many per class.
        seed: Seed of the noise.
        condition: Rows of the model's `condition` spec, repeated in turn. None means
            all classes in turn, if there are classes.

    Returns:
        `(num_samples, *inputs.shape)`.
    """
    if condition is not None:
        rows = [condition[i % len(condition)] for i in range(num_samples)]
        return model.sample(num_samples, seed=seed, condition=rows)
    num_samples -= num_samples % (classes_in_turn(model) or 1)
    labels = default_labels(model, num_samples)
    return model.sample(num_samples, seed=seed, condition=labels)


def default_labels(model: Any, num_samples: int) -> np.ndarray | None:
    """Labels 0, 1, 2, ... in turn for a class-conditional model, otherwise None."""
    if classes_in_turn(model) is None:
        return None
    return model.condition.stand_in(num_samples)


def classes_in_turn(model: Any) -> int | None:
    """Number of classes, or None without classes or if labels may be missing."""
    number = num_classes(model.condition)
    return None if number is None or model.condition.unasked is not None else number


def picture_of(
    model: Any,
    samples: np.ndarray,
    examples: np.ndarray | None = None,
    labels: list[int] | None = None,
    class_names: Sequence[str] = (),
) -> np.ndarray:
    """Draws samples, beside the density if the model has one of two dimensions.

    Args:
        model: The model of the samples.
        samples: `(n, *inputs.shape)`, see `pictures.sample_picture`.
        examples: Real points or series to show with the samples.
        labels: Classes of the samples, in turn. The default is all classes.
        class_names: Name of each class, written above the columns of images.

    Returns:
        uint8 `(height, width, 3)`.
    """
    if shows_density(model):
        return density_map(model, examples, samples, condition=labels)
    how = _columns(model, len(samples), labels, class_names)
    return sample_picture(model.inputs, samples, examples=examples, **how)


def _columns(
    model: Any,
    num_samples: int,
    labels: Sequence[int] | None,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """The number of columns, one class each, and their titles if classes have names."""
    columns = classes_in_turn(model)
    if columns is None or not class_names:
        return {"columns": columns}
    shown = [*range(columns)] if labels is None else [*labels]
    columns = min(len(shown) * max(1, columns // len(shown)), num_samples)
    titles = [class_names[shown[i % len(shown)]] for i in range(columns)]
    return {"columns": columns, "titles": titles}


def save_picture_of(
    path: str | Path,
    model: Any,
    samples: np.ndarray,
    examples: np.ndarray | None = None,
    labels: list[int] | None = None,
    class_names: Sequence[str] = (),
) -> None:
    """Writes `picture_of` to a file. Clips play if `path` ends in .gif.

    Args:
        path: The file, a GIF if it ends in .gif, otherwise a PNG.
        model: As in `picture_of`.
        samples: As in `picture_of`.
        examples: As in `picture_of`.
        labels: As in `picture_of`.
        class_names: As in `picture_of`.
    """
    if shows_density(model):
        save_drawing(path, picture_of(model, samples, examples, labels))
    else:
        how = _columns(model, len(samples), labels, class_names)
        save_samples(path, model.inputs, samples, examples=examples, **how)


def shows_density(model: Any) -> bool:
    """Whether a model has a density that can be drawn."""
    knows_density = isinstance(model, Scores) and not isinstance(model, Denoises)
    is_plane = model.inputs.drawn_as == "points" and not model.inputs.is_unit
    return knows_density and is_plane


def reconstructions(
    model: Any, examples: np.ndarray, columns: int = 8
) -> tuple[np.ndarray, int]:
    """Rows of examples, each above the row of their reconstructions.

    Args:
        model: A model that encodes, without classes.
        examples: Images or clips. All full rows of `columns` are shown.
        columns: Images or clips per row.

    Returns:
        Images and columns for `save_image_grid`, clips and columns for `save_samples`.
    """
    examples = full_rows(examples, columns)
    return above(examples, model.reconstruct(examples), columns)


def translations(
    model: Translates,
    examples: np.ndarray,
    *,
    condition: Any = None,
    seed: int = 0,
    columns: int = 8,
) -> tuple[np.ndarray, int]:
    """Rows of examples, each above the row of their translations.

    Args:
        model: A model that translates images to images of the same size.
        examples: Images. All full rows of `columns` are shown.
        condition: The condition of each example, of a model that restores examples
            given a condition.
        seed: Decides translations that are drawn.
        columns: Images per row.

    Returns:
        Images and columns for `save_image_grid`.
    """
    examples = full_rows(examples, columns)
    shown = model.source.as_input(tf.constant(examples)).numpy()
    given = {} if condition is None else {"condition": condition[: len(examples)]}
    return above(shown, model.translate(examples, seed=seed, **given), columns)


def full_rows(examples: np.ndarray, columns: int) -> np.ndarray:
    """The examples in full rows, or all if they do not fill a row."""
    return np.asarray(examples)[: max(1, len(examples) // columns) * columns]


def above(
    first: np.ndarray, second: np.ndarray, columns: int
) -> tuple[np.ndarray, int]:
    """Rows of images above rows of others. Grey is converted to colour if necessary.

    Args:
        first: Images, `(n, height, width, channels)`.
        second: As many images of the same size.
        columns: The largest number of images per row. n is a multiple of it.

    Returns:
        Images and columns for `save_image_grid`.
    """
    sides = [first, second]
    if first.shape[-1] != second.shape[-1]:
        sides = [on_squares(v) if v.shape[-1] == 4 else v for v in sides]
        sides = [np.broadcast_to(v, (*v.shape[:-1], 3)) for v in sides]
    columns = min(columns, len(first))
    pairs = np.stack(sides).reshape((2, -1, columns, *sides[0].shape[1:]))
    return pairs.swapaxes(0, 1).reshape((-1, *sides[0].shape[1:])), columns

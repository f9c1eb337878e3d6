"""Callbacks for any generative model."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from .capabilities import Encodes, Generates
from .pictures import save_image_grid


class SampleGrid(keras.callbacks.Callback):
    """Draws the same samples every few epochs and at the end of training.

    A model that cannot generate yet shows held-out images above their
    reconstructions.

    Args:
        path: The PNG file, replaced each time.
        every: Epochs between two pictures.
        num_samples: Images in the picture, at least one per class.
        seed: Seed of the samples.
        examples: Held-out images, `(n, height, width, channels)`, for models that
            only reconstruct.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        every: int = 1,
        num_samples: int = 64,
        seed: int = 0,
        examples: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.path, self.every = Path(path), every
        self.num_samples, self.seed, self.examples = num_samples, seed, examples

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws the picture every `every` epochs."""
        if (epoch + 1) % self.every == 0:
            self.draw()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draws the last picture."""
        self.draw()

    def draw(self) -> None:
        """Writes the picture of the model as it is."""
        model = self.model
        if len(model.data_shape) != 3 or model.data_shape[-1] not in (1, 3):
            return
        if isinstance(model, Generates) and model.can_generate:
            num = self.num_samples - self.num_samples % (model.num_classes or 1)
            labels = default_labels(model, num)
            images = model.sample(num, seed=self.seed, labels=labels)
            save_image_grid(self.path, images, columns=model.num_classes)
        elif isinstance(model, Encodes) and self.examples is not None:
            save_image_grid(self.path, *reconstructions(model, self.examples))


def default_labels(model: keras.Model, num_samples: int) -> np.ndarray | None:
    """Labels 0, 1, 2, ... in turn for a class-conditional model, else None."""
    if model.num_classes is None:
        return None
    return np.arange(num_samples, dtype=np.int32) % model.num_classes


def reconstructions(
    model: keras.Model, examples: np.ndarray, columns: int = 8
) -> tuple[np.ndarray, int]:
    """Rows of examples, each above the row of their reconstructions.

    Args:
        model: A model that encodes, without classes.
        examples: Images; all full rows of `columns` are shown.
        columns: Images per row.

    Returns:
        Images and columns for `save_image_grid`.
    """
    examples = np.asarray(examples)[: max(1, len(examples) // columns) * columns]
    columns = min(columns, len(examples))
    pairs = np.stack([examples, model.reconstruct(examples)])
    rows = pairs.reshape((2, -1, columns, *examples.shape[1:])).swapaxes(0, 1)
    return rows.reshape((-1, *examples.shape[1:])), columns

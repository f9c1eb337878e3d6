"""SampleGrid: a picture of samples while a model trains."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..capabilities import Encodes, Generates
from ..pictures import save_image_grid
from .samples import reconstructions, same_samples


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
            images = same_samples(model, self.num_samples, self.seed)
            save_image_grid(self.path, images, columns=model.num_classes)
        elif isinstance(model, Encodes) and self.examples is not None:
            save_image_grid(self.path, *reconstructions(model, self.examples))

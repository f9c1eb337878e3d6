"""SampleGrid: a picture of samples while a model trains."""

from pathlib import Path

import numpy as np

from ..capabilities import Encodes, Generates, Translates
from ..pictures import is_drawable, save_image_grid, save_picture
from .drawing import Draws
from .samples import picture_of, reconstructions, same_samples, translations

POINTS = 1000


class SampleGrid(Draws):
    """Draws the same samples every few epochs and at the end of training.

    Images stand in a grid; vectors of two values are a thousand points, beside the
    density and the examples if the model knows its density. A model that cannot
    generate yet shows held-out images above their reconstructions, and one that
    translates images above their translations.

    Args:
        path: The PNG file, replaced each time.
        freq: Epochs between two pictures.
        num_samples: Images in the picture, at least one per class.
        seed: Seed of the samples.
        examples: Held-out examples, `(n, *inputs.shape)`: images for models that only
            reconstruct, points to show with the samples; of models that translate,
            `(n, *source.shape)`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        freq: int = 1,
        num_samples: int = 64,
        seed: int = 0,
        examples: np.ndarray | None = None,
    ) -> None:
        super().__init__(path, freq)
        self.num_samples, self.seed, self.examples = num_samples, seed, examples

    def draw(self) -> None:
        """Writes the picture of the model as it is."""
        model = self.model
        if not is_drawable(model.inputs.shape):
            return
        if isinstance(model, Generates) and model.can_generate:
            num = self.num_samples if len(model.inputs.shape) == 3 else POINTS
            samples = same_samples(model, num, self.seed)
            save_picture(self.path, picture_of(model, samples, self.examples))
        elif isinstance(model, Encodes) and self.examples is not None:
            save_image_grid(self.path, *reconstructions(model, self.examples))
        elif isinstance(model, Translates) and self.examples is not None:
            made = translations(model, self.examples, seed=self.seed)
            save_image_grid(self.path, *made)

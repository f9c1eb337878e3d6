"""SampleGrid: a picture of samples while a model trains."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..capabilities import Encodes, Generates, Translates, can_generate
from ..pictures import is_drawable, save_image_grid, save_samples
from ..pictures.drawings import is_gif
from .drawing import Draws
from .previews import reconstructions, same_samples, save_picture_of, translations

POINTS, COLUMNS = 1000, 8


class SampleGrid(Draws):
    """Draws the same samples every few epochs and at the end of training.

    Images are drawn in a grid. Clips play in a grid if the file is a GIF, and are
    strips of their frames otherwise. Series are lines, with a panel per channel.
    Vectors of two values are a thousand points, beside the density and the examples if
    the model has a density. For a model that cannot generate yet, held-out examples and
    their reconstructions are drawn, and for a model that translates images, the
    examples and their translations. Other data are not drawn.

    Args:
        path: The file, replaced each time. A GIF if it ends in .gif, otherwise a PNG.
        freq: Epochs between two pictures.
        num_samples: Images, clips or series in the picture, at least one per class.
        seed: Seed of the samples.
        examples: Held-out examples, `(n, *inputs.shape)`, for models that only
            reconstruct. Points and series are also shown with the samples. For models
            that translate, `(n, *source.shape)`.
        class_names: Name of each class, written above the columns of images.

    Raises:
        ValueError: Before training, if a model that translates and does not generate
            has no `examples`.

    Example:
        >>> import pathlib, tempfile
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)), seed=0)
        >>> model.compile()
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "samples.png"
        >>> grid = kg.callbacks.SampleGrid(path, num_samples=16)
        >>> history = model.fit(np.zeros((4, 8, 8, 1)), verbose=0, callbacks=[grid])
        >>> path.exists()
        True
    """

    def __init__(
        self,
        path: str | Path,
        *,
        freq: int = 1,
        num_samples: int = 64,
        seed: int = 0,
        examples: np.ndarray | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        super().__init__(path, freq)
        self.num_samples, self.seed, self.examples = num_samples, seed, examples
        self.class_names = class_names

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that a model that translates has examples."""
        model = self.model
        only = isinstance(model, Translates) and not isinstance(model, Generates)
        if only and self.examples is None and is_drawable(model.inputs):
            raise ValueError(
                f"{self.model.name} translates, so SampleGrid requires examples=, rows "
                f"of {model.source} to translate."
            )

    def draw(self) -> None:
        """Writes the picture for the current model."""
        model, spec = self.model, self.model.inputs
        if not is_drawable(spec):
            return
        if can_generate(model):
            num = POINTS if spec.drawn_as == "points" else self.num_samples
            samples = same_samples(model, num, self.seed)
            picture = model, samples, self.examples
            save_picture_of(self.path, *picture, class_names=self.class_names)
        elif isinstance(model, Encodes) and self.examples is not None:
            if spec.is_picture:
                strips = spec.drawn_as == "clips" and not is_gif(self.path)
                columns = 1 if strips else COLUMNS
                shown, columns = reconstructions(model, self.examples, columns)
                save_samples(self.path, spec, shown, columns)
            else:
                made, shown = model.reconstruct(self.examples), self.examples
                save_samples(self.path, spec, made, examples=shown)
        elif isinstance(model, Translates) and self.examples is not None:
            made = translations(model, self.examples, seed=self.seed)
            save_image_grid(self.path, *made)

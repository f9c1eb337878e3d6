"""SampleGrid: a picture of samples while a model trains."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..capabilities import (
    Encodes,
    Generates,
    can_generate,
    can_translate,
    translates_condition,
)
from ..pictures import is_drawable, save_image_grid, save_samples
from ..pictures.drawings import is_gif
from ..specs import Classes
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
        condition: Rows of the condition of a model that is conditioned on texts or
            vectors, such as `["red heart", "blue car"]`. Samples are drawn for them in
            turn.

    Raises:
        ValueError: Before training, if a model that translates has no `examples`, or a
            model conditioned on texts or vectors no `condition`.

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
        condition: Any = None,
    ) -> None:
        super().__init__(path, freq)
        self.condition = condition
        self.num_samples, self.seed, self.examples = num_samples, seed, examples
        self.class_names = class_names

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that a model has what it translates, or its condition."""
        model, name = self.model, self.model.name
        source, spec = (getattr(model, n, None) for n in ("source", "condition"))
        only = translates_condition(model) or not isinstance(model, Generates)
        needs_examples = can_translate(model) and only and self.examples is None
        if needs_examples and is_drawable(model.inputs):
            raise ValueError(
                f"{name} translates, so SampleGrid requires examples=, rows of "
                f"{source} to translate."
            )
        restores = can_translate(model) and not translates_condition(model)
        is_told = isinstance(spec, Classes) and not restores
        is_told |= spec is None or translates_condition(model)
        if (can_generate(model) or restores) and not is_told and self.condition is None:
            raise ValueError(
                f"{name} is conditional on {spec}, so SampleGrid requires condition=, "
                "rows of it to draw samples for."
            )

    def draw(self) -> None:
        """Writes the picture for the current model."""
        model, spec = self.model, self.model.inputs
        if not is_drawable(spec):
            return
        if can_translate(model) and self.examples is not None:
            how = {"condition": self.condition, "seed": self.seed}
            made = translations(model, self.examples, **how)
            save_image_grid(self.path, *made)
        elif can_generate(model):
            num = POINTS if spec.drawn_as == "points" else self.num_samples
            samples = same_samples(model, num, self.seed, self.condition)
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

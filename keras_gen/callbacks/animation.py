"""SampleAnimation: the development of samples while a model trains."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..pictures import (
    is_drawable,
    paletted,
    read_animation,
    write_animation,
)
from ..validation import check_numbers, check_positive, check_rows
from .previews import picture_of, require_generator, same_samples

if TYPE_CHECKING:
    from PIL.Image import Image


class SampleAnimation(keras.callbacks.Callback):
    """An animated GIF of samples from fixed noise, beginning before training.

    Images are shown in a grid, clips as strips of their frames, series as lines, and
    vectors of two values as points over the examples, or beside the examples and the
    density if the model has a density. (`SampleGrid` plays clips.) The file is written
    at the first frame, after each tenth of the frames, and at the end of training with
    the final state. If there are too many frames, every second frame is dropped, and
    frames are taken half as often from then on.

    A resumed training (`initial_epoch > 0`) keeps the file's earlier frames, if their
    pictures have the same size. Any other file at the path is replaced at the first
    frame.

    Args:
        path: The GIF file.
        freq: Epochs between two frames.
        num_samples: Samples in a frame, at least one per class. Use a few hundred for
            points.
        seed: Seed of the samples.
        max_frames: Largest number of frames in the file, >= 2.
        examples: Real examples, `(n, *inputs.shape)`. They are required for vectors and
            optional for series, are shown too, and decide the axes.

    Raises:
        ValueError: If a number is too small, or if the path does not end in .gif.
            Before training, if the model cannot generate, or if its samples cannot be
            drawn.

    Example:
        >>> import pathlib, tempfile
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)), seed=0)
        >>> model.compile()
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "samples.gif"
        >>> animation = kg.callbacks.SampleAnimation(path, num_samples=4)
        >>> x = np.zeros((4, 8, 8, 1))
        >>> history = model.fit(x, epochs=2, verbose=0, callbacks=[animation])
        >>> path.exists()
        True
    """

    model: Any  # a GenerativeModel that generates

    def __init__(
        self,
        path: str | Path,
        *,
        freq: int = 1,
        num_samples: int = 36,
        seed: int = 0,
        max_frames: int = 100,
        examples: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        check_positive(freq, "freq", integer=True)
        check_positive(num_samples, "num_samples", integer=True)
        check_positive(max_frames, "max_frames", integer=True)
        if max_frames < 2:
            raise ValueError("max_frames must be >= 2, received 1.")
        self.path, self.freq = Path(path), freq
        if self.path.suffix.lower() != ".gif":
            raise ValueError(f"path must end in .gif, received {str(path)!r}.")
        self.num_samples, self.seed = num_samples, seed
        self.max_frames, self.examples = max_frames, examples

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that the samples can be drawn."""
        require_generator(self.model)
        spec, has_examples = self.model.inputs, self.examples is not None
        if has_examples and spec.drawn_as in ("points", "lines"):
            given = check_numbers(self.examples, spec.shape, name="examples")
            check_rows(given, "examples")
        elif spec.drawn_as == "points" or not is_drawable(spec):
            raise ValueError(
                "SampleAnimation requires images or clips of 1, 3 or 4 channels, "
                "series, or vectors of 2 values with examples, received data of shape "
                f"{spec.shape} and "
                f"{'no ' if self.examples is None else ''}examples."
            )
        self._frames: dict[int, Image] = {}  # by the number of previous epochs
        self._stride, self._written = self.freq, 0
        self._epochs: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the first frame before training, or continues with the file's."""
        if self._epochs is None:
            self._epochs = epoch
            frame = self._draw()
            self._read(epoch, frame)
            if not self._frames or epoch % self._stride == 0:
                self._add(epoch, frame)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes a frame every `freq` epochs, or less often if there are many."""
        self._epochs = epoch + 1
        if self._epochs % self._stride == 0:
            self._add(self._epochs, self._draw())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Takes the last frame and writes the file."""
        if self._epochs is None:
            return
        if self._epochs not in self._frames:
            self._thin(self.max_frames - 1)
            self._frames[self._epochs] = self._draw()
        self._write()

    def _draw(self) -> "Image":
        samples = same_samples(self.model, self.num_samples, self.seed)
        return paletted(picture_of(self.model, samples, self.examples))

    def _add(self, epochs: int, frame: "Image") -> None:
        self._frames[epochs] = frame
        self._thin(self.max_frames)
        if abs(len(self._frames) - self._written) > len(self._frames) // 10:
            self._write()

    def _thin(self, at_most: int) -> None:
        while len(self._frames) > at_most:
            self._stride *= 2
            self._frames = {
                epoch: frame
                for epoch, frame in self._frames.items()
                if epoch % self._stride == 0
            }

    def _write(self) -> None:
        comment = json.dumps({"epochs": list(self._frames), "stride": self._stride})
        write_animation(self.path, list(self._frames.values()), comment=comment)
        self._written = len(self._frames)

    def _read(self, epoch: int, frame: "Image") -> None:
        """The frames of the file up to `epoch`, if they fit `frame`."""
        if epoch == 0 or not self.path.exists():
            return
        try:
            pictures, comment = read_animation(self.path)
            taken = json.loads(comment)
            frames = dict(zip(taken["epochs"], pictures, strict=True))
            stride = int(taken["stride"])
        except (OSError, EOFError, ValueError, KeyError, TypeError):  # of another kind
            return
        if pictures[0].shape[:2] == (frame.height, frame.width):
            self._stride = max(stride, self.freq)
            self._frames = {n: paletted(p) for n, p in frames.items() if n <= epoch}
            self._written = len(self._frames)

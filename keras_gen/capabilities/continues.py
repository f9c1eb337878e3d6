"""Continues: examples whose first rows are given."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from .. import random
from ..limits import limits_of
from ..rows import Rows
from ..validation import check_limit, check_positive, num_rows
from .arguments import labels_of


class Continues(abc.ABC):
    """Draws the rest of examples whose beginning is given."""

    @abc.abstractmethod
    def _continue(
        self,
        x: tf.Tensor,
        kept: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Examples with their first `kept` rows; the rest is drawn."""

    def complete(
        self,
        x: Rows,
        kept: Any,
        labels: Any = None,
        *,
        num_samples: int = 1,
        seed: int | None = None,
        temperature: float = 1.0,
    ) -> np.ndarray:
        """Draws what follows the first rows of images, or the first values of vectors.

        Args:
            x: Examples, `(batch, *data_shape)`, of which the beginning counts.
            kept: Number of rows that are kept, one integer or `(batch,)`, from 0 to the
                height.
            labels: Integers, `(batch,)`, or one for all, for a class-conditional model.
            num_samples: How often each example is completed.
            seed: Decides what is drawn; None draws a seed.
            temperature: > 0; below 1, likely values become more likely.

        Returns:
            float32 `(batch * num_samples, *data_shape)`, those of an example next to
            each other.

        Raises:
            ValueError: If an argument does not fit.
        """
        check_positive(num_samples, "num_samples", integer=True)
        check_positive(temperature, "temperature")
        kept = self._check_kept(kept, num_rows(x))

        def repeated(values: Any) -> Any:
            return None if values is None else np.repeat(values, num_samples, axis=0)

        seeds = random.row_seeds(seed, len(kept) * num_samples)
        scales = np.full(len(seeds), temperature, np.float32)
        labels = labels_of(labels, len(kept))
        rows = (repeated(np.asarray(x)), repeated(kept), seeds, scales)
        return self.complete_rows(*rows, repeated(labels))

    def complete_rows(
        self, x: Rows, kept: Any, seed: Any, temperature: Any, labels: Any = None
    ) -> Rows:
        """`complete` with everything told for each row, `(batch,)`."""
        inputs = {"kept": kept, "temperature": temperature, "seed": seed}
        shapes = {"kept": (), "temperature": ()}
        return self.run(self._continue, x=x, labels=labels, shapes=shapes, **inputs)

    def _check_kept(self, kept: Any, rows: int) -> np.ndarray:
        kept = np.asarray(kept)
        if kept.shape not in ((), (rows,)) or not np.issubdtype(kept.dtype, np.integer):
            raise ValueError(
                f"kept must be one integer or {rows}, received {kept.dtype} of shape "
                f"{kept.shape}."
            )
        check_limit(kept, limits_of(self, ["kept"])["kept"], "kept")
        return np.broadcast_to(kept, (rows,))

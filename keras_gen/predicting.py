"""`model(x)`, `predict` and Keras' own `export`, checked as the capabilities are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .examples import _is_stream, check_examples, unpack
from .texts.windows import Windows
from .tokens import TakesTokens, is_texts
from .validation import check_context, check_labels, check_steps

DEFAULT_BATCH = 32
AUTO = {"steps_per_execution": "auto"}  # of a model that was never compiled


class Predicts:
    """What a model makes of examples in Keras' own calls; before `keras.Model`.

    A family says it in `_output`. Where nothing is natural, it names in `instead` the
    methods that answer.
    """

    instead = "define call(self, x, training=False)."
    answers_with_labels = False  # else they, or the context, are part of the question

    def call(self, x: Any, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """What the family makes of examples; see `predict`.

        Args:
            x: Examples, `(batch, *data_shape)`; `[x, labels]` or `[x, context]` for a
                conditional model.
            training: Whether dropout and batch statistics are on.

        Raises:
            NotImplementedError: If nothing is natural; the error names what to call.
            ValueError: If the examples, or the labels, do not fit the model.
        """
        self._require_output()
        x, y = self._separated(x)
        x, y = (None if v is None else ops.convert_to_tensor(v) for v in (x, y))
        if tf.executing_eagerly():
            _checked(self, np.asarray(x), None if y is None else np.asarray(y), "x")
        if self.answers_with_labels:
            x = self.as_input(x)
        else:
            x, y = unpack(self, (x, y))
        return self._output(x, y, training=training)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
    ) -> np.ndarray:
        """What `model(x)` gives, in batches: `keras.Model.predict`, checked first.

        Autoencoders and VAEs reconstruct, a flow, a model of pixels and a language
        model give `log_prob`, a GAN the discriminator's logits, a classifier logits.

        Args:
            x: Examples, `(n, *data_shape)`, images uint8 or in [0, 1]; `[x, labels]` or
                `[x, context]` for a conditional model; or a stream of batches, as in
                `fit`.
            batch_size: Examples per batch; Keras' default is 32.
            verbose: As in Keras.
            steps: As in Keras.
            callbacks: As in Keras.

        Returns:
            float32 array, one row for each example.

        Raises:
            NotImplementedError: If nothing is natural; the error names what to call.
            ValueError: If the examples, or the labels, do not fit the model.
        """
        self._require_output()
        check_steps({"steps": steps}, "steps")
        x, y = self._separated(x)
        if isinstance(x, Windows):
            x = x.dataset(batch_size or DEFAULT_BATCH)
        if _is_stream(x):
            if not self.answers_with_labels:
                check_examples(self, x, y, name="x")
            steps = _length(x) if steps is None else steps
            x, batch_size = _checked_batches(self, x), None
        else:
            x, y = _checked(self, x, y, "x")
        x = x if y is None else [x, y]
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks}
        before = self.steps_per_execution
        if getattr(self, "_requested", AUTO)["steps_per_execution"] == "auto":
            self.steps_per_execution = 1  # Keras would trace so many calls one by one
        try:
            return super().predict(x, batch_size, **options)
        finally:
            self.steps_per_execution = before

    def predict_step(self, data: Any) -> tf.Tensor:
        """What `model(x)` gives, of a batch."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(x if y is None else [x, y], training=False)

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",  # noqa: A002
        verbose: bool | None = None,  # noqa: FBT001
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keras' own export, of `model(x)` alone.

        `keras_gen.export.saved_model` and `keras_gen.export.tflite` offer all that the
        model can do (`sample`, `encode`, ...) by name, checked and with a manifest.

        Args:
            filepath: Where to write.
            format: As in Keras: "tf_saved_model", "onnx", "litert", ...
            verbose: As in Keras.
            input_signature: As in Keras; None is any number of examples.
            **kwargs: Keras' further arguments.

        Raises:
            NotImplementedError: If nothing is natural for `model(x)`.
        """
        self._require_output()
        options = {"verbose": verbose, **kwargs}
        options["input_signature"] = input_signature or self._signature()
        super().export(filepath, format, **options)

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """What `model(x)` gives.

        Args:
            x: Examples as `loss_terms` sees them, `(batch, *data_shape)`.
            labels: int32 `(batch,)`, the float32 context, or None.
            training: Whether dropout and batch statistics are on.
        """
        raise NotImplementedError

    def _require_output(self) -> None:
        own = type(self)
        if own._output is Predicts._output and own.call is Predicts.call:
            raise NotImplementedError(
                f"{type(self).__name__} gives nothing for examples alone, as model(x), "
                f"predict and export would: {self.instead}"
            )

    def _separated(self, x: Any) -> tuple[Any, Any]:
        """Examples and labels, or context, of a model that takes them."""
        takes_two = not self.answers_with_labels and (
            self.num_classes is not None or self.context_size is not None
        )
        is_pair = isinstance(x, list | tuple) and len(x) == 2 and not is_texts(x)
        return tuple(x) if takes_two and is_pair else (x, None)

    def _signature(self) -> list[Any]:
        """The input of `call`, for any number of examples."""
        is_tokens = isinstance(self, TakesTokens)
        shape, dtype = (None, *self.data_shape), "int32" if is_tokens else "float32"
        inputs = keras.InputSpec(shape=shape, dtype=dtype, name="x")
        if self.answers_with_labels:
            return [inputs]
        if self.num_classes is not None:
            labels = keras.InputSpec(shape=(None,), dtype="int32", name="labels")
            return [[inputs, labels]]
        if self.context_size is not None:
            shape = (None, self.context_size)
            context = keras.InputSpec(shape=shape, dtype="float32", name="context")
            return [[inputs, context]]
        return [inputs]


def _checked(model: keras.Model, x: Any, y: Any, name: str) -> tuple[Any, Any]:
    """Arrays that fit the model; raises ValueError if they do not."""
    if model.answers_with_labels:
        return model.check_array(x, name), None
    if y is None and model.context_size is not None:
        check_context(None, model.context_size)
    if y is None:
        check_labels(None, model.num_classes)
    return check_examples(model, x, y, name=name)


def _checked_batches(model: keras.Model, stream: Any) -> Iterator[Any]:
    """The batches of a stream, each of which fits the model."""
    is_indexed = isinstance(stream, keras.utils.PyDataset)
    batches = (stream[i] for i in range(len(stream))) if is_indexed else stream
    for number, batch in enumerate(batches, start=1):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        x, y = (None if v is None else np.asarray(v) for v in (x, y))
        x, y = _checked(model, x, y, f"batch {number} of x")
        yield (x,) if y is None else (x, y)


def _length(stream: Any) -> int | None:
    """The number of batches, if it is known and finite."""
    if isinstance(stream, tf.data.Dataset):
        number = int(stream.cardinality())
        return number if number >= 0 else None
    return getattr(stream, "num_batches", None)

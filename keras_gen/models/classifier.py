"""Classifier of labelled examples, for comparing samples with real examples."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from .. import networks
from ..capabilities import Classifies
from ..model import GenerativeModel
from ..objectives.corruption import Corruption
from ..random import RowNoise
from ..rows import Rows
from ..serialization import register
from ..specs import Classes, Spec, of_shape
from ..validation import check_positive, check_type


@register
class Classifier(Classifies, GenerativeModel):
    """p(label | x), from a network and a linear layer on its features.

    A classifier does not generate. `keras_gen.metrics` uses its features to compare the
    samples of other models with real examples.

    Args:
        network: A Functional or Sequential model from examples to features,
            `(batch, num_features)`.
        num_classes: Number of classes, >= 2.
        augmentation: Changes the examples in training, such as `RandomShift()`.
        inputs: The spec of the examples. None derives it from the network's input.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If the network is not a built Functional or Sequential model.
        ValueError: If its output is not `(batch, num_features)`.

    Example:
        >>> model = kg.Classifier(kg.networks.mlp((2,), (8,), units=(16,)), 3, seed=0)
        >>> model.compile()
        >>> x, y = np.eye(2)[[0, 1, 0, 1]], np.array([0, 2, 0, 2])
        >>> history = model.fit(x, y, verbose=0)
        >>> model.classify(x).shape, model.features(x).shape
        ((4,), (4, 8))
    """

    _answers_with_labels = True
    arguments = ("network", "num_classes", "augmentation", "inputs")

    def __init__(
        self,
        network: keras.Model,
        num_classes: int,
        *,
        augmentation: Corruption | None = None,
        inputs: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(augmentation, Corruption | None, "augmentation")
        check_positive(num_classes, "num_classes", integer=True)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, received {num_classes}.")
        shape = networks.input_shape(network, "network")
        width = network.output_shape[1:]
        if len(width) != 1:
            raise ValueError(
                "network must return features (batch, num_features), received a "
                f"network with output {network.output_shape}."
            )
        super().__init__(
            inputs or of_shape(shape),
            condition=Classes(num_classes),
            term_names=["loss", "accuracy"],
            seed=seed,
            **kwargs,
        )
        self.num_classes = num_classes
        self.network, self.augmentation = network, augmentation
        self.head = layers.Dense(num_classes, dtype="float32", name="head")
        self.head.build(network.output_shape)

    @property
    def num_features(self) -> int:
        """Number of features."""
        return self.network.output_shape[1]

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Logits, `(batch, num_classes)`."""
        del condition
        return self.head(self._features(x, training=training))

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, the cross-entropy of the labels in nats, and `accuracy`."""
        if training and self.augmentation is not None:
            x = self.augmentation.apply(x, noise, 0)
        logits = self.head(self._features(x, training=training))
        nats = ops.sparse_categorical_crossentropy(condition, logits, from_logits=True)
        right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(condition, "int32"))
        accuracy = ops.mean(ops.cast(right, "float32"))
        return {"loss": ops.mean(nats), "accuracy": accuracy}

    def features(self, x: Rows) -> Rows:
        """Computes the features of examples.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].

        Returns:
            float32 `(batch, num_features)`.
        """
        return self._rows.run(self._features, {"x": (x, self.inputs)})

    def log_probabilities(self, x: Rows) -> Rows:
        """See `Classifies.log_probabilities`."""
        return self._rows.run(self._log_probabilities, {"x": (x, self.inputs)})

    def _features(self, x: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        return networks.apply(self.network, self.scale.inward(x), training=training)

    def _log_probabilities(self, x: tf.Tensor) -> tf.Tensor:
        return ops.log_softmax(self.head(self._features(x)), axis=-1)

"""Losses of reconstructions in the features of a further network.

They serve models that encode and decode, such as `VAE` and `VQVAE`. Samples and exports
do not need the network.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from . import networks
from .serialization import copy_state, deserialize, register, serialize
from .specs import Spec
from .validation import check_factor

FEWEST_AXES = 3  # of a layer's output with places: batch, places, channels
SMALLEST = 1e-6  # squared length of a vector of features
Terms = dict[str, tf.Tensor]


@register
class FeatureLoss(keras.layers.Layer):
    """The distance of a reconstruction from its example in the features of a network.

    At each place of each chosen layer, the features are a vector, which is divided by
    its length. The distance is the squared difference of these vectors, averaged over
    places and layers. The network is copied and does not change.

    A model adds `weight` times the distance times the number of values of an example to
    its loss.

    Args:
        network: A built Functional or Sequential model from examples in [0, 1] to
            features, such as `classifier.network` of a trained `Classifier`, or an
            untrained `networks.conv_features(shape)`.
        layers: Names of the layers to compare. None means those with weights whose
            output has places.
        weight: Factor, in nats per value of an example, >= 0.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If `network` is not a built Functional or Sequential model.
        ValueError: If a layer does not exist or has no places.

    References:
        Zhang, Isola, Efros, Shechtman and Wang, "The unreasonable effectiveness of deep
        features as a perceptual metric", 2018, eq. 1 with equal weights; Rombach et
        al., "High-resolution image synthesis with latent diffusion models", 2022,
        section 3.1.

    Example:
        >>> import keras_gen as kg
        >>> features = kg.networks.conv_features((16, 16, 1), channels=(8, 8))
        >>> loss = kg.FeatureLoss(features)
        >>> x = tf.random.uniform((2, 16, 16, 1))
        >>> loss(x, x).numpy()
        array([0., 0.], dtype=float32)
        >>> how = {"channels": (8,), "blocks": 0, "statistics": 2}
        >>> pair = kg.networks.spatial_autoencoder((16, 16, 1), 2, **how)
        >>> model = kg.VAE(*pair, perceptual=loss)
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        layers: Sequence[str] | None = None,
        weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        networks.input_shape(network, "network")
        check_factor(weight, "weight")
        self.network = keras.models.clone_model(network)
        copy_state(network, self.network)
        self.network.trainable = False
        self.layers = None if layers is None else tuple(layers)
        self.weight = float(weight)
        outputs = [layer.output for layer in self._chosen()]
        seen = keras.Model(self.network.inputs, outputs)
        self._features = seen.__call__  # not a layer, so that Keras saves weights once
        self.built = True

    def _chosen(self) -> list[keras.layers.Layer]:
        """The layers to compare."""
        found = {
            layer.name: layer
            for layer in self.network.layers
            if layer.weights and len(layer.output.shape) >= FEWEST_AXES
        }
        chosen = self.layers or tuple(found)
        unknown = [name for name in chosen if name not in found]
        if unknown or not chosen:
            raise ValueError(
                "layers must name layers with weights whose output has places, "
                f"received {', '.join(unknown) or 'none'}. The network has "
                f"{', '.join(found) or 'none'}."
            )
        return [found[name] for name in chosen]

    def check(self, inputs: Spec) -> None:
        """Raises ValueError unless the loss is for examples of a spec."""
        check_takes(self.network, inputs, "perceptual")

    def call(self, x: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        """The distance of each reconstruction from its example, `(batch,)`.

        Args:
            x: Examples in [0, 1], `(batch, ...)`.
            made: Reconstructions in their shape.

        Returns:
            Numbers in [0, 4]. 0 for equal features.
        """
        distances = []
        for of_x, of_made in zip(self._of(x), self._of(made), strict=True):
            squares = ops.sum(ops.square(of_x - of_made), axis=-1)
            places = tuple(range(1, len(squares.shape)))
            distances.append(ops.mean(squares, axis=places))
        return ops.mean(ops.stack(distances), axis=0)

    def _of(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Features of length 1 at each place, for each layer."""
        found = self._features(x, training=False)
        found = [ops.cast(y, "float32") for y in keras.tree.flatten(found)]
        squares = [ops.sum(ops.square(y), axis=-1, keepdims=True) for y in found]
        return [
            y * ops.rsqrt(square + SMALLEST)
            for y, square in zip(found, squares, strict=True)
        ]

    def added(self, terms: Terms, x: tf.Tensor, made: tf.Tensor) -> Terms:
        """Loss terms with `features`, which is part of the loss.

        Args:
            terms: Loss terms, `"loss"` first.
            x: Examples in [0, 1].
            made: Reconstructions.
        """
        size = float(x.shape[1:].num_elements())

        def loss(made: tf.Tensor) -> tf.Tensor:
            return self.weight * size * ops.mean(self(x, made))

        nats = followed(*with_slope(loss, made), made)
        return {**terms, "loss": terms["loss"] + nats, "features": nats}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"network": self.network, "layers": self.layers, "weight": self.weight}
        return {**super().get_config(), **serialize(own)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FeatureLoss":
        """Rebuilds the loss from `get_config`."""
        return cls(**deserialize(config))


def with_slope(
    loss: Callable[[tf.Tensor], tf.Tensor], made: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A loss of reconstructions, and its gradient with respect to them."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(made)
        value = loss(made)
    return value, tape.gradient(value, made)


def followed(value: tf.Tensor, slope: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """A loss whose gradient is known.

    Several gradients can be taken through it, at the cost of one gradient of the
    networks that judge the reconstructions.

    Args:
        value: The loss, a scalar.
        slope: Its gradient with respect to reconstructions.
        made: The reconstructions.
    """
    along = ops.sum(tf.stop_gradient(slope) * made)
    return tf.stop_gradient(value) + along - tf.stop_gradient(along)


def check_takes(network: keras.Model, inputs: Spec, name: str) -> None:
    """Raises ValueError unless a network takes examples of a spec in [0, 1]."""
    taken = [tuple(x.shape[1:]) for x in network.inputs]
    if not inputs.is_unit or taken != [inputs.shape]:
        raise ValueError(
            f"{name} must judge examples in [0, 1] of the model's shape, received a "
            f"network of {' and '.join(map(str, taken))} for {inputs}."
        )

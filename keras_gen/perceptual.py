"""Losses of reconstructions by further networks: features, and a game of patches.

They serve models that encode and decode, such as `VAE` and `VQVAE`. Samples and exports
need none of these networks.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from . import networks
from .engine import parts
from .objectives import Hinge
from .objectives.adversarial import AdversarialObjective
from .players import Networks, Player
from .serialization import copy_state, deserialize, register, serialize
from .specs import Spec
from .validation import check_count, check_factor, check_type

FEWEST_AXES = 3  # of a layer's output with places: batch, places, channels
SMALLEST = 1e-6  # squared length of a vector of features
DELTA, LARGEST = 1e-4, 1e4  # of the adaptive weight
TERMS = ("adversarial", "adaptive_weight", "discriminator_loss")
AUTOENCODER, DISCRIMINATOR = "autoencoder", "discriminator"
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
        _check_takes(self.network, inputs, "perceptual")

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

        nats = _followed(*_with_slope(loss, made), made)
        return {**terms, "loss": terms["loss"] + nats, "features": nats}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"network": self.network, "layers": self.layers, "weight": self.weight}
        return {**super().get_config(), **serialize(own)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FeatureLoss":
        """Rebuilds the loss from `get_config`."""
        return cls(**deserialize(config))


class Game(keras.layers.Layer):
    """A discriminator that a model has to fool, with an optimizer of its own.

    Attributes:
        discriminator: The network that judges.
        judges_latents: Whether it judges latent values, not reconstructions.
    """

    discriminator: keras.Model
    judges_latents = False

    def players(self, *trained: Any) -> tuple[Player, Player]:
        """The players of a model.

        Args:
            *trained: Its networks and layers. Those that are no layers are left out.
        """
        layers = [part for part in trained if isinstance(part, keras.layers.Layer)]
        autoencoder = Player(AUTOENCODER, Networks(AUTOENCODER, layers))
        return autoencoder, Player(DISCRIMINATOR, self.discriminator)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds the game from `get_config`."""
        return cls(**deserialize(config))


@register
class PatchGame(Game):
    """A discriminator of examples and reconstructions, which a model has to fool.

    A model with it has two players, "autoencoder" and "discriminator", each with an
    optimizer. One step moves the autoencoder, then the discriminator. The share of the
    adversarial loss follows the gradients of both losses at the last layer of the
    decoder (`adaptive_weight`).

    Args:
        discriminator: A model from examples on [-1, 1] to raw logits, `(batch, ...)`,
            such as `networks.patch_discriminator(shape)`.
        start: Number of training steps before the game begins. Until then the
            discriminator stays as it is.
        weight: Factor of the adaptive weight, >= 0.
        objective: The adversarial losses. The default is `objectives.Hinge()`.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or if logits are squashed.

    References:
        Esser, Rombach and Ommer, "Taming transformers for high-resolution image
        synthesis", 2021, eq. 6 and 7; Rombach et al., "High-resolution image synthesis
        with latent diffusion models", 2022, appendix G; Isola et al. 2017 (patches).

    Example:
        >>> import keras_gen as kg
        >>> how = {"channels": (8,), "blocks": 0, "statistics": 2}
        >>> pair = kg.networks.spatial_autoencoder((16, 16, 1), 2, **how)
        >>> judge = kg.networks.patch_discriminator((16, 16, 1), channels=(4, 8))
        >>> model = kg.VAE(*pair, adversarial=kg.PatchGame(judge, start=100))
        >>> model.compile("adam", discriminator_optimizer="sgd")
    """

    def __init__(
        self,
        discriminator: keras.Model,
        *,
        start: int = 0,
        weight: float = 0.5,
        objective: AdversarialObjective | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_type(objective, AdversarialObjective | None, "objective")
        check_count(start, "start", least=0)
        check_factor(weight, "weight")
        networks.output_shape(discriminator, "discriminator")
        networks.check_raw_output(discriminator, "discriminator")
        self.discriminator, self.start = discriminator, start
        self.weight, self.objective = float(weight), objective or Hinge()
        self.built = True

    def check(self, inputs: Spec) -> None:
        """Raises ValueError unless the game is for examples of a spec."""
        _check_takes(self.discriminator, inputs, "adversarial")

    def turns(
        self,
        forward: Callable[[], tuple[Terms, tf.Tensor, tf.Tensor]],
        decoder: keras.Model,
        step: tf.Tensor,
        *,
        training: bool,
    ) -> Iterator[tuple[str, Terms]]:
        """The autoencoder's move, then the discriminator's.

        Args:
            forward: Returns loss terms, examples in [0, 1] and their reconstructions.
            decoder: The network that reconstructs.
            step: Number of training steps before this one, an int32 scalar.
            training: Whether this is a training step.

        Yields:
            Players and their terms, as `GenerativeModel.turns` does.
        """
        kernel, is_on = last_kernel(decoder), step >= self.start

        def judge(images: tf.Tensor) -> tf.Tensor:
            images = 2 * images - 1
            return networks.apply(self.discriminator, images, training=training)

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(kernel)
            terms, x, made = forward()

            def fooled(made: tf.Tensor) -> tf.Tensor:
                real = judge(x) if self.objective.paired else None
                return ops.mean(self.objective.generator(judge(made), real))

            fooling, slope = tf.cond(
                is_on,
                lambda: _with_slope(fooled, tf.identity(made)),
                lambda: (tf.constant(0.0), tf.zeros_like(made)),
            )
            adversarial = _followed(fooling, slope, made)
        rows = parts.num_rows(x)
        slopes = [tape.gradient(v, kernel) for v in (terms["loss"], adversarial)]
        pulls, pushes = parts.total([parts.shared(v, rows) for v in slopes])
        share = self.weight * adaptive_weight(pulls, pushes)
        share = tf.where(is_on, share, 0.0)
        loss = terms["loss"] + share * adversarial
        own = {TERMS[0]: adversarial, TERMS[1]: share}
        yield AUTOENCODER, {**terms, "loss": loss, **own}

        def lost() -> tf.Tensor:
            logits = judge(x), judge(tf.stop_gradient(made))
            return ops.mean(self.objective.discriminator(*logits))

        yield DISCRIMINATOR, {TERMS[2]: tf.cond(is_on, lost, lambda: tf.constant(0.0))}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("discriminator", "start", "weight", "objective")
        own = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **own}


def adaptive_weight(reconstruction: tf.Tensor, adversarial: tf.Tensor) -> tf.Tensor:
    """The share of an adversarial loss at which both losses pull alike, a scalar.

    Args:
        reconstruction: Gradient of the reconstruction loss at some weights.
        adversarial: Gradient of the adversarial loss at the same weights.

    Returns:
        The ratio of their norms, in [0, 10,000], without a gradient.

    References:
        Esser, Rombach and Ommer, "Taming transformers for high-resolution image
        synthesis", 2021, eq. 7.

    Example:
        >>> weight = adaptive_weight(tf.constant([3.0, 4.0]), tf.constant([0.0, 2.0]))
        >>> round(float(weight), 4)
        2.4999
    """
    ratio = tf.norm(reconstruction) / (tf.norm(adversarial) + DELTA)
    return tf.stop_gradient(tf.clip_by_value(ratio, 0.0, LARGEST))


def last_kernel(decoder: keras.Model) -> tf.Variable:
    """The matrix or kernel of the last layer of a network that has one.

    Raises:
        ValueError: If the network has none.
    """
    kernels = [w for w in decoder.weights if len(w.shape) > 1]
    if not kernels:
        raise ValueError(
            "adversarial requires a decoder whose last layer has a kernel, received "
            f"{decoder.name} without one."
        )
    return kernels[-1].value


def _with_slope(
    loss: Callable[[tf.Tensor], tf.Tensor], made: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A loss of reconstructions, and its gradient with respect to them."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(made)
        value = loss(made)
    return value, tape.gradient(value, made)


def _followed(value: tf.Tensor, slope: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
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


def _check_takes(network: keras.Model, inputs: Spec, name: str) -> None:
    """Raises ValueError unless a network takes examples of a spec in [0, 1]."""
    taken = [tuple(x.shape[1:]) for x in network.inputs]
    if not inputs.is_unit or taken != [inputs.shape]:
        raise ValueError(
            f"{name} must judge examples in [0, 1] of the model's shape, received a "
            f"network of {' and '.join(map(str, taken))} for {inputs}."
        )

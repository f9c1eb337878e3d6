"""Games of autoencoders: a discriminator of reconstructions, or of latent values.

They serve models that encode and decode, such as `VAE` and `VQVAE`. Samples and exports
do not need the discriminator.
"""

import abc
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from . import networks
from .engine import parts
from .objectives import Hinge, NonSaturating
from .objectives.adversarial import AdversarialObjective
from .perceptual import Terms, check_takes, followed, with_slope
from .players import Networks, Player
from .serialization import deserialize, register, serialize
from .specs import Spec
from .validation import check_count, check_factor, check_type

DELTA, LARGEST = 1e-4, 1e4  # of the adaptive weight
TERMS = ("adversarial", "adaptive_weight", "discriminator_loss")
AUTOENCODER, DISCRIMINATOR = "autoencoder", "discriminator"


class AutoencoderGame(keras.layers.Layer, abc.ABC):
    """A discriminator that an autoencoder has to fool, with an optimizer of its own.

    The model has two players, "autoencoder" and "discriminator". One step moves the
    autoencoder, then the discriminator.

    Args:
        discriminator: The network that judges.
        weight: Factor of the autoencoder's adversarial loss, >= 0.
        objective: The adversarial losses.
        **kwargs: `name` and `dtype`, for Keras.

    Attributes:
        judges_latents: Whether it judges latent values, not reconstructions.
        arguments: Names of the constructor's arguments, which are saved.
    """

    judges_latents = False
    arguments = ("discriminator", "weight", "objective")

    def __init__(
        self,
        discriminator: keras.Model,
        weight: float,
        objective: AdversarialObjective,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_type(objective, AdversarialObjective, "objective")
        check_factor(weight, "weight")
        networks.output_shape(discriminator, "discriminator")
        networks.check_raw_output(discriminator, "discriminator")
        self.discriminator, self.objective = discriminator, objective
        self.weight = float(weight)
        self.built = True

    @abc.abstractmethod
    def check(self, spec: Spec) -> None:
        """Raises ValueError unless the game is for values of a spec."""

    def players(self, *trained: Any) -> tuple[Player, Player]:
        """The players of a model.

        Args:
            *trained: Its networks and layers. Those that are no layers are left out.
        """
        layers = [part for part in trained if isinstance(part, keras.layers.Layer)]
        autoencoder = Player(AUTOENCODER, Networks(AUTOENCODER, layers))
        return autoencoder, Player(DISCRIMINATOR, self.discriminator)

    @abc.abstractmethod
    def turns(
        self, model: Any, given: tuple[Any, ...], *, training: bool
    ) -> Iterator[tuple[str, Terms]]:
        """The autoencoder's move, then the discriminator's.

        Args:
            model: The model that has the game. Its `_reconstructed` returns loss terms,
                and the two kinds of values that the discriminator has to tell apart.
            given: Examples, their condition and noise, as the model's `turns` has them.
            training: Whether this is a training step.

        Yields:
            Players and their terms, as `GenerativeModel.turns` does.
        """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = serialize({name: getattr(self, name) for name in self.arguments})
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds the game from `get_config`."""
        return cls(**deserialize(config))


@register
class PatchGame(AutoencoderGame):
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

    arguments = ("discriminator", "start", "weight", "objective")

    def __init__(
        self,
        discriminator: keras.Model,
        *,
        start: int = 0,
        weight: float = 0.5,
        objective: AdversarialObjective | None = None,
        **kwargs: Any,
    ) -> None:
        check_count(start, "start", least=0)
        objective = Hinge() if objective is None else objective
        super().__init__(discriminator, weight, objective, **kwargs)
        self.start = start

    def check(self, spec: Spec) -> None:
        """Raises ValueError unless the game is for examples of a spec."""
        check_takes(self.discriminator, spec, "adversarial")

    def turns(
        self, model: Any, given: tuple[Any, ...], *, training: bool
    ) -> Iterator[tuple[str, Terms]]:
        """See `AutoencoderGame.turns`: examples in [0, 1], and reconstructions."""
        kernel = last_kernel(model.decoder)
        is_on = tf.identity(model._counts["steps"]) >= self.start

        def judge(images: tf.Tensor) -> tf.Tensor:
            images = 2 * images - 1
            return networks.apply(self.discriminator, images, training=training)

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(kernel)
            terms, x, made = model._reconstructed(*given, training=training)

            def fooled(made: tf.Tensor) -> tf.Tensor:
                real = judge(x) if self.objective.paired else None
                return ops.mean(self.objective.generator(judge(made), real))

            fooling, slope = tf.cond(
                is_on,
                lambda: with_slope(fooled, tf.identity(made)),
                lambda: (tf.constant(0.0), tf.zeros_like(made)),
            )
            adversarial = followed(fooling, slope, made)
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


@register
class LatentGame(AutoencoderGame):
    """A discriminator of draws of the prior and of the encoder, for a `VAE`.

    The encoder has to fool it, so that the latent values of all examples together are
    distributed as the prior. With `ELBO(beta=0.0)` the model is an adversarial
    autoencoder. It has two players, "autoencoder" and "discriminator", each with an
    optimizer. One step moves the autoencoder, then the discriminator.

    Args:
        discriminator: A model from latent values to one raw logit, `(batch, 1)`.
        weight: Factor of the encoder's adversarial loss, >= 0.
        objective: The adversarial losses. The default is `NonSaturating()`.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the weight is negative, or if logits are squashed.

    References:
        Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015,
        section 2.

    Example:
        >>> import keras_gen as kg
        >>> judge = kg.networks.mlp((2,), (1,), units=(16,))
        >>> model = kg.VAE(
        ...     *kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)),
        ...     objective=kg.ELBO(beta=0.0),
        ...     adversarial=kg.LatentGame(judge),
        ...     seed=0,
        ... )
        >>> model.compile("adam", discriminator_optimizer="sgd")
        >>> history = model.fit(np.zeros((4, 8, 8, 1)), verbose=0).history
        >>> "discriminator_loss" in history
        True
    """

    judges_latents = True

    def __init__(
        self,
        discriminator: keras.Model,
        *,
        weight: float = 1.0,
        objective: AdversarialObjective | None = None,
        **kwargs: Any,
    ) -> None:
        objective = NonSaturating() if objective is None else objective
        super().__init__(discriminator, weight, objective, **kwargs)
        output = networks.output_shape(discriminator, "discriminator")
        if output != (1,):
            raise ValueError(
                "discriminator must return one logit, (batch, 1), received one that "
                f"returns {output}."
            )

    def check(self, spec: Spec) -> None:
        """Raises ValueError unless the game is for latent values of a spec."""
        taken = [tuple(x.shape[1:]) for x in self.discriminator.inputs]
        if taken != [spec.shape]:
            raise ValueError(
                f"adversarial must judge latent values of shape {spec.shape}, "
                f"received a discriminator of {' and '.join(map(str, taken))}."
            )

    def turns(
        self, model: Any, given: tuple[Any, ...], *, training: bool
    ) -> Iterator[tuple[str, Terms]]:
        """See `AutoencoderGame.turns`: draws of the prior, and of q(z | x)."""
        terms, prior, z = model._reconstructed(*given, training=training)
        prior = tf.stop_gradient(prior)

        def judge(z: tf.Tensor) -> tf.Tensor:
            z = ops.reshape(z, (-1, *self.discriminator.inputs[0].shape[1:]))
            return networks.apply(self.discriminator, z, training=training)

        real = judge(prior) if self.objective.paired else None
        adversarial = ops.mean(self.objective.generator(judge(z), real))
        loss = terms["loss"] + self.weight * adversarial
        yield AUTOENCODER, {**terms, "loss": loss, "adversarial": adversarial}
        logits = judge(prior), judge(tf.stop_gradient(z))
        lost = ops.mean(self.objective.discriminator(*logits))
        yield DISCRIMINATOR, {"discriminator_loss": lost}


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

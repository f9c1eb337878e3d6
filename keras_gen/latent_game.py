"""A game of latent values: an adversarial autoencoder."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from . import networks
from .objectives import NonSaturating
from .objectives.adversarial import AdversarialObjective
from .perceptual import AUTOENCODER, DISCRIMINATOR, Game, Terms
from .serialization import register, serialize
from .specs import Spec
from .validation import check_factor, check_type


@register
class LatentGame(Game):
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
        super().__init__(**{"dtype": "float32", **kwargs})
        check_type(objective, AdversarialObjective | None, "objective")
        check_factor(weight, "weight")
        output = networks.output_shape(discriminator, "discriminator")
        if output != (1,):
            raise ValueError(
                "discriminator must return one logit, (batch, 1), received one that "
                f"returns {output}."
            )
        networks.check_raw_output(discriminator, "discriminator")
        self.discriminator, self.weight = discriminator, float(weight)
        self.objective = objective or NonSaturating()
        self.built = True

    def check(self, latent: Spec) -> None:
        """Raises ValueError unless the game is for latent values of a spec."""
        taken = [tuple(x.shape[1:]) for x in self.discriminator.inputs]
        if taken != [latent.shape]:
            raise ValueError(
                f"adversarial must judge latent values of shape {latent.shape}, "
                f"received a discriminator of {' and '.join(map(str, taken))}."
            )

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
            forward: Returns loss terms, draws of the prior, and draws of q(z | x).
            decoder: Not used.
            step: Not used.
            training: Whether this is a training step.

        Yields:
            Players and their terms, as `GenerativeModel.turns` does.
        """
        del decoder, step
        terms, prior, z = forward()
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

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("discriminator", "weight", "objective")
        own = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **own}

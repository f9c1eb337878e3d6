"""What games of an autoencoder against a discriminator have in common."""

import abc
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from . import networks
from .objectives.adversarial import AdversarialObjective
from .objectives.aggregate import Draws
from .players import Networks, Player
from .serialization import deserialize, serialize
from .specs import Spec
from .validation import check_factor, check_type

AUTOENCODER, DISCRIMINATOR = "autoencoder", "discriminator"
Terms = dict[str, tf.Tensor]


class Attempt(NamedTuple):
    """What an autoencoder makes of a batch.

    Attributes:
        terms: Its loss terms, `"loss"` first.
        x: Examples as networks see them, `(batch, ...)`.
        made: Reconstructions in their shape.
        draws: Latent values, with draws of the prior if the game needs them, or None.
    """

    terms: Terms
    x: tf.Tensor
    made: tf.Tensor
    draws: Draws | None = None


class Game(keras.layers.Layer):
    """A discriminator that an autoencoder has to fool.

    A model with it has two players, "autoencoder" and "discriminator", each with an
    optimizer. One step moves the autoencoder, then the discriminator.

    Args:
        discriminator: A model of one input to raw logits.
        weight: Factor of the autoencoder's adversarial loss, >= 0.
        objective: The adversarial losses.
        **kwargs: `name` and `dtype`, for Keras.

    Attributes:
        needs_prior: Whether it needs draws of the prior.
    """

    arguments: ClassVar[tuple[str, ...]] = ("discriminator", "weight", "objective")
    needs_prior: ClassVar[bool] = False

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
        self.discriminator, self.weight = discriminator, float(weight)
        self.objective = objective
        self.built = True

    @abc.abstractmethod
    def check(self, inputs: Spec, latent: Spec) -> None:
        """Raises ValueError unless the game is for a model of these specs."""

    @abc.abstractmethod
    def turns(
        self,
        forward: Callable[[], Attempt],
        decoder: keras.Model,
        step: tf.Tensor,
        *,
        training: bool,
    ) -> Iterator[tuple[str, Terms]]:
        """The autoencoder's move, then the discriminator's.

        Args:
            forward: Encodes and decodes the batch.
            decoder: The network that reconstructs.
            step: Number of training steps before this one, an int32 scalar.
            training: Whether this is a training step.

        Yields:
            Players and their terms, as `GenerativeModel.turns` does.
        """

    def players(self, *trained: Any) -> tuple[Player, Player]:
        """The players of a model.

        Args:
            *trained: Its networks and layers. Those that are no layers are left out.
        """
        layers = [part for part in trained if isinstance(part, keras.layers.Layer)]
        autoencoder = Player(AUTOENCODER, Networks(AUTOENCODER, layers))
        return autoencoder, Player(DISCRIMINATOR, self.discriminator)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = serialize({name: getattr(self, name) for name in self.arguments})
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Game":
        """Rebuilds the game from `get_config`."""
        return cls(**deserialize(config))

"""Moving averages of the weights of the network that makes samples."""

from typing import Any

import keras
import tensorflow as tf

from .engine.parts import num_replicas
from .engine.training import has_moved
from .serialization import copy_state
from .validation import check_share

WARM_UP = 10


class Averages:
    """A model that samples from the moving average of a network; mixed in first.

    Attributes:
        moving_average: Decay of the average, in [0, 1), or None for none.
        average: The network that holds the average, if there is one.
    """

    moving_average: float | None

    def start_average(self, network: keras.Model, decay: float | None) -> None:
        """Begins with the weights as they are.

        Args:
            network: The network that is trained.
            decay: Share of the average that a step keeps, in [0, 1); None for none.

        Raises:
            ValueError: If the decay is out of range.
        """
        self.moving_average, self._averages = decay, network
        self._samples_average = decay is not None
        if decay is None:
            return
        check_share(decay, "moving_average")
        self._counts.add("averaged")
        self.average = keras.models.clone_model(network)
        copy_state(network, self.average)
        self.average.trainable = False

    @property
    def samples_average(self) -> bool:
        """Whether samples and exports come from the average; can be set."""
        return self._samples_average

    @samples_average.setter
    def samples_average(self, chosen: bool) -> None:
        if chosen and self.moving_average is None:
            raise ValueError(f"{self.name} has no average: moving_average is None.")
        self._samples_average = bool(chosen)
        self.forget_functions()  # compiled with the other network

    @property
    def sampling_network(self) -> keras.Model:
        """The average, or the network itself."""
        return self.average if self.samples_average else self._averages

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and where samples come from."""
        return super().get_config() | {"samples_average": self.samples_average}

    @classmethod
    def from_config(cls, config: dict[str, Any], *args: Any) -> "Averages":
        """Rebuilds the model from `get_config`."""
        config = dict(config)
        chosen = config.pop("samples_average")
        model = super().from_config(config, *args)
        model.samples_average = chosen
        return model

    def update_average(
        self, optimizer: keras.optimizers.Optimizer, before: tf.Tensor
    ) -> None:
        """Moves the average, if there is one, where the network has moved.

        Args:
            optimizer: The optimizer of the network.
            before: How many updates it had made before this step, a scalar.
        """
        if self.moving_average is None:
            return
        count, moved = self._counts["averaged"], has_moved(optimizer, before)
        networks = self.average, self._averages
        move_average(*networks, self.moving_average, tf.identity(count), moved=moved)
        count.assign_add(tf.cast(moved, count.dtype))


def move_average(
    average: keras.Model,
    network: keras.Model,
    decay: float,
    step: tf.Tensor,
    *,
    moved: tf.Tensor,
) -> None:
    """Moves an average towards the weights of a network.

    The decay starts at 1 / 10 and grows with the steps, so that the first weights are
    soon forgotten. What the network keeps of its batches, such as the statistics of
    batch normalization, is averaged like the weights; whole numbers are copied.

    Args:
        average: The network that holds the average.
        network: The network that is trained.
        decay: Largest share of the average that a step keeps, in [0, 1).
        step: Number of updates of the average so far, a scalar.
        moved: Whether the network has moved; else the average stays as it is.
    """
    step = tf.cast(step, tf.float32)
    share = 1 - tf.minimum(decay, (1 + step) / (WARM_UP + step))
    share *= tf.cast(moved, tf.float32)
    pairs = list(zip(average.weights, network.weights, strict=True))

    def target(old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        if not new.dtype.is_floating:
            return new
        return old + tf.cast(share, old.dtype) * (new - old)

    if num_replicas() == 1:
        for old, weight in pairs:
            old.assign(target(old.value, weight.value))
        return

    def update(strategy: tf.distribute.Strategy) -> None:
        for old, weight in pairs:
            strategy.extended.update(
                old.value,
                lambda o, n: o.assign(target(o, n)),
                args=(weight.value,),
            )

    tf.distribute.get_replica_context().merge_call(update)

"""Players: who moves which weights, by which optimizer, and when."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from .engine import internals
from .engine.parts import num_replicas
from .engine.training import global_norm, has_moved, move_weights, summed, together
from .serialization import copy_state
from .validation import check_positive, check_share

WARM_UP = 10  # steps of a moving average that begins
Optimizer = str | keras.optimizers.Optimizer


class Player:
    """A network that one optimizer trains.

    A model of one network has one player, a GAN two, a CycleGAN four. Each has its own
    optimizer in `compile(NAME_optimizer=...)`, its own loss scale, and optionally a
    moving average of its weights.

    Args:
        name: A name such as "generator". It names the optimizer, `NAME_loss` and
            `NAME_gradient_norm`.
        network: The network, or the model itself.
        ema_decay: Decay of the moving average of the weights, in [0, 1). None for no
            average.
        every: The player moves once in this many steps.

    Attributes:
        average: The network that holds the moving average, or None.

    Raises:
        ValueError: If the decay or the number of steps is out of range.

    References:
        Karras et al., "Progressive growing of GANs", 2018 (average of a generator);
        Arjovsky et al., "Wasserstein GAN", 2017 (several steps of the critic).

    Example:
        >>> import keras_gen as kg
        >>> generator, critic = kg.networks.mlp_gan((8, 8, 1), 4)
        >>> players = [
        ...     kg.Player("critic", critic),
        ...     kg.Player("generator", generator, ema_decay=0.999, every=5),
        ... ]
        >>> players[1].average is not None
        True
    """

    def __init__(
        self,
        name: str,
        network: keras.Model,
        *,
        ema_decay: float | None = None,
        every: int = 1,
    ) -> None:
        check_positive(every, "every", integer=True)
        self.name, self.network, self.every = name, network, every
        self.ema_decay, self.average = ema_decay, None
        if ema_decay is not None:
            check_share(ema_decay, "ema_decay")
            self.average = keras.models.clone_model(network)
            copy_state(network, self.average)
            self.average.trainable = False

    @property
    def weights(self) -> list[keras.Variable]:
        """The weights that the player moves."""
        return self.network.trainable_weights

    def move_average(
        self, optimizer: keras.optimizers.Optimizer, before: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """Moves the average if the network has moved.

        Args:
            optimizer: The player's optimizer.
            before: Number of its updates before this step, a scalar.
            count: Number of moves of the average, a scalar.

        Returns:
            Whether the network has moved, a scalar.
        """
        moved = has_moved(optimizer, before)
        move_average(self.average, self.network, self.ema_decay, count, moved=moved)
        return moved


class PlayerOptimizers(keras.optimizers.Optimizer):
    """The optimizers of several players, as one optimizer for Keras and its callbacks.

    Its learning rate is that of the first player. Setting it changes the rates of the
    others by the same factor, unless they were set too. Schedules are not changed.

    Args:
        players: An optimizer and the variables that it moves, for each player.
    """

    def __init__(
        self,
        players: Sequence[tuple[keras.optimizers.Optimizer, list[keras.Variable]]],
    ) -> None:
        super().__init__(learning_rate=0.0, name="players")
        self.players = [optimizer for optimizer, _ in players]
        averages = []
        for optimizer, variables in players:
            if variables:
                optimizer.build(variables)
            if internals.inner(optimizer).use_ema and variables:
                kept = internals.averages_of(optimizer)
                averages += zip(variables, kept, strict=True)
        if averages:  # `SwapEMAWeights` looks for them
            internals.show_averages(self, *map(list, zip(*averages, strict=True)))
        self.built = True
        self._rates = self._current()
        first = self._rates[0] or 1.0
        self._ratios = [rate / first for rate in self._rates]

    def build(self, variables: list[keras.Variable]) -> None:
        """Does nothing: each player's optimizer is built with the player's weights."""

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of all players' optimizers."""
        return [v for optimizer in self.players for v in optimizer.variables]

    @property
    def iterations(self) -> Any:
        """Number of updates of the first player's optimizer."""
        return self.players[0].iterations

    @property
    def learning_rate(self) -> Any:
        """The first player's learning rate. Setting it scales those of all players."""
        return self.players[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.players[0].learning_rate = rate
        self.follow()

    def follow(self) -> None:
        """Scales the rates of the other players as the first one's has changed."""
        before, rates = self._rates, self._current()
        if not self._is_settable(0):
            return
        for i, optimizer in enumerate(self.players):
            if rates[i] != before[i] or not self._is_settable(i):
                self._ratios[i] = rates[i] / rates[0] if rates[0] else self._ratios[i]
            elif rates[0] != before[0]:
                optimizer.learning_rate = self._ratios[i] * rates[0]
        self._rates = self._current()

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Finalizes the variables of each player's optimizer at the end of `fit`."""
        del var_list
        for optimizer in self.players:
            optimizer.finalize_variable_values(internals.moved_by(optimizer))

    def save_own_variables(self, store: Any) -> None:
        """Saves nothing: Keras saves the players' optimizers one by one."""

    def load_own_variables(self, store: Any) -> None:
        """Loads nothing; see `save_own_variables`."""

    def _current(self) -> list[float]:
        return [
            float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            for optimizer in self.players
        ]

    def _is_settable(self, i: int) -> bool:
        return isinstance(self.players[i].learning_rate, keras.Variable)


class FollowRates(keras.callbacks.Callback):
    """Scales all players' rates after a callback has set the first one.

    It runs after the callbacks of the user.
    """

    def _follow(self, *_: Any, **__: Any) -> None:
        self.model.optimizer.follow()

    on_train_begin = on_epoch_begin = on_epoch_end = _follow
    on_train_batch_begin = on_train_batch_end = on_train_end = _follow


def move(
    optimizer: keras.optimizers.Optimizer,
    weights: list[keras.Variable],
    tape: tf.GradientTape,
    loss: tf.Tensor,
) -> tf.Tensor:
    """One step of one of several players.

    Args:
        optimizer: The player's optimizer.
        weights: The weights that the player moves.
        tape: The tape that recorded the computation of the loss.
        loss: The replica's share of the loss, in the optimizer's own scale.

    Returns:
        The norm of the gradient of the unscaled loss, a scalar. It is 0 if the gradient
        is not finite; an optimizer that scales the loss skips such a step.
    """
    gradients = summed(tape.gradient(loss, weights))
    unit = optimizer.scale_loss(tf.constant(1.0))  # before the step moves the scale
    norm = global_norm(gradients) / unit
    move_weights(optimizer, together(gradients, norm), weights)
    return tf.where(tf.math.is_finite(norm), norm, 0.0)


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
    soon forgotten. Non-trainable state, such as the statistics of batch normalization,
    is averaged like the weights. Integers are copied.

    Args:
        average: The network that holds the average.
        network: The trained network.
        decay: Largest decay, in [0, 1).
        step: Number of updates of the average so far, a scalar.
        moved: Whether the network has moved. Otherwise the average is unchanged.
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

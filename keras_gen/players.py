"""Players: who moves which weights, by which optimizer, and when."""

from collections.abc import Sequence
from typing import Any, cast

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
    """A network that one optimizer moves.

    A model of one network has one player, a GAN two, a CycleGAN four. Each has an
    optimizer of its own in `compile(NAME_optimizer=...)`, a scale of its loss, and, if
    it is asked for, a moving average of its weights.

    Args:
        name: Such as "generator"; names its optimizer, `NAME_loss` and
            `NAME_gradient_norm`.
        network: The network, or the model itself.
        ema_decay: Share of the moving average of its weights that a step keeps, in [0,
            1); None for no average.
        every: It moves once in so many steps.

    Attributes:
        average: The network that holds the average, or None.

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
        """What it moves."""
        return self.network.trainable_weights

    def move_average(
        self, optimizer: keras.optimizers.Optimizer, before: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """Moves the average where the network has moved.

        Args:
            optimizer: The player's optimizer.
            before: How many updates it had made before this step, a scalar.
            count: How often the average has moved, a scalar.

        Returns:
            Whether the network has moved, a scalar.
        """
        moved = has_moved(optimizer, before)
        average, decay = cast(keras.Model, self.average), cast(float, self.ema_decay)
        move_average(average, self.network, decay, count, moved=moved)
        return moved


class PlayerOptimizers(keras.optimizers.Optimizer):
    """The optimizers of several players, which Keras and its callbacks take for one.

    Its learning rate is the first player's. If it is set, the rates of the others move
    by the same factor, unless they were set too. Schedules stay as they are.

    Args:
        players: For each player an optimizer, and the variables that it moves.
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
        """Does nothing: each player's optimizer is built with that player's weights."""

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of all players' optimizers."""
        return [v for optimizer in self.players for v in optimizer.variables]

    @property
    def iterations(self) -> Any:
        """How many updates the first player's optimizer has made."""
        return self.players[0].iterations

    @property
    def learning_rate(self) -> Any:
        """The first player's; setting it moves all by the same factor."""
        return self.players[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.players[0].learning_rate = rate
        self.follow()

    def follow(self) -> None:
        """Moves the rates of the other players as the first one's has moved."""
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
        """What each player's optimizer does at the end of `fit`."""
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
    """Lets all players' rates follow where a callback assigns to one of them.

    It comes after the callbacks of the user.
    """

    model: Any

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
        weights: What the player moves.
        tape: Has recorded the way from the weights to the loss.
        loss: The replica's share of the loss, in the optimizer's own scale.

    Returns:
        The norm of the gradient of the loss itself, a scalar; 0 where it is not
        finite, which an optimizer that scales the loss leaves out.
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

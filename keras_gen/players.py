"""Players: networks with their optimizers, and one step of training them."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import keras
import tensorflow as tf

from .engine import internals, parts
from .engine.training import BUILD
from .random import RowNoise
from .serialization import copy_state
from .validation import check_positive, check_share

LOSS, NORM = "loss", "_gradient_norm"
NAMED = 3  # weights that an error names
AVERAGED = "_averaged"  # after the name of a player, of its count
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
        network: The network, which must be built, or the model itself, or `Networks`
            that move together, without an average.
        ema_decay: Decay of the moving average of the weights, in [0, 1). None for no
            average.
        every: The player moves once in this many steps.

    Attributes:
        average: The network that holds the moving average, or None.

    Raises:
        ValueError: If the decay or the number of steps is out of range, or if the
            network is not built.

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
        network: Any,
        *,
        ema_decay: float | None = None,
        every: int = 1,
    ) -> None:
        check_positive(every, "every", integer=True)
        if not network.built and not network.weights:
            raise ValueError(
                f"network of the player {name!r} must be built, received "
                f"{network.name}, which has no weights yet. {BUILD}"
            )
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
        average, decay = cast(keras.Model, self.average), cast(float, self.ema_decay)
        move_average(average, self.network, decay, count, moved=moved)
        return moved


class Networks:
    """Several networks and layers that one player moves together.

    Args:
        name: The player's name, for errors.
        layers: The networks and layers, which must be built.

    Example:
        >>> import keras_gen as kg
        >>> pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(4,))
        >>> player = kg.Player("both", Networks("both", pair))
        >>> len(player.weights)
        8
    """

    def __init__(self, name: str, layers: Sequence[keras.layers.Layer]) -> None:
        self.name, self._layers = name, [*layers]

    @property
    def built(self) -> bool:
        """Whether all of them are built."""
        return all(layer.built for layer in self._layers)

    @property
    def weights(self) -> list[keras.Variable]:
        """Their weights."""
        return [w for layer in self._layers for w in layer.weights]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """Their weights that are trained."""
        return [w for layer in self._layers for w in layer.trainable_weights]

    @property
    def losses(self) -> list[tf.Tensor]:
        """Their regularizers' losses."""
        return [loss for layer in self._layers for loss in layer.losses]


class Players:
    """The players of a model, and one step of training them.

    Args:
        model: The model. Its `turns` yield who moves, and the loss terms.
        players: Its players. Empty if one optimizer trains the whole model.

    Attributes:
        by_name: The players by name.

    Raises:
        ValueError: If two players have the same name.
    """

    def __init__(self, model: Any, players: Sequence[Player]) -> None:
        self._model = model
        self.by_name = {player.name: player for player in players}
        if len(self.by_name) < len(players):
            names = [player.name for player in players]
            raise ValueError(f"players must have distinct names, received {names}.")

    def __len__(self) -> int:
        return len(self.by_name)

    def __iter__(self) -> Iterator[Player]:
        return iter(self.by_name.values())

    def __getitem__(self, name: str) -> Player:
        return self.by_name[name]

    @property
    def averages(self) -> list[keras.Model]:
        """The networks that hold moving averages."""
        return [p.average for p in self if p.average is not None]

    def check(self) -> None:
        """Checks that several players have weights, and that no others are left.

        Raises:
            ValueError: If a player has no trainable weights, or if no player moves some
                of the model's trainable weights.
        """
        if len(self) < 2:
            return
        moved = {id(weight) for player in self for weight in player.weights}
        left = [w for w in self._model.trainable_weights if id(w) not in moved]
        if left:
            shown = ", ".join(weight.path for weight in left[:NAMED])
            more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
            raise ValueError(
                f"{self._model.name}: no player trains {shown}{more}. Make them part "
                "of the network of a player, or set trainable=False (for a layer or "
                "network: layer.trainable = False)."
            )
        for player in self:
            if not player.weights:
                raise ValueError(
                    f"{self._model.name}: the {player.name} has no trainable weights. "
                    "Set its learning rate to 0 to keep a player as it is."
                )

    # one step

    def step(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """Moves the players, in the order of `turns`, and returns all loss terms."""
        one = self._move_alone if len(self) < 2 else self._move_in_turn
        return one(x, condition, noise)

    def held_out(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """The loss terms of all turns, without moving a player."""
        if len(self) < 2:
            terms = self._model.loss_terms(x, condition, noise, training=False)
            return self._with_penalties(terms)
        terms = {}
        for names, part in self._model.turns(x, condition, noise, training=False):
            names = (names,) if isinstance(names, str) else names
            terms |= self._with_penalties(part, names)
        return terms

    def _move_alone(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """One gradient step of all weights on `loss_terms(...)["loss"]`."""
        model, optimizer = self._model, self._model.optimizer
        before, weights = count_of(optimizer), model.trainable_weights
        with tf.GradientTape() as tape:
            terms = model.loss_terms(x, condition, noise, training=True)
            terms = self._with_penalties(terms)
            loss = parts.shared(terms[LOSS], model._weight(x))
            loss = optimizer.scale_loss(loss)
        late = {w.path for w in model.trainable_weights} - {w.path for w in weights}
        if late:
            raise ValueError(
                f"{model.name}: {sorted(late)[0]} was made in a training step, too "
                f"late for the optimizer. {BUILD}"
            )
        gradients = summed(tape.gradient(loss, weights))
        move_weights(optimizer, gradients, weights)
        for player in self:
            self._move_average(player, optimizer, before)
        return terms

    def _move_in_turn(
        self, x: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """One step of several players; see `GenerativeModel.turns`."""
        model, terms = self._model, {}
        tapes = {
            name: tf.GradientTape(watch_accessed_variables=False)
            for name in self.by_name
        }
        turns, first = model._counts["turns"], next(iter(self.by_name))
        has_begun, waiting = None, [*self.by_name]
        with contextlib.ExitStack() as recording:
            for name, tape in tapes.items():
                recording.enter_context(tape)
                tape.watch([w.value for w in self[name].weights])
            for names, part in model.turns(x, condition, noise, training=True):
                names = self._in_turn(names, waiting)
                part = self._with_penalties(part, names)
                loss = next(iter(part.values()))
                before = count_of(self.optimizer_of(first))
                for name in names:
                    every, is_due = self[name].every, None
                    if every > 1:
                        is_due = parts.is_due()  # decided for all replicas
                    if every > 1 and is_due is None and has_begun is None:
                        is_due = self.next_is_due(every)
                    elif every > 1 and is_due is None:
                        is_due = has_begun & (turns % every == 0)
                    self._move(name, tapes, loss, x, is_due)
                if first in names:
                    has_begun = count_of(self.optimizer_of(first)) > before
                    turns.assign_add(tf.cast(has_begun, tf.int32))
                terms |= part
        if waiting:
            raise ValueError(
                f"{type(model).__name__}.turns must yield each player once per step, "
                f"and never yielded {', '.join(waiting)}."
            )
        return terms

    def _in_turn(self, names: str | Sequence[str], waiting: list[str]) -> list[str]:
        """Removes the players that are yielded from those that wait for a turn."""
        found = [names] if isinstance(names, str) else [*names]
        for name in found:
            if name not in waiting:
                what = "a second turn" if name in self.by_name else "a turn"
                raise ValueError(
                    f"{type(self._model).__name__}.turns has {what} of {name!r}: each "
                    f"of the players {', '.join(self.by_name)} has one in each step."
                )
            waiting.remove(name)
        return found

    def _move(
        self,
        name: str,
        tapes: dict[str, tf.GradientTape],
        loss: tf.Tensor,
        x: tf.Tensor,
        is_due: tf.Tensor | bool | None,  # noqa: FBT001
    ) -> None:
        """Moves one of several players, if it `is_due`; None means always."""
        track = self._model._terms.track
        if is_due is False:
            track(name + NORM, tf.constant(0.0), 0)
            return
        player, optimizer = self[name], self.optimizer_of(name)
        weight = self._model._weight(x)

        def go() -> tf.Tensor:
            before = count_of(optimizer)
            total = optimizer.scale_loss(parts.shared(loss, weight))
            gradients = summed(tapes[name].gradient(total, player.weights))
            unit = optimizer.scale_loss(tf.constant(1.0))  # before the step moves it
            norm = global_norm(gradients) / unit
            move_weights(optimizer, together(gradients, norm), player.weights)
            self._move_average(player, optimizer, before)
            return tf.where(tf.math.is_finite(norm), norm, 0.0)

        with paused(tape for other, tape in tapes.items() if other != name):
            if is_due is None or is_due is True:
                track(name + NORM, go(), weight)
                return
            norm = tf.cond(is_due, go, lambda: tf.constant(0.0))
            track(name + NORM, norm, tf.where(is_due, weight, 0))

    def next_is_due(self, waits: int | None = None) -> tf.Tensor | None:
        """Whether waiting players move in the next step; None if no player waits.

        An overflow of a step's gradients in half precision is not known beforehand.

        Args:
            waits: For how many steps. None takes the player that waits longest.
        """
        if waits is None:
            waits = max((player.every for player in self), default=1)
        if waits == 1:
            return None
        first = self.optimizer_of(next(iter(self.by_name)))
        turn = (self._model._counts["turns"] + 1) % waits == 0
        return turn & internals.will_update(first)

    def _move_average(
        self,
        player: Player,
        optimizer: keras.optimizers.Optimizer,
        before: tf.Tensor,
    ) -> None:
        if player.average is not None:
            count = self._model._counts[player.name + AVERAGED]
            moved = player.move_average(optimizer, before, tf.identity(count))
            count.assign_add(tf.cast(moved, count.dtype))

    def _with_penalties(
        self, terms: dict[str, tf.Tensor], names: Sequence[str] = ()
    ) -> dict[str, tf.Tensor]:
        """The terms, with the networks' regularizers added to the minimised one.

        Args:
            terms: The terms of a turn, or of a model without turns.
            names: The players whose turn it is. Empty for a model without turns.

        Raises:
            ValueError: If a term is not a scalar, or if the loss is missing.
        """
        self._check_terms(terms, names)
        found = [self[name].network for name in names] or [self._model]
        losses = [loss for network in found for loss in network.losses]
        if losses:
            key = next(iter(terms)) if names else LOSS
            terms = {**terms, key: terms[key] + tf.add_n(losses)}
        return terms

    def _check_terms(self, terms: Any, names: Sequence[str]) -> None:
        how = "turns must yield" if names else "loss_terms must return"
        method = f"{type(self._model).__name__}.{how}"
        if not isinstance(terms, dict):
            raise ValueError(
                f"{method} a dict of scalars, received a {type(terms).__name__}."
            )
        if not terms or (not names and LOSS not in terms):
            needed = f"a loss of {' and '.join(names)}" if names else repr(LOSS)
            received = ", ".join(map(repr, terms)) or "no terms"
            raise ValueError(f"{method} {needed}, received {received}.")
        for name, value in terms.items():
            shape = tf.TensorShape(getattr(value, "shape", ()))
            if shape.rank:
                raise ValueError(
                    f"{method} scalars, received {name!r} of shape "
                    f"{tuple(shape)}. Take its mean: keras.ops.mean({name})."
                )

    # their optimizers

    def optimizer_of(self, name: str) -> keras.optimizers.Optimizer:
        """The optimizer of one of several players."""
        return self._model.optimizer.players[[*self.by_name].index(name)]

    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The arguments of `compile` that are optimizers."""
        if len(self) < 2:
            return {"optimizer": self._model.optimizer}
        return {f"{name}_optimizer": self.optimizer_of(name) for name in self.by_name}

    def check_names(self, unknown: Iterable[str]) -> None:
        """Raises TypeError if unknown arguments of `compile` name optimizers."""
        wrong = sorted(name for name in unknown if name.endswith("_optimizer"))
        if wrong:
            names = [f"{name}_optimizer" for name in self.by_name]
            allowed = ", ".join(names) if len(self) > 1 else "optimizer"
            raise TypeError(
                f"compile() got {', '.join(map(repr, wrong))}. {self._model.name} "
                f"takes {allowed}."
            )

    def made_for(self, given: dict[str, Any], *, scales: bool) -> "PlayerOptimizers":
        """The optimizers of several players.

        Args:
            given: Optimizers or their names by argument, in the order of the players.
            scales: Whether losses are scaled under mixed float16.

        Raises:
            ValueError: If two players are given the same optimizer object, or if
                players wait for different numbers of steps under a distribution
                strategy.
        """
        objects = [v for v in given.values() if isinstance(v, keras.Optimizer)]
        if len({id(v) for v in objects}) < len(objects):
            raise ValueError(
                f"{' and '.join(given)} must be {len(given)} different objects, "
                "received one for several players."
            )
        waits = {player.every for player in self} - {1}
        if len(waits) > 1 and self._model._loop.distributed:
            raise ValueError(
                "players must all wait for the same number of steps under a "
                f"distribution strategy, received {sorted(waits)}."
            )
        return PlayerOptimizers(
            [
                (self._own(optimizer, scales=scales), player.weights)
                for optimizer, player in zip(given.values(), self, strict=True)
            ]
        )

    def _own(self, given: Any, *, scales: bool) -> keras.optimizers.Optimizer:
        """A player's optimizer. Under mixed float16 it scales the loss."""
        chosen = keras.optimizers.get(given or self._model._default_optimizer())
        wrapper = keras.optimizers.LossScaleOptimizer
        is_half = self._model.dtype_policy.name == "mixed_float16"
        if scales and is_half and not isinstance(chosen, wrapper):
            return wrapper(chosen)
        return chosen


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
            float(tf.convert_to_tensor(optimizer.learning_rate))
            for optimizer in self.players
        ]

    def _is_settable(self, i: int) -> bool:
        return isinstance(self.players[i].learning_rate, keras.Variable)


class FollowRates(keras.callbacks.Callback):
    """Scales all players' rates after a callback has set the first one.

    It runs after the callbacks of the user.
    """

    model: Any

    def _follow(self, *_: Any, **__: Any) -> None:
        self.model.optimizer.follow()

    on_train_begin = on_epoch_begin = on_epoch_end = _follow
    on_train_batch_begin = on_train_batch_end = on_train_end = _follow


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

    if parts.num_replicas() == 1:
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


def count_of(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Number of updates that an optimizer has made, a scalar.

    With `gradient_accumulation_steps` Keras returns it as a tensor, otherwise as a
    variable.
    """
    return tf.identity(keras.ops.convert_to_tensor(optimizer.iterations))


def has_moved(optimizer: keras.optimizers.Optimizer, before: tf.Tensor) -> tf.Tensor:
    """Whether an optimizer has moved its weights since `before` updates.

    It has not if it only accumulates gradients, if it skipped a step because the scaled
    loss was not finite, or if the learning rate is 0.
    """
    rate = keras.ops.convert_to_tensor(optimizer.learning_rate)
    return (count_of(optimizer) > before) & (rate > 0)


def global_norm(gradients: list[tf.Tensor | None]) -> tf.Tensor:
    """The Euclidean norm of all values together, a scalar. None counts as zeros.

    On a CPU, XLA sums a whole matrix value by value. A product with ones is as fast as
    a matrix product.
    """
    total = tf.constant(0.0)
    for gradient in (g for g in gradients if g is not None):
        width = gradient.shape[-1] if gradient.shape.rank else 1
        rows = tf.reshape(gradient, (-1, width))
        squares = tf.square(tf.cast(rows, tf.float32))
        total += tf.reduce_sum(tf.linalg.matvec(squares, tf.ones(width)))
    return tf.sqrt(total)


def together(
    gradients: list[tf.Tensor | None], norm: tf.Tensor
) -> list[tf.Tensor | None]:
    """Makes each gradient wait for all gradients, without changing values.

    XLA then knows that no weight is read after its update, and writes it in place.
    Otherwise it copies the weights of hidden layers in each step.

    Args:
        gradients: One per weight, None if the loss does not depend on it.
        norm: A number >= 0 that was computed from all gradients, a scalar.
    """
    return [
        None if g is None else tf.where(norm < 0, tf.zeros_like(g), g)
        for g in gradients
    ]


def summed(gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Sums the gradients of all replicas' shares of a loss.

    Args:
        gradients: One per weight, None if the loss does not depend on it.
    """
    if parts.num_replicas() == 1:
        return list(gradients)
    found = iter(parts.total([g for g in gradients if g is not None]))
    return [None if g is None else next(found) for g in gradients]


def move_weights(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    weights: Sequence[keras.Variable],
) -> None:
    """One step of an optimizer.

    Args:
        optimizer: The optimizer.
        gradients: One per weight, `summed`, None if the loss does not depend on it.
        weights: The weights.
    """
    internals.apply_summed(optimizer, gradients, weights, parts.num_replicas())


@contextlib.contextmanager
def paused(tapes: Iterable[tf.GradientTape]) -> Iterator[None]:
    """Pauses the recording of tapes within the context."""
    with contextlib.ExitStack() as stack:
        for tape in tapes:
            if tape._recording:
                stack.enter_context(tape.stop_recording())
        yield


def copy_of(optimizer: Any) -> Any:
    """A copy of an optimizer's settings; names and None are returned as they are."""
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return optimizer
    config = keras.saving.serialize_keras_object(optimizer)
    return keras.saving.deserialize_keras_object(config)

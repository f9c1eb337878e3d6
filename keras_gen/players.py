"""`compile` and the gradient steps of two players, each with an optimizer."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from .engine import internals, parts
from .engine.compiling import CompilesFast
from .engine.training import (
    count_of,
    global_norm,
    move_weights,
    summed,
    together,
)
from .objectives.game import Batch, Outcome
from .random import RowNoise

NORMS = ("discriminator_gradient_norm", "generator_gradient_norm")
ADAPTED = ("augmentation_probability",)
Optimizer = str | keras.optimizers.Optimizer


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

    def _follow(self, *_: Any, **__: Any) -> None:
        self.model.optimizer.follow()

    on_train_begin = on_epoch_begin = on_epoch_end = _follow
    on_train_batch_begin = on_train_batch_end = on_train_end = _follow


class TrainsPlayers(CompilesFast):
    """`compile` and `update` for a model of a `generator` and a `discriminator`."""

    def compile(
        self,
        generator_optimizer: Optimizer | None = None,
        discriminator_optimizer: Optimizer | None = None,
        **options: Any,
    ) -> None:
        """Chooses the optimizers; the defaults are fast.

        Args:
            generator_optimizer: A Keras optimizer or its name; default
                `Adam(2e-4, beta_1=0.5)` (Radford et al. 2016).
            discriminator_optimizer: The same for the discriminator. Two different
                learning rates make two time scales (Heusel et al. 2017).
            **options: `steps_per_execution`, `jit_compile`, `run_eagerly` and
                `auto_scale_loss`, which holds for both players.

        Raises:
            TypeError: If `loss`, `optimizer` or anything unknown is passed.
            ValueError: If one optimizer is to serve both players.
        """
        if "optimizer" in options:
            raise TypeError(
                "compile() got 'optimizer': two players need generator_optimizer and "
                "discriminator_optimizer."
            )
        scaled = options.get("auto_scale_loss", True)
        if generator_optimizer is discriminator_optimizer is not None:
            raise ValueError(
                "generator_optimizer and discriminator_optimizer must be two objects, "
                "received one for both."
            )
        players = [
            (self._own_optimizer(given, scaled=scaled), network.trainable_variables)
            for given, network in (
                (discriminator_optimizer, self.discriminator),
                (generator_optimizer, self.generator),
            )
        ]
        super().compile(
            PlayerOptimizers(players), **options | {"auto_scale_loss": False}
        )
        self._requested["auto_scale_loss"] = scaled

    @property
    def discriminator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the discriminator."""
        return self.optimizer.players[0]

    @property
    def generator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the generator."""
        return self.optimizer.players[1]

    def _optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def _own_optimizer(
        self, given: Optimizer | None, *, scaled: bool
    ) -> keras.optimizers.Optimizer:
        """A player's optimizer; half-width floats need one that scales the loss."""
        chosen = keras.optimizers.get(given or keras.optimizers.Adam(2e-4, beta_1=0.5))
        wrapper = keras.optimizers.LossScaleOptimizer
        is_half = self.dtype_policy.name == "mixed_float16"
        if scaled and is_half and not isinstance(chosen, wrapper):
            return wrapper(chosen)
        return chosen

    def _followers(self) -> list[keras.callbacks.Callback]:
        return [*super()._followers(), FollowRates()]

    def update(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """A step of the discriminator and, when it is due, of the generator."""
        with tf.GradientTape() as tape:
            batch = self.draw(x, labels, noise, training=True)
        before = count_of(self.discriminator_optimizer)
        outcome = self._move_discriminator(batch)
        if self.discriminator_steps == 1:
            loss = self._move_generator(tape, batch)
        else:
            moved = count_of(self.discriminator_optimizer) > before
            turns = self._counts["turns"] + tf.cast(moved, tf.int32)
            self._counts["turns"].assign(turns)

            def moves() -> tf.Tensor:
                return self._move_generator(tape, batch)

            def waits() -> tf.Tensor:
                return self.game.generator(outcome.fake, outcome.real, batch)

            due = parts.is_due()
            if due is None:
                due = moved & (turns % self.discriminator_steps == 0)
                loss = tf.cond(due, moves, waits)
            else:
                loss = moves() if due else waits()
        return outcome.named(loss)

    def next_is_due(self) -> tf.Tensor | None:
        """Whether the generator moves in the next step; None if it always does.

        That a step's gradients in half precision overflow is not known beforehand.
        """
        if self.discriminator_steps == 1:
            return None
        turn = (self._counts["turns"] + 1) % self.discriminator_steps == 0
        return turn & internals.will_update(self.discriminator_optimizer)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The terms of one held-out batch; see `GenerativeModel`."""
        return _held_out(super().test_step(data))

    def get_metrics_result(self) -> dict[str, Any]:
        """The terms that were observed: `evaluate` knows no gradient norms."""
        results = super().get_metrics_result()
        trained = self._means[NORMS[0]].count.numpy() > 0
        return results if trained else _held_out(results)

    def prepare(self, x: Any, y: Any) -> None:
        """Raises ValueError, before the first step, unless both players can learn."""
        for player in ("generator", "discriminator"):
            if not getattr(self, player).trainable_variables:
                raise ValueError(
                    f"{self.name}: the {player} has no trainable weights; a "
                    "learning rate of 0 keeps a player as it is."
                )

    def _move_discriminator(self, batch: Batch) -> Outcome:
        batch = batch._replace(fake=tf.stop_gradient(batch.fake))
        with tf.GradientTape() as tape:
            outcome = self.outcome(batch, training=True)
            loss = parts.shared(outcome.loss, self.batch_weight(batch.real))
            loss = self.discriminator_optimizer.scale_loss(loss)
        norm = move(self.discriminator_optimizer, self.discriminator, tape, loss)
        self.track("discriminator_gradient_norm", norm, batch.real)
        self.adapt(outcome, batch)
        return outcome

    def _move_generator(self, tape: tf.GradientTape, batch: Batch) -> tf.Tensor:
        judge = self.judge(batch.labels, training=True)
        paired = self.objective.paired
        with tape:
            real = judge(batch.real, batch.real_draws) if paired else None
            fake = judge(batch.fake, batch.fake_draws)
            loss = self.game.generator(fake, real, batch)
            total = with_penalties(loss, self.generator)
            total = parts.shared(total, self.batch_weight(batch.real))
            total = self.generator_optimizer.scale_loss(total)
        before = count_of(self.generator_optimizer)
        norm = move(self.generator_optimizer, self.generator, tape, total)
        self.track("generator_gradient_norm", norm, batch.real)
        self.update_average(self.generator_optimizer, before)
        return loss


def _held_out(results: dict[str, Any]) -> dict[str, Any]:
    """Results without those that only a step of training has."""
    return {k: v for k, v in results.items() if k not in (*NORMS, *ADAPTED)}


def with_penalties(loss: tf.Tensor, network: keras.Model) -> tf.Tensor:
    """A player's loss with its layers' own regularizers."""
    return loss + tf.add_n(network.losses) if network.losses else loss


def move(
    optimizer: keras.optimizers.Optimizer,
    network: keras.Model,
    tape: tf.GradientTape,
    loss: tf.Tensor,
) -> tf.Tensor:
    """One step of one player.

    Args:
        optimizer: The player's optimizer.
        network: The player.
        tape: Has recorded the way from the network's weights to the loss.
        loss: The replica's share of the loss, in the optimizer's own scale.

    Returns:
        The norm of the gradient of the loss itself, a scalar; 0 where it is not
        finite, which an optimizer that scales the loss leaves out.
    """
    weights = network.trainable_weights
    gradients = summed(tape.gradient(loss, weights))
    unit = optimizer.scale_loss(tf.constant(1.0))  # before the step moves the scale
    norm = global_norm(gradients) / unit
    move_weights(optimizer, together(gradients, norm), weights)
    return tf.where(tf.math.is_finite(norm), norm, 0.0)

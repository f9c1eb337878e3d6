"""`compile` and the gradient steps of two players, each with an optimizer."""

from typing import Any

import keras
import tensorflow as tf

from .compiling import CompilesFast
from .objectives.game import Batch, Outcome
from .random import RowNoise
from .serialization import serialize
from .training import global_norm, num_replicas, together, zero_if_empty

NORMS = ("discriminator_gradient_norm", "generator_gradient_norm")
ADAPTED = ("augmentation_probability",)
Optimizer = str | keras.optimizers.Optimizer


class TrainsPlayers(CompilesFast):
    """`compile` and `update` for a model of a `generator` and a `discriminator`.

    Keras' own `optimizer` is the discriminator's: it moves at every step, and its
    count of steps is the model's.
    """

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
            ValueError: If one optimizer is to serve both players, or the generator
                is to wait for its turn under a distribution strategy.
        """
        if "optimizer" in options:
            raise TypeError(
                "compile() got 'optimizer': two players need generator_optimizer and "
                "discriminator_optimizer."
            )
        generator_optimizer, discriminator_optimizer = (
            keras.optimizers.get(given or keras.optimizers.Adam(2e-4, beta_1=0.5))
            for given in (generator_optimizer, discriminator_optimizer)
        )
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "generator_optimizer and discriminator_optimizer must be two objects, "
                "received one for both."
            )
        if self.discriminator_steps > 1 and self.distributed():
            raise ValueError(
                "discriminator_steps must be 1 under a distribution strategy, received "
                f"{self.discriminator_steps}."
            )
        super().compile(discriminator_optimizer, **options)
        wrapper = keras.optimizers.LossScaleOptimizer
        is_scaled = isinstance(generator_optimizer, wrapper)
        if isinstance(self.optimizer, wrapper) and not is_scaled:
            generator_optimizer = wrapper(generator_optimizer)
        self.generator_optimizer = generator_optimizer
        if self.generator.trainable_variables:
            self.generator_optimizer.build(self.generator.trainable_variables)

    @property
    def optimized_variables(self) -> list[keras.Variable]:
        """The discriminator's."""
        return self.discriminator.trainable_variables

    @property
    def discriminator_optimizer(self) -> keras.optimizers.Optimizer:
        """Another name of `optimizer`."""
        return self.optimizer

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile_from_config` needs to go on training with both optimizers."""
        config = super().get_compile_config()
        if config:
            config["discriminator_optimizer"] = config.pop("optimizer")
            config |= serialize({"generator_optimizer": self.generator_optimizer})
        return config

    def update(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """A step of the discriminator and, when it is due, of the generator."""
        with tf.GradientTape() as tape:
            batch = self.draw(x, labels, noise, training=True)
        before = tf.identity(self.optimizer.iterations.value)
        outcome = self._move_discriminator(batch)
        if self.discriminator_steps == 1:
            loss = self._move_generator(tape, batch)
        else:
            steps = self.optimizer.iterations.value
            is_due = (steps > before) & (steps % self.discriminator_steps == 0)
            loss = tf.cond(
                is_due,
                lambda: self._move_generator(tape, batch),
                lambda: self.game.generator(outcome.fake, outcome.real, batch),
            )
        return zero_if_empty(outcome.named(loss), x)

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
            loss = scaled(self.optimizer, outcome.loss)
        norm = move(self.optimizer, self.discriminator, tape, loss)
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
            total = with_penalties(loss, self.generator, batch.real)
            total = scaled(self.generator_optimizer, total)
        step = tf.identity(self.generator_optimizer.iterations.value)
        norm = move(self.generator_optimizer, self.generator, tape, total)
        self.track("generator_gradient_norm", norm, batch.real)
        self.update_average(step)
        return loss


def _held_out(results: dict[str, Any]) -> dict[str, Any]:
    """Results without those that only a step of training has."""
    return {k: v for k, v in results.items() if k not in (*NORMS, *ADAPTED)}


def with_penalties(loss: tf.Tensor, network: keras.Model, x: tf.Tensor) -> tf.Tensor:
    """A player's loss on the examples `x`, with its layers' own regularizers.

    0 where a replica's share of the last batch has no rows.
    """
    if network.losses:
        loss += tf.add_n(network.losses)
    return zero_if_empty({"loss": loss}, x)["loss"]


def scaled(optimizer: keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """A replica's share of the loss, in the optimizer's own scale."""
    return optimizer.scale_loss(loss / num_replicas())


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
        loss: The `scaled` loss.

    Returns:
        The norm of the gradient of the loss itself, a scalar; 0 where it is not
        finite, which an optimizer that scales the loss leaves out.
    """
    weights = network.trainable_weights
    gradients = tape.gradient(loss, weights)
    unit = scaled(optimizer, tf.constant(1.0))  # before the step moves the scale
    norm = global_norm(gradients) / unit
    gradients = together(gradients, norm)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return tf.where(tf.math.is_finite(norm), norm, 0.0)

"""The losses of both players, from objective, penalties and auxiliary task."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from ..random import RowNoise
from .adversarial import AdversarialObjective
from .auxiliary import Auxiliary
from .regularizers import GradientRegularizer, Regularizer

REGULARIZER_STREAM = 3
LOSSES = ("discriminator_loss", "generator_loss")


class Verdict(NamedTuple):
    """The outputs of a discriminator.

    Attributes:
        logits: float32, one for each example or pack, large if it looks real.
        head: float32 `(batch, width)` for the auxiliary task, or None.
    """

    logits: tf.Tensor
    head: Any


class Batch(NamedTuple):
    """Real and generated examples on the players' scale, or packs of them.

    Attributes:
        real: `(batch, ...)`; `(packs, ...)` if the discriminator sees packs.
        fake: As many.
        latent: The generator's inputs for `fake`, `(batch, noise_dim)`.
        labels: int32 `(batch,)` of both, or None.
        noise: Random numbers for each of `real`.
        real_draws: Random numbers of the augmentation of `real`, or None.
        fake_draws: Random numbers of the augmentation of `fake`, or None.
    """

    real: tf.Tensor
    fake: tf.Tensor
    latent: tf.Tensor
    labels: tf.Tensor | None
    noise: RowNoise
    real_draws: tf.Tensor | None = None
    fake_draws: tf.Tensor | None = None


class Outcome(NamedTuple):
    """The discriminator's side of a game.

    Attributes:
        loss: The discriminator's loss, a scalar.
        terms: Named scalars for the logs.
        real: The verdict on real examples.
        fake: The verdict on generated examples.
    """

    loss: tf.Tensor
    terms: dict[str, tf.Tensor]
    real: Verdict
    fake: Verdict

    def named(self, generator_loss: tf.Tensor) -> dict[str, tf.Tensor]:
        """Both players' losses and the terms, by name."""
        losses = zip(LOSSES, (self.loss, generator_loss), strict=True)
        return dict(losses) | self.terms


Judge = Callable[[tf.Tensor, tf.Tensor | None], Verdict]


@dataclasses.dataclass(frozen=True)
class Game:
    """The losses of both players.

    Attributes:
        objective: The adversarial losses.
        regularizers: The regularizers of the discriminator.
        auxiliary: The auxiliary task, or None.
    """

    objective: AdversarialObjective
    regularizers: tuple[Regularizer, ...]
    auxiliary: Auxiliary | None

    @property
    def penalties(self) -> list[GradientRegularizer]:
        """The regularizers that penalise the discriminator's gradient."""
        return [r for r in self.regularizers if isinstance(r, GradientRegularizer)]

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of an outcome's terms."""
        names = ("real_accuracy", "fake_accuracy", *(p.name for p in self.penalties))
        return names if self.auxiliary is None else names + self.auxiliary.term_names

    def discriminator(self, judge: Judge, batch: Batch) -> Outcome:
        """The discriminator's loss and accuracies.

        Args:
            judge: A function from examples and the random numbers of their augmentation
                to a verdict.
            batch: The examples.
        """
        points = [
            penalty.points(batch.real, batch.fake, batch.noise, REGULARIZER_STREAM + i)
            for i, penalty in enumerate(self.penalties)
        ]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(points)
            real = judge(batch.real, batch.real_draws)
            fake = judge(batch.fake, batch.fake_draws)
            known = {id(batch.real): real, id(batch.fake): fake}
            verdicts = [known.get(id(p)) or judge(p, batch.real_draws) for p in points]
        terms = {
            penalty.name: ops.mean(penalty(tape.gradient(verdict.logits, point)))
            for penalty, verdict, point in zip(
                self.penalties, verdicts, points, strict=True
            )
        }
        losses = self.objective.discriminator(real.logits, fake.logits)
        loss = ops.mean(losses) + sum(terms.values())
        if self.auxiliary is not None:
            context = batch.labels, batch.latent
            loss += ops.mean(self.auxiliary.real_loss(real.head, batch.labels))
            loss += ops.mean(self.auxiliary.fake_loss(fake.head, *context))
            terms |= self.auxiliary.terms(real.head, fake.head, *context)
        threshold = self.objective.threshold(real.logits, fake.logits)
        terms["real_accuracy"] = share(real.logits > threshold)
        terms["fake_accuracy"] = share(fake.logits < threshold)
        return Outcome(loss, terms, real, fake)

    def generator(self, fake: Verdict, real: Verdict | None, batch: Batch) -> tf.Tensor:
        """The generator's loss, a scalar.

        Args:
            fake: The verdict on generated examples.
            real: The verdict on real examples, for a paired objective.
            batch: The examples.
        """
        logits = None if real is None else real.logits
        loss = ops.mean(self.objective.generator(fake.logits, logits))
        if self.auxiliary is None:
            return loss
        task = self.auxiliary.fake_loss(fake.head, batch.labels, batch.latent)
        return loss + ops.mean(task)


def share(hits: tf.Tensor) -> tf.Tensor:
    """The share of true values, a scalar."""
    return ops.mean(ops.cast(hits, "float32"))

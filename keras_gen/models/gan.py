"""Generative adversarial network, with or without classes.

Rooms: `networks` (the players), `objectives` (adversarial losses, regularizers,
auxiliary tasks, augmentation).
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from .. import networks
from ..averaging import Averages
from ..capabilities import Generates
from ..model import GenerativeModel
from ..objectives import NonSaturating
from ..objectives.adversarial import AdversarialObjective
from ..objectives.augmentation import Augmentation
from ..objectives.auxiliary import Auxiliary
from ..objectives.game import LOSSES, Batch, Game, Judge, Outcome, Verdict
from ..objectives.regularizers import (
    Regularizer,
    WeightClipping,
    check_regularizers,
)
from ..players import ADAPTED, NORMS, TrainsPlayers, with_penalties
from ..random import RowNoise
from ..serialization import register
from ..validation import check_positive, check_type

NOISE, REAL_DRAWS, FAKE_DRAWS = 0, 1, 2


@register
class GAN(Averages, TrainsPlayers, Generates, GenerativeModel):
    """Two players: a generator of examples and a discriminator of real from generated.

    One step moves the discriminator on a batch, then the generator, through the
    discriminator as it is now, on the same generated examples. Inside, images lie in
    [-1, 1]; what enters and leaves is in [0, 1]. With networks of two inputs (value,
    one-hot labels) it is class-conditional.

    Args:
        generator: Noise to examples, `(batch, *data_shape)`, images in [-1, 1]: a
            Functional or Sequential model.
        discriminator: Examples to logits, `(batch, 1)`, and a head for the auxiliary
            task if there is one.
        objective: What both minimise; default `NonSaturating()`.
        regularizers: What keeps the discriminator smooth, such as `[R1(10.0)]`.
        auxiliary: A second task of the discriminator: `AuxiliaryClassifier()` or
            `InformationCodes()`.
        augmentation: Changes all examples before the discriminator sees them, such as
            `AdaptiveAugmentation()`; for images only.
        discriminator_steps: Steps of the discriminator for each of the generator,
            every one on a fresh batch.
        moving_average: Decay of the average of the generator's weights that `sample`,
            `generate` and exports use, in [0, 1); None for no average.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is no built Functional or Sequential model.
        ValueError: If the networks do not fit each other, or an argument its range.

    References:
        Goodfellow et al., "Generative adversarial nets", 2014. Karras et al. 2018
        (moving average of the generator).
    """

    arguments = ("generator", "discriminator", "objective", "regularizers")
    arguments += ("auxiliary", "augmentation", "discriminator_steps", "moving_average")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        objective: AdversarialObjective | None = None,
        regularizers: Sequence[Regularizer] = (),
        auxiliary: Auxiliary | None = None,
        augmentation: Augmentation | None = None,
        discriminator_steps: int = 1,
        moving_average: float | None = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(objective, AdversarialObjective | None, "objective")
        check_type(auxiliary, Auxiliary | None, "auxiliary")
        check_type(augmentation, Augmentation | None, "augmentation")
        check_positive(discriminator_steps, "discriminator_steps", integer=True)
        regularizers = check_regularizers(regularizers)
        game = Game(objective or NonSaturating(), regularizers, auxiliary)
        num_classes = fitting(generator, discriminator, auxiliary)
        names = [*LOSSES, *game.term_names, *NORMS]
        if augmentation is not None and augmentation.adaptive:
            names += ADAPTED
        super().__init__(
            data_shape=networks.output_shape(generator, "generator"),
            unit_interval=False,
            num_classes=num_classes,
            term_names=names,
            seed=seed,
            **kwargs,
        )
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.auxiliary = game.objective, auxiliary
        self.regularizers, self.augmentation = regularizers, augmentation
        self.discriminator_steps, self.game = discriminator_steps, game
        self._counts.add("turns")
        self.start_average(generator, moving_average)
        self._add_state()

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """`(noise_dim,)`."""
        return networks.input_shape(self.generator, "generator")

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """The discriminator's logits, `(batch,)`."""
        return self.judge(labels, training=training)(self._inward(x), None).logits

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """Both players' losses, accuracies of the discriminator, and further terms.

        `real_accuracy` and `fake_accuracy` are the shares of real and of generated
        examples that it takes for what they are.
        """
        batch = self.draw(x, labels, noise, training=training)
        outcome = self.outcome(batch, training=training)
        loss = self.game.generator(outcome.fake, outcome.real, batch)
        return outcome.named(loss)

    def _terms(self, *args: Any, **kwargs: Any) -> dict[str, tf.Tensor]:
        # Each player adds its own penalties.
        return self.loss_terms(*args, **kwargs)

    def draw(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Batch:
        """The real examples on the players' scale beside as many generated ones."""
        latent = self._latent(noise.normal(self.noise_shape, NOISE))
        fake = networks.apply(self.generator, latent, labels, training=training)
        batch = Batch(self._inward(x), fake, latent, labels, noise)
        if self.augmentation is None:
            return batch
        shape = (self.augmentation.num_draws,)
        return batch._replace(
            real_draws=noise.uniform(shape, REAL_DRAWS),
            fake_draws=noise.uniform(shape, FAKE_DRAWS),
        )

    def judge(self, labels: tf.Tensor | None, *, training: bool) -> Judge:
        """The discriminator as a function of examples and augmentation's draws."""

        def judge(x: tf.Tensor, draws: tf.Tensor | None) -> Verdict:
            if draws is not None:
                x = self.augmentation(x, draws, self._probability.value)
            output = networks.apply(self.discriminator, x, labels, training=training)
            logits, head = (output, None) if self.auxiliary is None else output
            return Verdict(ops.squeeze(logits, axis=-1), head)

        return judge

    def outcome(self, batch: Batch, *, training: bool) -> Outcome:
        """The discriminator's side of the game, its layers' penalties included."""
        judge = self.judge(batch.labels, training=training)
        outcome = self.game.discriminator(judge, batch)
        loss = with_penalties(outcome.loss, self.discriminator)
        return outcome._replace(loss=loss)

    def adapt(self, outcome: Outcome, batch: Batch) -> None:
        """Moves the probability of an adaptive augmentation."""
        if self.augmentation is not None and self.augmentation.adaptive:
            old = self._probability.value
            new = self.augmentation.update(old, outcome.real.logits)
            self._probability.assign(new)
            self.track("augmentation_probability", new, batch.real)

    def _add_state(self) -> None:
        """The augmentation's probability, and the bounds of weights."""
        if self.augmentation is not None:
            if len(self.data_shape) != 3:
                raise ValueError(
                    "augmentation is for images (height, width, channels), the "
                    f"examples have shape {self.data_shape}."
                )
            start = keras.initializers.Constant(self.augmentation.initial_probability)
            options = {"trainable": False, "aggregation": "mean", "name": "probability"}
            self._probability = self.add_weight((), start, "float32", **options)
        for regularizer in self.regularizers:
            if isinstance(regularizer, WeightClipping):
                regularizer.bind(self.discriminator)

    def _inward(self, x: tf.Tensor) -> tf.Tensor:
        """Examples on the players' scale: images from [0, 1] to [-1, 1]."""
        return 2 * x - 1 if self.unit_interval else x

    def _latent(self, noise: tf.Tensor) -> tf.Tensor:
        return noise if self.auxiliary is None else self.auxiliary.latent(noise)

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        made = networks.apply(self.sampling_network, self._latent(noise), labels)
        return ops.clip((made + 1) / 2, 0, 1) if self.unit_interval else made


def fitting(
    generator: keras.Model, discriminator: keras.Model, auxiliary: Auxiliary | None
) -> int | None:
    """The number of classes of two networks that fit each other and the second task.

    Raises:
        TypeError: If a network is no built Functional or Sequential model.
        ValueError: If they do not fit.
    """
    noise_dim = networks.input_shape(generator, "generator")[0]
    networks.input_shape(discriminator, "discriminator")
    players = {"generator": generator, "discriminator": discriminator}
    num_classes, head_size = networks.num_classes(**players), None
    if auxiliary is not None:
        head_size = auxiliary.head_size(num_classes, noise_dim)
    networks.check_players(generator, discriminator, head_size)
    return num_classes

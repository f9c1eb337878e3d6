"""Generative adversarial network, with or without a condition."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks, random
from ..capabilities import Generates
from ..limits import PART
from ..model import GenerativeModel, Turn
from ..objectives import NonSaturating
from ..objectives.adversarial import AdversarialObjective
from ..objectives.augmentation import Augmentation
from ..objectives.auxiliary import Auxiliary
from ..objectives.game import LOSSES, Batch, Game, Judge, Outcome, Verdict
from ..objectives.packing import filled_up, packed, unpacked
from ..objectives.regularizers import (
    Regularizer,
    WeightClipping,
    check_regularizers,
)
from ..players import Player
from ..random import RowNoise
from ..rows import Given, Rows
from ..scaling import continuous_scale_of
from ..serialization import register
from ..specs import (
    SEEDS,
    Classes,
    Images,
    Noise,
    Numbers,
    Spec,
    condition_of_shape,
    of_shape,
)
from ..validation import check_limit, check_positive, check_type

NOISE, REAL_DRAWS, FAKE_DRAWS, PLACE = 0, 1, 2, 3
ADAPTED = ("augmentation_probability",)


@register
class GAN(Generates, GenerativeModel):
    """A generator of examples, and a discriminator of real and generated examples.

    One step moves the discriminator on a batch, then the generator against the updated
    discriminator, on the same generated examples. Inside, images are in [-1, 1], and
    columns of any size have mean 0 and standard deviation 1. With networks of two
    inputs (value, one-hot labels) the GAN is class-conditional.

    Args:
        generator: A Functional or Sequential model from noise to examples,
            `(batch, *inputs.shape)`, with images in [-1, 1].
        discriminator: A model from examples to logits, `(batch, 1)`, with a second
            output for the auxiliary task if there is one.
        objective: The losses of both. The default is `NonSaturating()`.
        regularizers: Regularizers of the discriminator, such as `[R1(10.0)]`.
        auxiliary: A second task of the discriminator: `AuxiliaryClassifier()` or
            `InfoGAN()`.
        augmentation: Changes all examples before the discriminator sees them, such as
            `AdaptiveAugmentation()`. For images only.
        discriminator_steps: Steps of the discriminator per step of the generator. Each
            uses a new batch.
        packing: Number of examples that the discriminator sees together, so that it
            sees a lack of variety. It takes packs, joined along the last axis, and so
            do labels: build it with the same `packing`. Losses and penalties count
            packs. The last pack of a batch is filled up with its first examples.
        ema_decay: Decay of the moving average of the generator's weights, in [0, 1).
            `sample`, `generate` and exports use the average. None for no average.
        inputs: The spec of the examples. None derives it from the generator's output.
        condition: The spec of the networks' second input. None means class labels.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the networks do not fit each other, or if an argument is out of
            range.

    References:
        Goodfellow et al., "Generative adversarial nets", 2014. Karras et al. 2018
        (moving average of the generator); Lin, Khetan, Fanti and Oh, "PacGAN: the power
        of two samples in generative adversarial networks", 2018 (packing); Radford,
        Metz and Chintala, "Unsupervised representation learning with DCGANs", 2016
        (default optimizers: Adam of 2e-4 with beta_1 0.5 for each player).

    Example:
        >>> import keras_gen as kg
        >>> generator, discriminator = kg.networks.mlp_gan((8, 8, 1), 4)
        >>> model = kg.GAN(generator, discriminator, seed=0)
        >>> model.compile(generator_optimizer="adam")
        >>> model.sample(2, seed=7).shape
        (2, 8, 8, 1)
    """

    arguments = ("generator", "discriminator", "objective", "regularizers")
    arguments += ("auxiliary", "augmentation", "discriminator_steps", "packing")
    arguments += ("ema_decay", "inputs", "condition")

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
        packing: int = 1,
        ema_decay: float | None = 0.999,
        inputs: Spec | None = None,
        condition: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(objective, AdversarialObjective | None, "objective")
        check_type(auxiliary, Auxiliary | None, "auxiliary")
        check_type(augmentation, Augmentation | None, "augmentation")
        check_positive(discriminator_steps, "discriminator_steps", integer=True)
        check_positive(packing, "packing", integer=True)
        if packing > 1 and auxiliary is not None:
            raise ValueError(
                "packing must be 1 with an auxiliary task, which is one for each "
                f"example, received {packing}."
            )
        regularizers = check_regularizers(regularizers)
        game = Game(objective or NonSaturating(), regularizers, auxiliary)
        for name, network in (
            ("generator", generator),
            ("discriminator", discriminator),
        ):
            networks.input_shape(network, name)
        inputs = inputs or of_shape(networks.output_shape(generator, "generator"))
        players = {"generator": generator, "discriminator": discriminator}
        how = {"packing": packing, "auxiliary": auxiliary}
        condition = _fitting(**players, inputs=inputs, condition=condition, **how)
        names = [*LOSSES, *game.term_names]
        if augmentation is not None and augmentation.adaptive:
            names += ADAPTED
        players = [
            Player("discriminator", discriminator),
            Player(
                "generator", generator, ema_decay=ema_decay, every=discriminator_steps
            ),
        ]
        specs = {"condition": condition, "players": players, "term_names": names}
        scale = continuous_scale_of(inputs, signed=True)
        how = {"signed": True, "scale": scale, "seed": seed}
        super().__init__(inputs, **specs, **how, **kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.auxiliary = game.objective, auxiliary
        self.regularizers, self.augmentation = regularizers, augmentation
        self.discriminator_steps, self.ema_decay = discriminator_steps, ema_decay
        self.packing = packing
        self._game = game
        self._add_state()

    @property
    def noise(self) -> Noise:
        """The noise of one example."""
        return Noise(networks.input_shape(self.generator, "generator"))

    def compile(
        self,
        generator_optimizer: Any = None,
        discriminator_optimizer: Any = None,
        **options: Any,
    ) -> None:
        """Sets the optimizers. The defaults are fast.

        Args:
            generator_optimizer: A Keras optimizer or its name. The default is
                `Adam(2e-4, beta_1=0.5)` (Radford et al. 2016).
            discriminator_optimizer: The same for the discriminator. Different learning
                rates make two time scales (Heusel et al. 2017).
            **options: `steps_per_execution`, `jit_compile`, `run_eagerly` and
                `auto_scale_loss`, as in `GenerativeModel.compile`; `optimizer`, of
                which each player without one of its own gets a copy.

        Raises:
            TypeError: If `loss` or an unknown argument is passed.
            ValueError: If both players are given the same optimizer object.
        """
        super().compile(
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **options,
        )

    def _default_optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    @property
    def generator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the generator."""
        return self._players.optimizer_of("generator")

    @property
    def discriminator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the discriminator."""
        return self._players.optimizer_of("discriminator")

    # training

    def turns(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Iterator[Turn]:
        """The discriminator's move, then the generator's; see `loss_terms`."""
        x = filled_up(x, self.packing)
        condition = None if condition is None else filled_up(condition, self.packing)
        noise = noise._replace(seeds=filled_up(noise.seeds, self.packing))
        batch = self._draw(x, condition, noise, training=training)
        judge = self._judge(batch.labels, training=training)
        apart = batch._replace(fake=tf.stop_gradient(batch.fake))
        outcome = self._game.discriminator(judge, apart)
        yield "discriminator", {LOSSES[0]: outcome.loss, **outcome.terms}
        if training:
            self._adapt(outcome, batch)
            paired = self.objective.paired
            real = judge(batch.real, batch.real_draws) if paired else None
            fake = judge(batch.fake, batch.fake_draws)
        else:
            real, fake = outcome.real, outcome.fake
        yield "generator", {LOSSES[1]: self._game.generator(fake, real, batch)}

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """Both players' losses, accuracies of the discriminator, and further terms.

        `real_accuracy` and `fake_accuracy` are the shares of real and of generated
        examples that the discriminator recognizes.
        """
        terms = super().loss_terms(x, condition, noise, training=training)
        return {name: terms[name] for name in LOSSES} | terms

    def _draw(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Batch:
        """Packs of real examples on the players' scale, and as many generated ones.

        The random numbers of packs are those of their first examples.
        """
        latent = self._latent(noise.normal(self.noise.shape, NOISE))
        known = self._known(condition)
        fake = networks.apply(self.generator, latent, known, training=training)
        real = self.scale.spread(x, lambda: noise.uniform(self.inputs.shape, PLACE))
        real, fake = packed(real, self.packing), packed(fake, self.packing)
        of_packs = noise._replace(seeds=noise.seeds[:: self.packing])
        batch = Batch(real, fake, latent, condition, of_packs)
        if self.augmentation is None:
            return batch
        shape = (self.augmentation.num_draws,)
        return batch._replace(
            real_draws=noise.uniform(shape, REAL_DRAWS),
            fake_draws=noise.uniform(shape, FAKE_DRAWS),
        )

    def _judge(self, condition: tf.Tensor | None, *, training: bool) -> Judge:
        """The discriminator as a function of packs and draws of augmentation."""
        known = self._known(condition)
        known = None if known is None else packed(known, self.packing)

        def judge(x: tf.Tensor, draws: tf.Tensor | None) -> Verdict:
            if draws is not None and self.augmentation is not None:
                x = unpacked(x, self.packing)
                x = self.augmentation(x, draws, self._probability.value)
                x = packed(x, self.packing)
            output = networks.apply(self.discriminator, x, known, training=training)
            logits, head = (output, None) if self.auxiliary is None else output
            return Verdict(ops.squeeze(logits, axis=-1), head)

        return judge

    def _adapt(self, outcome: Outcome, batch: Batch) -> None:
        """Moves the probability of an adaptive augmentation."""
        if self.augmentation is not None and self.augmentation.adaptive:
            old = self._probability.value
            real, fake = outcome.real.logits, outcome.fake.logits
            excess = real - self.objective.threshold(real, fake)
            excess = tf.repeat(excess, self.packing, axis=0)  # one for each image
            new = self.augmentation.update(old, excess)
            self._probability.assign(new)
            self._terms.track(ADAPTED[0], new, self._weight(batch.real))

    def _add_state(self) -> None:
        """The augmentation's probability, and the bounds of weights."""
        if self.augmentation is not None:
            if not isinstance(self.inputs, Images):
                raise ValueError(
                    "augmentation requires images (height, width, channels), received "
                    f"inputs={self.inputs}."
                )
            start = keras.initializers.Constant(self.augmentation.initial_probability)
            options = {"trainable": False, "aggregation": "mean", "name": "probability"}
            self._probability = self.add_weight((), start, "float32", **options)
        for regularizer in self.regularizers:
            if isinstance(regularizer, WeightClipping):
                regularizer.bind(self.discriminator)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """The discriminator's logits, `(batch,)`, for packs of equal examples."""
        many = functools.partial(tf.repeat, repeats=self.packing, axis=0)
        condition = None if condition is None else many(condition)
        judge = self._judge(condition, training=training)
        return judge(packed(many(self.scale.inward(x)), self.packing), None).logits

    # sampling

    @property
    def truncates(self) -> bool:
        """Whether samples can be truncated: the generator is one of `style_gan`."""
        return self._style is not None

    @property
    def _style(self) -> "networks.StyleParts | None":
        """The parts of the generator that makes samples, if it has styles."""
        return networks.style_parts(self.network_of("generator"))

    def sample(
        self,
        num_samples: int,
        *,
        condition: Any = None,
        seed: int | None = None,
        truncation: Any = None,
        **how: Any,
    ) -> np.ndarray:
        """Draws samples; see `Generates.sample`.

        Args:
            num_samples: Number of samples.
            condition: Rows of the model's `condition` spec, one per sample, or one for
                all.
            seed: Seed of the samples. None draws a seed.
            truncation: psi in [0, 1], one number or `(num_samples,)`, for a generator
                of `networks.style_gan`: each style w becomes `mean + psi (w - mean)`,
                with the mean of its class. 0 gives the average image, 1 changes
                nothing, and about 0.7 trades variety for quality. None means 1.
            **how: Nothing else.

        Returns:
            Samples, `(num_samples, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: If `num_samples` < 0, if the condition does not fit, or if the
                truncation is outside [0, 1] or the generator has no styles.
        """
        given = {} if truncation is None else {"truncation": truncation}
        draw = super().sample
        return draw(num_samples, condition=condition, seed=seed, **given, **how)

    def generate(
        self, noise: Rows, *, condition: Any = None, truncation: Any = None
    ) -> Rows:
        """Calls the generator on noise; see `Generates.generate`.

        Args:
            noise: Standard normal, `(batch, *noise.shape)`.
            condition: Rows of the model's `condition` spec, one per sample.
            truncation: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        given = self._given(condition, noise=(noise, self.noise))
        given = self._truncated(truncation, noise, given)
        return self._rows.run(self._generate, given)

    def sample_rows(
        self, seed: Rows, *, condition: Any = None, truncation: Any = None
    ) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`.

        Args:
            seed: int32 `(batch,)`.
            condition: Rows of the model's `condition` spec, one per sample.
            truncation: Numbers, `(batch,)`, or one number for all; see `sample`.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        given = self._given(condition, seed=(seed, SEEDS))
        given = self._truncated(truncation, seed, given)
        return self._rows.run(self._sample_rows, given)

    def _truncated(self, truncation: Any, first: Any, given: Given) -> Given:
        """The inputs, and a truncation for each row if one is given."""
        if truncation is None:
            return given
        if not self.truncates:
            raise ValueError(
                "truncation requires a generator with styles, as networks.style_gan "
                f"builds it, received {truncation!r} for {self.name}."
            )
        if not np.ndim(truncation):
            check_limit(truncation, PART, "truncation")
            if tf.is_tensor(first):
                truncation = tf.fill(tf.shape(first)[:1], float(truncation))
            else:
                truncation = np.full(np.shape(first)[:1], truncation, np.float32)
        return {**given, "truncation": (truncation, Numbers(PART))}

    def _sample_rows(
        self,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
        truncation: tf.Tensor | None = None,
    ) -> tf.Tensor:
        noise = random.normal(seed, self.noise.shape)
        return self._generate(noise, condition, truncation)

    def _generate(
        self,
        noise: tf.Tensor,
        condition: tf.Tensor | None = None,
        truncation: tf.Tensor | None = None,
    ) -> tf.Tensor:
        network, known = self.network_of("generator"), self._known(condition)
        latent, style = self._latent(noise), self._style
        if truncation is None or style is None:
            made = networks.apply(network, latent, known)
        else:
            styles = style.styles(latent, known)
            made = style.images(style.average.truncated(styles, truncation, known))
        return self._outward(made, condition)

    def _latent(self, noise: tf.Tensor) -> tf.Tensor:
        return noise if self.auxiliary is None else self.auxiliary.latent(noise)


def _fitting(
    *,
    generator: keras.Model,
    discriminator: keras.Model,
    auxiliary: Auxiliary | None,
    packing: int,
    inputs: Spec,
    condition: Spec | None,
) -> Spec | None:
    """Checks two networks and the auxiliary task, and returns their condition.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If they do not fit each other.
    """
    noise_dim = networks.input_shape(generator, "generator")[0]
    players = {"generator": generator, "discriminator": discriminator}
    shape = networks.condition_shape(packing={"discriminator": packing}, **players)
    head_size = None
    if condition is None and shape is not None:
        condition = condition_of_shape(shape)
    if auxiliary is not None:
        is_class = isinstance(condition, Classes)
        num_classes = condition.num_classes if is_class else None
        head_size = auxiliary.head_size(num_classes, noise_dim)
    how = {"is_unit": inputs.is_unit, "packing": packing}
    networks.check_players(generator, discriminator, head_size, **how)
    return condition

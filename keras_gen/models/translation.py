"""Translation of images by adversarial training, with pairs and without."""

from collections.abc import Iterator
from typing import Any, cast

import keras
import tensorflow as tf
from keras import ops

from .. import networks
from ..capabilities import Translates
from ..model import GenerativeModel, Turn
from ..objectives import LeastSquares, NonSaturating
from ..objectives.adversarial import AdversarialObjective
from ..objectives.history import History
from ..players import Player
from ..random import RowNoise
from ..rows import Rows, run_rows
from ..serialization import register
from ..specs import Spec, of_shape
from ..validation import check_factor, check_type

DRAWS = 0


class Translator(Translates, GenerativeModel):
    """A model whose generator translates images of the source."""

    draws_translations = False

    def _default_optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    def translate_rows(self, x: Rows, seed: Any = None, **how: Any) -> Rows:
        """Translates each image; see `Translates.translate_rows`.

        Raises:
            TypeError: If further arguments are passed.
        """
        if how:
            raise TypeError(f"translate takes x alone, received {', '.join(how)}.")
        del seed
        return run_rows(self, self._translate, {"x": (x, self.source)})

    def _translate(self, x: tf.Tensor) -> tf.Tensor:
        made = networks.apply(
            self.network_of("generator"), self.condition_scale.inward(x)
        )
        return self.scale.outward(made)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Translations of the condition."""
        del x, training
        return self._translate(cast(tf.Tensor, condition))


@register
class Pix2Pix(Translator):
    """Translates images, learned from pairs: a conditional GAN with an L1 loss.

    `fit(x, source)` takes translations and their sources. One step moves the
    discriminator, which sees a translation with its source, then the generator.

    Args:
        generator: A Functional or Sequential model from sources to translations in
            [-1, 1], such as the first network of `networks.pix2pix`.
        discriminator: A model from translations and their sources to raw logits,
            `(batch, ...)`.
        objective: The adversarial losses. The default is `NonSaturating()`.
        l1_weight: Factor of the mean absolute error, on [-1, 1].
        ema_decay: Decay of the moving average of the generator's weights, in [0, 1),
            by which images are translated. None for no average.
        seed: Seed of the order. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the networks do not fit each other, or if an argument is out of
            range.

    References:
        Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional
        adversarial networks", CVPR 2017, eq. 4.

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> networks = kg.networks.pix2pix((8, 8, 1), (8, 8, 3), channels=(4, 8))
        >>> model = kg.Pix2Pix(*networks, seed=0)
        >>> model.compile()
        >>> painted, sketches = np.zeros((4, 8, 8, 3)), np.ones((4, 8, 8, 1))
        >>> history = model.fit(painted, sketches)  # doctest: +SKIP
        >>> model.translate(sketches).shape
        (4, 8, 8, 3)
    """

    arguments = ("generator", "discriminator", "objective", "l1_weight", "ema_decay")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        objective: AdversarialObjective | None = None,
        l1_weight: float = 100.0,
        ema_decay: float | None = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(objective, AdversarialObjective | None, "objective")
        check_factor(l1_weight, "l1_weight")
        source, inputs = _specs(generator, "generator")
        _check_judge(discriminator, "discriminator", (inputs, source))
        players = (
            Player("discriminator", discriminator),
            Player("generator", generator, ema_decay=ema_decay),
        )
        how = {"players": players, "signed": True, "seed": seed}
        super().__init__(inputs, condition=source, **how, **kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.objective = objective or NonSaturating()
        self.l1_weight, self.ema_decay = float(l1_weight), ema_decay

    def turns(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Iterator[Turn]:
        """The discriminator's move, then the generator's.

        The mean absolute error `l1` is in units of the data, half that on [-1, 1].
        """
        del noise
        x, source = self.scale.inward(x), self.condition_scale.inward(condition)
        made = networks.apply(self.generator, source, training=training)

        def judge(image: tf.Tensor) -> tf.Tensor:
            return networks.apply(self.discriminator, image, source, training=training)

        real, fake = judge(x), judge(tf.stop_gradient(made))
        loss = ops.mean(self.objective.discriminator(real, fake))
        yield "discriminator", {"discriminator_loss": loss}
        if training:
            fake = judge(made)
            real = judge(x) if self.objective.paired else None
        error = ops.mean(ops.abs(x - made))
        fooled = ops.mean(self.objective.generator(fake, real))
        loss = fooled + self.l1_weight * error
        yield "generator", {"generator_loss": loss, "l1": error / 2}


@register
class CycleGAN(Translator):
    """Translates images between two sets without pairs.

    `fit(kg.Unpaired(x, source))` takes both sets. A second generator translates back,
    and both ways in turn must return the image: the cycle loss. One step moves both
    generators on one loss, then each discriminator.

    Args:
        generator: A Functional or Sequential model from sources to translations in
            [-1, 1], such as the first network of `networks.cycle_gan`.
        back_generator: A model from translations back to sources.
        discriminator: A model from translations to raw logits, `(batch, ...)`.
        back_discriminator: The same for sources.
        objective: The adversarial losses. The default is `LeastSquares()`.
        cycle_weight: Factor of the mean absolute error of a cycle, on [-1, 1].
            `LeastSquares` halves the squares, which the paper does not: its factor of
            10 is 5 here.
        identity_weight: Factor of the mean absolute change of images that are already
            of the generator's kind. It must be 0 if both kinds have other shapes. None
            means half of `cycle_weight`, or 0 for other shapes.
        history_size: Number of generated images that are kept of each kind. A
            discriminator sees one of them instead of a new one every other time. 0 for
            no history.
        ema_decay: As in `Pix2Pix`, of both generators.
        seed: Seed of the order and of the history. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the networks do not fit each other, or if an argument is out of
            range.

    References:
        Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using
        cycle-consistent adversarial networks", ICCV 2017, eq. 3 and section 4.
        Shrivastava et al., "Learning from simulated and unsupervised images through
        adversarial training", CVPR 2017, section 2.3 (history).

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> networks = kg.networks.cycle_gan((8, 8, 1), channels=(4, 8), blocks=1)
        >>> model = kg.CycleGAN(*networks, seed=0)
        >>> model.compile()
        >>> sets = kg.Unpaired(np.zeros((4, 8, 8, 1)), np.ones((6, 8, 8, 1)))
        >>> history = model.fit(sets)  # doctest: +SKIP
        >>> model.translate(sets.b).shape, model.translate_back(sets.a).shape
        ((6, 8, 8, 1), (4, 8, 8, 1))
    """

    paired = False
    arguments = ("generator", "back_generator", "discriminator", "back_discriminator")
    arguments += ("objective", "cycle_weight", "identity_weight", "history_size")
    arguments += ("ema_decay",)

    def __init__(
        self,
        generator: keras.Model,
        back_generator: keras.Model,
        discriminator: keras.Model,
        back_discriminator: keras.Model,
        *,
        objective: AdversarialObjective | None = None,
        cycle_weight: float = 10.0,
        identity_weight: float | None = None,
        history_size: int = 50,
        ema_decay: float | None = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(objective, AdversarialObjective | None, "objective")
        check_factor(cycle_weight, "cycle_weight")
        source, inputs = _specs(generator, "generator")
        if _specs(back_generator, "back_generator") != (inputs, source):
            raise ValueError(
                f"back_generator must translate {inputs} to {source}, received one "
                f"from {back_generator.input_shape[1:]} to "
                f"{back_generator.output_shape[1:]}."
            )
        _check_judge(discriminator, "discriminator", (inputs,))
        _check_judge(back_discriminator, "back_discriminator", (source,))
        identity_weight = _identity_weight(
            identity_weight, cycle_weight, inputs, source
        )
        players = (
            Player("generator", generator, ema_decay=ema_decay),
            Player("back_generator", back_generator, ema_decay=ema_decay),
            Player("discriminator", discriminator),
            Player("back_discriminator", back_discriminator),
        )
        how = {"players": players, "signed": True, "seed": seed}
        super().__init__(inputs, condition=source, **how, **kwargs)
        self.generator, self.back_generator = generator, back_generator
        self.discriminator = discriminator
        self.back_discriminator = back_discriminator
        self.objective = objective or LeastSquares()
        self.cycle_weight, self.identity_weight = float(cycle_weight), identity_weight
        self.history_size, self.ema_decay = history_size, ema_decay
        self._histories = [History(history_size, s.shape) for s in (inputs, source)]

    def turns(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Iterator[Turn]:
        """Both generators move on one loss, then each discriminator on its own.

        `cycle` and `identity` are mean absolute errors of both ways together, in units
        of the data.
        """
        x, source = self.scale.inward(x), self.condition_scale.inward(condition)
        forth, back = self.generator, self.back_generator
        judges = self.discriminator, self.back_discriminator

        def call(network: keras.Model, image: tf.Tensor) -> tf.Tensor:
            return networks.apply(network, image, training=training)

        has_identity = bool(self.identity_weight)
        seen = [source, x] if has_identity else [source]
        forward, *same = ops.split(call(forth, ops.concatenate(seen)), len(seen))
        seen = [x, source] if has_identity else [x]
        backward, *same_back = ops.split(call(back, ops.concatenate(seen)), len(seen))
        made = forward, backward
        fakes = [call(judge, image) for judge, image in zip(judges, made, strict=True)]
        reals: list[Any] = [None, None]
        if self.objective.paired:
            reals = [call(judges[0], x), call(judges[1], source)]
        fooled = sum(
            ops.mean(self.objective.generator(fake, real))
            for fake, real in zip(fakes, reals, strict=True)
        )
        cycle = _error(call(forth, made[1]), x) + _error(call(back, made[0]), source)
        terms = {"cycle": cycle / 2}
        loss = fooled + self.cycle_weight * cycle
        if has_identity:
            change = _error(same[0], x) + _error(same_back[0], source)
            terms["identity"] = change / 2
            loss += self.identity_weight * change
        yield ("generator", "back_generator"), {"generators_loss": loss, **terms}
        names = "discriminator", "back_discriminator"
        for place, real in enumerate((x, source)):
            fake, history = tf.stop_gradient(made[place]), self._histories[place]
            if training:
                fake = history.mixed(fake, noise, DRAWS + 2 * place)
            logits = call(judges[place], real), call(judges[place], fake)
            loss = ops.mean(self.objective.discriminator(*logits)) / 2
            yield names[place], {f"{names[place]}_loss": loss}

    def translate_back(self, x: Rows) -> Rows:
        """Translates images of `inputs` to images of the source.

        Args:
            x: Images, `(batch, *inputs.shape)`.

        Returns:
            Images in [0, 1], `(batch, *source.shape)`.

        Raises:
            ValueError: If the images do not fit the model.
        """
        return run_rows(self, self._translate_back, {"x": (x, self.inputs)})

    def _translate_back(self, x: tf.Tensor) -> tf.Tensor:
        network = self.network_of("back_generator")
        return self.condition_scale.outward(
            networks.apply(network, self.scale.inward(x))
        )


def _error(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return ops.mean(ops.abs(a - b))


def _specs(generator: keras.Model, name: str) -> tuple[Spec, Spec]:
    """The specs of a generator's sources and translations.

    Raises:
        TypeError: If it is not a built Functional or Sequential model.
        ValueError: If they are not images.
    """
    shapes = (
        networks.input_shape(generator, name),
        networks.output_shape(generator, name),
    )
    if any(len(shape) != 3 for shape in shapes):
        raise ValueError(
            f"{name} must translate images (height, width, channels), received a model "
            f"from {shapes[0]} to {shapes[1]}."
        )
    return of_shape(shapes[0]), of_shape(shapes[1])


def _check_judge(judge: keras.Model, name: str, specs: tuple[Spec, ...]) -> None:
    """Raises ValueError unless a discriminator takes values of the specs."""
    networks.output_shape(judge, name)
    taken = [tuple(x.shape[1:]) for x in judge.inputs]
    expected = [spec.shape for spec in specs]
    if taken != expected:
        raise ValueError(
            f"{name} must take {' and '.join(map(str, expected))}, received a model of "
            f"{' and '.join(map(str, taken))}."
        )
    networks.check_raw_output(judge, name)


def _identity_weight(
    value: float | None, cycle_weight: float, inputs: Spec, source: Spec
) -> float:
    if value is None:
        return cycle_weight / 2 if inputs == source else 0.0
    check_factor(value, "identity_weight")
    if value and inputs != source:
        raise ValueError(
            f"identity_weight must be 0 for images of other shapes, received {value} "
            f"for {inputs} and {source}."
        )
    return float(value)

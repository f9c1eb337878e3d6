"""Moving through latent space: directions of variation, and given images."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from . import networks, random
from .capabilities import Generates
from .engine.examples import require_condition
from .limits import NOT_NEGATIVE
from .models import GAN, Classifier
from .rows import run_rows
from .specs import Noise
from .validation import check_count, check_limit, check_positive, check_type

SAMPLES = 2048  # of which directions are computed
CANDIDATES = 64  # draws, of which the nearest starts a projection
RAMP_UP, RAMP_DOWN, NOISE_UNTIL = 0.05, 0.25, 0.75  # shares of the steps
FIRST_NOISE = 0.05  # of a style's standard deviation
NEGLIGIBLE = 1e-6  # of the largest deviation


class LatentSpace:
    """The latent vectors from which a model generates: its noise, or its styles.

    Args:
        model: A model that generates, such as a `GAN`, a `VAE` or a `Flow`.
        styles: Whether the vectors are styles w, of a GAN of `networks.style_gan`. None
            means yes if there are styles.

    Attributes:
        shape: Shape of a vector.

    Raises:
        TypeError: If the model does not generate.
        ValueError: If `styles` is true and the model has none.

    Example:
        >>> model = kg.GAN(*kg.networks.style_gan((8, 8, 1), 4, channels=(4,)))
        >>> space = kg.LatentSpace(model)
        >>> z = np.zeros((2, 4))
        >>> bool(np.allclose(space.generate(space.at(z)), model.generate(z), atol=1e-6))
        True
    """

    def __init__(self, model: Any, *, styles: bool | None = None) -> None:
        check_type(model, Generates, "model")
        is_styled = bool(model.truncates)
        if styles and not is_styled:
            raise ValueError(
                f"styles must be False for {model.name}, whose generator is not one of "
                "networks.style_gan, received True."
            )
        self.model: Any = model
        self.has_styles = is_styled if styles is None else styles

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a vector."""
        if not self.has_styles:
            return self.model.noise.shape
        return tuple(self._parts.synthesis.inputs[0].shape[1:])

    @property
    def _parts(self) -> networks.StyleParts:
        found = networks.style_parts(self.model.network_of("generator"))
        if found is None:
            raise ValueError(f"{self.model.name} has lost its styles.")
        return found

    def at(self, noise: Any, *, condition: Any = None) -> Any:
        """The vectors of noise.

        Args:
            noise: Standard normal, `(batch, *noise.shape)`, an array or a tensor.
            condition: Rows of the model's `condition` spec, one per vector.

        Returns:
            `(batch, *shape)`: the noise itself, or its styles.
        """
        if not self.has_styles:
            return noise
        return run_rows(self.model, self._styles, self._given(noise, condition))

    def center(self, num: int, *, condition: Any = None) -> np.ndarray:
        """The average vector of each row: zeros, or the average style of its class.

        Args:
            num: Number of rows.
            condition: Rows of the model's `condition` spec, one per vector.
        """
        zeros = np.zeros((num, *self.model.noise.shape), np.float32)
        if not self.has_styles:
            return zeros
        given = self._given(zeros, condition)
        return run_rows(self.model, self._averages, given)

    def generate(self, latent: Any, *, condition: Any = None) -> Any:
        """Makes samples from vectors.

        Args:
            latent: `(batch, *shape)`, an array or a tensor.
            condition: Rows of the model's `condition` spec. Styles already contain it.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        if not self.has_styles:
            return self.model.generate(latent, condition=condition)
        given = {"latent": (latent, Noise(self.shape))}
        return run_rows(self.model, self._images, given)

    def smooth(self, latent: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Samples of vectors, with gradients where images of a GAN are clipped too."""
        model = self.model
        if self.has_styles:
            made = self._parts.images(latent)
        elif isinstance(model, GAN):
            network, known = model.network_of("generator"), self._known(condition)
            made = networks.apply(network, _latent(model, latent), known)
        else:
            return model.generate(latent, condition=condition)
        if model.inputs.is_unit:
            inside = tf.clip_by_value(made, -1 + NEGLIGIBLE, 1 - NEGLIGIBLE)
            made = made + tf.stop_gradient(inside - made)
        return model.scale.outward(made)

    def _given(self, noise: Any, condition: Any) -> dict[str, Any]:
        model = self.model
        require_condition(model.condition, condition)
        given: dict[str, Any] = {"noise": (noise, model.noise)}
        if model.condition is not None:
            given["condition"] = (condition, model.condition)
        return given

    def _known(self, condition: Any) -> Any:
        scale = self.model.condition_scale
        return None if condition is None else scale.inward(condition)

    def _styles(self, noise: tf.Tensor, condition: Any = None) -> tf.Tensor:
        latent = _latent(self.model, noise)
        return self._parts.styles(latent, self._known(condition))

    def _averages(self, noise: tf.Tensor, condition: Any = None) -> tf.Tensor:
        return self._parts.average.mean_of(noise, self._known(condition))

    def _images(self, latent: tf.Tensor) -> tf.Tensor:
        return self.model.scale.outward(self._parts.images(latent))


class Directions(NamedTuple):
    """Directions of variation of a model, from the strongest to the weakest.

    Attributes:
        vectors: One standard deviation along each direction, `(num, *space.shape)`.
        deviations: Standard deviation of the features along each component, `(num,)`.
        explained: Share of the variance of the features, `(num,)`, in [0, 1].
        space: The space of the vectors.
    """

    vectors: np.ndarray
    deviations: np.ndarray
    explained: np.ndarray
    space: LatentSpace

    def walk(
        self, latent: Any, direction: int, amounts: Any, *, condition: Any = None
    ) -> np.ndarray:
        """Makes samples at steps along a direction.

        Args:
            latent: Vectors of the space to start from, `(batch, *space.shape)`.
            direction: Number of the direction.
            amounts: Steps in standard deviations, `(steps,)`, such as -3 to 3.
            condition: Rows of the model's `condition` spec, one per vector.

        Returns:
            Samples, `(batch, steps, *inputs.shape)`.
        """
        latent, amounts = np.asarray(latent, np.float32), np.asarray(amounts)
        steps = np.multiply.outer(amounts.astype(np.float32), self.vectors[direction])
        moved = (latent[:, None] + steps).reshape((-1, *self.space.shape))
        if condition is not None:
            condition = np.repeat(condition, len(amounts), axis=0)
        made = np.asarray(self.space.generate(moved, condition=condition))
        return made.reshape((len(latent), len(amounts), *made.shape[1:]))


def latent_directions(
    model: Any,
    num: int = 10,
    *,
    condition: Any = None,
    styles: bool | None = None,
    layer: str | None = None,
    num_samples: int = SAMPLES,
    seed: int = 0,
) -> Directions:
    """Finds directions of variation without labels, by principal components.

    The components of a style-based GAN are those of its styles. Those of another GAN
    are those of the features of a layer, and a linear regression leads from their
    coordinates to the noise (GANSpace). Other models have components of their samples.

    Args:
        model: A model that generates.
        num: Number of directions.
        condition: A row of the model's `condition` spec for all samples, or one for
            each.
        styles: As in `LatentSpace`.
        layer: Name of the layer of a GAN's generator whose features are analysed. None
            means the first layer with weights that sees the noise.
        num_samples: Number of random samples to analyse.
        seed: Seed of the samples.

    Raises:
        TypeError: If the model does not generate.
        ValueError: If the features vary along fewer than `num` directions, or if the
            model does not have such a layer.

    References:
        Härkönen, Hertzmann, Lehtinen and Paris, "GANSpace: discovering interpretable
        GAN controls", 2020, section 2.

    Example:
        >>> model = kg.GAN(*kg.networks.mlp_gan((8, 8, 1), noise_dim=4), seed=0)
        >>> directions = kg.latent_directions(model, 2)
        >>> directions.vectors.shape
        (2, 4)
        >>> directions.walk(np.zeros((1, 4)), 0, [-2, 0, 2]).shape
        (1, 3, 8, 8, 1)
    """
    check_count(num, "num")
    check_count(num_samples, "num_samples", least=2)
    space = LatentSpace(model, styles=styles)
    if layer is not None and (space.has_styles or not isinstance(model, GAN)):
        raise ValueError(
            f"layer is for the noise of a GAN, received {layer!r} for {model.name}."
        )
    seeds = random.row_seeds(seed, num_samples)
    noise = random.normal(seeds, model.noise.shape).numpy()
    if condition is not None and model.condition is not None:
        condition = model.condition.for_all(condition, num_samples)
    latent = space.at(noise, condition=condition)
    if space.has_styles:
        features = latent
    elif isinstance(model, GAN):
        features = _features(model, noise, condition, layer)
    else:
        features = model.generate(noise, condition=condition)
    centered = np.asarray(features, np.float64).reshape(num_samples, -1)
    centered -= centered.mean(axis=0)
    components, deviations = _principal(centered, num)
    vectors = components * deviations[:, None]
    if not space.has_styles:  # equation 3: coordinates of features to noise
        coordinates = centered @ components.T / deviations
        flat = noise.reshape(num_samples, -1).astype(np.float64)
        vectors = np.linalg.lstsq(coordinates, flat - flat.mean(axis=0))[0]
    largest = np.abs(vectors).argmax(axis=1)
    vectors *= np.sign(vectors[np.arange(num), largest])[:, None]
    explained = deviations**2 / centered.var(axis=0).sum()
    shaped = vectors.reshape((num, *space.shape)).astype(np.float32)
    return Directions(shaped, deviations, explained, space)


def _principal(centered: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components, `(num, features)`, and standard deviations, `(num,)`."""
    rows, width = centered.shape
    is_wide = width > rows
    gram = centered @ centered.T if is_wide else centered.T @ centered
    values, vectors = np.linalg.eigh(gram / rows)
    values, vectors = values[::-1], vectors[:, ::-1]
    known = int((values > NEGLIGIBLE**2 * values[0]).sum()) if values[0] > 0 else 0
    if num > known:
        raise ValueError(
            f"num must be at most {known}, the number of directions along which the "
            f"features vary, received {num}."
        )
    found = vectors[:, :num].T
    if is_wide:
        found = found @ centered
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found, np.sqrt(values[:num])


def _features(
    model: GAN, noise: np.ndarray, condition: Any, layer: str | None
) -> np.ndarray:
    """Features of a layer of the generator."""
    network = model.network_of("generator")

    def features(part: keras.Model) -> Callable[..., tf.Tensor]:
        def call(noise: tf.Tensor, condition: Any = None) -> tf.Tensor:
            known = None
            if condition is not None:
                known = model.condition_scale.inward(condition)
            made = networks.apply(part, _latent(model, noise), known)
            return tf.reshape(made, (-1, math.prod(made.shape[1:])))

        return call

    names = [one.name for one in network.layers]
    if layer is not None and layer not in names:
        raise ValueError(
            f"layer must be one of the generator's, {', '.join(names)}, received "
            f"{layer!r}."
        )
    for one in network.layers:
        is_wanted = one.weights if layer is None else one.name == layer
        if not is_wanted or isinstance(one, keras.Model):
            continue
        part = keras.Model(network.inputs, one.output)
        given: dict[str, Any] = {"noise": (noise, model.noise)}
        if model.condition is not None:
            given["condition"] = (condition, model.condition)
        found = run_rows(model, features(part), given)
        spread = np.ptp(found, axis=0).max()
        if layer is not None or spread > NEGLIGIBLE * np.abs(found).max():
            return found
    return np.asarray(model.generate(noise, condition=condition))


class Projection(NamedTuple):
    """Latent vectors of given examples.

    Attributes:
        latent: The vectors, `(n, *space.shape)`.
        x: What the model generates from them, `(n, *inputs.shape)`.
        error: Mean squared error of each, in squared units of the data, `(n,)`.
        space: The space of the vectors.
    """

    latent: np.ndarray
    x: np.ndarray
    error: np.ndarray
    space: LatentSpace


def project(
    model: Any,
    x: Any,
    *,
    condition: Any = None,
    steps: int = 300,
    learning_rate: float = 0.1,
    classifier: Classifier | None = None,
    feature_weight: float = 0.1,
    styles: bool | None = None,
    seed: int = 0,
) -> Projection:
    """Finds latent vectors from which a model generates given examples.

    Adam moves the vectors along the gradient of the squared error of the examples, and
    of the features of a classifier if one is given. The learning rate rises over the
    first 5 % of the steps and falls over the last 25 %. Styles start from the average
    style, with noise that vanishes after three quarters of the steps (Karras et al.
    2020). Noise vectors start from the best of 64 random ones.

    The weights and the noise images of the layers stay as they are, and all layers get
    one style, so an example that the model cannot make is only approached.

    Args:
        model: A model that generates, and whose samples have gradients: a `GAN`, a
            `VAE`, a `Flow`.
        x: Examples, `(n, *inputs.shape)`. Images are uint8 or in [0, 1].
        condition: Rows of the model's `condition` spec, one per example, or one for
            all.
        steps: Number of steps.
        learning_rate: The highest learning rate of Adam.
        classifier: A classifier of such examples, whose features are compared too.
        feature_weight: Weight of the squared error of the features, relative to their
            squares, beside the mean squared error of the values, >= 0.
        styles: As in `LatentSpace`.
        seed: Seed of the random numbers.

    Raises:
        TypeError: If the model does not generate.
        ValueError: If the examples or the condition do not fit, if the data have
            levels, or if a number is out of range.

    References:
        Abdal, Qin and Wonka, "Image2StyleGAN: how to embed images into the StyleGAN
        latent space?", 2019, section 5. Karras et al., "Analyzing and improving the
        image quality of StyleGAN", 2020, section 5 and appendix D.

    Example:
        >>> model = kg.GAN(*kg.networks.mlp_gan((8, 8, 1), noise_dim=4), seed=0)
        >>> x = model.sample(2, seed=7)
        >>> found = kg.project(model, x, steps=30)
        >>> bool((found.error < 0.05).all())
        True
    """
    check_count(steps, "steps")
    check_positive(learning_rate, "learning_rate")
    check_limit(feature_weight, NOT_NEGATIVE, "feature_weight")
    check_type(classifier, Classifier | None, "classifier")
    space = LatentSpace(model, styles=styles)
    if model.inputs.has_levels:
        raise ValueError(
            f"project is for continuous data, {model.name} generates {model.inputs}."
        )
    x = model.inputs.check(x, "x")
    num = len(x)
    known = None
    if condition is not None and model.condition is not None:
        condition = model.condition.for_all(condition, num)
        known = tf.constant(model.condition.check(condition, "condition", rows=num))
    target = model.inputs.as_input(tf.constant(x))
    seeds = random.row_seeds(seed, num)
    start, deviation = _start(space, target.numpy(), seeds, condition)
    latent = keras.Variable(start, dtype="float32")
    wanted = None if classifier is None else classifier.features(target)

    def loss_of(vectors: tf.Tensor) -> tf.Tensor:
        made = space.smooth(vectors, known)
        loss = _per_row(tf.square(made - target))
        if classifier is not None and wanted is not None:
            error = _per_row(tf.square(classifier.features(made) - wanted))
            size = tf.maximum(_per_row(tf.square(wanted)), NEGLIGIBLE)
            loss += feature_weight * error / size
        return tf.reduce_sum(loss)

    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build([latent])

    @tf.function(autograph=False)
    def move(noise: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(latent.value + noise)
        optimizer.apply(tape.gradient(loss, [latent.value]), [latent])

    for step in range(steps):
        share = step / steps
        rise = min(1.0, (step + 1) / max(1, RAMP_UP * steps))
        fall = min(1.0, (1 - share) / RAMP_DOWN)
        rate = learning_rate * rise * (0.5 - 0.5 * np.cos(np.pi * fall))
        optimizer.learning_rate = float(rate)
        scale = deviation * max(0.0, 1 - share / NOISE_UNTIL) ** 2
        drawn = random.normal(seeds + step, space.shape) if scale else tf.zeros(())
        move(tf.broadcast_to(scale * drawn, start.shape))
    found = latent.numpy()
    made = np.asarray(space.generate(found, condition=condition))
    error = np.square(made - target.numpy()).reshape(num, -1).mean(axis=1)
    return Projection(found, made, error, space)


def _start(
    space: LatentSpace, target: np.ndarray, seeds: np.ndarray, condition: Any
) -> tuple[np.ndarray, float]:
    """The first vectors, and the standard deviation of their noise."""
    num, model = len(target), space.model
    many = np.repeat(seeds, CANDIDATES) + np.tile(np.arange(CANDIDATES), num)
    noise = random.normal(many.astype(np.int32), model.noise.shape).numpy()
    asked = None if condition is None else np.repeat(condition, CANDIDATES, axis=0)
    latent = np.asarray(space.at(noise, condition=asked))
    if space.has_styles:
        center = space.center(num, condition=condition)
        apart = latent - np.repeat(center, CANDIDATES, axis=0)
        return center, FIRST_NOISE * float(np.sqrt((apart**2).sum(axis=-1).mean()))
    made = np.asarray(space.generate(latent, condition=asked))
    made = made.reshape((num, CANDIDATES, *made.shape[1:]))
    errors = np.square(made - target[:, None]).reshape(num, CANDIDATES, -1).mean(-1)
    best = errors.argmin(axis=1)
    return latent.reshape((num, CANDIDATES, -1))[np.arange(num), best].reshape(
        (num, *space.shape)
    ), 0.0


def _per_row(values: tf.Tensor) -> tf.Tensor:
    """The mean of each row, `(batch,)`."""
    return tf.reduce_mean(values, axis=list(range(1, len(values.shape))))


def _latent(model: GAN, noise: tf.Tensor) -> tf.Tensor:
    """The generator's input: the noise, or the codes of an auxiliary task."""
    return noise if model.auxiliary is None else model.auxiliary.latent(noise)

"""Style-based generator and residual discriminator: the networks of StyleGAN2."""

import math
import random as python_random
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from ..engine import parts
from ..limits import Limit
from ..objectives.packing import packed_shape
from ..serialization import register
from ..validation import Shape, check_limit, check_positive, check_sizes
from .conv import crop, halved
from .heads import discriminator, noise_inputs
from .minibatch import MinibatchStandardDeviation
from .structure import apply_all, functional

SLOPE, GAIN = 0.2, math.sqrt(2)  # of the leaky ReLU, which then keeps the variance
EPSILON = 1e-8
MAPPING, SYNTHESIS = "mapping", "synthesis"
AVERAGE_DECAY = 0.995
FIXED = {"trainable": False, "aggregation": "only_first_replica"}


def style_gan(
    data_shape: Sequence[int],
    noise_dim: int = 128,
    *,
    channels: Sequence[int] = (32, 64),
    style_dim: int | None = None,
    mapping_layers: int = 4,
    mapping_rate: float = 0.01,
    layer_noise: bool = True,
    minibatch_stddev: bool = True,
    num_classes: int | None = None,
    auxiliary_outputs: int = 0,
    packing: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """A style-based generator and a residual discriminator, for images.

    A mapping network turns the noise into a style w. The synthesis network starts from
    a learned constant, and the style scales the channels that each of its convolutions
    sees (`StyleConvolution`). Each size adds to the image (skip connections). All
    layers have equalized learning rates.

    The noise images of the layers are random in training. `sample`, `generate`,
    `evaluate` and exports use images that were drawn once and are saved with the
    network (the authors' `noise_mode="const"`), so the noise vector alone decides a
    sample, and files stay small.

    Differences from the paper: sides are doubled by bilinear interpolation before the
    convolution, and halved by averages of 2x2 before the discriminator's second
    convolution; there is neither style mixing nor path length regularization; and the
    average style, for truncation, is one of each class.

    Args:
        data_shape: `(height, width, channels)` of at least 8x8.
        noise_dim: Size of the noise z, which is scaled to a mean square of 1.
        channels: Channels of both networks at the full size and after each halving but
            the last one, which keeps the channels. 3 channels halve the sides three
            times (rounding up). Images of 64x64 take 4, down to 4x4.
        style_dim: Size of the style. The default is `noise_dim`.
        mapping_layers: Layers of the mapping network; 8 in the paper.
        mapping_rate: Factor of their learning rate.
        layer_noise: Whether the layers add noise images.
        minibatch_stddev: Whether the discriminator has `MinibatchStandardDeviation`.
        num_classes: As in `mlp_gan`. Labels are an input of the mapping network.
        auxiliary_outputs: As in `mlp_gan`.
        packing: As in `mlp_gan`.

    Returns:
        `(generator, discriminator)`: noise to images around [-1, 1], which the model
        clips, and images to raw logits `(batch, 1)`, or `[logits, auxiliary]`.

    Raises:
        ValueError: If the shape is not one of images, if a side is shorter than 8, or
            if a size is wrong.

    References:
        Karras, Laine and Aila, "A style-based generator architecture for generative
        adversarial networks", 2019. Karras et al., "Analyzing and improving the image
        quality of StyleGAN", 2020, sections 2.2 and 4.1, figures 2d and 7. Karras et
        al., "Training generative adversarial networks with limited data", 2020,
        appendix C (conditional mapping).

    Example:
        >>> pair = kg.networks.style_gan((16, 16, 3), noise_dim=8, channels=(8, 8))
        >>> model = kg.GAN(*pair, regularizers=[kg.R1(1.0)], seed=0)
        >>> model.sample(2, seed=7, truncation=0.7).shape
        (2, 16, 16, 3)
    """
    check_sizes(data_shape, "data_shape")
    if len(data_shape) != 3:
        raise ValueError(
            f"data_shape must be (height, width, channels), received "
            f"{tuple(data_shape)}: style_gan is for images."
        )
    check_sizes(channels, "channels")
    style_dim = noise_dim if style_dim is None else style_dim
    for name, value in (("style_dim", style_dim), ("mapping_layers", mapping_layers)):
        check_positive(value, name, integer=True)
    check_positive(packing, "packing", integer=True)
    check_positive(mapping_rate, "mapping_rate")
    _, sizes = halved(data_shape, channels)
    inputs, _ = noise_inputs(noise_dim, num_classes)
    widths = (style_dim,) * mapping_layers
    mapping = _mapping(noise_dim, num_classes, widths, mapping_rate)
    style = mapping(inputs if len(inputs) > 1 else inputs[0])
    style = StyleAverage(name="style_average")([style, *inputs[1:]])
    synthesis = _synthesis(style_dim, channels, sizes, data_shape[-1], layer_noise)
    generator = functional(inputs, synthesis(style), name="generator")
    x = keras.Input(packed_shape(data_shape, packing), name="x")
    features = _discriminator_map(x, channels)
    if minibatch_stddev:
        features = MinibatchStandardDeviation()(features)
    features = EqualizedConvolution(channels[-1], active=True)(features)
    features = layers.Flatten()(features)
    features = EqualizedDense(channels[-1], active=True)(features)
    heads = {"num_classes": num_classes, "auxiliary_outputs": auxiliary_outputs}
    heads["packing"] = packing
    return generator, discriminator(x, features, dense=EqualizedDense, **heads)


def _mapping(
    noise_dim: int, num_classes: int | None, widths: Sequence[int], rate: float
) -> keras.Model:
    """z, and labels, to the style w before truncation."""
    inputs, _ = noise_inputs(noise_dim, num_classes)
    parts = [normalized_squares(inputs[0])]
    if num_classes is not None:
        embedding = EqualizedDense(noise_dim, name="class_embedding")(inputs[1])
        parts.append(normalized_squares(embedding))
    y: Any = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for width in widths:
        y = EqualizedDense(width, active=True, rate=rate)(y)
    return functional(inputs, y, name=MAPPING)


def _synthesis(
    style_dim: int,
    channels: Sequence[int],
    sizes: Sequence[tuple[int, ...]],
    colours: int,
    noise: bool,  # noqa: FBT001
) -> keras.Model:
    """The style w to an image."""
    w = keras.Input((style_dim,), name="style")
    y = LearnedConstant((*sizes[-1], channels[-1]))(w)
    y = StyleConvolution(channels[-1], noise=noise)([y, w])
    image = StyleColours(colours)([y, w])
    for width, size in zip(channels[::-1], sizes[-2::-1], strict=True):
        y = crop(_doubled(y), size)
        y = StyleConvolution(width, noise=noise)([y, w])
        y = StyleConvolution(width, noise=noise)([y, w])
        coloured = StyleColours(colours)([y, w])
        image = layers.Add()([crop(_doubled(image), size), coloured])
    return keras.Model(w, image, name=SYNTHESIS)


def _discriminator_map(
    y: keras.KerasTensor, channels: Sequence[int]
) -> keras.KerasTensor:
    """Residual blocks, each of which halves the sides."""
    y = EqualizedConvolution(channels[0], 1, active=True)(y)
    pooled = layers.AveragePooling2D
    for width, following in zip(channels, (*channels[1:], channels[-1]), strict=True):
        branch = EqualizedConvolution(width, active=True)(y)
        branch = pooled(2, padding="same")(branch)
        branch = EqualizedConvolution(following, active=True)(branch)
        shortcut = pooled(2, padding="same")(y)
        shortcut = EqualizedConvolution(following, 1, use_bias=False)(shortcut)
        y = layers.Add()([branch, shortcut]) / GAIN  # keeps the variance
    return y


def _doubled(y: keras.KerasTensor) -> keras.KerasTensor:
    """Twice the sides, by bilinear interpolation: the filter (1, 3, 3, 1)."""
    *sides, width = y.shape[1:]
    y = layers.UpSampling2D(2, interpolation="bilinear")(y)
    shape = (*(2 * side for side in sides), width)
    return layers.Reshape(shape)(y)  # the LiteRT converter loses the height


def normalized_squares(x: Any) -> Any:
    """Rows scaled to a mean square of 1, `(batch, features)`."""
    squares = ops.mean(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(squares + EPSILON)


def _active(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU, scaled to keep the variance."""
    return ops.leaky_relu(x, SLOPE) * GAIN


class _Equalized(layers.Layer):
    """A linear layer whose kernel is divided by the root of its inputs at each call.

    The stored kernel is standard normal at first, so all layers learn at one speed.

    Args:
        size: Number of outputs, or of output channels.
        active: Whether the output passes a leaky ReLU of slope 0.2, times sqrt(2).
        use_bias: Whether to add a bias, 0 at first.
        rate: Factor of the learning rate. Outputs at the start do not depend on it.
        **kwargs: `name` and `dtype`, for Keras.
    """

    SIZE = "units"

    def __init__(
        self,
        size: int,
        *,
        active: bool = False,
        use_bias: bool = True,
        rate: float = 1.0,
        **kwargs: Any,
    ) -> None:
        check_positive(size, self.SIZE, integer=True)
        check_positive(rate, "rate")
        super().__init__(**kwargs)
        self._size, self.active, self.use_bias, self.rate = size, active, use_bias, rate

    def _add_weights(self, *shape: int) -> None:
        normal = keras.initializers.RandomNormal(stddev=1 / self.rate)
        self.kernel = self.add_weight(shape, normal, name="kernel")
        self.gain = self.rate / math.sqrt(math.prod(shape[:-1]))
        if self.use_bias:
            self.bias = self.add_weight((shape[-1],), "zeros", name="bias")

    def _finished(self, y: tf.Tensor) -> tf.Tensor:
        y = y + self.rate * self.bias if self.use_bias else y
        return _active(y) if self.active else y

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {name: getattr(self, name) for name in ("active", "use_bias", "rate")}
        return {**super().get_config(), self.SIZE: self._size, **own}


@register
class EqualizedDense(_Equalized):
    """A dense layer with an equalized learning rate.

    The stored kernel is standard normal at first and is divided by the root of the
    number of inputs at each call, so Adam moves all layers at one relative speed.

    Args:
        units: Number of outputs.
        active: Whether the output passes a leaky ReLU of slope 0.2, times sqrt(2).
        use_bias: Whether to add a bias, 0 at first.
        rate: Factor of the learning rate. Outputs at the start do not depend on it.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Karras et al., "Progressive growing of GANs", 2018, section 4.1.

    Example:
        >>> layer = kg.networks.EqualizedDense(1000, rate=0.01)
        >>> y = layer(tf.ones((1, 64)))
        >>> bool(0.9 < np.std(y) < 1.1), bool(90 < np.std(layer.kernel) < 110)
        (True, True)
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.units = units

    def build(self, input_shape: Shape) -> None:
        """Adds the kernel and the bias."""
        self._add_weights(int(input_shape[-1] or 0), self.units)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, features)` to `(batch, units)`."""
        return self._finished(ops.matmul(x, self.kernel * self.gain))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `units` features."""
        return (*input_shape[:-1], self.units)


@register
class EqualizedConvolution(_Equalized):
    """A convolution of images with an equalized learning rate; see `EqualizedDense`.

    Args:
        filters: Channels of the output.
        kernel_size: Side of the kernel.
        active: As in `EqualizedDense`.
        use_bias: As in `EqualizedDense`.
        rate: As in `EqualizedDense`.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> layer = kg.networks.EqualizedConvolution(4)
        >>> layer(tf.zeros((1, 8, 8, 2))).shape
        TensorShape([1, 8, 8, 4])
    """

    SIZE = "filters"
    loses_by_xla = True

    def __init__(self, filters: int, kernel_size: int = 3, **kwargs: Any) -> None:
        check_positive(kernel_size, "kernel_size", integer=True)
        super().__init__(filters, **kwargs)
        self.filters, self.kernel_size = filters, kernel_size

    def build(self, input_shape: Shape) -> None:
        """Adds the kernel and the bias."""
        sides = self.kernel_size, self.kernel_size
        self._add_weights(*sides, int(input_shape[-1] or 0), self.filters)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, height, width, channels)` to the same sides."""
        y = ops.conv(x, self.kernel * self.gain, padding="same")
        return self._finished(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `filters` channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


class _Modulated(layers.Layer):
    """A convolution whose input channels are scaled by a style.

    Args:
        filters: Channels of the output.
        kernel_size: Side of the kernel.
        **kwargs: `name` and `dtype`, for Keras.
    """

    loses_by_xla = True

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any) -> None:
        check_positive(filters, "filters", integer=True)
        check_positive(kernel_size, "kernel_size", integer=True)
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Adds the affine map of the style, the kernel and the bias."""
        (_, *_, channels), (_, size) = input_shape
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.affine = self.add_weight((size, channels), normal, name="affine")
        self.affine_bias = self.add_weight((channels,), "ones", name="affine_bias")
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.kernel = self.add_weight(shape, normal, name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def scales(self, style: tf.Tensor) -> tf.Tensor:
        """The scale s of each input channel, `(batch, channels)`, 1 on average."""
        affine = self.affine * (1 / math.sqrt(self.affine.shape[0]))
        return ops.matmul(style, affine) + self.affine_bias

    def _kernel(self) -> tf.Tensor:
        return self.kernel * (1 / math.sqrt(math.prod(self.kernel.shape[:-1])))

    def _convolved(self, x: tf.Tensor, scales: tf.Tensor) -> tf.Tensor:
        return ops.conv(x * _of_channels(scales), self._kernel(), padding="same")

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The image's shape with `filters` channels."""
        return (*input_shape[0][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **own}


@register
class StyleConvolution(_Modulated):
    """A convolution with weights modulated by a style, noise, bias and leaky ReLU.

    The style scales the weights of each input channel, `w'_ijk = s_i w_ijk`
    (equation 1), and the weights of each output channel are divided by their norm,
    `w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk**2 + 1e-8)` (equation 3), so that outputs
    keep the variance of the inputs. Scaling the input channels before, and the output
    channels after one convolution gives the same result without weights for each
    example, so one convolution of LiteRT does it.

    In training, the layer adds a new noise image to each example, and otherwise the one
    image of `noise`, times a learned strength.

    Args:
        filters: Channels of the output.
        kernel_size: Side of the kernel.
        noise: Whether to add noise images.
        seed: Seed of the noise images in training. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020,
        section 2.2, equations 1 to 3.

    Example:
        >>> layer = kg.networks.StyleConvolution(4)
        >>> layer([tf.ones((2, 8, 8, 3)), tf.ones((2, 5))]).shape
        TensorShape([2, 8, 8, 4])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        noise: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        self.has_noise, self.seed = noise, seed

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Adds the weights, and the noise image with the state of its draws."""
        super().build(input_shape)
        if not self.has_noise:
            return
        _, *sides, _ = input_shape[0]
        fixed: dict[str, Any] = {
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.noise = self.add_weight((*sides, 1), normal, name="noise", **fixed)
        self.strength = self.add_weight((), "zeros", name="strength")
        seed = python_random.randrange(2**31) if self.seed is None else self.seed
        state = keras.initializers.Constant(seed)
        fixed |= {"dtype": "int32", "autocast": False}
        self.draws = self.add_weight((), state, name="draws", **fixed)

    def factors(self, scales: tf.Tensor) -> tf.Tensor:
        """The factor of each output channel, float32 `(batch, filters)`; eq. 3."""
        squares = ops.sum(ops.square(ops.cast(self._kernel(), "float32")), axis=(0, 1))
        scales = ops.square(ops.cast(scales, "float32"))
        return ops.rsqrt(ops.matmul(scales, squares) + EPSILON)

    def call(
        self,
        inputs: Sequence[tf.Tensor],
        training: bool = False,  # noqa: FBT001, FBT002
    ) -> tf.Tensor:
        """Features `(batch, height, width, channels)` and styles to features."""
        x, style = inputs
        scales = self.scales(style)
        y = self._convolved(x, scales)
        y = y * _of_channels(ops.cast(self.factors(scales), y.dtype))
        if self.has_noise:
            y = y + self.strength * self._noise_images(y, training=training)
        return _active(y + self.bias)

    def _noise_images(self, y: tf.Tensor, *, training: bool) -> tf.Tensor:
        if not training:
            return self.noise
        state = tf.convert_to_tensor(self.draws)
        self.draws.assign(state + 1)
        shape = tf.concat([tf.shape(y)[:-1], [1]], axis=0)
        seed = tf.stack([state, tf.zeros_like(state)])
        images = tf.random.stateless_normal(shape, seed, alg="philox")
        return ops.cast(images, y.dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"noise": self.has_noise, "seed": self.seed}
        return {**super().get_config(), **own}


@register
class StyleColours(_Modulated):
    """Colours of features: a modulated convolution of side 1, not demodulated.

    Args:
        filters: Channels of the image.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020,
        section 4.1 and figure 7b (skip generator; the layer "tRGB").

    Example:
        >>> layer = kg.networks.StyleColours(3)
        >>> layer([tf.ones((2, 8, 8, 4)), tf.ones((2, 5))]).shape
        TensorShape([2, 8, 8, 3])
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, kwargs.pop("kernel_size", 1), **kwargs)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Features `(batch, height, width, channels)` and styles to an image."""
        x, style = inputs
        return self._convolved(x, self.scales(style)) + self.bias


@register
class LearnedConstant(layers.Layer):
    """A learned array, the same for all rows.

    Args:
        shape: Shape of the array.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> kg.networks.LearnedConstant((4, 4, 8))(tf.zeros((2, 5))).shape
        TensorShape([2, 4, 4, 8])
    """

    def __init__(self, shape: Sequence[int], **kwargs: Any) -> None:
        check_sizes(shape, "shape")
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape: Shape) -> None:
        """Adds the array, standard normal at first."""
        del input_shape
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.constant = self.add_weight(self.shape, normal, name="constant")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The array for each row of `x`."""
        rows = ops.shape(x)[0]
        return ops.broadcast_to(self.constant[None], (rows, *self.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(batch, *shape)`."""
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "shape": self.shape}


@register
class StyleAverage(layers.Layer):
    """Passes styles on, and keeps the moving average of those of each class.

    The average moves in training. `truncated` draws styles towards it.

    Args:
        decay: Weight of the past in the average, in [0, 1). The first batches weigh
            more, so that the start leaves no bias.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Karras, Laine and Aila, "A style-based generator architecture for generative
        adversarial networks", 2019, appendix B (truncation).

    Example:
        >>> layer = kg.networks.StyleAverage()
        >>> w = layer([tf.constant([[1.0, 3.0], [3.0, 5.0]])], training=True)
        >>> layer.truncated(w, tf.constant([0.5, 1.0])).numpy()
        array([[1.5, 3.5],
               [3. , 5. ]], dtype=float32)
    """

    def __init__(self, decay: float = AVERAGE_DECAY, **kwargs: Any) -> None:
        check_limit(decay, Limit(0, 1, "[)"), "decay")
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Adds the average style of each class, and the number of its moves."""
        (_, size), *labels = input_shape
        rows = labels[0][-1] if labels else 1
        fixed: dict[str, Any] = {
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        fixed |= {"dtype": "float32", "autocast": False}
        self.average = self.add_weight((rows, size), "zeros", name="average", **fixed)
        self.moves = self.add_weight((rows,), "zeros", name="moves", **fixed)

    def call(
        self,
        inputs: Sequence[tf.Tensor],
        training: bool = False,  # noqa: FBT001, FBT002
    ) -> tf.Tensor:
        """Styles `(batch, style_dim)`, and one-hot labels, to the styles."""
        style, *labels = inputs
        if training:
            self._move(style, labels[0] if labels else None)
        return style

    def truncated(
        self, style: tf.Tensor, truncation: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`average + psi * (style - average)`.

        Args:
            style: Styles, `(batch, style_dim)`.
            truncation: psi, `(batch,)`. 1 changes nothing, 0 gives the average style.
            labels: One-hot labels of a conditional network, whose class averages serve.
        """
        average = ops.cast(self.mean_of(style, labels), style.dtype)
        return average + ops.cast(truncation, style.dtype)[:, None] * (style - average)

    def mean_of(self, style: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """The average style of each row, float32 `(batch, style_dim)`."""
        return ops.matmul(self._labels(style, labels), self.average)

    def _labels(self, style: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        if labels is None:
            return ops.ones_like(ops.cast(style[:, :1], "float32"))
        return ops.cast(labels, "float32")

    def _move(self, style: tf.Tensor, labels: tf.Tensor | None) -> None:
        style = tf.stop_gradient(ops.cast(style, "float32"))
        labels = self._labels(style, labels)
        sums = parts.total(parts.counted(tf.matmul(labels, style, transpose_a=True)))
        counts = parts.total(parts.counted(tf.reduce_sum(labels, axis=0)))
        is_there = counts > 0
        moves = self.moves + tf.cast(is_there, "float32")
        share = tf.maximum(1 - self.decay, tf.math.reciprocal_no_nan(moves))
        share = tf.where(is_there, share, 0.0)[:, None]
        mean = tf.math.divide_no_nan(sums, counts[:, None])
        self.moves.assign(moves)
        self.average.assign(self.average + share * (mean - self.average))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The shape of the styles."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "decay": self.decay}


class StyleParts(NamedTuple):
    """The parts of a style-based generator.

    Attributes:
        mapping: The network from noise, and labels, to styles.
        average: The average style.
        synthesis: The network from styles to images.

    Example:
        >>> generator, _ = kg.networks.style_gan((8, 8, 1), 4, channels=(4,))
        >>> found = kg.networks.style_parts(generator)
        >>> found.images(found.styles(tf.zeros((2, 4)))).shape
        TensorShape([2, 8, 8, 1])
    """

    mapping: keras.Model
    average: StyleAverage
    synthesis: keras.Model

    def styles(self, noise: tf.Tensor, known: tf.Tensor | None = None) -> tf.Tensor:
        """Noise, and one-hot labels, to styles, `(batch, style_dim)`."""
        return apply_all(self.mapping, [noise] if known is None else [noise, known])

    def images(self, styles: tf.Tensor) -> tf.Tensor:
        """Styles to images on the generator's scale."""
        return apply_all(self.synthesis, [styles])


def style_parts(generator: keras.Model) -> StyleParts | None:
    """The parts of a generator of `style_gan`, or None for another network."""
    found = {layer.name: layer for layer in generator.layers}
    average = [a for a in found.values() if isinstance(a, StyleAverage)]
    if len(average) != 1 or not {MAPPING, SYNTHESIS} <= found.keys():
        return None
    return StyleParts(found[MAPPING], average[0], found[SYNTHESIS])


def _of_channels(values: tf.Tensor) -> tf.Tensor:
    """`(batch, channels)` to `(batch, 1, 1, channels)`."""
    return values[:, None, None, :]

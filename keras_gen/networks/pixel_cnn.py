"""Networks that predict each pixel of an image from the previous ones."""

from collections.abc import Sequence

import keras
from keras import layers

from ..validation import check_count, check_sizes
from .causal import (
    Gate,
    HorizontalStackConv2D,
    OneHotLevels,
    PositionBias,
    VerticalStackConv2D,
)
from .made import made
from .mlp import join_labels
from .structure import functional


def pixel_made(
    data_shape: Sequence[int],
    raw_size: int = 1,
    *,
    units: Sequence[int] = (1024,),
    activation: str = "relu",
    num_classes: int | None = None,
) -> keras.Model:
    """A masked autoencoder (MADE) of the values of a vector or of a grey image.

    Args:
        data_shape: `(features,)` or `(height, width, 1)`.
        raw_size: Outputs per value, `raw_size(1)` of the distribution.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        num_classes: If given, one-hot labels are a second input, which all outputs see.

    Returns:
        A model from examples to raw values, `(batch, features, raw_size)`, or
        `(batch, height, width, raw_size)` for images. They start at 0.

    Raises:
        ValueError: If a shape or size does not fit.

    References:
        Germain et al., "MADE", 2015, section 4.

    Example:
        >>> network = kg.networks.pixel_made((4, 4, 1), units=(16,))
        >>> model = kg.PixelAutoregressive(network, seed=0)
        >>> model.log_prob(np.zeros((2, 4, 4, 1)))  # 16 log(1/2): outputs start at 0
        array([-11.0904, -11.0904], dtype=float32)
    """
    check_sizes(data_shape, "data_shape")
    check_count(raw_size, "raw_size")
    if len(data_shape) not in (1, 3) or data_shape[2:] not in ((), (1,)):
        raise ValueError(
            "data_shape must be (features,) or (height, width, 1), received "
            f"{tuple(data_shape)}."
        )
    inputs = [keras.Input(tuple(data_shape), name="x")]
    y = layers.Flatten()(inputs[0]) if len(data_shape) > 1 else inputs[0]
    size = y.shape[-1]
    y = join_labels(y, inputs, num_classes)
    options = {"units": units, "activation": activation}
    y = made(size, raw_size, context_size=num_classes or 0, **options)(y)
    y = layers.Reshape((*data_shape[:2], raw_size))(y)
    return functional(inputs, y, name="pixel_made")


def pixel_cnn(
    image_shape: Sequence[int],
    raw_size: int = 1,
    *,
    filters: int = 64,
    blocks: int = 7,
    first_kernel_size: int = 7,
    kernel_size: int = 3,
    hidden: int | None = None,
    position_bias: bool = False,
    num_classes: int | None = None,
    num_codes: int | None = None,
) -> keras.Model:
    """Residual blocks of masked convolutions.

    A masked convolution is the sum of a convolution over the rows above and one over
    the own row up to the position (without it in the first layer), which is what a mask
    leaves of the kernel. Pixels above and to the right of the receptive field are a
    blind spot. `gated_pixel_cnn` has none.

    Args:
        image_shape: `(height, width, channels)`.
        raw_size: Outputs per pixel, `raw_size(channels)` of the distribution.
        filters: Channels between the blocks, even. Inside a block there are half as
            many.
        blocks: Number of residual blocks.
        first_kernel_size: Height and width of the first kernel, odd, >= 3.
        kernel_size: Height and width of the kernels of the blocks, odd, >= 3.
        hidden: Channels of the last two hidden layers. The default is `filters`.
        position_bias: Whether each masked convolution has a bias per pixel, which helps
            for aligned images such as digits.
        num_classes: If given, one-hot labels are a second input.
        num_codes: If given, images are codes of so many kinds as grey levels, which
            the convolutions see one-hot: for a prior over the codes of a VQ-VAE.

    Returns:
        A model from images in [0, 1] to raw values `(batch, height, width, raw_size)`,
        which start at 0.

    Raises:
        ValueError: If a size does not fit.

    References:
        van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel recurrent neural networks",
        2016, section 3.5 and table 1.

    Example:
        >>> network = kg.networks.pixel_cnn(
        ...     (4, 4, 1), filters=4, blocks=1, first_kernel_size=3
        ... )
        >>> model = kg.PixelAutoregressive(network, seed=0)
        >>> model.log_prob(np.zeros((2, 4, 4, 1))).shape
        (2,)
    """
    inputs, labels = _inputs(image_shape, raw_size, num_classes)
    _check(filters, blocks, first_kernel_size, kernel_size)
    placed = {"position_bias": position_bias}
    x = _levels(inputs[0], num_codes)
    y = _masked(x, filters, first_kernel_size, strict=True, **placed)
    y = _told(y, labels)
    for _ in range(blocks):
        z = layers.Conv2D(filters // 2, 1)(_relu(y))
        z = _masked(_relu(z), filters // 2, kernel_size, **placed)
        z = _told(z, labels)
        y = layers.Add()([y, layers.Conv2D(filters, 1)(_relu(z))])
    return functional(inputs, _head(y, hidden or filters, raw_size), name="pixel_cnn")


def gated_pixel_cnn(
    image_shape: Sequence[int],
    raw_size: int = 1,
    *,
    filters: int = 32,
    blocks: int = 8,
    first_kernel_size: int = 7,
    kernel_size: int = 3,
    hidden: int | None = None,
    position_bias: bool = False,
    num_classes: int | None = None,
    num_codes: int | None = None,
) -> keras.Model:
    """A vertical stack over the rows above, and a horizontal stack over the own row.

    The horizontal stack also sees the vertical one, without a blind spot: together
    they see all previous pixels of the receptive field.

    Args:
        image_shape: `(height, width, channels)`.
        raw_size: Outputs per pixel, `raw_size(channels)` of the distribution.
        filters: Channels of each stack, even.
        blocks: Number of gated layers, >= 1.
        first_kernel_size: Height and width of the first kernel, odd, >= 3.
        kernel_size: Height and width of the other kernels, odd, >= 3.
        hidden: Channels of the last two hidden layers. The default is `2 * filters`.
        position_bias: Whether each convolution of the vertical stack has a bias per
            pixel, as in `pixel_cnn`.
        num_classes: If given, one-hot labels are a second input.
        num_codes: If given, images are codes of so many kinds as grey levels, which
            the convolutions see one-hot: for a prior over the codes of a VQ-VAE.

    Returns:
        A model from images in [0, 1] to raw values `(batch, height, width, raw_size)`,
        which start at 0.

    Raises:
        ValueError: If a size does not fit.

    References:
        van den Oord et al., "Conditional image generation with PixelCNN decoders",
        2016, figure 2 and eq. 4.

    Example:
        >>> network = kg.networks.gated_pixel_cnn(
        ...     (4, 4, 1), filters=4, blocks=1, first_kernel_size=3
        ... )
        >>> model = kg.PixelAutoregressive(network, seed=0)
        >>> model.log_prob(np.zeros((2, 4, 4, 1))).shape
        (2,)
    """
    inputs, labels = _inputs(image_shape, raw_size, num_classes)
    _check(filters, blocks, first_kernel_size, kernel_size)
    vertical = horizontal = _levels(inputs[0], num_codes)
    for i in range(blocks):
        size = kernel_size if i else first_kernel_size
        rows = size // 2 + (i > 0)
        above = VerticalStackConv2D(2 * filters, (rows, size), strict=not i)(vertical)
        above = PositionBias()(above) if position_bias else above
        left = HorizontalStackConv2D(2 * filters, rows, strict=not i)(horizontal)
        left = layers.Add()([left, layers.Conv2D(2 * filters, 1)(above)])
        vertical = Gate()(_told(above, labels))
        out = layers.Conv2D(filters, 1)(Gate()(_told(left, labels)))
        horizontal = layers.Add()([horizontal, out]) if i else out
    y = _head(horizontal, hidden or 2 * filters, raw_size)
    return functional(inputs, y, name="gated_pixel_cnn")


def _inputs(
    image_shape: Sequence[int], raw_size: int, num_classes: int | None
) -> tuple[list[keras.KerasTensor], keras.KerasTensor | None]:
    """The inputs, and the labels as an image of one pixel, or None."""
    check_sizes(image_shape, "image_shape")
    check_count(raw_size, "raw_size")
    if len(image_shape) != 3:
        raise ValueError(
            "image_shape must be (height, width, channels), received "
            f"{tuple(image_shape)}."
        )
    inputs = [keras.Input(tuple(image_shape), name="x")]
    if num_classes is None:
        return inputs, None
    check_count(num_classes, "num_classes")
    inputs.append(keras.Input((num_classes,), name="labels"))
    return inputs, layers.Reshape((1, 1, num_classes))(inputs[1])


def _levels(x: keras.KerasTensor, num_codes: int | None) -> keras.KerasTensor:
    """Images as they are, or codes one-hot."""
    return x if num_codes is None else OneHotLevels(num_codes)(x)


def _check(filters: int, blocks: int, *kernel_sizes: int) -> None:
    check_count(blocks, "blocks")
    check_count(filters, "filters", least=2)
    if filters % 2:
        raise ValueError(f"filters must be even, received {filters}.")
    names = ("first_kernel_size", "kernel_size")
    for name, size in zip(names, kernel_sizes, strict=True):
        check_count(size, name, least=3)
        if size % 2 == 0:
            raise ValueError(f"{name} must be odd, received {size}.")


def _masked(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    *,
    position_bias: bool,
    strict: bool = False,
) -> keras.KerasTensor:
    """A masked convolution, type A if strict, otherwise type B."""
    above = VerticalStackConv2D(filters, (size // 2, size), strict=True)(x)
    left = HorizontalStackConv2D(filters, size // 2 + (not strict), strict=strict)(x)
    y = layers.Add()([above, left])
    return PositionBias()(y) if position_bias else y


def _told(y: keras.KerasTensor, labels: keras.KerasTensor | None) -> keras.KerasTensor:
    """Adds a bias per class to the features."""
    if labels is None:
        return y
    bias = layers.Conv2D(y.shape[-1], 1, use_bias=False)(labels)
    return layers.Add()([y, bias])


def _relu(y: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(y)


def _head(y: keras.KerasTensor, hidden: int, raw_size: int) -> keras.KerasTensor:
    for _ in range(2):
        y = layers.Conv2D(hidden, 1)(_relu(y))
    return layers.Conv2D(raw_size, 1, kernel_initializer="zeros")(_relu(y))

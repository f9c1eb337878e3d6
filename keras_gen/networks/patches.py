"""Images as patches, and back."""

from collections.abc import Sequence

import keras
from keras import layers


def patchify(y: keras.KerasTensor, patch: int) -> keras.KerasTensor:
    """Cuts an image into patches, row by row.

    Args:
        y: `(batch, height, width, channels)`.
        patch: Side of a patch, a divisor of height and width.

    Returns:
        `(batch, number of patches, patch * patch * channels)`.

    Example:
        >>> patches = kg.networks.patchify(tf.ones((1, 4, 4, 3)), patch=2)
        >>> patches.shape
        TensorShape([1, 4, 12])
    """
    _, height, width, channels = y.shape
    rows, columns = height // patch, width // patch
    y = layers.Reshape((rows, patch, columns, patch * channels))(y)
    return layers.Reshape((rows * columns, -1))(layers.Permute((1, 3, 2, 4))(y))


def unpatchify(
    y: keras.KerasTensor, size: Sequence[int], patch: int
) -> keras.KerasTensor:
    """Assembles an image from patches: the inverse of `patchify`.

    Args:
        y: `(batch, number of patches, patch * patch * channels)`.
        size: Height and width of the image.
        patch: Side of a patch.

    Returns:
        `(batch, height, width, channels)`.

    Example:
        >>> image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
        >>> patches = kg.networks.patchify(image, patch=2)
        >>> same = kg.networks.unpatchify(patches, (4, 4), patch=2)
        >>> bool(tf.reduce_all(same == image))
        True
    """
    rows, columns = (side // patch for side in size)
    y = layers.Reshape((rows, columns, patch, -1))(y)
    return layers.Reshape((*size, -1))(layers.Permute((1, 3, 2, 4))(y))

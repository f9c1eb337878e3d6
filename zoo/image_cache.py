"""Decoded images in the cache of `file_cache`."""

from collections.abc import Sequence

import numpy as np

from . import file_cache
from .decoding import Framing, Look, look, read_image

NOUN = "images"


def looks(paths: Sequence[str]) -> list[Look | str]:
    """What each file holds, or why it cannot be decoded; see `file_cache.looks`."""
    return file_cache.looks(paths, look, Look, NOUN)


def pixels(
    paths: Sequence[str], shape: tuple[int, int, int], framing: Framing
) -> np.ndarray:
    """Images as one array, which is decoded if the cache does not hold it.

    Args:
        paths: The files.
        shape: (height, width, channels) of each image, see `read_image`.
        framing: Proportions and background.

    Returns:
        uint8 (n, height, width, channels), mapped into memory for reading.

    Raises:
        OSError: If the cache cannot be written.
        ValueError: If an image cannot be decoded. The message names its file.
    """

    def read(path: str) -> bytes:
        try:
            return read_image(path, shape, framing).tobytes()
        except Exception as error:  # the decoders raise errors of many types
            raise ValueError(f"{path} cannot be decoded: {error}") from error

    whole = (len(paths), *shape)
    return file_cache.decoded(paths, (shape, framing), whole, np.uint8, read, NOUN)

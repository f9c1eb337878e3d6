"""Checks of image sizes."""

from collections.abc import Sequence

from ..validation import check_sizes
from .conv import MIN_SIZE


def check_image(image_shape: Sequence[int]) -> None:
    """Raises ValueError unless `image_shape` is an image of at least 8x8."""
    check_sizes(image_shape, "image_shape")
    if len(image_shape) != 3 or min(image_shape[:2]) < MIN_SIZE:
        raise ValueError(
            "image_shape must be (height, width, channels) of at least "
            f"{MIN_SIZE}x{MIN_SIZE}, received {tuple(image_shape)}."
        )


def check_multiple(image_shape: Sequence[int], factor: int, purpose: str) -> None:
    """Raises ValueError, with the nearest sizes, unless `factor` divides the sides."""
    sides = tuple(image_shape[:2])
    if not any(side % factor for side in sides):
        return
    larger = [-(-side // factor) * factor for side in sides]
    smaller = [side // factor * factor for side in sides]
    sizes = [f"{h}x{w}" for h, w in (smaller, larger) if min(h, w) >= MIN_SIZE]
    raise ValueError(
        f"image_shape of {sides[0]}x{sides[1]} cannot be {purpose}: the sides must be "
        f"multiples of {factor}, such as {' or '.join(sizes)}."
    )

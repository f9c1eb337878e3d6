"""What presets that translate images have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .preset import SMALLEST, Preset, halvings, sides
from .usage import UsageError

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def networks_of(
    builder: Callable[..., Any],
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    **how: Any,
) -> Any:
    """Generators, and discriminators of patches.

    Args:
        builder: A function of the shapes of both kinds of images.
        inputs: Spec of the images that the model makes.
        condition: Spec of those that it translates. None means the same.
        width: Channels of the first layer of a discriminator.
        **how: Further arguments of `builder`.

    Raises:
        UsageError: If the two kinds have other sizes.
    """
    source = inputs if condition is None else condition
    check_one_size(inputs, source)
    patches = (width, 2 * width, 4 * width)
    return builder(source.shape, inputs.shape, patch_channels=patches, **how)


def check_one_size(inputs: "Spec", source: "Spec") -> None:
    """Raises UsageError unless images to translate have the sides of translations."""
    if source.shape[:-1] != inputs.shape[:-1]:
        raise UsageError(
            "images to translate and their translations must have one size, received "
            f"{source} and {inputs}. Choose a size with --image-size."
        )


def times_halved(inputs: "Spec") -> int:
    """How often all sides of images can be halved."""
    return min(map(halvings, sides(inputs)))


def translation_preset(**facts: Any) -> Preset:
    """A preset that translates images, with the training of Isola et al. 2017.

    Args:
        **facts: Further fields of `Preset`.
    """
    training: dict[str, Any] = {"rate": 2e-4, "adam": {"beta_1": 0.5}}
    known = {"kinds": ("Images",), "smallest": SMALLEST, "family": "translation"}
    return Preset(**known, **training, **facts)

"""A variational autoencoder, dense or convolutional."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import LEVELS, Preset, channels, suits_convolutions

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(inputs: "Spec", condition: "Spec | None", width: int, seed: int) -> kg.VAE:
    """The model."""
    sizes: dict[str, Any] = {"num_classes": kg.specs.num_classes(condition)}
    sizes["values_per_channel"] = 1 if inputs.is_unit or inputs.has_levels else 2
    if suits_convolutions(inputs):
        sizes |= {"channels": channels(inputs, width), "hidden": 8 * width}
        pair = kg.networks.conv_vae(inputs.shape, width, **sizes)
    else:
        sizes["units"] = (16 * width, 8 * width)
        pair = kg.networks.mlp_vae(inputs, width, **sizes)
    return kg.VAE(*pair, inputs=inputs, condition=condition, seed=seed)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns", LEVELS),
    family="VAE",
    rate=Cosine(1e-3, 1),
    source="Kingma and Welling 2013, Sohn et al. 2015",
)
